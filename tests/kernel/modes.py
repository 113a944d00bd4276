"""Run a function of a test module in another process, compiled or interpreted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def in_mode(module: str, function: str, *, interpreted: bool) -> str:
    """What `module.function()` returns, as text, in a fresh interpreter with or without numba's compiler."""
    environment = dict(os.environ, NUMBA_DISABLE_JIT="1" if interpreted else "0", PYTHONPATH=str(ROOT))
    code = f"import warnings; warnings.simplefilter('error'); import {module} as m; print(m.{function}())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()
