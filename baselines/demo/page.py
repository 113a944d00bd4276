"""The demo's pictures and its page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from baselines.demo.setting import Setting, time_of_day
from baselines.demo.sweep import AXES, FROZEN, RETRAINED, SHOWN, Found, along, sweep_table
from baselines.policies.plain import DoNothing
from baselines.policies.protocol import Policy
from baselines.reports.page import Report, Results
from baselines.reports.pictures import draw_book, draw_episode, draw_learning, draw_results
from baselines.reports.pictures_costs import draw_distribution, draw_markouts, draw_sweep
from baselines.reports.trace import watch
from baselines.tuning.tune import Tuned

SCORE = "score of a world, ticks x lots"
SWEEP_TITLES = {"latency": "Latency, each way", "fees": "Fees and rebates"}
SWEEP_LABELS = {FROZEN: "PPO, frozen", RETRAINED: "PPO, learned on there", DoNothing.name: "do nothing"}
SWEEP_COLORS = {FROZEN: "#6a3fb5", RETRAINED: "#d98200", DoNothing.name: "#4a5a6a"}

Picture = tuple[Path, str, str]
"""File, heading, caption."""


def draw(
    setting: Setting,
    out: Path,
    policies: Mapping[str, Policy],
    best: str,
    curve: list[dict[str, float]],
    tuned: Mapping[str, Tuned],
    results: Mapping[str, Results],
    costs: Results,
    swept: Found | None,
) -> list[Picture]:
    """All pictures. The sessions shown are the first ones held out: chosen by nobody."""
    learner = next(iter(policies))
    titles = {("Synthetic" if n == 0 else "Replayed"): found for n, found in enumerate(results.values())}
    traded = {title: {n: r for n, r in found.items() if n != "random"} for title, found in titles.items()}
    pictures: list[Picture] = [
        (
            draw_results(out / "results.png", traded, "score", SCORE),
            "Results by world",
            "Score: P&L less the price of holding inventory, what all were tuned for. A dot is a world; the ring is "
            "the mean over worlds, the bar its 95 % bootstrap interval.",
        ),
        (
            draw_distribution(out / "pnl.png", traded, "pnl", "P&L of a world, ticks x lots"),
            "How P&L is spread over worlds",
            "The shape is how often a result came; ring and bar are the mean and its 95 % interval.",
        ),
        (
            draw_learning(out / "learning.png", learner, curve, {name: one.score for name, one in tuned.items()}),
            "Learning",
            "Return of the episodes that ended in each update, with exploration noise, and its moving mean; dashed: "
            f"the best of {len(next(iter(tuned.values())).tries)} settings of each scripted maker, on training worlds.",
        ),
        *_episodes(setting, out, policies, best),
        (
            draw_markouts(out / "markouts.png", costs, list(costs)),
            "Markouts",
            "What a lot that was bought or sold is worth some time later, against its price. Above 0 at once is the "
            "half spread that was earned; what is lost on the way to the right is adverse selection.",
        ),
    ]
    if swept is not None:
        columns = {SWEEP_TITLES[axis]: along(swept, axis) for axis in AXES}
        pictures.append(
            (
                draw_sweep(out / "sweep.png", columns, SHOWN, SWEEP_LABELS, SWEEP_COLORS),
                "Slower lines, dearer venues",
                "The same held-out worlds with latencies and fees from a tenth to a hundred times the default. Frozen: "
                "the policy as it was learned at 1x. Learned on there: it went on learning in training worlds of each "
                "point. A frozen policy at a high latency measures its own cancels, which come too late; look at "
                "orders, fills and the age of its quotes beside its P&L. At 100x a rebate is larger than a spread.",
            )
        )
    return pictures


def _episodes(setting: Setting, out: Path, policies: Mapping[str, Policy], best: str) -> list[Picture]:
    """The first held-out session of the day: on its book, and three makers beside each other."""
    learner = next(iter(policies))
    shown = list(dict.fromkeys((learner, best, *policies)))[:3]
    worlds = setting.held_out_day()
    envs = worlds.make(8)
    try:
        options = {"start_ns": np.full(8, setting.split_ns)}
        traces = {name: watch(envs, policies[name], worlds.first_seed, options) for name in shown}
    finally:
        envs.close()
    title = f"{setting.name}, from {time_of_day(setting.split_ns)}"
    return [
        (
            draw_book(out / "book.png", learner, traces[learner], title),
            "Book and quotes",
            "The first session of the day that was held out. The book is the true one; the agent sees it later.",
        ),
        (
            draw_episode(out / "episode.png", traces, title),
            "Quotes, inventory, P&L",
            "The same session under three makers. What is held at its end is liquidated against the displayed book.",
        ),
    ]


def page_of(
    setting: Setting,
    results: Mapping[str, Results],
    findings: list[str],
    best: str,
    pictures: list[Picture],
    facts: Mapping[str, str],
    swept: Found | None,
) -> Report:
    """The page."""
    strangers = "" if setting.learn_on == "worlds" else " Nothing was learned or tuned there: all are strangers."
    about = (
        "Zero-intelligence flow with the rates, sizes and distances of the day's first 60 %; split test, which nothing "
        f"was learned, tuned or chosen on.{strangers}",
        "Sessions that follow one another, none of which was learned, tuned or measured on. Few and of one day: "
        "the interval says nothing about other days.",
    )
    tables = {place[0].upper() + place[1:]: (text, found) for (place, found), text in zip(results.items(), about)}
    lead = (
        f"PPO learned in {setting.learning_id} and is compared with every tuned scripted maker on the same worlds, "
        "which none of them has seen. Brackets are 95 % bootstrap intervals over worlds."
    )
    plain = {} if swept is None else {"Latency and fees, in numbers": sweep_table(swept)}
    return Report(
        "Making a market: learned against known", lead, findings, tables, best, pictures, facts, plain_tables=plain
    )
