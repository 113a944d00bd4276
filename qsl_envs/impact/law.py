"""What the measured moves say: impact by size and duration, the exponent of its law, its path and its decay."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsl_envs.impact.study import END, POINTS, ImpactData

RESAMPLES = 400
LEVEL = (2.5, 97.5)
"""Percentiles of the intervals: 95 %."""


def exponent_of(means: np.ndarray, sizes: np.ndarray) -> float:
    """Least-squares slope of log impact on log size, one for all durations, an intercept for each.

    Args:
        means: impact at the end of the order, ticks, float64 (duration, size); what is not positive is left out.
        sizes: lots, float64 (size,).
    Returns: the slope; NaN with fewer than two positive sizes in every duration.
    """
    xy = xx = 0.0
    for row in means:
        held = row > 0
        if held.sum() < 2:
            continue
        x, y = np.log(sizes[held]), np.log(row[held])
        xy += float(((x - x.mean()) * (y - y.mean())).sum())
        xx += float(((x - x.mean()) ** 2).sum())
    return xy / xx if xx > 0 else float("nan")


def bootstrap(data: ImpactData, statistic) -> tuple[float, float]:
    """95 % interval of a statistic of the means over worlds: whole worlds are drawn again."""
    chance = np.random.default_rng(data.study.seed)
    worlds = data.moves.shape[2]
    found = []
    for _ in range(RESAMPLES):
        drawn = chance.integers(worlds, size=worlds)
        found.append(statistic(data.moves[:, :, drawn].mean(axis=2)))
    if np.isnan(found).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(found, LEVEL)
    return float(low), float(high)


def summarize(data: ImpactData) -> dict[str, Any]:
    """All that `qsl impact` tells, as plain values.

    Returns: `reaction` ("mechanical only" where the model cannot answer an agent), `impact` and `error` (ticks at the
    end of the order and their standard errors, rows by duration), `exponent` with `exponent_interval`, `path` (impact
    at `points` durations as a share of that at the end, means over sizes, rows by duration), `decay` (the share that is
    left three durations after the end, over all cells) with `decay_interval`, `filled`.
    """
    study = data.study
    means = data.moves.mean(axis=2)
    sizes = np.array(study.sizes, np.float64)
    errors = data.moves[:, :, :, END].std(axis=2, ddof=1) / np.sqrt(study.worlds)

    def slope(m):
        return exponent_of(m[:, :, END], sizes)

    def left(m):
        total = m[:, :, END].sum()
        return m[:, :, -1].sum() / total if total > 0 else float("nan")

    with np.errstate(invalid="ignore", divide="ignore"):
        path = means.sum(axis=1) / means[:, :, END].sum(axis=1)[:, None]
    return {
        "model": study.model,
        "reaction": "reactive" if study.flow.answers and study.reactive else "mechanical only",
        "flow": repr(study.flow),
        "worlds": study.worlds,
        "sizes": list(study.sizes),
        "durations_s": list(study.durations_s),
        "points": list(POINTS),
        "impact": means[:, :, END].tolist(),
        "error": errors.tolist(),
        "filled": data.filled.tolist(),
        "exponent": slope(means),
        "exponent_interval": list(bootstrap(data, slope)),
        "path": path.tolist(),
        "decay": float(left(means)),
        "decay_interval": list(bootstrap(data, left)),
    }


def as_text(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"Impact of a sliced order on the {found['model']} flow: {found['reaction']}."]
    if found["reaction"] == "mechanical only":
        lines.append("Its rates do not depend on what an agent does: what moves is what the order took from the book.")
    lines += [f"{found['worlds']} paired worlds; mid with the order less mid without, at its end, in ticks:", ""]
    lines.append("duration \\ lots" + "".join(f"{size:>16d}" for size in found["sizes"]))
    for seconds, means, errors in zip(found["durations_s"], found["impact"], found["error"]):
        lines.append(f"{seconds:>12g} s " + "".join(f"{m:>9.2f} +-{e:>5.2f}" for m, e in zip(means, errors)))
    low, high = found["exponent_interval"]
    lines += ["", f"impact ~ size^{found['exponent']:.2f}   (95 % interval {low:.2f} to {high:.2f})", ""]
    lines.append("path, as a share of the impact at the end; time in durations:")
    lines.append(" " * 15 + "".join(f"{point:>7.2f}" for point in found["points"]))
    for seconds, path in zip(found["durations_s"], found["path"]):
        lines.append(f"{seconds:>12g} s " + "".join(f"{p:>7.2f}" for p in path))
    low, high = found["decay_interval"]
    lines.append(
        f"decay: {found['decay']:.2f} of it is left three durations later (95 % interval {low:.2f} to {high:.2f})"
    )
    short = min(min(row) for row in found["filled"])
    if short < 0.995:
        lines.append(f"Thin book: of the largest order only {100 * short:.0f} % of the lots found a counterpart.")
    return "\n".join(lines)
