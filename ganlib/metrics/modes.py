"""How many of the modes of a known law a generator has found, and how evenly.

Three questions, since each alone can be fooled: how many modes have a sample at all (one lucky one is enough), what
share of the samples is near a mode (a single perfect mode has it all), and how far the shares of the modes are from the
truth (the reverse Kullback-Leibler divergence). None of them reaches its best value for a perfect sampler with finitely
many samples; ceilings and floors stand beside the results.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganlib.data.toy import GaussianMixture
from ganlib.errors import GanlibError
from ganlib.metrics.base import Features, Metric, Result, Samples, as_features, enough, too_few
from ganlib.metrics.reading import Reader, checked_images, labels, named, read

EACH = 10  # expected samples of a mode, without which a perfect sampler too would often miss one
DIGITS = 10


def mode_coverage(
    samples: Features | Tensor, law: GaussianMixture, *, radius: float = 3.0, allow_small: bool = False
) -> Result:
    """Modes of a mixture of Gaussians that samples have found.

    A sample belongs to its nearest mode, in standard deviations of that mode (the Mahalanobis distance), and is of high
    quality if it is nearer than `radius`. A mode counts if one sample of high quality belongs to it. The ceiling and
    the floor hold for modes further than 2 · `radius` apart, as those of the ring and the grid are.

    Args:
        samples: (N, d), in the law's units.
        law: e.g. ``ganlib.load("ring")``.
        radius: in standard deviations.
        allow_small: also for fewer than 10 expected samples of the rarest mode.

    Returns:
        The number of modes counted. Details: ``modes`` there are; ``at least half``: modes with half of their expected
        count or more; ``high quality``: share of all samples, and ``high quality ceiling``, that of a perfect sampler,
        98.89 % for 3 in the plane; ``reverse KL`` of the shares among samples of high quality to the truth, in nats
        (NaN if there are none), and ``reverse KL floor``, its mean for a perfect sampler.

    Raises:
        GanlibError: a law without Gaussian modes, points of another dimension, too few, or not finite.

    *Source*: Lin et al., PacGAN (2018), its experiments with synthetic data and the code published with it; the rule
    of one sample within three standard deviations is that of Srivastava et al., VEEGAN (2017).
    """
    if not isinstance(law, GaussianMixture):
        raise GanlibError(f"the law {law!r} was given; expected a mixture of Gaussians, such as ring, grid, mixture-1d")
    if not radius > 0:
        raise GanlibError(f"radius={radius} standard deviations was given; expected a number above 0")
    points = as_features(samples, "generated").values.cpu()
    if points.shape[1:] != law.shape:
        raise GanlibError(f"points of {points.shape[1]} numbers were given; {law.name} has points of {law.shape[0]}")
    weights = law.weights.cpu().double()
    enough("mode_coverage()", len(points), _needed(weights), "a perfect sampler would miss modes", allow_small)
    apart = torch.cdist(points, law.modes.cpu().double(), compute_mode="donot_use_mm_for_euclid_dist")
    nearest, mode = (apart / law.std.cpu().double()).min(1)
    counts = torch.bincount(mode[nearest < radius], minlength=len(weights))
    # The squared radius of a Gaussian in d dimensions is chi-squared: in the plane this is 1 - exp(-radius² / 2).
    ceiling = torch.special.gammainc(torch.tensor(law.shape[0] / 2).double(), torch.tensor(radius**2 / 2).double())
    found = _result("modes", counts, len(points), weights, float(ceiling))
    return replace(found, details=found.details | {"radius": radius}, settings=("radius",))


def stacked_coverage(images: Tensor, classifier: Reader, *, allow_small: bool = False) -> Result:
    """Classes of stacked digits that images show, of 1,000.

    A classifier of digits reads each channel; the three digits are the image's class. Every image counts, since it is
    always of some class: what is no digit must be found by another metric.

    Args:
        images: (N, 3, H, W) in [-1, 1].
        classifier: one-channel images (M, 1, H, W) in [-1, 1] → digits (M,) or scores (M, 10).
        allow_small: also for fewer than 10,000 images; the published setting has 26,000.

    Returns:
        The number of classes that at least one image shows. Details as of `mode_coverage`, without quality: ``modes``,
        ``at least half``, ``reverse KL`` to equal shares and ``reverse KL floor``. The classifier's mistakes can hide
        a class or add one; measure test images beside. MNIST's digits are not equally frequent, which alone costs
        a reverse KL of 0.0043.

    Raises:
        GanlibError: images of another shape, range or number of channels, too few, or an answer that is no digit.

    *Source*: the experiments with stacked MNIST of Srivastava et al., VEEGAN (2017), and Lin et al., PacGAN (2018).
    """
    images = checked_images(images)
    if images.shape[1] != 3:
        raise GanlibError(f"images of {images.shape[1]} channels were given; expected three, one a digit")
    weights = torch.full((DIGITS**3,), 1 / DIGITS**3, dtype=torch.float64)
    enough("stacked_coverage()", len(images), _needed(weights), "a perfect sampler would miss classes", allow_small)
    digits = labels(read(images.flatten(0, 1).unsqueeze(1), classifier), DIGITS)
    if len(digits) != 3 * len(images):
        raise GanlibError(f"the classifier gave {len(digits)} answers for {3 * len(images)} images; expected one each")
    classes = (digits.view(-1, 3) * torch.tensor([DIGITS**2, DIGITS, 1])).sum(1)
    counts = torch.bincount(classes, minlength=DIGITS**3)
    return _result("stacked modes", counts, len(images), weights, reader=named(classifier))


def reverse_kl(counts: Tensor, weights: Tensor) -> float:
    """KL(p̂ ‖ p) of the shares p̂ that were counted to the true ones p, in nats.

    Args:
        counts: (K,) numbers of samples.
        weights: (K,) probabilities, all above 0.

    Returns:
        Σ p̂ log(p̂ / p), 0 for the true shares; NaN if nothing was counted.
    """
    shares = counts.double() / counts.sum()
    return (torch.special.xlogy(shares, shares) - torch.special.xlogy(shares, weights.double())).sum().item()


def reverse_kl_floor(n: int, weights: Tensor) -> float:
    """Mean of `reverse_kl` over n independent samples of the true law: what a perfect sampler gets.

    Nearly (K - 1) / 2n, of which this is the exact value: with X of the binomial law of n and p, Σ E[X/n log(X / np)].

    Args:
        n: samples, 1 or more.
        weights: (K,) probabilities.
    """
    if n < 1:
        raise GanlibError(f"n={n} samples were given; expected at least 1")
    total = 0.0
    # x · Bin(x; n, p) = np · Bin(x - 1; n - 1, p), which leaves the binomial law of one sample less.
    rest = torch.arange(n, dtype=torch.float64)
    last = torch.tensor(n - 1.0, dtype=torch.float64)
    ways = torch.lgamma(last + 1) - torch.lgamma(rest + 1) - torch.lgamma(last - rest + 1)
    for p, times in zip(*weights.double().unique(return_counts=True), strict=True):
        chance = (ways + torch.special.xlogy(rest, p) + torch.special.xlog1py(last - rest, -p)).exp()
        total += (times * p * (chance * ((rest + 1) / (n * p)).log()).sum()).item()
    return total


def _needed(weights: Tensor) -> int:
    # Rounded before it is rounded up, since 1/25 in float32 is a little less than 1/25.
    return math.ceil(round(EACH / weights.min().item(), 3))


def _result(
    name: str, counts: Tensor, n: int, weights: Tensor, ceiling: float | None = None, reader: str | None = None
) -> Result:
    details = {
        "modes": len(weights),
        "at least half": int((counts >= 0.5 * n * weights).sum()),
        "reverse KL": reverse_kl(counts, weights),
        "reverse KL floor": reverse_kl_floor(max(1, round(n * (ceiling or 1))), weights),
    }
    if ceiling is not None:
        details |= {"high quality": counts.sum().item() / n, "high quality ceiling": ceiling}
    shown = tuple(part for part in ("at least half", "high quality", "reverse KL") if part in details)
    return Result(name, float((counts > 0).sum()), n_fake=n, details=details, shown=shown, reader=reader)


def _table(generated: Result, real: Result) -> dict[str, Any]:
    fixed = ("modes", "reverse KL floor", "high quality ceiling", *generated.settings)  # do not depend on the samples
    said: dict[str, Any] = {"result": str(generated)}
    said |= {name: value for name, value in real.details.items() if name in fixed}
    for of, result in (("generated", generated), ("real", real)):
        said[f"counted {of}"] = int(result.value)
        for name, value in result.details.items():
            if name not in fixed:
                said[f"{name} {of}"] = None if math.isnan(value) else value  # JSON knows no NaN
    return said


def _measure(samples: Samples) -> dict[str, Any]:
    return _table(
        *(
            mode_coverage(points, samples.data, allow_small=samples.allow_small)
            for points in (samples.generated, samples.real)
        )
    )


def _lacks(samples: Samples) -> str:
    if not isinstance(samples.data, GaussianMixture):
        return "it is no mixture with known modes"
    return too_few(samples, _needed(samples.data.weights))


def _measure_stacked(samples: Samples) -> dict[str, Any]:
    from ganlib.metrics import features

    def digits(images: Tensor) -> Tensor:
        return features.extract(features.to_bytes(images), "digits").logits

    both = (features.to_bytes(images) for images in (samples.generated, samples.real))
    found = (stacked_coverage(images, digits, allow_small=samples.allow_small) for images in both)
    return _table(*found) | {"reader": features.identity("digits")}


def _lacks_stacked(samples: Samples) -> str:
    if getattr(samples.data, "name", "") != "stacked-digits":
        return "it holds no stacked digits"
    return too_few(samples, EACH * DIGITS**3)


METRICS = {
    "modes": Metric(
        "modes with a sample within 3 standard deviations, with half of their expected samples, share of samples "
        "within 3, reverse KL of the modes' shares to the truth; real shows what a perfect generator gets",
        _measure,
        _lacks,
    ),
    "stacked-modes": Metric(
        "classes of 1,000 that a reader of digits sees, with half of their expected images, reverse KL of their shares "
        "to equal ones; real shows what a perfect generator gets",
        _measure_stacked,
        _lacks_stacked,
    ),
}
