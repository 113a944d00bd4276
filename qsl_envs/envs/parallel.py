"""PettingZoo's forms of the multi-agent environments: parallel over the batched form, and turn by turn."""

from __future__ import annotations

import copy
import importlib
import sys
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Space
from gymnasium.vector import AutoresetMode
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.conversions import parallel_to_aec

from qsl_envs.envs.camera import Camera
from qsl_envs.envs.contract import step_limit_of
from qsl_envs.envs.core import inventory_limit
from qsl_envs.envs.marl import STATE_LEVELS, MarlVectorEnv
from qsl_envs.envs.moment_text import moment_text
from qsl_envs.envs.picture import MarketScreen, Screen
from qsl_envs.envs.privileged import state_width
from qsl_envs.envs.state import CHOOSE_QUOTE, END_NAMES
from qsl_envs.envs.window import window_or_none
from qsl_envs.errors import ConfigError, require

RENDER_MODES = ("rgb_array", "human", "ansi")
STATE_BOUND = 100.0
"""No element of `state()` is larger."""


class TradingParallelEnv(ParallelEnv):
    """One market whose agents all decide together; agent `maker_0` is the first seat of role `maker`.

    Args:
        vector_class: the batched form; its arguments are this one's, but for those of a batch.
        max_cycles: truncates an episode; None: only the market ends it. May be set later.
        render_mode: None, "rgb_array" (uint8 (480, 640, 3)), "ansi", or "human": a window where
            pygame is installed (extra [render]), else text on the terminal.
        watch: the agent through whose eyes a rendering looks; None: the first one.
    """

    metadata = {"render_modes": list(RENDER_MODES), "render_fps": 10, "is_parallelizable": True}

    def __init__(self, vector_class: type[MarlVectorEnv], *, name: str = "", max_cycles: int | None = None,
                 render_mode: str | None = None, watch: str | None = None, **kwargs: Any):  # fmt: skip
        for argument in ("num_envs", "autoreset_mode", "copy", "max_episode_steps"):
            if argument in kwargs:
                raise ConfigError(f"{argument} is an argument of the batched form: qsl_envs.make_marl_vec")
        require(
            render_mode in (None, *RENDER_MODES), self, "render_mode", f"None or one of {RENDER_MODES}", render_mode
        )
        self._arguments = {"name": name, "max_cycles": max_cycles, "render_mode": render_mode, "watch": watch, **kwargs}
        self._class = vector_class
        self.vector = vector_class(1, autoreset_mode=AutoresetMode.DISABLED, max_cycles=max_cycles, **kwargs)
        self.metadata = {**type(self).metadata, "name": name}
        self.render_mode = render_mode
        self.possible_agents = list(self.vector.possible_agents)
        self.agents: list[str] = []
        self._places = {
            f"{role}_{k}": (role, k) for role, made in self.vector.roles.items() for k in range(made.num_seats)
        }
        self.observation_spaces: dict[str, Space] = self._spaces(self.vector.observation_space)
        self.action_spaces: dict[str, Space] = self._spaces(self.vector.action_space)
        width = state_width(self.vector.market.config.num_books, len(self.possible_agents), STATE_LEVELS)
        self.state_space = Box(-STATE_BOUND, STATE_BOUND, (width,), np.float32)
        watch = self.possible_agents[0] if watch is None else watch
        require(watch in self._places, self, "watch", f"one of {', '.join(self.possible_agents)}", watch)
        self.watch = watch
        self._actions = {
            role: np.zeros((1, made.num_seats, *self.vector.action_space(role).shape), np.float32)
            for role, made in self.vector.roles.items()
        }
        number = self.possible_agents.index(watch)
        self._limit = inventory_limit(self.vector.market.config.participants[number])
        self._camera = Camera(self.vector.market, agent=number, title=f"{name}  {watch}".strip())
        self._screen, self._window = Screen(), window_or_none(name or "market") if render_mode == "human" else None
        self._moment: MarketScreen | None = None

    # --- PettingZoo

    def observation_space(self, agent: str) -> Space:
        """The space of an agent's observations: the same object each time."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Space:
        """The space of an agent's actions: the same object each time."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict, dict]:
        """Begin an episode: of world (split, seed, 0) with a seed, else the next one. Options are not used.

        Returns: observations and infos by agent.
        """
        obs, _ = self.vector.reset(seed=seed)
        self.agents = list(self.possible_agents)
        self._take_picture(0.0, "")
        return self._rows(obs, self.agents), self._infos(self.agents)

    def step(self, actions: dict[str, Any]) -> tuple[dict, dict, dict, dict, dict]:
        """One decision of every agent that takes part.

        Returns: observations, rewards, terminations, truncations and infos of the agents that took part; those that
            ended have left `agents` then.
        Raises: ConfigError for an agent without action, an action without agent, another shape, a NaN; ResetNeeded.
        """
        if not self.agents:
            if actions:
                raise ResetNeeded("the episode is over: call reset()")
            return {}, {}, {}, {}, {}
        for agent in actions:
            require(agent in self.agents, self, "actions", f"of {', '.join(self.agents)}", agent)
        for part in self._actions.values():
            part[:] = 0.0
        for agent in self.agents:
            require(agent in actions, self, "actions", f"of all of {', '.join(self.agents)}", sorted(actions))
            role, seat = self._places[agent]
            action, place = np.asarray(actions[agent]), self._actions[role][0, seat]
            if action.shape != place.shape:
                require(False, self, f"actions[{agent!r}]", f"of shape {place.shape}", action.shape)
            self._actions[role][0, seat] = action
        obs, rewards, terminated, truncated, infos = self.vector.step(self._actions)
        there = self.agents
        outcome = [self._numbers(part, there) for part in (rewards, terminated, truncated)]
        told = self._infos(there)
        for agent in there:
            if outcome[1][agent] or outcome[2][agent]:
                told[agent]["episode_summary"] = self._summary(infos["episode_summary"], agent)
        self.agents = [agent for agent in there if not (outcome[1][agent] or outcome[2][agent])]
        if self.watch in there:
            end = told[self.watch].get("episode_summary", {}).get("end", 0)
            self._take_picture(outcome[0][self.watch], END_NAMES[end] if end else "")
        return self._rows(obs, there), outcome[0], outcome[1], outcome[2], told

    def state(self) -> np.ndarray:
        """What only the simulator knows, for centralized critics: true books, all inventories, float32."""
        return self.vector.state()[0]

    def render(self) -> np.ndarray | str | None:
        """What `watch` knows: pixels, text, or nothing and a window; None before the first reset."""
        if self.render_mode is None or self._moment is None:
            return None
        if self.render_mode == "ansi":
            return self._text()
        if self.render_mode == "rgb_array":
            return self._screen.draw().copy()
        if self._window is not None:
            self._window.show(self._screen.draw())
        else:
            sys.stdout.write(self._text() + "\n\n")
        return None

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()

    # --- beyond PettingZoo

    @property
    def max_cycles(self) -> int | None:
        """Steps after which an episode is truncated; None: never."""
        return self.vector.max_episode_steps

    @max_cycles.setter
    def max_cycles(self, steps: int | None) -> None:
        self.vector.max_episode_steps = step_limit_of(self, steps, "max_cycles")
        self.vector.core.arrays.tasks["max_steps"] = self.vector.max_episode_steps or 0

    def snapshot(self) -> bytes:
        """The market and all agents as bytes, with who still takes part."""
        return self.vector.snapshot(0)

    def restore(self, data: bytes) -> None:
        """Go back to a snapshot of equal settings."""
        self.vector.restore(data, 0)
        self.agents = [agent for agent in self.possible_agents if self._seat(self.vector.alive, agent)]

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._class, self._arguments)

    def __deepcopy__(self, memo: dict[int, Any]) -> TradingParallelEnv:
        return _again(self._class, copy.deepcopy(self._arguments, memo))

    # --- inside

    def _spaces(self, of_role: Any) -> dict[str, Space]:
        return {agent: copy.deepcopy(of_role(role)) for agent, (role, _) in self._places.items()}

    def _seat(self, arrays: dict[str, np.ndarray], agent: str) -> Any:
        role, seat = self._places[agent]
        return arrays[role][0, seat]

    def _rows(self, arrays: dict[str, np.ndarray], agents: list[str]) -> dict[str, np.ndarray]:
        return {agent: self._seat(arrays, agent).copy() for agent in agents}

    def _numbers(self, arrays: dict[str, np.ndarray], agents: list[str]) -> dict[str, Any]:
        return {agent: self._seat(arrays, agent).item() for agent in agents}

    def _infos(self, agents: list[str]) -> dict[str, dict[str, Any]]:
        """An info of each agent; those that choose are told what changes anything."""
        infos: dict[str, dict[str, Any]] = {agent: {} for agent in agents}
        if any(role.kind == CHOOSE_QUOTE for role in self.vector.roles.values()):
            masks = self.vector.action_masks()
            for agent in agents:
                if self._places[agent][0] in masks:
                    infos[agent]["action_mask"] = self._seat(masks, agent)
        return infos

    def _summary(self, summary: dict[str, dict[str, np.ndarray]], agent: str) -> dict[str, Any]:
        role, seat = self._places[agent]
        return {name: part[0, seat].item() for name, part in summary[role].items() if not name.startswith("_")}

    def _held(self, agent: str) -> tuple[int, float]:
        """True inventory of an agent, summed over symbols, and what it has gained since the start."""
        market = self.vector.market
        number = self.possible_agents.index(agent)
        accounts = [market.account(number, symbol=s) for s in range(len(market.config.symbols))]
        start = int(self.vector.core.by_seat("start_equity")[0, number])
        held = sum(a["inventory"] for a in accounts)
        return held, (sum(a["equity"] for a in accounts) - start) / market.config.fee_unit

    def _text(self) -> str:
        """What `watch` knows, and how everybody fares."""
        assert self._moment is not None
        lines = [moment_text(self._moment)]
        for agent in self.possible_agents:
            held, gain = self._held(agent)
            lines.append(f"{agent:<16} inventory {held:>6}   equity {gain:+10.1f}")
        return "\n".join(lines)

    def _take_picture(self, reward: float, ended: str) -> None:
        if self.render_mode is None:
            return
        _, gain = self._held(self.watch)
        count = f"{len(self.agents)} of {len(self.possible_agents)} agents"
        self._moment = self._camera.moment(
            equity=gain, reward=reward, max_inventory=self._limit, ended=ended, notes=(count,)
        )
        self._screen.add(self._moment)
        if self.render_mode == "human":
            self.render()


def make_parallel(place: str, **kwargs: Any) -> TradingParallelEnv:
    """The parallel form of a batched multi-agent environment.

    Args:
        place: of its class, as "module:class".
        kwargs: see `TradingParallelEnv`, and the environment's page.
    """
    module, name = place.split(":")
    return TradingParallelEnv(getattr(importlib.import_module(module), name), **kwargs)


def make_aec(place: str, **kwargs: Any) -> AECEnv:
    """The same turn by turn, by PettingZoo's own conversion."""
    return parallel_to_aec(make_parallel(place, **kwargs))


def _again(vector_class: type[MarlVectorEnv], arguments: dict[str, Any]) -> TradingParallelEnv:
    return TradingParallelEnv(vector_class, **arguments)
