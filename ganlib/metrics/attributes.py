"""What samples show, by name: attributes beside their true shares, the class that was asked for, variety in a class.

All of these believe a reader, a classifier of classes or attributes, or take what it has read. A reader errs on real
images too: measure real test images in the same way and compare.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ganlib.data import avatars
from ganlib.errors import GanlibError, unknown
from ganlib.metrics.base import Features, Metric, Result, Samples, enough, first_order, pair, share_error, too_few
from ganlib.metrics.reading import Reader, checked_images, labels, named, read

BLOCK = 1024  # rows of a matrix of distances at once
LEAST = 100

Law = Mapping[str | tuple[str, ...], Tensor]


def avatar_law(
    tables: Sequence[str | Sequence[str]] | None = None, without: Sequence[tuple[str, Any]] = ()
) -> dict[tuple[str, ...], Tensor]:
    """The exact law that the attributes of avatars are drawn from.

    Args:
        tables: names of attributes, for the law of each, or several names, for their joint law; None for each alone.
        without: the combination of attributes that was left out, as `ganlib.load("avatars", without=...)` takes it.

    Returns:
        Names → float64 table of probabilities with one dimension per name, which sums to 1.

    Raises:
        GanlibError: no such attribute or value.
    """
    every_byte = torch.arange(256, dtype=torch.uint8).view(-1, 1).expand(-1, avatars.DRAWS)
    alone = {
        name: torch.bincount(column, minlength=len(avatars.ATTRIBUTES[name])).double() / 256
        for name, column in avatars.attributes_of(every_byte).items()
    }
    left_out = {}
    for name, value in without:
        left_out[name] = avatars.number(name, value)
    found = {}
    for names in alone if tables is None else tables:
        names = (names,) if isinstance(names, str) else tuple(names)
        for name in names:
            if name not in alone:
                raise unknown("attribute of avatars", name, alone)
        axes = list(dict.fromkeys([*names, *left_out]))
        joint = torch.ones((), dtype=torch.float64)
        for name in axes:  # attributes are independent of each other
            joint = joint.unsqueeze(-1) * alone[name]
        if left_out:
            joint[tuple(left_out.get(name, slice(None)) for name in axes)] = 0
            joint = joint.sum(tuple(range(len(names), len(axes)))) if len(axes) > len(names) else joint
            joint = joint / joint.sum()
        found[names] = joint
    return found


def attribute_tv(
    given: Any, law: Law | None = None, *, reader: Reader | None = None, allow_small: bool = False
) -> Result:
    """Total variation between the shares of attributes among samples and their true law.

    Args:
        given: attribute → values (N,) or scores (N, values), as read from N samples; or images (N, C, H, W) in [-1, 1].
        law: a name, or several for a joint table → probabilities, a dimension per name; None for each attribute that
            was read, as `avatar_law` gives it. For ten digits: ``{"digit": torch.full((10,), 0.1)}``.
        reader: images → such a mapping.
        allow_small: also for fewer than 100 samples.

    Returns:
        ½ Σ |p̂ - p|, from 0 to 1, the mean over the tables of `law`, with its standard error of first order; the
        details have each. The floor is the exact mean for N independent samples of the law.

    Raises:
        GanlibError: too few samples, attributes that were not read, or values outside the law.

    *Source*: the floor sums mean deviations of binomial laws, in de Moivre's closed form (1730), see Diaconis and
    Zabell (1991).
    """
    found = read(given, reader)
    if not isinstance(found, Mapping) or not found:
        raise GanlibError(
            f"{type(found).__name__} was read; expected a mapping of attributes to values, {{name: (N,)}}"
        )
    law = avatar_law(list(found)) if law is None else law
    if not isinstance(law, Mapping) or not law:
        raise GanlibError(f"the law {law!r} was given; expected {{name: probabilities}}, at least one")
    n, details, floors, moves = None, {}, [], []
    for names, table in law.items():
        names = (names,) if isinstance(names, str) else tuple(names)
        if table.ndim != len(names) or (table < 0).any() or abs(float(table.sum()) - 1) > 1e-6:
            raise GanlibError(
                f"the law of {', '.join(names)} is a table {tuple(table.shape)} with sum {float(table.sum()):.4g}; "
                "expected probabilities, a dimension per name"
            )
        columns = []
        for name, size in zip(names, table.shape, strict=True):
            if name not in found:
                raise unknown("attribute, of those read,", name, found)
            columns.append(labels(found[name], size, name))
            n = len(columns[-1]) if n is None else n
            if len(columns[-1]) != n:
                raise GanlibError(
                    f"{name} was read from {len(columns[-1])} samples, others from {n}; expected the same"
                )
        counts = torch.zeros(table.shape, dtype=torch.float64)
        counts.index_put_(tuple(columns), torch.ones(n, dtype=torch.float64), accumulate=True)
        excess = counts / n - table.double()
        details[" × ".join(names)] = 0.5 * excess.abs().sum().item()
        moves.append(0.5 * excess.sign()[tuple(columns)])  # the derivative by the share of this sample
        floors.append(tv_floor(n, table))
    enough("attribute_tv()", n, LEAST, "the shares of fewer are mostly chance", allow_small)
    value = sum(details.values()) / len(details)
    floor = sum(floors) / len(floors)
    error = first_order(torch.stack(moves).mean(0))
    return Result("attribute TV", value, error, n_fake=n, floor=floor, reader=named(reader), details=details)


def tv_floor(n: int, law: Tensor) -> float:
    """Mean total variation between the shares among n independent samples and their law.

    Args:
        n: samples.
        law: probabilities of any shape.

    Returns:
        ½ Σ E|X/n - p| with X of the binomial law of n and p, in closed form.
    """
    p = law.double().flatten()
    p = p[(p > 0) & (p < 1)]
    k = (n * p).floor() + 1  # E|X - np| = 2 k (1 - p) P(X = k)
    ways = math.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
    chance = (ways + k * p.log() + (n - k) * (-p).log1p()).exp()
    return (k * (1 - p) * chance).sum().item() / n


def conditional_accuracy(asked: Any, given: Any, *, reader: Reader | None = None, allow_small: bool = False) -> Result:
    """Share of samples that show what was asked for.

    Args:
        asked: labels (N,), or attribute → values (N,).
        given: what was read: labels (N,) or scores (N, classes), or attribute → these; or images (N, C, H, W) in
            [-1, 1].
        reader: images → such labels or scores, or such a mapping.
        allow_small: also for fewer than 100 samples.

    Returns:
        The share, for attributes the mean of their shares, with its standard error. Details: the share for each label
        (``class 3``) or attribute. The reader's accuracy on real images is the most that can be expected.

    Raises:
        GanlibError: numbers of labels that differ, too few, or an attribute that was not read.

    *Source*: Odena et al., AC-GAN (2017), §4.1.
    """
    found = read(given, reader)
    if isinstance(asked, Mapping):
        if not isinstance(found, Mapping) or not asked:
            raise GanlibError("attributes were asked for; expected a mapping of attributes to values to be read")
        right, details = [], {}
        for name in asked:
            if name not in found:
                raise unknown("attribute, of those read,", name, found)
            right.append(_equal(asked[name], found[name], name))
            details[name] = right[-1].mean().item()
        if len({len(column) for column in right}) > 1:
            raise GanlibError("attributes of different numbers of samples were given; expected the same number")
        right = torch.stack(right).mean(0)
    else:
        right = _equal(asked, found, "asked")
        wanted = labels(asked)
        details = {f"class {k}": right[wanted == k].mean().item() for k in wanted.unique().tolist()}
    enough("conditional_accuracy()", len(right), LEAST, "the share of fewer is mostly chance", allow_small)
    n, value = len(right), right.mean().item()
    # A share, or, of several attributes, a mean of shares, which are not independent of each other.
    error = right.std().item() / math.sqrt(n) if 0 < value < 1 else share_error(value, n)
    return Result("conditional accuracy", value, error, n_fake=n, reader=named(reader), details=details)


def discriminability(
    asked: Any, images: Tensor, sizes: Sequence[int], *, reader: Reader, allow_small: bool = False
) -> dict[int, Result]:
    """How much of what was asked for can still be seen when images lose their fine detail.

    A generator whose images owe nothing to their finer pixels loses nothing. Each image is made s pixels high and wide,
    and as large as before again, so that the reader sees the size that it knows.

    Args:
        asked: labels (N,), or attribute → values (N,).
        images: (N, C, H, W) in [-1, 1].
        sizes: s, in pixels, from 1 to the height of the images.
        reader: images → labels, scores or a mapping of attributes to these.
        allow_small: also for fewer than 100 images.

    Returns:
        s → `conditional_accuracy` of the images at that size. Measure real images in the same way beside them.

    Raises:
        GanlibError: no size or one out of range, or what `conditional_accuracy` refuses.

    *Source*: Odena et al., AC-GAN (2017), §4.1, figure 3, with an Inception network as the reader.
    """
    images = checked_images(images)
    if not sizes or not all(1 <= size <= images.shape[-1] for size in sizes):
        raise GanlibError(f"sizes={sizes} were given; expected one or more, from 1 to {images.shape[-1]} pixels")
    return {
        size: conditional_accuracy(
            asked, _resized(_resized(images, size), images.shape[-1]), reader=reader, allow_small=allow_small
        )
        for size in sizes
    }


def _resized(images: Tensor, size: int) -> Tensor:
    return interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False).clamp(-1, 1)


def within_class_diversity(
    real: Features | Tensor,
    real_labels: Tensor,
    fake: Features | Tensor,
    fake_labels: Tensor,
    *,
    allow_small: bool = False,
) -> Result:
    """How much samples of one class differ from each other, relative to real ones.

    Args:
        real: features of real samples, (N, d).
        real_labels: their classes, (N,).
        fake: features of generated samples, (M, d).
        fake_labels: the classes that were asked for, (M,).
        allow_small: also for classes of fewer than 10 samples; 2 are always needed.

    Returns:
        Mean over the classes of the ratio of two mean distances: between two different generated samples of the class,
        and between two real ones, with its standard error of first order. 1 for a perfect sampler, 0 for one image a
        class. Above 1 it may be noise: no merit. Details: the ratio of each class.

    Raises:
        GanlibError: unequal features, labels that do not fit, a class with too few samples, or real ones all equal.

    *Source*: the idea is that of Odena et al., AC-GAN (2017), §4.2, there by MS-SSIM of pixels.
    """
    real, fake = pair(real, fake)
    known = {}
    for which, features, given in (("real", real, real_labels), ("fake", fake, fake_labels)):
        known[which] = labels(given, which=which)
        if len(known[which]) != len(features):
            raise GanlibError(f"{len(features)} {which} samples have {len(known[which])} labels; expected one each")
    details, variance = {}, 0.0
    for k in known["fake"].unique().tolist():
        mean, spread = {}, 0.0
        for which, features in (("real", real), ("fake", fake)):
            rows = features.values[(known[which] == k).to(features.values.device)]
            name = f"within_class_diversity(), class {k}, {which},"
            enough(name, len(rows), 10, "it is a mean over pairs of samples", allow_small)
            if len(rows) < 2:
                raise GanlibError(f"class {k} has {len(rows)} {which} samples; expected at least 2")
            each = distances(rows)
            mean[which] = each.mean().item()
            if mean[which] > 0:
                spread += (2 * first_order(each) / mean[which]) ** 2  # a pair has two members
        if mean["real"] == 0:
            raise GanlibError(f"the real samples of class {k} are all equal; expected some variety to compare with")
        details[f"class {k}"] = mean["fake"] / mean["real"]
        variance += details[f"class {k}"] ** 2 * spread
    value, error = sum(details.values()) / len(details), variance**0.5 / len(details)
    return Result(
        "within-class diversity", value, error, len(real), len(fake), real.extractor, real.resizer, details=details
    )


def distances(rows: Tensor) -> Tensor:
    """Mean Euclidean distance of each row to the others, (N,), of (N, d) with N ≥ 2."""
    apart = [
        torch.cdist(rows[start : start + BLOCK], rows, compute_mode="donot_use_mm_for_euclid_dist").sum(1)
        for start in range(0, len(rows), BLOCK)
    ]
    return torch.cat(apart) / (len(rows) - 1)


def _equal(asked: Tensor, found: Tensor, name: str) -> Tensor:
    asked, scores = labels(asked, which=name), found
    found = labels(found, which="read")
    if scores.ndim == 2 and int(asked.max()) >= scores.shape[1]:
        raise GanlibError(f"{name} {int(asked.max())} was asked for, of {scores.shape[1]} classes that are read")
    if len(asked) != len(found):
        raise GanlibError(f"{len(asked)} labels were asked for and {len(found)} read; expected as many")
    return (asked == found).double()


def _measure(samples: Samples) -> dict[str, float | str]:
    from ganlib.metrics import features

    # The data set's own shares, not the sampler's law: a combination may have been left out.
    law = {
        name: torch.bincount(column.cpu(), minlength=len(samples.data.vocabulary[name])).double() / len(column)
        for name, column in samples.data.attributes.items()
    }
    seen = (features.attributes(features.to_bytes(images)) for images in (samples.generated, samples.real))
    made, real = (attribute_tv(values, law, allow_small=samples.allow_small) for values in seen)
    each = {
        f"{name} {of}": value for of, r in (("generated", made), ("real", real)) for name, value in r.details.items()
    }
    reader = features.identity("avatars")
    said = {"result": str(replace(made, reader=reader)), "generated": made.value, "error": made.error}
    return said | {"real": real.value, "floor": real.floor} | each | {"reader": reader}


def _lacks(samples: Samples) -> str:
    if getattr(samples.data, "name", "") != "avatars":
        return "it holds no avatars"
    return too_few(samples, LEAST)


METRICS = {
    "attributes": Metric(
        "total variation between the attributes read in the samples and the data's, mean and each; real shows what a "
        "perfect generator gets with this reader",
        _measure,
        _lacks,
    )
}
