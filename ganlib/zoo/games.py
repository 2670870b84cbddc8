"""Trained games that come with the library, to be sampled without training: ``ganlib.zoo.game("NAME")``.

``trained/NAME.safetensors`` holds the weights that sampling needs, averaged and in half precision; the record is
``trained/NAME.json``: the commands that made the run, seed, data, steps, device, date, what it is worth, checksum.
``python -m tools.keep_game RUN NAME`` makes both from a run of ``ganlib train``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganlib.device import seeded
from ganlib.errors import GanlibError, unknown

if TYPE_CHECKING:
    from torch import Tensor

    from ganlib.gans.base import GAN

FOLDER = Path(__file__).parent / "trained"


def names() -> list[str]:
    """The games that are there."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


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
    if name not in names():
        raise unknown("game of the zoo", name, names())
    path = FOLDER / f"{name}.json"
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise GanlibError(f"{path} cannot be read ({error}); expected a game's record: reinstall ganlib") from None


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
    from safetensors.torch import load as unpack

    from ganlib import gans

    made, path = record(name), FOLDER / f"{name}.safetensors"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise GanlibError(
            f"{path} cannot be read ({error.strerror}); expected the game's weights: reinstall ganlib"
        ) from None
    if (found := hashlib.sha256(raw).hexdigest()) != made["sha256"]:
        raise GanlibError(
            f"{path} is damaged: its checksum is {found[:12]}…, expected {made['sha256'][:12]}…: reinstall ganlib"
        )
    recipe = made["game"]
    with seeded(0):  # initial weights that nobody sees must not change the caller's random numbers
        gan = gans.build(recipe["gan"], tuple(recipe["shape"]), **recipe["options"])
    tensors, own = unpack(raw), sampling(gan)
    if tensors.keys() != own.keys():
        raise GanlibError(f"{path} does not fit {recipe['gan']!r} of this ganlib; expected one version of both")
    gan.load_state_dict(gan.state_dict() | {key: value.to(own[key].dtype) for key, value in tensors.items()})
    return gan.eval().requires_grad_(False)


def sampling(gan: GAN) -> dict[str, Tensor]:
    """What of a game's state its samples depend on."""
    averaged = set(gan.averaged())
    inside = tuple(f"{name}." for name, module in gan.named_modules() if module in averaged)
    return {key: value for key, value in gan.state_dict().items() if key.startswith(inside)}
