"""Generator and discriminator of StyleGAN2: styles scale weights, and nothing grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu

from ganlib.data.images import whole
from ganlib.device import full_precision
from ganlib.errors import GanlibError, unknown
from ganlib.models.equalised import HE, EqualisedConv2d, EqualisedLinear, blur, down, up
from ganlib.models.layers import logits
from ganlib.models.progressive import convolution, verdict, widths
from ganlib.models.stylegan import Mapping, NoiseInput, StyleBased, kind_of

ARCHITECTURES = ("plain", "skip", "residual")
EPSILON = 1e-8  # in the root of the demodulation


# -- convolutions ------------------------------------------------------------------------------------------------------
def convolved(x: Tensor, weight: Tensor, bias: Tensor | None = None, resample: str = "", groups: int = 1) -> Tensor:
    """A convolution that keeps the size, doubles or halves it, with the filter (1, 3, 3, 1) against aliasing.

    Up is ``conv(blur(up(x)))`` and down ``down(blur(conv(x)))`` with a quarter of the products and the same result but
    for the border: zeros are put between pixels or left out where only every other is kept. Stride is down without
    the filter.

    Args:
        x: (N, C, H, W).
        weight: (n_out, C/groups, k, k) with an odd k.
        bias: (n_out,).
        resample: ``"up"``, ``"down"``, ``"stride"`` or ``""``.
        groups: as in `torch.nn.functional.conv2d`.

    Returns:
        (N, n_out, H, W), with sides twice or half as large.

    *Source*: Karras et al. (2020), appendix B and figure 7; padding as in the authors' code.
    """
    half = weight.shape[-1] // 2
    if resample == "down":
        return conv2d(blur(x, 4, 1 + half), weight, bias, stride=2, groups=groups)
    if resample != "up":
        return conv2d(x, weight, bias, stride=2 if resample == "stride" else 1, padding=half, groups=groups)
    # Torch transposes the convolution as a matrix; flipped, the kernel is that of a convolution again. One pixel in
    # four is not zero: hence the factor.
    transposed = 4 * weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1).flip(2, 3)
    y = blur(conv_transpose2d(x, transposed, stride=2, groups=groups), 4, 2 - half)
    return y if bias is None else y + bias[:, None, None]


class Convolution(EqualisedConv2d):
    """An equalised convolution that may change the size of its images: see `convolved`.

    Args:
        n_in: channels before.
        n_out: channels after.
        kernel: height and width, odd.
        gain: of the activation that follows, √2 or 1.
        resample: ``"up"``, ``"down"``, ``"stride"`` or ``""``.
        bias: whether there is an offset.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int = 3, gain: float = HE, resample: str = "", bias: bool = True):
        super().__init__(n_in, n_out, kernel, gain, bias)
        self.resample = resample

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, n_in, H, W) → (N, n_out, H, W), with sides twice or half as large."""
        return convolved(x, *self.scaled(), self.resample)


class ModulatedConv2d(Convolution):
    """A convolution whose weights a style scales, w′ = s·w, and brings back to unit length, w″ = w′/‖w′‖.

    s has a number for each channel before, and ‖·‖ is over all weights of one channel after. If what comes in is
    independent with variance 1, what comes out has variance 1, whatever the style: statistics that are expected take
    the place of those that AdaIN measures, so that no channel can drown the others by a spike.

    All samples of a batch have weights of their own. Instead, x is scaled before the convolution and its result
    after it, which is the same; `grouped` makes the weights.

    Args:
        n_in: channels before.
        n_out: channels after.
        w_dim: length of w, of which s is an affine function. Its offset begins at 1.
        kernel: height and width, odd.
        resample: ``"up"`` or ``""``.
        demodulate: bring the weights back to unit length.

    *Source*: Karras et al. (2020), equations (1) to (3). The offset is added to the result, and no style scales it.
    """

    def __init__(self, n_in: int, n_out: int, w_dim: int, kernel: int = 3, resample: str = "", demodulate: bool = True):
        super().__init__(n_in, n_out, kernel, 1.0, resample)
        self.style, self.demodulate = EqualisedLinear(w_dim, n_in, gain=1.0), demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x: (N, n_in, H, W), w: (N, w_dim) → (N, n_out, H, W), or twice as large."""
        weight, bias = self.scaled()
        before, after = (factor.to(x.dtype)[:, :, None, None] for factor in self.factors(w))
        y = convolved(x * before, weight, resample=self.resample)
        return y * after.to(y.dtype) + bias.to(y.dtype)[:, None, None]

    def grouped(self, x: Tensor, w: Tensor) -> Tensor:
        """The same by the definition: weights for each sample, in one convolution with a group for each."""
        weight, bias = self.scaled()
        before, after = self.factors(w)
        weights = weight * before[:, None, :, None, None] * after[:, :, None, None, None]  # (N, n_out, n_in, k, k)
        n, _, height, width = x.shape
        y = convolved(x.reshape(1, -1, height, width), weights.flatten(0, 1), resample=self.resample, groups=n)
        return y.reshape(n, -1, *y.shape[2:]) + bias[:, None, None]

    def factors(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """The style s, (N, n_in), and 1/‖w′‖, or 1 without demodulation, (N, n_out)."""
        with full_precision(w):
            s = 1 + self.style(w.to(torch.promote_types(w.dtype, torch.float32)))
            if not self.demodulate:
                return s, s.new_ones(1, 1)
            squares = (self.weight * self.scale).square().sum((2, 3))  # (n_out, n_in)
            return s, (s.square() @ squares.T + EPSILON).rsqrt()


class ModulatedLayer(nn.Module):
    """Modulated convolution, noise, LeakyReLU.

    The offset of the convolution is added before the noise, which is the same as after it.

    Args:
        n_in: channels before.
        n_out: channels after.
        w_dim: length of w.
        side: height and width of the images that come out.
        resample: ``"up"`` or ``""``.
    """

    def __init__(self, n_in: int, n_out: int, w_dim: int, side: int, resample: str = ""):
        super().__init__()
        self.convolution = ModulatedConv2d(n_in, n_out, w_dim, resample=resample)
        self.noise = NoiseInput(1, side)

    def forward(self, x: Tensor, w: Tensor, noise: str | Tensor) -> Tensor:
        """x: (N, n_in, H, W), w: (N, w_dim) → (N, n_out, side, side)."""
        # The gain cannot be in the weights, as elsewhere: demodulation would take it out again.
        return HE * leaky_relu(self.noise(self.convolution(x, w), noise), 0.2)


def shortcut(n_in: int, n_out: int, resample: str) -> Convolution:
    """What goes round a residual block: a 1×1 convolution without offset and activation."""
    return Convolution(n_in, n_out, 1, 1.0, resample, bias=False)


def added(x: Tensor, y: Tensor) -> Tensor:
    """(x + y)/√2: of two that are independent with variance 1, one with variance 1."""
    return (x + y) / math.sqrt(2)


def _known(architecture: str) -> str:
    if architecture not in ARCHITECTURES:
        raise unknown("architecture", architecture, ARCHITECTURES)
    return architecture


# -- generator ---------------------------------------------------------------------------------------------------------
class StyleGAN2Synthesis(nn.Module):
    """Styles → images: a learned constant of 4×4, one layer there and two at each larger size.

    There are three ways to the image. ``"plain"``: the last features become it. ``"skip"``: those of each size become
    an image, and each is enlarged and added to the next. ``"residual"``: as plain, and a shortcut goes round each size.

    Style i is that of layer i, and style 2ℓ + 1 that of the image of sides 4·2^ℓ too; so there are as many styles as in
    StyleGAN.

    Args:
        shape: (C, size, size) of one image.
        w_dim: length of w.
        width: channels at full size; they double with each halving of the side.
        widest: the largest number of channels.
        architecture: one of `ARCHITECTURES`.

    Attributes:
        sides: of the images of noise, one for each layer.

    Raises:
        GanlibError: another architecture, or images that are not square or of another size than `progressive.SIZES`.

    *Source*: Karras et al. (2020), figures 2 and 7 and table 2.
    """

    def __init__(
        self, shape: Sequence[int], w_dim: int, width: int = 32, widest: int = 256, architecture: str = "skip"
    ):
        super().__init__()
        self.architecture, n = _known(architecture), widths(shape, width, widest)
        self.sides = [4 * 2 ** ((layer + 1) // 2) for layer in range(2 * len(n) - 1)]
        self.constant = nn.Parameter(torch.randn(1, n[0], 4, 4))
        self.layers = nn.ModuleList([ModulatedLayer(n[0], n[0], w_dim, 4)])
        for (before, after), side in zip(pairwise(n), self.sides[1::2], strict=True):
            self.layers.append(ModulatedLayer(before, after, w_dim, side, "up"))
            self.layers.append(ModulatedLayer(after, after, w_dim, side))
        shown = n if architecture == "skip" else n[-1:]
        self.to_images = nn.ModuleList(
            ModulatedConv2d(features, shape[0], w_dim, kernel=1, demodulate=False) for features in shown
        )
        around = pairwise(n) if architecture == "residual" else ()
        self.shortcuts = nn.ModuleList(shortcut(*pair, "up") for pair in around)

    def forward(self, w: Tensor, noise: str | Sequence[Tensor] | None = None) -> Tensor:
        """Images, to train with: they may leave [−1, 1].

        Args:
            w: (N, layers, w_dim), a style for each of the 2(last level + 1) layers.
            noise: see `stylegan.kind_of`; or images of noise, (1 or N, 1, side, side) for each of `sides`.

        Returns:
            (N, C, size, size).

        Raises:
            GanlibError: no such kind of noise, or images that do not fit.
        """
        images, *others = self.parts(w, noise)
        for part in others:
            images = blur(up(images)) + part
        return images

    def parts(self, w: Tensor, noise: str | Sequence[Tensor] | None = None) -> list[Tensor]:
        """What each size adds to the images, 4×4 first, (N, C, side, side); but for ``"skip"`` there is only the last.

        See `forward` for the arguments.
        """
        noises = self._noises(noise)
        x = self.constant.expand(len(w), -1, -1, -1)
        made, last = [], len(self.layers) // 2
        for level in range(last + 1):
            before = x
            for layer in (2 * level - 1, 2 * level) if level else (0,):
                x = self.layers[layer](x, w[:, layer], noises[layer])
            if level and self.architecture == "residual":
                x = added(x, self.shortcuts[level - 1](before))
            if level == last or self.architecture == "skip":
                made.append(self.to_images[len(made)](x, w[:, 2 * level + 1]))
        return made

    def _noises(self, noise: str | Sequence[Tensor] | None) -> Sequence[str | Tensor]:
        """The noise of each layer."""
        if noise is None or isinstance(noise, str):
            return [kind_of(noise, self.training)] * len(self.sides)
        shapes = [tuple(image.shape[1:]) for image in noise]
        if shapes != (expected := [(1, side, side) for side in self.sides]):
            raise GanlibError(f"images of noise of shapes (N, ...) with {shapes} were given; expected {expected}")
        return noise


class StyleGAN2Generator(StyleBased):
    """z → w → a style for every layer → images. In training mode, noise is fresh; see `StyleBased` for the rest.

    Args:
        shape: (C, size, size) of one image.
        latent_dim: length of z.
        w_dim: length of w.
        width, widest, architecture: see `StyleGAN2Synthesis`.
        depth: layers of the mapping.
        mixing: share of the samples with styles of two latents.
        lr_multiplier: how fast the mapping learns, beside all other layers.

    Raises:
        GanlibError: a value that does not fit.

    *Source*: Karras et al. (2020), sections 2 and 4.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 128,
        w_dim: int = 128,
        width: int = 32,
        widest: int = 256,
        depth: int = 8,
        mixing: float = 0.9,
        lr_multiplier: float = 0.01,
        architecture: str = "skip",
    ):
        mapping = Mapping(
            whole("latent_dim", latent_dim, 1), whole("depth", depth, 1), lr_multiplier, whole("w_dim", w_dim, 1)
        )
        synthesis = StyleGAN2Synthesis(shape, w_dim, width, widest, architecture)
        super().__init__(mapping, synthesis, len(synthesis.layers) + 1, w_dim, mixing)

    def forward(self, z: Tensor) -> Tensor:
        """z: (N, latent_dim) → images (N, *shape); in evaluation mode samples, in [−1, 1]."""
        images = self.synthesis(self.styles(z))
        return images if self.training else images.clamp(-1, 1)


# -- discriminator -----------------------------------------------------------------------------------------------------
class StyleGAN2Discriminator(nn.Module):
    """An image → blocks that halve the side to 4×4: convolve, blur, convolve with stride 2 → a score.

    There are three ways from the image. ``"plain"``: it becomes the first features. ``"skip"``: so it does at each
    size, and these are added to the features. ``"residual"``: as plain, and a shortcut goes round each block. At 4×4
    the network sees how much the samples of a group differ.

    Args:
        shape: (C, size, size) of one image.
        width: channels at full size; they double with each halving of the side.
        widest: the largest number of channels.
        group: samples that are compared; see `MinibatchStd`.
        architecture: one of `ARCHITECTURES`.
        blurred: blur before each halving of features, as in the paper.

    Raises:
        GanlibError: another architecture, or images that are not square or of another size than `progressive.SIZES`.

    *Source*: Karras et al. (2020), figure 7 and table 2.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int = 32,
        widest: int = 256,
        group: int = 4,
        architecture: str = "residual",
        blurred: bool = True,
    ):
        super().__init__()
        self.shape, self.architecture = tuple(shape), _known(architecture)
        n = widths(shape, width, widest)[::-1]  # in the order of use
        halve = "down" if blurred else "stride"
        self.from_images = nn.ModuleList(
            nn.Sequential(EqualisedConv2d(shape[0], channels, kernel=1), nn.LeakyReLU(0.2))
            for channels in (n if architecture == "skip" else n[:1])
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(*(convolution(before, before), Convolution(before, after, resample=halve), nn.LeakyReLU(0.2)))
            for before, after in pairwise(n)
        )
        around = pairwise(n) if architecture == "residual" else ()
        self.shortcuts = nn.ModuleList(shortcut(*pair, halve) for pair in around)
        self.end = verdict(n[-1], group)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, *shape) → scores (N,)."""
        if x.shape[1:] != self.shape:
            given = tuple(x.shape[1:])
            raise GanlibError(f"samples of shape {given} were given; the discriminator expects {self.shape}")
        features = self.from_images[0](x)
        for number, block in enumerate(self.blocks):
            before, features = features, block(features)
            if self.architecture == "residual":
                features = added(features, self.shortcuts[number](before))
            if self.architecture == "skip":
                x = down(blur(x))
                features = features + self.from_images[number + 1](x)
        return logits(self.end, features).squeeze(1)
