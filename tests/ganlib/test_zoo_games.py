"""The games of the zoo: what was kept of a run samples as the run does, and its record says how it was made."""

import hashlib
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganlib
from ganlib import cli, recipes, training, zoo
from ganlib.errors import GanlibError
from ganlib.gans.translation import TranslationGAN
from ganlib.metrics.translation import background_error
from ganlib.training import checkpoint, folder
from ganlib.zoo import cards
from tools import keep_game, measure_game, retrain_game

ROOT = Path(__file__).resolve().parents[2]
SHEETS = runpy.run_path(str(ROOT / "book" / "figures" / "zoo.py"))
FEW = 250  # samples that a record is checked with

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
    assert torch.equal(gan.sample(z=z), averaged)
    assert (gan.sample(z=z) - last).abs().max() > 2e-3  # so they are the averaged weights


def test_the_record_says_how_it_was_made(run, kept):
    record = zoo.record("tiny")
    assert record["sha256"] == hashlib.sha256((kept / "tiny.safetensors").read_bytes()).hexdigest()
    assert record["game"] == checkpoint.read(run)["recipe"]
    made = record["training"]
    assert record["precision"] == "float32"
    assert made["seconds"] == round(folder.status(run)["seconds"])
    assert made["steps"] == 20 and made["images"] == 160 and made["settings"]["seed"] == 3
    assert made["commands"] == [["ganlib", "train", *TINY, "--out", str(run)]]
    assert record["measured"][0]["metrics"].keys() == {"kid"}
    generator = training.load_gan(run).generator
    assert record["parameters"] == sum(p.numel() for p in generator.parameters())
    assert (kept / "tiny.safetensors").stat().st_size == pytest.approx(4 * record["parameters"], abs=2000)


def test_what_would_be_too_large_is_kept_in_half_precision(run, kept, monkeypatch):
    full, z = zoo.load("tiny"), torch.randn(16, 100, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(keep_game, "LARGEST", 600_000)
    keep_game.main([str(run), "tiny"])
    record = zoo.record("tiny")
    assert record["precision"] == "float16"
    assert (kept / "tiny.safetensors").stat().st_size == pytest.approx(2 * record["parameters"], abs=2000)
    assert 0 < (zoo.load("tiny").sample(z=z) - full.sample(z=z)).abs().max() < 2e-3  # 11 bits


def test_a_game_that_was_stopped_while_it_grew_keeps_its_size(tmp_path, monkeypatch):
    small = [f"--set={each}" for each in ("width=4", "widest=8", "fade=8", "stable=4")]
    words = ["stylegan", "--data", "avatars", "--size", "16", "--batch", "4", "--steps", "2", *small]
    assert cli.main(["train", *words, "--quiet", "--device", "cpu", "--out", str(tmp_path / "run")]) == 0
    ran = training.load_gan(tmp_path / "run")
    assert ran.growth[1] is not None  # between 8×8 and 16×16
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "zoo")
    keep_game.keep(tmp_path / "run", "grown", zoo.FOLDER, measured=[{"n": 1, "metrics": {}}])
    z = torch.randn(4, 128, generator=torch.Generator().manual_seed(0))
    assert torch.equal(zoo.load("grown").sample(z=z, psi=0.7), ran.sample(z=z, psi=0.7))


def test_the_time_of_a_run_that_went_on_is_that_of_its_parts(tmp_path):
    out = ["--out", str(tmp_path / "run")]
    assert cli.main(["train", *TINY, *out]) == 0
    status = tmp_path / "run" / "status.json"
    first = json.loads(status.read_text())
    status.write_text(json.dumps(first | {"seconds": 1000.0}))
    assert cli.main(["train", "--resume", "--steps", "30", *out]) == 0
    assert 1000 < json.loads(status.read_text())["seconds"] < 1100
    # One that was killed said when it began; the rest is told by its newest checkpoint.
    saved = (tmp_path / "run" / checkpoint.name(30)).stat().st_mtime
    status.write_text(json.dumps(first | {"state": "running", "seconds": 500.0, "updated": saved - 70}))
    assert cli.main(["train", "--resume", "--steps", "40", *out]) == 0
    assert 570 < json.loads(status.read_text())["seconds"] < 670
    # Of one that nobody counted nothing is said, unless it was trained in one go.
    status.write_text(json.dumps({key: value for key, value in first.items() if key != "seconds"}))
    assert cli.main(["train", "--resume", "--steps", "50", *out]) == 0
    assert "seconds" not in json.loads(status.read_text())
    kept = [keep_game._seconds(tmp_path / "run", 50, {"commands": commands}) for commands in ([1, 2], [1])]
    assert kept[0] is None and kept[1] == round(50 / folder.status(tmp_path / "run")["steps_per_s"])


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


def test_the_command_line_lists_and_shows(kept, capsys):
    assert cli.main(["zoo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("games") and lines[-1].startswith("networks")
    worth = r"KID [\d.e+]+ ± [\d.e+]+ \(n 20; real images [-\d.e+]+\)"
    assert re.fullmatch(rf"  tiny  1×28×28  1\.2 MB  digits  {worth}", lines[1])
    assert cli.main(["zoo", "tiny"]) == 0
    shown = capsys.readouterr().out
    assert "Images seen  160 in 20 steps" in shown and "Seed         3" in shown and "293,136 numbers, float32" in shown
    assert f"  ganlib train {' '.join(TINY)} --out " in shown and "use: ganlib sample zoo:tiny · " in shown
    assert cli.main(["zoo", "tinny"]) == 2
    assert "unknown model of the zoo 'tinny' (did you mean 'tiny'?); known: tiny" in capsys.readouterr().err


def test_a_game_is_made_anew_by_its_commands(run, kept, tmp_path, monkeypatch, capsys):
    """Trained, measured, kept, drawn; and what is done already is not done again."""
    asked, played = [], []

    def here(words, *arguments):  # in this process, which knows the zoo of this test
        asked.append(words)
        if words[0] == "ganlib":
            assert cli.main(words[1:]) == 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(retrain_game, "_run", here)
    monkeypatch.setattr(retrain_game.measure_game, "measure", lambda out: played.append(out) or {"n": 9, "metrics": {}})
    record = kept / "tiny.json"
    made = json.loads(record.read_text())
    made["training"]["commands"] = [
        [*made["training"]["commands"][0][:-1], "runs/elsewhere"],
        ["ganlib", "train", "--resume", "--out", "runs/elsewhere"],  # after a halt: needs no second time
        ["ganlib", "train", "--resume", "--steps", "25", "--out", "runs/elsewhere", "--quiet"],
    ]
    record.write_text(json.dumps(made))
    retrain_game.main(["tiny"])
    out, again = tmp_path / "runs" / "tiny", zoo.record("tiny")
    assert [words[:2] for words in asked] == [["ganlib", "train"]] * 2 + [["python", "book/figures/zoo.py"]]
    assert (ROOT / asked[2][1]).is_file() and played == [Path("runs/tiny")]
    assert again["training"]["steps"] == 25 and again["measured"] == [{"n": 9, "metrics": {}}]
    asked.clear()
    retrain_game.main(["tiny"])
    assert asked == [["python", "book/figures/zoo.py"]]
    status = out / "status.json"
    status.write_text(json.dumps(json.loads(status.read_text()) | {"state": "interrupted"}))
    assert retrain_game.planned([["ganlib", "train", "gan"]], out) == [
        ["ganlib", "train", "--resume", "--out", str(out)]
    ]
    # Halted on its way to 25: it goes on to there by itself, and then to what lies beyond.
    status.write_text(json.dumps(json.loads(status.read_text()) | {"state": "interrupted", "step": 20, "target": 25}))
    further = [["ganlib", "train", "--resume", "--steps", steps] for steps in ("25", "40")]
    assert retrain_game.planned([["ganlib", "train", "gan"], *further], out) == [
        ["ganlib", "train", "--resume", "--out", str(out)],
        [*further[1], "--out", str(out)],
    ]
    for name, sentence in (("tony", "did you mean 'tiny'?"), ("", "unknown model of the zoo ''")):
        with pytest.raises(SystemExit):
            retrain_game.main([name])
        assert sentence in capsys.readouterr().err


def test_a_network_is_not_made_anew_by_the_way(capsys):
    with pytest.raises(SystemExit):
        retrain_game.main(["digits"])
    assert "'digits' is a network, on which the metrics depend; expected a game" in capsys.readouterr().err


# -- the games that come with the library ------------------------------------------------------------------------------
def found(gan, settings, spoil=lambda images: images):
    """A metric that needs few samples, of what a game makes: its name in a record, value and standard error."""
    if isinstance(gan, TranslationGAN):
        way, index = next(iter(gan.translators())), torch.arange(30)
        test = ganlib.load(settings["data"], size=settings["size"], split="test")
        given = getattr(test, way[0]).normalised(index)
        made = spoil(gan.translate(given, way).clamp(-1, 1))
        result = background_error(given, made, test.truth(way[0], index))
        return f"background error, {way}", result.value, result.error
    sample = type(gan).sample
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(gan), "sample", lambda self, *given, **asked: spoil(sample(self, *given, **asked)))
        result = measure_game.of_game(gan, settings, FEW, 1, ["kid"])["kid"]  # no bias, so n may differ
    return "kid", result["generated"], result["error"]


@pytest.mark.parametrize("name", zoo.list("game"))
def test_a_game_is_worth_what_its_record_says(name):
    made, gan = zoo.record(name), zoo.load(name)
    metric, value, error = found(gan, made["training"]["settings"])
    said = next(entry["metrics"][metric] for entry in made["measured"] if metric in entry["metrics"])
    tolerance = 4 * (error**2 + said["error"] ** 2) ** 0.5
    assert abs(value - said["generated"]) < tolerance
    _, spoilt, _ = found(gan, made["training"]["settings"], spoil=lambda images: -images)
    assert abs(spoilt - said["generated"]) > 2 * tolerance


@pytest.mark.parametrize("name", zoo.list("game"))
def test_the_sheet_on_the_page_is_by_this_game(name):
    drawn = SHEETS["sheet"](name).astype(int)
    drawn = np.broadcast_to(drawn, (*drawn.shape[:2], 3))  # digits are grey
    shown = np.asarray(Image.open(SHEETS["FOLDER"] / f"zoo-{name}.png").convert("RGB")).astype(int)
    assert drawn.shape == shown.shape, "run `python book/figures/zoo.py`"
    # The file has few colours; of another sample 40 grey levels would be off.
    assert abs(drawn - shown).mean() < 10, "run `python book/figures/zoo.py`"
    assert abs(np.roll(drawn, drawn.shape[1] // 12, 1) - shown).mean() > 20


@pytest.mark.parametrize("name", zoo.list("game"))
def test_the_games_that_come_with_the_library(name):
    record, path = zoo.record(name), zoo.FOLDER / f"{name}.safetensors"
    assert path.stat().st_size <= keep_game.LARGEST and record["measured"]
    gan = zoo.load(name)
    assert record["parameters"] == sum(value.numel() for value in zoo.sampling(gan).values())
    assert record["training"].keys() >= {"commands", "settings", "steps", "images", "date", "device", "torch"}
    assert all(each.n >= 100 for each in cards.measures(record)) and cards.worth(record)
    begins, *later = cards.commands(record)
    assert begins[:2] == ["ganlib", "train"] and "--resume" not in begins
    assert all("--resume" in words and "--steps" in words for words in later)
    args = cli.parser().parse_args(begins[1:])  # this ganlib still understands it
    assert args.out == f"runs/{name}" and recipes.get(args.recipe).gan == record["game"]["gan"]
