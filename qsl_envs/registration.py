"""The table of environment ids. Registering an id imports no environment; making one does."""

from __future__ import annotations

from typing import NamedTuple

from gymnasium.envs.registration import register, registry


class EnvEntry(NamedTuple):
    """One environment id and the places of its two classes, as "module:class"."""

    env_id: str
    entry_point: str
    vector_entry_point: str


ENVIRONMENTS = (
    EnvEntry(
        "qsl/MarketMaking-v0",
        "qsl_envs.envs.market_making:MarketMakingEnv",
        "qsl_envs.envs.market_making:MarketMakingVectorEnv",
    ),
    EnvEntry(
        "qsl/ReplayMarketMaking-v0",
        "qsl_envs.envs.replay_market_making:ReplayMarketMakingEnv",
        "qsl_envs.envs.replay_market_making:ReplayMarketMakingVectorEnv",
    ),
    EnvEntry(
        "qsl/AvellanedaStoikov-v0",
        "qsl_envs.envs.avellaneda_stoikov:AvellanedaStoikovEnv",
        "qsl_envs.envs.avellaneda_stoikov:AvellanedaStoikovVectorEnv",
    ),
)


def register_envs() -> None:
    """Put every environment of the table into Gymnasium's registry; ids that are there already stay as they are.

    `import qsl_envs` calls it; `gym.make("qsl_envs:qsl/MarketMaking-v0")` imports the package by itself.
    """
    for entry in ENVIRONMENTS:
        if entry.env_id not in registry:
            register(entry.env_id, entry_point=entry.entry_point, vector_entry_point=entry.vector_entry_point)
