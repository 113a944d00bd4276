"""Small parts of Gymnasium's contract that single-agent and multi-agent forms share: modes, seeds, masks, pickles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from qsl_envs.errors import require, require_whole


def reset_mask_of(owner: Any, options: dict[str, Any] | None, count: int, started: bool) -> np.ndarray:
    """Which of so many envs a reset is for, bool (count,): those of `options["reset_mask"]`, or all.

    Raises: ConfigError naming another option, or a mask that is none.
    """
    for name in options or {}:
        require(name == "reset_mask", owner, "options", "reset_mask alone", name)
    if not options:
        return np.ones(count, np.bool_)
    mask = options["reset_mask"]
    fits = isinstance(mask, np.ndarray) and mask.shape == (count,) and mask.dtype == np.bool_
    require(fits, owner, "options['reset_mask']", f"a bool array of shape ({count},)", mask)
    require(bool(mask.any()), owner, "options['reset_mask']", "true somewhere", mask)
    require(started or bool(mask.all()), owner, "options['reset_mask']", "all true the first time", mask)
    return mask


def check_count(owner: Any, num_envs: Any) -> None:
    """Raises: ConfigError if `num_envs` is no number of envs."""
    require_whole(owner, "num_envs", num_envs, 1, 1_000_000)


def step_limit_of(owner: Any, limit: Any, field: str = "max_episode_steps") -> int | None:
    """Steps after which an episode is cut off. Raises: ConfigError unless it is None or a whole number above 0."""
    return None if limit is None else require_whole(owner, field, limit, 1, 2**62)


def seeds_of(
    owner: Any, seed: int | Sequence[int | None] | None, count: int, draws: np.random.Generator, seeded: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Seeds of so many envs, int64, and which of them are given, bool: an int is that of env 0, the others count on;
    None draws it; in a sequence None leaves an env as it is, or draws before the first time.

    Raises: ConfigError naming a seed out of range.
    """
    if seed is None or isinstance(seed, (int, np.integer)):
        start = int(draws.integers(2**31)) if seed is None else int(seed)
        seeds: list[int | None] = [start + i for i in range(count)]
    else:
        listed = isinstance(seed, (Sequence, np.ndarray)) and not isinstance(seed, str)
        require(listed, owner, "seed", f"an int or a sequence of {count}", seed)
        seeds = [None if s is None else require_whole(owner, "seed", s, 0, 2**63 - 1) for s in seed]
        require(len(seeds) == count, owner, "seed", f"an int or a sequence of {count}", len(seeds))
        if not seeded and None in seeds:
            fresh = draws.integers(2**31, size=count).tolist()
            seeds = [f if s is None else s for f, s in zip(fresh, seeds, strict=True)]
    given = np.array([s is not None for s in seeds])
    for s in seeds:
        require(s is None or 0 <= s < 2**63, owner, "seed", "in [0, 2**63)", s)
    return np.array([s or 0 for s in seeds], np.int64), given


def masked(values: dict[str, np.ndarray], mask: np.ndarray) -> dict[str, np.ndarray]:
    """Values of an info, each with the mask that tells where it holds."""
    return {key: v for name, value in values.items() for key, v in ((name, value), (f"_{name}", mask.copy()))}


def rebuild(cls: type, arguments: dict[str, Any], spec: Any) -> Any:
    """A new env of equal settings: what a pickle of one holds."""
    env = cls(**arguments)
    env.spec = spec
    return env


def autoreset_mode_of(mode: AutoresetMode | str) -> AutoresetMode:
    """Gymnasium's mode from itself, its name or its value. Raises: ConfigError."""
    names = {m.value: m for m in AutoresetMode} | {m.name: m for m in AutoresetMode}
    known = isinstance(mode, AutoresetMode) or (isinstance(mode, str) and mode in names)
    require(known, "VectorEnv", "autoreset_mode", f"one of {', '.join(m.value for m in AutoresetMode)}", mode)
    return mode if isinstance(mode, AutoresetMode) else names[mode]
