"""Market makers that follow a formula, as batched policies: observations (n, width) in, actions (n, 4) out.

A policy is built for one environment's `Desk` (what its numbers mean) and called once a step with all its worlds.
Actions are those of the market-making environments: bid offset, ask offset, bid size, ask size, each in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from qsl_envs.errors import ConfigError, require


class Policy(Protocol):
    """What the evaluation asks of a policy."""

    def reset(self, seeds: np.ndarray) -> None:
        """A new block of worlds begins; int64 (n,) are their seeds."""

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Actions in [-1, 1], float32 (n, 4), for observations, float32 (n, width)."""


class Desk(NamedTuple):
    """What the numbers of a market-making environment mean: columns of its observation, ranges of its action."""

    inventory: int
    """column: share of `max_inventory`"""
    time_left: int
    """column: share of the session"""
    min_offset: int
    max_offset: int
    """ticks from the known mid"""
    max_quote_qty: int
    max_inventory: int
    """lots"""
    session_ns: int
    step_ns: int

    @classmethod
    def of(cls, envs: Any) -> Desk:
        """Read from an environment's public attributes. Raises: ConfigError if it is no market-making environment."""
        env = envs.unwrapped
        names = list(getattr(env, "observation_names", ()))
        for name in ("inventory", "time_left"):
            require(name in names, "Desk.of", "observation_names", f"with {name!r} among them", names)
        wanted = ("min_offset", "max_offset", "max_quote_qty", "max_inventory", "session_ns", "step_ns")
        values = {name: getattr(env, name, None) for name in wanted}
        for name, value in values.items():
            require(value is not None, "Desk.of", name, "an attribute of the environment", value)
        return cls(names.index("inventory"), names.index("time_left"), **values)

    def actions(self, bid_offset: Any, ask_offset: Any, bid_qty: Any, ask_qty: Any) -> np.ndarray:
        """Actions float32 (n, 4) that ask for offsets in ticks and sizes in lots; what is out of range is cut."""
        columns = np.broadcast_arrays(bid_offset, ask_offset, bid_qty, ask_qty)
        low = np.array([self.min_offset, self.min_offset, 0.0, 0.0])
        high = np.array([self.max_offset, self.max_offset, self.max_quote_qty, self.max_quote_qty])
        share = (np.stack(columns, -1) - low) / (high - low)
        return np.clip(2.0 * share - 1.0, -1.0, 1.0).astype(np.float32)

    def lots(self, obs: np.ndarray) -> np.ndarray:
        """Known inventory in lots, float64 (n,)."""
        return obs[:, self.inventory].astype(np.float64) * self.max_inventory

    def seconds_left(self, obs: np.ndarray) -> np.ndarray:
        """Time to the close, float64 (n,)."""
        return obs[:, self.time_left].astype(np.float64) * self.session_ns * 1e-9


@dataclass(frozen=True)
class Scripted:
    """Base of the policies: a desk and parameters; `name` is how tables call it."""

    desk: Desk
    name: ClassVar[str]

    def reset(self, seeds: np.ndarray) -> None:
        """Nothing to forget."""

    def parameters(self) -> dict[str, float]:
        """Parameters by name, without the desk."""
        return {key: value for key, value in vars(self).items() if key != "desk"}


@dataclass(frozen=True)
class DoNothing(Scripted):
    """Never quotes: sizes of 0."""

    name: ClassVar[str] = "do nothing"

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        return np.repeat(self.desk.actions(self.desk.max_offset, self.desk.max_offset, 0, 0)[None], len(obs), axis=0)


class Random:
    """Even draws over the whole action space.

    They are keyed by (seed of the world, step, element), so the division of worlds into batches does not matter.
    """

    name = "random"

    def __init__(self, desk: Desk) -> None:
        self.seeds, self.step = np.zeros(0, np.uint64), 0

    def reset(self, seeds: np.ndarray) -> None:
        """Start the draws of these worlds."""
        self.seeds, self.step = np.asarray(seeds).astype(np.uint64), 0

    def parameters(self) -> dict[str, float]:
        """None."""
        return {}

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        elements = np.uint64(4 * self.step) + np.arange(4, dtype=np.uint64)
        key = mixed(mixed(self.seeds)[:, None] ^ elements)
        self.step += 1
        return ((key >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0).astype(np.float32)


def mixed(key: np.ndarray) -> np.ndarray:
    """Scramble uint64 keys: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    key = key + np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


@dataclass(frozen=True)
class FixedSpread(Scripted):
    """Quotes at a constant distance on both sides of the known mid, whatever it holds."""

    half_spread: float = 2.0
    """ticks"""
    qty: float = 1.0
    """lots a side"""
    name: ClassVar[str] = "fixed spread"

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        quotes = self.desk.actions(self.half_spread, self.half_spread, self.qty, self.qty)
        return np.repeat(quotes[None], len(obs), axis=0)


@dataclass(frozen=True)
class InventorySkew(Scripted):
    """A fixed spread that moves against the inventory: by `skew` ticks when the limit is reached."""

    half_spread: float = 2.0
    skew: float = 2.0
    qty: float = 1.0
    name: ClassVar[str] = "inventory skew"

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        shift = self.skew * obs[:, self.desk.inventory].astype(np.float64)
        return self.desk.actions(self.half_spread + shift, self.half_spread - shift, self.qty, self.qty)


@dataclass(frozen=True)
class AvellanedaStoikov(Scripted):
    """The closed form of Avellaneda and Stoikov (2008), equations 29 and 30, with time in s, prices in ticks.

    Quotes stand around mid - q gamma sigma^2 tau, gamma sigma^2 tau + (2 / gamma) ln(1 + gamma / k) apart: the batched
    twin of `qsl_envs.participants.quotes.as_quotes`.
    """

    gamma: float = 0.01
    """risk aversion, 1 / (tick x lot)"""
    sigma: float = 1.0
    """volatility of the mid, ticks per square root of a second"""
    k: float = 0.5
    """how fast fills thin out with distance, 1 / tick"""
    qty: float = 1.0
    """lots a side"""
    name: ClassVar[str] = "Avellaneda-Stoikov"

    def __post_init__(self) -> None:
        for field in ("gamma", "sigma", "k"):
            require(getattr(self, field) > 0, self, field, "> 0", getattr(self, field))

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        risk = self.gamma * self.sigma**2 * self.desk.seconds_left(obs)
        half_spread = 0.5 * risk + np.log1p(self.gamma / self.k) / self.gamma
        shift = self.desk.lots(obs) * risk
        return self.desk.actions(half_spread + shift, half_spread - shift, self.qty, self.qty)


POLICIES: dict[str, type[Scripted] | type[Random]] = {
    policy.name: policy for policy in (DoNothing, Random, FixedSpread, InventorySkew, AvellanedaStoikov)
}
"""By the name that tables use."""


def build(name: str, desk: Desk, parameters: dict[str, float]) -> Policy:
    """A policy by its name. Raises: ConfigError for a name or a parameter that does not exist."""
    require(name in POLICIES, "build", "name", f"one of {', '.join(POLICIES)}", name)
    try:
        return POLICIES[name](desk, **parameters)
    except TypeError as error:
        raise ConfigError(f"{name}: {error}") from error


def candidates(name: str, desk: Desk, sigma: float) -> Sequence[dict[str, float]]:
    """The settings that the tuner tries: twelve for each policy that has parameters, none for the others.

    Half-spreads grow by a constant factor over the range that the environment allows. The risk aversions of
    Avellaneda-Stoikov are those at which a full inventory moves the quotes by a given number of ticks at the start.

    Args:
        sigma: volatility of the mid, ticks per square root of a second, measured on the worlds that it is tuned on.
    """
    nearest, farthest = max(desk.min_offset, 1), max(desk.max_offset, 2)

    def spreads(count: int) -> list[float]:
        return [float(x) for x in np.geomspace(nearest, farthest, count + 1)[:-1].round(2)]

    sizes = [float(desk.max_quote_qty), max(1.0, desk.max_quote_qty / 3)]
    full = sizes[0]
    if name == FixedSpread.name:
        return [{"half_spread": h, "qty": q} for h in spreads(6) for q in sizes]
    if name == InventorySkew.name:
        return [{"half_spread": h, "skew": s * farthest, "qty": full} for h in spreads(4) for s in (0.2, 0.5, 1.0)]
    if name == AvellanedaStoikov.name:
        risk_of_one = sigma**2 * desk.session_ns * 1e-9 * desk.max_inventory
        gammas = [shift * farthest / risk_of_one for shift in (0.2, 0.7, 2.0)]
        return [{"gamma": g, "sigma": sigma, "k": 1.0 / h, "qty": full} for g in gammas for h in spreads(4)]
    return []
