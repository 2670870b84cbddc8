"""The course's own Sphinx extensions: two languages in one site, short addresses, Chinese search and the glossary.

Each module is a small extension of its own; this package only loads them, so `_config.yml` names one word, `course`.
"""

from __future__ import annotations

from sphinx.application import Sphinx

MODULES = (
    *("addresses", "cards", "glossary", "numbering", "proofs", "search"),
    *("status", "twins", "typography", "vendor", "words"),
)


def setup(app: Sphinx) -> dict[str, object]:
    """Load every module of the package."""
    for module in MODULES:
        app.setup_extension(f"course.{module}")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
