"""Every scripted policy by its name: which ones an environment has, how one is made, what the tuner tries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from baselines.policies.arbitrage import Consensus, CrossVenueArbitrage
from baselines.policies.desk import ARBITRAGE, CHOICE, EXECUTION, MODEL, QUOTES, ROUTING, TARGET, Desk
from baselines.policies.direction import SignalFollower, SignalThreshold
from baselines.policies.execution import AlmgrenChriss, Pov, Twap, Vwap
from baselines.policies.makers import AvellanedaStoikov, FixedSpread, Glft, InventorySkew
from baselines.policies.oracle import Optimal
from baselines.policies.plain import DoNothing, Random
from baselines.policies.protocol import Policy, Scripted
from baselines.policies.routing import Router
from baselines.policies.search import open_ends, points
from qsl_envs.errors import ConfigError, require
from qsl_envs.front_door import LADDER

POLICIES: dict[str, type[Scripted]] = {
    policy.name: policy
    for policy in (
        DoNothing, Random, FixedSpread, InventorySkew, AvellanedaStoikov, Glft, Twap, Vwap, Pov, AlmgrenChriss, Router,
        CrossVenueArbitrage, Consensus, SignalFollower, SignalThreshold, Optimal,
    )
}  # fmt: skip
"""By the name that tables use."""

DESKS: dict[tuple[str, str | None], str] = {
    ("qsl/MarketMaking-v0", None): QUOTES,
    ("qsl/MarketMakingDiscrete-v0", None): CHOICE,
    ("qsl/OptimalExecution-v0", None): EXECUTION,
    ("qsl/CrossVenueArbitrage-v0", None): ARBITRAGE,
    ("qsl/OrderRouting-v0", None): ROUTING,
    ("qsl/MultiAssetMarketMaking-v0", None): QUOTES,
    ("qsl/DirectionalTrading-v0", None): TARGET,
    ("qsl/ReplayMarketMaking-v0", None): QUOTES,
    ("qsl/AvellanedaStoikov-v0", None): MODEL,
    ("qsl/MarketMakers-v0", "maker"): QUOTES,
    ("qsl/MakersTakers-v0", "maker"): QUOTES,
    ("qsl/MakersTakers-v0", "executor"): EXECUTION,
    ("qsl/MakersTakers-v0", "arbitrageur"): ARBITRAGE,
    ("qsl/MakersTakers-v0", "informed"): TARGET,
    ("qsl/LatencyRace-v0", "racer"): ARBITRAGE,
}
"""(environment, role) -> kind of desk, so that names are known without making an environment."""
DESKS |= {(rung.env_id, None): DESKS[rung.base_id, None] for rung in LADDER}


def roles_of(env_id: str) -> tuple[str | None, ...]:
    """Roles of an environment; (None,) where one agent acts. Raises: ConfigError for an id that there is not."""
    roles = tuple(role for known, role in DESKS if known == env_id)
    require(len(roles) > 0, "library", "env_id", f"one of {', '.join(sorted({e for e, _ in DESKS}))}", env_id)
    return roles


def names_for(env_id: str, role: str | None = None) -> tuple[str, ...]:
    """Names of the policies for an environment, or for a role of a multi-agent one.

    Args:
        role: may be left out where the environment has only one.
    Raises: ConfigError for an id or a role that there is not.
    """
    roles = roles_of(env_id)
    if role is None and len(roles) == 1:
        (role,) = roles
    require(role in roles, "names_for", "role", f"one of {', '.join(map(str, roles))} of {env_id}", role)
    return names_at(DESKS[env_id, role])


def names_at(kind: str) -> tuple[str, ...]:
    """Names of the policies that can act at a kind of desk, do nothing and random first."""
    return tuple(name for name, policy in POLICIES.items() if kind in policy.kinds)


def build(name: str, desk: Desk, parameters: Mapping[str, Any] | None = None) -> Policy:
    """A policy by its name. Raises: ConfigError for a name, a parameter or a desk that does not go with it."""
    require(name in POLICIES, "build", "name", f"one of {', '.join(POLICIES)}", name)
    try:
        return POLICIES[name](desk, **(parameters or {}))
    except TypeError as error:
        raise ConfigError(f"{name}: {error}") from error


def candidates(name: str, desk: Desk, budget: int, sigma: float) -> list[dict[str, float]]:
    """The settings that the tuner tries: `budget` of them for each policy that has parameters, one empty for others.

    They fill what the policy says is worth a look, given the desk, evenly, and do not depend on any result.

    Args:
        sigma: volatility of the mid, price units of the desk per square root of its time unit, as measured on the
            worlds that it is tuned on.
    """
    require(name in POLICIES, "candidates", "name", f"one of {', '.join(POLICIES)}", name)
    require(budget >= 1, "candidates", "budget", ">= 1 tries", budget)
    policy = POLICIES[name]
    tried = [policy.settings(desk, sigma, point) for point in points(policy.space(desk, sigma), budget)]
    return [{key: float(f"{value:.6g}") for key, value in one.items()} for one in tried]


def at_ends(name: str, desk: Desk, sigma: float, n: int) -> list[str]:
    """Which coordinates of what the tuner searches try number `n` (from 1) of `candidates` is at an open end of."""
    return open_ends(POLICIES[name].space(desk, sigma), n)
