"""What is each piece of DCGAN's advice worth? Each broken once, on drawn faces of 32×32 pixels, with several seeds.

All play the plain GAN of the league, with its networks, rate, batch and budget; each row breaks what it says and
nothing else (`ganlib/models/guidelines.py`). The rate is the one that suits the plain GAN: a row tells what happens to
somebody who changes one thing, not what the best is that can be had without it. Samples are judged as in `league.py`,
by the features and the attributes of held-out faces; the last row is what real faces get.

    python benchmarks/guidelines.py  # what is missing in benchmarks/results/guidelines.{json,md}
    python benchmarks/guidelines.py --rows bare --images 640 --n 300 --seeds 1 --no-write
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

import ganlib
from benchmarks import common, league
from benchmarks.common import mean, shown
from ganlib import GanlibError
from ganlib.device import resolve, seeded
from ganlib.recipes import Recipe

DATA, BATCH = "avatars", 64
ROWS: dict[str, tuple[str, dict[str, Any]]] = {  # name → title, options
    "plain": ("as advised", {}),
    "pooling": ("pooling and enlargement instead of strides", {"model": "dcgan-small-pooling"}),
    "bare": ("no batch normalisation", {"model": "dcgan-small-bare"}),
    "dense": ("a fully connected hidden layer in each", {"model": "dcgan-small-dense"}),
    "tanh": ("tanh instead of ReLU in the generator", {"model": "dcgan-small-tanh"}),
    "unbounded": ("no tanh at the generator's end", {"model": "dcgan-small-unbounded"}),
    "relu": ("ReLU instead of LeakyReLU in the discriminator", {"model": "dcgan-small-relu"}),
    "start": ("PyTorch's initial weights", {"model": "dcgan-small-usual-start"}),
    "offset": ("no offset in the discriminator's first layer", {"model": "dcgan-small-no-offset"}),
    "momentum": ("β₁ = 0.9 instead of 0.5", {"beta1": 0.9}),
}
MEASURES = {name: league.HEADS[name] for name in ("FID", "KID", "precision", "recall", "TV")}


def recipe(name: str) -> Recipe:
    """What a row plays."""
    plain = league.entrants()[league.REFERENCE]
    return replace(plain, name=name, options=plain.options | ROWS[name][1])


def settings(name: str) -> dict[str, Any]:
    """What a row depends on."""
    return {key: getattr(recipe(name), key) for key in league.SETTINGS}


def play(name: str, judge: league.Judge, seed: int, images: int) -> dict[str, Any]:
    """One run.

    Args:
        name: of the row.
        judge: who measures.
        seed: of the run.
        images: real images that the discriminator sees.

    Returns:
        ``seed``, ``parameters``, and the measures; those are None if the run became NaN or infinite.
    """
    trainer = league.trainer_of(recipe(name), DATA, seed, BATCH, judge.device)
    learnt = [p for player in trainer.gan.players().values() for p in player.parameters()]
    found = {"seed": seed, "parameters": sum(p.numel() for p in learnt), **dict.fromkeys(league.MEASURES)}
    try:
        trainer.fit(math.ceil(images / BATCH))
    except ganlib.training.TrainingDiverged:
        return found
    with seeded(seed, judge.device):
        samples = torch.cat([trainer.sample(size).cpu() for size in league.sizes(judge.n)])
    return found | judge(samples)


def missing(record: dict[str, Any], seeds: int) -> list[tuple[int, str]]:
    """Seed and row of the runs that the record lacks, so that every row has one before any has two."""
    has = {
        (run["seed"], name)
        for name, row in record["results"].items()
        if row["settings"] == settings(name)
        for run in row["runs"]
    }
    return [(seed, name) for seed in range(seeds) for name in ROWS if (seed, name) not in has]


# -- the report --------------------------------------------------------------------------------------------------------
TITLE = "Avatars, {images:,} training images each, {seeds} seeds"


def tables(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A line a row, the real images last, as `tools/records.py` reads them for the lab."""
    rows = []
    for name, row in record["results"].items():
        runs = [run for run in row["runs"] if run["FID"] is not None]
        broken = len(row["runs"]) - len(runs)
        title = ROWS[name][0] + (f" ({broken}/{len(row['runs'])} †)" if broken else "")
        cells = [shown(mean([run[key] for run in runs]), digits) for key, (_, digits) in MEASURES.items()]
        rows.append([title, *cells])
    rows.append(["real images", *(f"{record['floor'][key]:.{digits}f}" for key, (_, digits) in MEASURES.items())])
    head = ["Change", *(title for title, _ in MEASURES.values())]
    return {"": {"title": TITLE, "head": head, "rows": rows, "floor": True}}


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    p, found = record["protocol"], tables(record)[""]
    return "\n".join([
        f"{common.where(record)} Images of {league.SIZE}×{league.SIZE}, batch {BATCH}; means ± standard errors over "
        f"the seeds, {p['n']:,} generated images against as many held-out ones. † runs that broke down, which are left "
        f"out of the means. Features: {record['features']}.\n",
        found["title"].format(**p) + ".\n",
        common.markdown(found["head"], found["rows"]),
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40_000, help="the budget (default %(default)s)")
    parser.add_argument("--n", type=int, default=5000, help="generated samples, and real ones (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="how many (default %(default)s)")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), help="these anew (default: all that are missing)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--no-write", action="store_true", help="print only, and keep nothing")
    args = parser.parse_args()
    if min(args.images, args.n, args.seeds) < 1:
        parser.error("--images, --n and --seeds were given as less than 1")
    device, write = resolve(args.device), not args.no_write
    empty = {"protocol": {"images": args.images, "n": args.n, "seeds": args.seeds}, "results": {}}
    record, fresh = empty, args.fresh
    try:
        record = common.begun("guidelines", empty, device) if write and not fresh else empty
    except GanlibError as error:
        parser.error(str(error))
    judge = league.Judge(DATA, args.n, device)
    todo = [(seed, name) for seed in range(args.seeds) for name in args.rows or ()] or missing(record, args.seeds)
    for seed, name in todo:
        machine = common.machine(device) | {"commit": common.commit()}
        print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
        run = play(name, judge, seed, args.images) | {"machine": machine}
        if write and not fresh:  # another run may have kept rows meanwhile
            record = common.begun("guidelines", empty, device)
        fresh = False
        rows = record["results"]
        kept = rows.get(name, {})
        runs = kept["runs"] if kept.get("settings") == settings(name) else []
        runs = sorted([*(old for old in runs if old["seed"] != seed), run], key=lambda run: run["seed"])
        rows[name] = {"settings": settings(name), "runs": runs}
        record = {"benchmark": "guidelines", **machine, "protocol": empty["protocol"], "features": judge.features}
        record |= {"floor": judge.floor, "results": {each: rows[each] for each in ROWS if each in rows}}
        record["tables"] = tables(record)
        common.finish(record, table(record), write)


if __name__ == "__main__":
    main()
