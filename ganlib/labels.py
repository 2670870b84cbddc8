"""The words of figures, players and printed lines, in English and Chinese. Code exists once; only words differ."""

from __future__ import annotations

import tomllib
from pathlib import Path
from string import Formatter

from ganlib.errors import GanlibError, unknown

LANGUAGES = ("en", "zh")

FILES = Path(__file__).parent / "words"  # shared.toml, and for each lab a file of its own: key = ["English", "Chinese"]


def _read() -> dict[str, tuple[str, str]]:
    words: dict[str, tuple[str, str]] = {}
    for file in sorted(FILES.glob("*.toml")):
        for key, pair in tomllib.loads(file.read_text("utf-8")).items():
            if key in words:
                raise GanlibError(f"{file.name} has the label {key!r} again; expected it once, in shared.toml")
            words[key] = tuple(pair)
    return words


WORDS = _read()

_language = "en"


def check(lang: str) -> str:
    """`lang`, if the course has it.

    Raises:
        GanlibError: it has not.
    """
    if lang not in LANGUAGES:
        raise unknown("language", lang, LANGUAGES)
    return lang


def use(lang: str) -> None:
    """Choose the language of everything drawn or printed from now on: ``"en"`` or ``"zh"``."""
    global _language
    _language = check(lang)


def language() -> str:
    """The language in use."""
    return _language


def t(key: str, lang: str | None = None, **values: object) -> str:
    """The words behind a key.

    Args:
        key: one of `WORDS`.
        lang: ``"en"`` or ``"zh"``; by default the language in use.
        values: what the words' ``{…}`` are filled with.

    Raises:
        GanlibError: no such key or language, a value is missing, or the words have no place for one.
    """
    if key not in WORDS:
        raise unknown("label", key, WORDS)
    words = WORDS[key][LANGUAGES.index(check(lang or _language))]
    places = {name for _, name, _, _ in Formatter().parse(words) if name}
    for value in values.keys() - {name.partition(".")[0].partition("[")[0] for name in places}:
        raise GanlibError(f"label {key!r} was given the value {value!r}; its words have no place for it: {words!r}")
    try:
        return words.format(**values) if values or "{" in words else words
    except KeyError as missing:
        raise GanlibError(
            f"label {key!r} was used without the value {missing.args[0]!r}; its words are {words!r}"
        ) from None


def word(key: str) -> str:
    """The words behind a key in the language in use, or the key itself where there are none."""
    return t(key) if key in WORDS else key
