# %% [markdown] lang="en"
# # Lab 15 · How good is it?
#
# You have two generators and one paper to write: which is better? A metric is an instrument, and nobody trusts an instrument that was never calibrated. Here you calibrate nine of them, on faces whose faults you planted yourself.
#
# In this lab you will
# * check the Fréchet formula of [the theory page](../../book/en/15-evaluation.md) against transport done point by point;
# * watch FID fall like $1/n$ between real faces and real faces, where it should be 0;
# * plant eight faults in real faces and find out which metric sees which, and which metrics *praise* a fault;
# * find a fault that everybody sees at a glance and no number here does;
# * train a small GAN, measure it twice, and write the line that a reader can check.
#
# Where it says **Predict**, answer before you run the cell. Everything is drawn on your machine; on two idle cores the lab takes about two and a half minutes, one of them for the GAN.
# %% [markdown] lang="zh" matches="0f3a6f8b837b"
# # 实验 15 · 到底有多好？
#
# 手上有两个生成器，论文只写一篇：哪个更好？指标是仪器，没有校准过的仪器谁也不会信。这里要校准九件仪器，用的是你亲手埋下毛病的人像。
#
# 在这个实验里，你将
# * 拿逐点配对的传输，核对[理论页](../../book/zh/15-evaluation.md)的 Fréchet 公式；
# * 看真实人像与真实人像之间的 FID 怎样随 $1/n$ 下降，而它本该是 0；
# * 在真实人像里埋下八种毛病，看哪个指标看得见哪一种，又有哪些指标竟会为毛病*加分*；
# * 找出一种毛病：人人一眼就能看出，这里的数字却一个也看不出；
# * 训练一个小 GAN，度量两次，写出一行读者可以核对的结果。
#
# 凡有**先猜**之处，请先回答再运行。所有数据都在你的机器上画出；在两个空闲的核上，整个实验约两分半钟，其中一分钟用来训练 GAN。
# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab("15-evaluation", lang="@LANG@", data="avatars")
# %% [markdown] lang="en"
# ## 1 · Warm-up: a distance between clouds
#
# Move one pile of sand onto another. The price of a grain is the square of the way it goes; $W_2^2$ is the mean price of the cheapest plan. On the line the cheapest plan is known: keep the order. For two Gaussians the theory page says $W_2^2=(\mu_1-\mu_2)^2+(\sigma_1-\sigma_2)^2$.
#
# **Predict.** $\mathcal N(0,1)$ is moved onto $\mathcal N(1,0.5^2)$. What is the price? And of the most foolish plan, in the opposite order?
# %% [markdown] lang="zh"
# ## 1 · 热身：两团点之间的距离
#
# 把一堆沙搬成另一堆。每粒沙的代价是它所走路程的平方；$W_2^2$ 就是最省的搬法的平均代价。在直线上，最省的搬法是已知的：保持次序。对两个高斯分布，理论页说 $W_2^2=(\mu_1-\mu_2)^2+(\sigma_1-\sigma_2)^2$。
#
# **先猜。** 把 $\mathcal N(0,1)$ 搬成 $\mathcal N(1,0.5^2)$，代价是多少？最笨的搬法，次序完全颠倒，又是多少？
# %% tags=["strict"]
import torch
from ganlib.metrics.fid import fid, frechet_distance

# en: The 100,000 quantiles of a Gaussian: its most even sample.
# zh: 高斯分布的 100,000 个分位数：最均匀的一份样本。
chances = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
x = torch.special.ndtri(chances)
y = 1 + 0.5 * x

formula = (0 - 1) ** 2 + (1 - 0.5) ** 2
in_order = (x - y).square().mean().item()
reversed_order = (x - y.flip(0)).square().mean().item()
ours = fid(x[:, None], y[:, None], floor=False).value
print(lab.t("price", name=lab.t("formula of the page"), price=formula))
print(lab.t("price", name=lab.t("in order"), price=in_order))
print(lab.t("price", name=lab.t("reversed"), price=reversed_order))
print(lab.t("price", name="fid()", price=ours))
assert abs(in_order - formula) < 1e-3 and abs(ours - formula) < 1e-3
assert reversed_order > formula + 1
# %% [markdown] lang="en"
# In the plane nothing is sorted, but for a thousand grains of each kind the best plan can be found: an assignment problem. Two long, thin clouds, the second turned by 45°. If the covariances commuted, $\|\Sigma_1^{1/2}-\Sigma_2^{1/2}\|_F^2$ would do. They do not.
# %% [markdown] lang="zh"
# 平面上没有次序可言，不过两边各一千粒沙时，最优的搬法还是找得到：这是一个指派问题。两团又细又长的点，第二团转了 45°。假如协方差矩阵可交换，用 $\|\Sigma_1^{1/2}-\Sigma_2^{1/2}\|_F^2$ 就够了。可惜不可交换。
# %% tags=["strict"]
import numpy as np
from scipy.optimize import linear_sum_assignment

root1 = torch.tensor([[2.0, 0.0], [0.0, 0.2]], dtype=torch.float64)
turn = torch.tensor([[1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
root2 = turn @ root1 @ turn.T / 2
zero = torch.zeros(2, dtype=torch.float64)
formula = frechet_distance(zero, root1 @ root1, zero, root2 @ root2)
commuting = (root1 - root2).square().sum().item()

rng = np.random.default_rng(0)
clouds = torch.from_numpy(rng.standard_normal((2, 1000, 2)))
cost = torch.cdist(clouds[0] @ root1, clouds[1] @ root2).square()
best = cost[linear_sum_assignment(cost)].mean().item()
print(lab.t("price", name=lab.t("formula of the page"), price=formula))
print(lab.t("price", name=lab.t("1,000 points"), price=best))
print(lab.t("price", name=lab.t("if they commuted"), price=commuting))
assert abs(best - formula) < 0.15 and commuting - formula > 0.9
# %% [markdown] lang="en"
# Two warnings before we use it. The first: the formula sees means and covariances, and *nothing else*. **Predict** the Fréchet distance between a Gaussian and a coin that shows $-1$ or $1$.
# %% [markdown] lang="zh"
# 使用之前，先看两个警示。其一：公式只看均值与协方差，*别的一概不看*。**先猜**：高斯分布与一枚非 $-1$ 即 $1$ 的硬币之间，Fréchet 距离是多少？
# %% tags=["strict"]
coin = x.sign()
distance = fid(x[:, None], coin[:, None], floor=False).value
transport = (x - coin).square().mean().item()
print(f"FID  {distance:.3f}")
print(f"W2²  {transport:.3f}")
assert distance < 1e-6 and transport > 0.4
# %% [markdown] lang="en"
# Zero, though the coin never shows what the Gaussian shows. The second warning is of the computer: with fewer samples than dimensions covariances are singular. Whoever inverts them, or takes a Cholesky root, is out of luck; singular values do not mind. For two lines, $\Sigma_1=aa^\top$ and $\Sigma_2=bb^\top$, the formula gives $|a|^2+|b|^2-2\,|a\cdot b|$.
# %% [markdown] lang="zh"
# 是零，虽然硬币给出的值与高斯分布毫不相干。其二来自计算机：样本数少于维数时，协方差矩阵是奇异的。要求逆，或者求 Cholesky 根的人，到这里就走不通了；奇异值却不在乎。对两条直线，即 $\Sigma_1=aa^\top$、$\Sigma_2=bb^\top$，公式给出 $|a|^2+|b|^2-2\,|a\cdot b|$。
# %% tags=["strict"]
a = torch.tensor([3, 4, 0], dtype=torch.float64)
b = torch.tensor([0, 5, 12], dtype=torch.float64)
zero = torch.zeros(3, dtype=torch.float64)
flat = frechet_distance(zero, a.outer(a), zero, b.outer(b))
by_hand = a @ a + b @ b - 2 * (a @ b).abs()
print(f"{flat:.6f} = {by_hand:.6f}")
assert abs(flat - by_hand) < 1e-9

try:
    torch.linalg.cholesky(a.outer(a))
except torch.linalg.LinAlgError:
    print("cholesky: LinAlgError")
else:
    raise AssertionError("a Cholesky root of a singular matrix")
# %% [markdown] lang="en"
# ### A score that never looks at the data
#
# The Inception Score asks a classifier only: is each image of a clear class, and are there all classes? Exercise 1 of the theory page has three generators and a classifier of ten classes. **Predict** the order: ten pictures and nothing else; the real data, of which a tenth is ambiguous; sevens and ones only.
# %% [markdown] lang="zh"
# ### 一个从不看数据的分数
#
# Inception 分数只问分类器：每幅图像的类别清楚吗？各类都有吗？理论页的第一道习题有三个生成器和一个十类的分类器。**先猜**谁高谁低：翻来覆去只有十幅图的；真实数据，其中十分之一模棱两可；只会写 7 和 1 的。
# %% tags=["strict"]
from ganlib.metrics.inception_score import inception_score


def score(probabilities):
    logits = probabilities.double().log()
    return inception_score(logits, splits=1, allow_small=True).value


clear = torch.full((10, 10), 0.01 / 9).fill_diagonal_(0.99)
both = torch.tensor([[i, j] for i in range(10) for j in range(i)])
unclear = torch.full((45, 10), 1e-12).scatter_(1, both, 0.5)
scores = {
    "ten pictures": score(clear),
    "real data": score(
        torch.cat([clear.repeat(81, 1), unclear.repeat(2, 1)])
    ),
    "sevens and ones": score(clear[[7, 1]]),
}
for name, value in scores.items():
    print(f"{value:5.2f}  {lab.t(name)}")
assert scores["ten pictures"] > scores["real data"] + 0.5
assert scores["sevens and ones"] < 2
# %% [markdown] lang="en"
# Ten pictures beat the data they come from. Keep that in mind for section 4.
#
# ## 2 · A tongue for faces
#
# Distances between pixels say little about faces. So a network tastes the images first: one that was trained to read all attributes of such faces, and ships with the library. Its 128 last numbers are the **features**; its answer about the hair colour are the **logits** that the Inception Score needs.
# %% [markdown] lang="zh"
# 十幅图竟胜过它们所出自的数据。记住这一点，第 4 节要用。
#
# ## 2 · 会品人像的舌头
#
# 像素之间的距离说明不了多少人像的事。所以先让一个网络来品尝：它学过读出这类人像的全部属性，随代码库附带。它最后一层的 128 个数就是**特征**；它对发色的回答就是 Inception 分数要用的 **logit**。
# %% tags=["strict"]
from ganlib.metrics import features

n = lab.pick(smoke=400, cpu=2000, gpu=2000)


def fresh(seed, n=n, **options):
    return ganlib.load(
        "avatars", size=32, n=n, split="test", seed=seed, **options
    )


held_out = fresh(0)
training = ganlib.load("avatars", size=32, n=2 * n)
few = features.extract(held_out.pixels[:5], "avatars")
print("values ", tuple(few.values.shape), few.extractor, few.resizer)
print("logits ", tuple(few.logits.shape))
# %%
# alt-en: Two rows of twelve drawn faces of 32 by 32 pixels, with hair in eight colours, in front of coloured backgrounds; some wear glasses.
# alt-zh: 两行人像，每行十二个，32×32 像素，头发有八种颜色，背景五颜六色，有人戴眼镜。
from ganlib import viz

viz.grid(held_out.pixels[:24], columns=12, scale=1.6)
# %% [markdown] lang="en"
# Three kinds of real faces will be needed, and they must not be confused: `training`, which a generator may learn from (and copy); `held_out`, the reference that samples are compared with; and as many `fresh` ones as we like, which stand for the perfect generator.
#
# What does the network read in the first three faces?
# %% [markdown] lang="zh"
# 真实人像要用到三种，不可混淆：`training`，生成器可以从中学习（也可能照抄）；`held_out`，即留出数据，样本要与它比较；还有要多少有多少的 `fresh`，代表完美的生成器。
#
# 网络在头三张脸里读出了什么？
# %% tags=["strict"]
from ganlib.data import avatars

asked = ("hair_colour", "hair_length", "eye_colour", "glasses")
seen = features.attributes(few)
for i in range(3):
    truth = {name: int(held_out.attributes[name][i]) for name in asked}
    read = {name: int(seen[name][i]) for name in asked}
    print(i + 1, lab.t("truth"), avatars.caption(truth, lab.lang))
    print(" ", lab.t("read"), avatars.caption(read, lab.lang))
    assert read == truth
# %% [markdown] lang="en"
# A tongue must be tested too. Here it reads all held-out faces; as a control its answers are compared with those of the *next* face.
# %% [markdown] lang="zh"
# 舌头也得检验。让它读一遍全部留出人像；作为对照，再拿它的回答去与*下一张*脸比。
# %%
real = features.extract(held_out)
train = features.extract(training)
seen = features.attributes(real)
right, chance = {}, {}
for name, truth in held_out.attributes.items():
    right[name] = (seen[name] == truth).double().mean().item()
    chance[name] = (seen[name] == truth.roll(1)).double().mean().item()
    print(f"{right[name]:6.1%}  {lab.t(name)}")
assert sum(right.values()) / len(right) > 0.97
assert sum(chance.values()) / len(chance) < 0.5
# %% [markdown] lang="en"
# Face shapes and freckles are hard at this size; the rest it knows.
#
# ## 3 · FID and the number of samples
#
# Ten thousand faces from the same pen as ten thousand others: a perfect generator. Beside it a slightly worn one, whose faces are a little blurred. Both are compared with $n$ real faces, for several $n$, each time with $n$ of their own, and as often as the ten thousand allow.
#
# **Predict.** What does FID say about the perfect generator at $n=200$: 0, about 1, or more than 10? What do you expect of KID?
# %% [markdown] lang="zh"
# 这个尺寸下脸形与雀斑不好认；其余的它都认得。
#
# ## 3 · FID 与样本数
#
# 一万张脸，与另外一万张出自同一支笔：这就是完美的生成器。旁边是一个略有磨损的，画出的脸稍稍模糊。两者都拿 $n$ 张脸去与 $n$ 张真实的脸比，取几个不同的 $n$；一万张够分几份，就比几次。
#
# **先猜。** 对完美的生成器，$n=200$ 时 FID 是多少：0、约 1，还是超过 10？KID 呢？
# %%
from ganlib.metrics.fid import fid_infinity
from ganlib.metrics.kid import kid, mmd2
from torch.nn import functional as F


def blurred(pixels, amount=1.0):
    kernel = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = kernel.outer(kernel).expand(3, 1, 3, 3)
    images = pixels.float()
    around = F.pad(images, (1, 1, 1, 1), mode="replicate")
    soft = F.conv2d(around, kernel, groups=3)
    return torch.lerp(images, soft, amount).round().byte()


most = lab.pick(smoke=800, cpu=10_000, gpu=20_000)
sizes = lab.pick(
    smoke=[200, 300, 400],
    cpu=[200, 300, 500, 1000, 2000, 5000],
    gpu=[200, 500, 1000, 2000, 5000, 10_000],
)
reference = features.extract(fresh(100, most))
soft = blurred(fresh(102, most).pixels, 0.5)
models = {
    "other real faces": features.extract(fresh(101, most)),
    "slightly blurred": features.extract(soft, "avatars"),
}
fids, kids, errors = {}, {}, {}
for name, made in models.items():
    for size in sizes:
        pairs = []
        for start in range(0, most - size + 1, size):
            a, b = (f[start : start + size] for f in (reference, made))
            pairs.append(
                [fid(a, b, floor=False).value, mmd2(a.values, b.values)]
            )
        pairs = torch.tensor(pairs)
        fids[name, size], kids[name, size] = pairs.mean(0).tolist()
        # en: Blocks share no image, so this is an honest standard error.
        # zh: 各份没有共同的图像，所以这样算的标准误是可信的。
        errors[name, size] = pairs[:, 1].std().item() / len(pairs) ** 0.5
# %%
# alt-en: Two panels over 1/n. Left, FID: two straight, nearly parallel lines of dots; that of the real faces ends in the origin, that of the blurred ones a little above. Right, KID with error bars: the real faces lie on the line at zero for every n, the blurred ones above it.
# alt-zh: 左右两图，横轴为 1/n。左为 FID：两列点各成一条直线，几乎平行；真实人像的那条通到原点，模糊的那条略高。右为 KID 及误差线：真实人像不论 n 多大都在零线上，模糊的在零线之上。
fig, (left, right) = viz.panels(2, width=4.4)
far = [s for s in sizes if s >= lab.pick(smoke=0, cpu=500, gpu=500)]
infinite = {}
for color, name in zip(viz.COLORS, models, strict=False):
    per_n = [1 / size for size in sizes]
    slope, infinite[name] = np.polyfit(
        [1 / s for s in far], [fids[name, s] for s in far], 1
    )
    ends = np.array([0, max(per_n)])
    left.plot(ends, infinite[name] + slope * ends, color=color, lw=1)
    left.plot(per_n, [fids[name, s] for s in sizes], "o", color=color)
    right.errorbar(
        per_n,
        [kids[name, s] for s in sizes],
        [2 * errors[name, s] for s in sizes],
        fmt="o",
        capsize=3,
        color=color,
        label=lab.t(name),
    )
right.axhline(0, color=viz.INK, lw=0.8)
for ax, name in ((left, "FID"), (right, "KID")):
    ax.set(xlabel="1 / n", ylabel=name)
    ax.set_xlim(left=0)
right.legend()
fig
# %%
perfect, worn = models
print(lab.t(perfect), "/", lab.t(worn))
for s in sizes:
    print(
        f"n = {s:4}   FID {fids[perfect, s]:5.2f} / {fids[worn, s]:5.2f}   "
        f"KID {kids[perfect, s]:+.4f} / {kids[worn, s]:+.4f} "
        f"± {errors[perfect, s]:.4f}"
    )
print(f"n = ∞      FID {infinite[perfect]:5.2f} / {infinite[worn]:5.2f}")
assert all(fids[perfect, s] > 0 for s in sizes)
if lab.profile != "smoke":
    # en: Like 1/n: n times FID is the same everywhere.
    # zh: 与 1/n 成正比：n 乘以 FID 处处相同。
    products = [s * fids[perfect, s] for s in sizes]
    assert max(products) < 1.15 * min(products)
    assert abs(infinite[perfect]) < 0.05 * fids[perfect, 1000]
    assert infinite[worn] > 0.1 * fids[perfect, 1000]
    assert fids[worn, 5000] < fids[perfect, 1000]
    for s in [s for s in sizes if most // s >= 5]:
        assert abs(kids[perfect, s]) < 4 * errors[perfect, s]
# %% [markdown] lang="en"
# The perfect generator gets more than 25 at $n=200$ and about 1 at $n=5000$: it is never 0, and $n\cdot\mathrm{FID}$ is the same all along. The lines are straight, so where they meet the left edge ($1/n=0$) one reads what samples without end would give: 0 for the perfect generator, more for the worn one. And the worn one with 5,000 samples has a *smaller* FID than the perfect one with 1,000: **never compare different $n$**. KID has no such floor: it lies on the zero line, above it here, below it there.
#
# `fid_infinity` draws such a line through one set of samples. It keeps all real faces at each point, so the bias of *their* number stays in: about half of the floor.
# %% [markdown] lang="zh"
# 完美的生成器在 $n=200$ 时得到 25 以上，在 $n=5000$ 时约为 1：永远不是 0，而 $n\cdot\mathrm{FID}$ 始终相同。两条线都是直的，所以在左边缘（$1/n=0$）可以读出样本无穷多时的值：完美的生成器是 0，磨损的大一些。再看：磨损的用 5,000 个样本，FID 竟比完美的用 1,000 个还*小*。**$n$ 不同，绝不可比。** KID 没有这样的本底值：它就在零线上下。
#
# `fid_infinity` 用一组样本画出这样一条线。它在每个点上都用全部真实人像，所以*真实*样本数有限带来的偏差还留着：约为本底值的一半。
# %%
for name, made in models.items():
    result = fid_infinity(reference, made, allow_small=most < 1280)
    print(result, "·", lab.t(name))
    if name == perfect and lab.profile != "smoke":
        floor = result.details["FID"]
        print(
            f"{result.value:.3f} / {floor:.3f} = {result.value / floor:.2f}"
        )
        assert 0.3 < result.value / floor < 0.7
# %% [markdown] lang="en"
# ## 4 · Eight planted faults
#
# Now the calibration. One function computes all nine numbers of a set of images, against the held-out faces:
# %% [markdown] lang="zh"
# ## 4 · 埋下八种毛病
#
# 现在开始校准。一个函数，算出一组图像相对于留出人像的全部九个数：
# %%
from ganlib.labels import word
from ganlib.metrics.attributes import attribute_tv
from ganlib.metrics.memorisation import memorisation
from ganlib.metrics.precision_recall import (
    density_coverage,
    precision_recall,
)


def measure(images, real=real):
    fake = features.extract(images, "avatars")
    precise, recalled = precision_recall(real, fake)
    dense, covered = density_coverage(real, fake)
    read = features.attributes(fake)
    return {
        "FID": fid(real, fake, floor=False).value,
        "KID": mmd2(real.values, fake.values),
        "IS": inception_score(fake, splits=1).value,
        "precision": precise.value,
        "recall": recalled.value,
        "density": dense.value,
        "covered": covered.value,
        "attribute TV": attribute_tv(read).value,
        "memorised": memorisation(train, real, fake).value,
    }


draws = lab.pick(smoke=3, cpu=10, gpu=20)
controls = [measure(fresh(seed).pixels) for seed in range(1, draws + 1)]
usual, spread = {}, {}
for name in controls[0]:
    values = torch.tensor([control[name] for control in controls])
    usual[name], spread[name] = values.mean().item(), values.std().item()
    print(f"{usual[name]:7.3f} ± {spread[name]:.3f}  {word(name)}")
# %% [markdown] lang="en"
# That is what a perfect generator gets: the **floor** and its scatter over ten fresh sets. (Attribute TV: how far the shares of the attributes read are from the true ones, mean over 13 attributes. Memorised: share of samples that are nearer to a training face than 99 % of held-out faces are.) And these are the patients:
# %% [markdown] lang="zh"
# 这就是完美的生成器所得的数：**本底值**，以及它在十组新画的人像之间的波动。（属性全变差：读出的各属性比例与真实比例相差多少，取 13 个属性的平均。照抄：有多少样本，离最近的训练人像比 99% 的留出人像还近。）病人们来了：
# %%
# alt-en: Nine rows of fourteen faces: fresh, blurred, grainy, none with long hair, none with red hair, 80 faces repeated, copies of training data, blue faces with red and blue swapped, and fresh faces of which one is coloured noise.
# alt-zh: 九行人像，每行十四个：新画的、模糊的、有噪点的、没有长发的、没有红发的、80 张脸反复出现的、照抄训练集的、红蓝互换而脸色发青的，最后一行是新画的人像，其中一个换成了彩色噪声。
base = fresh(20)
pixels = base.pixels
g = torch.Generator().manual_seed(lab.seed)
noise = torch.randint(0, 256, pixels.shape, generator=g).byte()
grain = 16 * torch.randn(pixels.shape, generator=g)
ten_each = [(base.labels == c).nonzero()[:10, 0] for c in range(8)]
faults = {
    "fresh": pixels,
    "blurred": blurred(pixels),
    "grainy": (pixels + grain).round().clamp(0, 255).byte(),
    "no long hair": fresh(20, without=[("hair_length", "long")]).pixels,
    "no red hair": fresh(20, without=[("hair_colour", "red")]).pixels,
    "80 faces": pixels[torch.cat(ten_each).repeat(n // 80)],
    "copied": training.pixels[torch.randperm(2 * n, generator=g)[:n]],
    "channels swapped": pixels.flip(1),
    "5 % noise": torch.cat([noise[: n // 20], pixels[n // 20 :]]),
}

shown = torch.linspace(0, n - 1, 14).long()
sheet = viz.tile(torch.cat([f[shown] for f in faults.values()]), 14)
fig, (ax,) = viz.panels(width=7.2, height=4.4)
ax.imshow(sheet)
ax.set_yticks([17 + 33 * i for i in range(9)], map(lab.t, faults))
ax.tick_params(length=0)
ax.set_xticks([])
ax.grid(visible=False)
ax.spines[:].set_visible(False)
fig
# %% [markdown] lang="en"
# **Predict**, and write it down: for each row, which of the nine metrics will see it? A cell of the table is marked if it lies five standard deviations (of fresh sets) or more from the mean of fresh sets. Why five? There are 72 questions; at two, several innocent cells would be marked by chance.
# %% [markdown] lang="zh"
# **先猜**，并且写下来：每一行，九个指标里哪些看得见？与新画人像的平均值相差五个标准差以上的格子（标准差取新画的各组之间的），就打上记号。为什么是五？一共问了 72 次；若取二，总有几格会碰巧蒙冤。
# %%
# alt-en: A table of nine rows and nine columns, orange where a number is worse than that of fresh faces, blue where it is better. Blur, grain and swapped colours are orange under FID, KID and recall, but blue under precision and density. No long hair is orange under FID, KID, recall, coverage and attribute TV, no red hair under FID, IS and attribute TV. 80 faces are orange in most columns and blue under IS. Copies are orange under memorised only. Noise images are orange under FID, KID, IS and attribute TV. Fresh faces are not marked.
# alt-zh: 九行九列的表，比新画的人像差的格子为橙色，比它还好的为蓝色。模糊、噪点与红蓝互换在 FID、KID、召回率下为橙色，在精确率与密度下却为蓝色。没有长发的在 FID、KID、召回率、覆盖率、属性全变差下为橙色，没有红发的在 FID、IS、属性全变差下为橙色。80 张脸的那行多数为橙色，IS 下为蓝色。照抄的只在“照抄”一列为橙色。混入噪声图的在 FID、KID、IS、属性全变差下为橙色。新画的人像没有记号。
LOWER_IS_BETTER = ("FID", "KID", "attribute TV", "memorised")


def verdict(values):
    marks = {}
    for name, value in values.items():
        z = (value - usual[name]) / spread[name]
        z = -z if name in LOWER_IS_BETTER else z
        marks[name] = 0 if abs(z) < 5 else 1 if z > 0 else -1
    return marks


def show(rows):
    texts = {
        word(row): [
            f"{v:.2f}" if v > 2 else f"{v:.3f}" for v in it.values()
        ]
        for row, it in rows.items()
    }
    marks = {
        word(row): [*verdict(it).values()] for row, it in rows.items()
    }
    words = {-1: lab.t("worse"), 1: lab.t("better")}
    return viz.table(texts, [word(name) for name in usual], marks, words)


found = {name: measure(images) for name, images in faults.items()}
show(found)
# %% [markdown] lang="en"
# Now the claims, one by one. We tried them on four different draws of all these faces, and they held each time.
# %% [markdown] lang="zh"
# 现在把结论逐条写成断言。我们把所有人像换过四批来试，每次都成立。
# %%
must_see = {
    "blurred": ("FID", "KID", "recall"),
    "grainy": ("FID", "KID", "recall"),
    "no long hair": ("FID", "KID", "recall", "attribute TV"),
    "no red hair": ("FID", "IS"),
    "80 faces": ("FID", "KID", "recall", "covered", "attribute TV"),
    "copied": ("memorised",),
    "channels swapped": ("FID", "KID", "IS", "recall", "attribute TV"),
    "5 % noise": ("FID", "IS"),
}
must_not_see = {
    "blurred": ("precision", "density", "covered"),
    "grainy": ("precision", "density", "covered"),
    "no long hair": ("IS", "precision"),
    "no red hair": ("precision",),
    "80 faces": ("IS",),
    "copied": tuple(name for name in usual if name != "memorised"),
    "channels swapped": ("precision", "density"),
    "5 % noise": ("precision", "recall", "density", "covered"),
}
for name, values in found.items():
    marks = verdict(values)
    worse = {metric for metric, mark in marks.items() if mark < 0}
    print(lab.t(name), "·", ", ".join(map(word, sorted(worse))) or "-")
    if lab.profile != "smoke" and name != "fresh":
        assert worse >= set(must_see[name])
        assert not worse & set(must_not_see[name])
if lab.profile != "smoke":
    assert not any(verdict(found["fresh"]).values())
    for name in ("blurred", "grainy", "channels swapped"):
        assert verdict(found[name])["density"] == 1
        assert found[name]["precision"] > usual["precision"]
    # en: Three that come close to the five deviations, now above, now below.
    # zh: 三处与五个标准差相差无几，有时过线，有时不过。
    assert found["80 faces"]["IS"] > usual["IS"]
    assert found["no long hair"]["covered"] < usual["covered"]
    assert found["no red hair"]["attribute TV"] > usual["attribute TV"]
# %% [markdown] lang="en"
# Read the table by columns.
#
# * **FID** sees every fault but the copies, **KID** nearly so: a hair colour that is missing, an eighth of the people, is close to what it can tell from chance at this $n$.
# * **IS** sees what touches the hair colour, since that is what its classifier was asked. Lost long hair, or 80 faces, ten of each colour, over and over: all the same to it, and the 80 score even higher than the data.
# * **Recall** sees lost variety, in long hair, in blur, in repetition. Noise images among the others it forgives.
# * **Precision**, which is to say how many samples could be real, sees *none* of the eight; under blur, grain and wrong colours it even rises, in this draw far enough for a triangle upwards. **Density** praises them still more. How can that be? Section 5.
# * **Coverage** sees lost people (without long hair only just), but forgives what is bad beside the good.
# * **Attribute TV** sees wrong shares, however the pictures look: grain it does not mind.
# * And the **copies** are, to eight of the nine, a perfect generator.
#
# (80 faces are few, whatever the number of their copies: that row scatters more than the others, so do not read too much into its small deviations.)
#
# The copies were measured against held-out faces. Many papers measure against the *training* set. What does a thief get there who replays it, each face once?
# %% [markdown] lang="zh"
# 请一列一列地读这张表。
#
# * **FID** 除了照抄，每种毛病都看得见；**KID** 差不多也是：缺一种发色，也就是少了八分之一的人，在这个 $n$ 下，它几乎分不清是不是碰巧。
# * **IS** 只看得见牵涉发色的事，因为它的分类器只被问了发色。没有长发也好，80 张脸（每种发色十张）反复出现也好，在它眼里没有分别；那 80 张的得分甚至比数据还高。
# * **召回率**看得见变化少了：长发、模糊、反复出现。混进来的噪声图，它不计较。
# * **精确率**问的是有多少样本可能是真的，这八种毛病它却*一种*也看不见；遇到模糊、噪点与错误的颜色反而升高，在这一批里高到得了朝上的三角。**密度**夸得更厉害。怎么会这样？见第 5 节。
# * **覆盖率**看得见少了哪些人（没有长发的只是勉强看得见），却不计较好图旁边的坏图。
# * **属性全变差**看得见比例不对，不管图画得怎样：噪点它无所谓。
# * 至于**照抄**，九个指标里有八个把它当作完美的生成器。
#
# （80 张脸，再怎么重复也只是 80 张：这一行的波动比别的行大，小的偏差不必当真。）
#
# 照抄的那一行是与留出人像比的。许多论文是与*训练*集比。窃贼若把训练集重放一遍，每张脸一次，在那里会得到什么？
# %% tags=["strict"]
thief = measure(training.pixels[:n], real=train[:n])
for name in ("FID", "precision", "recall", "density", "covered"):
    print(f"{thief[name]:6.3f}  {word(name)}")
print("KID < 0:", thief["KID"] < 0)
assert thief["FID"] < 1e-6 and thief["KID"] < 0
# %% [markdown] lang="en"
# Full marks, better than any honest generator. (On the theory page density is $\frac{k+1}k$ here; its balls are closed, those of the library open, as in the authors' code.) So: compare with held-out data, and ask for copies separately.
#
# ## 5 · What a tongue cannot taste
#
# Here are faces of the perfect generator, with one change. **Predict:** which of the nine metrics will see it?
# %% [markdown] lang="zh"
# 满分，比任何老实的生成器都好。（理论页上，这里的密度是 $\frac{k+1}k$：那里用闭球，代码库与原作者的代码一样用开球。）所以：与留出数据比，是否照抄要另外问。
#
# ## 5 · 舌头尝不出的味道
#
# 下面是完美的生成器画的人像，只改了一处。**先猜：** 九个指标里，哪个看得出？
# %%
# alt-en: Two rows of twelve faces, each with a white square in the lower right corner.
# alt-zh: 两行人像，每行十二个，每张右下角都有一个白色方块。
stamped = fresh(1).pixels.clone()
stamped[..., -3:, -3:] = 255
viz.grid(stamped[:24], columns=12, scale=1.6)
# %%
# alt-en: A table of two rows, fresh faces and faces with a white square in the corner. No cell is marked.
# alt-zh: 两行的表：新画的人像，角上有白块的人像。没有一格有记号。
compared = {"fresh": controls[0], "stamped": measure(stamped)}
show(compared)
# %% [markdown] lang="en"
# None, though you see it at a glance. A network that was trained to tell hair from glasses never needed that corner. The distance is not to blame, nor is $n$: what $\phi$ does not distinguish, no distance can bring back. Another tongue, a very simple one, tastes it at once: the mean colours of 64 fields of the image, 192 numbers.
# %% [markdown] lang="zh"
# 没有一个，而你一眼就能看出。学着分辨头发与眼镜的网络，从来用不着那个角落。不能怪距离，也不能怪 $n$：$\phi$ 分不清的东西，什么距离也补不回来。换一条很简单的舌头，立刻就尝得出：把图像分成 64 格，取各格的平均颜色，共 192 个数。
# %%
from ganlib.metrics.base import Features


def fields(images):
    means = F.avg_pool2d(images.float(), 4).flatten(1)
    return Features(means / 255, "64 fields")


tasted = {}
for name, images in {"fresh": fresh(1).pixels, "stamped": stamped}.items():
    result = fid(fields(held_out.pixels), fields(images))
    print(result, "·", lab.t(name))
    tasted[name] = result.value
if lab.profile != "smoke":
    assert not any(verdict(compared["stamped"]).values())
    assert tasted["stamped"] > 2 * tasted["fresh"]
# %% [markdown] lang="en"
# ### More real than real
#
# And why does precision like blur? Let us ask for the worst: images of pure noise, and a plain grey that is no image at all. The columns: how far the features are from the centre of the real ones, precision, density, FID.
#
# **Predict** the precision of pure noise.
# %% [markdown] lang="zh"
# ### 比真的还真
#
# 精确率为什么喜欢模糊？不如拿最糟的来问：纯噪声的图，以及根本算不上图的一片纯灰。各列依次是：特征离真实特征的中心有多远、精确率、密度、FID。
#
# **先猜**纯噪声的精确率。
# %%
centre = real.values.mean(0)
suspects = {
    "fresh": pixels,
    "blurred": faults["blurred"],
    "channels swapped": faults["channels swapped"],
    "noise": noise,
    "plain grey": torch.full_like(noise, 128),
}
result = {}
for name, images in suspects.items():
    fake = features.extract(images, "avatars")
    away = (fake.values - centre).norm(dim=1).mean().item()
    precise = precision_recall(real, fake)[0].value
    dense = density_coverage(real, fake)[0].value
    result[name] = away, precise, dense, fid(real, fake).value
    print(
        "{:6.1f} {:6.3f} {:6.2f} {:7.1f}  ".format(*result[name]), end=""
    )
    print(lab.t(name))
for name in ("channels swapped", "noise", "plain grey"):
    assert result[name][0] < result["fresh"][0]
    assert result[name][3] > 5 * result["fresh"][3]
if lab.profile != "smoke":
    assert result["noise"][1] > 0.5
    for name in ("blurred", "channels swapped", "plain grey"):
        assert result[name][1] > usual["precision"]


# %% [markdown] lang="en"
# A grey rectangle is the most realistic face of all, and three quarters of pure noise or more "could be real"! What the network does not know, it finds neither one thing nor the other, and puts near the *middle* of its cloud in 128 dimensions (first column). No real face is there: of the 2,000, none is nearer to the centre than 11.6. But in so many dimensions even the third nearest neighbour is 13 away, so that 150 of the balls reach over the centre, and for precision one is enough. The third column is density, the last one FID, which is not fooled: a dense heap near the middle has another mean and another covariance.
#
# So a precision near that of real data proves little, and one *above* it is an alarm. Never report it alone.
# %% [markdown] lang="zh"
# 一片纯灰是最真实的脸，纯噪声里也有四分之三以上“有可能是真的”！网络不认识的东西，它觉得既不像这个也不像那个，就放到 128 维点云的*中间*去了（第一列）。那里没有一张真实的脸：2,000 张里，离中心最近的也有 11.6。可是维数这么高，第三个最近邻也在 13 开外，于是有 150 个球罩住了中心，而精确率只要有一个就够。第三列是密度，最后一列是 FID，它没有上当：挤在中间附近的一团，均值与协方差都不一样。
#
# 所以，精确率接近真实数据的值，说明不了什么；若是*高于*它，那是警报。千万不要只报告这一个数。
# %% [markdown] lang="en"
# ## 6 · Do others get the same?
#
# A metric of one's own is a rumour. The package torch-fidelity is the usual reference; on the same features it must give the same numbers. (It is not among what Colab has; the cell says what to install and goes on without.)
# %% [markdown] lang="zh"
# ## 6 · 别人算出来也一样吗？
#
# 自家的指标只是一面之词。torch-fidelity 是常用的参考实现；特征相同，数也该相同。（Colab 没有预装它；没有的话，单元格会说明装什么，然后照常往下走。）
# %%
def compare_with_reference(fake):
    from torch_fidelity import (
        metric_fid,
        metric_isc,
        metric_kid,
        metric_prc,
    )

    x, y = real.values.double(), fake.values.double()
    moments = metric_fid.fid_features_to_statistics
    theirs = metric_fid.fid_statistics_to_metric(
        moments(x), moments(y), verbose=False
    )
    theirs |= metric_isc.isc_features_to_metric(
        fake.logits.double(), splits=10, rng_seed=0
    )
    theirs |= metric_kid.kid_features_to_metric(
        y,
        x,
        kid_subsets=10,
        kid_subset_size=200,
        kid_kernel="poly",
        kid_kernel_poly_degree=3,
        kid_kernel_poly_gamma=None,
        kid_kernel_poly_coef0=1,
        rng_seed=0,
        verbose=False,
    )
    theirs |= metric_prc.prc_features_to_metric(
        y,
        x,
        prc_neighborhood=3,
        prc_batch_size=1000,
        save_cpu_ram=False,
        verbose=False,
    )
    precise, recalled = precision_recall(real, fake)
    return {
        "FID": (fid(real, fake), theirs["frechet_inception_distance"]),
        "IS": (inception_score(fake), theirs["inception_score_mean"]),
        "KID": (
            kid(real, fake, subsets=10, subset_size=200),
            theirs["kernel_inception_distance_mean"],
        ),
        "precision": (precise, theirs["precision"]),
        "recall": (recalled, theirs["recall"]),
    }


try:
    import torch_fidelity  # noqa: F401
except ImportError:
    print(lab.t("not installed", package="torch-fidelity"))
else:
    grainy = features.extract(faults["grainy"], "avatars")
    for name, (ours, theirs) in compare_with_reference(grainy).items():
        difference = abs(ours.value - theirs) / abs(theirs)
        print(
            lab.t("both", ours=ours.value, theirs=theirs, name=word(name))
        )
        assert difference < 1e-6


# %% [markdown] lang="en"
# ## 7 · A real patient
#
# Now a generator of flesh and blood: a small DCGAN, trained on `training` for about a minute, and measured at a third of the way and at the end. **Predict:** which metrics will get better from the first checkpoint to the second? Will precision?
# %% [markdown] lang="zh"
# ## 7 · 真正的病人
#
# 现在来一个有血有肉的生成器：一个小 DCGAN，在 `training` 上训练约一分钟，走到三分之一处与走完时各量一次。**先猜：** 从第一个检查点到第二个，哪些指标会变好？精确率会吗？
# %%
# alt-en: Two grids of 24 generated faces. Left, step 200: blotchy heads with hair in a few colours, their faces only hinted at. Right, step 600: faces with eyes, mouths and hair in many colours in front of pale backgrounds, still grainy.
# alt-zh: 两组各 24 张生成的脸。左边是第 200 步：满是斑点的头，头发有了几种颜色，五官只看得出一点影子。右边是第 600 步：有了眼睛和嘴，头发各色都有，背景是淡色，仍带着噪点。
def sampled(n):
    parts = [trainer.sample(400) for _ in range(n // 400)]
    return torch.cat(parts).clamp(-1, 1).cpu()


ganlib.seed(lab.seed)
gan = ganlib.build(
    "gan", training.shape, model="dcgan-small", lr=1e-3, beta1=0.5
)
trainer = ganlib.Trainer(
    gan.to(lab.device),
    training.to(lab.device),
    batch_size=64,
    device=lab.device,
    ema_half_life=5_000,
    progress=lab.progress,
)
z = gan.latent(24)
third = lab.pick(smoke=2, cpu=200, gpu=2000)
pictures, checkpoints = {}, {"fresh": controls[0]}
for steps in (third, 2 * third):
    trainer.fit(steps)
    title = f"{lab.t('step')} {trainer.step}"
    pictures[title] = trainer.sample(z=z)
    made = sampled(n)
    checkpoints[title] = measure(made)
viz.grid(pictures, columns=8)
# %%
# alt-en: A table of three rows. Fresh faces are not marked. Both checkpoints are orange under FID, KID, IS, recall, coverage and attribute TV, and blue under precision and density.
# alt-zh: 三行的表。新画的人像没有记号。两个检查点在 FID、KID、IS、召回率、覆盖率、属性全变差下都为橙色，在精确率与密度下都为蓝色。
show(checkpoints)
# %%
_, early, late = checkpoints.values()
if lab.profile != "smoke":
    for name in ("FID", "KID", "attribute TV"):
        assert usual[name] < late[name] < early[name]
    for name in ("IS", "covered"):
        assert early[name] < late[name]
if lab.profile == "cpu":
    # en: Better than real faces: the alarm of section 5.
    # zh: 比真实人像还好：第 5 节说的警报。
    marks = verdict(late)
    assert marks["precision"] == marks["density"] == 1
    assert marks["recall"] == -1
# %% [markdown] lang="en"
# (On the `cpu` profile:) FID, KID, attribute TV, IS and coverage say what the eye says: bad, then less bad, far from real. Recall is still next to 0. And precision and density are *better than real*, at both checkpoints: such soft, typical faces lie in the middle. Without the first row, who would have noticed?
#
# ### The line for the paper
#
# Every measure of the library prints as one line that says what it was computed from:
# %% [markdown] lang="zh"
# （以 `cpu` 配置为例）FID、KID、属性全变差、IS 与覆盖率说的与眼睛看到的一样：先很差，后来好些，离真实还远。召回率仍几乎是 0。精确率与密度则*比真的还好*，两个检查点都是：这样柔和而平庸的脸，都落在中间。若没有第一行，谁会发觉？
#
# ### 写进论文的那一行
#
# 代码库里的每个指标都能打印成一行，说明是由什么算出来的：
# %%
fake = features.extract(made, "avatars")
other = features.extract(fresh(1))
for result in (
    fid(real, fake, other=other),
    kid(real, fake, subsets=20),
    *precision_recall(real, fake),
    *density_coverage(real, fake),
    memorisation(train, real, fake),
):
    print(result)
# %% [markdown] lang="en"
# Go through the seven things of [How to report](../../book/en/15-evaluation.md):
#
# 1. **Metric and features**: FID with the features `avatars` of `ganlib` (our own network; not comparable with Inception's).
# 2. **Resizer and files**: none, bytes in memory.
# 3. **$n$ and $m$**: both in the line.
# 4. **Real set**: held out.
# 5. **Floor**: in the line of FID; for the others, the first row of the table.
# 6. **Spread over training seeds**: *missing*. This was one run. The ± of KID is the scatter of samples, not of trainings.
# 7. **Checkpoint**: the last one, chosen before anything was measured.
#
# The sixth costs the most and is left out most often.
# %% [markdown] lang="zh"
# 对照理论页“[怎样报告](../../book/zh/15-evaluation.md)”的七件事：
#
# 1. **指标与特征**：FID，特征是 `ganlib` 的 `avatars`（我们自己的网络，与 Inception 的不可比）。
# 2. **缩放算法与文件格式**：不缩放，直接用内存里的字节。
# 3. **$n$ 与 $m$**：都在这一行里。
# 4. **真实数据**：留出数据。
# 5. **本底值**：FID 的那一行里有；其余的见表的第一行。
# 6. **各训练种子之间的波动**：*缺*。这里只训练了一次。KID 后面的 ± 是样本的波动，不是训练的。
# 7. **检查点**：最后一个，度量之前就定好了。
#
# 第六件最费工夫，也最常缺席。
# %% [markdown] lang="en"
# ## Try it yourself
#
# 1. **Cheat at the Inception Score.** Find eight faces which, repeated over and over, beat the real data. Which of the other metrics notice?
#
# <details><summary>Answer 1</summary>
#
# One face of each hair colour, the one of which the classifier is surest:
#
# ```python
# sure = features.extract(base).logits.softmax(1).max(1).values
# best = [
#     rows[sure[rows].argmax()]
#     for rows in ((base.labels == c).nonzero()[:, 0] for c in range(8))
# ]
# show({"80 faces": measure(pixels[torch.stack(best).repeat(n // 8)])})
# ```
#
# When we tried: IS 8.00, the most there is, and 7.91 for real faces. Precision is 1.00. FID is 229, recall 0, coverage 0.02 and attribute TV 0.21.
#
# </details>
#
# 2. **Cheat at FID.** Without another step of training: draw five times as many samples from the GAN as you need, and keep those that please FID. (A hint: the first term only needs the right mean.)
#
# <details><summary>Answer 2</summary>
#
# Take one after the other, always the one that brings the mean of those taken nearest to the mean of real faces:
#
# ```python
# pool = features.extract(sampled(5 * n), "avatars")
# off = pool.values.double() - real.values.double().mean(0)
# total, free, taken = 0, torch.ones(len(off), dtype=torch.bool), []
# for _ in range(n):
#     price = (total + off).square().sum(1)
#     taken.append(price.masked_fill(~free, torch.inf).argmin())
#     free[taken[-1]], total = False, total + off[taken[-1]]
# print(fid(real, pool[:n]), fid(real, pool[torch.stack(taken)]))
# ```
#
# When we tried: 41.4 became 35.1, against other real faces too. No face got better. Had we reported it as a new loss, it would have been a success.
#
# </details>
#
# 3. **Hidden by the floor.** Section 3 has a perfect generator and a worn one. If each is measured once, with $n$ samples, how often does the worn one win? From which $n$ on never?
#
# <details><summary>Answer 3</summary>
#
# ```python
# for size in (200, 300, 500, 1000, 2000):
#     a, b = (
#         torch.tensor(
#             [
#                 fid(reference[s : s + size], made[s : s + size]).value
#                 for s in range(0, most - size + 1, size)
#             ]
#         )
#         for made in models.values()
#     )
#     print(size, (b[:, None] < a).double().mean())
# ```
#
# When we tried: 31 % of all pairs at 200, 20 % at 300, 6 % at 500, none from 1,000 on. At $n=200$ such a comparison is hardly better than a coin. The difference itself hardly changes with $n$; it is the scatter that shrinks.
#
# </details>
#
# 4. **A better precision?** Compute the precision of noise and of plain grey with 500, 2,000, 5,000 and 10,000 real faces (`reference` has as many). What happens, and why?
#
# <details><summary>Answer 4</summary>
#
# ```python
# for size in (500, 2000, 5000, 10_000):
#     for name in ("fresh", "noise", "plain grey"):
#         fake = features.extract(suspects[name], "avatars")
#         print(size, name, precision_recall(reference[:size], fake)[0])
# ```
#
# When we tried: noise 0.98, 0.87, 0.67, 0.47; grey 1, 1, 1, 0; fresh faces 0.93 or 0.94 throughout. More faces, smaller balls, fewer of them over the middle. So the remedy is more real data, or another tongue; but in 128 dimensions balls shrink slowly, and 10,000 are not enough yet.
#
# </details>
#
# ## With a GPU
#
# Add `profile="gpu"` to the first cell: the GAN is trained ten times as long, and FID is followed to $n=10{,}000$. The faces stay the same: their attributes are known, and few data sets can say that.
#
# Back to [the theory](../../book/en/15-evaluation.md), with its exercises.
# %% [markdown] lang="zh"
# ## 动手试试
#
# 1. **骗过 Inception 分数。** 找出八张脸，翻来覆去只画它们，得分就胜过真实数据。其他指标里，哪些会发觉？
#
# <details><summary>答案 1</summary>
#
# 每种发色取一张，取分类器最有把握的那张：
#
# ```python
# sure = features.extract(base).logits.softmax(1).max(1).values
# best = [
#     rows[sure[rows].argmax()]
#     for rows in ((base.labels == c).nonzero()[:, 0] for c in range(8))
# ]
# show({"80 faces": measure(pixels[torch.stack(best).repeat(n // 8)])})
# ```
#
# 我们试的那一次，IS 是 8.00，已到顶，而真实人像只有 7.91。精确率是 1.00。发觉的有：FID 229，召回率 0，覆盖率 0.02，属性全变差 0.21。
#
# </details>
#
# 2. **骗过 FID。** 一步也不再训练：从 GAN 多抽四倍的样本，只留下讨 FID 喜欢的。（提示：第一项只要均值对就行。）
#
# <details><summary>答案 2</summary>
#
# 一个接一个地取，每次都取那个使已取样本的均值最接近真实均值的：
#
# ```python
# pool = features.extract(sampled(5 * n), "avatars")
# off = pool.values.double() - real.values.double().mean(0)
# total, free, taken = 0, torch.ones(len(off), dtype=torch.bool), []
# for _ in range(n):
#     price = (total + off).square().sum(1)
#     taken.append(price.masked_fill(~free, torch.inf).argmin())
#     free[taken[-1]], total = False, total + off[taken[-1]]
# print(fid(real, pool[:n]), fid(real, pool[torch.stack(taken)]))
# ```
#
# 我们试的那一次，41.4 变成 35.1；换另一批真实人像来比也是如此。没有一张脸变好。假如说成是换了新损失的功劳，这就是一项成果了。
#
# </details>
#
# 3. **淹没在本底值里。** 第 3 节有一个完美的生成器，一个磨损的。各用 $n$ 个样本只量一次，磨损的有多少次会赢？从多大的 $n$ 起就再也赢不了？
#
# <details><summary>答案 3</summary>
#
# ```python
# for size in (200, 300, 500, 1000, 2000):
#     a, b = (
#         torch.tensor(
#             [
#                 fid(reference[s : s + size], made[s : s + size]).value
#                 for s in range(0, most - size + 1, size)
#             ]
#         )
#         for made in models.values()
#     )
#     print(size, (b[:, None] < a).double().mean())
# ```
#
# 我们试的那一次，$n$ 为 200 时有 31% 的配对是它赢，300 时 20%，500 时 6%，1,000 起一次也没有。$n=200$ 的比较，比抛硬币强不了多少。两者之差几乎不随 $n$ 而变，变小的是波动。
#
# </details>
#
# 4. **让精确率好一点？** 分别用 500、2,000、5,000、10,000 张真实人像（`reference` 里够用），算噪声与纯灰的精确率。结果怎样，为什么？
#
# <details><summary>答案 4</summary>
#
# ```python
# for size in (500, 2000, 5000, 10_000):
#     for name in ("fresh", "noise", "plain grey"):
#         fake = features.extract(suspects[name], "avatars")
#         print(size, name, precision_recall(reference[:size], fake)[0])
# ```
#
# 我们试的那一次，噪声依次是 0.98、0.87、0.67、0.47；纯灰是 1、1、1、0；新画的人像始终是 0.93 或 0.94。脸越多，球越小，罩住中间的也就越少。所以对策是多用真实数据，或者换一条舌头；只是在 128 维里球缩得很慢，10,000 张仍然不够。
#
# </details>
#
# ## 有 GPU 时
#
# 在第一个单元格里加上 `profile="gpu"`：GAN 的训练时间是十倍，FID 一直算到 $n=10{,}000$。人像还是这些：它们的属性是已知的，很少有数据集做得到这一点。
#
# 回到[理论页](../../book/zh/15-evaluation.md)，做做那里的习题。
