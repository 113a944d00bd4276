"""What every environment with a made-up market promises, whatever its task."""

from __future__ import annotations

import pickle
import re
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from qsl_envs.envs.fields import field_table
from qsl_envs.envs.page import reward_table
from qsl_envs.envs.state import CHOOSE_QUOTE, REWARD_TERMS
from qsl_envs.envs.synthetic import SyntheticVectorEnv
from qsl_envs.errors import ConfigError
from qsl_envs.registration import ENVIRONMENTS
from tests.envs.test_pages import ORDER
from tests.golden.update import QUICK, SETTINGS

IDS = [entry.env_id for entry in ENVIRONMENTS if SETTINGS[entry.env_id].get("config") == QUICK["config"]]
STEPS = 12
"""In an episode of QUICK."""


def vector(env_id: str, num_envs: int, **changes) -> SyntheticVectorEnv:
    return gym.make_vec(env_id, num_envs=num_envs, **{**SETTINGS[env_id], **changes}).unwrapped


def actions(envs, steps: int, seed: int = 0) -> np.ndarray:
    """Random actions (steps, num_envs, ...), some of continuous ones beyond their bounds."""
    draws = np.random.default_rng(seed)
    if envs.role.kind == CHOOSE_QUOTE:
        return draws.integers(envs.single_action_space.n, size=(steps, envs.num_envs))
    shape = (steps, envs.num_envs, *envs.single_action_space.shape)
    return draws.uniform(-1.2, 1.2, shape).astype(np.float32)


def play(envs, moves, seed=0) -> list[np.ndarray]:
    kept = [envs.reset(seed=seed)[0].copy()]
    for move in moves:
        *results, _ = envs.step(move)
        kept += [np.asarray(result).copy() for result in results]
    return kept


@pytest.mark.parametrize("env_id", IDS)
def test_check_env_has_nothing_to_say(env_id):
    env = gym.make(env_id, **SETTINGS[env_id], render_mode="ansi")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=False)


@pytest.mark.parametrize("env_id", IDS)
def test_alone_among_others_and_on_threads(env_id):
    envs = vector(env_id, 3)
    moves = actions(envs, STEPS + 3)
    together, threaded = play(envs, moves, seed=5), play(vector(env_id, 3, num_threads=2), moves, seed=5)
    assert all(np.array_equal(a, b) for a, b in zip(together, threaded, strict=True))
    alone = play(vector(env_id, 1), moves[:, 1:2], seed=6)
    assert all(np.array_equal(a[0], b[1]) for a, b in zip(alone, together, strict=True))
    assert any(not np.array_equal(a[0], a[2]) for a in together)


@pytest.mark.parametrize("env_id", IDS)
def test_the_single_env_is_the_vector_one(env_id):
    envs, env = vector(env_id, 2), gym.make(env_id, **SETTINGS[env_id])
    moves = actions(envs, STEPS)
    obs, _ = env.reset(seed=3)
    rows, _ = envs.reset(seed=[3, 4])
    assert np.array_equal(obs, rows[0]) and env.observation_space.contains(obs)
    for move in moves:
        obs, reward, terminated, truncated, info = env.step(move[0])
        rows, rewards, terms, truncs, infos = envs.step(move)
        assert np.array_equal(obs, rows[0]) and reward == rewards[0]
        assert (terminated, truncated) == (terms[0], truncs[0]) and env.observation_space.contains(obs)
    assert terminated
    for name in ("return", *(f"term_{term}" for term in REWARD_TERMS)):
        assert info["episode_summary"][name] == infos["episode_summary"][name][0]


@pytest.mark.parametrize("env_id", IDS)
def test_same_step_and_next_step_see_the_same_episodes(env_id):
    same = vector(env_id, 2, autoreset_mode=AutoresetMode.SAME_STEP)
    later = vector(env_id, 2)
    moves = actions(same, STEPS)
    same.reset(seed=1)
    later.reset(seed=1)
    for move in moves:
        a, *_, infos = same.step(move)
        b, *_ = later.step(move)
    assert np.array_equal(infos["final_obs"], b) and infos["_final_obs"].all()
    b, reward, terminated, *_ = later.step(moves[0])
    assert np.array_equal(a, b) and not reward.any() and not terminated.any()


@pytest.mark.parametrize("env_id", IDS)
def test_a_snapshot_goes_on_as_its_source(env_id):
    envs, other = vector(env_id, 2), vector(env_id, 3)
    moves = actions(envs, STEPS)
    play(envs, moves[:5])
    other.reset(seed=77)
    other.restore(envs.snapshot(1), 2)
    for move in moves[5:]:
        a, reward, *_ = envs.step(move)
        b, other_reward, *_ = other.step(np.concatenate([move[:1], move]))
        assert np.array_equal(a[1], b[2]) and reward[1] == other_reward[2]


@pytest.mark.parametrize("env_id", [*IDS, "qsl/AvellanedaStoikov-v0"])
def test_staggered_envs_begin_at_spread_out_ages(env_id):
    """Some of the session is gone, the agent begins as it always does, and only a seed's first episode is so."""
    envs = vector(env_id, 24, stagger=True)
    obs, _ = envs.reset(seed=3)
    clock = envs.observation_names.index("time_left")
    left = obs[:, clock].copy()
    assert len(np.unique(left)) >= 6 and left.min() < 0.3 and left.max() > 0.7
    assert not envs.accounts()["equity"].any() and not envs.reward_terms.any()
    alone, _ = gym.make(env_id, **SETTINGS[env_id], stagger=True).reset(seed=8)
    assert np.array_equal(alone, obs[5])
    assert (envs.reset()[0][:, clock] == 1.0).all()
    assert (vector(env_id, 2).reset(seed=3)[0][:, clock] == 1.0).all()


@pytest.mark.parametrize("env_id", ["qsl/MarketMaking-v0", "qsl/AvellanedaStoikov-v0"])
def test_a_step_limit_counts_the_age_and_the_length_does_not(env_id):
    limit = 10
    envs = vector(env_id, 24, stagger=True, max_episode_steps=limit, autoreset_mode=AutoresetMode.SAME_STEP)
    envs.reset(seed=3)
    first = np.zeros(24, int)
    for step in range(1, limit + 1):
        _, _, terminated, truncated, infos = envs.step(np.zeros(envs.action_space.shape, np.float32))
        begins = (terminated | truncated) & (first == 0)
        if begins.any():
            assert (infos["final_info"]["episode_summary"]["length"][begins] == step).all()
        first[begins] = step
    assert len(np.unique(first)) >= 6 and first.min() >= 1 and first.max() <= limit


@pytest.mark.parametrize("env_id", [*IDS, "qsl/AvellanedaStoikov-v0"])
def test_a_restore_leaves_what_was_handed_out(env_id):
    """A search keeps the observation of one branch while it goes back to try another."""
    env = gym.make(env_id, **SETTINGS[env_id])
    env.action_space.seed(4)
    env.reset(seed=4)
    before, *_ = env.step(env.action_space.sample())
    data, action = env.unwrapped.snapshot(), env.action_space.sample()
    first, reward, *_ = env.step(action)
    kept = first.copy()
    assert np.array_equal(env.unwrapped.restore(data), before)
    assert np.array_equal(first, kept) and not np.array_equal(first, before)
    again, reward_again, *_ = env.step(action)
    assert np.array_equal(again, kept) and reward_again == reward


@pytest.mark.parametrize("env_id", IDS)
def test_pickled_it_makes_the_same_worlds(env_id):
    env = gym.make(env_id, **SETTINGS[env_id]).unwrapped
    twin = pickle.loads(pickle.dumps(env))
    assert np.array_equal(env.reset(seed=9)[0], twin.reset(seed=9)[0]) and twin.spec == env.spec


@pytest.mark.parametrize("env_id", IDS)
def test_weights_make_the_reward(env_id):
    envs = vector(env_id, 2, rewards={"turnover": 0.5, "drawdown": 0.25, "fees": 0.125})
    moves = actions(envs, STEPS)
    envs.reset(seed=2)
    total = np.zeros(2)
    envs.reward_weights[1] = 0.0
    for move in moves:
        _, reward, *_, infos = envs.step(move)
        assert reward[0] == pytest.approx(envs.reward_terms[0] @ envs.reward_weights[0], abs=1e-9) and reward[1] == 0
        total += reward
    summary = infos["episode_summary"]
    assert summary["return"] == pytest.approx(total, abs=1e-9)
    assert summary["term_turnover"] == pytest.approx(-summary["volume"])
    assert summary["term_pnl"] + summary["term_liquidation"] == pytest.approx(summary["equity"], abs=1e-6)
    assert summary["term_fees"] == pytest.approx(-summary["fees"], abs=1e-6)
    assert (summary["term_drawdown"] <= 0).all()


@pytest.mark.parametrize("env_id", IDS)
def test_frames_are_the_last_observations(env_id):
    envs, stacked = vector(env_id, 2), vector(env_id, 2, frames=3)
    moves = actions(envs, 5)
    obs, _ = envs.reset(seed=4)
    many, _ = stacked.reset(seed=4)
    past = [obs.copy()] * 3
    assert np.array_equal(many, np.concatenate(past, 1))
    for move in moves:
        obs, *_ = envs.step(move)
        many, *_ = stacked.step(move)
        past = [*past[1:], obs.copy()]
        assert np.array_equal(many, np.concatenate(past, 1))
    assert len(stacked.observation_names) == many.shape[1] == len(set(stacked.observation_names))


@pytest.mark.parametrize("env_id", IDS)
def test_blocks_leave_the_rest_out(env_id):
    envs, some = vector(env_id, 1), vector(env_id, 1, blocks=("account", "book"))
    obs, part = envs.reset(seed=4)[0], some.reset(seed=4)[0]
    for move in [None, *actions(envs, 4)]:
        if move is not None:
            obs, part = envs.step(move)[0], some.step(move)[0]
        for name, value in zip(some.observation_names, part[0], strict=True):
            assert value == obs[0, envs.observation_names.index(name)], name
    with pytest.raises(ConfigError, match="blocks"):
        vector(env_id, 1, blocks=("weather",))


@pytest.mark.parametrize("env_id", IDS)
def test_the_page_has_its_parts_in_order_and_its_tables(env_id):
    env = gym.make(env_id, **SETTINGS[env_id]).unwrapped
    page, cls = type(env).__doc__, env.vector_class
    assert re.findall(r"^## (.*)$", page, re.M) == ORDER
    assert field_table(cls.default_role.fields(cls.default_market)) in page
    assert reward_table(cls.default_role) in page
    assert "{{" not in page and not re.search(r"{\w+}", page)
    assert all(name.rpartition("_")[0] in page or name in page for name in env.action_names) or env.role.kind == 1


@pytest.mark.parametrize("env_id", IDS)
def test_decisions_on_fills_come_when_a_fill_is_heard(env_id):
    both = vector(env_id, 1, decide_on="both", session_ns=500_000_000, step_ns=100_000_000, max_loss=1e9)
    both.reset(seed=1)
    column, now, early = both.observation_names.index("elapsed"), 0, 0
    for move in actions(both, 1500, seed=3):
        fills = both.accounts()["fills"][0]
        obs, _, terminated, _, infos = both.step(move)
        elapsed = infos["elapsed_ns"][0]
        assert infos["_elapsed_ns"][0] and obs[0, column] == np.float32(min(elapsed / 100_000_000, 10))
        now += elapsed
        if terminated[0]:
            break
        assert 0 <= elapsed <= 100_000_000
        early += elapsed < 100_000_000
        assert elapsed == 100_000_000 or both.accounts()["fills"][0] > 0, fills
    assert terminated[0] and now == 500_000_000


@pytest.mark.parametrize("env_id", IDS)
def test_bad_actions_name_their_place(env_id):
    envs = vector(env_id, 2)
    envs.reset(seed=0)
    move = actions(envs, 1)[0]
    if envs.role.kind == CHOOSE_QUOTE:
        for wrong in (-1, envs.single_action_space.n):
            move[1] = wrong
            with pytest.raises(ConfigError, match=r"actions\[1\]"):
                envs.step(move)
        return
    move[1, 0] = np.nan
    before = envs.market.digest()
    with pytest.raises(ConfigError, match=rf"actions\[1, 0\] \({envs.action_names[0]}\) must be a number"):
        envs.step(move)
    assert envs.market.digest() == before
    with pytest.raises(ConfigError, match="shape"):
        envs.step(move[:1])


@pytest.mark.parametrize("env_id", IDS)
def test_pictures_show_the_env(env_id):
    env = gym.make(env_id, **SETTINGS[env_id], render_mode="rgb_array")
    env.reset(seed=1)
    first = env.render()
    assert first.shape == (480, 640, 3) and first.dtype == np.uint8
    for move in actions(env.unwrapped._vector, 3):
        env.step(move[0])
    assert not np.array_equal(first, env.render())
    env.close()


@pytest.mark.parametrize("env_id", ["qsl/MarketMaking-v0", "qsl/OrderRouting-v0"])
def test_a_step_that_fails_leaves_the_last_observations_readable(env_id):
    envs = vector(env_id, 2)
    envs.reset(seed=0)
    move = actions(envs, 1)[0]
    last = envs.step(move)[0]
    kept = last.copy()
    bad = move.copy()
    bad[0, 0] = np.nan
    for _ in range(2):
        with pytest.raises(ConfigError):
            envs.step(bad)
    envs.step(move)
    assert np.array_equal(last, kept)
