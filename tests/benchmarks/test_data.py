"""The benchmark of the data sets runs, and its committed result keeps the promise."""

import json
import os
from pathlib import Path

import torch

from benchmarks import data


def test_runs_and_reports(monkeypatch, tmp_path):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path))
    record = data.measure(images=64, sizes=[16], rounds=1, device=torch.device("cpu"))
    names = {"paint avatars", "paint digits", "paint horses", "decode photographs", "batches of 64 avatars"}
    assert set(record["images_per_s"]) == names and all(row["16"] > 0 for row in record["images_per_s"].values())
    assert "| paint avatars |" in data.table(record) and "| work | 16×16 |" in data.table(record)
    assert os.environ["GANLIB_CACHE"] == str(tmp_path) and list(tmp_path.iterdir()) == []  # nothing is left behind


def test_committed_result():
    record = json.loads((Path(data.__file__).parent / "results" / "data.json").read_text())
    rates = record["images_per_s"]
    assert record["device"] == "cpu" and record["cores"] == 2 and record["rounds"] >= 5
    assert rates["paint avatars"]["32"] >= 8000 and rates["paint avatars"]["64"] >= 1500
