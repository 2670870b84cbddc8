"""`make new-chapter`: what it writes builds and passes at once, and what it refuses leaves no trace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from notebooks import build as labs
from tests.book.test_build_small_book import build, frame
from tests.book.test_chinese import literal_stars, typographic_faults
from tests.book.test_terms import TERMS, wrong_words
from tests.book.test_unfinished import todos
from tests.maths.test_proves import faults, labels, marks
from tools import new_chapter, parity

ROOT = Path(__file__).resolve().parents[2]
TOC = """# a comment that stays
format: jb-book
root: book/en/index
parts:
  - caption: The original game
    chapters:
      - file: book/en/02-gan
  - caption: Reference
    chapters:
      - file: book/en/references
"""
# Every kind of block that a page may have, by its name in English and Chinese.
NAMES = {
    "theorem": ("Theorem", "定理"),
    "lemma": ("Lemma", "引理"),
    "proposition": ("Proposition", "命题"),
    "corollary": ("Corollary", "推论"),
    "definition": ("Definition", "定义"),
    "remark": ("Remark", "注"),
    "example": ("Example", "例"),
    "algorithm": ("Algorithm", "算法"),
    "assumption": ("Assumption", "假设"),
    "notation": ("Notation", "记号"),
}
TITLES = ("The dynamics of training", "训练动力学")


def repository(root: Path) -> Path:
    """The files of the repository that a new chapter needs, with a stub for chapter 02."""
    frame(root)
    (root / "_toc.yml").write_text(TOC, "utf-8")
    needed = ("pyproject.toml", "notebooks/ruff.toml", "book/figures/drawing.py")
    for name in (*needed, "book/en/references.md", "book/zh/references.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for language, title in (("en", "A game"), ("zh", "博弈")):
        (root / "book" / language / "index.md").write_text(f"# {title}\n\n[{title}](02-gan.md)\n", "utf-8")
        blocks = "".join(f":::{{prf:{kind}}}\n:label: {kind}\n{title}\n:::\n\n" for kind in NAMES)
        (root / "book" / language / "02-gan.md").write_text(f"# 02 · {title}\n\n{blocks}", "utf-8")
    for page in ("index", "02-gan", "references"):
        parity.accept(page, root)
    return root


def run_lab(root: Path, name: str) -> None:
    """Write a lab's notebooks; run it in English at the size of a test, and give the outputs to both languages."""
    cells = labs.parse((root / f"notebooks/{name}.py").read_text("utf-8"), f"{name}.py")
    english, chinese = (labs.assemble(cells, lang, "https://github.com/a/b") for lang in labs.LANGUAGES)
    settings = {"GANLIB_PROFILE": "smoke", "GANLIB_STATIC": "1", "CUDA_VISIBLE_DEVICES": ""}
    NotebookClient(english, timeout=60, kernel_name="python3").execute(env=os.environ | settings)
    english.metadata.ganlib["code"] = labs.code_hash(cells)
    assert labs.keep_outputs(chinese, english, labs.code_hash(cells))
    for lang, notebook in zip(labs.LANGUAGES, (english, chinese), strict=True):
        labs.write(root / "notebooks" / lang / f"{name}.ipynb", notebook, name)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small repository with a new chapter, its lab run and its book built once."""
    root = repository(tmp_path_factory.mktemp("repository"))
    written = new_chapter.new_chapter("03-dynamics", *TITLES, root)
    assert all((root / path).is_file() for path in written) and len(written) == 6  # five, and the table of contents
    run_lab(root, "03-dynamics")
    done = build(root)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


@pytest.mark.parametrize(("page", "words"), [
    ("03-dynamics.html", ["03 · The dynamics of training", "Theorem 3.1", "Hint", "Solution to", "Algorithm 3.1"]),
    ("zh/03-dynamics.html", ["03 · 训练动力学", "定理 3.1", "提示", "解答", "算法 3.1"]),
    ("lab/03-dynamics.html", ["Lab 03 · The dynamics of training", "generator_loss"]),
    ("zh/lab/03-dynamics.html", ["实验 03 · 训练动力学", "generator_loss"]),
])  # fmt: skip
def test_the_built_pages(made, page, words):
    html = (made / "_build/html" / page).read_text("utf-8")
    assert [word for word in words if word not in html] == []
    assert re.findall(r'<img[^>]* alt="(TODO[^"]*)"', html)  # the words of a figure reach the page, unfinished or not
    assert "@@" not in html


@pytest.mark.parametrize(("page", "column"), [("02-gan.html", 0), ("zh/02-gan.html", 1)])
def test_every_block_is_named_in_the_pages_language(made, page, column):
    html = (made / "_build/html" / page).read_text("utf-8")
    assert [names for names in NAMES.values() if f'"caption-number">{names[column]} 2.1 ' not in html] == []


def test_its_statement_has_a_test_that_passes(made):
    english, chinese = (
        {label: page for label, page in labels(made / "book" / language).items() if page == "03-dynamics.md"}
        for language in ("en", "zh")
    )
    assert set(english) == {"thm-dynamics-example"} and english == chinese
    assert faults(english, marks(made / "tests")) == []
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/maths/test_dynamics.py"]
    done = subprocess.run(command, cwd=made, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


def test_its_code_is_in_the_projects_style(made):
    (made / "ganlib").mkdir()  # as in the repository, where it is no package of others
    for command in (["check"], ["format", "--check", "--diff"]):
        where = ["tests", "notebooks/03-dynamics.py", "book/figures"]
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *where], cwd=made, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_its_lab_is_as_labs_must_be(made):
    for lang in labs.LANGUAGES:
        cells = nbformat.read(made / f"notebooks/{lang}/03-dynamics.ipynb", as_version=4).cells
        code = [cell for cell in cells if cell.cell_type == "code"]
        assert sum("nbval-ignore-output" not in cell.metadata.get("tags", []) for cell in code) >= 5
        assert all(cell.outputs for cell in code if "nbval-ignore-output" not in cell.metadata.get("tags", []))
    source = labs.parse((made / "notebooks/03-dynamics.py").read_text("utf-8"))
    assert labs.wordless(source, nbformat.read(made / "notebooks/en/03-dynamics.ipynb", as_version=4), "lab") == []


def test_its_chinese_is_set_as_chinese(made):
    texts = [(made / "book/zh/03-dynamics.md").read_text("utf-8")]
    cells = nbformat.read(made / "notebooks/zh/03-dynamics.ipynb", as_version=4).cells
    texts += [cell.source for cell in cells if cell.cell_type == "markdown"]
    for text in texts:
        assert (typographic_faults(text), literal_stars(text), wrong_words(text, TERMS)) == ([], [], [])


def test_its_twins_agree_and_say_so(made):
    assert parity.faults(made) == []
    states = {state.name: state.state for state in parity.states(made)}
    assert {states["03-dynamics"], states["lab/03-dynamics"]} == {parity.stale.UP_TO_DATE}


def test_what_is_still_to_be_written_is_named(made):
    left = todos(made)
    assert "book/en/03-dynamics.md:6: TODO is left" in left
    files = {place.split(":")[0] for place in left}
    assert files == {f"book/{lang}/03-dynamics.md" for lang in labs.LANGUAGES} | {
        "notebooks/03-dynamics.py",
        "book/figures/03_dynamics.py",
    }


def test_every_file_of_the_templates_is_used():
    assert {path.name for path in new_chapter.TEMPLATES.iterdir()} == set(new_chapter.files("03-x"))


# -- the table of contents ---------------------------------------------------------------------------------------------
def chapters(toc: str) -> dict[str, list[str]]:
    """Caption → pages and labs, in order."""
    return {
        part["caption"]: [
            re.sub(r".*/en/", "", page["file"]) + "".join(" + lab" for lab in page.get("sections", []))
            for page in part["chapters"]
        ]
        for part in yaml.safe_load(toc)["parts"]
    }


def test_chapters_find_their_places_in_any_order():
    toc = TOC
    for name in ("15-evaluation", "01-distances", "07-wgan-gp", "03-dynamics", "05-lsgan", "16-srgan"):
        toc = new_chapter.enter(toc, name)
    assert chapters(toc) == {
        "The original game": ["01-distances + lab", "02-gan", "03-dynamics + lab"],
        "The loss: a game that trains steadily": ["05-lsgan + lab", "07-wgan-gp + lab"],
        "Which is better?": ["15-evaluation + lab"],
        "Further chapters": ["16-srgan + lab"],
        "Reference": ["references"],
    }
    lines = iter(toc.splitlines())
    assert all(line in lines for line in TOC.splitlines())  # the others stand there as before, in their order


def test_the_courses_own_table_of_contents_takes_a_chapter():
    own = (ROOT / "_toc.yml").read_text("utf-8")
    before, after = chapters(own), chapters(new_chapter.enter(own, "04-dcgan"))
    assert after["The original game"] == [*before["The original game"], "04-dcgan + lab"]
    assert {caption: after[caption] for caption in before if caption != "The original game"} == {
        caption: pages for caption, pages in before.items() if caption != "The original game"
    }


def test_a_new_part_gets_its_chinese_caption_once():
    config = (ROOT / "book/zh/_config.yml").read_text("utf-8")
    assert new_chapter.translate(config, 3) == config
    changed = new_chapter.translate(config, 6)
    words = yaml.safe_load(changed)["sphinx"]["config"]["course_words"]["toc"]
    assert words["The loss: a game that trains steadily"] == "损失：让博弈稳定下来" and words["Reference"] == "参考"
    assert new_chapter.translate(changed, 8) == changed


def test_every_caption_of_a_numbered_part_is_one_of_the_tools():
    known = {caption for _, caption, _ in new_chapter.PARTS}
    for caption, pages in chapters((ROOT / "_toc.yml").read_text("utf-8")).items():
        numbers = [int(page[:2]) for page in pages if re.match(r"\d\d-", page)]
        assert not numbers or caption in known
        assert {new_chapter.caption_of(number)[0] for number in numbers} <= {caption}


# -- what is refused ---------------------------------------------------------------------------------------------------
def snapshot(root: Path) -> dict[str, bytes]:
    """Every file with its bytes."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("name", "en", "zh", "words"), [
    ("", *TITLES, "NAME='' is no name of a chapter"),
    ("dynamics", *TITLES, "NAME='dynamics' is no name of a chapter: expected two digits and small words"),
    ("3-dynamics", *TITLES, "NAME='3-dynamics' is no name"),
    ("03-Dynamics", *TITLES, "NAME='03-Dynamics' is no name"),
    ("03-dynamics_of", *TITLES, "NAME='03-dynamics_of' is no name"),
    ("03-../../x", *TITLES, "NAME='03-../../x' is no name"),
    ("02-dynamics", *TITLES, "There is book/en/02-gan.md already"),
    ("04-gan", *TITLES, "There is tests/maths/test_gan.py already"),
    ("03-dynamics", "", TITLES[1], 'The title is missing: give EN="'),
    ("03-dynamics", TITLES[0], "  ", 'The title is missing: give ZH="'),
    ("03-dynamics", TITLES[1], TITLES[1], "EN='训练动力学' is no English title"),
    ("03-dynamics", TITLES[0], TITLES[0], "ZH='The dynamics of training' is no Chinese title"),
    ("03-dynamics", "Two\nlines", TITLES[1], "A title is one line"),
])  # fmt: skip
def test_a_chapter_that_cannot_be_is_refused_and_nothing_is_written(tmp_path, name, en, zh, words):
    for path in ("book/en/02-gan.md", "book/zh/02-gan.md", "tests/maths/test_gan.py", "_toc.yml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(TOC, "utf-8")
    before = snapshot(tmp_path)
    with pytest.raises(ValueError) as refused:
        new_chapter.new_chapter(name, en, zh, tmp_path)
    assert str(refused.value).startswith(words) and str(refused.value).endswith(".")
    assert snapshot(tmp_path) == before


def test_the_command_says_it_in_one_line(capsys):
    assert new_chapter.main(["02-gan", *TITLES]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "There is book/en/02-gan.md already" in said.err
    assert new_chapter.main([]) == 2 and "is no name of a chapter" in capsys.readouterr().err
