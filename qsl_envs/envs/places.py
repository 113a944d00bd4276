"""Where the records of an env, a seat, a seat's book lie in the views of `TaskArrays`."""

from qsl_envs.envs.state import HISTORY, NUM_TERMS
from qsl_envs.kernel.jit import kernel


@kernel(inline=True)
def env_of(w, i):
    """Index of an ENV record."""
    return i * w.tasks[0].env_stride


@kernel(inline=True)
def seat_of(w, i, s):
    """Index of a SEAT record."""
    task = w.tasks[0]
    return i * task.seat_stride + task.seats + s


@kernel(inline=True)
def end_of(w, i, s):
    """Index of a SUMMARY record."""
    task = w.tasks[0]
    return i * task.end_stride + task.ends + s


@kernel(inline=True)
def desk_of(w, i, s, book):
    """Index of the DESK record of a seat and book."""
    task = w.tasks[0]
    return i * task.desk_stride + task.desks + s * task.num_books + book


@kernel(inline=True)
def mids_of(w, i, s, book):
    """Where the known mids of a seat and book start in `longs`."""
    task = w.tasks[0]
    return i * task.row_cells + task.mids + (s * task.num_books + book) * HISTORY


@kernel(inline=True)
def terms_of(w, i, s, section):
    """Where a seat's numbers, one a reward term, start in `floats`; `section`: TASK.terms, sums, weights, end_sums."""
    return i * w.tasks[0].row_cells + section + s * NUM_TERMS
