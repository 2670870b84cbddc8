"""Chinese text is set as Chinese: spaces beside Latin letters, full-width punctuation, emphasis that works."""

import re
from pathlib import Path

import autocorrect_py
import nbformat
import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]


def texts() -> dict[str, str]:
    """Every Chinese text in Markdown, by its place."""
    found = {path: path.read_text("utf-8") for path in [*(ROOT / "book" / "zh").glob("*.md"), ROOT / "README.zh.md"]}
    for path in (ROOT / "notebooks" / "zh").glob("*.ipynb"):
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            if cell.cell_type == "markdown":
                found[path / f"cell {number}"] = cell.source
    return {path.relative_to(ROOT).as_posix(): text for path, text in found.items()}


def typographic_faults(text: str) -> list[str]:
    """The lines autocorrect would set otherwise."""
    return [
        f"line {line.line}: {line.old!r} → {line.new!r}" for line in autocorrect_py.lint_for(text, "markdown").lines
    ]


def literal_stars(text: str) -> list[str]:
    """Stars that were meant as emphasis and that the reader would see.

    CommonMark takes no ** for bold whose inner side is punctuation and whose outer side is a letter, which in Chinese
    happens as soon as a bracket closes: **坍塌（collapse）**是.
    """
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", "¤", text, flags=re.S)
    tokens = [child for token in MarkdownIt().parse(text) if token.type == "inline" for child in token.children]
    return [token.content for token in tokens if token.type == "text" and re.search(r"\*", token.content)]


def test_typography():
    found = {place: faults for place, text in texts().items() if (faults := typographic_faults(text))}
    assert found == {}


def test_emphasis_is_recognised():
    found = {place: stars for place, text in texts().items() if (stars := literal_stars(text))}
    assert found == {}


@pytest.mark.parametrize("planted", ["用GAN生成图像。", "共有3个网络。", "先训练,再度量。", "好 ，再来。"])
def test_a_planted_slip_is_found(planted):
    page = (ROOT / "book" / "zh" / "00-welcome.md").read_text("utf-8")
    assert typographic_faults(page) == []
    assert typographic_faults(f"{page}\n{planted}\n")


def test_stars_that_do_not_work_are_found():
    assert literal_stars("这叫**模式坍塌（mode collapse）**是常见的。")
    assert literal_stars("这叫**模式坍塌**（mode collapse），$a*b$ 不算，`2 ** 3` 也不算。") == []
