"""What a processor does in one instruction and Python in several: counts of zeros, prefetch, the cycle counter, the
quotient of numbers that are not negative.

Each intrinsic has a Python twin of the same name, used when kernels are interpreted (`NUMBA_DISABLE_JIT=1`).
"""

from __future__ import annotations

import time

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

INTERPRETED = bool(numba.config.DISABLE_JIT)

ONE = np.uint64(1)
ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def _low_zeros(word):
    """Number of zero bits under the lowest set bit of a uint64 word that is not 0; int64."""
    value = int(word)
    return (value & -value).bit_length() - 1


def _high_bit(word):
    """Number of the highest set bit of a uint64 word that is not 0; int64."""
    return int(word).bit_length() - 1


def _prefetch(array, index):
    """Bring the cache line of `array[index]` near, for writing; changes nothing."""


def _quotient(number, divisor):
    """`number // divisor` of a number from 0 and a divisor from 1 on, which is not checked."""
    return number // divisor


def _float_quotient(number, divisor):
    """`quotient` of numbers from 0 that sum to less than 2**53, where a division of floats rounds to no wrong whole."""
    return number // divisor


def _cycles():
    """A counter that grows with time: the processor's where it has one (x86), else nanoseconds."""
    return time.perf_counter_ns()


if INTERPRETED:
    low_zeros, high_bit, prefetch, cycles = _low_zeros, _high_bit, _prefetch, _cycles
    quotient, float_quotient = _quotient, _float_quotient
else:

    @intrinsic
    def low_zeros(typingctx, word):
        """Compiled twin of `_low_zeros`."""

        def codegen(context, builder, signature, args):
            return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

        return types.int64(types.uint64), codegen

    @intrinsic
    def high_bit(typingctx, word):
        """Compiled twin of `_high_bit`."""

        def codegen(context, builder, signature, args):
            zeros = builder.ctlz(args[0], ir.Constant(ir.IntType(1), 1))
            return builder.sub(ir.Constant(ir.IntType(64), 63), zeros)

        return types.int64(types.uint64), codegen

    @intrinsic
    def prefetch(typingctx, array, index):
        """Compiled twin of `_prefetch`."""

        def codegen(context, builder, signature, args):
            kind = signature.args[0]
            where = args[0]  # of a field of Views: its address
            if isinstance(kind, types.Array):
                data = context.make_array(kind)(context, builder, args[0]).data
                where = builder.ptrtoint(data, ir.IntType(64))
            elif isinstance(where.type, ir.LiteralStructType):  # where bounds are checked: its address and its length
                where = builder.extract_value(where, 0)
            item = context.get_abi_sizeof(context.get_data_type(kind.dtype))
            step = ir.Constant(ir.IntType(64), item)
            where = builder.add(where, builder.mul(args[1], step))
            pointer = builder.inttoptr(where, ir.IntType(8).as_pointer())
            i32 = ir.IntType(32)
            signature_ir = ir.FunctionType(ir.VoidType(), [pointer.type, i32, i32, i32])
            function = cgutils.get_or_insert_function(builder.module, signature_ir, "llvm.prefetch.p0")
            builder.call(function, [pointer, ir.Constant(i32, 1), ir.Constant(i32, 3), ir.Constant(i32, 1)])
            return context.get_dummy_value()

        return types.void(array, types.int64), codegen

    @intrinsic
    def quotient(typingctx, number, divisor):
        """Compiled twin of `_quotient`: one division, no look at signs or zero."""

        def codegen(context, builder, signature, args):
            return builder.udiv(*args)

        return types.int64(types.int64, types.int64), codegen

    @intrinsic
    def float_quotient(typingctx, number, divisor):
        """Compiled twin of `_float_quotient`: k - 1 / divisor, what comes nearest to a whole k from below, is farther
        from it than half a step of the floats there. One after the other they overlap, which divisions of 64-bit
        integers do not.
        """

        def codegen(context, builder, signature, args):
            over, under = (builder.sitofp(value, ir.DoubleType()) for value in args)
            return builder.fptosi(builder.fdiv(over, under), ir.IntType(64))

        return types.int64(types.int64, types.int64), codegen

    @intrinsic
    def cycles(typingctx):
        """Compiled twin of `_cycles`."""

        def codegen(context, builder, signature, args):
            kind = ir.FunctionType(ir.IntType(64), [])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.readcyclecounter")
            return builder.call(function, [])

        return types.int64(), codegen
