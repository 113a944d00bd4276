"""Programs: the interpreter against its twin to the bit, errors that name the place, many of them in one market."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsl_envs.errors import ConfigError
from qsl_envs.market.market import Market
from qsl_envs.participants.program import (
    CELLS,
    DEPTH,
    INPUTS,
    MAX_WORDS,
    NUM_INPUTS,
    OPERATORS,
    apply,
    read_program,
)
from qsl_envs.participants.programmed import S_INPUTS, S_STACK
from tests.market.worlds import FLOW, MS
from tests.naive import program as naive
from tests.participants.crowds import group, noisy, populated, trading

NAMES = [name for name, _ in INPUTS]
TAKES = {word: n for word, n, _ in OPERATORS}


@st.composite
def programs(draw) -> str:
    """A program that is allowed: words are drawn while the stack has what they take."""
    words, depth = [], 0
    for _ in range(draw(st.integers(1, 30))):
        able = [w for w, n in TAKES.items() if n <= depth and (w != "dup" or depth < DEPTH)]
        if depth >= DEPTH or (able and draw(st.booleans())):
            word = draw(st.sampled_from([w for w in able if w != "dup"] if depth >= DEPTH else able))
            depth += {"dup": 1, "swap": 0, "drop": -1}.get(word, 1 - TAKES[word])
        else:
            number = draw(st.floats(-1e9, 1e9)) if draw(st.booleans()) else draw(st.sampled_from((0, 1e-10, -3, 0.5)))
            word = draw(st.sampled_from(NAMES)) if draw(st.booleans()) else repr(float(number))
            depth += 1
        words.append(word)
    if depth == 0:
        words.append("1.0")
    return " ".join(words)


class Machine:
    """The interpreter on arrays of its own, inside a market's views."""

    def __init__(self):
        self.market = trading(populated(group("program", programs=("1",))), until_ns=0)
        m = self.market.arrays
        crowd = m.crowds[m.runs[0].crowd]
        self.states = int(crowd.states + m.actors[crowd.actors + 1].states)
        group_at = int(m.actors[crowd.actors + 1].group)
        self.code = int(m.crowd[group_at + 5])

    def run(self, text: str, known: dict[str, float]) -> list[float]:
        from qsl_envs.participants.program import run_program

        m = self.market.arrays
        m.crowd[self.code : self.code + CELLS] = read_program(text).cells
        at = self.states + S_INPUTS
        m.floats[at : at + NUM_INPUTS] = [known[name] for name in NAMES]
        left = int(run_program(m, self.code, at, self.states + S_STACK))
        return [float(x) for x in m.floats[self.states + S_STACK : self.states + S_STACK + left]]


@pytest.fixture(scope="module")
def machine():
    return Machine()


def known_values(seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    return {name: float(rng.choice([0.0, 1.0, -2.5, 1e12, rng.normal(), 1e-12])) for name in NAMES}


def equal(a: list[float], b: list[float]) -> bool:
    return np.array(a).tobytes() == np.array(b).tobytes()


@given(programs(), st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_the_interpreter_is_its_twin_to_the_bit(machine, text, seed):
    known = known_values(seed)
    expected = naive.run(text, known)
    assert equal(machine.run(text, known), expected)
    assert all(np.isfinite(expected)) and max(abs(x) for x in expected) <= 1e9


@pytest.mark.parametrize("text, expected", [
    ("2 3 +", [5.0]), ("2 3 -", [-1.0]), ("4 0 /", [4.0]), ("4 2 /", [2.0]), ("-9 sqrt", [3.0]), ("0 log", [0.0]),
    ("1 10 20 if", [10.0]), ("0 10 20 if", [20.0]), ("1 2 swap", [2.0, 1.0]), ("7 dup", [7.0, 7.0]),
    ("7 8 drop", [7.0]),
    ("1e9 1e9 *", [1e9]), ("-5 sign", [-1.0]), ("3 2 >", [1.0]), ("spread 2 /", [1.5]), ("3 neg abs", [3.0]),
    ("100 exp log", [20.0]), ("1 2 min 3 max", [3.0]),
])  # fmt: skip
def test_words_mean_what_they_say(machine, text, expected):
    known = dict.fromkeys(NAMES, 0.0) | {"spread": 3.0}
    assert machine.run(text, known) == pytest.approx(expected, abs=0 if "exp" not in text else 1e-12)


def test_every_word_is_met_and_every_operator_has_a_twin():
    assert set(TAKES) == set(naive.BINARY) | set(naive.UNARY) | {"if", "dup", "swap", "drop"}
    assert len(set(NAMES)) == NUM_INPUTS and not set(NAMES) & set(TAKES)
    assert {int(read_program("1 1 1 " + w).cells[6] >> 8) for w in TAKES} == set(range(len(OPERATORS)))
    assert apply(0, 1.0, 2.0, 0.0) == 3.0


@pytest.mark.parametrize("text, words", [
    ("", "empty"),
    ("1 2 + +", r"word 4, '\+', takes 2 values, 1"), ("1 foo", "word 2, 'foo'"), ("nan", "word 1, 'nan'"),
    ("1e10", "word 1, '1e10'"), ("1 drop", "nothing is left"), (" ".join(["1"] * 17), "word 17.*stack holds 16"),
    (" ".join(["1 neg"] * 40), f"80 words, {MAX_WORDS}"), ("inventory if", "word 2, 'if', takes 3"),
])  # fmt: skip
def test_a_bad_program_is_an_error_that_names_it_and_the_place(text, words):
    with pytest.raises(ConfigError, match=r"crowd\.programs\[1\].*" + words):
        group("program", name="crowd", programs=("1", text))


def test_only_programs_have_programs():
    with pytest.raises(ConfigError, match="programs"):
        group("noise", programs=("1",))
    with pytest.raises(ConfigError, match="programs"):
        group("program")


def test_equal_words_trade_alike_and_others_do_not():
    """A maker whose program says what its parameters say quotes as one with no values does; a wider one does not."""

    def fills(text, **params):
        config = populated(group("program", 1, programs=(text,), params=params), noisy(8, market_share=0.5))
        market = trading(config, seed=3, until_ns=1_500 * MS)
        return market.account(1), market.observe(1)["orders"]

    assert fills("0") == fills("spread 0 *") == fills("0 2 5") == fills("0 2")
    assert fills("0") != fills("0 6 5")
    assert fills("0", mode=1)[0]["volume"] == 0
    assert fills("1", mode=1, qty=2)[0]["inventory"] > 0 > fills("-1", mode=1, qty=2)[0]["inventory"]


@pytest.mark.compiled
def test_many_programs_in_one_call():
    texts = tuple(f"inventory -{0.01 * (i % 7)} * imbalance {i % 11} * + {1 + i % 4} {1 + i % 3}" for i in range(60))
    config = populated(group("program", 30, programs=texts), noisy(6), flow=FLOW)
    market = Market(config, 40)
    market.set_params("program", program=np.arange(1200).reshape(40, 30) % 60)
    market.reset()
    market.advance(300 * MS)
    m, run = market.arrays, market.arrays.runs
    chosen = []
    for i in range(40):
        crowd = m.crowds[run[i * market.stride].crowd]
        chosen += [int(m.floats[crowd.params + m.actors[crowd.actors + p].params + 6]) for p in range(1, 31)]
    assert chosen == [n % 60 for n in range(1200)]
    assert sum(market.account(p, replica=i)["volume"] > 0 for i in range(0, 40, 8) for p in range(1, 31)) > 20


def test_programs_may_be_exchanged_between_episodes():
    config = populated(group("program", 2, programs=("0 1 5",)), noisy(8, market_share=0.5), flow=FLOW)
    market = Market(config, 1)

    def volume():
        market.reseed(0)
        market.reset()
        market.advance(1_000 * MS)
        return market.account(1)["volume"]

    near = volume()
    market.set_programs("program", ["0 50 5"])
    far = volume()
    market.set_programs("program", ["0 1 5"])
    assert near == volume() > 0 == far
    with pytest.raises(ConfigError, match=r"program\.programs\[0\].*word 1"):
        market.set_programs("program", ["what"])
    with pytest.raises(ConfigError, match="group"):
        market.set_programs("nobody", ["1"])


def test_given_parameters_hold_where_they_are_given():
    config = populated(group("program", 3, programs=("0",), params={"qty": (1, 9)}))
    market = Market(config, 2)
    market.reset()
    m = market.arrays
    crowd = m.crowds[m.runs[0].crowd]
    drawn = [float(m.floats[crowd.params + 7 * k + 2]) for k in range(3)]
    market.set_params("program", qty=np.array([[np.nan, 4, 5]]), half_spread=3)
    market.reseed(0)
    market.reset()
    assert [float(m.floats[crowd.params + 7 * k + 2]) for k in range(3)] == [drawn[0], 4, 5]
    assert float(m.floats[crowd.params + 4]) == 3
    market.set_params("program", qty=None)
    market.reseed(0)
    market.reset()
    assert [float(m.floats[crowd.params + 7 * k + 2]) for k in range(3)] == drawn
    for bad in ({"qty": 0}, {"what": 1}):
        with pytest.raises(ConfigError, match=next(iter(bad))):
            market.set_params("program", **bad)
