"""The page of the zoo: its sections are those of the records, in the language of the page."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from docutils import nodes
from sphinx import locale

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book/_ext"))

from course import zoo as page  # noqa: E402
from course.words import Words  # noqa: E402

from ganlib import zoo  # noqa: E402
from ganlib.zoo import cards  # noqa: E402

SETTINGS = yaml.safe_load((ROOT / "book/zh/_config.yml").read_text("utf-8"))
CHINESE = SETTINGS["sphinx"]["config"]["course_words"]["zoo"]


@pytest.fixture(params=["en", "zh"])
def language(request, monkeypatch):
    """A language, with its words in force."""
    words = CHINESE if request.param == "zh" else {}
    monkeypatch.setitem(locale.translators, ("general", "zoo"), Words(words, locale.NullTranslations()))
    return request.param


def directive(root, monkeypatch, *arguments):
    """The directive on a page."""
    document = SimpleNamespace(note_explicit_target=lambda node: None)
    parts = {
        "env": SimpleNamespace(srcdir=str(root), note_reread=lambda: None),
        "state": SimpleNamespace(document=document),
        "error": lambda self, text: ValueError(text),
    }
    for name, value in parts.items():
        monkeypatch.setattr(page.Zoo, name, value, raising=False)
    made = object.__new__(page.Zoo)
    made.arguments = list(arguments)
    return made


def test_each_model_has_a_section_with_all_that_its_record_says(language, monkeypatch):
    for kind in zoo.KINDS:
        sections = directive(ROOT, monkeypatch, f"{kind}s").run()
        assert [section["ids"] for section in sections] == [[f"zoo-{name}"] for name in zoo.list(kind)]
        for name, section in zip(zoo.list(kind), sections, strict=True):
            made, text = zoo.record(name), section.astext()
            assert all(answer in text for _, answer in cards.facts(name, page.say))
            assert all(command[0] in text and command[-1] in text for command in cards.commands(made))
            assert all(str(each) in text and f"{each.n:,}" in text for each in cards.measures(made))
            assert len(list(section.findall(nodes.image))) == (kind == "game")
            assert ("种子" in text) == (language == "zh") and ("Seed" in text) == (language == "en")


def test_every_word_has_its_chinese():
    asked = set()

    def say(words):
        asked.add(words)
        return words

    for name in zoo.list():
        made = zoo.record(name)
        cards.facts(name, say)
        asked |= {each.name.partition(", ")[0] for each in cards.measures(made)}
        asked |= {cards.shown(made)} if zoo.kind_of(made) == "game" else set()
    for seconds in (3, 300, 30_000):
        cards.duration(seconds, say)
    asked |= set(re.findall(r'say\("(.*?)"\)', Path(page.__file__).read_text("utf-8")))
    asked |= {"Measure", "Samples", "Question", "Right answers"}
    assert len(asked) > 30 and asked - set(CHINESE) == set()


def test_a_time_is_said_in_words():
    assert [cards.duration(each) for each in (None, 3.4, 89, 7000, 7300)] == [
        "",
        "3 s",
        "1 min",
        "117 min",
        "2 h 2 min",
    ]


def test_what_is_not_there_is_named(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="zoo-acgan-avatars.png is not there; expected it from: python book/figures/z"):
        directive(tmp_path, monkeypatch, "games").run()
    with pytest.raises(ValueError, match="cages is not known; expected games or networks"):
        directive(ROOT, monkeypatch, "cages").run()
