"""The original GAN with the usual advice, each piece of which can be switched on or off: chapter 03 measures them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganlib import losses, models
from ganlib.errors import GanlibError
from ganlib.gans.base import Batch, Phase, Player, adam
from ganlib.gans.gan import VanillaGAN
from ganlib.models.layers import on_each


class HackedGAN(VanillaGAN):
    """The original GAN, with what is often recommended.

    Args:
        generator: (N, latent_dim) → (N, *shape).
        discriminator: (N, *shape) → logits (N,).
        latent_dim: length of z ~ N(0, I).
        loss: a pair of losses or its name, whose discriminator has the cross-entropy.
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players.
        real_target: what the discriminator is told of real samples; 0.9 is one-sided label smoothing.
        fake_target: what it is told of generated samples.
        noise: standard deviation of the noise on all samples that the discriminator sees.
        noise_images: real images until that noise has gone, evenly; 0 keeps it.
        together: real and generated samples are judged as one batch, which batch normalisation mixes.
        turns: of the discriminator for one of the generator.
        rate_ratio: the discriminator's learning rate as a multiple of the generator's (two time-scales).

    Raises:
        GanlibError: a number outside its range.

    *Source*: smoothing: Salimans et al. (2016), section 3.4; noise: Sønderby et al. (2017), section 3; two time-scales:
    Heusel et al. (2017); several turns: Goodfellow et al. (2014), algorithm 1.
    """

    name = "ganhacks"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        loss: str | losses.Loss = "non_saturating",
        lr: float = 2e-4,
        beta1: float = 0.5,
        real_target: float = 1.0,
        fake_target: float = 0.0,
        noise: float = 0.0,
        noise_images: int = 0,
        together: bool = False,
        turns: int = 1,
        rate_ratio: float = 1.0,
    ):
        if not 0 <= fake_target < real_target <= 1:
            raise GanlibError(
                f"real_target={real_target} and fake_target={fake_target} were given; expected 0 ≤ fake < real ≤ 1"
            )
        if noise < 0 or noise_images < 0 or turns < 1 or not rate_ratio > 0:
            raise GanlibError(
                f"noise={noise}, noise_images={noise_images}, turns={turns}, rate_ratio={rate_ratio} were given; "
                "expected 0 or more of the first two, at least 1 turn and a ratio above 0"
            )
        super().__init__(generator, discriminator, latent_dim, loss, lr, beta1)
        if self.loss.discriminator is not losses.cross_entropy_discriminator:
            raise GanlibError(
                f"loss={self.loss.name} was given; expected one whose discriminator has the cross-entropy"
            )
        self.real_target, self.fake_target = real_target, fake_target
        self.noise, self.noise_images = noise, noise_images
        self.together, self.turns = together, turns
        self.judges_optimizer = adam(rate_ratio * lr, beta1)
        self.register_buffer("sigma", torch.tensor(float(noise)))

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "mlp",
        loss: str = "non_saturating",
        latent_dim: int = 100,
        lr: float = 2e-4,
        beta1: float = 0.5,
        real_target: float = 1.0,
        fake_target: float = 0.0,
        noise: float = 0.0,
        noise_images: int = 0,
        together: bool = False,
        turns: int = 1,
        rate_ratio: float = 1.0,
    ) -> HackedGAN:
        """A game on samples of a given shape.

        Args:
            shape: shape of one sample, (C, H, W) or (d,).
            model: name of the networks.
            loss: name of the losses, minimax or non_saturating.
            latent_dim: length of the latent vector z.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
            real_target: what the discriminator is told of real samples.
            fake_target: what it is told of generated samples.
            noise: standard deviation of the noise on what the discriminator sees.
            noise_images: real images until the noise has gone; 0 keeps it.
            together: judge real and generated samples as one batch.
            turns: of the discriminator for one of the generator.
            rate_ratio: the discriminator's learning rate as a multiple of the generator's.
        """
        advice = real_target, fake_target, noise, noise_images, together, turns, rate_ratio
        return cls(*models.networks(model, shape, latent_dim), latent_dim, loss, lr, beta1, *advice)

    def players(self) -> dict[str, Player]:
        return super().players() | {"discriminator": Player(self.discriminator, self.judges_optimizer)}

    def phases(self) -> list[Phase]:
        judge = Phase("discriminator", self.discriminator_loss, self.turns, keeps=("generator",))
        return [judge, Phase("generator", self.generator_loss)]

    def schedule(self, images_seen: int, batch_size: int) -> None:
        if self.noise_images:
            self.sigma.fill_(self.noise * max(0.0, 1 - images_seen / self.noise_images))

    def discriminator_loss(self, batch: Batch) -> tuple[dict, dict]:
        real_logits, fake_logits = self.judge(batch.images, self.fakes(len(batch)))  # (N,) each
        loss = cross_entropy(real_logits, self.real_target) + cross_entropy(fake_logits, self.fake_target)
        return {"discriminator": loss}, self.judgement(real_logits, fake_logits)

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        _, fake_logits = self.judge(batch.images, self.judged_fakes(len(batch)))
        return {"generator": self.loss.generator(fake_logits)}, {}

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, ...]:
        """Logits of both batches, with noise on them, and with each other where they are judged together."""
        if self.noise:
            real, fake = (x + self.sigma * torch.randn_like(x) for x in (real, fake))
        if self.together:
            return self.discriminator(torch.cat([real, fake])).split([len(real), len(fake)])
        return on_each(self.discriminator, real, fake)


def cross_entropy(logits: Tensor, target: float) -> Tensor:
    """−t log D − (1 − t) log(1 − D), mean over the batch, with D the sigmoid of the logits.

    Args:
        logits: (N,).
        target: t, in [0, 1].
    """
    return (target * F.softplus(-logits) + (1 - target) * F.softplus(logits)).mean()


GANS = {HackedGAN.name: HackedGAN}
