"""The archive of a search: every individual that was ever tried, in the order of trying, with its parents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NO_PARENT = -1


class Archive:
    """Individuals by number.

    | array        | dtype, axes            | meaning                                                     |
    | ------------ | ---------------------- | ----------------------------------------------------------- |
    | `genes`      | float64 (n, gene)      | rows of the genome                                          |
    | `objectives` | float64 (n, objective) | NaN throughout where the evaluation failed                  |
    | `generation` | int64 (n,)             |                                                             |
    | `parents`    | int64 (n, 2)           | numbers, or -1                                              |
    | `effort`     | float64 (n,)           | share of a full evaluation that it was given                |
    | `metrics`    | float64 (n, metric)    | means over worlds of what `metric_names` lists, NaN unknown |
    | `origins`    | list of str            | how it came to be: random, children, cma, rung k            |
    | `reasons`    | list of str            | why its evaluation failed; empty where it did not           |

    Args:
        num_genes, num_objectives: widths.
        signs: 1.0 where more is better, -1.0 where less is, float64 (objective,).
        metric_names: of `metrics`.
    """

    def __init__(self, num_genes: int, signs: np.ndarray, metric_names: Sequence[str] = ()):
        self.signs, self.metric_names = np.asarray(signs, np.float64), tuple(metric_names)
        self.genes, self.objectives = np.zeros((0, num_genes)), np.zeros((0, len(self.signs)))
        self.generation, self.parents = np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
        self.effort, self.metrics = np.zeros(0), np.zeros((0, len(self.metric_names)))
        self._front, self._seen = np.zeros(0, np.int64), 0
        """the front among the individuals before `_seen`"""
        self.origins: list[str] = []
        self.reasons: list[str] = []

    def __len__(self) -> int:
        return len(self.genes)

    def add(self, genes: np.ndarray, objectives: np.ndarray, *, generation: int, parents: np.ndarray, effort: float,
            origin: str, reasons: Sequence[str], metrics: np.ndarray) -> np.ndarray:  # fmt: skip
        """Take up individuals; returns their numbers, int64 (n,)."""
        first, count = len(self), len(genes)
        assert all((reason != "") == bool(np.isnan(row).all()) for reason, row in zip(reasons, objectives))
        self.genes = np.concatenate([self.genes, genes])
        self.objectives = np.concatenate([self.objectives, objectives])
        self.generation = np.append(self.generation, np.full(count, generation))
        self.parents = np.concatenate([self.parents, parents])
        self.effort = np.append(self.effort, np.full(count, effort))
        self.metrics = np.concatenate([self.metrics, metrics])
        self.origins += [origin] * count
        self.reasons += list(reasons)
        return np.arange(first, first + count)

    def sound(self, numbers: np.ndarray) -> np.ndarray:
        """Those whose evaluation did not fail."""
        return numbers[~np.isnan(self.objectives[numbers]).any(1)]

    def costs(self, numbers: np.ndarray) -> np.ndarray:
        """Objectives turned so that less is better, float64 (n, objective)."""
        return -self.signs * self.objectives[numbers]

    def front(self) -> np.ndarray:
        """Numbers of those fully evaluated that nobody dominates, each point once, in rising order of costs."""
        fresh = np.arange(self._seen, len(self))
        rivals = np.concatenate([self._front, self.sound(fresh[self.effort[fresh] == 1.0])])
        self._front, self._seen = rivals[first_front(self.costs(rivals))], len(self)
        return self._front

    def state(self) -> dict[str, np.ndarray]:
        """All of it as arrays."""
        names = ("genes", "objectives", "generation", "parents", "effort", "metrics")
        words = {name: np.array(getattr(self, name), np.str_) for name in ("origins", "reasons")}
        return {**{name: getattr(self, name) for name in names}, **words}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Become what `state` was of."""
        self._front, self._seen = np.zeros(0, np.int64), 0
        for name, values in state.items():
            setattr(self, name, values.tolist() if name in ("origins", "reasons") else values.copy())


def first_front(costs: np.ndarray) -> np.ndarray:
    """Places of the points that no other point dominates, in rising order of the costs; of equal points the first.

    Args:
        costs: float64 (point, objective), less is better.
    """
    order = np.lexsort((np.arange(len(costs)), *costs.T[::-1]))
    if costs.shape[1] == 2 and len(costs):
        second = costs[order, 1]
        below = np.append(np.inf, np.minimum.accumulate(second)[:-1])
        return order[second < below]
    kept: list[int] = []
    best = np.zeros((0, costs.shape[1]))
    for place in order:  # in this order nobody later can dominate somebody earlier
        if not (best <= costs[place]).all(1).any():
            kept.append(int(place))
            best = np.concatenate([best, costs[place][None]])
    return np.array(kept, np.int64)


def hypervolume(costs: np.ndarray, reference: np.ndarray) -> float:
    """Volume that points dominate below a reference point, less is better (Zitzler and Thiele 1998).

    By slices: exact for any number of objectives, meant for two to four.

    Args:
        costs: float64 (point, objective); points beyond the reference count for nothing.
        reference: float64 (objective,).
    """
    costs = np.asarray(costs, np.float64)
    costs = costs[(costs < reference).all(1)]
    if len(costs) == 0:
        return 0.0
    costs = costs[first_front(costs)]
    if costs.shape[1] == 1:
        return float(reference[0] - costs.min())
    if costs.shape[1] == 2:  # a staircase, in rising order of the first cost
        widths = np.append(costs[1:, 0], reference[0]) - costs[:, 0]
        return float((widths * (reference[1] - costs[:, 1])).sum())
    order = np.argsort(costs[:, -1], kind="stable")
    heights = np.append(costs[order[1:], -1], reference[-1]) - costs[order, -1]
    return sum(float(height) * hypervolume(costs[order[: n + 1], :-1], reference[:-1])
               for n, height in enumerate(heights) if height > 0)  # fmt: skip
