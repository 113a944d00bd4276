"""What tuning found, as it comes with the package, and the reference scores that were measured with it."""

from __future__ import annotations

import re

import pytest

from baselines import tuned
from baselines.evaluation.tasks import Task
from baselines.policies.library import DESKS, POLICIES, names_for
from baselines.portable import hash_of
from baselines.tuning.tune import BUDGET
from benchmarks import reference_scores
from qsl_envs.front_door import LADDER
from qsl_envs.registration import ENVIRONMENTS, MARL_ENVIRONMENTS


@pytest.mark.parametrize(("env_id", "role"), sorted(DESKS, key=str))
def test_what_comes_with_the_package(env_id, role):
    """Every environment and role: as many tries for each policy, the best of them, and how it does on other worlds."""
    content = tuned.read(env_id, role)
    about, policies = content["about"], content["policies"]
    assert (about["env_id"], about["role"], about["env_options"]) == (env_id, role, {})
    assert about["training"]["split"] == "train" and about["validation"]["split"] == "validation"
    assert len(about["commit"]) == 40 and about["training"]["worlds"] >= 32
    assert about["tries_of_each"] >= (BUDGET if role is None else 10)
    plain = {name for name in names_for(env_id, role) if name not in policies}
    assert plain <= {"do nothing", "random", "optimal"} and len(policies) >= 2
    for name, found in policies.items():
        assert len(found["tries"]) == about["tries_of_each"]
        best = max(found["tries"], key=lambda one: one["score"])
        assert found["parameters"] == best["parameters"] and best["interval"][0] <= best["score"]
        assert set(found["parameters"]) <= set(POLICIES[name].__dataclass_fields__)
    best = tuned.best(env_id, role)
    difference = policies[best.name]["validation"]["minus_do_nothing"]
    assert best.beats_doing_nothing == (difference[1] > 0)


@pytest.mark.parametrize(("env_id", "role"), sorted(DESKS, key=str))
def test_what_was_tuned_is_the_environment_of_today(env_id, role):
    """Parameters that were found in another market or for another task say nothing: tune again (`qsl tune`)."""
    envs = Task(env_id, role).make(1)
    try:
        assert tuned.read(env_id, role)["about"]["config_hash"] == hash_of(getattr(envs, "inner", envs))
    finally:
        envs.close()


def test_the_front_doors_thresholds_can_be_reached_and_are_not_given():
    """Each lies below what a scripted policy may earn on test worlds, and above seven tenths of what the best does."""
    for rung in LADDER:
        content = reference_scores.read(rung.env_id, None)
        best = max((row["score"] for row in content["rows"]), key=lambda score: score[0])
        assert 0.7 * best[0] <= rung.threshold <= best[2], rung.env_id
    for rung in LADDER[1:]:  # of the first the optimum is known
        earned = [found["validation"]["score"][0] for found in tuned.read(rung.env_id)["policies"].values()]
        assert rung.threshold == 5.0 * (max(earned) // 5.0), rung.env_id


def test_reference_scores_say_what_was_played(tmp_path):
    options = {"session_ns": 3_000_000_000}
    (found,) = reference_scores.measure("qsl/OptimalExecution-v0", worlds=4, options=options)
    path = reference_scores.write(found, tmp_path)
    assert reference_scores.read("qsl/OptimalExecution-v0", None, tmp_path) == found and path.parent == tmp_path
    assert [row["policy"] for row in found["rows"]] == list(names_for("qsl/OptimalExecution-v0"))
    known = tuned.load("qsl/OptimalExecution-v0")
    for row in found["rows"]:
        assert row["parameters"] == known.get(row["policy"], {})
        assert row["score"][1] <= row["score"][0] <= row["score"][2]
        if row["policy"] != "do nothing":
            assert row["minus_do_nothing"][0] == pytest.approx(row["score"][0] - found["rows"][0]["score"][0], abs=0.01)
    page = reference_scores.page_table("qsl/OptimalExecution-v0", tmp_path)
    assert page.count("\n| ") == len(found["rows"]) + 2 and "4 worlds" in page
    roles = reference_scores.measure("qsl/MarketMakers-v0", worlds=2, options=options)
    assert [one["role"] for one in roles] == ["maker"] and roles[0]["others"]["maker"]["name"]


@pytest.mark.parametrize("env_id", [entry.env_id for entry in (*ENVIRONMENTS, *MARL_ENVIRONMENTS)])
def test_every_page_shows_its_scores(env_id):
    page = reference_scores.page_table(env_id)
    for known, role in DESKS:
        if known == env_id:
            for name in names_for(env_id, role):
                assert f"| {name} | " in page


def test_the_pages_examples_hold(capsys):
    page = (reference_scores.ROOT / "docs" / "baselines.md").read_text()
    blocks = [
        code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "tuned" in code or "oracle" in code
    ]
    assert len(blocks) == 2
    for code in blocks:
        exec(code, {})
    assert "certainty_equivalent=65.2489" in capsys.readouterr().out


def test_published_tables_are_their_results():
    for page, name, table in (("baselines.md", "policies", reference_scores.policies()),
                              ("baselines.md", "reference", reference_scores.overview()),
                              ("start-here.md", "front_door", reference_scores.rungs())):  # fmt: skip
        text = (reference_scores.ROOT / "docs" / page).read_text()
        assert f"<!-- scores:{name} begin -->\n{table}\n<!-- scores:{name} end -->" in text
