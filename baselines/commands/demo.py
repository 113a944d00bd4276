"""Learn to make a market, and compare with known makers on what was not learned from: the main job, in one go.

Reads a day of LOBSTER files (a synthetic one comes with the package), trains PPO on `qsl/MarketMaking-v0` with the
flow of its first 60 %, and evaluates it beside every tuned scripted maker on held-out worlds and on the last 40 % of
the day. Learns on in slower and dearer markets, prints the tables with intervals and writes one page with pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import qsl_envs
from baselines import ppo
from baselines.demo.page import draw, page_of
from baselines.demo.setting import Setting, read_setting, time_of_day
from baselines.demo.sweep import Found, Sweep, save_sweep, sweep
from baselines.evaluate import Worlds, evaluate
from baselines.learning.acting import NetworkPolicy
from baselines.learning.cloning import clone
from baselines.learning.run_files import ProgressLine, clock_text, commit
from baselines.policies.desk import Desk
from baselines.policies.library import names_for
from baselines.policies.makers import FixedSpread
from baselines.policies.plain import DoNothing, Random
from baselines.policies.protocol import Policy
from baselines.reports.page import Results, finding, text_table, write_report
from baselines.tuning.tune import Tuned, save_tuned, tune
from qsl_envs.errors import require

TUNING_WORLDS = 64
TRIES = 12
"""Of each scripted maker."""
FRAMES_AN_UPDATE = 30_720
LEARNER = "PPO"
SIMPLE = FixedSpread.name
"""What everybody knows; told beside the best of the tuned makers."""
COST_WORLDS = 64
"""Worlds that are recorded, for markouts and the sweep."""
SWEEP_SHARE = 0.1
"""Of the frames of the training: what the learner learns on with at each point of the sweep."""
STEPS = 7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl demo`."""
    parser.add_argument("--data", type=Path, help="LOBSTER message file of a day, its book file beside it")
    parser.add_argument("--minutes", type=float, default=2.0, help="minutes of training (default 2)")
    parser.add_argument("--frames", type=int, help="train on this many frames instead: the same run on every machine")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder for the report (default runs/demo)")
    parser.add_argument("--seed", type=int, default=1, help="of the training (default 1)")
    parser.add_argument("--worlds", type=int, default=256, help="synthetic worlds to evaluate on (default 256)")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="cores to use")
    learn_on = "learn and tune on synthetic worlds with the day's flow (default), or on the day's first 60 %%"
    parser.add_argument("--learn-on", choices=("worlds", "day"), default="worlds", help=learn_on)
    parser.add_argument("--no-sweep", action="store_true", help="leave the sweep over latencies and fees out")


def run(args: argparse.Namespace) -> int:
    """The whole of `qsl demo`."""
    require(args.minutes > 0, "demo", "--minutes", "> 0", args.minutes)
    require(args.worlds >= 2, "demo", "--worlds", ">= 2", args.worlds)
    started = time.perf_counter()
    args.out.mkdir(parents=True, exist_ok=True)
    setting = read_setting(args.data, args.out, args.threads, args.learn_on, lambda text: say(1, text))
    print(
        f"      {setting.name}, {time_of_day(setting.first_ns)} to {time_of_day(setting.last_ns)},"
        f" {setting.num_messages:,} messages, {len(setting.table):,} events; measured until"
        f" {time_of_day(setting.split_ns)}; sessions of {setting.options['session_ns'] / 1e9:g} s,"
        f" a step {setting.options['step_ns'] / 1e9:g} s"
    )
    where = "synthetic worlds with its flow" if args.learn_on == "worlds" else "the first 60 %"
    say(2, f"tuning the scripted makers on {where}, {TRIES} tries each")
    tuned = tune_makers(setting, args.out)
    learned, curve, teacher, settings = learn(setting, tuned, args, where)
    policies = policies_of(setting, learned, tuned)
    best = max(tuned.values(), key=lambda one: one.score).name
    sets = {
        f"held-out worlds of {setting.synthetic.env_id}": (setting.synthetic.worlds(args.worlds), 4),
        f"the last 40 % of {setting.name}": (setting.held_out_day(), 5),
    }
    results: dict[str, Results] = {}
    for place, (worlds, step) in sets.items():
        say(step, f"evaluating on {place}, {worlds.count} worlds, each once to its end")
        results[place] = evaluate(policies, worlds, ProgressLine("      "))
    costs = recorded(setting, {name: policies[name] for name in (LEARNER, *tuned)}, args)
    swept = None if args.no_sweep else sweep_of(setting, settings, args)
    say(STEPS, "drawing")
    pictures = draw(setting, args.out, policies, best, curve, tuned, results, costs, swept)
    print()
    for place, found in results.items():
        print(f"{place}; mean over worlds [95 % bootstrap interval], ticks x lots\n")
        print(text_table(found, best) + "\n")
    rivals = dict.fromkeys((best, SIMPLE))
    findings = [finding(found, LEARNER, rival, place) for place, found in results.items() for rival in rivals]
    print("\n".join(findings))
    facts = facts_of(setting, args, curve, tuned, teacher, settings)
    page = write_report(args.out / "report.html", page_of(setting, results, findings, best, pictures, facts, swept))
    save_results(args.out / "results.json", results)
    print(f"\nReport: {page}")
    print("Pictures: " + ", ".join(str(picture[0]) for picture in pictures))
    print(f"Took {clock_text(time.perf_counter() - started)}; the same training again: {_again(args, curve)}")
    return 0


def say(step: int, text: str) -> None:
    """Announce a step."""
    print(f"[{step}/{STEPS}] {text}", flush=True)


def tune_makers(setting: Setting, out: Path) -> dict[str, Tuned]:
    """As many tries for each maker, on the same training worlds."""
    makers = [name for name in names_for(setting.learning_id) if name not in (DoNothing.name, Random.name)]
    worlds = Worlds(setting.training(), TUNING_WORLDS, block=TUNING_WORLDS)
    tuned = tune(worlds, makers, TRIES, tell=ProgressLine("      "))
    about = {"day": setting.name, "learned on": setting.learn_on, "worlds": TUNING_WORLDS, "options": setting.options}
    save_tuned(out / "tuned.json", tuned, {**about, "commit": commit()})
    for name, best in tuned.items():
        print(f"      {name}: {_words(best.parameters)}")
    return tuned


def learn(
    setting: Setting, tuned: Mapping[str, Tuned], args: argparse.Namespace, where: str
) -> tuple[Policy, list[dict[str, float]], str, ppo.Args]:
    """Train on training worlds: from a clone of the best tuned maker, for as long as the minutes allow.

    Returns: the policy, its curve, the name of the maker that was cloned, the settings.
    """
    # A rollout is one whole session of every environment, so that each update sees every age of it.
    num_steps = setting.options["session_ns"] // setting.options["step_ns"]
    num_envs = max(32, FRAMES_AN_UPDATE // num_steps // 32 * 32)
    settings = ppo.Args(
        env_id=setting.learning_id,
        env_options=json.dumps(setting.options),
        seed=args.seed,
        num_envs=num_envs,
        num_steps=num_steps,
        num_threads=args.threads,
        minibatch_size=FRAMES_AN_UPDATE // 4,
        init_log_std=-1.4,
        init=str(args.out / "start"),
        critic_updates=5,
        out=str(args.out / "ppo"),
    )
    teacher = max(tuned.values(), key=lambda one: one.score)
    envs = setting.training()(num_envs, step_info=False)
    try:
        clone(teacher.build(Desk.of(envs)), envs, Path(settings.init), steps=num_steps, seed=args.seed)
        frames = args.frames
        if frames is None:
            batch = num_envs * num_steps
            trial = replace(settings, total_frames=3 * batch, out=str(args.out / "trial"))
            _, rows = ppo.train(trial, envs, lambda share, text: None)
            speed = 2 * batch / (rows[2]["seconds"] - rows[0]["seconds"])
            frames = max(batch, int(speed * 60 * args.minutes) // batch * batch)
        settings = replace(settings, total_frames=frames)
        say(3, f"training {LEARNER} on {where}, from a clone of {teacher.name}, {frames:,} frames")
        agent, curve = ppo.train(settings, envs, ProgressLine("      "))
    finally:
        envs.close()
    return NetworkPolicy(agent.actor, LEARNER), curve, teacher.name, settings


def policies_of(setting: Setting, learned: Policy, tuned: Mapping[str, Tuned]) -> dict[str, Policy]:
    """What is compared, in the order of the tables: the learner, the makers from the best on, random, nothing."""
    envs = setting.training()(1)
    desk = Desk.of(envs)
    envs.close()
    ranked = sorted(tuned.values(), key=lambda one: -one.score)
    makers = {one.name: one.build(desk) for one in ranked}
    return {LEARNER: learned, **makers, Random.name: Random(desk), DoNothing.name: DoNothing(desk)}


def recorded(setting: Setting, policies: dict[str, Policy], args: argparse.Namespace) -> Results:
    """The first held-out worlds again, recorded: how the orders fared."""
    worlds = setting.synthetic.worlds(min(COST_WORLDS, args.worlds), block=min(32, args.worlds))
    return evaluate(policies, worlds, ProgressLine("      recorded: "), record=True)


def sweep_of(setting: Setting, settings: ppo.Args, args: argparse.Namespace) -> Found:
    """Slower lines and dearer venues; what is learned on there starts from what was learned."""
    batch = settings.num_envs * settings.num_steps
    frames = max(batch, int(SWEEP_SHARE * settings.total_frames) // batch * batch)
    say(6, f"latencies and fees from 0.1x to 100x; {LEARNER} learns on for {frames:,} frames at each")
    changes = {"total_frames": frames, "num_threads": 1, "critic_updates": 1, "learning_rate": 2e-4}
    plan = Sweep(
        setting.synthetic, args.out / "ppo" / "policy", {**vars(settings), **changes}, min(COST_WORLDS, args.worlds),
        args.out / "sweep", args.threads,
    )  # fmt: skip
    found = sweep(plan, ProgressLine("      "))
    save_sweep(args.out / "sweep.json", found)
    return found


def facts_of(
    setting: Setting,
    args: argparse.Namespace,
    curve: list[dict[str, float]],
    tuned: Mapping[str, Tuned],
    teacher: str,
    settings: ppo.Args,
) -> dict[str, str]:
    """How it was made."""
    last = curve[-1]
    return {
        "day": f"{setting.name}, {time_of_day(setting.first_ns)} to {time_of_day(setting.last_ns)}",
        "measured on": f"its span until {time_of_day(setting.split_ns)}: {setting.measures}",
        "learned in": f"{setting.learning_id}; {last['frames']:,} frames in {clock_text(last['seconds'])}",
        "started from": f"a clone of {teacher}, the best of the tuned makers on training worlds",
        "environment": json.dumps(setting.options),
        **{f"{name}, best of {len(t.tries)}": _words(t.parameters) for name, t in tuned.items()},
        "learner": ", ".join(f"{key} {getattr(settings, key)}" for key in SETTINGS),
        "same training again": _again(args, curve),
        "version": f"quant-sim-lab {qsl_envs.__version__} {commit()[:12]}",
    }


SETTINGS = ("num_envs", "num_steps", "num_epochs", "minibatch_size", "gamma", "gae_lambda", "learning_rate", "hidden")
"""Of the learner, told on the page."""


def save_results(path: Path, results: Mapping[str, Results]) -> None:
    """Every metric of every world, as JSON; what is not a number is null."""

    def plain(values: np.ndarray) -> list[float | None]:
        return [None if np.isnan(v) else float(v) for v in values]

    content = {w: {p: {m: plain(v) for m, v in found.items()} for p, found in r.items()} for w, r in results.items()}
    path.write_text(json.dumps(content) + "\n")


def _again(args: argparse.Namespace, curve: list[dict[str, Any]]) -> str:
    """A command that trains on as many frames, whatever the machine's speed."""
    data = f" --data {args.data}" if args.data else ""
    learn_on = " --learn-on day" if args.learn_on == "day" else ""
    return f"qsl demo{data}{learn_on} --frames {curve[-1]['frames']} --seed {args.seed}"


def _words(parameters: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in parameters.items())
