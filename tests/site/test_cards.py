"""Cards of terms in the browser: with the mouse, the keyboard and a finger, wide and narrow, light and dark."""

from __future__ import annotations

import json
import re

import pytest

PHONE = {"width": 390, "height": 844}
CARD = ".term-card:visible"
LINKS = "article a.term-link"
# A page of each language, a term on it whose card has a formula, and what the card says.
CARDS = [
    ("02-gan.html", "non-saturating", ["non-saturating", "非饱和", "whose gradient stays alive"]),
    ("zh/02-gan.html", "f-divergence", ["f-散度", "f-divergence", "都属此类"]),
    ("lab/02-gan.html", "discriminator", ["discriminator", "判别器", "a classifier of real against generated"]),
    ("zh/lab/02-gan.html", "generator", ["生成器", "generator", "变成样本"]),
]


def link_of(page, term):
    """The link of a term, scrolled to the middle of the window."""
    link = page.locator(f'{LINKS}[href$="#term-{term}"]')
    link.evaluate("(link) => link.scrollIntoView({ block: 'center' })")
    return link


def opened(page, server, address, term):
    """Opens a page, and returns the link of a term; MathJax has done its work."""
    page.goto(server + address)
    page.evaluate("async () => { await MathJax.startup.promise }")
    return link_of(page, term)


def hover(page, link):
    """Puts the mouse on a link and waits for its card."""
    link.hover()
    page.locator(CARD).wait_for()
    page.wait_for_timeout(200)  # MathJax


@pytest.mark.browser
@pytest.mark.parametrize(("address", "term", "words"), CARDS[2:])
def test_the_mouse_opens_a_card_and_may_go_onto_it(tab, server, address, term, words):
    page = tab()
    link = opened(page, server, address, term)
    height = page.evaluate("document.documentElement.scrollHeight")
    hover(page, link)
    text = page.inner_text(CARD)
    assert all(word in text for word in words)
    assert page.locator(f"{CARD} mjx-container").count() and "\\(" not in text
    assert page.evaluate("document.documentElement.scrollHeight") == height  # nothing moves
    page.hover(f"{CARD} a")
    page.wait_for_timeout(500)
    page.click(f"{CARD} a")
    page.wait_for_url(f"{server}{'zh/' if 'zh/' in address else ''}glossary.html#term-{term}")
    assert page.locator(f"#term-{term}").is_visible()


@pytest.mark.browser
def test_a_card_closes_when_the_mouse_leaves_and_none_opens_in_passing(tab, server):
    page = tab()
    link = opened(page, server, "lab/02-gan.html", "generator")
    hover(page, link)
    page.mouse.move(5, 400)
    page.locator(CARD).wait_for(state="hidden", timeout=2000)
    cross = """(link) => {
      const mouse = { bubbles: true, pointerType: "mouse" };
      const over = (node) => node.dispatchEvent(new PointerEvent("pointerover", mouse));
      over(link);
      setTimeout(over, 50, document.body);
    }"""
    link_of(page, "saturating").evaluate(cross)
    page.wait_for_timeout(500)
    assert page.locator("#card-term-saturating").count() == 0  # it was never made


@pytest.mark.browser
@pytest.mark.parametrize(("address", "term", "words"), CARDS[1:3])
def test_the_keyboard_opens_a_card_and_escape_closes_it(tab, server, address, term, words):
    page = tab()
    link = opened(page, server, address, term)
    page.keyboard.press("Tab")  # from here on the reader uses the keyboard
    link.focus()
    assert all(word in page.inner_text(CARD) for word in words[:2])
    page.wait_for_timeout(200)
    said = described(page)
    assert all(word in said for word in words), said
    page.mouse.move(600, 700)
    page.wait_for_timeout(500)
    assert page.locator(CARD).count() == 1  # a jogged mouse takes nothing from the keyboard
    page.keyboard.press("Escape")
    assert page.locator(CARD).count() == 0
    assert link.evaluate("(link) => link === document.activeElement") and described(page) == ""
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert page.locator(CARD).count() == 1
    page.keyboard.press("Tab")  # goes on in the text, not into the card
    assert page.evaluate("document.activeElement.closest('article') !== null")
    assert page.locator(CARD).count() == 0 or term not in page.locator(CARD).get_attribute("id")
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server}{'zh/' if 'zh/' in address else ''}glossary.html#term-{term}")


def described(page):
    """What a screen reader says of the focused link beyond its name."""
    client = page.context.new_cdp_session(page)
    client.send("DOM.enable")
    found = client.send("Runtime.evaluate", {"expression": "document.activeElement"})["result"]["objectId"]
    tree = client.send("Accessibility.getPartialAXTree", {"objectId": found, "fetchRelatives": False})["nodes"]
    return tree[0].get("description", {}).get("value", "")


@pytest.mark.browser
@pytest.mark.parametrize(("address", "term", "words"), CARDS[1:3])
def test_the_first_tap_opens_the_card_whose_link_leads_on(tab, server, address, term, words):
    page = tab(viewport=PHONE, has_touch=True, is_mobile=True)
    link = opened(page, server, address, term)
    link.tap()
    page.wait_for_timeout(300)
    assert page.url == server + address
    assert all(word in page.inner_text(CARD) for word in words)
    link.tap()
    assert page.locator(CARD).count() == 0 and page.url == server + address
    link.tap()
    page.touchscreen.tap(3, 200)
    assert page.locator(CARD).count() == 0
    link.tap()
    page.locator(f"{CARD} a").tap()
    page.wait_for_url(f"{server}{'zh/' if 'zh/' in address else ''}glossary.html#term-{term}")


LEGIBLE = """(card) => {
  const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => rgb(colour).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = getComputedStyle(card).backgroundColor;
  const contrast = (node) => {
    const [a, b] = [light(getComputedStyle(node).color), light(ground)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const least = Math.min(...[card, ...card.querySelectorAll("span, p, a")].map(contrast));
  return { opaque: (rgb(ground)[3] ?? 1) === 1, least };
}"""


@pytest.mark.browser
@pytest.mark.parametrize("address", ["02-gan.html", "zh/02-gan.html"])
def test_every_card_stays_in_a_phones_window_and_is_legible(tab, server, address):
    page = tab(viewport=PHONE, color_scheme="light")
    opened(page, server, address, "generator")
    page.keyboard.press("Tab")
    seen = 0
    for link in page.locator(LINKS).all():
        if not link.is_visible():
            continue  # in a solution that is closed
        link.evaluate("(link) => { link.scrollIntoView({ block: 'center' }); link.focus(); }")
        page.wait_for_timeout(60)  # MathJax
        card = page.locator(CARD)
        box = card.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"], card.inner_text()
        assert box["y"] >= 0 and box["y"] + box["height"] <= PHONE["height"], card.inner_text()
        assert card.evaluate("(card) => card.scrollWidth <= card.clientWidth"), card.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        seen += 1
    assert seen >= 8
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_selector(f"html[data-theme={scheme}]")
        page.wait_for_timeout(500)  # the theme fades from one to the other
        facts = page.locator(CARD).evaluate(LEGIBLE)
        assert facts["opaque"] and facts["least"] > 4.5, (scheme, facts)


@pytest.mark.browser
def test_in_the_text_a_link_has_a_dotted_line_and_no_colour_and_on_paper_neither(tab, server):
    page = tab()
    link = opened(page, server, "lab/02-gan.html", "generator")
    style = """(link) => {
      const own = getComputedStyle(link), text = getComputedStyle(link.parentElement);
      return [own.textDecorationLine, own.textDecorationStyle, own.color === text.color];
    }"""
    assert link.evaluate(style) == ["underline", "dotted", True]
    hover(page, link)
    page.emulate_media(media="print")
    assert link.evaluate(style)[::2] == ["none", True]
    assert page.locator(CARD).count() == 0


@pytest.mark.browser
@pytest.mark.parametrize("address", ["02-gan.html", "zh/lab/02-gan.html"])
def test_without_scripts_the_words_lead_to_the_glossary(tab, server, address):
    page = tab(java_script_enabled=False)
    page.goto(server + address)
    page.locator(LINKS).first.click()
    page.wait_for_url(re.compile(r"glossary\.html#term-"))


def test_each_term_is_linked_once_and_has_its_card(page, site):
    text = (site / page).read_text("utf-8")
    body, _, template = text.partition('<template id="term-cards">')
    linked = re.findall(r'<a class="term-link[^"]*" href="[^"]*#(term-[\w-]+)"', body)
    assert len(set(linked)) == len(linked)
    assert re.findall(r'data-term="(term-[\w-]+)"', template.partition("</template>")[0]) == linked
    least = 8 if "02-gan" in page else 1 if "index" in page else 0
    assert len(linked) >= least and (not linked or "glossary.html" not in page)
    for heading in re.findall(r"<h[1-6][^>]*>.*?</h[1-6]>|<figcaption.*?</figcaption>|<table.*?</table>", body, re.S):
        assert "term-link" not in heading


@pytest.mark.parametrize(("folder", "in_a_card", "in_the_text"), [
    ("", "aliv", "connoisseur"),  # "alive", by its stem
    ("zh/", "本质", "度构"),  # the second goes over the edge of a link: 前向 KL 散度|构造
])  # fmt: skip
def test_search_knows_the_text_as_it_was_and_not_the_cards(site, folder, in_a_card, in_the_text):
    page = (site / folder / "02-gan.html").read_text("utf-8")
    assert {"aliv": "alive"}.get(in_a_card, in_a_card) in page.partition('<template id="term-cards">')[2]
    text = (site / folder / "searchindex.js").read_text("utf-8")
    index = json.loads(text[text.index("(") + 1 : text.rindex(")")])

    def pages(word):
        numbers = [index[kind].get(word, []) for kind in ("terms", "titleterms")]
        return {index["docnames"][n] for some in numbers for n in ([some] if isinstance(some, int) else some)}

    assert "02-gan" not in pages(in_a_card) and "glossary" in pages(in_a_card)
    assert "02-gan" in pages(in_the_text)
