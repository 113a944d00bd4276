"""Tournaments: blocks of matches, shared out to processes, written one by one, taken up again after a kill.

The unit of work is a block: one line-up on one stage, a fixed number of worlds, each once for every rotation. Its
arrays have one shape and its result depends on nothing outside it, so it does not matter who plays it, when, or beside
what. A block that is finished is one file; the log is those files in the order of the blocks.
"""

from __future__ import annotations

import functools
import json
import multiprocessing as mp
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pyarrow as pa

from baselines.ray_pool import RayPool
from leagues.match import Floor
from leagues.match_log import SCHEMA, read_log, rows_of, write_log
from leagues.players import Player, seat_player
from leagues.tournament_config import ContestConfig, TournamentConfig
from qsl_envs.errors import ConfigError, DataError, QslError, require
from qsl_envs.settings import from_dict, to_dict

Tell = Callable[[float, str], None]
"""Takes the share that is done and a line about it."""


@dataclass(frozen=True)
class Block:
    """A unit of work."""

    number: int
    contest: int
    group: tuple[str, ...]
    first_world: int
    count: int
    """worlds that count; the block is filled up with more"""


def blocks_of(config: TournamentConfig) -> list[Block]:
    """All blocks of a tournament, in the order of the log."""
    blocks: list[Block] = []
    for at, contest in enumerate(config.contests):
        size = contest.stage.worlds
        for group in contest.groups():
            for first in range(0, contest.worlds, size):
                count = min(size, contest.worlds - first)
                blocks.append(Block(len(blocks), at, group, contest.first_world + first, count))
    return blocks


class Worker:
    """Plays blocks of a tournament: keeps the markets of the stage that it plays on, and the players.

    Args:
        config: the tournament.
        trust: whether code that players name or bring may run.
    """

    def __init__(self, config: TournamentConfig, trust: bool = False) -> None:
        self.config, self.trust = config, trust
        self._floor: Floor | None = None
        self._players: dict[str, dict[str, Player]] = {}

    def players(self, contest: ContestConfig) -> dict[str, Player]:
        """The players of a contest by name. Raises: ConfigError, DataError naming one that cannot be made."""
        if contest.name not in self._players:
            self._players[contest.name] = {
                spec.name: seat_player(spec, None, self.trust) for spec in (*contest.players, *contest.background)
            }
        return self._players[contest.name]

    def check(self) -> None:
        """Let every player sit down once, so that what cannot play is told before anything is played."""
        for contest in self.config.contests:
            players, floor = self.players(contest), self.floor(contest)
            for spec in contest.players:
                floor.check_role(players[spec.name], contest.role)
            for spec in contest.background:
                floor.check_role(players[spec.name], spec.role)

    def floor(self, contest: ContestConfig) -> Floor:
        """The markets of a contest's stage."""
        if self._floor is None or self._floor.stage != contest.stage:
            self._floor = Floor(contest.stage)
        return self._floor

    def play(self, block: Block) -> pa.Table:
        """The rows of a block."""
        contest = self.config.contests[block.contest]
        players, floor = self.players(contest), self.floor(contest)
        seated = {role: [players[name] for name in names] for role, names in contest.seated(block.group).items()}
        return rows_of(contest.name, block.group, floor.play(seated, block.first_world), block.count)


def run_tournament(config: TournamentConfig, out: str | Path, workers: int = 1, trust: bool = False,
                   tell: Tell | None = None, ray_address: str | None = None) -> pa.Table:  # fmt: skip
    """Play all matches that are not played yet; returns the match log, which is also written to `out/matches.parquet`.

    Args:
        out: folder. `tournament.json` says what is played there; a finished block is a file in `blocks`.
        workers: processes; 1: this one alone.
        trust: whether code that players name or bring may run.
        ray_address: of a Ray cluster ("auto", "local" or host:port) that plays the blocks in place of processes; it
            must find the files of players.
    Raises: ConfigError if another tournament was begun in the folder, or a player cannot play; DataError for players'
        files that are missing or corrupted.
    """
    out = Path(out)
    require(workers >= 1, "run_tournament", "workers", ">= 1", workers)
    _claim(config, out)
    blocks = blocks_of(config)
    left = [block for block in blocks if not _is_there(out, config, block)]
    if left:
        lead = Worker(config, trust)
        lead.check()
        if ray_address:
            play = _on_ray(config, trust, left, ray_address)
        else:
            play = _alone(lead, left) if workers == 1 else _together(config, trust, left, workers)
        for done, (block, table) in enumerate(play, len(blocks) - len(left) + 1):
            write_log(_file(out, block), table, _about(config, block))
            if tell:
                where = config.contests[block.contest].name
                tell(done / len(blocks), f"{where}: block {done} of {len(blocks)}, {' / '.join(block.group)}")
    log = pa.concat_tables([read_log(_file(out, block))[0].cast(SCHEMA) for block in blocks])
    write_log(out / "matches.parquet", log, {"tournament": config.digest, "name": config.name})
    return log


# --- blocks on disk


def _claim(config: TournamentConfig, out: Path) -> None:
    """Make the folder this tournament's."""
    path = out / "tournament.json"
    (out / "blocks").mkdir(parents=True, exist_ok=True)
    about = {"digest": config.digest, "files": files_digest(config)}
    if path.is_file():
        try:
            found = json.loads(path.read_text())
        except ValueError as error:
            raise DataError(f"{path} is no JSON: {error}") from error
        if found.get("digest") != about["digest"]:
            raise ConfigError(f"{out} holds another tournament ({found.get('name')!r}); give another folder")
        for name, digest in about["files"].items():
            if found["files"].get(name) != digest:
                raise ConfigError(f"{out}: the files of player {name!r} have changed since the tournament began")
        return
    text = json.dumps({"name": config.name, **about, "config": to_dict(config)}, indent=1)
    new = path.with_suffix(".new")
    new.write_text(text + "\n")
    new.replace(path)


def files_digest(config: TournamentConfig) -> dict[str, str]:
    """Hex digest of the files behind each player that has some."""
    from leagues.pool import Pool, digest_of

    found = {}
    for contest in config.contests:
        for spec in (*contest.players, *contest.background):
            if spec.kind == "checkpoint":
                found[f"{contest.name}: {spec.name}"] = digest_of({}, Path(spec.content.get("folder", "")))
            elif spec.kind == "pool":
                pool = Pool(spec.content["pool"], create=False)
                found[f"{contest.name}: {spec.name}"] = pool[spec.content.get("player", spec.name)].digest
    return found


def _file(out: Path, block: Block) -> Path:
    return out / "blocks" / f"{block.number:06d}.parquet"


def _about(config: TournamentConfig, block: Block) -> dict[str, str]:
    return {"tournament": config.digest, "block": str(block.number)}


def _is_there(out: Path, config: TournamentConfig, block: Block) -> bool:
    """Whether a block is played; a file that is not whole is no block."""
    path = _file(out, block)
    if not path.is_file():
        return False
    try:
        _, about = read_log(path)
    except DataError:
        return False
    return {key: about.get(key) for key in ("tournament", "block")} == _about(config, block)


# --- who plays


def _alone(worker: Worker, blocks: list[Block]) -> Iterator[tuple[Block, pa.Table]]:
    for block in blocks:
        yield block, worker.play(block)


def _together(
    config: TournamentConfig, trust: bool, blocks: list[Block], workers: int
) -> Iterator[tuple[Block, pa.Table]]:
    """Blocks as they are finished by other processes; each takes the next one when it is free."""
    context = mp.get_context("spawn")
    pipes: dict[Connection, Any] = {}
    waiting = iter(blocks)
    try:
        for _ in range(min(workers, len(blocks))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, config, trust), daemon=True)
            process.start()
            theirs.close()
            pipes[ours] = process
            ours.send(next(waiting))
        busy = len(pipes)
        while busy:
            for pipe in wait(list(pipes)):
                assert isinstance(pipe, Connection)
                block, answer = _receive(pipe, pipes[pipe])
                following = next(waiting, None)
                pipe.send(following)
                if following is None:
                    busy -= 1
                    del pipes[pipe]
                yield block, answer
    finally:
        for process in pipes.values():
            process.terminate()


def _on_ray(
    config: TournamentConfig, trust: bool, blocks: list[Block], address: str
) -> Iterator[tuple[Block, pa.Table]]:
    """Blocks as a Ray cluster finishes them."""
    pool, plain = RayPool(address), json.dumps(to_dict(config))
    jobs = {pool.submit(_play_there, plain, trust, block): block for block in blocks}
    for job in as_completed(jobs):
        yield jobs[job], job.result()


def _play_there(plain: str, trust: bool, block: Block) -> pa.Table:
    """A task of a cluster: a process there keeps its markets and players from block to block."""
    return _worker(plain, trust).play(block)


@functools.lru_cache(maxsize=1)
def _worker(plain: str, trust: bool) -> Worker:
    return Worker(from_dict(TournamentConfig, json.loads(plain)), trust)


def _receive(pipe: Connection, process: Any) -> tuple[Block, pa.Table]:
    try:
        block, answer = pipe.recv()
    except EOFError as error:
        process.join()
        raise DataError(f"a worker of the tournament ended with code {process.exitcode}; run it again") from error
    if isinstance(answer, Exception):
        raise answer
    return block, answer


def _serve(pipe: Connection, config: TournamentConfig, trust: bool) -> None:
    """A worker's process: plays what it is sent, until it is sent nothing or whoever sends has gone."""
    worker = Worker(config, trust)
    while True:
        try:
            block = pipe.recv()
        except (EOFError, OSError):
            return
        if block is None:
            return
        try:
            answer: Any = worker.play(block)
        except QslError as error:
            answer = error
        try:
            pipe.send((block, answer))
        except (BrokenPipeError, OSError):
            return
