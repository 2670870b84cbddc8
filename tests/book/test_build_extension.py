"""The parts of the course's Sphinx extension, each by itself."""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import tarfile
from gettext import NullTranslations
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from docutils import nodes
from docutils.utils import new_document

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book/_ext"))

from course import addresses, glossary, numbering, search, twins, typography, vendor, words  # noqa: E402


@pytest.mark.parametrize(("docname", "address"), [
    ("book/en/index", "index"),
    ("book/zh/02-gan", "02-gan"),
    ("notebooks/en/02-gan", "lab/02-gan"),
    ("search", "search"),
    ("book/de/02-gan", "book/de/02-gan"),
])  # fmt: skip
def test_short_addresses(docname, address):
    assert addresses.short(docname) == address


@pytest.mark.parametrize(("line", "phrases"), [
    ("设（ $x$ ），则 $y$ 。", ["（x），", "y。"]),
    ("“ $f$ ”与 $f$ -散度", ["“f”", "f-"]),
    ("设 $a$ ， $b$ 、 $c$", ["a，", "b、"]),
    ("($k$) and $k$-th, but $m$ alone", ["(k)", "k-"]),
    ("$x$", []),
    ("$x$ （见附录）， $y$ 与 $z$", []),
])  # fmt: skip
def test_punctuation_stays_with_its_formula(line, phrases):
    page = new_document("page")
    page += nodes.paragraph()
    for i, part in enumerate(line.replace(" $", "$").replace("$ ", "$").split("$")):
        page[0] += nodes.math("", part) if i % 2 else nodes.Text(part)
    before = page.astext()
    typography.FormulaPhrases(page).run()
    assert [node.astext() for node in page.findall(nodes.inline)] == phrases
    assert page.astext() == before


def test_punctuation_is_taken_from_its_own_place():
    page = new_document("page")
    page += nodes.paragraph()
    page[0] += [nodes.emphasis("", "a"), nodes.Text(", "), nodes.math("", "x"), nodes.Text(", "), nodes.math("", "y")]
    typography.FormulaPhrases(page).run()
    assert page.astext() == "a, x, y" and [node.astext() for node in page.findall(nodes.inline)] == ["x,"]


@pytest.mark.parametrize(("parts", "expected"), [
    (["由 ", "@引理 2.2", " 与 ", "@符号约定", " 知"], "由引理 2.2 与符号约定知"),
    (["", "*与最大似然比较。", " 对密度"], "与最大似然比较。对密度"),
    (["", "@定义 2.1", " （生成器）见 ", "*图", "。"], "定义 2.1（生成器）见图。"),
    (["用 ", "`代码`", " 与 ", "@GAN", "，对 ", "@D 而言", " ."], "用 `代码` 与 GAN，对 D 而言 ."),
])  # fmt: skip
@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_chinese_needs_no_space_beside_chinese(language, parts, expected):
    page = new_document("page")
    page.settings.env = SimpleNamespace(app=None, config=SimpleNamespace(language=language))
    page += nodes.paragraph()
    made = {"@": nodes.reference, "*": nodes.strong, "`": nodes.literal}
    for part in parts:
        node = made.get(part[:1])
        page[0] += node("", "", nodes.Text(part if part[0] == "`" else part[1:])) if node else nodes.Text(part)
    typography.ChineseSpaces(page).run()
    shown = "".join(part if part[:1] == "`" else part.lstrip("@*") for part in parts)
    assert page.astext() == (expected if language == "zh_CN" else shown)


@pytest.mark.parametrize(("language", "expected"), [
    ("zh_CN", ["解答：", "", "习题 2.1（证明 (a)）"]),
    ("en", ["解答：", " ", "习题 2.1 (证明 (a))"]),
])  # fmt: skip
def test_titles_of_solutions(language, expected):
    page = new_document("page")
    page.settings.env = SimpleNamespace(app=None, config=SimpleNamespace(language=language))
    title = nodes.title("", "解答：", nodes.reference("", "", *map(nodes.Text, (" 习题 2.1", " (", "证明 (a)", ")"))))
    page += [nodes.admonition("", title, classes=["solution"]), nodes.section("", nodes.title("", ")"))]
    typography.ExerciseTitles(page).run()
    assert [part.astext() for part in title] == expected
    assert page[1].astext() == ")"


def test_search_index_keeps_the_pages_names_for_the_next_build():
    names = ["book/en/02-gan", "notebooks/en/02-gan", "book/en/index"]
    form, file = addresses.ShortIndex(set(names)), io.StringIO()
    form.dump({"docnames": names, "titles": ["a", "b", "c"]}, file)
    assert '"docnames": ["02-gan", "lab/02-gan", "index"]' in file.getvalue()
    file.seek(0)
    assert form.load(file) == {"docnames": names, "titles": ["a", "b", "c"]}


def test_an_index_with_a_page_that_is_gone_is_still_read():
    file = io.StringIO()
    addresses.ShortIndex({"book/en/old"}).dump({"docnames": ["book/en/old"]}, file)
    file.seek(0)
    assert addresses.ShortIndex({"book/en/new"}).load(file) == {"docnames": ["old"]}


@pytest.mark.parametrize(("docname", "number"), [
    ("book/en/02-gan", 2),
    ("book/zh/00-welcome", 0),
    ("notebooks/zh/12-stylegan2", 12),
    ("book/en/sign-conventions", None),
    ("book/en/2-gan", None),
])  # fmt: skip
def test_chapter_number(docname, number):
    assert numbering.chapter(docname) == number


def test_chinese_is_cut_into_characters_and_pairs():
    chinese = search.SearchChinese({})
    assert chinese.split("判别器 D 与GAN") == ["判", "别", "器", "判别", "别器", "D", "与", "GAN"]
    assert all(map(chinese.word_filter, ["判", "判别", "gan"]))
    assert not chinese.word_filter("the")
    assert chinese.stem("判别") == "判别"
    assert chinese.stem("discriminators") == chinese.stem("discriminator")


def test_the_index_leaves_out_accents():
    for language in (search.SearchEnglishWords({}), search.SearchChinese({})):
        assert language.stem("Fréchet") == language.stem("Frechet") == "frechet"


def test_twin_names():
    assert twins.twin_name("book/en/02-gan", "zh") == "book/zh/02-gan"
    assert twins.twin_name("notebooks/zh/02-gan", "en") == "notebooks/en/02-gan"
    assert twins.twin_name("search", "zh") == "search"


@pytest.mark.parametrize(("base", "repository", "address"), [
    ("", "https://github.com/Some-Org/a.book", "https://some-org.github.io/a.book/"),
    ("", "https://github.com/org/book.git", "https://org.github.io/book/"),
    ("https://example.org/course", "https://github.com/org/book", "https://example.org/course/"),
    ("", "https://gitlab.com/org/book", ""),
    ("", "", ""),
])  # fmt: skip
def test_site_address(base, repository, address):
    config = SimpleNamespace(html_baseurl=base, html_theme_options={"repository_url": repository})
    assert twins.site_address(SimpleNamespace(config=config)) == address


def test_settings_of_a_language_are_merged_into_the_shared_ones():
    shared = {"title": "A", "sphinx": {"config": {"language": "en", "templates": ["x"]}}}
    own = {"title": "B", "sphinx": {"config": {"language": "zh_CN"}}}
    assert twins.merge(shared, own) == {
        "title": "B",
        "sphinx": {"config": {"language": "zh_CN", "templates": ["x"]}},
    }
    assert shared["title"] == "A" and shared["sphinx"]["config"]["language"] == "en"
    assert twins.merge({"list": [1, 2]}, {"list": [3]}) == {"list": [3]}


def test_words_stand_before_the_packages_own():
    package = NullTranslations()
    package.gettext = {"Contents": "目錄", "By": "作者"}.get
    catalog = words.Words({"Contents": "目录"}, package)
    assert catalog.gettext("Contents") == "目录"
    assert catalog.gettext("By") == "作者"


def test_every_caption_of_the_table_of_contents_is_translated():
    captions = {part["caption"] for part in yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))["parts"]}
    chinese = yaml.safe_load((ROOT / "book/zh/_config.yml").read_text("utf-8"))
    assert captions == set(chinese["sphinx"]["config"]["course_words"]["toc"])


def test_the_courses_terms_can_be_read():
    terms = glossary.read_terms(ROOT / "book/terms.yml")
    assert {"generator": "生成器", "discriminator": "判别器"}.items() <= {t["en"]: t["zh"] for t in terms}.items()


@pytest.mark.parametrize(("source", "sentence"), [
    ("en: generator", "terms.yml must be a list of terms, got dict"),
    ("- {en: generator}", "term 1 of terms.yml must have `en` and `zh`, got {'en': 'generator'}"),
    ("- {en: a, zh: b, de: c}", "the term 'a' of terms.yml has the key 'de'; known: en, zh, en_def, zh_def, "),
    ("- {en: a, zh: b, never: c}", "`never` of the term 'a' in terms.yml must be a list, got 'c'"),
    ("- {en: a, zh: b, no_card: [fr]}", "`no_card` of the term 'a' in terms.yml lists languages, en or zh, got 'fr'"),
    ("- {en: a, zh: b, zh_def: [c]}", r"`zh_def` of the term 'a' in terms.yml must be text, got \['c'\]"),
])  # fmt: skip
def test_wrong_terms_are_named(tmp_path, source, sentence):
    (tmp_path / "terms.yml").write_text(source, "utf-8")
    with pytest.raises(ValueError, match=sentence):
        glossary.read_terms(tmp_path / "terms.yml")


def test_chinese_terms_are_sorted_by_sound():
    terms = [{"en": str(n), "zh": word} for n, word in enumerate(["支撑集", "博弈", "判别器", "GAN", "损失"])]
    ordered = sorted(terms, key=lambda term: glossary.sort_key(term, "zh"))
    assert [term["zh"] for term in ordered] == ["GAN", "博弈", "判别器", "损失", "支撑集"]


def archive(folder: Path, files: dict[str, str]) -> Path:
    """An npm package on disk."""
    path = folder / "thing.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def fake_npm(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called npm first on the path."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")


def test_a_package_is_fetched_once_and_only_what_is_wanted(tmp_path, monkeypatch):
    path = archive(tmp_path, {"es5/a.js": "a", "es5/sub/b.js": "b", "LICENSE": "l", "es5/../../../evil": "e"})
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    package = vendor.Package("@scope/thing", "1.2.3", digest, r"(es5/)(?:a\.js|sub/.*)|LICENSE")
    fake_npm(tmp_path, monkeypatch, f'[ "$2" = "@scope/thing@1.2.3" ] && cp {path} "$4"')
    target = vendor.fetch(package, tmp_path / "vendor")
    assert target == tmp_path / "vendor" / "thing-1.2.3"
    assert sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()) == [
        "LICENSE",
        "a.js",
        "sub/b.js",
    ]
    monkeypatch.setenv("PATH", "")
    assert vendor.fetch(package, tmp_path / "vendor") == target  # no npm needed any more


def test_a_package_that_cannot_be_had_says_why(tmp_path, monkeypatch):
    path = archive(tmp_path, {"a.js": "a"})
    package = vendor.Package("thing", "1.2.3", "expected-digest", r"()a\.js")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OSError, match="npm is not installed"):
        vendor.fetch(package, tmp_path / "vendor")
    fake_npm(tmp_path, monkeypatch, f'cp {path} "$4"')
    with pytest.raises(ValueError, match="thing 1.2.3 has the SHA-512 .*, expected expected-digest"):
        vendor.fetch(package, tmp_path / "vendor")
    (tmp_path / "bin/npm").write_text("#!/bin/sh\necho no network >&2\nexit 1\n", "utf-8")
    with pytest.raises(OSError, match="npm failed: no network"):
        vendor.fetch(package, tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()
