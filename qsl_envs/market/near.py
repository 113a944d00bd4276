"""What belongs to a participant, brought near before it is asked for: of many participants no cache holds all."""

from qsl_envs.kernel.bits import prefetch
from qsl_envs.kernel.fetch import fetch
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.state import ACCOUNT, CLIENT, CONN, GATE, TRADER

ACCOUNT_LONGS, CLIENT_LONGS, CONN_LONGS = ACCOUNT.itemsize // 8, CLIENT.itemsize // 8, CONN.itemsize // 8
GATE_LONGS, TRADER_LONGS = GATE.itemsize // 8, TRADER.itemsize // 8
FEW = 512
"""So many participants, with all that is theirs, stay in a core's caches: nothing is fetched."""


@kernel(inline=True)
def fetch_trader(m, r, p, book, symbol):
    """Bring a participant's records at a book near: limits, line, gate, account."""
    run = m.runs[r]
    fetch(m.longs, (run.traders + p) * TRADER_LONGS, TRADER_LONGS)
    fetch(m.longs, (run.conns + p * run.num_books + book) * CONN_LONGS, CONN_LONGS)
    fetch(m.longs, (run.gates + p * run.num_books + book) * GATE_LONGS, GATE_LONGS)
    fetch(m.longs, (run.accounts + p * run.num_symbols + symbol) * ACCOUNT_LONGS, ACCOUNT_LONGS)


@kernel(inline=True)
def fetch_client(m, r, client):
    """Bring an order near, as its sender books it."""
    fetch(m.longs, (m.runs[r].clients + client) * CLIENT_LONGS, CLIENT_LONGS)


@kernel(inline=True)
def fetch_order(m, r, book, slot):
    """Bring an order near, as it stands in the book (NIL: it does not)."""
    if slot >= 0:
        prefetch(m.book.orders, m.book.books[m.runs[r].books + book].orders_base + slot)
