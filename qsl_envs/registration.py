"""The table of environment ids. Registering an id imports no environment; making one does."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any, NamedTuple

from gymnasium.envs.registration import register, registry

from qsl_envs.errors import require
from qsl_envs.front_door import LADDER


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
    known = {entry.env_id: entry.entry_point for entry in MARL_ENVIRONMENTS}
    require(env_id in known, "make_marl_vec", "env_id", f"one of {', '.join(known)}", env_id)
    module, name = known[env_id].split(":")
    return getattr(importlib.import_module(module), name)(num_envs, **kwargs)


class _WaitForPettingZoo(MetaPathFinder):
    """Puts the multi-agent ids into PettingZoo's registry when that is imported.

    Importing it here would make every `import qsl_envs` a third slower, for those too who never use it.
    """

    module = "pettingzoo.env_registry.registration"

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module's own spec, with our registration after its last line; nothing for any other module."""
        if name != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                _register_with(module)

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


def _register_with(pettingzoo: Any) -> None:
    """Put the multi-agent environments into PettingZoo's registries, parallel and turn by turn."""
    for entry in MARL_ENVIRONMENTS:
        for kind, table in (("parallel", pettingzoo.parallel_registry), ("aec", pettingzoo.aec_registry)):
            if entry.env_id not in table:
                pettingzoo.register(kind, entry.env_id, f"qsl_envs.envs.parallel:make_{kind}",
                                    kwargs={"place": entry.entry_point, "name": entry.env_id})  # fmt: skip


def register_envs() -> None:
    """Put every environment of the tables into Gymnasium's registry, or PettingZoo's; ids that are there stay.

    `import qsl_envs` calls it; `gym.make("qsl_envs:qsl/MarketMaking-v0")` imports the package by itself.
    """
    for entry in ENVIRONMENTS:
        if entry.env_id not in registry:
            register(entry.env_id, entry_point=entry.entry_point, vector_entry_point=entry.vector_entry_point)
    places = {entry.env_id: entry for entry in ENVIRONMENTS}
    for rung in LADDER:
        if rung.env_id not in registry:
            base = places[rung.base_id]
            register(rung.env_id, entry_point=base.entry_point, vector_entry_point=base.vector_entry_point,
                     kwargs=rung.kwargs, reward_threshold=rung.threshold)  # fmt: skip
    if _WaitForPettingZoo.module in sys.modules:
        _register_with(sys.modules[_WaitForPettingZoo.module])
    elif not any(isinstance(finder, _WaitForPettingZoo) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WaitForPettingZoo())
