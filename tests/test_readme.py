"""What the READMEs tell a newcomer to type is there and runs, and both say the same."""

import re
from pathlib import Path

import pytest

from ganlib import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = {name: (ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh.md")}


def blocks(text: str) -> list[str]:
    """Code blocks without comments; the tree of folders, which is text, aside."""
    found = re.findall(r"```(?:sh|bat|python)\n(.*?)```", text, re.S)
    return [re.sub(r"\s*#.*", "", block) for block in found]


def test_both_languages_show_the_same_code():
    english, chinese = (blocks(text) for text in PAGES.values())
    assert english == chinese and len(english) == 4


def test_the_example_in_python_runs(tmp_path, monkeypatch):
    code = re.search(r"```python\n(.*?)```", PAGES["README.md"], re.S).group(1)
    short = re.sub(r"fit\(\d+\)", "fit(2)", code)
    assert short != code
    monkeypatch.chdir(tmp_path)
    exec(short, {})
    assert (tmp_path / "samples.png").stat().st_size > 1000


def test_the_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^ganlib (.*)$", PAGES["README.md"], re.M)
    assert len(commands) == 4
    for command in commands:
        assert cli.main(re.sub(r"--steps \d+", "--steps 2", command).split()) == 0
    assert {path.name for path in (tmp_path / "runs" / "first").iterdir()} >= {
        *("history.csv", "samples.png", "evaluation.json")
    }


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for text in (*PAGES.values(), (ROOT / "CONTRIBUTING.md").read_text("utf-8")):
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.M))
        assert {"test"} <= named <= targets


@pytest.mark.parametrize("name", [*PAGES, "CONTRIBUTING.md"])
def test_every_link_inside_the_repository_leads_somewhere(name):
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", (ROOT / name).read_text("utf-8"))
    missing = [link for link in links if not (ROOT / link).exists()]
    assert missing == []
