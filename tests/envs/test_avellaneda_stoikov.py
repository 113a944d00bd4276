"""`qsl/AvellanedaStoikov-v0`: Gymnasium's contract, and the model against a slow, obvious twin."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import re
import warnings
from importlib.util import find_spec

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import qsl_envs  # noqa: F401
from qsl_envs.envs import avellaneda_stoikov_step as kernels
from qsl_envs.envs.avellaneda_stoikov import DEFAULT_TASK, AvellanedaStoikovEnv, AvellanedaStoikovVectorEnv
from qsl_envs.envs.avellaneda_stoikov_config import AvellanedaStoikovConfig, observation_fields
from qsl_envs.envs.avellaneda_stoikov_picture import ASK_QUOTE, BID_QUOTE, BOUGHT, INVENTORY, MID, PNL, SOLD
from qsl_envs.envs.fields import field_table
from qsl_envs.errors import ConfigError, MissingExtraError
from qsl_envs.kernel import draw
from tests.envs.test_contract import same
from tests.envs.test_pages import ORDER

ID = "qsl/AvellanedaStoikov-v0"
SHORT = {"dt": 0.1, "a": 8.0, "inventory_weight": 0.3, "utility_weight": 0.7, "start_inventory": 1}
"""Ten steps an episode, with chances of a fill around one half."""


def random_actions(steps: int, num_envs: int, seed: int = 0) -> np.ndarray:
    """Float32 (steps, num_envs, 2), some of them out of range."""
    return np.random.default_rng(seed).uniform(-1.2, 1.2, (steps, num_envs, 2)).astype(np.float32)


class Twin:
    """One env of the model, as the page tells it: Python numbers, the C library's mathematics."""

    def __init__(self, config: AvellanedaStoikovConfig, split: str, seed: int):
        self.c, self.base, self.episode = config, draw.seed_key(split, seed), -1

    def reset(self):
        self.episode += 1
        self.key = draw.stream_key(draw.episode_key(self.base, self.episode), draw.FLOW, 0)
        self.n, self.mid, self.q, self.cash = 0, self.c.start_price, self.c.start_inventory, 0.0
        self.start = self.q * self.mid

    def chance(self, offset):
        expected = self.c.a * math.exp(-self.c.k * offset) * self.c.dt
        return min(1.0, expected) if self.c.fill == "linear" else 1 - math.exp(-expected)

    def step(self, action):
        c, before = self.c, self.cash + self.q * self.mid
        low, high = c.min_offset, c.max_offset
        bid, ask = (low + (min(1.0, max(-1.0, float(a))) + 1) / 2 * (high - low) for a in action)
        word = int(draw.draw_bits(self.key, self.n)) % 2**64
        upper, lower = divmod(word, 2**32)
        limit = c.inventory_bound
        bought = (upper + 0.5) / 2**32 < self.chance(bid) and self.q < limit
        sold = (lower % 2**31 + 0.5) / 2**31 < self.chance(ask) and self.q > -limit
        self.cash += (self.mid + ask) * sold - (self.mid - bid) * bought
        self.q += bought - sold
        self.mid += c.sigma * math.sqrt(c.dt) * (1 if lower >= 2**31 else -1)
        self.n += 1
        over = self.n == c.num_steps
        pnl = self.cash + self.q * self.mid - before
        gain = self.cash + self.q * self.mid - self.start
        utility = ((1 - math.exp(-c.gamma * gain)) / c.gamma if c.gamma else gain) if over else 0.0
        terms = pnl, -c.dt * self.q**2, utility
        weights = c.pnl_weight, c.inventory_weight, c.utility_weight
        obs = (1 - self.n / c.num_steps, self.q / c.inventory_scale,
               (self.mid - c.start_price) / (c.sigma * math.sqrt(c.horizon)))  # fmt: skip
        return obs, sum(w * t for w, t in zip(weights, terms)), over, terms


@pytest.mark.parametrize(
    "changes",
    [{}, {"fill": "exponential"}, {"max_inventory": 2}, {"gamma": 0.0, "a": 300.0}, {"min_offset": -1, "sigma": 0.5}],
)
def test_every_step_is_the_twins(changes):
    settings, n, fills = {**SHORT, **changes}, 40, 0
    envs = gym.make_vec(ID, num_envs=n, autoreset_mode="SameStep", split="test", **settings)
    task = envs.unwrapped.task
    twins = [Twin(task, "test", 5 + i) for i in range(n)]
    envs.reset(seed=5)
    for twin in twins:
        twin.reset()
    for action in random_actions(25, n):
        held = [twin.q for twin in twins]
        obs, reward, terminated, truncated, info = envs.step(action)
        assert not truncated.any()
        seen = info["final_obs"] if terminated.any() else obs
        for i, twin in enumerate(twins):
            expected, paid, over, terms = twin.step(action[i])
            fills += twin.q != held[i]
            assert seen[i] == pytest.approx(expected, abs=1e-6)
            assert reward[i] == pytest.approx(paid, rel=1e-9, abs=1e-9) and terminated[i] == over
            assert envs.reward_terms[i] == pytest.approx(terms, rel=1e-9, abs=1e-9)
            if over:
                twin.reset()
    assert 100 < fills  # and both kinds of step were seen
    assert fills < 25 * n


@pytest.mark.parametrize("rule", ["linear", "exponential"])
def test_fills_have_the_rules_probability(rule):
    steps, n = (20, 200) if draw.config.DISABLE_JIT else (200, 4_000)
    envs = AvellanedaStoikovVectorEnv(n, horizon=1.0, dt=1 / steps, a=0.9 * steps, k=1.0, fill=rule, sigma=0.0)
    envs.reset(seed=1)
    bid, ask = 0.2, 1.0
    action = np.tile(np.float32([(bid + 2) / 3 - 1, (ask + 2) / 3 - 1]), (n, 1))
    for _ in range(steps):
        envs.step(action)
    bought = (envs.accounts()["equity"] + envs.accounts()["inventory"] * ask) / (bid + ask)
    sold = bought - envs.accounts()["inventory"]
    for count, offset in ((bought, bid), (sold, ask)):
        p = 0.9 * math.exp(-offset)
        p = 1 - math.exp(-p) if rule == "exponential" else p
        error = math.sqrt(p * (1 - p) / (steps * n))
        assert abs(count.sum() / (steps * n) - p) < 4.5 * error
    moved = np.corrcoef(bought, sold)[0, 1]
    assert abs(moved) < 4.5 / math.sqrt(n)


# --- Gymnasium ----------------------------------------------------------------------------------------------------
def test_check_env_has_nothing_to_say():
    env = gym.make(ID, render_mode="ansi", **SHORT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=False)


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("limit", [None, 4, 50])
def test_three_autoreset_modes_against_single_envs(mode, limit):
    n = 3
    fast = gym.make_vec(ID, num_envs=n, autoreset_mode=mode, max_episode_steps=limit, **SHORT)
    slow = SyncVectorEnv([lambda: AvellanedaStoikovEnv(max_episode_steps=limit, **SHORT)] * n, autoreset_mode=mode)
    assert fast.metadata["autoreset_mode"] is mode
    assert fast.observation_space == slow.observation_space and fast.action_space == slow.action_space
    (mine, mine_info), (theirs, their_info) = fast.reset(seed=11), slow.reset(seed=11)
    assert np.array_equal(mine, theirs) and mine_info == their_info == {}
    ends = 0
    for action in random_actions(24, n):
        mine, theirs = fast.step(action), slow.step(action)
        for a, b in zip(mine[:4], theirs[:4]):
            assert np.array_equal(a, b) and a.dtype == b.dtype and a.shape == b.shape
        same(mine[4], theirs[4])
        ended = mine[2] | mine[3]
        ends += int(ended.sum())
        assert not (mine[2] & mine[3]).any()
        if mode == AutoresetMode.DISABLED and ended.any():
            with pytest.raises(ResetNeeded, match="are over"):
                fast.step(action)
            options = {"reset_mask": ended}
            assert np.array_equal(fast.reset(options=options)[0], slow.reset(options=dict(options))[0])
    assert ends >= 2 * n


def test_a_partial_reset_parts_the_ends():
    """Envs at different ages in one block: each ends in its own time."""
    envs = gym.make_vec(ID, num_envs=3, autoreset_mode="SameStep", **SHORT)
    envs.reset(seed=0)
    actions = random_actions(30, 3)
    for action in actions[:4]:
        envs.step(action)
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    seen = [envs.step(action)[2].tolist() for action in actions[4:20]]
    assert [n for n, row in enumerate(seen, 5) if row[0]] == [10, 20]
    assert [n for n, row in enumerate(seen, 5) if row[1]] == [14]
    assert all(row[0] == row[2] for row in seen)


def test_the_single_env_is_the_vector_form_of_one():
    env, envs = gym.make(ID, **SHORT), gym.make_vec(ID, num_envs=1, autoreset_mode="Disabled", **SHORT)
    assert np.array_equal(env.reset(seed=3)[0], envs.reset(seed=3)[0][0])
    for n, action in enumerate(random_actions(10, 1)):
        obs, reward, terminated, truncated, info = env.step(action[0])
        rest = envs.step(action)
        assert np.array_equal(obs, rest[0][0]) and reward == rest[1][0] and terminated == rest[2][0] == (n == 9)
        assert isinstance(reward, float) and isinstance(terminated, bool) and truncated is False
    summary = info["episode_summary"]
    assert summary["length"] == 10 and kernels.END_NAMES[summary["end"]] == "horizon"
    terms = [summary["pnl"], summary["inventory_sum"], summary["utility"]]
    assert summary["return"] == pytest.approx(np.dot(terms, [1.0, 0.3, 0.7]), rel=1e-12)
    assert env.unwrapped.episode_reward_terms == pytest.approx(terms, rel=1e-12)
    with pytest.raises(ResetNeeded):
        env.step(action[0])


def test_alone_among_others_and_on_threads():
    """More envs than a block holds: env i is a function of its seed."""
    n, picked = kernels.BLOCK + 40, (0, 3, kernels.BLOCK - 1, kernels.BLOCK, kernels.BLOCK + 39)
    actions = random_actions(12, n)
    runs = []
    for threads in (1, 3):
        envs = AvellanedaStoikovVectorEnv(n, num_threads=threads, autoreset_mode="SameStep", **SHORT)
        obs = [envs.reset(seed=7)[0].copy()]
        runs.append(obs + [x.copy() for action in actions for x in envs.step(action)[:2]])
    assert all(np.array_equal(a, b) for a, b in zip(*runs))
    for i in picked:
        alone = AvellanedaStoikovVectorEnv(1, autoreset_mode="SameStep", **SHORT)
        seen = [alone.reset(seed=7 + i)[0].copy()]
        seen += [x.copy() for action in actions for x in alone.step(action[i : i + 1])[:2]]
        assert all(np.array_equal(a[0], b[i]) for a, b in zip(seen, runs[0]))


def test_episodes_seeds_and_splits_differ_and_repeat():
    def path(env, **reset):
        env.reset(**reset)
        return [env.step(a[0])[1] for a in random_actions(10, 1)]

    env = AvellanedaStoikovEnv(**SHORT)
    first, second = path(env, seed=5), path(env)
    assert first == path(env, seed=5) and second == path(env) and first != second
    assert first != path(env, seed=6) and first != path(AvellanedaStoikovEnv(**SHORT, split="test"), seed=5)


def test_snapshot_and_restore():
    envs, other = (AvellanedaStoikovVectorEnv(n, **SHORT) for n in (2, 3))
    actions = random_actions(14, 2)
    envs.reset(seed=1), other.reset(seed=99)
    for action in actions[:5]:
        obs, *_ = envs.step(action)
    assert np.array_equal(other.restore(envs.snapshot(1), 2), obs[1])
    for action in actions[5:]:
        a, reward, *_ = envs.step(action)
        b, other_reward, *_ = other.step(np.concatenate([action[:1], action[:1], action[1:]]))
        assert np.array_equal(a[1], b[2]) and reward[1] == other_reward[2]
    with pytest.raises(ConfigError, match="task hash"):
        AvellanedaStoikovVectorEnv(2, **{**SHORT, "a": 9.0}).restore(envs.snapshot())
    with pytest.raises(ConfigError, match="snapshot"):
        other.restore(b"short")


@pytest.mark.parametrize("form", ["env", "vector"])
def test_pickles_and_copies_are_new_envs_of_equal_settings(form):
    if form == "env":
        env = gym.make(ID, **SHORT).unwrapped
    else:
        env = gym.make_vec(ID, num_envs=2, autoreset_mode="SameStep", **SHORT)
    for other in (pickle.loads(pickle.dumps(env)), copy.deepcopy(env)):
        assert type(other) is type(env) and other.spec == env.spec and other.task == env.task
        assert np.array_equal(other.reset(seed=1)[0], env.reset(seed=1)[0])


# --- beyond Gymnasium ---------------------------------------------------------------------------------------------
def test_buffers_in_turn_copies_and_the_callers_own():
    envs = AvellanedaStoikovVectorEnv(2, **SHORT)
    handed = [envs.reset(seed=0)[0], *(envs.step(a)[0] for a in random_actions(3, 2))]
    assert handed[0] is handed[2] and handed[1] is handed[3] and handed[0] is not handed[1]
    fresh = AvellanedaStoikovVectorEnv(2, copy=True, **SHORT)
    handed = [fresh.reset(seed=0)[0], *(fresh.step(a)[0] for a in random_actions(3, 2))]
    assert not any(np.shares_memory(a, b) for n, a in enumerate(handed) for b in handed[:n])
    own = [np.full((2, 3), np.nan, np.float32) for _ in range(3)]
    envs.reset(seed=0)
    envs.use_buffers(*own)
    for action, expected in zip(random_actions(3, 2), handed[1:]):
        obs, *_ = envs.step(action)
        assert any(obs is buffer for buffer in own) and np.array_equal(obs, expected)
    with pytest.raises(ConfigError, match="buffers"):
        envs.use_buffers(np.zeros((2, 4), np.float32))


def test_settings_as_a_dict_a_file_or_arguments(tmp_path):
    file = tmp_path / "task.yaml"
    file.write_text("dt: 0.1\na: 8\nfill: exponential\n")
    envs = [gym.make(ID, config=file, k=2.0), gym.make(ID, config={"dt": 0.1, "a": 8, "fill": "exponential", "k": 2.0}),
            gym.make(ID, dt=0.1, a=8.0, fill="exponential", k=2.0)]  # fmt: skip
    assert envs[0].unwrapped.task == envs[1].unwrapped.task == envs[2].unwrapped.task
    assert pickle.loads(pickle.dumps(envs[0].unwrapped)).task.k == 2.0
    with pytest.raises(ConfigError, match="speed is not a setting"):
        gym.make(ID, config={"speed": 1})
    with pytest.raises(ConfigError, match="no_such_file.yaml"):
        gym.make(ID, config="no_such_file.yaml")


def test_reward_weights_can_be_set_env_by_env():
    envs, plain = (AvellanedaStoikovVectorEnv(3, **SHORT) for _ in range(2))
    envs.reset(seed=0), plain.reset(seed=0)
    envs.reward_weights[1] = 0.0, 2.0, 0.0
    for action in random_actions(10, 3):
        _, reward, terminated, *_ = envs.step(action)
        _, other, *_ = plain.step(action)
        assert reward[1] == pytest.approx(2 * plain.reward_terms[1, 1], rel=1e-12)
        assert np.array_equal(reward[[0, 2]], other[[0, 2]])
        assert np.array_equal(envs.reward_terms, plain.reward_terms)
    assert terminated.all()


def test_accounts_are_cash_and_marked_inventory():
    envs = AvellanedaStoikovVectorEnv(4, step_info=True, **SHORT)
    _, info = envs.reset(seed=0)
    for action in random_actions(9, 4):
        *_, info = envs.step(action)
        a = info["account"]
        gained = a["cash"] + a["inventory"] * a["mid"] - SHORT["start_inventory"] * 100.0
        assert gained == pytest.approx(a["equity"], abs=1e-9) and info["_account"].all()
        assert a["time_left"] == pytest.approx(1 - envs._numbers[kernels.STEP] * 0.1, abs=1e-12)


def test_the_bounds_hold_at_the_extremes():
    """Always filled on one side, the mid always moving: still inside the space."""
    envs = AvellanedaStoikovVectorEnv(64, horizon=0.7, dt=0.1, a=1e6, inventory_scale=3.0, max_offset=60.0)
    space = envs.observation_space
    assert envs.reset(seed=0)[0] in space
    peak = 0.0
    for n in range(7):
        obs, *_ = envs.step(np.tile(np.float32([-1, 1]), (64, 1)))
        assert obs in space, n
        peak = max(peak, float(np.abs(obs[:, 2]).max()))
    assert (obs[:, 1] == space.high[0, 1]).all() and obs[0, 0] == 0 and peak > 0.9 * space.high[0, 2]


def test_pictures_follow_the_episode():
    env = AvellanedaStoikovEnv(render_mode="rgb_array", **SHORT)
    env.reset(seed=0)
    pictures = [env.render()]
    for action in random_actions(10, 1):
        env.step(action[0])
        pictures.append(env.render())
    assert all(p.shape == (480, 640, 3) and p.dtype == np.uint8 for p in pictures)
    assert all((a != b).any() for a, b in zip(pictures, pictures[1:]))
    assert not np.shares_memory(*pictures[:2])
    env.reset(seed=0)
    assert np.array_equal(env.render(), pictures[0])
    bought, sold = (sum(row[column] for row in env._film._rows) for column in (BOUGHT, SOLD))
    assert bought == sold == 0


def test_a_film_sees_every_fill():
    env = AvellanedaStoikovEnv(render_mode="rgb_array", dt=0.1, a=8.0)
    env.reset(seed=4)
    for action in random_actions(10, 1):
        env.step(action[0])
    rows = np.array(env._film._rows, float)
    assert np.diff(rows[:, INVENTORY]).tolist() == (rows[1:, BOUGHT] - rows[1:, SOLD]).tolist()
    assert ((rows[:, BOUGHT] == 1) & (rows[:, SOLD] == 1)).any()  # both at once is seen too
    earned = (rows[1:, BOUGHT] * (rows[:-1, MID] - rows[1:, BID_QUOTE])
              + rows[1:, SOLD] * (rows[1:, ASK_QUOTE] - rows[:-1, MID])
              + rows[1:, INVENTORY] * np.diff(rows[:, MID]))  # fmt: skip
    assert np.diff(rows[:, PNL]) == pytest.approx(earned, abs=1e-9)


def test_a_window_needs_pygame():
    if find_spec("pygame"):
        pytest.skip("pygame is installed")
    env = AvellanedaStoikovEnv(render_mode="human", **SHORT)
    with pytest.raises(MissingExtraError, match="render"):
        env.reset(seed=0)


def test_render():
    env = gym.make(ID, render_mode="ansi", **SHORT)
    env.reset(seed=0)
    env.step(np.float32([0, 0]))
    assert "time left 0.9000" in env.render() and "inventory" in env.render()
    assert AvellanedaStoikovEnv(**SHORT).render() is None


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"dt": 0.3}, "AvellanedaStoikovConfig.dt must be a whole fraction"),
        ({"dt": 0}, "dt"),
        ({"sigma": -1.0}, "AvellanedaStoikovConfig.sigma"),
        ({"a": float("nan")}, "AvellanedaStoikovConfig.a"),
        ({"k": 0}, "AvellanedaStoikovConfig.k"),
        ({"fill": "poisson"}, "one of linear, exponential"),
        ({"max_offset": -3.0}, "max_offset must be >= min_offset"),
        ({"max_inventory": 0}, "max_inventory"),
        ({"start_inventory": 5, "max_inventory": 3}, "max_inventory"),
        ({"speed": 3}, "speed is not an argument"),
        ({"split": ""}, "split"),
        ({"autoreset_mode": "sometimes"}, "autoreset_mode"),
        ({"max_episode_steps": 0}, "max_episode_steps"),
        ({"render_mode": "human"}, "render_mode"),  # the vector form has no window
        ({"num_threads": 0}, "num_threads"),
        ({"num_envs": 0}, "num_envs"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ConfigError, match=words):
        AvellanedaStoikovVectorEnv(**arguments)


@pytest.mark.parametrize("threads", [1, 2])
def test_bad_actions_are_named_and_move_nothing(threads):
    envs = AvellanedaStoikovVectorEnv(4, num_threads=threads, **SHORT)
    envs.reset(seed=0)
    bad = np.zeros((4, 2), np.float32)
    bad[3, 1] = np.nan
    with pytest.raises(ConfigError, match=r"actions\[3, 1\] \(ask_offset\) must be a number, was nan"):
        envs.step(bad)
    with pytest.raises(ConfigError, match=r"actions must be of shape \(4, 2\)"):
        envs.step(np.zeros((4, 3), np.float32))
    assert (envs._numbers[kernels.STEP] == 0).all()
    envs.step(np.full((4, 2), np.inf, np.float32))  # clipped


def test_no_arbitrage_in_crossed_quotes():
    """A bid far above the ask, both filled at once, only loses: the model pays nobody for it."""
    envs = AvellanedaStoikovVectorEnv(200, a=1e4, **{k: v for k, v in SHORT.items() if k == "dt"})
    envs.reset(seed=0)
    for _ in range(10):
        _, reward, *_ = envs.step(np.full((200, 2), -1, np.float32))
        assert reward == pytest.approx(np.full(200, -4.0))


def test_the_page_has_its_parts_in_order_and_its_tables():
    page = AvellanedaStoikovEnv.__doc__
    assert re.findall(r"^## (.*)$", page, re.M) == ORDER
    assert field_table(observation_fields(DEFAULT_TASK)) in page
    for field in dataclasses.fields(DEFAULT_TASK):
        assert f"| `{field.name}` | {getattr(DEFAULT_TASK, field.name)!r} |" in page
    for name in kernels.REWARD_TERMS:
        assert f"| `{name}` | `{name}_weight` |" in page
    assert "{{" not in page and not re.search(r"{\w+}", page)
    low, high = AvellanedaStoikovEnv().observation_space.low, AvellanedaStoikovEnv().observation_space.high
    fields = observation_fields(DEFAULT_TASK)
    assert low.tolist() == [np.float32(f.low) for f in fields] and high.tolist() == [np.float32(f.high) for f in fields]
