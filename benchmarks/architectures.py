"""Which architectures go together? The three of StyleGAN2's generator by the three of its discriminator.

All nine pairs play the recipe `stylegan2-avatars`, on equal numbers of images. Measured are

* FID and recall of samples with ψ = 1 and fresh noise, against held-out faces;
* perceptual path length in W, at whole paths with fixed noise, divided by twice the variance of the features, so that 1
  is the least possible; and the length itself, which the ratio frees of contrast.

Averaged weights; features are those of the zoo's network. The three architectures have other numbers of weights, which
are told, and take other times. Each run is kept as soon as it is done, so a benchmark that was stopped goes on where it
was.

    python benchmarks/architectures.py  # what is missing in benchmarks/results/architectures.{json,md}
    python benchmarks/architectures.py --rows skip-residual plain-plain --seeds 1
    python benchmarks/architectures.py --steps 2 --n 200 --pairs 100 --seeds 1 --no-write
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

import ganlib
from benchmarks import common
from benchmarks.common import mean, shown
from ganlib import GanlibError, recipes, zoo
from ganlib.device import resolve, seeded
from ganlib.gans import schedules
from ganlib.gans.stylegan2 import StyleGAN2
from ganlib.metrics import features
from ganlib.metrics.fid import fid
from ganlib.metrics.path_length import path_length
from ganlib.metrics.precision_recall import precision_recall
from ganlib.models.stylegan2 import ARCHITECTURES
from ganlib.training.callbacks import to_uint8

RECIPE = "stylegan2-avatars"
TRAINING = 20_000  # images
PART = 250  # samples at once
PLAYERS = ("generator", "discriminator")
ROWS = {f"{one}-{two}": dict(zip(PLAYERS, (one, two), strict=True)) for one in ARCHITECTURES for two in ARCHITECTURES}
Found = dict[str, float]  # measure → value


def settings(name: str) -> dict[str, Any]:
    """What a run depends on, beside the protocol."""
    recipe = recipes.get(RECIPE)
    played = {"options": recipe.options | ROWS[name], "batch": recipe.batch, "ema": recipe.ema}
    return played | {"schedule": recipe.schedule, "size": recipe.size}


# -- measuring ---------------------------------------------------------------------------------------------------------
class Judge:
    """Measures games.

    Args:
        n: samples, and held-out images.
        pairs: of latents, for a path length.
        device: where it samples.
    """

    def __init__(self, n: int, pairs: int, device: torch.device):
        size = recipes.get(RECIPE).size
        self.n, self.pairs, self.device = n, pairs, device
        self.small = {"allow_small": n < 1000}
        self.data = ganlib.load("avatars", size=size, n=TRAINING)
        self.held, self.other = (
            features.extract(ganlib.load("avatars", size=size, n=n, split="test", seed=seed).pixels, "avatars")
            for seed in (0, 1)
        )
        self.reader = zoo.load("avatars", "network").to(device)

    def references(self) -> Found:
        """What other held-out images get."""
        return self.near(self.other)

    def near(self, fake: features.Features) -> Found:
        """How near samples are to held-out images."""
        recall = precision_recall(self.held, fake, **self.small)[1].value
        return {"FID": fid(self.held, fake, **self.small).value, "recall": recall}

    @torch.no_grad()
    def __call__(self, gan: StyleGAN2, seed: int) -> Found:
        """All measures of a game."""
        mapping = gan.generator.mapping
        with seeded(seed, self.device):
            w = mapping(gan.latent(self.n).to(self.device))
            made = torch.cat([to_uint8(gan.sample(w=part, noise="fresh")) for part in w.split(PART)])
        found = self.near(features.extract(made, "avatars"))
        # Path lengths are of features of floats with fixed noise, and so is the variance that they are compared with.
        parts = [self.reader(gan.sample(w=part)).double().cpu() for part in w.split(PART)]
        least = 2 * torch.cat(parts).var(0).sum().item()
        length = path_length(
            lambda styles: gan.sample(w=styles),
            "avatars",
            n=self.pairs,
            latent=lambda n: mapping(gan.latent(n).to(self.device)),
            interpolation="lerp",
            trim=0,
            seed=seed,
            **self.small,
        ).value
        return found | {"length": length, "length by variance": length / least}


def play(name: str, judge: Judge, seed: int, steps: int) -> dict[str, Any]:
    """One run.

    Returns:
        ``seed``; ``parameters`` of each player; ``seconds`` that a step took; and what the judge has ``found``, None if
        the run became NaN or infinite.
    """
    recipe = recipes.get(RECIPE)
    ganlib.seed(seed)
    gan = ganlib.build(recipe.gan, judge.data, **recipe.options | ROWS[name])
    sizes = {player: sum(p.numel() for p in gan.get_submodule(player).parameters()) for player in PLAYERS}
    trainer = ganlib.Trainer(
        gan,
        judge.data,
        recipe.batch,
        device=judge.device,
        learning_rate=schedules.read(recipe.schedule) if recipe.schedule else None,
        ema_half_life=recipe.ema or None,
        progress=False,
    )
    run = {"seed": seed, "parameters": sizes, "seconds": None, "found": None}
    began = time.perf_counter()
    try:
        trainer.fit(steps)
    except ganlib.training.TrainingDiverged:
        return run
    run["seconds"] = (time.perf_counter() - began) / steps
    return run | {"found": judge(trainer.ema.gan if trainer.ema else gan, seed)}


def missing(record: dict[str, Any], names: list[str]) -> list[tuple[int, str]]:
    """Seed and row of the runs that the record lacks, so that all rows have one before any has two."""
    has = {
        (run["seed"], name)
        for name, kept in record["results"].items()
        if name in ROWS and kept["settings"] == settings(name)
        for run in kept["runs"]
    }
    return [run for seed in range(record["protocol"]["seeds"]) for name in names if (run := (seed, name)) not in has]


def joined(results: dict[str, Any], name: str, run: dict[str, Any]) -> dict[str, Any]:
    """Results with one more run, in the order of `ROWS`."""
    kept, said = results.get(name, {}), settings(name)
    runs = kept["runs"] if kept.get("settings") == said else []
    runs = sorted([*(old for old in runs if old["seed"] != run["seed"]), run], key=lambda run: run["seed"])
    results = results | {name: {"settings": said, "runs": runs}}
    return {each: results[each] for each in ROWS if each in results}


# -- the report --------------------------------------------------------------------------------------------------------
COLUMNS = [  # measure, head, digits
    ("FID", "FID", 1),
    ("recall", "Recall", 3),
    ("length", "PPL in W", 0),
    ("length by variance", "PPL by twice the variance", 2),
]
TITLE = "Architectures of StyleGAN2, {steps:,} steps, {seeds} seeds"


def lost(runs: list[dict[str, Any]]) -> str:
    """Of how many seeds a mean does not speak, if some are lost."""
    broken = sum(run["found"] is None for run in runs)
    return f" ({broken}/{len(runs)} †)" if broken else ""


def tables(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A line a pair, real faces last, as `tools/records.py` reads them."""
    rows = []
    for name, kept in record["results"].items():
        found = [run["found"] or {} for run in kept["runs"]]
        cells = [shown(mean([one.get(key) for one in found]), digits) for key, _, digits in COLUMNS]
        title = f"{ROWS[name]['generator']} G, {ROWS[name]['discriminator']} D"
        numbers = sum(kept["runs"][0]["parameters"].values())
        rows.append([title + lost(kept["runs"]), *cells, f"{numbers:,}"])
    if found := record["references"]:
        rows.append(["real faces", *(shown(mean([found.get(key)]), digits) for key, _, digits in COLUMNS), "–"])
    head = ["Networks", *(title for _, title, _ in COLUMNS), "Weights"]
    return {"pairs": {"title": TITLE, "head": head, "rows": rows, "floor": True}}


def report(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    p = record["protocol"]
    parts = [
        f"{common.where(record)} Recipe {RECIPE}, {p['steps']:,} steps, {p['seeds']} seeds; means ± standard errors "
        f"over the seeds, {p['n']:,} samples, path lengths of {p['pairs']:,} pairs. † runs that broke down, which are "
        f"left out of the means. Features: {record['features']}.\n"
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
            record = common.begun("architectures", record, device)
        except GanlibError as error:
            parser.error(str(error))
    todo = missing(record, args.rows)
    judge = Judge(args.n, args.pairs, device) if todo else None
    for seed, name in todo:
        print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
        machine = common.machine(device) | {"commit": common.commit()}
        run = play(name, judge, seed, args.steps) | {"machine": machine}
        record = {
            "benchmark": "architectures",
            **machine,
            "protocol": protocol,
            "features": features.identity("avatars"),
            "references": record["references"] or judge.references(),
            "results": joined(record["results"], name, run),
        }
        record["tables"] = tables(record)
        if write:
            common.keep(record, report(record))
    if record["results"]:
        print(report(record))


if __name__ == "__main__":
    main()
