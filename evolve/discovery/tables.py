"""Results of discovery as tables of words: for a terminal, for a page, for Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Table = list[list[str]]
"""Rows of cells, the titles first."""


def pnl_text(row: Mapping[str, Any]) -> str:
    """Mean P&L with its 95 % interval; the reason where there is none."""
    if "pnl" not in row:
        return str(row.get("reason", "-"))
    return f"{row['pnl']:.1f} [{row['low']:.1f}, {row['high']:.1f}]"


def alpha_table(result: Mapping[str, Any]) -> Table:
    """Reported alphas of the search and of its control: training to test, statistics, the verdict."""
    rows: Table = []
    for who in ("genetic", "random"):
        for n, row in enumerate(result.get(who, {}).get("alphas", []), 1):
            families = list(row["test"])
            if not rows:
                rows.append(["alpha", "words", "train", "validation", *(f"test: {name}" for name in families),
                             "p (Holm)", "deflated Sharpe", "robust"])  # fmt: skip
            rows.append([f"{who} {n}", str(row["words"]), f"{row['train']['pnl']:.1f}", pnl_text(row["validation"]),
                         *(pnl_text(row["test"][name]) for name in families), f"{row['p_adjusted']:.4f}",
                         f"{row['deflated_sharpe']:.3f}", "yes" if row["robust"] else "no"])  # fmt: skip
    return rows


def activity_table(result: Mapping[str, Any]) -> Table:
    """Orders, fills and turnover of the reported alphas on the test worlds, a row for each family."""
    rows: Table = [["alpha", "test family", "P&L", "Sharpe a world", "orders", "fills", "lots traded", "max drawdown",
                    "mean |inventory|"]]  # fmt: skip
    for who in ("genetic", "random"):
        for n, row in enumerate(result.get(who, {}).get("alphas", []), 1):
            for name, test in row["test"].items():
                if "pnl" in test:
                    rows.append([f"{who} {n}", name, pnl_text(test), f"{test['sharpe']:.2f}", *_activity(test)])
    return rows


def _activity(row: Mapping[str, Any]) -> list[str]:
    names = ("messages", "fills", "volume", "max_drawdown", "mean_abs_inventory")
    return [f"{row[name]:.1f}" if name in row else "-" for name in names]


SEARCH_WORDS = {
    "trials": "programs tried, each counted once",
    "failed": "of them failed",
    "best_sharpe": "best Sharpe ratio over training worlds",
    "expected_maximum_sharpe": "to expect of so many trials that are worth nothing",
    "reality_check": "White's reality check, all trials, p",
    "superior_ability": "Hansen's test, all trials, p",
    "overfitting": "probability of overfitting (CSCV)",
    "validation_superior_ability": "Hansen's test, finalists on validation worlds, p",
}


def search_table(result: Mapping[str, Any]) -> Table:
    """The searches as wholes."""
    rows: Table = [["of the search as a whole", *(who for who in ("genetic", "random") if who in result)]]
    for name, words in SEARCH_WORDS.items():
        cells = []
        for who in rows[0][1:]:
            found = {**result[who]["search"], "trials": result[who]["trials"]}
            cells.append("-" if name not in found else f"{found[name]:.4g}")
        rows.append([words, *cells])
    return rows


def formula_table(result: Mapping[str, Any]) -> Table:
    """What the reported alphas are."""
    rows: Table = [["alpha", "formula"]]
    for who in ("genetic", "random"):
        rows += [[f"{who} {n}", row["formula"]] for n, row in enumerate(result.get(who, {}).get("alphas", []), 1)]
    return rows


def front_table(result: Mapping[str, Any]) -> Table:
    """The front of the last population, with the gap from training to test."""
    fronts = result.get("fronts", [])
    if not fronts:
        return []
    names = list(fronts[0]["objectives"])
    rows: Table = [["formula", *names, "P&L, train", "validation", "test", "train - test"]]
    for row in fronts:
        values = [row[name] for name in ("train", "validation", "test")]
        gap = None if row["test"] is None else row["train"] - row["test"]
        cells = ["-" if value is None else f"{value:.1f}" for value in (*values, gap)]
        rows.append([row["formula"], *(f"{row['objectives'][n]:.3g}" for n in names), *cells])
    return rows


def survival_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Each point of the grid: frozen alphas, the best found there, nothing."""
    table: Table = [
        ["regime", "latency", "fees", "venues", "program", "P&L", "alive", "orders", "fills", "lots traded"]
    ]
    for point in rows:
        place = point["place"]
        where = [place["regime"], place["latency"], place["fees"], str(place["venues"])]
        entries = [(f"frozen {n}", row) for n, row in enumerate(point["frozen"], 1)]
        for name, row in [*entries, ("searched here", point["searched"]), ("do nothing", point["nothing"])]:
            alive = "yes" if row.get("alive") else "no"
            table.append([*where, name, pnl_text(row), alive, *_activity(row)[:3]])
    return table


def survival_summary(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Share of the points along each axis at which the first frozen alpha, and the one searched there, are alive."""
    table: Table = [["axis", "where", "points", "frozen alpha alive", "searched there alive"]]
    for axis in ("regime", "latency", "fees", "venues"):
        for where in dict.fromkeys(point["place"][axis] for point in rows):
            here = [point for point in rows if point["place"][axis] == where]
            frozen = sum(bool(point["frozen"][0].get("alive")) for point in here)
            found = sum(bool(point["searched"].get("alive")) for point in here)
            table.append([axis, str(where), str(len(here)), f"{frozen} of {len(here)}", f"{found} of {len(here)}"])
    return table


def ablation_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What a search without a part of realism promises, and what is left of it in the whole market."""
    table: Table = [
        ["searched without", "promised P&L", "true P&L", "kept", "fills promised", "fills in truth", "formula"]
    ]
    for row in rows:
        told, true = row["promised"], row["true"]
        kept = f"{true['pnl'] / told['pnl']:.0%}" if told["pnl"] > 0 else "-"
        table.append([", ".join(row["without"]) or "nothing", pnl_text(told), pnl_text(true), kept,
                      f"{told['fills']:.1f}", f"{true['fills']:.1f}", row["formula"]])  # fmt: skip
    return table


def planted_table(found: Mapping[str, Any]) -> Table:
    """The planted pattern: the oracle, the search, its control."""
    table: Table = [["", "P&L", "share of the oracle's", "orders", "fills", "formula"],
                    ["oracle", pnl_text(found["oracle"]), "100 %", "", "", "knows the direction"]]  # fmt: skip
    for who in ("genetic", "random"):
        row = found[who]
        table.append([f"{who}, {found['trials']} trials", pnl_text(row), f"{row['share']:.0%}",
                      *_activity(row)[:2], row["formula"]])  # fmt: skip
    return table


def null_table(found: Mapping[str, Any]) -> Table:
    """Searches in a fair game."""
    share = f"{found['share']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
    return [
        ["searches in a fair game", str(found["runs"])],
        ["trials of a search, at most", str(found["trials_a_run"])],
        ["called robust", str(found["robust"])],
        ["share with exact 95 % interval", share],
        ["nominal share", f"{found['nominal']:g}"],
        ["99 % quantile of the number at that share", str(found["most"])],
        ["best trial looks better than 0 at that level if trials are not counted", str(found["naive"])],
    ]


def starts_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The search with and without a distilled policy among its first programs."""
    table: Table = [["search", "trials", "best on train", "validation", "test, searched regimes", "formula"]]
    for row in rows:
        table.append([row["name"], str(row["trials"]), f"{row['train']['pnl']:.1f}", pnl_text(row["validation"]),
                      pnl_text(row["test"]), row["formula"]])  # fmt: skip
    return table


def learning_table(found: Mapping[str, Any]) -> Table:
    """PPO with and without programs."""
    table: Table = [["", "P&L, market of the environment", "P&L, with the programs as rivals"]]
    table += [[row["name"], pnl_text(row["alone"]), pnl_text(row["rivals"])] for row in found["rows"]]
    return table


def markdown(table: Table) -> str:
    """A table in Markdown."""
    if not table:
        return ""
    safe = [[cell.replace("|", "\\|") for cell in row] for row in table]
    lines = ["| " + " | ".join(row) + " |" for row in safe]
    return "\n".join([lines[0], "| " + " | ".join("---" for _ in safe[0]) + " |", *lines[1:]])


def text(table: Table) -> str:
    """A table for a terminal."""
    if not table:
        return ""
    widths = [max(len(row[n]) for row in table) for n in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
