"""The words of figures: complete in both languages, and drawable."""

import string
from pathlib import Path

import pytest

from ganlib import labels, viz
from ganlib.errors import GanlibError


@pytest.fixture(autouse=True)
def english():
    yield
    labels.use("en")


@pytest.fixture(scope="module")
def font():
    from fontTools.ttLib import TTFont

    return TTFont(viz.FONT)


@pytest.mark.parametrize("key", labels.WORDS)
def test_every_key_has_words_in_both_languages_with_the_same_values(key):
    words = labels.WORDS[key]
    assert len(words) == len(labels.LANGUAGES) and all(word.strip() for word in words)
    fields = [{field for _, field, _, _ in string.Formatter().parse(word) if field} for word in words]
    assert fields[0] == fields[1]


def test_the_fonts_have_every_character_of_every_label(font):
    """Where ours lacks a sign, ₁ say, matplotlib takes it from DejaVu, the next family; Chinese is in ours alone."""
    from fontTools.ttLib import TTFont
    from matplotlib import font_manager, rcParams

    viz.use("zh")
    ours, dejavu = rcParams["font.family"]
    assert ours == "GANs Sans SC"
    drawn = {ord("\n")} | set(font.getBestCmap()) | set(TTFont(font_manager.findfont(dejavu)).getBestCmap())
    assert {c for words in labels.WORDS.values() for word in words for c in word if ord(c) not in drawn} == set()
    assert ord("龘") not in drawn  # the test above can fail


def test_the_font_has_level_1_of_gb2312_and_the_signs_of_formulas(font):
    codes = (
        bytes([row, cell]) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF) if (row, cell) < (0xD7, 0xFA)
    )
    level_1 = [code.decode("gb2312") for code in codes]
    assert len(level_1) == 3755
    wanted = {*level_1, *string.printable.strip(), *"，。：；？！（）《》“”…—、·", *"σφθλμπΣ∇½√‖≈≤≥²∞−×→"}
    assert {c for c in wanted if ord(c) not in font.getBestCmap()} == set()
    assert 0x9F98 not in font.getBestCmap()  # 龘 is in neither: the test above can fail


def test_the_font_is_small_named_and_licensed(font):
    assert viz.FONT.stat().st_size <= 1_000_000
    assert font["name"].getDebugName(1) == "GANs Sans SC"
    licence = (Path(viz.FONT).parent / "OFL.txt").read_text("utf-8")
    assert "© 2014-2021 Adobe" in licence and "SIL OPEN FONT LICENSE" in licence
    assert font["name"].getDebugName(0).split("(")[0].strip() in licence


def test_each_file_is_the_words_of_a_lab_but_the_shared_ones():
    notebooks = Path(labels.__file__).parents[1] / "notebooks"
    names = {file.stem for file in labels.FILES.glob("*.toml")}
    assert "shared" in names and names - {"shared"} <= {file.stem for file in notebooks.glob("*.py")}


def test_a_label_stands_in_one_file_only(tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "FILES", tmp_path)
    (tmp_path / "01-a.toml").write_text('rate = ["rate", "率"]\n', encoding="utf-8")
    assert labels._read() == {"rate": ("rate", "率")}
    (tmp_path / "02-b.toml").write_text('rate = ["speed", "速度"]\n', encoding="utf-8")
    with pytest.raises(GanlibError, match=r"02-b.toml has the label 'rate' again; expected it once, in shared.toml"):
        labels._read()


def test_words_follow_the_language():
    assert labels.t("step") == "step"
    labels.use("zh")
    assert labels.t("step") == "步数" and labels.t("step", "en") == "step"
    assert labels.t("player", n=3) == "播放器：共 3 帧，用滑块选择"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: labels.t("stepp"), r"unknown label 'stepp' \(did you mean 'step'\?\)"),
        (lambda: labels.t("step", "fr"), "unknown language 'fr'; known: en, zh"),
        (lambda: labels.use("fr"), "unknown language 'fr'; known: en, zh"),
        (lambda: labels.t("player"), "label 'player' was used without the value 'n'"),
        (lambda: labels.t("step", i=1), "label 'step' was given the value 'i'; its words have no place for it: 'step'"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(GanlibError, match=words):
        call()
