"""Which fields LLVM may take for different memory; what shares bytes it may not."""

from __future__ import annotations

import numpy as np
import pytest
from numba.np import numpy_support

from qsl_envs.kernel.apart import place_of
from qsl_envs.kernel.jit import kernel
from qsl_envs.kernel.views import Views, inside

UNION = np.dtype(
    {
        "names": ["first", "low", "high", "both", "last", "many"],
        "formats": ["i8", "i4", "i4", "i8", "i4", ("i2", (2,))],
        "offsets": [0, 8, 12, 8, 16, 20],
        "itemsize": 24,
    },
    align=True,
)
OTHER = np.dtype([("first", "i8"), ("second", "i8"), ("third", "i8")], align=True)


class Rows(Views):
    """One arena as records of two kinds, in different parts of it."""

    unions = inside(UNION)
    others = inside(OTHER)
    longs = inside(np.int64)


def test_fields_are_apart_unless_they_share_bytes():
    union, other = numpy_support.from_dtype(UNION), numpy_support.from_dtype(OTHER)
    assert place_of(union, "low") == place_of(union, "both") == place_of(union, "high")
    apart = [place_of(union, name) for name in ("first", "both", "last", "many")]
    apart += [place_of(other, name) for name in OTHER.names]
    assert len(set(apart)) == 7
    assert place_of(union, "first") == place_of(numpy_support.from_dtype(np.dtype(UNION)), "first")


@pytest.mark.compiled
def test_what_shares_bytes_is_read_anew():
    @kernel
    def play(m, count):
        total = 0
        for i in range(count):
            m.unions[i].both = (i + 1) << 32 | i
            total += m.unions[i].low + 1000 * m.unions[i].high
            m.unions[i].high = -i
            total += m.unions[i].both >> 32
            m.longs[3 * i] = 7 * i  # plain numbers may be any memory: here `first` of the same record
            total += m.unions[i].first
            m.others[count + i].second = total
            total += m.unions[i].first
        return total

    rows = Rows(np.zeros(24 * 20, np.uint8))
    want = 0
    for i in range(10):
        want += i + 1000 * (i + 1) - i + 7 * i + 7 * i
    assert play(rows, 10) == want


@pytest.mark.compiled
def test_a_store_elsewhere_forgets_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("QSL_CACHE_DIR", str(tmp_path))

    @kernel
    def beside(m, i, j):
        before = m.unions[i].first
        m.others[j].second = 5
        return before + m.unions[i].first

    @kernel
    def perhaps_there(m, i, j):
        before = m.unions[i].first
        m.longs[j] = 5
        return before + m.unions[i].first

    rows = Rows(np.ones(48, np.uint8))
    loads = []
    for function in (beside, perhaps_there):
        assert function(rows, 0, 1) == 2 * 0x0101010101010101
        (text,) = function.inspect_llvm().values()
        loads.append(text.count("load i64"))
    assert loads[1] == loads[0] + 1
