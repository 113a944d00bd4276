"""Where a run starts and what it goes through: clones, stages of a curriculum, rollouts ahead of learning."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from baselines import ppo
from baselines.learning import rollouts
from baselines.learning.acting import NetworkPolicy
from baselines.learning.cloning import imitate, watch
from baselines.learning.curriculum import Course, Stage, stages_of
from baselines.learning.networks import Actor, ActorSpec
from baselines.learning.rollouts import make_envs
from baselines.ppo import Args, train
from qsl_envs.errors import ConfigError
from tests.baselines.toys import Corridor, Shop, Steering


def quiet(share, text):
    """A progress line that nobody reads."""


def small(tmp_path, **changes):
    given = {"num_envs": 16, "num_steps": 16, "minibatch_size": 128, "hidden": 16, "out": str(tmp_path / "run")}
    return Args(**{**given, **changes})


class Recorded(Steering):
    """Steering that says with which options it was made, and whether it was closed."""

    made: list = []

    def __init__(self, num_envs, **options):
        super().__init__(num_envs)
        self.options, self.closed_here, self.resets = options, False, []
        Recorded.made.append(self)

    def reset(self, *, seed=None, options=None):
        self.resets.append(seed)
        return super().reset(seed=seed)

    def close_extras(self, **kwargs):
        self.closed_here = True


def test_stages_are_read_and_refused(tmp_path):
    text = '[{"until": 0.5, "options": {"latency": 0}}, {"until": 1}]'
    expected = (Stage(until=0.5, options={"latency": 0}), Stage(until=1))
    (tmp_path / "c.json").write_text(text)
    (tmp_path / "c.yaml").write_text("- {until: 0.5, options: {latency: 0}}\n- {until: 1}\n")
    assert stages_of(text) == stages_of(str(tmp_path / "c.json")) == stages_of(str(tmp_path / "c.yaml")) == expected
    assert stages_of("") == (Stage(until=1.0),)
    for wrong in ('[{"until": 0.5}]', '[{"until": 1}, {"until": 0.5}]', "[]", "{", '[{"when": 1}]', '[{"until": 2}]'):
        with pytest.raises(ConfigError, match=r"curriculum|until"):
            stages_of(wrong)


def test_a_course_makes_each_stage_when_it_begins():
    made = []

    def make(options):
        made.append(options)
        return Steering(2) if options.get("shape") != "other" else Corridor(2)

    course = Course(stages_of('[{"until": 0.5, "options": {"a": 1}}, {"until": 1, "options": {"a": 2}}]'), make)
    assert course.at(0.0)[1] and not course.at(0.49)[1] and not course.ends(0.49) and course.ends(0.5)
    envs, new = course.at(0.5)
    assert new and made == [{"a": 1}, {"a": 2}] and course.at(1.0) == (envs, False)
    other = Course(stages_of('[{"until": 0.5}, {"until": 1, "options": {"shape": "other"}}]'), make)
    other.at(0.0)
    with pytest.raises(ConfigError, match=r"stages\[1\].*observation_space"):
        other.at(0.7)
    with pytest.raises(ConfigError, match="envs"):
        Course(stages_of('[{"until": 0.5}, {"until": 1}]'), make, Steering(2))


@pytest.mark.parametrize("overlap", [False, True])
def test_a_run_goes_through_its_stages_and_resumes_inside_one(tmp_path, monkeypatch, overlap):
    """Six updates, the second stage from the fourth on; new worlds begin with it, and the bits are those of one run."""
    monkeypatch.setattr(rollouts, "make_envs", lambda env_id, n, options, split, threads: Recorded(n, **options))
    Recorded.made = []
    stages = json.dumps([{"until": 0.5, "options": {"easy": True}}, {"until": 1.0}])
    given = {"env_options": '{"base": 1}', "curriculum": stages, "total_frames": 6 * 256, "checkpoint_every": 4}
    whole, curve = train(small(tmp_path / "a", **given, overlap=overlap), None, quiet)
    first, second = Recorded.made
    assert first.options == {"base": 1, "easy": True} and second.options == {"base": 1}
    assert first.closed_here and second.closed_here
    start = ppo.SEEDS_APART
    assert first.resets == [start] and second.resets == [start + 3 * 16, start + 4 * 16]

    class Interrupted(Exception):
        pass

    def stop(share, text):
        if share > 0.8:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(small(tmp_path / "b", **given, overlap=overlap), None, stop)
    resumed, again = train(small(tmp_path / "b", **given, overlap=overlap, resume=True), None, quiet)
    assert Recorded.made[-1].options == {"base": 1}
    assert [row["return"] for row in curve] == [row["return"] for row in again]
    assert all(torch.equal(x, resumed.state_dict()[name]) for name, x in whole.state_dict().items())


def test_a_rollout_ahead_is_of_the_policy_one_update_before(tmp_path):
    """The run is another one than without, deterministic all the same, and it learns the toy."""
    settings = {"total_frames": 40 * 1024, "num_envs": 64, "minibatch_size": 256, "learning_rate": 3e-3, "hidden": 64}
    one, curve = train(small(tmp_path / "a", **settings, overlap=True), Steering(64), quiet)
    two, _ = train(small(tmp_path / "b", **{**settings, "total_frames": 4 * 1024}, overlap=True), Steering(64), quiet)
    three, _ = train(small(tmp_path / "c", **{**settings, "total_frames": 4 * 1024}, overlap=True), Steering(64), quiet)
    plain, _ = train(small(tmp_path / "d", **{**settings, "total_frames": 4 * 1024}), Steering(64), quiet)
    assert all(torch.equal(x, three.state_dict()[name]) for name, x in two.state_dict().items())
    assert not torch.equal(two.actor.head.weight, plain.actor.head.weight)
    gains, envs = Steering.gains(), Steering(500)

    def mean_return(policy):
        obs, total = envs.reset(seed=10**6)[0], 0.0
        for _ in range(Steering.STEPS):
            obs, reward, *_ = envs.step(policy(obs))
            total += reward.mean()
        return total

    best = mean_return(lambda obs: np.clip(-gains[np.rint((1 - obs[:, 1:]) * 6).astype(int)] * obs[:, :1], -1, 1))
    nothing = mean_return(lambda obs: np.zeros((len(obs), 1)))
    assert (mean_return(NetworkPolicy(one.actor)) - nothing) / (best - nothing) > 0.95


def test_choices_are_cloned():
    """The corridor's best way from its value iteration, watched on a path that leaves it now and then."""
    best = Corridor.action_values(0.95).argmax(1)

    class Teacher:
        name = "best way"

        def reset(self, seeds):
            """Nothing to forget."""

        def __call__(self, obs):
            return best[obs.argmax(1)].astype(np.int64)

    obs, wanted = watch(Teacher(), Corridor(32), 30, seed=0)
    torch.manual_seed(0)
    actor = Actor(ActorSpec(obs_dim=Corridor.CELLS, num_choices=2, head="categorical", hidden=(16,)))
    assert imitate(actor, obs, wanted) < 0.01
    assert len(torch.unique(obs, dim=0)) == Corridor.CELLS
    with pytest.raises(ConfigError, match="memory"):
        imitate(Actor(ActorSpec(obs_dim=Corridor.CELLS, num_choices=2, head="categorical", memory=4)), obs, wanted)


@pytest.mark.compiled
def test_a_run_starts_from_a_named_policy(tmp_path):
    """With value updates alone the policy stays the clone, which quotes as the scripted one does."""
    options = {"session_ns": 2_000_000_000}
    args = small(
        tmp_path,
        env_id="qsl/MarketMaking-v0",
        env_options=json.dumps(options),
        clone="fixed spread",
        critic_updates=1,
        total_frames=256,
    )
    agent, _ = train(args, None, quiet)
    envs = make_envs(args.env_id, 4, options)
    obs = envs.reset(seed=5)[0]
    wanted = ppo.teacher_of("fixed spread", args.env_id, envs)(obs)
    assert NetworkPolicy(agent.actor)(obs) == pytest.approx(wanted, abs=0.05)
    with pytest.raises(ConfigError, match="no such maker"):
        ppo.teacher_of("no such maker", args.env_id, envs)
    with pytest.raises(ConfigError, match="clone"):
        Args(init="somewhere", clone="best")
    with pytest.raises(ConfigError, match="tuned"):
        ppo.teacher_of("best", "qsl/Shop-v0", Shop(1))
