"""What came of self-play: later against earlier agents, a fresh exploiter's gain, markets with unmet populations.

All on worlds of a split that training never saw, the same for everybody, seats rotated.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from baselines.intervals import Estimate, bootstrap
from leagues.match import Floor
from leagues.training_config import Population
from leagues.workshop import START, Workshop


def judge(shop: Workshop, agents: Sequence[str]) -> dict[str, Any]:
    """Judge a run and write report.json and report.md.

    Args:
        agents: a main agent's checkpoints or a population, oldest first.

    Returns: plain values: `ladder`, `payoffs`, `leads`, `cycles`, `exploiters`, `populations`, `about`. An estimate is
        [mean, low, high] (95 %, bootstrap over worlds), money is in ticks x lots an episode.
    """
    settings = shop.config.judging
    floor = shop.floor(settings.split, settings.worlds)
    ladder = spaced(agents, settings.ladder)
    report: dict[str, Any] = {
        "about": {"name": shop.config.name, "method": shop.config.method, "env_id": shop.config.arena.env_id,
                  "role": shop.config.arena.role, "seed": shop.config.seed, "pool": len(shop.pool),
                  "worlds": settings.worlds, "split": settings.split},
        "ladder": ladder, **compare(shop, floor, ladder),
        "exploiters": {name: exploit(shop, floor, name) for name in dict.fromkeys((ladder[0], ladder[-1]))},
        "populations": {p.name: visit(shop, floor, p, (START, ladder[0], ladder[-1])) for p in settings.populations},
    }  # fmt: skip
    report["about"] |= {"sessions": shop.number, "frames": shop.number * shop.config.arena.frames,
                        "seconds": round(shop.pace.seconds())}  # fmt: skip
    if "psro" in shop.facts:
        report["psro"] = shop.facts["psro"]
    (shop.out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (shop.out / "report.md").write_text(text_of(report))
    return report


def spaced(names: Sequence[str], count: int) -> list[str]:
    """At most `count` names, evenly spaced, first and last included."""
    places = np.unique(np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int))
    return [names[k] for k in places]


# --- later against earlier


def compare(shop: Workshop, floor: Floor, ladder: Sequence[str]) -> dict[str, Any]:
    """Everybody of the ladder alone among each other one: what it earns, and by how much it leads them there."""
    n = len(ladder)
    payoffs: list[list[Any]] = [[None] * n for _ in range(n)]
    leads: list[list[Any]] = [[None] * n for _ in range(n)]
    for a, b in itertools.product(range(n), repeat=2):
        found = shop.pay(floor, ladder[a], [ladder[b]])
        payoffs[a][b] = list(bootstrap(found[ladder[a]]))
        leads[a][b] = list(bootstrap(found[ladder[a]] - found[ladder[b]]))
    return {"payoffs": payoffs, "leads": leads, "cycles": cycles(leads)}


def cycles(leads: Sequence[Sequence[Sequence[float]]]) -> dict[str, Any]:
    """How much of the leads is no ranking: `share` of their variance, and `triples` a > b > c > a that are shown.

    The score of a against b is half of (a's lead over b minus b's over a). A ranking explains differences of mean
    scores; what it leaves is the cyclic part of the decomposition of Jiang, Lim, Yao and Ye (2011).
    """
    means = np.array([[cell[0] for cell in row] for row in leads])
    score = (means - means.T) / 2
    ranking = score.mean(1)
    rest = score - (ranking[:, None] - ranking[None, :])
    total = float((score**2).sum())
    shown = np.array([[a != b and leads[a][b][1] > 0 and leads[b][a][2] < 0 for b in range(len(leads))]
                      for a in range(len(leads))])  # fmt: skip
    triples = [list(t) for t in itertools.permutations(range(len(leads)), 3)
               if t[0] == min(t) and shown[t[0], t[1]] and shown[t[1], t[2]] and shown[t[2], t[0]]]  # fmt: skip
    return {"share": float((rest**2).sum()) / total if total > 0 else 0.0, "triples": triples}


# --- exploiters


def exploit(shop: Workshop, floor: Floor, target: str) -> dict[str, Any]:
    """Train a fresh exploiter against one agent, and see what it gains over that agent in its own place.

    The gain is an estimate from below of what a best response would gain: the exploitability of the agent.
    """
    student_name, name = f"exploiter-of-{target}", f"exploiter-of-{target}!"
    blocks = shop.config.arena.blocks
    shop.drill(student_name, START, shop.config.judging.exploiter_sessions, lambda chance: [target] * blocks)
    shop.enter(name, shop.student(student_name), student_name, "exploiter", START)
    own = shop.pay(floor, name, [target])
    among = shop.pay(floor, target, [target])
    known = scripted_gains(shop, floor, target, among[target])
    best = max(known, key=lambda player: known[player][0], default="")
    return {
        "payoff": list(bootstrap(own[name])), "payoff of the target there": list(bootstrap(own[target])),
        "target among itself": list(bootstrap(among[target])),
        "gain": list(bootstrap(own[name] - among[target])),
        "scripted gains": known, "best scripted": best,
    }  # fmt: skip


def scripted_gains(shop: Workshop, floor: Floor, target: str, among: np.ndarray) -> dict[str, list[float]]:
    """What each scripted player of the settings gains in the target's place: an exploiter need not be learned.

    Args:
        among: what the target earns there among itself, float64 (worlds,).
    """
    config = shop.config
    specs = [*config.starters, *(spec for population in config.judging.populations for spec in population.players)]
    return {spec.name: list(bootstrap(shop.pay(floor, spec.name, [target])[spec.name] - among)) for spec in specs}


# --- held-out populations


def visit(shop: Workshop, floor: Floor, population: Population, focal: Sequence[str]) -> dict[str, Any]:
    """Focal players in markets of a background population that training never met (Leibo et al. 2021).

    As a visitor a focal player is alone among the population; as residents focal players hold all seats of the role
    but one (with two seats that is the same market). `native` is what the population's first player earns as such a
    visitor: what the seat is worth to them.
    """
    natives = [spec.name for spec in population.players]
    home = shop.pay(floor, natives[0], natives[1:] or natives, population.background)
    found: dict[str, Any] = {
        "native": list(bootstrap(home[natives[0]])),
        "visitor": {},
        "over native": {},
        "resident": {},
    }
    for name in dict.fromkeys(focal):
        alone = shop.pay(floor, name, natives, population.background)[name]
        found["visitor"][name] = list(bootstrap(alone))
        found["over native"][name] = list(bootstrap(alone - home[natives[0]]))
        many = shop.pay(floor, natives[0], [name], population.background)
        found["resident"][name] = list(bootstrap(many[name]))
    return found


# --- words


def text_of(report: dict[str, Any]) -> str:
    """The report in Markdown."""
    about, ladder = report["about"], report["ladder"]
    lines = [
        f"# {about['name']}, seed {about['seed']}", "",
        f"{about['method']} on {about['env_id']} ({about['role']}): {about['frames']:,} steps of markets in "
        f"{about['sessions']} sessions, {about['seconds']} s; {about['worlds']} worlds of the split "
        f"{about['split']!r}. P&L in ticks x lots an episode, mean and 95 % interval over worlds.", "",
        "## Later against earlier", "", "What the row earns alone among the column:", "",
        *table(["", *ladder], [[name, *map(shown, row)] for name, row in zip(ladder, report["payoffs"])]), "",
        "By how much the row leads the column there:", "",
        *table(["", *ladder], [[name, *map(shown, row)] for name, row in zip(ladder, report["leads"])]), "",
        cycle_words(report), "", "## Fresh exploiters", "",
        *table(["target", "target among itself", "exploiter among targets", "gain", "best scripted", "its gain"],
               [[name, shown(e["target among itself"]), shown(e["payoff"]), shown(e["gain"]), e["best scripted"],
                 shown(e["scripted gains"].get(e["best scripted"], [np.nan] * 3))]
                for name, e in report["exploiters"].items()]), "",
    ]  # fmt: skip
    for name, found in report["populations"].items():
        lines += [f"## Held out: {name}", "", f"A native visitor earns {shown(found['native'])}.", ""]
        rows = [[focal, shown(found["visitor"][focal]), shown(found["over native"][focal]),
                 shown(found["resident"][focal])] for focal in found["visitor"]]  # fmt: skip
        lines += [*table(["focal", "as visitor", "over the native", "as residents"], rows), ""]
    return "\n".join(lines)


def cycle_words(report: dict[str, Any]) -> str:
    """What the leads say about cycles."""
    found, ladder = report["cycles"], report["ladder"]
    share = f"A ranking leaves {found['share']:.0%} of the variance of the leads unexplained."
    if not found["triples"]:
        return f"{share} No cycle is shown."
    named = "; ".join(" > ".join(ladder[k] for k in (*t, t[0])) for t in found["triples"])
    return f"{share} It cycles: {named}."


def shown(estimate: Sequence[float]) -> str:
    """An estimate in a table."""
    return str(Estimate(*estimate))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
