"""What all tests share: where the real samples are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real samples: `QSL_DATA`, or `../shared/data` beside the repository."""
    path = Path(os.environ.get("QSL_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("the real samples are not here: set QSL_DATA to their folder")
    return path


def pytest_collection_modifyitems(items):
    """Under `NUMBA_DISABLE_JIT=1` there is no compiled code to speak of."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") == "0":
        return
    for item in items:
        if item.get_closest_marker("compiled"):
            item.add_marker(pytest.mark.skip(reason="kernels are interpreted"))
