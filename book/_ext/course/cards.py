"""Cards of terms: where a page first uses a term of `book/terms.yml`, the word links to its row of the glossary.

`book/_static/cards.js` shows a card at such a link: the term in both languages and what it means. The cards' text comes
into the page as a `<template>`, behind the text, so that neither search nor a printer sees it; without JavaScript the
links still lead to the glossary. A word that ordinary prose uses in other senses has `no_card` in `book/terms.yml`.
"""

from __future__ import annotations

import functools
import hashlib
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.locale import get_translation
from sphinx.transforms.post_transforms import SphinxPostTransform

from course.glossary import anchor, read_terms

GLOSSARY = "book/{}/glossary"  # the page that the links lead to
LINK = "term-link"
# What holds paragraphs but is no running text; an `sd-card` is a link as a whole, a `cell` is code with its output.
OTHERS = (nodes.table, nodes.figure, nodes.topic, nodes.citation)
OTHER_CLASSES = {"sd-card", "cell", "toctree-wrapper"}
OPAQUE = "\0"  # stands for a node that is neither text nor formula
translate = get_translation("cards")
Term = dict[str, Any]


def names(term: Term, language: str) -> list[str]:
    """What a term is called in the text of a language.

    A bracket in an English term is another name of the words before it: "Jensen–Shannon (JS) divergence" is also the
    "Jensen–Shannon divergence" and the "JS divergence".
    """
    if language == "zh":
        return [term["zh"], *term.get("zh_aliases", [])]
    bracket = re.fullmatch(r"(.+?) \((.+?)\) ?(.*)", term["en"])
    if bracket is None:
        return [term["en"]]
    long, short, rest = bracket.groups()
    return [term["en"], f"{long} {rest}".strip(), f"{short} {rest}".strip()]


class Finder:
    """Finds the terms in a text.

    English: whole words, in small or capital letters, with or without the -s of a simple plural; abbreviations in
    capitals only ("IS" is a term, "is" is none). Chinese: anywhere, but Latin letters at a name's edge must end there.
    Where names overlap, the longer one counts.

    Args:
        terms: the entries of `book/terms.yml`.
        language: "en" or "zh".
    """

    def __init__(self, terms: list[Term], language: str) -> None:
        named = {name: term for term in terms for name in names(term, language)}
        self.terms = {self._key(name): term for name, term in named.items()}
        self.plural = language == "en"
        longest_first = sorted(named, key=len, reverse=True)
        self.pattern = re.compile("|".join(map(self._pattern, longest_first)) or r"(?!)", re.IGNORECASE)

    def find(self, text: str) -> Iterator[tuple[int, int, Term]]:
        """Every term of a text: its first place, the place behind it, its entry."""
        for match in self.pattern.finditer(text):
            key = self._key(match[0])
            yield *match.span(), self.terms.get(key) or self.terms[key.removesuffix("s")]

    def _pattern(self, name: str) -> str:
        words = r"\s+".join(map(_word, name.split())).replace("'", "['’]")
        if self.plural:
            return rf"(?<![\w-]){words}s?(?![\w-])"
        before = r"(?<![A-Za-z0-9-])" if name[0].isascii() else ""
        return before + words + (r"(?![A-Za-z0-9-])" if name[-1].isascii() else "")

    @staticmethod
    def _key(name: str) -> str:
        return " ".join(name.split()).casefold().replace("’", "'")


def _word(word: str) -> str:
    """A pattern for one word, in small or capital letters; for an abbreviation as it is written."""
    return f"(?-i:{re.escape(word)})" if len(word) > 1 and word.isupper() else re.escape(word)


@functools.cache
def terms_of(path: Path) -> list[Term]:
    """The terms of a file, read once in a build.

    Raises:
        ExtensionError: the file cannot be read, or is no list of terms.
    """
    try:
        return read_terms(path)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ExtensionError(f"the cards of terms cannot be made: {error}") from error


@functools.cache
def finder(path: Path, language: str) -> Finder:
    """The finder of a file's terms."""
    return Finder(terms_of(path), language)


class TermLinks(SphinxPostTransform):
    """Link each term where the page first has it in the plain text of a paragraph.

    Bold and emphasised words, links, code and formulas are no plain text; but a formula may begin a term, as in
    "$f$-divergence".
    """

    default_priority = 895  # when references are text and Chinese spaces gone, before formulas are wrapped
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Go through the paragraphs of the page."""
        language = "zh" if self.config.language.startswith("zh") else "en"
        page, glossary = self.env.docname, GLOSSARY.format(language)
        if page == glossary or glossary not in self.env.all_docs:
            return
        self.address = self.app.builder.get_relative_uri(page, glossary)
        terms = finder(Path(self.app.srcdir, self.config.course_terms), language)
        self.linked = {term["en"] for term in terms.terms.values() if language in term.get("no_card", [])}
        formulas = False
        for paragraph in list(self.document.findall(nodes.paragraph)):
            if is_running_text(paragraph):
                formulas |= self.link(paragraph, terms, f"{language}_def")
        if formulas:  # the page may have none of its own, and then no MathJax
            self.env.get_domain("math").data["has_equations"][page] = True

    def link(self, paragraph: nodes.paragraph, terms: Finder, meaning: str) -> bool:
        """Link the terms that are new on the page; say whether one of their cards has a formula."""
        parts = list(paragraph.children)
        texts = [part.astext() if isinstance(part, nodes.Text | nodes.math) else OPAQUE for part in parts]
        made: list[nodes.Node] = []
        done, formulas = 0, False
        for start, end, term in terms.find("".join(texts)):
            inside = _slice(parts, texts, start, end)
            if term["en"] in self.linked or not any(isinstance(part, nodes.Text) for part in inside):
                continue
            self.linked.add(term["en"])
            link = nodes.reference("", "", *inside, classes=[LINK], internal=True, term=term["en"])
            link["refuri"] = f"{self.address}#{anchor(term)}"
            made += [*_slice(parts, texts, done, start), link]
            done, formulas = end, formulas or "$" in term.get(meaning, "")
        if done:
            made += _slice(parts, texts, done, sum(map(len, texts)))
            paragraph.clear()
            paragraph.extend(made)
        return formulas


def is_running_text(paragraph: nodes.paragraph) -> bool:
    """Whether a paragraph is prose in which a term may be linked."""
    if type(paragraph) is not nodes.paragraph:  # Sphinx makes tables of contents from a kind of its own
        return False
    node: nodes.Element | None = paragraph
    while node is not None:
        if isinstance(node, OTHERS) or OTHER_CLASSES & set(node.get("classes", [])):
            return False
        node = node.parent
    return True


def _slice(parts: list[nodes.Node], texts: list[str], start: int, end: int) -> list[nodes.Node]:
    """The nodes between two places of the joined text; a text is cut, a formula belongs to where it begins."""
    found: list[nodes.Node] = []
    place = 0
    for part, text in zip(parts, texts, strict=True):
        if isinstance(part, nodes.Text):
            piece = text[max(start - place, 0) : max(end - place, 0)]
            found += [nodes.Text(piece)] if piece else []
        elif start <= place < end:
            found.append(part)
        place += len(text)
    return found


def without_links(doctree: nodes.document) -> nodes.document:
    """A page as it was before terms were linked: search cuts Chinese text into pairs, which must not end at a link."""
    if not any(LINK in link["classes"] for link in doctree.findall(nodes.reference)):
        return doctree
    plain = doctree.deepcopy()
    for link in [link for link in plain.findall(nodes.reference) if LINK in link["classes"]]:
        paragraph, place = link.parent, link.parent.index(link)
        paragraph[place : place + 1] = link.children
    for paragraph in plain.findall(nodes.paragraph):
        for place in range(len(paragraph) - 1, 0, -1):
            before, after = paragraph[place - 1 : place + 1]
            if isinstance(before, nodes.Text) and isinstance(after, nodes.Text):
                paragraph[place - 1 : place + 1] = [nodes.Text(before + after)]
    return plain


# -- the cards ---------------------------------------------------------------------------------------------------------
MARKDOWN = MarkdownIt().use(dollarmath_plugin, renderer=lambda formula, options: rf"\({html.escape(formula)}\)")


def card(term: Term, language: str, address: str) -> str:
    """The HTML of a card.

    Args:
        term: the entry of `book/terms.yml`.
        language: "en" or "zh", which of its definitions to show.
        address: of its row of the glossary.
    """
    both = [f'<span lang="{tag}">{html.escape(term[key])}</span>' for key, tag in (("en", "en"), ("zh", "zh-CN"))]
    first, second = both if language == "en" else reversed(both)
    meaning = MARKDOWN.renderInline(term.get(f"{language}_def", ""))
    return (
        f'<div class="term-card" data-term="{anchor(term)}">'
        f'<p class="term-names"><strong>{first}</strong> {second}</p><p class="term-meaning">{meaning}</p>'
        f'<p class="term-more"><a href="{html.escape(address)}">{translate("In the glossary")}</a></p></div>\n'
    )


def add_cards(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Put the cards of the page's terms behind its text."""
    links = [link for link in doctree.findall(nodes.reference) if LINK in link["classes"]] if doctree else []
    if links:
        language = "zh" if app.config.language.startswith("zh") else "en"
        terms = {term["en"]: term for term in terms_of(Path(app.srcdir, app.config.course_terms))}
        cards = "".join(card(terms[link["term"]], language, link["refuri"]) for link in links)
        context["body"] += f'<template id="term-cards">\n{cards}</template>\n'


def pages_to_write(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """All pages, if `book/terms.yml` changed since the last build: Sphinx itself knows only of the glossary's."""
    path = Path(app.srcdir, app.config.course_terms)
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    before, env.course_terms_digest = getattr(env, "course_terms_digest", digest), digest
    return [] if before == digest else list(env.all_docs)


def setup(app: Sphinx) -> dict[str, object]:
    """Register the steps."""
    app.setup_extension("course.glossary")
    app.add_post_transform(TermLinks)
    app.connect("env-get-updated", pages_to_write)
    app.connect("html-page-context", add_cards, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
