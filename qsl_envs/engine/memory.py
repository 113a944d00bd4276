"""The memory of one stand-alone book with outside names: allocated, grown, written to bytes and read from them."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, replace

import numpy as np

from qsl_envs.engine.config import EngineConfig
from qsl_envs.engine.ids import places_for, rebuild_table, shift_of
from qsl_envs.engine.layout import add_book_sections, bind_books, book_arrays, init_books
from qsl_envs.engine.stream import GROWS, NAME, PARTICIPANT_SHIFT, SHIFT, Names
from qsl_envs.errors import DataError
from qsl_envs.kernel.arena import Layout

MAGIC = b"QSLBOOK2"
STATE_FIELDS = 16
PARTICIPANTS = 64

_KEPT = ("books", "words", "levels", "orders", "exts")
"""Sections that a larger memory takes over as they are; heaps lie elsewhere, events are empty between messages."""


class BookMemory:
    """Arrays of one book and of its names; `h` is the index of its BOOK record."""

    def __init__(self, config: EngineConfig, grows: bool) -> None:
        self.config = config
        self.grows = grows
        self._allocate()
        init_books(self.arrays, self.layout, "book", config)
        places = places_for(config.max_orders)
        self.names = Names(
            table=np.zeros(places, np.int64),
            slots=np.zeros(config.max_orders, NAME),
            who=np.zeros(places_for(PARTICIPANTS), np.int64),
            participants=np.zeros(PARTICIPANTS, np.int64),
            state=np.zeros(STATE_FIELDS, np.int64),
        )
        self.names.state[SHIFT] = shift_of(places)
        self.names.state[PARTICIPANT_SHIFT] = shift_of(len(self.names.who))
        self.names.state[GROWS] = int(grows)

    def _allocate(self) -> None:
        self.layout = Layout()
        add_book_sections(self.layout, "book", self.config)
        self.arena = self.layout.allocate(1)
        self.arrays = book_arrays(self.arena)
        self.h = self.layout.base("book.books")

    @property
    def book(self) -> np.record:
        """The BOOK record."""
        return self.arrays.books[self.h]

    def section(self, name: str) -> np.ndarray:
        """The records of a section, in the dtype's view."""
        dtypes = {"books": "books", "words": "words", "levels": "levels", "orders": "orders", "exts": "exts"}
        view = getattr(self.arrays, dtypes.get(name, "ints"))
        start = self.layout.base(f"book.{name}")
        return view[start : start + self.layout.count(f"book.{name}")]

    def grow_pool(self) -> None:
        """Double the order pool, the EXT pool and the id table; every order, slot and handle stays."""
        old = {name: self.section(name) for name in (*_KEPT, "heaps")}
        old_special = self.config.num_special
        count = 2 * self.config.max_orders
        self.config = replace(self.config, max_orders=count, max_special=None)
        self._allocate()
        for name in _KEPT:  # by bytes: a BOOK record has bytes that belong to none of its fields, its two SIDEs
            self.section(name).view(np.uint8)[: old[name].nbytes] = old[name].view(np.uint8)
        heaps = self.section("heaps").reshape(3, -1)
        heaps[:, :old_special] = old["heaps"].reshape(3, -1)
        self.book.num_slots = count
        self.book.num_exts = count
        bind_books(self.arrays, self.layout, "book")
        places = places_for(count)
        table = np.zeros(places, np.int64)
        shift = shift_of(places)
        rebuild_table(self.names.table, table, shift)
        self.names.state[SHIFT] = shift
        self.names = self.names._replace(table=table, slots=_doubled(self.names.slots))

    def grow_participants(self) -> None:
        """Double the room for participants."""
        participants = _doubled(self.names.participants)
        who = np.zeros(places_for(len(participants)), np.int64)
        shift = shift_of(len(who))
        rebuild_table(self.names.who, who, shift)
        self.names.state[PARTICIPANT_SHIFT] = shift
        self.names = self.names._replace(participants=participants, who=who)

    def to_bytes(self, extra: dict) -> bytes:
        """Everything as bytes, with a version and the config in front. `extra` is any JSON."""
        parts = {"arena": self.arena.reshape(-1), **self.names._asdict()}
        head = {
            "config": asdict(self.config),
            "grows": self.grows,
            "extra": extra,
            "parts": [[name, part.dtype.str, part.size] for name, part in parts.items()],
        }
        text = json.dumps(head).encode()
        return MAGIC + struct.pack("<q", len(text)) + text + b"".join(part.tobytes() for part in parts.values())

    @classmethod
    def from_bytes(cls, data: bytes) -> tuple[BookMemory, dict]:
        """The memory and the `extra` of `to_bytes`.

        Raises:
            DataError: these bytes are not a snapshot of this version.
        """
        if data[: len(MAGIC)] != MAGIC:
            raise DataError(f"snapshot: must begin with {MAGIC!r}, was {bytes(data[: len(MAGIC)])!r}")
        try:
            start = len(MAGIC) + 8
            (size,) = struct.unpack("<q", data[len(MAGIC) : start])
            head = json.loads(data[start : start + size])
            start += size
            parts = {}
            for name, dtype, count in head["parts"]:
                parts[name] = np.frombuffer(data, NAME if name == "slots" else dtype, count, start).copy()
                start += parts[name].nbytes
        except (struct.error, ValueError) as error:
            raise DataError(f"snapshot: damaged, {len(data)} bytes ({error})") from error
        memory = cls(EngineConfig(**head["config"]), head["grows"])
        memory.arena.reshape(-1)[:] = parts.pop("arena")
        bind_books(memory.arrays, memory.layout, "book")
        memory.names = Names(**parts)
        return memory, head["extra"]


def _doubled(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array, np.zeros_like(array)])
