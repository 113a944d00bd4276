"""Programs beside learners: values as observations, programs as rivals, and the study of both at a tiny budget."""

from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from baselines import portable
from baselines.policies.desk import Desk
from evolve.alpha import maker, taker
from evolve.discovery.learning import learning
from evolve.learners import ProgramFeatures, with_rivals
from qsl_envs.envs.market_making import DEFAULT_MARKET
from qsl_envs.errors import ConfigError
from qsl_envs.market.market import Market
from tests.evolve.test_studies import SMALL

SECOND = 1_000_000_000
ALPHAS = [maker("mid_change_slow", "spread", "bid_qty"), taker("imbalance")]


def make(num_envs=4, **settings):
    import qsl_envs  # noqa: F401  registers the environments

    same = {"session_ns": SECOND, "autoreset_mode": AutoresetMode.SAME_STEP}
    return gym.make_vec("qsl/MarketMaking-v0", num_envs=num_envs, **{**same, **settings})


def test_values_of_programs_stand_behind_the_observation():
    plain, wide = make(), ProgramFeatures(make(), ALPHAS)
    desk, actions = Desk.of(plain), np.zeros((4, 4), np.float32)
    width = plain.single_observation_space.shape[0]
    assert wide.observation_names[width:] == ("program_0_skew", "program_0_half_spread", "program_0_size",
                                              "program_1_signal")  # fmt: skip
    (a, _), (b, _) = plain.reset(seed=3), wide.reset(seed=3)
    ended = 0
    for _ in range(25):
        assert b.shape == (4, width + 4) and wide.single_observation_space.contains(b[0])
        assert b[:, :width].tobytes() == a.tobytes()
        assert b[:, width + 1].tolist() == a[:, desk.column("spread")].tolist()
        assert b[:, width + 2] == pytest.approx(a[:, desk.column("bid_qty_0")])
        assert b[:, width + 3] == pytest.approx(a[:, desk.column("imbalance")])
        a, *rest = plain.step(actions)
        b, reward, terminated, truncated, info = wide.step(actions)
        assert reward.tolist() == rest[0].tolist()
        if terminated.any():
            ended += 1
            assert info["final_obs"].shape == (4, width + 4)
            final = np.stack(list(rest[3]["final_obs"]))
            assert info["final_obs"][:, :width].tobytes() == final.astype(np.float32).tobytes()
            assert b[:, width].tolist() == [0.0] * 4  # the new episodes' means know nothing of the old ones
    assert ended >= 2


def test_a_wrapped_environment_is_saved_and_checked_as_it_is():
    wide = ProgramFeatures(make(), ALPHAS)
    face = portable.face_of(wide)
    assert face["observation_width"] == wide.single_observation_space.shape[0]
    assert portable.difference(face, portable.face_of(ProgramFeatures(make(), ALPHAS))) == ""
    assert "program_0_skew" in portable.difference(face, portable.face_of(make()))
    with pytest.raises(ConfigError, match="SAME_STEP"):
        ProgramFeatures(make(autoreset_mode=AutoresetMode.NEXT_STEP), ALPHAS)


def test_rivals_trade_in_the_agents_market():
    rivals = [maker("-0.1 * inventory", "1", "5"), maker("0", "max(0.5 * spread, 1)", "3")]
    config = with_rivals(replace(DEFAULT_MARKET, session_ns=4 * SECOND), rivals, each=2)
    market = Market(config, 1, seed=2)
    market.reset()
    market.advance(4 * SECOND)
    assert all(market.account(f"rival_{n}")["volume"] > 0 for n in range(4))
    with pytest.raises(ConfigError, match="equal settings"):
        with_rivals(DEFAULT_MARKET, ALPHAS)
    sums = []
    for settings in ({}, {"config": config}):
        envs = make(2, session_ns=2 * SECOND, **settings)
        envs.reset(seed=1)
        sums.append(sum(envs.step(np.tile(np.float32([-0.8, -0.8, 0, 0]), (2, 1)))[1].sum() for _ in range(19)))
    assert sums[0] != sums[1]


@pytest.mark.slow
def test_the_study_of_learning_has_every_row():
    rivals = [maker("-0.1 * inventory", "1.5", "5")]
    found = learning(rivals, replace(SMALL, control=False), frames=8_192, seeds=(1,), worlds=4)
    assert [row["name"] for row in found["rows"]] == [
        "PPO", "PPO with programs' values", "PPO, trained among rivals", "the first program itself",
    ]  # fmt: skip
    assert all(row["alone"]["low"] <= row["alone"]["pnl"] <= row["alone"]["high"] for row in found["rows"])
    assert [row["name"] for row in found["starts"]][0] == "PPO, distilled" and len(found["starts"]) == 3
