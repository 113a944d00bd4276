"""`qsl match` on a file of ten million rows: CSV and Parquet, with and without a file of reports.

The stream is the near one of `benchmarks/engine.py`, with a random 64-bit number for each order, after the thousand
orders of its start book. Every line is a process of its own, timed from the outside: start, reading, matching, writing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from benchmarks.engine import ByHandle, ById
from benchmarks.order_streams import NEAR, stream_of
from benchmarks.report import Row, clock, main
from qsl_envs.engine import words

ROWS = 10_000_000
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def match_file(smoke: bool) -> list[Row]:
    """Claim: a file of any length streams through in memory that does not grow with it."""
    count = 5_000 if smoke else ROWS
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for path in write_files(Path(folder), count):
            for reports in (False,) if smoke else (False, True):
                command = [sys.executable, "-m", "qsl_envs.cli", "match", str(path)]
                command += ["--trades", f"{folder}/trades.csv", "--book", f"{folder}/book.csv"]
                command += ["--reports", f"{folder}/reports.csv"] if reports else []
                if not rows:  # compiles
                    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
                with clock() as t:
                    done = subprocess.run([sys.executable, "-c", PEAK, *command], check=True, stdout=subprocess.PIPE)
                rows.append(
                    Row(
                        file=path.suffix[1:],
                        million_rows=count / 1e6,
                        MB=path.stat().st_size / 1e6,
                        reports=reports,
                        seconds=t.seconds,
                        M_rows_per_s=count / t.seconds / 1e6,
                        peak_MiB=int(done.stdout),
                    )
                )
    return rows


def write_files(folder: Path, count: int) -> list[Path]:
    """The stream as CSV and as Parquet; its first orders are those of the start book."""
    stream = ById(ByHandle(stream_of(NEAR, count)))
    messages = np.concatenate([stream.warm_up, stream.messages])[:count]
    texts = {"action": words.ACTIONS, "side": words.SIDES, "order_type": words.ORDER_TYPES, "tif": words.TIFS}
    columns = {}
    for name in ("action", "order_id", "side", "order_type", "tif", "price", "qty"):
        values = pyarrow.array(messages[name])
        if name in texts:
            names = {number: word for word, number in texts[name].items()}
            dictionary = pyarrow.array([names.get(k, "") for k in range(max(names) + 1)])
            values = pyarrow.DictionaryArray.from_arrays(values, dictionary).cast(pyarrow.string())
        columns[name] = values
    table = pyarrow.table(columns)
    paths = [folder / "orders.csv", folder / "orders.parquet"]
    pyarrow.csv.write_csv(table, paths[0], pyarrow.csv.WriteOptions(quoting_style="none"))
    pyarrow.parquet.write_table(table, paths[1])
    return paths


TABLES = {"match_file": match_file}

if __name__ == "__main__":
    main(TABLES)
