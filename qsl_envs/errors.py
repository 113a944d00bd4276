"""Errors of callers. A trader's mistake is never one of these: it is a report with a `reason`."""

from __future__ import annotations

import operator
from types import ModuleType
from typing import Any


class QslError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigError(QslError, ValueError):
    """A setting is impossible; the message names the field, what is allowed, and the value found."""


class OrderError(QslError, ValueError):
    """An argument of an order is not of the documented form: a mistake of the program, not of the trader."""


class DataError(QslError, ValueError):
    """A file is not what its format says; the message names the file and the line."""


class MetricError(QslError, ValueError):
    """An argument of a metric is not of the documented form; the message names it."""


class CapacityError(QslError, RuntimeError):
    """A fixed-size structure is full; the message names it, its size, and the setting to raise."""


class ParticipantError(QslError, RuntimeError):
    """A participant's or a strategy's own code failed; the message names it, what it was called for, and the time."""


class MissingExtraError(QslError, ImportError):
    """An optional package is needed; the message names the extra that brings it."""


def require(holds: bool, owner: object, field: str, allowed: str, value: object, error: type = ConfigError) -> None:
    """Raise `error` unless `holds`: "Owner.field must be <allowed>, was <value>"."""
    if not holds:
        name = owner if isinstance(owner, str) else type(owner).__name__
        raise error(f"{name}.{field} must be {allowed}, was {value!r}")


def require_whole(owner: object, field: str, value: Any, lowest: int, highest: int) -> int:
    """A whole number, NumPy's too, from `lowest` to `highest`. Raises: ConfigError naming owner, field and value."""
    whole = operator.index(value) if hasattr(value, "__index__") and not isinstance(value, bool) else lowest - 1
    require(lowest <= whole <= highest, owner, field, f"a whole number in [{lowest:_}, {highest:_}]", value)
    return whole


def require_flag(owner: object, field: str, value: Any) -> bool:
    """A truth value. Raises: ConfigError naming owner, field and value: `"no"` or `[]` is none."""
    require(isinstance(value, bool), owner, field, "true or false", value)
    return value


def require_extra(module: str, extra: str) -> ModuleType:
    """Import an optional module, or raise an error that says how to install it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} is not installed; it comes with the extra [{extra}]: pip install 'quant-sim-lab[{extra}]'"
        ) from error
