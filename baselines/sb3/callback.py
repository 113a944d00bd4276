"""What `baselines.sb3.runner` does while Stable-Baselines3 learns: rows of the log, checkpoints, new worlds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import VecNormalize

from baselines.learning.episodes import SHOWN
from baselines.learning.run_files import SEEDS_APART, Log, Pace, write_tensors


class KeepRun(BaseCallback):
    """Writes a row whenever every environment has taken `args.num_steps` steps, a checkpoint every few rows.

    All environments begin new worlds after a checkpoint, which the number of the row decides; chance is saved with it.
    So a run that is resumed is, bit for bit, the run that was not interrupted.

    Args:
        args: settled settings of the run.
        envs: what the model learns on.
        curve: rows of the checkpoint; the new ones are added.
        saved: `run.pt` of the checkpoint to go on from.
    """

    def __init__(
        self,
        args: Any,
        envs: VecNormalize,
        log: Log,
        pace: Pace,
        tell: Callable[[float, str], None],
        curve: list[dict[str, float]],
        saved: dict[str, Any] | None,
    ) -> None:
        super().__init__()
        self.args, self.envs, self.log, self.pace, self.tell, self.curve = args, envs, log, pace, tell, curve
        self.saved, self.begun = saved, -1
        self.ended: list[dict[str, float]] = []

    def _on_training_start(self) -> None:
        self.model.set_logger(configure(None, []))
        if self.saved:
            set_chance(self.model, self.saved["chance"])

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if info:
                summary = info.get("episode_summary", {})
                row = {"return": info["episode"]["r"], "length": info["episode"]["l"]}
                row.update({"pnl" if key == "equity" else key: summary[key] for key in SHOWN if key in summary})
                self.ended.append(row)
        return True

    def _on_rollout_start(self) -> None:
        """Off-policy algorithms come here at each step, the others once an update."""
        rows, rest = divmod(self.num_timesteps, self.args.num_envs * self.args.num_steps)
        if rest or rows == self.begun:
            return
        if rows > len(self.curve):
            self._write_row()
        if rows % self.args.checkpoint_every == 0 or self.begun < 0:
            if rows and not (self.saved and self.begun < 0):
                self._save(rows)
            self._begin_worlds(rows)
        self.begun = rows

    def _on_training_end(self) -> None:
        if self.num_timesteps > (self.curve[-1]["frames"] if self.curve else 0):
            self._write_row()

    def _write_row(self) -> None:
        names = list((self.ended or [{}])[0])
        means = {key: float(np.mean([row[key] for row in self.ended])) for key in names}
        losses = {key.removeprefix("train/"): float(value) for key, value in self.model.logger.name_to_value.items()}
        self.model.logger.dump()  # nobody listens; what a later row does not tell anew must not stand in it
        row = {"update": len(self.curve) + 1, "frames": self.num_timesteps, "seconds": self.pace.seconds(),
               "return": np.nan, "length": np.nan, **means, "episodes": len(self.ended), **losses}  # fmt: skip
        self.ended = []
        self.curve.append(row)
        self.log.write(row)
        text = self.pace.text(self.num_timesteps, **{"return": row["return"]})
        self.tell(min(self.num_timesteps / self.args.total_frames, 1.0), text)

    def _save(self, rows: int) -> None:
        folder = Path(self.args.out) / "checkpoint"
        folder.mkdir(exist_ok=True)
        self.model.save(folder / "model.zip")
        self.envs.save(str(folder / "vecnormalize.pkl"))
        if hasattr(self.model, "replay_buffer"):
            self._close_memory()
            self.model.save_replay_buffer(folder / "memory.pkl")
        write_tensors(folder / "run.pt", {"chance": chance_of(self.model), "curve": self.curve})

    def _close_memory(self) -> None:
        """What is remembered ends here as episodes that are cut off: no transition may reach into the new worlds."""
        memory = self.model.replay_buffer
        memory.dones[memory.pos - 1] = memory.timeouts[memory.pos - 1] = 1.0

    def _begin_worlds(self, rows: int) -> None:
        self.envs.seed(self.args.seed * SEEDS_APART + rows * self.args.num_envs)
        self.model._last_obs = self.envs.reset()
        self.model._last_original_obs = self.envs.get_original_obs()
        self.model._last_episode_starts = np.ones(self.envs.num_envs, bool)
        self.ended = []


def chance_of(model: Any) -> dict[str, Any]:
    """State of every generator that Stable-Baselines3 draws from, as tensors and plain values."""
    kind, key, at, has_spare, spare = np.random.get_state()  # noqa: NPY002  it is theirs
    space = model.action_space.np_random.bit_generator.state
    return {
        "torch": torch.get_rng_state(),
        "numpy": [torch.tensor(key.astype(np.int64)), int(at), int(has_spare), float(spare)],
        "space": {name: str(value) for name, value in space["state"].items()},
        "space_spare": [int(space["has_uint32"]), int(space["uinteger"])],
    }


def set_chance(model: Any, state: dict[str, Any]) -> None:
    """Go on drawing where `chance_of` was taken."""
    torch.set_rng_state(state["torch"])
    key, *rest = state["numpy"]
    np.random.set_state(("MT19937", key.numpy().astype(np.uint32), *rest))  # noqa: NPY002  it is theirs
    generator = model.action_space.np_random.bit_generator
    numbers = {name: int(value) for name, value in state["space"].items()}
    spare, spared = state["space_spare"]
    generator.state = {**generator.state, "state": numbers, "has_uint32": spare, "uinteger": spared}
