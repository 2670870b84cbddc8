"""What does each piece of the usual advice do? One change at a time, on the ring of 8 Gaussians, beside the plain GAN.

All play with the small networks for the plane (`mlp-toy`) and the settings of `PLAIN`; each row changes what it says
and nothing else. Every run is judged as in `modes.py`, by 2,500 samples at the end. The effect is the difference from
the plain GAN with the same seed, mean ± standard error over the seeds; of a change that does nothing it is about 0.

    python benchmarks/hacks.py  # what is missing in benchmarks/results/hacks.{json,md}
    python benchmarks/hacks.py --rows noise --steps 100 --seeds 2 --no-write
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import ganlib
from benchmarks import common, modes
from benchmarks.common import mean, shown
from ganlib import GanlibError
from ganlib.data.toy import GaussianMixture
from ganlib.device import resolve
from ganlib.recipes import Recipe

LAW = "ring"
MEASURES = ("modes", "high quality", "reverse KL")
BATCH, STEPS = 128, 4000
PLAIN: dict[str, Any] = {"model": "mlp-toy", "latent_dim": 12, "lr": 1e-3, "beta1": 0.5}
IMAGES = BATCH * STEPS


@dataclass(frozen=True)
class Row:
    """One change.

    Attributes:
        title: what is changed, in the words of the tables.
        options: of the game, beside those of `PLAIN`.
        gan: which game.
        scale: the data and all distances in them, multiplied.
        ema: half-life of averaged weights in points, 0 for none.
        against: the row that it is compared with.
    """

    title: str
    options: dict[str, Any] = field(default_factory=dict)
    gan: str = "ganhacks"
    scale: float = 1.0
    ema: float = 0.0
    against: str = "plain"


ROWS = {
    "plain": Row("the plain GAN"),
    # the list
    "wide": Row("data ten times as wide", scale=10.0),
    "norm": Row("batch norm in D, batches apart", {"model": "mlp-toy-norm"}),
    "norm-together": Row("batch norm in D, one batch", {"model": "mlp-toy-norm", "together": True}, against="norm"),
    "smooth": Row("one-sided label smoothing, 0.9", {"real_target": 0.9}),
    "smooth-both": Row("two-sided label smoothing, 0.9 and 0.1", {"real_target": 0.9, "fake_target": 0.1}),
    "rates": Row("D learns four times as fast", {"rate_ratio": 4.0}),
    "slow": Row("D learns a tenth as fast", {"rate_ratio": 0.1}),
    "turns": Row("five turns of D", {"turns": 5}),
    "noise": Row("noise of 0.1 on all samples", {"noise": 0.1}),
    "noise-fading": Row("noise of 0.1, fading", {"noise": 0.1, "noise_images": IMAGES // 2}),
    "saturating": Row("the saturating loss", {"loss": "minimax"}),
    "momentum": Row("β₁ = 0.9 instead of 0.5", {"beta1": 0.9}),
    "no-momentum": Row("β₁ = 0 instead of 0.5", {"beta1": 0.0}),
    "average": Row("averaged weights", ema=20_000.0),
    # the repairs
    "minibatch": Row("minibatch discrimination", {"model": "mlp-toy-minibatch"}),
    "packing": Row("packs of two", {"packing": 2}, gan="pacgan"),
    # Unrolling was made for a D that lags behind. Beside one as fast as G it did no good within 1,500 steps, with four
    # seeds from 100 on and rates of 0.003, 0.01, 0.03 and 0.1: the larger, the fewer modes. Beside a slow D one run of
    # three became infinite at 0.1.
    "unrolled-slow": Row(
        "looking ahead, slow D",
        {"lookahead": 5, "lookahead_rate": 0.03, "rate_ratio": 0.1},
        gan="unrolled",
        against="slow",
    ),
    "r1": Row("R1", {"penalty_weight": 0.002, "beta2": 0.999}, gan="r1gan"),
}


def scaled(law: GaussianMixture, factor: float) -> GaussianMixture:
    """The law of factor·x. What modes are found does not change."""
    return GaussianMixture(factor * law.modes, factor * law.std, law.weights, f"{law.name}×{factor:g}")


def recipe(row: Row, steps: int) -> Recipe:
    """What a row plays."""
    options = PLAIN | row.options
    return Recipe(row.title, row.gan, steps=steps, batch=BATCH, ema=row.ema, options=options, modes=row.title)


def measure(row: Row, steps: int, seeds: int, looks: int, device: Any, progress: bool = False) -> dict[str, Any]:
    """Play one row with all seeds, as `modes.measure` does."""
    law = ganlib.load(LAW)
    law = law if row.scale == 1 else scaled(law, row.scale)
    return modes.measure(recipe(row, steps), law, seeds, looks, device, progress) | {"scale": row.scale}


def missing(record: dict[str, Any], steps: int) -> list[str]:
    """The rows that the record lacks, or has with other settings."""
    has = {name: (entry["settings"], entry["scale"]) for name, entry in record["results"].items()}
    return [name for name, row in ROWS.items() if has.get(name) != (modes.settings(recipe(row, steps)), row.scale)]


def effects(record: dict[str, Any], name: str) -> dict[str, tuple[float, ...]]:
    """Mean and standard error of the differences from the row that it is compared with, seed by seed."""
    here, there = record["results"][name], record["results"].get(ROWS[name].against)
    if there is None or name == ROWS[name].against:
        return dict.fromkeys(MEASURES, ())
    return {
        key: mean([a - b for a, b in zip(here[key], there[key], strict=True) if a is not None and b is not None])
        for key in MEASURES
    }


HEAD = ["Change", "Modes", "High quality, %", "Reverse KL, nats", "Effect on the modes", "Effect on the quality, %"]


TITLE = "Ring of 8 modes, one change at a time, {seeds} seeds"


def tables(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """One line a change, as `tools/records.py` reads them for the lab."""
    made = []
    for name, entry in record["results"].items():
        found, effect = {key: mean(entry[key]) for key in MEASURES}, effects(record, name)
        made.append([
            ROWS[name].title,
            shown(found["modes"], 1),
            shown(found["high quality"], 1, 100),
            shown(found["reverse KL"], 2) + modes.part(entry["reverse KL"]),
            signed(effect["modes"], 1),
            signed(effect["high quality"], 1, 100),
        ])  # fmt: skip
    return {"": {"title": TITLE, "head": HEAD, "rows": made}}


def signed(value: tuple[float, ...], digits: int, factor: float = 1.0) -> str:
    """`common.shown`, with a sign."""
    return ("+" if value and value[0] >= 0 else "") + shown(value, digits, factor).replace("-", "−")


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    protocol = record["protocol"]
    lost = [f"{ROWS[name].title}: {it['diverged']}" for name, it in record["results"].items() if it["diverged"]]
    here = [it.get("machine", record)["cpu"] == record["cpu"] for it in record["results"].values()]
    other = f" {here.count(False)} of {len(here)} rows on an earlier machine, as the JSON file says." * (not all(here))
    return "\n".join([
        f"{common.where(record)}{other} The {LAW} of 8 Gaussians, {protocol['steps']:,} steps of {BATCH} points, "
        f"{protocol['seeds']} seeds, {modes.SAMPLES:,} samples of each at the end; means ± standard errors over the "
        "seeds. Effects are differences from the plain GAN, seed by seed; of one batch from batches apart, of "
        "looking ahead beside a slow D from the slow D alone.\n",
        common.markdown(HEAD, tables(record)[""]["rows"]),
        *(["Runs that became infinite or NaN, counted as 0 modes: " + "; ".join(lost) + ".\n"] if lost else []),
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS, help="of the generator (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=10, help="how many (default %(default)s)")
    parser.add_argument("--looks", type=int, default=10, help="points of the curves (default %(default)s)")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), help="these anew (default: all that are missing)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--no-write", action="store_true", help="print only, and keep nothing")
    args = parser.parse_args()
    if min(args.steps, args.seeds, args.looks) < 1:
        parser.error("--steps, --seeds and --looks were given as less than 1")
    device, write = resolve(args.device), not args.no_write
    empty = {"protocol": {"seeds": args.seeds, "steps": args.steps}, "results": {}}
    record, fresh = empty, args.fresh
    try:
        record = common.begun("hacks", empty, device) if write and not fresh else empty
    except GanlibError as error:
        parser.error(str(error))
    for name in args.rows or missing(record, args.steps):
        machine = common.machine(device) | {"commit": common.commit()}
        entry = measure(ROWS[name], args.steps, args.seeds, args.looks, device, sys.stderr.isatty())
        if write and not fresh:  # another run may have kept rows meanwhile
            record = common.begun("hacks", empty, device)
        fresh = False
        results = record["results"] | {name: entry | {"machine": machine}}
        results = {name: results[name] for name in ROWS if name in results}
        record = {"benchmark": "hacks", **machine, "protocol": empty["protocol"], "results": results}
        record["tables"] = tables(record)
        common.finish(record, table(record), write)


if __name__ == "__main__":
    main()
