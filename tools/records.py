"""Tables of benchmarks/results for pages (`{record} modes ring`) and labs (`@RECORD modes ring@`).

A table has a title, whose fields are filled from the record's protocol, heads, and rows of words and numbers. Its words
are English; their Chinese stands in book/zh/_config.yml, under `records`.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

RESULTS = Path("benchmarks") / "results"
PART = re.compile(r" \((?P<part>\d+/\d+) (?P<of>seeds|†)\)$")  # of how many seeds a cell speaks
PLACE = re.compile(r"^@RECORD (?P<name>\w+)(?P<key>( [\w-]+)*)@$", re.MULTILINE)


@dataclass(frozen=True)
class Table:
    """A table in the words of a language.

    Attributes:
        title: of the table.
        head: of its columns.
        rows: of cells.
        floor: the last row is what perfect samples get, and no competitor.
    """

    title: str
    head: list[str]
    rows: list[list[str]]
    floor: bool


@functools.cache
def chinese(root: Path) -> dict[str, str]:
    """The Chinese of the words in tables."""
    settings = yaml.safe_load((root / "book" / "zh" / "_config.yml").read_text("utf-8"))
    return settings["sphinx"]["config"]["course_words"]["records"]


def table(root: Path, lang: str, name: str, key: str = "") -> Table:
    """A table of a benchmark.

    Args:
        root: of the repository.
        lang: ``"en"`` or ``"zh"``.
        name: of the benchmark.
        key: of its table.

    Raises:
        LookupError: the record is not there, or has no such table; one sentence.
    """
    path = RESULTS / f"{name}.json"
    try:
        record = json.loads((root / path).read_text("utf-8"))
    except FileNotFoundError:
        raise LookupError(f"{path} is not there; expected it from: python benchmarks/{name}.py") from None
    if key not in record["tables"]:
        raise LookupError(f"{path} has no table {key!r}; it has {', '.join(map(repr, record['tables']))}")
    found, words = record["tables"][key], chinese(root) if lang == "zh" else {}

    def say(word: str) -> str:
        part = PART.search(word)
        if part and words:
            word, tail = word[: part.start()], words[f"({{part}} {part['of']})"].format(part=part["part"])
        else:
            tail = ""
        return words.get(word, word).replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}") + tail

    title = say(found["title"]).format(**record["protocol"])
    rows = [[say(cell) for cell in row] for row in found["rows"]]
    return Table(title, [say(head) for head in found["head"]], rows, found.get("floor", False))


def fill(root: Path, lang: str, text: str) -> str:
    """Markdown with a table in the place of each line `@RECORD name key@`.

    Raises:
        LookupError: as `table`.
    """

    def markdown(place: re.Match[str]) -> str:
        made = table(root, lang, place["name"], place["key"].strip())
        lines = [made.head, [":---", *["---:"] * (len(made.head) - 1)], *made.rows]
        text = "\n".join([f"**{made.title}**", "", *(f"| {' | '.join(line)} |" for line in lines)])
        return text.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")  # a notebook has no style to keep it whole

    return PLACE.sub(markdown, text)
