"""Messages from Python through one book: single ones with little ado, streams, and memory that grows on the way."""

from __future__ import annotations

import struct

import numpy as np

from qsl_envs.engine import words
from qsl_envs.engine.answers import Report, Trade
from qsl_envs.engine.constants import NIL
from qsl_envs.engine.memory import BookMemory
from qsl_envs.engine.messages import MESSAGE, REPORT, TRADE
from qsl_envs.engine.stream import (
    FINISHED,
    FIRST_SEQ,
    NEED_PARTICIPANTS,
    NEED_POOL,
    NEXT,
    NUM_TRADES,
    StreamArrays,
    run_stream,
    stream_arrays,
)
from qsl_envs.kernel.jit import kernel
from qsl_envs.kernel.packed import address_of, unpacker

REPORT_BYTES = struct.Struct("=3qihbx")
"""A REPORT record, field by field."""

_stream_at = unpacker(StreamArrays)


@kernel
def run_packed(address, h, now_ns, first_seq):
    """Run the stream whose views are at `address`: from its first message on, number `first_seq` of the book; or, where
    `first_seq` is NIL, from where it stopped. Return why it came back, and the trades that are written."""
    names = _stream_at(address)
    state = names.state
    if first_seq != NIL:
        state[NEXT] = 0
        state[NUM_TRADES] = 0
        state[FIRST_SEQ] = first_seq
    need = run_stream(names, h, now_ns)
    return need, state[NUM_TRADES]


class Stream:
    """Messages, and the room for their reports and trades."""

    def __init__(self, messages: np.ndarray, memory: BookMemory) -> None:
        self.messages = messages
        self.reports = np.zeros(len(messages), REPORT)
        # room for the trades of one message at least
        self.trades = np.zeros(2 * memory.config.max_events, TRADE)
        self.views: StreamArrays | None = None
        self.address = 0

    def bundle(self, memory: BookMemory) -> None:
        """Make what the kernel takes: at first, and after an array was replaced."""
        self.views = stream_arrays(memory.arena, memory.names, self.messages, self.reports, self.trades)
        self.address = address_of(self.views)


class Runner:
    """Runs messages through a book's memory and counts them.

    `message` is the one message that `send` sends, as bytes that one writes into.
    """

    def __init__(self, memory: BookMemory, seq: int = 0, now_ns: int = 0) -> None:
        self.memory = memory
        self.seq = seq
        self.now_ns = now_ns
        self._single = Stream(np.zeros(1, MESSAGE), memory)
        self._bundled: Stream | None = None
        self._report = memoryview(self._single.reports.view(np.uint8))
        self.message = memoryview(self._single.messages.view(np.uint8))

    def send(self) -> Report:
        """Process the message that was written into `message`."""
        count = self.run(self._single)
        order_id, notional, filled_qty, leaves_qty, reason, status = REPORT_BYTES.unpack_from(self._report)
        trades = tuple(map(Trade._make, self._single.trades[:count].tolist())) if count else ()
        return Report(
            words.STATUSES[status], words.reason_word(reason), filled_qty, leaves_qty, notional, order_id, trades
        )

    def run(self, stream: Stream) -> int:
        """Run a stream to its end, growing what is too small; return the number of trades."""
        if self._bundled is not stream:
            self._bundle(stream)
        memory = self.memory
        need, count = run_packed(stream.address, memory.h, self.now_ns, self.seq)
        while need != FINISHED:
            if need == NEED_POOL:
                memory.grow_pool()
            elif need == NEED_PARTICIPANTS:
                memory.grow_participants()
            else:
                stream.trades = np.concatenate([stream.trades, np.zeros_like(stream.trades)])
            self._bundle(stream)
            need, count = run_packed(stream.address, memory.h, self.now_ns, NIL)
        self.seq += len(stream.messages)
        return count

    def _bundle(self, stream: Stream) -> None:
        stream.bundle(self.memory)
        self._bundled = stream  # lengths stand in the book's state: the last one bundled is the one that may run
