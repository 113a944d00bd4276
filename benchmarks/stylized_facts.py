"""Stylised facts: what a mixed population reproduces of them and what not, beside plain zero intelligence.

Both markets are simulated for half an hour on several held-out worlds. A fact counts as reproduced where the 95 %
interval of its mean over the worlds lies inside the range that the literature gives, as missed where it lies outside,
and is left open where the interval reaches across a border.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.report import ROOT, Row, figure, main

MIXED = ROOT / "docs" / "examples" / "mixed-market.yaml"
SECONDS, WORLDS = 1_800.0, 12


class Known(NamedTuple):
    """What the literature says of one fact: it lies in [low, high]."""

    fact: str
    """name in `qsl_envs.metrics.statistics.FACTS`"""
    says: str
    low: float
    high: float
    source: str


KNOWN = (
    Known("kurtosis_1s", "heavy tails", 2.0, 100.0, "Cont (2001), fact 2"),
    Known("kurtosis_60s", "lighter over longer times", -0.5, 10.0, "Cont (2001), fact 4"),
    Known("return_acf_1s", "no memory of returns, but for the bounce", -0.15, 0.05, "Cont (2001), fact 1"),
    Known("variance_ratio_60s", "prices diffuse", 0.7, 1.3, "Lo and MacKinlay (1988)"),
    Known("abs_return_acf_1s", "sizes of returns cluster", 0.05, 0.5, "Cont (2001), fact 6"),
    Known("abs_return_acf_10s", "and stay so", 0.03, 0.4, "Cont (2001), fact 8"),
    Known("abs_return_acf_60s", "for long", 0.01, 0.3, "Cont (2001), fact 8"),
    Known("sign_acf_1", "aggressors come in runs", 0.1, 0.8, "Lillo and Farmer (2004)"),
    Known("sign_exponent", "with a long memory", 0.2, 0.9, "Bouchaud et al. (2004), Lillo and Farmer (2004)"),
    Known("impact_exponent", "impact is concave in volume", 0.0, 0.6, "Lillo, Farmer and Mantegna (2003)"),
)


def facts_of(config, seeds: range, seconds: float) -> dict[str, np.ndarray]:
    """Fact -> its value in each world, NaN where it cannot be had."""
    from qsl_envs.market.history import simulate_history
    from qsl_envs.metrics.realism import realism

    found = [realism(simulate_history(config, seconds=seconds, seed=seed, split="test")).facts for seed in seeds]
    return {known.fact: np.array([facts[known.fact] for facts in found]) for known in KNOWN}


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """(mean, low, high) of the mean's 95 % bootstrap interval over worlds; NaN worlds are left out."""
    from baselines.intervals import bootstrap

    mean, low, high = bootstrap(values)
    return mean, low, high


def verdict(low: float, high: float, known: Known) -> str:
    """What an interval says of a range."""
    if math.isnan(low):
        return "not measured"
    if known.low <= low and high <= known.high:
        return "yes"
    return "no" if high < known.low or low > known.high else "open"


def recorded(name: str) -> dict[str, float]:
    """Facts of a recorded market, empty where its files are not there."""
    from benchmarks.realism import DATA, RECORDED
    from qsl_envs.metrics.history import read_history
    from qsl_envs.metrics.realism import realism

    path: Path = DATA / RECORDED[name]
    return realism(read_history(path)).facts if path.is_file() else {}


def measure(smoke: bool) -> list[Row]:
    """A row a fact."""
    from qsl_envs.command_realism import default_market
    from qsl_envs.market.config import MarketConfig

    seconds, seeds = (20.0, range(2)) if smoke else (SECONDS, range(WORLDS))
    mixed = facts_of(MarketConfig.load(MIXED), seeds, seconds)
    plain = facts_of(default_market("qsl/MarketMaking-v0").config, seeds, seconds)
    real = {} if smoke else recorded("realism_amzn")
    rows = []
    for known in KNOWN:
        ours, poisson = interval(mixed[known.fact]), interval(plain[known.fact])
        rows.append(
            Row(
                fact=known.fact,
                says=known.says,
                literature=f"{known.low:g} to {known.high:g}",
                mixed_population=f"{figure(ours[0])} [{figure(ours[1])}, {figure(ours[2])}]",
                reproduced=verdict(ours[1], ours[2], known),
                zero_intelligence=f"{figure(poisson[0])} ({verdict(poisson[1], poisson[2], known)})",
                AMZN_day=figure(real[known.fact]) if known.fact in real else "-",
                source=known.source,
            )
        )
    return rows


TABLES = {"stylized_facts": measure}

if __name__ == "__main__":
    main(TABLES)
