"""A kernel is linked into another one as plain code, whether or not it is an entry of its own."""

import numpy as np
import pytest
from llvmlite.binding import Linkage
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


def test_a_closed_entry_answers_and_fails_as_an_open_one(tmp_path, monkeypatch):
    monkeypatch.setenv("QSL_CACHE_DIR", str(tmp_path))

    @kernel
    def collatz(n, left):
        if n == 1:
            return 0
        if left == 0:
            raise ValueError("too long")
        return 1 + collatz(n // 2 if n % 2 == 0 else 3 * n + 1, left - 1)

    @kernel
    def longest(below, left):
        best = 0
        for n in range(1, below):
            best = max(best, collatz(n, left))
        return best

    @kernel(closed=True)
    def longest_closed(below, left):
        best = 0
        for n in range(1, below):
            best = max(best, collatz(n, left))
        return best

    assert longest(30, 200) == longest_closed(30, 200) == 111  # 27 takes 111 steps
    for entry in (longest, longest_closed):
        with pytest.raises(ValueError, match="too long"):
            entry(30, 50)
    assert collatz(27, 111) == 111  # what a closed entry keeps for itself is still to be had
    for entry, seen in ((longest, True), (longest_closed, False)):
        (result,) = entry.overloads.values()
        open_ones = [f.name for f in result.library.get_defined_functions() if f.linkage == Linkage.linkonce_odr]
        assert any("collatz" in name for name in open_ones) == seen
