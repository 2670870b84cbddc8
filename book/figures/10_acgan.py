"""Figures of chapter 10, in both languages: ``python book/figures/10_acgan.py [folder]``.

Every curve is the formula of a statement of the page; the equilibria of the two bells solve for one number, K.
"""

from __future__ import annotations

import math

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import FAKE, GRID, INK, JUDGE, REAL, SOFT
from scipy.optimize import brentq
from scipy.stats import norm

from ganlib import labels, viz

WORDS = {
    "en": {
        "data": "the data, by class",
        "bill": r"$-\log p_r(c\,|\,x)$",
        "one": "class 1",
        "two": "class 2",
        "model": "the model, by class",
        "within": "variance within a class",
        "weight": r"$\lambda$",
        "kept": "share of the shared point",
        "saturating": "saturating",
        "non_saturating": "non-saturating",
        "fakeclass": "class for fakes",
        "twin": "with a twin",
        "loss": "loss",
        "slope": "slope in the logit",
        "logit": "logit of the right class",
        "right": "cross-entropy",
        "twice": "softmax twice",
        "nolog": "log forgotten",
        "same": "$e=(2,\\,0.5)$ and $(-2,\\,0.5)$",
        "other": "$e=(2,\\,0.5)$ and $(0.5,\\,2)$",
        "truth": "truth",
    },
    "zh": {
        "data": "数据，按类别",
        "bill": r"$-\log p_r(c\,|\,x)$",
        "one": "类别 1",
        "two": "类别 2",
        "model": "模型，按类别",
        "within": "类内方差",
        "weight": r"$\lambda$",
        "kept": "共有点所占比例",
        "saturating": "饱和",
        "non_saturating": "非饱和",
        "fakeclass": "假样本自成一类",
        "twin": "加孪生分类器",
        "loss": "损失",
        "slope": "对 logit 的斜率",
        "logit": "正确类别的 logit",
        "right": "交叉熵",
        "twice": "两次 softmax",
        "nolog": "漏掉对数",
        "same": "$e=(2,\\,0.5)$ 与 $(-2,\\,0.5)$",
        "other": "$e=(2,\\,0.5)$ 与 $(0.5,\\,2)$",
        "truth": "真实分布",
    },
}
X = np.linspace(-9, 9, 7201)
STEP = X[1] - X[0]
BELLS = norm.pdf(X, -1), norm.pdf(X, 1)
P = (BELLS[0] + BELLS[1]) / 2
SURE = 1 / (1 + np.exp(-2 * np.abs(X)))  # max_c p_r(c|x)


def equilibrium(weight: float) -> np.ndarray:
    """p_θ(x) of two bells, non-saturating: p_r (K max p_r(c|x)^λ − 1)₊."""

    def density(k: float) -> np.ndarray:
        return P * np.maximum(0, k * SURE**weight - 1)

    return density(brentq(lambda k: density(k).sum() * STEP - 1, 1, 1e4))


def within(q: np.ndarray) -> float:
    """Variance of class 2, which lives on x > 0 with twice the density q."""
    return float((q * X**2).sum() * STEP - ((q * np.abs(X)).sum() * STEP) ** 2)


# ------------------------------------------------------------------------------------------------------ the two bells


def pull(words: dict[str, str]) -> plt.Figure:
    """Two overlapping classes, and what the classifier charges for a sample of each."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.3), layout="constrained")
    x = np.linspace(-4.4, 4.4, 177)
    for bell, colour, name, style in ((norm.pdf(x, -1), REAL, "one", "-"), (norm.pdf(x, 1), FAKE, "two", "--")):
        left.plot(x, bell, color=colour, ls=style, lw=2.4)
        left.fill_between(x, bell, color=colour, alpha=0.14, lw=0)
        side = -1 if name == "one" else 1
        left.text(side * 2.9, 0.33, words[name], color=colour, ha="center")
        right.plot(x, np.logaddexp(0, -2 * side * x), color=colour, ls=style, lw=2.4)
        right.annotate(
            "",
            (side * 1.9, 0.75),
            (side * 0.55, 0.75),
            arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2},
        )
    left.set(title=words["data"], xlabel="$x$", xlim=(-4.4, 4.4), ylim=(0, 0.44), yticks=(), xticks=(-3, 0, 3))
    left.spines["left"].set_visible(False)
    right.set(
        title=words["bill"], xlabel="$x$", xlim=(-4.4, 4.4), ylim=(-0.1, 6), yticks=(0, 2, 4, 6), xticks=(-3, 0, 3)
    )
    return figure


WEIGHTS = (0.0, 1e-6, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)


def law(words: dict[str, str], lang: str) -> viz.Player:
    """The generator's law as λ grows: the classes part at once, then they leave the boundary."""
    fine = np.array([1e-6, *np.linspace(0.05, 5, 100)])
    spread = np.array([within(equilibrium(weight)) for weight in fine])
    frames = []
    for key in WEIGHTS:
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(6.6, 3.1), dpi=96, layout="constrained", width_ratios=(1.35, 1)
        )
        q = equilibrium(key) if key else None
        for i, (colour, style) in enumerate(((REAL, "-"), (FAKE, "--"))):
            left.plot(X, BELLS[i], color=SOFT, lw=1.3, ls=":")
            now = BELLS[i] if q is None else 2 * q * ((X < 0) if i == 0 else (X > 0))
            left.fill_between(X, now, color=colour, alpha=0.22, lw=0)
            left.plot(X, now, color=colour, lw=2.2, ls=style)
        left.set(title=words["model"], xlabel="$x$", xlim=(-4.4, 4.4), ylim=(0, 0.72), yticks=(), xticks=(-3, 0, 3))
        left.spines["left"].set_visible(False)
        right.plot(fine, spread, color=SOFT, lw=2.2)
        right.plot(0, 1, "o", mfc="white", mec=SOFT, mew=1.8, ms=8)
        right.plot(key, 1.0 if q is None else within(q), "o", color=INK, ms=9)
        right.set(title=words["within"], xlabel=words["weight"], xlim=(-0.25, 5.2), ylim=(0, 1.08))
        right.set(xticks=(0, 1, 2, 3, 4, 5), yticks=(0, 0.5, 1))
        right.grid(color=GRID, lw=0.8)
        frames.append((key, figure))
        plt.close(figure)
    labels.use(lang)

    def caption(key: float) -> str:
        if not key:
            return f"λ = 0{'：' if lang == 'zh' else ': '}{words['truth']}"
        return "λ → 0" if key < 0.01 else f"λ = {key:g}"

    return viz.player(frames, caption=caption, seconds=11)


# ----------------------------------------------------------------------------------------------------- three points


def overlap(s: float, weight: np.ndarray, saturating: bool) -> np.ndarray:
    k = 2.0**-weight
    if not saturating:
        return np.maximum(0, s * (k * (2 - s) - (1 - s)) / (1 - s + k * s))
    b = 2 - s - k * (1 - s)
    return 2 * k * s / (b + np.sqrt(b * b - 4 * k * (1 - k) * s))  # the smaller root, safe at k = 1


def three(words: dict[str, str]) -> plt.Figure:
    """How much of the shared point survives, against λ."""
    figure, ax = plt.subplots(figsize=(6.0, 3.7), layout="constrained")
    weight = np.linspace(0, 5, 501)
    ax.axhline(0.5, color=SOFT, lw=2.2, ls=":", label=words["twin"])
    ax.plot(weight, overlap(0.5, weight / (1 + weight), False), color=JUDGE, lw=2.4, ls="-.", label=words["fakeclass"])
    ax.plot(weight, overlap(0.5, weight, True), color=REAL, lw=2.4, ls="--", label=words["saturating"])
    ax.plot(weight, overlap(0.5, weight, False), color=FAKE, lw=2.4, label=words["non_saturating"])
    ax.plot(math.log2(3), 0, "o", color=FAKE, ms=7, clip_on=False, zorder=5)
    ax.set(xlabel=words["weight"], title=words["kept"], xlim=(0, 5), ylim=(0, 0.56), yticks=(0, 0.25, 0.5))
    figure.legend(loc="outside lower center", ncols=2, handlelength=2.4)
    return figure


# --------------------------------------------------------------------------------------------------- the wrong losses


def softmax(words: dict[str, str]) -> plt.Figure:
    """Ten classes: the loss and its slope against the logit of the right class, one wrong class having logit 4."""
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 3.8), layout="constrained")
    t = np.linspace(-8, 16, 961)
    n, wrong = 10, 4.0
    logits = np.zeros((len(t), n))
    logits[:, 0], logits[:, 1] = t, wrong
    u = np.exp(logits - logits.max(1, keepdims=True))
    u /= u.sum(1, keepdims=True)
    curves = {
        "right": (-np.log(u[:, 0]), JUDGE, "-"),
        "twice": (np.log(np.exp(u).sum(1)) - u[:, 0], FAKE, "--"),
        "nolog": (-u[:, 0], REAL, "-."),
    }
    for name, (value, colour, style) in curves.items():
        axes[0].plot(t, value, color=colour, ls=style, lw=2.4, label=words[name])
        axes[1].plot(t, np.gradient(value, t), color=colour, ls=style, lw=2.4)
    floor = math.log(math.e + n - 1) - 1
    axes[0].axhline(floor, color=SOFT, lw=1, ls=":")
    axes[0].text(-7.6, floor - 0.12, "1.461", color=SOFT, fontsize=11, va="top")
    axes[0].set(title=words["loss"], xlabel=words["logit"], xlim=(-8, 16), ylim=(-1.2, 8), xticks=(-8, 0, 8, 16))
    axes[1].set(title=words["slope"], xlabel=words["logit"], xlim=(-8, 16), ylim=(-1.08, 0.06), xticks=(-8, 0, 8, 16))
    axes[1].set(yticks=(-1, -0.5, 0))
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, handlelength=2, columnspacing=1.2
    )
    return figure


def hadamard(words: dict[str, str]) -> plt.Figure:
    """z ⊙ e for two classes: embeddings that differ in signs give one cloud."""
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 3.5), layout="constrained")
    rng = np.random.default_rng(3)
    z = rng.normal(size=(2, 260, 2))
    pairs = (("same", ((2, 0.5), (-2, 0.5))), ("other", ((2, 0.5), (0.5, 2))))
    for ax, (name, (first, second)) in zip(axes, pairs, strict=True):
        ax.plot(*(z[0] * first).T, "o", color=REAL, ms=4, mew=0, alpha=0.7)
        ax.plot(*(z[1] * second).T, "s", color=FAKE, ms=3.8, mew=0, alpha=0.7)
        ax.plot(0, 0, "+", color=INK, ms=13, mew=2, zorder=5)
        ax.set(
            title=words[name], xlim=(-5.4, 5.4), ylim=(-5.4, 5.4), aspect="equal", xticks=(-4, 0, 4), yticks=(-4, 0, 4)
        )
    return figure


FIGURES = {"pull": pull, "three": three, "softmax": softmax, "hadamard": hadamard}
PLAYERS = {"law": law}

if __name__ == "__main__":
    drawing.write("10-acgan", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"10-acgan-{name}-{language}.png")
