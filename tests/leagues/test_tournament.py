"""Tournaments: the same log whoever plays it and however often it was killed; what cannot be played is named."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest
import yaml

from leagues.match import Floor
from leagues.match_log import SCHEMA, read_log, write_log
from leagues.players import PlayerSpec, seat_player
from leagues.pool import Pool
from leagues.results import contests_of
from leagues.schedule import graph, line_up, round_robin
from leagues.tournament import blocks_of, run_tournament
from leagues.tournament_config import ContestConfig, TournamentConfig, load_tournament
from qsl_envs.errors import ConfigError, DataError
from qsl_envs.settings import save_yaml, to_dict
from tests.leagues.small import MAKERS, QUICK, small_tournament, spec


def same(one: pa.Table, other: pa.Table) -> None:
    """Every column but the wall time, bit for bit."""
    assert one.num_rows == other.num_rows > 0
    assert one.drop_columns(["wall_s"]).equals(other.drop_columns(["wall_s"]))


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    config = small_tournament()
    return config, run_tournament(config, tmp_path_factory.mktemp("played"))


def test_the_log_has_one_row_for_each_match(played):
    config, log = played
    assert log.schema.equals(SCHEMA)
    groups = [("near",), ("far",), ("random",), ("near", "far"), ("near", "random"), ("far", "random")]
    wanted = [(group, seed, rotation) for group in groups for seed in range(9) for rotation in range(4)]
    found = [(tuple(row["group"]), row["seed"], row["rotation"]) for row in log.to_pylist()]
    assert found == wanted
    for row in log.to_pylist()[:100]:
        assert row["line_up"] == [row["group"][k % len(row["group"])] for k in range(4)]
        assert row["seats"] == [row["line_up"][(k - row["rotation"]) % 4] for k in range(4)]
        assert row["roles"] == ["maker"] * 4 and row["scenario"] == "makers" and row["split"] == "train"
        assert len(row["pnl"]) == len(row["fees"]) == len(row["inventory"]) == len(row["fills"]) == 4
        assert row["wall_s"] > 0 and row["forfeits"] == [""] * 4
    assert any(fills for row in log.to_pylist() for fills in row["fills"])


def test_a_block_is_filled_up_and_only_what_counts_is_logged(played):
    """Nine worlds in blocks of six, and the same in one block of nine."""
    config, log = played
    assert [(b.first_world, b.count) for b in blocks_of(config)[:2]] == [(0, 6), (6, 3)]
    floor = Floor(dataclasses.replace(MAKERS, worlds=9))
    contest = config.contests[0]
    players = {one.name: seat_player(one) for one in contest.players}
    group = ("near", "random")
    result = floor.play({"maker": [players[name] for name in contest.seated(group)["maker"]]})
    rows = [row for row in log.to_pylist() if tuple(row["group"]) == group]
    np.testing.assert_array_equal([row["pnl"] for row in rows], result.pnl.reshape(-1, 4))


@pytest.mark.slow
def test_two_workers_write_the_same_log(played, tmp_path):
    config, log = played
    same(log, run_tournament(config, tmp_path, workers=2))
    assert [path.name for path in sorted((tmp_path / "blocks").iterdir())] == [f"{k:06d}.parquet" for k in range(12)]


RUN = """
import sys
import time
from pathlib import Path

from leagues.match import Floor
from leagues.tournament import run_tournament
from leagues.tournament_config import load_tournament

play, trace = Floor.play, Path(sys.argv[3])


def slow(self, *arguments):  # so that a kill finds it in the middle of a match
    steps = self.envs.step

    def step(actions):
        time.sleep(0.02)
        return steps(actions)

    self.envs.step = step
    with open(trace, "a") as file:
        file.write("begin\\n")
    try:
        return play(self, *arguments)
    finally:
        self.envs.step = steps
        with open(trace, "a") as file:
            file.write("end\\n")


Floor.play = slow
if __name__ == "__main__":
    run_tournament(load_tournament(sys.argv[1]), sys.argv[2], workers=int(sys.argv[4]))
"""


@pytest.mark.parametrize("workers", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_in_the_middle_of_a_match_and_resumed_it_is_the_same_log(played, tmp_path, workers):
    """A process is killed while it plays, with what works for it; this one goes on."""
    config, log = played
    file, out, trace, main = (tmp_path / name for name in ("t.yaml", "out", "trace", "main.py"))
    save_yaml(config, file)
    trace.write_text("")
    main.write_text(RUN)
    process = subprocess.Popen([sys.executable, main, file, out, trace, str(workers)])
    while process.poll() is None:
        words = trace.read_text().split()
        if list((out / "blocks").glob("[0-9]*.parquet")) and words.count("begin") > words.count("end"):
            break
        time.sleep(0.002)
    children = _children(process.pid)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 1 <= len(list((out / "blocks").glob("[0-9]*.parquet"))) < 12
    assert not (out / "matches.parquet").exists()
    _wait_for_the_end(children)
    again: list[float] = []
    same(log, run_tournament(config, out, tell=lambda share, line: again.append(share)))
    assert 0 < len(again) < 12


def _wait_for_the_end(children: list[int]) -> None:
    """Workers whose master was killed must not live on."""
    for _ in range(600):
        children = [child for child in children if _lives(child)]
        if not children:
            return
        time.sleep(0.1)
    raise AssertionError(f"workers {children} live on")


def _children(pid: int) -> list[int]:
    run = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in run.stdout.split()]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_a_broken_block_is_played_again(played, tmp_path):
    config, log = played
    run_tournament(config, tmp_path)
    blocks = sorted((tmp_path / "blocks").iterdir())
    blocks[1].write_bytes(blocks[1].read_bytes()[:-40])
    blocks[3].write_bytes(b"")
    blocks[5].unlink()
    blocks[7].write_bytes(blocks[6].read_bytes())
    again: list[float] = []
    same(log, run_tournament(config, tmp_path, tell=lambda share, line: again.append(share)))
    assert len(again) == 4 and again[-1] == 1.0


def test_a_folder_holds_one_tournament(played, tmp_path):
    config, _ = played
    run_tournament(config, tmp_path)
    with pytest.raises(ConfigError, match="holds another tournament \\('small'\\)"):
        run_tournament(small_tournament(worlds=10), tmp_path)


def test_a_checkpoint_that_changes_under_a_tournament_is_noticed(tmp_path):
    pool = Pool(tmp_path / "pool")
    pool.add(spec("a", half_spread=1.0))
    players = (PlayerSpec(name="a", kind="pool", content={"pool": str(tmp_path / "pool")}), spec("b", half_spread=2.0))
    config = small_tournament(worlds=2, players=players)
    log = run_tournament(config, tmp_path / "out")
    assert log.num_rows == 3 * 2 * 4
    pool.remove("a")
    pool.add(spec("a", half_spread=4.0))
    with pytest.raises(ConfigError, match="the files of player 'makers: a' have changed"):
        run_tournament(config, tmp_path / "out")


@pytest.mark.parametrize(("changes", "error", "message"), [
    ({"players": (spec("x", "no such policy"), spec("b"))}, ConfigError, "player 'x' cannot play 'maker'"),
    ({"players": (spec("x", "TWAP"), spec("b"))}, ConfigError, "player 'x' cannot play 'maker'"),
    ({"players": (PlayerSpec(name="x", kind="checkpoint", content={"folder": "nowhere"}), spec("b"))}, DataError,
     "player 'x': there is no checkpoint nowhere"),
    ({"players": (PlayerSpec(name="x", kind="pool", content={"pool": "nowhere"}), spec("b"))}, DataError,
     "nowhere is no pool"),
])  # fmt: skip
def test_what_cannot_play_is_told_before_anything_is_played(tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        run_tournament(small_tournament(**changes), tmp_path / "out")
    assert not list((tmp_path / "out" / "blocks").glob("*")) if (tmp_path / "out").exists() else True


@pytest.mark.parametrize(("changes", "message"), [
    ({"players": (spec("a"), spec("a"))}, "of different names, was \\['a'\\]"),
    ({"players": ()}, "at least one"),
    ({"players": (PlayerSpec(name="x", kind="oracle"),)}, "player 'x'.kind must be one of .*scripted"),
    ({"players": (PlayerSpec(name="x", role="executor"),)}, "player 'x' plays executor, not 'maker'"),
    ({"at_once": 5}, "at_once must be in \\[1, 3 players\\], was 5"),
    ({"line_ups": (("near", "nobody"),)}, "line_ups must be of near, far, random, was 'nobody'"),
    ({"worlds": 0}, "ContestConfig.worlds"),
    ({"worlds": "many"}, "ContestConfig.worlds must be of type int"),
])  # fmt: skip
def test_impossible_contests_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        small_tournament(**changes)


def test_who_meets_whom():
    assert round_robin("abc") == [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c")]
    assert round_robin("abc", 3, selves=False) == [("a", "b", "c")]
    assert round_robin("abc", 1) == [("a",), ("b",), ("c",)]
    assert graph([["a", "b"], ["c"]], "abc") == [("a", "b"), ("c",)]
    seats = {"maker": 3, "executor": 1}
    seated = line_up(("a", "b"), "maker", seats, {"executor": ["x", "y"]})
    assert seated == {"maker": ("a", "b", "a"), "executor": ("x",)}
    with pytest.raises(ConfigError, match="line-up.executor must be played by somebody"):
        line_up(("a", "b"), "maker", seats, {})
    with pytest.raises(ConfigError, match="at most 1 players, one a seat"):
        line_up(("a", "b"), "executor", seats, {"maker": ["m"]})
    with pytest.raises(ConfigError, match="line-up.role must be one of maker, executor, was 'taker'"):
        line_up(("a",), "taker", seats, {})


def test_yaml_files_name_stages_and_players_once(tmp_path):
    config = small_tournament()
    plain = to_dict(config)
    contest = plain["contests"][0]
    stage = contest.pop("stage")
    players = contest.pop("players")
    stage.pop("name")
    contest |= {"stage": "makers", "players": [players[0]["name"], players[1], players[2]["name"]]}
    short = {"name": "small", "stages": {"makers": stage}, "players": [players[0], players[2]], "contests": [contest]}
    file = tmp_path / "t.yaml"
    file.write_text(yaml.safe_dump(short))
    assert load_tournament(file) == config
    folder = tmp_path / "agents" / "net"
    folder.mkdir(parents=True)
    beside = {"name": "net", "kind": "checkpoint", "content": {"folder": "agents/net"}}
    file.write_text(yaml.safe_dump({**short, "contests": [{**contest, "players": ["near", beside]}]}))
    assert load_tournament(file).contests[0].players[1].content == {"folder": str(folder)}
    save_yaml(config, file)
    assert load_tournament(file) == config and load_tournament(file).digest == config.digest
    for change, message in ({"stage": "moon"}, "stage must be one of makers, was 'moon'"), (
        {"players": ["near", "ghost"]}, "players must be of near, random, was 'ghost'"), (
        {"world": 3}, "contests\\[0\\].world is not a setting"):  # fmt: skip
        file.write_text(yaml.safe_dump({**short, "contests": [{**contest, **change}]}))
        with pytest.raises(ConfigError, match=message):
            load_tournament(file)


def test_results_are_those_of_the_matches(played):
    """Payoffs, differences, wins and facts, each read slowly from the rows."""
    _, log = played
    [contest] = contests_of(log)
    assert contest.players == ("near", "far", "random") and contest.matches == log.num_rows and contest.at_once == 2
    rows = log.to_pylist()

    def mean_pnl(player, group, seed):
        found = [pnl for row in rows if tuple(row["group"]) == group and row["seed"] == seed
                 for pnl, name in zip(row["pnl"], row["seats"]) if name == player]  # fmt: skip
        return np.mean(found)

    payoffs, apart, won = contest.payoffs(), contest.differences(), contest.wins()
    for i, a in enumerate(contest.players):
        assert payoffs[i, i] == pytest.approx(np.mean([mean_pnl(a, (a,), seed) for seed in range(9)]))
        for j, b in enumerate(contest.players):
            if i == j:
                continue
            group = (a, b) if i < j else (b, a)
            mine = np.array([mean_pnl(a, group, seed) for seed in range(9)])
            theirs = np.array([mean_pnl(b, group, seed) for seed in range(9)])
            assert payoffs[i, j] == pytest.approx(mine.mean())
            np.testing.assert_allclose(apart[i, j], mine - theirs, atol=1e-9)
            np.testing.assert_array_equal(won[i, j], (mine > theirs) + 0.5 * (mine == theirs))
    np.testing.assert_allclose(apart, -apart.transpose(1, 0, 2), atol=1e-9)
    scores = contest.score_intervals()
    np.testing.assert_allclose(scores[..., 0], apart.mean(-1), atol=1e-12)
    assert (scores[..., 1] <= scores[..., 0]).all() and (scores[..., 0] <= scores[..., 2]).all()
    assert not scores[range(3), range(3)].any()
    fills = [f for row in rows for f, name in zip(row["fills"], row["seats"]) if name == "near"]
    assert contest.facts["fills"][0] == pytest.approx(np.mean(fills)) and contest.facts["fills"][0] > 0
    ratings = contest.ratings()
    assert ratings.players == contest.players and np.isfinite(ratings.elo).all()
    skill, spread = contest.skills()
    assert skill.shape == spread.shape == (3,)


def test_more_than_two_at_once_are_ranked(tmp_path):
    config = small_tournament(worlds=4, at_once=3)
    [contest] = contests_of(run_tournament(config, tmp_path))
    assert contest.groups[-1] == ("near", "far", "random") and contest.at_once == 3
    orders, where, weights = contest.orders()
    assert len(orders) == 8 and (weights == 0.5).all() and where.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    together = contest.pnl[-1]
    for order, world in zip(orders, where):
        assert (np.diff(together[order, world]) <= 0).all()
    assert np.isfinite(contest.ratings().strength).all()


def test_alone_against_a_background_players_are_compared_world_by_world(tmp_path):
    stage = dataclasses.replace(MAKERS, env_id="qsl/MakersTakers-v0", settings=QUICK, worlds=4)
    background = tuple(PlayerSpec(name=role, role=role, content={"policy": "do nothing"})
                       for role in ("maker", "arbitrageur", "informed"))  # fmt: skip
    contest = ContestConfig(name="executors", stage=stage, role="executor", at_once=1, worlds=4, background=background,
                            players=(spec("twap", "TWAP"), spec("still", "do nothing")))  # fmt: skip
    config = TournamentConfig(name="alone", contests=(contest,))
    log = run_tournament(config, tmp_path)
    assert log.num_rows == 2 * 4 * 2  # two groups, four worlds, the makers in two orders
    [found] = contests_of(log)
    assert found.role == "executor" and found.at_once == 1
    np.testing.assert_allclose(found.differences()[0, 1], found.alone()[0] - found.alone()[1])
    np.testing.assert_array_equal(found.wins()[0, 1] + found.wins()[1, 0], 1.0)
    assert found.facts["fills"][0] > found.facts["fills"][1]
    with pytest.raises(ConfigError, match="line-up.maker must be played by somebody"):
        run_tournament(
            TournamentConfig(name="x", contests=(dataclasses.replace(contest, background=()),)), tmp_path / "x"
        )


def test_who_forfeits_loses_to_all_that_did_not(played):
    _, log = played
    rows = log.to_pylist()
    for row in rows:
        if row["seed"] == 4 and row["group"] == ["near", "far"] and row["rotation"] == 2:
            row["forfeits"] = ["step 3: ValueError: x" if name == "near" else "" for name in row["seats"]]
    [contest] = contests_of(pa.Table.from_pylist(rows, schema=SCHEMA))
    assert contest.forfeits == {"near": {"step 3: ValueError: x": 2}}
    assert np.isnan(contest.differences()[0, 1]).tolist() == [k == 4 for k in range(9)]
    assert contest.wins()[1, 0, 4] == 1.0 and contest.wins()[0, 1, 4] == 0.0
    assert np.isfinite(contest.score_intervals()).all() and np.isfinite(contest.ratings().strength).all()


def test_what_is_no_log_is_refused(tmp_path, played):
    _, log = played
    file = tmp_path / "x.parquet"
    file.write_text("no")
    with pytest.raises(DataError, match="is no match log"):
        read_log(file)
    write_log(file, log.select(["seed"]), {})
    with pytest.raises(DataError, match="has no column contest"):
        read_log(file)
    write_log(file, log, {"a": "b"})
    table, about = read_log(file)
    assert about == {"a": "b"} and table.equals(log)
    half = log.slice(0, log.num_rows - 4)
    with pytest.raises(DataError, match="finish the tournament first"):
        contests_of(half)


def test_the_folder_says_what_is_played(played, tmp_path):
    config, _ = played
    run_tournament(config, tmp_path)
    about = json.loads((tmp_path / "tournament.json").read_text())
    assert about["digest"] == config.digest and about["config"]["contests"][0]["worlds"] == 9
