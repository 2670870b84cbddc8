"""Ctrl-C that loses nothing."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[list[bool]]:
    """Turn the first Ctrl-C into an entry of the list that is returned; the second one interrupts as usual."""
    seen: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen  # only the main thread may set signal handlers
        return
    previous = signal.getsignal(signal.SIGINT)

    def on_interrupt(signum: int, frame: Any) -> None:
        seen.append(True)
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, previous)
