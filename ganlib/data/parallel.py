"""Painting many images: in parts that stay in the caches, on two threads. The bytes never depend on either."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

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


def in_parts(total: int, part: int, work: Callable[[slice], Result], threads: int = 2) -> list[Result]:
    """Work through many images part by part.

    Threads of Python's serve here, since torch leaves Python's lock while it computes.

    Args:
        total: how many images.
        part: how many at once.
        work: does one part; what it is given says which images.
        threads: how many parts are worked on at the same time.

    Returns:
        What `work` returned, in the order of the parts.
    """
    parts = [slice(first, min(first + part, total)) for first in range(0, total, part)]
    with one_thread(), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))
