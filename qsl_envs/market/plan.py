"""What settings an episode may have: a family drawn from the ranges of `randomize`, under the changes of scenarios.

A setting's numbers in a replica's row are found by making a row with it and one without, and comparing the two: what
`layout.init_row` makes of a setting is said in one place. A family has `FAMILY` members, drawn once per configuration:
evenly spread over each range (a Latin hypercube). An episode draws its member.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsl_envs.errors import ConfigError, require
from qsl_envs.kernel.draw import RANDOMIZE, draw_below, draw_unit, stream_key, template_key
from qsl_envs.kernel.fmath import exp_, log_, normal_quantile
from qsl_envs.market import layout as lay
from qsl_envs.market.change import HEAD
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.knobs import change, value_of
from qsl_envs.market.scenario import Scenario, in_force, read_scenario, times_of, with_settings

FAMILY = 256
"""Members of a family of drawn settings."""
FORMS = ("uniform", "log_uniform", "normal", "choice")


class Plan:
    """Settings of every member of a family at every time of an episode, and the numbers they are in a row.

    Args:
        config: the market, with `randomize` and `scenario`.

    Raises: ConfigError naming the setting, or the scenario, its time and the setting.
    """

    def __init__(self, config: MarketConfig):
        self.scenarios: tuple[Scenario, ...] = tuple(read_scenario(name, config.session_ns) for name in config.scenario)
        self.base = with_settings(config, self.scenarios)
        """the market at the start of an episode, before anything is drawn: templates are made of it"""
        self.names = tuple(sorted(config.randomize))
        members = FAMILY if self.names else 1
        self.drawn = {name: self._column(name, j, members) for j, name in enumerate(self.names)}
        """setting -> its values, one a member"""
        self.times = times_of(self.scenarios)
        varies = bool(self.names or self.times)
        self.cells = self._cells(members) if varies else np.array(lay.NO_CHANGES, np.int64)
        """what `m.changes` holds, int64"""

    def settings_of(self, member: int) -> dict[str, Any]:
        """The drawn settings of a member."""
        return {name: values[member] for name, values in self.drawn.items()}

    def _column(self, name: str, j: int, members: int) -> list[Any]:
        """Values of one setting for all members: one from each of equal parts of its law, in an order of its own."""
        where, law = f"MarketConfig.randomize[{name!r}]", self.base.randomize[name]
        skey = stream_key(template_key(self.base.template_hash(), 0), RANDOMIZE, j + 1)
        order = list(range(members))
        for i in range(members - 1, 0, -1):
            k = int(draw_below(skey, i, i + 1))
            order[i], order[k] = order[k], order[i]
        try:
            form, numbers = _law(law)
            value_of(self.base, name)
            for end in _ends(form, numbers):
                change(self.base, name, "set", end)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
        shares = [(part + draw_unit(skey, members + i)) / members for i, part in enumerate(order)]
        made = [change(self.base, name, "set", _quantile(form, numbers, u)) for u in shares]
        return [value_of(config, name) for config in made]

    def _cells(self, members: int) -> np.ndarray:
        stretches: list[int] = []
        pairs: list[np.ndarray] = []
        count, steps = 0, len(self.times)
        start = HEAD + steps + members * (steps + 1) + 1
        row_of = RowMaker(self.base)
        for member in range(members):
            drawn = self.base
            for name in self.names:
                drawn = change(drawn, name, "set", self.drawn[name][member])
            before = row_of.base
            for config in (drawn, *(in_force(drawn, self.scenarios, t) for t in self.times)):
                after = row_of(config) if config != self.base else row_of.base
                cells = np.flatnonzero(before != after)
                stretches.append(start + 2 * count)
                pairs.append(np.stack([cells, after[cells].astype(np.int64)], axis=1).reshape(-1))
                count += len(cells)
                before = after
        burn_in = burn_in_ns(self.base) if any(name.startswith("flow.") for name in self.names) else 0
        head = [members, steps, burn_in, HEAD, HEAD + steps]
        return np.concatenate([np.array([*head, *self.times, *stretches, start + 2 * count], np.int64), *pairs])


class RowMaker:
    """Makes rows of one layout, as int32 cells; the fields that follow from settings but are state stay as they are."""

    def __init__(self, config: MarketConfig):
        self.config, self.layout, self.tables = config, lay.market_layout(config), _tables(config)
        self.arena = self.layout.allocate(1)
        self.arrays = lay.market_arrays(self.arena, config, np.zeros(1, np.int64), lay.NO_DAY)
        self.base = np.zeros(0, np.int32)
        self.base = self(config)

    def __call__(self, config: MarketConfig) -> np.ndarray:
        require(
            lay.market_layout(config).table() == self.layout.table(),
            "MarketConfig",
            "randomize/scenario",
            "of settings that leave a replica's memory as it is; a `service_ns` that changes starts above 0",
            "a size",
        )
        kept = np.array_equal(self.tables, _tables(config))
        require(
            kept, "MarketConfig", "randomize/scenario", "of settings that this flow keeps in no tables", "one in tables"
        )
        self.arena[:] = 0
        lay.init_row(self.arrays, self.layout, config, 0)
        if len(self.base):
            self.arrays.runs[0].wheel_shift = self.wheel_shift
        self.wheel_shift = int(self.arrays.runs[0].wheel_shift)
        return self.arena[0].view(np.int32).copy()


def _tables(config: MarketConfig) -> np.ndarray:
    """What a flow keeps outside the rows, float64."""
    tables = lay.flow_tables(config)
    return np.zeros(1) if tables is None else np.asarray(tables.array)


def burn_in_ns(config: MarketConfig) -> int:
    """How long a book is warmed before an episode: what is set, or five times what its flow takes to settle."""
    if config.burn_in_ns is not None:
        return config.burn_in_ns
    return 5 * config.flow.relax_ns if config.flow else 0


def _law(law: Any) -> tuple[str, tuple]:
    """(form, numbers) of what stands in `randomize`."""
    form, numbers = next(iter(law.items())) if isinstance(law, dict) and len(law) == 1 else ("uniform", law)
    want = {"uniform": 2, "log_uniform": 2, "normal": 4}.get(form)
    good = form in FORMS and isinstance(numbers, (list, tuple)) and len(numbers) >= 1
    good = good and all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in numbers)
    if not good or (want is not None and len(numbers) != want):
        raise ConfigError(
            "must be [low, high], or one of {uniform: [low, high]}, {log_uniform: [low, high]}, "
            f"{{normal: [mean, sd, low, high]}}, {{choice: [...]}}, was {law!r}"
        )
    low, high = (numbers[-2], numbers[-1]) if form != "choice" else (0, 1)
    if not low < high or (form == "log_uniform" and low <= 0) or (form == "normal" and numbers[1] <= 0):
        raise ConfigError(f"must have low < high (and low > 0 on a logarithmic scale, sd > 0), was {law!r}")
    return form, tuple(numbers)


def _ends(form: str, numbers: tuple) -> tuple:
    """Values at which a law's range is tried."""
    return numbers if form == "choice" else numbers[-2:]


def _quantile(form: str, numbers: tuple, u: float) -> Any:
    """The value of a law with the share `u` of its mass below."""
    if form == "choice":
        return numbers[min(int(u * len(numbers)), len(numbers) - 1)]
    if form == "normal":
        mean, sd, low, high = numbers
        return min(max(mean + sd * float(normal_quantile(u)), low), high)
    low, high = numbers
    if form == "uniform":
        return low + (high - low) * u
    bottom = float(log_(float(low)))
    return float(exp_(bottom + (float(log_(float(high))) - bottom) * u))
