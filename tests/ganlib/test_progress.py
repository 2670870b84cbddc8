"""How far a run is: a bar in a terminal, widgets in a notebook, lines in a log file, nothing on standard output."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest
import torch
from tqdm.notebook import tqdm_notebook

import ganlib
from ganlib.errors import say
from ganlib.training import Trainer
from ganlib.training import progress as module
from ganlib.training.progress import Bar, Lines, progress

from .games import Cloud, PenalisedCritic

ROOT = Path(ganlib.__file__).parent.parent
LINE = re.compile(r"step (\d+)/(\d+) · \d\d:\d\d passed, \d\d:\d\d left · (.*)")

# Three steps without the seconds that importing torch costs.
BAR = """
import importlib.util
from ganlib.errors import say
spec = importlib.util.spec_from_file_location("progress", "ganlib/training/progress.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with module.progress(3, True) as bar:
    for step in range(3):
        bar.update()
        bar.note({"loss": 0.5 + step})
        if step == 1:
            say("a word in between")
"""


def train(**options):
    ganlib.seed(0)
    return Trainer(PenalisedCritic(), Cloud(), 16, device="cpu", log_every=2, **options)


def test_lines_without_a_terminal(capfd):
    train().fit(5)
    out, err = capfd.readouterr()
    assert out == "" and "\r" not in err
    (line,) = err.splitlines()
    step, total, note = LINE.fullmatch(line).groups()
    assert (step, total) == ("5", "5")
    assert re.fullmatch(r"-w -?\d+\.\d{3}, penalty \d+\.\d{3}, w .*, generator -?\d+\.\d{3}", note)


def test_a_line_now_and_then(capfd, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with Lines(100) as lines:
        for _ in range(100):
            now[0] += 1.0
            lines.update()
            lines.note({"loss": now[0] - 1000})
    said = [LINE.fullmatch(line).groups() for line in capfd.readouterr().err.splitlines()]
    assert [int(step) for step, _, _ in said] == [30, 60, 90, 100]  # every 30 s and at the end
    assert said[0][2] == "loss 29.000" and said[-1][2] == "loss 100.000"


def test_the_time_left_is_what_the_rest_will_take(capfd, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with Lines(4) as lines:
        lines.update()
        now[0] = 100.0
    assert "01:40 passed, 05:00 left" in capfd.readouterr().err  # one of four steps took 100 s


def test_a_run_that_fails_says_how_far_it_came(capfd):
    def fail(trainer):
        if trainer.step == 3:
            raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        train(callbacks=[fail]).fit(5)
    assert LINE.fullmatch(capfd.readouterr().err.strip()).group(1) == "3"


def test_silence(capfd):
    train(progress=False).fit(3)
    assert capfd.readouterr() == ("", "")


def test_a_bar_in_a_terminal():
    """Run in a pseudo-terminal: the bar redraws its one line, and what is said in between stands on its own."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("4H", 24, 120, 0, 0))  # a bar as wide as no column is not drawn
    seen = []

    def read():
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux: the other end is closed
                return
            if not part:
                return
            seen.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    done = subprocess.run([sys.executable, "-c", BAR], stderr=its, stdout=subprocess.PIPE, cwd=ROOT, timeout=120)
    os.close(its)
    reader.join(timeout=60)
    os.close(ours)
    text = b"".join(seen).decode()
    assert done.returncode == 0 and done.stdout == b""
    assert "\r" in text and "100%" in text and "3/3" in text and "loss 2.500" in text
    assert "ganlib: a word in between" in re.split(r"[\r\n]", text)
    assert not LINE.search(text)


def test_no_bar_where_standard_error_is_a_file(tmp_path):
    with open(tmp_path / "log", "w") as log:
        done = subprocess.run([sys.executable, "-c", BAR], stderr=log, stdout=subprocess.PIPE, cwd=ROOT, timeout=120)
    first, last = (tmp_path / "log").read_text().splitlines()
    assert done.returncode == 0 and done.stdout == b""
    assert first == "ganlib: a word in between" and LINE.fullmatch(last).groups() == ("3", "3", "loss 2.500")


def test_widgets_in_a_notebook():
    """In a real kernel, which has no terminal either: tqdm's own widget, and no lines."""
    nbformat, client = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(BAR)])
    client.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    outputs = notebook.cells[0].outputs
    shown = [output.data for output in outputs if output.output_type == "display_data"]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)
    words = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "ganlib: a word in between" in words and not LINE.search(words)
    assert not [output for output in outputs if output.get("name") == "stdout"]


def test_what_is_chosen(monkeypatch):
    assert isinstance(progress(3, True), Lines)  # under pytest standard error is no terminal
    assert isinstance(progress(3, False), Bar)  # drawn nowhere
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress(3, True) as bar:
        assert isinstance(bar, Bar)

    class InNotebook(tqdm_notebook):
        def __init__(self, **options):
            self.disable = True

    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    monkeypatch.setattr(module, "Bar", InNotebook)
    assert isinstance(progress(3, True), InNotebook)


def test_a_run_is_the_same_with_and_without_its_progress(capfd):
    shown, silent = train(progress=True).fit(4), train(progress=False).fit(4)
    for mine, other in zip(shown.gan.parameters(), silent.gan.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_say_is_one_line_on_standard_error(capfd):
    say("something")
    assert capfd.readouterr() == ("", "ganlib: something\n")
