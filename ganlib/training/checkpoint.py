"""Checkpoints: written atomically, read without running anybody's code."""

from __future__ import annotations

import os
import pickle
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch

from ganlib import gans
from ganlib.errors import GanlibError
from ganlib.gans.base import GAN

FORMAT = 1
FILE = "checkpoint.pt"


def writable(folder: str | Path) -> Path:
    """Make `folder` if needed and prove that a file can be written there.

    Raises:
        GanlibError: it cannot; better now than after an hour of training.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise GanlibError(f"cannot write to the output folder {str(folder)!r}: {error.strerror or error}") from None
    return folder


def write(path: str | Path, state: dict[str, Any]) -> None:
    """Write `state` to `path` so that the file is either the old one or the new one, whole, at every moment."""
    path = Path(path)
    writable(path.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save({"format": FORMAT} | state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint, or the one in a run's folder, onto the CPU.

    Only tensors and plain numbers are accepted (``weights_only``): a pickle that would run code is refused unread.

    Raises:
        GanlibError: no such file, not a checkpoint, truncated, or one that holds code.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE
    if not path.is_file():
        raise GanlibError(f"there is no checkpoint at {str(path)!r}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise GanlibError(f"{str(path)!r} was refused: it holds more than tensors and numbers, or is damaged") from None
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, zipfile.BadZipFile):
        raise GanlibError(f"{str(path)!r} is not a whole checkpoint (damaged or cut short)") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise GanlibError(f"{str(path)!r} is not a ganlib checkpoint of format {FORMAT}")
    return state


def check_fit(gan: GAN, tensors: dict[str, torch.Tensor], what: str) -> None:
    """Raise a clear error unless the saved tensors are exactly those of `gan`, before anything is touched."""
    mine = gan.state_dict()
    for name in [*tensors, *mine]:
        there = tuple(tensors[name].shape) if name in tensors else "absent"
        here = tuple(mine[name].shape) if name in mine else "absent"
        if there != here:
            raise GanlibError(f"{what} is of another architecture: {name!r} is {there} there and {here} here")


def load_gan(path: str | Path, averaged: bool = True) -> GAN:
    """Build the game a checkpoint was made from and give it the saved weights, on the CPU.

    Args:
        path: a checkpoint file or a run's folder.
        averaged: take the averaged (EMA) weights where the checkpoint has them.

    Returns:
        The game, ready to `sample`.

    Raises:
        GanlibError: see `read`; or the checkpoint was made from a hand-built game and says nothing of how to build it.
    """
    state = read(path)
    recipe = state["recipe"]
    if not recipe:
        raise GanlibError(
            f"{str(path)!r} holds a game that was not made by ganlib.build; build it and use Trainer.resume"
        )
    gan = gans.build(recipe["gan"], tuple(recipe["shape"]), **recipe["options"])
    check_fit(gan, state["gan"], f"checkpoint {str(path)!r}")
    gan.load_state_dict(state["gan"] | (state["ema"] if averaged and state["ema"] else {}))
    return gan
