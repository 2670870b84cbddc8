"""What a picture shows is said in words, for readers who cannot see it: no page shows an image without them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

FILE = re.compile(r"\.(png|svg|jpe?g|gif|webp)\b", re.IGNORECASE)
HAN = re.compile(r"[\u4e00-\u9fff]")
THEIRS = {"Colab logo", "Kaggle logo"}  # the theme's own, beside their names


class Images(HTMLParser):
    """The attributes of every image of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[dict[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.found.append({key: value or "" for key, value in attrs})


def faults(html: str, chinese: bool) -> list[str]:
    """One sentence for each image whose words are missing, a file's name or in the other language.

    The logo stands beside the site's name and needs no words of its own.
    """
    found = []
    for image in Images(html).found:
        alt, source = image.get("alt", "").strip(), image.get("src", "")[:60]
        if "logo__image" in image.get("class", "") or alt in THEIRS:
            continue
        if not alt or FILE.search(alt):
            found.append(f"{source}: its words are {alt!r}; expected a sentence that says what it shows")
        elif bool(HAN.search(alt)) != chinese:
            found.append(f"{source}: its words are in the other language: {alt!r}")
    return found


def test_every_image_has_words_in_the_pages_language(page, site):
    assert faults((site / page).read_text("utf-8"), chinese=page.startswith("zh/")) == []


def test_the_labs_figures_are_seen_by_this_test(site):
    for page in ("lab/02-gan.html", "zh/lab/02-gan.html"):
        figures = [image for image in Images((site / page).read_text("utf-8")).found if "_images/" in image["src"]]
        assert len(figures) == 10 and len({image["alt"] for image in figures}) == 10


@pytest.mark.parametrize(("image", "chinese", "fault"), [
    ('<img src="a.png" alt="A curve that falls.">', False, ""),
    ('<img src="a.png" alt="一条下降的曲线。"/>', True, ""),
    ('<img src="logo.svg" class="logo__image only-light" alt="">', True, ""),
    ('<img src="a.png">', False, "a.png: its words are ''"),
    ('<img src="a.png" alt="../_images/5f2e.png">', False, "a.png: its words are '../_images/5f2e.png'"),
    ('<img src="a.png" alt="A curve that falls.">', True, "a.png: its words are in the other language"),
    ('<img src="a.png" alt="一条曲线。">', False, "a.png: its words are in the other language"),
])  # fmt: skip
def test_a_planted_fault_is_found(image, chinese, fault):
    found = faults(f"<p>{image}</p>", chinese)
    assert bool(found) == bool(fault) and all(sentence.startswith(fault) for sentence in found)
