"""An agent that quotes, trades and cancels at random inside a played day: what must hold after every event."""

from __future__ import annotations

import random

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, EV_FILL, LIVE_BIT, NIL, SELL, SIDE_BIT
from qsl_envs.engine.plain import cancel_order
from qsl_envs.engine.views import first_order, next_order
from qsl_envs.replay.convert import convert
from qsl_envs.replay.events import Kind
from qsl_envs.replay.lobster import read_day
from qsl_envs.replay.playback import EV_PRINT
from qsl_envs.replay.player import Player
from qsl_envs.replay.synthetic import SyntheticConfig, write_day
from tests.kernel.modes import in_mode

TRADES = (Kind.EXECUTE, Kind.HIDDEN_PRINT, Kind.CROSS_PRINT)


def make_table(folder, seed: int, duration_s: int = 20):
    config = SyntheticConfig(seed=seed, duration_s=duration_s, num_levels=3, mid_price=1_000, hidden_rate=1.0)
    return convert(read_day(write_day(folder, config)))


class Agent:
    """Trades at random; `aggressive` crosses the spread, else it only joins and improves the best prices."""

    def __init__(self, player: Player, seed: int, aggressive: bool) -> None:
        self.player, self.chance, self.aggressive = player, random.Random(seed), aggressive
        self.slots: list[int] = []
        self.bought = self.sold = 0

    def act(self) -> None:
        p, chance = self.player, self.chance
        bid, ask = (p.depth(side, 1) for side in (BUY, SELL))
        if not bid or not ask:
            return
        if self.slots and chance.random() < 0.3:
            slot = self.slots.pop(chance.randrange(len(self.slots)))
            if p.arrays.orders[int(p.arrays.books[p.book].orders_base) + slot].leaves_qty > 0:
                cancel_order(p.arrays, p.book, slot)
            return
        side = chance.randrange(2)
        touch = bid[0][0] if side == BUY else ask[0][0]
        better = 1 if side == BUY else -1
        if self.aggressive and chance.random() < 0.2:
            p.submit(side, (ask if side == BUY else bid)[0][0] + better, 1 + chance.randrange(400), ioc=True, owner=1)
            return
        price = touch + better * chance.randrange(-2, 2)
        if not bid[0][0] < price < ask[0][0]:
            price = touch
        slot = p.submit(side, price, 1 + chance.randrange(150), owner=1)
        if slot != NIL and slot not in self.slots:
            self.slots.append(slot)


def rests(p: Player) -> np.ndarray:
    """Lots that each historical slot has in the book."""
    start = int(p.arrays.books[p.book].orders_base)
    return np.array(p.arrays.orders[start : start + p.table.num_slots]["leaves_qty"])


def check_queues(p: Player) -> None:
    """The live orders of the pool, summed up by price, are the levels; each stands in its queue once."""
    start, used = (int(getattr(p.arrays.books[p.book], name)) for name in ("orders_base", "used_slots"))
    levels: tuple[dict, dict] = ({}, {})
    for slot, order in enumerate(p.arrays.orders[start : start + used]):
        if order["bits"] & LIVE_BIT:
            levels[order["bits"] & SIDE_BIT].setdefault(int(order["price"]), {})[slot] = int(order["leaves_qty"])
    for side in (BUY, SELL):
        shown = sorted(((price, sum(at.values())) for price, at in levels[side].items()), reverse=side == BUY)
        assert p.depth(side, used) == shown
        for price, at in levels[side].items():
            queue = []
            slot = first_order(p.arrays, p.book, side, price, 0)
            while slot != NIL:
                queue.append(int(slot))
                slot = next_order(p.arrays, p.book, slot)
            assert sorted(queue) == sorted(at)


@pytest.mark.parametrize("aggressive", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_beside_a_random_agent(tmp_path, seed, aggressive):
    table = make_table(tmp_path, seed)
    p = Player(table, publish=True, max_events=64)
    agent = Agent(p, seed, aggressive)
    history = np.zeros(table.num_slots, np.int64)
    agent_lots = 0
    while p.next < len(table):
        before = p.next
        events = p.step()
        rows = table.rows[before : p.next]
        for row in rows[rows["slot"] != NIL]:
            history[row["slot"]] = row["rest_qty"]
        assert (rests(p) <= history).all()
        fills = events[events["kind"] == EV_FILL]
        mine = int(fills["qty"][fills["owner"] != NIL].sum())
        agent_lots += mine
        printed = int(events["qty"][events["kind"] == EV_PRINT].sum())
        listed = int(rows["qty"][np.isin(rows["kind"], TRADES)].sum())
        if listed:  # no more trades than in history, and a hidden print none less
            assert int(fills["qty"].sum()) + printed <= listed
            assert rows["kind"][0] != Kind.HIDDEN_PRINT or mine + printed == listed
        check_queues(p)
        if p.next > 400 or p.next > len(table) // 4:
            agent.act()
        bid, ask = p.depth(BUY, 1), p.depth(SELL, 1)
        assert not bid or not ask or bid[0][0] < ask[0][0]
    assert agent_lots == p.play[0].agent_lots > 0
    assert p.play[0].no_ops > 0 or not aggressive  # a new order that agents fill whole is consumed too
    assert p.play[0].withheld_lots > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_an_agent_that_never_trades_changes_nothing(tmp_path, seed):
    """Far quotes come and go; every historical order stays what history says, and the book is history's elsewhere."""
    table = make_table(tmp_path, seed, 10)
    alone, beside = Player(table), Player(table, window_ticks=64)
    chance = random.Random(seed)
    while alone.next < len(table):
        alone.step()
        beside.step()
        if chance.random() < 0.2:
            beside.submit(BUY, 1 + chance.randrange(100), 10, owner=1)
            beside.submit(SELL, 3_000 + chance.randrange(100), 10, owner=1)
        np.testing.assert_array_equal(rests(alone), rests(beside))
        for side in (BUY, SELL):
            assert alone.depth(side, 99) == [level for level in beside.depth(side, 99) if 200 < level[0] < 2_900]
    assert beside.play[0].agent_fills == beside.play[0].no_ops == beside.play[0].withheld_lots == 0


def digest() -> str:
    """A short day beside an agent, as text."""
    import hashlib
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        table = make_table(folder, 4, 8)
    p = Player(table, publish=True, max_events=16)
    agent = Agent(p, 4, True)
    seen = hashlib.sha256(table.rows.tobytes())
    while p.next < len(table):
        seen.update(repr(p.step().tolist()).encode())  # not the bytes: records have gaps
        agent.act()
    return seen.hexdigest() + f" {p.play[0].agent_lots}"


@pytest.mark.compiled
def test_compiled_and_interpreted_are_the_same():
    module = "tests.replay.test_playback_properties"
    assert in_mode(module, "digest", interpreted=False) == in_mode(module, "digest", interpreted=True)
