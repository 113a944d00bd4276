"""The fast path: waves, threads and shares change no bit; worlds are what they say; failures are told."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.fast import METRICS, FastPath, evaluate_population, program_text
from evolve.worlds import Setting, TrialWorlds
from qsl_envs.errors import ConfigError
from qsl_envs.participants.program import read_program
from tests.evolve.populations import crowded, worlds
from tests.market.worlds import MS

pytestmark = pytest.mark.compiled  # hundreds of sessions; what runs interpreted is in tests/market/test_trials.py

PARAMS = {"spread": np.linspace(1, 6, 5), "skew": np.linspace(0, 0.3, 5), "period_ns": 20e6}


def same(a, b) -> bool:
    return all(np.array_equal(a.metrics[name], b.metrics[name], equal_nan=True) for name in METRICS)


def test_waves_and_threads_change_no_bit():
    whole = evaluate_population(worlds(), PARAMS, paths=True)
    tiny = FastPath(worlds(), memory_mb=1e-3, num_threads=2)
    assert tiny.wave(5, True, 3) == 1
    parts = tiny.evaluate(PARAMS, paths=True)
    assert same(whole, parts) and np.array_equal(whole.paths, parts.paths)
    assert whole.metrics["pnl"].shape == (5, 12) and whole.paths.shape == (5, 12, 10)
    assert np.array_equal(whole.paths[..., -1], whole.metrics["pnl"])


def test_a_genome_does_not_depend_on_who_is_beside_it():
    path = FastPath(worlds())
    whole = path.evaluate(PARAMS)
    alone = path.evaluate({name: np.broadcast_to(values, 5)[3:4] for name, values in PARAMS.items()})
    assert all(np.array_equal(whole.metrics[name][3], alone.metrics[name][0]) for name in METRICS)


def test_worlds_stand_where_their_labels_say():
    given = worlds()
    assert given.axes == ("latency", "regime") and given.num_worlds == 12
    outcome = evaluate_population(given, PARAMS)
    for label, setting in zip(("near/base", "near/volatile", "far/base", "far/volatile"), given.settings):
        assert setting.name == label
        only = evaluate_population(type(given)(settings=(setting,), group="tried", count=3, sample_ns=given.sample_ns),
                                   PARAMS)  # fmt: skip
        mine = given.labels("setting") == label
        assert mine.sum() == 3
        assert np.array_equal(outcome.metrics["pnl"][:, mine], only.metrics["pnl"])
    assert not np.array_equal(outcome.metrics["pnl"][:, :3], outcome.metrics["pnl"][:, 6:9])


def test_a_share_is_the_first_seeds_of_each_setting():
    path = FastPath(worlds())
    whole, third = path.evaluate(PARAMS), path.evaluate(PARAMS, share=1 / 3)
    assert np.array_equal(whole.metrics["pnl"][:, ::3], third.metrics["pnl"])


def test_splits_are_other_worlds():
    train, test = (evaluate_population(worlds().of(split), PARAMS) for split in ("train", "test"))
    assert not (train.metrics["pnl"] == test.metrics["pnl"]).any()


def test_programs_as_cells_are_programs_as_words():
    texts = ["inventory -0.3 *", "imbalance 2 * 1.5 4", "spread 2 / 1 max neg 2 3"]
    cells = np.array([read_program(text).cells for text in texts])
    assert [program_text(row) for row in cells] == ["inventory -0.3 *", "imbalance 2.0 * 1.5 4.0",
                                                    "spread 2.0 / 1.0 max neg 2.0 3.0"]  # fmt: skip
    assert np.array_equal([read_program(program_text(row)).cells for row in cells], cells)
    path = FastPath(worlds("program", programs=("0",)))
    assert same(path.evaluate({"period_ns": 20e6}, texts), path.evaluate({"period_ns": 20e6}, cells))
    cells[1, 2] = 2 | 99 << 8
    with pytest.raises(ConfigError, match=r"cells\[2\]"):
        path.evaluate({}, cells)


def test_failures_have_a_reason_and_no_number():
    given = TrialWorlds(settings=(Setting(market=crowded()),), group="tried", count=2, sample_ns=150 * MS)
    outcome = evaluate_population(given, {"gap_ns": np.array([1e9, 2e6])})
    assert outcome.reasons[0] == "" and np.isfinite(outcome.metrics["pnl"][0]).all()
    assert outcome.reasons[1].startswith("market, seed 0: ") and "SizeConfig.max_messages" in outcome.reasons[1]
    assert np.isnan(outcome.metrics["pnl"][1]).all()


def test_bad_worlds_are_named():
    with pytest.raises(ConfigError, match="axis must be one of setting, latency, regime, was 'fees'"):
        worlds().labels("fees")
    with pytest.raises(ConfigError, match="different names"):
        type(worlds())(settings=worlds().settings[:1] * 2, group="tried")
