"""The Pix2Pix of Isola et al. (2017): chapter 11."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganlib import losses
from ganlib.data.batch import Source
from ganlib.errors import GanlibError, unknown
from ganlib.gans.base import Batch, Phase, Player, adam, weight
from ganlib.gans.translation import TranslationGAN, adversarial, distance
from ganlib.models.layers import on_each
from ganlib.models.translation import PatchDiscriminator, translator


class Pix2Pix(TranslationGAN):
    """A generator that learns from pairs, and a discriminator that sees an input together with its translation.

    Args:
        generator: (N, C, H, W) → (N, C, H, W) in [−1, 1].
        discriminator: (N, 2C, H, W), input and translation → raw outputs of any shape, high for real pairs.
        direction: ``"a2b"`` or ``"b2a"``.
        pair: λ, the weight of the distance between a translation and the input's pair.
        pair_norm: ``"l1"`` or ``"l2"``, how that distance is measured.
        loss: a pair of `losses` or its name, or ``"lsgan"``; see `translation.adversarial`.
        halve_discriminator: halve the discriminator's loss, as in the paper; see `cyclegan.CycleGAN`.
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players; its β₂ is 0.999.

    Raises:
        GanlibError: a value that does not fit.

    Source: Isola et al. (2017), equations (1) to (4) and section 3.3.
    """

    name = "pix2pix"
    data_options: ClassVar[dict[str, Any]] = {"paired": True}

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        direction: str = "a2b",
        pair: float = 100.0,
        pair_norm: str = "l1",
        loss: str | losses.Loss = "non_saturating",
        halve_discriminator: bool = True,
        lr: float = 2e-4,
        beta1: float = 0.5,
    ):
        if direction not in ("a2b", "b2a"):
            raise unknown("direction", direction, ("a2b", "b2a"))
        super().__init__()
        self.generator, self.discriminator, self.direction = generator, discriminator, direction
        self.weight, self.distance = weight("pair", pair), distance(pair_norm)
        self.loss, self.share = adversarial(loss), 0.5 if halve_discriminator else 1.0
        self.optimizer = adam(lr, beta1)

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "unet",
        width: int = 64,
        blocks: int = 9,
        downs: int = 0,
        dropout: float = 0.5,
        always_drop: bool = False,
        layers: int = 3,
        direction: str = "a2b",
        pair: float = 100.0,
        pair_norm: str = "l1",
        loss: str = "non_saturating",
        halve_discriminator: bool = True,
        lr: float = 2e-4,
        beta1: float = 0.5,
    ) -> Pix2Pix:
        """A game on pairs of images of a given shape.

        Args:
            shape: (C, H, W) of one image.
            model: name of the generator.
            width: channels of the generator's and the discriminator's first layers.
            blocks: residual blocks of a resnet.
            downs: halvings of the side in the generator; 0 for 2 in a resnet, for as many as fit in a unet.
            dropout: rate in the first layers of a unet's second half.
            always_drop: dropout also when pictures are translated, as in the paper.
            layers: halvings of the discriminator; 3 make patches of 70 pixels, 2 of 34.
            direction: from which domain to which, a2b or b2a.
            pair: weight of the distance between a translation and the input's pair.
            pair_norm: how that distance is measured, l1 or l2.
            loss: name of the adversarial losses.
            halve_discriminator: halve the discriminator's loss, as in the paper.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
        """
        discriminator = PatchDiscriminator(2 * shape[0], width, layers)
        discriminator.check((2 * shape[0], *shape[1:]))
        generator = translator(model, shape, width, blocks, downs, dropout, always_drop)
        return cls(generator, discriminator, direction, pair, pair_norm, loss, halve_discriminator, lr, beta1)

    def check_data(self, data: Source) -> None:
        super().check_data(data)
        if not data.paired:
            raise GanlibError(
                f"{data.name} was given unpaired, and the game 'pix2pix' learns from pairs; expected paired domains: "
                f"ganlib.load(…, paired=True), where there are pairs"
            )

    def translators(self) -> dict[str, nn.Module]:
        return {self.direction: self.generator}

    def players(self) -> dict[str, Player]:
        return {
            "discriminator": Player(self.discriminator, self.optimizer),
            "generator": Player(self.generator, self.optimizer),
        }

    def phases(self) -> list[Phase]:
        return [Phase("generator", self.generator_loss), Phase("discriminator", self.discriminator_loss)]

    def pairs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Inputs and their translations: (N, C, H, W) each."""
        return (batch.images, batch.other) if self.direction == "a2b" else (batch.other, batch.images)

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        x, y = self.pairs(batch)
        fake = self.generator(x)
        self.step_cache["fake"] = torch.cat([x, fake.detach()], 1)  # for the discriminator's turn
        terms = {"fool": self.loss.generator(self.discriminator(torch.cat([x, fake], 1)))}
        if self.weight:
            terms["pair"] = self.weight * self.distance(fake, y)
        return terms, {}

    def discriminator_loss(self, batch: Batch) -> tuple[dict, dict]:
        real, fake = torch.cat(self.pairs(batch), 1), self.step_cache.pop("fake")
        real_outputs, fake_outputs = on_each(self.discriminator, real, fake)
        loss = self.share * self.loss.discriminator(real_outputs, fake_outputs)
        return {"discriminator": loss}, {
            "D(real)": real_outputs.detach().mean(),
            "D(fake)": fake_outputs.detach().mean(),
        }

    def band(self, batch: Batch, direction: str) -> tuple[Tensor, Tensor, Tensor]:
        x, y = self.pairs(batch)
        return x, self.translate(x, direction), y


GANS = {Pix2Pix.name: Pix2Pix}
