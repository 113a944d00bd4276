"""docs/matching.md says what the code says: reasons, codes, order of tests, columns."""

from __future__ import annotations

import re
from pathlib import Path

from qsl_envs.engine.reasons import Reason
from tests.engine.test_match_file import COLUMNS, HEADS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "matching.md").read_text(encoding="utf-8")
MARKET = 130
"""Reasons from here on are the market's, and stand on its page."""


def test_every_reason_of_the_engine_stands_in_the_table():
    table = {name: int(code) for name, code in re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", PAGE, re.MULTILINE)}
    assert table == {r.name: r.value for r in Reason if 0 < r < MARKET}


def test_every_reason_named_on_the_page_exists():
    names = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", PAGE))
    assert names - {"ORDERS"} <= {r.name for r in Reason}


def test_columns_of_the_files():
    orders = re.search(r"\*\*ORDERS\.\*\*.*?(?=\*\*What stops)", PAGE, re.DOTALL).group()
    listed = {
        name for row in re.findall(r"^\| (`.*?) \|", orders, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert listed == set(COLUMNS)
    for name, head in HEADS.items():
        assert f"| {name} | `{', '.join(head)}` |" in PAGE
