"""Frozen settings to and from plain values and YAML, with errors that name the field."""

from __future__ import annotations

import functools
import hashlib
import json
import types
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from qsl_envs.errors import ConfigError, require

T = TypeVar("T")


def to_dict(config: Any) -> Any:
    """Plain values (dict, list, number, string) of a settings object, ready for JSON or YAML."""
    if is_dataclass(config) and not isinstance(config, type):
        return {f.name: to_dict(getattr(config, f.name)) for f in fields(config)}
    if isinstance(config, (tuple, list)):
        return [to_dict(item) for item in config]
    if isinstance(config, dict):
        return {name: to_dict(item) for name, item in config.items()}
    return config


def from_dict(cls: type[T], values: Any, path: str = "") -> T:
    """Build settings of type `cls` from plain values; what is left out keeps its default.

    Raises: ConfigError naming the path of an unknown field, a value of the wrong form, or one out of its range.
    """
    where = path or cls.__name__
    if isinstance(values, cls):
        return values
    if not isinstance(values, dict):
        raise ConfigError(f"{where} must be a mapping of settings, was {values!r}")
    hints = _hints(cls)
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise ConfigError(f"{where}.{name} is not a setting; known are {', '.join(sorted(known))}")
    made = {name: _convert(hints[name], value, f"{where}.{name}") for name, value in values.items()}
    return cls(**made)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    """What the annotations of a settings class name, resolved once."""
    return typing.get_type_hints(cls)


def _convert(hint: Any, value: Any, path: str) -> Any:
    """One value in the form that its annotation asks for."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        options = [o for o in typing.get_args(hint) if o is not type(None)]
        if value is None:
            if len(options) < len(typing.get_args(hint)):
                return None
            raise ConfigError(f"{path} must not be empty")
        return _convert(_option(options, value, path), value, path)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{path} must be a list, was {value!r}")
        item = typing.get_args(hint)[0]
        return tuple(_convert(item, v, f"{path}[{i}]") for i, v in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{path} must be a mapping, was {value!r}")
        return value
    if is_dataclass(hint):
        if isinstance(value, hint):  # type: ignore[arg-type]
            return value
        return from_dict(hint, value, path)  # type: ignore[arg-type]
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint in (int, float, str, bool) and (not isinstance(value, hint) or (hint is int and isinstance(value, bool))):
        raise ConfigError(f"{path} must be of type {hint.__name__}, was {value!r}")
    return value


def _option(options: list[Any], value: Any, path: str) -> Any:
    """Which of several types a value is for: its own, or the one that its `kind` names; else the first."""
    for option in options:
        if is_dataclass(option) and isinstance(value, option):  # type: ignore[arg-type]
            return option
    kind = value.get("kind") if isinstance(value, dict) and len(options) > 1 else None
    if kind is None:
        return options[0]
    kinds = {f.default: o for o in options if is_dataclass(o) for f in fields(o) if f.name == "kind"}
    if not isinstance(kind, str) or kind not in kinds:
        raise ConfigError(f"{path}.kind must be one of {', '.join(map(str, kinds))}, was {kind!r}")
    return kinds[kind]


def json_mapping(owner: object, field: str, text: str) -> dict[str, Any]:
    """Settings that stand in an argument as JSON, `'{"session_ns": 60000000000}'`.

    Raises: ConfigError naming owner, field and text: no JSON, or another value than a mapping.
    """
    try:
        values = json.loads(text)
    except (TypeError, ValueError):
        values = None
    require(isinstance(values, dict), owner, field, "a JSON object, as '{\"name\": 1}'", text)
    return values


def check_types(config: Any) -> None:
    """Require that every field of a settings object is of the type its annotation names; lists become tuples.

    Raises: ConfigError naming the field: a number in quotes, a fraction or a range where one whole number belongs.
    """
    hints = _hints(type(config))
    for f in fields(config):
        value = getattr(config, f.name)
        made = _convert(hints[f.name], value, f"{type(config).__name__}.{f.name}")
        if made is not value:
            object.__setattr__(config, f.name, made)


def config_hash(config: Any) -> str:
    """Hex digest of settings: equal values, equal digest."""
    text = json.dumps([type(config).__name__, to_dict(config)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def save_yaml(config: Any, file: str | Path) -> None:
    """Write settings to a YAML file."""
    import yaml

    Path(file).write_text(yaml.safe_dump(to_dict(config), sort_keys=False))


def load_yaml(cls: type[T], file: str | Path) -> T:
    """Read settings of type `cls` from a YAML file. Raises: ConfigError, also for text that is no YAML."""
    import yaml

    try:
        values = yaml.safe_load(Path(file).read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not YAML: {error}") from error
    return from_dict(cls, values or {})
