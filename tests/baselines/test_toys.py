"""The toys pay what their docstrings say: their answers are recomputed by playing them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.baselines.toys import Corridor, Recall, Shifts, Steering
from tests.baselines.toys_seats import Crowd


def test_the_corridor_pays_its_values():
    """Discounted returns of the best choices, by cell, are the values; both ends are somewhere the better one."""
    q = Corridor.action_values(0.95)
    best = q.argmax(1)
    assert best[0] == 0 and best[-1] == 1
    envs = Corridor(3000)
    obs = envs.reset(seed=0)[0]
    start = obs.argmax(1)
    total, going = np.zeros(3000), np.ones(3000, bool)
    for t in range(Corridor.LIMIT):
        obs, reward, terminated, truncated, _ = envs.step(best[obs.argmax(1)])
        total += np.where(going, 0.95**t * reward, 0.0)
        going &= ~(terminated | truncated)
    found = np.array([total[start == cell].mean() for cell in range(Corridor.CELLS)])
    assert found == pytest.approx(q.max(1), abs=0.03)


def test_the_best_steering_is_riccati_s():
    """A controller that is 10 % stronger or weaker costs more."""
    gains = Steering.gains()
    costs = []
    for factor in (0.9, 1.0, 1.1):
        envs, total = Steering(4000), 0.0
        obs = envs.reset(seed=0)[0]
        for t in range(Steering.STEPS):
            obs, reward, *_ = envs.step(np.clip(-factor * gains[t] * obs[:, :1], -1, 1))
            total -= reward.mean()
        costs.append(total)
    assert min(costs) == costs[1]


def test_shifts_tell_how_long_a_decision_lasted():
    envs = Shifts(4)
    obs = envs.reset(seed=0)[0]
    for step in range(12):
        new, reward, terminated, truncated, info = envs.step(np.zeros((4, 1)))
        over = step % 5 == 4
        lasted = np.where(obs[:, 0] == 1, 3, 1)
        assert np.array_equal(truncated, np.full(4, over)) and not terminated.any()
        after = info["final_obs"] if over else new
        assert np.array_equal(after, np.stack([1 - obs[:, 0], lasted], -1))
        assert np.array_equal(info["elapsed_ns"], np.zeros(4) if over else lasted * Shifts.step_ns)
        obs = new
    short, long = Shifts.values(0.9)
    assert short == pytest.approx(1 + 0.9 * long) and long == pytest.approx(1 + 0.9**3 * short)


def test_recall_pays_for_memory_alone():
    envs = Recall(100)
    sign = envs.reset(seed=0)[0][:, :1]
    for step in range(Recall.STEPS):
        obs, reward, terminated, _, _ = envs.step(0.8 * sign if step == Recall.STEPS - 1 else np.zeros((100, 1)))
        assert step == Recall.STEPS - 1 or not obs[:, 0].any()
    assert terminated.all() and reward == pytest.approx(np.zeros(100)) and set(sign[:, 0]) == {-1.0, 1.0}


def test_the_crowd_s_best_is_nothing_lost_and_who_left_is_not_asked():
    envs = Crowd(900)
    obs = envs.reset(seed=0)[0]
    silent = []
    for step in range(8):
        best = {role: rows[..., :1] / 2 for role, rows in obs.items()}
        if step % 2:
            best = {role: 0 * rows for role, rows in best.items()}
        gone = ~envs.alive["maker"]
        assert gone.sum() == (300 if step % 4 >= 2 else 0) and not obs["maker"][gone].any()
        obs, reward, terminated, truncated, info = envs.step(best)
        assert not reward["maker"][gone].any() and ("final_obs" in info) == (step % 4 == 3)
        if step % 2:
            silent.append(np.concatenate([reward["maker"].ravel(), reward["taker"].ravel()]).mean())
        else:
            assert max(np.abs(r).max() for r in reward.values()) < 1e-6
    assert silent[0] == pytest.approx(Crowd.silent(), abs=0.02)
