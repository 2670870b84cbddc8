"""The twins agree; and every kind of difference, planted, is named with file, line and remedy."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from notebooks import build as notebooks
from tools import parity
from tools.parity import State

ROOT = Path(__file__).resolve().parents[2]

EN, ZH = "book/en/03-page.md", "book/zh/03-page.md"
ENGLISH = r"""# A title

See [the other page](03-other.md), {prf:ref}`thm-a` and {cite}`one2001a,two2002b`.

(sec-first)=
## First section

:::{prf:theorem} A name
:label: thm-a
Some words

$$
a = \tfrac12\,\text{if words and $x$} \le b
$$

* and in a list

  ```{math}
  :label: eq-a
  c = d
  ```
:::

:::{figure} ../_static/figures/03-a-en.svg
:name: fig-a
:alt: A picture.

Caption with {eq}`eq-a`.
:::

::::{exercise} Count
:label: ex-a
How many?
::::

:::{solution} ex-a
:class: dropdown
Two.

```python
a = 1
b = 2
```
:::

### A detail

\begin{align}
e &= f
\end{align}

![Another picture](../_static/figures/03-b.png) in a paragraph
of two lines with the [lab](../../notebooks/en/03-page.ipynb).

<details><summary>More</summary>

Words.

</details>
"""
CHINESE = r"""# 标题

见 {prf:ref}`thm-a`、[另一页](03-other.md)与 {cite:t}`one2001a` {cite}`two2002b`。

(sec-first)=
## 第一节

:::{prf:theorem} 名字
:label: thm-a
几句话

$$
a=\tfrac12\,\text{若 $x$ 如何}\le b
$$

* 列表里也有

  ```{math}
  :label: eq-a
  c=d
  ```
:::

:::{figure} ../_static/figures/03-a-zh.svg
:name: fig-a
:alt: 一幅图。

说明，见 {eq}`eq-a`。
:::

::::{exercise} 数一数
:label: ex-a
多少？
::::

:::{solution} ex-a
:class: dropdown
两个。

```python
a = 1
b = 2
```
:::

### 细节

\begin{align}
e &= f
\end{align}

![另一幅图](../_static/figures/03-b.png)与[实验](../../notebooks/zh/03-page.ipynb)，
见[外面](https://example.org)。

<details><summary>展开</summary>

文字。

</details>
"""
LAB = """# %% [markdown] lang="en"
# # Lab
#
# See [the page](../../book/en/03-page.md).
#
# $$a=b$$
# %% [markdown] lang="zh"
# # 实验
#
# 见[理论页](../../book/zh/03-page.md)。
#
# $$a=b$$
# %%
# alt-en: A line.
# alt-zh: 一条线。
# en: One.
# zh: 一。
x = 1
"""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A small course: two pages and a lab in both languages, accepted."""
    for lang, text, title in (("en", ENGLISH, "Other"), ("zh", CHINESE, "另一页")):
        folder = tmp_path / "book" / lang
        folder.mkdir(parents=True)
        (folder / "03-page.md").write_text(text, "utf-8")
        (folder / "03-other.md").write_text(f"# {title}\n\n(sec-other)=\n## {title}\n", "utf-8")
    for picture in ("03-a-en.svg", "03-a-zh.svg", "03-b.png"):
        path = tmp_path / "book/_static/figures" / picture
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/03-page.py").write_text(LAB, "utf-8")
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/en/03-other\nchapters:\n- file: book/en/03-page\n  sections:\n"
        "  - file: notebooks/en/03-page\n",
        "utf-8",
    )
    for name in ("03-page", "03-other", "lab/03-page"):
        parity.accept(name, tmp_path)
    assert parity.faults(tmp_path) == []
    return tmp_path


def change(course: Path, file: str, old: str, new: str) -> None:
    """Plant a fault."""
    path = course / file
    text = path.read_text("utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), "utf-8")


def found(course: Path) -> list[str]:
    """The faults, with short names for the two pages."""
    return [str(fault).replace(ZH, "zh").replace(EN, "en") for fault in parity.faults(course)]


CORRECT = "; correct the one that is wrong"
WRITE = "; write it there, or remove it here"
BOTH = "; give it to both, or to neither"
ALT = "has no alternative text; expected one sentence that says what it shows: write it after `:alt:`, or between the "


@pytest.mark.parametrize(("old", "new", "sentence"), [
    # headings
    ("### 细节", "## 细节",
     "zh:50: found a heading of level 2 “细节”, expected a heading of level 3 “A detail” as in en:46" + CORRECT),
    ("### 细节\n", "### 细节\n\n### 又一个\n",
     "zh:52: a heading of level 3 “又一个” has no twin in en, expected there after line 46" + WRITE),
    ("# 标题\n", "## 前言\n\n# 标题\n",
     "zh:5: a heading of level 2 “前言” has no twin in en, expected there at the beginning" + WRITE),
    # labels
    ("(sec-first)=\n", "(sec-erste)=\n",
     "zh:9: found the label “sec-erste”, expected the label “sec-first” as in en:5" + CORRECT),
    (":name: fig-a", ":name: fig-b",
     "zh:29: found the label “fig-b”, expected the label “fig-a” as in en:25" + CORRECT),
    ("  :label: eq-a\n", "", "en:19: the label “eq-a” has no twin in zh, expected there after line 13" + WRITE),
    # directives
    ("{exercise} 数一数", "{prf:remark} 数一数",
     "zh:35: found {prf:remark}, expected {exercise} as in en:31" + CORRECT),
    (":class: dropdown\n", "",
     "zh:40: found {solution} ex-a, expected {solution} ex-a of class “dropdown” as in en:36" + CORRECT),
    ("{solution} ex-a", "{solution} ex-b",
     "zh:40: found {solution} ex-b of class “dropdown”, expected {solution} ex-a of class “dropdown” as in en:36"),
    ("<details>", "", "en:55: <details> has no twin in zh, expected there after line 40" + WRITE),
    # equations
    ("a=\\tfrac12", "a=\\tfrac13",
     "zh:16: found the equation `a=\\tfrac13\\,\\text{$x$}\\le b`, expected the equation `a=\\tfrac12\\,"),
    ("若 $x$ 如何", "若 $y$ 如何",
     "zh:16: found the equation `a=\\tfrac12\\,\\text{$y$}\\le b`, expected the equation `a=\\tfrac12\\,"),
    ("c=d", "c=e", "zh:24: found the equation `c=e`, expected the equation `c=d` as in en:20" + CORRECT),
    ("e &= f", "e &= g", "zh:52: found the equation `\\begin{align}e&=g\\end{align}`, expected the equation `\\begin{"),
    ("列表里也有", "列表里也有 $$q$$",
     "zh:20: the equation `q` has no twin in en, expected there after line 12" + WRITE),
    # code
    ("b = 2", "b = 3",
     "zh:46: found the line of code `b = 3`, expected the line of code `b = 2` as in en:42" + CORRECT),
    ("b = 2\n", "", "zh:46: found its end, expected the line of code `b = 2` as in en:42" + CORRECT),
    ("```python", "```text",
     "zh:44: found the text code `a = 1`, expected the python code `a = 1` as in en:40" + CORRECT),
    # figures
    ("03-a-zh.svg", "03-a-en.svg",
     "zh:28: found the file ../_static/figures/03-a-en.svg, expected the file ../_static/figures/03-a-zh.svg as"),
    (":alt: 一幅图。\n", "", "zh:28: the image ../_static/figures/03-a-zh.svg " + ALT),
    (":alt: 一幅图。", ":alt:", "zh:28: the image ../_static/figures/03-a-zh.svg " + ALT),
    ("![另一幅图]", "![]", "zh:56: the image ../_static/figures/03-b.png " + ALT),
    ("文字。", '<img src="../_static/figures/03-b.png">', "zh:61: the image ../_static/figures/03-b.png " + ALT),
    ("![另一幅图](../_static/figures/03-b.png)", "",
     "en:52: the file ../_static/figures/03-b.png has no twin in zh, expected there after line 28" + WRITE),
    # citations, references and links
    ("{cite}`two2002b`", "", "en:3: the citation “two2002b” stands once here and nowhere in zh" + BOTH),
    ("{eq}`eq-a`", "{eq}`eq-a`、{eq}`eq-a`", "zh:32: the reference to “eq-a” stands twice here and once in en" + BOTH),
    ("[另一页](03-other.md)", "[另一页](../en/03-other.md)",
     "zh:7: the link to “../en/03-other.md” stands once here and nowhere in en" + BOTH + ", each in its own language"),
    ("zh/03-page.ipynb", "en/03-page.ipynb",
     "zh:56: the link to “../../notebooks/en/03-page.ipynb” stands once here and nowhere in en" + BOTH),
    # what leads nowhere
    ("03-a-zh.svg", "03-c-zh.svg",
     "zh:28: the file ../_static/figures/03-c-zh.svg leads nowhere, expected a file book/_static/figures/03-c-zh.svg"),
    ("[另一页](03-other.md)", "[另一页](04-none.md)",
     "zh:7: the link to “04-none.md” leads nowhere, expected a file book/zh/04-none.md; write that page, or correct"),
    ("zh/03-page.ipynb", "zh/04-none.ipynb",
     "zh:56: the link to “../../notebooks/zh/04-none.ipynb” leads nowhere, expected a file notebooks/04-none.py; "),
    ("{prf:ref}`thm-a`", "{prf:ref}`thm-b`",
     "zh:7: the reference to “thm-b” leads nowhere, expected a label of some page in book/zh; correct it"),
])  # fmt: skip
def test_a_difference_is_named(course, old, new, sentence):
    change(course, ZH, old, new)
    assert any(fault.startswith(sentence) for fault in found(course)), found(course)


def test_every_difference_of_the_english_page_is_found_too(course):
    change(course, EN, ":alt: A picture.\n", "")
    change(course, EN, "\nHow many?\n", "\nHow many?\n\n$$\nn\n$$\n")
    assert found(course) == [
        "en:24: the image ../_static/figures/03-a-en.svg " + ALT + "brackets of `![…](…)`",
        "en:34: the equation `n` has no twin in zh, expected there after line 24" + WRITE,
    ]


def test_what_may_differ_raises_no_alarm(course):
    change(course, ZH, "a=\\tfrac12", " a  =\\tfrac 12 % 注释\n")
    change(course, ZH, "https://example.org", "https://example.com")
    change(
        course, ZH, "见 {prf:ref}`thm-a`、[另一页](03-other.md)", "[另一页](03-other.md)与 {prf:ref}`定理 <thm-a>`、"
    )
    change(course, EN, "Words.", "[中文](../zh/03-page.md)")  # each page may point to the other one
    change(course, ZH, "文字。", "[English](../en/03-page.md)")
    assert found(course) == []


def test_parts_in_another_order_are_one_fault(course):
    change(course, ZH, "```python\na = 1\nb = 2\n```\n:::\n", ":::\n")
    change(course, ZH, "::::{exercise}", "```python\na = 1\nb = 2\n```\n\n::::{exercise}")
    assert found(course) == []  # among the code blocks it is still the first
    change(course, EN, "### A detail\n", "### A detail\n\n```python\nc\n```\n")
    change(course, ZH, "# 标题\n", "# 标题\n\n```python\nc\n```\n")
    assert found(course) == [
        "zh:7: the python code `c` stands at another place than in en:48; put both in the same order",
    ]


@pytest.mark.parametrize(("one", "other"), [
    (r"\mathbb R \le a", r"\mathbb   R\le a"),
    (r"a\,\text{for all }n", "a\\,\\text{对所有}n % why"),
    (r"\text{if } \textbf{x {y} z}", r"\text{若}\textbf{甲}"),
    (r"50\% a", r"50\%a"),
])  # fmt: skip
def test_equal_formulas(one, other):
    assert parity.normal(one) == parity.normal(other)


@pytest.mark.parametrize(("one", "other"), [
    (r"\le a", r"\lea"),
    (r"\text{if }x", r"\text{if }y"),
    (r"\text{if $x$}", r"\text{若 $y$}"),
    (r"\mathrm{KL}", r"\mathrm{JS}"),
    ("a,", "a，"),
    ("50\\% a", "50\\% b"),
])  # fmt: skip
def test_different_formulas(one, other):
    assert parity.normal(one) != parity.normal(other)


@pytest.mark.parametrize(("en", "zh", "equal"), [
    ("make lab  # installs first", "make lab     # 第一次先安装", True),
    ("# prints 0.5 and 3", "# 打印 0.5 与 3", True),
    ("# prints 0.5 and 3", "# 打印 0.5 与 4", False),
    ("x = 1  # one", "x = 2  # 一", False),
    ("x = 1", "x = 1  # 一", False),
    ("cd notebooks\\en", "cd notebooks\\zh", True),
    ("cd notebooks/en", "cd notebooks/en", False),
    ("see page#place", "see page#地方", False),
])  # fmt: skip
def test_words_in_code(en, zh, equal):
    assert (parity.spoken(en, "en") == parity.spoken(zh, "zh")) == equal


# -- labs, files, labels ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("old", "new", "sentence"), [
    ("# # 实验", "# ## 实验",
     "found a heading of level 2 “实验”, expected a heading of level 1 “Lab” as in notebooks/03-page.py:2"),
    ("book/zh/03-page.md", "book/en/03-page.md",
     "the link to “../../book/en/03-page.md” stands once here and nowhere in notebooks/03-page.py; give it to both"),
    ("# $$a=b$$\n# %%\n", "# $$a=c$$\n# %%\n",
     "found the equation `a=c`, expected the equation `a=b` as in notebooks/03-page.py:6"),
    ("book/zh/03-page.md", "book/zh/04-none.md", "leads nowhere, expected a file book/zh/04-none.md; write that page"),
])  # fmt: skip
def test_a_difference_within_a_lab_is_named(course, old, new, sentence):
    file = "notebooks/03-page.py"
    text = (course / file).read_text("utf-8")
    line = text[: text.index(old)].count("\n") + 1
    change(course, file, old, new)
    faults = [str(fault) for fault in parity.faults(course)]
    assert any(fault.startswith(f"{file}:{line}: ") and sentence in fault for fault in faults), faults


@pytest.mark.parametrize(("file", "sentences"), [
    (ZH, ["en:1: this page has no twin, expected zh; write it, or remove this one",
          "_toc.yml:4: zh is listed and does not exist; write it, or remove the entry"]),
    (EN, ["zh:1: this page has no twin, expected en; write it, or remove this one",
          "_toc.yml:4: en is listed and does not exist; write it, or remove the entry"]),
    ("notebooks/03-page.py",
     ["_toc.yml:6: notebooks/03-page.py is listed and does not exist; write it, or remove the entry"]),
])  # fmt: skip
def test_a_missing_file_is_named(course, file, sentences):
    (course / file).unlink()
    assert set(sentences) <= set(found(course))
    assert State("book/zh/03-page", "missing") in parity.states(course) or file != ZH


def test_an_entry_of_the_contents_that_is_not_english_is_named(course):
    change(course, "_toc.yml", "- file: book/en/03-page", "- file: book/zh/03-page")
    assert found(course) == [
        "_toc.yml:4: found book/zh/03-page, expected book/en/… or notebooks/en/…, from which the Chinese one follows; "
        "correct the entry"
    ]


def test_a_label_used_twice_is_named_in_both_languages(course):
    for lang in ("en", "zh"):
        change(course, f"book/{lang}/03-other.md", "(sec-other)=", "(sec-first)=")
    assert found(course) == [
        f"{lang}:{line}: the label “sec-first” stands at book/{lang}/03-other.md:{other} already, expected once; "
        "rename one, in both languages"
        for lang, line, other in (("en", 5, 3), ("zh", 9, 7))
    ]


# -- which English text a Chinese page matches -----------------------------------------------------------------------
def test_a_changed_english_text_makes_its_page_stale_and_no_other(course, capsys):
    assert parity.note(course) == ""
    change(course, EN, "Some words", "Some other words")
    assert parity.states(course) == [
        State("book/zh/03-other", "up to date"),
        State("book/zh/03-page", "stale"),
        State("notebooks/zh/03-page", "up to date"),
    ]
    assert parity.main([], course) == 0  # no fault: the reader sees a banner, the author this line
    assert capsys.readouterr().out == (
        "Stale in Chinese: 03-page (bring it up to date, then `make accept PAGE=03-page`).\n"
    )
    assert parity.main(["--accept", "03-page"], course) == 0
    assert parity.note(course) == ""
    text = (course / ZH).read_text("utf-8")
    assert text.startswith('---\nmatches: "') and text.endswith(CHINESE)


@pytest.mark.parametrize(("old", "new", "state"), [
    ("See [the page]", "Look at [the page]", "stale"),
    ("# en: One.", "# en: Uno.", "stale"),
    ("# alt-en: A line.", "# alt-en: A curve.", "stale"),
    ("x = 1", "x = 2", "up to date"),
    ("# zh: 一。", "# zh: 壹。", "up to date"),
])  # fmt: skip
def test_a_lab_is_stale_when_its_english_words_change(course, old, new, state):
    change(course, "notebooks/03-page.py", old, new)
    assert parity.states(course)[-1] == State("notebooks/zh/03-page", state)
    parity.accept("lab/03-page", course)
    assert parity.states(course)[-1] == State("notebooks/zh/03-page", "up to date")


def test_the_record_of_a_lab_is_no_part_of_its_notebooks(course):
    accepted = (course / "notebooks/03-page.py").read_text("utf-8")
    assert accepted.count(' lang="zh" matches="') == 1 and accepted.count("matches=") == 1
    assert [(cell.lang, cell.text) for cell in notebooks.parse(accepted)] == [
        (cell.lang, cell.text) for cell in notebooks.parse(LAB)
    ]
    with pytest.raises(notebooks.SourceError, match=r'lab.py:1: matches= .* only a lang="zh" cell has it'):
        notebooks.parse(LAB.replace('lang="en"', 'lang="en" matches="0123456789ab"', 1), "lab.py")


def test_only_twins_that_agree_can_be_accepted(course, capsys):
    change(course, EN, "c = d", "c = e")
    before = (course / ZH).read_text("utf-8")
    assert parity.main(["--accept", "03-page"], course) == 1
    error = capsys.readouterr().err
    assert f"{ZH}:24: found the equation `c=d`, expected the equation `c=e`" in error
    assert "The twins of 03-page differ: nothing was recorded." in error
    assert (course / ZH).read_text("utf-8") == before
    assert parity.main(["--accept", "04-none"], course) == 1
    assert "There is no page '04-none': the pages are 03-other, 03-page, lab/03-page." in capsys.readouterr().err
    (course / ZH).unlink()
    assert parity.main(["--accept", "03-page"], course) == 1
    assert f"There is no {ZH} yet: write it first." in capsys.readouterr().err


def test_other_front_matter_stays(course):
    change(course, ZH, "---\nmatches:", "---\ntocdepth: 2\nmatches:")
    change(course, EN, "Some words", "Some other words")
    parity.accept("03-page", course)
    head = (course / ZH).read_text("utf-8").split("---\n")[1]
    assert head == f'matches: "{parity.stale.digest(course, "book/zh/03-page")}"\ntocdepth: 2\n'


@pytest.mark.parametrize(("file", "page"), [(ZH, "03-page"), ("notebooks/03-page.py", "lab/03-page")])
def test_a_chinese_text_that_records_nothing_is_named(course, file, page, capsys):
    (course / file).write_text(CHINESE if file == ZH else LAB, "utf-8")
    assert parity.main([], course) == 1
    assert capsys.readouterr().err == (
        f"{file}:1: the Chinese text does not record which English text it matches, expected `matches:` and a digest; "
        f"run `make accept PAGE={page}` when it does\nThe twins differ: 1 fault.\n"
    )


# -- the course itself -----------------------------------------------------------------------------------------------
def test_the_twins_of_the_course_agree():
    assert [str(fault) for fault in parity.faults()] == []
    names = [state.name for state in parity.states()]
    assert {"index", "00-welcome", "02-gan", "glossary", "lab/02-gan"} <= set(names)


def test_every_kind_of_part_was_compared():
    parts = [part for state in parity.states() for part in parity.read_twins(ROOT, state.page)[1].parts]
    assert {part.kind for part in parts} == {*parity.ORDERED, *parity.COUNTED}
    text = (ROOT / "book/zh/02-gan.md").read_text("utf-8")
    page = parity.read_twins(ROOT, "book/zh/02-gan")[1]
    equations = [part for part in page.parts if part.kind == "equation"]
    assert len(equations) == text.count("```{math}") + text.count("$$") / 2


def test_it_is_quick_and_needs_no_sphinx():
    began = time.perf_counter()
    code = "import sys\nfrom tools import parity\nstatus = parity.main([])\nsys.exit(status or 'sphinx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.perf_counter() - began < 10  # half a second on a quiet machine
