# %% [markdown] lang="en"
# # Lab 01 · How far apart?
#
# Two clouds of sand, and four instruments that measure how different they are. On some pairs all four agree. On others one says "infinitely", one says "as different as can be", and one says "three inches, that way". Whoever trains by going downhill had better know which instrument is in use.
#
# In this lab you will
# * check every closed form of [the theory page](../../book/en/01-distances.md) against an integral that knows nothing of it, to $10^{-6}$;
# * slide two laws apart with a slider, and let gradient descent bring them together again, or fail to;
# * fit one Gaussian to two modes in both directions of KL, from several starts, and see where each gets stuck;
# * measure a divergence from samples alone with a small network, and catch it cheating;
# * solve optimal transport exactly, meet the formula $\int|F-G|$, and move the ink of a 3 until it is an 8.
#
# Where it says **Predict**, answer before you run the cell. Everything here is small: on two idle cores the lab takes about a minute. Numbers are computed in double precision.
# %% [markdown] lang="zh" matches="84bbc74a17bb"
# # 实验 01 · 相距多远？
#
# 两堆沙，四件仪器，量它们相差多少。有时四件仪器众口一词；有时一件说“无穷大”，一件说“不能更不同了”，还有一件说“往那边挪三寸”。既然训练就是往低处走，最好先弄清楚手里拿的是哪一件。
#
# 在这个实验里，你将
# * 把[理论页](../../book/zh/01-distances.md)的每个闭式都与一个对它一无所知的积分对照，精确到 $10^{-6}$；
# * 用滑块让两个分布渐行渐远，再看梯度下降能不能把它们拉回来；
# * 用一个高斯分布去拟合两个模式，KL 的两个方向各从几个起点出发，看它们分别停在哪里；
# * 只凭样本，用一个小网络度量散度，并当场抓住它作弊；
# * 精确求解最优传输，与公式 $\int|F-G|$ 相见，再把一个 3 的墨迹搬成 8。
#
# 凡有**先猜**之处，请先回答再运行。这里的计算都不大：在两个空闲的核上约一分钟。数值一律用双精度。
# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab("01-distances", lang="@LANG@")
# %% [markdown] lang="en"
# ## 1 · Every number twice
#
# The line is cut into 120,000 cells, each 1/4000 wide; a law is the list of its heights in the middle of the cells. `distances` gets two such lists and adds up what the definitions say: it cannot know any formula.
# %% [markdown] lang="zh"
# ## 1 · 每个数算两遍
#
# 把直线切成 120,000 小格，每格宽 1/4000；一个分布就是它在各格中点处的一串高度。`distances` 拿到两串高度，按定义逐格相加：它不可能知道任何公式。
# %% tags=["strict"]
import math

import torch

torch.set_default_dtype(torch.float64)


def normal(x, mean, std):
    z = (x - mean) / std
    return (-z.square() / 2).exp() / (std * math.sqrt(2 * math.pi))


def uniform(x, start):
    return ((x > start) & (x < start + 1)).to(x)


def distances(p, q, step):
    def kl(p, q):
        logs = torch.special.xlogy(p, p) - torch.special.xlogy(p, q)
        return step * logs.sum(-1)

    middle = (p + q) / 2
    between = step * (p - q).cumsum(-1)  # F - G
    return {
        "KL": kl(p, q),
        "reverse KL": kl(q, p),
        "TV": step * (p - q).abs().sum(-1) / 2,
        "JS": (kl(p, middle) + kl(q, middle)) / 2,
        "W1": step * between.abs().sum(-1),
    }


step = 1 / 4000
x = torch.arange(-60_000, 60_000) * step + step / 2
p, q = normal(x, 0, 1), normal(x, 2, 1)
print(len(x), f"{step * p.sum():.6f} {step * q.sum():.6f}")
# %% [markdown] lang="en"
# And here are the formulas of the page, for two Gaussians (mean, standard deviation) and for two uniform laws on intervals of length 1.
#
# **Predict.** Between $\mathcal N(0,1)$ and $\mathcal N(2,1)$ both KL and $W_1$ are 2. Now take the same two laws in other units, half as large: $\mathcal N(0,\frac14)$ and $\mathcal N(1,\frac14)$. Which numbers change? And which are still finite for the uniform laws?
# %% [markdown] lang="zh"
# 下面是理论页的公式：一组给两个高斯分布（均值、标准差），一组给长度为 1 的两个区间上的均匀分布。
#
# **先猜。** $\mathcal N(0,1)$ 与 $\mathcal N(2,1)$ 之间，KL 与 $W_1$ 都是 2。换一个单位，同样的两个分布缩小一半，变成 $\mathcal N(0,\frac14)$ 与 $\mathcal N(1,\frac14)$，哪些数会变？对均匀分布，又有哪些数仍是有限的？
# %% tags=["strict"]
log2 = math.log(2)


def gaussian_formulas(m1, s1, m2, s2):
    def kl(m1, s1, m2, s2):
        square = (s1**2 + (m1 - m2) ** 2) / (2 * s2**2)
        return math.log(s2 / s1) + square - 1 / 2

    found = {"KL": kl(m1, s1, m2, s2), "reverse KL": kl(m2, s2, m1, s1)}
    d, s = abs(m1 - m2), abs(s1 - s2)
    if s == 0:
        return found | {"TV": math.erf(d / s1 / math.sqrt(8)), "W1": d}
    # en: erf(c / √2) is 2Φ(c) − 1.
    # zh: erf(c / √2) 就是 2Φ(c) − 1。
    bell = math.sqrt(2 / math.pi) * math.exp(-(d**2) / (2 * s**2))
    return found | {"W1": s * bell + d * math.erf(d / s / math.sqrt(2))}


def uniform_formulas(offset):
    tv = min(offset, 1)
    endless = {"KL": math.inf, "reverse KL": math.inf}
    return endless | {"TV": tv, "JS": tv * log2, "W1": offset}


integrals = {}
for laws in ((0, 1, 2, 1), (0, 0.5, 1, 0.5), (0, 1, 1, 2), (0.3,), (2,)):
    if len(laws) == 4:
        p, q = normal(x, *laws[:2]), normal(x, *laws[2:])
        title = "N({}, {}²)  N({}, {}²)".format(*laws)
        formulas = gaussian_formulas(*laws)
    else:
        p, q = uniform(x, 0), uniform(x, laws[0])
        title = "U(0, 1)  U({}, {})".format(laws[0], laws[0] + 1)
        formulas = uniform_formulas(laws[0])
    integrals[laws] = distances(p, q, step)
    print(title)
    for name, formula in formulas.items():
        integral = integrals[laws][name].item()
        print(f"   {name:12}{formula:9.6f}{integral:11.6f}")
        assert formula == integral or abs(formula - integral) < 1e-6

# en: A formula that looks right, and is not: |μ₁ − μ₂| + |σ₁ − σ₂|.
# zh: 看着像、其实不对的公式：|μ₁ − μ₂| + |σ₁ − σ₂|。
assert abs(integrals[0, 1, 1, 2]["W1"] - (1 + 1)) > 0.8
# %% [markdown] lang="en"
# Only $W_1$ has a unit: in inches it is twice what it is in units of two inches. The divergences compare heights, and when both densities are squeezed alike the ratio $p/q$ at corresponding places stays. On the uniform laws KL is $\infty$ at once; JS and TV have nothing left to say at the offset 1; $W_1$ goes on counting.
#
# For JS between Gaussians no formula is known. So take two different integrals: the definition, and "what one sample tells about the coin", $\log2-\mathbb E[h(\eta)]$.
# %% [markdown] lang="zh"
# 只有 $W_1$ 带单位：以一寸为单位量得的数，是以两寸为单位的两倍。散度比较的是高度；两个密度同样地挤窄时，对应之处的比 $p/q$ 不变。到了均匀分布，KL 立刻就是 $\infty$；JS 与 TV 在位移达到 1 之后无话可说；$W_1$ 还在往下数。
#
# 高斯分布之间的 JS 没有已知的公式。那就用两个不同的积分来对：一个是定义，一个是“一个样本透露了硬币多少消息”，即 $\log2-\mathbb E[h(\eta)]$。
# %% tags=["strict"]
p, q = normal(x, 0, 1), normal(x, 2, 1)
eta = p / (p + q)
doubt = torch.special.entr(eta) + torch.special.entr(1 - eta)
coin = log2 - step * ((p + q) / 2 * doubt).sum().item()
definition = integrals[0, 1, 2, 1]["JS"].item()
print(f"{definition:.9f} {coin:.9f}")
assert abs(definition - coin) < 1e-9
# %% [markdown] lang="en"
# ### Who bounds whom
#
# A thousand pairs of laws on five symbols, drawn at random. The page proves Pinsker's inequality $\mathrm{TV}\le\sqrt{\mathrm{KL}/2}$ and the chain
#
# $$\tfrac12\mathrm{TV}^2\le\log2-h\bigl(\tfrac12(1-\mathrm{TV})\bigr)\le\mathrm{JS}\le\mathrm{TV}\,\log2\le\log2.$$
#
# **Predict.** How often does each fail? And with the constant made a little more ambitious, $\sqrt{\mathrm{KL}/3}$ or $\frac12\mathrm{TV}\log2$?
# %% [markdown] lang="zh"
# ### 谁约束谁
#
# 随机抽一千对分布，各在五个符号上。理论页证明了 Pinsker 不等式 $\mathrm{TV}\le\sqrt{\mathrm{KL}/2}$，还有一串
#
# $$\tfrac12\mathrm{TV}^2\le\log2-h\bigl(\tfrac12(1-\mathrm{TV})\bigr)\le\mathrm{JS}\le\mathrm{TV}\,\log2\le\log2.$$
#
# **先猜。** 每个不等式会失败几次？把常数定得野心大一点，改成 $\sqrt{\mathrm{KL}/3}$ 或 $\frac12\mathrm{TV}\log2$，又会失败几次？
# %% tags=["strict"]
import numpy as np

rng = np.random.default_rng(0)
p, q = torch.from_numpy(rng.dirichlet([1.0] * 5, (2, 1000)))
found = distances(p, q, step=1)
kl, tv, js = found["KL"], found["TV"], found["JS"]
low = torch.special.entr((1 - tv) / 2) + torch.special.entr((1 + tv) / 2)
claims = {
    "TV² / 2 ≤ log 2 - h": (tv**2 / 2, log2 - low),
    "log 2 - h ≤ JS": (log2 - low, js),
    "JS ≤ TV log 2": (js, tv * log2),
    "TV ≤ √(KL / 2)": (tv, (kl / 2).sqrt()),
    "TV ≤ √(KL / 3)": (tv, (kl / 3).sqrt()),
    "JS ≤ TV log 2 / 2": (js, tv * log2 / 2),
}
fails = {name: int((a > b).sum()) for name, (a, b) in claims.items()}
for name, count in fails.items():
    print(f"{count:4}  {name}")
assert [count == 0 for count in fails.values()] == [True] * 4 + [False] * 2
# %% [markdown] lang="en"
# ### A KL below zero
#
# A KL is never negative, so a negative one is always a bug. Here is the commonest, on two coins; the last line is right.
# %% [markdown] lang="zh"
# ### 负的 KL
#
# KL 绝不会为负，所以得到负数必有错误。最常见的错误就在下面，用的是两枚硬币；最后一行才是对的。
# %% tags=["strict"]
from torch.nn.functional import kl_div

p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.9, 0.1]])
right = (p * (p / q).log()).sum().item()
print(f"KL(P‖Q) {right:.4f}")
print(f"KL(Q‖P) {(q * (q / p).log()).sum():.4f}")
given = {
    "p, q": (p, q),
    "p.log(), q": (p.log(), q),
    "q.log(), p": (q.log(), p),
}
calls = {
    name: kl_div(*two, reduction="batchmean").item()
    for name, two in given.items()
}
for name, value in calls.items():
    print(f"kl_div({name}) {value:.4f}")
assert calls["p, q"] < 0 and abs(calls["p.log(), q"] - right) > 0.1
assert abs(calls["q.log(), p"] - right) < 1e-9
# %% [markdown] lang="en"
# The first call gives probabilities where logarithms are wanted. The second has the laws in the order in which one reads them; `kl_div` wants the other one. (And without `"batchmean"` it divides by the number of entries, not of laws.)
#
# ## 2 · Two laws slide apart
#
# $P=\mathcal N(0,1)$ stays; $Q$ has half its width and slides to the right.
#
# **Predict.** Which distances are 0 at the offset 0? Which KL is the larger one, $\mathrm{KL}(P\|Q)$ or $\mathrm{KL}(Q\|P)$? Which curves end flat?
#
# (In a running notebook there are two sliders, for the offset and for the width of $Q$; on the web page a player for the offset.)
# %% [markdown] lang="zh"
# 第一次调用，该给对数的地方给了概率。第二次按读的顺序写，而 `kl_div` 要的顺序恰恰相反。（另外，不写 `"batchmean"`，它除的是元素的个数，而不是分布的个数。）
#
# ## 2 · 两个分布渐行渐远
#
# $P=\mathcal N(0,1)$ 不动；$Q$ 的宽度只有它的一半，向右滑去。
#
# **先猜。** 位移为 0 时，哪些距离是 0？两个 KL 中哪个大，$\mathrm{KL}(P\|Q)$ 还是 $\mathrm{KL}(Q\|P)$？哪些曲线到后来是平的？
#
# （在运行着的笔记本里有两个滑块，分别管位移与 $Q$ 的宽度；网页上是播放器，只管位移。）
# %%
import ipywidgets
from ganlib import viz

blue, orange, green, violet, _, grey = viz.COLORS
LOOKS = {
    "KL": (blue, "-"),
    "reverse KL": (blue, "--"),
    "TV": (grey, ":"),
    "JS": (green, "-"),
    "W1": (orange, "-"),
}
step = 1 / 50
x = torch.arange(-500, 800) * step + step / 2
still = normal(x, 0, 1)
offsets = torch.linspace(0, 6, 61)
top = 6


def slide(offset, width=0.5):
    fig, (left, right) = viz.panels(2, width=2.8, height=2.7)
    moved = normal(x, offset, width)
    left.plot(x, still, color=blue, label="P")
    left.plot(x, moved, "--", color=orange, label="Q")
    shared = torch.minimum(still, moved)
    left.fill_between(x, shared, color=viz.INK, alpha=0.35, linewidth=0)
    left.set(xlim=(-4, 8), ylim=(0, 1.3), xlabel="x")
    left.set(xticks=range(-4, 9, 2), yticks=[])
    left.legend(loc="upper left")
    here = distances(still, moved, step)
    all_along = distances(still, normal(x, offsets[:, None], width), step)
    for name, (color, line) in LOOKS.items():
        right.plot(
            offsets, all_along[name], line, color=color, label=lab.t(name)
        )
        # en: A triangle at the top: the curve has left the picture.
        # zh: 顶上的三角：曲线已经出了图。
        inside = here[name] <= top
        height, sign = (here[name], "o") if inside else (top, "^")
        right.plot(offset, height, sign, color=color, clip_on=False)
    right.set(xlim=(0, 6), ylim=(0, top), xlabel=lab.t("offset"))
    right.legend(
        loc="lower right",
        bbox_to_anchor=(1.03, 0.16),
        fontsize=9,
        labelspacing=0.2,
    )
    return fig


def slider(word, low, high, value):
    return ipywidgets.FloatSlider(
        value, min=low, max=high, step=0.1, description=lab.t(word)
    )


if lab.live:
    ipywidgets.interact(
        slide,
        offset=slider("offset", 0, 6, 2),
        width=slider("width", 0.4, 1.5, 0.5),
    )
    shown = None
else:
    places = torch.linspace(0, 6, 13).tolist()
    caption = f"{lab.t('offset')} {{:.1f}}".format
    shown = viz.player([(o, slide(o)) for o in places], caption=caption)
shown
# %% [markdown] lang="en"
# At the offset 0 none is 0: the widths differ. $\mathrm{KL}(P\|Q)$ is the dearer one, because it asks the narrow $Q$ about the tails of $P$. From the offset 4 on TV and JS say "as different as can be" and no more; $W_1$ adds 1 for each unit.
#
# ### Downhill
#
# Now the training question. Both laws have the width 1, $Q$ starts at 6 or at 3, and its offset $\theta$ follows the slope downhill: 150 steps $\theta\leftarrow\theta-0.1\,\frac{d}{d\theta}$.
#
# **Predict.** Which of the four arrive, from which start, and along which curve?
# %% [markdown] lang="zh"
# 位移为 0 时，没有一个是 0：宽度不同。$\mathrm{KL}(P\|Q)$ 更贵，因为它要问窄窄的 $Q$ 怎么看 $P$ 的尾部。位移超过 4 之后，TV 与 JS 只会说“不能更不同了”；$W_1$ 则是每移一格加 1。
#
# ### 下坡
#
# 现在问训练的问题。两个分布宽度都是 1，$Q$ 从 6 或从 3 出发，位移 $\theta$ 顺着坡往下走 150 步：$\theta\leftarrow\theta-0.1\,\frac{d}{d\theta}$。
#
# **先猜。** 四者之中谁走得到？从哪个起点？走出怎样的曲线？
# %%
# alt-en: TODO
# alt-zh: TODO 图
def descend(loss, start, steps, rate, longest=1e9):
    path = [start]
    for _ in range(steps):
        at = path[-1].clone().requires_grad_()
        (uphill,) = torch.autograd.grad(loss(at).sum(), at)
        # en: One start in each row; a slope above `longest` is cut to it.
        # zh: 每行一个起点；坡度超过 `longest` 就截到 `longest`。
        cut = longest / uphill.norm(dim=-1, keepdim=True)
        path.append(path[-1] - rate * uphill * cut.clamp(max=1))
    return torch.stack(path)


def apart(offset, name):
    moved = normal(x, offset, 1)
    return distances(still, moved, step)[name]


starts = torch.tensor([[6.0], [3.0]])
ways = {
    name: descend(
        lambda offset, name=name: apart(offset, name),
        starts,
        steps=150,
        rate=0.1,
    )
    for name in ("KL", "TV", "JS", "W1")
}
fig, axes = viz.panels(2, width=3.6, height=2.8)
for way, ax in enumerate(axes):
    for name, path in ways.items():
        color, line = LOOKS[name]
        ax.plot(path[:, way], line, color=color, label=lab.t(name))
    ax.set(xlabel=lab.t("step"), ylim=(-0.3, 6.3))
axes[0].set_ylabel(lab.t("offset"))
axes[1].legend()
fig
# %%
for name, path in ways.items():
    print(f"{name:3}", *(f"{offset:6.3f}" for offset in path[-1, :, 0]))
ends = torch.stack([path[-1, :, 0].abs() for path in ways.values()])
far, near = ends.T
assert far[0] < 0.01 and far[3] < 0.06 and min(far[1], far[2]) > 5.8
assert max(near[0], near[3]) < 0.06
# %% [markdown] lang="en"
# ## 3 · One Gaussian for two modes
#
# $P=\frac12\mathcal N(-b,1)+\frac12\mathcal N(b,1)$ with $b=3.5$, and one Gaussian $Q=\mathcal N(m,s^2)$ to fit it. Both objectives are integrals: the forward KL over $P$, the reverse KL over $Q$.
# %% [markdown] lang="zh"
# ## 3 · 两个模式，一个高斯分布
#
# $P=\frac12\mathcal N(-b,1)+\frac12\mathcal N(b,1)$，其中 $b=3.5$；用一个高斯分布 $Q=\mathcal N(m,s^2)$ 去拟合它。两个目标都是积分：前向 KL 对 $P$ 积，逆向 KL 对 $Q$ 积。
# %% tags=["strict"]
def log_normal(x, m, s):
    return -((x - m) / s).square() / 2 - (s * math.sqrt(2 * math.pi)).log()


def log_mixture(x, b=3.5, weight=0.5):
    one = torch.ones(())
    return torch.logaddexp(
        math.log(weight) + log_normal(x, -b, one),
        math.log(1 - weight) + log_normal(x, b, one),
    )


# en: v holds the mean m and the width s of each Gaussian Q.
# zh: v 存放每个高斯分布 Q 的均值 m 与宽度 s。
def forward(v, **law):
    m, s = v[..., :1], v[..., 1:]
    y = torch.arange(-16, 16, 0.05)
    log_p = log_mixture(y, **law)
    return 0.05 * (log_p.exp() * (log_p - log_normal(y, m, s))).sum(-1)


z = torch.arange(-8, 8.05, 0.1)
chances = 0.1 * normal(z, 0, 1)


def reverse(v, **law):
    m, s = v[..., :1], v[..., 1:]
    y = m + s * z
    logs = log_normal(y, m, s) - log_mixture(y, **law)
    return (chances * logs).sum(-1)


# en: The theorem: KL(P ‖ Q) = KL(P ‖ best fit) + KL(best fit ‖ Q).
# zh: 定理：KL(P ‖ Q) = KL(P ‖ 最优拟合) + KL(最优拟合 ‖ Q)。
best = torch.tensor([0, math.sqrt(1 + 3.5**2)])
for m, s in ((0, 1), (2, 3), (-3.5, 1)):
    v = torch.tensor([m, s]).double()
    whole = forward(v).item()
    parts = forward(best) + gaussian_formulas(*best.tolist(), m, s)["KL"]
    print(f"m = {m:4}, s = {s}: {whole:9.6f} = {parts:9.6f}")
    assert abs(whole - parts) < 1e-6
    assert abs(reverse(v) - parts) > 0.1
# %% [markdown] lang="en"
# **Predict.** Gradient descent on $m$ and $s$ starts from four places, (mean, width) = (−5, 2), (−1, 1), (1, 5) and (4, 2). How many different Gaussians come out, for each direction?
# %% [markdown] lang="zh"
# **先猜。** 对 $m$ 与 $s$ 作梯度下降，从四处出发：（均值，宽度）=（−5，2）、（−1，1）、（1，5）、（4，2）。两个方向各会得到几个不同的高斯分布？
# %% tags=["strict"]
objectives = {"forward KL": forward, "reverse KL": reverse}
starts = torch.tensor([[-5.0, 2.0], [-1.0, 1.0], [1.0, 5.0], [4.0, 2.0]])
paths = {}
for name, objective in objectives.items():
    path = descend(objective, starts, steps=500, rate=0.3, longest=0.3)
    paths[name], values = path, objective(path[-1])
    print(lab.t(name))
    for begin, end, value in zip(starts, path[-1], values, strict=True):
        (m0, s0), (m, s) = begin, end.round(decimals=3) + 0.0
        print(
            f"({m0:2.0f}, {s0:.0f}) → ({m:6.3f}, {s:.3f})   KL {value:.3f}"
        )
    if name == "forward KL":
        assert (path[-1] - best).abs().max() < 1e-3
    else:
        assert values[[0, 1, 3]].max() <= log2 < values[2]
# %%
# alt-en: TODO
# alt-zh: TODO 图
def landscape(ax, objective, path, **law):
    means, widths = torch.linspace(-7, 7, 71), torch.linspace(0.3, 6, 58)
    v = torch.stack(torch.meshgrid(means, widths, indexing="xy"), -1)
    heights = objective(v, **law)
    levels = [0, 0.7, 0.8, 1, 1.25, 1.5, 2, 2.5, 3, 4, 6, 9, 14]
    ax.contourf(
        means,
        widths,
        heights.log1p(),
        levels=np.log1p(levels),
        cmap="Blues",
        extend="max",
        alpha=0.7,
    )
    ax.grid(visible=False)
    for m, s in path.permute(1, 2, 0):
        end = orange if m[-1] > 1 else green if m[-1] < -1 else violet
        ax.plot(m, s, color=end, linewidth=1.4)
        ax.plot(m[0], s[0], "o", color=end, markersize=4, mfc="white")
        ax.plot(m[-1], s[-1], "o", color=end, markersize=7, mec="white")
    ax.set(xlim=(-7, 7), ylim=(0.3, 6), xlabel="m", xticks=range(-6, 7, 3))


fig, axes = viz.panels(2, width=3.8, height=3.2)
for ax, (name, path) in zip(axes, paths.items(), strict=True):
    landscape(ax, objectives[name], path)
    ax.set_title(lab.t(name))
axes[0].set_ylabel("s")
axes[1].axhline(math.sqrt(2 / math.pi) * 3.5, color=viz.INK, ls="--", lw=1)
fig
# %% [markdown] lang="en"
# MIDDLE
# %% [markdown] lang="zh"
# 中间
# %%
def valleys(b, weight=0.5):
    rows = [torch.linspace(-6, 6, 8), torch.tensor([1.0, 2.5, 4.5])]
    law = {"b": b, "weight": weight}
    path = descend(
        lambda v: reverse(v, **law),
        torch.cartesian_prod(*rows),
        steps=500,
        rate=0.3,
        longest=0.3,
    )
    fig, (left, right) = viz.panels(2, width=2.8, height=2.7)
    y = torch.linspace(-9, 9, 361)
    left.fill_between(y, log_mixture(y, **law).exp(), color="#c9d6ea")
    ends = path[-1].round(decimals=1).unique(dim=0)
    for m, s in ends:
        color = orange if m > 1 else green if m < -1 else violet
        left.plot(y, normal(y, m, s), color=color)
    left.set(xlim=(-9, 9), ylim=(0, 0.45), yticks=[], xlabel="x")
    landscape(right, reverse, path, **law)
    right.set_ylabel("s")
    return fig


if lab.live:
    ipywidgets.interact(
        valleys,
        b=slider("half distance", 0.5, 6, 3.5),
        weight=slider("weight", 0.1, 0.9, 0.5),
    )
    shown = None
else:
    places = torch.linspace(1, 4.5, 8).tolist()
    shown = viz.player(
        [(b, valleys(b)) for b in places], caption="b = {:.1f}".format
    )
shown
# %% [markdown] lang="en"
# PLANE
# %% [markdown] lang="zh"
# 平面
# %%
# alt-en: TODO
# alt-zh: TODO 图
from torch.distributions import (
    Categorical,
    MixtureSameFamily,
    MultivariateNormal,
)

weights = torch.tensor([0.4, 0.6])
centres = torch.tensor([[-2.2, -1.0], [2.2, 1.0]])
shapes = torch.tensor([[[0.9, -0.4], [-0.4, 0.6]], [[0.5, 0.3], [0.3, 0.9]]])
plane = MixtureSameFamily(
    Categorical(weights), MultivariateNormal(centres, shapes)
)
axis = torch.arange(-8, 8, 0.2)
field = torch.cartesian_prod(axis, axis)
log_plane = plane.log_prob(field)
ticks = torch.arange(-6, 6, 0.4)
noise = torch.cartesian_prod(ticks, ticks)
noise_chances = torch.softmax(-noise.square().sum(-1) / 2, 0)


# en: v: two numbers for the mean, three for a triangular root of the
# en: covariance.
# zh: v：两个数是均值，三个数是协方差矩阵的三角形平方根。
def gaussian(v):
    zero = torch.zeros_like(v[..., 0])
    rows = [v[..., 2], zero, v[..., 3], v[..., 4]]
    root = torch.stack(rows, -1).unflatten(-1, (2, 2))
    return MultivariateNormal(v[..., :2], scale_tril=root)


def forward_plane(v):
    logs = log_plane - gaussian(v).log_prob(field[:, None]).T
    return 0.04 * (log_plane.exp() * logs).sum(-1)


def reverse_plane(v):
    q = gaussian(v)
    y = q.loc[:, None] + noise @ q.scale_tril.mT
    logs = q.log_prob(y.transpose(0, 1)).T - plane.log_prob(y)
    return (noise_chances * logs).sum(-1)


starts = torch.tensor(
    [
        [-4.0, 2.0, 1.0, 0.0, 1.0],
        [4.0, -2.0, 1.0, 0.0, 1.0],
        [0.3, 0.3, 4.0, 0.0, 4.0],
    ]
)
ways = {
    "forward KL": descend(forward_plane, starts, 400, 0.3, longest=0.3),
    "reverse KL": descend(reverse_plane, starts, 400, 0.3, longest=0.3),
}
angle = torch.linspace(0, 2 * math.pi, 121)
circle = torch.stack([angle.cos(), angle.sin()], -1)
fig, axes = viz.panels(2, width=3.8, height=3.2)
for ax, (name, way) in zip(axes, ways.items(), strict=True):
    density = log_plane.exp().unflatten(0, (len(axis), len(axis))).T
    ax.contourf(axis, axis, density, cmap="Blues", alpha=0.7)
    for row, color in zip(way.unbind(1), (green, orange, violet), strict=True):
        for v, line in ((row[0], ":"), (row[-1], "-")):
            q = gaussian(v)
            ax.plot(*(q.loc + circle @ q.scale_tril.mT).T, line, color=color)
        ax.plot(*row[:, :2].T, color=color, linewidth=1)
    ax.set(aspect="equal", xlim=(-6, 6), ylim=(-4.6, 4.6), title=lab.t(name))
    ax.grid(visible=False)
fig
# %%
mean = weights @ centres
off = centres - mean
within = shapes + off[:, :, None] * off[:, None]
spread = (weights[:, None, None] * within).sum(0)
fits = gaussian(ways["forward KL"][-1])
print(f"{(fits.loc - mean).abs().max():.6f}")
print(f"{(fits.covariance_matrix - spread).abs().max():.6f}")
assert (fits.loc - mean).abs().max() < 1e-3
assert (fits.covariance_matrix - spread).abs().max() < 1e-3

light, heavy, wide = reverse_plane(ways["reverse KL"][-1]).tolist()
print(f"{light:.4f} ≤ {-math.log(0.4):.4f}")
print(f"{heavy:.4f} ≤ {-math.log(0.6):.4f}")
assert 0.8 < light < -math.log(0.4) and 0.4 < heavy < -math.log(0.6)
assert abs(wide - heavy) < 1e-3
# %% [markdown] lang="en"
# FOUR
# %% [markdown] lang="zh"
# 四
# %% tags=["strict"]
from torch.nn.functional import softplus

# en: For a logit a: the test function T = f'(e^a), and f*(T).
# zh: 给定 logit a：检验函数 T = f'(e^a)，以及 f*(T)。
FAMILY = {
    "KL": lambda a: (1 + a, a.exp()),
    "reverse KL": lambda a: (-(-a).exp(), a - 1),
    "JS": lambda a: ((log2 - softplus(-a)) / 2, (softplus(a) - log2) / 2),
    "TV": lambda a: (a.sign() / 2, a.sign() / 2),
    "H²": lambda a: (1 - (-a / 2).exp(), (a / 2).exp() - 1),
}
p = torch.tensor([0.50, 0.30, 0.15, 0.05])
q = torch.tensor([0.10, 0.20, 0.30, 0.40])
truth = distances(p, q, step=1)
truth["H²"] = (p.sqrt() - q.sqrt()).square().sum()
ratio = (p / q).log()
g = torch.Generator().manual_seed(0)
others = ratio + torch.randn(10_000, 4, generator=g)
for name, parts in FAMILY.items():
    T, conjugate = parts(ratio)
    best = (p * T - q * conjugate).sum().item()
    T, conjugate = parts(others)
    rest = (p * T - q * conjugate).sum(-1)
    higher = int((rest > truth[name] + 1e-9).sum())
    print(f"{name:11} {truth[name]:.6f} = {best:.6f}   {higher}")
    assert abs(best - truth[name]) < 1e-9 and higher == 0
    # en: The control forgets f* and takes T itself: no bound any more.
    # zh: 对照漏掉了 f*，直接用 T：那就不再是下界。
    if name != "TV":
        assert ((p - q) * T).sum(-1).max() > truth[name] + 0.1
# %% [markdown] lang="en"
# TRAIN
# %% [markdown] lang="zh"
# 训练
# %% tags=["strict"]
lab.show(ganlib.losses.cross_entropy_discriminator)
# %%
from ganlib.models.mlp import MLPDiscriminator

dimension = 10
loss = ganlib.losses.get("minimax").discriminator


def draw(n):
    real, fake = torch.randn(2, n, dimension)
    fake[:, 0] += 2
    return real, fake


def js_bound(network, real, fake):
    return log2 - loss(network(real), network(fake)) / 2


def climb(batches, steps):
    network = MLPDiscriminator((dimension,), (64, 64))
    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    fresh, log = draw(10_000), []
    for step in range(steps + 1):
        real, fake = next(batches)
        bound = js_bound(network, real, fake)
        if step % 20 == 0:
            with torch.no_grad():
                held_out = js_bound(network, *fresh)
            log.append((step, bound.item(), held_out.item()))
        adam.zero_grad()
        (-bound).backward()
        adam.step()
    return network, np.array(log).T


def forever(n, same):
    mine = draw(n)
    while True:
        yield mine if same else draw(n)


ganlib.seed(lab.seed)
steps = lab.pick(smoke=40, cpu=500, gpu=500)
runs = {
    "the same 200": climb(forever(200, same=True), steps),
    "fresh ones": climb(forever(200, same=False), steps),
}
# %%
# alt-en: TODO
# alt-zh: TODO 图
exact = 0.336830820
fig, axes = viz.panels(2, width=3.6, height=3.0)
for ax, (name, (_, log)) in zip(axes, runs.items(), strict=True):
    ax.axhline(log2, color=grey, linestyle=":")
    ax.axhline(exact, color=viz.INK, linestyle="--", linewidth=1)
    ax.plot(log[0], log[1], color=orange, label=lab.t("on the batch"))
    ax.plot(log[0], log[2], color=blue, label=lab.t("held out"))
    ax.set(title=lab.t(name), xlabel=lab.t("step"), ylim=(-0.5, 0.8))
axes[0].set_ylabel("JS")
axes[1].legend(loc="lower right")
fig
# %%
logs = {name: log for name, (_, log) in runs.items()}
for name, (at, batch, held_out) in logs.items():
    peak = held_out.argmax()
    print(
        lab.t(
            "bound at the end",
            name=lab.t(name),
            batch=batch[-1],
            held_out=held_out[-1],
            peak=held_out[peak],
            step=int(at[peak]),
        )
    )
if lab.profile != "smoke":
    _, memorised, exposed = logs["the same 200"]
    assert memorised[-1] > exact + 0.25 and exposed[-1] < 0
    assert exact - 0.1 < exposed.max() < exact + 0.02
    assert abs(logs["fresh ones"][2][-1] - exact) < 0.03
# %% [markdown] lang="en"
# AFTER
# %% [markdown] lang="zh"
# 之后
# %%
network, _ = runs["fresh ones"]
real, fake = draw(100_000)
with torch.no_grad():
    learned = network(real), network(fake)
# en: log p/q of N(0, I) and N(2e, I) is 2 - 2x, with the first coordinate x.
# zh: N(0, I) 与 N(2e, I) 的 log p/q 是 2 - 2x，其中 x 为第一个坐标。
perfect = 2 - 2 * real[:, 0], 2 - 2 * fake[:, 0]
true = {
    "KL": 2,
    "reverse KL": 2,
    "JS": exact,
    "TV": math.erf(1 / math.sqrt(2)),
    "H²": 2 - 2 * math.exp(-1 / 2),
}
estimates = {}
for name, parts in FAMILY.items():
    estimates[name], ideal = (
        (parts(a)[0].mean() - parts(b)[1].mean()).item()
        for a, b in (learned, perfect)
    )
    print(
        f"{name:11}{estimates[name]:7.3f}{ideal:8.3f}{true[name]:8.3f}"
    )
    if lab.profile != "smoke":
        assert 0.85 < estimates[name] / true[name] < 1.05
# %% [markdown] lang="en"
# FIVE
# %% [markdown] lang="zh"
# 五
# %%
if importlib.util.find_spec("ot") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "pot"]
    subprocess.run(pip, check=True)

from ganlib.metrics.transport import wasserstein

print(importlib.util.find_spec("ot") is not None)
# %% tags=["strict"]
from ganlib.labels import word
from scipy.stats import wasserstein_distance


def area(x, y):
    t = torch.cat([x, y]).sort().values
    F, G = (
        torch.searchsorted(c.sort().values, t, right=True) / len(c)
        for c in (x, y)
    )
    return ((F - G).abs()[:-1] * t.diff()).sum().item()


rng = np.random.default_rng(1)
x = torch.from_numpy(rng.exponential(size=300))
y = torch.from_numpy(rng.normal(size=300) * 0.3 + 2)
in_order = (x.sort().values - y.sort().values).abs().mean().item()
opposite = x.sort().values - y.sort(descending=True).values
results = {
    "POT": wasserstein(x[:, None], y[:, None]).value,
    "∫|F - G|": area(x, y),
    "in order": in_order,
    "SciPy": wasserstein_distance(x, y),
    "reversed": opposite.abs().mean().item(),
}
for name, value in results.items():
    print(f"{value:.9f}  {word(name)}")
*same, worse = results.values()
assert max(same) - min(same) < 1e-9 and worse > same[0] + 0.2
# %% tags=["strict"]
few = y[:170]
one, two = wasserstein(x[:, None], few[:, None]).value, area(x, few)
print(f"{one:.9f} {two:.9f}")
assert abs(one - two) < 1e-9
# %% tags=["strict"]
import ot

bins = torch.arange(10.0)
left = torch.tensor([30, 25, 15, 10, 8, 5, 3, 2, 1, 1]) / 100
right = left.flip(0)
F, G = left.cumsum(0), right.cumsum(0)
cost = (bins[:, None] - bins).abs()
squares = ot.dist(bins[:, None], bins[:, None])
answers = {
    "∫|F - G|": (F - G).abs().sum().item(),
    "ot.emd2(left, right, cost)": ot.emd2(left, right, cost).item(),
    "wasserstein_distance(bins, bins, left, right)": wasserstein_distance(
        bins, bins, left, right
    ),
    "ot.emd2(left, right, ot.dist(…))": ot.emd2(left, right, squares).item(),
    "wasserstein_distance(left, right)": wasserstein_distance(left, right),
}
for name, value in answers.items():
    print(f"{value:9.6f}  {name}")
*same, squared, zero = answers.values()
assert max(same) - min(same) < 1e-9
assert zero == 0 and squared > 2 * same[0]
# %%
# alt-en: TODO
# alt-zh: TODO 图
ganlib.seed(lab.seed)
n = lab.pick(smoke=40, cpu=60, gpu=60)
here = ganlib.load("two-moons").sample(n).double() + torch.tensor([0, 0.9])
there = ganlib.load("ring", radius=1, std=0.06).sample(n).double()
there = there + torch.tensor([0.5, -1.4])
length = torch.cdist(here, there)
plan = ot.emd([], [], length).argmax(1)
by_lot = torch.randperm(n)


def crossings(partner):
    a, b = here, there[partner]

    def side(p, q, r):
        u, v = q - p, r - p
        return (u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]).sign()

    i, j = torch.triu_indices(n, n, 1)
    one = side(a[i], b[i], a[j]) != side(a[i], b[i], b[j])
    two = side(a[j], b[j], a[i]) != side(a[j], b[j], b[i])
    return int((one & two).sum())


fig, axes = viz.panels(2, width=3.8, height=4.2)
counted = {}
for ax, (name, partner) in zip(axes, {"by lot": by_lot, "best plan": plan}.items(), strict=True):
    ax.plot(*torch.stack([here, there[partner]], 1).permute(2, 1, 0), color=grey, linewidth=0.7)
    ax.plot(*here.T, "o", color=blue, markersize=4)
    ax.plot(*there.T, "s", color=orange, markersize=4)
    mean = length[range(n), partner].mean().item()
    counted[name] = mean, crossings(partner)
    ax.set_title(f"{lab.t(name)}: {mean:.3f}")
    ax.set(aspect="equal", xticks=[], yticks=[])
fig
# %%
for name, (mean, crossed) in counted.items():
    print(f"{mean:.4f} {crossed:5}  {lab.t(name)}")
exactly = wasserstein(here, there).value
assert abs(counted["best plan"][0] - exactly) < 1e-6
assert counted["best plan"][1] == 0 < counted["by lot"][1]
# %% [markdown] lang="en"
# SIX
# %% [markdown] lang="zh"
# 六
# %%
digits = ganlib.load("digits", n=2000)
images = digits.normalised().double()
n = lab.pick(smoke=100, cpu=500, gpu=1000)
one, two = images[:n], images[n : 2 * n]
g = torch.Generator().manual_seed(lab.seed)
shuffle = torch.randperm(784, generator=g)


def shuffled(images):
    return images.flatten(1)[:, shuffle].view_as(images)


compared = {
    "real and real": (one, two),
    "both shuffled": (shuffled(one), shuffled(two)),
    "one shuffled": (one, shuffled(two)),
    "shifted by two": (one, two.roll(2, -1)),
}
found = {}
for name, pair in compared.items():
    found[name] = wasserstein(*pair).value
    print(f"{found[name]:10.6f}  {lab.t(name)}")
assert abs(found["real and real"] - found["both shuffled"]) < 1e-6
assert found["one shuffled"] > 1.5 * found["real and real"]
# %%
# alt-en: TODO
# alt-zh: TODO 图
from torch.nn.functional import pad

wide = pad(images[:50], (12, 12), value=-1)
shifts = range(11)
by_pixel = [
    (wide - wide.roll(k, -1)).flatten(1).norm(dim=1).mean() for k in shifts
]
others = torch.cdist(one.flatten(1), two.flatten(1)).mean()
grains = (wide[0, 0] > 0).nonzero().double()
by_ink = [
    wasserstein(grains, (wide[0, 0].roll(k, -1) > 0).nonzero()).value for k in shifts
]
fig, (left, right) = viz.panels(2, width=3.6, height=2.8)
left.axhline(others, color=grey, linestyle="--")
left.plot(shifts, by_pixel, "o-", color=blue)
left.set(ylim=(0, None), xlabel=lab.t("shift"), title=lab.t("pixel by pixel"))
right.plot(shifts, by_ink, "o-", color=orange)
right.set(ylim=(0, None), xlabel=lab.t("shift"), title=lab.t("ink moved"))
fig
