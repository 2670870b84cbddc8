"""Figures of chapter 07, in both languages: ``python book/figures/07_wgan_gp.py [folder]``.

Checkpoints come from ``ganlib.penalties.between``, and every curve is the formula of a statement of the page.
"""

from __future__ import annotations

import math

import drawing
import matplotlib.pyplot as plt
import numpy as np
import torch
from drawing import FAKE, GRID, INK, JUDGE, REAL, SOFT

from ganlib import labels, viz
from ganlib.penalties import between

WORDS = {
    "en": {
        "optimal": "optimal pairs",
        "independent": "independent pairs",
        "ratio": "$r/R$",
        "share": "share in the disc",
        "counted": "counted",
        "slope": "slope $s$",
        "penalty": r"penalty $\Omega(s)$",
        "displacement": "mean displacement $v$",
        "best": "best slope $f'$",
        "two": "two-sided",
        "one": "one-sided",
        "unsquared": "unsquared",
        "zero": "zero-centred",
        "phi": r"slope $\varphi$",
        "loss": r"critic's loss at $\theta=1$",
        "theta": r"$\theta$",
        "best_phi": r"best $\varphi$",
        "wrong": "wrong well",
        "pair": r"one $\varepsilon$ per pair",
        "batch": r"one $\varepsilon$ per batch",
        "coordinate": r"one $\varepsilon$ per coordinate",
        "coordinate_short": "one $\\varepsilon$\nper coordinate",
        "position": r"position $\bar\varepsilon$, $d=3072$",
    },
    "zh": {
        "optimal": "最优配对",
        "independent": "独立配对",
        "ratio": "$r/R$",
        "share": "落在圆盘内的比例",
        "counted": "实际数得",
        "slope": "斜率 $s$",
        "penalty": r"惩罚 $\Omega(s)$",
        "displacement": "平均位移 $v$",
        "best": "最优斜率 $f'$",
        "two": "双侧",
        "one": "单侧",
        "unsquared": "不平方",
        "zero": "零中心",
        "phi": r"斜率 $\varphi$",
        "loss": r"$\theta=1$ 时评论器的损失",
        "theta": r"$\theta$",
        "best_phi": r"最优 $\varphi$",
        "wrong": "错误的谷",
        "pair": r"每对一个 $\varepsilon$",
        "batch": r"每批一个 $\varepsilon$",
        "coordinate": r"每个坐标一个 $\varepsilon$",
        "coordinate_short": "每个坐标\n一个 $\\varepsilon$",
        "position": r"位置 $\bar\varepsilon$，$d=3072$",
    },
}


def ring(radius: float, n: int, generator: torch.Generator) -> torch.Tensor:
    """Points (n, 2), uniform on a circle."""
    turn = 2 * math.pi * torch.rand(n, generator=generator)
    return radius * torch.stack([turn.cos(), turn.sin()], 1)


def circle(ax: plt.Axes, radius: float, colour: str) -> None:
    ax.add_patch(plt.Circle((0, 0), radius, fill=False, color=colour, lw=2.6))


# ---------------------------------------------------------------------------------------------------- the checkpoints


def pairs(words: dict[str, str]) -> plt.Figure:
    """Two circles: where optimal and where independent pairs look."""
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 3.7), layout="constrained")
    generator = torch.Generator().manual_seed(4)
    torch.manual_seed(40)  # another stream than the points', or ε would follow them
    n = 70
    y = ring(1.0, n, generator)
    for ax, x, name in ((axes[0], 2 * y, "optimal"), (axes[1], ring(2.0, n, generator), "independent")):
        for a, b in zip(x, y, strict=True):
            ax.plot([a[0], b[0]], [a[1], b[1]], color=SOFT, lw=0.7, alpha=0.55, zorder=1)
        seen = torch.cat([between(x, y) for _ in range(4)])
        free = seen.norm(dim=1) < 1
        ax.plot(*seen[~free].T, "o", color=JUDGE, ms=3.2, mew=0, alpha=0.75, zorder=3)
        ax.plot(*seen[free].T, "o", color=INK, ms=3.6, mew=0, zorder=4)
        circle(ax, 2, REAL)
        circle(ax, 1, FAKE)
        ax.set(title=words[name], xlim=(-2.15, 2.15), ylim=(-2.15, 2.15), aspect="equal")
        ax.axis("off")
    return figure


def share(words: dict[str, str], lang: str) -> viz.Player:
    """The model grows towards the data, and the checkpoints fall where nothing is transported."""
    ratio = np.linspace(0, 1, 201)
    frames = []
    counts = {}
    for key in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.995):
        generator = torch.Generator().manual_seed(1)
        torch.manual_seed(40)  # another stream than the points', or ε would follow them
        x, y = ring(1.0, 2500, generator), ring(key, 2500, generator)
        seen = between(x, y)
        free = seen.norm(dim=1) < key
        counts[key] = free.float().mean().item()
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(6.6, 3.1), dpi=96, layout="constrained", width_ratios=(1, 1.25)
        )
        some = slice(0, 500)
        left.plot(*seen[some][~free[some]].T, "o", color=JUDGE, ms=3, mew=0, alpha=0.75)
        left.plot(*seen[some][free[some]].T, "o", color=INK, ms=3.2, mew=0)
        circle(left, 1, REAL)
        circle(left, key, FAKE)
        left.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), aspect="equal")
        left.axis("off")
        right.plot(ratio, 2 / np.pi * np.arcsin(ratio), color=SOFT, lw=2.2)
        right.plot(key, counts[key], "o", color=INK, ms=9)
        right.set(xlabel=words["ratio"], title=words["share"], xlim=(0, 1.02), ylim=(0, 1.02))
        right.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        right.grid(color=GRID, lw=0.8)
        frames.append((key, figure))
        plt.close(figure)
    labels.use(lang)

    def caption(key: float) -> str:
        colon = "：" if lang == "zh" else ": "
        comma = "，" if lang == "zh" else ", "
        q = 2 / math.pi * math.asin(key)
        return f"r/R = {key:g}{comma}q = {q:.3f}{comma}{words['counted']}{colon}{counts[key]:.3f}"

    return viz.player(frames, caption=caption, seconds=10)


# ------------------------------------------------------------------------------------------------------ the penalties

LOOKS = {"two": (FAKE, "-"), "one": (REAL, "--"), "unsquared": (JUDGE, "-."), "zero": (SOFT, "-")}
LAMBDA = GAMMA = 2.0


def penalties(words: dict[str, str]) -> plt.Figure:
    """Four penalties, and the slope that each makes of the mean displacement."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.9), layout="constrained")
    s = np.linspace(0, 2.2, 221)
    for name, values in (
        ("two", (s - 1) ** 2),
        ("one", np.maximum(0, s - 1) ** 2),
        ("unsquared", np.maximum(0, s - 1)),
        ("zero", s**2 / 2),
    ):
        colour, style = LOOKS[name]
        left.plot(s, values, color=colour, ls=style, lw=2.4, label=words[name])
    left.set(xlabel=words["slope"], title=words["penalty"], xlim=(0, 2.2), ylim=(-0.04, 1.5), xticks=(0, 1, 2))
    left.set(yticks=(0, 1))
    v = np.linspace(0, 3, 301)
    for name, values, end in (
        ("two", 1 + v / (2 * LAMBDA), 3),
        ("one", 1 + v / (2 * LAMBDA), 3),
        ("unsquared", np.ones_like(v), LAMBDA),
        ("zero", v / GAMMA, 3),
    ):
        colour, style = LOOKS[name]
        inside = v <= end
        for sign in (-1, 1):
            right.plot(
                sign * v[inside], sign * values[inside], color=colour, ls=style, lw=2.4, zorder=4 - (name == "two")
            )
    right.plot([0, 0], [-1, 1], color=REAL, ls="--", lw=2.4)
    right.plot([0, 0], [-1, 1], "o", color=FAKE, ms=7, zorder=5)
    for sign in (-1, 1):
        right.plot(sign * LAMBDA, sign, "o", mfc="white", mec=JUDGE, mew=1.8, ms=7, zorder=6)
    right.axhline(0, color=SOFT, lw=0.6)
    right.set(xlabel=words["displacement"], title=words["best"], xlim=(-3, 3), ylim=(-1.9, 1.9))
    right.set(xticks=(-2, 0, 2), yticks=(-1, 0, 1))
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=4, handlelength=1.9, columnspacing=1
    )
    return figure


def dirac(words: dict[str, str]) -> plt.Figure:
    """The Dirac-GAN: the critic's loss over its slope, and the best slope over the distance."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.9), layout="constrained")
    phi = np.linspace(-2.4, 2.4, 481)
    s = np.abs(phi)
    losses = {
        "two": phi + LAMBDA * (s - 1) ** 2,
        "one": phi + LAMBDA * np.maximum(0, s - 1) ** 2,
        "zero": phi + GAMMA * s**2 / 2,
    }
    for name, values in losses.items():
        colour, style = LOOKS[name]
        left.plot(phi, values, color=colour, ls=style, lw=2.4, label=words[name])
        k = values.argmin()
        left.plot(phi[k], values[k], "o", color=colour, ms=8, zorder=5)
    left.plot(0.75, 0.875, "o", mfc="white", mec=FAKE, mew=1.8, ms=8, zorder=5)
    left.annotate(
        words["wrong"],
        (0.8, 0.8),
        (0.85, -0.75),
        ha="center",
        fontsize=11.5,
        arrowprops={"arrowstyle": "-", "color": SOFT},
    )
    left.set(xlabel=words["phi"], title=words["loss"], xlim=(-2.4, 2.4), ylim=(-1.5, 3.2), xticks=(-2, -1, 0, 1, 2))
    left.set(yticks=(-1, 0, 1, 2, 3))
    theta = np.linspace(0, 2.4, 241)
    for name, values in (("two", 1 + theta / (2 * LAMBDA)), ("one", 1 + theta / (2 * LAMBDA)), ("zero", theta / GAMMA)):
        colour, style = LOOKS[name]
        for sign in (-1, 1):
            right.plot(sign * theta, -sign * values, color=colour, ls=style, lw=2.4, zorder=4 - (name == "two"))
    right.plot([0, 0], [-1, 1], color=REAL, ls="--", lw=2.4)
    right.plot([0, 0], [-1, 1], "o", color=FAKE, ms=7, zorder=5)
    right.axhline(0, color=SOFT, lw=0.6)
    right.set(xlabel=words["theta"], title=words["best_phi"], xlim=(-2.4, 2.4), ylim=(-1.8, 1.8))
    right.set(xticks=(-2, -1, 0, 1, 2), yticks=(-1, 0, 1))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, handlelength=1.9)
    return figure


# ------------------------------------------------------------------------------------------------------ the shape of ε


def epsilon(words: dict[str, str]) -> plt.Figure:
    """Where the checkpoints stand for three shapes of ε, in the plane, and along the segment in high dimension."""
    figure, axes = plt.subplots(2, 2, figsize=(6.6, 6.2), layout="constrained")
    rng = np.random.default_rng(7)
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    x = np.stack([2.6 * np.cos(turn), 2.0 * np.sin(turn)], 1) + rng.normal(size=(8, 2)) * 0.15
    y = (np.stack([np.cos(turn + 0.9), np.sin(turn + 0.9)], 1) + rng.normal(size=(8, 2)) * 0.15) * 0.9
    many = 14
    shapes = {
        "pair": rng.uniform(size=(many, 8, 1)),
        "batch": np.broadcast_to(np.array([0.25, 0.7])[:, None, None], (2, 8, 1)),
        "coordinate": rng.uniform(size=(many, 8, 2)),
    }
    for ax, (name, e) in zip(axes.flat, shapes.items(), strict=False):
        for a, b in zip(x, y, strict=True):
            ax.plot([a[0], b[0]], [a[1], b[1]], color=SOFT, lw=1)
        for k, one in enumerate(e):
            seen = one * x + (1 - one) * y
            hollow = name == "batch" and k == 1
            ax.plot(
                *seen.T, "o", color=JUDGE, ms=5, mfc="white" if hollow else JUDGE, mew=1.4 if hollow else 0, alpha=0.85
            )
        ax.plot(*x.T, "o", color=REAL, ms=8)
        ax.plot(*y.T, "s", color=FAKE, ms=7)
        ax.set(title=words[name], xlim=(-3.1, 3.1), ylim=(-2.6, 2.6), aspect="equal")
        ax.axis("off")
    d, n = 3072, 4000
    ax = axes[1, 1]
    edges = np.linspace(0, 1, 51)
    ax.hist(rng.uniform(size=n), edges, density=True, color=JUDGE, alpha=0.75)
    flat = rng.normal(0.5, math.sqrt(1 / (12 * d)), size=n)  # a mean of 3072 uniform numbers, by the central limit
    ax.hist(flat, edges, density=True, histtype="step", color=INK, lw=2)
    ax.text(0.02, 3.0, words["pair"], color=JUDGE, fontsize=11.5)
    ax.text(
        0.02,
        21,
        words["coordinate"].replace(" per ", "\nper ").replace("坐标一个", "坐标\n一个"),
        fontsize=11.5,
        va="top",
    )
    ax.set(title=words["position"], xlim=(0, 1), xticks=(0, 0.5, 1), yticks=())
    ax.spines["left"].set_visible(False)
    return figure


FIGURES = {"pairs": pairs, "penalties": penalties, "dirac": dirac, "epsilon": epsilon}
PLAYERS = {"share": share}

if __name__ == "__main__":
    drawing.write("07-wgan-gp", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"07-wgan-gp-{name}-{language}.png")
