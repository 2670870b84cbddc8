"""The progressively growing GAN of Karras et al. (2018): chapter 12."""

from __future__ import annotations

from collections.abc import Sequence

from ganlib.gans.growing import WGAN_GP, GrowingGAN
from ganlib.models.progressive import ProgressiveDiscriminator, ProgressiveGenerator, last_level


class ProGAN(GrowingGAN):
    """Images that grow from 4×4: equalised layers, pixel norm in the generator, a minibatch statistic in the other.

    See `GrowingGAN` for its arguments.

    The minibatch statistic lets a sample's score depend on the others of its group. The gradient penalty is of the sum
    of all scores by each sample, and has that influence in it, as in the authors' code.

    Source: Karras et al. (2018), with the settings of appendix A.1.
    """

    name = "progan"

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        latent_dim: int = 128,
        width: int = 32,
        widest: int = 256,
        group: int = 4,
        start: int = 4,
        fade: int = 600_000,
        stable: int = 600_000,
        largest_batch: int = 1,
        grow: bool = True,
        loss: str = WGAN_GP,
        penalty_weight: float = 10.0,
        drift: float = 0.001,
        full_size_slopes: bool = True,
        lr: float = 1e-3,
        beta1: float = 0.0,
        beta2: float = 0.99,
    ) -> ProGAN:
        """A game on images of a given shape.

        Args:
            shape: (C, size, size) of one image, with a size from 8 to 1024 that is a power of 2.
            latent_dim: length of the latent vector z.
            width: channels at full size; they double with each halving of the side.
            widest: the largest number of channels.
            group: samples whose spread the discriminator sees.
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
            ProgressiveGenerator(shape, latent_dim, width, widest),
            ProgressiveDiscriminator(shape, width, widest, group),
            *(latent_dim, last_level(shape), start, fade, stable, largest_batch, grow),
            *(loss, penalty_weight, drift, full_size_slopes, lr, beta1, beta2),
        )


GANS = {ProGAN.name: ProGAN}
