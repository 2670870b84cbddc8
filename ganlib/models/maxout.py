"""Maxout discriminator, generator with batch normalisation: the networks of the published test of mode coverage."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.models.layers import logits


class Maxout(nn.Linear):
    """The largest of several linear functions, in each output.

    Args:
        n_in: length of the input.
        n_out: length of the output.
        pieces: linear functions per output.

    *Source*: Goodfellow et al., Maxout networks (2013), section 3.
    """

    def __init__(self, n_in: int, n_out: int, pieces: int = 5):
        super().__init__(n_in, n_out * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, n_in) → (N, n_out)."""
        return super().forward(x).unflatten(-1, (self.pieces, -1)).amax(-2)


def _start(module: nn.Module) -> None:
    """The published initial weights: N(0, 0.02²), biases 0."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class MaxoutGenerator(nn.Module):
    """z → four hidden layers (linear, batch normalisation, ReLU) → linear, reshaped to a sample.

    Args:
        shape: shape of one sample, ``(C, H, W)`` or ``(d,)``.
        latent_dim: length of z.
        width: of each hidden layer.
        bounded: end in tanh, for images in [−1, 1]; points on the plane need no bound.

    *Source*: Lin et al., PacGAN (2018), and the code published with it: its statistics for sampling move by 0.05 a
    step (there the standard deviation, here the variance), and 10⁻⁴ is added to the variance.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int = 2, width: int = 400, bounded: bool = False):
        super().__init__()
        self.shape = tuple(shape)
        layers: list[nn.Module] = []
        for n_in in (latent_dim, width, width, width):
            norm = nn.BatchNorm1d(width, eps=1e-4, momentum=0.05)
            layers += [nn.Linear(n_in, width, bias=False), norm, nn.ReLU()]
        layers.append(nn.Linear(width, math.prod(self.shape)))
        if bounded:
            layers.append(nn.Tanh())
        self.layers = nn.Sequential(*layers).apply(_start)

    def forward(self, z: Tensor) -> Tensor:
        """z: (N, latent_dim) → (N, *shape)."""
        return self.layers(z).view(len(z), *self.shape)


class MaxoutDiscriminator(nn.Module):
    """A sample, flattened → three maxout layers of five pieces → one logit.

    Args:
        shape: shape of one sample, or of several packed.
        width: of each hidden layer.

    *Source*: Lin et al., PacGAN (2018), and the code published with it.
    """

    def __init__(self, shape: Sequence[int], width: int = 200):
        super().__init__()
        self.shape = tuple(shape)
        layers: list[nn.Module] = [Maxout(n_in, width) for n_in in (math.prod(self.shape), width, width)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1)).apply(_start)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, *shape) → logits (N,)."""
        if x.shape[1:] != self.shape:
            raise GanlibError(
                f"samples of shape {tuple(x.shape[1:])} were given; the discriminator expects {self.shape}"
            )
        return logits(self.layers, torch.flatten(x, 1)).squeeze(1)


def maxout(shape: Sequence[int], latent_dim: int = 2, norm: str = "batch") -> tuple[nn.Module, nn.Module]:
    """The pair of the mode-coverage test; on points of the plane 484,802 trainable numbers in G and 405,201 in D.

    D normalises nowhere.
    """
    return MaxoutGenerator(shape, latent_dim, bounded=len(shape) > 1), MaxoutDiscriminator(shape)


NETWORKS = {"maxout": maxout}
