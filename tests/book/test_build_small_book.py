"""A book of two pages built with the course's own extension and settings, then built again after a change."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small book, built once."""
    root = tmp_path_factory.mktemp("book")
    frame(root)
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/en/index\nchapters:\n- file: book/en/03-page\n", "utf-8"
    )
    for language, other, title, word in (("en", "zh", "Equality", "unicorn"), ("zh", "en", "相等", "独角兽")):
        folder = root / "book" / language
        folder.mkdir(exist_ok=True)
        (folder / "index.md").write_text(f"# {title} index\n\n[{title}](03-page.md)\n", "utf-8")
        page = PAGE.format(title=title, word=word, other=other)
        (folder / "03-page.md").write_text(page, "utf-8")
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


@pytest.mark.parametrize(("page", "href", "text"), [
    ("03-page.html", "zh/03-page.html", "Equality"),
    ("zh/03-page.html", "../03-page.html", "相等"),
])  # fmt: skip
def test_links_into_the_other_language(book, page, href, text):
    assert re.search(rf'<a [^>]*href="{href}"[^>]*>(<[^>]*>)*{text}<', read(book, page))


def test_a_rebuild_keeps_the_index_and_a_warning_in_either_language_fails_it(book):
    assert sorted(index(book, "")["docnames"]) == ["03-page", "index"]
    assert "独角" in index(book, "zh/")["terms"]
    page = book / "book/zh/index.md"
    page.write_text(page.read_text("utf-8") + "\n彩虹。\n\n{prf:ref}`thm-nowhere`\n", "utf-8")
    done = build(book)
    assert done.returncode != 0
    assert "thm-nowhere" in done.stdout + done.stderr
    terms = index(book, "zh/")["terms"]
    assert {"彩虹", "独角"} <= terms.keys()  # the changed page, and the one that was not read again
    assert sorted(index(book, "zh/")["docnames"]) == ["03-page", "index"]
    assert "unicorn" in index(book, "")["terms"]
