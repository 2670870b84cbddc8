"""`{glossary-table}`: the table of `book/terms.yml` in the page's language.

Each entry of the file has `en` and `zh`, and may have `en_def` and `zh_def`, `zh_aliases`, `never`, `never_as_term` and
`no_card` (lists); the file's head says what they mean. A row can be linked to: its anchor is `term-` and the English
term in small letters, words joined by `-`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation
from sphinx.util.docutils import SphinxDirective

TEXTS, LISTS = ("en", "zh", "en_def", "zh_def"), ("zh_aliases", "never", "never_as_term", "no_card")
translate = get_translation("glossary")


def read_terms(path: Path) -> list[dict[str, Any]]:
    """Read the terms and check their form.

    Args:
        path: the YAML file, a list of entries.

    Returns:
        The entries as they stand.

    Raises:
        ValueError: the file is no such list; one sentence says which entry and what was expected.
    """
    terms = yaml.safe_load(path.read_text("utf-8"))
    if not isinstance(terms, list):
        raise ValueError(f"{path.name} must be a list of terms, got {type(terms).__name__}")
    for number, term in enumerate(terms, 1):
        if not isinstance(term, dict) or not term.get("en") or not term.get("zh"):
            raise ValueError(f"term {number} of {path.name} must have `en` and `zh`, got {term!r}")
        for key, value in term.items():
            if key not in TEXTS + LISTS:
                known = ", ".join(TEXTS + LISTS)
                raise ValueError(f"the term {term['en']!r} of {path.name} has the key {key!r}; known: {known}")
            if not isinstance(value, str if key in TEXTS else list):
                kind = "text" if key in TEXTS else "a list"
                raise ValueError(f"`{key}` of the term {term['en']!r} in {path.name} must be {kind}, got {value!r}")
        for language in term.get("no_card", []):
            if language not in ("en", "zh"):
                raise ValueError(
                    f"`no_card` of the term {term['en']!r} in {path.name} lists languages, en or zh, got {language!r}"
                )
    return terms


def anchor(term: dict[str, Any]) -> str:
    """The id of a term's row."""
    return "term-" + nodes.make_id(term["en"])


def sort_key(term: dict[str, Any], language: str) -> Any:
    """Where a term stands: English by letter, Chinese by sound.

    GB 18030 keeps the order of GB 2312, whose 3,755 commonest characters are sorted by pinyin, Latin letters first.
    """
    return term["en"].casefold() if language == "en" else term["zh"].encode("gb18030")


class GlossaryTable(SphinxDirective):
    """A table of three columns: the term in this language, in the other one, and what it means."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        path = Path(self.env.srcdir, self.config.course_terms)
        self.env.note_dependency(str(path))
        try:
            terms = read_terms(path)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise self.error(f"the glossary cannot be made: {error}") from error
        language = "zh" if self.config.language.startswith("zh") else "en"
        heads = ("English", "Chinese", "Meaning") if language == "en" else ("Chinese", "English", "Meaning")
        table = nodes.table(classes=["course-table", "glossary-table"])
        group = nodes.tgroup(cols=3)
        group += [nodes.colspec(colwidth=width) for width in (25, 25, 50)]
        head, body = nodes.thead(), nodes.tbody()
        head += self.row([[nodes.paragraph("", str(translate(word)))] for word in heads])
        for term in sorted(terms, key=lambda term: sort_key(term, language)):
            english = [self.text(term["en"], "en")]
            chinese = [self.text(term["zh"], "zh-CN")]
            if term.get("zh_aliases"):
                chinese.append(self.note("also", "、".join(term["zh_aliases"])))
            wrong = term.get("never", []) + term.get("never_as_term", [])
            if wrong and language == "zh":  # for those who write the Chinese pages
                chinese.append(self.note("never", "、".join(wrong)))
            meaning = [self.text(term[f"{language}_def"])] if term.get(f"{language}_def") else []
            cells = [english, chinese] if language == "en" else [chinese, english]
            row = self.row([*cells, meaning])
            row["ids"].append(anchor(term))
            body += row
        group += [head, body]
        table += group
        return [table]

    def text(self, source: str, language: str | None = None) -> nodes.paragraph:
        """A paragraph of MyST text (formulas and links work), marked with its language."""
        children, _ = self.state.inline_text(source, self.lineno)
        classes = [f"term-{language}"] if language else []
        return nodes.paragraph(source, "", *children, classes=classes)

    def note(self, word: str, terms: str) -> nodes.paragraph:
        """A small line such as "also: 模式崩溃"."""
        return nodes.paragraph("", str(translate(word)) + terms, classes=[f"term-{word}"])

    def row(self, cells: list[list[nodes.Node]]) -> nodes.row:
        """A table row of cells, each a list of paragraphs."""
        return nodes.row("", *[nodes.entry("", *cell) for cell in cells])


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directive and the setting that says where the terms stand."""
    app.add_config_value("course_terms", "book/terms.yml", "env", [str])
    app.add_directive("glossary-table", GlossaryTable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
