"""Tables of benchmarks/results on pages and in labs: in both languages, and a record that is not there."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book/_ext"))

from course.records import Record  # noqa: E402

from benchmarks import hacks  # noqa: E402
from notebooks import build  # noqa: E402
from tools import records  # noqa: E402

TITLE = "Ring of 8 modes, {seeds} seeds"


@pytest.fixture
def root(tmp_path):
    """A book with one record."""
    (tmp_path / records.RESULTS).mkdir(parents=True)
    (tmp_path / "book/zh").mkdir(parents=True)
    shutil.copy(ROOT / "book/zh/_config.yml", tmp_path / "book/zh")
    ring = {"title": TITLE, "head": ["Method", "Modes"], "rows": [["GAN", "7.8 ± 0.1"], ["a perfect sampler", "8.0"]]}
    kept = {"protocol": {"seeds": 10}, "tables": {"ring": ring | {"floor": True}, "": ring}}
    (tmp_path / records.RESULTS / "modes.json").write_text(json.dumps(kept), "utf-8")
    return tmp_path


def test_a_table_in_both_languages(root):
    assert records.table(root, "en", "modes", "ring") == records.Table(
        "Ring of 8 modes, 10 seeds", ["Method", "Modes"], [["GAN", "7.8 ± 0.1"], ["a perfect sampler", "8.0"]], True
    )
    chinese = records.table(root, "zh", "modes", "ring")
    assert (chinese.title, chinese.head) == ("圆环，8 个模式，10 个种子", ["方法", "模式数"])
    assert chinese.rows == [["GAN", "7.8 ± 0.1"], ["完美采样器", "8.0"]]


def test_a_part_of_the_seeds_is_said_in_both_languages(root):
    path = root / records.RESULTS / "modes.json"
    kept = json.loads(path.read_text("utf-8"))
    kept["tables"]["ring"]["rows"] = [["R1 (3/5 †)", "2.08 ± 0.00 (2/10 seeds)"], ["GAN (Lin 2018)", "6.3"]]
    path.write_text(json.dumps(kept), "utf-8")
    assert records.table(root, "en", "modes", "ring").rows == kept["tables"]["ring"]["rows"]
    assert records.table(root, "zh", "modes", "ring").rows == [
        ["R1（3/5 †）", "2.08 ± 0.00（2/10 个种子）"],
        ["GAN (Lin 2018)", "6.3"],
    ]


def test_a_place_in_a_lab_becomes_a_table(root):
    text = "Before\n\n@RECORD modes ring@\n\nand @RECORD modes ring@ within a line."
    before, title, rule, *rest = records.fill(root, "en", text).split("\n\n")[0:3]
    assert (before, title) == ("Before", "**Ring of 8 modes, 10 seeds**") and not rest
    assert rule.splitlines() == [
        "| Method | Modes |",
        "| :--- | ---: |",
        "| GAN | 7.8\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.1 |",
        "| a perfect sampler | 8.0 |",
    ]
    assert "and @RECORD modes ring@ within" in records.fill(root, "en", text)
    assert records.fill(root, "en", "@RECORD modes@") == records.fill(root, "en", "@RECORD modes ring@")


def test_a_lab_holds_the_table_in_its_language(root, monkeypatch):
    monkeypatch.setattr(build, "ROOT", root)
    source = '# %% [markdown] lang="en"\n# @RECORD modes ring@\n# %% [markdown] lang="zh"\n# @RECORD modes ring@\n'
    cells = build.parse(source)
    assert "| a perfect sampler | 8.0 |" in build.assemble(cells, "en", "").cells[0].source
    assert "| 完美采样器 | 8.0 |" in build.assemble(cells, "zh", "").cells[0].source
    with pytest.raises(build.SourceError, match=r"line 1: .*league.json is not there; expected it from: python bench"):
        build.assemble(build.parse(source.replace("modes ring", "league")), "en", "")


def directive(root, monkeypatch, *arguments):
    made = object.__new__(Record)
    made.arguments = list(arguments)
    config = type("Config", (), {"language": "en"})
    env = type("Env", (), {"note_dependency": staticmethod(lambda path: None), "config": config})
    for name, value in {"env": env, "config": config, "error": lambda self, text: ValueError(text)}.items():
        monkeypatch.setattr(Record, name, value, raising=False)
    return made


def test_the_directive_shows_it_and_names_what_is_not_there(root, monkeypatch):
    made = directive(root, monkeypatch, "modes", "ring")
    heads, rows = made.content_of(root)
    assert heads == ["Method", "Modes"] and rows[0] == [["GAN"], ["7.8 ± 0.1"]]
    assert made.caption == "Ring of 8 modes, 10 seeds" and "with-floor" in made.kind
    with pytest.raises(ValueError, match="modes.json has no table 'cube'; it has 'ring', ''"):
        directive(root, monkeypatch, "modes", "cube").content_of(root)
    with pytest.raises(ValueError, match="league.json is not there; expected it from: python benchmarks/league.py"):
        directive(root, monkeypatch, "league", "avatars images").content_of(root)


def tables():
    """Every table of every committed record."""
    for path in sorted((ROOT / records.RESULTS).glob("*.json")):
        for key, found in json.loads(path.read_text("utf-8")).get("tables", {}).items():
            yield path.stem, key, found


def test_every_word_has_its_chinese():
    known, seen = records.chinese(ROOT), list(tables())
    assert len(seen) > 5
    for name, key, found in seen:
        words = [found["title"], *found["head"], *(row[0] for row in found["rows"] if re.match("[a-z]", row[0]))]
        if name == "hacks":
            words += [row[0] for row in found["rows"]]
        words = [records.PART.sub("", word) for word in words]
        same = re.compile(r"FID|KID|[\d.e-]+( s)?")  # in both languages
        lacking = [word for word in words if word not in known and not same.fullmatch(word)]
        assert not lacking, (name, key, lacking)
    assert {row.title for row in hacks.ROWS.values()} <= set(known)
    for lang in ("en", "zh"):  # titles take their numbers from the protocol
        assert all("{" not in records.table(ROOT, lang, name, key).title for name, key, _ in seen)
