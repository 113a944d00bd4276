"""A kernel is linked into another one as plain code, whether or not it is an entry of its own."""

import numpy as np
import pytest
from numba.core.registry import CPUDispatcher

from qsl_envs.kernel.jit import kernel

pytestmark = pytest.mark.compiled


def test_an_entry_is_linked_as_plain_code(tmp_path, monkeypatch):
    monkeypatch.setenv("QSL_CACHE_DIR", str(tmp_path))  # nothing is on disk: both are compiled here

    @kernel(inline=True)
    def leaf(array, i):
        return 2 * array[i]

    @kernel
    def middle(array, i):
        return leaf(array, i) + 1

    @kernel
    def outer(array):
        total = 0
        for i in range(len(array)):
            total += middle(array, i)
        return total

    assert isinstance(middle, CPUDispatcher)
    array = np.arange(5)
    assert middle(array, 2) == 5  # now it is an entry, optimised as a whole
    assert outer(array) == sum(2 * n + 1 for n in range(5))
    (args,) = middle.overloads
    assert middle.get_overload(args) is not middle.overloads[args].entry_point
    assert middle(array, 3) == 7
