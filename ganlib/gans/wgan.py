"""The Wasserstein GAN of Arjovsky et al. (2017), with clipped weights: chapter 06."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganlib import models
from ganlib.errors import GanlibError
from ganlib.gans.base import Batch, LatentGAN, Phase, Player, rmsprop, turns
from ganlib.models.layers import on_each
from ganlib.penalties import clip_weights, per_sample

WARM_UP = 100  # turns of the critic where it is brought close to its optimum first
LONG, AGAIN = 25, 500  # in so many first steps, and in every so many-th one


class WGAN(LatentGAN):
    """A generator and a critic whose weights stay in a box, which bounds how steep it can be.

    The weights are clipped once before the first step and then after each step of the critic, so every score, also the
    generator's, is that of a clipped critic. The authors' code clips before each step instead: there the critic that
    judges the generator has left the box by one step.

    A critic is a function of one sample. Batch normalisation makes it one of the whole batch, and divides out again
    how large the weights before it are, so that clipping them would bound nothing; the critic may not have it, though
    the authors' has. Layer normalisation divides likewise, up to its ε, and is accepted.

    Args:
        generator: (N, latent_dim) → (N, *shape) in [−1, 1].
        critic: (N, *shape) → scores (N,), high for real; without batch normalisation.
        latent_dim: length of z ~ N(0, I).
        n_critic: steps of the critic per step of the generator.
        clip: c; every number of the critic is kept in [−c, c].
        warm_up: 100 steps of the critic instead in the first 25 steps of the generator and in every 500th, as in the
            authors' code. Algorithm 1 has none, and so it is off by default: all steps cost the same.
        lr: RMSProp's learning rate, both players.

    Raises:
        GanlibError: a number outside its range, or a critic with batch normalisation.

    Source: Arjovsky et al. (2017), algorithm 1 with its default values, and the code published with it. What the
    critic's mean difference W estimates is the distance times an unknown factor, its largest slope.
    """

    name = "wgan"
    half_safe = False  # layer by layer, weights of 0.01 shrink gradients below what float16 can tell from 0

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        latent_dim: int,
        n_critic: int = 5,
        clip: float = 0.01,
        warm_up: bool = False,
        lr: float = 5e-5,
    ):
        if not 0 < clip < math.inf:
            raise GanlibError(f"clip={clip} was given; expected a positive number")
        per_sample(critic, "a critic is a function of one sample")
        super().__init__(generator, latent_dim)
        self.critic, self.clip = critic, clip
        self.n_critic, self.warm_up = turns("n_critic", n_critic), warm_up
        self.optimizer = rmsprop(lr)
        self.clip_critic()

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "mlp",
        latent_dim: int = 100,
        n_critic: int = 5,
        clip: float = 0.01,
        warm_up: bool = False,
        lr: float = 5e-5,
        norm: str = "none",
    ) -> WGAN:
        """A game on samples of a given shape.

        Args:
            shape: shape of one sample, (C, H, W) or (d,).
            model: name of the networks.
            latent_dim: length of the latent vector z.
            n_critic: steps of the critic per step of the generator.
            clip: bound on every number of the critic.
            warm_up: 100 steps of the critic in the first 25 steps and in every 500th.
            lr: RMSProp's learning rate, for both players.
            norm: normalisation of the critic, none or layer.
        """
        return cls(*models.networks(model, shape, latent_dim, norm), latent_dim, n_critic, clip, warm_up, lr)

    def players(self) -> dict[str, Player]:
        return {"critic": Player(self.critic, self.optimizer), "generator": Player(self.generator, self.optimizer)}

    def phases(self) -> list[Phase]:
        repeats = self.critic_turns if self.warm_up else self.n_critic
        critic = Phase("critic", self.critic_loss, repeats, after_step=self.clip_critic)
        return [critic, Phase("generator", self.generator_loss)]

    def critic_turns(self, step: int) -> int:
        """Steps of the critic before the generator's `step` (0 for its first), with the warm-up."""
        return WARM_UP if step < LONG or step % AGAIN == 0 else self.n_critic

    def clip_critic(self) -> None:
        clip_weights(self.critic, self.clip)

    def critic_loss(self, batch: Batch) -> tuple[dict, dict]:
        with torch.no_grad():  # the critic's turn: no gradient is wanted in G
            fake = self.generator(self.latent(len(batch)))
        real_scores, fake_scores = on_each(self.critic, batch.images, fake)  # (N,) each
        w = real_scores.mean() - fake_scores.mean()  # the critic makes it large
        return {"-W": -w}, {"W": w.detach(), "at ±c": self.share_at_the_limit()}

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.generator(self.latent(len(batch)))
        return {"generator": -self.critic(fake).mean()}, {}

    @torch.no_grad()
    def share_at_the_limit(self) -> Tensor:
        """Which share of the critic's numbers clipping has put at −c or c: a scalar in [0, 1]."""
        numbers = torch.cat([parameter.flatten() for parameter in self.critic.parameters()])
        return (numbers.abs() >= self.clip).float().mean()


GANS = {WGAN.name: WGAN}
