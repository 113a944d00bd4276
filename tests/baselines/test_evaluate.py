"""Evaluation: every world once, the same numbers however the work is cut, intervals that mean what they say."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest

from baselines.evaluate import METRICS, RECORDED, Worlds, bootstrap, evaluate, paired, verdict
from baselines.policies.desk import Desk
from baselines.policies.makers import FixedSpread, InventorySkew
from baselines.policies.plain import DoNothing, Random
from baselines.tuning.tune import measure_sigma, save_tuned, tune
from qsl_envs.registration import ENVIRONMENTS
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
    gains, held = np.array(gains), np.array(held[1:])
    changes = np.diff(gains)
    lots, mean_abs = account["volume"][0], np.abs(held).mean()
    falls = np.sqrt((np.minimum(changes, 0) ** 2).mean())
    return {
        "pnl": gains[-1],
        "score": score,
        "fees": account["fees"][0],
        "final_inventory": held[-1],
        "mean_abs_inventory": mean_abs,
        "max_abs_inventory": np.abs(held).max(),
        "flat_share": (held == 0).mean(),
        "turnover": lots / (2 * mean_abs) if mean_abs else np.nan,
        "max_drawdown": (np.maximum.accumulate(gains) - gains).max(),
        "fills": account["fills"][0],
        "volume": lots,
        "step_sharpe": changes.mean() / changes.std(ddof=1) if changes.std() > 1e-12 else np.nan,
        "step_sortino": changes.mean() / falls if falls else np.nan,
        "steps": len(changes),
        "ruined": float(len(changes) == 10),
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
    assert np.isnan(found["idle"]["turnover"]).all() and np.isnan(bootstrap(found["idle"]["turnover"]).mean)


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


def test_a_world_without_an_account_has_a_score_all_the_same():
    class Still:
        def reset(self, seeds):
            pass

        def __call__(self, obs):
            return np.zeros((len(obs), 1), np.float32)

    found = evaluate({"it": Still()}, Worlds(Steering, 5, block=2), record=True)["it"]
    assert found["steps"].tolist() == [6.0] * 5 and (found["score"] < 0).all()
    missing = set(METRICS) - {"score", "steps", "ruined"} | set(RECORDED)
    assert all(np.isnan(found[name]).all() for name in missing)


@pytest.mark.parametrize("env_id", [entry.env_id for entry in ENVIRONMENTS])
def test_every_environment_can_be_evaluated(env_id):
    """One short episode: scores are numbers, and what an account tells is told."""

    class Even:
        def reset(self, seeds):
            self.step = 0

        def __call__(self, obs):
            self.step += 1
            space = envs.single_action_space
            return np.zeros(len(obs), np.int64) + 3 if hasattr(space, "n") else np.zeros((len(obs), *space.shape), "f4")

    def make(num_envs):
        options = {} if "Stoikov" in env_id else {"session_ns": 2_000_000_000}
        return gym.make_vec(
            env_id, num_envs=num_envs, split="test", autoreset_mode="SameStep", step_info=True, **options
        )

    envs = make(1)
    found = evaluate({"it": Even()}, Worlds(make, 3, block=2), record=True)["it"]
    envs.close()
    assert np.isfinite(found["score"]).all() and np.isfinite(found["pnl"]).all()
    assert set(found) == set(METRICS) | set(RECORDED)
    if "Stoikov" not in env_id:
        assert np.isfinite(found["fees"]).all() and np.isfinite(found["orders"]).all()


def test_the_tuner_finds_the_best_of_its_candidates(tmp_path):
    worlds = Worlds(Shop, 40, block=40)
    found = tune(worlds, ["fixed spread"], budget=12)["fixed spread"]
    by_hand = {}
    for tried in found.tries:
        policy = FixedSpread(DESK, **tried["parameters"])
        by_hand[tuple(tried["parameters"].values())] = np.mean([alone(policy, n)["score"] for n in range(40)])
    assert tuple(found.parameters.values()) == max(by_hand, key=by_hand.get)
    assert len(by_hand) == 12 and [t["score"] for t in found.tries] == pytest.approx(list(by_hand.values()))
    save_tuned(tmp_path / "tuned.json", {"fixed spread": found}, {"split": "train"})
    kept = json.loads((tmp_path / "tuned.json").read_text())
    assert kept["policies"]["fixed spread"]["parameters"] == found.parameters and kept["about"]["split"] == "train"


def test_sigma_is_that_of_the_walk():
    """The toy's mid moves by one tick each half second: sqrt(2) ticks per square root of a second."""
    assert measure_sigma(Worlds(Shop, 50, block=50)) == pytest.approx(np.sqrt(2.0), rel=1e-12)
