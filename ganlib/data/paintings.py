"""Pairs of domains painted here: portraits as they are, and portraits as a painter sees them.

Domain a shows avatars, domain b paintings of other avatars. What a portrait shows is determined by the input, where the
brush strokes lie is not. Every CPU paints the same bytes from the same seed, for the reasons that `digits.py` gives.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ganlib.data import avatars, cache
from ganlib.data.domains import Domains, Truth
from ganlib.data.exact import root_
from ganlib.data.images import Images, drawn
from ganlib.data.pairs import COUNTS, _wave
from ganlib.data.parallel import beside, in_parts
from ganlib.errors import GanlibError

VERSION = 1  # of the paintings: raise it whenever a byte of them changes, so that no old cache file is read as new
PART = 60_000  # pixels painted at once
CELLS = 18  # brush strokes begin in the cells of a jittered grid, so many a side
PAINT_DRAWS = 8 + 5 * CELLS**2
TONES = (  # what a painter's light does to red, green and blue
    (1.06, 1.00, 0.86),
    (1.05, 0.97, 0.92),
    (1.07, 1.01, 0.80),
    (1.02, 0.94, 0.84),
)


def _kuwahara(images: Tensor, reach: int) -> Tensor:
    """Smooth and keep edges: each pixel takes the mean of that of four squares around it which varies least.

    Args:
        images: float (N, 3, H, W).
        reach: side of a square less one, in pixels.

    Returns:
        float (N, 3, H, W).

    *Source*: Kuwahara et al. (1976).
    """
    height, width = images.shape[2:]
    grey = images[:, :1] * 0.3 + images[:, 1:2] * 0.59 + images[:, 2:] * 0.11
    wide = torch.cat([images, grey, grey * grey], 1)
    wide = F.pad(wide, (reach,) * 4, mode="replicate")
    # Sums of shifted copies in one order: a library's box filter may add in another.
    for _ in (0, 1):
        side = wide.shape[3] - reach
        total = wide[..., :side]
        for k in range(1, reach + 1):
            total = total + wide[..., k : k + side]
        wide = total.transpose(2, 3)
    wide = wide / (reach + 1) ** 2  # (N, 5, H + reach, W + reach): squares by their upper left corner
    best = least = None
    for y in (0, reach):
        for x in (0, reach):
            square = wide[:, :, y : y + height, x : x + width]
            varies = square[:, 4:] - square[:, 3:4] * square[:, 3:4]
            if best is None:
                best, least = square[:, :3], varies
            else:
                better = varies < least
                best = torch.where(better, square[:, :3], best)
                least = torch.minimum(least, varies)
    return best


def painterly(images: Tensor, draws: Tensor) -> Tensor:
    """Paint photographs: flat colours, brush strokes along the forms, a canvas underneath, warm light.

    The picture stays where it is, so that a portrait is still of the same person: no stroke runs over an edge.

    Args:
        images: float (N, 3, S, S) in [0, 1], 16 to 256 pixels a side, on any device.
        draws: uint8 (N, PAINT_DRAWS), the painter's choices, on the same.

    Returns:
        float (N, 3, S, S) in [0, 1], the same on every CPU.

    Raises:
        GanlibError: tensors of another type or shape.
    """
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3] or not images.is_floating_point():
        raise GanlibError(f"images must be float (N, 3, S, S), not {images.dtype} {tuple(images.shape)}")
    if not 16 <= images.shape[2] <= 256:
        raise GanlibError(f"images must be from 16 to 256 pixels a side, not {images.shape[2]}")
    if draws.dtype != torch.uint8 or draws.shape != (len(images), PAINT_DRAWS):
        raise GanlibError(f"draws must be uint8 ({len(images)}, {PAINT_DRAWS}), not {draws.dtype} {tuple(draws.shape)}")
    with beside(images):
        return _painted(images, draws)


def _painted(images: Tensor, draws: Tensor) -> Tensor:
    count, size = len(images), images.shape[2]
    flat = _kuwahara(images, max(1, size // 30))
    flat = flat + (images - flat) * 0.5  # eyes and lips are thinner than the filter's squares
    level = draws.to(torch.float32) / 255
    hand, strokes = level[:, :8], level[:, 8:].view(count, 5, CELLS**2)

    # Where each stroke lies: at a place of its cell, across the slope of the picture, else the way the hand likes.
    cell = size / CELLS
    number = torch.arange(CELLS**2)
    x = ((number % CELLS) + strokes[:, 0]) * cell
    y = ((number // CELLS) + strokes[:, 1]) * cell
    at = y.long().clamp_(max=size - 1) * size + x.long().clamp_(max=size - 1)  # (N, strokes)
    grey = flat[:, 0] * 0.3 + flat[:, 1] * 0.59 + flat[:, 2] * 0.11
    soft = F.pad(grey.unsqueeze(1), (2, 2, 2, 2), mode="replicate").squeeze(1)
    slope_x = (soft[:, 2:-2, 4:] - soft[:, 2:-2, :-4]).flatten(1).gather(1, at)
    slope_y = (soft[:, 4:, 2:-2] - soft[:, :-4, 2:-2]).flatten(1).gather(1, at)
    way_x = 0.12 * (2 * hand[:, :1] - 1) + 0.08 * (2 * strokes[:, 2] - 1) - slope_y
    way_y = 0.10 + 0.08 * (2 * strokes[:, 3] - 1) + slope_x
    length = root_(way_x * way_x + way_y * way_y).clamp_(min=1e-3)
    way_x, way_y = way_x / length, way_y / length
    half, radius = 1.25 * cell, 0.62 * cell

    # Each pixel shows the uppermost stroke that covers it; the order is drawn, and no two strokes share a place in it.
    # No stroke reaches further than two cells from its own.
    pixel = torch.arange(size, dtype=torch.float32) + 0.5
    column, row = pixel.repeat(size), pixel.repeat_interleave(size)
    own_x, own_y = (column / cell).floor().to(torch.int64), (row / cell).floor().to(torch.int64)
    order = draws[:, 8 + 4 * CELLS**2 :].to(torch.float32) * CELLS**2 + number + 1
    upper = torch.zeros(count, size * size)
    for off_y in range(-2, 3):
        for off_x in range(-2, 3):
            near = (own_y + off_y).clamp(0, CELLS - 1) * CELLS + (own_x + off_x).clamp(0, CELLS - 1)
            dx, dy = column - x.index_select(1, near), row - y.index_select(1, near)
            to_x, to_y = way_x.index_select(1, near), way_y.index_select(1, near)
            over = (dx * to_x + dy * to_y).abs_().sub_(half).clamp_(min=0)
            across = dx * to_y - dy * to_x
            inside = over * over + across * across < radius * radius
            upper = torch.maximum(upper, order.index_select(1, near) * inside)
    which = (upper.to(torch.int64) - 1).clamp_(min=0) % CELLS**2  # (N, pixels)

    # The colour of a stroke is the picture's at its middle, a little off; bristles leave lines along it.
    colour = flat.flatten(2).gather(2, at.unsqueeze(1).expand(-1, 3, -1))
    colour = colour * (0.9 + 0.2 * strokes[:, 4]).unsqueeze(1)
    paint = colour.gather(2, which.unsqueeze(1).expand(-1, 3, -1)).unflatten(2, (size, size))
    pick = lambda values: values.gather(1, which).unflatten(1, (size, size))
    aside = (pixel - pick(x)) * pick(way_y) - (pixel.unsqueeze(1) - pick(y)) * pick(way_x)
    paint = paint * (1 + 0.07 * _wave(aside / (0.42 * cell) + pick(strokes[:, 2]))).unsqueeze(1)
    # No stroke runs over an edge: paint fades where the picture is of another colour.
    off = (paint - flat).abs().amax(1, keepdim=True)
    thick = (1.6 - 7 * off).clamp_(0, 1) * (upper > 0).unflatten(1, (size, size)).unsqueeze(1)
    picture = flat + (paint - flat) * (0.9 * thick)

    thread = _wave(pixel / cell)
    picture = picture * (1 + 0.03 * thread * thread.unsqueeze(1))

    # Deeper shades, stronger colours, warmer light.
    tones = torch.tensor(TONES)
    tone = tones[draws[:, 1].to(torch.int64) * len(tones) // 256][..., None, None]
    mean = (picture[:, :1] + picture[:, 1:2] + picture[:, 2:]) / 3
    picture = mean + (picture - mean) * (0.9 + 0.2 * hand[:, 2].view(-1, 1, 1, 1))
    picture = picture.clamp_(0, 1)
    curve = picture * picture * (3 - 2 * picture)
    return ((picture + (curve - picture) * 0.15) * tone).clamp_(0, 1)


# -- the data set ------------------------------------------------------------------------------------------------------
def render(integers: Tensor, draws: Tensor, size: int, device: torch.device | str = "cpu") -> Tensor:
    """Paint portraits, in parts and on two threads, which changes the speed and nothing else.

    Args:
        integers: uint8 (N, avatars.DRAWS), whose portraits.
        draws: uint8 (N, PAINT_DRAWS), the painter's choices.
        size: height and width in pixels.
        device: where to paint, and where the pixels are afterwards.

    Returns:
        uint8 (N, 3, size, size).
    """
    pixels = avatars.render(integers, size, device)

    def paint(here: slice) -> None:
        painting = painterly(pixels[here].to(torch.float32) / 255, draws[here].to(device))
        pixels[here] = painting.mul_(255).add_(0.5).to(torch.uint8)

    in_parts(len(pixels), max(1, PART // size**2), paint, pixels.device)
    return pixels


def photos_paintings(
    size: int = 64, split: str = "train", n: int | None = None, seed: int = 0, paired: bool = False
) -> Domains:
    """Portraits as they are and as paintings, made on this machine, with the truth of every picture: no download.

    Domain a shows avatars, domain b paintings of other avatars. `Domains.truth` tells what each looks like in the other
    domain: the same person, painted, or before being painted. The same seed and split give the same pictures whatever
    `n` and `size`. The result is kept in the cache folder.

    Args:
        size: height and width in pixels, 16 to 256.
        split: ``"train"`` or ``"test"``, two streams of different draws.
        n: how many images of each domain; None for 5,000 (train) or 1,000 (test).
        seed: another number, other portraits; 0 or more.
        paired: whether painting i shows the person of photograph i (for methods that need pairs).

    Returns:
        Domains of (n, 3, size, size) images with the attributes of avatars.

    Raises:
        GanlibError: a value out of range, or an unknown split.
    """
    size, n, seed = drawn("photos-paintings", size, 16, split, COUNTS, n, seed)
    if not isinstance(paired, bool):
        raise GanlibError(f"paired of photos-paintings must be True or False, not {paired!r}")
    # Streams counted from the other end than those of the data set avatars, so that nobody is in both.
    first = 8 * seed + 4 * (split == "test")
    generator = lambda off: torch.Generator().manual_seed(2**32 - 1 - first - off)
    people = {"a": avatars.lots(n, generator(0)), "b": avatars.lots(n, generator(0 if paired else 1))}
    hands = {
        side: torch.empty(n, PAINT_DRAWS, dtype=torch.uint8).random_(
            0, 256, generator=generator(2 if side == "a" or paired else 3)
        )
        for side in "ab"
    }
    name = f"{VERSION}-{avatars.VERSION}-{split}-{size}px-{n}-seed{seed}{'-paired' if paired else ''}"

    def images(side: str, of: str) -> Images:
        paint = lambda: (
            avatars.render(people[side], size) if of == "photos" else render(people[side], hands[side], size)
        )
        pixels = cache.tensors(f"{of}-{name}", lambda: {"pixels": paint()})["pixels"]
        return Images(pixels, name=of, attributes=avatars.attributes_of(people[side]), vocabulary=avatars.vocabulary())

    def truth(side: str, index: Tensor) -> Truth:
        chosen = people[side][index]
        there = render(chosen, hands[side][index], size) if side == "a" else avatars.render(chosen, size)
        everywhere = torch.ones(len(index), 1, size, size, dtype=torch.bool)
        table = avatars.attributes_of(chosen)
        return Truth(there, everywhere, table, tuple(table), ("brush strokes", "light") if side == "a" else ())

    return Domains(images("a", "photos"), images("b", "paintings"), "photos-paintings", truth, paired)


DATASETS = {"photos-paintings": photos_paintings}
