"""Algorithms of Stable-Baselines3 and sb3-contrib on a native vector environment.

`python -m baselines.sb3.runner --help` lists the settings; `docs/training.md` says what each algorithm is given. The
learning is theirs; worlds, files, checkpoints and the policy's folder are those of the other trainers. Their discount
is one constant, so environments that decide on fills are refused: they learn on fixed intervals only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, Space
from gymnasium.vector import VectorEnv

from baselines.learning.rollouts import make_envs
from baselines.learning.run_args import RunArgs
from baselines.learning.run_files import Log, Pace, ProgressLine, read_tensors
from baselines.portable import manifest_of, save_policy
from baselines.reports.film import film_trained
from qsl_envs.adapters.sb3 import SB3VecEnv
from qsl_envs.errors import require, require_extra
from qsl_envs.settings import json_mapping


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """One algorithm: where it is, what it can do, and settings that suit a fast vector environment."""

    name: str
    package: str = "stable_baselines3"
    policy: str = "MlpPolicy"
    spaces: tuple[type, ...] = (Box, Discrete)
    on_policy: bool = True
    num_envs: int = 512
    num_steps: int = 64
    settings: dict[str, Any] = field(default_factory=dict)


_TANH = {"activation_fn": torch.nn.Tanh, "log_std_init": -0.7}
_OFF_POLICY = {"buffer_size": 200_000, "learning_starts": 10_000, "batch_size": 256, "learning_rate": 3e-4,
               "train_freq": 1, "gradient_steps": 1, "n_steps": 5}  # fmt: skip
_PPO = {"n_epochs": 4, "learning_rate": 3e-4, "gae_lambda": 0.97, "clip_range": 0.2, "target_kl": 0.03,
        "ent_coef": 0.0, "vf_coef": 0.5, "max_grad_norm": 0.5}  # fmt: skip
_OFF: dict[str, Any] = {"on_policy": False, "num_envs": 64, "num_steps": 100}

ALGORITHMS = {
    "ppo": Algorithm(name="PPO", settings={**_PPO, "batch_size": 8192, "policy_kwargs": _TANH}),
    "a2c": Algorithm(
        name="A2C",
        num_envs=256,
        num_steps=16,
        settings={"learning_rate": 7e-4, "gae_lambda": 0.97, "normalize_advantage": True, "policy_kwargs": _TANH},
    ),
    "recurrent_ppo": Algorithm(
        name="RecurrentPPO",
        package="sb3_contrib",
        policy="MlpLstmPolicy",
        num_envs=128,
        settings={**_PPO, "batch_size": 4096, "policy_kwargs": {**_TANH, "lstm_hidden_size": 64}},
    ),
    "sac": Algorithm(name="SAC", spaces=(Box,), **_OFF, settings=_OFF_POLICY),
    "td3": Algorithm(name="TD3", spaces=(Box,), **_OFF, settings=_OFF_POLICY),
    "ddpg": Algorithm(name="DDPG", spaces=(Box,), **_OFF, settings=_OFF_POLICY),
    "dqn": Algorithm(
        name="DQN",
        spaces=(Discrete,),
        **_OFF,
        settings={**_OFF_POLICY, "tau": 0.005, "target_update_interval": 64, "exploration_fraction": 0.2},
    ),
}
"""Algorithms by the names that `--algorithm` takes."""
NOISE_STD = 0.15
"""Of the noise on the actions of DDPG and TD3."""


@dataclass
class Args(RunArgs):
    """Settings of a run; saved with it. 0 for a number means the algorithm's own, see `docs/training.md`."""

    algorithm: str = "ppo"
    """one of ppo, a2c, recurrent_ppo, sac, td3, ddpg, dqn"""
    num_envs: int = 0
    """environments side by side"""
    num_steps: int = 0
    """steps of each environment between two rows of the log; of PPO and A2C: between two updates"""
    settings: str = "{}"
    """more arguments of the algorithm's class, as JSON: '{"learning_rate": 0.001}'"""
    out: str = "runs/sb3"
    """folder of the run: args.json, progress.jsonl, checkpoint/, policy/"""
    resume: bool = False
    """go on from the checkpoint in `out`, which is pickled: it must be one of your own"""

    def __post_init__(self) -> None:
        RunArgs.__post_init__(self)
        known = ", ".join(ALGORITHMS)
        require(self.algorithm in ALGORITHMS, self, "algorithm", f"one of {known}", self.algorithm)

    def settled(self) -> Args:
        """With the algorithm's own numbers in place of zeros, and shrunk for a smoke run."""
        of = ALGORITHMS[self.algorithm]
        filled = replace(self, num_envs=self.num_envs or of.num_envs, num_steps=self.num_steps or of.num_steps)
        if not self.smoke:
            return filled
        few = min(filled.num_envs, 8)
        return replace(filled, num_envs=few, num_steps=16, total_frames=2 * few * 16)


def keywords_of(args: Args, space: Space) -> dict[str, Any]:
    """What the algorithm's class is given, besides policy and environment.

    Args:
        args: settled ones.
        space: of one environment's actions.
    """
    of = ALGORITHMS[args.algorithm]
    given = {**of.settings, "gamma": args.gamma, "device": "cpu", "seed": args.seed}
    policy = {**given.get("policy_kwargs", {}), "net_arch": [args.hidden, args.hidden]}
    if of.on_policy:
        given["n_steps"] = args.num_steps
    elif of.name in ("DDPG", "TD3"):
        from stable_baselines3.common.noise import NormalActionNoise

        given["action_noise"] = NormalActionNoise(np.zeros(space.shape), np.full(space.shape, NOISE_STD))
    if args.smoke:
        small = {"batch_size": 32, "learning_starts": 32, "buffer_size": 1024}
        given.update({key: value for key, value in small.items() if key in given})
    more = json_mapping(args, "settings", args.settings)
    given = {**given, "policy_kwargs": {**policy, **more.pop("policy_kwargs", {})}, **more}
    steps = 1 if of.on_policy else given.pop("n_steps", 1)
    if steps > 1:  # said so, a saved model can be loaded without a warning
        from stable_baselines3.common.buffers import NStepReplayBuffer

        given["replay_buffer_class"] = NStepReplayBuffer
        given["replay_buffer_kwargs"] = {"n_steps": steps, "gamma": given["gamma"]}
    return given


def train(
    args: Args, envs: VectorEnv | None = None, tell: Callable[[float, str], None] | None = None
) -> tuple[Any, list[dict[str, float]]]:
    """Learn, writing the run into `args.out`.

    Args:
        args: settings.
        envs: the environments, in SAME_STEP mode; None makes them from `args.env_id`.
        tell: takes the share that is done and a line about it; None prints both.

    Returns: the trained model, and the log's rows.
    Raises: ConfigError for an environment that decides on fills, or whose actions the algorithm cannot choose.
    """
    require_extra("stable_baselines3", "train")
    from stable_baselines3.common.vec_env import VecNormalize

    from baselines.sb3.callback import KeepRun

    args = args.settled()
    of = ALGORITHMS[args.algorithm]
    torch.set_num_threads(args.torch_threads)
    made_here, options = envs is None, json.loads(args.env_options)
    envs = make_envs(args.env_id, args.num_envs, options, args.split, args.num_threads) if envs is None else envs
    space, decide_on = envs.single_action_space, getattr(envs.unwrapped, "decide_on", "interval")
    allowed = " or ".join(kind.__name__ for kind in of.spaces)
    require(isinstance(space, of.spaces), f"Stable-Baselines3's {of.name}", "action space", f"a {allowed}", space)
    wanted = "'interval': Stable-Baselines3 discounts every step alike; ppo, sac, ddpg and dqn here know better"
    require(decide_on == "interval", "sb3.runner.train", "decide_on", wanted, decide_on)
    require(envs.num_envs == args.num_envs, "sb3.runner.train", "envs.num_envs", f"{args.num_envs}", envs.num_envs)

    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    algorithm = getattr(require_extra(of.package, "train"), of.name)
    if args.resume:
        saved = read_tensors(out / "checkpoint" / "run.pt")
        normal = VecNormalize.load(str(out / "checkpoint" / "vecnormalize.pkl"), SB3VecEnv(envs))
        model = algorithm.load(out / "checkpoint" / "model.zip", env=normal, device="cpu", force_reset=False)
        if not of.on_policy:
            model.load_replay_buffer(out / "checkpoint" / "memory.pkl")
    else:
        saved = None
        normal = VecNormalize(SB3VecEnv(envs), gamma=args.gamma, clip_reward=np.inf)
        model = algorithm(of.policy, normal, **keywords_of(args, space))
    curve = saved["curve"] if saved else []
    log = Log(asdict(args), out, curve)
    before = curve[-1] if curve else {"frames": 0, "seconds": 0.0}
    pace = Pace(args.total_frames, int(before["frames"]), before["seconds"])
    keep = KeepRun(args, normal, log, pace, tell or ProgressLine(), curve, saved)
    left = args.total_frames - model.num_timesteps if saved else args.total_frames
    model.learn(left, callback=keep, log_interval=None, reset_num_timesteps=not saved)

    normal.training = False
    model.save(out / "model.zip")
    normal.save(str(out / "vecnormalize.pkl"))
    about = manifest_of(envs, name=f"sb3 {args.algorithm}", algorithm=of.name, seed=args.seed,
                        frames=model.num_timesteps, env_options=options, args=asdict(args))  # fmt: skip
    files = {name: out / name for name in ("model.zip", "vecnormalize.pkl")}
    folder = save_policy(out / "policy", "sb3", files, about)
    for path in files.values():
        path.unlink()
    if args.track and made_here:
        film_trained(folder, envs, args, log, trust=True)
    log.close(folder, out / "args.json")
    if made_here:
        envs.close()
    return model, curve


if __name__ == "__main__":
    import tyro

    import qsl_envs  # noqa: F401  registers the environments

    train(tyro.cli(Args, description=__doc__))
