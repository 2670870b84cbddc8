"""Pictures of any size and kind through a trained translation: what `ganlib translate` does with a file.

gan = ganlib.load_gan("runs/cyclegan-horse2zebra")
translation.picture(gan, Image.open("horse.jpg")).save("zebra.png")
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganlib.data import files
from ganlib.data.images import whole
from ganlib.errors import GanlibError
from ganlib.gans.translation import TranslationGAN
from ganlib.models.translation import receptive_field

TILE = 1024  # pixels of a side: what has more than TILE² is translated in tiles


def picture(
    gan: TranslationGAN, image: Image.Image, direction: str | None = None, size: int | None = None, tile: int = TILE
) -> Image.Image:
    """A picture's translation.

    Args:
        gan: the game, with the weights to translate with.
        image: any that `ganlib.data.files.rgb` takes; not changed.
        direction: ``"a2b"`` or ``"b2a"``; None for the game's usual one.
        size: scale the picture so that its shorter side has so many pixels; None to leave it as it is.
        tile: see `whole_or_tiled`.

    Returns:
        The translation, in RGB or, of a game on grey images, in grey; as large as the picture, the right way up.

    Raises:
        GanlibError: a picture or an option that cannot be used.
    """
    channels = gan.translator(direction).channels
    if channels not in (1, 3):
        raise GanlibError(f"the game translates images of {channels} channels; expected 3, or 1 for grey ones")
    try:
        image = files.rgb(image)
    except Exception as error:
        raise GanlibError(f"the picture {files.why_not(error)}; expected one that can be translated") from None
    if size is not None:
        scale = whole("size", size, files.SMALLEST) / min(image.size)
        image = image.resize([max(size, round(side * scale)) for side in image.size], Image.Resampling.LANCZOS)
    pixels = np.array(image if channels == 3 else image.convert("L")).reshape(image.height, image.width, channels)
    images = torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).float() / 127.5 - 1
    made = whole_or_tiled(gan, images, direction, tile)
    made = ((made[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    return Image.fromarray(made if channels == 3 else made[..., 0])


def whole_or_tiled(gan: TranslationGAN, images: Tensor, direction: str | None = None, tile: int = TILE) -> Tensor:
    """Translations of images of any size.

    What the network cannot halve often enough is continued by reflection and cut off afterwards. Where there are more
    than tile² pixels, which much memory would be needed for, the network gets overlapping tiles, and where they overlap
    one fades into the other. That is another translation: instance normalisation sees the mean and the contrast of a
    tile, not those of the whole picture.

    Args:
        gan: the game.
        images: (N, C, H, W) in [−1, 1].
        direction: as for `picture`.
        tile: side of a tile in pixels.

    Returns:
        (N, C, H, W) in [−1, 1], on the CPU.

    Raises:
        GanlibError: a value that does not fit.
    """
    network = gan.translator(direction)
    height, width = images.shape[2:]
    padded = images[:, :, _reflected(height, network)][:, :, :, _reflected(width, network)]
    if padded[0, 0].numel() <= tile * tile:
        return gan.translate(padded, direction).cpu()[:, :, :height, :width]
    multiple = network.multiple
    tile = _rounded(max(tile, network.least), multiple)
    overlap = min(_rounded(receptive_field(network) // 2, multiple), tile // 2 // multiple * multiple)
    total, weights = torch.zeros_like(padded), torch.zeros(1, 1, *padded.shape[2:])
    for top, rows in _tiles(padded.shape[2], tile, overlap, multiple):
        for left, columns in _tiles(padded.shape[3], tile, overlap, multiple):
            place = (..., slice(top, top + len(rows)), slice(left, left + len(columns)))
            ramp = rows.view(-1, 1) * columns
            total[place] += ramp * gan.translate(padded[place], direction).cpu()
            weights[place] += ramp
    return (total / weights)[:, :, :height, :width]


def _rounded(n: int, multiple: int) -> int:
    """The smallest multiple that is not below n."""
    return -(-n // multiple) * multiple


def _reflected(n: int, network: torch.nn.Module) -> Tensor:
    """Numbers of rows, n and as many more as the network needs: 0, 1, …, n − 1, n − 2, …"""
    turn = 2 * (n - 1)
    back = torch.arange(_rounded(max(n, network.least), network.multiple)) % turn
    return torch.minimum(back, turn - back)


def _tiles(n: int, tile: int, overlap: int, multiple: int) -> list[tuple[int, Tensor]]:
    """Where tiles begin along one side, and how much each of their pixels counts there: less towards a neighbour."""
    if n <= tile:
        return [(0, torch.ones(n))]
    count = math.ceil((n - overlap) / (tile - overlap))
    starts = [i * (n - tile) // (count - 1) // multiple * multiple for i in range(count)]
    ramp = (torch.arange(tile) + 1.0).div(overlap + 1).clamp(max=1)
    ones = torch.ones(tile)
    return [(s, (ramp if s else ones) * (ramp.flip(0) if s + tile < n else ones)) for s in starts]
