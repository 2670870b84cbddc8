"""How far a run is: a bar where there is a screen, a line now and then where there is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from tqdm.auto import tqdm

SECONDS = 30  # between two lines


class Lines:
    """Progress for a log file: no bar that redraws itself, a plain line every `SECONDS` and at the end."""

    def __init__(self, total: int):
        self._total, self._step, self._note = total, 0, ""
        self._begun = self._last = time.monotonic()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: Any) -> None:
        self._print()

    def update(self) -> None:
        """One more step."""
        self._step += 1
        if time.monotonic() - self._last >= SECONDS:
            self._print()

    def note(self, means: Mapping[str, float]) -> None:
        """The newest window means."""
        self._note = _words(means)

    def _print(self) -> None:
        self._last = time.monotonic()
        passed = self._last - self._begun
        left = passed / max(self._step, 1) * (self._total - self._step)
        times = f"{tqdm.format_interval(passed)} passed, {tqdm.format_interval(left)} left"
        print(f"step {self._step}/{self._total} · {times} · {self._note}", file=sys.stderr, flush=True)


class Bar(tqdm):
    """A bar with the losses behind it: in a terminal, or drawn by the notebook."""

    def note(self, means: Mapping[str, float]) -> None:
        """The newest window means."""
        self.set_postfix_str(_words(means))


def progress(total: int, shown: bool) -> Lines | Bar:
    """Progress over `total` steps, as this place can show it."""
    notebook = any(base.__name__ == "tqdm_notebook" for base in Bar.__mro__)  # what tqdm.auto has chosen
    if shown and not notebook and not sys.stderr.isatty():
        return Lines(total)
    return Bar(total=total, disable=not shown, dynamic_ncols=True)


def _words(means: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in means.items())
