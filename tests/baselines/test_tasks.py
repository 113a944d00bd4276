"""Words and worlds of the commands: tasks, seats of shared markets, markets that differ in one thing, tables."""

from __future__ import annotations

import json

import numpy as np
import pytest

from baselines import portable
from baselines.evaluate import METRICS, RECORDED, evaluate
from baselines.evaluation.one_seat import SeatVectorEnv
from baselines.evaluation.results import read_results, write_results
from baselines.evaluation.summary import markdown_of, metric_rows, score_rows, text_of
from baselines.evaluation.tasks import NOTHING, Task, read_words, run_all
from baselines.evaluation.variations import with_fees, with_impact, with_latency, with_size
from qsl_envs import cli
from qsl_envs.errors import ConfigError, DataError
from qsl_envs.registration import MARL_ENVIRONMENTS, make_marl_vec

SHORT = {"session_ns": 3_000_000_000}
MAKER = Task("qsl/MarketMaking-v0", options=SHORT)


def config_of(task):
    envs = task.make(1)
    try:
        return getattr(envs, "inner", envs.unwrapped).market.config
    finally:
        envs.close()


def test_words_are_folders_names_and_labels(tmp_path):
    envs = MAKER.make(1)
    portable.save_scripted(tmp_path / "a", MAKER.scripted("inventory skew", {"half_spread": 3.0}), envs)
    envs.close()
    words = [str(tmp_path / "a"), "mine=fixed spread", f"mine={tmp_path / 'a'}", NOTHING]
    found = read_words(MAKER, words)
    assert {label: len(group) for label, group in found.items()} == {"inventory skew": 1, "mine": 2, NOTHING: 1}
    assert found["inventory skew"][0].parameters()["half_spread"] == 3.0
    groups = run_all(MAKER, found, MAKER.worlds(3, block=2))
    assert groups["mine"]["score"].shape == (2, 3) and np.isfinite(groups["mine"]["score"]).all()
    with pytest.raises(ConfigError, match="a folder, or one of .*fixed spread"):
        read_words(MAKER, ["oracle"])
    with pytest.raises(ConfigError, match=r"no manifest\.json"):
        read_words(MAKER, [str(tmp_path)])
    with pytest.raises(ConfigError, match=r"Task\.role"):
        Task("qsl/MakersTakers-v0", role="king")


@pytest.mark.parametrize("entry", MARL_ENVIRONMENTS, ids=lambda entry: entry.env_id)
def test_one_seat_of_a_shared_market_is_that_seat(entry):
    """Step by step with the batched form, the same actions on all seats: the same observations, rewards and ends."""
    role = Task(entry.env_id).role
    mine = SeatVectorEnv(entry.env_id, 2, role, **SHORT)
    theirs = make_marl_vec(entry.env_id, 2, autoreset_mode="SameStep", **SHORT)
    obs, info = mine.reset(seed=4)
    others = theirs.reset(seed=4)[0]
    assert np.array_equal(obs, others[role][:, 0]) and (info["account"]["equity"] == 0).all()
    chance, over, length = np.random.default_rng(0), np.zeros(2, bool), 0
    while not over.any():
        action = chance.uniform(-1, 1, (2, *mine.single_action_space.shape)).astype(np.float32)
        asked = {name: np.array(mine.residents[name](o.reshape(-1, o.shape[-1]))).reshape(*o.shape[:2], -1)
                 for name, o in others.items()}  # fmt: skip
        asked[role][:, 0] = action
        obs, reward, terminated, truncated, info = mine.step(action)
        others, rewards, ends, cuts, infos = theirs.step(asked)
        over, length = terminated | truncated, length + 1
        assert np.array_equal(obs, others[role][:, 0]) and np.array_equal(reward, rewards[role][:, 0])
        assert np.array_equal(over, (ends[role] | cuts[role])[:, 0])
    summary, expected = info["final_info"]["episode_summary"], infos["episode_summary"][role]
    assert np.array_equal(summary["equity"], expected["equity"][:, 0]) and length > 5
    mine.close()


def test_a_shared_market_is_evaluated_like_any_other():
    task = Task("qsl/MakersTakers-v0", "executor", SHORT)
    found = evaluate({"it": task.scripted("TWAP", {})}, task.worlds(3, block=2), record=True)["it"]
    assert set(found) == set(METRICS) | set(RECORDED)
    assert (found["orders"] > 0).all() and np.isfinite(found["score"]).all() and np.isfinite(found["pnl"]).all()


def test_variations_change_one_thing_and_leave_the_worlds():
    base = config_of(MAKER)
    agent, venue = base.participants[0], base.venues[0]
    slow = config_of(with_latency(MAKER, 10.0)).participants[0]
    assert slow.order_link.latency_ns == 10 * agent.order_link.latency_ns
    assert slow.feed_link.jitter_ns == 10 * agent.feed_link.jitter_ns and config_of(with_latency(MAKER, 1.0)) == base
    assert config_of(with_latency(MAKER, 0.0)).participants[0].order_link.jitter == "none"
    dear = config_of(with_fees(MAKER, 3.0)).venues[0]
    assert dear.taker_fee_bps == pytest.approx(3 * venue.taker_fee_bps)
    assert dear.maker_fee_bps == pytest.approx(3 * venue.maker_fee_bps)
    assert config_of(with_impact(MAKER, 4.0)).venues[0].impact_ticks == 4.0
    for name, task in (("max_quote_qty", MAKER), ("parent_qty", Task("qsl/OptimalExecution-v0", options=SHORT))):
        small, large = task.make(1), with_size(task, 4).make(1)
        assert getattr(large.unwrapped.task, name) == 4 * getattr(small.unwrapped.task, name)
        assert large.unwrapped.max_inventory == 4 * small.unwrapped.max_inventory
    with pytest.raises(ConfigError, match="no market to change"):
        with_fees(Task("qsl/AvellanedaStoikov-v0"), 2.0)


def test_fees_are_what_the_account_pays():
    """The same quotes at twice the fees: the same fills, twice the fees."""
    worlds = {"once": MAKER.worlds(3, block=3), "twice": with_fees(MAKER, 2.0).worlds(3, block=3)}
    policy = MAKER.scripted("fixed spread", {"half_spread": 1.0, "qty": 5.0})
    found = {name: evaluate({"it": policy}, one)["it"] for name, one in worlds.items()}
    assert np.array_equal(found["once"]["fills"], found["twice"]["fills"]) and found["once"]["fills"].sum() > 0
    assert found["twice"]["fees"] == pytest.approx(2 * found["once"]["fees"], abs=0.02)


def test_results_come_back_and_tables_say_what_they_hold(tmp_path):
    chance = np.random.default_rng(0)
    worlds = chance.normal(size=20)
    groups = {
        "PPO": {
            "score": worlds + 5 + chance.normal(size=(3, 20)), "pnl": worlds + np.ones((3, 1)),
            "orders": np.ones((3, 20)),
        },
        "best": {"score": worlds[None] + 4, "pnl": worlds[None]},
        NOTHING: {"score": np.zeros((1, 20)), "pnl": np.zeros((1, 20))},
    }  # fmt: skip
    write_results(tmp_path, groups, {"env_id": "x"})
    again, about = read_results(tmp_path)
    assert about == {"env_id": "x"} and list(again) == list(groups)
    for name, group in groups.items():
        for metric, values in group.items():
            assert np.array_equal(again[name][metric], values)
    assert np.isnan(again["best"]["orders"]).all()
    rows = score_rows(groups, "best")
    cells = dict(zip(rows[0], rows[1]))
    assert cells["policy"] == "PPO" and cells["seeds"] == "3" and cells[""] == "better"
    gain = groups["PPO"]["score"].mean() / groups["best"]["score"].mean()
    assert cells["normalised"].startswith(f"{gain:.2f} [")
    assert dict(zip(rows[0], rows[2]))["normalised"].startswith("1.00 [1.00")
    metrics = metric_rows(groups, ["score", "orders", "nobody_knows"])
    assert [row[0] for row in metrics] == ["metric", "score", "orders"] and metrics[2][2] == "-"
    assert len(text_of(rows).splitlines()) == 5 and markdown_of(rows).splitlines()[1].count("---") == len(rows[0])
    with pytest.raises(DataError, match="no results"):
        read_results(tmp_path / "none")


@pytest.mark.slow
def test_the_commands_from_a_run_to_a_page(capsys, tmp_path):
    out, options = tmp_path / "out", json.dumps(SHORT)
    words = ["--policy", "fixed spread", "--worlds", "4", "--options", options, "--threads", "1"]
    words += ["--record", "--costs", "--out", str(out)]
    assert cli.main(["evaluate", "qsl/MarketMaking-v0", *words]) == 0
    said = capsys.readouterr().out
    for part in ("normalised", "IQM", "queue ahead", "size 4x", "impact 10 ticks", "fees none"):
        assert part in said, part
    assert cli.main(["report", str(out)]) == 0
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3 and "What trading costs" in page
    assert cli.main(["evaluate", "qsl/OptimalExecution-v0"]) == 0 and "Almgren-Chriss" in capsys.readouterr().out


def test_an_episode_is_shown_or_filmed(capsys, tmp_path):
    words = ["play", "qsl/MarketMaking-v0", "--policy", "fixed spread", "--options", json.dumps(SHORT)]
    assert cli.main([*words, "--steps", "3"]) == 0
    said = capsys.readouterr().out
    assert said.count("inventory") == 3 and "step 3" in said
    pytest.importorskip("PIL")
    film = tmp_path / "it.gif"
    assert cli.main([*words, "--out", str(film)]) == 0 and film.read_bytes()[:3] == b"GIF"
    assert cli.main([*words, "--out", str(tmp_path / "it.avi")]) == cli.EXIT_USAGE
    assert cli.main(["play", "qsl/MakersTakers-v0", "--policy", "x"]) == cli.EXIT_USAGE
