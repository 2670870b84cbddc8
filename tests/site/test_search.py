"""The search page: every term finds its pages, in both languages, and each result says where on the page it is."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book/_ext"))

from course.glossary import read_terms  # noqa: E402

TERMS = read_terms(ROOT / "book/terms.yml")
COMPOUNDS = ["判别器", "梯度惩罚", "最优判别器", "Jensen 不等式", "詹森不等式"]
FOLDERS = {"en": "", "zh": "zh/"}
CHAPTER = "02-gan"

# The search page's own functions, asked for many queries at once: query → names of the pages found.
FIND = """(queries) => Object.fromEntries(queries.map((query) =>
  [query, Search._performSearch(...Search._parseQuery(query)).map(([name]) => name)]))"""
# What a reader sees of the results.
RESULTS = """async () => {
  const wait = () => new Promise((done) => setTimeout(done, 20));
  while (!/[0-9]|没有|not match/.test(document.querySelector(".search-summary")?.innerText)) await wait();
  // The page of each result is fetched for its excerpt: give a busy machine time for it.
  const bare = () => document.querySelector("#search-results li:not(:has(.context))");
  for (const end = Date.now() + 30_000; bare() && Date.now() < end; ) await wait();
  return [...document.querySelectorAll("#search-results li")].map((item) => ({
    title: item.querySelector(":scope > a").innerText,
    href: item.querySelector(":scope > a").href,
    place: item.querySelector(".search-place")?.innerText,
    placeHref: item.querySelector(".search-place")?.href,
    text: [...item.querySelector(".context")?.childNodes ?? []]
      .filter((node) => !node.classList?.contains("search-place")).map((node) => node.textContent).join(""),
    marked: [...item.querySelectorAll(".highlighted")].map((node) => node.textContent),
  }));
}"""


@pytest.fixture(scope="module")
def searcher(browser, server):
    """The search page of each language, loaded once."""
    context = browser.new_context()
    opened = {}
    for language, folder in FOLDERS.items():
        opened[language] = context.new_page()
        opened[language].goto(f"{server}{folder}search.html")
    yield opened
    context.close()


@pytest.fixture(scope="module")
def results(browser, server):
    """Searches as a reader does who gives the address a query, and remembers what came."""
    context, seen = browser.new_context(), {}
    page = context.new_page()

    def search(language, query):
        if (language, query) not in seen:
            page.goto(f"{server}{FOLDERS[language]}search.html")
            page.goto(f"{server}{FOLDERS[language]}search.html?q={query}")
            seen[language, query] = page.evaluate(RESULTS)
        return seen[language, query]

    yield search
    context.close()


def queries(language):
    """Every term of the glossary, and in Chinese its other names and some compounds."""
    if language == "en":
        return [term["en"] for term in TERMS]
    return COMPOUNDS + [name for term in TERMS for name in [term["zh"], *term.get("zh_aliases", [])]]


def used(query, text):
    """Whether a page's text has the term; English as whole words, without what stands in brackets."""
    if re.search("[\u4e00-\u9fff]", query):
        return query in text
    plain = re.escape(re.sub(r" \(.*?\)", "", query)).replace(r"\ ", r"\s+")
    return bool(re.search(rf"(?<!\w){plain}(?!\w)", text, re.IGNORECASE))


def lost(found, text):
    """The queries that find no page, and those whose chapter is missing among the results.

    Args:
        found: query → names of the pages.
        text: the chapter's source.
    """
    nowhere = [query for query, pages in found.items() if not pages]
    return nowhere + [f"{query} in {CHAPTER}" for query in found if used(query, text) and CHAPTER not in found[query]]


@pytest.mark.parametrize("language", FOLDERS)
def test_every_term_is_found(searcher, language):
    text = (ROOT / f"book/{language}/{CHAPTER}.md").read_text("utf-8")
    found = searcher[language].evaluate(FIND, queries(language))
    assert lost(found, text) == []
    assert sum(used(query, text) for query in found) > 15  # the chapter was looked for often enough


@pytest.mark.parametrize(("language", "word"), [("zh", "判别"), ("en", "discrimin")])
def test_a_term_that_the_index_does_not_have_is_missed(tab, server, language, word):
    page = tab()
    page.goto(f"{server}{FOLDERS[language]}search.html")
    page.evaluate("(word) => { delete Search._index.terms[word]; delete Search._index.titleterms[word] }", word)
    text = (ROOT / f"book/{language}/{CHAPTER}.md").read_text("utf-8")
    assert f"{'判别模型' if language == 'zh' else 'discriminative model'} in {CHAPTER}" in lost(
        page.evaluate(FIND, queries(language)), text
    )


def test_accents_do_not_count(searcher):
    stems = "(query) => [...Search._parseQuery(query)[1]]"
    for page in searcher.values():
        assert page.evaluate(stems, "Fréchet") == page.evaluate(stems, "Frechet")


@pytest.mark.parametrize(("language", "nonsense"), [
    ("zh", ["甲乙丙丁", "器别判", "Jensen 甲乙", "判别器 甲乙", "xylophone"]),
    ("en", ["xylophone", "discriminator xylophone", "js xylophone", "判别乙"]),
])  # fmt: skip
def test_nonsense_is_not_found(searcher, language, nonsense):
    assert searcher[language].evaluate(FIND, nonsense) == {query: [] for query in nonsense}


SHOWN = [
    *[
        ("zh", query)
        for query in ["判别器", "纳什均衡", "最优判别器", "Jensen 不等式", "JS散度", "期望", "varphi", "JS"]
    ],
    *[
        ("en", query)
        for query in ["discriminator", "Nash equilibrium", "Jensen's inequality", "generator", "rate", "JS"]
    ],
]


@pytest.mark.parametrize(("language", "query"), SHOWN)
def test_each_result_leads_to_a_place(results, site, server, language, query):
    shown = results(language, query)
    assert shown
    for result in shown:
        href = result["placeHref"] or result["href"]
        page, _, anchor = href.partition("#")
        assert anchor, result  # a section, a theorem, an entry of the glossary
        assert f'id="{anchor}"' in (site / page.removeprefix(server)).read_text("utf-8")
        assert result["placeHref"] is None or re.match(r"§ \S", result["place"])


@pytest.mark.parametrize(("language", "query"), SHOWN)
def test_excerpts_can_be_read(results, language, query):
    for result in results(language, query):
        assert len(result["text"].strip(" …")) > 10
        text = re.sub(r'r"[^"]*"', "", result["text"])  # a lab's code may have TeX in a string, and say so
        assert not re.search(r"\\|\$|mathrm|varphi", text + result["title"] + (result["place"] or "")), result
        assert not re.search("本页目录|Contents$|^Contents", result["text"])


@pytest.mark.parametrize(("language", "query", "title", "place"), [
    ("zh", "纳什均衡", "02 · 生成对抗网络 › 定义 2.4（纳什均衡）", None),
    ("en", "Nash equilibrium", "02 · Generative adversarial networks › Definition 2.4 (Nash equilibrium)", None),
    ("zh", "判别器", "术语表", "§ 判别器"),
    ("en", "generator", "Glossary", "§ generator"),
    ("zh", "判别器", "02 · 生成对抗网络", "§ 判别器：等比例混合的分类器"),
    ("en", "softplus", "02 · Generative adversarial networks", "§ The discriminator: a classifier of an equal mixture"),
])  # fmt: skip
def test_what_the_results_are_called(results, language, query, title, place):
    assert (title, place) in [(result["title"], result["place"]) for result in results(language, query)]


def test_the_place_that_is_called_so_comes_first(results):
    assert "定理 2.1（最优判别器）" in results("zh", "最优判别器")[0]["title"]
    assert results("en", "Nash equilibrium")[0]["title"].endswith("Definition 2.4 (Nash equilibrium)")
    *_, second, last = [result["title"] for result in results("zh", "Jensen 不等式")]  # not as a phrase
    assert [second, last] == ["02 · 生成对抗网络", "06 · Wasserstein GAN"]


@pytest.mark.parametrize(("language", "query", "words"), [
    ("en", "rate", {"rate", "rates"}),
    ("en", "Nash equilibrium", {"nash", "equilibrium", "equilibria"}),
    ("en", "penalties", {"penalty", "penalties"}),
    ("en", "discriminat", {"discriminator", "discriminators", "discriminative", "discriminator_loss"}),
    ("zh", "纳什均衡", {"纳什均衡"}),
    ("zh", "JS散度", {"JS", "散度"}),
])  # fmt: skip
def test_words_are_marked_whole(results, language, query, words):
    marked = {word for result in results(language, query) for word in result["marked"]}
    assert marked and {word.lower() if language == "en" else word for word in marked} <= words


def test_the_excerpt_is_cut_around_the_phrase(results):
    for language, query in [("zh", "最优判别器"), ("en", "optimal discriminator"), ("en", "learning rate")]:
        chapter = [result for result in results(language, query) if f"{CHAPTER}.html" in result["href"]]
        assert chapter and all(query in result["text"].lower() for result in chapter)


@pytest.mark.parametrize(("tex", "plain"), [
    (r"\(D_\varphi\)", "Dφ"),
    (r"\(\mathbb E_{x\sim p_r}[\log D(x)]\)", "Ex∼pr[log D(x)]"),
    (r"\(\tfrac12\)", "1/2"),
    (r"\(\dfrac{p_r}{p_r+p_\theta}\)", "pr/(pr+pθ)"),
    (r"\(2\cdot10^{-4}\)", "2·10⁻⁴"),
    (r"\(X\in\{1,\dots,6\}\)", "X∈{1,…,6}"),
    (r"\(D^*(x)\le\beta_1\)", "D*(x)≤β₁"),
    (r"\(\mathrm{JS}(p\,\Vert\,q)\)", "JS(p‖q)"),
    (r"\(A=\begin{pmatrix}2&1\\0&3\end{pmatrix}\)", "…"),
    (r"\(\frac{\sigma(1-\sigma)}{\frac{1}{2}+\varepsilon}\)", "…"),
    (r"\(" + "x+" * 40 + r"x\)", "…"),
])  # fmt: skip
def test_formulas_in_plain_letters(searcher, tex, plain):
    assert searcher["en"].evaluate("(tex) => Search.readable(tex)", tex) == plain


@pytest.mark.parametrize("language", FOLDERS)
def test_every_formula_of_the_book_can_be_read(searcher, language, site):
    pages = [path for path in (site / FOLDERS[language]).rglob("*.html") if "_static" not in path.parts]
    formulas = "(html) => [...new DOMParser().parseFromString(html, 'text/html').querySelectorAll('article span.math')]"
    read = formulas + ".map((node) => [node.textContent, Search.readable(node.textContent)])"
    shown = [pair for page in pages for pair in searcher[language].evaluate(read, page.read_text("utf-8"))]
    assert len(shown) > 300
    assert [(tex, plain) for tex, plain in shown if not plain or "\\" in plain or "$" in plain] == []
    assert sum(plain == "…" for _, plain in shown) < len(shown) / 5


def test_what_is_marked_on_the_page_a_reader_goes_to_is_no_part_of_words(searcher):
    marked = "(query) => { Search._parseQuery(query); return localStorage.getItem('sphinx_highlight_terms') }"
    assert searcher["en"].evaluate(marked, "learning rate") == "learning"
    assert searcher["zh"].evaluate(marked, "最优判别器 D") == "最优判别器"
