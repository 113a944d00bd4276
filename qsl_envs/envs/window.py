"""A window on the desktop for pictures, through pygame where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsl_envs.errors import MissingExtraError, require_extra


class Window:
    """Shows RGB arrays of one size; opened by the first one.

    Raises: MissingExtraError, naming the extra [render], where pygame is not installed.
    """

    def __init__(self, title: str, fps: int = 30):
        self._pygame: Any = require_extra("pygame", "render")
        self.title, self.fps = title, fps
        self._surface: Any = None
        self._clock: Any = None

    def show(self, pixels: np.ndarray) -> bool:
        """Show a picture, uint8 (height, width, 3), for at least 1 / fps seconds.

        Returns: False once the user has closed the window; nothing is shown then.
        """
        pygame = self._pygame
        if self._surface is None:
            pygame.init()
            self._surface = pygame.display.set_mode((pixels.shape[1], pixels.shape[0]))
            pygame.display.set_caption(self.title)
            self._clock = pygame.time.Clock()
        if any(event.type == pygame.QUIT for event in pygame.event.get()):
            self.close()
            return False
        pygame.surfarray.blit_array(self._surface, pixels.swapaxes(0, 1))
        pygame.display.flip()
        self._clock.tick(self.fps)
        return True

    def close(self) -> None:
        """Close the window; another `show` opens it again."""
        if self._surface is not None:
            self._pygame.display.quit()
            self._surface = None


def window_or_none(title: str, fps: int = 30) -> Window | None:
    """A window where pygame is installed, else None: the caller shows text on the terminal then."""
    try:
        return Window(title, fps)
    except MissingExtraError:
        return None
