"""Fréchet distance between Gaussians fitted to features (FID), and what it would be with samples without end.

A Gaussian is kept as its mean and a root R of its covariance, Σ = RᵀR. The trace of the matrix square root is then a
sum of singular values, tr (Σ₁Σ₂)^½ = ‖R₁R₂ᵀ‖_* (the eigenvalues of Σ₁Σ₂ are the squared singular values of R₁R₂ᵀ).
No root of a matrix is taken, so a singular covariance gives no imaginary part and loses no digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.metrics.base import Features, Metric, Result, Samples, enough, first_order, lacks_features, pair

POINTS = 15  # set sizes that FID∞ is extrapolated from, as in the authors' code


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """The squared Fréchet (2-Wasserstein) distance between two Gaussians, in float64.

    Args:
        mean1: (d,).
        cov1: (d, d), symmetric and positive semi-definite; may be singular.
        mean2: (d,).
        cov2: (d, d).

    Returns:
        |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) ≥ 0.

    Raises:
        GanlibError: shapes that do not fit, values that are not finite, or no covariance.

    *Source*: Dowson and Landau (1982); Heusel et al. (2017), eq. 6.
    """
    d = mean1.numel()
    for mean, cov in ((mean1, cov1), (mean2, cov2)):
        if tuple(mean.shape) != (d,) or tuple(cov.shape) != (d, d):
            raise GanlibError(
                f"a mean of shape {tuple(mean.shape)} and a covariance of shape {tuple(cov.shape)} were given; "
                f"expected ({d},) and ({d}, {d})"
            )
        if not (mean.isfinite().all() and cov.isfinite().all()):
            raise GanlibError("a mean or a covariance holds NaN or infinity; expected finite numbers")
    shift, spread = _distance(mean1.double(), _root(cov1), mean2.double(), _root(cov2))
    return shift + spread


def _root(cov: Tensor) -> Tensor:
    """R with RᵀR = `cov`."""
    cov = cov.double()
    values, vectors = torch.linalg.eigh((cov + cov.T) / 2)
    slack = 1e-6 * float(values.abs().max())  # what float32 leaves of a zero
    if values[0] < -slack or not torch.allclose(cov, cov.T, rtol=0, atol=slack):
        raise GanlibError(
            f"a matrix with smallest eigenvalue {float(values[0]):.3g} was given; expected a covariance, symmetric "
            "and without negative eigenvalues"
        )
    return values.clamp(min=0).sqrt()[:, None] * vectors.T


def _gaussian(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of the rows, and a root of their covariance with the divisor n − 1, as in the reference."""
    mean = values.mean(0)
    return mean, torch.linalg.qr((values - mean) / (len(values) - 1) ** 0.5, mode="r").R


def _distance(mean1: Tensor, root1: Tensor, mean2: Tensor, root2: Tensor) -> tuple[float, float]:
    """Both terms: what the means differ by, and what the covariances differ by."""
    overlap = torch.linalg.svdvals(root1 @ root2.T).sum()
    spread = root1.square().sum() + root2.square().sum() - 2 * overlap
    return float((mean1 - mean2).square().sum()), max(float(spread), 0.0)  # below 0 by rounding only


def _influences(
    one: tuple[Tensor, Tensor], two: tuple[Tensor, Tensor], real: Tensor | None, fake: Tensor
) -> list[Tensor]:
    """How much each sample moves the distance, to first order; of the real ones if they are there.

    The derivative by Σ₂ is I − T with T = R₁ᵀ(R₁Σ₂R₁ᵀ)^(−½)R₁, the linear map that makes Σ₂ into Σ₁ (and as many by
    Σ₁, with both exchanged); by μ₂ it is 2(μ₂ − μ₁).
    """
    (mean1, root1), (mean2, root2) = one, two
    left, s, right = torch.linalg.svd(root1 @ root2.T, full_matrices=False)
    inverse = torch.where(s > 1e-12 * s.max(), 1 / s, 0.0)

    def moves(values: Tensor, mean: Tensor, away: Tensor, root: Tensor, side: Tensor) -> Tensor:
        x = values - mean
        return x.square().sum(1) - ((x @ root.T @ side) ** 2 * inverse).sum(1) + 2 * x @ (mean - away)

    found = [moves(fake, mean2, mean1, root1, left)]
    return found if real is None else [*found, moves(real, mean1, mean2, root2, right.T)]


def _reference(real: Any, fake: Features | Tensor) -> tuple[int, tuple[Tensor, Tensor], Features, Features]:
    """n, the Gaussian, and both sets of features; of stored statistics, the mean stands for the real ones."""
    if not hasattr(real, "covariance"):
        real, fake = pair(real, fake)
        return len(real), _gaussian(real.values), real, fake
    if real.mean.ndim != 1 or real.covariance.shape != (len(real.mean), len(real.mean)):
        raise GanlibError(
            f"statistics of shapes {tuple(real.mean.shape)} and {tuple(real.covariance.shape)} were given; expected a "
            "mean (d,) and a covariance (d, d)"
        )
    if not real.covariance.isfinite().all():
        raise GanlibError("a covariance with NaN or infinity was given; expected finite numbers")
    mean, fake = pair(Features(real.mean[None], real.extractor, real.resizer), fake)
    return real.n, (mean.values[0], _root(real.covariance.to(mean.values.device))), mean, fake


def fid(
    real: Features | Tensor | Any,
    fake: Features | Tensor,
    *,
    other: Features | Tensor | None = None,
    floor: bool = True,
    seed: int = 0,
    allow_small: bool = False,
) -> Result:
    """Fréchet distance between Gaussians fitted to real and to generated features; smaller is better.

    FID is too large on average, by about a/n_real + b/n_fake with a and b of the order of the trace of the covariance
    times its rank: compare only equal n. The floor says what real samples get, so that much of an FID is no fault:

    * with `other`, the FID of `real` against as many of the `other` real samples as there are generated ones. Its
      expectation is exactly what a perfect generator gets.
    * without, `real` is cut at random into two halves, and their FID is scaled by (1/n_real + 1/n_fake) / (4/n_real).
      Right to first order in 1/n: for Gaussian features within 3 % if both sets have 2d samples or more, but 10 % and
      more too low near n = d, where there is none therefore. It is as random as an FID is.

    Args:
        real: (N, d) features of real images, or their stored statistics: whatever has ``mean``, ``covariance``, ``n``,
            ``extractor`` and ``resizer``. Statistics cannot be halved: they have a floor with `other` only.
        fake: (M, d) features of generated images.
        other: features of other real images, at least as many as `fake`.
        floor: compute the floor; False saves half of the time.
        seed: of the halves.
        allow_small: accept n ≤ d.

    Returns:
        A result with ``details["means"]`` and ``details["covariances"]``, the two terms. Its standard error is that of
        first order; it is too small near the floor, and None for n ≤ d. With statistics it is that of the generated
        images alone.

    Raises:
        GanlibError: features that cannot be compared; fewer than d + 1 samples; fewer of `other` than of `fake`.

    *Source*: Heusel et al. (2017), eq. 6; its bias: Bińkowski et al. (2018), appendix D; Chong and Forsyth (2020).
    """
    n_real, given, real, fake = _reference(real, fake)
    _enough("FID", min(n_real, len(fake)), real.values.shape[1], allow_small)
    gaussian = _gaussian(fake.values)
    means, covariances = _distance(*given, *gaussian)
    lowest = why = error = None
    if min(n_real, len(fake)) > real.values.shape[1]:
        rows = real.values if n_real == len(real) else None
        error = first_order(*_influences(given, gaussian, rows, fake.values))
    half = 2 * max(2, real.values.shape[1])
    if other is not None:
        other = pair(real, other)[1]
        if len(other) < len(fake):
            raise GanlibError(
                f"other holds {len(other)} samples; expected at least {len(fake)}, as many as there are generated ones"
            )
        lowest = sum(_distance(*given, *_gaussian(other.values[: len(fake)])))
    elif floor and n_real != len(real):
        why = "statistics cannot be halved and other= was not given"
    elif floor and min(n_real, len(fake)) < half:
        why = f"halves need {half} samples and other= was not given"
    elif floor:
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(real))).to(real.values.device)
        one, two = (_gaussian(real.values[rows]) for rows in order.chunk(2))
        lowest = sum(_distance(*one, *two)) * (1 / len(real) + 1 / len(fake)) / (4 / len(real))
    return Result(
        "FID",
        means + covariances,
        error,
        n_real=n_real,
        n_fake=len(fake),
        extractor=real.extractor,
        resizer=real.resizer,
        floor=lowest,
        no_floor=why,
        details={"means": means, "covariances": covariances},
    )


def fid_infinity(
    real: Features | Tensor | Any,
    fake: Features | Tensor,
    *,
    points: int = POINTS,
    least: int | None = None,
    seed: int = 0,
    allow_small: bool = False,
) -> Result:
    """FID extrapolated to generated samples without end: the intercept of a line through FID over 1/n_fake.

    The bias that comes from the finite number of *real* samples stays in.

    Args:
        real: (N, d) features of real images, or their statistics; all of them are used at every point.
        fake: (M, d) features of generated images, of which random subsets are drawn.
        points: subset sizes, evenly spaced from `least` to M; at least 3.
        least: smallest size; None for M/10, but no less than 5d (with fewer samples the law is no line).
        seed: of the subsets.
        allow_small: accept fewer than 10d samples.

    Returns:
        A result whose error is the standard error of the fitted intercept (of the fit only: the subsets overlap), with
        ``details["slope"]`` and ``details["FID"]``, that of all samples.

    Raises:
        GanlibError: features that cannot be compared; fewer than 10d samples; sizes that do not fit.

    *Source*: Chong and Forsyth (2020), algorithm 1, and their code (without its quasi-random latents).
    """
    n_real, given, real, fake = _reference(real, fake)
    n, d = len(fake), real.values.shape[1]
    _enough("FID∞", n_real, d, allow_small)
    enough("FID∞", n, 10 * d, f"below 5d samples FID in {d} dimensions is no line over 1/n", allow_small)
    least = max(n // 10, min(5 * d, n // 2)) if least is None else least
    if points < 3 or not 2 <= least <= n - points:
        raise GanlibError(
            f"points={points} and least={least} were given; expected at least 3 sizes from 2 to {n} samples"
        )
    rng, found = np.random.default_rng(seed), []
    sizes = np.linspace(least, n, points).astype(int)
    for size in sizes:
        rows = torch.from_numpy(rng.permutation(n)[:size]).to(fake.values.device)
        found.append(sum(_distance(*given, *_gaussian(fake.values[rows]))))
    (slope, intercept), errors = np.polyfit(1 / sizes, found, 1, cov=True)
    return Result(
        "FID∞",
        float(intercept),
        float(errors[1, 1] ** 0.5),
        n_real=n_real,
        n_fake=n,
        extractor=real.extractor,
        resizer=real.resizer,
        details={"slope": float(slope), "FID": found[-1]},
    )


def _enough(name: str, n: int, d: int, allow_small: bool) -> None:
    why = f"the covariance of n samples has rank n - 1 at most, and the features have {d} dimensions"
    enough(name, n, d + 1, why, allow_small)
    if n < 2:
        raise GanlibError(f"{name} was given {n} sample; expected at least 2, since one has no covariance")


def _measure(samples: Samples) -> dict[str, Any]:
    generated, real, other = samples.features
    return fid(real, generated, other=other, allow_small=samples.allow_small).table()


def _lacks(samples: Samples) -> str:
    return lacks_features(samples, lambda d, classes: d + 1)


METRICS = {
    "fid": Metric(
        "distance between Gaussians fitted to features, smaller is better; real to real is the floor", _measure, _lacks
    )
}
