"""Fundamental values: per symbol an outside process on a grid, drawn when somebody asks (at the latest when a
stretch of time ends), the last points kept.

Point n of symbol s owns words of stream FUNDAMENTAL: word n of entity s + 1 (its own noise), word n of entity 0 (the
common factor), and words 2 n and 2 n + 1 of entity s + 1 | JUMPS (whether it jumps, and how far). The path is a
function of the world key and the settings, never of the book. All venues of a symbol share its value.
"""

from qsl_envs.engine.state import record
from qsl_envs.kernel.draw import FUNDAMENTAL as STREAM
from qsl_envs.kernel.draw import draw_normal, draw_unit, stream_key
from qsl_envs.kernel.fmath import sqrt_
from qsl_envs.kernel.jit import kernel

RING = 64
"""Grid points kept, a power of two: how far back a delayed observer may ask."""
JUMPS = 1 << 32
"""Added to the entity of a symbol: its jumps' own stream."""

FUNDAMENTAL = record(
    192,
    # what a schedule of regimes may change; it holds from the next grid point on (first `catch_up`, then write)
    ("drift", "f8"),  # ticks per second
    ("sigma", "f8"),  # ticks per square root of a second
    ("offset", "f8"),  # ticks added to the process: a step of the level that it returns to
    ("jump_rate", "f8"),  # per second
    ("jump_ticks", "f8"),
    # one grid step: factors on the distance, on `drift` and on `sigma`; seconds
    ("decay", "f8"),
    ("drift_scale", "f8"),
    ("noise_scale", "f8"),
    ("step_s", "f8"),
    ("common_weight", "f8"),
    ("own_weight", "f8"),
    ("level", "f8"),  # the process at the newest point, ticks from the start price
    ("sign", "f8"),  # -1 in a mirrored market
    ("start_price", "f8"),
    ("grid_ns", "i8"),
    ("own_skey", "i8"),
    ("common_skey", "i8"),
    ("jump_skey", "i8"),
    ("newest", "i8"),  # number of the newest point
    ("oldest", "i8"),  # number of the first point of the episode
    ("ring", "i8"),  # where the last points are kept in the float64 view
    ("active", "i8"),
)
"""The value process of one symbol."""


def set_value(f, config, start_price: int, mirror: bool) -> None:
    """Write a `ValueConfig` (None: the value is the start price, always) into a FUNDAMENTAL record."""
    f.start_price, f.sign = start_price, -1.0 if mirror else 1.0
    f.grid_ns = 1
    if config is None:
        return
    f.drift, f.sigma, f.jump_rate, f.jump_ticks = config.drift, config.sigma, config.jump_rate, config.jump_ticks
    f.decay, f.drift_scale, f.noise_scale = config.step()
    f.offset = config.offset
    f.grid_ns, f.step_s = config.grid_ns, config.grid_s
    f.common_weight, f.own_weight = float(sqrt_(config.common_share)), float(sqrt_(1 - config.common_share))
    f.active = 1


@kernel
def start_values(m, r):
    """Give the values of a replica their world's draws; they go on from where they stand, now."""
    run = m.runs[r]
    for s in range(run.num_symbols):
        f = m.fundamentals[run.fundamentals + s]
        if f.active != 0:
            f.own_skey = stream_key(run.world_key, STREAM, s + 1)
            f.common_skey = stream_key(run.world_key, STREAM, 0)
            f.jump_skey = stream_key(run.world_key, STREAM, (s + 1) | JUMPS)
            f.newest = f.oldest = run.now_ns // f.grid_ns
            m.floats[f.ring + (f.newest & (RING - 1))] = f.level + f.offset


@kernel
def catch_up(m, r, symbol, now_ns):
    """Draw a symbol's value up to `now_ns`: to be called before a setting of its process is changed."""
    f = m.fundamentals[m.runs[r].fundamentals + symbol]
    if f.active != 0 and now_ns // f.grid_ns > f.newest:
        draw_points(m, f, now_ns // f.grid_ns)


@kernel
def catch_up_all(m, r, now_ns):
    """`catch_up` for every symbol: after a stretch of time, so that a state does not tell who asked."""
    for s in range(m.runs[r].num_symbols):
        catch_up(m, r, s, now_ns)


@kernel
def draw_points(m, f, last):
    """Draw the points after the newest one, up to number `last`."""
    for n in range(f.newest + 1, last + 1):
        z = f.own_weight * draw_normal(f.own_skey, n)
        if f.common_weight != 0.0:
            z += f.common_weight * draw_normal(f.common_skey, n)
        level = f.decay * f.level + f.drift_scale * f.drift + f.noise_scale * f.sigma * z
        if f.jump_rate > 0.0 and draw_unit(f.jump_skey, 2 * n) < f.jump_rate * f.step_s:
            level += f.jump_ticks * draw_normal(f.jump_skey, 2 * n + 1)
        f.level = level
        m.floats[f.ring + (n & (RING - 1))] = level + f.offset
    f.newest = last


@kernel
def deviation_at(m, r, symbol, ts_ns):
    """A symbol's value at `ts_ns`, in ticks from its start price, float64; exactly the opposite in a mirrored market.

    `ts_ns` <= now: a later time would be drawn with the settings of now. A time before the points that are kept (the
    last 64, and none before the episode) gives the oldest of them.
    """
    f = m.fundamentals[m.runs[r].fundamentals + symbol]
    if f.active == 0:
        return 0.0
    n = ts_ns // f.grid_ns
    if n > f.newest:
        draw_points(m, f, n)
    n = max(n, max(f.oldest, f.newest - (RING - 1)))
    return f.sign * m.floats[f.ring + (n & (RING - 1))]


@kernel
def value_at(m, r, symbol, ts_ns):
    """A symbol's value at `ts_ns` <= now, float64 ticks; see `deviation_at` for times long past."""
    return m.fundamentals[m.runs[r].fundamentals + symbol].start_price + deviation_at(m, r, symbol, ts_ns)


@kernel
def gap_x2(m, r, symbol, mid_x2, now_ns):
    """How far a symbol's value lies above a mid, in half ticks, float64; exactly the opposite in a mirrored market."""
    start = m.fundamentals[m.runs[r].fundamentals + symbol].start_price
    return 2.0 * deviation_at(m, r, symbol, now_ns) - (mid_x2 - 2.0 * start)


@kernel
def rewind_values(m, r):
    """Make now time 0 for the values of a replica: their levels stay."""
    run = m.runs[r]
    for s in range(run.num_symbols):
        f = m.fundamentals[run.fundamentals + s]
        if f.active != 0:
            catch_up(m, r, s, run.now_ns)
            f.newest = f.oldest = 0
            m.floats[f.ring] = f.level + f.offset
