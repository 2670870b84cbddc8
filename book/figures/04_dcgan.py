"""Figures of chapter 04, in both languages: ``python book/figures/04_dcgan.py [folder]``.

Matrices, counts and pictures are computed by the layers that the reader runs: a column of a matrix is what
``torch.nn.functional`` makes of a unit vector, and the networks are those of ``ganlib.models.dcgan``.
"""

from __future__ import annotations

import drawing
import matplotlib.pyplot as plt
import numpy as np
import torch
from drawing import FAKE, INK, JUDGE, REAL, SOFT
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.patches import FancyArrowPatch, Polygon, Rectangle
from scipy.stats import chi
from torch.nn import functional as F

import ganlib
from ganlib import labels, viz
from ganlib.models.dcgan import DCGANDiscriminator, DCGANGenerator

PAPER, LINE = "#f8fafc", "#cbd5e1"
TAPS = ("#1d4ed8", "#0f766e", "#c2410c")  # the rows of a kernel; its columns are lighter and lighter
PAINT = LinearSegmentedColormap.from_list("paint", ["#ffffff", "#fdba74", FAKE, "#7c2d12"])

WORDS = {
    "en": {
        "input": "input",
        "matrix_2d": r"$3\times3$ kernel on $4\times4$ pixels, stride 1: $A$",
        "matrix_1d": r"kernel of 3, stride 2, padding 1: $A$",
        "transposed": r"its transpose $A^{\mathsf{T}}$: 3 become 5",
        "wide": "stride 1, padding 0: wide",
        "fractional": "stride 2, padding 1: zeros between",
        "counts": "how many products reach a pixel",
        "constant": "a constant image through random kernels",
        "resize": "resize,\nthen $3\\times3$",
        "generator": "generator",
        "discriminator": "discriminator",
        "generator layers": "transposed: k = 4, s = 2, p = 1; BN, ReLU; at the end tanh",
        "discriminator layers": "k = 4, s = 2, p = 1; BN but in the first, LeakyReLU",
        "contrast": "contrast $c$ of the whole batch",
        "change": r"mean $|a(cx)-a(x)|$",
        "without": "without offset",
        "with": "with offset",
        "norm": r"length $\|Z\|$",
        "density": "density",
        "shell": "latent $z$",
        "even": "$k=4$, stride 2",
        "odd": "$k=3$, stride 2",
        "done": "{} of 16 stamps",
        "cropped": "p = 1: border cut off",
    },
    "zh": {
        "input": "输入",
        "matrix_2d": r"$4\times4$ 像素，$3\times3$ 卷积核，步幅 1：矩阵 $A$",
        "matrix_1d": r"卷积核长 3，步幅 2，填充 1：$A$",
        "transposed": r"转置 $A^{\mathsf{T}}$：3 个变 5 个",
        "wide": "步幅 1，填充 0：宽卷积",
        "fractional": "步幅 2，填充 1：中间插零",
        "counts": "每个像素由几个乘积相加而成",
        "constant": "常值图像经过随机卷积核",
        "resize": "先放大，\n再 $3\\times3$",
        "generator": "生成器",
        "discriminator": "判别器",
        "generator layers": "转置卷积 k = 4，s = 2，p = 1；BN、ReLU；末层 tanh",
        "discriminator layers": "卷积 k = 4，s = 2，p = 1；首层无 BN；LeakyReLU",
        "contrast": "整批图像的对比度 $c$",
        "change": r"$|a(cx)-a(x)|$ 的均值",
        "without": "首层无偏置",
        "with": "首层有偏置",
        "norm": r"长度 $\|Z\|$",
        "density": "密度",
        "shell": "隐变量 $z$",
        "even": "$k=4$，步幅 2",
        "odd": "$k=3$，步幅 2",
        "done": "已盖 {} / 16 个印",
        "cropped": "p = 1：裁去边缘",
    },
}


def _lighter(colour: str, share: float) -> tuple[float, float, float]:
    return tuple(1 - (1 - channel) * share for channel in to_rgb(colour))


def _cell(ax: Axes, x: float, y: float, face, edge=LINE, lw: float = 0.8, zorder: float = 2) -> None:
    ax.add_patch(Rectangle((x, y), 1, 1, fc=face, ec=edge, lw=lw, zorder=zorder))


def _bare(ax: Axes, width: float, height: float) -> None:
    """A panel of cells: x to the right, y down."""
    ax.set(xlim=(-0.15, width + 0.15), ylim=(height + 0.15, -0.15), aspect="equal")
    ax.axis("off")


# --------------------------------------------------------------------------------------------------- as a matrix


def _matrix(n: int, k: int, stride: int, padding: int, plane: bool) -> np.ndarray:
    """Which tap stands where, 1 … k (or k²), 0 for none: what the layer makes of unit vectors; its kernel is 1, 2, …"""
    if plane:
        kernel = torch.arange(1.0, k * k + 1).view(1, 1, k, k)
        unit = torch.eye(n * n).view(n * n, 1, n, n)
        return F.conv2d(unit, kernel, stride=stride, padding=padding).flatten(1).T.numpy()
    kernel = torch.arange(1.0, k + 1).view(1, 1, k)
    return F.conv1d(torch.eye(n)[:, None], kernel, stride=stride, padding=padding)[:, 0].T.numpy()


def _tap(number: int, plane: bool) -> tuple[str, tuple]:
    """The name and the colour of a tap."""
    row, column = divmod(number - 1, 3)
    if plane:
        return rf"$w_{{{row}{column}}}$", _lighter(TAPS[row], (1.0, 0.72, 0.45)[column])
    return rf"$w_{column}$", TAPS[column]


def _draw_matrix(ax: Axes, taps: np.ndarray, plane: bool, size: float, blocks: int = 0) -> None:
    for (i, j), number in np.ndenumerate(taps):
        if number:
            name, colour = _tap(int(number), plane)
            dark = sum(to_rgb(colour)) < 1.75
            _cell(ax, j, i, colour, "white")
            ax.text(j + 0.5, i + 0.53, name, color="white" if dark else INK, ha="center", va="center", fontsize=size)
        else:
            _cell(ax, j, i, PAPER, "#e2e8f0", 0.6)
    rows, columns = taps.shape
    if blocks:
        for at in range(0, columns + 1, blocks):
            ax.plot([at, at], [0, rows], color=INK, lw=1.1, zorder=4)
        for at in range(0, rows + 1, 2):
            ax.plot([0, columns], [at, at], color=INK, lw=1.1, zorder=4)
    _bare(ax, columns, rows)


def matrices(words: dict[str, str]) -> plt.Figure:
    """Above the doubly block Toeplitz matrix of a 3×3 kernel; below a strided one and its transpose."""
    figure = plt.figure(figsize=(6.6, 5.3))
    top = figure.add_axes((0.01, 0.6, 0.98, 0.31))
    _draw_matrix(top, _matrix(4, 3, 1, 0, True), True, 11.5, blocks=4)
    figure.text(0.5, 0.945, words["matrix_2d"], ha="center", va="center")
    strided = _matrix(5, 3, 2, 1, False)
    left, right = figure.add_axes((0.02, 0.08, 0.48, 0.36)), figure.add_axes((0.56, 0.02, 0.4, 0.46))
    _draw_matrix(left, strided, False, 15)
    _draw_matrix(right, strided.T, False, 15)
    figure.text(0.26, 0.525, words["matrix_1d"], ha="center", va="center")
    figure.text(0.76, 0.525, words["transposed"], ha="center", va="center")
    return figure


# ------------------------------------------------------------------------------------------------------ two views


def views(words: dict[str, str]) -> plt.Figure:
    """2×2 → 4×4 and 3×3 → 5×5 as convolutions of padded pictures."""
    figure = plt.figure(figsize=(6.6, 4.5))
    for column, (m, stride, border, title) in enumerate(((2, 1, 2, "wide"), (3, 2, 1, "fractional"))):
        spread = stride * (m - 1) + 1
        side, out = spread + 2 * border, spread + 2 * border - 2
        ax = figure.add_axes((0.02 + 0.5 * column, 0.4, 0.46, 0.5))
        for i in range(side):
            for j in range(side):
                inside = border <= i < side - border and border <= j < side - border
                true = inside and (i - border) % stride == 0 and (j - border) % stride == 0
                _cell(ax, j, i, REAL if true else ("#dbeafe" if inside else PAPER), "#94a3b8")
                if not true:
                    ax.text(j + 0.5, i + 0.52, "0", ha="center", va="center", color="#94a3b8", fontsize=11)
        row, col = (0, 0) if column == 0 else (2, 2)
        ax.add_patch(Rectangle((col, row), 3, 3, fill=False, ec="white", lw=5.5, zorder=4))
        ax.add_patch(Rectangle((col, row), 3, 3, fill=False, ec=FAKE, lw=3.2, zorder=5))
        _bare(ax, side, side)
        below = figure.add_axes((0.02 + 0.5 * column, 0.03, 0.46, 0.26))
        for i in range(out):
            for j in range(out):
                _cell(below, j, i, FAKE if (i, j) == (row, col) else "#ffedd5", "#fdba74")
        _bare(below, out, out)
        figure.text(0.25 + 0.5 * column, 0.945, words[title], ha="center", va="center")
        arrow = FancyArrowPatch(
            (0.25 + 0.5 * column, 0.39), (0.25 + 0.5 * column, 0.3), transform=figure.transFigure, color=SOFT
        )
        arrow.set(arrowstyle="-|>", mutation_scale=15, linewidth=1.6)
        figure.add_artist(arrow)
        figure.text(
            0.28 + 0.5 * column, 0.345, rf"${m}\times{m}\,\to\,{out}\times{out}$", ha="left", va="center", color=INK
        )
    return figure


# --------------------------------------------------------------------------------------------------- checkerboards


def _counts(k: int, stride: int) -> np.ndarray:
    out = F.conv_transpose2d(torch.ones(1, 1, 12, 12), torch.ones(1, 1, k, k), stride=stride)[0, 0].numpy()
    return out[6:18, 6:18]


def checkerboards(words: dict[str, str]) -> plt.Figure:
    """Above: taps per pixel. Below: a constant image through random kernels, and through a resize-convolution."""
    figure, axes = plt.subplots(2, 4, figsize=(6.6, 4.55))
    figure.subplots_adjust(0.015, 0.01, 0.985, 0.865, wspace=0.1, hspace=0.52)
    for ax, (k, stride) in zip(axes[0], ((3, 2), (4, 2), (5, 2), (5, 3)), strict=True):
        counts = _counts(k, stride)
        ax.imshow(counts, cmap=PAINT, vmin=0, vmax=11)
        for (i, j), count in np.ndenumerate(counts[:6, :6]):
            dark = count > 4
            ax.text(j, i, int(count), ha="center", va="center", fontsize=9.5, color="white" if dark else INK)
        ax.set(xlim=(-0.5, 5.5), ylim=(5.5, -0.5))
        ax.set_title(rf"$k={k},\ s={stride}$", pad=5)
    torch.manual_seed(3)
    pictures = []
    for k in (3, 4, 5):
        kernel = 0.02 * torch.randn(64, 1, k, k)  # 64 channels into one: a last layer of the generator
        image = torch.rand(64).view(1, 64, 1, 1).expand(1, 64, 14, 14)
        pictures.append((rf"$k={k},\ s=2$", F.conv_transpose2d(image, kernel, stride=2)[0, 0, 7:19, 7:19]))
    kernel = 0.02 * torch.randn(1, 64, 3, 3)
    enlarged = F.interpolate(torch.rand(64).view(1, 64, 1, 1).expand(1, 64, 14, 14), scale_factor=2)
    pictures.append((words["resize"], F.conv2d(enlarged, kernel, padding=1)[0, 0, 7:19, 7:19]))
    for ax, (title, picture) in zip(axes[1], pictures, strict=True):
        ax.imshow(picture - picture.mean(), cmap="gray", vmin=-0.3, vmax=0.3)
        ax.set_title(title, pad=5)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        for side in ax.spines.values():
            side.set(visible=True, color=SOFT)
    figure.text(0.5, 0.968, words["counts"], ha="center", va="center", color=SOFT)
    figure.text(0.5, 0.49, words["constant"], ha="center", va="center", color=SOFT)
    return figure


def stamps(words: dict[str, str], lang: str) -> viz.Player:
    """Pixel after pixel of a 4×4 input stamps its kernel of ones onto the output, for k = 3 and k = 4."""
    frames = []
    m, stride = 4, 2
    for done in range(0, 18):
        figure, axes = plt.subplots(1, 3, figsize=(6.6, 3.0), dpi=96, width_ratios=(4.6, 9, 10))
        figure.subplots_adjust(0.015, 0.02, 0.985, 0.86, wspace=0.08)
        shown = min(done, 16)
        image = torch.zeros(1, 1, m, m)
        image.view(-1)[:shown] = 1
        for i in range(m):
            for j in range(m):
                number = m * i + j
                face = FAKE if number == done - 1 else ("#fed7aa" if number < shown else "white")
                _cell(axes[0], j, i, face, SOFT)
        _bare(axes[0], m, m)
        axes[0].set_title(words["input"])
        for ax, k, title in zip(axes[1:], (3, 4), ("odd", "even"), strict=True):
            side = stride * (m - 1) + k
            counts = F.conv_transpose2d(image, torch.ones(1, 1, k, k), stride=stride)[0, 0].numpy()
            for (i, j), count in np.ndenumerate(counts):
                _cell(ax, j, i, PAINT(count / 7), LINE)
                if count:
                    colour = INK if count < 3 else "white"
                    ax.text(j + 0.5, i + 0.53, int(count), ha="center", va="center", fontsize=10, color=colour)
            if 0 < done <= 16:
                row, column = divmod(done - 1, m)
                ax.add_patch(Rectangle((stride * column, stride * row), k, k, fill=False, ec=INK, lw=2.4, zorder=6))
            if done == 17:
                for x, y, w, h in ((0, 0, side, 1), (0, side - 1, side, 1), (0, 0, 1, side), (side - 1, 0, 1, side)):
                    ax.add_patch(Rectangle((x, y), w, h, fc="white", alpha=0.82, ec="none", zorder=5))
                ax.add_patch(Rectangle((1, 1), side - 2, side - 2, fill=False, ec=INK, lw=2.4, zorder=6))
            _bare(ax, side, side)
            ax.set_title(words[title])
        frames.append((done, figure))
        plt.close(figure)
    labels.use(lang)
    return viz.player(
        frames, caption=lambda done: words["cropped"] if done == 17 else words["done"].format(done), seconds=9
    )


# ---------------------------------------------------------------------------------------------------- architecture


def _block(ax: Axes, x: float, y: float, side: int, channels: int, colour: str) -> float:
    """A slab in perspective: height of the picture's side, thickness of its channels. Returns its right end."""
    height, thick = 0.62 + 0.036 * side, 0.16 + 0.00195 * channels
    lean = 0.36 * height
    low, right = y - height / 2 - lean / 4, x + thick
    top = low + height
    faces = (
        ([(x, low), (right, low), (right, top), (x, top)], 0.95),
        ([(x, top), (right, top), (right + lean, top + lean / 2), (x + lean, top + lean / 2)], 0.35),
        ([(right, low), (right + lean, low + lean / 2), (right + lean, top + lean / 2), (right, top)], 0.6),
    )
    for corners, share in faces:
        ax.add_patch(Polygon(corners, closed=True, fc=_lighter(colour, share), ec="white", lw=0.9, zorder=3))
    return right + lean


def _shapes(network: torch.nn.Module, h: torch.Tensor) -> list[tuple[int, ...]]:
    """The shape of the input and of what each layer that changes it makes, read off a pass."""
    found = [tuple(h.shape[1:])]
    with torch.no_grad():
        for layer in network.layers:
            h = layer(h)
            if isinstance(layer, torch.nn.Unflatten | torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                found.append(tuple(h.shape[1:]))
    return found


def architecture(words: dict[str, str]) -> plt.Figure:
    """G above, D below, mirrored; every shape is read off the library's networks with their 64×64 images."""
    figure, ax = plt.subplots(figsize=(6.6, 6.1))
    figure.subplots_adjust(0, 0, 1, 1)
    ax.set(xlim=(0, 13.2), ylim=(-0.2, 12.0), aspect="equal")
    ax.axis("off")
    up = _shapes(DCGANGenerator((3, 64, 64)), torch.randn(2, 100))[1:]
    down = _shapes(DCGANDiscriminator((3, 64, 64)), torch.randn(2, 3, 64, 64))[::-1]
    places = (1.95, 4.4, 6.55, 8.75, 11.1)
    for y, name, colour, row in ((8.75, "generator", FAKE, up), (2.75, "discriminator", JUDGE, down)):
        ax.text(0.2, y + 2.75, words[name], color=colour, ha="left", va="center", fontsize=16)
        ax.text(0.2, y + 2.05, words[f"{name} layers"], color=SOFT, ha="left", va="center", fontsize=12.5)
        ends = []
        for x, (channels, side, _) in zip(places, row, strict=True):
            ends.append((x, _block(ax, x, y, side, channels, colour)))
            middle = sum(ends[-1]) / 2
            ax.text(middle, y - 1.95, rf"${side}\times{side}$", ha="center", va="center", fontsize=13.5)
            ax.text(middle, y - 2.5, rf"$\times\,{channels}$", ha="center", va="center", fontsize=13.5, color=colour)
        gaps = [(1.15, places[0] - 0.1)]
        gaps += [(a[1] + 0.08, b[0] - 0.1) for a, b in zip(ends[:-1], ends[1:], strict=True)]
        for gap in gaps:
            start, end = gap if name == "generator" else gap[::-1]
            style = {"arrowstyle": "-|>", "mutation_scale": 12, "lw": 1.5, "color": INK, "shrinkA": 0, "shrinkB": 0}
            ax.add_patch(FancyArrowPatch((start, y), (end, y), **style))
        ax.text(0.7, y, "$z$" if name == "generator" else "$a$", ha="center", va="center", fontsize=21)
        ax.text(0.7, y - 0.62, "100" if name == "generator" else "1", ha="center", va="center", color=SOFT)
    return figure


# -------------------------------------------------------------------------------------------------------- contrast


def contrast(words: dict[str, str]) -> plt.Figure:
    """How far the logits of 64 faces move when the contrast of the batch changes, with and without an offset."""
    faces = _faces()
    figure = plt.figure(figsize=(6.6, 4.3))
    shown = (0.1, 0.3, 0.55, 1.0)
    for i, c in enumerate(shown):
        ax = figure.add_axes((0.135 + 0.22 * i, 0.75, 0.155, 0.235))
        ax.imshow(((c * faces[5] + 1) / 2).permute(1, 2, 0).numpy(), interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.set_xlabel(rf"$c={c:g}$", labelpad=3)
        for side in ax.spines.values():
            side.set_visible(False)
    ax = figure.add_axes((0.125, 0.14, 0.84, 0.49))
    levels = np.geomspace(0.1, 1.0, 25)
    for offset, colour, word in ((True, JUDGE, "with"), (False, FAKE, "without")):
        changes = []
        for seed in range(8):
            torch.manual_seed(seed)
            network = DCGANDiscriminator((3, 32, 32), offset=offset)
            with torch.no_grad():
                at_one = network(faces)
                changes.append([(network(float(c) * faces) - at_one).abs().mean().item() for c in levels])
        ax.plot(levels, np.mean(changes, 0), color=colour, lw=2.6, label=words[word])
    ax.set(xlabel=words["contrast"], ylabel=words["change"], xlim=(0.1, 1.0), ylim=(-0.02, None))
    ax.legend(loc="upper right")
    return figure


def _faces() -> torch.Tensor:
    """64 faces of 32×32 in [−1, 1]."""
    torch.manual_seed(0)
    return ganlib.load("avatars", size=32, n=64).batch(64).images


# ------------------------------------------------------------------------------------------------ vector arithmetic


def shells(words: dict[str, str]) -> plt.Figure:
    """Densities of the length of a sum of three means of n latents of length 100, beside that of a latent."""
    figure, ax = plt.subplots(figsize=(6.6, 3.2), layout="constrained")
    x = np.linspace(4, 22, 721)
    ax.fill_between(x, chi.pdf(x, 100), color=REAL, alpha=0.22, lw=0)
    ax.text(9.97, 0.2, words["shell"], color=REAL, ha="center", va="center")
    for n, colour, line in ((1, FAKE, "-"), (2, SOFT, "--"), (3, INK, "-"), (5, JUDGE, "-.")):
        scale = np.sqrt(3 / n)
        ax.plot(x, chi.pdf(x / scale, 100) / scale, color=colour, ls=line, lw=2.3)
        top = chi.pdf(np.sqrt(99), 100) / scale
        ax.text(scale * np.sqrt(99), top + 0.045, f"$n={n}$", color=colour, ha="center", va="center", fontsize=14)
    ax.set(xlabel=words["norm"], ylabel=words["density"], xlim=(5, 21), ylim=(0, 0.86))
    return figure


FIGURES = {
    "matrices": matrices,
    "views": views,
    "checkerboards": checkerboards,
    "architecture": architecture,
    "contrast": contrast,
    "shells": shells,
}
PLAYERS = {"stamps": stamps}

if __name__ == "__main__":
    drawing.write("04-dcgan", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"04-dcgan-{name}-{language}.png")
