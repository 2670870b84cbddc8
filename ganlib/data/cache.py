"""The folder where data sets are kept between runs: ``GANLIB_CACHE``, else ``ganlib`` in the user's cache folder.

Everything in it can be deleted at any time. Files are written under another name and then renamed, so that a reader
never meets half a file; what is read back is checked, so that a damaged file is made again rather than believed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

SEALED = "sha256"  # the key of the checksum in a file's header


def folder() -> Path:
    """The cache folder; it need not exist.

    Returns:
        ``$GANLIB_CACHE``, else ``$XDG_CACHE_HOME/ganlib``, else ``~/.cache/ganlib``.
    """
    if chosen := os.environ.get("GANLIB_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore a relative path.
    return (Path(base) if os.path.isabs(base) else Path(os.path.expanduser("~/.cache"))) / "ganlib"


def say(line: str) -> None:
    """Tell the user one line that is no result: it goes to standard error."""
    print(f"ganlib: {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Let one process at a time do a piece of work; the others wait.

    The system frees the lock of a process that ends, however it ends. Where the cache folder cannot be written there is
    nothing to share and so nothing to wait for.

    Args:
        name: of the work.
    """
    from filelock import FileLock, Timeout

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            place = folder() / ".locks"
            place.mkdir(parents=True, exist_ok=True)
            held = FileLock(place / f"{name}.lock")
            try:
                held.acquire(timeout=0)
            except Timeout:
                say(f"another process is at work on {name}; waiting for it")
                held.acquire()
            stack.callback(held.release)
        yield


def write(path: Path, content: bytes) -> bool:
    """Put a file in its place in one move.

    Args:
        path: where.
        content: all of it.

    Returns:
        Whether it worked; if not, one line has been said.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)  # still there only if something went wrong, Ctrl-C included
    except OSError as error:
        say(f"cannot keep {path.name} in {path.parent} ({error.strerror or error}); going on without")
        return False
    return True


def tensors(name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors from the cache, or made and put there.

    Args:
        name: of the file, without its ending; it must name everything that the tensors depend on.
        make: makes the tensors.

    Returns:
        What `make` returned, now or when the file was written, in the order of the names: a file keeps no other.
    """
    path = folder() / f"{name}.safetensors"
    try:
        return dict(sorted(_unpack(path.read_bytes()).items()))
    except OSError:
        pass  # not there, or not readable: if the folder is to blame, writing will tell
    except ValueError as error:
        say(f"{path} is damaged ({error}); making it again")
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)  # whatever it is where the set is asked for: one name, one content
    try:
        made = make()
    finally:
        torch.set_default_dtype(usual)
    write(path, _pack(made))
    return dict(sorted(made.items()))


def _pack(content: dict[str, Tensor]) -> bytes:
    from safetensors.torch import save

    return save(content, {SEALED: _digest(content)})


def _unpack(raw: bytes) -> dict[str, Tensor]:
    """The tensors of a file; ValueError where they are not what was written."""
    import json

    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        content = load(raw)
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])  # `load` keeps the header's notes to itself
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(str(error).splitlines()[0]) from None
    expected, found = header.get("__metadata__", {}).get(SEALED), _digest(content)
    if found != expected:
        raise ValueError(f"its checksum is {found[:12]}… instead of {str(expected)[:12]}…")
    return content


def _digest(content: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for key in sorted(content):
        tensor = content[key].contiguous()
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
