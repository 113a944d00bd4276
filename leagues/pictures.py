"""Pictures of a contest: the heat map of scores, the ratings with intervals, and the race of P&L."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from baselines.reports.pictures import GRID, INK, PALE, STYLE
from leagues.tables import Standings

COLORS = ("#1769aa", "#c2452d", "#0f8b6d", "#d98200", "#6a3fb5", "#00a0b0", "#8a6d3b", "#b3306b", "#7b8b00", "#4a5a6a")
"""Of the players, strongest first; then the same again with dashes."""


def draw_scores(found: Standings, path: Path) -> Path:
    """The heat map of who earns how much more than whom; cells whose interval holds 0 are in pale print."""
    order = found.order
    players = [found.contest.players[k] for k in order]
    table = found.scores[np.ix_(order, order)]
    mean, low, high = table[..., 0], table[..., 1], table[..., 2]
    n = len(players)
    with rc_context(STYLE):
        figure = Figure(figsize=(max(5.5, 0.78 * n + 2.6), max(3.4, 0.5 * n + 1.8)), layout="constrained")
        axes = figure.subplots()
        apart = mean[~np.eye(n, dtype=bool)]
        most = float(np.nanpercentile(np.abs(apart), 95)) if apart.size and np.isfinite(apart).any() else 1.0
        norm = TwoSlopeNorm(0.0, -max(most, 1e-9), max(most, 1e-9))
        shown = np.where(np.eye(n, dtype=bool), np.nan, mean)
        image = axes.imshow(np.ma.masked_invalid(shown), cmap="RdBu", norm=norm, aspect="auto")
        for i in range(n):
            for j in range(n):
                if i == j or not np.isfinite(mean[i, j]):
                    continue
                clear = low[i, j] > 0 or high[i, j] < 0
                strong = abs(mean[i, j]) > 0.6 * most
                color = ("white" if strong else INK) if clear else PALE
                text = f"{mean[i, j]:z.0f}" if most >= 20 else f"{mean[i, j]:z.1f}"
                axes.text(j, i, text, ha="center", va="center", fontsize=8, color=color,
                          fontweight="bold" if clear else "normal")  # fmt: skip
        axes.set_xticks(range(n), players, rotation=35, ha="right")
        axes.set_yticks(range(n), players)
        axes.grid(False)
        axes.set_title("P&L of the row less the column's, same markets")
        figure.colorbar(image, ax=axes, shrink=0.8, label="ticks x lots a session", extend="both")
        figure.savefig(path)
    return path


def draw_race(found: Standings, path: Path) -> Path:
    """How each player's P&L less the field's adds up, world by world."""
    contest = found.contest
    apart = contest.differences()
    n = len(contest.players)
    apart[range(n), range(n)] = np.nan
    there = np.isfinite(apart)
    with np.errstate(invalid="ignore"):
        gains = np.where(there, apart, 0.0).sum(1) / there.sum(1)
    path_of = np.cumsum(np.nan_to_num(gains), 1)
    with rc_context(STYLE):
        figure = Figure(figsize=(8.2, max(3.6, 0.22 * n + 2.2)), layout="constrained")
        axes = figure.subplots()
        worlds = np.arange(1, len(contest.worlds) + 1)
        for place, k in enumerate(found.order):
            dashes = ("-", "--", ":")[place // len(COLORS) % 3]
            axes.plot(worlds, path_of[k], dashes, color=COLORS[place % len(COLORS)], linewidth=1.7,
                      label=f"{contest.players[k]}  {path_of[k, -1] / len(worlds):+.1f}")  # fmt: skip
        axes.axhline(0.0, color=GRID, linewidth=1.2, zorder=0)
        axes.set_xlabel("worlds played, the same for all")
        axes.set_ylabel("ticks x lots")
        axes.set_title("Race: P&L less the field's, added up")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="mean a world", title_fontsize=8.5)
        figure.savefig(path)
    return path


def draw_ratings(found: Standings, path: Path) -> Path:
    """Ratings with their intervals, strongest on top."""
    elo, players = found.ratings.elo, found.contest.players
    order = found.order[::-1]
    with rc_context(STYLE):
        figure = Figure(figsize=(7.2, 0.32 * len(order) + 1.3), layout="constrained")
        axes = figure.subplots()
        for place, k in enumerate(order):
            axes.plot(elo[k, 1:], [place, place], color=PALE, linewidth=2.2, solid_capstyle="round")
            axes.plot(elo[k, 0], place, "o", color=COLORS[0], markersize=6)
        axes.set_yticks(range(len(order)), [players[k] for k in order])
        axes.set_xlabel("Elo points around the mean, 95 % of bootstraps over worlds")
        axes.set_title("Ratings")
        axes.grid(axis="y", visible=False)
        figure.savefig(path)
    return path
