"""Programs: a participant whose quotes and orders are computed by a small postfix program, data of its own.

A program is a line of words, read from left to right; each takes numbers off a stack and puts one on it. Thousands of
different ones trade in one call of the market: the interpreter is one kernel, and nothing is compiled for a program.

    half spread:   spread 2 / inventory abs 0.1 * +
    skew:          inventory -0.05 * imbalance 2 * +

What the values that are left on the stack mean is the participant's business: see `participants.programmed`.

Arithmetic is protected: every value is a finite float64 within 1e9; a quotient whose divisor is nearer to 0 than 1e-9
is the dividend; the logarithm and root are those of the absolute value, with log(0) = 0; NaN never arises. A short
stack gives 0 for what is missing, a deep one forgets its deepest value. Twin: `tests.naive.program`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsl_envs.errors import ConfigError
from qsl_envs.kernel.fmath import exp_, float_of, log_, sqrt_, tanh_
from qsl_envs.kernel.jit import kernel

MAX_WORDS = 64
"""Words of a program, at most."""
DEPTH = 16
"""Values that the stack holds."""
LIMIT = 1e9
"""Bound of every value."""
TINY = 1e-9

# What a participant may know: value k of `inputs`. Appended to, never renumbered.
INPUTS = (
    ("spread", "best ask - best bid, ticks; 0 while a side is empty"),
    ("imbalance", "(bid lots - ask lots) / both at the best prices, in [-1, 1]"),
    ("mid_change", "known mid now minus at the last look, ticks"),
    ("mid_change_slow", "known mid minus its mean over about ten looks, ticks"),
    ("bought", "lots that aggressors have bought since the last look, by the prints heard"),
    ("sold", "lots that they have sold"),
    ("inventory", "own lots, by the reports heard"),
    ("inventory_share", "the same, of `max_inventory`"),
    ("queue_bid", "lots known to be shown at the best own bid's price, own ones too; 0 without one: no more are ahead"),
    ("queue_ask", "the same of the best own ask"),
    ("feed_age", "seconds since the newest record heard left the venue"),
    ("time_left", "seconds to the close"),
    ("gain", "known cash + inventory x known mid, less the same at the start, ticks x lots"),
    ("bid_qty", "lots at the best bid"),
    ("ask_qty", "lots at the best ask"),
    ("depth_bid", "lots on the best five levels of bids"),
    ("depth_ask", "the same of asks"),
)
NUM_INPUTS = len(INPUTS)
OPERATORS = (
    ("+", 2, "a + b"),
    ("-", 2, "a - b"),
    ("*", 2, "a b"),
    ("/", 2, "a / b; a when |b| < 1e-9"),
    ("min", 2, "the smaller"),
    ("max", 2, "the larger"),
    ("neg", 1, "-a"),
    ("abs", 1, "|a|"),
    ("sign", 1, "-1, 0 or 1"),
    ("sqrt", 1, "the root of |a|"),
    ("log", 1, "ln |a|; 0 when |a| < 1e-9"),
    ("exp", 1, "e^a, a cut to [-20, 20]"),
    ("tanh", 1, "tanh a"),
    (">", 2, "1 if a > b, else 0"),
    ("if", 3, "b if a > 0, else c (a is the deepest)"),
    ("dup", 1, "a twice"),
    ("swap", 2, "a and b in the other order"),
    ("drop", 1, "a is forgotten"),
)
CONSTANT, INPUT, OPERATOR, END = 1, 2, 3, 0
"""What a word is, in the low 8 bits of its cell; a constant stands as the bits of its float in the cell after it."""
(ADD, SUB, MUL, DIV, MIN, MAX, NEG, ABS, SIGN, SQRT, LOG, EXP, TANH, GREATER, IF, DUP, SWAP, DROP) = range(18)
CELLS = 2 * MAX_WORDS + 1
"""int64 cells of a program: two a word, and the end."""


class Program(NamedTuple):
    """A program that has been read."""

    text: str
    cells: np.ndarray
    """int64 (CELLS,)"""


def read_program(text: str, name: str = "program") -> Program:
    """Read a program of words: inputs, operators, numbers.

    Raises: ConfigError naming the program, the word and its place (from 1).
    """
    names = {word: k for k, (word, _) in enumerate(INPUTS)}
    operators = {word: k for k, (word, _, _) in enumerate(OPERATORS)}
    cells = np.zeros(CELLS, np.int64)
    words = text.split()
    if not words:
        raise ConfigError(f"{name} is empty; a program has a word at least")
    if len(words) > MAX_WORDS:
        raise ConfigError(f"{name} has {len(words)} words, {MAX_WORDS} are allowed: word {MAX_WORDS + 1} is "
                          f"{words[MAX_WORDS]!r}")  # fmt: skip
    depth = 0
    for place, word in enumerate(words):
        if word in names:
            cells[2 * place], taken, given = INPUT | names[word] << 8, 0, 1
        elif word in operators:
            code = operators[word]
            cells[2 * place], taken = OPERATOR | code << 8, OPERATORS[code][1]
            given = {DUP: 2, SWAP: 2, DROP: 0}.get(code, 1)
        else:
            cells[2 * place], taken, given = CONSTANT, 0, 1
            cells[2 * place + 1] = np.float64(_number(word, place, name)).view(np.int64)
        if taken > depth:
            raise ConfigError(f"{name}: word {place + 1}, {word!r}, takes {taken} values, {depth} are there")
        depth += given - taken
        if depth > DEPTH:
            raise ConfigError(f"{name}: word {place + 1}, {word!r}, makes {depth} values, the stack holds {DEPTH}")
    if depth == 0:
        raise ConfigError(f"{name}: nothing is left on the stack after word {len(words)}, {words[-1]!r}")
    return Program(text, cells)


def _number(word: str, place: int, name: str) -> float:
    try:
        value = float(word)
    except ValueError:
        known = ", ".join([w for w, _ in INPUTS] + [w for w, _, _ in OPERATORS])
        raise ConfigError(f"{name}: word {place + 1}, {word!r}, is no number and none of {known}") from None
    if not abs(value) <= LIMIT:
        raise ConfigError(f"{name}: word {place + 1}, {word!r}, must be within 1e9")
    return value


@kernel(inline=True)
def bounded(x):
    """A value of the stack: within LIMIT."""
    return min(max(x, -LIMIT), LIMIT)


@kernel
def apply(code, a, b, c):
    """An operator on its values, float64: `a` is the deepest of those that it takes."""
    if code == ADD:
        return bounded(a + b)
    if code == SUB:
        return bounded(a - b)
    if code == MUL:
        return bounded(a * b)
    if code == DIV:
        return a if abs(b) < TINY else bounded(a / b)
    if code == MIN:
        return min(a, b)
    if code == MAX:
        return max(a, b)
    if code == NEG:
        return -a
    if code == ABS:
        return abs(a)
    if code == SIGN:
        return 1.0 if a > 0.0 else -1.0 if a < 0.0 else 0.0
    if code == SQRT:
        return sqrt_(abs(a))
    if code == LOG:
        return 0.0 if abs(a) < TINY else log_(abs(a))
    if code == EXP:
        return exp_(min(max(a, -20.0), 20.0))
    if code == TANH:
        return tanh_(a)
    if code == GREATER:
        return 1.0 if a > b else 0.0
    return b if a > 0.0 else c


@kernel
def run_program(m, code, values, stack):
    """Run the program whose cells start at `m.crowd[code]` on the inputs that start at `m.floats[values]`; returns how
    many values are left. They stand from `m.floats[stack]` on, the deepest first; DEPTH cells.
    """
    n = 0
    for word in range(MAX_WORDS):
        cell = m.crowd[code + 2 * word]
        what, which = cell & 255, cell >> 8
        if what == END:
            break
        if what != OPERATOR:
            value = bounded(m.floats[values + which]) if what == INPUT else float_of(m.crowd[code + 2 * word + 1])
            n = push_value(m, stack, n, value)
        elif which == DUP:
            n = push_value(m, stack, n, m.floats[stack + n - 1] if n > 0 else 0.0)
        elif which == DROP:
            n = max(0, n - 1)
        elif which == SWAP:
            if n >= 2:
                a, b = m.floats[stack + n - 2], m.floats[stack + n - 1]
                m.floats[stack + n - 2], m.floats[stack + n - 1] = b, a
        else:
            takes = 3 if which == IF else 1 if NEG <= which <= TANH else 2
            a = m.floats[stack + n - takes] if n >= takes else 0.0
            b = m.floats[stack + n - takes + 1] if takes >= 2 and n >= takes - 1 else 0.0
            c = m.floats[stack + n - 1] if takes == 3 and n >= 1 else 0.0
            n = push_value(m, stack, max(0, n - takes), apply(which, a, b, c))
    return n


@kernel
def push_value(m, stack, n, value):
    """Put a value on a stack of `n`; a full one forgets its deepest. Returns how many it holds."""
    if n == DEPTH:
        for k in range(DEPTH - 1):
            m.floats[stack + k] = m.floats[stack + k + 1]
        n -= 1
    m.floats[stack + n] = value
    return n + 1
