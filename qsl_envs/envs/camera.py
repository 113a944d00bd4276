"""From a market to moments of a screen: what one agent knows of its books, its orders and its fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qsl_envs.engine.constants import BUY, SELL
from qsl_envs.envs.picture import BookScreen, MarketScreen, OwnOrder, PrintMark
from qsl_envs.market.constants import CROSS, K_LIVE, PUB_CALL_BIT, PUB_CROSS_BIT, PUB_SIDE_BIT, PUB_TRADE
from qsl_envs.market.feed import arrival_of
from qsl_envs.network.links import LOST

if TYPE_CHECKING:
    from qsl_envs.market.market import Market

Key = tuple[int, int, int, int]
"""An order: book, client, when it was sent, and its price where that matters."""
Standing = tuple[int, int, int]
"""Of an order when last seen: side, price, lots filled."""

LEVELS = 32
"""Levels a side that a screen is given."""


class Camera:
    """Looks at one agent of one replica; call `moment` once a step, else prints and queue places are coarser.

    Args:
        market: whose `observe` tells what the agent knows.
        agent: number or name of the participant.
        books: numbers of the books to show; None: all of the market's.
        title: words in the head of the picture.
    """

    def __init__(self, market: Market, *, replica: int = 0, agent: int | str = 0, books: Sequence[int] | None = None,
                 title: str = ""):  # fmt: skip
        self.market, self.replica, self.agent, self.title = market, replica, agent, title
        self.books = tuple(range(market.config.num_books) if books is None else books)
        self._episode, self._now_ns = -1, 0
        self._agent = [p.name for p in market.config.participants].index(agent) if isinstance(agent, str) else agent
        self._forget()

    def _forget(self) -> None:
        self._cursors: dict[int, int] = {}  # book: the first record of its tape not looked at
        self._held: dict[int, int] = {}  # book: lots
        self._ahead: dict[Key, int] = {}
        self._standing: dict[Key, Standing] = {}

    def moment(self, *, equity: float, reward: float, max_inventory: int = 0, ended: str = "",
               notes: Sequence[str] = ()) -> MarketScreen:  # fmt: skip
        """The market now, as the agent knows it.

        Args:
            equity: gained since the start of the episode, ticks x lots.
            reward: of the last step.
            max_inventory: lots at the ends of the inventory bar; 0: the largest seen.
            ended: why the episode is over, empty while it goes on.
            notes: small print.
        """
        market, config = self.market, self.market.config
        now_ns, episode = int(market.now_ns[self.replica]), int(market.episodes[self.replica])
        if episode != self._episode or now_ns < self._now_ns:
            self._forget()
        self._episode, self._now_ns = episode, now_ns
        many = len(self.books) > 1
        symbols = len(config.symbols)
        shown: list[BookScreen] = []
        ahead: dict[Key, int] = {}
        standing: dict[Key, Standing] = {}
        for book in self.books:
            known = market.observe(self.agent, replica=self.replica, book=book, levels=LEVELS)
            orders = [order for order in known["orders"] if order["book"] == book]
            own = self._own_orders(book, known, orders, ahead)
            prints = self._prints(book) + self._fills(book, known["inventory"], orders, standing)
            venue, symbol = divmod(book, symbols)
            names = [config.venues[venue].name] if len(config.venues) > 1 else []
            names += [config.symbols[symbol].name] if symbols > 1 else []
            shown.append(BookScreen(bids=known["bids"], asks=known["asks"], orders=own, prints=prints,
                                    name=" ".join(names) if many else "", inventory=known["inventory"]))  # fmt: skip
        self._ahead, self._standing = ahead, standing
        return MarketScreen(
            time_ns=now_ns, session_ns=config.session_ns, books=shown,
            inventory=sum(book.inventory for book in shown), equity=equity, reward=reward, title=self.title,
            max_inventory=max_inventory, ended=ended, notes=tuple(notes),
        )  # fmt: skip

    def _own_orders(self, book: int, known: dict[str, Any], orders: list[dict[str, int]],
                    ahead: dict[Key, int]) -> list[OwnOrder]:  # fmt: skip
        """Own orders with an upper bound of the lots in front of each: never more than others were seen to show there
        since it was acknowledged.
        """
        lots = ({int(p): int(q) for p, q in known["bids"]}, {int(p): int(q) for p, q in known["asks"]})
        own: dict[tuple[int, int], int] = {}
        for order in orders:
            if order["state"] == K_LIVE:
                place = (order["side"], order["price"])
                own[place] = own.get(place, 0) + order["leaves_qty"]
        found = []
        for order in orders:
            side, price, queue = order["side"], order["price"], -1
            if order["state"] == K_LIVE:
                key = (book, order["client"], order["sent_ns"], price)
                others = max(lots[side].get(price, 0) - own[side, price], 0)
                queue = ahead[key] = min(self._ahead.get(key, others), others)
            found.append(OwnOrder(side, price, order["leaves_qty"], queue))
        return found

    def _prints(self, book: int) -> list[PrintMark]:
        """Trades of a book's tape that the agent has heard of since the last moment; of the first one, none."""
        m, market = self.market.arrays, self.market
        r = self.replica * market.stride
        run = m.runs[r]
        view = m.views[int(run.views + m.conns[run.conns + self._agent * market.config.num_books + book].feed)]
        tape, end = m.tapes[run.tapes + view.book], int(view.cursor)
        start = max(self._cursors.get(book, end), int(tape.head) - int(run.max_pubs))
        self._cursors[book] = end
        found = []
        for n in range(start, end):
            p = m.pubs[int(tape.first_pub) + (n & (int(run.max_pubs) - 1))]
            code = int(p.code)
            if code & 1 != PUB_TRADE or code & PUB_CALL_BIT:
                continue
            if view.lost and arrival_of(m, view, int(p.ts_ns)) == LOST:
                continue
            side = CROSS if code & PUB_CROSS_BIT else SELL if code & PUB_SIDE_BIT else BUY
            found.append(PrintMark(int(p.ts_ns), int(p.price), int(p.after), side))
        return found

    def _fills(self, book: int, inventory: int, orders: list[dict[str, int]],
               standing: dict[Key, Standing]) -> list[PrintMark]:  # fmt: skip
        """Own fills heard since the last moment, at the price of the order: what orders tell of themselves, and of
        those that are gone what the inventory tells.
        """
        before = {key: old for key, old in self._standing.items() if key[0] == book}
        change = inventory - self._held.get(book, inventory)
        self._held[book] = inventory
        found = []
        for order in orders:
            key = (book, order["client"], order["sent_ns"], 0)
            _, price, filled = before.pop(key, (order["side"], order["price"], 0))
            standing[key] = (order["side"], order["price"], order["filled_qty"])
            lots = order["filled_qty"] - filled
            if lots > 0:
                found.append(PrintMark(self._now_ns, price, lots, order["side"] ^ 1, True))
                change -= lots if order["side"] == BUY else -lots
        for side, price, _ in before.values():
            if change and (change > 0) == (side == BUY):
                found.append(PrintMark(self._now_ns, price, abs(change), side ^ 1, True))
                change = 0
        return found
