"""Settings that a run has whatever it learns by; each trainer's `Args` has its own beside them."""

from __future__ import annotations

from dataclasses import dataclass

from qsl_envs.errors import require, require_whole
from qsl_envs.settings import json_mapping


@dataclass
class RunArgs:
    """What is learned on, for how long, and what is written."""

    env_id: str = "qsl/MarketMaking-v0"
    """environment to learn; it must be a vector environment of its own and know SAME_STEP autoreset"""
    env_options: str = "{}"
    """keyword arguments of the environment, as JSON: '{"session_ns": 60000000000}'"""
    split: str = "train"
    """family of worlds to learn on"""
    seed: int = 1
    """decides the worlds, the first weights and all chance"""
    total_frames: int = 1_000_000
    """environment steps in all, over all environments"""
    num_envs: int = 64
    """environments side by side"""
    num_threads: int = 1
    """threads that the environment may use"""
    torch_threads: int = 1
    """threads that the network may use; a second one gains little, and loses much on a busy machine"""
    hidden: int = 64
    """width of the two hidden layers of every network"""
    gamma: float = 0.99
    """discount of `step_ns`; where decisions are made on fills a step is discounted by the time that it took"""
    checkpoint_every: int = 20
    """rows of the log between two checkpoints; new worlds start there, so that a resumed run is the same run"""
    resume: bool = False
    """go on from the checkpoint in `out`"""
    smoke: bool = False
    """a few small steps on few environments: does it run?"""
    tensorboard: bool = False
    """write TensorBoard events into `out`"""
    track: bool = False
    """log to Weights & Biases (works offline with WANDB_MODE=offline)"""
    wandb_project: str = "quant-sim-lab"
    """project of a tracked run"""

    def __post_init__(self) -> None:
        most = {"total_frames": 10**15, "hidden": 65_536, "torch_threads": 1024, "checkpoint_every": 10**9}
        for name in most:
            require_whole(self, name, getattr(self, name), 1, most[name])
        require(0 < self.gamma <= 1, self, "gamma", "in (0, 1]", self.gamma)
        require_whole(self, "seed", self.seed, 0, 10**12)  # a million worlds each
        json_mapping(self, "env_options", self.env_options)


@dataclass
class CorrectingArgs(RunArgs):
    """The same, for a trainer that can also learn to correct a scripted policy: `learning/residual.py`."""

    residual: str = ""
    """scripted policy whose actions are corrected: a name of the library, or "best"; empty: actions are its own"""
    reach: float = 0.3
    """correction that an action of 1 stands for"""
    paired: bool = False
    """learn from what is earned beyond what the corrected policy earns alone in the same worlds"""
    hold: int = 1
    """steps for which a correction is kept before the next one is chosen; the corrected policy acts at each"""

    def __post_init__(self) -> None:
        RunArgs.__post_init__(self)
        require(0 < self.reach <= 2, self, "reach", "in (0, 2]", self.reach)
        require(bool(self.residual) or not self.paired, self, "paired", "False without `residual`", self.paired)
        require(self.hold >= 1, self, "hold", ">= 1", self.hold)
        require(bool(self.residual) or self.hold == 1, self, "hold", "1 without `residual`", self.hold)
