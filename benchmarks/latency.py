"""What latency costs: an arbitrageur's profit over the length of its lines, and two of them in a race.

Claim: latency is real. The same strategy in the same worlds earns less the longer its lines are, and of two racers the
nearer one earns more. Also draws docs/images/latency.png.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import qsl_envs
from baselines.evaluate import Estimate, bootstrap
from baselines.policies.arbitrage import CrossVenueArbitrage
from baselines.policies.desk import Desk
from benchmarks.report import Row, main

LATENCIES_NS = (10_000, 100_000, 500_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000, 50_000_000)
SPLIT = "test"
RIVAL_NS = 500_000
"""Latency of the first racer, each way."""
EDGE = 0.9
"""Ticks that must remain after fees: two ticks before them pay, one does not."""


def lines(latency_ns: int) -> dict[str, Any]:
    """Lines of a participant, all of one latency, with a tenth of it as mean jitter."""
    line = {"latency_ns": latency_ns, "jitter": "exponential" if latency_ns else "none", "jitter_ns": latency_ns // 10}
    return {"order_link": line, "report_link": line, "feed_link": line}


def arbitrage_profit(latency_ns: int, worlds: int, seed: int = 0, edge: float = EDGE, **settings: Any) -> np.ndarray:
    """True profit of `CrossVenueArbitrage` in each world, fees paid, float64 (worlds,), ticks x lots."""
    config = {**settings.pop("config", {}), "participants": [lines(latency_ns)]}
    envs = gym.make_vec("qsl/CrossVenueArbitrage-v0", num_envs=worlds, split=SPLIT, config=config,
                        autoreset_mode="SameStep", max_loss=1e9, **settings).unwrapped  # fmt: skip
    policy = CrossVenueArbitrage(Desk.of(envs), edge)
    obs, _ = envs.reset(seed=seed)
    while True:
        obs, *_, infos = envs.step(policy(obs))
        if "final_info" in infos:
            return infos["final_info"]["episode_summary"]["equity"].copy()


def race(latencies_ns: tuple[int, ...], worlds: int, seed: int = 0, edge: float = EDGE, **settings: Any) -> np.ndarray:
    """True profits of racers with these lines and one strategy, float64 (worlds, racers), ticks x lots."""
    config = {**settings.pop("config", {}), "participants": [lines(ns) for ns in latencies_ns]}
    envs = qsl_envs.make_marl_vec("qsl/LatencyRace-v0", worlds, seats={"racer": len(latencies_ns)}, split=SPLIT,
                                  config=config, tasks={"racer": {"max_loss": 1e9}}, **settings)  # fmt: skip
    policy = CrossVenueArbitrage(Desk.of(envs, "racer"), edge)
    obs, _ = envs.reset(seed=seed)
    while True:
        flat = obs["racer"].reshape(-1, obs["racer"].shape[2])
        obs, *_, infos = envs.step({"racer": policy(flat).reshape(worlds, len(latencies_ns), -1)})
        if "episode_summary" in infos:
            return infos["episode_summary"]["racer"]["equity"].copy()


def latency(smoke: bool) -> list[Row]:
    """Profit of a session on held-out worlds, ticks x lots, each with its 95 % bootstrap interval over worlds."""
    worlds, tried = (2, LATENCIES_NS[:1]) if smoke else (128, LATENCIES_NS)
    settings: dict[str, Any] = {"session_ns": 200_000_000} if smoke else {}
    alone = {ns: bootstrap(arbitrage_profit(ns, worlds, **settings)) for ns in tried}
    races = {}
    for ns in tried:
        pnl = race((RIVAL_NS, ns), worlds, **settings)
        races[ns] = (bootstrap(pnl[:, 0]), bootstrap(pnl[:, 1]), bootstrap(pnl[:, 1] - pnl[:, 0]))
    if not smoke:
        draw(alone, races, Path(__file__).parents[1] / "docs" / "images" / "latency.png")
    return [
        Row(latency_ms=ns / 1e6, alone=str(alone[ns]), rival=str(races[ns][0]), racer=str(races[ns][1]),
            racer_minus_rival=str(races[ns][2]))
        for ns in tried
    ]  # fmt: skip


def draw(alone: dict[int, Estimate], races: dict[int, tuple[Estimate, Estimate, Estimate]], path: Path) -> None:
    """Profit over latency, alone and in the race, with intervals."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
    ms = np.array(list(alone)) / 1e6
    series = [(axes[0], "alone", list(alone.values()), "tab:blue"),
              (axes[1], "rival, always at 0.5 ms", [r[0] for r in races.values()], "tab:green"),
              (axes[1], "racer at this latency", [r[1] for r in races.values()], "tab:red")]  # fmt: skip
    for ax, label, values, color in series:
        low, mean, high = (np.array([getattr(v, k) for v in values]) for k in ("low", "mean", "high"))
        ax.plot(ms, mean, "o-", color=color, label=label, markersize=4)
        ax.fill_between(ms, low, high, color=color, alpha=0.2)
    for ax, title in zip(axes, ("One arbitrageur", "Two, with the same strategy"), strict=True):
        ax.set(xscale="log", xlabel="latency each way, ms", title=title)
        ax.axhline(0, color="gray", linewidth=0.8)
        ax.grid(alpha=0.3)
        ax.legend(frameon=False)
    axes[0].set_ylabel("profit a session, ticks x lots")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


TABLES = {"latency": latency}

if __name__ == "__main__":
    main(TABLES)
