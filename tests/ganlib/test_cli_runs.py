"""What can be done with runs: evaluate, export, list, plot; exit codes; completion; several processes."""

import json
import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock

from ganlib import cli, data, metrics, training
from ganlib.cli import onnx
from ganlib.training import checkpoint, folder

TINY = ["--batch", "8", "--set", "model=mlp-small", "--set", "latent_dim=4", "--device", "cpu", "--quiet"]


def run(*words):
    return cli.main([str(word) for word in words])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run on images and one on points."""
    home = tmp_path_factory.mktemp("runs")
    for name, on in {"images": "optdigits", "points": "ring"}.items():
        assert run("train", "gan", "--data", on, "--steps", 60, "--out", home / name, *TINY) == 0
    return home


@pytest.fixture
def copied(trained, tmp_path):
    """The same, to be changed."""
    for name in ("images", "points"):
        (tmp_path / name).mkdir()
        for file in (trained / name).iterdir():
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    return tmp_path


def status(run, **changes):
    """Change what a run says of itself."""
    found = json.loads((run / folder.STATUS).read_text()) | changes
    (run / folder.STATUS).write_text(json.dumps(found))


# -- evaluate ----------------------------------------------------------------------------------------------------------
def test_evaluate_measures_beside_a_floor(copied, capsys):
    assert run("evaluate", copied / "images", "--n", 200, "--split", "train", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["step"], found["n_real"], found["n_generated"], found["seed"]) == (60, 200, 200, 0)
    assert found["real"] == "1,437 images of optdigits" and found["split"] == "train"
    assert "no extractor is meant for 'optdigits'" in found["left out"]["fid"] and found["metrics"].keys() == {
        "classes",
        "sliced-wasserstein",
    }
    classes, distance = found["metrics"]["classes"], found["metrics"]["sliced-wasserstein"]
    assert classes["classes"] == classes["real"] == 10 and classes["generated"] < 10
    assert classes["confidence real"] > 0.8 > classes["confidence generated"]
    assert 0 < distance["real"] < 0.2 * distance["generated"]
    assert json.loads((copied / "images" / "evaluation.json").read_text()) == [found]

    assert run("evaluate", copied / "images", "--n", 150, "--metric", "sliced-wasserstein", "--seed", 1) == 0
    said = capsys.readouterr().out  # unless told otherwise, against images that were not trained on
    assert "step 60 · 150 generated · 150 real, of 360 images of optdigits (test) · seed 1" in said
    assert "the floor" in said
    first, second = json.loads((copied / "images" / "evaluation.json").read_text())
    assert first == found and second["metrics"].keys() == {"sliced-wasserstein"}
    assert second["metrics"]["sliced-wasserstein"] != distance


def test_too_few_samples_are_refused_with_the_way_out(copied, capsys):
    words = ["evaluate", copied / "points", "--n", 20, "--metric", "modes"]
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert "it needs 80 samples, and 20 were drawn" in said and "--n" in said and "--allow-small" in said
    assert run(*words, "--allow-small") == 0 and "counted real" in capsys.readouterr().out


def test_small_numbers_keep_their_digits(copied, capsys, monkeypatch):
    tiny = metrics.Metric("tiny", lambda samples: {"error": 5.25e-5, "modes": 20_000, "p": 0.0}, lambda samples: "")
    monkeypatch.setattr(metrics, "get", lambda name: tiny)
    assert run("evaluate", copied / "points", "--n", 20, "--metric", "tiny") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["error", "5.25e-05"] in lines and ["modes", "20000"] in lines and ["p", "0"] in lines


def test_evaluate_points_and_other_data(copied, capsys):
    for _ in range(2):
        assert run("evaluate", copied / "points", "--json") == 0
    assert run("evaluate", copied / "points", "--data", "grid", "--n", 300, "--json") == 0
    first, again, other = json.loads((copied / "points" / "evaluation.json").read_text())
    assert (
        first == again and first["n_real"] == 1000 and first["split"] is None and first["real"] == "the law of ring"
    )  # the seed fixes it all
    assert other["real"] == "the law of grid" and other["n_real"] == 300
    far, floor = (other["metrics"]["sliced-wasserstein"][key] for key in ("generated", "real"))
    assert far > 3 * floor


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("images", ["--n", "719"], "n=719 samples were asked for; expected 1 to 180, since two sets of real samples"),
        ("points", ["--n", "0"], "n=0 samples were asked for; expected at least 1"),
        ("points", ["--metric", "classes"], "metric 'classes' cannot be computed on ring: it holds no images"),
        ("points", ["--metric", "beauty"], "unknown metric 'beauty'; known: "),
        ("points", ["--data", "optdigits"], "optdigits has shape (1, 8, 8), the samples (2,)"),
    ],
)
def test_an_evaluation_that_cannot_be_is_one_sentence(copied, capsys, name, words, sentence):
    assert run("evaluate", copied / name, *words) == 2
    assert sentence in capsys.readouterr().err
    assert not (copied / name / "evaluation.json").exists()


def test_an_evaluation_overwrites_nothing(copied, capsys, monkeypatch):
    (copied / "points" / "evaluation.json").write_text("{")
    assert run("evaluate", copied / "points") == 2
    assert "is damaged; expected a list of evaluations" in capsys.readouterr().err
    assert (copied / "points" / "evaluation.json").read_text() == "{"
    (copied / "points" / "evaluation.json").unlink()
    monkeypatch.setitem(sys.modules, "ot", None)
    assert run("evaluate", copied / "points", "--metric", "wasserstein-1") == 2
    assert "the package pot is not installed; expected it from: pip install pot" in capsys.readouterr().err


# -- export ------------------------------------------------------------------------------------------------------------
def test_export_draws_the_same_as_torch(copied, capsys, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    assert run("export", copied / "images") == 0
    assert "onnxruntime and torch differ by at most" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(copied / "images" / "model.onnx", providers=["CPUExecutionProvider"])
    z = torch.randn(5, 4)
    made = torch.from_numpy(session.run(["samples"], {"z": z.numpy()})[0])
    averaged, raw = (training.load_gan(copied / "images", averaged=kind).sample(z=z) for kind in (True, False))
    assert (made - averaged).abs().max() < 1e-5 < (made - raw).abs().max()
    assert json.loads(session.get_modelmeta().custom_metadata_map["ganlib"])["options"]["latent_dim"] == 4

    before = (copied / "images" / "model.onnx").read_bytes()
    assert run("export", copied / "images") == 2
    assert "is there already; add --force to replace it" in capsys.readouterr().err
    monkeypatch.setattr(onnx, "convert", lambda gan: before)  # of the other run: other numbers, another shape
    monkeypatch.setattr(onnx, "TOLERANCE", 1e-12)
    assert run("export", copied / "images", "--force") == 2
    assert "the ONNX model differs from torch by" in capsys.readouterr().err
    monkeypatch.setattr(onnx, "TOLERANCE", 1e-3)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert run("export", copied / "images", "--out", copied / "deep" / "other.onnx") == 0
    assert "not verified: the package onnxruntime is not installed" in capsys.readouterr().out
    assert (copied / "deep" / "other.onnx").read_bytes() == before == (copied / "images" / "model.onnx").read_bytes()


def test_what_cannot_be_exported(copied, capsys, monkeypatch):
    assert run("export", copied / "images", "--out", copied / "model.pt") == 2
    assert "expected a name that ends in .onnx" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert run("export", copied / "images") == 2
    assert "the package onnxscript is not installed; expected it from: pip install onnx" in capsys.readouterr().err
    monkeypatch.setattr(training, "load_gan", lambda path: SimpleNamespace(name="odd"))
    assert run("export", copied / "images") == 2
    assert "the game 'odd' has no generator that makes samples of latents" in capsys.readouterr().err
    assert not (copied / "images" / "model.onnx").exists()


# -- runs --------------------------------------------------------------------------------------------------------------
def table(capsys, *words):
    assert run("runs", *words) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    rows = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert rows[0] == ["run", "recipe", "data", "state", "step", "steps/s", "when"]
    return {row[0]: row[1:] for row in rows[1:]}


def test_runs_are_listed_with_their_state(copied, capsys, monkeypatch):
    rows = table(capsys, copied)
    assert rows["images"][:4] == ["gan", "optdigits", "finished", "60/60"] and float(rows["images"][4]) > 0
    status(copied / "images", state="running", step=0, target=900, updated=0)
    rows = table(capsys, copied)  # no process holds it
    assert rows["images"][2:4] == ["killed", "60/900"]  # as far as the log goes
    with FileLock(copied / "images" / folder.LOCK):
        rows = table(capsys, "list", copied)
        assert run("train", "--resume", "--out", copied / "images", "--steps", 70) == 2
    assert rows["images"][2:4] == ["running", "60/900"] and rows["points"][2:4] == ["finished", "60/60"]
    assert "another process is training in" in capsys.readouterr().err
    status(copied / "points", state="stopped: the discriminator has won")
    assert table(capsys, copied)["points"][2] == "stopped: the discriminator has won"
    (copied / "points" / "run.json").unlink()
    (copied / "images" / folder.STATUS).unlink()
    rows = table(capsys, copied)
    assert rows["points"][:2] == ["?", "?"] and rows["images"][2:] == ["unknown", "?", "?", "?"]
    monkeypatch.chdir(copied / "points")
    assert list(table(capsys, ".")) == ["points"]  # a run itself


def test_two_that_look_at_a_killed_run_at_once_do_not_take_each_other_for_it(copied):
    """As the processes of a launcher do with --resume: to look, each holds the lock for a moment."""
    status(copied / "images", state="running")
    lock = FileLock(copied / "images" / folder.LOCK, thread_local=False)
    lock.acquire()
    threading.Timer(0.05, lock.release).start()
    assert folder.status(copied / "images")["state"] == "killed"


def test_a_run_killed_before_its_first_checkpoint_starts_again(copied, capsys):
    assert run("train", "gan", "--data", "ring", "--steps", 60, "--out", copied / "again", *TINY) == 0
    for file in checkpoint.in_folder(copied / "again"):
        file.unlink()
    status(copied / "again", state="running")
    assert run("train", "--resume", "--out", copied / "again", "--quiet") == 0
    assert "holds no checkpoint yet; the run starts again from step 0" in capsys.readouterr().err
    states = [checkpoint.read(copied / name)["gan"] for name in ("again", "points")]
    assert all(torch.equal(a, b) for a, b in zip(*(state.values() for state in states), strict=True))


def test_plots_of_runs(copied, capsys, monkeypatch):
    monkeypatch.chdir(copied)
    status(copied / "images", state="running")
    assert run("runs", "plot", "images") == 0
    assert run("runs", "plot", "images", "points", "--name", "D(x)", "--out", "both.png") == 0
    assert capsys.readouterr().out.split() == ["images/curves.png", "both.png"]
    sizes = [(copied / name).stat().st_size for name in ("images/curves.png", "both.png")]
    assert min(sizes) > 5000 and sizes[0] > sizes[1]  # five panels, and one
    assert run("runs", "plot", "images", "--name", "fid") == 2
    assert "'fid' was not logged; logged: discriminator, " in capsys.readouterr().err
    (copied / "points" / folder.LOG).write_text("")
    assert run("runs", "plot", "images", "points") == 2
    assert "nothing to draw" in capsys.readouterr().err


# -- exit codes --------------------------------------------------------------------------------------------------------
def test_an_internal_error_is_one_line_unless_debug(monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError("no way\nto go on")

    monkeypatch.setattr(data, "names", broken)
    assert run("data", "list") == 1
    said = capsys.readouterr().err
    assert said == "ganlib: internal error: ZeroDivisionError: no way (run again with --debug to see where)\n"
    for words in (["--debug", "data", "list"], ["data", "list", "--debug"]):
        assert run(*words) == 1
        said = capsys.readouterr().err
        assert "Traceback" in said and "in broken" in said and "ganlib: internal error" in said


def test_debug_shows_where_bad_input_was_found(capsys):
    assert run("train", "gam", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err


def test_divergence_has_a_code_of_its_own(tmp_path, capsys):
    words = ["train", "gan", "--data", "ring", "--steps", 20, "--out", tmp_path / "x", "--set", "lr=1e30"]
    assert run(*words, *TINY) == 3
    assert "at step 20; no checkpoint had been written" in capsys.readouterr().err
    assert table(capsys, tmp_path)["x"][2].startswith("failed: ")


def test_interrupted_and_out_of_memory(tmp_path, capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt("stopped at step 3; saved")

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    for fit, code, sentence in ((stop, 130, "ganlib: stopped at step 3; saved"), (full, 2, "or --accumulate 2")):
        monkeypatch.setattr(training.Trainer, "fit", fit)
        assert run("train", "gan", "--data", "ring", "--out", tmp_path / str(code), *TINY) == code
        said = capsys.readouterr().err
        assert sentence in said and said.count("\n") == 1


def test_output_that_nobody_reads_is_no_internal_error():
    code = "import sys, ganlib.cli as c; c.data.list_sets = lambda _: print('x' * 100_000); "
    code += "sys.exit(c.main(['data', 'list']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == 1


# -- completion --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_shell_completes_names(shell, capsys):
    assert run("completion", shell) == 0
    script = capsys.readouterr().out
    for word in ("gan-digits", "horses-zebras", "--checkpoint-every", "evaluate", "bf16", "sliced-wasserstein"):
        assert word in script
    with pytest.raises(SystemExit):
        run("train", "--help")
    assert "{" not in capsys.readouterr().out  # the parser itself has no list of choices: a path is welcome


def test_bash_completes_a_recipe(tmp_path, capsys):
    assert run("completion", "bash") == 0
    (tmp_path / "c.bash").write_text(capsys.readouterr().out)
    ask = "source c.bash; COMP_WORDS=(ganlib train gan-d); COMP_CWORD=2; _shtab_ganlib ganlib gan-d train"
    done = subprocess.run(
        ["bash", "-c", f'{ask}; echo "${{COMPREPLY[@]}}"'], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.split() == ["gan-digits"], done.stderr


def test_completion_names_the_missing_package(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert run("completion", "bash") == 2
    assert "the package shtab is not installed; expected it from: pip install shtab" in capsys.readouterr().err


# -- several processes -------------------------------------------------------------------------------------------------
def test_two_processes_make_one_run(tmp_path):
    words = ["train", "gan", "--data", "ring", "--steps", "3", "--out", str(tmp_path / "x"), *TINY]
    launched = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "ganlib"]
    done = subprocess.run(
        [*launched, *words], capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("gan on ring (2,) · cpu · fp32 · 2 processes · seed 0") == 1
    assert done.stdout.count("samples: ") == 1
    record = json.loads((tmp_path / "x" / "run.json").read_text())
    assert record["processes"] == 2 and len(record["commands"]) == 1
    assert len(checkpoint.read(tmp_path / "x")["processes"]) == 2
