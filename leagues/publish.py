"""Puts a tournament's tables and pictures between the markers of a page: `<!-- season:NAME begin -->` ... `end -->`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from leagues.report import findings, stem_of
from leagues.tables import Standings, markdown_table, standings_rows
from qsl_envs.errors import DataError


def publish(page: Path, name: str, command: str, contests: Sequence[Standings], pictures: Path, into: Path) -> None:
    """Rewrite what stands between a tournament's markers.

    Args:
        page: Markdown file with the markers.
        name: of the tournament.
        command: that regenerates it.
        contests: rated.
        pictures: folder of the report's pictures.
        into: folder of the pages' pictures; it gets the heat map of each contest with pairs, and its race.
    Raises: DataError for a page without the markers.
    """
    begin, end = f"<!-- season:{name} begin -->", f"<!-- season:{name} end -->"
    text = page.read_text(encoding="utf-8")
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise DataError(f"{page} has no place for it: no {begin} ... {end}")
    body = "\n".join(line for contest in contests for line in _section(page, name, contest, pictures, into))
    page.write_text(
        f"{head}{begin}\n`{command}` made these tables and pictures.\n{body}\n{end}{tail}", encoding="utf-8"
    )


def _section(page: Path, name: str, found: Standings, pictures: Path, into: Path) -> list[str]:
    contest = found.contest
    stem = stem_of(contest)
    lines = ["", f"### {contest.name}", "", f"Role `{contest.role}`, {len(contest.worlds)} worlds of split "
             f"`{contest.split}`, {contest.matches:,} matches, {contest.seconds:,.0f} s.", "",
             markdown_table(standings_rows(found)), "", " ".join(findings(found)), ""]  # fmt: skip
    for kind in ("scores", "race"):
        target = into / f"season_{name}_{kind}_{stem}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pictures / f"{kind}_{stem}.png", target)
        where = Path(os.path.relpath(target, page.parent)).as_posix()
        lines += [f"![{contest.name}: {kind}]({where})", ""]
    return lines
