"""Stable-Baselines3 models as portable policies: `model.zip`, and `vecnormalize.pkl` where observations are normalised.

Both are pickles. They are loaded only for a caller who trusts their author.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from baselines.learning.acting import BLOCK, padded
from qsl_envs.errors import DataError, require, require_extra

MODEL, NORMALIZER = "model.zip", "vecnormalize.pkl"
CONTRIB = ("RecurrentPPO", "TQC", "TRPO", "QRDQN", "MaskablePPO", "CrossQ", "ARS")
"""Algorithms of sb3-contrib."""


class Sb3Policy:
    """A model that acts without noise, in blocks of one batch shape.

    Args:
        model: with `predict`.
        name: how tables call it.
        normalizer: a `VecNormalize` whose `normalize_obs` the model learned on; None: raw observations.
    """

    def __init__(self, model: Any, name: str, normalizer: Any = None) -> None:
        self.model, self.name, self.normalizer = model, name, normalizer
        self.reset(np.zeros(0, np.int64))

    def parameters(self) -> dict[str, Any]:
        """The algorithm's name."""
        return {"algorithm": type(self.model).__name__}

    def reset(self, seeds: np.ndarray) -> None:
        """A new block of rows begins; memories are empty."""
        self.states: list[Any] = []

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Actions float32 (n, k) in [-1, 1], or int64 (n,), for observations float32 (n, width)."""
        import torch

        torch.set_num_threads(1)  # more could round differently
        rows = padded(np.asarray(obs, np.float32))
        if self.normalizer is not None:
            rows = self.normalizer.normalize_obs(rows)
        blocks = np.split(rows, len(rows) // BLOCK)
        first = not self.states
        self.states = self.states or [None] * len(blocks)
        parts = []
        for k, block in enumerate(blocks):
            starts = np.full(BLOCK, first)
            action, self.states[k] = self.model.predict(block, self.states[k], starts, deterministic=True)
            parts.append(action)
        return np.concatenate(parts)[: len(obs)]


def load_sb3(folder: Path, manifest: dict[str, Any]) -> Sb3Policy:
    """Load a model; the manifest names its `algorithm`. What it holds is run: the caller trusts it.

    Raises: DataError for an algorithm that there is not, or without `model.zip`.
    """
    name = manifest.get("algorithm", "")
    package = require_extra("sb3_contrib" if name in CONTRIB else "stable_baselines3", "train")
    algorithm = getattr(package, name, None)
    require(hasattr(algorithm, "load"), str(folder), "algorithm", "one of Stable-Baselines3", name, DataError)
    require((folder / MODEL).is_file(), str(folder), MODEL, "there", None, DataError)
    model = algorithm.load(folder / MODEL, device="cpu")
    normalizer = None
    if (folder / NORMALIZER).is_file():
        with open(folder / NORMALIZER, "rb") as file:
            normalizer = pickle.load(file)
        normalizer.training = False
    return Sb3Policy(model, manifest.get("name", name), normalizer)
