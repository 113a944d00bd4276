"""Seats that close at one instant: the displayed book pays for its lots once, and all lots are worth the same."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import qsl_envs
from qsl_envs.engine.constants import BUY, SELL
from tests.market.worlds import accounts

QUICK = {"config": {"templates": 1, "burn_in_ns": 300_000_000}, "step_ns": 50_000_000, "session_ns": 2_000_000_000}
BIDS, OFFERS = np.float32([-0.8, 1, 1, -1]), np.float32([1, -0.8, -1, 1])


def play(signs: tuple[int, ...], num_envs: int = 4, **changes: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """A session of makers who only bid (1) or only offer (-1): the market at its close, and what they were told."""
    envs = qsl_envs.make_marl_vec("qsl/MarketMakers-v0", num_envs, seats={"maker": len(signs)},
                                  autoreset_mode="Disabled", **{**QUICK, **changes})  # fmt: skip
    envs.reset(seed=3)
    one = np.stack([BIDS if sign > 0 else OFFERS for sign in signs])
    infos: dict[str, Any] = {}
    while not infos:
        infos = envs.step({"maker": np.repeat(one[None], num_envs, axis=0)})[4]
    return envs, infos["episode_summary"]["maker"]


def levels(envs: Any, env: int, side: int) -> list[tuple[int, int]]:
    """(price, lots) that nobody with a seat shows, best first."""
    shown = dict(envs.market.true_book(replica=env, levels=10_000)[side].tolist())
    for seat in range(envs.core.num_seats):
        for order in envs.market.orders(seat, replica=env):
            if order["side"] == side and order["price"] in shown:
                shown[order["price"]] -= order["leaves_qty"]
    return list(shown.items())


def walk(book: list[tuple[int, int]], lots: int, beyond: int) -> int:
    """What the book pays for lots, in ticks x lots; the rest is priced `beyond` the last level looked at."""
    value, worst = 0, 0
    for price, there in book:
        qty = min(lots, there)
        value, lots, worst = value + qty * price, lots - qty, price
        if lots == 0:
            break
    return value + lots * (worst + beyond)


@pytest.mark.parametrize("signs", [(1, 1, 1, 1), (-1, -1, -1), (1, 1, -1, -1), (1, -1, -1, -1), (1,)])
def test_the_book_is_there_once(signs):
    envs, summary = play(signs)
    unit = envs.market.config.fee_unit
    rate = Fraction(round(envs.market.config.venues[0].taker_fee_bps * 100), 1_000_000)
    penalty = envs.roles["maker"].task.unfilled_penalty_ticks
    several = 0
    for env in range(envs.num_envs):
        for sign, side in ((1, BUY), (-1, SELL)):
            seats = [s for s in range(len(signs)) if signs[s] == sign and summary["inventory"][env, s] > 0]
            lots = {s: int(summary["inventory"][env, s]) for s in seats}
            if not seats:
                continue
            several += len(seats) > 1
            total = sum(lots.values())
            price = Fraction(walk(levels(envs, env, side), total, -sign * penalty), total)
            for s in seats:
                mark = Fraction(envs.market.account(s, replica=env)["mark_x2"], 2)
                expected = sign * lots[s] * (price - mark) - rate * lots[s] * price
                assert summary["term_liquidation"][env, s] == pytest.approx(float(expected), abs=4 / unit)
    assert several > 0 or len(signs) == 1


def test_nothing_is_lost_in_the_division():
    """Cash and inventory over all entities, liquidator and venues included, are what they were."""
    envs, summary = play((1, 1, 1, -1))
    assert (summary["inventory"] > 0).any()
    for env in range(envs.num_envs):
        found = accounts(envs.market, env)
        for name in ("cash", "inventory"):
            assert found[name].sum() == found[f"initial_{name}"].sum()
