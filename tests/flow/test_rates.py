"""Rates that change by the time of day and by regime: counts in proportion, and nothing else touched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qsl_envs.flow.config import ProfileStep
from tests.flow.kinds import CST, market_of, next_candidate_ns
from tests.market.worlds import FLOW, MS, SIZE, ready, small

STEPS = (ProfileStep(at_ns=300 * MS, factor=2.0), ProfileStep(at_ns=600 * MS, factor=0.5))


def traffic(flow, cuts: list[int], scale: dict | None = None, replicas: int = 40) -> np.ndarray:
    """Messages of the flow that venues served between the cuts, all replicas together, int64 (len(cuts) - 1,)."""
    config = small(flow=flow, participants=(), templates=4, size=replace(SIZE, max_orders=400, max_special=2, tape=64))
    market = ready(config, replicas, seed=8)
    for i in range(replicas):
        record = market.arrays.flows[market.arrays.runs[i * market.stride].flows]
        for name, value in (scale or {}).items():
            setattr(record, name, value)
    totals = []
    for t in cuts:
        market.advance(t)
        totals.append(sum(market.counters(i)["served_flow"] for i in range(replicas)))
    return np.diff(totals)


def test_a_profile_scales_all_rates():
    cuts = [0, 300 * MS, 600 * MS, 900 * MS]
    for flow in (FLOW, CST):
        found = traffic(replace(flow, profile=STEPS), cuts)
        base = found[0]
        assert base > 800
        for count, factor in zip(found[1:], (2.0, 0.5)):
            assert abs(count - factor * base) < 5 * np.sqrt(factor * base * (1 + factor)), (count, factor, base)


def test_headroom_leaves_the_law_alone_and_lets_a_regime_raise_rates():
    cuts = [0, 400 * MS]
    plain, roomy = traffic(FLOW, cuts)[0], traffic(replace(FLOW, headroom=3.0), cuts)[0]
    assert abs(plain - roomy) < 5 * np.sqrt(plain + roomy)
    busy = {"market_scale": 3.0, "limit_scale": 3.0, "cancel_scale": 3.0}
    raised = traffic(replace(FLOW, headroom=3.0), cuts, busy)[0]
    assert abs(raised - 3 * plain) < 5 * np.sqrt(12 * plain)
    quiet = traffic(replace(FLOW, headroom=3.0), cuts, {"limit_scale": 0.0, "market_scale": 0.0, "cancel_scale": 0.0})
    assert quiet[0] == 0


def test_a_regime_that_changes_a_hawkes_flows_clock_leaves_its_children_alone(tmp_path):
    file = tmp_path / "busy.yaml"
    file.write_text("name: busy\nabout: more\nchanges:\n  - {at_ns: 30000000, scale: {flow.headroom: 1.5}}\n")
    config = market_of("hawkes", burn_in_ns=20 * MS, scenario=(str(file),))
    market, last, waits = ready(config, seed=5), -1, []
    while market.now_ns[0] < 60 * MS:
        model = market.arrays.models[market.arrays.runs[0].models]
        child = int(market.arrays.cal[model.pending].t_ns) if model.num_pending > 0 else 2**62
        t = next_candidate_ns(market)
        assert last <= t == min(int(model.immigrant_ns), child)
        waits.append(int(model.immigrant_ns) - int(market.now_ns[0]))
        market.advance(t)
        last = t
    assert len(waits) > 30 and min(waits) >= 0
    assert float(market.arrays.flows[market.arrays.runs[0].flows].inv_top) < 0.7
