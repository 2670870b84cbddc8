"""What do many seeds cost together, against one alone?

A GAN of two hidden layers of 128 on the ring of eight Gaussians, batch 128: `ganlib.training.Seeds` with 1, 3, 10 and
30 seeds, and `ganlib.Trainer` with one. They take turns in one process, so that a machine whose speed drifts favours
none of them.

    python benchmarks/seeds.py  # prints and writes benchmarks/results/seeds.{json,md}
    python benchmarks/seeds.py --steps 20 --rounds 3 --no-write
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import torch

import ganlib
from ganlib.device import resolve
from ganlib.gans.gan import VanillaGAN
from ganlib.models.mlp import MLPDiscriminator, MLPGenerator
from ganlib.training import Seeds

RESULTS = Path(__file__).parent / "results"
LATENT_DIM, WIDTHS = 64, (128, 128)


def build() -> VanillaGAN:
    """The game: 2×128 networks without batch normalisation, for points of the plane."""
    generator = MLPGenerator((2,), LATENT_DIM, WIDTHS, batch_norm=False, bounded=False)
    return VanillaGAN(generator, MLPDiscriminator((2,), WIDTHS), LATENT_DIM)


def seconds(fit, steps: int, device: torch.device) -> float:
    """Time of `steps` steps."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    fit(steps)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(steps: int, rounds: int, batch: int, counts: Sequence[int], device: torch.device) -> dict:
    """Time the runs in turn.

    Returns:
        A JSON-able record: per number of seeds the median milliseconds per step and the time relative to one alone.
    """
    data = ganlib.load("ring")
    ganlib.seed(0)
    runs = {"alone": ganlib.Trainer(build(), data, batch, device=device, progress=False)}
    runs |= {str(n): Seeds(build, data, batch, range(n), device=device, progress=False) for n in counts}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run.fit(max(5, steps // 5))
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(seconds(run.fit, steps, device) / steps)
    return {
        "benchmark": "seeds",
        "network": "generator 64-128-128-2, discriminator 2-128-128-1",
        "batch": batch,
        "steps": steps,
        "rounds": rounds,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "ms_per_step": {name: 1e3 * statistics.median(t) for name, t in times.items()},
        "relative": {
            name: statistics.median(a / b for a, b in zip(t, times["alone"], strict=True)) for name, t in times.items()
        },
    }


def table(record: dict) -> str:
    """The record as Markdown."""
    lines = [
        f"Device {record['device']}, {record['threads']} threads, torch {record['torch']}, batch {record['batch']}, "
        f"{record['rounds']} rounds of {record['steps']} steps in turn, medians. {record['network'].capitalize()}.",
        "",
        "| seeds | ms per step | time relative to one alone | time per seed |",
        "|---|---:|---:|---:|",
    ]
    for name, ms in record["ms_per_step"].items():
        n, ratio = 1 if name == "alone" else int(name), record["relative"][name]
        lines.append(f"| {'one alone' if name == 'alone' else name} | {ms:.2f} | {ratio:.2f} | {ratio / n:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50, help="steps per round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds (default %(default)s)")
    parser.add_argument("--batch", type=int, default=128, help="batch size (default %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 3, 10, 30], help="how many (default 1 3 10 30)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--no-write", action="store_true", help="print only")
    args = parser.parse_args()
    record = measure(args.steps, args.rounds, args.batch, args.seeds, resolve(args.device))
    print(table(record))
    if not args.no_write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "seeds.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        (RESULTS / "seeds.md").write_text(table(record), encoding="utf-8")


if __name__ == "__main__":
    main()
