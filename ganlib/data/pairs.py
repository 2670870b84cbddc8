"""Pairs of domains drawn here: horses ↔ zebras on a meadow, with the truth behind every picture.

A scene is a row of bytes. They say everything: the meadow, the pose, the horse's coat and the zebra's stripes; which of
the two animals is drawn into the scene is the domain. So every picture has a counterpart that can be drawn when a
translation is to be measured, and training sees none of it.

Every CPU draws the same bytes from the same seed, for the reasons given in `ganlib.data.digits`: draws are integers,
and what follows uses only operations that IEEE 754 defines to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganlib.data import cache
from ganlib.data.domains import Domains, Truth
from ganlib.data.exact import root_
from ganlib.data.images import Images, drawn
from ganlib.data.parallel import beside, in_parts
from ganlib.errors import GanlibError

VERSION = 1  # of the drawings: raise it whenever a byte of them changes, so that no old cache file is read as new
COUNTS = {"train": 5_000, "test": 1_000}
ANIMALS = ("horse", "zebra")
AREAS = ("mask", "silhouette")  # what `render` knows of pixels

# What the numbers of a categorical attribute mean.
VALUES = {
    "pose": ("standing", "walking", "grazing"),
    "facing": ("left", "right"),
    "time": ("day", "sunset"),
    "trees": ("none", "one", "two", "three"),
    "tree": ("round", "conifer"),  # of all trees, if there are any
    "clouds": ("none", "one", "two", "three"),
    "flowers": ("none", "white", "yellow", "red", "violet"),
    "coat": ("bay", "chestnut", "black", "grey", "palomino", "white", "dun", "brown"),
    "blaze": ("no", "yes"),
    "socks": ("none", "hind", "all"),
}
# Factors of one animal only: the other one's picture says nothing about them. All others belong to the scene.
OWN = {"horse": ("coat", "tone", "blaze", "socks"), "zebra": ("stripe_phase", "stripe_width", "stripe_bend")}

COATS = (  # coat, mane and tail, lower legs, muzzle
    ((150, 84, 42), (38, 27, 24), (44, 32, 28), (58, 38, 32)),
    ((176, 88, 42), (196, 112, 56), (166, 82, 40), (150, 82, 58)),
    ((54, 47, 50), (30, 26, 30), (44, 38, 42), (40, 34, 38)),
    ((168, 170, 178), (222, 222, 226), (104, 106, 116), (84, 84, 94)),
    ((222, 170, 88), (250, 238, 212), (230, 190, 122), (176, 132, 98)),
    ((236, 230, 218), (246, 242, 234), (228, 220, 206), (206, 168, 160)),
    ((202, 166, 112), (58, 46, 40), (66, 54, 46), (92, 72, 62)),
    ((104, 64, 42), (60, 40, 32), (92, 58, 40), (80, 52, 42)),
)
HOOF = (62, 54, 50)
SOCK = (244, 240, 234)
WHITE, BLACK = (244, 240, 232), (36, 31, 34)  # of a zebra
FLOWERS = ((0, 0, 0), (250, 250, 244), (250, 214, 62), (220, 58, 52), (150, 96, 206))

# Colours by time of day, each between two extremes.
PALETTE = {
    "zenith": (((64, 128, 208), (122, 176, 230)), ((78, 80, 146), (132, 104, 158))),
    "haze": (((178, 214, 240), (214, 232, 244)), ((252, 168, 100), (250, 200, 150))),
    "sun": (((255, 246, 196), (255, 250, 222)), ((255, 206, 116), (255, 226, 156))),
    "cloud": (((250, 251, 253), (238, 243, 249)), ((252, 190, 164), (226, 160, 164))),
    "range": (((124, 152, 172), (118, 150, 140)), ((128, 96, 128), (150, 104, 108))),
    "hill": (((104, 150, 92), (134, 160, 92)), ((112, 88, 78), (126, 102, 70))),
    "far": (((148, 188, 96), (180, 190, 104)), ((172, 132, 76), (154, 136, 78))),
    "near": (((72, 136, 52), (104, 148, 58)), ((88, 84, 44), (98, 96, 48))),
    "leaf": (((44, 98, 50), (92, 128, 50)), ((66, 62, 48), (106, 74, 42))),
    "trunk": (((92, 68, 50), (112, 88, 66)), ((66, 46, 44), (80, 58, 48))),
    "light": (((255, 255, 255), (255, 253, 246)), ((255, 224, 188), (255, 210, 184))),
}

# The byte of a scene that decides each factor; what follows decides where clouds, trees, grass and flowers are.
BYTES = {
    name: i
    for i, name in enumerate(
        "pose facing time trees tree clouds flowers x y size head gait stride horizon hills slope sun_x sun_y variant "
        "mottle grass coat tone blaze socks stripe_phase stripe_width stripe_bend".split()
    )
}
CLOUDS, TREES, TUFTS, BLOOMS = 3, 3, 22, 12
PLACES = {"cloud": (CLOUDS, 3), "tree": (TREES, 3), "tuft": (TUFTS, 3), "bloom": (BLOOMS, 2)}
DRAWS = len(BYTES) + sum(count * each for count, each in PLACES.values())

HIGHEST, LOWEST = 0.38, 0.58  # horizons, as parts of the image from its top
SOLID = 0.75  # an animal that covers so much of a pixel is clearly there
GONE = -9.0  # a radius so far below 0 that nothing is seen

# The animal, facing right: x forward and y down from the middle of the trunk, in lengths of the trunk.
GROUND = 0.83
# Middle of the neck, poll, jaw and muzzle: head high, head forward, head down.
HEADS = (
    ((0.49, -0.37), (0.60, -0.61), (0.68, -0.56), (0.88, -0.40)),
    ((0.56, -0.27), (0.75, -0.42), (0.83, -0.365), (1.02, -0.21)),
    ((0.59, 0.13), (0.735, 0.37), (0.77, 0.46), (0.73, 0.71)),
)
# How far each foot is forward and whether it is lifted: near and far front leg, near and far hind leg.
GAITS = (
    ((1.0, 0.0), (-0.8, 0.0), (-0.8, 0.0), (0.9, 0.0)),
    ((0.2, 0.0), (0.5, 1.0), (-0.4, 0.0), (0.2, 0.9)),
    ((-0.9, 0.0), (0.9, 0.0), (0.9, 0.0), (-0.9, 0.0)),
    ((0.6, 1.0), (-0.3, 0.0), (0.3, 0.9), (0.4, 0.0)),
)


def _wave(t: Tensor) -> Tensor:
    """A sine made of parabolas: period 1, from -1 to 1; a real sine differs from library to library."""
    t = (t - t.floor()) * 2
    half = t.floor()
    t = t - half
    return 4 * t * (1 - t) * (1 - 2 * half)


@dataclass
class _Stripes:
    """Of a zebra: (N, 1) numbers but for `finer`; a stroke that follows another goes on where that one ended."""

    dark: Tensor  # colour, (N, 4)
    phase: Tensor
    rate: Tensor  # periods a pixel of the trunk
    bend: Tensor
    finer: float  # than on the trunk
    fade: float | None  # where below the axis they end, in radii
    follows: bool


@dataclass
class _Stroke:
    """A round cone from a to b in a colour (N, 3 or 4); other numbers are the same for all or (N, 1)."""

    a: tuple[Tensor | float, Tensor | float]
    b: tuple[Tensor | float, Tensor | float]
    start: Tensor | float  # radii
    end: Tensor | float
    colour: Tensor
    last: Tensor | None = None  # the colour at b, if another
    shade: float = 0.0  # how much darker below and lighter above
    lit: float = 0.0  # 0: above and below are the stroke's own; else such a height around the origin is lit as one
    least: float = -99.0  # pixels that a radius does not fall below
    on: Tensor | None = None  # which of the N have this stroke
    strength: float = 1.0  # of the colour, 0 to 1
    stripes: _Stripes | None = None


def _columns(values: Sequence[Tensor | float], n: int) -> Tensor:
    """Numbers that are the same for all or (N, 1), side by side: (N, how many)."""
    return torch.cat([value if isinstance(value, Tensor) else torch.full((n, 1), value) for value in values], 1)


def _cone(
    px: Tensor, py: Tensor, ex: Tensor, ey: Tensor, start: Tensor, end: Tensor, soft: float = 1.0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """How pixels lie to round cones.

    Args:
        px, py: (…, 1, width) and (…, height, 1) from the cone's start to the pixels' centres.
        ex, ey: (…, 1, 1) from its start to its end.
        start, end: (…, 1, 1) radii there.
        soft: pixels over which the rim fades.

    Returns:
        Cover 0 to 1; place along the axis, 0 at the start and 1 at the end and on beyond both; the same, ending there;
        height above (-) or below (+) the axis in radii. (…, height, width) each.
    """
    squared = (ex * ex + ey * ey).clamp_(min=1e-6)
    along = px * (ex / squared) + py * (ey / squared)
    nearest = along.clamp(0, 1)
    across = (nearest * ex).sub_(px)
    down = (nearest * ey).sub_(py)
    radius = (nearest * (end - start)).add_(start)
    distance = root_((across * across).add_(down * down))
    distance = radius - distance
    if soft != 1:
        distance.div_(soft)
    return distance.add_(0.5).clamp_(0, 1), along, nearest, down.neg_().div_(radius)


class _Canvas:
    """N pictures with colours and, as a fourth channel, how far the animal covers; all of them float, 0 to 255."""

    def __init__(self, n: int, size: int) -> None:
        self.count, self.size = n, size
        self.layers = torch.zeros(n, 4, size * size)
        self.colours = self.layers[:, :3]
        step = torch.arange(size, dtype=torch.float32) + 0.5
        self.column, self.row = step.view(1, 1, size), step.view(1, size, 1)
        self.number = torch.arange(size * size).view(size, size)

    def fill(self, cover: Tensor, colour: Tensor, rows: slice) -> None:
        """Blend a colour (N, 3, 1 or rows, 1 or size) over some rows by their cover (N, rows, size), 0 to 1."""
        below = self.colours.unflatten(2, (self.size, self.size))[:, :, rows]
        below.add_((colour - below).mul_(cover.unsqueeze(1)))

    def cover(self, a: Sequence[Tensor], b: Sequence[Tensor], start: Tensor, end: Tensor, soft: float = 1.0) -> Tensor:
        """Many round cones of one colour as one shape: (N, size, size) cover 0 to 1.

        Args:
            a, b: (N, M) x and y of the ends, in pixels.
            start, end: (N, M) radii there.
            soft: pixels over which the rim fades.
        """
        (ax, ay), (bx, by) = a, b
        reach = (torch.maximum(start, end) + soft).clamp_(min=0)
        left, width = self._window(ax, bx, reach)
        top, height = self._window(ay, by, reach)
        width, height = max(width), max(height)
        left, top = left.clamp_(max=self.size - width), top.clamp_(max=self.size - height)
        index = (top * self.size + left).to(torch.int64).unsqueeze(-1) + self.number[:height, :width].reshape(-1)
        px = (left - ax)[..., None, None] + self.column[..., :width]
        py = (top - ay)[..., None, None] + self.row[:, :height]
        cover, _, _, _ = _cone(px, py, *((value[..., None, None]) for value in (bx - ax, by - ay, start, end)), soft)
        shape = torch.zeros(len(ax), self.size * self.size)
        shape.scatter_reduce_(1, index.flatten(1), cover.flatten(1), "amax")
        return shape.unflatten(1, (self.size, self.size))

    def _window(self, a: Tensor, b: Tensor, reach: Tensor) -> tuple[Tensor, list[int]]:
        """Where windows (N, M) begin that show all within reach of the way from a to b, and their M lengths."""
        low, high = torch.minimum(a, b) - reach, torch.maximum(a, b) + reach
        length = [min(self.size, int(longest) + 2) for longest in (high - low).amax(0).tolist()]
        return low.floor_().clamp_(min=0), length

    def paint(
        self,
        strokes: Sequence[_Stroke],
        origin: Sequence[Tensor | float] = (0.0, 0.0),
        unit: Tensor | float = 1.0,
        facing: Tensor | float = 1.0,
    ) -> None:
        """Paint strokes one over the other, each through a window of pixels around it.

        A window must be wide enough for the largest of the N; a wider one changes nothing.

        Args:
            strokes: their lengths are in units.
            origin: x and y of their origin in pixels, (N, 1) each.
            unit: pixels, (N, 1).
            facing: 1 to the right, -1 to the left, (N, 1).
        """
        # What is one number a stroke is reckoned for all strokes at once, (N, strokes).
        ax = _columns([stroke.a[0] for stroke in strokes], self.count) * unit * facing + origin[0]
        ay = _columns([stroke.a[1] for stroke in strokes], self.count) * unit + origin[1]
        bx = _columns([stroke.b[0] for stroke in strokes], self.count) * unit * facing + origin[0]
        by = _columns([stroke.b[1] for stroke in strokes], self.count) * unit + origin[1]
        least = torch.tensor([stroke.least for stroke in strokes])
        start = torch.maximum(_columns([stroke.start for stroke in strokes], self.count) * unit, least)
        end = torch.maximum(_columns([stroke.end for stroke in strokes], self.count) * unit, least)
        reach = torch.maximum(start, end) + 1
        (left, widths), (top, heights) = self._window(ax, bx, reach), self._window(ay, by, reach)
        left = torch.minimum(left, torch.tensor([float(self.size - width) for width in widths]))
        top = torch.minimum(top, torch.tensor([float(self.size - height) for height in heights]))
        first = (top * self.size + left).to(torch.int64)
        ex, ey = bx - ax, by - ay
        length = root_(ex * ex + ey * ey)
        each = [value[..., None, None].unbind(1) for value in (left - ax, top - ay, ex, ey, start, end, length, ay)]
        turned = 0.0
        for k, stroke in enumerate(strokes):
            x, y, along_x, along_y, r, r_end, far, height = (value[k] for value in each)
            px, py = x + self.column[..., : widths[k]], y + self.row[:, : heights[k]]
            cover, along, nearest, side = _cone(px, py, along_x, along_y, r, r_end)
            if stroke.on is not None:
                cover = cover * stroke.on.unsqueeze(-1)
            if stroke.strength != 1:
                cover = cover * stroke.strength
            colour = stroke.colour[..., None, None]  # (N, 3 or 4, 1, 1)
            if stroke.last is not None:
                colour = colour + (stroke.last[..., None, None] - colour) * nearest.unsqueeze(1)
            if stroke.stripes is not None:
                stripes = stroke.stripes
                rate = (stripes.rate * stripes.finer)[..., None]
                turned = turned if stripes.follows else stripes.phase[..., None]
                turns = along * (far * rate) + stripes.bend[..., None] * side * side + turned
                turned = turned + far * rate
                ridge = (2 * (turns - turns.floor()) - 1).abs_()  # 0 in the middle of a light stripe, 1 of a dark one
                ink = (ridge - 0.47).mul_(0.5 / rate).add_(0.5).clamp_(0, 1)
                if stripes.fade is not None:
                    ink.mul_(((stripes.fade - side) * 5).clamp_(0, 1))
                colour = colour + (stripes.dark[..., None, None] - colour) * ink.unsqueeze(1)
            if stroke.shade:
                if stroke.lit:  # around the origin's height, as the trunk is
                    side = ((py + height - origin[1][..., None]) / (stroke.lit * unit)[..., None]).clamp_(-1, 1)
                colour = colour * (1 - stroke.shade * side).unsqueeze(1)
            index = first[:, k : k + 1] + self.number[: heights[k], : widths[k]].reshape(-1)
            index = index.unsqueeze(1).expand(-1, colour.shape[1], -1)
            layers = self.layers[:, : colour.shape[1]]
            below = layers.gather(2, index).unflatten(2, (heights[k], widths[k]))
            step = colour - below
            step[:, 3:] = 255 - below[:, 3:]  # a shaded animal is there as well
            below.add_(step.mul_(cover.unsqueeze(1)))
            layers.scatter_(2, index, below.flatten(2))

    def bytes(self) -> tuple[Tensor, Tensor, Tensor]:
        """The pictures, uint8 (N, 3, size, size), and two bool (N, 1, size, size), see `draw`."""
        layers = self.layers.unflatten(2, (self.size, self.size))
        cover = layers[:, 3:]
        return layers[:, :3].add(0.5).clamp_(0, 255).to(torch.uint8), cover > 0, cover >= SOLID * 255


class _Scene:
    """What the bytes of N scenes mean; numbers are (N, 1)."""

    def __init__(self, draws: Tensor, size: int) -> None:
        self.draws = draws
        self.count = len(draws)
        self.size = size
        level = {name: draws[:, i : i + 1].to(torch.float32) / 255 for name, i in BYTES.items()}
        number = {name: draws[:, BYTES[name]].to(torch.int64) * len(VALUES[name]) // 256 for name in VALUES}
        self.level, self.number = level, number
        pose, sunset = number["pose"].unsqueeze(1), number["time"].unsqueeze(1) == 1
        self.length = 0.37 + 0.14 * level["size"]  # of the trunk, as all lengths here in parts of the image
        self.facing = number["facing"].unsqueeze(1) * 2.0 - 1
        self.horizon = HIGHEST + (LOWEST - HIGHEST) * level["horizon"]
        low = torch.maximum(1.64 * self.length + 0.04, self.horizon + 0.16)
        self.feet = low + (0.945 - low) * level["y"]
        # Room for the tail behind and the head in front, so that the picture's rim cuts nothing.
        free = 0.96 - 1.78 * self.length
        self.x = 0.02 + free * level["x"] + self.length * torch.where(self.facing > 0, 0.68, 1.1)
        self.head = torch.where(pose == 2, 1.86 + 0.14 * level["head"], level["head"])  # 0 high, 1 forward, 2 down
        self.stride = torch.where(pose == 1, 0.7 + 0.3 * level["stride"], 0.1 + 0.25 * level["stride"])
        self.hills = (level["hills"] - 0.25).clamp(min=0) * 0.24
        self.sun_x = 0.08 + 0.84 * level["sun_x"]
        self.sun_y = torch.where(sunset, self.horizon - 0.03 - 0.1 * level["sun_y"], 0.08 + 0.12 * level["sun_y"])
        self.stripe_width = 0.15 + 0.07 * level["stripe_width"]  # of a dark and a light stripe together, in trunks
        self.palette = self._palette()

    def _palette(self) -> dict[str, Tensor]:
        """Colours (N, 3) of this hour."""
        table = torch.tensor(list(PALETTE.values()), dtype=torch.float32)[:, self.number["time"]]  # (roles, N, 2, 3)
        # Each role looks at the byte in its own way, or all colours would move together.
        own = torch.arange(1, len(PALETTE) + 1).view(-1, 1)
        mixed = (self.draws[:, BYTES["variant"]].to(torch.int64) * (2 * own + 1) * 37 + 61 * own) % 256
        mix = mixed.to(torch.float32).unsqueeze(-1) / 255
        return dict(zip(PALETTE, table[:, :, 0] + (table[:, :, 1] - table[:, :, 0]) * mix, strict=True))

    def places(self, kind: str) -> tuple[Tensor, ...]:
        """Numbers in [0, 1], (N, how many) each, of clouds, trees, tufts or blooms."""
        first = len(BYTES)
        for name, (count, each) in PLACES.items():
            if name == kind:
                break
            first += count * each
        drawn = self.draws[:, first : first + count * each].to(torch.float32) / 255
        return drawn.view(-1, count, each).unbind(2)

    def attributes(self) -> dict[str, Tensor]:
        known = {
            "x": self.x,
            "y": self.feet,
            "size": self.length,
            "head": self.head,
            "horizon": self.horizon,
            "hills": self.hills,
            "tone": self.level["tone"],
            "stripe_phase": self.level["stripe_phase"],
            "stripe_width": self.stripe_width,
            "stripe_bend": self.level["stripe_bend"],
        }
        return self.number | {name: value.reshape(-1).clone() for name, value in known.items()}


def _meadow(scene: _Scene, canvas: _Canvas) -> None:
    """Sky, sun, clouds, hills, trees, grass and flowers."""
    size, palette, level = scene.size, scene.palette, scene.level
    colour = {name: value[..., None, None] for name, value in palette.items()}  # (N, 3, 1, 1)
    horizon = (scene.horizon * size).unsqueeze(-1)  # (N, 1, 1)

    # The sky and what is in it ends where the lowest ground may begin; the ground begins where the highest may.
    above, below = slice(0, int(LOWEST * size) + 2), slice(int(HIGHEST * size) - 1, size)
    row, column = canvas.row[:, above], canvas.column
    down = (row / horizon).clamp_(0, 1).unsqueeze(1)  # (N, 1, rows, 1)
    sky = colour["zenith"] * (1 - down) + colour["haze"] * down
    canvas.colours.unflatten(2, (size, size))[:, :, above] = sky

    dx, dy = column - (scene.sun_x * size).unsqueeze(-1), row - (scene.sun_y * size).unsqueeze(-1)
    far = root_(dx * dx + dy * dy)
    glow = (1 - far / (0.42 * size)).clamp_(min=0)
    disc = (0.052 * size - far).add_(0.5).clamp_(0, 1)
    canvas.fill(torch.maximum(glow.square_().mul_(0.75), disc), colour["sun"], above)

    # Clouds: a flat row of three puffs each.
    x, y, large = scene.places("cloud")
    on = (torch.arange(CLOUDS) < scene.number["clouds"].unsqueeze(1)).unsqueeze(-1)
    unit = (0.075 * size * (0.5 + large)).unsqueeze(-1)  # (N, clouds, 1)
    px = (x * size).unsqueeze(-1) + torch.tensor([-1.05, 0.0, 1.0]) * unit
    py = ((0.07 + 0.24 * y) * size).unsqueeze(-1) + torch.tensor([0.1, -0.22, 0.14]) * unit
    radius = torch.where(on, torch.tensor([0.5, 0.72, 0.46]) * unit, GONE).flatten(1)
    px, py, wide = px.flatten(1), py.flatten(1), (0.55 * unit).expand(-1, -1, 3).flatten(1)
    puffs = canvas.cover((px - wide, py), (px + wide, py), radius, radius, max(1.0, 0.045 * size))
    canvas.fill(puffs[:, above] * 0.88, colour["cloud"], above)

    # A range far away, a hill before it, the ground.
    across, hills = column / size, (scene.hills * size).unsqueeze(-1)
    slope, mottle = level["slope"].unsqueeze(-1), level["mottle"].unsqueeze(-1)
    crest = 0.62 + 0.3 * _wave(across * 1.3 + slope) + 0.12 * _wave(across * 3.1 + slope * 5)
    canvas.fill((row - (horizon - hills * crest)).add_(0.5).clamp_(0, 1), colour["range"], above)
    crest = 0.22 + 0.22 * _wave(across * 0.9 + slope * 3 + 0.3)
    canvas.fill((row - (horizon - hills * crest)).add_(0.5).clamp_(0, 1), colour["hill"], above)
    row = canvas.row[:, below]
    near = ((row - horizon) / (size - horizon)).clamp_(0, 1)
    near = near * (2 - near)
    patch = _wave(across * 2.3 + near * 1.7 + mottle * 3) + _wave(near * 4.5 - across * 1.1 + mottle * 7)
    shade = (patch * (near * 0.045)).add_(1).unsqueeze(1)
    ground = colour["far"] * (1 - near).unsqueeze(1) + colour["near"] * near.unsqueeze(1)
    canvas.fill((row - horizon).add_(0.5).clamp_(0, 1), (ground * shade).clamp_(max=255), below)

    # Trees stand a little below the horizon. A round crown is two discs that lean on each other, a conifer one cone.
    x, tall, _ = scene.places("tree")
    conifer = scene.number["tree"].unsqueeze(1) == 1
    foot = (scene.horizon + 0.012) * size
    strokes = []
    for k in range(TREES):
        on = (scene.number["trees"].unsqueeze(1) > k).float()
        height, tx = (0.12 + 0.16 * tall[:, k : k + 1]) * size, x[:, k : k + 1] * size
        stem = 0.06 * height
        wide, top = torch.where(conifer, 0.0, 0.16 * height), torch.where(conifer, 0.02 * height, 0.27 * height)
        bottom, summit = foot - torch.where(conifer, 0.3, 0.5) * height, foot - torch.where(conifer, 1.0, 0.72) * height
        low, right = torch.where(conifer, 0.24 * height, 0.25 * height), (tx + wide, bottom)
        strokes += [
            _Stroke((tx, foot), (tx, foot - 0.5 * height), stem, stem, palette["trunk"], on=on),
            _Stroke((tx - wide, bottom), (tx, summit), low, top, palette["leaf"], shade=0.28, on=on),
            _Stroke(right, right, 0.2 * height, 0.2 * height, palette["leaf"], shade=0.28, on=on * ~conifer),
        ]
    canvas.paint(strokes)

    # Tufts: three blades each, larger when nearer.
    x, y, lean = scene.places("tuft")
    deep = y * (0.25 + 0.75 * y)
    foot = (scene.horizon + 0.03 + (0.99 - scene.horizon - 0.03) * deep) * size
    blade = (0.02 + 0.045 * deep) * size
    x = (x * size).unsqueeze(-1)
    spread = torch.tensor([-0.5, 0.06, 0.55])
    bend = (spread + (lean.unsqueeze(-1) - 0.5) * 0.5) * blade.unsqueeze(-1)
    ax = (x + 0.25 * spread * blade.unsqueeze(-1)).flatten(1)
    bx = (x + bend).flatten(1)
    ay = (foot.unsqueeze(-1) * torch.ones(3)).flatten(1)
    by = (foot.unsqueeze(-1) - blade.unsqueeze(-1) * torch.tensor([0.8, 1.0, 0.75])).flatten(1)
    thick = ((0.13 * blade).clamp_(min=0.32).unsqueeze(-1) * torch.ones(3)).flatten(1)
    tufts = canvas.cover((ax, ay), (bx, by), thick, thick * 0.4)
    grass = torch.where(level["grass"] > 0.5, palette["near"] * 0.62, palette["far"] * 1.08).clamp_(max=255)
    canvas.fill(tufts[:, below] * 0.75, grass[..., None, None], below)

    x, y = scene.places("bloom")
    deep = y * (0.35 + 0.65 * y)
    y = (scene.horizon + 0.04 + (0.98 - scene.horizon - 0.04) * deep) * size
    flowers = scene.number["flowers"]
    radius = torch.where(flowers.unsqueeze(1) > 0, ((0.007 + 0.008 * deep) * size).clamp_(min=0.42), GONE)
    petals = torch.tensor(FLOWERS, dtype=torch.float32)[flowers] * palette["light"] / 255
    blooms = canvas.cover((x * size, y), (x * size, y), radius, radius)
    canvas.fill(blooms[:, below], petals[..., None, None], below)


class _Animal:
    """Draws one animal into the scenes: strokes in lengths of the trunk, facing right, become pixels here."""

    def __init__(self, scene: _Scene, canvas: _Canvas, animal: str) -> None:
        self.scene, self.canvas = scene, canvas
        self.zebra = animal == "zebra"
        self.unit = scene.length * scene.size
        self.origin = (scene.x * scene.size, scene.feet * scene.size - GROUND * self.unit)
        light = scene.palette["light"] / 255
        light = torch.cat([light, torch.ones(scene.count, 1)], 1)  # the fourth channel says: here is the animal
        fixed = lambda rgb: torch.tensor((*rgb, 255), dtype=torch.float32) * light
        if self.zebra:
            self.coat, self.dark, self.mane = fixed(WHITE), fixed(BLACK), fixed(BLACK)
            self.legs, self.muzzle = self.coat, fixed((58, 48, 48))
        else:
            table = torch.tensor(COATS, dtype=torch.float32)[scene.number["coat"]]  # (N, parts, 3)
            table = (table * (0.86 + 0.28 * scene.level["tone"]).unsqueeze(-1)).clamp_(max=255)
            table = torch.cat([table, torch.full_like(table[..., :1], 255)], 2) * light.unsqueeze(1)
            self.coat, self.mane, self.legs, self.muzzle = table.unbind(1)
        self.hoof, self.sock = fixed(HOOF), fixed(SOCK)
        self.strokes: list[_Stroke] = []

    def limb(
        self,
        points: Sequence[tuple[Tensor | float, Tensor | float]],
        radii: Sequence[float],
        colours: Sequence[Tensor],
        finer: float = 0.0,
        fade: float | None = None,
        dim: float = 1.0,
        shade: float = 0.2,
        least: float = 0.0,
        lit: float = 0.0,
    ) -> None:
        """Strokes joined end to end; `finer` > 0 stripes a zebra's, so many times as fine as on its trunk."""
        scene = self.scene
        colours = [colour * dim for colour in colours] if dim != 1 else colours
        for k in range(len(points) - 1):
            stripes = None
            if self.zebra and finer:
                rate = 1 / (scene.stripe_width * self.unit)
                bend = 0.5 * scene.level["stripe_bend"] - 0.25
                stripes = _Stripes(self.dark * dim, scene.level["stripe_phase"], rate, bend, finer, fade, follows=k > 0)
            self.strokes.append(
                _Stroke(
                    *points[k : k + 2],
                    *radii[k : k + 2],
                    colours[k],
                    None if colours[k + 1] is colours[k] else colours[k + 1],
                    shade,
                    lit,
                    least,
                    stripes=stripes,
                )
            )

    def draw(self) -> None:
        scene = self.scene
        gait = scene.draws[:, BYTES["gait"]].to(torch.int64) * len(GAITS) // 256
        steps = torch.tensor(GAITS)[gait]  # (N, 4, 2)
        swing = steps[:, :, :1] * scene.stride.unsqueeze(1)
        lift = torch.where(scene.number["pose"].view(-1, 1, 1) == 1, steps[:, :, 1:], 0.0)
        socks = scene.number["socks"].unsqueeze(1)
        self._shadow()
        self._tail()
        self._leg(False, swing[:, 3], lift[:, 3], socks > 0, 0.7)
        self._leg(True, swing[:, 1], lift[:, 1], socks > 1, 0.7)
        head = self._head_points()
        self._ears(head, 0.7, -0.03)
        crest = self._crest(head)
        if self.zebra:
            coat = [self.coat] * 4
            self.limb(crest, (0.05, 0.062, 0.062, 0.045), coat, finer=1.15, shade=0.0)
        neck = [(0.31, -0.07), head[0], head[1]]
        trunk = [(-0.27, -0.03), (0.02, 0.0), (0.27, -0.01)]
        self.limb(trunk, (0.225, 0.218, 0.228), [self.coat] * 3, finer=1.0, fade=0.75, shade=0.2)
        self.limb(neck, (0.185, 0.125, 0.088), [self.coat] * 3, finer=1.15, shade=0.16)
        self._leg(False, swing[:, 2], lift[:, 2], socks > 0, 1.0)
        self._leg(True, swing[:, 0], lift[:, 0], socks > 1, 1.0)
        self._head(head)
        if not self.zebra:
            self.limb(crest, (0.03, 0.062, 0.066, 0.04), [self.mane] * 4, shade=0.12)
            x, y = head[1]
            fx, fy = head[3]
            lock = [(x + 0.01, y - 0.05), (x + 0.25 * (fx - x) + 0.01, y + 0.25 * (fy - y) - 0.05)]
            self.limb(lock, (0.034, 0.016), [self.mane] * 2, shade=0.0)
        self._ears(head, 1.0, 0.0)
        self.canvas.paint(self.strokes, self.origin, self.unit, scene.facing)

    def _shadow(self) -> None:
        dark = self.scene.palette["near"] * 0.45
        for half, radius in ((0.44, 0.035), (0.40, 0.06)):  # twice, for a soft rim
            self.strokes.append(_Stroke((-half, GROUND), (half, GROUND), radius, radius, dark, strength=0.32))

    def _tail(self) -> None:
        points = [(-0.46, -0.12), (-0.565, -0.02), (-0.60, 0.20), (-0.585, 0.40)]
        if self.zebra:
            self.limb(points, (0.03, 0.024, 0.02, 0.02), [self.coat, self.coat, self.coat, self.dark], least=0.4)
            self.limb([(-0.598, 0.22), (-0.585, 0.42)], (0.026, 0.044), [self.dark] * 2, shade=0.0)
        else:
            self.limb(points, (0.04, 0.058, 0.068, 0.03), [self.mane] * 4, shade=0.1)

    def _leg(self, front: bool, swing: Tensor, lift: Tensor, sock: Tensor, dim: float) -> None:
        far = 0.0 if dim == 1 else 0.06  # the far legs stand a little to the side
        rise = 0.0 if dim == 1 else -0.02
        if front:
            x = 0.235 + far
            points = [
                (x, 0.03),
                (x + 0.03 * swing, 0.20),
                (x + 0.02 + 0.11 * swing + 0.10 * lift, 0.435 - 0.05 * lift + rise),
                (x + 0.015 + 0.21 * swing - 0.02 * lift, 0.70 - 0.13 * lift + rise),
                (x + 0.045 + 0.235 * swing - 0.08 * lift, 0.785 - 0.12 * lift + rise),
            ]
            radii = (0.15, 0.098, 0.048, 0.034, 0.043)
        else:
            x = -0.31 + far
            points = [
                (x, -0.01),
                (x + 0.035 + 0.05 * swing, 0.21),
                (x - 0.055 + 0.11 * swing + 0.04 * lift, 0.46 - 0.03 * lift + rise),
                (x - 0.03 + 0.20 * swing - 0.06 * lift, 0.705 - 0.09 * lift + rise),
                (x + 0.005 + 0.225 * swing - 0.12 * lift, 0.785 - 0.09 * lift + rise),
            ]
            radii = (0.195, 0.11, 0.052, 0.036, 0.044)
        low = self.legs if self.zebra else torch.where(sock, self.sock, self.legs)
        colours = [self.coat, self.coat, self.legs, low, low]
        self.limb(points[:4], radii[:4], colours[:4], finer=1.35, dim=dim, shade=0.2, least=0.45, lit=0.225)
        self.limb(points[3:], radii[3:], [low, low], finer=1.35, dim=0.8 * dim, shade=0.0, least=0.45)
        # The hoof.
        x, y = points[4]
        self.limb([(x - 0.005, y + 0.01), (x + 0.012, y + 0.012)], (0.043, 0.043), [self.hoof] * 2, dim=dim, shade=0.0)

    def _head_points(self) -> list[tuple[Tensor, Tensor]]:
        t = self.scene.head
        mixed = []
        for joint in zip(*HEADS, strict=True):
            pair = []
            for high, forward, low in zip(*joint, strict=True):
                upper, lower = high + (forward - high) * t, forward + (low - forward) * (t - 1)
                pair.append(torch.where(t <= 1, upper, lower))
            mixed.append(tuple(pair))
        return mixed

    def _crest(self, head: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        """Points of the mane: before the ears, then along the upper rim of the neck down to the withers."""
        out = 1.0 if self.zebra else 0.62
        crest = []
        line = [head[1], head[0], (0.26 + 0 * head[0][0], -0.12 + 0 * head[0][1])]
        ways = [(head[1], head[0]), (head[1], line[2]), (head[0], line[2])]
        for (x, y), (up, down), radius in zip(line, ways, (0.085, 0.125, 0.14), strict=True):
            dx, dy = up[0] - down[0], up[1] - down[1]
            length = root_(dx * dx + dy * dy)
            crest.append((x + dy / length * radius * out, y - dx / length * radius * out))
        first = (head[1][0] + 0.02, head[1][1] - 0.075)
        return [first, *crest]

    def _head(self, head: Sequence[tuple[Tensor, Tensor]]) -> None:
        _, poll, jaw, muzzle = head
        self.limb([poll, jaw], (0.088, 0.092), [self.coat] * 2, finer=1.5, shade=0.14)
        mix = self.coat if self.zebra else (self.coat + self.muzzle) / 2
        middle = ((jaw[0] * 0.35 + muzzle[0] * 0.65), (jaw[1] * 0.35 + muzzle[1] * 0.65))
        self.limb([jaw, middle], (0.092, 0.062), [self.coat, mix], finer=1.5, shade=0.14)
        self.limb([middle, muzzle], (0.062, 0.056), [mix, self.muzzle], shade=0.1)
        # The way from poll to muzzle, and the way out of the forehead: up when the head is held forward.
        dx, dy = muzzle[0] - poll[0], muzzle[1] - poll[1]
        length = root_(dx * dx + dy * dy)
        ux, uy = dx / length, dy / length
        place = lambda s, out: (poll[0] + s * dx + out * uy, poll[1] + s * dy - out * ux)
        if not self.zebra:
            blaze = self.scene.number["blaze"].unsqueeze(1).float()
            self._dot(place(0.34, 0.055), place(0.86, 0.035), 0.026, self.sock, blaze)
        self._dot(place(0.27, 0.03), place(0.29, 0.03), 0.021, torch.full_like(self.coat, 22))
        self._dot(place(0.98, 0.02), place(1.0, 0.02), 0.013, self.muzzle * 0.5)

    def _dot(self, a: tuple, b: tuple, radius: float, colour: Tensor, on: Tensor | None = None) -> None:
        self.strokes.append(_Stroke(a, b, radius, radius, colour, least=0.42, on=on))

    def _ears(self, head: Sequence[tuple[Tensor, Tensor]], dim: float, shift: float) -> None:
        (nx, ny), (x, y) = head[0], head[1]
        dx, dy = x - nx, y - ny
        length = root_(dx * dx + dy * dy)
        ux, uy = dx / length, dy / length
        root = (x + 0.05 * ux + shift, y + 0.05 * uy)
        # Ears stand up from the neck's end; with the head down they point forward and up.
        tip = (x + 0.16 * ux + shift - 0.02, y + 0.13 * uy - 0.05)
        self.limb([root, tip], (0.036, 0.012), [self.coat] * 2, dim=0.9 * dim, shade=0.0, least=0.4)


def draw(draws: Tensor, size: int, animal: str) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
    """Draw scenes with one of the two animals in them.

    Args:
        draws: uint8 (N, DRAWS), all that there is to know of the scenes, on the device to draw on.
        size: height and width of the images in pixels.
        animal: ``"horse"`` or ``"zebra"``.

    Returns:
        uint8 (N, 3, size, size) images; bool (N, 1, size, size) masks, where the animal changes a pixel; bool
        (N, 1, size, size) silhouettes, where it covers most of one; and the attributes, (N,) each. Those with a name in `VALUES` are int64 numbers of the values there. The others are
        float32:
        x, y: of the trunk's middle to the right, and of the ground under the feet downwards, in parts of the image;
        size: length of the trunk, as a part of the image;
        head: 0 held high, 1 forward, 2 down at the ground;
        horizon: from the image's top, hills: their height, both in parts of the image;
        tone: of the coat, 0 dark to 1 light;
        stripe_phase: where the stripes begin, 0 to 1, a cycle; stripe_width: of a dark and a light one together, in
        trunks; stripe_bend: 0 towards the tail to 1 towards the head.
    """
    with beside(draws):
        scene, canvas = _Scene(draws, size), _Canvas(len(draws), size)
        _meadow(scene, canvas)
        _Animal(scene, canvas, animal).draw()
        return *canvas.bytes(), scene.attributes()


def scenes(n: int, seed: int) -> Tensor:
    """The first n scenes of a stream.

    Args:
        n: how many.
        seed: of the stream.

    Returns:
        uint8 (n, DRAWS); the first ones do not depend on how many follow.

    Raises:
        GanlibError: so many do not fit into memory.
    """
    try:
        draws = torch.empty(n, DRAWS, dtype=torch.uint8)
    except RuntimeError:
        raise GanlibError(f"{n:,} scenes do not fit into this machine's memory") from None
    return draws.random_(0, 256, generator=torch.Generator().manual_seed(seed))


def render(
    draws: Tensor, size: int, animal: str, chunk: int | None = None, device: torch.device | str = "cpu"
) -> dict[str, Tensor]:
    """Draw any number of scenes, two chunks at a time.

    Args:
        draws: uint8 (n, DRAWS), see `scenes`.
        size: height and width in pixels.
        animal: ``"horse"`` or ``"zebra"``.
        chunk: how many at once, None for a number that keeps the processor's caches in use; it changes the speed and
            nothing else.
        device: where to draw, and where the results are afterwards.

    Returns:
        ``"pixels"`` uint8 (n, 3, size, size), ``"mask"`` and ``"silhouette"`` bool (n, 1, size, size), and the
        attributes, as of `draw`.

    Raises:
        GanlibError: so many images of that size do not fit into memory.
    """
    n, chunk = len(draws), chunk or max(2, min(256, 800_000 // size**2))
    try:
        pixels = torch.empty(n, 3, size, size, dtype=torch.uint8, device=device)
        mask, silhouette = torch.empty(2, n, 1, size, size, dtype=torch.bool, device=device)
    except RuntimeError:
        raise GanlibError(f"{n:,} {animal}s of {size}×{size} pixels do not fit into this machine's memory") from None

    def part(here: slice) -> dict[str, Tensor]:
        pixels[here], mask[here], silhouette[here], known = draw(draws[here].to(device), size, animal)
        return known

    parts = in_parts(n, chunk, part, pixels.device)
    found = {"pixels": pixels, "mask": mask, "silhouette": silhouette}
    return found | {name: torch.cat([known[name] for known in parts]) for name in parts[0]}


def _determined() -> tuple[str, ...]:
    """The factors that both animals' pictures of a scene show."""
    own = {name for names in OWN.values() for name in names}
    return tuple(name for name in _Scene(scenes(1, 0), 16).attributes() if name not in own)


def horses_zebras(
    size: int = 64, split: str = "train", n: int | None = None, seed: int = 0, paired: bool = False
) -> Domains:
    """Horses and zebras on a meadow, drawn on this machine, with the hidden truth of every picture: no download.

    Domain a shows horses, domain b zebras, each in scenes of its own. `Domains.truth` draws the other animal into a
    picture's scene: the same pose in the same place on the same meadow, equal to the byte where no animal is. Coat,
    tone, blaze and socks of a horse and phase, width and bend of a zebra's stripes are drawn independently of
    everything else, so no translation can know them. The same seed and split give the same scenes whatever `n` and
    `size`. The result is kept in the cache folder (`ganlib.data.cache`).

    Args:
        size: height and width in pixels, 16 to 256.
        split: ``"train"`` or ``"test"``, two streams of different scenes.
        n: how many images of each domain; None for 5,000 (train) or 1,000 (test).
        seed: another number, other scenes; 0 or more.
        paired: whether zebra i stands in the scene of horse i (for methods that need pairs), and not in one of its own.

    Returns:
        Domains of (n, 3, size, size) images with the attributes that `draw` lists.

    Raises:
        GanlibError: a value out of range, or an unknown split.
    """
    size, n, seed = drawn("horses-zebras", size, 16, split, COUNTS, n, seed)
    if not isinstance(paired, bool):
        raise GanlibError(f"paired of horses-zebras must be True or False, not {paired!r}")
    stream = 4 * seed + 2 * (split == "test")
    streams = {"a": stream, "b": stream if paired else stream + 1}

    def images(side: str, animal: str, other: str) -> Images:
        def make() -> dict[str, Tensor]:
            drawn = render(scenes(n, streams[side]), size, animal)
            return {name: rows for name, rows in drawn.items() if name not in (*AREAS, *OWN[other])}

        paired_with = "-paired" if paired and side == "b" else ""
        stored = cache.tensors(f"{animal}s-{VERSION}-{split}-{size}px-{n}-seed{seed}{paired_with}", make)
        pixels = stored.pop("pixels")
        vocabulary = {name: values for name, values in VALUES.items() if name in stored}
        return Images(pixels, name=f"{animal}s", attributes=stored, vocabulary=vocabulary)

    def truth(side: str, index: Tensor) -> Truth:
        this, other = ANIMALS if side == "a" else ANIMALS[::-1]
        chosen = scenes(n, streams[side])[index]
        here, there = render(chosen, size, this), render(chosen, size, other)
        attributes = {name: rows for name, rows in there.items() if name not in ("pixels", *AREAS)}
        either, both = here["mask"] | there["mask"], here["silhouette"] & there["silhouette"]
        return Truth(there["pixels"], either, attributes, _determined(), OWN[other], both)

    return Domains(images("a", *ANIMALS), images("b", *ANIMALS[::-1]), "horses-zebras", truth, paired)


DATASETS = {"horses-zebras": horses_zebras}
