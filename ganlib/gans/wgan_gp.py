"""The Wasserstein GAN with gradient penalty of Gulrajani et al. (2017): chapter 07."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganlib import models
from ganlib.errors import GanlibError
from ganlib.gans.base import Batch, LatentGAN, Phase, Player, adam
from ganlib.models.layers import on_each
from ganlib.penalties import between, gradient_norms, penalised


class WGANGP(LatentGAN):
    """A generator and a critic that is kept near slope 1 by a penalty on its gradient.

    Args:
        generator: (N, latent_dim) → (N, *shape) in [−1, 1].
        critic: (N, *shape) → scores (N,), high for real; without batch normalisation.
        latent_dim: length of z ~ N(0, I).
        n_critic: steps of the critic per step of the generator.
        penalty_weight: λ, the weight of the gradient penalty.
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players.
        beta2: Adam's β₂, both players.

    Raises:
        GanlibError: a number outside its range, or a critic with batch normalisation.

    Source: Gulrajani et al. (2017), algorithm 1 with its default values.
    """

    name = "wgan-gp"
    half_safe = False  # scores and their gradients have no bound, and float16 ends at 65,504

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        latent_dim: int,
        n_critic: int = 5,
        penalty_weight: float = 10.0,
        lr: float = 1e-4,
        beta1: float = 0.0,
        beta2: float = 0.9,
    ):
        if not isinstance(n_critic, int) or n_critic < 1:
            raise GanlibError(f"n_critic={n_critic} was given; expected a whole number of at least 1")
        penalised(critic, penalty_weight)
        super().__init__(generator, latent_dim)
        self.critic = critic
        self.n_critic, self.penalty_weight = n_critic, penalty_weight
        self.optimizer = adam(lr, beta1, beta2)

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "mlp",
        latent_dim: int = 100,
        n_critic: int = 5,
        penalty_weight: float = 10.0,
        lr: float = 1e-4,
        beta1: float = 0.0,
        beta2: float = 0.9,
    ) -> WGANGP:
        """A game on samples of a given shape.

        Args:
            shape: shape of one sample, (C, H, W) or (d,).
            model: name of the networks.
            latent_dim: length of the latent vector z.
            n_critic: steps of the critic per step of the generator.
            penalty_weight: weight of the gradient penalty.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
            beta2: Adam's beta2, for both players.
        """
        generator, critic = models.networks(model, shape, latent_dim, critic=True)
        return cls(generator, critic, latent_dim, n_critic, penalty_weight, lr, beta1, beta2)

    def players(self) -> dict[str, Player]:
        return {"critic": Player(self.critic, self.optimizer), "generator": Player(self.generator, self.optimizer)}

    def phases(self) -> list[Phase]:
        return [Phase("critic", self.critic_loss, repeats=self.n_critic), Phase("generator", self.generator_loss)]

    def critic_loss(self, batch: Batch) -> tuple[dict, dict]:
        with torch.no_grad():  # the critic's turn: no gradient is wanted in G
            fake = self.generator(self.latent(len(batch)))
        real_scores, fake_scores = on_each(self.critic, batch.images, fake)  # (N,) each
        w = real_scores.mean() - fake_scores.mean()  # the critic makes it large
        slopes = gradient_norms(self.critic, between(batch.images, fake))  # (N,)
        penalty = self.penalty_weight * (slopes - 1).square().mean()
        return {"-W": -w, "penalty": penalty}, {"W": w.detach(), "|grad f|": slopes.detach().mean()}

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.generator(self.latent(len(batch)))
        return {"generator": -self.critic(fake).mean()}, {}


GANS = {WGANGP.name: WGANGP}
