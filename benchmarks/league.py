"""Which GAN is best? Every recipe of the league, on the same images, with several seeds and two equal budgets.

A recipe competes if its table says ``league = "TITLE"``; everything else about it is as for `ganlib train`, but for the
data, the batch and the budget, which are the same for all. One run gives both tables: it is measured when its
discriminator has seen so many real images, and again after as many steps as it can take in the time in which a
reference, the plain GAN, sees that many. What a step costs is measured beforehand, in turn with the reference, so that
a machine whose speed drifts or that is busy favours none: the runs themselves are not clocked. A game that grows is
measured at each of its stages, since its first steps are its cheapest. Averaged weights draw the samples, as always;
nothing is chosen by its result.

The samples are compared with images that no run has been trained on, in the features of the network of the zoo that
fits the data. Real images are measured in the same way against other real images: the last row, what a perfect
generator gets on average.

Each run is kept as soon as it is done, so a league that was stopped goes on where it was.

    python benchmarks/league.py  # what is missing in benchmarks/results/league.{json,md}, and the site's figures
    python benchmarks/league.py --recipes gan-league --data digits  # these runs, anew
    python benchmarks/league.py --images 640 --n 300 --seeds 1 --no-write
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import subprocess
import sys
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from scipy import stats
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

import ganlib
from benchmarks import common
from benchmarks.common import mean, shown
from ganlib import GanlibError, recipes
from ganlib.device import resolve, seeded
from ganlib.gans import schedules
from ganlib.metrics import features
from ganlib.metrics.attributes import attribute_tv
from ganlib.metrics.base import Features
from ganlib.metrics.fid import fid
from ganlib.metrics.kid import kid
from ganlib.metrics.precision_recall import density_coverage, precision_recall
from ganlib.recipes import Recipe
from ganlib.training.callbacks import to_uint8

DATA = ("avatars", "digits")
SIZE, TRAINING = 32, 20_000
BUDGETS = ("images", "time")
MEASURES = ("FID", "KID", "precision", "recall", "density", "coverage", "TV")
SETTINGS = ("gan", "options", "ema", "schedule")
REFERENCE = "gan-league"  # whose speed the others are compared with
CHUNK, ROUNDS = 10, 7  # of that comparison
Cost = float | list[list[float]]  # of a step; or [first step, cost of a step] of each stage of a game that grows
FIGURE = Path(__file__).parents[1] / "book" / "figures" / "league.py"


def entrants() -> dict[str, Recipe]:
    """The recipes that compete, by name."""
    return {name: recipe for name, recipe in recipes.shipped().items() if recipe.league}


# -- measuring ---------------------------------------------------------------------------------------------------------
class Judge:
    """Measures samples against held-out images.

    Args:
        data: one of `DATA`.
        n: samples of each kind.
        device: where the extractor runs.
    """

    def __init__(self, data: str, n: int, device: torch.device):
        self.data, self.n, self.device = data, n, device
        both = features.extract(ganlib.load(data, size=SIZE, n=2 * n, split="test").to(device))
        self.real, self.other = both[:n], both[n:]
        self.features = f"{features.identity(both.extractor)}, resizer {both.resizer}"
        self.floor = self.measures(self.other)
        if data == "digits":  # held-out digits come in equal shares; a perfect generator's scatter
            self.floor["TV"] = 5 * float(stats.binom(n, 0.1).expect(lambda count: abs(count / n - 0.1)))

    def __call__(self, samples: Tensor) -> dict[str, float]:
        """The measures of generated images (n, C, H, W) in [-1, 1], or a little outside, rounded as for a file."""
        return self.measures(features.extract(to_uint8(samples).to(self.device), data=self.data))

    def measures(self, fake: Features) -> dict[str, float]:
        """`MEASURES` of features, for those of the real images what a perfect generator gets."""
        read = features.attributes(fake) if self.data == "avatars" else {"digit": fake.logits.argmax(1)}
        law = None if self.data == "avatars" else {"digit": torch.full((10,), 0.1)}
        found = [
            fid(self.real, fake, floor=False),
            kid(self.real, fake),
            *precision_recall(self.real, fake),
            *density_coverage(self.real, fake),
            attribute_tv(read, law),
        ]
        return {name: float(result) for name, result in zip(MEASURES, found, strict=True)}


def trainer_of(recipe: Recipe, data: str, seed: int, batch: int, device: torch.device) -> ganlib.Trainer:
    """What a recipe trains, before the first step."""
    images = ganlib.load(data, size=SIZE, n=TRAINING)
    ganlib.seed(seed)
    return ganlib.Trainer(
        ganlib.build(recipe.gan, images, **recipe.options),
        images,
        batch,
        device=device,
        learning_rate=schedules.read(recipe.schedule) if recipe.schedule else None,
        ema_half_life=recipe.ema or None,
        progress=False,
    )


def course(gan: ganlib.GAN, batch: int) -> Iterator[tuple[Hashable, int, int]]:
    """Step by step: what its cost depends on, the images shown before it, and those that the first player sees."""
    turns, shown = gan.phases()[0].repeats, 0
    for step in itertools.count():
        size = gan.schedule(shown, batch) or batch
        yield (size, gan.stage), shown, size * (turns(step) if callable(turns) else turns)
        shown += size


def cost(
    recipe: Recipe, data: str, images: int, batch: int, device: torch.device, reference: Recipe | None = None
) -> Cost:
    """Time of a step as a multiple of the reference's, measured in turn with it.

    Args:
        recipe: whose.
        data: one of `DATA`.
        images: the first budget; stages that neither budget reaches are not measured.
        batch: real samples in a turn.
        device: where.
        reference: by default the league's.
    """
    reference = reference or entrants()[REFERENCE]
    if recipe.name == reference.name:
        return 1.0
    both = {reference.name: reference, recipe.name: recipe}
    trainers = {name: trainer_of(each, data, 0, batch, device) for name, each in both.items()}
    gan = trainers[recipe.name].gan
    schedule, known, stages, seen, time = gan.schedule, {}, [], 0, 0.0
    for step, (stage, before, more) in enumerate(course(gan, batch)):
        if seen >= images and time >= images / batch:
            break
        if stage not in known:
            gan.schedule = lambda _, size, at=before: schedule(at, size)  # or it would grow while it is measured
            times = common.in_turn({name: t.fit for name, t in trainers.items()}, CHUNK, ROUNDS, device)
            known[stage] = common.ratio(times[recipe.name], times[reference.name])
            gan.schedule = schedule
        if not stages or stages[-1][1] != known[stage]:
            stages.append([step, known[stage]])
        seen, time = seen + more, time + known[stage]
    return stages if stages[1:] else stages[0][1]


def _stages(cost: Cost) -> Iterator[tuple[int, float, float]]:
    """The first step of each stage, that of the next one, and what a step between them costs."""
    stages = cost if isinstance(cost, list) else [[0, cost]]
    for (first, each), (end, _) in zip(stages, [*stages[1:], [math.inf, None]], strict=True):
        yield first, end, each


def duration(cost: Cost, steps: int) -> float:
    """How long so many steps take, in steps of the reference."""
    return sum(each * (min(steps, end) - first) for first, end, each in _stages(cost) if first < steps)


def affordable(cost: Cost, time: float) -> int:
    """How many steps can be taken in the time of so many of the reference; at least 1."""
    for first, end, each in _stages(cost):
        if time <= (whole := each * (end - first)):
            return max(1, round(first + time / each))
        time -= whole
    raise AssertionError("the last stage has no end")


def play(recipe: Recipe, judge: Judge, seed: int, images: int, steps: int, batch: int) -> dict[str, Any]:
    """One run, measured at the end of both budgets.

    Args:
        recipe: what plays.
        judge: who measures.
        seed: of the run.
        images: the first budget, in real images that the first player sees.
        steps: the second, in steps.
        batch: real samples in a turn.

    Returns:
        ``seed``, ``parameters`` of all players, and for each of `BUDGETS` the measures with ``images`` and ``steps`` at
        that moment; None where the run became NaN or infinite before.
    """
    trainer = trainer_of(recipe, judge.data, seed, batch, judge.device)
    players = trainer.gan.players().values()
    found: dict[str, Any] = {
        "seed": seed,
        "parameters": sum(p.numel() for player in players for p in player.parameters()),
    } | dict.fromkeys(BUDGETS)
    seen = [0]  # after so many steps
    for _, _, more in course(trainer.gan, batch):
        if seen[-1] >= images and len(seen) > steps:
            break
        seen.append(seen[-1] + more)
    ends = {"images": next(end for end, so_far in enumerate(seen) if so_far >= images), "time": steps}
    for budget in sorted(ends, key=ends.get):
        try:
            if ends[budget] > trainer.step:
                trainer.fit(ends[budget] - trainer.step)
        except ganlib.training.TrainingDiverged:
            break
        with seeded(seed, judge.device):
            samples = torch.cat([trainer.sample(size).cpu() for size in sizes(judge.n)])
        found[budget] = judge(samples) | {"images": seen[ends[budget]], "steps": ends[budget]}
    return found


def sizes(n: int, at_once: int = 500) -> list[int]:
    """n in parts."""
    return [min(at_once, n - start) for start in range(0, n, at_once)]


# -- the record --------------------------------------------------------------------------------------------------------
def missing(record: dict[str, Any], data: str, seeds: int, again: Sequence[str] = ()) -> Iterator[tuple[Recipe, int]]:
    """The runs that the record lacks, seed by seed, so that every recipe has one before any has two."""
    wanted = {name: recipe for name, recipe in entrants().items() if not again or name in again}
    settings = {name: {key: getattr(recipe, key) for key in SETTINGS} for name, recipe in wanted.items()}
    rows = record["runs"][data]
    for name, recipe in wanted.items():
        if changed := rows.get(name, {}).get("settings") != settings[name]:
            record["cost"][data].pop(name, None)
        if changed or name in again:
            rows[name] = {"title": recipe.league, "settings": settings[name], "runs": []}
    for seed in range(seeds):
        for name, recipe in wanted.items():
            if seed not in [run["seed"] for run in rows[name]["runs"]]:
                yield recipe, seed


# -- the report --------------------------------------------------------------------------------------------------------
HEADS = {
    "FID": ("FID", 2),
    "KID": ("KID", 3),
    "precision": ("Precision", 3),
    "recall": ("Recall", 3),
    "density": ("Density", 3),
    "coverage": ("Coverage", 3),
    "TV": ("Attribute TV", 3),
}  # measure → its column, digits


def ranked(record: dict[str, Any], data: str, budget: str) -> list[tuple[str, dict[str, list[float]], int]]:
    """Title, measures over the seeds, and how many seeds broke down, of each row; the smallest FID first."""
    rows = []
    for name, row in record["runs"][data].items():
        whole = [run[budget] for run in row["runs"] if run[budget]]
        if whole:
            values = {key: [run[key] for run in whole] for key in (*MEASURES, "images", "steps")}
            whole_game = record["protocol"]["images"] / record["protocol"]["batch"]  # steps of the reference
            values["time"] = [duration(record["cost"][data][name], steps) / whole_game for steps in values["steps"]]
            values["parameters"] = [run["parameters"] for run in row["runs"]]
            rows.append((row["title"], values, len(row["runs"]) - len(whole)))
    return sorted(rows, key=lambda row: statistics.fmean(row[1]["FID"]))


TITLES = {
    "images": "{data}, {{images:,}} training images each",
    "time": "{data}, each as long as the GAN takes for {{images:,}} images",
}  # budget → title of a table


def tables(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Both tables of each data set, the real images last, as `tools/records.py` reads them for the site."""
    made = {}
    for data in [data for data in DATA if any(ranked(record, data, budget) for budget in BUDGETS)]:
        floor = record["floors"][data]
        cells = [f"{floor[name]:.{digits}f}" for name, (_, digits) in HEADS.items()]
        real = ["real images", *cells, "–", "–"]
        for budget, other in (BUDGETS, BUDGETS[::-1]):
            rows = [
                [
                    title + (f" ({broken}/{broken + len(values['FID'])} †)" if broken else ""),
                    *(shown(mean(values[name]), digits) for name, (_, digits) in HEADS.items()),
                    f"{statistics.fmean(values[other]):,.{2 if other == 'time' else 0}f}",
                    f"{values['parameters'][0]:,}",
                ]
                for title, values, broken in ranked(record, data, budget)
            ]
            made[f"{data} {budget}"] = {
                "title": TITLES[budget].format(data=data.capitalize()),
                "head": ["Method", *(title for title, _ in HEADS.values()), other.capitalize(), "Parameters"],
                "rows": [*rows, real],
                "floor": True,
            }
    return made


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    p = record["protocol"]
    parts = [
        f"{common.where(record)} Images of {SIZE}×{SIZE}, batch {p['batch']}, {p['seeds']} seeds; means ± standard "
        f"errors over the seeds, {p['n']:,} generated images against as many held-out ones. † runs that broke down, "
        "which are left out of the means. Time: 1 is what the GAN takes for its images.\n"
    ]
    parts += [f"Features of the {data}: {said}.\n" for data, said in record["features"].items()]
    for found in tables(record).values():
        parts.append(common.markdown([found["title"].format(**p), *found["head"][1:]], found["rows"]))
    return "\n".join(parts)


def draw() -> None:
    """The site's figure, in both languages."""
    subprocess.run([sys.executable, FIGURE], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40_000, help="the budget (default %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="real samples in a turn (default %(default)s)")
    parser.add_argument("--n", type=int, default=5000, help="generated samples, and real ones (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the processor (default %(default)s)")
    parser.add_argument("--recipes", nargs="+", choices=list(entrants()), default=(), help="these anew")
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA, help="default: both")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--no-write", action="store_true", help="print only, and keep nothing")
    args = parser.parse_args()
    device, write = resolve(args.device), not args.no_write
    if min(args.images, args.batch, args.seeds, args.threads) <= 0 or args.n < 200:
        parser.error("--images, --batch, --seeds and --threads have to be above 0, --n at least 200")
    torch.set_num_threads(args.threads)
    protocol = {key: getattr(args, key) for key in ("images", "batch", "n", "seeds")}
    protocol |= {"size": SIZE, "training": TRAINING, "threads": args.threads}  # the cost is that of the latter
    record = {"protocol": protocol, "features": {}, "floors": {}}
    record |= {key: {data: {} for data in DATA} for key in ("cost", "runs")}
    try:
        record = record if args.fresh or args.no_write else common.begun("league", record, device)
    except GanlibError as error:
        parser.error(str(error))
    for data in args.data:
        judge = Judge(data, args.n, device)
        if record["features"].setdefault(data, judge.features) != judge.features:
            parser.error(f"the record was measured with {record['features'][data]}; expected that, or --fresh")
        record["floors"][data] = judge.floor
        for recipe, seed in missing(record, data, args.seeds, args.recipes):
            machine = common.machine(device) | {"commit": common.commit()}
            costs = record["cost"][data]
            if recipe.name not in costs:
                print(f"{data}: the cost of {recipe.name}", file=sys.stderr, flush=True)
                costs[recipe.name] = cost(recipe, data, args.images, args.batch, device)
            print(f"{data}: {recipe.name}, seed {seed}", file=sys.stderr, flush=True)
            steps = affordable(costs[recipe.name], args.images / args.batch)
            run = play(recipe, judge, seed, args.images, steps, args.batch)
            record["runs"][data][recipe.name]["runs"].append(run | {"machine": machine})
            kept = {key: record[key] for key in ("protocol", "features", "floors", "cost", "runs")}
            record = {"benchmark": "league", **machine, **kept}
            record["tables"] = tables(record)
            if write:
                common.keep(record, table(record))
    print(table(record))
    if write:
        draw()


if __name__ == "__main__":
    main()
