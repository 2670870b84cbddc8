"""What the first cell of a notebook calls: language, device, profile, data set and seed, in one line."""

from __future__ import annotations

import inspect
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import ganlib
from ganlib import labels, viz
from ganlib.device import resolve
from ganlib.errors import GanlibError, unknown

PROFILES = ("smoke", "cpu", "gpu")
Value = TypeVar("Value")


class Lab:
    """A notebook's settings.

    The profile says how much the notebook does: ``"smoke"`` only shows that it runs (seconds), ``"cpu"`` is made for
    two cores (minutes), ``"gpu"`` uses the real data set. It is the argument, else the environment variable
    GANLIB_PROFILE, else ``"gpu"`` on CUDA and ``"cpu"`` elsewhere.

    Args:
        name: the lab's name, e.g. ``"02-gan"``.
        lang: ``"en"`` or ``"zh"``.
        profile: one of `PROFILES`, or None.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, …
        seed: for torch, NumPy and Python.
        data: name of the data set, or a mapping from every profile to a name.

    Attributes:
        live: True where somebody can move a slider. The environment variable GANLIB_STATIC=1, which is set when the
            pages of the site are made, turns it off: figures that need no kernel take the sliders' places.
        progress: show progress bars; off where nobody watches (`live` is False, or the profile is ``"smoke"``).

    Raises:
        GanlibError: an unknown language, profile or device.
    """

    def __init__(
        self,
        name: str,
        lang: str = "en",
        profile: str | None = None,
        device: str = "auto",
        seed: int = 0,
        data: str | Mapping[str, str] = "digits",
    ):
        self.name, self.lang, self.seed = name, labels.check(lang), seed
        self.device = resolve(device)
        profile = profile or os.environ.get("GANLIB_PROFILE") or ("gpu" if self.device.type == "cuda" else "cpu")
        if profile not in PROFILES:
            raise unknown("profile", profile, PROFILES)
        self.profile = profile
        self.data = data if isinstance(data, str) else self.pick(**data)
        self.live = os.environ.get("GANLIB_STATIC", "0") in ("", "0")
        self.progress = self.live and profile != "smoke"
        ganlib.seed(seed)
        viz.use(lang)
        print(self.t("lab", name=name, device=self.device, profile=profile, data=self.data, seed=seed))

    def pick(self, **choices: Value) -> Value:
        """The value for the profile in use: ``lab.pick(smoke=20, cpu=3000, gpu=30_000)``.

        Raises:
            GanlibError: the choices are not exactly one per profile.
        """
        if set(choices) != set(PROFILES):
            raise GanlibError(
                f"pick() was given {', '.join(choices) or 'nothing'}; expected one value each for {', '.join(PROFILES)}"
            )
        return choices[self.profile]

    def load(self, **options: Any) -> Any:
        """The lab's data set, on the lab's device. It says which: no other set ever takes its place.

        Args:
            options: passed to ``ganlib.load``.
        """
        data = ganlib.load(self.data, **options).to(self.device)
        print(self.t("images", name=self.data, n=len(data), shape=tuple(data.shape)))
        return data

    def t(self, key: str, **values: object) -> str:
        """The words behind a key of `ganlib.labels`, in the lab's language."""
        return labels.t(key, self.lang, **values)

    def show(self, *things: Any) -> None:
        """Show the source of functions, methods or classes, word for word: what is read is what runs."""
        from IPython.display import Markdown, display

        for thing in things:
            code = source(thing)
            display(Markdown(f"*{where(thing)}*\n\n```python\n{code}```"))


def source(thing: Any) -> str:
    """The source of a function, method or class, dedented.

    Raises:
        GanlibError: it has none.
    """
    try:
        return textwrap.dedent(inspect.getsource(thing)).rstrip() + "\n"
    except (TypeError, OSError):
        raise GanlibError(f"{thing!r} has no Python source to show; expected a function, a method or a class") from None


def where(thing: Any) -> str:
    """File (from the package's folder on) and name of a function, method or class."""
    thing = inspect.unwrap(thing)  # a decorated function is in its own file, not in the decorator's
    file, root = Path(inspect.getsourcefile(thing) or ""), Path(ganlib.__file__).parent.parent
    place = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
    return f"`{place}` · `{thing.__qualname__}`"
