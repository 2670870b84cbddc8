"""How does cost grow? Seconds per 1,000 images and memory of DCGAN against resolution, batch size and width.

One factor at a time around a base point. Each configuration runs in a fresh process, so that its peak of memory is its
own: on a CPU the peak of the resident set from before the networks are made until the end, the data set included; on a
GPU what the allocator held at most. The exponent of an axis is the slope of a straight line through the logarithms.

    python benchmarks/growth.py  # prints and writes benchmarks/results/growth.{json,md,svg}
    python benchmarks/growth.py --resolutions 32 64 --batches 32 --widths 16 --seconds 1 --no-write
"""

from __future__ import annotations

import json
import math
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

import ganlib
from benchmarks import common
from ganlib import data, models, viz
from ganlib.data import avatars
from ganlib.device import resolve
from ganlib.gans.gan import VanillaGAN

AXES = {"resolution": (32, 64, 128, 256), "batch": (8, 32, 128), "width": (16, 32, 64)}
BASE = {"resolution": 64, "batch": 32, "width": 32}
LATENT = 100


# -- one configuration, in a process of its own ------------------------------------------------------------------------
def resident(peak: bool) -> int:
    """Bytes of this process in memory, now or at most so far."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:  # not Linux; a peak is all that there is
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    # Not getrusage: a child begins there with its parent's peak.
    wanted = "VmHWM" if peak else "VmRSS"
    return 1024 * int(next(line for line in status.splitlines() if line.startswith(wanted)).split()[1])


def trainer(resolution: int, batch: int, width: int, device: torch.device, images: int) -> ganlib.Trainer:
    """DCGAN on avatars."""
    faces = avatars.lots(images, torch.Generator().manual_seed(0))
    pixels = avatars.render(faces, resolution, device)
    networks = models.networks("dcgan", tuple(pixels.shape[1:]), LATENT, width=width)
    return ganlib.Trainer(VanillaGAN(*networks, LATENT), data.Images(pixels), batch, device=device, progress=False)


def one(
    resolution: int, batch: int, width: int, device: torch.device, steps: int, rounds: int, enough: float
) -> dict[str, Any]:
    """Train one configuration: seconds per 1,000 images, peak of memory in bytes; 0 steps are `enough` seconds."""
    ganlib.seed(0)
    trainer(16, 8, 4, device, 16).fit(5)  # what is loaded on first use is not this configuration's
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    else:
        before = resident(peak=False)
    played = trainer(resolution, batch, width, device, images=256)
    first = common.seconds(lambda: played.fit(2), device) / 2
    if device.type == "cuda":
        played.fit(10)  # graphs are captured and algorithms chosen
        first = common.seconds(lambda: played.fit(10), device) / 10
    steps = steps or max(1, round(enough / rounds / first))
    times = common.in_turn({"": played.fit}, steps, rounds, device)[""]
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else resident(peak=True)
    return {
        "seconds_per_1000": 1000 * statistics.median(times) / batch,
        "memory": peak - before,
        "parameters": sum(p.numel() for p in played.gan.parameters()),
        "steps": steps * rounds,
    }


# -- all of them -------------------------------------------------------------------------------------------------------
def grid(axes: dict[str, Sequence[int]]) -> list[dict[str, int]]:
    """The base point and what differs from it along one axis, each once."""
    found = [BASE | {axis: value} for axis, values in axes.items() for value in values]
    return [point for i, point in enumerate(found) if point not in found[:i]]


def exponent(xs: Sequence[float], ys: Sequence[float]) -> float:
    """p of the best fit y ~ x^p; NaN for fewer than two points."""
    return float(np.polyfit(np.log(xs), np.log(ys), 1)[0]) if len(xs) > 1 else math.nan


def measure(
    axes: dict[str, Sequence[int]], steps: int, rounds: int, enough: float, device: torch.device
) -> dict[str, Any]:
    """Run every configuration.

    Returns:
        A JSON-able record: the points, and per axis the exponents of time and of memory.
    """
    points = []
    for point in grid(axes):
        job = json.dumps(point | {"device": str(device), "steps": steps, "rounds": rounds, "enough": enough})
        out = subprocess.run([sys.executable, __file__, "--one", job], stdout=subprocess.PIPE, text=True, check=True)
        points.append(point | json.loads(out.stdout.splitlines()[-1]))
    exponents = {
        axis: {
            key: exponent(*zip(*[(p[axis], p[key]) for p in along(points, axis)], strict=True))
            for key in ("seconds_per_1000", "memory")
        }
        for axis in axes
    }
    head = {"benchmark": "growth", **common.machine(device), "network": "dcgan", "images": "avatars", "rounds": rounds}
    return {**head, "base": BASE, "points": points, "exponents": exponents}


def along(points: list[dict[str, Any]], axis: str) -> list[dict[str, Any]]:
    """The points that differ from the base along one axis, the base included, in order."""
    found = [p for p in points if all(p[other] == value for other, value in BASE.items() if other != axis)]
    return sorted(found, key=lambda p: p[axis])


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    base = ", ".join(f"{axis} {value}" for axis, value in record["base"].items())
    parts = [
        f"{common.where(record)} DCGAN on avatars, one factor at a time around {base}; medians of {record['rounds']} "
        "rounds, each configuration in a process of its own.\n"
    ]
    rows = []
    for axis in record["exponents"]:
        for point in along(record["points"], axis):
            rows.append(
                [
                    axis,
                    str(point[axis]),
                    f"{point['parameters']:,}",
                    f"{point['seconds_per_1000']:.2f}",
                    f"{point['memory'] / 1e6:,.0f}",
                ]
            )
    header = ["axis", "value", "parameters", "seconds per 1,000 images", "peak of memory, MB"]
    parts.append(common.markdown(header, rows))
    parts.append("Fitted y ~ x^p:\n")
    rows = [[axis, f"{p['seconds_per_1000']:.2f}", f"{p['memory']:.2f}"] for axis, p in record["exponents"].items()]
    parts.append(common.markdown(["axis x", "p of seconds per 1,000 images", "p of memory"], rows))
    return "\n".join(parts)


def figure(record: dict[str, Any]) -> Any:
    """Time and memory relative to the base point, along each axis, all scales logarithmic, with the fitted lines."""
    axes = list(record["exponents"])
    (base,) = [p for p in record["points"] if all(p[axis] == value for axis, value in BASE.items())]
    units = {
        "seconds_per_1000": ("time per image", f"1 = {base['seconds_per_1000']:.3g} s per 1,000 images", "o"),
        "memory": ("peak of memory", f"1 = {base['memory'] / 1e6:.0f} MB", "s"),
    }
    names = {"resolution": "resolution in pixels", "batch": "batch size", "width": "width in channels"}
    fig, panels = viz.panels(len(axes), width=3.7, height=3.4)
    for axis, panel in zip(axes, panels, strict=True):
        points = along(record["points"], axis)
        xs = np.array([p[axis] for p in points], float)
        for color, (key, (name, _, marker)) in zip(viz.COLORS, units.items(), strict=False):
            ys = np.array([p[key] for p in points]) / base[key]
            power = record["exponents"][axis][key]
            fit = np.exp(np.log(ys).mean()) * (xs / np.exp(np.log(xs).mean())) ** power
            panel.plot(xs, fit, color=color, linewidth=1.2)
            panel.plot(xs, ys, marker, color=color, label=f"{name} ~ {axis}$^{{{power:.2f}}}$")
        panel.set(xscale="log", yscale="log", xlabel=names[axis])
        panel.set_xticks(xs, [f"{x:.0f}" for x in xs])
        panel.minorticks_off()
    low, high = (f(panel.get_ylim()[i] for panel in panels) for i, f in enumerate((min, max)))
    for panel in panels:
        panel.set_ylim(low, 2.5 * high)  # room for the legend
        ticks = [10.0**k * m for k in range(-4, 5) for m in (1, 3) if low <= 10.0**k * m <= 2.5 * high]
        panel.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        panel.legend(loc="upper left", borderaxespad=0, handletextpad=0.2)
    panels[0].set_ylabel("\n".join(["cost relative to the base point", *(unit for _, unit, _ in units.values())]))
    return fig


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        job = json.loads(sys.argv[2])
        print(json.dumps(one(**job | {"device": torch.device(job["device"])})))
        return
    parser = common.options(__doc__, steps=0, rounds=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long --steps 0 lasts (default %(default)s)")
    for axis, values in AXES.items():
        name = f"--{axis}es" if axis == "batch" else f"--{axis}s"
        parser.add_argument(name, type=int, nargs="+", default=list(values), dest=axis)
    args = parser.parse_args()
    record = measure(
        {axis: getattr(args, axis) for axis in AXES}, args.steps, args.rounds, args.seconds, resolve(args.device)
    )
    common.finish(record, table(record), not args.no_write)
    if not args.no_write:
        name = "growth" if record["device"] == "cpu" else "growth-gpu"
        figure(record).savefig(common.RESULTS / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
