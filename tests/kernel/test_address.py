"""Calls by address against plain calls."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import NamedTuple

import numba
import numpy as np
import pytest
from numba import float64, int64

from qsl_envs.kernel.address import Callable
from qsl_envs.kernel.jit import kernel

RECORD = np.dtype([("price", "i4"), ("qty", "i8")], align=True)


class Arrays(NamedTuple):
    orders: np.ndarray
    cash: np.ndarray


def make_arrays() -> Arrays:
    orders = np.zeros(4, RECORD).view(np.recarray)
    orders.price, orders.qty = [3, 5, 7, 9], [10, 20, 30, 40]
    return Arrays(orders, np.zeros(4, np.int64))


@kernel
def buy(arrays, slot):
    arrays.cash[slot] -= int(arrays.orders[slot].price) * arrays.orders[slot].qty
    return slot + 1


@kernel
def sell(arrays, slot):
    arrays.cash[slot] += int(arrays.orders[slot].price) * arrays.orders[slot].qty
    return slot + 2


@kernel
def refuse(arrays, slot):
    if slot == 2:
        raise ValueError("slot 2 is taken")
    return slot


trade = Callable(lambda: int64(numba.typeof(make_arrays()), int64))
call_trade = trade.call


@kernel
def walk(table, arrays):
    """Call each function of the table in turn, each where the one before it pointed."""
    slot = 0
    for at in range(len(table)):
        slot = call_trade(table[at], arrays, slot)
    return slot


def test_a_table_calls_what_stands_in_it():
    arrays = make_arrays()
    table = np.array([trade.address(f) for f in (buy, sell, buy)], np.int64)
    assert walk(table, arrays) == 4
    assert arrays.cash.tolist() == [-30, 100, 0, -360]


def test_a_longer_table_compiles_nothing():
    arrays = make_arrays()
    before = len(getattr(walk, "signatures", ()))
    for count in (1, 2, 3):
        walk(np.array([trade.address(refuse)] * count, np.int64), arrays)
    assert len(getattr(walk, "signatures", ())) in (before, 1)


def test_an_exception_comes_through_and_the_next_call_works():
    arrays = make_arrays()
    table = np.array([trade.address(sell), trade.address(refuse)], np.int64)
    with pytest.raises(ValueError, match="slot 2 is taken"):
        walk(table, arrays)
    assert walk(table[:1], arrays) == 2
    assert arrays.cash[0] == 60


def test_one_kernel_has_one_address_and_two_have_two():
    assert trade.address(buy) == trade.address(buy) != trade.address(sell)


@pytest.mark.compiled
def test_a_wrong_return_type_is_an_error_when_the_address_is_taken():
    @kernel
    def half(x):
        return x / 2

    with pytest.raises(TypeError, match="half must return int64, returns float64"):
        Callable(int64(int64)).address(half)


@pytest.mark.compiled
def test_narrower_arguments_are_widened():
    @kernel
    def double(x, y):
        return x + y

    add = Callable(float64(float64, int64))
    call_add = add.call

    @kernel
    def through(address, x, y):
        return call_add(address, x, y)

    assert through(add.address(double), np.int32(3), np.int8(4)) == 7.0


def test_interpreted_and_from_the_cache_alike(tmp_path):
    code = textwrap.dedent("""
        import numpy as np
        from tests.kernel.test_address import buy, make_arrays, sell, trade, walk
        arrays = make_arrays()
        walk(np.array([trade.address(buy), trade.address(sell)], np.int64), arrays)
        print(arrays.cash.tolist())
    """)
    env = {**os.environ, "QSL_CACHE_DIR": str(tmp_path)}
    outputs = [
        subprocess.run([sys.executable, "-c", code], env=env | extra, capture_output=True, text=True, check=True).stdout
        for extra in ({}, {}, {"NUMBA_DISABLE_JIT": "1"})
    ]
    assert outputs == ["[-30, 100, 0, 0]\n"] * 3
