"""Colors of the trading screen: a dark ground, one color a meaning."""

from __future__ import annotations

from qsl_envs.envs.canvas import Color, mix

BACK: Color = (10, 13, 18)
PANEL: Color = (17, 22, 30)
GRID: Color = (38, 46, 59)
DIM: Color = (128, 140, 156)
TEXT: Color = (205, 213, 222)
WHITE: Color = (240, 244, 248)
BID: Color = (45, 170, 150)
ASK: Color = (226, 92, 100)
AMBER: Color = (255, 196, 84)
"""The agent's own: orders, fills, inventory."""
BLUE: Color = (98, 156, 255)
GAIN: Color = (92, 200, 128)
LOSS: Color = (236, 104, 104)

SHADES = 24
"""Steps of the heat map, a side."""

HEAT: tuple[Color, ...] = (
    PANEL,
    *(mix(side, PANEL, 0.10 + 0.62 * (k + 1) / SHADES) for side in (BID, ASK) for k in range(SHADES)),
)
"""The ground, bids from faint to bright, asks from faint to bright."""
