"""Views that cross into compiled code as one number, for calls that are made from Python one at a time.

Numba looks at the type of each argument of each call; for an object of a class of ours that is a Python call, a few
microseconds: nothing beside a kernel that runs a thousand messages, and most of the time of one that runs a single one.

    stream_at = unpacker(StreamArrays)
    ... in a kernel: names = stream_at(address)                  # the `address_of` the views
"""

from __future__ import annotations

from weakref import WeakValueDictionary

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from qsl_envs.kernel.views import Views

_interpreted: WeakValueDictionary[int, Views] = WeakValueDictionary()


def address_of(views: Views) -> int:
    """Where the table of a bundle's stores stands; good as long as `views` lives."""
    _interpreted[views._address_table] = views
    return views._address_table


def unpacker(cls: type[Views]):
    """For kernels: `unpack(address)` gives the views of class `cls` whose `address_of` it is."""
    if numba.config.DISABLE_JIT:
        return _interpreted.__getitem__

    @intrinsic
    def unpack(typingctx, address):
        typ = cls._numba_type_

        def codegen(context, builder, sig, values):
            views = cgutils.create_struct_proxy(typ)(context, builder)
            views.address_table = values[0]
            views.address_arena = builder.load(builder.inttoptr(values[0], ir.IntType(64).as_pointer()))
            return views._getvalue()

        return typ(types.int64), codegen

    return unpack
