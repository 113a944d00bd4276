"""Draws what a report shows: learning curve, book and quotes, inventory and P&L, results by world."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from baselines.evaluate import bootstrap
from baselines.reports.trace import Trace

INK, PALE, GRID = "#1d2733", "#6b7785", "#e3e7ec"
BID, ASK = "#1769aa", "#c2452d"
OWN_COLOR = {
    "fixed spread": "#0f8b6d",
    "Avellaneda-Stoikov": "#d98200",
    "inventory skew": "#2a7ab9",
    "GLFT": "#8a6d3b",
    "do nothing": "#4a5a6a",
    "random": "#b3306b",
}
"""Of the scripted policies."""
OTHER_COLORS = ("#6a3fb5", "#a0522d", "#7b8b00", "#c71585")
"""Of learners, in the order in which they are named."""

STYLE = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": "#aab3bd",
    "axes.labelcolor": PALE,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 11,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "font.size": 9.5,
    "savefig.dpi": 150,
}


def colors(names: Sequence[str]) -> dict[str, str]:
    """One color for each policy, the same in every picture of a report."""
    others = [name for name in names if name not in OWN_COLOR]
    return {**OWN_COLOR, **{name: OTHER_COLORS[n % len(OTHER_COLORS)] for n, name in enumerate(others)}}


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, cut to what is drawn."""
    figure.savefig(path, bbox_inches="tight", pad_inches=0.15)
    return path


def draw_learning(path: Path, name: str, curve: Sequence[Mapping[str, float]], references: Mapping[str, float]) -> Path:
    """Return of training episodes over frames, beside what scripted policies reach on training worlds.

    Args:
        name: of the learner.
        curve: rows of `ppo.train`.
        references: policy -> mean score on training worlds.
    """
    color = colors([name, *references])
    known = [row for row in curve if not math.isnan(row["return"])]
    frames = np.array([row["frames"] for row in known]) / 1e6
    returns = np.array([row["return"] for row in known])
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 3.9))
        axes = figure.subplots()
        axes.plot(frames, returns, color=color[name], alpha=0.25, linewidth=1)
        width = max(1, len(returns) // 25)
        if len(returns) > 2 * width:
            smooth = np.convolve(returns, np.ones(width) / width, "valid")
            axes.plot(frames[width - 1 :], smooth, color=color[name], linewidth=2.2)
        for reference, score in references.items():
            axes.axhline(score, color=color[reference], linewidth=1.3, linestyle=(0, (5, 3)))
        low, high = _range_of([*np.percentile(returns, [8, 100]), *references.values()]) if len(returns) else (0, 1)
        axes.set_ylim(low, high)
        ends = {name: float(np.mean(returns[-width:])) if len(returns) else 0.0, **references}
        _name_at_the_right(axes, ends, color, frames[-1] if len(frames) else 1.0)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set(xlabel="frames, millions", ylabel="return of an episode, ticks x lots")
        axes.set_title("Learning on training worlds")
        return save_figure(figure, path)


def _range_of(values: Sequence[float]) -> tuple[float, float]:
    """Limits of an axis that hold the values, with a margin."""
    low, high = float(np.min(values)), float(np.max(values))
    margin = 0.06 * max(high - low, 1e-9)
    return low - margin, high + margin


def _name_at_the_right(axes: Any, heights: Mapping[str, float], color: Mapping[str, str], x: float) -> None:
    """Write each name at the end of its line, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    gap = (high - low) * 0.055
    placed: list[tuple[str, float]] = []
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        height = min(max(height, low), high)
        placed.append((name, max(height, placed[-1][1] + gap) if placed else height))
    axes.set_xlim(left=0, right=x)
    for name, height in placed:
        axes.annotate(
            name,
            (1.01, (height - low) / (high - low)),
            xycoords="axes fraction",
            color=color[name],
            va="center",
            fontsize=9,
            fontweight="bold",
        )


def draw_book(path: Path, name: str, trace: Trace, title: str) -> Path:
    """Depth over time as a heat map, with the mid, own quotes and own fills on it."""
    low, high = _price_range(trace)
    prices = np.arange(low, high + 1)
    depth = np.zeros((2, len(prices), len(trace.time_s)))
    for side in (0, 1):
        steps, levels = np.nonzero(~np.isnan(trace.price[:, side]))
        at = trace.price[steps, side, levels].astype(int) - low
        inside = (at >= 0) & (at < len(prices))
        depth[side, at[inside], steps[inside]] = trace.qty[steps, side, levels][inside]
    step_s = trace.time_s[1] - trace.time_s[0] if len(trace.time_s) > 1 else 1.0
    extent = (0, trace.time_s[-1] + step_s, low - 0.5, high + 0.5)
    top = np.log1p(np.percentile(depth[depth > 0], 98)) if (depth > 0).any() else 1.0
    with rc_context(STYLE):
        figure = Figure(figsize=(11, 5.2))
        axes = figure.subplots()
        axes.grid(False)
        for side, color in ((0, BID), (1, ASK)):
            shades = LinearSegmentedColormap.from_list("depth", ["#ffffff", color])
            image = np.ma.masked_equal(np.log1p(depth[side]) / top, 0.0)
            kind = {"aspect": "auto", "origin": "lower", "interpolation": "nearest"}
            axes.imshow(image, extent=extent, cmap=shades, vmin=-0.05, vmax=1.35, **kind)
        outline = [withStroke(linewidth=3.2, foreground="white")]
        axes.plot(trace.time_s, trace.mid, color=INK, linewidth=1.0, path_effects=outline, label="mid")
        for side, color, label in ((0, "#0b3c66", "own bid"), (1, "#7a1f0e", "own ask")):
            quote = trace.quote[:, side]
            kind = {"drawstyle": "steps-post", "linewidth": 1.5, "path_effects": outline}
            axes.plot(trace.time_s, quote, color=color, label=label, **kind)
        change = np.diff(trace.inventory)
        for sign, marker, side, label in ((1, "^", 0, "bought"), (-1, "v", 1, "sold")):
            filled = np.flatnonzero(sign * change > 0)
            height = np.where(np.isnan(trace.quote[filled, side]), trace.mid[filled], trace.quote[filled, side])
            face = BID if side == 0 else ASK
            kind = {"s": 34, "facecolor": face, "edgecolor": "white", "linewidth": 0.8, "zorder": 5}
            axes.scatter(trace.time_s[filled] + step_s, height, marker=marker, label=label, **kind)
        axes.set(xlim=(0, extent[1]), ylim=(low - 0.5, high + 0.5), xlabel="time, s", ylabel="price, ticks")
        axes.ticklabel_format(axis="y", useOffset=False)
        axes.set_title(f"{title}: book, and quotes of {name}")
        legend = axes.legend(ncols=5, loc="upper right", bbox_to_anchor=(1.0, -0.1))
        legend.set_in_layout(True)
        note = "blue: lots bid, red: lots offered; darker: more"
        axes.text(0.0, -0.155, note, transform=axes.transAxes, color=PALE, fontsize=8.5)
        return save_figure(figure, path)


def _price_range(trace: Trace) -> tuple[int, int]:
    """Prices to show: where the mid and the quotes went, and a few ticks more."""
    near = np.concatenate([trace.mid, trace.quote.ravel(), trace.price[:, :, :3].ravel()])
    low, high = np.nanpercentile(near, [0.5, 99.5])
    margin = max(2.0, 0.08 * (high - low))
    return math.floor(low - margin), math.ceil(high + margin)


def draw_episode(path: Path, traces: Mapping[str, Trace], title: str) -> Path:
    """The same world under several policies: quotes of the first against the mid, inventories, P&L."""
    color = colors(list(traces))
    first, trace = next(iter(traces.items()))
    with rc_context(STYLE):
        ratios = {"height_ratios": [1.25, 1, 1.25], "hspace": 0.28}
        figure = Figure(figsize=(11, 7.6))
        quotes, inventory, pnl = figure.subplots(3, 1, sharex=True, gridspec_kw=ratios)
        for side, shade, label in ((0, BID, "bid"), (1, ASK, "ask")):
            kind = {"drawstyle": "steps-post", "color": shade}
            quotes.plot(trace.time_s, trace.quote[:, side] - trace.mid, linewidth=1.6, label=f"own {label}", **kind)
            touch = trace.price[:, side, 0] - trace.mid
            quotes.fill_between(trace.time_s, 0, touch, step="post", color=shade, alpha=0.13, linewidth=0)
        quotes.axhline(0, color=INK, linewidth=1)
        quotes.set_ylabel("ticks from the mid")
        quotes.set_title(f"{title}: quotes of {first}")
        quotes.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 0.985), borderaxespad=0.1)
        quotes.text(
            0.005, 0.03, "shaded: mid to best bid and ask", transform=quotes.transAxes, color=PALE, fontsize=8.5
        )
        inventory.set_title("Inventory, lots")
        pnl.set_title("P&L marked at the mid, ticks x lots")
        for axes, values in ((inventory, "inventory"), (pnl, "pnl")):
            axes.axhline(0, color=INK, linewidth=0.8)
            for name, one in traces.items():
                kind = {"color": color[name], "linewidth": 2.0 if name == first else 1.3, "label": name}
                axes.plot(one.time_s, getattr(one, values), drawstyle="steps-post", **kind)
        inventory.legend(ncols=len(traces), loc="lower right", bbox_to_anchor=(1, 0.985), borderaxespad=0.1)
        longest = max(one.time_s[-1] for one in traces.values())
        pnl.yaxis.set_major_formatter("{x:,.0f}")
        pnl.set(xlabel="time, s", xlim=(0, longest))
        figure.align_ylabels()
        return save_figure(figure, path)


def draw_results(
    path: Path, sets: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]], metric: str = "pnl", label: str = ""
) -> Path:
    """One panel for each set of worlds: a dot a world, the mean and its 95 % interval, for each policy.

    Args:
        sets: title -> policy -> metric -> float64 (world,), the results of `evaluate`.
    """
    names = list(next(iter(sets.values())))
    color = colors(names)
    with rc_context(STYLE):
        figure = Figure(figsize=(11, 0.9 + 0.62 * len(names)))
        panels = figure.subplots(1, len(sets), squeeze=False)
        for axes, (title, results) in zip(panels[0], sets.items()):
            worlds = 0
            for row, name in enumerate(names):
                values = results[name][metric]
                worlds = len(values)
                spread = 0.4 * (np.arange(len(values)) * 0.6180339887 % 1.0 - 0.5)  # even, and the same each time
                y = len(names) - 1 - row
                axes.scatter(values, y + spread, s=11, color=color[name], alpha=0.35, linewidth=0)
                found = bootstrap(values)
                kind = {"color": INK, "solid_capstyle": "butt", "zorder": 4}
                axes.plot([found.low, found.high], [y, y], linewidth=4.5, **kind)
                kind = {"s": 46, "facecolor": "white", "edgecolor": INK, "linewidth": 1.5, "zorder": 5}
                axes.scatter([found.mean], [y], marker="o", **kind)
            axes.axvline(0, color=INK, linewidth=0.8)
            axes.set_yticks(range(len(names) - 1, -1, -1), names if axes is panels[0][0] else [""] * len(names))
            axes.set_ylim(-0.6, len(names) - 0.4)
            axes.tick_params(axis="y", length=0, labelsize=9.5, labelcolor=INK)
            axes.grid(axis="y", visible=False)
            axes.set_title(f"{title}, {worlds} worlds")
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.xaxis.set_major_formatter("{x:,.0f}")
            axes.set_xlabel(label or metric)
        figure.subplots_adjust(wspace=0.06)
        return save_figure(figure, path)
