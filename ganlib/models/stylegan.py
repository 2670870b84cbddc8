"""Style-based generator: the network of StyleGAN. Its discriminator is ProGAN's, with blur."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ganlib.data.images import whole
from ganlib.device import full_precision
from ganlib.errors import GanlibError, unknown
from ganlib.models.equalised import EqualisedConv2d, EqualisedLinear, PixelNorm, blur, up
from ganlib.models.progressive import ToImages, checked, widths

NOISES = ("fresh", "fixed", "none")
DECAY = 0.995  # of the mean style, a turn of the generator


class Mapping(nn.Sequential):
    """z → w: z on the sphere, then layers with LeakyReLU that learn more slowly than all others.

    Args:
        dim: length of z.
        depth: layers.
        lr_multiplier: how fast they learn, beside other layers.
        w_dim: length of w and of what is between them, if it is another one.

    Raises:
        GanlibError: a rate that is none.

    *Source*: Karras et al. (2019), section 2 and appendix C.
    """

    def __init__(self, dim: int, depth: int = 8, lr_multiplier: float = 0.01, w_dim: int | None = None):
        if not 0 < lr_multiplier < math.inf:
            raise GanlibError(f"a rate of {lr_multiplier} was given for the mapping; expected a number above 0")
        sizes = [dim, *[w_dim or dim] * depth]
        layers = [(EqualisedLinear(*pair, lr_multiplier=lr_multiplier), nn.LeakyReLU(0.2)) for pair in pairwise(sizes)]
        super().__init__(PixelNorm(), *(part for layer in layers for part in layer))


class AdaIN(nn.Module):
    """Gives each channel of an image the mean and the standard deviation that a style says.

    Args:
        channels: of the images.
        w_dim: length of w, of which scale and shift are affine functions. The scale's offset begins at 1.

    *Source*: Huang and Belongie (2017), equation (8); Karras et al. (2019), equation (1) and appendix C.
    """

    def __init__(self, channels: int, w_dim: int):
        super().__init__()
        self.style = EqualisedLinear(w_dim, 2 * channels, gain=1.0)

    def forward(self, x: Tensor, w: Tensor, epsilon: float = 1e-8) -> Tensor:
        """x: (N, C, H, W), w: (N, w_dim) → (N, C, H, W); epsilon is added to the variance."""
        scale, shift = self.style(w)[:, :, None, None].chunk(2, dim=1)  # (N, C, 1, 1) each
        with full_precision(x):
            wide = x.to(torch.promote_types(x.dtype, torch.float32))
            centred = wide - wide.mean((2, 3), keepdim=True)
            normalised = centred * (centred.square().mean((2, 3), keepdim=True) + epsilon).rsqrt()
            return ((1 + scale) * normalised + shift).to(x.dtype)


class NoiseInput(nn.Module):
    """x + strength · noise: one N(0, 1) image for all channels, each of which has learned how much of it to take.

    Args:
        channels: of the images; or 1, for one strength that all channels share.
        side: height and width, for the image that is kept.

    *Source*: Karras et al. (2019), section 2 and appendix C: the strengths begin at 0.
    """

    def __init__(self, channels: int, side: int):
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels, 1, 1))
        self.register_buffer("fixed", torch.randn(1, 1, side, side))

    def forward(self, x: Tensor, noise: str | Tensor) -> Tensor:
        """x: (N, C, H, W) → the same shape; see `kind_of` for the kinds of noise, or give it: (1 or N, 1, H, W)."""
        if isinstance(noise, str) and noise == "none":
            return x
        image = noise if isinstance(noise, Tensor) else self.fixed if noise == "fixed" else torch.randn_like(x[:, :1])
        return x + self.strength.to(x.dtype) * image.to(x.dtype)


def kind_of(noise: str | None, training: bool) -> str:
    """The kind of noise that was asked for.

    Args:
        noise: ``"fresh"``, ``"fixed"``, the same for all samples and at all times, or ``"none"``. By default fresh in
            training mode, and fixed in evaluation mode, where equal styles make equal images.
        training: the mode.

    Raises:
        GanlibError: there is no such kind.
    """
    noise = ("fresh" if training else "fixed") if noise is None else noise
    if noise not in NOISES:
        raise unknown("noise", noise, NOISES)
    return noise


class StyledLayer(nn.Module):
    """Convolution, noise, LeakyReLU, AdaIN.

    Args:
        n_in: channels before; 0 for the first layer, which has no convolution.
        n_out: channels after.
        w_dim: length of w.
        side: height and width of the images.
    """

    def __init__(self, n_in: int, n_out: int, w_dim: int, side: int):
        super().__init__()
        self.convolution = EqualisedConv2d(n_in, n_out) if n_in else nn.Identity()
        self.noise, self.adain = NoiseInput(n_out, side), AdaIN(n_out, w_dim)

    def forward(self, x: Tensor, w: Tensor, noise: str) -> Tensor:
        """x: (N, n_in, side, side), w: (N, w_dim) → (N, n_out, side, side)."""
        return self.adain(leaky_relu(self.noise(self.convolution(x), noise), 0.2), w)


class StyleSynthesis(nn.Module):
    """Styles → images: a learned constant of 4×4, and two layers a level, each with a style of its own.

    Between two levels the features are enlarged and blurred. Blurring before the convolution, or after it as in the
    authors' code, is the same but for the border.

    Args:
        shape: (C, size, size) of one image.
        w_dim: length of w.
        width: channels at full size; they double with each halving of the side.
        widest: the largest number of channels.

    Raises:
        GanlibError: the images are not square, or of another size than `progressive.SIZES`.

    *Source*: Karras et al. (2019), figure 1 (b) and section 2.
    """

    def __init__(self, shape: Sequence[int], w_dim: int, width: int = 32, widest: int = 256):
        super().__init__()
        n = widths(shape, width, widest)
        self.constant = nn.Parameter(torch.ones(1, n[0], 4, 4))
        self.layers = nn.ModuleList()
        for level, (before, after) in enumerate(zip([0, *n[:-1]], n, strict=True)):
            self.layers += [StyledLayer(n_in, after, w_dim, 4 * 2**level) for n_in in (before, after)]
        self.to_images = ToImages(shape[0], n)

    def forward(
        self, w: Tensor, level: int | None = None, alpha: Tensor | None = None, noise: str | None = None
    ) -> Tensor:
        """Images of a level, or samples, as in `ProgressiveGenerator`.

        Args:
            w: (N, layers, w_dim), a style for each of the 2(last level + 1) layers.
            level: of the images; None for samples at full size, as far as the network has grown.
            alpha: how far the level has been faded in; None for the whole.
            noise: see `kind_of`.

        Returns:
            (N, C, 4·2^level, 4·2^level).
        """
        noise = kind_of(noise, self.training)
        if level is not None:
            checked(level, self.to_images.last, alpha)
        x, features = self.constant.expand(len(w), -1, -1, -1), []
        for number, layer in enumerate(self.layers if level is None else self.layers[: 2 * (level + 1)]):
            if number and number % 2 == 0:
                x = blur(up(x))
            x = layer(x, w[:, number], noise)
            if number % 2:
                features.append(x)
        return self.to_images.grown(features) if level is None else self.to_images(features, alpha)


class StyleBased(nn.Module):
    """z → w → a style for every layer: what generators with styles share.

    In training mode, most samples have styles of two latents: the first up to a layer drawn at random, the other from
    there on; and the mean of w is tracked. In evaluation mode there is nothing random in it.

    Args:
        mapping: z (N, latent_dim) → w (N, w_dim).
        synthesis: w (N, layers, w_dim) → images.
        n_layers: how many styles an image has.
        w_dim: length of w.
        mixing: share of the samples with styles of two latents.

    Attributes:
        w_mean: w̄, a running mean of w; it moves in each pass of the generator's own turn, so once for each part of a
            batch that is cut into parts.
        track_running_stats: whether it is followed; see `layers.untracked`.

    Raises:
        GanlibError: a share that is none.

    *Source*: Karras et al. (2019), sections 2 and 3.1 and appendix B.
    """

    def __init__(self, mapping: nn.Module, synthesis: nn.Module, n_layers: int, w_dim: int, mixing: float):
        super().__init__()
        if not 0 <= mixing <= 1:
            raise GanlibError(f"mixing={mixing} was given; expected a share from 0 to 1")
        self.mapping, self.synthesis = mapping, synthesis
        self.n_layers, self.w_dim, self.mixing, self.track_running_stats = n_layers, w_dim, mixing, True
        self.register_buffer("w_mean", torch.zeros(w_dim))

    def styles(self, z: Tensor, used: int | None = None) -> Tensor:
        """z: (N, latent_dim) → styles (N, layers, w_dim), of which the first `used`, or all, will be used."""
        w = self.mapping(z)
        if self.training and self.track_running_stats:
            self.w_mean.add_((w.detach().mean(0, dtype=self.w_mean.dtype) - self.w_mean) * (1 - DECAY))
        w = self.for_layers(w)
        if self.training and self.mixing:
            other = self.for_layers(self.mapping(torch.randn_like(z)))
            w = crossed(w, other, self.n_layers if used is None else used, self.mixing)
        return w

    def for_layers(self, w: Tensor) -> Tensor:
        """The same style for every layer: (N, w_dim) → (N, layers, w_dim), which passes through."""
        return w.unsqueeze(1).expand(-1, self.n_layers, -1) if w.ndim == 2 else w

    def truncated(self, w: Tensor, psi: float | Sequence[float]) -> Tensor:
        """w̄ + ψ(w − w̄): nearer to the mean style, exactly w at ψ = 1.

        Args:
            w: (N, layers, w_dim).
            psi: ψ, or one for each layer.

        Raises:
            GanlibError: another number of them, or one that is none or not finite.
        """
        try:
            share = torch.as_tensor(psi, dtype=w.dtype, device=w.device)
        except (TypeError, ValueError, RuntimeError):
            share = torch.tensor(math.nan)
        if share.shape not in ((), (self.n_layers,)) or not share.isfinite().all():
            raise GanlibError(f"psi={psi} was given; expected a number, or one for each of {self.n_layers} layers")
        return torch.lerp(self.w_mean.to(w.dtype), w, share.unsqueeze(-1))


class StyleGenerator(StyleBased):
    """z → w → a style for every layer → images. In training mode, noise is fresh; see `StyleBased` for the rest.

    Args:
        shape: (C, size, size) of one image.
        latent_dim: length of z and of w.
        width, widest: see `StyleSynthesis`.
        depth: layers of the mapping.
        mixing: share of the samples with styles of two latents.
        lr_multiplier: how fast the mapping learns, beside all other layers.

    Raises:
        GanlibError: a share or a rate that is none, or images that do not fit.

    *Source*: Karras et al. (2019), section 2.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 128,
        width: int = 32,
        widest: int = 256,
        depth: int = 8,
        mixing: float = 0.9,
        lr_multiplier: float = 0.01,
    ):
        mapping = Mapping(whole("latent_dim", latent_dim, 1), whole("depth", depth, 0), lr_multiplier)
        synthesis = StyleSynthesis(shape, latent_dim, width, widest)
        super().__init__(mapping, synthesis, len(synthesis.layers), latent_dim, mixing)

    @property
    def to_images(self) -> ToImages:
        """What knows how far the network has grown."""
        return self.synthesis.to_images

    def forward(self, z: Tensor, level: int | None = None, alpha: Tensor | None = None) -> Tensor:
        """z: (N, latent_dim) → images of a level, or samples, as in `ProgressiveGenerator`."""
        if level is not None:
            checked(level, self.to_images.last, alpha)
        return self.synthesis(self.styles(z, None if level is None else 2 * (level + 1)), level, alpha)


def crossed(one: Tensor, two: Tensor, n_layers: int, share: float) -> Tensor:
    """Styles of `one` up to a layer that is drawn for each sample, of `two` from there on.

    Args:
        one: (N, layers, w_dim).
        two: the same shape.
        n_layers: how many of the layers are used, at least 2; of these at least the first and the last differ.
        share: of the samples that are crossed, on the average; the others are those of `one`.

    Returns:
        The same shape.

    *Source*: Karras et al. (2019), section 3.1; in the authors' code one layer is drawn for a whole batch.
    """
    n, device = len(one), one.device
    at = torch.where(
        torch.rand(n, 1, device=device) < share, torch.randint(1, n_layers, (n, 1), device=device), one.shape[1]
    )
    first = torch.arange(one.shape[1], device=device) < at  # (N, layers)
    return torch.where(first.unsqueeze(2), one, two)
