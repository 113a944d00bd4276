"""Settings of a venue: fees, rules at its door, phases, and how fast it serves. All are values but `gateway_slots`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qsl_envs.errors import require
from qsl_envs.settings import check_types

STP_NAMES = ("off", "cancel_taker", "cancel_resting", "cancel_both", "decrement")
DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTier:
    """Fees from a traded volume on."""

    volume: int
    """lots traded in the session from which the tier holds"""
    maker_fee_bps: float
    taker_fee_bps: float

    def __post_init__(self) -> None:
        check_types(self)
        require(self.volume > 0, self, "volume", "> 0 lots", self.volume)
        for name in ("maker_fee_bps", "taker_fee_bps"):
            _rate(self, name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class BandTier:
    """How far prices may stand from the reference, from a reference price on."""

    from_price: int
    """ticks: the reference price from which it holds"""
    ticks: int
    """above and below the reference"""

    def __post_init__(self) -> None:
        check_types(self)
        require(1 <= self.from_price < 2**31, self, "from_price", "in [1, 2**31) ticks", self.from_price)
        require(1 <= self.ticks < 2**31, self, "ticks", "in [1, 2**31)", self.ticks)


@dataclass(frozen=True, slots=True, kw_only=True)
class TickStep:
    """The step of prices, from a price on."""

    from_price: int
    """ticks; a multiple of the step"""
    step: int
    """ticks between two prices that orders may have"""

    def __post_init__(self) -> None:
        check_types(self)
        require(1 <= self.from_price < 2**31, self, "from_price", "in [1, 2**31) ticks", self.from_price)
        require(1 <= self.step <= 10**6, self, "step", "in [1, 1_000_000] ticks", self.step)
        require(self.from_price % self.step == 0, self, "from_price", f"a multiple of {self.step}", self.from_price)


PHASES = ("halt", "call", "open")
BUMPS = ("all", "takers")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseChange:
    """What a venue does at a set time of the session.

    `halt`: new orders are refused (HALTED), cancels go on. `call`: orders gather without matching, the indicative price
    and imbalance are published. `open`: the call, if there was one, is uncrossed, and trading is continuous.
    """

    at_ns: int
    action: str

    def __post_init__(self) -> None:
        require(0 <= self.at_ns <= DAY_NS, self, "at_ns", "in [0, one day]", self.at_ns)
        require(self.action in PHASES, self, "action", f"one of {', '.join(PHASES)}", self.action)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueConfig:
    """One exchange: fees, rules at its door, and how fast it serves."""

    name: str = "QSX"
    maker_fee_bps: float = -0.2
    """of the notional, in steps of 0.01; negative is a rebate"""
    taker_fee_bps: float = 0.3
    maker_lot_fee: float = 0.0
    """ticks per lot, added to the rate; negative is a rebate"""
    taker_lot_fee: float = 0.0
    tiers: tuple[FeeTier, ...] = ()
    """at most three, by rising volume, on top of the base fees"""
    service_ns: int = 0
    """time that one message occupies the venue; 0: served on arrival"""
    gateway_slots: int = 1024
    """messages that may wait in line; one more is refused. size"""
    stp: str = "cancel_resting"
    collar_ticks: int = 0
    """limit prices farther than this from the own side's touch are refused; 0: none"""
    band_ticks: int = 0
    """limit up / limit down: no order above or below the reference price by more than this; 0: none. The reference is
    `start_price`, or follows the trades of `band_window_ns`"""
    band_tiers: tuple[BandTier, ...] = ()
    """other widths by reference price, by rising price; below the first `band_ticks` holds"""
    band_window_ns: int = 0
    """the reference is the mean price of the trades of this long; 0: the start price. Looked at 16 times a window"""
    limit_state_ns: int = 0
    """when the best bid stands at the upper band, or the best ask at the lower one, for this long, the book is halted;
    0: never"""
    limit_halt_ns: int = 30_000_000_000
    """how long such a halt is"""
    limit_call_ns: int = 10_000_000_000
    """how long the resumption auction after it gathers orders"""
    batch_interval_ns: int = 0
    """periodic batch auctions: the book is in a call, uncrossed at every multiple of this; 0: continuous trading"""
    speed_bump_ns: int = 0
    """held back at the door of the venue, before its line"""
    speed_bump_for: str = "all"
    """`all` messages of participants, or `takers`: orders that could trade as they arrive"""
    min_resting_ns: int = 0
    """cancels, reductions and replaces of an order that has stood for less are refused (MIN_RESTING); a `cancel_all`,
    the kill switch's also, is not"""
    tick_table: tuple[TickStep, ...] = ()
    """price steps by price, by rising price; a limit or stop price off the step is refused (OFF_TICK); () or below the
    first: every tick"""
    max_order_qty: int = 1_000_000
    impact_ticks: float = 0.0
    """temporary impact: ticks per lot that a taker pays at full participation, for flow that cannot react"""
    keep_on_decrease: bool = False
    outages: tuple[tuple[int, int], ...] = ()
    """(start_ns, end_ns) windows of the session, sorted and apart: what arrives then is lost"""
    schedule: tuple[PhaseChange, ...] = ()
    """halts and calls, by rising time: an opening call is (0, call), (t, open); a resumption halt, call, open"""
    auction_fee_bps: float = 0.0
    """of both sides of an auction's trades"""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("maker_fee_bps", "taker_fee_bps", "auction_fee_bps"):
            _rate(self, name, getattr(self, name))
        for name in ("maker_lot_fee", "taker_lot_fee"):
            value = getattr(self, name)
            require(-1e6 <= value <= 1e6, self, name, "in [-1e6, 1e6] ticks per lot", value)
        _windows(self, "outages", self.outages)
        times = [c.at_ns for c in self.schedule]
        require(times == sorted(set(times)), self, "schedule", "by rising time", times)
        require(self.stp in STP_NAMES, self, "stp", f"one of {', '.join(STP_NAMES)}", self.stp)
        require(0 <= self.service_ns < 10**9, self, "service_ns", "in [0, 1 s)", self.service_ns)
        require(1 <= self.gateway_slots <= 2**20, self, "gateway_slots", "in [1, 2**20]", self.gateway_slots)
        require(1 <= self.max_order_qty < 2**31, self, "max_order_qty", "in [1, 2**31)", self.max_order_qty)
        require(0 <= self.collar_ticks < 2**31, self, "collar_ticks", "in [0, 2**31)", self.collar_ticks)
        require(0 <= self.band_ticks < 2**31, self, "band_ticks", "in [0, 2**31)", self.band_ticks)
        require(0 <= self.impact_ticks <= 1e6, self, "impact_ticks", "in [0, 1e6]", self.impact_ticks)
        require(len(self.tiers) <= 3, self, "tiers", "at most three", len(self.tiers))
        for name in ("band_window_ns", "limit_state_ns", "limit_halt_ns", "limit_call_ns", "min_resting_ns"):
            require(0 <= getattr(self, name) <= DAY_NS, self, name, "in [0, one day]", getattr(self, name))
        require(0 <= self.speed_bump_ns <= 10**10, self, "speed_bump_ns", "in [0, 10 s]", self.speed_bump_ns)
        batch = self.batch_interval_ns
        require(batch == 0 or 1000 <= batch <= DAY_NS, self, "batch_interval_ns", "0, or from 1 us to one day", batch)
        require(self.band_ticks < 2**31, self, "band_ticks", "< 2**31", self.band_ticks)
        window = self.band_window_ns
        require(window == 0 or window >= 16, self, "band_window_ns", "0, or at least 16 ns", window)
        banded = self.band_ticks > 0
        for name in ("band_tiers", "band_window_ns", "limit_state_ns"):
            require(banded or not getattr(self, name), self, name, "left out without band_ticks", getattr(self, name))
        bump = self.speed_bump_for
        require(bump in BUMPS, self, "speed_bump_for", f"one of {', '.join(BUMPS)}", bump)
        for name in ("band_tiers", "tick_table"):
            prices = [step.from_price for step in getattr(self, name)]
            require(prices == sorted(set(prices)), self, name, "by rising price", prices)
            require(len(prices) <= 64, self, name, "at most 64", len(prices))
        volumes = [t.volume for t in self.tiers]
        require(volumes == sorted(set(volumes)), self, "tiers", "by rising volume", volumes)


def _windows(owner: object, name: str, windows: tuple[tuple[int, int], ...]) -> None:
    last = -1
    for window in windows:
        pair = len(window) == 2 and 0 <= window[0] < window[1] <= DAY_NS
        require(pair and window[0] > last, owner, name, "pairs 0 <= start_ns < end_ns, sorted and apart", windows)
        last = window[1]


def _rate(owner: object, name: str, bps: float) -> None:
    finite = isinstance(bps, (int, float)) and math.isfinite(bps)
    require(finite and abs(bps) <= 100, owner, name, "a number in [-100, 100]", bps)
    require(abs(bps * 100 - round(bps * 100)) < 1e-6, owner, name, "a multiple of 0.01 bp", bps)
