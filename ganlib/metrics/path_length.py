"""Perceptual path length: how abruptly images change as their latents move."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ganlib import zoo
from ganlib.device import seeded
from ganlib.errors import GanlibError, unknown
from ganlib.gans.base import LatentGAN
from ganlib.metrics.base import Features, Result, enough
from ganlib.metrics.features import EXTRACTORS

EPSILON = 1e-4
BATCH = 100


def path_length(
    generator: LatentGAN | Callable[[Tensor], Tensor],
    features: str | Callable[[Tensor], Tensor | Sequence[Tensor]] = "pixels",
    *,
    n: int = 1000,
    latent: Callable[[int], Tensor] | None = None,
    interpolation: str = "slerp",
    ends: bool = False,
    epsilon: float = EPSILON,
    trim: float = 0.01,
    seed: int = 0,
    allow_small: bool = False,
) -> Result:
    """Mean squared distance of the images of two near latents, by the square of how near they are.

    Two latents are joined by a path, a point t on it is drawn, and the images at t and t + ε are compared:
    E[d(g(z_t), g(z_{t+ε})) / ε²]. There is no cropping. As in the reference, distances below the first and above the
    last percentile are left out of the mean.

    Args:
        generator: a game, whose samples are used, or a function (N, latent_dim) → (N, *shape).
        features: ``"pixels"``, the images themselves; a network of the zoo, ``"digits"`` or ``"avatars"``, with images
            of its size; or a function images → features, computed from floats: `features.extract` rounds to bytes, and
            a step of 10⁻⁴ does not survive that. A tensor: d is the squared Euclidean distance. A list or tuple of
            layers (N, C, H, W): d is that of LPIPS without learned weights, the squared distance of features of length
            1 at each pixel, averaged over the pixels and summed over the layers.
        n: pairs of latents.
        latent: n → latents (n, latent_dim); None for the game's own. Any space will do, e.g. StyleGAN's W.
        interpolation: ``"slerp"``, along the sphere, for Gaussian latents, or ``"lerp"``, straight, for W.
        ends: whether t is 0, the path's end, and not uniform on [0, 1].
        epsilon: ε, in parts of the path.
        trim: share of the distances left out on each side, 0 to keep all.
        seed: of latents and t.
        allow_small: also for fewer than 100 pairs.

    Returns:
        The mean with its standard error. Details: ``untrimmed``, the mean of all, ``median``, ``epsilon`` and
        ``trim``.

    Raises:
        GanlibError: too few pairs, a value out of range, no latents, or features that are not finite.

    *Source*: Karras et al., StyleGAN (2019), §4.1; their latents are normalised to one sphere, here each path goes from
    the length of one end to that of the other, which is the same where the lengths are equal. Layers: Zhang et al.,
    LPIPS (2018).
    """
    if interpolation not in PATHS:
        raise unknown("interpolation", interpolation, PATHS)
    if not 0 < epsilon < 1 or not 0 <= trim < 0.5 or n < 1:
        raise GanlibError(
            f"n={n}, epsilon={epsilon}, trim={trim} was given; expected n ≥ 1, 0 < epsilon < 1 and 0 ≤ trim < 0.5"
        )
    enough("path_length()", n, 100, "a few long paths decide the mean", allow_small)
    game = generator if isinstance(generator, LatentGAN) else None
    with seeded(seed):
        if game is not None and len(game.inputs(1)) > 1:  # two near latents would show two conditions
            raise GanlibError(
                f"{game.name!r} takes conditions; expected lambda z: gan.sample(z=z, ...) with one, and latent"
            )
    latent = game.latent if game is not None and latent is None else latent
    if latent is None:
        raise GanlibError("a function was given without latents; expected latent=, a function n -> (n, latent_dim)")
    images = (lambda z: game.sample(z=z)) if game is not None else generator
    device = game.device if game is not None else "cpu"
    seen, name = _features(features)
    found = []
    with seeded(seed, device), torch.no_grad(), _all_digits():
        for start in range(0, n, BATCH):
            size = min(BATCH, n - start)
            # In float32 a step of 1e-4 would lose four of its seven digits before the generator sees it.
            one, two = latent(size), latent(size)
            t = torch.zeros(size, 1) if ends else torch.rand(size, 1)
            t = t.double().to(one.device)
            here, there = (PATHS[interpolation](one.double(), two.double(), s).to(one.dtype) for s in (t, t + epsilon))
            both = images(torch.cat([here, there]))  # in one pass, so that a kernel rounds both alike
            found.append(_distance(seen(both)).cpu() / epsilon**2)
    found = torch.cat(found)
    if not found.isfinite().all():
        raise GanlibError(
            f"{int((~found.isfinite()).sum())} of {n} path lengths are not finite; expected finite features"
        )
    low = torch.quantile(found, trim, interpolation="lower")
    high = torch.quantile(found, 1 - trim, interpolation="higher")
    kept = found[(found >= low) & (found <= high)]
    error = kept.std().item() / math.sqrt(len(kept)) if len(kept) > 1 else None
    details = {"untrimmed": found.mean().item(), "median": found.median().item()}
    details |= {"epsilon": epsilon, "trim": trim}
    settings = ("epsilon", "trim")
    return Result(
        "path length", kept.mean().item(), error, n_fake=n, extractor=name, details=details, settings=settings
    )


def _features(given: str | Callable) -> tuple[Callable[[Tensor], Tensor | Sequence[Tensor]], str]:
    """Images → features, and their name."""
    if callable(given):
        return given, "given"
    if given == "pixels":
        return lambda images: images, given
    if given not in (networks := zoo.list("network")):
        raise unknown("features", given, ["pixels", *networks])
    net = zoo.load(given)

    def seen(images: Tensor) -> Tensor:
        size = EXTRACTORS[given].size
        if tuple(images.shape[1:]) != (EXTRACTORS[given].channels, size, size):
            raise GanlibError(f"the network {given} was given images {tuple(images.shape)}; expected {size}×{size}")
        low, high = (bound.item() for bound in images.aminmax())
        if low < -2 or high > 2:  # a generator without tanh overshoots a little; bytes do a lot
            raise GanlibError(f"the generator made images from {low:.3g} to {high:.3g}; expected floats in [-1, 1]")
        return net.to(images.device)(images)

    return seen, given


@contextmanager
def _all_digits() -> Iterator[None]:
    """No TF32 on a GPU: its 10 bits round a step of 10⁻⁴ to nothing, or to ten times as much."""
    cudnn, matmul = torch.backends.cudnn, torch.get_float32_matmul_precision()
    before, cudnn.allow_tf32 = cudnn.allow_tf32, False
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        cudnn.allow_tf32 = before
        torch.set_float32_matmul_precision(matmul)


def lerp(one: Tensor, two: Tensor, t: Tensor) -> Tensor:
    """The straight path: (N, d), (N, d), (N, 1) → (N, d)."""
    return one + t * (two - one)


def slerp(one: Tensor, two: Tensor, t: Tensor) -> Tensor:
    """The path along the great circle, for ends of any length: (N, d), (N, d), (N, 1) → (N, d).

    *Source*: Shoemake (1985); for latents White (2016).
    """
    cosine = torch.nn.functional.cosine_similarity(one, two, dim=1).unsqueeze(1).clamp(-1, 1)
    angle = cosine.acos()
    sine = angle.sin()
    straight = sine < 1e-6  # parallel latents, as all of one dimension are, have no circle through them
    safe = torch.where(straight, 1.0, sine)
    along = (((1 - t) * angle).sin() * one + (t * angle).sin() * two) / safe
    return torch.where(straight, lerp(one, two, t), along)


PATHS = {"slerp": slerp, "lerp": lerp}


def _distance(features: Tensor | Sequence[Tensor]) -> Tensor:
    """Squared distances (N,) between the first and the second half of features (2N, ...), in float64."""
    if isinstance(features, Features):
        raise GanlibError(
            f"features by extract(..., {features.extractor!r}) were given, which are of bytes, and a step of the path "
            "does not survive rounding; expected the name of a network, or a function of floats"
        )
    if isinstance(features, Tensor):
        one, two = features.double().flatten(1).chunk(2)
        return (one - two).square().sum(1)
    total = 0.0
    for layer in features:
        if layer.ndim != 4:
            raise GanlibError(f"a layer of features has shape {tuple(layer.shape)}; expected (N, C, H, W)")
        one, two = torch.nn.functional.normalize(layer.double(), dim=1, eps=1e-10).chunk(2)
        total = total + (one - two).square().sum(1).mean((1, 2))
    return total
