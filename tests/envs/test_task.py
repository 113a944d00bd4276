"""Rewards, ends and observations of the market maker, each against a computation of its own."""

from __future__ import annotations

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.envs.state import END_NAMES
from tests.envs.small import make, play, random_actions

NEAR = np.float32([[-0.9, -0.9, 0.0, 0.0]])


def named(envs, obs):
    return dict(zip(envs.observation_names, obs.tolist()))


# --- rewards and ends ---------------------------------------------------------------------------------------------
def test_rewards_add_up_to_the_change_of_true_equity():
    envs = make(2, inventory_penalty=0.25)
    envs.reset(seed=0)
    pnl, penalty = np.zeros(2), np.zeros(2)
    for action in random_actions(19, 2):
        _, reward, *_ = envs.step(action)
        held = np.array([envs.market.account(replica=i)["inventory"] for i in range(2)])
        unit = envs.market.config.fee_unit
        equity = np.array([envs.market.account(replica=i)["equity"] for i in range(2)]) / unit
        pnl += envs.reward_terms[:, 0]
        penalty += 0.25 * np.abs(held)
        assert reward == pytest.approx((envs.reward_terms * envs.reward_weights).sum(1), abs=1e-12)
        assert pnl == pytest.approx(equity, abs=1e-9)
    assert penalty.sum() > 0
    assert 0.25 * envs.episode_reward_terms[:, 1] == pytest.approx(-penalty, abs=1e-9)


def test_every_reward_term_follows_from_the_path_of_the_account():
    """Each step's terms by their definitions, from the account that `step_info` tells."""
    allowance = 0.3
    envs = make(3, tail_loss=allowance, step_info=True)
    _, infos = envs.reset(seed=5)
    before = infos["account"]
    start, peak, deepest = before["mid"].copy(), np.zeros(3), np.zeros(3)
    seen = dict.fromkeys(envs.reward_names, 0.0)
    for action in np.tile(np.float32([-0.9, -0.8, 0.3, 0.3]), (19, 3, 1)):
        *_, infos = envs.step(action)
        now = infos["account"]
        held, left = before["inventory"], now["inventory"]
        gain = now["equity"] - before["equity"]
        peak = np.maximum(peak, now["equity"])
        fall = np.maximum(deepest, peak - now["equity"])
        expected = {
            "pnl": gain,
            "inventory": -np.abs(left),
            "damped_pnl": -np.maximum(0, held * (now["mid"] - before["mid"])),
            "fees": before["fees"] - now["fees"],
            "shortfall": gain - (left * (now["mid"] - start) - held * (before["mid"] - start)),
            "turnover": -(now["volume"] - before["volume"]),
            "drawdown": deepest - fall,
            "tail": -np.maximum(0, -gain - allowance),
            "liquidation": np.zeros(3),
        }
        for name, values in zip(envs.reward_names, envs.reward_terms.T, strict=True):
            assert values == pytest.approx(expected[name], abs=1e-9), name
            seen[name] += np.abs(values).sum()
        before, deepest = now, fall
    assert seen.pop("liquidation") == 0 and all(seen.values()), seen


def test_the_close_liquidates_in_the_last_reward():
    envs = make(3, inventory_penalty=0.0)
    seen = play(envs, np.tile(np.float32([-1.0, 1.0, 1.0, -1.0]), (19, 3, 1)), seed=1)  # only bids
    held = [envs.market.account(replica=i)["inventory"] for i in range(3)]
    assert max(held) > 0 and sum(map(sum, seen[2])) == 0
    *_, terminated, truncated, info = envs.step(np.tile(np.float32([0, 0, -1, -1]), (3, 1)))
    assert terminated.all() and not truncated.any()
    summary = info["episode_summary"]
    for i in range(3):
        account = envs.market.account(replica=i)
        assert account["inventory"] == 0
        assert summary["equity"][i] == account["cash"] / envs.market.config.fee_unit
        assert END_NAMES[summary["end"][i]] == "close"
    sold = summary["inventory"] > 0
    assert (summary["term_liquidation"][sold] < 0).all()
    assert (summary["term_liquidation"][summary["inventory"] == 0] == 0).all()


def test_a_step_limit_truncates_and_liquidates_nothing():
    envs = make(1, max_episode_steps=10)
    play(envs, np.tile(np.float32([-1.0, 1.0, 1.0, -1.0]), (9, 1, 1)), seed=1)
    *_, terminated, truncated, info = envs.step(np.float32([[-1.0, 1.0, 1.0, -1.0]]))
    assert truncated.all() and not terminated.any()
    summary = info["episode_summary"]
    assert envs.market.account()["inventory"] == summary["inventory"][0] > 0
    assert summary["term_liquidation"][0] == 0 and END_NAMES[summary["end"][0]] == "step_limit"


def test_ruin_ends_an_episode():
    envs = make(4, max_loss=3.0, config={"venues": [{"maker_lot_fee": 2.0}]})
    envs.reset(seed=0)
    ends = set()
    for _ in range(20):
        *_, terminated, _, info = envs.step(np.tile(NEAR, (4, 1)))
        if terminated.any():
            summary = info["episode_summary"]
            ends |= {END_NAMES[int(e)] for e in summary["end"][terminated]}
            ruined = terminated & (summary["end"] == END_NAMES.index("ruin"))
            assert (summary["equity"] - summary["term_liquidation"])[ruined].max(initial=-3.0) <= -3.0
    assert "ruin" in ends


def test_the_kill_switch_ends_an_episode():
    agent = {"risk": {"max_drawdown": 2.0}}
    envs = make(4, config={"participants": [agent], "venues": [{"maker_lot_fee": 2.0}]})
    envs.reset(seed=0)
    ends = set()
    for _ in range(20):
        *_, terminated, _, info = envs.step(np.tile(NEAR, (4, 1)))
        if terminated.any():
            ends |= {END_NAMES[int(e)] for e in info["episode_summary"]["end"][terminated]}
    assert "kill_switch" in ends


def test_borrowing_is_paid_while_short():
    rate = 20_000  # one tick a second and lot
    envs = make(1, config={"symbols": [{"borrow_rate": rate}]})
    sell = np.tile(np.float32([1.0, -1.0, -1.0, 1.0]), (19, 1, 1))
    held, pnl = [], 0.0
    envs.reset(seed=1)
    for action in sell:
        envs.step(action)
        held.append(-envs.market.account()["inventory"])
        pnl += envs.reward_terms[0, 0]
    account = envs.market.account()
    least, most = sum(held[:-1]), sum(held)
    assert least * rate / 20 <= account["borrow"] <= most * rate / 20 and account["borrow"] > 0
    gain = account["realized"] + account["unrealized"] - account["fees"] + account["rebates"] - account["borrow"]
    assert account["equity"] == gain
    assert pnl == pytest.approx(gain / 20_000, abs=1e-9)


# --- observations -------------------------------------------------------------------------------------------------
def test_every_observation_is_within_its_bounds():
    envs = make(3, tick_scale=1.0, qty_scale=1.0, max_loss=10.0)
    obs, *_ = play(envs, random_actions(25, 3))
    box = envs.observation_space
    assert all(box.contains(o) for o in obs)
    stacked = np.stack(obs)
    assert (stacked == box.high).any() and (stacked == box.low).any()


def test_without_latency_the_levels_are_the_true_book():
    link = {"latency_ns": 0, "jitter": "none", "jitter_ns": 0}
    agent = {"order_link": link, "report_link": link, "feed_link": link}
    envs = make(1, levels=4, config={"participants": [agent]})
    envs.reset(seed=0)
    for action in random_actions(12, 1):
        obs, *_ = envs.step(action)
        o = named(envs, obs[0])
        own = {(q["side"], q["price"]): 0 for q in envs.market.orders()}
        for q in envs.market.orders():
            own[q["side"], q["price"]] += q["leaves_qty"]
        true = envs.market.true_book(levels=20)
        best = [next(int(p) for p, lots in true[s].tolist() if lots > own.get((s, p), 0)) for s in (BUY, SELL)]
        mid = sum(best) / 2
        assert o["spread"] == np.float32((best[1] - best[0]) / 10)
        for side, name, sign in ((BUY, "bid", -1), (SELL, "ask", 1)):
            for level, (price, lots) in enumerate(true[side][:4].tolist()):
                assert o[f"{name}_distance_{level}"] == np.float32(np.clip(sign * (price - mid) / 10, 0, 10))
                assert o[f"{name}_qty_{level}"] == np.float32(min(lots / 10, 10))
        assert o["inventory"] == np.float32(envs.market.account()["inventory"] / 50)
        assert o["imbalance"] == np.float32((true[0][0, 1] - true[1][0, 1]) / (true[0][0, 1] + true[1][0, 1]))


def test_what_a_feed_has_not_carried_yet_is_not_seen():
    """Another participant's order reaches the venue after what the agent can have heard: this observation is equal to
    the one without it, the next one is not."""
    slow, mute = {"latency_ns": 45_000_000}, {"latency_ns": 1_000_000}
    agent = {"order_link": mute, "report_link": mute, "feed_link": {"latency_ns": 10_000_000}}
    config = {"participants": [agent, {"name": "other", "order_link": slow, "report_link": mute, "feed_link": mute}]}
    seen = []
    for disturb in (False, True):
        envs = make(1, config=config)
        envs.reset(seed=0)
        for n in range(6):
            if disturb and n == 3:  # arrives 5 ms before the end of the step, 5 ms too late for the feed
                price = int(envs.market.true_book()[0][0, 0])
                envs.market.send(BUY, 40, price, agent="other")
            obs, *_ = envs.step(np.float32([[0, 0, -1, -1]]))
            seen.append(obs.copy())
    quiet, loud = seen[:6], seen[6:]
    assert all(np.array_equal(quiet[n], loud[n]) for n in range(4))
    assert not np.array_equal(quiet[4], loud[4])


def test_latency_makes_the_feed_older():
    ages = []
    for latency_ns in (0, 20_000_000):
        envs = make(1, config={"participants": [{"feed_link": {"latency_ns": latency_ns}}]})
        obs, *_ = play(envs, np.tile(np.float32([0, 0, -1, -1]), (15, 1, 1)))
        at = envs.observation_names.index("feed_age")
        ages.append(np.stack(obs[3:])[:, 0, at] * envs.task.step_ns)
    assert (ages[1] >= 20_000_000).all()
    assert ages[0].mean() < 20_000_000


def test_own_orders_are_told_as_reports_tell_them():
    slow = {"latency_ns": 80_000_000}
    envs = make(1, config={"participants": [{"order_link": slow, "report_link": {"latency_ns": 1_000_000}}]})
    envs.reset(seed=0)
    obs, *_ = envs.step(np.float32([[0.5, 0.5, 0.0, -1.0]]))
    o = named(envs, obs[0])
    assert o["own_bid_in_flight"] == 1 and o["own_bid_qty"] == 0 and o["own_ask_in_flight"] == 0
    obs, *_ = envs.step(np.float32([[0.5, 0.5, 0.0, -1.0]]))
    o = named(envs, obs[0])
    assert o["own_bid_in_flight"] == 0 and o["own_bid_qty"] == 0.5
    distance = (envs.core.desks[0, 0, 0].mid_x2 / 2 - envs.market.orders()[0]["price"]) / 10
    assert o["own_bid_distance"] == np.float32(distance) and distance > 0
    obs, *_ = envs.step(np.float32([[0.5, 0.5, -1.0, -1.0]]))
    assert named(envs, obs[0])["own_bid_pending"] == 1


def test_the_queue_bound_is_never_below_the_truth():
    """The true place in the queue, which the venue knows, is at most what the observation says."""
    from qsl_envs.engine.views import queue_ahead

    envs = make(1, qty_scale=100.0)
    envs.reset(seed=3)
    checked = tight = 0
    for action in np.tile(np.float32([[-0.8, -0.8, 0.0, 0.0]]), (19, 1, 1)):
        obs, *_ = envs.step(action)
        o, run = named(envs, obs[0]), envs.market.arrays.runs[0]
        for side, name in ((BUY, "bid"), (SELL, "ask")):
            mine = [q for q in envs.market.orders() if q["side"] == side and q["state"] == 2]
            if mine and not any(q["pending"] for q in mine):
                best = max(mine, key=lambda q: ((1 - 2 * side) * q["price"], -q["ack_ns"]))
                slot = int(envs.market.arrays.clients[run.clients + best["client"]].slot)
                if slot >= 0:
                    ahead = int(queue_ahead(envs.market.arrays.book, run.books, slot))
                    told = round(o[f"own_{name}_queue"] * 100)
                    assert told >= ahead
                    checked += 1
                    tight += told == ahead
    assert checked > 10 and tight > 0


def test_changes_of_the_mid_and_prints():
    envs = make(1)
    obs, *_ = play(envs, np.tile(np.float32([0, 0, -1, -1]), (15, 1, 1)))
    rows = [named(envs, o[0]) for o in obs]
    change = np.array([r["mid_change"] for r in rows])
    long = [r["mid_change_10"] for r in rows]
    assert change[0] == 0 and np.abs(change).sum() > 0
    for n in range(1, 16):
        assert long[n] == pytest.approx(change[max(1, n - 9) : n + 1].sum(), abs=1e-5)
    known = envs.market.observe()
    net = sum(r["print_volume"] for r in rows) * 10
    assert net == pytest.approx(known["volume_buy"] - known["volume_sell"], abs=1e-4)
    assert known["prints"] > 0
