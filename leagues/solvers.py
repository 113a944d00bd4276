"""What a table of payoffs says about its strategies: alpha-rank, projected replicator dynamics, Nash, NashConv.

Two forms of table. A *symmetric* one is float64 (n, n): `payoffs[r, s]` is what r earns against s, and both players
choose among the same n strategies. A *role* form is one array for each role, all of shape (n_1, ..., n_k): what that
role earns when role 1 plays its i_1-th strategy, and so on; its functions end in `_roles`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from qsl_envs.errors import ConfigError, require

POPULATION = 50
"""Size m of the populations of alpha-rank."""
INTENSITY = 100.0
"""Default ranking intensity of alpha-rank, times the range of the payoffs."""
FLOOR = 1e-6
"""Default least weight of a strategy in projected replicator dynamics."""

DT, STEPS, BURN_IN = 0.1, 20_000, 0.5
"""Defaults of projected replicator dynamics: length and number of steps, share of them that is not averaged."""

Tables = Sequence[np.ndarray]


def project(point: np.ndarray, floor: float = 0.0) -> np.ndarray:
    """Nearest mixture (Euclidean) to a point, with no weight below `floor`.

    Args:
        point: float64 (n,).
        floor: in [0, 1 / n].

    Source: the projection of Duchi et al. (2008) after moving the floor to the origin.
    """
    point = np.asarray(point, np.float64)
    n = len(point)
    require(n > 0 and 0 <= floor <= 1 / n, "project", "floor", f"in [0, {1 / max(n, 1):g}]", floor)
    left = 1.0 - n * floor
    above = point - floor
    ordered = np.sort(above)[::-1]
    excess = (np.cumsum(ordered) - left) / np.arange(1, n + 1)
    shift = excess[np.flatnonzero(ordered - excess > 0)[-1]] if left > 0 else above.max()
    return np.maximum(above - shift, 0.0) + floor


# --- values and gains


def symmetric(payoffs: np.ndarray) -> np.ndarray:
    """The table as float64 (n, n). Raises: ConfigError if it has another shape or holds what is not a number."""
    table = np.asarray(payoffs, np.float64)
    square = table.ndim == 2 and table.shape[0] == table.shape[1] > 0
    require(square, "payoffs", "shape", "(n, n)", table.shape)
    require(bool(np.isfinite(table).all()), "payoffs", "values", "finite", "NaN or infinity")
    return table


def as_tables(tables: Tables) -> list[np.ndarray]:
    """The tables as float64. Raises: ConfigError unless there is one for each of their axes, all of one shape."""
    made = [np.asarray(table, np.float64) for table in tables]
    shapes = [table.shape for table in made]
    fits = bool(made) and all(shape == shapes[0] for shape in shapes) and len(made) == len(shapes[0])
    require(fits and 0 not in shapes[0], "tables", "shapes", "equal, with one axis for each table", shapes)
    require(all(np.isfinite(t).all() for t in made), "tables", "values", "finite", "NaN or infinity")
    return made


def both_roles(payoffs: np.ndarray) -> list[np.ndarray]:
    """The role form of a symmetric table."""
    table = symmetric(payoffs)
    return [table, table.T]


def values_of(table: np.ndarray, mixtures: Sequence[np.ndarray], role: int) -> np.ndarray:
    """What each strategy of a role earns, float64 (n_role,), while the others draw from their mixtures."""
    if table.ndim == 2:  # the common case, at a tenth of the cost
        return table @ mixtures[1] if role == 0 else mixtures[0] @ table
    for other in reversed(range(table.ndim)):
        if other != role:
            table = np.tensordot(table, mixtures[other], axes=(other, 0))
    return table


def gains_roles(tables: Tables, mixtures: Sequence[np.ndarray]) -> np.ndarray:
    """What each role would gain from its best response inside the table, float64 (roles,), >= 0."""
    gains = []
    for role, table in enumerate(as_tables(tables)):
        values = values_of(table, mixtures, role)
        gains.append(values.max() - values @ mixtures[role])
    return np.maximum(gains, 0.0)


def nash_conv_roles(tables: Tables, mixtures: Sequence[np.ndarray]) -> float:
    """Sum over the roles of the gain from the best response: 0 in an equilibrium of the table."""
    return float(gains_roles(tables, mixtures).sum())


def nash_conv(payoffs: np.ndarray, mixture: np.ndarray) -> float:
    """NashConv of both players drawing from one mixture over a symmetric table.

    It knows only what is in the table: a strategy outside may gain more.
    """
    return nash_conv_roles(both_roles(payoffs), [np.asarray(mixture, np.float64)] * 2)


# --- uniform


def uniform(payoffs: np.ndarray) -> np.ndarray:
    """Equal weights."""
    n = len(symmetric(payoffs))
    return np.full(n, 1.0 / n)


def uniform_roles(tables: Tables) -> list[np.ndarray]:
    """Equal weights, for each role."""
    return [np.full(n, 1.0 / n) for n in as_tables(tables)[0].shape]


# --- projected replicator dynamics


def prd_roles(tables: Tables, floor: float = FLOOR, dt: float = DT, steps: int = STEPS,
              burn_in: float = BURN_IN) -> list[np.ndarray]:  # fmt: skip
    """Projected replicator dynamics: a time average of the path that starts at equal weights.

    x_i grows by dt x_i (u_i - x.u) and is projected on the mixtures without a weight below `floor` (Lanctot et al.
    2017). Payoffs of each role are taken in units of their range, so `dt` means the same for every game.

    Args:
        tables: one for each role.
        floor: least weight of a strategy, at most 1 / n.
        dt: length of a step.
        steps: how many.
        burn_in: share of the steps, in [0, 1), that the average leaves out: where a path ends in a point, the average
            then forgets where it came from.

    Returns: for each role float64 (n_role,).
    """
    tables = as_tables(tables)
    first = _first_counted(dt, steps, burn_in)
    scaled = [table / (np.ptp(table) or 1.0) for table in tables]
    mixtures = uniform_roles(tables)
    floors = [min(floor, 1.0 / len(x)) for x in mixtures]
    sums = [np.zeros_like(x) for x in mixtures]
    for step in range(steps):
        values = [values_of(table, mixtures, role) for role, table in enumerate(scaled)]
        for role, u in enumerate(values):
            mixtures[role] = _replicated(mixtures[role], u, dt, floors[role])
            if step >= first:
                sums[role] += mixtures[role]
    return [total / total.sum() for total in sums]


def prd(payoffs: np.ndarray, floor: float = FLOOR, dt: float = DT, steps: int = STEPS,
        burn_in: float = BURN_IN) -> np.ndarray:  # fmt: skip
    """Projected replicator dynamics on a symmetric table, float64 (n,): see `prd_roles`.

    Both players start alike and stay so: one path is enough.
    """
    table = symmetric(payoffs)
    first = _first_counted(dt, steps, burn_in)
    scaled, n = table / (np.ptp(table) or 1.0), len(table)
    x, total, floor = np.full(n, 1.0 / n), np.zeros(n), min(floor, 1.0 / n)
    for step in range(steps):
        moved = _replicated(x, scaled @ x, dt, floor)
        if step >= first:
            if step == first and np.abs(moved - x).max() < 1e-15:
                return moved  # it has come to rest before anything is averaged
            total += moved
        x = moved
    return total / total.sum()


def _first_counted(dt: float, steps: int, burn_in: float) -> int:
    require(dt > 0 and steps >= 1, "prd", "dt, steps", "> 0, >= 1", (dt, steps))
    require(0 <= burn_in < 1, "prd", "burn_in", "in [0, 1)", burn_in)
    return min(int(burn_in * steps), steps - 1)


def _replicated(x: np.ndarray, values: np.ndarray, dt: float, floor: float) -> np.ndarray:
    """One step. It keeps the sum at 1, so only a weight below the floor needs the projection."""
    moved = x + dt * x * (values - x @ values)
    return moved if moved.min() >= floor else project(moved, floor)


# --- alpha-rank


def log_fixation(gain: np.ndarray, population: int) -> np.ndarray:
    """Logarithm of the chance that one mutant takes over a population of m.

    (1 - exp(-u)) / (1 - exp(-m u)) with u = `gain`, 1 / m where u is 0 (Omidshafiei et al. 2019).
    """
    u = np.abs(np.asarray(gain, np.float64))
    safe = np.where(u > 1e-12, u, 1.0)
    wins = np.log(-np.expm1(-safe)) - np.log(-np.expm1(-population * safe))
    loses = wins - (population - 1) * safe
    return np.where(u > 1e-12, np.where(np.asarray(gain) > 0, wins, loses), -math.log(population))


def log_stationary(log_rates: np.ndarray) -> np.ndarray:
    """Stationary distribution of a chain, float64 (n,), from the logarithms of its rates (n, n).

    The elimination of Grassmann, Taksar and Heyman (1985): it subtracts nothing, and in logarithms no rate is too small
    for it, so chains that almost never leave a state come out right. The diagonal is not read.
    """
    log = np.array(log_rates, np.float64)
    n = len(log)
    np.fill_diagonal(log, -np.inf)
    for k in range(n - 1, 0, -1):
        log[:k, k] -= np.logaddexp.reduce(log[k, :k])
        log[:k, :k] = np.logaddexp(log[:k, :k], log[:k, k, None] + log[k, :k])
        log[range(k), range(k)] = -np.inf
    weight = np.zeros(n)
    for k in range(1, n):
        weight[k] = np.logaddexp.reduce(weight[:k] + log[:k, k])
    weight = np.exp(weight - weight.max())
    return weight / weight.sum()


def intensity_of(tables: Sequence[np.ndarray], alpha: float | None) -> float:
    """`alpha` itself, or the default one for payoffs of this range."""
    if alpha is None:
        return INTENSITY / (max(float(np.ptp(table)) for table in tables) or 1.0)
    require(alpha >= 0, "alpha_rank", "alpha", ">= 0, or None", alpha)
    return alpha


def alpha_rank(payoffs: np.ndarray, alpha: float | None = None, population: int = POPULATION) -> np.ndarray:
    """How much of the time a population of one kind plays each strategy, float64 (n,).

    A single mutant r appears among s and takes over with the chance of `log_fixation` at
    u = alpha (payoffs[r, s] - payoffs[s, r]); the stationary distribution of that chain is the rank.

    Args:
        payoffs: float64 (n, n).
        alpha: ranking intensity, one over a unit of payoff; None: 100 over the range of the payoffs.
        population: m, > 1.
    """
    table = symmetric(payoffs)
    require(population > 1, "alpha_rank", "population", "> 1", population)
    if len(table) == 1:
        return np.ones(1)
    gain = intensity_of([table], alpha) * (table.T - table)  # row: who is there; column: the mutant
    return log_stationary(log_fixation(gain, population) - math.log(len(table) - 1))


def alpha_rank_roles(tables: Tables, alpha: float | None = None, population: int = POPULATION) -> np.ndarray:
    """How much of the time populations of several roles play each profile, float64 (n_1, ..., n_k).

    The mutant appears in one role at a time; its gain is that role's payoff in the new profile over the old one's.
    `marginals` turns the answer into one mixture for each role.
    """
    tables = as_tables(tables)
    require(population > 1, "alpha_rank_roles", "population", "> 1", population)
    shape = tables[0].shape
    n, moves = math.prod(shape), sum(shape) - len(shape)
    if n == 1:
        return np.ones(shape)
    alpha = intensity_of(tables, alpha)
    number = np.arange(n).reshape(shape)
    log = np.full((n, n), -np.inf)
    for role, table in enumerate(tables):
        ids = np.moveaxis(number, role, -1).reshape(-1, shape[role])
        pays = np.moveaxis(table, role, -1).reshape(-1, shape[role])
        gain = alpha * (pays[:, None, :] - pays[:, :, None])
        log[ids[:, :, None], ids[:, None, :]] = log_fixation(gain, population) - math.log(moves)
    return log_stationary(log).reshape(shape)


def marginals(profiles: np.ndarray) -> list[np.ndarray]:
    """One mixture for each role, of a distribution over profiles."""
    axes = range(profiles.ndim)
    return [profiles.sum(tuple(a for a in axes if a != role)) for role in axes]


# --- Nash


def matrix_game(payoffs: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """An equilibrium of a two-player zero-sum game by the simplex method, and its value.

    Args:
        payoffs: float64 (rows, columns): what the row player earns and the column player pays.

    Returns: mixtures of the row and of the column player, and what the row player earns. Where there are several
        equilibria it is one of them, a corner of their set.
    """
    table = np.asarray(payoffs, np.float64)
    require(table.ndim == 2 and table.size > 0, "matrix_game", "payoffs.shape", "(rows, columns)", table.shape)
    scale = float(np.ptp(table)) or 1.0
    rows, columns = table.shape
    # Dantzig's form: with every entry positive, maximize sum(y) subject to A y <= 1; the slacks' prices are the rows'.
    a = (table - table.min()) / scale + 1.0
    simplex = np.block([[a, np.eye(rows), np.ones((rows, 1))], [-np.ones((1, columns)), np.zeros((1, rows + 1))]])
    basis = np.arange(columns, columns + rows)
    while True:
        falling = np.flatnonzero(simplex[-1, :-1] < -1e-11)
        if not falling.size:
            break
        enter = falling[0]  # Bland's rule: the first of all, in and out, so that no vertex comes twice
        usable = simplex[:-1, enter] > 1e-11
        ratios = np.where(usable, simplex[:-1, -1] / np.where(usable, simplex[:-1, enter], 1.0), np.inf)
        ties = np.flatnonzero(ratios <= ratios.min() + 1e-13)
        leave = ties[np.argmin(basis[ties])]
        simplex[leave] /= simplex[leave, enter]
        others = np.arange(rows + 1) != leave
        simplex[others] -= simplex[others, enter, None] * simplex[leave]
        basis[leave] = enter
    y = np.zeros(columns + rows)
    y[basis] = simplex[:-1, -1]
    x = np.maximum(simplex[-1, columns:-1], 0.0)
    y = np.maximum(y[:columns], 0.0)
    value = (1.0 / y.sum() - 1.0) * scale + float(table.min())
    return x / x.sum(), y / y.sum(), value


def nash_mixture(payoffs: np.ndarray) -> np.ndarray:
    """A symmetric equilibrium of the zero-sum score, float64 (n,).

    The score of r against s is (payoffs[r, s] - payoffs[s, r]) / 2: who earns more, whatever there is to earn together.
    Of a game that is not zero-sum this is no equilibrium of the payoffs themselves.
    """
    table = symmetric(payoffs)
    return matrix_game((table - table.T) / 2.0)[0]


def nash_roles(tables: Tables) -> list[np.ndarray]:
    """An equilibrium of two roles whose payoffs sum to a constant. Raises: ConfigError for any other tables."""
    tables = as_tables(tables)
    require(len(tables) == 2, "nash_roles", "tables", "of two roles", len(tables))
    total = tables[0] + tables[1]
    if np.ptp(total) > 1e-9 * max(np.ptp(tables[0]), 1e-300):
        raise ConfigError("nash_roles solves games in which one role pays what the other earns; use prd or alpha_rank")
    x, y, _ = matrix_game(tables[0])
    return [x, y]


MetaSolver = Callable[[np.ndarray], np.ndarray]
META_SOLVERS: dict[str, MetaSolver] = {
    "uniform": uniform,
    "prd": prd,
    "alpha-rank": alpha_rank,
    "nash": nash_mixture,
}
"""By the name that settings use: a symmetric table -> a mixture over its strategies."""
