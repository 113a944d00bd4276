"""The compiled type of a bundle of views tells its memory: code for another layout is other code."""

from __future__ import annotations

import numpy as np

from qsl_envs.kernel.views import Views, inside, outside


def bundle(record, **more):
    """A Views class called `Bundle` over one record type."""
    names = {"__module__": __name__, "__qualname__": "Bundle"}
    return type("Bundle", (Views,), {"rows": inside(record), "longs": outside(np.int64), **more, **names})


def test_a_record_of_another_layout_is_another_type():
    first = np.dtype([("a", "i8"), ("b", "i8")])
    moved = np.dtype([("b", "i8"), ("a", "i8")])
    same, other = bundle(first)._numba_type_, bundle(moved)._numba_type_
    assert same == bundle(first)._numba_type_
    assert same != other and same.name != other.name
    assert bundle(first, more=outside(np.float64))._numba_type_ != same


def test_a_nested_bundle_counts_too():
    inner, moved = bundle(np.dtype([("a", "i8"), ("b", "i8")])), bundle(np.dtype([("b", "i8"), ("a", "i8")]))
    outer = [bundle(np.int32, deep=inside(b))._numba_type_ for b in (inner, inner, moved)]
    assert outer[0] == outer[1] != outer[2]
