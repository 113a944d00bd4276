"""What Gymnasium asks of an environment and of a vector environment, to the letter."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import RecordEpisodeStatistics

import qsl_envs  # noqa: F401
from qsl_envs.envs.market_making import MarketMakingEnv, MarketMakingVectorEnv
from qsl_envs.envs.state import END_NAMES, LIQUIDATION, PNL, REWARD_TERMS
from qsl_envs.errors import CapacityError, ConfigError
from tests.envs.small import SMALL, changed, make, random_actions

ID = "qsl/MarketMaking-v0"
MODES = list(AutoresetMode)


# --- one env ------------------------------------------------------------------------------------------------------
def test_check_env_has_nothing_to_say():
    env = gym.make(ID, **SMALL, render_mode="ansi")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=False)


def test_made_from_its_id_alone():
    code = f"import gymnasium as gym; print(gym.make('qsl_envs:qsl/MarketMaking-v0', config={SMALL['config']}).spec.id)"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ID


def test_fresh_arrays_and_dicts():
    env = MarketMakingEnv(**SMALL)
    first, info = env.reset(seed=0)
    kept = first.copy()
    second, *_, other = env.step(np.zeros(4, np.float32))
    assert info == {} == other and info is not other
    assert not np.shares_memory(first, second)
    assert np.array_equal(first, kept)


def test_an_episode_ends_and_must_be_reset():
    env = MarketMakingEnv(**SMALL)
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(4, np.float32))
    env.reset(seed=0)
    rewards = []
    for n in range(1, 21):
        _, reward, terminated, truncated, info = env.step(np.float32([-0.9, -0.9, 0, 0]))
        rewards.append(reward)
        assert terminated == (n == 20) and not truncated
        assert isinstance(reward, float) and isinstance(terminated, bool)
    summary = info["episode_summary"]
    assert END_NAMES[summary["end"]] == "close" and summary["length"] == 20
    assert summary["return"] == pytest.approx(sum(rewards), abs=1e-9)
    terms = [summary[f"term_{name}"] for name in REWARD_TERMS]
    assert env.reward_weights @ terms == pytest.approx(summary["return"], abs=1e-9)
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(4, np.float32))


def opening(env, **reset):
    """What the first steps of an episode show: the worlds of two episodes may begin on one warm book."""
    return np.stack([env.reset(**reset)[0], *(env.step(np.float32([0, 0, -1, -1]))[0] for _ in range(3))])


def test_episodes_of_a_seed_differ_and_repeat():
    env = MarketMakingEnv(**SMALL)
    first, second = opening(env, seed=5), opening(env)
    assert np.array_equal(first, opening(env, seed=5)) and not np.array_equal(first, second)
    assert np.array_equal(second, opening(env))
    assert not np.array_equal(first, opening(MarketMakingEnv(**SMALL, split="test"), seed=5))


def test_no_seed_is_a_random_seed():
    assert not np.array_equal(opening(MarketMakingEnv(**SMALL)), opening(MarketMakingEnv(**SMALL)))


@pytest.mark.parametrize("form", ["env", "vector"])
def test_pickles_and_copies_are_new_envs_of_equal_settings(form):
    if form == "env":
        env = gym.make(ID, **SMALL, inventory_penalty=0.5).unwrapped
    else:
        env = gym.make_vec(ID, num_envs=2, **SMALL, inventory_penalty=0.5, autoreset_mode="SameStep")
    for other in (pickle.loads(pickle.dumps(env)), copy.deepcopy(env)):
        assert type(other) is type(env) and other.spec == env.spec
        assert other.task.inventory_penalty == 0.5
        assert other.market.config == env.market.config
        assert np.array_equal(other.reset(seed=1)[0], env.reset(seed=1)[0])
    if form == "vector":
        assert other.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


def test_snapshot_and_restore_through_wrappers():
    env = RecordEpisodeStatistics(gym.make(ID, **SMALL))
    env.reset(seed=2)
    actions = random_actions(12, 1)[:, 0]
    for action in actions[:5]:
        obs, *_ = env.step(action)
    data = env.unwrapped.snapshot()
    ahead = [env.step(action)[:2] for action in actions[5:]]
    other = MarketMakingEnv(**SMALL)
    assert np.array_equal(other.restore(data), obs)
    for (obs, reward), action in zip(ahead, actions[5:]):
        mine, mine_reward, *_ = other.step(action)
        assert np.array_equal(mine, obs) and mine_reward == reward
    assert np.array_equal(other.episode_reward_terms, env.unwrapped.episode_reward_terms)


def test_a_snapshot_of_other_settings_is_refused():
    env = MarketMakingEnv(**SMALL)
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="task hash"):
        MarketMakingEnv(**changed(levels=5)).restore(env.snapshot())
    with pytest.raises(ConfigError, match="snapshot of an env"):
        env.restore(bytes(10_000))


def test_render_shows_the_book_and_own_quotes():
    env = gym.make(ID, **SMALL, render_mode="ansi")
    env.reset(seed=0)
    env.step(np.float32([0, 0, 1, 1]))
    text = env.render()
    assert "inventory 0" in text and text.count("\n") == 11
    assert MarketMakingEnv(**SMALL).render() is None


# --- errors name the place ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"step_ns": 0}, "MakerConfig.step_ns"),
        ({"levels": 65}, "MakerConfig.levels"),
        ({"levels": 2.5}, "MakerConfig.levels must be a whole number"),
        ({"max_offset": -1}, "MakerConfig.max_offset"),
        ({"inventory_penalty": float("nan")}, "MakerConfig.inventory_penalty"),
        ({"post_only": 1}, "MakerConfig.post_only"),
        ({"max_loss": 0}, "MakerConfig.max_loss"),
        ({"speed": 3}, "speed is not an argument"),
        ({"session_ns": 0}, "MarketConfig.session_ns"),
        ({"split": ""}, "split"),
        ({"autoreset_mode": "sometimes"}, "autoreset_mode"),
        ({"max_episode_steps": 0}, "max_episode_steps"),
        ({"render_mode": "video"}, "render_mode"),
        ({"config": {"flow": {"market_rat": 1}}}, "market_rat is not a setting"),
        ({"config": {"participants": [{"risk": {"max_inventory": -3}}]}}, "RiskConfig.max_inventory"),
        ({"config": "no_such_file.yaml"}, "no_such_file.yaml"),
        ({"config": 3}, "config must be a MarketConfig, a mapping of changes, or a YAML file, was 3"),
        ({"num_envs": 0}, "MarketMakingVectorEnv.num_envs must be a whole number in"),
        ({"stagger": 1}, "stagger must be true or false, was 1"),
        ({"num_threads": 0}, "num_threads"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ConfigError, match=words):
        MarketMakingVectorEnv(**{"num_envs": 1, **SMALL, **arguments}).reset(seed=0)


def test_one_whose_arguments_were_refused_can_be_closed():
    """Gymnasium's finalizer closes what its constructor left half made; an error there is told on the screen."""
    MarketMakingVectorEnv.__new__(MarketMakingVectorEnv).close()


def test_bad_actions_are_named_and_move_nothing():
    envs = make(2)
    envs.reset(seed=0)
    with pytest.raises(ConfigError, match=r"actions\[1, 2\] \(bid_size\) must be a number, was nan"):
        envs.step(np.float32([[0, 0, 0, 0], [0, 0, np.nan, 0]]))
    with pytest.raises(ConfigError, match=r"actions must be of shape \(2, 4\)"):
        envs.step(np.zeros((2, 3), np.float32))
    assert envs.market.now_ns.tolist() == [0, 0]


@pytest.mark.parametrize("seed", [-1, 2**63, [1], [1, -2]])
def test_bad_seeds_are_refused(seed):
    with pytest.raises((ConfigError, gym.error.Error)):
        make(2).reset(seed=seed)


@pytest.mark.parametrize(
    "mask", [np.ones(3, np.bool_), np.ones(2), np.zeros(2, np.bool_), [True, False], np.array([True, False])]
)
def test_bad_reset_masks_are_refused(mask):
    with pytest.raises(ConfigError, match="reset_mask"):
        make(2, autoreset_mode="Disabled").reset(options={"reset_mask": mask})


def test_a_market_that_is_too_small_says_what_to_raise():
    slow = {"feed_link": {"latency_ns": 400_000_000}}
    envs = make(1, config={"size": {"tape": 64}, "participants": [slow], "burn_in_ns": 1_000_000})
    envs.reset(seed=0)
    with pytest.raises(CapacityError, match="raise SizeConfig.tape"):
        for action in random_actions(20, 1):
            envs.step(action)


# --- the vector form against single envs ---------------------------------------------------------------------------
def same(mine, theirs, path=""):
    """Equal infos, theirs made by Gymnasium from single envs."""
    assert set(mine) == set(theirs), path
    for key, value in theirs.items():
        if isinstance(value, dict):
            same(mine[key], value, f"{path}.{key}")
        elif value.dtype == object:
            for i, row in enumerate(value):
                assert row is None or np.array_equal(row, mine[key][i]), f"{path}.{key}[{i}]"
        else:
            assert np.array_equal(mine[key], value), f"{path}.{key}"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("limit", [None, 7])
def test_three_autoreset_modes_against_single_envs(mode, limit):
    n, steps = 3, 26 if limit is None else 18
    fast = gym.make_vec(ID, num_envs=n, autoreset_mode=mode, max_episode_steps=limit, **SMALL)
    slow = SyncVectorEnv([lambda: Limited(limit)] * n, autoreset_mode=mode)
    assert fast.metadata["autoreset_mode"] is mode
    assert fast.observation_space == slow.observation_space and fast.action_space == slow.action_space
    (mine, mine_info), (theirs, their_info) = fast.reset(seed=11), slow.reset(seed=11)
    assert np.array_equal(mine, theirs) and mine_info == their_info == {}
    ends = 0
    for action in random_actions(steps, n):
        mine, theirs = fast.step(action), slow.step(action)
        for a, b in zip(mine[:4], theirs[:4]):
            assert np.array_equal(a, b) and a.dtype == b.dtype and a.shape == b.shape
        same(mine[4], theirs[4])
        ended = mine[2] | mine[3]
        ends += int(ended.sum())
        if mode == AutoresetMode.DISABLED and ended.any():
            with pytest.raises(ResetNeeded, match="are over"):
                fast.step(action)
            options = {"reset_mask": ended}
            assert np.array_equal(fast.reset(options=options)[0], slow.reset(options=dict(options))[0])
    assert ends >= n


class Limited(MarketMakingEnv):
    """A single env that truncates by itself, so that its summary is the vector form's."""

    def __init__(self, limit):
        super().__init__(**SMALL, max_episode_steps=limit)


def test_a_partial_reset_leaves_the_others_alone():
    envs = make(3, autoreset_mode="Disabled", copy=True)
    actions = random_actions(6, 3)
    envs.reset(seed=0)
    for action in actions[:3]:
        before, *_ = envs.step(action)
    mask = np.array([False, True, False])
    after, _ = envs.reset(seed=[9, 9, 9], options={"reset_mask": mask})
    assert np.array_equal(after[~mask], before[~mask])
    assert np.array_equal(after[1], make(1).reset(seed=9)[0][0])
    alone = make(3, autoreset_mode="Disabled")
    alone.reset(seed=0)
    for action in actions:
        obs, *_ = alone.step(action)
    for action in actions[3:]:
        mine, *_ = envs.step(action)
    assert np.array_equal(mine[~mask], obs[~mask])


def test_a_list_of_seeds_with_gaps_goes_on_there():
    envs, alone = make(2), make(1)
    envs.reset(seed=[4, 7])
    obs, _ = envs.reset(seed=[None, 7])
    alone.reset(seed=4)
    assert np.array_equal(obs[0], alone.reset()[0][0])
    assert np.array_equal(obs[1], alone.reset(seed=7)[0][0])


# --- buffers and infos --------------------------------------------------------------------------------------------
def test_two_buffers_in_turn():
    envs = make(2)
    handed = [envs.reset(seed=0)[0], *(envs.step(a)[0] for a in random_actions(3, 2))]
    assert handed[0] is handed[2] and handed[1] is handed[3] and handed[0] is not handed[1]


def test_copy_gives_fresh_arrays():
    envs = make(2, copy=True)
    handed = [envs.reset(seed=0)[0], *(envs.step(a)[0] for a in random_actions(3, 2))]
    assert not any(np.shares_memory(a, b) for n, a in enumerate(handed) for b in handed[:n])


def test_callers_own_buffers():
    envs, other = make(2), make(2)
    own = [np.full(envs.observation_space.shape, np.nan, np.float32) for _ in range(3)]
    envs.reset(seed=0), other.reset(seed=0)
    envs.use_buffers(*own)
    for n, action in enumerate(random_actions(4, 2)):
        obs, *_ = envs.step(action)
        assert any(obs is buffer for buffer in own)
        assert np.array_equal(obs, other.step(action)[0]), n
    assert not np.isnan(own).any()
    with pytest.raises(ConfigError, match="buffers"):
        envs.use_buffers(np.zeros((2, 3), np.float32))


def test_account_info_on_request():
    envs = make(2, step_info=True, autoreset_mode="SameStep")
    _, info = envs.reset(seed=0)
    assert info["_account"].all() and (info["account"]["equity"] == 0).all()
    total = np.zeros(2)
    for action in random_actions(20, 2):
        _, _, terminated, _, info = envs.step(action)
        total += envs.reward_terms[:, [PNL, LIQUIDATION]].sum(1)
        if not terminated.any():
            assert info["account"]["equity"] == pytest.approx(total, abs=1e-9)
            assert info["account"]["equity"].dtype == np.float64
    assert terminated.all() and info["_final_info"].all()
    assert (info["account"]["equity"] == 0).all()  # of the episode that has begun
    assert info["final_info"]["episode_summary"]["equity"] == pytest.approx(total, abs=1e-9)


def test_statistics_wrappers_work_on_top():
    envs = gym.wrappers.vector.RecordEpisodeStatistics(gym.make_vec(ID, num_envs=2, **SMALL))
    envs.reset(seed=0)
    for action in random_actions(20, 2):
        *_, info = envs.step(action)
    assert info["episode"]["r"] == pytest.approx(info["episode_summary"]["return"], abs=1e-9)
    assert (info["episode"]["l"] == info["episode_summary"]["length"]).all()
