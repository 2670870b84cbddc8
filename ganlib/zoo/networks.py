"""The networks whose weights lie in this folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError


def _block(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))


class FeatureNetwork(nn.Module):
    """Five or six convolutions, which halve the image three times → features → one linear head for each question.

    Args:
        shape: (C, size, size) of an image.
        heads: name of a question → number of its answers.
        width: channels of the first convolution; four times as many in the end.
        features: dimension d of the features.

    The features end in a LeakyReLU rather than a ReLU, so that none of them is the same for all images.
    """

    def __init__(self, shape: Sequence[int], heads: Mapping[str, int], width: int, features: int):
        super().__init__()
        self.shape = tuple(shape)
        channels, size, _ = self.shape
        for _ in range(3):
            size = (size + 1) // 2
        self.layers = nn.Sequential(
            _block(channels, width, 1),
            _block(width, 2 * width, 2),
            _block(2 * width, 2 * width, 1),
            _block(2 * width, 3 * width, 2),
            _block(3 * width, 3 * width, 1),
            _block(3 * width, 4 * width, 2),
            nn.Flatten(),
            nn.Linear(4 * width * size * size, features, bias=False),
            nn.BatchNorm1d(features),  # features of about unit size, so that distances between them mean something
            nn.LeakyReLU(0.1),
        )
        self.heads = nn.ModuleDict({name: nn.Linear(features, answers) for name, answers in heads.items()})
        self.to(memory_format=torch.channels_last)  # with the forward pass a third faster on a CPU, measured

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, size, size) in [-1, 1] → features (N, d)."""
        if x.ndim != 4 or tuple(x.shape[1:]) != self.shape:
            raise GanlibError(f"images {tuple(x.shape)} were given; this network expects (N, {str(self.shape)[1:]}")
        return self.layers(x.contiguous(memory_format=torch.channels_last))

    def logits(self, features: Tensor) -> dict[str, Tensor]:
        """Features (N, d) → for each question, logits (N, answers)."""
        return {name: head(features) for name, head in self.heads.items()}

    @torch.no_grad()
    def answers(self, features: Tensor) -> dict[str, Tensor]:
        """Features (N, d) → for each question the most likely answer, int64 (N,)."""
        return {name: logits.argmax(1) for name, logits in self.logits(features).items()}
