"""Networks. A file of this folder offers its own under ``NETWORKS``; nothing else has to be edited."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence

from torch import nn

from ganlib import registry
from ganlib.errors import GanlibError, unknown


@functools.cache
def _known() -> dict:
    return registry.collect(sys.modules[__name__], "NETWORKS")


def names() -> list[str]:
    """The names `networks` knows."""
    return sorted(_known())


def networks(
    name: str, shape: Sequence[int], latent_dim: int, critic: bool = False, **options
) -> tuple[nn.Module, nn.Module]:
    """A generator and a discriminator that fit each other and the data.

    Args:
        name: one of `names()`, e.g. ``"mlp"``.
        shape: shape of one sample, ``(C, H, W)`` for images or ``(d,)`` for points.
        latent_dim: length of the latent vector z.
        critic: make the second a critic for a gradient penalty, without batch normalisation: the penalty is per sample,
            and batch normalisation mixes the batch.
        options: what the network's own builder takes.

    Returns:
        ``(generator, discriminator)``: (N, latent_dim) → (N, *shape) and (N, *shape) → (N,) logits.

    Raises:
        GanlibError: no such network, or the sample's shape does not fit it.
    """
    if name not in _known():
        raise unknown("model", name, _known())
    if not shape or any(int(n) != n or n < 1 for n in shape):
        raise GanlibError(f"sample shape {tuple(shape)} was given; expected (channels, height, width) or (dimension,)")
    if latent_dim < 1:
        raise GanlibError(f"latent_dim={latent_dim} was given; expected at least 1")
    return _known()[name](tuple(shape), latent_dim, critic=critic, **options)
