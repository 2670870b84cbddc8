"""What is learned: images and toy distributions, each by its name.

A data set is one module of this package with a dictionary ``DATASETS`` of names and the functions (or classes) that
make them. The parameters of such a function are the options the set takes; nothing else needs to know about it.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

from ganlib.data.batch import Batch
from ganlib.data.images import Images
from ganlib.errors import GanlibError, unknown
from ganlib.registry import collect

__all__ = ["Batch", "Images", "describe", "load", "names"]


@functools.cache
def _makers() -> dict[str, Callable[..., Any]]:
    return collect(sys.modules[__name__], "DATASETS")


def names() -> list[str]:
    """The names that `load` knows, in alphabetical order."""
    return sorted(_makers())


def describe(name: str) -> str:
    """What a data set is, in one line.

    Args:
        name: one of `names()`.

    Returns:
        The first line of its documentation.

    Raises:
        GanlibError: no such data set.
    """
    return (inspect.getdoc(_maker(name)) or name).splitlines()[0]


def _maker(name: str) -> Callable[..., Any]:
    makers = _makers()
    if not isinstance(name, str) or name not in makers:
        raise unknown("data set", name, makers)
    return makers[name]


def load(name: str, *, size: int | None = None, split: str = "train", n: int | None = None, **options: Any) -> Any:
    """A data set by its name.

    Args:
        name: one of ``ganlib.data.names()``, e.g. ``"digits"`` or ``"ring"``. Your own images need no name:
            ``ganlib.data.Images(pixels)`` takes a uint8 tensor (N, C, H, W).
        size: height and width of the images in pixels; None for the size the set comes in.
        split: ``"train"`` or ``"test"`` (and ``"all"`` where the set says so).
        n: how many images; None for all of the split (``digits`` draws 20,000 for training).
        **options: what only this set takes, e.g. ``seed=`` for digits, ``modes=`` for the ring, ``mirror=`` for mnist.

    Returns:
        `Images`, or a toy distribution with the same ``shape`` and ``batch(n)``.

    Raises:
        GanlibError: no such data set, or a value or an option that it does not take.
    """
    maker = _maker(name)
    takes = list(inspect.signature(maker).parameters)
    given = {"size": size, "split": None if split == "train" else split, "n": n}
    options |= {option: value for option, value in given.items() if value is not None}
    for option in options:
        if option not in takes:
            raise GanlibError(f"data set {name!r} takes no option {option!r}; it takes {', '.join(takes) or 'none'}")
    return maker(**options)
