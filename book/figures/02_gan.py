"""Figures of chapter 02, in both languages: ``python book/figures/02_gan.py [folder]``.

Every curve is computed, and the losses are those of ``ganlib.losses``, so that the figures show the library that the
reader runs.
"""

from __future__ import annotations

import drawing
import matplotlib.pyplot as plt
import numpy as np
import torch
from drawing import FAKE, INK, JUDGE, REAL, SOFT
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Ellipse, FancyArrowPatch, FancyBboxPatch, Polygon
from scipy.stats import norm

from ganlib import labels, losses, viz

WORDS = {
    "en": {
        "latent": "latent",
        "generator": "generator",
        "fake": "fake",
        "real": "real",
        "data": "data",
        "discriminator": "discriminator",
        "logit": "logit",
        "loss_d": "loss of $D$",
        "loss_g": "loss of $G$",
        "to_g": r"gradient in $\theta$: passes through $D$, changes only $G$",
        "to_d": r"gradient in $\varphi$: changes only $D$",
        "logit_axis": r"logit $a$ of a fake",
        "loss": "loss",
        "slope": "derivative in $a$",
        "saturating": "saturating",
        "non_saturating": "non-saturating",
        "d_wins": "$D$ wins",
        "mean": r"$\theta$, mean of the model",
        "value": "$V(D^*,G)$, value of the game",
        "function": r"function of $\theta$",
        "gradient": "gradient",
        "colon": ": ",
        "frozen": r"non-saturating, $D^*$ frozen",
        "reoptimised": r"non-saturating, $D^*$ re-optimised",
    },
    "zh": {
        "latent": "隐变量",
        "generator": "生成器",
        "fake": "假样本",
        "real": "真样本",
        "data": "数据",
        "discriminator": "判别器",
        "logit": "logit",
        "loss_d": "$D$ 的损失",
        "loss_g": "$G$ 的损失",
        "to_g": r"对 $\theta$ 的梯度：穿过 $D$，只更新 $G$",
        "to_d": r"对 $\varphi$ 的梯度：只更新 $D$",
        "logit_axis": "假样本的 logit $a$",
        "loss": "损失",
        "slope": "对 $a$ 的导数",
        "saturating": "饱和",
        "non_saturating": "非饱和",
        "d_wins": "$D$ 占上风",
        "mean": r"$\theta$（模型的均值）",
        "value": "博弈的值 $V(D^*,G)$",
        "function": r"$\theta$ 的函数",
        "gradient": "梯度",
        "colon": "：",
        "frozen": "非饱和，冻结 $D^*$",
        "reoptimised": "非饱和，重新优化 $D^*$",
    },
}


# ------------------------------------------------------------------------------------------------------- the game


def _digit(sharpness: float) -> np.ndarray:
    """A small seven, (11, 11) in [0, 1]: two strokes by their distance, sharp or blurred."""
    y, x = np.mgrid[0:11, 0:11] / 10.0

    def distance(ax, ay, bx, by):
        t = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1)
        return np.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay))

    stroke = np.minimum(distance(0.22, 0.2, 0.78, 0.2), distance(0.78, 0.2, 0.42, 0.85))
    return 1 / (1 + np.exp(sharpness * (stroke - 0.1)))


def _thumbnails(ax: Axes, x: float, y: float, image: np.ndarray, colour: str) -> None:
    """A little pile of pictures, lower left corner of the front one at (x, y)."""
    for i in (2, 1, 0):
        left, low, size = x + 0.16 * i, y + 0.16 * i, 1.25
        ax.imshow(1 - image, cmap="gray", vmin=0, vmax=1, extent=(left, left + size, low, low + size), zorder=5 - i)
        edge = plt.Rectangle((left, low), size, size, fill=False, ec=colour, lw=1.6, zorder=5.5 - i)
        ax.add_patch(edge)


def _arrow(ax: Axes, start, end, colour: str = INK, dashed: bool = False, bend: float = 0.0) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=14,
            lw=1.7,
            color=colour,
            linestyle=(0, (4, 2.5)) if dashed else "-",
            connectionstyle=f"arc3,rad={bend}",
            shrinkA=0,
            shrinkB=0,
            zorder=3,
        )
    )


def _network(ax: Axes, x: float, y: float, left: float, right: float, name: str, colour: str) -> None:
    """A trapezium of width 1.5 around (x, y) whose sides have the half-heights `left` and `right`."""
    corners = [(x - 0.75, y - left), (x + 0.75, y - right), (x + 0.75, y + right), (x - 0.75, y + left)]
    ax.add_patch(Polygon(corners, closed=True, fc=colour, ec="none", zorder=4))
    ax.text(x, y, name, color="white", ha="center", va="center", fontsize=19, zorder=6)


def _loss(ax: Axes, x: float, y: float, formula: str, word: str, colour: str) -> None:
    box = FancyBboxPatch((x - 0.62, y - 0.45), 1.24, 0.9, boxstyle="round,pad=0.06", fc="white", ec=colour, lw=1.8)
    ax.add_patch(box)
    ax.text(x, y, formula, ha="center", va="center", fontsize=17, color=colour)
    ax.text(x, y - 0.92, word, ha="center", va="center", color=colour)


def game(words: dict[str, str]) -> plt.Figure:
    """z → G → fake, data → real, both → D → logit → two losses; gradients come back."""
    figure, ax = plt.subplots(figsize=(6.6, 4.2))
    ax.set(xlim=(0, 12.9), ylim=(-0.15, 8.05), aspect="equal")
    ax.axis("off")
    top, low, middle = 5.65, 1.75, 3.7

    ax.add_patch(Circle((1.0, top), 0.72, fc="#fff7ed", ec=FAKE, lw=1.6))
    t = np.linspace(-1, 1, 80)
    ax.fill_between(1.0 + 0.5 * t, top - 0.32, top - 0.32 + 0.62 * np.exp(-6 * t**2), color=FAKE, alpha=0.35, lw=0)
    ax.text(1.0, top - 1.12, words["latent"] + r" $z\sim p_z$", ha="center", va="center")
    _network(ax, 3.45, top, 0.45, 0.95, "$G$", FAKE)
    ax.text(3.45, top - 1.32, words["generator"], ha="center", va="center", color=FAKE)
    _thumbnails(ax, 5.15, top - 0.72, _digit(14.0), FAKE)
    ax.text(5.95, top - 1.12, words["fake"] + " $G(z)$", ha="center", va="center", color=FAKE)

    for dy in (-0.42, 0.0, 0.42):  # a little store of data: three discs
        disc = Ellipse((3.45, low + dy), 1.5, 0.55, fc="#dbeafe", ec=REAL, lw=1.5)
        ax.add_patch(disc)
    ax.text(3.45, low - 1.12, words["data"] + " $p_r$", ha="center", va="center", color=REAL)
    _thumbnails(ax, 5.15, low - 0.72, _digit(60.0), REAL)
    ax.text(5.95, low - 1.12, words["real"] + " $x$", ha="center", va="center", color=REAL)

    _network(ax, 8.75, middle, 1.05, 0.45, "$D$", JUDGE)
    ax.text(8.75, middle - 1.38, words["discriminator"], ha="center", va="center", color=JUDGE)
    ax.text(10.75, middle, words["logit"] + " $a$", ha="left", va="center")
    _loss(ax, 11.9, top, "$L_G$", words["loss_g"], FAKE)
    _loss(ax, 11.9, low, "$L_D$", words["loss_d"], JUDGE)

    _arrow(ax, (1.75, top), (2.65, top))
    _arrow(ax, (4.25, top), (5.1, top))
    _arrow(ax, (4.25, low), (5.1, low))
    _arrow(ax, (6.8, top - 0.1), (7.95, middle + 0.55))
    _arrow(ax, (6.8, low + 0.1), (7.95, middle - 0.55))
    _arrow(ax, (9.55, middle), (11.15, top - 0.35))
    _arrow(ax, (9.55, middle), (11.15, low + 0.35))

    # The generator's gradient runs back beside the data: loss, discriminator, fake, generator.
    _arrow(ax, (11.2, top + 0.2), (8.75, middle + 1.0), FAKE, dashed=True, bend=0.28)
    _arrow(ax, (8.4, middle + 1.1), (6.95, top + 0.45), FAKE, dashed=True, bend=0.28)
    _arrow(ax, (5.7, top + 1.0), (3.75, top + 1.0), FAKE, dashed=True, bend=0.35)
    ax.text(7.4, 7.6, words["to_g"], ha="center", va="center", color=FAKE)
    _arrow(ax, (11.15, low - 0.25), (8.75, middle - 1.72), JUDGE, dashed=True, bend=-0.42)
    ax.text(9.3, 0.3, words["to_d"], ha="center", va="center", color=JUDGE)
    figure.subplots_adjust(0, 0, 1, 1)
    return figure


# ------------------------------------------------------------------------------------------------ one-dimensional laws

GRID = np.linspace(-14, 17, 6_201)
FORMULAS = {
    "saturating": r"$2\,\mathrm{JS}$",
    "frozen": r"$2\,\mathrm{KL}(m\|p_r)$",
    "reoptimised": r"$2\,\mathrm{KL}(m\|p_r)+\mathrm{KL}(p_r\|m)$",
}


def divergences(theta: float) -> dict[str, float]:
    """2 JS, the frozen and the re-optimised non-saturating function (less log 2) of N(0, 1) against N(theta, 1)."""
    log_p, log_q = norm.logpdf(GRID), norm.logpdf(GRID, theta)
    log_m = np.logaddexp(log_p, log_q) - np.log(2)

    def kl(a, b):
        return np.trapezoid(np.exp(a) * (a - b), GRID)

    return {
        "saturating": kl(log_p, log_m) + kl(log_q, log_m),
        "frozen": 2 * kl(log_m, log_p),
        "reoptimised": kl(log_q, log_p) - kl(log_q, log_m),
    }


def _densities(ax: Axes, x: np.ndarray, theta: float) -> None:
    """N(0, 1), N(theta, 1) and the optimal discriminator between them."""
    p_r, p_model = norm.pdf(x), norm.pdf(x, theta)
    ax.axhline(0.5, color=SOFT, lw=0.8, ls=":")
    ax.fill_between(x, p_r, color=REAL, alpha=0.28, lw=0)
    ax.plot(x, p_r, color=REAL, lw=1.8, label="$p_r$")
    ax.fill_between(x, p_model, color=FAKE, alpha=0.28, lw=0)
    ax.plot(x, p_model, color=FAKE, lw=1.8, ls="--", label=r"$p_\theta$")
    ax.plot(x, p_r / (p_r + p_model), color=JUDGE, lw=2.4, label="$D^*$")


def optimal_d(words: dict[str, str]) -> plt.Figure:
    """Two Gaussians slide together and the optimal discriminator flattens."""
    figure, axes = plt.subplots(2, 2, figsize=(6.6, 5.0), sharex=True, sharey=True, layout="constrained")
    x = np.linspace(-4, 8, 241)
    for ax, theta in zip(axes.flat, (4.0, 2.0, 1.0, 0.0), strict=True):
        _densities(ax, x, theta)
        twice_js = divergences(theta)["saturating"]
        ax.set_title(rf"$\theta={theta:.0f}$:  $V={twice_js - 2 * np.log(2):.2f}$,  JS $={twice_js / 2:.2f}$")
        ax.set(ylim=(0, 1.06), yticks=(0, 0.5, 1), xlim=(-4, 8), xticks=(-4, 0, 4, 8))
    for ax in axes[1]:
        ax.set_xlabel("$x$")
    axes[0, 0].legend(loc="center right", handlelength=1.6, bbox_to_anchor=(1.02, 0.66))
    return figure


def slide(words: dict[str, str], lang: str) -> viz.Player:
    """The model slides from far away onto the data: the densities with D*, and the value of the game."""
    x, way = np.linspace(-4, 10, 281), np.linspace(0, 6, 61)
    values = [divergences(theta)["saturating"] - 2 * np.log(2) for theta in way]
    frames = []
    for theta in np.linspace(6, 0, 25):
        figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 2.9), dpi=96, layout="constrained")
        _densities(left, x, theta)
        left.set(ylim=(0, 1.06), yticks=(0, 0.5, 1), xlim=(-4, 10), xlabel="$x$")
        left.legend(loc="upper right", handlelength=1.6, bbox_to_anchor=(1.02, 1.0))
        right.axhline(0, color=SOFT, lw=0.8, ls=":")
        right.axhline(-2 * np.log(2), color=SOFT, lw=0.8, ls=":")
        right.plot(way, values, color=SOFT, lw=1.6)
        right.plot(theta, divergences(theta)["saturating"] - 2 * np.log(2), "o", color=JUDGE, ms=9)
        right.set(xlim=(-0.2, 6.2), ylim=(-1.5, 0.12), xlabel=words["mean"], title=words["value"])
        right.set_yticks([-2 * np.log(2), 0], [r"$-2\log2$", "0"])
        frames.append((theta, figure))
        plt.close(figure)
    labels.use(lang)
    return viz.player(frames, caption="θ = {:.2f}".format, seconds=8)


def loss_curves(words: dict[str, str]) -> plt.Figure:
    """The two generator losses of one fake and their derivatives, from the library itself."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.3), layout="constrained")
    logits = torch.linspace(-8, 6, 561, dtype=torch.float64)
    for name, colour, line in (("minimax", SOFT, "--"), ("non_saturating", FAKE, "-")):
        a = logits.clone().requires_grad_()
        values = torch.stack([losses.get(name).generator(one) for one in a])
        (slope,) = torch.autograd.grad(values.sum(), a)
        label = words["saturating" if name == "minimax" else name]
        left.plot(logits, values.detach(), color=colour, ls=line, lw=2.4, label=label)
        right.plot(logits, slope, color=colour, ls=line, lw=2.4, label=label)
    left.set(ylabel=words["loss"], ylim=(-6.5, 8.5))
    right.set(ylabel=words["slope"], ylim=(-1.08, 0.3), yticks=(-1, -0.5, 0))
    right.plot(0, -0.5, "o", color=INK, ms=5)
    left.legend(loc="upper right", handlelength=1.9)
    for ax in (left, right):
        ax.axvspan(-8, -2.5, color="#e2e8f0", alpha=0.75, lw=0)
        ax.axhline(0, color=SOFT, lw=0.8)
        ax.set(xlabel=words["logit_axis"], xlim=(-8, 6), xticks=(-8, -4, 0, 4))
    right.text(-5.25, 0.16, words["d_wins"], ha="center", va="center")
    return figure


def library_gradient(name: str, theta: float, frozen: bool) -> float:
    """∇_θ of a generator loss at G(z) = z + θ, with the optimal logit θ²/2 − θx, frozen or not, by autograd.

    The samples of z are the midpoints' quantiles of N(0, 1): a quadrature, so that no noise is drawn.
    """
    z = torch.from_numpy(norm.ppf((np.arange(40_000) + 0.5) / 40_000))
    parameter = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    judge = parameter.detach() if frozen else parameter
    value = losses.get(name).generator(judge**2 / 2 - judge * (z + parameter))
    return torch.autograd.grad(value, parameter)[0].item()


def frozen(words: dict[str, str]) -> plt.Figure:
    """Three functions of θ and their gradients; the dots come from the library's losses."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 4.0), layout="constrained")
    theta = np.linspace(0, 3, 61)
    step = 1e-3
    cases = (
        ("saturating", "minimax", True, SOFT, "--", "o"),
        ("frozen", "non_saturating", True, FAKE, "-", "s"),
        ("reoptimised", "non_saturating", False, REAL, "-.", "^"),
    )
    marks = np.arange(0.5, 3, 0.5)
    for key, name, is_frozen, colour, line, marker in cases:
        label = f"{words[key]}{words['colon']}{FORMULAS[key]}"
        left.plot(theta, [divergences(t)[key] for t in theta], color=colour, ls=line, lw=2.3, label=label)
        slope = [(divergences(t + step)[key] - divergences(t - step)[key]) / (2 * step) for t in theta]
        right.plot(theta, slope, color=colour, ls=line, lw=2.3)
        dots = [library_gradient(name, t, is_frozen) for t in marks]
        right.plot(marks, dots, marker, color=colour, ms=6, mec="white", mew=0.8)
    left.set(ylabel=words["function"], ylim=(0, 4.5))
    right.set(ylabel=words["gradient"], ylim=(0, 3))
    for ax in (left, right):
        ax.set(xlabel=words["mean"], xlim=(0, 3), xticks=range(4))
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=1, handlelength=2.4)
    return figure


FIGURES = {"game": game, "optimal-d": optimal_d, "losses": loss_curves, "frozen": frozen}
PLAYERS = {"slide": slide}

if __name__ == "__main__":
    drawing.write("02-gan", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"02-gan-{name}-{language}.png")
