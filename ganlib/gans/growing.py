"""What games have in common whose networks grow: when they do, what is shown to whom, and the two losses."""

from __future__ import annotations

from collections.abc import Hashable

from torch import Tensor, nn

from ganlib import losses
from ganlib.data.images import whole
from ganlib.errors import GanlibError
from ganlib.gans.base import Batch, adam, weight
from ganlib.gans.gan import VanillaGAN
from ganlib.models.progressive import SIZES, faded
from ganlib.penalties import between, gradient_norms

WGAN_GP = "wgan-gp"


class GrowingGAN(VanillaGAN):
    """A generator and a discriminator that begin with small images and grow to larger ones.

    The first level is played for `stable` images. Then, again and again, the next one is faded in during `fade` images
    and played for `stable` more, until the last, which is played to the end. All that depends on the number of real
    images seen and on nothing else, so that a run that is resumed grows as if it had never stopped.

    A level that is not born has no gradient, so that Adam does not know it yet: its moments and its count of steps
    begin with the level (a step at exactly α = 0 is counted, with a gradient of 0). Those of the others go on. The
    authors' code forgets them all where a fade begins and where it ends; but at neither place do the gradients of the
    others jump.

    Images have the level's size, but slopes are per distance of the same images enlarged to full size. Enlarged to
    twice the side, two images are twice as far apart, so that at α = 0 a discriminator with the scores it had before is
    half as steep. In one unit for all levels its slopes, and the penalty on them, go on where they were. So it is in
    the authors' code, whose images have full size at all levels.

    Args:
        generator: (z, level, alpha) → images of the level, and z → samples; with `to_images`, which knows how far it
            has grown.
        discriminator: (images of the level, level, alpha) → scores (N,).
        latent_dim: length of z.
        last: the last level, that of the networks.
        start: sides of the first images in pixels.
        fade: real images during which a level is faded in.
        stable: real images for which a level is played as a whole.
        largest_batch: how many times the trainer's batch small images come in, at most; at full size it is the
            trainer's, and with each halving of the side it doubles.
        grow: if not, the last level is played from the beginning, with the same networks.
        loss: ``"wgan-gp"``, Wasserstein losses with a gradient penalty between real and generated images and with
            drift; or any pair of losses or its name, with R1.
        penalty_weight: λ of the gradient penalty, or γ of R1, half of which counts.
        drift: ε of a term ε E[f(x)²], which keeps the critic's scores near 0; under ``"wgan-gp"`` only.
        full_size_slopes: if not, slopes are per distance of the level's own images, and the penalty jumps with each
            level: λ(s − 1)² to λ(s/2 − 1)², R1 to a quarter.
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players.
        beta2: Adam's β₂, both players.

    Raises:
        GanlibError: a value that does not fit.

    Source: Karras et al. (2018), section 2 and appendix A.1; R1: Mescheder et al. (2018), equation (9).
    """

    half_safe = False  # gradients have no bound, and float16 ends at 65,504

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        last: int,
        start: int = 4,
        fade: int = 600_000,
        stable: int = 600_000,
        largest_batch: int = 1,
        grow: bool = True,
        loss: str | losses.Loss = WGAN_GP,
        penalty_weight: float = 10.0,
        drift: float = 0.001,
        full_size_slopes: bool = True,
        lr: float = 1e-3,
        beta1: float = 0.0,
        beta2: float = 0.99,
    ):
        sides = (4, *SIZES)[: last + 1]
        if start not in sides:
            raise GanlibError(f"start={start} was given; expected the side of the first images, of {sides}")
        if generator.to_images.last != last:
            raise GanlibError(f"last={last} was given; expected {generator.to_images.last}, the generator's last level")
        super().__init__(generator, discriminator, latent_dim, losses.wasserstein if loss == WGAN_GP else loss)
        self.wgan_gp, self.full_size_slopes = loss == WGAN_GP, full_size_slopes
        self.first, self.last = sides.index(start) if grow else last, last
        self.fade, self.stable = whole("fade", fade, 0), whole("stable", stable, 1)
        self.largest_batch = whole("largest_batch", largest_batch, 1)
        self.penalty_weight, self.drift = weight("penalty_weight", penalty_weight), weight("drift", drift)
        self.optimizer = adam(lr, beta1, beta2)
        self.schedule(0, 1)
        self.register_load_state_dict_post_hook(lambda gan, _: gan._read_stage())

    @classmethod
    def choices(cls) -> dict[str, list[str]]:
        return {"loss": [WGAN_GP, *losses.names()]}

    # -- growth --------------------------------------------------------------------------------------------------------
    def grown(self, images_seen: int) -> tuple[int, float]:
        """The level that is played after so many real images, and its α; 1 where nothing is faded in.

        Args:
            images_seen: real images, 0 or more.

        Returns:
            ℓ, for images with sides of 4·2^ℓ, and α from 0 to 1.
        """
        # As if the first level had been faded in before the first image.
        levels, since = divmod(images_seen + self.fade, self.fade + self.stable)
        if self.first + levels > self.last:
            return self.last, 1.0
        return self.first + levels, min(1.0, since / self.fade) if levels and self.fade else 1.0

    def schedule(self, images_seen: int, batch_size: int) -> int:
        level, alpha = self.grown(images_seen)
        self.generator.to_images.grow(level, alpha)
        self._stage = level, alpha < 1
        return batch_size * min(self.largest_batch, 2 ** (self.last - level))

    def _read_stage(self) -> None:
        """After loading: the stage that the weights are of."""
        grown = self.generator.to_images
        self._stage = int(grown.level), bool(grown.alpha < 1)

    @property
    def stage(self) -> Hashable:
        """The level, and whether it is being faded in: what is computed depends on no more than these.

        Of the game that is trained; an averaged copy of it knows from its buffers how far it has grown, for samples.
        """
        return self._stage

    @property
    def growth(self) -> tuple[int, Tensor | None]:
        """What the networks are told beside their input: the level, and α where one is being faded in."""
        level, fading = self._stage
        return level, self.generator.to_images.alpha if fading else None

    # -- the losses ----------------------------------------------------------------------------------------------------
    def judge(self, images: Tensor) -> Tensor:
        """images: (N, C, side, side) of the level that is played → scores (N,), of which those of a group depend on
        each other (`MinibatchStd`)."""
        return self.discriminator(images, *self.growth)

    def slopes(self, images: Tensor) -> Tensor:
        """How steep the discriminator is at images (N, C, side, side) of the level that is played: (N,), in scores per
        distance. What a sample does to the scores of its group is counted in, as in the authors' code."""
        halvings = self.last - self._stage[0] if self.full_size_slopes else 0
        return gradient_norms(self.judge, images) / 2**halvings

    def discriminator_loss(self, batch: Batch) -> tuple[dict, dict]:
        real = faded(batch.images, *self.growth)
        fake = self.fakes(len(batch), *self.growth)
        real_scores, fake_scores = self.judge(real), self.judge(fake)  # apart: a group's statistic is of one kind
        terms = {"discriminator": self.loss.discriminator(real_scores, fake_scores)}
        if self.wgan_gp:
            slopes = self.slopes(between(real, fake))  # (N,)
            terms["penalty"] = self.penalty_weight * (slopes - 1).square().mean()
            terms["drift"] = self.drift * real_scores.square().mean()
            stats = {"W": -terms["discriminator"].detach()}
        else:
            slopes = self.slopes(real)  # (N,)
            terms["R1"] = self.penalty_weight / 2 * slopes.square().mean()
            stats = self.judgement(real_scores, fake_scores)
        return terms, stats | {"|grad D|": slopes.detach().mean()} | self.size()

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.judged_fakes(len(batch), *self.growth)
        return {"generator": self.loss.generator(self.judge(fake))}, {}

    def size(self) -> dict[str, Tensor]:
        """How far the networks have grown, to be logged: the side of the images, and α."""
        grown = self.generator.to_images
        return {"side": 4 * 2.0**grown.level, "alpha": grown.alpha.clone()}
