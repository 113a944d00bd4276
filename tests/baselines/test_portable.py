"""Saved policies: what comes back acts alike, what does not fit is named, and what could run code needs trust."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
import torch

from baselines import portable
from baselines.learning.acting import BLOCK, NetworkPolicy, export_torchscript
from baselines.learning.networks import Actor, ActorSpec
from baselines.policies import keyed
from qsl_envs.errors import ConfigError, DataError
from tests.baselines.toys import Shop, Steering

SPECS = {
    "gaussian": ActorSpec(obs_dim=3, action_dim=4),
    "memory": ActorSpec(obs_dim=3, action_dim=4, head="squashed", memory=5),
    "choices": ActorSpec(obs_dim=3, num_choices=6, head="categorical", activation="relu"),
}


class Chooser(Shop):
    """A shop that takes one of six choices."""

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs)
        self.single_action_space = gym.spaces.Discrete(6)


def actor_of(spec: ActorSpec, seed: int = 0) -> Actor:
    torch.manual_seed(seed)
    actor = Actor(spec, last_gain=1.0)
    actor.obs_moments.update(torch.randn(100, spec.obs_dim) * 2 + 1)
    return actor


def home_of(spec: ActorSpec):
    return Chooser(2) if spec.num_choices else Shop(2)


def path_of(policy, seeds: np.ndarray, steps: int = 5) -> np.ndarray:
    """Actions on observations that are a function of (seed, step)."""
    policy.reset(seeds)
    chance = [np.random.default_rng((int(s), 9)) for s in seeds]
    rows = []
    for _ in range(steps):
        obs = np.stack([c.normal(size=3) for c in chance]).astype(np.float32)
        rows.append(policy(obs))
    return np.stack(rows, 1)


@pytest.mark.parametrize("sample", [False, True])
@pytest.mark.parametrize("name", SPECS)
def test_a_row_is_answered_alike_however_the_rows_are_divided(name, sample):
    """To the bit: alone, in a crowd of 150 and at another place in it."""
    policy = NetworkPolicy(actor_of(SPECS[name]), sample=sample)
    seeds = np.arange(150)
    whole = path_of(policy, seeds)
    for part in (seeds[:1], seeds[70:75], seeds[::-1], np.roll(seeds, 37), seeds[: BLOCK + 1]):
        assert np.array_equal(path_of(policy, part), whole[part])
    if sample:
        other = path_of(NetworkPolicy(actor_of(SPECS[name])), seeds)
        assert (other != whole).any()
    assert whole.dtype == (np.int64 if SPECS[name].num_choices else np.float32)


@pytest.mark.parametrize("name", SPECS)
def test_it_comes_back_as_it_was(name, tmp_path):
    spec = SPECS[name]
    actor, envs = actor_of(spec), home_of(spec)
    folder = portable.save_actor(tmp_path / "it", actor, envs, name="mine", seed=3, frames=np.int64(9), sample=True)
    manifest = portable.read_manifest(folder)
    assert manifest["seed"] == 3 and manifest["frames"] == 9 and manifest["kind"] == "actor"
    assert manifest["observation_names"] == list(Shop.observation_names) and manifest["config_hash"]
    again = portable.load_policy(folder, envs)
    assert again.name == "mine" and again.sample
    seeds = np.arange(20)
    assert np.array_equal(path_of(again, seeds), path_of(NetworkPolicy(actor, sample=True), seeds))


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", SPECS)
def test_torchscript_answers_the_same(name, tmp_path):
    actor = actor_of(SPECS[name])
    module = torch.jit.load(export_torchscript(actor, tmp_path / "it.pt"))
    state = torch.zeros(7, SPECS[name].state_dim)
    mine = actor.first_state(7)
    for _ in range(3):
        obs = torch.randn(7, 3)
        action, state = module(obs, state)
        with torch.inference_mode():
            expected, mine = actor.act(obs, mine)
        assert torch.equal(action, expected)


def test_a_scripted_policy_is_its_name_and_parameters(tmp_path):
    from baselines.policies.desk import Desk
    from baselines.policies.makers import InventorySkew

    policy = InventorySkew(Desk.of(Shop(1)), 2.0, 3.0, 1.0)
    folder = portable.save_scripted(tmp_path / "skew", policy, Shop(1))
    assert [path.name for path in folder.iterdir()] == [portable.MANIFEST]
    again = portable.load_policy(folder, Shop(5))
    assert again.parameters() == policy.parameters() and again.name == policy.name


def test_another_shape_is_named(tmp_path):
    folder = portable.save_actor(tmp_path / "it", actor_of(SPECS["gaussian"]), Shop(1))
    with pytest.raises(ConfigError, match="3 numbers learned on, 2 here.*gives 4 .*1 are taken"):
        portable.load_policy(folder, Steering(1))
    with pytest.raises(ConfigError, match="gives a box action, a discrete one is taken"):
        portable.load_policy(folder, Chooser(1))
    wider = Shop(1)
    wider.observation_names = ("inventory", "time_left", "depth")
    with pytest.raises(ConfigError, match="needs spread that are not there, there are depth it never saw"):
        portable.load_policy(folder, wider)
    wider.observation_names = ("time_left", "inventory", "spread")
    with pytest.raises(ConfigError, match="another order from element 0 on"):
        portable.load_policy(folder, wider)


def test_what_is_no_policy_is_said(tmp_path):
    with pytest.raises(DataError, match="no manifest.json"):
        portable.load_policy(tmp_path, Shop(1))
    (tmp_path / portable.MANIFEST).write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        portable.load_policy(tmp_path, Shop(1))
    folder = portable.save_actor(tmp_path / "it", actor_of(SPECS["gaussian"]), Shop(1))
    manifest = json.loads((folder / portable.MANIFEST).read_text())
    (folder / portable.MANIFEST).write_text(json.dumps({**manifest, "kind": "oracle"}))
    with pytest.raises(ConfigError, match="one of .*scripted"):
        portable.load_policy(folder, Shop(1))
    torch.save({"version": 1, "spec": print}, folder / portable.TENSORS)
    (folder / portable.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="more than tensors"):
        portable.load_policy(folder, Shop(1))


def test_stable_baselines_needs_trust_and_then_acts_alike(tmp_path):
    sb3 = pytest.importorskip("stable_baselines3")
    box = gym.spaces.Box(-1.0, 1.0, (4,), np.float32)

    class Still(gym.Env):
        observation_space, action_space = gym.spaces.Box(-np.inf, np.inf, (3,), np.float32), box

        def reset(self, *, seed=None, options=None):
            return np.zeros(3, np.float32), {}

    model = sb3.PPO("MlpPolicy", Still(), n_steps=8, batch_size=8, seed=1, device="cpu")
    model.save(tmp_path / "model.zip")
    about = portable.manifest_of(Shop(1), name="SB3 PPO", algorithm="PPO")
    folder = portable.save_policy(tmp_path / "it", "sb3", {"model.zip": tmp_path / "model.zip"}, about)
    with pytest.raises(ConfigError, match="--trust"):
        portable.load_policy(folder, Shop(1))
    policy = portable.load_policy(folder, Shop(1), trust=True)
    policy.reset(np.arange(5))
    obs = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert policy(obs) == pytest.approx(model.predict(obs, deterministic=True)[0], abs=1e-6)


def test_draws_are_even_normal_and_keyed():
    seeds = np.arange(3000)
    u, z = keyed.even(seeds, 2, 3), keyed.normal(seeds, 2, 3)
    assert 0 < u.min() and u.max() < 1 and np.abs(u.mean(0) - 0.5).max() < 0.02
    assert np.abs(z.mean(0)).max() < 0.06 and np.abs(z.std(0) - 1).max() < 0.05
    assert np.abs(np.corrcoef(np.hstack([z, keyed.normal(seeds, 3, 3)]).T) - np.eye(6)).max() < 0.06
    assert np.array_equal(keyed.normal(seeds[7:9], 2, 3), z[7:9])
    mixed = [keyed.mix_seats(seeds, seat) for seat in range(3)]
    assert len(np.unique(np.concatenate(mixed))) == 9000 and min(m.min() for m in mixed) >= 0
