"""The course's own Sphinx extensions: two languages in one site, short addresses, search, the glossary.

Each module is a small extension of its own; this package only loads them, so `_config.yml` names one word, `course`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing Sphinx takes a second, which the tools that use a module of this package need not wait
    from sphinx.application import Sphinx

MODULES = (
    "addresses",
    "cards",
    "glossary",
    "launch",
    "numbering",
    "players",
    "proofs",
    "records",
    "search",
    "stale",
    "status",
    "twins",
    "typography",
    "vendor",
    "words",
    "zoo",
)


def setup(app: Sphinx) -> dict[str, object]:
    """Load every module of the package."""
    for module in MODULES:
        app.setup_extension(f"course.{module}")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
