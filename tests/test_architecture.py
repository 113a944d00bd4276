"""The rules of the house that a machine can read: who may import whom, and what a kernel may not contain."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "qsl_envs"
ABOVE = ("baselines", "leagues", "evolve")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

# --- names that the package does not use, and the doors that speak their users' words -----------------------------
BANNED = {
    "direction": "side",
    "is_bid": "side",
    "is_buy": "side",
    "px": "price",
    "offer": "ask",
    "quant": "qty",
    "quantity": "qty",
    "amend": "replace",
    "modify": "replace or reduce",
    "deal": "trade or fill",
    "execution": "trade or fill",
    "exchange": "venue",
    "instrument": "symbol",
    "trader": "participant or agent",
    "position": "inventory, or queue_ahead",
    "balance": "cash",
    "done": "terminated or truncated",
    "rng": "seed, stream or draw",
    "timestamp": "ts_ns or recv_ns",
}
DOORS = {
    "direction": ("replay/",),
    "quantity": ("replay/",),
    "timestamp": ("replay/",),
    "execution": ("replay/",),
    "position": (
        "engine/match_",
        "market/",
        "sdk/",
        "envs/step",
    ),  # place in a queue; what a gate has counted, beside an account's inventory
    "done": ("command_", "engine/", "market/", "replay/"),  # there: work, not episodes
    "trader": ("command_", "market/", "envs/", "sdk/"),  # the record of a participant's own node, beside VENUE
}

LIBM = {"log", "log1p", "log2", "log10", "exp", "expm1", "pow", "sin", "cos", "tan", "tanh", "cbrt", "power", "erf"}
LONG = 450
"""Lines; a longer file is asked for its second idea. The test fails at twice that."""


def sources(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> list[tuple[int, str]]:
    """(line, dotted name) of every import in a file, those inside functions too; `from a import b` gives `a.b`."""
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
    return found


def ranks() -> dict[str, int]:
    """Room -> height, from the contract that import-linter checks too. Rooms of one line have one height."""
    layers = next(contract for contract in CONTRACTS if contract["id"] == "rooms")["layers"]
    return {room: -at for at, line in enumerate(layers) for room in re.findall(r"\w+", line)}


def room_of(dotted: str) -> str | None:
    parts = dotted.split(".")
    return parts[1] if parts[0] == "qsl_envs" and len(parts) > 1 else None


def upward_imports(paths: list[Path], height: dict[str, int]) -> list[str]:
    wrong = []
    for path in paths:
        own = room_of(module_of(path))
        for line, name in imports_of(path):
            other = room_of(name)
            if own in height and other in height and height[other] > height[own]:
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {own} imports {other}, which is above it")
            if own is not None and name.split(".")[0] in ABOVE:
                wrong.append(f"{path.relative_to(ROOT)}:{line}: the package imports {name}, which is above it")
    return wrong


def test_rooms_import_downwards_only():
    assert upward_imports(sources(PACKAGE), ranks()) == []


def test_an_upward_import_would_be_seen():
    upside_down = {room: -height for room, height in ranks().items()}
    assert upward_imports(sources(PACKAGE / "engine"), upside_down) != []


def test_every_room_has_a_place_in_the_contract():
    rooms = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir() if not path.name.startswith("_")}
    rooms = {room for room in rooms if any(PACKAGE.glob(f"{room}.py")) or any(PACKAGE.glob(f"{room}/*.py"))}
    assert rooms - set(ranks()) == set()


def test_replay_and_participants_know_no_environment():
    for room in ("replay", "participants", "flow", "metrics", "market"):
        for path in sources(PACKAGE / room):
            assert not [name for _, name in imports_of(path) if room_of(name) == "envs"], path


def test_what_stands_above_uses_public_faces_only():
    pages = (ROOT / "docs" / "reference").glob("*.md")
    public = {name for page in pages for name in re.findall(r"auto\w+:: (qsl_envs[\w.]*)", page.read_text())}
    assert public
    wrong = []
    for path in sources(*(ROOT / name for name in ABOVE)):
        for line, name in imports_of(path):
            if not name.startswith("qsl_envs"):
                continue
            if name == "qsl_envs":
                continue
            hidden = any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
            if hidden or not {name, name.rpartition(".")[0]} & public:
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {name} is not listed in docs/reference")
    assert wrong == []


def test_importing_the_package_imports_nothing_heavy():
    heavy = ("numba", "llvmlite", "torch", "pyarrow", "polars", "yaml", "pettingzoo", "matplotlib", "rich", "scipy")
    code = f"import sys, qsl_envs; print([name for name in {heavy!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "[]"


# --- kernels ------------------------------------------------------------------------------------------------------
def kernels_of(tree: ast.Module) -> list[ast.FunctionDef]:
    """Functions decorated with `@kernel` or `@kernel(...)`."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
            if any(isinstance(name, ast.Name) and name.id == "kernel" for name in names):
                found.append(node)
    return found


def offences(tree: ast.Module) -> list[tuple[int, str]]:
    """(line, what is wrong) in the kernels of a file."""
    wrong = []
    for function in kernels_of(tree):
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id in ("np", "numpy") and node.attr == "random":
                    wrong.append((node.lineno, "np.random is per thread"))
                if node.value.id in ("np", "numpy", "math") and node.attr in LIBM:
                    wrong.append((node.lineno, f"{node.value.id}.{node.attr} differs between machines"))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                wrong.append((node.lineno, "print"))
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
                if not isinstance(node.left, ast.Constant) or not isinstance(node.right, ast.Constant):
                    wrong.append((node.lineno, "** calls libm"))
            if isinstance(node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.JoinedStr | ast.Lambda):
                wrong.append((node.lineno, f"{type(node).__name__}: an object in a kernel"))
    return wrong


def test_kernels_keep_to_arithmetic():
    seen, wrong = 0, []
    for path in sources(PACKAGE):
        tree = ast.parse(path.read_text())
        seen += len(kernels_of(tree))
        wrong += [f"{path.relative_to(ROOT)}:{line}: {what}" for line, what in offences(tree)]
    assert wrong == []
    assert seen > 20


@pytest.mark.parametrize(
    "line", ["np.random.rand()", "math.exp(x)", "np.log(x)", "x ** 0.5", "print(x)", "[x]", "f'{x}'", "np.power(x, 2)"]
)
def test_the_grep_would_see(line):
    assert offences(ast.parse(f"@kernel(inline=True)\ndef f(x):\n    return {line}\n")) != []


def test_one_decorator_and_no_fastmath():
    for path in sources(PACKAGE):
        text = path.read_text()
        assert not re.search(r"fastmath *=", text), path
        if path.parent.name != "kernel":
            assert not re.search(r"\b(?:numba\.)?(?:njit|jit|cfunc|vectorize)\b *\(|@(?:numba\.)?n?jit\b", text), path


# --- words --------------------------------------------------------------------------------------------------------
def names_in(path: Path) -> list[tuple[int, str]]:
    """(line, name) of everything that a file defines or assigns: functions, classes, arguments, variables, fields."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append((node.lineno, node.name))
        elif isinstance(node, ast.arg):
            found.append((node.lineno, node.arg))
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.append((node.lineno, node.id if isinstance(node, ast.Name) else node.attr))
    return found


def test_no_banned_name_inside_the_package():
    wrong, seen = [], 0
    for path in sources(PACKAGE):
        place = path.relative_to(PACKAGE).as_posix()
        for line, name in names_in(path):
            seen += 1
            if name in BANNED and not place.startswith(DOORS.get(name, ("\0",))):
                wrong.append(f"qsl_envs/{place}:{line}: {name}; we write {BANNED[name]}")
    assert wrong == []
    assert seen > 1_000


# --- files --------------------------------------------------------------------------------------------------------
def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_names_a_machine_or_a_registry():
    place = re.compile(
        r"(?<![\w.])/(?:work|opt|root|home|Users)/\w|(?:pypi|pythonhosted|npmjs|debian)\.org"
        r"|\b(?:10|192\.168|172\.16)(?:\.\d{1,3}){2,3}\b"
    )
    wrong, seen = [], 0
    for path in tracked():
        if path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        seen += 1
        wrong += [
            f"{path.relative_to(ROOT)}:{at}: {found[0]}"
            for at, line in enumerate(text.splitlines(), 1)
            if (found := place.search(line))
        ]
    assert wrong == []
    assert seen > 30


def test_files_hold_one_idea(record_property):
    lengths = {
        path: len(path.read_text().splitlines()) for path in sources(ROOT / "qsl_envs", *(ROOT / n for n in ABOVE))
    }
    for path, lines in sorted(lengths.items(), key=lambda item: -item[1]):
        if lines > LONG:
            record_property(str(path.relative_to(ROOT)), lines)
            print(f"{path.relative_to(ROOT)}: {lines} lines")
    assert max(lengths.values()) <= 2 * LONG
