"""The unrolled GAN of Metz et al. (2017): a generator that looks a few steps ahead."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ganlib import losses, models
from ganlib.errors import GanlibError
from ganlib.gans.base import Batch, Player, adam
from ganlib.gans.gan import VanillaGAN
from ganlib.models.layers import untracked


class UnrolledGAN(VanillaGAN):
    """The original GAN, whose generator is judged by the discriminator as it will be after some more steps.

    The gradient goes through these steps too: how the discriminator would answer is part of what the generator learns,
    at the price of the zero-sum game, minus the whole of the discriminator's loss. The half over the fakes alone would
    pay for answers that spoil its verdicts on the data. The discriminator itself stays where it is and takes one step a
    turn, as always.

    Args:
        generator: (N, latent_dim) → (N, *shape).
        discriminator: (N, *shape) → logits (N,).
        latent_dim: length of z ~ N(0, I).
        lookahead: k, how many steps ahead.
        lookahead_rate: η, the size of these steps, of plain gradient descent.
        loss: a pair of losses or its name.
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players.
        rate_ratio: the discriminator's learning rate as a multiple of the generator's.

    Raises:
        GanlibError: a number outside its range.

    *Source*: Metz et al. (2017), equations 7 to 9 (there the discriminator ascends, and the game is zero-sum; here the
    first term of the gradient may be of another loss, such as the non-saturating one).
    """

    name = "unrolled"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        lookahead: int = 5,
        lookahead_rate: float = 0.1,
        loss: str | losses.Loss = "non_saturating",
        lr: float = 2e-4,
        beta1: float = 0.5,
        rate_ratio: float = 1.0,
    ):
        if lookahead < 0 or not lookahead_rate > 0 or not rate_ratio > 0:
            raise GanlibError(
                f"lookahead={lookahead}, lookahead_rate={lookahead_rate} and rate_ratio={rate_ratio} were given; "
                "expected 0 steps or more, a rate and a ratio above 0"
            )
        super().__init__(generator, discriminator, latent_dim, loss, lr, beta1)
        self.lookahead, self.lookahead_rate = lookahead, lookahead_rate
        self.judges_optimizer = adam(rate_ratio * lr, beta1)

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "mlp",
        lookahead: int = 5,
        lookahead_rate: float = 0.1,
        loss: str = "non_saturating",
        latent_dim: int = 100,
        lr: float = 2e-4,
        beta1: float = 0.5,
        rate_ratio: float = 1.0,
    ) -> UnrolledGAN:
        """A game on samples of a given shape.

        Args:
            shape: shape of one sample, (C, H, W) or (d,).
            model: name of the networks.
            lookahead: steps of the discriminator that the generator looks ahead.
            lookahead_rate: size of these steps, of plain gradient descent.
            loss: name of the losses.
            latent_dim: length of the latent vector z.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
            rate_ratio: the discriminator's learning rate as a multiple of the generator's.
        """
        networks = models.networks(model, shape, latent_dim)
        return cls(*networks, latent_dim, lookahead, lookahead_rate, loss, lr, beta1, rate_ratio)

    def players(self) -> dict[str, Player]:
        return super().players() | {"discriminator": Player(self.discriminator, self.judges_optimizer)}

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake = self.judged_fakes(len(batch))
        weights = {name: p.detach().clone().requires_grad_() for name, p in self.discriminator.named_parameters()}

        def judged(weights: dict[str, Tensor], *batches: Tensor) -> list[Tensor]:
            return [functional_call(self.discriminator, weights, x) for x in batches]

        with untracked(self.discriminator):
            for _ in range(self.lookahead):
                loss = self.loss.discriminator(*judged(weights, batch.images, fake))
                gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
                weights = {
                    name: w - self.lookahead_rate * g for (name, w), g in zip(weights.items(), gradients, strict=True)
                }
            fixed = {name: w.detach() for name, w in weights.items()}
            terms = {"generator": self.loss.generator(*judged(fixed, fake))}
            if self.lookahead:  # the answer moves what D says of real samples, too, so it is paid by all of D's loss
                answer = self.loss.discriminator(*judged(weights, batch.images, fake.detach()))
                terms["answer"] = -answer
            return terms, {}


GANS = {UnrolledGAN.name: UnrolledGAN}
