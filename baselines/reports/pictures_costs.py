"""Draws what trading costs: the spread of P&L over worlds, markouts, and what latency and fees do to a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from baselines.intervals import bootstrap
from baselines.reports.pictures import INK, PALE, STYLE, colors, save_figure

Results = Mapping[str, Mapping[str, np.ndarray]]
HORIZONS = {"markout_10ms": "10 ms", "markout_100ms": "100 ms", "markout_1s": "1 s", "markout_10s": "10 s"}
LABELS = {
    "score": "score",
    "pnl": "P&L, ticks x lots",
    "orders": "orders sent",
    "fills": "fills",
    "turnover": "turnover",
    "quote_age": "quote age, s",
}


def draw_distribution(path: Path, sets: Mapping[str, Results], metric: str = "pnl", label: str = "") -> Path:
    """A row for each policy, a panel for each set of worlds: how often which result came, its mean and interval.

    Args:
        sets: title -> policy -> metric -> float64 (world,), the results of `evaluate`.
    """
    names = list(next(iter(sets.values())))
    color = colors(names)
    with rc_context(STYLE):
        figure = Figure(figsize=(11, 0.9 + 0.72 * len(names)))
        panels = figure.subplots(1, len(sets), squeeze=False)
        for axes, (title, results) in zip(panels[0], sets.items()):
            everything = np.concatenate([results[name][metric] for name in names])
            low, high = np.nanpercentile(everything, [0.5, 99.5])
            margin = 0.04 * max(high - low, 1e-9)
            low, high = low - margin, high + margin
            grid = np.linspace(low, high, 240)
            for row, name in enumerate(names):
                y = len(names) - 1 - row
                values = results[name][metric]
                height = _density(values, grid)
                axes.fill_between(grid, y, y + 0.78 * height, color=color[name], alpha=0.45, linewidth=0)
                axes.plot(grid, y + 0.78 * height, color=color[name], linewidth=1.1)
                found = bootstrap(values)
                axes.plot([found.low, found.high], [y, y], color=INK, linewidth=4.5, solid_capstyle="butt", zorder=4)
                kind = {"s": 42, "facecolor": "white", "edgecolor": INK, "linewidth": 1.5, "zorder": 5}
                axes.scatter([found.mean], [y], **kind)
            axes.axvline(0, color=INK, linewidth=0.8)
            axes.set_yticks(range(len(names) - 1, -1, -1), names if axes is panels[0][0] else [""] * len(names))
            axes.set(xlim=(low, high), ylim=(-0.35, len(names)))
            axes.tick_params(axis="y", length=0, labelsize=9.5, labelcolor=INK)
            axes.grid(axis="y", visible=False)
            axes.set_title(f"{title}, {len(next(iter(results.values()))[metric])} worlds")
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.xaxis.set_major_formatter("{x:,.0f}")
            axes.set_xlabel(label or metric)
        figure.subplots_adjust(wspace=0.06)
        return save_figure(figure, path)


def _density(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Gaussian kernel density on a grid, its peak at 1 (Silverman's width); a spike where nothing varies."""
    values = values[~np.isnan(values)]
    spread = values.std() if len(values) > 1 else 0.0
    width = max(1.06 * spread * len(values) ** -0.2, (grid[-1] - grid[0]) / 240)
    height = np.exp(-0.5 * ((grid[:, None] - values[None]) / width) ** 2).sum(1)
    return height / max(height.max(), 1e-12)


def draw_markouts(path: Path, results: Results, names: Sequence[str]) -> Path:
    """What a lot is worth some time after its fill, against its price: a line a policy, with intervals over worlds."""
    color = colors(names)
    places = np.arange(len(HORIZONS))
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 3.8))
        axes = figure.subplots()
        axes.axhline(0, color=INK, linewidth=0.9)
        for k, name in enumerate(names):
            found = [bootstrap(results[name][horizon]) for horizon in HORIZONS]
            shift = 0.06 * (k - (len(names) - 1) / 2)
            means = np.array([one.mean for one in found])
            axes.plot(places + shift, means, color=color[name], marker="o", markersize=5, linewidth=1.8, label=name)
            for x, one in zip(places + shift, found):
                axes.plot([x, x], [one.low, one.high], color=color[name], linewidth=1.2)
        axes.set_xticks(places, list(HORIZONS.values()))
        axes.set(xlabel="time after the fill", ylabel="ticks a lot, a gain is up")
        axes.set_title("Markouts: the mid some time after a fill, against its price")
        axes.grid(axis="x", visible=False)
        axes.legend(ncols=1, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return save_figure(figure, path)


def draw_sweep(
    path: Path,
    axes_results: Mapping[str, Mapping[float, Results]],
    metrics: Sequence[str],
    labels: Mapping[str, str],
    palette: Mapping[str, str],
) -> Path:
    """A column for each thing that is varied, a row for each metric; lines with intervals, factors on a log scale.

    Args:
        axes_results: title -> factor -> policy -> metric -> float64 (world,).
        labels: policy -> what its line is called.
        palette: policy -> its color.
    """
    with rc_context(STYLE):
        heights = [1.7 if metric in ("score", "pnl") else 1.0 for metric in metrics]
        figure = Figure(figsize=(11, 0.9 + 1.25 * sum(heights)))
        grid = figure.subplots(
            len(metrics), len(axes_results), squeeze=False, sharex="col",
            gridspec_kw={"height_ratios": heights, "hspace": 0.2, "wspace": 0.16},
        )  # fmt: skip
        for column, (title, by_factor) in enumerate(axes_results.items()):
            factors = sorted(by_factor)
            for row, metric in enumerate(metrics):
                axes = grid[row][column]
                _lines(axes, by_factor, factors, metric, labels, palette)
                if column == 0:
                    axes.set_ylabel(LABELS.get(metric, metric))
                if row == 0:
                    axes.set_title(title)
            grid[-1][column].set_xlabel("times the default")
            grid[-1][column].set_xticks(factors, [f"{f:g}x" for f in factors])
        handles, names = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, names, ncols=len(names), loc="upper center", bbox_to_anchor=(0.5, 0.02))
        figure.align_ylabels()
        return save_figure(figure, path)


def _lines(axes: Any, by_factor: Mapping[float, Results], factors: Sequence[float], metric: str,
           labels: Mapping[str, str], palette: Mapping[str, str]) -> None:  # fmt: skip
    for name, label in labels.items():
        found = [bootstrap(by_factor[f][name][metric]) for f in factors]
        means, low, high = (np.array([getattr(one, part) for one in found]) for part in ("mean", "low", "high"))
        if np.isnan(means).all():
            continue
        axes.plot(factors, means, color=palette[name], marker="o", markersize=4.5, linewidth=1.8, label=label)
        axes.fill_between(factors, low, high, color=palette[name], alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.minorticks_off()
    if metric in ("score", "pnl"):
        axes.axhline(0, color=PALE, linewidth=0.9)
    axes.yaxis.set_major_formatter("{x:,.5g}")
