"""The same seed and actions give the same bits: alone or among others, on threads, from a snapshot, as ever before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.envs.small import make, play, random_actions
from tests.golden.update import FOLDER, golden_ids, trajectory

STEPS = 22


def test_alone_and_among_others():
    actions = random_actions(STEPS, 4)
    together = play(make(4), actions, seed=10)
    for i in range(4):
        alone = play(make(1), actions[:, i : i + 1], seed=10 + i)
        for mine, theirs in zip(alone, together):
            assert all(np.array_equal(a[0], b[i]) for a, b in zip(mine, theirs))


@pytest.mark.parametrize("threads", [2, 3])
def test_on_threads(threads):
    actions = random_actions(STEPS, 5)
    one, many = make(5), make(5, num_threads=threads)
    for mine, theirs in zip(play(one, actions), play(many, actions)):
        assert all(np.array_equal(a, b) for a, b in zip(mine, theirs))
    assert one.market.digest() == many.market.digest()


def test_from_a_snapshot_in_another_place():
    actions = random_actions(18, 2)
    envs, other = make(2), make(3)
    play(envs, actions[:6])
    other.reset(seed=99)
    other.restore(envs.snapshot(1), 2)
    for action in actions[6:]:
        a, reward, *_ = envs.step(action)
        b, other_reward, *_ = other.step(np.concatenate([action[:1], action[:1], action[1:]]))
        assert np.array_equal(a[1], b[2]) and reward[1] == other_reward[2]


def test_actions_matter():
    base = play(make(1), random_actions(12, 1, seed=0))
    assert any(not np.array_equal(a, b) for a, b in zip(base[0], play(make(1), random_actions(12, 1, seed=1))[0]))


@pytest.mark.parametrize("env_id", golden_ids())
def test_golden(env_id):
    """What `make golden` wrote: a change here is a change of what every user sees. Also run interpreted."""
    file = Path(FOLDER) / f"{env_id.partition('/')[2]}.json"
    assert json.loads(file.read_text()) == trajectory(env_id)
