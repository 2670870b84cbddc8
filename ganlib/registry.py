"""Finding what a folder of small files offers, so that a new file needs no edit elsewhere."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any


def collect(package: ModuleType, table: str) -> dict[str, Any]:
    """Merge the dictionaries called `table` of all modules of `package`.

    Args:
        package: an imported package, e.g. ``ganlib.models``.
        table: the name of the dictionary, e.g. ``"NETWORKS"``; modules without one are helpers and are passed over.

    Returns:
        One dictionary, name to entry.

    Raises:
        RuntimeError: two modules give the same name.
    """
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for name, entry in getattr(module, table, {}).items():
            if name in found:
                raise RuntimeError(f"{name!r} is defined twice in {package.__name__}.*.{table}")
            found[name] = entry
    return found
