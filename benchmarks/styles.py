"""What do a missing corner and style mixing do to a style-based GAN? Two tables for the chapter on StyleGAN.

All rows play the recipe `stylegan-avatars`. They differ by the data, drawn faces with or without the combination of
long hair and glasses, by the share of samples with styles of two latents in training, and one row by its losses.

* `corner`: how many wear glasses, of the long-haired and of the others, in samples with one style for all layers and in
  samples that are mixed as in training. Of the long-haired they should be as many as in the data: 5 of 16, or none.
* `spaces`: perceptual path length in Z (along great circles) and in W (along straight lines), divided by twice the
  variance of the features, which is the least possible length in W and π²/8 of the least possible one in Z; and
  separability, as the sum of the entropies that hyperplanes leave open, held out.

Averaged weights, samples with ψ = 1 and fresh noise (fixed for path lengths). Attributes and features are those of the
zoo's network. Each run is kept as soon as it is done, so a benchmark that was stopped goes on where it was.

    python benchmarks/styles.py  # what is missing in benchmarks/results/styles.{json,md}
    python benchmarks/styles.py --rows full corner --seeds 1
    python benchmarks/styles.py --steps 2 --n 200 --pairs 100 --seeds 1 --no-write
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch import Tensor

import ganlib
from benchmarks import common
from benchmarks.common import mean, shown
from ganlib import GanlibError, recipes, zoo
from ganlib.data.avatars import CORNER
from ganlib.device import resolve, seeded
from ganlib.gans import schedules
from ganlib.gans.stylegan import StyleGAN
from ganlib.metrics import features
from ganlib.metrics.fid import fid
from ganlib.metrics.path_length import path_length
from ganlib.metrics.separability import separability
from ganlib.models.stylegan import crossed
from ganlib.training.callbacks import to_uint8

RECIPE = "stylegan-avatars"
TRAINING = 20_000  # images
MIXING = 0.9  # of what is called mixed, whatever the row has in training
PART = 250  # samples at once
Found = dict[str, float]  # measure → value


@dataclass(frozen=True)
class Row:
    """What plays.

    Attributes:
        title: in the words of the tables.
        without: what its data lack.
        options: what of the recipe's is different.
    """

    title: str
    without: tuple[tuple[str, Any], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


ROWS = {
    "full": Row("all faces, mixing", options={"mixing": MIXING}),
    "full-plain": Row("all faces, no mixing", options={"mixing": 0.0}),
    "corner": Row("without the corner, mixing", CORNER, {"mixing": MIXING}),
    "corner-plain": Row("without the corner, no mixing", CORNER, {"mixing": 0.0}),
    "r1": Row("all faces, mixing, R1", options={"mixing": MIXING, "loss": "non_saturating", "penalty_weight": 10.0}),
}
REAL = {(): "real faces", CORNER: "real faces without the corner"}


def settings(row: Row) -> dict[str, Any]:
    """What a run depends on, beside the protocol."""
    recipe = recipes.get(RECIPE)
    played = {"options": recipe.options | row.options, "batch": recipe.batch, "ema": recipe.ema}
    return played | {"schedule": recipe.schedule, "size": recipe.size, "without": [list(pair) for pair in row.without]}


# -- measuring ---------------------------------------------------------------------------------------------------------
def read(seen: features.Features) -> dict[str, Tensor]:
    """What the zoo's network says of the images behind features."""
    return features.attributes(seen)


def glasses(verdicts: dict[str, Tensor]) -> Found:
    """Shares of the long-haired, of glasses among them, and of glasses among the others.

    A share of nobody is missing.
    """
    long, worn = verdicts["hair_length"] == 2, verdicts["glasses"] == 1
    groups = {"both": worn[long], "others": worn[~long]}
    shares = {name: group.double().mean().item() for name, group in groups.items() if len(group)}
    return {"long": long.double().mean().item(), **shares}


class Judge:
    """Measures games trained on faces that lack a combination, or none.

    Args:
        without: the combination.
        n: samples, and held-out images.
        pairs: of latents, for a path length.
        device: where it samples.
    """

    def __init__(self, without: tuple[tuple[str, Any], ...], n: int, pairs: int, device: torch.device):
        size = recipes.get(RECIPE).size
        self.n, self.pairs, self.device = n, pairs, device
        self.small = {"allow_small": n < 1000}
        self.data = ganlib.load("avatars", size=size, n=TRAINING, without=without)
        held = ganlib.load("avatars", size=size, n=n, split="test", without=without)
        self.held = features.extract(held.pixels, "avatars")
        self.reader = zoo.load("avatars").to(device)

    def references(self) -> Found:
        """What held-out images have."""
        return glasses(read(self.held))

    @torch.no_grad()
    def __call__(self, gan: StyleGAN, seed: int) -> Found:
        """All measures of a game."""
        maker = gan.generator
        with seeded(seed, self.device):
            z, other = (gan.latent(self.n).to(self.device) for _ in range(2))
            w, second = maker.mapping(z), maker.mapping(other)
            mixed = crossed(maker.for_layers(w), maker.for_layers(second), maker.n_layers, MIXING)
            seen, seen_mixed = (self.seen(gan, styles) for styles in (w, mixed))
        found = {"FID": fid(self.held, seen, **self.small).value, **glasses(read(seen))}
        found |= {f"{key}, mixed": value for key, value in glasses(read(seen_mixed)).items()}

        verdicts = self.reader.logits(seen.values.to(self.device).float())
        for space, latents in (("Z", z), ("W", w)):
            score = separability(latents, verdicts, seed=seed, **self.small)
            found[f"separability {space}"] = math.log(score.value)
        found["separability of none"] = math.log(score.details["unseparated"])

        # Path lengths are of features of floats with fixed noise, and so is the variance that they are compared with.
        parts = [self.reader(gan.sample(w=part)).double().cpu() for part in w.split(PART)]
        least = 2 * torch.cat(parts).var(0).sum().item()
        spaces = {
            "Z": (gan, {"interpolation": "slerp"}),
            "W": (
                lambda styles: gan.sample(w=styles),
                {"interpolation": "lerp", "latent": lambda n: maker.mapping(gan.latent(n).to(self.device))},
            ),
        }
        for space, (game, how) in spaces.items():
            for ends in (False, True):
                options = how | {"n": self.pairs, "ends": ends, "trim": 0, "seed": seed} | self.small
                length = path_length(game, "avatars", **options)
                found[f"length {space}{', starts' if ends else ''}"] = length.value / least
        return found

    def seen(self, gan: StyleGAN, styles: Tensor) -> features.Features:
        """Features of samples with fresh noise."""
        made = torch.cat([to_uint8(gan.sample(w=part, noise="fresh")) for part in styles.split(PART)])
        return features.extract(made, "avatars")


def play(row: Row, judge: Judge, seed: int, steps: int) -> dict[str, Any]:
    """One run.

    Returns:
        ``seed``, and what the judge has ``found``, None if the run became NaN or infinite.
    """
    recipe = recipes.get(RECIPE)
    ganlib.seed(seed)
    gan = ganlib.build(recipe.gan, judge.data, **recipe.options | row.options)
    trainer = ganlib.Trainer(
        gan,
        judge.data,
        recipe.batch,
        device=judge.device,
        learning_rate=schedules.read(recipe.schedule) if recipe.schedule else None,
        ema_half_life=recipe.ema or None,
        progress=False,
    )
    try:
        trainer.fit(steps)
    except ganlib.training.TrainingDiverged:
        return {"seed": seed, "found": None}
    return {"seed": seed, "found": judge(trainer.ema.gan if trainer.ema else gan, seed)}


def missing(record: dict[str, Any], names: list[str]) -> list[tuple[int, str]]:
    """Seed and row of the runs that the record lacks."""
    return common.missing(record, {name: settings(ROWS[name]) for name in names})


def joined(results: dict[str, Any], name: str, run: dict[str, Any]) -> dict[str, Any]:
    """Results with one more run, in the order of `ROWS`."""
    return common.joined(results, name, run, settings(ROWS[name]), ROWS)


# -- the report --------------------------------------------------------------------------------------------------------
Column = tuple[str, str, int, float]  # measure, head, digits, factor
COLUMNS: dict[str, list[Column]] = {
    "corner": [
        ("FID", "FID", 1, 1),
        ("long", "Long hair, %", 1, 100),
        ("both", "Glasses among long-haired, %", 1, 100),
        ("others", "Among the others, %", 1, 100),
        ("both, mixed", "Styles mixed: among long-haired, %", 1, 100),
        ("others, mixed", "Styles mixed: among the others, %", 1, 100),
    ],
    "spaces": [
        ("length Z", "Path length, Z", 2, 1),
        ("length W", "Path length, W", 2, 1),
        ("length Z, starts", "Starts, Z", 2, 1),
        ("length W, starts", "Starts, W", 2, 1),
        ("separability Z", "Left open, Z, nats", 2, 1),
        ("separability W", "Left open, W, nats", 2, 1),
        ("separability of none", "By no hyperplane, nats", 2, 1),
    ],
}
TITLES = {
    "corner": "Long hair and glasses, {steps:,} steps, {seeds} seeds",
    "spaces": "Path length over twice the variance, and what hyperplanes leave open, {seeds} seeds",
}


def lost(runs: list[dict[str, Any]]) -> str:
    """Of how many seeds a mean does not speak, if some are lost."""
    broken = sum(run["found"] is None for run in runs)
    return f" ({broken}/{len(runs)} †)" if broken else ""


def tables(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A line a row, the real faces last, as `tools/records.py` reads them."""
    made = {}
    for table, columns in COLUMNS.items():
        rows = []
        for name, kept in record["results"].items():
            found = [run["found"] or {} for run in kept["runs"]]
            cells = [shown(mean([one.get(key) for one in found]), *how) for key, _, *how in columns]
            rows.append([ROWS[name].title + lost(kept["runs"]), *cells])
        if table == "corner":
            for title, found in record["references"].items():
                cells = [shown(mean([found.get(key)]), *how) for key, _, *how in columns]
                rows.append([title, *cells])
        head = ["Data and training", *(title for _, title, *_ in columns)]
        made[table] = {"title": TITLES[table], "head": head, "rows": rows, "floor": table == "corner"}
    return made


def report(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    p = record["protocol"]
    parts = [
        f"{common.where(record)} Recipe {RECIPE}, {p['steps']:,} steps, {p['seeds']} seeds; means ± standard errors "
        f"over the seeds, {p['n']:,} samples, path lengths of {p['pairs']:,} pairs. † runs that broke down, which are "
        f"left out of the means. Mixed: {MIXING:.0%} of the samples with styles of two latents. Features and "
        f"attributes: {record['features']}.\n"
    ]
    for found in tables(record).values():
        parts += [found["title"].format(**p) + ".\n", common.markdown(found["head"], found["rows"])]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), help="default: all")
    parser.add_argument("--steps", type=int, default=recipes.get(RECIPE).steps, help="(default %(default)s)")
    parser.add_argument("--n", type=int, default=5000, help="samples, and held-out images (default %(default)s)")
    parser.add_argument("--pairs", type=int, default=2000, help="of latents, for a path length (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the processor (default %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--no-write", action="store_true", help="print only, and keep nothing")
    args = parser.parse_args()
    if min(args.steps, args.seeds, args.threads) < 1 or args.n < 200 or args.pairs < 100:
        parser.error("--steps, --seeds and --threads have to be above 0, --n at least 200, --pairs at least 100")
    torch.set_num_threads(args.threads)
    device, write = resolve(args.device), not args.no_write
    protocol = {key: getattr(args, key) for key in ("steps", "n", "pairs", "seeds", "threads")}
    record: dict[str, Any] = {"protocol": protocol, "references": {}, "results": {}}
    if write and not args.fresh:
        try:
            record = common.begun("styles", record, device)
        except GanlibError as error:
            parser.error(str(error))
    judges: dict[Any, Judge] = {}
    for seed, name in missing(record, args.rows):
        row = ROWS[name]
        if row.without not in judges:
            judges[row.without] = Judge(row.without, args.n, args.pairs, device)
        judge = judges[row.without]
        print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
        machine = common.machine(device) | {"commit": common.commit()}
        run = play(row, judge, seed, args.steps) | {"machine": machine}
        references = record["references"] | {REAL[row.without]: judge.references()}
        record = {
            "benchmark": "styles",
            **machine,
            "protocol": protocol,
            "features": features.identity("avatars"),
            "references": {title: references[title] for title in REAL.values() if title in references},
            "results": joined(record["results"], name, run),
        }
        record["tables"] = tables(record)
        if write:
            common.keep(record, report(record))
    if record["results"]:
        print(report(record))


if __name__ == "__main__":
    main()
