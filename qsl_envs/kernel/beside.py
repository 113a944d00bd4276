"""Compile some kernels in a second process while this one compiles others.

The first use after an install compiles for half a minute, on one core. Whoever knows which entries will be called
next names them with `compile_beside`: a process of its own begins with them, through the same cache and the same locks.
If it is slow, or cannot run, they are compiled here when they are called, as ever.

`QSL_COMPILE_PROCESSES=1` keeps everything in one process.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numba
from numba.core.types import Type

_VARIABLE = "QSL_COMPILE_PROCESSES"
_children: list[subprocess.Popen] = []
_named: set[tuple[str, str]] = set()


def compile_beside(entries: Sequence[tuple[Any, tuple[Type, ...]]]) -> None:
    """Begin to compile kernels in another process, once for each; does nothing where that makes no sense.

    Args:
        entries: kernels with the numba types of their arguments, in the order in which they are needed.
    """
    if numba.config.DISABLE_JIT or os.environ.get(_VARIABLE) == "1" or _num_cpus() < 2 or not sys.executable:
        return
    work = []
    for function, args in entries:
        name = (function.py_func.__module__, function.py_func.__qualname__)
        if name not in _named and name[0] != "__main__" and not _is_known(function, args):
            work.append((*name, args))
        _named.add(name)
    if not work:
        return
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    environment = {**os.environ, _VARIABLE: "1", "QSL_QUIET": "1", "PYTHONPATH": paths}
    with suppress(OSError):
        child = subprocess.Popen(
            [sys.executable, "-c", "from qsl_envs.kernel.beside import serve; serve()"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        _children.append(child)
        assert child.stdin is not None  # it is a pipe
        with child.stdin:
            child.stdin.write(pickle.dumps(work))


def serve(read: Callable[[], bytes] | None = None) -> None:
    """What the other process does: read its work from stdin and compile it.

    Args:
        read: gives the pickled work; None reads stdin.
    """
    from importlib import import_module

    work = pickle.loads(read() if read else sys.stdin.buffer.read())
    for module, name, args in work:
        getattr(import_module(module), name).compile(args)


def _is_known(function: Any, args: tuple[Type, ...]) -> bool:
    """True if it is compiled, or cannot be kept on disk, where another process's work would be lost."""
    holds = getattr(function._cache, "holds", None)
    return args in function.overloads or holds is None or holds(args, function.targetctx)


def _num_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@atexit.register
def _end() -> None:
    for child in _children:
        if child.poll() is None:
            child.terminate()
        child.wait()
