"""The Wasserstein GAN with gradient penalty of Gulrajani et al. (2017): chapter 07."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ganlib import models
from ganlib.gans.base import Batch, LatentGAN, Phase, Player, adam, turns
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
        one_sided: only slopes above 1 cost.

    Raises:
        GanlibError: a number outside its range, or a critic with batch normalisation.

    Source: Gulrajani et al. (2017), algorithm 1 with its default values; one-sided: Petzka et al. (2018).
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
        one_sided: bool = False,
    ):
        penalised(critic, penalty_weight)
        super().__init__(generator, latent_dim)
        self.critic = critic
        self.n_critic, self.penalty_weight, self.one_sided = turns("n_critic", n_critic), penalty_weight, one_sided
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
        one_sided: bool = False,
        norm: str = "layer",
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
            one_sided: penalise only slopes above 1.
            norm: normalisation of the critic, layer, none or spectral.
        """
        networks = models.networks(model, shape, latent_dim, norm)
        return cls(*networks, latent_dim, n_critic, penalty_weight, lr, beta1, beta2, one_sided)

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
        excess = (slopes - 1).relu() if self.one_sided else slopes - 1
        penalty = self.penalty_weight * excess.square().mean()
        return {"-W": -w, "penalty": penalty}, {"W": w.detach(), "|grad f|": slopes.detach().mean()}

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.generator(self.latent(len(batch)))
        return {"generator": -self.critic(fake).mean()}, {}


GANS = {WGANGP.name: WGANGP}
