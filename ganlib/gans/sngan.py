"""The spectrally normalised GAN of Miyato et al. (2018): chapter 08."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganlib import losses, models
from ganlib.errors import GanlibError
from ganlib.gans.base import Batch, Phase, adam, turns
from ganlib.gans.gan import VanillaGAN
from ganlib.models.layers import BATCH_NORMS, LINEAR, is_normalised, on_each


class SNGAN(VanillaGAN):
    """A GAN with the hinge loss, whose discriminator divides each weight by its largest singular value.

    Args:
        generator: (N, latent_dim) → (N, *shape) in [−1, 1].
        discriminator: (N, *shape) → raw outputs (N,), high for real; every layer normalised, see
            `layers.spectrally_normalised`, and no batch normalisation.
        latent_dim: length of z ~ N(0, I).
        n_dis: steps of the discriminator per step of the generator.
        loss: a pair of losses or its name.
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players.
        beta2: Adam's β₂, both players.

    Raises:
        GanlibError: a number outside its range, a layer without spectral normalisation, or one that undoes it.

    Source: Miyato et al. (2018). The defaults are those of the authors' code for residual networks on CIFAR-10; for
    plain convolutions other code of theirs has n_dis = 1, β₁ = 0.5 and β₂ = 0.999, setting C of the paper.
    """

    name = "sngan"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        n_dis: int = 5,
        loss: str | losses.Loss = "hinge",
        lr: float = 2e-4,
        beta1: float = 0.0,
        beta2: float = 0.9,
    ):
        _expect_normalised(discriminator)
        super().__init__(generator, discriminator, latent_dim, loss, lr, beta1)
        self.n_dis, self.optimizer = turns("n_dis", n_dis), adam(lr, beta1, beta2)

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "mlp",
        n_dis: int = 5,
        loss: str = "hinge",
        latent_dim: int = 100,
        lr: float = 2e-4,
        beta1: float = 0.0,
        beta2: float = 0.9,
    ) -> SNGAN:
        """A game on samples of a given shape.

        Args:
            shape: shape of one sample, (C, H, W) or (d,).
            model: name of the networks.
            n_dis: steps of the discriminator per step of the generator.
            loss: name of the losses.
            latent_dim: length of the latent vector z.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
            beta2: Adam's beta2, for both players.
        """
        networks = models.networks(model, shape, latent_dim, "spectral")
        return cls(*networks, latent_dim, n_dis, loss, lr, beta1, beta2)

    def phases(self) -> list[Phase]:
        return [
            Phase("discriminator", self.discriminator_loss, repeats=self.n_dis),
            Phase("generator", self.generator_loss),
        ]

    def discriminator_loss(self, batch: Batch) -> tuple[dict, dict]:
        with torch.no_grad():  # the discriminator's turn: no gradient is wanted in G
            fake = self.generator(self.latent(len(batch)))
        # One pass for both: between two, power iteration would change the weights.
        real_outputs, fake_outputs = on_each(self.discriminator, batch.images, fake)  # (N,) each
        loss = self.loss.discriminator(real_outputs, fake_outputs)
        return {"discriminator": loss}, self.judgement(real_outputs, fake_outputs)

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.generator(self.latent(len(batch)))
        return {"generator": self.loss.generator(self.discriminator(fake))}, {}


def _expect_normalised(discriminator: nn.Module) -> None:
    for name, part in discriminator.named_modules():
        if isinstance(part, BATCH_NORMS):
            raise GanlibError(
                f"the discriminator has batch normalisation ({name!r}), which divides by the batch's deviation and so "
                "has no bounded slope; expected none beside spectral normalisation"
            )
        if isinstance(part, LINEAR) and not is_normalised(part):
            raise GanlibError(
                f"the discriminator's layer {name!r} has no spectral normalisation; expected it on every layer, as "
                "layers.spectrally_normalised(discriminator) puts it"
            )


GANS = {SNGAN.name: SNGAN}
