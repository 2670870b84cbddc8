"""The map of the course, in both languages: ``python book/figures/00_welcome.py [folder]``.

A chapter whose pages exist is drawn as a full disc, one still to be written as a ring: the map is made from the tree.
It is narrow and tall, so that it can be read on a phone. Text is drawn as outlines and dates are left out: running this
again gives the same files. The Chinese font is the one that ganlib ships.
"""

from __future__ import annotations

import sys
from pathlib import Path as Folder

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import AbstractPathEffect, withStroke

from ganlib import viz

HERE = Folder(__file__).parent
INK, SOFT, PROBLEM = "#1f2937", "#5b6675", "#b5431f"
TRUNK, GAME, CHOICE, SIZE = "#1b5a94", "#0f766e", "#8a5a00", "#6d3fa0"
font_manager.fontManager.addfont(viz.FONT)
STYLE = {
    "font.family": font_manager.FontProperties(fname=viz.FONT).get_name(),
    "text.color": INK,
    "figure.facecolor": "white",  # a fixed light ground keeps the colours right in dark mode
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "00-welcome",
}

# Inches. The three lines leave the trunk, run side by side and meet again where everything is measured.
WIDTH, TEXT = 4.7, 1.24
LANES = {TRUNK: 0.6, GAME: 0.94, CHOICE: 0.6, SIZE: 0.26}
RADIUS, STOP, HEADING = 0.155, 0.84, 0.36

# The order of the stops, with the line each is on.
STOPS = {
    "01": TRUNK,
    "02": TRUNK,
    "03": TRUNK,
    "04": TRUNK,
    "05": GAME,
    "06": GAME,
    "07": GAME,
    "08": GAME,
    "09": CHOICE,
    "10": CHOICE,
    "11": CHOICE,
    "12": SIZE,
    "13": SIZE,
    "14": SIZE,
    "15": TRUNK,
}

# chapter: (the problem it starts from, its name, its answer); a heading stands before the first stop of each line.
WORDS = {
    "en": {
        "problem": "problem it answers",
        "ready": "ready to read",
        "planned": "planned",
        "05 heading": "The loss: a game that trains steadily",
        "09 heading": "The condition: choosing what is made",
        "12 heading": "The network: larger and finer",
        "01": ("When are two distributions close?", "Distances", "KL, JS, total variation, Wasserstein"),
        "02": ("Such distances need densities.", "GAN", "let a classifier measure the distance"),
        "03": ("Training circles, stalls, collapses.", "Dynamics", "see why on two numbers, then repair it"),
        "04": ("Dense layers do not see pictures.", "DCGAN", "convolutions, up and down"),
        "05": ("The gradient dies when D wins.", "f-GAN, LSGAN, hinge", "choose another divergence"),
        "06": ("Far apart, they are all flat.", "WGAN", "move mass: a distance with a slope"),
        "07": ("Clipped weights waste the critic.", "WGAN-GP", "hold the gradient's norm near 1"),
        "08": ("The penalty is slow, and local.", "SNGAN", "bound every layer by its spectral norm"),
        "09": ("It makes what it likes.", "Conditional GAN", "tell both players the label"),
        "10": ("The label is easily ignored.", "ACGAN", "let D name the class as well"),
        "11": ("A picture for a label?", "Pix2Pix, CycleGAN", "translate, with or without pairs"),
        "12": ("Large images do not train at once.", "ProGAN", "grow from 4×4, layer by layer"),
        "13": ("One z moves everything.", "StyleGAN", "a style for every scale"),
        "14": ("Droplets; teeth that do not turn.", "StyleGAN2", "demodulate, regularise, do not grow"),
        "15": ("Which of them is better?", "Evaluation", "FID, KID, precision, recall, and floors"),
    },
    "zh": {
        "problem": "要解决的问题",
        "ready": "已可阅读",
        "planned": "计划中",
        "05 heading": "损失：让博弈稳定下来",
        "09 heading": "条件：指定生成什么",
        "12 heading": "网络：更大、更精细",
        "01": ("两个分布怎样才算接近？", "分布间的距离", "KL、JS、全变差、Wasserstein"),
        "02": ("这些距离都要用到密度。", "GAN", "让分类器来度量距离"),
        "03": ("训练会绕圈、停滞、坍塌。", "训练动力学", "在两个数上看清原因，再修好它"),
        "04": ("全连接层不懂图像。", "DCGAN", "用卷积下采样、上采样"),
        "05": ("判别器一赢，梯度就消失。", "f-GAN、LSGAN、hinge", "换一种散度"),
        "06": ("相距很远时，它们都是平的。", "WGAN", "搬运质量：处处有坡度的距离"),
        "07": ("裁剪权重，浪费了评论器。", "WGAN-GP", "改为让梯度范数接近 1"),
        "08": ("梯度惩罚又慢，又只管局部。", "SNGAN", "用谱范数约束每一层"),
        "09": ("生成什么，由不得我们。", "条件 GAN", "把标签告诉双方"),
        "10": ("标签容易被忽略。", "ACGAN", "让判别器也说出类别"),
        "11": ("能不能拿图像当条件？", "Pix2Pix、CycleGAN", "图像翻译，配对与非配对"),
        "12": ("大图无法一步训练到位。", "ProGAN", "从 4×4 起逐层增长"),
        "13": ("动一下 z，处处都变。", "StyleGAN", "每个尺度各有风格"),
        "14": ("水滴伪影；头转了，牙不动。", "StyleGAN2", "解调、正则化，不再逐层增长"),
        "15": ("究竟哪个更好？", "评估", "FID、KID、精确率、召回率与本底值"),
    },
}


def chapters(book: Folder) -> set[str]:
    """The numbers of the chapters that have a page in both languages, without a TODO in it, e.g. ``{"02"}``."""
    numbers = [
        {page.name[:2] for page in (book / language).glob("[0-9][0-9]-*.md") if "TODO" not in page.read_text("utf-8")}
        for language in ("en", "zh")
    ]
    return set.intersection(*numbers) & set(STOPS)


def bold(colour: str) -> list[AbstractPathEffect]:
    """The font has one weight; an outline makes it heavier."""
    return [withStroke(linewidth=0.7, foreground=colour)]


def heights() -> dict[str, float]:
    """How far below the top each stop lies, in inches."""
    y, at = 1.0, {}
    for number in STOPS:
        y += HEADING if f"{number} heading" in WORDS["en"] else 0
        at[number] = y
        y += STOP
    return at


def course_map(words: dict, ready: set[str]) -> Figure:
    """The map in one language.

    Args:
        words: the words of that language.
        ready: the chapters to draw as full discs.
    """
    at = heights()
    height = at["15"] + 0.45
    figure = plt.figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    legend(axes, words, 0.3)

    draw_line(axes, TRUNK, [(LANES[TRUNK], at["01"]), (LANES[TRUNK], at["04"])])
    for colour, start, first in ((GAME, "03", "05"), (CHOICE, "04", "09"), (SIZE, "04", "12")):
        trunk, lane = LANES[TRUNK], LANES[colour]
        leave, enter = at[start] + 0.55, at["15"] - 0.75
        points = [(trunk, at[start]), (lane, leave), (lane, enter), (trunk, at["15"])]
        draw_line(axes, colour, points)
        heading = words[f"{first} heading"]
        axes.text(TEXT, at[first] - 0.56, heading, color=colour, fontsize=12.5, va="center", path_effects=bold(colour))

    for number, colour in STOPS.items():
        problem, name, answer = words[number]
        x, y = LANES[colour], at[number]
        full = number in ready
        disc = Circle((x, y), RADIUS, facecolor=colour if full else "white", edgecolor=colour, lw=2.2, zorder=3)
        disc.set_gid(f"{'ready' if full else 'planned'}-{number}")
        axes.add_patch(disc)
        axes.text(
            x,
            y,
            number,
            color="white" if full else colour,
            fontsize=10,
            path_effects=bold("white" if full else colour),
            ha="center",
            va="center_baseline",
        )
        axes.text(TEXT, y - 0.24, problem, color=PROBLEM, fontsize=11.5, va="center")
        axes.text(TEXT, y + 0.01, name, fontsize=13.5, va="center", path_effects=bold(INK))
        axes.text(TEXT, y + 0.25, answer, color=SOFT, fontsize=11.5, va="center")
    return figure


def draw_line(axes: Axes, colour: str, points: list[tuple[float, float]]) -> None:
    """A line through the points, bent smoothly where it changes lane."""
    vertices, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in zip(points[:-1], points[1:], strict=True):
        middle = (y0 + y1) / 2
        vertices += [(x0, middle), (x1, middle), (x1, y1)]
        codes += [Path.CURVE4] * 3
    axes.add_patch(PathPatch(Path(vertices, codes), fill=False, edgecolor=colour, lw=4.5, capstyle="round", zorder=1))


def legend(axes: Axes, words: dict, y: float) -> None:
    """What a disc, a ring and the third colour mean."""
    for x, face, word in ((0.26, TRUNK, "ready"), (1.72, "white", "planned")):
        axes.add_patch(Circle((x, y), 0.085, facecolor=face, edgecolor=TRUNK, lw=2))
        axes.text(x + 0.17, y, words[word], fontsize=11.5, va="center")
    axes.text(2.9, y, words["problem"], color=PROBLEM, fontsize=11.5, va="center")


def main(folder: Folder) -> None:
    """Write the map in both languages into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    ready = chapters(HERE.parent)
    with plt.rc_context(STYLE):
        for language, words in WORDS.items():
            figure = course_map(words, ready)
            figure.savefig(folder / f"00-map-{language}.svg", metadata={"Date": None, "Creator": None})
            plt.close(figure)


if __name__ == "__main__":
    main(Folder(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "_static" / "figures")
