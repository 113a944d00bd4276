"""P&L and its parts: worked by hand, by a ledger in Python, and as identities."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.errors import MetricError
from qsl_envs.metrics.fills import MAKER, TAKER, Fills, MidPath
from qsl_envs.metrics.pnl import adverse_selection, pnl_parts
from tests.metrics.worlds import END_NS, FEE_UNIT, naive_mid, random_world, worlds


def test_a_round_trip_by_hand():
    """Buy 2 at 99 under a mid of 100 as maker (rebate 0.1 a lot), sell 2 at 100 under a mid of 101 as taker (fee 0.3 a
    lot); paid 0.5 to borrow: spread 2 - 2, inventory 2, fees 0.6, rebates 0.2."""
    fills = Fills([0, 0], [10, 20], [BUY, SELL], [99, 100], [2, 2], [-4_000, 12_000], [MAKER, TAKER], 1)
    mids = MidPath([0, 0], [0, 15], [200, 202], [30])
    parts = pnl_parts(fills, mids, [202], borrow=[10_000])
    assert [float(part[0]) for part in parts.ticks_lots(FEE_UNIT)] == [0.0, 2.0, 0.6, 0.2, 0.5, 1.1]
    assert np.isnan(adverse_selection(parts)[0])  # no edge to give back


def test_a_fill_is_measured_against_the_mid_before_it():
    fills = Fills([0], [10], [BUY], [101], [1], [0], [TAKER], 1)
    mids = MidPath([0, 0], [0, 10], [200, 204], [30])
    parts = pnl_parts(fills, mids, [204]).ticks_lots(FEE_UNIT)
    assert (parts.spread[0], parts.inventory[0], parts.total[0]) == (-1.0, 2.0, 1.0)


@given(worlds, st.integers(0, 2**31))
def test_parts_against_a_ledger(world, seed):
    fills, mids = world
    n = fills.num_episodes
    draw = np.random.default_rng(seed)
    mark, first, held, borrow = (
        draw.integers(low, high, n) for low, high in ((180, 220), (180, 220), (-9, 9), (0, 99))
    )
    parts = pnl_parts(fills, mids, mark, borrow=borrow, initial_inventory=held, initial_mark_x2=first)
    for e in range(n):
        cash, lots, spread, inventory, fees, rebates = Fraction(0), int(held[e]), Fraction(0), Fraction(0), 0, 0
        inventory += Fraction(int(mark[e] - first[e]), 2) * lots
        for k in np.flatnonzero(fills.episode == e).tolist():
            sign = 1 if fills.side[k] == BUY else -1
            qty, price, fee = int(fills.qty[k]), int(fills.price[k]), int(fills.fee[k])
            mid = Fraction(naive_mid(mids, e, int(fills.ts_ns[k]), before=True), 2)
            cash -= sign * qty * price + Fraction(fee, FEE_UNIT)
            lots += sign * qty
            spread += sign * qty * (mid - price)
            inventory += sign * qty * (Fraction(int(mark[e]), 2) - mid)
            fees, rebates = fees + max(fee, 0), rebates + max(-fee, 0)
        cash -= Fraction(int(borrow[e]), FEE_UNIT)
        total = cash + lots * Fraction(int(mark[e]), 2) - int(held[e]) * Fraction(int(first[e]), 2)
        found = [int(part[e]) for part in parts]
        assert found == [spread * FEE_UNIT, inventory * FEE_UNIT, fees, rebates, borrow[e], total * FEE_UNIT]


@given(worlds)
def test_parts_sum_exactly_to_the_total(world):
    fills, mids = world
    parts = pnl_parts(fills, mids, np.full(fills.num_episodes, 201))
    total = parts.spread + parts.inventory - parts.fees + parts.rebates - parts.borrow
    assert total.tolist() == parts.total.tolist()


@given(worlds)
def test_buy_and_sell_mirror(world):
    """Turn every side round and reflect prices at 100: the same P&L."""
    fills, mids = world
    mark = np.full(fills.num_episodes, 203)
    turned = Fills(fills.episode, fills.ts_ns, 1 - fills.side, 200 - fills.price, fills.qty, fills.fee,
                   fills.liquidity, fills.num_episodes, fills.fee_unit)  # fmt: skip
    reflected = MidPath(mids.episode, mids.ts_ns, 400 - mids.mid_x2, mids.end_ns)
    here, there = pnl_parts(fills, mids, mark), pnl_parts(turned, reflected, 400 - mark)
    assert all((a == b).all() for a, b in zip(here, there))


@given(worlds, st.integers(0, 2), st.integers(0, END_NS + 50), st.booleans())
def test_mids_at_a_time(world, episode, ts_ns, before):
    _, mids = world
    look = mids.before if before else mids.at
    expected = naive_mid(mids, episode, ts_ns, before)
    assert look([episode], [ts_ns])[0] == (NIL if expected is None else expected)


def test_adverse_selection_of_a_maker_run_over():
    """Bought at 99 under a mid of 100, marked at 99.5: half of the edge is gone."""
    parts = pnl_parts(Fills([0], [1], [BUY], [99], [4], [0], [MAKER], 1), MidPath([0], [0], [200], [9]), [199])
    assert adverse_selection(parts).tolist() == [0.5]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"side": [2]}, r"Fills\.side must be <= 1, was 2"),
        ({"qty": [0]}, r"Fills\.qty must be >= 1, was 0"),
        ({"price": [1.5]}, r"Fills\.price must be whole numbers"),
        ({"episode": [1]}, r"Fills\.episode must be <= 0, was 1"),
        ({"fee": [1, 2]}, r"Fills\.fee must be of length 1, was 2"),
        ({"fee_unit": 3}, r"Fills\.fee_unit must be even, was 3"),
        ({"num_episodes": 0}, r"Fills\.num_episodes must be a whole number >= 1, was 0"),
    ],
)
def test_a_bad_fill_is_named(changes, names):
    good = {"episode": [0], "ts_ns": [5], "side": [BUY], "price": [99], "qty": [2], "fee": [0], "liquidity": [MAKER],
            "num_episodes": 1}  # fmt: skip
    assert len(Fills(**good)) == 1
    with pytest.raises(MetricError, match=names):
        Fills(**{**good, **changes})


def test_what_cannot_be_computed_is_named():
    fills, mids = random_world(1)
    n = fills.num_episodes
    with pytest.raises(MetricError, match=r"pnl_parts\.mark_x2 must be of length 3"):
        pnl_parts(fills, mids, [200])
    with pytest.raises(MetricError, match="initial_mark_x2"):
        pnl_parts(fills, mids, np.full(n, 200), initial_inventory=[1, 0, 0])
    late = MidPath(mids.episode, mids.ts_ns, mids.mid_x2, np.zeros(n, np.int64))
    with pytest.raises(MetricError, match=r"pnl_parts\.mids must be known at every fill"):
        pnl_parts(fills, late, np.full(n, 200))
    huge = Fills([0] * 3, [1] * 3, [BUY] * 3, [2**31 - 1] * 3, [2**31 - 1] * 3, [0] * 3, [0] * 3, 1)
    with pytest.raises(MetricError, match=r"price x lots x fee_unit"):
        pnl_parts(huge, MidPath([0], [0], [200], [9]), [200])
    with pytest.raises(MetricError, match=r"MidPath\.ts_ns must be never decreasing"):
        MidPath([0, 0], [5, 4], [200, 200], [9])
    with pytest.raises(MetricError, match=r"MidPath\.episode must be never decreasing"):
        MidPath([1, 0], [5, 4], [200, 200], [9, 9])
