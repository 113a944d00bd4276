"""Kernels that call each other, themselves, and what is compiled of them."""

from __future__ import annotations

import numba
import pytest

from qsl_envs.kernel.jit import kernel

pytestmark = pytest.mark.compiled


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """Nothing is on disk: what a test calls is compiled there and then, however often the test ran before."""
    monkeypatch.setenv("QSL_CACHE_DIR", str(tmp_path))


def test_constants_do_not_multiply_the_compiled_versions(empty_cache):
    @kernel
    def add(a, b):
        return a + b

    @kernel
    def several(x):
        return add(1, x) + add(2, x) + add(x, 3)

    assert several(10) == 36
    assert len(add.nopython_signatures) == 1


def test_a_callee_becomes_an_entry_when_somebody_calls_it(empty_cache):
    @kernel
    def inner(x):
        return x + 1

    @kernel
    def outer(x):
        return inner(x) * 2

    assert outer(3) == 8
    assert inner.signatures == []
    assert inner(3) == 4
    assert len(inner.signatures) == len(inner.nopython_signatures) == 1


def test_kernels_and_plain_jitted_functions_call_each_other():
    @kernel
    def bottom(x):
        return x + 1

    @kernel
    def middle(x):
        return bottom(x) * 2

    @numba.njit
    def plain(x):
        return middle(x) + bottom(x)

    @kernel
    def top(x):
        return plain(x) - middle(x)

    assert top(5) == bottom(5) == 6
    assert plain(5) == 18


def test_a_kernel_may_call_itself():
    @kernel
    def factorial(n):
        if n <= 1:
            return 1
        return n * factorial(n - 1)

    @kernel
    def twice(n):
        return 2 * factorial(n)

    assert (twice(5), factorial(6)) == (240, 720)


def test_an_exception_of_a_callee_names_its_reason():
    @kernel
    def refuse(x):
        if x > 2:
            raise ValueError("too much")
        return x

    @kernel
    def ask(x):
        return refuse(x)

    assert ask(1) == 1
    with pytest.raises(ValueError, match="too much"):
        ask(3)
