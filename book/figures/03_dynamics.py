"""Figures of chapter 03, in both languages: ``python book/figures/03_dynamics.py [folder]``.

The Dirac-GAN is simulated with the formulas that tests/maths/test_dynamics.py checks against the library's losses and
penalties.
"""

from __future__ import annotations

from collections.abc import Callable

import drawing
import matplotlib.pyplot as plt
import numpy as np
from drawing import FAKE, GRID, INK, JUDGE, REAL, SOFT
from matplotlib.axes import Axes
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import binom

from ganlib import labels, viz

WORDS = {
    "en": {
        "logit_fake": "logit $u$ of the fake",
        "force": "force on the generator",
        "time": "training time $t$ of $D$",
        "saturating": "saturating",
        "non_saturating": "non-saturating",
        "wrong": "wrong way",
        "right": "right way",
        "simultaneous": "simultaneous",
        "alternating": "alternating",
        "minimax": "minimax",
        "wgan": "WGAN",
        "clipping": "WGAN, clipping",
        "gp": "WGAN-GP",
        "r1": "with R1",
        "real_part": "real part",
        "imaginary_part": "imaginary part",
        "radius": "larger modulus of a step",
        "sim_step": r"simultaneous, $\eta=0.4$",
        "alt_step": r"alternating, $\eta=0.4$",
        "alt_large": r"alternating, $\eta=1$",
        "data": "data",
        "lost": "a mode is lost",
        "tilted": "weights are wrong",
        "share": "share",
        "pack": "samples in a pack, $m$",
        "tv": "total variation of packs",
        "one_sided": "one-sided",
        "two_sided": "two-sided",
        "none": "none",
        "ratio": r"$\log(p_r/p_\theta)$",
        "best_logit": "optimal logit",
        "distance": r"distance $\theta$ of the two points",
        "no_noise": "no noise",
        "real": "real",
        "fake": "fake",
        "score": "score",
        "line": "line of data $x$",
    },
    "zh": {
        "logit_fake": "假样本的 logit $u$",
        "force": "生成器受到的力",
        "time": "$D$ 的训练时间 $t$",
        "saturating": "饱和",
        "non_saturating": "非饱和",
        "wrong": "方向错误",
        "right": "方向正确",
        "simultaneous": "同时更新",
        "alternating": "交替更新",
        "minimax": "极小极大",
        "wgan": "WGAN",
        "clipping": "WGAN，权重裁剪",
        "gp": "WGAN-GP",
        "r1": "加 R1",
        "real_part": "实部",
        "imaginary_part": "虚部",
        "radius": "特征值中较大的模",
        "sim_step": r"同时更新，$\eta=0.4$",
        "alt_step": r"交替更新，$\eta=0.4$",
        "alt_large": r"交替更新，$\eta=1$",
        "data": "数据",
        "lost": "丢失一个模式",
        "tilted": "权重不对",
        "share": "比例",
        "pack": "每包样本数 $m$",
        "tv": "整包的全变差距离",
        "one_sided": "单侧平滑",
        "two_sided": "双侧平滑",
        "none": "不平滑",
        "ratio": r"$\log(p_r/p_\theta)$",
        "best_logit": "最优 logit",
        "distance": r"两点之间的距离 $\theta$",
        "no_noise": "不加噪声",
        "real": "真样本",
        "fake": "假样本",
        "score": "分数",
        "line": "数据轴 $x$",
    },
}


# ----------------------------------------------------------------------------------------------------------- the window


def opinion(t: float, start: float = 2.0) -> float:
    """The logit of the fake at θ = 1 after the discriminator has been trained for the time t."""
    return brentq(lambda u: u - np.exp(-u) - (start - np.exp(-start) - t), -600, 10)


def window(words: dict[str, str]) -> plt.Figure:
    """The force on the generator, against the logit and against the time for which D has been trained."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.7), layout="constrained", sharey=True)
    logits = np.linspace(-7, 2.6, 481)
    times = np.geomspace(0.1, 2_000, 200)
    along = np.array([opinion(t) for t in times])
    for sign, colour, style, key in ((1, SOFT, "--", "saturating"), (-1, FAKE, "-", "non_saturating")):
        left.plot(logits, logits * expit(sign * logits), color=colour, ls=style, lw=2.4, label=words[key])
        right.plot(times, along * expit(sign * along), color=colour, ls=style, lw=2.4)
    best = brentq(lambda u: u + 1 + np.exp(u), -3, 0)
    turn = 3 - np.exp(-2)
    peak = 2 - np.exp(-2) - best + np.exp(-best)
    left.plot(best, best + 1, "o", color=INK, ms=5)
    right.plot(peak, best + 1, "o", color=INK, ms=5)
    left.axvspan(0, 2.6, color="#fee2e2", lw=0)
    right.axvspan(0.1, turn, color="#fee2e2", lw=0)
    for ax in (left, right):
        ax.axhline(0, color=SOFT, lw=0.8)
        ax.set(ylim=(-1.85, 2.4), yticks=(-1, 0, 1, 2))
    left.text(1.3, -1.55, words["wrong"], ha="center", va="center", fontsize=11)
    left.text(-5, -1.55, words["right"], ha="center", va="center", fontsize=11)
    left.set(xlim=(-7, 2.6), xticks=(-6, -4, -2, 0, 2), xlabel=words["logit_fake"], ylabel=words["force"])
    right.set(xscale="log", xlim=(0.1, 2_000), xticks=(0.1, 1, 10, 100, 1000), xlabel=words["time"])
    right.set_xticks([], minor=True)
    right.set_xticklabels(["0.1", "1", "10", "100", "1000"])
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=2, handlelength=2.2)
    return figure


# ----------------------------------------------------------------------------------------------------- phase portraits

Force = Callable[[float, float], float]


def game(name: str, gamma: float = 0.0, weight: float = 0.0) -> tuple[Force, Force]:
    """The forces on φ and on θ: −∂L_D/∂φ and −∂L_G/∂θ."""
    linear = name == "wgan"

    def judge(theta, phi):
        pull = theta if linear else theta * expit(phi * theta)
        return -pull - gamma * phi - 2 * weight * (np.abs(phi) - 1) * np.sign(phi)

    def maker(theta, phi):
        if linear:
            return phi
        return phi * expit(phi * theta if name == "minimax" else -phi * theta)

    return judge, maker


def play(forces, start, lr: float, n: int, alternating: bool, clip: float | None = None) -> np.ndarray:
    """A path of steps, (n + 1, 2)."""
    judge, maker = forces
    theta, phi = start
    points = [start]
    for _ in range(n):
        new = phi + lr * judge(theta, phi)
        new = float(np.clip(new, -clip, clip)) if clip else new
        theta += lr * maker(theta, new if alternating else phi)
        phi = new
        points.append((theta, phi))
        if abs(theta) + abs(phi) > 20:
            break
    return np.array(points)


def plane(ax: Axes, size: float, ticks: tuple[float, ...]) -> None:
    ax.axhline(0, color=GRID, lw=0.9, zorder=0)
    ax.axvline(0, color=GRID, lw=0.9, zorder=0)
    ax.set(xlim=(-size, size), ylim=(-size, size), xticks=ticks, yticks=ticks, aspect="equal")


def arrows(ax: Axes, forces, size: float, count: int = 9, clip: float | None = None) -> None:
    """The field as short arrows of one length."""
    judge, maker = forces
    ticks = np.linspace(-size, size, count + 2)[1:-1]
    theta, phi = np.meshgrid(ticks, ticks)
    if clip:
        inside = np.abs(phi) <= clip
        theta, phi = theta[inside], phi[inside]
    x, y = maker(theta, phi), judge(theta, phi)
    norm = np.hypot(x, y) + 1e-12
    ax.quiver(
        theta, phi, x / norm, y / norm, color="#cbd5e1", pivot="mid", scale=24, width=0.007, headwidth=4.5, zorder=1
    )


CASES = (
    ("minimax", game("minimax"), None),
    ("non_saturating", game("non_saturating"), None),
    ("wgan", game("wgan"), None),
    ("clipping", game("wgan"), 0.5),
    ("gp", game("wgan", weight=0.5), None),
    ("r1", game("non_saturating", gamma=0.4), None),
)


def portraits(words: dict[str, str]) -> plt.Figure:
    """Six games, simultaneous and alternating, from the same start."""
    figure, axes = plt.subplots(3, 2, figsize=(6.6, 9.3), layout="constrained", sharex=True, sharey=True)
    start, size = (1.2, 0.0), 2.4
    for ax, (key, forces, clip) in zip(axes.flat, CASES, strict=True):
        plane(ax, size, (-2, 0, 2))
        if clip:
            ax.axhspan(clip, size, color="#f1f5f9", lw=0, zorder=0)
            ax.axhspan(-size, -clip, color="#f1f5f9", lw=0, zorder=0)
        arrows(ax, forces, size, clip=clip)
        for alternating, colour, width in ((False, FAKE, 1.1), (True, REAL, 1.5)):
            path = play(forces, start, 0.2, 600, alternating, clip)
            label = words["alternating" if alternating else "simultaneous"]
            ax.plot(*path.T, color=colour, lw=width, label=label, zorder=3, alpha=0.9, solid_joinstyle="round")
        ax.plot(*start, "o", ms=9, mfc="none", mec=INK, mew=1.5, zorder=5)
        ax.plot(0, 0, "o", ms=5, color=INK, zorder=5)
        ax.set_title(words[key])
    for ax in axes[:, 0]:
        ax.set_ylabel(r"$\varphi$", rotation=0, labelpad=8)
    for ax in axes[-1]:
        ax.set_xlabel(r"$\theta$")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, handlelength=2.2, fontsize=13
    )
    return figure


def chase(words: dict[str, str], lang: str) -> viz.Player:
    """The fake slides to and fro on the line of data, and the game turns round in the plane of its parameters."""
    lr, size = 0.35, 1.5
    path = play(game("wgan"), (1.0, 0.0), lr, 36, alternating=True)
    x = np.linspace(-size, size, 3)
    frames = []
    for n, (theta, phi) in enumerate(path):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(6.6, 3.1), dpi=96, layout="constrained", width_ratios=(1.35, 1)
        )
        left.plot(x, phi * x, color=JUDGE, lw=2.6)
        left.axhline(0, color=SOFT, lw=1)
        left.plot(0, 0, "o", ms=15, color=REAL, zorder=4)
        left.plot(theta, 0, "o", ms=15, color=FAKE, zorder=5)
        if abs(phi) > 0.03:
            left.annotate(
                "",
                (theta + 0.55 * phi, -0.42),
                (theta, -0.42),
                arrowprops={"arrowstyle": "-|>", "color": FAKE, "lw": 2.2, "shrinkA": 0, "shrinkB": 0},
            )
        left.text(0, 0.22, words["real"], color=REAL, ha="center", va="bottom")
        left.text(theta, -0.62, words["fake"], color=FAKE, ha="center", va="top")
        left.set(xlim=(-size, size), ylim=(-1.5, 1.5), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        left.set(xlabel=words["line"], ylabel=words["score"] + r" $\varphi x$")
        plane(right, size, (-1, 0, 1))
        right.plot(*path[: n + 1].T, color=REAL, lw=1.4, alpha=0.6)
        right.plot(*path[: n + 1].T, ".", color=REAL, ms=4)
        right.plot(theta, phi, "o", color=INK, ms=8)
        right.plot(0, 0, "o", ms=4, color=SOFT)
        right.set_xlabel(r"$\theta$")
        right.set_ylabel(r"$\varphi$", rotation=0, labelpad=6)
        frames.append((n, figure))
        plt.close(figure)
    labels.use(lang)
    return viz.player(frames, caption="n = {:d}".format, seconds=9)


# ------------------------------------------------------------------------------------------------------------ friction


def step_radius(gammas: np.ndarray, lr: float, alternating: bool, omega: float = 0.5) -> np.ndarray:
    """The larger modulus of a step's eigenvalues with R1."""
    q, b = (omega * lr) ** 2, lr * gammas
    trace, det = (2 - q - b, 1 - b) if alternating else (2 - b, 1 - b + q)
    root = np.sqrt((trace**2 / 4 - det).astype(complex))
    return np.maximum(np.abs(trace / 2 + root), np.abs(trace / 2 - root))


def eigenvalues(words: dict[str, str]) -> plt.Figure:
    """The eigenvalues of the flow while γ grows, and the convergence factor of a step against γ."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.9), layout="constrained")
    omega = 0.5
    left.axvspan(0, 0.25, color="#fee2e2", lw=0)
    left.axhline(0, color=SOFT, lw=0.8)
    left.axvline(0, color=SOFT, lw=0.8)
    gammas = np.linspace(0, 1.9, 400)
    for sign, colour in ((1, REAL), (-1, FAKE)):
        values = -gammas / 2 + sign * np.sqrt((gammas**2 / 4 - omega**2).astype(complex))
        left.plot(values.real, values.imag, color=colour, lw=2.4, ls="-" if sign > 0 else "--")
        for gamma in (0.0, 0.5):
            mark = -gamma / 2 + sign * np.sqrt(complex(gamma**2 / 4 - omega**2))
            left.plot(mark.real, mark.imag, "o", color=colour, ms=6)
            x, y, side = (0.05, 0.08, "left") if gamma == 0 else (-0.06, 0.07, "right")
            left.text(mark.real + x, mark.imag + sign * y, f"{gamma:g}", va="center", ha=side, fontsize=11)
    left.plot(-omega, 0, "o", color=INK, ms=7, zorder=4)
    left.text(-omega - 0.03, 0.1, r"$\gamma=1$", ha="right")
    left.set(xlim=(-1.5, 0.25), ylim=(-0.72, 0.72), xticks=(-1.5, -1, -0.5, 0), yticks=(-0.5, 0, 0.5))
    left.set(xlabel=words["real_part"], ylabel=words["imaginary_part"])
    grid = np.linspace(0.001, 3, 1_500)
    cases = (
        ("sim_step", 0.4, False, FAKE, "--"),
        ("alt_step", 0.4, True, REAL, "-"),
        ("alt_large", 1.0, True, JUDGE, "-."),
    )
    right.axhline(1, color=INK, lw=1, ls=(0, (3, 3)))
    for key, lr, alternating, colour, line in cases:
        right.plot(grid, step_radius(grid, lr, alternating), color=colour, ls=line, lw=2.4, label=words[key])
        best = 2 * omega - omega**2 * lr if alternating else 2 * omega
        right.plot(best, 1 - omega * lr, "o", color=colour, ms=6, zorder=4)
    right.set(xlim=(0, 3), ylim=(0.42, 1.28), xticks=(0, 1, 2, 3), yticks=(0.5, 0.75, 1))
    right.set(xlabel=r"$\gamma$", ylabel=words["radius"])
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=1, handlelength=2.4)
    return figure


def damping(words: dict[str, str], lang: str) -> viz.Player:
    """The screw of the door closer: a path and its eigenvalues for one γ after another."""
    lr, omega, size = 0.4, 0.5, 1.5
    circle = np.exp(1j * np.linspace(0, 2 * np.pi, 200))

    def roots(gamma):
        q, b = (omega * lr) ** 2, lr * gamma
        return np.roots([1, -(2 - q - b), 1 - b])

    way = np.concatenate([roots(gamma) for gamma in np.linspace(0, 3, 601)])

    frames = []
    for gamma in np.linspace(0, 3, 31):
        figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.3), dpi=96, layout="constrained")
        forces = game("non_saturating", gamma=gamma)
        plane(left, size, (-1, 0, 1))
        arrows(left, forces, size)
        path = play(forces, (1.2, 0.6), lr, 160, alternating=True)
        left.plot(*path.T, color=REAL, lw=1.5, zorder=3)
        left.plot(*path.T, ".", color=REAL, ms=4, zorder=3)
        left.plot(*path[0], "o", ms=9, mfc="none", mec=INK, mew=1.5, zorder=5)
        left.plot(0, 0, "o", ms=5, color=INK, zorder=5)
        left.set_xlabel(r"$\theta$")
        left.set_ylabel(r"$\varphi$", rotation=0, labelpad=6)
        right.plot(circle.real, circle.imag, color=SOFT, lw=1.2)
        right.plot(way.real, way.imag, ".", color=GRID, ms=2)
        for root, colour in zip(sorted(roots(gamma), key=lambda z: (z.imag, z.real)), (REAL, FAKE), strict=True):
            right.plot(root.real, root.imag, "o", color=colour, ms=9, mec="white", mew=0.8, zorder=4)
        right.axhline(0, color=GRID, lw=0.9, zorder=0)
        right.axvline(0, color=GRID, lw=0.9, zorder=0)
        right.set(xlim=(-0.3, 1.15), ylim=(-0.725, 0.725), xticks=(0, 1), yticks=(-0.5, 0, 0.5), aspect="equal")
        right.set(xlabel=words["real_part"], ylabel=words["imaginary_part"])
        frames.append((gamma, figure))
        plt.close(figure)
    labels.use(lang)
    return viz.player(frames, caption="γ = {:.1f}".format, seconds=10)


# ------------------------------------------------------------------------------------------------------ modes and hacks


def packing(words: dict[str, str]) -> plt.Figure:
    """Two models at the same total variation from eight equal modes, and what packs make of them."""
    figure = plt.figure(figsize=(6.6, 3.7), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.15))
    eps = 1 / 8
    models = (
        ("lost", np.array([1 / 7] * 5 + [0] + [1 / 7] * 2), FAKE),
        ("tilted", np.array([(1 + 2 * eps) / 8, (1 - 2 * eps) / 8] * 4), JUDGE),
    )
    for row, (key, weights, colour) in enumerate(models):
        ax = figure.add_subplot(grid[row, 0])
        ax.bar(np.arange(8), weights, color=colour, width=0.72, alpha=0.85)
        ax.hlines([1 / 8] * 8, np.arange(8) - 0.46, np.arange(8) + 0.46, color=REAL, lw=2)
        ax.set(ylim=(0, 0.19), yticks=(0, 1 / 8), xticks=[])
        ax.set_yticklabels(["0", "1/8"])
        ax.set_title(words[key])
    ax = figure.add_subplot(grid[:, 1])
    m = np.arange(1, 33)
    coins = [
        0.5 * np.abs(binom.pmf(np.arange(k + 1), k, 0.5) - binom.pmf(np.arange(k + 1), k, 0.5 + eps)).sum() for k in m
    ]
    ax.plot(m, 1 - (1 - eps) ** m, color=FAKE, lw=2.4, marker="o", ms=3.5, label=words["lost"])
    ax.plot(m, coins, color=JUDGE, lw=2.4, marker="s", ms=3.5, label=words["tilted"])
    ax.axvline(6, color=SOFT, lw=0.9, ls=":")
    ax.set(xlim=(0, 33), ylim=(0, 1.03), xticks=(1, 6, 16, 32), yticks=(0, 0.5, 1))
    ax.set(xlabel=words["pack"], ylabel=words["tv"])
    ax.legend(loc="lower right", handlelength=1.8, fontsize=11)
    return figure


def hacks(words: dict[str, str]) -> plt.Figure:
    """What label smoothing does to the optimal logit, and instance noise to JS."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 4.1), layout="constrained")
    ell = np.linspace(-7, 7, 281)
    rho = np.exp(ell)
    cases = (
        ("none", 0.0, 0.0, SOFT, ":"),
        ("one_sided", 0.1, 0.0, REAL, "-"),
        ("two_sided", 0.1, 0.1, FAKE, "--"),
    )
    for key, s, t, colour, line in cases:
        logit = np.log((1 - s) * rho + t) - np.log(s * rho + 1 - t)
        left.plot(ell, logit, color=colour, ls=line, lw=2.4, label=words[key])
    left.axhline(0, color=GRID, lw=0.9, zorder=0)
    left.axvline(0, color=GRID, lw=0.9, zorder=0)
    left.set(xlim=(-7, 7), ylim=(-7, 7), xticks=(-6, 0, 6), yticks=(-6, 0, 6))
    left.set(xlabel=words["ratio"], ylabel=words["best_logit"])
    left.legend(loc="lower right", handlelength=1.9, fontsize=11)
    theta = np.linspace(-4, 4, 161)
    x = np.linspace(-16, 16, 6_401)

    def js(shift: float, tau: float) -> float:
        log_p, log_q = -((x / tau) ** 2) / 2, -(((x - shift) / tau) ** 2) / 2
        log_m = np.logaddexp(log_p, log_q) - np.log(2)
        both = np.exp(log_p) * (log_p - log_m) + np.exp(log_q) * (log_q - log_m)
        return 0.5 * both.sum() * (x[1] - x[0]) / (tau * np.sqrt(2 * np.pi))

    right.plot([-4, 4], [np.log(2)] * 2, color=SOFT, ls=":", lw=2.4, label=words["no_noise"])
    right.plot(0, np.log(2), "o", ms=6, mfc="white", mec=SOFT, mew=1.5, zorder=4)
    right.plot(0, 0, "o", ms=6, color=SOFT, zorder=4)
    for tau, colour, line in ((0.3, JUDGE, "-."), (1.0, REAL, "-"), (2.0, FAKE, "--")):
        right.plot(theta, [js(t, tau) for t in theta], color=colour, ls=line, lw=2.4, label=rf"$\tau={tau:g}$")
    right.set(xlim=(-4, 4), ylim=(-0.02, 0.74), xticks=(-4, -2, 0, 2, 4), yticks=(0, np.log(2)))
    right.set_yticklabels(["0", r"$\log2$"])
    right.set(xlabel=words["distance"], ylabel="JS")
    right.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, handlelength=1.9, fontsize=11, columnspacing=1.2
    )
    return figure


FIGURES = {
    "window": window,
    "portraits": portraits,
    "eigenvalues": eigenvalues,
    "packing": packing,
    "hacks": hacks,
}
PLAYERS = {"chase": chase, "damping": damping}

if __name__ == "__main__":
    drawing.write("03-dynamics", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"03-dynamics-{name}-{language}.png")
