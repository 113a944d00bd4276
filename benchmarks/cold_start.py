"""Import, first use after an install, first use in a new process, and the memory of each.

Every line is a process of its own, timed from the inside after the interpreter has started (from the outside the
interpreter's own start would be counted too). "cold" has an empty folder for compiled kernels, "warm" the one that the
cold process left. Python files are compiled to bytecode beforehand, as an installer does.
"""

from __future__ import annotations

import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks.report import ROOT, Row, main

FIRST_ENV = "qsl/MarketMaking-v0"
USES = {
    "import qsl_envs": "import qsl_envs",
    "OrderBook, one order": "from qsl_envs.engine import OrderBook; OrderBook().submit(0, price=100, qty=1)",
    f"gym.make({FIRST_ENV!r}).reset()": f"import gymnasium, qsl_envs; gymnasium.make({FIRST_ENV!r}).reset(seed=0)",
}
PROBE = """
import json, sys, time
start = time.perf_counter()
exec(sys.argv[1])
seconds = time.perf_counter() - start
counts = sys.modules.get("qsl_envs.kernel.cache")
compiled = counts.COUNTS.compiled if counts else 0
try:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
except ImportError:
    peak = None
print(json.dumps([seconds, compiled, peak]))
"""


def cold_start(smoke: bool) -> list[Row]:
    """Claim: seconds once after an install, and a short wait in every process after that."""
    compileall.compile_dir(ROOT / "qsl_envs", quiet=1)
    rows = []
    for name, code in list(USES.items())[: 1 if smoke else None]:
        with tempfile.TemporaryDirectory() as folder:
            cold = probe(code, folder)
            warm = [probe(code, folder) for _ in range(1 if smoke else 5)]
        rows.append(
            Row(
                what=f"`{name}`",
                cold_s=cold[0],
                kernels_compiled=cold[1],
                cold_peak_MiB=cold[2],
                warm_s=statistics.median(one[0] for one in warm),
                warm_peak_MiB=max(one[2] for one in warm) if warm[0][2] is not None else None,
            )
        )
        if any(one[1] for one in warm):
            raise RuntimeError(f"{name}: a warm process compiled {[one[1] for one in warm]} kernels")
    return rows


def probe(code: str, cache: str) -> list:
    """[seconds, kernels compiled, peak MiB] of a fresh process that runs `code`."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run(
        [sys.executable, "-c", PROBE, code],
        env=env | {"QSL_CACHE_DIR": cache, "QSL_QUIET": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"{code}\n{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


TABLES = {"cold_start": cold_start}

if __name__ == "__main__":
    main(TABLES)
