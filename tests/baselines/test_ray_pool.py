"""Ray in the place of processes: a pool over a stand-in that keeps Ray's calls, tournaments and training runs on it;
and a real cluster of this machine, where Ray is installed.
"""

from __future__ import annotations

import importlib.util
import sys
from concurrent.futures import Future

import numpy as np
import pytest

from baselines.ray_pool import RayPool
from evolve.spec import EvolveSpec
from leagues.tournament import run_tournament
from qsl_envs.errors import MissingExtraError
from tests.evolve.test_agents import SPEC
from tests.leagues.small import small_tournament

WITHOUT_RAY = importlib.util.find_spec("ray") is None
pytestmark = pytest.mark.compiled


class Standing:
    """What `RayPool` calls of Ray, answered in this process, as its documentation has it."""

    def __init__(self) -> None:
        self.addresses, self.calls = [], 0

    def init(self, address, ignore_reinit_error, runtime_env):
        assert ignore_reinit_error and runtime_env["env_vars"]["OMP_NUM_THREADS"] == "1"
        self.addresses.append(address)

    def remote(self, num_cpus):
        assert num_cpus == 1

        def decorated(function):
            owner = self

            class Remote:
                def remote(self, *arguments):
                    owner.calls += 1
                    answer: Future = Future()
                    try:
                        answer.set_result(function(*arguments))
                    except Exception as error:
                        answer.set_exception(error)

                    class Reference:
                        def future(self):
                            return answer

                    return Reference()

            return Remote()

        return decorated


@pytest.fixture
def standing(monkeypatch) -> Standing:
    found = Standing()
    monkeypatch.setitem(sys.modules, "ray", found)
    return found


def test_what_a_task_raises_comes_back(standing):
    pool = RayPool("local")
    assert pool.submit(divmod, 7, 2).result() == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result()
    assert standing.addresses == [None] and RayPool("auto") and standing.addresses[-1] == "auto"


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"\[ray\]"):
        RayPool("local")


def the_same_log(config, out) -> None:
    alone = run_tournament(config, out / "alone").drop_columns(["wall_s"])
    assert run_tournament(config, out / "ray", ray_address="local").drop_columns(["wall_s"]).equals(alone)


def test_a_tournament_on_a_cluster_has_the_log_of_one_process(standing, tmp_path):
    config = small_tournament(worlds=7)
    the_same_log(config, tmp_path)
    assert standing.calls == len(list((tmp_path / "ray" / "blocks").iterdir()))


def judged(folder, ray_address=None):
    spec = EvolveSpec.from_dict(SPEC)
    genes = ((0.01, 0.01, 4), (0.01, 0.01, -1))
    names = ("reward.inventory", "ppo.learning_rate", "env.max_quote_qty")
    evaluator = spec.evaluator(folder=folder, ray_address=ray_address)
    try:
        return evaluator(np.stack([spec.genome.row(dict(zip(names, row))) for row in genes]), 1.0)
    finally:
        evaluator.close()


def test_training_runs_on_a_cluster_are_those_of_processes(standing, tmp_path):
    here, there = judged(tmp_path / "here"), judged(tmp_path / "there", "local")
    assert standing.calls == 2 and "max_quote_qty" in there.reasons[1]
    np.testing.assert_array_equal(here.objectives, there.objectives)
    np.testing.assert_array_equal(here.metrics, there.metrics)


@pytest.mark.slow
@pytest.mark.skipif(WITHOUT_RAY, reason="ray is not installed")
def test_a_real_cluster_of_this_machine_gives_the_same(tmp_path):
    the_same_log(small_tournament(worlds=7), tmp_path)
    here, there = judged(tmp_path / "here"), judged(tmp_path / "there", "local")
    assert "max_quote_qty" in there.reasons[1]
    np.testing.assert_array_equal(here.objectives, there.objectives)
