"""What a training run leaves behind: tensors, logs, a line of progress."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from qsl_envs.errors import DataError, require_extra

VERSION = 1
"""Of the files; a file of another version is refused."""


def write_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values; what stood there stays until the new file is whole."""
    new = path.with_suffix(".new")
    torch.save({"version": VERSION, **content}, new)
    new.replace(path)


def read_tensors(path: Path) -> dict[str, Any]:
    """Read a file of `write_tensors`; nothing in it is run. Raises: DataError if it is something else."""
    import pickle

    try:
        content = torch.load(path, weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(f"{path} holds more than tensors and plain values") from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise DataError(f"{path} is not a file of a trainer, or cut off: {error}") from error
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise DataError(f"{path} is not a file of a trainer, version {VERSION}")
    return content


def commit() -> str:
    """The commit of the code that runs; empty outside a repository."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        where = Path(__file__).parent
        return subprocess.check_output(command, cwd=where, text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


class Log:
    """Writes settings to args.json and each row to progress.jsonl; when asked, to TensorBoard and Weights & Biases.

    Args:
        settings: plain values, with keys `tensorboard`, `track`, `wandb_project` and `resume`.
    """

    def __init__(self, settings: dict[str, Any], out: Path) -> None:
        settings = {**settings, "commit": commit()}
        (out / "args.json").write_text(json.dumps(settings, indent=2) + "\n")
        self.file = open(out / "progress.jsonl", "a" if settings["resume"] else "w", buffering=1)
        self.board = self.run = None
        if settings["tensorboard"]:
            require_extra("tensorboard", "train")
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(out))
        if settings["track"]:
            wandb = require_extra("wandb", "wandb")
            self.run = wandb.init(project=settings["wandb_project"], config=settings, dir=str(out), name=out.name)

    def write(self, row: dict[str, float]) -> None:
        """One update; what is not a number is null in the file and missing elsewhere."""
        plain = {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        self.file.write(json.dumps(plain) + "\n")
        known = {key: value for key, value in plain.items() if value is not None}
        if self.board:
            for key, value in known.items():
                self.board.add_scalar(f"train/{key}", value, row["frames"])
        if self.run:
            self.run.log(known, step=row["frames"])

    def close(self, *artifacts: Path) -> None:
        """End; a tracked run keeps the files named here."""
        self.file.close()
        if self.board:
            self.board.close()
        if self.run:
            for path in artifacts:
                self.run.save(str(path), base_path=str(path.parent), policy="now")
            self.run.finish()


def clock_text(seconds: float) -> str:
    """Minutes and seconds: 75 -> '1:15'."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class ProgressLine:
    """One line that is rewritten on a terminal; elsewhere a new line about every ten seconds and at the end."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.printed_s = -math.inf

    def __call__(self, share: float, text: str) -> None:
        """Show `text` behind a bar that is filled to `share`, 0 to 1; at 1 the line ends."""
        full = round(20 * share)
        line = f"{self.prefix}[{'#' * full}{'.' * (20 - full)}] {text}"
        if sys.stdout.isatty():
            print(f"\r\x1b[2K{line}", end="\n" if share >= 1 else "", flush=True)
        elif share >= 1 or time.monotonic() - self.printed_s > 10:
            self.printed_s = time.monotonic()
            print(line, flush=True)
