"""The quicker front end says what numba's own says."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core import ir, types
from numba.core.compiler import run_frontend
from numba.core.errors import NumbaError
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
        return ir.Inst._rec_list_vars, BaseFunction.get_call_type, BaseContext.find_matching_getattr_template

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
