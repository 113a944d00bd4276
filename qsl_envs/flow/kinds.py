"""Every kind of background flow: what `MarketConfig.flow` takes; in YAML `kind` says which."""

from __future__ import annotations

from qsl_envs.flow.config import PoissonFlowConfig
from qsl_envs.flow.cst_config import CstFlowConfig
from qsl_envs.flow.hawkes_config import HawkesFlowConfig
from qsl_envs.flow.queue_reactive_config import QueueReactiveFlowConfig

AnyFlowConfig = PoissonFlowConfig | CstFlowConfig | HawkesFlowConfig | QueueReactiveFlowConfig
FLOWS: dict[str, type[AnyFlowConfig]] = {
    "poisson": PoissonFlowConfig,
    "cst": CstFlowConfig,
    "hawkes": HawkesFlowConfig,
    "queue_reactive": QueueReactiveFlowConfig,
}
"""`kind` -> settings, all of them with defaults that make a market."""
