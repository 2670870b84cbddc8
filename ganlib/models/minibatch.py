"""Minibatch discrimination: a discriminator that sees how alike the samples of a batch are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganlib.device import full_precision
from ganlib.errors import GanlibError
from ganlib.models.toy import mlp_toy


class MinibatchDiscrimination(nn.Module):
    """Adds to the features of each sample how close the others of its batch are.

    With M = fT, one row of `dims` numbers per sample and kernel, the new feature of sample i and kernel b is the mean
    of exp(−‖M_ib − M_jb‖₁) over the other samples j: 1 if all are the same, near 0 if each is alone. A generator that
    makes one sample again and again is found out at once. Real and generated samples have to come in separate batches,
    which `on_each` sees to.

    Args:
        features: length of f.
        kernels: how many features are added.
        dims: length of what is compared.

    *Source*: Salimans et al. (2016), section 3.2. There it is the sum over all j, i included, which grows with the
    batch and has a constant 1 in it; here the mean over the others.
    """

    mixes_samples = True

    def __init__(self, features: int, kernels: int = 32, dims: int = 5):
        super().__init__()
        self.kernels = kernels
        self.compared = nn.Linear(features, kernels * dims, bias=False)  # T; an offset would cancel

    def forward(self, f: Tensor) -> Tensor:
        """f: (N, features) → (N, features + kernels).

        Raises:
            GanlibError: a sample that is alone.
        """
        if len(f) < 2:
            raise GanlibError(f"a batch of {len(f)} was given; minibatch discrimination compares at least 2 samples")
        with full_precision(f):
            m = self.compared(f.to(torch.promote_types(f.dtype, torch.float32))).unflatten(1, (self.kernels, -1))
            near = torch.exp(-torch.cdist(m.transpose(0, 1), m.transpose(0, 1), p=1))  # (kernels, N, N), 1 where i = j
            alike = (near.sum(2).T - 1) / (len(f) - 1)
        return torch.cat([f, alike.to(f.dtype)], 1)


def mlp_toy_minibatch(shape: Sequence[int], latent_dim: int = 12, norm: str = "batch") -> tuple[nn.Module, nn.Module]:
    """`mlp_toy`, whose discriminator compares the samples before its last layer, and normalises nowhere."""
    generator, discriminator = mlp_toy(shape, latent_dim)
    *body, last = discriminator.layers
    alike = MinibatchDiscrimination(last.in_features)
    discriminator.layers = nn.Sequential(*body, alike, nn.Linear(last.in_features + alike.kernels, 1))
    return generator, discriminator


NETWORKS = {"mlp-toy-minibatch": mlp_toy_minibatch}
