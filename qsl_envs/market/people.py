"""The records of a row's participants at the start: limits, accounts, lines, and who is woken by what."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import NIL
from qsl_envs.kernel.arena import Layout
from qsl_envs.market.config import MarketConfig, ParticipantConfig, PopulationConfig
from qsl_envs.market.constants import (
    IDEAL_QUEUE,
    IDEAL_TAKES,
    KIND_NONE,
    KIND_OUTSIDE,
    NEVER,
    WHY_FILL,
    WHY_START,
    WHY_TIMER,
)
from qsl_envs.market.population import Line, lines_of, wakes_anybody
from qsl_envs.market.state import MarketArrays
from qsl_envs.market.wakes import num_leaves
from qsl_envs.network.config import LinkConfig


def init_crowd(m: MarketArrays, config: MarketConfig, layout: Layout, run: np.record, replica: int) -> None:
    """Bind the CROWD record of a row; nobody stands in the heap of wake-ups yet."""
    run.crowd = layout.base("crowd", replica)
    crowd = m.crowds[run.crowd]
    for name in ("actors", "wakes", "params", "states", "tops"):
        setattr(crowd, name, layout.base(name, replica))
    crowd.wake_next_ns = crowd.alert_next_ns = NEVER
    crowd.alert_view = NIL
    crowd.num_actors = run.num_traders if wakes_anybody(config) else 0
    crowd.leaves = num_leaves(int(crowd.num_actors))


def init_traders(m: MarketArrays, config: MarketConfig, run: np.record, links: list[LinkConfig]) -> None:
    """Write the records of agents and population; those of one group, who are equal here, in one stroke each.

    Args:
        links: the distinct link profiles, as their records are numbered.
    """
    lines = lines_of(config)
    feeds = sorted({links.index(line.config.feed_link) for line in lines})
    for line in lines:
        _init_limits(m, config, run, line)
        _init_accounts(m, config, run, line)
        _init_actors(m, run, line)
        for book in range(config.num_books):
            _init_gates(m, config, run, line, book)
            _init_conns(m, config, run, line, book, links)
            feed = book * len(feeds) + feeds.index(links.index(line.config.feed_link))
            _init_feed(m, run, line, book, feed)


def _init_limits(m, config, run, line: Line):
    who, risk = line.config, line.config.risk
    traders = m.traders[run.traders + line.first : run.traders + line.last]
    for name in ("max_inventory", "max_order_qty", "max_notional", "max_open_orders", "firm_max_inventory"):
        traders[name] = getattr(risk, name)
    gap = round(1e9 / risk.messages_per_s) if risk.messages_per_s > 0 else 0
    traders["message_gap_ns"], traders["message_burst_ns"] = gap, gap * (risk.burst - 1)
    traders["max_drawdown"], traders["risk_check_ns"] = round(risk.max_drawdown * config.fee_unit), risk.risk_check_ns
    traders["reaction_ns"], traders["client_head"] = who.reaction_ns, NIL
    traders["known_cash"] = traders["peak_known"] = round(who.cash * config.fee_unit)


def _init_accounts(m, config, run, line: Line):
    symbols, held = len(config.symbols), line.config.inventory
    cash = round(line.config.cash * config.fee_unit)
    for s, symbol in enumerate(config.symbols):
        accounts = m.accounts[run.accounts + line.first * symbols + s : run.accounts + line.last * symbols : symbols]
        accounts["cash"] = accounts["initial_cash"] = cash if s == 0 else 0
        accounts["borrow_rate"], accounts["mark_x2"] = symbol.borrow_rate, 2 * symbol.start_price
        accounts["inventory"] = accounts["initial_inventory"] = held
        accounts["basis"] = accounts["initial_basis"] = held * symbol.start_price * config.fee_unit


def _of_book(records, base, line: Line, books: int, book: int):
    """The records of a group's members for one book, of those that stand there by participant and book."""
    return records[base + line.first * books + book : base + line.last * books : books]


def _init_gates(m, config, run, line: Line, book: int):
    gates, risk = _of_book(m.gates, run.gates, line, config.num_books, book), line.config.risk
    gates["max_inventory"] = risk.max_inventory // len(config.venues)
    gates["max_notional"] = risk.max_notional // len(config.venues)
    who = line.config
    gates["ideal"] = IDEAL_QUEUE * who.ideal_queue + IDEAL_TAKES * who.ideal_takes
    if book < len(config.symbols):
        gates["position"] = line.config.inventory


def _init_conns(m, config, run, line: Line, book: int, links):
    who, symbols = line.config, len(config.symbols)
    conns = _of_book(m.conns, run.conns, line, config.num_books, book)
    conns["up_link"], conns["down_link"] = links.index(who.order_link), links.index(who.report_link)
    conns["up_fifo"], conns["down_fifo"] = int(who.order_link.fifo), int(who.report_link.fifo)
    lossy = (
        who.order_link.drop_ppm,
        who.report_link.drop_ppm,
        len(who.order_link.outages),
        len(who.report_link.outages),
        len(config.venues[book // symbols].outages),
    )
    conns["lossy"] = int(any(lossy))
    conns["up_extra_ns"] = conns["down_extra_ns"] = _extra_ns(who)
    conns["heard_number"] = -1
    conns["last_mid_x2"] = 2 * config.symbols[book % symbols].start_price
    if book < symbols:
        conns["known_position"] = who.inventory


def _extra_ns(who: ParticipantConfig | PopulationConfig) -> int:
    """Latency of an agent beside its links'; members of a population draw theirs when a world begins."""
    return who.extra_latency_ns if isinstance(who, ParticipantConfig) else 0


def _init_feed(m, run, line: Line, book: int, feed: int):
    """Say by which view the members hear a book, and put those who listen in front of those whom it wakes."""
    books = int(run.num_books)
    conns = _of_book(m.conns, run.conns, line, books, book)
    conns["feed"], conns["next_listener"] = feed, NIL
    view, extra = m.views[run.views + feed], _extra_ns(line.config)
    if extra != view.extra_ns and isinstance(line.config, ParticipantConfig):
        view.sure_ns, view.extra_ns = min(NEVER, view.sure_ns + extra - view.extra_ns), extra
    lines = line.listening(book) * books + book
    if len(lines):
        view = m.views[run.views + feed]
        m.conns["listens"][run.conns + lines] = line.listens
        m.conns["next_listener"][run.conns + lines] = [*lines[1:], view.first_listener]
        view.first_listener = lines[0]


def _init_actors(m, run, line: Line):
    crowd = m.crowds[run.crowd]
    if crowd.num_actors == 0:
        return
    actors = m.actors[crowd.actors + line.first : crowd.actors + line.last]
    actors["timer_ns"] = NEVER
    actors["first_report"] = actors["last_report"] = NIL
    actors["kind"] = KIND_NONE
    if line.kind is None and line.config.listens:
        actors["kind"], actors["wakes_on"] = KIND_OUTSIDE, WHY_START | WHY_TIMER | WHY_FILL
    if line.kind is not None:
        members = np.arange(line.last - line.first)
        actors["kind"], actors["group"], actors["wakes_on"] = line.code, line.group, line.kind.wakes_on
        actors["params"] = line.params + members * len(line.kind.params)
        actors["states"] = line.states + members * line.kind.num_states
        actors["book"] = line.home()
