"""What tuning found for every environment and role, as files in this folder: `qsl tune` writes them, `load` reads them.

A file says on which worlds and with how many tries it was found, every try with its interval, and how the winners did
on validation worlds, beside doing nothing on the same ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from qsl_envs.errors import DataError, require

FOLDER = Path(__file__).parent


class Best(NamedTuple):
    """A policy of the library and the setting that tuning found for it."""

    name: str
    parameters: dict[str, float]
    beats_doing_nothing: bool
    """whether that is shown on validation worlds: the interval of the paired difference lies above 0"""


def file_name(env_id: str, role: str | None = None) -> str:
    """Of what was found for an environment, or a role of it: `MarketMaking-v0.json`, `MakersTakers-v0.maker.json`."""
    name = env_id.rpartition("/")[2]
    return f"{name}.{role}.json" if role else f"{name}.json"


def read(env_id: str, role: str | None = None, folder: Path = FOLDER) -> dict[str, Any]:
    """The whole content of a file: `about`, `policies` (parameters, tries, validation by name).

    Args:
        role: may be left out where the environment has only one.
    Raises: ConfigError where nothing has been tuned for it; DataError where the file is not one of the tuner's.
    """
    path = folder / file_name(env_id, role)
    if role is None and not path.is_file():
        of_roles = sorted(folder.glob(file_name(env_id, "*")))
        path = of_roles[0] if len(of_roles) == 1 else path
    known = ", ".join(sorted(one.stem for one in folder.glob("*.json")))
    require(path.is_file(), "tuned", "env_id and role", f"of {known}", (env_id, role))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict) or not {"about", "policies"} <= set(content):
        raise DataError(f"{path} is not what `qsl tune` writes")
    return content


def load(env_id: str, role: str | None = None, folder: Path = FOLDER) -> dict[str, dict[str, float]]:
    """Parameters by the policy's name, as `policies.library.build` takes them; raises as `read`."""
    return {name: dict(found["parameters"]) for name, found in read(env_id, role, folder)["policies"].items()}


def best(env_id: str, role: str | None = None, folder: Path = FOLDER) -> Best:
    """The tuned policy that is sure to score most on validation worlds: by the lower end of its interval, so that a
    lucky mean does not win. Raises as `read`.
    """
    policies = read(env_id, role, folder)["policies"]
    name = max(policies, key=lambda one: policies[one]["validation"]["score"][1])
    found = policies[name]
    return Best(name, dict(found["parameters"]), found["validation"]["minus_do_nothing"][1] > 0)
