"""Figures of chapter 12, in both languages: ``python book/figures/12_progan.py [folder]``.

The faces are avatars of the library; the dots of the learning rates are steps that Adam took.
"""

from __future__ import annotations

import math

import drawing
import matplotlib.pyplot as plt
import numpy as np
import torch
from drawing import FAKE, GRID, INK, JUDGE, REAL, SOFT
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle

import ganlib
from ganlib import labels, viz

WORDS = {
    "en": {
        "generator": "generator",
        "discriminator": "discriminator",
        "old": "old blocks",
        "block": "new block",
        "to": "to RGB",
        "from": "from RGB",
        "image": "image",
        "up": "enlarge",
        "down": "average",
        "score": "score",
        "picture": "$x_{}$",
        "detail": "$h_{}$",
        "moved": "relative change in the first step",
        "usual": "usual",
        "equalised": "equalised",
        "first": "from RGB, 3",
        "thin": "3×3, 16 ch.",
        "middle": "3×3, 128 ch.",
        "wide": "3×3, 512 ch.",
        "dense": "dense, 8192",
        "last": "last, 512",
        "tile": "strided, repeat",
        "interleave": "blocks, repeat_interleave",
        "wrong": "strided, repeat_interleave",
        "part": "detail in the score, at most",
        "faded": r"faded, $\alpha^2$",
        "sharp": r"not faded, $\alpha$",
    },
    "zh": {
        "generator": "生成器",
        "discriminator": "判别器",
        "old": "旧的块",
        "block": "新的块",
        "to": "toRGB",
        "from": "fromRGB",
        "image": "图像",
        "up": "放大",
        "down": "取平均",
        "score": "分数",
        "picture": "$x_{}$",
        "detail": "$h_{}$",
        "moved": "第一步的相对变化",
        "usual": "通常",
        "equalised": "均衡",
        "first": "fromRGB，3",
        "thin": "3×3，16 通道",
        "middle": "3×3，128 通道",
        "wide": "3×3，512 通道",
        "dense": "全连接，8192",
        "last": "末层，512",
        "tile": "间隔分组，repeat",
        "interleave": "连续分组，repeat_interleave",
        "wrong": "间隔分组，repeat_interleave",
        "part": "细节对分数的影响，上限",
        "faded": r"真图淡入，$\alpha^2$",
        "sharp": r"真图不淡入，$\alpha$",
    },
}


def up(x: torch.Tensor) -> torch.Tensor:
    return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


def down(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(x, 2)


def faces(n: int) -> torch.Tensor:
    """Avatars (n, 3, 32, 32) in [0, 1]."""
    return ganlib.load("avatars", size=32, n=n).pixels.float() / 255


def shown(x: torch.Tensor) -> np.ndarray:
    return x.permute(1, 2, 0).clamp(0, 1).numpy()


# ------------------------------------------------------------------------------------------------------------- pyramid


def pyramid(words: dict[str, str]) -> plt.Figure:
    """The levels of one avatar and the details between them."""
    levels = [faces(3)[2]]
    while levels[0].shape[-1] > 4:
        levels.insert(0, down(levels[0]))
    figure, axes = plt.subplots(2, 4, figsize=(6.6, 3.75), layout="constrained")
    for k, level in enumerate(levels):
        axes[0, k].imshow(shown(level), interpolation="nearest")
        axes[0, k].set_title(words["picture"].format(k), fontsize=14)
        if k:
            axes[1, k].imshow(shown(0.5 + level - up(levels[k - 1])), interpolation="nearest")
            axes[1, k].set_title(words["detail"].format(k), fontsize=14)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    axes[1, 0].axis("off")
    return figure


# -------------------------------------------------------------------------------------------------------------- growth


def box(ax: plt.Axes, x: float, y: float, text: str, colour: str, width: float = 2.0) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - 0.32),
            width,
            0.64,
            boxstyle="round,pad=0.02,rounding_size=0.14",
            fc="white",
            ec=colour,
            lw=2,
        )
    )
    ax.text(x, y, text, ha="center", va="center", fontsize=13, color=INK)


def arrow(ax: plt.Axes, *points: tuple[float, float], colour: str = SOFT) -> None:
    for start, end in zip(points[:-2], points[1:-1], strict=True):
        ax.plot(*zip(start, end, strict=True), color=colour, lw=1.6, solid_capstyle="round")
    ax.add_patch(
        FancyArrowPatch(*points[-2:], arrowstyle="-|>", mutation_scale=14, color=colour, lw=1.6, shrinkA=0, shrinkB=0)
    )


def plus(ax: plt.Axes, x: float, y: float) -> None:
    ax.add_patch(Circle((x, y), 0.26, fc="white", ec=INK, lw=1.6))
    ax.text(x, y, "+", ha="center", va="center", fontsize=15)


def growth(words: dict[str, str]) -> plt.Figure:
    """Both networks in the middle of a fade, read from below."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 5.6), layout="constrained")
    # Generator.
    left.text(0, 0.1, "$z$", ha="center", va="center", fontsize=15)
    arrow(left, (0, 0.35), (0, 0.88))
    box(left, 0, 1.2, words["old"], SOFT)
    arrow(left, (0, 1.52), (0, 1.85), (-1.25, 1.85), (-1.25, 2.28))
    arrow(left, (0, 1.52), (0, 1.85), (1.25, 1.85), (1.25, 2.28), colour=FAKE)
    box(left, -1.25, 2.6, words["to"], SOFT)
    box(left, 1.25, 2.6, words["block"], FAKE)
    arrow(left, (-1.25, 2.92), (-1.25, 3.48))
    arrow(left, (1.25, 2.92), (1.25, 3.48), colour=FAKE)
    box(left, -1.25, 3.8, words["up"], SOFT)
    box(left, 1.25, 3.8, words["to"], FAKE)
    arrow(left, (-1.25, 4.12), (-1.25, 4.9), (-0.28, 4.9))
    arrow(left, (1.25, 4.12), (1.25, 4.9), (0.28, 4.9), colour=FAKE)
    plus(left, 0, 4.9)
    arrow(left, (0, 5.16), (0, 5.65))
    left.text(0, 5.9, words["image"], ha="center", va="center", fontsize=13)
    # Discriminator.
    right.text(0, 0.1, words["image"], ha="center", va="center", fontsize=13)
    arrow(right, (0, 0.35), (0, 0.6), (-1.25, 0.6), (-1.25, 1.08))
    arrow(right, (0, 0.35), (0, 0.6), (1.25, 0.6), (1.25, 1.08), colour=JUDGE)
    box(right, -1.25, 1.4, words["down"], SOFT)
    box(right, 1.25, 1.4, words["from"], JUDGE)
    arrow(right, (-1.25, 1.72), (-1.25, 2.28))
    arrow(right, (1.25, 1.72), (1.25, 2.28), colour=JUDGE)
    box(right, -1.25, 2.6, words["from"], SOFT)
    box(right, 1.25, 2.6, words["block"], JUDGE)
    arrow(right, (-1.25, 2.92), (-1.25, 3.7), (-0.28, 3.7))
    arrow(right, (1.25, 2.92), (1.25, 3.7), (0.28, 3.7), colour=JUDGE)
    plus(right, 0, 3.7)
    arrow(right, (0, 3.96), (0, 4.48))
    box(right, 0, 4.8, words["old"], SOFT)
    arrow(right, (0, 5.12), (0, 5.65))
    right.text(0, 5.9, words["score"], ha="center", va="center", fontsize=13)
    for ax, y, name in ((left, 4.9, "generator"), (right, 3.7, "discriminator")):
        ax.text(-0.78, y + 0.22, r"$1-\alpha$", ha="center", fontsize=13)
        ax.text(0.78, y + 0.22, r"$\alpha$", ha="center", fontsize=13)
        ax.set(xlim=(-2.45, 2.45), ylim=(-0.2, 6.2), title=words[name])
        ax.axis("off")
    return figure


# --------------------------------------------------------------------------------------------------------------- rates


def first_step(inputs: int, outputs: int, gain: float, equalised: bool) -> float:
    """Relative length of Adam's first step in a layer's weights, for a random gradient."""
    generator = torch.Generator().manual_seed(inputs)
    c = gain / math.sqrt(inputs)
    v = torch.randn(outputs, inputs, generator=generator)
    weight = (v if equalised else c * v).requires_grad_()
    adam = torch.optim.Adam([weight], 1e-3, (0.0, 0.99))
    before = weight.detach().clone()
    weight.grad = torch.randn(outputs, inputs, generator=generator)
    adam.step()
    return float((weight.detach() - before).norm() / before.norm())


def rates(words: dict[str, str]) -> plt.Figure:
    """Relative change of each layer in the first step."""
    figure, ax = plt.subplots(figsize=(6.6, 3.9), layout="constrained")
    layers = (
        ("first", 3, math.sqrt(2)),
        ("thin", 144, math.sqrt(2)),
        ("middle", 1152, math.sqrt(2)),
        ("wide", 4608, math.sqrt(2)),
        ("dense", 8192, math.sqrt(2)),
        ("last", 512, 1.0),
    )
    for k, (_, n, gain) in enumerate(layers):
        usual = 1e-3 * math.sqrt(n) / gain
        ax.barh(
            k - 0.19, usual - 5e-4, 0.34, left=5e-4, color=FAKE, alpha=0.55, label=words["usual"] if not k else None
        )
        ax.barh(k + 0.19, 5e-4, 0.34, left=5e-4, color=REAL, alpha=0.55, label=words["equalised"] if not k else None)
        ax.plot(first_step(n, 64, gain, False), k - 0.19, "o", color=INK, ms=6)
        ax.plot(first_step(n, 64, gain, True), k + 0.19, "o", color=INK, ms=6)
    ax.set(xscale="log", xlim=(5e-4, 0.12), xlabel=words["moved"], ylim=(len(layers) - 0.4, -0.6))
    ax.set(yticks=range(len(layers)), yticklabels=[words[name] for name, *_ in layers])
    ax.set(xticks=(1e-3, 1e-2, 1e-1), xticklabels=("0.001", "0.01", "0.1"))
    ax.grid(axis="x", color=GRID, lw=0.8)
    ax.set_axisbelow(True)
    ax.legend(loc="upper right")
    return figure


# -------------------------------------------------------------------------------------------------------------- groups


def groups(words: dict[str, str]) -> plt.Figure:
    """Which samples form a group, and which number comes back to them."""
    figure, ax = plt.subplots(figsize=(6.6, 4.3), layout="constrained")
    colours = (REAL, FAKE, JUDGE)
    strided, blocks = [i % 3 for i in range(12)], [i // 4 for i in range(12)]
    for row, (name, own, given) in enumerate(
        (("tile", strided, strided), ("interleave", blocks, blocks), ("wrong", strided, blocks))
    ):
        y = -2.5 * row
        ax.text(-0.45, y + 0.72, words[name], ha="left", va="bottom", fontsize=13)
        for i, (a, b) in enumerate(zip(own, given, strict=True)):
            ax.add_patch(Rectangle((i - 0.44, y - 0.34), 0.88, 0.88, fc=colours[a], ec="none"))
            ax.text(i, y + 0.1, str(i), color="white", ha="center", va="center", fontsize=12)
            ax.add_patch(Rectangle((i - 0.44, y - 0.82), 0.88, 0.36, fc=colours[b], ec="none"))
            if a != b:
                ax.text(i, y - 0.65, "×", color="white", ha="center", va="center", fontsize=15)
    ax.set(xlim=(-0.6, 11.6), ylim=(-6, 1.5), aspect="equal")
    ax.axis("off")
    return figure


# ---------------------------------------------------------------------------------------------------------------- fade


def fade(words: dict[str, str], lang: str) -> viz.Player:
    """Real pictures in a fade, and what the detail may contribute to the score."""
    x = faces(6)
    coarse = up(down(x))
    whole = (x - coarse).square().mean().sqrt()
    t = np.linspace(0, 1, 101)
    frames = []
    for step in range(0, 21):
        alpha = step / 20
        picture = coarse + alpha * (x - coarse)
        figure = plt.figure(figsize=(6.6, 3.4), dpi=96, layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        rows = [torch.cat([bordered(p) for p in picture[3 * r : 3 * r + 3]], dim=2) for r in range(2)]
        left.imshow(shown(torch.cat(rows, dim=1)), interpolation="nearest")
        left.axis("off")
        right.plot(t, t, color=FAKE, lw=2.4, ls="--", label=words["sharp"])
        right.plot(t, t**2, color=REAL, lw=2.4, label=words["faded"])
        share = float((picture - up(down(picture))).square().mean().sqrt() / whole)  # measured
        right.plot(alpha, alpha, "o", color=FAKE, ms=8, zorder=5)
        right.plot(alpha, share * alpha, "o", color=REAL, ms=8, zorder=5)
        right.set(xlabel=r"$\alpha$", title=words["part"], xlim=(-0.04, 1.04), ylim=(-0.04, 1.38))
        right.set(xticks=(0, 0.5, 1), xticklabels=("0", "0.5", "1"), yticks=(0, 0.5, 1), yticklabels=("0", "0.5", "1"))
        right.grid(color=GRID, lw=0.8)
        right.legend(loc="upper left", handlelength=1.8, fontsize=11)
        frames.append((alpha, figure))
        plt.close(figure)
    labels.use(lang)

    def caption(alpha: float) -> str:
        if lang == "zh":
            return f"α = {alpha:.2f}：真图淡入 {alpha * alpha:.2f}，不淡入 {alpha:.2f}"
        return f"α = {alpha:.2f}: faded {alpha * alpha:.2f}, not faded {alpha:.2f}"

    return viz.player(frames, caption=caption, seconds=8)


def bordered(p: torch.Tensor) -> torch.Tensor:
    """A picture with a thin white border."""
    return torch.nn.functional.pad(p, (1, 1, 1, 1), value=1.0)


FIGURES = {"pyramid": pyramid, "growth": growth, "rates": rates, "groups": groups}
PLAYERS = {"fade": fade}

if __name__ == "__main__":
    drawing.write("12-progan", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"12-progan-{name}-{language}.png")
