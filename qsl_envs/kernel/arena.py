"""The memory of many replicas: one contiguous row each, seen through typed 1-D views of the whole."""

from __future__ import annotations

import numpy as np

ROW_ALIGN = 768
"""Bytes. Rows are a multiple of this, so that records of 8, 16, 24, 32, 48, 64, 96, 128, 192, 256 bytes tile the
arena.
"""


class Layout:
    """Collects the sections of one replica's row and gives their offsets.

    A section is `count` records of one dtype. Its view covers the whole arena, so record `i` of the
    section in replica `r` stands at `base(name, r) + i` of the view: plain 1-D contiguous indexing, the
    fastest that numba compiles. Two sections of one dtype share a view.
    """

    def __init__(self) -> None:
        self._sections: dict[str, tuple[np.dtype, int, int]] = {}
        self._bytes = 0

    def add(self, name: str, dtype, count: int) -> None:
        """Append a section of `count` records; it starts at a multiple of its record size and of 64 bytes."""
        dtype = np.dtype(dtype)
        if ROW_ALIGN % dtype.itemsize:
            raise AssertionError(f"section {name}: itemsize {dtype.itemsize} does not divide {ROW_ALIGN}")
        unit = int(np.lcm(dtype.itemsize, 64))
        start = -(-self._bytes // unit) * unit
        self._sections[name] = (dtype, start, count)
        self._bytes = start + dtype.itemsize * count

    @property
    def row_bytes(self) -> int:
        """Bytes of one replica."""
        return -(-self._bytes // ROW_ALIGN) * ROW_ALIGN

    def stride(self, name: str) -> int:
        """Records of this section's dtype from one replica's section to the next one's."""
        return self.row_bytes // self._sections[name][0].itemsize

    def base(self, name: str, replica: int = 0) -> int:
        """Index of the section's first record in the dtype's view."""
        dtype, start, _ = self._sections[name]
        return (replica * self.row_bytes + start) // dtype.itemsize

    def count(self, name: str) -> int:
        """Records of the section in one replica."""
        return self._sections[name][2]

    def allocate(self, num_replicas: int) -> np.ndarray:
        """Zeroed bytes, uint8 (num_replicas, row_bytes), 64-byte aligned."""
        raw = np.zeros(num_replicas * self.row_bytes + ROW_ALIGN, np.uint8)
        shift = -raw.ctypes.data % 64
        return raw[shift : shift + num_replicas * self.row_bytes].reshape(num_replicas, self.row_bytes)

    @staticmethod
    def view(arena: np.ndarray, dtype) -> np.ndarray:
        """The whole arena as a 1-D contiguous array (a recarray when the dtype has fields)."""
        flat = arena.reshape(-1).view(np.dtype(dtype))
        return flat.view(np.recarray) if flat.dtype.names else flat

    def table(self) -> list[tuple[str, int, int]]:
        """(name, bytes per replica, offset) of each section, for reports."""
        return [(n, d.itemsize * c, s) for n, (d, s, c) in self._sections.items()]
