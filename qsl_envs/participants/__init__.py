"""Participants that trade inside the kernel: built-in kinds, how to add one, and the formulas that they quote by."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qsl_envs.participants.register import participant

__all__ = ["participant"]


def __getattr__(name: str) -> Any:
    """`participant`, brought in when it is asked for: whoever wants a formula alone loads no market."""
    if name == "participant":
        from qsl_envs.participants.register import participant

        return participant
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
