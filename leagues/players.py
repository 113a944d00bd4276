"""Players: whoever can take a seat in a shared market, and the kinds they are of.

A *player* is any object with `name`, `roles` and `sit`. It sits down at an environment and returns a *policy*:
observations in, actions out, all rows of a match in one call. A *spec* is the same thing in plain values, which can be
stored, sent to a worker and hashed; `seat_player` makes the player that a spec describes, by its kind.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from qsl_envs.errors import ConfigError, DataError, require
from qsl_envs.settings import check_types, to_dict

GROUP = "qsl.players"
"""Entry points by which a package brings kinds of its own: name -> `module:function`, a `Maker`."""


class Policy(Protocol):
    """What moves the seats of one player; see `baselines.policies` for those that come with the package."""

    def reset(self, seeds: np.ndarray) -> None:
        """A new match begins: int64 (n,), a seed for each row. Memory is cleared; all noise is keyed by these."""

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Actions for observations float32 (n, width): float32 (n, numbers) in [-1, 1], or int64 (n,) choices."""


@runtime_checkable
class Player(Protocol):
    """Whoever can take a seat.

    Attributes:
        name: how tables and logs call it; one player a name.
        roles: roles it can play, by their names; empty: whichever it is given.
    """

    name: str
    roles: tuple[str, ...]

    def sit(self, envs: Any, role: str) -> Policy:
        """A policy of its own for the seats of a role.

        Args:
            envs: the batched environment of the match (`qsl_envs.make_marl_vec`): its spaces, names and settings are
                there to be read; it must not be stepped.
            role: one of `envs.roles`.
        Raises: ConfigError naming the player and what does not fit.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerSpec:
    """A player in plain values."""

    name: str
    kind: str = "scripted"
    """one of `known_kinds()`"""
    role: str = ""
    """the role it plays; empty: whichever it is given"""
    content: dict[str, Any] = field(default_factory=dict)
    """what the kind needs to know, see its function"""

    def __post_init__(self) -> None:
        check_types(self)
        require(bool(self.name.strip()), self, "name", "a name", self.name)
        try:
            json.dumps(self.content)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"player {self.name!r}: content must be plain values: {error}") from error

    @property
    def digest(self) -> str:
        """Hex digest of what it plays: kind, role and content, not its name. Files are not looked into."""
        plain = {name: value for name, value in to_dict(self).items() if name != "name"}
        return hashlib.blake2b(json.dumps(plain, sort_keys=True).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class FunctionPlayer:
    """A player made of a function: (envs, role) -> policy. For programs and tests; it cannot be stored."""

    name: str
    make: Callable[[Any, str], Policy]
    roles: tuple[str, ...] = ()

    def sit(self, envs: Any, role: str) -> Policy:
        """What the function makes."""
        return self.make(envs, role)


@dataclass(frozen=True)
class ScriptedPlayer:
    """A policy of the library of scripted ones, by its name there."""

    name: str
    policy: str
    parameters: dict[str, float] = field(default_factory=dict)
    roles: tuple[str, ...] = ()

    def sit(self, envs: Any, role: str) -> Policy:
        """The policy, built for what the numbers of this role mean. Raises: ConfigError naming the player."""
        from baselines.policies import library

        try:
            return library.build(self.policy, library.Desk.of(envs, role), self.parameters)
        except ConfigError as error:
            raise ConfigError(f"player {self.name!r} cannot play {role!r}: {error}") from error


@dataclass(frozen=True)
class CheckpointPlayer:
    """A portable policy on disk (`baselines.portable`): tensors and a manifest."""

    name: str
    folder: Path
    roles: tuple[str, ...] = ()
    trust: bool = False

    def sit(self, envs: Any, role: str) -> Policy:
        """The policy, its shapes held against those of the role.

        Raises: ConfigError or DataError naming the player: no such folder, other shapes, code without trust.
        """
        from baselines.portable import load_policy

        if not self.folder.is_dir():
            raise DataError(f"player {self.name!r}: there is no checkpoint {self.folder}")
        try:
            return load_policy(self.folder, envs, role=role, trust=self.trust)
        except (ConfigError, DataError) as error:
            raise type(error)(f"player {self.name!r} cannot play {role!r}: {error}") from error


# --- kinds

Maker = Callable[[PlayerSpec, Path | None, bool], Player]
"""(spec, folder of its files or None, whether code in them may run) -> player. Raises ConfigError, DataError."""


def roles_of(spec: PlayerSpec) -> tuple[str, ...]:
    """Roles of a spec's player."""
    return (spec.role,) if spec.role else ()


def allow_keys(spec: PlayerSpec, needed: str, *allowed: str) -> None:
    """Require that the content has a key, and no unknown ones."""
    require(needed in spec.content, f"player {spec.name!r}", "content", f"with {needed!r}", sorted(spec.content))
    for key in spec.content:
        require(key in (needed, *allowed), f"player {spec.name!r}", "content", f"of {(needed, *allowed)}", key)


def scripted(spec: PlayerSpec, folder: Path | None, trust: bool) -> Player:
    """`content`: `policy`, a name in `baselines.policies.library`, and `parameters`."""
    allow_keys(spec, "policy", "parameters")
    return ScriptedPlayer(spec.name, spec.content["policy"], spec.content.get("parameters", {}), roles_of(spec))


def checkpoint(spec: PlayerSpec, folder: Path | None, trust: bool) -> Player:
    """`content`: `folder` of a portable policy; a pool's entry has its own copy of it instead."""
    if folder is None:
        allow_keys(spec, "folder")
        folder = Path(spec.content["folder"])
    if not folder.is_dir():
        raise DataError(f"player {spec.name!r}: there is no checkpoint {folder}")
    return CheckpointPlayer(spec.name, folder, roles_of(spec), trust)


def strategy(spec: PlayerSpec, folder: Path | None, trust: bool) -> Player:
    """A user's `Strategy`; see `leagues.guests.strategy`."""
    from leagues import guests

    return guests.strategy(spec, folder, trust)


def participant(spec: PlayerSpec, folder: Path | None, trust: bool) -> Player:
    """A participant inside the kernel; see `leagues.guests.kernel_participant`."""
    from leagues import guests

    return guests.kernel_participant(spec, folder, trust)


def from_pool(spec: PlayerSpec, folder: Path | None, trust: bool) -> Player:
    """`content`: `pool`, its folder, and `player`, the name there when it is another one."""
    from leagues.pool import Pool

    allow_keys(spec, "pool", "player")
    pool = Pool(spec.content["pool"], create=False)
    name = spec.content.get("player", spec.name)
    return seat_player(replace(pool.spec(name), name=spec.name), pool.files(name), trust)


KINDS: dict[str, Maker] = {
    "scripted": scripted,
    "checkpoint": checkpoint,
    "strategy": strategy,
    "participant": participant,
    "pool": from_pool,
}
"""Kinds that come with the package."""


@functools.cache
def _brought() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def known_kinds() -> tuple[str, ...]:
    """Names of the kinds that there are, those of other packages too."""
    return tuple(sorted({*KINDS, *_brought()}))


def seat_player(spec: PlayerSpec, folder: Path | None = None, trust: bool = False) -> Player:
    """The player that a spec describes.

    Args:
        folder: of its files, where it has some.
        trust: whether code that came with it may run. Without, a stranger's player is tensors and plain values.
    Raises: ConfigError naming the player and its kind, DataError for files that are missing or broken.
    """
    if spec.kind in KINDS:
        return KINDS[spec.kind](spec, folder, trust)
    found = _brought().get(spec.kind)
    if found is None:
        known = ", ".join(known_kinds())
        raise ConfigError(f"player {spec.name!r}: its kind {spec.kind!r} is unknown; known are {known}")
    return found.load()(spec, folder, trust)


def load_object(place: str, owner: str) -> Any:
    """What `module:name` names. Raises: ConfigError naming the owner."""
    module, _, name = place.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{owner}: {place!r} is no module:name that can be imported: {error}") from error


def require_role(player: Player, role: str) -> None:
    """Require that a player can play a role. Raises: ConfigError naming both."""
    if player.roles and role not in player.roles:
        raise ConfigError(f"player {player.name!r} plays {', '.join(player.roles)}, not {role!r}")
