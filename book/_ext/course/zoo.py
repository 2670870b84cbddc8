"""`{zoo} games` and `{zoo} networks`: what the library has of each, from the records, in the language of the page.

Each has a section: of a game its sheet of samples, then the commands that made it, how, and what it is worth. All is
made anew in every build, so a new model needs no edit of the page.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.locale import get_translation

from course.status import StatusTable

SHEET = "book/_static/figures/zoo-{name}.png"
translate = get_translation("zoo")


def say(words: str) -> str:
    """A message in the page's language."""
    return str(translate(words))


def called(metric: str) -> str:
    """A metric's name; it may end in what it was measured of, as a direction."""
    name, _, part = metric.partition(", ")
    return say("{name}, {part}").format(name=say(name), part=part) if part else say(name)


class Zoo(StatusTable):
    """The sections of all games, or of all networks."""

    required_arguments = 1
    translate = staticmethod(str)  # the words come in the language of the page

    def run(self) -> list[nodes.Node]:
        """Make them, in every build."""
        from ganlib import zoo

        kind = self.arguments[0].removesuffix("s")
        if kind not in zoo.KINDS:
            raise self.error(f"{{zoo}} {self.arguments[0]} is not known; expected games or networks.")
        self.env.note_reread()
        return [self.section(name) for name in zoo.list(kind)]

    def section(self, name: str) -> nodes.section:
        """All that is said of a model."""
        from ganlib import zoo
        from ganlib.zoo import cards

        made = zoo.record(name)
        section = nodes.section("", nodes.title(name, name), ids=[f"zoo-{name}"], names=[f"zoo-{name}"])
        self.state.document.note_explicit_target(section)
        if zoo.kind_of(made) == "game":
            section += self.sheet(name, cards.shown(made))
        text = "\n".join(map(shlex.join, cards.commands(made)))
        section += nodes.literal_block(text, text, language="console")
        self.kind = "course-table"
        section += self.table(["", ""], [[[what], [answer]] for what, answer in cards.facts(name, say)])
        section += self.measures(cards.measures(made), zoo.kind_of(made))
        return section

    def sheet(self, name: str, shown: str) -> list[nodes.Node]:
        """The samples of a game, and a line that says what they are."""
        sheet = SHEET.format(name=name)
        if not Path(self.env.srcdir, sheet).is_file():
            raise self.error(f"{sheet} is not there; expected it from: python book/figures/zoo.py")
        words = say("A sheet of small pictures that {name} has made.").format(name=name)
        return [nodes.image("", uri=f"/{sheet}", alt=words), nodes.paragraph("", say(shown))]

    def measures(self, found: list[Any], kind: str) -> nodes.table:
        """What a model is worth."""
        self.kind, real = "record-table", any(each.real is not None for each in found)
        heads = ["Measure", "Samples"] if kind == "game" else ["Question", "Right answers"]
        rows = [
            [[called(each.name)], [str(each)], *([[each.floor]] if real else []), [f"{each.n:,}"]] for each in found
        ]
        return self.table([*map(say, heads), *([say("Real images")] if real else []), "n"], rows)


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directive."""
    app.add_directive("zoo", Zoo)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
