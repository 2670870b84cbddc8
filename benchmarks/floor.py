"""How far is a training step from what the device could do? Its floor, counted, against the time it takes.

For every operation of one step the FLOPs and the bytes that it reads and writes are counted. The device's peak FLOP/s
(a large matrix product, in each precision used) and its bandwidth (a large copy) are measured. The floor is then

    Σ over operations  max(FLOPs / peak, bytes / bandwidth),

the time that this sequence of operations needs if each is limited by arithmetic or by memory alone.

What it leaves out makes it no strict bound. On the low side: launching an operation costs nothing, every shape reaches
the peak of a large matrix product, batch normalisation reads its input once. On the high side: every operation fetches
its inputs from memory, though small tensors stay in the caches (on a CPU, where a layer's output may fit in them, the
floor of such operations can be beaten), and nothing is fused, though a compiler can merge neighbours. A convolution is
counted as a direct one; FFT and Winograd need fewer FLOPs.

    python benchmarks/floor.py  # prints and writes benchmarks/results/floor.{json,md}
    python benchmarks/floor.py --games mlp --steps 5 --rounds 1 --no-write
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

sys.path.insert(0, str(Path(__file__).parents[1]))

import ganlib
from benchmarks import common
from benchmarks.throughput import GAMES, ON_CPU
from ganlib.device import resolve

ONLY_ALLOCATE = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "resize_"}
ONLY_WRITE = {"copy_", "fill_", "zero_", "normal_", "uniform_", "random_", "_foreach_zero_"}
GATHER = {"index", "index_select", "embedding", "gather"}  # read what they return, not all they could


class Count(TorchDispatchMode):
    """Counts, while it is entered, per operation and type of number: calls, FLOPs, bytes, each call's own floor.

    Args:
        peak: FLOP/s by dtype; types that are missing count as float32.
        bandwidth: bytes/s.
    """

    def __init__(self, peak: dict[torch.dtype, float], bandwidth: float):
        super().__init__()
        self.peak, self.bandwidth = peak, bandwidth
        self.found: dict[str, dict[str, float]] = defaultdict(
            lambda: dict.fromkeys(("calls", "flops", "bytes", "s"), 0)
        )

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        moved = traffic(func, args, kwargs, out)
        if moved:
            formula = flop_registry.get(func._overloadpacket)
            flops = formula(*args, **kwargs, out_val=out) if formula else 0
            dtype = next((t.dtype for t in tensors((args, kwargs, out)) if t.is_floating_point()), torch.float32)
            row = self.found[f"{func._overloadpacket._qualified_op_name.split('::')[1]}, {str(dtype)[6:]}"]
            peak = self.peak.get(dtype, self.peak[torch.float32])
            for key, value in (("calls", 1), ("flops", flops), ("bytes", moved)):
                row[key] += value
            row["s"] += max(flops / peak, moved / self.bandwidth)
        return out


def tensors(tree: Any) -> Iterator[Tensor]:
    """The tensors in nested arguments or results."""
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def size(tensor: Tensor) -> int:
    """Bytes that lie in memory; an expanded tensor is smaller than its shape says."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def traffic(func: Any, args: tuple, kwargs: dict, out: Any) -> int:
    """Bytes that one operation must read and write; 0 for views and for those that only allocate."""
    name = func._schema.name.split("::")[1]
    if func.is_view or name in ONLY_ALLOCATE:
        return 0
    written, inputs, reads, writes = set(), set(), 0, 0
    for position, argument in enumerate(func._schema.arguments):
        value = args[position] if position < len(args) else kwargs.get(argument.name)
        # Fused optimisers may write to the gradients, but do so only to undo a scale.
        changes = argument.alias_info is not None and argument.alias_info.is_write and argument.name != "grads"
        for tensor in tensors(value):
            inputs.add(id(tensor))
            if changes and id(tensor) not in written:
                written.add(id(tensor))
                writes += size(tensor)
            unread = name.endswith("_like") or (changes and name in ONLY_WRITE)
            if not unread and not (name in GATHER and argument.name == "self"):
                reads += size(tensor)
    made = sum(size(tensor) for tensor in tensors(out) if id(tensor) not in inputs)
    return reads + writes + made + (made if name in GATHER else 0)


# -- what the device can do --------------------------------------------------------------------------------------------
def bandwidth(device: torch.device, bytes_: int | None = None) -> float:
    """Bytes/s of a copy, read and written, the best of a few."""
    n = bytes_ or (2**31 if device.type == "cuda" else 2**28)
    a, b = (torch.zeros(n // 4, device=device) for _ in range(2))
    times = [common.seconds(lambda: b.copy_(a), device) for _ in range(6)]
    return 2 * n / min(times[1:])


# -- one game ----------------------------------------------------------------------------------------------------------
def precisions(game: str, device: torch.device) -> list[str]:
    """In which precisions a game is reported."""
    if device.type != "cuda":
        return ["fp32"]
    return ["fp32", common.half(device)] if game == "dcgan-64" else ["auto"]


def floor(
    game: str, precision: str, batch: int, steps: int, rounds: int, device: torch.device, images: int = 4096
) -> dict[str, Any]:
    """Count and time one game."""
    ganlib.seed(0)
    data = GAMES[game].images(images)

    def trainer(**settings: Any) -> ganlib.Trainer:
        gan = GAMES[game].build(data.shape)
        return ganlib.Trainer(gan, data, batch, device=device, precision=precision, progress=False, **settings)

    eager = trainer(graphs=False).fit(2)
    with eager.engine.running():  # the peak under the rules for rounding that hold in training
        peak = {dtype: common.peak_flops(dtype, device) for dtype in (torch.float32, *half(eager.engine.precision))}
    rate = bandwidth(device)
    counts = []
    for n in (1, 2):  # their difference is one step, without what `fit` does at its end
        with Count(peak, rate) as count:
            eager.fit(n)
        counts.append(count.found)
    operations = {
        name: {key: value - counts[0].get(name, {}).get(key, 0) for key, value in row.items()}
        for name, row in counts[1].items()
    }
    operations = {name: row for name, row in operations.items() if row["calls"]}
    timed = trainer()
    steps = max(2, round(steps * GAMES[game].share))
    taken = statistics.median(common.in_turn({"": timed.fit}, steps, rounds, device)[""])
    total = sum(row["s"] for row in operations.values())
    return {
        "title": GAMES[game].title,
        "precision": timed.engine.precision,
        "peak_gflops": {str(dtype)[6:]: value / 1e9 for dtype, value in peak.items()},
        "bandwidth_gb_s": rate / 1e9,
        "gflop": sum(row["flops"] for row in operations.values()) / 1e9,
        "mb": sum(row["bytes"] for row in operations.values()) / 1e6,
        "calls": sum(row["calls"] for row in operations.values()),
        "floor_ms": 1e3 * total,
        "measured_ms": 1e3 * taken,
        "ratio": total / taken,
        "operations": dict(sorted(operations.items(), key=lambda item: -item[1]["s"])[:10]),
    }


def half(precision: str) -> list[torch.dtype]:
    """The half-precision type that autocast uses, if any."""
    return {"bf16": [torch.bfloat16], "fp16": [torch.float16]}.get(precision, [])


def measure(steps: int, rounds: int, batch: int, device: torch.device, games: Sequence[str], **sizes: int) -> dict:
    """The floors of several games, as a JSON-able record."""
    found = [
        floor(game, precision, batch, steps, rounds, device, **sizes)
        for game in games
        for precision in precisions(game, device)
    ]
    return {"benchmark": "floor", **common.machine(device), "batch": batch, "rounds": rounds, "games": found}


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    parts = [f"{common.where(record)} Batch {record['batch']}; the time is a median of {record['rounds']} rounds.\n"]
    rows = [
        [
            game["title"],
            game["precision"],
            f"{game['gflop']:.2f}",
            f"{game['mb']:,.0f}",
            f"{game['calls']:.0f}",
            f"{game['floor_ms']:.2f}",
            f"{game['measured_ms']:.2f}",
            f"{100 * game['ratio']:.0f} %",
        ]
        for game in record["games"]
    ]
    header = ["one step of", "precision", "GFLOP", "MB", "operations", "floor, ms", "measured, ms", "floor / measured"]
    parts.append(common.markdown(header, rows, words=2))
    for game in record["games"]:
        peaks = ", ".join(f"{value:,.0f} GFLOP/s in {dtype}" for dtype, value in game["peak_gflops"].items())
        title = f"**{game['title']}, {game['precision']}**: peak {peaks}; {game['bandwidth_gb_s']:,.1f} GB/s."
        parts.append(f"{title} The ten operations with the highest floors:\n")
        rows = [
            [
                f"`{name}`",
                f"{row['calls']:.0f}",
                f"{row['flops'] / 1e9:.2f}",
                f"{row['bytes'] / 1e6:,.1f}",
                f"{1e3 * row['s']:.3f}",
                f"{1e5 * row['s'] / game['floor_ms']:.0f} %",
            ]
            for name, row in game["operations"].items()
        ]
        parts.append(common.markdown(["operation", "calls", "GFLOP", "MB", "floor, ms", "share"], rows))
    return "\n".join(parts)


def main() -> None:
    parser = common.options(__doc__, steps=50, rounds=5)
    parser.add_argument("--batch", type=int, default=64, help="batch size (default %(default)s)")
    parser.add_argument("--games", nargs="+", choices=GAMES, help="default: all; on a CPU all but DCGAN-64")
    args = parser.parse_args()
    device = resolve(args.device)
    games = args.games or (GAMES if device.type == "cuda" else ON_CPU)
    record = measure(args.steps, args.rounds, args.batch, device, tuple(games))
    common.finish(record, table(record), not args.no_write)


if __name__ == "__main__":
    main()
