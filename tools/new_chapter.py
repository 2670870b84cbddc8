"""Begin a chapter: its page and its lab in both languages, its figures and its tests, from `tools/templates/chapter`.

    make new-chapter NAME=03-dynamics EN="The dynamics of training" ZH="训练动力学"

What is written builds and passes at once, but for the places marked TODO: a test names those that are left.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = Path(__file__).parent / "templates" / "chapter"
NAME = re.compile(r"(\d\d)-([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")
CAPTION = "  - caption: "
LATIN, HAN = re.compile(r"[A-Za-z]"), re.compile(r"[\u3400-\u9fff]")

# The parts of the book in their order: the last chapter of each, its caption in `_toc.yml`, and the Chinese one.
PARTS = (
    (0, "Start here", "从这里开始"),
    (4, "The original game", "最初的博弈"),
    (8, "The loss: a game that trains steadily", "损失：让博弈稳定下来"),
    (11, "The condition: choosing what is made", "条件：指定生成什么"),
    (14, "The network: larger and finer", "网络：更大、更精细"),
    (15, "Which is better?", "究竟哪个更好"),
    (99, "Further chapters", "更多章节"),
)


def files(name: str) -> dict[str, Path]:
    """The files of a chapter: template → path from the root of the repository."""
    _, word = NAME.fullmatch(name).groups()
    return {
        "page.en.md": Path(f"book/en/{name}.md"),
        "page.zh.md": Path(f"book/zh/{name}.md"),
        "lab.py": Path(f"notebooks/{name}.py"),
        "test.py": Path(f"tests/maths/test_{word.replace('-', '_')}.py"),
        "figures.py": Path(f"book/figures/{name.replace('-', '_')}.py"),
    }


def fault(name: str, en: str, zh: str, root: Path = ROOT) -> str:
    """Say in one sentence why a chapter cannot be begun, or "" if nothing is wrong.

    Args:
        name: number and words, as in ``"03-dynamics"``.
        en: its English title.
        zh: its Chinese title.
        root: of the repository.
    """
    match = NAME.fullmatch(name)
    if not match:
        return f"NAME={name!r} is no name of a chapter: expected two digits and small words, as in NAME=03-dynamics."
    for key, title, example in (("EN", en, "The dynamics of training"), ("ZH", zh, "训练动力学")):
        if not title.strip():
            return f'The title is missing: give {key}="{example}".'
    if HAN.search(en) or not LATIN.search(en):
        return f'EN={en!r} is no English title: expected one as in EN="The dynamics of training".'
    if not HAN.search(zh):
        return f'ZH={zh!r} is no Chinese title: expected one as in ZH="训练动力学".'
    if "\n" in en + zh:
        return "A title is one line: EN or ZH has several."
    taken = [path for path in files(name).values() if (root / path).exists()]
    for folder in ("book/en", "book/zh", "notebooks"):
        taken += [path.relative_to(root) for path in sorted((root / folder).glob(f"{match[1]}-*.*"))]
    if taken:
        return f"There is {taken[0].as_posix()} already: take another number, or move the file away."
    return ""


def fill(template: str, name: str, en: str, zh: str) -> str:
    """A template with the chapter's own words in the places marked @@…@@."""
    number, word = NAME.fullmatch(name).groups()
    own = {"CHAPTER": name, "NUMBER": number, "WORD": word, "MODULE": name.replace("-", "_"), "EN": en, "ZH": zh}
    return re.sub(r"@@([A-Z]+)@@", lambda place: own[place[1]], template)


def enter(toc: str, name: str) -> str:
    """The table of contents with a page and its lab at the chapter's place.

    Args:
        toc: the text of `_toc.yml`.
        name: of the chapter.

    Returns:
        The new text: all other lines, comments included, stay as they are. A part is made where it is missing.
    """
    number, lines = int(name[:2]), toc.splitlines()
    caption = caption_of(number)[0]
    order = {known: end for end, known, _ in PARTS}
    starts = [at for at, line in enumerate(lines) if line.startswith(CAPTION)]
    added = [f"      - file: book/en/{name}", "        sections:", f"          - file: notebooks/en/{name}"]
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
        found = lines[start].removeprefix(CAPTION).strip('"')
        if found == caption:
            later = [at for at in range(start, stop) if chapter_of(lines[at]) > number]
            place = (later or [stop])[0]
            break
        if order.get(found, 100) > order[caption]:  # a later part, or one without numbers, such as the reference
            place, added = start, [CAPTION + quoted(caption), "    chapters:", *added]
            break
    else:
        place, added = len(lines), [CAPTION + quoted(caption), "    chapters:", *added]
    return "\n".join([*lines[:place], *added, *lines[place:], ""])


def chapter_of(line: str) -> int:
    """The number of the chapter that a line of the table of contents names, or -1."""
    match = re.match(r"      - file: book/en/(\d\d)-", line)
    return int(match[1]) if match else -1


def quoted(caption: str) -> str:
    """A caption as YAML wants it: one with a colon in quotation marks."""
    return f'"{caption}"' if ": " in caption else caption


def caption_of(number: int) -> tuple[str, str]:
    """The caption of the part that a chapter belongs to, in both languages."""
    return next((en, zh) for end, en, zh in PARTS if number <= end)


def translate(config: str, number: int) -> str:
    """The text of `book/zh/_config.yml` with the Chinese caption of the chapter's part, if it lacks it."""
    en, zh = caption_of(number)
    line = f"        {quoted(en)}: {zh}\n"
    return config if line in config else re.sub(r"^      toc:\n(?:        .*\n)*", rf"\g<0>{line}", config, flags=re.M)


def new_chapter(name: str, en: str, zh: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a chapter, draw its figure and enter it into the table of contents.

    Args:
        name: number and words, as in ``"03-dynamics"``.
        en: its English title.
        zh: its Chinese title.
        root: of the repository.

    Returns:
        What was written or changed, from the root.

    Raises:
        ValueError: it cannot be; nothing was written, and one sentence says why.
    """
    en, zh = en.strip(), zh.strip()
    if wrong := fault(name, en, zh, root):
        raise ValueError(wrong)
    toc, config = root / "_toc.yml", root / "book/zh/_config.yml"
    texts = {
        root / path: fill((TEMPLATES / made).read_text("utf-8"), name, en, zh) for made, path in files(name).items()
    }
    texts[toc] = enter(toc.read_text("utf-8"), name)
    texts[config] = translate(config.read_text("utf-8"), int(name[:2]))
    changed = [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], "utf-8")
    subprocess.run([sys.executable, root / files(name)["figures.py"]], cwd=ROOT, check=True)
    return [path.relative_to(root) for path in changed]


def main(arguments: list[str]) -> int:
    """Begin the chapter and say what was written."""
    try:
        written = new_chapter(*(arguments + ["", "", ""])[:3])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(*written, "Next: `make book` runs the lab and shows the pages; then replace every TODO.", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
