"""Metrics of recorded runs, against what the account says and loops over the tape that a child could check."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from baselines.evaluate import RECORDED, Worlds, evaluate
from baselines.evaluation.quality import recorded_metrics, recorder_for
from baselines.policies.desk import Desk
from baselines.policies.makers import InventorySkew
from baselines.policies.plain import DoNothing
from qsl_envs.market.events import Kind

SESSION_NS = 8_000_000_000


def make(num_envs, **changes):
    return gym.make_vec(
        "qsl/MarketMaking-v0", num_envs=num_envs, split="test", autoreset_mode="SameStep", step_info=True,
        session_ns=SESSION_NS, **changes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run():
    """Two worlds of a skewing maker by hand: recorder, metrics, account at the end without the closing step."""
    envs = make(2)
    policy = InventorySkew(Desk.of(envs), 1.0, 3.0, 4.0)
    recorder = recorder_for(envs)
    policy.reset(np.arange(2))
    obs, _ = envs.reset(seed=5)
    for _ in range(SESSION_NS // envs.unwrapped.step_ns - 1):
        obs, _, _, _, info = envs.step(policy(obs))
        recorder.read()
    return recorder, recorded_metrics(recorder, 2), info["account"]


def test_orders_fills_and_fees_are_the_accounts(run):
    recorder, found, account = run
    blotter = recorder.blotter()
    for world in range(2):
        mine = [o for o in blotter.orders if o["episode"] == world]
        tape = recorder.tapes(world)[0]
        entered = tape[(tape["kind"] == Kind.NEW) & (tape["participant"] == 0)]
        assert found["orders"][world] == len(mine) >= len(entered) > 5
        lots = sum(int(o["filled_qty"]) for o in mine)
        assert lots == account["volume"][world] > 0
        assert found["fill_ratio"][world] == pytest.approx(lots / sum(int(o["qty"]) for o in mine))
        assert found["maker_share"][world] == pytest.approx(sum(int(o["maker_qty"]) for o in mine) / lots)
        assert sum(o["fee"] for o in mine) == pytest.approx(account["fees"][world], abs=1e-9)
        assert found["rebates"][world] == pytest.approx(-account["fees"][world], abs=1e-9), "a maker only"


def test_the_parts_sum_to_the_equity_at_the_displayed_mid(run):
    """spread + inventory + rebates = cash + inventory x last displayed mid."""
    recorder, found, account = run
    for world in range(2):
        fills = [f for f in recorder.blotter().fills if f["episode"] == world]
        cash = sum((1 if f["side"] else -1) * int(f["qty"]) * int(f["price"]) - f["fee"] for f in fills)
        held = sum((-1 if f["side"] else 1) * int(f["qty"]) for f in fills)
        assert held == account["inventory"][world]
        mids = recorder.blotter().mids[0]
        last = mids.at(np.array([world]), mids.end_ns[[world]])[0] / 2
        total = found["spread_gain"][world] + found["inventory_gain"][world] + found["rebates"][world]
        assert total == pytest.approx(cash + held * last, abs=1e-6)
        assert found["adverse_selection"][world] == pytest.approx(
            -found["inventory_gain"][world] / found["spread_gain"][world]
        )


def test_markouts_and_ages_by_hand(run):
    recorder, found, _ = run
    blotter = recorder.blotter()
    for world in range(2):
        path = blotter.mids[0]
        rows = np.flatnonzero(path.episode == world)
        times, mids = path.ts_ns[rows], path.mid_x2[rows] / 2
        worth, lots = 0.0, 0
        for f in blotter.fills[blotter.fills["episode"] == world]:
            later = int(f["ts_ns"]) + 1_000_000_000
            if later <= path.end_ns[world]:
                mid = mids[np.flatnonzero(times <= later)[-1]]
                worth += (-1 if f["side"] else 1) * (mid - float(f["price"])) * int(f["qty"])
                lots += int(f["qty"])
        assert found["markout_1s"][world] == pytest.approx(worth / lots)
        mine = blotter.orders[(blotter.orders["episode"] == world) & (blotter.orders["queue_ahead_arrival"] >= 0)]
        assert found["queue_ahead"][world] == pytest.approx(mine["queue_ahead_arrival"].mean())
        ends = [int(o["end_ns"]) if o["end_ns"] >= 0 else int(path.end_ns[world]) for o in mine]
        ages = [(end - int(o["entered_ns"])) / 1e9 for end, o in zip(ends, mine)]
        assert found["quote_age"][world] == pytest.approx(np.mean(ages)) and found["quote_age"][world] > 0.05


def test_recording_moves_nothing_and_idle_hands_have_no_figures():
    envs = make(1)
    desk = Desk.of(envs)
    envs.close()
    policies = {"maker": InventorySkew(desk, 1.0, 3.0, 4.0), "idle": DoNothing(desk)}
    worlds = Worlds(make, 3, block=2)
    plain, recorded = evaluate(policies, worlds), evaluate(policies, worlds, record=True)
    for name, found in plain.items():
        assert all(np.array_equal(values, recorded[name][metric], equal_nan=True) for metric, values in found.items())
    idle = recorded["idle"]
    assert (idle["orders"] == 0).all() and all(np.isnan(idle[m]).all() for m in RECORDED if "mark" in m or "age" in m)
