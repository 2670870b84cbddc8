"""Networks. A file of this folder offers its own under ``NETWORKS``; nothing else has to be edited.

An entry is a builder: ``(shape, latent_dim, norm="batch", ...) -> (generator, discriminator)``, see `networks`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence

from torch import nn

from ganlib import registry
from ganlib.errors import GanlibError, unknown
from ganlib.models.layers import spectrally_normalised

NORMS = ("batch", "layer", "none", "spectral")


@functools.cache
def _known() -> dict:
    return registry.collect(sys.modules[__name__], "NETWORKS")


def names() -> list[str]:
    """The names `networks` knows."""
    return sorted(_known())


def networks(
    name: str, shape: Sequence[int], latent_dim: int, norm: str = "batch", **options
) -> tuple[nn.Module, nn.Module]:
    """A generator and a discriminator that fit each other and the data.

    Args:
        name: one of `names()`, e.g. ``"mlp"``.
        shape: shape of one sample, ``(C, H, W)`` for images or ``(d,)`` for points.
        latent_dim: length of the latent vector z.
        norm: what stands where the discriminator normalises. ``"batch"``: batch normalisation. ``"layer"``: layer
            normalisation, of each sample by itself, as a gradient penalty needs. ``"none"``: nothing. ``"spectral"``:
            nothing, but every weight is divided by its largest singular value (`layers.spectral_norm`). A network that
            normalises nowhere is the same for the first three.
        options: what the network's own builder takes.

    Returns:
        ``(generator, discriminator)``: (N, latent_dim) → (N, *shape) and (N, *shape) → (N,) logits.

    Raises:
        GanlibError: no such network or normalisation, or the sample's shape does not fit.
    """
    if name not in _known():
        raise unknown("model", name, _known())
    if not shape or any(int(n) != n or n < 1 for n in shape):
        raise GanlibError(f"sample shape {tuple(shape)} was given; expected (channels, height, width) or (dimension,)")
    if latent_dim < 1:
        raise GanlibError(f"latent_dim={latent_dim} was given; expected at least 1")
    if norm not in NORMS:
        raise unknown("norm", norm, NORMS)
    generator, discriminator = _known()[name](tuple(shape), latent_dim, norm=norm, **options)
    return generator, spectrally_normalised(discriminator) if norm == "spectral" else discriminator
