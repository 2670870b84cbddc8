"""Figures of chapter 01, in both languages: ``python book/figures/01_distances.py [folder]``.

Every curve and every ellipse is computed: divergences by quadrature, the reverse KL's fits by minimising it.
"""

from __future__ import annotations

import functools
import math

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import FAKE, GRID, INK, JUDGE, REAL, SOFT
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Ellipse
from scipy.optimize import minimize
from scipy.stats import multivariate_normal, norm

from ganlib import labels, viz

PLUM = "#7c3aed"
# Kept apart by more than their colour: one line style each, in every figure.
LOOKS = {
    "KL": (SOFT, (0, (5, 2))),
    "W1": (FAKE, "-"),
    "TV": (REAL, (0, (1.2, 1.2))),
    "JS": (JUDGE, "-"),
}
NAMES = {"KL": "KL", "W1": "$W_1$", "TV": "TV", "JS": "JS"}
WORDS = {
    "en": {
        "offset": r"offset $\theta$",
        "segments": "segments",
        "mean": "mean $m$ of the model",
        "forward": "forward KL",
        "reverse": "reverse KL",
        "swapped": "KL reversed",
    },
    "zh": {
        "offset": r"位移 $\theta$",
        "segments": "线段",
        "mean": "模型的均值 $m$",
        "forward": "前向 KL",
        "reverse": "逆向 KL",
        "swapped": "逆向 KL",
    },
}


# --------------------------------------------------------------------------------------------- laws that slide apart


def distances(theta: float, sigma: float = 1.0) -> dict[str, float]:
    """KL, W₁, TV and JS of N(0, σ²) and N(θ, σ²)."""
    far = theta / sigma
    x = np.linspace(-9, 9 + abs(far), 1201)
    log_p, log_q = norm.logpdf(x), norm.logpdf(x, abs(far))
    log_m = np.logaddexp(log_p, log_q) - np.log(2)
    js = np.trapezoid(np.exp(log_p) * (log_p - log_m) + np.exp(log_q) * (log_q - log_m), x) / 2
    return {"KL": far**2 / 2, "W1": abs(theta), "TV": 2 * norm.cdf(abs(far) / 2) - 1, "JS": js}


def _hill(ax: Axes, x: np.ndarray, y: np.ndarray, colour: str, line: str) -> None:
    ax.fill_between(x, y, color=colour, alpha=0.2, lw=0)
    ax.plot(x, y, color=colour, lw=2, ls=line)


def slide(words: dict[str, str], lang: str) -> viz.Player:
    """One bell curve slides over the other: the two laws, and four distances between them."""
    x, way = np.linspace(-8.2, 8.2, 361), np.linspace(-5, 5, 161)
    curves = {key: np.array([distances(theta)[key] for theta in way]) for key in LOOKS}
    top, frames = 3.4, []
    leaves = {"KL": math.sqrt(2 * top), "W1": top}  # the offset at which a curve goes through the top
    for theta in np.linspace(-5, 5, 31):
        figure, (left, right) = plt.subplots(1, 2, figsize=(5.6, 3.0), dpi=96, layout="constrained")
        p, q = norm.pdf(x), norm.pdf(x, theta)
        _hill(left, x, p, REAL, "-")
        _hill(left, x, q, FAKE, "--")
        left.fill_between(x, np.minimum(p, q), color=INK, alpha=0.4, lw=0)
        if abs(theta) > 0.3:
            arrow = {"arrowstyle": "-|>", "color": FAKE, "lw": 1.8, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 13}
            left.annotate("", (theta, 0.432), (0, 0.432), arrowprops=arrow)
        left.plot([0, 0], [0.425, 0.439], color=FAKE, lw=1.8)
        left.text(0, 0.452, rf"$W_1={abs(theta):.2f}$", color=FAKE, ha="center", va="bottom")
        side = 1 if theta >= 0 else -1
        left.text(
            min(-1.3, theta - 1.3) if side < 0 else max(1.3, theta + 1.3),
            0.29,
            "$Q$",
            color=FAKE,
            fontsize=16,
            ha="left" if side > 0 else "right",
        )
        left.text(-1.3 * side, 0.29, "$P$", color=REAL, fontsize=16, ha="right" if side > 0 else "left")
        left.set(ylim=(0, 0.52), xlim=(-8.2, 8.2), yticks=(), xticks=(-4, 0, 4), xlabel="$x$")
        left.spines["left"].set_visible(False)
        right.axhline(np.log(2), color=GRID, lw=1, zorder=0)
        right.axhline(1, color=GRID, lw=1, zorder=0)
        now = distances(theta)
        for key, (colour, line) in LOOKS.items():
            right.plot(way, curves[key], color=colour, ls=line, lw=2.2)
            inside = now[key] <= top
            place = (theta, now[key]) if inside else (side * leaves[key], top)
            right.plot(*place, "o" if inside else "^", color=colour, ms=9, mec="white", mew=1, clip_on=False, zorder=5)
        right.text(-1.75, 2.75, "KL", color=SOFT, ha="center")
        right.text(-3.65, 2.75, "$W_1$", color=FAKE, ha="center")
        right.text(5.4, 1.03, "TV", color=REAL, va="center")
        right.text(5.4, np.log(2) - 0.03, "JS", color=JUDGE, va="center")
        right.set(xlim=(-5, 5), ylim=(0, top), xlabel=words["offset"], xticks=(-4, -2, 0, 2, 4))
        right.set_yticks([0, np.log(2), 1, 2, 3], ["0", r"$\log2$", "1", "2", "3"])
        frames.append((theta, figure))
        plt.close(figure)
    labels.use(lang)
    return viz.player(frames, caption="θ = {:.2f}".format, seconds=9)


def sharpen(words: dict[str, str]) -> plt.Figure:
    """The laws get thinner from left to right: W₁ does not mind, and the slope of the others withdraws to a slit."""
    figure, axes = plt.subplots(
        2, 3, figsize=(6.6, 4.7), layout="constrained", height_ratios=(1, 1.75), sharey="row", sharex="col"
    )
    x, way = np.linspace(-2, 2, 401), np.linspace(-2, 2, 161)
    titles = (r"$\sigma=1$", r"$\sigma=\frac{1}{4}$", words["segments"])
    for (upper, lower), sigma, title in zip(axes.T, (1.0, 0.25, 0.0), titles, strict=True):
        upper.set_title(title)
        for place, colour, line in ((0, REAL, "-"), (1, FAKE, "--")):
            if sigma:
                shape = norm.pdf(x, place, sigma)
                _hill(upper, x, shape / norm.pdf(0, 0, 0.25) * 0.92, colour, line)
            else:
                upper.plot([place, place], [0.04, 0.92], color=colour, lw=3, ls=line)
        upper.set(ylim=(0, 1), yticks=())
        upper.spines["left"].set_visible(False)
        lower.axhline(1, color=GRID, lw=1, zorder=0)
        lower.axhline(np.log(2), color=GRID, lw=1, zorder=0)
        if sigma:
            values = {key: [distances(theta, sigma)[key] for theta in way] for key in LOOKS}
        else:
            step = np.where(np.abs(way) < 1e-9, 0.0, 1.0)
            values = {"W1": np.abs(way), "TV": step, "JS": step * np.log(2)}
        for key, heights in values.items():
            colour, line = LOOKS[key]
            if sigma or key == "W1":
                lower.plot(way, heights, color=colour, ls=line, lw=2.2, label=NAMES[key])
            else:
                for side in ((-2, 0), (0, 2)):
                    lower.plot(side, [max(heights)] * 2, color=colour, ls=line, lw=2.2)
                lower.plot(0, max(heights), "o", mfc="white", mec=colour, ms=6, mew=1.5, zorder=4)
        if not sigma:
            lower.plot(0, 0, "o", color=INK, ms=6, zorder=5, clip_on=False)
            lower.text(1, 1.86, r"KL $=\infty$", color=SOFT, ha="center", va="center")
            lower.text(-1, 1.86, r"KL $=\infty$", color=SOFT, ha="center", va="center")
        lower.set(ylim=(0, 2.05), xlim=(-2, 2), xticks=(-1, 0, 1), xlabel=words["offset"])
        lower.set_yticks([0, np.log(2), 1, 2], ["0", r"$\log2$", "1", "2"])
    handles, names = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4, handlelength=2.2)
    return figure


# ---------------------------------------------------------------------------------------------- one Gaussian, two modes

NODES = np.linspace(-7, 7, 561)
WEIGHTS = norm.pdf(NODES) / norm.pdf(NODES).sum()
MEANS = np.linspace(-6, 6, 121)


def landscape(b: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Over MEANS: the reverse KL at the best width, that width, and the forward KL at its best width."""
    half, logs = MEANS[60:], np.linspace(-0.4, 1.9, 93)
    x = half[:, None, None] + np.exp(logs)[:, None] * NODES
    log_p = np.logaddexp(-((x + b) ** 2) / 2, -((x - b) ** 2) / 2) - np.log(2) - np.log(2 * np.pi) / 2
    table = -np.log(2 * np.pi * np.e) / 2 - logs - log_p @ WEIGHTS
    at = np.clip(table.argmin(1), 1, len(logs) - 2)
    low, mid, high = (np.take_along_axis(table, (at + k)[:, None], 1)[:, 0] for k in (-1, 0, 1))
    shift = (low - high) / (low - 2 * mid + high) / 2  # the parabola through the three best widths
    values, widths = mid - (low - high) * shift / 4, np.exp(logs[at] + shift * (logs[1] - logs[0]))
    line = np.linspace(-b - 9, b + 9, 4001)
    p = (norm.pdf(line, -b) + norm.pdf(line, b)) / 2
    forward = np.log(2 * np.pi * np.e * (1 + b**2 + MEANS**2)) / 2 + np.trapezoid(p * np.log(p), line)
    return np.concatenate([values[:0:-1], values]), np.concatenate([widths[:0:-1], widths]), forward


def valley(words: dict[str, str], lang: str) -> viz.Player:
    """Two modes move apart: the best Gaussians, and the two objectives over the mean of the model."""
    x, frames = np.linspace(-8, 8, 401), []
    for b in np.linspace(0.5, 5, 31):
        values, widths, forward = landscape(b)
        best = 60 + int(values[60:].argmin())  # of two equally deep minima the one on the right
        figure, (left, right) = plt.subplots(1, 2, figsize=(5.6, 3.0), dpi=96, layout="constrained")
        p = (norm.pdf(x, -b) + norm.pdf(x, b)) / 2
        left.fill_between(x, p, color=REAL, alpha=0.22, lw=0)
        left.plot(x, p, color=REAL, lw=1.8, label="$P$")
        left.plot(x, norm.pdf(x, 0, math.sqrt(1 + b**2)), color=SOFT, ls="--", lw=2.2, label=words["forward"])
        left.plot(x, norm.pdf(x, MEANS[best], widths[best]), color=FAKE, lw=2.2, label=words["reverse"])
        left.set(xlim=(-8, 8), ylim=(0, 0.56), yticks=(), xlabel="$x$", xticks=(-5, 0, 5))
        left.spines["left"].set_visible(False)
        left.legend(loc="upper left", ncols=1, handlelength=1.8, borderaxespad=0.1, labelspacing=0.25)
        right.axhline(np.log(2), color=GRID, lw=1, zorder=0)
        right.plot(MEANS, forward, color=SOFT, ls="--", lw=2.2)
        right.plot(MEANS, values, color=FAKE, lw=2.2)
        right.plot(0, forward[60], "s", color=SOFT, ms=8, mec="white", mew=1, zorder=5)
        for side in {MEANS[best], -MEANS[best]}:
            right.plot(side, values[best], "o", color=FAKE, ms=9, mec="white", mew=1, zorder=6)
        right.set(xlim=(-6, 6), ylim=(0, 3), xlabel=words["mean"], xticks=(-5, 0, 5))
        right.set_yticks([0, np.log(2), 1, 2, 3], ["0", r"$\log2$", "1", "2", "3"])
        frames.append((b, figure))
        plt.close(figure)
    labels.use(lang)
    return viz.player(frames, caption="b = {:.2f}".format, seconds=9)


CENTRES = np.array([[-2.0, -0.8], [2.0, 1.1]])
SHAPES = np.array([[[0.9, -0.35], [-0.35, 0.5]], [[0.55, 0.3], [0.3, 0.85]]])
SHARES = np.array([0.4, 0.6])


def _log_mixture(points: np.ndarray) -> np.ndarray:
    parts = [
        math.log(w) + multivariate_normal(c, s).logpdf(points) for w, c, s in zip(SHARES, CENTRES, SHAPES, strict=True)
    ]
    return np.logaddexp(*parts)


@functools.cache
def plane_fits() -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
    """Name → mean, covariance and value: the forward fit in closed form, the two reverse ones by descent."""
    mean = SHARES @ CENTRES
    cover = sum(w * (s + np.outer(c - mean, c - mean)) for w, c, s in zip(SHARES, CENTRES, SHAPES, strict=True))
    axis = np.linspace(-4.5, 4.5, 61)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    weights = np.exp(-(z**2).sum(1) / 2)
    weights /= weights.sum()

    def unpack(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return v[:2], np.array([[math.exp(v[2]), 0.0], [v[3], math.exp(v[4])]])

    def objective(v: np.ndarray) -> float:
        m, factor = unpack(v)
        return -math.log(2 * math.pi * math.e) - v[2] - v[4] - float(weights @ _log_mixture(m + z @ factor.T))

    fits = {"forward": (mean, cover, 0.0)}
    for name, start in (("best", [1.0, 0.5]), ("other", [-1.0, -0.5])):
        found = minimize(objective, [*start, 0, 0, 0])
        m, factor = unpack(found.x)
        fits[name] = (m, factor @ factor.T, float(found.fun))
    return fits


def _ellipses(ax: Axes, mean: np.ndarray, covariance: np.ndarray, colour: str, line: object) -> None:
    values, vectors = np.linalg.eigh(covariance)
    angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
    for k in (1, 2):
        size = 2 * k * np.sqrt(values[::-1])
        ax.add_patch(Ellipse(mean, *size, angle=angle, fill=False, ec=colour, lw=2.3, ls=line, zorder=4))
    ax.plot(*mean, "+", color=colour, ms=11, mew=2.3, zorder=5)


def fits(words: dict[str, str]) -> plt.Figure:
    """One Gaussian for two modes in the plane: what the two directions of KL choose."""
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 3.0), sharex=True, sharey=True, layout="constrained")
    x, y = np.linspace(-5.6, 5.6, 125), np.linspace(-4.1, 4.6, 97)
    points = np.stack(np.meshgrid(x, y), -1)
    density = np.exp(_log_mixture(points))
    shade = LinearSegmentedColormap.from_list("shade", ["#ffffff", "#dbe7ff", "#7ea6f5", REAL])
    found = plane_fits()
    for ax, title in zip(axes, ("forward", "reverse"), strict=True):
        ax.contourf(x, y, density, levels=np.linspace(0.03, 1, 12) * density.max(), cmap=shade, zorder=0)
        ax.set(aspect="equal", xlim=(-5.6, 5.6), ylim=(-4.1, 4.6), xticks=(), yticks=(), title=words[title])
        for spine in ax.spines.values():
            spine.set(visible=True, color=GRID)
    _ellipses(axes[0], *found["forward"][:2], FAKE, "-")
    for name, line in (("best", "-"), ("other", (0, (3, 2)))):
        _ellipses(axes[1], *found[name][:2], FAKE, line)
    (best, _, low), (other, _, high) = found["best"], found["other"]
    axes[1].text(best[0], best[1] + 2.35, rf"$\mathrm{{KL}}={low:.2f}$", ha="center", va="bottom", color=FAKE)
    axes[1].text(other[0], other[1] - 1.85, rf"$\mathrm{{KL}}={high:.2f}$", ha="center", va="top", color=FAKE)
    return figure


# ------------------------------------------------------------------------------------------------------ f-divergences


def _js(u: np.ndarray) -> np.ndarray:
    return (u * np.log(u) - (u + 1) * np.log((u + 1) / 2)) / 2


# The supporting line at 1 is taken off, so that all touch the axis there.
SIX = {
    "KL": (lambda u: u * np.log(u) - u + 1, SOFT, (0, (5, 2))),
    "swapped": (lambda u: -np.log(u) + u - 1, FAKE, (0, (5, 2))),
    r"$\chi^2$": (lambda u: (u - 1) ** 2, PLUM, "-"),
    "$H^2$": (lambda u: (np.sqrt(u) - 1) ** 2, INK, (0, (4, 1.5, 1, 1.5))),
    "TV": (lambda u: np.abs(u - 1) / 2, REAL, (0, (1.2, 1.2))),
    "JS": (_js, JUDGE, "-"),
}


def family(words: dict[str, str]) -> plt.Figure:
    """Left the six functions of the table, right one of them under its tangents."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 4.2), layout="constrained")
    u = np.linspace(1e-4, 4, 1201)
    for name, (f, colour, line) in SIX.items():
        left.plot(u, f(u), color=colour, ls=line, lw=2.3, label=words.get(name, name))
    left.set(xlim=(0, 4), ylim=(0, 2.2), xticks=range(5), yticks=(0, 1, 2), xlabel="$u$", ylabel="$f(u)$")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3, handlelength=2.6)
    v = np.linspace(1e-4, 3, 601)
    slopes = [math.log(2 * a / (a + 1)) / 2 for a in (0.03, 0.1, 0.2, 0.35, 0.55, 0.8, 1.2, 1.8, 3.0)]
    for t in slopes:
        right.plot(v, t * v + math.log(2 - math.exp(2 * t)) / 2, color=GRID, lw=1.4, zorder=1)
    at = 0.35
    t = math.log(2 * at / (at + 1)) / 2
    right.plot(v, t * v + math.log(2 - math.exp(2 * t)) / 2, color=FAKE, lw=2, zorder=3)
    right.plot(v, _js(v), color=JUDGE, lw=2.6, zorder=2)
    right.plot(at, _js(np.array(at)), "o", color=FAKE, ms=8, mec="white", mew=1, zorder=4)
    right.text(1.38, -0.19, "$tu-f^*(t)$", color=FAKE, ha="left", va="center", fontsize=15)
    right.text(0.42, 0.235, "$f$", color=JUDGE, fontsize=16)
    right.axhline(0, color=SOFT, lw=0.8, zorder=0)
    right.set(xlim=(0, 3), ylim=(-0.24, 0.36), xlabel="$u$", xticks=range(4), yticks=(0,))
    return figure


# ------------------------------------------------------------------------------------------------------------- the line


def line(words: dict[str, str]) -> plt.Figure:
    """W₁ as the area between two distribution functions, and as a matching of sorted points."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.4), layout="constrained")
    x = np.linspace(-3.6, 6.2, 491)
    f, g = norm.cdf(x, 0, 1), norm.cdf(x, 2.1, 1.7)
    left.fill_between(x, f, g, color=FAKE, alpha=0.14, lw=0)
    left.plot(x, f, color=REAL, lw=2.3)
    left.plot(x, g, color=FAKE, lw=2.3, ls="--")
    for level in np.linspace(0.1, 0.9, 7):
        start, end = norm.ppf(level), norm.ppf(level, 2.1, 1.7)
        arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.1, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 10}
        if abs(end - start) > 0.25:
            left.annotate("", (end, level), (start, level), arrowprops=arrow)
    left.text(-0.55, 0.62, "$F$", color=REAL, fontsize=16, ha="right")
    left.text(4.1, 0.74, "$G$", color=FAKE, fontsize=16)
    left.set(xlim=(-3.6, 6.2), ylim=(0, 1.02), yticks=(0, 0.5, 1), xticks=(-2, 0, 2, 4, 6), xlabel="$t$")
    chances = (np.arange(8) + 0.5) / 8
    points = norm.ppf(chances) + np.array([0.1, -0.1, -0.12, -0.06, 0.12, 0.16, 0.3, 0.2])
    others = norm.ppf(chances, 2.1, 1.7) + np.array([0.2, 0.1, -0.15, 0.1, 0.15, -0.1, 0.1, -0.2])
    for a, b in zip(points, others, strict=True):
        right.plot([a, b], [1, 0], color=SOFT, lw=1.4, zorder=1)
    right.plot(points, np.ones(8), "o", color=REAL, ms=9, mec="white", mew=1, clip_on=False, zorder=3)
    right.plot(others, np.zeros(8), "o", color=FAKE, ms=9, mec="white", mew=1, clip_on=False, zorder=3)
    right.text(-3.5, 1.0, "$x_{(i)}$", color=REAL, fontsize=14, va="center")
    right.text(-3.5, 0.0, "$y_{(i)}$", color=FAKE, fontsize=14, va="center")
    right.set(xlim=(-3.6, 6.2), ylim=(-0.16, 1.16), yticks=(), xticks=(-2, 0, 2, 4, 6), xlabel="$x,\\ y$")
    right.spines["left"].set_visible(False)
    return figure


FIGURES = {"sharpen": sharpen, "fits": fits, "family": family, "line": line}
PLAYERS = {"slide": slide, "valley": valley}

if __name__ == "__main__":
    drawing.write("01-distances", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"01-distances-{name}-{language}.png")
