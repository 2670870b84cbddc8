"""The status page: what its tables say of labs and of Chinese pages."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import yaml
from docutils import nodes

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book/_ext"))

from course import status  # noqa: E402

from notebooks import build  # noqa: E402

RUN = {
    **{"date": "2026-01-31", "seconds": 134, "profile": "cpu", "device": "cpu", "threads": 2},
    **{"python": "3.11.2", "torch": "2.9.1+cpu"},
}


@pytest.fixture
def course(tmp_path):
    """A repository with one lab, run in English and not there in Chinese, and two pages, one without its twin."""
    source = tmp_path / "notebooks" / "01-try.py"
    source.parent.mkdir()
    source.write_text("# %%\nx = 6 * 7\n", "utf-8")
    cells = build.parse(source.read_text("utf-8"))
    made = build.assemble(cells, "en", "")
    made.cells[0].execution_count = 1
    made.metadata.ganlib.update(code=build.code_hash(cells), run=RUN)
    (source.parent / "en").mkdir()
    (source.parent / "en" / "01-try.ipynb").write_text(build.text_of(made), "utf-8")
    contents = "root: book/en/index\nchapters:\n- file: book/en/01-try\n  sections:\n  - file: notebooks/en/01-try\n"
    (tmp_path / "_toc.yml").write_text(contents, "utf-8")
    for page in ("en/index", "zh/index", "en/01-try"):
        (tmp_path / "book" / page).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "book" / f"{page}.md").write_text("# Page\n", "utf-8")
    return tmp_path


def rows(directive, root):
    """The rows of a directive's table, each cell as its lines; a link as its target and its text."""
    table = object.__new__(directive)
    table.link = lambda docname, text="": nodes.Text(f"[{docname}]{text}")
    heads, content = table.content_of(root)
    made = [[[str(line) for line in cell] for cell in row] for row in content]
    assert all(len(row) == len(heads) for row in made)
    return made


def test_a_lab_says_when_and_with_what_it_ran(course):
    english, chinese = rows(status.LabStatus, course)
    size = round((course / "notebooks/en/01-try.ipynb").stat().st_size / 1000)
    assert english == [
        ["[notebooks/en/01-try]01-try · English"],
        ["2026-01-31", "2 min 14 s at profile cpu"],
        ["CPU, 2 threads", "Python 3.11.2", "PyTorch 2.9.1+cpu"],
        [f"{size} kB", "outputs up to date"],
    ]
    assert chinese == [["01-try · 中文"], ["no record of the run"], [], ["missing"]]


def test_outputs_of_older_code_are_called_stale(course):
    source = course / "notebooks" / "01-try.py"
    source.write_text("# %%\n# en: Six.\n# zh: 六。\nx = 6 * 7\n", "utf-8")
    assert rows(status.LabStatus, course)[0][3][1] == "outputs up to date"  # a comment changes nothing
    source.write_text("# %%\nx = 6 * 8\n", "utf-8")
    assert rows(status.LabStatus, course)[0][3][1] == "outputs stale: the code changed since"


def test_a_run_before_there_were_records_is_said_to_have_none(course):
    path = course / "notebooks/en/01-try.ipynb"
    notebook = json.loads(path.read_text("utf-8"))
    del notebook["metadata"]["ganlib"]["run"]
    path.write_text(json.dumps(notebook), "utf-8")
    assert rows(status.LabStatus, course)[0][1:3] == [["no record of the run"], []]


@pytest.mark.parametrize(("change", "lines"), [
    ({"seconds": 9}, ["2026-01-31", "9 s at profile cpu"]),
    ({"device": "mps", "threads": None, "torch": None}, ["mps", "Python 3.11.2"]),
])  # fmt: skip
def test_short_runs_and_other_devices(change, lines):
    assert lines in status.run_cells(RUN | change)


@pytest.mark.parametrize(("language", "links"), [
    ("en", ["[book/en/index]", "[book/en/01-try]", "[notebooks/en/01-try]"]),
    ("zh", ["[book/zh/index]", "[book/en/01-try]01-try", "[notebooks/zh/01-try]"]),  # no link to what is missing
])  # fmt: skip
def test_each_language_links_to_its_own_pages_in_the_order_of_the_contents(course, monkeypatch, language, links):
    monkeypatch.setattr(status.ChineseStatus, "config", type("Config", (), {"language": language}), raising=False)
    matches = status.stale.digest(course, "book/zh/index")
    (course / "book/zh/index.md").write_text(f"---\nmatches: {matches}\n---\n# Page\n", "utf-8")
    found = rows(status.ChineseStatus, course)
    assert [row[0] for row in found] == [[link] for link in links]
    assert [row[1] for row in found] == [["up to date"], ["missing"], ["stale: the English page changed since"]]


def test_the_courses_own_labs_and_pages_are_listed():
    assert {(lab["name"], lab["language"]) for lab in status.labs(ROOT)} >= {("02-gan", "en"), ("02-gan", "zh")}
    assert {"index", "02-gan", "lab/02-gan", "status"} <= {page.name for page in status.stale.states(ROOT)}


def test_every_word_of_the_tables_is_translated():
    source = Path(status.__file__).read_text("utf-8")
    used = set(re.findall(r'words\(\s*"([^"]+)"', source)) | set(status.STATES.values())
    used |= {head for heads in re.findall(r"return \[(.*)\], rows", source) for head in re.findall('"(.*?)"', heads)}
    used |= {"outputs up to date", "outputs stale: the code changed since"}
    config = yaml.safe_load((ROOT / "book/zh/_config.yml").read_text("utf-8"))
    assert used == set(config["sphinx"]["config"]["course_words"]["status"])
