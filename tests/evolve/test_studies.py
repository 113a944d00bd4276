"""Studies beside a search, at small budgets: survival, ablation, planted pattern, fair game; the command, its page."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from evolve.alpha import Alpha, TradeSettings, maker
from evolve.discovery.discover import ABLATIONS, DiscoverConfig, ablation, compare_starts
from evolve.discovery.examine import ExamConfig
from evolve.discovery.fair_game import fair_game
from evolve.discovery.page import sections, write_page
from evolve.discovery.planted import planted
from evolve.discovery.search import SearchConfig
from evolve.discovery.survival import Grid, survival
from evolve.families import FEES, GROUP, LATENCIES, Place, base_market
from qsl_envs.cli import main
from qsl_envs.errors import ConfigError
from qsl_envs.settings import save_yaml

SECOND = 1_000_000_000
SMALL = DiscoverConfig(
    search=SearchConfig(population=6, generations=1), exam=ExamConfig(finalists=4, alphas=1, blocks=2, resamples=100),
    regimes=("base",), unseen=("volatile",), train_worlds=4, validation_worlds=4, test_worlds=6, session_ns=SECOND,
)  # fmt: skip


def test_the_survival_table_has_every_point_and_three_rows_at_each():
    grid = Grid(latencies=("colocated", "remote"), fees=("rebate",), regimes=("base", "jumps"), venues=(1, 2), worlds=4,
                search=SearchConfig(population=4, generations=1))  # fmt: skip
    frozen = [maker("-0.1 * inventory", "1", "5"), maker("0", "2", "0")]
    rows = survival(frozen, SMALL, grid)
    places = [tuple(row["place"].values()) for row in rows]
    assert len(set(places)) == len(places) == 8
    for row in rows:
        quiet = row["frozen"][1]
        assert quiet["pnl"] == quiet["messages"] == 0.0 and not quiet["alive"] and not row["nothing"]["alive"]
        assert row["frozen"][0]["messages"] > 0 and row["frozen"][0]["low"] <= row["frozen"][0]["pnl"]
        assert row["trials"] >= 4 and "formula" in row["searched"]
    earned = [row["frozen"][0]["pnl"] for row in rows]
    assert len(set(earned)) == 8  # every axis makes another market
    titles, *body = next(table for heading, _, table in sections({"survival": rows}) if "point by point" in heading)
    assert len(body) == 8 * 4 and titles[4] == "program"


def test_a_place_is_the_market_that_it_says():
    base = base_market(TradeSettings())
    market = Place(latency="remote", fees="flat", regime="jumps", venues=2).setting(base).market
    alpha = next(g for g in market.population if g.name == GROUP)
    assert {alpha.order_link.latency_ns, alpha.feed_link.latency_ns, alpha.report_link.latency_ns} == {
        LATENCIES["remote"]
    }
    assert all((v.maker_fee_bps, v.taker_fee_bps) == FEES["flat"] for v in market.venues)
    assert market.symbols[0].value.jump_rate > 0 and market.flow.anchor is not None
    assert alpha.risk.max_inventory // 2 == base.population[0].risk.max_inventory
    relieved = Place().setting(base, {"queue": False, "latency": False}).market.population[0]
    assert relieved.ideal_queue and relieved.order_link.latency_ns == 0 and not relieved.ideal_takes


def test_the_ablation_searches_without_and_tests_with():
    rows = ablation(replace(SMALL, unseen=()))
    assert [tuple(row["without"]) for row in rows] == list(ABLATIONS)
    for row in rows:
        assert row["promised"]["worlds"] == 4 and row["true"]["worlds"] == 6
    assert rows[0]["formula"] != "" and len({row["promised"]["pnl"] for row in rows}) > 1


def test_a_search_may_start_from_given_programs():
    given = maker("-0.1 * inventory", "1.5", "5", name="given")
    rows = compare_starts(SMALL, [given])
    assert [row["name"] for row in rows] == ["given", "search without it", "search with it"]
    assert rows[0]["formula"] == str(given) and rows[1]["trials"] > 0


def test_the_fair_game_counts_what_is_called_robust():
    found = fair_game(3, population=4, generations=1, train_worlds=8, test_worlds=8, session_ns=SECOND)
    assert found["runs"] == 3 and found["most"] == 1 and 0 <= found["low"] <= found["share"] <= found["high"] <= 1
    again = fair_game(3, population=4, generations=1, train_worlds=8, test_worlds=8, session_ns=SECOND)
    assert found == again


def test_a_planted_pattern_is_found():
    """At a small budget; the published share is that of a larger one."""
    found = planted(population=16, generations=3, train_worlds=8, test_worlds=24)
    assert found["oracle"]["pnl"] > 500 and found["genetic"]["share"] > 0.4
    assert found["genetic"]["low"] > 0


@pytest.mark.slow
def test_a_planted_pattern_is_found_at_the_published_budget():
    found = planted()
    assert found["genetic"]["share"] >= 0.6, found


@pytest.mark.slow
def test_hardly_anything_is_called_robust_where_nothing_can_be_earned():
    found = fair_game(400)
    assert found["robust"] <= found["most"], found


# --- the command


def test_the_command_writes_trials_alphas_and_a_page(tmp_path, capsys):
    save_yaml(SMALL, tmp_path / "small.yaml")
    out = tmp_path / "out"
    words = ["discover", "--preset", str(tmp_path / "small.yaml"), "--out", str(out), "--seed", "3",
             "--with", "null", "--runs", "2"]  # fmt: skip
    assert main(words) == 0
    assert "genetic 1" in capsys.readouterr().out
    result = json.loads((out / "result.json").read_text())
    assert result["config"]["search"]["seed"] == 3
    assert len((out / "trials.jsonl").read_text().splitlines()) == result["genetic"]["trials"]
    assert str(Alpha.load(out / "alpha_1.yaml")) == result["genetic"]["alphas"][0]["formula"]
    assert json.loads((out / "policy_1" / "manifest.json").read_text())["alpha"]["name"] == "alpha 1"
    page = (out / "report.html").read_text()
    for heading in ("What was found", "The search itself", "A fair game", "Orders, fills, turnover"):
        assert heading in page and heading in (out / "tables.md").read_text()
    grid = Grid(latencies=("city",), fees=("free",), regimes=("thin",), venues=(1,), worlds=4,
                search=SearchConfig(population=4, generations=1))  # fmt: skip
    save_yaml(grid, tmp_path / "grid.yaml")
    assert main([*words[:7], "--only", "--with", "survival", "--grid", str(tmp_path / "grid.yaml")]) == 0
    [point] = json.loads((out / "survival.json").read_text())
    assert point["place"] == {"latency": "city", "fees": "free", "regime": "thin", "venues": 1}
    before = (out / "result.json").read_bytes()
    assert main([*words[:7], "--resume"]) == 0 and (out / "result.json").read_bytes() == before
    assert main([*words[:5], "--seed", "4", "--resume"]) == 2
    assert "other settings" in capsys.readouterr().err


def test_the_command_reads_programs_and_names_what_is_wrong(tmp_path, capsys):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("skew: -0.1 * inventory\nhalf_spread: 2\n")
    bad.write_text("skew: -0.1 * * inventory\n")
    assert main(["discover", "--check", str(good)]) == 0
    assert "-0.1 inventory * 2 5" in capsys.readouterr().out
    for words, said in (
        (["--check", str(bad)], "bad.skew, '-0.1 * * inventory': character 8"),
        (["--preset", "huge"], "smoke, quick, standard, long"),
        (["--realism", "gravity=off"], "'gravity'"),
        (["--realism", "latency"], "NAME=off"),
        (["--population", "1"], "population"),
        (["--only", "--with", "survival", "--out", str(tmp_path / "none")], "no alpha_1.yaml"),
        (["--check", str(tmp_path / "missing.yaml")], "missing.yaml"),
    ):
        assert main(["discover", *words]) == 2
        assert said in capsys.readouterr().err


def test_realism_words_say_what_the_search_does_without():
    import argparse

    from evolve.command_discover import add_arguments, settings_of

    def read(*words):
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        return settings_of(parser.parse_args(list(words)))

    assert read("--realism", "latency=off,fees=off").without == ("latency", "fees")
    assert set(read("--realism", "off").without) == {"latency", "queue", "fees", "impact"}
    assert read().without == () and read("--kind", "taker").search.kind == "taker"


def test_a_page_of_an_empty_folder_says_nothing(tmp_path):
    assert write_page(tmp_path).read_text().count("<h2>") == 0


def test_a_grid_names_what_it_does_not_know():
    with pytest.raises(ConfigError, match="latency.*'mars'"):
        Grid(latencies=("mars",))
    assert np.prod([len(Grid().latencies), len(Grid().fees), len(Grid().regimes), len(Grid().venues)]) == len(
        Grid().places()
    )
