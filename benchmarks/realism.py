"""How far each default world lies from two recorded markets: a row a world, a column a statistic.

The recorded markets are the samples of a whole AMZN day and of an MSFT hour, found through QSL_DATA or in
`../shared/data` beside the repository; without them nothing is measured and the published tables stay. Each cell is
`L1 / Wasserstein-1`. The first row is the recorded market itself: its first half against its second.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from benchmarks.report import ROOT, Row, figure, main

DATA = Path(os.environ.get("QSL_DATA", ROOT.parent / "shared" / "data")) / "lobster"
RECORDED = {
    "realism_amzn": "AMZN_2012-06-21_34200000_57600000_message_5.csv.gz",
    "realism_msft": "MSFT_2012-06-21_34200000_37800000_message_50.csv.gz",
}
"""Table -> the recorded market that it takes distances to."""
HALVES = "first half against second"
SECONDS, SMOKE_SECONDS = 1_800.0, 20.0


def worlds() -> list[str]:
    """Ids of the environments whose default market is an order book; of a replay it is the packaged synthetic day."""
    from qsl_envs.command_realism import default_market
    from qsl_envs.errors import ConfigError
    from qsl_envs.registration import ENVIRONMENTS, MARL_ENVIRONMENTS

    found = []
    for entry in (*ENVIRONMENTS, *MARL_ENVIRONMENTS):
        try:
            default_market(entry.env_id)
        except ConfigError:  # a market that is a formula
            continue
        found.append(entry.env_id)
    return found


@cache
def simulated(env_id: str, seconds: float):
    """What realism measures on an environment's default world."""
    from qsl_envs.command_realism import history_of_source
    from qsl_envs.metrics.realism import realism

    return realism(history_of_source(env_id, seconds=seconds, seed=0, book=0))


def measure(path: Path, ids: list[str], seconds: float) -> list[Row]:
    """The rows of one table: the recorded market's halves, then each world."""
    from qsl_envs.metrics.history import read_history
    from qsl_envs.metrics.realism import compare, compare_halves, realism
    from qsl_envs.metrics.statistics import STATISTICS

    history = read_history(path)
    recorded = realism(history)

    def row(world: str, distances: Mapping) -> Row:
        cells = {s.name: _cell(distances.get(s.name)) for s in STATISTICS}
        return Row(world=world, **cells)

    rows = [row(HALVES, compare_halves(history))]
    return rows + [row(env_id, compare(simulated(env_id, seconds), recorded)) for env_id in ids]


def _cell(distance) -> str:
    return "-" if distance is None else f"{distance.l1:.2f} / {figure(distance.wasserstein)}"


def table(name: str):
    """`measure(smoke)` of one table, as `benchmarks.report.main` wants it."""

    def measured(smoke: bool) -> list[Row]:
        if smoke:
            return measure(_sample(), worlds()[:1], SMOKE_SECONDS)
        path = DATA / RECORDED[name]
        return measure(path, worlds(), SECONDS) if path.is_file() else []

    return measured


@cache
def _sample() -> Path:
    """The packaged synthetic day, for a run without the recorded ones."""
    import tempfile

    from qsl_envs.replay.samples import write_sample

    return write_sample(tempfile.mkdtemp())[0]


TABLES = {name: table(name) for name in RECORDED}

if __name__ == "__main__":
    main(TABLES)
