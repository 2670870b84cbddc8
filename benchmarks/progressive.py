"""Does growing pay? ProGAN that grows, and the same networks at full size: equal images, equal time, collapse.

All rows have the networks, the data, the batch and the losses of a recipe (`RECIPE`) and differ by what their title
says alone. A run is judged after shares of the time in which the game at full size sees so many images, and when it has
seen as many images itself. What a step costs at each stage is measured beforehand, in turn with the game at full size:
the runs themselves are not clocked.

Samples have full size at every look, whatever the level. The last rows say what real faces get that were averaged to a
level's size: no generator that has grown so far can be expected to do better.

A run counts as collapsed where it became NaN or infinite, or where two of its samples differ less than half as much as
two real ones, in features.

Each run is kept as soon as it is done, so a benchmark that was stopped goes on where it was.

    python benchmarks/progressive.py  # what is missing in benchmarks/results/progressive.{json,md,svg}
    python benchmarks/progressive.py --images 640 --n 200 --seeds 1 --no-write
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch import Tensor

import ganlib
from benchmarks import common, league
from benchmarks.common import mean, shown
from ganlib import GanlibError, recipes, viz
from ganlib.device import resolve, seeded
from ganlib.metrics import features
from ganlib.metrics.attributes import attribute_tv, within_class_diversity
from ganlib.metrics.base import Features
from ganlib.metrics.fid import fid
from ganlib.metrics.precision_recall import precision_recall
from ganlib.models.equalised import down, up
from ganlib.recipes import Recipe
from ganlib.training.callbacks import to_uint8

RECIPE = "progan-league"
REFERENCE = "fixed"  # whose time is the budget
ROWS: dict[str, tuple[str, dict[str, Any]]] = {  # title, and what it changes in the recipe's options
    "fixed": ("full size throughout", {"grow": False}),
    "growing": ("growing", {"grow": True, "full_size_slopes": True}),
    "own-size": ("growing, slopes at the level's own size", {"grow": True, "full_size_slopes": False}),
}
LOOKS = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)  # of the time, where a run is judged
COLLAPSED = 0.5  # of the data's diversity
SIDES = (4, 8, 16)  # of real faces that are averaged
Found = dict[str, float]


def entrants() -> dict[str, Recipe]:
    """What plays."""
    recipe = recipes.shipped()[RECIPE]
    return {
        name: dataclasses.replace(recipe, name=name, league=None, options=recipe.options | change)
        for name, (_, change) in ROWS.items()
    }


def settings(recipe: Recipe) -> dict[str, Any]:
    """What a run depends on."""
    return {key: getattr(recipe, key) for key in league.SETTINGS}


# -- measuring ---------------------------------------------------------------------------------------------------------
class Judge:
    """Measures samples against held-out faces.

    Args:
        n: samples of each kind.
        device: where the extractor runs.
    """

    data = "avatars"

    def __init__(self, n: int, device: torch.device):
        self.n, self.device = n, device
        self.held = ganlib.load(self.data, size=league.SIZE, n=2 * n, split="test")
        self.real = features.extract(self.held.pixels[:n].to(device), data=self.data)
        self.features = f"{features.identity(self.real.extractor)}, resizer {self.real.resizer}"

    def __call__(self, samples: Tensor) -> Found:
        """The measures of images (n, C, H, W) in [-1, 1], or a little outside, rounded as for a file."""
        return self.measures(features.extract(to_uint8(samples).to(self.device), data=self.data))

    def measures(self, fake: Features) -> Found:
        """FID, recall, diversity (distance of two samples, by that of two real ones) and the attributes' error."""
        same = torch.zeros(len(fake), dtype=torch.long)
        found = {
            "FID": fid(self.real, fake, floor=False),
            "recall": precision_recall(self.real, fake)[1],
            "diversity": within_class_diversity(self.real[: len(fake)], same, fake, same),
            "TV": attribute_tv(features.attributes(fake)),
        }
        return {name: float(result) for name, result in found.items()}

    def references(self) -> dict[str, Found]:
        """Other held-out faces: what a perfect generator gets; and of smaller size, one that has grown so far."""
        other = self.held.normalised(slice(self.n, 2 * self.n))
        found = {f"real images of {side}×{side}": self(up(down(other, k), k)) for side, k in self.factors()}
        return found | {"real images": self(other)}

    @staticmethod
    def factors() -> list[tuple[int, int]]:
        return [(side, league.SIZE // side) for side in SIDES]


def plan(recipe: Recipe, cost: league.Cost, images: int, batch: int) -> dict[str, Any]:
    """When a run is judged.

    Returns:
        ``time``: the step after each of `LOOKS`; ``images``: the step after which it has seen so many images; ``seen``:
        for each of these steps, how many images it has seen by then.
    """
    time = [league.affordable(cost, part * images / batch) for part in LOOKS]
    game = ganlib.build(recipe.gan, (3, league.SIZE, league.SIZE), **recipe.options)
    seen = [0]
    for _, _, more in league.course(game, batch):
        if seen[-1] >= images and len(seen) > time[-1]:
            break
        seen.append(seen[-1] + more)
    whole = next(step for step, so_far in enumerate(seen) if so_far >= images)
    return {"time": time, "images": whole, "seen": {step: seen[step] for step in sorted({*time, whole})}}


def play(recipe: Recipe, judge: Any, seed: int, plan: dict[str, Any], batch: int) -> dict[str, Any]:
    """One run.

    Args:
        recipe: what plays.
        judge: who measures.
        seed: of the run.
        plan: when it is judged.
        batch: real samples in a turn.

    Returns:
        ``seed``, and for each of the plan's steps ``step``, ``images`` and ``found``: the measures, None from where the
        run became NaN or infinite; and the plan's ``time`` and ``images``.
    """
    trainer = league.trainer_of(recipe, judge.data, seed, batch, judge.device)
    looks, broken = [], False
    for step, images in plan["seen"].items():
        try:
            if not broken and step > trainer.step:
                trainer.fit(step - trainer.step)
        except ganlib.training.TrainingDiverged:
            broken = True
        found = None
        if not broken:
            with seeded(seed, judge.device):
                found = judge(torch.cat([trainer.sample(size).cpu() for size in league.sizes(judge.n)]))
        looks.append({"step": step, "images": images, "found": found})
    return {"seed": seed, "looks": looks, "time": plan["time"], "images": plan["images"]}


# -- the record --------------------------------------------------------------------------------------------------------
def missing(record: dict[str, Any]) -> list[tuple[int, str]]:
    """Seed and row of the runs that the record lacks."""
    return common.missing(record, {name: settings(recipe) for name, recipe in entrants().items()})


def joined(results: dict[str, Any], name: str, run: dict[str, Any]) -> dict[str, Any]:
    """Results with one more run, in the order of `ROWS`."""
    return common.joined(results, name, run, settings(entrants()[name]), ROWS)


# -- the report --------------------------------------------------------------------------------------------------------
HEADS = {"FID": ("FID", 1), "recall": ("Recall", 3), "diversity": ("Diversity", 3), "TV": ("Attribute TV", 3)}
TITLES = {
    "images": "Growing and full size after {images:,} images, {seeds} seeds",
    "time": "Growing and full size after equal time, {seeds} seeds",
}


def at(run: dict[str, Any], step: int) -> dict[str, Any]:
    """What was seen at a step."""
    return next(look for look in run["looks"] if look["step"] == step)


def ends(row: dict[str, Any], table: str) -> list[dict[str, Any]]:
    """The last look of each run under a budget."""
    return [at(run, run["images"] if table == "images" else run["time"][-1]) for run in row["runs"]]


def collapsed(found: Found | None) -> bool:
    """Whether a run has collapsed."""
    return found is None or found["diversity"] < COLLAPSED


def tables(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A line a row, real faces last, as `tools/records.py` reads them."""
    p, made = record["protocol"], {}
    for table, title in TITLES.items():
        rows = []
        for name, row in record["results"].items():
            looks = ends(row, table)
            cells = []
            for key, (_, digits) in HEADS.items():
                values = [look["found"] and look["found"][key] for look in looks]
                lost = f" ({values.count(None)}/{len(values)} †)" if None in values else ""
                cells.append(shown(mean(values), digits) + lost)
            bad = sum(collapsed(look["found"]) for look in looks)
            took = [league.duration(record["cost"][name], look["step"]) * p["batch"] / p["images"] for look in looks]
            last = shown(mean(took)[:1], 2) if table == "images" else f"{looks[0]['images']:,}"
            rows.append([ROWS[name][0], *cells, f"{bad}/{len(looks)}", last])
        for name, found in record["references"].items():
            rows.append([name, *(shown((found[key],), digits) for key, (_, digits) in HEADS.items()), "–", "–"])
        head = [
            "Training",
            *(head for head, _ in HEADS.values()),
            "Collapsed",
            "Time" if table == "images" else "Images",
        ]
        made[table] = {"title": title, "head": head, "rows": rows, "floor": True}
    return made


def report(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    p = record["protocol"]
    parts = [
        f"{common.where(record)} Faces of {league.SIZE}×{league.SIZE}, batch {p['batch']}, {p['seeds']} seeds; means ± "
        f"standard errors over the seeds, {p['n']:,} samples against as many held-out faces. Collapsed: broken down "
        f"(†, left out of the means), or less than {COLLAPSED:g} of the data's diversity, which is the mean distance "
        "of two samples, in features. Time: 1 is what the game at full size takes for its images. "
        f"Features: {record['features']}.\n"
    ]
    for found in tables(record).values():
        parts += [found["title"].format(**p) + ".\n", common.markdown(found["head"], found["rows"])]
    return "\n".join(parts)


def figure(record: dict[str, Any]) -> Any:
    """FID against time, each seed a line; dashed, what real faces of a level's size get."""
    p, (fig, (panel,)) = record["protocol"], viz.panels(1, width=6.4, height=4.0)
    for color, (name, row) in zip(viz.COLORS, record["results"].items(), strict=False):
        for run in row["runs"]:
            line = [
                (league.duration(record["cost"][name], look["step"]) * p["batch"] / p["images"], look["found"]["FID"])
                for look in run["looks"]
                if look["found"]
            ]
            label = ROWS[name][0] if run is row["runs"][0] else None
            times, distances = zip(*line, strict=True) if line else ((), ())
            panel.plot(times, distances, "o-", color=color, markersize=3, linewidth=1, label=label)
    for title, found in record["references"].items():
        panel.axhline(found["FID"], color=viz.INK, linewidth=0.8, linestyle=(0, (4, 3)))
        panel.annotate(title, (0, found["FID"]), (0, 3), textcoords="offset points", fontsize="x-small")
    panel.set(xlabel="time, 1 for the game at full size", ylabel="FID", xlim=(0, None), ylim=(0, None))
    panel.legend(fontsize="small")
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40_000, help="the budget (default %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="real samples in a turn (default %(default)s)")
    parser.add_argument("--n", type=int, default=5000, help="samples, and held-out images (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the processor (default %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--no-write", action="store_true", help="print only, and keep nothing")
    args = parser.parse_args()
    if min(args.images, args.batch, args.seeds, args.threads) < 1 or args.n < 200:
        parser.error("--images, --batch, --seeds and --threads have to be above 0, --n at least 200")
    torch.set_num_threads(args.threads)
    device, write = resolve(args.device), not args.no_write
    protocol = {key: getattr(args, key) for key in ("images", "batch", "n", "seeds", "threads")}
    record: dict[str, Any] = {"protocol": protocol, "cost": {}, "results": {}}
    try:
        record = common.begun("progressive", record, device) if write and not args.fresh else record
    except GanlibError as error:
        parser.error(str(error))
    if todo := missing(record):
        judge = Judge(args.n, device)
        if record.setdefault("features", judge.features) != judge.features:
            parser.error(f"the record was measured with {record['features']}; expected {judge.features}, or --fresh")
        record["references"] = record.get("references") or judge.references()
    for seed, name in todo:
        machine, rows = common.machine(device) | {"commit": common.commit()}, entrants()
        recipe = rows[name]
        if record["results"].get(name, {}).get("settings") != settings(recipe):
            print(f"the cost of {name}", file=sys.stderr, flush=True)
            reference = rows[REFERENCE]
            record["cost"][name] = league.cost(recipe, Judge.data, args.images, args.batch, device, reference)
        print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
        when = plan(recipe, record["cost"][name], args.images, args.batch)
        run = play(recipe, judge, seed, when, args.batch) | {"machine": machine}
        kept = {key: record[key] for key in ("protocol", "features", "references", "cost")}
        results = joined(record["results"], name, run)
        record = {"benchmark": "progressive", **machine, **kept, "results": results}
        record["tables"] = tables(record)
        if write:
            common.keep(record, report(record))
    print(report(record))
    if write:
        suffix = "" if device.type == "cpu" else "-gpu"
        figure(record).savefig(common.RESULTS / f"progressive{suffix}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
