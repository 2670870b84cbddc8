"""The style-based GAN of Karras et al. (2019): chapter 13."""

from __future__ import annotations

from collections.abc import Sequence

from ganlib.gans.growing import GrowingGAN
from ganlib.gans.styles import Styled
from ganlib.models.progressive import ProgressiveDiscriminator, last_level
from ganlib.models.stylegan import StyleGenerator


class StyleGAN(Styled, GrowingGAN):
    """A generator that turns z into a style for each of its layers, and a discriminator as in ProGAN.

    See `GrowingGAN` for its arguments; its generator is a `StyleGenerator`.

    Source: Karras et al. (2019), with the non-saturating loss and R1 of their appendix C.
    """

    name = "stylegan"

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        latent_dim: int = 128,
        width: int = 32,
        widest: int = 256,
        depth: int = 8,
        mixing: float = 0.9,
        mapping_lr: float = 0.01,
        group: int = 4,
        blurred: bool = True,
        start: int = 8,
        fade: int = 600_000,
        stable: int = 600_000,
        largest_batch: int = 1,
        grow: bool = True,
        loss: str = "non_saturating",
        penalty_weight: float = 10.0,
        drift: float = 0.001,
        full_size_slopes: bool = True,
        lr: float = 1e-3,
        beta1: float = 0.0,
        beta2: float = 0.99,
    ) -> StyleGAN:
        """A game on images of a given shape.

        Args:
            shape: (C, size, size) of one image, with a size from 8 to 1024 that is a power of 2.
            latent_dim: length of the latent vector z and of the style w.
            width: channels at full size; they double with each halving of the side.
            widest: the largest number of channels.
            depth: layers of the mapping from z to w.
            mixing: share of the samples with styles of two latents, in training.
            mapping_lr: factor on the learning rate of the mapping.
            group: samples whose spread the discriminator sees.
            blurred: blur in the discriminator before each halving.
            start: sides of the first images in pixels.
            fade: real images during which a level is faded in.
            stable: real images for which a level is played as a whole.
            largest_batch: factor on the batch of small images, at most; it doubles with each halving of the side.
            grow: begin with small images, or else play at full size from the beginning.
            loss: name of the losses, with a gradient penalty or with R1.
            penalty_weight: lambda of the gradient penalty, or gamma of R1.
            drift: weight of the critic's mean square score, under wgan-gp only.
            full_size_slopes: penalise slopes per distance of images at full size, or else of the level's.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
            beta2: Adam's beta2, for both players.
        """
        return cls(
            StyleGenerator(shape, latent_dim, width, widest, depth, mixing, mapping_lr),
            ProgressiveDiscriminator(shape, width, widest, group, blurred),
            *(latent_dim, last_level(shape), start, fade, stable, largest_batch, grow),
            *(loss, penalty_weight, drift, full_size_slopes, lr, beta1, beta2),
        )


GANS = {StyleGAN.name: StyleGAN}
