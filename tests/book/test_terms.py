"""The words of the course: `book/terms.yml` is well formed, and no wrong rendering stands in the Chinese text."""

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TERMS = yaml.safe_load((ROOT / "book" / "terms.yml").read_text("utf-8"))
FIELDS = {"en": str, "zh": str, "zh_aliases": list, "never": list, "no_card": list, "en_def": str, "zh_def": str}
REQUIRED = ("en", "zh", "en_def", "zh_def")

# Wrong as renderings of their term, right in other senses: 发散 is "to diverge", 支持 "to support", 接受域 a test's
# acceptance region, and 单数值 hides in 简单数值. A machine cannot tell; a reader must.
ORDINARY = {"不饱和", "发散", "支持", "单数值", "反卷积", "大步", "跨步", "褪色", "接受域"}
HAN = re.compile(r"[\u3400-\u9fff]")


def form_faults(terms: list[dict]) -> list[str]:
    """What is wrong with the form of the list, one sentence each."""
    found = []
    for number, term in enumerate(terms, 1):
        name = f"term {number} ({term.get('en', 'no name')})"
        found += [f"{name} lacks {field}" for field in REQUIRED if not term.get(field)]
        found += [f"{name} has an unknown field {field!r}" for field in term if field not in FIELDS]
        found += [
            f"{name}: {key} is no {FIELDS[key].__name__}"
            for key in FIELDS
            if not isinstance(term.get(key, FIELDS[key]()), FIELDS[key])
        ]
        found += [f"{name}: no_card has {code!r}" for code in term.get("no_card", []) if code not in ("en", "zh")]
        for key, end in (("en_def", "."), ("zh_def", "。")):
            text = str(term.get(key, ""))
            if text and (not text.endswith(end) or text.rstrip(end).count(end + " ") or text.count("。") > 1):
                found.append(f"{name}: {key} is not one sentence that ends in {end!r}")
        if HAN.search(str(term.get("en_def", ""))) or not HAN.search(str(term.get("zh_def", "测"))):
            found.append(f"{name}: a definition is in the wrong language")
    return found


def name_faults(terms: list[dict]) -> list[str]:
    """Names that stand twice, or are recommended here and forbidden there."""
    found = []
    for names in ([t["en"].casefold() for t in terms], [n for t in terms for n in (t["zh"], *t.get("zh_aliases", []))]):
        found += [f"{name!r} stands {count} times" for name, count in Counter(names).items() if count > 1]
    good = {name for term in terms for name in (term["zh"], *term.get("zh_aliases", []))}
    found += [f"{bad!r} is both right and wrong" for term in terms for bad in term.get("never", []) if bad in good]
    return found


def prose(markdown: str) -> str:
    """Markdown without its code, formulas, addresses and spaces: 正向 KL and 正向KL are the same slip. Lines stay."""
    for pattern in (r"^```(?!\{).*?^```", r"`[^`\n]*`", r"\$\$.*?\$\$", r"\$[^$\n]*\$", r"\]\([^)]*\)"):
        markdown = re.sub(pattern, lambda match: "¶" + "\n" * match[0].count("\n"), markdown, flags=re.S | re.M)
    return re.sub(r"[ \t]+", "", markdown)


def wrong_words(text: str, terms: list[dict], place: str = "text") -> list[str]:
    """The forbidden renderings that a text holds, one sentence each with file, line and what to write instead."""
    text = prose(text)
    found = []
    for term in terms:
        for bad in term.get("never", []):
            letters = r"\n?".join(map(re.escape, bad.replace(" ", "")))  # a word may go on in the next line
            for match in re.finditer(letters, text) if bad not in ORDINARY else ():
                line = text.count("\n", 0, match.start()) + 1
                right = f"write {term['zh']!r} for {term['en']!r}"
                found.append(f"{place}:{line}: {bad!r}: {right} (or, if it is ordinary Chinese here, see ORDINARY)")
    return found


# 隐空间（latent space）; names and abbreviations begin with a capital
INTRODUCED = re.compile(r"([^，。；：、（）\n]*)（([a-z][A-Za-z ,–’'-]*)）")


def unknown_terms(text: str, terms: list[dict], place: str = "text") -> list[str]:
    """English terms in brackets that `terms.yml` does not have, or not for the Chinese words before them.

    The head of a term will do, as in 隐式（implicit）.
    """
    found = []
    for number, line in enumerate(text.replace("*", "").splitlines(), 1):
        for chinese, english in INTRODUCED.findall(line):
            known = [term for term in terms if f"{term['en']} ".casefold().startswith(f"{english} ".casefold())]
            names = [name.replace(" ", "") for term in known for name in (term["zh"], *term.get("zh_aliases", []))]
            heads = tuple(name[:end] for name in names for end in range(2, len(name) + 1)) + tuple(names)
            if not known:
                found.append(f"{place}:{number}: {english!r} is no term: add it to book/terms.yml or drop the brackets")
            elif not chinese.replace(" ", "").endswith(heads):
                found.append(f"{place}:{number}: {english!r} stands behind {chinese!r}: write {known[0]['zh']!r}")
    return found


def chinese_texts() -> dict[str, str]:
    """Every Chinese text of the project by its place: pages, labs, the README, and the words of figures."""
    texts = {path: path.read_text("utf-8") for path in [*(ROOT / "book" / "zh").glob("*.md"), ROOT / "README.zh.md"]}
    texts |= {path: path.read_text("utf-8") for path in (ROOT / "book" / "figures").glob("*.py")}
    texts |= {path: path.read_text("utf-8") for path in (ROOT / "ganlib").glob("labels.py")}
    for path in (ROOT / "notebooks").glob("[0-9][0-9]-*.py"):  # the source, from which both notebooks come
        texts[path] = re.sub(r"^# ?", "", path.read_text("utf-8"), flags=re.M)
    named = {path.relative_to(ROOT).as_posix(): text for path, text in texts.items()}
    return {**named, "the terms themselves": "\n\n".join(f"{t['zh']}：{t['zh_def']}" for t in TERMS)}


def test_the_list_is_well_formed():
    assert len(TERMS) > 80
    assert form_faults(TERMS) == []
    assert name_faults(TERMS) == []


def test_words_that_prose_uses_otherwise_get_no_card():
    off = {(term["en"], code) for term in TERMS for code in term.get("no_card", [])}
    assert {("support", "en"), ("kernel", "en"), ("loss", "en"), ("loss", "zh"), ("expectation", "zh")} <= off
    assert not {("generator", "en"), ("generator", "zh"), ("support", "zh")} & off


def test_the_ordinary_words_are_all_on_the_list():
    listed = {bad for term in TERMS for bad in term.get("never", [])}
    assert ORDINARY - listed == set()


def test_no_wrong_rendering_stands_in_the_chinese_text():
    texts = chinese_texts()
    assert {"book/zh/00-welcome.md", "notebooks/02-gan.py", "README.zh.md"} <= set(texts)
    found = [fault for place, text in texts.items() for fault in wrong_words(text, TERMS, place)]
    assert found == [], "\n".join(found)


def test_every_english_term_in_brackets_is_known():
    texts = chinese_texts()
    assert sum(len(INTRODUCED.findall(text.replace("*", ""))) for text in texts.values()) > 20
    found = [fault for place, text in texts.items() for fault in unknown_terms(text, TERMS, place)]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(("text", "fault"), [
    ("用*前向* KL 散度（forward KL）", None),
    ("称为**隐式**（implicit）模型，在魔搭（ModelScope）上", None),
    ("好\n所谓燕尾服（tailcoat）", "text:2: 'tailcoat' is no term: add it to book/terms.yml or drop the brackets"),
    ("这是潜空间（latent space）", None),
    ("这是空间（latent space）", "text:1: 'latent space' stands behind '这是空间': write '隐空间'"),
    ("用反向 KL 散度（reverse KL）", "text:1: 'reverse KL' stands behind '用反向 KL 散度': write '逆向 KL 散度'"),
])  # fmt: skip
def test_a_planted_unknown_term_is_found(text, fault):
    assert unknown_terms(text, TERMS) == ([fault] if fault else [])


@pytest.mark.parametrize(
    "planted",
    [
        "这里用的是关节分布。",
        "最小化正向KL散度",
        "最小化正向 KL 散度",
        "**鉴别器**的损耗",
        "推土机距离又称地球移动\n器距离",
    ],
)
def test_a_planted_rendering_is_found(planted):
    page = (ROOT / "book" / "zh" / "02-gan.md").read_text("utf-8")  # with code and formulas of several lines
    assert wrong_words(page, TERMS) == []
    line = page.count("\n") + 2
    for fault in (found := wrong_words(f"{page}\n{planted}\n", TERMS, "book/zh/02-gan.md")):
        assert fault.startswith(f"book/zh/02-gan.md:{line}: ") and "write '" in fault
    assert found


@pytest.mark.parametrize(
    "right",
    [
        "`ganlib` 支持 GPU；训练发散了。",
        "一个简单数值例子",
        "见 `损耗.py` 与 [图](损耗.png)",
        "梯度并不饱和",
        "联合分布与边缘分布",
    ],
)
def test_ordinary_chinese_raises_no_alarm(right):
    assert wrong_words(right, TERMS) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"zh": ""}, "lacks zh"),
        ({"en_def": "No full stop"}, "not one sentence"),
        ({"zh_def": "两句。话。"}, "not one sentence"),
        ({"zh_def": "English."}, "wrong language"),
        ({"colour": "red"}, "unknown field"),
        ({"never": "损耗"}, "is no list"),
        ({"no_card": ["fr"]}, "no_card has 'fr'"),
    ],
)
def test_a_malformed_term_is_found(change, fault):
    assert any(fault in sentence for sentence in form_faults([TERMS[0] | change]))


def test_a_doubled_or_contradictory_name_is_found():
    assert name_faults([TERMS[0], TERMS[0]])
    assert name_faults([TERMS[0], TERMS[1] | {"never": [TERMS[0]["zh"]]}])
