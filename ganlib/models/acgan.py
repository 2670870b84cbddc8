"""Networks of a GAN with an auxiliary classifier: the discriminator names the class, too."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganlib import zoo
from ganlib.errors import GanlibError, unknown
from ganlib.models.conditional import Encoder, Trunk, headless, pair
from ganlib.models.layers import logits


class HadamardGenerator(nn.Module):
    """(z, c) ↦ g(z ⊙ e(c)): each latent is multiplied by the class's number for it.

    Args:
        network: g.
        encoder: e, to vectors as long as z.

    *Source*: the example of ACGAN that came with Keras, which much code follows; Odena et al. (2017) say only that c
    comes in beside z.
    """

    def __init__(self, network: nn.Module, encoder: nn.Module):
        super().__init__()
        self.network, self.encoder = network, encoder

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        """z: (N, latent_dim), c: int64 (N,) → (N, *shape)."""
        return self.network(z * self.encoder(c))


FORMS = ("n", "n+1", "single")


class ClassifyingDiscriminator(nn.Module):
    """x ↦ a logit for "real", and one for each class.

    Args:
        trunk: φ, of all heads.
        realness: φ(x) ↦ (N, 1); ``"single"`` has no use for it.
        classes: n.
        form: ``"n"``: one head for real and one for n classes. ``"n+1"``: the latter has one more class, for generated
            samples. ``"single"``: one head of n+1 logits l, whose softmax knows generated samples as the last class:
            real is then log Σ exp(l_1, …, l_n) − l_(n+1), and no class but the n is given out.

    *Source*: Odena et al. (2017), section 4; ``"single"``: Salimans et al. (2016), section 5.
    """

    def __init__(self, trunk: Trunk, realness: nn.Linear, classes: int, form: str = "n"):
        super().__init__()
        if form not in FORMS:
            raise unknown("form of ACGAN", form, FORMS)
        self.trunk, self.form = trunk, form
        self.classes = nn.Linear(trunk.features, classes + (form != "n"))
        if form != "single":
            self.realness = realness

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, *shape) → logits (N, 1 + n), or 1 + n + 1 for ``"n+1"``: real, and the classes. No softmax."""
        features = self.trunk(x)
        classes = logits(nn.Sequential(self.classes), features)
        if self.form != "single":
            return torch.cat([logits(nn.Sequential(self.realness), features), classes], 1)
        real, generated = classes[:, :-1], classes[:, -1:]
        return torch.cat([real.logsumexp(1, keepdim=True) - generated, real], 1)


def acgan(
    model: str,
    shape: Sequence[int],
    latent_dim: int,
    encoder: Encoder,
    classes: int,
    form: str = "n",
    trunk: str = "none",
    frozen: bool = False,
) -> tuple[nn.Module, nn.Module]:
    """A generator that is told a class, and a discriminator that names it.

    Args:
        model: name of the networks, one of `models.names`; ``"mlp"`` is that of `conditional`.
        shape: shape of one sample.
        latent_dim: length of the latent vector z.
        encoder: makes the encoder of labels, from the length of its vectors.
        classes: n.
        form: see `ClassifyingDiscriminator`.
        trunk: a network of the zoo that the discriminator begins with instead of the model's own; ``"none"`` for none.
        frozen: whether that network stays as it is.

    Returns:
        ``(generator, discriminator)``.

    Raises:
        GanlibError: an unknown form or network, images of another shape than that network's, or nothing to freeze.
    """
    generator, discriminator = pair(model, shape, latent_dim, "batch")
    body, last = headless(discriminator)
    if trunk != "none":
        body = trained(trunk, shape, frozen)
        last = nn.Linear(body.features, 1)
    elif frozen:
        raise GanlibError("frozen=True was given without a trunk; expected a network of the zoo, e.g. trunk='digits'")
    judge = ClassifyingDiscriminator(body, last, classes, form)
    return HadamardGenerator(generator, encoder(latent_dim)), judge


def trained(name: str, shape: Sequence[int], frozen: bool = False) -> Trunk:
    """A network of the zoo as a discriminator's trunk.

    Args:
        name: of the network.
        shape: (C, H, W) of the images.
        frozen: whether it stays as it is; its batch normalisation then stays in evaluation mode.

    Raises:
        GanlibError: no such network, or images of another shape.
    """
    network = zoo.load(name, "network")
    if tuple(shape) != network.shape:
        raise GanlibError(f"images of shape {tuple(shape)} were given; the trunk {name!r} expects {network.shape}")
    features = next(iter(network.heads.values())).in_features
    return Trunk(network.layers.requires_grad_(not frozen), shape, features, frozen=frozen).train()
