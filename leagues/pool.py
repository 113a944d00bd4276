"""A pool of players on disk: an SQLite index over folders that are named after the hash of what is in them.

    pool/index.sqlite           a row a player: name, kind, role, environment, parent, step, hash
    pool/players/HASH/spec.json what the player is, in plain values
    pool/players/HASH/files/    its files, such as a portable policy's manifest and tensors

A player is written to a folder of another name, flushed, renamed, and only then entered: whatever a crash interrupts,
every row of the index has its files. What is loaded is hashed again first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leagues.players import Player, PlayerSpec, seat_player
from qsl_envs.errors import ConfigError, DataError, require
from qsl_envs.settings import from_dict, to_dict

VERSION = 1
"""Of the index; one of another version is refused."""

TABLE = """
CREATE TABLE IF NOT EXISTS players (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, role TEXT NOT NULL,
    env_id TEXT NOT NULL, parent TEXT NOT NULL, step INTEGER NOT NULL, digest TEXT NOT NULL, created_s REAL NOT NULL,
    note TEXT NOT NULL)
"""
COLUMNS = "name, kind, role, env_id, parent, step, digest, created_s, note"


@dataclass(frozen=True, slots=True)
class Entry:
    """One player of a pool."""

    name: str
    kind: str
    role: str
    """empty: whichever it is given"""
    env_id: str
    """where it was made for; empty: anywhere"""
    parent: str
    """name of the player that it was trained from, or empty"""
    step: int
    """how long its maker had trained: frames, generations, as the maker counts"""
    digest: str
    """hex digest of its spec and files"""
    created_s: float
    """Unix time"""
    note: str


class Pool:
    """Players on disk.

    Args:
        folder: of the pool.
        create: make it where there is none; else a missing one is an error.

    Raises: DataError for a folder that is no pool, or an index of another version.
    """

    def __init__(self, folder: str | os.PathLike[str], create: bool = True) -> None:
        self.folder = Path(folder)
        self.index = self.folder / "index.sqlite"
        if not create and not self.index.is_file():
            raise DataError(f"{self.folder} is no pool of players: it has no index.sqlite")
        (self.folder / "players").mkdir(parents=True, exist_ok=True)
        with self._connect() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise DataError(f"{self.index} is of version {version}, not {VERSION}")
            db.execute(TABLE)
            db.execute(f"PRAGMA user_version = {VERSION}")

    # --- writing

    def add(self, spec: PlayerSpec, files: str | os.PathLike[str] | None = None, *, env_id: str = "", parent: str = "",
            step: int = 0, note: str = "") -> Entry:  # fmt: skip
        """Enter a player; the same content under the same name a second time changes nothing.

        Args:
            files: folder that is copied into the pool. For a checkpoint it is that of its content, unless given.
            env_id: environment that it was made for.
            parent: name of a player of this pool that it was trained from.
            step: how long its maker had trained.
        Raises: ConfigError for a name that is taken by another player, an unknown parent; DataError for missing files.
        """
        if spec.kind == "checkpoint" and files is None:
            files = spec.content.get("folder")
        if files is not None:
            spec = PlayerSpec(name=spec.name, kind=spec.kind, role=spec.role, content=_without_folder(spec))
            if not Path(files).is_dir():
                raise DataError(f"player {spec.name!r}: there is no folder {files}")
        if parent:
            require(parent in self, self, "parent", "a player of this pool", parent)
        digest = self._store(spec, Path(files) if files is not None else None)
        entry = Entry(spec.name, spec.kind, spec.role, env_id, parent, step, digest, time.time(), note)
        with self._connect() as db:
            row = db.execute("SELECT digest FROM players WHERE name = ?", (spec.name,)).fetchone()
            if row is not None:
                if row[0] != digest:
                    raise ConfigError(f"{self.folder}: the name {spec.name!r} is taken by another player ({row[0]})")
                return self[spec.name]
            values = (entry.name, entry.kind, entry.role, entry.env_id, entry.parent, entry.step, entry.digest,
                      entry.created_s, entry.note)  # fmt: skip
            db.execute(f"INSERT INTO players ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        return entry

    def remove(self, name: str) -> None:
        """Take a player out of the index; its files stay. Raises: ConfigError for an unknown name."""
        self[name]
        with self._connect() as db:
            db.execute("DELETE FROM players WHERE name = ?", (name,))

    # --- reading

    def __getitem__(self, name: str) -> Entry:
        """A player's entry. Raises: ConfigError that names the ones that there are."""
        with self._connect() as db:
            row = db.execute(f"SELECT {COLUMNS} FROM players WHERE name = ?", (name,)).fetchone()
        if row is None:
            known = ", ".join(self.names()[:20]) or "none"
            raise ConfigError(f"there is no player {name!r} in {self.folder}; there are {known}")
        return Entry(*row)

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __len__(self) -> int:
        return len(self.names())

    def names(self) -> list[str]:
        """All names, in the order in which they came."""
        return [entry.name for entry in self.entries()]

    def entries(self, role: str | None = None, env_id: str | None = None) -> list[Entry]:
        """Players in the order in which they came, of one role or environment where asked; those that are for any
        role or environment are among them.
        """
        with self._connect() as db:
            rows = db.execute(f"SELECT {COLUMNS} FROM players ORDER BY number").fetchall()
        entries = [Entry(*row) for row in rows]
        return [
            entry
            for entry in entries
            if (role is None or entry.role in ("", role)) and (env_id is None or entry.env_id in ("", env_id))
        ]

    def spec(self, name: str) -> PlayerSpec:
        """What a player is, its files checked. Raises: DataError naming an entry that is not what was entered."""
        entry = self[name]
        folder = self.folder / "players" / entry.digest
        try:
            plain = json.loads((folder / "spec.json").read_text())
            found = digest_of(plain, folder / "files")
        except (OSError, ValueError) as error:
            raise DataError(f"player {name!r} of {self.folder} cannot be read: {error}") from error
        if found != entry.digest:
            raise DataError(f"player {name!r} of {self.folder} is corrupted: {folder} hashes to {found}")
        return from_dict(PlayerSpec, {"name": name, **plain})

    def files(self, name: str) -> Path | None:
        """Folder of a player's files, None if it has none."""
        folder = self.folder / "players" / self[name].digest / "files"
        return folder if folder.is_dir() else None

    def load(self, name: str, trust: bool = False) -> Player:
        """A player, ready to sit down.

        Args:
            trust: whether code that the player names or brings may run; without, tensors and plain values only.
        Raises: ConfigError for an unknown name or a kind that needs trust, DataError for a corrupted entry.
        """
        return seat_player(self.spec(name), self.files(name), trust)

    def check(self) -> list[str]:
        """What is wrong with the pool: a line for each entry that cannot be read or is not what was entered."""
        wrong = []
        for name in self.names():
            try:
                self.spec(name)
            except (DataError, ConfigError) as error:
                wrong.append(str(error))
        return wrong

    # --- inside

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            db = sqlite3.connect(self.index, timeout=60.0)
            try:
                with db:
                    yield db
            finally:
                db.close()
        except sqlite3.DatabaseError as error:
            raise DataError(f"{self.index} is not the index of a pool, or broken: {error}") from error

    def _store(self, spec: PlayerSpec, files: Path | None) -> str:
        """Write a player's folder, if it is not there; returns its hash."""
        plain = {key: value for key, value in to_dict(spec).items() if key != "name"}
        with tempfile.TemporaryDirectory(dir=self.folder / "players", prefix=".new-") as made:
            new = Path(made) / "player"
            new.mkdir()
            (new / "spec.json").write_text(json.dumps(plain, sort_keys=True, indent=1) + "\n")
            if files is not None:
                shutil.copytree(files, new / "files")
            digest = digest_of(plain, new / "files")
            place = self.folder / "players" / digest
            if place.is_dir() and not _intact(place, digest):
                shutil.rmtree(place)
            if not place.is_dir():
                _flush(new)
                with contextlib.suppress(OSError):  # another process may have been faster, with the same content
                    new.rename(place)
                _flush_folder(place.parent)
        return digest


def _without_folder(spec: PlayerSpec) -> dict:
    return {key: value for key, value in spec.content.items() if key != "folder"}


def digest_of(plain: dict, files: Path) -> str:
    """Hex digest of plain values and of all files of a folder (which may be missing), with their names."""
    total = hashlib.blake2b(json.dumps(plain, sort_keys=True).encode(), digest_size=16)
    if files.is_dir():
        for path in sorted(path for path in files.rglob("*") if path.is_file()):
            content = hashlib.blake2b(path.read_bytes()).digest()
            total.update(path.relative_to(files).as_posix().encode() + b"\0" + content)
    return total.hexdigest()


def _intact(place: Path, digest: str) -> bool:
    try:
        return digest_of(json.loads((place / "spec.json").read_text()), place / "files") == digest
    except (OSError, ValueError):
        return False


def _flush(folder: Path) -> None:
    """Bring files and folders to the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        else:
            _flush_folder(path)
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
