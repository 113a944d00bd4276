"""`qsl/ReplayMarketMaking-v0`: quote both sides of a recorded day's book, in its real queues."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from qsl_envs.engine.constants import NIL
from qsl_envs.envs.config import MakerConfig, task_config
from qsl_envs.envs.contract import check_count, rebuild
from qsl_envs.envs.core import prepare_kernels
from qsl_envs.envs.market_words import take_words, with_words
from qsl_envs.envs.page import fill_page
from qsl_envs.envs.realism import realism_of, relieved
from qsl_envs.envs.roles import Role
from qsl_envs.envs.single import TradingEnv
from qsl_envs.envs.vector import TradingVectorEnv
from qsl_envs.errors import require
from qsl_envs.market.changes import market_config
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.market import Market
from qsl_envs.market.recorded import day_market
from qsl_envs.replay.events import EventTable
from qsl_envs.replay.files import open_day

ROLE = Role(
    name="maker",
    task=MakerConfig(max_quote_qty=100, max_offset=20, inventory_penalty=0.001, max_loss=100_000.0,
                     unfilled_penalty_ticks=100, qty_scale=100.0),
)  # fmt: skip
"""Lots are shares here, so sizes are in hundreds."""


class ReplayMarketMakingVectorEnv(TradingVectorEnv):
    """Many `qsl/ReplayMarketMaking-v0` in one compiled call; see `ReplayMarketMakingEnv` for the task.

    Args:
        num_envs: markets side by side.
        data: path of a LOBSTER message file (its book file beside it) or of a Parquet file of events, or an
            `EventTable`; None: the packaged synthetic day.
        start_ns: on the day's clock, where the window begins in which episodes lie; None: at its first event.
        end_ns: where it ends; None: at its last event.
        config: the market: a `MarketConfig`, a dict of changes to the default one, or a YAML file of such.
        split: family of worlds: of start times and of links' chance.
        session_ns: length of an episode; None: as configured.
        realism: what to switch off, as `{"queue": False}`: see `qsl_envs.envs.realism`.
        num_threads: plain threads that share the envs; results do not depend on it.
        autoreset_mode, max_episode_steps, copy, step_info, stagger, render_mode: see `TradingVectorEnv`.
        task: settings of the task, see `MakerConfig`, and words about the market (`latency=250_000`), see
            `qsl_envs.envs.market_words`; not `flow`, which is the day.
    """

    def __init__(self, num_envs: int = 1, *, data: EventTable | str | PathLike[str] | None = None,
                 start_ns: int | None = None, end_ns: int | None = None,
                 config: MarketConfig | dict[str, Any] | str | PathLike[str] | None = None, split: str = "train",
                 session_ns: int | None = None, realism: dict[str, bool] | None = None, num_threads: int = 1,
                 autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP, max_episode_steps: int | None = None,
                 copy: bool = False, step_info: bool = False, stagger: bool = False, render_mode: str | None = None,
                 **task: Any):  # fmt: skip
        self._arguments = {
            "num_envs": num_envs, "data": data, "start_ns": start_ns, "end_ns": end_ns, "config": config,
            "split": split, "session_ns": session_ns, "realism": realism, "num_threads": num_threads,
            "autoreset_mode": autoreset_mode, "max_episode_steps": max_episode_steps, "copy": copy,
            "step_info": step_info, "stagger": stagger, "render_mode": render_mode, **task,
        }  # fmt: skip
        check_count(self, num_envs)
        words = take_words(task)
        require("flow" not in words, self, "flow", "absent: the recorded day is the flow", words.get("flow"))
        self.realism = realism_of(realism)
        role = Role(name=ROLE.name, task=task_config(task, ROLE.task))
        day = open_day(data)
        full = with_words(market_config(day_market(day), config, session_ns), words, num_agents=1)
        full = relieved(full, self.realism, num_agents=1)
        prepare_kernels()
        market = Market(full, num_envs, split=split, num_threads=num_threads, day=day, day_start_ns=start_ns,
                        day_end_ns=end_ns)  # fmt: skip
        super().__init__(market, role, autoreset_mode=autoreset_mode, max_episode_steps=max_episode_steps,
                         copy=copy, step_info=step_info, stagger=stagger, render_mode=render_mode)  # fmt: skip

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin episodes; see `TradingVectorEnv.reset`.

        Args:
            options: `reset_mask`, and `start_ns`: int or int64 (num_envs,), where on the day's clock the episodes
                start; `NIL` (-1) or absent: at drawn times.
        """
        options = dict(options or {})
        starts = np.broadcast_to(np.asarray(options.pop("start_ns", NIL)), (self.num_envs,))
        first, last = self.market.day_first_ns, self.market.day_last_ns
        fits = (
            np.issubdtype(starts.dtype, np.integer) and (((first <= starts) & (starts <= last)) | (starts == NIL)).all()
        )
        require(bool(fits), self, "options['start_ns']", f"in [{first}, {last}] of the day's clock, or {NIL}", starts)
        self.market.starts[:] = starts
        try:
            return super().reset(seed=seed, options=options or None)
        finally:
            self.market.starts[:] = NIL

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self._arguments, self.spec)


@fill_page(ROLE, MarketConfig())
class ReplayMarketMakingEnv(TradingEnv):
    """Quote both sides of the book of a recorded day, the orders standing in its real queues.

    ## Description

    The task of `qsl/MarketMaking-v0` on a day that was: every order, cancel and trade of the file acts at its stamp
    on a real price-time book, and the agent's orders stand among them. They are filled by the aggressors of the
    file that reach them, at the place in the queue which they have earned, and what they take from an aggressor is
    taken off the historical orders behind them. The file's corrections by its book file were made once, on history
    alone.

    ## Assumptions

    - History does not react: nobody cancels, follows or undercuts because of the agent. Its fills are those of an
      agent too small to be noticed; the larger its quotes, the more flattering the result. `impact_ticks` of the
      venue charges a taker for its share of the volume.
    - Orders that the agent has consumed are gone for history too: later references to them do nothing.
    - Hidden executions of the file print, and fill an agent's order at or better than their price.
    - What a level of the file holds beyond what its messages explain stands there as made-up orders, at a place in
      the queue that is a guess.
    - Liquidation at the end happens at once against the displayed book.

    ## Action Space

    `Box(-1, 1, (4,), float32)`: bid offset, ask offset, bid size, ask size, as in `qsl/MarketMaking-v0`. A lot is a
    share, a tick the day's smallest step of displayed prices.

    | Index | Name | -1 | 1 |
    | --- | --- | --- | --- |
    | 0 | `bid_offset` | `min_offset` ticks below the known mid | `max_offset` ticks below it |
    | 1 | `ask_offset` | `min_offset` ticks above the known mid | `max_offset` ticks above it |
    | 2 | `bid_size` | no bid | `max_quote_qty` lots |
    | 3 | `ask_size` | no ask | `max_quote_qty` lots |

    ## Observation Space

    float32, clipped to the bounds below; nothing in it is newer than the agent's links allow. The time of the day
    is not observed.

    {observation_table}

    ## Rewards

    In ticks x lots, the sum of terms, each times its weight:

    {reward_table}

    The mark is the mid without the agent's own orders.

    ## Starting State

    The day's book at the start of the episode: at a time drawn evenly from the window `start_ns` to `end_ns` (less
    a session), or at `reset(options={{"start_ns": ...}})`. The agent starts flat, without orders.

    ## Episode End

    As in `qsl/MarketMaking-v0`: terminated at the end of the session, by ruin and by the kill switch, each with a
    liquidation; truncated after `max_episode_steps`. Sessions end inside the window, so the data never cut one.

    ## Arguments

    {argument_table}
    | `data` | None | a LOBSTER message file, a Parquet file of events, or an `EventTable`; None: the packaged day |
    | `start_ns`, `end_ns` | None | the window of the day's clock in which episodes lie; None: all of the day |
    | `config` | None | the market: a `MarketConfig`, a dict of changes to the default one, or a YAML file of such |
    | `session_ns` | None | length of an episode; None: as configured, one minute |
    | `split` | "train" | family of worlds: of start times and of the links' chance |
    | `realism` | None | what to switch off, as `{{"queue": False}}`: latency, queue, fees, impact |
    | `step_info` | False | `info["account"]` of each step holds the true account |
    | `stagger` | False | the first episode after a seed begins at a drawn age, with less time left |
    {day_word_table}

    `config.templates` books of the day are kept at evenly spaced times; more of them make resets faster.

    ## Vector form

    `gym.make_vec("qsl/ReplayMarketMaking-v0", num_envs=64, data=file)`; see `qsl/MarketMaking-v0`. All envs share
    the day.

    ## Reference Scores

    None measured yet.

    ## Version History

    - v0: first version.
    """

    vector_class = ReplayMarketMakingVectorEnv
