"""Figures of chapter 13, in both languages: ``python book/figures/13_stylegan.py [folder]``.

The warps are computed, not drawn: the maps of the page, and Rosenblatt's map onto a law whose corner empties.
"""

from __future__ import annotations

import math

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import FAKE, GRID, INK, JUDGE, REAL, SOFT
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon

from ganlib import labels, viz

WORDS = {
    "en": {
        "latent": "latents $u$",
        "tear": "one axis stays straight",
        "bend": "no tear",
        "hair": "hair length",
        "glasses": "glasses",
        "mapping": "mapping\n$f$, 8 layers",
        "synthesis": "synthesis $g$",
        "constant": "constant\n$4\\times4$",
        "conv": "convolution",
        "up": "enlarge, convolve, blur",
        "adain": "AdaIN",
        "rgb": "to RGB",
        "style": "$A_l$",
        "noise": "noise",
        "gain": "gain",
        "frequency": r"frequency $\omega$ of the small map",
        "wave": "the wave itself",
        "image": "its false image",
        "nearest": "nearest",
        "blurred": "nearest, then blur",
        "signal": "one row, enlarged both ways",
        "law": "law of $w$, shortened",
        "mean": r"$\bar w$",
        "fd": "Fréchet distance to the data",
        "psi": r"$\psi$",
        "wide": "model {:g} times as wide",
        "ratio": "PPL / twice the variance",
        "bent": "independent latents: whole path",
        "straight": r"the pair itself as $w$",
        "ends": "independent latents: starts only",
        "information": "$I(a;b)$",
        "left": "density left in the corner",
        "density": "density left in the corner: {:.2f}",
    },
    "zh": {
        "latent": "隐变量 $u$",
        "tear": "一条轴保持笔直",
        "bend": "没有撕裂",
        "hair": "头发长度",
        "glasses": "眼镜",
        "mapping": "映射网络\n$f$，8 层",
        "synthesis": "合成网络 $g$",
        "constant": "常数\n$4\\times4$",
        "conv": "卷积",
        "up": "放大、卷积、模糊",
        "adain": "AdaIN",
        "rgb": "转为 RGB",
        "style": "$A_l$",
        "noise": "噪声",
        "gain": "增益",
        "frequency": r"小图的频率 $\omega$",
        "wave": "波本身",
        "image": "它的镜像",
        "nearest": "最近邻",
        "blurred": "最近邻再模糊",
        "signal": "一行像素，两种放大",
        "law": "$w$ 的分布，截断后",
        "mean": r"$\bar w$",
        "fd": "到数据的 Fréchet 距离",
        "psi": r"$\psi$",
        "wide": "宽度为数据的 {:g} 倍",
        "ratio": "PPL / 两倍方差",
        "bent": "独立的隐变量：整条路径",
        "straight": r"这一对属性本身作 $w$",
        "ends": "独立的隐变量：只在起点",
        "information": "$I(a;b)$",
        "left": "角上剩余的密度",
        "density": "角上剩余的密度：{:.2f}",
    },
}
CORNER = 0.55


def bent(u: np.ndarray, s: float) -> np.ndarray:
    """The square onto {min(a, b) ≤ s}, continuously: (…, 2) → (…, 2)."""
    v = 1 - np.sqrt(1 - s * (2 - s) * u[..., 0])
    along = 2 * (1 - v) * u[..., 1]
    down = u[..., 1] <= 0.5
    return np.stack([np.where(down, v, 2 * v - 1 + along), np.where(down, 1 - along, v)], -1)


def rosenblatt(u: np.ndarray, s: float) -> np.ndarray:
    area = s * (2 - s)
    a = np.where(u[..., 0] <= s / area, area * u[..., 0], s + (area * u[..., 0] - s) / s)
    return np.stack([a, np.where(a <= s, u[..., 1], s * u[..., 1])], -1)


def shape(ax: Axes, s: float) -> None:
    """The axes of the two factors, with what they cannot be."""
    ax.add_patch(
        Polygon([(s, s), (1, s), (1, 1), (s, 1)], closed=True, fc="none", ec=SOFT, lw=0.9, hatch="///", alpha=0.5)
    )
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal", xticks=(), yticks=())


def lines(ax: Axes, warp, tear: float | None = None) -> None:
    """Where a grid of the square goes; a curve is broken where the map jumps."""
    t = np.linspace(0, 1, 801)
    for value in np.linspace(0.05, 0.95, 10):
        for first, colour in ((True, REAL), (False, FAKE)):
            path = np.stack([np.full_like(t, value), t] if first else [t, np.full_like(t, value)], -1)
            made = warp(path)
            if not first and tear is not None:
                made[np.abs(t - tear).argmin()] = np.nan
            ax.plot(*made.T, color=colour, lw=1.5, alpha=0.9)


def corner(words: dict[str, str]) -> plt.Figure:
    """The square of two independent latents, and two maps of it onto the square without a corner."""
    figure, axes = plt.subplots(1, 3, figsize=(6.9, 2.9), layout="constrained")
    rng = np.random.default_rng(2)
    dots = rng.random((350, 2))
    s = CORNER
    maps = (("latent", lambda u: u.copy(), None), ("tear", lambda u: rosenblatt(u, s), 1 / (2 - s)))
    maps += (("bend", lambda u: bent(u, s), None),)
    for ax, (name, warp, tear) in zip(axes, maps, strict=True):
        if name != "latent":
            shape(ax, s)
        ax.plot(*warp(dots).T, "o", ms=2.6, mew=0, color=SOFT, alpha=0.65)
        lines(ax, warp, tear)
        ax.set(title=words[name], xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal", xticks=(), yticks=())
        ax.set(xlabel="$u_1$" if name == "latent" else words["hair"])
        ax.set(ylabel="$u_2$" if name == "latent" else words["glasses"])
    return figure


# --------------------------------------------------------------------------------------- the emptying corner

SIDE = 481
EDGES = np.linspace(0, 1, SIDE)
RAMP = np.clip((EDGES - CORNER + 0.1) / 0.2, 0, 1)
RAMP = RAMP * RAMP * (3 - 2 * RAMP)


def law(left: float) -> np.ndarray:
    """Density of (a, b) on the grid, the corner thinned out to the share ``left``."""
    p = 1 - (1 - left) * np.outer(RAMP, RAMP)
    weight = np.ones(SIDE)
    weight[[0, -1]] = 0.5
    return p / (p * np.outer(weight, weight)).sum() * (SIDE - 1) ** 2


def cumulative(p: np.ndarray) -> np.ndarray:
    """Distribution function along the last axis, from 0 to 1, by trapezia."""
    c = np.concatenate([np.zeros((*p.shape[:-1], 1)), np.cumsum((p[..., 1:] + p[..., :-1]) / 2, -1)], -1)
    return c / c[..., -1:]


def warped(p: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Rosenblatt's map of the uniform square onto the density p: (N, 2) → (N, 2)."""
    weight = np.ones(SIDE)
    weight[[0, -1]] = 0.5
    a = np.interp(u[:, 0], cumulative((p * weight).sum(1)), EDGES)
    place = a * (SIDE - 1)
    row = np.clip(place.astype(int), 0, SIDE - 2)
    share = (place - row)[:, None]
    rows = cumulative((1 - share) * p[row] + share * p[row + 1])
    b = np.array([np.interp(v, c, EDGES) for v, c in zip(u[:, 1], rows, strict=True)])
    return np.stack([a, b], 1)


def information(p: np.ndarray) -> float:
    """I(a; b) in nats."""
    weight = np.ones(SIDE)
    weight[[0, -1]] = 0.5
    cell = np.outer(weight, weight) / (SIDE - 1) ** 2
    product = np.outer((p * weight).sum(1), (p * weight).sum(0)) / (SIDE - 1) ** 2
    ratio = np.where(p > 0, p / product, 1)
    return float((cell * p * np.log(ratio)).sum())


LEFT = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.0)


def empty(words: dict[str, str], lang: str) -> viz.Player:
    """The corner of a uniform law empties: what becomes of the grid, and of the independence of the axes."""
    fine = np.linspace(0, 1, 41)
    known = [information(law(left)) for left in fine]
    rng = np.random.default_rng(5)
    dots, t = rng.random((500, 2)), np.linspace(0, 1, 241)
    frames = []
    for left in LEFT:
        figure, (one, two) = plt.subplots(1, 2, figsize=(6.4, 3.2), dpi=96, layout="constrained", width_ratios=(1.1, 1))
        p = law(left)
        one.plot(*warped(p, dots).T, "o", ms=2.8, mew=0, color=SOFT, alpha=0.6)
        for value in np.linspace(0.05, 0.95, 10):
            one.plot(*warped(p, np.stack([np.full_like(t, value), t], 1)).T, color=REAL, lw=1.3)
            one.plot(*warped(p, np.stack([t, np.full_like(t, value)], 1)).T, color=FAKE, lw=1.3)
        one.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xticks=(), yticks=())
        one.set(xlabel=words["hair"], ylabel=words["glasses"])
        two.plot(fine, known, color=JUDGE, lw=2.2)
        two.plot(left, information(p), "o", color=INK, ms=9)
        two.set(title=words["information"], xlabel=words["left"], xlim=(1.04, -0.04), ylim=(-0.006, 0.15))
        two.set(xticks=(1, 0.5, 0), yticks=(0, 0.05, 0.1, 0.15))
        two.grid(color=GRID, lw=0.8)
        frames.append((left, figure))
        plt.close(figure)
    labels.use(lang)
    return viz.player(frames, caption=lambda left: words["density"].format(left), seconds=9)


# --------------------------------------------------------------------------------------- the network


def box(ax: Axes, x: float, y: float, text: str, colour: str, width: float = 2.3, height: float = 0.62) -> None:
    patch = FancyBboxPatch(
        (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0.02,rounding_size=0.12", fc=colour + "1c"
    )
    patch.set(ec=colour, lw=1.5)
    ax.add_patch(patch)
    ax.text(x, y, text, ha="center", va="center", fontsize=11.5, color=INK, linespacing=1.25)


def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK) -> None:
    ax.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color=colour, lw=1.4, shrinkA=0, shrinkB=0)
    )


def network(words: dict[str, str]) -> plt.Figure:
    """Mapping network, affine maps, and the first two resolutions of the synthesis network."""
    figure, ax = plt.subplots(figsize=(6.4, 6.2), layout="constrained")
    ax.set(xlim=(-3.6, 4.5), ylim=(-9.05, 1.0))
    ax.axis("off")
    box(ax, -2.4, 0.65, "$z\\ /\\ $rms", SOFT, 1.7)
    box(ax, -2.4, -0.4, words["mapping"], REAL, 1.9, 0.86)
    ax.text(-2.75, -1.2, "$w$", ha="center", va="center", fontsize=15)
    arrow(ax, (-2.4, 0.32), (-2.4, 0.06))
    ax.plot((-2.4, -2.4), (-0.85, -7.3), color=INK, lw=1.4)
    steps = [
        ("constant", -0.1, JUDGE),
        (None, -0.95, None),
        ("adain", -1.75, FAKE),
        ("conv", -2.6, JUDGE),
        (None, -3.35, None),
    ]
    steps += [("adain", -4.05, FAKE), ("up", -4.95, JUDGE), (None, -5.7, None), ("adain", -6.4, FAKE)]
    last = None
    ax.text(1.2, 0.72, words["synthesis"], ha="center", va="center", color=JUDGE)
    for name, y, colour in steps:
        if name is None:
            ax.text(1.2, y, "$+$", ha="center", va="center", fontsize=15)
            ax.text(3.75, y, words["noise"], ha="center", va="center", fontsize=11.5)
            ax.text(2.65, y + 0.26, "$B_k$", ha="center", va="center", fontsize=11, color=SOFT)
            arrow(ax, (3.2, y), (1.45, y), SOFT)
            half = 0.2
        else:
            tall = 0.9 if name == "constant" else 0.62
            box(ax, 1.2, y, words[name], colour, 2.9 if name == "up" else 2.3, tall)
            half = tall / 2 + 0.02
            if name == "adain":
                ax.plot((-2.4, -1.75), (y, y), color=INK, lw=1.4)
                box(ax, -1.35, y, words["style"], REAL, 0.75, 0.5)
                arrow(ax, (-0.95, y), (0.03, y))
                ax.text(-0.47, y + 0.3, "$y$", ha="center", va="center", fontsize=12)
        if last is not None:
            arrow(ax, (1.2, last), (1.2, y + half))
        last = y - half
    ax.plot((-2.4, -2.4), (-7.15, -7.75), color=INK, lw=1.4, ls=":")
    ax.plot((1.2, 1.2), (last, -7.6), color=INK, lw=1.4, ls=":")
    box(ax, 1.2, -8.0, words["rgb"], JUDGE, 2.3)
    return figure


# --------------------------------------------------------------------------------------- the blur


def blur(words: dict[str, str]) -> plt.Figure:
    """Gains of a wave and of its false image when a map is enlarged; and one row, enlarged both ways."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 3.7), layout="constrained")
    omega = np.linspace(0, math.pi, 200)
    for power, name, colour in ((1, "nearest", FAKE), (3, "blurred", REAL)):
        left.plot(omega, np.cos(omega / 4) ** power, color=colour, lw=2.3, label=f"{words[name]}")
        left.plot(omega, np.sin(omega / 4) ** power, color=colour, lw=2.3, ls="--")
    left.text(0.25, 1.06, words["wave"], fontsize=11, color=SOFT, va="bottom")
    left.text(1.5, 0.47, words["image"], fontsize=11, color=SOFT, ha="right")
    left.set(title=words["gain"], xlabel=words["frequency"], xlim=(0, math.pi), ylim=(0, 1.2), yticks=(0, 0.5, 1))
    left.set_xticks((0, math.pi / 2, math.pi), ("0", r"$\pi/2$", r"$\pi$"))
    left.grid(color=GRID, lw=0.8)
    x = np.array([0.2, 0.9, 0.75, 0.1, 0.35, 0.6, 0.55])
    near = np.repeat(x, 2)
    padded = np.pad(near, 1, mode="edge")
    smooth = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    place = (np.arange(len(near)) + 0.5) / 2 - 0.5
    right.plot(place, near, "o-", color=FAKE, lw=1.3, ms=5, drawstyle="steps-mid")
    right.plot(place, smooth, "s-", color=REAL, lw=1.8, ms=4.5)
    right.plot(np.arange(len(x)), x, "x", color=INK, ms=9, mew=2, zorder=5)
    right.set(title=words["signal"], ylim=(0, 1.05), yticks=(), xticks=range(len(x)))
    right.spines["left"].set_visible(False)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


# --------------------------------------------------------------------------------------- truncation and lengths


def truncation(words: dict[str, str]) -> plt.Figure:
    """A law of w pulled to its mean; and the Fréchet distance of models that are too wide."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 3.6), layout="constrained")
    rng = np.random.default_rng(4)
    s = 0.25
    w = bent(rng.random((500, 2)), s)
    mean = np.full(2, (1 + s - s * s) / (2 * (2 - s)))
    shape(left, s)
    for psi, colour, size in ((1.0, SOFT, 3.0), (0.7, REAL, 3.2), (0.4, FAKE, 3.4)):
        left.plot(*(mean + psi * (w - mean)).T, "o", color=colour, ms=size, mew=0, alpha=0.75, label=rf"$\psi={psi:g}$")
    left.plot(*mean, "*", color=INK, ms=14)
    left.annotate(words["mean"], mean, (9, 5), textcoords="offset points", fontsize=14)
    left.set(title=words["law"], xlabel=words["hair"], ylabel=words["glasses"])
    left.legend(loc="upper right", handletextpad=0.1, fontsize=11)
    psi = np.linspace(0, 1.1, 221)
    for wide, colour, style in ((1.0, SOFT, "-"), (1.25, REAL, "--"), (1.6, FAKE, "-.")):
        right.plot(psi, (psi * wide - 1) ** 2, color=colour, ls=style, lw=2.3, label=words["wide"].format(wide))
        right.plot(1 / wide, 0, "o", color=colour, ms=7, clip_on=False, zorder=4)
    right.set(title=words["fd"], xlabel=words["psi"], xlim=(0, 1.1), ylim=(0, 1), yticks=(0, 0.5, 1))
    right.set_xticks((0, 0.5, 1))
    right.grid(color=GRID, lw=0.8)
    right.legend(loc="upper right", fontsize=11)
    return figure


def lengths(words: dict[str, str]) -> plt.Figure:
    """Path length over its least value while the corner empties, for Rosenblatt's map and for w itself."""
    figure, ax = plt.subplots(figsize=(6.0, 3.7), layout="constrained")
    rng = np.random.default_rng(0)
    n, eps = 6000, 2e-3  # a step well above the rounding of the tables
    one, two = rng.random((2, n, 2))
    t = (rng.permutation(n)[:, None] + 0.5) / n * (1 - eps)
    left, full, ends = np.array((1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.0)), [], []
    for share in left:
        p = law(share)
        least = ((warped(p, two) - warped(p, one)) ** 2).sum(1).mean()
        for found, at in ((full, t), (ends, 0 * t)):
            step = warped(p, one + (at + eps) * (two - one)) - warped(p, one + at * (two - one))
            found.append((step**2).sum(1).mean() / eps**2 / least)
    ax.plot(left, full, "o-", color=FAKE, lw=2, ms=5, label=words["bent"])
    ax.plot(left, ends, "s--", color=REAL, lw=1.6, ms=4.5, label=words["ends"])
    ax.axhline(1, color=SOFT, lw=2, ls=":", label=words["straight"])
    ax.set(title=words["ratio"], xlabel=words["left"], xlim=(1.03, -0.03), xticks=(1, 0.5, 0))
    ax.grid(color=GRID, lw=0.8)
    figure.legend(loc="outside lower center", ncols=1)
    return figure


FIGURES = {
    "corner": corner,
    "network": network,
    "blur": blur,
    "truncation": truncation,
    "lengths": lengths,
}
PLAYERS = {"empty": empty}

if __name__ == "__main__":
    drawing.write("13-stylegan", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"13-stylegan-{name}-{language}.png")
