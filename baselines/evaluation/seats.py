"""Plays multi-agent environments with a policy on every seat: fixed worlds, each once to its end.

The single-agent counterpart is `baselines.evaluate`; worlds, blocks and padding are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from baselines.evaluate import Worlds
from baselines.policies.keyed import mix_seats
from baselines.policies.protocol import Policy
from qsl_envs.errors import require

METRICS = {
    "score": "sum of rewards",
    "pnl": "P&L at the end, after fees and the closing step, ticks x lots",
    "fees": "fees paid; rebates are negative, ticks x lots",
    "fills": "number of fills",
    "volume": "lots traded, the closing step included",
    "final_inventory": "inventory before the closing step, lots",
    "steps": "length of the seat's part in the episode",
}
"""Metric -> what it is. Each has one value a world and seat."""
SUMMARY = {"pnl": "equity", "fees": "fees", "fills": "fills", "volume": "volume", "final_inventory": "inventory"}
"""Metric -> its key in the summary of an episode."""

Seated = Mapping[str, Sequence[Policy]]
Results = dict[str, dict[str, np.ndarray]]


def play(seated: Seated, worlds: Worlds) -> Results:
    """Run one table of policies on every world.

    Args:
        seated: by role, a policy of its own for each seat.
        worlds: `make` makes the batched multi-agent form, resetting in the same step.
    Returns: role -> metric -> float64 (worlds.count, seats).
    Raises: ConfigError for a role or a seat without a policy, or another autoreset mode.
    """
    envs = worlds.make(worlds.block)
    try:
        return play_in(envs, seated, worlds)
    finally:
        envs.close()


def play_in(envs: Any, seated: Seated, worlds: Worlds) -> Results:
    """The same in environments that are there: `worlds.block` of them."""
    mode = envs.metadata.get("autoreset_mode")
    require(mode == AutoresetMode.SAME_STEP, "play", "envs.metadata['autoreset_mode']", "SAME_STEP", mode)
    seats = {role: made.num_seats for role, made in envs.roles.items()}
    given = {role: len(policies) for role, policies in seated.items()}
    require(given == seats, "play", "seated", f"with as many policies as there are seats: {seats}", given)
    parts: list[Results] = []
    for numbers, count in worlds.blocks():
        found = play_block(envs, seated, worlds.first_seed + numbers)
        parts.append({role: {m: values[:count] for m, values in of.items()} for role, of in found.items()})
    return {role: {m: np.concatenate([part[role][m] for part in parts]) for m in METRICS} for role in seats}


def play_block(envs: Any, seated: Seated, seeds: np.ndarray) -> Results:
    """One block of worlds, every seat to the end of its part in the first episode.

    Args:
        seeds: int64 (envs.num_envs,); env i is world `seeds[i]`.
    """
    n, number = envs.num_envs, 0
    for policies in seated.values():
        for policy in policies:
            policy.reset(mix_seats(seeds, number))
            number += 1
    obs, _ = envs.reset(seed=[int(seed) for seed in seeds])
    shapes = {role: (n, len(policies)) for role, policies in seated.items()}
    running = {role: np.ones(shape, bool) for role, shape in shapes.items()}
    found = {role: {metric: np.zeros(shape) for metric in METRICS} for role, shape in shapes.items()}
    while any(part.any() for part in running.values()):
        actions = {
            role: np.stack([policy(obs[role][:, seat]) for seat, policy in enumerate(policies)], 1)
            for role, policies in seated.items()
        }
        obs, rewards, terminated, truncated, infos = envs.step(actions)
        for role, here in running.items():
            found[role]["score"] += np.where(here, rewards[role], 0.0)
            found[role]["steps"] += here
            ends = here & (terminated[role] | truncated[role])
            if ends.any():
                summary = infos["episode_summary"][role]
                for metric, key in SUMMARY.items():
                    found[role][metric][ends] = summary[key][ends]
                here &= ~ends
    return found
