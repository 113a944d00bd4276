"""Matches: who sits where, paired worlds, scores, forfeits, and one batch whatever is played beside."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import qsl_envs
from leagues.match import Floor, play_match
from leagues.players import FunctionPlayer
from leagues.stage import Stage, neutral_action, rotations, seat_seeds
from qsl_envs.errors import ConfigError
from tests.leagues.small import MAKERS, QUICK, Constant, maker

CROWD = Stage(env_id="qsl/MakersTakers-v0", settings=QUICK, worlds=3)


@pytest.fixture(scope="module")
def floor() -> Floor:
    return Floor(MAKERS)


def resting(name: str) -> FunctionPlayer:
    return FunctionPlayer(name, lambda envs, role: Constant(neutral_action(envs, role)))


def crowd(**changes):
    line_up = {role: [resting(role)] * count for role, count in CROWD.seats.items()}
    return {**line_up, **changes}


def test_rotations_give_each_player_each_seat_of_its_role_equally_often():
    table = rotations({"maker": 2, "executor": 1, "racer": 3})
    assert table.shape == (6, 6)
    for first, count in ((0, 2), (2, 1), (3, 3)):
        for seat in range(first, first + count):
            counts = np.bincount(table[:, seat] - first, minlength=count)
            assert (counts == 6 // count).all() and len(counts) == count
    assert rotations({"maker": 4}, rotate=False).tolist() == [[0, 1, 2, 3]]


def test_a_line_up_that_repeats_itself_needs_fewer_rotations():
    whole = dataclasses.replace(MAKERS, worlds=3)
    half = dataclasses.replace(whole, rotations=2)
    four = [maker("a", 1.0), maker("b", 3.0)]
    line_up = {"maker": [four[0], four[1], four[0], four[1]]}
    found, told = play_match(whole, line_up), play_match(half, line_up)
    assert told.pnl.shape[1] == 2 and found.pnl.shape[1] == 4
    assert all(np.array_equal(found.means()[name], told.means()[name]) for name in "ab")
    assert half.fair_to({"maker": ["a", "b", "a", "b"]}) and not half.fair_to({"maker": ["a", "a", "b", "b"]})


def test_seat_seeds_differ_by_world_and_seat():
    seeds = seat_seeds(np.arange(50)[:, None], np.arange(8)[None])
    assert len(np.unique(seeds)) == 400 and (seeds >= 0).all()


def test_a_player_against_itself_scores_exactly_zero(floor):
    """Also under another name, with noise, in a market where the seats earn different amounts."""
    one, twin = maker("one", noise=0.3), maker("twin", noise=0.3)
    result = floor.play({"maker": [one, twin, one, twin]})
    assert result.pnl.any() and len(np.unique(result.pnl[:, 0])) > 4
    for scores in result.scores().values():
        assert (scores == 0.0).all() and scores.shape == (6,)
    alone = floor.play({"maker": [one] * 4})
    assert (alone.scores()["one"] == 0.0).all()
    np.testing.assert_array_equal(alone.pnl[:, 0], result.pnl[:, 0])


def test_three_twins_score_exactly_zero_although_a_third_of_a_sum_is_rounded():
    stage = dataclasses.replace(MAKERS, settings={**QUICK, "seats": {"maker": 3}})
    result = play_match(stage, {"maker": [maker(name, noise=0.3) for name in "abc"]})
    assert result.pnl.any() and result.pnl.shape == (6, 3, 3)
    assert all((scores == 0.0).all() for scores in result.scores().values())


def test_scores_and_means_are_those_of_a_slow_reading_of_the_numbers(floor):
    players = [maker("a", 1.0), maker("b", 2.0), maker("a", 1.0), maker("c", 3.0, noise=0.2)]
    players[2] = players[0]
    result = floor.play({"maker": players})
    for name in ("a", "b", "c"):
        for world in range(6):
            own, everybody = [], []
            for rotation in range(4):
                for seat in range(4):
                    pnl = result.pnl[world, rotation, seat]
                    everybody.append(pnl)
                    if result.names[result.entrants[rotation, seat]] == name:
                        own.append(pnl)
            assert len(own) == (8 if name == "a" else 4)
            np.testing.assert_allclose(result.means()[name][world], np.mean(own), atol=1e-9)
            np.testing.assert_allclose(result.scores()[name][world], np.mean(own) - np.mean(everybody), atol=1e-9)
    total = 2 * result.scores()["a"] + result.scores()["b"] + result.scores()["c"]
    np.testing.assert_allclose(total, 0.0, atol=1e-9)


def test_a_match_is_what_stepping_the_environment_by_hand_gives(floor):
    """World 3, rotation 1, seat by seat, in an environment of one market."""
    players = [maker(f"p{k}", 1.0 + 0.5 * k, noise=0.2) for k in range(4)]
    result = floor.play({"maker": players}, first_world=20)
    envs = qsl_envs.make_marl_vec("qsl/MarketMakers-v0", 1, autoreset_mode="Disabled", **QUICK)
    obs, _ = envs.reset(seed=[23])
    seated = [players[k] for k in result.entrants[1]]
    hands = [player.sit(envs, "maker") for player in seated]
    for seat, hand in enumerate(hands):
        hand.reset(seat_seeds(np.array([23]), np.array([seat])))
    while True:
        actions = np.stack([hand(obs["maker"][:, seat])[0] for seat, hand in enumerate(hands)])
        obs, _, terminated, _, infos = envs.step({"maker": actions[None]})
        if terminated["maker"].all():
            break
    summary = infos["episode_summary"]["maker"]
    for name, key in {"pnl": "equity", "fees": "fees", "fills": "fills", "inventory": "inventory"}.items():
        np.testing.assert_array_equal(result.numbers[name][3, 1], summary[key][0])
    assert result.numbers["fills"].sum() > 0


def test_a_block_does_not_know_what_was_played_before(floor):
    line_up = {"maker": [maker("a", 1.0), maker("b", 2.0, noise=0.4), maker("c", 3.0), maker("d", 4.0)]}
    first = floor.play(line_up, 100)
    floor.play({"maker": [maker("e", 1.0, noise=0.9)] * 4}, 0)
    again, shifted = floor.play(line_up, 100), floor.play(line_up, 102)
    for name, part in first.numbers.items():
        np.testing.assert_array_equal(part, again.numbers[name])
        np.testing.assert_array_equal(part[2:], shifted.numbers[name][:-2])


def test_other_roles_rotate_with_the_makers_and_scores_stay_within_a_role():
    line_up = crowd(maker=[FunctionPlayer("m", lambda e, r: Constant([-0.6, -0.6, 0, 0])), resting("still")])
    result = play_match(CROWD, line_up)
    assert result.pnl.shape == (3, 2, 5) and result.roles == ("maker", "maker", "executor", "arbitrageur", "informed")
    makers = result.pnl[:, :, :2]
    np.testing.assert_allclose(result.scores()["m"] + result.scores()["still"], 0.0, atol=1e-9)
    np.testing.assert_allclose(result.means()["still"], 0.0)
    assert makers.any()
    for name in ("executor", "arbitrageur", "informed"):
        assert (result.scores()[name] == 0.0).all()
    # an executor that does nothing is left with its parent order and pays for its liquidation
    assert (result.pnl[:, :, 2] != 0).all() and not result.pnl[:, :, 3:].any()


class Failing(Constant):
    """Fails at its third step, in one way or another."""

    def __init__(self, how: str):
        super().__init__([-0.6, -0.6, 0.0, 0.0])
        self.how = how

    def reset(self, seeds):
        if self.how == "reset":
            raise OSError("no memory")
        super().reset(seeds)

    def __call__(self, obs):
        actions = super().__call__(obs)
        if self.step == 3:
            if self.how == "raise":
                raise ZeroDivisionError("oh")
            if self.how == "shape":
                return actions[:, :3]
            if self.how == "nan":
                actions[2, 1] = np.nan
        return actions


@pytest.mark.parametrize(("how", "why", "rows"), [
    ("raise", "step 2: ZeroDivisionError: oh", 24), ("reset", "at the start: OSError: no memory", 24),
    ("shape", "step 2: ValueError: actions of shape (24, 3) where (24, 4) belong", 24),
    ("nan", "step 2: an action that is not finite", 1), ("sit", "at the start: KeyError: 'x'", 24),
])  # fmt: skip
def test_a_policy_that_fails_forfeits_and_the_others_play_on(floor, how, why, rows):
    def make(envs, role):
        return {}["x"] if how == "sit" else Failing(how)

    others = [maker("a", 1.0), maker("b", 2.0), maker("c", 3.0)]
    result = floor.play({"maker": [*others, FunctionPlayer("bad", make)]})
    assert set(result.forfeits.values()) == {why} and len(result.forfeits) == rows
    for _, rotation, seat in result.forfeits:
        assert result.names[result.entrants[rotation, seat]] == "bad"
    lost = np.isnan(result.scores()["bad"])
    assert lost.sum() == (6 if rows == 24 else 1) and (np.isnan(result.means()["bad"]) == lost).all()
    for player in others:
        assert np.isfinite(result.scores()[player.name]).all()
    assert result.means()["a"].any()
    if how in ("reset", "sit"):  # nothing was ever done at that seat
        quiet = floor.play({"maker": [*others, resting("bad")]})
        np.testing.assert_array_equal(result.pnl, quiet.pnl)


def test_impossible_line_ups_are_named(floor):
    a = maker("a")
    with pytest.raises(ConfigError, match="4 players, one a seat"):
        floor.play({"maker": [a]})
    with pytest.raises(ConfigError, match="roles must be of maker, was 'taker'"):
        floor.play({"taker": [a]})
    with pytest.raises(ConfigError, match="different for different players, was 'a'"):
        floor.play({"maker": [a, maker("a", 5.0), a, a]})
    with pytest.raises(ConfigError, match="player 'x' plays executor, not 'maker'"):
        floor.play({"maker": [a, a, a, dataclasses.replace(a, name="x", roles=("executor",))]})
    with pytest.raises(ConfigError, match=r"Stage.env_id must be one of qsl/MarketMakers-v0"):
        Stage(env_id="qsl/MarketMaking-v0")
    with pytest.raises(ConfigError, match=r"Stage.settings must be without .*num_envs"):
        Stage(env_id="qsl/MarketMakers-v0", settings={"num_envs": 3})


@pytest.mark.parametrize("env_id", ["qsl/LatencyRace-v0", "qsl/MakersTakers-v0", "qsl/MarketMakers-v0"])
def test_nothing_is_done_at_a_seat_that_nobody_moves(env_id):
    """The neutral action sends no order, whatever the role."""
    stage = Stage(env_id=env_id, settings=QUICK, worlds=2)
    result = play_match(stage, {role: [resting(role)] * count for role, count in stage.seats.items()})
    executors = np.array([role == "executor" for role in result.roles])
    assert not result.numbers["fills"][:, :, ~executors].any() and not result.pnl[:, :, ~executors].any()
