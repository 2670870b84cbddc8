"""The watch: it says what goes wrong, once and in words, and is silent where all is well."""

import pytest
import torch

import ganlib
from ganlib import labels
from ganlib.data.batch import Batch
from ganlib.data.images import DoesNotFit
from ganlib.errors import GanlibError
from ganlib.gans.base import Player, adam
from ganlib.gans.gan import VanillaGAN
from ganlib.training import Trainer, Watch, folder
from ganlib.training.watch import CONSTANT

from .games import GAMES, Cloud, Cycle, PenalisedCritic, mlp


def train(gan, data, steps, *callbacks, batch_size=64, **options):
    options = {"device": "cpu", "progress": False, "log_every": 10} | options
    return Trainer(gan, data, batch_size, callbacks=callbacks, **options).fit(steps)


def silenced(generator):
    """A generator whose last layer says nothing and stays so: all samples are the same."""
    last = [part for part in generator.modules() if isinstance(part, torch.nn.Linear)][-1]
    torch.nn.init.zeros_(last.weight)
    last.weight.requires_grad_(False)
    return generator


class Overpowered(VanillaGAN):
    """A discriminator that learns much faster than its generator."""

    def players(self):
        return {
            "discriminator": Player(self.discriminator, adam(1e-2, 0.5)),
            "generator": Player(self.generator, adam(1e-5, 0.5)),
        }


def far(loss):
    """Its generator starts far from the data, so that all can be told apart."""
    ganlib.seed(0)
    gan = Overpowered(mlp(4, 2), mlp(2, 1), latent_dim=4, loss=loss)
    torch.nn.init.constant_(gan.generator[2].bias, 6.0)
    return gan


# -- what goes wrong ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("data", ["ring", "digits"])
def test_constant_samples(data, capsys):
    ganlib.seed(0)
    source = ganlib.load(data, **({"n": 300} if data == "digits" else {}))
    gan = ganlib.build("gan", source.shape, model="mlp-small", latent_dim=4)
    silenced(gan.generator)
    t = train(gan, source, 12, Watch(2, patience=3))
    said = capsys.readouterr().err.splitlines()
    assert said == ["ganlib: step 6: the samples are constant: their spread is 0.00% of the data's"]
    assert t.history["spread"] == pytest.approx([0.0] * 6, abs=1e-6) and t.history.steps("spread")[0] == 2
    assert t.stopped is None and t.step == 12


def test_the_discriminator_has_won(capsys):
    gan = far("minimax")
    t = train(gan, Cloud(), 400, Watch(50, stop=True))
    (said,) = capsys.readouterr().err.splitlines()
    assert "the discriminator has won: for 150 steps it was right about 100.0% of all samples" in said
    assert t.step < 400 and t.stopped in said
    # What it warns of: the saturating loss gives almost no gradient any more, the other one does.
    z = torch.randn(256, 4)
    logits = gan.discriminator(gan.generator(z)).detach().requires_grad_()
    slopes = {}
    for name in ("minimax", "non_saturating"):
        (slope,) = torch.autograd.grad(ganlib.losses.get(name).generator(logits), logits)
        slopes[name] = slope.abs().sum().item()
    assert slopes["minimax"] < 1e-3 and slopes["non_saturating"] > 0.99


def test_both_at_once_in_the_order_of_their_words(capsys):
    gan = far("minimax")
    silenced(gan.generator)
    t = train(gan, Cloud(), 400, Watch(50, stop=True, patience=2))
    assert "the samples are constant" in t.stopped
    t.callbacks[0] = Watch(50)
    t.fit(400)
    assert t.step == 400 + t.history.steps("spread")[1]
    said = capsys.readouterr().err
    assert said.count("the discriminator has won") == 1


def test_a_critic_has_no_say_in_winning_but_constant_samples_are_seen(capsys):
    ganlib.seed(0)
    gan = PenalisedCritic()
    silenced(gan.generator)
    train(gan, Cloud(), 12, Watch(2))
    assert capsys.readouterr().err.count("the samples are constant") == 1


def test_least_squares_scores_are_no_probabilities(capsys):
    """A score of 0 for all that is generated is what least squares asks for, and a good gradient: no false alarm."""
    train(far("least_squares"), Cloud(), 300, Watch(50, stop=True))
    assert capsys.readouterr().err == ""


def test_the_words_in_chinese(capsys):
    ganlib.seed(0)
    gan = PenalisedCritic()
    silenced(gan.generator)
    t = train(gan, Cloud(), 12, Watch(2, patience=1, stop=True, lang="zh"))
    assert capsys.readouterr().err == "ganlib: 第 2 步：生成的样本几乎全都一样：离散程度只有数据的 0.00%\n"
    assert t.stopped == "生成的样本几乎全都一样：离散程度只有数据的 0.00%"
    for key in ("at step", "constant samples", "D has won"):
        assert key in labels.WORDS


# -- once, and only what lasts -----------------------------------------------------------------------------------------
def scripted(watch, *spreads, out=None):
    """A run whose samples have these spreads at the looks, relative to the data's."""
    ganlib.seed(0)
    points = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])

    class Two(Cloud):
        def batch(self, n):
            return Batch(points.repeat(n // 2, 1))

    watch.samples = lambda t: points * spreads[t.step // watch.steps - 1]
    options = {"out": out, "checkpoint_every": 1}
    return train(PenalisedCritic(), Two(), len(spreads) * watch.steps, watch, batch_size=8, **options)


def test_a_hiccup_is_not_said_and_a_finding_is_said_again_only_after_it_was_gone(capsys):
    low, high = CONSTANT * 0.9, CONSTANT * 1.1
    t = scripted(Watch(2), low, low, high, low, low, low, low, low, high, low, low, low, low)
    steps = [line.split(":")[1] for line in capsys.readouterr().err.splitlines()]
    assert steps == [" step 12", " step 24"]
    assert t.history["spread"][:3] == pytest.approx([low, low, high])


def test_a_finding_that_lasts_stops_the_run(tmp_path):
    t = scripted(Watch(2, patience=2, stop=True), 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, out=tmp_path)
    assert t.step == 10 and t.stopped == "the samples are constant: their spread is 0.00% of the data's"
    assert folder.status(tmp_path)["state"] == f"stopped: {t.stopped}"
    assert [row["spread"] for row in folder.log(tmp_path) if "spread" in row] == t.history["spread"]


def test_a_resumed_run_sees_the_same(tmp_path):
    def trainer(out):
        ganlib.seed(0)
        options = {"device": "cpu", "progress": False, "log_every": 10, "checkpoint_every": 5, "out": tmp_path / out}
        return Trainer(far("minimax"), Cloud(), 64, callbacks=[Watch(20, stop=True)], **options)

    whole = trainer("whole").fit(400)
    cut = trainer("cut").fit(whole.step - 15)
    assert whole.stopped and not cut.stopped
    again = trainer("cut").resume().fit(400)
    assert again.step == whole.step and again.stopped == whole.stopped
    assert again.history.state_dict()["series"] == whole.history.state_dict()["series"]


# -- where all is well -------------------------------------------------------------------------------------------------
def test_silent_on_a_healthy_run_on_the_ring(capsys):
    ganlib.seed(0)
    ring = ganlib.load("ring")
    t = train(ganlib.build("gan", (2,), model="mlp-small", latent_dim=8), ring, 150, Watch(10, patience=1, stop=True))
    assert capsys.readouterr().err == "" and t.step == 150
    assert min(t.history["spread"]) > 2 * CONSTANT


def test_silent_on_a_healthy_run_on_digits(capsys):
    ganlib.seed(0)
    digits = ganlib.load("digits", n=1000)
    t = train(ganlib.build("gan", digits.shape, model="mlp-small"), digits, 60, Watch(5, stop=True))
    assert capsys.readouterr().err == "" and t.step == 60


@pytest.mark.parametrize("game", GAMES)
def test_any_game_is_watched_and_plays_as_before(game, capsys):
    weights = []
    for callbacks in ([], [Watch(3)]):
        ganlib.seed(0)
        t = train(game(), Cloud(), 12, *callbacks, batch_size=16)
        weights.append(next(t.gan.parameters()).clone())
    assert torch.equal(*weights) and len(t.history["spread"]) == 4
    assert capsys.readouterr().err == ""


def test_the_spread_is_that_of_the_samples_over_that_of_the_data():
    spread = scripted(Watch(2), 1.0, 0.5, 3.0).history["spread"]
    assert spread == pytest.approx([1.0, 0.5, 3.0])


def test_data_that_are_constant_themselves_are_no_measure(capsys):
    class Same(Cloud):
        def batch(self, n):
            return Batch(torch.ones(n, 2))

    ganlib.seed(0)
    t = train(PenalisedCritic(), Same(), 8, Watch(2))
    assert "spread" not in t.history and capsys.readouterr().err == ""


def test_data_on_the_host_and_tiny_batches():
    class TooLarge(Cloud):
        def to(self, device):
            raise DoesNotFit("they need more")

    ganlib.seed(0)
    t = train(Cycle(), TooLarge(), 4, Watch(2, samples=lambda t: t.gan.ab(t.data.batch(9).images)), batch_size=1)
    assert len(t.history["spread"]) == 2


def test_bad_input():
    with pytest.raises(GanlibError, match="every 0 steps"):
        Watch(0)
    with pytest.raises(GanlibError, match="patience must be a whole number 1 or more, not 0"):
        Watch(5, patience=0)
    with pytest.raises(GanlibError, match="unknown language 'fr'"):
        Watch(5, lang="fr")
