"""Corrections by the recorded book: after a row, the rebuilt book is made equal to it on every level it can know.

A recorded side with all its levels filled says nothing of prices behind the last one; a side with a missing level is
known whole. Excess at a price is taken first from what no later row will ask for, so that real orders keep their ids.
"""

from __future__ import annotations

import numpy as np

from qsl_envs.engine.constants import BUY, NIL
from qsl_envs.kernel.jit import kernel
from qsl_envs.replay.events import BEFORE_AGENTS, Cause, Kind
from qsl_envs.replay.rebuild import BEST, add_order, place_of, take_off, worse_level

K_SYNTH_ADD, K_SYNTH_REDUCE, K_WITHDRAW = int(Kind.SYNTH_ADD), int(Kind.SYNTH_REDUCE), int(Kind.WITHDRAW)
C_ENTERED, C_GREW = int(Cause.LEVEL_ENTERED), int(Cause.LEVEL_GREW)
C_SHRANK, C_GONE = int(Cause.LEVEL_SHRANK), int(Cause.LEVEL_GONE)


@kernel
def shrink(s, ts_ns, row, side, rank, excess, cause):
    """Take `excess` lots off a price, newest orders first: spare lots, then, if that is not enough, any."""
    for spare_only in (True, False):
        slot = np.int64(s.places[place_of(s, side, rank)].tail)
        while slot != NIL and excess > 0:
            before = np.int64(s.orders[slot].prev)
            ident = np.int64(s.orders[slot].ident)
            qty = s.orders[slot].rest
            if spare_only and ident != NIL:
                qty -= s.ids[ident].need
            qty = min(qty, excess)
            if qty > 0:
                kind = K_WITHDRAW if qty == s.orders[slot].rest else K_SYNTH_REDUCE
                take_off(s, ts_ns, row, kind, slot, qty, NIL, cause)
                excess -= qty
            slot = before


@kernel
def clear_level(s, ts_ns, row, side, rank, cause):
    """Withdraw every order of a price."""
    slot = np.int64(s.places[place_of(s, side, rank)].head)
    while slot != NIL:
        behind = np.int64(s.orders[slot].next)
        take_off(s, ts_ns, row, K_WITHDRAW, slot, s.orders[slot].rest, NIL, cause)
        slot = behind


@kernel
def correct_side(s, ts_ns, row, side, ranks, qtys):
    """Make one side equal to the recorded levels: `ranks` (level,), best first, `NIL` = absent; `qtys` their lots."""
    sign = -1 if side == BUY else 1  # so that a larger sign * rank is a worse price
    num_levels = ranks.shape[0]
    mine = s.counts[BEST + side]
    level = 0
    while level < num_levels and ranks[level] != NIL:
        theirs = np.int64(ranks[level])
        if mine != NIL and sign * mine < sign * theirs:
            behind = worse_level(s, side, mine)
            clear_level(s, ts_ns, row, side, mine, C_GONE)
            mine = behind
            continue
        if mine == theirs:
            behind = worse_level(s, side, mine)
            missing = qtys[level] - s.places[place_of(s, side, mine)].qty
            if missing > 0:
                add_order(s, ts_ns, row, K_SYNTH_ADD, side, mine, missing, NIL, NIL, 0, BEFORE_AGENTS, C_GREW)
            elif missing < 0:
                shrink(s, ts_ns, row, side, mine, -missing, C_SHRANK)
            mine = behind
        else:
            add_order(s, ts_ns, row, K_SYNTH_ADD, side, theirs, qtys[level], NIL, NIL, 0, BEFORE_AGENTS, C_ENTERED)
        level += 1
    if level < num_levels:
        while mine != NIL:
            behind = worse_level(s, side, mine)
            clear_level(s, ts_ns, row, side, mine, C_GONE)
            mine = behind
