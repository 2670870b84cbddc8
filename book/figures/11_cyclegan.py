"""Figures of chapter 11, in both languages: ``python book/figures/11_cyclegan.py [folder]``.

Every curve is the formula of a statement of the page; dots and bars are simulated.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import FAKE, GRID, INK, JUDGE, REAL, SOFT
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from ganlib import labels, viz

WORDS = {
    "en": {
        "honest": "honest",
        "swapped": "swaps",
        "hidden": "hides",
        "edge": "an edge",
        "line": "a thin line",
        "mean": "mean ($L_2$)",
        "median": "median ($L_1$)",
        "place": "pixel $t$",
        "windows": "windows on $256\\times256$",
        "width": "width of the window $r$",
        "told": r"JS$(\bar P_r\|\bar P_\theta)$",
        "noise": r"noise $\sigma$ (grey levels)",
        "error": "error of the phase",
        "guess": "guessing",
        "bits": "ceiling (bits)",
        "signal": "signal",
        "age": "age in steps",
        "share": "share",
        "law": "formula",
        "angle": "angle",
        "loss": "loss",
        "adversarial": "adversarial, cycle",
        "identity": "identity",
        "source": "$A$",
        "target": "$B$",
    },
    "zh": {
        "honest": "老实",
        "swapped": "调换",
        "hidden": "暗藏",
        "edge": "一条边缘",
        "line": "一条细线",
        "mean": "均值（$L_2$）",
        "median": "中位数（$L_1$）",
        "place": "像素 $t$",
        "windows": "$256\\times256$ 上的窗口",
        "width": "窗口宽度 $r$",
        "told": r"JS$(\bar P_r\|\bar P_\theta)$",
        "noise": r"噪声 $\sigma$（灰度级）",
        "error": "相位的误差",
        "guess": "随机猜测",
        "bits": "上限（比特）",
        "signal": "信号",
        "age": "年龄（步）",
        "share": "比例",
        "law": "公式",
        "angle": "转角",
        "loss": "损失",
        "adversarial": "对抗、循环",
        "identity": "恒等",
        "source": "$A$",
        "target": "$B$",
    },
}
RED, GREEN, GREY = "#c2410c", "#15803d", "#a8adb5"


# --------------------------------------------------------------------------------------------------- three translators


def three(words: dict[str, str]) -> plt.Figure:
    """Discs become squares and come back, by three translators whose round trips are perfect."""
    figure, ax = plt.subplots(figsize=(6.6, 4.6), layout="constrained")
    rows = (("honest", (RED, GREEN)), ("swapped", (GREEN, RED)), ("hidden", (GREY, GREY)))
    for r, (name, middle) in enumerate(rows):
        for k, (colour, between) in enumerate(zip((RED, GREEN), middle, strict=True)):
            y = -2.7 * r - 1.12 * k
            for x in (1.8, 7.4):
                ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fc="#f8fafc", ec=SOFT, lw=1))
                ax.add_patch(Circle((x, y), 0.33, fc=colour, ec="none"))
            ax.add_patch(Rectangle((4.1, y - 0.5), 1, 1, fc="#f8fafc", ec=SOFT, lw=1))
            ax.add_patch(Rectangle((4.3, y - 0.3), 0.6, 0.6, fc=between, ec="none"))
            if name == "hidden":
                for x in ((4.68, 4.98), (4.78, 4.88))[k]:  # another pattern of dots for each colour
                    ax.add_patch(Circle((x, y - 0.4), 0.045, fc=INK, ec="none", alpha=0.7))
            for start, end in ((2.45, 3.95), (5.25, 6.75)):
                ax.add_patch(
                    FancyArrowPatch((start, y), (end, y), arrowstyle="-|>", mutation_scale=14, color=SOFT, lw=1.3)
                )
        ax.text(-0.75, -2.7 * r - 0.56, words[name], ha="center", va="center", fontsize=13.5)
    for x, text in ((1.8, "$x$"), (4.6, "$G(x)$"), (7.4, "$F(G(x))$")):
        ax.text(x, 0.75, text, ha="center", va="bottom", fontsize=14)
    ax.set(xlim=(-1.8, 8.1), ylim=(-7.2, 1.25), aspect="equal")
    ax.axis("off")
    return figure


# --------------------------------------------------------------------------------------------------------- pixel losses


def edges(words: dict[str, str]) -> plt.Figure:
    """An edge and a thin line in uncertain places, their mean and their median."""
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 3.6), layout="constrained", sharey=True)
    t = np.linspace(-2, 2, 1601)
    samples = (-0.8, -0.35, 0.15, 0.7)
    width, delta = 1.0, 0.4
    ramp = np.clip((t + width) / (2 * width), 0, 1)
    before = np.clip((t - delta + width) / (2 * width), 0, 1)
    for ax, name, mean, median in (
        (axes[0], "edge", ramp, (t >= 0).astype(float)),
        (axes[1], "line", ramp - before, np.zeros_like(t)),
    ):
        for k, s in enumerate(samples):
            y = (t >= s) if name == "edge" else (t >= s) & (t < s + delta)
            ax.plot(t, y + 0.012 * k, color=SOFT, lw=0.9, alpha=0.8)
        ax.plot(t, mean, color=FAKE, lw=2.8, label=words["mean"])
        ax.plot(t, median, color=REAL, lw=2.8, ls="--", label=words["median"])
        ax.set(title=words[name], xlabel=words["place"], xlim=(-2, 2), ylim=(-0.07, 1.12), xticks=(-1, 0, 1))
        ax.set(yticks=(0, 1))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


# ------------------------------------------------------------------------------------------------------------- patches


def striped(h: int, r: int) -> dict[tuple, float]:
    """Law of a window of width r of regular stripes of width h in a random place."""
    period = (0,) * h + (1,) * h
    law: Counter = Counter()
    for phase in range(2 * h):
        law[tuple(period[(phase + i) % (2 * h)] for i in range(r))] += 1 / (2 * h)
    return dict(law)


def irregular(h: int, r: int) -> dict[tuple, float]:
    """The same of the Markov chain of order h − 1 with the same windows of width h."""
    wide, narrow = striped(h, h), striped(h, h - 1)
    if r <= h:
        return striped(h, r)
    law = {}
    for row in product((0, 1), repeat=r):
        p = wide.get(row[:h], 0.0)
        for i in range(1, r - h + 1):
            p = p * wide.get(row[i : i + h], 0.0) / narrow.get(row[i : i + h - 1], 1.0) if p else 0.0
        if p:
            law[row] = p
    return law


def js(p: dict, q: dict) -> float:
    total = 0.0
    for key in set(p) | set(q):
        a, b = p.get(key, 0.0), q.get(key, 0.0)
        total += sum(0.5 * v * math.log(2 * v / (a + b)) for v in (a, b) if v)
    return total


def patches(words: dict[str, str]) -> plt.Figure:
    """Windows of PatchGANs, and what windows can tell of stripes."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.9), layout="constrained")
    left.add_patch(Rectangle((0, 0), 256, 256, fc="#f8fafc", ec=SOFT))
    for size, colour, style in ((34, JUDGE, "-"), (70, REAL, "-"), (94, FAKE, "--"), (142, JUDGE, "-")):
        left.add_patch(Rectangle((14, 14), size, size, fill=False, ec=colour, lw=2.2, ls=style))
        left.text(14 + size - 3, 14 + size + 3, str(size), color=colour, ha="right", va="bottom", fontsize=11.5)
    left.set(title=words["windows"], xlim=(-3, 259), ylim=(-3, 259), aspect="equal")
    left.axis("off")
    r = np.arange(1, 13)
    for h, colour, mark in ((2, FAKE, "o"), (3, REAL, "s"), (4, JUDGE, "^")):
        told = [js(striped(h, k), irregular(h, k)) for k in r]
        right.plot(r, told, color=colour, marker=mark, ms=5, lw=2, label=f"$h={h}$")
    right.axhline(math.log(2), color=SOFT, lw=0.9, ls=":")
    right.set(xlabel=words["width"], title=words["told"], xlim=(0.6, 12.4), ylim=(-0.02, 0.74), xticks=(1, 4, 8, 12))
    right.set(yticks=(0, math.log(2)), yticklabels=("0", "log 2"))
    right.grid(axis="x", color=GRID, lw=0.8)
    right.legend(loc="upper left", handlelength=1.6)
    return figure


# -------------------------------------------------------------------------------------------------------- invisible ink


def hidden(words: dict[str, str]) -> plt.Figure:
    """The error of a hidden phase, and the ceiling of the information."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.9), layout="constrained")
    sigma = np.geomspace(0.3, 300, 200)
    guess = math.sqrt(1 / 12)
    rng = np.random.default_rng(0)
    for d, colour, mark in ((192, FAKE, "o"), (3072, REAL, "s"), (12288, JUDGE, "^")):
        left.plot(sigma, np.minimum(sigma / math.sqrt(12 * d), guess), color=colour, lw=2, label=f"$d={d}$")
        for s in (1, 4, 16, 64):
            if s / math.sqrt(12 * d) < guess:
                u = rng.random(500)
                noise = np.array([s * rng.normal(size=d).mean() for _ in range(500)])
                read = 0.5 + ((2 * u - 1) * math.sqrt(3) + noise) / (2 * math.sqrt(3))
                left.plot(s, math.sqrt(((read - u) ** 2).mean()), mark, color=colour, ms=5.5)
    left.axhline(guess, color=SOFT, lw=0.9, ls=":")
    left.text(0.35, guess * 1.1, words["guess"], color=SOFT, fontsize=11.5)
    left.set(xscale="log", yscale="log", xlabel=words["noise"], title=words["error"], xlim=(0.3, 300), ylim=(5e-4, 0.7))
    left.legend(loc="lower right", handlelength=1.4, fontsize=11)
    for level, colour, style in ((0.25, JUDGE, "-"), (1, REAL, "--"), (4, FAKE, "-.")):
        bits = 12288 / 2 * np.log2(1 + level**2 / sigma**2)
        right.plot(sigma, bits, color=colour, ls=style, lw=2.2, label=f"{level:g}")
    right.set(xscale="log", yscale="log", xlabel=words["noise"], title=words["bits"], xlim=(0.3, 300), ylim=(0.5, 2e5))
    right.grid(color=GRID, lw=0.8)
    right.legend(loc="upper right", handlelength=2, title=words["signal"], fontsize=11, title_fontsize=11)
    return figure


# ----------------------------------------------------------------------------------------------------------- the buffer


def pool(words: dict[str, str]) -> plt.Figure:
    """Ages of the pictures that the history buffer shows."""
    rng, size, n = np.random.default_rng(0), 50, 60_000
    stored, ages = list(range(size)), []
    for new in range(size, n):
        out = new
        if rng.random() < 0.5:
            k = rng.integers(size)
            out, stored[k] = stored[k], new
        if new > 1000:
            ages.append(new - out)
    ages = np.array(ages)
    figure, ax = plt.subplots(figsize=(6.6, 3.3), layout="constrained")
    edges_ = np.arange(0, 401, 20)
    counts = np.array([((ages > a) & (ages <= a + 20)).mean() for a in edges_[:-1]])
    ax.bar(edges_[:-1] + 10, counts, width=17, color=REAL, alpha=0.75)
    ax.bar([-10], [(ages == 0).mean()], width=8, color=FAKE)
    rho = 1 / (2 * size)
    law = 0.5 * ((1 - rho) ** edges_[:-1] - (1 - rho) ** edges_[1:])
    ax.plot(edges_[:-1] + 10, law, "o", color=INK, ms=5.5, label=words["law"])
    ax.plot([-10], [0.5], "o", color=INK, ms=5.5)
    ax.set(xlabel=words["age"], ylabel=words["share"], xlim=(-22, 402), ylim=(0, 0.55), yticks=(0, 0.25, 0.5))
    ax.set(xticks=(-10, 100, 200, 300, 400), xticklabels=("0", "100", "200", "300", "400"))
    ax.legend(loc="upper right")
    return figure


# ------------------------------------------------------------------------------------------------------- automorphisms


def ring(words: dict[str, str], lang: str) -> viz.Player:
    """Every turn of the target ring is a translator with the same two losses."""
    n = 60
    phi = 2 * math.pi * np.arange(n) / n
    a = 0.45 * np.stack([np.cos(phi), np.sin(phi)], 1)
    colours = plt.get_cmap("hsv")(phi / (2 * math.pi))
    turns = np.linspace(0, 2 * math.pi, 200)
    frames = []
    for degree in range(0, 361, 20):
        t = math.radians(degree)
        b = np.stack([np.cos(phi + t), np.sin(phi + t)], 1)
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(6.6, 3.3), dpi=96, layout="constrained", width_ratios=(1, 1.15)
        )
        for k in range(0, n, 10):
            left.plot(*np.stack([a[k], b[k]]).T, color=SOFT, lw=1, alpha=0.7, zorder=1)
        left.scatter(*a.T, c=colours, s=34, zorder=3)
        left.scatter(*b.T, c=colours, s=62, zorder=3)
        left.text(0, 0, words["source"], ha="center", va="center", fontsize=13)
        left.text(0.83, 0.83, words["target"], ha="center", va="center", fontsize=13)
        left.set(xlim=(-1.12, 1.12), ylim=(-1.12, 1.12), aspect="equal")
        left.axis("off")
        right.plot(np.degrees(turns), 2 * np.abs(np.sin(turns / 2)), color=FAKE, lw=2.2, label=words["identity"])
        right.plot(np.degrees(turns), 0 * turns, color=REAL, lw=2.4, label=words["adversarial"])
        right.plot(degree, 2 * abs(math.sin(t / 2)), "o", color=INK, ms=9, zorder=5)
        right.plot(degree, 0, "o", color=INK, ms=9, zorder=5)
        right.set(xlabel=words["angle"], title=words["loss"], xlim=(-8, 368), ylim=(-0.12, 2.9))
        right.set(xticks=(0, 90, 180, 270, 360), xticklabels=("0°", "90°", "180°", "270°", "360°"), yticks=(0, 1, 2))
        right.grid(color=GRID, lw=0.8)
        right.legend(loc="upper center", ncols=1, handlelength=1.6, fontsize=11.5)
        frames.append((degree, figure))
        plt.close(figure)
    labels.use(lang)

    def caption(degree: int) -> str:
        value = 2 * abs(math.sin(math.radians(degree) / 2))
        if lang == "zh":
            return f"{words['angle']} {degree}°：对抗 0，循环 0，恒等 {value:.2f}"
        return f"{words['angle']} {degree}°: adversarial 0, cycle 0, identity {value:.2f}"

    return viz.player(frames, caption=caption, seconds=10)


FIGURES = {"three": three, "edges": edges, "patches": patches, "hidden": hidden, "pool": pool}
PLAYERS = {"ring": ring}

if __name__ == "__main__":
    drawing.write("11-cyclegan", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"11-cyclegan-{name}-{language}.png")
