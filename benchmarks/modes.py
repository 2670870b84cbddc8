"""How many modes does each method find? PacGAN's test on a ring of 8 and a grid of 25 Gaussians.

A recipe competes if its table says ``modes = "TITLE"``: on the law that is its data, or on both if it names none. Most
follow the protocol of the code published with PacGAN (Lin et al., 2018), which alone says everything: generator
2-400-400-400-400-2 with batch normalisation, discriminator 2m-200-200-200-1 of maxout units with 5 pieces, all weights
N(0, 0.02²), two latent numbers, Adam with rate 10⁻⁴ and β = (0.8, 0.999), 100 packs of m samples in a step, a step of
both players at once. What differs: the number of steps (a 160th of the published 400,000); points drawn afresh for each
batch instead of 100,000 stored ones; the generator moves after the discriminator and not at the same moment; its batch
normalisation sees the m parts of a pack together, and keeps a running variance instead of a standard deviation.

The others play with networks and settings of our own, for a part of what the published networks' steps cost.

All are judged as published: 2,500 samples of latents that are the same for every seed, with running statistics. A
sample is of high quality within 3 standard deviations of a mode; a mode is found with one such sample; the reverse KL
goes from the shares of the modes among those samples to equal shares.

Each method is measured with 10 seeds at once (`ganlib.Seeds`) and kept as soon as it is done, so a run that was stopped
goes on where it was, and several can go on side by side, say one for each law.

    python benchmarks/modes.py  # what is missing in benchmarks/results/modes.{json,md,svg}, and the site's figure
    python benchmarks/modes.py --recipes r3gan-modes --data ring  # this one, anew
    python benchmarks/modes.py --steps 20 --seeds 2 --recipes gan-modes --no-write
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

import ganlib
from benchmarks import common
from benchmarks.common import mean, shown
from ganlib import GanlibError, recipes, viz
from ganlib.data.toy import GaussianMixture
from ganlib.device import resolve
from ganlib.gans import schedules
from ganlib.gans.base import GAN
from ganlib.metrics.modes import mode_coverage
from ganlib.recipes import Recipe

FIGURE = Path(__file__).parents[1] / "book" / "figures" / "modes.py"
SAMPLES = 2500
LAWS = ("ring", "grid")
MEASURES = ("modes", "at least half", "high quality", "reverse KL")
SETTINGS = ("gan", "options", "steps", "batch", "ema", "schedule")


def entrants(law: str, steps: int | None = None) -> dict[str, Recipe]:
    """The recipes that compete on a law, by name.

    Args:
        law: one of `LAWS`.
        steps: for so long instead of what the recipe says, but for one whose rates follow its own steps.
    """
    found = {name: r for name, r in recipes.shipped().items() if r.modes and r.data in (None, law)}
    return {name: replace(r, steps=steps) if steps and not r.schedule else r for name, r in found.items()}


def settings(recipe: Recipe) -> dict[str, Any]:
    """What a row depends on."""
    return {key: getattr(recipe, key) for key in SETTINGS}


# Mean and standard error of modes, of the share of high quality in percent, and of the reverse KL in nats.
LIN, SRIVASTAVA = "Lin 2018", "Srivastava 2017"  # table 1 of either
PUBLISHED = {
    "ring": [
        ("GAN", LIN, (6.3, 0.5), (98.2, 0.2), (0.45, 0.09)),
        ("ALI", LIN, (6.6, 0.3), (97.6, 0.4), (0.36, 0.04)),
        ("PacGAN, m = 2", LIN, (7.9, 0.1), (95.6, 2.0), (0.07, 0.03)),
        ("PacGAN, m = 3", LIN, (7.8, 0.1), (97.7, 0.3), (0.10, 0.02)),
        ("PacGAN, m = 4", LIN, (7.8, 0.1), (95.9, 1.4), (0.07, 0.02)),
        ("GAN", SRIVASTAVA, (1.0,), (99.3,), ()),
        ("ALI", SRIVASTAVA, (2.8,), (0.13,), ()),
        ("Unrolled GAN", SRIVASTAVA, (7.6,), (35.6,), ()),
        ("VEEGAN", SRIVASTAVA, (8.0,), (52.9,), ()),
    ],
    "grid": [
        ("GAN", LIN, (17.3, 0.8), (94.8, 0.7), (0.70, 0.07)),
        ("ALI", LIN, (24.1, 0.4), (95.7, 0.6), (0.14, 0.03)),
        ("PacGAN, m = 2", LIN, (23.8, 0.7), (91.3, 0.8), (0.13, 0.04)),
        ("PacGAN, m = 3", LIN, (24.6, 0.4), (94.2, 0.4), (0.06, 0.02)),
        ("PacGAN, m = 4", LIN, (24.8, 0.2), (93.6, 0.6), (0.04, 0.01)),
        ("GAN", SRIVASTAVA, (3.3,), (0.5,), ()),
        ("ALI", SRIVASTAVA, (15.8,), (1.6,), ()),
        ("Unrolled GAN", SRIVASTAVA, (23.6,), (16.0,), ()),
        ("VEEGAN", SRIVASTAVA, (24.6,), (40.0,), ()),
    ],
}
PUBLISHED_STEPS = 400_000  # in the first of the two tables
GOAL = {"ring": 8.0, "grid": 24.8}  # modes, with 95 % of high quality


# -- measuring ---------------------------------------------------------------------------------------------------------
NOTHING = {"modes": 0.0, "at least half": 0, "high quality": 0.0, "reverse KL": None}


def judged(gan: GAN, law: GaussianMixture, z: Tensor) -> dict[str, float | None]:
    """The four measures of one run; one that is not finite has found nothing."""
    samples = gan.sample(z=z).cpu()
    if not samples.isfinite().all():
        return dict(NOTHING)
    found = mode_coverage(samples, law, allow_small=True)
    said = {"modes": found.value} | {name: found.details[name] for name in MEASURES[1:]}
    return {name: None if math.isnan(value) else value for name, value in said.items()}  # JSON knows no NaN


def measure(
    recipe: Recipe, law: str | GaussianMixture, seeds: int, looks: int, device: torch.device, progress: bool = False
) -> dict[str, Any]:
    """Play one recipe on one law, all seeds at once.

    Args:
        recipe: the row.
        law: the law or its name.
        seeds: how many.
        looks: how often to judge on the way, evenly spaced, the end included.
        device: where.
        progress: show a bar.

    Returns:
        A JSON-able entry: title, settings, the measures of each seed at the end, their means on the way.
    """
    law = ganlib.load(law) if isinstance(law, str) else law
    runs = ganlib.Seeds(
        lambda: ganlib.build(recipe.gan, law.shape, **recipe.options),
        law,
        recipe.batch,
        range(seeds),
        device=device,
        learning_rate=schedules.read(recipe.schedule) if recipe.schedule else None,
        ema_half_life=recipe.ema or None,
        progress=progress,
    )
    z = torch.randn(SAMPLES, runs.gans[0].latent_dim, generator=torch.Generator().manual_seed(0)).to(device)
    curve = {"step": [], "modes": [], "high quality": []}
    for look in range(1, looks + 1):
        due = recipe.steps * look // looks - runs.step
        try:
            if due:
                runs.fit(due)
        except GanlibError:
            if len(runs.diverged) < seeds:
                raise
        lost = [seed in runs.diverged for seed in runs.seeds]
        ends = [dict(NOTHING) if gone else judged(gan, law, z) for gan, gone in zip(runs.averaged, lost, strict=True)]
        curve["step"].append(runs.step)
        for key in ("modes", "high quality"):
            curve[key].append(mean([end[key] for end in ends]))
        if len(runs.diverged) == seeds:
            break
    return {
        "title": recipe.modes,
        "settings": settings(recipe),
        "diverged": len(runs.diverged),
        **{key: [end[key] for end in ends] for key in MEASURES},
        "curve": curve,
    }


# -- the record --------------------------------------------------------------------------------------------------------
def missing(record: dict[str, Any], law: str, steps: int | None = None) -> list[Recipe]:
    """The recipes that the record lacks on a law, or has with other settings."""
    has = record["results"][law]
    wanted = entrants(law, steps)
    return [r for name, r in wanted.items() if name not in has or has[name]["settings"] != settings(r)]


def reached(record: dict[str, Any]) -> list[str]:
    """The titles that meet the goal on both laws."""
    good = [
        {
            entry["title"]
            for entry in record["results"][law].values()
            if mean(entry["modes"])[0] >= GOAL[law] and mean(entry["high quality"])[0] >= 0.95
        }
        for law in LAWS
    ]
    return sorted(good[0] & good[1])


# -- the report --------------------------------------------------------------------------------------------------------
def part(values: Sequence[float | None]) -> str:
    """How many of the seeds have a value, if not all have."""
    there = sum(value is not None for value in values)
    return "" if there in (0, len(values)) else f" ({there}/{len(values)} seeds)"


TITLES = {law: f"{law.capitalize()} of {n} modes, {{seeds}} seeds" for law, n in (("ring", 8), ("grid", 25))}
HEAD = ["Method", "Steps", "Modes", "With half their share", "High quality, %", "Reverse KL, nats"]


def tables(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """For each law what was measured, what was published, the perfect sampler; `tools/records.py` reads them."""
    made = {}
    for name in LAWS:
        law = ganlib.load(name)
        best = mode_coverage(law.sample(SAMPLES, torch.Generator().manual_seed(0)), law).details
        modes = f"{best['modes']:.1f}"
        quality, divergence = f"{100 * best['high quality ceiling']:.2f}", f"{best['reverse KL floor']:.4f}"
        perfect = ["a perfect sampler", "–", modes, modes, quality, divergence]
        rows = []
        for entry in record["results"][name].values():
            found = {measure: mean(entry[measure]) for measure in MEASURES}
            rows.append([
                entry["title"],
                f"{entry['settings']['steps']:,}",
                shown(found["modes"], 1),
                shown(found["at least half"], 1),
                shown(found["high quality"], 1, 100),
                shown(found["reverse KL"], 3) + part(entry["reverse KL"]),
            ])  # fmt: skip
        for title, source, found, quality, divergence in PUBLISHED[name]:
            steps = f"{PUBLISHED_STEPS:,}" if source == LIN else "–"
            digits = 2 if quality[0] < 1 else 1  # as printed
            rows.append([
                f"{title} ({source})",
                steps,
                shown(found, 1),
                "–",
                shown(quality, digits),
                shown(divergence, 2),
            ])  # fmt: skip
        made[name] = {"title": TITLES[name], "head": HEAD, "rows": [*rows, perfect], "floor": True}
    return made


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    protocol = record["protocol"]
    parts = [
        f"{common.where(record)} {protocol['seeds']} seeds, {protocol['samples']:,} samples of each at the end; means "
        "± standard errors over the seeds. A step is one of the generator. In brackets: table 1 of Lin et al. (2018) "
        "and of Srivastava et al. (2017).\n"
    ]
    for found in tables(record).values():
        parts.append(common.markdown([found["title"].format(**protocol), *found["head"][1:]], found["rows"]))
    parts.append(
        f"{GOAL['ring']:.1f} modes of the ring and at least {GOAL['grid']} of the grid, both at 95 % of high quality "
        f"or more: {', '.join(reached(record)) or 'no method here'}.\n"
    )
    rows = [
        [name, law, *(f"{entry['settings'][key]}" for key in ("gan", "batch", "ema", "schedule")), _words(entry)]
        for law in LAWS
        for name, entry in record["results"][law].items()
    ]
    if rows:
        parts.append(common.markdown(["recipe", "law", "gan", "batch", "ema", "schedule", "options"], rows, words=7))
    lost = [
        f"{entry['title']} on the {law}: {entry['diverged']}"
        for law in LAWS
        for entry in record["results"][law].values()
        if entry["diverged"]
    ]
    if lost:
        parts.append("Runs that became infinite or NaN, counted as 0 modes: " + "; ".join(lost) + ".\n")
    return "\n".join(parts)


def _words(entry: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in entry["settings"]["options"].items())


def _style(titles: Sequence[str], title: str) -> dict[str, Any]:
    """A colour for each title, the same in both panels."""
    turn, i = divmod(titles.index(title), len(viz.COLORS))
    return {"color": viz.COLORS[i], "linestyle": ("-", "--", ":")[turn % 3]}


def figure(record: dict[str, Any]) -> Any:
    """Modes found against steps, one panel a law; bands are standard errors, the dotted line is all modes."""
    fig, panels = viz.panels(len(LAWS), width=4.8, height=3.6)
    titles = list(dict.fromkeys(entry["title"] for law in LAWS for entry in record["results"][law].values()))
    for law, panel in zip(LAWS, panels, strict=True):
        for entry in record["results"][law].values():
            steps = entry["curve"]["step"]
            means, errors = zip(*((each[0], *each[1:], 0)[:2] for each in entry["curve"]["modes"]), strict=True)
            style = _style(titles, entry["title"])
            panel.plot(steps, means, label=entry["title"], **style)
            low, high = ([m + sign * e for m, e in zip(means, errors, strict=True)] for sign in (-1, 1))
            panel.fill_between(steps, low, high, color=style["color"], alpha=0.15, linewidth=0)
        modes = len(ganlib.load(law).modes)
        panel.axhline(modes, color="#888888", linestyle=":", linewidth=1)
        panel.set(xlabel="steps", xscale="log", ylim=(0, 1.05 * modes), title=f"{law}: {modes} modes")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("modes found, mean over the seeds")
    named = {label: line for panel in panels for line, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    panels[-1].legend(named.values(), named, loc="center left", bbox_to_anchor=(1.02, 0.5))
    return fig


def draw() -> None:
    """The site's figure, in both languages."""
    subprocess.run([sys.executable, FIGURE], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, help="of the generator, where a recipe's rates stay (default: its own)")
    parser.add_argument("--seeds", type=int, default=10, help="how many (default %(default)s)")
    parser.add_argument("--looks", type=int, default=25, help="points of the curves (default %(default)s)")
    known = sorted({name for law in LAWS for name in entrants(law)})
    parser.add_argument("--recipes", nargs="+", choices=known, help="these anew (default: all that are missing)")
    parser.add_argument("--data", nargs="+", choices=LAWS, default=list(LAWS), help="default: both")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--no-write", action="store_true", help="print only, and keep nothing")
    args = parser.parse_args()
    device, write = resolve(args.device), not args.no_write
    if min(args.steps or 1, args.seeds, args.looks) < 1:
        parser.error("--steps, --seeds and --looks were given as less than 1")
    empty = {"protocol": {"seeds": args.seeds, "samples": SAMPLES}, "results": {law: {} for law in LAWS}}
    record, fresh = empty, args.fresh
    try:
        record = common.begun("modes", empty, device) if write and not fresh else empty
    except GanlibError as error:
        parser.error(str(error))
    if idle := [name for name in args.recipes or () if all(name not in entrants(law) for law in args.data)]:
        parser.error(f"{', '.join(idle)} does not play on {' nor on '.join(args.data)}")
    for law in args.data:
        wanted = entrants(law, args.steps)
        again = [wanted[name] for name in args.recipes or () if name in wanted]
        for recipe in again if args.recipes else missing(record, law, args.steps):
            machine = common.machine(device) | {"commit": common.commit()}
            entry = measure(recipe, law, args.seeds, args.looks, device, sys.stderr.isatty())
            if write and not fresh:  # another run may have kept rows meanwhile
                record = common.begun("modes", empty, device)
            fresh = False
            record["results"][law][recipe.name] = entry | {"machine": machine}
            order = [name for name in wanted if name in record["results"][law]]
            record["results"][law] = {name: record["results"][law][name] for name in order}
            record = {"benchmark": "modes", **machine} | {key: record[key] for key in ("protocol", "results")}
            record["tables"] = tables(record)
            common.finish(record, table(record), write)
            if write:
                name = "modes" if record["device"] == "cpu" else "modes-gpu"
                figure(record).savefig(common.RESULTS / f"{name}.svg", metadata={"Date": None})
    if write and device.type == "cpu":
        draw()


if __name__ == "__main__":
    main()
