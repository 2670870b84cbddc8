"""`{record} modes ring`: a table of benchmarks/results, in the language of the page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from course.status import StatusTable


class Record(StatusTable):
    """One table of a benchmark: its name, then the name of the table. On a phone it is pushed sideways."""

    required_arguments = 1
    optional_arguments = 1
    final_argument_whitespace = True
    translate = staticmethod(str)  # the table comes in the language of the page

    def content_of(self, root: Path) -> tuple[list[str], list[list[list[Any]]]]:
        """The heads of the columns and the rows."""
        if str(root) not in sys.path:
            sys.path.append(str(root))
        from tools import records

        name, key = self.arguments[0], " ".join(self.arguments[1:])
        self.env.note_dependency(str(root / records.RESULTS / f"{name}.json"))
        try:
            found = records.table(root, "zh" if self.config.language.startswith("zh") else "en", name, key)
        except LookupError as error:
            raise self.error(error.args[0]) from None
        self.caption = found.title
        self.kind = "record-table with-floor" if found.floor else "record-table"
        return found.head, [[[cell] for cell in row] for row in found.rows]


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directive."""
    app.add_directive("record", Record)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
