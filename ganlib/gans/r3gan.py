"""The relativistic pairing GAN with R1 and R2, the game of R3GAN by Huang et al. (2024)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganlib import models
from ganlib.gans.base import Batch, LatentGAN, Phase, Player, adam
from ganlib.models.layers import on_each
from ganlib.penalties import gradient_norms, penalised


class R3GAN(LatentGAN):
    """A discriminator that compares each generated sample with a real one, kept flat at both.

    No sample is real or fake by itself, so the generator cannot gather its samples where the discriminator happens to
    say "real": each is judged beside a real sample, and there is one of every mode.

    Args:
        generator: (N, latent_dim) → (N, *shape) in [−1, 1].
        discriminator: (N, *shape) → logits (N,); without batch normalisation.
        latent_dim: length of z ~ N(0, I).
        penalty_weight: γ; the penalties are γ/2 · E‖∇D‖² at real (R1) and at generated samples (R2).
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players.
        beta2: Adam's β₂, both players.

    Raises:
        GanlibError: a number outside its range, or a discriminator with batch normalisation.

    Source: Huang et al. (2024), section 2 (the loss of Jolicoeur-Martineau (2019) with f(t) = −log(1 + e⁻ᵗ), with R1
    and R2), with any networks and constant rates. The generator's loss is the non-saturating one of the authors' code,
    not minus the discriminator's as in their equation (2). Their presets start with γ from 0.05 to 150 by data set, and
    with a learning rate of 2·10⁻⁴.
    """

    name = "r3gan"
    half_safe = False  # gradients have no bound, and float16 ends at 65,504

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        penalty_weight: float = 1.0,
        lr: float = 2e-4,
        beta1: float = 0.0,
        beta2: float = 0.99,
    ):
        penalised(discriminator, penalty_weight, "discriminator")
        super().__init__(generator, latent_dim)
        self.discriminator, self.penalty_weight = discriminator, penalty_weight
        self.optimizer = adam(lr, beta1, beta2)

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "mlp",
        penalty_weight: float = 1.0,
        latent_dim: int = 100,
        lr: float = 2e-4,
        beta1: float = 0.0,
        beta2: float = 0.99,
    ) -> R3GAN:
        """A game on samples of a given shape.

        Args:
            shape: shape of one sample, (C, H, W) or (d,).
            model: name of the networks.
            penalty_weight: weight gamma of both penalties, half of which counts.
            latent_dim: length of the latent vector z.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
            beta2: Adam's beta2, for both players.
        """
        networks = models.networks(model, shape, latent_dim, norm="layer")
        return cls(*networks, latent_dim, penalty_weight, lr, beta1, beta2)

    def players(self) -> dict[str, Player]:
        return {
            "discriminator": Player(self.discriminator, self.optimizer),
            "generator": Player(self.generator, self.optimizer),
        }

    def phases(self) -> list[Phase]:
        judge = Phase("discriminator", self.discriminator_loss, keeps=("generator",))
        return [judge, Phase("generator", self.generator_loss)]

    def lead(self, real: Tensor, fake: Tensor) -> Tensor:
        """By how much each real sample's logit is above that of its generated partner: (N,)."""
        real_logits, fake_logits = on_each(self.discriminator, real, fake)
        return real_logits - fake_logits

    def discriminator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.fakes(len(batch))
        lead = self.lead(batch.images, fake)
        slopes = gradient_norms(self.discriminator, torch.cat([batch.images, fake]))  # (2N,)
        r1, r2 = self.penalty_weight / 2 * slopes.square().unflatten(0, (2, -1)).mean(1)
        stats = {"right": (lead > 0).float().mean(), "|grad D|": slopes.detach().mean()}
        return {"discriminator": softplus(-lead).mean(), "R1": r1, "R2": r2}, stats

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.judged_fakes(len(batch))
        return {"generator": softplus(self.lead(batch.images, fake)).mean()}, {}


GANS = {R3GAN.name: R3GAN}
