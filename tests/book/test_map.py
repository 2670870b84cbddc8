"""The map of the course in chapter 00 tells the truth about which chapters can be read."""

import re
import runpy
from pathlib import Path

import pytest

BOOK = Path(__file__).resolve().parents[2] / "book"
MAP = runpy.run_path(str(BOOK / "figures" / "00_welcome.py"))


def drawn(svg: str, state: str) -> set[str]:
    return set(re.findall(rf'id="{state}-(\d\d)"', svg))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_full_discs_are_the_chapters_that_exist(language):
    svg = (BOOK / "_static" / "figures" / f"00-map-{language}.svg").read_text("utf-8")
    exist = MAP["chapters"](BOOK)
    assert "02" in exist
    assert drawn(svg, "ready") == exist, "run `python book/figures/00_welcome.py`"
    assert drawn(svg, "planned") == set(MAP["STOPS"]) - exist


@pytest.mark.filterwarnings("error")  # of a character that the font lacks, which would be an empty box
def test_every_character_is_in_the_font(tmp_path):
    MAP["main"](tmp_path)
    for language in ("en", "zh"):
        assert len((tmp_path / f"00-map-{language}.svg").read_text("utf-8")) > 100_000  # outlines, not <text>


def test_a_chapter_needs_both_languages(tmp_path):
    for page in ("en/01-distances.md", "en/02-gan.md", "zh/02-gan.md", "en/00-welcome.md", "zh/00-welcome.md"):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).touch()
    assert MAP["chapters"](tmp_path) == {"02"}
    (tmp_path / "zh/02-gan.md").write_text("TODO：待写。\n", "utf-8")  # begun is not ready
    assert MAP["chapters"](tmp_path) == set()


def test_both_languages_have_the_same_words():
    english, chinese = MAP["WORDS"]["en"], MAP["WORDS"]["zh"]
    assert set(english) == set(chinese)
    for number in MAP["STOPS"]:
        assert len(english[number]) == len(chinese[number]) == 3 and all(english[number]) and all(chinese[number])
