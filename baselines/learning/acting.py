"""Networks that act: in padded blocks of one batch shape, on one thread, with noise keyed by (seed of a row, step).

A matrix product on another batch size may round each of its rows otherwise. So the rows are cut into blocks of `BLOCK`,
the last one padded, and what a row is answered does not depend on how many others are asked or where it stands. For
the place within a block that holds only where the inputs of a narrow layer are a multiple of four (MKL computes the
rows of others by different routines), so such layers get inputs that are 0.
"""

from __future__ import annotations

import copy
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from baselines.learning.networks import Actor
from baselines.policies import keyed

BLOCK = 64
"""Rows of a block."""


def padded(rows: np.ndarray) -> np.ndarray:
    """`rows` with zeros behind them, up to a whole number of blocks."""
    missing = -len(rows) % BLOCK
    return np.concatenate([rows, np.zeros((missing, *rows.shape[1:]), rows.dtype)]) if missing else rows


class _EvenLinear(nn.Module):
    """A linear layer with its inputs filled up to a multiple of four."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.missing = -layer.in_features % 4
        self.weight = nn.Parameter(nn.functional.pad(layer.weight.detach(), (0, self.missing)), requires_grad=False)
        self.bias = layer.bias

    def forward(self, rows: Tensor) -> Tensor:
        return nn.functional.linear(nn.functional.pad(rows, (0, self.missing)), self.weight, self.bias)


def steady(actor: Actor) -> Actor:
    """A copy of an actor that answers a row alike wherever in a block it stands."""
    actor = copy.deepcopy(actor).eval()
    for name, layer in list(actor.named_modules()):
        if isinstance(layer, nn.Linear) and layer.in_features % 4:
            parent, _, own = name.rpartition(".")
            setattr(actor.get_submodule(parent), own, _EvenLinear(layer))
    return actor


class NetworkPolicy:
    """An `Actor` as a policy: NumPy in, NumPy out.

    Args:
        actor: what acts.
        name: how tables call it.
        sample: act with the noise that it was trained with, instead of acting best.
    """

    def __init__(self, actor: Actor, name: str = "network", *, sample: bool = False) -> None:
        self.actor, self.name, self.sample = steady(actor), name, bool(sample)
        self.reset(np.zeros(0, np.int64))

    def parameters(self) -> dict[str, Any]:
        """What its network is."""
        return {**self.actor.spec.plain(), "sample": self.sample}

    def reset(self, seeds: np.ndarray) -> None:
        """A new block of rows begins, int64 (n,) are their seeds; memories are empty."""
        self.seeds, self.step = np.asarray(seeds, np.int64), 0
        self.states: list[Tensor | None] = []

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Actions in [-1, 1], float32 (n, action_dim), or choices int64 (n,), for observations float32 (n, width)."""
        torch.set_num_threads(1)  # more could round differently
        rows = torch.from_numpy(padded(np.asarray(obs, np.float32)))
        noise = self._noise(len(obs))
        parts = []
        with torch.inference_mode():
            self.states = self.states or [self.actor.first_state(BLOCK)] * (len(rows) // BLOCK)
            for k, block in enumerate(rows.split(BLOCK)):
                drawn = None if noise is None else noise[k * BLOCK : (k + 1) * BLOCK]
                action, self.states[k] = self.actor.act(block, self.states[k], noise=drawn)
                parts.append(action)
        self.step += 1
        return torch.cat(parts)[: len(obs)].numpy()

    def _noise(self, num_rows: int) -> Tensor | None:
        if not self.sample or not self.actor.noise_dim:
            return None
        draw = keyed.even if self.actor.spec.head == "categorical" else keyed.normal
        drawn = draw(self.seeds[:num_rows], self.step, self.actor.noise_dim)
        drawn = padded(drawn.astype(np.float32))
        if self.actor.spec.head == "categorical":  # float32 rounds the largest draws up to 1, and padding is 0
            drawn = np.clip(drawn, 1e-7, math.nextafter(1.0 - 6e-8, 0.0))
        return torch.from_numpy(drawn)


class _Best(nn.Module):
    """Observations and the memory's state to the best action and the next state."""

    def __init__(self, actor: Actor) -> None:
        super().__init__()
        self.actor = actor

    def forward(self, obs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        action, after = self.actor.act(obs, state if self.actor.spec.memory else None)
        return action, state if after is None else after


def export_torchscript(actor: Actor, path: str | Path) -> Path:
    """Write an actor as TorchScript, to be run without this package.

    The module takes observations float32 (n, width) and the memory's state float32 (n, state width; 0 without a
    memory), zeros at an episode's start, and returns the best actions and the next state.
    """
    path = Path(path)
    module = _Best(actor.eval())
    example = torch.zeros(2, actor.spec.obs_dim), torch.zeros(2, actor.spec.state_dim)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # still the only form that runs without Python's sources
        torch.jit.trace(module, example, check_trace=False).save(str(path))
    return path
