"""The two inputs of every money metric: the fills of one party, and the mids of the market, over many episodes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from qsl_envs.engine.constants import BUY, NIL, SELL
from qsl_envs.errors import MetricError, require
from qsl_envs.metrics.arguments import count, integers

MAKER, TAKER = 1, 2
"""Values of `liquidity` (FIX 851). 0: neither, an auction or a liquidation."""

PRICE_LIMIT = 2**31 - 1


@dataclass(frozen=True)
class Fills:
    """One party's fills in any number of episodes, flat arrays of one length, one element a fill.

    | field          | dtype | unit                                                                |
    | -------------- | ----- | ------------------------------------------------------------------- |
    | `episode`      | int64 | in [0, num_episodes)                                                |
    | `ts_ns`        | int64 | ns, the venue's clock                                               |
    | `side`         | int64 | `BUY` or `SELL` of this party                                       |
    | `price`        | int64 | ticks                                                               |
    | `qty`          | int64 | lots, > 0                                                           |
    | `fee`          | int64 | money, 1/`fee_unit` of tick x lot; a cost is positive, a rebate negative |
    | `liquidity`    | int64 | `MAKER`, `TAKER`, or 0: neither                                     |
    | `num_episodes` | int   |                                                                     |
    | `fee_unit`     | int   | money in a tick x lot, even                                         |

    Raises: MetricError naming the field.
    """

    episode: np.ndarray
    ts_ns: np.ndarray
    side: np.ndarray
    price: np.ndarray
    qty: np.ndarray
    fee: np.ndarray
    liquidity: np.ndarray
    num_episodes: int
    fee_unit: int = 20_000

    def __post_init__(self) -> None:
        most = count("Fills", "num_episodes", self.num_episodes) - 1
        n = np.size(self.episode)
        limits: dict[str, tuple[int | None, int | None]] = {
            "episode": (0, most), "ts_ns": (0, None), "side": (BUY, SELL), "price": (0, PRICE_LIMIT),
            "qty": (1, PRICE_LIMIT), "fee": (None, None), "liquidity": (0, TAKER),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            object.__setattr__(self, name, integers("Fills", name, getattr(self, name), n, low, high))
        even = count("Fills", "fee_unit", self.fee_unit) % 2 == 0
        require(even, self, "fee_unit", "even", self.fee_unit, MetricError)

    def __len__(self) -> int:
        return len(self.episode)

    @property
    def sign(self) -> np.ndarray:
        """1 for a buy, -1 for a sell, int64 (fill,)."""
        return 1 - 2 * self.side

    def where(self, mask: np.ndarray) -> Fills:
        """The fills that `mask` (bool (fill,)) keeps."""
        names = ("episode", "ts_ns", "side", "price", "qty", "fee", "liquidity")
        return replace(self, **{name: getattr(self, name)[mask] for name in names})


@dataclass(frozen=True)
class MidPath:
    """Mids of the market over time: a step function in each episode.

    | field     | dtype | unit                                                                               |
    | --------- | ----- | ---------------------------------------------------------------------------------- |
    | `episode` | int64 | never decreasing                                                                   |
    | `ts_ns`   | int64 | ns, never decreasing within an episode; of equal times the last counts             |
    | `mid_x2`  | int64 | half ticks: best bid + best ask, from this time on                                 |
    | `end_ns`  | int64 (episode,) | the last time that is known; a look-up beyond it finds nothing          |

    Raises: MetricError naming the field.
    """

    episode: np.ndarray
    ts_ns: np.ndarray
    mid_x2: np.ndarray
    end_ns: np.ndarray
    _keys: np.ndarray = field(init=False, repr=False, compare=False)
    """episode and time as one number, by which a look-up searches"""
    _span: int = field(init=False, repr=False, compare=False)
    """what an episode is worth in it, ns"""

    def __post_init__(self) -> None:
        end = integers("MidPath", "end_ns", self.end_ns, low=0)
        require(len(end) >= 1, self, "end_ns", "of length >= 1", len(end), MetricError)
        episode = integers("MidPath", "episode", self.episode, low=0, high=len(end) - 1)
        ts_ns = integers("MidPath", "ts_ns", self.ts_ns, len(episode), low=0)
        mid_x2 = integers("MidPath", "mid_x2", self.mid_x2, len(episode), low=0)
        require(bool((np.diff(episode) >= 0).all()), self, "episode", "never decreasing", "it goes back", MetricError)
        back = (np.diff(ts_ns) < 0) & (np.diff(episode) == 0)
        require(not back.any(), self, "ts_ns", "never decreasing within an episode", "it goes back", MetricError)
        span = int(max(ts_ns.max(initial=0), end.max(initial=0))) + 2
        fits = span * len(end) < 2**63
        require(fits, self, "end_ns", "such that episodes x span < 2**63 ns", span * len(end), MetricError)
        for name, value in (("episode", episode), ("ts_ns", ts_ns), ("mid_x2", mid_x2), ("end_ns", end)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_keys", episode * span + ts_ns)
        object.__setattr__(self, "_span", span)

    @property
    def num_episodes(self) -> int:
        """Episodes that the path covers."""
        return len(self.end_ns)

    def at(self, episode: np.ndarray, ts_ns: np.ndarray) -> np.ndarray:
        """Mids in force at times: int64 half ticks, `NIL` before an episode's first and after its end.

        Args:
            episode: int64 (item,).
            ts_ns: int64 (item,); at the time of a change, its new value holds.
        """
        return self._look_up(episode, ts_ns, "right")

    def before(self, episode: np.ndarray, ts_ns: np.ndarray) -> np.ndarray:
        """The same just before each time: what happens at it is not seen; at the very start, the first one."""
        found = self._look_up(episode, ts_ns, "left")
        return np.where(found == NIL, self._look_up(episode, ts_ns, "right"), found)

    def _look_up(self, episode: np.ndarray, ts_ns: np.ndarray, edge: Literal["left", "right"]) -> np.ndarray:
        episode = integers("MidPath.at", "episode", episode, low=0, high=self.num_episodes - 1)
        ts_ns = integers("MidPath.at", "ts_ns", ts_ns, len(episode), low=0)
        if len(self.episode) == 0:
            return np.full(len(episode), NIL, np.int64)
        inside = np.minimum(ts_ns, self.end_ns[episode])
        place = np.searchsorted(self._keys, episode * self._span + inside, side=edge) - 1
        found = (place >= 0) & (self.episode[np.maximum(place, 0)] == episode) & (ts_ns <= self.end_ns[episode])
        return np.where(found, self.mid_x2[np.maximum(place, 0)], NIL)
