"""Which loss? Six pairs of losses with the same networks, data and steps, each at three learning rates.

One rate for all would favour the loss that it suits: the gradients of least squares are not as long as those of a
cross-entropy. So every loss plays with all three, and the tables show them all.

On the ring of 8 and the grid of 25 Gaussians play the small networks and settings of `hacks.py`, and runs are judged as
in `modes.py`. On drawn digits of 28×28 pixels play the small perceptrons (`mlp-small`); averaged weights draw samples,
whose FID against held-out digits is in the features of the network of the zoo.

    python benchmarks/losses.py  # what is missing in benchmarks/results/losses.{json,md}
    python benchmarks/losses.py --losses hinge --data ring --steps 100 --seeds 2 --no-write
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

import ganlib
from benchmarks import common, hacks, modes
from benchmarks.common import mean, shown
from ganlib import GanlibError
from ganlib.device import resolve, seeded
from ganlib.metrics import features
from ganlib.metrics.fid import fid
from ganlib.recipes import Recipe
from ganlib.training.callbacks import to_uint8

LOSSES = {  # name → title
    "minimax": "Saturating",
    "non_saturating": "Non-saturating",
    "least_squares": "Least squares",
    "hinge": "Hinge",
    "kl": "KL-GAN",
    "pearson": "Pearson χ²",
}
DATA = ("ring", "grid", "digits")
RATES = {"ring": (3e-4, 1e-3, 3e-3), "grid": (3e-4, 1e-3, 3e-3), "digits": (1e-4, 3e-4, 1e-3)}
STEPS = {"ring": 4000, "grid": 4000, "digits": 2000}
SAMPLES = 5000  # of digits, and as many real ones
DIGITS: dict[str, Any] = {"model": "mlp-small", "latent_dim": 64, "beta1": 0.5}
BATCH, AVERAGE = 128, 20_000  # of digits


def recipe(loss: str, data: str, rate: float, steps: int | None = None) -> Recipe:
    """What a run plays.

    Args:
        loss: one of `LOSSES`.
        data: one of `DATA`.
        rate: Adam's learning rate, both players.
        steps: instead of those of `STEPS`.
    """
    digits = data == "digits"
    options = (DIGITS if digits else hacks.PLAIN) | {"lr": rate, "loss": loss}
    batch, ema = (BATCH, AVERAGE) if digits else (hacks.BATCH, 0.0)
    title = LOSSES[loss]
    return Recipe(title, "gan", steps=steps or STEPS[data], batch=batch, ema=ema, options=options, modes=title)


def measure_digits(played: Recipe, seeds: int, device: torch.device, progress: bool = False) -> dict[str, Any]:
    """FID of each seed, all played at once; None for one that became NaN or infinite.

    Args:
        played: from `recipe`.
        seeds: how many.
        device: where.
        progress: show a bar.

    Returns:
        A JSON-able entry: settings, ``"FID"`` of each seed, how many diverged.
    """
    digits = ganlib.load("digits")
    held_out = features.extract(ganlib.load("digits", n=SAMPLES, split="test").to(device))
    build = lambda: ganlib.build(played.gan, digits.shape, **played.options)
    runs = ganlib.Seeds(
        build, digits, played.batch, range(seeds), device=device, ema_half_life=played.ema, progress=progress
    )
    try:
        runs.fit(played.steps)
    except GanlibError:
        if len(runs.diverged) < seeds:
            raise
    found: list[float | None] = []
    for seed, gan in zip(runs.seeds, runs.averaged, strict=True):
        if seed in runs.diverged:
            found.append(None)
            continue
        with seeded(seed, device):
            samples = to_uint8(gan.sample(SAMPLES).cpu()).to(device)
        found.append(float(fid(held_out, features.extract(samples, data=digits), floor=False)))
    return {"settings": modes.settings(played), "diverged": len(runs.diverged), "FID": found}


def measure(played: Recipe, data: str, seeds: int, looks: int, device: torch.device, progress: bool = False) -> dict:
    """One loss at one rate, all seeds."""
    if data == "digits":
        return measure_digits(played, seeds, device, progress)
    return modes.measure(played, data, seeds, looks, device, progress)


def missing(record: dict[str, Any], data: str, steps: int | None = None) -> list[tuple[str, float]]:
    """Loss and rate of the runs that the record lacks, or has with other settings."""
    has = record["results"][data]
    wanted = [(loss, rate) for loss in LOSSES for rate in RATES[data]]
    return [
        (loss, rate)
        for loss, rate in wanted
        if has.get(loss, {}).get(f"{rate:g}", {}).get("settings") != modes.settings(recipe(loss, data, rate, steps))
    ]


# -- the report --------------------------------------------------------------------------------------------------------
COLUMNS = {  # table → data, measure, digits, factor
    "ring modes": ("ring", "modes", 1, 1.0),
    "ring quality": ("ring", "high quality", 1, 100.0),
    "grid modes": ("grid", "modes", 1, 1.0),
    "grid quality": ("grid", "high quality", 1, 100.0),
    "digits": ("digits", "FID", 1, 1.0),
}
TITLES = {
    "ring modes": "Modes found on the ring, of 8, at three learning rates, {seeds} seeds",
    "ring quality": "High quality on the ring, in percent, at three learning rates, {seeds} seeds",
    "grid modes": "Modes found on the grid, of 25, at three learning rates, {seeds} seeds",
    "grid quality": "High quality on the grid, in percent, at three learning rates, {seeds} seeds",
    "digits": "FID on digits, at three learning rates, {seeds} seeds",
}


def tables(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A line a loss, a column a rate, as `tools/records.py` reads them for the lab."""
    made = {}
    for key, (data, measured, digits, factor) in COLUMNS.items():
        found, rows = record["results"][data], []
        for loss, title in LOSSES.items():
            entries = [found.get(loss, {}).get(f"{rate:g}", {}).get(measured, []) for rate in RATES[data]]
            cells = [shown(mean(values), digits, factor) + modes.part(values) for values in entries]
            rows += [[title, *cells]] if any(entries) else []
        made[key] = {"title": TITLES[key], "head": ["Loss", *(f"{rate:g}" for rate in RATES[data])], "rows": rows}
    return made


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    protocol = record["protocol"]
    parts = [
        f"{common.where(record)} Means ± standard errors over {protocol['seeds']} seeds; {modes.SAMPLES:,} samples of "
        f"each run on the ring and the grid, {SAMPLES:,} digits.\n"
    ]
    for found in tables(record).values():
        parts += [found["title"].format(**protocol) + ".\n", common.markdown(found["head"], found["rows"])]
    lost = [
        f"{LOSSES[loss]} on {data} at {rate}: {entry['diverged']}"
        for data, losses in record["results"].items()
        for loss, rates in losses.items()
        for rate, entry in rates.items()
        if entry["diverged"]
    ]
    if lost:
        parts.append(f"Runs that became infinite or NaN, which have found 0 modes and no FID: {'; '.join(lost)}.\n")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, help="of the generator (default: those of the benchmark)")
    parser.add_argument("--seeds", type=int, default=5, help="how many (default %(default)s)")
    parser.add_argument("--looks", type=int, default=10, help="points of the curves (default %(default)s)")
    parser.add_argument("--losses", nargs="+", choices=list(LOSSES), help="these anew (default: all that are missing)")
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA), help="default: all")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--no-write", action="store_true", help="print only, and keep nothing")
    args = parser.parse_args()
    if min(args.steps or 1, args.seeds, args.looks) < 1:
        parser.error("--steps, --seeds and --looks were given as less than 1")
    device, write = resolve(args.device), not args.no_write
    empty = {"protocol": {"seeds": args.seeds}, "results": {data: {} for data in DATA}}
    record, fresh = empty, args.fresh
    try:
        record = common.begun("losses", empty, device) if write and not fresh else empty
    except GanlibError as error:
        parser.error(str(error))
    for data in args.data:
        again = [(loss, rate) for loss in args.losses or () for rate in RATES[data]]
        for loss, rate in again or missing(record, data, args.steps):
            machine = common.machine(device) | {"commit": common.commit()}
            played = recipe(loss, data, rate, args.steps)
            entry = measure(played, data, args.seeds, args.looks, device, sys.stderr.isatty())
            if write and not fresh:  # another run may have kept rows meanwhile
                record = common.begun("losses", empty, device)
            fresh = False
            results = record["results"]
            results[data].setdefault(loss, {})[f"{rate:g}"] = entry | {"machine": machine}
            results[data] = {name: results[data][name] for name in LOSSES if name in results[data]}
            record = {"benchmark": "losses", **machine, "protocol": empty["protocol"], "results": results}
            record["tables"] = tables(record)
            common.finish(record, table(record), write)


if __name__ == "__main__":
    main()
