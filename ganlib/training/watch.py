"""Watching a run for what goes wrong in GANs, and saying in words what is seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganlib import labels
from ganlib.data.images import whole
from ganlib.errors import say
from ganlib.training.callbacks import Every
from ganlib.training.history import History

if TYPE_CHECKING:
    from ganlib.training.trainer import Trainer

SAMPLES = 256  # per look: the spread is then known to a few per cent
# Measured: healthy MLPs on the ring and on digits stay above 0.15 from the first steps on. A DCGAN begins at 0.002, in
# evaluation mode, and is past 0.03 ten steps later. One mode of the ring alone has 0.014, one sample alone has 0.
CONSTANT = 0.02
# With the saturating loss the gradient in a fake's logit is D(G(z)) itself: a thousandth of what it could be.
SURE, REJECTED = 0.999, 0.001


class Watch(Every):
    """Look at the game every so many steps and say what is wrong, once, when it has been seen `patience` times running.

    * The samples are constant: their spread, the root mean square of their distance from their mean, is below
      2 % of the data's. It is logged as ``"spread"``.
    * The discriminator has won: all that time, it was right about 99.9 % of the samples and gave the generated ones
      less than D(G(z)) = 0.001. Only for games that log ``"accuracy"`` and ``"D(G(z))"``; a critic cannot win so.

    What has been seen is read off ``trainer.history``, so that a resumed run sees the same.

    Args:
        steps: the interval; 10 or more, since freshly made networks may say the same to every latent.
        patience: how many looks in a row must show the same.
        stop: end `fit` when something is wrong; ``trainer.stopped`` says what.
        samples: what is looked at: a function of the trainer that returns generated samples (N, *shape). By default
            ``trainer.gan.drawn(256, trainer.data)``: the weights that play, not their average.
        lang: ``"en"`` or ``"zh"``; by default the language in use.

    Raises:
        GanlibError: a value out of its range.
    """

    def __init__(
        self,
        steps: int,
        patience: int = 3,
        stop: bool = False,
        samples: Callable[[Trainer], Tensor] | None = None,
        lang: str | None = None,
    ):
        super().__init__(steps, self.look)
        self.patience, self.stop = whole("patience", patience, 1), stop
        self.samples = samples or (lambda trainer: trainer.gan.drawn(SAMPLES, trainer.data))
        self.lang = lang if lang is None else labels.check(lang)
        self._said: set[str] = set()

    def look(self, trainer: Trainer) -> None:
        if trainer.step == 0:  # nothing has been learned yet
            return
        self._measure(trainer)
        seen = {"constant samples": self._constant(trainer.history), "D has won": self._won(trainer)}
        seen = {key: values for key, values in seen.items() if values is not None}
        words = {key: labels.t(key, self.lang, **values) for key, values in seen.items()}
        for key, text in words.items():
            if key not in self._said:
                say(labels.t("at step", self.lang, step=trainer.step, text=text))
        self._said = set(words)
        if words and self.stop:
            trainer.stop("; ".join(words.values()))

    def _measure(self, trainer: Trainer) -> None:
        """Record the spread of the samples as a fraction of the data's."""
        size = trainer.world.share(trainer.batch_size)
        real = torch.cat([trainer.data.batch(size).images for _ in range(math.ceil(SAMPLES / size))])
        of_data, of_samples = torch.stack([_spread(real), _spread(self.samples(trainer))]).tolist()
        if of_data > 0 and math.isfinite(of_samples):  # NaN is the trainer's to report
            trainer.history.record(trainer.step, "spread", of_samples / of_data)
            if trainer.folder:
                trainer.folder.log(trainer.step, {"spread": of_samples / of_data})

    def _constant(self, history: History) -> dict[str, float] | None:
        last = history["spread"][-self.patience :] if "spread" in history else []
        return {"spread": last[-1]} if len(last) == self.patience and max(last) < CONSTANT else None

    def _won(self, trainer: Trainer) -> dict[str, float] | None:
        """The windows since `patience` looks ago: means over all steps say more than single batches."""
        since, found = trainer.step - self.patience * self.steps, {}
        for name in ("accuracy", "D(G(z))"):
            if since < 0 or name not in trainer.history:
                return None
            windows = zip(trainer.history.steps(name), trainer.history[name], strict=True)
            found[name] = [value for step, value in windows if step > since]
        if not found["accuracy"] or min(found["accuracy"]) < SURE or max(found["D(G(z))"]) > REJECTED:
            return None
        return {"n": trainer.step - since, "accuracy": min(found["accuracy"]), "fake": max(found["D(G(z))"])}


def _spread(samples: Tensor) -> Tensor:
    """Root mean square distance from the mean sample, per entry: the same at any resolution."""
    samples = samples.detach().float()
    return (samples - samples.mean(0)).square().mean().sqrt()
