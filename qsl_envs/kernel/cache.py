"""Compiled kernels on disk: safe against edits in other files, compiled by one process while the others wait.

This stands on private parts of numba (`Dispatcher.compile`, `FunctionCache` and their helpers) and is written for the
minor version in `NUMBA_MINOR`; with another one `kernel.jit` warns and compiles in every process instead.

Where the files lie: `QSL_CACHE_DIR`, else the user's cache directory. A directory that cannot be written is still read.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

import llvmlite
import numba
import numpy as np
from numba.core import sigutils, types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, _CacheLocator
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher
from numba.core.serialize import dumps
from numba.core.typing import make_concrete_template

from qsl_envs.kernel.linking import KernelCompiler
from qsl_envs.kernel.lock import FileLock
from qsl_envs.kernel.quick import Pipeline, remembering
from qsl_envs.kernel.sources import stamp_of

NUMBA_MINOR = "0.68"

_FLAGS = ("OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_AVX", "FULL_TRACEBACKS")
_ANNOUNCE_AFTER_S = 1.0


def cache_dir() -> str:
    """Where compiled kernels are kept: `QSL_CACHE_DIR`, else `quant-sim-lab` in the user's cache directory."""
    chosen = os.environ.get("QSL_CACHE_DIR")
    if chosen:
        return os.path.abspath(chosen)
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.path.join(base, "quant-sim-lab")


@dataclass
class CompileCounts:
    """What this process has done so far."""

    compiled: int = 0
    """kernels compiled here, one for each signature"""
    loaded: int = 0
    """kernels loaded from disk"""
    compile_s: float = 0.0
    on_compiled: Callable[[], None] | None = None
    """called after each compiled kernel, by whoever shows the progress; the usual notice is left out then"""


COUNTS = CompileCounts()


class KernelDispatcher(CPUDispatcher):
    """Numba's dispatcher with our cache and linker, and with one compiling process at a time."""

    def __init__(self, py_func, locals=None, targetoptions=None, *, closed: bool = False) -> None:
        super().__init__(py_func, locals or {}, targetoptions or {})
        parts = py_func, self.targetdescr, self.targetoptions, self.locals, Pipeline
        self._compiler = KernelCompiler(*parts, callee=False, closed=closed)
        self._callee_compiler = KernelCompiler(*parts, callee=True)
        self._callees: dict[tuple, CompileResult] = {}

    def enable_caching(self) -> None:
        """Keep what is compiled on disk, unless the function has no source file."""
        stamp = stamp_of(self.py_func)
        if stamp is not None:
            self._cache = _KernelCache(self.py_func, stamp)

    def compile(self, sig):
        """Compile for one signature, or load it; see `numba.core.dispatcher.Dispatcher.compile`."""
        known = sig in self.overloads or _holds(self._cache, sig, self.targetctx)
        # Numba's own lock first, as when a plain jitted function calls a kernel: one order of locks, no deadlock.
        with global_compiler_lock, nullcontext() if known else _TURN.taken(self._cache):
            misses = self._cache_misses[sig]
            entry = super().compile(sig)  # looks on disk again: another process may have been here while we waited
            if self._cache_misses[sig] > misses:
                for environment in self.overloads[_entry_args(sig)]._find_referenced_environments():
                    self.targetctx.codegen().set_env(environment.env_name, environment)
                _count()
            return entry

    def get_overload(self, sig):
        """What compiled code calls: the key of the callee's code; of the entry where there is nothing else.

        A kernel that is linked into an entry is always its plain code, also when it is an entry of its own: an entry's
        module has had its inlined callees optimised away, and does not link a second time.
        """
        args = _entry_args(sig)
        result = self._callees.get(args) or self.overloads[args]
        return result.entry_point

    @property
    def nopython_signatures(self):
        """Signatures of everything that compiled code may call."""
        both = {**self.overloads, **self._callees}
        return [result.signature for result in both.values()]

    def _compile_callee(self, args: tuple) -> None:
        """Compile for a calling kernel: nothing that could be called from Python, and nothing kept on disk."""
        if args in self._callees:
            return
        with self._compiling_counter:
            result = self._callee_compiler.compile(args, None)
        key = object()  # stands for the function in numba's tables, where an entry has its Python object
        self.targetctx.insert_user_function(key, result.fndesc, [result.library])
        self._callees[args] = result._replace(entry_point=key)
        _TURN.pass_by()
        _count()

    def get_call_template(self, args, kws):
        """Type a call from compiled code; constants count as plain numbers.

        Numba would compile the callee anew for every value of every constant argument. What a constant is good for,
        LLVM finds out by itself in the leaves that are inlined.
        """
        plain = [types.unliteral(arg) for arg in args]
        named = {name: types.unliteral(arg) for name, arg in kws.items()}
        if not _TURN.is_ours():
            return super().get_call_template(plain, named)
        pysig, folded = self._compiler.fold_argument_types(plain, named)
        self._compile_callee(tuple(folded))
        template = make_concrete_template(
            f"CallTemplate({self.py_func.__name__})", key=self.py_func.__name__, signatures=self.nopython_signatures
        )
        return template, pysig, folded, {}


class _Turn:
    """This process's turn to compile. Entered again by every kernel that the first one calls."""

    def __init__(self) -> None:
        self._depth = 0
        self._start = 0.0
        self._told = False
        self._lock: FileLock | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset_in_child)

    @contextmanager
    def taken(self, cache):
        if self._depth == 0:
            self._begin(cache)
        self._depth += 1
        try:
            with remembering() if self._depth == 1 else nullcontext():
                yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._end()

    def is_ours(self) -> bool:
        """True while a kernel is being compiled here."""
        return self._depth > 0

    def pass_by(self) -> None:
        """Called now and then; says what is going on once that takes long."""
        if self._depth and not self._told and time.perf_counter() - self._start > _ANNOUNCE_AFTER_S:
            self._tell()

    def _begin(self, cache) -> None:
        if isinstance(cache, _KernelCache):
            lock = FileLock(cache.lock_path)
            self._lock = lock if lock.acquire(on_wait=_tell_waiting) else None
        self._start, self._told = time.perf_counter(), False
        self._compiled_before = COUNTS.compiled
        if sys.stderr is not None and sys.stderr.isatty():
            self._tell()

    def _tell(self) -> None:
        if COUNTS.on_compiled is not None:
            return
        self._told = True
        _say("compiling kernels, once after an install or an edit ...")

    def _end(self) -> None:
        seconds = time.perf_counter() - self._start
        COUNTS.compile_s += seconds
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        if self._told and seconds > _ANNOUNCE_AFTER_S:
            _say(f"compiled {COUNTS.compiled - self._compiled_before} kernels in {seconds:.1f} s")

    def _reset_in_child(self) -> None:
        if self._lock is not None:
            self._lock.forget()
        self._lock, self._depth = None, 0


class _Locator(_CacheLocator):
    """Tells numba's cache where one function's files lie and which sources they are good for."""

    def __init__(self, function, stamp: str) -> None:
        self._py_file = function.__code__.co_filename  # read by numba's warnings
        folder = os.path.dirname(os.path.abspath(self._py_file))
        place = hashlib.sha256(folder.encode()).hexdigest()[:16]
        self._path = os.path.join(cache_dir(), f"{os.path.basename(folder)}_{place}_{_variant()}")
        self._stamp = (stamp, numba.__version__, llvmlite.__version__, np.__version__)
        # Two functions of one name in one file are inner ones; top-level names keep their file when lines move.
        self._line = str(function.__code__.co_firstlineno) if "<locals>" in function.__qualname__ else "0"

    def get_cache_path(self):
        return self._path

    def get_source_stamp(self):
        return self._stamp

    def get_disambiguator(self):
        return self._line


class _Impl(CompileResultCacheImpl):
    """Numba's way of writing a compile result, at our place."""

    def __init__(self, function, locator: _Locator) -> None:
        # Not the base's: it would look for one of numba's locators.
        self._lineno = function.__code__.co_firstlineno
        self._locator = locator
        module = os.path.splitext(os.path.basename(inspect.getfile(function)))[0]
        self._filename_base = self.get_filename_base(f"{module}.{function.__qualname__}", getattr(sys, "abiflags", ""))


class _KernelCache(FunctionCache):
    """The files of one kernel."""

    _warned = False

    def __init__(self, function, stamp: str) -> None:
        self._name = repr(function)
        self._py_func = function
        self.stamp = stamp
        self._impl = _Impl(function, _Locator(function, stamp))
        self._cache_path = self._impl.locator.get_cache_path()
        self._cache_file = IndexDataCacheFile(
            self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )
        self.enable()

    @property
    def lock_path(self) -> str:
        """The file to lock while this kernel is compiled; its folder is made if it can be."""
        with suppress(OSError):  # then nothing can be saved there either, and saving says so
            os.makedirs(self._cache_path, exist_ok=True)
        return os.path.join(self._cache_path, f"{self._impl.filename_base}.lock")

    def holds(self, sig, target_context) -> bool:
        """True if the index names this signature, compiled from these sources for this CPU."""
        try:
            return self._index_key(sig, target_context.codegen()) in self._cache_file._load_index()
        except Exception:  # a damaged index: load_overload says so
            return False

    def load_overload(self, sig, target_context):
        try:
            found = super().load_overload(sig, target_context)
        except OSError:
            return None  # nothing can be read there; if nothing can be written either, saving says so
        except Exception as error:  # a truncated or foreign file may raise anything at all
            warnings.warn(f"kernel cache: cannot read {self._name}, compiling it again ({error!r})", stacklevel=2)
            self._try_to_flush()
            return None
        COUNTS.loaded += found is not None
        return found

    def save_overload(self, sig, data) -> None:
        if not _can_be_found_again(data):
            return
        try:
            super().save_overload(sig, data)
        except OSError as error:
            if not _KernelCache._warned:
                _KernelCache._warned = True
                warnings.warn(
                    f"kernel cache: cannot write {self._cache_path} ({error.strerror}); kernels are compiled in every "
                    "process. Set QSL_CACHE_DIR to a directory that can be written.",
                    stacklevel=2,
                )

    def _try_to_flush(self) -> None:
        with suppress(OSError):
            self.flush()

    def _index_key(self, sig, codegen):
        """Signature, CPU, bytecode, and what the function closes over: a kernel counts as its name and sources.

        A record may change in a file that a kernel need not import. The name of the views it takes tells the layout;
        the type alone would not, since reading an index gives it the layout of today.
        """
        cells = tuple(_identity(cell.cell_contents) for cell in self._py_func.__closure__ or ())
        code = hashlib.sha256(self._py_func.__code__.co_code).hexdigest()
        names = [str(kind) for kind in _entry_args(sig)]
        return sig, codegen.magic_tuple(), code, hashlib.sha256(dumps((cells, names))).hexdigest()


def _identity(value):
    """A kernel's name and stamp, since a pickled one differs in each process; anything else as it is."""
    if isinstance(value, KernelDispatcher) and isinstance(value._cache, _KernelCache):
        function = value.py_func
        return function.__module__, function.__qualname__, function.__code__.co_code, value._cache.stamp
    return value


def _can_be_found_again(result: CompileResult) -> bool:
    """True if every module whose globals the code reads is imported: whoever loads the code looks for them by name.

    What is run from a file without being imported from it (`exec`, `runpy`, a module that was never put into
    `sys.modules`) has no such name.
    """
    environments = (result.environment, *result._find_referenced_environments())
    return all(environment.globals.get("__name__") in sys.modules for environment in environments)


def _entry_args(sig) -> tuple:
    """Argument types of a signature, as the overloads are keyed."""
    return tuple(sigutils.normalize_signature(sig)[0])


def _count() -> None:
    COUNTS.compiled += 1
    if COUNTS.on_compiled is not None:
        COUNTS.on_compiled()


def _holds(cache, sig, target_context) -> bool:
    return isinstance(cache, _KernelCache) and cache.holds(sig, target_context)


def _variant() -> str:
    """A short name for the settings that change what is compiled."""
    flags = [(name, getattr(numba.config, name, None)) for name in _FLAGS]
    flags.append(("QSL_CHECK", os.environ.get("QSL_CHECK", "")))
    return hashlib.sha256(repr(flags).encode()).hexdigest()[:8]


def _say(text: str) -> None:
    if sys.stderr is not None and os.environ.get("QSL_QUIET", "") in ("", "0"):
        sys.stderr.write(f"qsl: {text}\n")
        sys.stderr.flush()


def _tell_waiting() -> None:
    _say("another process is compiling kernels; waiting for it ...")


_TURN = _Turn()
