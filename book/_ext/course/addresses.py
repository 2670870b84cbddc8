"""Page addresses without the source folders: `book/en/02-gan.md` becomes `02-gan.html`, its lab `lab/02-gan.html`.

The Chinese build makes the same addresses, and `course.twins` puts it under `zh/`.
"""

from __future__ import annotations

import re
from typing import IO, Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.search import js_index

from course.cards import without_links

FOLDER = re.compile(r"^(book|notebooks)/(en|zh)/")


def short(docname: str) -> str:
    """The address of a page, without `.html`.

    Args:
        docname: Sphinx's name of the page, its path from the root without suffix (`notebooks/zh/02-gan`).

    Returns:
        The name without its language folder, labs under `lab/` (`lab/02-gan`); other names unchanged (`search`).
    """
    match = FOLDER.match(docname)
    if match is None:
        return docname
    page = docname[match.end() :]
    return f"lab/{page}" if match[1] == "notebooks" else page


class ShortIndex:
    """The search index with short addresses, from which the browser makes its links.

    Sphinx reads the index back in the next build to keep the pages that did not change, so reading restores the names.

    Args:
        docnames: every page of this build.
    """

    def __init__(self, docnames: set[str]) -> None:
        self.long = {short(name): name for name in docnames}

    def dump(self, index: dict[str, Any], file: IO[str]) -> None:
        """Write the index with short addresses."""
        file.write(js_index.dumps({**index, "docnames": [short(name) for name in index["docnames"]]}))

    def load(self, file: IO[str]) -> dict[str, Any]:
        """Read an index, with the pages' own names (a page that is gone keeps its address, and Sphinx drops it)."""
        index = js_index.load(file)
        return {**index, "docnames": [self.long.get(name, name) for name in index["docnames"]]}


class ShortHTMLBuilder(StandaloneHTMLBuilder):
    """Sphinx's HTML builder with short addresses."""

    name = "html"

    @property
    def indexer_format(self) -> ShortIndex:  # type: ignore[override]
        """How the search index is written and read."""
        return ShortIndex(set(self.env.all_docs))

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """The address that links use."""
        return super().get_target_uri(short(docname), typ)

    def get_outfilename(self, pagename: str) -> str:
        """The file that holds the page."""
        return super().get_outfilename(short(pagename))

    def index_page(self, pagename: str, doctree: nodes.document, title: str) -> None:
        """Index the page's text for search."""
        super().index_page(pagename, without_links(doctree), title)


def setup(app: Sphinx) -> dict[str, object]:
    """Replace the HTML builder."""
    app.add_builder(ShortHTMLBuilder, override=True)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
