"""The games of the zoo: what was kept of a run samples as the run does, and its record says how it was made."""

import hashlib
import json

import pytest
import torch

from ganlib import cli, training, zoo
from ganlib.errors import GanlibError
from ganlib.training import checkpoint
from tools import keep_game

TINY = [
    "gan",
    "--data",
    "digits",
    "--steps",
    "20",
    "--batch",
    "8",
    "--set",
    "model=mlp-small",
    "--set",
    "lr=0.01",
    "--quiet",
    "--seed",
    "3",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of twenty steps, measured."""
    out = tmp_path_factory.mktemp("zoo") / "run"
    assert cli.main(["train", *TINY, "--out", str(out)]) == 0
    assert cli.main(["evaluate", str(out), "--n", "20", "--metric", "kid", "--allow-small"]) == 0
    return out


@pytest.fixture
def kept(run, tmp_path, monkeypatch):
    """A zoo of this one game."""
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    keep_game.main([str(run), "tiny"])
    return tmp_path


def test_a_kept_game_samples_as_the_run_does(run, kept):
    z = torch.randn(16, 100, generator=torch.Generator().manual_seed(0))
    before = torch.get_rng_state()
    gan = zoo.load("tiny")
    assert torch.equal(torch.get_rng_state(), before)
    assert zoo.list() == ["tiny"] and not any(p.requires_grad for p in gan.parameters())
    averaged, last = (training.load_gan(run, averaged=which).sample(z=z) for which in (True, False))
    assert (gan.sample(z=z) - averaged).abs().max() < 2e-3  # half precision: 11 bits
    assert (gan.sample(z=z) - last).abs().max() > 2e-3  # so they are the averaged weights


def test_the_record_says_how_it_was_made(run, kept):
    record = zoo.record("tiny")
    assert record["sha256"] == hashlib.sha256((kept / "tiny.safetensors").read_bytes()).hexdigest()
    assert record["game"] == checkpoint.read(run)["recipe"]
    made = record["training"]
    assert made["steps"] == 20 and made["images"] == 160 and made["settings"]["seed"] == 3
    assert made["commands"] == [["ganlib", "train", *TINY, "--out", str(run)]]
    assert record["measured"][0]["metrics"].keys() == {"kid"}
    generator = training.load_gan(run).generator
    assert record["parameters"] == sum(p.numel() for p in generator.parameters())
    assert (kept / "tiny.safetensors").stat().st_size == pytest.approx(2 * record["parameters"], abs=2000)


def test_the_command_line_draws_from_it(kept, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sample", "zoo:tiny", "--n", "4"]) == 0
    assert (tmp_path / "samples.png").is_file()
    assert cli.main(["sample", "zoo:tony"]) == 2
    assert "unknown game of the zoo 'tony' (did you mean 'tiny'?)" in capsys.readouterr().err


def test_what_is_wrong_is_said_in_one_sentence(run, kept, tmp_path, monkeypatch):
    weights, record = (kept / f"tiny.{kind}" for kind in ("safetensors", "json"))
    raw, made = weights.read_bytes(), json.loads(record.read_text())
    weights.write_bytes(raw[:-1])
    with pytest.raises(GanlibError, match="is damaged: its checksum is"):
        zoo.load("tiny")
    record.write_text(
        json.dumps(made | {"game": made["game"] | {"options": made["game"]["options"] | {"model": "mlp"}}})
    )
    weights.write_bytes(raw)
    with pytest.raises(GanlibError, match="do not fit 'gan' of this ganlib"):
        zoo.load("tiny")
    weights.unlink()
    with pytest.raises(GanlibError, match="cannot be read .*expected the weights of 'tiny': reinstall ganlib"):
        zoo.load("tiny")
    record.write_text("{")
    with pytest.raises(GanlibError, match="expected a model's record: reinstall ganlib"):
        zoo.load("tiny")
    monkeypatch.setattr(keep_game, "LARGEST", 1000)
    with pytest.raises(GanlibError, match="expected at most 1,000: a smaller generator"):
        keep_game.keep(run, "other", tmp_path)
    with pytest.raises(GanlibError, match="nothing is measured of step 20"):
        keep_game.keep(run, "other", tmp_path, measured=[])
    assert not list(tmp_path.glob("other.*"))


@pytest.mark.parametrize("name", zoo.list("game"))
def test_the_games_that_come_with_the_library(name):
    record, path = zoo.record(name), zoo.FOLDER / f"{name}.safetensors"
    assert path.stat().st_size <= keep_game.LARGEST and record["measured"]
    gan = zoo.load(name)
    assert record["parameters"] == sum(value.numel() for value in zoo.sampling(gan).values())
    assert record["training"].keys() >= {"commands", "settings", "steps", "images", "date", "device", "torch"}
