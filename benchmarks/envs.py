"""Environment steps a second through the public vector form, and the time of one step of a single env.

Claim: the native vector form costs little beyond its kernel, at one env as at ten thousand. Actions are random and
prepared; episodes end and begin within the clock; observations go to the two buffers that are the default.
"""

from __future__ import annotations

import statistics
import time

import gymnasium as gym
import numpy as np

import qsl_envs
from benchmarks.report import Row, main
from qsl_envs.envs.step import step_rows
from qsl_envs.registration import ENVIRONMENTS

AVELLANEDA_STOIKOV, MARKET_MAKING = "qsl/AvellanedaStoikov-v0", "qsl/MarketMaking-v0"
DAY_NS = 86_400_000_000_000


def vector_rates(env_id: str, num_envs: int, threads: int, env_steps: int, rounds: int, **settings) -> list[float]:
    """Env steps a second of each round, the first one left out; compiled outside the clock."""
    envs = gym.make_vec(env_id, num_envs=num_envs, num_threads=threads, autoreset_mode="SameStep", **settings)
    envs.reset(seed=0)
    shape = (16, *envs.action_space.shape)
    actions = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    steps = max(3, env_steps // num_envs)
    rates = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        for k in range(steps):
            envs.step(actions[k % 16])
        rates.append(num_envs * steps / (time.perf_counter() - start))
    envs.close()
    return rates[1:]


def single_latency(env_id: str, steps: int, rounds: int, **settings) -> float:
    """Microseconds of one step of `gym.make(env_id)`, median of rounds; resets outside the clock."""
    env = gym.make(env_id, **settings)
    action = env.action_space.sample()
    taken = []
    for _ in range(rounds):
        env.reset(seed=0)
        env.step(action)
        start = time.perf_counter()
        for _ in range(steps):
            env.step(action)
        taken.append((time.perf_counter() - start) / steps * 1e6)
    env.close()
    return statistics.median(taken)


def avellaneda_stoikov(smoke: bool) -> list[Row]:
    """`qsl/AvellanedaStoikov-v0`, defaults: 200 steps an episode, resets included."""
    sizes = [(1, 1), (64, 1), (1_024, 1), (10_000, 1), (100_000, 1), (10_000, 2)]
    latency = single_latency(AVELLANEDA_STOIKOV, 20 if smoke else 150, 2 if smoke else 40)
    rows = []
    for num_envs, threads in sizes[:1] if smoke else sizes:
        amount = 100 if smoke else 40_000 if num_envs < 64 else 4_000_000
        rates = vector_rates(AVELLANEDA_STOIKOV, num_envs, threads, amount, 1 if smoke else 9)
        rows.append(
            Row(
                envs=num_envs,
                threads=threads,
                M_env_steps_per_s=statistics.median(rates) / 1e6,
                best=max(rates) / 1e6,
                must=30.0 if (num_envs, threads) == (10_000, 1) else None,
                us_of_a_single_step=latency if num_envs == 1 else None,
            )
        )
    return rows


class KernelClock:
    """Counts the seconds that an environment spends in its compiled step, the call itself included."""

    def __init__(self, envs) -> None:
        self.core, self.seconds, self.calls = envs.unwrapped.core, 0.0, 0
        self.step, self.core.step = self.core.step, self.timed

    def timed(self, actions: np.ndarray, obs: np.ndarray, final_obs: np.ndarray) -> None:
        """Stands in for `Seats.step`."""
        start = time.perf_counter()
        self.step(actions, obs, final_obs)
        self.seconds += time.perf_counter() - start
        self.calls += 1


def environment(smoke: bool) -> list[Row]:
    """`qsl/MarketMaking-v0`, defaults, random quotes, resets included; the book messages that venues served beside."""
    sizes = [(1, 1), (64, 1), (1_024, 1), (4_096, 1), (1_024, 2), (4_096, 2)]
    rows = []
    for num_envs, threads in sizes[:1] if smoke else sizes:
        envs = gym.make_vec(MARKET_MAKING, num_envs=num_envs, num_threads=threads, autoreset_mode="SameStep")
        envs.reset(seed=0)
        rng = np.random.default_rng(0)
        actions = rng.uniform(-1, 1, (16, num_envs, 4)).astype(np.float32)
        steps, rates, shares = 20 if smoke else max(20, 200_000 // num_envs), [], []
        kernel = KernelClock(envs)
        for _ in range(2 if smoke else 6):
            kernel.seconds, start = 0.0, time.perf_counter()
            for k in range(steps):
                envs.step(actions[k % 16])
            seconds = time.perf_counter() - start
            rates.append(num_envs * steps / seconds)
            shares.append(kernel.seconds / seconds)
        messages, rate = messages_per_step(min(num_envs, 64), actions), statistics.median(rates[1:])
        rows.append(
            Row(
                envs=num_envs,
                threads=threads,
                k_steps_per_s=rate / 1e3,
                best=max(rates) / 1e3,
                must=230.0 if (num_envs, threads) == (1_024, 1) else None,
                messages_per_step=messages,
                M_messages_per_s=rate * messages / 1e6,
                share_in_kernel=statistics.median(shares[1:]),
                KiB_per_env=envs.unwrapped.market.layout.row_bytes / 1024,
            )
        )
        envs.close()
    return rows


def messages_per_step(num_envs: int, actions: np.ndarray) -> float:
    """Order messages that venues serve in a step, over the first steps of fresh episodes."""
    envs = gym.make_vec(MARKET_MAKING, num_envs=num_envs)
    envs.reset(seed=0)
    for k in range(50):
        envs.step(actions[k % 16, :num_envs])
    market = envs.unwrapped.market
    served = market.arrays.runs.served[: num_envs * market.stride : market.stride].sum()
    return float(served) / (50 * num_envs)


def single_step(smoke: bool) -> list[Row]:
    """One env through `gym.make`, beside the kernel's own work."""
    steps, rounds = (3, 1) if smoke else (200, 30)
    settings = {"session_ns": DAY_NS, "max_loss": 1e12}
    kernel, whole = kernel_work(steps, rounds, **settings), single_latency(MARKET_MAKING, steps, rounds, **settings)
    return [Row(form="`gym.make(id)`", us_a_step=whole, us_in_kernel=kernel, us_beyond=whole - kernel, must=10.0)]


def kernel_work(steps: int, rounds: int, **settings) -> float:
    """Microseconds that the compiled code of a step of one env works, median of rounds: a call for the env less a call
    for none, which costs what any call from Python does.
    """
    env = gym.make(MARKET_MAKING, **settings)
    env.reset(seed=0)
    core = env.unwrapped._vector.core
    obs, action = np.zeros(core.obs_size, np.float32), env.action_space.sample()
    taken = []
    for _ in range(rounds):
        env.reset(seed=0)
        seconds = []
        for last in (1, 0):
            step_rows(core.market.arrays, core.arrays, action, obs, obs, 0, last, 0)
            start = time.perf_counter()
            for _ in range(steps):
                step_rows(core.market.arrays, core.arrays, action, obs, obs, 0, last, 0)
            seconds.append(time.perf_counter() - start)
        taken.append((seconds[0] - seconds[1]) / steps * 1e6)
    env.close()
    return statistics.median(taken)


def suite(smoke: bool) -> list[Row]:
    """Every environment with a market, defaults, 1,024 envs on one core, random actions, resets included."""
    num_envs, rounds = (2, 1) if smoke else (1_024, 3)
    rows = []
    for entry in ENVIRONMENTS[:1] if smoke else ENVIRONMENTS:
        if entry.env_id in (AVELLANEDA_STOIKOV, "qsl/ReplayMarketMaking-v0"):
            continue
        envs = gym.make_vec(entry.env_id, num_envs=num_envs, autoreset_mode="SameStep")
        envs.reset(seed=0)
        envs.action_space.seed(0)
        actions = [envs.action_space.sample() for _ in range(16)]
        steps, rates = 3 if smoke else 40, []
        for _ in range(rounds + 1):
            start = time.perf_counter()
            for k in range(steps):
                envs.step(actions[k % 16])
            rates.append(num_envs * steps / (time.perf_counter() - start))
        rows.append(
            Row(
                env_id=entry.env_id,
                k_env_steps_per_s=statistics.median(rates[1:]) / 1e3,
                KiB_per_env=envs.unwrapped.market.layout.row_bytes / 1024,
            )
        )
        envs.close()
    return rows


def agents(smoke: bool) -> list[Row]:
    """The batched multi-agent form on one core: `qsl/MarketMakers-v0` with 8 makers, and the other two."""
    num_envs = 2 if smoke else 1_024
    rows = []
    sizes = (("qsl/MarketMakers-v0", {"maker": 8}), ("qsl/MakersTakers-v0", {}), ("qsl/LatencyRace-v0", {}))
    for env_id, seats in sizes:
        envs = qsl_envs.make_marl_vec(env_id, num_envs, seats=seats, autoreset_mode="SameStep")
        envs.reset(seed=0)
        draws = np.random.default_rng(0)
        moves = [
            {name: draws.uniform(-1, 1, (num_envs, role.num_seats, len(envs.action_names(name)))).astype(np.float32)
             for name, role in envs.roles.items()}
            for _ in range(8)
        ]  # fmt: skip
        steps, rates = 2 if smoke else 20, []
        for _ in range(2 if smoke else 5):
            start = time.perf_counter()
            for k in range(steps):
                envs.step(moves[k % 8])
            rates.append(num_envs * envs.core.num_seats * steps / (time.perf_counter() - start))
        rows.append(
            Row(
                env_id=env_id,
                envs=num_envs,
                agents=envs.core.num_seats,
                k_agent_steps_per_s=statistics.median(rates[1:]) / 1e3,
                must=1_000.0 if env_id == "qsl/MarketMakers-v0" else None,
                KiB_per_env=envs.market.layout.row_bytes / 1024,
            )
        )
        if smoke:
            break
    return rows


TABLES = {
    "environment": environment,
    "single_step": single_step,
    "avellaneda_stoikov": avellaneda_stoikov,
    "suite": suite,
    "agents": agents,
}

if __name__ == "__main__":
    main(TABLES)
