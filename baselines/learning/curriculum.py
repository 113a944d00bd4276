"""A curriculum: the environment's options change as training goes on, from easy markets to the one that counts.

    [{"until": 0.3, "options": {"fees": "none", "latency": 0}}, {"until": 1.0}]

Each stage lasts until that share of the training; its options come on top of the run's own. What is seen and what is
done must stay the same: options of the market and of the reward may change, shapes may not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gymnasium.vector import VectorEnv

from qsl_envs.errors import ConfigError, require


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of the training."""

    until: float
    """share of the training at which it ends, in (0, 1]"""
    options: dict[str, Any] = field(default_factory=dict)
    """arguments of the environment, on top of the run's"""

    def __post_init__(self) -> None:
        require(0 < self.until <= 1, self, "until", "in (0, 1]", self.until)
        require(isinstance(self.options, dict), self, "options", "arguments by name", self.options)


def stages_of(text: str) -> tuple[Stage, ...]:
    """Stages from JSON, or from a file of JSON or YAML; empty text is one stage without options.

    Raises: ConfigError if it is something else, if the stages are not in order, or if the last one ends before 1.
    """
    if not text:
        return (Stage(until=1.0),)
    path = Path(text)
    try:
        if path.suffix in (".yaml", ".yml"):
            import yaml

            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        else:
            content = json.loads(path.read_text(encoding="utf-8") if path.suffix == ".json" else text)
        stages = tuple(Stage(**one) for one in content)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"curriculum must be stages as JSON, or a file of them, was {text!r}: {error}") from error
    ends = [stage.until for stage in stages]
    require(ends == sorted(set(ends)), "curriculum", "until", "rising from stage to stage", ends)
    require(bool(ends) and ends[-1] == 1, "curriculum", "until", "1 in the last stage", ends)
    return stages


class Course:
    """The environments of a run, stage by stage; a stage's are made when it begins.

    Args:
        stages: from `stages_of`.
        make: makes the environments, given the stage's options.
        envs: used for all stages and never closed; None makes them.
    Raises: ConfigError for environments from outside together with several stages.
    """

    def __init__(
        self, stages: tuple[Stage, ...], make: Callable[[dict[str, Any]], VectorEnv], envs: VectorEnv | None = None
    ) -> None:
        alone = envs is None or len(stages) == 1
        require(alone, "curriculum", "envs", "None: the stages make their own environments", envs)
        self.stages, self.make, self.lent, self.number = stages, make, envs is not None, -1
        self.envs = envs

    def at(self, share: float) -> tuple[VectorEnv, bool]:
        """The environments when `share` of the training is done, and whether they are new since the last call.

        Raises: ConfigError if a stage's have other spaces than those before.
        """
        new, before, number = self.ends(share), self.envs, self._number(share)
        if new and not self.lent:
            envs = self.make(self.stages[number].options)
            if before is not None:
                for space in ("single_observation_space", "single_action_space"):
                    same = getattr(envs, space) == getattr(before, space)
                    require(same, f"curriculum.stages[{number}]", space, "as before", getattr(envs, space))
                before.close()
            self.envs = envs
        self.number = number
        assert self.envs is not None
        return self.envs, new

    def ends(self, share: float) -> bool:
        """Whether the stage of the last call is over when `share` of the training is done."""
        return self._number(share) != self.number

    def _number(self, share: float) -> int:
        return next(k for k, stage in enumerate(self.stages) if share < stage.until or stage.until == 1)

    def close(self) -> None:
        """Close what was made here."""
        if self.envs is not None and not self.lent:
            self.envs.close()
