"""The tables of self-play on the full book: presets over seeds, trained here and judged on unseen worlds.

A claim about quality, not speed. Runs stand in `runs/self_play`: one that was interrupted goes on where it was, one
that is finished is read. On one kind of machine the rows are always the same.
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import ROOT, Row, main
from leagues.training import train
from leagues.training_config import LeagueConfig, load_config
from qsl_envs.settings import from_dict, to_dict

RUNS = (
    ("makers", "league", (1, 2, 3)),
    ("makers-takers", "league", (1, 2, 3)),
    ("makers-tuned", "league", (1,)),
    ("makers-tuned", "psro", (1,)),
    ("makers-takers", "psro", (1,)),
    ("racers", "league", (1,)),
    ("makers-long", "league", (1,)),
)
"""Preset, method, seeds."""


@functools.cache
def reports(smoke: bool) -> list[dict[str, Any]]:
    """The judgment of every seed."""
    if smoke:
        with tempfile.TemporaryDirectory() as folder:
            return [train(shrunk(load_config("makers")), Path(folder) / "run", tell=lambda share, text: None)]
    found = []
    for preset, method, seeds in RUNS:
        for seed in seeds:
            out = ROOT / "runs" / "self_play" / f"{preset}-{method}-{seed}"
            config = load_config(preset, method=method, seed=seed)
            place = out / "report.json"
            found.append(json.loads(place.read_text()) if place.is_file()
                         else train(config, out, resume=(out / "config.yaml").is_file()))  # fmt: skip
    return found


def title(report: dict[str, Any]) -> str:
    """How tables call a run: the preset, and PSRO where it is not a league."""
    about = report["about"]
    return about["name"] if about["method"] == "league" else f"{about['name']}, {about['method'].upper()}"


def shrunk(config: LeagueConfig) -> LeagueConfig:
    """The same league, so small that a test can afford it."""
    plain = to_dict(config)
    plain["arena"] |= {"worlds": 4, "blocks": 2, "rollout_steps": 5, "rollouts": 2}
    plain["arena"]["settings"] |= {"session_ns": 1_000_000_000,
                                   "config": {"templates": 1, "burn_in_ns": 200_000_000}}  # fmt: skip
    plain |= {"warm_up": 1, "critic_sessions": 0}
    plain["matchmaking"]["turns"] = 1
    plain["judging"] |= {"worlds": 2, "ladder": 2, "exploiter_sessions": 1}
    return from_dict(LeagueConfig, plain)


def self_play_ladder(smoke: bool) -> list[Row]:
    """What each checkpoint of the main agent earns alone among the first and among the last one, and cycles."""
    rows = []
    for report in reports(smoke):
        ladder = report["ladder"]
        for k, name in enumerate(ladder):
            rows.append(
                Row(**{
                    "run": title(report), "seed": report["about"]["seed"], "agent": name,
                    "frames": report["about"]["frames"],
                    "among the first": shown(report["payoffs"][k][0]),
                    "lead over the first": shown(report["leads"][k][0]),
                    "among the last": shown(report["payoffs"][k][-1]),
                    "lead over the last": shown(report["leads"][k][-1]),
                    "not a ranking": f"{report['cycles']['share']:.0%}",
                    "cycles shown": len(report["cycles"]["triples"]),
                })
            )  # fmt: skip
    return rows


def self_play_exploiters(smoke: bool) -> list[Row]:
    """What a fresh exploiter gains over its target in the target's own place."""
    return each(smoke, "exploiters", lambda found: {
        "target among itself": shown(found["target among itself"]), "exploiter there": shown(found["payoff"]),
        "gain": shown(found["gain"]), "best scripted": found["best scripted"],
        "its gain": shown(found["scripted gains"][found["best scripted"]]),
    })  # fmt: skip


def self_play_held_out(smoke: bool) -> list[Row]:
    """Focal players in markets with populations that training never met."""
    rows = []
    for report in reports(smoke):
        for population, found in report["populations"].items():
            for focal in found["visitor"]:
                rows.append(
                    Row(**{
                        "run": title(report), "seed": report["about"]["seed"], "population": population, "focal": focal,
                        "native": shown(found["native"]), "as visitor": shown(found["visitor"][focal]),
                        "over the native": shown(found["over native"][focal]),
                    })
                )  # fmt: skip
    return rows


def each(smoke: bool, part: str, columns: Callable[[dict[str, Any]], dict[str, str]]) -> list[Row]:
    """A row for every seed and entry of a part of the reports."""
    return [Row(run=title(report), seed=report["about"]["seed"], agent=name, **columns(found))
            for report in reports(smoke) for name, found in report[part].items()]  # fmt: skip


def shown(estimate: list[float]) -> str:
    """Mean and interval."""
    mean, low, high = np.array(estimate)
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"


TABLES = {"self_play_ladder": self_play_ladder, "self_play_exploiters": self_play_exploiters,
          "self_play_held_out": self_play_held_out}  # fmt: skip

if __name__ == "__main__":
    main(TABLES)
