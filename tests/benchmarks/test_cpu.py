"""The table of settings can be made, leaves the process as it was, and says what ganlib's defaults rest on."""

import json
import subprocess
import sys

import torch

from benchmarks import common, cpu


def test_runs_and_reports(monkeypatch):
    monkeypatch.setattr(cpu, "BATCH", 8)
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    monkeypatch.setattr(cpu, "PARTS", {name: (cpu.PARTS[name][0], ("mlp",)) for name in ("threads", "matmul", "adam")})
    record = cpu.measure(steps=2, rounds=1, parts=["threads", "matmul", "adam"])
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == before
    assert set(record["ms_per_step"]["adam"]["mlp"]) == {"fused", "foreach", "for loop"}
    assert all(ms > 0 for games in record["ms_per_step"].values() for ms in games["mlp"].values())
    assert "| adam | mlp | fused |" in cpu.table(record)


def test_a_process_for_itself_waits_and_ends():
    job = [sys.executable, cpu.__file__, "--one", json.dumps({"game": "mlp", "steps": 1})]
    with subprocess.Popen(job, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "warm\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        assert float(process.stdout.readline()) > 0
        process.communicate("end\n", timeout=60)
    assert process.returncode == 0


def test_committed_result():
    record = common.result("cpu")
    assert set(record["ms_per_step"]) == set(cpu.PARTS) and record["device"] == "cpu"
