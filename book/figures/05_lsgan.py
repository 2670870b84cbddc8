"""Figures of chapter 05, in both languages: ``python book/figures/05_lsgan.py [folder]``.

Every curve is computed, and where a curve is a loss it is that of ``ganlib.losses``, so that the figures show the
library that the reader runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import drawing
import matplotlib.pyplot as plt
import numpy as np
import torch
from drawing import FAKE, INK, JUDGE, REAL, SOFT
from matplotlib.lines import Line2D
from scipy.optimize import minimize
from scipy.stats import norm

from ganlib import labels, losses, viz

PLUM = "#7e22ce"
WORDS = {
    "en": {
        "log_ratio": r"$\ell=\log\,p_r/p_\theta$",
        "output": "best raw output",
        "t_star": r"$T^*$ of f-GAN",
        "cross_entropy": "cross-entropy",
        "least_squares": "least squares",
        "hinge": "hinge",
        "pearson": r"Pearson $\chi^2$",
        "kl": "KL",
        "reverse_kl": "reverse KL",
        "hellinger": "Hellinger",
        "js": "JS",
        "gan": "GAN",
        "minimax": "saturating",
        "non_saturating": "non-saturating",
        "linear": "hinge, KL-GAN, Pearson",
        "kl_gan": "KL-GAN",
        "raw": "raw output $v$",
        "d_real": "$D$: loss on a real sample",
        "d_fake": "$D$: loss on a fake",
        "g_loss": "$G$: loss on a fake",
        "g_slope": "$G$: derivative in $v$",
        "force": r"pull up $\ell$, best $D$",
        "sure_fake": "surely fake",
        "sliding": r"sliding apart: $\mathcal{N}(0,1)$, $\mathcal{N}(\theta,1)$",
        "losing": "losing one of two equal modes",
        "mean": r"mean $\theta$",
        "share": "share of the second mode",
        "divided": r"divergence / $F''(1)$",
        "chi_fwd": r"$\chi^2(p_r\|p_\theta)$",
        "chi_rev": r"$\chi^2(p_\theta\|p_r)$",
        "kl_fwd": r"$\mathrm{KL}(p_r\|p_\theta)$",
        "kl_rev": r"$\mathrm{KL}(p_\theta\|p_r)$",
        "two_js": r"$2\,\mathrm{JS}$",
        "two_klm": r"$2\,\mathrm{KL}(m\|p_r)$",
        "delta": r"$\Delta$",
        "lsgan_step": "LSGAN's step",
        "two_tv": r"$2\,\mathrm{TV}$",
        "hell": "Hellinger²",
        "q_axis": "$q$, the model's share of the first symbol",
        "velocity": "$-dL_G/dq$, $D^*$ frozen",
        "coding_common": "labels 0, 1, 1",
        "coding_paper": "labels −1, 1, 0",
        "chi_velocity": r"$-dC/dq$, re-optimised",
        "data_here": "data",
        "swapped": "swapped",
        "data": "$p_r$",
        "model": r"$p_\theta$",
        "fit_mean": "mean of the fit",
        "fit_sd": "standard deviation",
        "covers": "covers",
        "seeks": "picks one",
    },
    "zh": {
        "log_ratio": r"$\ell=\log\,p_r/p_\theta$",
        "output": "最优的原始输出",
        "t_star": r"f-GAN 的 $T^*$",
        "cross_entropy": "交叉熵",
        "least_squares": "最小二乘",
        "hinge": "合页",
        "pearson": r"Pearson $\chi^2$",
        "kl": "KL",
        "reverse_kl": "逆向 KL",
        "hellinger": "Hellinger",
        "js": "JS",
        "gan": "GAN",
        "minimax": "饱和",
        "non_saturating": "非饱和",
        "linear": "合页、KL-GAN、Pearson",
        "kl_gan": "KL-GAN",
        "raw": "原始输出 $v$",
        "d_real": "$D$：真样本上的损失",
        "d_fake": "$D$：假样本上的损失",
        "g_loss": "$G$：假样本上的损失",
        "g_slope": "$G$：对 $v$ 的导数",
        "force": r"沿 $\ell$ 上升的拉力，$D$ 最优",
        "sure_fake": "一望即假",
        "sliding": r"相互滑开：$\mathcal{N}(0,1)$ 与 $\mathcal{N}(\theta,1)$",
        "losing": "两个等重的模式丢掉一个",
        "mean": r"均值 $\theta$",
        "share": "第二个模式所占的比例",
        "divided": r"散度 / $F''(1)$",
        "chi_fwd": r"$\chi^2(p_r\|p_\theta)$",
        "chi_rev": r"$\chi^2(p_\theta\|p_r)$",
        "kl_fwd": r"$\mathrm{KL}(p_r\|p_\theta)$",
        "kl_rev": r"$\mathrm{KL}(p_\theta\|p_r)$",
        "two_js": r"$2\,\mathrm{JS}$",
        "two_klm": r"$2\,\mathrm{KL}(m\|p_r)$",
        "delta": r"$\Delta$",
        "lsgan_step": "LSGAN 的一步",
        "two_tv": r"$2\,\mathrm{TV}$",
        "hell": "Hellinger²",
        "q_axis": "$q$：模型给第一个符号的概率",
        "velocity": "$-dL_G/dq$（冻结 $D^*$）",
        "coding_common": "标签 0、1、1",
        "coding_paper": "标签 −1、1、0",
        "chi_velocity": r"$-dC/dq$（重新优化）",
        "data_here": "数据",
        "swapped": "对调",
        "data": "$p_r$",
        "model": r"$p_\theta$",
        "fit_mean": "拟合的均值",
        "fit_sd": "标准差",
        "covers": "兼顾",
        "seeks": "只取其一",
    },
}


# -------------------------------------------------------------------------------------------------- what D answers


def outputs(words: dict[str, str]) -> plt.Figure:
    """The best answer of a discriminator as a function of the log ratio: four losses, and f-GAN's rows."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 4.1), layout="constrained")
    r = np.concatenate([np.linspace(-4, -1e-3, 200), np.linspace(1e-3, 4, 200)])
    for key, values, colour, line in (
        ("cross_entropy", r, SOFT, "--"),
        ("least_squares", 1 / (1 + np.exp(-r)), FAKE, "-"),
        ("hinge", np.sign(r), REAL, "-"),
        ("pearson", 2 * np.expm1(r), JUDGE, "-."),
    ):
        left.plot(r, values, color=colour, ls=line, lw=2.4, label=words[key])
    for key, name, raw, colour, line in (
        ("kl", "kl", 1 + r, FAKE, "--"),
        ("reverse_kl", "reverse_kl", r, REAL, "-"),
        ("hellinger", "squared_hellinger", r / 2, PLUM, "-"),
        ("js", "jensen_shannon", r, SOFT, "--"),
        ("gan", "gan", r, INK, ":"),
    ):
        values = losses.DIVERGENCES[name].activation(torch.from_numpy(raw)).numpy()
        right.plot(r, values, color=colour, ls=line, lw=2.4, label=words[key])
    right.plot(r, 2 * np.expm1(r), color=JUDGE, ls="-.", lw=2.4, label=words["pearson"])
    left.set(title=words["output"])
    right.set(title=words["t_star"])
    for ax in (left, right):
        ax.axhline(0, color=SOFT, lw=0.8)
        ax.axvline(0, color=SOFT, lw=0.8, ls=":")
        ax.set(
            xlabel=words["log_ratio"], xlim=(-4, 4), ylim=(-4.2, 4.2), xticks=(-4, -2, 0, 2, 4), yticks=range(-4, 5, 2)
        )
    for ax in (left, right):
        ax.legend(
            loc="upper center", bbox_to_anchor=(0.46, -0.2), ncols=2, handlelength=2.1, columnspacing=0.7, fontsize=12
        )
    return figure


# ---------------------------------------------------------------------------------------------------- the losses


def _each(function: Callable, v: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Values and derivatives of a loss at each of many single outputs."""
    a = v.clone().requires_grad_()
    values = torch.stack([function(one) for one in a])
    (slope,) = torch.autograd.grad(values.sum(), a, allow_unused=True)
    return values.detach().numpy(), slope.numpy()


PLAYERS_OF = (
    ("minimax", SOFT, "--"),
    ("non_saturating", PLUM, "-"),
    ("least_squares", FAKE, "-"),
    ("hinge", REAL, "-"),
    ("pearson", JUDGE, "-."),
)


def loss_curves(words: dict[str, str]) -> plt.Figure:
    """Both players' losses against the raw output, from the library itself."""
    figure, axes = plt.subplots(2, 2, figsize=(6.6, 6.2), layout="constrained")
    v = torch.linspace(-5, 4, 361, dtype=torch.float64)
    rest = torch.tensor(0.0, dtype=torch.float64)  # the other half of D's loss, held where it is known
    for name, colour, line in PLAYERS_OF:
        loss = losses.get(name)
        at_rest = loss.discriminator(rest, rest).item()
        of_fake = {"hinge": 1.0, "least_squares": 0.0, "pearson": 0.0}.get(name, np.log(2))  # its share of that
        if name != "non_saturating":
            on_real = _each(functools.partial(loss.discriminator, fake_logits=rest), v)[0] - of_fake
            on_fake = _each(functools.partial(loss.discriminator, rest), v)[0] - (at_rest - of_fake)
            axes[0, 0].plot(v, on_real, color=colour, ls=line, lw=2.3)
            axes[0, 1].plot(v, on_fake, color=colour, ls=line, lw=2.3)
        if name == "pearson":
            continue  # its generator's loss is that of the hinge
        values, slope = _each(loss.generator, v)
        axes[1, 0].plot(v, values, color=colour, ls=line, lw=2.3)
        axes[1, 1].plot(v, slope, color=colour, ls=line, lw=2.3)
    axes[1, 1].text(3.9, -3.8, words["linear"], ha="right", va="center", fontsize=11.5, color=REAL)
    titles = (("d_real", "d_fake"), ("g_loss", "g_slope"))
    for i in range(2):
        for j in range(2):
            ax = axes[i, j]
            ax.set_title(words[titles[i][j]])
            ax.axhline(0, color=SOFT, lw=0.8)
            ax.set(xlim=(-5, 4), xticks=(-4, -2, 0, 2, 4))
    axes[0, 0].set(ylim=(-4.2, 6.2), yticks=(-4, -2, 0, 2, 4, 6))
    axes[0, 1].set(ylim=(-4.2, 6.2), yticks=(-4, -2, 0, 2, 4, 6))
    axes[1, 0].set(ylim=(-4.6, 6.2), yticks=(-4, -2, 0, 2, 4, 6), xlabel=words["raw"])
    axes[1, 1].set(ylim=(-6.2, 3.2), yticks=(-6, -4, -2, 0, 2), xlabel=words["raw"])
    handles = [Line2D([], [], color=colour, ls=line, lw=2.3) for _, colour, line in PLAYERS_OF]
    names = [words[name] for name, _, _ in PLAYERS_OF]
    figure.legend(handles, names, loc="outside upper center", ncols=3, handlelength=2.0)
    return figure


def forces(words: dict[str, str]) -> plt.Figure:
    """How hard a fake is pushed up the log ratio, beside the best discriminator."""
    figure, ax = plt.subplots(figsize=(6.6, 4.1), layout="constrained")
    r = torch.linspace(-6, 3, 361, dtype=torch.float64)
    best = {"least_squares": torch.sigmoid, "pearson": lambda x: 2 * torch.expm1(x), "hinge": torch.sign}
    for key, name, colour, line in (
        ("minimax", "minimax", SOFT, "--"),
        ("non_saturating", "non_saturating", PLUM, "-"),
        ("kl_gan", "kl", INK, ":"),
        ("least_squares", "least_squares", FAKE, "-"),
        ("hinge", "hinge", REAL, "-"),
        ("pearson", "pearson", JUDGE, "-."),
    ):
        answer = best.get(name, lambda x: x)
        slope = _each(lambda one: losses.get(name).generator(answer(one)), r)[1]  # noqa: B023
        ax.plot(r, -slope, color=colour, ls=line, lw=2.5, label=words[key])
    ax.axvspan(-6, -2.5, color="#e2e8f0", alpha=0.75, lw=0)
    ax.text(-4.25, 1.27, words["sure_fake"], ha="center", va="center")
    ax.set(xlabel=words["log_ratio"], ylabel=words["force"], xlim=(-6, 3), ylim=(-0.06, 1.4), yticks=(0, 0.5, 1))
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3, handlelength=2.2)
    return figure


# ------------------------------------------------------------------------------------------------- the divergences

# F(ρ) with ρ = p_θ/p_r, normalised to F(1) = F'(1) = 0; the divergence is ∫ p_r F(ρ). With it F''(1).
CURVES: dict[str, tuple[Callable, float]] = {
    "chi_fwd": (lambda rho: (rho - 1) ** 2 / rho, 2.0),
    "kl_fwd": (lambda rho: rho - 1 - np.log(rho), 1.0),
    "hell": (lambda rho: (np.sqrt(rho) - 1) ** 2, 0.5),
    "two_js": (lambda rho: rho * np.log(rho) - (1 + rho) * np.log((1 + rho) / 2), 0.5),
    "delta": (lambda rho: (rho - 1) ** 2 / (1 + rho), 1.0),
    "two_tv": (lambda rho: abs(rho - 1), np.nan),
    "two_klm": (lambda rho: (1 + rho) * np.log((1 + rho) / 2) - rho + 1, 0.5),
    "kl_rev": (lambda rho: rho * np.log(rho) - rho + 1, 1.0),
    "lsgan_step": (lambda rho: -np.log((1 + rho) / 2) - (rho - 1) ** 2 / (1 + rho) / 8 + (rho - 1) / 2, 1 / 8),
    "chi_rev": (lambda rho: (rho - 1) ** 2, 2.0),
}
LOOKS = {
    "chi_fwd": (JUDGE, "-."),
    "kl_fwd": (REAL, "-"),
    "two_js": (SOFT, "--"),
    "delta": (FAKE, "--"),
    "lsgan_step": (FAKE, "-"),
    "two_klm": (PLUM, "-"),
    "kl_rev": (INK, ":"),
}


def paths(words: dict[str, str]) -> plt.Figure:
    """Divergences divided by their curvature: one near the data, and how they part."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 4.6), layout="constrained")
    x, theta = np.linspace(-12, 16, 5601), np.linspace(0, 3.4, 69)
    log_p = norm.logpdf(x)
    share = np.linspace(0, 0.5, 501)[1:]
    for key, (colour, line) in LOOKS.items():
        curve, curvature = CURVES[key]
        slid = [
            np.trapezoid(np.exp(log_p) * curve(np.exp(np.clip(norm.logpdf(x, t) - log_p, -600, 600))), x) for t in theta
        ]
        left.plot(theta, np.array(slid) / curvature, color=colour, ls=line, lw=2.3, label=words[key])
        lost = (curve(2 * share) + curve(2 * (1 - share))) / 2
        right.plot(share, lost / curvature, color=colour, ls=line, lw=2.3)
    left.set(title=words["sliding"], xlabel=words["mean"], ylabel=words["divided"], xlim=(0, 3.4), ylim=(0, 4.2))
    right.set(title=words["losing"], xlabel=words["share"], xlim=(0.5, 0), ylim=(0, 2.1), xticks=(0.5, 0.25, 0))
    right.set_xticklabels(["½", "¼", "0"])
    for ax in (left, right):
        ax.title.set_fontsize(12)
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, handlelength=2.0, columnspacing=1.2)
    return figure


# ----------------------------------------------------------------------------------------------------- the labels


def codings(words: dict[str, str]) -> plt.Figure:
    """Which way a generator of one parameter moves: two symbols, two codings of the labels."""
    figure, ax = plt.subplots(figsize=(6.6, 3.9), layout="constrained")
    q = np.linspace(0.004, 0.996, 497)
    p = np.array([0.7, 0.3])

    def velocity(a: float, b: float, c: float) -> np.ndarray:
        model = np.stack([q, 1 - q], -1)
        cost = ((b * p + a * model) / (p + model) - c) ** 2 / 2
        return cost[:, 1] - cost[:, 0]

    model = np.stack([q, 1 - q], -1)
    value = ((model - p) ** 2 / (model + p)).sum(-1) / 2
    ax.plot(q, -np.gradient(value, q), color=SOFT, ls="--", lw=2.2, label=words["chi_velocity"])
    ax.plot(q, velocity(0, 1, 1), color=REAL, lw=2.6, label=words["coding_common"])
    ax.plot(q, velocity(-1, 1, 0), color=FAKE, lw=2.6, label=words["coding_paper"])
    ax.axhline(0, color=INK, lw=0.9)
    for where, name in ((0.7, "data_here"), (0.3, "swapped")):
        ax.axvline(where, color=SOFT, lw=0.9, ls=":")
        ax.text(where, 0.79, words[name], ha="center", va="bottom", fontsize=11.5)
    for level, arrows, colour in (
        (-0.60, ((0.05, 0.66), (0.97, 0.74)), REAL),
        (-0.76, ((0.26, 0.02), (0.34, 0.66), (0.74, 0.98)), FAKE),
    ):
        for start, end in arrows:
            ax.annotate(
                "",
                (end, level),
                (start, level),
                arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.9, "shrinkA": 0},
            )
    ax.plot(0.7, -0.60, "o", color=REAL, ms=8)
    ax.plot(0.3, -0.76, "o", mfc="white", mec=FAKE, mew=1.8, ms=8)
    half = {"fillstyle": "left", "mfc": FAKE, "markerfacecoloralt": "white"}  # attracts from the left only
    ax.plot(0.7, -0.76, "o", mec=FAKE, mew=1.8, ms=8, **half)
    ax.set(xlim=(0, 1), ylim=(-0.88, 0.78), xlabel=words["q_axis"], ylabel=words["velocity"], yticks=(-0.5, 0, 0.5))
    figure.legend(
        *ax.get_legend_handles_labels(), loc="outside upper center", ncols=3, handlelength=1.7, columnspacing=1
    )
    return figure


# ------------------------------------------------------------------------------------------------------ the player

MODES = ((0.65, -1.5, 0.6), (0.35, 2.0, 0.8))  # weight, mean, standard deviation
AXIS = np.linspace(-12, 14, 2601)
DATA = sum(weight * norm.pdf(AXIS, mean, sd) for weight, mean, sd in MODES)


@functools.cache
def fit(key: str) -> tuple[float, float]:
    """Mean and standard deviation of the Gaussian that is nearest to the two modes, by one divergence."""
    curve = CURVES[key][0]

    def distance(at: np.ndarray) -> float:
        log_ratio = np.clip(norm.logpdf(AXIS, at[0], np.exp(at[1])) - np.log(DATA), -300, 300)
        with np.errstate(over="ignore", invalid="ignore"):
            value = np.trapezoid(DATA * curve(np.exp(log_ratio)), AXIS)
        return value if np.isfinite(value) else 1e9

    starts = [(-1.5, np.log(0.6)), (-0.3, np.log(1.8)), (0.2, np.log(1.5)), (2.0, np.log(0.8))]
    found = [
        minimize(distance, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-9}) for start in starts
    ]
    best = min(found, key=lambda result: result.fun)
    return float(best.x[0]), float(np.exp(best.x[1]))


def fits(words: dict[str, str], lang: str) -> viz.Player:
    """One divergence after another chooses its Gaussian: from those that cover to those that seek."""
    x = np.linspace(-5, 6, 441)
    everywhere = [fit(key) for key in CURVES]
    frames = []
    for key in CURVES:
        mean, sd = fit(key)
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(6.6, 3.1), dpi=96, layout="constrained", width_ratios=(1.75, 1)
        )
        density = sum(weight * norm.pdf(x, m, s) for weight, m, s in MODES)
        left.fill_between(x, density, color=REAL, alpha=0.28, lw=0)
        left.plot(x, density, color=REAL, lw=1.8, label=words["data"])
        left.fill_between(x, norm.pdf(x, mean, sd), color=FAKE, alpha=0.28, lw=0)
        left.plot(x, norm.pdf(x, mean, sd), color=FAKE, lw=2.2, ls="--", label=words["model"])
        left.set(xlim=(-5, 6), ylim=(0, 0.72), xlabel="$x$", yticks=(0, 0.3, 0.6), title=words[key])
        left.title.set_fontsize(15)
        left.legend(loc="upper right", handlelength=1.6)
        right.plot(*zip(*everywhere, strict=True), "o", color=SOFT, ms=5, alpha=0.6, mew=0)
        right.plot(mean, sd, "o", color=FAKE, ms=10)
        right.text(-0.62, 1.8, words["covers"], ha="right", va="center", fontsize=11.5, color=SOFT)
        right.text(-1.3, 0.6, words["seeks"], ha="left", va="center", fontsize=11.5, color=SOFT)
        right.set(xlim=(-1.8, 0.5), ylim=(0.4, 2.05), xlabel=words["fit_mean"], title=words["fit_sd"])
        right.set(xticks=(-1.5, -0.75, 0), yticks=(0.5, 1, 1.5, 2))
        right.title.set_fontsize(11.5)
        frames.append((key, figure))
        plt.close(figure)
    labels.use(lang)
    plain = {
        "chi_fwd": "χ²(p_r‖p_θ)",
        "kl_fwd": "KL(p_r‖p_θ)",
        "hell": "Hellinger²",
        "two_js": "2 JS",
        "delta": "Δ",
        "two_tv": "2 TV",
        "two_klm": "2 KL(m‖p_r)",
        "kl_rev": "KL(p_θ‖p_r)",
        "lsgan_step": words["lsgan_step"],
        "chi_rev": "χ²(p_θ‖p_r)",
    }

    def caption(key: str) -> str:
        return "{}: μ = {:.2f}, σ = {:.2f}".format(plain[key], *fit(key)).replace(
            ": ", "：" if lang == "zh" else ": ", 1
        )

    return viz.player(frames, caption=caption, seconds=14)


FIGURES = {"outputs": outputs, "losses": loss_curves, "forces": forces, "paths": paths, "codings": codings}
PLAYERS = {"fits": fits}

if __name__ == "__main__":
    drawing.write("05-lsgan", FIGURES, WORDS)
    with plt.rc_context(drawing.STYLE):
        for name, draw in PLAYERS.items():
            for language, words in WORDS.items():
                draw(words, language).save(drawing.folder() / f"05-lsgan-{name}-{language}.png")
