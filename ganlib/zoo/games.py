"""Trained games that come with the library, to be sampled without training: ``ganlib.zoo.game("NAME")``.

``trained/NAME.safetensors`` holds the weights that sampling needs, averaged and in half precision; the record is
``trained/NAME.json``: the commands that made the run, seed, data, steps, device, date, what it is worth, checksum.
``python -m tools.keep_game RUN NAME`` makes both from a run of ``ganlib train``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganlib.device import seeded
from ganlib.errors import GanlibError
from ganlib.zoo import files

if TYPE_CHECKING:
    from torch import Tensor

    from ganlib.gans.base import GAN

FOLDER = Path(__file__).parent / "trained"


def names() -> list[str]:
    """The games that are there."""
    return files.names(FOLDER)


def record(name: str) -> dict[str, Any]:
    """How a game was made, and what it is worth.

    Args:
        name: one of `names()`.

    Returns:
        ``game`` (what `ganlib.build` is called with), ``parameters``, ``sha256`` of the weights' file, ``training``
        (commands, settings with the seed, steps, images, device, date, …) and ``measured``.

    Raises:
        GanlibError: no such game, or a damaged record.
    """
    return files.record(FOLDER, name, "game")


def game(name: str) -> GAN:
    """A trained game, once its file is known to be the one of the record.

    Only what sampling needs was kept: the other networks, e.g. the discriminator, are as `ganlib.build` makes them.

    Args:
        name: one of `names()`.

    Returns:
        The game on the CPU, in eval mode and frozen.

    Raises:
        GanlibError: no such game, a missing file or a damaged one.
    """
    from ganlib import gans

    made = record(name)
    recipe, tensors = made["game"], files.weights(FOLDER, name, "game", made["sha256"])
    with seeded(0):  # initial weights that nobody sees must not change the caller's random numbers
        gan = gans.build(recipe["gan"], tuple(recipe["shape"]), **recipe["options"])
    own = sampling(gan)
    if tensors.keys() != own.keys():
        raise GanlibError(
            f"the weights of {name!r} do not fit {recipe['gan']!r} of this ganlib; expected one version of both"
        )
    gan.load_state_dict(gan.state_dict() | {key: value.to(own[key].dtype) for key, value in tensors.items()})
    return gan.eval().requires_grad_(False)


def sampling(gan: GAN) -> dict[str, Tensor]:
    """What of a game's state its samples depend on."""
    averaged = set(gan.averaged())
    inside = tuple(f"{name}." for name, module in gan.named_modules() if module in averaged)
    return {key: value for key, value in gan.state_dict().items() if key.startswith(inside)}
