"""Short words for what people change most about an environment's market, as keyword arguments beside `config`."""

from __future__ import annotations

from typing import Any

from qsl_envs.errors import ConfigError, require
from qsl_envs.market.changes import merge
from qsl_envs.market.config import MarketConfig
from qsl_envs.network.config import LinkConfig
from qsl_envs.network.profiles import link
from qsl_envs.settings import from_dict, to_dict

MARKET_WORDS = {
    "latency": "of the agents' lines, each way: ns, the name of a profile of `qsl_envs.network`, or settings of a link",
    "fees": "of every venue, as `{'maker_fee_bps': 0.1}`",
    "risk": "limits of the agents, as `{'max_inventory': 20}`",
    "flow": "settings of the background flow, `kind` names another one (poisson, cst, hawkes, queue_reactive); or that "
    "name alone",
    "population": "participants inside the kernel, a list of `PopulationConfig` or mappings",
    "scenario": "a regime, or a list of them, by name or YAML file",
    "randomize": "settings drawn for each episode",
}


def take_words(arguments: dict[str, Any]) -> dict[str, Any]:
    """Take the words out of some keyword arguments; those that are None count as not said."""
    said = {name: arguments.pop(name) for name in MARKET_WORDS if name in arguments}
    return {name: value for name, value in said.items() if value is not None}


def with_words(config: MarketConfig, words: dict[str, Any], num_agents: int) -> MarketConfig:
    """A market as the words want it; its first `num_agents` participants are the agents.

    Raises: ConfigError naming the field that is wrong.
    """
    if not words:
        return config
    changes: dict[str, Any] = {}
    for name in ("population", "scenario", "randomize"):
        if name in words:
            changes[name] = words[name]
    if isinstance(changes.get("scenario"), str):
        changes["scenario"] = [changes["scenario"]]
    if "fees" in words:
        require(isinstance(words["fees"], dict), "market", "fees", "a mapping of a venue's settings", words["fees"])
        changes["venues"] = [words["fees"]] * len(config.venues)
    agent: dict[str, Any] = {}
    if "latency" in words:
        line = _line(words["latency"])
        agent.update(order_link=line, report_link=line, feed_link=line)
    if "risk" in words:
        agent["risk"] = words["risk"]
    if agent:
        rest = len(config.participants) - num_agents
        changes["participants"] = [agent] * num_agents + [{}] * rest
    base = to_dict(config)
    if "flow" in words:
        flow = {"kind": words["flow"]} if isinstance(words["flow"], str) else to_dict(words["flow"])
        require(isinstance(flow, dict), "market", "flow", "settings of a flow, or the name of one", words["flow"])
        kind = (base["flow"] or {}).get("kind", "poisson")
        if flow.get("kind", kind) != kind or base["flow"] is None:
            base["flow"] = flow  # another model's settings are not to be mixed with this one's
        else:
            changes["flow"] = flow
    return from_dict(MarketConfig, merge(base, changes))


def _line(latency: Any) -> dict[str, Any]:
    """Settings of a link from a number of ns, a profile's name, or settings."""
    if isinstance(latency, str):
        return to_dict(link(latency))
    if isinstance(latency, dict):
        return latency
    if isinstance(latency, LinkConfig):
        return to_dict(latency)
    whole = isinstance(latency, int) and not isinstance(latency, bool)
    if not whole:
        raise ConfigError(f"market.latency must be ns, a profile's name or settings of a link, was {latency!r}")
    return {"latency_ns": latency}
