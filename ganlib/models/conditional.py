"""Networks that know a condition c: a label, or what a caption says.

A condition enters as a vector that its own encoder makes, an embedding of labels or a `text.TextEncoder`. Generator and
discriminator have an encoder each, which learns with them: one encoder for both would be pulled both ways.

Any pair of `models.networks` serves. The discriminator's last layer is taken off; what is before it is the trunk φ(x).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganlib import models
from ganlib.device import full_precision
from ganlib.errors import GanlibError, unknown
from ganlib.models.layers import LINEAR, is_normalised, logits, spectral_norm
from ganlib.models.mlp import MLPDiscriminator

CLASSIC, DROPOUT = (1024, 512, 256), 0.4  # hidden layers of the discriminator that belongs to "mlp"
HIDDEN = 256  # units, at most, between [φ(x), e(c)] and the logit

Encoder = Callable[[int], nn.Module]  # length of a vector → conditions (N, ...) ↦ (N, length)


class ConditionalGenerator(nn.Module):
    """(z, c) ↦ g([z, e(c)]).

    Args:
        network: g, of latents as long as z and e(c) together.
        encoder: e.
    """

    def __init__(self, network: nn.Module, encoder: nn.Module):
        super().__init__()
        self.network, self.encoder = network, encoder

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        """z: (N, latent_dim), c: (N, ...) → (N, *shape)."""
        return self.network(torch.cat([z, self.encoder(c)], 1))


class JoinedDiscriminator(nn.Module):
    """(x, c) ↦ d([x, e(c)]): the condition is there from the first layer on.

    Args:
        network: d, of vectors as long as x and e(c) together.
        encoder: e.
    """

    def __init__(self, network: nn.Module, encoder: nn.Module):
        super().__init__()
        self.network, self.encoder = network, encoder

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """x: (N, *shape), c: (N, ...) → logits (N,)."""
        return self.network(torch.cat([torch.flatten(x, 1), self.encoder(c)], 1))


class Trunk(nn.Module):
    """A discriminator without its last layer, as `headless` makes it: x ↦ φ(x).

    Args:
        layers: of the discriminator, without the last one.
        shape: of one sample.
        features: length of φ(x).
        places: pixels of the images that φ(x) is, laid flat; 1 where it is a vector.
        frozen: whether it stays in evaluation mode.
    """

    def __init__(
        self, layers: nn.Sequential, shape: Sequence[int], features: int, places: int = 1, frozen: bool = False
    ):
        super().__init__()
        self.layers, self.shape, self.features, self.frozen = layers, tuple(shape), features, frozen
        self.places = places

    def train(self, mode: bool = True) -> Trunk:
        return super().train(mode and not self.frozen)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, *shape) → (N, features), in float32 at least."""
        if x.shape[1:] != self.shape:
            raise GanlibError(
                f"samples of shape {tuple(x.shape[1:])} were given; the discriminator expects {self.shape}"
            )
        found = self.layers(x)
        return found.to(torch.promote_types(found.dtype, torch.float32))


def headless(discriminator: nn.Module) -> tuple[Trunk, nn.Linear]:
    """A discriminator as its trunk and its last layer.

    Args:
        discriminator: with ``layers``, of which the last is linear, and the ``shape`` that it expects.

    Raises:
        GanlibError: it is not made of such layers.
    """
    *body, last = getattr(discriminator, "layers", [None])
    if not body or not isinstance(last, nn.Linear):
        raise GanlibError(f"{type(discriminator).__name__} was given; expected layers that end in a linear one")
    flat = [nn.Flatten()] if isinstance(body[0], nn.Linear) else []
    images = [layer.out_channels for layer in body if isinstance(layer, nn.Conv2d)]
    places = last.in_features // images[-1] if images and isinstance(body[-1], nn.Flatten) else 1
    return Trunk(nn.Sequential(*flat, *body), discriminator.shape, last.in_features, places), last


class ConcatDiscriminator(nn.Module):
    """(x, c) ↦ a small network of [φ(x), e(c)].

    Where φ(x) is images, e(c) joins the channels of each pixel, and the hidden layer is the same for all pixels. As one
    vector beside 2,048 numbers it was hardly heard: after 625 steps 27 % of drawn faces had the hair asked for, this
    way 98 %.

    Args:
        trunk: φ.
        encoder: e.
        width: length of e(c).

    *Source*: Reed et al. (2016), section 4.1, where a caption joins the last images and a 1×1 convolution follows.
    """

    def __init__(self, trunk: Trunk, encoder: nn.Module, width: int):
        super().__init__()
        self.trunk, self.encoder = trunk, encoder
        channels = trunk.features // trunk.places
        hidden = min(channels, HIDDEN)
        into = nn.Conv1d(channels + width, hidden, 1)
        self.match = nn.Sequential(into, nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(hidden * trunk.places, 1))

    def matching(self, features: Tensor, c: Tensor) -> Tensor:
        """features: φ(x), c: (N, ...) → logits (N,)."""
        features = features.unflatten(1, (-1, self.trunk.places))  # (N, channels, places)
        said = self.encoder(c).unsqueeze(2).expand(-1, -1, self.trunk.places)  # (N, width, places)
        return logits(self.match, torch.cat([features, said], 1)).squeeze(1)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """x: (N, *shape), c: (N, ...) → logits (N,)."""
        return self.matching(self.trunk(x), c)


class TwoBranchDiscriminator(ConcatDiscriminator):
    """(x, c) ↦ two logits: is x real, whatever c is; and does it go with c?

    Args:
        trunk: φ, of both branches.
        realness: φ(x) ↦ (N, 1).
        encoder: e.
        width: length of e(c).
    """

    def __init__(self, trunk: Trunk, realness: nn.Linear, encoder: nn.Module, width: int):
        super().__init__(trunk, encoder, width)
        self.realness = realness

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """x: (N, *shape), c: (N, ...) → logits (N, 2): real, matching."""
        features = self.trunk(x)
        real = logits(nn.Sequential(self.realness), features).squeeze(1)
        return torch.stack([real, self.matching(features, c)], 1)


class ProjectionDiscriminator(nn.Module):
    """(x, c) ↦ v(c)ᵀφ(x) + ψ(φ(x)), with a linear ψ.

    Args:
        trunk: φ.
        realness: ψ, (N, features) ↦ (N, 1).
        encoder: v, to vectors as long as φ(x). They begin short, so that ψ alone decides at first.

    *Source*: Miyato and Koyama (2018), equation (3).
    """

    def __init__(self, trunk: Trunk, realness: nn.Linear, encoder: nn.Module):
        super().__init__()
        self.trunk, self.encoder, self.realness = trunk, encoder, realness
        ends = encoder if isinstance(encoder, nn.Embedding) else encoder.last
        with torch.no_grad():
            for p in ends.parameters():
                p.mul_(0.02)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """x: (N, *shape), c: (N, ...) → logits (N,)."""
        features = self.trunk(x)
        with full_precision(features):
            match = (self.encoder(c) * features).sum(1)
            return match + self.realness(features).squeeze(1)


DESIGNS = ("concat", "two-branch", "projection")


def conditional(
    model: str,
    shape: Sequence[int],
    latent_dim: int,
    encoder: Encoder,
    width: int = 10,
    design: str = "concat",
    norm: str = "batch",
) -> tuple[nn.Module, nn.Module]:
    """A generator and a discriminator that know a condition.

    ``"mlp"`` has the classic sizes: [z, e(c)] → 256 → 512 → 1024 → x and [x, e(c)] → 1024 → 512 → 256 → 1, the latter
    with a dropout of 0.4. On 28×28 images with 100 latents and ten labels 1,492,596 trainable numbers in G and
    1,470,565 in D.

    Args:
        model: name of the networks, one of `models.names`.
        shape: shape of one sample.
        latent_dim: length of the latent vector z.
        encoder: makes the encoder of a condition, from the length of its vectors. It is called once per player.
        width: length of e(c).
        design: ``"concat"``, where networks that flatten their sample join e(c) to it, and convolutional ones to each
            pixel of their last images; ``"two-branch"`` or ``"projection"``.
        norm: what stands where the discriminator normalises, see `models.networks`.

    Returns:
        ``(generator, discriminator)``: (N, latent_dim), (N, ...) → (N, *shape), and (N, *shape), (N, ...) → logits.

    Raises:
        GanlibError: an unknown design, or what `models.networks` refuses.
    """
    if design not in DESIGNS:
        raise unknown("design of a conditional discriminator", design, DESIGNS)
    generator, discriminator = pair(model, shape, latent_dim + width, norm)
    generator = ConditionalGenerator(generator, encoder(width))
    if design == "concat" and isinstance(discriminator.layers[0], nn.Linear):
        _, network = pair(model, (math.prod(shape) + width,), 1, norm)
        return generator, normalised(JoinedDiscriminator(network, encoder(width)), norm)
    trunk, last = headless(discriminator)
    if design == "projection":
        judge = ProjectionDiscriminator(trunk, last, encoder(trunk.features))
    elif design == "two-branch":
        judge = TwoBranchDiscriminator(trunk, last, encoder(width), width)
    else:
        judge = ConcatDiscriminator(trunk, encoder(width), width)
    return generator, normalised(judge, norm)


def pair(model: str, shape: Sequence[int], latent_dim: int, norm: str) -> tuple[nn.Module, nn.Module]:
    """`models.networks`, where ``"mlp"`` has the discriminator that goes with conditions."""
    generator, discriminator = models.networks(model, shape, latent_dim, norm)
    return generator, MLPDiscriminator(shape, CLASSIC, dropout=DROPOUT) if model == "mlp" else discriminator


def normalised(network: nn.Module, norm: str) -> nn.Module:
    """The network with spectral normalisation, if that is the norm, on all layers that have none yet."""
    bare = [part for part in network.modules() if isinstance(part, LINEAR) and not is_normalised(part)]
    for part in bare if norm == "spectral" else []:
        spectral_norm(part)
    return network
