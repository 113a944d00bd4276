"""Checks that every metric makes of its arguments, and sums by episode."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsl_envs.errors import MetricError, require

LIMIT = 2**62
"""What a sum in money may reach."""


def numbers(owner: str, name: str, values: Any, ndim: int | None = None) -> np.ndarray:
    """`values` as float64; NaN stands for "none" and stays.

    Args:
        ndim: dimensions that it must have; None: at least one.
    Raises: MetricError naming the argument.
    """
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise MetricError(f"{owner}.{name} must be an array of numbers: {error}") from error
    allowed = "an array of at least one dimension" if ndim is None else f"an array of {ndim} dimension(s)"
    require(array.ndim >= 1 if ndim is None else array.ndim == ndim, owner, name, allowed, array.shape, MetricError)
    bad = np.isinf(array)
    require(not bad.any(), owner, name, "finite or NaN", array[bad][:1].tolist(), MetricError)
    return array


def integers(
    owner: str, name: str, values: Any, length: int | None = None, low: int | None = None, high: int | None = None
) -> np.ndarray:
    """`values` as a flat int64 array, of a given length and in [low, high].

    Raises: MetricError naming the argument.
    """
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int64)
    kind = np.issubdtype(array.dtype, np.integer) or array.dtype == np.bool_
    require(kind, owner, name, "whole numbers", array.dtype.name, MetricError)
    require(array.ndim == 1, owner, name, "an array of 1 dimension", array.shape, MetricError)
    array = array.astype(np.int64)
    require(length is None or len(array) == length, owner, name, f"of length {length}", len(array), MetricError)
    if low is not None:
        require(bool((array >= low).all()), owner, name, f">= {low}", int(array.min(initial=low)), MetricError)
    if high is not None:
        require(bool((array <= high).all()), owner, name, f"<= {high}", int(array.max(initial=high)), MetricError)
    return array


def count(owner: str, name: str, value: Any) -> int:
    """A whole number from 1 on. Raises: MetricError naming the argument."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    require(whole and int(value) >= 1, owner, name, "a whole number >= 1", value, MetricError)
    return int(value)


def sum_by_episode(values: np.ndarray, episode: np.ndarray, num_episodes: int) -> np.ndarray:
    """Sums of a flat array by its episode, int64 or float64 (num_episodes,); whole numbers are summed exactly."""
    total = np.zeros(num_episodes, np.int64 if np.issubdtype(values.dtype, np.integer) else np.float64)
    np.add.at(total, episode, values)
    return total


def mean_by_episode(
    values: np.ndarray, episode: np.ndarray, num_episodes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Weighted means of a flat array by its episode, float64 (num_episodes,) or (num_episodes, column).

    Args:
        values: float64 (item,) or (item, column); NaN items are left out, with their weight.
        episode: int64 (item,), in [0, num_episodes).
        weights: float64 (item,), >= 0; None: all 1.
    Returns: NaN for an episode without items.
    """
    owner = "mean_by_episode"
    values = numbers(owner, "values", values)
    num_episodes = count(owner, "num_episodes", num_episodes)
    episode = integers(owner, "episode", episode, len(values), 0, num_episodes - 1)
    weights = np.ones(len(values)) if weights is None else numbers(owner, "weights", weights, 1)
    require(len(weights) == len(values), owner, "weights", f"of length {len(values)}", len(weights), MetricError)
    require(bool((weights >= 0).all()), owner, "weights", ">= 0", float(weights.min(initial=0)), MetricError)
    if values.ndim == 2:
        columns = [mean_by_episode(column, episode, num_episodes, weights) for column in values.T]
        return np.stack(columns, 1) if columns else np.zeros((num_episodes, 0))
    held = ~np.isnan(values)
    weights = np.where(held, weights, 0.0)
    top = np.bincount(episode, np.where(held, values, 0.0) * weights, num_episodes)
    bottom = np.bincount(episode, weights, num_episodes)
    return ratio(top, bottom)


def ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """`top / bottom` in float64, NaN where `bottom` is 0."""
    top, bottom = np.broadcast_arrays(np.asarray(top, np.float64), np.asarray(bottom, np.float64))
    out = np.full(bottom.shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return out


def constant(values: np.ndarray) -> np.ndarray:
    """Whether no two numbers of the last axis differ: rounding must not make a deviation of it."""
    high = np.where(np.isnan(values), -np.inf, values).max(-1, initial=-np.inf)
    low = np.where(np.isnan(values), np.inf, values).min(-1, initial=np.inf)
    return high <= low
