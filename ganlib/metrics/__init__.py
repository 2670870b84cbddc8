"""How good it is: measures of samples, each with controls that must fail.

Each is a function of its file, ``from ganlib.metrics.fid import fid``, and `evaluate` runs all that fit. A file of this
folder offers its own under ``METRICS``; nothing else has to be edited.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from ganlib import registry
from ganlib.data.images import Images
from ganlib.device import seeded
from ganlib.errors import GanlibError, unknown
from ganlib.gans.base import GAN
from ganlib.metrics import features
from ganlib.metrics.base import Metric, Samples

__all__ = ["Metric", "Samples", "evaluate", "get", "names", "samples"]

BATCH = 500  # samples at once


@functools.cache
def _known() -> dict[str, Metric]:
    return registry.collect(sys.modules[__name__], "METRICS")


def names() -> list[str]:
    """The names `evaluate` knows."""
    return sorted(_known())


def get(name: str) -> Metric:
    """The metric called `name`."""
    if name not in _known():
        raise unknown("metric", name, _known())
    return _known()[name]


def evaluate(
    gan: GAN,
    data: Any,
    n: int | None = None,
    *,
    seed: int = 0,
    chosen: Sequence[str] | None = None,
    extractor: str = "auto",
    allow_small: bool = False,
) -> dict[str, Any]:
    """Measure a game's samples.

    Args:
        gan: the game, with the weights to sample with.
        data: what its samples should look like.
        n: generated samples and real ones; None for 1000, or half of a smaller data set.
        seed: of everything drawn.
        chosen: names of metrics; None for all that fit the data.
        extractor: of features, see `features.names`; ``"auto"`` for the one that is meant for the data.
        allow_small: measure with fewer samples than a metric asks for, wherever it can be computed at all.

    Returns:
        ``n_real``, ``n_generated``, ``seed``, ``allow_small``, ``real`` (where the real ones come from, in words),
        ``metrics``: name to what it found, ``left out``: name to why it was not computed, and ``features``: the
        extractor with the identity of its weights, None where no metric looked at features.

    Raises:
        GanlibError: an unknown metric, or one that does not fit; too many samples for the data set; another shape; an
            extractor that does not fit.
    """
    if chosen is not None and not chosen:
        raise GanlibError(f"chosen={chosen!r} names no metric; expected one or more of {', '.join(names())}, or None")
    metrics = {name: get(name) for name in chosen or names()}
    if extractor != "auto":
        features.choose(data, extractor)
    drawn = replace(samples(gan, data, n, seed, extractor), allow_small=allow_small)
    lacking = {name: lack for name, metric in metrics.items() if (lack := metric.lacks(drawn))}
    for name, lack in lacking.items() if chosen else ():
        raise GanlibError(f"metric {name!r} cannot be computed on {data.name}: {lack}")
    if len(lacking) == len(metrics):
        raise GanlibError(f"no metric fits {data.name}; known: {', '.join(names())}")
    found = {
        "n_real": len(drawn.real),
        "n_generated": len(drawn.generated),
        "seed": seed,
        "allow_small": allow_small,
        "real": f"{len(data):,} images of {data.name}" if hasattr(data, "__len__") else f"the law of {data.name}",
        "metrics": {
            name: {"of": metric.about} | metric.measure(drawn)
            for name, metric in metrics.items()
            if name not in lacking
        },
        "left out": lacking,
    }
    seen = drawn.extracted  # by none of the metrics, if there was no need
    return found | {"features": None if seen is None else features.identity(seen[0].extractor)}


def samples(gan: GAN, data: Any, n: int | None = None, seed: int = 0, extractor: str = "auto") -> Samples:
    """Generated samples, real ones, and as many other real ones.

    Args:
        gan: draws the generated ones.
        data: `Images`, of which no image is taken twice, or a toy distribution.
        n: how many of each; None for 1000, or half of a smaller data set.
        seed: of all three.
        extractor: of their features.

    Raises:
        GanlibError: fewer than 2n images, n below 1, or a game of another shape.
    """
    finite = isinstance(data, Images)
    if not finite and not hasattr(data, "sample"):
        raise GanlibError(f"{type(data).__name__} was given; expected images or a toy distribution")
    most = len(data) // 2 if finite else None
    n = (min(1000, most) if finite else 1000) if n is None else n
    if n < 1 or (finite and n > most):
        there = f"1 to {most}, since two sets of real samples are drawn from {len(data):,}" if finite else "at least 1"
        raise GanlibError(f"n={n} samples were asked for; expected {there}")
    if gan.recipe and tuple(gan.recipe["shape"]) != tuple(data.shape):
        raise GanlibError(f"{data.name} has shape {tuple(data.shape)}, the samples {tuple(gan.recipe['shape'])}")
    with seeded(seed, gan.device):
        if finite:
            order = torch.randperm(len(data)).to(data.device)
            real, unseen = data.normalised(order[: 2 * n]).cpu(), order[n:]
        else:
            unseen = None
            real = data.sample(2 * n).cpu()
        sizes = [min(BATCH, n - start) for start in range(0, n, BATCH)]
        generated = torch.cat([gan.sample(size).cpu() for size in sizes])
    if finite:
        generated = generated.clamp(-1, 1)  # as a picture that is saved; a network without tanh may overshoot
    return Samples(data, generated, real[:n], real[n:], seed, extractor, unseen=unseen)
