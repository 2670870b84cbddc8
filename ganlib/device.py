"""Which device to train on, and where it may not round."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ganlib.errors import GanlibError


def resolve(device: str | torch.device = "auto") -> torch.device:
    """The torch device a word stands for.

    Args:
        device: ``"auto"`` (CUDA if there is one, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, …

    Returns:
        A device that exists on this machine.

    Raises:
        GanlibError: the word is no device, or this machine has no such device. Never a silent fall-back.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise GanlibError(f"unknown device {str(device)!r}; expected 'auto', 'cpu', 'cuda' or 'cuda:N'") from None
    if found.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (found.index or 0) >= count:
            raise GanlibError(
                f"device {str(device)!r} was asked for, but this machine has {count} CUDA devices; use 'cpu'"
            )
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise GanlibError("device 'mps' was asked for, but this machine has none; use 'cpu'")
    return found


def full_precision(like: torch.Tensor) -> torch.autocast:
    """A region in which autocast is off: what is computed inside from float32 stays float32.

    Penalties, statistics over a batch and logits live in such islands: a norm of gradients or a difference of two means
    loses its meaning when it is rounded to the 8 bits of bfloat16. Inputs that were made outside need ``.float()``.

    Args:
        like: a tensor on the device in question.

    Returns:
        A context manager.
    """
    return torch.autocast(like.device.type, enabled=False)


@contextmanager
def seeded(seed: int, device: str | torch.device = "cpu") -> Iterator[None]:
    """Inside, torch draws from a seed on the CPU and on one device; afterwards it goes on as if nothing had been drawn.

    `torch.manual_seed` would seed every GPU, also those whose state nobody puts back.

    Args:
        seed: ≥ 0.
        device: the other one.
    """
    device = torch.device(device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def keep_freed_memory() -> None:
    """Let the C library of Linux keep freed memory for the next step, instead of giving it back and asking again.

    What is asked for again comes page by page, each filled with zeros first: for a DCGAN on 32×32 images some 3,300
    page faults a step, and a tenth of its time on a virtual machine. glibc keeps blocks up to the size of the largest
    one that was ever freed, at most 32 MB; so one such block is made and freed. Elsewhere this does nothing.
    """
    torch.empty(31 << 20, dtype=torch.uint8)
