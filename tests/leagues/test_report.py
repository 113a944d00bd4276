"""The report and the command: everything from the log, and what it says is what the numbers say."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from leagues.match_log import SCHEMA, read_log, write_log
from leagues.report import cycles_of, findings, rate
from leagues.results import Contest
from leagues.solvers import alpha_rank, nash_mixture
from leagues.tables import against_field, markdown_table, pairing_gain, score_rows, standings, standings_rows
from leagues.tournament import run_tournament
from qsl_envs.cli import main
from qsl_envs.errors import DataError
from qsl_envs.settings import save_yaml
from tests.leagues.small import small_tournament


def contest_of(edges: dict[tuple[int, int], float], players: int = 3, worlds: int = 40, noise: float = 0.5) -> Contest:
    """A contest of pairs in which the first of an edge earns so much more than the second, plus noise and a common
    part that all share in a world.
    """
    draws = np.random.default_rng(1)
    common = draws.normal(0, 3.0, worlds)
    groups, rows = [], []
    for (i, j), edge in edges.items():
        pnl = np.full((players, worlds), np.nan)
        pnl[i] = common + edge / 2 + noise * draws.normal(size=worlds)
        pnl[j] = common - edge / 2 + noise * draws.normal(size=worlds)
        groups.append((f"p{i}", f"p{j}"))
        rows.append(pnl)
    for k in range(players):
        pnl = np.full((players, worlds), np.nan)
        pnl[k] = common
        groups.append((f"p{k}",))
        rows.append(pnl)
    facts = {name: np.zeros(players) for name in ("fees", "inventory", "peak_inventory", "fills", "volume", "reward")}
    pnl = np.stack(rows)
    return Contest("c", "s", "maker", tuple(f"p{k}" for k in range(players)), tuple(groups), np.arange(worlds), pnl,
                   np.zeros(pnl.shape, bool), facts, {}, "test", 1.0, 10)  # fmt: skip


def test_a_clear_order_is_found():
    found = standings(contest_of({(0, 1): 2.0, (0, 2): 3.0, (1, 2): 1.0}))
    assert found.order == [0, 1, 2] and found.ratings.worst_rank[0] == 1
    np.testing.assert_allclose(found.scores[0, 1, 0], 2.0, atol=0.4)
    assert (found.scores[..., 1] <= found.scores[..., 0]).all()
    np.testing.assert_allclose(found.field[0, 0], (found.scores[0, 1, 0] + found.scores[0, 2, 0]) / 2)
    assert found.nash is not None and found.nash[0] == pytest.approx(1.0)
    assert found.alpha is not None and found.alpha[0] > 0.99
    np.testing.assert_array_equal(found.alpha, alpha_rank(found.payoffs))
    np.testing.assert_array_equal(found.nash, nash_mixture(found.scores[..., 0] / 2))
    said = findings(found)
    assert said[0] == "p0 is rated highest, alone on rank 1." and "2 of 2 others" in said[1]
    assert cycles_of(found) == []
    rows = standings_rows(found)
    assert [row[1] for row in rows[1:]] == ["p0", "p1", "p2"] and all(len(row) == len(rows[0]) for row in rows)
    assert score_rows(found)[1][1] == "" and markdown_table(rows).count("\n") == 4


def test_a_cycle_is_told():
    found = standings(contest_of({(0, 1): 2.0, (1, 2): 2.0, (2, 0): 2.0}))
    assert len(cycles_of(found)) == 1 and any("cycles" in line for line in findings(found))
    assert found.nash is not None
    np.testing.assert_allclose(found.nash, 1 / 3, atol=0.1)


def test_pairing_is_measured():
    """Common part 3, own part 0.5: correlation 9 / 9.25, so the variance falls by its 1 / (1 - correlation) = 37."""
    correlation, factor = pairing_gain(contest_of({(0, 1): 0.0, (1, 2): 0.0, (0, 2): 0.0}, worlds=4000))
    assert correlation == pytest.approx(9 / 9.25, abs=0.01) and factor == pytest.approx(37.0, rel=0.15)


def test_a_pair_that_never_met_is_a_dash():
    contest = contest_of({(0, 1): 1.0, (1, 2): 1.0})
    found = standings(contest)
    assert found.nash is None and found.alpha is None and np.isnan(found.scores[0, 2, 0])
    assert np.isfinite(against_field(contest)).all()
    assert score_rows(found)[1][3] == "-"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    config = small_tournament(worlds=4)
    save_yaml(config, out / "t.yaml")
    run_tournament(config, out / "run")
    return out


def test_the_command_plays_nothing_twice_and_writes_the_report(folder, capsys):
    page = folder / "page.md"
    page.write_text("above\n<!-- season:small begin -->\nold\n<!-- season:small end -->\nbelow\n")
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "run" / "blocks").iterdir()}
    assert main(["tournament", str(folder / "t.yaml"), "--out", str(folder / "run"), "--page", str(page),
                 "--images", str(folder / "images")]) == 0  # fmt: skip
    text = page.read_text()
    assert text.startswith("above\n<!--") and text.endswith("end -->\nbelow\n") and "old" not in text
    assert "### makers" in text and "qsl tournament t.yaml" in text and text.count("![") == 2
    for picture in re.findall(r"\]\((.*?)\)", text):
        assert (folder / picture).is_file()
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "run" / "blocks").iterdir()} == before
    said = capsys.readouterr().out
    assert "makers: maker in makers, 4 worlds" in said and "report.html" in said
    html = (folder / "run" / "report.html").read_text()
    assert html.count("data:image/png;base64,") == 3 and "<script" not in html
    assert len(re.findall(r"<tr><td>\d</td>", html)) == 3
    results = json.loads((folder / "run" / "results.json").read_text())
    [contest] = results["contests"]
    assert contest["players"] == ["near", "far", "random"] and contest["matches"] == 6 * 4 * 4
    for name in ("scores", "payoffs", "elo", "alpha_rank", "nash", "field", "pairing"):
        assert contest[name] is not None
    for name in ("scores", "race", "ratings"):
        assert (folder / "run" / f"{name}_makers.png").stat().st_size > 5000


def test_a_mistake_is_an_exit_code_and_a_line(folder, capsys, tmp_path):
    assert main(["tournament", str(tmp_path / "nothing.yaml")]) == 2
    assert "nothing.yaml" in capsys.readouterr().err
    assert main(["tournament", str(folder / "t.yaml"), "--out", str(folder / "run"), "--worlds", "5"]) == 2
    assert "holds another tournament" in capsys.readouterr().err
    empty = tmp_path / "empty.md"
    empty.write_text("nothing")
    words = ["tournament", str(folder / "t.yaml"), "--out", str(folder / "run"), "--page", str(empty)]
    assert main(words) == 2 and "no place for it" in capsys.readouterr().err
    assert main(["tournament", str(folder / "t.yaml"), "--out", str(tmp_path / "x"), "--workers", "0"]) == 2
    assert "workers must be >= 1" in capsys.readouterr().err


def test_a_log_of_another_tournament_is_refused(folder, tmp_path):
    log, _ = read_log(folder / "run" / "matches.parquet")
    write_log(tmp_path / "matches.parquet", log, {"tournament": "x"})
    with pytest.raises(DataError, match="another tournament"):
        rate(tmp_path, small_tournament(worlds=4))
    assert set(SCHEMA.names) == set(log.column_names)
