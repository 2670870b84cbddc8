"""Make the notebooks: one source for both languages, run when its code changed.

    python notebooks/build.py               write notebooks/en and notebooks/zh; run what changed
    python notebooks/build.py --check       compare only; exit 1 with a line for each difference
    python notebooks/build.py --force 02-gan

A source, `notebooks/NN-name.py`, is in jupytext's percent format:

    # %% [markdown] lang="en"               prose comes in pairs, the same cell in each language
    # # Lab 02
    # %% [markdown] lang="zh"               the first Chinese cell may also have matches="…", see tools/parity.py
    # # 实验 02
    # %% tags=["strict"]                    code is shared; nbval compares the output of a strict cell, others are tagged
    # en: Count the parameters.             nbval-ignore-output. Comment lines go to their language,
    # zh: 数一数参数。
    print(sum(p.numel() for p in gan.generator.parameters()))
    # %%
    # alt-en: Three rows of digits.         what a figure of the cell shows, for those who cannot see it: it goes into
    # alt-zh: 三行数字。                    the cell's metadata, not into its code
    viz.grid(data.pixels[:45])

The tool fills in @LANG@ ("en" or "zh") and @REPOSITORY@ (from `_config.yml`), and in prose, for a line @RECORD modes ring@,
that table of benchmarks/results (`tools/records.py`), in the language of the cell. Outputs are kept as long as the code stays
the same: a change of prose or of a comment runs nothing. A notebook records its last run (`RECORD`), for the status page.
"""

from __future__ import annotations

import argparse
import ast
import base64
import hashlib
import io
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import records  # noqa: E402
from tools.set_repo import current as repository  # noqa: E402

LANGUAGES = ("en", "zh")
LIMIT = 1_000_000  # bytes of a notebook
HEADER = re.compile(r"# %%(?P<markdown> \[markdown\])?(?P<options>.*)")
# What a notebook says of its last run, in metadata.ganlib.run: the day (UTC), how long it took, at which profile and with
# what; threads and torch are null if it did not import torch. Nothing that names the machine.
RECORD = ("date", "seconds", "profile", "device", "threads", "python", "torch")
# Run behind the last cell, since only the notebook's own process knows.
PROBE = """
import json, os, platform, sys
lab, torch = globals().get("lab"), sys.modules.get("torch")
print(json.dumps({
    "profile": getattr(lab, "profile", os.environ["GANLIB_PROFILE"]),
    "device": lab.device.type if hasattr(lab, "device") else "cpu",
    "threads": torch and torch.get_num_threads(),
    "python": platform.python_version(),
    "torch": torch and str(torch.__version__),
}))
"""
COMMENT = re.compile(r"(?P<indent>\s*)# (?P<alt>alt-)?(?P<lang>en|zh): (?P<text>.*)")


class SourceError(ValueError):
    """A source that cannot become two notebooks; one sentence with file and line."""


@dataclass(frozen=True)
class Cell:
    """A cell of a source.

    Attributes:
        line: of its header in the source, from 1.
        lang: of a markdown cell; None for code.
        strict: nbval compares the output.
        text: without the header; of markdown, without the comment signs.
        tags: all others.
    """

    line: int
    lang: str | None
    strict: bool
    text: str
    tags: tuple[str, ...] = field(default=())


# -- reading a source --------------------------------------------------------------------------------------------------
def parse(text: str, name: str = "source") -> list[Cell]:
    """The cells of a source, checked.

    Args:
        text: of the source.
        name: of the file, for messages.

    Raises:
        SourceError: a cell without its twin, a comment without its twin, code whose two versions differ, …
    """
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("# %%")]
    if not starts:
        raise SourceError(f"{name}: no cell found; expected lines that begin with '# %%'")
    if any(line.strip() for line in lines[: starts[0]]):
        raise SourceError(f"{name}:1: text before the first '# %%' belongs to no cell")
    cells = [
        _cell(lines[start], lines[start + 1 : end], start + 1, name)
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)
    ]
    _check_pairs(cells, name)
    for cell in cells:
        if cell.lang is None:
            _check_code(cell, name)
    return cells


def _cell(header: str, body: list[str], line: int, name: str) -> Cell:
    match = HEADER.fullmatch(header)
    options = dict(re.findall(r'(\w+)=("[^"]*"|\[[^\]]*\])', match["options"]))
    if re.sub(r'\w+=("[^"]*"|\[[^\]]*\])', "", match["options"]).strip() or set(options) - {"lang", "tags", "matches"}:
        raise SourceError(f'{name}:{line}: {header!r} is not understood; expected lang="en", lang="zh" or tags=[…]')
    tags = json.loads(options.get("tags", "[]"))
    lang = json.loads(options.get("lang", "null"))
    if match["markdown"]:
        if lang not in LANGUAGES:
            raise SourceError(f'{name}:{line}: a markdown cell needs lang="en" or lang="zh"')
        for number, text in enumerate(body, line + 1):
            if text.strip() and not text.startswith("#"):
                raise SourceError(f"{name}:{number}: a line of a markdown cell must begin with '#'")
        body = [re.sub(r"^# ?", "", text) for text in body]
    elif lang:
        raise SourceError(f"{name}:{line}: code is shared by both languages; only markdown cells have lang=")
    if "matches" in options and lang != "zh":
        raise SourceError(f'{name}:{line}: matches= says which English text is matched; only a lang="zh" cell has it')
    text = "\n".join(body).strip("\n")
    if not text.strip():
        raise SourceError(f"{name}:{line}: the cell is empty")
    return Cell(line, lang, "strict" in tags, text, tuple(tag for tag in tags if tag != "strict"))


def _check_pairs(cells: list[Cell], name: str) -> None:
    waiting: Cell | None = None
    for cell in [*cells, Cell(0, None, False, "")]:
        if waiting and (cell.lang is None or cell.lang == waiting.lang):
            twin = next(lang for lang in LANGUAGES if lang != waiting.lang)
            raise SourceError(
                f'{name}:{waiting.line}: this lang="{waiting.lang}" cell has no lang="{twin}" twin after it'
            )
        waiting = None if waiting or cell.lang is None else cell


def _check_code(cell: Cell, name: str) -> None:
    lines = cell.text.splitlines()
    runs: list[tuple[str, int]] = []  # language and line of each run of comment lines
    previous = None
    for number, line in enumerate(lines, cell.line + 1):
        match = COMMENT.fullmatch(line)
        lang = match["lang"] if match else None
        if lang and lang != previous:
            runs.append((lang, number))
        if lang != "zh" and previous == "en" and lang != "en":
            raise SourceError(f"{name}:{runs[-1][1]}: this '# en:' comment has no '# zh:' twin after it")
        if lang == "zh" and previous not in ("en", "zh"):
            raise SourceError(f"{name}:{number}: this '# zh:' comment has no '# en:' twin before it")
        if not match and line.strip().startswith("# "):
            raise SourceError(f"{name}:{number}: a comment line needs a language: '# en: …' and '# zh: …'")
        previous = lang
    if previous == "en":
        raise SourceError(f"{name}:{runs[-1][1]}: this '# en:' comment has no '# zh:' twin after it")
    if len({bool(alt_text(cell.text, lang)) for lang in LANGUAGES}) > 1:
        raise SourceError(f"{name}:{cell.line}: a figure needs its words twice: '# alt-en: …' and '# alt-zh: …'")
    trees = []
    for lang in LANGUAGES:
        try:
            trees.append(ast.dump(ast.parse(localised(cell.text, lang))))
        except SyntaxError as error:
            line = cell.line + (error.lineno or 0)
            raise SourceError(f"{name}:{line}: the {lang} version is not Python: {error.msg}") from None
    if trees[0] != trees[1]:
        raise SourceError(f"{name}:{cell.line}: the code differs between the languages; '# en:' stands inside a string")


def localised(code: str, lang: str) -> str:
    """Code with the comment lines of one language. (Comments of the other go; their sign '# en: ' becomes '# '.)"""
    kept = []
    for line in code.splitlines():
        match = COMMENT.fullmatch(line)
        if not match:
            kept.append(line)
        elif match["lang"] == lang and not match["alt"]:
            kept.append(f"{match['indent']}# {match['text']}")
    return "\n".join(kept)


def alt_text(code: str, lang: str) -> str:
    """What the figure of a cell shows, in one language: its `# alt-en: ` or `# alt-zh: ` lines, joined."""
    found = [match for match in map(COMMENT.fullmatch, code.splitlines()) if match and match["alt"]]
    return ("" if lang == "zh" else " ").join(match["text"].strip() for match in found if match["lang"] == lang)


def code_hash(cells: Sequence[Cell]) -> str:
    """What the outputs depend on: the code without comment lines, in order."""
    code = [
        [s.rstrip() for s in c.text.splitlines() if s.strip() and not s.strip().startswith("#")]
        for c in cells
        if c.lang is None
    ]
    return hashlib.sha256(json.dumps(code, ensure_ascii=False).encode()).hexdigest()[:16]


# -- writing a notebook ------------------------------------------------------------------------------------------------
def assemble(cells: Sequence[Cell], lang: str, address: str) -> NotebookNode:
    """The notebook of one language, without outputs.

    Args:
        cells: of the source.
        lang: ``"en"`` or ``"zh"``.
        address: of the repository.

    Raises:
        SourceError: a table of a benchmark is not there.
    """
    fill = lambda text: text.replace("@LANG@", lang).replace("@REPOSITORY@", address)
    made = []
    for cell in cells:
        if cell.lang not in (None, lang):
            continue
        number = f"cell-{len(made) + 1:02d}"  # the same in both languages
        if cell.lang:
            try:
                text = records.fill(ROOT, lang, fill(cell.text))
            except LookupError as error:
                raise SourceError(f"line {cell.line}: {error.args[0]}") from None
            made.append(nbformat.v4.new_markdown_cell(text, id=number))
        else:
            tags = [*cell.tags, *([] if cell.strict else ["nbval-ignore-output"])]
            made.append(nbformat.v4.new_code_cell(fill(localised(cell.text, lang)), id=number))
            made[-1].metadata = NotebookNode({"tags": tags} if tags else {})
            if alt := alt_text(cell.text, lang):
                made[-1].metadata["mystnb"] = NotebookNode({"image": {"alt": alt}})  # where MyST-NB looks for it
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "ganlib": {"lang": lang},
    }
    return nbformat.v4.new_notebook(cells=made, metadata=NotebookNode(metadata))


def text_of(notebook: NotebookNode) -> str:
    """The bytes of a notebook file, as text."""
    return nbformat.writes(notebook) + "\n"


def stored(path: Path) -> NotebookNode | None:
    """A notebook as it was committed, or None where there is none that can be read."""
    try:
        return nbformat.reads(path.read_text("utf-8"), as_version=4)
    except (FileNotFoundError, UnicodeDecodeError, nbformat.reader.NotJSONError, nbformat.ValidationError):
        return None


def keep_outputs(new: NotebookNode, old: NotebookNode | None, code: str) -> bool:
    """Take over the outputs of `old` if they come from the same code; say whether they did."""
    if old is None or old.metadata.get("ganlib", {}).get("code") != code:
        return False
    before = [cell for cell in old.cells if cell.cell_type == "code"]
    after = [cell for cell in new.cells if cell.cell_type == "code"]
    if len(before) != len(after) or any(cell.execution_count is None for cell in before):
        return False
    for source, target in zip(before, after, strict=True):
        target.outputs, target.execution_count = source.outputs, source.execution_count
    new.metadata.ganlib["code"] = code
    if record := old.metadata.ganlib.get("run"):
        new.metadata.ganlib["run"] = {key: record[key] for key in RECORD if key in record}
    return True


def run(notebook: NotebookNode, code: str, where: str) -> None:
    """Run a notebook at the cpu profile, as a learner would, in an empty folder; outputs and `RECORD` go into it.

    Raises:
        SourceError: a cell failed, with its source and the last line of the traceback.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import (
        CellExecutionError,
        CellTimeoutError,
        DeadKernelError,
    )

    notebook.cells.append(nbformat.v4.new_code_cell(PROBE, id="probe"))
    began = time.perf_counter()
    settings = {"GANLIB_PROFILE": "cpu", "GANLIB_STATIC": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=1200,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            extra_arguments=["--log-level=ERROR"],  # of the kernel: a warning about its sockets is no news here
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute(env=os.environ | settings)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            failed = next(
                (c for c in notebook.cells if any(o.output_type == "error" for o in c.get("outputs", []))), None
            )
            cell = f"{failed.id}:\n{failed.source}\n→ " if failed else ""
            reason = f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else str(error).strip()
            raise SourceError(f"{where}: {cell}{reason}") from None
    seconds = round(time.perf_counter() - began)
    found = json.loads(notebook.cells.pop().outputs[0].text)
    record = {"date": datetime.now(UTC).date().isoformat(), "seconds": seconds, **found}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = lighter(output.data["image/png"])
    notebook.metadata["language_info"] = NotebookNode({"name": "python"})  # without the version of this machine
    notebook.metadata["kernelspec"] = NotebookNode(
        {"display_name": "Python 3", "language": "python", "name": "python3"}
    )
    notebook.metadata.ganlib.update(code=code, run={key: record[key] for key in RECORD})


def lighter(png: str) -> str:
    """A figure with a palette of 256 colours, a half to a third of the bytes.

    Args:
        png: base64.

    Returns:
        The smaller one of both, base64, without the name and version of the program that drew it.
    """
    out = io.BytesIO()
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return min(base64.b64encode(out.getvalue()).decode(), png.strip(), key=len)


def write(path: Path, notebook: NotebookNode, where: str) -> None:
    """Write a notebook, whole or not at all.

    Raises:
        SourceError: it is too large, or no notebook.
    """
    nbformat.validate(notebook)
    text = text_of(notebook)
    if len(text.encode()) > LIMIT:
        raise SourceError(f"{where}: {len(text.encode()):,} bytes; at most {LIMIT:,} (fewer frames, smaller figures)")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, "utf-8")
    os.replace(temporary, path)


def is_stale(source: Path, lang: str) -> bool:
    """Whether the stored outputs of a source's notebook come from other code (or there are none).

    Raises:
        SourceError: the source is not well formed.
    """
    cells = parse(source.read_text("utf-8"), source.name)
    old = stored(source.parent / lang / f"{source.stem}.ipynb")
    return not keep_outputs(assemble(cells, lang, ""), old, code_hash(cells))


def sources(folder: Path) -> dict[str, Path]:
    """The sources of a folder, by the labs' names."""
    return {path.stem: path for path in sorted(folder.glob("[0-9][0-9]-*.py"))}


# -- the two modes -----------------------------------------------------------------------------------------------------
def build(source: Path, address: str, *, force: bool = False) -> None:
    """Write both notebooks of a source; run those whose code changed."""
    cells = parse(source.read_text("utf-8"), source.name)
    code = code_hash(cells)
    for lang in LANGUAGES:
        path = source.parent / lang / f"{source.stem}.ipynb"
        where = f"{lang}/{path.name}"
        notebook, old = assemble(cells, lang, address), stored(path)
        if force or not keep_outputs(notebook, old, code):
            print(f"{where}: running at profile cpu (a few minutes)", flush=True)
            run(notebook, code, where)
        elif path.read_text("utf-8") == text_of(notebook):
            print(f"{where}: up to date")
            continue
        write(path, notebook, where)
        print(f"{where}: written, {path.stat().st_size / 1000:.0f} kB")


def check(source: Path, address: str) -> list[str]:
    """What differs between the source and its notebooks, one line each; nothing is run or written."""
    cells = parse(source.read_text("utf-8"), source.name)
    code, found = code_hash(cells), []
    for lang in LANGUAGES:
        path = source.parent / lang / f"{source.stem}.ipynb"
        where = f"{lang}/{path.name}"
        notebook, old = assemble(cells, lang, address), stored(path)
        if old is None:
            found.append(f"{where}: missing, or no notebook")
            continue
        if not keep_outputs(notebook, old, code):
            found.append(f"{where}: stale outputs: the code changed since they were made")
        found += wordless(cells, old, source.name)
        if len(old.cells) != len(notebook.cells):
            found.append(f"{where}: {len(old.cells)} cells; the source makes {len(notebook.cells)}")
        same = path.read_text("utf-8") == text_of(notebook)
        for mine, theirs in zip(notebook.cells, old.cells, strict=False):
            for part in ("cell_type", "id", "source", "metadata"):
                if mine[part] != theirs.get(part):
                    found.append(f"{where}: {mine.id}: {part} differs from the source's")
        if not same and not any(line.startswith(where) for line in found):
            found.append(f"{where}: the notebook's metadata or layout differ from what the source makes")
    return found


def wordless(cells: Sequence[Cell], notebook: NotebookNode, name: str) -> list[str]:
    """The cells of a source whose output in the notebook is a figure without alternative text, one line each."""
    return [
        f"{name}:{cell.line}: this cell shows a figure; say in words what it shows, '# alt-en: …' and '# alt-zh: …'"
        for cell, run_cell in zip(
            [cell for cell in cells if cell.lang is None],
            [cell for cell in notebook.cells if cell.cell_type == "code"],
            strict=False,
        )
        if any("image/png" in output.get("data", {}) for output in run_cell.outputs)
        and not alt_text(cell.text, "en")
    ]


def main(arguments: Sequence[str] | None = None, folder: Path = ROOT / "notebooks") -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make the notebooks of both languages from their sources.")
    parser.add_argument("names", nargs="*", metavar="NN-name", help="labs to make; all by default")
    parser.add_argument("--check", action="store_true", help="run and write nothing; list what is out of date")
    parser.add_argument("--force", action="store_true", help="run even where the code did not change")
    options = parser.parse_args(arguments)
    labs = sources(folder)
    try:
        for name in options.names:
            if name not in labs:
                raise SourceError(f"no lab {name!r}; there are: {', '.join(labs) or 'none'}")
        address = "https://github.com/" + "/".join(repository())
        found = []
        for source in [labs[name] for name in options.names] or labs.values():
            if options.check:
                found += check(source, address)
            else:
                build(source, address, force=options.force)
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    found = list(dict.fromkeys(found))  # what is wrong with a source is wrong in both languages
    if found:
        print(*found, "Run `make notebooks`.", sep="\n", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
