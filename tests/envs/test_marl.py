"""The batched multi-agent form: arrays by role, ends of single agents, privileged state, worlds of their own."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

import qsl_envs
from qsl_envs.envs.state import END_NAMES
from qsl_envs.errors import ConfigError
from qsl_envs.registration import MARL_ENVIRONMENTS
from tests.envs.test_pages import ORDER, table_rows

IDS = [entry.env_id for entry in MARL_ENVIRONMENTS]
QUICK = {"config": {"templates": 2, "burn_in_ns": 200_000_000}, "step_ns": 50_000_000, "session_ns": 600_000_000}
STEPS = 12


def make(env_id: str, num_envs: int = 2, **changes):
    return qsl_envs.make_marl_vec(env_id, num_envs, **{**QUICK, **changes})


def moves(envs, steps: int, seed: int = 0) -> list[dict[str, np.ndarray]]:
    draws = np.random.default_rng(seed)
    return [
        {name: draws.uniform(-1.2, 1.2, (envs.num_envs, role.num_seats, len(envs.action_names(name)))).astype("f4")
         for name, role in envs.roles.items()}
        for _ in range(steps)
    ]  # fmt: skip


def rows(move, first, last):
    return {name: part[first:last] for name, part in move.items()}


def play(envs, steps, seed=0):
    kept = [{k: v.copy() for k, v in envs.reset(seed=seed)[0].items()}]
    for move in steps:
        *results, _ = envs.step(move)
        kept += [{k: v.copy() for k, v in result.items()} for result in results]
    return kept


@pytest.mark.parametrize("env_id", IDS)
def test_shapes_spaces_and_names(env_id):
    envs = make(env_id, 3)
    obs, _ = envs.reset(seed=0)
    assert set(obs) == set(envs.roles)
    agents = [f"{name}_{k}" for name, role in envs.roles.items() for k in range(role.num_seats)]
    assert envs.possible_agents == agents
    for move in moves(envs, STEPS):
        obs, rewards, terminated, truncated, infos = envs.step(move)
        for name, role in envs.roles.items():
            shape = (3, role.num_seats)
            assert obs[name].shape == (*shape, len(envs.observation_names(name)))
            assert rewards[name].shape == terminated[name].shape == truncated[name].shape == shape
            for row in obs[name].reshape(-1, obs[name].shape[2]):
                assert envs.observation_space(name).contains(row)
    assert all(part.all() for part in terminated.values())
    for name in envs.roles:
        summary = infos["episode_summary"][name]
        assert summary["_mask"].all() and {END_NAMES[e] for e in summary["end"].reshape(-1)} == {"close"}
        assert (summary["length"] == STEPS).all()


@pytest.mark.parametrize("env_id", IDS)
def test_alone_among_others_and_on_threads(env_id):
    envs = make(env_id, 3)
    steps = moves(envs, STEPS + 2)
    together = play(envs, steps, seed=5)
    threaded = play(make(env_id, 3, num_threads=2), steps, seed=5)
    alone = play(make(env_id, 1), [rows(step, 1, 2) for step in steps], seed=6)
    for a, b, c in zip(together, threaded, alone, strict=True):
        for name in envs.roles:
            assert np.array_equal(a[name], b[name]) and np.array_equal(a[name][1:2], c[name])


@pytest.mark.parametrize("env_id", IDS)
def test_a_snapshot_goes_on_as_its_source(env_id):
    envs, other = make(env_id), make(env_id, 3)
    steps = moves(envs, STEPS)
    play(envs, steps[:5])
    other.reset(seed=77)
    other.restore(envs.snapshot(1), 2)
    for step in steps[5:]:
        a, reward, *_ = envs.step(step)
        b, other_reward, *_ = other.step({k: np.concatenate([v[:1], v]) for k, v in step.items()})
        for name in envs.roles:
            assert np.array_equal(a[name][1], b[name][2]) and np.array_equal(reward[name][1], other_reward[name][2])
    assert np.array_equal(envs.state()[1], other.state()[2])


@pytest.mark.parametrize("mode", ["Disabled", "NextStep", "SameStep"])
def test_autoreset(mode):
    envs = make(IDS[0], 2, autoreset_mode=mode)
    steps = moves(envs, STEPS)
    play(envs, steps[:-1])
    obs, _, terminated, _, infos = envs.step(steps[-1])
    assert terminated["maker"].all()
    if mode == "Disabled":
        with pytest.raises(ResetNeeded):
            envs.step(steps[0])
        obs, _ = envs.reset(options={"reset_mask": np.array([True, True])})
    elif mode == "NextStep":
        assert "final_obs" not in infos
        last = obs["maker"].copy()
        obs, reward, terminated, *_ = envs.step(steps[0])
        assert not reward["maker"].any() and not terminated["maker"].any() and not np.array_equal(obs["maker"], last)
    else:
        assert infos["_final_obs"].all() and not np.array_equal(infos["final_obs"]["maker"], obs["maker"])
    column = envs.observation_names("maker").index("time_left")
    assert (obs["maker"][..., column] == 1).all() and envs.alive["maker"].all()


def test_an_agent_that_is_ruined_leaves_the_others_in_the_market():
    envs = make("qsl/MarketMakers-v0", 1, seats={"maker": 3}, tasks={"maker": {"post_only": False}})
    envs.reset(seed=0)
    envs.core.role_records["max_loss"] = 10**12
    records = envs.core.seats
    # the first maker's loss so far is made to look enormous: it is out at the next step
    records["start_equity"][0, 0] += 2 * 10**12
    step = moves(envs, 1)[0]
    _, _, terminated, _, infos = envs.step(step)
    assert terminated["maker"].tolist() == [[True, False, False]]
    assert infos["episode_summary"]["maker"]["_mask"].tolist() == [[True, False, False]]
    assert envs.alive["maker"].tolist() == [[False, True, True]]
    for step in moves(envs, STEPS - 1, seed=1):
        obs, reward, terminated, *_ = envs.step(step)
        assert not obs["maker"][0, 0].any() and reward["maker"][0, 0] == 0 and not terminated["maker"][0, 0]
    assert envs.market.orders("maker_0") == []
    assert terminated["maker"].tolist() == [[False, True, True]]


def test_max_cycles_truncates_everybody_and_liquidates_nobody():
    envs = make("qsl/MarketMakers-v0", 2, max_cycles=3)
    for k, step in enumerate([None, *moves(envs, 3)]):
        if step is None:
            envs.reset(seed=0)
            continue
        _, _, terminated, truncated, infos = envs.step(step)
        assert not terminated["maker"].any() and truncated["maker"].all() == (k == 3)
    assert not infos["episode_summary"]["maker"]["term_liquidation"].any()


def test_the_state_tells_what_observations_do_not():
    envs = make("qsl/LatencyRace-v0", 2)
    envs.reset(seed=0)
    for step in moves(envs, 5):
        envs.step(step)
    state = envs.state()
    bids, asks = envs.market.true_book(replica=1, book=0)
    mid = (bids[0, 0] + asks[0, 0]) / 2
    assert state[1, 1] == pytest.approx((mid - 10_000) / 10, abs=1e-6)
    assert state[1, 3] == pytest.approx((mid - bids[0, 0]) / 10, abs=1e-6)
    assert state[1, 3 + 5] == pytest.approx(bids[0, 1] / 10, abs=1e-6)
    held = envs.market.account("racer_1", replica=1)["inventory"]
    assert state[1, -3] == pytest.approx(held / 50, abs=1e-6) and state[1, -1] == 1
    assert not any(np.array_equal(state, part.reshape(2, -1)) for part in envs.reset(seed=0)[0].values())


def test_pickled_it_makes_the_same_worlds():
    envs = make("qsl/MakersTakers-v0", seats={"maker": 1, "executor": 0})
    twin = pickle.loads(pickle.dumps(envs))
    a, b = envs.reset(seed=3)[0], twin.reset(seed=3)[0]
    assert set(a) == set(b) == {"maker", "arbitrageur", "informed"}
    assert all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"seats": {"dealer": 2}}, "dealer"),
        ({"seats": {"maker": 65}}, r"seats\[maker\]"),
        ({"tasks": {"maker": {"colour": 1}}}, "colour"),
        ({"tasks": {"maker": {"step_ns": 1}}}, "step_ns"),
        ({"max_cycles": 0}, "max_cycles"),
        ({"num_envs": 0}, "num_envs"),
        ({"colour": 1}, "colour is not an argument; those are num_envs, seats, tasks"),
        ({"config": {"participants": [{}]}}, "participants"),
    ],
)
def test_bad_settings_are_named(changes, words):
    with pytest.raises(ConfigError, match=words):
        make("qsl/MarketMakers-v0", **changes)


def test_bad_actions_are_named():
    with pytest.raises(ConfigError, match="env_id"):
        qsl_envs.make_marl_vec("qsl/MarketMaking-v0")
    envs = make("qsl/MakersTakers-v0")
    with pytest.raises(ResetNeeded):
        envs.step(moves(envs, 1)[0])
    envs.reset(seed=0)
    good = moves(envs, 1)[0]
    with pytest.raises(ConfigError, match="informed"):
        envs.step({k: v for k, v in good.items() if k != "informed"})
    with pytest.raises(ConfigError, match="nobody"):
        envs.step({**good, "nobody": np.zeros(2)})
    with pytest.raises(ConfigError, match=r"actions\['maker'\] must be of shape"):
        envs.step({**good, "maker": good["maker"][:1]})
    good["informed"][1, 0, 1] = np.nan
    with pytest.raises(ConfigError, match=r"actions\['informed'\]\[1, 0, 1\] \(manner\)"):
        envs.step(good)


@pytest.mark.parametrize("env_id", IDS)
def test_the_page_lists_every_role(env_id):
    envs = make(env_id, 1)
    page = type(envs).__doc__
    names = {row[1].split("`")[1] for row in table_rows(page) if len(row) == 7 and row[0] != "Index" and "`" in row[1]}
    for role in envs.roles:
        assert page.count(f"### {role}") == 4
        assert all(any(name.startswith(n.removesuffix("_0")) for n in names) for name in envs.observation_names(role))
    assert "{{" not in page and not re.search(r"{\w+}", page)
    assert re.findall(r"^## (.*)$", page, re.M) == [{"Vector form": "Forms"}.get(part, part) for part in ORDER]
