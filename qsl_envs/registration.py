"""The table of environment ids. Registering an id imports no environment; making one does."""

from __future__ import annotations

from typing import Any, NamedTuple

from gymnasium.envs.registration import register, registry

from qsl_envs.errors import require


class EnvEntry(NamedTuple):
    """One environment id and the places of its two classes, as "module:class"."""

    env_id: str
    entry_point: str
    vector_entry_point: str


def _entry(name: str, module: str) -> EnvEntry:
    place = f"qsl_envs.envs.{module}:{name}"
    return EnvEntry(f"qsl/{name}-v0", f"{place}Env", f"{place}VectorEnv")


ENVIRONMENTS = (
    _entry("MarketMaking", "market_making"),
    _entry("MarketMakingDiscrete", "market_making_discrete"),
    _entry("OptimalExecution", "optimal_execution"),
    _entry("CrossVenueArbitrage", "cross_venue_arbitrage"),
    _entry("OrderRouting", "order_routing"),
    _entry("MultiAssetMarketMaking", "multi_asset_market_making"),
    _entry("DirectionalTrading", "directional_trading"),
    _entry("ReplayMarketMaking", "replay_market_making"),
    _entry("AvellanedaStoikov", "avellaneda_stoikov"),
)


class MarlEntry(NamedTuple):
    """One multi-agent environment id and the place of its batched class, as "module:class"."""

    env_id: str
    entry_point: str


MARL_ENVIRONMENTS = (
    MarlEntry("qsl/MarketMakers-v0", "qsl_envs.envs.market_makers:MarketMakersEnv"),
    MarlEntry("qsl/MakersTakers-v0", "qsl_envs.envs.makers_takers:MakersTakersEnv"),
    MarlEntry("qsl/LatencyRace-v0", "qsl_envs.envs.latency_race:LatencyRaceEnv"),
)


def make_marl_vec(env_id: str, num_envs: int = 1, **kwargs: Any) -> Any:
    """Make the batched multi-agent form of an environment: arrays by role, `alive`, `state()`.

    Args:
        env_id: one of `MARL_ENVIRONMENTS`.
        num_envs: markets side by side.
        kwargs: see the environment's page.
    Raises: ConfigError for an id that there is not, or a bad argument.
    """
    import importlib

    known = {entry.env_id: entry.entry_point for entry in MARL_ENVIRONMENTS}
    require(env_id in known, "make_marl_vec", "env_id", f"one of {', '.join(known)}", env_id)
    module, name = known[env_id].split(":")
    return getattr(importlib.import_module(module), name)(num_envs, **kwargs)


def register_envs() -> None:
    """Put every environment of the table into Gymnasium's registry; ids that are there already stay as they are.

    `import qsl_envs` calls it; `gym.make("qsl_envs:qsl/MarketMaking-v0")` imports the package by itself.
    """
    for entry in ENVIRONMENTS:
        if entry.env_id not in registry:
            register(entry.env_id, entry_point=entry.entry_point, vector_entry_point=entry.vector_entry_point)
