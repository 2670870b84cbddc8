"""The site needs nothing from elsewhere: no page asks another server, and without one all of it still shows."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.site.conftest import DESKTOP, LOOK, cut_off, look_at, served

ELSEWHERE = "https://elsewhere.invalid/"
LABS = ["lab/02-gan.html", "zh/lab/02-gan.html"]


LOADED = set("stylesheet preload modulepreload prefetch preconnect dns-prefetch icon manifest".split())


class Sources(HTMLParser):
    """What a page loads or connects to by itself; a link that only a click follows is none of it."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = {key: value or "" for key, value in attrs}
        loaded = [attributes.get(key, "") for key in ("src", "poster", "srcset", "data")]
        if tag == "link" and LOADED & set(attributes.get("rel", "").lower().split()):
            loaded.append(attributes.get("href", ""))
        loaded += re.findall(r"url\(['\"]?([^)'\"]+)", attributes.get("style", ""))
        self.found += [address for address in loaded if re.match(r"\s*(https?:)?//", address)]


def test_no_page_names_a_source_elsewhere(page, site):
    assert Sources((site / page).read_text("utf-8")).found == []  # also what is loaded late, as lazy images are


@pytest.mark.browser
def test_no_request_leaves_the_site(page, visit):
    assert visit(page).elsewhere == []


@pytest.mark.browser
def test_fonts_and_icons_show_without_a_network(page, visit):
    facts = visit(page).facts
    assert facts["fonts"] == []
    assert bool(facts["signs"]) == bool(facts["formulas"])  # MathJax's fonts
    assert facts["icons"] >= 4  # menu, language, colours, full screen
    assert facts["empty"] == []


@pytest.mark.browser
@pytest.mark.parametrize("address", LABS)
def test_the_player_plays_without_a_network(tab, server, address):
    page = tab()
    stopped = cut_off(page.context, server)
    page.goto(server + address)
    page.wait_for_load_state("networkidle")
    player = page.locator("[id^=ganlib-player]").first
    before = player.locator("output").inner_text()
    player.locator("button").click()
    page.wait_for_function(
        "(before) => document.querySelector('[id^=ganlib-player] output').innerText !== before", arg=before
    )
    assert player.locator("img").evaluate("(image) => image.complete && image.naturalWidth") > 100
    assert stopped == []


@pytest.mark.browser
@pytest.mark.parametrize(("folder", "query"), [("", "discriminator"), ("zh/", "判别器")])
def test_search_runs_without_a_network(tab, server, folder, query):
    page = tab()
    stopped = cut_off(page.context, server)
    page.goto(f"{server}{folder}search.html?q={query}")
    page.wait_for_selector("#search-results .context")
    page.wait_for_load_state("networkidle")
    assert stopped == []


PLANTED = [
    f'<img src="{ELSEWHERE}picture.png" alt="">',
    f'<script src="{ELSEWHERE}script.js"></script>',
    f'<link rel="stylesheet" href="{ELSEWHERE}style.css">',
    f'<div style="background: url({ELSEWHERE}picture.png)">x</div>',
    '<img src="//elsewhere.invalid/picture.png" alt="">',
]
LATE = [
    f"<style>@font-face {{ font-family: F; src: url({ELSEWHERE}f.woff2) }} p {{ font-family: F }}</style><p>x</p>",
    f"<script>fetch('{ELSEWHERE}data.json').catch(() => 0)</script>",
]


@pytest.mark.browser
@pytest.mark.parametrize("planted", PLANTED + LATE)
def test_a_request_elsewhere_is_seen(browser, tmp_path, planted):
    (tmp_path / "index.html").write_text(f"<!DOCTYPE html><h1>A page</h1>{planted}", "utf-8")
    context = browser.new_context(viewport=DESKTOP)
    with served(tmp_path) as server:
        stopped = cut_off(context, server)
        look_at(context, f"{server}index.html", server)
        context.close()
    assert len(set(stopped)) == 1 and "elsewhere.invalid" in stopped[0]


@pytest.mark.browser
def test_a_page_of_its_own_is_not_blamed(browser, tmp_path):
    (tmp_path / "index.html").write_text("<!DOCTYPE html><h1>A page</h1><img src='own.svg' alt=''>", "utf-8")
    (tmp_path / "own.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "utf-8")
    context = browser.new_context(viewport=DESKTOP)
    with served(tmp_path) as server:
        stopped = cut_off(context, server)
        assert look_at(context, f"{server}index.html", server).facts["broken"] == []
        context.close()
    assert stopped == []


@pytest.mark.browser
def test_an_icon_that_did_not_come_is_seen(tab):
    page = tab()
    page.set_content("<h1>A page</h1><i class='fa-solid fa-bars'></i>")
    assert len(page.evaluate(LOOK)["empty"]) == 1


@pytest.mark.parametrize("planted", PLANTED)
def test_a_source_elsewhere_is_seen_in_the_text(planted):
    assert len(Sources(planted).found) == 1


def test_a_link_is_no_source():
    assert (
        Sources(f'<a href="{ELSEWHERE}">a</a><link rel="canonical" href="{ELSEWHERE}"><img src="own.png">').found == []
    )
