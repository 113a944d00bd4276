"""Scenarios: named regimes of a market, as settings and a schedule of changes. In YAML; several can be laid together::

    name: fee_change
    about: the takers' fee rises in the middle of the session
    settings:                       # hold from the start, warm books included
      - scale: {flow.market_rate: 1.5}
    changes:                        # `at`: share of the session, or `at_ns`
      - at: 0.5
        add: {venues.taker_fee_bps: 1.0}
      - at: 0.75
        restore: [venues.taker_fee_bps]
    phases: [{at: 0.4, action: halt}, {at: 0.45, action: open}]     # of every venue
    outages: [{from: 0.6, to: 0.62}]                                # of the first venue
    value: {sigma: 0.5}             # a fundamental value for symbols that have none, and
    anchor: {tilt: 0.8, ticks: 4}   # a lean of the flow towards it, where it has none

`set`, `scale` and `add` act on the value that the setting has without this scenario (drawn values included), and
replace what the same scenario did to it before; `restore` takes that back. Scenarios act in the order of the list.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from qsl_envs.errors import ConfigError
from qsl_envs.flow.config import AnchorConfig
from qsl_envs.market.config import MarketConfig, PhaseChange
from qsl_envs.market.knobs import OPS, change
from qsl_envs.market.value_config import ValueConfig
from qsl_envs.settings import from_dict

FIELDS = ("name", "about", "value", "anchor", "settings", "changes", "phases", "outages")
NAMES = ("calm", "volatile", "trending", "thin", "flash_crash", "news_jump", "latency_spike", "venue_outage",
         "fee_change", "halt_and_auction")  # fmt: skip
"""The scenarios that come with the package."""


@dataclass(frozen=True, slots=True)
class Step:
    """What changes at one time: (op, name, value) of each setting; `restore` takes the scenario's own change back."""

    at_ns: int
    acts: tuple[tuple[str, str, Any], ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario, its times in ns of one market's session."""

    name: str
    about: str
    settings: tuple[tuple[str, str, Any], ...] = ()
    steps: tuple[Step, ...] = ()
    phases: tuple[PhaseChange, ...] = ()
    outages: tuple[tuple[int, int], ...] = ()
    value: ValueConfig | None = None
    anchor: AnchorConfig | None = None


def read_scenario(name: str, session_ns: int) -> Scenario:
    """A scenario that comes with the package, by its name, or a file of one, by its path.

    Args:
        session_ns: of the market; shares of the session are turned into times by it.

    Raises: ConfigError naming the scenario, the time and the setting.
    """
    import yaml

    if name in NAMES:
        text = resources.files("qsl_envs.market").joinpath("scenarios", f"{name}.yaml").read_text()
    elif name.endswith((".yaml", ".yml")) and Path(name).is_file():
        text = Path(name).read_text()
    else:
        raise ConfigError(f"scenario {name!r} is no file, and none of {', '.join(NAMES)}")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"scenario {name!r} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"scenario {name!r} must be a mapping of {', '.join(FIELDS)}, was {values!r}")
    return parse_scenario(values, name, session_ns)


def parse_scenario(values: dict, name: str, session_ns: int) -> Scenario:
    """A scenario from plain values. Raises: ConfigError."""
    for key in values:
        if key not in FIELDS:
            raise ConfigError(f"scenario {name!r}: {key!r} is none of {', '.join(FIELDS)}")
    where = f"scenario {name!r}"
    settings = tuple(
        act for item in _list(values, "settings", where) for act in _acts(item, where, ("set", "scale", "add"))
    )
    steps = []
    for item in _list(values, "changes", where):
        at_ns = _time(item, "at", where, session_ns)
        rest = {key: value for key, value in item.items() if key not in ("at", "at_ns")}
        steps.append(Step(at_ns, tuple(_acts(rest, f"{where} at {at_ns} ns", (*OPS, "restore")))))
    phases = tuple(
        PhaseChange(at_ns=_time(item, "at", where, session_ns), action=str(item.get("action")))
        for item in _list(values, "phases", where)
    )
    outages = tuple(
        (_time(item, "from", where, session_ns), _time(item, "to", where, session_ns))
        for item in _list(values, "outages", where)
    )
    try:
        value = None if "value" not in values else from_dict(ValueConfig, values["value"], "value")
        anchor = None if "anchor" not in values else from_dict(AnchorConfig, values["anchor"], "anchor")
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    return Scenario(name, str(values.get("about", "")), settings, tuple(steps), phases, outages, value, anchor)


def _list(values: dict, key: str, where: str) -> list[dict]:
    items = values.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ConfigError(f"{where}: {key} must be a list of mappings, was {items!r}")
    return items


def _time(item: dict, key: str, where: str, session_ns: int) -> int:
    """A time of the session: `key` is a share of it, `key`_ns a time."""
    share, exact = item.get(key), item.get(f"{key}_ns")
    if isinstance(exact, int) and share is None and 0 <= exact <= session_ns:
        return exact
    if isinstance(share, (int, float)) and not isinstance(share, bool) and exact is None and 0 <= share <= 1:
        return int(share * session_ns)
    raise ConfigError(f"{where}: {key} must be a share of the session in [0, 1], or {key}_ns within it, was {item!r}")


def _acts(item: dict, where: str, allowed: tuple[str, ...]) -> list[tuple[str, str, Any]]:
    acts: list[tuple[str, str, Any]] = []
    for op, what in item.items():
        if op not in allowed:
            raise ConfigError(f"{where}: {op!r} is none of {', '.join(allowed)}")
        names = what if isinstance(what, list) else list(what) if isinstance(what, dict) else None
        if names is None or (op != "restore" and not isinstance(what, dict)):
            raise ConfigError(f"{where}: {op} must name settings, was {what!r}")
        acts += [(op, str(name), None if op == "restore" else what[name]) for name in names]
    return acts


def with_settings(config: MarketConfig, scenarios: tuple[Scenario, ...]) -> MarketConfig:
    """The market as the scenarios make it from the start: settings, phases and outages.

    Raises: ConfigError naming the scenario and the setting; also when two scenarios want another phase at one time.
    """
    for scenario in scenarios:
        where = f"scenario {scenario.name!r} at the start"
        config = _with_value(config, scenario)
        for op, name, value in scenario.settings:
            config = _changed(config, op, name, value, where)
        first, *others = config.venues
        if scenario.outages:
            windows = tuple(sorted((*first.outages, *scenario.outages)))
            config = dataclasses.replace(config, venues=(_venue(first, {"outages": windows}, where), *others))
        if scenario.phases:
            venues = []
            for venue in config.venues:
                schedule = tuple(sorted((*venue.schedule, *scenario.phases), key=lambda phase: phase.at_ns))
                venues.append(_venue(venue, {"schedule": schedule}, where))
            config = dataclasses.replace(config, venues=tuple(venues))
    return config


def _with_value(config: MarketConfig, scenario: Scenario) -> MarketConfig:
    """The market with the scenario's fundamental value and lean, where it has none of its own."""
    if scenario.value is not None:
        symbols = tuple(
            s if s.value is not None else dataclasses.replace(s, value=scenario.value) for s in config.symbols
        )
        config = dataclasses.replace(config, symbols=symbols)
    if scenario.anchor is not None and getattr(config.flow, "anchor", scenario.anchor) is None:
        config = dataclasses.replace(config, flow=dataclasses.replace(config.flow, anchor=scenario.anchor))
    return config


def _venue(venue: Any, values: dict, where: str) -> Any:
    try:
        return dataclasses.replace(venue, **values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _changed(config: MarketConfig, op: str, name: str, value: Any, where: str) -> MarketConfig:
    try:
        return change(config, name, op, value)
    except ConfigError as error:
        raise ConfigError(f"{where}, {name}: {error}") from error


def times_of(scenarios: tuple[Scenario, ...]) -> list[int]:
    """Times (ns) at which any of the scenarios changes a setting, rising."""
    return sorted({step.at_ns for scenario in scenarios for step in scenario.steps})


def in_force(config: MarketConfig, scenarios: tuple[Scenario, ...], at_ns: int) -> MarketConfig:
    """The market as its settings are from `at_ns` on, under every change until then.

    Raises: ConfigError naming the scenario, the time and the setting.
    """
    for scenario in scenarios:
        acts: dict[str, tuple[str, Any, int]] = {}
        for step in sorted(scenario.steps, key=lambda step: step.at_ns):
            if step.at_ns <= at_ns:
                for op, name, value in step.acts:
                    if op == "restore":
                        acts.pop(name, None)
                    else:
                        acts[name] = (op, value, step.at_ns)
        for name, (op, value, since_ns) in acts.items():
            config = _changed(config, op, name, value, f"scenario {scenario.name!r} at {since_ns} ns")
    return config
