"""Painting many images: on any device, in parts that fit the caches, on two threads. The bytes depend on none of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Have torch work on one thread: operations on small tensors spend their time waiting for a second one.

    On two quiet cores a second thread gains a third; where something else is running, it costs a factor of ten.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def beside(tensor: Tensor) -> Iterator[None]:
    """Make new tensors on the device where one is; on a CPU that needs no help, which would cost time."""
    with contextlib.nullcontext() if tensor.device.type == "cpu" else tensor.device:
        yield


def in_parts(total: int, part: int, work: Callable[[slice], Result], device: torch.device) -> list[Result]:
    """Work through many images part by part.

    Threads of Python's serve here, since torch leaves Python's lock while it computes.

    Args:
        total: how many images.
        part: how many at once.
        work: does one part; what it is given says which images.
        device: on which `work` computes; two parts at the same time on a CPU, one elsewhere.

    Returns:
        What `work` returned, in the order of the parts.
    """
    parts = [slice(first, min(first + part, total)) for first in range(0, total, part)]
    with one_thread(), ThreadPoolExecutor(2 if device.type == "cpu" else 1) as pool:
        return list(pool.map(work, parts))
