"""Chance of policies: draws that are pure functions of (seed of a row, step, element), so batches do not matter."""

from __future__ import annotations

import numpy as np


def mixed(key: np.ndarray) -> np.ndarray:
    """Scramble uint64 keys: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    key = key + np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


def even(seeds: np.ndarray, step: int, count: int) -> np.ndarray:
    """Even draws in (0, 1), float64 (row, count).

    Args:
        seeds: of the rows, int64 (row,).
        step: number of the decision, from 0.
        count: draws of each row.
    """
    elements = np.uint64(step * count) + np.arange(count, dtype=np.uint64)
    key = mixed(mixed(np.asarray(seeds).astype(np.uint64))[:, None] ^ elements)
    return ((key >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normal(seeds: np.ndarray, step: int, count: int) -> np.ndarray:
    """Standard normal draws, float64 (row, count): Box and Muller (1958), one of each pair."""
    u = even(seeds, step, 2 * count)
    return np.sqrt(-2.0 * np.log(u[:, :count])) * np.cos(2.0 * np.pi * u[:, count:])


def mix_seats(worlds: np.ndarray, seat: int | np.ndarray) -> np.ndarray:
    """One seed for a seat of each world, int64 (world,), >= 0; `seat` is one for all, or one for each."""
    key = mixed(mixed(np.asarray(worlds).astype(np.uint64)) ^ (np.asarray(seat).astype(np.uint64) + np.uint64(1)))
    return (key >> np.uint64(1)).astype(np.int64)
