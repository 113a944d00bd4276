"""Matches: all players of a line-up in the same markets, many worlds at once, one forward pass a player and step.

The worlds of a block are played once for every rotation of the players over the seats. A world is the same for every
line-up and rotation (same seed, same noise at a seat), so what differs between two players in it is their doing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from leagues.players import Player, require_role
from leagues.stage import Stage, neutral_action, seat_seeds
from qsl_envs.errors import QslError, require

LineUpOf = Mapping[str, Sequence[Player]]
"""Role -> players at its seats, seat by seat; one player may sit more than once."""

NUMBERS = {"pnl": "equity", "reward": "return", "fees": "fees", "inventory": "inventory",
           "peak_inventory": "peak_inventory", "fills": "fills", "volume": "volume", "steps": "length",
           "end": "end"}  # fmt: skip
"""Number of a match -> key of the environment's episode summary."""


@dataclass(frozen=True)
class MatchResult:
    """What came of a block of matches. Axes: world, rotation, seat.

    Attributes:
        stage: where it was.
        worlds: int64 (world,), their seeds.
        names: names of the line-up, seat by seat as in rotation 0.
        roles: role of each seat.
        entrants: int64 (rotation, seat): whose number in `names` sits there.
        numbers: of `NUMBERS`, float64 or int64 (world, rotation, seat); `pnl` in ticks x lots, after the liquidation.
        forfeits: (world, rotation, seat) -> why that player forfeited; its seat did nothing from then on.
        fee_unit: money units of a tick x lot: P&L are whole multiples of 1 / fee_unit.
        seconds: wall time of the block.
        forward_s: of it, in policies.
        step_s: of it, in the environment's step.
    """

    stage: Stage
    worlds: np.ndarray
    names: tuple[str, ...]
    roles: tuple[str, ...]
    entrants: np.ndarray
    numbers: dict[str, np.ndarray]
    fee_unit: int
    seconds: float
    forward_s: float
    step_s: float
    forfeits: dict[tuple[int, int, int], str] = field(default_factory=dict)

    @property
    def players(self) -> tuple[str, ...]:
        """Names without repetition, in the order of the seats."""
        return tuple(dict.fromkeys(self.names))

    @property
    def pnl(self) -> np.ndarray:
        """float64 (world, rotation, seat), ticks x lots."""
        return self.numbers["pnl"]

    def means(self) -> dict[str, np.ndarray]:
        """Mean P&L of each player over its seats and rotations, float64 (world,); NaN where it forfeited."""
        money = np.rint(self.pnl * self.fee_unit).astype(np.int64)
        out = {}
        for name in self.players:
            mask = np.array([n == name for n in self.names])[self.entrants]
            out[name] = money[:, mask].sum(1) / (mask.sum() * self.fee_unit)
            for world, rotation, seat in self.forfeits:
                if mask[rotation, seat]:
                    out[name][world] = np.nan
        return out

    def scores(self) -> dict[str, np.ndarray]:
        """Score of each player, float64 (world,), ticks x lots: its mean P&L over its seats and rotations less the mean
        of all seats of its role, in the same worlds.

        Money is summed in whole units, so equal players score exactly 0. NaN where the player forfeited; forfeited
        seats of others count with what they had.
        """
        money = np.rint(self.pnl * self.fee_unit).astype(np.int64)
        roles = np.array(self.roles)
        out: dict[str, np.ndarray] = {}
        for name in self.players:
            own = np.array([n == name for n in self.names])[self.entrants]
            at = roles[[n == name for n in self.names]]
            rivals = np.broadcast_to(np.isin(roles, at), self.entrants.shape)
            count, whole = int(own.sum()), int(rivals.sum())
            excess = money[:, own].sum(1) * whole - money[:, rivals].sum(1) * count
            out[name] = excess / (count * whole * self.fee_unit)
            for world, rotation, seat in self.forfeits:
                if own[rotation, seat]:
                    out[name][world] = np.nan
        return out


class _Hand:
    """One player's policy at all seats where it sits: rows of the observations, in one call a step.

    Args:
        role: that it plays.
        replicas, seats: where, int64 (rows,).
        num_seats: of the role: seat s of replica r is row `r * num_seats + s` of the role's arrays.
    """

    def __init__(self, role: str, replicas: np.ndarray, seats: np.ndarray, num_seats: int):
        self.role, self.replicas, self.seats = role, replicas, seats
        self.rows = replicas * num_seats + seats
        self.broken = np.zeros(len(replicas), bool)
        self.reasons: dict[int, str] = {}

    def break_rows(self, rows: np.ndarray, reason: str) -> None:
        for row in np.flatnonzero(rows & ~self.broken):
            self.reasons[int(row)] = reason
        self.broken |= rows

    def begin(self, player: Player, envs: Any, seeds: np.ndarray) -> None:
        """Let the player sit down and begin; what its code raises is why it forfeits.

        Raises: ConfigError, DataError of a player that does not fit: that is the caller's mistake.
        """
        try:
            self.policy = player.sit(envs, self.role)
            self.policy.reset(seeds)
        except QslError:
            raise
        except Exception as error:
            self.break_rows(np.ones(len(seeds), bool), f"at the start: {type(error).__name__}: {error}")

    def act(self, obs: np.ndarray, neutral: np.ndarray, step: int, choices: int) -> np.ndarray:
        """Actions (rows, ...) for observations (rows, width), neutral where the player has forfeited."""
        wanted = (len(obs), *neutral.shape)
        if self.broken.all():
            return np.broadcast_to(neutral, wanted)
        try:
            actions = np.asarray(self.policy(obs))
            if actions.shape != wanted:
                raise ValueError(f"actions of shape {actions.shape} where {wanted} belong")
            good = np.isfinite(actions)
            if choices:
                good &= (actions >= 0) & (actions < choices) & (actions == np.floor(actions))
        except Exception as error:
            self.break_rows(np.ones(len(obs), bool), f"step {step}: {type(error).__name__}: {error}")
            return np.broadcast_to(neutral, wanted)
        if not good.all() or self.broken.any():
            bad = ~good.reshape(len(obs), -1).all(1)
            self.break_rows(
                bad, f"step {step}: {'no choice that there is' if choices else 'an action that is not finite'}"
            )
            actions = np.where(self.broken.reshape(-1, *[1] * neutral.ndim), neutral, actions)
        return actions


class Floor:
    """The markets of a stage, made once; matches are played in them one block after another.

    Args:
        stage: where.

    Attributes:
        envs: the batched environment: `stage.worlds` worlds, each once for every rotation.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.seats = stage.seats
        self.orders = stage.orders
        self.envs = stage.make(stage.worlds * len(self.orders))
        self.roles = tuple(role for role, count in self.seats.items() for _ in range(count))
        self.neutral = {role: self._neutral(role) for role in self.seats}
        self.choices = {role: int(getattr(self.envs.action_space(role), "n", 0)) for role in self.seats}
        self.guest_floors: dict[Any, Floor] = {}

    def _neutral(self, role: str) -> np.ndarray:
        discrete = hasattr(self.envs.action_space(role), "n")
        return np.zeros((), np.int64) if discrete else neutral_action(self.envs, role)

    def play(self, line_up: LineUpOf, first_world: int = 0) -> MatchResult:
        """Play one block of worlds to the end of their sessions.

        Args:
            line_up: players by role, one a seat.
            first_world: seed of the block's first world; the others follow.
        Raises: ConfigError for a line-up that does not fit the seats, or a player that cannot play its role. What a
            policy does wrong while it plays is a forfeit in the result.
        """
        entrants = self.seated(line_up)
        if any(hasattr(player, "group") for player in entrants):
            from leagues.guests import play_with_guests  # it stands on this module

            return play_with_guests(self, line_up, first_world)
        return self.play_rotations(entrants, first_world)

    def play_rotations(self, entrants: list[Player], first_world: int) -> MatchResult:
        """Play a block of a checked line-up, players seat by seat, in all orders of this floor."""
        start = time.perf_counter()
        worlds = first_world + np.arange(self.stage.worlds, dtype=np.int64)
        seeds = np.repeat(worlds, len(self.orders))
        hands = self._hands(entrants, seeds)
        obs, _ = self.envs.reset(seed=seeds.tolist())
        self.begin_guests()
        numbers, forward_s, step_s = self._run(obs, hands)
        shape = (len(worlds), len(self.orders), len(self.roles))
        numbers = {name: part.reshape(shape) for name, part in numbers.items()}
        forfeits: dict[tuple[int, int, int], str] = {}
        for hand in hands:
            first = self.roles.index(hand.role)
            for row, reason in hand.reasons.items():
                world, rotation = divmod(int(hand.replicas[row]), len(self.orders))
                forfeits[world, rotation, first + int(hand.seats[row])] = reason
        self.write_guests(numbers, forfeits)
        return MatchResult(
            self.stage, worlds, tuple(player.name for player in entrants), self.roles, self.orders, numbers,
            int(self.envs.market.config.fee_unit), time.perf_counter() - start, forward_s, step_s,
            dict(sorted(forfeits.items())),
        )  # fmt: skip

    def check_role(self, player: Player, role: str) -> None:
        """Let a player sit down at a role. Raises: ConfigError, DataError naming one that cannot."""
        require(role in self.seats, "line-up", "roles", f"of {', '.join(self.seats)}", role)
        require_role(player, role)
        try:
            player.sit(self.envs, role)
        except QslError:
            raise
        except Exception:  # a mistake of its code is a forfeit, when it plays
            return

    def seated(self, line_up: LineUpOf) -> list[Player]:
        """Players seat by seat."""
        for role in line_up:
            require(role in self.seats, "line-up", "roles", f"of {', '.join(self.seats)}", role)
        entrants: list[Player] = []
        for role, count in self.seats.items():
            players = list(line_up.get(role, ()))
            names = [player.name for player in players]
            require(len(players) == count, "line-up", role, f"{count} players, one a seat", names)
            for player in players:
                require_role(player, role)
            entrants += players
        by_name: dict[str, Player] = {}
        for player in entrants:
            same = by_name.setdefault(player.name, player) is player
            require(same, "line-up", "names", "different for different players", player.name)
        return entrants

    def _hands(self, entrants: list[Player], seeds: np.ndarray) -> list[_Hand]:
        """A policy for each player and role, with the rows that it moves; begun."""
        hands, first = [], 0
        for role, count in self.seats.items():
            here = np.tile(self.orders[:, first : first + count], (self.stage.worlds, 1))  # (replica, seat): entrant
            names = np.array([player.name for player in entrants])[here]
            for player in {player.name: player for player in entrants[first : first + count]}.values():
                replicas, seats = np.nonzero(names == player.name)
                hand = _Hand(role, replicas, seats, count)
                hand.begin(player, self.envs, seat_seeds(seeds[replicas], first + seats))
                hands.append(hand)
            first += count
        return hands

    def _run(self, obs: dict[str, np.ndarray], hands: list[_Hand]) -> tuple[dict[str, np.ndarray], float, float]:
        """Step until every seat's part in its first episode is over; numbers (replica, seat), seconds."""
        n, clock = self.envs.num_envs, time.perf_counter
        actions = {role: np.empty((n, count, *self.neutral[role].shape), self.neutral[role].dtype)
                   for role, count in self.seats.items()}  # fmt: skip
        by_row = {role: part.reshape(-1, *self.neutral[role].shape) for role, part in actions.items()}
        numbers: dict[str, np.ndarray] = {}
        over = {role: np.zeros((n, count), bool) for role, count in self.seats.items()}
        forward_s = step_s = 0.0
        step = 0
        while not all(part.all() for part in over.values()):
            for hand in hands:
                seen = obs[hand.role]
                rows = np.take(seen.reshape(-1, seen.shape[-1]), hand.rows, axis=0)
                before = clock()
                moves = hand.act(rows, self.neutral[hand.role], step, self.choices[hand.role])
                forward_s += clock() - before
                by_row[hand.role][hand.rows] = moves
            before = clock()
            self.move_guests(step)
            forward_s += clock() - before
            before = clock()
            obs, _, _, _, infos = self.envs.step(actions)
            step_s += clock() - before
            step += 1
            if "episode_summary" in infos:
                self._keep(numbers, over, infos["episode_summary"])
            self.close_guests(over)
        return numbers, forward_s, step_s

    def _keep(self, numbers: dict[str, np.ndarray], over: dict[str, np.ndarray], summary: dict[str, Any]) -> None:
        """Take the numbers of the seats whose first episode ended in this step."""
        first = 0
        for role, count in self.seats.items():
            fresh = summary[role]["_mask"] & ~over[role]
            for name, key in NUMBERS.items():
                values = summary[role][key]
                if name not in numbers:
                    numbers[name] = np.zeros((self.envs.num_envs, len(self.roles)), values.dtype)
                numbers[name][:, first : first + count][fresh] = values[fresh]
            over[role] |= fresh
            first += count

    # --- what a floor with guests does more

    def begin_guests(self) -> None:
        """A fresh episode has begun."""

    def move_guests(self, step: int) -> None:
        """The seats have decided, and nothing is sent yet."""

    def close_guests(self, over: dict[str, np.ndarray]) -> None:
        """A step is over; bool (replica, seat) by role says whose part in the first episode is."""

    def write_guests(self, numbers: dict[str, np.ndarray], forfeits: dict[tuple[int, int, int], str]) -> None:
        """All is played; arrays are (world, rotation, seat)."""


def play_match(stage: Stage, line_up: LineUpOf, first_world: int = 0, floor: Floor | None = None) -> MatchResult:
    """Play one block of worlds of a stage; see `Floor.play`.

    Args:
        floor: the stage's markets, when they are there already; else they are made.
    """
    return (Floor(stage) if floor is None else floor).play(line_up, first_world)
