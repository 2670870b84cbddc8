# %% [markdown] lang="en"
# # Lab 08 · Every layer on a leash
#
# Divide each weight matrix by the most that it can stretch, and the network can stretch nothing. It takes two products of a matrix with a vector per layer and step, and no new term in the loss. Here you build the ruler for it yourself, find out what it measures and what it does not, and let a GAN that is held by it race one that pays a gradient penalty.
#
# In this lab you will
# * write power iteration in a dozen lines, hold it beside the SVD and beside PyTorch's layer from the same start, and count the rounds that PyTorch has made before you look;
# * check both rates of [the theory page](../../book/en/08-sngan.md), $(\sigma_2/\sigma_1)^2$ for the vectors and $(\sigma_2/\sigma_1)^4$ for $\sigma$;
# * watch a Wasserstein critic run away from every penalty on its norms;
# * find out by how much a convolution "of norm 1" really stretches an image;
# * hold the product bound beside slopes that were found, before and after training;
# * let critics measure a distance of 1, and read $\tfrac12$;
# * train SNGAN and WGAN-GP on faces, follow $\sigma$ of every layer, and compare quality *per second*.
#
# Where it says **Predict**, answer before you run the cell. Nothing is downloaded; on two idle cores the lab takes about two minutes, most of them for the two GANs.
# %% [markdown] lang="zh" matches="b618df5555c4"
# # 实验 08 · 给每一层拴上绳子
#
# 每个权重矩阵，都除以它最多能把向量拉长的倍数，整个网络就什么也拉不长了。代价是每层每步两次矩阵乘向量，损失里不添任何新项。在这个实验里，你要亲手做一把量它的尺子，弄清这把尺子量得出什么、量不出什么，再让一个受它约束的 GAN，与一个付梯度惩罚的 GAN 赛一场。
#
# 在这个实验里，你将
# * 用十来行代码写出幂迭代，与 SVD 对照，再从同样的起点出发与 PyTorch 的层对照，数出在你看它之前，PyTorch 已经走了几轮；
# * 核对[理论页](../../book/zh/08-sngan.md)的两个速率：向量是 $(\sigma_2/\sigma_1)^2$，$\sigma$ 是 $(\sigma_2/\sigma_1)^4$；
# * 看一个 Wasserstein 评论器怎样挣脱对范数的任何惩罚；
# * 弄清“范数为 1”的卷积，实际上能把图像（看作一个向量）拉长多少；
# * 把乘积上界与实际找到的斜率放在一起，训练前看一次，训练后再看一次；
# * 让评论器去量一个等于 1 的距离，读到的却是 $\tfrac12$；
# * 在人像上训练 SNGAN 与 WGAN-GP，追踪每一层的 $\sigma$，比较*每秒*换来的质量。
#
# 凡有**先猜**之处，请先回答再运行。不需要下载任何东西；在两个空闲的核上，整个实验约两分钟，大半花在两个 GAN 上。
# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab("08-sngan", lang="@LANG@", data="avatars")
# %% [markdown] lang="en"
# ## 1 · A ruler in a dozen lines
#
# Multiply a vector by $W$, then by $W^\top$, and again. Each time the direction that $W$ stretches most gains on the others. `power` asks only for the two products, as functions: the same lines will serve for convolutions, whose matrix nobody writes down. One round is $v\leftarrow W^\top u$, $u\leftarrow Wv$, each divided by its length, and $\hat\sigma$ is the length of $Wv$.
#
# The matrix is $\begin{pmatrix}3&0\\4&5\end{pmatrix}$, the start $u=(1,0)$. **Predict:** after how many rounds are three decimals of $\hat\sigma$ right, and which of $\hat\sigma$ and the direction $v$ gets there first?
# %% [markdown] lang="zh"
# ## 1 · 十来行的尺子
#
# 拿一个向量，乘 $W$，再乘 $W^\top$，如此反复。$W$ 拉得最长的那个方向，每次都比别的方向多长一些。`power` 只要两个函数，分别算这两种乘法：后面的卷积没有人写出矩阵，也用得上这几行。一轮就是 $v\leftarrow W^\top u$，$u\leftarrow Wv$，各除以自己的长度；$\hat\sigma$ 是 $Wv$ 的长度。
#
# 矩阵取 $\begin{pmatrix}3&0\\4&5\end{pmatrix}$，起点 $u=(1,0)$。**先猜：** 几轮之后，$\hat\sigma$ 的三位小数就对了？$\hat\sigma$ 与方向 $v$，哪个先到？
# %% tags=["strict"]
import math
from itertools import islice

import torch


def power(times, back, u):
    u = u / u.norm()
    while True:
        v = back(u)
        v = v / v.norm()
        image = times(v)
        sigma = image.norm()
        u = image / sigma
        yield sigma, u, v


def of(matrix):
    return matrix.mv, matrix.T.mv


def tangent(v, direction):
    along = v @ direction
    return ((v - along * direction).norm() / along).abs().item()


W = torch.tensor([[3.0, 0.0], [4.0, 5.0]], dtype=torch.float64)
_, (first, second), rows = torch.linalg.svd(W)
start = torch.tensor([1.0, 0.0], dtype=torch.float64)
print(lab.t("rounds, estimate, tangent"))
for k, (sigma, _, v) in enumerate(islice(power(*of(W), start), 6), 1):
    print(f"{k:4}   {sigma:.6f}   {tangent(v, rows[0]):.6f}")
print(f" SVD   {first:.6f}")
assert abs(first - 45**0.5) < 1e-12 and abs(sigma - first) < 1e-8
assert abs(tangent(v, rows[0]) - (second / first) ** 10) < 1e-12


# %% [markdown] lang="en"
# The first two rounds are those of the page's first exercise, $5$ and $6.672$. After three rounds $\hat\sigma=6.708$ is right, while $v$ is still off by more than one per cent: the error of the estimate goes with the *square* of the other.
#
# ### Two rates
#
# Larger matrices, $60\times40$, made with $\sigma_1=1$ and a chosen $\sigma_2$, all others at most half of that. The errors $1-\hat\sigma$ and $\tan\theta$ shrink from round to round; by which factors, in the end? **Predict** for $\sigma_2=0.5$, $0.8$ and $0.95$.
# %% [markdown] lang="zh"
# 头两轮正是理论页第一道习题里的 $5$ 与 $6.672$。三轮之后 $\hat\sigma=6.708$ 已经对了，而 $v$ 还差百分之一以上：估计值的误差，与方向误差的*平方*同量级。
#
# ### 两个速率
#
# 换大一点的矩阵，$60\times40$，造得使 $\sigma_1=1$，$\sigma_2$ 任选，其余至多是 $\sigma_2$ 的一半。误差 $1-\hat\sigma$ 与 $\tan\theta$ 一轮比一轮小；到最后，每轮各缩小到几分之几？对 $\sigma_2=0.5$、$0.8$、$0.95$ **先猜**。
# %% tags=["strict"]
def stretching(ratio, rows=60, columns=40):
    torch.manual_seed(lab.seed)
    left, right = (
        torch.linalg.qr(torch.randn(n, columns, dtype=torch.float64)).Q
        for n in (rows, columns)
    )
    small = torch.linspace(ratio / 2, 0.01, columns - 2)
    values = torch.cat([torch.tensor([1.0, ratio]), small]).double()
    return left * values @ right.T


def errors(W, start, rounds):
    top = torch.linalg.svd(W).Vh[0]
    made = islice(power(*of(W), start), rounds)
    found = [(1 - sigma, tangent(v, top)) for sigma, _, v in made]
    return torch.tensor(found, dtype=torch.float64)


torch.manual_seed(lab.seed + 1)
start = torch.randn(60, dtype=torch.float64)
for ratio, rounds in ((0.5, 8), (0.8, 24), (0.95, 80)):
    found = errors(stretching(ratio), start, rounds)
    assert (found > 0).all() and (found.diff(dim=0) < 0).all()
    of_sigma, of_vector = found[-1] / found[-2]
    print(f"{of_vector:.4f} ≈ {ratio}²   {of_sigma:.4f} ≈ {ratio}⁴")
    assert abs(of_vector - ratio**2) < 1e-3 > abs(of_sigma - ratio**4)
    # en: A control: neither has the rate of the other.
    # zh: 对照：谁也不以对方的速率收敛。
    assert abs(of_sigma - ratio**2) > 0.08 < abs(of_vector - ratio**4)
# %% [markdown] lang="en"
# The rates of the theorem. And all errors are positive and fall in each round: the estimate comes from **below**, so what is divided by it is never too small. Keep that in mind for section 7.
#
# ### PyTorch's layer, from the same start
#
# `torch.nn.utils.parametrizations.spectral_norm` draws two vectors by lot, and then? Draw the same two, let *our* rounds go on from there, and look after which of our rounds the vectors agree with those that PyTorch keeps. (A round of PyTorch begins at the other end, with $u\leftarrow Wv$. That is our `power` for $W^\top$, begun with $v$.)
#
# **Predict** five counts: right after wrapping; after one look at `layer.weight`; after two passes through the layer; after two looks within `parametrize.cached()`; after a look and a pass in evaluation mode.
# %% [markdown] lang="zh"
# 正是定理的速率。而且所有误差都为正，每轮都在减小：估计值从**下方**逼近，所以除以它之后绝不会偏小。这一点请记住，第 7 节要用。
#
# ### PyTorch 的层，从同样的起点出发
#
# `torch.nn.utils.parametrizations.spectral_norm` 先随机抽两个向量，然后呢？我们也抽出同样的两个，从那里起走*自己的*轮次，看走到第几轮时，向量与 PyTorch 存着的一致。（PyTorch 的一轮从另一头开始，先算 $u\leftarrow Wv$。这就是我们的 `power` 作用在 $W^\top$ 上，从 $v$ 出发。）
#
# **先猜**五个轮数：刚包装完；看一次 `layer.weight` 之后；让数据通过这一层两次之后；在 `parametrize.cached()` 之内看两次之后；评估模式下看一次、通过一次之后。
# %% tags=["strict"]
from torch import nn
from torch.nn.utils import parametrizations, parametrize


def wrapped(W):
    layer = nn.Linear(W.shape[1], W.shape[0], bias=False).double()
    layer.weight.data.copy_(W)
    torch.manual_seed(5)
    return parametrizations.spectral_norm(layer)


def drawn(W):
    torch.manual_seed(5)
    return [torch.randn(n, dtype=W.dtype) for n in W.shape]


W = stretching(0.95)
layer, (_, v) = wrapped(W), drawn(W)
inside = layer.parametrizations.weight[0]
ours = [u for _, u, _ in islice(power(*of(W.T), v), 40)]
x = torch.zeros(1, 40, dtype=torch.float64)


def rounds_made():
    away = torch.stack([(u - inside._v).norm() for u in ours])
    nearest, next_best = away.sort().values[:2]
    # en: One of our rounds has the very vector, and no other comes near.
    # zh: 有且只有一轮的向量与它相同，其余都离得远。
    assert nearest < 1e-12 and next_best > 1e-4
    return away.argmin().item() + 1


counts = [rounds_made()]
layer.weight.sum()
counts.append(rounds_made())
layer(x), layer(x)
counts.append(rounds_made())
with parametrize.cached():
    layer.weight, layer.weight.sum()
counts.append(rounds_made())
layer.eval()
layer.weight.sum(), layer(x)
counts.append(rounds_made())
print(counts)
assert counts == [16, 17, 19, 20, 20]
# %% [markdown] lang="en"
# Sixteen, before anybody has used the layer: 15 when it is made, and one when PyTorch tries it out while registering it. From then on each look in training mode is a round, a cached one is counted once, and evaluation mode leaves all at rest.
#
# So the norm of what the layer computes with, $W/\hat\sigma$, is no secret either. **Predict:** on which side of 1 does it lie, and by which factor does the distance to 1 shrink with each look?
# %% [markdown] lang="zh"
# 十六轮，这时谁也还没有用过这一层：构造时走 15 轮，注册时 PyTorch 试算一次，又是一轮。此后，训练模式下每看一次就走一轮，`cached` 之内只算一次，评估模式下一概不动。
#
# 那么，这一层实际使用的 $W/\hat\sigma$，它的范数也就不是秘密。**先猜：** 它在 1 的哪一侧？每看一次，它与 1 的距离缩小到几分之几？
# %% tags=["strict"]
layer.train()
norms = torch.stack(
    [torch.linalg.matrix_norm(layer.weight.detach(), 2) for _ in range(20)]
)
away, by_hand = 1 - 1 / norms, errors(W.T, v, 40)[20:, 0]
print(f"{norms[0]:.6f} … {norms[-1]:.6f}")
print(f"{away[-1] / away[-2]:.4f} ≈ 0.95⁴ = {0.95**4:.4f}")
assert torch.allclose(away, by_hand, rtol=1e-6, atol=0)
assert (norms > 1).all() and (norms.diff() < 0).all()
assert abs(away[-1] / away[-2] - 0.95**4) < 1e-3
# %% [markdown] lang="en"
# Rounds 21 to 40 of both agree, but for rounding. Now all ratios. Left, how a vector loses what it should not have: its share in each singular direction, the first in orange, the second in blue. Right, both errors on a logarithmic scale, as dots; the lines have the slopes $\rho^2$ and $\rho^4$ with $\rho=\sigma_2/\sigma_1$, the crosses are PyTorch's layer from its first use on. (In a running notebook you choose $\rho$ and the number of rounds; the web page shows seven values of $\rho$.)
#
# **Predict:** PyTorch begins with 16 rounds. From which $\rho$ on is that too few for an error below $0.1\,\%$?
# %% [markdown] lang="zh"
# 两边的第 21 至 40 轮，除舍入误差外完全相同。下面把各种比值都看一遍。左图是向量怎样一点点丢掉不该有的部分：它在各个奇异方向上的份额，橙色是第一个方向，蓝色是第二个。右图是两种误差，纵轴为对数，画成点；两条直线的斜率是 $\rho^2$ 与 $\rho^4$，其中 $\rho=\sigma_2/\sigma_1$；叉是 PyTorch 的层，从它第一次使用起。（在运行着的笔记本里，$\rho$ 与轮数由你来选；网页上依次显示七个 $\rho$。）
#
# **先猜：** PyTorch 先走 16 轮。$\rho$ 从多大起，16 轮不足以使误差低于 $0.1\,\%$？
# %%
import ipywidgets
from ganlib import viz

blue, orange, green, violet, ochre, grey = viz.COLORS


def portrait(ratio=0.8, rounds=40):
    W = stretching(ratio)
    _, v = drawn(W)
    made = islice(power(*of(W.T), v), rounds)
    shares = torch.stack([u for _, _, u in made]) @ torch.linalg.svd(W).U
    found, layer = errors(W.T, v, rounds), wrapped(W)
    used = [
        1 - 1 / torch.linalg.matrix_norm(layer.weight.detach(), 2)
        for _ in range(rounds - 16)
    ]
    k = torch.arange(1, rounds + 1)
    fig, (left, right) = viz.panels(2, width=3.7, height=3.1)
    left.plot(k, shares[:, 2:12].abs(), color=grey, lw=0.7)
    for j, color in ((1, blue), (0, orange)):
        left.plot(k, shares[:, j].abs(), color=color, lw=2)
    left.set(xlabel=lab.t("rounds"), ylim=(0, 1.03))
    left.set_title(lab.t("shares"), fontsize=10)
    marks = ((r"$\tan\theta$", 1, blue, 2),)
    marks += ((r"$1-\hat\sigma/\sigma$", 0, orange, 4),)
    for name, j, color, exponent in marks:
        right.semilogy(k, found[:, j], ".", color=color, ms=4, label=name)
        slope = found[9, j] * ratio ** (exponent * (k - 10.0))
        right.semilogy(k, slope, color=color, lw=1)
    looks = {"color": viz.INK, "ms": 4, "label": "PyTorch"}
    right.semilogy(k[16:], used, "x", **looks)
    right.set(ylim=(1e-10, 10), xlabel=lab.t("rounds"))
    right.set_title(lab.t("errors"), fontsize=10)
    right.legend(fontsize=9, loc="upper right")
    return fig


if lab.live:
    ipywidgets.interact(
        portrait,
        ratio=ipywidgets.FloatSlider(
            0.8,
            min=0.1,
            max=0.99,
            step=0.01,
            description="ρ",
            continuous_update=False,
        ),
        rounds=ipywidgets.IntSlider(
            40,
            min=20,
            max=200,
            step=20,
            description=lab.t("rounds"),
            continuous_update=False,
        ),
    )
    converging = None
else:
    ratios = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99)
    converging = viz.player(
        [(f"ρ = {ratio}", portrait(ratio)) for ratio in ratios],
        caption=str,
        seconds=9,
    )
converging
# %% tags=["strict"]
at_first_use = {}
for ratio in (0.7, 0.8, 0.9, 0.95, 0.97, 0.99):
    W = stretching(ratio)
    at_first_use[ratio] = errors(W.T, drawn(W)[1], 16)[-1, 0].item()
    print(f"ρ = {ratio:4}   {at_first_use[ratio]:.1e}")
assert at_first_use[0.7] < 1e-6 and max(at_first_use.values()) < 0.02
# %% [markdown] lang="en"
# From about $0.96$ on, with this start. But look at the last two lines: $\rho=0.99$ converges three times more slowly than $0.97$ and is hardly worse. Where the second value is nearly as large as the first, it does little harm to take its direction. The norm is right long before the vector is.
#
# ## 2 · A gradient that knows of the division
#
# The optimiser moves $W$, the layer uses $W/\sigma$. Nobody wants to differentiate an SVD, so everybody holds $u$ and $v$ constant and differentiates $\hat\sigma=u^\top Wv$ only. Is that allowed? And what if one holds $\hat\sigma$ itself constant, by `.item()`, `.data` or `.detach()`, as public code now and then does? The cell takes the gradient of some loss in all three ways; the first column is the distance from the page's formula.
#
# **Predict** the second column, the product of the gradient with $W$.
# %% [markdown] lang="zh"
# 从这个起点出发，大约从 $0.96$ 起。但请看最后两行：$\rho=0.99$ 收敛得比 $0.97$ 慢三倍，误差却几乎没有更大。第二个奇异值若与第一个差不多大，取了它的方向也无妨。范数早就对了，向量还远没有对。
#
# ## 2 · 知道做过除法的梯度
#
# 优化器移动的是 $W$，层里用的是 $W/\sigma$。谁也不想对 SVD 求导，所以大家都把 $u$、$v$ 当常量，只对 $\hat\sigma=u^\top Wv$ 求导。这样做可以吗？若像有些公开代码那样，用 `.item()`、`.data` 或 `.detach()` 把 $\hat\sigma$ 本身也当成常量，又会怎样？下面用三种办法求某个损失的梯度；第一列是与理论页公式的距离。
#
# **先猜**第二列，即梯度与 $W$ 的内积。
# %% tags=["strict"]
W = 3 * stretching(0.6, 5, 4)
_, u, v = next(islice(power(*of(W), torch.ones(5).double()), 200, None))


def loss(normalised):
    return normalised.sum(1).pow(3).sum()


def gradient(sigma):
    weight = W.clone().requires_grad_()
    value = loss(weight / sigma(weight))
    return torch.autograd.grad(value, weight)[0]


ways = {
    "through the SVD": lambda W: torch.linalg.matrix_norm(W, 2),
    "u and v constant": lambda W: u @ W @ v,
    "σ constant": lambda W: (u @ W @ v).detach(),
}
used = (W / 3).requires_grad_()
(G,) = torch.autograd.grad(loss(used), used)
formula = (G - (G * used).sum() * u.outer(v)) / 3
for name, sigma in ways.items():
    found = gradient(sigma)
    off, along = (found - formula).abs().max(), (found * W).sum().abs()
    print(f"{off:.4f}   {along:.4f}   {lab.t(name)}")
    assert (off < 1e-12 and along < 1e-12) == (name != "σ constant")
# %% [markdown] lang="en"
# The first two agree: at the top, a maximum does not care that the maximiser moves. Both are orthogonal to $W$, so a step changes the direction of $W$ and never shortens it. The third pushes along $W$, which does nothing to the function; the weights drift.
#
# And the layer that the course uses, in which you will find each of these lines again (its numbers are those of PyTorch's, beyond that it works under mixed precision):
# %% [markdown] lang="zh"
# 前两种一致：在最大值处，最大值点移不移动无关紧要。两者都与 $W$ 正交，所以走一步只改变 $W$ 的方向，绝不会使它变短。第三种沿着 $W$ 推，对函数毫无作用，权重却漂走了。
#
# 再看课程库所用的层，上面各行都找得到（它的数值与 PyTorch 的相同，此外还适用于混合精度）：
# %% tags=["strict"]
from ganlib.models import layers

lab.show(layers.SpectralNorm.iterate, layers.SpectralNorm.forward)
# %% [markdown] lang="en"
# ## 3 · Charge or divide?
#
# Yoshida and Miyato first *charged* for the norm: the loss gets a term $\tfrac\lambda2\sum\sigma(W)^2$. Alone, on a matrix with the singular values $3$, $2$, $1$ and $\tfrac12$, with steps of $\eta\lambda=0.1$: **predict** the values after 1, 3 and 12 steps. And with weight decay, $\tfrac\lambda2\|W\|_F^2$?
# %% [markdown] lang="zh"
# ## 3 · 收费，还是做除法？
#
# Yoshida 与 Miyato 起初是对范数*收费*，也就是惩罚：给损失加一项 $\tfrac\lambda2\sum\sigma(W)^2$。只留这一项，矩阵的奇异值为 $3$、$2$、$1$、$\tfrac12$，步长 $\eta\lambda=0.1$：**先猜** 1、3、12 步之后的奇异值。换成权重衰减 $\tfrac\lambda2\|W\|_F^2$ 呢？
# %% tags=["strict"]
from ganlib import penalties


def four_values():
    torch.manual_seed(lab.seed)
    left, right = (
        torch.linalg.qr(torch.randn(n, 4, dtype=torch.float64)).Q
        for n in (6, 4)
    )
    values = torch.tensor([3.0, 2.0, 1.0, 0.5], dtype=torch.float64)
    return left * values @ right.T


def descend(charge, steps=12):
    layer = nn.Linear(4, 6, bias=False).double()
    layer.weight.data.copy_(four_values())
    sgd = torch.optim.SGD(layer.parameters(), lr=0.1)
    path = []
    for _ in range(steps + 1):
        path.append(torch.linalg.svdvals(layer.weight.detach()))
        sgd.zero_grad()
        charge(layer).backward()
        sgd.step()
    return torch.stack(path)


def for_norm(layer):
    # en: 500 rounds: two of the values come close to each other.
    # zh: 走 500 轮：有两个奇异值会靠得很近。
    return penalties.spectral_norm_regularisation(
        layer, n_power_iterations=500
    )


def for_all(layer):
    return layer.weight.square().sum() / 2


paths = {"charge for σ": descend(for_norm)}
paths["weight decay"] = descend(for_all)
for name, path in paths.items():
    print(lab.t(name))
    for k in (0, 1, 3, 12):
        print(f"{k:4}  ", *(f"{value:6.3f}" for value in path[k]))
before, after = paths["charge for σ"][:-1], paths["charge for σ"][1:]
one_less = torch.cat([0.9 * before[:, :1], before[:, 1:]], 1)
assert torch.allclose(after, one_less.sort(1, descending=True).values)
assert torch.allclose(paths["weight decay"][12], 0.9**12 * before[0])
# %% [markdown] lang="en"
# The charge takes from the richest only, until the second is richest; in the end they are level. Weight decay takes from all in proportion: after 12 steps each has $0.9^{12}\approx0.28$ of what it had, the smallest too.
#
# Does the charge hold a critic? Two clouds, one a copy of the other, moved by 2, so that $W_1=2$ exactly. A critic with three layers, LeakyReLU, no offsets, maximises $\mathbb E_{p_r}[f]-\mathbb E_{p_\theta}[f]$ while it is charged with $\lambda=0.3$, $1$ or $3$; a fourth one divides instead. And a fifth is charged, but plays the hinge loss.
#
# **Predict:** which of the five come to rest, and where?
# %% [markdown] lang="zh"
# 收费只向最富的收，收到第二名成了最富的为止，最后大家一般高。权重衰减人人按比例交：12 步之后，各自只剩原来的 $0.9^{12}\approx0.28$，最小的也不例外。
#
# 收费管得住评论器吗？两团点云，其中一团是另一团平移 2 得来的，所以 $W_1$ 恰为 2。评论器三层，LeakyReLU，没有偏置，最大化 $\mathbb E_{p_r}[f]-\mathbb E_{p_\theta}[f]$，同时按 $\lambda=0.3$、$1$、$3$ 收费；第四个改用除法；第五个照样收费，但用合页损失。
#
# **先猜：** 五个之中哪几个会停下来？停在哪里？
# %%
# alt-en: Mean difference of the scores over 300 steps on a logarithmic axis. Charged with λ = 0.3 and 1, it climbs through 10 at step 20 to above 100,000. With λ = 3 it falls from 1 to below a hundred thousandth. Divided, it is flat at 1.9 just below the dashed line at 2; with the hinge loss flat at 2.
# alt-zh: 得分之差随 300 步的变化，纵轴为对数。λ 取 0.3 与 1 时，第 20 步越过 10，一直升到十万以上；λ 取 3 时，从 1 降到十万分之一以下。做除法的平稳地停在 1.9，略低于虚线 2；用合页损失的平稳地停在 2 左右。
from ganlib import losses


def clouds(n=128):
    real, fake = 0.3 * torch.randn(2, n, 2)
    return real, fake + torch.tensor([2.0, 0.0])


def wasserstein(on_real, on_fake):
    return on_fake.mean() - on_real.mean()


def score_gap(charge=0.0, divide=False, paid=wasserstein):
    torch.manual_seed(lab.seed)
    widths, parts = (2, 32, 32, 1), []
    for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
        parts += [nn.Linear(n_in, n_out, bias=False), nn.LeakyReLU(0.2)]
    critic, vectors, gaps = nn.Sequential(*parts[:-1]), {}, []
    if divide:
        layers.spectrally_normalised(critic)
    adam = torch.optim.Adam(critic.parameters(), lr=1e-2)
    for _ in range(lab.pick(smoke=20, cpu=300, gpu=300)):
        on_real, on_fake = layers.on_each(critic, *clouds())
        loss = paid(on_real, on_fake)
        if charge:
            norms = penalties.spectral_norm_regularisation(critic, vectors)
            loss = loss + charge * norms
        adam.zero_grad()
        loss.backward()
        adam.step()
        gaps.append((on_real.mean() - on_fake.mean()).item())
    return torch.tensor(gaps)


hinge = losses.get("hinge").discriminator
gaps = {f"λ = {weight}": score_gap(weight) for weight in (0.3, 1, 3)}
gaps["divided"] = score_gap(divide=True)
gaps["hinge, λ = 0.1"] = score_gap(0.1, paid=hinge)
fig, (ax,) = viz.panels(width=7, height=3.4)
for name, path in gaps.items():
    # en: The hinge's line is wide and below, or it would hide the divided one's.
    # zh: 合页损失的线画得宽，放在下层，否则会盖住做除法的那条。
    wide = {"lw": 5, "zorder": 1.9} if name.startswith("hinge") else {}
    ax.semilogy(path, **{"lw": 1.8} | wide, label=lab.t(name))
ax.axhline(2, color=viz.INK, lw=1, ls=(0, (4, 3)))
ax.set(ylim=(1e-5, 1e6), xlabel=lab.t("step"), title=lab.t("gap"))
ax.legend(loc="lower right")
fig
# %%
for name, path in gaps.items():
    print(f"{path[-50:].mean():12.4f}   {lab.t(name)}")
if lab.profile != "smoke":
    rest = {name: path[-50:].mean() for name, path in gaps.items()}
    assert rest["λ = 0.3"] > 1e4 < rest["λ = 1"] and rest["λ = 3"] < 1e-3
    assert 1.7 < rest["divided"] < 2.05 and rest["hinge, λ = 0.1"] < 4
# %% [markdown] lang="en"
# Three layers make the gap grow like the third power of the weights, the charge grows like the second. So a small $\lambda$ is overrun, a large one squeezes the critic to nothing before it has found anything out, and no $\lambda$ is right. The divided critic stands where it should, a little below $W_1=2$ (in the figure it is the thin line on the wide one). With the hinge loss the charge does work: this loss has a floor. (It is also what the penalty was made for: the loss of a classifier, with a floor too.)
#
# ## 4 · A convolution "of norm 1"
#
# What the common libraries divide by is the norm of the *flattened* kernel, a matrix $R$ with a row per output channel. What the convolution does to an image is another matter, and our `power` can measure it: $Wv$ is a convolution, $W^\top u$ the transposed one. Beside it, where images are small enough, the SVD of the full matrix; and for circular padding the formula with frequencies, three lines.
#
# Four kernels of the page's second exercise on $16\times16$ pixels, then random ones with 8 channels on $8\times8$: $3\times3$ with stride 1, $4\times4$ with stride 2.
#
# **Predict:** which kernel is underestimated most by $\sigma(R)$? By how much could it be, at most, with stride 2?
# %% [markdown] lang="zh"
# 三层使得分之差按权重的三次方增长，收费只按二次方。所以 $\lambda$ 小了拦不住，大了就在评论器还什么都没学会时把它压成零，没有哪个 $\lambda$ 合适。做除法的评论器停在该停的地方，略低于 $W_1=2$（图中是宽线上的那条细线）。换成合页损失，收费就有用，因为这个损失有下界。（惩罚本来就是为这样的情形设计的：分类器的损失，也有下界。）
#
# ## 4 · “范数为 1”的卷积
#
# 通行的库除以的，是*展平*的卷积核的范数：矩阵 $R$，每个输出通道一行。卷积把图像这个向量拉长多少，则是另一回事，用我们的 `power` 量得出来：$Wv$ 是卷积，$W^\top u$ 是转置卷积。图像小，所以旁边还可以放上整个矩阵的 SVD；循环填充另有频率的公式，三行就够。
#
# 先是理论页第二题的四个卷积核，图像 $16\times16$；再是随机的卷积核，8 个通道，图像 $8\times8$：$3\times3$ 步幅 1，以及 $4\times4$ 步幅 2。
#
# **先猜：** $\sigma(R)$ 对哪个卷积核低估得最厉害？步幅为 2 时，最多能低估到几分之几？
# %% tags=["strict"]
from torch.nn import functional as F


def flattened(kernel):
    return torch.linalg.matrix_norm(kernel.flatten(1), 2)


def by_frequencies(kernel, n):
    waves = torch.fft.fft2(kernel, s=(n, n)).flatten(2)
    return torch.linalg.matrix_norm(waves.permute(2, 0, 1), 2).max()


def by_rounds(kernel, n, stride):
    shape = 1, kernel.shape[1], n, n

    def times(image):
        return F.conv2d(image, kernel, None, stride, 1)

    def back(made):
        return F.conv_transpose2d(made, kernel, None, stride, 1)

    torch.manual_seed(lab.seed)
    start = times(torch.randn(shape, dtype=torch.float64))
    *_, (sigma, _, image) = islice(power(times, back, start), 300)
    return sigma, image


def by_svd(kernel, n, stride, circular=False):
    channels = kernel.shape[1]
    pixels = torch.eye(channels * n * n, dtype=torch.float64)
    images = pixels.unflatten(1, (channels, n, n))
    images = F.pad(images, [1] * 4, "circular" if circular else "constant")
    made = F.conv2d(images, kernel, None, stride)
    return torch.linalg.matrix_norm(made.flatten(1), 2)


def one_channel(*rows):
    return torch.tensor(rows, dtype=torch.float64)[None, None]


torch.manual_seed(lab.seed + 1)
kernels = {
    "one in the centre": one_channel([0, 0, 0], [0, 1, 0], [0, 0, 0]),
    "all ones": one_channel([1, 1, 1], [1, 1, 1], [1, 1, 1]),
    "Laplace": one_channel([0, 1, 0], [1, -4, 1], [0, 1, 0]),
    "Sobel": one_channel([-1, 0, 1], [-2, 0, 2], [-1, 0, 1]),
    "random": torch.randn(8, 8, 3, 3, dtype=torch.float64),
    "random, stride 2": torch.randn(8, 8, 4, 4, dtype=torch.float64),
}
stretched = {}
print(lab.t("norms"))
for name, kernel in kernels.items():
    n, stride = (16 if len(kernel) == 1 else 8), len(kernel[0, 0]) - 2
    R, waves = flattened(kernel), by_frequencies(kernel, n)
    sigma, stretched[name] = by_rounds(kernel, n, stride)
    exact = by_svd(kernel, n, stride)
    numbers = R, sigma, exact, exact / R, waves
    print(*(f"{number:8.3f}" for number in numbers), "  ", lab.t(name))
    m = math.ceil(kernel.shape[-1] / stride) ** 2
    assert sigma <= exact + 1e-9 and abs(sigma / exact - 1) < 1e-3
    assert R - 1e-9 <= exact <= m**0.5 * R
    # en: Frequencies are exact for circular padding and stride 1 only.
    # zh: 频率的公式只对循环填充、步幅 1 精确。
    circular = by_svd(kernel, n, stride, circular=True)
    assert (abs(waves - circular) < 1e-9) == (stride == 1)
    assert (waves > exact + 0.01) == (name != "one in the centre")
# %% [markdown] lang="en"
# Columns: the norm that the layer is divided by; the true one, by rounds and by SVD; how many times larger that is; and what the frequencies say. The blur, all ones, is underestimated most, by $2.93$: the bound is $3=\sqrt{3\cdot3}$ with stride 1, and $2$ for $4\times4$ with stride 2, where only four windows read a pixel. With zero padding the frequencies say too much (the rim is missing), and with stride 2 far too much.
#
# The last thing that `power` left behind is the image that is stretched most. **Predict** the four pictures.
# %% [markdown] lang="zh"
# 各列依次是：层要除以的范数；真实的范数，先用轮次、再用 SVD；后者是前者的几倍；频率给出的数。低估得最厉害的是模糊核，即全为 1 的那个，差到 $2.93$ 倍：步幅 1 的上界是 $3=\sqrt{3\cdot3}$；$4\times4$ 步幅 2 的上界是 $2$，因为每个像素只被四个窗口读到。零填充时频率给的数偏大（少了边缘以外的部分），步幅为 2 时就大得太多。
#
# `power` 最后剩下的，是被拉得最长的那幅图像。**先猜**这四幅图的样子。
# %%
# alt-en: Four pictures of 16 by 16 pixels. One in the centre: noise. All ones: a single hill in the middle that fades towards the rim. Laplace: a chessboard, strongest in the middle. Sobel: vertical stripes that repeat every four columns, red, pale, blue, pale, strongest in the middle.
# alt-zh: 四幅 16×16 像素的图。中心为一：噪声。全为一：中间一座小丘，向边缘渐弱。Laplace：棋盘，中间最强。Sobel：竖条纹，每四列重复一次，红、浅、蓝、浅，中间最强。
fig, axes = viz.panels(4, width=2.1, height=2.4)
for ax, name in zip(axes, list(kernels)[:4], strict=True):
    image = stretched[name][0, 0]
    most = image.abs().max()
    ax.imshow(image, cmap="RdBu_r", vmin=-most, vmax=most)
    ax.set_title(lab.t(name), fontsize=10)
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
fig


# %% [markdown] lang="en"
# A constant, a chessboard, stripes with period 4: the waves of the exercise, each tapered off towards the rim, where zeros would waste it. The first kernel stretches nothing, so `power` never leaves its random start.
#
# ## 5 · The bound and the slope
#
# Random networks from $\mathbb R^{16}$ to $\mathbb R$, ReLU, width 64, every layer divided by its norm. The product bound is 1 at every depth. How steep are they really? Nobody can try all points, but whatever slope one *finds* is a lower bound on the Lipschitz constant. Two searches: the largest gradient at 1,000 random points; and 200 pairs of points that climb to where $|f(x)-f(y)|/\|x-y\|$ is large.
#
# **Predict** what they find at depth 1, 2, 4 and 8. How will it look for the same networks before the division?
# %% [markdown] lang="zh"
# 常值、棋盘、周期为 4 的条纹：正是习题里的那些波，只是各自向边缘渐弱，因为边缘外面是零，放在那里白费。第一个卷积核什么也不拉长，所以 `power` 一直停在随机的起点上。
#
# ## 5 · 上界与斜率
#
# 从 $\mathbb R^{16}$ 到 $\mathbb R$ 的随机网络，ReLU，宽 64，每层都除以自己的范数。不论多深，乘积上界都是 1。它们实际上有多陡？谁也不能把所有的点试遍，但*找到*的任何斜率，都是 Lipschitz 常数的下界。找法有两种：1,000 个随机点上最大的梯度；200 对点，各自爬向 $|f(x)-f(y)|/\|x-y\|$ 大的地方。
#
# **先猜**深度为 1、2、4、8 时各找到多少。同样的网络在做除法之前，又是什么样？
# %%
def network(depth, divide):
    torch.manual_seed(lab.seed)
    widths, parts = (16, *[64] * (depth - 1), 1), []
    for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
        parts += [nn.Linear(n_in, n_out), nn.ReLU()]
    net = nn.Sequential(*parts[:-1])
    # en: 300 rounds at once, so that the division is exact here.
    # zh: 一次走足 300 轮，使这里的除法是精确的。
    return layers.spectrally_normalised(net, 300) if divide else net


def weights(net):
    return [part.weight.detach() for part in net[::2]]


def product_bound(net):
    norms = [torch.linalg.matrix_norm(W, 2) for W in weights(net)]
    return torch.stack(norms).prod().item()


def largest_gradient(net, x):
    return penalties.gradient_norms(net, x).max().item()


def climbing_pairs(net, x, steps=100, rate=0.05):
    ends = torch.stack([x, x + 0.1 * torch.randn_like(x)])
    ends.requires_grad_()
    adam, best = torch.optim.Adam([ends], lr=rate), 0.0
    for _ in range(steps):
        rise = (net(ends[0]) - net(ends[1])).flatten().abs()
        slopes = rise / (ends[0] - ends[1]).flatten(1).norm(dim=1)
        best = max(best, slopes.max().item())
        adam.zero_grad()
        (-slopes.clamp(min=1e-12).log().sum()).backward()
        adam.step()
    return best


torch.manual_seed(lab.seed)
somewhere = 3 * torch.randn(1000, 16)
print(lab.t("bound, gradients, pairs"))
slopes = {}
for depth in (1, 2, 4, 8):
    for divide in (True, False):
        net = network(depth, divide).eval()
        found = (
            product_bound(net),
            largest_gradient(net, somewhere),
            climbing_pairs(net, somewhere[:200]),
        )
        slopes[depth, divide] = found
        name = lab.t("divided" if divide else "as it was")
        print(depth, *(f"{value:9.4f}" for value in found), "  ", name)
        assert max(found[1:]) <= found[0] * (1 + 1e-4)
for depth, most in ((1, 1.001), (2, 0.6), (4, 0.2), (8, 0.02)):
    assert abs(slopes[depth, True][0] - 1) < 1e-4
    assert max(slopes[depth, True][1:]) < most
assert slopes[8, False][0] > 1.5


# %% [markdown] lang="en"
# One layer reaches the bound. With each further layer the slope that can be found falls, to about a thousandth at depth 8, while the bound stays at 1: "1-Lipschitz" is true, and says little. The undivided networks show that the bound is only a bound as well: it grows, the slope falls.
#
# Is that the end for a deep critic? Its loss rewards a large slope. So train, against two clouds that are again 2 apart, and watch three numbers: the bound; the largest gradient found; and how well neighbouring layers are *aligned*, $|\langle u_1(W^l),v_1(W^{l+1})\rangle|$, the smallest over the layers.
#
# **Predict** all three for depth 8.
# %% [markdown] lang="zh"
# 一层就达到上界。每加一层，找得到的斜率就降一截，到深度 8 只剩千分之一左右，而上界始终是 1：说它“1-Lipschitz”没有错，只是没说出多少东西。没有做除法的网络也表明上界只是上界：它在增大，斜率却在减小。
#
# 深的评论器就没有希望了吗？它的损失奖励大斜率。那就训练，数据仍是相距 2 的两团点云，盯住三个数：上界；找到的最大梯度；以及相邻两层*对得*有多*齐*，即 $|\langle u_1(W^l),v_1(W^{l+1})\rangle|$，取各层中最小的。
#
# **先猜**深度 8 时的这三个数。
# %%
# alt-en: Two panels over 200 steps, lines for depth 2, 4 and 8. Left, the largest gradient, and dashed the bound: from 0.38, 0.05 and 0.001 the gradients rise within ten steps, those of depth 4 and 8 past 2 for a moment, as their bounds do; after about forty steps all are at 1. Right, the worst alignment of neighbouring layers: from near 0 to 0.9 within about 25 steps and to 1 within 50.
# alt-zh: 左右两图，横轴 200 步，深度 2、4、8 各一条线。左图是最大的梯度，虚线是上界：梯度从 0.38、0.05、0.001 起，十步之内升高，深度 4 与 8 的一度超过 2，它们的上界也是如此；约四十步之后都在 1 处。右图是相邻层中对得最不齐的：约 25 步从 0 附近升到 0.9，50 步之内升到 1。
def alignment(net):
    tops = [torch.linalg.svd(W, full_matrices=False) for W in weights(net)]
    pairs = zip(tops[:-1], tops[1:], strict=True)
    return min((a.U[:, 0] @ b.Vh[0]).abs().item() for a, b in pairs)


def apart(n=64):
    real, fake = 0.5 * torch.randn(2, n, 16)
    return real, fake + 2 * torch.eye(16)[0]


watched = {}
for depth in (2, 4, 8):
    net = network(depth, divide=False)
    layers.spectrally_normalised(net)
    adam, seen = torch.optim.Adam(net.parameters(), lr=1e-2), []
    for step in range(lab.pick(smoke=12, cpu=200, gpu=200) + 1):
        if step % 4 == 0:
            with layers.evaluating(net):
                steepest = largest_gradient(net, torch.cat(apart()))
                looks = product_bound(net), steepest, alignment(net)
            seen.append((step, *looks))
        loss = wasserstein(*layers.on_each(net, *apart()))
        adam.zero_grad()
        loss.backward()
        adam.step()
    watched[depth] = torch.tensor(seen)
fig, (left, right) = viz.panels(2, width=4, height=3)
colors = (blue, green, orange)
for (depth, seen), color in zip(watched.items(), colors, strict=True):
    at, looks = seen[:, 0], {"color": color, "lw": 1.8}
    left.plot(at, seen[:, 1], color=color, lw=1, ls=(0, (4, 2)))
    left.plot(at, seen[:, 2], **looks)
    name = f"{lab.t('depth')} {depth}"
    right.plot(at, seen[:, 3], label=name, **looks)
left.set_title(lab.t("steepest"), fontsize=10)
right.set_title(lab.t("alignment"), fontsize=10)
right.legend(loc="lower right")
for ax, most in ((left, 2), (right, 1.05)):
    ax.set(xlabel=lab.t("step"), ylim=(0, most))
fig
# %%
for depth, seen in watched.items():
    for step, *numbers in seen[[0, -1]].tolist():
        print(depth, f"{step:4.0f}", *(f"{n:8.4f}" for n in numbers))
    assert (seen[:, 1] > 1 - 1e-4).all()
    assert (seen[:, 2] <= seen[:, 1] * (1 + 1e-4)).all()
    if lab.profile != "smoke":
        assert seen[0, 3] < 0.5 < 0.98 < seen[-1, 2:].min()


# %% [markdown] lang="en"
# The columns are depth, step, bound, gradient, alignment. Within a few dozen steps training lines up the top singular vectors of all layers, and the bound, which was out by a factor of a thousand, is *tight*. (In the first steps it lies well above 1, dashed on the left, because large steps leave one round behind: $\hat\sigma\le\sigma$. It is never below.)
#
# But this task was a friendly one. Two clouds, one the other's copy, are measured best by an *affine* function, and an affine function has full slope everywhere.
#
# ## 6 · A distance of 1 that reads ½
#
# The page's unfriendly task: $P$ is the point 0, $Q$ half at $1$ and half at $-1$, so $W_1=1$. The best 1-Lipschitz critic is a tent, $-|x|$: slope 1, with a bend. Three critics whose layers are divided by their exact norms climb $f(0)-\tfrac12(f(1)+f(-1))$: one hidden layer of ReLU, three of them, and one hidden layer that *sorts* pairs of numbers instead.
#
# **Predict** what each of them reads after 300 steps.
# %% [markdown] lang="zh"
# 各列是深度、步数、上界、梯度、对齐的程度。短短几十步，训练就把各层的主奇异向量排成一线，原先差了上千倍的上界，现在是*紧的*。（开头几步，上界明显高于 1，见左图的虚线，因为步子太大，一轮迭代跟不上：$\hat\sigma\le\sigma$。它从不低于 1。）
#
# 不过这个任务是好对付的。两团点云，一团是另一团的复制品，量它们最好用*仿射*函数，而仿射函数处处都能把斜率用足。
#
# ## 6 · 距离是 1，读出来是 ½
#
# 理论页上那个难对付的任务：$P$ 是点 0，$Q$ 一半在 $1$，一半在 $-1$，所以 $W_1=1$。最好的 1-Lipschitz 评论器是一顶帐篷，$-|x|$：斜率为 1，还要拐弯。三个评论器，各层都除以精确的范数，尽力增大 $f(0)-\tfrac12(f(1)+f(-1))$：一个隐藏层，用 ReLU；三个隐藏层，用 ReLU；一个隐藏层，不用 ReLU，而是把数两两*排序*。
#
# **先猜** 300 步之后，三者各读多少。
# %%
class Exact(nn.Module):
    def __init__(self, hidden, sorts, width=12):
        super().__init__()
        widths = (1, *[width] * hidden, 1)
        pairs = list(zip(widths[:-1], widths[1:], strict=True))
        self.W = nn.ParameterList(torch.randn(m, n) for n, m in pairs)
        self.b = nn.ParameterList(torch.zeros(m) for _, m in pairs)
        self.sorts = sorts

    def forward(self, x):
        for i, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            if i and self.sorts:
                x = x.unflatten(1, (-1, 2)).sort(2).values.flatten(1)
            elif i:
                x = x.relu()
            x = x @ (W / torch.linalg.matrix_norm(W, 2)).T + b
        return x.squeeze(1)


CRITICS = {
    "1 × ReLU": (1, False),
    "3 × ReLU": (3, False),
    "sorting": (1, True),
}
places, line = (
    torch.tensor([[0.0], [1.0], [-1.0]]),
    torch.linspace(-2, 2, 161),
)
shapes, readings = {}, {}
steps = lab.pick(smoke=20, cpu=300, gpu=300)
for name, (hidden, sorts) in CRITICS.items():
    torch.manual_seed(lab.seed)
    critic, seen = Exact(hidden, sorts), []
    adam = torch.optim.Adam(critic.parameters(), lr=1e-2)
    for step in range(steps + 1):
        top, right, left = critic(places)
        reading = top - (right + left) / 2
        if step % (steps // 10) == 0:
            with torch.no_grad():
                seen.append((step, critic(line[:, None]) - top))
        adam.zero_grad()
        (-reading).backward()
        adam.step()
    shapes[name], readings[name] = seen, reading.item()


def tents(i):
    fig, (ax,) = viz.panels(width=5.2, height=3)
    ax.plot(line, -line.abs(), color=viz.INK, lw=1, ls=(0, (4, 3)))
    for name, color in zip(CRITICS, (blue, green, orange), strict=True):
        ax.plot(
            line, shapes[name][i][1], color=color, lw=2, label=lab.t(name)
        )
    ax.plot([0], [0], "o", color=viz.INK)
    ax.plot([1, -1], [-1, -1], "s", color=viz.INK)
    ax.set(ylim=(-2, 1), xlabel="x")
    ax.legend(loc="upper right", fontsize=9)
    return fig


viz.player([(shapes["sorting"][i][0], tents(i)) for i in range(11)])
# %%
for name, reading in readings.items():
    print(f"{reading:.3f}   {lab.t(name)}")
assert readings["1 × ReLU"] <= 0.5 + 1e-5
assert readings["3 × ReLU"] <= (3 / 4) ** 0.5 + 1e-5
assert readings["sorting"] <= 1 + 1e-5
if lab.profile != "smoke":
    assert 0.47 < readings["1 × ReLU"] < 0.52 < readings["3 × ReLU"] < 0.7
    assert readings["sorting"] > 0.97
# %% [markdown] lang="en"
# With one hidden layer half of the distance is lost, with three two fifths of it. Sorting bends without paying. So a spectrally normalised ReLU critic is a good guide and a bad gauge: where to go it shows, how far it is it does not.
#
# (Drag the slider back. Each critic climbs by itself; the tents that ReLU can pitch are too flat, whatever the width.)
#
# ## 7 · Faces against the clock
#
# Now the game that the division was made for. SNGAN and WGAN-GP get the same networks, the small DCGAN of lab 04 without batch normalisation in the critic, the same batches of 64 faces, the same Adam ($10^{-3}$, $\beta_1=0$, $\beta_2=0.9$), and one turn of the critic per step of the generator. SNGAN plays the hinge loss; WGAN-GP has a layer normalisation in the critic, as its authors advise, and the penalty with $\lambda=10$. The two critics' turns:
# %% [markdown] lang="zh"
# 一个隐藏层，距离丢了一半；三个，丢了四成。排序拐弯不用付账。所以谱归一化的 ReLU 评论器是好向导，却不是好量具：往哪里走，它指得出；还有多远，它说不准。
#
# （把滑块拖回去看。三个评论器各爬各的；ReLU 支得起的帐篷都太扁，多宽也没有用。）
#
# ## 7 · 画人像，看着钟
#
# 现在轮到这种除法真正的用武之地。SNGAN 与 WGAN-GP 用同样的网络，即实验 04 的小 DCGAN，评论器不加批量归一化；同样的批量，64 张人像；同样的 Adam（$10^{-3}$，$\beta_1=0$，$\beta_2=0.9$）；生成器每走一步，评论器走一步。SNGAN 用合页损失；WGAN-GP 照其作者的建议，在评论器里加层归一化，惩罚的权重 $\lambda=10$。两个评论器的回合：
# %% tags=["strict"]
from ganlib.gans.sngan import SNGAN
from ganlib.gans.wgan_gp import WGANGP

lab.show(SNGAN.discriminator_loss, WGANGP.critic_loss)
# %% [markdown] lang="en"
# ### What a step costs
#
# The penalty differentiates a gradient, which takes a second way back through the critic. The division takes two products of a matrix with a vector per layer. The cell lets two throw-away copies take turns, three steps at a time.
#
# **Predict** how much longer a step of WGAN-GP takes: a tenth, a third, twice as long?
# %% [markdown] lang="zh"
# ### 一步要花多少
#
# 惩罚要对梯度再求一次导，也就是再反向穿过评论器一次。除法则是每层两次矩阵乘向量。下面让两个用完即弃的副本轮流走，每次三步。
#
# **先猜：** WGAN-GP 的一步要多花多少时间？十分之一，三分之一，还是一倍？
# %%
# alt-en: Two bars, milliseconds per step: that of WGAN-GP is clearly longer than that of SNGAN.
# alt-zh: 两根条，每步的毫秒数：WGAN-GP 的明显比 SNGAN 的长。
import time

data = lab.load(size=32, n=lab.pick(smoke=500, cpu=5000, gpu=20_000))
GAMES = {"SNGAN": {"n_dis": 1}, "WGAN-GP": {"n_critic": 1}}
SHARED = {"model": "dcgan-small", "lr": 1e-3, "beta1": 0.0, "beta2": 0.9}


def trainer_of(title, *callbacks):
    ganlib.seed(lab.seed)
    options = SHARED | GAMES[title]
    return ganlib.Trainer(
        ganlib.build(title.lower(), data.shape, **options),
        data,
        batch_size=64,
        device=lab.device,
        ema_half_life=5_000,
        log_every=lab.pick(smoke=2, cpu=10, gpu=100),
        callbacks=callbacks,
        progress=lab.progress,
    )


def median(values):
    return torch.tensor(values).median().item()


chunk = lab.pick(smoke=1, cpu=3, gpu=30)
copies = {title: trainer_of(title) for title in GAMES}
taken = {title: [] for title in GAMES}
for _ in range(lab.pick(smoke=2, cpu=6, gpu=6)):
    for title, copy in copies.items():
        start = time.perf_counter()
        copy.fit(chunk)
        taken[title].append((time.perf_counter() - start) / chunk)
# en: The first round warms up. Each other is compared with itself.
# zh: 第一轮用来热身。其余各轮，只与自己比。
sn, gp = (torch.tensor(times[1:]) for times in taken.values())
seconds = {"SNGAN": median(sn.tolist())}
seconds["WGAN-GP"] = seconds["SNGAN"] * median((gp / sn).tolist())
assert lab.profile == "smoke" or seconds["WGAN-GP"] > seconds["SNGAN"]
fig, (ax,) = viz.panels(width=6, height=1.4)
ax.barh(list(seconds), [1000 * t for t in seconds.values()], color=blue)
ax.invert_yaxis()
ax.set(xlabel=lab.t("milliseconds"))
fig
# %% [markdown] lang="en"
# ### What a step is worth
#
# Both train for 300 steps, from the same seed. `Evaluate` keeps the FID of 1,000 faces against as many held-out ones, in the features of the course's own network, and for SNGAN the norms of its four layers as well.
#
# **Predict.** Who is ahead after equally many steps, and who after equally many seconds?
# %% [markdown] lang="zh"
# ### 一步值多少
#
# 两者从同样的种子出发，各训练 300 步。`Evaluate` 记下 1,000 张生成人像的 FID，对照同样多的留出人像，用课程自己的网络提取特征；对 SNGAN 还记下它四层的范数。
#
# **先猜。** 步数相同，谁领先？秒数相同，谁领先？
# %%
from ganlib.metrics import features
from ganlib.metrics.fid import fid

n = lab.pick(smoke=200, cpu=1000, gpu=5000)
held_out = ganlib.load("avatars", size=32, split="test", n=n)
real = features.extract(held_out.to(lab.device))


def quality(trainer):
    parts = [trainer.sample(min(n, 500)) for _ in range(0, n, 500)]
    made = features.to_bytes(torch.cat(parts))
    return fid(real, features.extract(made, data="avatars"), floor=False)


def norms(trainer):
    critic, seen = trainer.gan.discriminator, {}
    for i, (name, at) in enumerate(layers.sigmas(critic).items(), 1):
        stored = critic.get_submodule(
            name
        ).parametrizations.weight.original
        sigma = torch.linalg.matrix_norm(stored.detach().flatten(1), 2)
        seen |= {f"σ {i}": sigma, f"σ/σ̂ {i}": sigma / at}
    return seen


steps = lab.pick(smoke=4, cpu=300, gpu=10_000)
looks = lab.pick(smoke=2, cpu=50, gpu=1000)
z = torch.randn(8, 100, generator=torch.Generator().manual_seed(0))
runs, films = {}, {}
for title in GAMES:
    films[title] = ganlib.Snapshots(looks, z=z.to(lab.device))
    watch = [films[title], ganlib.Evaluate(looks, quality, "FID")]
    if title == "SNGAN":
        often = lab.pick(smoke=1, cpu=5, gpu=100)
        watch.append(ganlib.Evaluate(often, norms))
    runs[title] = trainer_of(title, *watch).fit(steps)
# %%
# alt-en: FID on a logarithmic axis against seconds. Both fall from 289, side by side down to 120. Then the curve of SNGAN lies below that of WGAN-GP, and it ends first; both end just below 50.
# alt-zh: FID 随秒数的变化，纵轴为对数。两条都从 289 落下，到 120 为止并排而行。此后 SNGAN 的曲线在 WGAN-GP 的下方，并且先到终点；两条都停在略低于 50 处。
fig, (ax,) = viz.panels(width=6.4, height=3.4)
for title, color in zip(GAMES, (orange, blue), strict=True):
    history = runs[title].history
    at = [step * seconds[title] for step in history.steps("FID")]
    ax.semilogy(at, history["FID"], "o-", color=color, label=title)
ticks = (10, 20, 50, 100, 200, 300)
ax.set_yticks(ticks, map(str, ticks))
ax.minorticks_off()
ax.set_ylim(min(min(run.history["FID"]) for run in runs.values()) / 1.2)
ax.set(xlabel=lab.t("seconds"), ylabel="FID")
ax.legend()
fig
# %%
for title, run in runs.items():
    print(f"{title:8}", *(f"{it:6.1f}" for it in run.history["FID"]))
sn, gp = (run.history["FID"] for run in runs.values())
if lab.profile == "cpu":
    # en: Far from the start, and not far from each other.
    # zh: 离起点远，彼此相去不远。
    assert max(sn[-1], gp[-1]) < 70 < sn[0] / 3
    assert 0.7 < sn[-1] / gp[-1] < 1.3
# %%
rows = zip(*(film.frames for film in films.values()), strict=True)
faces = [(a[0], torch.cat([a[1], b[1]])) for a, b in rows]
viz.scrubber(faces, columns=8, live=lab.live)
# %% [markdown] lang="en"
# In the player the upper row is SNGAN, the lower one WGAN-GP, from the same eight latents. Step by step the two are about equal; the faces are different ones. (With seeds 1 and 2 SNGAN ended at 50 and 48, WGAN-GP at 56 and 57.) So the cheaper step decides: by the *clock* SNGAN is ahead, but for the very beginning, when WGAN-GP's first fifty steps are worth more. That is the bargain. It is not a better critic, it is one that costs less.
#
# ### σ of each layer
#
# Left, $\sigma$ of the four weights that SNGAN's critic stores; right, the true norm $\sigma/\hat\sigma$ of what it uses, both every five steps. **Predict:** which way do the lines on the left go? On which side of 1 are those on the right, and how far from it, with one round per pass?
# %% [markdown] lang="zh"
# 播放器里，上面一行是 SNGAN，下面一行是 WGAN-GP，用的是同样的八个隐变量。论步数，两者不相上下，画出的脸各不相同。（换成种子 1 与 2，SNGAN 停在 50 与 48，WGAN-GP 停在 56 与 57。）于是胜负就看谁的一步便宜：论*时间*，除了开头，SNGAN 一直领先；开头则是 WGAN-GP 的头五十步更有成效。这笔买卖就是如此：评论器并没有更好，只是更省。
#
# ### 每一层的 σ
#
# 左图是 SNGAN 的评论器存着的四个权重的 $\sigma$；右图是它实际使用的权重的真实范数 $\sigma/\hat\sigma$。每五步看一次。**先猜：** 左图的线往哪边走？右图的在 1 的哪一侧，每次通过只走一轮，会差多少？
# %%
# alt-en: Two panels over 300 steps, four lines each. Left, the stored norms: layer 3 climbs most, from 0.9 to 1.6, with dents; layer 4 evenly from 0.9 to 1.2; layer 2 from 0.6 to 0.85 and layer 1 from 0.23 to 0.3, both early. Right, the used norms: layer 4 is 1 all the time; the others touch 1 from above, at first within 1.05, and later jump up, layer 1 to 1.1, layer 2 to 1.2, layer 3 to 1.4.
# alt-zh: 左右两图，横轴 300 步，各四条线。左图是存着的范数：第 3 层升得最多，从 0.9 到 1.6，有起伏；第 4 层平稳地从 0.9 到 1.2；第 2 层从 0.6 到 0.85，第 1 层从 0.23 到 0.3，都在开头就升完。右图是所用的范数：第 4 层始终为 1；其余三层从上方贴着 1，起初不超过 1.05，后来不时跳高，第 1 层到 1.1，第 2 层到 1.2，第 3 层到 1.4。
history = runs["SNGAN"].history
fig, (left, right) = viz.panels(2, width=4.1, height=3.2)
for i, color in zip(range(1, 5), viz.COLORS, strict=False):
    looks = {"color": color, "lw": 1.6, "label": lab.t("layer i", i=i)}
    for ax, name in ((left, f"σ {i}"), (right, f"σ/σ̂ {i}")):
        ax.plot(history.steps(name), history[name], **looks)
right.axhline(1, color=viz.INK, lw=1, ls=(0, (4, 3)))
for ax, title in ((left, "σ stored"), (right, "σ used")):
    ax.set(xlabel=lab.t("step"))
    ax.set_title(lab.t(title), fontsize=10)
left.set_ylim(0, 2.4)
left.legend(loc="upper left", ncols=2)
fig
# %% [markdown] lang="en"
# Left, all four have grown: the gradient has no part along $W$, so a plain gradient step can only lengthen it, and the effective rate falls. (The length is $\|W\|_F$. $\sigma$ belongs to one direction, which may lose while the others gain, and Adam's step is not exactly orthogonal to $W$: hence the dents.) Right, never below 1, as the theorem says, but well above at times: with a rate of $10^{-3}$ a step turns the top singular vectors further than one round can follow. The last layer is a single row, has one singular value only, and is right after one round.
#
# ### A critic "of norm 1"?
#
# For each layer: $\sigma$ of the stored weight at the start and at the end; the largest norm that the used weight had on the way, and the last; and the true norm of the convolution with zero padding and stride 2, by power iteration on images. **Predict** the last column. For a convolution $4\times4$ with stride 2 it may be up to twice the one before.
# %% [markdown] lang="zh"
# 左图四条都升高了：梯度没有沿 $W$ 的分量，所以普通的梯度步只会使 $W$ 变长，有效学习率随之下降。（这里的长度是 $\|W\|_F$；$\sigma$ 只管一个方向，别的方向在增大时它也可能减小，何况 Adam 的步子与 $W$ 并不严格正交，所以线上有凹陷。）右图从不低于 1，与定理相符，但有时高出不少：学习率为 $10^{-3}$ 时，一步就把主奇异向量转过很大的角度，一轮迭代跟不上。最后一层只有一行，奇异值只有一个，一轮就对。
#
# ### “范数为 1”的评论器？
#
# 每层列出：所存权重的 $\sigma$，开始时与结束时；所用权重的范数，途中最大的与最后的；以及零填充、步幅 2 的卷积的真实范数，用图像上的幂迭代求得。**先猜**最后一列。对 $4\times4$、步幅 2 的卷积，它至多是前一列的两倍。
# %%
critic = runs["SNGAN"].gan.discriminator.eval()
sides, true_norms = (32, 16, 8, None), []
print(lab.t("layers"))
for i, (name, side) in enumerate(
    zip(layers.sigmas(critic), sides, strict=True), 1
):
    layer = critic.get_submodule(name)
    sigma, used = history[f"σ {i}"], history[f"σ/σ̂ {i}"]
    rounds = lab.pick(smoke=3, cpu=60, gpu=300)
    true_norms.append(layers.operator_norm(layer, side, rounds).item())
    numbers = sigma[0], sigma[-1], max(used), used[-1], true_norms[-1]
    print(f"{i:5}", *(f"{number:8.3f}" for number in numbers))
    assert min(used) > 1 - 1e-5
    m = 1 if side is None else 4
    assert true_norms[-1] < m**0.5 * used[-1] * (1 + 1e-4)
    if lab.profile == "cpu":
        assert sigma[-1] > 1.1 * sigma[0]
        assert (max(used) > 1.02) == (side is not None)
print(f"{math.prod(true_norms):.3f}", lab.t("product"))
# %% [markdown] lang="en"
# So a bound holds, but it is the product in the last line. How steep is this critic really? Gradients at real and generated faces, halfway between and at noise; and pairs of faces that climb, as in section 5. **Predict** by which factor the bound is too large.
# %% [markdown] lang="zh"
# 可见上界是有的，不过是最后一行那个乘积。这个评论器实际上有多陡？在真实的人像、生成的人像、两者的中间与噪声处看梯度，再让成对的人像攀升，与第 5 节相同。**先猜**：上界大了几倍？
# %%
samples = runs["SNGAN"].sample(200)
real_faces = data.normalised(slice(0, 200))
steepness = {
    "real": real_faces,
    "generated": samples,
    "halfway": (real_faces + samples) / 2,
    "noise": 2 * torch.rand_like(samples) - 1,
}
critic.requires_grad_(False)
found = {
    name: largest_gradient(critic, images)
    for name, images in steepness.items()
}
climbs = lab.pick(smoke=2, cpu=30, gpu=100)
found["climbing pairs"] = climbing_pairs(critic, real_faces[:32], climbs)
for name, slope in found.items():
    print(f"{slope:8.3f}   {lab.t(name)}")
with torch.no_grad():
    gap = critic(real_faces).mean() - critic(samples).mean()
print(f"{gap:8.3f}   {lab.t('gap')}")
assert max(found.values()) < math.prod(true_norms)
# %% [markdown] lang="en"
# What is divided has norm 1, or somewhat more where one round was not enough. The *convolutions* reach 1.9, close to the 2 that the page allows. So all that one can say of this critic "of norm 1" is that its Lipschitz constant is at most 5.4, and the steepest place found has slope 0.365: fifteen times less. (The true norms are estimates from below as well, though converged ones. Who wants a proof takes the page's bound, twice the norm for each convolution: $8\cdot1.018\cdot1.052\cdot1.001\approx8.6$.) Note how even the slopes are, at faces, between them and at noise alike: nobody had to choose points at which to look.
#
# As a gauge it is as poor as section 6 has it. Its scores of real and generated faces differ by 0.8, so $W_1\ge0.8/5.4\approx0.15$ (for these 200 faces of each kind), which is next to nothing: two faces drawn by lot are some 30 apart, two hundred times as far. For the generator only the direction counts.
#
# ## 8 · Three seeds, three rates
#
# One seed at one learning rate is an anecdote. `benchmarks/sngan.py` gives both methods the same time, with three seeds at three rates, and adds a third row: WGAN-GP whose critic has no layer normalisation, which but for the division is the critic of SNGAN.
#
# @RECORD sngan@
#
# @RECORD sngan time@
#
# **What do you see?** In equal time SNGAN is ahead at the two larger rates, by nine and by ten points, and level at the smallest. Where do they come from? A step of WGAN-GP takes 1.6 times as long, so in the 600 steps of SNGAN it makes 373. Read the second table across: after half of the time, 300 steps, SNGAN has 48.6; WGAN-GP at its end, after 373, has 44.9. So step for step SNGAN is no better. What it wins is the time of the second backward pass, as the page says.
#
# The third row wins nothing. Without layer normalisation the penalty alone does far worse at every rate, and from a quarter to a half of the time it gets no further. The division does what penalty and normalisation do together.
#
# All of it holds for small networks, one set of drawn faces and a minute of training. 0.001 is the best rate for all three, and the largest that was tried.
#
# ## Try it
#
# 1. **Keep the vectors.** In section 3 each charge draws new vectors and makes 500 rounds. In training one keeps them, as `score_gap` does. Give `descend` a charge that keeps its vectors, with 50 rounds per call. What goes wrong after step 4, and why does it not in section 3's critics?
#
# <details><summary>Answer 1</summary>
#
# ```python
# vectors = {}
#
#
# def kept(layer):
#     return penalties.spectral_norm_regularisation(layer, vectors, 50)
#
#
# print(descend(kept)[[3, 4, 5, 12]])
# ```
#
# When we tried, the values after step 4 were 2, 1.968, 1 and 0.5, after step 5 they were 2, **1.772**, 1 and 0.5: it was the *second* that paid. And so on, to 1.488, 1.139, 1 and 0.5. The kept vector is exactly the singular direction of the value that was largest before, and from an exact singular vector power iteration cannot leave; only rounding errors set it free, some rounds later. In training $W$ moves in all directions at every step, which is a better nudge than rounding.
#
# </details>
#
# 2. **Initialise too late.** Wrap a layer, *then* fill `layer.weight` with new numbers by `nn.init.normal_`. What has changed? And if the stored weight is filled instead: which norm does the layer have in evaluation mode, and after how many looks in training mode is it below 1.05?
#
# <details><summary>Answer 2</summary>
#
# ```python
# layer = wrapped(stretching(0.95))
# stored = layer.parametrizations.weight.original
# before = stored.detach().clone()
# nn.init.normal_(layer.weight)
# print(torch.equal(before, stored))
# nn.init.normal_(stored)
# layer.eval()
# print(torch.linalg.matrix_norm(layer.weight.detach(), 2))
# layer.train()
# for _ in range(12):
#     print(torch.linalg.matrix_norm(layer.weight.detach(), 2))
# ```
#
# Nothing has changed: `layer.weight` is computed anew at each look, and the numbers went into a temporary tensor, without an error. Filled in the right place, the vectors are those of the old matrix: when we tried, the norm in evaluation mode was 42.7, and then, look by look, 1.56, 1.27, 1.16, … and below 1.05 from the ninth on.
#
# </details>
#
# 3. **Deeper, wider.** How much does the ReLU critic of section 6 read with 5 and with 8 hidden layers, and with one of width 200? Compare with the page's bound $\sqrt{H/(H+1)}$.
#
# <details><summary>Answer 3</summary>
#
# When we tried, with the same 300 steps: 0.50, 0.57, 0.60, 0.63 and 0.68 for 1, 2, 3, 5 and 8 layers of width 12, where the bound is 0.5 for one and otherwise 0.82, 0.87, 0.91 and 0.94. One layer of width 200 reads 0.49: width does not help. (Whether more training or better starts would come nearer to the bound, this does not tell; nor is the bound claimed to be sharp.)
#
# </details>
#
# 4. **A transposed convolution.** The array of the page's last remark: four input channels, one output channel, $2\times2$ taps, stride 2, each channel painting one pixel. Measure its norm with `power`, and compare with both flattenings.
#
# <details><summary>Answer 4</summary>
#
# ```python
# paint = torch.eye(4, dtype=torch.float64).view(4, 1, 2, 2)
#
#
# def times(y):
#     return F.conv_transpose2d(y, paint, stride=2)
#
#
# def back(x):
#     return F.conv2d(x, paint, stride=2)
#
#
# x = torch.randn(1, 1, 8, 8, dtype=torch.float64)
# print(next(power(times, back, x))[0])
# print(flattened(paint.transpose(0, 1)), flattened(paint))
# ```
#
# It prints 1, 2 and 1. The layer preserves every length; PyTorch, for which a row belongs to an *output* channel, divides it by 2.
#
# </details>
#
# 5. **Momentum.** Setting C of the page's table has $\beta_1=0.5$, $\beta_2=0.999$ and a fifth of our learning rate. Play SNGAN at our rate with `SHARED | {"beta1": 0.5, "beta2": 0.999}`, 150 steps.
#
# <details><summary>Answer 5</summary>
#
# When we tried, the FID after 150 steps was 194, where $\beta_1=0$ had got 70; at half the rate it was 175 after 100 steps and 121 after 200, at a fifth 144 after 200. At these rates a step turns the critic by much (the norms above say so), and momentum repeats yesterday's direction. (The paper's settings D and E have our rate with $\beta_1=0.5$, but five turns of the critic per step; that we have not tried.) Nor was WGAN-GP tried with it; its authors take $\beta_1=0$.
#
# </details>
#
# ## With a GPU
#
# Add `profile="gpu"` to the first cell: both GANs train for 10,000 steps on 20,000 faces; everything else stays as it is. What the cells assert about their training was tried at `cpu` and is checked only there.
#
# Back to [the theory](../../book/en/08-sngan.md), with its exercises.
# %% [markdown] lang="zh"
# 除过之后的范数是 1，一轮不够的地方略大一些。*卷积*的范数则到了 1.9，已接近理论页所允许的 2。所以对这个“范数为 1”的评论器，能说的只是 Lipschitz 常数不超过 5.4；而找到的最陡之处，斜率是 0.365，只有它的十五分之一。（真实的范数也是从下方估计的，不过已经收敛。若要严格的证明，就用理论页的上界，每个卷积取范数的两倍：$8\cdot1.018\cdot1.052\cdot1.001\approx8.6$。）还要注意各处的斜率何其均匀：人像处、两者中间、噪声处，全都差不多，谁也不必挑选该看哪些点。
#
# 拿它当量具，则正如第 6 节所说，很不中用。它给真实人像与生成人像的得分，平均相差 0.8，于是（对这两组各 200 张人像）$W_1\ge0.8/5.4\approx0.15$，几乎等于什么也没说：随便两张人像，相距就在 30 左右，是它的两百倍。对生成器来说，要紧的只是方向。
#
# ## 8 · 三个种子，三种学习率
#
# 一个种子、一种学习率，只能算个案。`benchmarks/sngan.py` 给两种方法同样多的时间，各跑三个种子、三种学习率，另加一行：评论器不加层归一化的 WGAN-GP，它的评论器与 SNGAN 的相比，只差那次除法。
#
# @RECORD sngan@
#
# @RECORD sngan time@
#
# **你看到了什么？** 用时相同，在较大的两种学习率下，SNGAN 分别领先 9 与 10；学习率最小时，两者持平。领先从何而来？WGAN-GP 的一步要用 1.6 倍的时间，SNGAN 走 600 步，它只走 373 步。横着读第二张表：时间过半，即 300 步时，SNGAN 是 48.6；WGAN-GP 到头，即 373 步时，是 44.9。可见一步抵一步，SNGAN 并不更好。它赢得的，正如理论页所说，是第二次反向传播的时间。
#
# 第三行什么也没有赢得。没有层归一化，光靠惩罚，每种学习率下都差得多，从四分之一到一半的时间里毫无进展。惩罚与归一化合力做到的事，一次除法就做到了。
#
# 以上只是小网络、一种画出来的人像、一分钟的训练。三种方法都是 0.001 最好，而那已是试过的最大的学习率。
#
# ## 动手试试
#
# 1. **留着向量。** 第 3 节每次收费都重新抽向量，走 500 轮。训练中则是留着用的，`score_gap` 便是如此。给 `descend` 换一个留着向量的收费办法，每次 50 轮。第 4 步之后出了什么差错？第 3 节的评论器为什么没有这个问题？
#
# <details><summary>答案 1</summary>
#
# ```python
# vectors = {}
#
#
# def kept(layer):
#     return penalties.spectral_norm_regularisation(layer, vectors, 50)
#
#
# print(descend(kept)[[3, 4, 5, 12]])
# ```
#
# 我们试的那一次，第 4 步之后是 2、1.968、1、0.5，第 5 步之后是 2、**1.772**、1、0.5：交费的是*第二名*。如此下去，最后是 1.488、1.139、1、0.5。留下来的向量，恰好就是先前最大的那个值的奇异方向，而幂迭代从精确的奇异向量出发是走不开的；要靠舍入误差，许多轮之后才能脱身。训练中 $W$ 每一步都朝各个方向移动，这一推比舍入误差有力得多。
#
# </details>
#
# 2. **初始化得太晚。** 先包装一层，*再*用 `nn.init.normal_` 给 `layer.weight` 填上新的数。有什么变了？若改填存着的权重：评估模式下，这一层的范数是多少？训练模式下看几次之后，范数低于 1.05？
#
# <details><summary>答案 2</summary>
#
# ```python
# layer = wrapped(stretching(0.95))
# stored = layer.parametrizations.weight.original
# before = stored.detach().clone()
# nn.init.normal_(layer.weight)
# print(torch.equal(before, stored))
# nn.init.normal_(stored)
# layer.eval()
# print(torch.linalg.matrix_norm(layer.weight.detach(), 2))
# layer.train()
# for _ in range(12):
#     print(torch.linalg.matrix_norm(layer.weight.detach(), 2))
# ```
#
# 什么也没变：`layer.weight` 每看一次都重新计算，数填进了一个临时张量，而且不报错。填对了地方，向量却还是旧矩阵的：我们试的那一次，评估模式下的范数是 42.7，此后每看一次，依次为 1.56、1.27、1.16……从第九次起低于 1.05。
#
# </details>
#
# 3. **加深，加宽。** 第 6 节的 ReLU 评论器，用 5 层、8 层隐藏层各读多少？只用一层、宽 200 呢？与理论页的上界 $\sqrt{H/(H+1)}$ 比较。
#
# <details><summary>答案 3</summary>
#
# 我们试的那一次，同样走 300 步：宽 12，1、2、3、5、8 层各读 0.50、0.57、0.60、0.63、0.68；上界是一层 0.5，其余依次为 0.82、0.87、0.91、0.94。一层、宽 200 读 0.49：加宽没有用。（训练得更久、起点更好，会不会更接近上界，由此看不出来；上界也没有说是紧的。）
#
# </details>
#
# 4. **转置卷积。** 理论页最后一条注记里的数组：四个输入通道，一个输出通道，每对通道 $2\times2$ 个权重，步幅 2，每个通道画一个像素。用 `power` 量它的范数，再与两种展平方式比较。
#
# <details><summary>答案 4</summary>
#
# ```python
# paint = torch.eye(4, dtype=torch.float64).view(4, 1, 2, 2)
#
#
# def times(y):
#     return F.conv_transpose2d(y, paint, stride=2)
#
#
# def back(x):
#     return F.conv2d(x, paint, stride=2)
#
#
# x = torch.randn(1, 1, 8, 8, dtype=torch.float64)
# print(next(power(times, back, x))[0])
# print(flattened(paint.transpose(0, 1)), flattened(paint))
# ```
#
# 输出 1、2、1。这一层保持一切长度；PyTorch 认为一行对应一个*输出*通道，于是除以 2。
#
# </details>
#
# 5. **动量。** 理论页表中的设置 C 是 $\beta_1=0.5$，$\beta_2=0.999$，学习率是我们的五分之一。学习率不变，用 `SHARED | {"beta1": 0.5, "beta2": 0.999}` 让 SNGAN 走 150 步。
#
# <details><summary>答案 5</summary>
#
# 我们试的那一次，150 步之后 FID 是 194，而 $\beta_1=0$ 已到 70；学习率减半，100 步之后是 175，200 步之后是 121；取五分之一，200 步之后是 144。学习率这么大，一步就把评论器转过很大的角度（上面的范数说明了这一点），动量又重复昨天的方向。（论文的设置 D 与 E 正是我们的学习率配 $\beta_1=0.5$，不过生成器每走一步，评论器走五步；这个我们没有试。）WGAN-GP 也没有这样试过，它的作者取的是 $\beta_1=0$。
#
# </details>
#
# ## 有 GPU 时
#
# 在第一个单元格里加上 `profile="gpu"`：两个 GAN 在 20,000 张人像上各训练 10,000 步，其余照旧。各单元格里关于它们训练的断言是在 `cpu` 配置下试出来的，也只在那里检验。
#
# 回到[理论页](../../book/zh/08-sngan.md)，做做那里的习题。
