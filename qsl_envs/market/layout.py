"""How a market lies in memory: one row a replica, then one row a template; built once in Python, copied by a kernel."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.layout import add_book_sections, init_books
from qsl_envs.engine.state import BOOK, EVENT, EXT, LEVEL, ORDER, SIDES
from qsl_envs.flow.config import PoissonFlowConfig
from qsl_envs.flow.hawkes_config import HawkesFlowConfig
from qsl_envs.flow.record import BLOCK_LONGS, FLOW_RECORD, MODEL_RECORD
from qsl_envs.flow.tables import FlowTables, clock_rate
from qsl_envs.kernel.arena import Layout
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.constants import NEVER, NUM_ENTRIES
from qsl_envs.market.events import Recording
from qsl_envs.market.fundamental import FUNDAMENTAL, RING, set_value
from qsl_envs.market.people import init_crowd, init_traders
from qsl_envs.market.population import crowd_table, num_traders, population_cells, wakes_anybody
from qsl_envs.market.rules import BAND_BUCKETS
from qsl_envs.market.service import LINE_LONGS
from qsl_envs.market.state import (
    ACCOUNT,
    ACTOR,
    CAL,
    CLIENT,
    CONN,
    CROWD,
    GATE,
    MSG,
    PUB,
    RULES,
    RUN,
    TAPE,
    TOP,
    TRADER,
    VENUE,
    VIEW,
    WAKE,
    MarketArrays,
)
from qsl_envs.market.venue_config import PHASES
from qsl_envs.market.venue_memory import init_rules, init_venues, venue_longs
from qsl_envs.market.wakes import num_leaves
from qsl_envs.network.config import LinkConfig
from qsl_envs.network.state import allocate_links, schedule_longs
from qsl_envs.replay.events import EVENT_ROW
from qsl_envs.replay.playback import PLAY

SECTION_RECORDS = {
    "accounts": ACCOUNT, "gates": GATE, "traders": TRADER, "conns": CONN, "clients": CLIENT, "msgs": MSG, "cal": CAL,
    "tapes": TAPE, "views": VIEW, "venues": VENUE, "rules": RULES, "flows": FLOW_RECORD,
    "fundamentals": FUNDAMENTAL, "models": MODEL_RECORD,
}  # fmt: skip

NO_DAY = np.zeros(1, EVENT_ROW).view(np.recarray)
NO_CHANGES = (1, 0, 0, 5, 5, 7, 7)
"""`MarketArrays.changes` of a market in which nothing is drawn and nothing changes: see `market.change`."""


def entities(config: MarketConfig) -> int:
    """Accounts a symbol: traders, flows by book, venues, lender, impact, liquidator."""
    return num_traders(config) + config.num_books + len(config.venues) + 3


def feed_views(config: MarketConfig, links: list[LinkConfig]) -> list[tuple[int, int]]:
    """(book, link index) of each distinct feed: listeners behind equal links share one."""
    used = sorted({links.index(p.feed_link) for p in (*config.participants, *config.population)})
    return [(book, link) for book in range(config.num_books) for link in used]


def distinct_links(config: MarketConfig) -> list[LinkConfig]:
    """Link profiles in use, each once."""
    links: list[LinkConfig] = []
    for p in (*config.participants, *config.population):
        for link in (p.order_link, p.report_link, p.feed_link):
            if link not in links:
                links.append(link)
    return links or [LinkConfig()]


def num_models(config: MarketConfig) -> int:
    """MODEL records: one a book, none for the Poisson flow."""
    return 0 if config.flow is None or isinstance(config.flow, PoissonFlowConfig) else config.num_books


def flow_tables(config: MarketConfig) -> FlowTables | None:
    """The lists of the market's flow; None when it has none."""
    return None if config.flow is None else FlowTables(config.flow, config.size.max_orders)


def market_layout(config: MarketConfig) -> Layout:
    """The sections of one replica's row, what a step touches first."""
    size, books = config.size, config.num_books
    traders = num_traders(config)
    params, states = population_cells(config)
    layout = Layout()
    layout.add("run", RUN, 1)
    layout.add("flows", FLOW_RECORD, books)
    layout.add("tapes", TAPE, books)
    layout.add("venues", VENUE, len(config.venues))
    layout.add("crowd", CROWD, 1)
    actors = traders if wakes_anybody(config) else 0
    layout.add("wakes", WAKE, 2 * num_leaves(actors) if actors else 0)
    layout.add("actors", ACTOR, actors)
    layout.add("params", np.float64, params)
    layout.add("states", np.int64, states)
    layout.add("rules", RULES, books)
    moving = any(venue.band_window_ns > 0 for venue in config.venues)
    layout.add("rings", np.int64, 2 * BAND_BUCKETS * books if moving else 0)
    layout.add("accounts", ACCOUNT, entities(config) * len(config.symbols))
    layout.add("traders", TRADER, traders)
    layout.add("gates", GATE, traders * books)
    layout.add("conns", CONN, traders * books)
    layout.add("views", VIEW, max(1, len(feed_views(config, distinct_links(config)))))
    layout.add("blocks", np.int64, BLOCK_LONGS * books if config.flow is not None else 0)
    layout.add("wheel_words", np.uint64, size.wheel // 64)
    layout.add("wheel", np.int32, size.wheel)
    layout.add("births", np.int64, size.max_orders * books)
    add_book_sections(layout, "book", config.engine(config.venues[0]), books)
    layout.add("plays", PLAY, 1)
    layout.add("fundamentals", FUNDAMENTAL, len(config.symbols))
    layout.add("values", np.float64, RING * sum(s.value is not None for s in config.symbols))
    layout.add("models", MODEL_RECORD, num_models(config))
    layout.add("pending", CAL, size.max_pending * books if isinstance(config.flow, HawkesFlowConfig) else 0)
    layout.add("cal", CAL, size.max_calendar)
    layout.add("clients", CLIENT, size.max_clients)
    layout.add("msgs", MSG, size.max_messages)
    layout.add("pubs", PUB, size.tape * books)
    layout.add("tops", TOP, size.tape * books if actors else 0)
    for v, venue in enumerate(config.venues):
        layout.add(f"line{v}", np.int64, LINE_LONGS * venue.gateway_slots if venue.service_ns > 0 else LINE_LONGS)
    return layout


def market_arrays(
    arena: np.ndarray,
    config: MarketConfig,
    scratch: np.ndarray,
    day: np.ndarray,
    tape: Recording | None = None,
    changes: np.ndarray | None = None,
) -> MarketArrays:
    """The views that kernels take."""
    tape = Recording(config, 0, 0) if tape is None else tape
    changes = np.array(NO_CHANGES, np.int64) if changes is None else changes
    links, timelines = allocate_links(distinct_links(config))
    link_longs = np.concatenate([timelines, venue_longs(config, timeline_longs(config))[0]])
    tables = flow_tables(config)
    return MarketArrays(arena, scratch=scratch, links=links, link_longs=link_longs, day=day,
                        entries=np.zeros(NUM_ENTRIES, np.int64), records=tape.records, recorder=tape.recorder,
                        schedule=phase_longs(config), crowd=crowd_table(config),
                        tables=np.zeros(1) if tables is None else tables.array, changes=changes,
                        given=np.full(1, np.nan))  # fmt: skip


def timeline_longs(config: MarketConfig) -> int:
    """int64 cells of `link_longs` that the links' timelines take; what venues need lies behind them."""
    return sum(schedule_longs(link) for link in distinct_links(config)) + 1


def phase_longs(config: MarketConfig) -> np.ndarray:
    """(at_ns, venue, action) of every scheduled phase change, int64, one after another."""
    rows = [(c.at_ns, v, PHASES.index(c.action)) for v, venue in enumerate(config.venues) for c in venue.schedule]
    return np.array([n for row in rows for n in row] or [0], np.int64)


def scratch_longs(config: MarketConfig, levels: int = 64) -> int:
    """int64 cells of scratch that one thread needs: undone levels of two sides, and levels to write out; or a number a
    book."""
    return max(4 * config.size.tape + 4 * levels, config.num_books)


def init_row(m: MarketArrays, layout: Layout, config: MarketConfig, replica: int) -> None:
    """Make one zeroed row an empty market at time 0."""
    size, books, symbols = config.size, config.num_books, len(config.symbols)
    init_books(m.book, layout, "book", config.engine(config.venues[0]), replica)
    run = m.runs[layout.base("run", replica)]
    for name in SECTION_RECORDS:
        setattr(run, name, layout.base(name, replica))
    run.books = layout.base("book.books", replica)
    for b in range(books):
        rules = config.engine(config.venues[b // symbols])
        m.book.books[run.books + b].stp = rules.stp
        m.book.books[run.books + b].keep_on_decrease = int(rules.keep_on_decrease)
    run.wheel, run.wheel_words = layout.base("wheel", replica), layout.base("wheel_words", replica)
    run.num_venues, run.num_symbols, run.num_books = len(config.venues), symbols, books
    run.num_traders, run.num_entities = num_traders(config), entities(config)
    run.num_agents, run.keeps_tops = len(config.participants), int(wakes_anybody(config))
    views = feed_views(config, distinct_links(config))
    run.num_views = len(views)
    run.max_cal, run.max_msgs, run.max_clients = size.max_calendar, size.max_messages, size.max_clients
    run.max_pubs, run.max_slots = size.tape, size.max_orders
    run.close_ns, run.fee_unit = config.session_ns, config.fee_unit
    run.snapshot_ns, run.heartbeat_ns = config.snapshot_ns, config.heartbeat_ns
    run.order_timeout_ns = config.order_timeout_ns
    run.wake_on_fill = int(config.wake_on_fill)
    run.impact_window_ns = config.impact_window_ns if any(v.impact_ticks > 0 for v in config.venues) else 0
    run.num_changes = sum(len(v.schedule) for v in config.venues)
    run.dirty_head = run.dirty_tail = -1
    run.plays = layout.base("plays", replica)
    run.flow_next_ns = run.wheel_next_ns = run.day_next_ns = run.crowd_next_ns = NEVER
    run.wheel_code = run.flow_book = -1
    run.wheel_mask = size.wheel - 1
    m.book.ints[run.wheel : run.wheel + size.wheel] = -1
    chain(m.msgs, run.msgs, size.max_messages)
    chain(m.clients, run.clients, size.max_clients)
    _init_flows(m, layout, config, run, replica)
    _init_values(m, layout, config, run, replica)
    init_venues(m, layout, config, run, replica, timeline_longs(config))
    init_rules(m, layout, config, run, replica)
    _init_views(m, layout, run, views, replica, len(views) // books if books else 0)
    init_crowd(m, config, layout, run, replica)
    init_traders(m, config, run, distinct_links(config))


def chain(records: np.ndarray, base: int, count: int) -> None:
    """Link a pool of records into a free list."""
    records.next[base : base + count] = np.arange(1, count + 1)
    records.next[base + count - 1] = -1


def _init_flows(m, layout, config, run, replica):
    rate = clock_rate(config.flow) * config.num_books if config.flow else 1.0
    tables = flow_tables(config)
    run.num_models = num_models(config)
    run.flow_hears = int(isinstance(config.flow, HawkesFlowConfig) and config.flow.reactive)
    run.wheel_shift = max(0, int(np.log2(1e9 / rate)))
    for b in range(config.num_books):
        flow = m.flows[run.flows + b]
        flow.block = layout.base("blocks", replica) + BLOCK_LONGS * b
        flow.births = layout.base("births", replica) + config.size.max_orders * b
        start = config.symbols[b % len(config.symbols)].start_price
        flow.seen_bid, flow.seen_ask = start - 1, start + 1
        flow.mirror = int(config.mirror)
        if tables is not None:
            tables.set_flow(flow)
        if run.num_models > 0:
            model = m.models[run.models + b]
            tables.set_model(model, start, config.mirror, config.size.max_pending)
            model.pending = layout.base("pending", replica) + config.size.max_pending * b
        tape = m.tapes[run.tapes + b]
        tape.first_pub = layout.base("pubs", replica) + config.size.tape * b
        tape.deadline_ns, tape.start_price = NEVER, start


def _init_values(m, layout, config, run, replica):
    ring = layout.base("values", replica)
    run.num_values = sum(s.value is not None for s in config.symbols)
    for s, symbol in enumerate(config.symbols):
        f = m.fundamentals[run.fundamentals + s]
        set_value(f, symbol.value, symbol.start_price, config.mirror)
        f.ring = ring
        ring += RING if symbol.value is not None else 0


def _init_views(m, layout, run, views, replica, per_book):
    for i, (book, link) in enumerate(views):
        view = m.views[run.views + i]
        view.book, view.link, view.recover_ns = book, link, NEVER
        view.first_listener, view.alert_ns = -1, NEVER
        view.fifo = int(m.links[link].fifo)
        loses = m.links[link].drop_ppm > 0 or m.links[link].num_changes > 0
        view.sure_ns = NEVER if loses else int(m.links[link].latency_ns + m.links[link].jitter_max_ns)
    for b in range(int(run.num_books)):
        tape = m.tapes[run.tapes + b]
        tape.first_view, tape.num_views = b * per_book, per_book


@kernel
def copy_row(m, row_longs, source, target):
    """Copy row `source` of the arena to row `target`, and bind it there (row numbers; `row_longs` int64 cells a
    row).
    """
    s, t = source * row_longs, target * row_longs
    for i in range(row_longs):
        m.longs[t + i] = m.longs[s + i]
    rebind(m, target * row_longs // RUN_LONGS, (target - source) * row_longs * 8)


RUN_LONGS = RUN.itemsize // 8
BOOK_BYTES, ORDER_BYTES, LEVEL_BYTES, EXT_BYTES, EVENT_BYTES = (d.itemsize for d in (BOOK, ORDER, LEVEL, EXT, EVENT))
RULES_BYTES = RULES.itemsize
ACCOUNT_BYTES, GATE_BYTES, TRADER_BYTES, CONN_BYTES = (d.itemsize for d in (ACCOUNT, GATE, TRADER, CONN))
CLIENT_BYTES, MSG_BYTES, CAL_BYTES, TAPE_BYTES = (d.itemsize for d in (CLIENT, MSG, CAL, TAPE))
PLAY_BYTES, FUNDAMENTAL_BYTES, MODEL_BYTES = PLAY.itemsize, FUNDAMENTAL.itemsize, MODEL_RECORD.itemsize
VIEW_BYTES, VENUE_BYTES, FLOW_BYTES, PUB_BYTES = (d.itemsize for d in (VIEW, VENUE, FLOW_RECORD, PUB))
CROWD_BYTES, ACTOR_BYTES, WAKE_BYTES, TOP_BYTES = (d.itemsize for d in (CROWD, ACTOR, WAKE, TOP))


@kernel
def rebind(m, r, delta):
    """Move every absolute index of a row by `delta` bytes: after its bytes were copied there."""
    run = m.runs[r]
    run.accounts += delta // ACCOUNT_BYTES
    run.gates += delta // GATE_BYTES
    run.traders += delta // TRADER_BYTES
    run.conns += delta // CONN_BYTES
    run.clients += delta // CLIENT_BYTES
    run.msgs += delta // MSG_BYTES
    run.cal += delta // CAL_BYTES
    run.tapes += delta // TAPE_BYTES
    run.views += delta // VIEW_BYTES
    run.venues += delta // VENUE_BYTES
    run.rules += delta // RULES_BYTES
    run.flows += delta // FLOW_BYTES
    run.books += delta // BOOK_BYTES
    run.wheel += delta // 4
    run.wheel_words += delta // 8
    run.plays += delta // PLAY_BYTES
    run.fundamentals += delta // FUNDAMENTAL_BYTES
    run.models += delta // MODEL_BYTES
    for n in range(run.num_models):
        m.models[run.models + n].pending += delta // CAL_BYTES
    for s in range(run.num_symbols):
        m.fundamentals[run.fundamentals + s].ring += delta // 8
    run.crowd += delta // CROWD_BYTES
    crowd = m.crowds[run.crowd]
    crowd.actors += delta // ACTOR_BYTES
    crowd.wakes += delta // WAKE_BYTES
    crowd.params += delta // 8
    crowd.states += delta // 8
    crowd.tops += delta // TOP_BYTES
    for v in range(run.num_venues):
        m.venues[run.venues + v].line_base += delta // 8
    for b in range(run.num_books):
        m.flows[run.flows + b].block += delta // 8
        m.flows[run.flows + b].births += delta // 8
        m.rules[run.rules + b].ring += delta // 8
        m.tapes[run.tapes + b].first_pub += delta // PUB_BYTES
        h = run.books + b
        m.book.books[h].orders_base += delta // ORDER_BYTES
        m.book.books[h].exts_base += delta // EXT_BYTES
        m.book.books[h].events_base += delta // EVENT_BYTES
        m.book.books[h].heaps_base += delta // 4
        for side in range(2):
            m.book.sides[SIDES * h + side].levels_base += delta // LEVEL_BYTES
            m.book.sides[SIDES * h + side].bits_base += delta // 8
