"""Settings of our trainers that suit an environment: what `qsl train` begins with and `qsl benchmark` measures.

They were chosen on training and validation worlds; `docs/training.md` gives the reasons, figure by figure. An
environment that is not named here has each trainer's own defaults.
"""

from __future__ import annotations

from typing import Any

CORRECT_BEST: dict[str, Any] = {"residual": "best", "paired": True, "reach": 0.3}
"""Correct the best tuned scripted policy, and learn from what that brings in the same world."""
PPO_CORRECTS: dict[str, Any] = {
    **CORRECT_BEST, "num_envs": 128, "num_steps": 128, "minibatch_size": 4096, "learning_rate": 1e-3,
    "init_log_std": -1.0, "gae_lambda": 0.95,
}  # fmt: skip
"""Few environments and quick steps: what is left to learn is small, and many updates find it sooner."""
SAC_CORRECTS: dict[str, Any] = {**CORRECT_BEST, "reach": 0.2, "entropy_start": 0.01}
EASY_FIRST = '[{"until": 0.3, "options": {"realism": {"latency": false}}}, {"until": 1.0}]'
"""A curriculum: lines that take no time for the first three tenths of the training."""

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    # Whether a fill was good is known after some seconds, and a quote must stand to be filled: noise that lasts.
    "qsl/MarketMaking-v0": {
        "ppo": {**PPO_CORRECTS, "paired": False, "num_envs": 512, "num_steps": 50, "hold": 2, "num_epochs": 3,
                "reach": 0.5, "learning_rate": 2e-3, "gamma": 0.998, "gae_lambda": 0.97, "steady_noise": True,
                "mirror": True},
        "sac": {**SAC_CORRECTS, "reach": 0.1, "return_steps": 40, "entropy_start": 0.001, "entropy_target": -2.0,
                "learning_rate": 5e-4},
    },
    # A rollout is a whole parent order, and nothing that it costs is discounted.
    "qsl/OptimalExecution-v0": {
        "ppo": {**PPO_CORRECTS, "num_steps": 60, "minibatch_size": 1920, "gamma": 1.0},
        "sac": {**SAC_CORRECTS, "num_steps": 60},
    },
    # What is bought is sold again within a few steps, so there is little luck that a twin could take off. The formula
    # takes what is barely worth it, so noise costs much: less of it, and more updates of fewer steps.
    "qsl/CrossVenueArbitrage-v0": {
        "ppo": {**PPO_CORRECTS, "paired": False, "num_steps": 64, "minibatch_size": 1024, "learning_rate": 2e-3,
                "init_log_std": -1.6, "gamma": 0.98, "gae_lambda": 0.9},
        "sac": SAC_CORRECTS,
    },
    # What is held pays by luck, and late; how it is traded pays at once, and small steps find it.
    "qsl/DirectionalTrading-v0": {
        "ppo": {**PPO_CORRECTS, "num_envs": 256, "minibatch_size": 2048, "reach": 0.5, "learning_rate": 3e-3,
                "gamma": 0.98, "gae_lambda": 0.9, "checkpoint_every": 10},
        "sac": {**SAC_CORRECTS, "return_steps": 10, "gamma": 0.97},
    },
}  # fmt: skip
"""Environment -> algorithm, as `qsl train` calls it -> settings."""


def preset_of(algorithm: str, env_id: str) -> dict[str, Any]:
    """Settings of an algorithm for an environment; empty where its defaults serve."""
    return dict(PRESETS.get(env_id, {}).get(algorithm, {}))


def correcting(algorithm: str, env_id: str) -> dict[str, Any]:
    """The same, of a learner that corrects the best tuned scripted policy wherever one is known."""
    return preset_of(algorithm, env_id) or dict(PPO_CORRECTS if algorithm == "ppo" else SAC_CORRECTS)
