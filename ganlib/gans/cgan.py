"""The conditional GAN of Mirza and Osindero (2014), and what came after it: chapter 09."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ganlib import losses
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.base import Phase
from ganlib.gans.conditional import Captions, ConditionalGAN, Labels, conditions
from ganlib.models.conditional import TwoBranchDiscriminator, conditional
from ganlib.models.layers import on_each


class CGAN(ConditionalGAN):
    """A GAN whose players both know a condition, a label or a caption; the discriminator may be shown wrong ones.

    The discriminator accepts real samples with their conditions and rejects generated ones with theirs. If asked to, it
    also rejects real samples with wrong conditions, which moves the game's equilibrium (chapter 09).

    Args:
        generator: (N, latent_dim), conditions (N, ...) → (N, *shape) in [−1, 1].
        discriminator: (N, *shape), conditions → logits (N,); or (N, 2), real and matching, of a
            `TwoBranchDiscriminator`.
        latent_dim: length of z ~ N(0, I).
        conditions: their kind, `Labels` or `Captions`.
        fake: weight of generated samples with their conditions; that of real ones is 1.
        wrong: weight of real samples with wrong conditions; 0 leaves them out. Reed et al. have ½ and ½.
        loss: a pair of losses that falls into halves, or its name.
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players.

    Raises:
        GanlibError: a weight out of range, or a loss without halves.

    *Source*: Mirza and Osindero (2014), equation (2); wrong conditions: Reed et al. (2016), algorithm 1.
    """

    name = "cgan"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        conditions: Labels | Captions,
        fake: float = 1.0,
        wrong: float = 0.0,
        loss: str | losses.Loss = "non_saturating",
        lr: float = 2e-4,
        beta1: float = 0.5,
    ):
        if not fake > 0 or not wrong >= 0:
            raise GanlibError(f"the weights fake={fake}, wrong={wrong} were given; expected fake > 0 and wrong ≥ 0")
        super().__init__(generator, discriminator, latent_dim, conditions, loss=loss, lr=lr, beta1=beta1)
        if self.loss.rejects is None:
            raise GanlibError(f"the loss {self.loss.name!r} does not fall into halves; expected accepts and rejects")
        self.fake, self.wrong = fake, wrong
        self.branches = isinstance(discriminator, TwoBranchDiscriminator)

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "mlp",
        design: str = "concat",
        condition: str = "labels",
        classes: int = 10,
        condition_dim: int = 10,
        fake: float = 1.0,
        wrong: float = 0.0,
        wrong_may_match: bool = False,
        loss: str = "non_saturating",
        norm: str = "batch",
        latent_dim: int = 100,
        lr: float = 2e-4,
        beta1: float = 0.5,
    ) -> CGAN:
        """A game on samples of a given shape.

        Args:
            shape: shape of one sample, (C, H, W) or (d,).
            model: name of the networks.
            design: how the discriminator sees conditions: concat, two-branch or projection.
            condition: labels or captions.
            classes: number of labels; the data set says it where it is given.
            condition_dim: length of the vectors that stand for conditions.
            fake: weight of generated samples with their conditions, beside 1 for real ones.
            wrong: weight of real samples with wrong conditions.
            wrong_may_match: wrong labels are those of other rows, which may be right by chance; captions always are.
            loss: name of the losses.
            norm: of the discriminator: batch, layer, none or spectral.
            latent_dim: length of the latent vector z.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
        """
        kind = conditions(condition, classes, wrong_may_match)
        networks = conditional(model, shape, latent_dim, kind.encoder, condition_dim, design, norm)
        return cls(*networks, latent_dim, kind, fake, wrong, loss, lr, beta1)

    def phases(self) -> list[Phase]:
        loss = self.two_branch_loss if self.branches else self.discriminator_loss
        judge = Phase("discriminator", loss, keeps=("generator",))
        return [judge, Phase("generator", self.generator_loss)]

    def judged(self, batch: Batch) -> tuple[Tensor, ...]:
        """What the discriminator says of real samples, of generated ones, and of real ones with wrong conditions."""
        real = batch.images
        fake, right = self.conditional_fakes(batch)
        pairs = [(real, right), (fake, right)]
        if self.wrong:
            pairs.append((real, self.conditions.other(right)))
        return on_each(self.discriminator, *pairs)

    def discriminator_loss(self, batch: Batch) -> tuple[dict, dict]:
        real_logits, fake_logits, *wrong_logits = self.judged(batch)  # (N,) each
        terms = {
            "real, right": self.loss.accepts(real_logits),
            "fake, right": self.fake * self.loss.rejects(fake_logits),
        }
        if self.wrong:
            terms["real, wrong"] = self.wrong * self.loss.rejects(*wrong_logits)
        return terms, self.judgement(real_logits, fake_logits)

    def two_branch_loss(self, batch: Batch) -> tuple[dict, dict]:
        """One branch tells real from generated samples, the other what matches from what does not."""
        (real, real_right), (fake, fake_right), *wrong = (
            logits.unbind(1) for logits in self.judged(batch)
        )  # (N,) each
        terms = {
            "real, alone": self.loss.accepts(real),
            "fake, alone": self.loss.rejects(fake),
            "real, right": self.loss.accepts(real_right),
            "fake, right": self.fake * self.loss.rejects(fake_right),
        }
        if self.wrong:
            [(_, real_wrong)] = wrong
            terms["real, wrong"] = self.wrong * self.loss.rejects(real_wrong)
        return terms, self.judgement(real, fake)

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake, right = self.judged_conditional_fakes(batch)
        logits = self.discriminator(fake, right)
        if not self.branches:
            return {"generator": self.loss.generator(logits)}, {}
        real, match = logits.unbind(1)
        return {"generator, alone": self.loss.generator(real), "generator, match": self.loss.generator(match)}, {}


GANS = {CGAN.name: CGAN}
