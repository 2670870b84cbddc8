"""The tool that makes the notebooks, with planted faults."""

import json
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest

from notebooks import build

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """# %% [markdown] lang="en"
# # Title
#
# Text with $x$.
# %% [markdown] lang="zh"
# # 标题
#
# 有 $x$ 的正文。
# %%
# en: Where from.
# zh: 从哪里来。
lang, address = "@LANG@", "@REPOSITORY@"
# %% tags=["strict"]
x = 6 * 7
if x:
    # en: Twice,
    # en: on two lines.
    # zh: 分两行。
    print(x)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with one small lab, built."""
    folder = tmp_path_factory.mktemp("labs")
    (folder / "01-try.py").write_text(SOURCE, "utf-8")
    assert build.main([], folder=folder) == 0
    return folder


@pytest.fixture
def lab(built, tmp_path):
    """A copy of it, to spoil."""
    return Path(shutil.copytree(built, tmp_path / "labs"))


def change(folder, old, new):
    path = folder / "01-try.py"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def notebook(folder, lang):
    return nbformat.read(folder / lang / "01-try.ipynb", as_version=4)


# -- reading a source --------------------------------------------------------------------------------------------------
def test_each_language_gets_its_prose_and_its_comments():
    cells = build.parse(SOURCE)
    en, zh = (build.assemble(cells, lang, "https://github.com/a/b") for lang in ("en", "zh"))
    assert en.cells[0].source == "# Title\n\nText with $x$." and zh.cells[0].source == "# 标题\n\n有 $x$ 的正文。"
    assert en.cells[1].source == '# Where from.\nlang, address = "en", "https://github.com/a/b"'
    assert zh.cells[1].source == '# 从哪里来。\nlang, address = "zh", "https://github.com/a/b"'
    assert en.cells[2].source.splitlines()[2:4] == ["    # Twice,", "    # on two lines."]
    assert zh.cells[2].source.splitlines()[2:] == ["    # 分两行。", "    print(x)"]
    assert [c.id for c in en.cells] == [c.id for c in zh.cells] == ["cell-01", "cell-02", "cell-03"]
    assert en.cells[1].metadata.tags == ["nbval-ignore-output"] and "tags" not in en.cells[2].metadata


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            '# %% [markdown] lang="zh"\n# # 标题\n#\n# 有 $x$ 的正文。\n',
            "",
            r'lab.py:1: this lang="en" cell has no lang="zh" twin',
        ),
        (
            '# %% [markdown] lang="en"\n# # Title\n#\n# Text with $x$.\n',
            "",
            r'lab.py:1: this lang="zh" cell has no lang="en" twin',
        ),
        ('lang="zh"', 'lang="en"', r'lab.py:1: this lang="en" cell has no lang="zh" twin'),
        ('lang="zh"', 'lang="fr"', r'lab.py:5: a markdown cell needs lang="en" or lang="zh"'),
        ('tags=["strict"]', 'lang="en"', "lab.py:13: code is shared by both languages"),
        ('tags=["strict"]', "strict", r"lab.py:13: '# %% strict' is not understood"),
        ("# zh: 从哪里来。\n", "", "lab.py:10: this '# en:' comment has no '# zh:' twin"),
        ("# en: Where from.\n", "", "lab.py:10: this '# zh:' comment has no '# en:' twin"),
        ("    # zh: 分两行。\n", "", "lab.py:17: this '# en:' comment has no '# zh:' twin|lab.py:16: "),
        ("# en: Where from.\n# zh: 从哪里来。", "# Where from.", "lab.py:10: a comment line needs a language"),
        ("print(x)", "print(", "lab.py:.*the en version is not Python"),
        ("x = 6 * 7", 'x = """\n# en: a\n# zh: b\n"""', "lab.py:13: the code differs between the languages"),
        ("# Text with", "Text with", "lab.py:4: a line of a markdown cell must begin with '#'"),
        ("# # 标题\n#\n# 有 $x$ 的正文。\n", "", "lab.py:5: the cell is empty"),
        ("x = 6 * 7", "# alt-en: A line.\nx = 6 * 7", "lab.py:14: this '# en:' comment has no '# zh:' twin"),
        ("x = 6 * 7", "# alt-en: A line.\n# zh: 线。\nx = 6 * 7", "lab.py:13: a figure needs its words twice"),
    ],
)
def test_a_bad_source_is_named_with_its_line(old, new, words):
    assert old in SOURCE
    with pytest.raises(build.SourceError, match=words):
        build.parse(SOURCE.replace(old, new, 1), "lab.py")


def test_text_before_the_first_cell_and_no_cell_at_all():
    with pytest.raises(build.SourceError, match="lab.py:1: text before the first"):
        build.parse("import os\n" + SOURCE, "lab.py")
    with pytest.raises(build.SourceError, match="lab.py: no cell found"):
        build.parse("", "lab.py")


# -- building ----------------------------------------------------------------------------------------------------------
def test_built_notebooks_are_valid_run_and_in_sync(lab, capsys):
    for lang in build.LANGUAGES:
        made = notebook(lab, lang)
        nbformat.validate(made)
        assert made.cells[2].outputs[0].text == "42\n"
        assert made.metadata.kernelspec.name == "python3" and dict(made.metadata.language_info) == {"name": "python"}
        assert not any("execution" in cell.metadata for cell in made.cells)
    capsys.readouterr()
    assert build.main(["--check"], folder=lab) == 0 and capsys.readouterr().err == ""


def test_a_notebook_records_its_run_and_nothing_of_the_machine(lab):
    for lang in build.LANGUAGES:
        made = notebook(lab, lang)
        record = dict(made.metadata.ganlib.run)
        assert len(made.cells) == 3 and set(record) == set(build.RECORD)
        today = datetime.now(UTC).date()
        assert record.pop("date") in {today.isoformat(), (today - timedelta(days=1)).isoformat()}
        assert 0 <= record.pop("seconds") < 120
        assert record == {
            **{"profile": "cpu", "device": "cpu", "python": platform.python_version()},
            **{"threads": None, "torch": None},  # this lab does not use it
        }


# A stand-in for torch, whose import takes seconds, and for what `ganlib.Lab` returns.
LAB = """# %%
import sys
from types import SimpleNamespace

sys.modules["torch"] = SimpleNamespace(__version__="2.9.1+cpu", get_num_threads=lambda: 3)
lab = SimpleNamespace(profile="smoke", device=SimpleNamespace(type="mps"))
"""


def test_the_record_of_a_lab_says_what_the_lab_chose():
    cells = build.parse(LAB)
    made = build.assemble(cells, "en", "")
    build.run(made, build.code_hash(cells), "here")
    record = made.metadata["ganlib"]["run"]
    assert [record[key] for key in ("profile", "device", "threads", "torch")] == ["smoke", "mps", 3, "2.9.1+cpu"]


def test_the_record_stays_with_the_outputs(lab, monkeypatch, capsys):
    old = json.loads((lab / "en" / "01-try.ipynb").read_text("utf-8"))
    old["metadata"]["ganlib"]["run"]["seconds"] = 77
    (lab / "en" / "01-try.ipynb").write_text(build.text_of(nbformat.from_dict(old)), "utf-8")
    monkeypatch.setattr(build, "run", lambda *a: pytest.fail("ran"))
    assert build.main(["--check"], folder=lab) == 0
    change(lab, "# 有 $x$ 的正文。", "# 新的正文。")
    assert build.main([], folder=lab) == 0
    assert notebook(lab, "en").metadata.ganlib.run.seconds == 77
    assert "run" in notebook(lab, "zh").metadata.ganlib and build.main(["--check"], folder=lab) == 0


def test_a_notebook_that_ran_before_there_were_records_is_accepted_as_it_is(lab, monkeypatch):
    for lang in build.LANGUAGES:
        old = notebook(lab, lang)
        del old.metadata.ganlib["run"]
        (lab / lang / "01-try.ipynb").write_text(build.text_of(old), "utf-8")
    monkeypatch.setattr(build, "run", lambda *a: pytest.fail("ran"))
    assert build.main(["--check"], folder=lab) == 0 and build.main([], folder=lab) == 0
    assert "run" not in notebook(lab, "en").metadata.ganlib


def test_a_record_with_more_than_the_tool_writes_is_found(lab, capsys):
    old = notebook(lab, "en")
    old.metadata.ganlib.run["host"] = "laptop"
    (lab / "en" / "01-try.ipynb").write_text(build.text_of(old), "utf-8")
    assert build.main(["--check"], folder=lab) == 1
    assert "en/01-try.ipynb: the notebook's metadata" in capsys.readouterr().err


def test_stale_outputs_are_told_apart(lab):
    source = lab / "01-try.py"
    assert not build.is_stale(source, "en")
    change(lab, "# 有 $x$ 的正文。", "# 新的正文。")
    assert not build.is_stale(source, "zh")
    change(lab, "6 * 7", "6 * 8")
    assert build.is_stale(source, "en") and build.is_stale(source, "zh")
    (lab / "en" / "01-try.ipynb").unlink()
    assert build.is_stale(source, "en")


def test_building_again_runs_and_changes_nothing(lab, monkeypatch):
    before = {lang: (lab / lang / "01-try.ipynb").read_bytes() for lang in build.LANGUAGES}
    monkeypatch.setattr(build, "run", lambda *a: pytest.fail("ran"))
    assert build.main([], folder=lab) == 0
    assert before == {lang: (lab / lang / "01-try.ipynb").read_bytes() for lang in build.LANGUAGES}


def test_prose_and_comments_flow_through_without_a_run(lab, monkeypatch, capsys):
    monkeypatch.setattr(build, "run", lambda *a: pytest.fail("ran"))
    change(lab, "# 有 $x$ 的正文。", "# 新的正文。")
    change(lab, "# en: Twice,", "# en: Two times,")
    assert build.main(["--check"], folder=lab) == 1
    assert capsys.readouterr().err.splitlines() == [
        "en/01-try.ipynb: cell-03: source differs from the source's",
        "zh/01-try.ipynb: cell-01: source differs from the source's",
        "Run `make notebooks`.",
    ]
    assert build.main([], folder=lab) == 0
    assert notebook(lab, "zh").cells[0].source.endswith("新的正文。")
    assert notebook(lab, "en").cells[2].outputs[0].text == "42\n"
    assert build.main(["--check"], folder=lab) == 0


ALT = "# alt-en: Two\n# alt-en: points.\n# alt-zh: 两个\n# alt-zh: 点。\nx = 6 * 7"


def test_words_for_a_figure_go_into_the_metadata_and_run_nothing(lab, monkeypatch):
    monkeypatch.setattr(build, "run", lambda *a: pytest.fail("ran"))
    change(lab, "x = 6 * 7", ALT)
    assert build.main([], folder=lab) == 0 and build.main(["--check"], folder=lab) == 0
    for lang, words in (("en", "Two points."), ("zh", "两个点。")):
        cell = notebook(lab, lang).cells[2]
        assert cell.metadata.mystnb.image.alt == words
        assert "alt-" not in cell.source and words[-4:] not in cell.source
        assert "mystnb" not in notebook(lab, lang).cells[1].metadata


def test_a_figure_without_words_is_named_once_with_file_and_line(lab, capsys):
    figure = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})
    for lang in build.LANGUAGES:
        made = notebook(lab, lang)
        made.cells[2].outputs = [figure]
        (lab / lang / "01-try.ipynb").write_text(build.text_of(made), "utf-8")
    assert build.main(["--check"], folder=lab) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and said[0].startswith("01-try.py:13: this cell shows a figure; say in words what it shows")
    change(lab, "x = 6 * 7", ALT)
    assert build.main([], folder=lab) == 0 and build.main(["--check"], folder=lab) == 0


def test_changed_code_makes_outputs_stale_and_is_run(lab, capsys):
    change(lab, "6 * 7", "6 * 8")
    assert build.main(["--check"], folder=lab) == 1
    said = capsys.readouterr().err
    assert "en/01-try.ipynb: stale outputs" in said and "zh/01-try.ipynb: cell-03: source differs" in said
    assert build.main([], folder=lab) == 0
    assert notebook(lab, "zh").cells[2].outputs[0].text == "48\n"


@pytest.mark.parametrize("part", ["source", "id", "metadata", "cell"])
def test_an_edited_notebook_is_found(lab, part, capsys):
    path = lab / "zh" / "01-try.ipynb"
    made = json.loads(path.read_text("utf-8"))
    if part == "cell":
        del made["cells"][1]
    else:
        made["cells"][2][part] = {"source": "x = 1", "id": "other", "metadata": {"tags": ["skip"]}}[part]
    path.write_text(json.dumps(made), "utf-8")
    assert build.main(["--check"], folder=lab) == 1
    assert "zh/01-try.ipynb: " in capsys.readouterr().err


def test_a_missing_or_broken_notebook_is_found(lab, capsys):
    (lab / "en" / "01-try.ipynb").unlink()
    (lab / "zh" / "01-try.ipynb").write_text("{", "utf-8")
    assert build.main(["--check"], folder=lab) == 1
    said = capsys.readouterr().err
    assert "en/01-try.ipynb: missing" in said and "zh/01-try.ipynb: missing" in said


def test_a_failing_cell_loses_nothing(lab, capsys):
    before = (lab / "en" / "01-try.ipynb").read_bytes()
    change(lab, "6 * 7", "6 / 0")
    assert build.main([], folder=lab) == 1
    said = capsys.readouterr().err
    assert "en/01-try.ipynb: cell-03:" in said and "x = 6 / 0" in said and "ZeroDivisionError" in said
    assert (lab / "en" / "01-try.ipynb").read_bytes() == before and not list(lab.rglob("*.tmp"))


def test_a_notebook_over_the_limit_is_refused(lab, capsys, monkeypatch):
    before = (lab / "en" / "01-try.ipynb").read_bytes()
    monkeypatch.setattr(build, "LIMIT", 3000)
    change(lab, "print(x)", 'print("x" * 3000)')
    assert build.main([], folder=lab) == 1
    assert "at most 3,000" in capsys.readouterr().err
    assert (lab / "en" / "01-try.ipynb").read_bytes() == before


def test_an_unknown_lab_is_named(lab, capsys):
    assert build.main(["02-tyr"], folder=lab) == 1
    assert "no lab '02-tyr'; there are: 01-try" in capsys.readouterr().err


def test_the_course_notebooks_are_in_sync():
    done = subprocess.run([sys.executable, "notebooks/build.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_hash_ignores_comments_and_sees_code():
    one, two, three = (
        build.code_hash(build.parse(text))
        for text in (SOURCE, SOURCE.replace("Where from", "From where"), SOURCE.replace("6 * 7", "7 * 6"))
    )
    assert one == two != three
