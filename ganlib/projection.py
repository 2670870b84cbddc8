"""Projection: the styles, and the noise, whose image comes nearest to a given one.

    found = ganlib.projection.project(gan, images, distance="avatars")
    gan.sample(w=found.w, noise=found.noise)  # the images again; with another w, edited ones

How near an image comes says whether the generator can make it: its own images come nearer than any others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from ganlib import zoo
from ganlib.data.images import whole
from ganlib.device import seeded
from ganlib.errors import GanlibError, unknown
from ganlib.gans.base import evaluating, weight
from ganlib.gans.styles import Styled
from ganlib.metrics.reading import in_range

LATENTS = 10_000  # for the mean and the spread of W
SMALLEST = 8  # side of the smallest noise that is looked at for structure
Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Projection:
    """What was found.

    Attributes:
        w: styles (N, w_dim), or (N, layers, w_dim) if each layer has its own.
        noise: one image of noise for each layer that has some, (N, 1, side, side), to be given to `Styled.sample`; or
            ``"fixed"`` where it was not looked for.
        images: made of them, (N, *shape) in [−1, 1].
        distance: of these to the given ones, (N,).
        curve: the distance in each step, (steps, N), of images whose styles are still shaken.
    """

    w: Tensor
    noise: list[Tensor] | str
    images: Tensor
    distance: Tensor
    curve: Tensor


def project(
    gan: Styled,
    images: Tensor,
    distance: str | Distance = "pixels",
    *,
    steps: int = 1000,
    lr: float = 0.1,
    each_layer: bool = False,
    noise: bool = True,
    noise_weight: float = 1e5,
    shake: float = 0.05,
    seed: int = 0,
) -> Projection:
    """The styles and the noise whose images come nearest to given ones, by Adam.

    All begin at the mean style and fresh noise. In the first three quarters of the steps, w is shaken by noise that
    fades out, so that it looks around before it settles. The rate rises during the first twentieth and falls during the
    last quarter. So that the noise cannot hold the picture itself, it is punished for structure (`structure`) and is
    brought back to mean 0 and variance 1 after each step. Images of a batch do not influence each other.

    Args:
        gan: a game with styles. Its weights stay as they are.
        images: (N, *shape) in [−1, 1].
        distance: ``"pixels"``, the mean squared difference; a network of the zoo, e.g. ``"avatars"``, for that of its
            features and of the pixels, half and half, the images being resized for it; or a function (images, given
            ones) → (N,).
        steps: of Adam.
        lr: its largest rate.
        each_layer: a style for each layer, which comes nearer but may leave what the mapping makes.
        noise: look for noise too, where the generator takes it; if not, it is that of its samples.
        noise_weight: of the punishment.
        shake: how far w is shaken at first, in units of its root mean square distance to the mean.
        seed: of all that is drawn.

    Raises:
        GanlibError: a game without styles, or with noise that cannot be given; images of another shape or range; or a
            number that does not fit.

    *Source*: Karras et al. (2020), appendix D, with LPIPS as the distance; a style for each layer: Abdal et al. (2019).
    """
    if not isinstance(gan, Styled):
        raise GanlibError(f"the game {getattr(gan, 'name', gan)!r} has no styles; expected stylegan or stylegan2")
    generator = gan.generator
    sides = getattr(generator.synthesis, "sides", ()) if noise else ()
    if noise and not sides:
        raise GanlibError(f"the generator of {gan.name!r} takes no noise from outside; expected noise=False")
    steps, apart = whole("steps", steps, 1), distances(distance)
    weight("noise_weight", noise_weight), weight("shake", shake), weight("lr", lr)
    with evaluating(generator), seeded(seed, gan.device), torch.no_grad():
        made = generator(gan.latent(1))
        if not isinstance(images, Tensor) or images.shape[1:] != made.shape[1:] or not images.is_floating_point():
            given = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
            raise GanlibError(f"images {given} were given; expected floats (N, *{tuple(made.shape[1:])}) in [-1, 1]")
        in_range(images, "images to project", "expected floats in [-1, 1]")
        images = images.detach().to(made)
        n, mapped = len(images), generator.mapping(gan.latent(LATENTS))
        mean = mapped.mean(0)
        spread = (mapped - mean).square().sum(1).mean().sqrt()
        w = generator.for_layers(mean.expand(n, -1)) if each_layer else mean.expand(n, -1)
        w = w.clone().requires_grad_()
        maps = [made.new_empty(n, 1, s, s).normal_().requires_grad_() for s in sides]
        optimizer = torch.optim.Adam([w, *maps], lr=lr)
        chosen, curve = maps or "fixed", images.new_empty(steps, n)
        for step in range(steps):
            t = step / steps
            for group in optimizer.param_groups:
                group["lr"] = lr * min(1.0, (step + 1) / (0.05 * steps)) * _falling(min(1.0, (1 - t) / 0.25))
            size = shake * spread * max(0.0, 1 - t / 0.75) ** 2
            with torch.enable_grad():
                shaken = generator.for_layers(w + size * torch.randn_like(w))
                found = apart(generator.synthesis(shaken, noise=chosen), images)
                loss = found.sum() + noise_weight * sum(structure(image).sum() for image in maps)
                loss.backward(inputs=[w, *maps])
            curve[step] = found.detach()
            optimizer.step()
            optimizer.zero_grad()
            for image in maps:
                image.copy_(_standardised(image))
        w, maps = w.detach(), [image.detach() for image in maps]
        chosen = maps or "fixed"
        made = gan.sample(w=w, noise=chosen)
        return Projection(w, chosen, made, apart(made, images), curve)


def _falling(left: float) -> float:
    """A factor from 1 to 0 along a cosine as `left` goes from 1 to 0."""
    return 0.5 - 0.5 * math.cos(math.pi * left)


def _standardised(noise: Tensor) -> Tensor:
    """The same images, each with mean 0 and variance 1."""
    centred = noise - noise.mean((1, 2, 3), keepdim=True)
    return centred * centred.square().mean((1, 2, 3), keepdim=True).rsqrt()


def structure(noise: Tensor) -> Tensor:
    """How much an image of noise is not white: squared means of products of neighbours, at all sizes.

    Of white noise each mean is 0 but for chance. An image that shows something has neighbours that are alike, at its
    own size or at that of means over 2×2, over 4×4, …, which are doubled each time: so their variance stays 1 if they
    are white. The image goes on at its other side.

    Args:
        noise: (N, 1, side, side), of mean 0 and variance 1.

    Returns:
        (N,), of one image the sum over both directions and all sizes down to 8×8.

    *Source*: Karras et al. (2020), appendix D. The authors' code leaves out the doubling.
    """
    total = 0.0
    while True:
        for axis in (2, 3):
            total = total + (noise * noise.roll(1, axis)).mean((1, 2, 3)).square()
        if noise.shape[-1] <= SMALLEST:
            return total
        noise = 2 * avg_pool2d(noise, 2)


def distances(given: str | Distance) -> Distance:
    """What `project` brings down: a function of images and given ones, (N, C, H, W) each → (N,).

    Args:
        given: see `project`.

    Raises:
        GanlibError: there is no such distance.
    """
    if callable(given):
        return given
    pixels = lambda images, others: (images - others).square().flatten(1).mean(1)
    if given == "pixels":
        return pixels
    if given not in (networks := zoo.list("network")):
        raise unknown("distance", given, ["pixels", *networks])
    net = zoo.load(given).requires_grad_(False)

    def seen(images: Tensor, others: Tensor) -> Tensor:
        reader, size = net.to(images.device), list(net.shape[1:])
        one, two = (interpolate(x, size, mode="bilinear", antialias=True) for x in (images, others))
        features = (reader(one) - reader(two)).square().mean(1)
        return (features + pixels(images, others)) / 2

    return seen
