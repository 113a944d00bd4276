"""The postfix programs of participants in plain Python: what `qsl_envs.participants.program` is held against."""

from __future__ import annotations

from qsl_envs.kernel.fmath import exp_, log_, sqrt_, tanh_

DEPTH = 16


def bounded(x: float) -> float:
    return max(-1e9, min(1e9, x))


BINARY = {
    "+": lambda a, b: bounded(a + b),
    "-": lambda a, b: bounded(a - b),
    "*": lambda a, b: bounded(a * b),
    "/": lambda a, b: a if abs(b) < 1e-9 else bounded(a / b),
    "min": min,
    "max": max,
    ">": lambda a, b: float(a > b),
}
UNARY = {
    "neg": lambda a: -a,
    "abs": abs,
    "sign": lambda a: float(a > 0) - float(a < 0),
    "sqrt": lambda a: float(sqrt_(abs(a))),
    "log": lambda a: 0.0 if abs(a) < 1e-9 else float(log_(abs(a))),
    "exp": lambda a: float(exp_(max(-20.0, min(20.0, a)))),
    "tanh": lambda a: float(tanh_(a)),
}


def run(text: str, known: dict[str, float]) -> list[float]:
    """The stack that a program leaves, deepest first; `known` are the inputs by name."""
    stack: list[float] = []

    def pop() -> float:
        return stack.pop() if stack else 0.0

    for word in text.split():
        if word in BINARY:
            b, a = pop(), pop()
            out = [BINARY[word](a, b)]
        elif word in UNARY:
            out = [UNARY[word](pop())]
        elif word == "if":
            c, b, a = pop(), pop(), pop()
            out = [b if a > 0 else c]
        elif word == "dup":
            a = pop()
            out = [a, a]
        elif word == "swap":
            b, a = pop(), pop()
            out = [b, a]
        elif word == "drop":
            pop()
            out = []
        else:
            out = [bounded(known[word] if word in known else float(word))]
        stack = [*stack, *out][-DEPTH:]
    return stack
