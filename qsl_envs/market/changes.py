"""A market from its default and what a user wants otherwise, in whatever form that is given."""

from __future__ import annotations

import dataclasses
from os import PathLike
from typing import Any

from qsl_envs.errors import ConfigError, require
from qsl_envs.market.config import MarketConfig
from qsl_envs.settings import from_dict, to_dict


def market_config(
    default: MarketConfig,
    given: MarketConfig | dict[str, Any] | str | PathLike[str] | None,
    session_ns: int | None = None,
) -> MarketConfig:
    """The market of an environment: its default, with what the user wants otherwise.

    Args:
        given: a `MarketConfig` (taken as it is), a dict of changes, or a YAML file of changes. Changes name only what
            differs; in a list of venues or participants, entry by entry.
        session_ns: from the start of an episode to the close; None: as configured.
    Raises: ConfigError naming the field.
    """
    if given is None:
        config = default
    elif isinstance(given, MarketConfig):
        config = given
    else:
        known = isinstance(given, (dict, str, PathLike))
        require(known, "market", "config", "a MarketConfig, a mapping of changes, or a YAML file", given)
        changes = given if isinstance(given, dict) else _read(given)
        config = from_dict(MarketConfig, merge(to_dict(default), changes))
    if session_ns is not None:
        require(isinstance(session_ns, int), "MarketConfig", "session_ns", "a whole number of ns", session_ns)
        config = dataclasses.replace(config, session_ns=session_ns)
    require(len(config.participants) >= 1, config, "participants", "at least one, the agent", 0)
    return config


def _read(file: str | PathLike[str]) -> dict[str, Any]:
    import yaml

    try:
        with open(file) as text:
            values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not YAML: {error}") from error
    except OSError as error:
        raise ConfigError(f"config: cannot read {file}: {error}") from error
    require(isinstance(values, dict), "config", str(file), "a mapping of settings", values)
    return values


def merge(base: Any, changes: Any) -> Any:
    """`base` with `changes`: mappings key by key (those of one `kind`), lists of mappings entry by entry (the
    changes set the length).
    """
    if isinstance(base, dict) and isinstance(changes, dict):
        if changes.get("kind", base.get("kind")) != base.get("kind"):
            return changes  # settings of another kind: nothing of the old ones is left
        return {**base, **{k: merge(base[k], v) if k in base else v for k, v in changes.items()}}
    if isinstance(base, list) and isinstance(changes, (list, tuple)) and base and isinstance(base[0], dict):
        return [merge(base[min(i, len(base) - 1)], change) for i, change in enumerate(changes)]
    return changes
