"""What a compiled function was made from: a stamp over its own file and every file that this one imports, in turn.

Numba's own cache looks at the file of the function alone, and goes on using a caller whose callee has changed. A stamp
here covers the whole closure of imports inside our packages and the user's own files; the standard library and
installed packages are left to the version numbers in the cache's key.

A file's content is read once, when the first kernel of the process that needs it is decorated: code that is in memory
keeps the stamp of the text it came from, even if the file is edited while the process runs.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import sysconfig
from importlib import util
from pathlib import Path
from typing import NamedTuple

FOLLOWED = ("qsl_envs", "baselines", "leagues", "evolve")
"""Top-level packages that are followed wherever they are installed."""

_IMPORT = re.compile(
    r"(?:^|[;:])[ \t]*"  # at the start of a statement
    r"(?:from[ \t]*(\.*[\w.]*)[ \t]+import[ \t]*(\([^)]*\)|[^\n;]*)|import[ \t]+([^\n;]+))",
    re.MULTILINE,
)
_COMMENT = re.compile(r"#[^\n]*")
_JOINED_LINES = re.compile(r"\\\r?\n")
_INSTALLED = tuple(
    os.path.join(os.path.realpath(path), "")
    for path in {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


class _File(NamedTuple):
    mtime_ns: int
    size: int
    digest: bytes
    imports: tuple[tuple[str, str], ...]


_files: dict[str, _File] = {}
_stamps: dict[str, str] = {}


def stamp_of(function) -> str | None:
    """Hex digest of all sources behind `function`; None when its file cannot be read (a prompt, a notebook cell)."""
    path, module = function.__code__.co_filename, function.__module__
    if not os.path.isfile(path):
        return None
    status = os.stat(path)
    known = _files.get(path)
    if known is None or (known.mtime_ns, known.size) != (status.st_mtime_ns, status.st_size):
        # The function is being defined now, so its file has just been executed anew.
        _files[path] = _read(path, module)
        _stamps.clear()
    if path not in _stamps:
        _stamps[path] = _stamp(path, module)
    return _stamps[path]


def closure_of(path: str, module: str) -> dict[str, str]:
    """Path -> module name of the file and of every followed file that it imports, in turn."""
    found: dict[str, str] = {}
    waiting = [(path, module)]
    while waiting:
        path, module = waiting.pop()
        if path in found:
            continue
        found[path] = module
        if path not in _files:
            _files[path] = _read(path, module)
        waiting.extend(_files[path].imports)
    return found


def imported_names(text: str, package: str) -> set[str]:
    """Dotted names that the import statements of a source text may bring in: modules, and attributes of modules.

    Args:
        text: Python source. Words in strings may be taken for imports; that costs nothing but a wider stamp.
        package: the package that relative imports start from.
    """
    names: set[str] = set()
    for source, items, plain in _IMPORT.findall(_COMMENT.sub("", _JOINED_LINES.sub(" ", text))):
        if plain:
            for item in plain.split(","):
                parts = (item.split() or [""])[0].split(".")
                names.update(".".join(parts[: n + 1]) for n in range(len(parts)))
            continue
        base = _absolute(source, package)
        if base:
            names.add(base)
            names.update(f"{base}.{item.split()[0]}" for item in items.strip("()").split(",") if item.split())
    return names - {""}


def _stamp(path: str, module: str) -> str:
    digest = hashlib.sha256()
    for name, file in sorted((name, path) for path, name in closure_of(path, module).items()):
        digest.update(name.encode() + b"\0" + _files[file].digest)
    return digest.hexdigest()


def _read(path: str, module: str) -> _File:
    status = os.stat(path)
    content = Path(path).read_bytes()
    package = module if os.path.basename(path) == "__init__.py" else module.rpartition(".")[0]
    imports = set()
    for name in imported_names(content.decode(errors="replace"), package):
        file = _file_of(name)
        if file is not None and _is_followed(name, file, module):
            imports.add((file, name))
    return _File(status.st_mtime_ns, status.st_size, hashlib.sha256(content).digest(), tuple(sorted(imports)))


def _absolute(source: str, package: str) -> str:
    dots = len(source) - len(source.lstrip("."))
    if dots == 0:
        return source
    parts = package.split(".") if package else []
    parts = parts[: len(parts) - dots + 1]
    return ".".join([*parts, *filter(None, [source.lstrip(".")])])


def _is_followed(name: str, file: str, importer: str) -> bool:
    top = name.partition(".")[0]
    if top in FOLLOWED or top == importer.partition(".")[0]:
        return True
    return not os.path.realpath(file).startswith(_INSTALLED)


def _file_of(name: str) -> str | None:
    """The source file of a module, found without importing anything; None for what is not a module with a source."""
    module = sys.modules.get(name)
    if module is not None:
        file = getattr(module, "__file__", None)
        return file if file and file.endswith(".py") and os.path.isfile(file) else None
    parent, _, leaf = name.rpartition(".")
    if not parent:
        try:
            spec = util.find_spec(name)
        except (ImportError, ValueError):
            return None
        return spec.origin if spec and spec.origin and spec.origin.endswith(".py") else None
    for folder in _folders_of(parent):
        for file in (os.path.join(folder, leaf + ".py"), os.path.join(folder, leaf, "__init__.py")):
            if os.path.isfile(file):
                return file
    return None


def _folders_of(package: str) -> list[str]:
    if package in sys.modules:
        return list(getattr(sys.modules[package], "__path__", ()))
    file = _file_of(package)
    return [os.path.dirname(file)] if file and os.path.basename(file) == "__init__.py" else []
