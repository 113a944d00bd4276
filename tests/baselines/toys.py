"""Vector environments with known answers, small enough to be checked by eye. SAME_STEP autoreset."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space


class Toy(VectorEnv):
    """What the toys share: env i is world `seed + i`; chance is a generator of (world, episode), never of the batch."""

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, num_envs: int, obs_dim: int, action_dim: int = 0, num_choices: int = 0) -> None:
        self.num_envs = num_envs
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (obs_dim,), np.float32)
        box = gym.spaces.Box(-1.0, 1.0, (action_dim,), np.float32)
        self.single_action_space = gym.spaces.Discrete(num_choices) if num_choices else box
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(self, *, seed: int | list[int] | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        self.worlds = np.array(seed) if isinstance(seed, list) else np.arange(self.num_envs) + (seed or 0)
        self.episode = np.zeros(self.num_envs, np.int64)
        self.age = np.zeros(self.num_envs, np.int64)
        self.chance = [np.random.default_rng((int(w), 0)) for w in self.worlds]
        self.start(np.ones(self.num_envs, bool))
        return self.observe(), self.account()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict]:
        if isinstance(self.single_action_space, gym.spaces.Discrete):
            assert np.all((actions >= 0) & (actions < self.single_action_space.n)), "a choice that there is not"
        else:
            assert np.all(np.abs(actions) <= 1), "an action outside the box"
        reward = self.move(np.asarray(actions, np.float64))
        self.age += 1
        terminated, truncated = self.ends()
        info, over = self.account(), terminated | truncated
        if over.any():
            final = {"episode_summary": self.summary()}
            info = {"final_obs": self.observe(), "final_info": final, "_final_obs": over, "_final_info": over}
            self.episode[over] += 1
            self.age[over] = 0
            for i in np.flatnonzero(over):
                self.chance[i] = np.random.default_rng((int(self.worlds[i]), int(self.episode[i])))
            self.start(over)
            info = {**self.account(), **info}
        return self.observe(), reward, terminated, truncated, info

    def account(self) -> dict[str, Any]:
        return {}

    def summary(self) -> dict[str, Any]:
        return {}


class Steering(Toy):
    """Keep q near 0: q' = q + a + 0.3 w, reward -(q^2 + a^2 / 2), six steps, then terminated.

    Linear, quadratic, so the best action is -K_t q with K_t from the Riccati recursion.
    """

    STEPS, NOISE = 6, 0.3

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs, 2, 1)
        self.q = np.zeros(num_envs)

    def start(self, mask: np.ndarray) -> None:
        for i in np.flatnonzero(mask):
            self.q[i] = self.chance[i].uniform(-1, 1)

    def observe(self) -> np.ndarray:
        return np.stack([self.q, 1 - self.age / self.STEPS], -1).astype(np.float32)

    def move(self, actions: np.ndarray) -> np.ndarray:
        a = actions[:, 0]
        reward = -(self.q**2 + 0.5 * a**2)
        self.q = self.q + a + self.NOISE * np.array([c.normal() for c in self.chance])
        return reward

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        return self.age >= self.STEPS, np.zeros(self.num_envs, bool)

    @classmethod
    def gains(cls) -> np.ndarray:
        """K_t for t = 0..STEPS-1: minimise q^2 + a^2/2 + P_{t+1} (q + a)^2, P at the end 0."""
        gains, p = np.zeros(cls.STEPS), 0.0
        for t in range(cls.STEPS - 1, -1, -1):
            gains[t] = p / (0.5 + p)
            p = 1.0 + 0.5 * gains[t] ** 2 + p * (1 - gains[t]) ** 2
        return gains


class Salary(Toy):
    """Reward 1 at each step whatever is done; every four steps the episode ends, in one of the two ways."""

    STEPS = 4

    def __init__(self, num_envs: int, terminates: bool) -> None:
        super().__init__(num_envs, 1, 1)
        self.terminates = terminates

    def start(self, mask: np.ndarray) -> None:
        if self.episode.max() == 0:
            self.age += np.arange(self.num_envs) % self.STEPS  # so that batches hold every age

    def observe(self) -> np.ndarray:
        # The observation after the fourth step is that of age 0: one whose value is learned.
        return (self.age[:, None] % self.STEPS / self.STEPS).astype(np.float32)

    def move(self, actions: np.ndarray) -> np.ndarray:
        return np.ones(self.num_envs)

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        over, never = self.age >= self.STEPS, np.zeros(self.num_envs, bool)
        return (over, never) if self.terminates else (never, over)


class Shifts(Toy):
    """Reward 1 a decision whatever is done; one decision lasts `step_ns`, the next three of them, and so on for ever.

    What decision points on fills look like: the discount of a decision is gamma^(elapsed / step_ns). Cut off, never
    ended, after five decisions; observed are whether the coming decision is the long one, and, as in the environments,
    how long the last one took. That is in the infos too, where 0 stands for an episode that has begun anew.
    """

    observation_names = ("long", "elapsed")
    step_ns, decide_on = 1_000_000, "both"
    LASTS = (1, 3)

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs, 2, 1)
        self.turn, self.elapsed = np.zeros(num_envs, np.int64), np.zeros(num_envs, np.int64)

    def start(self, mask: np.ndarray) -> None:
        if self.episode.max() == 0:
            self.turn = np.arange(self.num_envs) % 2
        self.elapsed[mask] = 0

    def observe(self) -> np.ndarray:
        return np.stack([self.turn, self.elapsed], -1).astype(np.float32)

    def move(self, actions: np.ndarray) -> np.ndarray:
        self.elapsed = np.array(self.LASTS)[self.turn]
        self.turn = 1 - self.turn
        return np.ones(self.num_envs)

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros(self.num_envs, bool), self.age >= 5

    def account(self) -> dict[str, Any]:
        return {"elapsed_ns": self.elapsed * self.step_ns}

    @classmethod
    def values(cls, gamma: float) -> np.ndarray:
        """Of a short decision and of a long one: V_0 = 1 + gamma V_1, V_1 = 1 + gamma^3 V_0."""
        short, long = (gamma**k for k in cls.LASTS)
        return np.array([(1 + short) / (1 - short * long), (1 + long) / (1 - short * long)])


class Corridor(Toy):
    """Seven cells, a small prize behind the left end, a large one behind the right end; a step costs, a step may slip.

    A choice goes left or right; one time in ten it goes the other way. Which end is worth walking to depends on the
    cell. Reaching an end terminates; 30 steps truncate.
    """

    CELLS, LIMIT, SLIP, COST, PRIZES = 7, 30, 0.1, 0.05, (0.6, 1.0)

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs, self.CELLS, num_choices=2)
        self.cell = np.zeros(num_envs, np.int64)

    def start(self, mask: np.ndarray) -> None:
        for i in np.flatnonzero(mask):
            self.cell[i] = self.chance[i].integers(1, self.CELLS + 1)

    def observe(self) -> np.ndarray:
        return (self.cell[:, None] == np.arange(1, self.CELLS + 1)).astype(np.float32)

    def move(self, actions: np.ndarray) -> np.ndarray:
        slips = np.array([c.random() < self.SLIP for c in self.chance])
        self.cell = self.cell + np.where((actions > 0) != slips, 1, -1)
        left, right = self.cell < 1, self.cell > self.CELLS
        return self.PRIZES[0] * left + self.PRIZES[1] * right - self.COST

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        over = (self.cell < 1) | (self.cell > self.CELLS)
        return over, ~over & (self.age >= self.LIMIT)

    @classmethod
    def action_values(cls, gamma: float) -> np.ndarray:
        """Of both choices in every cell, (cells, 2), without the limit: value iteration."""
        value, q = np.zeros(cls.CELLS + 2), np.zeros((cls.CELLS + 2, 2))
        for _ in range(500):
            after = gamma * value
            after[0], after[-1] = cls.PRIZES
            left, right = after[:-2], after[2:]
            toward = np.stack([left, right], -1)
            q[1:-1] = (1 - cls.SLIP) * toward + cls.SLIP * toward[:, ::-1] - cls.COST
            value = q.max(1)
        return q[1:-1]


class Recall(Toy):
    """A sign is shown once, at the start; five steps later it pays to have remembered it.

    Reward -(a - 0.8 x sign)^2 at the last step, 0 before; then terminated. Who remembers gets 0, who does not -0.64 at
    best.
    """

    STEPS, FORGOTTEN = 6, -0.64

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs, 2, 1)
        self.sign = np.zeros(num_envs)

    def start(self, mask: np.ndarray) -> None:
        for i in np.flatnonzero(mask):
            self.sign[i] = 1.0 if self.chance[i].random() < 0.5 else -1.0

    def observe(self) -> np.ndarray:
        return np.stack([np.where(self.age == 0, self.sign, 0.0), self.age / self.STEPS], -1).astype(np.float32)

    def move(self, actions: np.ndarray) -> np.ndarray:
        return np.where(self.age == self.STEPS - 1, -((actions[:, 0] - 0.8 * self.sign) ** 2), 0.0)

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        return self.age >= self.STEPS, np.zeros(self.num_envs, bool)


class Window:
    """What pictures read of a shop: a book of five levels around the mid, and the shop's own orders."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def true_book(self, *, replica: int = 0, levels: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Bids and asks, int64 (5, 2) of price and lots: 1 lot at the touch, one more at each level."""
        mid, away = int(self.shop.books["mid"][replica]), np.arange(1, 6)
        return np.stack([mid - away, away], -1), np.stack([mid + away, away], -1)

    def orders(self, agent: int = 0, *, replica: int = 0) -> list[dict[str, int]]:
        """The quotes of the last step; none before the first."""
        return [
            {"side": side, "price": int(price)} for side, price in enumerate(self.shop.quotes[replica]) if price > 0
        ]


class Shop(Toy):
    """A market maker's toy: the mid walks, a quote at distance d (ticks) is filled with probability exp(-d / 2) a step.

    Observation, action and account are those of the market-making environments. Worlds whose seed is a multiple of 5
    are ruined (terminated) half-way.
    """

    observation_names = ("inventory", "time_left", "spread")
    action_names = ("bid_offset", "ask_offset", "bid_size", "ask_size")
    min_offset, max_offset, max_quote_qty, max_inventory = 0, 8, 2, 10
    step_ns, session_ns = 500_000_000, 20 * 500_000_000
    SHOWN = ("mid", "inventory", "fees", "fills", "volume", "taker_lots")

    def __init__(self, num_envs: int, autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP) -> None:
        super().__init__(num_envs, 3, 4)
        self.books = {name: np.zeros(num_envs) for name in ("cash", *self.SHOWN)}
        self.held_before = np.zeros(num_envs)
        self.quotes = np.zeros((num_envs, 2))
        self.market = Window(self)

    def start(self, mask: np.ndarray) -> None:
        for name, column in self.books.items():
            column[mask] = 1000.0 if name == "mid" else 0.0
        self.quotes[mask] = 0

    def observe(self) -> np.ndarray:
        left = 1 - self.age * self.step_ns / self.session_ns
        share = self.books["inventory"] / self.max_inventory
        return np.stack([share, left, np.full(self.num_envs, 2.0)], -1).astype(np.float32)

    def move(self, actions: np.ndarray) -> np.ndarray:
        b, before = self.books, self.equity()
        offset = self.min_offset + (actions[:, :2] + 1) / 2 * (self.max_offset - self.min_offset)
        qty = np.rint((actions[:, 2:] + 1) / 2 * self.max_quote_qty)
        u = np.array([c.random(3) for c in self.chance])
        for column, sign in ((0, 1), (1, -1)):
            room = np.maximum(self.max_inventory - sign * b["inventory"], 0)
            lots = np.where(u[:, column] < np.exp(-offset[:, column] / 2), np.minimum(qty[:, column], room), 0)
            b["cash"] -= sign * lots * (b["mid"] - sign * offset[:, column]) + 0.1 * lots
            b["inventory"] += sign * lots
            b["fees"] += 0.1 * lots
            b["volume"] += lots
            b["fills"] += lots > 0
        self.quotes[:] = b["mid"][:, None] + np.rint(offset) * [-1, 1]
        b["mid"] += np.where(u[:, 2] < 0.5, -1.0, 1.0)
        self.held_before = b["inventory"].copy()
        self._close(self.age + 1 >= np.where(self.worlds % 5 == 0, 10, 20))
        return self.equity() - before

    def _close(self, mask: np.ndarray) -> None:
        """Sell what is held, or buy it back, at one tick's cost a lot: fills as a taker."""
        b = self.books
        lots = np.where(mask, np.abs(b["inventory"]), 0.0)
        b["cash"] += np.where(mask, b["inventory"] * b["mid"], 0.0) - lots
        b["inventory"] *= ~mask
        b["volume"] += lots
        b["taker_lots"] += lots

    def equity(self) -> np.ndarray:
        return self.books["cash"] + self.books["inventory"] * self.books["mid"]

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        half = (self.worlds % 5 == 0) & (self.age >= 10)
        return half | (self.age >= 20), np.zeros(self.num_envs, bool)

    def account(self) -> dict[str, Any]:
        return {"account": {"equity": self.equity(), **{name: self.books[name].copy() for name in self.SHOWN}}}

    def summary(self) -> dict[str, Any]:
        ruined = np.where(self.age < 20, 2, 1)
        return {**self.account()["account"], "inventory": self.held_before.copy(), "end": ruined}
