"""Figures of chapter 08, in both languages: ``python book/figures/08_sngan.py [folder]``.

Every curve is computed: norms by singular value decomposition, estimates by the power iteration of the page.
"""

from __future__ import annotations

import functools
import math

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import FAKE, INK, JUDGE, REAL, SOFT
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ganlib import labels, viz

PLUM = "#7e22ce"
WORDS = {
    "en": {
        "unit_ball": "input",
        "after_one": "after layer 1",
        "after_two": "after layers 1 and 2",
        "longest": "longest axis",
        "most": "layer 2 stretches most",
        "rounds": "rounds $k$",
        "estimate": r"error $1-\hat\sigma_k/\sigma$",
        "tangent": r"$\tan\theta_k$",
        "step": "step",
        "true_norm": r"true norm of $W/\hat\sigma$",
        "one_round": "one round per step",
        "frozen": "vector never updated",
        "converging": "a fixed matrix",
        "drifting": "a matrix that moves",
        "depth": "layers",
        "gain": "gain",
        "bound": "product bound",
        "top_linear": "largest, linear",
        "top_relu": "largest, ReLU",
        "typical_relu": "typical, ReLU",
        "random": "random layers, norm 1 each",
        "gauge": "gauge of $W_1=1$",
        "along": r"$e^\top x$",
        "sorting": "sorting: reads 1",
        "two_hidden": "2 × ReLU: 0.56",
        "one_hidden": "1 × ReLU: ½",
        "real_here": "$P$",
        "fake_here": "$Q$",
        "delta": "delta",
        "blur": "blur",
        "laplace": "Laplace",
        "random_kernel": "random, 16 channels",
        "inputs": "$v_k$ (solid) and $v_1$",
        "outputs": r"$Wv_k$ and $\sigma_1u_1$",
        "caption": "round {}: angle {:.1f}°, σ̂ = {:.4f} σ",
    },
    "zh": {
        "unit_ball": "输入",
        "after_one": "经过第 1 层",
        "after_two": "经过第 1、2 层",
        "longest": "最长半轴",
        "most": "第 2 层拉伸最大的方向",
        "rounds": "轮数 $k$",
        "estimate": r"误差 $1-\hat\sigma_k/\sigma$",
        "tangent": r"$\tan\theta_k$",
        "step": "步",
        "true_norm": r"$W/\hat\sigma$ 的真实范数",
        "one_round": "每步迭代一轮",
        "frozen": "向量从不更新",
        "converging": "矩阵固定",
        "drifting": "矩阵在变",
        "depth": "层数",
        "gain": "增益",
        "bound": "乘积上界",
        "top_linear": "最大，线性",
        "top_relu": "最大，ReLU",
        "typical_relu": "典型，ReLU",
        "random": "随机层，范数均为 1",
        "gauge": "$W_1=1$ 的三种读数",
        "along": r"$e^\top x$",
        "sorting": "排序：读数 1",
        "two_hidden": "2 × ReLU：0.56",
        "one_hidden": "1 × ReLU：½",
        "real_here": "$P$",
        "fake_here": "$Q$",
        "delta": "单点核",
        "blur": "模糊核",
        "laplace": "Laplace 核",
        "random_kernel": "随机，16 通道",
        "inputs": "$v_k$（实线）与 $v_1$",
        "outputs": r"$Wv_k$ 与 $\sigma_1u_1$",
        "caption": "第 {} 轮：夹角 {:.1f}°，σ̂ = {:.4f} σ",
    },
}
CIRCLE = np.stack([np.cos(np.linspace(0, 2 * math.pi, 361)), np.sin(np.linspace(0, 2 * math.pi, 361))])


def turn(degrees: float) -> np.ndarray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s], [s, c]])


def norm(matrix: np.ndarray) -> float:
    return float(np.linalg.norm(matrix, 2))


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def plane(ax: Axes, reach: float = 1.15) -> None:
    """An empty square around the origin, with the unit circle."""
    ax.plot(*CIRCLE, color=SOFT, lw=1.1, ls=":")
    ax.axhline(0, color="#e2e8f0", lw=0.8, zorder=0)
    ax.axvline(0, color="#e2e8f0", lw=0.8, zorder=0)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=(), yticks=())
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)


def arrow(ax: Axes, to: np.ndarray, colour: str, dashed: bool = False) -> None:
    ax.annotate(
        "",
        to,
        (0, 0),
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "lw": 2.2,
            "ls": (0, (4, 2)) if dashed else "-",
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


# -------------------------------------------------------------------------------------------------------- the stretch

FIRST = turn(20) @ np.diag([1.0, 0.35]) @ turn(65).T  # longest axis of the image at 20°
SECOND = turn(100) @ np.diag([1.0, 0.35]) @ turn(68).T  # stretches the direction at 68° most


def stretch(words: dict[str, str]) -> plt.Figure:
    """A circle, its image under one layer, and under two: the axes do not meet."""
    figure, axes = plt.subplots(1, 3, figsize=(6.6, 2.9), layout="constrained")
    shapes = (np.eye(2), FIRST, SECOND @ FIRST)
    for ax, shape, title, colour in zip(
        axes, shapes, ("unit_ball", "after_one", "after_two"), (REAL, JUDGE, FAKE), strict=True
    ):
        plane(ax)
        image = shape @ CIRCLE
        ax.fill(*image, color=colour, alpha=0.22, lw=0)
        ax.plot(*image, color=colour, lw=2)
        ax.set_title(words[title] + (rf", $\sigma={norm(shape):.2f}$" if title != "unit_ball" else ""), fontsize=12)
    for ax, shape in zip(axes, shapes, strict=True):
        left, values, right = np.linalg.svd(shape)
        if shape is FIRST:
            arrow(ax, values[0] * left[:, 0] * np.sign(left[0, 0]), JUDGE)
        elif shape is not shapes[0]:
            arrow(ax, values[0] * left[:, 0] * np.sign(left[1, 0]), FAKE)
    best = turn(68)[:, 0]
    axes[1].plot(*np.stack([-1.08 * best, 1.08 * best]).T, color=INK, lw=1.6, ls=(0, (4, 2)))
    handles = [Line2D([], [], color=JUDGE, lw=2.2), Line2D([], [], color=INK, lw=1.6, ls=(0, (4, 2)))]
    figure.legend(handles, [words["longest"], words["most"]], loc="outside lower center", ncols=2, handlelength=2.2)
    return figure


# -------------------------------------------------------------------------------------------------- depth and the gauge


@functools.cache
def gains(seeds: int = 5, n: int = 128, deepest: int = 8) -> dict[str, np.ndarray]:
    """Largest and root mean square singular values of products of random normalised layers, averaged over seeds."""
    found = {key: np.zeros((seeds, deepest)) for key in ("top_linear", "top_relu", "typical_relu")}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        x, linear, relu = rng.standard_normal(n), np.eye(n), np.eye(n)
        for layer in range(deepest):
            weight = rng.standard_normal((n, n))
            weight /= norm(weight)
            if layer:
                relu, x = (x > 0)[:, None] * relu, np.maximum(x, 0)
            x, linear, relu = weight @ x, weight @ linear, weight @ relu
            found["top_linear"][seed, layer] = norm(linear)
            found["top_relu"][seed, layer] = norm(relu)
            found["typical_relu"][seed, layer] = np.linalg.norm(relu) / math.sqrt(n)
    return {key: np.exp(np.log(value).mean(0)) for key, value in found.items()}


def depth(words: dict[str, str]) -> plt.Figure:
    """What random layers of norm 1 do together, and three critics of two near laws."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 4.3), layout="constrained")
    layers = np.arange(1, 9)
    left.semilogy(layers, np.ones(8), color=SOFT, ls="--", lw=2.2, label=words["bound"])
    for key, colour, mark in (("top_linear", REAL, "o"), ("top_relu", JUDGE, "s"), ("typical_relu", FAKE, "^")):
        left.semilogy(layers, gains()[key], color=colour, lw=2.2, marker=mark, ms=5, label=words[key])
    left.set(xlabel=words["depth"], ylabel=words["gain"], title=words["random"], ylim=(2e-4, 2.5), xticks=(2, 4, 6, 8))
    x = np.linspace(-1.6, 1.6, 321)
    for key, slope, colour, line in (
        ("sorting", 1.0, PLUM, "-"),
        ("two_hidden", math.sqrt(5) / 4, REAL, "--"),
        ("one_hidden", 0.5, FAKE, "-"),
    ):
        right.plot(x, -slope * abs(x), color=colour, ls=line, lw=2.4, label=words[key])
    right.plot([0], [-1.72], "^", color=REAL, ms=9, clip_on=False)
    right.plot([-1, 1], [-1.72, -1.72], "^", color=FAKE, ms=9, clip_on=False)
    right.text(0.12, -1.62, words["real_here"], color=REAL, va="center")
    right.text(1.12, -1.62, words["fake_here"], color=FAKE, va="center")
    right.text(-0.88, -1.62, words["fake_here"], color=FAKE, va="center")
    right.set(title=words["gauge"], xlabel=words["along"], ylabel="$f$", xlim=(-1.6, 1.6), ylim=(-1.75, 0.12))
    right.set(xticks=(-1, 0, 1), yticks=(0, -0.5, -1, -1.5))
    for ax, columns in ((left, 1), (right, 1)):
        ax.legend(loc="upper center", bbox_to_anchor=(0.46, -0.17), ncols=columns, handlelength=2.1, fontsize=12)
    return figure


# ------------------------------------------------------------------------------------------------------ power iteration


@functools.cache
def drift(size: int = 64, steps: int = 300) -> tuple[list[float], list[float]]:
    """True norms of a moving matrix over two estimates: one round per step, and a vector left alone."""
    rng = np.random.default_rng(3)
    start, end = rng.standard_normal((2, size, size))
    v = rng.standard_normal(size)
    for _ in range(200):
        v = unit(start.T @ (start @ v))
    old, tracked, frozen = v, [], []
    for step in range(steps):
        angle = step / steps
        w = math.cos(angle) * start + math.sin(angle) * end
        v = unit(w.T @ (w @ v))
        true = norm(w)
        tracked.append(true / np.linalg.norm(w @ v))
        frozen.append(true / np.linalg.norm(w @ old))
    return tracked, frozen


def power(words: dict[str, str]) -> plt.Figure:
    """Errors of power iteration on fixed matrices, and its estimate on one that moves."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 4.2), layout="constrained")
    k = np.arange(13)
    for ratio, colour in ((0.5, JUDGE), (0.8, REAL), (0.95, FAKE)):
        tangent = ratio ** (2.0 * k)  # the start is at 45°
        estimate = np.sqrt((1 + ratio**2 * tangent**2) / (1 + tangent**2))
        left.semilogy(k, 1 - estimate, color=colour, lw=2.3)
        left.semilogy(k, tangent, color=colour, lw=1.7, ls=(0, (4, 2)))
    left.set(xlim=(0, 12), ylim=(1e-8, 2), xlabel=words["rounds"], title=words["converging"], xticks=(0, 4, 8, 12))
    tracked, frozen = drift()
    right.axhline(1, color=SOFT, lw=0.9)
    right.plot(frozen, color=SOFT, lw=2.2, ls="--", label=words["frozen"])
    right.plot(tracked, color=REAL, lw=2.4, label=words["one_round"])
    right.set(xlim=(0, 300), ylim=(0.97, 1.5), xlabel=words["step"], ylabel=words["true_norm"], title=words["drifting"])
    right.set(xticks=(0, 100, 200, 300), yticks=(1, 1.1, 1.2, 1.3, 1.4, 1.5))
    right.legend(loc="upper left", fontsize=12)
    handles = [Line2D([], [], color=colour, lw=2.3) for colour in (JUDGE, REAL, FAKE)]
    handles += [Line2D([], [], color=INK, lw=2.3), Line2D([], [], color=INK, lw=1.7, ls=(0, (4, 2)))]
    names = [rf"$\sigma_2/\sigma_1={ratio}$" for ratio in (0.5, 0.8, 0.95)] + [words["estimate"], words["tangent"]]
    figure.legend(handles, names, loc="outside lower center", ncols=3, handlelength=2.0, columnspacing=1.2)
    return figure


# ---------------------------------------------------------------------------------------------------------- frequencies


@functools.cache
def spectra(size: int = 48) -> dict[str, np.ndarray]:
    """The norm at each frequency, zero in the middle, of kernels divided by the norm of the flattened kernel."""
    rng = np.random.default_rng(0)
    kernels = {
        "delta": np.zeros((1, 1, 3, 3)),
        "blur": np.ones((1, 1, 3, 3)),
        "laplace": np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None],
        "random_kernel": rng.standard_normal((16, 16, 3, 3)),
    }
    kernels["delta"][0, 0, 1, 1] = 1
    found = {}
    for key, kernel in kernels.items():
        kernel = kernel / norm(kernel.reshape(len(kernel), -1))
        blocks = np.moveaxis(np.fft.fft2(kernel, (size, size)), (0, 1), (2, 3))
        found[key] = np.fft.fftshift(np.linalg.svd(blocks, compute_uv=False)[..., 0])
    return found


def frequencies(words: dict[str, str]) -> plt.Figure:
    """Four heat maps of the norm over the frequencies."""
    figure, axes = plt.subplots(1, 4, figsize=(6.6, 2.35), layout="constrained")
    for ax, (key, values) in zip(axes, spectra().items(), strict=True):
        picture = ax.imshow(values, vmin=0, vmax=3, cmap="viridis", extent=(-1, 1, -1, 1), interpolation="nearest")
        ax.set_title(words[key], fontsize=11)
        ax.set(xticks=(-1, 0, 1), yticks=(), xlabel=rf"$\max={values.max():.2f}$")
        ax.set_xticklabels([r"$-\pi$", "0", r"$\pi$"])
    figure.colorbar(picture, ax=axes, shrink=0.72, ticks=(0, 1, 2, 3), pad=0.015)
    return figure


# ----------------------------------------------------------------------------------------------------------- the player

RATIO = 0.85
MATRIX = turn(25) @ np.diag([1.0, RATIO]) @ turn(70).T


def rounds(words: dict[str, str], lang: str) -> viz.Player:
    """Power iteration, round by round: the vector on the circle, its image on the ellipse."""
    v, frames = turn(70) @ unit(np.array([1.0, -2.5])), []
    top, image_top = turn(70)[:, 0], turn(25)[:, 0]
    said = {}
    for k in range(10):
        figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.3), dpi=96, layout="constrained")
        for ax in (left, right):
            plane(ax, 1.12)
        left.plot(*CIRCLE, color=REAL, lw=1.6)
        left.plot(*np.stack([-top, top]).T, color=INK, lw=1.6, ls=(0, (4, 2)))
        arrow(left, v, FAKE)
        right.plot(*(MATRIX @ CIRCLE), color=JUDGE, lw=2)
        right.plot(*np.stack([-image_top, image_top]).T, color=INK, lw=1.6, ls=(0, (4, 2)))
        arrow(right, MATRIX @ v, FAKE)
        left.set_title(words["inputs"])
        right.set_title(words["outputs"])
        said[k] = (math.degrees(math.acos(min(1.0, abs(v @ top)))), float(np.linalg.norm(MATRIX @ v)))
        frames.append((k, figure))
        plt.close(figure)
        v = unit(MATRIX.T @ (MATRIX @ v))
    labels.use(lang)

    def caption(k: int) -> str:
        angle, estimate = said[k]
        return words["caption"].format(k, angle, estimate)

    return viz.player(frames, caption=caption, seconds=10)


FIGURES = {"stretch": stretch, "depth": depth, "power": power, "frequencies": frequencies}
PLAYERS = {"rounds": rounds}

if __name__ == "__main__":
    drawing.write("08-sngan", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"08-sngan-{name}-{language}.png")
