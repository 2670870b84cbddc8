"""The zoo: the networks read what they claim to read, and their records are theirs."""

import hashlib
import shutil

import pytest
import torch

import ganlib
from ganlib import zoo
from ganlib.data import avatars, digits
from ganlib.errors import GanlibError
from ganlib.zoo import train

UNSEEN = 77  # a seed that nobody trains or tests on


def fresh(name, n):
    """Images that are kept nowhere."""
    generator = torch.Generator().manual_seed(2 * UNSEEN + 1)
    return train.PLANS[name].draw(n, generator)


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A zoo that may be damaged."""
    for path in zoo.FOLDER.glob("digits.*"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["digits", "avatars"])
def test_accuracy_on_unseen_images(name):
    right = train.accuracy(zoo.load(name), *fresh(name, 3000))
    record = zoo.record(name)["test"]
    if name == "digits":
        assert right["digit"] >= 0.99 and record["accuracy"]["digit"] >= 0.99
        assert all(right[habit] > 0.3 for habit in train.FIFTHS)  # by chance 0.2; near a limit it is one
    else:
        assert sum(right.values()) / len(right) >= 0.98 and record["mean"] >= 0.98
    assert right.keys() == record["accuracy"].keys()
    for question, share in record["accuracy"].items():  # 3000 images: 4 standard errors, and a little
        assert right[question] == pytest.approx(share, abs=4 * (share * (1 - share) / 3000) ** 0.5 + 0.002), question
    assert record["mean"] == pytest.approx(sum(record["accuracy"].values()) / len(right), abs=1e-4)


def test_the_avatars_network_answers_for_every_attribute():
    net = zoo.load("avatars")
    assert {name: head.out_features for name, head in net.heads.items()} == {
        name: len(values) for name, values in avatars.ATTRIBUTES.items()
    }


@pytest.mark.parametrize("name", ["digits", "avatars"])
def test_the_record_is_of_this_file(name):
    record, path = zoo.record(name), zoo.FOLDER / f"{name}.safetensors"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == record["sha256"]
    assert path.stat().st_size <= 2_000_000
    net = zoo.load(name)
    assert sum(p.numel() for p in net.parameters()) == record["parameters"]
    assert not net.training and not any(p.requires_grad for p in net.parameters())
    assert 64 <= net.layers[-2].num_features <= 256
    plan, training = train.PLANS[name], record["training"]
    assert record["network"] == plan.network  # the command would make this network again
    assert training["n"] == plan.images == training["steps"] * training["batch"]
    assert f"version {plan.version}" in training["data"] and training["device"].startswith("cpu")
    assert training["command"] == f"python -m ganlib.zoo.train {name} --out FOLDER --seed {training['seed']}"
    assert {"date", "torch", "seconds"} <= training.keys()


def test_fifths_are_fifths():
    data = ganlib.load("digits", n=20_000, size=8)
    truth = train.handwriting(data.labels, data.attributes)
    assert truth["style"].unique().tolist() == list(range(29))
    assert set(truth["style"][data.labels == 4].tolist()) == {12, 13, 14}
    for habit in train.FIFTHS:
        shares = truth[habit].bincount(minlength=5) / 20_000
        assert shares.shape == (5,) and (shares - 0.2).abs().max() < 0.015  # 5 standard errors


def test_training_images_are_not_those_of_a_data_set():
    pixels, _ = train.PLANS["digits"].draw(50, torch.Generator().manual_seed(train.STREAM))
    for stream in (0, 1, 2, 2 * UNSEEN + 1):
        other = digits.render(50, 28, stream)["pixels"]
        assert not (pixels[:, None] == other[None]).flatten(2).all(2).any()
    # A generator sees 32 bits of its seed: a stream above them would be the data set's own.
    assert train.STREAM + 2**31 - 1 < 2**32
    draws = [torch.randint(2**31, (4,), generator=torch.Generator().manual_seed(seed)) for seed in (0, 2**32)]
    assert torch.equal(*draws)


def test_the_same_seed_gives_the_same_weights_and_leaves_the_random_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two, other = (train.train("digits", seed=seed, images=256).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)


def test_light_faults_of_an_image_do_not_change_the_answer():
    net, (pixels, truth) = zoo.load("digits"), fresh("digits", 1000)
    torch.manual_seed(0)
    spoilt = ((train.augmented(pixels / 127.5 - 1) + 1) * 127.5).round().to(torch.uint8)
    assert not torch.equal(spoilt, pixels)
    assert train.accuracy(net, spoilt, truth)["digit"] > 0.985


def test_training_writes_what_the_zoo_reads(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "TESTED", 200)
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "new")
    train.main(["digits", "--out", str(tmp_path / "new"), "--images", "300"])
    assert zoo.list() == ["digits"] and '"accuracy"' in capsys.readouterr().out
    record = zoo.record("digits")
    assert record["training"]["n"] == 256 and record["training"]["command"].endswith("--seed 0 --images 300")
    test = ganlib.load("digits", split="test", n=200)
    truth = train.handwriting(test.labels, test.attributes)
    assert train.accuracy(zoo.load("digits"), test.pixels, truth) == record["test"]["accuracy"]
    again = train.publish("digits", tmp_path / "again", images=300)
    assert again["sha256"] == record["sha256"]


@pytest.mark.parametrize("name", zoo.list())
def test_to_measure_in_the_middle_of_a_run_does_not_change_it(name):
    before = torch.get_rng_state()
    zoo.load(name)
    assert torch.equal(torch.get_rng_state(), before)


def test_damaged_or_missing_weights_are_named(copied):
    path = copied / "digits.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(GanlibError, match=r"digits\.safetensors is damaged: its checksum is \w{12}…, expected \w{12}…"):
        zoo.load("digits")
    path.unlink()
    with pytest.raises(GanlibError, match=r"digits\.safetensors cannot be read \(No such file"):
        zoo.load("digits")
    (copied / "digits.json").write_text("{")
    with pytest.raises(GanlibError, match=r"digits\.json cannot be read"):
        zoo.load("digits")


def test_what_there_is():
    assert zoo.list("network") == ["avatars", "digits"] and {"acgan-avatars", "cgan-avatars"} <= set(zoo.list("game"))
    assert zoo.list() == sorted(zoo.list("game") + zoo.list("network"))
    here = {}
    exec("from ganlib.zoo import *", here)
    assert here["load"] is zoo.load and "list" not in here  # Python's own stays
    exec("from ganlib.zoo import list, load, record", here)
    assert here["list"]() == zoo.list()


@pytest.mark.parametrize("name", zoo.list())
def test_every_file_has_its_record_and_its_checksum(name):
    made = zoo.record(name)
    assert hashlib.sha256((zoo.FOLDER / f"{name}.safetensors").read_bytes()).hexdigest() == made["sha256"]
    assert zoo.kind_of(made) in made and zoo.load(name, zoo.kind_of(made)) is not None
    files = {path.name for path in zoo.FOLDER.iterdir()}
    assert files == {f"{name}.{kind}" for name in zoo.list() for kind in ("json", "safetensors")}


def test_a_damaged_record_is_named_and_harms_no_other(copied):
    for text in ("{", "[]", '{"network": {}}'):
        (copied / "faces.json").write_text(text)
        with pytest.raises(
            GanlibError, match=r"faces\.json cannot be read .*expected a model's record: reinstall ganlib"
        ):
            zoo.load("faces")
        assert zoo.list() == ["digits", "faces"] and zoo.load("digits")


def test_bad_input_is_named(tmp_path):
    with pytest.raises(GanlibError, match="unknown model of the zoo 'digit' .did you mean 'digits'.*acgan-avatars, av"):
        zoo.load("digit")
    with pytest.raises(GanlibError, match="unknown model of the zoo 'avatar' .did you mean 'avatars'"):
        zoo.record("avatar")
    with pytest.raises(
        GanlibError, match="unknown network of the zoo 'digit' .did you mean 'digits'.*: avatars, digits$"
    ):
        zoo.load("digit", "network")
    with pytest.raises(GanlibError, match="'digits' of the zoo is a network; expected a game, one of .*cgan-avatars"):
        zoo.load("digits", "game")
    with pytest.raises(GanlibError, match="unknown kind of the zoo 'gane' .did you mean 'game'"):
        zoo.list("gane")
    with pytest.raises(GanlibError, match="expects .N, 1, 28, 28."):
        zoo.load("digits")(torch.zeros(1, 1, 32, 32))
    with pytest.raises(GanlibError, match="unknown network of the zoo 'faces'"):
        train.train("faces")
    with pytest.raises(GanlibError, match="images must be a whole number 256 or more"):
        train.train("digits", images=10)
    (tmp_path / "file").write_text("")
    with pytest.raises(GanlibError, match="expected a folder to write to"):
        train.publish("digits", tmp_path / "file")
    with pytest.raises(SystemExit):
        train.main(["digits"])
