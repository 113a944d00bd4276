"""An alpha as a policy of an environment, in a folder too (kind `program`): so it is evaluated, plays and leagues.

What an observation tells is turned into the inputs of programs. Exact are `spread` (of others' quotes), `imbalance`,
`mid_change`, `mid_change_slow` (in steps of the environment), `inventory`, `feed_age` and `time_left`. Coarser than in
the kernel are `bought` and `sold` (their difference in a step is observed, so one of them is 0), `queue_bid` and
`queue_ask` (own lots and the fewest that can be ahead of them), lots and depth (cut where the observation is), `gain`
(in units of the task's `max_loss`, cut at twice that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from baselines.policies.desk import QUOTES, TARGET, Desk
from baselines.portable import manifest_of, save_policy
from evolve.alpha import Alpha
from evolve.expression import evaluate
from qsl_envs.errors import ConfigError, DataError, require

DEEP = 5
"""Levels of `depth_bid` and `depth_ask`."""
MEMORY = 0.9
"""Weight of the old mean of the mid in the new one, as in the kernel."""
DESKS = {"maker": QUOTES, "taker": TARGET}
"""Kind of alpha -> kind of desk at which it acts."""
ENVIRONMENTS = {"maker": "qsl/MarketMaking-v0", "taker": "qsl/DirectionalTrading-v0"}
"""Kind of alpha -> the environment that it is saved for."""


class Inputs:
    """What observations of a desk tell, as inputs of programs; it remembers means, so it is reset with its worlds.

    Args:
        desk: of an environment with one symbol and one venue.
        gain_scale: ticks x lots that an observed `equity` of 1 stands for.
    """

    def __init__(self, desk: Desk, max_inventory: int, gain_scale: float) -> None:
        require(desk.num_symbols == 1 and desk.num_venues == 1, "Inputs", "desk", "of one symbol and one venue",
                (desk.num_symbols, desk.num_venues))  # fmt: skip
        self.desk, self.max_inventory, self.gain_scale = desk, max_inventory, gain_scale
        self.reset(0)

    def reset(self, count: int) -> None:
        """Forget: `count` worlds begin."""
        self.level, self.mean = np.zeros(count), np.zeros(count)

    def forget(self, rows: np.ndarray) -> None:
        """New worlds begin in the rows that a bool (n,) names."""
        self.level[rows] = self.mean[rows] = 0.0

    def copy(self, rows: np.ndarray) -> Inputs:
        """The same for some rows, int64 (k,): to look at what they lead to without taking note of it."""
        one = Inputs(self.desk, self.max_inventory, self.gain_scale)
        one.level, one.mean = self.level[rows], self.mean[rows]
        return one

    def __call__(self, obs: np.ndarray) -> dict[str, np.ndarray]:
        """Input -> float64 (n,), for observations float32 (n, width) of the next step."""
        d = self.desk
        obs = obs.astype(np.float64)

        def column(name: str, scale: float = 1.0) -> np.ndarray:
            return obs[:, d.places[name]] * scale if name in d.places else np.zeros(len(obs))

        self.level = self.level + column("mid_change", d.tick_scale)
        slow = self.level - self.mean
        self.mean = MEMORY * self.mean + (1.0 - MEMORY) * self.level
        net, held = column("print_volume", d.qty_scale), d.lots(obs)[:, 0]
        own = {side: column(f"own_{side}_qty", d.qty_scale) for side in ("bid", "ask")}
        queue = {side: column(f"own_{side}_queue", d.qty_scale) for side in own}
        lots = {side: [column(f"{side}_qty_{n}", d.qty_scale) for n in range(DEEP)] for side in own}
        return {
            "spread": column("spread", d.tick_scale), "imbalance": column("imbalance"),
            "mid_change": column("mid_change", d.tick_scale), "mid_change_slow": slow,
            "bought": np.maximum(net, 0.0), "sold": np.maximum(-net, 0.0), "inventory": held,
            "inventory_share": held / self.max_inventory,
            "queue_bid": np.where(own["bid"] > 0, own["bid"] + queue["bid"], 0.0),
            "queue_ask": np.where(own["ask"] > 0, own["ask"] + queue["ask"], 0.0),
            "feed_age": column("feed_age", d.step_s), "time_left": column("time_left", d.session_s),
            "gain": column("equity", self.gain_scale), "bid_qty": lots["bid"][0], "ask_qty": lots["ask"][0],
            "depth_bid": np.sum(lots["bid"], 0), "depth_ask": np.sum(lots["ask"], 0),
        }  # fmt: skip


class ProgramPolicy:
    """An alpha at an environment's desk: makers quote, takers go for a target inventory.

    Args:
        gain_scale: the task's `max_loss`.
    Raises: ConfigError for a desk at which this kind of alpha cannot act.
    """

    def __init__(self, alpha: Alpha, desk: Desk, gain_scale: float = 2_000.0) -> None:
        require(desk.kind == DESKS[alpha.kind], f"{alpha.name} ({alpha.kind})", "desk.kind", DESKS[alpha.kind],
                desk.kind)  # fmt: skip
        self.alpha, self.desk, self.name = alpha, desk, alpha.name
        self.inputs = Inputs(desk, alpha.settings.max_inventory, gain_scale)

    def reset(self, seeds: np.ndarray) -> None:
        """A new block of worlds begins."""
        self.inputs.reset(len(seeds))

    def parameters(self) -> dict[str, Any]:
        """The alpha as plain values."""
        return {"alpha": self.alpha.to_dict()}

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Actions float32 (n, k) for observations float32 (n, width)."""
        known = self.inputs(obs)
        values = [np.broadcast_to(evaluate(tree, known), (len(obs),))[:, None] for tree in self.alpha.trees]
        s = self.alpha.settings
        if self.alpha.kind == "taker":
            share = min(1.0, s.max_inventory / self.desk.inventory_scale)
            target = np.where(values[0] > s.threshold, share, np.where(values[0] < -s.threshold, -share, 0.0))
            return np.hstack([target, np.ones_like(target)]).astype(np.float32)
        skew, half, size = values
        half, held = np.maximum(half, 0.0), known["inventory"][:, None]
        qty = np.floor(np.clip(size + 0.5, 0.0, 1e6))
        bid_qty, ask_qty = (np.clip(qty, 0.0, np.maximum(0.0, s.max_inventory - sign * held)) for sign in (1, -1))
        return self.desk.quotes(half - skew, half + skew, bid_qty, ask_qty)


def gain_scale_of(env: Any, role: str | None = None) -> float:
    """Ticks x lots that an observed `equity` of 1 stands for."""
    base = getattr(env, "unwrapped", env)
    task = base.roles[role].task if role is not None else getattr(base, "task", None)
    return float(getattr(task, "max_loss", 2_000.0))


def save_program(folder: str | Path, alpha: Alpha, env: Any, role: str | None = None, **facts: Any) -> Path:
    """Write an alpha as a portable policy for an environment; `facts` go into the manifest."""
    about = {"name": alpha.name, **facts, "alpha": alpha.to_dict()}
    return save_policy(folder, "program", {}, manifest_of(env, role, **about))


def save_alphas(folder: Path, alphas: Sequence[Alpha]) -> list[Path]:
    """Write alphas as portable policies `policy_1`, `policy_2`, ... of the environment that is theirs."""
    import gymnasium as gym

    import qsl_envs  # noqa: F401  registers the environments

    made = []
    for number, alpha in enumerate(alphas, 1):
        envs = gym.make_vec(ENVIRONMENTS[alpha.kind], num_envs=1)
        try:
            made.append(save_program(folder / f"policy_{number}", replace(alpha, name=f"alpha {number}"), envs))
        finally:
            envs.close()
    return made


def load_program(folder: Path, manifest: dict[str, Any], env: Any, role: str | None = None) -> ProgramPolicy:
    """The loader of kind `program` (entry point of the group `qsl.policies`).

    Raises: DataError if the manifest holds no program that can be read, naming it.
    """
    content = manifest.get("alpha")
    if not isinstance(content, dict):
        raise DataError(f"{folder}: its manifest has no `alpha`, a mapping with `kind` and formulas")
    try:
        alpha = Alpha.from_dict(content, str(manifest.get("name", folder.name)))
    except ConfigError as error:
        raise DataError(f"{folder}: {error}") from error
    return ProgramPolicy(alpha, Desk.of(env, role), gain_scale_of(env, role))
