"""How long a FID takes: both states are measured, and the committed record is within the goal."""

import statistics

import torch

from benchmarks import common, fid


def test_the_second_time_finds_the_statistics():
    found = fid.measure(torch.device("cpu"), n=300, rounds=2)
    assert [len(times) for times in found.values()] == [2, 2]
    assert min(found["stored"]) < max(found["first"])  # one of two extractions is saved


def test_committed_record():
    kept = common.result("fid")
    assert kept["n"] >= 10_000 and statistics.median(kept["seconds"]["first"]) <= 30
    assert (common.RESULTS / "fid.md").read_text(encoding="utf-8") == fid.table(kept)
