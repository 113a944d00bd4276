"""PettingZoo's contract, and that its forms are the batched one's bits by agents' names."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pettingzoo
import pytest
from gymnasium.error import ResetNeeded
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test
from pettingzoo.utils.env import AECEnv, ParallelEnv

import qsl_envs
from qsl_envs.envs.parallel import TradingParallelEnv
from qsl_envs.errors import ConfigError
from qsl_envs.registration import MARL_ENVIRONMENTS

IDS = [entry.env_id for entry in MARL_ENVIRONMENTS]
QUICK = {"config": {"templates": 2, "burn_in_ns": 200_000_000}, "step_ns": 50_000_000, "session_ns": 600_000_000}
STEPS = 12


def make(env_id: str = "qsl/MarketMakers-v0", **changes) -> TradingParallelEnv:
    return pettingzoo.make("parallel", env_id, **{**QUICK, **changes})


def draw(env, seed: int) -> dict:
    draws = np.random.default_rng(seed)
    return {
        agent: draws.uniform(-1, 1, env.action_space(agent).shape).astype(np.float32)
        if env.action_space(agent).shape else int(draws.integers(env.action_space(agent).n))
        for agent in env.agents
    }  # fmt: skip


# --- the library's own tests ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("env_id", IDS)
def test_parallel_api(env_id):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(make(env_id), num_cycles=40)


@pytest.mark.parametrize("env_id", IDS)
def test_aec_api(env_id):
    env = pettingzoo.make("aec", env_id, **QUICK)
    assert isinstance(env, AECEnv)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if env_id == "qsl/MakersTakers-v0":  # roles differ on purpose
            warnings.filterwarnings("ignore", "Agents have different (observation|action) space sizes")
            warnings.filterwarnings("ignore", "Observations are different shapes")
        api_test(env, num_cycles=60)


@pytest.mark.parametrize("env_id", IDS)
def test_seeds(env_id):
    parallel_seed_test(lambda: make(env_id), num_cycles=20)
    seed_test(lambda: pettingzoo.make("aec", env_id, **QUICK), num_cycles=20)


# --- against the batched form -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("env_id", IDS)
def test_the_same_bits_as_the_batched_form(env_id):
    env, batch = make(env_id), qsl_envs.make_marl_vec(env_id, 1, autoreset_mode="Disabled", **QUICK)
    obs, infos = env.reset(seed=7)
    expected, _ = batch.reset(seed=7)
    assert isinstance(env, ParallelEnv) and env.agents == env.possible_agents == batch.possible_agents
    assert set(infos) == set(env.agents)
    compared = 0
    for step in range(STEPS):
        for agent, row in obs.items():
            role, _, seat = agent.rpartition("_")
            assert np.array_equal(row, expected[role][0, int(seat)]) and env.observation_space(agent).contains(row)
            compared += 1
        assert np.array_equal(env.state(), batch.state()[0]) and env.state_space.contains(env.state())
        actions = draw(env, step)
        moves = {
            name: np.stack([actions[f"{name}_{k}"] for k in range(role.num_seats)])[None]
            for name, role in batch.roles.items()
        }
        obs, rewards, terminated, truncated, infos = env.step(actions)
        expected, paid, gone, cut, told = batch.step(moves)
        for agent in obs:
            role, _, seat = agent.rpartition("_")
            at = (0, int(seat))
            assert rewards[agent] == paid[role][at] and isinstance(rewards[agent], float)
            assert terminated[agent] == gone[role][at] and truncated[agent] == cut[role][at]
            if terminated[agent]:
                assert infos[agent]["episode_summary"]["fills"] == told["episode_summary"][role]["fills"][at]
    assert compared == STEPS * len(env.possible_agents)
    assert env.agents == [] and all(terminated.values()) and not any(truncated.values())
    assert env.step({}) == ({}, {}, {}, {}, {})
    with pytest.raises(ResetNeeded):
        env.step({env.possible_agents[0]: np.zeros(4, np.float32)})


def test_observations_are_the_callers():
    env = make()
    first, _ = env.reset(seed=0)
    kept = {agent: row.copy() for agent, row in first.items()}
    for step in range(3):
        env.step(draw(env, step))
    assert all(np.array_equal(first[agent], kept[agent]) for agent in kept)


def test_max_cycles_truncates():
    env = make(max_cycles=3)
    env.reset(seed=0)
    for step in range(3):
        assert env.agents == env.possible_agents
        _, _, terminated, truncated, infos = env.step(draw(env, step))
    assert all(truncated.values()) and not any(terminated.values()) and env.agents == []
    assert all(info["episode_summary"]["length"] == 3 for info in infos.values())
    env.max_cycles = 5
    env.reset()
    for step in range(5):
        *_, truncated, _ = env.step(draw(env, step))
    assert env.max_cycles == 5 and all(truncated.values())
    with pytest.raises(ConfigError, match="max_cycles"):
        env.max_cycles = 0


def test_an_agent_that_is_ruined_leaves_and_the_others_go_on():
    busy = {**QUICK["config"], "flow": {"market_rate": 20.0}}
    env = make(tasks={"maker": {"max_loss": 0.1}}, session_ns=5_000_000_000, config=busy)
    sizes = []
    for seed in range(40):  # until somebody loses alone
        env.reset(seed=seed)
        sizes = play_to_the_end(env)
        assert sizes[0] == 4
        if len(set(sizes)) > 1:
            return
    raise AssertionError("nobody was ever ruined alone")


def play_to_the_end(env) -> list[int]:
    """How many agents took part in each step of an episode in which two of four makers only bid."""
    sizes = []
    while env.agents:
        there = list(env.agents)
        both, bid = np.float32([-1, -1, 1, 1]), np.float32([-1, 1, 1, -1])
        quotes = {agent: bid if agent in ("maker_0", "maker_2") else both for agent in there}
        obs, rewards, terminated, *_ = env.step(quotes)
        assert set(obs) == set(rewards) == set(terminated) == set(there)
        assert env.agents == [agent for agent in there if not terminated[agent]]
        sizes.append(len(there))
    return sizes


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"num_envs": 2}, "num_envs is an argument of the batched form"),
        ({"render_mode": "video"}, "render_mode"),
        ({"watch": "maker_9"}, "watch"),
        ({"seats": {"taker": 1}}, "seats"),
    ],
)
def test_bad_arguments_are_named(changes, words):
    with pytest.raises(ConfigError, match=words):
        make(**changes)


def test_bad_actions_are_named():
    env = make()
    env.reset(seed=0)
    actions = draw(env, 0)
    with pytest.raises(ConfigError, match="of all of maker_0"):
        env.step({"maker_0": actions["maker_0"]})
    with pytest.raises(ConfigError, match="maker_7"):
        env.step({**actions, "maker_7": actions["maker_0"]})
    with pytest.raises(ConfigError, match=r"actions\['maker_1'\] must be of shape \(4,\)"):
        env.step({**actions, "maker_1": np.zeros(3, np.float32)})


# --- copies and pictures ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("env_id", IDS)
def test_pickles_and_copies_are_new_envs_of_equal_settings(env_id):
    env = make(env_id, max_cycles=4, watch=qsl_envs.make_marl_vec(env_id, 1).possible_agents[-1])
    for other in (pickle.loads(pickle.dumps(env)), copy.deepcopy(env)):
        assert other.watch == env.watch and other.max_cycles == 4 and other.metadata == env.metadata
        mine, theirs = env.reset(seed=3)[0], other.reset(seed=3)[0]
        assert all(np.array_equal(mine[agent], theirs[agent]) for agent in env.possible_agents)


def test_snapshot_and_restore():
    env, other = make(), make()
    env.reset(seed=2), other.reset(seed=9)
    for step in range(4):
        env.step(draw(env, step))
    other.restore(env.snapshot())
    assert other.agents == env.agents
    for step in range(4, STEPS):
        a, b = env.step(draw(env, step)), other.step(draw(other, step))
        assert all(np.array_equal(a[0][agent], b[0][agent]) and a[1][agent] == b[1][agent] for agent in a[0])


@pytest.mark.parametrize("env_id", IDS)
def test_rgb_array(env_id):
    env = make(env_id, render_mode="rgb_array")
    assert env.render() is None
    env.reset(seed=0)
    first = env.render()
    for step in range(3):
        env.step(draw(env, step))
    later = env.render()
    assert later.shape == (480, 640, 3) and later.dtype == np.uint8 and later is not env.render()
    assert not np.array_equal(first, later) and np.array_equal(later, env.render())
    plain = make(env_id)
    plain.reset(seed=0)
    env.reset(seed=0)
    for step in range(3):  # watching moves nothing
        watched, unwatched = env.step(draw(env, step)), plain.step(draw(plain, step))
        assert all(np.array_equal(watched[0][agent], unwatched[0][agent]) for agent in plain.agents)
    assert plain.render() is None


def test_ansi():
    env = make(render_mode="ansi", watch="maker_2")
    env.reset(seed=0)
    for step in range(STEPS):
        env.step(draw(env, step))
    text = env.render()
    assert "maker_2   0.600 s of 0.6 s" in text and "over: close" in text
    assert all(f"{agent:<16} inventory" in text for agent in env.possible_agents)


def test_human_shows_a_window_or_text_on_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = make(render_mode="human")
    env.reset(seed=0)
    env.step(draw(env, 0))
    assert env.render() is None
    shown = capsys.readouterr().out
    try:
        import pygame  # noqa: F401
    except ImportError:
        assert shown.count("maker_3          inventory") == 3
    else:
        assert "inventory" not in shown
    env.close()


# --- the registry -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("first", ["qsl_envs", "pettingzoo"])
def test_ids_are_there_whichever_is_imported_first(first):
    second = "pettingzoo" if first == "qsl_envs" else "qsl_envs"
    code = (
        f"import json, {first}, {second}, pettingzoo, qsl_envs\n"
        "qsl_envs.register_envs()\n"
        "tables = pettingzoo.parallel_registry, pettingzoo.aec_registry\n"
        "print(json.dumps([sorted(k for k in t if k.startswith('qsl/')) for t in tables]))"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [sorted(IDS), sorted(IDS)]


def test_specs_are_plain_data():
    for env_id in IDS:
        spec = pettingzoo.spec("parallel", env_id)
        assert isinstance(spec.entry_point, str) and json.dumps(spec.kwargs)
