"""Images with captions, as tokens of a closed vocabulary: "red eyes, blue hair" or “红色眼睛，蓝色头发”.

The phrases are those of `ganlib.data.avatars`. An English word is a token, a Chinese character is one, and so is each
language's comma; 0 fills up. Phrases are told apart by commas alone, so that tokens can be read back as text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganlib.data import avatars
from ganlib.data.batch import Batch
from ganlib.data.images import Images, whole
from ganlib.errors import GanlibError, unknown

COMMAS = {"en": ",", "zh": "，"}


def _words(phrase: str) -> list[str]:
    return re.findall(r"[a-z-]+|[^\sa-z-]", phrase)


# Token → word. 0 is no word: it fills captions up to one length.
WORDS = ("", *dict.fromkeys([*COMMAS.values(), *(word for phrase in avatars.SAID for word in _words(phrase))]))
TOKENS = {word: token for token, word in enumerate(WORDS)}


def tokens(texts: str | Sequence[str]) -> Tensor:
    """Captions as numbers.

    Args:
        texts: one caption or several, in the vocabulary of `avatars.parse`, in either language or both.

    Returns:
        int64 (N, L), as long as the longest of them, the others filled up with 0.

    Raises:
        GanlibError: no caption, a phrase outside the vocabulary, or two in one caption that contradict each other.
    """
    texts = [texts] if isinstance(texts, str) else list(texts)
    if not texts:
        raise GanlibError("no caption was given; expected at least one, e.g. 'red eyes, blue hair'")
    rows = [torch.tensor(_tokens(text)) for text in texts]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def _tokens(text: str) -> list[int]:
    if not isinstance(text, str):
        raise GanlibError(f"the caption {text!r} was given; expected text, e.g. 'red eyes, blue hair'")
    avatars.parse(text)  # says what is not in the vocabulary
    found: list[str] = []
    for phrase in avatars.phrases(text):
        found += [COMMAS["en" if found[-1].isascii() else "zh"]] if found else []
        found += _words(phrase)
    return [TOKENS[word] for word in found]


def text(row: Tensor) -> str:
    """A caption in words: the reverse of `tokens`.

    Args:
        row: int64 (L,) tokens; zeros at the end, or anywhere, say nothing.

    Raises:
        GanlibError: no such token, or not one caption.
    """
    if row.ndim != 1 or row.dtype != torch.int64 or (row.numel() and not 0 <= row.min() <= row.max() < len(WORDS)):
        raise GanlibError(
            f"a tensor {row.dtype} {tuple(row.shape)} was given; expected int64 (L,) tokens from 0 to {len(WORDS) - 1}"
        )
    made = " ".join(WORDS[token] for token in row.tolist() if token)
    made = re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", made)  # Chinese is written without spaces
    return re.sub(r" ?, ?", ", ", made)


def random(n: int, attributes: Sequence[str], device: torch.device | str = "cpu") -> Tensor:
    """English captions that name all of some attributes, each value as likely.

    Args:
        n: how many.
        attributes: names, in the order in which captions name them.
        device: where to draw.

    Returns:
        int64 (n, L) tokens.
    """
    table, first = _phrases(attributes, ("en",))
    counts = torch.diff(first, append=torch.tensor([table.shape[1]])).to(device)
    values = (torch.rand(n, len(first), device=device) * counts).long()
    return _joined(table.to(device)[0, first.to(device) + values])


def _joined(phrases: Tensor) -> Tensor:
    """Phrases that begin with commas, or are zeros, (n, phrases, L) → captions: the words first, then the zeros."""
    made = phrases.flatten(1)
    made[:, 0] = 0  # no comma before the first
    return made.gather(1, (made == 0).to(torch.uint8).argsort(dim=1, stable=True))


class Captioned(Images):
    """Images whose batches have captions, drawn afresh each time: some attributes, in any order, in one language.

    Args:
        images: with a table of attributes that have phrases, see `avatars.ATTRIBUTES`.
        attributes: names of those that captions speak of; none for all that the images have.
        lang: languages to choose from.
        least: attributes that a caption names at least.
        most: at most; None for all of them.

    Raises:
        GanlibError: an unknown attribute or language, or numbers out of range.
    """

    def __init__(
        self,
        images: Images,
        attributes: Sequence[str] = (),
        lang: str | Sequence[str] = avatars.LANGUAGES,
        least: int = 1,
        most: int | None = None,
    ) -> None:
        vars(self).update(vars(images))
        known = [name for name in avatars.ATTRIBUTES if name in images.attributes]
        if not known:
            raise GanlibError(f"the data set {images.name!r} has none of the attributes that captions can name")
        self.named = tuple(attributes) or tuple(known)
        self.lang = (lang,) if isinstance(lang, str) else tuple(lang)
        for what, given, all_ in (("attribute", self.named, known), ("language", self.lang, avatars.LANGUAGES)):
            for name in given:
                if name not in all_:
                    raise unknown(f"{what} of captions", name, all_)
            if not given or len(set(given)) < len(given):
                raise GanlibError(f"{what}s {given} were given; expected one or more, each once")
        self.most = whole("most attributes of a caption", len(self.named) if most is None else most, 1, len(self.named))
        self.least = whole("least attributes of a caption", least, 1, self.most)
        self._table = torch.stack([images.attributes[name] for name in self.named], 1)  # (images, attributes)
        self._phrases, self._first = _phrases(self.named, self.lang)
        self._phrases, self._first = self._phrases.to(images.device), self._first.to(images.device)

    def to(self, device: torch.device | str) -> Captioned:
        """The same images and captions on another device, see `Images.to`."""
        return Captioned(super().to(device), self.named, self.lang, self.least, self.most)

    def batch(self, n: int) -> Batch:
        """Draw images at random, with replacement, and a caption for each.

        Args:
            n: how many, at most the size of the set.

        Returns:
            A batch as `Images.batch` draws it, with captions int64 (n, L), see `tokens`; L is the same in all batches.
        """
        index = self.drawn(n)
        labels = None if self.labels is None else self.labels.index_select(0, index)
        return Batch(self.normalised(index), labels, self.captions(index))

    def captions(self, index: Tensor) -> Tensor:
        """A fresh caption for each of some images.

        Args:
            index: int64 (n,), which images, on their device.

        Returns:
            int64 (n, L) tokens.
        """
        n, device = len(index), index.device
        order = torch.rand(n, len(self.named), device=device).argsort(1)[:, : self.most]  # which attributes
        values = self._first[order] + self._table.index_select(0, index).gather(1, order)
        language = torch.randint(len(self.lang), (n, 1), device=device)
        made = self._phrases[language, values]  # (n, most, length of a phrase); each begins with a comma
        count = torch.randint(self.least, self.most + 1, (n, 1), device=device)
        return _joined(made * (torch.arange(self.most, device=device) < count).unsqueeze(2))


def _phrases(named: Sequence[str], lang: Sequence[str]) -> tuple[Tensor, Tensor]:
    """All phrases with a comma before, (languages, values of all attributes, L), and each attribute's first value."""
    rows = [
        torch.tensor(
            [TOKENS[word] for word in (COMMAS[language], *_words(value[1 + avatars.LANGUAGES.index(language)]))]
        )
        for language in lang
        for name in named
        for value in avatars.ATTRIBUTES[name]
    ]
    counts = torch.tensor([len(avatars.ATTRIBUTES[name]) for name in named])
    rows = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).unflatten(0, (len(lang), -1))
    return rows, counts.cumsum(0) - counts


def captioned_avatars(
    size: int = 64,
    split: str = "train",
    n: int | None = None,
    seed: int = 0,
    without: Sequence[tuple[str, Any]] = (),
    attributes: Sequence[str] = (),
    lang: str | Sequence[str] = avatars.LANGUAGES,
    least: int = 1,
    most: int | None = None,
) -> Captioned:
    """Avatars with captions such as "red eyes, blue hair", in English and in Chinese.

    Args:
        size: height and width in pixels, 16 to 256.
        split: ``"train"`` or ``"test"``.
        n: how many images; None for 20,000 (train) or 5,000 (test).
        seed: another number, another set of portraits; 0 or more.
        without: a combination to leave out, as for ``"avatars"``.
        attributes: names of those that captions speak of; none for all.
        lang: ``"en"``, ``"zh"`` or both.
        least: attributes that a caption names at least.
        most: at most; None for all of them.

    Returns:
        Captioned (n, 3, size, size).

    Raises:
        GanlibError: a value out of range, an unknown split, attribute, value or language.
    """
    return Captioned(avatars.avatars(size, split, n, seed, without), attributes, lang, least, most)


DATASETS = {"captioned-avatars": captioned_avatars}
