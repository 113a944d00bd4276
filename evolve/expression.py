"""Expressions: typed trees over what a participant may know. They print as formulas, are read back, become words of
`qsl_envs.participants.program`, and are evaluated on whole arrays.

    -0.05 * inventory + 2 * imbalance
    if(spread > 4, 0.5 * spread, 2)

Operators mean what the interpreter makes of them, to the bit: every value is cut to within 1e9; `a / b` is `a` when
abs(b) < 1e-9; `sqrt` and `log` are those of abs(a), `log` of less than 1e-9 is 0; `exp` cuts its argument to [-20, 20];
`a > b` is 1 or 0; `if(a, b, c)` is `b` where `a` holds. Units are checked (`evolve.units`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from evolve.elementwise import exp_each, log_each, tanh_each
from evolve.units import ANY, INPUT_UNITS, Unit, unit_after
from qsl_envs.errors import ConfigError
from qsl_envs.participants.program import INPUTS, LIMIT, OPERATORS, TINY

ARITY = {word: takes for word, takes, _ in OPERATORS if word not in ("dup", "swap", "drop")}
"""Operators of a tree: how many arguments each has."""
INPUT_NAMES = tuple(name for name, _ in INPUTS)
LEVEL = {">": 1, "+": 2, "-": 2, "*": 3, "/": 3}
"""How tightly the operators bind that stand between their arguments."""
NEGATION, ATOM = 4, 5


@dataclass(frozen=True, slots=True)
class Expression:
    """A node: an operator with its arguments, an input (`op` is its name), or a constant (`op` is empty)."""

    op: str
    args: tuple[Expression, ...] = ()
    value: float = 0.0

    @property
    def size(self) -> int:
        """Nodes of the tree: the words of its program."""
        return 1 + sum(arg.size for arg in self.args)

    @property
    def depth(self) -> int:
        """Longest way to a leaf, in edges."""
        return 1 + max(arg.depth for arg in self.args) if self.args else 0

    @property
    def stack(self) -> int:
        """Values that its program has on the stack at once, at most."""
        return max([1, *(place + arg.stack for place, arg in enumerate(self.args))])

    def unit(self) -> Unit | str:
        """Unit of its value; ANY where constants may supply it. Raises: ConfigError if its units do not fit."""
        if self.op == "":
            return ANY
        return INPUT_UNITS[self.op] if not self.args else unit_after(self.op, [arg.unit() for arg in self.args])

    def words(self) -> str:
        """Its program: words for `qsl_envs.participants.program.read_program`, which leave one value."""
        own = self.op or number_text(self.value)
        return " ".join([*(arg.words() for arg in self.args), own])

    def nodes(self) -> Iterator[Expression]:
        """Every node, each before its arguments."""
        yield self
        for arg in self.args:
            yield from arg.nodes()

    def replaced(self, place: int, by: Expression) -> Expression:
        """The tree with node number `place` of `nodes` (and all under it) replaced."""
        if place == 0:
            return by
        place -= 1
        args = list(self.args)
        for k, arg in enumerate(args):
            if place < arg.size:
                args[k] = arg.replaced(place, by)
                break
            place -= arg.size
        return Expression(self.op, tuple(args), self.value)

    def __str__(self) -> str:
        return _text(self)[0]


def constant(value: float) -> Expression:
    """A number. Raises: ConfigError if it is not within 1e9."""
    if not abs(value) <= LIMIT:
        raise ConfigError(f"a constant must be within 1e9, was {value!r}")
    return Expression("", (), float(value))


def number_text(value: float) -> str:
    """The shortest text that is read as this float64."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text


def _text(node: Expression) -> tuple[str, int]:
    """A node as text, and how tightly its outermost operator binds."""
    if node.op == "":
        return number_text(node.value), ATOM
    if not node.args:
        return node.op, ATOM
    if node.op == "neg":
        inner, level = _text(node.args[0])
        wrapped = level < NEGATION or inner[0] in "-.0123456789"
        return f"-({inner})" if wrapped else f"-{inner}", NEGATION
    if node.op in LEVEL:
        level, sides = LEVEL[node.op], []
        for place, arg in enumerate(node.args):
            inner, tight = _text(arg)
            sides.append(f"({inner})" if tight < level + place or (tight == level == 1) else inner)
        return f"{sides[0]} {node.op} {sides[1]}", level
    return f"{node.op}({', '.join(_text(arg)[0] for arg in node.args)})", ATOM


# --- reading formulas

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(.))")


def parse(text: str, wanted: Unit | None = None, name: str = "formula") -> Expression:
    """Read a formula.

    Args:
        wanted: unit that its value must have; None: any.
        name: what errors call it.
    Raises: ConfigError naming the formula, the character (from 1) and what was expected; or the units that do not fit.
    """
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(f"{name} must be a formula like '2 * imbalance', was {text!r}")
    reader = _Reader(text, name)
    node = reader.binary(1)
    reader.expect("")
    return checked(node, wanted, name)


def checked(node: Expression, wanted: Unit | None = None, name: str = "formula") -> Expression:
    """The tree itself, once its units are found to fit. Raises: ConfigError naming the formula."""
    try:
        unit = node.unit()
    except ConfigError as error:
        raise ConfigError(f"{name}, {str(node)!r}: {error}") from error
    if not (isinstance(unit, Unit) or unit == ANY):
        raise ConfigError(f"{name}, {str(node)!r}, gives {unit}, not a number; write if(a > b, c, d)")
    if wanted is not None and unit not in (wanted, ANY):
        raise ConfigError(f"{name}, {str(node)!r}, is in {unit} and should be in {wanted}; a constant factor can turn "
                          f"one into the other: 0.1 * (...)")  # fmt: skip
    return node


class _Reader:
    """A formula being read: its tokens, and where in them it is."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name, self.at = text, name, 0
        self.tokens = [(m.group(1) or m.group(2) or m.group(3), m.start(m.lastindex or 0), m.lastindex or 0)
                       for m in _TOKEN.finditer(text.rstrip())]  # fmt: skip

    @property
    def token(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def kind(self) -> int:
        """1 a number, 2 a name, 3 a sign, 0 the end."""
        return self.tokens[self.at][2] if self.at < len(self.tokens) else 0

    def wrong(self, expected: str) -> ConfigError:
        place = self.tokens[self.at][1] + 1 if self.at < len(self.tokens) else len(self.text.rstrip()) + 1
        found = repr(self.token) if self.token else "the end"
        return ConfigError(f"{self.name}, {self.text!r}: character {place}: {expected} expected, {found} found")

    def expect(self, sign: str) -> None:
        if self.token != sign:
            raise self.wrong(repr(sign) if sign else "an operator or the end")
        self.at += 1

    def binary(self, level: int) -> Expression:
        """Operators of a level and tighter ones, from left to right; comparisons do not chain."""
        if level == NEGATION:
            return self.unary()
        left, met = self.binary(level + 1), False
        while LEVEL.get(self.token) == level and not (level == 1 and met):
            op, met = self.token, True
            self.at += 1
            left = Expression(op, (left, self.binary(level + 1)))
        return left

    def unary(self) -> Expression:
        if self.token != "-":
            return self.atom()
        self.at += 1
        if self.kind() == 1:
            return self.number(-1.0)
        return Expression("neg", (self.unary(),))

    def number(self, sign: float) -> Expression:
        value = sign * float(self.token)
        if not abs(value) <= LIMIT:
            raise self.wrong("a number within 1e9")
        self.at += 1
        return constant(value)

    def atom(self) -> Expression:
        token, kind = self.token, self.kind()
        if kind == 1:
            return self.number(1.0)
        if token == "(":
            self.at += 1
            inner = self.binary(1)
            self.expect(")")
            return inner
        if kind != 2:
            raise self.wrong("an input, a function or a number")
        if token in INPUT_NAMES:
            self.at += 1
            return Expression(token)
        if token not in ARITY:
            functions = ", ".join(word for word in ARITY if word.isalpha())
            raise self.wrong(f"one of the inputs {', '.join(INPUT_NAMES)} or of the functions {functions}")
        self.at += 1
        self.expect("(")
        args = [self.binary(1)]
        while len(args) < ARITY[token]:
            self.expect(",")
            args.append(self.binary(1))
        self.expect(")")
        return Expression(token, tuple(args))


# --- evaluation

Known = Mapping[str, np.ndarray]
"""Input -> its values, arrays that broadcast with each other."""


def evaluate(node: Expression, known: Known) -> np.ndarray:
    """The value of a tree for every element of its inputs, float64: what the interpreter leaves, to the bit.

    Args:
        known: at least the inputs that the tree names.
    """
    if node.op == "":
        return np.asarray(node.value, np.float64)
    if not node.args:
        return _bounded(np.asarray(known[node.op], np.float64))
    a, *others = (evaluate(arg, known) for arg in node.args)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _apply(node.op, a, *others)


def _bounded(x: np.ndarray) -> np.ndarray:
    return np.minimum(np.maximum(x, -LIMIT), LIMIT)


def _apply(op: str, a: np.ndarray, b: np.ndarray | float = 0.0, c: np.ndarray | float = 0.0) -> np.ndarray:
    """An operator on arrays; of equals `min` and `max` give the first, so that the sign of a zero is theirs too."""
    if op == "+":
        return _bounded(a + b)
    if op == "-":
        return _bounded(a - b)
    if op == "*":
        return _bounded(a * b)
    if op == "/":
        return np.where(np.abs(b) < TINY, a, _bounded(a / b))
    if op == "min":
        return np.where(b < a, b, a)
    if op == "max":
        return np.where(b > a, b, a)
    if op == "neg":
        return -a
    if op == "abs":
        return np.abs(a)
    if op == "sign":
        return np.where(a > 0, 1.0, np.where(a < 0, -1.0, 0.0))
    if op == "sqrt":
        return np.sqrt(np.abs(a))
    if op == "log":
        return np.where(np.abs(a) < TINY, 0.0, log_each(np.maximum(np.abs(a), TINY)))
    if op == "exp":
        return exp_each(np.minimum(np.maximum(a, -20.0), 20.0))
    if op == "tanh":
        return tanh_each(a)
    if op == ">":
        return np.where(a > b, 1.0, 0.0)
    return np.where(a > 0, b, c)
