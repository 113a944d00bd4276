"""The book of trials: every program that a search has ever measured, with what it earned, on disk as it grows.

A trial is a program measured on the training worlds for the first time; measuring it again tells nothing new and does
not count again. Failed ones count too. The deflated Sharpe ratio and the probability of overfitting read this book.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evolve.alpha import Alpha
from evolve.discovery.judge import Judge
from evolve.statistics.honesty import moments
from qsl_envs.errors import DataError

FILE = "trials.jsonl"


class TrialBook:
    """Trials in the order in which they were made.

    Args:
        folder: where `trials.jsonl` is kept; None: in memory only.
        keep: trials of an earlier run that still count: those behind them are cut off. 0 begins anew.
    """

    def __init__(self, folder: Path | None = None, keep: int = 0) -> None:
        self.alphas: list[Alpha] = []
        self.pnl: list[np.ndarray] = []
        """of each trial, float64 (world,); NaN in all worlds for one that failed"""
        self.reasons: list[str] = []
        self.regimes = np.zeros(0, np.str_)
        """of the worlds, str (world,)"""
        self._place: dict[str, int] = {}
        self._path = None if folder is None else folder / FILE
        lines = self._path.read_text().splitlines() if keep and self._path is not None else []
        if len(lines) < keep:
            raise DataError(f"{self._path} has {len(lines)} trials, {keep} were made")
        for number, line in enumerate(lines[:keep]):
            row = json.loads(line)
            pnl = np.array([np.nan if x is None else x for x in row["pnl"]], np.float64)
            self._enter(Alpha.from_dict(row["alpha"], f"{FILE}:{number + 1}"), pnl, row["reason"])
        if self._path is not None:
            self._path.write_text("".join(line + "\n" for line in lines[:keep]))

    def __len__(self) -> int:
        return len(self.alphas)

    def _enter(self, alpha: Alpha, pnl: np.ndarray, reason: str) -> None:
        self._place[key_of(alpha)] = len(self.alphas)
        self.alphas.append(alpha)
        self.pnl.append(pnl)
        self.reasons.append(reason)

    def knows(self, alpha: Alpha) -> bool:
        """Whether it was tried."""
        return key_of(alpha) in self._place

    def place(self, alpha: Alpha) -> int:
        """Number of its trial."""
        return self._place[key_of(alpha)]

    def measure(self, alphas: Sequence[Alpha], judge: Judge, generation: int) -> None:
        """Try those that were not tried yet, each once, in one call."""
        new = list({key_of(a): a for a in alphas if not self.knows(a)}.values())
        if not new:
            return
        verdict = judge(new)
        self.regimes = verdict.regimes
        rows = []
        for alpha, pnl, reason in zip(new, verdict.pnl, verdict.reasons):
            pnl = np.full_like(pnl, np.nan) if reason else pnl
            rows.append(json.dumps(self._row(alpha, pnl, reason, generation)) + "\n")
            self._enter(alpha, pnl, reason)
        if self._path is not None:
            with open(self._path, "a") as file:
                file.writelines(rows)

    def _row(self, alpha: Alpha, pnl: np.ndarray, reason: str, generation: int) -> dict[str, Any]:
        known = not np.isnan(pnl).any()
        return {
            "trial": len(self) + 1, "generation": generation, "formula": str(alpha), "words": alpha.words,
            "mean": float(pnl.mean()) if known else None, "sharpe": moments(pnl).sharpe if known else None,
            "reason": reason, "alpha": alpha.to_dict(), "pnl": [float(x) if x == x else None for x in pnl],
        }  # fmt: skip

    def sound(self) -> np.ndarray:
        """Numbers of the trials that did not fail, int64, ascending."""
        return np.flatnonzero([not reason for reason in self.reasons])

    def matrix(self) -> np.ndarray:
        """P&L of the trials that did not fail, float64 (world, trial): the returns of `evolve.statistics.honesty`."""
        return np.array([self.pnl[k] for k in self.sound()]).T

    def sharpes(self) -> np.ndarray:
        """Sharpe ratio over worlds of each trial that did not fail."""
        return np.array([moments(self.pnl[k]).sharpe for k in self.sound()])


def key_of(alpha: Alpha) -> str:
    """What makes two alphas the same trial: equal programs that trade alike."""
    return f"{alpha.program()} | {alpha.params()}"
