"""Evaluation: every world once, the same numbers however the work is cut, intervals that mean what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from baselines.evaluate import METRICS, Worlds, bootstrap, evaluate, paired, verdict
from baselines.scripted import Desk, DoNothing, FixedSpread, InventorySkew, Random
from baselines.tune import load_tuned, measure_sigma, save_tuned, tune
from qsl_envs.errors import ConfigError
from tests.baselines.toys import Shop, Steering

DESK = Desk.of(Shop(1))


def alone(policy, seed):
    """The metrics of one world, in a batch of one, by a loop that a child could check."""
    envs = Shop(1)
    policy.reset(np.array([seed]))
    obs, _ = envs.reset(seed=seed)
    gains, held, over, score = [0.0], [0.0], False, 0.0
    while not over:
        obs, reward, terminated, truncated, info = envs.step(policy(obs))
        over = bool(terminated[0] or truncated[0])
        account = info["final_info"]["episode_summary"] if over else info["account"]
        gains.append(float(account["equity"][0]))
        held.append(float(account["inventory"][0]))
        score += float(reward[0])
    gains = np.array(gains)
    changes = np.diff(gains)
    lots = account["volume"][0]
    return {
        "pnl": gains[-1],
        "score": score,
        "fees": account["fees"][0],
        "final_inventory": held[-1],
        "mean_abs_inventory": np.abs(held[1:]).mean(),
        "max_drawdown": (np.maximum.accumulate(gains) - gains).max(),
        "fills": account["fills"][0],
        "volume": lots,
        "maker_share": 1 - account["taker_lots"][0] / lots if lots else np.nan,
        "step_sharpe": changes.mean() / changes.std() if changes.std() > 1e-12 else np.nan,
        "steps": len(gains) - 1,
    }


@pytest.mark.parametrize("policy", [InventorySkew(DESK, 2.0, 3.0, 2.0), Random(DESK)], ids=["skew", "random"])
@pytest.mark.parametrize(("count", "block"), [(11, 4), (11, 64), (3, 1)])
def test_each_world_once_to_its_end(policy, count, block):
    """Worlds 5 and 10 end half-way, so their environments have begun another episode when the others end."""
    found = evaluate({"it": policy}, Worlds(Shop, count, first_seed=3, block=block))["it"]
    assert set(found) == set(METRICS)
    assert found["steps"].tolist() == [10.0 if (3 + n) % 5 == 0 else 20.0 for n in range(count)]
    for n in range(count):
        expected = alone(policy, 3 + n)
        for metric, values in found.items():
            assert values[n] == pytest.approx(expected[metric], rel=1e-9, abs=1e-9, nan_ok=True), (metric, n)


def test_policies_see_the_same_worlds_and_differences_are_paired():
    """A policy minus itself is 0 with no interval; its twin under another name costs no precision."""
    maker, idle = FixedSpread(DESK, 2.0, 2.0), DoNothing(DESK)
    found = evaluate({"a": maker, "b": maker, "idle": idle}, Worlds(Shop, 60, block=32))
    assert paired(found, "a", "b", "pnl") == (0.0, 0.0, 0.0)
    gain = paired(found, "a", "idle", "pnl")
    assert verdict(gain) == "better" and gain.mean == pytest.approx(found["a"]["pnl"].mean())
    assert verdict(paired(found, "idle", "a", "pnl")) == "worse"
    assert verdict(paired(found, "a", "b", "pnl")) == "no difference shown"
    assert found["a"]["maker_share"].min() < 0.9 < found["a"]["maker_share"].max()
    assert np.isnan(found["idle"]["maker_share"]).all() and np.isnan(bootstrap(found["idle"]["maker_share"]).mean)


def test_the_interval_holds_the_mean_95_times_in_100():
    """400 samples of 40 exponentials with mean 1; the percentile bootstrap covers a little less than it says."""
    chance = np.random.default_rng(1)
    inside = 0
    for _ in range(400):
        low, high = bootstrap(chance.exponential(size=40))[1:]
        inside += low < 1 < high
    assert 0.88 < inside / 400 < 0.97


def test_the_interval_is_close_to_the_textbook_one():
    values = np.random.default_rng(2).normal(5, 3, 2000)
    found = bootstrap(values)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == (
        pytest.approx(found.mean - half, abs=0.02),
        pytest.approx(found.mean + half, abs=0.02),
    )
    assert bootstrap(values) == found


def test_a_world_without_an_account_is_refused():
    with pytest.raises(ConfigError, match="equity"):
        evaluate({"it": DoNothing(DESK)}, Worlds(Steering, 2, block=2))


def test_the_tuner_finds_the_best_of_its_candidates(tmp_path):
    worlds = Worlds(Shop, 40, block=40)
    found = tune(worlds, ["fixed spread"])["fixed spread"]
    by_hand = {}
    for tried in found.tries:
        policy = FixedSpread(DESK, **tried["parameters"])
        by_hand[tuple(tried["parameters"].values())] = np.mean([alone(policy, n)["score"] for n in range(40)])
    assert tuple(found.parameters.values()) == max(by_hand, key=by_hand.get)
    assert len(by_hand) == 12 and [t["score"] for t in found.tries] == pytest.approx(list(by_hand.values()))
    save_tuned(tmp_path / "tuned.json", {"fixed spread": found}, {"split": "train"})
    assert load_tuned(tmp_path / "tuned.json")["fixed spread"].parameters == found.parameters
    assert json.loads((tmp_path / "tuned.json").read_text())["about"]["split"] == "train"


def test_sigma_is_that_of_the_walk():
    """The toy's mid moves by one tick each half second: sqrt(2) ticks per square root of a second."""
    assert measure_sigma(Worlds(Shop, 50, block=50)) == pytest.approx(np.sqrt(2.0), rel=1e-12)
