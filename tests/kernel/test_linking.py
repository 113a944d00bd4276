"""A kernel is linked into another one as plain code, whether or not it is an entry of its own."""

import numpy as np
import pytest
from numba.core.registry import CPUDispatcher

from qsl_envs.kernel.jit import kernel

pytestmark = pytest.mark.compiled


@kernel(inline=True)
def leaf(array, i):
    """Twice an item."""
    return 2 * array[i]


@kernel
def middle(array, i):
    """Used from Python and from `outer`."""
    return leaf(array, i) + 1


@kernel
def outer(array):
    """The sum of `middle` over the array."""
    total = 0
    for i in range(len(array)):
        total += middle(array, i)
    return total


def test_an_entry_is_linked_as_plain_code():
    assert isinstance(middle, CPUDispatcher)
    array = np.arange(5)
    assert middle(array, 2) == 5  # now it is an entry, optimised as a whole
    assert outer(array) == sum(2 * n + 1 for n in range(5))
    (args,) = middle.overloads
    assert middle.get_overload(args) is not middle.overloads[args].entry_point
    assert middle(array, 3) == 7
