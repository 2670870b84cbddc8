"""A model's record as a card, in words: for the command line and for the page of the zoo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ganlib import zoo
from ganlib.errors import GanlibError

Say = Callable[[str], str]  # English words, with places for values, → those of a language
NAMES = {"fid": "FID", "kid": "KID", "inception-score": "Inception Score", "attributes": "attribute TV"}
NAMES |= {"classes": "classes found", "sliced-wasserstein": "sliced W2"}
BESIDE = ("result", "of", "error", "real", "subset_size")  # numbers of a metric that are no measures of their own


@dataclass(frozen=True)
class Measure:
    """A number that was measured.

    Attributes:
        name: of the metric.
        value: of the model.
        error: its standard error; None where nobody knows it.
        real: what real images get; None where that was not measured.
        n: samples.
    """

    name: str
    value: float
    error: float | None
    real: float | None
    n: int

    def __str__(self) -> str:
        return f"{self.value:.4g}" + ("" if self.error is None else f" ± {self.error:.2g}")

    @property
    def floor(self) -> str:
        """What real images get, or nothing."""
        return "" if self.real is None else f"{self.real:.3g}"


def commands(made: dict[str, Any]) -> list[list[str]]:
    """The commands that make a model anew: without those that only went on after a halt."""
    if zoo.kind_of(made) == "network":
        return [made["training"]["command"].split()]
    return [words for words in made["training"]["commands"] if "--resume" not in words or "--steps" in words]


def megabytes(name: str) -> float:
    """What the weights of a model take.

    Raises:
        GanlibError: they are not there.
    """
    try:
        return (zoo.FOLDER / f"{name}.safetensors").stat().st_size / 1e6
    except OSError as error:
        raise GanlibError(f"{error.filename} cannot be read ({error.strerror}); reinstall ganlib") from None


def shape(made: dict[str, Any]) -> str:
    """Of the images that a model makes or judges."""
    return "×".join(map(str, made[zoo.kind_of(made)]["shape"]))


def data(made: dict[str, Any]) -> str:
    """The data set of a training."""
    training = made["training"]
    return training["data"].split(",")[0] if zoo.kind_of(made) == "network" else str(training["settings"]["data"])


def facts(name: str, say: Say = str) -> list[tuple[str, str]]:
    """How a model was made: what, and the answer.

    Args:
        name: of the model.
        say: for another language than English.
    """
    made = zoo.record(name)
    training, network = made["training"], zoo.kind_of(made) == "network"
    seed = training["seed"] if network else training["settings"]["seed"]
    images, precision = training["n"] if network else training["images"], made.get("precision", "")
    trained = [training["device"], duration(training.get("seconds"), say), training["date"]]
    numbers = say("{n:,} numbers").format(n=made["parameters"])
    found = {
        "Data": f"{data(made)}, {shape(made)}",
        "Seed": str(seed),
        "Images seen": say("{images:,} in {steps:,} steps").format(images=images, steps=training["steps"]),
        "Trained": ", ".join(filter(None, trained)),
        "Software": f"PyTorch {training['torch']}, Python {training['python']}",
        "Weights": ", ".join(filter(None, [numbers, precision, f"{megabytes(name):.1f} MB"])),
        "Checksum": f"sha256 {made['sha256'][:12]}…",
    }
    return [(say(what), answer) for what, answer in found.items()]


def duration(seconds: float | None, say: Say = str) -> str:
    """A time in words; "" for one that nobody took."""
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    if minutes < 1:
        return say("{n} s").format(n=round(seconds))
    return say("{n} min" if minutes < 120 else "{hours} h {n} min").format(
        n=minutes if minutes < 120 else minutes % 60, hours=minutes // 60
    )


def measures(made: dict[str, Any]) -> list[Measure]:
    """What a model is worth: of a network, its share of right answers to each question."""
    if zoo.kind_of(made) == "network":
        test = made["test"]
        return [Measure(q.replace("_", " "), share, None, None, test["n"]) for q, share in test["accuracy"].items()]
    found = []
    for entry in made["measured"]:
        n = entry["n"] if "n" in entry else entry["n_generated"]
        for metric, numbers in entry["metrics"].items():
            if "generated" in numbers:
                name = NAMES.get(metric, metric)
                found.append(Measure(name, numbers["generated"], numbers.get("error"), numbers.get("real"), n))
                continue
            for key, value in numbers.items():  # several in one, as precision and recall
                if key.endswith(" generated"):
                    part = key.removesuffix(" generated")
                    found.append(Measure(part, value, numbers.get(f"{part} error"), numbers.get(f"{part} real"), n))
    return found


def details(made: dict[str, Any]) -> dict[str, float]:
    """What was measured of single classes or attributes."""
    found = {}
    for entry in made.get("measured", []):
        for metric, numbers in entry["metrics"].items():
            for key, value in numbers.items():
                if "generated" in numbers and key not in (*BESIDE, "generated") and isinstance(value, float):
                    found[f"{metric}: {key}"] = value
    return found


def worth(made: dict[str, Any]) -> str:
    """What a model is worth, in a few words: its FID, or the first that was measured."""
    if zoo.kind_of(made) == "network":
        test = made["test"]
        return f"{len(test['accuracy'])} questions, {100 * test['mean']:.1f} % right (n {test['n']})"
    found = measures(made)
    if not found:
        return ""
    best = next((measure for measure in found if measure.name == "FID"), found[0])
    real = f"; real images {best.floor}" if best.floor else ""
    return f"{best.name} {best} (n {best.n}{real})"


def shown(made: dict[str, Any]) -> str:
    """What a game's sheet of samples shows, in English words."""
    from ganlib import gans
    from ganlib.gans.translation import TranslationGAN

    recipe = made["game"]
    if issubclass(gans.get(recipe["gan"]), TranslationGAN):
        return "Test images, and below each row what it is translated to."
    if recipe["options"].get("condition") == "captions":
        return "Samples for the captions of the first test images."
    if "classes" in recipe["options"]:
        return "Samples of each class, one class after the other."
    return "The first samples of a fixed seed."
