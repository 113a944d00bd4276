"""The one place where the market's code meets the playback of recorded days; called by address."""

from qsl_envs.kernel.jit import kernel
from qsl_envs.market.constants import DAY_BOOK
from qsl_envs.replay.playback import play_event


@kernel
def play_next(m, r):
    """Play the day's next event or aggressor in a replica; False when the event buffer is full: read it and call
    again.
    """
    run = m.runs[r]
    return play_event(m.book, run.books + DAY_BOOK, m.day, m.plays, run.plays)
