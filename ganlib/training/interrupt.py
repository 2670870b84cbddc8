"""Ctrl-C that loses nothing."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

# What a terminal sends; what clusters, rented machines and `docker stop` send a while before they kill.
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[list[bool]]:
    """Turn the first Ctrl-C, or request to end, into an entry of the list that is returned.

    The second one does what it would have done without.
    """
    seen: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen  # only the main thread may set signal handlers
        return
    previous = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}

    def put_back() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def on_interrupt(signum: int, frame: Any) -> None:
        seen.append(True)
        put_back()

    for number in SIGNALS:
        signal.signal(number, on_interrupt)
    try:
        yield seen
    finally:
        put_back()
