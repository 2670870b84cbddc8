"""What conditional games have in common: where conditions come from, and which ones are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganlib.data import captions
from ganlib.data.batch import Batch, Source
from ganlib.data.images import whole
from ganlib.device import seeded
from ganlib.errors import GanlibError, unknown
from ganlib.gans.base import evaluating
from ganlib.gans.gan import VanillaGAN
from ganlib.models.text import TextEncoder

RANDOM = ("hair_colour", "eye_colour", "glasses")  # what captions name where none is asked for


class Labels:
    """Conditions that are numbers of classes: int64 (N,).

    Args:
        classes: how many classes there are.
        may_match: what `other` gives: labels of other rows, which may be the same; else always another class.

    Raises:
        GanlibError: fewer than two classes.
    """

    name = "labels"

    def __init__(self, classes: int, may_match: bool = False):
        self.classes, self.may_match = whole("classes", classes, 2), may_match

    def encoder(self, dim: int) -> nn.Module:
        """Labels (N,) ↦ (N, dim), to be learnt."""
        return nn.Embedding(self.classes, dim)

    def of(self, batch: Batch) -> Tensor:
        """Those of a batch."""
        return batch.labels

    def other(self, labels: Tensor) -> Tensor:
        """For each label a wrong one: any of the other classes, each as likely; see `may_match`."""
        if self.may_match:
            return labels.roll(1)
        return (labels + torch.randint(1, self.classes, (len(labels),), device=labels.device)) % self.classes

    def drawn(self, n: int, device: torch.device) -> Tensor:
        """n of them at random, each class as likely."""
        return torch.randint(self.classes, (n,), device=device)

    def read(self, given: Any, n: int | None, device: torch.device) -> Tensor:
        """What somebody asks for: one label for all samples, or one each.

        Raises:
            GanlibError: not of this kind, out of range, or not as many as there are samples.
        """
        try:
            labels = torch.as_tensor(given)
        except (TypeError, ValueError, RuntimeError):
            labels = torch.zeros(())  # no label either
        if labels.dtype == torch.bool or labels.is_floating_point() or labels.ndim > 1 or not labels.numel():
            raise GanlibError(f"labels {given!r} were given; expected one whole number, or one for each sample")
        for extreme in (int(labels.min()), int(labels.max())):
            if not 0 <= extreme < self.classes:
                raise GanlibError(f"label {extreme} was given; expected 0 to {self.classes - 1}")
        return _one_each(labels.long(), labels.ndim == 0, n, "label").to(device)

    def check(self, data: Source, game: str) -> None:
        """Refuse data without labels, or with more classes."""
        with seeded(0, getattr(data, "device", "cpu")):  # to look changes no run
            labels = data.batch(1).labels
        if labels is None:
            raise GanlibError(f"the data set {_name(data)} has no labels; {game} learns from images with labels")
        found = classes_of(data)
        if found is not None and found > self.classes:
            raise GanlibError(
                f"the data set {_name(data)} has {found} classes, {game} was built for {self.classes}; expected "
                f"classes={found}, or ganlib.build({game!r}, data)"
            )


class Captions:
    """Conditions that are captions: int64 (N, L) tokens, see `ganlib.data.captions`."""

    name = "captions"

    def encoder(self, dim: int) -> nn.Module:
        """Tokens (N, L) ↦ (N, dim), to be learnt."""
        return TextEncoder(len(captions.WORDS), dim)

    def of(self, batch: Batch) -> Tensor:
        """Those of a batch."""
        return batch.captions

    def other(self, tokens: Tensor) -> Tensor:
        """For each caption a wrong one: that of another row. By chance it may be right as well."""
        return tokens.roll(1, 0)

    def drawn(self, n: int, device: torch.device) -> Tensor:
        """n of them at random: English, a hair colour, an eye colour, and glasses or none."""
        return captions.random(n, RANDOM, device)

    def read(self, given: Any, n: int | None, device: torch.device) -> Tensor:
        """What somebody asks for: one caption for all samples, or one each, in words or as tokens.

        Raises:
            GanlibError: a phrase outside the vocabulary, no tokens, or not as many as there are samples.
        """
        alone = isinstance(given, str)
        if not isinstance(given, Tensor):
            given = captions.tokens(given)
        elif given.dtype != torch.int64 or given.ndim != 2 or not given.numel():
            raise GanlibError(f"captions {given.dtype} {tuple(given.shape)} were given; expected int64 (N, L) tokens")
        elif not 0 <= int(given.min()) <= int(given.max()) < len(captions.WORDS):
            raise GanlibError(f"tokens outside the vocabulary were given; expected 0 to {len(captions.WORDS) - 1}")
        return _one_each(given[0] if alone else given, alone, n, "caption").to(device)

    def check(self, data: Source, game: str) -> None:
        """Refuse data without captions."""
        with seeded(0, getattr(data, "device", "cpu")):
            there = data.batch(1).captions
        if there is None:
            raise GanlibError(
                f"the data set {_name(data)} has no captions; {game} was built for some, as 'captioned-avatars' has"
            )


KINDS = ("labels", "captions")


def conditions(kind: str, classes: int, may_match: bool = False) -> Labels | Captions:
    """The kind of condition by its name.

    Args:
        kind: one of `KINDS`.
        classes: how many labels there are.
        may_match: see `Labels`.

    Raises:
        GanlibError: there is no such kind.
    """
    if kind not in KINDS:
        raise unknown("condition", kind, KINDS)
    return Labels(classes, may_match) if kind == "labels" else Captions()


def classes_of(data: Source) -> int | None:
    """How many classes a data set has; None where it does not say so."""
    if getattr(data, "classes", ()):
        return len(data.classes)
    if isinstance(getattr(data, "labels", None), Tensor):
        return int(data.labels.max()) + 1
    modes = getattr(data, "modes", None)
    return None if modes is None else len(modes)


def _name(data: Source) -> str:
    return repr(getattr(data, "name", type(data).__name__))


def _one_each(given: Tensor, alone: bool, n: int | None, what: str) -> Tensor:
    if alone:
        return given.expand(1 if n is None else n, *given.shape)
    if n not in (None, len(given)):
        raise GanlibError(f"{len(given)} {what}s were given for {n} samples; expected one for all, or {n}")
    return given


class ConditionalGAN(VanillaGAN):
    """A game whose generator makes samples of latents and of conditions.

    In both turns of a step it makes the same samples, with the conditions of the real ones: so conditions occur among
    generated samples as often as among real ones.

    Args:
        generator: (N, latent_dim), conditions (N, ...) → (N, *shape) in [−1, 1].
        discriminator: what the game makes of it.
        latent_dim: length of z ~ N(0, I).
        conditions: their kind.
        options: of `VanillaGAN`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        conditions: Labels | Captions,
        **options: Any,
    ):
        super().__init__(generator, discriminator, latent_dim, **options)
        self.conditions = conditions

    @classmethod
    def told_by(cls, data: Source) -> dict[str, Any]:
        found = classes_of(data)
        return {} if found is None else {"classes": found}

    def check_data(self, data: Source) -> None:
        self.conditions.check(data, self.name)

    def inputs(self, n: int) -> dict[str, Tensor]:
        return {"z": self.latent(n), self.conditions.name: self.conditions.drawn(n, self.device)}

    def conditional_fakes(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Samples for the discriminator's turn, and their conditions, which are those of the batch."""
        c = self.step_cache["c"] = self.conditions.of(batch)
        return self.fakes(len(batch), c), c

    def judged_conditional_fakes(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Samples for the generator's turn, and their conditions: those that have been judged last in this step."""
        c = self.step_cache.pop("c", None)
        c = self.conditions.of(batch) if c is None else c
        return self.judged_fakes(len(c), c), c

    @torch.no_grad()
    def sample(
        self,
        n: int | None = None,
        z: Tensor | None = None,
        labels: int | Sequence[int] | Tensor | None = None,
        captions: str | Sequence[str] | Tensor | None = None,
    ) -> Tensor:
        """Generated samples.

        Args:
            n: how many, from fresh latents; or
            z: latents (N, latent_dim). With neither, as many as there are conditions.
            labels: a class for all of them, or int64 (N,), one each, for games with labels.
            captions: words for all of them, a list of N, or int64 (N, L) tokens, for games with captions. With neither
                labels nor captions, conditions are drawn after the latents, each class as likely, or captions of hair,
                eyes and glasses: what is likely in the data is not known here.

        Returns:
            (N, *shape) in [−1, 1].

        Raises:
            GanlibError: numbers that do not fit each other, a class out of range, a phrase that is not in the
                vocabulary, or conditions of the other kind.
        """
        given = {"labels": labels, "captions": captions}
        asked = given.pop(self.conditions.name)
        for other, value in given.items():
            if value is not None:
                raise GanlibError(f"{other} were given, but this {self.name!r} was trained with {self.conditions.name}")
        count = len(z) if z is not None else n
        c = None if asked is None else self.conditions.read(asked, count, self.device)
        z = self.latents(len(c) if count is None and c is not None else n, z)
        c = self.conditions.drawn(len(z), self.device) if c is None else c
        with evaluating(self.generator):
            return self.generator(z, c)
