"""How much of a trainer's speed is left when the environment is real, and how fast trainers are.

Claim: the environment is not what training waits for. Each trainer learns on `qsl/MarketMaking-v0` and on an
environment of the same shapes that costs nothing, in turn, on the same settings; the share is the speed on the first
over the speed on the second, frame for frame. Compilation, the first update and the writing of files are outside the
clock. A slow trainer has a high share for nothing: frames a second stand beside it, by wall time and by processor time,
which says more on a machine that others use too. Microseconds of a frame say what the real environment adds, and how
much of that is its compiled step.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

import qsl_envs  # noqa: F401  registers the environments
from benchmarks.envs import KernelClock
from benchmarks.report import Row, main

ENV_ID = "qsl/MarketMaking-v0"
NUM_STEPS = 64
EPOCHS = 4


class Idle(VectorEnv):
    """An environment that costs nothing: prepared observations and rewards, episodes that never end."""

    def __init__(self, like: VectorEnv) -> None:
        self.num_envs, self.metadata = like.num_envs, {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_observation_space, self.observation_space = like.single_observation_space, like.observation_space
        self.single_action_space, self.action_space = like.single_action_space, like.action_space
        chance = np.random.default_rng(0)
        shape = like.observation_space.shape
        self.seen = [chance.normal(size=shape).astype(np.float32) for _ in range(4)]
        self.paid = [chance.normal(size=self.num_envs) for _ in range(4)]
        self.never, self.turn = np.zeros(self.num_envs, bool), 0

    def reset(self, *, seed=None, options=None):
        """The first prepared observations."""
        return self.seen[0], {}

    def step(self, actions):
        """The next ones."""
        self.turn = (self.turn + 1) % 4
        return self.seen[self.turn], self.paid[self.turn], self.never, self.never, {}


class Setting(NamedTuple):
    """A trainer and how it is used."""

    trainer: str
    envs: int
    batch: int
    overlap: bool = False
    must: float | None = None


SETTINGS = (
    Setting("ppo.py", 1_024, 8_192, must=0.7),
    Setting("ppo.py", 1_024, 8_192, overlap=True, must=0.9),
    Setting("ppo.py", 512, 4_096),
    Setting("Stable-Baselines3 PPO", 512, 4_096, must=0.75),
)
"""What is measured. The last two have the same settings: who is faster?"""

Marks = list[tuple[float, float]]


def own_marks(setting: Setting, envs: VectorEnv, num_steps: int, updates: int) -> Marks:
    """Wall and processor time after each update of `baselines/ppo.py`."""
    from baselines import ppo

    marks: Marks = []
    with tempfile.TemporaryDirectory() as folder:
        args = ppo.Args(
            env_id=ENV_ID, num_envs=setting.envs, num_steps=num_steps, total_frames=updates * setting.envs * num_steps,
            minibatch_size=setting.batch, num_epochs=EPOCHS, target_kl=0.0, overlap=setting.overlap,
            out=str(Path(folder) / "run"),
        )  # fmt: skip
        ppo.train(args, envs, lambda share, text: marks.append((time.perf_counter(), time.process_time())))
    return marks


def their_marks(setting: Setting, envs: VectorEnv, num_steps: int, updates: int) -> Marks:
    """Wall and processor time at the start of each rollout of Stable-Baselines3's PPO but the first."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.vec_env import VecNormalize

    from qsl_envs.adapters.sb3 import SB3VecEnv

    marks: Marks = []

    class Watch(BaseCallback):
        def _on_rollout_start(self) -> None:
            marks.append((time.perf_counter(), time.process_time()))

        def _on_step(self) -> bool:
            return True

    torch.set_num_threads(1)
    model = PPO(
        "MlpPolicy", VecNormalize(SB3VecEnv(envs)), n_steps=num_steps, batch_size=setting.batch, n_epochs=EPOCHS,
        seed=0, device="cpu",
    )  # fmt: skip
    model.learn((updates + 1) * setting.envs * num_steps, callback=Watch())
    return marks[1:]


def seconds_of(setting: Setting, envs: VectorEnv, num_steps: int, updates: int) -> np.ndarray:
    """Wall and processor seconds of each update but the first, float64 (update, 2)."""
    run: Callable[..., Marks] = own_marks if setting.trainer == "ppo.py" else their_marks
    return np.diff(np.array(run(setting, envs, num_steps, updates)), axis=0)


def training(smoke: bool) -> list[Row]:
    """Each trainer on the real environment and on an idle one, round by round."""
    num_steps, updates, rounds = (4, 3, 1) if smoke else (NUM_STEPS, 4, 5)
    rows = []
    for wanted in SETTINGS:
        setting = wanted._replace(envs=4, batch=8) if smoke else wanted
        real = gym.make_vec(ENV_ID, num_envs=setting.envs, autoreset_mode=AutoresetMode.SAME_STEP)
        idle, kernel = Idle(real), KernelClock(real)
        taken: dict[str, list[np.ndarray]] = {"real": [], "idle": []}
        for _ in range(rounds):
            for name, envs in (("real", real), ("idle", idle)):
                taken[name].append(seconds_of(setting, envs, num_steps, updates))
        real.close()
        frames = setting.envs * num_steps
        speed = {
            (name, clock): frames / statistics.median(np.concatenate(parts)[:, column]) / 1e3
            for name, parts in taken.items()
            for column, clock in enumerate(("wall", "processor"))
        }
        rows.append(
            Row(
                trainer=setting.trainer,
                envs=setting.envs,
                batch=setting.batch,
                overlap=setting.overlap,
                k_frames_per_s=speed["real", "wall"],
                idle_k_frames_per_s=speed["idle", "wall"],
                share=speed["real", "wall"] / speed["idle", "wall"],
                must=setting.must,
                us_added=1e3 / speed["real", "wall"] - 1e3 / speed["idle", "wall"],
                us_in_kernel=kernel.seconds / (kernel.calls * setting.envs) * 1e6,
                k_frames_per_processor_s=speed["real", "processor"],
                idle_k_frames_per_processor_s=speed["idle", "processor"],
                processor_share=speed["real", "processor"] / speed["idle", "processor"],
            )
        )
    return rows


TABLES = {"training": training}

if __name__ == "__main__":
    main(TABLES)
