"""Every environment, and every role of the multi-agent ones, has policies that act validly to the end."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import qsl_envs
from baselines.policies.desk import Desk
from baselines.policies.keyed import mix_seats
from baselines.policies.library import DESKS, POLICIES, build, candidates, names_for, roles_of
from baselines.policies.search import Span, open_ends, points, radical_inverse
from qsl_envs.errors import ConfigError
from qsl_envs.front_door import LADDER
from qsl_envs.registration import ENVIRONMENTS, MARL_ENVIRONMENTS

SINGLE = [env_id for env_id, role in DESKS if role is None]
CROWDS = [entry.env_id for entry in MARL_ENVIRONMENTS]
SHORT = 40
"""Steps until most episodes here are cut: what a step does not show, the last one does."""


def make(env_id, num_envs, **changes):
    return gym.make_vec(env_id, num_envs=num_envs, autoreset_mode="SameStep", max_episode_steps=SHORT, **changes)


def play(envs, policy, seed):
    """Actions of every step of an episode, and the sum of rewards, of all envs."""
    policy.reset(seed + np.arange(envs.num_envs))
    obs, _ = envs.reset(seed=seed)
    actions, total, running = [], np.zeros(envs.num_envs), np.ones(envs.num_envs, bool)
    while running.any():
        action = policy(obs)
        assert envs.action_space.contains(action), (policy.name, action.dtype, action.shape)
        actions.append(action.copy())
        obs, reward, terminated, truncated, _ = envs.step(action)
        total += np.where(running, reward, 0.0)
        running &= ~(terminated | truncated)
    return np.stack(actions), total


def test_every_id_is_known():
    assert {e.env_id for e in ENVIRONMENTS} | {rung.env_id for rung in LADDER} == set(SINGLE)
    for env_id in CROWDS:
        assert set(roles_of(env_id)) == set(qsl_envs.make_marl_vec(env_id, 1).roles)


@pytest.mark.parametrize("env_id", SINGLE)
def test_its_policies_act_validly_to_the_end_whatever_the_batch(env_id):
    names = names_for(env_id)
    assert len(names) >= 4 and names[:2] == ("do nothing", "random")
    envs, few = make(env_id, 6), make(env_id, 2)
    desk = Desk.of(envs)
    for name in names:
        for parameters in candidates(name, desk, 2, 1.0):
            actions, score = play(envs, build(name, desk, parameters), 3)
            assert np.isfinite(actions).all() and np.isfinite(score).all()
            part, part_score = play(few, build(name, desk, parameters), 5)
            # an env that ends early begins anew, so beyond the first end only whole episodes compare
            same = SHORT if len(actions) == len(part) == SHORT else 2
            assert len(part) >= 2 and np.array_equal(part[:same], actions[:same, 2:4]), name
            if same == SHORT:
                assert part_score.tolist() == score[2:4].tolist()
    envs.close()
    few.close()


@pytest.mark.parametrize("env_id", CROWDS)
def test_the_policies_of_every_role_act_validly(env_id):
    envs = qsl_envs.make_marl_vec(env_id, 3, autoreset_mode="SameStep", max_episode_steps=SHORT)
    desks = {role: Desk.of(envs, role) for role in envs.roles}
    rounds = max(len(names_for(env_id, role)) for role in envs.roles)
    worlds = np.arange(3)
    for n in range(rounds):
        seated = {}
        for role, made in envs.roles.items():
            names = names_for(env_id, role)
            name = names[n % len(names)]
            parameters = candidates(name, desks[role], 1, 1.0)[0]
            seated[role] = [build(name, desks[role], parameters) for _ in range(made.num_seats)]
            for seat, policy in enumerate(seated[role]):
                policy.reset(mix_seats(worlds, seat))
        obs, _ = envs.reset(seed=0)
        for _ in range(SHORT):
            actions = {role: np.stack([p(obs[role][:, k]) for k, p in enumerate(seated[role])], 1) for role in seated}
            for role, given in actions.items():
                space = envs.action_space(role)
                assert all(space.contains(a) for a in given.reshape(-1, given.shape[-1])), (role, n)
            obs, *_ = envs.step(actions)


def test_random_covers_the_space_and_does_not_depend_on_the_batch():
    envs = make("qsl/MarketMaking-v0", 1)
    desk, obs = Desk.of(envs), np.zeros((400, envs.single_observation_space.shape[0]), np.float32)
    policy = build("random", desk)
    policy.reset(np.arange(400))
    whole = np.stack([policy(obs) for _ in range(50)])
    policy.reset(np.arange(123, 130))
    part = np.stack([policy(obs[:7]) for _ in range(50)])
    assert np.array_equal(part, whole[:, 123:130])
    assert np.abs(whole).max() <= 1 and np.abs(whole.mean((0, 1))).max() < 0.02
    assert whole.var((0, 1)) == pytest.approx(np.full(4, 1 / 3), abs=0.01)
    flat = whole.reshape(-1, 4)
    assert np.abs(np.corrcoef(np.hstack([flat[:-1], flat[1:]]).T) - np.eye(8)).max() < 0.03
    envs.close()


def test_random_takes_every_choice():
    envs = make("qsl/MarketMakingDiscrete-v0", 1)
    policy = build("random", Desk.of(envs))
    policy.reset(np.arange(2000))
    seen = np.bincount(policy(np.zeros((2000, 1), np.float32)), minlength=25)
    assert len(seen) == 25 and seen.min() > 40
    envs.close()


def test_points_are_those_of_halton():
    assert [radical_inverse(n, 2) for n in range(1, 8)] == [0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875]
    assert [radical_inverse(n, 3) for n in range(1, 4)] == pytest.approx([1 / 3, 2 / 3, 1 / 9])
    spans = {"a": Span(1.0, 100.0, log=True), "b": Span(0, 3, whole=True), "c": Span(-1.0, 1.0)}
    found = points(spans, 300)
    assert [p["a"] for p in found[:2]] == pytest.approx([10.0, 100**0.25], rel=1e-4)
    assert {p["b"] for p in found} == {0.0, 1.0, 2.0, 3.0}
    for name, span in spans.items():
        values = np.array([p[name] for p in found])
        assert span.low <= values.min() and values.max() <= span.high
    assert np.mean([p["c"] for p in found]) == pytest.approx(0.0, abs=0.02)
    assert points({}, 5) == [{}]


def test_a_point_at_the_end_of_a_span_is_told_unless_there_is_nothing_beyond():
    """Of 31 points, the shares of the first coordinate are n / 32 in another order: three lie in each outer tenth."""
    found = [open_ends({"a": Span(1.0, 2.0)}, n) for n in range(1, 32)]
    shares = [radical_inverse(n, 2) for n in range(1, 32)]
    assert [n for n, ends in enumerate(found) if ends == ["low end of a"]] == [
        n for n, share in enumerate(shares) if share in (1 / 32, 2 / 32, 3 / 32)
    ]
    assert sum(ends == ["high end of a"] for ends in found) == 3 and sum(map(bool, found)) == 6
    for own, left in (("low", {"high end of a"}), ("high", {"low end of a"}), ("both", set())):
        ends = [open_ends({"a": Span(1.0, 2.0, own=own)}, n) for n in range(1, 32)]
        assert {end for one in ends for end in one} == left
    assert open_ends({"a": Span(3.0, 3.0)}, 16) == [], "a span of one value has no end"
    assert open_ends({"a": Span(0, 1), "b": Span(0, 1)}, 26) == ["high end of b"], "2/9 + 2/3 + 2/27"


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="env_id"):
        names_for("qsl/Nowhere-v0")
    with pytest.raises(ConfigError, match="role .*maker, executor"):
        names_for("qsl/MakersTakers-v0")
    assert names_for("qsl/MarketMakers-v0") == names_for("qsl/MarketMakers-v0", "maker")
    with pytest.raises(ConfigError, match="role"):
        Desk.of(qsl_envs.make_marl_vec("qsl/MakersTakers-v0", 1), "taker")
    assert all(name == policy.name for name, policy in POLICIES.items())
