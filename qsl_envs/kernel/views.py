"""Many typed views of memory that cross into compiled code as a few pointers.

A kernel that takes a NamedTuple of 25 record arrays hands 175 numbers to every function it calls, under a symbol name
of several kB: compiling that costs minutes. A `Views` object looks the same in Python (`m.orders[i].price`), and is in
compiled code two addresses, which fit into registers: of the arena, and of a table that tells where the arrays outside
it are; what `m.orders` is, its type knows.

    class BookArrays(Views):
        books = inside(BOOK)
        words = inside(np.uint64)

Compiled views have no negative indices: `views[-1]` reads the memory before the arena. Under `NUMBA_BOUNDSCHECK=1`, and
then only, they know their lengths too, and an index outside the arena is an IndexError; the interpreted run finds such
reads as well.
"""

from __future__ import annotations

import hashlib
import operator
from pathlib import Path
from typing import Any, ClassVar

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel.models import PrimitiveModel, StructModel
from numba.core.extending import NativeValue, register_model, typeof_impl, unbox
from numba.core.imputils import impl_ret_borrowed, lower_builtin, lower_getattr_generic
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, infer_global, signature
from numba.np import numpy_support

CHECKED = bool(numba.config.BOUNDSCHECK)
"""Whether compiled views carry lengths and check indices; the cache keeps such code in a folder of its own."""
MEMBERS = ("address_arena", "address_table")
"""What crosses into compiled code."""
ARENA = "arena"
"""Where a field lives that is a view of the arena."""
_TEXT = Path(__file__).read_bytes()
"""How views cross is a part of what they are: a kernel need not import this file to be compiled by it."""


class _Field:
    """One field of a Views class, as it is declared."""

    def __init__(self, kind: Any, outside: bool):
        self.kind = kind if isinstance(kind, type) and issubclass(kind, Views) else np.dtype(kind)
        self.outside = outside


def inside(kind: Any) -> Any:
    """Declare a view of the arena: of a record dtype, a scalar one, or another Views class."""
    return _Field(kind, outside=False)


def outside(dtype: Any) -> Any:
    """Declare an array of its own, outside the arena."""
    return _Field(dtype, outside=True)


class Views:
    """Base of view bundles; a subclass declares its fields, an object holds the arrays."""

    FIELDS: ClassVar[dict[str, tuple[str, Any]]] = {}
    """field -> (the store that it lives in, its dtype or Views class)"""
    STORES: ClassVar[tuple[str, ...]] = ()
    """the arena, then every field outside it; the table tells of each where it lies and how many bytes it has"""

    def __init_subclass__(cls) -> None:
        fields = {name: field for name, field in vars(cls).items() if isinstance(field, _Field)}
        cls.FIELDS = {name: (name if field.outside else ARENA, field.kind) for name, field in fields.items()}
        cls.STORES = (ARENA, *(name for name, field in fields.items() if field.outside))
        cls._numba_type_ = ViewsType(cls)

    def __init__(self, arena: np.ndarray, **outside: np.ndarray):
        """Views of `arena` (uint8, C-contiguous), and the arrays of the fields outside it (1-D, C-contiguous)."""
        from qsl_envs.kernel.arena import Layout

        assert arena.flags.c_contiguous and arena.dtype == np.uint8
        self._kept = (arena, outside)
        self._table = np.zeros((len(self.STORES), 2), np.uintp)
        self._address_arena, self._address_table = arena.ctypes.data, self._table.ctypes.data
        self._table[0] = arena.ctypes.data, arena.nbytes
        for name, (store, kind) in self.FIELDS.items():
            if store != ARENA:
                array = outside[name]
                assert array.dtype == kind and array.flags.c_contiguous and array.ndim == 1, (name, array.dtype)
                self._keep(name, array)
            elif isinstance(kind, type):
                setattr(self, name, kind(arena))
            else:
                setattr(self, name, Layout.view(arena, kind))

    def swap(self, name: str, array: np.ndarray) -> None:
        """Put another array (1-D, C-contiguous, of the same dtype) in the place of one outside the arena."""
        assert self.FIELDS[name][0] == name and array.dtype == self.FIELDS[name][1]
        assert array.flags.c_contiguous and array.ndim == 1
        arena, outside = self._kept
        self._kept = (arena, {**outside, name: array})
        self._keep(name, array)

    def _keep(self, name: str, array: np.ndarray) -> None:
        setattr(self, name, array)
        self._table[self.STORES.index(name)] = array.ctypes.data, array.nbytes


class ViewsType(types.Type):
    """The compiled type of a Views class: addresses of its arena and of the table of its stores.

    Its name tells apart the layout of the records and the text of this file: a kernel on disk that was compiled for
    another one is not this one's, though no file that it imports has changed.
    """

    def __init__(self, cls: type[Views]):
        self.cls = cls
        super().__init__(name=f"Views({cls.__module__}.{cls.__qualname__}:{_digest(cls)})")

    remembered = True
    """its attributes never change: `kernel.quick` asks once"""

    def __reduce__(self):
        return _views_type, (self.cls,)


def _views_type(cls):
    return cls._numba_type_


def _digest(cls: type[Views]) -> str:
    """Eight hex digits of all that a class of views says about memory, and of how it says so."""
    parts = [
        (name, store, kind._numba_type_.name if isinstance(kind, type) else numpy_support.from_dtype(kind).name)
        for name, (store, kind) in cls.FIELDS.items()
    ]
    return hashlib.blake2b(repr(parts).encode() + _TEXT, digest_size=4).hexdigest()


class ViewType(types.Type):
    """The compiled type of one field: the address of a run of equal items."""

    remembered = True

    def __init__(self, dtype: types.Type):
        self.dtype = dtype
        super().__init__(name=f"View({dtype})")


@typeof_impl.register(Views)
def _typeof_views(value, c):
    return value._numba_type_


@register_model(ViewsType)
class _ViewsModel(StructModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, [(name, types.uintp) for name in MEMBERS])


if CHECKED:

    @register_model(ViewType)
    class _CheckedViewModel(StructModel):
        def __init__(self, dmm, fe_type):
            super().__init__(dmm, fe_type, [("address", types.uintp), ("items", types.uintp)])

else:

    @register_model(ViewType)
    class _ViewModel(PrimitiveModel):
        def __init__(self, dmm, fe_type):
            super().__init__(dmm, fe_type, dmm.lookup(types.uintp).get_value_type())


def _told(builder, views, store, column):
    """What the table says of a store: its address (column 0) or its bytes (1).

    The load is marked as of memory that never changes: while a kernel runs, nobody swaps an array.
    """
    word = ir.IntType(64)
    table = builder.inttoptr(views.address_table, word.as_pointer())
    number = builder.load(builder.gep(table, [ir.Constant(word, 2 * store + column)]))
    number.set_metadata("invariant.load", builder.module.add_metadata([]))
    return number


@unbox(ViewsType)
def _unbox_views(typ, obj, c):
    views = cgutils.create_struct_proxy(typ)(c.context, c.builder)
    for name in MEMBERS:
        number = c.pyapi.object_getattr_string(obj, "_" + name)
        setattr(views, name, c.unbox(types.uintp, number).value)
        c.pyapi.decref(number)
    return NativeValue(views._getvalue(), is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))


@infer_getattr
class _ViewsAttributes(AttributeTemplate):
    key = ViewsType

    def generic_resolve(self, typ, name):
        if name in typ.cls.FIELDS:
            kind = typ.cls.FIELDS[name][1]
            return kind._numba_type_ if isinstance(kind, type) else ViewType(numpy_support.from_dtype(kind))
        return None


@lower_getattr_generic(ViewsType)
def _get_view(context, builder, typ, value, name):
    views = cgutils.create_struct_proxy(typ)(context, builder, value)
    store, kind = typ.cls.FIELDS[name]
    if isinstance(kind, type):
        nested = cgutils.create_struct_proxy(kind._numba_type_)(context, builder)
        nested.address_arena, nested.address_table = views.address_arena, views.address_table
        return nested._getvalue()
    number = typ.cls.STORES.index(store)
    address = _told(builder, views, number, 0) if number else views.address_arena
    if not CHECKED:
        return address
    view = cgutils.create_struct_proxy(ViewType(numpy_support.from_dtype(kind)))(context, builder)
    view.address, size = address, _told(builder, views, number, 1)
    view.items = builder.udiv(size, size.type(kind.itemsize))
    return view._getvalue()


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args, kws):
        view, index = args
        if isinstance(view, ViewType) and isinstance(index, types.Integer):
            return signature(view.dtype, view, types.intp)
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args, kws):
        view, index, value = args
        if isinstance(view, ViewType) and isinstance(index, types.Integer):
            if self.context.can_convert(value, view.dtype) is None:
                return None
            return signature(types.none, view, types.intp, view.dtype)
        return None


def _item(context, builder, view, address, index):
    """Pointer to item `index` of a view."""
    if CHECKED:
        checked = cgutils.create_struct_proxy(view)(context, builder, address)
        cgutils.do_boundscheck(context, builder, index, checked.items)
        address = checked.address
    pointer = builder.inttoptr(address, context.get_data_type(view.dtype).as_pointer())
    return builder.gep(pointer, [index])


@lower_builtin(operator.getitem, ViewType, types.intp)
def _lower_getitem(context, builder, sig, args):
    view = sig.args[0]
    pointer = _item(context, builder, view, *args)
    return impl_ret_borrowed(context, builder, sig.return_type, context.unpack_value(builder, view.dtype, pointer))


@lower_builtin(operator.setitem, ViewType, types.intp, types.Any)
def _lower_setitem(context, builder, sig, args):
    view, _, value_type = sig.args
    address, index, value = args
    value = context.cast(builder, value, value_type, view.dtype)
    context.pack_value(builder, view.dtype, value, _item(context, builder, view, address, index))
    return context.get_dummy_value()
