"""Environments whose market is made up: what their classes share is all but a page and three defaults."""

from __future__ import annotations

from os import PathLike
from typing import Any, ClassVar

from gymnasium.vector import AutoresetMode

from qsl_envs.envs.config import TaskConfig, task_config
from qsl_envs.envs.contract import check_count, rebuild
from qsl_envs.envs.core import prepare_kernels
from qsl_envs.envs.market_words import take_words, with_words
from qsl_envs.envs.realism import realism_of, relieved
from qsl_envs.envs.roles import Role
from qsl_envs.envs.vector import TradingVectorEnv
from qsl_envs.market.changes import market_config
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.market import Market


class SyntheticVectorEnv(TradingVectorEnv):
    """Many envs of one agent in made-up markets, in one compiled call; the single form's page tells the task.

    Args:
        num_envs: markets side by side.
        config: the market: a `MarketConfig`, a dict of changes to the default one, or a YAML file of such.
        split: family of worlds; no seed of one split reaches another.
        session_ns: length of an episode; None: as configured.
        realism: what to switch off, as `{"latency": False}`: see `qsl_envs.envs.realism`.
        num_threads: plain threads that share the envs; results do not depend on it.
        autoreset_mode, max_episode_steps, copy, step_info, stagger, render_mode: see `TradingVectorEnv`.
        task: settings of the task, and the words of `qsl_envs.envs.market_words` about the market.
    """

    default_market: ClassVar[MarketConfig]
    default_role: ClassVar[Role]

    def __init__(self, num_envs: int = 1, *, config: MarketConfig | dict[str, Any] | str | PathLike[str] | None = None,
                 split: str = "train", session_ns: int | None = None, realism: dict[str, bool] | None = None,
                 num_threads: int = 1, autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
                 max_episode_steps: int | None = None, copy: bool = False, step_info: bool = False,
                 stagger: bool = False, render_mode: str | None = None, **task: Any):  # fmt: skip
        self._arguments = {
            "num_envs": num_envs, "config": config, "split": split, "session_ns": session_ns, "realism": realism,
            "num_threads": num_threads, "autoreset_mode": autoreset_mode, "max_episode_steps": max_episode_steps,
            "copy": copy, "step_info": step_info, "stagger": stagger, "render_mode": render_mode, **task,
        }  # fmt: skip
        check_count(self, num_envs)
        words = take_words(task)
        role = self.role_of(task)
        self.realism = realism_of(realism)
        full = with_words(market_config(self.default_market, config, session_ns), words, num_agents=1)
        full = relieved(full, self.realism, num_agents=1)
        prepare_kernels()
        market = Market(full, num_envs, split=split, num_threads=num_threads)
        super().__init__(market, role, autoreset_mode=autoreset_mode, max_episode_steps=max_episode_steps,
                         copy=copy, step_info=step_info, stagger=stagger, render_mode=render_mode)  # fmt: skip

    @classmethod
    def role_of(cls, task: dict[str, Any]) -> Role:
        """The agent's role with some settings of its task changed."""
        default = cls.default_role
        settings: TaskConfig = task_config(task, default.task)
        return Role(name=default.name, task=settings, num_seats=default.num_seats, action=default.action)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self._arguments, self.spec)
