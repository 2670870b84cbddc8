"""What several networks share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ganlib.device import full_precision

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


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


@contextlib.contextmanager
def untracked(network: nn.Module) -> Iterator[None]:
    """Batch normalisation leaves its running statistics as they are inside; the batch is still normalised by its own.

    For a pass in another player's turn, after which the network's own turn makes the same pass again.
    """
    parts = [part for part in network.modules() if isinstance(part, BATCH_NORMS) and part.track_running_stats]
    try:
        for part in parts:
            part.track_running_stats = False
        yield
    finally:
        for part in parts:
            part.track_running_stats = True


def on_each(network: nn.Module, *batches: Tensor) -> tuple[Tensor, ...]:
    """What a network says of each batch: ``(network(a), network(b), ...)``, in one pass where that is the same.

    One pass over all samples costs less than several. It is another computation where a layer looks at the whole batch:
    batch normalisation would then see real and generated samples together. Such networks get each batch by itself.

    Args:
        network: (N, *shape) → (N, ...). A layer of your own that mixes the samples of a batch says so with an attribute
            ``mixes_samples = True``; batch normalisation is known.
        batches: each (N, *shape); N may differ.

    Returns:
        One output per batch, in order.
    """
    mixes = any(isinstance(part, BATCH_NORMS) or getattr(part, "mixes_samples", False) for part in network.modules())
    if mixes or len({batch.shape[1:] for batch in batches}) > 1:
        return tuple(network(batch) for batch in batches)
    return network(torch.cat(batches)).split([len(batch) for batch in batches])
