"""The same bits interpreted: a small day in a process without a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.naive.fast import Engine, digest, encode
from tests.naive.streams import price_jumps, random_day

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "from tests.engine.test_nojit import fingerprint; print(fingerprint())"


def fingerprint() -> str:
    """Digest of a day that has everything, and of one whose price jumps."""
    day = random_day(90, 500) + price_jumps(91, 250)
    engine = Engine("decrement")
    return digest(*engine.process(encode(day)), engine.book)


@pytest.mark.compiled
def test_interpreted_and_compiled_agree_to_the_bit():
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == fingerprint()
