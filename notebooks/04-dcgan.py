# %% [markdown] lang="en"
# # Lab 04 · A GAN learns to paint faces
#
# In lab 02 two pixels side by side were strangers to the networks. Here both players are built from convolutions, and pictures have colours, fringes and glasses. After three minutes a small DCGAN paints faces that one can describe in words; and since a network reads those words for us, we can *count* what it has learnt.
#
# In this lab you will
# * check by computer what [the theory page](../../book/en/04-dcgan.md) proves: a transposed convolution is a transpose, its sizes, its checkerboards;
# * count the usual DCGAN layer by layer, all 3,576,704 numbers of its generator;
# * find out that the usual discriminator cannot see contrast;
# * train, read the three numbers of every DCGAN log, and **measure** 13 attributes whose true shares are known;
# * compute with latents, "long blonde minus short blonde plus short blue", and count how often the sum comes out right.
#
# Where it says **Predict**, answer before you run the cell. The cell below installs the course's small library where it is missing and chooses a profile: `cpu` takes about three minutes on two idle cores, for faces of $32\times32$ pixels; `gpu` trains the network of the usual size on $64\times64$.
# %% [markdown] lang="zh" matches="d4510731e748"
# # 实验 04 · 让 GAN 学会画人像
#
# 在实验 02 里，相邻的两个像素在网络眼中素不相识。这一回双方都由卷积搭成，画的是彩色的人像，有刘海，有眼镜。三分钟之后，一个小小的 DCGAN 画出的脸，已经可以用文字来描述；这些文字又有一个网络替我们读出来，所以它学会了什么，可以*数*。
#
# 在这个实验里，你将
# * 用计算机核对[理论页](../../book/zh/04-dcgan.md)证明的结论：转置卷积就是转置，它的尺寸，它的棋盘格；
# * 一层一层清点常见的 DCGAN，生成器一共 3,576,704 个数；
# * 发现常见的判别器看不见对比度；
# * 训练，读懂每份 DCGAN 日志里的那三个数，并**度量** 13 个属性，它们的真实比例都是已知的；
# * 拿隐变量做加减，“金色长发减金色短发，加蓝色短发”，数一数有多少次算对。
#
# 凡有**先猜**之处，请先回答再运行。下面的单元格在缺少课程库时先安装它，再选定一种配置：`cpu` 在两个空闲的核上约三分钟，人像为 $32\times32$ 像素；`gpu` 用常见大小的网络训练 $64\times64$ 的人像。
# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab("04-dcgan", lang="@LANG@", data="avatars")
# %% [markdown] lang="en"
# ## 1 · Warm-up: a layer is a matrix
#
# A convolution is linear, so it has a matrix: its columns are what becomes of the unit vectors. The kernel is $(1,2,3)$, the stride 2, the input has 7 entries.
#
# **Predict.** How many rows has the matrix, and how many of its entries are not zero?
# %% [markdown] lang="zh"
# ## 1 · 热身：一层就是一个矩阵
#
# 卷积是线性的，所以有矩阵：各列就是单位向量变成的东西。卷积核取 $(1,2,3)$，步幅 2，输入有 7 个元素。
#
# **先猜。** 矩阵有几行？有多少个元素不为零？
# %% tags=["strict"]
import torch
from torch.nn import functional as F

taps = torch.tensor([[[1.0, 2.0, 3.0]]])


def matrix(layer, n):
    columns = [layer(e[None, None])[0, 0] for e in torch.eye(n)]
    return torch.stack(columns, dim=1)


A = matrix(lambda x: F.conv1d(x, taps, stride=2), 7)
print(A.int())
# %% [markdown] lang="en"
# Each row is the row above it, two places to the right. **Predict** the matrix of the *transposed* convolution with the same kernel and stride, which leads from 3 entries to 7.
# %% [markdown] lang="zh"
# 每一行都是上一行右移两格。**先猜**：同样的卷积核与步幅，*转置*卷积从 3 个元素走到 7 个，它的矩阵是什么样？
# %% tags=["strict"]
T = matrix(lambda y: F.conv_transpose1d(y, taps, stride=2), 3)
print(T.int())
assert T.equal(A.T)
# %% [markdown] lang="en"
# The transpose, to the letter: each column is a stamp, pressed two places further down.
#
# One kernel proves nothing. So now in two dimensions, with channels, for every combination of size $n$, kernel $k$, stride $s$, padding $p$ and dilation $d$ in a range: are the sizes those of the page, with the output padding $q=(n+2p-\kappa)\bmod s$, and is $\langle Ax,y\rangle=\langle x,Ty\rangle$? As a control the same with the kernel turned round, which many take for the transpose. **Predict:** how often will the control pass?
# %% [markdown] lang="zh"
# 一字不差，正是转置：每一列都是一个印，比前一列往下错两格。
#
# 只试一个卷积核说明不了什么。下面换成二维、多个通道，把大小 $n$、卷积核 $k$、步幅 $s$、填充 $p$、空洞率 $d$ 在一定范围内的组合全试一遍：尺寸是否如理论页所说，输出填充是否就是 $q=(n+2p-\kappa)\bmod s$？是否总有 $\langle Ax,y\rangle=\langle x,Ty\rangle$？作为对照，再用翻转过来的卷积核做一遍，许多人以为那才是转置。**先猜：** 对照会有多少次通过？
# %% tags=["strict"]
import itertools

counts = {"settings": 0, "sizes": 0, "identity": 0, "turned round": 0}
torch.manual_seed(0)
ranges = range(5, 9), range(1, 6), (1, 2, 3), (0, 1, 2), (1, 2)
for n, k, s, p, d in itertools.product(*ranges):
    extent = d * (k - 1) + 1
    if n + 2 * p < extent:
        continue
    m, q = divmod(n + 2 * p - extent, s)
    w = torch.randn(4, 3, k, k, dtype=torch.float64)
    x = torch.randn(1, 3, n, n, dtype=torch.float64)
    y = torch.randn(1, 4, m + 1, m + 1, dtype=torch.float64)
    Ax = F.conv2d(x, w, None, s, p, d)
    Ty, wrong = (
        F.conv_transpose2d(y, kernel, None, s, p, q, 1, d)
        for kernel in (w, w.flip(2, 3))
    )
    counts["settings"] += 1
    counts["sizes"] += Ax.shape == y.shape and Ty.shape == x.shape
    for name, back in (("identity", Ty), ("turned round", wrong)):
        gap = (Ax * y).sum() - (x * back).sum()
        counts[name] += bool(gap.abs() < 1e-9)
for name, count in counts.items():
    print(f"{count:4}  {lab.t('adjoint ' + name)}")
assert counts["sizes"] == counts["identity"] == counts["settings"]
assert counts["turned round"] < counts["settings"] / 4
# %% [markdown] lang="en"
# The 72 settings in which the control passes are those with $k=1$, where there is nothing to turn round. Note that `conv2d` and `conv_transpose2d` were given the *same* array `w`: $4\times3\times k\times k$, out before in for the one, in before out for the other.
#
# Why is $q$ needed? Because sizes get lost on the way down. DCGAN's $k=4$, $s=2$, $p=1$ takes 28 pixels to 14, 7 and 3; on the way up someone has to say which size 3 came from.
# %% [markdown] lang="zh"
# 对照通过的 72 种，全是 $k=1$，那时没有什么可翻转的。还要注意，`conv2d` 与 `conv_transpose2d` 拿到的是*同一个*数组 `w`：$4\times3\times k\times k$，对前者是先输出后输入，对后者是先输入后输出。
#
# 为什么需要 $q$？因为往下走时，尺寸会丢。DCGAN 取 $k=4$、$s=2$、$p=1$，把 28 个像素变成 14、7、3 个；往上走时，得有人说明 3 是从几来的。
# %% tags=["strict"]
w = torch.ones(1, 1, 4, 4)
for n in (28, 14, 7):
    m = F.conv2d(torch.ones(1, 1, n, n), w, stride=2, padding=1).shape[-1]
    y = torch.ones(1, 1, m, m)
    back = [
        F.conv_transpose2d(y, w, None, 2, 1, q).shape[-1] for q in (0, 1)
    ]
    print(f"{n} → {m}    {m} → {back[0]} (q = 0), {back[1]} (q = 1)")
    assert back[(n + 2 - 4) % 2] == n
# %% [markdown] lang="en"
# The page's third view: a transposed convolution is an *ordinary* one over a picture with zeros put in. The two classical examples are $2\times2\to4\times4$ ("wide", $s=1$, $p=0$) and $3\times3\to5\times5$ ("fractionally strided", $s=2$, $p=1$), both with $k=3$. **Predict** what share of the second picture is zeros.
# %% [markdown] lang="zh"
# 理论页的第三种看法：转置卷积是在插了零的图像上做*普通*的卷积。两个经典的例子是 $2\times2\to4\times4$（宽卷积，$s=1$，$p=0$）与 $3\times3\to5\times5$（微步卷积，$s=2$，$p=1$），都取 $k=3$。**先猜**：第二幅图里，零占多大比例？
# %% tags=["strict"]
k = 3
w = torch.randn(k, k, dtype=torch.float64)
for m, s, p in ((2, 1, 0), (3, 2, 1)):
    y = torch.randn(m, m, dtype=torch.float64)
    apart = torch.zeros(s * (m - 1) + 1, s * (m - 1) + 1).double()
    apart[::s, ::s] = y
    wide = F.pad(apart, [k - 1 - p] * 4)
    one_way = F.conv_transpose2d(y[None, None], w[None, None], None, s, p)
    other = F.conv2d(wide[None, None], w.flip(0, 1)[None, None])
    print((wide != 0).int(), f"→ {tuple(other.shape[2:])}")
    assert torch.allclose(one_way, other)
    assert not torch.allclose(
        one_way, F.conv2d(wide[None, None], w[None, None])
    )
# %% [markdown] lang="en"
# 40 of 49. That is why no program computes it this way.
#
# ## 2 · Checkerboards
#
# Let every entry of a small picture press a stamp of ones, two pixels apart, and count. Then turn to the other side of the game: how many terms does the *gradient* at each pixel have that a strided convolution, a layer of D, hands back? **Predict** both tables for $k=3$ and for $k=4$.
# %% [markdown] lang="zh"
# 49 个里有 40 个。所以没有哪个程序真这样算。
#
# ## 2 · 棋盘格
#
# 让一幅小图的每个元素都盖一个全为 1 的印，两印错开两个像素，数一数。然后看博弈的另一方：步幅卷积（D 的一层）传回来的*梯度*，在每个像素处各有多少项？**先猜** $k=3$ 与 $k=4$ 时的两张表。
# %% tags=["strict"]
inside = slice(4, 8)
for k in (3, 4):
    w = torch.ones(1, 1, k, k)
    painted = F.conv_transpose2d(torch.ones(1, 1, 6, 6), w, stride=2)
    x = torch.ones(1, 1, 14, 14, requires_grad=True)
    F.conv2d(x, w, stride=2).sum().backward()
    print(f"k = {k}")
    for paint, back in zip(
        painted[0, 0, inside, inside].int().tolist(),
        x.grad[0, 0, inside, inside].int().tolist(),
        strict=True,
    ):
        print("   ", *paint, "   ", *back)
    assert torch.equal(
        painted[..., inside, inside], x.grad[..., inside, inside]
    )
# %% [markdown] lang="en"
# The same tables, by the theorem: a transposed convolution *is* the backward pass. With $k=3$ a pixel may get four times the paint of its neighbour, and four times the advice. With $k=4$ all is even.
#
# Is all well, then? An untrained generator, three doublings with ReLU in between, gets a flat picture: 64 channels, each of them constant. **Predict** which of the four columns stays flat.
# %% [markdown] lang="zh"
# 两张表一模一样，定理说的正是如此：转置卷积*就是*反向传播。$k=3$ 时，有的像素得到的颜料是邻居的四倍，得到的指点也是四倍。$k=4$ 时一律平等。
#
# 这就万事大吉了吗？给一个未经训练的生成器一幅平坦的图：64 个通道，每个都是常值；三次加倍，中间用 ReLU。**先猜**：四列之中，哪一列仍是平的？
# %%
# alt-en: Four columns of two pictures. With kernels of 3, 4 and 5 all are woven like carpets, a coloured pattern that repeats every eight pixels; with resizing they are one flat colour but for a frame.
# alt-zh: 四列，每列两幅图。卷积核为 3、4、5 的都像织毯，彩色花纹每八个像素重复一次；先放大再卷积的，除了一圈边框，是均匀的一种颜色。
from ganlib import viz


def enlarge(h, channels, k):
    w = torch.randn(h.shape[1], channels, k, k) / (16 * k * k) ** 0.5
    return F.conv_transpose2d(h, w, None, 2, (k - 1) // 2, k % 2)


def resize(h, channels, k):
    w = torch.randn(channels, h.shape[1], k, k) / (64 * k * k) ** 0.5
    return F.conv2d(F.interpolate(h, scale_factor=2), w, padding=k // 2)


carpets = {}
for name, layer, k in (
    ("k = 3", enlarge, 3),
    ("k = 4", enlarge, 4),
    ("k = 5", enlarge, 5),
    (lab.t("resized"), resize, 3),
):
    torch.manual_seed(lab.seed)
    h = torch.randn(2, 64, 1, 1).expand(-1, -1, 4, 4)
    for channels in (64, 64, 3):
        h = layer(F.relu(h), channels, k)
    carpets[name] = h.tanh()
viz.grid(carpets, columns=1, scale=4)
# %%
for name, images in carpets.items():
    # en: Standard deviation over two periods, away from the border.
    # zh: 避开边缘，横竖各取两个周期，求标准差。
    spread = images[..., 8:24, 8:24].std((2, 3)).mean().item()
    print(f"{spread:.3f}  {name}")
    assert (spread < 1e-4) == (name == lab.t("resized"))
# %% [markdown] lang="en"
# Even counts do not help here: pixels of different phases are painted by different taps, and nothing makes those agree on what grey is. Three layers repeat their disagreement every $2^3$ pixels. Training has to teach them better; whether it does, section 6 will look up.
#
# ## 3 · The networks, number by number
#
# The usual DCGAN for $64\times64$ pixels, with $w=64$ channels next to the image. **Predict:** which layer of G has the most numbers? What share of all?
# %% [markdown] lang="zh"
# 个数相等在这里帮不上忙：不同相位的像素出自不同的权重，什么样的灰才算灰，没有什么能让它们意见一致。三层下来，这种分歧每 $2^3$ 个像素重复一次。训练得把它们教好；教好了没有，第 6 节去查。
#
# ## 3 · 网络，一个数一个数地看
#
# 常见的 DCGAN，图像 $64\times64$ 像素，紧邻图像的一层有 $w=64$ 个通道。**先猜：** G 的哪一层参数最多？占几成？
# %% tags=["strict"]
from ganlib.models.dcgan import DCGANDiscriminator, DCGANGenerator


def trainable(net):
    return sum(p.numel() for p in net.parameters())


def listing(net, x):
    for layer in net.layers:
        x = layer(x)
        shape = "×".join(map(str, x.shape[1:]))
        print(
            f"{type(layer).__name__:16}{shape:>10}{trainable(layer):12,}"
        )
    print(f"{trainable(net):38,}")


listing(DCGANGenerator((3, 64, 64)), torch.randn(2, 100))
# %% [markdown] lang="en"
# From $4\times4$ to $8\times8$: 2,097,152 numbers, 59 %. The last layer, which paints, has 3,072. And D, as most code has it:
# %% [markdown] lang="zh"
# 从 $4\times4$ 到 $8\times8$ 的那一层：2,097,152 个，占 59%。最后动笔的那一层只有 3,072 个。再看 D，大多数代码里是这样：
# %% tags=["strict"]
listing(
    DCGANDiscriminator((3, 64, 64), offset=False),
    torch.randn(2, 3, 64, 64),
)
# %% [markdown] lang="en"
# Now all widths at once, against the formulas of the page: the usual $w=64$, the paper's 128 with its 1,024 channels at $4\times4$, and, for $32\times32$, the 32 that we are going to train. `ganlib` gives the first convolution of D an offset, $w$ more numbers. The next section says why.
# %% [markdown] lang="zh"
# 现在把各种宽度一并与理论页的公式核对：常见的 $w=64$；论文的 128，在 $4\times4$ 处有 1,024 个通道；还有 $32\times32$ 的图像，$w=32$，也就是我们要训练的。`ganlib` 给 D 的第一个卷积加了偏置，多出 $w$ 个数。为什么要加，下一节见分晓。
# %% tags=["strict"]
for size, w, g, d in (
    (64, 64, 672 * 64**2 + 12_878 * 64, 672 * 64**2 + 204 * 64),
    (64, 128, 672 * 128**2 + 12_878 * 128, 672 * 128**2 + 204 * 128),
    (32, 32, 160 * 32**2 + 6_462 * 32, 160 * 32**2 + 124 * 32),
):
    generator = DCGANGenerator((3, size, size), width=w)
    plain = DCGANDiscriminator((3, size, size), width=w, offset=False)
    ours = DCGANDiscriminator((3, size, size), width=w)
    print(f"{size}×{size}, w = {w:3}: G {g:12,}   D {d:12,} (+ {w})")
    assert trainable(generator) == g
    assert trainable(plain) == d == trainable(ours) - w
# %% [markdown] lang="en"
# ## 4 · A discriminator that cannot see contrast
#
# The data: drawn faces with 13 known attributes (lab 00 looks at them closely).
# %% [markdown] lang="zh"
# ## 4 · 看不见对比度的判别器
#
# 数据是画出来的人像，13 个属性都已知（实验 00 细看过它们）。
# %%
# alt-en: Three rows of twelve drawn faces of 32 by 32 pixels: hair in eight colours and several cuts, some glasses, plain backgrounds in six colours.
# alt-zh: 三行画出来的人像，每行十二个，32×32 像素：头发有八种颜色、几种发型，有的戴眼镜，背景是六种颜色的素底。
data = lab.load(
    size=lab.pick(smoke=32, cpu=32, gpu=64),
    n=lab.pick(smoke=500, cpu=10_000, gpu=20_000),
)
viz.grid(
    data.pixels[:36], columns=12, scale=lab.pick(smoke=1, cpu=1.6, gpu=1)
)
# %% [markdown] lang="en"
# A game without a painter: the "fakes" are real faces at **half contrast**, $x\mapsto\frac12x$, and D learns to tell them from faces at full contrast. You could do it with your eyes half closed. One D has an offset in its first convolution, the other, like most code, has none. Everything else is equal, batch normalisation too.
#
# **Predict** the accuracy of each after 25 steps.
# %% [markdown] lang="zh"
# 来一场没有画家的博弈：“假样本”就是真的人像，只是**对比度减半**，$x\mapsto\frac12x$；D 要学会把它们与原样的人像分开。你眯着眼睛也做得到。一个 D 的第一个卷积有偏置，另一个像大多数代码那样没有，其余全都相同，批量归一化也一样。
#
# **先猜**：25 步之后，两者的准确率各是多少？
# %%
# alt-en: Accuracy of D over 25 steps. With an offset it climbs to 1 within ten steps and stays there; without one it wavers around the dashed line at one half, between 0.44 and 0.62, to the end.
# alt-zh: D 的准确率，共 25 步。有偏置的十步之内升到 1，从此不变；没有偏置的始终在二分之一处的虚线上下摇摆，介于 0.44 与 0.62 之间。
from ganlib.gans.base import Phase
from ganlib.gans.gan import VanillaGAN


class Dimmer(VanillaGAN):
    def players(self):
        return {"discriminator": super().players()["discriminator"]}

    def phases(self):
        return [Phase("discriminator", self.discriminator_loss)]

    def fakes(self, n):
        return 0.5 * data.batch(n).images


runs = {}
for name, offset in (("with offset", True), ("without offset", False)):
    ganlib.seed(lab.seed)
    d = DCGANDiscriminator(data.shape, width=16, offset=offset)
    runs[name] = ganlib.Trainer(
        Dimmer(torch.nn.Identity(), d, latent_dim=1, lr=1e-3),
        data,
        batch_size=64,
        device=lab.device,
        log_every=1,
        progress=lab.progress,
    ).fit(lab.pick(smoke=2, cpu=25, gpu=25))
viz.curves(
    {lab.t(name): run.history for name, run in runs.items()},
    "accuracy",
    by="name",
    level=0.5,
    ylim=(0.3, 1.02),
)
# %%
for name, run in runs.items():
    last = run.history["accuracy"][-10:]
    last = sum(last) / len(last)
    print(f"{last:.3f}  {lab.t(name)}")
    if lab.profile != "smoke":
        assert last > 0.95 if name == "with offset" else last < 0.7
# %% [markdown] lang="en"
# Blind. Convolutions without offset and LeakyReLU pass a factor ½ on unchanged, and the first batch normalisation divides it out again. (In the long run it can learn a little, from $\varepsilon=10^{-5}$, the one number there that does not shrink with the picture.)
#
# Worse than not seeing is not *telling*: G gets its wishes as a gradient in the pixels, and the page proves that this gradient, summed over a batch, has no component along the pictures themselves, towards more contrast or less. In double precision and with $\varepsilon=10^{-30}$, on 64 faces: how far the logits move at half contrast, and the slope of the loss in the direction of more contrast, $|\sum_i\langle x_i,\nabla_{x_i}L\rangle|$.
# %% [markdown] lang="zh"
# 看不见。没有偏置的卷积与 LeakyReLU 把因子 ½ 原样传下去，第一个批量归一化又把它除掉。（练得够久，它能学到一点点，靠的是 $\varepsilon=10^{-5}$：只有这个数不随图像一起变小。）
#
# 比看不见更糟的是*不说*：G 得到的愿望，是像素上的梯度；理论页证明了，这个梯度对整批求和，沿图像自身的方向，也就是增减对比度的方向，没有分量。下面用双精度，取 $\varepsilon=10^{-30}$，在 64 张脸上看：对比度减半时 logit 变动多少；沿增加对比度的方向，损失的斜率 $|\sum_i\langle x_i,\nabla_{x_i}L\rangle|$ 是多少。
# %% tags=["strict"]
x = ganlib.load("avatars", size=32, n=64).normalised().double()
x.requires_grad_()
for offset in (True, False):
    torch.manual_seed(0)
    d = DCGANDiscriminator((3, 32, 32), width=16, offset=offset).double()
    for layer in d.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eps = 1e-30
    logits = d(x)
    shift = (d(x / 2) - logits).abs().mean().item()
    (g,) = torch.autograd.grad(F.softplus(-logits).mean(), x)
    slope = (x * g).sum().abs().item()
    name = lab.t("with offset" if offset else "without offset")
    print(f"{shift:.4f}  {slope:.4f}  {name}")
    if offset:
        assert shift > 0.01 and slope > 0.01
    else:
        assert shift < 1e-9 and slope < 1e-9


# %% [markdown] lang="en"
# So keep the offset. It costs 32 numbers in our D.
#
# ## 5 · Training
#
# Both players are `dcgan-small`, the network counted above with $w=32$. One thing is added to the library's GAN. The log of most DCGAN code has three numbers: $D(x)$ and $D(G(z))$ in D's turn, before D has moved, and $D(G(z))$ again in G's turn, on the same fakes, after D and before G has moved. The library logs the first two. The third is a line in the generator's turn:
# %% [markdown] lang="zh"
# 所以偏置要留着。在我们的 D 里，它只花 32 个数。
#
# ## 5 · 训练
#
# 双方都用 `dcgan-small`，就是上面数过的 $w=32$ 的网络。代码库的 GAN 只需添一样东西。大多数 DCGAN 代码的日志有三个数：轮到 D 时，D 更新之前的 $D(x)$ 与 $D(G(z))$；轮到 G 时，在同一批假样本上再来一个 $D(G(z))$，这时 D 已更新，G 还没有。前两个代码库本来就记；第三个只要在生成器的回合里添一行：
# %%
class Watched(VanillaGAN):
    def generator_loss(self, batch):
        logits = self.discriminator(self.judged_fakes(len(batch)))
        after = logits.sigmoid().mean()
        loss = self.loss.generator(logits)
        return {"generator": loss}, {"D(G(z)) after": after}


# %% [markdown] lang="en"
# For comparison, the library's own two turns, and where the fakes come from that both of them judge:
# %% [markdown] lang="zh"
# 对照一下代码库自己的两个回合，以及两个回合共同评判的假样本从何而来：
# %% tags=["strict"]
lab.show(
    VanillaGAN.discriminator_loss,
    VanillaGAN.generator_loss,
    VanillaGAN.judged_fakes,
)
# %% [markdown] lang="en"
# 600 steps with batches of 64, Adam with $\beta_1=0.5$ as in the paper, and a learning rate of $10^{-3}$, five times the paper's: we are in a hurry. As it learns, `Snapshots` keeps what G makes of 16 fixed latents (eight are shown), and `Evaluate` asks the network that reads attributes how far their shares in 500 samples are from the true ones (total variation, mean over the 13 attributes; 0 is right, 1 as wrong as can be).
#
# **Predict.** What comes first: the colours, the outline of a head, or eyes? And which attribute will be the hardest?
# %% [markdown] lang="zh"
# 600 步，批量 64，Adam 的 $\beta_1=0.5$ 与论文相同，学习率 $10^{-3}$ 是论文的五倍：我们赶时间。训练途中，`Snapshots` 记下 G 用 16 个固定的隐变量画出的图（下面显示八个）；`Evaluate` 请那个会读属性的网络看 500 个样本，说出各属性的比例与真实比例差多远（全变差距离，对 13 个属性取平均；0 是完全对，1 是错到底）。
#
# **先猜。** 最先出现的是颜色、头的轮廓，还是眼睛？哪个属性最难学？
# %%
from ganlib.metrics import features
from ganlib.metrics.attributes import attribute_tv


def read_and_compare(trainer):
    each = attribute_tv(features.attributes(trainer.sample(500))).details
    mean = sum(each.values()) / len(each)
    return {"attribute TV": mean, "worst attribute": max(each.values())}


ganlib.seed(lab.seed)
gan = Watched.build(
    data.shape,
    model=lab.pick(smoke="dcgan-small", cpu="dcgan-small", gpu="dcgan"),
    lr=lab.pick(smoke=1e-3, cpu=1e-3, gpu=2e-4),
    beta1=0.5,
)
steps = lab.pick(smoke=6, cpu=600, gpu=20_000)
snapshots = ganlib.Snapshots(max(steps // 10, 1), z=gan.latent(16))
trainer = ganlib.Trainer(
    gan,
    data,
    batch_size=64,
    device=lab.device,
    ema_half_life=5_000,
    log_every=lab.pick(smoke=2, cpu=10, gpu=100),
    callbacks=[
        snapshots,
        ganlib.Evaluate(max(steps // 6, 3), read_and_compare),
    ],
    progress=lab.progress,
)
trainer.fit(steps)
few = [(step, faces[:8]) for step, faces in snapshots.frames]
viz.scrubber(few, columns=8, live=lab.live)
# %% [markdown] lang="en"
# Drag the slider to the start and walk forward. The first frames are woven like the carpets of section 2; then come backgrounds, a head with a collar, colours of hair, and at last eyes. Follow one place: when does it decide on a hair colour?
#
# ### What the losses say
#
# **Predict:** will the losses fall?
# %% [markdown] lang="zh"
# 把滑块拖到开头，一步步往前走。最初几帧像第 2 节的织毯；然后有了背景，有了头和衣领，头发有了颜色，最后才有眼睛。盯住一个位置：它什么时候定下发色？
#
# ### 损失说了什么
#
# **先猜：** 损失会下降吗？
# %%
# alt-en: Two panels over 600 steps. Left, the losses: that of D stays near 1 and below; that of G falls from 6 to 3 within 60 steps and then moves between 2.3 and 3.5. Right, attribute TV falls from 0.62 to 0.12, the worst attribute from 0.87 to 0.31.
# alt-zh: 左右两图，共 600 步。左为损失：D 的一直在 1 以下或附近；G 的在 60 步之内从 6 降到 3，此后在 2.3 与 3.5 之间起伏。右：属性全变差从 0.62 降到 0.12，最差的属性从 0.87 降到 0.31。
history = trainer.history
fig, (left, right) = viz.panels(2, width=4.4)
for name in ("discriminator", "generator"):
    left.plot(history.steps(name), history[name], label=lab.t(name))
for name in ("attribute TV", "worst attribute"):
    right.plot(history.steps(name), history[name], "o-", label=lab.t(name))
right.set_ylim(0, 1)
for ax in (left, right):
    ax.set_xlabel(lab.t("step"))
    ax.legend()
fig
# %% [markdown] lang="en"
# After the first hundred steps the losses hardly go anywhere, and yet the faces get better all the time (right). Each player's loss is measured by the other, who learns too.
#
# ### The three numbers
#
# **Predict** where each of the three comes to lie, and whether the first two will add up to 1.
# %% [markdown] lang="zh"
# 过了头一百步，两个损失几乎原地踏步，人像却一直在变好（右图）。每一方的损失都由对方来衡量，而对方也在学。
#
# ### 三个数
#
# **先猜**：三个数各落在哪里？前两个加起来是 1 吗？
# %%
# alt-en: Three curves over 600 steps. D(x) falls from 0.92 to 0.65, then stays between 0.65 and 0.8; D(G(z)) mirrors it below, between 0.2 and 0.35. D(G(z)) after D's step lies lower still: near 0 at first, later between 0.06 and 0.23.
# alt-zh: 三条曲线，共 600 步。D(x) 从 0.92 降到 0.65，此后在 0.65 与 0.8 之间；D(G(z)) 在下方与它对称，在 0.2 与 0.35 之间。D 更新之后的 D(G(z)) 更低：起初接近 0，后来在 0.06 与 0.23 之间。
names = ["D(x)", "D(G(z))", "D(G(z)) after"]
viz.curves(history, names, ylim=(0, 1))
# %%
third = len(history["D(x)"]) // 3 + 1
real, before, after = (
    sum(history[name][-third:]) / third for name in names
)
print(f"D(x)                 {real:.3f}")
print(f"D(G(z))              {before:.3f}   {after:.3f}")
print(f"D(x) + D(G(z))       {real + before:.3f}")
print(f"{real - before:.2f} ≤ TV ≤ {(real - before) ** 0.5:.2f}")
if lab.profile != "smoke":
    assert abs(real + before - 1) < 0.08
    assert after < before < 0.5 < real
# %% [markdown] lang="en"
# (Means over the last third.) The sum is 1 within a few hundredths, as the page says it must be for a D at its best, however weak. *If* D were the best there is, the last line would hold for the total variation of real and generated faces: they are far from being the same, and D knows it.
#
# And the third number: one step of D takes nearly half off its verdict on the very fakes that it has just seen; over the first ten steps it is 0.12 before and below 0.01 after. In the page's table that reads "its learning rate is too high", and so it is, as agreed: five times the paper's. By the next step the second number is up again, because G has answered. In the log of the usual code the two numbers for $D(G(z))$ look like noise; they are a question and its answer.
#
# ## 6 · Look closely
# %% [markdown] lang="zh"
# （取最后三分之一的平均。）前两个数之和与 1 只差百分之几：理论页说，D 再弱，只要已尽其所能，就必定如此。*假如* D 是最好的判别器，最后一行就夹住了真实人像与生成人像的全变差距离：两者远不是一回事，D 心里有数。
#
# 再看第三个数：D 走一步，对刚刚看过的那批假样本，给出的值就少了近一半；最初十步里，更新前是 0.12，更新后不到 0.01。按理论页的表，这叫“学习率太高”，的确如此，有言在先：是论文的五倍。到了下一步，第二个数又回来了，因为 G 已经回应。在常见代码的日志里，$D(G(z))$ 的两个数看上去像噪声，其实是一问一答。
#
# ## 6 · 凑近了看
# %%
# alt-en: Two grids of 24 faces, real on the left. The generated ones on the right have heads, hair in many colours, fringes, eyes and collars in front of pale backgrounds; all are grainy, some eyes do not match.
# alt-zh: 两组各 24 张脸，左边是真的。右边生成的有头，有各色头发、刘海、眼睛和衣领，背景是淡色；每张都有噪点，有的两只眼睛不一样。
n = lab.pick(smoke=500, cpu=3000, gpu=5000)


def painted(z):
    return torch.cat([trainer.sample(z=part) for part in z.split(500)])


z = gan.latent(n)
made = painted(z)
viz.grid(
    {lab.t("real"): data.pixels[:24], lab.t("generated"): made[:24]},
    columns=8,
    scale=lab.pick(smoke=1, cpu=1.6, gpu=0.8),
)
# %% [markdown] lang="en"
# Do you see a weave in the plain backgrounds? If it were only noise, it would vanish in an average. So average all of them. **Predict** what remains.
# %% [markdown] lang="zh"
# 素净的背景里，看得出织纹吗？若只是噪声，一平均就没了。那就全部平均起来。**先猜**会剩下什么。
# %%
# alt-en: Two mean faces. The real one is smooth as fog. The generated one has the same head and colours, but pixels that are darker or lighter than their neighbours are scattered all over it, in the background too.
# alt-zh: 两张平均脸。真实的那张像雾一样平滑。生成的那张头与颜色都相同，但到处散布着比邻居深一点或浅一点的像素，背景里也有。
averages = {
    lab.t("real"): data.normalised(slice(0, n)).mean(0, keepdim=True),
    lab.t("generated"): made.mean(0, keepdim=True),
}
viz.grid(averages, scale=lab.pick(smoke=4, cpu=6, gpu=3))
# %%
signs = 1 - 2 * (torch.arange(data.shape[-1], device=lab.device) % 2)
board = signs.outer(signs)
weave = {}
for name, face in averages.items():
    # en: How much even and odd columns, and black and white squares, differ.
    # zh: 奇偶列之间，以及黑白格之间，各相差多少。
    parts = [(face * p).mean((2, 3)) for p in (signs.float(), board)]
    weave[name] = 127.5 * torch.cat(parts).square().mean().sqrt().item()
    print(f"{weave[name]:.2f}  {name}")
real_weave, made_weave = weave.values()
if lab.profile != "smoke":
    assert made_weave > 3 * real_weave
# %% [markdown] lang="en"
# What survives the average is in every picture, whatever $z$: no noise but a habit. The numbers say how much of it alternates from column to column and from square to square of a chessboard: several times as much as in real faces. It is small, less than one level of grey out of 255, for training *has* taught the phases to agree. Almost. Nothing in the architecture makes them.
#
# ### Your neighbours and you
#
# Eight latents, painted four times: in evaluation mode, with the running averages; in training mode, in a batch with 56 other latents; with another 56; and alone, a batch of one. **Predict:** in which rows will a face look different?
# %% [markdown] lang="zh"
# 平均之后还在的，每幅图里都有，与 $z$ 无关：不是噪声，是习惯。两个数说的是其中有多少逐列交替，或者像棋盘那样黑白交替：是真实人像的好几倍。它很小，255 个灰度级里还不到一级，因为训练*已经*教各相位意见一致。只是差不多一致而已：网络结构里没有什么能保证这一点。
#
# ### 邻居与你
#
# 八个隐变量，各画四次：评估模式，用滑动平均；训练模式，与另外 56 个隐变量同批；换 56 个再来；最后独自一批。**先猜：** 哪几行里，脸会变样？
# %%
# alt-en: Four rows of eight faces. The first three rows look alike. In the last one, painted alone, colours are shrill and wrong: orange hair has turned blue, a pale lilac head black.
# alt-zh: 四行，每行八张脸。前三行看上去一样。最后一行是独自画的，颜色刺眼而且错乱：橙色的头发变成了蓝的，淡紫的头变成了黑的。
from ganlib.models.layers import untracked

painter = trainer.ema.gan.generator


@torch.no_grad()
def in_training_mode(z):
    painter.train()
    with untracked(painter):
        images = painter(z)
    painter.eval()
    return images


eight, crowd = z[:8], z[8:120]
rows = {
    "evaluation mode": painted(eight),
    "56 neighbours": in_training_mode(torch.cat([eight, crowd[:56]]))[:8],
    "56 others": in_training_mode(torch.cat([eight, crowd[56:]]))[:8],
    "alone": torch.cat([in_training_mode(one[None]) for one in eight]),
}
sheet = viz.tile(torch.cat(list(rows.values())), 8)
fig, (ax,) = viz.panels(width=7.4, height=2.9)
ax.imshow(sheet, interpolation="nearest")
side = data.shape[-1] + 1
ax.set_yticks([side * (i + 0.5) for i in range(4)], map(lab.t, rows))
ax.tick_params(length=0)
ax.set_xticks([])
ax.grid(visible=False)
ax.spines[:].set_visible(False)
fig
# %%
bytes_of = {
    name: features.to_bytes(it).float() for name, it in rows.items()
}
exact = bytes_of["evaluation mode"]
away = {name: (it - exact).abs().mean() for name, it in bytes_of.items()}
away["two faces"] = (exact - exact.roll(1, 0)).abs().mean()
for name, levels in away.items():
    print(f"{levels:5.1f}  {lab.t(name)}")
if lab.profile != "smoke":
    assert away["56 neighbours"] < away["alone"] / 2
# %% [markdown] lang="en"
# In grey levels per pixel: among 56 neighbours a face differs a little from itself in evaluation mode, among 56 others by another little, for each face depends on who else is in the batch. Alone, its own mean and spread take the place of everybody's. A channel that is large all over the picture, and so says "blue", says nothing any more once this very picture normalises it. That is why `sample` switches to evaluation mode, and why a generator that is put into a web page in training mode paints odd faces, one at a time.
#
# ## 7 · Measure it
#
# The reader now looks at all the samples. 13 attributes: for each the total variation between the shares that it reads and the true ones, and we ask for their mean and for the worst. **Predict** the worst.
# %% [markdown] lang="zh"
# 以每像素的灰度级计：与 56 个邻居同批，一张脸和评估模式下的自己略有不同；换一批邻居，又是另一种略有不同，因为每张脸都有一点取决于同批还有谁。独自一批时，它自己的均值与离散程度取代了大家的。某个通道若在整幅图上都大，意思是“蓝”；一旦拿这幅图自己来归一化，它就什么也没说。所以 `sample` 要切换到评估模式；把训练模式的生成器放上网页，一次只画一张，画出来的脸就是怪的。
#
# ## 7 · 度量
#
# 现在请读属性的网络看全部样本。13 个属性，各算一个读出的比例与真实比例之间的全变差距离，我们要看平均值与最差的一个。**先猜**最差的是哪个。
# %%
# alt-en: Thirteen small bar charts of shares in percent, with a dark stroke at each true share. Glasses, skin and most hair colours end close to the strokes. Of the eyes nearly half are brown instead of a fifth, and few are green or red; more than half of the faces are pointed instead of a third.
# alt-zh: 十三幅小条形图，画的是百分比，真实比例处有深色短线。眼镜、肤色与大多数发色与短线相差不多。眼睛近一半是棕色，本该只占五分之一，绿色与红色很少；尖脸超过一半，本该只占三分之一。
from ganlib.metrics.attributes import avatar_law

fake = features.extract(made, "avatars")
read = features.attributes(fake)
law = {name: chances for (name,), chances in avatar_law().items()}
shown = ganlib.data.Images(
    features.to_bytes(made).cpu(),
    attributes=read,
    vocabulary=data.vocabulary,
)
viz.histograms(shown, law)
# %% [markdown] lang="en"
# The bars are what the reader sees, the strokes the truth. Now a claim, with the numbers for real faces as a floor and two controls that must fail: a generator that was never trained, and one that paints a single face over and over.
# %% [markdown] lang="zh"
# 条是读出来的，短线是真实的。现在立一条结论：真实人像的数作本底，另有两个必须不及格的对照：从没训练过的生成器，以及翻来覆去只画一张脸的。
# %%
held_out = ganlib.load(
    "avatars",
    size=data.shape[-1],
    split="test",
    n=lab.pick(smoke=500, cpu=5000, gpu=5000),
)
real = features.extract(held_out.pixels[:n], "avatars")
untrained = ganlib.build("gan", data.shape, model="dcgan-small")
judged = {
    "real": features.attributes(real),
    "generated": read,
    "untrained": features.attributes(untrained.sample(400)),
    "one face": {
        name: seen[:1].repeat(400) for name, seen in read.items()
    },
}
mean, worst = {}, {}
for name, seen in judged.items():
    result = attribute_tv(seen)
    mean[name], worst[name] = result.value, max(result.details.values())
    hardest = max(result.details, key=result.details.get)
    print(f"{mean[name]:.3f}  {worst[name]:.3f}  ", end="")
    print(f"{lab.t(name)} ({lab.t(hardest)})")


# en: Five pilot runs, seeds 0 to 4: mean 0.108 to 0.152, worst attribute
# en: (the eyes, each time) 0.31 to 0.44. The bounds: 30 % above the worst.
# zh: 五次预备训练，种子 0 到 4：平均 0.108 到 0.152，最差的属性
# zh: （每次都是眼睛）0.31 到 0.44。两个界都比最差的一次放宽三成。
def recognisable(name):
    return mean[name] < 0.20 and worst[name] < 0.57


assert recognisable("real")
assert not recognisable("untrained") and not recognisable("one face")
if lab.profile != "smoke":
    assert recognisable("generated")
# %% [markdown] lang="en"
# After 600 steps hair, skin, shirts and glasses are roughly right. The colour of the eyes is a matter of a few pixels out of 1,024, and D has easier things to object to; so G gets away with brown, or whatever its favourite is. This is mode dropping, seen in a single attribute.
#
# And the usual two numbers, with what they were computed from. (Chapter 15 is about what they see and what they miss.)
# %% [markdown] lang="zh"
# 600 步之后，头发、肤色、上衣与眼镜大致对了。眼睛的颜色在 1,024 个像素里只占几个，D 有的是更容易挑的毛病；所以 G 一味画棕色，或者别的哪种它偏爱的颜色，也蒙混得过去。这就是模式丢失，在单单一个属性上看得清清楚楚。
#
# 再算常用的两个数，连同它们由什么算出。（它们看得见什么、漏掉什么，第 15 章专门讲。）
# %%
from ganlib.metrics.fid import fid
from ganlib.metrics.kid import kid, mmd2

print(fid(real, fake))
print(kid(real, fake, subsets=20))
# %% [markdown] lang="en"
# ## 8 · Arithmetic with latents
#
# First, walk: four circles through the latent space at once. In a running notebook each position is computed when you ask for it.
# %% [markdown] lang="zh"
# ## 8 · 隐变量的算术
#
# 先散步：同时沿隐空间里的四个圆周。在运行着的笔记本里，你走到哪里，图像就算到哪里。
# %%
viz.latent_walk(trainer, gan.latent_dim, live=lab.live, copies=4, steps=16)


# %% [markdown] lang="en"
# ### A direction for every word
#
# We have thousands of latents, and for each the attributes of its picture. For every value, "pink hair", "glasses", "facing left", the mean latent of the pictures that have it, minus the mean of those that have not, is a direction. Take fresh faces without it, go a distance of 5 that way, put the result back on the sphere where latents live, and read again. As a control, go as far in a random direction.
#
# **Predict:** how often will the face have the attribute afterwards? How often by the random step? And what happens to the other twelve attributes?
# %% [markdown] lang="zh"
# ### 每个词一个方向
#
# 手上有几千个隐变量，每一个的图有什么属性也都知道。对每个取值，例如“粉色头发”“戴眼镜”“脸朝左”，有它的那些图的平均隐变量，减去没有它的那些的平均，就是一个方向。取几张没有它的新面孔，沿这个方向走长度 5，再放回隐变量所在的球面上，重新读一遍。作为对照，沿随机方向走同样远。
#
# **先猜：** 走过之后，有多少张脸有了这个属性？沿随机方向呢？其余十二个属性又会怎样？
# %%
def unit(way):
    return way / way.norm()


def moved(z, way, length=5.0):
    new = z + length * way
    return new * (z.norm(dim=1) / new.norm(dim=1))[:, None]


def words_of(z):
    return features.attributes(features.extract(painted(z), "avatars"))


fresh = gan.latent(lab.pick(smoke=60, cpu=500, gpu=1000))
was = words_of(fresh)
# %%
ways, results = {}, {}
for name, words in data.vocabulary.items():
    for value in range(len(words)):
        has = (read[name] == value).to(z.device)
        start = (was[name] != value).nonzero()[:50, 0]
        if has.sum() < 20 or len(start) < 20:
            continue
        ways[name, value] = unit(z[has].mean(0) - z[~has].mean(0))
        by_chance = unit(torch.randn_like(ways[name, value]))
        for kind, way in (
            ("its way", ways[name, value]),
            ("by chance", by_chance),
        ):
            now = words_of(moved(fresh[start.to(z.device)], way))
            same = {
                other: (now[other] == was[other][start]).double().mean()
                for other in now
            }
            hit = (now[name] == value).double().mean()
            kept = (sum(same.values()) - same[name]) / 12
            results.setdefault((kind, name), []).append([hit, kept])
kinds = ("by chance", "its way") if results else ()
# %%
# alt-en: Two panels with a row for each of 13 attributes. Left, the share that has the attribute after the step: at most 0.21 for random directions, for its own direction 0.46 with skin and 0.73 to 1 with all others. Right, the share of the other twelve attributes that were kept: 0.62 to 0.73 for random directions, 0.45 to 0.64 for its own.
# alt-zh: 左右两图，13 个属性各占一行。左为走过之后有了这个属性的比例：随机方向至多 0.21；自己的方向，肤色是 0.46，其余都在 0.73 与 1 之间。右为其余十二个属性没变的比例：随机方向 0.62 到 0.73，自己的方向 0.45 到 0.64。
moves = [name for name in data.vocabulary if ("its way", name) in results]
fig, axes = viz.panels(2, width=4.4, height=4.2)
for kind, color in zip(
    kinds, (viz.COLORS[5], viz.COLORS[0]), strict=False
):
    means = [torch.tensor(results[kind, name]).mean(0) for name in moves]
    for ax, shares in zip(axes, zip(*means, strict=True), strict=True):
        ax.plot(shares, moves, "o", color=color, label=lab.t(kind))
for ax, title in zip(axes, ("has it now", "the others kept"), strict=True):
    ax.set_yticks(range(len(moves)), [lab.t(name) for name in moves])
    ax.set(xlim=(-0.03, 1.03), title=lab.t(title))
    ax.invert_yaxis()
axes[1].set_yticklabels([])
axes[1].legend(loc="lower left")
fig
# %%
total = {}
for kind in kinds:
    every = [
        it for (k, _), them in results.items() if k == kind for it in them
    ]
    total[kind], kept = torch.tensor(every).mean(0).tolist()
    print(f"{total[kind]:.2f}  {kept:.2f}  {lab.t(kind)}")
if lab.profile != "smoke":
    assert total["its way"] > 3 * total["by chance"]
    skins = [value for name, value in ways if name == "skin"]
    reached = results["its way", "skin"]
    for value, (hit, _) in zip(skins, reached, strict=True):
        print(f"{hit:.2f}  {lab.t(data.vocabulary['skin'][value])}")
# %% [markdown] lang="en"
# Nobody told G what a fringe is, and yet there is a direction for it, which works for most faces. A random step of the same length hits in about one case out of ten. The price stands on the right: the other attributes suffer, and more than from a random step. Directions are not independent of each other.
#
# The last lines are worth a thought: five colours of skin, from pale to dark. Everybody arrives at the outer two, nearly nobody at the second and the fourth. Light lies between pale and tan, and the light faces' mean is only on the pale *side* of all the others': whoever goes 5 that way runs past light and arrives at pale. A direction says "more"; it does not say "so much". (Exercise 3 goes more slowly.)
#
# All of it to play with, the same two faces and every direction:
# %% [markdown] lang="zh"
# 没有人告诉过 G 什么叫刘海，可是刘海偏偏有一个方向，对大多数脸都灵。同样长的随机一步，十次里大约碰中一次。代价在右图：其余属性受了牵连，比随机一步还重。各个方向并不互相独立。
#
# 最后几行值得想一想：五种肤色，由白到深。两头人人走得到，第二种与第四种几乎没人走到。浅色夹在白皙与小麦色之间，浅色人像的平均只是在其余人像平均的偏白*一侧*：沿这个方向走 5，就走过了浅色，到了白皙。方向说的是“更多”，没有说“多少为止”。（第 3 题走得慢一些。）
#
# 全都拿来玩：同样的两张脸，每个方向各走一遍：
# %%
from ganlib.data import avatars

two = fresh[:2]
tour = [("·", painted(two))]
for (name, value), way in ways.items():
    title = avatars.caption({name: value}, lab.lang)
    tour.append((title, painted(moved(two, way))))
viz.player(tour, columns=2, caption=str, scale=3, seconds=60)
# %% [markdown] lang="en"
# ### Long blonde minus short blonde plus short blue
#
# Now the paper's way, with three groups of examples and a plus and a minus: $Z=\bar z_A-\bar z_B+\bar z_C$, each bar the mean of $n$ latents. A is long blonde hair, B short blonde hair, C short blue hair; we hope for long blue hair, and the reader counts, in 200 trials, how often the picture has it. KID compares the pictures with real faces that have long blue hair.
#
# Controls: $\bar z_C$ plus a random vector as long as $\bar z_A-\bar z_B$; and the same sums done with *pixels*, cut off at black and white.
#
# **Predict:** which $n$ wins the count, and which the KID? How will pixels do?
# %% [markdown] lang="zh"
# ### 金色长发减金色短发，加蓝色短发
#
# 现在照论文的办法，取三组例子，一减一加：$Z=\bar z_A-\bar z_B+\bar z_C$，每个均值由 $n$ 个隐变量平均而得。A 是金色长发，B 是金色短发，C 是蓝色短发；我们盼望的是蓝色长发。做 200 次，由网络来数，有多少次图里果真如此；KID 则拿这些图与蓝色长发的真实人像比较。
#
# 对照：$\bar z_C$ 加一个随机向量，与 $\bar z_A-\bar z_B$ 一样长；以及直接用*像素*做同样的加减，超出黑白的截掉。
#
# **先猜：** 哪个 $n$ 数得最多，哪个 $n$ 的 KID 最小？像素呢？
# %%
long, short = (
    avatars.number("hair_length", word) for word in ("long", "short")
)
blonde, blue = (
    avatars.number("hair_colour", word) for word in ("blonde", "blue")
)


def who(seen, length, colour):
    seen_length, seen_colour = seen["hair_length"], seen["hair_colour"]
    return ((seen_length == length) & (seen_colour == colour)).cpu()


def some(length, colour, n):
    found = who(read, length, colour).nonzero()[:, 0]
    if lab.profile == "smoke":
        found = torch.arange(len(z))
    picks = [torch.randperm(len(found))[:n] for _ in range(trials)]
    return found[torch.stack(picks)].to(z.device)


trials = lab.pick(smoke=10, cpu=200, gpu=200)
wanted = who(held_out.attributes, long, blue)
goal = features.extract(held_out.pixels[wanted], "avatars")


def count(images, name):
    seen = features.extract(images, "avatars")
    hit = who(features.attributes(seen), long, blue).double().mean().item()
    print(f"{hit:.2f}  KID {mmd2(goal.values, seen.values):.2f}  {name}")
    return hit


# %%
groups = (long, blonde), (short, blonde), (short, blue)
share = {"ordinary": count(made, lab.t("ordinary"))}
pictures = {}
for each in (1, 3, 10):
    picks = [some(*group, each) for group in groups]
    a, b, c = (z[pick].mean(1) for pick in picks)
    change, Z = a - b, a - b + c
    noise = torch.randn_like(change)
    noise *= (change.norm(dim=1) / noise.norm(dim=1))[:, None]
    sphere = Z * (10 / Z.norm(dim=1))[:, None]
    x_a, x_b, x_c = (made[pick].mean(1) for pick in picks)
    sums = {
        "latents": painted(Z),
        "on the sphere": painted(sphere),
        "by chance": painted(c + noise),
        "pixels": (x_a - x_b + x_c).clamp(-1, 1),
    }
    print(f"n = {each}, |Z| = {Z.norm(dim=1).mean():.1f}")
    for name, images in sums.items():
        share[name, each] = count(images, lab.t(name))
        pictures[name, each] = images[:16]
if lab.profile != "smoke":
    assert share["latents", 3] > 2 * share["by chance", 3]
    assert share["on the sphere", 10] > share["latents", 1] + 0.3
    assert share["pixels", 3] > share["latents", 3]
# %%
# alt-en: Two grids of 16 faces for n = 3. Left, from latents: most have blue or bluish hair, many of them long, and each is one face. Right, from pixels: paler faces with blue hair over which a second outline or shadows of other hair show through.
# alt-zh: n = 3 的两组图，各 16 张脸。左边由隐变量算出：大多是蓝色或偏蓝的头发，许多是长发，每张都是一张脸。右边由像素算出：脸色淡一些，蓝发之上透出另一道轮廓，或别的头发的影子。
viz.grid(
    {lab.t(name): pictures[name, 3] for name in ("latents", "pixels")},
    columns=8,
    scale=lab.pick(smoke=1, cpu=1.6, gpu=0.8),
)
# %% [markdown] lang="en"
# What the numbers say:
#
# * **It works.** Ordinary samples have long blue hair about five times in a hundred, and C plus a random vector at most about twice as often. With three examples each, the sum of latents has it more often than not.
# * **Single examples are too long.** For $n=1$ the sum has length 17 and lands where G was never trained. For $n=3$ it has the length of a latent, as the page computes, and the smallest KID of the three. For $n=10$ it is too short (5.7).
# * **Ten examples count better still.** Less of the accidental is left in the sum. Going back to the sphere helps the pictures, says KID; but the faces come to resemble each other, and KID minds that too.
# * **Pixels count best of all.** From the paper one would not expect that. But the variances are the same for pixels, $3/n$ of a picture's own; and our faces all sit in the same place, so three hairdos laid over each other still are a hairdo. Look at the pictures: on the right they are ghosts. A reader of attributes is content with ghosts.
#
# So by itself the count is no evidence for a well-ordered latent space. Without the last control we would have taken it for one.
#
# ## 9 · Each guideline switched off once
#
# The theory page lists the paper's five guidelines; `benchmarks/guidelines.py` gives each of them up once, with five seeds, while everything else stays as it is. Beside them stand three habits that are in the paper's code or in the usual code but not on the list: the initial weights, $\beta_1$, and the offset of section 4.
#
# @RECORD guidelines@
#
# **Predict** before you read on: which column would have told you nothing?
#
# * **Guidelines 1 to 3 carry the network.** Without strides the FID is twice as large, without batch normalisation more than twice, and with a dense hidden layer in each three times as large. The dense row has more than four times as many numbers to learn (2.5 million against 0.54): it does not fail for want of size.
# * **Guidelines 4 and 5 do nothing that we can measure.** $\tanh$ in the generator, no $\tanh$ at its end, ReLU in the discriminator: against the same seed as advised, the FID changes by $-5\pm3$, $0\pm1$ and $-2\pm2$. That holds for eight-layer games on $32\times32$ pixels; in deeper networks saturated units may well matter.
# * **Adam's usual $\beta_1$ is the costliest line of all.** 0.9 is what every library takes if you say nothing. The initial weights that PyTorch gives cost $14\pm4$.
# * **Without the offset** the FID is four points larger, and the attributes are at 0.16 instead of 0.12: less than one might fear after section 4, and with another loss or on digits it is worse (the theory page). The second exercise below looks at the pictures.
#
# And the column that tells nothing is *precision*: it gives every row 0.96 to 0.99, and the highest mark goes to a row whose faces are bad, the one without batch normalisation. Its samples crowd in the middle of the cloud of features ([chapter 15](../../book/en/15-evaluation.md) says why that is rewarded). *Recall* is next to nothing for all.
#
# A row says what happens to somebody who changes one line and leaves the rest. It does not say what is the best that can be had without that line: the rate is the one that suits the advised network, and a network without batch normalisation, say, might like a smaller one.
# %% [markdown] lang="zh"
# 数字是这样说的：
#
# * **行得通。** 普通样本一百次里约有五次是蓝色长发，C 加随机向量至多也就是它的两倍左右。各取三个例子，隐变量的和多半就是蓝色长发。
# * **单个例子太长。** $n=1$ 时，和的长度是 17，落在 G 从没训练过的地方。$n=3$ 时长度与隐变量相同，与理论页的计算一致，KID 也是三者中最小的。$n=10$ 则太短（5.7）。
# * **十个例子数得更多。** 和里剩下的偶然成分更少。回到球面上，图会好一些，KID 是这样说的；只是脸也越来越像，KID 对此同样不满。
# * **数得最多的竟是像素。** 读过论文的人不会料到。可是像素的方差也是同一笔账：是一幅图自己的 $3/n$；而我们的人像都坐在同一个位置，三个发型叠在一起仍是一个发型。看看图：右边的都是重影。读属性的网络，有重影也满意。
#
# 所以单凭数出来的结果，证明不了隐空间井井有条。没有最后那个对照，我们就当它证明了。
#
# ## 9 · 五条准则，逐条关掉
#
# 理论页列出了论文的五条准则；`benchmarks/guidelines.py` 每次放弃其中一条，各跑五个种子，其余一切不变。表里另有三项，清单上没有，却写在论文的代码或通行的代码里：初始权重、$\beta_1$，以及第 4 节的偏置。
#
# @RECORD guidelines@
#
# **先猜再看：** 哪一列什么也没有告诉你？
#
# * **撑起网络的是第 1 到第 3 条。** 不用步幅，FID 翻一倍；不用批量归一化，翻一倍还多；双方各加一个全连接的隐藏层，就是三倍。后一种网络要学的数有四倍多（250 万对 54 万），可见它不是败在容量上。
# * **第 4、5 条的作用，我们测不出来。** 生成器改用 $\tanh$、末端不用 $\tanh$、判别器改用 ReLU，与照做时的同一种子相比，FID 的变化是 $-5\pm3$、$0\pm1$、$-2\pm2$。这是 $32\times32$ 像素、双方合计八层的结论；网络更深时，饱和的单元未必无害。
# * **代价最大的一行，是 Adam 惯用的 $\beta_1$。** 什么都不写，各个库给你的就是 0.9。PyTorch 的初始权重则使 FID 增加 $14\pm4$。
# * **去掉偏置**，FID 只增加 4，属性的总变差则从 0.12 升到 0.16。看过第 4 节，也许会以为更糟；换一种损失，或者换成手写数字，确实更糟（见理论页）。下面第 2 题来看它的图。
#
# 什么也没有告诉你的那一列，是*精确率*：每一行它都给 0.96 到 0.99，得分最高的一行，偏偏是画得很差的“不用批量归一化”。样本都挤在特征点云的中央，而这为什么会得高分，见[第 15 章](../../book/zh/15-evaluation.md)。*召回率*则人人接近于零。
#
# 每一行说的是：只改这一处、其余照旧，会怎样。它没有说，不要这一处，最好能做到怎样：学习率是为照做的网络选的，比如不用批量归一化的网络，也许小一点的更合适。
# %% [markdown] lang="en"
# ## Try it
#
# 1. **The paper's learning rate.** Train with `lr=2e-4`. What becomes of the third number, and of the attributes after 600 steps?
# 2. **Without the offset.** Let G learn from a D that cannot see contrast. What do you expect of its pictures? Compare the standard deviation of all their pixels with that of real faces.
# 3. **Shorter steps.** In section 8, light and brown skin were hardly ever reached. Walk in the direction "light" with lengths 1, 2, 3 and 5. Which skin do you arrive at?
#
# <details><summary>Answer 1</summary>
#
# When we tried (seed 0), D's step took $D(G(z))$ from 0.16 to 0.11 in the last hundred steps: a third off, not half. After 600 steps attribute TV was 0.146, where the same seed reached 0.129 with $10^{-3}$; FID 51 instead of 45. The worst attribute, on the other hand, was 0.25 instead of 0.40. One run each: our five runs with $10^{-3}$ differ by more than that among themselves.
#
# </details>
#
# <details><summary>Answer 2</summary>
#
# ```python
# blind = Watched(
#     DCGANGenerator(data.shape, width=32),
#     DCGANDiscriminator(data.shape, width=32, offset=False),
#     100,
#     lr=1e-3,
# )
# ```
#
# When we tried (seed 0), the pixels of its samples had the standard deviation 0.34 after 300 steps and 0.44 after 600. Real faces have 0.50, and our five runs with the offset ended between 0.49 and 0.51. The log shows nothing of it: $D(x)$ 0.76, $D(G(z))$ 0.24, a healthy game. On digits the damage is far worse (the theory page has the numbers).
#
# </details>
#
# <details><summary>Answer 3</summary>
#
# ```python
# start = fresh[(was["skin"] != 1).nonzero()[:60, 0]]
# for length in (1.0, 2.0, 3.0, 5.0):
#     now = words_of(moved(start, ways["skin", 1], length))["skin"]
#     print(length, now.bincount(minlength=5).tolist())
# ```
#
# When we tried it on three runs, about a third arrived at "light" with length 1, and at most one in sixty with length 5, where nearly all were pale. The direction that we call "light" means above all "paler than the average", and whoever follows it far enough ends at the palest.
#
# </details>
#
# ## With a GPU
#
# Add `profile="gpu"` to the first cell: faces of $64\times64$ pixels, the network of section 3 with $w=64$, the paper's learning rate, 20,000 steps. For photographs take `ganlib.load("celeba", size=64)`, which tells you how to get the files; nobody reads these 13 attributes there, and FID is measured on `features.extract(…, "inception")`.
#
# Back to [the theory](../../book/en/04-dcgan.md), with its exercises.
# %% [markdown] lang="zh"
# ## 动手试试
#
# 1. **论文的学习率。** 用 `lr=2e-4` 训练。第三个数怎样了？600 步之后，属性又怎样？
# 2. **去掉偏置。** 让 G 跟一个看不见对比度的 D 学。你预计画出来的图会怎样？把全部像素的标准差与真实人像的比一比。
# 3. **步子小一点。** 第 8 节里，浅色与棕色的皮肤几乎走不到。沿“浅色”的方向分别走长度 1、2、3、5，各走到哪种肤色？
#
# <details><summary>答案 1</summary>
#
# 我们试的那一次（种子 0），最后一百步里，D 走一步，$D(G(z))$ 从 0.16 降到 0.11：少了三分之一，不是一半。600 步之后属性全变差是 0.146，而同一个种子用 $10^{-3}$ 是 0.129；FID 是 51，不是 45。最差的属性倒好一些，是 0.25，不是 0.40。两边各只一次：用 $10^{-3}$ 的那五次，彼此相差就不止这么多。
#
# </details>
#
# <details><summary>答案 2</summary>
#
# ```python
# blind = Watched(
#     DCGANGenerator(data.shape, width=32),
#     DCGANDiscriminator(data.shape, width=32, offset=False),
#     100,
#     lr=1e-3,
# )
# ```
#
# 我们试的那一次（种子 0），样本像素的标准差在 300 步时是 0.34，600 步时是 0.44。真实人像是 0.50，有偏置的那五次最后都在 0.49 与 0.51 之间。日志里什么也看不出：$D(x)$ 0.76，$D(G(z))$ 0.24，一局健康的博弈。换成手写数字，损害要大得多（数字见理论页）。
#
# </details>
#
# <details><summary>答案 3</summary>
#
# ```python
# start = fresh[(was["skin"] != 1).nonzero()[:60, 0]]
# for length in (1.0, 2.0, 3.0, 5.0):
#     now = words_of(moved(start, ways["skin", 1], length))["skin"]
#     print(length, now.bincount(minlength=5).tolist())
# ```
#
# 我们在三次训练上各试了一遍：长度 1 时约有三分之一走到“浅色”，长度 5 时六十个里至多一个，几乎全成了“白皙”。我们叫作“浅色”的那个方向，意思首先是“比平均更白”，沿着它走得够远，总会走到最白的一头。
#
# </details>
#
# ## 有 GPU 时
#
# 在第一个单元格里加上 `profile="gpu"`：人像 $64\times64$ 像素，第 3 节中 $w=64$ 的网络，论文的学习率，20,000 步。想用照片，就取 `ganlib.load("celeba", size=64)`，它会告诉你怎样得到文件；那里没有谁来读这 13 个属性，FID 用 `features.extract(…, "inception")` 来量。
#
# 回到[理论页](../../book/zh/04-dcgan.md)，做做那里的习题。
