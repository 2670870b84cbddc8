"""The auxiliary classifier GAN of Odena et al. (2017): chapter 10."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganlib import losses
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.conditional import ConditionalGAN, Labels
from ganlib.models.acgan import acgan
from ganlib.models.layers import on_each


class ACGAN(ConditionalGAN):
    """A GAN whose discriminator is not told the class of a sample, but has to name it.

    Args:
        generator: (N, latent_dim), labels (N,) → (N, *shape) in [−1, 1].
        discriminator: (N, *shape) → logits (N, 1 + classes), see `ClassifyingDiscriminator`.
        latent_dim: length of z ~ N(0, I).
        conditions: how many labels there are.
        form: what a generated sample is called in the discriminator's turn. ``"n"``: by the class that was asked for.
            ``"n+1"``: by one more class, "generated". ``"single"``: not at all, for that class is the other half of
            "real". In the generator's turn it is the class that was asked for, always.
        aux_weight: λ, of the classes' cross-entropy in both players' losses.
        loss: a pair of losses or its name.
        lr: Adam's learning rate, both players.
        beta1: Adam's β₁, both players.

    Raises:
        GanlibError: a weight out of range.

    *Source*: Odena et al. (2017), equations (2) and (3); ``"n+1"``: a Keras listing of 2017; ``"single"``: Salimans et
    al. (2016), section 5, whose cross-entropy of n+1 classes it is with λ = 1 and the non-saturating loss.
    """

    name = "acgan"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        conditions: Labels,
        form: str = "n",
        aux_weight: float = 1.0,
        loss: str | losses.Loss = "non_saturating",
        lr: float = 2e-4,
        beta1: float = 0.5,
    ):
        if not aux_weight >= 0:
            raise GanlibError(f"aux_weight={aux_weight} was given; expected 0 or more")
        super().__init__(generator, discriminator, latent_dim, conditions, loss=loss, lr=lr, beta1=beta1)
        self.form, self.aux_weight = form, aux_weight

    @classmethod
    def build(
        cls,
        shape: Sequence[int],
        model: str = "mlp",
        form: str = "n",
        classes: int = 10,
        aux_weight: float = 1.0,
        trunk: str = "none",
        frozen: bool = False,
        loss: str = "non_saturating",
        latent_dim: int = 100,
        lr: float = 2e-4,
        beta1: float = 0.5,
    ) -> ACGAN:
        """A game on samples of a given shape.

        Args:
            shape: shape of one sample, (C, H, W) or (d,).
            model: name of the networks.
            form: what the discriminator's classes are: n, n+1 or single.
            classes: number of labels; the data set says it where it is given.
            aux_weight: weight of the classes' cross-entropy, for both players.
            trunk: network of the zoo that the discriminator begins with: none, avatars or digits.
            frozen: keep that network as it is.
            loss: name of the losses.
            latent_dim: length of the latent vector z.
            lr: Adam's learning rate, for both players.
            beta1: Adam's beta1, for both players.
        """
        labels = Labels(classes)
        networks = acgan(model, shape, latent_dim, labels.encoder, classes, form, trunk, frozen)
        return cls(*networks, latent_dim, labels, form, aux_weight, loss, lr, beta1)

    def discriminator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake, labels = self.conditional_fakes(batch)
        (real_logits, real_classes), (fake_logits, fake_classes) = map(
            _heads, on_each(self.discriminator, batch.images, fake)
        )
        terms = {
            "discriminator": self.loss.discriminator(real_logits, fake_logits),
            "classes, real": self.aux_weight * cross_entropy(real_classes, labels),
        }
        if self.form != "single":
            named = labels if self.form == "n" else torch.full_like(labels, self.conditions.classes)
            terms["classes, fake"] = self.aux_weight * cross_entropy(fake_classes, named)
        right = {"class accuracy(x)": self.right(real_classes, labels)}
        right |= {"class accuracy(G(z))": self.right(fake_classes, labels)}
        return terms, self.judgement(real_logits, fake_logits) | right

    def generator_loss(self, batch: Batch) -> tuple[dict, dict]:
        fake, labels = self.judged_conditional_fakes(batch)
        logits, classes = _heads(self.discriminator(fake))
        classes = self.aux_weight * cross_entropy(classes, labels)
        return {"generator": self.loss.generator(logits), "generator, classes": classes}, {}

    @torch.no_grad()
    def right(self, classes: Tensor, labels: Tensor) -> Tensor:
        """Share of samples whose largest logit, of those of the n classes, is that of their label."""
        return (classes[:, : self.conditions.classes].argmax(1) == labels).float().mean()


def _heads(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """The logit for real (N,) and those of the classes (N, …)."""
    return outputs[:, 0], outputs[:, 1:]


GANS = {ACGAN.name: ACGAN}
