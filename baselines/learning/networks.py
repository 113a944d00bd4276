"""The network that all learners' policies are: normalised observations, a body, a head, a memory where one is asked.

What a network looks like is an `ActorSpec` of plain values, so that a policy can be saved, exported and built again
without the trainer that made it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from qsl_envs.errors import require

HEADS = ("gaussian", "squashed", "deterministic", "categorical")
"""What an actor puts out, and how an action is made of it:

| head | `forward` returns | the best action | an action with noise |
| --- | --- | --- | --- |
| `gaussian` | means | cut to [-1, 1] | mean + standard deviation x normal draw, cut; one deviation for all |
| `squashed` | means before the tanh | tanh of it | the same before a tanh; the deviation depends on the observation |
| `deterministic` | actions before the tanh | tanh of it | the same: it has none of its own |
| `categorical` | a logit or value a choice | the largest | the largest after Gumbel draws were added |
"""
LOG_STD_RANGE = (-5.0, 2.0)
"""Limits of a squashed head's log standard deviation (Haarnoja et al. 2018 and their successors' code)."""
OBS_LIMIT = 10.0
"""Normalised observations are cut here, standard deviations."""


def fast_tanh(x: Tensor) -> Tensor:
    """tanh(x) = 2 / (1 + exp(-2 x)) - 1, to 1e-7: a third of the time of torch's own on processors."""
    return torch.sigmoid(2.0 * x).mul_(2.0).sub_(1.0)


class _TanhFunction(torch.autograd.Function):
    """The same with a gradient that needs the result alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        out = fast_tanh(x)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return torch.ops.aten.tanh_backward(grad, ctx.saved_tensors[0])


class Tanh(nn.Module):
    """The hyperbolic tangent of hidden layers."""

    def forward(self, x: Tensor) -> Tensor:
        """Element by element, the same bits with and without gradients."""
        return _TanhFunction.apply(x) if torch.is_grad_enabled() and not torch.jit.is_tracing() else fast_tanh(x)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"tanh": Tanh, "relu": nn.ReLU}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSpec:
    """Shape of an actor, in plain values: `plain` writes it, `ActorSpec(**values)` reads it."""

    obs_dim: int
    """width of an observation"""
    action_dim: int = 0
    """numbers of an action in [-1, 1]; 0 with a categorical head"""
    num_choices: int = 0
    """choices of a categorical head; else 0"""
    hidden: tuple[int, ...] = (64, 64)
    """widths of the layers before the head, or before the memory"""
    head: str = "gaussian"
    """one of `HEADS`"""
    activation: str = "tanh"
    """after each hidden layer: tanh or relu"""
    memory: int = 0
    """width of an LSTM between the hidden layers and the head; 0: none"""
    normalize: bool = True
    """whether observations are put in standard deviations from their running mean"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(int(width) for width in self.hidden))
        require(self.obs_dim >= 1, self, "obs_dim", ">= 1", self.obs_dim)
        require(self.head in HEADS, self, "head", f"one of {', '.join(HEADS)}", self.head)
        require(self.activation in ACTIVATIONS, self, "activation", "tanh or relu", self.activation)
        require(all(width >= 1 for width in self.hidden), self, "hidden", "widths >= 1", self.hidden)
        require(self.memory >= 0, self, "memory", ">= 0", self.memory)
        discrete = self.head == "categorical"
        right, other = ("num_choices", "action_dim") if discrete else ("action_dim", "num_choices")
        least = 2 if discrete else 1
        require(getattr(self, right) >= least, self, right, f">= {least} with this head", getattr(self, right))
        require(getattr(self, other) == 0, self, other, "0 with this head", getattr(self, other))

    @property
    def num_out(self) -> int:
        """Numbers that the last layer puts out."""
        return self.num_choices or self.action_dim * (2 if self.head == "squashed" else 1)

    @property
    def state_dim(self) -> int:
        """Width of the memory's state: LSTM output and cell side by side."""
        return 2 * self.memory

    def plain(self) -> dict[str, Any]:
        """As JSON and `torch.load(weights_only=True)` can hold it."""
        return {**asdict(self), "hidden": list(self.hidden)}


class Moments(nn.Module):
    """Running mean and variance of rows, merged batch by batch (Chan, Golub and LeVeque 1979)."""

    mean: Tensor
    var: Tensor
    count: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width, dtype=torch.float64))
        self.register_buffer("var", torch.ones(width, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def update(self, rows: Tensor) -> None:
        """Take in rows (n, width); n = 0 changes nothing."""
        if len(rows) == 0:
            return
        sums, squares = torch.zeros_like(self.mean), torch.zeros_like(self.mean)
        for part in rows.split(1024):  # small enough for the cache; around the mean so far, so that no digits are lost
            apart = part.double() - self.mean
            sums += apart.sum(0)
            squares += apart.square_().sum(0)
        mean, var = self.mean + sums / len(rows), (squares - sums**2 / len(rows)).clamp(min=0.0) / len(rows)
        total = self.count + len(rows)
        shift = mean - self.mean
        spread = self.var * self.count + var * len(rows) + shift**2 * self.count * len(rows) / total
        self.mean += shift * len(rows) / total
        self.var.copy_(spread / total)
        self.count.copy_(total)

    def scale(self) -> Tensor:
        """Standard deviation, float32 (width,); 1 where nothing varies."""
        return torch.where(self.var > 1e-8, self.var, 1.0).sqrt().float()

    def normalize(self, rows: Tensor) -> Tensor:
        """Rows float32 (..., width) in standard deviations from the mean, cut at `OBS_LIMIT`."""
        return ((rows - self.mean.float()) / self.scale()).clamp(-OBS_LIMIT, OBS_LIMIT)


def linear(num_in: int, num_out: int, gain: float) -> nn.Linear:
    """A layer with orthogonal weights and zero biases."""
    layer = nn.Linear(num_in, num_out)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


def mlp(
    num_in: int, hidden: Sequence[int], num_out: int = 0, last_gain: float = 1.0, activation: str = "tanh"
) -> nn.Sequential:
    """Hidden layers, each followed by an activation, and a linear layer (none when `num_out` is 0)."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [linear(num_in, width, math.sqrt(2)), ACTIVATIONS[activation]()]
        num_in = width
    if num_out:
        layers.append(linear(num_in, num_out, last_gain))
    return nn.Sequential(*layers)


class Memory(nn.Module):
    """An LSTM cell (Hochreiter and Schmidhuber 1997, with forget gates) whose state is one tensor (n, 2 x width)."""

    def __init__(self, num_in: int, width: int) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(num_in, width)
        nn.init.orthogonal_(self.cell.weight_ih)
        nn.init.orthogonal_(self.cell.weight_hh)
        nn.init.zeros_(self.cell.bias_ih)
        nn.init.zeros_(self.cell.bias_hh)
        with torch.no_grad():
            self.cell.bias_ih[width : 2 * width] = 1.0  # remember until told otherwise (Jozefowicz et al. 2015)

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step: features (n, num_in), state (n, 2 x width) -> output (n, width), next state."""
        out, cell = self.cell(features, tuple(state.chunk(2, dim=-1)))
        return out, torch.cat((out, cell), dim=-1)


class Actor(nn.Module):
    """A policy network; everything that is needed to act.

    Args:
        spec: its shape.
        log_std: log standard deviation of a Gaussian head's noise at the start.
        last_gain: scale of the head's first weights; a small one starts with actions near 0, or even choices.
    """

    log_std: Tensor | None

    def __init__(self, spec: ActorSpec, *, log_std: float = -0.7, last_gain: float = 0.01) -> None:
        super().__init__()
        self.spec = spec
        self.obs_moments = Moments(spec.obs_dim)
        self.body = mlp(spec.obs_dim, spec.hidden, activation=spec.activation)
        width = spec.hidden[-1] if spec.hidden else spec.obs_dim
        self.memory = Memory(width, spec.memory) if spec.memory else None
        self.head = linear(spec.memory or width, spec.num_out, last_gain)
        start = torch.full((spec.action_dim,), log_std)
        self.register_parameter("log_std", nn.Parameter(start) if spec.head == "gaussian" else None)

    # --- observations to numbers

    def normalize(self, obs: Tensor) -> Tensor:
        """Observations float32 (..., obs_dim) as the body takes them."""
        return self.obs_moments.normalize(obs) if self.spec.normalize else obs

    def first_state(self, num_rows: int) -> Tensor | None:
        """The memory's state at the start of an episode, (num_rows, state_dim); None without a memory."""
        return torch.zeros(num_rows, self.spec.state_dim) if self.spec.memory else None

    def outputs(self, normal: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """What the head puts out, (n, num_out), for observations that are normalised, and the memory's next state."""
        features = self.body(normal)
        if self.memory is not None:
            state = self.first_state(len(normal)) if state is None else state
            features, state = self.memory(features, state)
        return self.head(features), state

    def forward(self, obs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Means or logits, float32 (n, action_dim or num_choices), and the memory's next state.

        Args:
            obs: float32 (n, obs_dim), as the environment gives them.
            state: of the memory, (n, state_dim); None at the start of an episode, and without a memory.
        """
        out, state = self.outputs(self.normalize(obs), state)
        return (out[..., : self.spec.action_dim] if self.spec.head == "squashed" else out), state

    # --- numbers to actions

    @property
    def noise_dim(self) -> int:
        """Draws that `act` takes for a row: 0 for a deterministic head."""
        return 0 if self.spec.head == "deterministic" else self.spec.num_choices or self.spec.action_dim

    def act(
        self, obs: Tensor, state: Tensor | None = None, *, noise: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Actions in [-1, 1], float32 (n, action_dim), or choices int64 (n,), and the memory's next state.

        Args:
            noise: (n, noise_dim): standard normal draws, for a categorical head even draws in (0, 1); None: act best.
            mask: of a categorical head: which choices may be taken, (n, num_choices), non-zero where they may.
        """
        out, state = self.outputs(self.normalize(obs), state)
        return self.action_of(out, noise, mask), state

    def action_of(self, out: Tensor, noise: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """The action that the head's outputs and the noise make; see `act`."""
        drawn = self.draw(out, noise, mask)
        return drawn.clamp(-1.0, 1.0) if self.spec.head == "gaussian" else drawn

    def draw(self, out: Tensor, noise: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """The same as `log_prob` takes it: a Gaussian's action before it is cut to [-1, 1]."""
        head = self.spec.head
        if head == "categorical":
            logits = masked_logits(out, mask)
            return (logits if noise is None else logits - torch.log(-torch.log(noise))).argmax(-1)
        if head == "deterministic":
            return torch.tanh(out)
        if head == "squashed":
            mean, log_std = squashed_parts(out)
            return torch.tanh(mean if noise is None else mean + log_std.exp() * noise)
        assert self.log_std is not None
        return out if noise is None else out + self.log_std.exp() * noise

    # --- what a stochastic policy gradient needs

    def log_prob(self, out: Tensor, actions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Log density of actions (n, action_dim) around means `out`, or log probability of choices int64 (n,) among
        logits `out`; float32 (n,). Heads: gaussian (of the action before it was cut), categorical.
        """
        if self.spec.head == "categorical":
            logs = masked_logits(out, mask).log_softmax(-1)
            return logs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
        assert self.log_std is not None
        return gaussian_log_prob(out, self.log_std, actions)

    def entropy(self, out: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mean entropy over rows, a scalar; a Gaussian's does not depend on the observation."""
        if self.spec.head == "categorical":
            logs = masked_logits(out, mask).log_softmax(-1)
            return -(logs.exp() * logs).sum(-1).mean()
        assert self.log_std is not None
        return (self.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum()


def masked_logits(logits: Tensor, mask: Tensor | None) -> Tensor:
    """Logits of choices that may not be taken become so low that their probability is 0."""
    return logits if mask is None else torch.where(mask != 0, logits, torch.full_like(logits, -1e9))


def gaussian_log_prob(mean: Tensor, log_std: Tensor, actions: Tensor) -> Tensor:
    """Log density of rows `actions` under independent Gaussians; (n,)."""
    z = (actions - mean) * torch.exp(-log_std)
    return (-0.5 * z**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)


def squashed_parts(out: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation, both before the tanh, of a squashed head's outputs."""
    mean, log_std = out.chunk(2, dim=-1)
    return mean, log_std.clamp(*LOG_STD_RANGE)
