"""What a metric is given, and what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Samples:
    """What a metric is given; all tensors on the CPU.

    Attributes:
        data: the data set, for metrics that train something on it.
        generated: (n, *shape), images in [-1, 1].
        real: as many real ones.
        other: as many other real ones: between these two lies what a perfect generator would get.
        seed: for what the metric draws itself.
    """

    data: Any
    generated: Tensor
    real: Tensor
    other: Tensor
    seed: int


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
