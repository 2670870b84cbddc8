"""What is each term of a translation worth? CycleGAN without one or the other, its two cousins, and Pix2Pix with pairs.

Horses and zebras of 32×32 pixels, of which everything is known: where the animal stands, and how the scene looks with
the other one in it. Each row is a recipe or `cyclegan-pairs` with one change, with the same images and steps; a row
with a cheaper step takes less time. Judged are translations of test scenes by averaged weights. The last two rows are
no games: one leaves every image as it is, one gives the hidden counterpart.

Noise is added to a translation before it is translated back. If the way back needs what a translation hides, a little
noise that nobody would notice makes it fail; the hidden counterparts hide nothing, and what they give on the way back
says how much of an image a translation shows.

Each run is kept as soon as it is done, so a benchmark that was stopped goes on where it was.

    python benchmarks/translation.py  # what is missing in benchmarks/results/translation.{json,md}
    python benchmarks/translation.py --rows full --steps 8 --n 100 --seeds 1 --no-write
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch import Tensor

import ganlib
from benchmarks import common, league
from benchmarks.common import mean, shown
from ganlib import GanlibError, recipes
from ganlib.data.domains import Domains, Truth
from ganlib.device import resolve
from ganlib.gans import schedules
from ganlib.gans.translation import TranslationGAN
from ganlib.metrics.classifier import Classifier
from ganlib.metrics.segmenter import Segmenter, train_segmenter
from ganlib.metrics.translation import (
    background_error,
    cycle_error,
    domain_accuracy,
    domain_classifier,
    silhouette_iou,
)
from ganlib.recipes import Recipe

DATA, SIZE = "horses-zebras", 32
ROWS: dict[str, tuple[str, str, dict[str, Any]]] = {  # name → title, recipe, changes of its options
    "full": ("CycleGAN", "cyclegan-pairs", {}),
    "no-identity": ("no identity loss", "cyclegan-pairs", {"identity": 0.0}),
    "no-cycle": ("no cycle", "cyclegan-pairs", {"cycle": 0.0}),
    "adversarial": ("adversarial losses alone", "cyclegan-pairs", {"cycle": 0.0, "identity": 0.0}),
    "no-pool": ("no history", "cyclegan-pairs", {"pool": 0}),
    "discogan": ("DiscoGAN's losses", "discogan-pairs", {}),
    "dualgan": ("DualGAN's losses", "dualgan-pairs", {}),
    "pix2pix": ("Pix2Pix, with pairs", "pix2pix-pairs", {}),
}
NOISE = (0.0, 0.02, 0.05, 0.1, 0.2)  # standard deviations, in units of [−1, 1]
WAYS = ("a2b", "b2a")
Translate = Callable[[Tensor, str], Tensor]  # images and a direction → images
Scenes = dict[str, tuple[Tensor, Truth]]  # by direction: test images, and the truth about them


class Readers(NamedTuple):
    """What reads translations: which domain they are of, and where the animal is."""

    domain: Classifier
    silhouette: Segmenter


def readers_of(data: Domains) -> Readers:
    """Both, trained on real images."""
    return Readers(domain_classifier(data), train_segmenter(data))


def recipe(name: str, steps: int | None) -> Recipe:
    """What a row plays."""
    _, of, changes = ROWS[name]
    found = recipes.get(of)
    return replace(found, options=found.options | changes, steps=steps or found.steps)


def settings(name: str, steps: int | None) -> dict[str, Any]:
    """What a run depends on."""
    return {key: getattr(recipe(name, steps), key) for key in (*league.SETTINGS, "steps", "batch", "schedule")}


# -- measuring ---------------------------------------------------------------------------------------------------------
def judged(translate: Translate, ways: tuple[str, ...], scenes: Scenes, readers: Readers) -> dict[str, Any]:
    """What is measured of a way to translate.

    Args:
        translate: images and a direction → their translations.
        ways: the directions it knows.
        scenes: by direction: images, and the truth about them.
        readers: trained on other scenes.

    Returns:
        For each direction ``domain``, ``background``, ``iou``; where both are known also ``cycle``, one error for each
        level of `NOISE`, and ``shown``, the error on the way back from the hidden counterparts.
    """
    found = {}
    for way in ways:
        source, truth = scenes[way]
        made = translate(source, way)
        found[way] = {
            "domain": domain_accuracy(made, WAYS.index(way) ^ 1, reader=readers.domain, allow_small=True).value,
            "background": background_error(source, made, truth, allow_small=True).value,
            "iou": silhouette_iou(made, truth, reader=readers.silhouette, allow_small=True).value,
        }
        if len(ways) == 2:
            other = WAYS[WAYS.index(way) ^ 1]
            back = lambda images, other=other: translate(images.clamp(-1, 1), other)
            noise = torch.randn(made.shape, generator=torch.Generator().manual_seed(0))
            errors = [cycle_error(source, back(made + level * noise), allow_small=True).value for level in NOISE]
            right = truth.images / 127.5 - 1
            found[way] |= {"cycle": errors, "shown": cycle_error(source, back(right), allow_small=True).value}
    return found


def scenes_of(test: Domains, n: int) -> Scenes:
    """The first n test scenes of each direction."""
    index = torch.arange(n)
    return {way: (getattr(test, way[0]).normalised(index), test.truth(way[0], index)) for way in WAYS}


def play(name: str, steps: int | None, seed: int, scenes: Scenes, readers: Readers, device: Any) -> dict[str, Any]:
    """One run; without measures if it becomes NaN or infinite."""
    chosen = recipe(name, steps)
    data = ganlib.load(DATA, size=SIZE, **ganlib.gans.get(chosen.gan).data_options)
    ganlib.seed(seed)
    gan = ganlib.build(chosen.gan, data.shape, **chosen.options)
    assert isinstance(gan, TranslationGAN)
    schedule = schedules.read(chosen.schedule) if chosen.schedule else None
    trainer = ganlib.Trainer(
        gan,
        data,
        chosen.batch,
        device=device,
        learning_rate=schedule,
        ema_half_life=chosen.ema or None,
        progress=sys.stderr.isatty(),
    )
    try:
        trainer.fit(chosen.steps)
    except ganlib.training.TrainingDiverged:
        return {"seed": seed, "found": None}
    pieces = lambda images, way: [trainer.sample(images=part, direction=way).cpu() for part in images.split(100)]
    translate = lambda images, way: torch.cat(pieces(images, way))
    return {"seed": seed, "found": judged(translate, tuple(gan.translators()), scenes, readers)}


def limits(scenes: Scenes, readers: Readers) -> dict[str, Any]:
    """What the identity gets, and what the hidden counterparts get."""
    right = {way: truth.images / 127.5 - 1 for way, (_, truth) in scenes.items()}
    return {
        "identity": judged(lambda images, way: images, WAYS, scenes, readers),
        "truth": {way: judged(lambda images, way: right[way], (way,), scenes, readers)[way] for way in WAYS},
    }


def missing(record: dict[str, Any], steps: int | None, seeds: int) -> list[tuple[int, str]]:
    """Seed and row of the runs that the record lacks, so that all have one before any has two."""
    has = {
        (run["seed"], name)
        for name, row in record["results"].items()
        if row["settings"] == settings(name, steps)
        for run in row["runs"]
    }
    return [(seed, name) for seed in range(seeds) for name in ROWS if (seed, name) not in has]


# -- the report --------------------------------------------------------------------------------------------------------
HEAD = ["Method", "Horse → zebra, %", "Zebra → horse, %", "Background error, %", "Silhouette IoU", "Cycle error, %"]
TITLES = {
    "": "Translations of horses and zebras, {seeds} seeds",
    "noise": "Error there and back in %, with noise on the way, {seeds} seeds",
}


def values(runs: list[dict[str, Any] | None], key: str, way: str | None = None, at: int | None = None) -> list[float]:
    """A measure of each run, of one direction or the mean of those that it has."""
    found = []
    for run in filter(None, runs):
        each = [run[w][key] for w in ([way] if way else run) if w in run and key in run[w]]
        each = each if at is None else [levels[at] for levels in each]
        found += [sum(each) / len(each)] if each else []
    return found


def line(title: str, runs: list[dict[str, Any] | None]) -> list[str]:
    """A row of the first table."""
    lost = runs.count(None)
    return [
        title + (f" ({lost}/{len(runs)} †)" if lost else ""),
        *(shown(mean(values(runs, "domain", way)), 1, 100) for way in WAYS),
        shown(mean(values(runs, "background")), 1, 100),
        shown(mean(values(runs, "iou")), 2),
        shown(mean(values(runs, "cycle", at=0)), 1, 100),
    ]


def tables(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """As `tools/records.py` reads them: the measures of each row, and the error under noise."""
    rows = {name: [run["found"] for run in row["runs"]] for name, row in record["results"].items()}
    first = [line(ROWS[name][0], runs) for name, runs in rows.items()]
    first += [
        line("nothing changed", [record["limits"]["identity"]]),
        line("the hidden counterpart", [record["limits"]["truth"]]),
    ]
    second = [
        [
            ROWS[name][0],
            *(shown(mean(values(runs, "cycle", at=level)), 1, 100) for level in range(len(NOISE))),
            shown(mean(values(runs, "shown")), 1, 100),
        ]
        for name, runs in rows.items()
        if values(runs, "shown")
    ]
    heads = ["Method", *(f"σ = {level:g}" for level in NOISE), "From the counterpart"]
    return {
        "": {"title": TITLES[""], "head": HEAD, "rows": first, "floor": True},
        "noise": {"title": TITLES["noise"], "head": heads, "rows": second},
    }


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    p = record["protocol"]
    parts = [
        f"{common.where(record)} {DATA} of {SIZE}×{SIZE}, {p['n']} test scenes of each domain, {p['seeds']} seeds; "
        "means ± standard errors over the seeds, and over both directions where a column does not name one. Horse → "
        "zebra: the share of translations that a classifier takes for what they should be. Silhouette IoU: of the "
        "pixels that a segmenter takes for the animal and those where it should be. † runs that broke down, which are "
        "left out.\n"
    ]
    for found in tables(record).values():
        parts += [found["title"].format(**p) + ".\n", common.markdown(found["head"], found["rows"])]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, help="of every row (default: those of its recipe)")
    parser.add_argument("--n", type=int, default=500, help="test scenes of each domain (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the processor (default %(default)s)")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), help="these anew (default: all that are missing)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--no-write", action="store_true", help="print only, and keep nothing")
    args = parser.parse_args()
    if min(args.seeds, args.threads, args.steps or 1) < 1 or not 30 <= args.n <= 1000:
        parser.error("--steps, --seeds and --threads have to be above 0, --n from 30 to 1000")
    torch.set_num_threads(args.threads)
    device, write = resolve(args.device), not args.no_write
    protocol = {key: getattr(args, key) for key in ("steps", "n", "seeds", "threads")}
    record = {"protocol": protocol, "results": {}}
    try:
        record = common.begun("translation", record, device) if write and not args.fresh else record
    except GanlibError as error:
        parser.error(str(error))
    readers = readers_of(ganlib.load(DATA, size=SIZE))
    scenes = scenes_of(ganlib.load(DATA, size=SIZE, split="test"), args.n)
    again = [(seed, name) for seed in range(args.seeds) for name in args.rows or ()]
    for seed, name in again or missing(record, args.steps, args.seeds):
        machine = common.machine(device) | {"commit": common.commit()}
        print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
        run = play(name, args.steps, seed, scenes, readers, device) | {"machine": machine}
        kept = record["results"].get(name, {})
        runs = kept["runs"] if kept.get("settings") == settings(name, args.steps) else []
        runs = sorted([*(old for old in runs if old["seed"] != seed), run], key=lambda run: run["seed"])
        results = record["results"] | {name: {"settings": settings(name, args.steps), "runs": runs}}
        results = {each: results[each] for each in ROWS if each in results}
        record = {"benchmark": "translation", **machine, "protocol": protocol, "limits": limits(scenes, readers)}
        record["results"] = results
        record["tables"] = tables(record)
        if write:
            common.keep(record, table(record))
    if record["results"]:
        print(table(record))


if __name__ == "__main__":
    main()
