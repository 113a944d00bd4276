"""The cache of compiled kernels, seen from outside: each test runs a small package of its own in fresh processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.compiled

CALLER = """
    from qsl_envs.kernel.jit import kernel
    from rooms.callee import add
    from rooms import numbers

    @kernel
    def total(n):
        s = 0
        for i in range(n):
            s = add(s, i) + numbers.STEP
        return s
"""
CALLEE = """
    from qsl_envs.kernel.jit import kernel

    @kernel
    def add(a, b):
        return a + b
"""
OWN = """
    from qsl_envs.kernel.jit import kernel
    STEP = 2

    @kernel
    def total(n):
        return n + STEP
"""
TELL = """
    import json
    print(json.dumps({"value": value, "compiled": COUNTS.compiled, "loaded": COUNTS.loaded}))
"""
RUN = """
    import json
    from qsl_envs.kernel.cache import COUNTS
    from rooms.caller import total
    value = total(4)
    print(json.dumps({"value": value, "compiled": COUNTS.compiled, "loaded": COUNTS.loaded}))
"""


@pytest.fixture
def rooms(tmp_path):
    """A package of two kernel files and a constant; returns its folder."""
    write(tmp_path / "rooms" / "__init__.py", "")
    write(tmp_path / "rooms" / "numbers.py", "STEP = 0\n")
    write(tmp_path / "rooms" / "caller.py", CALLER)
    write(tmp_path / "rooms" / "callee.py", CALLEE)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(text))


def start(folder: Path, code: str = RUN, **env: str) -> subprocess.Popen:
    path = os.pathsep.join((str(folder), str(ROOT)))
    settings = {"QSL_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder,
        env={**os.environ, **settings, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> dict:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return {**json.loads(out.splitlines()[-1]), "stderr": err}


def run(folder: Path, code: str = RUN, **env: str) -> dict:
    return finish(start(folder, code, **env))


def test_a_second_process_loads_and_does_not_compile(rooms):
    first, second = run(rooms), run(rooms)
    assert (first["value"], first["compiled"]) == (6, 2)
    assert (second["value"], second["compiled"], second["loaded"]) == (6, 0, 1)


def test_an_edit_in_the_callees_file_reaches_the_caller(rooms):
    run(rooms)
    write(rooms / "rooms" / "callee.py", CALLEE.replace("a + b", "a - b"))
    edited = run(rooms)
    assert (edited["value"], edited["compiled"]) == (-6, 2)
    assert run(rooms)["compiled"] == 0


def test_an_edit_of_a_constant_in_a_third_file_reaches_the_caller(rooms):
    run(rooms)
    write(rooms / "rooms" / "numbers.py", "STEP = 100\n")
    edited = run(rooms)
    assert (edited["value"], edited["compiled"]) == (406, 2)


RECORDS = """
    import numpy as np
    from qsl_envs.kernel.views import Views, inside

    ITEM = np.dtype([("a", "i8"), ("b", "i8")])

    class Items(Views):
        items = inside(ITEM)
"""
READER = """
    from qsl_envs.kernel.jit import kernel

    @kernel
    def read_b(v):
        return v.items[0].b
"""
READ = """
    import json
    import numpy as np
    from qsl_envs.kernel.cache import COUNTS
    from rooms.reader import read_b
    from rooms.records import ITEM, Items
    arena = np.zeros((1, ITEM.itemsize), np.uint8)
    arena.reshape(-1).view(ITEM)["b"] = 7
    print(json.dumps({"value": read_b(Items(arena)), "compiled": COUNTS.compiled}))
"""


def test_an_edit_of_a_record_reaches_a_kernel_whose_file_does_not_import_it(rooms):
    write(rooms / "rooms" / "records.py", RECORDS)
    write(rooms / "rooms" / "reader.py", READER)
    for compiled in (1, 0):
        found = run(rooms, READ)
        assert (found["value"], found["compiled"]) == (7, compiled)
    write(rooms / "rooms" / "records.py", RECORDS.replace('("b", "i8")', '("c", "i8"), ("b", "i8")'))
    found = run(rooms, READ)
    assert (found["value"], found["compiled"]) == (7, 1)


def test_an_edit_of_how_views_cross_reaches_a_kernel_whose_file_does_not_import_them(rooms):
    write(rooms / "rooms" / "records.py", RECORDS)
    write(rooms / "rooms" / "reader.py", READER)
    shutil.copytree(ROOT / "qsl_envs" / "kernel", rooms / "qsl_envs" / "kernel")
    write(rooms / "qsl_envs" / "__init__.py", "")
    views = rooms / "qsl_envs" / "kernel" / "views.py"
    for compiled in (1, 0):
        assert run(rooms, READ)["compiled"] == compiled
    views.write_text(views.read_text().replace("address_arena", "address_of_arena"))
    found = run(rooms, READ)
    assert (found["value"], found["compiled"]) == (7, 1)


def test_an_edit_while_the_process_runs_does_not_poison_the_cache(rooms):
    edit_then_compile = """
        import json, pathlib
        from rooms.caller import total
        path = pathlib.Path(__import__("rooms.callee").callee.__file__)
        path.write_text(path.read_text().replace("a + b", "a - b"))
        print(json.dumps({"value": total(4)}))
    """
    assert run(rooms, edit_then_compile)["value"] == 6  # what was imported
    assert run(rooms)["value"] == -6  # what the file says now


def test_two_processes_at_once_compile_once(rooms):
    results = [finish(process) for process in [start(rooms) for _ in range(3)]]
    assert [result["value"] for result in results] == [6, 6, 6]
    assert sorted(result["compiled"] for result in results) == [0, 0, 2]


def test_whoever_waits_says_so_and_quiet_means_quiet(rooms):
    from qsl_envs.kernel.lock import FileLock

    run(rooms)
    write(rooms / "rooms" / "numbers.py", "STEP = 1\n")
    (path,) = (rooms / "cache").rglob("*.lock")
    lock = FileLock(str(path))
    assert lock.acquire(on_wait=lambda: pytest.fail("nobody else holds it"))
    waiting = start(rooms)
    assert waiting.stderr is not None
    said = waiting.stderr.readline()
    lock.release()
    assert "waiting" in said
    assert finish(waiting)["compiled"] == 2
    assert run(rooms, QSL_QUIET="1", QSL_CHECK="1")["stderr"] == ""


@pytest.mark.slow
def test_a_forked_child_compiles_for_itself(rooms):
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    forked = """
        import json, os
        from rooms.caller import total
        from rooms.callee import add
        add(1, 2)
        pid = os.fork()
        if pid == 0:
            os._exit(total(4))
        print(json.dumps({"value": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}))
    """
    assert run(rooms, forked)["value"] == 6


@pytest.mark.slow
def test_flags_that_change_the_code_have_their_own_files(rooms):
    run(rooms)
    assert run(rooms, NUMBA_BOUNDSCHECK="1")["compiled"] == 2
    assert run(rooms, QSL_CHECK="1")["compiled"] == 2
    assert run(rooms)["compiled"] == 0


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of this kind exist on POSIX only")
def test_a_place_that_cannot_be_written_costs_a_warning_not_the_run(rooms):
    (rooms / "file").write_text("in the way")
    blocked = run(rooms, QSL_CACHE_DIR=str(rooms / "file" / "cache"))
    assert (blocked["value"], blocked["compiled"]) == (6, 2)
    assert blocked["stderr"].count("QSL_CACHE_DIR") == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_is_read(rooms):
    run(rooms)
    places = [rooms / "cache", *(rooms / "cache").rglob("*")]
    for place in places:
        place.chmod(0o555)
    try:
        assert run(rooms)["compiled"] == 0
    finally:
        for place in places:
            place.chmod(0o755)


def test_a_damaged_file_is_compiled_again(rooms):
    run(rooms)
    for path in (rooms / "cache").rglob("*.nbc"):
        path.write_bytes(path.read_bytes()[:100])
    again = run(rooms)
    assert (again["value"], again["compiled"]) == (6, 2)
    assert "compiling it again" in again["stderr"]
    assert run(rooms)["compiled"] == 0


@pytest.mark.parametrize(
    "code",
    [
        """
        import runpy
        from qsl_envs.kernel.cache import COUNTS
        value = runpy.run_path("elsewhere/own.py")["total"](4)
        """,
        """
        from importlib.util import module_from_spec, spec_from_file_location
        from qsl_envs.kernel.cache import COUNTS
        spec = spec_from_file_location("own_rules", "elsewhere/own.py")
        spec.loader.exec_module(own := module_from_spec(spec))
        value = own.total(4)
        """,
        """
        from qsl_envs.kernel.cache import COUNTS
        from qsl_envs.kernel.jit import kernel
        names = {"kernel": kernel, "__name__": "a_notebook"}
        exec("@kernel\\ndef total(n):\\n    return n + 2", names)
        value = names["total"](4)
        """,
    ],
    ids=["run from a path", "a module that is not registered", "a text"],
)
def test_what_cannot_be_imported_again_is_not_kept_and_nothing_is_said(rooms, code):
    write(rooms / "elsewhere" / "own.py", OWN)
    code = textwrap.dedent(code) + textwrap.dedent(TELL)
    for _ in range(2):
        told = run(rooms, code)
        assert (told["value"], told["compiled"], told["loaded"]) == (6, 1, 0)
        assert "Warning" not in told["stderr"]
    assert not list((rooms / "cache").rglob("*.nbc"))


@pytest.mark.slow
def test_a_kernel_made_by_a_factory_is_kept_per_kernel_it_closes_over(rooms):
    write(
        rooms / "rooms" / "factory.py",
        """
        from qsl_envs.kernel.jit import kernel
        from rooms.callee import add

        @kernel
        def times(a, b):
            return a * b

        def apply(f):
            @kernel
            def twice(a, b):
                return f(f(a, b), b)
            return twice

        added, multiplied = apply(add), apply(times)
        """,
    )
    code = """
        import json
        from qsl_envs.kernel.cache import COUNTS
        from rooms.factory import added, multiplied
        value = [added(2, 5), multiplied(2, 5)]
        print(json.dumps({"value": value, "compiled": COUNTS.compiled}))
    """
    assert run(rooms, code)["value"] == [12, 50]
    again = run(rooms, code)
    assert (again["value"], again["compiled"]) == ([12, 50], 0)


BESIDE = """
    import json
    from numba.core import types
    from qsl_envs.kernel import beside
    from qsl_envs.kernel.cache import COUNTS
    from rooms.caller import total
    beside._num_cpus = lambda: 2
    beside.compile_beside([(total, (types.int64,))])
    for child in beside._children:
        assert child.wait(100) == 0
    children = len(beside._children)
    beside.compile_beside([(total, (types.int64,))])
    print(json.dumps({"value": total(4), "compiled": COUNTS.compiled, "children": children,
                      "again": len(beside._children)}))
"""


def test_another_process_compiles_what_this_one_will_call(rooms):
    env = {"QSL_COMPILE_PROCESSES": ""}
    first, second = run(rooms, BESIDE, **env), run(rooms, BESIDE, **env)
    assert (first["value"], first["compiled"], first["children"], first["again"]) == (6, 0, 1, 1)
    assert (second["value"], second["compiled"], second["children"]) == (6, 0, 0), "it is on disk: no process is needed"


def test_one_process_compiles_everything_when_it_is_told_to(rooms):
    alone = run(rooms, BESIDE, QSL_COMPILE_PROCESSES="1")
    assert (alone["value"], alone["compiled"], alone["children"]) == (6, 2, 0)


BEYOND = """
    import json
    import numpy as np
    from rooms.reader import read_b
    from rooms.records import ITEM, Items
    from qsl_envs.kernel.jit import kernel

    @kernel
    def read(v, i):
        return v.items[i].b

    views, found = Items(np.zeros((2, ITEM.itemsize), np.uint8)), []
    for index in (0, 1, 2, -1):
        try:
            found.append(int(read(views, index)))
        except IndexError:
            found.append("IndexError")
    print(json.dumps({"found": found}))
"""


def test_views_know_their_lengths_where_bounds_are_checked(rooms):
    write(rooms / "rooms" / "records.py", RECORDS)
    write(rooms / "rooms" / "reader.py", READER)
    assert run(rooms, BEYOND, NUMBA_BOUNDSCHECK="1")["found"] == [0, 0, "IndexError", "IndexError"]
