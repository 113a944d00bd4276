"""A link in numbers: what the kernels of `links.py` read."""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.state import record
from qsl_envs.kernel.fmath import exp_
from qsl_envs.network.config import JITTER_LAWS, LinkConfig
from qsl_envs.network.jitter import truncation_point

LINK = record(
    64,
    ("latency_ns", "i8"),
    ("jitter_max_ns", "i8"),
    ("scale_ns", "f8"),  # uniform: width; exponential: mean; lognormal: median; pareto: Lomax scale
    ("law_shape", "f8"),  # lognormal: sigma; pareto: 1 / tail exponent
    ("unit_max", "f8"),  # share of the law that does not exceed jitter_max_ns: draws are taken below it
    ("schedule_base", "i8"),  # absolute index of the timeline in the int64 view: (start_ns, change_ns) pairs
    ("law", "i4"),  # index in JITTER_LAWS
    ("drop_ppm", "i4"),
    ("fifo", "i4"),
    ("num_changes", "i4"),  # entries of the timeline
)
"""One link profile, one cache line."""

DOWN = -(2**62)
"""`change_ns` of a timeline entry during which the link is down."""


def schedule_longs(config: LinkConfig) -> int:
    """How many int64 the link's timeline takes."""
    return 2 * len(config.schedule())


def write_link(links, longs, index: int, config: LinkConfig, schedule_base: int) -> int:
    """Write a link profile into its record and its timeline into an int64 view of the same arena.

    Args:
        links: LINK (n,), the record array that the kernels get.
        longs: int64 (m,), the view that the kernels get; may be any int64 view of the arena.
        index: which record of `links`.
        schedule_base: absolute index in `longs` where `schedule_longs(config)` numbers may be written.
    Returns: the first index of `longs` behind the timeline.
    """
    law = JITTER_LAWS.index(config.jitter)
    scale, shape = law_parameters(config)
    link = links[index]
    link["latency_ns"] = config.latency_ns
    link["jitter_max_ns"] = config.jitter_cap_ns
    link["scale_ns"] = scale
    link["law_shape"] = shape
    link["unit_max"] = truncation_point(law, scale, shape, float(config.jitter_cap_ns)) if law else 0.0
    link["schedule_base"] = schedule_base
    link["law"] = law
    link["drop_ppm"] = config.drop_ppm
    link["fifo"] = int(config.fifo)
    timeline = config.schedule()
    link["num_changes"] = len(timeline)
    for at, (start, change) in enumerate(timeline):
        longs[schedule_base + 2 * at] = start
        longs[schedule_base + 2 * at + 1] = DOWN if change is None else change
    return schedule_base + 2 * len(timeline)


def law_parameters(config: LinkConfig) -> tuple[float, float]:
    """(scale_ns, law_shape) of the record from the mean and shape of the config."""
    mean, shape = float(config.jitter_ns), config.jitter_shape_in_force
    if config.jitter == "uniform":
        return 2.0 * mean, 0.0
    if config.jitter == "lognormal":
        return mean * float(exp_(-0.5 * shape * shape)), shape
    if config.jitter == "pareto":
        return mean * (shape - 1.0), 1.0 / shape
    return mean, 0.0


def allocate_links(configs) -> tuple[np.ndarray, np.ndarray]:
    """Arrays of their own for some links, outside any arena: (LINK (n,) recarray, int64 (m,)). For tests and tools."""
    links = np.zeros(len(configs), LINK).view(np.recarray)
    longs = np.zeros(sum(schedule_longs(config) for config in configs) + 1, np.int64)
    at = 0
    for index, config in enumerate(configs):
        at = write_link(links, longs, index, config, at)
    return links, longs
