"""What the benchmarks share: options, the machine, a fair clock, and where results go."""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ganlib import GanlibError

RESULTS = Path(__file__).parent / "results"
Loop = Callable[[int], object]  # takes so many steps
PAUSE = 0.2  # seconds


def options(doc: str, steps: int, rounds: int) -> argparse.ArgumentParser:
    """The options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--steps", type=int, default=steps, help="steps (or images) per round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=rounds, help="rounds (default %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--no-write", action="store_true", help="print only")
    return parser


def machine(device: torch.device) -> dict[str, Any]:
    """Where, when and by which command a measurement was made, and how fast the machine was just then.

    A processor whose neighbours are busy runs at a lower clock. That changes ratios too: what waits for memory is not
    slowed down as much as what computes.
    """
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "environment": {k: v for k, v in os.environ.items() if k.startswith(("OMP_", "GOMP_", "MKL_", "KMP_"))},
        "matmul_gflops": peak_flops(torch.float32, device) / 1e9,
        "date": datetime.date.today().isoformat(),
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
    }


def commit() -> str | None:
    """The commit that is measured, with a + if code differs from it; None outside of a repository."""
    code = ["ganlib", "benchmarks/*.py"]
    calls = ["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--", *code]
    head, changed = (
        subprocess.run(["git", *call], cwd=RESULTS.parents[1], capture_output=True, text=True).stdout for call in calls
    )
    return head.strip() + ("+" if changed else "") or None


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def where(record: Mapping[str, Any]) -> str:
    """The machine of a record in one line."""
    device = "" if record["device"] == "cpu" else f"{record['device']}; "
    extra = "".join(f", {name}={value}" for name, value in record.get("environment", {}).items())
    return (
        f"{device}{record['cpu']}, {record['cores']} cores, {record['threads']} threads{extra}, "
        f"{record['matmul_gflops']:,.0f} GFLOP/s in a large product, "
        f"torch {record['torch']}, Python {record['python']}, {record['date']}."
    )


def markdown(header: list[str], rows: list[list[str]], words: int = 1) -> str:
    """A table; all columns but the first `words` are numbers."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * words + "---:|" * (len(header) - words)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def begun(name: str, empty: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """The record so far, of a benchmark that keeps each run as soon as it is done.

    Args:
        name: of the benchmark.
        empty: a record without runs; its ``protocol`` is what the runs have in common.
        device: where they are played.

    Returns:
        `empty` if there is no record yet.

    Raises:
        GanlibError: the record is of another protocol, and rows of both would stand in one table.
    """
    path = RESULTS / f"{name}{'' if device.type == 'cpu' else '-gpu'}.json"
    if not path.exists():
        return empty
    record, protocol = json.loads(path.read_text(encoding="utf-8")), empty["protocol"]
    if record["protocol"] != protocol:
        kept = ", ".join(f"{key} {value}" for key, value in record["protocol"].items() if value != protocol.get(key))
        raise GanlibError(f"{path.name} holds runs with {kept}; expected the same here, or --fresh to begin again")
    return record


def missing(record: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Seed and row of the runs that a record lacks, so that all rows have one before any has two.

    Args:
        record: with ``results``, row → ``settings`` and ``runs``, each of a ``seed``; and how many seeds its protocol
            asks for.
        wanted: row → the settings that its runs should have. Those with others do not count.
    """
    has = {
        (run["seed"], name)
        for name, kept in record["results"].items()
        if name in wanted and kept["settings"] == wanted[name]
        for run in kept["runs"]
    }
    return [run for seed in range(record["protocol"]["seeds"]) for name in wanted if (run := (seed, name)) not in has]


def joined(results: dict[str, Any], name: str, run: dict[str, Any], said: Any, order: Iterable[str]) -> dict[str, Any]:
    """Results with one more run, in place of one of its seed; those with other settings than `said` are dropped."""
    kept = results.get(name, {})
    runs = [old for old in kept.get("runs", []) if kept["settings"] == said and old["seed"] != run["seed"]]
    runs = sorted([*runs, run], key=lambda run: run["seed"])
    results = results | {name: {"settings": said, "runs": runs}}
    return {each: results[each] for each in order if each in results}


def mean(values: Sequence[float | None]) -> tuple[float, ...]:
    """Mean and standard error of the values that there are; only the mean of one, nothing of none."""
    values = [value for value in values if value is not None]
    error = [statistics.stdev(values) / math.sqrt(len(values))] if len(values) > 1 else []
    return (statistics.fmean(values), *error) if values else ()


def shown(value: Sequence[float], digits: int, factor: float = 1.0) -> str:
    """``7.9 ± 0.1``, without an error if none is known, a dash if there is nothing."""
    return " ± ".join(f"{factor * part:.{digits}f}" for part in value) or "–"


def finish(record: dict[str, Any], text: str, write: bool) -> None:
    """Print the result and, if asked to, keep it."""
    print(text)
    if write:
        keep(record, text)


def keep(record: dict[str, Any], text: str) -> None:
    """Write results/NAME.{json,md}, on a GPU results/NAME-gpu.{json,md}."""
    RESULTS.mkdir(exist_ok=True)
    name = record["benchmark"] + ("" if record["device"] == "cpu" else "-gpu")
    _replace(RESULTS / f"{name}.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    _replace(RESULTS / f"{name}.md", text)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all: some records are hours of runs."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def result(name: str) -> dict[str, Any]:
    """A committed record."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def seconds(function: Callable[[], object], device: torch.device, own: bool = False) -> float:
    """Time of one call, the device's work included.

    Args:
        function: what is called.
        device: where it works.
        own: on a processor, the time that it has spent on this process alone: of one thread, what the call takes on a
            machine that does nothing else.
    """
    clock = time.process_time if own and device.type == "cpu" else time.perf_counter
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = clock()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - start


def peak_flops(dtype: torch.dtype, device: torch.device, n: int | None = None) -> float:
    """FLOP/s of a product of two n × n matrices, the best of a few."""
    n = n or (8192 if device.type == "cuda" else 2048)
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    times = [seconds(lambda: a @ b, device) for _ in range(6)]
    return 2 * n**3 / min(times[1:])


class Worker:
    """A process that takes steps when it is asked to: called like a loop, it answers when they are done.

    Args:
        command: what starts it; it reads numbers of steps, a line each, and prints a line after each.
        environment: added to this process's.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str] | None = None):
        env = os.environ | (environment or {})
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()  # the end of its input ends it

    def begin(self, steps: int) -> None:
        """Ask for so many steps."""
        print(steps, file=self.process.stdin, flush=True)

    def wait(self) -> None:
        """Until they are done.

        Raises:
            RuntimeError: the process has ended instead.
        """
        if not self.process.stdout.readline():
            raise RuntimeError(f"a process of the benchmark ended with exit code {self.process.wait()}")

    def __call__(self, steps: int) -> None:
        self.begin(steps)
        self.wait()


def half(device: torch.device) -> str:
    """The half precision that a GPU is good at: bfloat16 from Ampere on, float16 before."""
    return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"


def in_turn(
    loops: Mapping[str, Loop], steps: int, rounds: int, device: torch.device, own: bool = False
) -> dict[str, list[float]]:
    """Seconds per step of several loops, one value a round; `own` as for `seconds`.

    They take turns, after one round that warms up, so that a machine whose speed drifts favours none. A pause before
    each turn lets what the one before still does in the background (workers that load ahead) come to its end.
    """
    times: dict[str, list[float]] = {name: [] for name in loops}
    for i in range(rounds + 1):
        for name, loop in loops.items():
            time.sleep(PAUSE)
            taken = seconds(lambda loop=loop: loop(steps), device, own) / steps
            if i > 0:
                times[name].append(taken)
    return times


def ratio(slow: list[float], fast: list[float]) -> float:
    """How many times faster: the median over the rounds, each compared with itself."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))
