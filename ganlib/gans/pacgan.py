"""PacGAN of Lin et al. (2018): a discriminator that judges several samples at once."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ganlib import losses, models
from ganlib.errors import GanlibError
from ganlib.gans.base import Batch
from ganlib.gans.gan import VanillaGAN
from ganlib.models.layers import on_each


class PacGAN(VanillaGAN):
    """The original GAN, whose discriminator sees packs of m samples, all real or all generated.

    One sample does not show that a generator makes the same again and again; m samples side by side do.

    Args:
        generator: (N, latent_dim) → (N, *shape) in [−1, 1].
        discriminator: packs (N, m·C, H, W) or (N, m·d) → logits (N,).
        latent_dim: length of z ~ N(0, I).
        packing: m, the samples in a pack; a batch has to be a multiple of it.
        loss: a pair of losses or its name.
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players.

    Raises:
        GanlibError: a number outside its range.

    Source: Lin et al. (2018). In their code, m batches of latents pass the generator one by one; here they pass it
    together, which differs only in what batch normalisation averages over.
    """

    name = "pacgan"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        packing: int = 2,
        loss: str | losses.Loss = "non_saturating",
        lr: float = 2e-4,
        beta1: float = 0.5,
    ):
        _checked(packing)
        super().__init__(generator, discriminator, latent_dim, loss, lr, beta1)
        self.packing = packing

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "mlp",
        packing: int = 2,
        loss: str = "non_saturating",
        latent_dim: int = 100,
        lr: float = 2e-4,
        beta1: float = 0.5,
    ) -> PacGAN:
        """A game on samples of a given shape.

        Args:
            shape: shape of one sample, (C, H, W) or (d,).
            model: name of the networks.
            packing: samples that the discriminator sees at once.
            loss: name of the losses.
            latent_dim: length of the latent vector z.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
        """
        _checked(packing)
        generator, _ = models.networks(model, shape, latent_dim)
        _, discriminator = models.networks(model, (packing * shape[0], *shape[1:]), latent_dim)
        return cls(generator, discriminator, latent_dim, packing, loss, lr, beta1)

    def packs(self, x: Tensor) -> Tensor:
        """m samples after each other become one, stacked along their first axis: (N, C, H, W) → (N/m, m·C, H, W)."""
        if len(x) % self.packing:
            raise GanlibError(f"a batch of {len(x)} was given; expected a multiple of packing={self.packing}")
        return x.unflatten(0, (-1, self.packing)).flatten(1, 2)

    def discriminator_loss(self, batch: Batch) -> tuple[dict, dict]:
        real, fake = self.packs(batch.images), self.packs(self.fakes(len(batch)))
        real_logits, fake_logits = on_each(self.discriminator, real, fake)  # (N/m,) each
        loss = self.loss.discriminator(real_logits, fake_logits)
        return {"discriminator": loss}, self.judgement(real_logits, fake_logits)

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.judged_fakes(len(batch))
        return {"generator": self.loss.generator(self.discriminator(self.packs(fake)))}, {}


def _checked(packing: int) -> None:
    if isinstance(packing, bool) or not isinstance(packing, int) or packing < 1:
        raise GanlibError(f"packing={packing!r} was given; expected a whole number of at least 1")


GANS = {PacGAN.name: PacGAN}
