"""Environment steps a second through the public vector form, and the time of one step of a single env.

Claim: the native vector form costs little beyond its kernel, at one env as at ten thousand. Actions are random and
prepared; episodes end and begin within the clock; observations go to the two buffers that are the default.
"""

from __future__ import annotations

import statistics
import time

import gymnasium as gym
import numpy as np

import qsl_envs  # noqa: F401  registers the environments
from benchmarks.report import Row, main

AVELLANEDA_STOIKOV = "qsl/AvellanedaStoikov-v0"


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


TABLES = {"avellaneda_stoikov": avellaneda_stoikov}

if __name__ == "__main__":
    main(TABLES)
