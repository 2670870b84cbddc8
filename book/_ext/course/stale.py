"""Chinese pages that lag behind their English twins: how one knows, and the banner that tells the reader.

A Chinese page records in its front matter which English text it matches (`matches: "0123456789ab"`), and a lab in the
header of the first Chinese cell of its source (`lang="zh" matches="0123456789ab"`); `make accept` writes both. The page
is stale when the English text is another one by now. Nothing here needs Sphinx to be imported: `tools.parity` uses it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

UP_TO_DATE, STALE, MISSING = "up to date", "stale", "missing"
PAGE = re.compile(r"(book|notebooks)/zh/(.+)")
RECORD = re.compile(r"""^matches:[ ]*["']?([0-9a-f]{12})["']?[ ]*$""", re.MULTILINE)
LAB_RECORD = re.compile(r'^# %% \[markdown\].* matches="([0-9a-f]{12})"', re.MULTILINE)
BANNER = (
    '<aside class="stale-note"><p>英文版后来有改动，本页尚未跟上，请以'
    '<a href="{href}" hreflang="en">英文版</a>为准。</p></aside>\n'
)


@dataclass(frozen=True)
class State:
    """How a Chinese page stands to its English twin.

    Attributes:
        page: Sphinx's name of the Chinese page (`book/zh/02-gan`, `notebooks/zh/02-gan`).
        state: `up to date`, `stale` (the English text changed since, or it was never recorded) or `missing`.
    """

    page: str
    state: str

    @property
    def name(self) -> str:
        """What `make accept PAGE=…` calls it (`02-gan`, `lab/02-gan`)."""
        folder, name = PAGE.fullmatch(self.page).groups()
        return f"lab/{name}" if folder == "notebooks" else name


def sources(root: Path, page: str) -> tuple[Path, Path]:
    """The files with the English and the Chinese text of a page, by the Chinese page's name; a lab has one for both."""
    folder, name = PAGE.fullmatch(page).groups()
    if folder == "notebooks":
        return root / "notebooks" / f"{name}.py", root / "notebooks" / f"{name}.py"
    return root / "book" / "en" / f"{name}.md", root / "book" / "zh" / f"{name}.md"


def english(source: str) -> str:
    """The English text in the source of a lab: its cells, comments and alternative texts."""
    kept, inside = [], False
    for line in source.splitlines():
        if line.startswith("# %%"):
            inside = 'lang="en"' in line
        if inside or line.lstrip().startswith(("# en: ", "# alt-en: ")):
            kept.append(line)
    return "\n".join(kept)


def digest(root: Path, page: str) -> str:
    """Twelve hexadecimal digits of the English text of today; spaces at the ends of lines do not count."""
    source = sources(root, page)[0]
    text = source.read_text("utf-8")
    text = english(text) if source.suffix == ".py" else text
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def recorded(root: Path, page: str) -> str | None:
    """The digest that the Chinese text says it matches, or None where it says nothing."""
    source = sources(root, page)[1]
    text = source.read_text("utf-8")
    if source.suffix == ".py":
        match = LAB_RECORD.search(text)
    else:
        match = RECORD.search(text[: text.find("\n---", 3) + 1]) if text.startswith("---\n") else None
    return match[1] if match else None


def state(root: Path, page: str) -> State:
    """The state of one Chinese page, whose English twin exists."""
    if not sources(root, page)[1].is_file():
        return State(page, MISSING)
    return State(page, UP_TO_DATE if recorded(root, page) == digest(root, page) else STALE)


def pages(root: Path) -> list[str]:
    """The names of the Chinese pages and labs that the English ones ask for, whether they exist or not."""
    english_pages = root / "book" / "en"
    found = [f"book/zh/{path.relative_to(english_pages).as_posix()[:-3]}" for path in english_pages.rglob("*.md")]
    return sorted(found) + [f"notebooks/zh/{path.stem}" for path in sorted(root.glob("notebooks/[0-9][0-9]-*.py"))]


def states(root: Path) -> list[State]:
    """Every Chinese page and lab with its state, pages first, by name.

    Args:
        root: of the repository.
    """
    return [state(root, page) for page in pages(root)]


def depend_on_twin(app: Sphinx, doctree: Any) -> None:
    """Have a Chinese page written again when its English twin changes, for only then does the banner appear."""
    if PAGE.fullmatch(app.env.docname):
        for source in sources(Path(app.srcdir), app.env.docname):
            app.env.note_dependency(str(source))


def add_banner(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Put the banner on top of a Chinese page that is stale."""
    root = Path(app.srcdir)
    if not PAGE.fullmatch(pagename) or not all(source.is_file() for source in sources(root, pagename)):
        return
    if state(root, pagename).state == STALE:
        context["body"] = BANNER.format(href=context["twin"]["href"]) + context["body"]


def setup(app: Sphinx) -> dict[str, object]:
    """Connect the steps; the banner comes after `course.twins` has made the link."""
    app.connect("doctree-read", depend_on_twin)
    app.connect("html-page-context", add_banner, priority=200)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
