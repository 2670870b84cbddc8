"""Squared maximum mean discrepancy of features with a cubic kernel (KID): no Gaussian is assumed, and no bias."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganlib.data.images import whole
from ganlib.errors import GanlibError
from ganlib.metrics.base import Features, Metric, Result, Samples, enough, lacks_features, pair

ROWS = 1000  # rows of a kernel matrix at once
LEAST = 100


def mmd2(x: Tensor, y: Tensor) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy with the kernel (x·y/d + 1)³, in float64.

    Args:
        x: (N, d), N ≥ 2.
        y: (M, d), M ≥ 2.

    Returns:
        The estimate; it is below 0 about half of the time when both are samples of one distribution.

    Raises:
        GanlibError: sets that cannot be compared, or fewer than two samples.

    *Source*: Gretton et al. (2012), eq. 3; the kernel: Bińkowski et al. (2018), section 4.
    """
    x, y = pair(x, y)
    return _mmd2(x.values, y.values)


def _mmd2(x: Tensor, y: Tensor) -> float:
    if min(len(x), len(y)) < 2:
        raise GanlibError(f"sets of {len(x)} and {len(y)} samples were given; expected at least 2 each for pairs")
    return _others(x) + _others(y) - 2 * _sum(x, y) / (len(x) * len(y))


def _others(x: Tensor) -> float:
    """Mean kernel of two different samples: a sample with itself would bias it."""
    n = len(x)
    own = (x.square().sum(1) / x.shape[1] + 1).pow(3).sum()
    return (_sum(x, x) - float(own)) / (n * (n - 1))


def _sum(x: Tensor, y: Tensor) -> float:
    total = 0.0
    for part in x.split(ROWS):
        k = (part @ y.T).div_(x.shape[1]).add_(1).flatten()
        total += float(k.square() @ k)
    return total


def kid(
    real: Features | Tensor,
    fake: Features | Tensor,
    *,
    subsets: int = 100,
    subset_size: int | None = None,
    seed: int = 0,
    allow_small: bool = False,
) -> Result:
    """Mean over random subsets of the unbiased squared discrepancy; smaller is better, 0 on average for a perfect one.

    The subsets are drawn as torch-fidelity draws them, so the same seed gives its number (its input 1 being `fake`).

    Args:
        real: (N, d) features of real images.
        fake: (M, d) features of generated images.
        subsets: how many subsets.
        subset_size: samples of each kind in one; None for 1000, or half of a smaller set.
        seed: of the subsets.
        allow_small: accept fewer than 100 samples.

    Returns:
        A result whose error is a standard error. The subsets overlap, so s/√subsets would be too small; with m of n
        samples in each, the delete-d jackknife gives s²·m/(n − m), and a finite number of subsets adds s²/subsets.
        None where a subset is the whole set. Where both laws are equal the estimate is degenerate: its variance falls
        like 1/n², which the jackknife does not know, and the error is too large: by √(1 + n/m) with very many subsets,
        with 100 of them by 1.7 at n = 2m and by 2.5 at n = 10m. ``details``: ``std`` (the s above, over the subsets,
        what the references report), ``full`` (the unbiased estimate from all samples at once), ``subset_size``.

    Raises:
        GanlibError: features that cannot be compared; fewer than 100 samples; subsets larger than a set.

    *Source*: Bińkowski et al. (2018), section 4; the error: Shao and Wu (1989).
    """
    real, fake = pair(real, fake)
    n = min(len(real), len(fake))
    enough("KID", n, LEAST, "the standard error of fewer hides what one looks for", allow_small)
    m = min(1000, max(2, n // 2)) if subset_size is None else whole("subset size", subset_size, 2, n)
    subsets = whole("subsets", subsets, 1)
    if n < 2:
        raise GanlibError(f"KID was given {n} sample; expected at least 2, since it compares pairs")
    rng, found = np.random.RandomState(seed), []
    for _ in range(subsets):
        rows = [torch.from_numpy(rng.choice(len(part), m, replace=False)) for part in (fake, real)]
        found.append(_mmd2(real.values[rows[1]], fake.values[rows[0]]))
    std = float(np.std(found))
    return Result(
        "KID",
        float(np.mean(found)),
        None if m == n or subsets < 2 else std * (m / (n - m) + 1 / subsets) ** 0.5,
        n_real=len(real),
        n_fake=len(fake),
        extractor=real.extractor,
        resizer=real.resizer,
        details={"std": std, "full": _mmd2(real.values, fake.values), "subset_size": m},
        settings=("subset_size",),
    )


def _measure(samples: Samples) -> dict[str, Any]:
    generated, real, other = samples.features
    said = {"seed": samples.seed, "allow_small": samples.allow_small}
    found, same = (kid(real, fake, **said) for fake in (generated, other))
    return replace(found, floor=same.value).table()


def _lacks(samples: Samples) -> str:
    return lacks_features(samples, lambda d, classes: LEAST)


METRICS = {
    "kid": Metric(
        "squared maximum mean discrepancy of features, smaller is better; real to real is near 0", _measure, _lacks
    )
}
