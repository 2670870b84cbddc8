"""Small trained networks that come with the library, each with a record of how it was made.

Of a network that judges, ``NAME.safetensors`` holds the weights, ``NAME.json`` the record: the command that made them,
seed, data, test accuracy and checksum. ``python -m ganlib.zoo.train NAME --out FOLDER`` makes both. Trained games,
which make samples, are in `ganlib.zoo.games`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganlib.device import seeded
from ganlib.zoo import files
from ganlib.zoo.games import game
from ganlib.zoo.networks import FeatureNetwork

__all__ = ["FeatureNetwork", "game", "load", "names", "provenance"]

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The networks that are there."""
    return files.names(FOLDER)


def provenance(name: str) -> dict[str, Any]:
    """How a network was made, and what it is worth.

    Args:
        name: one of `names()`.

    Returns:
        ``network`` (what it is built with), ``parameters``, ``sha256`` of the weights' file, ``training`` (command,
        seed, device, steps, data, …) and ``test`` (data, n, accuracy for each question, their mean).

    Raises:
        GanlibError: no such network, or a damaged record.
    """
    return files.record(FOLDER, name, "network")


def load(name: str) -> FeatureNetwork:
    """A trained network, once its file is known to be the one of the record.

    Args:
        name: one of `names()`.

    Returns:
        The network on the CPU, in eval mode and frozen.

    Raises:
        GanlibError: no such network, a missing file or a damaged one.
    """
    record = provenance(name)
    tensors = files.weights(FOLDER, name, "network", record["sha256"])
    with seeded(0):  # initial weights that nobody sees: to measure in the middle of a run must not change the run
        net = FeatureNetwork(**record["network"]).float()  # whatever torch's default type is
    net.load_state_dict(tensors)
    return net.eval().requires_grad_(False)
