"""Learning-rate schedules: closed forms, one for all players, resumed in the middle of a decay to the same bytes."""

import math

import pytest
import torch

import ganlib
from ganlib.errors import GanlibError
from ganlib.gans.base import Player, adam
from ganlib.gans.schedules import constant, cosine, linear_decay, product, read, warm_up
from ganlib.training import Trainer
from ganlib.training import optimizers as optim

from .games import Cloud, Lazy, PenalisedCritic


def trainer(game, seed=0):
    ganlib.seed(seed)
    return Trainer(game(), Cloud(), 16, device="cpu", progress=False)


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (constant(), {0: 1, 10**6: 1}),
        (constant(0.3), {0: 0.3, 10**6: 0.3}),
        (linear_decay(100, 200), {0: 1, 100: 1, 101: 0.99, 150: 0.5, 199: 0.01, 200: 0, 10**6: 0}),
        (linear_decay(0, 4), {0: 1, 1: 0.75, 3: 0.25, 4: 0}),
        (cosine(300), {0: 1, 100: 0.75, 150: 0.5, 200: 0.25, 300: 0, 10**6: 0}),
        (cosine(300, 0.2), {0: 1, 100: 0.8, 150: 0.6, 200: 0.4, 300: 0.2, 10**6: 0.2}),
        (warm_up(4), {0: 0.25, 1: 0.5, 2: 0.75, 3: 1, 4: 1, 10**6: 1}),
        (warm_up(1), {0: 1}),
        (product(warm_up(4), cosine(300)), {1: 0.5 * (1 + math.cos(math.pi / 300)) / 2, 100: 0.75}),
        (product(), {7: 1}),
    ],
)
def test_closed_forms(schedule, values):
    assert {step: schedule(step) for step in values} == pytest.approx(values, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("constant(0.3)", constant(0.3)),
        (" linear_decay(100, end=200) ", linear_decay(100, 200)),
        ("cosine(300, floor=0.2)", cosine(300, 0.2)),
        ("product(warm_up(4), cosine(1_00))", product(warm_up(4), cosine(100))),
    ],
)
def test_a_schedule_written_down(text, same):
    assert [read(text)(step) for step in range(0, 320, 7)] == [same(step) for step in range(0, 320, 7)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cosin(3)", "unknown schedule 'cosin' .did you mean 'cosine'"),
        ("0.5", "expected a call such as linear_decay"),
        ("", "expected a call such as linear_decay"),
        ("cosine(", "expected a call such as linear_decay"),
        ("cosine()", "missing 1 required positional argument"),
        ("cosine(3, 4)", "a floor in"),
        ("cosine('3')", "'3' is no number"),
        ("cosine(True)", "True is no number"),
        ("cosine(warm_up(3))", "cosine takes numbers"),
        ("product(3)", "product takes schedules"),
        ("warm_up(n)", "n is no number"),
        ("linear_decay(200, 100)", "expected 0 ≤ start < end"),
        ("__import__('os').system('true')", "unknown schedule"),
        ("warm_up(__import__('os').getpid())", "unknown schedule"),
        ("product(*[1])", "1. is no number"),
        ("warm_up(**{'steps': 3})", "missing 1 required"),
    ],
)
def test_what_is_no_schedule_is_refused_in_one_sentence(text, words):
    with pytest.raises(GanlibError, match=words) as caught:
        read(text)
    assert str(caught.value).startswith(f"the schedule {text!r} was given") and "\n" not in str(caught.value)


class Decaying(PenalisedCritic):
    def players(self):
        critic, generator = super().players().values()
        return {
            "critic": Player(critic.modules, critic.optimizer, product(warm_up(5), linear_decay(10, 30))),
            "generator": Player(generator.modules, generator.optimizer, cosine(40, 0.1)),
        }


def test_resumes_to_the_same_bytes_in_the_middle_of_a_decay(tmp_path):
    whole = trainer(Decaying).fit(20)
    whole.save(tmp_path / "half.safetensors")
    whole.fit(15)
    again = trainer(Decaying, seed=1).resume(tmp_path / "half.safetensors").fit(15)
    for mine, other in zip(whole.gan.parameters(), again.gan.parameters(), strict=True):
        assert torch.equal(mine, other)
    other = trainer(PenalisedCritic).fit(35)  # without the schedule it is another run
    assert not torch.equal(next(whole.gan.parameters()), next(other.gan.parameters()))


def test_weights_stand_still_where_the_rate_is_0():
    t = trainer(Decaying).fit(30)
    critic, generator = (next(m.parameters()).clone() for m in (t.gan.critic, t.gan.generator))
    t.fit(2)
    assert torch.equal(next(t.gan.critic.parameters()), critic)
    assert not torch.equal(next(t.gan.generator.parameters()), generator)


def test_one_schedule_for_all_players_multiplies_their_own():
    players = optim.scheduled(Decaying().players(), constant(0.5))
    assert players["critic"].learning_rate(20) == 0.25 and players["generator"].learning_rate(0) == 0.5
    plain = optim.scheduled(Lazy().players(), linear_decay(0, 10))
    made = optim.make(plain, Lazy().phases())
    optim.set_rates(made, plain, 5)  # the correction for lazy phases stays under it
    assert made["critic"].param_groups[0]["lr"] == pytest.approx(1e-3 * 16 / 17 / 2)
    players = PenalisedCritic().players()
    assert optim.scheduled(players, None)["critic"].learning_rate is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: constant(-1), r"constant\(-1\) was given; expected a finite factor ≥ 0"),
        (lambda: constant(math.nan), "expected a finite factor"),
        (lambda: linear_decay(5, 5), r"linear_decay\(5, 5\) was given; expected 0 ≤ start < end"),
        (lambda: cosine(0), r"cosine\(0, 0.0\) was given; expected steps ≥ 1"),
        (lambda: cosine(10, 2), r"a floor in \[0, 1\]"),
        (lambda: warm_up(0), r"warm_up\(0\) was given; expected steps ≥ 1"),
        (lambda: optim.scheduled({}, 0.5), "learning_rate=0.5 was given; expected a function of the step"),
    ],
)
def test_bad_values(make, words):
    with pytest.raises(GanlibError, match=words):
        make()


@pytest.mark.parametrize("factor", [-0.1, math.nan, math.inf])
def test_a_schedule_that_goes_wrong_is_named(factor):
    class Wrong(PenalisedCritic):
        def players(self):
            rate = lambda step: factor if step == 2 else 1.0
            return super().players() | {"generator": Player(self.generator, adam(1e-3), rate)}

    with pytest.raises(GanlibError, match=f"the schedule of player 'generator' gives {factor} at step 2"):
        trainer(Wrong).fit(5)


def test_one_schedule_for_all_players_of_a_trainer():
    ganlib.seed(0)
    gan = PenalisedCritic()
    t = Trainer(gan, Cloud(), 16, device="cpu", progress=False, learning_rate=linear_decay(2, 6)).fit(5)
    assert all(o.param_groups[0]["lr"] == pytest.approx(1e-3 * 0.5) for o in t.optimizers.values())
    with pytest.raises(GanlibError, match="learning_rate=0.1 was given; expected a function of the step"):
        Trainer(gan, Cloud(), 16, device="cpu", learning_rate=0.1)
