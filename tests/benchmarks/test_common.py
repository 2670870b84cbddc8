"""What the benchmarks share: records that grow run by run, and how numbers are shown."""

import json
import sys

import pytest
import torch

from benchmarks import common
from ganlib.errors import GanlibError

CPU = torch.device("cpu")
EMPTY = {"protocol": {"seeds": 10, "n": 200}, "results": {}}


def test_a_record_is_gone_on_with(monkeypatch, tmp_path):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    assert common.begun("race", EMPTY, CPU) is EMPTY
    kept = EMPTY | {"results": {"a": 1}}
    (tmp_path / "race.json").write_text(json.dumps(kept), encoding="utf-8")
    assert common.begun("race", EMPTY, CPU) == kept
    assert common.begun("race", EMPTY, torch.device("cuda")) is EMPTY  # that is another machine's


@pytest.mark.parametrize("change", [{"seeds": 3}, {"n": 300}, {"threads": 2}])
def test_rows_of_two_protocols_do_not_mix(monkeypatch, tmp_path, change):
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    (tmp_path / "race.json").write_text(json.dumps(EMPTY | {"protocol": EMPTY["protocol"] | change}), encoding="utf-8")
    ((key, value),) = change.items()
    with pytest.raises(
        GanlibError, match=f"race.json holds runs with {key} {value}; expected the same here, or --fresh"
    ):
        common.begun("race", EMPTY, CPU)


def test_mean_and_standard_error():
    assert common.mean([1, 2, 3, 4]) == pytest.approx((2.5, (5 / 3) ** 0.5 / 2))
    assert common.mean([3.0, None]) == (3.0,) and common.mean([None]) == ()
    assert common.shown((), 1) == "–" and common.shown((0.5, 0.25), 1, 100) == "50.0 ± 25.0"


def test_a_record_says_by_which_command(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/modes.py", "--recipes", "gan-modes", "--data", "ring"])
    monkeypatch.setattr(common, "peak_flops", lambda *given: 1e9)
    said = common.machine(CPU)["command"]
    assert said == "python benchmarks/modes.py --recipes gan-modes --data ring"
