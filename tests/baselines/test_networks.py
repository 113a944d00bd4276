"""The policy network: moments of all rows, heads against torch's own distributions, memory against a loop by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from baselines.learning.networks import Actor, ActorSpec, Moments, Tanh, squashed_parts
from qsl_envs.errors import ConfigError

SPECS = [
    ActorSpec(obs_dim=3, action_dim=2),
    ActorSpec(obs_dim=3, action_dim=2, head="squashed", activation="relu", hidden=(8,)),
    ActorSpec(obs_dim=3, action_dim=2, head="deterministic", hidden=()),
    ActorSpec(obs_dim=3, num_choices=4, head="categorical", memory=5),
    ActorSpec(obs_dim=3, action_dim=1, memory=6, normalize=False),
]


def actor_of(spec, seed=0):
    torch.manual_seed(seed)
    actor = Actor(spec, last_gain=1.0)
    actor.obs_moments.update(torch.randn(50, spec.obs_dim) * 3 + 1)
    return actor


def test_moments_are_those_of_all_rows():
    chance = np.random.default_rng(0)
    rows = chance.normal(3.0, [1.0, 5.0], size=(500, 2)).astype(np.float32)
    moments = Moments(2)
    for part in np.split(rows, [0, 1, 40, 333]):
        moments.update(torch.tensor(part))
    assert moments.mean.numpy() == pytest.approx(rows.mean(0), rel=1e-6)
    assert moments.var.numpy() == pytest.approx(rows.var(0), rel=1e-5)
    still = Moments(1)
    still.update(torch.full((9, 1), 4.0))
    assert still.scale().item() == 1.0
    assert moments.normalize(torch.tensor([[1e9, -1e9]])).tolist() == [[10.0, -10.0]]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.head}-{spec.memory}")
def test_plain_values_and_tensors_rebuild_the_same_actor(spec):
    actor, file = actor_of(spec), io.BytesIO()
    torch.save({"spec": spec.plain(), "state": actor.state_dict()}, file)
    file.seek(0)
    content = torch.load(file, weights_only=True)
    again = Actor(ActorSpec(**content["spec"]))
    again.load_state_dict(content["state"])
    assert again.spec == spec
    obs, state = torch.randn(7, 3), None
    for _ in range(3):
        (one, next_state), (other, _) = actor.act(obs, state), again.act(obs, state)
        assert torch.equal(one, other) and one.shape == ((7,) if spec.num_choices else (7, spec.action_dim))
        assert (next_state is None) == (spec.memory == 0)
        state = next_state


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.head}-{spec.memory}")
def test_the_best_action_is_what_forward_says(spec):
    actor, obs = actor_of(spec), torch.randn(9, 3)
    out, action = actor(obs)[0], actor.act(obs)[0]
    expected = {
        "gaussian": lambda: out.clamp(-1, 1),
        "squashed": out.tanh,
        "deterministic": out.tanh,
        "categorical": lambda: out.argmax(-1),
    }[spec.head]()
    assert torch.equal(action, expected)


def test_the_tanh_is_torch_s_and_so_is_its_slope():
    x = torch.linspace(-12, 12, 4801, requires_grad=True)
    own, theirs = Tanh()(x), torch.tanh(x)
    assert torch.allclose(own, theirs, atol=2e-7)
    slopes = [torch.autograd.grad(y.sum(), x)[0] for y in (own, theirs)]
    assert torch.allclose(*slopes, atol=1e-6)
    with torch.no_grad():
        assert torch.equal(Tanh()(x), own)


def test_gaussian_density_and_entropy_are_torch_s():
    actor = actor_of(SPECS[0])
    with torch.no_grad():
        actor.log_std.copy_(torch.tensor([-0.3, 0.6]))
    normal = torch.distributions.Normal(torch.tensor([[0.1, -0.2]]), actor.log_std.exp())
    action = torch.tensor([[0.7, 0.4]])
    assert actor.log_prob(normal.mean, action).item() == pytest.approx(normal.log_prob(action).sum().item(), abs=1e-6)
    assert actor.entropy(normal.mean).item() == pytest.approx(normal.entropy().sum().item(), abs=1e-6)
    noise = torch.tensor([[0.5, -0.1]])
    obs = torch.randn(1, 3)
    expected = (actor(obs)[0] + actor.log_std.exp() * noise).clamp(-1, 1)
    assert torch.equal(actor.act(obs, noise=noise)[0], expected)


def test_squashed_noise_goes_through_the_tanh():
    actor, obs, noise = actor_of(SPECS[1]), torch.randn(5, 3), torch.randn(5, 2)
    mean, log_std = squashed_parts(actor.outputs(actor.normalize(obs))[0])
    assert torch.equal(mean, actor(obs)[0])
    assert torch.equal(actor.act(obs, noise=noise)[0], torch.tanh(mean + log_std.exp() * noise))


def test_choices_are_drawn_as_their_probabilities_say_and_never_where_the_mask_forbids():
    actor = actor_of(ActorSpec(obs_dim=1, num_choices=4, head="categorical"))
    logits = torch.tensor([[0.0, 1.0, -1.0, 5.0]]).expand(40_000, 4)
    mask = torch.tensor([[1, 1, 1, 0]]).expand(40_000, 4)
    noise = torch.rand(40_000, 4, generator=torch.Generator().manual_seed(3))
    drawn = torch.bincount(actor.action_of(logits, noise, mask), minlength=4) / 40_000
    wanted = torch.tensor([0.0, 1.0, -1.0]).softmax(0)
    assert drawn[:3].numpy() == pytest.approx(wanted.numpy(), abs=0.01) and drawn[3] == 0
    chosen = torch.tensor([0, 1, 2]).repeat(2)
    found = actor.log_prob(logits[:6], chosen, mask[:6])
    assert found.exp().numpy() == pytest.approx(wanted.repeat(2).numpy(), abs=1e-6)
    categorical = torch.distributions.Categorical(probs=wanted)
    assert actor.entropy(logits, mask).item() == pytest.approx(categorical.entropy().item(), abs=1e-6)


def test_the_memory_is_an_lstm():
    """Gates in torch's order (input, forget, cell, output), the forget gate's bias at 1."""
    actor = actor_of(SPECS[4])
    obs, state = torch.randn(2, 3), torch.randn(2, 12)
    features, cell = actor.body(obs), actor.memory.cell
    gates = features @ cell.weight_ih.T + cell.bias_ih + state[:, :6] @ cell.weight_hh.T + cell.bias_hh
    write, keep, new, show = gates.chunk(4, -1)
    kept = keep.sigmoid() * state[:, 6:] + write.sigmoid() * new.tanh()
    shown = show.sigmoid() * kept.tanh()
    found, after = actor(obs, state)
    assert torch.allclose(after, torch.cat((shown, kept), -1), atol=1e-6)
    assert torch.allclose(found, actor.head(shown), atol=1e-6)
    assert cell.bias_ih[6:12].tolist() == [1.0] * 6
    assert torch.equal(actor(obs)[0], actor(obs, actor.first_state(2))[0])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"head": "other", "action_dim": 1}, "head"),
        ({"action_dim": 0}, "action_dim"),
        ({"head": "categorical", "num_choices": 1}, "num_choices"),
        ({"head": "categorical", "num_choices": 3, "action_dim": 1}, "action_dim"),
        ({"action_dim": 1, "activation": "sine"}, "activation"),
        ({"action_dim": 1, "memory": -1}, "memory"),
        ({"action_dim": 1, "hidden": (4, 0)}, "hidden"),
    ],
)
def test_impossible_shapes_are_named(wrong, named):
    with pytest.raises(ConfigError, match=f"ActorSpec.{named}"):
        ActorSpec(obs_dim=2, **wrong)
