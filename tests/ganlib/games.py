"""Throw-away games that later methods resemble: if these play, the contract holds.

A penalised critic that moves five times per step, a two-generator cycle with a history buffer, lazily regularised
players, and a generator that grows while its batch shrinks.
"""

import torch
import torch.nn.functional as F
from torch import nn

from ganlib.data.batch import Batch
from ganlib.gans.base import GAN, Phase, Player, adam, evaluating


def mlp(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 16), nn.LeakyReLU(0.2), nn.Linear(16, n_out))


class Cloud:
    """Two blobs on the plane, and another domain 3 to the right. Counts the batches it has handed out."""

    shape = (2,)
    device = "cpu"

    def __init__(self):
        self.drawn = 0

    def to(self, device):
        self.device = device
        return self

    def batch(self, n):
        self.drawn += 1
        where = {"device": self.device}
        blobs = torch.randn(n, 2, **where) * 0.1 + torch.randint(2, (n, 1), **where)
        return Batch(blobs, other=torch.randn(n, 2, **where) + 3)


class PenalisedCritic(GAN):
    name = "penalised"

    def __init__(self):
        super().__init__()
        self.generator, self.critic = mlp(4, 2), mlp(2, 1)

    def players(self):
        return {
            "critic": Player(self.critic, adam(1e-3, 0.0, 0.9)),
            "generator": Player(self.generator, adam(1e-3, 0.0, 0.9)),
        }

    def phases(self):
        return [Phase("critic", self.critic_loss, repeats=5), Phase("generator", self.generator_loss)]

    def fake(self, n):
        return self.generator(torch.randn(n, 4, device=self.device))

    def critic_loss(self, batch):
        real = batch.images
        with torch.no_grad():
            fake = self.fake(len(real))
        e = torch.rand(len(real), *[1] * (real.ndim - 1), device=self.device)
        between = (e * real + (1 - e) * fake).requires_grad_()
        (gradient,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        w = self.critic(real).mean() - self.critic(fake).mean()
        return {"-w": -w, "penalty": 10 * ((gradient.norm(dim=1) - 1) ** 2).mean()}, {"w": w}

    def generator_loss(self, batch):
        return {"generator": -self.critic(self.fake(len(batch))).mean()}, {}

    @torch.no_grad()
    def sample(self, n=None, z=None):
        with evaluating(self.generator):
            return self.generator(torch.randn(n, 4, device=self.device) if z is None else z)


class Cycle(GAN):
    name = "cycle"

    def __init__(self):
        super().__init__()
        self.ab, self.ba, self.judge_a, self.judge_b = mlp(2, 2), mlp(2, 2), mlp(2, 1), mlp(2, 1)
        self.register_buffer("history", torch.zeros(8, 2))
        self.register_buffer("filled", torch.tensor(0))

    def players(self):
        half = lambda step: max(0.0, 1 - max(0, step - 10) / 20)  # constant, then a linear decay
        return {
            "translators": Player((self.ab, self.ba), adam(2e-3, 0.5), half),
            "judges": Player((self.judge_a, self.judge_b), adam(2e-3, 0.5), half),
        }

    def phases(self):
        return [Phase("translators", self.translate), Phase("judges", self.judge)]

    def averaged(self):
        return (self.ab, self.ba)

    def translate(self, batch):
        b, a = self.ab(batch.images), self.ba(batch.other)
        self.step_cache |= {"a": a.detach(), "b": b.detach()}
        cheat = ((self.judge_b(b) - 1) ** 2).mean() + ((self.judge_a(a) - 1) ** 2).mean()
        cycle = F.l1_loss(self.ba(b), batch.images) + F.l1_loss(self.ab(a), batch.other)
        return {"adversarial": cheat, "cycle": 10 * cycle}, {}

    def from_history(self, fake):
        swap = torch.rand(len(fake), device=self.device) < 0.5
        slot = torch.randint(8, (len(fake),), device=self.device)
        shown = torch.where((swap & (slot < self.filled))[:, None], self.history[slot], fake)
        self.history[slot[swap]] = fake[swap]
        self.filled.fill_(8)
        return shown

    def judge(self, batch):
        real = ((self.judge_a(batch.images) - 1) ** 2).mean() + ((self.judge_b(batch.other) - 1) ** 2).mean()
        fake_b, fake_a = self.from_history(self.step_cache["b"]), self.step_cache["a"]
        return {"judges": real + (self.judge_b(fake_b) ** 2).mean() + (self.judge_a(fake_a) ** 2).mean()}, {}

    @torch.no_grad()
    def sample(self, n=None, z=None):
        return self.ab(torch.randn(n, 2, device=self.device) if z is None else z)


class Lazy(PenalisedCritic):
    name = "lazy"

    def __init__(self):
        super().__init__()
        self.register_buffer("path_mean", torch.zeros(()))
        self.played = {"r1": [], "path": []}

    def phases(self):
        return [
            Phase("critic", self.plain),
            Phase("critic", self.r1, every=16),
            Phase("generator", self.non_saturating),
            Phase("generator", self.path, every=8),
        ]

    def plain(self, batch):
        with torch.no_grad():
            fake = self.fake(len(batch))
        return {"d": F.softplus(-self.critic(batch.images)).mean() + F.softplus(self.critic(fake)).mean()}, {}

    def r1(self, batch):
        x = batch.images.clone().requires_grad_()
        (g,) = torch.autograd.grad(self.critic(x).sum(), x, create_graph=True)
        self.played["r1"].append(1)
        return {"r1": 0.5 * g.square().sum(1).mean()}, {}

    def non_saturating(self, batch):
        return {"g": F.softplus(-self.critic(self.fake(len(batch)))).mean()}, {}

    def path(self, batch):
        z = torch.randn(len(batch), 4, device=self.device).requires_grad_()
        y = self.generator(z)
        (g,) = torch.autograd.grad((y * torch.randn_like(y)).sum(), z, create_graph=True)
        length = g.norm(dim=1)
        self.path_mean.lerp_(length.mean().detach(), 0.01)
        self.played["path"].append(1)
        return {"path": 2 * (length - self.path_mean).square().mean()}, {}


class Growing(PenalisedCritic):
    name = "growing"

    def __init__(self):
        super().__init__()
        self.generator = nn.ModuleDict({"old": mlp(4, 2), "new": mlp(4, 2)})
        self.register_buffer("alpha", torch.zeros(()))

    def schedule(self, images_seen, batch_size):
        self.alpha.fill_(min(1.0, images_seen / 400))
        return 8 if images_seen >= 200 else None

    def fake(self, n):
        z = torch.randn(n, 4, device=self.device)
        return (1 - self.alpha) * self.generator["old"](z) + self.alpha * self.generator["new"](z)

    @torch.no_grad()
    def sample(self, n=None, z=None):
        return self.generator["new"](torch.randn(n, 4, device=self.device) if z is None else z)


GAMES = [PenalisedCritic, Cycle, Lazy, Growing]
