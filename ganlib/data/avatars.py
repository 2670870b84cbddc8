"""Procedural portraits whose every attribute is known: who has blue hair, glasses, freckles.

A portrait is a few dozen soft-edged shapes laid over each other. What can be named is drawn by lot into a table of
attributes; what cannot (where a freckle sits, how wide a face is) comes from style noise. Attributes are independent of
each other and of the noise, so a model's histograms, missing combinations and entanglements can be measured exactly.

Every CPU draws the same bytes from the same seed, for the reasons that `digits.py` gives: draws are integers, and the
shapes use only + − × ÷ √, minimum, maximum and floor. Where a shape is a curve y = f(x), f is computed for the columns
of the image only; small shapes are computed in a window. That makes it quick.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganlib.data import cache
from ganlib.data.exact import root_
from ganlib.data.images import Images, drawn, whole
from ganlib.data.parallel import in_parts
from ganlib.errors import GanlibError, unknown

VERSION = 1  # of the drawings: raise it whenever a byte of them changes, so that no old cache file is read as new
COUNTS = {"train": 20_000, "test": 5_000}
CORNER = (("hair_length", "long"), ("glasses", True))  # what no portrait of avatars-corner has
PART = 300_000  # pixels painted at once on a CPU

# Each attribute's values, in the order of their numbers: name, how a caption says it in English and in Chinese.
ATTRIBUTES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "hair_colour": (
        ("black", "black hair", "黑色头发"),
        ("brown", "brown hair", "棕色头发"),
        ("blonde", "blonde hair", "金色头发"),
        ("red", "red hair", "红色头发"),
        ("blue", "blue hair", "蓝色头发"),
        ("green", "green hair", "绿色头发"),
        ("pink", "pink hair", "粉色头发"),
        ("silver", "silver hair", "银色头发"),
    ),
    "hair_length": (
        ("short", "short hair", "短发"),
        ("medium", "medium hair", "中长发"),
        ("long", "long hair", "长发"),
    ),
    "hair_style": (
        ("fringe", "straight fringe", "齐刘海"),
        ("swept", "side fringe", "斜刘海"),
        ("parted", "centre parting", "中分"),
        ("curly", "curls", "卷发"),
        ("bun", "hair bun", "丸子头"),
    ),
    "eye_colour": (
        ("brown", "brown eyes", "棕色眼睛"),
        ("blue", "blue eyes", "蓝色眼睛"),
        ("green", "green eyes", "绿色眼睛"),
        ("red", "red eyes", "红色眼睛"),
        ("violet", "violet eyes", "紫色眼睛"),
    ),
    "skin": (
        ("pale", "pale skin", "白皙皮肤"),
        ("light", "light skin", "浅色皮肤"),
        ("tan", "tan skin", "小麦色皮肤"),
        ("brown", "brown skin", "棕色皮肤"),
        ("dark", "dark skin", "深色皮肤"),
    ),
    "face_shape": (
        ("round", "round face", "圆脸"),
        ("oval", "oval face", "鹅蛋脸"),
        ("pointed", "pointed face", "尖脸"),
    ),
    "turn": (
        ("left", "turned left", "脸朝左"),
        ("front", "facing front", "脸朝前"),
        ("right", "turned right", "脸朝右"),
    ),
    "smile": (("no", "not smiling", "不笑"), ("yes", "smiling", "微笑")),
    "open_mouth": (("no", "closed mouth", "闭嘴"), ("yes", "open mouth", "张嘴")),
    "glasses": (("no", "no glasses", "不戴眼镜"), ("yes", "glasses", "戴眼镜")),
    "freckles": (("no", "no freckles", "没有雀斑"), ("yes", "freckles", "有雀斑")),
    "shirt": (
        ("white", "white shirt", "白色上衣"),
        ("navy", "navy shirt", "藏青色上衣"),
        ("red", "red shirt", "红色上衣"),
        ("green", "green shirt", "绿色上衣"),
        ("yellow", "yellow shirt", "黄色上衣"),
        ("purple", "purple shirt", "紫色上衣"),
    ),
    "background": (
        ("cream", "cream background", "米色背景"),
        ("sky", "sky-blue background", "天蓝色背景"),
        ("mint", "mint background", "薄荷色背景"),
        ("rose", "rose background", "玫瑰色背景"),
        ("lavender", "lavender background", "淡紫色背景"),
        ("slate", "slate background", "石板色背景"),
    ),
}
# Chances of the values in 256ths, where they are not equal.
CHANCES = {"turn": (64, 128, 64), "glasses": (176, 80), "freckles": (176, 80)}

COLOURS: dict[str, tuple[tuple[float, float, float], ...]] = {  # red, green, blue from 0 to 1
    "hair_colour": (
        ((0.16, 0.14, 0.19), (0.44, 0.27, 0.17), (0.95, 0.79, 0.42), (0.80, 0.29, 0.17))
        + ((0.28, 0.46, 0.88), (0.27, 0.64, 0.42), (0.97, 0.58, 0.73), (0.80, 0.83, 0.89))
    ),
    "eye_colour": ((0.44, 0.25, 0.12), (0.16, 0.50, 0.94), (0.16, 0.62, 0.30), (0.88, 0.14, 0.17), (0.56, 0.27, 0.84)),
    "skin": ((1.0, 0.91, 0.85), (0.98, 0.79, 0.66), (0.86, 0.63, 0.45), (0.66, 0.44, 0.31), (0.44, 0.29, 0.22)),
    "shirt": (
        ((0.96, 0.96, 0.94), (0.17, 0.23, 0.42), (0.80, 0.22, 0.24), (0.22, 0.52, 0.38))
        + ((0.96, 0.76, 0.26), (0.50, 0.32, 0.64))
    ),
    "background": (
        ((0.98, 0.92, 0.79), (0.69, 0.86, 0.97), (0.72, 0.92, 0.82), (0.99, 0.75, 0.80))
        + ((0.82, 0.78, 0.96), (0.47, 0.55, 0.66))
    ),
}
# Style noise: a bell over [-1, 1] for each, drawn in this order.
NOISE = (
    *("x", "y", "width", "height", "turn", "taper", "eye_x", "eye_y", "eye_size", "lid", "gaze_x", "gaze_y"),
    *("brow", "brow_tilt", "nose", "mouth_x", "mouth_y", "mouth_width", "mouth_curve", "gape", "blush", "lens", "rim"),
    *("cut", "cut_slant", "part", "side", "length", "volume", "flare", "strand", "strand_phase", "shine", "collar"),
    *("shoulder", "light", "halo", "bun"),
    *(f"{what}_{tint}" for what in COLOURS for tint in ("red", "green", "blue")),
    *(f"freckle_{axis}{i}" for i in range(8) for axis in "xy"),
)
DRAWS = len(ATTRIBUTES) + 4 * len(NOISE)  # bytes an image takes


# -- what is drawn by lot ----------------------------------------------------------------------------------------------
def lots(n: int, generator: torch.Generator) -> Tensor:
    """The integers that portraits are made from.

    Args:
        n: how many portraits.
        generator: on the CPU.

    Returns:
        uint8 (n, DRAWS).
    """
    return torch.empty(n, DRAWS, dtype=torch.uint8).random_(0, 256, generator=generator)


def attributes_of(integers: Tensor) -> dict[str, Tensor]:
    """The table of attributes.

    Args:
        integers: uint8 (N, DRAWS), from `lots`.

    Returns:
        For each of `ATTRIBUTES`, int64 (N,): the number of the value.
    """
    table = {}
    for column, (name, values) in enumerate(ATTRIBUTES.items()):
        byte = integers[:, column].to(torch.int64)
        if name in CHANCES:
            edges = torch.tensor(CHANCES[name], device=byte.device).cumsum(0)[:-1]
            table[name] = torch.bucketize(byte, edges, right=True)
        else:
            table[name] = byte * len(values) // 256
    return table


def vocabulary() -> dict[str, tuple[str, ...]]:
    """The names of each attribute's values, in the order of their numbers."""
    return {name: tuple(value[0] for value in values) for name, values in ATTRIBUTES.items()}


def noise_of(integers: Tensor) -> Tensor:
    """The style noise: a bell over [-1, 1] with standard deviation 0.29 for each of `NOISE`.

    Args:
        integers: uint8 (N, DRAWS), from `lots`.

    Returns:
        float32 (N, len(NOISE)).
    """
    dice = integers[:, len(ATTRIBUTES) :].view(len(integers), len(NOISE), 4).to(torch.float32)
    return (dice[..., 0] + dice[..., 1] + dice[..., 2] + dice[..., 3] - 510) / 510


# -- drawing -----------------------------------------------------------------------------------------------------------
def _wave(t: Tensor) -> Tensor:
    """Bumps from 0 to 1 of period 1: parabolas, since a sine is not the same on every machine."""
    t = t - t.floor()
    return 4 * t * (1 - t)


def _both(first: Tensor, *others: Tensor) -> Tensor:
    """What all shapes cover."""
    return functools.reduce(torch.minimum, others, first)


class _Portraits:
    """Portraits under the brush, N at once.

    Coordinates run from -1 to 1, x to the right and y downwards; `x` and `y` are those of the pixels in the window that
    is being painted, (1, 1, W) and (1, H, 1). A shape is how much of each pixel it covers, from 0 to 1; its rim is a
    pixel wide. So the smaller of two covers is the shapes' intersection, the larger one their union.

    Args:
        table: as `attributes_of` returns it.
        noise: as `noise_of` returns it.
        size: height and width in pixels.
    """

    def __init__(self, table: Mapping[str, Tensor], noise: Tensor, size: int):
        self.size, self.device, self.per_unit = size, noise.device, size / 2
        self.value = {name: column.to(noise.device) for name, column in table.items()}
        self.bell = dict(zip(NOISE, noise.T.reshape(len(NOISE), -1, 1, 1), strict=True))
        self.image = torch.empty(len(noise), 3, size, size, device=noise.device)
        line = (torch.arange(size, dtype=torch.float32, device=noise.device) * 2 + (1 - size)) / size
        self.columns, self.rows = line.view(1, 1, size), line.view(1, size, 1)

        bell = self.bell
        self.skin, self.hair = self.colour("skin"), self.colour("hair_colour")
        self.dark = 0.25 * self.hair + 0.75 * self.fixed(0.13, 0.09, 0.11)  # lashes and brows
        self.x0, self.y0 = 0.05 * bell["x"], 0.04 + 0.04 * bell["y"]  # the head's centre
        self.turn = self.pick("turn", -0.8, 0.0, 0.8) + 0.4 * bell["turn"]
        self.face_x = self.x0 + 0.13 * self.turn  # the middle of the features
        self.wide = self.pick("face_shape", 0.51, 0.46, 0.475) + 0.04 * bell["width"]
        self.high = self.pick("face_shape", 0.53, 0.60, 0.61) + 0.03 * bell["height"]
        self.cap_wide = self.wide + 0.09 + 0.04 * bell["volume"]
        self.cap_high = self.high + 0.13 + 0.05 * bell["volume"]
        self.curly = self.pick("hair_style", 0, 0, 0, 1, 0)
        self.length = self.pick("hair_length", 0.12, 0.58, 1.2)
        self.length = self.length + self.pick("hair_length", 0.1, 0.16, 0.25) * bell["length"]

    def pick(self, name: str, *numbers: float) -> Tensor:
        """A number for each picture, by the value of an attribute: (N, 1, 1)."""
        return torch.tensor(numbers, dtype=torch.float32, device=self.device)[self.value[name]].view(-1, 1, 1)

    def colour(self, name: str) -> Tensor:
        """The colour of a thing, a little off its palette's: (N, 3, 1, 1)."""
        off = torch.stack([self.bell[f"{name}_{tint}"] for tint in ("red", "green", "blue")], 1)
        palette = torch.tensor(COLOURS[name], device=self.device)
        return (palette[self.value[name]].view(-1, 3, 1, 1) + 0.07 * off).clamp_(0, 1)

    def fixed(self, red: float, green: float, blue: float) -> Tensor:
        """The same colour in every picture."""
        return torch.tensor((red, green, blue), device=self.device).view(1, 3, 1, 1)

    def window(self, left: float = -1, right: float = 1, top: float = -1, bottom: float = 1) -> None:
        """Paint in a part of the pictures only, from now on."""
        place = lambda edge: int((edge + 1) / 2 * self.size)
        self.across, self.down = (
            slice(max(place(low) - 1, 0), min(place(high) + 2, self.size))
            for low, high in ((left, right), (top, bottom))
        )
        self.x, self.y = self.columns[:, :, self.across], self.rows[:, self.down]
        self.part = self.image[:, :, self.down, self.across]

    # -- shapes
    def less(self, one: Tensor, other: Tensor | float) -> Tensor:
        """Where one coordinate is smaller than another."""
        return ((other * self.per_unit + 0.5) - one * self.per_unit).clamp_(0, 1)

    def band(self, y: Tensor, middle: Tensor, half: Tensor | float) -> Tensor:
        """A line along a curve, 2 · half thick."""
        distance = (y * self.per_unit - middle * self.per_unit).abs_()
        return distance.neg_().add_(half * self.per_unit + 0.5).clamp_(0, 1)

    def oval(self, x: Tensor, y: Tensor, wide: Tensor | float, high: Tensor | float) -> Tensor:
        """An ellipse at the origin, with its half axes."""
        small = torch.minimum(wide, high) if isinstance(wide, Tensor) and isinstance(high, Tensor) else min(wide, high)
        return self.round((x / wide).square() + (y / high).square(), small)

    def round(self, squares: Tensor, radius: Tensor | float) -> Tensor:
        """Where a sum of squares is below 1, for a shape of about that radius; overwrites the sum."""
        scale = radius * self.per_unit
        return root_(squares).mul_(-scale).add_(scale + 0.5).clamp_(0, 1)

    # -- colours
    def paint(self, cover: Tensor, colour: Tensor) -> None:
        """Lay a colour (N, 3, 1 or H, 1 or W) on."""
        self.part.add_((colour - self.part).mul_(cover.unsqueeze(1)))

    def shade(self, cover: Tensor, amount: Tensor | float) -> None:
        """Darken what is there, by a part of its brightness."""
        self.part.mul_(1 - (cover * amount).unsqueeze(1))

    def shine(self, cover: Tensor, amount: Tensor | float) -> None:
        """Lighten what is there, by a part of what it lacks to white."""
        self.part.add_((1 - self.part).mul_((cover * amount).unsqueeze(1)))

    # -- the layers, from the back to the front
    def background(self) -> None:
        self.window()
        self.part.copy_((self.colour("background") * (1.03 - 0.07 * self.y.unsqueeze(1))).clamp_(0, 1))
        radius = 0.84 + 0.12 * self.bell["halo"]
        self.shine(self.oval(self.x - self.x0, self.y - self.y0, radius, radius), 0.28)

    def hair_behind(self) -> None:
        bell, y = self.bell, self.y - self.y0
        x = self.x - self.x0 - 0.02 * self.turn
        strands = _wave(x * (6 + 3 * bell["strand"]) + 3 * bell["strand_phase"])
        self.strands = self.hair * (1 - 0.15 * strands).unsqueeze(1)  # (N, 3, 1, W)
        hem = self.length - self.pick("hair_length", 0.1, 0.3, 0.2) * x.square()
        hem = hem + 0.05 * _wave(3.5 * x) * (1 + self.curly) - 0.9 * (x.abs() - self.cap_wide + 0.16).clamp_(min=0)
        sides = self.cap_wide * 0.96 + (0.06 + 0.2 * bell["flare"]) * y.clamp(0, 1) + 0.07 * self.curly * _wave(4 * y)
        falling = _both(self.less(x.abs(), sides), self.less(y, hem), self.less(-y, 0.0))
        around = torch.minimum(self.cap(x, y), self.less(y, hem.clamp(min=0.2)))
        self.paint(torch.maximum(falling, around), self.strands * 0.72)
        radius = 0.2 + 0.05 * bell["bun"]
        self.window(-0.4, 0.4, -1, -0.35)
        x, y = self.x - self.x0 - 0.02 * self.turn, self.y - self.y0
        bun = self.oval(x - 0.1 * bell["part"], y + self.cap_high, radius, radius * 0.85)
        self.paint(bun.mul_(self.pick("hair_style", 0, 0, 0, 0, 1)), self.hair * 0.86)

    def cap(self, x: Tensor, y: Tensor) -> Tensor:
        """The hair on the head, as if there were no face: an ellipse, with bumps if it is curly."""
        bumps = (0.15 * self.curly) * _wave(4 * x + self.bell["strand"]), _wave(4 * y + self.bell["strand_phase"])
        across, down = (x / self.cap_wide).square() - bumps[0], ((y - 0.02) / self.cap_high).square()
        return self.round((across + (down - 0.15 * self.curly * bumps[1])).clamp_(min=0), self.cap_wide)

    def body(self) -> None:
        bell = self.bell
        self.window(top=0.3)
        x, y = self.x - self.x0 - 0.01 * self.turn, self.y - self.y0
        neck = self.less(x.abs(), 0.15)
        self.paint(torch.minimum(neck, self.less(y, 0.95)), self.skin * 0.93)
        self.shade(torch.minimum(neck, self.less(y, self.high + 0.15 - x.square())), 0.2)
        wide, high = 0.80 + 0.1 * bell["shoulder"], 0.46 + 0.05 * bell["shoulder"]
        neckline = 0.84 + 0.16 * bell["collar"] - 0.9 * x.abs()  # a V
        shirt = torch.minimum(self.oval(self.x - 0.5 * self.x0, self.y - 1.18, wide, high), self.less(neckline, y))
        self.paint(shirt, self.colour("shirt") * (1.12 - 0.22 * self.y.unsqueeze(1)))
        self.shade(torch.minimum(shirt, self.less(y, neckline + 0.07)), 0.18)

    def ears(self) -> None:
        for side in (-1, 1):
            self.window(*((-0.75, -0.25) if side < 0 else (0.25, 0.75)), -0.1, 0.4)
            x = self.x - self.x0 + 0.05 * self.turn - side * (self.wide + 0.005)
            self.paint(self.oval(x, self.y - self.y0 - 0.14, 0.075, 0.12), self.skin * 0.94)

    def face(self) -> None:
        self.window()
        x, y = self.x - self.x0 - 0.03 * self.turn, (self.y - self.y0 - 0.06) / self.high
        taper = self.pick("face_shape", 0.10, 0.16, 0.42) + 0.08 * self.bell["taper"]
        narrow = 1 / (self.wide * (1 - taper * y.clamp(0, 1).square()))  # (N, H, 1)
        self.is_face = self.round(x.square() * narrow.square() + y.square(), torch.minimum(self.wide, self.high))
        self.paint(self.is_face, self.skin)
        side = ((0.3 + 1.2 * self.bell["light"]) / self.wide * x - 0.1).clamp_(0, 0.7)
        self.shade(self.is_face * side, 0.2)

    def cheeks(self) -> None:
        bell = self.bell
        have = self.pick("freckles", 0, 1)
        for side in (-1, 1):
            self.window(*((-0.66, 0.1) if side < 0 else (-0.1, 0.66)), 0.1, 0.5)
            is_face = self.is_face[:, self.down, self.across]
            x = (self.x - self.face_x - side * 0.29 * (1 - 0.1 * side * self.turn)) / 0.14
            y = (self.y - self.y0 - 0.31) / 0.085
            glow = ((1 - x.square()) - y.square()).clamp_(0, 1)
            self.paint(glow.mul_(is_face).mul_(0.42 + 0.4 * bell["blush"]), self.skin * self.fixed(1.0, 0.66, 0.66))
            dots = None
            for i in range(4):
                across, down = bell[f"freckle_x{2 * i + (side > 0)}"], bell[f"freckle_y{2 * i + (side > 0)}"]
                x = self.x - self.face_x - side * (0.14 + 0.08 * i) - 0.05 * across
                dot = self.oval(x, self.y - self.y0 - 0.265 - 0.05 * (i % 2) - 0.04 * down, 0.025, 0.025)
                dots = dot if dots is None else torch.maximum(dots, dot)
            self.shade(dots.mul_(is_face), 0.4 * have)

    def eyes(self) -> None:
        bell, white, black = self.bell, self.fixed(0.99, 0.98, 0.97), self.fixed(0.08, 0.05, 0.08)
        iris = self.colour("eye_colour")
        large = 1 + 0.16 * bell["eye_size"]
        for side in (-1, 1):
            self.window(*((-0.58, 0.12) if side < 0 else (-0.12, 0.58)), -0.2, 0.38)
            far = 1 - 0.12 * side * self.turn  # the eye that is turned away is nearer and narrower
            x = self.x - self.face_x - side * (0.235 + 0.03 * bell["eye_x"]) * far
            y = self.y - self.y0 - 0.12 - 0.04 * bell["eye_y"]
            wide, high = 0.125 * large * far, (0.125 + 0.03 * bell["lid"]) * large
            eye = self.oval(x, y, wide, high)
            lid = self.oval(x, y + 0.022, wide * 1.16, high * 1.08)
            lash = torch.minimum(lid, 1 - self.oval(x, y - 0.03, wide * 1.1, high * 1.08))
            self.paint(eye, white)
            x, y = x - 0.03 * bell["gaze_x"] - 0.02 * self.turn, y - 0.012 - 0.02 * bell["gaze_y"]
            shadow = (0.78 + 2.2 * (y + 0.04).clamp(0, 0.2)).unsqueeze(1)
            self.paint(torch.minimum(self.oval(x, y, 0.088, 0.108), eye), iris * shadow)
            self.paint(torch.minimum(self.oval(x, y, 0.044, 0.058), eye), black)
            self.paint(self.oval(x + 0.034, y + 0.046, 0.034, 0.034), white)
            self.shine(self.oval(x - 0.036, y - 0.046, 0.02, 0.02), 0.7)
            x = self.x - self.face_x - side * 0.245 * far
            brow = 0.02 - 0.03 * bell["brow"] - 0.115 + side * 0.25 * bell["brow_tilt"] * x + 1.6 * x.square()
            brow = torch.minimum(self.band(self.y - self.y0, brow, 0.02), self.less(x.abs(), 0.12))
            self.paint(torch.maximum(lash, brow), self.dark)

    def nose(self) -> None:
        self.window(-0.3, 0.3, 0.15, 0.5)
        x = self.x - self.face_x - 0.05 * self.turn
        self.shade(self.oval(x, self.y - self.y0 - 0.305 - 0.03 * self.bell["nose"], 0.034, 0.024), 0.26)

    def mouth(self) -> None:
        bell = self.bell
        self.window(-0.4, 0.4, 0.25, 0.75)
        smile, opened = self.pick("smile", 0, 1), self.pick("open_mouth", 0, 1)
        x = self.x - self.face_x - 0.03 * bell["mouth_x"] - 0.02 * self.turn
        y = self.y - self.y0 - 0.43 - 0.03 * bell["mouth_y"]
        wide = 0.105 + 0.045 * smile - 0.02 * opened * (1 - smile) + 0.03 * bell["mouth_width"]
        arc = 1 - (x / wide).square()  # (N, 1, W): 1 in the middle, 0 at the corners
        lip = (0.085 * smile - 0.006 * (1 - smile) + 0.03 * bell["mouth_curve"]) * (arc - 0.5)
        gape = opened * (0.12 + 0.05 * bell["gape"]) * arc.clamp(0, 1)
        ends = self.less(x.abs(), wide)
        mouth = _both(self.less(lip - 0.017, y), self.less(y, lip + 0.017 + gape), ends)
        self.paint(mouth, self.skin * self.fixed(0.55, 0.25, 0.27))
        inside = _both(self.less(lip, y), self.less(y, lip + gape), ends).mul_(opened)
        tongue = torch.minimum(inside, self.oval(x, y - lip - 0.135, 0.08, 0.055))
        self.paint(tongue, self.fixed(0.93, 0.45, 0.47))
        self.paint(torch.minimum(inside, self.less(y, lip + 0.042)).mul_(smile), self.fixed(0.98, 0.97, 0.95))

    def glasses(self) -> None:
        bell, have = self.bell, self.pick("glasses", 0, 1)
        self.window(-0.72, 0.72, -0.12, 0.4)
        y = self.y - self.y0 - 0.12 - 0.04 * bell["eye_y"]
        square = torch.where(bell["lens"] < 0, 0.0, 1.0)
        wide, high = 0.185 + 0.03 * bell["lens"].abs(), 0.165 + 0.02 * bell["rim"]
        thick = 0.042 + 0.02 * bell["rim"]
        frame = torch.minimum(self.band(y, -0.02 + 0 * y, 0.016), self.less((self.x - self.x0).abs(), self.wide))
        for side in (-1, 1):
            x, far = self.x - self.face_x - side * 0.24 * (1 - 0.1 * side * self.turn), 1 - 0.1 * side * self.turn
            outer, inner = (
                torch.minimum(
                    self.oval(x, y, (wide * far + off) * (1 + 0.16 * square), (high + off) * (1 + 0.16 * square)),
                    torch.minimum(self.less(x.abs(), wide * far + off), self.less(y.abs(), high * 0.86 + off)).add_(
                        1 - square
                    ),
                )
                for off in (0.5 * thick, -0.5 * thick)
            )
            frame = torch.maximum(torch.minimum(frame, 1 - inner), torch.minimum(outer, 1 - inner))
            self.shine(inner.mul_(have), 0.14)
        metal = torch.where(bell["rim"].unsqueeze(1) < 0.1, self.fixed(0.16, 0.13, 0.17), self.fixed(0.62, 0.22, 0.18))
        self.paint(frame.mul_(have), metal)

    def hair_in_front(self) -> None:
        bell = self.bell
        self.window()
        x, y = self.x - self.x0 - 0.045 * self.turn, self.y - self.y0
        side = torch.where(bell["side"] < 0, -1.0, 1.0)
        parting = x - 0.12 * bell["part"]
        styles = (  # where the hair on the forehead ends, for each column
            -0.07 + 0.045 * _wave(2.6 * x + bell["part"]),
            (-0.24 + 0.5 * side * parting).clamp(-0.6, 0.1) + 0.03 * _wave(3 * x),
            (-0.50 + 1.35 * parting.abs()).clamp(-0.6, 0.12),
            -0.16 + 0.09 * _wave(2.8 * x + bell["part"]),
            -0.36 + 0.55 * x.square(),
        )
        cut = torch.cat(torch.broadcast_tensors(*styles), 1)  # (N, styles, W)
        which = self.value["hair_style"].view(-1, 1, 1).expand(-1, 1, self.size)
        cut = cut.gather(1, which) + 0.05 * bell["cut"]
        self.shade(torch.minimum(self.is_face, self.less(y, cut + 0.05)), 0.16)
        cap = self.cap(x, y)

        # Locks beside the face, as long as the hair; above the ears only within the hair on the head
        tips = self.length * 0.92 - 0.02
        lock = (0.075 + 0.03 * bell["volume"]) * (1.1 - 0.6 * (y / tips.clamp(min=0.3)).clamp(0, 1))
        lock = lock * (1 - 0.75 * self.pick("hair_style", 0, 0, 0, 0, 1))
        locks = self.band(x.abs(), self.wide + 0.03 - 0.04 * y.clamp(0, 1), lock)
        locks = _both(locks, self.less(y, tips), torch.maximum(cap, self.less(-y, 0.0)))

        front = torch.maximum(torch.minimum(cap, self.less(y, cut)), locks)
        self.paint(front, self.strands)
        self.window(-0.5, 0.5, -0.75, -0.1)
        x, y = x[:, :, self.across], y[:, self.down]
        gloss = -0.42 - 0.05 * bell["shine"] + 0.5 * x.square()
        gloss = self.band(y, gloss, 0.07 * _wave(2.7 * x + bell["strand"]) - 0.02)
        gloss = _both(gloss, self.less(x.abs(), 0.42), front[:, self.down, self.across])
        self.shine(gloss, 0.24 + 0.2 * bell["shine"])


def draw(table: Mapping[str, Tensor], noise: Tensor, size: int) -> Tensor:
    """Paint portraits.

    Args:
        table: as `attributes_of` returns it, int64 (N,) each.
        noise: float32 (N, len(NOISE)), as `noise_of` returns it, on the device to paint on.
        size: height and width in pixels.

    Returns:
        uint8 (N, 3, size, size).
    """
    portraits = _Portraits(table, noise, size)
    for layer in (
        *(portraits.background, portraits.hair_behind, portraits.body, portraits.ears, portraits.face),
        *(portraits.cheeks, portraits.eyes, portraits.nose, portraits.mouth),
        *(portraits.glasses, portraits.hair_in_front),
    ):
        layer()
    return portraits.image.mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8)


def render(integers: Tensor, size: int, device: torch.device | str = "cpu") -> Tensor:
    """Paint the portraits of many integers, in parts and on two threads.

    Args:
        integers: uint8 (N, DRAWS), from `lots`.
        size: height and width in pixels.
        device: where to paint, and where the pixels are afterwards.

    Returns:
        uint8 (N, 3, size, size); the parts and threads change the speed and nothing else.

    Raises:
        GanlibError: so many portraits of that size do not fit into memory.
    """
    device = torch.device(device)
    # On a CPU a part's layers should stay in the second-level cache; on an accelerator parts only bound the memory.
    chunk = max(1, (PART if device.type == "cpu" else 2**25) // size**2)
    try:
        pixels = torch.empty(len(integers), 3, size, size, dtype=torch.uint8, device=device)
    except RuntimeError:
        raise GanlibError(f"{len(integers):,} avatars of {size}×{size} pixels do not fit into the memory") from None

    def paint(here: slice) -> None:
        part = integers[here].to(device)
        pixels[here] = draw(attributes_of(part), noise_of(part), size)

    in_parts(len(integers), chunk, paint, device)
    return pixels


# -- captions ----------------------------------------------------------------------------------------------------------
LANGUAGES = ("en", "zh")
SAID = {
    phrase: (name, number)
    for name, values in ATTRIBUTES.items()
    for number, (_, *both) in enumerate(values)
    for phrase in both
}


def number(name: str, value: Any) -> int:
    """The number of an attribute's value.

    Args:
        name: one of `ATTRIBUTES`.
        value: its name (``"blue"``), its number, or True or False for an attribute that one has or has not.

    Raises:
        GanlibError: no such attribute or value.
    """
    if name not in ATTRIBUTES:
        raise unknown("attribute of avatars", name, ATTRIBUTES)
    names = [value[0] for value in ATTRIBUTES[name]]
    if isinstance(value, bool) and names == ["no", "yes"]:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return value
    if value not in names:
        raise unknown(f"{name} of avatars", value, names)
    return names.index(value)


def caption(chosen: Mapping[str, Any], lang: str = "en") -> str:
    """Attributes in words.

    Args:
        chosen: attribute → value, as `number` takes it; as many attributes as wanted.
        lang: ``"en"`` or ``"zh"``.

    Returns:
        E.g. ``"red eyes, blue hair, glasses"`` or “红色眼睛，蓝色头发，戴眼镜”, in the order given.

    Raises:
        GanlibError: no such attribute, value or language.
    """
    if lang not in LANGUAGES:
        raise unknown("language", lang, LANGUAGES)
    phrases = [ATTRIBUTES[name][number(name, value)][1 + LANGUAGES.index(lang)] for name, value in chosen.items()]
    return ("，" if lang == "zh" else ", ").join(phrases)


def phrases(text: str) -> list[str]:
    """What stands between a caption's commas, in small letters and with single spaces."""
    return [" ".join(phrase.lower().split()) for phrase in re.split("[,，、;；]", text)]


def parse(text: str) -> dict[str, int]:
    """The attributes that a caption names: the reverse of `caption`, in either language or both.

    Args:
        text: phrases of the vocabulary with commas between them.

    Returns:
        Attribute → number of its value, in the order of the text.

    Raises:
        GanlibError: a phrase outside the vocabulary, or two that contradict each other.
    """
    chosen: dict[str, int] = {}
    for phrase in phrases(text):
        if phrase not in SAID:
            near = difflib.get_close_matches(phrase, SAID, 3, 0.5)
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise GanlibError(
                f"{phrase!r} is not in the captions' vocabulary{hint or ', see ganlib.data.avatars.SAID'}"
            )
        name, value = SAID[phrase]
        if chosen.setdefault(name, value) != value:
            raise GanlibError(f"{text!r} gives two values for {name}; expected one")
    return chosen


def portrait(size: int = 128, seed: int = 0, **chosen: Any) -> Tensor:
    """One portrait with the attributes that are asked for; the rest is drawn by lot.

    Args:
        size: height and width in pixels, 16 to 256.
        seed: of everything that is not asked for.
        **chosen: attribute → value, as `number` takes it.

    Returns:
        uint8 (1, 3, size, size).

    Raises:
        GanlibError: no such attribute or value, or a size out of range.
    """
    integers = lots(1, torch.Generator().manual_seed(whole("seed", seed, 0, 2**31)))
    table = attributes_of(integers)
    table |= {name: torch.tensor([number(name, value)]) for name, value in chosen.items()}
    return draw(table, noise_of(integers), whole("size of avatars", size, 16, 256))


# -- the data set ------------------------------------------------------------------------------------------------------
def avatars(
    size: int = 64,
    split: str = "train",
    n: int | None = None,
    seed: int = 0,
    without: Sequence[tuple[str, Any]] = (),
    label: str = "hair_colour",
) -> Images:
    """Procedural portraits with a table of attributes, painted on this machine: no download.

    The same seed and split give the same portraits whatever `n` and `size`. The result is kept in the cache folder.

    Args:
        size: height and width in pixels, 16 to 256.
        split: ``"train"`` or ``"test"``, two streams of different draws.
        n: how many images; None for 20,000 (train) or 5,000 (test).
        seed: another number, another set of portraits; 0 or more.
        without: a combination to leave out: portraits that have all of these (attribute, value) pairs are not drawn,
            e.g. ``[("hair_length", "long"), ("glasses", True)]``.
        label: the attribute that serves as the class of an image.

    Returns:
        Images (n, 3, size, size) with int64 attributes, the names of whose values are in its `vocabulary`.

    Raises:
        GanlibError: a value out of range, an unknown split, attribute or value.
    """
    size, n, seed = drawn("avatars", size, 16, split, COUNTS, n, seed)
    if label not in ATTRIBUTES:
        raise unknown("attribute of avatars", label, ATTRIBUTES)
    left_out = dict(sorted(_pairs(without).items()))
    integers = _lots_without(n, torch.Generator().manual_seed(2 * seed + (split == "test")), left_out)
    table = attributes_of(integers)
    name = f"avatars-{VERSION}-{split}-{size}px-{n}-seed{seed}"
    name += "".join(f"-no_{key}_{value}" for key, value in left_out.items())
    pixels = cache.tensors(name, lambda: {"pixels": render(integers, size)})["pixels"]
    return Images(pixels, table[label].clone(), vocabulary()[label], "avatars", table, vocabulary())


def _pairs(without: Sequence[tuple[str, Any]]) -> dict[str, int]:
    if isinstance(without, str) or not all(isinstance(pair, Sequence) and len(pair) == 2 for pair in without):
        raise GanlibError(f"without must be a list of (attribute, value) pairs, not {without!r}")
    pairs = [(name, number(name, value)) for name, value in without]
    if len(dict(pairs)) < len(pairs):
        raise GanlibError(f"without names an attribute twice, so that no portrait can have all of it: {without!r}")
    return dict(pairs)


def _lots_without(n: int, generator: torch.Generator, left_out: dict[str, int]) -> Tensor:
    """The first n portraits of a stream that do not have all of the attributes left out."""
    if not left_out:
        return lots(n, generator)
    kept, count = [], 0
    while count < n:
        some = lots(1024, generator)  # always as many, so that the first ones do not depend on n
        table = attributes_of(some)
        has_all = torch.stack([table[name] == value for name, value in left_out.items()]).all(0)
        kept.append(some[~has_all])
        count += len(kept[-1])
    return torch.cat(kept)[:n]


def avatars_corner(
    size: int = 64, split: str = "train", n: int | None = None, seed: int = 0, label: str = "hair_colour"
) -> Images:
    """Those of the procedural portraits who do not have long hair and glasses at once (chapter 13).

    Two attributes that are independent among `avatars` depend on each other here.

    Args:
        size: height and width in pixels, 16 to 256.
        split: ``"train"`` or ``"test"``.
        n: how many images; None for 20,000 (train) or 5,000 (test).
        seed: another number, another set of portraits; 0 or more.
        label: the attribute that serves as the class of an image.

    Returns:
        Images (n, 3, size, size), as from `avatars`.

    Raises:
        GanlibError: as `avatars`.
    """
    return avatars(size, split, n, seed, CORNER, label)


DATASETS = {"avatars": avatars, "avatars-corner": avatars_corner}
