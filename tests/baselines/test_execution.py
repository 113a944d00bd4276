"""Executors and the router: what they ask for in lots, beside schedules and allocations made by hand."""

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np
import pytest

import qsl_envs  # noqa: F401  registers the environments
from baselines.policies.desk import Desk
from baselines.policies.execution import AlmgrenChriss, Pov, Twap, Vwap
from baselines.policies.library import candidates
from baselines.policies.routing import Router, cheapest, shown
from qsl_envs.errors import ConfigError
from qsl_envs.participants.quotes import ac_schedule


@pytest.fixture(scope="module")
def desk():
    """100 lots in a minute, 60 decisions."""
    envs = gym.make_vec("qsl/OptimalExecution-v0", num_envs=1)
    yield Desk.of(envs)
    envs.close()


@pytest.fixture(scope="module")
def venues():
    """150 lots over three venues."""
    envs = gym.make_vec("qsl/OrderRouting-v0", num_envs=1)
    yield Desk.of(envs)
    envs.close()


def told(desk, left, slices, side=1.0, **books):
    """Observations of rows with so many lots left at these decisions; `books`: name -> values by row."""
    left, slices, side = (np.atleast_1d(np.asarray(x, float)) for x in np.broadcast_arrays(left, slices, side))
    obs = np.zeros((len(left), len(desk.observation_names)), np.float32)
    obs[:, desk.column("time_left")] = 1.0 - slices / desk.num_steps
    obs[:, desk.column("parent_left")] = left / desk.parent_qty
    obs[:, desk.column("parent_side")] = side
    for name, values in books.items():
        obs[:, desk.column(name)] = values
    return obs


def lots(actions, left):
    """(taken, resting, ticks behind the touch) by the environment's rule of `envs/act.py`, for one venue."""
    take, rest, offset = ((actions[:, k].astype(float) + 1) / 2 for k in range(3))
    now = np.floor(take * left + 0.5)
    return now, np.floor(rest * (left - now) + 0.5), np.floor(offset * 5 + 0.5)


def test_the_desk_reads_the_task(desk, venues):
    assert (desk.kind, desk.parent_qty, desk.num_steps, desk.max_offset) == ("execution", 100, 60, 5)
    assert (venues.kind, venues.num_venues, venues.parent_qty) == ("routing", 3, 150)
    # 10,000 ticks; maker -0.2, 0.1, 0 bp; taker 0.3, -0.1, 0.1 bp
    assert venues.maker_fees == pytest.approx((-0.2, 0.1, 0.0)) and venues.taker_fees == pytest.approx((0.3, -0.1, 0.1))


def test_twap_takes_what_an_even_schedule_is_ahead_of(desk):
    slices = np.arange(60)
    due = np.floor(100 * (slices + 1) / 60 + 0.5)  # halves up
    for done in (0, 20, 100):
        now, rest, _ = lots(Twap(desk)(told(desk, 100 - done, slices)), 100 - done)
        assert now.tolist() == np.clip(due - done, 0, 100 - done).tolist() and not rest.any()


@pytest.mark.parametrize("policy", ["Twap", "Vwap", "AlmgrenChriss"])
def test_a_bare_schedule_ends_with_nothing_left(desk, policy):
    """Filled as asked, every schedule trades all in its slices, none of them negative."""
    made = {"Twap": Twap(desk), "Vwap": Vwap(desk, curve=2.0), "AlmgrenChriss": AlmgrenChriss(desk)}[policy]
    left, taken = 100.0, []
    for j in range(60):
        now, _, _ = lots(made(told(desk, left, j)), left)
        taken.append(now[0])
        left -= now[0]
    assert left == 0 and min(taken) >= 0
    if policy == "Vwap":  # U-shaped: more at both ends than in the middle
        assert sum(taken[:10]) > 1.5 * sum(taken[25:35]) < sum(taken[-10:])


def test_almgren_chriss_is_the_published_trajectory(desk):
    policy = AlmgrenChriss(desk, risk_aversion=1e-3, sigma=2.0, eta=0.05, impact=0.01)
    # 2 (cosh(kappa tau) - 1) / tau^2 = lambda sigma^2 / (eta - gamma tau / 2), tau = 1 s
    kappa = math.acosh(1 + 0.5 * 1e-3 * 4.0 / (0.05 - 0.005))
    holdings = 100 * np.sinh(kappa * (60 - np.arange(61))) / np.sinh(kappa * 60)
    now, _, _ = lots(policy(told(desk, 100, np.arange(60))), 100)
    assert now.tolist() == [100 - np.floor(h + 0.5) for h in holdings[1:]]
    assert now[0] == ac_schedule(100, 60.0, 60, kappa)[0] > 100 / 60
    # the tuner's urgency is kappa T
    settings = AlmgrenChriss.settings(desk, 2.0, {"urgency": 4.0})
    x = settings["risk_aversion"] * 4.0 / settings["eta"]
    assert math.acosh(1 + 0.5 * x) * 60 == pytest.approx(4.0)


def test_slack_and_ahead_make_a_band_in_which_it_rests(desk):
    """At slice 29 50 lots are due. Slack 10 lots, ahead 5: takes down to 10 behind, rests up to 5 ahead."""
    policy = Twap(desk, slack=0.1, ahead=0.05, offset=2.0)
    for done, take, rest in ((30, 10, 15), (42, 0, 13), (50, 0, 5), (54, 0, 1), (55, 0, 0), (70, 0, 0)):
        found = lots(policy(told(desk, 100 - done, 29)), 100 - done)
        assert [float(x[0]) for x in found] == [take, rest, 2], done
    now, rest, _ = lots(policy(told(desk, 30, 59)), 30)
    assert (now[0], rest[0]) == (30, 0), "at the last decision all is taken"


def test_what_was_filled_twice_is_traded_back(desk):
    now, _, _ = lots(Twap(desk)(told(desk, [-5, -5], [10, 59])), 5)
    assert now.tolist() == [0, 5]


def test_pov_counts_what_others_trade(desk):
    """A quarter of all is a third of what others trade; own takes are taken off the prints."""
    policy = Pov(desk, share=0.25)
    policy.reset(np.zeros(1))
    left, others = 100.0, 0.0
    for j, (net, filled) in enumerate([(0, 0), (12, 0), (-6, 4), (9 + 2, 2), (0, 0)]):
        left -= filled
        own = filled  # what was asked for was taken: the parent buys, so it prints as bought
        others += abs(net - own)
        obs = told(desk, left, j, print_volume=net / desk.qty_scale)
        now, _, _ = lots(policy(obs), left)
        assert now[0] == max(min(100, int(others * 0.25 / 0.75)) - (100 - left), 0), j
    policy.reset(np.zeros(1))
    assert lots(policy(told(desk, 100, 0)), 100)[0] == 0, "a new block has heard nothing"


def test_several_venues_are_worked_alike(venues):
    actions = Twap(venues, slack=0.02, ahead=0.1)(told(venues, 150, 3))[0].reshape(3, 2).astype(float)
    asked = np.floor((actions + 1) / 2 * 150 + 0.5)
    assert asked[:, 0].tolist() == [3, 2, 2] and asked[:, 1].tolist() == [6, 6, 6]  # 10 due, 3 of slack; 18 rest


def naive_cheapest(desk, row, qty):
    """Lots one by one, each where it is cheapest among what is still shown."""
    buys = row[desk.column("parent_side")] > 0
    side = "ask" if buys else "bid"
    shown = []
    for venue in range(desk.num_venues):
        gap = row[desk.column("mid_gap", venue)] if venue else 0.0
        for level in range(5):
            away = row[desk.column(f"{side}_distance_{level}", venue)]
            there = round(float(row[desk.column(f"{side}_qty_{level}", venue)]) * desk.qty_scale)
            cost = ((gap if buys else -gap) + away) * desk.tick_scale + desk.taker_fees[venue]
            shown.append([cost, venue, there])
    taken = [0] * desk.num_venues
    first = min((s for s in shown if s[2] > 0), default=[0, 0, 0])[1]
    for _ in range(qty):
        left = [s for s in shown if s[2] > 0]
        venue = first
        if left:
            best = min(left, key=lambda s: s[0])
            best[2] -= 1
            venue = best[1]
        taken[venue] += 1
    return taken


def test_the_router_takes_the_cheapest_lots_after_fees(venues):
    chance = np.random.default_rng(3)
    obs = chance.uniform(0, 1, (60, len(venues.observation_names))).astype(np.float32)
    obs[:, venues.column("parent_side")] = np.where(np.arange(60) % 2, 1.0, -1.0)
    for venue in range(3):
        for level in range(5):
            for side in ("bid", "ask"):
                obs[:, venues.column(f"{side}_qty_{level}", venue)] = chance.integers(0, 4, 60) / venues.qty_scale
    qty = chance.integers(0, 60, 60)
    found = cheapest(*shown(venues, obs), qty)
    assert (found.sum(1) == qty).all()
    for row, n, asked in zip(obs, qty, found):
        assert asked.tolist() == naive_cheapest(venues, row, int(n))
    assert (found.sum(0) > 0).all(), "every venue was cheapest somewhere"


def test_the_router_rests_where_makers_pay_least(venues):
    obs = told(venues, 150, 3)
    alone = Router(venues, ahead=0.2)(obs)[0].reshape(3, 2).astype(float)
    assert np.floor((alone[:, 1] + 1) / 2 * 150 + 0.5).tolist() == [30, 0, 0]
    even = Router(venues, ahead=0.2, spread=1.0)(obs)[0].reshape(3, 2).astype(float)
    assert np.floor((even[:, 1] + 1) / 2 * 150 + 0.5).tolist() == [10, 10, 10]


def test_the_router_takes_bargains_before_they_are_due(venues):
    """Mids 0, 6 and 0: the mean is 2. Venue A asks 1, and 5 one level on: 1.3 and 5.3 after its fee, 0.7 below the mean
    and 3.3 above it; C asks 2.5, 2.6 after fees.
    """
    books = {"mid_gap": (0, 6, 0), "ask_distance_0": (1, 2, 2.5), "ask_qty_0": (4, 9, 3), "ask_distance_1": (5, 9, 9),
             "ask_qty_1": (6, 9, 9)}  # fmt: skip
    scales = {"mid_gap": venues.tick_scale, "ask_distance_0": venues.tick_scale, "ask_distance_1": venues.tick_scale}
    obs = told(venues, 150, 0)
    for name, values in books.items():
        for venue, value in enumerate(values):
            if name != "mid_gap" or venue:
                obs[:, venues.column(name, venue)] = value / scales.get(name, venues.qty_scale)
    for bargain, taken in ((np.inf, [3, 0, 0]), (0.8, [3, 0, 0]), (0.6, [4, 0, 0]), (-0.7, [4, 0, 3])):
        actions = Router(venues, bargain=bargain)(obs)[0].reshape(3, 2).astype(float)
        assert np.floor((actions[:, 0] + 1) / 2 * 150 + 0.5).tolist() == taken, bargain
    obs[:, venues.column("parent_side")] = -1.0  # nobody bids
    assert (Router(venues, bargain=-9.0, slack=0.1)(obs)[:, ::2] == -1).all()


def test_candidates_differ_and_mistakes_are_named(desk):
    for name in ("TWAP", "VWAP", "POV", "Almgren-Chriss"):
        tries = candidates(name, desk, 16, 2.0)
        assert len({tuple(sorted(t.items())) for t in tries}) == 16
        assert {t["offset"] for t in tries} == {0.0, 1.0, 2.0}
    with pytest.raises(ConfigError, match=r"Pov\.share"):
        Pov(desk, share=1.0)
    with pytest.raises(ConfigError, match=r"Router.desk.kind"):
        Router(desk)
