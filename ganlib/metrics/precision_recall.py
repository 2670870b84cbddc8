"""Are the samples among the real ones (precision, density), and the real ones among the samples (recall, coverage)?

Each set is taken for the union of balls around its points, each with the distance to the k-th nearest *other* point of
the set as its radius. The balls of precision and recall are closed, ‖x − y‖ ≤ r, those of density and coverage open,
each as in its authors' code: a set then has density 1 against itself. It only matters where distances are equal, that
is for copies: a point with k copies has an empty open ball and cannot be covered.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganlib.data.images import whole
from ganlib.errors import GanlibError
from ganlib.metrics.base import Features, Metric, Result, Samples, enough, lacks_features, pair, share_error

ROWS = 1000  # rows of a distance matrix at once
LEAST = 100
RADIUS, DENSITY_RADIUS = 3, 5  # which neighbour gives the radius, as in the two papers
WHY = "the standard error of a share of fewer is 0.05 and more"


def precision_recall(
    real: Features | Tensor, fake: Features | Tensor, *, k: int = RADIUS, allow_small: bool = False
) -> tuple[Result, Result]:
    """Improved precision and recall, each from 0 to 1; larger is better.

    Precision is the share of generated samples inside a ball of real ones, recall the share of real samples inside a
    ball of generated ones. Both depend on the numbers of samples: compare only equal n, and with real samples.

    Args:
        real: (N, d) features of real images.
        fake: (M, d) features of generated images.
        k: which neighbour gives the radius, the point itself not counted.
        allow_small: accept fewer than 100 samples.

    Returns:
        Precision and recall; the error is the standard error of the share, the balls being given.

    Raises:
        GanlibError: features that cannot be compared; fewer than 100 samples, or k + 1.

    *Source*: Kynkäänniemi et al. (2019), and the code published with it.
    """
    real, fake = _ready("precision and recall", real, fake, k, allow_small)
    x, y, slack = _centred(real.values, fake.values)
    around_real, around_fake = _radii2(x, k) + slack, _radii2(y, k) + slack
    precise, recalled = [], x.new_zeros(len(x), dtype=torch.bool)
    for part, radii2 in zip(y.split(ROWS), around_fake.split(ROWS), strict=True):
        distances2 = _distances2(part, x)  # (ROWS, N)
        precise.append((distances2 <= around_real).any(1))
        recalled |= (distances2 <= radii2[:, None]).any(0)
    return _result("precision", torch.cat(precise), real, fake, k=k), _result("recall", recalled, real, fake, k=k)


def density_coverage(
    real: Features | Tensor, fake: Features | Tensor, *, k: int = DENSITY_RADIUS, allow_small: bool = False
) -> tuple[Result, Result]:
    """Density (from 0, 1 on average for a perfect generator) and coverage (from 0 to 1); larger is better.

    Density is the mean number of real balls around a generated sample, divided by k; coverage the share of real balls
    with a generated sample inside. A perfect generator with M samples to N real ones has coverage
    1 − Π_{i=1..k} (N − i)/(M + N − i), about 1 − 2⁻ᵏ at M = N, whatever the distribution.

    Args:
        real: (N, d) features of real images.
        fake: (M, d) features of generated images.
        k: which neighbour gives the radius, the point itself not counted.
        allow_small: accept fewer than 100 samples.

    Returns:
        Density and coverage, with standard errors that take the balls as given; ``details["perfect"]`` is what a
        perfect generator gets on average.

    Raises:
        GanlibError: features that cannot be compared; fewer than 100 samples, or k + 1.

    *Source*: Naeem et al. (2020), who give the expectations too, and the code published with it.
    """
    real, fake = _ready("density and coverage", real, fake, k, allow_small)
    x, y, slack = _centred(real.values, fake.values)
    radii2, n = _radii2(x, k) - slack, len(real)
    density, covered = [], x.new_zeros(n, dtype=torch.bool)
    for part in y.split(ROWS):
        inside = _distances2(part, x) < radii2  # (ROWS, N)
        density.append(inside.sum(1).double() / k)
        covered |= inside.any(0)
    missed = math.prod((n - i) / (len(fake) + n - i) for i in range(1, k + 1))
    return (
        _result("density", torch.cat(density), real, fake, k=k, perfect=1.0),
        _result("coverage", covered, real, fake, k=k, perfect=1 - missed),
    )


def _ready(name: str, real: Any, fake: Any, k: int, allow_small: bool) -> tuple[Features, Features]:
    real, fake = pair(real, fake)
    n = min(len(real), len(fake))
    if whole("k", k, 1) >= n:
        raise GanlibError(f"k={k} was given with {n} samples; expected 1 to {n - 1}, a neighbour that is there")
    enough(name, n, LEAST, WHY, allow_small)
    return real, fake


def _result(name: str, each: Tensor, real: Features, fake: Features, **details: float) -> Result:
    n, value = len(each), float(each.double().mean())
    return Result(
        name,
        value,
        share_error(value, n) if each.dtype == torch.bool else float(each.std() / n**0.5),
        n_real=len(real),
        n_fake=len(fake),
        extractor=real.extractor,
        resizer=real.resizer,
        details=details,
        settings=("k",),
    )


def _centred(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
    """Both around the mean of `x`, and the rounding error of their squared distances: less than that is a tie."""
    mean = x.mean(0)
    x, y = x - mean, y - mean
    return x, y, 1e-12 * float(max(x.square().sum(1).max(), y.square().sum(1).max()))


def _distances2(x: Tensor, y: Tensor) -> Tensor:
    return torch.addmm(x.square().sum(1)[:, None] + y.square().sum(1), x, y.T, alpha=-2)


def _radii2(x: Tensor, k: int) -> Tensor:
    """Squared distance of each point to its k-th nearest other one: (N,)."""
    radii2 = []
    for start in range(0, len(x), ROWS):
        near = _distances2(x[start : start + ROWS], x)
        near.diagonal(start).fill_(torch.inf)  # not its own neighbour; a copy of it is
        radii2.append(near.topk(k, largest=False).values[:, -1])
    return torch.cat(radii2)


def _measure_by(function: Any) -> Any:
    def measure(samples: Samples) -> dict[str, Any]:
        generated, real, other = samples.features
        table = {}
        both = (function(real, fake, allow_small=samples.allow_small) for fake in (generated, other))
        for found, same in zip(*both, strict=True):
            line = str(replace(found, floor=same.value, rises=True))
            table |= {found.name: line, f"{found.name} generated": found.value, f"{found.name} real": same.value}
        return table

    return measure


def _lacks_with(k: int) -> Callable[[Samples], str]:
    return lambda samples: lacks_features(samples, lambda d, classes: LEAST, possible=k + 1)


METRICS = {
    "precision-recall": Metric(
        "share of samples near real ones, and of real ones near samples; the nearer to real the better",
        _measure_by(precision_recall),
        _lacks_with(RADIUS),
    ),
    "density-coverage": Metric(
        "real neighbourhoods around a sample, and share of them with a sample; the nearer to real the better",
        _measure_by(density_coverage),
        _lacks_with(DENSITY_RADIUS),
    ),
}
