# %% [markdown] lang="en"
# # Lab 01 · How far apart?
#
# Two heaps of sand, and four instruments that measure how different they are. On some pairs all four agree. On others one says "infinitely", one says "as different as can be", and one says "three inches, that way". Whoever trains by going downhill had better know which instrument is in use.
#
# In this lab you will
# * check the closed forms of [the theory page](../../book/en/01-distances.md) against integrals that know nothing of them, to $10^{-6}$;
# * slide two laws apart with a slider, and let gradient descent bring them together again, or fail to;
# * fit one Gaussian to two modes in both directions of KL, from several starts, and see where each gets stuck;
# * measure a divergence from samples alone with a small network, and catch it cheating;
# * solve optimal transport exactly, meet the formula $\int|F-G|$, and move the ink of a 3 until it is an 8.
#
# Where it says **Predict**, answer before you run the cell. Everything here is small: on two idle cores the lab takes about a minute. Numbers are computed in double precision.
# %% [markdown] lang="zh" matches="6d5bca13316b"
# # 实验 01 · 相距多远？
#
# 两堆沙，四件仪器，量它们相差多少。有时四件仪器众口一词；有时一件说“无穷大”，一件说“不能更不同了”，还有一件说“往那边挪三寸”。既然训练就是往低处走，最好先弄清楚手里拿的是哪一件。
#
# 在这个实验里，你将
# * 把[理论页](../../book/zh/01-distances.md)的闭式与对它们一无所知的积分对照，精确到 $10^{-6}$；
# * 用滑块让两个分布渐行渐远，再看梯度下降能不能把它们拉回来；
# * 用一个高斯分布去拟合两个模式，KL 的两个方向各从几个起点出发，看它们分别停在哪里；
# * 只凭样本，用一个小网络度量散度，并当场抓住它作弊；
# * 精确求解最优传输（optimal transport），与公式 $\int|F-G|$ 相见，再把一个 3 的墨迹搬成 8。
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
print(f"∫p = {step * p.sum():.6f}   ∫q = {step * q.sum():.6f}")
# %% [markdown] lang="en"
# And here are the formulas of the page, for two Gaussians (mean, standard deviation) and for two uniform laws on intervals of length 1. The first column is the formula, the second the integral.
#
# **Predict.** Between $\mathcal N(0,1)$ and $\mathcal N(2,1)$ both KL and $W_1$ are 2. Now take the same two laws in other units, half as large: $\mathcal N(0,\frac14)$ and $\mathcal N(1,\frac14)$. Which numbers change? And which are still finite for the uniform laws?
# %% [markdown] lang="zh"
# 下面是理论页的公式：一组给两个高斯分布（均值、标准差），一组给长度为 1 的两个区间上的均匀分布。左列是公式，右列是积分。
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
        title = f"U(0, 1)  U({laws[0]}, {laws[0] + 1})"
        formulas = uniform_formulas(laws[0])
    integrals[laws] = distances(p, q, step)
    print(title)
    for name, formula in formulas.items():
        integral = integrals[laws][name].item()
        print(f"{formula:12.6f}{integral:11.6f}  {lab.t(name)}")
        assert formula == integral or abs(formula - integral) < 1e-6

# en: A formula that looks right, and is not: |μ₁ − μ₂| + |σ₁ − σ₂|.
# zh: 看着像、其实不对的公式：|μ₁ − μ₂| + |σ₁ − σ₂|。
assert abs(integrals[0, 1, 1, 2]["W1"] - (1 + 1)) > 0.8
# %% [markdown] lang="en"
# Only $W_1$ has a unit: in inches it is twice what it is in units of two inches. The divergences compare heights, and when both densities are squeezed alike the ratio $p/q$ at corresponding places stays. On the uniform laws KL is $\infty$ at once; JS and TV have nothing left to say from the offset 1 on; $W_1$ goes on counting.
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
print(f"{definition:.9f}  ½ KL + ½ KL")
print(f"{coin:.9f}  log 2 - E[h]")
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
# alt-en: Offset over 150 steps of descent, for KL, TV, JS and W1. Left, from 6: KL falls steeply, then levels out at 0; W1 falls along a straight line and reaches 0 after 60 steps; TV and JS stay at 6. Right, from 3: all four come down, KL and W1 within 30 steps, TV after 115, JS to 0.3.
# alt-zh: KL、TV、JS、W1 四种距离下，位移在 150 步下降中的变化。左图从 6 出发：KL 先陡后缓，降到 0；W1 沿直线下降，60 步到 0；TV 与 JS 停在 6。右图从 3 出发：四条都降下来，KL 与 W1 只用 30 步，TV 用 115 步，JS 到 0.3。
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
    last = path[-1, :, 0].round(decimals=3) + 0.0
    print(*(f"{offset:6.3f}" for offset in last), f" {lab.t(name)}")
ends = torch.stack([path[-1, :, 0].abs() for path in ways.values()])
far, near = ends.T
assert far[0] < 0.01 and far[3] < 0.06 and min(far[1], far[2]) > 5.8
assert max(near[0], near[3]) < 0.06


# %% [markdown] lang="en"
# From 3 all four get there, or nearly. From 6 only two do: KL, whose slope is $\theta$ itself, and $W_1$, whose slope is 1 everywhere, so that its way is a straight line. (At the goal it has a kink, and a step of constant length jumps to and fro across it.) TV and JS have crept by about a tenth, or less. Their slope at 6 is not zero but about $\frac1{200}$, and far out it falls nearly like $e^{-\theta^2/8}$; that is where a generator sits whose samples hardly overlap with the data.
#
# ## 3 · One Gaussian for two modes
#
# $P=\frac12\mathcal N(-b,1)+\frac12\mathcal N(b,1)$ with $b=3.5$, and one Gaussian $Q=\mathcal N(m,s^2)$ to fit it. Both objectives are integrals: the forward KL over $P$, the reverse KL over $Q$.
# %% [markdown] lang="zh"
# 从 3 出发，四个都走到了，或者差不多走到了。从 6 出发，只有两个走得到：KL 的坡度就是 $\theta$ 本身；$W_1$ 的坡度处处为 1，所以走出一条直线。（到了终点，它有一个尖角，固定长度的步子便在两侧跳来跳去。）TV 与 JS 走了 150 步，只挪动了十分之一格左右。它们在 6 处的坡度不是零，大约是 $\frac1{200}$，再往外差不多就像 $e^{-\theta^2/8}$ 那样衰减；样本与数据几乎没有重叠的生成器，就正好坐在那里。
#
# ## 3 · 两个模式，一个高斯分布
#
# $P=\frac12\mathcal N(-b,1)+\frac12\mathcal N(b,1)$，其中 $b=3.5$；用一个高斯分布 $Q=\mathcal N(m,s^2)$ 去拟合它。两个目标都是积分：前向 KL 散度（forward KL divergence）对 $P$ 积，逆向 KL 散度（reverse KL divergence）对 $Q$ 积。
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


z = torch.arange(-8, 8.02, 0.04)
chances = 0.04 * normal(z, 0, 1)


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
# alt-en: Two maps over mean m and width s, light where the KL is small. Left, forward: one valley, at m = 0 and s = 3.6, in which all four paths end. Right, reverse: two valleys at m = −3.5 and 3.5 with s = 1, in which three paths end, and a third one at m = 0, s = 3.1, above a dashed line, in which the path from (1, 5) ends.
# alt-zh: 两幅地图，横轴是均值 m，纵轴是宽度 s，KL 小处颜色浅。左图是前向：只有一个谷，在 m = 0、s = 3.6 处，四条路线都停在那里。右图是逆向：两个谷在 m = −3.5 与 3.5、s = 1 处，三条路线停在其中；第三个谷在 m = 0、s = 3.1 处，位于一条虚线之上，从 (1, 5) 出发的路线停在那里。
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
# **What do you see?** The forward KL has one valley. Whoever starts where, all end in the Gaussian that the theorem names: mean 0, variance $1+b^2$. It covers both modes, and is highest where $P$ has next to nothing.
#
# The reverse KL has three. Two lie on the modes and cost 0.692, just below $\log2=0.693$. The third lies in the middle, costs nearly twice as much, and the wide start is caught there. Why is there a valley at all? Near each mode $-\log p(x)\approx\frac12(|x|-b)^2$ up to a constant. Keep $s$ and move $m$ a little away from 0: since $\mathbb E|x|\approx\kappa s\,\bigl(1+\frac{m^2}{2s^2}\bigr)$ with $\kappa=\sqrt{2/\pi}\approx0.8$, the cost changes by
#
# $$\tfrac12m^2\Bigl(1-\frac{\kappa b}s\Bigr).$$
#
# Above the dashed line, $s=\kappa b$, it rises: what a wide Gaussian wins on the mode that it approaches, it more than loses on the flank that it pushes out beyond this mode. The best width for $m=0$ is a little above the line. Narrower ones feel a slope towards a mode.
# %% [markdown] lang="zh"
# **你看到了什么？** 前向 KL 只有一个谷。无论从哪里出发，都走到定理指明的那个高斯分布：均值 0，方差 $1+b^2$。它盖住了两个模式，最高处却几乎没有 $P$ 的概率。
#
# 逆向 KL 有三个谷。两个在模式上，值为 0.692，略低于 $\log2=0.693$。第三个在中间，值差不多是它们的两倍，从宽处出发的那一个就落在这里。为什么中间会有谷？在每个模式附近，$-\log p(x)\approx\frac12(|x|-b)^2$，只差一个常数。固定 $s$，让 $m$ 稍稍离开 0：由于 $\mathbb E|x|\approx\kappa s\,\bigl(1+\frac{m^2}{2s^2}\bigr)$，其中 $\kappa=\sqrt{2/\pi}\approx0.8$，值的变化是
#
# $$\tfrac12m^2\Bigl(1-\frac{\kappa b}s\Bigr).$$
#
# 虚线是 $s=\kappa b$。在它上方，值会上升：宽的高斯分布向一个模式靠过去，得到的好处抵不过另一侧的损失，因为它把一边的尾巴推到了模式之外。$m=0$ 时最好的宽度，恰在虚线之上一点。比这更窄的，才感到朝向某个模式的坡度。
# %% tags=["strict"]
for width in (2.0, 3.105):
    at = torch.tensor([0.0, width])
    curvature = torch.autograd.functional.hessian(reverse, at)
    by_hand = 1 - math.sqrt(2 / math.pi) * 3.5 / width
    print(f"s = {width:.3f}: {curvature[0, 0]:6.2f} ≈ {by_hand:5.2f}")
    assert abs(curvature[0, 0] - by_hand) < 0.02
    # en: In the valley every direction leads up; at s = 2 one leads down.
    # zh: 谷底朝哪边都是上坡；在 s = 2 处有一个方向是下坡。
    lowest = torch.linalg.eigvalsh(curvature)[0]
    assert (lowest > 0) == (width > 3)


# %% [markdown] lang="en"
# Now move the modes, $b$ to the left and to the right of 0. Right the landscape of the reverse KL with 24 descents, left the laws in which they end.
#
# **Predict.** How far apart must the modes be before a descent ends in one of them? In a running notebook you can also change the weight of the left mode: what happens to the valley in the middle at 0.9?
# %% [markdown] lang="zh"
# 现在移动模式，它们在 0 左右两侧各 $b$ 处。右图是逆向 KL 的地形与 24 条下降路线，左图是路线终点处的分布。
#
# **先猜。** 两个模式要离多远，才会有路线停在其中一个上？在运行着的笔记本里，还可以改变左边模式的权重：取 0.9 时，中间的谷会怎样？
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
        b=slider("half distance", 0.5, 5, 3.5),
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
# At $b=2$ there is one valley, in the middle: modes so close are still covered. From about $2.5$ on the side valleys catch somebody, from about $2.8$ on they are the deeper ones. The one in the middle stays, ever higher up. (With the weights 0.9 and 0.1 it is gone: exercise 2.)
#
# ### In the plane
#
# The same in two dimensions: weights 0.4 and 0.6, and three starts (dotted: one standard deviation around the mean). A Gaussian now has five numbers. Thin lines are the ways of the means.
#
# **Predict.** Where does the wide start end, left and right?
# %% [markdown] lang="zh"
# $b=2$ 时只有中间一个谷：离得这么近的模式仍会被盖住。从大约 $2.5$ 起，两侧的谷开始收留路线；从大约 $2.8$ 起，它们成了更深的谷。中间的谷还在，只是越来越高。（权重为 0.9 与 0.1 时，它就没有了，见习题 2。）
#
# ### 在平面上
#
# 换成二维，还是同样的事：权重是 0.4 与 0.6，三个起点（虚线圈是均值周围一个标准差）。这时一个高斯分布有五个数。细线是均值走过的路。
#
# **先猜。** 从宽处出发的那一个，左图和右图中各停在哪里？
# %% tags=["strict"]
from torch.distributions import (
    Categorical,
    MixtureSameFamily,
    MultivariateNormal,
)

weights = torch.tensor([0.4, 0.6])
centres = torch.tensor([[-2.2, -1.0], [2.2, 1.0]])
shapes = torch.tensor(
    [[[0.9, -0.4], [-0.4, 0.6]], [[0.5, 0.3], [0.3, 0.9]]]
)
plane = MixtureSameFamily(
    Categorical(weights), MultivariateNormal(centres, shapes)
)
axis = torch.arange(-8, 8, 0.25)
field = torch.cartesian_prod(axis, axis)
log_plane = plane.log_prob(field)
ticks = torch.arange(-6, 6.1, 0.5)
noise = torch.cartesian_prod(ticks, ticks)
noise_chances = torch.softmax(-noise.square().sum(-1) / 2, 0)
mass = 0.25**2 * log_plane.exp().sum().item()
print(f"∫p = {mass:.6f}")
assert abs(mass - 1) < 1e-6


# %% [markdown] lang="en"
# Again both objectives are sums, over 4,096 places of the plane or over 625 of the model's own. In a row `v` stand the mean and a triangular root of the covariance.
# %% [markdown] lang="zh"
# 两个目标仍然是求和：一个对平面上的 4,096 处求和，一个对模型自己的 625 处求和。`v` 的一行里是均值，以及协方差矩阵的三角形平方根。
# %%
def gaussian(v):
    zero = torch.zeros_like(v[..., 0])
    rows = [v[..., 2], zero, v[..., 3], v[..., 4]]
    root = torch.stack(rows, -1).unflatten(-1, (2, 2))
    return MultivariateNormal(v[..., :2], scale_tril=root)


def forward_plane(v):
    logs = log_plane - gaussian(v).log_prob(field[:, None]).T
    return 0.25**2 * (log_plane.exp() * logs).sum(-1)


def reverse_plane(v):
    q = gaussian(v)
    y = q.loc[:, None] + noise @ q.scale_tril.mT
    logs = q.log_prob(y.transpose(0, 1)).T - plane.log_prob(y)
    return (noise_chances * logs).sum(-1)


# %%
# alt-en: The same density with two modes in both panels, and three dotted circles, the starts. Left, forward: all three end in one long ellipse that stretches from one mode to the other. Right, reverse: the start at the upper left ends in an ellipse on the lighter mode, the two others in one on the heavier mode.
# alt-zh: 左右两图是同一个双模式的密度，三个虚线圈是起点。左图是前向：三个都停成同一个长椭圆，从一个模式伸到另一个。右图是逆向：左上方的起点停成较轻模式上的椭圆，另外两个停成较重模式上的同一个椭圆。
starts = torch.tensor(
    [
        [-4.0, 2.0, 1.0, 0.0, 1.0],
        [4.0, -2.0, 1.0, 0.0, 1.0],
        [0.3, 0.3, 4.0, 0.0, 4.0],
    ]
)
steps = lab.pick(smoke=200, cpu=400, gpu=400)
ways = {
    "forward KL": descend(forward_plane, starts, steps, 0.3, longest=0.3),
    "reverse KL": descend(reverse_plane, starts, steps, 0.3, longest=0.3),
}
angle = torch.linspace(0, 2 * math.pi, 121)
circle = torch.stack([angle.cos(), angle.sin()], -1)
fig, axes = viz.panels(2, width=3.8, height=3.2)
for ax, (name, way) in zip(axes, ways.items(), strict=True):
    density = log_plane.exp().unflatten(0, (len(axis), len(axis))).T
    ax.contourf(axis, axis, density, cmap="Blues", alpha=0.7)
    for row, color in zip(
        way.unbind(1), (green, orange, violet), strict=True
    ):
        for v, line in ((row[0], ":"), (row[-1], "-")):
            q = gaussian(v)
            ax.plot(
                *(q.loc + circle @ q.scale_tril.mT).T, line, color=color
            )
        ax.plot(*row[:, :2].T, color=color, linewidth=1)
    ax.set(
        aspect="equal", xlim=(-6, 6), ylim=(-4.6, 4.6), title=lab.t(name)
    )
    ax.grid(visible=False)
fig
# %%
mean = weights @ centres
off = centres - mean
within = shapes + off[:, :, None] * off[:, None]
spread = (weights[:, None, None] * within).sum(0)
fits = gaussian(ways["forward KL"][-1])
print("m ", *(f"{number:.4f}" for number in mean))
for fit in fits.loc:
    print("  ", *(f"{number:.4f}" for number in fit))
close = lab.pick(smoke=0.2, cpu=1e-4, gpu=1e-4)
assert (fits.loc - mean).abs().max() < close
assert (fits.covariance_matrix - spread).abs().max() < close

light, heavy, wide = reverse_plane(ways["reverse KL"][-1]).tolist()
print(f"KL {light:.4f} < log(1/0.4) = {-math.log(0.4):.4f}")
print(f"KL {heavy:.4f} < log(1/0.6) = {-math.log(0.6):.4f}")
assert 0.8 < light < -math.log(0.4) and 0.4 < heavy < -math.log(0.6)
assert abs(wide - heavy) < 1e-3
# %% [markdown] lang="en"
# The forward fits agree with the closed form, mean and covariance of $P$, to four digits. The reverse fits are two, and their values lie just below the bounds $\log\frac1{0.4}$ and $\log\frac1{0.6}$ of the theorem. The wide start happened to find the heavier mode; the start at the upper left went to the lighter one, because it was nearer.
#
# ## 4 · A divergence from samples
#
# Nobody knows the density of photographs. The variational lower bound asks for none:
#
# $$D_f(P\,\|\,Q)\ge\mathbb E_P[T(x)]-\mathbb E_Q[f^*(T(x))],$$
#
# with equality for $T=f'(p/q)$. If $a(x)$ is somebody's guess of $\log\frac{p(x)}{q(x)}$, then $T=f'(e^a)$ is always admissible, whatever $a$ is. First on four symbols, where everything can be computed.
#
# **Predict.** Each line holds the divergence, the right side at $a=\log\frac pq$, and how many of 10,000 other guesses come out above the divergence. How many?
# %% [markdown] lang="zh"
# 前向的三次拟合都等于闭式，即 $P$ 的均值与协方差矩阵，四位数字全同。逆向的拟合有两个，值略低于定理给出的界 $\log\frac1{0.4}$ 与 $\log\frac1{0.6}$。从宽处出发的那一个碰巧找到了较重的模式；左上方的起点去了较轻的，只因为离它近。
#
# ## 4 · 由样本得到散度
#
# 照片的密度谁也不知道。变分下界（variational lower bound）不需要密度：
#
# $$D_f(P\,\|\,Q)\ge\mathbb E_P[T(x)]-\mathbb E_Q[f^*(T(x))],$$
#
# 当 $T=f'(p/q)$ 时取等号。如果 $a(x)$ 是对 $\log\frac{p(x)}{q(x)}$ 的某种猜测，那么不管 $a$ 是什么，$T=f'(e^a)$ 总是允许的。先看四个符号的情形，这里一切都算得出来。
#
# **先猜。** 每行依次是散度、$a=\log\frac pq$ 时右边的值，以及另外 10,000 个猜测里有几个高过散度。有几个？
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
    print(f"{truth[name]:.6f} = {best:.6f}  {higher}  {lab.t(name)}")
    assert abs(best - truth[name]) < 1e-9 and higher == 0
    # en: The control forgets f* and takes T itself: no bound any more.
    # zh: 对照漏掉了 f*，直接用 T：那就不再是下界。
    if name != "TV":
        assert ((p - q) * T).sum(-1).max() > truth[name] + 0.1
# %% [markdown] lang="en"
# None. For JS the right side is $\log2-\frac12L_D$ with the library's loss of a discriminator:
# %% [markdown] lang="zh"
# 一个也没有。对 JS 散度，右边就是 $\log2-\frac12L_D$，其中 $L_D$ 是代码库里判别器的损失：
# %% tags=["strict"]
lab.show(ganlib.losses.cross_entropy_discriminator)
# %% [markdown] lang="en"
# Now without densities. $P=\mathcal N(0,I)$ and $Q=\mathcal N((2,0,\dots,0),I)$ in ten dimensions: nine of the ten coordinates tell nothing, so JS is that of $\mathcal N(0,1)$ and $\mathcal N(2,1)$, 0.3368. A small network climbs the bound, twice: on the same 200 pairs in every step, and on 200 fresh pairs each time. Every 20 steps we also compute the bound on 10,000 pairs that nobody trains on.
#
# **Predict.** Draw all four curves: in each panel the bound on the batch and on held-out pairs. (Dashed: the truth; dotted: $\log2$.)
# %% [markdown] lang="zh"
# 现在不用密度。十维空间里的 $P=\mathcal N(0,I)$ 与 $Q=\mathcal N((2,0,\dots,0),I)$：十个坐标中有九个毫无信息，所以 JS 散度就是 $\mathcal N(0,1)$ 与 $\mathcal N(2,1)$ 的，即 0.3368。让一个小网络把下界往上推，做两次：一次每步都用同样的 200 对样本，一次每步新抽 200 对。每隔 20 步，再在谁也没拿来训练的 10,000 对样本上算一遍下界。
#
# **先猜。** 把四条曲线都画出来：每幅图里，一条是这一批样本上的下界，一条是留出数据上的。（虚线是真值，点线是 $\log2$。）
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
# alt-en: Lower bounds on JS over 500 steps, with the truth 0.337 dashed and log 2 dotted. Left, the same 200 pairs every time: on the batch the curve climbs to log 2; held out it rises to 0.3, turns at step 40, crosses zero before step 200 and leaves the picture below. Right, fresh pairs: the batch scatters around the truth, the held-out curve reaches it within 60 steps and stays.
# alt-zh: JS 的下界在 500 步中的变化，虚线是真值 0.337，点线是 log 2。左图每次都用同样的 200 对：这一批上的曲线升到 log 2；留出数据上的升到 0.3，在第 40 步掉头，不到 200 步就穿过零，从下边出图。右图每次新抽：这一批上的在真值上下波动，留出数据上的 60 步之内升到真值，停在那里。
exact = coin
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
    print(lab.t(name))
    print(
        lab.t(
            "bound at the end",
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
# On the samples on which it trains the network reaches $\log2$. It is not wrong: two clouds without a common point *are* mutually singular, and it has found the JS of the **empirical** laws. As a statement about $P$ and $Q$ it is worthless, and the held-out samples say so. There the bound never exceeds the truth by more than the luck of sampling; after 40 steps it is at 0.30, and then the network learns its 200 pairs by heart, and it falls below zero: still a lower bound, if an absurd one. With fresh samples it comes up to the truth from below and stays. (Seeds 0 to 4 gave 0.28 to 0.32 for the best and $-0.8$ or less at the end; with fresh samples 0.33 to 0.34.)
#
# So what a discriminator reports on samples that it has learned by heart says nothing of $P$ and $Q$. The loss of D in a GAN stands between the two panels: the generated samples are fresh in every step, the real ones come back.
#
# ### One network, five divergences
#
# The best logit is $\log\frac pq$ for every one of the five, and the network was trained towards it by JS. So put its logit into all five. Columns: the network; the perfect logit, on the same 100,000 fresh pairs; the true value.
#
# **Predict.** Which of the five suffers most?
# %% [markdown] lang="zh"
# 在用来训练的样本上，网络达到了 $\log2$。它没有算错：两团点没有一个重合，就*确实*相互奇异，它求出的是两个**经验**分布的 JS 散度。当作关于 $P$ 与 $Q$ 的结论，它却一文不值，留出数据说得清清楚楚：在那里，下界从不超过真值，除非碰上抽样的运气；40 步时是 0.30，然后网络把那 200 对样本背了下来，下界跌到零以下，虽仍是下界，却已荒唐。样本常新，它就从下方升到真值，停在那里。（种子 0 到 4，最好时为 0.28 到 0.32，结束时不高于 $-0.8$；样本常新时为 0.33 到 0.34。）
#
# 所以，判别器在背熟了的样本上报出的数，说明不了 $P$ 与 $Q$ 相差多少。GAN 中判别器的损失介于两幅图之间：生成样本每步都是新的，真实样本却一再重现。
#
# ### 一个网络，五种散度
#
# 对五种散度来说，最好的 logit 都是 $\log\frac pq$；网络为 JS 而训练，学到的也正是它。那就把它的 logit 代进全部五种散度。三列依次是：网络；完美的 logit，用同样的 100,000 对新样本；真值。
#
# **先猜。** 五种里哪一种吃亏最多？
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
    numbers = estimates[name], ideal, true[name]
    print(*(f"{number:6.3f}" for number in numbers), f" {lab.t(name)}")
    if lab.profile != "smoke":
        assert 0.85 < estimates[name] / true[name] < 1.05
# %% [markdown] lang="en"
# All five are within two or three percent. The reverse KL is the worst here, and the perfect logit does not save it: its $T=-e^{-a}$ is rarely large, and then very large, so that a hundred thousand samples do not settle its mean. "From below" holds for the expectation; a single estimate scatters, above the truth too.
#
# ## 5 · How far the sand has travelled
#
# For two clouds of points $W_1$ is a linear programme, and the package POT solves it exactly. (Colab does not have it; the next cell installs it where it is missing.)
# %% [markdown] lang="zh"
# 五种都只差两三个百分点。这里最差的是逆向 KL，用完美的 logit 也救不了它：它的 $T=-e^{-a}$ 难得很大，一大就大得惊人，十万个样本也定不下它的均值。“从下方逼近”说的是期望；单独一次估计会波动，也可能高过真值。
#
# ## 5 · 沙子挪了多远
#
# 对两团点，$W_1$ 是一个线性规划，程序包 POT 能精确求解。（Colab 没有预装它；缺少时，下面的单元格会安装。）
# %%
if importlib.util.find_spec("ot") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "pot"]
    subprocess.run(pip, check=True)

import importlib.metadata

from ganlib.metrics.transport import wasserstein

print("POT", importlib.metadata.version("pot"))
# %% [markdown] lang="en"
# On the line nothing needs solving: keep the order. Three hundred points of each of two laws, and five ways to the answer: the linear programme, the area between the two staircases $F$ and $G$, sorting, SciPy, and, as a control, the opposite order.
#
# **Predict.** How many digits will agree?
# %% [markdown] lang="zh"
# 在直线上，什么都不用求解：保持次序就行。两个分布各取三百个点，用五种办法求答案：线性规划，两条阶梯 $F$ 与 $G$ 之间的面积，排序，SciPy，最后是对照：次序颠倒。
#
# **先猜。** 会有几位数字一致？
# %% tags=["strict"]
from ganlib.labels import word
from scipy.stats import wasserstein_distance


def area(one, two):
    t = torch.cat([one, two]).sort().values
    F, G = (
        torch.searchsorted(c.sort().values, t, right=True) / len(c)
        for c in (one, two)
    )
    return ((F - G).abs()[:-1] * t.diff()).sum().item()


rng = np.random.default_rng(1)
sand = torch.from_numpy(rng.exponential(size=300))
goal = torch.from_numpy(rng.normal(size=300) * 0.3 + 2)
in_order = (sand.sort().values - goal.sort().values).abs().mean()
opposite = sand.sort().values - goal.sort(descending=True).values
results = {
    "POT": wasserstein(sand[:, None], goal[:, None]).value,
    "∫|F - G|": area(sand, goal),
    "in order": in_order.item(),
    "SciPy": wasserstein_distance(sand, goal),
    "reversed": opposite.abs().mean().item(),
}
for name, value in results.items():
    print(f"{value:.9f}  {word(name)}")
*same, worse = results.values()
assert max(same) - min(same) < 1e-9 and worse > same[0] + 0.2
# %% [markdown] lang="en"
# All nine digits. Sorting needs clouds of equal size; the area does not, and neither does the programme, which then splits grains:
# %% [markdown] lang="zh"
# 九位全同。排序要求两边点数相等；面积不要求，线性规划也不要求，它会把沙粒掰开：
# %% tags=["strict"]
few = goal[:170]
one, two = wasserstein(sand[:, None], few[:, None]).value, area(sand, few)
print(f"{one:.9f}  POT")
print(f"{two:.9f}  ∫|F - G|")
assert abs(one - two) < 1e-9
# %% [markdown] lang="en"
# Two calls that run, and answer another question. A histogram of ten bins leans to the left; its mirror image leans to the right.
# %% [markdown] lang="zh"
# 下面有两种调用，跑得通，答的却是另一个问题。一个直方图有十格，偏在左边；它的镜像偏在右边。
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
    "ot.emd2(left, right, ot.dist(…))": ot.emd2(
        left, right, squares
    ).item(),
    "wasserstein_distance(left, right)": wasserstein_distance(left, right),
}
for name, value in answers.items():
    print(f"{value:9.6f}  {name}")
*same, squared, zero = answers.values()
assert max(same) - min(same) < 1e-9
assert zero == 0 and squared > 2 * same[0]
# %% [markdown] lang="en"
# `ot.dist` squares the distances unless told otherwise, so the fourth number is $W_2^2$. The last call hands over *heights* as if they were positions: sorted, the two lists are equal, and the answer is 0 for every histogram and its mirror image.
#
# ### A plan in the plane
#
# In the plane there is no order to keep, and yet the best plan has one. Sixty points of two crescents are carried to a ring of eight heaps; left they are paired by lot, right by POT. Above each panel stands the mean way.
#
# **Predict.** How many pairs of paths cross, left and right?
# %% [markdown] lang="zh"
# `ot.dist` 默认把距离平方，所以第四个数是 $W_2^2$。最后一种调用把*高度*当成位置交了上去：排序之后两列数相等，于是任何直方图与它的镜像之间，答案都是 0。
#
# ### 平面上的方案
#
# 平面上没有次序可保持，最优方案却自有章法。把两弯月牙上的六十个点搬到一圈八堆上；左图抽签配对，右图由 POT 配对。图的上方是平均路程。
#
# **先猜。** 左右两图里，各有多少对路线相交？
# %%
# alt-en: Sixty points on two crescents, surrounded by a ring of eight heaps; lines join each point with its partner. Left, by lot, a tangle of crossing lines; mean way 2.29. Right, the best plan: short lines that fan out and never cross; mean way 1.25.
# alt-zh: 两弯月牙上的六十个点，外面围着一圈八堆；每个点与搭档连一条线。左图抽签配对，线条交错成一团，平均路程 2.29。右图是最优方案，线条短，向外散开，互不相交，平均路程 1.25。
ganlib.seed(lab.seed)
n = 60
here = ganlib.load("two-moons").sample(n).double()
here = here - torch.tensor([0.5, 0.25])
there = ganlib.load("ring", radius=2, std=0.08).sample(n).double()
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
for ax, (name, partner) in zip(
    axes, {"by lot": by_lot, "best plan": plan}.items(), strict=True
):
    ax.plot(
        *torch.stack([here, there[partner]], 1).permute(2, 1, 0),
        color=grey,
        linewidth=0.7,
    )
    ax.plot(*here.T, "o", color=blue, markersize=4)
    ax.plot(*there.T, "s", color=orange, markersize=4)
    mean = length[range(n), partner].mean().item()
    counted[name] = mean, crossings(partner)
    ax.set_title(f"{lab.t(name)}: {mean:.3f}")
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
fig
# %%
for name, (mean, crossed) in counted.items():
    print(f"{mean:.4f} {crossed:5}  {lab.t(name)}")
exactly = wasserstein(here, there).value
assert abs(counted["best plan"][0] - exactly) < 1e-6
assert counted["best plan"][1] == 0 < counted["by lot"][1]
# %% [markdown] lang="en"
# None: if two paths crossed, exchanging their ends would shorten the way as a whole, by the triangle inequality. On the line that is "keep the order".
#
# ## 6 · What is a place in a picture?
#
# $W_1$ compares places, so it needs to know how far one place is from another. Between pictures one usually takes each as a point with 784 coordinates. What does such a distance know of pictures? Take digits, and other digits. Then shuffle the 784 pixels of all pictures by one and the same permutation; then the pixels of one side only; then move one side by two pixels.
#
# **Predict** the four values of $W_1$, or at least their order. The first is the floor: the same law on both sides.
# %% [markdown] lang="zh"
# 一对也没有：若有两条路线相交，交换它们的终点，由三角不等式，总路程就会变短。在直线上，这就是“保持次序”。
#
# ## 6 · 图像里的“位置”是什么？
#
# $W_1$ 比的是位置，所以要先知道一处离另一处多远。图像之间，通常把每幅图像看成有 784 个坐标的一个点。这样的距离懂得图像的什么呢？取一批数字，再取另一批。先把所有图像的 784 个像素按同一个置换打乱；再只打乱一边；最后把一边平移两个像素。
#
# **先猜**这四个 $W_1$ 的值，至少猜出大小次序。第一个是本底值：两边是同一个分布。
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
# %% [markdown] lang="en"
# The same number to six digits, though no human being could read a single shuffled digit. The Euclidean distance does not know which pixels are neighbours: within the picture it compares heights at the same place, and whatever is learned from it alone may shuffle as it likes. And two pixels of shift, which you would hardly notice, raise $W_1$ by a quarter.
#
# How does it see a shift? Left, the distance from a digit to itself, moved by $k$ pixels, mean over fifty digits; dashed, the distance between any two digits. Right, the same shift for somebody to whom a picture is a heap of ink: $W_1$ on the plane of the pixels.
#
# **Predict** both curves.
# %% [markdown] lang="zh"
# 小数点后六位全同，尽管像素打乱之后，谁也认不出写的是几。欧氏距离不知道哪些像素相邻：在图像内部，它比的是同一处的高度，单凭它学到的东西，怎样打乱都无所谓。而平移两个像素，人眼几乎察觉不到，$W_1$ 却大了四分之一。
#
# 它怎样看待平移？左图是一个数字到它自己平移 $k$ 个像素之后的距离，取五十个数字的平均；虚线是任意两个数字之间的距离。右图中，图像被看作一堆墨，画的是像素平面上的 $W_1$。
#
# **先猜**两条曲线的样子。
# %%
# alt-en: Distance of a digit from itself against the shift in pixels. Left, pixel by pixel: it rises steeply to 21 at three pixels, where it crosses the dashed line of other digits, and then flattens out near 25. Right, the way of the ink: a straight line from 0 to 10.
# alt-zh: 数字到平移后的自己的距离，横轴是平移的像素数。左图逐像素：陡升，三个像素时到 21，越过表示其他数字的虚线，然后渐渐变平，停在 25 附近。右图是墨迹所走的路程：从 0 到 10 的一条直线。
from torch.nn.functional import pad

moved = [
    pad(images[:50], (12 + k, 12 - k, 12, 12), value=-1) for k in range(11)
]
by_pixel = torch.tensor(
    [(moved[0] - m).flatten(1).norm(dim=1).mean() for m in moved]
)
another = torch.cdist(one.flatten(1), two.flatten(1)).mean()
ink = [(m[5, 0] > 0).nonzero().double() for m in moved]
by_ink = torch.tensor([wasserstein(ink[0], at).value for at in ink])

fig, (left, right) = viz.panels(2, width=3.6, height=2.8)
left.axhline(another, color=grey, linestyle="--")
left.plot(by_pixel, "o-", color=blue)
left.set(title=lab.t("pixel by pixel"))
right.plot(by_ink, "o-", color=orange)
right.set(title=lab.t("ink moved"))
for ax in (left, right):
    ax.set_xlabel(lab.t("shift"))
    ax.set_ylim(bottom=0)
fig
# %%
print(*(f"{d:4.1f}" for d in by_pixel), lab.t("pixel by pixel"))
print(*(f"{d:4.1f}" for d in by_ink), lab.t("ink moved"))
assert by_pixel[4] > another and by_pixel[10] < 1.2 * by_pixel[4]
assert (by_ink - torch.arange(11)).abs().max() < 1e-6
# %% [markdown] lang="en"
# Left the story of section 2 again, inside a picture: three pixels to the side, and a digit is farther from itself than from a stranger; after that little is added. Right every pixel counts.
#
# Here is the difference to look at. Upper row: from one digit to another by heights, a cross-fade. Lower row: by places, the ink carried along the best plan. (Each way is paid by its square here, so that all ink moves a little rather than some of it a lot.)
# %% [markdown] lang="zh"
# 左图是第 2 节的故事在图像内部重演：往旁边挪三个像素，一个数字离自己就比离陌生的数字还远；再往后，增加得很少。右图里，每个像素都算数。
#
# 把这个差别看在眼里：上一行按高度，从一个数字淡入另一个；下一行按位置，沿最优方案把墨搬过去。（这里的路程按平方计价，于是所有的墨都挪一点，而不是少数的墨挪很远。）
# %%
dark = digits.pixels[:, 0].double() / 255
places = torch.cartesian_prod(torch.arange(28.0), torch.arange(28.0))


# en: Where the ink goes: from, to, how much; every way costs its square.
# zh: 墨往哪里搬：从哪里、到哪里、多少；路程按平方计价。
def plan(a, b):
    i, j = (image.flatten().nonzero()[:, 0] for image in (a, b))
    shares = [w / w.sum() for w in (a.flatten()[i], b.flatten()[j])]
    moved = ot.emd(*shares, ot.dist(places[i], places[j]))
    k, l = moved.nonzero().T
    return places[i[k]], places[j[l]], moved[k, l]


# en: The picture when all ink has gone the share t of its way. A grain
# en: between pixels is shared among the four around it.
# zh: 所有墨都走完全程的 t 时的图像。落在像素之间的墨，分给四周的四个像素。
def on_the_way(t, a, b, start, end, amount):
    at = torch.lerp(start, end, t)
    amount = amount * ((1 - t) * a.sum() + t * b.sum())
    corner, image = at.floor(), torch.zeros(29, 29)
    for step in torch.cartesian_prod(torch.arange(2.0), torch.arange(2.0)):
        near = (1 - (at - corner - step).abs()).prod(1)
        row, column = (corner + step).long().T
        image.index_put_((row, column), amount * near, accumulate=True)
    return image[:28, :28].clamp(max=1)


pairs = [
    (dark[i], dark[j])
    for i, j in ((3, 8), (1, 7), (14, 9), (5, 6), (2, 0))
]
plans = [plan(*pair) for pair in pairs]
frames = []
for t in torch.linspace(0, 1, 17).tolist():
    faded = [(1 - t) * a + t * b for a, b in pairs]
    carried = [
        on_the_way(t, *pair, *plan)
        for pair, plan in zip(pairs, plans, strict=True)
    ]
    sheet = torch.stack([*faded, *carried])[:, None]
    frames.append((f"{t:.0%}", sheet.float() * 2 - 1))
viz.player(frames, columns=5, caption=str, scale=3)
# %% [markdown] lang="en"
# **What do you see?** Halfway, the upper row shows two digits on top of each other, the lower one a single digit that nobody wrote. Where do you meet the upper kind? In the mean of many pictures, and in whatever is trained to be near all of them pixel by pixel.
#
# Neither clerk is right in general. Heights can be estimated from samples by a network, but go flat; places keep their slope, but somebody must say what is near. The chapters that follow are about what to do with either.
#
# ## Try it
#
# 1. **Blur.** From the offset 6 JS had no slope. Give both laws the width 3 instead of 1 (and the grid a little more room) and let it run again. What have you paid?
# 2. **The heavier mode.** Run the reverse descents with `weight=0.9`. Where does the wide start go now? And a start at (4, 2), near the lighter mode?
# 3. **More dimensions.** Set `dimension` to 1, 2 and 50 and climb on the same 200 pairs. How high does the held-out bound come?
# 4. **Pay by the mile.** In the last player, pay each way by its length (`metric="euclidean"` in `ot.dist`). What is different halfway?
# %% [markdown] lang="zh"
# **你看到了什么？** 走到一半，上一行是两个数字叠在一起，下一行却是一个没人写过的数字。在哪里会遇到上面那种？在许多图像的平均里，在一切逐像素求近的训练结果里。
#
# 两种比法，谁也不是处处正确。比高度的，可以用网络从样本估计，但会变平；比位置的，坡度始终都在，但得有人说清楚什么叫近。后面各章讲的，就是拿它们怎么办。
#
# ## 动手试试
#
# 1. **模糊。** 从位移 6 出发时，JS 没有坡度。把两个分布的宽度从 1 改成 3（网格也放宽一些），再走一遍。你付出了什么代价？
# 2. **较重的模式。** 用 `weight=0.9` 再做逆向的下降。从宽处出发的现在去哪里？从（4，2），也就是较轻的模式附近出发呢？
# 3. **更高的维数。** 把 `dimension` 改成 1、2、50，仍用同样的 200 对样本。留出数据上的下界能升到多高？
# 4. **按里程计价。** 在最后那个播放器里，改成按路程本身计价（给 `ot.dist` 加上 `metric="euclidean"`）。走到一半时有什么不同？
# %% [markdown] lang="en"
# <details><summary>Answer 1</summary>
#
# ```python
# grid = torch.arange(-20, 26, 0.02)
# wide = normal(grid, 0, 3)
# way = descend(
#     lambda o: distances(wide, normal(grid, o, 3), 0.02)["JS"],
#     torch.tensor([[6.0]]),
#     steps=600,
#     rate=0.1,
# )
# print(way[[0, 150, 300, 600]].flatten())
# ```
#
# When we tried: 6.00, 4.85, 3.70, 1.86, where the narrow laws had crept from 6.00 to 5.90 in 150 steps. To blur both laws is to add noise to both, and laws that did not touch then overlap. The price: near the goal the slope is smaller than before, and two laws that differ in fine detail only have become nearly equal. Chapter 03 adds such noise to the inputs of a discriminator.
#
# </details>
#
# <details><summary>Answer 2</summary>
#
# ```python
# tilted = lambda v: reverse(v, weight=0.9)
# ends = torch.tensor([[4.0, 2.0], [1.0, 5.0]])
# ends = descend(tilted, ends, steps=500, rate=0.3, longest=0.3)[-1]
# print(ends, tilted(ends))
# ```
#
# The wide start slides into the heavy mode on the left: $-3.50$ with the value 0.1052, just below $\log\frac1{0.9}=0.1054$; the valley in the middle is gone. The start near the light mode stays there, at 2.3003, just below $\log10=2.3026$, twenty times as bad: descent finds the mode it starts near.
#
# </details>
#
# <details><summary>Answer 3</summary>
#
# With seeds 0, 1, 2: in one dimension 0.33 at best and 0.32 to 0.33 at the end, since there is little to learn by heart on a line; in two 0.33 to 0.34, and 0.27 to 0.32 at the end; in fifty 0.21 to 0.24 after 40 steps, and below $-0.4$ at the end. The truth is 0.337 throughout. The more coordinates without news, the more a network can read into 200 samples.
#
# </details>
#
# <details><summary>Answer 4</summary>
#
# Ink that both digits share stays where it is, and what is left over goes the whole way: the 3 keeps its right half while specks fly over to close the 8. Both plans are optimal, each at its price; $W_1$ does not mind whether one grain goes far or many go a little.
#
# </details>
#
# Next: [chapter 02](../../book/en/02-gan.md), where a discriminator measures JS while a generator lowers it. Back to [the theory](../../book/en/01-distances.md), with its exercises.
# %% [markdown] lang="zh"
# <details><summary>答案 1</summary>
#
# ```python
# grid = torch.arange(-20, 26, 0.02)
# wide = normal(grid, 0, 3)
# way = descend(
#     lambda o: distances(wide, normal(grid, o, 3), 0.02)["JS"],
#     torch.tensor([[6.0]]),
#     steps=600,
#     rate=0.1,
# )
# print(way[[0, 150, 300, 600]].flatten())
# ```
#
# 我们试的那一次，得到 6.00、4.85、3.70、1.86；而窄的两个分布，150 步只从 6.00 挪到 5.90。把两个分布都弄模糊，就是给两边都加噪声，原先互不相接的分布便有了重叠。代价是：到了目标附近，坡度反而比原来小；只在细微处有差别的两个分布，也变得几乎一样。第 03 章会把这样的噪声加到判别器的输入上。
#
# </details>
#
# <details><summary>答案 2</summary>
#
# ```python
# tilted = lambda v: reverse(v, weight=0.9)
# ends = torch.tensor([[4.0, 2.0], [1.0, 5.0]])
# ends = descend(tilted, ends, steps=500, rate=0.3, longest=0.3)[-1]
# print(ends, tilted(ends))
# ```
#
# 从宽处出发的滑进了左边较重的模式：停在 $-3.50$，值为 0.1052，略低于 $\log\frac1{0.9}=0.1054$；中间的谷已经没有了。从较轻的模式附近出发的就停在那里，值为 2.3003，略低于 $\log10=2.3026$，差了二十倍：下降法找到的，是离起点近的模式。
#
# </details>
#
# <details><summary>答案 3</summary>
#
# 种子取 0、1、2：一维时，最好为 0.33，结束时为 0.32 到 0.33，因为直线上没有多少可背的；二维时，最好为 0.33 到 0.34，结束时为 0.27 到 0.32；五十维时，40 步达到 0.21 到 0.24，结束时低于 $-0.4$。真值始终是 0.337。没有信息的坐标越多，网络从 200 个样本里无中生有的余地就越大。
#
# </details>
#
# <details><summary>答案 4</summary>
#
# 两个数字共有的墨原地不动，多出来的那些要走完全程：3 的右半边一直留着，零星的墨点飞过去补成 8。两个方案在各自的计价下都是最优的；一粒沙走很远，还是许多沙各走一点，$W_1$ 并不在乎。
#
# </details>
#
# 接下来：[第 02 章](../../book/zh/02-gan.md)，在那里判别器度量 JS 散度，生成器设法减小它。也可以回到[理论页](../../book/zh/01-distances.md)，做做那里的习题。
