"""What a reader does: switch the language, be offered theirs, search in Chinese, read in the dark, open the file."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.browser

OFFER = ".language-offer"
MATHS = "async () => { await MathJax.startup.promise; return document.querySelectorAll('mjx-container').length }"


def test_switcher_goes_there_and_back(tab, server):
    page = tab()
    page.goto(server + "lab/02-gan.html")
    page.click(".language-switch")
    page.wait_for_url(server + "zh/lab/02-gan.html")
    page.click(".language-switch")
    page.wait_for_url(server + "lab/02-gan.html")


def test_the_switch_keeps_the_section(tab, server):
    page = tab()
    page.goto(server + "02-gan.html")
    page.evaluate(MATHS)
    headings = "[...document.querySelectorAll('article :is(h1, h2, h3)')]"
    count = f"(words) => {headings}.findIndex((heading) => heading.innerText.includes(words))"
    page.evaluate("() => document.querySelector('#equilibrium').scrollIntoView()")
    number = page.evaluate(count, "Equilibrium")
    assert number > 3
    page.evaluate("() => document.querySelector('.language-switch').click()")  # a mouse would scroll to it first
    page.wait_for_url(f"{server}zh/02-gan.html#heading-{number + 1}")
    page.evaluate(MATHS)
    page.wait_for_timeout(300)
    assert page.evaluate(count, "均衡") == number
    assert -5 < page.evaluate(f"(n) => {headings}[n].getBoundingClientRect().top", number) < 250


def test_an_offer_that_was_passed_over_is_not_made_on_every_page(tab, server):
    page = tab(locale="zh-CN")
    for address, offers in (("index.html", 1), ("02-gan.html", 0), ("references.html", 0)):
        page.goto(server + address)
        assert page.locator(OFFER).count() == offers


@pytest.mark.parametrize(("locale", "address", "words"), [
    ("zh-CN", "index.html", "本页有中文版"),
    ("zh-TW", "lab/02-gan.html", "本页有中文版"),
    ("en-GB", "zh/references.html", "also in English"),
])  # fmt: skip
def test_first_visit_is_offered_the_readers_language(tab, server, locale, address, words):
    page = tab(locale=locale)
    page.goto(server + address)
    assert words in page.inner_text(OFFER)
    page.wait_for_timeout(300)
    assert page.url == server + address  # offered, not redirected
    page.click(f"{OFFER} button")
    assert page.locator(OFFER).count() == 0
    for again in (address, "zh/search.html" if "zh/" in address else "search.html"):
        page.goto(server + again)
        assert page.locator(OFFER).count() == 0  # the answer is remembered


@pytest.mark.parametrize(("locale", "address"), [
    ("en-US", "index.html"),
    ("zh-CN", "zh/index.html"),
    ("fr-FR", "index.html"),
    ("fr-FR", "zh/index.html"),
])  # fmt: skip
def test_no_offer_where_none_is_needed(tab, server, locale, address):
    page = tab(locale=locale)
    page.goto(server + address)
    assert page.locator(OFFER).count() == 0


def test_the_choice_is_kept_and_can_be_changed(tab, server):
    page = tab(locale="zh-CN")
    page.goto(server + "index.html")
    page.click(f"{OFFER} a")
    page.wait_for_url(server + "zh/index.html")
    assert page.locator(OFFER).count() == 0
    page.goto(server + "references.html")  # by a link from elsewhere: offered again, since Chinese was chosen
    assert page.locator(OFFER).count() == 1
    page.goto(server + "zh/references.html")
    page.click(".language-switch")  # English now
    page.wait_for_url(server + "references.html")
    assert page.locator(OFFER).count() == 0


def test_works_from_a_file(tab, site):
    page = tab(locale="zh-CN")
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((site / "sign-conventions.html").as_uri())
    assert page.evaluate(MATHS) > 5
    page.click(f"{OFFER} a")
    page.wait_for_url((site / "zh/sign-conventions.html").as_uri())
    assert page.evaluate(MATHS) > 5
    assert page.locator(OFFER).count() == 0
    assert errors == []


def search(page, address, query):
    """Search as a reader does and return the addresses found."""
    page.goto(address)
    page.fill("form.bd-search input >> visible=true", query)
    page.keyboard.press("Enter")
    page.wait_for_function("() => /[0-9]|没有|not match/.test(document.querySelector('.search-summary')?.innerText)")
    return page.eval_on_selector_all("#search-results li > a", "links => links.map((link) => link.href)")


@pytest.mark.parametrize("query", ["判别器", "最优判别器", "散度", "熵", "JS", "JS 散度", "JS散度"])
def test_chinese_search_finds_the_chapter(tab, server, query):
    page = tab(locale="zh-CN")
    found = search(page, server + "zh/search.html", query)
    assert any(re.match(f"{server}zh/02-gan.html", link) for link in found), found
    assert all(link.startswith(f"{server}zh/") for link in found)
    marked = page.eval_on_selector_all("#search-results .highlighted", "nodes => nodes.map((node) => node.textContent)")
    whole = set(re.findall("[a-z]+|[\u4e00-\u9fff]+", query.lower()))
    assert {word.lower() for word in marked} == whole  # not pair by pair


@pytest.mark.parametrize("query", ["甲乙丙丁", "器别判"])
def test_chinese_search_finds_nothing_for_nonsense(tab, server, query):
    assert search(tab(locale="zh-CN"), server + "zh/search.html", query) == []


@pytest.mark.parametrize("query", ["discriminator", "JS divergence", "js"])
def test_english_search(tab, server, query):
    found = search(tab(), server + "search.html", query)
    assert any(re.match(f"{server}02-gan.html", link) for link in found), found
    assert not any("/zh/" in link for link in found)


def luminance(colour):
    """Between 0 and 1, from a CSS colour."""
    red, green, blue = map(float, re.findall(r"[\d.]+", colour)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def test_english_on_a_chinese_page_keeps_its_apostrophe_narrow(tab, server):
    page = tab(locale="zh-CN")
    page.goto(server + "zh/glossary.html")
    font = "node => getComputedStyle(node).fontFamily"
    assert "punctuation" not in page.locator(".term-en", has_text="Jensen’s").evaluate(font)
    assert "punctuation" in page.locator("article p").first.evaluate(font)


@pytest.mark.parametrize(("address", "play"), [("02-gan.html", "play"), ("zh/02-gan.html", "播放")])
def test_a_figure_moves(tab, server, address, play):
    page = tab(viewport={"width": 390, "height": 844})
    page.goto(server + address)
    figure = page.locator("#fig-gan-slide")
    shown, slider = figure.locator("output"), figure.locator("input[type=range]")
    assert shown.inner_text() == "θ = 0.00"
    slider.fill("0")
    assert shown.inner_text() == "θ = 6.00"
    picture = figure.locator("img")
    assert picture.evaluate("image => image.style.transform") == "translateY(0%)"
    frame = picture.evaluate("image => [image.parentElement.clientHeight, image.clientHeight / 25]")
    assert frame[0] == pytest.approx(frame[1], abs=1)  # one frame is seen, whole
    figure.get_by_role("button", name=play).click()
    page.wait_for_function("document.querySelector('#fig-gan-slide output').textContent === 'θ = 5.50'")


@pytest.mark.parametrize("address", ["00-welcome.html", "zh/00-welcome.html"])
def test_light_and_dark(tab, server, address):
    style = "([query, what]) => getComputedStyle(document.querySelector(query))[what]"
    page = tab(color_scheme="light")
    page.goto(server + address)
    assert luminance(page.evaluate(style, ["body", "backgroundColor"])) > 0.9
    assert luminance(page.evaluate(style, ["article p", "color"])) < 0.4
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("html[data-theme=dark]")
    page.wait_for_timeout(500)  # the theme fades from one to the other
    assert luminance(page.evaluate(style, ["body", "backgroundColor"])) < 0.2
    assert luminance(page.evaluate(style, ["article p", "color"])) > 0.6
    figure = page.evaluate(style, ["article figure img:not(.dark-ok)", "backgroundColor"])
    assert luminance(figure) > 0.9  # figures keep their light paper
