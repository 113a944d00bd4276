"""The quicker front end says what numba's own says."""

from __future__ import annotations

import numpy as np
import pytest
from llvmlite.binding import ffi
from numba.core import ir, types
from numba.core.compiler import run_frontend
from numba.core.errors import NumbaError
from numba.core.typeinfer import ConstraintNetwork
from numba.core.types.functions import BaseFunction
from numba.core.typing.context import BaseContext

from qsl_envs.kernel import fmath, quick
from qsl_envs.kernel.jit import kernel

pytestmark = pytest.mark.compiled


def tangle(a, b, c):
    """Statements of many kinds."""
    total, pair = 0, (a, b[c])
    for k in range(a):
        if k > pair[1] or c:
            total += min(k, b[k]) * -a
        else:
            b[k] = pair[0] = total
    while total < c:
        total += len(b)
    return total, b.size, {1: a}, [b, c]


@pytest.mark.parametrize("function", [tangle, fmath.exp_.py_func, fmath.normal_quantile.py_func])
def test_the_variables_of_a_statement_are_those_that_numba_lists(function):
    kinds = set()
    for block in run_frontend(function).blocks.values():
        for statement in block.body:
            names = [v.name for v in statement.list_vars()]
            assert [v.name for v in quick._list_vars(statement, vars(statement))] == names
            kinds.add(type(statement))
    assert len(kinds) >= 3


def test_numba_is_left_as_it_was():
    def ways():
        return (ir.Inst._rec_list_vars, BaseFunction.get_call_type, BaseContext.find_matching_getattr_template,
                ConstraintNetwork.propagate, ffi.lib._lock._cblist)  # fmt: skip

    before = ways()
    with pytest.raises(RuntimeError), quick.remembering():
        assert not set(map(id, ways())) & set(map(id, before))
        raise RuntimeError
    assert ways() == before


def test_an_operator_on_other_types_is_asked_for_anew():
    @kernel
    def both(a, b):
        return a / b, a // b, a + b, a < b

    for a, b in ((7, 2), (7.5, 2), (np.int32(7), np.int32(2)), (np.uint8(200), np.uint8(100)), (7, 2)):
        assert both(a, b) == (a / b, a // b, int(a) + int(b) if isinstance(a, np.integer) else a + b, a < b)
    assert both.nopython_signatures[0].return_type == types.Tuple(
        (types.float64, types.int64, types.int64, types.bool_)
    )


def test_a_kernel_that_allocates_is_an_error():
    @kernel
    def make(n):
        return np.zeros(n)

    with pytest.raises(NumbaError, match="zeros"):
        make(3)


def walk(n, m):
    """Joins, loops with several ways back and out, a variable that lives in one branch only, tuples."""
    total, seen, pair = 0, 0, (n, -m)
    for k in range(n):
        if k % 3 == 1:
            step = k - m
            if step < 0:
                continue
            total += step * pair[0]
        elif k == 11:
            break
        else:
            total, seen = seen - k, total
        pair = (pair[1] + k, seen)
        while total > 40:
            total -= m
            if total == 50:
                break
    low, high = (total, seen) if total < seen else (seen, total)
    return low, high, pair


def test_branches_and_loops_compute_what_python_does():
    fast = kernel(walk)
    for n in range(20):
        for m in range(1, 6):
            assert fast(n, m) == walk(n, m), (n, m)


def test_a_function_that_catches_errors_goes_all_of_numbas_way():
    @kernel
    def caught(n):
        try:
            if n > 2:
                raise ValueError("too many")
        except Exception:
            return -1
        return n

    assert (caught(2), caught(3)) == (2, -1)


def test_an_error_in_a_kernel_names_its_line():
    @kernel
    def wrong(n):
        return n + "text"

    with pytest.raises(NumbaError, match=r"test_quick\.py\", line \d+"):
        wrong(3)


def test_a_variable_may_become_another_kind_of_number_on_the_way():
    def grow(n):
        total, step, last = 0, 1, 0
        for k in range(n):
            last = total
            total = total + step
            step = k * 0.5
        return total, last

    fast = kernel(grow)
    for n in range(5):
        assert fast(n) == grow(n), n
