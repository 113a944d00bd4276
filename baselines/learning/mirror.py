"""The mirror of a market: bids for asks, long for short, up for down.

Flow that is drawn alike on both sides makes the mirror image of a session as likely as the session, and what is right
in the one is right, mirrored, in the other. So a frame can be learned from twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from qsl_envs.errors import require

TURNED = ("inventory", "mid_change", "mid_change_10", "imbalance", "depth_imbalance", "print_volume")
"""Quantities of an observation that change their sign."""
SIDES = {"bid": "ask", "ask": "bid"}


class Mirror(NamedTuple):
    """How numbers are mirrored: each takes the place of another, some with the opposite sign."""

    places: Tensor
    """int64 (width,)"""
    signs: Tensor
    """float32 (width,)"""

    def __call__(self, rows: Tensor) -> Tensor:
        """Mirrored rows, float32 (..., width)."""
        return rows[..., self.places] * self.signs


def mirror_of(names: Sequence[str]) -> Mirror:
    """The mirror of numbers that are called so. Raises: ConfigError where one of a pair is missing."""
    places = []
    for name in names:
        other = "_".join(SIDES.get(word, word) for word in name.split("_"))
        require(other in names, "mirror_of", "names", f"with {other!r}, the other side of {name!r}", names)
        places.append(list(names).index(other))
    signs = [-1.0 if name in TURNED else 1.0 for name in names]
    return Mirror(torch.tensor(places), torch.tensor(signs))


def mirrors_of(envs: Any) -> tuple[Mirror, Mirror]:
    """Of what is observed and of what is done, in environments where a maker of one symbol is corrected.

    Raises: ConfigError for other environments: what their numbers are on the other side is not known here.
    """
    from baselines.policies.makers import Maker

    base = getattr(envs, "base", None)
    known = isinstance(base, Maker) and base.desk.num_symbols == 1
    require(known, "mirrors_of", "mirror", "False unless a maker of one symbol is corrected", True)
    assert base is not None
    seen, hints = mirror_of(base.desk.observation_names), mirror_of(base.desk.action_names)
    width = len(base.desk.observation_names)
    both = Mirror(torch.cat([seen.places, hints.places + width]), torch.cat([seen.signs, hints.signs]))
    return both, mirror_of(base.corrections)
