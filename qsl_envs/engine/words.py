"""The words of files and of the facade, and the engine's numbers for them."""

from __future__ import annotations

from qsl_envs.engine import constants as c
from qsl_envs.engine.reasons import Reason

ACTIONS = {
    "add": c.ADD,
    "cancel": c.CANCEL,
    "reduce": c.REDUCE,
    "replace": c.REPLACE,
    "cancel_all": c.CANCEL_ALL,
    "call": c.CALL,
    "uncross": c.UNCROSS,
}
SIDES = {"buy": c.BUY, "sell": c.SELL}
ORDER_TYPES = {
    "limit": c.LIMIT,
    "market": c.MARKET,
    "pegged": c.PEGGED,
    "stop": c.STOP,
    "stop_limit": c.STOP_LIMIT,
}
TIFS = {"day": c.DAY, "gtc": c.GTC, "ioc": c.IOC, "fok": c.FOK, "gtd": c.GTD}
PEGS = {"primary": c.PEG_PRIMARY, "market": c.PEG_MARKET, "mid": c.PEG_MID}
POST_ONLY = {"reject": c.POST_REJECT, "slide": c.POST_SLIDE}
STP_MODES = {
    "off": c.STP_OFF,
    "cancel_taker": c.STP_CANCEL_TAKER,
    "cancel_resting": c.STP_CANCEL_RESTING,
    "cancel_both": c.STP_CANCEL_BOTH,
    "decrement": c.STP_DECREMENT,
}
STATUSES = ("ack", "partial", "fill", "canceled", "reject")
"""By `constants.ACK` ... `REJECT`."""

TYPE_WORDS = {number: word for word, number in ORDER_TYPES.items()}
SIDE_WORDS = ("buy", "sell")


def reason_word(number: int) -> str:
    """Name of a reason, empty for NONE."""
    return _REASON_WORDS[number]


_REASON_WORDS = {int(reason): "" if reason == Reason.NONE else reason.name for reason in Reason}
