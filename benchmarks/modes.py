"""How many modes does each method find? PacGAN's test on a ring of 8 and a grid of 25 Gaussians.

The protocol is that of the code published with PacGAN (Lin et al., 2018), which alone says everything: generator
2-400-400-400-400-2 with batch normalisation, discriminator 2m-200-200-200-1 of maxout units with 5 pieces, all weights
N(0, 0.02²), two latent numbers, Adam with rate 10⁻⁴ and β = (0.8, 0.999), 100 packs of m samples in a step, a step of
both players at once; at the end 2,500 samples of latents that are the same for every run, with running statistics. A
sample is of high quality within 3 standard deviations of a mode; a mode is found with one such sample; the reverse KL
goes from the shares of the modes among those samples to equal shares.

What differs: the number of steps (published: 400,000); points drawn afresh for each batch instead of 100,000 stored
ones; the generator moves after the discriminator and not at the same moment; its batch normalisation sees the m parts
of a pack together, and keeps a running variance instead of a standard deviation.

Each method is measured with 10 seeds at once (`ganlib.Seeds`) and kept as soon as it is done, so a run that was stopped
goes on where it was.

    python benchmarks/modes.py  # what is missing in benchmarks/results/modes.{json,md,svg}
    python benchmarks/modes.py --methods r3gan --data ring  # this one, anew
    python benchmarks/modes.py --steps 20 --seeds 2 --methods gan --no-write
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

import ganlib
from benchmarks import common
from ganlib import GanlibError, viz
from ganlib.data.toy import GaussianMixture
from ganlib.device import resolve
from ganlib.gans.base import GAN
from ganlib.metrics.modes import mode_coverage

PACKS, SAMPLES, LATENT = 100, 2500, 2
PUBLISHED_STEPS = 400_000
SETTINGS = {"model": "maxout", "latent_dim": LATENT, "lr": 1e-4, "beta1": 0.8}
LAWS = ("ring", "grid")
MEASURES = ("modes", "at least half", "high quality", "reverse KL")


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        title: what it is called there.
        gan: the game, for `ganlib.build`.
        options: its options, where they are not those of the protocol.
    """

    title: str
    gan: str
    options: dict[str, Any] = field(default_factory=dict)

    def build(self) -> GAN:
        """The game on points of the plane."""
        return ganlib.build(self.gan, (2,), **SETTINGS | self.options)

    @property
    def batch(self) -> int:
        """Samples in a batch: as many packs for every method."""
        return PACKS * self.options.get("packing", 1)


# Adam as the protocol has it, unless a method comes with its own: WGAN-GP's settings are those that its authors
# published for a ring and a grid of another size (gan_toy.py).
METHODS = {
    "gan": Method("GAN", "gan"),
    "lsgan": Method("LSGAN", "gan", {"loss": "least_squares"}),
    "pacgan2": Method("PacGAN, 2 samples", "pacgan", {"packing": 2}),
    "pacgan3": Method("PacGAN, 3 samples", "pacgan", {"packing": 3}),
    "pacgan4": Method("PacGAN, 4 samples", "pacgan", {"packing": 4}),
    "wgan-gp": Method("WGAN-GP", "wgan-gp", {"penalty_weight": 0.1, "beta1": 0.5, "beta2": 0.9}),
    "r1gan": Method("GAN + R1", "r1gan", {"penalty_weight": 0.1, "beta2": 0.999}),
    "r3gan": Method("relativistic + R1 + R2", "r3gan", {"penalty_weight": 0.1, "beta2": 0.999}),
}

# Mean and standard error of modes, of the share of high quality in percent, and of the reverse KL in nats.
LIN = "Lin et al. (2018), table 1"
SRIVASTAVA = "Srivastava et al. (2017), table 1"
PUBLISHED = {
    "ring": [
        ("GAN", LIN, (6.3, 0.5), (98.2, 0.2), (0.45, 0.09)),
        ("ALI", LIN, (6.6, 0.3), (97.6, 0.4), (0.36, 0.04)),
        ("PacGAN, 2 samples", LIN, (7.9, 0.1), (95.6, 2.0), (0.07, 0.03)),
        ("PacGAN, 3 samples", LIN, (7.8, 0.1), (97.7, 0.3), (0.10, 0.02)),
        ("PacGAN, 4 samples", LIN, (7.8, 0.1), (95.9, 1.4), (0.07, 0.02)),
        ("GAN", SRIVASTAVA, (1.0,), (99.3,), ()),
        ("ALI", SRIVASTAVA, (2.8,), (0.13,), ()),
        ("unrolled GAN", SRIVASTAVA, (7.6,), (35.6,), ()),
        ("VEEGAN", SRIVASTAVA, (8.0,), (52.9,), ()),
    ],
    "grid": [
        ("GAN", LIN, (17.3, 0.8), (94.8, 0.7), (0.70, 0.07)),
        ("ALI", LIN, (24.1, 0.4), (95.7, 0.6), (0.14, 0.03)),
        ("PacGAN, 2 samples", LIN, (23.8, 0.7), (91.3, 0.8), (0.13, 0.04)),
        ("PacGAN, 3 samples", LIN, (24.6, 0.4), (94.2, 0.4), (0.06, 0.02)),
        ("PacGAN, 4 samples", LIN, (24.8, 0.2), (93.6, 0.6), (0.04, 0.01)),
        ("GAN", SRIVASTAVA, (3.3,), (0.5,), ()),
        ("ALI", SRIVASTAVA, (15.8,), (1.6,), ()),
        ("unrolled GAN", SRIVASTAVA, (23.6,), (16.0,), ()),
        ("VEEGAN", SRIVASTAVA, (24.6,), (40.0,), ()),
    ],
}
GOAL = {"ring": 8.0, "grid": 24.8}  # modes, with 95 % of high quality


# -- measuring ---------------------------------------------------------------------------------------------------------
def judged(gan: GAN, law: GaussianMixture, z: Tensor) -> dict[str, float | None]:
    """The four measures of one run; one that is not finite has found nothing."""
    samples = gan.sample(z=z).cpu()
    if not samples.isfinite().all():
        return {"modes": 0.0, "at least half": 0, "high quality": 0.0, "reverse KL": None}
    found = mode_coverage(samples, law, allow_small=True)
    said = {"modes": found.value} | {name: found.details[name] for name in MEASURES[1:]}
    return {name: None if math.isnan(value) else value for name, value in said.items()}  # JSON knows no NaN


def measure(
    method: Method, name: str, steps: int, seeds: int, looks: int, device: torch.device, progress: bool = False
) -> dict[str, Any]:
    """Play one method on one law, all seeds at once.

    Args:
        method: the row.
        name: of the law.
        steps: of the generator.
        seeds: how many.
        looks: how often to judge on the way, evenly spaced, the end included.
        device: where.
        progress: show a bar.

    Returns:
        A JSON-able entry: the measures of each seed at the end, their means on the way, and the time of training.
    """
    law = ganlib.load(name)
    z = torch.randn(SAMPLES, LATENT, generator=torch.Generator().manual_seed(0)).to(device)
    runs = ganlib.Seeds(method.build, law, method.batch, range(seeds), device=device, progress=progress)
    spent, curve = 0.0, {"step": [], "modes": [], "high quality": []}
    for look in range(1, looks + 1):
        due = steps * look // looks - runs.step
        try:
            spent += common.seconds(lambda due=due: runs.fit(due), device) if due else 0.0
        except GanlibError:
            if len(runs.diverged) < seeds:
                raise
        ends = [judged(gan, law, z) for gan in runs.gans]
        curve["step"].append(runs.step)
        for key in ("modes", "high quality"):
            curve[key].append(mean([end[key] for end in ends]))
        if len(runs.diverged) == seeds:
            break
    return {
        "gan": method.gan,
        "options": method.options,
        "seconds_per_1000": 1000 * spent / runs.step,
        "diverged": len(runs.diverged),
        **{key: [end[key] for end in ends] for key in MEASURES},
        "curve": curve,
    }


def mean(values: Sequence[float | None]) -> tuple[float, float] | tuple[()]:
    """Mean and standard error of the values that there are; nothing of none."""
    values = [value for value in values if value is not None]
    if not values:
        return ()
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return statistics.fmean(values), error


# -- the record --------------------------------------------------------------------------------------------------------
def begun(protocol: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The record so far, if there is one of this protocol.

    Raises:
        GanlibError: it is of another one, and rows of both would stand in one table.
    """
    path = common.RESULTS / ("modes.json" if device.type == "cpu" else "modes-gpu.json")
    if not path.exists():
        return {"protocol": protocol, "results": {law: {} for law in LAWS}}
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["protocol"] != protocol:
        kept = ", ".join(f"{key} {value}" for key, value in record["protocol"].items() if value != protocol.get(key))
        raise GanlibError(f"{path.name} holds runs with {kept}; expected the same here, or --fresh to begin again")
    return record


def missing(record: dict[str, Any], law: str) -> list[str]:
    """The methods that the record lacks on a law, or has with other settings."""
    has = record["results"][law]
    same = lambda name: has[name]["gan"] == METHODS[name].gan and has[name]["options"] == METHODS[name].options
    return [name for name in METHODS if name not in has or not same(name)]


def reached(record: dict[str, Any]) -> list[str]:
    """The methods that meet the goal on both laws."""
    found = []
    for name in METHODS:
        both = [record["results"][law].get(name) for law in LAWS]
        if all(both) and all(
            mean(entry["modes"])[0] >= GOAL[law] and mean(entry["high quality"])[0] >= 0.95
            for law, entry in zip(LAWS, both, strict=True)
        ):
            found.append(name)
    return found


# -- the report --------------------------------------------------------------------------------------------------------
def shown(value: Sequence[float], digits: int, factor: float = 1.0) -> str:
    """``7.9 ± 0.1``, without an error if none is known, a dash if there is nothing."""
    return " ± ".join(f"{factor * part:.{digits}f}" for part in value) or "–"


HEAD = ["by", "modes", "with half their share", "high quality, %", "reverse KL, nats", "seconds per 1,000 steps"]


def tables(record: dict[str, Any]) -> dict[str, list[list[str]]]:
    """For each law the perfect sampler, what was measured here, what was published; the site shows them too."""
    made = {}
    for name in LAWS:
        law = ganlib.load(name)
        perfect = mode_coverage(law.sample(SAMPLES, torch.Generator().manual_seed(0)), law).details
        modes = f"{perfect['modes']:.1f}"
        quality, divergence = f"{100 * perfect['high quality ceiling']:.2f}", f"{perfect['reverse KL floor']:.4f}"
        made[name] = [["a perfect sampler", "computed", modes, modes, quality, divergence, "–"]]
        for key, method in METHODS.items():
            if key in record["results"][name]:
                entry = record["results"][name][key]
                found = {measure: mean(entry[measure]) for measure in MEASURES}
                made[name].append([
                    method.title,
                    "here",
                    shown(found["modes"], 1),
                    shown(found["at least half"], 1),
                    shown(found["high quality"], 1, 100),
                    shown(found["reverse KL"], 3),
                    f"{entry['seconds_per_1000']:.0f}",
                ])  # fmt: skip
        for title, source, found, quality, divergence in PUBLISHED[name]:
            made[name].append([title, source, shown(found, 1), "–", shown(quality, 1), shown(divergence, 2), "–"])
    return made


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    protocol = record["protocol"]
    share = f"{protocol['steps'] / PUBLISHED_STEPS:.3g} of the published {PUBLISHED_STEPS:,}"
    parts = [
        f"{common.where(record)} PacGAN's protocol with {protocol['steps']:,} steps ({share}) and {protocol['seeds']} "
        f"seeds; {protocol['samples']:,} samples of each at the end; means ± standard errors over the seeds. A step is "
        "one of the generator.\n"
    ]
    for name, rows in tables(record).items():
        parts.append(common.markdown([f"{name}, of {rows[0][2]} modes", *HEAD], rows, words=2))
    both = [METHODS[name].title for name in reached(record)]
    parts.append(
        f"{GOAL['ring']:.1f} modes of the ring and at least {GOAL['grid']} of the grid, both at 95 % of high quality "
        f"or more: {', '.join(both) or 'no method here'}.\n"
    )
    options = {m.title: ", ".join(f"{k} {v}" for k, v in m.options.items()) for m in METHODS.values() if m.options}
    parts.append("Beside the protocol's settings: " + "; ".join(f"{t}: {said}" for t, said in options.items()) + ".\n")
    lost = [
        f"{METHODS[name].title} on the {law}: {entry['diverged']}"
        for law in LAWS
        for name, entry in record["results"][law].items()
        if name in METHODS and entry["diverged"]
    ]
    if lost:
        parts.append("Runs that became infinite or NaN, counted as 0 modes: " + "; ".join(lost) + ".\n")
    return "\n".join(parts)


def figure(record: dict[str, Any]) -> Any:
    """Modes found against steps, one panel a law; bands are standard errors, the dotted line is all modes."""
    fig, panels = viz.panels(len(LAWS), width=4.8, height=3.6)
    for law, panel in zip(LAWS, panels, strict=True):
        for i, (name, method) in enumerate(METHODS.items()):
            if name not in record["results"][law]:
                continue
            curve = record["results"][law][name]["curve"]
            steps, (means, errors) = [s / 1000 for s in curve["step"]], zip(*curve["modes"], strict=True)
            style = {"color": viz.COLORS[i % len(viz.COLORS)], "linestyle": ("-", "--")[i // len(viz.COLORS) % 2]}
            panel.plot(steps, means, label=method.title, **style)
            low, high = ([m + sign * e for m, e in zip(means, errors, strict=True)] for sign in (-1, 1))
            panel.fill_between(steps, low, high, color=style["color"], alpha=0.15, linewidth=0)
        modes = len(ganlib.load(law).modes)
        panel.axhline(modes, color="#888888", linestyle=":", linewidth=1)
        panel.set(xlabel="thousands of steps", ylim=(0, 1.05 * modes), title=f"{law}: {modes} modes")
    panels[0].set_ylabel("modes found, mean over the seeds")
    fullest = max(panels, key=lambda panel: len(panel.get_legend_handles_labels()[0]))
    panels[-1].legend(*fullest.get_legend_handles_labels(), loc="center left", bbox_to_anchor=(1.02, 0.5))
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=25_000, help="steps of the generator (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=10, help="how many (default %(default)s)")
    parser.add_argument("--looks", type=int, default=25, help="points of the curves (default %(default)s)")
    parser.add_argument(
        "--methods", nargs="+", choices=list(METHODS), help="these anew (default: all that are missing)"
    )
    parser.add_argument("--data", nargs="+", choices=LAWS, default=list(LAWS), help="default: both")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--no-write", action="store_true", help="print only, and keep nothing")
    args = parser.parse_args()
    device, write = resolve(args.device), not args.no_write
    if min(args.steps, args.seeds, args.looks) < 1:
        parser.error("--steps, --seeds and --looks were given as less than 1")
    protocol = {"steps": args.steps, "seeds": args.seeds, "samples": SAMPLES, "packs": PACKS, "settings": SETTINGS}
    try:
        record = (
            begun(protocol, device)
            if write and not args.fresh
            else {"protocol": protocol, "results": {law: {} for law in LAWS}}
        )
    except GanlibError as error:
        parser.error(str(error))
    machine = common.machine(device)
    for law in args.data:
        for name in args.methods or missing(record, law):
            entry = measure(METHODS[name], law, args.steps, args.seeds, args.looks, device, sys.stderr.isatty())
            record["results"][law][name] = entry | {"machine": machine}
            record = {"benchmark": "modes", **machine} | {key: record[key] for key in ("protocol", "results")}
            record["tables"] = tables(record)
            common.finish(record, table(record), write)
            if write:
                name = "modes" if record["device"] == "cpu" else "modes-gpu"
                figure(record).savefig(common.RESULTS / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
