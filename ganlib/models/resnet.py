"""Residual generator and discriminator for images of 16, 32 or 64 pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from ganlib.device import full_precision
from ganlib.errors import GanlibError
from ganlib.models.layers import logits, normalised

SIZES = (16, 32, 64)


def _doublings(shape: Sequence[int]) -> int:
    """How often the side of an image doubles from 4."""
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] not in SIZES:
        raise GanlibError(
            f"images of shape {tuple(shape)} were given; the residual networks need (channels, size, size) with a size "
            f"of {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]}"
        )
    return SIZES.index(shape[1]) + 2


def _start(module: nn.Module) -> None:
    """Glorot's initial weights; twice the variance where a ReLU comes before, in the residual branches."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        inside = isinstance(module, nn.Conv2d) and getattr(module, "residual", False)
        nn.init.xavier_uniform_(module.weight, math.sqrt(2) if inside else 1.0)
        nn.init.zeros_(module.bias)


def _conv(n_in: int, n_out: int) -> nn.Conv2d:
    """A 3×3 convolution of a residual branch."""
    conv = nn.Conv2d(n_in, n_out, 3, padding=1)
    conv.residual = True
    return conv


class Up(nn.Module):
    """x ↦ twice as large: normalise, ReLU, enlarge, convolve, normalise, ReLU, convolve; plus x, enlarged.

    Args:
        n_in: channels before.
        n_out: channels after.
    """

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        enlarge = nn.Upsample(scale_factor=2)
        self.residual = nn.Sequential(
            *(nn.BatchNorm2d(n_in), nn.ReLU(), enlarge, _conv(n_in, n_out)),
            *(nn.BatchNorm2d(n_out), nn.ReLU(), _conv(n_out, n_out)),
        )
        self.shortcut = nn.Conv2d(n_in, n_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, n_in, H, W) → (N, n_out, 2H, 2W)."""
        # A 1×1 convolution and an enlargement by copies can change places; this order has a quarter of the products.
        return interpolate(self.shortcut(x), scale_factor=2) + self.residual(x)


class Down(nn.Module):
    """x ↦ half as large or as large as before: (normalise, ReLU, convolve) twice and a mean over 2×2; plus x, likewise.

    Args:
        n_in: channels before.
        n_out: channels after.
        norm: see `models.networks`.
        halve: take means over 2×2.
        first: x is the image, which no ReLU may cut off and no normalisation may change.
    """

    def __init__(self, n_in: int, n_out: int, norm: str, halve: bool = True, first: bool = False):
        super().__init__()
        self.halve = halve
        before = [] if first else [*normalised(norm, n_in), nn.ReLU()]
        between = [] if first else normalised(norm, n_in)
        n_middle = n_out if first else n_in
        self.residual = nn.Sequential(*before, _conv(n_in, n_middle), *between, nn.ReLU(), _conv(n_middle, n_out))
        self.shortcut = nn.Conv2d(n_in, n_out, 1) if halve or n_in != n_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, n_in, H, W) → (N, n_out, H/2, W/2), or as large as before."""
        if not self.halve:
            return self.shortcut(x) + self.residual(x)
        return self.shortcut(avg_pool2d(x, 2)) + avg_pool2d(self.residual(x), 2)  # means and 1×1 can change places


class Pool(nn.Module):
    """One number per channel: its mean over the image, or its sum.

    Args:
        total: the sum.
    """

    def __init__(self, total: bool):
        super().__init__()
        self.total = total

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) → (N, C), in float32 at least."""
        with full_precision(x):
            x = x.to(torch.promote_types(x.dtype, torch.float32)).flatten(2)
            return x.sum(2) if self.total else x.mean(2)


class ResNetGenerator(nn.Module):
    """z → 4×4 → blocks that double the side → normalise, ReLU, convolve, tanh.

    Args:
        shape: (C, size, size) of one image.
        latent_dim: length of z.
        width: channels of all blocks.

    Raises:
        GanlibError: the images are not square, or of another size than `SIZES`.

    *Source*: Gulrajani et al. (2017), the code published for CIFAR-10; of another size, one block more or less.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int = 128, width: int = 128):
        super().__init__()
        blocks = [Up(width, width) for _ in range(_doublings(shape))]
        self.layers = nn.Sequential(
            *(nn.Linear(latent_dim, width * 16), nn.Unflatten(1, (width, 4, 4)), *blocks),
            *(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, shape[0], 3, padding=1), nn.Tanh()),
        ).apply(_start)

    def forward(self, z: Tensor) -> Tensor:
        """z: (N, latent_dim) → (N, C, size, size)."""
        return self.layers(z)


class ResNetDiscriminator(nn.Module):
    """An image → blocks that halve the side to 8×8 → two blocks that keep it → ReLU, one number per channel → a logit.

    Args:
        shape: (C, size, size) of one image.
        width: channels of all blocks.
        norm: see `models.networks`. The first block, which sees the image, normalises nowhere. Under spectral
            normalisation the last features are sums over the image, elsewhere means: the last weight, of norm 1 then,
            could not make up for the 64 times smaller number.

    Raises:
        GanlibError: the images are not square, or of another size than `SIZES`.

    *Source*: Gulrajani et al. (2017), the code published for CIFAR-10; sums: Miyato et al. (2018), table 4.
    """

    def __init__(self, shape: Sequence[int], width: int = 128, norm: str = "batch"):
        super().__init__()
        self.shape = tuple(shape)
        halvings = _doublings(shape) - 1
        blocks = [Down(shape[0], width, norm, first=True), *(Down(width, width, norm) for _ in range(halvings - 1))]
        blocks += [Down(width, width, norm, halve=False) for _ in range(2)]
        last = [nn.ReLU(), Pool(total=norm == "spectral"), nn.Linear(width, 1)]
        self.layers = nn.Sequential(*blocks, *last).apply(_start)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, size, size) → logits (N,)."""
        if x.shape[1:] != self.shape:
            raise GanlibError(
                f"samples of shape {tuple(x.shape[1:])} were given; the discriminator expects {self.shape}"
            )
        return logits(self.layers, x).squeeze(1)


def resnet(
    shape: Sequence[int], latent_dim: int = 128, width: int = 128, norm: str = "batch"
) -> tuple[nn.Module, nn.Module]:
    """The residual pair; on 3×32×32 images with 128 latents 1,204,483 trainable numbers in G.

    D has 1,053,825 of them, and 1,536 more where it normalises.
    """
    return ResNetGenerator(shape, latent_dim, width), ResNetDiscriminator(shape, width, norm)


def resnet_small(shape: Sequence[int], latent_dim: int = 128, norm: str = "batch") -> tuple[nn.Module, nn.Module]:
    """The residual pair at a quarter of the width, for a laptop's processor."""
    return resnet(shape, latent_dim, 32, norm)


NETWORKS = {"resnet": resnet, "resnet-small": resnet_small}
