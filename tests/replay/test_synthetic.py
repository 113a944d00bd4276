"""The generator of days, and the packaged day that it made."""

from __future__ import annotations

from collections import Counter
from importlib import resources

import numpy as np
import pytest

from qsl_envs.errors import ConfigError, DataError
from qsl_envs.replay import samples
from qsl_envs.replay.lobster import HIDDEN_EXECUTION, NEW, VISIBLE_EXECUTION, read_day
from qsl_envs.replay.one_step import one_step_rows
from qsl_envs.replay.samples import sample_names, write_sample
from qsl_envs.replay.synthetic import SyntheticConfig, rows, write_day

SHORT = {"duration_s": 60}


def test_the_packaged_day_is_what_the_generator_makes(tmp_path):
    packaged = write_sample(tmp_path / "packaged")
    made = write_day(tmp_path / "made")
    assert [path.name for path in packaged] == [made.name, made.name.replace("message", "orderbook")]
    for path in packaged:
        assert (tmp_path / "made" / path.name).read_bytes() == path.read_bytes()


def test_the_packaged_day_is_small():
    size = sum(len(resources.files(samples).joinpath(name).read_bytes()) for name in sample_names())
    assert len(sample_names()) == 2
    assert size < 1_500_000


def test_the_packaged_day_has_what_real_days_have(tmp_path):
    day = read_day(write_sample(tmp_path)[0])
    messages, book = day.messages, day.book
    counts = Counter(messages.type.tolist())
    assert 20_000 < len(messages) < 60_000
    assert all(counts[kind] > 100 for kind in (1, 2, 3, 4, 5))
    assert one_step_rows(day).all()
    assert (book.price[:, 1, 0] > book.price[:, 0, 0]).all() and (book.price[:, :, 0] > 0).all()
    same = np.diff(messages.ts_ns) == 0
    sweeps = same & (messages.type[1:] == VISIBLE_EXECUTION) & (messages.type[:-1] == VISIBLE_EXECUTION)
    assert sweeps.sum() > 300
    assert (messages.price[messages.type == HIDDEN_EXECUTION] % 100 == 50).sum() > 10
    added = set(messages.order_id[messages.type == NEW].tolist())
    assert sum(n not in added for n in messages.order_id[messages.type == VISIBLE_EXECUTION].tolist()) > 10


def test_a_seed_is_a_day():
    days = [list(rows(SyntheticConfig(seed=seed, **SHORT))) for seed in (1, 1, 2)]
    assert days[0] == days[1]
    assert days[0] != days[2]


@pytest.mark.parametrize("num_levels", [1, 3])
def test_other_depths_obey_the_one_step_rule(tmp_path, num_levels):
    day = read_day(write_day(tmp_path, SyntheticConfig(seed=3, num_levels=num_levels, **SHORT), compress=True))
    assert day.book.num_levels == num_levels
    assert one_step_rows(day).all()


@pytest.mark.parametrize(
    "bad",
    [{"num_levels": 0}, {"duration_s": 0}, {"duration_s": 86_400}, {"depth": 5}, {"mid_price": 10}, {"limit_rate": 0}],
)
def test_bad_settings(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        SyntheticConfig(**bad)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(DataError, match="must be a folder"):
        write_sample(tmp_path / "x")
