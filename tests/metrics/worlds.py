"""Random fills and mids of a few episodes, small enough for loops."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from qsl_envs.metrics.fills import Fills, MidPath

FEE_UNIT = 20_000
END_NS = 1_000


def random_world(seed: int, num_episodes: int = 3, max_fills: int = 8) -> tuple[Fills, MidPath]:
    """Fills and mids; every episode has a mid from time 0 on, times repeat, some episodes have no fill."""
    draw = np.random.default_rng(seed)
    counts = draw.integers(0, max_fills + 1, num_episodes)
    episode = np.repeat(np.arange(num_episodes), counts)
    n = len(episode)
    fills = Fills(
        episode=episode, ts_ns=draw.integers(0, END_NS, n), side=draw.integers(0, 2, n),
        price=draw.integers(90, 111, n), qty=draw.integers(1, 6, n), fee=draw.integers(-500, 900, n),
        liquidity=draw.integers(0, 3, n), num_episodes=num_episodes, fee_unit=FEE_UNIT,
    )  # fmt: skip
    mids = [(e, int(ts)) for e in range(num_episodes) for ts in [0, *sorted(draw.integers(0, END_NS, 12))]]
    path = MidPath(
        episode=np.array([e for e, _ in mids]), ts_ns=np.array([ts for _, ts in mids]),
        mid_x2=draw.integers(190, 211, len(mids)), end_ns=np.full(num_episodes, END_NS),
    )  # fmt: skip
    return fills, path


worlds = st.builds(random_world, st.integers(0, 2**31))


def naive_mid(path: MidPath, episode: int, ts_ns: int, before: bool = False) -> int | None:
    """The mid in half ticks by looking through all of them."""
    found = None
    for e, ts, mid in zip(path.episode.tolist(), path.ts_ns.tolist(), path.mid_x2.tolist()):
        if e == episode and (ts < ts_ns or (ts == ts_ns and not before)):
            found = mid
    if found is None and before:
        return naive_mid(path, episode, ts_ns)
    return found if ts_ns <= path.end_ns[episode] else None
