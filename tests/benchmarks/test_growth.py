"""Cost is measured in processes of their own, the exponents are right, and the committed figure is the record's."""

import pytest
import torch

from benchmarks import common, growth

CPU = torch.device("cpu")


def test_runs_and_reports(monkeypatch):
    monkeypatch.setattr(growth, "BASE", {"resolution": 16, "batch": 4, "width": 4})
    record = growth.measure({"resolution": (16,), "batch": (4, 8)}, steps=1, rounds=1, enough=0.1, device=CPU)
    assert [(p["resolution"], p["batch"], p["width"]) for p in record["points"]] == [(16, 4, 4), (16, 8, 4)]
    assert all(p["seconds_per_1000"] > 0 and p["memory"] >= 0 for p in record["points"])
    assert "| batch | 8 |" in growth.table(record)


def test_one_factor_at_a_time():
    points = growth.grid(growth.AXES)
    assert growth.BASE in points and len(points) == sum(len(values) - 1 for values in growth.AXES.values()) + 1
    assert all(sum(point[axis] != growth.BASE[axis] for axis in growth.BASE) <= 1 for point in points)


def test_exponent():
    assert growth.exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2, abs=1e-9)
    assert growth.exponent([1, 2, 4], [5, 5, 5]) == pytest.approx(0, abs=1e-9)


def test_peak_of_memory_is_seen():
    before = growth.resident(peak=False)
    block = torch.ones(50_000_000)  # 200 MB
    assert growth.resident(peak=False) - before > 150e6
    del block
    assert growth.resident(peak=True) - before > 150e6


def test_committed_result():
    record = common.result("growth")
    points = {(p["resolution"], p["batch"], p["width"]): p for p in record["points"]}
    assert {(size, 32, 32) for size in (32, 64, 128, 256)} | {(64, 8, 32), (64, 128, 32)} <= set(points)
    assert {(64, 32, 16), (64, 32, 64)} <= set(points)
    powers = record["exponents"]
    # Arithmetic grows with the number of pixels and, for wide layers, with the square of the width.
    assert 1.5 < powers["resolution"]["seconds_per_1000"] < 3 and 1 < powers["width"]["seconds_per_1000"] < 2.3
    assert powers["batch"]["seconds_per_1000"] < 0.1  # larger batches are no dearer per image
    assert (common.RESULTS / "growth.svg").exists()
