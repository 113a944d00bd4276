"""An alpha in its forms: compiled participant, strategy, policy of an environment, folder; all of them trade alike."""

from __future__ import annotations

import importlib
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from baselines import portable
from baselines.policies.desk import Desk
from baselines.policies.library import build
from evolve.alpha import maker, taker
from evolve.distill import distill, fit
from evolve.expression import INPUT_NAMES
from evolve.policy import Inputs, ProgramPolicy, load_program, save_program
from evolve.strategy import ProgramStrategy
from qsl_envs.errors import ConfigError, DataError
from qsl_envs.market.config import PopulationConfig
from qsl_envs.market.market import Market
from qsl_envs.sdk import run_strategies
from tests.market.worlds import LOOSE, MS, SECOND, link, small
from tests.market.worlds import participant as agent
from tests.sdk.test_strategy import same_template, told

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
LINES = link(2 * MS, jitter="exponential", jitter_ns=MS)
ALPHAS = [
    maker("2 * imbalance - 0.1 * inventory - 0.01 * gain / max(1, abs(inventory))",
          "max(0.5 * spread, 1) + abs(mid_change_slow) + 0.05 * (bought + sold)",
          "2 + 0.2 * min(queue_bid, queue_ask) + 0.01 * depth_bid", period_ns=20 * MS, max_inventory=30),
    maker("mid_change - 0.02 * (bid_qty - ask_qty)", "if(feed_age > 0.003, 2, 1) + 0.01 * time_left",
          "1 + 0.02 * depth_ask", period_ns=15 * MS),
    taker("imbalance - inventory_share", threshold=0.4, qty=3, period_ns=10 * MS, max_inventory=12),
]  # fmt: skip


@pytest.mark.parametrize("alpha", ALPHAS, ids=["maker", "quick maker", "taker"])
def test_a_strategy_sends_the_orders_of_the_compiled_participant(alpha):
    common = {"templates": 1, "burn_in_ns": SECOND}
    lines = {"order_link": LINES, "report_link": LINES, "feed_link": LINES}
    group = PopulationConfig(kind="program", name="maker", programs=(alpha.program(),), params=alpha.params(),
                             risk=LOOSE, **lines)  # fmt: skip
    seat = replace(agent("maker", LINES), listens="nothing")
    first = Market(small(participants=(seat,), **common), 1, seed=5)
    second = Market(small(participants=(), population=(group,), **common), 1, seed=5)
    same_template(first, second)
    second.reset()
    second.advance(0)
    m = second.arrays
    look = int(m.actors[m.crowds[m.runs[0].crowd].actors].timer_ns)
    run_strategies({"maker": ProgramStrategy(alpha, look)}, market=first, until_ns=3 * SECOND)
    second.advance(3 * SECOND)
    assert told(first) == told(second)
    assert told(first)["sent"] > 50 and first.account(0)["volume"] > 10


# --- environments


def make(num_envs=6, env_id="qsl/MarketMaking-v0", **settings):
    import gymnasium as gym
    from gymnasium.vector import AutoresetMode

    import qsl_envs  # noqa: F401  registers the environments

    return gym.make_vec(env_id, num_envs=num_envs, split="test", autoreset_mode=AutoresetMode.SAME_STEP,
                        session_ns=4 * SECOND, **settings)  # fmt: skip


def played(policy, envs, steps=30, seed=0):
    """Sums of rewards of a policy, float64 (env,)."""
    obs, _ = envs.reset(seed=seed)
    policy.reset(seed + np.arange(envs.num_envs))
    total = np.zeros(envs.num_envs)
    for _ in range(steps):
        obs, reward, *_ = envs.step(policy(obs))
        total += reward
    return total


def test_a_maker_as_a_policy_quotes_as_the_scripted_maker_of_that_formula():
    envs = make()
    desk = Desk.of(envs)
    formula = ProgramPolicy(maker("-4 * inventory_share", "3", "2"), desk)
    library = build("inventory skew", desk, {"half_spread": 3.0, "skew": 4.0, "qty": 2.0})
    assert played(formula, envs).tolist() == played(library, envs).tolist()
    assert formula.parameters()["alpha"]["half_spread"] == "3" and formula.name == "alpha"


def test_inputs_read_from_observations_are_those_of_the_market():
    """Beside the program's own account of mid changes, the observation's long change says the same."""
    envs = make(3)
    desk = Desk.of(envs)
    obs, _ = envs.reset(seed=5)
    inputs = Inputs(desk, 50, 2_000.0)
    inputs.reset(3)
    policy = ProgramPolicy(maker("0", "1", "5"), desk)
    policy.reset(np.arange(3))
    mids, slow = [np.zeros(3)], []
    for step in range(30):
        known = inputs(obs)
        mids.append(mids[-1] + known["mid_change"])
        slow.append(known["mid_change_slow"])
        assert known["inventory"] == pytest.approx(obs[:, desk.column("inventory")] * 50, abs=1e-4)
        assert known["time_left"] == pytest.approx(4.0 - 0.1 * step, abs=1e-5)
        if step >= 10:
            long = obs[:, desk.column("mid_change_10")] * desk.tick_scale
            assert mids[-1] - mids[-11] == pytest.approx(long, abs=1e-4)
        obs, *_ = envs.step(policy(obs))
    weights = 0.1 * 0.9 ** np.arange(29)[::-1]
    expected = mids[-1] - (weights[:, None] * np.array(mids[1:-1])).sum(0)
    assert slow[-1] == pytest.approx(expected, abs=1e-6)
    assert (np.abs(slow) > 0.5).any() and (known["bought"] * known["sold"] == 0).all() and known["depth_bid"].min() > 0


def test_a_policy_does_not_depend_on_the_batch():
    alpha = maker("mid_change_slow - 0.1 * inventory", "1 + 0.1 * spread", "3")
    envs, fewer = make(6), make(3)
    whole, part = (ProgramPolicy(alpha, Desk.of(e)) for e in (envs, fewer))
    assert played(whole, envs)[:3].tolist() == played(part, fewer).tolist()


def test_a_taker_is_a_policy_of_the_directional_environment():
    envs = make(2, "qsl/DirectionalTrading-v0")
    policy = ProgramPolicy(taker("1 - 0 * imbalance"), Desk.of(envs))
    policy.reset(np.arange(2))
    obs, _ = envs.reset(seed=0)
    for _ in range(25):
        obs, *_ = envs.step(policy(obs))
    assert (Desk.of(envs).lots(obs) > 10).all()
    with pytest.raises(ConfigError, match="taker.*desk.kind must be target"):
        ProgramPolicy(taker("1"), Desk.of(make(1)))


def test_an_alpha_is_a_portable_policy(tmp_path, monkeypatch):
    monkeypatch.setattr(portable, "kinds", lambda: {"program": load_program})
    envs, alpha = make(4), maker("-0.1 * inventory", "max(0.5 * spread, 1)", "4", name="edge")
    save_program(tmp_path / "edge", alpha, envs, scores={"pnl": 1.0})
    loaded = portable.load_policy(tmp_path / "edge", envs)
    assert loaded.alpha == alpha and loaded.name == "edge"
    assert played(loaded, envs).tolist() == played(ProgramPolicy(alpha, Desk.of(envs)), envs).tolist()
    text = (tmp_path / "edge" / "manifest.json").read_text()
    (tmp_path / "edge" / "manifest.json").write_text(text.replace("-0.1 * inventory", "-0.1 * * inventory"))
    with pytest.raises(DataError, match=r"edge.*edge\.skew.*character 8"):
        portable.load_policy(tmp_path / "edge", envs)


def test_an_alpha_is_a_player_of_a_league(tmp_path, monkeypatch):
    """It quotes in a shared market as its formula says, behind the folder that a league's players are kept in."""
    from leagues.players import CheckpointPlayer
    from qsl_envs import make_marl_vec

    monkeypatch.setattr(portable, "kinds", lambda: {"program": load_program})
    envs = make_marl_vec("qsl/MarketMakers-v0", num_envs=2)
    role = next(iter(envs.roles))
    alpha = maker("-0.2 * inventory", "2", "4", name="edge")
    save_program(tmp_path / "edge", alpha, envs, role)
    policy = CheckpointPlayer("edge", tmp_path / "edge").sit(envs, role)
    obs, _ = envs.reset(seed=0)
    rows = obs[role].reshape(-1, obs[role].shape[-1])
    policy.reset(np.arange(len(rows)))
    desk = Desk.of(envs, role)
    held = desk.lots(rows)[:, 0]
    expected = desk.quotes((2 + 0.2 * held)[:, None], (2 - 0.2 * held)[:, None], 4.0, 4.0)
    assert policy(rows).tolist() == expected.tolist()


def test_the_kind_is_entered_in_the_packages_table():
    points = tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"]["qsl.policies"]
    module, _, name = points["program"].partition(":")
    assert getattr(importlib.import_module(module), name) is load_program


def test_distilling_finds_a_teacher_that_is_a_formula():
    envs = make(16)
    teacher = ProgramPolicy(maker("-0.2 * inventory + 0.5 * imbalance", "2 + 0.1 * spread", "6"), Desk.of(envs))
    found = distill(teacher, envs, steps=38, seed=100)
    assert found.explained["half_spread"] > 0.95 and found.explained["size"] == pytest.approx(1.0, abs=1e-6)
    assert found.explained["skew"] > 0.95
    assert {n.op for n in found.alpha.part("skew").nodes()} >= {"inventory", "imbalance"}
    mine = played(ProgramPolicy(found.alpha, Desk.of(envs)), envs)
    assert np.corrcoef(mine, played(teacher, envs))[0, 1] > 0.8


def test_a_fit_explains_nothing_where_there_is_nothing():
    rng = np.random.default_rng(0)
    known = {name: rng.normal(size=4000) for name in INPUT_NAMES}
    tree, share = fit(known, rng.normal(size=4000))
    assert tree.size <= 4 and abs(share) < 0.02
    tree, share = fit(known, 2.0 + 3.0 * known["imbalance"])
    assert str(tree) == "2 + 3 * imbalance" and share == pytest.approx(1.0)
