"""Trials: one participant with many sets of parameters, each over many worlds from start to close, in one kernel call.

A trial is a whole session: a row is reset to the trial's world with the trial's parameters, run from sample to sample,
liquidated at the end, and what came of it is written to a sheet. Each thread uses one row over and over, which stays in
its cache; results do not depend on how trials are divided among threads or calls.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qsl_envs.errors import CapacityError, require
from qsl_envs.kernel.draw import episode_key, seed_key
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.constants import GIVEN
from qsl_envs.market.market import Market
from qsl_envs.market.population import failure, lines_of
from qsl_envs.market.session import ENDED, NUM_COLUMNS, run_trials


class Sheet(NamedTuple):
    """What came of trials: arrays (sets, worlds), money in 1/`fee_unit` of tick x lot. Where `ended` is False the trial
    failed, the numbers are 0, and `reasons` says why.

    | field       | dtype      | meaning                                                               |
    | ----------- | ---------- | --------------------------------------------------------------------- |
    | `pnl`       | int64      | true equity after the liquidation at the end, less at the start       |
    | `fees`      | int64      | paid, less rebates                                                    |
    | `drawdown`  | int64      | largest fall of equity from a peak, over the samples                  |
    | `volume`    | int64      | lots traded, the liquidation included                                 |
    | `fills`     | int64      |                                                                       |
    | `messages`  | int64      | orders, changes and cancels sent                                      |
    | `held`      | int64      | abs(inventory) summed over the samples                                |
    | `peak_held` | int64      | the largest of them                                                   |
    | `last_held` | int64      | the last, before the liquidation                                      |
    | `squares`   | float64    | squared changes of equity between samples, summed, (ticks x lots)^2   |
    | `ended`     | bool       | the trial ran to its end                                              |
    | `path`      | int64      | (sets, worlds, samples) gain since the start, or (sets, worlds, 0)    |
    | `reasons`   | dict       | (set, world) -> why a trial failed                                    |
    """

    pnl: np.ndarray
    fees: np.ndarray
    drawdown: np.ndarray
    volume: np.ndarray
    fills: np.ndarray
    messages: np.ndarray
    held: np.ndarray
    peak_held: np.ndarray
    last_held: np.ndarray
    squares: np.ndarray
    ended: np.ndarray
    path: np.ndarray
    reasons: dict[tuple[int, int], str]


class Trials:
    """A market in which one member of a population is tried with many parameters over many worlds.

    Args:
        config: its population has the group that is tried, with `count=1`.
        group: name of that group.
        split: family of worlds.
        sample_ns: between two looks at the true account; the last one is at the close.
        num_threads: plain Python threads that share the trials; results do not depend on it.
        unfilled_penalty_ticks: as of `Market.liquidate`.
    Raises: ConfigError.
    """

    def __init__(self, config: MarketConfig, group: str, *, split: str = "train", sample_ns: int = 1_000_000_000,
                 num_threads: int = 1, unfilled_penalty_ticks: int = 20):  # fmt: skip
        groups = {g.name: g for g in config.population}
        require(group in groups, "Trials", "group", f"one of {list(groups)}", group)
        require(groups[group].count == 1, "Trials", f"population[{group}].count", "1", groups[group].count)
        require(0 < sample_ns <= config.session_ns, "Trials", "sample_ns", f"in (0, {config.session_ns}]", sample_ns)
        require(not config.wake_on_fill, "Trials", "wake_on_fill", "False: nobody waits for it", True)
        listening = [agent.name for agent in config.participants if agent.listens]
        require(not listening, "Trials", "participants", "agents that do not listen", listening)
        self.group, self.split, self.penalty = group, split, unfilled_penalty_ticks
        self.market = Market(config, num_threads, split=split, num_threads=num_threads)
        self.market.set_params(group)  # makes the table
        line = next(line for line in lines_of(config) if line.kind and line.config.name == group)
        assert line.kind is not None
        self.kind, self.member, self._cells_at = line.kind, line.first, line.params
        self.kernel_ns = 0
        """spent in compiled code so far, by the clock on the wall"""
        self.times_ns = np.append(np.arange(sample_ns, config.session_ns, sample_ns), config.session_ns)
        """when the account is looked at, int64 (samples,)"""

    def table(self, params: dict[str, np.ndarray], count: int) -> np.ndarray:
        """Parameters by name, (count,) or one number, as float64 (count, parameters); NaN: the settings' own.

        Raises: ConfigError naming the parameter, and the first set that is out of its bounds.
        """
        names, where = list(self.kind.params), f"Trials[{self.group}].params"
        made = np.full((count, len(names)), np.nan)
        for name, values in params.items():
            require(name in names, where, "name", f"one of {', '.join(names)}", name)
            given = np.broadcast_to(np.asarray(values, np.float64), (count,))
            low, high = self.kind.params[name].low, self.kind.params[name].high
            bad = np.flatnonzero(~(np.isnan(given) | ((given >= low) & (given <= high))))
            if len(bad):
                require(False, where, f"{name}[{bad[0]}]", f"in [{low:g}, {high:g}]", float(given[bad[0]]))
            made[:, names.index(name)] = given
        return made

    def run(self, params: dict[str, np.ndarray], seeds: Sequence[int] | np.ndarray, *, count: int,
            programs: Sequence[str] = (), paths: bool = False) -> Sheet:  # fmt: skip
        """Try `count` sets of parameters in the first episode of every seed's world.

        Args:
            params: name -> float64 (count,) or one number.
            seeds: of the worlds, each >= 0.
            programs: of a group of kind `program`: one for each set.
            paths: keep the gain at every sample.
        Raises: ConfigError for parameters out of bounds, programs that do not parse. What fails in a trial is in
            `Sheet.reasons`, and the other trials go on.
        """
        market, worlds = self.market, len(seeds)
        require(count >= 1 and worlds >= 1, "Trials.run", "count and seeds", ">= 1", (count, worlds))
        if programs:
            require(len(programs) == count, "Trials.run", "programs", f"{count}, one for each set", len(programs))
            market.set_programs(self.group, programs)
            params = {**params, "program": np.arange(count, dtype=np.float64)}
        table = self.table(params, count)
        keys = np.array([episode_key(seed_key(self.split, int(seed)), 0) for seed in seeds], np.int64)
        total, samples = count * worlds, len(self.times_ns)
        sheet, squares = np.zeros(total * NUM_COLUMNS, np.int64), np.zeros(total)
        path = np.zeros(total * samples if paths else 0, np.int64)
        reasons: dict[int, str] = {}

        def work(first: int, last: int, thread: int) -> None:
            given_at = thread * int(market.arrays.entries[GIVEN]) + self._cells_at
            going = np.zeros(1, np.int64)
            while first < last:
                try:
                    first = run_trials(market.arrays, thread, market.stride, market.row_longs, market.num_replicas,
                                       market.config.templates, thread * market.scratch_longs, market.config.size.tape,
                                       first, last, self.member, given_at, keys, table, self.times_ns, self.penalty,
                                       sheet, squares, path, going)  # fmt: skip
                    if first < last:
                        market.raise_error(thread)
                except CapacityError as error:
                    reasons[first] = str(error)
                    first += 1
                except Exception as error:
                    row = range(thread * market.stride, (thread + 1) * market.stride, market.stride)
                    named = failure(market.config, market.arrays, row)
                    if named is None:
                        raise
                    first = int(going[0]) + 1
                    reasons[first - 1] = f"{named}: {type(error).__name__}: {error}"

        started = time.perf_counter_ns()
        market.threads.run(total, work)
        self.kernel_ns += time.perf_counter_ns() - started
        columns = sheet.reshape(count, worlds, NUM_COLUMNS)
        columns[columns[..., ENDED] == 0] = 0
        return Sheet(*(columns[..., k] for k in range(ENDED)), squares=squares.reshape(count, worlds),
                     ended=columns[..., ENDED] != 0, path=path.reshape(count, worlds, samples if paths else 0),
                     reasons={divmod(n, worlds): reason for n, reason in sorted(reasons.items())})  # fmt: skip
