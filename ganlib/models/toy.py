"""Small networks for laws on the plane, and latents that take signs: a generator that can jump."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganlib.models.mlp import MLPDiscriminator, MLPGenerator


class Signs(nn.Module):
    """Latents of which the first ones keep their sign only.

    A continuous generator takes the connected support of z ~ N(0, I) to a connected set: whoever reaches two separate
    modes also fills a way between them. Behind signs the latent law falls into 2^n pieces that touch nowhere, and each
    piece can lie in a mode as a whole. How many modes there are need not be known.

    Args:
        n: how many of the latents.

    *Source*: the obstacle: Khayatkhoei et al. (2018) and Tanielian et al. (2020). Signs are the
    simplest way around it; the former authors train several generators, the latter reject samples.
    """

    def __init__(self, n: int):
        super().__init__()
        self.n = n

    def forward(self, z: Tensor) -> Tensor:
        """z: (N, latent_dim) → (N, latent_dim)."""
        return torch.cat([z[:, : self.n].sign(), z[:, self.n :]], 1)


def mlp_toy(shape: Sequence[int], latent_dim: int = 12, norm: str = "batch") -> tuple[nn.Module, nn.Module]:
    """z → 128 → 128 → 128 → x and x → 128 → 128 → 128 → 128 → 1, without batch normalisation.

    Twenty-five narrow modes ask more of the discriminator: r3gan.toml says what it gets right with three layers.
    """
    generator = MLPGenerator(shape, latent_dim, 3 * (128,), batch_norm=False, bounded=len(shape) > 1)
    return generator, MLPDiscriminator(shape, 4 * (128,))


def mlp_toy_signs(shape: Sequence[int], latent_dim: int = 12, norm: str = "batch") -> tuple[nn.Module, nn.Module]:
    """`mlp_toy` for which two of three latents keep their sign only: 8 of 12, that is 256 pieces for the modes."""
    generator, discriminator = mlp_toy(shape, latent_dim, norm)
    generator.layers.insert(0, Signs(2 * latent_dim // 3))
    return generator, discriminator


def mlp_toy_norm(shape: Sequence[int], latent_dim: int = 12, norm: str = "batch") -> tuple[nn.Module, nn.Module]:
    """`mlp_toy` whose discriminator normalises all hidden layers but the first."""
    generator, discriminator = mlp_toy(shape, latent_dim)
    widths = [layer.out_features for layer in discriminator.layers if isinstance(layer, nn.Linear)][:-1]
    return generator, MLPDiscriminator(shape, widths, {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}.get(norm))


NETWORKS = {"mlp-toy": mlp_toy, "mlp-toy-norm": mlp_toy_norm, "mlp-toy-signs": mlp_toy_signs}
