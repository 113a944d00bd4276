"""Kernels called by address: what varies between markets is a number in a table, so the caller is compiled once.

A family of kernels has one signature (all traders' `on_wake`, all flows' `next_candidate`). `Callable` fixes it; a
kernel's `address` goes into an int64 array that the caller gets as an argument, and `call` jumps there:

    on_wake = Callable(lambda: int64(typeof(market_arrays()), int64))     # once, beside the kernel that calls
    table[slot] = on_wake.address(my_kernel)                              # when a market is put together
    call_on_wake = on_wake.call
    ... in a kernel: wait_ns = call_on_wake(table[slot], arrays, replica)

Exceptions of the callee come through. An address is good for this process alone: it belongs in an array that is filled
anew in each process, never in a global or a closure (a cached kernel would keep it) and never in a snapshot.
Whoever holds an address holds the kernel: keep `address`'s argument alive as long as the table.

Under `NUMBA_DISABLE_JIT=1` an address is an index into a list of Python functions, and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable as Function

import numba
from numba.core import cgutils, types
from numba.core.typing import Signature
from numba.extending import intrinsic

_interpreted: list[Function] = []


class Callable:
    """A signature, and the two ends of a call by address.

    Args:
        signature: numba signature of the family, return type first: `int64(int64, float64[::1])`; or a function that
            returns it, called when the first address is taken or the first caller is compiled.
    """

    def __init__(self, signature: Signature | Function[[], Signature]) -> None:
        self._source = signature
        self._signature: Signature | None = None
        self.call = _interpreted_call if numba.config.DISABLE_JIT else _make_intrinsic(self)
        """For kernels: `call(address, *args)`, address int64. An address that `address` did not give is undefined."""

    @property
    def signature(self) -> Signature:
        """The signature of every kernel of the family."""
        if self._signature is None:
            self._signature = self._source if isinstance(self._source, Signature) else self._source()
        return self._signature

    def address(self, function) -> int:
        """Compile a kernel for the signature and tell where it starts, as a number that fits int64.

        Raises:
            TypeError: if the kernel returns another type than the signature says.
        """
        if numba.config.DISABLE_JIT:
            if function not in _interpreted:
                _interpreted.append(function)
            return _interpreted.index(function)
        wanted = self.signature
        function.compile(wanted.args)
        result = function.overloads[wanted.args]
        returned = types.unliteral(result.signature.return_type)  # a constant is returned as any number of its type
        if returned != wanted.return_type:
            raise TypeError(f"{function.__qualname__} must return {wanted.return_type}, returns {returned}")
        return int(result.library.get_pointer_to_function(result.fndesc.llvm_func_name))


def _interpreted_call(address, *args):
    return _interpreted[int(address)](*args)


def _make_intrinsic(family: Callable):
    @intrinsic
    def call_by_address(typingctx, address, *args):
        signature = family.signature

        def codegen(context, builder, sig, values):
            # Numba's own calling convention, not C's: status and exception come back beside the value.
            kind = context.call_conv.get_function_type(signature.return_type, signature.args)
            place = builder.inttoptr(values[0], kind.as_pointer())
            given = cgutils.unpack_tuple(builder, values[1])
            wide = [
                context.cast(builder, value, have, want)
                for value, have, want in zip(given, sig.args[1].types, signature.args, strict=True)
            ]
            status, result = context.call_conv.call_function(
                builder, place, signature.return_type, signature.args, wide
            )
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return result

        return signature.return_type(types.int64, types.StarArgTuple(args)), codegen

    return call_by_address
