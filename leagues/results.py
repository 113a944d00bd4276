"""What a match log says: who earned what against whom, scores on paired worlds, ratings; all from the log alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from leagues.ratings import LEVEL, Ratings, bootstrap_ratings, bradley_terry, openskill, plackett_luce
from qsl_envs.errors import DataError

PRIOR = 1.0
"""Games, half of them won, against a player of mean strength that the ratings of a contest start from."""
RESAMPLES = 500
FIT = 1e-6
"""Largest change of a log strength in the last round of a fit."""


@dataclass(frozen=True)
class Contest:
    """The matches of one contest by group, player and world.

    Attributes:
        name, scenario, role: of the contest.
        players: contestants.
        groups: who met.
        worlds: int64 (world,), seeds.
        pnl: float64 (group, player, world): mean P&L of a player over its seats and rotations, ticks x lots; NaN for
            those that were not there, and where it forfeited.
        facts: name -> float64 (player,): means over all its seats, of `fees`, `inventory` (absolute, before the close),
            `peak_inventory`, `fills`, `volume`, `reward`, and of `ruined`, the share of seats that were out before the
            close.
        forfeits: player -> {reason: seats}.
        split, seconds: family of worlds; wall time of all matches together.
        matches: rows of the log.
    """

    name: str
    scenario: str
    role: str
    players: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    worlds: np.ndarray
    pnl: np.ndarray
    forfeited: np.ndarray
    facts: dict[str, np.ndarray]
    forfeits: dict[str, dict[str, int]]
    split: str
    seconds: float
    matches: int

    @property
    def at_once(self) -> int:
        """Different contestants in a market, at most."""
        return max(len(group) for group in self.groups)

    def differences(self) -> np.ndarray:
        """P&L of the row player less that of the column player, float64 (player, player, world).

        Mean over the groups in which both were; where no group has two players (each met the background alone), over
        the markets of both in the same world. NaN where they did not meet, or one forfeited.
        """
        n = len(self.players)
        if self.at_once == 1:
            alone = self.alone()
            return alone[:, None] - alone[None]
        total, count = np.zeros((n, n, len(self.worlds))), np.zeros((n, n, len(self.worlds)))
        for row in self.pnl:
            apart = row[:, None] - row[None]
            there = np.isfinite(apart)
            total += np.where(there, apart, 0.0)
            count += there
        with np.errstate(invalid="ignore"):
            apart = total / count
        for k in range(n):
            apart[k, k] = 0.0
        return apart

    def alone(self) -> np.ndarray:
        """P&L of each player in markets without other contestants, float64 (player, world); NaN without such."""
        found = np.full((len(self.players), len(self.worlds)), np.nan)
        for group, row in zip(self.groups, self.pnl):
            if len(group) == 1:
                number = self.players.index(group[0])
                found[number] = row[number]
        return found

    def payoffs(self) -> np.ndarray:
        """Mean P&L of the row player in markets with the column player, float64 (player, player).

        The diagonal is what it earns among its like. NaN where two did not meet.
        """
        n = len(self.players)
        if self.at_once == 1:
            return np.repeat(_mean(self.alone())[:, None], n, 1)
        table = np.full((n, n), np.nan)
        for i in range(n):
            for j in range(n):
                both = {self.players[i], self.players[j]}
                rows = [k for k, group in enumerate(self.groups) if both <= set(group) and (i != j or len(group) == 1)]
                if rows:
                    table[i, j] = _mean(self.pnl[rows, i].reshape(1, -1))[0]
        return table

    def score_intervals(self, seed: int = 0) -> np.ndarray:
        """Mean difference of row and column with its bootstrap interval over worlds, float64 (player, player, 3)."""
        apart = self.differences()
        draws = np.random.default_rng(seed)
        counts = np.stack(
            [np.bincount(draws.integers(0, len(self.worlds), len(self.worlds)), minlength=len(self.worlds))
             for _ in range(RESAMPLES)]
        ).astype(np.float64)  # fmt: skip
        there = np.isfinite(apart)
        with np.errstate(invalid="ignore"):
            sample = (np.where(there, apart, 0.0) @ counts.T) / (there.astype(np.float64) @ counts.T)
        met = np.isfinite(sample).any(-1)
        tail = 50 * (1 - LEVEL)
        low, high = np.nanpercentile(np.where(met[..., None], sample, 0.0), [tail, 100 - tail], axis=-1)
        low, high = np.where(met, low, np.nan), np.where(met, high, np.nan)
        return np.stack([_mean(apart), low, high], -1)

    def wins(self) -> np.ndarray:
        """How often the row player earned more than the column player, float64 (player, player, world); equal P&L is
        half a win of each. Who forfeited lost to all that did not.
        """
        n, worlds = len(self.players), len(self.worlds)
        won = np.zeros((n, n, worlds))
        for row, gone in self._rows():
            present = np.isfinite(row) | gone
            both = present[:, None] & present[None]
            value = np.where(gone, -np.inf, row)
            won += np.where(both, (value[:, None] > value[None]) + 0.5 * (value[:, None] == value[None]), 0.0)
        for k in range(n):
            won[k, k] = 0.0
        return won

    def _rows(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """P&L and forfeits (player, world) of what is compared: each group, or all players alone together."""
        if self.at_once > 1:
            return [(self.pnl[k], self.forfeited[k]) for k, group in enumerate(self.groups) if len(group) > 1]
        gone = np.zeros((len(self.players), len(self.worlds)), bool)
        for k, group in enumerate(self.groups):
            gone[self.players.index(group[0])] = self.forfeited[k, self.players.index(group[0])]
        return [(self.alone(), gone)]

    def orders(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rankings by P&L: (orders int64 (ranking, place), -1 at the end; world (ranking,); weight (ranking,)).

        Equal players are ranked both ways round, half a ranking each.
        """
        found, where, weights = [], [], []
        for row, gone in self._rows():
            for world in range(len(self.worlds)):
                value = np.where(gone[:, world], -np.inf, row[:, world])
                there = np.flatnonzero(np.isfinite(row[:, world]) | gone[:, world])
                if len(there) < 2:
                    continue
                one = there[np.argsort(-value[there], kind="stable")]
                other = there[::-1][np.argsort(-value[there[::-1]], kind="stable")]
                for order in (one, other):
                    found.append(np.concatenate([order, np.full(len(self.players) - len(order), -1)]))
                    where.append(world)
                    weights.append(0.5)
        orders = np.array(found, np.int64).reshape(len(found), len(self.players))
        return orders, np.array(where, np.int64), np.array(weights)

    def ratings(self, seed: int = 0) -> Ratings:
        """Bradley-Terry for pairs, Plackett-Luce where more met, with intervals over worlds."""
        if self.at_once > 2:
            orders, where, weights = self.orders()

            def fit(counts: np.ndarray, start: np.ndarray | None) -> np.ndarray:
                return plackett_luce(orders, len(self.players), weights * counts[where], PRIOR, FIT, start=start)
        else:
            won = self.wins()

            def fit(counts: np.ndarray, start: np.ndarray | None) -> np.ndarray:
                return bradley_terry(won @ counts, PRIOR, FIT, start=start)

        return bootstrap_ratings(self.players, fit, len(self.worlds), RESAMPLES, seed)

    def skills(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and spread of each player's skill by `openskill`, which takes the matches world by world."""
        orders, where, _ = self.orders()
        return openskill(orders[np.argsort(where, kind="stable")][::2], len(self.players))


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without NaN; NaN where nothing is left."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(there, values, 0.0).sum(-1) / there.sum(-1)


def contests_of(log: pa.Table) -> list[Contest]:
    """The contests of a match log, in its order. Raises: DataError for a log whose rows do not belong together."""
    names = list(dict.fromkeys(log["contest"].to_pylist()))
    return [_contest(name, log.filter(pa.compute.equal(log["contest"], name)).to_pylist()) for name in names]


def _contest(name: str, rows: Sequence[dict[str, Any]]) -> Contest:
    groups = list(dict.fromkeys(tuple(row["group"]) for row in rows))
    players = list(dict.fromkeys(player for group in groups for player in group))
    worlds = sorted({row["seed"] for row in rows})
    group_at, player_at = {g: k for k, g in enumerate(groups)}, {p: k for k, p in enumerate(players)}
    world_at = {w: k for k, w in enumerate(worlds)}
    shape = (len(groups), len(players), len(worlds))
    money, count, gone = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, bool)
    sums = {key: np.zeros(len(players)) for key in ("fees", "inventory", "peak_inventory", "fills", "volume", "reward",
                                                    "ruined", "seats")}  # fmt: skip
    forfeits: dict[str, dict[str, int]] = {player: {} for player in players}
    unit = rows[0]["fee_unit"]
    role = ""
    for row in rows:
        g, w = group_at[tuple(row["group"])], world_at[row["seed"]]
        for seat, player in enumerate(row["seats"]):
            if player not in player_at or player not in row["group"]:
                continue
            p, role = player_at[player], row["roles"][seat]
            money[g, p, w] += round(row["pnl"][seat] * unit)
            count[g, p, w] += 1
            if row["forfeits"][seat]:
                gone[g, p, w] = True
                reason = row["forfeits"][seat]
                forfeits[player][reason] = forfeits[player].get(reason, 0) + 1
            sums["seats"][p] += 1
            sums["ruined"][p] += row["end"][seat] != 1
            sums["inventory"][p] += abs(row["inventory"][seat])
            for key in ("fees", "peak_inventory", "fills", "volume", "reward"):
                sums[key][p] += row[key][seat]
    if (count.sum(1) > 0).all(0).sum() != len(worlds):
        raise DataError(f"contest {name!r}: not every group played every world; finish the tournament first")
    with np.errstate(invalid="ignore"):
        pnl = np.where((count > 0) & ~gone, money / (count * unit), np.nan)
    seats = np.maximum(sums.pop("seats"), 1)
    return Contest(
        name, rows[0]["scenario"], role, tuple(players), tuple(groups), np.array(worlds, np.int64), pnl, gone,
        {key: total / seats for key, total in sums.items()},
        {player: reasons for player, reasons in forfeits.items() if reasons}, rows[0]["split"],
        float(sum(row["wall_s"] for row in rows)), len(rows),
    )  # fmt: skip
