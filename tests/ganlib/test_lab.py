"""The first cell of a notebook."""

import random
import sys

import numpy as np
import pytest
import torch

import ganlib
from ganlib import lab as lab_module
from ganlib import labels
from ganlib.errors import GanlibError
from ganlib.gans.gan import VanillaGAN
from ganlib.models.layers import SpectralNorm


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    monkeypatch.delenv("GANLIB_PROFILE", raising=False)
    monkeypatch.delenv("GANLIB_STATIC", raising=False)
    yield
    labels.use("en")


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", "02-gan · device cpu · profile smoke · data digits · seed 7\n"),
        ("zh", "02-gan · 设备 cpu · 配置 smoke · 数据 digits · 随机种子 7\n"),
    ],
)
def test_one_line_says_everything(lang, words, capsys):
    lab = ganlib.Lab("02-gan", lang=lang, profile="smoke", device="cpu", seed=7)
    assert capsys.readouterr().out == words
    assert lab.t("step") == labels.t("step", lang) and labels.language() == lang


def test_the_profile_comes_from_the_argument_then_the_environment_then_the_device(monkeypatch):
    assert ganlib.Lab("x", device="cpu").profile == "cpu"
    monkeypatch.setenv("GANLIB_PROFILE", "smoke")
    assert ganlib.Lab("x", device="cpu").profile == "smoke"
    assert ganlib.Lab("x", device="cpu", profile="gpu").profile == "gpu"
    monkeypatch.delenv("GANLIB_PROFILE")
    monkeypatch.setattr(lab_module, "resolve", lambda device: torch.device("cuda"))
    assert ganlib.Lab("x").profile == "gpu"


def test_it_seeds_all_three_generators():
    draws = []
    for _ in range(2):
        ganlib.Lab("x", device="cpu", seed=3)
        draws.append((torch.rand(1).item(), np.random.rand(), random.random()))
    assert draws[0] == draws[1]
    ganlib.Lab("x", device="cpu", seed=4)
    assert torch.rand(1).item() != draws[0][0]


def test_pick_and_data_follow_the_profile():
    sets = {"smoke": "digits", "cpu": "optdigits", "gpu": "mnist"}
    for profile, value in {"smoke": 1, "cpu": 2, "gpu": 3}.items():
        lab = ganlib.Lab("x", profile=profile, device="cpu", data=sets)
        assert lab.pick(smoke=1, cpu=2, gpu=3) == value and lab.data == sets[profile]


def test_load_says_which_set_it_is(capsys):
    lab = ganlib.Lab("x", device="cpu", data="optdigits")
    data = lab.load(n=100)
    assert capsys.readouterr().out.splitlines()[1] == f"optdigits: 100 images of shape {tuple(data.shape)}"


def test_load_never_takes_another_set_instead():
    with pytest.raises(GanlibError, match="unknown data set 'digit'"):
        ganlib.Lab("x", device="cpu", data="digit").load()


def test_static_pages_get_players_and_no_bars(monkeypatch):
    lab = ganlib.Lab("x", device="cpu", profile="cpu")
    assert lab.live and lab.progress
    assert not ganlib.Lab("x", device="cpu", profile="smoke").progress
    monkeypatch.setenv("GANLIB_STATIC", "1")
    lab = ganlib.Lab("x", device="cpu", profile="cpu")
    assert not lab.live and not lab.progress


def test_show_shows_the_source_word_for_word(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda thing: shown.append(thing.data))
    ganlib.Lab("x", device="cpu").show(VanillaGAN.generator_loss, ganlib.losses.minimax_generator)
    assert shown[0].startswith(
        "*`ganlib/gans/gan.py` · `VanillaGAN.generator_loss`*\n\n```python\ndef generator_loss(self"
    )
    assert shown[0].endswith("```") and shown[1].startswith("*`ganlib/losses.py`")
    file = sys.modules[VanillaGAN.__module__].__file__
    with open(file, encoding="utf-8") as source:
        written = source.read()
    for line in shown[0].split("```python\n")[1].removesuffix("```").splitlines():
        assert line in written


def test_show_names_the_file_of_a_decorated_function(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda thing: shown.append(thing.data))
    ganlib.Lab("x", device="cpu").show(SpectralNorm.iterate)  # under torch.no_grad
    assert shown[0].startswith("*`ganlib/models/layers.py` · `SpectralNorm.iterate`*")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ganlib.Lab("x", lang="fr", device="cpu"), "unknown language 'fr'; known: en, zh"),
        (lambda: ganlib.Lab("x", profile="cpuu", device="cpu"), "unknown profile 'cpuu'.*did you mean 'cpu'"),
        (
            lambda: ganlib.Lab("x", device="cpu").pick(smoke=1, cpu=2),
            "given smoke, cpu; expected one value each for smoke, cpu, gpu",
        ),
        (lambda: ganlib.Lab("x", device="cpu", data={"cpu": "digits"}), "given cpu; expected one value each"),
        (lambda: ganlib.Lab("x", device="cpu").show(3), "3 has no Python source to show"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(GanlibError, match=words):
        call()


def test_an_unknown_profile_in_the_environment_is_named(monkeypatch):
    monkeypatch.setenv("GANLIB_PROFILE", "fast")
    with pytest.raises(GanlibError, match="unknown profile 'fast'; known: cpu, gpu, smoke"):
        ganlib.Lab("x", device="cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_asked_for_and_absent():
    with pytest.raises(GanlibError, match="device 'cuda' was asked for"):
        ganlib.Lab("x", device="cuda")


def test_it_works_in_another_folder(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    lab = ganlib.Lab("x", device="cpu", profile="smoke", lang="zh")
    assert len(lab.load(n=50)) == 50 and list(tmp_path.iterdir()) == []
