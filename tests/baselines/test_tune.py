"""`qsl tune`, the files that come with the package, seats, and the reference scores made of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import qsl_envs
from baselines import tuned
from baselines.evaluate import Worlds
from baselines.keyed import mix_seats
from baselines.policies.desk import Desk
from baselines.policies.library import build, candidates
from baselines.seats import METRICS, play
from baselines.tune import load_tuned
from baselines.tune_roles import Table
from qsl_envs import cli
from qsl_envs.errors import ConfigError, DataError

SHORT = {"session_ns": 2_000_000_000}


def makers(num_envs, **changes):
    """Four makers in a market of five seconds; small losses end a part."""
    settings = {
        "autoreset_mode": "SameStep",
        "session_ns": 5_000_000_000,
        "tasks": {"maker": {"max_loss": 1.0}},
        **changes,
    }
    return qsl_envs.make_marl_vec("qsl/MarketMakers-v0", num_envs, **settings)


def crew(envs):
    """A different maker on each seat."""
    desk = Desk.of(envs)
    chosen = [("random", {}), ("fixed spread", {"half_spread": 1.0, "qty": 10.0}), ("inventory skew", {}),
              ("do nothing", {})]  # fmt: skip
    return {"maker": [build(name, desk, parameters) for name, parameters in chosen]}


def alone(seed):
    """Metrics of each seat in one world, by a loop that looks at one number at a time."""
    envs = makers(1)
    policies = crew(envs)["maker"]
    for seat, policy in enumerate(policies):
        policy.reset(mix_seats(np.array([seed]), seat))
    obs, _ = envs.reset(seed=seed)
    found = [dict.fromkeys(METRICS, 0.0) for _ in policies]
    here = [True] * 4
    while any(here):
        action = np.stack([policy(obs["maker"][:, seat])[0] for seat, policy in enumerate(policies)])
        obs, reward, terminated, truncated, info = envs.step({"maker": action[None]})
        for seat in range(4):
            if here[seat]:
                found[seat]["score"] += float(reward["maker"][0, seat])
                found[seat]["steps"] += 1
                if terminated["maker"][0, seat] or truncated["maker"][0, seat]:
                    here[seat] = False
                    told = info["episode_summary"]["maker"]
                    for metric, key in (("pnl", "equity"), ("fees", "fees"), ("fills", "fills"), ("volume", "volume"),
                                        ("final_inventory", "inventory")):  # fmt: skip
                        found[seat][metric] = float(told[key][0, seat])
    return found


def test_seats_are_played_as_one_by_one_and_blocks_do_not_matter():
    results = [play(crew(makers(1)), Worlds(makers, 5, first_seed=3, block=block))["maker"] for block in (5, 2)]
    for metric in METRICS:
        assert results[0][metric].shape == (5, 4)
        assert np.array_equal(results[0][metric], results[1][metric]), metric
    for world in range(5):
        for seat, found in enumerate(alone(3 + world)):
            for metric, value in found.items():
                assert results[0][metric][world, seat] == value, (world, seat, metric)
    assert len(np.unique(results[0]["steps"])) > 2, "some parts end early"
    assert (results[0]["volume"][:, 3] == 0).all() and (results[0]["score"][:, 3] == 0).all()


def test_every_seat_needs_a_policy():
    seated = crew(makers(1))
    with pytest.raises(ConfigError, match="seated.*maker"):
        play({"maker": seated["maker"][:3]}, Worlds(makers, 2, block=2))
    with pytest.raises(ConfigError, match="SAME_STEP"):
        play(seated, Worlds(lambda n: makers(n, autoreset_mode="NextStep"), 2, block=2))


def test_a_role_is_tuned_on_its_first_seat_and_the_best_becomes_the_incumbent():
    table = Table(Worlds(makers, 6, block=6))
    first = table.incumbents["maker"]
    assert first.name == "inventory skew"
    found = table.tune("maker", ["fixed spread"], budget=3)["fixed spread"]
    desk = Desk.of(table.envs)
    scores = []
    for parameters in candidates("fixed spread", desk, 3, 1.0):
        seated = [build("fixed spread", desk, parameters), *(first.build(desk) for _ in range(3))]
        scores.append(play({"maker": seated}, Worlds(makers, 6, block=6))["maker"]["score"][:, 0].mean())
    assert [one["score"] for one in found.tries] == pytest.approx(scores, rel=1e-6) and len(set(scores)) == 3
    assert table.incumbents["maker"].parameters == found.tries[int(np.argmax(scores))]["parameters"]


def tune(*words):
    return cli.main(["tune", *words])


def test_the_command_keeps_every_try_and_judges_on_other_worlds(tmp_path, capsys):
    options = json.dumps({"horizon": 0.1})
    size = ["--worlds", "12", "--budget", "3", "--validation", "10"]
    assert tune("AvellanedaStoikov-v0", *size, "--env-options", options, "--out", str(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "fixed spread" in said and "better" in said
    content = tuned.read("qsl/AvellanedaStoikov-v0", folder=tmp_path)
    about = content["about"]
    assert about["training"] == {"split": "train", "worlds": 12, "first_seed": 0}
    assert about["validation"]["split"] == "validation" and about["env_options"] == {"horizon": 0.1}
    assert len(about["config_hash"]) == 32 and about["tries_of_each"] == 3
    for found in content["policies"].values():
        scores = [one["score"] for one in found["tries"]]
        assert len(scores) == 3 and found["parameters"] == found["tries"][int(np.argmax(scores))]["parameters"]
    best = tuned.best("qsl/AvellanedaStoikov-v0", folder=tmp_path)
    assert best.parameters == tuned.load("qsl/AvellanedaStoikov-v0", folder=tmp_path)[best.name]
    top = max(one["validation"]["score"][0] for one in content["policies"].values())
    assert content["policies"][best.name]["validation"]["score"][0] == top
    again = tmp_path / "again.json"
    assert tune("qsl/AvellanedaStoikov-v0", *size, "--env-options", options, "--out", str(again)) == 0
    assert again.read_text() == (tmp_path / "AvellanedaStoikov-v0.json").read_text(), "the same every time"
    assert load_tuned(again)["GLFT"].tries == content["policies"]["GLFT"]["tries"]


def test_the_command_tunes_roles(tmp_path):
    options = json.dumps(SHORT)
    words = ["--worlds", "4", "--budget", "1", "--validation", "4", "--env-options", options, "--out", str(tmp_path)]
    assert tune("LatencyRace-v0", *words) == 0
    about = tuned.read("qsl/LatencyRace-v0", "racer", tmp_path)["about"]
    assert about["role"] == "racer" and about["tuned_against"]["racer"]["name"] == "cross-venue arbitrage"
    assert tuned.read("qsl/LatencyRace-v0", folder=tmp_path)["about"] == about, "one role needs no name"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Nowhere-v0"], "env_id"),
        (["MakersTakers-v0", "--role", "taker"], "role"),
        (["MarketMaking-v0", "--worlds", "1"], "--worlds"),
        (["MarketMaking-v0", "--env-options", "{"], "--env-options"),
        (["MakersTakers-v0", "--out", "one.json"], "--out"),
    ],
)
def test_mistakes_are_named(words, said, capsys):
    assert tune(*words) == cli.EXIT_USAGE
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_or_is_something_else_is_named(tmp_path):
    with pytest.raises(ConfigError, match="env_id and role must be of .*AvellanedaStoikov-v0"):
        tuned.load("qsl/MakersTakers-v0")
    (tmp_path / "MarketMaking-v0.json").write_text("[]")
    with pytest.raises(DataError, match="qsl tune"):
        tuned.load("qsl/MarketMaking-v0", folder=tmp_path)
