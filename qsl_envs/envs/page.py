"""The tables of an environment's page, put into the class docstring that is the page."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TypeVar

from qsl_envs.envs.config import argument_table
from qsl_envs.envs.fields import field_table
from qsl_envs.envs.market_words import MARKET_WORDS
from qsl_envs.envs.roles import Role
from qsl_envs.envs.state import REWARD_TERMS
from qsl_envs.market.config import MarketConfig

C = TypeVar("C", bound=type)

REWARD_DOCS = {
    "pnl": "change of the true equity within the step, fees and rebates in it, inventory marked at the mid",
    "inventory": "minus the lots held at the end of the step, over all symbols",
    "damped_pnl": "minus what the inventory held over the step gained by the move of the mark, 0 when it lost",
    "fees": "minus fees and the impact charge, plus rebates (they are part of `pnl` too)",
    "shortfall": "change of equity at the marks of the episode's start",
    "turnover": "minus the lots traded",
    "drawdown": "minus the growth of the largest fall of equity from a peak",
    "tail": "minus what the step lost beyond `tail_loss`",
    "liquidation": "what closing the inventory at the end costs against the mark; 0 before",
}


def fill_page(role: Role, market: MarketConfig) -> Callable[[C], C]:
    """Decorator: put the tables, and what the pages of all environments say alike, into a class docstring.

    `{observation}`, `{rewards}`, `{start}`, `{ends}`, `{arguments}`, `{vector}` stand for whole parts,
    `{observation_table}`, `{reward_table}`, `{argument_table}` for the tables alone.

    Args:
        role: the agent's, with the environment's default settings.
        market: the environment's default one.
    """

    def fill(cls: C) -> C:
        cls.__doc__ = _filled(cls.__doc__ or "", role, market)
        return cls

    return fill


def word_table(*without: str) -> str:
    """Words about the market, some left out, as rows of a table of arguments, in Markdown."""
    return "\n".join(f"| `{name}` | None | {doc} |" for name, doc in MARKET_WORDS.items() if name not in without)


def reward_table(role: Role) -> str:
    """Terms of a role's reward with their default weights, in Markdown."""
    weights = role.task.weights()
    rows = [f"| `{name}` | {weights[name]:g} | {REWARD_DOCS[name]} |" for name in REWARD_TERMS]
    return "\n".join(["| Term | Weight | Meaning |", "| --- | --- | --- |", *rows])


OBSERVATION = """float32, clipped to the bounds below; nothing in it is newer than the agent's links allow.

{observation_table}"""
REWARDS = """In ticks x lots, the sum of terms, each times its weight:

{reward_table}

`rewards={{"inventory": 0.05}}` gives a term another weight. `unwrapped.reward_terms` holds the terms of the last step,
`unwrapped.episode_reward_terms` their sums, `unwrapped.reward_weights` the weights, which may be written to. The mark
is the mid of the symbol's first venue without the agent's own orders, so that an order cannot mark its owner's
inventory up."""
START = """Warm books, one of `config.templates` made per configuration, go on as a new world: (split, seed, episode
number) decides all chance."""
ENDS = """Terminated at the close of the session, when the true equity has fallen by `max_loss`, and when the kill
switch has acted (`risk.max_drawdown`); in each case the inventory is liquidated at the touch, against what others show.
Truncated after `max_episode_steps` where the caller gives them; then nothing is liquidated. `info["episode_summary"]`
of the last step holds return, length, `end` (1 close, 2 ruin, 3 kill switch, 4 step limit), equity gained, fees,
volume, fills, the inventory before liquidation, the largest inventory, and the sum of each reward term
(`term_<name>`)."""
ARGUMENTS = """{argument_table}
| `config` | None | the market: a `MarketConfig`, a dict of changes to the default one, or a YAML file of such |
| `session_ns` | None | length of an episode; None: as configured |
| `split` | "train" | family of worlds; no seed of one split reaches another |
| `realism` | None | what to switch off, as `{{"latency": False}}`: latency, queue, fees, impact |
| `step_info` | False | `info["account"]` and `info["reward_terms"]` of each step hold the true account and the terms |
| `stagger` | False | the first episode after a seed begins at a drawn age, so that envs do not end together |
{word_table}

All else about the market is one `config`, as in
`config={{"participants": [{{"order_link": {{"latency_ns": 20_000_000}}}}]}}`."""
VECTOR = """`gym.make_vec(id, num_envs=1024)` is the native form; the single one is it with one env. It takes
`autoreset_mode` (all three of Gymnasium's), `num_threads`, `copy` and `max_episode_steps` too, and hands observations
out in two buffers in turn."""


MARL_FORMS = """`qsl_envs.make_marl_vec(id, num_envs=256)` is the native, batched form: arrays by role, and `state()`,
which no agent observes, for centralized critics. `pettingzoo.make("parallel", id)` is one market with a dictionary
entry an agent; the AEC form comes from PettingZoo's own conversion.

```python
import qsl_envs

envs = qsl_envs.make_marl_vec("qsl/MarketMakers-v0", num_envs=16)
obs, infos = envs.reset(seed=0)  # {role: (num_envs, seats, width)}
```"""
MARL_ENDS = """An agent that has lost `max_loss`, or whose kill switch has acted, is liquidated and `terminated`; its
orders are cancelled, and from then on it observes zeros, is paid nothing, and its `alive` is False. The episode ends
at the close (everybody is liquidated and `terminated`; who closes on one side shares one walk through the book, at its
mean price), after `max_episode_steps` (or `max_cycles`; `truncated`,
nothing is liquidated), or when nobody is left. `infos["episode_summary"][role]` tells what the parts that ended were
like."""
MARL_ARGUMENTS = """| Argument | Default | Meaning |
| --- | --- | --- |
| `num_envs` | 1 | markets side by side |
| `seats` | None | agents of each role, as `{"maker": 2}` |
| `tasks` | None | settings of each role's task, as `{"maker": {"max_quote_qty": 5}}`; below |
| `step_ns` | None | time between two decisions, ns, of all roles |
| `config` | None | the market: a dict of changes, a YAML file of such, or a `MarketConfig` with a participant a seat |
| `session_ns` | None | length of an episode; None: as configured |
| `split` | "train" | family of worlds; no seed of one split reaches another |
| `autoreset_mode` | NEXT_STEP | what follows the end of an episode |
| `max_episode_steps`, `max_cycles` | None | truncates an episode |
| `realism` | None | what to switch off, as `{"latency": False}`: latency, queue, fees, impact |
| `stagger` | False | the first episode after a seed begins at a drawn age, so that envs do not end together |
| `num_threads` | 1 | threads that share the envs; results do not depend on it |
""" + word_table()
TASK_NAMES = {
    "MakerConfig": ("Box(-1, 1, (4,), float32)", "as in `qsl/MarketMaking-v0`"),
    "ExecutorConfig": ("Box(-1, 1, (3,), float32)", "as in `qsl/OptimalExecution-v0`"),
    "ArbitrageConfig": ("Box(-1, 1, (venues,), float32)", "as in `qsl/CrossVenueArbitrage-v0`"),
    "DirectionalConfig": ("Box(-1, 1, (2,), float32)", "as in `qsl/DirectionalTrading-v0`"),
}  # fmt: skip


def fill_marl_page(roles: Sequence[Role], market: MarketConfig) -> Callable[[C], C]:
    """Decorator: put what the roles do, see, earn and may be told into the docstring of a multi-agent environment.

    `{actions}`, `{observations}`, `{rewards}`, `{start}`, `{ends}`, `{arguments}`, `{forms}` stand for whole parts.
    """

    def by_role(write: Callable[[Role], str]) -> str:
        return "\n\n".join(f"### {role.name}\n\n{write(role)}" for role in roles)

    def action(role: Role) -> str:
        space, where = TASK_NAMES[type(role.task).__name__]
        return f"`{space}`: {', '.join(f'`{n}`' for n in role.action_names(market))}, {where}."

    def fill(cls: C) -> C:
        cls.__doc__ = inspect.cleandoc(cls.__doc__ or "").format(
            actions=by_role(action), observations=by_role(lambda role: field_table(role.fields(market))),
            rewards="In ticks x lots, the sum of terms, each times its weight.\n\n" + by_role(reward_table),
            start=START, ends=MARL_ENDS, forms=MARL_FORMS,
            arguments=MARL_ARGUMENTS + "\n\n"
            + by_role(lambda role: argument_table(role.task)),
        )  # fmt: skip
        return cls

    return fill


def _filled(text: str, role: Role, market: MarketConfig) -> str:
    tables = {
        "observation_table": field_table(role.fields(market)), "reward_table": reward_table(role),
        "argument_table": argument_table(role.task), "word_table": word_table(),
        "day_word_table": word_table("flow"),
    }  # fmt: skip
    parts = {"observation": OBSERVATION, "rewards": REWARDS, "arguments": ARGUMENTS}
    whole = {name: part.format(**tables) for name, part in parts.items()}
    return inspect.cleandoc(text).format(**tables, **whole, start=START, ends=ENDS, vector=VECTOR)
