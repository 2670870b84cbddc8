"""Typography: punctuation stays with its formula, and Chinese pages have Chinese brackets and no needless spaces.

A browser may break the line on either side of a formula, as on either side of a picture (CSS Text 3, section 5.1), and
so puts a full stop or a closing bracket at the beginning of the next line. Here the formula and the signs that touch it
go into one phrase that does not break.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

OPENING = re.compile(r"[(\[“‘（《〈「『【]+$")
CLOSING = re.compile(r"^[^\s\w(\[“‘（《〈「『【]+")  # every sign that opens nothing, the hyphen of "f-散度" included
PHRASE = "formula-phrase"


class FormulaPhrases(SphinxPostTransform):
    """Wrap each inline formula that touches punctuation."""

    default_priority = 900  # when references are text
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Go through the page."""
        for formula in list(self.document.findall(nodes.math)):
            parent, place = formula.parent, formula.parent.index(formula)
            before = _cut(parent, place - 1, OPENING)
            after = _cut(parent, place + 1, CLOSING)
            if before or after:
                phrase = nodes.inline("", "", classes=[PHRASE])
                parent.replace(formula, phrase)
                phrase += [part for part in (before, formula, after) if part]


def _cut(parent: nodes.Element, place: int, signs: re.Pattern[str]) -> nodes.Text | None:
    """Take the signs at the formula's side from the text at a place; None where there are none."""
    text = parent[place] if 0 <= place < len(parent) else None
    match = signs.search(text) if isinstance(text, nodes.Text) else None
    if not match:
        return None
    rest = text[: match.start()] + text[match.end() :]
    parent[place] = nodes.Text(rest)  # `replace` would take the first equal text
    return nodes.Text(match[0])


class ExerciseTitles(SphinxPostTransform):
    """Titles of exercises and solutions as sphinx-exercise makes them, with two things put right.

    On Chinese pages the brackets become full-width and the space before a name goes; in every language the space before
    the link of a solution is no part of the link, or it would be underlined.
    """

    default_priority = 25  # after sphinx-exercise has made the titles
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Go through the titles of the page."""
        chinese = self.config.language.startswith("zh")
        wide = {" (": "（", ")": "）"} if chinese else {}
        for title in self.document.findall(nodes.title):
            if not {"exercise", "solution"} & set(title.parent.get("classes", [])):
                continue
            for text in [text for text in title.findall(nodes.Text) if text in wide]:
                text.parent.replace(text, nodes.Text(wide[text]))
            for link in list(title.findall(nodes.reference)):
                if link.children and link.astext().startswith(" "):
                    link.replace(link[0], nodes.Text(link[0].lstrip()))
                    link.parent.insert(link.parent.index(link), nodes.Text("" if chinese else " "))


class ChineseSpaces(SphinxPostTransform):
    """No space between Chinese and Chinese, nor beside a full-width sign.

    Markdown asks for one around a role or behind bold text that ends in a full stop, and sphinx-proof puts one before
    its brackets; between Chinese and Latin letters, digits, code or formulas the space stays.
    """

    default_priority = 890  # when references are text, before formulas are wrapped
    formats = ("html",)
    han = r"[\u3400-\u9fff]"
    sign = r"[\u3001-\u301f\uff01-\uff60“”‘’…]"

    def run(self, **kwargs: object) -> None:
        """Go through the blocks of a Chinese page."""
        if not self.config.language.startswith("zh"):
            return
        for block in self.document.findall(nodes.TextElement):
            if isinstance(block.parent, nodes.TextElement) or isinstance(block, nodes.FixedTextElement):
                continue
            texts = list(block.findall(lambda node: isinstance(node, nodes.Text | nodes.math)))
            whole = "".join(self._as_seen(text) for text in texts)
            needless = re.compile(f"(?<={self.han}) +(?={self.han})|(?<={self.sign}) +| +(?={self.sign})")
            spaces = {place for match in needless.finditer(whole) for place in range(*match.span())}
            start = 0
            for text in texts:
                end = start + len(self._as_seen(text))
                if spaces & set(range(start, end)):
                    kept = "".join(whole[place] for place in range(start, end) if place not in spaces)
                    text.parent.replace(text, nodes.Text(kept))
                start = end

    @staticmethod
    def _as_seen(text: nodes.Node) -> str:
        """A text; of code and formulas something as long that is neither Chinese nor a space."""
        opaque = isinstance(text, nodes.math) or isinstance(text.parent, nodes.literal | nodes.math | nodes.raw)
        return "x" if opaque else text.astext()


def setup(app: Sphinx) -> dict[str, object]:
    """Register the steps."""
    app.add_post_transform(ChineseSpaces)
    app.add_post_transform(ExerciseTitles)
    app.add_post_transform(FormulaPhrases)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
