"""Games. A file of this folder offers its own under ``GANS``; nothing else has to be edited."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Sequence
from typing import Any

from ganlib import registry
from ganlib.data.batch import Source
from ganlib.errors import GanlibError, unknown
from ganlib.gans.base import GAN


@functools.cache
def _known() -> dict[str, type[GAN]]:
    return registry.collect(sys.modules[__name__], "GANS")


def names() -> list[str]:
    """The names `build` knows."""
    return sorted(_known())


def get(name: str) -> type[GAN]:
    """The class of the game called `name`."""
    if name not in _known():
        raise unknown("GAN", name, _known())
    return _known()[name]


def options(name: str) -> dict[str, inspect.Parameter]:
    """What the game's ``build`` takes beside the shape: name to parameter (default and annotation)."""
    found = dict(inspect.signature(get(name).build).parameters)
    found.pop("shape")
    return found


def build(name: str, shape: Sequence[int] | Source, **chosen: Any) -> GAN:
    """A game by name, on samples of a given shape.

    Args:
        name: one of `names()`, e.g. ``"gan"``.
        shape: shape of one sample, (C, H, W) or (d,), e.g. ``data.shape``; or the data, which then decide what else
            the game has to know of them, e.g. how many classes there are.
        chosen: options of the game's ``build``; the rest keep their defaults.

    Returns:
        The game, with its `recipe` filled in so that a checkpoint can build it again.

    Raises:
        GanlibError: no such game, no such option, or a value that does not fit.
    """
    told = {}
    if hasattr(shape, "batch"):
        told, shape = get(name).told_by(shape), shape.shape
    try:
        shape = tuple(int(n) for n in shape)
    except (TypeError, ValueError):
        raise GanlibError(f"shape {shape!r} was given; expected the shape of one sample, e.g. data.shape") from None
    for option in chosen:
        if option not in options(name):
            raise unknown(f"option of GAN {name!r}", option, options(name))
    defaults = {option: parameter.default for option, parameter in options(name).items()}
    # The recipe says all, so that a later change of a default changes no old checkpoint.
    chosen = defaults | told | chosen
    gan = get(name).build(shape, **chosen)
    gan.recipe = {"gan": name, "shape": list(shape), "options": chosen}
    return gan
