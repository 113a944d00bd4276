"""Learn to make a market on a day, and compare with known makers on what was not learned from.

Reads a day of LOBSTER files (a synthetic one comes with the package), trains PPO on the first 60 % of its span, and
evaluates it beside tuned scripted makers on the last 40 % and on synthetic worlds that resemble the day. Prints tables
with intervals and writes a page with pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

import qsl_envs
from baselines import ppo
from baselines.acting import NetworkPolicy
from baselines.cloning import clone
from baselines.evaluate import Worlds, evaluate
from baselines.pictures import draw_book, draw_episode, draw_learning, draw_results
from baselines.policies.desk import Desk
from baselines.policies.makers import AvellanedaStoikov, FixedSpread, InventorySkew
from baselines.policies.plain import DoNothing
from baselines.policies.protocol import Policy
from baselines.report import Report, Results, finding, text_table, write_report
from baselines.run_files import ProgressLine, clock_text, commit
from baselines.trace import watch
from baselines.tune import Tuned, save_tuned, tune
from baselines.twin import Measures, measure, sessions, task_options, twin_options
from qsl_envs.errors import DataError, require
from qsl_envs.replay.convert import convert
from qsl_envs.replay.events import EventTable
from qsl_envs.replay.lobster import read_day
from qsl_envs.replay.samples import write_sample

TRAIN_SHARE = 0.6
"""Of the day's span: what is learned, tuned and measured on."""
SESSION_NS = 30_000_000_000
MIN_SESSIONS = 8
"""Sessions that must fit the part of the day that is evaluated on; they are made shorter for that."""
MAX_SESSIONS = 256
TUNING_WORLDS = 64
TRIES = 12
"""Of each scripted maker."""
MAKERS = (FixedSpread.name, InventorySkew.name, AvellanedaStoikov.name)
FRAMES_AN_UPDATE = 30_720
LEARNER = "PPO"
REFERENCE = FixedSpread.name
STEPS = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `qsl demo`."""
    parser.add_argument("--data", type=Path, help="LOBSTER message file of a day, its book file beside it")
    parser.add_argument("--minutes", type=float, default=2.0, help="minutes of training (default 2)")
    parser.add_argument("--frames", type=int, help="train on this many frames instead: the same run on every machine")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder for the report (default runs/demo)")
    parser.add_argument("--seed", type=int, default=1, help="of the training (default 1)")
    parser.add_argument("--worlds", type=int, default=256, help="synthetic worlds to evaluate on (default 256)")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="threads of the environments")


@dataclass(frozen=True)
class Setting:
    """A day, cut in two, and the environments on it."""

    table: EventTable
    name: str
    first_ns: int
    split_ns: int
    last_ns: int
    measures: Measures
    options: dict[str, Any]
    threads: int

    def replayed(self, first_ns: int, last_ns: int, split: str) -> Callable[..., VectorEnv]:
        """Maker of environments on a part of the day."""
        part = {"data": self.table, "start_ns": first_ns, "end_ns": last_ns}
        return self._maker("qsl/ReplayMarketMaking-v0", {**self.options, **part, "split": split})

    def synthetic(self, split: str) -> Callable[..., VectorEnv]:
        """Maker of environments on synthetic worlds."""
        options = twin_options(self.options, self.measures)
        return self._maker("qsl/MarketMaking-v0", {**options, "split": split})

    def _maker(self, env_id: str, options: dict[str, Any]) -> Callable[..., VectorEnv]:
        common = {"autoreset_mode": AutoresetMode.SAME_STEP, "step_info": True, "num_threads": self.threads}

        def make(num_envs: int, **changes: Any) -> VectorEnv:
            return gym.make_vec(env_id, num_envs=num_envs, **{**common, **options, **changes})

        return make

    def held_out(self) -> Worlds:
        """Sessions that follow one another from the split on."""
        session_ns = self.options["session_ns"]
        count = min(MAX_SESSIONS, (self.last_ns - self.split_ns) // session_ns)
        starts = self.split_ns + session_ns * np.arange(count)
        return Worlds(self.replayed(self.split_ns, self.last_ns, "test"), int(count), block=32, starts_ns=starts)

    def training(self, count: int) -> Worlds:
        """Worlds of the first part, for tuning."""
        return Worlds(self.replayed(self.first_ns, self.split_ns, "train"), count, block=count)


def run(args: argparse.Namespace) -> int:
    """The whole of `qsl demo`."""
    require(args.minutes > 0, "demo", "--minutes", "> 0", args.minutes)
    require(args.worlds >= 2, "demo", "--worlds", ">= 2", args.worlds)
    started = time.perf_counter()
    args.out.mkdir(parents=True, exist_ok=True)
    setting = read_setting(args)
    say(2, "tuning the scripted makers on the first 60 %, twelve tries each")
    tuned = tune(setting.training(TUNING_WORLDS), MAKERS, TRIES, tell=ProgressLine("      "))
    about = {"day": setting.name, "worlds": TUNING_WORLDS, "options": setting.options, "commit": commit()}
    save_tuned(args.out / "tuned.json", tuned, about)
    for name, best in tuned.items():
        print(f"      {name}: {_words(best.parameters)}")
    policy, curve, teacher = learn(setting, tuned, args)
    policies = policies_of(setting, policy, tuned)
    held_out, synthetic = setting.held_out(), Worlds(setting.synthetic("test"), args.worlds)
    sets = {
        f"the last 40 % of {setting.name}": (held_out, 4),
        "synthetic worlds like it": (synthetic, 5),
    }
    results: dict[str, Results] = {}
    for where, (worlds, step) in sets.items():
        say(step, f"evaluating on {where}, {worlds.count} worlds, each once to its end")
        results[where] = evaluate(policies, worlds, ProgressLine("      "))
    say(STEPS, "drawing")
    pictures = draw(setting, args.out, policies, curve, tuned, held_out, results)
    print()
    for where, found in results.items():
        print(f"{where}; mean over worlds [95 % bootstrap interval], ticks x lots\n")
        print(text_table(found, REFERENCE) + "\n")
    findings = [finding(found, LEARNER, REFERENCE, where) for where, found in results.items()]
    print("\n".join(findings))
    page = write_report(
        args.out / "report.html", report_of(setting, args, results, findings, pictures, curve, tuned, teacher)
    )
    _save_results(args.out / "results.json", results)
    print(f"\nReport: {page}")
    print("Pictures: " + ", ".join(str(path) for path, _, _ in pictures))
    print(f"Took {clock_text(time.perf_counter() - started)}; the same training again: {_again(args, curve)}")
    return 0


def say(step: int, text: str) -> None:
    """Announce a step."""
    print(f"[{step}/{STEPS}] {text}", flush=True)


def read_setting(args: argparse.Namespace) -> Setting:
    """Read the day and measure its first part."""
    path = args.data or write_sample(args.out / "day")[0]
    say(1, f"reading {path}")
    day = read_day(path)
    table = convert(day)
    first_ns, last_ns = int(day.messages.ts_ns[0]), int(day.messages.ts_ns[-1])
    split_ns = first_ns + int(TRAIN_SHARE * (last_ns - first_ns))
    if last_ns - first_ns < 10_000_000_000:
        raise DataError(f"{path}: {(last_ns - first_ns) / 1e9:.1f} s are too short to learn on; 10 s is the least")
    measures = measure(day, split_ns, table.tick_units)
    session_ns, step_ns = sessions(split_ns, last_ns, SESSION_NS, MIN_SESSIONS)
    name = f"{day.symbol} {day.date}".strip()
    print(
        f"      {name}, {_clock(first_ns)} to {_clock(last_ns)}, {len(day.messages):,} messages, {len(table):,} events;"
        f" learned on until {_clock(split_ns)}; sessions of {session_ns / 1e9:g} s, a step {step_ns / 1e9:g} s"
    )
    options = task_options(measures, session_ns, step_ns)
    return Setting(table, name, first_ns, split_ns, last_ns, measures, options, args.threads)


def learn(
    setting: Setting, tuned: dict[str, Tuned], args: argparse.Namespace
) -> tuple[Policy, list[dict[str, float]], str]:
    """Train on the first part of the day: from a clone of the best tuned maker, for as long as the minutes allow.

    Returns: the policy, its curve, the name of the maker that was cloned.
    """
    # A rollout is one whole session of every environment, so that each update sees every age of it.
    num_steps = setting.options["session_ns"] // setting.options["step_ns"]
    num_envs = max(32, FRAMES_AN_UPDATE // num_steps // 32 * 32)
    settings = ppo.Args(
        env_id="qsl/ReplayMarketMaking-v0",
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
    teacher = max(tuned.values(), key=lambda t: max(one["score"] for one in t.tries))
    make = setting.replayed(setting.first_ns, setting.split_ns, "train")
    envs = make(num_envs, step_info=False)
    try:
        clone(teacher.build(Desk.of(envs)), envs, Path(settings.init), steps=num_steps, seed=args.seed)
        frames = args.frames
        if frames is None:
            batch = num_envs * num_steps
            trial = replace(settings, total_frames=3 * batch, out=str(args.out / "trial"))
            _, rows = ppo.train(trial, envs, lambda share, text: None)
            speed = 2 * batch / (rows[2]["seconds"] - rows[0]["seconds"])
            frames = max(batch, int(speed * 60 * args.minutes) // batch * batch)
        say(3, f"training {LEARNER} on the first 60 %, from a clone of {teacher.name}, {frames:,} frames")
        agent, curve = ppo.train(replace(settings, total_frames=frames), envs, ProgressLine("      "))
    finally:
        envs.close()
    return NetworkPolicy(agent.actor, LEARNER), curve, teacher.name


def policies_of(setting: Setting, learned: Policy, tuned: dict[str, Tuned]) -> dict[str, Policy]:
    """What is compared, in the order of the tables."""
    envs = setting.training(1).make(1)
    desk = Desk.of(envs)
    envs.close()
    makers = {name: tuned[name].build(desk) for name in (REFERENCE, AvellanedaStoikov.name, InventorySkew.name)}
    return {LEARNER: learned, **makers, DoNothing.name: DoNothing(desk)}


def draw(
    setting: Setting,
    out: Path,
    policies: dict[str, Policy],
    curve: list[dict[str, float]],
    tuned: dict[str, Tuned],
    held_out: Worlds,
    results: dict[str, Results],
) -> list[tuple[Path, str, str]]:
    """All pictures, as (file, heading, caption). The session shown is the first one held out: chosen by nobody."""
    shown = [LEARNER, REFERENCE, AvellanedaStoikov.name]
    envs = held_out.make(8)
    try:
        options = {"start_ns": np.full(8, setting.split_ns)}
        traces = {name: watch(envs, policies[name], held_out.first_seed, options) for name in shown}
    finally:
        envs.close()
    title = f"{setting.name}, from {_clock(setting.split_ns)}"
    references = {name: max(t["score"] for t in one.tries) for name, one in tuned.items()}
    label = "score of a world, ticks x lots"
    titles = {("Replayed" if n == 0 else "Synthetic"): found for n, found in enumerate(results.values())}
    return [
        (
            draw_results(out / "results.png", titles, "score", label),
            "Results by world",
            "Score: P&L less the price of holding inventory, what all were tuned for. A dot is a world; the ring is "
            "the mean over worlds, the bar its 95 % bootstrap interval.",
        ),
        (
            draw_book(out / "book.png", LEARNER, traces[LEARNER], title),
            "Book and quotes",
            "The first session that was held out. The book is the true one; the agent sees it later.",
        ),
        (
            draw_episode(out / "episode.png", traces, title),
            "Quotes, inventory, P&L",
            "The same session under three makers. What is held at its end is liquidated against the displayed book.",
        ),
        (
            draw_learning(out / "learning.png", LEARNER, curve, references),
            "Learning",
            "Return of the episodes that ended in each update, with exploration noise, and its moving mean; dashed: "
            "the best of twelve settings of each scripted maker, on training worlds. A part of a day that is seen many "
            "times is learned by heart as well: what counts is the tables above.",
        ),
    ]


def report_of(
    setting: Setting,
    args: argparse.Namespace,
    results: dict[str, Results],
    findings: list[str],
    pictures: list[tuple[Path, str, str]],
    curve: list[dict[str, float]],
    tuned: dict[str, Tuned],
    teacher: str,
) -> Report:
    """The page."""
    about = (
        "Sessions that follow one another, none of which was learned, tuned or measured on. Few and of one day: "
        "the interval says nothing about other days.",
        "Zero-intelligence flow with the rates, sizes and distances of the first 60 %; split test. Nothing was learned "
        "or tuned there, so the makers and the learner are all strangers.",
    )
    last = curve[-1]
    facts = {
        "day": f"{setting.name}, {_clock(setting.first_ns)} to {_clock(setting.last_ns)}",
        "trained on": f"until {_clock(setting.split_ns)}; {last['frames']:,} frames in {clock_text(last['seconds'])}",
        "started from": f"a clone of {teacher}, the best of the tuned makers on training worlds",
        "measured there": str(setting.measures),
        "environment": json.dumps(setting.options),
        **{f"{name}, best of {len(t.tries)}": _words(t.parameters) for name, t in tuned.items()},
        "same training again": _again(args, curve),
        "version": f"quant-sim-lab {qsl_envs.__version__} {commit()[:12]}",
    }
    tables = {where.capitalize(): (text, found) for (where, found), text in zip(results.items(), about)}
    lead = (
        f"{LEARNER} learned on the first 60 % of {setting.name} and is compared with tuned scripted makers, on the "
        "same worlds, which none of them has seen. Brackets are 95 % bootstrap intervals over worlds."
    )
    return Report("Making a market: learned against known", lead, findings, tables, REFERENCE, pictures, facts)


def _save_results(path: Path, results: dict[str, Results]) -> None:
    """Every metric of every world, as JSON; what is not a number is null."""

    def plain(values: np.ndarray) -> list[float | None]:
        return [None if np.isnan(v) else float(v) for v in values]

    content = {w: {p: {m: plain(v) for m, v in found.items()} for p, found in r.items()} for w, r in results.items()}
    path.write_text(json.dumps(content) + "\n")


def _again(args: argparse.Namespace, curve: list[dict[str, float]]) -> str:
    """A command that trains on as many frames, whatever the machine's speed."""
    data = f" --data {args.data}" if args.data else ""
    return f"qsl demo{data} --frames {curve[-1]['frames']} --seed {args.seed}"


def _words(parameters: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in parameters.items())


def _clock(ts_ns: int) -> str:
    """Time of day: 34_200 s -> 09:30:00."""
    seconds = ts_ns // 1_000_000_000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
