"""How long does a FID take? 10,000 avatars of 32×32 against 10,000 held-out ones, from bytes to the number.

The real images' statistics are computed once and found again by their content (`features.statistics`); both times are
told.

    python benchmarks/fid.py  # writes benchmarks/results/fid.{json,md}
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

import ganlib
from benchmarks import common
from ganlib.device import resolve
from ganlib.metrics import features
from ganlib.metrics.fid import fid

N, ROUNDS = 10_000, 3


def measure(device: torch.device, n: int = N, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds of each round, without and with statistics that are stored; the images are drawn before."""
    real = ganlib.load("avatars", size=32, n=n, split="test").to(device)
    fake = ganlib.load("avatars", size=32, n=n).to(device)
    found: dict[str, list[float]] = {"first": [], "stored": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, GANLIB_CACHE=folder):
            for times in found.values():  # the folder is empty only for the first
                times.append(common.seconds(lambda: fid(features.statistics(real), features.extract(fake)), device))
    return found


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    rows = [
        [name, f"{statistics.median(record['seconds'][state]):.1f}"]
        for state, name in (("first", "for the first time"), ("stored", "with statistics that are stored"))
    ]
    title = f"FID of {record['n']:,} avatars-32, seconds"
    return f"{common.where(record)} Median of {record['rounds']} rounds.\n\n" + common.markdown([title, ""], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=N, help="images of each kind (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds (default %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--no-write", action="store_true", help="print only")
    args = parser.parse_args()
    device = resolve(args.device)
    record = {"benchmark": "fid", **common.machine(device), "n": args.n, "rounds": args.rounds}
    record["seconds"] = measure(device, args.n, args.rounds)
    common.finish(record, table(record), not args.no_write)


if __name__ == "__main__":
    main()
