"""The matching engine: one venue, one symbol, one book. Knows no agent; is told the time.

`OrderBook` is the door for people; kernels take `BookArrays` and the index of a book (`engine.state`).
"""

from qsl_envs.engine.config import EngineConfig
from qsl_envs.engine.constants import *  # noqa: F403
from qsl_envs.engine.reasons import Reason

_LAZY = {
    "OrderBook": "book",
    "Report": "book",
    "Trade": "book",
    "MESSAGE": "messages",
    "REPORT": "messages",
    "TRADE": "messages",
}
__all__ = ["EngineConfig", "Reason", *_LAZY]


def __getattr__(name: str):
    """Load what needs compiled kernels only when it is asked for."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
