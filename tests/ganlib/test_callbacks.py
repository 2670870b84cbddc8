"""Callbacks: they leave the run as it is, what they measure survives, and the best weights are kept."""

import csv
import errno
import math
import os
import random

import numpy as np
import pytest
import torch

import ganlib
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.training import Evaluate, Every, History, Trainer, checkpoint, folder
from ganlib.training.callbacks import BEST

from .games import Cloud, PenalisedCritic


class Noise:
    shape = (1, 4, 4)

    def to(self, device):
        return self

    def batch(self, n):
        return Batch(torch.rand(n, *self.shape) * 2 - 1)


def run(out=None, *callbacks, ema=100, seed=0, **options):
    ganlib.seed(seed)
    gan = ganlib.build("gan", (1, 4, 4), model="mlp-small", latent_dim=3)
    options = {"out": out, "checkpoint_every": 10, "log_every": 4} | options
    return Trainer(gan, Noise(), 8, device="cpu", ema_half_life=ema, progress=False, callbacks=callbacks, **options)


def told(*values):
    """A measure that gives these values one after the other, by the step."""
    return lambda trainer: values[trainer.step // 5]


# -- the random state --------------------------------------------------------------------------------------------------
def test_a_callback_may_draw_from_every_generator():
    def draw(trainer):
        torch.randn(100), np.random.rand(100), random.random()

    class Mixed(Cloud):
        def batch(self, n):
            shift = random.random() + np.random.rand()
            return Batch(super().batch(n).images + shift)

    weights = []
    for callbacks in ([], [Every(3, draw)], [Evaluate(2, lambda t: t.sample(7).mean() + np.random.rand())]):
        ganlib.seed(0)
        options = {"device": "cpu", "progress": False, "callbacks": callbacks}
        t = Trainer(PenalisedCritic(), Mixed(), 16, **options).fit(12)
        weights.append(next(t.gan.parameters()).clone())
    assert torch.equal(weights[0], weights[1]) and torch.equal(weights[0], weights[2])


def test_the_random_state_comes_back_after_an_error():
    t = run()
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError):
        Every(1, lambda t: torch.randn(3) / 0 if torch.randn(3).sum() > 9 else 1 / 0)(t)
    assert torch.equal(before, torch.get_rng_state())


# -- measuring ---------------------------------------------------------------------------------------------------------
def test_what_is_measured_is_in_the_history_and_in_the_folder(tmp_path):
    several = lambda t: {"one": t.step, "two": torch.tensor(t.step / 2)}
    t = run(tmp_path, Evaluate(5, lambda t: t.step**2, "square"), Evaluate(6, several)).fit(13)
    assert t.history.steps("square") == [0, 5, 10] and t.history["square"] == [0, 25, 100]
    assert t.history["one"] == [0, 6, 12] and t.history["two"] == [0, 3, 6]
    rows = folder.log(tmp_path)
    assert rows == t.history.rows()  # one row a step, though a window and two measures may share it
    assert [row["step"] for row in rows] == [0, 4, 5, 6, 8, 10, 12, 13]
    assert {"one", "two", "generator"} < rows[-2].keys()
    with open(tmp_path / folder.TABLE, newline="") as file:
        table = {int(row["step"]): row for row in csv.DictReader(file)}
    assert float(table[10]["square"]) == 100 and table[10]["generator"] == ""
    assert not (tmp_path / BEST).exists()


def test_a_name_of_the_game_is_refused():
    with pytest.raises(GanlibError, match="'generator' was to be recorded at step 5, but that name is taken"):
        run(None, Evaluate(5, lambda t: 1.0, "generator")).fit(20)
    with pytest.raises(GanlibError, match="'a' was to be recorded at step 0, but that name is taken"):
        run(None, Evaluate(5, lambda t: 1.0, "a"), Evaluate(5, lambda t: 2.0, "a")).fit(20)
    history = History()
    with pytest.raises(GanlibError, match="'step' was to be recorded"):
        history.record(3, "step", 1.0)
    assert history.names() == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_said_and_left_out(value, tmp_path, capsys):
    t = run(tmp_path, Evaluate(5, told(3.0, value, 2.0), "fid", best="min")).fit(12)
    assert t.history["fid"] == [3.0, 2.0] and t.history.steps("fid") == [0, 10]
    assert capsys.readouterr().err == f"ganlib: 'fid' is {value} at step 5; it is left out of the history\n"
    assert checkpoint.read(tmp_path / BEST)["step"] == 10


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Evaluate(0, print), "every 0 steps"),
        (lambda: Evaluate(5, print, best="lowest"), "best='lowest' was given; expected 'min', 'max' or None"),
        (lambda: run(None, Evaluate(5, print, "x")).fit(1), "measuring 'x' gave None; expected a number"),
        (lambda: run(None, Evaluate(5, lambda t: {"x": "good"})).fit(1), "measuring 'x' gave 'good'"),
        (lambda: run(None, Evaluate(5, lambda t: 1, best="min")).fit(1), "the trainer has no out folder"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(GanlibError, match=words):
        call()


def test_the_best_must_be_among_the_measured(tmp_path):
    with pytest.raises(GanlibError, match="the best by 'fid' was asked for, but measured were kid, recall"):
        run(tmp_path, Evaluate(5, lambda t: {"kid": 1, "recall": 2}, "fid", best="min")).fit(1)


# -- the best so far ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("best", "step"), [("min", 10), ("max", 5)])
def test_the_best_weights_are_kept(best, step, tmp_path):
    z, made = torch.randn(4, 3), {}
    keep = Every(5, lambda t: made.update({t.step: (t.sample(z=z), t.gan.sample(z=z))}))
    evaluate = Evaluate(5, told(3.0, 4.0, 1.0, 1.0, 4.0), "fid", best)
    t = run(tmp_path, keep, evaluate).fit(20)
    found = checkpoint.read(tmp_path / BEST)
    assert found["step"] == step  # of equals the first
    assert found["best"] == {"name": "fid", "value": t.history["fid"][step // 5], "of": best}
    assert evaluate.best_so_far(t.history) == (step, found["best"]["value"])
    averaged, live = made[step]
    assert torch.equal(ganlib.load_gan(tmp_path / BEST).sample(z=z), averaged)
    assert torch.equal(checkpoint.load_gan(tmp_path / BEST, averaged=False).sample(z=z), live)
    assert not torch.equal(t.sample(z=z), averaged)
    assert checkpoint.read(tmp_path)["step"] == 20  # the run's own checkpoints are not touched


def test_without_an_average(tmp_path):
    t = run(tmp_path, Evaluate(5, told(2.0, 1.0), "fid", "min"), ema=None).fit(5)
    z = torch.randn(4, 3)
    assert torch.equal(ganlib.load_gan(tmp_path / BEST).sample(z=z), t.sample(z=z))


def test_a_resumed_run_goes_on_from_the_same_best(tmp_path):
    def measured(t):  # depends on the weights and on the random state
        return (t.sample(50).mean() + torch.randn(())).item()

    def trainer(where, seed=0):
        return run(tmp_path / where, Evaluate(3, measured, "fid", "min"), seed=seed)

    whole = trainer("whole").fit(30)
    trainer("cut").fit(20)
    again = trainer("cut", seed=9).resume().fit(10)
    assert again.history.state_dict()["series"] == whole.history.state_dict()["series"]
    assert (tmp_path / "cut" / BEST).read_bytes() == (tmp_path / "whole" / BEST).read_bytes()
    assert folder.log(tmp_path / "cut") == folder.log(tmp_path / "whole") == whole.history.rows()


def test_a_resumed_run_does_not_take_worse_for_better(tmp_path):
    values = (5.0, 1.0, 3.0, 2.0, 0.5)
    run(tmp_path, Evaluate(5, told(*values), "fid", "min")).fit(10)
    before = (tmp_path / BEST).read_bytes()
    t = run(tmp_path, Evaluate(5, told(*values), "fid", "min"), seed=1).resume().fit(5)
    assert (tmp_path / BEST).read_bytes() == before
    t.fit(5)
    assert checkpoint.read(tmp_path / BEST)["best"]["value"] == 0.5


def test_no_run_goes_on_from_weights_alone(tmp_path):
    run(tmp_path, Evaluate(5, told(1.0), "fid", "min")).fit(3)
    t = run(seed=1)
    before = next(t.gan.parameters()).clone()
    with pytest.raises(GanlibError, match="holds the weights of a game and no more; a run goes on from its own"):
        t.resume(tmp_path / BEST)
    assert torch.equal(before, next(t.gan.parameters())) and t.step == 0


def test_a_full_disk_ends_no_run(tmp_path, monkeypatch, capsys):
    evaluate = Evaluate(5, told(3.0, 2.0, 1.0), "fid", "min")
    t = run(tmp_path, evaluate).fit(1)
    before = (tmp_path / BEST).read_bytes()

    def fail(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "replace", lambda *given: fail(*given) if given[0].name == BEST else real(*given))
        real = lambda path, content: path.write_bytes(content)
        t.fit(5)
    said = capsys.readouterr().err
    assert said == f"ganlib: could not write {BEST} at step 5 (No space left on device); training goes on\n"
    assert (tmp_path / BEST).read_bytes() == before
    t.fit(4)
    assert checkpoint.read(tmp_path / BEST)["step"] == 10


def test_a_hand_built_game_is_kept_too(tmp_path):
    ganlib.seed(0)
    options = {"device": "cpu", "progress": False, "out": tmp_path}
    t = Trainer(PenalisedCritic(), Cloud(), 16, callbacks=[Evaluate(2, told(1.0), "w", "max")], **options).fit(1)
    found = checkpoint.read(tmp_path / BEST)
    t.gan.load_state_dict(found["gan"])
    with pytest.raises(GanlibError, match=r"not made by ganlib\.build"):
        ganlib.load_gan(tmp_path / BEST)
