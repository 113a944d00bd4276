"""What the numbers of an environment mean: columns of its observation, scales of its action, limits, fees, time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from qsl_envs.errors import require
from qsl_envs.theory.as_model import AsModel

QUOTES, CHOICE, MODEL, EXECUTION, ROUTING, ARBITRAGE, TARGET = (
    "quotes", "choice", "model", "execution", "routing", "arbitrage", "target",
)  # fmt: skip
"""Kinds of desks, by what an action says: quotes of one symbol or more, one of a list of quotes, quotes of the model
of Avellaneda and Stoikov, a parent order at one venue, one over several, lots at each venue, an inventory."""
KINDS = (QUOTES, CHOICE, MODEL, EXECUTION, ROUTING, ARBITRAGE, TARGET)
NUMBERS = ("min_offset", "max_offset", "max_quote_qty", "tick_scale", "qty_scale", "parent_qty", "take_ticks")
"""Settings of tasks that a desk takes over, where the task has them."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the numbers of an environment, or of one role of it, mean.

    Prices are in ticks, quantities in lots, times in seconds; at the desk of `qsl/AvellanedaStoikov-v0` all three are
    the model's own units.
    """

    kind: str
    """one of `KINDS`"""
    observation_names: tuple[str, ...]
    action_names: tuple[str, ...]
    inventory_scale: float
    """lots that an observed inventory of 1 stands for: the limit, where there is one"""
    session_s: float
    """from the start to the close"""
    step_s: float
    """between two decisions"""
    num_venues: int = 1
    num_symbols: int = 1
    min_offset: float = 0.0
    max_offset: float = 0.0
    """what offset actions of -1 and 1 stand for"""
    max_quote_qty: float = 1.0
    offsets: tuple[float, ...] = ()
    """of a choice: distances from the mid that a bid or an ask may have"""
    tick_scale: float = 1.0
    qty_scale: float = 1.0
    parent_qty: int = 0
    take_ticks: int = 0
    maker_fees: tuple[float, ...] = (0.0,)
    taker_fees: tuple[float, ...] = (0.0,)
    """by venue, ticks per lot at the symbol's start price"""
    model: AsModel | None = None
    """of a desk of kind `model`: its parameters"""
    model_limit: int | None = None
    """of a desk of kind `model`: lots, long or short, beyond which nothing is filled; None: no limit"""

    @classmethod
    def of(cls, env: Any, role: str | None = None) -> Desk:
        """Read from the public attributes of a vector environment, or of one role of a multi-agent one.

        Args:
            role: needed where the environment has more than one; None elsewhere.
        Raises: ConfigError if it is no environment of a kind that is known here, or has no such role.
        """
        env = getattr(env, "unwrapped", env)
        if hasattr(env, "roles"):
            return _of_role(env, role)
        require(role is None, "Desk.of", "role", "None: the environment has one agent", role)
        names = tuple(getattr(env, "observation_names", ()))
        require("inventory" in names or "inventory_0" in names, "Desk.of", "observation_names",
                "with 'inventory' among them", names)  # fmt: skip
        task = getattr(env, "task", env)
        actions = tuple(getattr(env, "action_names", ()))
        if hasattr(task, "fill"):
            return _of_model(task, names, actions)
        return _of_task(env, task, names, actions, env.max_inventory, env.session_ns)

    @property
    def num_steps(self) -> int:
        """Decisions in a session, at even intervals."""
        return max(1, round(self.session_s / self.step_s))

    @property
    def num_choices(self) -> int:
        """Of a desk of kind `choice`."""
        return (len(self.offsets) + 1) ** 2

    # --- what is observed

    @cached_property
    def num_levels(self) -> int:
        """Levels of each side of a book that are observed."""
        return sum(name.removeprefix("book_0_").startswith("bid_distance_") for name in self.observation_names)

    @cached_property
    def places(self) -> dict[str, int]:
        """Column of the observation by its name."""
        return {name: at for at, name in enumerate(self.observation_names)}

    def column(self, name: str, venue: int = 0, symbol: int = 0) -> int:
        """Place of a quantity in the observation; of a book's, where there are several.

        Raises: ConfigError where it is not observed.
        """
        if name in self.places:
            return self.places[name]
        of_book = f"book_{venue * self.num_symbols + symbol}_{name}"
        if of_book not in self.places:
            require(False, "Desk", "observation_names", f"with {name!r} among them", self.observation_names)
        return self.places[of_book]

    def books(self, name: str) -> np.ndarray:
        """Places of a quantity of every venue's book of the first symbol, int64 (venue,)."""
        return np.array([self.column(name, venue) for venue in range(self.num_venues)])

    def shares(self, obs: np.ndarray) -> np.ndarray:
        """Known inventory as a share of `inventory_scale`, float64 (n, symbol)."""
        if self.num_symbols == 1:
            return obs[:, [self.column("inventory")]].astype(np.float64)
        return obs[:, [self.column(f"inventory_{s}") for s in range(self.num_symbols)]].astype(np.float64)

    def lots(self, obs: np.ndarray) -> np.ndarray:
        """Known inventory, whole lots as float64 (n, symbol)."""
        return np.rint(self.shares(obs) * self.inventory_scale)

    def time_left(self, obs: np.ndarray) -> np.ndarray:
        """Time to the close, float64 (n,)."""
        return obs[:, self.column("time_left")].astype(np.float64) * self.session_s

    def slice(self, obs: np.ndarray) -> np.ndarray:
        """Number of the decision that is due, int64 (n,), 0 to `num_steps` - 1."""
        gone = 1.0 - obs[:, self.column("time_left")].astype(np.float64)
        return np.minimum(np.rint(gone * self.num_steps).astype(np.int64), self.num_steps - 1)

    # --- what is asked for

    def quotes(self, bid_offset: Any, ask_offset: Any, bid_qty: Any, ask_qty: Any) -> np.ndarray:
        """Actions that ask for these quotes; what is out of range is cut, a choice is the nearest there is.

        Args:
            bid_offset, ask_offset: distance from the known mid, (n, symbol); a bid far out is one that is not wanted
                where the sizes are not the agent's.
            bid_qty, ask_qty: lots, of a shape that goes with it; below half a lot there is no quote.
        Returns: float32 (n, 4 x symbols), float32 (n, 2) at the model's desk, or int64 (n,).
        """
        columns = np.broadcast_arrays(bid_offset, ask_offset, bid_qty, ask_qty)
        if self.kind == CHOICE:
            return self._choice(*(column[:, 0] for column in columns))
        low = np.array([self.min_offset, self.min_offset, 0.0, 0.0])
        high = np.array([self.max_offset, self.max_offset, self.max_quote_qty, self.max_quote_qty])
        used = 2 if self.kind == MODEL else 4
        span = np.where(high > low, high - low, 1.0)
        asked = ((np.stack(columns, -1) - low) / span)[..., :used]
        return np.clip(2.0 * asked - 1.0, -1.0, 1.0).astype(np.float32).reshape(len(asked), -1)

    def _choice(self, bid: np.ndarray, ask: np.ndarray, bid_qty: np.ndarray, ask_qty: np.ndarray) -> np.ndarray:
        offsets, n = np.array(self.offsets, np.float64), len(self.offsets)
        b = np.abs(np.clip(bid, offsets[0], offsets[-1])[:, None] - offsets).argmin(1)
        a = np.abs(np.clip(ask, offsets[0], offsets[-1])[:, None] - offsets).argmin(1)
        with_bid, with_ask = np.broadcast_to(bid_qty >= 0.5, b.shape), np.broadcast_to(ask_qty >= 0.5, a.shape)
        one = np.where(with_bid, 1 + n * n + b, np.where(with_ask, 1 + n * n + n + a, 0))
        return np.where(with_bid & with_ask, 1 + n * b + a, one).astype(np.int64)


def kind_of(action_names: tuple[str, ...]) -> str:
    """The kind of desk whose actions have these names; empty where it is none of them."""
    first = action_names[0] if action_names else ""
    if first.startswith("bid_offset"):
        return MODEL if len(action_names) == 2 else QUOTES
    known = {"choice": CHOICE, "take": EXECUTION, "take_0": ROUTING, "trade_0": ARBITRAGE, "target": TARGET}
    return known.get(first, "")


def _of_task(env: Any, task: Any, names: tuple[str, ...], actions: tuple[str, ...], limit: int,
             session_ns: int) -> Desk:  # fmt: skip
    kind = kind_of(actions)
    require(kind in KINDS, "Desk.of", "action_names", f"of a desk of kind {', '.join(KINDS)}", actions)
    values = {name: getattr(task, name) for name in NUMBERS if hasattr(task, name)}
    config = getattr(getattr(env, "market", None), "config", None)
    if config is not None:
        price = config.symbols[0].start_price
        values |= {
            "num_venues": len(config.venues), "num_symbols": len(config.symbols),
            "maker_fees": tuple(price * v.maker_fee_bps * 1e-4 + v.maker_lot_fee for v in config.venues),
            "taker_fees": tuple(price * v.taker_fee_bps * 1e-4 + v.taker_lot_fee for v in config.venues),
        }  # fmt: skip
    return Desk(
        kind=kind,
        observation_names=names,
        action_names=actions,
        inventory_scale=float(limit),
        session_s=session_ns * 1e-9,
        step_s=task.step_ns * 1e-9,
        offsets=tuple(float(o) for o in getattr(task, "offsets", ())),
        **values,
    )


def _of_role(env: Any, role: str | None) -> Desk:
    """The desk of the first seat of a role of a batched multi-agent environment."""
    if role is None and len(env.roles) == 1:
        (role,) = env.roles
    require(role in env.roles, "Desk.of", "role", f"one of {', '.join(env.roles)}", role)
    first = 0
    for name, made in env.roles.items():
        if name == role:
            break
        first += made.num_seats
    limit = int(env.core.by_seat("max_inventory")[0, first])
    names, actions = tuple(env.observation_names(role)), tuple(env.action_names(role))
    return _of_task(env, env.roles[role].task, names, actions, limit, env.market.config.session_ns)


def _of_model(task: Any, names: tuple[str, ...], actions: tuple[str, ...]) -> Desk:
    return Desk(
        kind=MODEL,
        observation_names=names,
        action_names=actions,
        inventory_scale=task.inventory_scale,
        session_s=task.horizon,
        step_s=task.horizon / task.num_steps,
        min_offset=task.min_offset,
        max_offset=task.max_offset,
        model=AsModel(gamma=task.gamma, sigma=task.sigma, k=task.k, a=task.a, horizon=task.horizon,
                      num_steps=task.num_steps, fill=task.fill),
        model_limit=task.max_inventory,
    )  # fmt: skip
