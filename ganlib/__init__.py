"""ganlib: the small shared library of *GANs: Derived, Trained, Measured*.

Five words, one direction: **data** (what is learned) → **models** (the networks) → **gans** (the game: losses and whose
turn it is) → **training** (one loop that plays any game) → **metrics** (how good it is).

    import ganlib

    data = ganlib.load("digits")
    gan = ganlib.build("gan", data.shape)
    trainer = ganlib.Trainer(gan, data, batch_size=128).fit(3000)
    images = trainer.sample(64)  # (64, 1, 28, 28) in [−1, 1]
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Where the short names live. They are imported on first use, so that `import ganlib` costs little more than torch.
_HOME = {
    "load": "ganlib.data",
    "build": "ganlib.gans",
    "Trainer": "ganlib.training",
    "load_gan": "ganlib.training",
    "seed": "ganlib.training",
    "Every": "ganlib.training",
    "Snapshots": "ganlib.training",
    "Evaluate": "ganlib.training",
    "Watch": "ganlib.training",
    "Seeds": "ganlib.training",
    "Lab": "ganlib.lab",
    "GanlibError": "ganlib.errors",
}
_PARTS = ("data", "models", "losses", "penalties", "gans", "training", "metrics", "recipes", "viz", "labels", "lab")
_PARTS += ("zoo", "device", "errors", "cli", "translation", "projection", "editing")

__all__ = [*_HOME, *_PARTS]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _PARTS:
        return importlib.import_module(f"ganlib.{name}")
    raise AttributeError(f"module 'ganlib' has no attribute {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
