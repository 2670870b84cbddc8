"""A network's two files: ``NAME.safetensors`` with the weights, ``NAME.json`` with the record that names their sum."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganlib.errors import GanlibError, unknown

if TYPE_CHECKING:
    from torch import Tensor


def names(folder: Path) -> list[str]:
    """What has a record in a folder."""
    return sorted(path.stem for path in folder.glob("*.json"))


def record(folder: Path, name: str, what: str) -> dict[str, Any]:
    """A record.

    Args:
        folder: where it lies.
        name: one of `names`.
        what: what errors call it, e.g. ``"network"``.

    Raises:
        GanlibError: there is none of that name, or it is damaged.
    """
    if name not in names(folder):
        raise unknown(f"{what} of the zoo", name, names(folder))
    path = folder / f"{name}.json"
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise GanlibError(f"{path} cannot be read ({error}); expected a {what}'s record: reinstall ganlib") from None


def weights(folder: Path, name: str, what: str, sha256: str) -> dict[str, Tensor]:
    """The tensors of a file, once it is known to be the one of its record.

    Args:
        folder: where it lies.
        name: one of `names`.
        what: what errors call it.
        sha256: of the file, as its record has it.

    Raises:
        GanlibError: the file is missing or damaged.
    """
    from safetensors.torch import load as unpack

    path = folder / f"{name}.safetensors"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise GanlibError(
            f"{path} cannot be read ({error.strerror}); expected the {what}'s weights: reinstall ganlib"
        ) from None
    if (found := hashlib.sha256(raw).hexdigest()) != sha256:
        raise GanlibError(
            f"{path} is damaged: its checksum is {found[:12]}…, expected {sha256[:12]}…: reinstall ganlib"
        )
    return unpack(raw)
