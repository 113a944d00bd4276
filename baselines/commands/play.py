"""Show an episode of a policy, on the terminal or as a film.

On the terminal every step is a picture in text: the book as the agent knows it, its orders, its account. `--out` writes
a film instead: .gif, or .png and .webp as animated pictures.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

CLEAR = "\x1b[H\x1b[2J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl play`."""
    parser.add_argument("env_id", metavar="ENV_ID", help="environment of one agent; `qsl list` lists them")
    parser.add_argument("--policy", required=True, metavar="P", help="folder of a saved policy, or a scripted name")
    parser.add_argument("--seed", type=int, default=0, help="of the world (default 0)")
    parser.add_argument("--split", default="test", help="family of worlds (default test)")
    parser.add_argument("--options", default="{}", help="keyword arguments of the environment, as JSON")
    parser.add_argument("--steps", type=int, help="show so many steps only")
    parser.add_argument(
        "--fps", type=float, default=10.0, help="steps a second on a terminal, 0: all at once (default 10)"
    )
    parser.add_argument("--out", type=Path, help="write a film: FILE.gif, FILE.png or FILE.webp")
    parser.add_argument("--trust", action="store_true", help="load a pickled policy: runs code of its author")


def run(args: argparse.Namespace) -> int:
    """The whole of `qsl play`."""
    from baselines.evaluation.tasks import Task, read_words
    from qsl_envs.errors import require
    from qsl_envs.settings import json_mapping

    require(args.fps >= 0, "play", "--fps", ">= 0", args.fps)
    task = Task(args.env_id, options=json_mapping("play", "--options", args.options))
    one_agent = "an environment of one agent"
    require(not task.shared, "play", "ENV_ID", one_agent, args.env_id)
    ((policy, *_),) = read_words(task, [args.policy], args.trust).values()
    return film(task, policy, args) if args.out else show(task, policy, args)


def film(task: Any, policy: Any, args: argparse.Namespace) -> int:
    """Write the episode as an animated picture."""
    from baselines.reports.film import episode_pictures, write_gif
    from qsl_envs.errors import require

    kinds = (".gif", ".png", ".webp")
    require(args.out.suffix in kinds, "play", "--out", f"a file that ends in one of {', '.join(kinds)}", str(args.out))
    envs = task.make(1, args.split, render_mode="rgb_array")
    try:
        pictures = episode_pictures(policy, envs, args.seed)
    finally:
        envs.close()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    print(f"{write_gif(args.out, pictures[: args.steps])}: {len(pictures[: args.steps])} pictures")
    return 0


def show(task: Any, policy: Any, args: argparse.Namespace) -> int:
    """Print the episode step by step; on a terminal each step in place of the last."""
    import numpy as np

    envs = task.make(1, args.split, render_mode="ansi")
    policy.reset(np.array([args.seed]))
    obs, _ = envs.reset(seed=args.seed)
    over, step, total = False, 0, 0.0
    alone = sys.stdout.isatty() and args.fps > 0
    try:
        while not over and (args.steps is None or step < args.steps):
            picture = envs.render()[0]
            obs, reward, terminated, truncated, info = envs.step(policy(obs))
            over, step, total = bool(terminated[0] or truncated[0]), step + 1, total + float(reward[0])
            print(f"{CLEAR if alone else ''}{picture}\nstep {step}   score so far {total:+.2f}\n", flush=True)
            if alone:
                time.sleep(1.0 / args.fps)
    finally:
        envs.close()
    if over:
        summary = info["final_info"]["episode_summary"]
        told = {name: summary[name][0] for name in ("equity", "pnl", "fees", "fills", "volume") if name in summary}
        print(
            f"over after {step} steps: score {total:.2f}, " + ", ".join(f"{k} {float(v):.6g}" for k, v in told.items())
        )
    return 0
