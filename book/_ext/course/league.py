"""`{league} avatars images`: a table of benchmarks/results/league.json, one data set with one of the two budgets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.locale import get_translation

from course.status import StatusTable

translate = get_translation("league")
RECORD = Path("benchmarks") / "results" / "league.json"
HEADS = ["Method", "FID", "KID × 10³", "Precision", "Recall", "Density", "Coverage", "Attribute TV"]


class League(StatusTable):
    """The rows of one table, the best first and the real images last; on a phone it is pushed sideways."""

    required_arguments = 2
    translate = staticmethod(translate)
    kind = "league-table"

    def content_of(self, root: Path) -> tuple[list[str], list[list[list[Any]]]]:
        """The heads of the columns and the rows."""
        data, budget = self.arguments
        record = json.loads((root / RECORD).read_text("utf-8"))
        self.env.note_dependency(str(root / RECORD))
        try:
            rows = record["tables"][data][budget]
        except KeyError:
            raise self.error(f"{RECORD} holds no table of {data} with equal {budget}") from None
        heads = [*HEADS, "Seconds" if budget == "images" else "Images", "Parameters"]
        return heads, [[[row[0] or str(translate("real images"))], *([cell] for cell in row[1:])] for row in rows]


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directive."""
    app.add_directive("league", League)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
