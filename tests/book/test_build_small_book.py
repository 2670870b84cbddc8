"""A book of three pages built with the course's own extension and settings, then built again after a change."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganlib import sprites
from tools import book as tool
from tools import parity

ROOT = Path(__file__).resolve().parents[2]
PAGE = """# {title}

{{prf:ref}}`thm-one` and {{eq}}`eq-one`.

```{{math}}
:label: eq-one
a = b
```

```{{prf:theorem}} {title}
:label: thm-one
$a = b$ {word}
```

```{{prf:proof}}
$$a = b$$
```

[{title}](../{other}/03-page.md)

:::{{player}} ../_static/figures/03-move-{language}.png
:name: fig-move
:alt: {title}.

{title}.
:::
"""


def build(root: Path) -> subprocess.CompletedProcess[str]:
    """Run `jupyter-book build . -W --keep-going` there."""
    command = "from jupyter_book.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", command, "build", ".", "-W", "--keep-going"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def frame(root: Path) -> None:
    """Copy what a book is built with, but for its pages and its table of contents."""
    for name in ("_ext", "_templates", "_static"):
        ignore = shutil.ignore_patterns("__pycache__", "figures")
        shutil.copytree(ROOT / "book" / name, root / "book" / name, ignore=ignore)
    vendored = ROOT / "_build" / "static"
    if vendored.is_dir():
        shutil.copytree(vendored, root / "_build" / "static")
    for name in ("_config.yml", "book/references.bib", "book/zh/_config.yml"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, root / name)


def sheet(language: str) -> bytes:
    """A sprite sheet of three grey frames."""
    about = sprites.About(["a", "b", "c"], 40, 1.0, False, language)
    return sprites.pack([np.full((10, 20, 1), 80 * i, np.uint8) for i in range(3)], about)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small book, built once."""
    root = tmp_path_factory.mktemp("book")
    frame(root)
    (root / "book/_static/figures").mkdir()
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/en/index\nchapters:\n- file: book/en/03-page\n- file: book/en/04-more\n", "utf-8"
    )
    for language, other, title, word in (("en", "zh", "Equality", "unicorn"), ("zh", "en", "相等", "独角兽")):
        folder = root / "book" / language
        folder.mkdir(exist_ok=True)
        (folder / "index.md").write_text(f"# {title} index\n\n[{title}](03-page.md)\n", "utf-8")
        page = PAGE.format(title=title, word=word, other=other, language=language)
        sprites.Player(sheet(language)).save(root / f"book/_static/figures/03-move-{language}.png")
        (folder / "03-page.md").write_text(page, "utf-8")
        (folder / "04-more.md").write_text(f"# {title} two\n", "utf-8")
    for page in ("index", "03-page", "04-more"):
        parity.accept(page, root)
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def read(book: Path, page: str) -> str:
    """A page of the built site."""
    return (book / "_build/html" / page).read_text("utf-8")


def index(book: Path, folder: str) -> dict:
    """The search index of one language."""
    text = read(book, f"{folder}searchindex.js")
    return json.loads(text[text.index("(") + 1 : text.rindex(")")])


def test_numbers_begin_with_the_chapters(book):
    assert "Theorem 3.1" in read(book, "03-page.html")
    assert "定理 3.1" in read(book, "zh/03-page.html")
    for page in ("03-page.html", "zh/03-page.html"):
        assert '<span class="eqno">(3.1)' in read(book, page)


def test_a_proof_says_so_in_the_pages_language_even_before_a_formula(book):
    words = {
        page: re.search(r'<em class="proof-word">(.*?)</em>', read(book, page))
        for page in ("03-page.html", "zh/03-page.html")
    }
    assert words["03-page.html"][1] == "Proof."
    assert words["zh/03-page.html"][1] == "证明"


@pytest.mark.parametrize(("page", "language", "number", "play"), [
    ("03-page.html", "en", "Fig. 3.1", "play"),
    ("zh/03-page.html", "zh", "图 3.1", "播放"),
])  # fmt: skip
def test_a_player_is_a_figure_that_moves(book, page, language, number, play):
    html = read(book, page)
    figure = re.search(r"<figure.*?</figure>", html, re.DOTALL)[0]
    assert 'id="fig-move"' in figure and number in figure and f'aria-label="{play}"' in figure
    assert 'captions = ["a", "b", "c"]' in figure
    image = re.search(r'<img src="([^"]+)" alt="([^"]+)"', figure)
    assert image[2] in ("Equality.", "相等。", "相等.")
    assert (book / "_build/html" / page).parent.joinpath(image[1]).read_bytes() == sheet(language)


@pytest.mark.parametrize(("page", "href", "text"), [
    ("03-page.html", "zh/03-page.html", "Equality"),
    ("zh/03-page.html", "../03-page.html", "相等"),
])  # fmt: skip
def test_links_into_the_other_language(book, page, href, text):
    assert re.search(rf'<a [^>]*href="{href}"[^>]*>(<[^>]*>)*{text}<', read(book, page))


def test_what_a_page_matches_does_not_show(book):
    for page in ("index", "03-page", "04-more"):
        recorded = parity.stale.recorded(book, f"book/zh/{page}")
        assert recorded and recorded not in read(book, f"zh/{page}.html")
        assert "stale-note" not in read(book, f"zh/{page}.html")


FAULTS = {  # what is planted → what Sphinx says, and what to do about it
    "[a link](nowhere.md)": "cross-reference target not found: 'nowhere.md'.*; correct the link, or write the page",
    "[an anchor](03-page.md#nowhere)": "local id not found in doc 'book/.*/03-page': 'nowhere'.*; correct what follows",
    "[a label](#nowhere)": "cross-reference target not found: 'nowhere'.*; correct the link",
    "{cite}`nobody1900nothing`": 'could not find bibtex key "nobody1900nothing".*; correct the key, or add its entry',
    "{ref}`sec-nowhere`": "undefined label: 'sec-nowhere'.*; correct the name",
    "{eq}`eq-nowhere`": "equation not found: eq-nowhere.*; correct the name",
    ":::{player} ../references.bib\n:::": "../references.bib is no sprite sheet; expected a PNG that viz.player",
    ":::{player} nothing.png\n:::": "There is no file nothing.png; expected a PNG that viz.player",
    "{doc}`nodoc`": "unknown document: 'nodoc'.*; correct the path",
}


def test_a_rebuild_keeps_the_index_and_names_the_faults_of_both_languages(book):
    assert sorted(index(book, "")["docnames"]) == ["03-page", "04-more", "index"]
    assert "独角" in index(book, "zh/")["terms"]
    for lang, word in (("en", "rainbow"), ("zh", "彩虹")):
        page = book / "book" / lang / "index.md"
        page.write_text("\n\n".join([page.read_text("utf-8"), word, *FAULTS, ""]), "utf-8")
    more = book / "book/en/04-more.md"
    more.write_text(more.read_text("utf-8") + "\nMore of it.\n", "utf-8")
    done = build(book)
    assert done.returncode != 0
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr).splitlines()
    warnings = "\n".join(tool.advise(line) for line in said)
    for lang in ("en", "zh"):
        lines = (book / "book" / lang / "index.md").read_text("utf-8").splitlines()
        for planted, words in FAULTS.items():
            place = f"book/{lang}/index.md:{lines.index(planted.split(chr(10))[0]) + 1}: "
            assert re.search(re.escape(place) + f".*{words}", warnings), f"{place}{words}\n{warnings}"
    terms = index(book, "zh/")["terms"]
    assert {"彩虹", "独角"} <= terms.keys()  # the changed page, and the one that was not read again
    assert sorted(index(book, "zh/")["docnames"]) == ["03-page", "04-more", "index"]
    assert "unicorn" in index(book, "")["terms"]
    # The English text of two pages changed, one of them only there: their Chinese pages are written again and say so.
    for page, lags in (("03-page", False), ("04-more", True), ("index", True)):
        banner = re.search(r'<aside class="stale-note">.*?</aside>', read(book, f"zh/{page}.html"))
        assert bool(banner) == lags, page
        assert not banner or f'href="../{page}.html"' in banner[0]
        assert "stale-note" not in read(book, f"{page}.html")
