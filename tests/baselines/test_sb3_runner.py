"""Stable-Baselines3's algorithms train, save, load, and resume to the same bits; PPO and SAC solve the toy."""

from __future__ import annotations

import json

import numpy as np
import pytest

from baselines.portable import load_policy, read_manifest
from baselines.sb3 import runner as sb3_runner
from baselines.sb3.runner import ALGORITHMS, Args, train
from qsl_envs.errors import ConfigError
from tests.baselines.test_off_policy import Riccati, quiet, returns_of
from tests.baselines.toys import Corridor, Salary, Shifts, Steering


def toy_of(name):
    return Corridor if name == "dqn" else Steering


@pytest.mark.parametrize("name", ALGORITHMS)
def test_it_trains_saves_and_loads(tmp_path, name):
    toy = toy_of(name)
    model, curve = train(Args(algorithm=name, smoke=True, out=str(tmp_path)), toy(8), quiet)
    assert [row["frames"] for row in curve] == [128, 256] and curve[-1]["episodes"] > 5
    assert any("loss" in key for key in curve[-1])
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert [line["frames"] for line in lines] == [128, 256]
    manifest = read_manifest(tmp_path / "policy")
    assert (manifest["kind"], manifest["algorithm"], manifest["frames"]) == ("sb3", ALGORITHMS[name].name, 256)
    with pytest.raises(ConfigError, match="trust"):
        load_policy(tmp_path / "policy", toy(1))
    policy = load_policy(tmp_path / "policy", toy(1), trust=True)
    rows = toy(64).reset(seed=3)[0]
    policy.reset(np.arange(64))
    expected = model.predict(model.get_vec_normalize_env().normalize_obs(rows), deterministic=True)[0]
    assert np.array_equal(policy(rows), expected)
    assert not (tmp_path / "model.zip").exists()


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("a2c", "recurrent_ppo", "ddpg", "td3", "dqn")]


@pytest.mark.parametrize("name", ["ppo", "sac", *SLOW])
def test_resuming_changes_nothing(tmp_path, name):
    steps = {"total_frames": 4 * 128, "num_envs": 8, "num_steps": 16, "checkpoint_every": 2, "seed": 5}
    few = {"batch_size": 32} if ALGORITHMS[name].on_policy else {"batch_size": 16, "learning_starts": 40}
    if name == "a2c":  # it learns from whole rollouts
        few = {}
    elif not ALGORITHMS[name].on_policy:
        few["buffer_size"] = 1000

    def run(place, tell=quiet, **changes):
        args = Args(algorithm=name, out=str(tmp_path / place), settings=json.dumps(few), **{**steps, **changes})
        return train(args, toy_of(name)(8), tell)

    class Interrupted(Exception):
        pass

    def stop_in_the_third(share, text):
        if share > 0.7:
            raise Interrupted

    whole, curve = run("a")
    with pytest.raises(Interrupted):
        run("b", stop_in_the_third)
    resumed, curve_b = run("b", resume=True)
    other, _ = run("c", seed=6)
    for key, value in whole.policy.state_dict().items():
        assert value.equal(resumed.policy.state_dict()[key]), key
    assert any(not value.equal(other.policy.state_dict()[key]) for key, value in whole.policy.state_dict().items())
    plain = [[{k: v for k, v in row.items() if k != "seconds"} for row in rows] for rows in (curve, curve_b)]
    assert repr(plain[0]) == repr(plain[1]) and len(curve) == 4
    kept, again = (model.get_vec_normalize_env().obs_rms for model in (whole, resumed))
    assert np.array_equal(kept.mean, again.mean) and kept.count == again.count


def test_a_checkpoint_ends_what_is_remembered(tmp_path):
    """Transitions of five steps stop at the checkpoint's new worlds, as if they were cut off there."""
    args = Args(algorithm="sac", num_envs=8, num_steps=16, total_frames=3 * 128, checkpoint_every=1,
                settings=json.dumps({"learning_starts": 1000}), out=str(tmp_path))  # fmt: skip
    model, _ = train(args, Salary(8, False), quiet)
    memory = model.replay_buffer
    marked = np.flatnonzero(memory.timeouts[: memory.pos].all(1) & memory.dones[: memory.pos].all(1))
    assert marked.tolist() == [15, 31]  # the toy cuts off two environments in eight at any other step


def test_ppo_finds_the_best_controller(tmp_path):
    steps = {"num_envs": 64, "num_steps": 16, "total_frames": 30 * 1024, "gamma": 0.999}
    settings = {"batch_size": 256, "learning_rate": 3e-3}
    args = Args(algorithm="ppo", out=str(tmp_path), settings=json.dumps(settings), **steps)
    train(args, Steering(64), quiet)
    policy = load_policy(tmp_path / "policy", Steering(8), trust=True)
    best, nothing = returns_of(Riccati()), returns_of(Riccati(0.0))
    assert 0.92 < (returns_of(policy) - nothing) / (best - nothing) < 1.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a2c", "recurrent_ppo", "sac", "td3", "ddpg"])
def test_the_others_find_it_too(tmp_path, name):
    on_policy = ALGORITHMS[name].on_policy
    settings = {"learning_rate": 3e-3} | ({} if on_policy else {"batch_size": 128, "learning_starts": 1000, "tau": 0.05,
                                                                "n_steps": 1})  # fmt: skip
    if name == "recurrent_ppo":
        settings["batch_size"] = 256
    frames = {"a2c": 200, "recurrent_ppo": 50}.get(name, 40)
    args = Args(algorithm=name, num_envs=64 if on_policy else 32, num_steps=16, gamma=0.999, out=str(tmp_path),
                total_frames=frames * 1024, settings=json.dumps(settings), hidden=32)  # fmt: skip
    train(args, Steering(args.num_envs), quiet)
    policy = load_policy(tmp_path / "policy", Steering(8), trust=True)
    best, nothing = returns_of(Riccati()), returns_of(Riccati(0.0))
    assert 0.9 < (returns_of(policy) - nothing) / (best - nothing) < 1.01


@pytest.mark.slow
def test_dqn_walks_to_the_end_that_is_worth_it(tmp_path):
    settings = {"learning_rate": 3e-3, "learning_starts": 1000, "tau": 0.05, "target_update_interval": 32, "n_steps": 1}
    args = Args(algorithm="dqn", num_envs=32, num_steps=32, gamma=0.95, total_frames=60_000, hidden=32,
                settings=json.dumps(settings), out=str(tmp_path))  # fmt: skip
    train(args, Corridor(32), quiet)
    best = Corridor.action_values(0.95)
    policy = load_policy(tmp_path / "policy", Corridor(8), trust=True)
    choices = policy(np.eye(Corridor.CELLS, dtype=np.float32))
    assert (best.max(1) - best[np.arange(Corridor.CELLS), choices]).max() < 0.05


def test_what_it_cannot_do_is_said(tmp_path):
    with pytest.raises(ConfigError, match="DQN.*must be a Discrete"):
        train(Args(algorithm="dqn", smoke=True, out=str(tmp_path)), Steering(8), quiet)
    with pytest.raises(ConfigError, match="SAC.*must be a Box"):
        train(Args(algorithm="sac", smoke=True, out=str(tmp_path)), Corridor(8), quiet)
    with pytest.raises(ConfigError, match="decide_on must be 'interval'"):
        train(Args(algorithm="ppo", smoke=True, out=str(tmp_path)), Shifts(8), quiet)
    with pytest.raises(ConfigError, match="algorithm must be one of ppo"):
        Args(algorithm="genetic")


def test_settings_of_the_caller_come_last():
    args = Args(algorithm="td3", hidden=8, settings='{"tau": 0.5, "policy_kwargs": {"n_critics": 3}}').settled()
    given = sb3_runner.keywords_of(args, Steering(1).single_action_space)
    assert given["tau"] == 0.5 and given["batch_size"] == 256 and args.num_envs == 64
    assert given["policy_kwargs"] == {"net_arch": [8, 8], "n_critics": 3}
    assert given["action_noise"]().shape == (1,)
