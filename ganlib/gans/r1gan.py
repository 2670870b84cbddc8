"""The GAN with the zero-centred gradient penalty R1 of Mescheder et al. (2018)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ganlib import losses, models
from ganlib.gans.base import Batch, adam
from ganlib.gans.gan import VanillaGAN
from ganlib.models.layers import on_each
from ganlib.penalties import gradient_norms, penalised


class R1GAN(VanillaGAN):
    """The original GAN, whose discriminator is kept flat at the real samples.

    Where the generator has reached the data, a discriminator that is not flat there would drive it away again.

    Args:
        generator: (N, latent_dim) → (N, *shape) in [−1, 1].
        discriminator: (N, *shape) → logits (N,); without batch normalisation.
        latent_dim: length of z ~ N(0, I).
        penalty_weight: γ; the penalty is γ/2 · E‖∇D(x)‖² at real x, of the logit D.
        loss: a pair of losses or its name.
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players.
        beta2: Adam's β₂, both players.

    Raises:
        GanlibError: a number outside its range, or a discriminator with batch normalisation.

    Source: Mescheder et al. (2018), equation (9) and section 4.1, with γ = 10 as there for images. Adam without
    momentum and with β₂ = 0.99 is the RMSProp of the authors' code, but for the correction of its first steps.
    """

    name = "r1gan"
    half_safe = False  # gradients have no bound, and float16 ends at 65,504

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        penalty_weight: float = 10.0,
        loss: str | losses.Loss = "non_saturating",
        lr: float = 1e-4,
        beta1: float = 0.0,
        beta2: float = 0.99,
    ):
        penalised(discriminator, penalty_weight, "discriminator")
        super().__init__(generator, discriminator, latent_dim, loss, lr, beta1)
        self.penalty_weight, self.optimizer = penalty_weight, adam(lr, beta1, beta2)

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "mlp",
        penalty_weight: float = 10.0,
        loss: str = "non_saturating",
        latent_dim: int = 100,
        lr: float = 1e-4,
        beta1: float = 0.0,
        beta2: float = 0.99,
    ) -> R1GAN:
        """A game on samples of a given shape.

        Args:
            shape: shape of one sample, (C, H, W) or (d,).
            model: name of the networks.
            penalty_weight: weight gamma of the penalty, half of which counts.
            loss: name of the losses.
            latent_dim: length of the latent vector z.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
            beta2: Adam's beta2, for both players.
        """
        networks = models.networks(model, shape, latent_dim, norm="layer")
        return cls(*networks, latent_dim, penalty_weight, loss, lr, beta1, beta2)

    def discriminator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.fakes(len(batch))
        real_logits, fake_logits = on_each(self.discriminator, batch.images, fake)  # (N,) each
        slopes = gradient_norms(self.discriminator, batch.images)  # (N,)
        terms = {
            "discriminator": self.loss.discriminator(real_logits, fake_logits),
            "R1": self.penalty_weight / 2 * slopes.square().mean(),
        }
        return terms, self.judgement(real_logits, fake_logits) | {"|grad D|": slopes.detach().mean()}


GANS = {R1GAN.name: R1GAN}
