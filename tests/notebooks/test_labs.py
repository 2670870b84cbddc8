"""What every lab must keep: both languages, sizes, strict cells, prose that Colab can render."""

import ast
import re
from pathlib import Path

import autocorrect_py
import nbformat
import pytest

from notebooks import build

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
LABS = [path.stem for path in sorted(FOLDER.glob("[0-9][0-9]-*.py"))]
NUMBER = re.compile(r"[-−]?\d+(?:[.,]\d+)*")
HAN = re.compile(r"[\u4e00-\u9fff]")


def notebook(lab, lang):
    return nbformat.read(FOLDER / lang / f"{lab}.ipynb", as_version=4)


def code(nb):
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def printed(cell):
    return "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


def strict(cell):
    return "nbval-ignore-output" not in cell.metadata.get("tags", [])


def twins(lab):
    return zip(code(notebook(lab, "en")), code(notebook(lab, "zh")), strict=True)


@pytest.mark.parametrize("lab", LABS)
class TestLab:
    def test_the_twins_run_the_same_code(self, lab):
        for en, zh in twins(lab):
            en_tree, zh_tree = (ast.dump(ast.parse(cell.source)) for cell in (en, zh))
            assert en_tree.replace("'en'", "'zh'") == zh_tree.replace("'en'", "'zh'")  # "en" may stand in both
            if en_tree != zh_tree:
                assert en is not None and 'lang="en"' in en.source  # only where the language is chosen

    def test_the_first_cell_differs_only_by_the_language(self, lab):
        en, zh = next(twins(lab))
        assert en.source != zh.source and en.source.replace('lang="en"', 'lang="zh"') == zh.source
        assert re.search(rf'ganlib\.Lab\(\s*"{lab}"', en.source) and "--no-deps" in en.source

    def test_the_twins_print_the_same_numbers(self, lab):
        for en, zh in twins(lab):
            if "perf_counter" not in en.source:  # two runs of one clock never agree
                assert NUMBER.findall(printed(en)) == NUMBER.findall(printed(zh)), en.source
            assert [o.output_type for o in en.outputs] == [o.output_type for o in zh.outputs]

    def test_strict_cells_have_outputs_to_compare(self, lab):
        compared = [(en, zh) for en, zh in twins(lab) if strict(en)]
        assert len(compared) >= 5
        for en, zh in compared:  # their numbers are compared above; their words are those of the language
            assert strict(zh) and en.outputs and zh.outputs, en.source

    @pytest.mark.parametrize("lang", build.LANGUAGES)
    def test_size_language_and_clean_outputs(self, lab, lang):
        assert (FOLDER / lang / f"{lab}.ipynb").stat().st_size <= build.LIMIT
        nb = notebook(lab, lang)
        nbformat.validate(nb)
        for cell in code(nb):
            assert cell.execution_count is not None
            for output in cell.outputs:
                assert output.output_type != "error" and output.get("name") != "stderr", output
        assert "cpu" in printed(code(nb)[0])  # outputs come from the cpu profile
        assert "ipywidgets" not in str(nb.metadata) and "widget-view" not in str(nb.cells)  # players instead

    @pytest.mark.parametrize("lang", build.LANGUAGES)
    def test_figures_are_told_in_words_of_their_language(self, lab, lang):
        for cell in code(notebook(lab, lang)):
            pictures = sum("image/png" in output.get("data", {}) for output in cell.outputs)
            assert pictures <= 1, "the words of a cell are those of one figure: split the cell"
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert bool(alt) == bool(pictures), cell.source
            assert bool(HAN.search(alt)) == (lang == "zh" and bool(alt)), alt
            assert autocorrect_py.lint_for(alt, "markdown").lines == [], alt

    @pytest.mark.parametrize("lang", build.LANGUAGES)
    def test_prose_renders_in_colab_and_is_in_its_language(self, lab, lang):
        for cell in notebook(lab, lang).cells:
            if cell.cell_type == "markdown":
                assert not re.search(r"\{[a-z:]+\}`|^:::|^```\{", cell.source, re.MULTILINE), cell.source
                assert bool(HAN.search(cell.source)) == (lang == "zh"), cell.source
            elif lang == "en":
                assert not HAN.search(cell.source), cell.source


def test_there_are_labs():
    assert LABS
