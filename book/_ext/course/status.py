"""`{lab-status}` and `{chinese-status}`: tables of the labs' last runs and of the Chinese pages' states.

They are made anew in every build: from what `notebooks/build.py` records in each notebook, and from the pages.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective

from course import stale
from course.twins import LANGUAGES, twin_name

translate = get_translation("status")
STATES = {  # of a Chinese page, in the words of the page
    stale.UP_TO_DATE: "up to date",
    stale.STALE: "stale: the English page changed since",
    stale.MISSING: "missing",
}


def labs(root: Path) -> list[dict[str, Any]]:
    """What is known of each notebook.

    Args:
        root: of the repository.

    Returns:
        For each lab and language: `name`, `language`, `run` (the record of the last run, None if there is none),
        `bytes` (None where there is no notebook) and `stale`.
    """
    if str(root) not in sys.path:
        sys.path.append(str(root))
    from notebooks import build

    found = []
    for name, source in build.sources(root / "notebooks").items():
        for language in LANGUAGES:
            path = source.parent / language / f"{name}.ipynb"
            notebook = build.stored(path)
            found.append({
                "name": name,
                "language": language,
                "run": notebook.metadata.get("ganlib", {}).get("run") if notebook else None,
                "bytes": path.stat().st_size if path.is_file() else None,
                "stale": build.is_stale(source, language),
            })  # fmt: skip
    return found


def words(message: str, **values: object) -> str:
    """A message in the page's language, with its values."""
    return str(translate(message)).format(**values)


def length(seconds: float) -> str:
    """How long a run took."""
    minutes, rest = divmod(round(seconds), 60)
    return words("{minutes} min {seconds} s", minutes=minutes, seconds=rest) if minutes else words("{n} s", n=rest)


def run_cells(run: dict[str, Any] | None) -> list[list[str]]:
    """Two cells of a lab's row, each of lines: when it ran, and with what."""
    if not run:
        return [[words("no record of the run")], []]
    device = {"cpu": "CPU"}.get(run["device"], run["device"])
    if run["threads"]:
        device = words("{device}, {n} threads", device=device, n=run["threads"])
    torch = [f"PyTorch {run['torch']}"] if run["torch"] else []
    when = [run["date"], words("{time} at profile {profile}", time=length(run["seconds"]), profile=run["profile"])]
    return [when, [device, f"Python {run['python']}", *torch]]


class StatusTable(SphinxDirective):
    """A table whose rows become blocks on a phone, so that each cell must speak for itself."""

    translate = staticmethod(get_translation("status"))  # of the heads
    kind = "course-table"
    caption = ""

    def run(self) -> list[nodes.Node]:
        """Make the table, in every build."""
        self.env.note_reread()
        return [self.table(*self.content_of(Path(self.env.srcdir)))]

    def table(self, heads: list[str], rows: list[list[list[str | nodes.Node]]]) -> nodes.table:
        """A table of rows of cells, each of lines."""
        group = nodes.tgroup("", *[nodes.colspec(colwidth=1) for _ in heads], cols=len(heads))
        if any(heads):
            group += nodes.thead("", self.row([[str(self.translate(head))] for head in heads]))
        group += nodes.tbody("", *map(self.row, rows))
        title = [nodes.title("", self.caption)] if self.caption else []
        return nodes.table("", *title, group, classes=[self.kind])

    def row(self, cells: list[list[str | nodes.Node]]) -> nodes.row:
        """A row of cells, each of lines."""
        made = nodes.row()
        for cell in cells:
            lines = [nodes.Text(line) if isinstance(line, str) else line for line in cell]
            made += nodes.entry("", *[nodes.paragraph("", "", line) for line in lines])
        return made

    def link(self, docname: str, text: str = "") -> nodes.Node:
        """A link to a page of either language; without a text it is called like the page."""
        target = {"refdomain": "doc", "reftype": "myst", "reftarget": docname, "reftargetid": None}
        node = pending_xref("", nodes.inline("", text), **target, refdoc=self.env.docname, refexplicit=bool(text))
        self.set_source_info(node)
        return node


class LabStatus(StatusTable):
    """Every notebook: its last run, its size, whether its outputs are stale."""

    def content_of(self, root: Path) -> tuple[list[str], list[list[list[Any]]]]:
        """The heads of the columns and the rows."""
        rows = []
        for lab in labs(root):
            text = f"{lab['name']} · {LANGUAGES[lab['language']][2]}"
            there = lab["bytes"] is not None
            name = self.link(f"notebooks/{lab['language']}/{lab['name']}", text) if there else text
            if there:
                outputs = words("outputs stale: the code changed since" if lab["stale"] else "outputs up to date")
                notebook = [words("{n} kB", n=round(lab["bytes"] / 1000)), outputs]
            else:
                notebook = [words("missing")]
            rows.append([[name], *run_cells(lab["run"]), notebook])
        return ["Lab", "Last run", "On", "Notebook"], rows


class ChineseStatus(StatusTable):
    """Every page: the state of its Chinese version."""

    def content_of(self, root: Path) -> tuple[list[str], list[list[list[Any]]]]:
        """The heads of the columns and the rows."""
        language = "zh" if self.config.language.startswith("zh") else "en"
        rows, contents = [], (root / "_toc.yml").read_text("utf-8")
        for page in sorted(stale.states(root), key=lambda page: contents.find(twin_name(page.page, "en"))):
            link = self.link(twin_name(page.page, language))
            if language == "zh" and page.state == stale.MISSING:
                link = self.link(twin_name(page.page, "en"), page.name)
            rows.append([[link], [words(STATES[page.state])]])
        return ["Page", "Chinese version"], rows


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directives."""
    app.add_directive("lab-status", LabStatus)
    app.add_directive("chinese-status", ChineseStatus)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
