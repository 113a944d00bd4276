"""Which files a kernel is made from: the scan of import statements, and the files that names stand for."""

from __future__ import annotations

import ast

from qsl_envs.kernel.sources import _file_of, imported_names
from tests.conftest import ROOT


def test_the_import_scan_misses_nothing_that_the_parser_finds():
    compared = 0
    for path in sorted((ROOT / "qsl_envs").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        text = path.read_text()
        found = imported_names(text, module.rpartition(".")[0])
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                wanted = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                wanted = {node.module} | {f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*"}
            else:
                continue
            assert wanted <= found, (path, wanted - found)
            compared += len(wanted)
    assert compared > 50


def test_the_import_scan_reads_every_form():
    text = "from . import a\nfrom ..b import (c,  # with (a remark)\n    d)\nimport e.f as g, h\nif 1: import i\n"
    text += "from j \\\n  import k\n"
    assert imported_names(text, "p.q") == {"p.q", "p.q.a", "p.b", "p.b.c", "p.b.d", "e", "e.f", "h", "i", "j", "j.k"}


def test_a_name_that_is_no_module_has_no_file():
    assert _file_of("qsl_envs.errors.QslError") is None
    assert _file_of("qsl_envs.errors").endswith("errors.py")
    assert _file_of("qsl_envs.kernel.lock").endswith("lock.py")
