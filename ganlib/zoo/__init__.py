"""Trained models that come with the library: games, which make samples, and networks, which judge them.

    from ganlib import zoo

    zoo.list()  # what there is
    painter = zoo.load("cgan-avatars")  # to be sampled without training
    zoo.record("cgan-avatars")  # how it was made, and what it is worth

``trained/NAME.safetensors`` holds the weights, ``trained/NAME.json`` the record, which names the checksum of the
weights. ``make zoo NAME`` makes both of a game anew, ``python -m ganlib.zoo.train NAME --out FOLDER`` of a network.
"""

from __future__ import annotations

import builtins
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganlib.device import seeded
from ganlib.errors import GanlibError, unknown
from ganlib.zoo.networks import FeatureNetwork

if TYPE_CHECKING:
    from torch import Tensor

    from ganlib.gans.base import GAN

__all__ = ["FeatureNetwork", "load", "record"]  # no list: a star must not hide Python's own

FOLDER = Path(__file__).parent / "trained"
KINDS = ("game", "network")


def list(kind: str | None = None) -> builtins.list[str]:
    """What is there.

    Args:
        kind: ``"game"`` or ``"network"``; None for both.

    Returns:
        The names, in the order of letters.

    Raises:
        GanlibError: no such kind, or a damaged record.
    """
    if kind not in (None, *KINDS):
        raise unknown("kind of the zoo", kind, KINDS)
    names = sorted(path.stem for path in FOLDER.glob("*.json"))
    return [name for name in names if kind is None or kind in record(name)]


def record(name: str) -> dict[str, Any]:
    """How a model was made, and what it is worth.

    Args:
        name: one of `list()`.

    Returns:
        ``parameters``, ``sha256`` of the weights' file and ``training`` (commands, seed, data, device, date, …). Of a
        game, ``game`` (what `ganlib.build` is called with), ``precision`` of the weights and ``measured``; of a
        network, ``network`` (what it is built with) and ``test`` (data, n, accuracy for each question, their mean).

    Raises:
        GanlibError: no such name, or a damaged record.
    """
    if name not in list():
        raise unknown("model of the zoo", name, list())
    path = FOLDER / f"{name}.json"
    try:
        found = json.loads(path.read_text("utf-8"))
        found["sha256"], found["parameters"], found["training"], found[kind_of(found)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GanlibError(f"{path} cannot be read ({error}); expected a model's record: reinstall ganlib") from None
    return found


def kind_of(made: dict[str, Any]) -> str:
    """Of which of the `KINDS` a record is."""
    return "network" if "network" in made else "game"


def load(name: str, kind: str | None = None) -> GAN | FeatureNetwork:
    """A trained model, once its file is known to be the one of the record.

    Of a game only what sampling needs was kept: the other networks, e.g. the discriminator, are as `ganlib.build` makes
    them.

    Args:
        name: one of `list()`.
        kind: ``"game"`` or ``"network"``, to refuse the other; None for either.

    Returns:
        The game, or the network, on the CPU, in eval mode and frozen.

    Raises:
        GanlibError: no such name, not of this kind, a missing file or a damaged one.
    """
    if kind is not None and name not in list():
        raise unknown(f"{kind} of the zoo", name, list(kind))
    made = record(name)
    if kind not in (None, kind_of(made)):
        raise GanlibError(
            f"{name!r} of the zoo is a {kind_of(made)}; expected a {kind}, one of {', '.join(list(kind))}"
        )
    tensors = _weights(name, made["sha256"])
    with seeded(0):  # initial weights that nobody sees must not change the caller's random numbers
        model = _network(made["network"], tensors) if "network" in made else _game(name, made["game"], tensors)
    return model.eval().requires_grad_(False)


def _network(built: dict[str, Any], tensors: dict[str, Tensor]) -> FeatureNetwork:
    net = FeatureNetwork(**built).float()  # whatever torch's default type is
    net.load_state_dict(tensors)
    return net


def _game(name: str, recipe: dict[str, Any], tensors: dict[str, Tensor]) -> GAN:
    from ganlib import gans

    gan = gans.build(recipe["gan"], tuple(recipe["shape"]), **recipe["options"])
    own = sampling(gan)
    if tensors.keys() != own.keys():
        raise GanlibError(
            f"the weights of {name!r} do not fit {recipe['gan']!r} of this ganlib; expected one version of both"
        )
    gan.load_state_dict(gan.state_dict() | {key: value.to(own[key].dtype) for key, value in tensors.items()})
    return gan


def sampling(gan: GAN) -> dict[str, Tensor]:
    """What of a game's state its samples depend on."""
    averaged = set(gan.averaged())
    inside = tuple(f"{name}." for name, module in gan.named_modules() if module in averaged)
    return {key: value for key, value in gan.state_dict().items() if key.startswith(inside)}


def _weights(name: str, sha256: str) -> dict[str, Tensor]:
    from safetensors.torch import load as unpack

    path = FOLDER / f"{name}.safetensors"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise GanlibError(
            f"{path} cannot be read ({error.strerror}); expected the weights of {name!r}: reinstall ganlib"
        ) from None
    if (found := hashlib.sha256(raw).hexdigest()) != sha256:
        raise GanlibError(
            f"{path} is damaged: its checksum is {found[:12]}…, expected {sha256[:12]}…: reinstall ganlib"
        )
    return unpack(raw)
