"""Checkpoints: tensors and JSON in one safetensors file, written atomically, read without running anybody's code."""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from ganlib import gans
from ganlib.errors import GanlibError, say
from ganlib.gans.base import GAN

FORMAT = 2  # 1 was torch.save's
SUFFIX = ".safetensors"


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


def replace(path: str | Path, content: bytes) -> None:
    """Write a file so that it is either the old one or the new one, whole, at every moment, also after a power cut."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp's own mode would hide the file from the other users of a group's machine
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


# -- one file ----------------------------------------------------------------------------------------------------------
def _split(tree: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The tree as JSON, its tensors moved to `tensors` under the path that leads to them."""
    if isinstance(tree, Tensor):
        while name in tensors:  # "a/b" in "c" and "a" in "b/c"
            name += "+"
        # A copy of its own each: safetensors refuses tensors that share memory, as tied weights do.
        tensors[name] = tree.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"$tensor": name}
    if isinstance(tree, Mapping):
        branches = {str(key): _split(branch, f"{name}/{key}".lstrip("/"), tensors) for key, branch in tree.items()}
        # JSON's keys are words; an optimiser's are numbers.
        return {"$numbered": branches} if branches and all(isinstance(key, int) for key in tree) else branches
    if isinstance(tree, list | tuple):
        return [_split(branch, f"{name}/{i}", tensors) for i, branch in enumerate(tree)]
    return tree


def _join(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """What `_split` took apart."""
    if isinstance(tree, list):
        return [_join(branch, tensors) for branch in tree]
    if not isinstance(tree, dict):
        return tree
    if "$tensor" in tree:
        return tensors[tree["$tensor"]]
    if "$numbered" in tree:
        return {int(key): _join(branch, tensors) for key, branch in tree["$numbered"].items()}
    return {key: _join(branch, tensors) for key, branch in tree.items()}


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    total = zlib.crc32(text.encode())
    for name in sorted(tensors):
        total = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy(), total)
    return f"{total:08x}"


def write(path: str | Path, state: Mapping[str, Any]) -> Path:
    """Write `state`, a tree of tensors and plain values, to `path`; see `replace`.

    Raises:
        OSError: the disk is full, the folder read-only, …; what stood at `path` before still stands.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_split({"format": FORMAT} | dict(state), "", tensors))
    # One entry: safetensors writes several in random order, and equal states should be equal bytes.
    replace(path, to_bytes(tensors, {"ganlib": f"{_checksum(text, tensors)} {text}"}))
    return Path(path)


def read(path: str | Path) -> dict[str, Any]:
    """Read one checkpoint onto the CPU, or the newest whole one of a run's folder.

    Nothing in the file can run: it holds tensors and JSON.

    Args:
        path: a file, or the folder of a run. Where the newest of a folder is damaged, one line says so and the one
            before it is read.

    Raises:
        GanlibError: no such file, none that is whole, or not one of ours.
    """
    path = Path(path)
    if not path.is_dir():
        return _read(path)
    found = in_folder(path)
    if not found:
        raise GanlibError(f"there is no checkpoint in the folder {str(path)!r}")
    for newest, before in zip(found, [*found[1:], None], strict=True):
        try:
            return _read(newest)
        except GanlibError as error:
            if before is None:
                raise
            say(f"{error}; going back to {before.name}")
    raise AssertionError("unreachable")


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise GanlibError(f"there is no checkpoint at {str(path)!r}")
    try:
        with safe_open(path, "pt") as file:
            notes = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
    except (SafetensorError, OSError):
        raise GanlibError(f"{str(path)!r} is not a whole checkpoint (damaged, cut short, or another format)") from None
    if "ganlib" not in notes:
        raise GanlibError(f"{str(path)!r} is not a ganlib checkpoint: it is a safetensors file of something else")
    checksum, _, text = notes["ganlib"].partition(" ")
    if checksum != _checksum(text, tensors):
        raise GanlibError(f"{str(path)!r} is damaged: its content does not match its checksum")
    state = _join(json.loads(text), tensors)
    if state["format"] != FORMAT:
        raise GanlibError(f"{str(path)!r} is a checkpoint of format {state['format']}; this ganlib reads {FORMAT}")
    return state


# -- the checkpoints of a run ------------------------------------------------------------------------------------------
def in_folder(folder: str | Path) -> list[Path]:
    """The checkpoints of a run's folder, newest first."""
    return sorted(Path(folder).glob(f"checkpoint-*{SUFFIX}"), reverse=True)


def name(step: int) -> str:
    """What the checkpoint of a step is called; names sort as steps do."""
    return f"checkpoint-{step:09d}{SUFFIX}"


def newer(folder: str | Path, step: int) -> Path | None:
    """A whole checkpoint of a later step than `step`, if there is one. Damaged ones are put aside, as ``damaged-…``."""
    for path in in_folder(folder):
        if path.name <= name(step):
            break
        try:
            _read(path)
            return path
        except GanlibError:
            path.rename(path.with_name(f"damaged-{path.name}"))
    return None


def add(folder: str | Path, step: int, state: Mapping[str, Any], keep: int) -> Path:
    """Write the checkpoint of one step into a run's folder, then remove all but the newest `keep`.

    Raises:
        OSError: see `write`. No older checkpoint has been removed then.
    """
    folder = Path(folder)
    path = write(folder / name(step), state)
    for old in [other for other in in_folder(folder) if other.name < path.name][keep - 1 :]:
        old.unlink(missing_ok=True)
    for left in folder.glob(".checkpoint-*"):  # what a killed process was writing
        left.unlink(missing_ok=True)
    return path


# -- what is in it -----------------------------------------------------------------------------------------------------
def check_fit(gan: GAN, tensors: dict[str, Tensor], what: str) -> None:
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
