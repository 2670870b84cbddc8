"""Every page of both languages: it loads, says its language, knows its twin, shows its formulas and fits a phone."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
CHINESE = yaml.safe_load((ROOT / "book/zh/_config.yml").read_text("utf-8"))


def english(page):
    """The address of the page's English version, in the English site."""
    return page.removeprefix("zh/")


def test_loads_clean(page, visit):
    seen = visit(page)
    assert seen.status == 200
    assert seen.errors == []
    assert seen.failed == []
    assert seen.facts["broken"] == []


def test_says_its_language(page, visit):
    facts = visit(page).facts
    chinese = page.startswith("zh/")
    assert facts["lang"] == ("zh-CN" if chinese else "en")
    assert facts["title"].count((CHINESE if chinese else CONFIG)["title"]) == 1
    assert facts["heading"]
    assert bool(re.search("[\u4e00-\u9fff]", facts["title"])) == chinese
    assert ("Copyright" in facts["footer"]) != chinese


def test_twin_is_the_same_page_in_the_other_language(page, visit, server):
    twin = visit(page).facts["twin"].removeprefix(server)
    assert twin == (english(page) if page.startswith("zh/") else f"zh/{page}")
    assert visit(twin).status == 200
    assert visit(twin).facts["twin"] == server + page  # and back


def test_hreflang(page, visit):
    facts = visit(page).facts
    organisation, repository = CONFIG["repository"]["url"].rstrip("/").split("/")[-2:]
    base = CONFIG["html"].get("baseurl") or f"https://{organisation.lower()}.github.io/{repository}/"
    assert facts["alternates"] == {
        "en": base + english(page),
        "zh-CN": f"{base}zh/{english(page)}",
        "x-default": base + english(page),
    }
    assert facts["canonical"] == base + page


def test_formulas_are_rendered(page, visit):
    facts = visit(page).facts
    assert facts["rendered"] == facts["formulas"], "MathJax did not render them (no npm and no network at build time?)"
    assert facts["wrong"] == []
    assert facts["raw"] is None


def test_the_chapter_has_formulas(visit):
    for page in ("02-gan.html", "zh/02-gan.html"):
        assert visit(page).facts["formulas"] > 50


def test_displayed_formulas_fit_a_desktop(page, visit):
    assert visit(page).facts["long"] == []  # on a phone they scroll; here a reader should see them whole


def test_no_line_begins_with_the_punctuation_after_a_formula(page, visit):
    for facts in (visit(page).facts, visit(page).phone):
        assert facts["torn"] == []
        assert facts["followed"] > 100 or "02-gan" not in page or "lab" in page


def test_fits_a_phone(page, visit):
    phone = visit(page).phone
    assert phone["window"] == 390
    assert phone["width"] <= 390
    assert phone["wide"] == []


def test_header_buttons_do_not_overlap(page, visit):
    for facts in (visit(page).facts, visit(page).phone):
        buttons = facts["buttons"]
        assert any("language-switch" in button["name"] for button in buttons)
        for one, other in combinations(buttons, 2):
            apart = (
                one["right"] <= other["left"] + 1
                or other["right"] <= one["left"] + 1
                or one["bottom"] <= other["top"] + 1
                or other["bottom"] <= one["top"] + 1
            )
            assert apart, (one, other)
        assert all(0 <= button["top"] and button["right"] <= facts["window"] for button in buttons)


def test_one_search_box(page, visit):
    assert visit(page).facts["searches"] == 1
    assert visit(page).phone["searches"] == 1
