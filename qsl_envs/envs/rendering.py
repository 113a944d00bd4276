"""Pictures of running envs: a camera and a screen each, a window for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from qsl_envs.envs.camera import Camera
from qsl_envs.envs.picture import Screen
from qsl_envs.envs.state import END_NAMES
from qsl_envs.envs.text import book_text
from qsl_envs.envs.window import Window
from qsl_envs.errors import MissingExtraError

if TYPE_CHECKING:
    from qsl_envs.envs.vector import TradingVectorEnv

RENDER_MODES = ("rgb_array", "human", "ansi")
FPS = 10


class Renderer:
    """Follows every env of a vector environment; `look` once a step, `pictures` when asked.

    Args:
        envs: whose seat 0 is shown.
        window: show env 0 to people at every look: in a window where pygame is installed (extra [render]), else as
            text on the terminal.
    """

    def __init__(self, envs: TradingVectorEnv, window: bool = False):
        title = type(envs).__name__.removesuffix("VectorEnv")
        self._cameras = [Camera(envs.market, replica=i, title=title) for i in range(envs.num_envs)]
        self._screens = [Screen() for _ in range(envs.num_envs)]
        self._window = _window(title) if window else None
        self._terminal = window and self._window is None

    def look(self, envs: TradingVectorEnv) -> None:
        """Take up the present moment of every env."""
        accounts = envs.accounts()
        ended = envs.core.envs["ended"]
        for i, (camera, screen) in enumerate(zip(self._cameras, self._screens, strict=True)):
            moment = camera.moment(
                equity=float(accounts["equity"][i]), reward=float(envs.core.by_seat("reward")[i, 0]),
                max_inventory=envs.max_inventory, ended=END_NAMES[ended[i]].replace("_", " ") if ended[i] else "",
            )  # fmt: skip
            screen.add(moment)
        if self._window is not None:
            self._window.show(self._screens[0].draw())
        elif self._terminal:
            sys.stdout.write(book_text(envs, 0) + "\n\n")

    def pictures(self) -> tuple[np.ndarray, ...]:
        """uint8 (480, 640, 3), one an env."""
        return tuple(screen.draw().copy() for screen in self._screens)

    def close(self) -> None:
        """Close the window, where there is one."""
        if self._window is not None:
            self._window.close()


def _window(title: str) -> Window | None:
    try:
        return Window(title, FPS)
    except MissingExtraError:
        return None
