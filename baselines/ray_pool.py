"""A Ray cluster in the place of a pool of processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from qsl_envs.errors import require_extra


class RayPool:
    """Runs functions on a Ray cluster as an executor of `concurrent.futures` does.

    A task takes one core and computes with one thread. What a task raises comes back as an error of the same class;
    a worker that died is Ray's `WorkerCrashedError`. Functions and arguments must be importable on the cluster.

    Args:
        address: "auto", "local" (a cluster of this machine, started here) or host:port.
    Raises: MissingExtraError without the extra [ray].
    """

    def __init__(self, address: str) -> None:
        self.ray = require_extra("ray", "ray")
        one_thread = {"OMP_NUM_THREADS": "1"}
        for name in ("PYTHONPATH", "QSL_CACHE_DIR"):
            if name in os.environ:
                one_thread[name] = os.environ[name]
        self.ray.init(address=None if address == "local" else address, ignore_reinit_error=True,
                      runtime_env={"env_vars": one_thread})  # fmt: skip
        self._remote: dict[Callable[..., Any], Any] = {}

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a function called there."""
        if function not in self._remote:
            self._remote[function] = self.ray.remote(num_cpus=1)(function)
        return self._remote[function].remote(*arguments).future()

    def shutdown(self, cancel_futures: bool = False) -> None:
        """Nothing: the cluster is its owner's, and one started here ends with this process."""
