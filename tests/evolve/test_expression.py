"""Expressions: the NumPy twin against the interpreter to the bit, formulas that read back, units, named errors."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.alpha import PARTS, Alpha, TradeSettings, maker, taker
from evolve.expression import ARITY, INPUT_NAMES, Expression, constant, evaluate, parse
from evolve.grow import (
    MUTATIONS,
    Growth,
    crossover,
    folded,
    mutate,
    ramped,
    random_tree,
)
from evolve.units import INPUT_UNITS, LOTS, NUMBER, TICKS
from qsl_envs.errors import ConfigError
from qsl_envs.participants.program import MAX_WORDS, read_program
from tests.naive import program as naive
from tests.participants.test_program import Machine

VALUES = (0.0, -0.0, 1.0, -2.5, 1e12, -1e12, 1e-12, 3.7, 0.5)


def wild_tree(rng: np.random.Generator, depth: int) -> Expression:
    """Any operators on anything, whatever the units: what the twins must agree on."""
    if depth == 0 or rng.random() < 0.1:
        if rng.random() < 0.5:
            return Expression(str(rng.choice(INPUT_NAMES)))
        return constant(float(rng.choice([*VALUES[:4], 1e9, -1e-10, rng.normal()])))
    op = str(rng.choice(list(ARITY)))
    return Expression(op, tuple(wild_tree(rng, depth - 1) for _ in range(ARITY[op])))


def test_the_arrays_give_what_the_interpreter_and_its_plain_twin_give_to_the_bit():
    rng, machine = np.random.default_rng(1), Machine()
    known = {name: np.array([rng.choice([*VALUES, rng.normal()]) for _ in range(12)]) for name in INPUT_NAMES}
    met, compared = set(), 0
    for _ in range(300):
        tree = wild_tree(rng, int(rng.integers(0, 5)))
        if tree.size > MAX_WORDS or tree.stack > 16:
            continue
        met |= {node.op for node in tree.nodes()}
        got = np.broadcast_to(evaluate(tree, known), (12,))
        for k in range(0, 12, 3):
            now = {name: float(values[k]) for name, values in known.items()}
            expected = np.array(naive.run(tree.words(), now))
            assert got[k : k + 1].tobytes() == expected.tobytes(), (str(tree), now)
            assert np.array(machine.run(tree.words(), now)).tobytes() == expected.tobytes(), str(tree)
            compared += 1
    assert met >= set(ARITY) | set(INPUT_NAMES) and compared > 800


def test_formulas_read_back_as_the_same_tree():
    rng = np.random.default_rng(2)
    for _ in range(400):
        tree = random_tree(rng, Growth(), (TICKS, LOTS, NUMBER)[int(rng.integers(3))], 5, bool(rng.integers(2)))
        assert parse(str(tree)) == tree, str(tree)


@pytest.mark.parametrize("text, value", [
    ("2 - 3 - 4", -5.0), ("2 - (3 - 4)", 3.0), ("2 / 4 / 2", 0.25), ("-2 * -3", 6.0), ("-(2) + 1", -1.0),
    ("2 + 3 * 4", 14.0), ("(2 + 3) * 4", 20.0), ("if(2 > 1, 5, 6)", 5.0), ("if(1 > 1, 5, 6)", 6.0),
    ("min(1, max(2, 3))", 1.0), ("--3", 3.0), ("1e-3 * 1000", 1.0), (".5 * 4", 2.0), ("5 / 0", 5.0), ("log(0)", 0.0),
    ("1e9 * 1e9", 1e9), ("sqrt(-9)", 3.0), ("2 - -3", 5.0), ("spread * 2", 6.0),
])  # fmt: skip
def test_formulas_mean_what_they_say(text, value):
    assert evaluate(parse(text), {"spread": np.array([3.0])}) == value


@pytest.mark.parametrize("text, words", [
    ("", "must be a formula"), ("2 +", "character 4: .*the end found"), ("2 * (3", r"character 7: '\)' expected"),
    ("foo + 1", "character 1: .*'foo' found"), ("tanh 3", r"character 6: '\('"), ("min(1)", "character 6: ','"),
    ("1 2", "character 3: an operator"), ("2 > 1 > 0", "character 7"), ("2 $ 3", r"character 3.*'\$'"),
    ("1e10", "within 1e9"), ("dup(1)", "'dup'"), ("spread + inventory", "cannot join ticks and lots"),
    ("spread > 1", "not a number"), ("if(1, 2, 3)", "asks for a comparison"), ("tanh(spread)", "plain number"),
    ("(1 > 2) + 1", "a comparison"), ("exp(time_left)", "plain number"),
])  # fmt: skip
def test_what_is_no_formula_is_an_error_that_names_it_and_the_place(text, words):
    with pytest.raises(ConfigError, match="edge.*" + words):
        parse(text, name="edge")


def test_units_of_a_part_are_asked_for():
    assert parse("0.1 * inventory", TICKS).size == 3
    with pytest.raises(ConfigError, match="my.skew.*in lots and should be in ticks"):
        maker(skew="2 * (inventory / 1 + inventory) / imbalance - inventory", name="my")
    assert set(INPUT_UNITS) == set(INPUT_NAMES)


def test_an_alpha_saves_and_loads(tmp_path):
    edge = maker("-0.05 * inventory", "max(0.5 * spread, 1)", "5 * tanh(time_left / 10)", name="edge", period_ns=10**7)
    for file in ("edge.yaml", "edge.json"):
        edge.save(tmp_path / file)
        assert Alpha.load(tmp_path / file) == edge
    assert edge.program() == "-0.05 inventory * 0.5 spread * 1 max 5 time_left 10 / tanh *"
    read_program(edge.program())
    signal = taker("imbalance - 0.1 * mid_change", threshold=0.2)
    assert Alpha.from_dict(signal.to_dict()) == signal and signal.params()["mode"] == 1.0
    assert Alpha.from_dict({"skew": 1}).part("half_spread") == constant(2.0)


@pytest.mark.parametrize("values, words", [
    ({"kind": "dealer"}, "kind must be one of maker, taker"), ({"kind": "taker", "skew": "1"}, "file.skew"),
    ({"skew": "1 +"}, r"file\.skew.*character 4"), ({"settings": {"qty": 0}}, "qty"), ([], "a mapping"),
    ({"settings": {"speed": 1}}, "speed"), ({"half_spread": None}, "file.half_spread must be a formula"),
    ({"skew": " + ".join(["spread"] * 33)}, "64 words"),
])  # fmt: skip
def test_a_bad_alpha_is_an_error_that_names_it(values, words):
    with pytest.raises(ConfigError, match=words):
        Alpha.from_dict(values, "file")


def test_random_programs_and_their_children_are_sound_and_a_function_of_the_seed():
    def family(seed):
        rng, growth = np.random.default_rng(seed), Growth(max_words=15)
        alphas = [a for kind in PARTS for a in ramped(rng, growth, kind, 30, TradeSettings())]
        for _ in range(150):
            a, b = (alphas[int(rng.integers(30))] for _ in range(2))
            alphas += crossover(rng, growth, a, b)
            alphas.append(mutate(rng, growth, alphas[int(rng.integers(len(alphas)))]))
        return alphas

    alphas = family(3)
    for alpha in alphas:
        assert Alpha.from_dict(alpha.to_dict()) == alpha
        assert max(tree.size for tree in alpha.trees) <= 15
        read_program(alpha.program())
    assert alphas == family(3) and len({str(a) for a in alphas}) > 300


def test_ramped_half_and_half_fills_both_forms():
    rng, growth = np.random.default_rng(5), Growth(operators=("+", "-", "*"), max_words=64)
    full = [random_tree(rng, growth, TICKS, 3, full=True) for _ in range(40)]
    assert {tree.depth for tree in full} == {3}
    grown = [random_tree(rng, growth, TICKS, 3, full=False) for _ in range(40)]
    assert {tree.depth for tree in grown} == {0, 1, 2, 3}


@pytest.mark.parametrize("change", MUTATIONS, ids=lambda f: f.__name__)
def test_each_mutation_changes_programs_and_hoisting_shortens_them(change):
    rng, growth = np.random.default_rng(7), Growth()
    alphas = ramped(rng, growth, "maker", 40, TradeSettings())
    children = [change(rng, growth, a) for a in alphas]
    moved = [(a, b) for a, b in zip(alphas, children) if a != b]
    assert len(moved) > 20
    if change.__name__ == "mutate_hoist":
        assert all(b.words < a.words for a, b in moved)
    if change.__name__ == "mutate_constants":
        assert all([n.op for t in a.trees for n in t.nodes()] == [n.op for t in b.trees for n in t.nodes()]
                   for a, b in moved)  # fmt: skip


def test_only_allowed_words_are_grown():
    growth = Growth(inputs=("imbalance", "spread"), operators=("+", "*", "tanh"))
    rng = np.random.default_rng(9)
    alphas = ramped(rng, growth, "maker", 60, TradeSettings())
    alphas += [mutate(rng, growth, a) for a in alphas]
    assert {n.op for a in alphas for t in a.trees for n in t.nodes()} == {"imbalance", "spread", "+", "*", "tanh", ""}
    with pytest.raises(ConfigError, match="Growth.inputs.*'alpha'"):
        Growth(inputs=("alpha",))


def test_folding_computes_constants_only():
    assert str(folded(parse("2 * 3 + spread"))) == "6 + spread"
    assert str(folded(parse("if(2 > 1, spread, 4)"))) == "spread"
