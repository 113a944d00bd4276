"""Programs and PPO: the same learner with and without their values as observations, and as rivals; and the
search with and without the learner, distilled, among its first programs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv

from baselines.evaluate import Worlds, evaluate
from baselines.intervals import bootstrap
from baselines.learning.acting import NetworkPolicy
from baselines.learning.rollouts import make_envs
from baselines.policies.desk import Desk
from baselines.ppo import Args, train
from evolve.alpha import Alpha
from evolve.discovery.discover import DiscoverConfig, compare_starts
from evolve.distill import distill
from evolve.learners import ProgramFeatures, with_rivals
from evolve.policy import ProgramPolicy
from qsl_envs.envs.market_making import DEFAULT_MARKET

ENV_ID = "qsl/MarketMaking-v0"


def learning(
    alphas: Sequence[Alpha], config: DiscoverConfig, *, frames: int = 300_000, seeds: Sequence[int] = (1, 2),
    worlds: int = 96, tell: Callable[[float, str], None] | None = None
) -> dict[str, Any]:  # fmt: skip
    """Train and evaluate PPO in the three ways, and start the search from the plain one.

    Args:
        alphas: makers with equal settings: features and rivals.
        frames: of each training run.
        seeds: of training.
        worlds: test worlds of each evaluation.
    Returns: `frames`, `seeds`, `worlds`; `rows`, each with `name` and, for the market `alone` and that with rivals
        (`rivals`), mean P&L with its interval over worlds and seeds; `distilled` (its formula, and what it explains);
        `starts`, as of `compare_starts`.
    """
    rivals = {"config": with_rivals(DEFAULT_MARKET, alphas)}

    def make(count: int, split: str, among: bool, features: bool) -> VectorEnv:
        options: dict[str, Any] = {"session_ns": config.session_ns, "step_info": split == "test"}
        options |= rivals if among else {}
        envs = make_envs(ENV_ID, count, options, split)
        return ProgramFeatures(envs, alphas) if features else envs

    def measure(policies: Sequence[Any], among: bool, features: bool) -> dict[str, float]:
        test = Worlds(lambda n: make(n, "test", among, features), worlds, block=min(64, worlds))
        found = evaluate({f"{n}": policy for n, policy in enumerate(policies)}, test)
        mean = bootstrap(np.stack([row["pnl"] for row in found.values()]))
        return {"pnl": mean.mean, "low": mean.low, "high": mean.high}

    def learn(name: str, among: bool, features: bool) -> list[NetworkPolicy]:
        found = []
        for seed in seeds:
            envs = make(64, "train", among, features)
            with tempfile.TemporaryDirectory() as folder:
                args = Args(seed=seed, total_frames=frames, num_envs=64, num_steps=128, minibatch_size=2048, out=folder)
                agent, _ = train(args, envs, lambda share, text: None)
            envs.close()
            found.append(NetworkPolicy(agent.actor, name))
        return found

    ways = (
        ("PPO", False, False),
        ("PPO with programs' values", False, True),
        ("PPO, trained among rivals", True, False),
    )
    rows, plain = [], None
    for n, (name, among, features) in enumerate(ways):
        policies = learn(name, among, features)
        plain = plain or policies[0]
        where = {"alone": measure(policies, False, features), "rivals": measure(policies, True, features)}
        rows.append({"name": name, **where})
        if tell:
            tell((n + 1) / 4, name)
    desk_of = make(1, "test", False, False)
    own = ProgramPolicy(alphas[0], Desk.of(desk_of))
    desk_of.close()
    rows.append({"name": "the first program itself", "alone": measure([own], False, False),
                 "rivals": measure([own], True, False)})  # fmt: skip
    envs = make(32, "train", False, False)
    clone = distill(plain, envs, steps=config.session_ns // 100_000_000, settings=config.search.trade,
                    name="PPO, distilled")  # fmt: skip
    envs.close()
    starts = compare_starts(config, [clone.alpha])
    if tell:
        tell(1.0, "the search from the distilled program")
    return {"frames": frames, "seeds": len(seeds), "worlds": worlds, "rows": rows, "starts": starts,
            "distilled": {"formula": str(clone.alpha), "explained": clone.explained}}  # fmt: skip
