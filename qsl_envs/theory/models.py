"""The models that `qsl theory` knows, their options and defaults. Nothing here imports a simulation."""

from __future__ import annotations

import importlib
from typing import Any

from qsl_envs.errors import ConfigError
from qsl_envs.theory.study import Model, Option, Study

SEED = Option("seed", 0, "chooses the simulated worlds", low=0, high=2**40)
PATHS = Option("paths", 100_000, "simulated paths", low=2, high=10**8)

MODELS = {
    "avellaneda-stoikov": Model(
        "qsl_envs.theory.avellaneda_stoikov",
        "market making by reservation price, through qsl/AvellanedaStoikov-v0",
        "M. Avellaneda, S. Stoikov (2008), High-frequency trading in a limit order book, Quantitative Finance 8",
        (
            Option("gamma", 0.1, "risk aversion per unit of money", low=0, high=1e6),
            Option("sigma", 2.0, "price moved per square root of time", low=0, high=1e6),
            Option("k", 1.5, "decay of the fill intensity per unit of price", low=0, high=1e6, open_low=True),
            Option("A", 140.0, "fills per unit of time of a quote at the mid", low=0, high=1e9, open_low=True),
            Option("T", 1.0, "horizon", low=0, high=1e6, open_low=True),
            Option("dt", 0.005, "step; T must be a whole number of them", low=0, high=1e6, open_low=True),
            Option("strategy", "inventory", "the paper's, or its mean spread around the mid",
                   choices=("inventory", "symmetric")),
            Option("fill", "linear", "fill probability: intensity x dt capped at 1, or 1 - exp(-intensity x dt)",
                   choices=("linear", "exponential")),
            Option("episodes", 20_000, "simulated episodes", low=2, high=10**8),
        ),
    ),
    "zero-intelligence": Model(
        "qsl_envs.theory.zero_intelligence",
        "a book of random orders, through the event-driven market",
        "E. Smith, J. D. Farmer, L. Gillemot, S. Krishnamurthy (2003), Statistical theory of the continuous double "
        "auction, Quantitative Finance 3",
        (
            Option("market-rate", 1.0, "market orders per second and side", low=0, high=1e5, open_low=True),
            Option("limit-rate", 0.1, "limit orders per second, side and tick", low=0, high=1e5, open_low=True),
            Option("cancel-rate", 0.2, "cancels per second and resting order", low=0, high=1e5, open_low=True),
            Option("ticks", 300, "prices on which limit orders fall, from the opposite best", low=1, high=100_000),
            Option("duration", 40_000.0, "simulated seconds, over all replicas", low=0, high=1e9, open_low=True),
            Option("tau", None, "seconds over which `diffusion` is taken; default: one mean life, 1 / cancel-rate",
                   low=0, high=1e9, open_low=True),
        ),
    ),
    "cont-stoikov-talreja": Model(
        "qsl_envs.theory.cont_stoikov_talreja",
        "which way the mid moves, and whether an order fills first, through the book",
        "R. Cont, S. Stoikov, R. Talreja (2010), A stochastic model for order book dynamics, Operations Research 58",
        (
            Option("spread", 1, "ticks between the best prices", low=1, high=100),
            Option("bid", 1, "orders at the best bid", low=1, high=300),
            Option("ask", 1, "orders at the best ask", low=1, high=300),
            Option("event", "up", "up: the mid rises before it falls; fill: our bid, the last of the queue and never "
                   "cancelled, trades before the mid moves", choices=("up", "fill")),
            PATHS,
            Option("limit-rates", (1.85, 1.51, 1.09, 0.88, 0.77), "limit orders by distance 1, 2, ... from the "
                   "opposite best, per side; 0 beyond", low=0, high=1e6, per_rate=True),
            Option("market-rate", 0.94, "market orders per side", low=0, high=1e6),
            Option("cancel-rates", (0.71, 0.81, 0.68, 0.56, 0.47), "cancels per order, by the same distance",
                   low=0, high=1e6, per_rate=True),
        ),
    ),
    "cont-de-larrard": Model(
        "qsl_envs.theory.cont_de_larrard",
        "which of two queues with equal rates empties first, through the book",
        "R. Cont, A. de Larrard (2013), Price dynamics in a Markovian limit order market, SIAM Journal on Financial "
        "Mathematics 4",
        (
            Option("bid", 3, "orders at the best bid", low=1, high=300),
            Option("ask", 7, "orders at the best ask", low=1, high=300),
            PATHS,
        ),
    ),
    "hawkes": Model(
        "qsl_envs.theory.hawkes",
        "a self-exciting point process: rate, variance of counts, time rescaling",
        "A. G. Hawkes (1971), Spectra of some self-exciting and mutually exciting point processes, Biometrika 58",
        (
            Option("mu", 0.2, "background rate", low=0, high=1e6, open_low=True),
            Option("alpha", 0.8, "jump of the intensity at an event", low=0, high=1e6),
            Option("beta", 1.0, "decay of the intensity; above alpha", low=0, high=1e6, open_low=True),
            Option("window", 10.0, "length of the windows in which events are counted", low=0, high=1e9,
                   open_low=True),
            Option("duration", 1_000_000.0, "simulated time, over all replicas", low=0, high=1e12, open_low=True),
        ),
    ),
    "almgren-chriss": Model(
        "qsl_envs.theory.almgren_chriss",
        "selling a large amount: the trajectory that trades cost against risk",
        "R. Almgren, N. Chriss (2000), Optimal execution of portfolio transactions, Journal of Risk 3",
        (
            Option("X", 1e6, "lots to sell", low=0, high=1e15, open_low=True),
            Option("T", 5.0, "time to sell them", low=0, high=1e9, open_low=True),
            Option("N", 5, "slices of equal length", low=1, high=10_000),
            Option("sigma", 0.95, "price moved per square root of time", low=0, high=1e9),
            Option("epsilon", 0.0625, "fixed cost per lot", low=0, high=1e9),
            Option("gamma", 2.5e-7, "permanent impact, price per lot", low=0, high=1e9),
            Option("eta", 2.5e-6, "temporary impact, price x time per lot", low=0, high=1e9, open_low=True),
            Option("lambda", 1e-6, "risk aversion, per unit of money", low=0, high=1e9),
            PATHS,
        ),
    ),
    "glft": Model(
        "qsl_envs.theory.glft",
        "optimal quotes with a bounded inventory: matrix, eigenvector, closed form",
        "O. Gueant, C.-A. Lehalle, J. Fernandez-Tapia (2013), Dealing with the inventory risk, Mathematics and "
        "Financial Economics 7",
        (
            Option("A", 0.9, "fills per unit of time of a quote at the mid", low=0, high=1e9, open_low=True),
            Option("k", 0.3, "decay of the fill intensity per unit of price", low=0, high=1e6, open_low=True),
            Option("gamma", 0.01, "risk aversion per unit of money", low=0, high=1e6, open_low=True),
            Option("sigma", 0.3, "price moved per square root of time", low=0, high=1e6, open_low=True),
            Option("Q", 30, "inventory bound, lots", low=1, high=2_000),
            Option("inventory", 0, "lots held now", low=-2_000, high=2_000),
            Option("T", None, "time left; default: far from the horizon", low=0, high=1e9),
        ),
    ),
}  # fmt: skip
"""Name on the command line -> model."""


def study(name: str, seed: int | str = 0, **given: Any) -> Study:
    """Study a model; options by their Python names (`market_rate=2.0`), the others at their defaults.

    Raises: ConfigError naming an option, what is allowed, and its value.
    """
    if name not in MODELS:
        raise ConfigError(f"model must be one of {', '.join(MODELS)}, was {name!r}")
    model = MODELS[name]
    return importlib.import_module(model.module).run(model, model.values(given), SEED.convert(seed))
