"""What a training run leaves behind: tensors, logs, a line of progress."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qsl_envs.errors import DataError, require_extra

VERSION = 1
"""Of the files; a file of another version is refused."""
SEEDS_APART = 1_000_000
"""Training seed s sees the worlds from s * SEEDS_APART on, so that two training runs share none."""


def write_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values; what stood there stays until the new file is whole."""
    import torch

    new = path.with_suffix(".new")
    torch.save({"version": VERSION, **content}, new)
    new.replace(path)


def read_tensors(path: Path) -> dict[str, Any]:
    """Read a file of `write_tensors`; nothing in it is run. Raises: DataError if it is something else."""
    import pickle

    import torch

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

    A run that goes on writes the rows that its checkpoint knows anew, so that the files are those of a run that was
    never interrupted; Weights & Biases goes on with the same run, whose id stands in wandb_id.txt.

    Args:
        settings: plain values, with keys `tensorboard`, `track`, `wandb_project` and `resume`.
        past: rows of the checkpoint that a run goes on from.
    """

    def __init__(self, settings: dict[str, Any], out: Path, past: Sequence[dict[str, float]] = ()) -> None:
        settings = {**settings, "commit": commit()}
        goes_on = bool(settings["resume"])
        (out / "args.json").write_text(json.dumps(settings, indent=2) + "\n")
        self.file = open(out / "progress.jsonl", "w", buffering=1)
        self.board = self.run = None
        if settings["tensorboard"]:
            require_extra("tensorboard", "train")
            from torch.utils.tensorboard import SummaryWriter

            purge = int(past[-1]["frames"]) + 1 if past else None
            self.board = SummaryWriter(str(out), purge_step=purge)
            self.board.add_text("settings", "\n".join(f"- {key}: {value}" for key, value in settings.items()))
        if settings["track"]:
            self.wandb = require_extra("wandb", "wandb")
            place = out / "wandb_id.txt"
            known = place.read_text() if goes_on and place.exists() else None
            self.run = self.wandb.init(
                project=settings["wandb_project"],
                config=settings,
                dir=str(out),
                name=out.name,
                id=known,
                resume="allow",
            )
            place.write_text(self.run.id)
        for row in past:
            self._to_file(row)

    def write(self, row: dict[str, float]) -> None:
        """One update; what is not a number is null in the file and missing elsewhere."""
        known = {key: value for key, value in self._to_file(row).items() if value is not None}
        if self.board:
            for key, value in known.items():
                self.board.add_scalar(f"train/{key}", value, row["frames"])
        if self.run:
            self.run.log(known, step=int(row["frames"]))

    def _to_file(self, row: dict[str, float]) -> dict[str, float | None]:
        plain = {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        self.file.write(json.dumps(plain) + "\n")
        return plain

    def film(self, path: Path) -> None:
        """Show an episode, a GIF, in a tracked run."""
        if self.run:
            self.run.log({"episode": self.wandb.Video(str(path), format="gif")})

    def close(self, *artifacts: Path) -> None:
        """End; a tracked run keeps the files and folders named here, as one model."""
        self.file.close()
        if self.board:
            self.board.close()
        if self.run:
            model = self.wandb.Artifact(f"{self.run.id}-policy", type="model")
            for path in artifacts:
                if path.is_dir():
                    model.add_dir(str(path), name=path.name)
                else:
                    model.add_file(str(path), name=path.name)
            self.run.log_artifact(model)
            self.run.finish()


def clock_text(seconds: float) -> str:
    """Minutes and seconds: 75 -> '1:15'."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Pace:
    """How fast a run goes, and how long it will still go.

    Args:
        total_frames: of the whole run.
        first_frames: done before this process began.
        seconds: that those took.
    """

    def __init__(self, total_frames: int, first_frames: int = 0, seconds: float = 0.0) -> None:
        self.total_frames, self.first_frames, self.before_s = total_frames, first_frames, seconds
        self.started_s = time.perf_counter()

    def seconds(self) -> float:
        """Of the whole run so far."""
        return self.before_s + time.perf_counter() - self.started_s

    def text(self, frames: int, **shown: float) -> str:
        """'1.25 M frames, 34.0 k frames/s, return 3.10, 1:20 left': `shown` are further numbers by name."""
        speed = max(frames - self.first_frames, 1) / max(time.perf_counter() - self.started_s, 1e-9)
        numbers = "".join(f"{name} {value:.2f}, " for name, value in shown.items())
        left = clock_text(max(self.total_frames - frames, 0) / speed)
        return f"{frames / 1e6:.2f} M frames, {speed / 1e3:.1f} k frames/s, {numbers}{left} left"


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
