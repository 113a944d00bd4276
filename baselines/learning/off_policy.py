"""What SAC, DDPG and DQN share: their settings, and a run that steps, remembers, logs and can be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from torch import Tensor, nn

from baselines.learning.episodes import Episodes, step_discounts
from baselines.learning.networks import Actor, ActorSpec, Moments
from baselines.learning.replay_memory import Batch, ReplayMemory
from baselines.learning.rollouts import envs_of, final_rows, spec_of
from baselines.learning.run_args import CorrectingArgs
from baselines.learning.run_files import SEEDS_APART, Log, Pace, ProgressLine, read_tensors, write_tensors
from baselines.reports.film import film_trained
from qsl_envs.errors import require


@dataclass
class OffPolicyArgs(CorrectingArgs):
    """Settings of a run; saved with it."""

    out: str = "runs/off_policy"
    """folder of the run: args.json, progress.jsonl, checkpoint.pt, policy/"""
    num_steps: int = 100
    """decisions in each environment between two rows of the log"""
    gradient_steps: int = 1
    """after each step of all environments"""
    batch_size: int = 256
    """transitions of a gradient step"""
    learning_rate: float = 3e-4
    """of Adam at the start; it falls linearly to a twentieth of it"""
    return_steps: int = 5
    """steps of a transition: rewards of so many steps are counted before a value is believed"""
    memory_frames: int = 200_000
    """transitions that are remembered"""
    random_frames: int = 10_000
    """frames at the start on which it acts at random and learns nothing"""
    tau: float = 0.005
    """share by which target networks follow at each gradient step"""
    scale_rewards: bool = True
    """divide rewards by the standard deviation of the discounted return"""

    def __post_init__(self) -> None:
        CorrectingArgs.__post_init__(self)
        for name in ("num_envs", "num_steps", "gradient_steps", "batch_size", "return_steps", "memory_frames"):
            require(getattr(self, name) >= 1, self, name, ">= 1", getattr(self, name))
        require(0 < self.tau <= 1, self, "tau", "in (0, 1]", self.tau)
        require(0 <= self.learning_rate <= 1, self, "learning_rate", "in [0, 1]", self.learning_rate)
        require(self.random_frames >= 0, self, "random_frames", ">= 0", self.random_frames)

    @property
    def row_frames(self) -> int:
        """Environment steps between two rows of the log, over all environments."""
        return self.num_envs * self.num_steps * self.hold

    @property
    def num_updates(self) -> int:
        """Rows of the log."""
        return max(1, self.total_frames // self.row_frames)

    def shrunk(self) -> Self:
        """The same run, so small that a test can afford it."""
        few = min(self.num_envs, 8)
        return replace(self, num_envs=few, num_steps=16, total_frames=2 * few * 16 * self.hold, batch_size=32,
                       random_frames=few * 4 * self.hold, memory_frames=few * 32)  # fmt: skip


class Learner(Protocol):
    """What a run keeps of an algorithm: networks, and the optimizers that move them."""

    actor: Actor
    optimizers: dict[str, torch.optim.Optimizer]
    """a group's "times" multiplies its learning rate"""

    def state_dict(self) -> dict[str, Any]:
        """Of all networks."""

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Take up what `state_dict` told."""


class Run:
    """One training run: environments, memory, chance, files. What is learned, its caller says.

    Args:
        name: of the algorithm.
        args: settings; `smoke` shrinks them.
        envs: the environments; None makes them from `args.env_id`. Closed in that case only.
        tell: takes the share that is done and a line about it; None prints both.
    Raises: ConfigError if the environment resets otherwise than in the same step.
    """

    def __init__(
        self,
        name: str,
        args: OffPolicyArgs,
        envs: VectorEnv | None = None,
        tell: Callable[[float, str], None] | None = None,
    ) -> None:
        self.name, self.args = name, args.shrunk() if args.smoke else args
        self.tell = tell or ProgressLine()
        self.out = Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(self.args.seed)
        torch.set_num_threads(self.args.torch_threads)
        self.noise = torch.Generator().manual_seed(self.args.seed)
        self.made_here, a = envs is None, self.args
        self.envs = envs_of(a) if envs is None else envs
        mode = self.envs.metadata.get("autoreset_mode")
        require(mode == AutoresetMode.SAME_STEP, name, "envs.metadata['autoreset_mode']", "SAME_STEP", mode)
        require(self.envs.num_envs == a.num_envs, name, "envs.num_envs", f"{a.num_envs}", self.envs.num_envs)
        self.episodes, self.return_moments = Episodes(a.num_envs), Moments(1)
        self.first_update, self.curve = 0, list[dict[str, float]]()

    def start(self, learner: Learner) -> None:
        """Make the memory and open the log; take up the checkpoint where the run is to be resumed."""
        a, spec = self.args, learner.actor.spec
        self.learner = learner
        self.memory = ReplayMemory(a.memory_frames, a.num_envs, spec.obs_dim, spec.action_dim, a.return_steps)
        if a.resume:
            saved = read_tensors(self.out / "checkpoint.pt")
            learner.load_state_dict(saved["learner"])
            for key, optimizer in learner.optimizers.items():
                optimizer.load_state_dict(saved["optimizers"][key])
            self.return_moments.load_state_dict(saved["return_moments"])
            self.noise.set_state(saved["noise"])
            self.memory.restore(saved["memory"])
            self.first_update, self.curve = saved["update"], saved["curve"]
        self.frames = self.first_update * a.row_frames
        self.log = Log({"algorithm": self.name, **asdict(a)}, self.out, self.curve)
        before = self.curve[-1] if self.curve else {"frames": 0, "seconds": 0.0}
        self.pace = Pace(a.num_updates * a.row_frames, int(before["frames"]), before["seconds"])

    def spec(self, head: str) -> ActorSpec:
        """The actor of an algorithm for continuous actions. Raises: ConfigError where they are no Box from -1 to 1."""
        space = self.envs.single_action_space
        boxes = "a Box from -1 to 1; dqn is for choices"
        require(isinstance(space, Box), f"{self.name}.train", "action space", boxes, space)
        return spec_of(self.envs, head=head, hidden=(self.args.hidden, self.args.hidden), activation="relu")

    def updates(self) -> Iterator[int]:
        """Numbers of the log's rows that are to come; begins new worlds where a checkpoint may stand."""
        a = self.args
        for update in range(self.first_update, a.num_updates):
            if update == self.first_update or update % a.checkpoint_every == 0:
                obs = self.envs.reset(seed=a.seed * SEEDS_APART + update * a.num_envs)[0]
                self.obs = torch.tensor(obs, dtype=torch.float32)
                if update == 0:
                    self.learner.actor.obs_moments.update(self.obs)
                self.running = np.zeros(a.num_envs)
                self.episodes.begin()
                self.memory.forget_steps()
            rate = a.learning_rate * (1.0 - 0.95 * update / a.num_updates)
            for optimizer in self.learner.optimizers.values():
                for group in optimizer.param_groups:
                    group["lr"] = rate * group.get("times", 1.0)
            self.frames, self.losses = update * a.row_frames, list[dict[str, float]]()
            yield update
            self._end_update(update)

    @property
    def explores(self) -> bool:
        """Whether it still acts at random, to see what there is."""
        return self.frames < self.args.random_frames

    def step(self, actions: Tensor) -> None:
        """Step every environment and remember what came of it.

        A step that truncates an episode is followed by its final observation, one that terminates it by nothing.
        """
        obs, reward, terminated, truncated, info = self.envs.step(actions.numpy())
        over, cut = terminated | truncated, np.flatnonzero(truncated & ~terminated)
        # The environment may write into its buffer again: copy.
        after = following = torch.tensor(obs, dtype=torch.float32)
        if cut.size:
            following = after.clone()
            following[cut] = torch.tensor(final_rows(info, cut))
        discounts = step_discounts(self.envs, info, cut, self.args.gamma) * ~terminated
        rewards = np.asarray(reward, np.float32)
        step = Batch(self.obs, actions, torch.tensor(rewards), following, torch.tensor(discounts))
        self.memory.add(step, torch.tensor(over))
        self.running = self.running * discounts + reward
        self.return_moments.update(torch.tensor(self.running[:, None]))
        self.running[over] = 0.0
        self.learner.actor.obs_moments.update(after)
        self.episodes.add(reward, over, info)
        self.obs = after
        self.frames += self.args.num_envs * self.args.hold

    def batches(self) -> Iterator[Batch]:
        """What to learn from after a step: `gradient_steps` batches, none while it explores; rewards are scaled."""
        if self.explores or self.memory.size == 0:
            return
        scale = self.return_moments.scale() if self.args.scale_rewards else torch.ones(1)
        for _ in range(self.args.gradient_steps):
            batch = self.memory.sample(self.args.batch_size, self.noise)
            yield batch._replace(rewards=batch.rewards / scale)

    def _end_update(self, update: int) -> None:
        a, seconds = self.args, self.pace.seconds()
        means = {key: float(np.mean([row[key] for row in self.losses])) for key in (self.losses or [{}])[0]}
        row = {"update": update + 1, "frames": self.frames, "seconds": seconds, **self.episodes.means(), **means}
        self.curve.append(row)
        self.log.write(row)
        if (update + 1) % a.checkpoint_every == 0:
            write_tensors(self.out / "checkpoint.pt", {
                "learner": self.learner.state_dict(), "return_moments": self.return_moments.state_dict(),
                "optimizers": {key: optimizer.state_dict() for key, optimizer in self.learner.optimizers.items()},
                "noise": self.noise.get_state(), "memory": self.memory.state(), "update": update + 1,
                "curve": self.curve,
            })  # fmt: skip
        text = self.pace.text(self.frames, **{"return": row["return"]})
        self.tell((update + 1) / a.num_updates, text)

    def finish(self) -> tuple[Actor, list[dict[str, float]]]:
        """Write `policy/`, end the log; returns the actor and the log's rows."""
        from baselines.portable import save_actor

        a, actor = self.args, self.learner.actor
        facts = {"name": self.name, "seed": a.seed, "frames": self.frames, "args": asdict(a)}
        options = json.loads(a.env_options)
        folder = save_actor(
            self.out / "policy", actor, self.envs, None, self.return_moments, **facts, env_options=options
        )
        if a.track and self.made_here:
            film_trained(folder, self.envs, a, self.log)
        self.log.close(folder, self.out / "args.json")
        if self.made_here:
            self.envs.close()
        return actor, self.curve


def follow(target: nn.Module, source: nn.Module, share: float) -> None:
    """Move a target network's weights by `share` of the way to those of its source (Lillicrap et al. 2016)."""
    with torch.no_grad():
        torch._foreach_lerp_(list(target.parameters()), list(source.parameters()), share)
