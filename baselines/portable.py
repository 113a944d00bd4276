"""Policies as folders: `manifest.json` says what they are and what they need, the files beside it hold the rest.

| kind | files | loading runs code of its author |
| --- | --- | --- |
| `scripted` | the manifest: a name of the library and its parameters | no |
| `actor` | `policy.pt`: the plain values of an `ActorSpec` and tensors | no: read with `weights_only` |
| `residual` | the same, and in the manifest the scripted policy that the network corrects | no |
| `sb3` | `model.zip`, `vecnormalize.pkl` where there is one | yes: pickled, only with `trust` |

Other packages bring kinds through the entry-point group `qsl.policies`: name -> "module:function", a function of
(folder, manifest, env, role) that returns a policy. An environment of another shape is an error that names the
difference.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from gymnasium.spaces import Discrete

import qsl_envs
from qsl_envs.errors import ConfigError, DataError, require
from qsl_envs.registration import MARL_ENVIRONMENTS
from qsl_envs.settings import config_hash, to_dict

FORMAT = 1
"""Of the folder; another one is refused."""
MANIFEST = "manifest.json"
TENSORS = "policy.pt"
GROUP = "qsl.policies"

Loader = Callable[[Path, dict[str, Any], Any, str | None], Any]


# --- what an environment asks of a policy


def face_of(env: Any, role: str | None = None) -> dict[str, Any]:
    """What an environment shows to a policy and takes from it, in plain values.

    Args:
        env: a vector environment, or one of `make_marl_vec` with `role`.
    Returns: `observation_width`, `observation_names` (empty where the environment has none), `action`: its `kind`
        (`box` or `discrete`), `size`, and `names`.
    """
    base = getattr(env, "unwrapped", env)
    if role is not None:
        space, choice = base.observation_space(role), base.action_space(role)
        names, action_names = base.observation_names(role), base.action_names(role)
    else:
        space = getattr(base, "single_observation_space", None) or base.observation_space
        choice = getattr(base, "single_action_space", None) or base.action_space
        names, action_names = getattr(base, "observation_names", ()), getattr(base, "action_names", ())
    discrete = isinstance(choice, Discrete)
    size = int(choice.n) if discrete else int(choice.shape[0])
    action = {"kind": "discrete" if discrete else "box", "size": size, "names": list(action_names)}
    return {"observation_width": int(space.shape[0]), "observation_names": list(names), "action": action}


def id_of(env: Any) -> str:
    """The id that an environment was made by; empty for one that has none."""
    spec = getattr(getattr(env, "unwrapped", env), "spec", None)
    if spec is not None:
        return str(spec.id)
    place = f"{type(env).__module__}:{type(env).__name__}"
    return next((entry.env_id for entry in MARL_ENVIRONMENTS if entry.entry_point == place), "")


def hash_of(env: Any) -> str:
    """Hex digest of an environment's settings: its market's and its tasks'."""
    base = getattr(env, "unwrapped", env)
    market = getattr(base, "market", None)
    roles = getattr(base, "roles", None)
    owners = roles or {"": base}
    told = {name: to_dict(getattr(owner, "task", None)) for name, owner in owners.items()}
    tasks = told if roles else told[""]
    return config_hash({"market": to_dict(getattr(market, "config", None)), "tasks": tasks})


def manifest_of(env: Any, role: str | None = None, **facts: Any) -> dict[str, Any]:
    """A manifest's part that the environment knows, and `facts` beside it.

    Args:
        facts: plain values: `name` (how tables call the policy), `seed`, `frames`, `scores`, `env_options`, ...
    """
    return {"env_id": id_of(env), "role": role, "config_hash": hash_of(env), **face_of(env, role), **facts}


def difference(manifest: Mapping[str, Any], face: Mapping[str, Any]) -> str:
    """What keeps a policy from acting in an environment of this face, in words; empty where nothing does."""
    said = []
    mine, yours = manifest.get("observation_names") or [], face["observation_names"]
    if mine and yours and list(mine) != list(yours):
        missing = [name for name in mine if name not in set(yours)]
        new = [name for name in yours if name not in set(mine)]
        if missing or new:
            said.append(
                f"observations: it needs {_few(missing)} that are not there, there are {_few(new)} it never saw"
            )
        else:
            place = next(n for n, (a, b) in enumerate(zip(mine, yours)) if a != b)
            said.append(
                f"observations: another order from element {place} on ({mine[place]!r} there, now {yours[place]!r})"
            )
    elif manifest["observation_width"] != face["observation_width"]:
        said.append(
            f"observations: {manifest['observation_width']} numbers learned on, {face['observation_width']} here"
        )
    have, want = manifest["action"], face["action"]
    if have["kind"] != want["kind"]:
        said.append(f"actions: it gives a {have['kind']} action, a {want['kind']} one is taken")
    elif have["size"] != want["size"]:
        there = f"{want['size']} are taken ({_few(want['names'])})"
        said.append(f"actions: it gives {have['size']} ({_few(have['names'])}), {there}")
    elif have["names"] and want["names"] and list(have["names"]) != list(want["names"]):
        said.append(f"actions: it gives {_few(have['names'])}, {_few(want['names'])} are taken")
    return "; ".join(said)


def _few(names: Any) -> str:
    """At most six names in words."""
    names = [str(name) for name in names]
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return (", ".join(names[:6]) or "none") + more


# --- folders


def save_policy(folder: str | Path, kind: str, content: Mapping[str, Any], manifest: Mapping[str, Any]) -> Path:
    """Write a policy's folder; what stood there of an earlier one is replaced.

    Args:
        kind: `scripted`, `actor`, `sb3`, or one that an entry point brings.
        content: tensors and plain values for `policy.pt`; a `Path` is a file that is copied in under its key's name.
            Empty: the manifest says it all.
        manifest: from `manifest_of`, with plain values beside.
    Returns: the folder.
    """
    from baselines.learning.run_files import commit, write_tensors

    require(kind in kinds(), "save_policy", "kind", f"one of {', '.join(kinds())}", kind)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {key: value for key, value in content.items() if not isinstance(value, Path)}
    for key, value in content.items():
        if isinstance(value, Path) and value.resolve() != (folder / key).resolve():
            shutil.copyfile(value, folder / key)
    if tensors:
        write_tensors(folder / TENSORS, tensors)
    about = {"format": FORMAT, "kind": kind, "package_version": qsl_envs.__version__, "commit": commit(), **manifest}
    text = json.dumps(about, indent=2, default=_plain) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return folder


def _plain(value: Any) -> Any:
    """Numbers of NumPy and paths, for JSON."""
    return value.item() if hasattr(value, "item") else value.tolist() if hasattr(value, "tolist") else str(value)


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """What a policy's folder says of itself. Raises: DataError if it is no such folder."""
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise DataError(f"{folder} is no policy: it has no {MANIFEST}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    wanted = ("kind", "observation_width", "action")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT or any(key not in manifest for key in wanted):
        raise DataError(f"{path} is not the manifest of a policy, format {FORMAT}")
    return manifest


def load_policy(folder: str | Path, env: Any, role: str | None = None, trust: bool = False) -> Any:
    """Read a policy that is to act in `env`.

    Args:
        env: a vector environment, or one of `make_marl_vec` with `role`.
        trust: allow kinds whose loading runs code of their author (pickles).
    Raises: DataError if the folder is no policy; ConfigError if the environment is of another shape, naming the
        difference, or if it must be trusted and is not.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    kind = manifest["kind"]
    require(kind in kinds(), str(folder / MANIFEST), "kind", f"one of {', '.join(kinds())}", kind)
    apart = difference(manifest, face_of(env, role))
    if apart:
        raise ConfigError(f"{folder} does not fit {id_of(env) or env}: {apart}")
    if kind in PICKLED and not trust:
        raise ConfigError(
            f"{folder} is pickled ({kind}): loading it runs whatever its author wrote; allow it with --trust"
        )
    return kinds()[kind](folder, manifest, env, role)


def kinds() -> dict[str, Loader]:
    """Loaders by kind: the built-in ones, and those of entry points (imported on their first use)."""
    found: dict[str, Loader] = {
        point.name: _late(point) for point in metadata.entry_points(group=GROUP) if point.name not in BUILT_IN
    }
    return {**found, **BUILT_IN}


def _late(point: metadata.EntryPoint) -> Loader:
    return lambda *arguments: point.load()(*arguments)


def _load_scripted(folder: Path, manifest: dict[str, Any], env: Any, role: str | None) -> Any:
    from baselines.policies.desk import Desk
    from baselines.policies.library import build

    for key in ("policy", "parameters"):
        require(key in manifest, str(folder / MANIFEST), key, "told for a scripted policy", None, DataError)
    return build(manifest["policy"], Desk.of(env, role), manifest["parameters"])


def _load_actor(folder: Path, manifest: dict[str, Any], env: Any, role: str | None) -> Any:
    from baselines.learning.acting import NetworkPolicy

    actor = _read_actor(folder)
    return NetworkPolicy(actor, manifest.get("name", folder.name), sample=bool(manifest.get("sample", False)))


def _read_actor(folder: Path) -> Any:
    from baselines.learning.networks import Actor, ActorSpec
    from baselines.learning.run_files import read_tensors

    content = read_tensors(folder / TENSORS)
    try:
        actor = Actor(ActorSpec(**content["spec"]))
        actor.load_state_dict(content["state"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise DataError(f"{folder / TENSORS} does not hold the actor that it names: {error}") from error
    return actor


def _load_sb3(folder: Path, manifest: dict[str, Any], env: Any, role: str | None) -> Any:
    from baselines.sb3.policy import load_sb3

    return load_sb3(folder, manifest)


def _load_residual(folder: Path, manifest: dict[str, Any], env: Any, role: str | None) -> Any:
    from baselines.learning.residual import ResidualPolicy
    from baselines.policies.desk import Desk
    from baselines.policies.library import build

    for key in ("base", "base_parameters", "reach"):
        require(key in manifest, str(folder / MANIFEST), key, "told for a corrected policy", None, DataError)
    base = build(manifest["base"], Desk.of(env, role), manifest["base_parameters"])
    network = _load_actor(folder, manifest, env, role)
    return ResidualPolicy(base, network, manifest["reach"], network.name, manifest.get("hold", 1))


BUILT_IN: dict[str, Loader] = {
    "scripted": _load_scripted, "actor": _load_actor, "residual": _load_residual, "sb3": _load_sb3,
}  # fmt: skip
PICKLED = ("sb3",)
"""Kinds whose loading runs code of their author."""


def save_scripted(folder: str | Path, policy: Any, env: Any, role: str | None = None, **facts: Any) -> Path:
    """Write a policy of the library: its name and parameters."""
    about = {"name": policy.name, **facts, "policy": policy.name, "parameters": policy.parameters()}
    return save_policy(folder, "scripted", {}, manifest_of(env, role, **about))


def save_actor(
    folder: str | Path, actor: Any, env: Any, role: str | None = None, return_moments: Any = None, **facts: Any
) -> Path:
    """Write a network; `facts` go into the manifest (`name`, `seed`, `frames`, `sample`, ...).

    Args:
        return_moments: the `Moments` that its trainer scaled rewards by; kept beside it, acting does without.
    """
    content = {"spec": actor.spec.plain(), "state": actor.state_dict()}
    if return_moments is not None:
        content["return_moments"] = return_moments.state_dict()
    corrects = getattr(env, "policy_facts", None)
    if corrects is None:
        return save_policy(folder, "actor", content, manifest_of(env, role, **facts))
    return save_policy(folder, "residual", content, manifest_of(env, role, **facts, **corrects()))


def load_actor(folder: str | Path, env: Any, role: str | None = None) -> Any:
    """The `Actor` of a policy's folder, to go on learning with. Raises: as `load_policy`, and for another kind."""
    folder = Path(folder)
    kind = read_manifest(folder)["kind"]
    wanted = "residual" if hasattr(env, "policy_facts") else "actor"
    require(kind == wanted, str(folder / MANIFEST), "kind", f"{wanted}, to learn on from it", kind)
    load_policy(folder, env, role)
    return _read_actor(folder)
