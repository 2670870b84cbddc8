"""Procedural handwriting: digits drawn by a pen whose every habit is known.

A digit is a skeleton of control points (two to four ways to write each), jittered, joined by splines, bent, sheared and
traced by a pen. Image and labels come for free, and so do the attributes (slant, thickness, …) that real handwriting
does not tell.

Every CPU draws the same bytes from the same seed. All choices start as integers from torch's generator, and everything
after uses only operations that IEEE 754 defines to the last bit (+ − × ÷, minimum, maximum, and √ as `exact.root_`
takes it) on tables of exact constants: no sine or exponential, no fused multiply-add, no sum or matrix product whose
order a library may choose.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ganlib.data import cache
from ganlib.data.exact import root_
from ganlib.data.images import Images, drawn
from ganlib.data.parallel import one_thread
from ganlib.errors import GanlibError

VERSION = 1  # of the drawings: raise it whenever a byte of them changes, so that no old cache file is read as new
COUNTS = {"train": 20_000, "test": 5_000}
EDGE = 1.3  # pixels over which the ink fades out at the rim of a stroke
SCALE = 0.44  # units of a skeleton, as parts of the image: 1.6 units are 20 of 28 pixels, as in MNIST
FRAME = 26 / 28  # the part of the image that the ink stays in

# How to write each digit: control points (x to the right, y downwards) and the strokes through them, as indices. A
# stroke is smooth; where one stops and the next starts at the same point, there is a corner.
Skeleton = tuple[tuple[tuple[float, float], ...], tuple[tuple[int, ...], ...]]
STYLES: tuple[tuple[Skeleton, ...], ...] = (
    (  # 0: closed, open at the top, written from the right with a small overlap
        (
            ((0, -0.8), (-0.36, -0.55), (-0.48, 0), (-0.34, 0.58), (0, 0.8), (0.35, 0.56), (0.48, 0), (0.36, -0.55)),
            ((0, 1, 2, 3, 4, 5, 6, 7, 0),),
        ),
        (
            ((0.12, -0.8), (-0.3, -0.6), (-0.48, 0.02), (-0.34, 0.6), (0, 0.8), (0.36, 0.54), (0.46, -0.04))
            + ((0.28, -0.6), (-0.08, -0.76)),
            ((0, 1, 2, 3, 4, 5, 6, 7, 8),),
        ),
        (
            ((0.34, -0.64), (0, -0.8), (-0.36, -0.5), (-0.46, 0.05), (-0.32, 0.6), (0.02, 0.8), (0.37, 0.55))
            + ((0.47, 0), (0.32, -0.52), (0.06, -0.86)),
            ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9),),
        ),
    ),
    (  # 1: a stem, with a flag, with flag and foot
        (((0.04, -0.8), (0.01, 0), (-0.02, 0.8)), ((0, 1, 2),)),
        (((-0.3, -0.42), (-0.1, -0.6), (0.08, -0.8), (0.06, 0), (0.04, 0.8)), ((0, 1, 2), (2, 3, 4))),
        (
            ((-0.26, -0.48), (-0.08, -0.62), (0.08, -0.8), (0.07, 0), (0.06, 0.8), (-0.3, 0.8), (0.4, 0.79)),
            ((0, 1, 2), (2, 3, 4), (5, 4, 6)),
        ),
    ),
    (  # 2: with a corner at the foot, with a loop, with a wavy foot
        (
            ((-0.42, -0.42), (-0.27, -0.73), (0.1, -0.8), (0.4, -0.5), (0.26, -0.04), (-0.1, 0.4), (-0.46, 0.8))
            + ((0, 0.78), (0.5, 0.79)),
            ((0, 1, 2, 3, 4, 5, 6), (6, 7, 8)),
        ),
        (
            ((-0.4, -0.5), (-0.2, -0.76), (0.16, -0.76), (0.36, -0.42), (0.16, 0.06), (-0.18, 0.52), (-0.4, 0.76))
            + ((-0.5, 0.6), (-0.28, 0.48), (0.1, 0.7), (0.52, 0.72)),
            ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),),
        ),
        (
            ((-0.4, -0.52), (-0.14, -0.8), (0.26, -0.7), (0.38, -0.34), (0.1, 0.16), (-0.44, 0.78))
            + ((-0.14, 0.68), (0.16, 0.78), (0.5, 0.66)),
            ((0, 1, 2, 3, 4, 5), (5, 6, 7, 8)),
        ),
    ),
    (  # 3: round, with a flat top, with a little loop in the middle
        (
            ((-0.42, -0.6), (-0.1, -0.8), (0.3, -0.64), (0.29, -0.26), (-0.08, -0.06), (0.3, 0.06), (0.46, 0.4))
            + ((0.22, 0.74), (-0.14, 0.8), (-0.46, 0.58)),
            ((0, 1, 2, 3, 4), (4, 5, 6, 7, 8, 9)),
        ),
        (
            ((-0.42, -0.78), (0, -0.79), (0.38, -0.78), (0.16, -0.48), (-0.06, -0.18), (0.32, -0.05), (0.46, 0.35))
            + ((0.2, 0.73), (-0.12, 0.8), (-0.46, 0.6)),
            ((0, 1, 2), (2, 3, 4), (4, 5, 6, 7, 8, 9)),
        ),
        (
            ((-0.38, -0.64), (-0.04, -0.8), (0.32, -0.58), (0.2, -0.2), (-0.08, -0.06), (-0.16, -0.12), (-0.02, -0.16))
            + ((0.3, 0), (0.44, 0.36), (0.24, 0.72), (-0.12, 0.8), (-0.44, 0.6)),
            ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),),
        ),
    ),
    (  # 4: open, closed, open with slanting arm
        (
            ((-0.34, -0.76), (-0.38, -0.3), (-0.42, 0.14), (0.04, 0.11), (0.5, 0.08), (0.22, -0.6), (0.2, 0.1))
            + ((0.17, 0.8),),
            ((0, 1, 2), (2, 3, 4), (5, 6, 7)),
        ),
        (
            ((0.2, -0.8), (-0.16, -0.34), (-0.52, 0.24), (0, 0.24), (0.5, 0.22), (0.19, 0), (0.18, 0.8)),
            ((0, 1, 2), (2, 3, 4), (0, 5, 6)),
        ),
        (
            (
                (-0.18, -0.8),
                (-0.32, -0.3),
                (-0.5, 0.2),
                (0, 0.22),
                (0.5, 0.16),
                (0.26, -0.32),
                (0.16, 0.26),
                (0.06, 0.8),
            ),
            ((0, 1, 2), (2, 3, 4), (5, 6, 7)),
        ),
    ),
    (  # 5: with a corner, with a loose cap
        (
            ((0.42, -0.78), (0.06, -0.78), (-0.3, -0.76), (-0.34, -0.42), (-0.37, -0.1), (-0.06, -0.26), (0.3, -0.12))
            + ((0.44, 0.26), (0.22, 0.68), (-0.12, 0.8), (-0.46, 0.6)),
            ((0, 1, 2), (2, 3, 4), (4, 5, 6, 7, 8, 9, 10)),
        ),
        (
            ((-0.28, -0.72), (-0.3, -0.44), (-0.26, -0.2), (0.04, -0.22), (0.34, -0.02), (0.42, 0.34), (0.2, 0.7))
            + ((-0.12, 0.8), (-0.42, 0.64), (-0.24, -0.78), (0.1, -0.76), (0.48, -0.8)),
            ((0, 1, 2, 3, 4, 5, 6, 7, 8), (9, 10, 11)),
        ),
    ),
    (  # 6: with a curved back, with a straight back
        (
            ((0.32, -0.78), (-0.08, -0.54), (-0.36, -0.04), (-0.4, 0.44), (-0.14, 0.78), (0.24, 0.72), (0.42, 0.4))
            + ((0.22, 0.08), (-0.12, 0.12), (-0.38, 0.4)),
            ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9),),
        ),
        (
            ((0.1, -0.84), (-0.2, -0.34), (-0.4, 0.24), (-0.24, 0.7), (0.14, 0.79), (0.4, 0.5), (0.26, 0.16))
            + ((-0.06, 0.14), (-0.32, 0.42)),
            ((0, 1, 2, 3, 4, 5, 6, 7, 8),),
        ),
    ),
    (  # 7: plain, with a bar, with a hook at the left, with a curved stem
        (((-0.46, -0.76), (0, -0.78), (0.46, -0.76), (0.16, -0.06), (-0.1, 0.8)), ((0, 1, 2), (2, 3, 4))),
        (
            ((-0.44, -0.76), (0, -0.78), (0.46, -0.77), (0.16, -0.04), (-0.08, 0.8), (-0.2, 0.06), (0.42, 0.01)),
            ((0, 1, 2), (2, 3, 4), (5, 3, 6)),
        ),
        (
            ((-0.48, -0.52), (-0.46, -0.77), (0, -0.76), (0.46, -0.78), (0.18, -0.08), (-0.06, 0.8)),
            ((0, 1), (1, 2, 3), (3, 4, 5)),
        ),
        (
            ((-0.46, -0.68), (-0.18, -0.8), (0.14, -0.74), (0.46, -0.8), (0.12, -0.2), (-0.08, 0.3), (-0.1, 0.8)),
            ((0, 1, 2, 3), (3, 4, 5, 6)),
        ),
    ),
    (  # 8: in one go, two loops, in one go and left open at the top right
        (
            ((0.34, -0.56), (0.02, -0.8), (-0.34, -0.58), (-0.22, -0.24), (0.16, 0.06), (0.42, 0.44), (0.04, 0.8))
            + ((-0.42, 0.46), (-0.16, 0.06), (0.22, -0.24)),
            ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0),),
        ),
        (
            ((0, -0.06), (-0.32, -0.2), (-0.33, -0.6), (0, -0.8), (0.33, -0.6), (0.32, -0.2), (0.36, 0.12), (0.4, 0.6))
            + ((0, 0.8), (-0.4, 0.6), (-0.36, 0.12)),
            ((0, 1, 2, 3, 4, 5, 0), (0, 6, 7, 8, 9, 10, 0)),
        ),
        (
            ((0.38, -0.68), (0.02, -0.79), (-0.32, -0.56), (-0.2, -0.24), (0.18, 0.08), (0.4, 0.46), (0.02, 0.8))
            + ((-0.4, 0.48), (-0.16, 0.08), (0.2, -0.24), (0.36, -0.48)),
            ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),),
        ),
    ),
    (  # 9: with a straight stem, with a curved tail, in one go
        (
            ((0.38, -0.56), (0.06, -0.8), (-0.32, -0.64), (-0.4, -0.26), (-0.12, -0.02), (0.24, -0.14), (0.4, -0.46))
            + ((0.38, 0.16), (0.3, 0.8)),
            ((0, 1, 2, 3, 4, 5, 6), (6, 7, 8)),
        ),
        (
            ((0.36, -0.6), (0.02, -0.8), (-0.34, -0.6), (-0.36, -0.24), (-0.06, -0.04), (0.28, -0.22), (0.42, -0.56))
            + ((0.42, 0.12), (0.26, 0.66), (-0.1, 0.8), (-0.4, 0.62)),
            ((0, 1, 2, 3, 4, 5, 6), (6, 7, 8, 9, 10)),
        ),
        (
            ((0.36, -0.62), (0, -0.78), (-0.35, -0.56), (-0.36, -0.2), (-0.06, -0.03), (0.28, -0.24), (0.4, -0.6))
            + ((0.3, -0.1), (0.14, 0.36), (-0.02, 0.8)),
            ((0, 1, 2, 3, 4, 5, 6), (6, 7, 8, 9)),
        ),
    ),
)
POINTS = max(len(points) for styles in STYLES for points, _ in styles)
FIRST_STYLE = tuple(sum(map(len, STYLES[:digit])) for digit in range(10))  # row of a digit's first style in the tables

# What is drawn by lot for each image, besides the jitter of its control points; in this order.
TRAITS = ("slant", "tilt", "width", "height", "x", "y", "thickness", "taper", "nib", "bow", "swell", "sag", "fan")
DRAWS = len(TRAITS) + 2 * POINTS


@functools.cache
def _tables(segments: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The skeletons as tables: where each of `segments` short straight pieces of each style starts and ends.

    Each end is a weighted sum of four control points, by the Catmull-Rom spline through them. The weights are
    polynomials of fractions, computed in exact-to-the-last-bit Python floats.

    Returns:
        control points (styles, POINTS, 2); for each piece and end the four points' numbers (styles, segments · 2 · 4)
        and weights (styles, segments, 2, 4); how far along its stroke each end lies, -1 to 1 (styles, segments, 2).
    """
    controls, numbers, weights, along = [], [], [], []
    for points, strokes in (skeleton for styles in STYLES for skeleton in styles):
        controls.append([*points, *[(0.0, 0.0)] * (POINTS - len(points))])
        spans = [(stroke, i) for stroke in strokes for i in range(len(stroke) - 1)]
        lengths = []
        for stroke, i in spans:
            (ax, ay), (bx, by) = points[stroke[i]], points[stroke[i + 1]]
            lengths.append(((ax - bx) * (ax - bx) + (ay - by) * (ay - by)) ** 0.5)
        pieces = [1] * len(spans)
        for _ in range(segments - len(spans)):  # each further piece goes to the span whose pieces are longest
            longest = max(range(len(spans)), key=lambda k: lengths[k] / pieces[k])
            pieces[longest] += 1
        for (stroke, i), count in zip(spans, pieces, strict=True):
            last = len(stroke) - 1
            closed = stroke[0] == stroke[-1]
            before = stroke[i - 1] if i else stroke[last - 1] if closed else None
            after = stroke[i + 2] if i + 2 <= last else stroke[1] if closed else None
            start, end = stroke[i], stroke[i + 1]
            for k in range(count):
                for t in (k / count, (k + 1) / count):
                    w = [
                        t * (t * (2 - t) - 1) / 2,
                        (t * t * (3 * t - 5) + 2) / 2,
                        t * (t * (4 - 3 * t) + 1) / 2,
                        t * t * (t - 1) / 2,
                    ]
                    if before is None:  # a stroke begins: the missing neighbour is the next point, mirrored
                        w = [0.0, w[1] + 2 * w[0], w[2] - w[0], w[3]]
                    if after is None:
                        w = [w[0], w[1] - w[3], w[2] + 2 * w[3], 0.0]
                    numbers.append([start if before is None else before, start, end, end if after is None else after])
                    weights.append(w)
                    along.append(2 * (i + t) / last - 1)
    rows = len(controls)
    return (
        torch.tensor(controls),
        torch.tensor(numbers).view(rows, segments * 8),
        torch.tensor(weights).view(rows, segments, 2, 4),
        torch.tensor(along).view(rows, segments, 2),
    )


def draw(labels: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
    """Write digits.

    Args:
        labels: int64 (N,) which digits, on the CPU.
        size: height and width of the images in pixels.
        generator: where the choices come from, on the CPU; N · (4 · DRAWS + 1) integers are taken from it, image by
            image, so the first images do not depend on how many follow, nor on `size`.

    Returns:
        uint8 (N, 1, size, size) images, white ink on black; and the attributes, (N,) each:
        style: int64, which way of writing the digit;
        slant: columns to the right per row upwards, 1 would be 45°;
        tilt: rows downwards per column to the right;
        width, height: of the pen's path, as parts of the image;
        x, y: how far the path's centre lies to the right of and below the image's, as parts of the image;
        thickness: of the stroke, as a part of the image.
    """
    count = len(labels)
    integers = torch.empty(count, 4 * DRAWS + 1, dtype=torch.uint8)
    integers.random_(0, 256, generator=generator)
    # Four dice a draw: a bell over [-1, 1] with standard deviation 0.29, exact in float32.
    dice = integers[:, 1:].view(count, DRAWS, 4).to(torch.float32)
    bell = (dice[..., 0] + dice[..., 1] + dice[..., 2] + dice[..., 3] - 510) / 510
    trait = dict(zip(TRAITS, bell.T.unsqueeze(-1), strict=False))  # (N, 1) each

    styles = torch.tensor([len(styles) for styles in STYLES])[labels]
    style = integers[:, 0].to(torch.int64) * styles // 256
    row = torch.tensor(FIRST_STYLE)[labels] + style

    # The pen's path: `segments` straight pieces an image, from a to b.
    segments = 24 if size <= 48 else 48 if size <= 128 else 96  # a facet stays below a pixel
    controls, numbers, weights, along = _tables(segments)
    points = controls[row] + 0.16 * bell[:, len(TRAITS) :].view(count, POINTS, 2)
    numbers, weights, along = numbers[row], weights[row], along[row].view(count, -1)
    path = []
    for axis in (0, 1):
        corner = points[..., axis].gather(1, numbers).view(count, segments, 2, 4) * weights
        path.append((corner[..., 0] + corner[..., 1] + corner[..., 2] + corner[..., 3]).view(count, -1))
    x, y = path  # (N, 2 · segments)

    # The hand: bent a little, narrower or wider, sheared, then set into the middle of the frame.
    x, y = (
        x + trait["bow"] * 0.25 * y * y + trait["fan"] * 0.3 * x * y,
        y + trait["sag"] * 0.25 * x * x + trait["swell"] * 0.25 * x * y,
    )
    x, y = x * (1 + 0.35 * trait["width"]), y * (1 + 0.2 * trait["height"])
    slant, tilt = 0.14 + 0.5 * trait["slant"], 0.25 * trait["tilt"] - 0.03
    x = x - slant * y
    y = y + tilt * x
    low_x, high_x = x.amin(1, keepdim=True), x.amax(1, keepdim=True)
    low_y, high_y = y.amin(1, keepdim=True), y.amax(1, keepdim=True)
    bold = trait["thickness"]
    thickness = 0.085 + 0.06 * bold + 0.04 * bold * bold
    room = FRAME - 1.2 * thickness  # for the path; 1.2 because the pen is not equally broad everywhere
    scale = torch.minimum(torch.full_like(room, SCALE), room / torch.maximum(high_x - low_x, high_y - low_y))
    width, height = (high_x - low_x) * scale, (high_y - low_y) * scale
    free_x, free_y = (room - width) / 2, (room - height) / 2
    shift_x = torch.maximum(torch.minimum(0.1 * trait["x"], free_x), -free_x)
    shift_y = torch.maximum(torch.minimum(0.1 * trait["y"], free_y), -free_y)
    x = ((x - (low_x + high_x) / 2) * scale + shift_x + 0.5) * size  # pixels from the upper left corner
    y = ((y - (low_y + high_y) / 2) * scale + shift_y + 0.5) * size
    ax, bx = x.view(count, segments, 2).unbind(-1)
    ay, by = y.view(count, segments, 2).unbind(-1)

    # The pen: broader or finer, pressed more at one end of a stroke, with a nib that is broad in one direction.
    edge_x, edge_y = bx - ax, by - ay
    squared = torch.clamp(edge_x * edge_x + edge_y * edge_y, min=1e-6)
    nib = 1 + 0.7 * trait["nib"] * (edge_x * edge_y / squared)
    half = torch.clamp(0.5 * thickness * size, min=0.45)  # thinner than a pixel would vanish in small images
    radius = (half * (1 - 0.5 * trait["taper"] * along)).view(count, segments, 2) * nib.unsqueeze(-1)
    pixels = _ink(ax, ay, edge_x, edge_y, squared, radius[..., 0], radius[..., 1], size)
    attributes = {
        "style": style,
        "slant": slant,
        "tilt": tilt,
        "width": width,
        "height": height,
        "x": shift_x,
        "y": shift_y,
        "thickness": thickness,
    }
    return pixels, {name: value.reshape(count).clone() for name, value in attributes.items()}


def _ink(
    ax: Tensor, ay: Tensor, edge_x: Tensor, edge_y: Tensor, squared: Tensor, start: Tensor, end: Tensor, size: int
) -> Tensor:
    """Trace straight pieces with a round pen.

    Each piece is looked at only from the pixels of a small square window around it; a pixel keeps the deepest ink.

    Args:
        ax, ay: (N, S) where a piece starts, in pixels.
        edge_x, edge_y: (N, S) from there to its end.
        squared: (N, S) its squared length.
        start, end: (N, S) the pen's radius there.
        size: height and width of the images.

    Returns:
        uint8 (N, 1, size, size).
    """
    count, segments = ax.shape
    reach = torch.maximum(start, end) + EDGE  # no ink further away than this
    extent = torch.maximum(edge_x.abs(), edge_y.abs()) + 2 * reach
    window = min(size, int(extent.max()) + 2)
    left = (ax + torch.clamp(edge_x, max=0) - reach).floor().clamp_(0, size - window)
    top = (ay + torch.clamp(edge_y, max=0) - reach).floor().clamp_(0, size - window)

    step = torch.arange(window, dtype=torch.float32) + 0.5
    px = (left.unsqueeze(-1) + step) - ax.unsqueeze(-1)  # (N, S, window): from the piece's start to pixel centres
    py = (top.unsqueeze(-1) + step) - ay.unsqueeze(-1)
    along_x = (px * (edge_x / squared).unsqueeze(-1)).unsqueeze(-2)
    along_y = (py * (edge_y / squared).unsqueeze(-1)).unsqueeze(-1)
    along = (along_y + along_x).clamp_(0, 1)  # (N, S, window, window): the nearest point, as a part of the way
    wide = (..., None, None)
    across = (along * edge_x[wide]).sub_(px.unsqueeze(-2)).square_()
    down = (along * edge_y[wide]).sub_(py.unsqueeze(-1)).square_()
    distance = root_(across.add_(down))
    depth = along.mul_((end - start)[wide]).add_(start[wide]).sub_(distance)

    # Where the windows lie in the image. The largest depth wins, so the order of the pieces does not matter.
    cells = torch.arange(window)
    cells = (cells.unsqueeze(1) * size + cells).view(-1)
    index = (top * size + left).to(torch.int64).unsqueeze(-1) + cells
    deepest = torch.full((count, size * size), -EDGE)
    deepest.scatter_reduce_(1, index.view(count, -1), depth.view(count, -1), "amax")
    ink = deepest.div_(EDGE).add_(0.5).clamp_(0, 1)
    return ink.mul_(255).add_(0.5).to(torch.uint8).view(count, 1, size, size)


def digits(size: int = 28, split: str = "train", n: int | None = None, seed: int = 0) -> Images:
    """Procedural handwritten digits with labels and attributes, drawn on this machine: no download.

    The labels run 0, 1, …, 9, 0, 1, … so that every class has its share; `Images.batch` shuffles. The same seed and
    split give the same digits whatever `n` and `size`. The result is kept in the cache folder (`ganlib.data.cache`).

    Args:
        size: height and width in pixels, 8 to 256.
        split: ``"train"`` or ``"test"``, two streams of different draws.
        n: how many images; None for 20,000 (train) or 5,000 (test).
        seed: another number, another set of digits; 0 or more.

    Returns:
        Images (n, 1, size, size) with the attributes that `draw` lists.

    Raises:
        GanlibError: a value out of range, or an unknown split.
    """
    size, n, seed = drawn("digits", size, 8, split, COUNTS, n, seed)

    def make() -> dict[str, Tensor]:
        return render(n, size, 2 * seed + (split == "test"))

    stored = cache.tensors(f"digits-{VERSION}-{split}-{size}px-{n}-seed{seed}", make)
    pixels, labels = stored.pop("pixels"), stored.pop("labels")
    return Images(pixels, labels, tuple("0123456789"), "digits", stored)


def render(n: int, size: int, seed: int, chunk: int | None = None) -> dict[str, Tensor]:
    """Draw the first n digits of a stream.

    Args:
        n: how many.
        size: height and width in pixels.
        seed: of the stream.
        chunk: how many at once, None for a number whose working set stays in a core's second-level cache; it changes
            the speed and nothing else.

    Returns:
        ``"pixels"`` uint8 (n, 1, size, size), ``"labels"`` int64 (n,) and the attributes, (n,) each.

    Raises:
        GanlibError: so many images of that size do not fit into memory.
    """
    chunk = chunk or max(2, min(256, 40_000 // size**2))
    generator = torch.Generator().manual_seed(seed)
    try:
        pixels = torch.empty(n, 1, size, size, dtype=torch.uint8)
    except RuntimeError:
        raise GanlibError(f"{n:,} digits of {size}×{size} pixels do not fit into this machine's memory") from None
    labels = torch.arange(n) % 10
    attributes: list[dict[str, Tensor]] = []
    with torch.no_grad(), one_thread():
        for first in range(0, n, chunk):
            part = slice(first, min(first + chunk, n))
            pixels[part], known = draw(labels[part], size, generator)
            attributes.append(known)
    whole_set = {name: torch.cat([part[name] for part in attributes]) for name in attributes[0]}
    return {"pixels": pixels, "labels": labels, **whole_set}


DATASETS = {"digits": digits}
