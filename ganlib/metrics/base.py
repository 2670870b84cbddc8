"""What a metric is given, what it is, and what it says."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ganlib.data.images import Images
from ganlib.errors import GanlibError

LARGEST = 1e35  # of a feature: a sixth power, as KID takes, still has room in float64


@dataclass(frozen=True)
class Samples:
    """What a metric is given; all tensors on the CPU.

    Attributes:
        data: the data set, for metrics that train something on it.
        generated: (n, *shape), images in [-1, 1].
        real: as many real ones.
        other: as many other real ones: between these two lies what a perfect generator would get.
        seed: for what the metric draws itself.
        extractor: of the features; ``"auto"`` for the one that is meant for the data.
        allow_small: measure with fewer samples than a metric asks for, wherever it can be computed at all.
        unseen: numbers of the images of `data` that are not among `real`, for metrics that train; None for all of them.
        features: of the generated, the real and the other samples, computed once for all metrics.
    """

    data: Any
    generated: Tensor
    real: Tensor
    other: Tensor
    seed: int
    extractor: str = "auto"
    allow_small: bool = False
    unseen: Tensor | None = None

    @functools.cached_property
    def _features(self) -> tuple[Features, Features, Features] | GanlibError:
        from ganlib.metrics import features

        # As bytes: what a game makes is in [-1, 1], even where all of it is white and could be taken for [0, 1].
        sets = (features.to_bytes(images) for images in (self.generated, self.real, self.other))
        try:
            return tuple(features.extract(pixels, self.extractor, data=self.data) for pixels in sets)
        except GanlibError as reason:  # kept: the next metric must not wait for the same download in vain
            return reason

    @property
    def features(self) -> tuple[Features, Features, Features]:
        """As said above; raises what `ganlib.metrics.features.extract` raises."""
        if isinstance(self._features, GanlibError):
            raise self._features
        return self._features

    @property
    def extracted(self) -> tuple[Features, Features, Features] | None:
        """The features, if a metric has asked for them and they could be had."""
        found = vars(self).get("_features")
        return None if isinstance(found, GanlibError) else found


@dataclass(frozen=True)
class Metric:
    """An entry of a table ``METRICS``.

    Attributes:
        about: one line: what it is computed from, and which way is better.
        measure: samples → numbers by name, those of ``real`` beside those of ``generated``.
        lacks: samples → why it cannot be computed on them, or "".
    """

    about: str
    measure: Callable[[Samples], dict[str, Any]]
    lacks: Callable[[Samples], str]


@dataclass(frozen=True, eq=False)
class Features:
    """What an extractor made of images, and from what.

    Attributes:
        values: (N, d), one row an image.
        extractor: name of the network, ``"given"`` for numbers that came without one.
        resizer: what brought the images to the extractor's size, ``"none"`` if they had it; None if nobody said.
        logits: (N, classes) if the extractor has them.
    """

    values: Tensor
    extractor: str = "given"
    resizer: str | None = None
    logits: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> Features:
        """Some rows: a slice, or a tensor of indices."""
        logits = None if self.logits is None else self.logits[rows]
        return Features(self.values[rows], self.extractor, self.resizer, logits)


@dataclass(frozen=True)
class Result:
    """What a metric found; prints as one line with what it was computed from.

    Attributes:
        name: of the metric, as it is printed.
        value: what was found.
        error: its standard error; None where none is known.
        n_real: real samples; None where the metric looks at none.
        n_fake: generated samples.
        extractor: of the features; None for a metric on the samples themselves.
        resizer: of the features; None for a metric on the samples themselves.
        floor: what real samples get against other real ones; None where it was not computed.
        no_floor: why there is no floor, where one was asked for; the line says it.
        reader: what read the samples, for a metric on labels or attributes; None if that is not known.
        details: more numbers, by name.
        shown: names of the details that the line shows too.
        settings: names of the details that the value depends on; the line ends with them.
        rises: larger is better; what real samples get is then no floor, and the line calls it ``real``.
    """

    name: str
    value: float
    error: float | None = None
    n_real: int | None = None
    n_fake: int = 0
    extractor: str | None = None
    resizer: str | None = None
    floor: float | None = None
    reader: str | None = None
    details: dict[str, float] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    no_floor: str | None = None
    rises: bool = False

    def __float__(self) -> float:
        return self.value

    def table(self) -> dict[str, Any]:
        """What an entry of ``METRICS`` returns: the line, and its numbers by name."""
        numbers = {"generated": self.value, "error": self.error, "real": self.floor}
        numbers |= {name: self.details[name] for name in (*self.shown, *self.settings)}
        return {"result": str(self)} | {name: number for name, number in numbers.items() if number is not None}

    def __str__(self) -> str:
        error = "" if self.error is None else f" ± {self.error:.2g}"
        floor = self.no_floor and f"none: {self.no_floor}" if self.floor is None else f"{self.floor:.3g}"
        parts = {name: f"{self.details[name]:.4g}" for name in self.shown} | {
            "n_real": self.n_real,
            "n_fake": self.n_fake,
            "features": self.extractor,
            "resizer": self.resizer,
            "reader": self.reader,
            "real" if self.rises else "floor": floor,
        }
        for name in self.settings:
            setting = self.details[name]
            parts[name] = setting if isinstance(setting, int) else f"{setting:.4g}"
        told = ", ".join(f"{name} {part}" for name, part in parts.items() if part is not None)
        return f"{self.name} {self.value:.4g}{error} ({told})"


def as_features(given: Features | Tensor, which: str) -> Features:
    """One set of features in float64, or a refusal.

    Args:
        given: features, or a tensor (N, d), which counts as features ``"given"``.
        which: what the error calls them, e.g. ``"fake"``.

    Returns:
        Features with float64 values (and logits), without a gradient, on the device they came from.

    Raises:
        GanlibError: no tensor, another shape than (N, d), an empty set, or values that are not finite.
    """
    given = given if isinstance(given, Features) else Features(given)
    if not isinstance(given.values, Tensor):
        raise GanlibError(f"the {which} features are a {type(given.values).__name__}; expected Features or a tensor")
    if given.values.ndim != 2 or not given.values.numel():
        raise GanlibError(
            f"the {which} features have shape {tuple(given.values.shape)}; expected (N, d) with at least one row"
        )
    if given.values.is_complex():
        raise GanlibError(f"the {which} features are complex numbers; expected real ones")
    values, logits = _double(given.values), None if given.logits is None else _double(given.logits)
    for what, tensor in (("features", values), ("logits", logits)):
        if tensor is not None and (bad := int((~tensor.isfinite()).any(1).sum())):
            raise GanlibError(f"{bad} of {len(tensor)} {which} {what} hold NaN or infinity; expected finite numbers")
    if (largest := float(values.abs().max())) > LARGEST:
        raise GanlibError(f"the {which} features reach {largest:.3g}; expected no more than {LARGEST:.0e}")
    return Features(values, given.extractor, given.resizer, logits)


def _double(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()  # Apple's GPUs know no float64


def pair(real: Features | Tensor, fake: Features | Tensor) -> tuple[Features, Features]:
    """Two sets of features that may be compared, in float64 and on the device of `real`, or a refusal.

    Args:
        real: features, or a tensor (N, d).
        fake: features, or a tensor (M, d).

    Raises:
        GanlibError: what `as_features` refuses; different dimensions, extractors or resizers; integers beside floats,
            which are pixels in two units.
    """
    given = [part.values if isinstance(part, Features) else part for part in (real, fake)]
    kinds = [part.dtype for part in given if isinstance(part, Tensor)]
    if len({kind.is_floating_point for kind in kinds if not kind.is_complex}) > 1:
        said = " and ".join(str(kind).removeprefix("torch.") for kind in kinds)
        raise GanlibError(f"real and fake samples of the types {said} were given; expected both in the same units")
    real, fake = as_features(real, "real"), as_features(fake, "fake")
    for what, one, two in (
        ("dimension", real.values.shape[1], fake.values.shape[1]),
        ("extractor", real.extractor, fake.extractor),
        ("resizer", real.resizer, fake.resizer),
    ):
        if one != two:
            raise GanlibError(f"the real features have {what} {one!r}, the fake ones {two!r}; expected the same")
    logits = None if fake.logits is None else fake.logits.to(real.values.device)
    return real, Features(fake.values.to(real.values.device), fake.extractor, fake.resizer, logits)


def share_error(share: float, n: int) -> float:
    """The standard error of a share of n samples; not 0 where none or all of them count.

    Half of Wilson's interval of one standard error: √(p(1 − p)/n + 1/4n²) / (1 + 1/n), which at p = 0 is about 1/2n.

    Args:
        share: p, from 0 to 1.
        n: samples, 1 or more.

    *Source*: Wilson (1927).
    """
    return (share * (1 - share) / n + 1 / (4 * n * n)) ** 0.5 / (1 + 1 / n)


def first_order(*influences: Tensor) -> float | None:
    """The standard error of a number that is, to first order, a sum of means over independent sets of samples.

    Args:
        influences: of each set (N,), how much a sample moves the number, up to a constant: its derivative by the
            sample's share.

    Returns:
        √Σ var/N, or None for a set of one sample. It is too small where the derivatives vanish, as those of a distance
        do when both sets have one law: there the floor says more.

    *Source*: von Mises (1947).
    """
    if min(len(values) for values in influences) < 2:
        return None
    return sum(values.double().var().item() / len(values) for values in influences) ** 0.5


def jackknife(value: Callable[[Tensor], float], n: int, groups: int = 10) -> float:
    """The standard error of a number computed from n samples: how far it moves when a tenth of them is left out.

    Args:
        value: the rows that stay → the number.
        n: samples, at least `groups`.
        groups: how many parts are left out, each once.

    *Source*: Tukey (1958); groups: Shao and Tu (1995), section 2.3.
    """
    rows = torch.arange(n)
    found = torch.tensor([value(rows[rows % groups != part]) for part in range(groups)], dtype=torch.float64)
    return ((groups - 1) / groups * (found - found.mean()).square().sum()).sqrt().item()


def enough(name: str, n: int, least: int, why: str, allow_small: bool = False) -> None:
    """Refuse fewer samples than a metric needs.

    Args:
        name: of the metric.
        n: samples there are, the smaller of the two numbers.
        least: samples it needs.
        why: half a sentence: what happens with fewer.
        allow_small: do not refuse.

    Raises:
        GanlibError: n is below `least`, and small sets are not allowed.
    """
    if n < least and not allow_small:
        raise GanlibError(f"{name} was given {n} samples; expected at least {least}, since {why} (or allow_small=True)")


def too_few(samples: Samples, least: int, possible: int = 1) -> str:
    """Why there are too few samples, and what can be done about it, or "".

    Args:
        samples: what there is.
        least: samples that the metric needs.
        possible: samples without which it cannot be computed at all, whatever is allowed.
    """
    n = len(samples.generated)
    if n < possible:
        return f"it needs {possible} samples at the very least, and {n} were drawn; expected more, by n= or --n"
    if n < least and not samples.allow_small:
        return (
            f"it needs {least} samples, and {n} were drawn; expected more, by n= or --n, or leave to measure with so "
            "few, by allow_small=True or --allow-small"
        )
    return ""


def lacks_features(
    samples: Samples, least: Callable[[int, int], int], *, possible: int = 2, logits: bool = False
) -> str:
    """Why a metric on features cannot be computed, or "".

    Args:
        samples: what there is.
        least: (dimension, classes) → samples that the metric needs.
        possible: see `too_few`.
        logits: whether it needs logits too.
    """
    if not isinstance(samples.data, Images):
        return "it holds no images"
    try:
        one = samples.features[0]
    except GanlibError as reason:
        return str(reason)
    if logits and one.logits is None:
        return f"extractor {one.extractor!r} has no logits"
    needed = least(one.values.shape[1], 0 if one.logits is None else one.logits.shape[1])
    return too_few(samples, needed, possible)
