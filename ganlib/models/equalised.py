"""What the networks of ProGAN and its successors are made of: equalised layers, pixel norm, minibatch statistics, blur.

Everything is made of torch's own operations, which can be differentiated twice and need no compiler.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, linear

from ganlib.data.images import whole
from ganlib.device import full_precision
from ganlib.errors import GanlibError

HE = math.sqrt(2)  # before a ReLU, He et al. (2015); the small slope of a leaky one is left out, as in the papers


# -- equalised learning rate -------------------------------------------------------------------------------------------
class _Equalised(nn.Module):
    """Weights that are drawn from N(0, 1) and scaled where they are used, so that Adam moves all layers equally fast.

    The scale is gain/√(inputs), that of He's initial weights. Adam's steps are about as long as its rate, whatever the
    gradient's size: here each is lr beside numbers of size 1 in every layer.

    Args:
        shape: of the weight, outputs first.
        gain: of the activation that follows: √2, or 1 in a last layer.
        lr_multiplier: how fast the layer learns, as a multiple of the others; its output at the start is the same.
        bias: whether there is an offset.
    """

    def __init__(self, shape: tuple[int, ...], gain: float, lr_multiplier: float, bias: bool = True):
        super().__init__()
        self.scale, self.lr_multiplier = gain / math.sqrt(math.prod(shape[1:])) * lr_multiplier, lr_multiplier
        self.weight = nn.Parameter(torch.randn(shape) / lr_multiplier)
        self.bias = nn.Parameter(torch.zeros(shape[0])) if bias else None

    def scaled(self) -> tuple[Tensor, Tensor | None]:
        """The weight and the offset that are used."""
        return self.weight * self.scale, None if self.bias is None else self.bias * self.lr_multiplier

    def extra_repr(self) -> str:
        return f"{tuple(self.weight.shape)}, scale={self.scale:.3g}, lr_multiplier={self.lr_multiplier:g}"


class EqualisedLinear(_Equalised):
    """A linear layer with an equalised learning rate.

    Args:
        n_in: inputs.
        n_out: outputs.
        gain: of the activation that follows, √2 or 1.
        lr_multiplier: λ; weights start as N(0, 1/λ²) and are used λ times as large, so that a step of Adam counts λ
            times as much.

    *Source*: Karras et al. (2018), section 4.1; the multiplier: Karras et al. (2019), appendix C.
    """

    def __init__(self, n_in: int, n_out: int, gain: float = HE, lr_multiplier: float = 1.0):
        super().__init__((n_out, n_in), gain, lr_multiplier)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., n_in) → (..., n_out)."""
        return linear(x, *self.scaled())


class EqualisedConv2d(_Equalised):
    """A convolution with an equalised learning rate, of stride 1.

    Args:
        n_in: channels before.
        n_out: channels after.
        kernel: height and width, odd, with as much padding as keeps the size.
        gain: of the activation that follows, √2 or 1.
        bias: whether there is an offset.

    *Source*: Karras et al. (2018), section 4.1.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int = 3, gain: float = HE, bias: bool = True):
        super().__init__((n_out, n_in, kernel, kernel), gain, 1.0, bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, n_in, H, W) → (N, n_out, H, W)."""
        return conv2d(x, *self.scaled(), padding=self.weight.shape[2] // 2)


# -- statistics --------------------------------------------------------------------------------------------------------
def pixel_norm(x: Tensor, epsilon: float = 1e-8) -> Tensor:
    """Each pixel's features at root mean square 1: x / √(mean of x² over the channels + ε).

    Args:
        x: (N, C, H, W), or latents (N, C).
        epsilon: ε.

    Returns:
        The same shape. Where all features are 0 they stay 0.

    *Source*: Karras et al. (2018), section 4.2.
    """
    with full_precision(x):
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        return (wide * (wide.square().mean(1, keepdim=True) + epsilon).rsqrt()).to(x.dtype)


class PixelNorm(nn.Module):
    """`pixel_norm` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, ...) → the same shape."""
        return pixel_norm(x)


class MinibatchStd(nn.Module):
    """Adds a channel that says how much the samples of a group differ.

    In each group the standard deviation of every feature at every pixel is taken, and their mean is one number, the
    same at all pixels and for all samples of the group. A generator that repeats itself makes it small. Real and
    generated samples have to come in separate batches.

    A group is `group` neighbours of the batch. If that does not divide the batch, groups are of the largest size below
    it that does.

    Args:
        group: samples in a group; 1 for none.

    Raises:
        GanlibError: in training, a batch has no groups of two or more, in which nothing could be compared.

    *Source*: Karras et al. (2018), section 3, with groups and ε as in the authors' code, which makes a group not of
    neighbours but of every (N/group)-th sample. Where samples are drawn independently, that is the same in law.
    """

    mixes_samples = True

    def __init__(self, group: int = 4):
        super().__init__()
        self.group = whole("group", group, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) → (N, C + 1, H, W)."""
        n, _, height, width = x.shape
        size = next(size for size in range(min(self.group, n), 0, -1) if n % size == 0)
        if size == 1 < self.group and self.training and torch.is_grad_enabled():
            raise GanlibError(
                f"a batch of {n} was given, or so large a part of one; expected a multiple of a number from 2 to "
                f"{self.group}, since the discriminator compares the samples of groups"
            )
        with full_precision(x):
            groups = x.to(torch.promote_types(x.dtype, torch.float32)).unflatten(0, (n // size, size))
            # The root has an infinite slope at 0, where a collapsed generator is: hence ε.
            spread = (groups.var(1, correction=0) + 1e-8).sqrt().mean((1, 2, 3))  # (groups,)
        each = spread.to(x.dtype).view(-1, 1, 1, 1, 1).expand(-1, size, 1, height, width).flatten(0, 1)
        return torch.cat([x, each], 1)


# -- up, down, blur ----------------------------------------------------------------------------------------------------
def up(x: Tensor, factor: int = 2) -> Tensor:
    """Enlarged by copies: each pixel becomes factor × factor of them, factor ≥ 1.

    (N, C, H, W) → (N, C, factor·H, factor·W).
    """
    return interpolate(x, scale_factor=factor) if factor > 1 else x


def down(x: Tensor, factor: int = 2) -> Tensor:
    """Made smaller by means over factor × factor pixels: ``down(up(x)) == x``. The inverse order loses the detail.

    (N, C, H, W) → (N, C, H/factor, W/factor), rounded down, factor ≥ 1.
    """
    return avg_pool2d(x, factor) if factor > 1 else x


def blur(x: Tensor, taps: int = 3, padding: int = 1) -> Tensor:
    """The binomial filter (1, 2, 1)/4, or (1, 3, 3, 1)/8, along both axes, with zeros outside the image.

    The response of n taps at frequency ω is cosⁿ⁻¹(ω/2) per axis, 0 at the highest one. But for the border,
    ``blur(up(x))`` is bilinear enlargement. Copying and taking means over 2×2 are filters (1, 1), so that
    ``blur(up(x))`` and ``down(blur(x))`` have the filter (1, 3, 3, 1).

    Args:
        x: (N, C, H, W).
        taps: 3 or 4 along each axis.
        padding: pixels of zeros on each side.

    Returns:
        (N, C, H + 2·padding + 1 − taps, …), the same shape with 3 taps and a padding of 1.

    *Source*: Zhang (2019); Karras et al. (2019), section 2; four taps: Karras et al. (2020), appendix B.
    """
    tap = torch.arange(taps, dtype=x.dtype, device=x.device)  # made there: a graph may copy nothing
    row = (2 - (tap - (taps - 1) / 2).abs()) / 4
    # One group a channel: on a CPU faster than means over 2×2, sums of shifted images, or channels as samples.
    return conv2d(x, torch.outer(row, row).expand(x.shape[1], 1, taps, taps), padding=padding, groups=x.shape[1])
