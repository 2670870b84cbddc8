"""Fully connected generator and discriminator: the networks of chapter 02."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.models.layers import logits


class MLPGenerator(nn.Module):
    """z → hidden layers → tanh, reshaped to a sample.

    A hidden layer is Linear, LeakyReLU(0.2) and, if asked for, batch normalisation, in the classic order.

    Args:
        shape: shape of one sample, ``(C, H, W)`` or ``(d,)``.
        latent_dim: length of z.
        widths: widths of the hidden layers.
        batch_norm: normalise after each hidden layer. ``momentum=0.2`` is what Keras writes as 0.8: the two
            libraries count the weight of the new and of the old value.
        bounded: end in tanh, for images in [−1, 1]; points on the plane need no bound.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 100,
        widths: Sequence[int] = (256, 512, 1024),
        batch_norm: bool = True,
        bounded: bool = True,
    ):
        super().__init__()
        self.shape = tuple(shape)
        layers: list[nn.Module] = []
        for n_in, n_out in zip((latent_dim, *widths[:-1]), widths, strict=True):
            layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(0.2)]
            if batch_norm:
                layers.append(nn.BatchNorm1d(n_out, momentum=0.2))
        layers.append(nn.Linear(widths[-1], math.prod(self.shape)))
        if bounded:
            layers.append(nn.Tanh())
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """z: (N, latent_dim) → (N, *shape)."""
        return self.layers(z).view(len(z), *self.shape)


class MLPDiscriminator(nn.Module):
    """A sample, flattened → hidden layers → one logit. No sigmoid: losses take logits.

    Args:
        shape: shape of one sample.
        widths: widths of the hidden layers (Linear, LeakyReLU(0.2)).
        norm: makes the normalisation between Linear and LeakyReLU of all hidden layers but the first, from the width;
            none if not given. The first layer sees how large the samples are.
        dropout: chance of each hidden unit to be 0 in training, after each hidden layer.
    """

    def __init__(
        self,
        shape: Sequence[int],
        widths: Sequence[int] = (512, 256),
        norm: Callable[[int], nn.Module] | None = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.shape = tuple(shape)
        n_in = math.prod(shape)
        layers: list[nn.Module] = []
        for i, n_out in enumerate(widths):
            layers += [nn.Linear(n_in, n_out), *([norm(n_out)] if norm and i else []), nn.LeakyReLU(0.2)]
            layers += [nn.Dropout(dropout)] if dropout else []
            n_in = n_out
        self.layers = nn.Sequential(*layers, nn.Linear(n_in, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, *shape) → logits (N,)."""
        if x.shape[1:] != self.shape:
            raise GanlibError(
                f"samples of shape {tuple(x.shape[1:])} were given; the discriminator expects {self.shape}"
            )
        return logits(self.layers, torch.flatten(x, 1)).squeeze(1)


def mlp(shape: Sequence[int], latent_dim: int = 100, norm: str = "batch") -> tuple[nn.Module, nn.Module]:
    """The classic pair: z → 256 → 512 → 1024 → x and x → 512 → 256 → 1.

    On 28×28 images with 100 latents: 1,489,936 trainable numbers and 3,584 batch-norm statistics in G, 533,505 in D.
    D normalises nowhere.
    """
    return MLPGenerator(shape, latent_dim, bounded=len(shape) > 1), MLPDiscriminator(shape)


def mlp_small(shape: Sequence[int], latent_dim: int = 64, norm: str = "batch") -> tuple[nn.Module, nn.Module]:
    """The small pair: z → 256 → 256 → x and x → 256 → 256 → 1, without batch normalisation."""
    bounded = len(shape) > 1
    return MLPGenerator(shape, latent_dim, (256, 256), False, bounded), MLPDiscriminator(shape, (256, 256))


NETWORKS = {"mlp": mlp, "mlp-small": mlp_small}
