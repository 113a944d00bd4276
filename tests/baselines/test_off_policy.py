"""SAC, DDPG and DQN are right: targets and losses by hand, toys whose answer is known, the same bits twice."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from baselines import ddpg, dqn, sac
from baselines.learning.networks import Actor, ActorSpec
from baselines.learning.off_policy import OffPolicyArgs, Run, follow
from baselines.learning.replay_memory import Batch
from baselines.learning.run_files import read_tensors
from baselines.portable import load_policy, read_manifest
from qsl_envs.errors import ConfigError
from tests.baselines.toys import Corridor, Salary, Shifts, Steering

LEARNERS = {"sac": (sac, Steering), "ddpg": (ddpg, Steering), "dqn": (dqn, Corridor)}


def quiet(share, text):
    """A progress line that nobody reads."""


def small(module, tmp_path, **changes):
    """Settings for toys: 32 environments, one step to a transition, small networks that learn quickly."""
    given = {"num_envs": 32, "num_steps": 32, "batch_size": 128, "hidden": 32, "random_frames": 1000, "tau": 0.05,
             "learning_rate": 3e-3, "return_steps": 1, "memory_frames": 20_000,
             "out": str(tmp_path / "run")}  # fmt: skip
    return module.Args(**{**given, **changes})


def batch_of(n=16, obs_dim=3, choices=0, seed=0):
    """Made-up transitions, some of which end."""
    g = torch.Generator().manual_seed(seed)
    actions = torch.randint(choices, (n,), generator=g) if choices else 2 * torch.rand(n, 2, generator=g) - 1
    discounts = 0.9 * (torch.rand(n, generator=g) < 0.7)
    return Batch(torch.randn(n, obs_dim, generator=g), actions, torch.randn(n, generator=g),
                 torch.randn(n, obs_dim, generator=g), discounts)  # fmt: skip


# --- what is remembered


class Onlooker(torch.nn.Module):
    """Nothing is learned; the run needs an actor all the same."""

    def __init__(self, obs_dim):
        super().__init__()
        self.actor, self.optimizers = Actor(ActorSpec(obs_dim=obs_dim, action_dim=1, hidden=())), {}


def remembered(envs, tmp_path, steps):
    """Transitions of a run that acts with 0."""
    args = OffPolicyArgs(num_envs=envs.num_envs, num_steps=steps, return_steps=1, gamma=0.9, out=str(tmp_path),
                         total_frames=steps * envs.num_envs, memory_frames=steps * envs.num_envs)  # fmt: skip
    run = Run("nobody", args, envs, quiet)
    run.start(Onlooker(envs.single_observation_space.shape[0]))
    for _ in run.updates():
        for _ in range(steps):
            run.step(torch.zeros(envs.num_envs, 1))
    return run


@pytest.mark.parametrize("terminates", [True, False])
def test_what_ends_is_followed_by_nothing_and_what_is_cut_off_by_its_final_observation(tmp_path, terminates):
    rows = remembered(Salary(4, terminates), tmp_path, 9).memory.rows
    last = rows.obs[:, 0] == 0.75
    assert last.sum() == 9
    assert torch.equal(rows.discounts[last], torch.full((9,), 0.0 if terminates else 0.9))
    assert torch.equal(rows.discounts[~last], torch.full((27,), 0.9))
    assert torch.equal(rows.next_obs[:, 0], torch.where(last, 0.0, rows.obs[:, 0] + 0.25))


def test_decisions_that_take_longer_are_discounted_more_and_rewards_scaled_by_it(tmp_path):
    run = remembered(Shifts(4), tmp_path, 10)
    rows = run.memory.rows
    assert rows.discounts == pytest.approx(0.9 ** (1 + 2 * rows.obs[:, 0]))
    assert torch.equal(rows.next_obs[:, 0], 1 - rows.obs[:, 0])
    assert torch.equal(rows.next_obs[:, 1], 1 + 2 * rows.obs[:, 0])
    sums, running = [], np.zeros(4)
    for step in range(10):
        long = (np.arange(4) + step) % 2 == 1
        running = running * np.where(long, 0.9**3, 0.9) + 1
        sums.append(running.copy())
        if step % 5 == 4:
            running[:] = 0
    assert run.return_moments.scale().item() == pytest.approx(np.std(sums), rel=1e-5)


# --- targets and losses by hand


def test_sac_s_density_is_that_of_a_squashed_gaussian():
    """Against torch's own transformed distribution."""
    learner = sac.Learner(ActorSpec(obs_dim=3, action_dim=2, hidden=(8,), head="squashed"), sac.Args())
    obs, noise = torch.randn(5, 3), torch.randn(5, 2)
    actions, log_probs = learner.sample(obs, noise)
    mean, log_std = learner.actor.outputs(obs)[0].chunk(2, -1)
    normal = torch.distributions.Normal(mean, log_std.exp())
    squashed = torch.distributions.TransformedDistribution(normal, torch.distributions.TanhTransform())
    assert torch.allclose(actions, torch.tanh(mean + log_std.exp() * noise))
    assert torch.allclose(log_probs, squashed.log_prob(actions).sum(-1), atol=1e-4)


def test_sac_s_twin_values_are_two_plain_networks():
    critic = sac.TwinCritic(5, 8)
    obs, actions = torch.randn(4, 3), torch.randn(4, 2)
    for k in range(2):
        x = torch.cat((obs, actions), -1)
        for layer in range(2):
            x = x @ critic.weights[layer][k] + critic.biases[layer][k]
            x = torch.relu((x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt())
        assert torch.allclose(critic(obs, actions)[k], (x @ critic.weights[2][k]).squeeze(-1), atol=1e-5)
    assert not torch.equal(*critic(obs, actions))


def test_sac_s_targets_and_losses_by_hand():
    torch.manual_seed(0)
    args = sac.Args(hidden=8, learning_rate=0.0, entropy_start=0.3, entropy_target=-1.0)
    learner = sac.Learner(ActorSpec(obs_dim=3, action_dim=2, hidden=(8,), head="squashed"), args)
    with torch.no_grad():
        for weight in learner.target.parameters():
            weight.add_(0.1 * torch.randn(weight.shape))
    batch, noise = batch_of(), torch.randn(2, 16, 2)
    with torch.no_grad():
        actions, log_probs = learner.sample(batch.next_obs, noise[0])
        slow = torch.minimum(*learner.target(batch.next_obs, actions))
        targets = batch.rewards + batch.discounts * (slow - 0.3 * log_probs)
        first, second = learner.critic(batch.obs, batch.actions)
        now, log_now = learner.sample(batch.obs, noise[1])
        best = torch.minimum(*learner.critic(batch.obs, now))
    assert torch.allclose(learner.targets(batch, noise[0]), targets, atol=1e-6)
    losses = learner.update(batch, noise)
    by_hand = 0.5 * (((first - targets) ** 2).mean() + ((second - targets) ** 2).mean())
    assert losses["critic_loss"] == pytest.approx(by_hand.item(), rel=1e-5)
    assert losses["actor_loss"] == pytest.approx((0.3 * log_now - best).mean().item(), rel=1e-5)
    assert losses["entropy"] == pytest.approx(-log_now.mean().item(), rel=1e-5)
    # d/d(log alpha) of log alpha (entropy - target): too much entropy makes its weight fall
    assert learner.log_alpha.grad.item() == pytest.approx(losses["entropy"] + 2.0, rel=1e-5)


def test_ddpg_s_targets_and_losses_by_hand():
    torch.manual_seed(0)
    learner = ddpg.Learner(
        ActorSpec(obs_dim=3, action_dim=2, hidden=(8,), head="deterministic"), ddpg.Args(hidden=8, learning_rate=0.0)
    )
    with torch.no_grad():
        for weight in (*learner.slow_actor.parameters(), *learner.slow_critic.parameters()):
            weight.add_(0.1 * torch.randn(weight.shape))
    batch = batch_of()
    with torch.no_grad():
        after = torch.tanh(learner.slow_actor.outputs(batch.next_obs)[0])
        following = learner.slow_critic(torch.cat((batch.next_obs, after), -1))[:, 0]
        targets = batch.rewards + batch.discounts * following
        values = learner.critic(torch.cat((batch.obs, batch.actions), -1))[:, 0]
        own = torch.tanh(learner.actor.outputs(batch.obs)[0])
        best = learner.critic(torch.cat((batch.obs, own), -1))[:, 0]
    assert torch.allclose(learner.targets(batch), targets, atol=1e-6)
    losses = learner.update(batch)
    assert losses["critic_loss"] == pytest.approx((0.5 * (values - targets) ** 2).mean().item(), rel=1e-5)
    assert losses["value"] == pytest.approx(best.mean().item(), rel=1e-5)


def test_dqn_s_targets_and_losses_by_hand():
    """The fast network chooses, the slow one values; errors beyond 1 count by their size."""
    torch.manual_seed(0)
    learner = dqn.Learner(
        ActorSpec(obs_dim=3, num_choices=4, hidden=(8,), head="categorical"), dqn.Args(learning_rate=0)
    )
    with torch.no_grad():
        for weight in (*learner.slow.parameters(), *learner.actor.parameters()):
            weight.add_(torch.randn(weight.shape))
    batch = batch_of(choices=4)
    with torch.no_grad():
        fast, slow = learner.actor.outputs(batch.next_obs)[0], learner.slow.outputs(batch.next_obs)[0]
        now = learner.actor.outputs(batch.obs)[0]
    assert (fast.argmax(-1) != slow.argmax(-1)).any()
    errors = []
    for i in range(16):
        target = batch.rewards[i] + batch.discounts[i] * slow[i, fast[i].argmax()]
        assert learner.targets(batch)[i].item() == pytest.approx(target.item(), abs=1e-5)
        error = abs(float(now[i, batch.actions[i]] - target))
        errors.append(0.5 * error**2 if error < 1 else error - 0.5)
    assert learner.update(batch)["loss"] == pytest.approx(np.mean(errors), rel=1e-5)


def test_slow_networks_follow():
    slow, fast = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    expected = 0.75 * slow.weight.detach() + 0.25 * fast.weight.detach()
    follow(slow, fast, 0.25)
    assert torch.allclose(slow.weight, expected)


# --- toys


def returns_of(policy, first=10**6, num_envs=1000):
    """Return of each of `num_envs` steering episodes that training never saw."""
    envs = Steering(num_envs)
    obs, total = envs.reset(seed=first)[0], np.zeros(num_envs)
    policy.reset(first + np.arange(num_envs))
    for _ in range(Steering.STEPS):
        obs, reward, *_ = envs.step(policy(obs))
        total += reward
    return total.mean()


class Riccati:
    """The best controller, or none with `factor` 0."""

    def __init__(self, factor=1.0):
        self.gains = factor * Steering.gains()

    def reset(self, seeds):
        """Nothing to forget."""

    def __call__(self, obs):
        k = self.gains[np.rint((1 - obs[:, 1:]) * Steering.STEPS).astype(int)]
        return np.clip(-k * obs[:, :1], -1, 1)


@pytest.mark.parametrize(("name", "steps", "share"), [("sac", 500, 0.96), ("ddpg", 900, 0.92)])
def test_it_finds_the_best_controller(tmp_path, name, steps, share):
    """The share of what can be gained over doing nothing, in episodes that it never saw."""
    module, toy = LEARNERS[name]
    changes = {"entropy_start": 0.1, "entropy_target": -2.0} if name == "sac" else {}
    args = small(module, tmp_path, gamma=0.999, total_frames=steps * 32, **changes)
    module.train(args, toy(32), quiet)
    policy = load_policy(tmp_path / "run" / "policy", toy(8))
    best, nothing = returns_of(Riccati()), returns_of(Riccati(0.0))
    assert share < (returns_of(policy) - nothing) / (best - nothing) < 1.01


def test_dqn_walks_to_the_end_that_is_worth_it(tmp_path):
    args = small(dqn, tmp_path, gamma=0.95, total_frames=700 * 32, return_steps=2, explore_frames=10_000)
    actor, _ = dqn.train(args, Corridor(32), quiet)
    best = Corridor.action_values(0.95)
    policy = load_policy(tmp_path / "run" / "policy", Corridor(8))
    choices = policy(np.eye(Corridor.CELLS, dtype=np.float32))
    given_up = best.max(1) - best[np.arange(Corridor.CELLS), choices]
    assert choices.dtype == np.int64 and given_up.max() < 0.03
    assert len(set(choices.tolist())) == 2


# --- runs


@pytest.mark.parametrize("name", LEARNERS)
def test_the_same_seed_is_the_same_run_and_resuming_changes_nothing(tmp_path, name):
    module, toy = LEARNERS[name]
    given = {"total_frames": 4 * 32 * 8, "num_steps": 8, "checkpoint_every": 2, "return_steps": 3, "batch_size": 32,
             "random_frames": 100}  # fmt: skip

    class Interrupted(Exception):
        pass

    def stop_in_the_third(share, text):
        if share > 0.7:
            raise Interrupted

    def run(place, tell=quiet, **changes):
        return module.train(small(module, tmp_path / place, **{**given, "seed": 5, **changes}), toy(32), tell)

    whole, curve = run("a")
    again, _ = run("b")
    other, _ = run("c", seed=6)
    with pytest.raises(Interrupted):
        run("d", stop_in_the_third)
    resumed, curve_d = run("d", resume=True)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key
        assert torch.equal(value, resumed.state_dict()[key]), key
    assert not torch.equal(whole.head.weight, other.head.weight)
    plain = [[{k: v for k, v in row.items() if k != "seconds"} for row in rows] for rows in (curve, curve_d)]
    assert repr(plain[0]) == repr(plain[1]) and len(curve) == 4  # repr: NaN is NaN
    lines = [(tmp_path / place / "run" / "progress.jsonl").read_text().splitlines() for place in "ad"]
    assert [json.loads(a)["frames"] for a in lines[0]] == [json.loads(d)["frames"] for d in lines[1]]
    saved = [read_tensors(tmp_path / place / "run" / "checkpoint.pt") for place in "ad"]
    for mine, its in zip(*(one["memory"]["rows"] for one in saved)):
        assert torch.equal(mine, its)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_smoke_run_learns_a_little_and_leaves_a_policy(tmp_path, name):
    module, toy = LEARNERS[name]
    actor, curve = module.train(small(module, tmp_path, smoke=True, num_envs=8), toy(8), quiet)
    assert len(curve) == 2 and any("loss" in key for key in curve[-1])
    manifest = read_manifest(tmp_path / "run" / "policy")
    assert (manifest["name"], manifest["frames"], manifest["seed"]) == (name, 256, 1)
    obs = np.random.default_rng(0).normal(size=(7, actor.spec.obs_dim)).astype(np.float32)
    policy = load_policy(tmp_path / "run" / "policy", toy(2))
    with torch.no_grad():
        expected = actor.act(torch.tensor(obs))[0].numpy()
    assert policy(obs) == pytest.approx(expected, abs=1e-6)
    kept = read_tensors(tmp_path / "run" / "policy" / "policy.pt")
    assert kept["return_moments"]["count"] == 256 and actor.obs_moments.count == 264


def test_noise_and_chance_fade(tmp_path):
    args = small(dqn, tmp_path, random_share=0.1, explore_frames=1000)
    shares = [dqn.random_share(args, frames) for frames in (0, 500, 1000, 5000)]
    assert shares == pytest.approx([1.0, 0.55, 0.1, 0.1])


@pytest.mark.parametrize("name", LEARNERS)
def test_another_action_space_or_reset_is_refused(tmp_path, name):
    module, toy = LEARNERS[name]
    wrong = Steering if name == "dqn" else Corridor
    with pytest.raises(ConfigError, match="action space"):
        module.train(small(module, tmp_path), wrong(32), quiet)
    envs = toy(32)
    envs.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}
    with pytest.raises(ConfigError, match="autoreset_mode"):
        module.train(small(module, tmp_path), envs, quiet)


@pytest.mark.parametrize("setting", [{"gamma": 1.5}, {"num_envs": 0}, {"tau": 0.0}, {"seed": -1}, {"return_steps": 0}])
def test_impossible_settings_are_named(setting):
    with pytest.raises(ConfigError, match=f"Args.{next(iter(setting))}"):
        sac.Args(**setting)


def test_rates_fall_together_and_the_entropy_s_weight_moves_ten_times_as_fast(tmp_path):
    """Adam's first step is as long as its rate, whatever the gradient."""
    args = sac.Args(hidden=8, learning_rate=1e-3, entropy_start=0.5)
    learner = sac.Learner(ActorSpec(obs_dim=3, action_dim=2, hidden=(8,), head="squashed"), args)
    run = Run("sac", small(sac, tmp_path, total_frames=2 * 1024, learning_rate=1e-3), Salary(32, True), quiet)
    run.start(learner)
    rates = []
    for _ in run.updates():
        rates.append([learner.optimizers[key].param_groups[0]["lr"] for key in ("actor", "critic", "alpha")])
        run.step(torch.zeros(32, 1))
    assert rates == [pytest.approx([1e-3, 1e-3, 1e-2]), pytest.approx([5.25e-4, 5.25e-4, 5.25e-3])]
    before = learner.log_alpha.item()
    learner.update(batch_of(), torch.randn(2, 16, 2))
    assert abs(learner.log_alpha.item() - before) == pytest.approx(5.25e-3, rel=1e-3)
