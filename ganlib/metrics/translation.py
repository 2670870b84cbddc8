"""Translations against the hidden truth: what the procedural pairs know of every picture in the other domain.

A translation is right if it leaves the background alone, keeps the animal's outline, looks like the other domain and
keeps what is determined. Each alone is fooled: the identity keeps the background and the outline, and one and the same
zebra for every horse is of the right domain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganlib.data.domains import Domains, Truth
from ganlib.data.images import Images, whole
from ganlib.errors import GanlibError, unknown
from ganlib.metrics.attributes import conditional_accuracy
from ganlib.metrics.base import Result, enough, jackknife
from ganlib.metrics.classifier import Classifier, train_classifier
from ganlib.metrics.reading import Reader, checked_images, labels, named, read

LEAST = 30


def background_error(source: Tensor, translated: Tensor, truth: Truth, *, allow_small: bool = False) -> Result:
    """How far the background moved, where the right answer is known to the byte: not at all.

    Args:
        source: (N, C, H, W) in [-1, 1], the images that were translated.
        translated: (N, C, H, W) in [-1, 1].
        truth: of the source, ``domains.truth(side, index)``; its mask says what is no background.
        allow_small: also for fewer than 30 images.

    Returns:
        Mean over images of the mean absolute difference outside the mask, in parts of the range from black to white,
        with its standard error.

    Raises:
        GanlibError: images that do not fit each other or the truth, or masks that leave no background.
    """
    source, translated, mask = _fitting(source, translated, truth)
    enough("background_error()", len(source), LEAST, "scenes differ", allow_small)
    outside = (~mask).expand_as(source).double()
    if bool((outside.flatten(1).sum(1) == 0).any()):
        raise GanlibError("the truth says that a whole image may change; expected masks that leave a background")
    moved = (translated.double() - source.double()).abs() / 2 * outside
    return _mean("background error", moved.flatten(1).sum(1) / outside.flatten(1).sum(1))


def silhouette_iou(given: Any, truth: Truth, *, reader: Reader, allow_small: bool = False) -> Result:
    """Whether the animal has its outline: intersection over union of where a reader sees it and where it must be.

    Pixels that may or may not be the animal's do not count: its rim, and where only one of the two animals of a scene
    is, as the upright mane of a zebra.

    Args:
        given: images (N, C, H, W) in [-1, 1], the translations.
        truth: of the source, ``domains.truth(side, index)``: the animal must be in its silhouette, and not outside of
            its mask.
        reader: images → bool (N, 1, H, W), where the animal is, or logits, above 0 there; see `train_segmenter`.
        allow_small: also for fewer than 30 images.

    Returns:
        Mean over images of the IoU with its standard error, and as what real images get that of the hidden
        counterparts, which is how well the reader reads. The identity gets as much.

    Raises:
        GanlibError: images that do not fit the truth, a truth without silhouettes, or a reader of something else.
    """
    given = checked_images(given, "translated")
    if given.shape != truth.images.shape:
        raise GanlibError(
            f"translated and true images have shapes {tuple(given.shape)} and {tuple(truth.images.shape)}; expected "
            "the same"
        )
    if truth.silhouette is None:
        raise GanlibError("this truth knows no silhouettes; expected one of drawn animals")
    enough("silhouette_iou()", len(given), LEAST, "scenes differ", allow_small)
    inside, outside = truth.silhouette.cpu(), ~truth.mask.cpu()

    def iou(images: Tensor) -> Tensor:
        seen = read(images, reader).cpu()
        if seen.shape != inside.shape:
            raise GanlibError(f"silhouettes of shape {tuple(seen.shape)} were read; expected {tuple(inside.shape)}")
        seen = seen > 0
        both, either = seen & inside, inside | (seen & outside)
        return both.flatten(1).sum(1).double() / either.flatten(1).sum(1).clamp(min=1)

    made = _mean("silhouette IoU", iou(given))
    real = iou(truth.images.to(given.device)).mean().item()
    return replace(made, floor=real, reader=named(reader), rises=True)


def cycle_error(source: Tensor, back: Tensor, *, allow_small: bool = False) -> Result:
    """How far images are from themselves, once translated there and back.

    Args:
        source: (N, C, H, W) in [-1, 1].
        back: (N, C, H, W) in [-1, 1], the translations of their translations. If these were blurred or noised before,
            the error says what of the source was hidden where that has destroyed it.
        allow_small: also for fewer than 30 images.

    Returns:
        Mean over images of the mean absolute difference, in parts of the range from black to white, with its standard
        error.

    Raises:
        GanlibError: images that do not fit each other.
    """
    source, back = checked_images(source, "source"), checked_images(back, "translated back").to(source.device)
    if source.shape != back.shape:
        raise GanlibError(
            f"source and images translated back have shapes {tuple(source.shape)} and {tuple(back.shape)}; expected "
            "the same"
        )
    enough("cycle_error()", len(source), LEAST, "scenes differ", allow_small)
    return _mean("cycle error", (back.double() - source.double()).abs().flatten(1).mean(1) / 2)


def domain_classifier(domains: Domains, steps: int = 300, *, seed: int = 0) -> Classifier:
    """A reader for `domain_accuracy`: it tells images of domain a (0) from those of b (1) and from what is neither.

    Args:
        domains: what it learns from.
        steps: see `train_classifier`.
        seed: see `train_classifier`.
    """
    labels = [torch.full((len(images),), label) for label, images in enumerate((domains.a, domains.b))]
    pixels = torch.cat([domains.a.pixels, domains.b.pixels])
    return train_classifier(Images(pixels, labels=torch.cat(labels), name=domains.name), steps, seed=seed)


def domain_accuracy(given: Any, domain: int, *, reader: Reader | None = None, allow_small: bool = False) -> Result:
    """Share of translations that a reader takes for images of the domain they were translated to.

    Args:
        given: images (N, C, H, W) in [-1, 1], or what was read: domains (N,) or scores (N, 2).
        domain: the number that the reader gives the target domain.
        reader: images → domains or scores.
        allow_small: also for fewer than 100 images.

    Returns:
        The share with its standard error.

    Raises:
        GanlibError: images without a reader, too few, or an answer that is no domain.
    """
    found = read(given, reader, "translated")
    asked = torch.full_like(labels(found, which="translated"), whole("domain", domain, 0))
    made = conditional_accuracy(asked, found, allow_small=allow_small)
    return Result("domain accuracy", made.value, made.error, n_fake=made.n_fake, reader=named(reader))


def factor_agreement(given: Any, truth: Truth, *, reader: Reader | None = None, allow_small: bool = False) -> Result:
    """Whether translations keep the factors that their input determines.

    Args:
        given: factor → values (N,) or scores (N, values), as read from the translations; or images (N, C, H, W) in
            [-1, 1]. As many of ``truth.determined`` as the reader knows; others are refused.
        truth: of the source, ``domains.truth(side, index)``.
        reader: images → such a mapping.
        allow_small: also for fewer than 30 images; 2 are needed for a factor that is a number.

    Returns:
        The mean over the factors, with a standard error; the details have them one by one: for values with a name the
        share that is equal, for numbers the concordance correlation, 1 only for equal numbers, 0 for unrelated or
        constant ones.

    Raises:
        GanlibError: a factor that is not determined, or as many values as do not fit the truth.

    *Source*: concordance correlation: Lin (1989).
    """
    found = read(given, reader, "translated")
    if not isinstance(found, Mapping) or not found:
        raise GanlibError(f"{type(found).__name__} was read; expected a mapping of factors to values, {{name: (N,)}}")
    details, each, n = {}, [], len(truth.images)
    enough("factor_agreement()", n, LEAST, "scenes differ", allow_small)
    for name, values in found.items():
        if name not in truth.determined:
            raise unknown("determined factor", name, truth.determined)
        true = truth.attributes[name].cpu()
        if not isinstance(values, Tensor) or len(values) != n:
            raise GanlibError(f"{name} was read from another number of images than the {n} of the truth")
        if true.is_floating_point():
            details[name] = concordance(values, true, name)
            each.append(lambda rows, v=values, true=true: concordance(v[rows.to(v.device)], true[rows]))
        else:
            equal = (labels(values, which=name) == true).double()
            details[name] = equal.mean().item()
            each.append(lambda rows, equal=equal: equal[rows].mean().item())
    value = sum(details.values()) / len(details)
    error = jackknife(lambda rows: sum(one(rows) for one in each) / len(each), n) if n >= LEAST else None
    return Result("factor agreement", value, error, n_fake=n, reader=named(reader), details=details)


def concordance(read: Tensor, true: Tensor, name: str = "numbers") -> float:
    """Lin's concordance correlation of two rows of numbers, from -1 to 1.

    Args:
        read: (N,), N ≥ 2.
        true: (N,).
        name: what errors call them.
    """
    read, true = read.detach().cpu().double(), true.detach().cpu().double()
    if read.shape != true.shape or read.ndim != 1 or len(read) < 2 or not read.isfinite().all():
        raise GanlibError(
            f"{name} of shape {tuple(read.shape)} was read; expected {len(true)} finite numbers, 2 or more"
        )
    spread = read.var(correction=0) + true.var(correction=0) + (read.mean() - true.mean()) ** 2
    if spread == 0:  # all numbers of both are one and the same
        return 1.0
    return (2 * ((read - read.mean()) * (true - true.mean())).mean() / spread).item()


def _fitting(source: Tensor, translated: Tensor, truth: Truth) -> tuple[Tensor, Tensor, Tensor]:
    source, translated = checked_images(source, "source"), checked_images(translated, "translated")
    if source.shape != translated.shape or source.shape != truth.images.shape:
        raise GanlibError(
            f"source, translated and true images have shapes {tuple(source.shape)}, {tuple(translated.shape)} and "
            f"{tuple(truth.images.shape)}; expected the same"
        )
    return source, translated.to(source.device), truth.mask.to(source.device)


def _mean(name: str, each: Tensor) -> Result:
    error = each.std().item() / math.sqrt(len(each)) if len(each) > 1 else None
    return Result(name, each.mean().item(), error, n_fake=len(each))
