"""Rates that change: candidates come at the largest rate there may be, and act with the share that is in force.

The share of a candidate is profile(t) x scale / (largest factor of the profile x headroom): the profile is a table of
the time of day, the scale what a regime says. The draw that decides belongs to the candidate, so neither shifts
another.
"""

from qsl_envs.kernel.draw import draw_unit
from qsl_envs.kernel.jit import kernel

NEVER = 2**62


@kernel
def start_profile(m, flow, now_ns):
    """Put the profile of a flow back to the factor that holds at `now_ns`."""
    flow.profile_at, flow.profile_factor, flow.profile_next_ns = flow.profile_first, 1.0, NEVER
    if flow.profile_first < flow.profile_end:
        flow.profile_next_ns = int(m.tables[flow.profile_first])
        follow_profile(m, flow, now_ns)


@kernel
def follow_profile(m, flow, now_ns):
    """Take the steps of the profile that lie at or before `now_ns`; times never run back."""
    while flow.profile_next_ns <= now_ns:
        flow.profile_factor = m.tables[flow.profile_at + 1]
        flow.profile_at += 2
        flow.profile_next_ns = int(m.tables[flow.profile_at]) if flow.profile_at < flow.profile_end else NEVER


@kernel
def is_thinned(m, flow, skey, index, scale, now_ns):
    """Whether a candidate (its word `index` of stream key `skey`) does not act, for rates `scale` times their base."""
    follow_profile(m, flow, now_ns)
    return draw_unit(skey, index) >= flow.profile_factor * scale * flow.inv_top
