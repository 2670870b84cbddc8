# %% [markdown] lang="en"
# # Lab 13 · Pictures from a mixing desk
#
# A style-based generator paints every picture on the same canvas, a learned constant. What makes it this face and no other are loudness settings, two numbers for each channel of each layer, all read from one vector $w$. That sounds too little to paint with. Here you measure how far it goes.
#
# In this lab you will
# * build AdaIN by hand, and see a style erased without a trace, and yet be heard;
# * watch the canvas being switched on by a single step of Adam;
# * take a corner out of the data, first on the plane and then among faces, and measure what it does to a generator;
# * find one vector out of eight that decides the mean colour alone, to the last digit;
# * **measure** which layers carry which of thirteen attributes, and check the measurement against two controls;
# * switch the noise, turn $\psi$, and compare the lengths of paths in $\mathcal Z$ and $\mathcal W$;
# * train two small ones from scratch, and mix two faces yourself, layer by layer.
#
# The formulas are those of [the theory page](../../book/en/13-stylegan.md). Where it says **Predict**, answer before you run the cell. Nothing is downloaded; on two idle cores the lab takes about three minutes, a third of them for training from scratch.
# %% [markdown] lang="zh" matches="000000000000"
# # 实验 13 · 调音台上画出来的图像
#
# 基于风格的生成器，每幅图都画在同一块画布上，那是一个学来的常数。使它成为这张脸而不是那张的，只是各层各通道的响度，每个通道两个数，全都读自同一个向量 $w$。听上去，这点东西哪里够作画？够到什么程度，这里亲手量一量。
#
# 在这个实验里，你将
# * 亲手写出 AdaIN，看一种风格怎样被抹得不留痕迹，却照样听得见；
# * 看 Adam 只走一步，画布就亮了；
# * 从数据里挖掉一个角，先在平面上，再在人像里，量一量生成器因此怎样了；
# * 找出八个向量里的一个，平均颜色由它独自决定，一位数字都不差；
# * **度量** 13 种属性各归哪些层管，并用两个对照来检验这个度量；
# * 开关噪声，转动 $\psi$，比较 $\mathcal Z$ 与 $\mathcal W$ 里路径的长度；
# * 从头训练两个小的，再亲手把两张脸一层一层地混合。
#
# 公式都在[理论页](../../book/zh/13-stylegan.md)上。凡有**先猜**之处，请先回答再运行。不需要下载任何东西；在两个空闲的核上，整个实验约三分钟，三分之一用在从头训练上。
# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab("13-stylegan", lang="@LANG@", data="avatars")
# %% [markdown] lang="en"
# ## 1 · Two knobs a channel
#
# The whole meeting of style and picture, as it runs:
# %% [markdown] lang="zh"
# ## 1 · 每个通道两个旋钮
#
# 风格与图像只在一处相遇，全部代码如下，训练时运行的就是它：
# %%
from ganlib.models.stylegan import AdaIN, StyledLayer

lab.show(AdaIN.forward, StyledLayer.forward)
# %% [markdown] lang="en"
# The same in four lines of our own, on two pictures of four channels. Each row below is a channel of the first picture: what the style asks for, an offset $y_b$ and a scale $y_s$, and what comes out, mean and standard deviation.
#
# **Predict.** The features have mean 3 and deviation 5. What are mean and deviation after AdaIN?
# %% [markdown] lang="zh"
# 再用自己的四行代码写一遍，两幅图像，各四个通道。下面每行是第一幅图像的一个通道：风格要的，平移量 $y_b$ 与缩放 $y_s$；出来的，均值与标准差。
#
# **先猜。** 特征的均值是 3，标准差是 5。经过 AdaIN 之后，均值与标准差各是多少？
# %% tags=["strict"]
import torch

torch.manual_seed(0)
style_of = AdaIN(4, 8).double().requires_grad_(False)
x = 3 + 5 * torch.randn(2, 4, 6, 6, dtype=torch.float64)
w = torch.randn(2, 8, dtype=torch.float64)


def adain(x, scale, shift, epsilon=1e-8):
    mean = x.mean((2, 3), keepdim=True)
    var = (x - mean).square().mean((2, 3), keepdim=True)
    normal = (x - mean) / (var + epsilon).sqrt()
    return scale[:, :, None, None] * normal + shift[:, :, None, None]


def statistics(x):
    return x.mean((2, 3)), x.std((2, 3), correction=0)


scale, shift = style_of.style(w).chunk(2, dim=1)
scale = 1 + scale
mean, std = statistics(adain(x, scale, shift))
print(lab.t("adain head"))
for row in zip(shift[0], mean[0], scale[0], std[0], strict=True):
    print("".join(f"{number:9.4f}" for number in row))
assert torch.allclose(adain(x, scale, shift), style_of(x, w))
assert torch.allclose(mean, shift, atol=1e-6)
assert torch.allclose(std, scale.abs(), atol=1e-6)

# en: Statistics over the batch, as in batch normalisation, obey nobody.
# zh: 若像批量归一化那样对整批取统计量，就谁的话也不听了。
centred = x - x.mean((0, 2, 3), keepdim=True)
over_batch = centred / x.std((0, 2, 3), correction=0, keepdim=True)
wrong = (
    scale[:, :, None, None] * over_batch + shift[:, :, None, None]
).mean((2, 3))
assert (wrong - shift).abs().max() > 0.05
# %% [markdown] lang="en"
# Whatever came in, out comes what the style says. So what is left of a style when the *next* AdaIN has spoken? Each row does something to the first style or to the input, and prints how far the output of the second AdaIN moves (root mean square, where its channels have deviations around 1).
#
# **Predict** for each row: nothing, or something?
# 1. the input times 1000, plus 7;
# 2. another first style, and the second AdaIN right behind it;
# 3. another first style, and a $3\times3$ convolution with LeakyReLU between the two, as in the network;
# 4. as 3, but the first style is only made three times as large;
# 5. as 4, but one of its four channels only.
# %% [markdown] lang="zh"
# 不管进来的是什么，出去的总是风格所要的。那么，*下一个* AdaIN 说过话之后，前一种风格还剩下什么？下面每行对第一种风格或输入动一个手脚，打印第二个 AdaIN 的输出挪动了多少（均方根；它的各通道标准差在 1 左右）。
#
# 每一行都**先猜**：毫无影响，还是有影响？
# 1. 输入乘 1000 再加 7；
# 2. 换第一种风格，第二个 AdaIN 紧跟其后；
# 3. 换第一种风格，两个 AdaIN 之间隔着 $3\times3$ 卷积与 LeakyReLU，与网络里一样；
# 4. 同第 3 行，但第一种风格只是放大到三倍；
# 5. 同第 4 行，但只放大四个通道里的一个。
# %% tags=["strict"]
from torch.nn.functional import conv2d, leaky_relu

kernel = torch.randn(4, 4, 3, 3, dtype=torch.float64) / 6
first = scale.abs(), shift
other = 0.5 + torch.rand(2, 4, dtype=torch.float64), shift.roll(1, 1)
second = style_of.style(w.roll(1, 1)).chunk(2, dim=1)
second = 1 + second[0].abs(), second[1]
louder = tuple(3 * part for part in first)
one_louder = tuple(part * torch.tensor([3.0, 1, 1, 1]) for part in first)


def behind(style, x=x):
    return adain(adain(x, *style), *second)


def through(style):
    between = leaky_relu(conv2d(adain(x, *style), kernel, padding=1), 0.2)
    return adain(between, *second)


def moved(one, two):
    return (one - two).square().mean().sqrt().item()


rows = {
    "input scaled": moved(behind(first, 1000 * x + 7), behind(first)),
    "another, right behind": moved(behind(other), behind(first)),
    "another, convolution": moved(through(other), through(first)),
    "all louder": moved(through(louder), through(first)),
    "one louder": moved(through(one_louder), through(first)),
}
for key, distance in rows.items():
    print(f"{distance:8.4f}  {lab.t(key)}")
heard = [distance > 0.05 for distance in rows.values()]
assert heard == [False, False, True, False, True]
assert max(d for d, h in zip(rows.values(), heard, strict=True) if not h) < 1e-6
# en: And all the same the statistics are those of the second style.
# zh: 尽管如此，统计量仍是第二种风格的。
for style in (first, other, one_louder):
    mean, std = statistics(through(style))
    assert torch.allclose(mean, second[1], atol=1e-6)
    assert torch.allclose(std, second[0].abs(), atol=1e-6)
# %% [markdown] lang="en"
# Right behind it, nothing is left of the first style, to the last digit. With a convolution in between it is heard clearly, though mean and deviation of every channel are those of the second style in all rows. What gets through is the *proportion* of the channels (row 5 against row 4) and the thresholds at which the LeakyReLU bends. "A style acts on one layer only" is true of statistics and false of pictures.
#
# ### How the canvas is switched on
#
# The constant begins as ones, all pixels alike. AdaIN subtracts the mean: there is nothing on it. Then one single step of Adam with the rate 0.001, for a loss that wants some random picture.
#
# **Predict.** How much contrast has the canvas after this step, if 1 is the full contrast that the style asks for? And with a rate of $10^{-4}$? $10^{-5}$?
# %% [markdown] lang="zh"
# 紧跟其后时，第一种风格一点不剩，一位数字都不差。隔着卷积，它就清晰可闻了，尽管每一行里每个通道的均值与标准差都是第二种风格的。传过去的是各通道的*比例*（拿第 5 行与第 4 行比），还有 LeakyReLU 转折的阈值。“一种风格只管一层”，对统计量成立，对图像不成立。
#
# ### 画布怎样点亮
#
# 常数起初全是 1，处处相同。AdaIN 减去均值，画布上便空无一物。然后 Adam 以学习率 0.001 只走一步，损失想要的是某一幅随机的图。
#
# **先猜。** 若风格要的满幅对比度是 1，这一步之后，画布的对比度是多少？学习率换成 $10^{-4}$ 呢？$10^{-5}$ 呢？
# %% tags=["strict"]
from torch import nn

wanted = torch.randn(1, 1, 4, 4, dtype=torch.float64)
one = torch.ones(1, 1, dtype=torch.float64)
zero = torch.zeros(1, 1, dtype=torch.float64)
contrast = {}
print(lab.t("canvas head"))
for rate in (1e-2, 1e-3, 1e-4, 1e-5):
    canvas = nn.Parameter(torch.ones(1, 1, 4, 4, dtype=torch.float64))
    adam = torch.optim.Adam([canvas], rate, (0.0, 0.99))
    before = adain(canvas, one, zero)
    loss = (before - wanted).square().mean()
    loss.backward()
    steepness = canvas.grad.norm().item()
    adam.step()
    after = adain(canvas.detach(), one, zero).std(correction=0).item()
    # en: By the page, if every pixel has moved by the rate.
    # zh: 照理论页，若每个像素恰好挪动一个学习率。
    moves = canvas.detach().std(correction=0)
    theory = (moves / (moves.square() + 1e-8).sqrt()).item()
    contrast[rate] = after
    print(f"{rate:8.0e}{steepness:10.0f}{after:9.3f}{theory:9.3f}")
    assert before.std() == 0 and abs(after - theory) < 1e-6
assert contrast[1e-3] > 0.98 and contrast[1e-5] < 0.15
# en: In half precision 1e-8 is 0, and the start is 0/0.
# zh: 半精度里 1e-8 就是 0，这样的开局是 0/0。
assert adain(canvas.detach().half() * 0 + 1, one, zero).isnan().all()
# %% [markdown] lang="en"
# CHECK
# The gradient of the canvas is ten thousand times that of other numbers, since AdaIN divides by $\sqrt\varepsilon=10^{-4}$. Adam does not mind: it takes a step of one rate, and at 0.001 that is ten times the threshold. The canvas is not grown, it is switched on. Below the threshold the same step would be a whisper. (In half precision $\varepsilon$ is rounded to zero, and the start is $0/0$; the last line asserts it. `ganlib` computes these statistics in float32.)
#
# ## 2 · A corner is missing, on the plane
#
# Now to where $w$ comes from. Hair length is $a$, glasses are $b$, both from 0 to 1, and nobody has both above $s$: the uniform law on a square without its upper right quarter. Two independent uniform numbers $u_1,u_2$ are to make it. The page has two exact maps, Rosenblatt's, which tears, and a bent one.
#
# Call a portrait long-haired if $a>s$ and bespectacled if $b>s$. Below are what $u_1$ leaves open about the hair, what $u_2$ leaves open about the glasses, their sum, and the mutual information $I$ of the two attributes, in nats: by the theorem the sum cannot be less than $I$. The last two columns are path lengths over twice the variance, with steps $\varepsilon$ of $0.1$ and $0.01$ of the path; 1 is the least possible.
#
# **Predict.** Rosenblatt's map gives the hair to $u_1$ alone. What does it pay for that? And what do the last two columns say of a map that tears? The third row reads $w=(a,b)$ itself, whose law is *not* a product.
# %% [markdown] lang="zh"
# CHECK
# 画布的梯度是别的参数的一万倍，因为 AdaIN 要除以 $\sqrt\varepsilon=10^{-4}$。Adam 并不在乎：它只走一个学习率那么远，而 0.001 已是阈值的十倍。画布不是慢慢长出来的，是一下子点亮的。若在阈值以下，同样一步就轻得听不见。（半精度里 $\varepsilon$ 舍入成零，开局就是 $0/0$，最后一行断言了这一点。`ganlib` 用 float32 算这些统计量。）
#
# ## 2 · 平面上缺一个角
#
# 再来看 $w$ 从哪里来。头发长度是 $a$，眼镜是 $b$，都从 0 到 1，没有人两样都超过 $s$：也就是右上角缺了一块的正方形上的均匀分布。要用两个独立的均匀随机数 $u_1,u_2$ 把它造出来。理论页有两个精确的映射：Rosenblatt 变换，有撕裂；还有一个弯的。
#
# 若 $a>s$，就算长发；若 $b>s$，就算戴眼镜。下面依次是：关于头发 $u_1$ 没有定下的，关于眼镜 $u_2$ 没有定下的，两者之和，以及两种属性的互信息 $I$，单位都是奈特；照定理，这个和不可能小于 $I$。最后两列是路径长度除以两倍方差，步长 $\varepsilon$ 取路径的 $0.1$ 与 $0.01$；最小可能是 1。
#
# **先猜。** Rosenblatt 变换把头发交给 $u_1$ 独管，代价是什么？有撕裂的映射，最后两列会怎样？第三行直接读 $w=(a,b)$，它的分布*不是*乘积。
# %% tags=["strict"]
import math

from ganlib.metrics.path_length import path_length


def rosenblatt(u, s):
    area = s * (2 - s)
    a = area * u[:, 0]
    inside = a <= s
    a = torch.where(inside, a, s + (a - s) / s)
    return torch.stack([a, torch.where(inside, u[:, 1], s * u[:, 1])], 1)


def bent(u, s):
    v = 1 - (1 - s * (2 - s) * u[:, 0]).sqrt()
    along, down = 2 * (1 - v) * u[:, 1], u[:, 1] <= 0.5
    a = torch.where(down, v, 2 * v - 1 + along)
    return torch.stack([a, torch.where(down, 1 - along, v)], 1)


def h(p):
    p = p.clamp(1e-300, 1)
    return -(p * p.log() + (1 - p) * (1 - p).clamp(1e-300).log())


def information(both, one, two):
    # en: I of two events, from their chances and that of both.
    # zh: 两个事件的互信息，由各自与同时发生的概率算出。
    table = torch.tensor(
        [both, one - both, two - both, 1 - one - two + both],
        dtype=torch.float64,
    ).clamp(min=0)
    marginals = torch.tensor([one, two], dtype=torch.float64)
    return (h(marginals).sum() - torch.special.entr(table).sum()).item()


side = (torch.arange(600, dtype=torch.float64) + 0.5) / 600
u = torch.cartesian_prod(side, side)
rulers = {
    "rosenblatt": rosenblatt,
    "bent": bent,
    "w itself": lambda w, s: w,
}
open_to = {}
print(lab.t("corner head"))
for s in (0.55, 0.25):
    p = (1 - s) / (2 - s)
    bound = information(0, p, p)
    square = lambda n: torch.rand(n, 2, dtype=torch.float64)
    for name, make in rulers.items():
        law = square if name != "w itself" else lambda n: bent(square(n), s)
        points = make(u, s) if name != "w itself" else bent(u, s)
        assert points.min(1).values.max() <= s + 1e-9
        long, glasses = ((points > s).double().view(600, 600, 2)).unbind(2)
        left = [h(long.mean(1)).mean(), h(glasses.mean(0)).mean()]
        if name == "w itself":
            # en: a is read from w₁ = a and b from w₂ = b.
            # zh: 由 w₁ = a 读出 a，由 w₂ = b 读出 b。
            left = [torch.zeros(()), torch.zeros(())]
        least = 2 * points.var(0).sum().item()
        ganlib.seed(0)
        ratios = [
            path_length(
                lambda z, make=make: make(z, s),
                n=20_000,
                latent=law,
                interpolation="lerp",
                epsilon=epsilon,
                trim=0,
            ).value
            / least
            for epsilon in (0.1, 0.01)
        ]
        open_to[s, name] = sum(left).item(), ratios
        numbers = [s, *left, sum(left), bound]
        print("".join(f"{number:7.3f}" for number in numbers), end="")
        print("".join(f"{r:8.2f}" for r in ratios), f"  {lab.t(name)}")
        assert (sum(left) >= bound - 1e-3) == (name != "w itself")
    (torn, torn_more), (whole, still), (straight, _) = (
        open_to[s, name][1] for name in rulers
    )
    assert torn_more > 4 * torn and abs(still / whole - 1) < 0.1
    assert 1.3 < still < 2 and abs(straight - 1) < 0.02
# %% [markdown] lang="en"
# CHECK
# Every map from independent numbers leaves more open than $I$. Rosenblatt's leaves nothing open about the hair and pays with the glasses, and with a tear: its path length grows tenfold when the step is made ten times smaller. The bent map does not tear, pays in both attributes, and its paths are half as long again as they need be. $w=(a,b)$ pays nothing at all: the bound is about *independent* coordinates, and that is the point of learning the law of $w$.
#
# These are maps from a page. What does a generator find that has to learn? A perceptron with a fixed Gaussian $z$ of two numbers, on the corner with $s=\tfrac14$ and, for comparison, on the full square, where no attribute depends on the other and nothing needs to bend. The figure shows where the lines of constant $z_1$ (blue) and of constant $z_2$ (orange) come to lie.
#
# **Predict.** On which of the two are the lines straight?
# %% [markdown] lang="zh"
# CHECK
# 凡是从独立的随机数出发的映射，没有定下的都多于 $I$。Rosenblatt 变换把头发定得清清楚楚，代价落在眼镜上，还落在撕裂上：步长缩小到十分之一，路径长度就涨到十倍。弯的映射不撕裂，两种属性都要付出，路径也比必要的长一半。$w=(a,b)$ 什么都不用付：下界说的是*独立*的坐标，而学习 $w$ 的分布，图的正是这一点。
#
# 这些映射是纸上写好的。要靠学习的生成器，找到的是什么？一个多层感知机，$z$ 是两个数的固定高斯分布，数据取 $s=\tfrac14$ 的缺角正方形；作为对照，再取完整的正方形，那里两种属性互不相干，什么都不必弯。图中画出 $z_1$ 为常数的线（蓝）与 $z_2$ 为常数的线（橙）落在哪里。
#
# **先猜。** 哪一个里的线是直的？
# %%
# alt-en: Two square panels with dots and two families of lines. Left, the full square: both families are bent and run across it slantwise. Right, the square without its upper right part, hatched: the lines bend round the corner, and few dots lie in it.
# alt-zh: 两幅正方形的图，画着点与两族线。左图是完整的正方形，两族线都弯曲，斜着穿过。右图的正方形缺了画着斜线的右上部分，线绕着缺角弯过去，落在角里的点很少。
from ganlib import viz
from ganlib.data.batch import Batch
from ganlib.gans.r1gan import R1GAN
from ganlib.models.mlp import MLPDiscriminator, MLPGenerator

blue, orange, green, violet, ochre, grey = viz.COLORS


class Corner:
    name, shape, device = "corner", (2,), lab.device

    def __init__(self, s):
        self.s = s

    def to(self, device):
        return self

    def sample(self, n):
        u = torch.rand(n, 2)
        return bent(u, self.s) if self.s < 1 else u

    def batch(self, n):
        return Batch((4 * self.sample(n) - 2).to(self.device))


def plane_game(s, steps):
    ganlib.seed(lab.seed)
    made = MLPGenerator((2,), 2, (64, 64), batch_norm=False, bounded=False)
    game = R1GAN(
        made,
        MLPDiscriminator((2,), (64, 64)),
        2,
        penalty_weight=0.1,
        lr=2e-3,
    )
    return ganlib.Trainer(
        game,
        Corner(s),
        256,
        device=lab.device,
        ema_half_life=20_000,
        progress=lab.progress,
    ).fit(steps)


def attributes_on_plane(run, z):
    # en: Back from the game's scale to 0 … 1.
    # zh: 从博弈所用的尺度换回 0 … 1。
    return (run.sample(z=z.to(lab.device)).cpu() + 2) / 4


S = 0.25
steps = lab.pick(smoke=5, cpu=1000, gpu=4000)
plane = {s: plane_game(s, steps) for s in (1.0, S)}
ticks = torch.linspace(-2, 2, 9)
fine = torch.linspace(-2.2, 2.2, 120)
fig, axes = viz.panels(2, width=3.6, height=3.7)
for ax, (s, run) in zip(axes, plane.items(), strict=True):
    ganlib.seed(1)
    ax.plot(*attributes_on_plane(run, torch.randn(1500, 2)).T, ".", ms=2, color=grey)
    for color, axis in ((blue, 0), (orange, 1)):
        for tick in ticks:
            line = torch.stack([fine, fine], 1)
            line[:, axis] = tick
            ax.plot(*attributes_on_plane(run, line).T, color=color, lw=1)
    if s < 1:
        ax.fill_between(
            [s, 1], s, 1, facecolor="none", edgecolor=grey, hatch="//", lw=0
        )
    ax.set(xlim=(-0.1, 1.1), ylim=(-0.1, 1.1), aspect="equal")
    ax.set_xlabel(lab.t("hair_length"))
    ax.set_ylabel(lab.t("glasses"))
    ax.set_title(lab.t("full square" if s == 1 else "without the corner"))
fig
# %% [markdown] lang="en"
# Perhaps the axes are only turned: $\mathcal N(0,I)$ looks the same from all sides, and no loss can see a rotation. So we try all pairs of orthogonal directions, in steps of three degrees, and keep the pair that leaves least open. (Attributes are those of the cut at $s=\tfrac14$ in both.)
# %% [markdown] lang="zh"
# 也许只是坐标轴转了：$\mathcal N(0,I)$ 从哪个方向看都一样，而旋转是任何损失都看不见的。所以把各对正交方向都试一遍，每次转三度，留下没有定的最少的那一对。（两者的属性都以 $s=\tfrac14$ 为界。）
# %%
def least_open(run, s, bins=60, n=lab.pick(smoke=4000, cpu=60_000, gpu=200_000)):
    ganlib.seed(2)
    z = torch.randn(n, 2)
    long, glasses = (attributes_on_plane(run, z) > s).double().T
    found = []
    for degrees in range(0, 180, 3):
        turn = math.radians(degrees)
        ends = torch.tensor(
            [[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]
        )
        total = 0.0
        for value, place in ((long, z @ ends[0]), (glasses, z @ ends[1])):
            at = place.argsort().argsort() * bins // n
            ones = torch.zeros(bins, dtype=torch.float64)
            ones.index_add_(0, at, value)
            total += h(ones / (n / bins)).mean().item()
        found.append((total, degrees))
    both = (long * glasses).mean().item()
    bound = information(both, long.mean().item(), glasses.mean().item())
    return *min(found), bound, both


print(lab.t("plane head"))
learned = {}
for s, run in plane.items():
    total, degrees, bound, both = least_open(run, S)
    game = path_length(
        lambda z, run=run: attributes_on_plane(run, z),
        n=lab.pick(smoke=500, cpu=5000, gpu=20_000),
        latent=lambda n: torch.randn(n, 2),
        interpolation="lerp",
        trim=0,
        epsilon=1e-3,
    )
    ganlib.seed(3)
    points = attributes_on_plane(run, torch.randn(4000, 2))
    ratio = game.value / (2 * points.var(0).sum().item())
    learned[s] = total, bound, both, ratio
    name = lab.t("full square" if s == 1 else "without the corner")
    print(
        f"{both:8.1%}{bound:8.3f}{total:8.3f}{degrees:7}°{ratio:8.2f}   {name}"
    )
    # en: The bound holds for every law, that of a poor model as well.
    # zh: 下界对任何分布都成立，模型再差也不例外。
    assert total > bound - 0.02 and ratio > 0.95
if lab.profile == "cpu":
    assert learned[S][2] < 0.1 < learned[1.0][2]
    assert learned[S][0] > learned[S][1] + 0.02
# %% [markdown] lang="en"
# CHECK
# Columns: share of samples in the corner (long hair *and* glasses), $I$ of the attributes of the samples, what the best pair of directions leaves open, that pair, and the path length over twice the variance.
#
# The theorem is a lower bound and no more: on the corner the sum *must* be above $I$; on the full square it could be 0, and training does not make it so. Nothing in the loss asks for straight lines, and nobody draws them out of kindness. What is different is the corner: there no amount of training can straighten them.
# %% [markdown] lang="zh"
# CHECK
# 各列依次是：落在角里的样本（长发*又*戴眼镜）的比例，样本属性的 $I$，最好的一对方向没有定下的，这对方向，以及路径长度除以两倍方差。
#
# 定理只是一个下界，别无他意：缺了角，这个和*必定*高于 $I$；在完整的正方形上它可以是 0，训练却没有做到。损失里没有哪一项要求直线，谁也不会平白无故画直。不同的是那个缺角：在那里，训练多久都不可能变直。
# %% [markdown] lang="en"
# ## 3 · The painter
#
# Now faces of $32\times32$ pixels, from a generator with eight layers, two for each of the sides 4, 8, 16 and 32. It comes from the zoo: trained beforehand, with the settings of the recipe `stylegan-avatars`, and loaded in a second.
# %% [markdown] lang="zh"
# ## 3 · 画师
#
# 现在来看 $32\times32$ 像素的人像，生成器有八层，边长 4、8、16、32 各两层。它来自模型库：按配方 `stylegan-avatars` 的设置事先训练好，一秒钟就载入。
# %%
# alt-en: Three rows of sixteen drawn faces of 32 pixels with different hair, skin, shirts and backgrounds.
# alt-zh: 三行人像，每行十六幅，32 像素，头发、肤色、上衣与背景各不相同。
PAINTER, CORNER = "stylegan-avatars", "stylegan-corner"


def zoo(name):
    return ganlib.zoo.game(name).to(lab.device)


painter = zoo(PAINTER)
LAYERS = painter.generator.n_layers
ganlib.seed(lab.seed)
viz.grid(painter.sample(48), columns=16)
# %% [markdown] lang="en"
# The page proves something about the last of these eight styles that needs no training and no luck. We swap the style of one layer at a time for that of another face, and measure by how much the mean colour of the picture moves, and how much the picture as a whole does, both in grey levels. (Pictures are taken as the network makes them; `gan.sample` cuts them to $[-1,1]$.)
#
# **Predict.** Which layers move the mean colour? Then: mean colours of many faces, regressed linearly on $w$. How large is $R^2$? And for the colour of one pixel in the middle of the face?
# %% [markdown] lang="zh"
# 关于这八个风格里的最后一个，理论页证明了一件事，不靠训练，也不靠运气。每次把一层的风格换成另一张脸的，量一量图像的平均颜色挪动了多少，整幅图像又挪动了多少，单位都是灰度级。（图像取网络直接给出的；`gan.sample` 会把它截到 $[-1,1]$ 之内。）
#
# **先猜。** 哪几层会移动平均颜色？再猜：拿许多张脸的平均颜色对 $w$ 作线性回归，$R^2$ 有多大？换成脸中央一个像素的颜色呢？
# %% tags=["strict"]
@torch.no_grad()
def raw(styles, noise="fixed"):
    # en: As the network makes them, in grey levels, without a cut.
    # zh: 网络直接给出的图像，换算成灰度级，不截断。
    styles = painter.generator.for_layers(styles)
    made = [
        painter.generator.synthesis(part, painter.last, noise=noise)
        for part in styles.split(100)
    ]
    return 127.5 * torch.cat(made).cpu()


@torch.no_grad()
def styles(n, seed):
    z = torch.randn(
        n, painter.latent_dim, generator=torch.Generator().manual_seed(seed)
    )
    return painter.generator.mapping(z.to(lab.device))


def r_squared(x, y):
    x = torch.cat([x, torch.ones(len(x), 1)], 1).double().cpu()
    y = (y - y.mean(0)).double()
    rest = y - x @ torch.linalg.lstsq(x, y, driver="gelsd").solution
    return 1 - (rest.square().sum() / y.square().sum()).item()


one, two = styles(50, 1), styles(50, 2)
base = raw(one)
print(lab.t("colour head"))
for layer in range(LAYERS):
    swapped = painter.generator.for_layers(one).clone()
    swapped[:, layer] = two
    change = raw(swapped) - base
    colour = change.mean((2, 3)).norm(dim=1).mean().item()
    whole = change.square().mean().sqrt().item()
    print(f"{layer + 1:6}{4 * 2 ** (layer // 2):6}{colour:9.2f}{whole:9.1f}")
    assert (colour < 1e-3) == (layer < LAYERS - 1) and whole > 0.1
w = styles(600, 3)
many = raw(w)
fit = {
    "mean colour": r_squared(w, many.mean((2, 3))),
    "one pixel": r_squared(w, many[:, :, 16, 16]),
    "mean colour, cut": r_squared(
        w, many.clamp(-127.5, 127.5).mean((2, 3))
    ),
}
for key, value in fit.items():
    print(f"{value:9.6f}  {lab.t(key)}")
assert 1 - fit["mean colour"] < 1e-6 < 1 - fit["one pixel"]
# %% [markdown] lang="en"
# CHECK
# Seven of eight styles have no say in the mean colour whatsoever, though each of them changes the picture by many grey levels. The eighth decides it alone, by an affine function that is the same for all faces: $R^2=1$ to six digits. Nothing of this was learned. If a paper shows you that fine layers carry the colours, remember that to this extent they cannot help it. A single pixel does not obey the law, and cutting colours to $[-1,1]$ blurs it.
#
# ## 4 · A corner is missing, among faces
#
# Another painter of the zoo, `stylegan-corner`, has learned from portraits among which no one has long hair *and* glasses. A network that has read many portraits (and of which the painter knows nothing) says who has which. Like every reader it errs, so it reads real portraits first, with the corner and without it.
#
# Then the painter's own: unmixed portraits, with one $w$ for all layers; and the mixed ones that the discriminator saw in training, nine of ten with two vectors and a crossover in between. If hair and glasses are made on different sides of the crossover, a mixed face has the hair of one portrait and the glasses of another, and knows nothing of what is forbidden.
#
# **Predict.** How many of the long-haired wear glasses, unmixed and mixed?
# %% [markdown] lang="zh"
# CHECK
# 八个风格里有七个，对平均颜色毫无发言权，尽管每一个都让图像变了许多灰度级。第八个独自决定它，用的是一个仿射函数，对所有的脸都一样：$R^2=1$，六位数字不差。这里没有什么是学来的。要是哪篇论文给你看细的层管颜色，请记住，就这一点而言，它们想不管也不行。单个像素不守这条规律；把颜色截到 $[-1,1]$，规律就模糊了。
#
# ## 4 · 人像里缺一个角
#
# 模型库里另有一位画师 `stylegan-corner`，他学的人像里没有一个人既是长发*又*戴眼镜。谁有哪一样，由一个读过许多人像的网络来说（画师对它一无所知）。凡是读者都会读错，所以先让它读真实的人像，一组有那个角，一组没有。
#
# 然后读画师自己的：不混合的人像，各层共用一个 $w$；还有判别器训练时看到的混合人像，十幅里有九幅用两个向量，中间有个交叉点。倘若头发与眼镜分别在交叉点的两侧画出，混合的脸就有一幅人像的头发和另一幅的眼镜，哪里知道什么是禁止的。
#
# **先猜。** 长发的人里有多少戴眼镜？不混合的呢？混合的呢？
# %%
from ganlib.metrics import features
from ganlib.models.stylegan import crossed

MISSING = [("hair_length", "long"), ("glasses", True)]


def read(images):
    found = features.extract(features.to_bytes(images.cpu()), "avatars")
    return features.attributes(found)


def paint(gan, w, noise="fresh", psi=1.0):
    return torch.cat(
        [gan.sample(w=part, psi=psi, noise=noise) for part in w.split(250)]
    ).cpu()


def bespectacled(seen):
    # en: Glasses among the long-haired: share, error, and among all.
    # zh: 长发之中戴眼镜的：比例、误差，以及在所有人之中的比例。
    long = seen["hair_length"] == 2
    glasses = (seen["glasses"] == 1).double()
    n = max(1, long.sum().item())
    share = glasses[long].sum().item() / n
    return share, math.sqrt(share * (1 - share) / n), glasses.mean().item()


n = lab.pick(smoke=60, cpu=1000, gpu=5000)
rows = {
    "real faces": read(
        ganlib.load("avatars", size=32, n=n, split="test").normalised()
    ),
    "real, no corner": read(
        ganlib.load(
            "avatars", size=32, n=n, split="test", without=MISSING
        ).normalised()
    ),
}
cornered = zoo(CORNER)
with torch.no_grad():
    ganlib.seed(4)
    w, other = (
        cornered.generator.for_layers(
            cornered.generator.mapping(cornered.latent(n).to(lab.device))
        )
        for _ in range(2)
    )
rows["unmixed"] = read(paint(cornered, w))
rows["mixed"] = read(paint(cornered, crossed(w, other, LAYERS, 0.9)))
print(lab.t("glasses head"))
among = {}
for name, seen in rows.items():
    among[name] = bespectacled(seen)
    share, error, overall = among[name]
    print(f"{share:8.1%} ± {error:4.1%}{overall:8.1%}   {lab.t(name)}")
if lab.profile == "cpu":
    assert among["real faces"][0] > 0.25 > 0.05 > among["real, no corner"][0]
    assert among["unmixed"][0] < among["mixed"][0]
# %% [markdown] lang="en"
# CHECK
# Which crossovers are to blame? The same with the crossover at each place in turn. The dashed line is what pure chance would give, the share of glasses among all.
# %% [markdown] lang="zh"
# CHECK
# 该怪哪些交叉点？把交叉点依次放在每一处再量。虚线是全凭运气会得到的，即戴眼镜的人在所有人之中的比例。
# %%
# alt-en: A curve with error bars over the crossover from 1 to 7: the share of glasses among the long-haired rises from near zero to the dashed line of chance, and falls again.
# alt-zh: 一条带误差线的曲线，横轴是交叉点，从 1 到 7：长发之中戴眼镜的比例从接近零升到表示运气的虚线，然后回落。
curve = []
for crossover in range(1, LAYERS):
    mixed = w.clone()
    mixed[:, crossover:] = other[:, crossover:]
    curve.append(bespectacled(read(paint(cornered, mixed))))
shares, errors, _ = zip(*curve, strict=True)
fig, (ax,) = viz.panels(1, width=5.4, height=2.9)
ax.errorbar(range(1, LAYERS), shares, errors, fmt="o-", capsize=3)
ax.axhline(among["unmixed"][2], color=viz.INK, lw=0.9, ls=(0, (4, 3)))
ax.axhline(among["unmixed"][0], color=viz.INK, lw=0.9, ls=":")
ax.set(ylim=(0, None), xlabel=lab.t("crossover"))
ax.set_ylabel(lab.t("glasses among long-haired"))
# en: Training draws all crossovers alike: 1 − m unmixed, m of the mean.
# zh: 训练时各交叉点机会均等：1 − m 不混合，m 取各处的平均。
predicted = 0.1 * among["unmixed"][0] + 0.9 * sum(shares) / len(shares)
if lab.profile == "cpu":
    error = math.hypot(among["mixed"][1], among["unmixed"][1])
    assert abs(predicted - among["mixed"][0]) < 4 * error
fig
# %% [markdown] lang="en"
# CHECK
# The curve says where hair and glasses are made: as long as the crossover lies before both or behind both, the portrait is as good as unmixed; in between, the combination that never occurs in the data occurs as often as by chance. Training wants mixed faces to pass for real ones, and here they cannot. The theorem on the page says so for any network: with a missing combination and layers apart, no law will do. The generator has two ways out, both attributes in one layer, or fewer long-haired and fewer wearers of glasses at all.
#
# One painter is one run. What mixing does over several seeds, `benchmarks/styles.py` measures: data with and without the corner, training with and without mixing.
#
# CHECK: here the table `styles corner` as soon as it has been measured.
#
# ## 5 · Which layer carries what?
#
# StyleGAN's most famous picture: faces of the left column, of which each row takes *some* layers from the face above. Coarse: sides 4 and 8, layers 1 to 4. Middle: 16. Fine: 32.
#
# **Predict.** Where is hair length? Glasses? A smile? The colour of the shirt, of the skin, of the eyes?
# %% [markdown] lang="zh"
# CHECK
# 曲线说出了头发与眼镜是在哪里画的：交叉点若在两者之前或两者之后，人像就与不混合的一样好；在两者之间，数据里从不出现的组合就与碰运气一样常见。训练要混合的脸以假乱真，而在这里，它们做不到。理论页的定理说，换哪个网络都一样：缺了一种组合，层又分开，就没有一种分布行得通。生成器只有两条出路：把两种属性放在同一层里做，或者干脆少画长发，也少画眼镜。
#
# 一位画师只是一次训练。换几个种子，混合会怎样，由 `benchmarks/styles.py` 来量：数据带不带那个角，训练时混合不混合。
#
# CHECK：表 `styles corner` 量好之后放在这里。
#
# ## 5 · 哪一层管什么？
#
# StyleGAN 最有名的图：左列是几张脸，每一行从上方的脸那里拿来*某几层*。粗：边长 4 与 8，第 1 到 4 层。中：16。细：32。
#
# **先猜。** 头发的长短在哪里？眼镜呢？微笑呢？上衣、皮肤、眼睛的颜色呢？
# %%
# alt-en: A grid of drawn faces. The top row shows six faces, the left column two faces, repeated for three bands. In the band coarse, the faces of a row take on shapes from above, in the band fine colours.
# alt-zh: 人像网格。顶行是六张脸，左列是两张脸，在三个区段里重复。“粗”的区段里，一行的脸从上方取得形状，“细”的区段里取得颜色。
GROUPS = {"coarse": range(4), "middle": range(4, 6), "fine": range(6, 8)}
ganlib.seed(5)
above, beside = painter.latent(6), painter.latent(2)
sheet = [torch.zeros(1, *painter.sample(1).shape[1:]).to(lab.device)]
sheet.append(painter.sample(z=above))
for layers in GROUPS.values():
    for z in beside:
        left = z.expand(6, -1)
        sheet += [painter.sample(z=left[:1]), painter.mix(left, above, layers)]
viz.grid(torch.cat(sheet), columns=7, scale=2)
# %% [markdown] lang="en"
# Looking is pleasant, and proves little. So measure it: several hundred pairs of faces, the reader says what both have. For each attribute we look only at those pairs that *differ* in it, and count how often the mixed face has taken on the value of the second.
#
# Two controls. If the second face is the first one, nothing may move at all. And since a spoilt face might happen to be read as the second one's value, the last column counts how often the mixed face has the value of a *third* face that it has never met (the largest of the three groups).
# %% [markdown] lang="zh"
# 看着赏心悦目，却证明不了多少。那就来量：几百对脸，两张各有什么，由那个读者来说。对每种属性，只看两张脸*不同*的那些对，数一数混合的脸有多少取了第二张的值。
#
# 有两个对照。若第二张就是第一张，那么什么都不许动。又因为画坏的脸也可能碰巧读成第二张的值，最后一列数的是，混合的脸有多少取了*第三张*脸的值，而它从没见过这张脸（三组中最大的）。
# %%
n = lab.pick(smoke=40, cpu=500, gpu=4000)
ganlib.seed(6)
one, two = painter.latent(n), painter.latent(n)


def mixed_faces(second, layers):
    return torch.cat(
        [
            painter.mix(a, b, layers)
            for a, b in zip(one.split(250), second.split(250), strict=True)
        ]
    ).cpu()


first = mixed_faces(one, [])
assert torch.equal(mixed_faces(one, range(LAYERS)), first)
seen = {"first": read(first), "second": read(mixed_faces(two, range(8)))}


def taken(mixed, giver):
    # en: Of the pairs that differ, how many have the giver's value.
    # zh: 在两张脸不同的那些对里，取了给予者的值的比例。
    found = {}
    for name, value in mixed.items():
        had, gives = seen["first"][name], giver[name]
        differ = had != gives
        right = (value == gives)[differ].double()
        found[name] = right.mean().item() if len(right) else 0.0
    return found


stranger = {k: v.roll(1) for k, v in seen["second"].items()}
moves, chance = {}, {}
for group, layers in GROUPS.items():
    mixed = read(mixed_faces(two, layers))
    moves[group] = taken(mixed, seen["second"])
    chance[group] = taken(mixed, stranger)
print(lab.t("groups head"))
for name in seen["first"]:
    numbers = [moves[group][name] for group in GROUPS]
    accident = max(chance[group][name] for group in GROUPS)
    row = "".join(f"{number:8.0%}" for number in numbers)
    print(f"{row}{accident:10.0%}   {lab.t(name)}")
# en: The third face may share the second one's value: count it twice.
# zh: 第三张脸的值可能与第二张相同，所以对照不会是零。
if lab.profile == "cpu":
    best = {
        name: max(moves[group][name] for group in GROUPS)
        for name in seen["first"]
    }
    assert sum(best.values()) > 0.5 * len(best)
# %% [markdown] lang="en"
# CHECK
# Now layer by layer:
# %% [markdown] lang="zh"
# CHECK
# 再一层一层地看：
# %%
# alt-en: A table of thirteen attributes by eight layers, shaded by the share of pairs in which the mixed face takes on the second face's value.
# alt-zh: 13 种属性乘 8 层的表，按混合的脸取第二张脸的值的比例着色。
each = [
    taken(read(mixed_faces(two, [layer])), seen["second"])
    for layer in range(LAYERS)
]
names = list(seen["first"])
shares = torch.tensor([[found[name] for found in each] for name in names])
fig, (ax,) = viz.panels(1, width=6.6, height=4.6)
ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
for y, row in enumerate(shares.tolist()):
    for x, share in enumerate(row):
        ink = viz.INK if share < 0.6 else "white"
        ax.text(x, y, f"{share:.0%}", ha="center", va="center", color=ink)
sides = [4 * 2 ** (layer // 2) for layer in range(LAYERS)]
labels = [f"{i}\n{s}²" for i, s in enumerate(sides, 1)]
ax.set_xticks(range(LAYERS), labels)
ax.set_yticks(range(len(names)), [lab.t(name) for name in names])
ax.set_xlabel(lab.t("layer and side"))
ax.grid(visible=False)
fig
# %% [markdown] lang="en"
# CHECK
# **What do you see?** Read the rows: an attribute with one dark cell has a layer of its own. Read the columns: the last layers must decide colours of large areas, by arithmetic (section 3). Where the shares of a row add up to much less than 100 %, the attribute is a matter of several layers together, and none of them can hand it over alone.
#
# ## 6 · Noise, on and off
#
# Every layer gets a fresh noise image, times a factor per channel that it has learned. The rows: without noise, two draws of it, the mean of a hundred draws, and (brightened) the standard deviation of each pixel over these draws.
#
# **Predict.** Is the first row the same as the fourth? And where in the face is the last row bright?
# %% [markdown] lang="zh"
# CHECK
# **你看到了什么？** 横着看：若一种属性只有一格深，它就有自己的一层。竖着看：大片区域的颜色必由最后几层决定，这是算术（第 3 节）。一行的比例加起来若远不到 100%，这种属性就要几层一起才管得了，哪一层都不能单独把它交出去。
#
# ## 6 · 开关噪声
#
# 每层都得到一幅新的噪声图，乘上各通道学来的系数。各行依次是：没有噪声；噪声抽两次；抽一百次的平均；以及（调亮了的）每个像素在这些图里的标准差。
#
# **先猜。** 第一行与第四行相同吗？最后一行，脸上哪里亮？
# %%
# alt-en: Five rows of eight faces. The first four rows look nearly alike; the fifth shows grey maps that are bright along outlines and dark in even areas.
# alt-zh: 五行，每行八张脸。前四行看上去几乎一样；第五行是灰色的图，轮廓处亮，平整处暗。
draws = lab.pick(smoke=4, cpu=100, gpu=400)
eight = styles(8, 7)
silent = raw(eight, "none")
noisy = torch.stack([raw(eight, "fresh") for _ in range(draws)])
mean, std = noisy.mean(0), noisy.std(0)
loudest = std.mean(1, keepdim=True)
loudest = (2 * loudest / loudest.max() - 1).expand(-1, 3, -1, -1)
grey_levels = [silent, noisy[0], noisy[1], mean]
shown = [part.clamp(-127.5, 127.5) / 127.5 for part in grey_levels]
viz.grid(torch.cat([*shown, loudest]), columns=8, scale=2)
# %% [markdown] lang="en"
# In numbers, in grey levels: how far the *mean colour* wanders over the draws; the deviation of a pixel; how far the silent picture is from the mean over the noise, beside what chance would allow that distance to be after so many draws.
#
# Then what the reader says of several hundred faces: the share of verdicts that differ between two draws of the noise, between noise and silence, and, for scale, between two different faces. Fixed noise, drawn once and kept, gives the same face the same picture: the control.
# %% [markdown] lang="zh"
# 用数字来说，单位是灰度级：*平均颜色*随噪声游移多少；一个像素的标准差；无声的图像离对噪声取的平均有多远，旁边是抽了这么多次之后，光凭运气这段距离会有多大。
#
# 然后让读者读几百张脸：两次噪声之间、有噪声与没有噪声之间，判断不同的比例各是多少；作为尺度，再看两张不同的脸之间。固定的噪声抽一次就留用，同一张脸总是同一幅图：这是对照。
# %%
wander = noisy.mean((3, 4)).std(0).max().item()
away = (silent - mean).square().mean().sqrt().item()
allowed = (std.square().mean() / draws).sqrt().item()
print(f"{wander:8.4f}  {lab.t('colour wanders')}")
print(f"{std.mean():8.2f}  {lab.t('pixel deviation')}")
print(f"{away:8.2f}  {lab.t('silence, mean')}   ({lab.t('chance')} {allowed:.2f})")
assert wander < 1e-2
if lab.profile == "cpu":
    assert away > 3 * allowed

w = styles(n, 8)
looks = {
    "one": read(paint(painter, w)),
    "again": read(paint(painter, w)),
    "silent": read(paint(painter, w, "none")),
}
still = paint(painter, w[:50], "fixed")
assert torch.equal(still, paint(painter, w[:50], "fixed"))
print(lab.t("noise head"))
flips = {}
for name, value in looks["one"].items():
    against = looks["again"][name], looks["silent"][name], value.roll(1)
    flips[name] = [(value != b).double().mean().item() for b in against]
    row = "".join(f"{share:8.1%}" for share in flips[name])
    print(f"{row}   {lab.t(name)}")
if lab.profile == "cpu":
    again, _, others = (
        sum(column) for column in zip(*flips.values(), strict=True)
    )
    assert again < 0.5 * others
# %% [markdown] lang="en"
# CHECK
# The mean colour does not move: the first number is rounding. Noise may replace, it may not add (AdaIN has fixed mean and deviation of every channel), and what averages out over the picture is all that it can touch. The silent picture is *not* the mean over the noise: that is what the LeakyReLU does with symmetric noise.
# %% [markdown] lang="zh"
# CHECK
# 平均颜色纹丝不动，第一个数只是舍入。噪声只能替换，不能添加（各通道的均值与标准差，AdaIN 已经定死），它碰得到的只有在整幅图上平均得掉的东西。无声的图像*不是*对噪声取的平均：对称的噪声过了 LeakyReLU，就是这个结果。
