"""Our book beside the order books of PyPI: one stream, one Python call a message, every fill compared.

Peers are installed on demand into an environment of their own, `.venv-peers`. The stream is what all of them
understand: limit orders and cancels near the touch (no reduce, which two of them lack). What is measured is what a
Python user gets from one call; the kernels alone are in `benchmarks/engine.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path

from benchmarks import peer_books
from benchmarks.report import ROOT, Row, main

PEERS = ("orderly-chaos==0.2.0", "obook==0.1.0", "lightmatchingengine==2019.1.4")
FOLDER = ROOT / ".venv-peers"
MESSAGES, LIVE = 100_000, 1_000


def peers(smoke: bool) -> list[Row]:
    """What one Python call a message costs, here and in packages that a Python user finds; every fill compared."""
    stream = near_stream(200 if smoke else MESSAGES)
    results = {"quant-sim-lab": peer_books.measure("quant-sim-lab", stream)}
    if not smoke:
        python = environment()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "stream.json")
            path.write_text(json.dumps(stream))
            for peer in PEERS:
                name = peer.partition("==")[0]
                results[name] = run_peer(python, name, path)
    ours = results["quant-sim-lab"]
    return [
        Row(
            book=f"`{name}`",
            written_in=(peer_books.BOOKS[name].__doc__ or "").rstrip("."),
            messages_per_s=round(len(stream) / result["seconds"]),
            ours_against_it=result["seconds"] / ours["seconds"],
            lots_traded=result["traded"],
            same_fills=result["digest"] == ours["digest"],
        )
        for name, result in results.items()
    ]


def near_stream(count: int, seed: int = 1) -> list[list[int]]:
    """[number, side, price, qty] of `count` messages, about half adds and half cancels, one in twenty marketable.

    A cancel (qty 0) names an order that is alive, so that no peer sees an error. To know which are, the stream is
    played through a book of deques while it is written.
    """
    state = seed
    queues: tuple[dict[int, deque], dict[int, deque]] = ({}, {})
    alive: dict[int, tuple[int, int]] = {}
    numbers: list[int] = []
    stream: list[list[int]] = []

    def draw(below: int) -> int:
        nonlocal state  # a linear congruential generator: the same stream on every machine and version
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % below

    while len(stream) < count:
        number = len(stream)
        if len(alive) > LIVE or (len(alive) > LIVE // 2 and draw(100) < 47):
            at = draw(len(numbers))
            numbers[at], numbers[-1] = numbers[-1], numbers[at]
            number = numbers.pop()
            if number in alive:
                side, price = alive.pop(number)
                queue = queues[side][price]
                queue.remove(next(order for order in queue if order[0] == number))
                if not queue:
                    del queues[side][price]
                stream.append([number, side, price, 0])
            continue
        side, qty = draw(2), 1 + draw(9)
        price = 10_000 + (1 - 2 * side) * (3 if draw(20) == 0 else -1 - draw(20))
        stream.append([number, side, price, qty])
        left = trade(queues[1 - side], alive, side, price, qty)
        if left:
            queues[side].setdefault(price, deque()).append([number, left])
            alive[number] = (side, price)
            numbers.append(number)
    return stream


def trade(other: dict[int, deque], alive: dict, side: int, price: int, qty: int) -> int:
    """Take what the order meets out of the other side; return the lots that are left of it."""
    while qty and other:
        best = min(other) if side == peer_books.BUY else max(other)
        if (best > price) if side == peer_books.BUY else (best < price):
            break
        queue = other[best]
        maker = queue[0]
        taken = min(qty, maker[1])
        qty -= taken
        maker[1] -= taken
        if not maker[1]:
            queue.popleft()
            del alive[maker[0]]
            if not queue:
                del other[best]
    return qty


def environment() -> Path:
    """The peers' own Python, made and filled on the first call."""
    if not FOLDER.is_dir():
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
    python = next(path for path in (FOLDER / "bin" / "python", FOLDER / "Scripts" / "python.exe") if path.exists())
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*uv, *PEERS], check=True)
    return python


def run_peer(python: Path, name: str, stream: Path) -> dict:
    command = [str(python), str(Path(peer_books.__file__)), name, str(stream)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{name}: {run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


TABLES = {"peers": peers}

if __name__ == "__main__":
    main(TABLES)
