"""The tables of the league page: the columns that the benchmarks write, and a record that is not there."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book/_ext"))

from course import league as tables  # noqa: E402

from benchmarks import league, modes  # noqa: E402


def of(directive, *arguments):
    made = object.__new__(directive)
    made.arguments = list(arguments)
    return made


def test_the_columns_are_those_of_the_benchmarks():
    for budget in league.BUDGETS:
        titles = [title.lower() for title, _ in league.HEADS.values()]
        assert [head.lower() for head in tables.HEADS[budget][1:-2]] == titles
    for law in modes.LAWS:
        assert [head.lower() for head in tables.HEADS[law][1:]] == [head.lower() for head in modes.HEAD]


def test_every_table_has_a_title():
    assert {key for key in tables.TITLES if len(key) == 2} == {(d, b) for d in league.DATA for b in league.BUDGETS}
    assert {key for key in tables.TITLES if len(key) == 1} == {(law,) for law in modes.LAWS}


def test_a_record_that_is_not_there_is_named(tmp_path, monkeypatch):
    made = of(tables.Modes, "ring")
    monkeypatch.setattr(tables.Modes, "env", type("Env", (), {"note_dependency": staticmethod(print)}), raising=False)
    monkeypatch.setattr(tables.Modes, "error", lambda self, text: ValueError(text), raising=False)
    with pytest.raises(ValueError, match="modes.json is not there; expected it from: python benchmarks/modes.py"):
        made.content_of(tmp_path)
