"""What is learned: images and toy distributions, each by its name.

A data set is one module of this package with a dictionary ``DATASETS`` of names and the functions (or classes) that
make them. The parameters of such a function are the options the set takes; nothing else needs to know about it.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganlib.data.batch import Batch
from ganlib.data.domains import Domains
from ganlib.data.images import Images
from ganlib.errors import GanlibError, unknown
from ganlib.registry import collect

__all__ = ["Batch", "Domains", "Images", "describe", "download_all", "load", "names"]


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


def load(
    name: str | os.PathLike, *, size: int | None = None, split: str = "train", n: int | None = None, **options: Any
) -> Any:
    """A data set by its name.

    Args:
        name: one of ``ganlib.data.names()``, e.g. ``"digits"`` or ``"ring"``; or the path of your own images: a folder,
            a zip or an .npz. A folder with trainA and trainB in it becomes a pair of domains. What is in memory already
            needs no name: ``ganlib.data.Images(pixels)`` takes a uint8 tensor (N, C, H, W).
        size: height and width of the images in pixels; None for the size the set comes in.
        split: ``"train"`` or ``"test"`` (and ``"all"`` where the set says so).
        n: how many images; None for all of the split (``digits`` draws 20,000 for training).
        **options: what only this set takes, e.g. ``seed=`` for digits, ``modes=`` for the ring, ``mirror=`` for mnist.

    Returns:
        `Images`, or a toy distribution or `Domains` with the same ``shape`` and ``batch(n)``.

    Raises:
        GanlibError: no such data set nor path, or a value or an option that it does not take.
    """
    if not isinstance(name, str) or name not in _makers():
        name, options["path"] = _at_path(name, options.get("path"))
    maker = _maker(name)
    takes = list(inspect.signature(maker).parameters)
    given = {"size": size, "split": None if split == "train" else split, "n": n}
    options |= {option: value for option, value in given.items() if value is not None}
    for option in options:
        if option not in takes:
            raise GanlibError(f"data set {name!r} takes no option {option!r}; it takes {', '.join(takes) or 'none'}")
    return maker(**options)


def has_test_split(name: str | os.PathLike) -> bool:
    """Whether a data set has images apart from those for training.

    Args:
        name: as for `load`.

    Raises:
        GanlibError: no such data set nor path.
    """
    if not isinstance(name, str) or name not in _makers():
        name, _ = _at_path(name, None)
    return "split" in inspect.signature(_maker(name)).parameters


def _at_path(given: Any, path: Any) -> tuple[str, Any]:
    """The data set that reads what lies at a path, and the path."""
    from ganlib.data import cyclegan, files

    where = Path(given).expanduser() if isinstance(given, str | os.PathLike) and str(given) else None
    if where is None or path is not None or not where.exists():
        if where is not None and path is None and where.name != str(given):  # somebody meant a path
            raise GanlibError(
                f"there is no folder or file {str(given)!r}; the data sets with names are {', '.join(names())}"
            )
        error = unknown("data set", given, _makers())
        raise GanlibError(f"{error}; nor is there a folder, a zip or an .npz file at that path") if where else error
    if where.is_dir():
        found = cyclegan.sides(files.source(where), "train")
        return ("domains" if found["A"] and found["B"] else "folder"), str(where)
    kind = where.suffix.lower().removeprefix(".")
    if kind not in ("zip", "npz"):
        raise GanlibError(
            f"{str(given)!r} is neither a data set (see ganlib.data.names()) nor a folder, a zip or an .npz file"
        )
    return kind, str(where)


def download_all(name: str, *, progress: bool | None = None) -> list[Path]:
    """Fetch the files of a data set ahead of time, so that `load` needs no network.

    Args:
        name: one of `names()`.
        progress: whether to draw a bar with size and remaining time on standard error; None for: on a terminal.

    Returns:
        Where the files are now; none for a set that needs no download.

    Raises:
        GanlibError: no such data set, one that you must fetch yourself, no mirror in reach, or only damaged files.
    """
    from ganlib.data.download import fetch

    _maker(name)
    listed = collect(sys.modules[__name__], "DOWNLOADS").get(name, list)()
    return [fetch(name, file, checksum, mirrors, progress=progress) for mirrors, file, checksum in listed]
