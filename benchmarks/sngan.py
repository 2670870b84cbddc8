"""What is a second worth? Spectral normalisation beside a gradient penalty: FID on drawn faces against training time.

The same networks (`dcgan-small`), faces, batch, averages and momenta (β₁ = 0, β₂ = 0.9) for all, one turn of the critic
per step of the generator, and each method at three learning rates, because one for all would favour the method that it
suits. The second row's critic has layer normalisation, as its authors advise; the third one's has nothing and is, but
for the division, the critic of the first. All are given the time in which SNGAN takes its steps. What a step costs is
measured beforehand, in turn with SNGAN, as in `league.py`: the runs themselves are not clocked, and a second is one of
the machine on that occasion. Judged are samples drawn with averaged weights, by the features of held-out faces.

Each run is kept as soon as it is done, so a benchmark that was stopped goes on where it was.

    python benchmarks/sngan.py  # what is missing in benchmarks/results/sngan.{json,md,svg}
    python benchmarks/sngan.py --rows sngan --steps 8 --n 300 --seeds 1 --no-write
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

import ganlib
from benchmarks import common, league
from benchmarks.common import mean, shown
from ganlib import GanlibError, viz
from ganlib.device import resolve, seeded
from ganlib.metrics import features
from ganlib.metrics.base import Features
from ganlib.metrics.fid import fid
from ganlib.recipes import Recipe
from ganlib.training.callbacks import to_uint8

DATA, BATCH, AVERAGE = "avatars", 64, 5_000
MODEL = "dcgan-small"
RATES = (2e-4, 5e-4, 1e-3)
REFERENCE = "sngan"
ROWS: dict[str, tuple[str, str, dict[str, Any]]] = {  # name → title, game, options
    "sngan": ("SNGAN", "sngan", {"n_dis": 1, "beta1": 0.0, "beta2": 0.9}),
    "wgan-gp": ("WGAN-GP", "wgan-gp", {"n_critic": 1, "beta1": 0.0, "beta2": 0.9}),
    "wgan-gp-bare": ("WGAN-GP, bare critic", "wgan-gp", {"n_critic": 1, "beta1": 0.0, "beta2": 0.9, "norm": "none"}),
}
LOOKS = (1 / 8, 1 / 4, 1 / 2, 1)  # of the time


def recipe(name: str, rate: float) -> Recipe:
    """What a row plays at a rate."""
    title, gan, options = ROWS[name]
    return Recipe(name, gan, batch=BATCH, ema=AVERAGE, options={"model": MODEL, "lr": rate} | options, league=title)


def settings(name: str, rate: float) -> dict[str, Any]:
    """What a run depends on."""
    return {key: getattr(recipe(name, rate), key) for key in league.SETTINGS} | {"batch": BATCH}


# -- measuring ---------------------------------------------------------------------------------------------------------
def costs(names: list[str], device: torch.device) -> dict[str, dict[str, float]]:
    """What a step of each row costs, measured in turn.

    Returns:
        For each row its step as a multiple of the reference's (``ratio``), and in seconds (``seconds``), which is the
        ratio times the reference's median.
    """
    asked = list(dict.fromkeys([REFERENCE, *names]))
    loops = {name: league.trainer_of(recipe(name, RATES[0]), DATA, 0, BATCH, device).fit for name in asked}
    times = common.in_turn(loops, league.CHUNK, league.ROUNDS, device)
    second = statistics.median(times[REFERENCE])
    ratios = {name: 1.0 if name == REFERENCE else common.ratio(times[name], times[REFERENCE]) for name in asked}
    return {name: {"ratio": ratio, "seconds": ratio * second} for name, ratio in ratios.items()}


def ends(steps: int, ratio: float) -> list[int]:
    """After how many of its steps a row is judged.

    Args:
        steps: of the reference, the budget.
        ratio: what a step costs in steps of the reference.
    """
    return [max(1, round(part * steps / ratio)) for part in LOOKS]


def held_out(n: int, device: torch.device) -> tuple[Features, Features]:
    """Features of n real faces, and of n others."""
    both = features.extract(ganlib.load(DATA, size=league.SIZE, n=2 * n, split="test").to(device))
    return both[:n], both[n:]


def play(name: str, rate: float, seed: int, at: list[int], real: Features, device: torch.device) -> dict[str, Any]:
    """One run.

    Args:
        name: of the row.
        rate: Adam's learning rate, both players.
        seed: of the run.
        at: the steps after which it is judged, rising.
        real: features of held-out faces; as many are generated.
        device: where.

    Returns:
        ``seed``, ``steps``, and ``FID`` at each of them, None from where the run became NaN or infinite.
    """
    trainer = league.trainer_of(recipe(name, rate), DATA, seed, BATCH, device)
    found: list[float | None] = []
    for end in at:
        try:
            if end > trainer.step:
                trainer.fit(end - trainer.step)
        except ganlib.training.TrainingDiverged:
            break
        with seeded(seed, device):
            samples = torch.cat([trainer.sample(size).cpu() for size in league.sizes(len(real))])
        fake = features.extract(to_uint8(samples).to(device), data=DATA)
        found.append(float(fid(real, fake, floor=False)))
    return {"seed": seed, "steps": at, "FID": found + [None] * (len(at) - len(found))}


def missing(record: dict[str, Any], seeds: int) -> list[tuple[int, str, float]]:
    """Seed, row and rate of the runs that the record lacks, so that all have one before any has two."""
    has = {
        (run["seed"], name, rate)
        for name in ROWS
        for rate in RATES
        if (row := record["results"].get(name, {}).get(f"{rate:g}")) and row["settings"] == settings(name, rate)
        for run in row["runs"]
    }
    wanted = [(seed, name, rate) for seed in range(seeds) for name in ROWS for rate in RATES]
    return [run for run in wanted if run not in has]


# -- the report --------------------------------------------------------------------------------------------------------
def finals(row: dict[str, Any], look: int = -1) -> list[float | None]:
    """FID of each seed at a look."""
    return [run["FID"][look] for run in row["runs"]]


def part(values: list[float | None]) -> str:
    """Of how many seeds a mean speaks, if some are lost."""
    lost = values.count(None)
    return f" ({lost}/{len(values)} †)" if lost else ""


def best(rows: dict[str, Any]) -> str:
    """The rate with the smallest mean FID at the end, of those with the fewest runs lost."""
    rated = {rate: finals(row) for rate, row in rows.items()}
    return min(rated, key=lambda rate: (rated[rate].count(None), *mean(rated[rate])[:1]))


TITLES = {
    "": "FID on avatars after equal time, at three learning rates, {seeds} seeds",
    "time": "FID on avatars against time, each method at its best rate, {seeds} seeds",
}


def tables(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A line a row, the real faces last, as `tools/records.py` reads them: by rates, and by seconds."""
    cost, floor = record["cost"], f"{record['floor']:.2f}"
    total = record["protocol"]["steps"] * cost[REFERENCE]["seconds"]
    by_rate, by_time = [], []
    for name, rows in record["results"].items():
        title = ROWS[name][0]
        ends = [finals(rows[f"{rate:g}"]) if f"{rate:g}" in rows else [] for rate in RATES]
        cells = [shown(mean(values), 1) + part(values) for values in ends]
        by_rate.append([title, *cells, f"{cost[name]['ratio']:.2f}"])
        rate = best(rows)
        curve = [finals(rows[rate], look) for look in range(len(LOOKS))]
        by_time.append([title, *(shown(mean(values), 1) + part(values) for values in curve), f"{float(rate):g}"])
    dashes = ["–"] * len(RATES)
    by_rate.append(["real images", floor, *dashes])
    by_time.append(["real images", floor, *["–"] * len(LOOKS)])
    seconds = [f"{share * total:.0f} s" for share in LOOKS]
    return {
        "": {
            "title": TITLES[""],
            "head": ["Method", *(f"{rate:g}" for rate in RATES), "Time of a step"],
            "rows": by_rate,
            "floor": True,
        },
        "time": {"title": TITLES["time"], "head": ["Method", *seconds, "Rate"], "rows": by_time, "floor": True},
    }


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    p = record["protocol"]
    times = ", ".join(f"{ROWS[name][0]} {1000 * record['cost'][name]['seconds']:.0f} ms" for name in record["results"])
    parts = [
        f"{common.where(record)} Images of {league.SIZE}×{league.SIZE}, batch {BATCH}, {p['seeds']} seeds; means ± "
        f"standard errors over the seeds, {p['n']:,} generated images against as many held-out ones. † runs that broke "
        f"down, which are left out of the means. A step takes: {times}; all have the time of {p['steps']:,} steps of "
        f"{ROWS[REFERENCE][0]}. Features: {record['features']}.\n"
    ]
    for found in tables(record).values():
        parts += [found["title"].format(**p) + ".\n", common.markdown(found["head"], found["rows"])]
    return "\n".join(parts)


def figure(record: dict[str, Any]) -> Any:
    """FID against seconds: each method at its best rate with standard errors, its other rates thin."""
    fig, (panel,) = viz.panels(width=6.4, height=4)
    for color, (name, rows) in zip(viz.COLORS, record["results"].items(), strict=False):
        seconds, chosen = record["cost"][name]["seconds"], best(rows)
        for rate, row in rows.items():
            xs = [step * seconds for step in row["runs"][0]["steps"]]
            points = [mean(finals(row, look)) for look in range(len(LOOKS))]
            points = [(x, point[0], (*point, 0.0)[1]) for x, point in zip(xs, points, strict=True) if point]
            if not points:
                continue
            x, middle, error = zip(*points, strict=True)
            if rate != chosen:
                panel.plot(x, middle, color=color, linewidth=0.8, alpha=0.6)
                continue
            panel.plot(x, middle, "o-", color=color, label=f"{ROWS[name][0]}, {rate}")
            low, high = ([m + sign * e for m, e in zip(middle, error, strict=True)] for sign in (-1, 1))
            panel.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
    panel.set(xlabel="seconds", ylabel="FID", yscale="log")
    panel.legend()
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600, help="of SNGAN, whose time all get (default %(default)s)")
    parser.add_argument("--n", type=int, default=5000, help="generated samples, and real ones (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the processor (default %(default)s)")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), help="these anew (default: all that are missing)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--no-write", action="store_true", help="print only, and keep nothing")
    args = parser.parse_args()
    if min(args.steps, args.seeds, args.threads) < 1 or args.n < 200:
        parser.error("--steps, --seeds and --threads have to be above 0, --n at least 200")
    torch.set_num_threads(args.threads)
    device, write = resolve(args.device), not args.no_write
    protocol = {key: getattr(args, key) for key in ("steps", "n", "seeds", "threads")}
    record = {"protocol": protocol, "cost": {}, "results": {}}
    try:
        record = common.begun("sngan", record, device) if write and not args.fresh else record
    except GanlibError as error:
        parser.error(str(error))
    again = [(seed, name, rate) for seed in range(args.seeds) for name in args.rows or () for rate in RATES]
    todo = again or missing(record, args.seeds)
    real, other = held_out(args.n, device)
    said = f"{features.identity(real.extractor)}, resizer {real.resizer}"
    if record.setdefault("features", said) != said:
        parser.error(f"the record was measured with {record['features']}; expected {said}, or --fresh")
    floor = float(fid(real, other, floor=False))
    if lacking := [name for name in dict.fromkeys(name for _, name, _ in todo) if name not in record["cost"]]:
        print(f"the cost of {', '.join(lacking)}", file=sys.stderr, flush=True)
        measured = costs(lacking, device)
        record["cost"] = measured | record["cost"]
    for seed, name, rate in todo:
        machine = common.machine(device) | {"commit": common.commit()}
        print(f"{name} at {rate:g}, seed {seed}", file=sys.stderr, flush=True)
        at = ends(args.steps, record["cost"][name]["ratio"])
        run = play(name, rate, seed, at, real, device) | {"machine": machine}
        rows = record["results"].setdefault(name, {})
        kept = rows.get(f"{rate:g}", {})
        runs = kept["runs"] if kept.get("settings") == settings(name, rate) else []
        runs = sorted([*(old for old in runs if old["seed"] != seed), run], key=lambda run: run["seed"])
        rows[f"{rate:g}"] = {"settings": settings(name, rate), "runs": runs}
        results = {each: record["results"][each] for each in ROWS if each in record["results"]}
        record = {"benchmark": "sngan", **machine, "protocol": protocol, "features": said, "floor": floor} | {
            "cost": record["cost"],
            "results": results,
        }
        record["tables"] = tables(record)
        if write:
            common.keep(record, table(record))
    if record["results"]:
        print(table(record))
    if write and record["results"]:
        suffix = "" if record["device"] == "cpu" else "-gpu"
        figure(record).savefig(common.RESULTS / f"sngan{suffix}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
