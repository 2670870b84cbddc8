"""No English word of the theme is left on a Chinese page, seen or read aloud: around the text, in menus, in boxes."""

from __future__ import annotations

import re

import pytest

from tests.site.conftest import DESKTOP, PHONE, pages

pytestmark = pytest.mark.browser

CHINESE = [page for page in pages() if page.startswith("zh/")]
# What is the same in Chinese: names, keys, endings of files. A solution is called by the title of its exercise, too.
NAMES = r"GAN|LSGAN|Wasserstein|WGAN(?:-GP)?|SNGAN|Dirac-GAN|Rosenblatt|Adam|FID|KID|"
NAMES += r"GitHub|Colab|Kaggle|PDF|Ctrl|Cmd|K|\.ipynb|\.pdf|\.md"
# The words that the theme and the extensions put on a page, with what screen readers and the mouse show of each
# element, as [where, text]. The rest is the authors': the article, but for the frame of its boxes, and its titles.
TEXTS = """() => {
  const ATTRIBUTES = ["title", "aria-label", "placeholder", "alt", "data-bs-title", "data-bs-original-title",
    "data-toggle-hint", "data-tooltip"];
  const AUTHORS = "article, #search-results ul, .bd-links li > a, .section-nav a, .prev-next-title, .logo__title, " +
    "#jb-print-docs-body h1, .language-switch, .language-switch *";           // the switch speaks the other language
  const MADE = ".proof-word, .caption-number, .toggle-details, .headerlink, .copybtn, summary, button";
  const found = [];
  const where = (node) => node.tagName.toLowerCase() + (node.id ? `#${node.id}` : "") +
    [...node.classList].map((name) => `.${name}`).join("");
  const add = (node, text) => text?.trim() && found.push([where(node), text.trim()]);
  for (const node of document.body.querySelectorAll("*")) {
    if (node.closest("script, style, noscript, mjx-container")) continue;
    if (node.closest(AUTHORS) && !node.closest(`article :is(${MADE})`)) continue;
    ATTRIBUTES.forEach((name) => add(node, node.getAttribute(name)));
    [...node.childNodes].filter((child) => child.nodeType === 3).forEach((child) => add(node, child.data));
  }
  // A box is called by its kind and perhaps a title, which is the author's.
  for (const title of document.querySelectorAll("article .admonition-title"))
    add(title, (title.querySelector(".caption-number") ?? title).innerText);
  return found;
}"""


def english(texts):
    """Those of the texts that hold a word which is neither Chinese nor a name."""
    left = [(where, text, re.sub(rf"(?<![A-Za-z])(?:{NAMES})(?![A-Za-z])", "", text)) for where, text in texts]
    return [f"{where}: {text}" for where, text, rest in left if re.search("[A-Za-z]", rest)]


@pytest.fixture(scope="module")
def reader(browser, server):
    """Opens a page at a size, opens its menus, and returns its texts."""
    contexts = {}

    def texts(address, size):
        key = size["width"]
        contexts[key] = contexts.get(key) or browser.new_context(viewport=size, locale="zh-CN")
        page = contexts[key].new_page()
        page.goto(server + address)
        page.wait_for_load_state("networkidle")
        for menu in page.locator(".bd-header-article .dropdown-toggle >> visible=true").all():
            menu.click()
        if size == PHONE:
            page.locator(".primary-toggle >> visible=true").first.click()
        page.wait_for_timeout(200)  # the tooltips of what was clicked
        found = page.evaluate(TEXTS)
        page.close()
        return found

    yield texts
    for context in contexts.values():
        context.close()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("address", [*CHINESE, "zh/search.html?q=判别器", "zh/search.html?q=甲乙丙丁"])
def test_no_english_word_is_left(reader, address, size):
    texts = reader(address, size)
    assert len(texts) > 30
    assert english(texts) == []


def test_the_texts_of_menus_and_boxes_are_among_them(reader):
    words = {text for _, text in reader("zh/02-gan.html", DESKTOP)}
    assert {"打印为 PDF", "下载源文件", "代码仓库", "全书目录", "本页目录", "搜索", "从这里开始"} <= words  # around
    assert {"点击展开", "展开或收起", "证明", "本章要点", "本节链接"} <= words  # within
    assert any(re.fullmatch(r"定理 2\.1", word) for word in words)
    assert "打开于 Kaggle" in {text for _, text in reader("zh/lab/02-gan.html", DESKTOP)}


@pytest.mark.parametrize(("html", "faults"), [
    ("<nav aria-label='Main'><a href='#'>首页</a></nav>", 1),
    ("<button title='Print to PDF'>打印</button>", 1),
    ("<input placeholder='Search the course'>", 1),
    ("<p>Contents</p>", 1),
    ("<article><p class='admonition-title'>Note</p><p>An English word of the author's.</p></article>", 1),
    ("<article><button class='toggle-button'>Click to show</button></article>", 1),
    ("<article><p><em class='proof-word'>Proof.</em> GAN</p></article>", 1),
    ("<article><button data-toggle-hint='Click to show'></button></article>", 1),
    ("<p>在 Colab 中打开，或下载 .ipynb</p><img alt='GAN 的示意图'><kbd>Ctrl</kbd><kbd>K</kbd>", 0),
    ("<a class='language-switch'><span>English</span></a>", 0),
])  # fmt: skip
def test_an_english_word_is_seen(tab, html, faults):
    page = tab()
    page.set_content(html)
    assert len(english(page.evaluate(TEXTS))) == faults
