"""The original GAN of Goodfellow et al. (2014): chapter 02."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganlib import losses, models
from ganlib.gans.base import Batch, LatentGAN, Phase, Player, adam
from ganlib.models.layers import on_each


class VanillaGAN(LatentGAN):
    """A generator and a discriminator, one step each.

    Args:
        generator: (N, latent_dim) → (N, *shape) in [−1, 1].
        discriminator: (N, *shape) → logits (N,).
        latent_dim: length of z ~ N(0, I).
        loss: a pair of losses or its name.
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players.

    Source: Goodfellow et al. (2014), algorithm 1 with k = 1; Adam's settings from Radford et al. (2016).
    """

    name = "gan"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        loss: str | losses.Loss = "non_saturating",
        lr: float = 2e-4,
        beta1: float = 0.5,
    ):
        super().__init__(generator, latent_dim)
        self.discriminator = discriminator
        self.loss = losses.get(loss)
        self.optimizer = adam(lr, beta1)

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "mlp",
        loss: str = "non_saturating",
        latent_dim: int = 100,
        lr: float = 2e-4,
        beta1: float = 0.5,
    ) -> VanillaGAN:
        """A game on samples of a given shape.

        Args:
            shape: shape of one sample, (C, H, W) or (d,).
            model: name of the networks.
            loss: name of the losses.
            latent_dim: length of the latent vector z.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
        """
        return cls(*models.networks(model, shape, latent_dim), latent_dim, loss, lr, beta1)

    def players(self) -> dict[str, Player]:
        return {
            "discriminator": Player(self.discriminator, self.optimizer),
            "generator": Player(self.generator, self.optimizer),
        }

    def phases(self) -> list[Phase]:
        judge = Phase("discriminator", self.discriminator_loss, keeps=("generator",))
        return [judge, Phase("generator", self.generator_loss)]

    def discriminator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.fakes(len(batch))
        real_logits, fake_logits = on_each(self.discriminator, batch.images, fake)  # (N,) each
        loss = self.loss.discriminator(real_logits, fake_logits)
        return {"discriminator": loss}, self.judgement(real_logits, fake_logits)

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.judged_fakes(len(batch))
        return {"generator": self.loss.generator(self.discriminator(fake))}, {}

    @torch.no_grad()
    def judgement(self, real_logits: Tensor, fake_logits: Tensor) -> dict[str, Tensor]:
        """The three numbers to watch: mean D(x), mean D(G(z)) and the discriminator's accuracy.

        Args:
            real_logits: outputs for real samples, any shape.
            fake_logits: outputs for generated samples, any shape.

        Returns:
            The means are of probabilities if the loss takes logits, else of the outputs, as ``"output(x)"`` and so on.
        """
        middle = self.loss.middle
        right = (real_logits > middle).float().mean() + (fake_logits <= middle).float().mean()
        means = {"D(x)": real_logits.sigmoid().mean(), "D(G(z))": fake_logits.sigmoid().mean()}
        if not self.loss.logits:
            means = {"output(x)": real_logits.mean(), "output(G(z))": fake_logits.mean()}
        return means | {"accuracy": right / 2}


GANS = {VanillaGAN.name: VanillaGAN}
