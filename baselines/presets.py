"""Settings of our trainers that suit an environment: what `qsl train` begins with and `qsl benchmark` measures.

They were chosen on training and validation worlds; `docs/training.md` gives the reasons, figure by figure. An
environment that is not named here has each trainer's own defaults.
"""

from __future__ import annotations

from typing import Any

CORRECT_BEST = {"residual": "best", "paired": True}
"""Correct the best tuned scripted policy, and learn from what that brings in the same world."""
PPO_CORRECTS = {**CORRECT_BEST, "num_steps": 60, "learning_rate": 1e-3, "gae_lambda": 0.95, "init_log_std": -1.0}
SAC_CORRECTS = {**CORRECT_BEST}
EASY_FIRST = '[{"until": 0.3, "options": {"realism": {"latency": false}}}, {"until": 1.0}]'
"""A curriculum: lines that take no time for the first three tenths of the training."""

PRESETS: dict[str, dict[str, dict[str, Any]]] = {}
"""Environment -> algorithm, as `qsl train` calls it -> settings."""


def preset_of(algorithm: str, env_id: str) -> dict[str, Any]:
    """Settings of an algorithm for an environment; empty where its defaults serve."""
    return dict(PRESETS.get(env_id, {}).get(algorithm, {}))


def correcting(algorithm: str, env_id: str) -> dict[str, Any]:
    """The same, of a learner that corrects the best tuned scripted policy wherever one is known."""
    return preset_of(algorithm, env_id) or dict(PPO_CORRECTS if algorithm == "ppo" else SAC_CORRECTS)
