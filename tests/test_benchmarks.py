"""Benchmarks run tiny here, so that they do not rot; and their tables are what their results say."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks.__main__ import all_tables
from benchmarks.report import RESULTS, ROOT, Row, clock, figure, publish, render, replace_table

PAGES = [ROOT / "README.md", *(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)]
MARKER = re.compile(r"<!-- table:(\w+) begin -->\n(.*?)<!-- table:\1 end -->", re.DOTALL)


@pytest.mark.compiled
@pytest.mark.parametrize("name", sorted(all_tables()))
def test_smoke(name):
    rows = all_tables()[name](True)
    assert rows and all(list(row) == list(rows[0]) for row in rows)


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")) if RESULTS.is_dir() else [], ids=lambda path: path.stem)
def test_published_tables_are_their_results(path):
    result = json.loads(path.read_text())
    tables = [table for page in PAGES for name, table in MARKER.findall(page.read_text()) if name == result["name"]]
    assert tables and all(table.strip() == render(result).strip() for table in tables)


def test_every_marker_belongs_to_a_benchmark():
    names = {name for page in PAGES for name, _ in MARKER.findall(page.read_text())}
    assert names - set(all_tables()) == set()


RESULT = {"name": "t", "machine": {"cpu": "c", "date": "d", "cores": "2"}, "load": [0.1, None]}


def test_a_table_replaces_what_stands_between_its_markers_and_nothing_else(tmp_path):
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("above\n<!-- table:t begin -->\nold\n<!-- table:t end -->\nbelow\n<!-- table:u begin -->\nu\n")
    result = {**RESULT, "rows": [Row(what="a", per_s=1234), Row(what="b", per_s=0.5)]}
    assert publish(result, tmp_path) == [page]
    text = page.read_text()
    assert text.startswith("above\n<!-- table:t begin -->\n| what | per s |\n") and "old" not in text
    assert text.endswith("<!-- table:t end -->\nbelow\n<!-- table:u begin -->\nu\n")
    assert publish(result, tmp_path) == [page] and page.read_text() == text
    assert json.loads((tmp_path / "benchmarks" / "results" / "t.json").read_text())["rows"][0] == result["rows"][0]
    with pytest.raises(ValueError, match="without"):
        replace_table(page, "u", "x")


def test_rows_of_one_table_have_the_same_columns():
    with pytest.raises(ValueError, match="columns"):
        render({**RESULT, "rows": [Row(a=1), Row(b=1)]})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"),
        (1234.5, "1,234"),
        (0.01234, "0.0123"),
        (12.34, "12.3"),
        (True, "yes"),
        (None, ""),
        ("x", "x"),
    ],
)
def test_figures(value, shown):
    assert figure(value) == shown


def test_the_clock_measures_the_block_that_it_is_around():
    with clock() as outer, clock() as inner:
        sum(range(1000))
    assert 0 < inner.seconds <= outer.seconds
