"""Small markets, and an agent that trades as hard as it can: what the tests of the market room share."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from qsl_envs.engine.constants import (
    BUY,
    FOK,
    GTD,
    IOC,
    NIL,
    PEG_PRIMARY,
    PEGGED,
    SELL,
    STOP,
    STOP_LIMIT,
)
from qsl_envs.flow.config import PoissonFlowConfig
from qsl_envs.market.config import (
    FeeTier,
    MarketConfig,
    ParticipantConfig,
    RiskConfig,
    SizeConfig,
    SymbolConfig,
    VenueConfig,
)
from qsl_envs.market.market import Market
from qsl_envs.network.config import LinkConfig

MS = 1_000_000
SECOND = 1_000_000_000
START = 1_000
DIRECT = LinkConfig(latency_ns=0)
SIZE = SizeConfig(max_orders=320, window_ticks=64, max_special=24, max_events=16, max_clients=64, max_messages=256,
                  max_calendar=512, tape=512, wheel=256)  # fmt: skip
FLOW = PoissonFlowConfig(market_rate=20, limit_rate=8, cancel_rate=4, ticks=20, qty_low=1, qty_high=4)
LOOSE = RiskConfig(max_inventory=100_000, max_order_qty=10_000, max_open_orders=48)


def link(latency_ns: int, **values) -> LinkConfig:
    """A link of this latency."""
    return LinkConfig(latency_ns=latency_ns, **values)


def participant(name: str = "agent", lines: LinkConfig = DIRECT, **values) -> ParticipantConfig:
    """A participant whose three lines are alike, with loose limits."""
    values = {"order_link": lines, "report_link": lines, "feed_link": lines, "risk": LOOSE, **values}
    return ParticipantConfig(name=name, **values)


def small(**changes) -> MarketConfig:
    """One venue, one symbol, an agent beside a lively flow of about 450 messages a second."""
    values = {"participants": (participant(),), "symbols": (SymbolConfig(start_price=START),), "flow": FLOW,
              "session_ns": 20 * SECOND, "templates": 2, "burn_in_ns": 2 * SECOND, "size": SIZE}  # fmt: skip
    return MarketConfig(**{**values, **changes})


def rich() -> MarketConfig:
    """Two venues with all that moves money: fees, rebates, tiers, lot fees, impact, borrow; lossy, late lines."""
    tiers = (FeeTier(volume=50, maker_fee_bps=-0.31, taker_fee_bps=0.27),
             FeeTier(volume=400, maker_fee_bps=-0.5, taker_fee_bps=0.1))  # fmt: skip
    first = VenueConfig(name="A", maker_fee_bps=-0.2, taker_fee_bps=0.3, tiers=tiers, taker_lot_fee=0.0005,
                        service_ns=20_000, gateway_slots=64, impact_ticks=0.25, stp="decrement")  # fmt: skip
    second = VenueConfig(name="B", maker_fee_bps=0.13, taker_fee_bps=-0.07, maker_lot_fee=-0.001, stp="cancel_both")
    lossy = link(300_000, jitter="exponential", jitter_ns=200_000, drop_ppm=30_000, fifo=False)
    slow = link(2 * MS, jitter="uniform", jitter_ns=500_000)
    symbol = SymbolConfig(start_price=START, borrow_rate=777)
    return small(
        venues=(first, second), symbols=(symbol,), order_timeout_ns=20 * MS, heartbeat_ns=10 * MS, snapshot_ns=5 * MS,
        participants=(participant("hard", lossy, inventory=13, cash=500.0), participant("late", slow, inventory=-7)),
        flow=replace(FLOW, market_rate=10, limit_rate=4, qty_high=3),
    )  # fmt: skip


def ready(config: MarketConfig | None = None, num_replicas: int = 1, **values) -> Market:
    """A market at the start of its first episode."""
    market = Market(small() if config is None else config, num_replicas, **values)
    market.reset()
    return market


class HardTrader:
    """Sends whatever an agent may send, at random: all order types, cancels, reduces and replaces.

    What it does is a function of its seed and of what it knows, so equal worlds see equal traders.
    """

    def __init__(self, market: Market, seed: int, *, replica: int = 0, agent: int = 0, plain: bool = False):
        self.market, self.replica, self.agent, self.plain = market, replica, agent, plain
        self.chance = random.Random(seed)
        self.sent = 0

    def act(self) -> None:
        """Send two messages at random."""
        chance, market, replica = self.chance, self.market, self.replica
        book = chance.randrange(market.config.num_books)
        seen = market.observe(self.agent, replica=replica, book=book, levels=3)
        bid = int(seen["bids"][0, 0]) if len(seen["bids"]) else START - 1
        ask = int(seen["asks"][0, 0]) if len(seen["asks"]) else START + 1
        bid, ask = min(bid, ask), max(bid, ask)  # a lossy feed may show a crossed book
        live = [order for order in seen["orders"] if order["leaves_qty"] > 0]
        for _ in range(2):
            self.sent += 1
            if live and chance.random() < 0.4:
                self.change(chance.choice(live), bid, ask)
            else:
                self.new(book, bid, ask)

    def change(self, order: dict, bid: int, ask: int) -> None:
        """Cancel, reduce or replace a live order."""
        chance, market = self.chance, self.market
        kind = chance.randrange(3)
        if kind == 0:
            market.cancel(order["client"], replica=self.replica)
        elif kind == 1:
            market.reduce(order["client"], chance.randint(1, 4), replica=self.replica)
        else:
            price = max(1, chance.randint(bid - 5, ask + 5))
            market.replace(order["client"], price, chance.randint(1, 12), replica=self.replica)

    def new(self, book: int, bid: int, ask: int) -> None:
        """Send an order of any type near the touch."""
        chance = self.chance
        side = chance.choice((BUY, SELL))
        qty = chance.randint(1, 30)
        price = max(1, chance.randint(bid - 4, ask + 4))
        kind = chance.randrange(4 if self.plain else 11)
        values: dict = {"price": price}
        if kind == 0:
            values = {"price": None}
        elif kind == 1:
            values["tif"] = IOC
        elif kind == 2:
            values["post_only"] = chance.choice((1, 2))
        elif kind == 4:
            values["display_qty"] = chance.choice((0, 2, 5))
        elif kind == 5:
            values["tif"] = FOK
        elif kind in (6, 7):
            stop = bid - chance.randint(0, 3) if side == SELL else ask + chance.randint(0, 3)
            limit = max(1, stop + (3 if side == BUY else -3))
            values = {"price": limit, "order_type": STOP_LIMIT} if kind == 6 else {"price": None, "order_type": STOP}
            values["stop_price"] = max(1, stop)
        elif kind == 8:
            values = {"price": None, "order_type": PEGGED, "peg": PEG_PRIMARY, "offset": 0}
        elif kind == 9:
            values.update(tif=GTD, expire_ns=int(self.market.now_ns[self.replica]) + chance.randint(MS, 300 * MS))
        self.market.send(side, qty, replica=self.replica, agent=self.agent, book=book, **values)


def trade(market: Market, traders: list[HardTrader], until_ns: int, step_ns: int, after=None) -> None:
    """Let time pass in steps; before each of them every trader acts, after each of them `after()` looks."""
    for t in range(int(market.now_ns[0]) + step_ns, until_ns + 1, step_ns):
        for trader in traders:
            trader.act()
        market.advance(t)
        if after is not None:
            after()


def accounts(market: Market, replica: int = 0) -> np.ndarray:
    """Every account of a replica: ACCOUNT records (entity, symbol)."""
    run = market.arrays.runs[replica * market.stride]
    entities, symbols = int(run.num_entities), int(run.num_symbols)
    first = int(run.accounts)
    return np.array(market.arrays.accounts[first : first + entities * symbols]).reshape(entities, symbols)


def gates(market: Market, replica: int = 0) -> np.ndarray:
    """Every gate of a replica: GATE records (participant, book)."""
    run = market.arrays.runs[replica * market.stride]
    shape = (int(run.num_traders), int(run.num_books))
    return np.array(market.arrays.gates[run.gates : run.gates + shape[0] * shape[1]]).reshape(shape)


def clients(market: Market, replica: int = 0) -> np.ndarray:
    """Every client record of a replica that is not free."""
    run = market.arrays.runs[replica * market.stride]
    rows = np.array(market.arrays.clients[run.clients : run.clients + int(run.max_clients)])
    return rows[rows["state"] != 0]


def touch(market: Market, replica: int = 0, book: int = 0) -> tuple[int, int]:
    """True best bid and ask."""
    bids, asks = market.true_book(replica=replica, book=book, levels=1)
    return (int(bids[0, 0]) if len(bids) else NIL), (int(asks[0, 0]) if len(asks) else NIL)
