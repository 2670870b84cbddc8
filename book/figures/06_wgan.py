"""Figures of chapter 06, in both languages: ``python book/figures/06_wgan.py [folder]``.

Plans and critics are solved as linear programmes, which know nothing of each other; the other curves are integrals, or
networks of which only NumPy knows.
"""

from __future__ import annotations

import functools

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import FAKE, INK, JUDGE, REAL, SOFT
from scipy.optimize import linprog
from scipy.stats import norm

from ganlib import labels, viz

PLUM = "#7e22ce"
WORDS = {
    "en": {
        "plan": "cheapest plan: {:.3f}",
        "critic": "best critic: {:.3f}",
        "distance": r"distance $\Vert x-y\Vert$",
        "drop": "$f(x)-f(y)$",
        "used": "used by the plan",
        "unused": "not used",
        "time": "time $t$",
        "estimate": "estimate $V$",
        "one": "one layer",
        "two": "two layers",
        "three": "three layers",
        "clipped": "three, clipped",
        "depth": "hidden layers",
        "slope": "root mean square slope",
        "weight": "weight $/\\,c$",
        "share": "share of the weights",
        "before": "before",
        "after": "after",
        "progress": "progress of the model",
        "units": "distance; estimate $/\\,nc^2$",
        "true": "$W_1$",
        "ruler": "clipped critic",
        "data": "$p_r$",
        "model": r"$p_\theta$",
        "best": "$f^*$",
        "judge": "$D^*$",
        "offset": "position of the model",
        "js": "JS",
        "caption": "position {:.2f}: W₁ = {:.2f}, JS = {:.3f}",
    },
    "zh": {
        "plan": "最省的方案：{:.3f}",
        "critic": "最优评论器：{:.3f}",
        "distance": r"距离 $\Vert x-y\Vert$",
        "drop": "$f(x)-f(y)$",
        "used": "方案用到",
        "unused": "未用到",
        "time": "时间 $t$",
        "estimate": "估计值 $V$",
        "one": "一层",
        "two": "两层",
        "three": "三层",
        "clipped": "三层，裁剪",
        "depth": "隐藏层数",
        "slope": "斜率的均方根",
        "weight": "权重 $/\\,c$",
        "share": "权重所占比例",
        "before": "训练前",
        "after": "训练后",
        "progress": "模型的进程",
        "units": "距离；估计值 $/\\,nc^2$",
        "true": "$W_1$",
        "ruler": "裁剪的评论器",
        "data": "$p_r$",
        "model": r"$p_\theta$",
        "best": "$f^*$",
        "judge": "$D^*$",
        "offset": "模型的位置",
        "js": "JS",
        "caption": "位置 {:.2f}：W₁ = {:.2f}，JS = {:.3f}",
    },
}


# ------------------------------------------------------------------------------------------------ plans and prices


@functools.cache
def solved() -> tuple[np.ndarray, ...]:
    """Two small clouds with masses, the cheapest plan between them, and the best critic on all points."""
    rng = np.random.default_rng(5)
    x = rng.normal(0, 0.75, (8, 2)) + [-1.2, 0.3]
    y = rng.normal(0, 0.75, (8, 2)) + [1.2, -0.2]
    p, q = rng.dirichlet(np.full(8, 3.0)), rng.dirichlet(np.full(8, 3.0))
    d = np.linalg.norm(x[:, None] - y, axis=-1)
    sums = np.vstack([np.kron(np.eye(8), np.ones(8)), np.kron(np.ones(8), np.eye(8))])
    plan = linprog(d.ravel(), A_eq=sums, b_eq=np.append(p, q), method="highs")
    every = np.vstack([x, y])
    between = np.linalg.norm(every[:, None] - every, axis=-1)
    differences = np.kron(np.eye(16), np.ones((16, 1))) - np.kron(np.ones((16, 1)), np.eye(16))
    gain = np.append(p, -q)
    critic = linprog(-gain, A_ub=differences, b_ub=between.ravel(), bounds=[(0, 0)] + [(None, None)] * 15)
    return x, y, p, q, d, plan.x.reshape(8, 8), critic.x, np.array([plan.fun, -critic.fun])


def plan(words: dict[str, str]) -> plt.Figure:
    """The cheapest plan, and the best critic's differences against the distances."""
    x, y, p, q, d, moved, f, values = solved()
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.7), layout="constrained", width_ratios=(1.1, 1))
    for i in range(8):
        for j in range(8):
            if moved[i, j] > 1e-9:
                left.annotate(
                    "",
                    y[j],
                    x[i],
                    arrowprops={
                        "arrowstyle": "-|>",
                        "color": SOFT,
                        "lw": 0.6 + 14 * moved[i, j],
                        "shrinkA": 4,
                        "shrinkB": 4,
                        "mutation_scale": 9,
                    },
                )
    left.scatter(*x.T, s=900 * p, color=REAL, zorder=3)
    left.scatter(*y.T, s=900 * q, color=FAKE, zorder=3)
    left.set(title=words["plan"].format(values[0]), xticks=(), yticks=(), aspect="equal")
    left.spines[["left", "bottom"]].set_visible(False)
    left.margins(0.1)
    drop = f[:8, None] - f[None, 8:]
    used = moved > 1e-9
    right.plot([0, 5], [0, 5], color=INK, lw=1)
    right.scatter(d[~used], drop[~used], s=30, facecolors="none", edgecolors=SOFT, label=words["unused"])
    right.scatter(d[used], drop[used], s=38, color=JUDGE, zorder=3, label=words["used"])
    right.set(title=words["critic"].format(values[1]), xlabel=words["distance"], ylabel=words["drop"])
    low, high = min(drop.min(), 0), d.max() + 0.2
    right.set(xlim=(0, high), ylim=(low - 0.2, high))
    right.legend(loc="upper left", handletextpad=0.2, borderaxespad=0.1)
    return figure


# --------------------------------------------------------------------------------------------- the runaway critic


def growth(words: dict[str, str]) -> plt.Figure:
    """A linear critic with one, two and three layers that nobody restrains, and one that is clipped."""
    figure, ax = plt.subplots(figsize=(6.6, 3.4), layout="constrained")
    t = np.linspace(0, 2.5, 501)
    ax.plot(t, 1 + t, color=REAL, lw=2.4, label=words["one"])
    ax.plot(t, np.exp(2 * t), color=PLUM, lw=2.4, label=words["two"])
    early = t[t < 0.9]
    ax.plot(early, (1 - early) ** -3.0, color=FAKE, lw=2.4, label=words["three"])
    ax.axvline(1, color=FAKE, lw=0.9, ls=":")
    clipped = np.minimum(1 / np.maximum(1 - t, 1e-9), 1.3) ** 3
    clipped[t >= 1] = 1.3**3
    ax.plot(t, clipped, color=JUDGE, lw=2.4, ls="--", label=words["clipped"])
    ax.set(yscale="log", xlim=(0, 2.5), ylim=(0.9, 150), xlabel=words["time"], ylabel=words["estimate"])
    ax.set_yticks((1, 10, 100), ("1", "10", "100"))
    ax.minorticks_off()
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.9)
    return figure


# ------------------------------------------------------------------------------------------------------- clipping

WIDTH, INPUTS = 128, 8


def slopes(c: float, depth: int, networks: int, rng: np.random.Generator) -> float:
    """Root mean square of the gradient norm of ReLU critics whose weights are c or −c, at random points."""
    squares = []
    for _ in range(networks):
        h, jacobian = rng.normal(size=INPUTS), np.eye(INPUTS)
        for _ in range(depth):
            weight = c * rng.choice((-1.0, 1.0), (WIDTH, len(h)))
            h = weight @ h
            jacobian = (weight @ jacobian) * (h > 0)[:, None]
            h = np.maximum(h, 0)
        squares.append(((c * rng.choice((-1.0, 1.0), len(h))) @ jacobian) ** 2)
    return float(np.sqrt(np.sum(squares, axis=-1).mean()))


@functools.cache
def clipped_critic(c: float = 0.1, steps: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """All weights of a critic 2-64-64-1 before and after RMSProp with clipping, by hand: two clouds in the plane."""
    rng = np.random.default_rng(0)
    real = rng.normal(0, 0.4, (256, 2)) + rng.choice((-1.0, 1.0), (256, 2))
    fake = rng.normal(0, 0.7, (256, 2))
    points, signs = np.vstack([real, fake]), np.append(np.ones(256), -np.ones(256)) / 256
    layers = [rng.uniform(-1, 1, shape) / np.sqrt(shape[0]) for shape in ((2, 64), (64, 64), (64, 1))]
    layers = [np.clip(w, -c, c) for w in layers]
    biases = [np.zeros(64), np.zeros(64)]
    first = np.concatenate([w.ravel() for w in layers])
    memory = [np.zeros_like(w) for w in layers + biases]
    for _ in range(steps):
        batch = rng.choice(512, 128, replace=False)
        x, sign = points[batch], signs[batch] * 4
        one = x @ layers[0] + biases[0]
        h1 = np.where(one > 0, one, 0.2 * one)
        two = h1 @ layers[1] + biases[1]
        h2 = np.where(two > 0, two, 0.2 * two)
        d2 = sign[:, None] * layers[2].T * np.where(two > 0, 1, 0.2)
        d1 = d2 @ layers[1].T * np.where(one > 0, 1, 0.2)
        gradients = [x.T @ d1, h1.T @ d2, h2.T @ sign[:, None], d1.sum(0), d2.sum(0)]
        for w, g, v in zip(layers + biases, gradients, memory, strict=True):
            v *= 0.99
            v += 0.01 * g**2
            w += 1e-3 * g / (np.sqrt(v) + 1e-8)
            np.clip(w, -c, c, out=w)
    return first / c, np.concatenate([w.ravel() for w in layers]) / c


def gain(words: dict[str, str]) -> plt.Figure:
    """Slopes against depth, and where clipped weights end."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.7), layout="constrained", width_ratios=(1.2, 1))
    rng = np.random.default_rng(0)
    depths = np.arange(1, 9)
    for c, colour in ((0.2, FAKE), (0.125, JUDGE), (0.09, REAL), (0.05, PLUM)):
        left.plot(depths, c * np.sqrt(INPUTS) * (c * np.sqrt(WIDTH / 2)) ** depths, color=colour, lw=2)
        left.plot(depths, [slopes(c, depth, 40, rng) for depth in depths], "o", color=colour, ms=5)
        end = c * np.sqrt(INPUTS) * (c * np.sqrt(WIDTH / 2)) ** 8
        left.text(8.3, end, f"$c={c:g}$", color=colour, va="center", fontsize=11.5)
    left.set(yscale="log", xlabel=words["depth"], title=words["slope"], xlim=(0.7, 8.2), xticks=(2, 4, 6, 8))
    first, last = clipped_critic()
    edges = np.linspace(-1.0, 1.0, 42)
    for weights, name, style in (
        (last, "after", {"color": FAKE}),
        (first, "before", {"histtype": "step", "color": INK, "lw": 1.3}),
    ):
        right.hist(weights, edges, weights=np.full(len(weights), 1 / len(weights)), label=words[name], **style)
    right.set(xlabel=words["weight"], title=words["share"], xticks=(-1, 0, 1))
    right.legend(loc="upper center")
    return figure


def unit(points: np.ndarray, shares: np.ndarray) -> float:
    """The most that one clipped unit can do between the data at 0 and points of given shares, with c = 1.

    The gain is piecewise linear in (w, b), so its maximum over the box lies on a fine grid up to the grid's width.
    """
    w, b = np.meshgrid(np.linspace(-1, 1, 161), np.linspace(-1, 1, 321), indexing="ij")
    fakes = sum(share * np.maximum(w * x + b, 0) for x, share in zip(points, shares, strict=True))
    return float(np.abs(np.maximum(b, 0) - fakes).max())


def ruler(words: dict[str, str]) -> plt.Figure:
    """A model that comes closer, while the clipped critic reports a rise."""
    figure, ax = plt.subplots(figsize=(6.6, 3.4), layout="constrained")
    t = np.linspace(0, 1, 101)
    ends = np.stack([-1 + 0.4 * t, 1 - 0.4 * t], -1)
    shares = np.stack([1 - t, 1 + t], -1) / 2
    ax.plot(t, (shares * np.abs(ends)).sum(-1), color=REAL, lw=2.6, label=words["true"])
    found = [unit(*pair) for pair in zip(ends, shares, strict=True)]
    ax.plot(t, found, color=FAKE, lw=2.6, ls="--", label=words["ruler"])
    ax.set(xlabel=words["progress"], ylabel=words["units"], xlim=(0, 1), ylim=(0, 1.05), yticks=(0, 0.5, 1))
    ax.legend(loc="upper right")
    return figure


# ------------------------------------------------------------------------------------------------------ the player

AXIS = np.linspace(-7, 7, 1401)
STEP = AXIS[1] - AXIS[0]
DATA = (norm.pdf(AXIS, -1.4, 0.45) + norm.pdf(AXIS, 1.4, 0.45)) / 2
WIDE = 0.6


def js(p: np.ndarray, q: np.ndarray) -> float:
    m = (p + q) / 2
    terms = [a * np.log(np.where(a > 0, a, 1) / np.where(a > 0, m, 1)) for a in (p, q)]
    return float(sum(terms).sum() * STEP / 2)


def gap(position: float) -> np.ndarray:
    """G − F on the axis, of which the sign is wanted: in the right tail from what is left there."""
    left = norm.cdf(AXIS, position, WIDE) - (norm.cdf(AXIS, -1.4, 0.45) + norm.cdf(AXIS, 1.4, 0.45)) / 2
    right = (norm.sf(AXIS, -1.4, 0.45) + norm.sf(AXIS, 1.4, 0.45)) / 2 - norm.sf(AXIS, position, WIDE)
    return np.where(AXIS > 0, right, left)


def slide(words: dict[str, str], lang: str) -> viz.Player:
    """The model slides past the data: the best critic and the best discriminator."""
    positions = np.linspace(-4.5, 4.5, 37)
    models = [norm.pdf(AXIS, position, WIDE) for position in positions]
    costs = np.array([np.abs(gap(position)).sum() * STEP for position in positions])
    divergences = np.array([js(DATA, q) for q in models])
    frames = []
    for position, q in zip(positions, models, strict=True):
        figure = plt.figure(figsize=(6.6, 3.5), dpi=96, layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=(1.6, 1))
        top, low, side = (figure.add_subplot(grid[where]) for where in ((0, 0), (1, 0), (slice(None), 1)))
        for density, colour, name in ((DATA, REAL, "data"), (q, FAKE, "model")):
            top.fill_between(AXIS, density, color=colour, alpha=0.28, lw=0)
            top.plot(AXIS, density, color=colour, lw=1.8, label=words[name])
        top.set(xlim=(-6, 6), ylim=(0, 0.98), yticks=(), xticks=())
        top.legend(loc="upper right", handlelength=1.2, ncols=2, columnspacing=0.8, borderaxespad=0.1)
        f = np.cumsum(np.sign(gap(position))) * STEP
        low.plot(AXIS, f - f[np.abs(AXIS) <= 6].mean(), color=JUDGE, lw=2.2, label=words["best"])
        ratio = norm.logpdf(AXIS, position, WIDE) - np.log(DATA + 1e-300)
        low.plot(AXIS, 6 / (1 + np.exp(np.clip(ratio, -60, 60))) - 3, color=SOFT, lw=1.6, ls="--", label=words["judge"])
        low.set(xlim=(-6, 6), ylim=(-6.2, 8.6), yticks=(), xlabel="$x$", xticks=(-4, 0, 4))
        low.legend(loc="upper right", handlelength=1.5, ncols=2, columnspacing=0.8, borderaxespad=0.1)
        for values, colour, name in ((costs, JUDGE, "true"), (divergences, SOFT, "js")):
            side.plot(positions, values / values.max(), color=colour, lw=2, label=words[name])
            now = np.interp(position, positions, values) / values.max()
            side.plot(position, now, "o", color=colour, ms=8)
        side.set(ylim=(0, 1.3), xlim=(-4.7, 4.7), xlabel=words["offset"], xticks=(-4, 0, 4), yticks=(0, 1))
        side.legend(loc="upper center", ncols=2, handlelength=1.3, columnspacing=0.9)
        frames.append((position, figure))
        plt.close(figure)
    labels.use(lang)
    texts = {
        position: words["caption"].format(position, cost, divergence)
        for position, cost, divergence in zip(positions, costs, divergences, strict=True)
    }
    return viz.player(frames, caption=lambda key: texts[key], seconds=10)


FIGURES = {"plan": plan, "growth": growth, "gain": gain, "ruler": ruler}
PLAYERS = {"slide": slide}

if __name__ == "__main__":
    drawing.write("06-wgan", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"06-wgan-{name}-{language}.png")
