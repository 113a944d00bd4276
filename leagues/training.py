"""Self-play on the full book: a league with exploiters, or PSRO; then the judgment of what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from baselines.learning.run_files import ProgressLine
from leagues import matchmaking
from leagues.judging import judge
from leagues.matchmaking import MAIN, Member, schedule
from leagues.psro import psro
from leagues.training_config import LeagueConfig
from leagues.workshop import START, Tell, Workshop

STARTER, RESPONSE = "starter", "response"


def train(config: LeagueConfig, out: str | Path, *, resume: bool = False, tensorboard: bool = False,
          track: bool = False, wandb_project: str = "quant-sim-lab",
          tell: Tell | None = None) -> dict[str, Any]:  # fmt: skip
    """Run self-play and judge it, writing into `out`; see `leagues.workshop.Workshop` for what stands there.

    Args:
        config: settings.
        resume: go on from what is in `out`; the answer is the same as without the interruption.
        tensorboard, track, wandb_project: where to log beside the files.
        tell: takes the share that is done and a line about it; None prints both.

    Returns: the judgment, plain values; it also stands in `out` as report.json and report.md.
    Raises: ConfigError for settings that cannot be, or a folder with another run in it.
    """
    shop = open_shop(config, out, resume=resume, tell=tell or ProgressLine(), tensorboard=tensorboard, track=track,
                     wandb_project=wandb_project)  # fmt: skip
    try:
        return judge(shop, learn(shop))
    finally:
        shop.log.close()


def open_shop(config: LeagueConfig, out: str | Path, **given: Any) -> Workshop:
    """The workshop of a run; `given` goes to `leagues.workshop.Workshop`."""
    return Workshop(config, Path(out), total_sessions(config), **given)


def learn(shop: Workshop) -> list[str]:
    """All of the learning; returns the first main's checkpoints, or PSRO's population, oldest first."""
    warm_up(shop)
    return league(shop) if shop.config.method == "league" else respond(shop)


def total_sessions(config: LeagueConfig) -> int:
    """Sessions of a whole run."""
    learning = config.matchmaking.turns * len(schedule(config.matchmaking))
    if config.method == "psro":
        learning = config.oracles.iterations * config.oracles.sessions
    return config.warm_up + learning + 2 * config.judging.exploiter_sessions


def warm_up(shop: Workshop) -> None:
    """Make the first network: let it imitate where asked, teach it against the starters, put it into the pool."""
    config = shop.config
    names = [spec.name for spec in config.starters] or [START]

    def opponents(chance: np.random.Generator) -> list[str]:
        return [names[int(k)] for k in chance.integers(0, len(names), config.arena.blocks)]

    student = shop.student(START)
    if config.imitate and not student.taught:
        shop.facts["imitated"] = shop.arena.imitate(student, shop.scripted[config.imitate], config.seed,
                                                       config.imitation_passes)  # fmt: skip
    shop.drill(START, "", config.warm_up, opponents)
    shop.enter(START, shop.student(START), START, START)


def members(shop: Workshop) -> list[Member]:
    """The pool as the league knows it: starters and checkpoints, oldest first."""
    joined = shop.facts["joined"]
    found = []
    for entry in shop.pool.entries(role=shop.config.arena.role):
        agent, _, number = entry.name.partition("@")
        # A kill may have left a checkpoint that the saved state does not know of: its session will come again.
        if not entry.note or (agent in joined and int(number) <= joined[agent]):
            found.append(Member(entry.name, entry.note or STARTER, agent))
    return found


def league(shop: Workshop) -> list[str]:
    """Turn after turn, every agent learns against whom the rules choose; returns the first main's checkpoints."""
    rules, blocks = shop.config.matchmaking, shop.config.arena.blocks
    order = schedule(rules)
    for member in order:
        student = shop.student(member.name, START)
        # Names stand for the agents as they are now, so all of them have to be there before the first session.
        shop.facts.setdefault("joined", {}).setdefault(member.name, 0)
        if member.kind == MAIN:
            shop.enter(f"{member.name}@0", student, member.name, MAIN, START)
    first = shop.config.warm_up
    for number in range(shop.number - first, rules.turns * len(order)):
        member = order[number % len(order)]
        student, chance = shop.students[member.name], shop.chance()
        past = members(shop)
        shop.session(member.name, matchmaking.choose(member, past, shop.rates, rules, blocks, chance))
        left = order[number % len(order) + 1 :] if number // len(order) == rules.turns - 1 else order
        last = member.kind == MAIN and member not in left
        if last or matchmaking.joins(member, student.sessions, past, shop.rates, rules):
            count = shop.facts["joined"][member.name] + 1
            parent = next((m.name for m in reversed(past) if m.agent == member.name), START)
            shop.enter(f"{member.name}@{count}", student, member.name, member.kind, parent)
            shop.facts["joined"][member.name] = count
            student.sessions = 0
            if matchmaking.begins_anew(member, rules, chance):
                shop.begin_from(student, START)
                shop.rates.forget(member.name)
        shop.save()
    agent = matchmaking.roster(rules)[0].name
    return [f"{agent}@{k}" for k in range(shop.facts["joined"][agent] + 1)]


def respond(shop: Workshop) -> list[str]:
    """PSRO: each response learns against the meta-solver's mixture of those before; returns the population.

    It begins from the response before it. Finished responses and payoffs are on disk, so a resumed run finds them.
    """
    settings, blocks = shop.config.oracles, shop.config.arena.blocks
    floor = shop.floor("validation", settings.worlds)
    shop.enter("response@0", shop.student(START), "response", RESPONSE, START)

    def payoff(own: str, other: str) -> float:
        return float(shop.pay(floor, own, [other])[own].mean())

    def answer(strategies: list[str], mixture: np.ndarray) -> str:
        number = len(strategies)
        name, student_name = f"response@{number}", f"response-{number}"
        parent = START if number == 1 else f"response-{number - 1}"

        def opponents(chance: np.random.Generator) -> list[str]:
            return [strategies[int(k)] for k in chance.choice(len(strategies), blocks, p=mixture / mixture.sum())]

        shop.drill(student_name, parent, settings.sessions, opponents)
        shop.enter(name, shop.student(student_name), "response", RESPONSE, strategies[-1])
        return name

    stages = []
    for stage in psro(["response@0"], payoff, answer, settings.meta_solver, settings.iterations):
        stages.append({"strategies": stage.strategies, "payoffs": stage.payoffs.tolist(),
                       "mixture": stage.mixture.tolist(), "nash_conv": stage.nash_conv})  # fmt: skip
    shop.facts["psro"] = stages
    shop.save()
    return stages[-1]["strategies"]
