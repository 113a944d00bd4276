"""Trials in one kernel call against the same sessions one by one through `Market`; failures are told, never scored."""

from __future__ import annotations

import numpy as np
import pytest

from qsl_envs.errors import ConfigError
from qsl_envs.kernel.jit import kernel
from qsl_envs.market.config import MarketConfig
from qsl_envs.market.kinds import Param
from qsl_envs.market.market import Market
from qsl_envs.market.trials import Trials
from qsl_envs.participants.knowledge import param
from qsl_envs.participants.register import participant
from tests.evolve.populations import crowded, market
from tests.market.worlds import MS

SAMPLE = 150 * MS
PARAMS = {"spread": np.array([1.0, 2.0, 3.0]), "skew": np.array([0.0, 0.2, 0.01]), "period_ns": 20e6}


def one_by_one(config: MarketConfig, values: dict[str, float], seed: int, program: str = "") -> dict:
    """One session through the public market: what a trial must write down."""
    alone = Market(config, 1, seed=seed, split="family")
    alone.set_params("tried", **values)
    if program:
        alone.set_programs("tried", [program])
    alone.reset()
    who, symbols = "tried_0", range(len(config.symbols))

    def look() -> tuple[int, int]:
        accounts = [alone.account(who, symbol=s) for s in symbols]
        return sum(a["equity"] for a in accounts), sum(abs(a["inventory"]) for a in accounts)

    start, _ = look()
    gains, held = [], []
    times = [*range(SAMPLE, config.session_ns, SAMPLE), config.session_ns]
    for t in times:
        alone.advance(t)
        worth, lots = look()
        gains.append(worth - start)
        held.append(lots)
    for s in symbols:
        alone.liquidate(who, symbol=s)
    gains[-1] = look()[0] - start
    account = alone.account(who)
    unit = config.fee_unit
    squares = 0.0
    for before, after in zip([0, *gains], gains):
        squares += ((after - before) / unit) * ((after - before) / unit)
    path = np.array([0, *gains])
    return {
        "pnl": gains[-1], "fees": account["fees"] - account["rebates"], "volume": account["volume"],
        "fills": account["fills"], "drawdown": int((np.maximum.accumulate(path) - path).max()),
        "messages": int(alone.arrays.traders[alone.arrays.runs[0].traders + alone._agent(who)].sent),
        "held": sum(held), "peak_held": max(held), "last_held": held[-1], "squares": squares, "path": gains,
    }  # fmt: skip


def test_trials_are_the_sessions_of_the_public_market_to_the_bit():
    config = market()
    sheet = Trials(config, "tried", split="family", sample_ns=SAMPLE).run(PARAMS, [5, 6], count=3, paths=True)
    assert sheet.ended.all() and not sheet.reasons
    assert (sheet.fills > 0).all() and len(set(sheet.pnl.reshape(-1).tolist())) == 6
    for n in range(3):
        values = {name: float(np.broadcast_to(given, 3)[n]) for name, given in PARAMS.items()}
        for world, seed in enumerate((5, 6)):
            for name, expected in one_by_one(config, values, seed).items():
                assert np.array_equal(getattr(sheet, name)[n, world], expected), (n, seed, name)


def test_programs_are_those_of_the_public_market():
    config = market("program", programs=("0",))
    programs = ["inventory -0.3 *", "imbalance 2 * 1.5 4", "spread 2 / 1 max neg 2 3"]
    trials = Trials(config, "tried", split="family", sample_ns=SAMPLE)
    sheet = trials.run({"period_ns": 20e6}, [5], count=3, programs=programs)
    assert len(set(sheet.pnl.reshape(-1).tolist())) == 3
    for n, text in enumerate(programs):
        alone = one_by_one(config, {"period_ns": 20e6}, 5, text)
        assert alone["fills"] > 0
        assert all(np.array_equal(getattr(sheet, name)[n, 0], alone[name]) for name in ("pnl", "fills", "messages"))


@pytest.mark.compiled
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(threads):
    one = Trials(market(), "tried", sample_ns=SAMPLE).run(PARAMS, range(3), count=3)
    many = Trials(market(), "tried", sample_ns=SAMPLE, num_threads=threads).run(PARAMS, range(3), count=3)
    assert all(np.array_equal(a, b) for a, b in zip(one[:-1], many[:-1]))


@kernel
def check(x):
    if x > 1.5:
        raise ValueError("no such look")
    return 0


def test_a_participant_that_fails_is_named_and_the_others_go_on():
    @participant("brittle", params={"x": Param(0, "above 1.5: it fails")})
    def wake(m, r, p, why, now_ns):
        return now_ns + 1_000_000_000 + check(param(m, r, p, 0)) if now_ns > 0 else now_ns + 1_000_000_000

    config = market("brittle")
    sheet = Trials(config, "tried", sample_ns=SAMPLE).run({"x": np.array([0.0, 2.0, 1.0])}, [0, 1], count=3)
    assert sheet.ended.tolist() == [[True, True], [False, False], [True, True]]
    assert set(sheet.reasons) == {(1, 0), (1, 1)}
    assert all(word in sheet.reasons[1, 0] for word in ("tried_0", "brittle", "no such look"))


def test_a_trial_without_room_is_named_and_the_others_go_on():
    gaps = np.array([1e9, 2e6, 9e8])
    config = crowded()
    sheet = Trials(config, "tried", sample_ns=SAMPLE).run({"gap_ns": gaps}, [0], count=3)
    assert sheet.ended[:, 0].tolist() == [True, False, True]
    assert "max_messages" in sheet.reasons[1, 0] and (sheet.pnl[1] == 0).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Trials(market(), "nobody"), "Trials.group must be one of"),
        (lambda: Trials(market(count=2), "tried"), "count must be 1, was 2"),
        (lambda: Trials(market(), "tried", sample_ns=0), "sample_ns"),
        (lambda: Trials(market(), "tried").run({"spred": 1.0}, [0], count=1), "'spred'"),
        (lambda: Trials(market(), "tried").run({"spread": [1.0, -2.0]}, [0], count=2), r"spread\[1\].*-2"),
        (
            lambda: Trials(market("program", programs=("0",)), "tried").run({}, [0], count=1, programs=["inventory +"]),
            r"programs\[0\]: word 2, '\+'",
        ),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ConfigError, match=words):
        call()
