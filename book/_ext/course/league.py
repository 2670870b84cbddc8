"""`{league} avatars images` and `{modes} ring`: tables of benchmarks/results, in the language of the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.locale import get_translation

from course.status import StatusTable

translate = get_translation("league")
RESULTS = Path("benchmarks") / "results"
TITLES = {
    ("avatars", "images"): "Avatars, {images:,} training images each",
    ("digits", "images"): "Digits, {images:,} training images each",
    ("avatars", "time"): "Avatars, each as long as the GAN takes for {images:,} images",
    ("digits", "time"): "Digits, each as long as the GAN takes for {images:,} images",
    ("ring",): "Ring of 8 modes, {seeds} seeds",
    ("grid",): "Grid of 25 modes, {seeds} seeds",
}
MEASURES = ["FID", "KID", "Precision", "Recall", "Density", "Coverage", "Attribute TV"]
MODES = ["Modes", "With half their share", "High quality, %", "Reverse KL, nats"]
HEADS = {
    "images": ["Method", *MEASURES, "Time", "Parameters"],
    "time": ["Method", *MEASURES, "Images", "Parameters"],
} | dict.fromkeys(("ring", "grid"), ["Method", "Steps", *MODES])  # by the last argument


def words(message: str) -> str:
    """A message in the page's language; what is not a word of ours (a method, a number) stays as it is."""
    return str(translate(message)) if message else ""


class Record(StatusTable):
    """One table of a record; on a phone it is pushed sideways."""

    translate = staticmethod(words)
    kind = "league-table"
    name: str

    def content_of(self, root: Path) -> tuple[list[str], list[list[list[Any]]]]:
        """The heads of the columns and the rows."""
        path = RESULTS / f"{self.name}.json"
        self.env.note_dependency(str(root / path))
        try:
            record = json.loads((root / path).read_text("utf-8"))
        except FileNotFoundError:
            raise self.error(f"{path} is not there; expected it from: python benchmarks/{self.name}.py") from None
        rows = record["tables"]
        for key in self.arguments:
            if key not in rows:
                raise self.error(f"{path} has no table {key!r}; it has {', '.join(rows)}")
            rows = rows[key]
        self.caption = words(TITLES[tuple(self.arguments)]).format(**record["protocol"])
        return HEADS[self.arguments[-1]], [[[words(cell)] for cell in row] for row in rows]


class League(Record):
    """A data set with one of the two budgets: the best method first, the real images last."""

    name = "league"
    required_arguments = 2


class Modes(Record):
    """A law: what was measured here, what was published, the perfect sampler."""

    name = "modes"
    required_arguments = 1


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directives."""
    app.add_directive("league", League)
    app.add_directive("modes", Modes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
