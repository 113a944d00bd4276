"""How programs come to be and change: random trees (ramped half and half), crossover and mutations that keep units.

Koza (1992) for growing and crossover, Montana (1995) for types, Poli, Langdon and McPhee (2008) for hoisting. Every
function takes a `numpy.random.Generator` and nothing else that varies, so a search is a function of its seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evolve.alpha import PARTS, Alpha, TradeSettings
from evolve.expression import ARITY, INPUT_NAMES, Expression, constant, evaluate
from evolve.units import ANY, INPUT_UNITS, LOTS, MONEY, NUMBER, SECONDS, TICKS, Unit
from qsl_envs.errors import ConfigError, require
from qsl_envs.settings import check_types

UNITS = (TICKS, LOTS, SECONDS, MONEY, NUMBER)
"""Units that random trees have."""
SCALES = {NUMBER: 1.0, TICKS: 3.0, LOTS: 8.0, SECONDS: 20.0, MONEY: 100.0}
"""Size of a random constant in the place of a value of that unit."""
TRIES = 8
"""Attempts of an operator before it gives its parents back unchanged: units or sizes may not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What trees may be made of, and how large they may get."""

    inputs: tuple[str, ...] = INPUT_NAMES
    operators: tuple[str, ...] = tuple(ARITY)
    max_words: int = 21
    """of one expression: three of them fit a program"""
    max_depth: int = 4
    """of a random tree"""
    constant_share: float = 0.3
    """of leaves that might be inputs too"""

    def __post_init__(self) -> None:
        check_types(self)
        for field, known in (("inputs", INPUT_NAMES), ("operators", tuple(ARITY))):
            for name in getattr(self, field):
                require(name in known, self, field, f"of {', '.join(known)}", name)
        require(1 <= self.max_words <= 64, self, "max_words", "in [1, 64]", self.max_words)
        require(0 <= self.max_depth <= 8, self, "max_depth", "in [0, 8]", self.max_depth)
        require(0 <= self.constant_share <= 1, self, "constant_share", "in [0, 1]", self.constant_share)

    def inputs_of(self, unit: Unit) -> list[str]:
        """Inputs that are allowed and have this unit."""
        return [name for name in self.inputs if INPUT_UNITS[name] == unit]


def rounded(value: float) -> float:
    """Three significant digits: constants that a formula can show."""
    return float(f"{value:.3g}")


def random_constant(rng: np.random.Generator, scale: float) -> Expression:
    """A constant around 0, of the order of `scale`."""
    return constant(rounded(scale * float(rng.normal())))


def random_factor(rng: np.random.Generator) -> Expression:
    """A constant that turns one unit into another: 0.003 to 3 in size, evenly on a log scale."""
    return constant(rounded(float(rng.choice((-1.0, 1.0))) * 10.0 ** float(rng.uniform(-2.5, 0.5))))


def random_leaf(rng: np.random.Generator, growth: Growth, unit: Unit) -> Expression:
    """An input of a unit, or a constant."""
    names = growth.inputs_of(unit)
    if names and rng.random() >= growth.constant_share:
        return Expression(str(rng.choice(names)))
    return random_constant(rng, SCALES.get(unit, 1.0))


def random_tree(rng: np.random.Generator, growth: Growth, unit: Unit, depth: int, full: bool) -> Expression:
    """A random tree of a unit: `full`, every branch as deep as `depth`; else branches end earlier by chance."""
    if depth <= 0 or (not full and rng.random() < 0.25):
        return random_leaf(rng, growth, unit)

    def sub(of: Unit) -> Expression:
        return random_tree(rng, growth, of, depth - 1, full)

    forms = _forms(growth, unit)
    if not forms:
        return random_leaf(rng, growth, unit)
    form = forms[int(rng.integers(len(forms)))]
    other = UNITS[int(rng.integers(len(UNITS)))]
    if form == "scale":
        return Expression("*", (random_factor(rng), sub(other)))
    if form == "share":
        return Expression("/", (sub(other), sub(other)))
    if form == "weigh":
        return Expression("*", (sub(NUMBER), sub(unit)))
    if form == "/":
        return Expression("/", (sub(unit), sub(NUMBER)))
    if form == "if":
        test = Expression(">", (random_leaf(rng, growth, other), random_leaf(rng, growth, other)))
        return Expression("if", (test, sub(unit), sub(unit)))
    if form == "sign":
        return Expression("sign", (sub(other),))
    return Expression(form, tuple(sub(unit) for _ in range(ARITY[form])))


def _forms(growth: Growth, unit: Unit) -> list[str]:
    """Ways to make a value of a unit from others, with the operators that are allowed."""
    allowed = growth.operators
    forms = [op for op in ("+", "-", "min", "max", "neg", "abs") if op in allowed]
    if "*" in allowed:
        forms += ["scale", "scale", "weigh"]
    if "/" in allowed:
        forms += ["/"] if unit != NUMBER else ["/", "share"]
    if ">" in allowed and "if" in allowed:
        forms.append("if")
    if unit == NUMBER:
        forms += [op for op in ("sign", "tanh", "sqrt", "log", "exp") if op in allowed]
    return forms


def ramped(rng: np.random.Generator, growth: Growth, kind: str, count: int, settings: TradeSettings) -> list[Alpha]:
    """`count` random alphas: depths from 1 to `growth.max_depth` in turn, half of them full (ramped half and half)."""
    found = []
    for n in range(count):
        depth = 1 + (n // 2) % max(growth.max_depth, 1) if growth.max_depth else 0
        found.append(random_alpha(rng, growth, kind, settings, depth, full=n % 2 == 0))
    return found


def random_alpha(
    rng: np.random.Generator, growth: Growth, kind: str, settings: TradeSettings, depth: int, full: bool
) -> Alpha:
    """A random alpha whose trees have at most the depth; smaller ones are tried until the words suffice."""
    trees = []
    for unit in PARTS[kind].values():
        tree, at = random_tree(rng, growth, unit, depth, full), depth
        while tree.size > growth.max_words:
            at -= 1
            tree = random_tree(rng, growth, unit, at, full)
        trees.append(folded(tree))
    return Alpha(kind=kind, trees=tuple(trees), settings=settings)


def folded(node: Expression) -> Expression:
    """The tree with every part that is made of constants alone computed, to three digits: as good, and shorter."""
    if not node.args:
        return node
    args = tuple(folded(arg) for arg in node.args)
    if node.op == "if" and all(arg.op == "" for arg in args[0].args):
        return args[1] if evaluate(args[0], {}) > 0 else args[2]
    node = Expression(node.op, args)
    if node.op != ">" and all(arg.op == "" for arg in args):
        return constant(rounded(float(evaluate(node, {}))))
    return node


# --- variation


def pick(rng: np.random.Generator, tree: Expression) -> int:
    """Number of a node: nine times in ten one with arguments, where there is any."""
    inner = [place for place, node in enumerate(tree.nodes()) if node.args]
    if inner and rng.random() < 0.9:
        return int(rng.choice(inner))
    return int(rng.integers(tree.size))


def crossover(rng: np.random.Generator, growth: Growth, a: Alpha, b: Alpha) -> tuple[Alpha, Alpha]:
    """Two children: in one of the expressions a subtree of each parent takes the other's place.

    Subtrees are exchanged that have one unit (or are constants); a pair that does not fit is drawn anew, and after
    TRIES draws the parents come back.
    """
    for _ in range(TRIES):
        part = int(rng.integers(len(a.trees)))
        mother, father = a.trees[part], b.trees[part]
        at, there = pick(rng, mother), pick(rng, father)
        from_mother, from_father = list(mother.nodes())[at], list(father.nodes())[there]
        daughter = _grafted(a, part, mother.replaced(at, from_father), growth)
        son = _grafted(b, part, father.replaced(there, from_mother), growth)
        if daughter is not None and son is not None:
            return daughter, son
    return a, b


def _grafted(alpha: Alpha, part: int, tree: Expression, growth: Growth) -> Alpha | None:
    """The alpha with a new expression; None where its units or its size do not allow that."""
    tree = folded_if_sound(tree)
    if tree is None or tree.size > growth.max_words:
        return None
    try:
        return alpha.with_tree(part, tree)
    except ConfigError:
        return None


def folded_if_sound(tree: Expression) -> Expression | None:
    """`folded`, or None where units do not fit."""
    try:
        tree.unit()
    except ConfigError:
        return None
    return folded(tree)


def mutate_subtree(rng: np.random.Generator, growth: Growth, alpha: Alpha) -> Alpha:
    """A subtree gives way to a random one of its unit."""
    for _ in range(TRIES):
        part, tree, at, node = _somewhere(rng, alpha)
        unit = node.unit()
        if unit == ANY:
            unit = list(PARTS[alpha.kind].values())[part]
        if not isinstance(unit, Unit):
            continue
        new = random_tree(rng, growth, unit, int(rng.integers(0, 3)), full=False)
        child = _grafted(alpha, part, tree.replaced(at, new), growth)
        if child is not None:
            return child
    return alpha


def mutate_point(rng: np.random.Generator, growth: Growth, alpha: Alpha) -> Alpha:
    """An operator gives way to another with as many arguments, an input to another, where units allow it."""
    for _ in range(TRIES):
        part, tree, at, node = _somewhere(rng, alpha)
        if node.args:
            others = [op for op in growth.operators if ARITY[op] == len(node.args) and op != node.op]
        else:
            others = [name for name in growth.inputs if name != node.op]
        if others:
            new = Expression(str(rng.choice(others)), node.args)
            child = _grafted(alpha, part, tree.replaced(at, new), growth)
            if child is not None:
                return child
    return alpha


def mutate_constants(rng: np.random.Generator, growth: Growth, alpha: Alpha) -> Alpha:
    """Every constant moves by a normal factor (sd 30 %) and a small step; one that is 0 by the step alone."""
    trees = []
    for tree in alpha.trees:
        for at, node in enumerate(list(tree.nodes())):
            if node.op == "":
                value = node.value * (1 + 0.3 * float(rng.normal())) + 0.02 * float(rng.normal())
                tree = tree.replaced(at, constant(rounded(min(max(value, -1e9), 1e9))))
        trees.append(tree)
    return Alpha(kind=alpha.kind, trees=tuple(trees), settings=alpha.settings, name=alpha.name)


def mutate_hoist(rng: np.random.Generator, growth: Growth, alpha: Alpha) -> Alpha:
    """A subtree takes the place of a tree above it: the way back to short programs."""
    for _ in range(TRIES):
        part, tree, at, node = _somewhere(rng, alpha)
        inside = list(node.nodes())[1:]
        if inside:
            child = _grafted(alpha, part, tree.replaced(at, inside[int(rng.integers(len(inside)))]), growth)
            if child is not None:
                return child
    return alpha


MUTATIONS = (mutate_subtree, mutate_point, mutate_constants, mutate_hoist)


def mutate(rng: np.random.Generator, growth: Growth, alpha: Alpha) -> Alpha:
    """One of the mutations: constants twice as often as each of the others."""
    return MUTATIONS[int(rng.choice((0, 1, 2, 2, 3)))](rng, growth, alpha)


def _somewhere(rng: np.random.Generator, alpha: Alpha) -> tuple[int, Expression, int, Expression]:
    """A random node: (number of the expression, the expression, number of the node in it, the node)."""
    part = int(rng.integers(len(alpha.trees)))
    tree = alpha.trees[part]
    at = pick(rng, tree)
    return part, tree, at, list(tree.nodes())[at]
