"""Measure how real a market looks: statistics of a recorded or a simulated day, and their distances to another."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from qsl_envs.errors import ConfigError, DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`SOURCE [--against SOURCE] [--json]`, and what is simulated."""
    what = "a LOBSTER message file (plain or gzip; its book file beside it), or the id of an environment with a market"
    parser.add_argument("source", metavar="FILE|ENV_ID", help=what)
    parser.add_argument("--against", metavar="FILE|ENV_ID", help="the market to take the distances to")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--seconds", type=float, default=1_800.0, help="of a simulated day (default 1800)")
    parser.add_argument("--seed", type=int, default=0, help="of a simulated day (default 0)")
    parser.add_argument("--book", type=int, default=0, help="of a market with several: venue x symbols + symbol")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 0. Raises: DataError, ConfigError (exit code 2) for what cannot be read or simulated."""
    from qsl_envs.metrics.realism import compare, compare_halves, realism

    histories = [
        history_of_source(source, seconds=args.seconds, seed=args.seed, book=args.book)
        for source in ([args.source] if args.against is None else [args.source, args.against])
    ]
    measured = [realism(history) for history in histories]
    # of two markets the second is the yardstick: how far is it from itself?
    halves = compare_halves(histories[-1])
    between = compare(*measured) if args.against is not None else None
    if args.json:
        print(json.dumps(_to_json(measured, between, halves), indent=2))
    else:
        print(_facts_table(measured))
        print()
        print(_distance_table(measured, between, halves))
    return 0


def history_of_source(source: str, *, seconds: float, seed: int, book: int) -> Any:
    """The `History` of a file, or of an environment's default market without its agent.

    Raises: DataError if there is no such file nor environment; ConfigError if the environment has no market.
    """
    if Path(source).is_file():
        from qsl_envs.metrics.history import read_history

        return read_history(source)
    from qsl_envs.market.history import simulate_history

    market = default_market(source)
    history = simulate_history(market.config, seconds=seconds, seed=seed, book=book, day=market.day)
    return dataclasses.replace(history, name=source)


def default_market(env_id: str) -> Any:
    """The `Market` that an environment, of one agent or of many, has by default.

    Raises: DataError if there is no such environment; ConfigError if it has no market.
    """
    import gymnasium as gym

    from qsl_envs.registration import ENVIRONMENTS, MARL_ENVIRONMENTS, make_marl_vec

    single, many = ([entry.env_id for entry in table] for table in (ENVIRONMENTS, MARL_ENVIRONMENTS))
    if env_id not in (*single, *many):
        known = ", ".join([*single, *many])
        raise DataError(f"{env_id}: no such file, and no environment of this name; those are {known}")
    env = gym.make(env_id).unwrapped if env_id in single else make_marl_vec(env_id, 1)
    market = getattr(env, "market", None)
    if market is None:
        raise ConfigError(f"{env_id} has no order book: its market is a formula")
    return market


def _to_json(measured: list[Any], between: dict | None, halves: dict) -> dict[str, Any]:
    """`source` and `against`: name, seconds, facts, statistics; `distances`: between them; `halves`: of the last."""
    from qsl_envs.metrics.statistics import STATISTICS

    def market(found: Any) -> dict[str, Any]:
        shares = [0.05, 0.5, 0.95]
        statistics = {}
        for s in STATISTICS:
            if s.name in found.samples:
                sample = found.samples[s.name]
                low, middle, high = (_number(value) for value in sample.quantiles(shares))
                statistics[s.name] = {
                    "unit": s.unit, "count": len(sample), "mean": _number(sample.mean), "p05": low, "median": middle,
                    "p95": high,
                }  # fmt: skip
        return {
            "name": found.name,
            "seconds": found.span_ns / 1e9,
            "facts": {name: _number(value) for name, value in found.facts.items()},
            "statistics": statistics,
            "impact_curve": dict(zip(("qty", "impact", "count"), (row.tolist() for row in found.impact_curve))),
        }

    def distances(found: dict) -> dict[str, Any]:
        return {name: {"l1": d.l1, "wasserstein": d.wasserstein} for name, d in found.items()}

    return {
        "source": market(measured[0]),
        "against": market(measured[1]) if len(measured) > 1 else None,
        "distances": distances(between) if between is not None else None,
        "halves": distances(halves),
    }


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def _facts_table(measured: list[Any]) -> str:
    from qsl_envs.metrics.statistics import FACTS

    names = [found.name for found in measured]
    widths = [max(12, len(name) + 2) for name in names]
    lines = [f"{'':24}" + "".join(f"{name:>{width}}" for name, width in zip(names, widths))]
    lines.append(f"{'seconds':24}" + "".join(f"{f.span_ns / 1e9:>{w},.0f}" for f, w in zip(measured, widths)))
    for name, doc in FACTS.items():
        cells = "".join(f"{_figure(found.facts[name]):>{width}}" for found, width in zip(measured, widths))
        lines.append(f"{name:24}{cells}  {doc}")
    return "\n".join(lines)


def _distance_table(measured: list[Any], between: dict | None, halves: dict) -> str:
    """Mean of each statistic, the distances between the markets, and of the last market's halves."""
    from qsl_envs.metrics.statistics import STATISTICS

    last = measured[-1].name
    head = f"{'statistic':24}" + "".join(f"{'mean':>12}" for _ in measured)
    head += (f"{'L1':>9}{'W1':>11}" if between is not None else "") + f"{'halves L1':>12}{'halves W1':>12}  W1 in"
    lines = [f"distances; halves: of {last}, first half against second", head]
    for s in STATISTICS:
        means = "".join(
            f"{_figure(found.samples[s.name].mean) if s.name in found.samples else '-':>12}" for found in measured
        )
        unit = f"{s.over}s" if s.over else s.unit or "1"
        cells = _pair(between.get(s.name), 9, 11) if between is not None else ""
        lines.append(f"{s.name:24}{means}{cells}{_pair(halves.get(s.name), 12, 12)}  {unit}")
    return "\n".join(lines)


def _pair(distance: Any, first: int, second: int) -> str:
    if distance is None:
        return f"{'-':>{first}}{'-':>{second}}"
    return f"{distance.l1:>{first}.3f}{_figure(distance.wasserstein):>{second}}"


def _figure(value: float) -> str:
    return "-" if not math.isfinite(value) else f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
