"""Growing generator and discriminator for images: the networks of ProGAN.

A level is a resolution: images of level ℓ have sides of 4·2^ℓ pixels. All levels are built at once. Which of them are
used, and how far the newest has been faded in, is an argument: nothing in a network changes when it grows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganlib.data.images import whole
from ganlib.errors import GanlibError
from ganlib.models.equalised import EqualisedConv2d, EqualisedLinear, MinibatchStd, PixelNorm, blur, down, up
from ganlib.models.layers import logits

SIZES = tuple(4 * 2**level for level in range(1, 9))  # 8, 16, …, 1024


def last_level(shape: Sequence[int]) -> int:
    """The level of images of a shape (C, size, size), the last that a network for them has.

    Raises:
        GanlibError: they are not square, or not of a size in `SIZES`.
    """
    if len(shape) != 3 or shape[1] != shape[2] or shape[1] not in SIZES:
        raise GanlibError(
            f"images of shape {tuple(shape)} were given; networks that grow need (channels, size, size) with a size of "
            f"{', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]}"
        )
    return SIZES.index(shape[1]) + 1


def widths(shape: Sequence[int], width: int, widest: int) -> list[int]:
    """Channels at each level, 4×4 first: `width` at full size, twice as many with each halving, at most `widest`.

    *Source*: Karras et al. (2018), table 2, where `width` is 16 at 1024×1024 and `widest` 512.
    """
    whole("width", width, 1), whole("widest", widest, 1)
    return [min(width * 2**halvings, widest) for halvings in range(last_level(shape), -1, -1)]


def checked(level: int, last: int, alpha: Tensor | None) -> int:
    """The level, which has to be one of 0 to `last`, and above 0 while it is faded in.

    Raises:
        GanlibError: it is not.
    """
    first = 0 if alpha is None else 1
    if not first <= level <= last:
        fading = " that is being faded in" if first else ""
        raise GanlibError(f"level {level}{fading} was given; expected one from {first} to {last}")
    return level


def fade(old: Tensor, new: Tensor, alpha: Tensor) -> Tensor:
    """(1 − α)·old + α·new, of one shape: exactly `old` at α = 0 and exactly `new` at α = 1."""
    return (1 - alpha) * old + alpha * new


def faded(images: Tensor, level: int, alpha: Tensor | None = None) -> Tensor:
    """Real images as a discriminator of a level should see them: made smaller by means, without the detail to come.

    While a level is faded in, the generator's images have 1 − α of their detail missing. Real ones that had all of it
    would give themselves away.

    Args:
        images: (N, C, H, W), of the level's size or larger.
        level: ℓ ≥ 0.
        alpha: α; None, or 1, where nothing is being faded in.

    Returns:
        (N, C, 4·2^ℓ, 4·2^ℓ).

    Raises:
        GanlibError: the images are smaller than the level's, or level 0 is to be faded in.

    *Source*: Karras et al. (2018), section 2 and figure 2.
    """
    checked(level, (images.shape[-1] // 4).bit_length() - 1, alpha)
    x = down(images, images.shape[-1] // (4 * 2**level))
    return x if alpha is None else fade(up(down(x)), x, alpha)


def convolution(n_in: int, n_out: int, *after: nn.Module) -> nn.Sequential:
    """A 3×3 convolution and LeakyReLU, and what comes after."""
    return nn.Sequential(EqualisedConv2d(n_in, n_out), nn.LeakyReLU(0.2), *after)


def verdict(channels: int, group: int) -> nn.Sequential:
    """The end of a discriminator: features of 4×4, and how much they differ in a group → one number a sample."""
    return nn.Sequential(
        *(MinibatchStd(group), *convolution(channels + 1, channels), nn.Flatten()),
        *(EqualisedLinear(channels * 16, channels), nn.LeakyReLU(0.2), EqualisedLinear(channels, 1, gain=1.0)),
    )


class ToImages(nn.Module):
    """Features of every level → an image: of one level, faded, or of as many as have grown.

    Args:
        channels: of the images.
        n_features: channels of the features of each level, 4×4 first.

    Attributes:
        last: the last level.
        level: how far the network has grown, for samples; the last level until somebody says otherwise.
        alpha: how far that level has been faded in. These two are buffers: checkpoints and averages have them.
    """

    def __init__(self, channels: int, n_features: Sequence[int]):
        super().__init__()
        self.layers = nn.ModuleList(EqualisedConv2d(n, channels, kernel=1, gain=1.0) for n in n_features)
        self.last = len(n_features) - 1
        self.register_buffer("level", torch.tensor(self.last))
        self.register_buffer("alpha", torch.tensor(1.0))

    def grow(self, level: int, alpha: float) -> None:
        """Say how far the network has grown.

        Args:
            level: 0 to the last.
            alpha: how far it has been faded in, 0 to 1.

        Raises:
            GanlibError: there is no such level, or no such α.
        """
        if not 0 <= alpha <= 1:
            raise GanlibError(f"alpha={alpha} was given; expected a share from 0 to 1")
        self.level.fill_(checked(level, self.last, None))
        self.alpha.fill_(alpha)

    def forward(self, features: Sequence[Tensor], alpha: Tensor | None = None) -> Tensor:
        """Features of levels 0 to ℓ → images of level ℓ, to train with: (N, C, 4·2^ℓ, 4·2^ℓ).

        Args:
            features: of each level (N, n_features, 4·2^level, 4·2^level), 4×4 first.
            alpha: how far level ℓ ≥ 1 has been faded in; None for the whole.
        """
        level = len(features) - 1
        new = self.layers[level](features[level])
        return new if alpha is None else fade(up(self.layers[level - 1](features[level - 1])), new, alpha)

    def grown(self, features: Sequence[Tensor]) -> Tensor:
        """Features of all levels → images as far as the network has grown, enlarged to full size, in [−1, 1].

        Every level's image has a share, which is 0 for most: the level is read on the device only, so that this is one
        and the same computation at all times.
        """
        images = 0.0
        for level, (layer, x) in enumerate(zip(self.layers, features, strict=True)):
            share = (self.level == level) * self.alpha + (self.level == level + 1) * (1 - self.alpha)
            images = images + share * up(layer(x), features[-1].shape[-1] // x.shape[-1])
        return images.clamp(-1, 1)


class ProgressiveGenerator(nn.Module):
    """z on the sphere → 4×4 → blocks that double the side: enlarge, (convolve, LeakyReLU, pixel norm) twice.

    The images come from a 1×1 convolution of the features, without tanh.

    Args:
        shape: (C, size, size) of one image.
        latent_dim: length of z, which is normalised first.
        width: channels at full size; they double with each halving of the side.
        widest: the largest number of channels.

    Raises:
        GanlibError: the images are not square, or of another size than `SIZES`.

    *Source*: Karras et al. (2018), table 2. The layer to 4×4 has He's gain like all others; that of the authors' code
    is a quarter of it, which the pixel norm behind it undoes but for the rate.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int = 128, width: int = 32, widest: int = 256):
        super().__init__()
        first, *others = n = widths(shape, width, widest)
        whole("latent_dim", latent_dim, 1)
        self.start = nn.Sequential(
            *(PixelNorm(), EqualisedLinear(latent_dim, first * 16), nn.Unflatten(1, (first, 4, 4))),
            *(nn.LeakyReLU(0.2), PixelNorm(), *convolution(first, first, PixelNorm())),
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(convolution(before, after, PixelNorm()), convolution(after, after, PixelNorm()))
            for before, after in zip(n[:-1], others, strict=True)
        )
        self.to_images = ToImages(shape[0], n)

    def forward(self, z: Tensor, level: int | None = None, alpha: Tensor | None = None) -> Tensor:
        """z: (N, latent_dim) → images (N, C, 4·2^level, 4·2^level), while `level` is faded in if α is given.

        Without a level: samples, as far as the network has grown, at full size.
        """
        if level is not None:
            checked(level, self.to_images.last, alpha)
        features = [self.start(z)]
        for block in self.blocks[:level]:
            features.append(block(up(features[-1])))
        return self.to_images.grown(features) if level is None else self.to_images(features, alpha)


class ProgressiveDiscriminator(nn.Module):
    """An image → blocks that halve the side to 4×4: (convolve, LeakyReLU) twice, means over 2×2 → a score.

    At 4×4 it sees how much the samples of a group differ.

    Args:
        shape: (C, size, size) of one image.
        width: channels at full size; they double with each halving of the side.
        widest: the largest number of channels.
        group: samples that are compared; see `MinibatchStd`.
        blurred: blur before each halving, as StyleGAN does.

    Raises:
        GanlibError: the images are not square, or of another size than `SIZES`.

    *Source*: Karras et al. (2018), table 2; blur: Karras et al. (2019), section 2. The authors' code blurs before a
    block's second convolution, and takes the means before the LeakyReLU behind it.
    """

    def __init__(self, shape: Sequence[int], width: int = 32, widest: int = 256, group: int = 4, blurred: bool = False):
        super().__init__()
        first, *others = n = widths(shape, width, widest)
        self.channels, self.blurred = shape[0], blurred
        self.from_images = nn.ModuleList(
            nn.Sequential(EqualisedConv2d(shape[0], channels, kernel=1), nn.LeakyReLU(0.2)) for channels in n
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(convolution(after, after), convolution(after, before))
            for before, after in zip(n[:-1], others, strict=True)
        )
        self.end = verdict(first, group)

    def forward(self, x: Tensor, level: int | None = None, alpha: Tensor | None = None) -> Tensor:
        """x: (N, C, 4·2^level, 4·2^level) → scores (N,), while `level` is faded in if α is given.

        Without a level: images at full size.
        """
        level = len(self.blocks) if level is None else checked(level, len(self.blocks), alpha)
        expected = (self.channels, 4 * 2**level, 4 * 2**level)
        if x.shape[1:] != expected:
            given = tuple(x.shape[1:])
            raise GanlibError(
                f"samples of shape {given} were given; the discriminator expects {expected} at level {level}"
            )
        features = self.from_images[level](x)
        for newer in range(level, 0, -1):
            features = self.blocks[newer - 1](features)
            features = down(blur(features) if self.blurred else features)
            if alpha is not None and newer == level:
                features = fade(self.from_images[level - 1](down(x)), features, alpha)
        return logits(self.end, features).squeeze(1)
