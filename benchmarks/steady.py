"""What a training step is made of once it runs: the profiler's top operations, and that the host never waits.

A window of steps in the middle of a run, between two reads of the losses, is profiled. No operation of it may make the
host wait for the device or copy between the two; if one does, it is named and the command fails. On a CPU the same is
asked, since a step without `.item()` there is one without it on a GPU; only what fused Adam's own kernel does is left
out: on a CPU it reads its counts of steps, one per parameter, from memory, and on a GPU it leaves them on the device.

    python benchmarks/steady.py  # prints and writes benchmarks/results/steady.{json,md}
    python benchmarks/steady.py --games mlp --steps 5 --no-write
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).parents[1]))

import ganlib
from benchmarks import common
from benchmarks.throughput import GAMES, ON_CPU
from ganlib.device import resolve

# `.item()`, `if tensor:` and `nonzero` read a number from the device; the rest is how CUDA shows waiting and copying.
WAITS = (
    "aten::item",
    "aten::_local_scalar_dense",
    "aten::is_nonzero",
    "aten::nonzero",
    "cudaStreamSynchronize",
    "cudaEventSynchronize",
    "cudaMemcpy",
    "Memcpy HtoD",
    "Memcpy DtoH",
)
OWN = "aten::_fused_adam_"
WARM_UP = 8  # steps before the window: CUDA graphs are captured by then


def waits(events: Iterable[Any], device: torch.device) -> dict[str, int]:
    """How often the host waits for the device or copies between the two, by the name of the profiled event."""
    found: Counter[str] = Counter()
    for event in events:
        # cudaMemcpyAsync also copies within the device; where it does not, its kernel says HtoD or DtoH.
        if any(event.name == wait or (" " in wait and event.name.startswith(wait)) for wait in WAITS):
            around = event.cpu_parent
            while around is not None and around.name != OWN:
                around = around.cpu_parent
            if around is None or device.type != "cpu":
                found[event.name] += 1
    return dict(found)


def window(trainer: ganlib.Trainer, steps: int) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Profile `steps` steps of a trainer whose log_every is larger than WARM_UP + steps.

    Returns:
        Per operation name, calls and microseconds of its own per step, on the host and on the device, the most
        expensive first; and what `waits` found.
    """
    cuda = trainer.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    profiler, start = profile(activities=activities, acc_events=True), trainer.step + WARM_UP

    def turn(trainer: ganlib.Trainer) -> None:
        if trainer.step == start:
            if cuda:
                torch.cuda.synchronize(trainer.device)
            profiler.start()
        elif trainer.step == start + steps:
            profiler.stop()

    trainer.callbacks.append(turn)
    try:
        trainer.fit(WARM_UP + steps)
    finally:
        trainer.callbacks.remove(turn)
    rows = [
        {
            "name": event.key,
            "calls": event.count / steps,
            "host_us": event.self_cpu_time_total / steps,
            "device_us": event.self_device_time_total / steps,
        }
        for event in profiler.key_averages()
    ]
    rows.sort(key=lambda row: -(row["device_us"] if cuda else row["host_us"]))
    return rows, waits(profiler.events(), trainer.device)


def measure(steps: int, batch: int, device: torch.device, games: Sequence[str], images: int = 4096) -> dict[str, Any]:
    """Profile the games, as a JSON-able record: per game the fifteen most expensive operations and what waits."""
    found = {}
    for name in games:
        ganlib.seed(0)
        data = GAMES[name].images(images)
        gan = GAMES[name].build(data.shape)
        trainer = ganlib.Trainer(gan, data, batch, device=device, progress=False, log_every=2 * (WARM_UP + steps))
        rows, waiting = window(trainer, steps)
        found[name] = {
            "title": GAMES[name].title,
            "precision": trainer.engine.precision,
            "operations": rows[:15],
            "waits": waiting,
        }
    return {"benchmark": "steady", **common.machine(device), "batch": batch, "steps": steps, "games": found}


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    parts = [
        f"{common.where(record)} Batch {record['batch']}, {record['steps']} steps between two reads of the losses.\n"
    ]
    for game in record["games"].values():
        waiting = ", ".join(f"`{name}` {n / record['steps']:g} times a step" for name, n in game["waits"].items())
        verdict = f"the host waits: {waiting}." if waiting else "the host waits for nothing and copies nothing."
        parts.append(f"**{game['title']}, {game['precision']}**: {verdict}\n")
        rows = [
            [f"`{row['name']}`", f"{row['calls']:g}", f"{row['host_us']:,.0f}", f"{row['device_us']:,.0f}"]
            for row in game["operations"]
        ]
        parts.append(common.markdown(["operation", "calls a step", "own time, µs", "on the GPU, µs"], rows))
    return "\n".join(parts)


def main() -> None:
    parser = common.options(__doc__, steps=20, rounds=1)
    parser.add_argument("--batch", type=int, default=64, help="batch size (default %(default)s)")
    parser.add_argument("--games", nargs="+", choices=GAMES, help="default: all; on a CPU all but DCGAN-64")
    args = parser.parse_args()
    device = resolve(args.device)
    games = args.games or (GAMES if device.type == "cuda" else ON_CPU)
    record = measure(args.steps, args.batch, device, tuple(games))
    common.finish(record, table(record), not args.no_write)
    if any(game["waits"] for game in record["games"].values()):
        sys.exit("the host waits for the device within a steady step")


if __name__ == "__main__":
    main()
