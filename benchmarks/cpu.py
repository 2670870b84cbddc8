"""Which settings pay on a CPU: threads, memory format, precision of products, Adam's form, OpenMP, compilation.

What can take turns in one process does; what is read once from the environment gets processes of its own, alone and
with a second training beside it, as on a laptop where two notebooks run.

    python benchmarks/cpu.py  # prints and writes benchmarks/results/cpu.{json,md}
    python benchmarks/cpu.py --parts threads adam --steps 5 --rounds 1 --no-write
"""

from __future__ import annotations

import contextlib
import functools
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

import ganlib
from benchmarks import common
from benchmarks.throughput import GAMES

BATCH = 64
CPU = torch.device("cpu")
WAITING = {
    "default": {},
    "GOMP_SPINCOUNT=20000": {"GOMP_SPINCOUNT": "20000"},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    "OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"},
}


def trainer(game: str, change: Callable[[ganlib.GAN], object] | None = None, **settings: Any) -> ganlib.Trainer:
    """A trainer of one of the games of benchmarks/throughput.py."""
    ganlib.seed(0)
    images = GAMES[game].images(2048)
    gan = GAMES[game].build(images.shape)
    if change:
        change(gan)
    return ganlib.Trainer(gan, images, BATCH, device=CPU, progress=False, **settings)


def turns(game: str, loops: dict[str, common.Loop], steps: int, rounds: int) -> dict[str, float]:
    """Milliseconds per step of loops in turn; a game's share of --steps as in benchmarks/throughput.py."""
    times = common.in_turn(loops, max(2, round(steps * GAMES[game].share)), rounds, CPU)
    return {name: 1e3 * statistics.median(t) for name, t in times.items()}


# -- the parts: each returns (game, setting) → milliseconds per step ---------------------------------------------------
def threads(game: str, steps: int, rounds: int) -> dict[str, float]:
    """torch.set_num_threads, from 1 to the number of cores."""
    before, played = torch.get_num_threads(), trainer(game)

    def loop(n: int) -> common.Loop:
        return lambda steps: (torch.set_num_threads(n), played.fit(steps))

    try:
        cores = os.cpu_count() or 1
        return turns(game, {f"{n} threads": loop(n) for n in sorted({1, 2, 4, 8, cores}) if n <= cores}, steps, rounds)
    finally:
        torch.set_num_threads(before)


def channels_last(game: str, steps: int, rounds: int) -> dict[str, float]:
    """Convolutions' weights, and with them all activations, as NHWC or NCHW."""
    loops = {}
    for name, layout in (("channels_last", torch.channels_last), ("contiguous", torch.contiguous_format)):
        played = trainer(game)
        played.gan.to(memory_format=layout)
        loops[name] = played.fit
    return turns(game, loops, steps, rounds)


def matmul(game: str, steps: int, rounds: int) -> dict[str, float]:
    """torch.set_float32_matmul_precision."""
    before, played = torch.get_float32_matmul_precision(), trainer(game)

    def loop(precision: str) -> common.Loop:
        return lambda steps: (torch.set_float32_matmul_precision(precision), played.fit(steps))

    try:
        return turns(game, {name: loop(name) for name in ("highest", "high", "medium")}, steps, rounds)
    finally:
        torch.set_float32_matmul_precision(before)


def adam(game: str, steps: int, rounds: int) -> dict[str, float]:
    """The three forms of torch.optim.Adam."""

    def form(**options: bool) -> Callable[[ganlib.GAN], None]:
        def change(gan: ganlib.GAN) -> None:
            gan.optimizer = lambda parameters, c=1.0: torch.optim.Adam(parameters, 2e-4, (0.5, 0.999), **options)

        return change

    forms = {"fused": form(fused=True), "foreach": form(foreach=True), "for loop": form(foreach=False)}
    return turns(game, {name: trainer(game, change).fit for name, change in forms.items()}, steps, rounds)


def compiled(game: str, steps: int, rounds: int) -> dict[str, float]:
    """Trainer(compile=True); the first two steps, in which it compiles, are reported apart."""
    eager, built = trainer(game), trainer(game, compile=True)
    first = common.seconds(lambda: built.fit(2), CPU)
    return {**turns(game, {"eager": eager.fit, "compiled": built.fit}, steps, rounds), "compiling, once": 1e3 * first}


def openmp(game: str, steps: int, rounds: int) -> dict[str, float]:
    """How OpenMP's threads wait for work: processes alone, and two at a time."""
    command = [sys.executable, __file__, "--worker", game]

    def both(pair: list[common.Worker], steps: int) -> None:
        for one in pair:
            one.begin(steps)
        for one in pair:
            one.wait()

    with contextlib.ExitStack() as stack:
        loops = {}
        for name, extra in WAITING.items():
            pair = [stack.enter_context(common.Worker(command, extra)) for _ in range(2)]
            loops[f"{name}, alone"] = pair[0]
            loops[f"{name}, two at a time"] = functools.partial(both, pair)
        return turns(game, loops, steps, rounds)


def worker(game: str) -> None:
    """A process of `openmp`: takes as many steps as each line of its input says, and prints a line when it is done."""
    played = trainer(game)
    for line in sys.stdin:
        played.fit(int(line))
        print("done", flush=True)


PARTS = {
    "threads": (threads, ("mlp", "dcgan-32", "wgan-gp")),
    "channels_last": (channels_last, ("dcgan-32", "dcgan-64")),
    "matmul": (matmul, ("mlp", "dcgan-32")),
    "adam": (adam, ("mlp", "dcgan-32")),
    "compile": (compiled, ("mlp", "dcgan-32")),
    "openmp": (openmp, ("mlp", "dcgan-32")),
}


def products() -> dict[str, bool]:
    """Whether a lower precision of products changes a product's or a convolution's bits on this CPU."""
    before = torch.get_float32_matmul_precision()
    torch.manual_seed(0)
    a, b = torch.randn(2, 256, 256)
    x, weight = torch.randn(8, 32, 16, 16), torch.randn(64, 32, 4, 4)
    made = {}
    try:
        for precision in ("highest", "high", "medium"):
            torch.set_float32_matmul_precision(precision)
            made[precision] = a @ b, torch.nn.functional.conv2d(x, weight)
    finally:
        torch.set_float32_matmul_precision(before)
    return {
        precision: not all(torch.equal(*pair) for pair in zip(made[precision], made["highest"], strict=True))
        for precision in ("high", "medium")
    }


def compiler() -> str:
    """The C++ compiler that torch.compile would use, or why there is none."""
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        command = get_cpp_compiler()
        return subprocess.check_output([command, "--version"], text=True).splitlines()[0]
    except Exception as error:
        return f"none ({type(error).__name__})"


def measure(steps: int, rounds: int, parts: list[str]) -> dict[str, Any]:
    """Time the parts.

    Returns:
        A JSON-able record: part → game → setting → milliseconds per step.
    """
    return {
        "benchmark": "cpu",
        **common.machine(CPU),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "batch": BATCH,
        "rounds": rounds,
        "matmul_changes_bits": products(),
        "compiler": compiler(),
        "ms_per_step": {part: {game: PARTS[part][0](game, steps, rounds) for game in PARTS[part][1]} for part in parts},
    }


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    changed = [name for name, changes in record["matmul_changes_bits"].items() if changes]
    parts = [
        f"{common.where(record)} Vector instructions: {record['capability']}. C++ compiler: {record['compiler']}. "
        f"Batch {record['batch']}, medians of {record['rounds']} rounds.\n",
        f"`set_float32_matmul_precision`: {', '.join(changed) or 'no setting'} changes the bits of a product or of a "
        "convolution here.\n",
    ]
    rows = []
    for part, games in record["ms_per_step"].items():
        for game, settings in games.items():
            first = next(iter(settings.values()))
            for name, ms in settings.items():
                relative = "" if "once" in name else f"{ms / first:.2f}"
                rows.append([part, game, name, f"{ms:.1f}", relative])
    header = ["part", "game", "setting", "ms per step", "relative to the first"]
    return "\n".join([*parts, common.markdown(header, rows, words=3)])


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2])
        return
    parser = common.options(__doc__, steps=50, rounds=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all")
    args = parser.parse_args()
    record = measure(args.steps, args.rounds, args.parts)
    common.finish(record, table(record), not args.no_write)


if __name__ == "__main__":
    main()
