"""A league so small that a test can afford it, and a program that kills itself in the middle of one."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from leagues.training_config import LeagueConfig
from qsl_envs.settings import from_dict

MARKET = {"templates": 1, "burn_in_ns": 200_000_000}


def scripted(name: str, half_spread: float, role: str = "") -> dict[str, Any]:
    content = {"policy": "fixed spread", "parameters": {"half_spread": half_spread}}
    return {"name": name, "kind": "scripted", "role": role, "content": content}


def tiny(**changes: Any) -> LeagueConfig:
    settings = {"seats": {"maker": 2}, "session_ns": 1_000_000_000, "config": MARKET}
    return from_dict(LeagueConfig, {
        "name": "tiny", "seed": 3,
        "arena": {"env_id": "qsl/MarketMakers-v0", "settings": settings, "worlds": 6, "blocks": 2, "rollout_steps": 5,
                  "rollouts": 2},
        "learner": {"hidden": 8, "minibatch_size": 32, "num_epochs": 1},
        "starters": [scripted("near", 1.0), scripted("far", 4.0)],
        "warm_up": 1,
        "matchmaking": {"turns": 2, "longest": 1},
        "oracles": {"iterations": 2, "sessions": 1, "worlds": 2},
        "judging": {"worlds": 4, "ladder": 3, "exploiter_sessions": 1,
                    "populations": [{"name": "middle", "players": [scripted("middle", 2.0)]}]},
        **changes,
    })  # fmt: skip


def main(out: str, method: str, place: str, count: int) -> None:
    """Run a tiny league and be killed at the `count`-th call of a place: `teach`, `enter` (after it) or `pay`."""
    from leagues.arena import Arena
    from leagues.training import train
    from leagues.workshop import Workshop

    owner, name, late = {"teach": (Arena, "teach", True), "enter": (Workshop, "enter", True),
                         "pay": (Workshop, "pay", False)}[place]  # fmt: skip
    real, calls = getattr(owner, name), [0]

    def deadly(*args: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == count and not late:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*args, **named)
        if calls[0] == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, deadly)
    train(tiny(method=method), out, tell=lambda share, text: None)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
