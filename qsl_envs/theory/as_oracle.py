"""The best that any strategy can do in the discrete Avellaneda-Stoikov model, by dynamic programming.

For exponential utility the value is -exp(-gamma (x + q s)) w(t, q), with x cash and s the mid, because moves and fills
depend on neither. Backwards from w(T, q) = 1,

    h(q) = cosh(gamma q sigma sqrt(dt)) w(t + dt, q)                                    the coin of the mid
    w(t, q) = min over bid and ask offsets of E[exp(-gamma (earned by the fills)) h(q + bought - sold)]

with the fill chances of the model's rule. For a fixed ask the expression is C + p(b) (exp(-gamma b) B - A) in the bid
offset b, which has one minimum; bid and ask are improved in turn until neither moves. The certainty equivalent is
-log(w(0, 0)) / gamma.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qsl_envs.errors import require
from qsl_envs.theory.as_model import AsModel, Strategy

ROUNDS = 100
CLOSE = 1e-11


@dataclass(frozen=True, slots=True)
class AsOracle:
    """An optimal policy and its value; row t of the tables is a step, column `q + max_inventory` an inventory.

    | field | dtype, axes | meaning |
    | --- | --- | --- |
    | `bid`, `ask` | float64 (step, inventory) | optimal offsets from the mid; inf where the limit forbids the side |
    | `equivalent` | float64 (step + 1, inventory) | certainty equivalent of the gain to come |
    """

    bid: np.ndarray
    ask: np.ndarray
    equivalent: np.ndarray
    max_inventory: int

    @property
    def value(self) -> float:
        """Certainty equivalent of the whole episode, started flat."""
        return float(self.equivalent[0, self.max_inventory])

    def strategy(self) -> Strategy:
        """The policy; an inventory outside the table is treated as the one at its end."""

        def offsets(step: int, inventory: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            at = np.clip(np.asarray(inventory, np.int64) + self.max_inventory, 0, 2 * self.max_inventory)
            return self.bid[step, at], self.ask[step, at]

        return offsets


def solve(model: AsModel, max_inventory: int = 40) -> AsOracle:
    """The optimal policy of a model whose inventory is bounded.

    Args:
        max_inventory: lots; far beyond what an optimal agent holds, the bound does not matter.
    Raises: ConfigError for gamma = 0, where offsets do not depend on the inventory (1 / k under the linear rule).
    """
    require(model.gamma > 0, "as_oracle", "gamma", "> 0", model.gamma)
    require(max_inventory >= 1, "as_oracle", "max_inventory", ">= 1 lots", max_inventory)
    gamma, size = model.gamma, 2 * max_inventory + 1
    q = np.arange(-max_inventory, max_inventory + 1, dtype=np.float64)
    tilt = gamma * model.sigma * math.sqrt(model.dt) * np.abs(q)
    log_cosh = tilt + np.log1p(np.exp(-2.0 * tilt)) - math.log(2.0)
    bids, asks = np.full((model.num_steps, size), np.inf), np.full((model.num_steps, size), np.inf)
    log_w = np.zeros((model.num_steps + 1, size))
    bid = np.full(size, 1.0 / model.k)
    ask = bid.copy()
    bid[-1] = ask[0] = np.inf
    for step in range(model.num_steps - 1, -1, -1):
        log_h = log_w[step + 1] + log_cosh
        up, down = np.ones(size), np.ones(size)  # h at one lot more and one lot less, in units of h here
        up[:-1] = np.exp(log_h[1:] - log_h[:-1])
        down[1:] = np.exp(log_h[:-1] - log_h[1:])
        for _ in range(ROUNDS):
            new_bid = _best_offset(model, *_sides(model, ask, up, down))
            new_bid[-1] = np.inf
            new_ask = _best_offset(model, *_sides(model, new_bid, down, up))
            new_ask[0] = np.inf
            change = max(np.abs(new_bid[:-1] - bid[:-1]).max(), np.abs(new_ask[1:] - ask[1:]).max())
            bid, ask = new_bid, new_ask
            if change < CLOSE:
                break
        stay, filled = _sides(model, ask, up, down)
        buy = model.chances(bid)
        log_w[step] = log_h + np.log((1 - buy) * stay + buy * np.exp(-gamma * bid) * filled)
        bids[step], asks[step] = bid, ask
    return AsOracle(bids, asks, -log_w / gamma, max_inventory)


def _sides(model: AsModel, other: np.ndarray, more: np.ndarray, less: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(A, B): the expectation without and with a fill of this side, over the other side's fill at offsets `other`."""
    p = model.chances(other)
    paid = p * np.exp(-model.gamma * other)
    return (1 - p) + paid * less, (1 - p) * more + paid


def _best_offset(model: AsModel, stay: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """The offset d that minimises p(d) (exp(-gamma d) B - A); (A, B) = (`stay`, `filled`)."""
    gamma, k = model.gamma, model.k
    log_ratio = np.log(filled / stay)
    offset = (log_ratio + math.log1p(gamma / k)) / gamma
    certain = math.log(model.a * model.dt) / k  # where the expected fills of a step are 1
    if model.fill == "linear":
        return np.maximum(offset, certain)
    # p = 1 - exp(-y), y = a dt exp(-k d): Newton's method on log(exp(-gamma d) B / A) - log(k s / (gamma + k s)),
    # s = y / (exp(y) - 1), a falling function of d
    offset = np.maximum(offset, certain - 3.0 / k)
    for _ in range(ROUNDS):
        y = np.exp(k * (certain - offset))
        s = np.where(y > 1e-8, y / np.expm1(y), 1.0 - 0.5 * y)
        growth = np.where(y > 1e-8, y / -np.expm1(-y) - 1.0, 0.5 * y)
        value = log_ratio - gamma * offset - np.log(k * s / (gamma + k * s))
        slope = -gamma - k * growth * gamma / (gamma + k * s)
        step = value / slope
        offset = offset - np.clip(step, -3.0 / k, 3.0 / k)
        if np.abs(step).max() < CLOSE:
            break
    return offset
