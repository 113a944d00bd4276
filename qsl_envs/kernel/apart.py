"""Tell LLVM which fields of records cannot be the same memory.

Numba's loads and stores say nothing of what they touch, so that a store into an order makes LLVM forget all that it has
read of the book. Here each access to a number in a record names its place, "this field of records of this layout", in
LLVM's way of telling the types of C apart (`!tbaa`). What that promises:

- Memory that holds records of one dtype is not read or written as records of another one. The sections of an arena keep
  to that; the two SIDE records that a BOOK begins with lie where the BOOK has no fields.
- Fields of one dtype that share bytes (`GATE.open_both`) are one place.

Views of plain numbers, copies of whole records and NumPy arrays promise nothing: they may be any memory, as before.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from llvmlite import ir
from numba.core import types

NUMBERS = (types.Integer, types.Float)


class _Layout(NamedTuple):
    name: str
    places: dict[str, int]


_layouts: dict[types.Record, _Layout] = {}


def is_number(record: types.Type, field: str) -> bool:
    """Whether a type is a record whose field of that name is one number."""
    return isinstance(record, types.Record) and record.aligned and isinstance(record.fields[field].type, NUMBERS)


def place_of(record: types.Record, field: str) -> str:
    """Name of the memory that a field lies in: fields of one record that overlap have the same one."""
    layout = _layouts.get(record)
    if layout is None:
        layout = _layouts[record] = _read(record)
    return f"{layout.name}.{layout.places[field]}"


def _read(record: types.Record) -> _Layout:
    start = end = 0
    places = {}
    for name, field in record.fields.items():  # in order of their offsets
        if field.offset >= end:
            start = field.offset
        places[name] = start
        size = field.type.bitwidth // 8 if isinstance(field.type, NUMBERS) else record.size - field.offset
        end = max(end, field.offset + size)
    return _Layout(hashlib.blake2b(record.name.encode(), digest_size=8).hexdigest(), places)


def tell_apart(module: ir.Module, access: ir.Instruction, place: str) -> None:
    """Mark a load or a store as one of a place."""
    zero = ir.Constant(ir.IntType(64), 0)
    kind = module.add_metadata([place, module.add_metadata(["qsl_envs"]), zero])
    access.set_metadata("tbaa", module.add_metadata([kind, kind, zero]))
