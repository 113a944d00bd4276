"""One maker, written twice: as a Python strategy, and as a participant inside the kernel. Both send the same orders."""

from qsl_envs.engine.constants import NIL
from qsl_envs.market.constants import HEAR_TOP, KEEP, WHY_FILL, WHY_START, WHY_TIMER
from qsl_envs.market.kinds import Param
from qsl_envs.participants import participant
from qsl_envs.participants.knowledge import home, inventory, param, top
from qsl_envs.participants.orders import quote
from qsl_envs.sdk import Strategy

QTY, MOST, PERIOD_NS = 3, 30, 250_000_000


class TouchMaker(Strategy):
    """Joins the best prices, one tick back on the side that it holds too much of; looks again every 250 ms."""

    listens = "top"

    def on_start(self, md, trader):
        self.md, self.trader = md, trader
        self.fills = []
        trader.set_timer(md.now_ns + PERIOD_NS)

    def on_book_update(self, book, ts):
        self.requote()

    def on_fill(self, report):
        self.fills.append(report)
        self.requote()

    def on_timer(self, ts):
        self.requote()
        self.trader.set_timer(ts + PERIOD_NS)

    def requote(self):
        book, held = self.md.book(0), self.trader.position
        if book.bid is None or book.ask is None:
            return
        bid = book.bid - 1 if held > MOST // 2 else book.bid
        ask = book.ask + 1 if held < -MOST // 2 else book.ask
        bid_qty, ask_qty = max(0, min(QTY, MOST - held)), max(0, min(QTY, MOST + held))
        self.trader.quote(bid, bid_qty, ask, ask_qty)


@participant(
    "touch_maker",
    params={
        "qty": Param(QTY, "lots of each quote", low=1, high=1e6),
        "most": Param(MOST, "lots, long or short", low=1, high=1e9),
        "period_ns": Param(PERIOD_NS, "between two looks", low=1e3, high=1e13),
    },
    wakes_on=WHY_START | WHY_TIMER | WHY_FILL,
    listens=HEAR_TOP,
)
def wake(m, r, p, why, now_ns):
    """The same maker, compiled: one call for all reasons that hold at a nanosecond."""
    if why & WHY_START != 0:
        return now_ns + int(param(m, r, p, 2))
    book, held = home(m, r, p), inventory(m, r, p, 0)
    bid, _, ask, _ = top(m, r, p, book, now_ns)
    if bid != NIL and ask != NIL:
        qty, most = int(param(m, r, p, 0)), int(param(m, r, p, 1))
        if held > most // 2:
            bid -= 1
        if held < -most // 2:
            ask += 1
        quote(m, r, p, book, bid, max(0, min(qty, most - held)), ask, max(0, min(qty, most + held)), 1, now_ns)
    return now_ns + int(param(m, r, p, 2)) if why & WHY_TIMER != 0 else KEEP
