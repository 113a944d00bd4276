"""Matches and agent steps a second of a tournament, and what of its time is neither kernel nor policies.

Claim: the natively batched tournament spends at most 15 % of its time outside the environment's compiled step and the
players' forward passes, and is 50 times as fast as the same matches through PettingZoo's dictionaries, one market and
one agent at a time. Both are measured in one run, on the same line-up and worlds, with the same results to the bit;
the markets are made outside the clock. Both use one core, and speeds are by the processor's time, the best of some
rounds, so that a machine that others use blurs them less.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pettingzoo
import torch

import qsl_envs  # noqa: F401  registers the environments
from baselines.learning.acting import NetworkPolicy
from baselines.learning.networks import Actor, ActorSpec
from benchmarks.report import Row, main
from leagues.match import Floor, MatchResult
from leagues.players import FunctionPlayer, Player, PlayerSpec, seat_player
from leagues.stage import Stage, seat_seeds

SESSION_NS = 20_000_000_000
"""Two hundred decisions."""


class Clock:
    """Adds up the time inside a function that it stands in for."""

    def __init__(self, owner: Any, name: str) -> None:
        self.seconds, self._inner = 0.0, getattr(owner, name)
        setattr(owner, name, self)

    def __call__(self, *args: Any) -> Any:
        start = time.perf_counter()
        try:
            return self._inner(*args)
        finally:
            self.seconds += time.perf_counter() - start


def network(name: str, seed: int) -> Player:
    """A network of two layers of 64 that was trained on nothing."""

    def make(envs: Any, role: str) -> NetworkPolicy:
        torch.manual_seed(seed)
        width, numbers = envs.observation_space(role).shape[0], len(envs.action_names(role))
        return NetworkPolicy(Actor(ActorSpec(obs_dim=width, action_dim=numbers, hidden=(64, 64))), name)

    return FunctionPlayer(name, make)


def scripted(name: str, policy: str) -> Player:
    """A policy of the library."""
    return seat_player(PlayerSpec(name=name, content={"policy": policy}))


LINE_UPS = {
    "four scripted makers": lambda: [scripted(p, p) for p in ("fixed spread", "inventory skew", "GLFT", "random")],
    "two scripted, two networks": lambda: [scripted("a", "fixed spread"), network("b", 1), scripted("c", "GLFT"),
                                           network("d", 2)],
}  # fmt: skip


def through_dictionaries(stage: Stage, line_up: list[Player], result: MatchResult, worlds: int) -> float:
    """Seconds a match of PettingZoo's form: the same matches, whose P&L is held against the batched one's. Of worlds
    the quickest counts.
    """
    env = pettingzoo.make("parallel", stage.env_id, split=stage.split, **stage.settings)
    vector = env.vector
    best = float("inf")
    for world in range(worlds):
        seconds = 0.0
        for rotation, order in enumerate(result.entrants):
            hands = {}
            for seat, agent in enumerate(env.possible_agents):
                hands[agent] = line_up[order[seat]].sit(vector, "maker")
            seed = int(result.worlds[world])
            start = time.process_time()
            for seat, hand in enumerate(hands.values()):
                hand.reset(seat_seeds(np.array([seed]), np.array([seat])))
            obs, _ = env.reset(seed=seed)
            infos: dict[str, Any] = {}
            while env.agents:
                actions = {agent: hands[agent](obs[agent][None])[0] for agent in env.agents}
                obs, _, _, _, infos = env.step(actions)
            seconds += time.process_time() - start
            for seat, agent in enumerate(env.possible_agents):
                if infos[agent]["episode_summary"]["equity"] != result.pnl[world, rotation, seat]:
                    raise AssertionError(f"world {seed}, rotation {rotation}: another result through dictionaries")
        best = min(best, seconds / len(result.entrants))
    env.close()
    return best


def leagues(smoke: bool) -> list[Row]:
    """`qsl/MarketMakers-v0`, four makers, one core: batched, and the same matches through dictionaries."""
    torch.set_num_threads(1)
    worlds, rounds = (2, 1) if smoke else (256, 4)
    settings = {"session_ns": 1_000_000_000 if smoke else SESSION_NS}
    stage = Stage(env_id="qsl/MarketMakers-v0", settings=settings, split="test", worlds=worlds)
    floor = Floor(stage)
    rows = []
    for name, make in LINE_UPS.items():
        line_up = make()
        floor.play({"maker": line_up})
        best: dict[str, float] = {}
        for turn in range(rounds):
            kernel, reset = Clock(floor.envs.core, "step"), Clock(floor.envs.core, "begin")
            start = time.process_time()
            result = floor.play({"maker": line_up}, 0)
            seconds = time.process_time() - start
            floor.envs.core.step, floor.envs.core.begin = kernel._inner, reset._inner
            inside = kernel.seconds + reset.seconds + result.forward_s
            if turn == 0 or seconds < best["seconds"]:
                best = {"seconds": seconds, "outside": 1.0 - inside / result.seconds,
                        "forward": result.forward_s / result.seconds}  # fmt: skip
        matches = result.pnl.shape[0] * result.pnl.shape[1]
        agent_steps = int(result.numbers["steps"].sum())
        slow = through_dictionaries(stage, line_up, result, 1 if smoke else 4)
        rows.append(
            Row(
                line_up=name,
                markets=floor.envs.num_envs,
                matches_per_s=matches / best["seconds"],
                k_agent_steps_per_s=agent_steps / best["seconds"] / 1e3,
                percent_in_policies=100.0 * best["forward"],
                percent_outside=100.0 * best["outside"],
                goal_outside=15,
                times_dictionaries=slow / (best["seconds"] / matches),
                goal_times=50,
            )
        )
    return rows


TABLES = {"leagues": leagues}

if __name__ == "__main__":
    main(TABLES)
