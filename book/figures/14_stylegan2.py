"""Figures of chapter 14, in both languages: ``python book/figures/14_stylegan2.py [folder]``.

Everything is computed in closed form or by quadrature; nothing is trained.
"""

from __future__ import annotations

import math

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import FAKE, GRID, INK, JUDGE, REAL, SOFT
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

import ganlib
from ganlib import labels, viz

WORDS = {
    "en": {
        "before": "StyleGAN",
        "after": "StyleGAN2",
        "conv": "conv 3×3",
        "noise": "noise, bias",
        "norm": "normalise",
        "modulate": r"scale, shift",
        "scale": r"scale by $s$",
        "demodulate": r"demodulate",
        "style": r"$A_l$",
        "plain": "without a spike",
        "spiked": "with a spike",
        "row": "one row of the normalised map",
        "passes": "what gets through",
        "height": r"height of the spike, $h/\sigma$",
        "pixels": r"$M={}$",
        "fates": "variance behind the demodulation",
        "kinds": ("independent", "smooth in space", "channels alike", "enlarged"),
        "fresh": "fresh weights",
        "biased": "weights of one sign",
        "penalty": r"penalty that is left, in $a^2$",
        "alive": "number of equal singular values",
        "radius": r"distance $r$ from the centre",
        "values": "singular values of $J_w$",
        "start": "twisted",
        "end": "untwisted",
        "contribution": "contributions of the resolutions to one picture",
        "sum": "sum",
        "first": "A",
        "second": "B",
        "ratio": "path length / least",
        "cost": "path-length penalty",
        "step": "step",
        "caption": "step {:d}: path length {:.2f} times the least",
    },
    "zh": {
        "before": "StyleGAN",
        "after": "StyleGAN2",
        "conv": "卷积 3×3",
        "noise": "噪声、偏置",
        "norm": "归一化",
        "modulate": "缩放、平移",
        "scale": r"乘以 $s$",
        "demodulate": "解调",
        "style": r"$A_l$",
        "plain": "没有尖峰",
        "spiked": "有尖峰",
        "row": "归一化之后的一行",
        "passes": "通过的部分",
        "height": r"尖峰的高度 $h/\sigma$",
        "pixels": r"$M={}$",
        "fates": "解调之后的方差",
        "kinds": ("独立", "空间上光滑", "通道相似", "放大过"),
        "fresh": "初始权重",
        "biased": "同号的权重",
        "penalty": r"剩下的惩罚，以 $a^2$ 计",
        "alive": "相等的奇异值个数",
        "radius": r"到中心的距离 $r$",
        "values": "$J_w$ 的奇异值",
        "start": "扭转",
        "end": "解开",
        "contribution": "各分辨率对一幅图像的贡献",
        "sum": "和",
        "first": "A",
        "second": "B",
        "ratio": "路径长度 / 最小值",
        "cost": "路径长度惩罚",
        "step": "步",
        "caption": "第 {:d} 步：路径长度为最小值的 {:.2f} 倍",
    },
}


# --------------------------------------------------------------------------------------- the two layers


def box(ax: Axes, x: float, y: float, text: str, colour: str, width: float = 2.3, height: float = 0.62) -> None:
    patch = FancyBboxPatch(
        (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0.02,rounding_size=0.12", fc=colour + "1c"
    )
    patch.set(ec=colour, lw=1.5)
    ax.add_patch(patch)
    ax.text(x, y, text, ha="center", va="center", fontsize=12, color=INK)


def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK) -> None:
    ax.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=12, color=colour, lw=1.4, shrinkA=0, shrinkB=0)
    )


def layer(words: dict[str, str]) -> plt.Figure:
    """One layer of StyleGAN and one of StyleGAN2, with what each style block contains."""
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 4.4), layout="constrained")
    plans = {
        "before": (("modulate", FAKE), ("conv", JUDGE), ("noise", SOFT), ("norm", FAKE)),
        "after": (("scale", FAKE), ("conv", JUDGE), ("demodulate", FAKE), ("noise", SOFT)),
    }
    for ax, (name, steps) in zip(axes, plans.items(), strict=True):
        ax.set(xlim=(-2.7, 1.9), ylim=(-4.1, 1.0), title=words[name])
        ax.axis("off")
        # what lies between scaling and normalising is what the style can change the proportions of
        ax.add_patch(Rectangle((-1.4, -3.52 if name == "before" else -2.52), 2.8, 4.0 if name == "before" else 3.0))
        ax.patches[-1].set(fc="#f1f5f9", ec=SOFT, lw=0.8, ls="--")
        for k, (step, colour) in enumerate(steps):
            y = -1.0 * k
            box(ax, 0, y, words[step], colour)
            arrow(ax, (0, y + 0.68 if k else y + 0.85), (0, y + 0.34))
        arrow(ax, (0, -3.33), (0, -4.0))
        reach = (0, 2) if name == "after" else (0,)
        for k in reach:
            arrow(ax, (-1.95, -1.0 * k), (-1.18, -1.0 * k), REAL)
        if name == "after":
            ax.plot((-1.95, -1.95), (0, -2), color=REAL, lw=1.4)
        box(ax, -2.2, 0, words["style"], REAL, 0.75, 0.5)
    return figure


# --------------------------------------------------------------------------------------- spikes


def spike(words: dict[str, str]) -> plt.Figure:
    """A row of a normalised map with and without one loud pixel; and how much of the rest gets through."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.9, 3.6), layout="constrained")
    rng = np.random.default_rng(3)
    side = 32
    grid = np.linspace(0, 2 * math.pi, side, endpoint=False)
    field = (
        np.sin(2 * grid)[:, None] * np.cos(grid)[None]
        + 0.6 * np.cos(3 * grid)[None]
        + 0.3 * rng.normal(size=(side, side))
    )
    field = (field - field.mean()) / field.std()
    loud = field.copy()
    loud[15, 20] += 120
    scaled = (loud - loud.mean()) / loud.std()
    left.plot(field[15], color=REAL, lw=2, label=words["plain"])
    left.plot(scaled[15], color=FAKE, lw=2, label=words["spiked"])
    left.annotate(f"{scaled.max():.0f}", (20, 4.3), (22.5, 4.0), color=FAKE)
    left.set(title=words["row"], ylim=(-3, 4.6), xticks=(), yticks=(-2, 0, 2, 4))
    left.grid(color=GRID, lw=0.8)
    h = np.geomspace(1, 3000, 200)
    for pixels, colour in ((16, SOFT), (1024, FAKE), (4096, REAL), (1 << 20, JUDGE)):
        rho = 1 / pixels
        right.plot(h, 1 / np.sqrt(1 + rho * (1 - rho) * h**2), color=colour, lw=2.2)
        name = words["pixels"].format({16: "4^2", 1024: "32^2", 4096: "64^2", 1 << 20: "1024^2"}[pixels])
        place = {16: 30, 1024: 170, 4096: 700, 1 << 20: 800}[pixels]
        value = 1 / math.sqrt(1 + rho * (1 - rho) * place**2)
        side = {16: "right", 1024: "right", 4096: "left", 1 << 20: "left"}[pixels]
        right.annotate(name, (place, value), (-5 if side == "right" else 5, -6 if side == "right" else 5), ha=side)
        right.texts[-1].set(color=colour, fontsize=11)
        right.texts[-1].set_anncoords("offset points")
    right.set(
        title=words["passes"], xlabel=words["height"], xscale="log", yscale="log", ylim=(0.01, 1.7), xlim=(1, 5000)
    )
    right.grid(color=GRID, lw=0.8)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


# --------------------------------------------------------------------------------------- variances


def variance(words: dict[str, str]) -> plt.Figure:
    """Variance of an output behind the demodulation, for 150 draws of weights and four laws of the inputs."""
    figure, ax = plt.subplots(figsize=(6.7, 3.9), layout="constrained")
    rng = np.random.default_rng(0)
    channels, taps = 16, 9
    at = np.stack(np.meshgrid(range(3), range(3), indexing="ij"), -1).reshape(9, 2)
    near = 0.8 ** np.abs(at[:, None] - at[None]).sum(-1)
    lines = np.zeros((3, 4))  # three neighbouring pixels of a bilinear enlargement, from white noise
    for i, row in enumerate(((0.75, 0.25, 0, 0), (0.25, 0.75, 0, 0), (0, 0.75, 0.25, 0))):
        lines[i] = row
    both = np.kron(lines @ lines.T, lines @ lines.T)
    laws = (
        np.eye(channels * taps),
        np.kron(np.eye(channels), near),
        np.kron(np.ones((channels, channels)) * 0.5 + 0.5 * np.eye(channels), np.eye(taps)),
        np.kron(np.eye(channels), both),
    )
    for k, law in enumerate(laws):
        for shift, colour, positive in ((-0.16, REAL, False), (0.16, FAKE, True)):
            a = rng.normal(size=(150, channels * taps))
            if positive:
                a = np.abs(a)
            value = np.einsum("ki,ij,kj->k", a, law, a) / (a**2).sum(1)
            ax.plot(k + shift + 0.1 * (rng.random(150) - 0.5), value, "o", ms=3.2, mew=0, color=colour, alpha=0.45)
            ax.plot([k + shift - 0.1, k + shift + 0.1], [value.mean()] * 2, color=INK, lw=2)
    ax.axhline(1, color=SOFT, lw=1.2, ls=":")
    ax.set(title=words["fates"], yscale="log", xlim=(-0.5, 3.5), ylim=(0.2, 10))
    ax.set_xticks(range(4), words["kinds"])
    ax.set_yticks((0.2, 0.5, 1, 2, 5, 10), ("0.2", "0.5", "1", "2", "5", "10"))
    ax.minorticks_off()
    ax.grid(color=GRID, lw=0.8, axis="y")
    ax.plot([], [], "o", color=REAL, label=words["fresh"])
    ax.plot([], [], "o", color=FAKE, label=words["biased"])
    figure.legend(loc="outside lower center", ncols=2)
    return figure


# --------------------------------------------------------------------------------------- a disc that is twisted

RADII = np.sqrt((np.arange(80) + 0.5) / 80)  # the square of the radius is uniform on [0, 1]
ANGLES = (np.arange(48) + 0.5) / 48 * math.pi
START = np.array([0.0, 3.2, 1.2, -0.6])


def twist(theta: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Angle by which the circle of radius r is turned."""
    return sum(t * (1 - r**2) ** k for k, t in enumerate(theta))


def shear(theta: np.ndarray, r: np.ndarray) -> np.ndarray:
    """r times the derivative of the angle: the shear of the map."""
    return sum(-2 * k * t * r**2 * (1 - r**2) ** (k - 1) for k, t in enumerate(theta) if k)


def singular(theta: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both singular values; their product is 1, since areas are kept."""
    q = np.abs(shear(theta, r))
    large = (np.sqrt(4 + q**2) + q) / 2
    return large, 1 / large


def moments(theta: np.ndarray) -> tuple[float, float]:
    """Mean and mean square of ‖Jᵀy‖ over w uniform in the disc and y ~ N(0, I)."""
    one, two = singular(theta, RADII)
    length = np.sqrt((one[:, None] * np.cos(ANGLES)) ** 2 + (two[:, None] * np.sin(ANGLES)) ** 2)
    return math.sqrt(math.pi / 2) * float(length.mean()), float((one**2 + two**2).mean())


def untwist(steps: int = 400, rate: float = 0.03) -> list[tuple[np.ndarray, float, float]]:
    """Gradient descent on (‖Jᵀy‖ − a)², a following the mean: parameters, penalty and a at every step."""
    theta, out = START.copy(), []
    a = moments(theta)[0]
    for _ in range(steps + 1):
        mean, square = moments(theta)
        out.append((theta.copy(), square - 2 * a * mean + a * a, a))
        slope = np.zeros_like(theta)
        for k in range(len(theta)):
            e = np.zeros_like(theta)
            e[k] = 1e-4
            (m1, s1), (m0, s0) = moments(theta + e), moments(theta - e)
            slope[k] = (s1 - s0 - 2 * a * (m1 - m0)) / 2e-4
        theta = theta - rate * slope
        a += 0.01 * (mean - a)
    return out


def points(theta: np.ndarray, w: np.ndarray) -> np.ndarray:
    angle = twist(theta, np.hypot(w[..., 0], w[..., 1]))
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * w[..., 0] - s * w[..., 1], s * w[..., 0] + c * w[..., 1]], -1)


def disc(rng: np.random.Generator, n: int) -> np.ndarray:
    r, phi = np.sqrt(rng.random(n)), 2 * math.pi * rng.random(n)
    return np.stack([r * np.cos(phi), r * np.sin(phi)], -1)


def ratio(theta: np.ndarray, n: int = 40_000) -> float:
    """Path length along straight lines over twice the variance, which is 1/2 for both coordinates together."""
    rng = np.random.default_rng(0)
    one, two, t = disc(rng, n), disc(rng, n), rng.random((n, 1))
    step = points(theta, one + (t + 1e-4) * (two - one)) - points(theta, one + t * (two - one))
    return float((step**2).sum(1).mean() / 1e-8 / ((two - one) ** 2).sum(1).mean())


SHOWN = (0, 3, 8, 16, 30, 50, 80, 120, 180, 260, 400)


def even(words: dict[str, str], lang: str, path: list[tuple[np.ndarray, float, float]]) -> viz.Player:
    """The regulariser untwists a disc, whose law is the same all the time."""
    ratios = {k: ratio(path[k][0]) for k in SHOWN}
    circle, line = np.linspace(0, 2 * math.pi, 240), np.linspace(0, 1, 120)
    dots = disc(np.random.default_rng(5), 260)
    frames = []
    for k in SHOWN:
        theta = path[k][0]
        figure, (one, two) = plt.subplots(
            1, 2, figsize=(6.4, 3.2), dpi=96, layout="constrained", width_ratios=(1, 1.05)
        )
        one.plot(*points(theta, dots).T, "o", ms=2.6, mew=0, color=SOFT, alpha=0.6)
        for r in (0.25, 0.5, 0.75, 1):
            one.plot(*points(theta, r * np.stack([np.cos(circle), np.sin(circle)], -1)).T, color=FAKE, lw=1.2)
        for phi in np.arange(12) * math.pi / 6:
            spoke = line[:, None] * np.array([math.cos(phi), math.sin(phi)])
            one.plot(*points(theta, spoke).T, color=REAL, lw=1.4)
        one.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", xticks=(), yticks=())
        for side in one.spines.values():
            side.set_visible(False)
        seen = [s for s in SHOWN if s <= k]
        two.plot(range(401), [p[1] for p in path], color=JUDGE, lw=1.4, alpha=0.35)
        two.plot(range(k + 1), [p[1] for p in path[: k + 1]], color=JUDGE, lw=2.4, label=words["cost"])
        two.plot(seen, [ratios[s] for s in seen], "o-", color=FAKE, ms=5, lw=1.6, label=words["ratio"])
        two.axhline(1, color=FAKE, lw=1, ls=":")
        two.set(xlabel=words["step"], xlim=(-8, 408), ylim=(0, 9.4), xticks=(0, 200, 400), yticks=(0, 1, 3, 6, 9))
        two.grid(color=GRID, lw=0.8)
        two.legend(loc="upper right", fontsize=11)
        frames.append(((k, ratios[k]), figure))
        plt.close(figure)
    labels.use(lang)
    return viz.player(frames, caption=lambda at: words["caption"].format(*at), seconds=9)


def spectrum(words: dict[str, str]) -> plt.Figure:
    """What the penalty leaves if only some singular values are not zero; and those of the twisted disc."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.9, 3.6), layout="constrained")
    k = np.arange(1, 513)
    mean = np.array([math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2)) for n in k])
    left.plot(k, 1 - mean**2 / k, color=REAL, lw=2.3)
    left.plot(k, 1 / (2 * k), color=SOFT, lw=1.4, ls=":")
    for n in (1, 16, 256, 512):
        value = 1 - mean[n - 1] ** 2 / n
        left.plot(n, value, "o", color=FAKE, ms=6, zorder=4)
        left.annotate(
            f"{value:.4f}" if n > 1 else f"{value:.2f}", (n, value), (8, 1), textcoords="offset points", fontsize=11
        )
    left.set(
        title=words["penalty"], xlabel=words["alive"], xscale="log", yscale="log", ylim=(4e-4, 1.2), xlim=(0.8, 4000)
    )
    left.grid(color=GRID, lw=0.8)
    r = np.linspace(0, 1, 200)
    path = untwist()
    for at, colour, style in ((0, FAKE, "-"), (30, SOFT, "--"), (400, REAL, "-")):
        one, two = singular(path[at][0], r)
        name = words["start"] if at == 0 else words["end"] if at == 400 else None
        right.plot(r, one, color=colour, ls=style, lw=2.2, label=name)
        right.plot(r, two, color=colour, ls=style, lw=2.2)
    right.set(title=words["values"], xlabel=words["radius"], yscale="log", xlim=(0, 1), ylim=(0.12, 8))
    right.set_yticks((0.2, 0.5, 1, 2, 5), ("0.2", "0.5", "1", "2", "5"))
    right.minorticks_off()
    right.grid(color=GRID, lw=0.8)
    right.legend(fontsize=11, loc="upper left")
    return figure


# --------------------------------------------------------------------------------------- shares


def enlarge(x: np.ndarray) -> np.ndarray:
    """Twofold, bilinear, (C, H, W) → (C, 2H, 2W); at the border the outermost value goes on."""
    for axis in (1, 2):
        lower = np.concatenate([x.take([0], axis), x.take(range(x.shape[axis] - 1), axis)], axis)
        upper = np.concatenate([x.take(range(1, x.shape[axis]), axis), x.take([-1], axis)], axis)
        x = np.stack([0.25 * lower + 0.75 * x, 0.75 * x + 0.25 * upper], axis + 1)
        shape = list(x.shape)
        shape[axis : axis + 2] = [shape[axis] * 2]
        x = x.reshape(shape)
    return x


def shares(words: dict[str, str]) -> plt.Figure:
    """One picture as the sum of contributions, in two ways with different shares."""
    image = ganlib.load("avatars", size=32, n=8).pixels[5].numpy() / 127.5 - 1
    levels = [image]
    for _ in range(3):
        c, h, w = levels[0].shape
        levels.insert(0, levels[0].reshape(c, h // 2, 2, w // 2, 2).mean((2, 4)))
    parts = [levels[0]] + [fine - enlarge(coarse) for coarse, fine in zip(levels, levels[1:], strict=False)]
    # the same picture: a checkered pattern at 8×8 that the next resolution takes back
    board = 0.8 * np.where((np.indices((8, 8)).sum(0)) % 2, 1.0, -1.0)[None].repeat(3, 0)
    other = [parts[0], parts[1] + board, parts[2] - enlarge(board), parts[3]]
    figure, axes = plt.subplots(2, 5, figsize=(6.9, 3.7), layout="constrained")
    figure.suptitle(words["contribution"], fontsize=12.5)
    for row, (rows, name) in enumerate(((parts, "first"), (other, "second"))):
        raised = []
        for k, part in enumerate(rows):
            for _ in range(3 - k):
                part = enlarge(part)
            raised.append(part)
        deviations = np.array([part.std() for part in raised])
        for k, part in enumerate(raised):
            axes[row, k].imshow((part.transpose(1, 2, 0).clip(-1, 1) + 1) / 2, interpolation="nearest")
            axes[row, k].set_xlabel(f"{100 * deviations[k] / deviations.sum():.0f} %")
            if row == 0:
                axes[row, k].set_title(f"{4 * 2**k}×{4 * 2**k}", fontsize=11.5)
        axes[row, 4].imshow((sum(raised).transpose(1, 2, 0).clip(-1, 1) + 1) / 2, interpolation="nearest")
        axes[row, 4].set_xlabel(words["sum"])
        axes[row, 0].set_ylabel(words[name], rotation=0, labelpad=12, va="center")
    for ax in axes.flat:
        ax.set(xticks=(), yticks=())
        for side in ax.spines.values():
            side.set_visible(False)
    return figure


FIGURES = {"layer": layer, "spike": spike, "variance": variance, "spectrum": spectrum, "shares": shares}
PLAYERS = {"even": even}

if __name__ == "__main__":
    drawing.write("14-stylegan2", FIGURES, WORDS)
    steps = untwist()
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language, steps).save(drawing.folder() / f"14-stylegan2-{name}-{language}.png")
