"""Recipes: settings that were tried, as tables of TOML files beside their methods.

    [gan-digits]
    gan = "gan"
    about.en = "Handwritten digits in three minutes on two cores."
    about.zh = "在双核上用三分钟学会手写数字。"
    data = "digits"
    steps = 3000
    [gan-digits.options]
    lr = 2e-4

Any ``*.toml`` in ``ganlib/gans`` is found. Reading them needs neither torch nor the games.
"""

from __future__ import annotations

import inspect
import tomllib
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any

from ganlib.errors import GanlibError, unknown

FOLDER = Path(__file__).parent / "gans"
TYPES = {"gan": (str,), "about": (dict,), "data": (str,), "size": (int,), "steps": (int,), "batch": (int,)}
TYPES |= {"ema": (float, int), "schedule": (str,), "options": (dict,), "league": (str,), "modes": (str,)}
WORDS = {str: "a word", bool: "true or false", int: "a whole number", float: "a number", dict: "a table"}
WORDS |= {NoneType: "none"}


@dataclass(frozen=True)
class Recipe:
    """What a run is made with.

    Attributes:
        name: what it is called.
        gan: the method.
        about: one line in ``"en"`` and one in ``"zh"``.
        data: a data set or a path; None where it has to be said.
        size: height and width of the images in pixels; None for the data set's own.
        steps: how long to train.
        batch: samples per phase.
        ema: half-life of the weight average in images, 0 for none.
        schedule: of the learning rate, see `gans.schedules.read`; None to keep it as it is.
        options: of the method's ``build``; the rest keep their defaults.
        league: its title in the league table (benchmarks/league.py); None for a recipe that does not compete.
        modes: its title in the test of mode coverage (benchmarks/modes.py); it plays on its data, or on ring and grid.
        file: where it stands; None for a method without a table.
    """

    name: str
    gan: str
    about: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None
    size: int | None = None
    steps: int = 3000
    batch: int = 128
    ema: float = 10_000.0
    schedule: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    league: str | None = None
    modes: str | None = None
    file: Path | None = None


# -- reading -----------------------------------------------------------------------------------------------------------
def shipped() -> dict[str, Recipe]:
    """The recipes that come with ganlib, by name.

    Raises:
        GanlibError: a table is wrong, or a name is used twice.
    """
    found: dict[str, Recipe] = {}
    for file in sorted(FOLDER.glob("*.toml")):
        for name, recipe in read(file).items():
            if name in found:
                raise GanlibError(f"the recipe {name!r} is in {found[name].file.name} and in {file.name}")
            found[name] = recipe
    return found


def read(file: str | Path) -> dict[str, Recipe]:
    """The recipes of one file.

    Raises:
        GanlibError: the file cannot be read, or a key of it is unknown or of the wrong type.
    """
    file = Path(file)
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise GanlibError(f"cannot read the recipe {str(file)!r}: {error.strerror or error}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise GanlibError(f"{str(file)!r} is not TOML: {error}") from None
    if not tables:
        raise GanlibError(f"{str(file)!r} holds no recipe; expected a table such as [{file.stem}]")
    return {name: _recipe(file, name, table) for name, table in tables.items()}


def _recipe(file: Path, name: str, table: Any) -> Recipe:
    if not isinstance(table, dict):
        raise GanlibError(f"{str(file)!r}: {name!r} stands outside of a table; expected [NAME] above the first key")
    for key, value in table.items():
        if key not in TYPES:
            raise GanlibError(f"{str(file)!r}, [{name}]: {unknown('key', key, TYPES)}")
        if type(value) not in TYPES[key]:
            raise GanlibError(f"{str(file)!r}, [{name}]: {key} = {value!r} was given; expected {_words(TYPES[key])}")
    if "gan" not in table:
        raise GanlibError(f"{str(file)!r}, [{name}]: the key 'gan' is missing; expected the name of a method")
    return Recipe(name, **{key: float(value) if key == "ema" else value for key, value in table.items()}, file=file)


def get(name: str) -> Recipe:
    """A recipe by its name, a method by its name, or a file of your own.

    Args:
        name: one of `shipped`, a method, ``"my.toml"`` with one table, or ``"my.toml:name"``.

    Returns:
        The recipe, checked against the method's options.

    Raises:
        GanlibError: there is none, or it is wrong.
    """
    from ganlib import gans

    path, colon, table = name.rpartition(".toml:")
    if name.endswith(".toml"):
        found = read(name)
        if len(found) > 1:
            raise GanlibError(
                f"{name!r} holds {len(found)} recipes; say which: {', '.join(f'{name}:{n}' for n in found)}"
            )
        recipe = next(iter(found.values()))
    elif colon:
        found = read(f"{path}.toml")
        if table not in found:
            raise unknown(f"recipe of {path}.toml", table, found)
        recipe = found[table]
    else:
        found = {method: Recipe(method, method) for method in gans.names()} | shipped()
        if name not in found:
            raise unknown("recipe", name, found)
        recipe = found[name]
    _check(recipe)
    return recipe


def _check(recipe: Recipe) -> None:
    """What can be said only with the method at hand."""
    from ganlib import gans
    from ganlib.gans import schedules

    where = f"{str(recipe.file)!r}, [{recipe.name}]"
    if recipe.gan not in gans.names():
        raise GanlibError(f"{where}: gan: {unknown('GAN', recipe.gan, gans.names())}")
    if recipe.schedule is not None:
        try:
            schedules.read(recipe.schedule)
        except GanlibError as error:
            raise GanlibError(f"{where}: {error}") from None
    for key, value in recipe.options.items():
        try:
            recipe.options[key] = fitting(recipe.gan, key, [value])
        except GanlibError as error:
            raise GanlibError(f"{where}: options: {error}") from None


# -- the options of a method -------------------------------------------------------------------------------------------
def meanings(gan: str) -> dict[str, str]:
    """What each option of a method means, from the docstring of its ``build``."""
    from ganlib import gans

    lines = (inspect.getdoc(gans.get(gan).build) or "").partition("Args:")[2].splitlines()
    said = {name.strip(): text.strip(" .") for name, colon, text in (line.partition(":") for line in lines) if colon}
    choices = gans.get(gan).choices()
    return {
        key: said.get(key, key) + (f" ({', '.join(choices[key])})" if key in choices else "")
        for key in gans.options(gan)
    }


def parse(gan: str, words: list[str]) -> dict[str, Any]:
    """The options behind ``key=value``, typed as the method's ``build`` says.

    Args:
        gan: the method.
        words: each ``key=value`` with a value of TOML, or a bare word.

    Raises:
        GanlibError: no ``=``, an unknown key, or a value of another type.
    """
    found = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise GanlibError(f"--set {word} was given; expected key=value")
        try:
            values = [tomllib.loads(f"x = {text}")["x"], text]
        except tomllib.TOMLDecodeError:
            values = [text]
        try:
            found[key] = fitting(gan, key, values)
        except GanlibError as error:
            raise GanlibError(f"--set {word}: {error}") from None
    return found


def fitting(gan: str, key: str, values: list[Any]) -> Any:
    """The first of some readings of a value that fits the option's type.

    Raises:
        GanlibError: the method has no such option, or nothing fits.
    """
    from ganlib import gans

    known = meanings(gan)
    if key not in known:
        listed = "; ".join(f"{name}: {text}" for name, text in known.items())
        hint = str(unknown("option", key, known)).partition("; known")[0]
        raise GanlibError(f"{hint} of {gan!r}; it knows {listed}")
    hint = typing.get_type_hints(gans.get(gan).build).get(key, type(gans.options(gan)[key].default))
    kinds = [kind for kind in typing.get_args(hint) or (hint,) if kind in WORDS]
    for value in values:
        if not kinds or type(value) in kinds:  # a type of its own is its method's to check
            return value
        if float in kinds and type(value) is int:
            return float(value)
        if NoneType in kinds and value == "none":
            return None
    raise GanlibError(f"{key} = {values[0]!r} was given; expected {_words(kinds)} ({known[key]})")


def _words(kinds: Collection[type]) -> str:
    return " or ".join(WORDS[kind] for kind in kinds if kind is not int or float not in kinds)
