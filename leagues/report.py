"""The report of a tournament, from its log alone: one HTML page with tables and pictures inside, and JSON beside it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from baselines.learning.run_files import commit
from baselines.reports.page import STYLE
from leagues.match_log import read_log
from leagues.pictures import draw_race, draw_ratings, draw_scores
from leagues.results import Contest, contests_of
from leagues.tables import (
    Standings,
    number,
    pairing_gain,
    payoff_rows,
    plain,
    score_rows,
    standings,
    standings_rows,
    text_table,
)
from leagues.tournament_config import TournamentConfig
from qsl_envs.errors import DataError

MORE_STYLE = """
main { max-width: 1180px; }
.card { overflow-x: auto; }
table { font-size: 13px; }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left; }
"""

WORDS = {
    "rating": "strength on the scale of Elo, 0 is the mean: Bradley-Terry on who earned more in a world (Plackett-Luce "
    "where more than two met), with the 95 % interval of a bootstrap over worlds",
    "rank": "95 % interval of the rank in the same bootstrap",
    "P&L less the field's": "mean difference from each other player in the same markets, ticks x lots a seat",
    "P&L among its like": "mean P&L where all seats of the role are its own; with one seat, its P&L",
    "alpha-rank": "share of time that a population which copies what earns more plays it (Omidshafiei et al. 2019)",
    "Nash": "weight in an equilibrium of the zero-sum score, who earns more than whom; of the P&L itself it is none",
    "NashConv": "what leaving a mixture for a single player of this table could gain: it knows nobody outside",
    "fills, inventory, fees": "means of a seat: fills with those of the close, lots held before it, fees paid",
}


def findings(found: Standings) -> list[str]:
    """The answers, a sentence each."""
    contest, order = found.contest, found.order
    name = contest.players[order[0]]
    ratings = found.ratings
    ties = [contest.players[k] for k in order[1:] if ratings.best_rank[k] <= 1]
    said = [
        f"{name} is rated highest" + (f"; {', '.join(ties)} may be as strong" if ties else ", alone on rank 1") + "."
    ]
    beaten = [k for k in order[1:] if found.scores[order[0], k, 1] > 0]
    said.append(
        f"It earns more than {len(beaten)} of {len(order) - 1} others in the same markets, intervals clear of 0."
    )
    worst = [k for k in range(len(order)) if contest.forfeits.get(contest.players[k])]
    if worst:
        said.append("Forfeits: " + "; ".join(
            f"{contest.players[k]}, {count} seats ({why})"
            for k in worst for why, count in contest.forfeits[contest.players[k]].items()
        ) + ".")  # fmt: skip
    cycles = cycles_of(found)
    if cycles:
        said.append("It cycles: " + "; ".join(" beats ".join([*trio, trio[0]]) for trio in cycles[:3]) + ".")
    correlation, factor = pairing_gain(contest)
    if factor == factor:
        said.append(f"Paired worlds: P&L of two players in a world correlate by {correlation:.2f} in the mean; the "
                    f"variance of a difference is {factor:.1f} times smaller than over different worlds "
                    "(median).")  # fmt: skip
    if found.conv:
        said.append(
            "NashConv inside the table: " + ", ".join(f"{k} {number(v, 2)}" for k, v in found.conv.items()) + "."
        )
    return said


def cycles_of(found: Standings) -> list[tuple[str, str, str]]:
    """Trios each of which clearly beats the next (interval clear of 0), each told once, from its strongest on."""
    low, players, order = found.scores[..., 1], found.contest.players, found.order
    place = {k: n for n, k in enumerate(order)}
    trios = []
    for a in order:
        for b in order:
            for c in order:
                first = place[a] < place[b] and place[a] < place[c]
                if first and low[a, b] > 0 and low[b, c] > 0 and low[c, a] > 0:
                    trios.append((players[a], players[b], players[c]))
    return trios


def rate(out: Path, config: TournamentConfig) -> list[Standings]:
    """Rate the contests of a finished tournament. Raises: DataError if the log is another tournament's."""
    log, about = read_log(out / "matches.parquet")
    if about.get("tournament") != config.digest:
        raise DataError(f"{out / 'matches.parquet'} is the log of another tournament")
    return [standings(contest) for contest in contests_of(log)]


def write_report(out: Path, config: TournamentConfig, contests: Sequence[Standings]) -> list[str]:
    """Write `report.html`, pictures and `results.json` of rated contests into their tournament's folder.

    Returns: lines for a terminal.
    """
    results = {"tournament": config.name, "digest": config.digest, "commit": commit(),
               "contests": [plain(found) for found in contests]}  # fmt: skip
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    parts = [f"<h1>Tournament {escape(config.name)}</h1><p class=lead>{escape(config.note)}</p>"]
    lines: list[str] = []
    for found in contests:
        parts += _section(out, found)
        contest = found.contest
        lines += ["", f"{contest.name}: {contest.role} in {contest.scenario}, {len(contest.worlds)} worlds", "",
                  text_table(standings_rows(found)), "", *findings(found)]  # fmt: skip
    words = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in WORDS.items())
    parts.append(f"<h2>What the columns mean</h2><div class=card><dl>{words}</dl></div>")
    facts = {"log": "matches.parquet", "numbers": "results.json", "settings": "tournament.json",
             "digest": config.digest, "commit": commit(),
             "matches": f"{sum(found.contest.matches for found in contests):,}"}  # fmt: skip
    told = "".join(f"<dt>{escape(k)}</dt><dd><code>{escape(v)}</code></dd>" for k, v in facts.items())
    parts.append(f"<h2>How it was made</h2><div class=card><dl>{told}</dl></div>")
    head = (f"<meta charset=utf-8><title>Tournament {escape(config.name)}</title>"
            f"<style>{STYLE.read_text()}{MORE_STYLE}</style>")  # fmt: skip
    page = f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>{"".join(parts)}</main></body></html>\n'
    (out / "report.html").write_text(page, encoding="utf-8")
    return [*lines, "", f"report: {out / 'report.html'}"]


def stem_of(contest: Contest) -> str:
    """A contest's part of its pictures' file names."""
    return re.sub(r"\W+", "_", contest.name).strip("_")


def _section(out: Path, found: Standings) -> list[str]:
    contest = found.contest
    stem = stem_of(contest)
    about = (f"Seats of role {contest.role} in {contest.scenario}; {len(contest.worlds)} worlds of split "
             f"{contest.split}, {contest.matches:,} matches, {contest.seconds:,.1f} s of wall time.")  # fmt: skip
    said = "".join(f"<p>{escape(line)}</p>" for line in findings(found))
    pictures = [
        (draw_ratings(found, out / f"ratings_{stem}.png"), "Lines are 95 % intervals."),
        (draw_scores(found, out / f"scores_{stem}.png"), "Bold cells: the interval over worlds is clear of 0."),
        (
            draw_race(found, out / f"race_{stem}.png"),
            "A line that climbs evenly is an edge; one with steps is a few worlds.",
        ),
    ]
    parts = [f"<h2>{escape(contest.name)}</h2><p class=lead>{escape(about)}</p>",
             f"<div class='card finding'>{said}</div>",
             f"<div class=card>{_table(standings_rows(found))}</div>"]  # fmt: skip
    for path, caption in pictures:
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        image = f'<img alt="{escape(path.stem)}" src="data:image/png;base64,{data}">'
        parts.append(f"<div class=card><figure>{image}<figcaption>{escape(caption)}</figcaption></figure></div>")
    for heading, rows in (("Scores with intervals", score_rows(found)), ("P&L beside each other", payoff_rows(found))):
        parts.append(f"<details class=card><summary>{escape(heading)}</summary>{_table(rows)}</details>")
    return parts


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    titles = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>"
    lines = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body]
    return f"<table>{titles}{''.join(lines)}</table>"
