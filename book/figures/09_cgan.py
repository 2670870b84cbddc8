"""Figures of chapter 09, in both languages: ``python book/figures/09_cgan.py [folder]``.

Every equilibrium is drawn from the formula of the page, max(0, t p(x|c) − κ w(x|c)).
"""

from __future__ import annotations

import math

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import FAKE, GRID, INK, JUDGE, REAL, SOFT
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from ganlib import labels, viz

WORDS = {
    "en": {
        "data": "data",
        "swapped": "swapped",
        "ignoring": "ignores $c$",
        "sum": "$x$ alone",
        "densities": "densities",
        "realness": "realness",
        "matching": "matching",
        "concat": "concatenation",
        "branches": "two-branch",
        "projection": "projection",
        "features": "features",
        "embedding": "embedding",
        "network": "network",
        "product": "inner\nproduct",
        "loss": "loss\non {}",
        "all": "$p(x)$, all data",
        "condition": "condition {}",
        "only": "only kind {}",
        "right": r"$p(x\mid 1)$",
        "model": r"$p_\theta(x\mid 1)$",
        "weight": "weight $b$ of wrong pairs",
        "accuracy": "condition recognised",
        "caption": "b = {b:.2f}, t = {t:.3f}, generated: {u:.1%}, data: {v:.1%}",
    },
    "zh": {
        "data": "数据",
        "swapped": "条件对调",
        "ignoring": "无视 $c$",
        "sum": "只看 $x$",
        "densities": "密度",
        "realness": "真实度",
        "matching": "匹配度",
        "concat": "拼接",
        "branches": "双分支",
        "projection": "投影",
        "features": "特征",
        "embedding": "嵌入",
        "network": "网络",
        "product": "内积",
        "loss": "关于 {}\n的损失",
        "all": "$p(x)$，全部数据",
        "condition": "条件 {}",
        "only": "只有第 {} 种",
        "right": r"$p(x\mid 1)$",
        "model": r"$p_\theta(x\mid 1)$",
        "weight": "错配对的权重 $b$",
        "accuracy": "认出条件的比例",
        "caption": "b = {b:.2f}，t = {t:.3f}，生成样本：{u:.1%}，数据：{v:.1%}",
    },
}
FIRST, SECOND = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])  # p(x|c), the example of the page


def equilibrium(right: np.ndarray, wrong: np.ndarray, kappa: float, step: float = 1.0) -> tuple[float, np.ndarray]:
    """t and max(0, t right − κ wrong) of mass 1, by bisection; `step` is the mass of a point with density 1."""
    low, high = 1.0, 1.0 + kappa
    for _ in range(60):
        t = (low + high) / 2
        if np.maximum(0, t * right - kappa * wrong).sum() * step < 1:
            low = t
        else:
            high = t
    return high, np.maximum(0, high * right - kappa * wrong)


# ---------------------------------------------------------------------------------------------------- who doesn't look


def pairs(words: dict[str, str]) -> plt.Figure:
    """Three tables of the law of pairs with the same law of samples."""
    figure, axes = plt.subplots(1, 3, figsize=(6.6, 2.7), layout="constrained", width_ratios=(4.9, 3.2, 3.2))
    marginal = (FIRST + SECOND) / 2
    tables = {
        "data": (FIRST, SECOND, REAL),
        "swapped": (SECOND, FIRST, FAKE),
        "ignoring": (marginal, marginal, FAKE),
    }
    for ax, (name, (one, two, colour)) in zip(axes, tables.items(), strict=True):
        for row, values in enumerate((one, two, marginal)):
            y = 2.35 - row * 1.08 - (row == 2) * 0.34
            for column, value in enumerate(values):
                face = SOFT if row == 2 else colour
                ax.add_patch(plt.Rectangle((column, y), 1, 1, fc=face, alpha=min(1.0, 1.6 * value), ec="none"))
                ax.add_patch(plt.Rectangle((column, y), 1, 1, fc="none", ec=SOFT, lw=0.8))
                light = value > 0.4 and row < 2
                ax.text(column + 0.5, y + 0.5, f"{value:g}", ha="center", va="center", color="white" if light else INK)
            if ax is axes[0]:
                label = words["sum"] if row == 2 else f"$c={row + 1}$"
                ax.text(-0.15, y + 0.5, label, ha="right", va="center")
        ax.set(title=words[name], xlim=(-1.8 if ax is axes[0] else -0.1, 3.1), ylim=(-0.25, 3.5), aspect="equal")
        ax.axis("off")
    return figure


# ------------------------------------------------------------------------------------------------- realness + matching


def normal(x: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    return np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * math.sqrt(2 * math.pi))


def parts(words: dict[str, str]) -> plt.Figure:
    """The best logit of two Gaussian conditions and its two parts."""
    figure, axes = plt.subplots(1, 3, figsize=(6.6, 2.9), layout="constrained")
    x = np.linspace(-4, 4, 401)
    real = [normal(x, m, 0.8) for m in (1.3, -1.3)]
    fake = [normal(x, m, 1.2) for m in (0.7, -0.7)]
    left, middle, right = axes
    for k, colour in enumerate((REAL, JUDGE)):
        left.plot(x, real[k], color=colour, lw=2.2)
        left.plot(x, fake[k], color=colour, lw=2.2, ls="--")
        left.text(1.45 - 2.9 * k, 0.53, f"$c={k + 1}$", color=colour, ha="center")
    realness = np.log(sum(real) / sum(fake))
    middle.plot(x, realness, color=INK, lw=2.2)
    for k, colour in enumerate((REAL, JUDGE)):
        posterior, model = real[k] / sum(real), fake[k] / sum(fake)
        right.plot(x, np.log(posterior / model), color=colour, lw=2.2)
        right.text(2.1 - 4.2 * k, 1.25, f"$c={k + 1}$", color=colour, ha="center")
    left.set(title=words["densities"], yticks=(), ylim=(0, 0.6))
    for ax, name in ((middle, "realness"), (right, "matching")):
        ax.axhline(0, color=SOFT, lw=0.8)
        ax.set(title=words[name], ylim=(-6, 2), yticks=(-6, -4, -2, 0, 2))
    for ax in axes:
        ax.set(xlabel="$x$", xlim=(-4, 4), xticks=(-3, 0, 3))
    return figure


# --------------------------------------------------------------------------------------------------------- the designs


def box(ax: Axes, x: float, y: float, text: str, colour: str, width: float = 2.45, height: float = 0.95) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0.05", fc="white", ec=colour, lw=1.7
        )
    )
    ax.text(x, y, text, ha="center", va="center", color=colour, fontsize=11.5)


def arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, lw=1.4, color=INK, shrinkA=0))


def total(ax: Axes, y: float) -> None:
    """A circled plus above two branches, and the logit above it."""
    ax.text(
        2, y, "+", ha="center", va="center", fontsize=15, bbox={"boxstyle": "circle,pad=0.12", "fc": "w", "ec": INK}
    )
    ax.text(2, y + 1.35, "$a(x,c)$", ha="center", va="center")
    arrow(ax, (2, y + 0.42), (2, y + 1.0))


def designs(words: dict[str, str]) -> plt.Figure:
    """Three discriminators, from the inputs at the bottom to the logit at the top."""
    figure, axes = plt.subplots(1, 3, figsize=(6.6, 4.4), layout="constrained")
    for ax, name in zip(axes, ("concat", "branches", "projection"), strict=True):
        ax.text(0.5, 0, "$x$", ha="center", va="center", fontsize=15, color=REAL)
        ax.text(3.5, 0, "$c$", ha="center", va="center", fontsize=15, color=FAKE)
        box(ax, 3.5, 1.45, words["embedding"], FAKE)
        arrow(ax, (3.5, 0.35), (3.5, 0.9))
        if name == "concat":
            box(ax, 2, 4.2, words["network"], JUDGE, width=3.2, height=1.5)
            arrow(ax, (0.5, 0.35), (1.2, 3.4))
            arrow(ax, (3.5, 2.0), (2.8, 3.4))
            ax.text(2, 7.35, "$a(x,c)$", ha="center", va="center")
            arrow(ax, (2, 5.0), (2, 7.0))
        else:
            box(ax, 0.5, 1.45, words["features"], REAL)
            arrow(ax, (0.5, 0.35), (0.5, 0.9))
            arrow(ax, (0.5, 2.0), (0.5, 3.4))
            arrow(ax, (3.5, 2.0), (3.5, 3.4))
            arrow(ax, (0.75, 2.0), (3.0, 3.4))
            one = r"$\rho$" if name == "branches" else r"$\psi$"
            two = r"$\mu$" if name == "branches" else words["product"]
            box(ax, 0.5, 4.0, one, JUDGE, height=1.1)
            box(ax, 3.5, 4.0, two, JUDGE, height=1.1)
            if name == "branches":  # two logits, which are not added
                for x, seen in ((0.5, "$x$"), (3.5, "$(x,c)$")):
                    arrow(ax, (x, 4.65), (x, 5.75))
                    ax.text(x, 6.5, words["loss"].format(seen), ha="center", va="center", fontsize=11.5)
            else:
                arrow(ax, (0.7, 4.6), (1.7, 5.65))
                arrow(ax, (3.3, 4.6), (2.3, 5.65))
                total(ax, 6.0)
        ax.set(title=words[name], xlim=(-0.85, 4.85), ylim=(-0.4, 7.7), aspect="equal")
        ax.axis("off")
    return figure


# ----------------------------------------------------------------------------------------------- the moved equilibrium

CORNERS = np.array([[0.0, 0.0], [0.5, math.sqrt(3) / 2], [1.0, 0.0]])


def simplex(words: dict[str, str]) -> plt.Figure:
    """The path of the equilibrium in the triangle of laws on three points."""
    figure, ax = plt.subplots(figsize=(6.0, 4.9), layout="constrained")
    ax.add_patch(plt.Polygon(CORNERS, closed=True, fc="none", ec=SOFT, lw=1.4))
    marginal = (FIRST + SECOND) / 2
    for law, colour, number in ((FIRST, REAL, 1), (SECOND, JUDGE, 2)):
        path = np.array([equilibrium(law, marginal, k)[1] for k in np.linspace(0, 20 / 3, 1201)]) @ CORNERS
        ax.plot(*path.T, color=FAKE, lw=2.6, solid_capstyle="round", zorder=3)
        start = law @ CORNERS
        ax.plot(*start, "o", color=colour, ms=10, zorder=5)
        ax.annotate(
            words["condition"].format(number),
            start,
            (0, -11),
            textcoords="offset points",
            ha="center",
            va="top",
            color=colour,
        )
        ax.plot(*np.stack([marginal @ CORNERS, start]).T, color=SOFT, lw=1.2, ls=":", zorder=2)
        for kappa, text in ((1, "1"), (4 / 3, r"$\frac{4}{3}$"), (2, "2"), (20 / 3, r"$\frac{20}{3}$")):
            spot = equilibrium(law, marginal, kappa)[1] @ CORNERS
            ax.plot(*spot, "o", mfc="white", mec=FAKE, mew=1.8, ms=7, zorder=6)
            if number == 1:
                move = {1: (3, 9), 4 / 3: (-12, 6), 2: (-14, -10), 20 / 3: (-16, 4)}[kappa]
                ax.annotate(text, spot, move, textcoords="offset points", ha="center", color=FAKE, fontsize=14)
    ax.plot(*(marginal @ CORNERS), "o", color=SOFT, ms=9, zorder=5)
    ax.annotate(
        words["all"], marginal @ CORNERS, (0, 11), textcoords="offset points", ha="center", va="bottom", color=SOFT
    )
    for k, (x, y) in enumerate(CORNERS):
        above = k == 1
        ax.text(
            x,
            y + (0.03 if above else -0.035),
            words["only"].format(k + 1),
            ha="center",
            va="bottom" if above else "top",
        )
    ax.text(-0.1, 0.36, r"$\kappa=b/a$", color=FAKE, fontsize=14)
    ax.set(xlim=(-0.13, 1.13), ylim=(-0.1, 0.95), aspect="equal")
    ax.axis("off")
    return figure


def shift(words: dict[str, str], lang: str) -> viz.Player:
    """Two Gaussian conditions: the equilibrium while the weight of the wrong pairs grows."""
    x = np.linspace(-6, 7, 2601)
    step = x[1] - x[0]
    right = normal(x, 0.75, 1)
    wrong = (right + normal(x, -0.75, 1)) / 2
    weights = np.linspace(0, 1, 17)
    found = [equilibrium(right, wrong, b, step) for b in weights]
    told = [q[x > 0].sum() * step for _, q in found]
    data = 0.5 * (1 + math.erf(0.75 / math.sqrt(2)))
    frames = []
    for k, b in enumerate(weights):
        figure, (left, curve) = plt.subplots(
            1, 2, figsize=(6.6, 3.1), dpi=96, layout="constrained", width_ratios=(1.4, 1)
        )
        q = found[k][1]
        left.plot(x, wrong, color=SOFT, lw=1.6, ls=":", label=words["all"])
        left.plot(x, right, color=REAL, lw=2, label=words["right"])
        left.fill_between(x, q, color=FAKE, alpha=0.18, lw=0)
        left.plot(x, q, color=FAKE, lw=2.4, label=words["model"])
        left.set(xlim=(-3.6, 4.2), ylim=(0, 0.78), yticks=(), xticks=(-3, 0, 3), xlabel="$x$")
        left.legend(loc="upper left", fontsize=11, handlelength=1.5, borderaxespad=0)
        curve.plot(weights, told, color=FAKE, lw=2.2)
        curve.axhline(data, color=REAL, ls="--", lw=1.6)
        curve.plot(b, told[k], "o", color=INK, ms=9)
        curve.set(title=words["accuracy"], xlabel=words["weight"], xlim=(-0.03, 1.04), ylim=(0.74, 0.96))
        curve.set(xticks=(0, 0.5, 1), yticks=(0.75, 0.85, 0.95), yticklabels=("75 %", "85 %", "95 %"))
        curve.grid(color=GRID, lw=0.8)
        frames.append((k, figure))
        plt.close(figure)
    labels.use(lang)

    def caption(k: int) -> str:
        return words["caption"].format(b=weights[k], t=found[k][0], u=told[k], v=data)

    return viz.player(frames, caption=caption, seconds=9)


FIGURES = {"pairs": pairs, "parts": parts, "designs": designs, "simplex": simplex}
PLAYERS = {"shift": shift}

if __name__ == "__main__":
    drawing.write("09-cgan", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"09-cgan-{name}-{language}.png")
