"""Stable-Baselines3 sees the same bits as Gymnasium, in its own form."""

from __future__ import annotations

import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest

import qsl_envs  # noqa: F401
from qsl_envs.errors import ConfigError
from tests.envs.small import SMALL, random_actions

pytest.importorskip("stable_baselines3")

from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from qsl_envs.adapters.sb3 import SB3VecEnv, make_sb3

ID = "qsl/MarketMaking-v0"
STEPS = 26  # an episode of the small market has 20


def native(num_envs: int, **kwargs):
    return gym.make_vec(ID, num_envs=num_envs, autoreset_mode="SameStep", **{**SMALL, **kwargs})


@pytest.mark.parametrize("limit", [None, 7])
def test_same_bits_as_the_native_env(limit):
    envs, theirs = make_sb3(ID, 3, max_episode_steps=limit, **SMALL), native(3, max_episode_steps=limit)
    envs.seed(11)
    assert np.array_equal(envs.reset(), theirs.reset(seed=11)[0])
    ends = 0
    for action in random_actions(STEPS, 3):
        obs, reward, over, infos = envs.step(action)
        other, expected, terminated, truncated, info = theirs.step(action)
        assert np.array_equal(obs, other) and obs.dtype == np.float32
        assert np.array_equal(reward, expected.astype(np.float32)) and reward.dtype == np.float32
        assert np.array_equal(over, terminated | truncated) and over.dtype == np.bool_
        for i in range(3):
            if not over[i]:
                assert infos[i] == {}
                continue
            ends += 1
            summary = info["final_info"]["episode_summary"]
            assert np.array_equal(infos[i]["terminal_observation"], info["final_obs"][i])
            assert infos[i]["TimeLimit.truncated"] == bool(truncated[i]) == (limit is not None)
            assert infos[i]["episode"]["l"] == summary["length"][i] == (limit or 20)
            assert infos[i]["episode"]["r"] == pytest.approx(summary["return"][i], abs=1e-9)
            assert infos[i]["episode_summary"]["fills"] == summary["fills"][i]
    assert ends >= 3


def test_as_sb3_would_have_made_it_from_single_envs():
    """DummyVecEnv loops over single envs; rewards, ends and infos agree, only faster."""
    ours = make_sb3(ID, 2, **SMALL)
    theirs = DummyVecEnv([lambda: Monitor(gym.make(ID, **SMALL))] * 2)
    for envs in (ours, theirs):
        envs.seed(5)
    assert np.array_equal(ours.reset(), theirs.reset())
    for action in random_actions(STEPS, 2):
        mine, other = ours.step(action), theirs.step(action)
        for a, b in zip(mine[:3], other[:3]):
            assert np.array_equal(a, b) and a.dtype == b.dtype
        for mine_info, info, over in zip(mine[3], other[3], mine[2]):
            if over:
                assert np.array_equal(mine_info["terminal_observation"], info["terminal_observation"])
                assert mine_info["TimeLimit.truncated"] == info["TimeLimit.truncated"]
                assert mine_info["episode"]["l"] == info["episode"]["l"]
                assert mine_info["episode"]["r"] == pytest.approx(info["episode"]["r"], abs=1e-5)


def test_infos_written_into_are_clean_again():
    envs = make_sb3(ID, 2, **SMALL)
    envs.reset()
    *_, infos = envs.step(random_actions(1, 2)[0])
    infos[0]["mine"] = 1
    *_, infos = envs.step(random_actions(1, 2)[0])
    assert infos == [{}, {}]


def test_seeds_are_used_once():
    envs = make_sb3(ID, 2, **SMALL)
    envs.seed(3)
    actions = random_actions(4, 2)

    def opening():
        return np.stack([envs.reset(), *(envs.step(action)[0].copy() for action in actions)])

    first, second = opening(), opening()
    assert not np.array_equal(first, second)
    envs.seed(3)
    assert np.array_equal(opening(), first)


def test_attributes_and_methods():
    envs = make_sb3(ID, 3, **SMALL, render_mode="ansi")
    envs.seed(0)
    obs = envs.reset().copy()
    envs.step(random_actions(1, 3)[0])
    assert envs.get_attr("render_mode") == ["ansi"] * 3
    assert envs.get_attr("inventory_penalty", indices=[0, 2]) == [0.01, 0.01]
    terms = envs.get_attr("reward_terms")
    assert len(terms) == 3 and np.array_equal(terms[1], envs.vector_env.unwrapped.reward_terms[1])
    with pytest.raises(AttributeError):
        envs.get_attr("no_such_thing")
    assert envs.has_attr("session_ns") and not envs.has_attr("no_such_thing")
    accounts = envs.env_method("accounts", indices=1)
    assert len(accounts) == 1 and accounts[0]["equity"] == envs.vector_env.unwrapped.accounts()["equity"][1]
    data = envs.env_method("snapshot")
    assert len(data) == 3 and len(set(data)) == 3
    assert envs.env_method("text", indices=[2])[0] == envs.vector_env.unwrapped.text(2)
    envs.set_attr("mark_of_mine", 7)
    assert envs.get_attr("mark_of_mine") == [7, 7, 7] and envs.vector_env.unwrapped.mark_of_mine == 7
    with pytest.raises(ConfigError, match="indices"):
        envs.set_attr("mark_of_mine", 8, indices=[1])
    with pytest.raises(ConfigError, match="indices"):
        envs.get_attr("render_mode", indices=[3])
    assert envs.env_is_wrapped(Monitor) == [True] * 3
    assert envs.env_is_wrapped(gym.vector.VectorWrapper, indices=[0]) == [False]
    assert obs.shape == (3, *envs.observation_space.shape)
    envs.close()


def test_wrapped_vector_envs_are_taken():
    wrapped = gym.wrappers.vector.TransformReward(native(2), lambda reward: reward * 2)
    envs, plain = SB3VecEnv(wrapped), make_sb3(ID, 2, **SMALL)
    for one in (envs, plain):
        one.seed(0)
        one.reset()
    for action in random_actions(5, 2):
        assert np.allclose(envs.step(action)[1], 2 * plain.step(action)[1])
    assert envs.env_is_wrapped(gym.wrappers.vector.TransformReward) == [True, True]
    assert envs.get_attr("task") == [wrapped.unwrapped.task] * 2


def test_other_autoreset_modes_are_refused():
    with pytest.raises(ConfigError, match="autoreset_mode='SameStep'"):
        SB3VecEnv(gym.make_vec(ID, num_envs=1, **SMALL))


def test_options_must_agree():
    envs = make_sb3(ID, 2, **SMALL)
    envs.reset()
    envs.set_options([{"reset_mask": np.ones(2, np.bool_)}, {}])
    with pytest.raises(ConfigError, match="options"):
        envs.reset()


@pytest.mark.compiled
def test_ppo_learns_on_it_with_normalisation(tmp_path):
    envs = VecNormalize(make_sb3(ID, 4, **SMALL))
    model = PPO("MlpPolicy", envs, n_steps=32, batch_size=32, n_epochs=2, seed=0, device="cpu")
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.learn(512)
    assert model.num_timesteps == 512 and len(model.ep_info_buffer) == 24
    assert all(info["l"] == 20 for info in model.ep_info_buffer)
    assert any(not (a == b).all() for a, b in zip(before, model.policy.parameters()))
    model.save(tmp_path / "model")
    envs.save(str(tmp_path / "stats"))

    again = VecNormalize.load(str(tmp_path / "stats"), make_sb3(ID, 4, **SMALL))
    again.training = envs.training = False
    loaded = PPO.load(tmp_path / "model", env=again)
    assert np.array_equal(again.obs_rms.mean, envs.obs_rms.mean) and again.obs_rms.count > 512
    for one in (again, envs):
        one.seed(9)
    obs, other = again.reset(), envs.reset()
    for _ in range(5):
        assert np.array_equal(obs, other)
        action = loaded.predict(obs, deterministic=True)[0]
        assert np.array_equal(action, model.predict(other, deterministic=True)[0])
        obs, other = again.step(action)[0], envs.step(action)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it finds the episodes' returns in the infos
        mean, spread = evaluate_policy(loaded, again, n_eval_episodes=4)
    assert np.isfinite(mean) and np.isfinite(spread)


def test_vec_monitor_goes_on_top():
    with pytest.warns(UserWarning, match="already wrapped"):  # its statistics stand in the infos anyway
        envs = VecMonitor(make_sb3(ID, 2, **SMALL))
    envs.reset()
    for action in random_actions(20, 2):
        *_, infos = envs.step(action)
    assert [info["episode"]["l"] for info in infos] == [20, 20]


def test_without_sb3_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['stable_baselines3'] = None\n"
        "try:\n    import qsl_envs.adapters.sb3\n"
        "except ImportError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[train]" in run.stdout


def test_nothing_is_done_env_by_env_while_no_episode_ends():
    """The step's Python work is the same for 2 envs as for 64: no call of the adapter's grows with their number."""
    counts = []
    for n in (2, 64):
        envs = make_sb3(ID, n, **SMALL)
        envs.reset()
        actions = random_actions(1, n)[0]
        envs.step(actions)
        calls = 0

        def count(frame, event, arg):
            nonlocal calls
            calls += 1
            return count

        sys.setprofile(count)
        try:
            envs.step(actions)
        finally:
            sys.setprofile(None)
        counts.append(calls)
    assert counts[0] == counts[1] > 0
