"""Names of the scripted policies for callers that have not yet moved to `baselines.policies`."""

from baselines.keyed import mixed
from baselines.policies.desk import Desk
from baselines.policies.library import POLICIES, build
from baselines.policies.makers import AvellanedaStoikov, FixedSpread, InventorySkew
from baselines.policies.plain import DoNothing, Random
from baselines.policies.protocol import Policy, Scripted

__all__ = [
    "POLICIES", "AvellanedaStoikov", "Desk", "DoNothing", "FixedSpread", "InventorySkew", "Policy", "Random",
    "Scripted", "build", "mixed",
]  # fmt: skip
