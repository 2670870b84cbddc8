"""A run that is killed loses nothing: it resumes to the same bytes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("killed.py")


@pytest.mark.skipif(sys.platform == "win32", reason="runs are made by fork")
def test_killed_at_50_moments_a_run_resumes_to_the_same_bytes(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, tmp_path, "50"], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["kills"] == 50 and told["wrong"] == [], told
    assert len(set(told["resumed at"])) >= 8, told  # the moments were spread over the run
