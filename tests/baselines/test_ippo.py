"""Several learners in one market: who took part when, what followed, and a toy that all of them must solve."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from baselines import ippo, mappo
from baselines.learning.crowds import CrowdCollector, make_crowd, parties_of
from baselines.portable import load_policy
from qsl_envs.errors import ConfigError
from tests.baselines.toys_seats import Crowd


def quiet(share, text):
    """A progress line that nobody reads."""


def crowd(num_envs, terminates=True):
    return Crowd(num_envs, terminates, AutoresetMode.DISABLED)


def small(tmp_path, kind=ippo.Args, **changes):
    given = {"num_envs": 64, "num_steps": 16, "minibatch_size": 256, "hidden": 16, "learning_rate": 5e-3, "gamma": 0.8}
    return kind(**{**given, "num_epochs": 3, "target_kl": 0.0, "out": str(tmp_path / "run"), **changes})


class Constant:
    """Always says the same, and remembers what it was asked."""

    name = "constant"

    def __init__(self, says):
        self.says, self.seeds, self.shapes = says, [], []

    def reset(self, seeds):
        self.seeds.append(seeds)

    def __call__(self, obs):
        self.shapes.append(obs.shape)
        return np.full((len(obs), 1), self.says, np.float32)

    def parameters(self):
        return {}


def score(agents, num_envs=300):
    """Mean reward of a seat at a step, acting best."""
    envs, total, count = crowd(num_envs), 0.0, 0
    obs, _ = envs.reset(seed=10**6)
    for _ in range(2):  # nobody leaves before the second step is over
        actions = {
            role: agents[role]
            .actor.act(torch.tensor(part).flatten(0, 1))[0]
            .detach()
            .numpy()
            .reshape(*part.shape[:2], 1)
            for role, part in obs.items()
        }
        obs, reward, *_ = envs.step(actions)
        total += sum(part.sum() for part in reward.values())
        count += 3 * num_envs
    return total / count


@pytest.mark.parametrize("algorithm", [ippo, mappo], ids=["ippo", "mappo"])
def test_all_learn_to_say_their_part(tmp_path, algorithm):
    """Half of what they see: the best is 0; saying nothing gets -1/3."""
    agents, curve = algorithm.train(small(tmp_path, algorithm.Args, total_frames=12 * 1024), crowd(64), tell=quiet)
    assert set(agents) == {"maker", "taker"}
    assert score(agents) > 0.05 * Crowd.silent()
    assert curve[-1]["return/maker"] > curve[0]["return/maker"] and curve[-1]["frames"] == 12 * 1024
    policy = load_policy(tmp_path / "run" / "policy" / "taker", crowd(1), "taker")
    assert policy(np.array([[0.6, 1.0, 1.0]], np.float32)) == pytest.approx(0.3, abs=0.1)


def test_a_central_critic_knows_what_the_others_bring(tmp_path):
    """A seat's reward depends on what the others saw: only a value that is told of it can tell it in advance."""
    losses = {}
    for algorithm in (ippo, mappo):
        values_alone = {"critic_updates": 10, "init_log_std": -3.0, "gamma": 0.05, "learning_rate": 1e-2}
        settings = small(tmp_path, algorithm.Args, total_frames=10 * 1024, **values_alone)
        _, curve = algorithm.train(settings, crowd(64), tell=quiet)
        losses[algorithm] = np.mean([row["value_loss/maker"] for row in curve[-2:]])
    assert losses[mappo] < 0.4 * losses[ippo]


def collected(terminates, central=False):
    envs = crowd(7, terminates)
    envs.reset(seed=0)
    students, _ = parties_of(envs, None, {})
    agents = {party.name: (mappo if central else ippo).make_agent(envs, party, ippo.Args()) for party in students}
    collector = CrowdCollector(envs, students, 10, 0.9, seed=0, central=central)
    collector.begin([], 0)
    return collector.collect(agents), agents, collector


def test_who_left_is_not_learned_from():
    """In worlds 0, 3 and 6 the second maker is there for two of four steps."""
    found, _, collector = collected(terminates=True)
    alive = found["maker"].alive.reshape(10, 7, 2).numpy()
    steps = np.arange(10)
    for world in range(7):
        assert alive[:, world, 0].all()
        assert alive[:, world, 1].tolist() == ((steps % 4 < 2) | (world % 3 != 0)).tolist()
    assert found["taker"].alive.all()
    ended = found["maker"].steps.ended.reshape(10, 7, 2).numpy()
    assert np.array_equal(ended[:, 1, 0], steps % 4 == 3)
    assert np.array_equal(ended[:, 3, 1], steps % 4 == 1)  # left; the env's end is no second end of it
    makers = next(party for party in collector.students if party.name == "maker")
    assert len(makers.finished) == 2 * 2 * 7 + 3  # two whole episodes, and three left the third early
    assert torch.all(found["maker"].steps.rewards.reshape(10, 7, 2)[2:4, ::3, 1] == 0)


@pytest.mark.parametrize("central", [False, True], ids=["own value", "central value"])
@pytest.mark.parametrize("terminates", [True, False], ids=["terminated", "truncated"])
def test_values_follow_steps_by_hand(terminates, central):
    """The next value where the episode goes on; that of the last observation where it was cut off; 0 where it ended."""
    found, agents, _ = collected(terminates, central)
    for name, tale in found.items():
        r, agent = tale.steps, agents[name]
        with torch.no_grad():
            normal = agent.actor.normalize(r.obs)
            values = agent.value(normal if tale.seen is None else agent.centrally(normal, tale.seen))
        assert torch.allclose(values, r.values, atol=1e-6)
        goes_on = (r.ended[:-1] == 0) & tale.alive[:-1]
        assert torch.allclose(r.next_values[:-1][goes_on], values[1:][goes_on], atol=1e-6)
        ends = (r.ended == 1) & tale.alive
        at_close = torch.arange(10).unsqueeze(1) % 4 == 3
        assert (r.next_values[ends & ~at_close] == 0).all()
        followed = r.next_values[ends & at_close]
        assert (followed == 0).all() if terminates else (followed != 0).all()
    if not terminates:  # what follows a cut: the value of the observation after the last step, as the env gave it
        envs, seats = crowd(7, False), agents["taker"]
        obs, _ = envs.reset(seed=0)
        for t in range(4):
            actions = {
                role: np.clip(found[role].steps.actions[t].numpy().reshape(7, -1, 1), -1, 1)
                for role in ("maker", "taker")
            }
            obs, *_ = envs.step(actions)
        with torch.no_grad():
            normal = seats.actor.normalize(torch.tensor(obs["taker"][:, 0]))
            if central:
                seen = torch.tensor(np.concatenate([envs.state(), np.ones((7, 1), np.float32)], 1))
                normal = seats.centrally(normal, seen)
            expected = seats.value(normal)
        assert torch.allclose(found["taker"].steps.next_values[3], expected, atol=1e-6)


def test_opponents_stay_as_they_are_and_play_in_their_worlds(tmp_path):
    """The taker is two constants, one a half of the worlds; `maker_0` learns beside a constant `maker_1`."""
    low, high, other = Constant(-0.5), Constant(0.5), Constant(0.0)
    asked = []

    def opponents(update):
        asked.append(update)
        return {"taker": [low, high], "maker_1": other}

    settings = small(tmp_path, total_frames=4 * 1024, checkpoint_every=2)
    agents, _ = ippo.train(settings, crowd(64), students=["maker_0"], opponents=opponents, tell=quiet)
    assert set(agents) == {"maker"} and asked == [0, 0, 2]
    assert set(low.shapes) == set(high.shapes) == {(32, 3)} and set(other.shapes) == {(64, 2)}
    assert len(low.seeds) == 2 and not set(low.seeds[0]) & set(high.seeds[0])
    assert not set(low.seeds[0]) & set(low.seeds[1])


def test_seats_are_shared_out():
    envs = crowd(1)
    learning, met = parties_of(envs, None, {"taker": Constant(0)})
    assert [(p.name, p.role, p.seats) for p in learning] == [("maker", "maker", [0, 1])]
    assert [(p.name, p.seats) for p in met] == [("taker_0", [0])]
    learning, met = parties_of(envs, ["maker", "taker_0"], {}, share=False)
    assert [(p.name, p.seats) for p in learning] == [("maker_0", [0]), ("maker_1", [1]), ("taker_0", [0])]
    learning, met = parties_of(envs, ["maker_1"], {"maker": Constant(0), "taker": Constant(1)})
    assert [(p.name, p.seats) for p in learning] == [("maker", [1])]
    assert [p.name for p in met] == ["maker_0", "taker_0"]
    with pytest.raises(ConfigError, match="nobody moves taker_0"):
        parties_of(envs, ["maker"], {})
    with pytest.raises(ConfigError, match="crook"):
        parties_of(envs, ["crook"], {})


def test_resuming_changes_nothing(tmp_path):
    class Interrupted(Exception):
        pass

    def stop(share, text):
        if share > 0.7:
            raise Interrupted

    def run(name, tell=quiet, **changes):
        settings = small(tmp_path / name, mappo.Args, total_frames=4 * 1024, checkpoint_every=2, **changes)
        return mappo.train(settings, crowd(64), tell=tell)

    whole, curve = run("a")
    with pytest.raises(Interrupted):
        run("b", stop)
    resumed, again = run("b", resume=True)
    assert [row["return/maker"] for row in curve] == [row["return/maker"] for row in again]
    for name, agent in whole.items():
        assert all(torch.equal(x, resumed[name].state_dict()[key]) for key, x in agent.state_dict().items())


@pytest.mark.compiled
@pytest.mark.parametrize("algorithm", [ippo, mappo], ids=["ippo", "mappo"])
def test_real_markets_of_four_roles(tmp_path, algorithm):
    """Makers, executor, arbitrageur and informed, one of them silent: two small updates, and policies that load."""
    options = {"session_ns": 2_000_000_000}
    settings = algorithm.Args(
        env_id="qsl/MakersTakers-v0", env_options=json.dumps(options), smoke=True, out=str(tmp_path / "run")
    )

    class Silent(Constant):
        def __call__(self, obs):
            return np.zeros((len(obs), width), np.float32)

    envs = make_crowd(settings.env_id, 8, options)
    width = envs.action_space("informed").shape[0]
    agents, curve = algorithm.train(settings, envs, opponents={"informed": Silent(0)}, tell=quiet)
    assert set(agents) == {"maker", "executor", "arbitrageur"} and len(curve) == 2
    assert np.isfinite([row[f"value_loss/{name}"] for row in curve for name in agents]).all()
    for name in agents:
        policy = load_policy(tmp_path / "run" / "policy" / name, envs, name)
        assert policy(np.zeros((3, envs.observation_space(name).shape[0]), np.float32)).shape[0] == 3
