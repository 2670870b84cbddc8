"""Cards of terms: which words of a page are linked, and what their cards hold."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book/_ext"))

from course import cards, typography  # noqa: E402
from course.search import SearchChinese  # noqa: E402

TERMS = [
    {"en": "generative adversarial network (GAN)", "zh": "生成对抗网络", "en_def": "Two networks."},
    {"en": "Jensen–Shannon (JS) divergence", "zh": "JS 散度"},
    {"en": "divergence", "zh": "散度"},
    {"en": "f-divergence", "zh": "f-散度", "en_def": "With a convex $f$.", "zh_def": "取凸函数 $f<g$。"},
    {"en": "generator", "zh": "生成器"},
    {"en": "saturating", "zh": "饱和", "no_card": ["zh"]},
    {"en": "non-saturating", "zh": "非饱和"},
    {"en": "support", "zh": "支撑集", "no_card": ["en"]},
    {"en": "disjoint support", "zh": "不相交支撑集", "zh_aliases": ["分离支撑集"]},
    {"en": "Jensen's inequality", "zh": "Jensen 不等式"},
    {"en": "logit", "zh": "logit"},
    {"en": "Inception Score (IS)", "zh": "Inception 分数"},
]


@pytest.mark.parametrize(("term", "expected"), [
    ("generative adversarial network (GAN)", ["generative adversarial network", "GAN"]),
    ("Jensen–Shannon (JS) divergence", ["Jensen–Shannon divergence", "JS divergence"]),
    ("divergence", []),
])  # fmt: skip
def test_a_bracket_is_another_name(term, expected):
    assert cards.names({"en": term}, "en") == [term, *expected]


@pytest.mark.parametrize(("text", "expected"), [
    ("Generators and a GENERATOR", ["Generators", "GENERATOR"]),
    ("regenerator generatored generator-like generator’s", ["generator"]),
    ("many GANs, one generative\nadversarial network", ["GANs", "generative\nadversarial network"]),
    ("non-saturating or saturating", ["non-saturating", "saturating"]),
    ("JS divergence and divergences", ["JS divergence", "divergences"]),
    ("Jensen’s inequality, Jensen's inequality", ["Jensen’s inequality", "Jensen's inequality"]),
    ("disjoint supports", ["disjoint supports"]),
    ("nothing of the kind", []),
    ("that is all, Is it; the IS, two ISs, an inception score", ["IS", "ISs", "inception score"]),
])  # fmt: skip
def test_english_terms_are_found_as_whole_words(text, expected):
    assert [text[start:end] for start, end, _ in cards.Finder(TERMS, "en").find(text)] == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("这个生成器的散度", ["生成器", "散度"]),
    ("非饱和与饱和", ["非饱和", "饱和"]),
    ("不相交支撑集、分离支撑集与支撑集", ["不相交支撑集", "分离支撑集", "支撑集"]),
    ("KL 与 JS 散度，XJS 散度", ["JS 散度", "散度"]),
    ("输出logit，logits 与 logit", ["logit", "logit"]),
])  # fmt: skip
def test_chinese_terms_are_found_the_longest_first(text, expected):
    assert [text[start:end] for start, end, _ in cards.Finder(TERMS, "zh").find(text)] == expected


@pytest.fixture
def page(tmp_path):
    """Makes a page of the given blocks, with terms and a glossary in its book; `run` links its terms."""

    def make(*blocks, language="en", docname=None, terms=TERMS, pages=("book/en/glossary", "book/zh/glossary")):
        (tmp_path / "terms.yml").write_text(yaml.safe_dump(terms, allow_unicode=True), "utf-8")
        cards.terms_of.cache_clear()
        cards.finder.cache_clear()
        document = new_document("page")
        document += blocks
        folder = "zh" if language == "zh_CN" else "en"
        builder = SimpleNamespace(format="html", name="html", get_relative_uri=lambda here, there: f"{there}.html")
        app = SimpleNamespace(srcdir=tmp_path, builder=builder)
        app.config = SimpleNamespace(language=language, course_terms="terms.yml")
        math = SimpleNamespace(data={"has_equations": {}})
        document.settings.env = SimpleNamespace(
            app=app, config=app.config, docname=docname or f"book/{folder}/page", all_docs=pages, math=math
        )
        document.settings.env.get_domain = {"math": math}.get
        return document

    yield make
    cards.terms_of.cache_clear()
    cards.finder.cache_clear()


def paragraph(*parts):
    """A paragraph of texts, with formulas written as "$f$"."""
    made = [nodes.math("", part.strip("$")) if str(part)[:1] == "$" else part for part in parts]
    return nodes.paragraph("", "", *[nodes.Text(part) if isinstance(part, str) else part for part in made])


def linked(document):
    """The words that are links to the glossary."""
    return [link.astext() for link in document.findall(nodes.reference) if cards.LINK in link["classes"]]


def run(document):
    """Link the terms of a page, and return them."""
    before = document.astext()
    cards.TermLinks(document).run()
    assert document.astext() == before
    return linked(document)


def test_the_first_occurrence_is_linked_to_its_row(page):
    document = page(paragraph("A GAN has a generator. ", "Two generators, two GANs."), paragraph("A generator."))
    assert run(document) == ["GAN", "generator"]
    assert [link["refuri"] for link in document.findall(nodes.reference)] == [
        "book/en/glossary.html#term-generative-adversarial-network-gan",
        "book/en/glossary.html#term-generator",
    ]


def test_words_in_list_items_theorems_and_definitions_are_linked(page):
    item = nodes.bullet_list("", nodes.list_item("", paragraph("A generator")))
    theorem = nodes.admonition("", nodes.title("", "On divergences"), nodes.section("", paragraph("A divergence")))
    assert run(page(item, theorem)) == ["generator", "divergence"]


@pytest.mark.parametrize("block", [
    nodes.section("", nodes.title("", "The generator")),
    paragraph(nodes.strong("", "generator"), " ", nodes.emphasis("", "generator")),
    paragraph(nodes.reference("", "generator", refuri="x"), nodes.literal("", "generator"), "$generator$"),
    nodes.literal_block("", "generator"),
    nodes.figure("", nodes.caption("", "A generator"), nodes.legend("", paragraph("generator"))),
    nodes.table("", nodes.tgroup("", nodes.tbody("", nodes.row("", nodes.entry("", paragraph("generator")))))),
    nodes.container("", paragraph("generator"), classes=["sd-card"]),
    nodes.container("", nodes.container("", paragraph("generator")), classes=["cell"]),
    nodes.citation("", nodes.label("", "G14"), paragraph("generator")),
    nodes.topic("", paragraph("generator")),
    addnodes.compact_paragraph("", "generator"),
])  # fmt: skip
def test_what_is_no_running_text_is_left_alone(page, block):
    assert run(page(block.deepcopy())) == []
    assert run(page(block.deepcopy(), paragraph("A generator."))) == ["generator"]  # and does not count as the first


def test_a_word_with_no_card_is_not_linked_nor_a_part_of_it(page):
    assert run(page(paragraph("the support, saturating"))) == ["saturating"]
    assert run(page(paragraph("支撑集、饱和"), language="zh_CN")) == ["支撑集"]
    assert run(page(paragraph("disjoint support, disjoint support"))) == ["disjoint support"]
    assert run(page(paragraph("非饱和、非饱和、饱和"), language="zh_CN")) == ["非饱和"]


def test_a_term_may_begin_with_a_formula_and_a_formula_is_never_cut(page):
    document = page(paragraph("任意 ", "$f$", "-散度，", "$D$", " 的散度"), language="zh_CN")
    assert run(document) == ["f-散度", "散度"]
    assert [type(part) for part in next(document.findall(nodes.reference))] == [nodes.math, nodes.Text]
    assert document.settings.env.math.data["has_equations"] == {"book/zh/page": True}  # so the page gets MathJax
    assert run(page(paragraph("$a generator$", " and ", "$logit$"))) == []


def test_no_links_on_the_glossary_nor_without_one(page):
    assert run(page(paragraph("A generator."), docname="book/en/glossary")) == []
    assert run(page(paragraph("A generator."), pages=())) == []


def test_chinese_spaces_and_punctuation_stay_right_beside_links(page):
    bold = nodes.strong("", "收敛。")
    line = paragraph(bold, " 散度与 ", nodes.literal("", "fit"), " ，任意 ", "$f$", "-散度。")
    document = page(line, language="zh_CN")
    steps = [typography.FormulaPhrases, typography.ChineseSpaces, cards.TermLinks]
    for step in sorted(steps, key=lambda step: step.default_priority):
        step(document).run()
    assert document.astext() == "收敛。散度与 fit，任意 f-散度。"
    assert linked(document) == ["散度", "f-散度"]
    assert [phrase.astext() for phrase in document.findall(nodes.inline)] == ["f-"]


def test_search_sees_the_text_without_links(page):
    document = page(paragraph("最优生成器的", nodes.strong("", "好"), "散度"), language="zh_CN")
    assert run(document) == ["生成器", "散度"]
    plain = cards.without_links(document)
    assert linked(plain) == [] and linked(document) == ["生成器", "散度"]
    words = SearchChinese({})
    found = {word for text in plain.findall(nodes.Text) for word in words.split(text)}
    cut = {word for text in document.findall(nodes.Text) for word in words.split(text)}
    assert {"优生", "器的"} <= found and not {"优生", "器的"} & cut


@pytest.mark.parametrize(("language", "names", "meaning", "formula"), [
    ("en", ["en", "f-divergence", "zh-CN", "f-散度"], "With a convex", "f"),
    ("zh", ["zh-CN", "f-散度", "en", "f-divergence"], "取凸函数", "f&lt;g"),
])  # fmt: skip
def test_a_card_has_both_names_the_meaning_and_the_way_on(language, names, meaning, formula):
    text = cards.card(TERMS[3], language, "glossary.html#term-f-divergence")
    assert '<strong><span lang="{}">{}</span></strong> <span lang="{}">{}</span>'.format(*names) in text
    assert meaning in text and f'<span class="math inline">\\({formula}\\)</span>' in text
    assert '<a href="glossary.html#term-f-divergence">' in text and 'data-term="term-f-divergence"' in text


def test_the_cards_stand_in_a_template_behind_the_text(page):
    document = page(paragraph("A GAN has a generator."))
    run(document)
    app = document.settings.env.app
    context = {"body": "<p>text</p>"}
    cards.add_cards(app, "page", "page.html", context, document)
    assert context["body"].startswith('<p>text</p><template id="term-cards">')
    assert context["body"].count('class="term-card"') == 2 and context["body"].endswith("</template>\n")
    context = {"body": "<p>text</p>"}
    cards.add_cards(app, "page", "page.html", context, page(paragraph("No term.")))
    cards.add_cards(app, "search", "search.html", context, None)
    assert context["body"] == "<p>text</p>"


def test_a_changed_term_writes_every_page_again(tmp_path):
    (tmp_path / "terms.yml").write_text("- {en: a, zh: b}", "utf-8")
    app = SimpleNamespace(srcdir=tmp_path, config=SimpleNamespace(course_terms="terms.yml"))
    env = SimpleNamespace(all_docs={"one": 0, "two": 0})
    assert cards.pages_to_write(app, env) == []
    assert cards.pages_to_write(app, env) == []
    (tmp_path / "terms.yml").write_text("- {en: a, zh: c}", "utf-8")
    assert cards.pages_to_write(app, env) == ["one", "two"]


def test_terms_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "terms.yml").write_text("- {en: a, zh: b, no_card: [fr]}", "utf-8")
    with pytest.raises(ExtensionError, match="the cards of terms cannot be made: `no_card` of the term 'a' .*'fr'"):
        cards.terms_of(tmp_path / "terms.yml")
