"""Traces, tables, pictures, the page: what they say is what happened, and losing is said as plainly as winning."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest

from baselines.evaluate import METRICS, Worlds, evaluate
from baselines.policies.desk import Desk
from baselines.policies.makers import FixedSpread, InventorySkew
from baselines.policies.plain import DoNothing
from baselines.reports.page import Report, finding, html_table, text_table, write_report
from baselines.reports.pictures import draw_book, draw_episode, draw_learning, draw_results
from baselines.reports.trace import watch
from tests.baselines.toys import Shop

DESK = Desk.of(Shop(1))


def fake(**pnl):
    """Results in which every metric of a policy is the same list."""
    return {name: {metric: np.array(values, float) for metric in METRICS} for name, values in pnl.items()}


def test_a_trace_is_the_episode():
    policy = InventorySkew(DESK, 2.0, 2.0, 2.0)
    trace = watch(Shop(8), policy, seed=7, levels=6, replica=1)
    numbers = evaluate({"it": policy}, Worlds(Shop, 8, first_seed=7, block=8))["it"]
    assert len(trace.time_s) == 20 and trace.time_s[1] == 0.5
    assert np.isnan(trace.quote[0]).all() and not np.isnan(trace.quote[1:]).any()
    assert (trace.quote[1:, 0] < trace.quote[1:, 1]).all()
    assert trace.price[:, 0, 0] == pytest.approx(trace.mid - 1) and np.isnan(trace.price[:, :, 5]).all()
    assert trace.qty[3, 1].tolist()[:5] == [1, 2, 3, 4, 5]
    # All but the closing step is in the trace: the closing trade costs a tick a lot, the last move comes before it.
    assert trace.pnl[0] == 0 and abs(trace.pnl[-1] - numbers["pnl"][1]) <= 3 * abs(trace.inventory[-1]) + 8
    half = watch(Shop(8), policy, seed=7, replica=3)
    assert len(half.time_s) == 10  # world 10 is ruined half-way


def test_the_finding_is_plain_in_all_three_cases():
    base = [1.0, 2.0, 3.0, 4.0]
    results = fake(good=[v + 1 for v in base], bad=[v - 1 for v in base], same=[1.1, 1.9, 3.2, 3.9], reference=base)
    said = finding(results, "good", "reference", "x")
    assert "good beats reference: score 1.0 [1.0, 1.0], better; its P&L is higher: 1.0 [1.0, 1.0]" in said
    assert "bad does NOT beat reference, it is worse" in finding(results, "bad", "reference", "x")
    assert re.search(
        r"same is NOT shown to beat reference: .*not shown to differ", finding(results, "same", "reference", "x")
    )


def test_tables_hold_every_policy_and_its_difference():
    results = fake(a=[1.0, 3.0], reference=[0.0, 1.0], none=[np.nan, np.nan])
    text = text_table(results, "reference")
    assert "minus reference" in text and "better" in text.splitlines()[2]
    assert text.splitlines()[4].count(" -") >= 3, "what is not known is a dash"
    html = html_table(results, "reference")
    assert html.count("<tr") == 4 and 'class="better"' in html and 'class="reference"' in html


def png_size(path):
    """Width and height that a PNG file states."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_pictures_and_the_page(tmp_path):
    makers = {"one": FixedSpread(DESK, 1.0, 2.0), "two": InventorySkew(DESK, 2.0, 2.0, 2.0), "idle": DoNothing(DESK)}
    traces = {name: watch(Shop(8), policy, seed=1) for name, policy in makers.items()}
    results = evaluate(makers, Worlds(Shop, 12, block=12))
    curve = [{"frames": 1000 * n, "return": float("nan") if n < 3 else float(n)} for n in range(60)]
    drawn = [
        draw_book(tmp_path / "book.png", "one", traces["one"], "A <day>"),
        draw_book(tmp_path / "idle.png", "idle", traces["idle"], "Without quotes"),
        draw_episode(tmp_path / "episode.png", traces, "A day"),
        draw_learning(tmp_path / "learning.png", "one", curve, {"two": 30.0, "idle": 31.0}),
        draw_learning(tmp_path / "short.png", "one", curve[:2], {"two": 30.0}),
        draw_results(tmp_path / "results.png", {"Here": results, "There": results}),
    ]
    for path in drawn:
        width, height = png_size(path)
        assert width > 900 and height > 300, path
    pictures = [(path, path.stem, "words & signs") for path in drawn]
    report = Report("A <b>title</b>", "lead", ["found"], {"Here": ("about", results)}, "two", pictures, {"seed": "1"})
    page = write_report(tmp_path / "report.html", report).read_text()
    assert (
        page.count("data:image/png;base64,") == len(drawn) and "&lt;b&gt;title" in page and "words &amp; signs" in page
    )
    assert not re.search(r'(src|href)="(?!data:)', page), "the page must stand alone"
    for metric, words in METRICS.items():
        assert metric.replace("_", " ") in page and words.split(",")[0].replace("&", "&amp;") in page
