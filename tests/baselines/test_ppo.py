"""The learner is right: its mathematics by hand, toys whose answer is known, the same bits twice."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from baselines.learning.cloning import clone
from baselines.learning.networks import ActorSpec
from baselines.learning.rollouts import final_rows
from baselines.portable import load_actor, load_policy
from baselines.ppo import Agent, Args, Batch, advantages_of, improve, train
from qsl_envs.errors import ConfigError
from tests.baselines.toys import Corridor, Salary, Shifts, Shop, Steering


def quiet(share, text):
    """A progress line that nobody reads."""


def small(tmp_path, **changes):
    """Settings for toys: 64 environments, 16 steps, one torch thread."""
    given = {"num_envs": 64, "num_steps": 16, "minibatch_size": 256, "torch_threads": 1, "out": str(tmp_path / "run")}
    return Args(**{**given, **changes})


def test_advantages_by_hand():
    """Two environments, three steps; the left one terminates at step 1, the right one is truncated there."""
    rewards = torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    values = torch.tensor([[0.5, 0.5], [0.4, 0.4], [0.3, 0.3]])
    next_values = torch.tensor([[0.4, 0.4], [0.0, 5.0], [0.7, 0.7]])
    ended = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    found = advantages_of(rewards, values, next_values, ended, discounts=0.9, gae_lambda=0.5)
    last = 3.0 + 0.9 * 0.7 - 0.3
    left_1, right_1 = 2.0 - 0.4, 2.0 + 0.9 * 5.0 - 0.4
    first = 1.0 + 0.9 * 0.4 - 0.5
    expected = [[first + 0.45 * left_1, first + 0.45 * right_1], [left_1, right_1], [last, last]]
    assert found.numpy() == pytest.approx(np.array(expected), abs=1e-6)


@pytest.mark.parametrize("semi", [False, True], ids=["equal steps", "steps of any length"])
def test_advantages_against_sums_of_k_step_returns(semi):
    """GAE is the lambda-weighted sum of one-step errors; written out as a double sum over random episodes."""
    chance = np.random.default_rng(3)
    steps, envs, lam = 12, 5, 0.8
    rewards, values, after = (chance.normal(size=(steps, envs)) for _ in range(3))
    ended = (chance.random((steps, envs)) < 0.25).astype(float)
    gamma = 0.97 ** (chance.uniform(0.1, 3.0, size=(steps, envs)) if semi else np.ones((steps, envs)))
    tensors = [torch.tensor(x, dtype=torch.float32) for x in (rewards, values, after, ended, gamma)]
    found = advantages_of(*tensors, lam).numpy()
    for e in range(envs):
        for t in range(steps):
            total, weight = 0.0, 1.0
            for k in range(t, steps):
                total += weight * (rewards[k, e] + gamma[k, e] * after[k, e] - values[k, e])
                weight *= gamma[k, e] * lam
                if ended[k, e]:
                    break
            assert found[t, e] == pytest.approx(total, abs=1e-5)
    assert ended.sum() > 5


def test_first_losses_by_hand():
    """On the policy that made the data the ratio is 1: policy loss -mean(normalised advantage) = 0, kl 0."""
    torch.manual_seed(0)
    agent = Agent(ActorSpec(obs_dim=2, action_dim=1))
    obs, actions = torch.randn(32, 2), torch.randn(32, 1)
    with torch.no_grad():
        old = agent.actor.log_prob(agent.actor.outputs(obs)[0], actions)
        value = agent.value(obs)
    advantages, targets = torch.randn(32), torch.randn(32)
    args = Args(num_epochs=1, minibatch_size=32, learning_rate=0.0)
    optimizer = torch.optim.Adam(agent.parameters(), lr=0.0)
    losses = improve(agent, optimizer, args, torch.Generator(), Batch(obs, actions, old, advantages, targets))
    assert losses["policy_loss"] == pytest.approx(0.0, abs=1e-6)
    assert losses["kl"] == pytest.approx(0.0, abs=1e-7)
    assert losses["value_loss"] == pytest.approx(0.5 * float(((value - targets) ** 2).mean()), rel=1e-5)


def test_the_ratio_is_clipped_where_it_earns():
    """With a ratio of 1.5 everywhere, a good action earns 1 + clip of its advantage, a bad one loses all of it."""
    agent = Agent(ActorSpec(obs_dim=1, action_dim=1))
    obs, actions = torch.zeros(4, 1), torch.zeros(4, 1)
    with torch.no_grad():
        old = agent.actor.log_prob(agent.actor.outputs(obs)[0], actions) - np.log(1.5)
    advantages = torch.tensor([1.0, 2.0, -1.0, -2.0])
    args = Args(num_epochs=1, minibatch_size=4, clip=0.2, target_kl=0.0)
    optimizer = torch.optim.Adam(agent.parameters(), lr=0.0)
    losses = improve(agent, optimizer, args, torch.Generator(), Batch(obs, actions, old, advantages, torch.zeros(4)))
    scaled = advantages / advantages.std()
    expected = -float((scaled[:2] * 1.2).sum() + (scaled[2:] * 1.5).sum()) / 4
    assert losses["policy_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("terminates", "answer"), [(True, None), (False, 1 / (1 - 0.8))])
def test_what_ends_and_what_is_cut(tmp_path, terminates, answer):
    """Reward 1 a step, gamma 0.8: cut off, the future is worth 5 at every age; ended, the sum of what is left."""
    args = small(tmp_path, gamma=0.8, total_frames=30 * 1024, learning_rate=3e-3)
    agent, _ = train(args, Salary(64, terminates), quiet)
    ages = np.arange(4)
    expected = (1 - 0.8 ** (4 - ages)) / 0.2 if terminates else np.full(4, answer)
    with torch.no_grad():
        rows = torch.tensor(ages[:, None] / 4, dtype=torch.float32)
        found = agent.value(agent.actor.normalize(rows)) * agent.return_moments.scale()
    assert found.numpy() == pytest.approx(expected, rel=0.08)


def test_a_decision_is_discounted_by_the_time_that_it_takes(tmp_path):
    """Decisions of one step and of three take turns; cut off after five. The values by hand, never those of gamma^1."""
    args = small(tmp_path, gamma=0.8, total_frames=40 * 1024, learning_rate=3e-3)
    agent, _ = train(args, Shifts(64), quiet)
    with torch.no_grad():
        rows = torch.tensor([[0.0], [1.0]])
        found = agent.value(agent.actor.normalize(rows)) * agent.return_moments.scale()
    assert found.numpy() == pytest.approx(Shifts.values(0.8), rel=0.05)
    assert Shifts.values(0.8) == pytest.approx([3.05, 2.56], abs=0.01)


def test_choices_find_the_way(tmp_path):
    """In every cell of the corridor the better of two ways, where it is better by more than a hundredth."""
    agent, _ = train(small(tmp_path, gamma=0.95, total_frames=30 * 1024, learning_rate=3e-3), Corridor(64), quiet)
    worth = Corridor.action_values(0.95)
    chosen = load_policy(tmp_path / "run" / "policy", Corridor(1))(np.eye(Corridor.CELLS, dtype=np.float32))
    clear = np.abs(worth[:, 0] - worth[:, 1]) > 0.01
    assert chosen.dtype == np.int64 and np.array_equal(chosen[clear], worth.argmax(1)[clear])
    assert set(chosen[clear].tolist()) == {0, 1}


def returns_of(policy, first=10**6, num_envs=1000):
    """Return of each of `num_envs` steering episodes that training never saw."""
    envs = Steering(num_envs)
    obs, total = envs.reset(seed=first)[0], np.zeros(num_envs)
    for _ in range(Steering.STEPS):
        obs, reward, *_ = envs.step(policy(obs))
        total += reward
    return total


def test_it_finds_the_best_controller(tmp_path):
    """The Riccati controller is the best there is; doing nothing is 0 %, the controller 100 %."""
    agent, curve = train(small(tmp_path, total_frames=50 * 1024, learning_rate=3e-3), Steering(64), quiet)
    gains = Steering.gains()
    nothing = returns_of(lambda obs: np.zeros((len(obs), 1))).mean()
    best = returns_of(lambda obs: np.clip(-gains[np.rint((1 - obs[:, 1:]) * 6).astype(int)] * obs[:, :1], -1, 1)).mean()
    learned = returns_of(load_policy(tmp_path / "run" / "policy", Steering(1))).mean()
    assert best - nothing > 1
    assert 0.97 < (learned - nothing) / (best - nothing) < 1.01
    assert curve[-1]["frames"] == 50 * 1024


def test_the_same_seed_is_the_same_run_and_resuming_changes_nothing(tmp_path):
    args = {"total_frames": 4 * 1024, "checkpoint_every": 2, "seed": 5}
    whole, curve = train(small(tmp_path / "a", **args), Steering(64), quiet)
    again, _ = train(small(tmp_path / "b", **args), Steering(64), quiet)
    other, _ = train(small(tmp_path / "c", **{**args, "seed": 6}), Steering(64), quiet)

    class Interrupted(Exception):
        pass

    def stop_in_the_third(share, text):
        if share > 0.7:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(small(tmp_path / "d", **args), Steering(64), stop_in_the_third)
    resumed, curve_d = train(small(tmp_path / "d", **args, resume=True), Steering(64), quiet)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert not torch.equal(whole.actor.head.weight, other.actor.head.weight)
    assert [row["return"] for row in curve] == [row["return"] for row in curve_d]


def test_a_saved_policy_acts_as_the_trained_one_and_knows_its_world(tmp_path):
    agent, _ = train(small(tmp_path, smoke=True, num_envs=8), Shop(8), quiet)
    obs = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    policy = load_policy(tmp_path / "run" / "policy", Shop(1))
    with torch.no_grad():
        expected = agent.actor.act(torch.tensor(obs))[0].numpy()
    policy.reset(np.arange(7))
    assert policy(obs) == pytest.approx(expected, abs=1e-6) and policy(obs).dtype == np.float32
    with pytest.raises(ConfigError, match="observations"):
        load_policy(tmp_path / "run" / "policy", Steering(1))
    settings = json.loads((tmp_path / "run" / "args.json").read_text())
    rows = [json.loads(line) for line in (tmp_path / "run" / "progress.jsonl").read_text().splitlines()]
    assert settings["num_envs"] == 8 and len(rows) == 2 and rows[-1]["frames"] == 256


def test_a_world_that_resets_otherwise_is_refused(tmp_path):
    envs = Steering(64)
    envs.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}
    with pytest.raises(ConfigError, match="autoreset_mode"):
        train(small(tmp_path), envs, quiet)


def test_final_observations_come_as_a_table_or_one_by_one():
    table = np.arange(6, dtype=np.float64).reshape(3, 2)
    listed = np.array([None, table[1], table[2]], dtype=object)
    for form in (table, listed):
        assert np.array_equal(final_rows({"final_obs": form}, np.array([1, 2])), table[1:].astype(np.float32))


@pytest.mark.parametrize("setting", [{"gamma": 1.5}, {"num_envs": 0}, {"seed": -1}, {"gae_lambda": 2.0}])
def test_impossible_settings_are_named(setting):
    with pytest.raises(ConfigError, match=f"Args.{next(iter(setting))}"):
        Args(**setting)


def test_a_clone_does_what_its_teacher_does_and_a_run_starts_from_it(tmp_path):
    """The toy's best controller is cloned; a run of value updates alone leaves it as it is, noise aside."""
    gains = Steering.gains()

    class Teacher:
        name = "riccati"

        def reset(self, seeds):
            """Nothing to forget."""

        def __call__(self, obs):
            k = gains[np.rint((1 - obs[:, 1:]) * 6).astype(int)]
            return np.clip(-k * obs[:, :1], -1, 1).astype(np.float32)

    difference = clone(Teacher(), Steering(64), tmp_path / "start", steps=60)
    assert difference < 0.01  # of actions whose mean square is 0.2
    student = load_policy(tmp_path / "start", Steering(1))
    assert abs(returns_of(student).mean() - returns_of(Teacher()).mean()) < 0.05
    args = small(tmp_path, init=str(tmp_path / "start"), critic_updates=2, total_frames=2 * 1024, init_log_std=-2.0)
    agent, _ = train(args, Steering(64), quiet)
    cloned = load_actor(tmp_path / "start", Steering(1))
    for part in ("body", "head"):
        for name, value in getattr(cloned, part).state_dict().items():
            assert torch.equal(getattr(agent.actor, part).state_dict()[name], value), name
    assert agent.actor.log_std.tolist() == [-2.0]
