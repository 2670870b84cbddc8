"""The command line, run in this process as a newcomer would type it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from ganlib import cli, data
from ganlib.data import avatars, digits, pairs
from ganlib.training import checkpoint

from . import served_mnist

TINY = [
    "--steps",
    "3",
    "--batch",
    "8",
    "--set",
    "model=mlp-small",
    "--set",
    "latent_dim=4",
    "--device",
    "cpu",
    "--quiet",
]


def run(*words):
    return cli.main([str(word) for word in words])


def test_train_sample_resume(tmp_path, capsys):
    out = tmp_path / "first"
    assert run("train", "gan", "--data", "optdigits", "--out", out, *TINY) == 0
    log = {"history.jsonl", "history.csv", "status.json", ".lock"}
    assert {p.name for p in out.iterdir()} == {"checkpoint-000000003.safetensors", "samples.png", "run.json"} | log
    facts = json.loads((out / "run.json").read_text())
    assert facts["settings"]["data"] == "optdigits" and facts["settings"]["seed"] == 0
    assert facts["options"]["latent_dim"] == 4 and facts["options"]["lr"] == 2e-4
    assert "generator" in capsys.readouterr().out

    assert run("train", "gan", "--data", "optdigits", "--out", out, *TINY) == 2
    assert "already holds a run; add --resume" in capsys.readouterr().err
    assert run("train", "gan", "--data", "optdigits", "--out", out, *TINY, "--resume") == 2
    assert "--steps 3 was given, but the run in" in capsys.readouterr().err
    words = ["--steps", 4, "--accumulate", 2, "--quiet"]  # the rest is in run.json
    assert run("train", "--resume", "--out", out, *words) == 0
    assert json.loads((out / "run.json").read_text())["manner"]["device"] == "cpu"
    assert run("train", "gan", "--data", "optdigits", "--out", out, *TINY, "--resume", "--steps", 5) == 0
    assert checkpoint.read(out)["step"] == 5
    assert len(json.loads((out / "run.json").read_text())["commands"]) == 3

    assert run("sample", out, "--n", 9, "--seed", 3) == 0
    first = (out / "samples.png").read_bytes()
    assert run("sample", out, "--n", 9, "--seed", 3, "--out", tmp_path / "again.png") == 0
    assert (tmp_path / "again.png").read_bytes() == first
    assert run("sample", out, "--n", 9, "--seed", 4, "--out", tmp_path / "other.png") == 0
    assert (tmp_path / "other.png").read_bytes() != first


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--set", "lr=0.1"], "--set lr 0.1 was given, but the run in 'OUT' was started with 0.0002; leave it out"),
        (["--data", "ring"], "--data ring was given, but the run in 'OUT' was started with optdigits"),
        (["--batch", "9"], "--batch 9 was given, but the run in 'OUT' was started with 8"),
        (["--seed", "1"], "--seed 1 was given, but the run in 'OUT' was started with 0"),
        (["--schedule", "constant(2)"], "--schedule constant(2) was given, but the run in 'OUT' was started with none"),
        (["gan-digits"], "train gan-digits was given, but the run in 'OUT' is of 'gan'"),
    ],
)
def test_a_resumed_run_stays_what_it_was(tmp_path, capsys, words, sentence):
    assert run("train", "gan", "--data", "optdigits", "--out", tmp_path / "x", *TINY) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()}
    assert run("train", *words, "--out", tmp_path / "x", "--resume", "--steps", 5) == 2
    assert sentence.replace("OUT", str(tmp_path / "x")) in capsys.readouterr().err
    (tmp_path / "x" / "run.json").write_text("{")
    assert run("train", "gan", "--out", tmp_path / "x", "--resume", "--steps", 5) == 2
    assert "is missing or damaged" in capsys.readouterr().err
    (tmp_path / "x" / "run.json").write_bytes(before["run.json"])
    assert {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()} == before


def test_same_seed_same_run(tmp_path):
    for name, seed in {"a": 1, "b": 1, "c": 2}.items():
        assert run("train", "gan", "--data", "ring", "--out", tmp_path / name, "--seed", seed, *TINY) == 0
    a, b, c = (checkpoint.read(tmp_path / name)["gan"]["generator.layers.0.weight"] for name in "abc")
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert (tmp_path / "a" / "samples.png").stat().st_size > 1000  # points are drawn as a scatter plot


def test_data_list_says_what_each_set_is(capsys):
    assert run("data", "list") == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert {"digits", "optdigits", "mnist", "ring", "avatars", "horses-zebras", "horse2zebra", "folder"} <= lines.keys()
    assert all(words.endswith(".") for words in lines.values()) and "no download" in lines["avatars"]


@pytest.fixture
def few(tmp_path, monkeypatch):
    """Small sets, in a cache of their own."""
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(avatars.COUNTS, "train", 40)
    monkeypatch.setitem(pairs.COUNTS, "train", 30)


@pytest.mark.parametrize(("name", "extra", "shape"), [
    ("optdigits", (), (10 * 10 + 2, 10 * 10 + 2)),
    ("avatars", ("--size", 16, "--n", 25), (5 * 18 + 2, 5 * 18 + 2)),
    ("horses-zebras", ("--size", 16, "--n", 8), (4 * 18 + 2, 4 * 18 + 2)),  # eight of each
    ("swiss-roll", (), None),
    ("mixture-1d", (), None),
])  # fmt: skip
def test_data_preview_writes_a_sheet(tmp_path, few, capsys, name, extra, shape):
    assert run("data", "preview", name, *extra, "--out", tmp_path / "sheet.png") == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert shape in (None, sheet.size[::-1])
    assert f"{name}: " in capsys.readouterr().out


def test_data_describe_counts(tmp_path, few, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("data", "describe", "avatars", "--size", 16) == 0
    said = capsys.readouterr().out
    table = data.load("avatars", size=16).attributes
    assert f"glasses: no {(table['glasses'] == 0).sum()}, yes {(table['glasses'] == 1).sum()}\n" in said
    assert "Images('avatars': 40 images of 8 classes, 3×16×16, cpu)" in said
    assert (tmp_path / "avatars-attributes.png").stat().st_size > 5000 and "avatars-attributes.png" in said
    assert run("data", "describe", "ring") == 0
    assert capsys.readouterr().out.count("mode at ") == 8
    assert run("data", "describe", "horses-zebras", "--size", 16) == 0
    said = capsys.readouterr().out
    assert "domain b: Images('zebras': 30 images" in said and "coat: bay " in said
    assert (tmp_path / "horses-zebras-attributes-a.png").is_file()
    assert run("data", "describe", "stacked-digits", "--split", "test") == 0
    assert "class: 1,000 values with " in capsys.readouterr().out


def test_your_own_photos_from_the_folder_to_a_gan(tmp_path, few, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("假期 2026").mkdir()
    for i in range(9):
        Image.new("RGB", (30 + i, 40), (20 * i, 100, 50)).save(f"假期 2026/{i}.png")
    assert run("data", "describe", "假期 2026", "--size", 16) == 0
    assert "9 images, 3×16×16" in capsys.readouterr().out
    assert run("data", "preview", "假期 2026", "--size", 16) == 0
    assert Path("假期 2026.png").is_file()
    assert run("train", "gan", "--data", "假期 2026", "--size", 16, "--out", "run", *TINY, "--batch", 4) == 0
    assert (tmp_path / "run" / "samples.png").is_file()


def test_data_download_fetches_ahead_of_time(tmp_path, monkeypatch, capsys):
    with served_mnist.mnist(tmp_path / "server", monkeypatch, tmp_path / "cache"):
        assert run("data", "download", "mnist", "digits") == 0
    paths = capsys.readouterr().out.split()
    assert len(paths) == 4 and all(Path(path).is_file() for path in paths)  # digits need nothing
    assert len(data.load("mnist")) == 60  # the server is gone


def test_help_waits_for_nothing():
    code = (
        "import sys, ganlib.cli as c; c.parser(); print(*[m for m in ('torch', 'numpy', 'shtab') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""


def test_help_is_for_newcomers(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # names with a hyphen stay in one piece
    for words in (
        ["--help"],
        ["train", "--help"],
        ["sample", "--help"],
        ["evaluate", "--help"],
        ["export", "--help"],
        ["runs", "--help"],
        ["runs", "plot", "--help"],
        ["recipes", "--help"],
        ["zoo", "--help"],
        ["completion", "--help"],
        ["data", "--help"],
        ["data", "describe", "--help"],
    ):
        with pytest.raises(SystemExit) as stop:
            run(*words)
        assert stop.value.code == 0
    text = capsys.readouterr().out
    for word in ("exit codes:", "--set KEY=VALUE", "--resume", "ganlib data list", "half-life"):
        assert word in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "gam", "--data", "digits", "--out", "x"], "unknown recipe 'gam' (did you mean 'gan'?); known: "),
        (["train", "gan", "--out", "OUT"], "--data was not given; expected the name of a data set"),
        (["train", "gan", "--data", "digit", "--out", "OUT"], "unknown data set 'digit'"),
        (["train", "gan", "--data", "ring", "--out", "OUT", "--set", "model=vgg"], "unknown model 'vgg'"),
        (["train", "gan", "--data", "ring", "--out", "OUT", "--set", "loss=wgan"], "unknown loss 'wgan'"),
        (["train", "gan", "--data", "ring", "--out", "OUT", "--steps", "0"], "--steps 0 was given"),
        (["train", "gan", "--data", "ring", "--out", "OUT", "--steps", "-5"], "--steps -5 was given"),
        (["train", "gan", "--data", "ring", "--out", "OUT", "--batch", "0"], "batch_size=0"),
        (["train", "gan", "--data", "optdigits", "--out", "OUT", "--batch", "99999"], "larger than the data set"),
        (["train", "gan", "--data", "ring", "--out", "OUT", "--resume"], "holds no run to go on with"),
        (["train", "--resume"], "--resume was given without --out; expected the folder of the run"),
        (["train", "--out", "OUT"], "train was given no recipe; expected a name, see `ganlib recipes`"),
        (
            ["train", "gan", "--data", "ring", "--out", "OUT", "--steps", "x"],
            "argument --steps: invalid int value: 'x'",
        ),
        (["train", "gan", "--lr", "3"], "unrecognized arguments: --lr 3; see `ganlib --help`"),
        (["train", "gan", "--data", "ring", "--out", "OUT", "--ema", "-1"], "--ema -1.0 was given; expected a number"),
        (["train", "gan", "--data", "ring", "--out", "OUT", "--precision", "fp8"], "unknown precision 'fp8'"),
        (["train", "gan", "--data", "ring", "--out", "OUT", "--device", "gpu"], "unknown device 'gpu'"),
        (["train", "gan", "--data", "ring", "--out", "OUT", "--accumulate", "3"], "expected a multiple of 3"),
        (
            ["train", "gan", "--data", "ring", "--out", "OUT", "--schedule", "cosine"],
            "schedule 'cosine' was given;",
        ),
        (["train", "gan", "--data", "ring", "--out", "OUT", "--keep", "0"], "keep=0 was given"),
        (["train", "gan", "--data", "ring", "--set", "lr"], "--set lr was given; expected key=value"),
        (["train", "gan", "--data", "ring", "--set", "lr=fast"], "lr = 'fast' was given; expected a number (Adam's"),
        (["train", "gan", "--data", "ring", "--set", "latent_dim=2.5"], "latent_dim = 2.5 was given; expected a whole"),
        (
            ["train", "gan", "--data", "ring", "--set", "latent_dim=true"],
            "latent_dim = True was given; expected a whole",
        ),
        (
            ["train", "gan", "--data", "ring", "--set", "lrr=1"],
            "unknown option 'lrr' (did you mean 'lr'?) of 'gan'; it",
        ),
        (["evaluate", "OUT"], "there is no checkpoint at"),
        (["export", "OUT"], "there is no checkpoint at"),
        (["runs", "OUT"], "there is no run below the folder 'OUT'"),
        (["runs", "plot", "OUT"], "'OUT' holds no run"),
        (["recipes", "gam"], "unknown recipe 'gam'"),
        (["completion", "fish"], "argument shell: invalid choice: 'fish'"),
        ([], "the following arguments are required: COMMAND"),
        (["train", "gan", "--data", "ring", "--out", "FILE/run"], "cannot write to the output folder"),
        (["sample", "OUT"], "there is no checkpoint at"),
        (["data", "describe", "mnis"], "unknown data set 'mnis' (did you mean 'mnist'?)"),
        (
            ["data", "describe", "avatars", "--size", "7"],
            "size of avatars must be a whole number from 16 to 256, not 7",
        ),
        (["data", "describe", "ring", "--split", "test"], "data set 'ring' takes no option 'split'"),
        (["data", "download", "mnis"], "unknown data set 'mnis'"),
        (
            ["data", "preview", "no/such/folder"],
            "there is no folder or file 'no/such/folder'; the data sets with names are",
        ),
        (["data", "preview", "mnis"], "unknown data set 'mnis' (did you mean 'mnist'?)"),
        (["data", "preview", "ring", "--n", "0"], "--n 0 was given"),
        (["data", "preview", "ring", "--out", "OUT.jpg"], "ends in .png"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, capsys, words, sentence):
    (tmp_path / "FILE").write_text("")
    words = [w.replace("OUT", str(tmp_path / "out")).replace("FILE", str(tmp_path / "FILE")) for w in words]
    assert run(*words) == 2
    said = capsys.readouterr().err
    assert said.startswith("ganlib: ") and said.count("\n") == 1
    assert sentence.replace("OUT", str(tmp_path / "out")) in said
    assert not (tmp_path / "out").exists()  # no half-made run, not even a folder


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_asked_for_and_absent(tmp_path, capsys):
    assert run("train", "gan", "--data", "ring", "--out", tmp_path / "x", "--device", "cuda") == 2
    assert "'cuda' was asked for, but this machine has 0 CUDA devices" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_trains_on_drawn_digits_and_on_files_from_a_server(name, tmp_path, monkeypatch, capsys):
    """The slice's end: real files in MNIST's format, over HTTP, through the same command."""
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(digits.COUNTS, "train", 200)
    with served_mnist.mnist(tmp_path / "server", monkeypatch, tmp_path / "cache"):
        assert run("train", "gan", "--data", name, "--out", tmp_path / "run", *TINY) == 0
    assert f"gan on {name} (1, 28, 28)" in capsys.readouterr().out
    assert checkpoint.read(tmp_path / "run")["step"] == 3


def test_mnist_without_network_is_one_sentence(tmp_path, monkeypatch, capsys):
    with served_mnist.mnist(tmp_path / "server", monkeypatch, tmp_path / "cache"):
        pass  # the server is gone again
    assert run("train", "gan", "--data", "mnist", "--out", tmp_path / "run", *TINY) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "digits" in said and "optdigits" in said


def test_early_stop_ends_a_run_that_has_collapsed(tmp_path, capsys, monkeypatch):
    from ganlib.cli import train
    from ganlib.training import watch

    monkeypatch.setattr(train, "LOOK", 10)
    monkeypatch.setattr(watch, "CONSTANT", 100.0)  # every run looks collapsed
    words = ["train", "gan", "--data", "ring", *TINY, "--steps", 90, "--seed", 1]
    assert run(*words, "--out", tmp_path / "warned") == 0
    told = capsys.readouterr()
    assert "step 30: the samples are constant" in told.err and "stopped" not in told.out
    assert run(*words, "--out", tmp_path / "stopped", "--early-stop") == 0
    assert "stopped at step 30: the samples are constant" in capsys.readouterr().out
    assert checkpoint.read(tmp_path / "stopped")["step"] == 30
    status = json.loads((tmp_path / "stopped" / "status.json").read_text())
    assert status["state"].startswith("stopped: the samples are constant")
