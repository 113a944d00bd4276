"""Built-in kinds: quotes against the formulas, schedules exactly, arbitrage by what is known, who earns, who pays."""

from __future__ import annotations

import numpy as np
import pytest

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.market.config import PopulationConfig, SymbolConfig, ValueConfig, VenueConfig
from qsl_envs.market.kinds import BUILTIN, find_kind
from qsl_envs.market.market import Market
from qsl_envs.participants.executors import scheduled_ac, scheduled_pov, scheduled_twap, scheduled_vwap
from qsl_envs.participants.makers import extra_half_spread
from qsl_envs.participants.quotes import ac_kappa, ac_schedule, as_quotes, base_spread, glft_offsets, glft_slope
from qsl_envs.participants.zip import learn
from tests.market.worlds import FLOW, LOOSE, MS, SECOND, START, accounts, link, participant
from tests.participants import slow
from tests.participants.crowds import FAST, RISK, group, noisy, populated, trading

NOW = link(0)


def still(*groups: PopulationConfig, depth: int = 400, **changes) -> Market:
    """A market whose book is one agent's two orders, START - 5 and START + 5, `depth` lots each; groups look at it."""
    agents = (participant("wall", NOW, risk=LOOSE),)
    market = Market(populated(*groups, participants=agents, **changes), 1)
    market.reset()
    market.send(BUY, depth, START - 5)
    market.send(SELL, depth, START + 5)
    return market


def quotes_of(market: Market, name: str) -> tuple[int, int]:
    """(bid, ask) that a participant has standing."""
    by_side = {order["side"]: order["price"] for order in market.orders(name)}
    return by_side[BUY], by_side[SELL]


def test_every_kind_is_documented_and_its_defaults_are_within_bounds():
    for name in BUILTIN:
        kind = find_kind(name)
        assert kind.name == name and kind.doc.endswith(".")
        for param in kind.params.values():
            assert param.low <= param.default <= param.high and param.doc


# --- makers -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("held", [-9, 0, 12])
def test_makers_quote_what_their_formulas_say(held):
    quick = {"period_ns": 1_000, "qty": 2}
    formula = {"gamma": 0.02, "sigma": 1.5, "k": 0.8}
    kinds = {
        "fixed_spread": {"spread": 5},
        "inventory_skew": {"spread": 5, "skew": 0.25},
        "avellaneda_stoikov": {**formula, "horizon_s": 3},
        "glft": {**formula, "a": 1.4},
    }
    groups = [group(kind, params={**quick, **own}, lines=NOW, inventory=held) for kind, own in kinds.items()]
    market = still(*groups)
    market.advance(10_000)
    mid = float(START)
    low, high = glft_offsets(held, 0.5 * base_spread(0.02, 0.8), glft_slope(1.4, 0.8, 0.02, 1.5))
    expected = {
        "fixed_spread": (mid - 2.5, mid + 2.5),
        "inventory_skew": (mid - 0.25 * held - 2.5, mid - 0.25 * held + 2.5),
        "avellaneda_stoikov": as_quotes(mid, held, 0.02, 1.5, 0.8, 3.0),
        "glft": (mid - low, mid + high),
    }
    # each one alone: once the others quote, the mid that they know may move
    for kind, (bid, ask) in expected.items():
        alone = still(group(kind, params={**quick, **kinds[kind]}, lines=NOW, inventory=held))
        alone.advance(1_000)
        assert quotes_of(alone, f"{kind}_0") == (
            min(int(np.floor(bid)), START + 4), max(int(np.ceil(ask)), START - 4)), kind  # fmt: skip
    assert len(market.orders("glft_0")) == 2


def test_a_quote_that_stays_keeps_its_place():
    market = still(group("fixed_spread", params={"period_ns": MS, "qty": 3}, lines=NOW))
    market.advance(2 * MS)
    before = market.orders("fixed_spread_0")
    market.send(BUY, 7, START - 2)
    market.advance(500 * MS)
    after = market.orders("fixed_spread_0")
    assert [order["client"] for order in after] == [order["client"] for order in before]
    m = market.arrays
    assert int(m.conns[m.runs[0].conns + 1].sent) == 2


def test_a_maker_stops_on_the_side_that_would_pass_its_limit():
    market = still(group("fixed_spread", params={"period_ns": 1_000, "qty": 5, "max_inventory": 10}, inventory=8,
                         lines=NOW))  # fmt: skip
    market.advance(MS)
    assert {o["side"]: o["leaves_qty"] for o in market.orders(1)} == {BUY: 2, SELL: 5}


def test_an_adaptive_maker_widens_after_a_bad_fill_and_forgets():
    params = {"period_ns": 10 * MS, "qty": 2, "spread": 4, "widen": 1.5, "relax_ns": 200 * MS}
    market = still(group("fixed_spread", params=params, lines=NOW))
    market.advance(20 * MS)
    assert quotes_of(market, "fixed_spread_0") == (START - 2, START + 2)
    market.send(SELL, 2, START - 2)  # the maker buys, and the mid falls
    for order in market.orders(0):
        market.cancel(order["client"])
    market.send(BUY, 300, START - 17)
    market.send(SELL, 300, START - 7)
    market.advance(20 * MS + 1)
    market.advance(40 * MS)
    bid, ask = quotes_of(market, "fixed_spread_0")
    assert ask - bid > 8
    wide = ask - bid
    market.advance(3 * SECOND)
    bid, ask = quotes_of(market, "fixed_spread_0")
    assert ask - bid < wide and ask - bid <= 6


def test_the_adaptive_rule_is_its_twin():
    rng = np.random.default_rng(3)
    params = {"period_ns": MS, "widen": 0.7, "relax_ns": 40 * MS, "max_extra": 9, "spread": 4}
    market = still(group("fixed_spread", params=params, lines=NOW))
    m, extra, mid, held, now = market.arrays, 0.0, 2 * START, 0, 0
    market.advance(0)
    for _ in range(200):
        moved, filled, passed = int(rng.integers(-9, 10)), int(rng.integers(-2, 3)), int(rng.integers(1, 30 * MS))
        mid, held, now = mid + moved, held + filled, now + passed
        extra = slow.extra_half_spread(extra, passed, filled, moved, 0.7, 40.0 * MS, 9.0)
        assert float(extra_half_spread(m, 0, 1, mid, held, now)) == pytest.approx(extra, rel=1e-12)


# --- executors ----------------------------------------------------------------------------------------------------
def fills_by_slice(kind: str, n: int, duration: int, **params) -> list[int]:
    """Lots that an executor has bought by the end of each slice, in a book that has all it wants."""
    own = {"qty": 137, "slices": n, "duration_ns": duration, "start_ns": 5 * MS, **params}
    market = still(group(kind, params=own, lines=NOW))
    done = []
    for j in range(n):
        market.advance(5 * MS + duration * j // n + MS // 2)
        done.append(int(accounts(market)[1, 0]["inventory"]))
    return done


def test_schedules_are_exact():
    n, duration = 11, 110 * MS
    assert fills_by_slice("twap", n, duration) == [int(137 * (j + 1) / n + 0.5) for j in range(n)]
    u = (np.arange(n) + 1) / n
    curve = 1.5
    density = 1 + curve * ((2 * np.linspace(0, 1, 200_001) - 1) ** 2 - 1 / 3)
    volume = np.cumsum(density) / density.sum()
    shares = np.interp(u, np.linspace(0, 1, 200_001), volume)
    got = fills_by_slice("vwap", n, duration, curve=curve)
    assert np.abs(np.array(got) - 137 * shares).max() <= 0.51 and got[-1] == 137
    own = {"risk_aversion": 2e-3, "sigma": 40.0, "eta": 0.02, "impact": 0.001}
    kappa = ac_kappa(2e-3, 40.0, 0.02, 0.001, duration * 1e-9 / n)
    expected = np.cumsum(ac_schedule(137, duration * 1e-9, n, float(kappa))).tolist()
    assert fills_by_slice("almgren_chriss", n, duration, **own) == expected
    assert expected[0] > 137 / n * 1.2  # and it is no straight line


def test_schedules_end_with_everything():
    for qty in (1, 7, 1_000):
        for n in (1, 3, 50):
            twap = [int(scheduled_twap(qty, j, n)) for j in range(n)]
            vwap = [int(scheduled_vwap(qty, j, n, 2.0)) for j in range(n)]
            cost = [int(scheduled_ac(qty, j, n, 10.0, 0.3)) for j in range(n)]
            for plan in (twap, vwap, cost):
                assert plan[-1] == qty and plan == sorted(plan) and plan[0] >= 0
    assert int(scheduled_pov(1_000, 900, 0.1)) == 100 and int(scheduled_pov(50, 900, 0.1)) == 50


def test_pov_keeps_its_share_of_the_volume():
    own = {"qty": 400, "share": 0.2, "slices": 200, "duration_ns": 4 * SECOND, "through": 50}
    market = trading(populated(group("pov", params=own), flow=FLOW), until_ns=4 * SECOND)
    bought = int(accounts(market)[1, 0]["inventory"])
    volume = sum(market.observe(0)[name] for name in ("volume_buy", "volume_sell"))
    assert bought > 40 and bought / volume == pytest.approx(0.2, abs=0.03)


def test_what_is_not_filled_is_sent_again():
    market = still(group("twap", params={"qty": -60, "slices": 6, "duration_ns": 60 * MS}, lines=NOW), depth=25)
    market.advance(100 * MS)
    assert accounts(market)[1, 0]["inventory"] == -25
    market.send(BUY, 400, START - 5)
    market.advance(200 * MS)
    assert accounts(market)[1, 0]["inventory"] == -60


# --- arbitrage ----------------------------------------------------------------------------------------------------
def two_venues(kind: str, gap: int, **params) -> Market:
    """Two venues; the second one's bid stands `gap` ticks above the first one's ask."""
    config = populated(group(kind, params=params, lines=link(MS)), participants=(participant("wall", NOW),),
                       venues=(VenueConfig(name="A"), VenueConfig(name="B")))  # fmt: skip
    market = Market(config, 1)
    market.reset()
    for book, middle in ((0, START), (1, START + 10 + gap)):
        market.send(BUY, 40, middle - 5, book=book)
        market.send(SELL, 40, middle + 5, book=book)
    return market


@pytest.mark.parametrize(
    "gap, edge, cost, trades", [(3, 2, 0, True), (2, 2, 0, False), (3, 1, 2, False), (-4, 0, 0, False)]
)
def test_an_arbitrageur_trades_when_it_pays_by_what_it_knows(gap, edge, cost, trades):
    market = two_venues("arbitrage", gap, edge=edge, cost=cost, qty=6, max_inventory=18)
    market.advance(MS - 1)
    assert accounts(market)[1, 0]["volume"] == 0  # has not heard of it yet
    market.advance(400 * MS)
    a = market.account(1)
    assert (a["volume"] > 0) == trades
    if trades:
        assert a["inventory"] == 0 and a["volume"] == 2 * 18  # as much as each venue's limit allows
        assert a["realized"] == 18 * gap * market.config.fee_unit


def test_arbitrage_earns_while_two_venues_disagree():
    config = populated(group("arbitrage", 2, params={"edge": 0}), flow=FLOW,
                       venues=(VenueConfig(name="A", maker_fee_bps=0.0, taker_fee_bps=0.0),
                               VenueConfig(name="B", maker_fee_bps=0.0, taker_fee_bps=0.0)))  # fmt: skip
    market = trading(config, 4, until_ns=5 * SECOND)
    gains = [market.account(p, replica=i)["equity"] for p in (1, 2) for i in range(4)]
    assert sum(gains) > 0


def test_a_latency_arbitrageur_takes_the_quote_that_lags_and_goes_home():
    market = two_venues("latency_arbitrage", -10, edge=1, qty=6, hold_ns=50 * MS)  # both venues agree
    market.advance(20 * MS)
    assert accounts(market)[1, 0]["volume"] == 0
    for order in market.orders(0):
        if order["book"] == 0:
            market.cancel(order["client"])
    market.send(BUY, 40, START + 7)  # the leading venue jumps beyond the other one's ask
    market.send(SELL, 40, START + 12)
    market.advance(30 * MS)
    held = accounts(market)[1, 0]["inventory"]
    assert held > 0
    market.advance(SECOND)
    assert accounts(market)[1, 0]["volume"] > held


# --- views --------------------------------------------------------------------------------------------------------
def test_the_informed_earns_and_noise_pays():
    symbol = SymbolConfig(start_price=START, value=ValueConfig(sigma=6.0, reversion=0.2))
    informed = group("informed", 3, params={"period_ns": 20 * MS, "edge": 0.5})
    value = group("value", 6, params={"gap_ns": 40 * MS, "noise": 4.0, "delay_ns": 0, "life_ns": 200 * MS})
    groups = (noisy(12, market_share=0.3), informed, value)
    market = trading(populated(*groups, symbols=(symbol,)), 8, until_ns=4 * SECOND)
    gain = {"noise": 0.0, "informed": 0.0}
    for i in range(8):
        a, worth, unit = accounts(market, i)[:, 0], market.value(replica=i), market.config.fee_unit
        gain["noise"] += float(sum(a["cash"][1:13]) / unit + sum(a["inventory"][1:13]) * worth)
        gain["informed"] += float(sum(a["cash"][13:16]) / unit + sum(a["inventory"][13:16]) * worth)
    assert gain["informed"] > 0 > gain["noise"]


def test_momentum_and_mean_reversion_take_opposite_sides():
    params = {"period_ns": 5 * MS, "fast_ns": 10 * MS, "slow_ns": 200 * MS, "max_inventory": 6}
    market = still(group("momentum", params=params, lines=NOW), group("mean_reversion", params=params, lines=NOW))
    market.advance(20 * MS)
    assert accounts(market)[1:3, 0]["inventory"].tolist() == [0, 0]
    for order in market.orders(0):
        market.cancel(order["client"])
    market.send(BUY, 100, START + 15)
    market.send(SELL, 100, START + 25)
    market.advance(60 * MS)
    assert accounts(market)[1:3, 0]["inventory"].tolist() == [6, -6]
    market.advance(3 * SECOND)
    assert accounts(market)[1:3, 0]["inventory"].tolist() == [0, 0]


def test_zip_learns_as_its_source_says():
    rng = np.random.default_rng(1)
    raised = 0
    for _ in range(500):
        buyer, accepted = bool(rng.integers(2)), bool(rng.integers(2))
        price, change, limit, q = (float(x) for x in rng.normal(1_000, 10, 4))
        change, stir = change - 1_000, float(rng.uniform(0, 3))
        expected = slow.learn(price, change, limit, buyer, q, accepted, 0.3, 0.1, stir)
        got = learn(price, change, limit, 0 if buyer else 1, q, accepted, 0.3, 0.1, stir)
        assert tuple(float(x) for x in got) == pytest.approx(expected, rel=1e-12)
        raised += expected[0] != price
    assert 100 < raised < 500


def test_zip_traders_find_the_price_where_supply_meets_demand():
    """Private values of buyers and sellers overlap around the start price: trades end up near it."""
    traders = group("zip", 24, params={"gap_ns": 20 * MS, "value": (-6, 14), "margin": (5, 20)}, risk=RISK)
    market = trading(populated(traders), 3, until_ns=4 * SECOND)
    prices = [market.observe(0, replica=i)["last_print"] for i in range(3)]
    assert all(market.observe(0, replica=i)["prints"] > 20 for i in range(3))
    assert all(abs(price - START) <= 8 for price in prices)


def test_noise_waits_as_long_as_it_says_and_trades_on_both_sides():
    params = {"gap_ns": 20 * MS, "life_ns": 60 * MS, "market_share": 0.4}
    market = trading(populated(group("noise", 20, params=params, lines=FAST)), until_ns=2 * SECOND)
    m = market.arrays
    crowd = m.crowds[m.runs[0].crowd]
    wakes = m.actors[crowd.actors + 1 : crowd.actors + 21].wakes
    assert wakes.mean() == pytest.approx(101, abs=3 * np.sqrt(100 / 20))
    bought = sum(market.observe(0)[name] for name in ("volume_buy", "volume_sell"))
    assert bought > 300
    assert market.observe(0)["volume_buy"] / bought == pytest.approx(0.5, abs=0.1)
