"""Convolutional generator and discriminator: the networks of DCGAN."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.models.layers import logits, normalised

SIZES = (16, 32, 64, 128, 256)


def _levels(shape: Sequence[int]) -> int:
    """How often the side of an image doubles from 4."""
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] not in SIZES:
        raise GanlibError(
            f"images of shape {tuple(shape)} were given; DCGAN needs (channels, size, size) with a size of "
            f"{', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]}"
        )
    return SIZES.index(shape[1]) + 2


def _widths(width: int, levels: int) -> list[int]:
    """Channels from the largest image to 4×4: doubled as in the paper, whose 64×64 ends at 8×; larger sizes stay there.

    Without the cap, every doubling of the side would give four times the parameters.
    """
    return [width * min(2**i, 8) for i in range(levels)]


def _start(module: nn.Module) -> None:
    """The paper's initial weights: N(0, 0.02²), and around 1 for the scales of batch normalisation."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


class DCGANGenerator(nn.Module):
    """z → projected to 4×4 → 8×8 → … → tanh: transposed convolutions with stride 2, batch normalisation and ReLU.

    Args:
        shape: (C, size, size) of one image.
        latent_dim: length of z.
        width: channels before the last layer; they double with each halving of the side, up to 8 times as many.

    Raises:
        GanlibError: the images are not square, or of another size than `SIZES`.

    *Source*: Radford et al. (2016), figure 1; kernels of 4 instead of 5, as most PyTorch code since, so that the stride
    divides the kernel.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int = 100, width: int = 64):
        super().__init__()
        levels = _levels(shape)
        widths = _widths(width, levels)[::-1]  # at 4×4, 8×8, …
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, widths[0] * 16, bias=False),
            nn.Unflatten(1, (widths[0], 4, 4)),
        ]
        for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.BatchNorm2d(n_in), nn.ReLU(), nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.ConvTranspose2d(width, shape[0], 4, 2, 1, bias=False)]
        self.layers = nn.Sequential(*layers, nn.Tanh()).apply(_start)

    def forward(self, z: Tensor) -> Tensor:
        """z: (N, latent_dim) → (N, C, size, size)."""
        return self.layers(z)


class DCGANDiscriminator(nn.Module):
    """An image → convolutions with stride 2, batch normalisation (not in the first), LeakyReLU → flat → one logit.

    The first convolution has an offset, which much code leaves out: without any, everything up to the first
    normalisation commutes with a positive factor, f(cx) = c f(x), and the normalisation divides the c out again. The
    discriminator is then blind to contrast, of an image under layer normalisation, of a batch under the other.

    Args:
        shape: (C, size, size) of one image.
        width: channels after the first layer; they double with each halving of the side, up to 8 times as many.
        norm: ``"batch"``; ``"layer"``, each sample by itself, as a critic under a gradient penalty needs; anything else
            for none, where every convolution has an offset instead.
        offset: of the first convolution; without it 2,765,568 numbers on 3×64×64 images, as in the usual code.

    Raises:
        GanlibError: the images are not square, or of another size than `SIZES`.

    *Source*: Radford et al. (2016); layer normalisation in its place: Gulrajani et al. (2017), section 4, "No critic
    batch normalization", and the authors' code for 64×64 images.
    """

    def __init__(self, shape: Sequence[int], width: int = 64, norm: str = "batch", offset: bool = True):
        super().__init__()
        self.shape = tuple(shape)
        levels = _levels(shape)
        widths = _widths(width, levels)
        layers: list[nn.Module] = [nn.Conv2d(shape[0], width, 4, 2, 1, bias=offset), nn.LeakyReLU(0.2)]
        for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
            normalisation = normalised(norm, n_out)
            layers.append(nn.Conv2d(n_in, n_out, 4, 2, 1, bias=not normalisation))
            layers += [*normalisation, nn.LeakyReLU(0.2)]
        layers += [nn.Flatten(), nn.Linear(widths[-1] * 16, 1, bias=False)]
        self.layers = nn.Sequential(*layers).apply(_start)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, size, size) → logits (N,)."""
        if x.shape[1:] != self.shape:
            raise GanlibError(
                f"samples of shape {tuple(x.shape[1:])} were given; the discriminator expects {self.shape}"
            )
        return logits(self.layers, x).squeeze(1)


def dcgan(
    shape: Sequence[int], latent_dim: int = 100, width: int = 64, norm: str = "batch"
) -> tuple[nn.Module, nn.Module]:
    """The convolutional pair; on 3×64×64 images 3,576,704 trainable numbers in G and 2,765,632 in D.

    Layer normalisation has as many as batch normalisation. Without any, each channel has an offset in place of a scale
    and an offset: 896 numbers fewer on these images.
    """
    return DCGANGenerator(shape, latent_dim, width), DCGANDiscriminator(shape, width, norm)


def dcgan_small(shape: Sequence[int], latent_dim: int = 100, norm: str = "batch") -> tuple[nn.Module, nn.Module]:
    """The convolutional pair at half the width, for a laptop's processor."""
    return dcgan(shape, latent_dim, 32, norm)


NETWORKS = {"dcgan": dcgan, "dcgan-small": dcgan_small}
