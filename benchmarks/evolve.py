"""Searches over trading strategies: genomes x worlds a second by the fast path, beside the ways that others go.

Claim: a population over its worlds is one kernel call, so that a search spends its time in the kernel. Beside it, in
the same run: the same search with one process per individual, and DEAP's plain loop, which maps an evaluation over
`gym.make` and a Python policy, in the same market, with the same limits and lines. How often a strategy looks at its
market decides what Python costs: the table has a look every 100 ms, every 5 ms and every 1 ms, the one-way latency of
its lines. Of some rounds the quickest counts, by seconds of cores (of the process and its children), so that a busy
machine blurs the comparison less; beside them stands what the machine gives with a thread a core, by the wall.
"""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.report import Row, main
from evolve.loop import Search
from evolve.spec import EvolveSpec, read_spec
from qsl_envs.market.config import ParticipantConfig

PRESET = "skewed-maker"
ROUNDS = 3


def spec_of(population: int, worlds: int, generations: int, looks_ms: int = 100) -> EvolveSpec:
    """The preset with another budget, and a look every so many ms."""
    values = read_spec(PRESET).to_dict()
    values["genome"]["period_ns"] = {"type": "fixed", "value": looks_ms * 1_000_000}
    values["worlds"]["count"] = worlds
    values["search"] |= {"population": population, "generations": generations, "method": "nsga2"}
    return EvolveSpec.from_dict(values)


def looks_ms(spec: EvolveSpec) -> int:
    """How often the strategies look."""
    return next(gene.value for gene in spec.genome.genes if gene.name == "period_ns") // 1_000_000


@contextmanager
def core_clock() -> Iterator[SimpleNamespace]:
    """Seconds of cores that a block takes, and of the wall: `with core_clock() as t: ...`, `t.core_s`, `t.wall_s`."""
    taken = SimpleNamespace(core_s=float("nan"), wall_s=float("nan"))
    core, wall = _core_s(), time.perf_counter()
    yield taken
    taken.core_s, taken.wall_s = _core_s() - core, time.perf_counter() - wall


def _core_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def by_the_fast_path(spec: EvolveSpec, threads: int = 1) -> Row:
    """A whole search: selection, variation, checkpointed state and all, after a warm-up."""
    evaluator = spec.evaluator(workers=threads)
    evaluator(spec.genome.random(1, np.random.default_rng(0)), 1.0)
    search = Search(spec.search, evaluator)
    before = sum(trial.kernel_ns for trial in evaluator.path.trials)
    with core_clock() as t:
        search.run()
    kernel_s = (sum(trial.kernel_ns for trial in evaluator.path.trials) - before) * 1e-9
    way = "one kernel call a generation"
    return _row(way, spec, search.spent, t, threads, 100.0 * (1.0 - kernel_s / t.wall_s))


def by_processes(spec: EvolveSpec, workers: int = 1) -> Row:
    """The same search, every individual measured in a process that is made for it."""
    search = Search(spec.search, PerProcess(spec, workers))
    with core_clock() as t:
        search.run()
    return _row("one process per individual", spec, search.spent, t)


class PerProcess:
    """Measures each genome in a new process."""

    def __init__(self, spec: EvolveSpec, workers: int):
        self.spec, self.workers, self.genome = spec, workers, spec.genome
        self.names = tuple(objective.name for objective in spec.objectives)
        self.signs = np.array([objective.sign for objective in spec.objectives])
        self.metric_names = ()

    def __call__(self, rows: np.ndarray, effort: float) -> Any:
        from evolve.loop import Judged

        jobs = [(self.spec.to_dict(), row) for row in rows]
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.workers, mp_context=context, max_tasks_per_child=1) as pool:
            table = np.array(list(pool.map(measure_one, jobs)))
        return Judged(table, [""] * len(rows), np.zeros((len(rows), 0)))


def measure_one(job: tuple[dict[str, Any], np.ndarray]) -> list[float]:
    """One genome from a market that is made for it."""
    values, row = job
    return EvolveSpec.from_dict(values).evaluator()(row[None], 1.0).objectives[0].tolist()


# --- DEAP's plain loop: an individual is a list, an evaluation plays episodes of `gym.make` with a Python policy


def by_deaps_map(spec: EvolveSpec) -> Row:
    """DEAP's own NSGA-II over `map`: what its examples do, with an environment in the place of a formula."""
    import gymnasium as gym
    from deap import base, tools

    import qsl_envs  # noqa: F401  registers the environments
    from evolve.deap_parts import Chance

    market = spec.subject.settings()[0].market
    *others, own = market.population
    lines = {name: getattr(own, name) for name in ("order_link", "report_link", "feed_link", "risk")}
    market = dataclasses.replace(market, population=tuple(others), participants=(ParticipantConfig(**lines),))
    env = gym.make("qsl/MarketMaking-v0", config=market, step_ns=looks_ms(spec) * 1_000_000, split="validation")
    toolbox = base.Toolbox()
    toolbox.register("evaluate", functools.partial(play, env, spec))
    toolbox.register("map", map)
    low, high = spec.genome.low.tolist(), spec.genome.high.tolist()
    fitness_of = type("Both", (base.Fitness,), {"weights": tuple(o.sign for o in spec.objectives)})

    class Listed(list):
        """An individual."""

    def made(values: list[float]) -> Listed:
        one = Listed(values)
        one.fitness = fitness_of()
        return one

    drawn = spec.genome.random(spec.search.population, np.random.default_rng(spec.search.seed))
    env.reset(seed=0)
    env.step(np.zeros(4, np.float32))
    count = 0
    with core_clock() as t, Chance(spec.search.seed).ours():
        living = [made(row.tolist()) for row in drawn]
        for generation in range(spec.search.generations):
            tried = living if generation == 0 else [made(list(one)) for one in living]
            if generation > 0:
                for a, b in zip(tried[::2], tried[1::2]):
                    tools.cxSimulatedBinaryBounded(a, b, 15.0, low, high)
                for one in tried:
                    tools.mutPolynomialBounded(one, 20.0, low, high, 1.0 / len(low))
            for one, values in zip(tried, toolbox.map(toolbox.evaluate, tried)):
                one.fitness.values = values
            count += len(tried)
            living = tools.selNSGA2(living + tried if generation else tried, spec.search.population)
    env.close()
    return _row("DEAP, map over gym.make", spec, count, t)


def play(env: Any, spec: EvolveSpec, individual: list[float]) -> tuple[float, float]:
    """P&L and its tail of a maker in Python over the worlds: spread, skew and size as the genome says."""
    values = spec.genome.values(spec.genome.repair(np.array(individual)[None])[0])
    base = env.unwrapped
    at = base.observation_names.index("inventory")
    most, reach = base.max_quote_qty, base.max_offset
    pnl = []
    for seed in range(spec.worlds.count):
        obs, info = env.reset(seed=seed)
        over = False
        while not over:
            held = obs[at] * base.max_inventory
            lean, half = values["skew"] * held, 0.5 * values["spread"]
            size = 2.0 * values["qty"] / most - 1.0
            offsets = [2.0 * (half + lean) / reach - 1.0, 2.0 * (half - lean) / reach - 1.0]
            action = np.clip(np.array([*offsets, size, size], np.float32), -1, 1)
            obs, _, terminated, truncated, info = env.step(action)
            over = terminated or truncated
        pnl.append(float(info["episode_summary"]["equity"]))
    losses = sorted((-x for x in pnl), reverse=True)
    return statistics.fmean(pnl), statistics.fmean(losses[: max(1, len(losses) // 10)])


def _row(way: str, spec: EvolveSpec, spent: float, taken: SimpleNamespace, threads: int = 1,
         outside: float | None = None) -> Row:  # fmt: skip
    trials = spent * spec.worlds.count
    return Row(way=way, looks_every_ms=looks_ms(spec), genomes=spec.search.population, worlds=spec.worlds.count,
               generations=spec.search.generations, threads=threads, trials_per_core_s=trials / taken.core_s,
               trials_per_s=trials / taken.wall_s, faster_by_core=None, faster_by_wall=None, goal=None,
               percent_outside_kernel=outside)  # fmt: skip


def best(measure: Callable[[], Row], rounds: int = ROUNDS) -> Row:
    """The quickest of some rounds: by cores, for one that has a core, else by the wall."""
    rows = [measure() for _ in range(rounds)]
    return max(rows, key=lambda row: row["trials_per_core_s" if row["threads"] == 1 else "trials_per_s"])


def evolve_speed(smoke: bool) -> list[Row]:
    """The ways beside each other; a trial is one genome in one world for a session of 10 s."""
    if smoke:
        tiny = spec_of(4, 1, 1)
        return [by_the_fast_path(tiny, 2), by_deaps_map(tiny)]
    rows = []
    for every, genomes, plain_worlds in ((100, 100, 8), (5, 20, 2), (1, 20, 1)):
        spec = spec_of(genomes, 16, 2, every)
        fast = [best(lambda s=spec, n=n: by_the_fast_path(s, n)) for n in dict.fromkeys((1, os.cpu_count() or 1))]
        slow = best(lambda every=every, count=plain_worlds: by_deaps_map(spec_of(4, count, 1, every)))
        rows += [*fast, beside(slow, fast, goal=100)]
    large = by_the_fast_path(spec_of(1000, 4, 1))
    return [*rows, large, beside(by_processes(spec_of(4, 16, 1)), [large])]


def beside(slow: Row, fast: list[Row], goal: int | None = None) -> Row:
    """The row of another way, with how much faster ours are: a core against a core, and by the wall."""
    slow["faster_by_core"] = fast[0]["trials_per_core_s"] / slow["trials_per_core_s"]
    slow["faster_by_wall"] = max(row["trials_per_s"] for row in fast) / slow["trials_per_s"]
    slow["goal"] = goal
    return slow


TABLES = {"evolve": evolve_speed}

if __name__ == "__main__":
    main(TABLES)
