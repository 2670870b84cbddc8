"""Compare the twins: every page and every lab in English and in Chinese must be the same but for the language.

    python -m tools.parity                      print what differs, and which Chinese pages are stale; exit 1 on faults
    python -m tools.parity --accept 02-gan      note that the Chinese page matches today's English text
    python -m tools.parity --accept lab/02-gan  the same for the lab

Compared are, in order: levels of headings, labels, directives, display equations (without spaces and the words inside
`\\text{}`), code blocks (without the words of comments) and figures (without `-en` and `-zh`); and in any order, since
sentences are built otherwise: citations, cross-references and links inside the course.
"""

import argparse
import difflib
import os
import posixpath
import re
import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from course import stale  # noqa: E402
from course.stale import State  # noqa: E402

# What is compared in order, and what may stand in another order
HEADING, LABEL, DIRECTIVE, EQUATION, CODE, FIGURE = "heading", "label", "directive", "equation", "code", "figure"
CITATION, REFERENCE, LINK = "citation", "reference", "link"
ORDERED, COUNTED = (HEADING, LABEL, DIRECTIVE, EQUATION, CODE, FIGURE), (CITATION, REFERENCE, LINK)

REFERENCES = {"eq", "math:numref", "numref", "prf:ref", "ref"}
CODES = {"code", "code-block", "code-cell", "sourcecode"}
VERBATIM = {"bibliography", "csv-table", "eval-rst", "mermaid", "raw", "toctree"}  # their text is no Markdown
PICTURES = {"figure", "image", "player"}
OF_A_LABEL = {"solution", "solution-start", "solution-end"}  # whose argument is a label and no title

DIRECTIVE_HEAD = re.compile(r"\{([^\s}]+)\}\s*(.*)", re.DOTALL)
OPTION = re.compile(r"\s*:([\w-]+):\s*(.*?)\s*")
FILE = re.compile(r"\S+\.[A-Za-z][A-Za-z0-9]{1,4}")
ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")  # https:, mailto:, …
WORDS = re.compile(r"\\(?:text|textbf|textit|textrm|textsf|mbox|intertext)\s*\{")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where, what was found, what was expected and what to do, in one sentence."""

    file: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.sentence}"


@dataclass(frozen=True)
class Part:
    """A part of a page that its twin must have too.

    Attributes:
        kind: one of ORDERED and COUNTED.
        key: equal to that of the part's twin.
        shown: how a message names it.
        line: where it stands.
    """

    kind: str
    key: Hashable
    shown: str
    line: int


# -- reading a page ----------------------------------------------------------------------------------------------------
def parser() -> MarkdownIt:
    """Markdown as the book reads it, with what the settings in `_config.yml` switch on."""
    return (
        MarkdownIt("commonmark")
        .enable("table")
        .use(front_matter_plugin)
        .use(myst_block_plugin)
        .use(myst_role_plugin)
        .use(footnote_plugin)
        .disable("footnote_tail")
        .use(dollarmath_plugin, double_inline=True)
        .use(colon_fence_plugin)
        .use(amsmath_plugin)
        .use(deflist_plugin)
    )


PARSER = parser()


@dataclass
class Page:
    """The parts of one text.

    Args:
        file: the file as messages name it.
        lang: ``"en"`` or ``"zh"``.
        folder: from where the page's links start, from the root of the repository.
    """

    file: str
    lang: str
    folder: str
    parts: list[Part] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def add(self, kind: str, key: Hashable, shown: str, line: int) -> None:
        """Note a part."""
        self.parts.append(Part(kind, key, shown, line))

    def read(self, text: str, line: int = 1) -> "Page":
        """Find the parts of a Markdown text that begins at a line of the file; returns the page itself."""
        tokens = PARSER.parse(text)
        at = line
        for number, token in enumerate(tokens):
            at = line + token.map[0] if token.map else at
            if token.type == "heading_open":
                level = int(token.tag[1])
                self.add(HEADING, level, f"a heading of level {level} “{tokens[number + 1].content}”", at)
            elif token.type == "myst_target":
                self.label(token.content, at)
            elif token.type in ("math_block", "math_block_label", "amsmath"):
                self.equation(token.content, at)
                if token.type == "math_block_label":
                    self.label(token.info, at)
            elif token.type in ("fence", "colon_fence"):
                self.fence(token, at)
            elif token.type == "code_block":
                self.code("", token.content, at)
            elif token.type == "html_block":
                self.html(token.content, at)
            elif token.type == "inline":
                self.inline(token, at)
        return self

    def inline(self, token: Token, line: int) -> None:
        """Find what stands within a paragraph, a title or a cell of a table."""
        place = 0
        for child in token.children or []:
            source = child.attrs.get("href") or child.attrs.get("src") or child.content
            place = max(place, token.content.find(str(source), place))
            at = line + token.content.count("\n", 0, place)
            if child.type == "myst_role":
                self.role(child.meta["name"], child.content, at)
            elif child.type == "footnote_ref":
                self.add(REFERENCE, f"^{child.meta['label']}", f"the footnote [^{child.meta['label']}]", at)
            elif child.type == "link_open":
                self.link(str(child.attrs["href"]), at)
            elif child.type == "image":
                self.picture(str(child.attrs["src"]), child.content, at)
            elif child.type == "math_inline_double":
                self.equation(child.content, at)
            elif child.type == "html_inline":
                self.html(child.content, at)

    def fence(self, token: Token, line: int) -> None:
        """A block between fences: code, or a directive with its options and its text."""
        head = DIRECTIVE_HEAD.fullmatch(token.info.strip())
        if head is None:
            if token.type == "fence":
                self.code(token.info.strip(), token.content, line)
            else:
                self.read(token.content, line + 1)
            return
        name, argument = head[1], head[2].strip()
        options, body, start = split_options(token.content, line + 1)
        classes, _ = options.get("class", ("", line))
        of_what = argument if name in OF_A_LABEL else ""
        shown = f"{{{name}}} {of_what}".strip() + (f" of class “{classes}”" if classes else "")
        self.add(DIRECTIVE, (name, of_what, classes), shown, line)
        for option in ("label", "name"):
            if option in options:
                self.label(*options[option])
        for option in ("link", "target"):
            if option in options:
                self.link(*options[option])
        if name in PICTURES:
            self.picture(argument, options.get("alt", ("", line))[0], line)
        elif FILE.fullmatch(argument):
            self.file_name(argument, line)
        elif name not in OF_A_LABEL | CODES | VERBATIM | {"math"}:
            self.read(argument, line)
        if name == "math":
            self.equation(f"{argument}\n{body}", start)
        elif name in CODES:
            self.code(argument, body, start - 1)
        elif name == "raw":
            self.html(body, start)
        elif name not in VERBATIM:
            self.read(body, start)

    def label(self, name: str, line: int) -> None:
        """A name that references use."""
        self.add(LABEL, name, f"the label “{name}”", line)

    def equation(self, latex: str, line: int) -> None:
        """A display equation."""
        key = normal(latex)
        self.add(EQUATION, key, f"the equation `{shorten(key)}`", line)

    def code(self, language: str, text: str, line: int) -> None:
        """A block of code whose first line follows `line`."""
        lines = tuple(spoken(part, self.lang) for part in text.rstrip().splitlines())
        self.add(CODE, (language, *lines), f"the {language} code `{shorten(lines[0] if lines else '')}`", line)

    def role(self, name: str, content: str, line: int) -> None:
        """A role such as {cite}`goodfellow2014gan` or {ref}`words <label>`."""
        target = re.sub(r".*<([^<>]*)>\s*", r"\1", content, flags=re.DOTALL).strip()
        if name.startswith("cite"):
            for key in target.split(","):
                self.add(CITATION, key.strip(), f"the citation “{key.strip()}”", line)
        elif name in ("doc", "download"):
            self.link(target, line)
        elif name in REFERENCES:
            self.add(REFERENCE, target, f"the reference to “{target}”", line)

    def link(self, href: str, line: int) -> None:
        """A link; those that leave the course may differ, since readers differ in what they can open."""
        if not ELSEWHERE.match(href):
            path, _, anchor = unquote(href).partition("#")
            self.add(LINK, (self.neutral(path), anchor), f"the link to “{href}”", line)

    def picture(self, source: str, alt: str, line: int) -> None:
        """A figure or an image, which needs words for those who do not see it."""
        self.file_name(source, line)
        if not alt.strip():
            sentence = f"the image {source} has no alternative text; expected one sentence that says what it shows: "
            remedy = "write it after `:alt:`, or between the brackets of `![…](…)`"
            self.faults.append(Fault(self.file, line, sentence + remedy))

    def file_name(self, source: str, line: int) -> None:
        """A file that is shown here."""
        if not ELSEWHERE.match(source):
            stem, dot, ending = self.neutral(source).rpartition(".")
            key = re.sub(rf"-{self.lang}$", "-*", stem) + dot + ending
            self.add(FIGURE, key, f"the file {source}", line)

    def neutral(self, path: str) -> str:
        """A path from the root of the repository, with * for the page's own language folder and ~ for the other."""
        whole = posixpath.normpath(posixpath.join(self.folder, path)).lstrip("/") if path else ""
        sign = lambda match: f"{match[1]}/{'*' if match[2] == self.lang else '~'}/"
        return re.sub(r"^(book|notebooks)/(en|zh)/", sign, whole)

    def own(self, path: str) -> str:
        """The path that `neutral` and `file_name` made neutral."""
        other = "zh" if self.lang == "en" else "en"
        return path.replace("/*/", f"/{self.lang}/").replace("/~/", f"/{other}/").replace("-*.", f"-{self.lang}.")

    def html(self, text: str, line: int) -> None:
        """HTML: what unfolds, what is shown, and links."""
        reader = Tags()
        reader.feed(text)
        for tag, attributes, offset in reader.found:
            if tag == "details":
                self.add(DIRECTIVE, "<details>", "<details>", line + offset)
            if tag == "img":
                self.picture(attributes.get("src") or "", attributes.get("alt") or "", line + offset)
            elif attributes.get("src"):
                self.file_name(attributes["src"], line + offset)
            if tag == "a" and attributes.get("href"):
                self.link(attributes["href"], line + offset)


class Tags(HTMLParser):
    """The opening tags of a piece of HTML, with their attributes and the line within the piece."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.found.append((tag, dict(attrs), self.getpos()[0] - 1))


def split_options(content: str, line: int) -> tuple[dict[str, tuple[str, int]], str, int]:
    """The options of a directive and its text.

    Args:
        content: what stands between the fences.
        line: where it begins.

    Returns:
        Each option's value and line, the text, and the line where the text begins.
    """
    lines = content.splitlines()
    found: dict[str, tuple[str, int]] = {}
    taken = 0
    if lines and lines[0].strip() == "---" and "---" in [text.strip() for text in lines[1:]]:
        taken = [text.strip() for text in lines].index("---", 1) + 1
        for key, value in (yaml.safe_load("\n".join(lines[1 : taken - 1])) or {}).items():
            place = next((i for i, text in enumerate(lines) if text.strip().startswith(f"{key}:")), 0)
            found[str(key)] = ("" if value is None else str(value), line + place)
    else:
        while taken < len(lines) and (match := OPTION.fullmatch(lines[taken])):
            found[match[1]] = (match[2], line + taken)
            taken += 1
    return found, "\n".join(lines[taken:]), line + taken


def normal(latex: str) -> str:
    """A formula without what may differ: spaces, comments and the words inside `\\text{}`, whose formulas stay."""
    latex = re.sub(r"(?<!\\)%.*", "", latex)
    kept, place = [], 0
    while match := WORDS.search(latex, place):
        depth, end = 1, match.end()
        while end < len(latex) and depth:
            depth += {"{": 1, "}": -1}.get(latex[end], 0) if latex[end - 1] != "\\" else 0
            end += 1
        inside = "".join(re.findall(r"\$[^$]*\$", latex[match.end() : end]))
        kept += [latex[place : match.start()], r"\text{", inside, "}"]
        place = end
    latex = "".join([*kept, latex[place:]])
    latex = re.sub(r"(\\[A-Za-z]+)\s+(?=[A-Za-z])", "\\1\0", latex)  # the space of \le a, which ends the name
    return re.sub(r"\s+", "", latex).replace("\0", " ")


def spoken(code: str, lang: str) -> str:
    """A line of code without what may differ: the words of its comment (the numbers stay) and the language's folder."""
    code, sign, comment = re.fullmatch(r"(.*?)((?<!\S)#|$)(.*)", code).groups()
    code = re.sub(rf"\b(book|notebooks)([/\\]){lang}\b", r"\1\2*", code)
    return " ".join([code.rstrip(), sign, *re.findall(r"\d+(?:\.\d+)?", comment)]).rstrip()


def shorten(text: str, limit: int = 50) -> str:
    """The beginning of a long text."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


# -- comparing two pages -----------------------------------------------------------------------------------------------
def compare(en: Page, zh: Page) -> list[Fault]:
    """What differs between two pages, in the order of their lines."""
    found = [*en.faults, *zh.faults]
    for kind in ORDERED:
        found += compare_order(kind, en, zh)
    for kind in COUNTED:
        found += compare_counts(kind, en, zh)
    return sorted(found, key=lambda fault: (fault.file, fault.line))


def compare_order(kind: str, en: Page, zh: Page) -> Iterator[Fault]:
    """Faults of a kind whose parts stand in the same order in both languages."""
    ours, theirs = ([part for part in page.parts if part.kind == kind] for page in (en, zh))
    matcher = difflib.SequenceMatcher(None, [part.key for part in ours], [part.key for part in theirs], autojunk=False)
    blocks = [
        (ours[a:b], theirs[c:d], (ours[a - 1].line if a else 0, theirs[c - 1].line if c else 0))
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]
    moved: set[Part] = set()
    for part in [part for block, _, _ in blocks for part in block]:
        waiting = [other for _, block, _ in blocks for other in block if other not in moved and other.key == part.key]
        if waiting and kind != HEADING:
            moved |= {part, waiting[0]}
            sentence = f"{part.shown} stands at another place than in {en.file}:{part.line}; put both in the same order"
            yield Fault(zh.file, waiting[0].line, sentence)
    for mine, other, (before_mine, before_other) in blocks:
        mine, other = ([part for part in parts if part not in moved] for parts in (mine, other))
        for left, right in zip(mine, other, strict=False):
            yield difference(kind, en, left, zh, right)
        for part in mine[len(other) :]:
            yield lonely(part, en, zh, max([before_other, *(right.line for right in other)]))
        for part in other[len(mine) :]:
            yield lonely(part, zh, en, max([before_mine, *(left.line for left in mine)]))


def lonely(part: Part, here: Page, there: Page, line: int) -> Fault:
    """A part without a twin, which belongs after a line of the other file."""
    place = f"after line {line}" if line else "at the beginning"
    sentence = f"{part.shown} has no twin in {there.file}, expected there {place}; write it there, or remove it here"
    return Fault(here.file, part.line, sentence)


def difference(kind: str, en: Page, left: Part, zh: Page, right: Part) -> Fault:
    """Two parts that should be equal, with the place where they part."""
    found, expected, line, line_en = right.shown, left.shown, right.line, left.line
    if kind == EQUATION:
        found, expected = (f"the equation `{text}`" for text in parting(str(right.key), str(left.key)))
    elif kind == CODE and left.key[0] == right.key[0]:
        codes = left.key[1:], right.key[1:]
        same = len(os.path.commonprefix(codes))
        expected, found = (f"the line of code `{code[same]}`" if same < len(code) else "its end" for code in codes)
        line, line_en = line + same + 1, line_en + same + 1
    elif kind == FIGURE:
        expected = re.sub(r"-en(\.\w+)$", r"-zh\1", expected)
    sentence = f"found {found}, expected {expected} as in {en.file}:{line_en}; correct the one that is wrong"
    return Fault(zh.file, line, sentence)


def parting(one: str, other: str) -> tuple[str, str]:
    """Two texts from shortly before the place where they begin to differ."""
    start = max(len(os.path.commonprefix([one, other])) - 20, 0)
    return tuple(("…" if start else "") + shorten(text[start:]) for text in (one, other))


def compare_counts(kind: str, en: Page, zh: Page) -> Iterator[Fault]:
    """Faults of a kind whose parts may stand in any order: one that stands more often in one language."""
    ours, theirs = ([part for part in page.parts if part.kind == kind] for page in (en, zh))
    counts = [Counter(part.key for part in parts) for parts in (ours, theirs)]
    for here, there, parts, mine, other in ((en, zh, ours, *counts), (zh, en, theirs, *reversed(counts))):
        for key in mine - other:
            part = [part for part in parts if part.key == key][-1]
            sentence = (
                f"{part.shown} stands {times(mine[key])} here and {times(other[key])} in {there.file}; "
                "give it to both, or to neither" + (", each in its own language" if kind == LINK else "")
            )
            yield Fault(here.file, part.line, sentence)


def times(count: int) -> str:
    """How often."""
    return {0: "nowhere", 1: "once", 2: "twice"}.get(count, f"{count} times")


# -- the whole course --------------------------------------------------------------------------------------------------
def read_page(root: Path, file: str, lang: str) -> Page:
    """One page of the book."""
    return Page(file, lang, posixpath.dirname(file)).read((root / file).read_text("utf-8"))


def read_lab(root: Path, file: str, lang: str) -> Page:
    """One language of a lab's prose; its code stands once and is equal by construction."""
    page = Page(file, lang, f"notebooks/{lang}")
    lines = (root / file).read_text("utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("# %%")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if f'lang="{lang}"' in lines[start]:
            page.read("\n".join(re.sub(r"^# ?", "", line) for line in lines[start + 1 : end]), start + 2)
    return page


def read_twins(root: Path, page: str) -> tuple[Page, Page]:
    """Both languages of a page or lab, by the Chinese page's name."""
    en, zh = (path.relative_to(root).as_posix() for path in stale.sources(root, page))
    read = read_lab if en.endswith(".py") else read_page
    return read(root, en, "en"), read(root, zh, "zh")


def missing_twins(root: Path) -> Iterator[Fault]:
    """Pages that one language lacks."""
    for lang, other in (("en", "zh"), ("zh", "en")):
        for path in sorted((root / "book" / lang).rglob("*.md")):
            file, twin = (
                (root / "book" / code / path.relative_to(root / "book" / lang)).relative_to(root).as_posix()
                for code in (lang, other)
            )
            if not (root / twin).is_file():
                yield Fault(file, 1, f"this page has no twin, expected {twin}; write it, or remove this one")


def missing_contents(root: Path) -> Iterator[Fault]:
    """Entries of the table of contents without their file: a page in each language, or the source of a lab."""
    contents = root / "_toc.yml"
    for number, line in enumerate(contents.read_text("utf-8").splitlines() if contents.is_file() else [], 1):
        entry = re.match(r"\s*(?:- )?(?:file|root):\s*[\"']?([^\s\"'#]+)", line)
        if entry is None:
            continue
        match = re.fullmatch(r"(book|notebooks)/en/(.+?)(?:\.md|\.ipynb)?", entry[1])
        if match is None:
            sentence = f"found {entry[1]}, expected book/en/… or notebooks/en/…, from which the Chinese one follows"
            yield Fault("_toc.yml", number, sentence + "; correct the entry")
            continue
        for file in dict.fromkeys(stale.sources(root, f"{match[1]}/zh/{match[2]}")):
            if not file.is_file():
                name = file.relative_to(root).as_posix()
                yield Fault("_toc.yml", number, f"{name} is listed and does not exist; write it, or remove the entry")


def doubled_labels(pages: Iterable[Page]) -> Iterator[Fault]:
    """Labels that stand twice in the pages of one language."""
    first: dict[tuple[str, Hashable], str] = {}
    for page in pages:
        for part in page.parts:
            if part.kind != LABEL:
                continue
            place = first.setdefault((page.lang, part.key), f"{page.file}:{part.line}")
            if place != f"{page.file}:{part.line}":
                sentence = f"{part.shown} stands at {place} already, expected once; rename one, in both languages"
                yield Fault(page.file, part.line, sentence)


def dead_ends(root: Path, pages: list[Page]) -> Iterator[Fault]:
    """Images, pages and labels that a page names and that do not exist.

    Sphinx finds them too, minutes later, and for images and theorems without the line.
    """
    labels = {(page.lang, part.key) for page in pages for part in page.parts if part.kind == LABEL}
    for page in pages:
        for part in page.parts:
            if part.kind == FIGURE:
                file, remedy = page.own(part.key), "make the image, or correct its name"
            elif part.kind == LINK and part.key[0].endswith((".md", ".ipynb")):
                file, remedy = page.own(part.key[0]), "write that page, or correct the link"
                file = re.sub(r"^notebooks/(?:en|zh)/(.+)\.ipynb$", r"notebooks/\1.py", file)  # what it is made from
            elif part.kind == REFERENCE and not part.key.startswith("^") and (page.lang, part.key) not in labels:
                sentence = f"{part.shown} leads nowhere, expected a label of some page in book/{page.lang}; correct it"
                yield Fault(page.file, part.line, sentence)
                continue
            else:
                continue
            if not file.endswith(".*") and not (root / file).is_file():
                yield Fault(page.file, part.line, f"{part.shown} leads nowhere, expected a file {file}; {remedy}")


def unrecorded(root: Path, page: str) -> Iterator[Fault]:
    """A Chinese text that does not say which English text it matches."""
    if stale.recorded(root, page) is None:
        file = stale.sources(root, page)[1].relative_to(root).as_posix()
        sentence = "the Chinese text does not record which English text it matches, expected `matches:` and a digest"
        yield Fault(file, 1, f"{sentence}; run `make accept PAGE={State(page, '').name}` when it does")


def faults(root: Path = ROOT) -> list[Fault]:
    """Everything that is wrong.

    Args:
        root: of the repository.
    """
    found = [*missing_twins(root), *missing_contents(root)]
    pages: list[Page] = []
    for state in stale.states(root):
        if state.state != stale.MISSING:
            en, zh = read_twins(root, state.page)
            pages += [en, zh]
            found += [*compare(en, zh), *unrecorded(root, state.page)]
    return [*found, *doubled_labels(pages), *dead_ends(root, pages)]


def states(root: Path = ROOT) -> list[State]:
    """Every Chinese page and lab with its state: up to date, stale or missing.

    Args:
        root: of the repository.
    """
    return stale.states(root)


def note(root: Path = ROOT) -> str:
    """A line that names the stale Chinese pages, empty where there is none."""
    names = [state.name for state in states(root) if state.state == stale.STALE]
    if not names:
        return ""
    return f"Stale in Chinese: {', '.join(names)} (bring it up to date, then `make accept PAGE={names[0]}`)."


def accept(name: str, root: Path = ROOT) -> str:
    """Record that a Chinese page matches the English text of today.

    Args:
        name: of the page (`02-gan`) or the lab (`lab/02-gan`).
        root: of the repository.

    Returns:
        One sentence that says what was recorded.

    Raises:
        ValueError: there is no such page, or the twins differ; with the faults.
    """
    pages = {state.name: state for state in states(root)}
    if name not in pages:
        raise ValueError(f"There is no page {name!r}: the pages are {', '.join(pages)}.")
    page = pages[name].page
    en, zh = stale.sources(root, page)
    if not zh.is_file():
        raise ValueError(f"There is no {zh.relative_to(root).as_posix()} yet: write it first.")
    found = compare(*read_twins(root, page))
    if found:
        raise ValueError("\n".join(map(str, found)) + f"\nThe twins of {name} differ: nothing was recorded.")
    digest = stale.digest(root, page)
    text = zh.read_text("utf-8")
    zh.write_text(record_lab(text, digest) if zh == en else record_page(text, digest), "utf-8")
    return f"{zh.relative_to(root).as_posix()} now records that it matches the English text ({digest})."


def record_page(text: str, digest: str) -> str:
    """A page whose front matter names the digest, in quotation marks: YAML would read 012345678901 as a number."""
    line = f'matches: "{digest}"'
    if not text.startswith("---\n"):
        return f"---\n{line}\n---\n\n{text}"
    end = text.index("\n---", 3)
    head = re.sub(r"\nmatches:.*", "", text[3:end])
    return f"---\n{line}{head}{text[end:]}"


def record_lab(text: str, digest: str) -> str:
    """The source of a lab whose first Chinese cell names the digest."""
    text = re.sub(r'^(# %% \[markdown\].*?) matches="[^"]*"', r"\1", text, flags=re.MULTILINE)
    return re.sub(r'^(# %% \[markdown\].*lang="zh".*)', rf'\1 matches="{digest}"', text, count=1, flags=re.MULTILINE)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """The command line; returns the exit status."""
    options = argparse.ArgumentParser(prog="python -m tools.parity", description="Compare the twins.")
    options.add_argument("--accept", metavar="PAGE", help="the Chinese page matches today's English text: record it")
    name = options.parse_args(arguments).accept
    if name is not None:
        try:
            print(accept(name, root))
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
        return 0
    found = faults(root)
    if found:
        print(*found, f"The twins differ: {len(found)} fault{'s' * (len(found) > 1)}.", sep="\n", file=sys.stderr)
        return 1
    print(note(root) or "The twins agree.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
