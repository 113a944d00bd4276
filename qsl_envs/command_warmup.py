"""Compile every kernel now, so that nothing else has to wait for it.

Each part of the package is used once in a small way; what that compiles is kept on disk for every later process.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable

from qsl_envs.errors import QslError
from qsl_envs.registration import ENVIRONMENTS

BAR_WIDTH = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl warmup`."""
    parser.add_argument("--clear", action="store_true", help="delete what is on disk first")
    parser.add_argument("--only", metavar="WORD", default="", help="only the parts whose name contains this")


def run(args: argparse.Namespace) -> int:
    """Use every part once; 1 if one of them failed."""
    from qsl_envs.kernel.cache import COUNTS, cache_dir

    if args.clear:
        shutil.rmtree(cache_dir(), ignore_errors=True)
    chosen = [(name, use) for name, use in parts() if args.only in name]
    start, failed = time.perf_counter(), 0
    bar = _Bar(len(chosen))
    for name, use in chosen:
        COUNTS.on_compiled = lambda name=name: bar.show(name, COUNTS.compiled)
        bar.show(name, COUNTS.compiled)
        try:
            use()
        except (QslError, ImportError) as error:
            failed += 1
            bar.clear()
            print(f"qsl warmup: {name}: {error}", file=sys.stderr)
        finally:
            COUNTS.on_compiled = None
        bar.done += 1
    bar.clear()
    print(
        f"{len(chosen) - failed} of {len(chosen)} parts warm in {time.perf_counter() - start:.1f} s: "
        f"{COUNTS.compiled} kernels compiled, {COUNTS.loaded} loaded, in {cache_dir()}"
    )
    return 1 if failed else 0


def parts() -> list[tuple[str, Callable[[], None]]]:
    """(name, a function that uses it once) of everything that compiles."""
    envs = [(entry.env_id, lambda env_id=entry.env_id: _use_env(env_id)) for entry in ENVIRONMENTS]
    rooms = [
        ("engine", _use_engine),
        ("replay", _use_replay),
        ("participants", _use_participants),
        ("trials", _use_trials),
    ]
    return [*rooms, *envs, ("theory", _use_theory)]


def _use_engine() -> None:
    from qsl_envs.engine import OrderBook
    from qsl_envs.engine.constants import BUY, SELL

    book = OrderBook()
    book.submit(BUY, price=100, qty=2)
    book.submit(SELL, price=100, qty=1)
    book.cancel(book.submit(SELL, price=101, qty=1).order_id)
    book.top()
    book.queue(BUY, 100)
    book.depth(1)
    book.restore(book.snapshot())


def _use_replay() -> None:
    from qsl_envs.replay.check import check_file
    from qsl_envs.replay.samples import write_sample

    with tempfile.TemporaryDirectory() as folder:
        check_file(write_sample(folder)[0])


def _use_theory() -> None:
    from qsl_envs.theory.models import study

    study("avellaneda-stoikov", dt=0.5, episodes=2)
    study("zero-intelligence", ticks=5, limit_rate=2.0, duration=50.0)
    study("cont-stoikov-talreja", paths=2)
    study("hawkes", duration=1_000.0)
    study("almgren-chriss", paths=2)
    study("glft", Q=2)


def _use_participants() -> None:
    from qsl_envs.market.config import MarketConfig, PopulationConfig
    from qsl_envs.market.kinds import BUILTIN, find_kind
    from qsl_envs.sdk import Strategy, run_strategy

    groups = tuple(
        PopulationConfig(kind=kind, programs=("0",) if find_kind(kind).read_programs else ()) for kind in BUILTIN
    )

    class Once(Strategy):
        def on_start(self, md, trader):
            trader.cancel(trader.buy(1))
            trader.buy(1, 1)
            trader.quote(1, 1, 2**20, 1)
            trader.cancel_all()
            trader.set_timer(trader.position + 1)
            md.levels()
            md.volume()
            md.last_trade()

    run_strategy(Once(), MarketConfig(population=groups, templates=1, burn_in_ns=1), until_ns=10)


def _use_trials() -> None:
    from qsl_envs.market.config import MarketConfig, PopulationConfig
    from qsl_envs.market.trials import Trials

    maker = PopulationConfig(kind="fixed_spread")
    config = MarketConfig(participants=(), population=(maker,), templates=1, burn_in_ns=1, session_ns=10)
    Trials(config, maker.name, sample_ns=10).run({}, [0], count=1)


def _use_env(env_id: str) -> None:
    import gymnasium as gym

    env = gym.make(env_id)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    env.close()
    envs = gym.make_vec(env_id, num_envs=2)
    envs.reset(seed=0)
    envs.step(envs.action_space.sample())
    envs.close()


class _Bar:
    """A line on a terminal that is written over; nothing elsewhere."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self._start = time.perf_counter()
        self._on = sys.stderr.isatty()

    def show(self, name: str, kernels: int) -> None:
        if self._on:
            full = BAR_WIDTH * self.done // max(self.total, 1)
            seconds = time.perf_counter() - self._start
            line = f"[{'#' * full}{'.' * (BAR_WIDTH - full)}] {name}: {kernels} kernels compiled, {seconds:.0f} s"
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._on:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
