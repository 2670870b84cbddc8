"""StyleGAN2 of Karras et al. (2020): chapter 14."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganlib import losses
from ganlib.errors import GanlibError
from ganlib.gans.base import Batch, Phase, adam, turns, weight
from ganlib.gans.gan import VanillaGAN
from ganlib.gans.styles import Styled
from ganlib.models.stylegan2 import ARCHITECTURES, StyleGAN2Discriminator, StyleGAN2Generator
from ganlib.penalties import gradient_norms, path_lengths


class StyleGAN2(Styled, VanillaGAN):
    """The original game with two penalties that are paid only now and then, each in a turn of its own.

    R1 keeps the discriminator flat at real images. The other asks that a step of given length in W changes the image
    by as much wherever it is made and wherever it leads: E(‖Jᵀy‖ − a)², with the Jacobian J of the synthesis network
    and a random image y. No length is prescribed: a follows the mean of those found.

    A penalty in every k-th step counts k-fold, and its player's Adam is corrected for the turn more (`gans.base.adam`).
    A penalty of weight 0 has no turn.

    Args:
        generator: a `StyleGAN2Generator`, or another `StyleBased` with samples for its images.
        discriminator: (N, *shape) → scores (N,).
        latent_dim: length of z.
        loss: a pair of losses or its name.
        penalty_weight: γ of R1, half of which counts.
        r1_every: R1 is paid in every k-th step.
        path_weight: of the path length penalty.
        path_every: it is paid in every k-th step.
        path_shrink: by how much smaller its batch is, to save memory.
        path_decay: share of the newest mean length in a. With 0.01 a turn, a short run ends before a has moved.
        lr: Adam's learning rate, both players, before the correction.
        beta1: Adam's β₁, likewise.
        beta2: Adam's β₂, likewise.

    Attributes:
        path_mean: a, a buffer; 0 before the first turn, then a running mean that begins with that turn's.

    Raises:
        GanlibError: a number outside its range.

    Source: Karras et al. (2020), sections 3.1 and 3.2 and appendix B; weights as in the authors' code, which pays for
    path lengths in every fourth step and whose a begins at 0.
    """

    name = "stylegan2"
    half_safe = False  # gradients have no bound, and float16 ends at 65,504

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        loss: str | losses.Loss = "non_saturating",
        penalty_weight: float = 10.0,
        r1_every: int = 16,
        path_weight: float = 2.0,
        path_every: int = 8,
        path_shrink: int = 2,
        path_decay: float = 0.01,
        lr: float = 2e-3,
        beta1: float = 0.0,
        beta2: float = 0.99,
    ):
        super().__init__(generator, discriminator, latent_dim, loss)
        self.penalty_weight, self.r1_every = weight("penalty_weight", penalty_weight), turns("r1_every", r1_every)
        self.path_weight, self.path_every = weight("path_weight", path_weight), turns("path_every", path_every)
        self.path_shrink, self.optimizer = turns("path_shrink", path_shrink), adam(lr, beta1, beta2)
        if not 0 < path_decay <= 1:
            raise GanlibError(f"path_decay={path_decay} was given; expected a share above 0, at most 1")
        self.path_decay = path_decay
        self.register_buffer("path_mean", torch.zeros(()))

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        latent_dim: int = 128,
        w_dim: int = 128,
        width: int = 32,
        widest: int = 256,
        depth: int = 8,
        mixing: float = 0.9,
        mapping_lr: float = 0.01,
        group: int = 4,
        blurred: bool = True,
        generator: str = "skip",
        discriminator: str = "residual",
        loss: str = "non_saturating",
        penalty_weight: float = 10.0,
        r1_every: int = 16,
        path_weight: float = 2.0,
        path_every: int = 8,
        path_shrink: int = 2,
        path_decay: float = 0.01,
        lr: float = 2e-3,
        beta1: float = 0.0,
        beta2: float = 0.99,
    ) -> StyleGAN2:
        """A game on images of a given shape.

        Args:
            shape: (C, size, size) of one image, with a size from 8 to 1024 that is a power of 2.
            latent_dim: length of the latent vector z.
            w_dim: length of the style w.
            width: channels at full size; they double with each halving of the side.
            widest: the largest number of channels.
            depth: layers of the mapping from z to w.
            mixing: share of the samples with styles of two latents, in training.
            mapping_lr: factor on the learning rate of the mapping.
            group: samples whose spread the discriminator sees.
            blurred: blur in the discriminator before each halving.
            generator: architecture of the generator.
            discriminator: architecture of the discriminator.
            loss: name of the losses.
            penalty_weight: gamma of R1, half of which counts; 0 for none.
            r1_every: R1 is paid in every so many steps.
            path_weight: weight of the path length penalty; 0 for none.
            path_every: it is paid in every so many steps.
            path_shrink: by how much smaller its batch is.
            path_decay: share of the newest mean length in their running mean.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
            beta2: Adam's beta2, for both players.
        """
        return cls(
            StyleGAN2Generator(shape, latent_dim, w_dim, width, widest, depth, mixing, mapping_lr, generator),
            StyleGAN2Discriminator(shape, width, widest, group, discriminator, blurred),
            *(latent_dim, loss, penalty_weight, r1_every, path_weight, path_every, path_shrink),
            *(path_decay, lr, beta1, beta2),
        )

    @classmethod
    def choices(cls) -> dict[str, list[str]]:
        return {"generator": list(ARCHITECTURES), "discriminator": list(ARCHITECTURES), "loss": losses.names()}

    def phases(self) -> list[Phase]:
        judge, generate = super().phases()
        r1 = Phase("discriminator", self.r1_loss, every=self.r1_every)
        path = Phase("generator", self.path_loss, every=self.path_every)
        return [judge, *[r1] * (self.penalty_weight > 0), generate, *[path] * (self.path_weight > 0)]

    def r1_loss(self, batch: Batch) -> tuple[dict, dict]:
        slopes = gradient_norms(self.discriminator, batch.images)  # (N,)
        return {"R1": self.penalty_weight / 2 * slopes.square().mean()}, {"|grad D|": slopes.detach().mean()}

    def path_loss(self, batch: Batch) -> tuple[dict, dict]:
        w = self.generator.styles(self.latent(max(1, len(batch) // self.path_shrink)))  # (N, layers, w_dim)
        lengths = path_lengths(self.generator.synthesis, w)  # (N,)
        mean = lengths.detach().mean()
        # From 0 on, as in the authors' code, it would pull all lengths to 0 for the first hundred turns.
        share = torch.where(self.path_mean == 0, 1.0, self.path_decay)
        self.path_mean.add_((mean - self.path_mean) * share)
        penalty = self.path_weight * (lengths - self.path_mean).square().mean()
        return {"path": penalty}, {"|J'y|": mean, "a": self.path_mean.clone()}


GANS = {StyleGAN2.name: StyleGAN2}
