"""One process of a run of several, for test_distributed.py: plays a game and writes down what became of it.

    python play_together.py TASK FOLDER

Random numbers are drawn for the batch of all processes, and each takes its rows: then a run of two sees what a run of
one sees, and must do the same.
"""

import os
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[2]))
import ganlib
from ganlib import models
from ganlib.data.batch import Batch
from ganlib.gans.base import Phase
from ganlib.gans.gan import VanillaGAN
from ganlib.training import Trainer
from tests.ganlib.games import Cloud, Lazy, PenalisedCritic, mlp

RANK, SIZE = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
BATCH, STEPS = 16, 20


class Rows:
    """torch.randn and its kin, drawn alike in all processes, of which each takes its own rows."""

    def __init__(self):
        self.generator = torch.Generator()
        self.generator.manual_seed(7)

    def of(self, function, n, rest, *first, **options):
        whole = function(*first, (n * SIZE, *rest), generator=self.generator, **options)
        return whole[RANK * n : (RANK + 1) * n]

    def patch(self):
        randn, rand, randint = torch.randn, torch.rand, torch.randint
        torch.randn = lambda n, *rest, **_: self.of(randn, n, rest)
        torch.rand = lambda n, *rest, **_: self.of(rand, n, rest)
        torch.randint = lambda high, shape, **_: self.of(randint, shape[0], shape[1:], 0, high)


class NonSaturating(VanillaGAN):
    def __init__(self):
        super().__init__(mlp(4, 2), mlp(2, 1), latent_dim=4)
        self.discriminator.append(torch.nn.Flatten(0))


class LazyR1(Lazy):
    """Penalty on every fourth step. (Path length compares with a running mean, which each process moves by its own.)"""

    def phases(self):
        return [
            Phase("critic", self.plain),
            Phase("critic", self.r1, every=4),
            Phase("generator", self.non_saturating),
        ]


GAMES = {"non-saturating": NonSaturating, "wgan-gp": PenalisedCritic, "lazy": LazyR1}


def trainer(game, data=None, **options):
    ganlib.seed(0)
    return Trainer(game(), data or Cloud(), BATCH, device="cpu", progress=False, **options)


def equal(folder):
    """Each game: the gradients of the first step, the weights after 20 steps."""
    torch.set_default_dtype(torch.float64)
    Rows().patch()
    found = {}
    for name, game in GAMES.items():
        t = trainer(game, log_every=5)
        before, after, average = [], [], t.world.average_

        def averaged(tensors, average=average, before=before, after=after):
            kept = lambda x: x.ndim and x.dtype == torch.float64  # gradients, not running means nor the history
            before.extend(x.clone() for x in tensors if kept(x))
            average(tensors)
            after.extend(x.clone() for x in tensors if kept(x))

        t.world.average_ = averaged
        t.fit(1)
        t.world.average_ = average
        found |= {f"{name}.own.{i}": gradient for i, gradient in enumerate(before)}
        found |= {f"{name}.gradient.{i}": gradient for i, gradient in enumerate(after)}
        t.fit(STEPS - 1)
        found |= {f"{name}.weight.{key}": value for key, value in t.gan.state_dict().items()}
        found[f"{name}.history"] = torch.tensor(t.history[t.history.names()[0]])
    save_file({key: value.clone() for key, value in found.items()}, folder / f"equal-{SIZE}-{RANK}.safetensors")


def apart(folder):
    """Ordinary random numbers: the processes must see different samples, and end with the same weights."""
    seen = []

    class Seen(Cloud):
        def batch(self, n):
            seen.append(super().batch(n))
            return seen[-1]

    t = trainer(PenalisedCritic, Seen(), out=folder / f"out-{RANK}").fit(3)
    weights = {f"weight.{key}": value for key, value in t.gan.state_dict().items()}
    save_file(weights | {"seen": seen[0].images}, folder / f"apart-{SIZE}-{RANK}.safetensors")


def normalised(folder):
    """Batch norm: statistics of each process's share, running means averaged."""
    ganlib.seed(0)
    gan = VanillaGAN(*models.networks("mlp", (1, 4, 4), 3), latent_dim=3)

    class Noise(Cloud):
        shape = (1, 4, 4)

        def batch(self, n):
            return Batch(torch.rand(n, 1, 4, 4))

    t = Trainer(gan, Noise(), BATCH, device="cpu", progress=False, ema_half_life=100).fit(3)
    tensors = t.gan.state_dict() | {f"ema.{key}": value for key, value in t.ema.state_dict().items()}
    save_file({key: value.clone() for key, value in tensors.items()}, folder / f"normalised-{SIZE}-{RANK}.safetensors")


def resumed(folder):
    """20 steps at once, and 10 + 10 in another trainer: the same bytes, each process with its own random state."""
    whole = trainer(PenalisedCritic, ema_half_life=100, log_every=5).fit(20)
    trainer(PenalisedCritic, ema_half_life=100, log_every=5, out=folder / "run").fit(10)
    ganlib.seed(99)
    again = trainer(PenalisedCritic, ema_half_life=100, log_every=5, out=folder / "run").resume().fit(10)
    for one, other in zip(whole.gan.state_dict().values(), again.gan.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert whole.history.rows() == again.history.rows()


def alone(folder):
    """A run that two processes began goes on in one."""
    again = trainer(PenalisedCritic, ema_half_life=100, log_every=5, out=folder / "run").resume()
    assert again.step == 20
    again.fit(2)


def stops(folder):
    """A callback of process 0 stops all of them, at the same step."""
    t = trainer(PenalisedCritic, log_every=5, callbacks=[lambda t: t.step == 7 and t.stop("seen enough")]).fit(100)
    assert (t.step, t.stopped) == (10, "seen enough"), (t.step, t.stopped)


def dies(folder):
    """Process 1 is gone after five steps, without a word."""

    class Dying(Cloud):
        def batch(self, n):
            if RANK == 1 and self.drawn > 5 * 6:
                os._exit(9)
            return super().batch(n)

    trainer(PenalisedCritic, Dying()).fit(10_000)


def diverges(folder):
    """A NaN of one process ends all of them."""

    class Broken(PenalisedCritic):
        def generator_loss(self, batch):
            terms, stats = super().generator_loss(batch)
            return {name: term * (float("nan") if RANK == 1 else 1) for name, term in terms.items()}, stats

    trainer(Broken, log_every=5, out=folder / "diverged").fit(100)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for task in sys.argv[1].split(","):
        globals()[task](Path(sys.argv[2]))
