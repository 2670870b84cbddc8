"""What an author left open is found: a TODO in a page, a lab or a figure, and a figure without words."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("book/en/*.md", "book/zh/*.md", "book/figures/*.py", "notebooks/*.py")
FIGURE = re.compile(r"^[ \t]*(?:`{3,}|:{3,})\{(?:figure|image)\}[^\n]*\n((?:[ \t]*:[a-z]+:[^\n]*\n)*)", re.MULTILINE)
ALT = re.compile(r"^[ \t]*:alt:[ \t]*\S", re.MULTILINE)


def texts(root: Path) -> dict[str, str]:
    """Every page, lab and figure's source by its path; not the map's, which asks the pages for the word itself."""
    files = [path for pattern in SOURCES for path in sorted(root.glob(pattern)) if path.name != "00_welcome.py"]
    return {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in files}


def todos(root: Path) -> list[str]:
    """The places left open, one sentence each."""
    return [
        f"{name}:{number}: TODO is left"
        for name, text in texts(root).items()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(r"\bTODO\b", line)
    ]


def wordless(root: Path) -> list[str]:
    """The figures of pages without alternative text, one sentence each."""
    return [
        f"{name}:{text[: match.start()].count(chr(10)) + 1}: this figure has no words; say in :alt: what it shows"
        for name, text in texts(root).items()
        for match in FIGURE.finditer(text)
        if name.endswith(".md") and not ALT.search(match[1])
    ]


def test_nothing_is_left_open():
    assert {"book/en/02-gan.md", "book/zh/02-gan.md", "notebooks/02-gan.py"} <= set(texts(ROOT))
    assert todos(ROOT) == []
    assert wordless(ROOT) == []


def test_what_is_left_open_is_named(tmp_path):
    for folder in ("book/en", "book/zh", "notebooks"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "book/en/03-x.md").write_text(
        "# 03\n\n* TODO: write\n\n:::{figure} a.svg\n:name: fig-a\n:alt: A curve.\n:::\n", "utf-8"
    )
    (tmp_path / "book/zh/03-x.md").write_text("# 03\n\n**TODO：待写**\n\n```{figure} a.svg\n:name: a\n```\n", "utf-8")
    (tmp_path / "notebooks/03-x.py").write_text('# %%\nprint("TODOS")  # no word of ours\n', "utf-8")
    assert todos(tmp_path) == ["book/en/03-x.md:3: TODO is left", "book/zh/03-x.md:3: TODO is left"]
    assert wordless(tmp_path) == ["book/zh/03-x.md:5: this figure has no words; say in :alt: what it shows"]
