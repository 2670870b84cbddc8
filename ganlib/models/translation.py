"""Networks from images to images: two translators, and the discriminator that judges patches.

All are convolutional and take images of any size that their halvings allow. They normalise each image by itself and
keep no running statistics, so that evaluation mode changes nothing but dropout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from ganlib.data.images import whole
from ganlib.errors import GanlibError, unknown
from ganlib.models.layers import logits

Layer = tuple[int, int | Fraction]  # a kernel and its stride, in pixels


# -- the receptive field -----------------------------------------------------------------------------------------------
def receptive_field(layers: Sequence[Layer] | nn.Module) -> int:
    """How many pixels of the input, side by side, one number of the output can depend on.

    Two neighbours of a layer's output lie `jump` pixels of the input apart. A kernel of k sees k neighbours, and so
    k − 1 jumps more than one of them; a stride of s makes the jump s times as large.

    Args:
        layers: kernel and stride of each convolution, from the input on; or a network, of which the convolutions are
            taken in the order in which they were made. An enlargement by s is a stride of 1/s. Padding does not
            matter. Normalisation over an image looks at all of it and is left aside; of branches that are added, the
            longest counts.

    Returns:
        Pixels. With strides below 1 not every output sees that many, but none sees more.

    Raises:
        GanlibError: a kernel or a stride that is not positive, or a network without a convolution.
    """
    if isinstance(layers, nn.Module):
        layers = list(_layers(layers))
        if not layers:
            raise GanlibError("a network without a convolution was given; expected one with a receptive field")
    field, jump = Fraction(1), Fraction(1)
    for kernel, stride in layers:
        if kernel < 1 or stride <= 0:
            raise GanlibError(f"a kernel of {kernel} with stride {stride} was given; expected both positive")
        field += (kernel - 1) * jump
        jump *= Fraction(stride)
    return math.ceil(field)


def _layers(network: nn.Module) -> Iterator[Layer]:
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            yield part.dilation[0] * (part.kernel_size[0] - 1) + 1, part.stride[0]
        elif isinstance(part, nn.ConvTranspose2d):  # each output sees every s-th place of the kernel
            yield math.ceil(part.kernel_size[0] / part.stride[0]), Fraction(1, part.stride[0])


# -- what the networks share -------------------------------------------------------------------------------------------
def _start(module: nn.Module) -> None:
    """The papers' initial weights: N(0, 0.02²)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _normalised(convolution: nn.Module) -> list[nn.Module]:
    """A convolution and the normalisation of each image's channels by themselves, without scale, offset or memory.

    The convolution has no offset: the normalisation would take it away again.
    """
    return [convolution, nn.InstanceNorm2d(convolution.out_channels)]


def _check(shape: Sequence[int], channels: int, multiple: int, least: int, what: str) -> None:
    """Raise a clear error unless images (C, H, W) suit a network."""
    fits = len(shape) == 3 and shape[0] == channels and all(n % multiple == 0 and n >= least for n in shape[1:])
    if not fits:
        sides = f"multiples of {multiple}, at least {least}" if multiple > 1 else f"at least {least}"
        raise GanlibError(
            f"images of shape {tuple(shape)} were given; {what} expects ({channels}, height, width) with sides that "
            f"are {sides}"
        )


class Residual(nn.Module):
    """x ↦ x + what two convolutions make of it.

    Args:
        width: channels.
    """

    def __init__(self, width: int):
        super().__init__()
        conv = lambda: nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect", bias=False)
        self.layers = nn.Sequential(*_normalised(conv()), nn.ReLU(), *_normalised(conv()))

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, width, H, W) → the same shape."""
        return x + self.layers(x)


# -- translators -------------------------------------------------------------------------------------------------------
class ResNetTranslator(nn.Module):
    """An image → 7×7 convolution → halvings → residual blocks → doublings → 7×7 convolution → tanh.

    Args:
        channels: of the image.
        width: channels after the first convolution; they double with each halving.
        blocks: residual blocks; 9 for 256 pixels and 6 for 128 in the paper.
        downs: halvings of the side.

    Attributes:
        multiple, least: what the sides of an image must be multiples of, and their least length.

    *Source*: Johnson et al. (2016), supplementary material; Zhu et al. (2017), appendix 7.2, with the authors' code for
    where the padding reflects: in the residual blocks and before both 7×7 convolutions.
    """

    def __init__(self, channels: int, width: int = 64, blocks: int = 9, downs: int = 2):
        super().__init__()
        whole("blocks", blocks, 0)
        self.channels, self.multiple = channels, 2 ** whole("downs", downs, 0)
        self.least = max(4, 2 * self.multiple)  # a reflection needs one pixel more than it adds
        wide = lambda n_in, n_out, **options: nn.Conv2d(n_in, n_out, 7, padding=3, padding_mode="reflect", **options)
        widths = [width * 2**i for i in range(downs + 1)]
        layers = [*_normalised(wide(channels, width, bias=False)), nn.ReLU()]
        for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
            layers += [*_normalised(nn.Conv2d(n_in, n_out, 3, 2, 1, bias=False)), nn.ReLU()]
        layers += [Residual(widths[-1]) for _ in range(blocks)]
        for n_in, n_out in zip(widths[:0:-1], widths[-2::-1], strict=True):
            up = nn.ConvTranspose2d(n_in, n_out, 3, 2, 1, output_padding=1, bias=False)
            layers += [*_normalised(up), nn.ReLU()]
        self.layers = nn.Sequential(*layers, wide(width, channels), nn.Tanh()).apply(_start)

    def check(self, shape: Sequence[int]) -> None:
        """Raise a clear error unless images (C, H, W) suit the network."""
        _check(shape, self.channels, self.multiple, self.least, "the translator")

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) in [−1, 1] → the same shape, in (−1, 1)."""
        self.check(x.shape[1:])
        return self.layers(x)


class Noise(nn.Module):
    """Dropout, where it is the only noise of a network.

    Args:
        rate: share of the values that become 0.
        always: in evaluation mode too.
    """

    def __init__(self, rate: float, always: bool):
        super().__init__()
        self.rate, self.always = rate, always

    def forward(self, x: Tensor) -> Tensor:
        """x, some of it 0 and the rest larger by as much."""
        return dropout(x, self.rate, self.training or self.always)


class UNet(nn.Module):
    """An image → halvings → doublings → tanh; before each doubling but the first, the image of that size is put beside.

    What stays in its place need not pass through the narrowest layer: it takes the shorter way.

    Args:
        channels: of the image.
        width: channels after the first halving; they double with each further one, up to 8 times as many.
        downs: halvings of the side; 8 in the paper, which take 256 pixels to one.
        dropout: rate in the first three doublings, the paper's only noise; 0 for none.
        always_drop: dropout in evaluation mode too, as in the paper: one input then has many translations. Without it a
            translation depends on its input alone.

    *Source*: Isola et al. (2017), section 3.2.1 and appendix 6.1; Ronneberger et al. (2015). The paper normalises a
    batch by its own statistics, at a batch size of 1 mostly, where this is instance normalisation. The narrowest
    layer is not normalised: of one pixel nothing would be left.
    """

    def __init__(self, channels: int, width: int = 64, downs: int = 8, dropout: float = 0.5, always_drop: bool = False):
        super().__init__()
        if not 0 <= dropout < 1:
            raise GanlibError(f"dropout={dropout} was given; expected a rate in [0, 1)")
        self.channels, self.multiple = channels, 2 ** whole("downs", downs, 2)
        self.least = self.multiple
        widths = [width * min(2**i, 8) for i in range(downs)]
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for i, n_out in enumerate(widths):
            ends = i in (0, downs - 1)
            conv = nn.Conv2d(widths[i - 1] if i else channels, n_out, 4, 2, 1, bias=ends)
            before = [nn.LeakyReLU(0.2)] if i else []
            self.downs.append(nn.Sequential(*before, *([conv] if ends else _normalised(conv))))
        for i in reversed(range(downs)):
            n_in, n_out = widths[i] * (1 if i == downs - 1 else 2), widths[i - 1] if i else channels
            conv = nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=i == 0)
            noise = [Noise(dropout, always_drop)] if dropout and 0 < i >= downs - 3 else []
            self.ups.append(nn.Sequential(nn.ReLU(), *(_normalised(conv) if i else [conv]), *noise))
        self.apply(_start)

    def check(self, shape: Sequence[int]) -> None:
        """Raise a clear error unless images (C, H, W) suit the network."""
        _check(shape, self.channels, self.multiple, self.least, "the U-Net")

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) in [−1, 1] → the same shape, in (−1, 1)."""
        self.check(x.shape[1:])
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        x = self.ups[0](skips.pop())
        for up in self.ups[1:]:
            x = up(torch.cat([skips.pop(), x], 1))
        return x.tanh()


# -- the discriminator -------------------------------------------------------------------------------------------------
class PatchDiscriminator(nn.Module):
    """An image → one logit for each of its overlapping patches.

    With 3 halvings a patch has 70×70 pixels, with 2 it has 34×34 and with 4 it has 142×142. Four halvings without the
    two layers of stride 1 behind them, as some code has them, make patches of 46×46, and 94×94 with one such layer.

    Args:
        channels: of the image, or of an input and its translation together.
        width: channels after the first layer; they double with each further one, up to 8 times as many.
        layers: halvings of the side, each a 4×4 convolution with stride 2; two of stride 1 follow.

    *Source*: Isola et al. (2017), appendix 6.1.2; Zhu et al. (2017), appendix 7.2.
    """

    def __init__(self, channels: int, width: int = 64, layers: int = 3):
        super().__init__()
        self.channels, self.least = channels, 3 * 2 ** whole("layers", layers, 1)
        widths = [width * min(2**i, 8) for i in range(layers + 1)]
        body: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for i in range(1, layers + 1):
            conv = nn.Conv2d(widths[i - 1], widths[i], 4, 2 if i < layers else 1, 1, bias=False)
            body += [*_normalised(conv), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*body, nn.Conv2d(widths[-1], 1, 4, 1, 1)).apply(_start)

    def check(self, shape: Sequence[int]) -> None:
        """Raise a clear error unless images (C, H, W) suit the network: no normalisation may see one pixel only."""
        _check(shape, self.channels, 1, self.least, "the patch discriminator")

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) → logits (N, 1, h, w), one per patch."""
        self.check(x.shape[1:])
        return logits(self.layers, x)


# -- by name -----------------------------------------------------------------------------------------------------------
TRANSLATORS = ("resnet", "unet")


def translator(
    name: str,
    shape: Sequence[int],
    width: int = 64,
    blocks: int = 9,
    downs: int = 0,
    dropout: float = 0.0,
    always_drop: bool = False,
) -> nn.Module:
    """A network from images of a shape to images of that shape.

    Args:
        name: ``"resnet"`` or ``"unet"``.
        shape: (C, H, W) of the images it will be trained on; others may have other sizes.
        width: see `ResNetTranslator` and `UNet`.
        blocks: of a ``"resnet"``.
        downs: halvings; 0 for 2 in a ``"resnet"`` and for as many as the shape allows, up to 8, in a ``"unet"``.
        dropout: of a ``"unet"``.
        always_drop: of a ``"unet"``.

    Raises:
        GanlibError: no such network, or images that do not suit it.
    """
    if name not in TRANSLATORS:
        raise unknown("model", name, TRANSLATORS)
    if len(shape) != 3:
        raise GanlibError(f"samples of shape {tuple(shape)} were given; expected images (channels, height, width)")
    whole("width", width, 1)
    if name == "resnet":
        made = ResNetTranslator(shape[0], width, blocks, downs or 2)
    else:
        most = min((n & -n).bit_length() - 1 for n in shape[1:])  # how often 2 divides both sides
        made = UNet(shape[0], width, downs or max(2, min(8, most)), dropout, always_drop)
    made.check(shape)
    return made
