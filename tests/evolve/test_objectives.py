"""Objectives against their definitions; what is not defined has a reason and no number."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.objectives import KNOWN, read_objectives, score
from qsl_envs.errors import ConfigError

PLACES = np.array(["near"] * 3 + ["far"] * 3)
METRICS = {
    "pnl": np.array([[1.0, 2.0, 3.0, -1.0, -2.0, -9.0], [5.0, 5.0, 5.0, 5.0, 5.0, 5.0]]),
    "max_drawdown": np.array([[1.0, 1.0, 1.0, 4.0, 4.0, 4.0], [0.0] * 6]),
    "volume": np.ones((2, 6)), "mean_abs_inventory": np.ones((2, 6)), "fees": np.ones((2, 6)),
    "step_sharpe": np.ones((2, 6)),
}  # fmt: skip


def values(*entries):
    objectives = read_objectives(list(entries))
    return score(objectives, METRICS, lambda axis: {"latency": PLACES}[axis], ["", ""])


def test_definitions():
    table, reasons = values("pnl", "sharpe", "drawdown", {"metric": "cvar", "level": 0.5})
    pnl = METRICS["pnl"][0]
    assert table[0] == pytest.approx([pnl.mean(), pnl.mean() / pnl.std(ddof=1), 2.5, 4.0])
    assert reasons[0] == "" and "sharpe not defined" in reasons[1] and np.isnan(table[1]).all()


def test_the_worst_place_counts_whichever_way_is_better():
    table, reasons = values({"metric": "pnl", "worst_over": "latency"}, {"metric": "drawdown", "worst_over": "latency"})
    assert table.tolist() == [[-4.0, 4.0], [5.0, 0.0]] and reasons == ["", ""]


def test_a_failed_trial_leaves_no_number():
    broken = {name: column.copy() for name, column in METRICS.items()}
    broken["pnl"][1, 2] = np.nan
    table, reasons = score(read_objectives(["drawdown"]), broken, lambda axis: PLACES, ["", "calendar full"])
    assert table[0, 0] == 2.5 and np.isnan(table[1, 0]) and reasons[1] == "calendar full"


def test_every_known_objective_has_a_way_that_is_better():
    for name, (more, of, doc) in KNOWN.items():
        assert doc and of(METRICS, 0.9).shape == (2,)
        assert read_objectives([name])[0].sign == (1.0 if more else -1.0)


@pytest.mark.parametrize(
    ("entries", "words"),
    [(["pln"], "Objective.metric must be one of pnl, sharpe"), ([{"metric": "cvar", "level": 1.0}], "level"),
     ([{"metrik": "pnl"}], r"objectives\[0\].metrik"), ([], "objectives must be a list"),
     (["pnl", {"metric": "pnl"}], "different ones"), ("pnl", "objectives must be a list")],
)  # fmt: skip
def test_bad_objectives_are_named(entries, words):
    with pytest.raises(ConfigError, match=words):
        read_objectives(entries)
