"""Reference scores: every scripted policy, as it comes tuned, on worlds that tuning never saw.

    python -m benchmarks.reference_scores                      # every environment and role
    python -m benchmarks.reference_scores MarketMaking-v0      # some

Do nothing, random and the policies of `baselines/tuned/` play the same worlds of the split `test`, each once to its
end. In the multi-agent environments the policy sits on the first seat of its role, and the best tuned policies on all
others. Writes a file an environment or role into `benchmarks/results/reference_scores/`, which the environments' pages
show, and the tables in docs/baselines.md and docs/start-here.md. Each file is written when it is measured: a run that
was interrupted goes on with `--missing`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import qsl_envs
from baselines import tuned
from baselines.evaluate import Worlds, bootstrap, evaluate
from baselines.policies.desk import KINDS, Desk
from baselines.policies.library import DESKS, POLICIES, build, names_for, roles_of
from baselines.portable import hash_of
from baselines.run_files import commit
from baselines.tune_roles import Incumbent, Table
from benchmarks.report import ROOT, replace_table
from qsl_envs.front_door import LADDER

FOLDER = ROOT / "benchmarks" / "results" / "reference_scores"
SPLIT, WORLDS, TABLES_OF_SEATS = "test", 256, 64
"""Split and number of worlds; those of multi-agent environments, where many seats act, are fewer."""
NOTHING = "do nothing"

Metrics = dict[str, np.ndarray]


def measure(env_id: str, worlds: int | None = None, options: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Scores of an environment, or of each of its roles.

    Args:
        worlds: how many; None: as many as are published.
        options: arguments of the environment; what is published has none.
    """
    roles, options = roles_of(env_id), options or {}
    if roles == (None,):
        return [_measure_one(env_id, worlds or WORLDS, options)]
    return _measure_roles(env_id, roles, worlds or TABLES_OF_SEATS, options)


def _measure_one(env_id: str, count: int, options: dict[str, Any]) -> dict[str, Any]:
    def make(num_envs: int) -> Any:
        settings = {"autoreset_mode": "SameStep", "step_info": True, **options, "split": SPLIT}
        return gym.make_vec(env_id, num_envs=num_envs, **settings)

    envs = make(1)
    desk, digest = Desk.of(envs), hash_of(envs)
    envs.close()
    parameters = parameters_of(env_id, None)
    policies = {name: build(name, desk, given) for name, given in parameters.items()}
    results = evaluate(policies, Worlds(make, count, block=min(count, 128)))
    return summary(env_id, None, count, digest, parameters, results)


def _measure_roles(env_id: str, roles: Sequence[str | None], count: int, options: dict[str, Any]) -> list[Any]:
    def make(num_envs: int) -> Any:
        return qsl_envs.make_marl_vec(env_id, num_envs, **{"autoreset_mode": "SameStep", **options, "split": SPLIT})

    table = Table(Worlds(make, count, block=min(count, 64)))
    table.incumbents = {role: Incumbent(*tuned.best(env_id, role)[:2]) for role in table.seats}
    found = []
    for role in roles:
        assert role is not None
        parameters = parameters_of(env_id, role)
        results = {name: table.results(role, build(name, table.desks[role], p)) for name, p in parameters.items()}
        one = summary(env_id, role, count, hash_of(table.envs), parameters, results)
        found.append({**one, "seats": table.seats, "others": table.opponents()})
    table.close()
    return found


def parameters_of(env_id: str, role: str | None) -> dict[str, dict[str, float]]:
    """What plays: policies that have nothing to tune, and those that were tuned, by name."""
    known = tuned.load(env_id, role)
    return {name: known.get(name, {}) for name in names_for(env_id, role)}


def summary(env_id: str, role: str | None, count: int, digest: str, parameters: dict[str, dict[str, float]],
            results: dict[str, Metrics]) -> dict[str, Any]:  # fmt: skip
    """What is published of an environment or role: means over worlds with 95 % bootstrap intervals."""
    nothing = results[NOTHING]["score"]
    rows = []
    for name, found in results.items():
        row: dict[str, Any] = {"policy": name, "parameters": parameters[name]}
        row |= {key: interval(found[key]) for key in ("score", "pnl")}
        row["minus_do_nothing"] = None if name == NOTHING else interval(found["score"] - nothing)
        rows.append(row)
    return {
        "env_id": env_id, "role": role, "split": SPLIT, "first_seed": 0, "worlds": count, "config_hash": digest,
        "command": f"python -m benchmarks.reference_scores {env_id}", "commit": commit(),
        "tuned": tuned.read(env_id, role)["about"]["commit"], "rows": rows,
    }  # fmt: skip


def interval(values: np.ndarray) -> list[float]:
    """Mean and interval to six digits."""
    return [float(f"{x:.6g}") for x in bootstrap(values)]


def write(content: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write the scores of an environment or role: a policy a line."""
    head = ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in content.items() if k != "rows")
    rows = ",\n".join("  " + json.dumps(row) for row in content["rows"])
    path = folder / tuned.file_name(content["env_id"], content["role"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{\n{head},\n "rows": [\n{rows}\n ]\n}}\n', encoding="utf-8")
    return path


def read(env_id: str, role: str | None, folder: Path = FOLDER) -> dict[str, Any] | None:
    """What was published of an environment or role; None where nothing was."""
    path = folder / tuned.file_name(env_id, role)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def overview(folder: Path = FOLDER) -> str:
    """Markdown: a row an environment or role, with doing nothing, random, and the best tuned policy."""
    lines = ["| environment | role | do nothing | random | best tuned policy | its score | better than doing nothing |",
             "| --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for env_id, role in DESKS:
        content = read(env_id, role, folder)
        if content is not None:
            rows = {row["policy"]: row for row in content["rows"]}
            name = tuned.best(env_id, role).name
            best = rows[name]
            cells = [f"`{env_id}`", role or "", shown(rows[NOTHING]["score"]), shown(rows["random"]["score"]), name,
                     shown(best["score"]), "yes" if best["minus_do_nothing"][1] > 0 else "not shown"]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def policies() -> str:
    """Markdown: every scripted policy of the library, where it acts, its parameters, and what it does."""
    lines = ["| policy | acts in | parameters | what it does |", "| --- | --- | --- | --- |"]
    for name, policy in POLICIES.items():
        settings = ", ".join(f"`{f.name}`" for f in dataclasses.fields(policy) if f.init and f.name != "desk")
        where = "all" if policy.kinds == frozenset(KINDS) else ", ".join(k for k in KINDS if k in policy.kinds)
        words = " ".join((policy.__doc__ or "").split("\n\n")[0].split())
        lines.append(f"| {name} | {where} | {settings} | {words} |")
    return "\n".join(lines)


def rungs(folder: Path = FOLDER) -> str:
    """Markdown: every rung of the front door with its threshold, and every policy that plays on it."""
    scores: dict[str, dict[str, str]] = {}
    for rung in LADDER:
        content = read(rung.env_id, None, folder)
        if content is not None:
            scores[rung.env_id] = {row["policy"]: shown(row["score"]) for row in content["rows"]}
            scores[rung.env_id]["threshold"] = f"{rung.threshold:g}"
    names = list(dict.fromkeys(name for row in scores.values() for name in row if name != "threshold"))
    lines = [f"| rung | {' | '.join([*names, 'threshold'])} |", "| --- |" + " --- |" * (len(names) + 1)]
    for env_id, row in scores.items():
        lines.append(f"| `{env_id}` | {' | '.join(row.get(name, '') for name in [*names, 'threshold'])} |")
    return "\n".join(lines)


def page_table(env_id: str, folder: Path = FOLDER) -> str:
    """Markdown of an environment's page: a table a role, and how it was made; empty where nothing was measured."""
    parts = []
    for role in roles_of(env_id):
        content = read(env_id, role, folder)
        if content is None:
            continue
        others = "" if role is None else (
            f" The policy sits on the first seat of role `{role}`; on all others sit the best tuned ones ("
            + ", ".join(f"`{other}`: {one['name']}" for other, one in content["others"].items()) + ")."
        )  # fmt: skip
        about = tuned.read(env_id, role)["about"]
        words = (
            f"Score (sum of rewards) and P&L of an episode, means over {content['worlds']} worlds of the split "
            f"`{content['split']}` [95 % bootstrap interval], differences world by world.{others} Parameters are the "
            f"best of {about['tries_of_each']} on {about['training']['worlds']} training worlds, the same number for "
            f"each policy. Written by `{content['command']}`."
        )
        lines = ["| Policy | Score | Score minus do nothing | P&L | Parameters |", "| --- | --- | --- | --- | --- |"]
        for row in content["rows"]:
            minus = "" if row["minus_do_nothing"] is None else shown(row["minus_do_nothing"])
            settings = ", ".join(f"`{key}` {value:.4g}" for key, value in row["parameters"].items())
            cells = (row["policy"], shown(row["score"]), minus, shown(row["pnl"]), settings)
            lines.append(f"| {' | '.join(cells)} |")
        parts.append("\n".join(([f"### Role `{role}`", ""] if role else []) + [words, "", *lines]))
    return "\n\n".join(parts)


def shown(values: Sequence[float]) -> str:
    """A mean and its interval as tables show them."""
    digits = 1 if max(abs(v) for v in values) < 100 else 0
    mean, low, high = (f"{v:,.{digits}f}" for v in values)
    return f"{mean} [{low}, {high}]"


def main(argv: Sequence[str] | None = None, tell: Callable[[str], None] = print) -> int:
    """Measure, print and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("env_ids", nargs="*", metavar="ENV_ID", help="default: every one")
    parser.add_argument("--worlds", type=int, help=f"default {WORLDS}, {TABLES_OF_SEATS} with several agents")
    parser.add_argument("--missing", action="store_true", help="only those that are not measured yet")
    args = parser.parse_args(argv)
    wanted = [e if "/" in e else f"qsl/{e}" for e in args.env_ids] or list(dict.fromkeys(e for e, _ in DESKS))
    for env_id in wanted:
        roles_of(env_id)  # refuses an id that there is not before anything is measured
    for env_id in wanted:
        if args.missing and all((FOLDER / tuned.file_name(env_id, role)).is_file() for role in roles_of(env_id)):
            continue
        for content in measure(env_id, args.worlds):
            tell(f"{write(content)}")
            for row in content["rows"]:
                tell(f"  {row['policy']:24} {shown(row['score'])}")
    replace_table(ROOT / "docs" / "baselines.md", "policies", policies(), kind="scores")
    replace_table(ROOT / "docs" / "baselines.md", "reference", overview(), kind="scores")
    replace_table(ROOT / "docs" / "start-here.md", "front_door", rungs(), kind="scores")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
