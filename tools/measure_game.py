"""What a run is worth, in the form of the zoo's records: ``python -m tools.measure_game RUN > measured.json``.

`ganlib evaluate` looks at samples alone, and so it is here for games that are told nothing. A game with labels or
captions is asked for those of test images, and one that translates for translations of test images; where there is
something to compare with, other test images, or the hidden counterparts, are judged in the same way. The result is what
``tools.keep_game --measured`` takes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import ganlib
from ganlib import metrics
from ganlib.cli.runs import read_record
from ganlib.data import avatars, captions
from ganlib.data.images import Images
from ganlib.device import seeded
from ganlib.errors import GanlibError
from ganlib.gans.base import GAN
from ganlib.gans.conditional import ConditionalGAN
from ganlib.gans.translation import TranslationGAN
from ganlib.metrics import features
from ganlib.metrics.attributes import conditional_accuracy
from ganlib.metrics.base import Result
from ganlib.metrics.fid import fid
from ganlib.metrics.kid import kid
from ganlib.metrics.segmenter import train_segmenter
from ganlib.metrics.translation import (
    background_error,
    cycle_error,
    domain_accuracy,
    domain_classifier,
    silhouette_iou,
)
from ganlib.training import checkpoint

PART = 100  # samples at once


def measure(run: str | Path, n: int = 1000, seed: int = 0) -> dict[str, Any]:
    """What is measured of a run's newest checkpoint, with the averaged weights.

    Args:
        run: its folder.
        n: samples, or translations in each direction.
        seed: of everything drawn.

    Returns:
        ``step``, ``split``, ``n``, ``seed``, and ``metrics``: name → numbers.

    Raises:
        GanlibError: no such run.
    """
    gan, settings = checkpoint.load_gan(run), read_record(Path(run))["settings"]
    step = checkpoint.read(run)["step"]
    return {"step": step, "split": "test", "n": n, "seed": seed, "metrics": of_game(gan, settings, n, seed)}


def of_game(gan: GAN, settings: dict[str, Any], n: int, seed: int, chosen: list[str] | None = None) -> dict[str, Any]:
    """What is measured of a game.

    Args:
        gan: the game, with the weights to sample with.
        settings: of its training, of which the test images are those of ``data`` in ``size``.
        n: samples, or translations in each direction.
        seed: of everything drawn.
        chosen: names of metrics of a game that is told nothing; None for all that fit.
    """
    told = {"size": settings["size"], "split": "test"}
    with seeded(seed):
        if isinstance(gan, TranslationGAN):
            return translations(gan, settings["data"], told, n)
        data = ganlib.load(settings["data"], n=2 * n, **told)
        if isinstance(gan, ConditionalGAN):
            return to_order(gan, data, n)
    return metrics.evaluate(gan, data, n, seed=seed, chosen=chosen)["metrics"]


def to_order(gan: ConditionalGAN, data: Images, n: int) -> dict[str, Any]:
    """Samples with the conditions of n test images; n others, with their own, and with those of others, beside them."""
    kind = gan.conditions.name
    if kind == "captions":
        given = data.captions(torch.arange(2 * n))
        said = [avatars.parse(captions.text(row)) for row in given]
        asked = torch.tensor([[each.get(name, -1) for name in avatars.ATTRIBUTES] for each in said])
    else:
        given = asked = data.labels
    made = torch.cat([gan.sample(**{kind: part}).cpu() for part in given[:n].split(PART)])
    real, other = (features.extract(data.normalised(rows), data=data) for rows in torch.arange(2 * n).split(n))
    fake = features.extract(features.to_bytes(made), data=data)
    names = list(avatars.ATTRIBUTES) if kind == "captions" else [label_of(data)]
    obeyed = {
        "generated": as_asked(fake, asked[:n], names),
        "real": as_asked(other, asked[n:], names),
        "real, of others": as_asked(other, asked[n:].roll(1, 0), names),
    }
    values = {key: result.value for key, result in obeyed.items()}
    each = obeyed["generated"].details
    accuracy = {"result": str(obeyed["generated"]), "error": obeyed["generated"].error} | values | each
    return {
        "fid": fid(real, fake, other=other).table(),
        "kid": kid(real, fake).table(),
        "conditional accuracy": accuracy,
    }


def label_of(data: Images) -> str:
    """The attribute that the labels of a data set are, or digit."""
    for name, column in data.attributes.items():
        if torch.equal(column.cpu(), data.labels.cpu()):
            return name
    return "digit"


def as_asked(found: features.Features, asked: Tensor, names: list[str]) -> Result:
    """How often images show what was asked for: of each attribute where it was, and on the average over attributes.

    Args:
        found: their features.
        asked: values (N,) or, of several attributes, (N, attributes), −1 where nothing was asked.
        names: of the attributes.
    """
    if names == ["digit"]:
        return conditional_accuracy(asked, found.logits, allow_small=True)
    read = features.attributes(found)
    if len(names) == 1:
        return conditional_accuracy(asked, read[names[0]], allow_small=True)
    each = {}
    for name, column in zip(names, asked.unbind(1), strict=True):
        rows = column >= 0
        if rows.any():
            each[name] = conditional_accuracy(column[rows], read[name].cpu()[rows], allow_small=True)
    value = sum(result.value for result in each.values()) / len(each)
    error = sum(result.error**2 for result in each.values()) ** 0.5 / len(each)  # as if they were independent
    details = {name: result.value for name, result in each.items()}
    return Result("conditional accuracy", value, error, n_fake=len(asked), reader="avatars", details=details)


def translations(gan: TranslationGAN, name: str, told: dict[str, Any], n: int) -> dict[str, Any]:
    """Translations of n test images in each direction that the game knows."""
    train, test = ganlib.load(name, size=told["size"]), ganlib.load(name, **told)
    domain, silhouette = domain_classifier(train), train_segmenter(train)
    index, found = torch.arange(n), {}

    def translate(images: Tensor, way: str) -> Tensor:
        return torch.cat([gan.translate(part, way).cpu() for part in images.split(PART)]).clamp(-1, 1)

    for way in gan.translators():
        source, truth = getattr(test, way[0]).normalised(index), test.truth(way[0], index)
        made, target = translate(source, way), "ab".index(way[-1])
        results = [
            domain_accuracy(made, target, reader=domain, allow_small=True),
            background_error(source, made, truth, allow_small=True),
            silhouette_iou(made, truth, reader=silhouette, allow_small=True),
        ]
        if len(gan.translators()) == 2:
            results.append(cycle_error(source, translate(made, way[::-1]), allow_small=True))
        found |= {f"{result.name}, {way}": result.table() for result in results}
    return found


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser("python -m tools.measure_game", description="Measure a run's game.")
    parser.add_argument("run", metavar="RUN", help="the run's folder")
    parser.add_argument("--n", type=int, default=1000, help="samples (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of everything drawn (default %(default)s)")
    args = parser.parse_args(arguments)
    try:
        found = measure(args.run, args.n, args.seed)
    except GanlibError as error:
        parser.error(str(error))
    print(json.dumps([found], indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
