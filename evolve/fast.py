"""The fast path: a whole population of in-kernel strategies or programs over all worlds, one kernel call a market.

Every trial is a session of its own, from a reset to the close, with the genome's own parameters or program; what is
written down comes from the true account (`qsl_envs.market.trials`). A call is cut into waves of genomes whose results
fit a memory budget; neither the waves nor the threads change a bit.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from evolve.worlds import TrialWorlds
from qsl_envs.errors import require
from qsl_envs.market.trials import Trials
from qsl_envs.participants.program import CONSTANT, END, INPUT, INPUTS, OPERATOR, OPERATORS

METRICS = {
    "pnl": "true P&L at the end, after fees and the liquidation, ticks x lots",
    "fees": "fees paid; rebates are negative, ticks x lots",
    "max_drawdown": "largest fall of P&L from its peak over the samples, ticks x lots",
    "volume": "lots traded, the liquidation included",
    "fills": "number of fills",
    "messages": "orders, changes and cancels sent",
    "mean_abs_inventory": "mean of |inventory| over the samples, lots",
    "peak_inventory": "largest |inventory| at a sample, lots",
    "final_inventory": "|inventory| before the liquidation, lots",
    "step_sharpe": "mean / standard deviation of the change of P&L from sample to sample (NaN without change)",
}
"""Metric -> what it is. Each has one value a genome and world."""


class Outcome(NamedTuple):
    """What a population did.

    Args:
        metrics: metric -> float64 (genome, world), as `METRICS` lists them; NaN where a trial failed.
        reasons: of each genome, why a trial of it failed; empty where none did.
        paths: P&L at every sample, float64 (genome, world, sample), ticks x lots; None unless asked for.
        kernel_s: seconds spent in compiled code; of several threads, by the clock on the wall.
        wall_s: seconds in all.
    """

    metrics: dict[str, np.ndarray]
    reasons: list[str]
    paths: np.ndarray | None
    kernel_s: float
    wall_s: float


class FastPath:
    """The markets of a list of worlds, made once and used for any number of populations.

    Args:
        worlds: settings x seeds.
        num_threads: that share the trials of a call.
        memory_mb: what the results of one wave may take.
    Raises: ConfigError.
    """

    def __init__(self, worlds: TrialWorlds, *, num_threads: int = 1, memory_mb: float = 256.0):
        require(memory_mb > 0, "FastPath", "memory_mb", "> 0", memory_mb)
        self.worlds, self.memory_mb = worlds, memory_mb
        self.trials = [
            Trials(s.market, worlds.group, split=worlds.split, sample_ns=worlds.sample_ns, num_threads=num_threads)
            for s in worlds.settings
        ]

    def wave(self, count: int, paths: bool, worlds: int) -> int:
        """Genomes of one wave."""
        samples = max(len(trial.times_ns) for trial in self.trials)
        each = worlds * 8 * (12 + (samples if paths else 0))
        return max(1, min(count, int(self.memory_mb * 2**20 / each)))

    def evaluate(self, params: Mapping[str, np.ndarray | float] | None = None,
                 programs: Sequence[str] | np.ndarray = (), *, count: int | None = None, share: float = 1.0,
                 paths: bool = False) -> Outcome:  # fmt: skip
        """Try every genome in every world.

        Args:
            params: parameter of the group's kind -> float64 (genome,), or one number for all; NaN: the settings' own.
            programs: for a group of kind `program`: one text a genome, or their cells, int64 (genome, CELLS).
            count: genomes; None: the length of the programs, or of the parameters.
            share: of each setting's seeds, the first ones.
            paths: keep the P&L at every sample.
        Raises: ConfigError naming a parameter out of bounds, or a program that does not parse.
        """
        started = time.perf_counter()
        params = {name: np.asarray(values, np.float64) for name, values in (params or {}).items()}
        texts = [program_text(cells) for cells in programs] if isinstance(programs, np.ndarray) else list(programs)
        if count is None:
            count = len(texts) or max((len(values) for values in params.values() if values.ndim), default=1)
        params = {name: np.broadcast_to(values, (count,)) for name, values in params.items()}
        kernel_before = sum(trial.kernel_ns for trial in self.trials)
        seeds = self.worlds.fewer(share).seeds
        parts = [self._setting(trial, params, texts, count, seeds, paths) for trial in self.trials]
        metrics = {name: np.concatenate([part[0][name] for part in parts], 1) for name in METRICS}
        reasons = [""] * count
        for setting, (_, failed, _) in zip(self.worlds.settings, parts):
            for (n, world), reason in failed.items():
                reasons[n] = reasons[n] or f"{setting.name}, seed {seeds[world]}: {reason}"
        kernel_s = (sum(trial.kernel_ns for trial in self.trials) - kernel_before) * 1e-9
        joined = np.concatenate([part[2] for part in parts], 1) if paths else None
        return Outcome(metrics, reasons, joined, kernel_s, time.perf_counter() - started)

    def _setting(self, trial: Trials, params, texts, count, seeds, paths):
        """One market: metrics (genome, seed), failures, paths."""
        wave = self.wave(count, paths, len(seeds))
        metrics, failed, kept = [], {}, []
        for first in range(0, count, wave):
            last = min(first + wave, count)
            sheet = trial.run({name: values[first:last] for name, values in params.items()}, seeds, count=last - first,
                              programs=texts[first:last], paths=paths)  # fmt: skip
            metrics.append(_metrics(sheet, trial.market.config.fee_unit, len(trial.times_ns)))
            failed.update({(first + n, world): reason for (n, world), reason in sheet.reasons.items()})
            if paths:
                kept.append(np.where(sheet.ended[..., None], sheet.path / trial.market.config.fee_unit, np.nan))
        whole = {name: np.concatenate([part[name] for part in metrics]) for name in METRICS}
        return whole, failed, np.concatenate(kept) if paths else None


def _metrics(sheet, unit: int, steps: int) -> dict[str, np.ndarray]:
    """Metrics of a sheet, float64 (genome, seed), NaN where a trial failed."""
    pnl = sheet.pnl / unit
    mean = pnl / steps
    spread = np.sqrt(np.maximum(sheet.squares / steps - mean**2, 0.0))
    made = {
        "pnl": pnl, "fees": sheet.fees / unit, "max_drawdown": sheet.drawdown / unit, "volume": sheet.volume,
        "fills": sheet.fills, "messages": sheet.messages, "mean_abs_inventory": sheet.held / steps,
        "peak_inventory": sheet.peak_held, "final_inventory": sheet.last_held,
        "step_sharpe": np.divide(mean, spread, out=np.full(pnl.shape, np.nan), where=spread > 1e-12),
    }  # fmt: skip
    return {name: np.where(sheet.ended, values, np.nan) for name, values in made.items()}


def evaluate_population(worlds: TrialWorlds, params: Mapping[str, np.ndarray | float] | None = None,
                        programs: Sequence[str] | np.ndarray = (), *, count: int | None = None, paths: bool = False,
                        num_threads: int = 1, memory_mb: float = 256.0) -> Outcome:  # fmt: skip
    """Try every genome in every world, once; `FastPath` keeps the markets for more than one population."""
    path = FastPath(worlds, num_threads=num_threads, memory_mb=memory_mb)
    return path.evaluate(params, programs, count=count, paths=paths)


def program_text(cells: np.ndarray) -> str:
    """The words of a program's cells, int64 (CELLS,): what `read_program` makes the same cells of.

    Raises: ConfigError naming the place of a cell that is no word.
    """
    words = []
    for place in range(len(cells) // 2):
        what, which = int(cells[2 * place]) & 255, int(cells[2 * place]) >> 8
        if what == END:
            break
        table = INPUTS if what == INPUT else OPERATORS
        known = what == CONSTANT or (what in (INPUT, OPERATOR) and 0 <= which < len(table))
        require(known, "program", f"cells[{2 * place}]", "a constant, an input or an operator", int(cells[2 * place]))
        number = np.int64(cells[2 * place + 1]).view(np.float64)
        words.append(repr(float(number)) if what == CONSTANT else table[which][0])
    return " ".join(words)
