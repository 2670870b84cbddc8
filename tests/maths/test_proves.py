"""Every theorem, proposition and lemma of the book has a test that carries its label, and every such mark a label."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATEMENT = re.compile(
    r"^[ \t]*(?:`{3,}|:{3,})\{prf:(theorem|proposition|lemma)\}[^\n]*\n((?:[ \t]*:[a-z]+:[^\n]*\n)*)", re.MULTILINE
)
LABEL = re.compile(r"^[ \t]*:label:[ \t]*(\S+)", re.MULTILINE)


def labels(folder: Path) -> dict[str, str]:
    """Label → file of every theorem, proposition and lemma; one without a label gets the key '' + its place."""
    found = {}
    for page in sorted(folder.glob("*.md")):
        text = page.read_text("utf-8")
        for match in STATEMENT.finditer(text):
            label = LABEL.search(match[2])
            line = text[: match.start()].count("\n") + 1
            found[label[1] if label else f"(no label, line {line})"] = page.name
    return found


def marks(folder: Path) -> dict[str, str]:
    """Label → file of every `@pytest.mark.proves("label")` on a test function."""
    found = {}
    for file in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.proves":
                    for argument in mark.args:
                        found[ast.literal_eval(argument)] = file.name
    return found


def faults(stated: dict[str, str], proved: dict[str, str]) -> list[str]:
    """One sentence per label without a test and per mark without a label."""
    missing = [f"{stated[label]}: {label} has no test that proves it" for label in stated if label not in proved]
    stray = [f"{proved[label]}: proves {label!r}, which no page states" for label in proved if label not in stated]
    return missing + stray


def test_every_statement_is_proved():
    stated = labels(ROOT / "book" / "en")
    assert stated, "no theorem was found under book/en"
    assert faults(stated, marks(ROOT / "tests")) == []


def test_twins_state_the_same():
    assert labels(ROOT / "book" / "en") == labels(ROOT / "book" / "zh")


def test_the_check_sees_planted_faults(tmp_path):
    (tmp_path / "page.md").write_text(
        ":::{prf:theorem} Stated and proved\n:label: thm-good\n:::\n"
        "````{prf:lemma}\n:label: lem-forgotten\n````\n"
        "  :::{prf:proposition} In a list\n  :class: tip\n  :label: prop-inner\n  :::\n"
        ":::{prf:proposition} Nameless\nNo label.\n:::\n"
        ":::{prf:definition} Needs no test\n:label: def-free\n:::\n",
        "utf-8",
    )
    (tmp_path / "test_page.py").write_text(
        "import pytest\n"
        '@pytest.mark.proves("thm-good")\ndef test_good(): ...\n'
        '@pytest.mark.proves("thm-gone")\n@pytest.mark.parametrize("x", [1])\ndef test_gone(x): ...\n'
        '@pytest.mark.proves("prop-inner")\ndef helper(): ...\n',  # not a test: it would never run
        "utf-8",
    )
    stated, proved = labels(tmp_path), marks(tmp_path)
    assert set(stated) == {"thm-good", "lem-forgotten", "prop-inner", "(no label, line 11)"}
    assert set(proved) == {"thm-good", "thm-gone"}
    assert sorted(faults(stated, proved)) == [
        "page.md: (no label, line 11) has no test that proves it",
        "page.md: lem-forgotten has no test that proves it",
        "page.md: prop-inner has no test that proves it",
        "test_page.py: proves 'thm-gone', which no page states",
    ]
    assert faults({"thm-good": "page.md"}, {"thm-good": "test_page.py"}) == []
