"""Errors a user can act on: one sentence that names what was given and what was expected."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from difflib import get_close_matches


class GanlibError(ValueError):
    """Bad input, said in one sentence. The command line prints the sentence without a traceback.

    Attributes:
        exit_code: what the command line ends with.
    """

    exit_code = 2


def unknown(kind: str, given: object, known: Iterable[str]) -> GanlibError:
    """The error for a name that is not on a list.

    Args:
        kind: what the name stands for, e.g. ``"data set"``.
        given: the name as it was given.
        known: the names that would have worked.

    Returns:
        An error that lists the known names and suggests the nearest.
    """
    names = sorted(known)
    lower = {name.lower(): name for name in names}
    near = get_close_matches(str(given).lower(), lower, n=1)
    hint = f" (did you mean {lower[near[0]]!r}?)" if near else ""
    return GanlibError(f"unknown {kind} {given!r}{hint}; known: {', '.join(names)}")


def say(message: str) -> None:
    """One line to the user, on standard error, that leaves a progress bar whole."""
    from tqdm import tqdm

    tqdm.write(f"ganlib: {message}", file=sys.stderr)
