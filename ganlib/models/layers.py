"""What several networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganlib.device import full_precision


def logits(layers: nn.Sequential, x: Tensor) -> Tensor:
    """Run a discriminator's layers, the last one in full precision even under autocast.

    Losses look at differences of logits. In bfloat16 a score near 100 knows steps of ½ only, and in float16 it may
    overflow; one small layer in float32 costs next to nothing.

    Args:
        layers: the discriminator's layers; the last one makes the logits.
        x: their input.

    Returns:
        What ``layers(x)`` returns, in float32 at least.
    """
    *body, last = layers
    for layer in body:
        x = layer(x)
    with full_precision(x):
        return last(x.to(torch.promote_types(x.dtype, torch.float32)))
