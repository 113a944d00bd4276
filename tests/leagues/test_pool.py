"""The pool: what it keeps, what it refuses, and what a crash or a stranger may have done to it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
import torch

import qsl_envs
from baselines.learning.networks import Actor, ActorSpec
from baselines.portable import save_actor, save_policy
from leagues.players import PlayerSpec, known_kinds, load_object, require_role, seat_player
from leagues.pool import Pool, digest_of
from qsl_envs.errors import ConfigError, DataError
from tests.leagues.small import MAKERS, maker, spec


@pytest.fixture(scope="module")
def envs():
    return MAKERS.make(2)


@pytest.fixture(scope="module")
def actor_folder(envs, tmp_path_factory):
    torch.manual_seed(3)
    width = envs.observation_space("maker").shape[0]
    actor = Actor(ActorSpec(obs_dim=width, action_dim=4, hidden=(8,)))
    return save_actor(tmp_path_factory.mktemp("actor") / "policy", actor, envs, "maker", name="net", seed=3)


def test_what_is_entered_comes_back(tmp_path, envs, actor_folder):
    pool = Pool(tmp_path / "pool")
    first = pool.add(spec("near", half_spread=1.0), env_id="qsl/MarketMakers-v0")
    net = pool.add(PlayerSpec(name="net", kind="checkpoint", role="maker", content={"folder": str(actor_folder)}),
                   env_id="qsl/MarketMakers-v0", parent="near", step=7, note="n")  # fmt: skip
    again = Pool(tmp_path / "pool", create=False)
    assert again.names() == ["near", "net"] and len(again) == 2 and "net" in again and "x" not in again
    assert again["net"] == net and (net.parent, net.step, net.role, net.note) == ("near", 7, "maker", "n")
    assert again["near"] == first and first.kind == "scripted"
    assert [entry.name for entry in again.entries(role="executor")] == ["near"]
    assert [entry.name for entry in again.entries(env_id="qsl/LatencyRace-v0")] == []
    assert again.check() == []
    obs = np.random.default_rng(0).normal(size=(5, envs.observation_space("maker").shape[0])).astype(np.float32)
    found = again.load("net").sit(envs, "maker")
    direct = seat_player(PlayerSpec(name="d", kind="checkpoint", content={"folder": str(actor_folder)}))
    other = direct.sit(envs, "maker")
    for policy in (found, other):
        policy.reset(np.arange(5))
    moves = found(obs)
    assert moves.shape == (5, 4) and moves.any()
    np.testing.assert_array_equal(moves, other(obs))


def test_the_hash_is_of_the_content_and_not_of_the_name(tmp_path, actor_folder):
    pool = Pool(tmp_path)
    a, b, c = pool.add(spec("a", half_spread=1.0)), pool.add(spec("b", half_spread=1.0)), pool.add(spec("c"))
    assert a.digest == b.digest != c.digest
    assert len(list((tmp_path / "players").iterdir())) == 2
    one = digest_of({}, actor_folder)
    copy = tmp_path / "copy"
    shutil.copytree(actor_folder, copy)
    assert digest_of({}, copy) == one
    (copy / "policy.pt").rename(copy / "policy2.pt")
    assert digest_of({}, copy) != one


def test_the_same_again_changes_nothing_and_another_of_the_name_is_refused(tmp_path):
    pool = Pool(tmp_path)
    entry = pool.add(spec("a", half_spread=1.0), step=5)
    assert pool.add(spec("a", half_spread=1.0), step=9) == entry
    with pytest.raises(ConfigError, match="the name 'a' is taken"):
        pool.add(spec("a", half_spread=2.0))
    with pytest.raises(ConfigError, match="Pool.parent must be a player of this pool, was 'b'"):
        pool.add(spec("c"), parent="b")
    pool.remove("a")
    assert pool.names() == []
    assert pool.add(spec("a", half_spread=2.0)).step == 0


def test_unknown_players_and_missing_checkpoints_are_named(tmp_path):
    pool = Pool(tmp_path / "pool")
    pool.add(spec("a"))
    with pytest.raises(ConfigError, match="there is no player 'b' in .*pool; there are a"):
        pool.load("b")
    with pytest.raises(DataError, match="player 'x': there is no folder .*nowhere"):
        pool.add(PlayerSpec(name="x", kind="checkpoint", content={"folder": str(tmp_path / "nowhere")}))
    with pytest.raises(DataError, match="player 'x': there is no checkpoint .*nowhere"):
        seat_player(PlayerSpec(name="x", kind="checkpoint", content={"folder": str(tmp_path / "nowhere")}))
    with pytest.raises(DataError, match="is no pool of players"):
        Pool(tmp_path / "nothing", create=False)
    with pytest.raises(ConfigError, match="player 'x': its kind 'oracle' is unknown; known are .*checkpoint"):
        seat_player(PlayerSpec(name="x", kind="oracle"))
    with pytest.raises(ConfigError, match="content must be plain values"):
        PlayerSpec(name="x", content={"policy": object()})
    assert {"scripted", "checkpoint", "pool"} <= set(known_kinds())


@pytest.mark.parametrize("harm", ["bytes", "missing", "extra", "spec", "no json"])
def test_a_corrupted_entry_is_an_error_that_names_it(tmp_path, actor_folder, harm):
    pool = Pool(tmp_path)
    pool.add(spec("fine"))
    entry = pool.add(PlayerSpec(name="net", kind="checkpoint", content={"folder": str(actor_folder)}))
    folder = tmp_path / "players" / entry.digest
    tensors = folder / "files" / "policy.pt"
    if harm == "bytes":
        content = bytearray(tensors.read_bytes())
        content[len(content) // 2] ^= 1
        tensors.write_bytes(bytes(content))
    elif harm == "missing":
        tensors.unlink()
    elif harm == "extra":
        (folder / "files" / "more.txt").write_text("x")
    elif harm == "spec":
        plain = json.loads((folder / "spec.json").read_text())
        (folder / "spec.json").write_text(json.dumps({**plain, "role": "executor"}))
    else:
        (folder / "spec.json").write_text("{")
    with pytest.raises(DataError, match="player 'net' of .* (is corrupted|cannot be read)"):
        pool.load("net")
    assert len(pool.check()) == 1 and "'net'" in pool.check()[0]
    assert pool.load("fine").name == "fine"
    # entering the same content again mends it
    pool.add(PlayerSpec(name="net", kind="checkpoint", content={"folder": str(actor_folder)}))
    assert pool.check() == []


def test_an_index_that_is_none_is_an_error(tmp_path):
    (tmp_path / "index.sqlite").write_bytes(b"not a database at all, but long enough to be read" * 40)
    with pytest.raises(DataError, match=r"index.sqlite is not the index of a pool"):
        Pool(tmp_path)
    other = tmp_path / "other"
    Pool(other)
    with sqlite3.connect(other / "index.sqlite") as db:
        db.execute("PRAGMA user_version = 9")
    with pytest.raises(DataError, match="is of version 9, not 1"):
        Pool(other)


def test_a_strangers_pickle_is_not_opened_without_trust(tmp_path, envs):
    """A folder of kind `sb3` that would write a file when it is opened."""
    import pickle

    mark = tmp_path / "run"

    class Evil:
        def __reduce__(self):
            return open, (str(mark), "w")

    model = tmp_path / "model.zip"
    model.write_bytes(pickle.dumps(Evil()))
    face = {"observation_width": envs.observation_space("maker").shape[0],
            "action": {"kind": "box", "size": 4, "names": []}}  # fmt: skip
    folder = save_policy(tmp_path / "stranger", "sb3", {"model.zip": model}, face)
    pool = Pool(tmp_path / "pool")
    pool.add(PlayerSpec(name="evil", kind="checkpoint", content={"folder": str(folder)}))
    with pytest.raises(ConfigError, match="player 'evil' cannot play 'maker': .*--trust"):
        pool.load("evil").sit(envs, "maker")
    assert not mark.exists()


def test_tensors_that_hide_code_are_refused(tmp_path, envs, actor_folder):
    mark = tmp_path / "run"

    class Evil:
        def __reduce__(self):
            return open, (str(mark), "w")

    copy = tmp_path / "copy"
    shutil.copytree(actor_folder, copy)
    torch.save({"version": 1, "spec": Evil()}, copy / "policy.pt")
    pool = Pool(tmp_path / "pool")
    pool.add(PlayerSpec(name="evil", kind="checkpoint", content={"folder": str(copy)}))
    with pytest.raises(DataError, match="player 'evil' cannot play 'maker': .*more than tensors"):
        pool.load("evil", trust=True).sit(envs, "maker")
    assert not mark.exists()


def test_a_checkpoint_of_another_shape_says_what_differs(tmp_path, actor_folder):
    race = qsl_envs.make_marl_vec("qsl/LatencyRace-v0", 1)
    player = seat_player(PlayerSpec(name="net", kind="checkpoint", content={"folder": str(actor_folder)}))
    with pytest.raises(ConfigError, match="player 'net' cannot play 'racer': .*does not fit qsl/LatencyRace-v0"):
        player.sit(race, "racer")
    with pytest.raises(ConfigError, match="player 'a' plays executor, not 'maker'"):
        require_role(dataclasses.replace(maker("a"), roles=("executor",)), "maker")
    with pytest.raises(ConfigError, match="player 'p' cannot play 'racer'"):
        seat_player(spec("p", "fixed spread")).sit(race, "racer")
    with pytest.raises(ConfigError, match="player 'p' cannot play 'racer'.*one of"):
        seat_player(spec("p", "no such policy")).sit(race, "racer")


CRASH = """
import os, sys
from pathlib import Path
import leagues.pool as pool_module
from leagues.players import PlayerSpec

pool = pool_module.Pool(sys.argv[1])
pool.add(PlayerSpec(name="before", content={"policy": "random"}))
when = sys.argv[2]
if when == "files":
    pool_module._flush = lambda folder: os._exit(9)
else:
    pool_module._flush_folder = lambda folder: os._exit(9) if folder.name == "players" else None
pool.add(PlayerSpec(name="after", content={"policy": "do nothing"}))
"""


@pytest.mark.parametrize("when", ["files", "index"])
def test_a_crash_leaves_a_pool_that_works(tmp_path, when):
    """A process that dies while it writes a player: before its folder has its name, or before the index knows it."""
    run = subprocess.run(
        [sys.executable, "-c", CRASH, str(tmp_path), when], check=False, capture_output=True, text=True
    )
    assert run.returncode == 9, run.stderr
    pool = Pool(tmp_path)
    assert pool.names() == ["before"] and pool.check() == []
    pool.add(PlayerSpec(name="after", content={"policy": "do nothing"}))
    assert pool.names() == ["before", "after"] and pool.check() == []


ENTER = """
import sys
from leagues.players import PlayerSpec
from leagues.pool import Pool

pool, first = Pool(sys.argv[1]), int(sys.argv[2])
for k in range(first, first + 6):
    pool.add(PlayerSpec(name=f"p{k}", content={"policy": "fixed spread", "parameters": {"half_spread": 1 + k % 4}}))
"""


def test_several_processes_may_write_at_once(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", ENTER, str(tmp_path), first]) for first in ("0", "3")]
    assert [writer.wait() for writer in writers] == [0, 0]
    pool = Pool(tmp_path)
    assert sorted(pool.names()) == [f"p{k}" for k in range(9)] and pool.check() == []


def test_places_of_objects():
    assert load_object("leagues.pool:Pool", "x") is Pool
    for place in ("leagues.pool:Pond", "nowhere.at.all:x", "leagues.pool", ""):
        with pytest.raises(ConfigError, match="player 'x'"):
            load_object(place, "player 'x'")
