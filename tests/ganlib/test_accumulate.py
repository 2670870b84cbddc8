"""A batch in parts: the same gradients and the same weights as in one piece."""

import pytest
import torch
from torch.nn import functional as F

import ganlib
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.base import GAN, Phase, Player
from ganlib.training import Trainer

from .games import Cloud, Cycle, Lazy, mlp


class Told:
    """Float64 points, with the latents and the mixing weights of the penalty in the batch: a loss draws nothing."""

    shape = (2,)

    def __init__(self):
        self.random = torch.Generator().manual_seed(0)

    def to(self, device):
        return self

    def batch(self, n):
        drawn = lambda *shape: torch.randn(*shape, generator=self.random, dtype=torch.float64)
        return Batch(drawn(n, 2) + 2, captions=drawn(n, 1).sigmoid(), other=drawn(n, 4))


class Penalised(GAN):
    """A critic with a gradient penalty (second derivatives), and a generator."""

    def __init__(self):
        super().__init__()
        self.generator, self.critic = mlp(4, 2), mlp(2, 1)

    def players(self):
        sgd = lambda parameters, c: torch.optim.SGD(parameters, lr=0.01 * c)
        return {"critic": Player(self.critic, sgd), "generator": Player(self.generator, sgd)}

    def phases(self):
        return [Phase("critic", self.critic_loss, repeats=2), Phase("generator", self.generator_loss)]

    def critic_loss(self, batch):
        with torch.no_grad():
            fake = self.generator(batch.other)
        between = (batch.captions * batch.images + (1 - batch.captions) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        loss = F.softplus(-self.critic(batch.images)).mean() + F.softplus(self.critic(fake)).mean()
        return {"critic": loss, "penalty": ((gradient.norm(dim=1) - 1) ** 2).mean()}, {"x": batch.images.mean()}

    def generator_loss(self, batch):
        return {"generator": F.softplus(-self.critic(self.generator(batch.other))).mean()}, {}

    def sample(self, n=None, z=None):
        raise NotImplementedError


class PlainCycle(Cycle):
    """Without a history of fakes, which draws; the judges see the step cache's."""

    def from_history(self, fake):
        return fake

    def translate(self, batch):
        return super().translate(Batch(batch.images, other=batch.other[:, :2]))

    def judge(self, batch):
        assert len(self.step_cache["b"]) == len(batch)
        return super().judge(Batch(batch.images, other=batch.other[:, :2]))


class LazyRegularised(Penalised):
    """The penalty on every third step, weighted by 3."""

    def phases(self):
        return [
            Phase("critic", lambda batch: ({"d": self.critic_loss(batch)[0]["critic"]}, {})),
            Phase("critic", lambda batch: ({"p": self.critic_loss(batch)[0]["penalty"]}, {}), every=3),
            Phase("generator", self.generator_loss),
        ]


def trainer(game, accumulate, batch_size=24, **options):
    ganlib.seed(0)
    options = {"device": "cpu", "progress": False, "log_every": 3, "log_gradients": True} | options
    return Trainer(game().double(), Told(), batch_size, accumulate=accumulate, **options)


@pytest.mark.parametrize("game", [Penalised, PlainCycle, LazyRegularised])
@pytest.mark.parametrize("parts", [2, 4, 24])
def test_parts_add_up_to_the_whole(game, parts):
    whole, cut = trainer(game, 1), trainer(game, parts)
    start = [p.clone() for p in whole.gan.parameters()]
    first = []
    for t in (whole, cut):
        t.fit(1)
        first.append([p.grad for p in t.gan.parameters() if p.grad is not None])
    for mine, other in zip(*first, strict=True):
        assert torch.allclose(mine, other, rtol=0, atol=1e-12)
    for t in (whole, cut):
        t.fit(8)
    for mine, other, before in zip(whole.gan.parameters(), cut.gan.parameters(), start, strict=True):
        assert torch.allclose(mine, other, rtol=0, atol=1e-12)
        assert (mine - before).abs().max() > 1e-4  # and they have moved
    assert whole.history.names() == cut.history.names()
    for name in whole.history.names():
        assert whole.history[name] == pytest.approx(cut.history[name], rel=1e-5)  # logged in float32


def test_the_parts_are_weighted_by_their_number(monkeypatch):
    """The test above can fail: with the sum of the parts instead of the mean it does."""
    whole, cut = trainer(Penalised, 1), trainer(Penalised, 4)
    backward = cut.engine.backward
    monkeypatch.setattr(cut.engine, "backward", lambda loss, player: backward(4 * loss, player))
    for t in (whole, cut):
        t.fit(1)
    assert not torch.allclose(next(whole.gan.parameters()), next(cut.gan.parameters()), rtol=0, atol=1e-6)


def test_each_part_has_its_own_step_cache():
    class Marked(PlainCycle):
        seen = []

        def translate(self, batch):
            found = super().translate(batch)
            assert "mark" not in self.step_cache
            self.step_cache["mark"] = self.step_cache["b"].sum()
            self.seen.append(("translate", self.step_cache["mark"]))
            return found

        def judge(self, batch):
            self.seen.append(("judge", self.step_cache["mark"]))
            return super().judge(batch)

    trainer(Marked, 3).fit(2)
    for step in (Marked.seen[:6], Marked.seen[6:]):
        assert [name for name, _ in step] == ["translate"] * 3 + ["judge"] * 3
        made, read = ([mark.item() for _, mark in half] for half in (step[:3], step[3:]))
        assert made == read and len(set(made)) == 3


def test_average_schedules_and_history_count_images_not_parts():
    whole, cut = (trainer(Penalised, parts, ema_half_life=100).fit(6) for parts in (1, 4))
    assert cut.step == 6 and cut.images_seen == whole.images_seen == 6 * 24
    for mine, other in zip(whole.ema.state_dict().values(), cut.ema.state_dict().values(), strict=True):
        assert torch.allclose(mine, other, rtol=0, atol=1e-12)
    assert whole.history.steps("critic") == cut.history.steps("critic") == [3, 6]


def test_the_average_has_the_same_half_life_at_any_batch_size():
    """Weights that jump once: after `half_life` images the average has come half the way."""

    class Still(Penalised):
        def players(self):
            return {"critic": Player(self.critic, lambda p, c: torch.optim.SGD(p, lr=0.0))}

        def phases(self):
            return [Phase("critic", self.critic_loss)]

    for batch_size, accumulate in ((10, 1), (50, 1), (50, 5)):
        t = trainer(Still, accumulate, batch_size, ema_half_life=200)
        t.images_seen = 10**6  # past the ramp
        before = t.ema.gan.generator[0].weight.clone()
        with torch.no_grad():
            t.gan.generator[0].weight += 1
        t.fit(200 // batch_size)
        assert torch.allclose(t.ema.gan.generator[0].weight - before, torch.full_like(before, 0.5), atol=1e-12)


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "words"),
    [
        (10, 4, "batch_size=10 was given; expected a multiple of 4: .*accumulate"),
        (3, 4, "batch_size=3 was given; expected a multiple of 4"),
        (8, 0, "accumulate=0 was given; expected at least 1"),
        (8, -2, "accumulate=-2 was given; expected at least 1"),
    ],
)
def test_bad_values(batch_size, accumulate, words):
    with pytest.raises(GanlibError, match=words):
        trainer(Penalised, accumulate, batch_size)


def test_lazy_games_play_in_parts():
    ganlib.seed(0)
    t = Trainer(Lazy(), Cloud(), 16, device="cpu", accumulate=4, progress=False).fit(17)
    assert (len(t.gan.played["r1"]), len(t.gan.played["path"])) == (2 * 4, 3 * 4)
