"""Figures: grids, curves, players and walks through the latent space, in the language in use.

Every function returns what it made; a notebook cell shows it by ending with the call. Matplotlib is imported by the
first figure, not by ``import ganlib``.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ganlib import labels
from ganlib.errors import GanlibError
from ganlib.sprites import INK, LINE, PAPER, About, Player, pack, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT = Path(__file__).parent / "fonts" / "GANsSansSC-Regular.otf"
COLORS = ("#2a5caa", "#d1603d", "#3f8f5f", "#8a5aa8", "#a8842c", "#5b6470")
MARKS = {-1: ("#f3c3ab", "v"), 0: ("none", ""), 1: ("#bcd3ee", "^")}  # of a table: colour, sign
SHARPNESS = 1.5  # pixels of a drawing in a player for each of the screen's


# -- style and language ------------------------------------------------------------------------------------------------
def use(lang: str) -> None:
    """Choose the language of figures and printed lines, and with it the font: ``"en"`` or ``"zh"``."""
    labels.use(lang)
    _pyplot()


@functools.cache
def _chinese_font() -> str:
    """Register the shipped font with matplotlib, once; the name of its family."""
    from matplotlib import font_manager

    font_manager.fontManager.addfont(FONT)
    return font_manager.FontProperties(fname=FONT).get_name()


def _pyplot() -> Any:
    import matplotlib.pyplot as plt

    # DejaVu, which comes with matplotlib, has every Latin and mathematical sign; Chinese falls through to our font.
    families = ["DejaVu Sans"] if labels.language() == "en" else [_chinese_font(), "DejaVu Sans"]
    plt.rcParams.update(
        {
            "font.family": families,
            "font.size": 10,
            "figure.facecolor": PAPER,
            "savefig.facecolor": PAPER,
            "axes.facecolor": PAPER,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": LINE,
            "grid.linewidth": 0.6,
            "axes.axisbelow": True,
            "axes.prop_cycle": plt.cycler(color=COLORS),
            "legend.frameon": True,  # of paper, so that no line runs through its words
            "legend.facecolor": PAPER,
            "legend.edgecolor": "none",
            "legend.framealpha": 0.85,
            "figure.dpi": 96,
        }
    )
    return plt


def _done(fig: Figure) -> Figure:
    # Closed for pyplot, alive for us: the notebook shows it once, as the value of its cell.
    import matplotlib.pyplot as plt

    plt.close(fig)
    return fig


def panels(columns: int = 1, *, width: float = 4.6, height: float = 3.0) -> tuple[Figure, Sequence[Any]]:
    """An empty figure in the course's style, for what no function here draws.

    Args:
        columns: panels side by side.
        width: of one panel, in inches.
        height: in inches.

    Returns:
        The figure (end the cell with it) and its axes, a sequence of length `columns`.
    """
    plt = _pyplot()
    fig, axes = plt.subplots(1, columns, figsize=(width * columns, height), layout="constrained", squeeze=False)
    return _done(fig), axes[0]


# -- pictures ----------------------------------------------------------------------------------------------------------
def _pixels(images: Tensor) -> np.ndarray:
    """uint8 (N, H, W, C) with a fixed scale: a value means the same brightness in every figure."""
    images = torch.as_tensor(images).detach().cpu()
    if images.ndim == 3:
        images = images[None]
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise GanlibError(f"images of shape {tuple(images.shape)} were given; expected (N, 1 or 3, H, W)")
    if images.dtype != torch.uint8:
        low, high = images.min().item(), images.max().item()
        if not (low >= -1.001 and high <= 1.001):  # written so that a NaN fails too
            raise GanlibError(
                f"images with values from {low:.3g} to {high:.3g} were given; expected uint8, or floats in [-1, 1]"
            )
        images = ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return images.permute(0, 2, 3, 1).numpy()


def tile(images: Tensor, columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Images side by side in one.

    Args:
        images: (N, C, H, W), uint8 or floats in [-1, 1]; C is 1 or 3.
        columns: images in a row; about a square by default.
        gap: pixels between images.

    Returns:
        uint8 (rows·(H+gap)+gap, columns·(W+gap)+gap, C), row by row. Gaps and empty places are mid-grey.

    Raises:
        GanlibError: another shape or range, or no columns.
    """
    pixels = _pixels(images)
    n, height, width, channels = pixels.shape
    columns = math.ceil(math.sqrt(n)) if columns is None else columns
    if columns < 1:
        raise GanlibError(f"columns={columns} was given; expected at least 1")
    rows = math.ceil(n / columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 128, np.uint8)
    for i, image in enumerate(pixels):
        y, x = (height + gap) * (i // columns) + gap, (width + gap) * (i % columns) + gap
        sheet[y : y + height, x : x + width] = image
    return sheet


def grid(
    images: Tensor | Mapping[str, Tensor], columns: int | None = None, title: str | None = None, scale: float = 1.4
) -> Figure:
    """A grid of images, or several grids side by side.

    Brightness is never rescaled: −1 (or 0) is black, 1 (or 255) is white in every grid.

    Args:
        images: (N, C, H, W), uint8 or floats in [-1, 1]; or a mapping from titles to such images.
        columns: images in a row; about a square by default.
        title: above the grid.
        scale: screen pixels for one pixel of the images.
    """
    sheets = {key: tile(value, columns) for key, value in images.items()} if isinstance(images, Mapping) else None
    sheets = sheets or {title or "": tile(images, columns)}
    plt = _pyplot()
    height, width = (max(sheet.shape[axis] for sheet in sheets.values()) * scale / 96 for axis in (0, 1))
    fig, axes = plt.subplots(
        1, len(sheets), figsize=(len(sheets) * (width + 0.15), height + 0.4), layout="constrained", squeeze=False
    )
    for ax, (name, sheet) in zip(axes[0], sheets.items(), strict=True):
        ax.imshow(
            sheet[..., 0] if sheet.shape[2] == 1 else sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest"
        )
        ax.set_title(name)
        ax.axis("off")
    return _done(fig)


def points(samples: Tensor | Mapping[str, Tensor], title: str | None = None, columns: int | None = None) -> Figure:
    """Samples of a toy distribution: dots on the plane, or a histogram on the line; several side by side.

    All panels have the same axes: they are there to be compared.

    Args:
        samples: (N, 2) or (N, 1); or a mapping from titles to such samples.
        title: above the picture.
        columns: panels in a row; all by default.

    Raises:
        GanlibError: samples of another shape, or no columns.
    """
    clouds = samples if isinstance(samples, Mapping) else {title or "": samples}
    clouds = {name: torch.as_tensor(cloud).detach().cpu() for name, cloud in clouds.items()}
    for cloud in clouds.values():
        if cloud.ndim != 2 or cloud.shape[1] not in (1, 2):
            raise GanlibError(f"samples of shape {tuple(cloud.shape)} were given; expected (N, 2) or (N, 1)")
    columns = len(clouds) if columns is None else min(columns, len(clouds))
    if columns < 1:
        raise GanlibError(f"columns={columns} was given; expected at least 1")
    rows = math.ceil(len(clouds) / columns)
    plt = _pyplot()
    fig, axes = plt.subplots(
        rows, columns, figsize=(4 * columns, 4 * rows), layout="constrained", squeeze=False, sharex=True, sharey=True
    )
    for ax in axes.flat[len(clouds) :]:
        ax.axis("off")
    for ax, (name, cloud) in zip(axes.flat, clouds.items(), strict=False):
        if cloud.shape[1] == 1:
            ax.hist(cloud[:, 0].numpy(), bins=60, density=True)
        else:
            ax.scatter(*cloud.T.numpy(), s=4, linewidths=0)
            ax.set_aspect("equal")
        ax.set_title(name)
    return _done(fig)


def curves(
    histories: Any,
    names: str | Sequence[str],
    *,
    by: str = "history",
    level: float | None = None,
    log: bool = False,
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """What was logged during training, over the steps.

    Args:
        histories: a trainer's `history`, or a mapping from titles to histories.
        names: what to draw, e.g. ``["D(x)", "D(G(z))"]``.
        by: ``"history"`` for a panel per history with a line per name; ``"name"`` for a panel per name with a line per
            history. All panels share the vertical axis in the first case: they are there to be compared.
        level: a dashed horizontal line.
        log: logarithmic vertical axis.
        ylim: ends of the vertical axis.

    Raises:
        GanlibError: a name that was not logged, or an unknown `by`.
    """
    histories = histories if isinstance(histories, Mapping) else {"": histories}
    names = [names] if isinstance(names, str) else list(names)
    if by not in ("history", "name"):
        raise GanlibError(f"by={by!r} was given; expected 'history' or 'name'")
    for history in histories.values():
        for name in names:
            if name not in history:
                raise GanlibError(f"{name!r} was not logged; logged: {', '.join(history.names()) or 'nothing yet'}")
    word = labels.word
    if by == "history":
        plan = {title: [(word(name), history, name) for name in names] for title, history in histories.items()}
    else:
        plan = {word(name): [(title, history, name) for title, history in histories.items()] for name in names}
    plt = _pyplot()
    fig, axes = plt.subplots(
        1,
        len(plan),
        figsize=(max(6.0, 4.4 * len(plan)), 3.0),
        layout="constrained",
        squeeze=False,
        sharey=by == "history",
    )
    for ax, (title, lines) in zip(axes[0], plan.items(), strict=True):
        for label, history, name in lines:
            ax.plot(history.steps(name), history[name], label=label, linewidth=1.4)
        if level is not None:
            ax.axhline(level, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        if log:
            ax.set_yscale("log")
        if ylim:
            ax.set_ylim(*ylim)
        ax.set_title(title)
        ax.set_xlabel(labels.t("step"))
        if len(lines) > 1:
            ax.legend()
    if len(names) == 1 and by == "history":
        axes[0][0].set_ylabel(word(names[0]))
    return _done(fig)


def histograms(images: Any, expected: Mapping[str, Tensor] | None = None, columns: int = 4) -> Figure:
    """How often each value of each attribute occurs in a data set.

    Args:
        images: `Images` with a `vocabulary`, which names the values of its attributes.
        expected: attribute → the values' chances (K,), a dark stroke across each bar; for all attributes or for some.
        columns: panels in a row.

    Raises:
        GanlibError: the set has no attributes whose values have names, or there are no columns.
    """
    if columns < 1:
        raise GanlibError(f"columns={columns} was given; expected at least 1")
    if not images.vocabulary:
        raise GanlibError(f"the data set {images.name!r} has no attributes with named values; avatars have")
    plt = _pyplot()
    rows = math.ceil(len(images.vocabulary) / columns)
    tall = max(map(len, images.vocabulary.values()))
    fig, axes = plt.subplots(
        rows, columns, figsize=(2.5 * columns, rows * (0.75 + 0.16 * tall)), layout="constrained", squeeze=False
    )
    axes = axes.flatten().tolist()
    for ax, (name, values) in zip(axes, images.vocabulary.items(), strict=False):
        counts = images.attributes[name].cpu().bincount(minlength=len(values))
        places = range(len(values))
        ax.barh(places, 100 * counts.numpy() / len(images), height=0.72)
        if expected and name in expected:
            ax.scatter(100 * torch.as_tensor(expected[name]).numpy(), places, marker="|", s=90, color=INK, zorder=3)
        ax.set_yticks(places, [labels.word(value) for value in values])
        ax.set_ylim(len(values) - 0.4, -0.6)
        ax.set_xlim(left=0)
        ax.grid(axis="y", visible=False)
        ax.set_title(labels.word(name))
    for ax in axes[len(images.vocabulary) :]:
        ax.axis("off")
    fig.supxlabel(labels.t("share") + " (%)", fontsize=10)
    return _done(fig)


def table(
    rows: Mapping[str, Sequence[str]],
    columns: Sequence[str],
    marks: Mapping[str, Sequence[int]] | None = None,
    words: Mapping[int, str] | None = None,
    *,
    width: float = 9.6,
) -> Figure:
    """A table whose cells may be marked: orange with a triangle down for −1, blue with a triangle up for 1.

    Args:
        rows: name of a row → what stands in its cells, one text per column.
        columns: their names.
        marks: name of a row → −1, 0 or 1 for each of its cells; None for no marks.
        words: what −1 and 1 mean, for a line below the table.
        width: of the table, in inches.

    Raises:
        GanlibError: no rows, or one of another length than `columns`; marks for other rows, or other marks.
    """
    marks = dict.fromkeys(rows, [0] * len(columns)) if marks is None else marks
    if not rows or set(marks) != set(rows):
        raise GanlibError(f"a table of {len(rows)} rows and marks for {len(marks)} were given; expected the same rows")
    for name in rows:
        if not len(rows[name]) == len(marks[name]) == len(columns):
            raise GanlibError(
                f"row {name!r} has {len(rows[name])} cells and {len(marks[name])} marks; expected {len(columns)} each"
            )
        if not set(marks[name]) <= set(MARKS):
            raise GanlibError(f"row {name!r} has the marks {sorted(set(marks[name]))}; expected -1, 0 or 1")
    plt = _pyplot()
    long = max(sum(1 + (sign > "\u2e7f") for sign in name) for name in rows)  # a Chinese sign takes two places
    first = 0.25 + 0.076 * long
    other = (width - first) / len(columns)
    height = 0.33 * (len(rows) + 1 + bool(words))
    fig, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.set(xlim=(0, width), ylim=(len(rows) + 0.5 + bool(words), -0.6))
    ax.axis("off")

    def triangle(x: float, y: float, mark: int) -> None:
        ax.scatter(x, y, s=16, marker=MARKS[mark][1], color=INK, linewidths=0)

    for i, title in enumerate(columns):
        ax.text(first + other * (i + 0.5), 0, title, ha="center", va="center", fontsize=9)
    for y, (name, cells) in enumerate(rows.items(), 1):
        ax.axhline(y - 0.5, color=LINE, linewidth=0.6)
        ax.text(0.05, y, name, va="center")
        for i, (text, mark) in enumerate(zip(cells, marks[name], strict=True)):
            x = first + other * i
            if mark:
                ax.fill_between([x + 0.02, x + other - 0.02], y - 0.46, y + 0.46, color=MARKS[mark][0], linewidth=0)
                triangle(x + other - 0.12, y, mark)
            ax.text(x + other - 0.24, y, text, ha="right", va="center")
    x = 0.05
    for mark, meaning in (words or {}).items():
        y = len(rows) + 1
        ax.fill_between([x, x + 0.3], y - 0.3, y + 0.3, color=MARKS[mark][0], linewidth=0)
        triangle(x + 0.15, y, mark)
        ax.text(x + 0.4, y, meaning, va="center", fontsize=9)
        x += width / 3
    return _done(fig)


# -- players -----------------------------------------------------------------------------------------------------------
def player(
    frames: Sequence[tuple[object, Tensor | Figure]],
    columns: int | None = None,
    *,
    caption: Callable[[object], str] | None = None,
    scale: float | None = None,
    seconds: float = 6.0,
) -> Player:
    """An animation for the page: all frames in one PNG, a play button and a slider.

    It works in Jupyter, in Colab and on the static site, and shows the last frame where scripts do not run. Its `save`
    writes the PNG that ``{player}`` shows on a theory page.

    Args:
        frames: (key, picture) pairs such as ``Snapshots.frames``. A picture is images (N, C, H, W) as in `grid`, or a
            figure; all have one shape.
        columns: images in a row.
        caption: key → words below the frame; by default the step, in the language in use.
        scale: screen pixels for one pixel of the images (by default 1.6), or of a figure (1).
        seconds: how long one run through all frames takes.

    Raises:
        GanlibError: no frames, or frames of different shapes.
    """
    if not frames:
        raise GanlibError("player() was given no frames; expected at least one (key, images) pair")
    sheets, shapes = [], set()
    for _, picture in frames:
        drawn = hasattr(picture, "savefig")
        sheets.append(_drawing(picture) if drawn else tile(picture, columns))
        shapes.add(sheets[-1].shape if drawn else tuple(picture.shape))
    if len(shapes) > 1:
        raise GanlibError(f"player() was given frames of different shapes, {sorted(shapes)}; expected one shape")
    caption = caption or (lambda key: f"{labels.t('step')} {key}")
    scale = scale or (1 if drawn else 1.6)
    width = round(sheets[0].shape[1] * scale / (SHARPNESS if drawn else 1))
    about = About([caption(key) for key, _ in frames], width, seconds, drawn, labels.language())
    return Player(pack(sheets, about))


def _drawing(fig: Figure) -> np.ndarray:
    """A figure as uint8 (H, W, 3), with more pixels than it has on an ordinary screen."""
    out = io.BytesIO()
    fig.savefig(out, format="png", dpi=SHARPNESS * fig.dpi)
    from PIL import Image

    return np.asarray(Image.open(out).convert("RGB"))


# -- the latent space --------------------------------------------------------------------------------------------------
def slerp(z0: Tensor, z1: Tensor, t: Tensor | Sequence[float]) -> Tensor:
    """Spherical interpolation, for Gaussian latents.

    Almost all of a Gaussian's mass in d dimensions lies near the sphere of radius √d. The straight line between two
    samples leaves it (its middle has norm √(d/2)), where G has seen nothing; this path turns the direction along a
    great circle and changes the norm linearly.

    Args:
        z0: start, (d,).
        z1: end, (d,).
        t: positions, (T,); 0 gives z0 and 1 gives z1.

    Returns:
        (T, d).

    Raises:
        GanlibError: other shapes, a zero vector, or opposite directions, between which there is no shortest way.

    Source: Shoemake (1985), the formula for unit vectors; White (2016) for its use in latent spaces.
    """
    if z0.ndim != 1 or z0.shape != z1.shape:
        raise GanlibError(
            f"latents of shapes {tuple(z0.shape)} and {tuple(z1.shape)} were given; expected two vectors of one length"
        )
    t = torch.as_tensor(t, dtype=z0.dtype, device=z0.device)[:, None]  # (T, 1)
    r0, r1 = z0.norm(), z1.norm()
    if r0 == 0 or r1 == 0:
        raise GanlibError("a latent of norm 0 was given; it has no direction to turn from")
    u0, u1 = z0 / r0, z1 / r1
    # The angle by atan2, not acos: acos loses half the digits near 0 and π.
    angle = 2 * torch.atan2((u0 - u1).norm(), (u0 + u1).norm())
    if math.pi - angle < 1e-3:
        raise GanlibError("latents of opposite directions were given; the way between them is not unique")
    if angle < 1e-3:
        direction = torch.lerp(u0, u1, t)
        direction = direction / direction.norm(dim=1, keepdim=True)
    else:
        direction = (torch.sin((1 - t) * angle) * u0 + torch.sin(t * angle) * u1) / torch.sin(angle)
    return direction * torch.lerp(r0, r1, t)


def interpolate(maker: Any, z0: Tensor, z1: Tensor, steps: int = 10) -> Tensor:
    """What is made on the way from one latent to another.

    Args:
        maker: a GAN or a trainer (anything with ``sample(z=…)``).
        z0: starts, (d,) or (rows, d).
        z1: ends, of the same shape.
        steps: images on each way, both ends included, ≥ 2.

    Returns:
        (rows·steps, C, H, W), row by row: show it with ``grid(…, columns=steps)``.
    """
    if steps < 2:
        raise GanlibError(f"steps={steps} was given; expected at least 2, the two ends")
    if z0.shape != z1.shape:
        raise GanlibError(
            f"latents of shapes {tuple(z0.shape)} and {tuple(z1.shape)} were given; expected equal shapes"
        )
    t = torch.linspace(0, 1, steps)
    rows = zip(torch.atleast_2d(z0), torch.atleast_2d(z1), strict=True)
    return maker.sample(z=torch.cat([slerp(a, b, t) for a, b in rows]))


def circle(latent_dim: int, steps: int, seed: int = 0) -> Tensor:
    """A closed walk: `steps` latents on a random great circle of radius √latent_dim.

    Args:
        latent_dim: length of a latent, ≥ 2.
        steps: points on the circle, ≥ 1.
        seed: which circle.

    Returns:
        (steps, latent_dim).
    """
    if latent_dim < 2:
        raise GanlibError(f"latent_dim={latent_dim} was given; a circle needs at least 2")
    generator = torch.Generator().manual_seed(seed)
    axes, _ = torch.linalg.qr(torch.randn(latent_dim, 2, generator=generator))
    angle = torch.arange(steps) * (2 * math.pi / steps)
    return math.sqrt(latent_dim) * torch.stack([angle.cos(), angle.sin()], 1) @ axes.T


# -- sliders, where a kernel runs --------------------------------------------------------------------------------------
def scrubber(
    frames: Sequence[tuple[object, Tensor]], columns: int | None = None, *, live: bool = True, scale: float = 2.0
) -> Any:
    """A slider over training steps.

    Args:
        frames: as for `player`.
        columns: images in a row.
        live: True for ipywidgets, which need a kernel; False for a `player`, which does not.
        scale: screen pixels for one pixel of the images.
    """
    if not live:
        return player(frames, columns, scale=scale)
    if not frames:
        raise GanlibError("scrubber() was given no frames; expected at least one (key, images) pair")
    import ipywidgets

    slider = ipywidgets.SelectionSlider(
        options=[(str(key), i) for i, (key, _) in enumerate(frames)],
        value=len(frames) - 1,
        description=labels.t("step"),
        continuous_update=True,
    )
    return _live(lambda i: frames[i][1], {"i": slider}, columns, scale)


def latent_walk(
    maker: Any,
    latent_dim: int,
    *,
    live: bool = True,
    walks: int = 8,
    steps: int = 24,
    copies: int = 6,
    scale: float = 2.0,
) -> Any:
    """A walk through the latent space: several great circles at once, and a slider for the place on them.

    Args:
        maker: a GAN or a trainer (anything with ``sample(z=…)``).
        latent_dim: length of a latent.
        live: True for ipywidgets, which compute each image when asked; False for a `player` of the first walk.
        walks: how many sets of circles there are to choose from (live only).
        steps: places on a circle.
        copies: circles at once, side by side.
        scale: screen pixels for one pixel of the images.
    """

    @functools.cache
    def latents(walk: int) -> Tensor:  # (steps, copies, latent_dim)
        return torch.stack([circle(latent_dim, steps, seed=1000 * walk + i) for i in range(copies)], 1)

    degrees = lambda place: f"{round(360 * place / steps)}°"
    if not live:
        frames = [(place, maker.sample(z=latents(0)[place])) for place in range(steps)]
        return player(frames, copies, caption=degrees, scale=scale)
    import ipywidgets

    place = ipywidgets.SelectionSlider(
        options=[(degrees(i), i) for i in range(steps)], description=labels.t("position")
    )
    walk = ipywidgets.IntSlider(min=1, max=walks, description=labels.t("walk"))
    image = lambda place, walk: maker.sample(z=latents(walk - 1)[place])
    return _live(image, {"place": place, "walk": walk}, copies, scale)


def avatar_picker(*, live: bool = True, size: int = 256) -> Any:
    """Choose the attributes of an avatar, or write them, and see it at once.

    Args:
        live: True for menus and a line of text, which need a kernel; False for a `player` of four people whose
            attributes change one after the other.
        size: height and width of the avatar in pixels, 16 to 256 (live only).
    """
    from ganlib.data import avatars

    lang = labels.language()
    if not live:
        frames = []
        for name in ("background", "smile", "glasses", "eye_colour", "hair_length", "hair_style", "hair_colour"):
            for value in range(len(avatars.ATTRIBUTES[name])):
                people = torch.cat([avatars.portrait(64, seed, **{name: value}) for seed in (1, 4, 13, 16)])
                frames.append((avatars.caption({name: value}, lang), people))
        return player(frames, 4, caption=str, scale=1.6, seconds=24)
    import html

    import ipywidgets

    picture = ipywidgets.Image(format="png", layout={"width": "256px", "max_width": "100%", "object_fit": "contain"})
    words = ipywidgets.HTML()
    line = ipywidgets.Text(description=labels.t("in words"), continuous_update=False, layout={"width": "98%"})
    line.placeholder = avatars.caption({"eye_colour": "red", "hair_colour": "blue", "glasses": True}, lang)
    person = ipywidgets.IntSlider(min=0, max=99, description=labels.t("person"))
    menus = {
        name: ipywidgets.Dropdown(
            options=[(labels.t("any"), None), *((labels.word(value[0]), i) for i, value in enumerate(values))],
            description=labels.word(name),
            layout={"width": "230px"},
        )
        for name, values in avatars.ATTRIBUTES.items()
    }

    def draw(_change: object = None) -> None:
        chosen = {name: menu.value for name, menu in menus.items() if menu.value is not None}
        picture.value = png(_pixels(avatars.portrait(size, person.value, **chosen))[0])
        words.value = html.escape(avatars.caption(chosen, lang))

    def read(_change: object = None) -> None:
        try:
            chosen = avatars.parse(line.value) if line.value.strip() else {}
        except GanlibError as error:  # the picture stays as it is
            words.value = html.escape(str(error))
            return
        for name, menu in menus.items():
            menu.value = chosen.get(name)
        draw()

    for control in (person, *menus.values()):
        control.observe(draw, "value")
    line.observe(read, "value")
    draw()
    choice = ipywidgets.Box(list(menus.values()), layout={"flex_flow": "row wrap", "max_width": "720px"})
    return ipywidgets.VBox([line, person, choice, picture, words])


def _live(images: Callable[..., Tensor], sliders: Mapping[str, Any], columns: int | None, scale: float) -> Any:
    import ipywidgets

    def draw(_change: object = None) -> None:
        sheet = tile(images(**{name: slider.value for name, slider in sliders.items()}), columns)
        picture.value, picture.width = png(sheet), str(round(sheet.shape[1] * scale))

    picture = ipywidgets.Image(format="png", layout={"max_width": "100%"})
    picture.add_class("ganlib-pixels")
    for slider in sliders.values():
        slider.observe(draw, "value")
    draw()
    style = ipywidgets.HTML("<style>.ganlib-pixels{image-rendering:pixelated}</style>")
    return ipywidgets.VBox([*sliders.values(), picture, style])
