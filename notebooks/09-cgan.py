# %% [markdown] lang="en"
# # Lab 09 · Ask, and it shall be drawn
#
# A GAN that you can ask for something: for an 8, for red eyes and blue hair. The change in the code is one more input for each player. What can go wrong with it is worth a lab: a generator that takes every order for another one, and pleases its judge; a judge that knows what fits long before the painter does; pictures that fit their caption *better* than they should.
#
# In this lab you will
# * count the classic networks, and find all that a label can do in their first layer;
# * train them on digits, ask for an 8, and **measure** how often you get one;
# * watch a discriminator that is deaf to the labels, and what its generator makes of them;
# * play the game with wrong pairs exactly, on tables, and find the moved equilibrium of [the theory page](../../book/en/09-cgan.md) to seven digits;
# * see what four discriminators know of matching while they train, and when their generators follow;
# * turn captions into faces, in two languages, and try a combination that no training picture has.
#
# Where it says **Predict**, answer before you run the cell. Nothing is downloaded; on two idle cores the lab takes about two and a half minutes, most of them for the digits and the faces.
# %% [markdown] lang="zh"
# # 实验 09 · 要什么，画什么
#
# 一个听得懂要求的 GAN：要一个 8，要红眼睛、蓝头发。代码的改动，只是给双方各添一个输入。值得做一个实验的，是由此可能出的岔子：生成器把每张订单都错当成另一张，评判却满意；评判早已知道什么配什么，画的一方却迟迟跟不上；图与文字配得*过分*好，好过了头。
#
# 在这个实验里，你将
# * 数一数经典网络的参数，弄清标签在第一层里究竟能做什么；
# * 用数字训练它们，要一个 8，再**度量**多少次真的得到 8；
# * 看一个听不见标签的判别器，以及它的生成器拿标签做了什么；
# * 在表格上精确地玩一遍带错误配对的博弈，找到[理论页](../../book/zh/09-cgan.md)所说的移动了的均衡，准到七位小数；
# * 看四种判别器在训练中各懂多少匹配，它们的生成器又何时跟上；
# * 用中英两种文字的描述画人像，并试一个训练图像里从未有过的组合。
#
# 凡有**先猜**之处，请先回答再运行。不需要下载任何东西；在两个空闲的核上，整个实验约两分半钟，大半花在数字与人像上。
# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab(
    "09-cgan",
    lang="@LANG@",
    data={"smoke": "digits", "cpu": "digits", "gpu": "mnist"},
)
# %% [markdown] lang="en"
# ## 1 · What a label adds
#
# The classic networks. The generator gets 100 latent numbers and a vector of 10 that stands for the label, the discriminator 784 pixels and a vector of 10 of its own. A layer from $m$ to $n$ has $mn+n$ parameters.
#
# **Predict.** Which share of the generator's parameters is there because of the label: a tenth, a hundredth, a thousandth?
# %% [markdown] lang="zh"
# ## 1 · 一个标签添了什么
#
# 先看经典网络。生成器得到 100 个隐变量和代表标签的 10 维向量，判别器得到 784 个像素和自己的另一个 10 维向量。从 $m$ 到 $n$ 的一层有 $mn+n$ 个参数。
#
# **先猜。** 生成器的参数里，因标签而添的占多少：十分之一、百分之一，还是千分之一？
# %% tags=["strict"]
gan = ganlib.build("cgan", (1, 28, 28), model="mlp", lr=5e-4)


def own(part):
    return sum(p.numel() for p in part.parameters(recurse=False))


for name in ("generator", "discriminator"):
    player = getattr(gan, name)
    total = sum(own(part) for part in player.modules())
    print(lab.t("parameters", name=name, n=total))
    for part in player.modules():
        if own(part):
            print(f"{own(part):9,}  {type(part).__name__}")
sizes = {name: sum(p.numel() for p in getattr(gan, name).parameters())
         for name in ("generator", "discriminator")}
assert sizes["generator"] == 1_489_012 + 2 * (256 + 512 + 1024)
assert sizes["discriminator"] == 1_470_565
assert 10 * 10 + 10 * 256 == 2660 < sizes["generator"] / 500
# %% [markdown] lang="en"
# The numbers of the theory page, and 3,584 more for batch normalisation. The label costs the generator its embedding and ten columns of the first layer, 2,660 numbers, less than one in five hundred.
#
# And what can these columns do? Before the first nonlinearity a label only *adds* something, the same for every $z$: $W[z;e_c]+\beta=W_zz+\beta_c$. So the label is a choice among ten biases. How free is that choice? Take the ten biases, subtract the first, and look at the rank. **Predict** it for an embedding of 3 numbers, of 10, for one-hot labels, and for the label given as a number $0,\dots,9$.
# %% [markdown] lang="zh"
# 正是理论页上的数，另加批量归一化的 3,584 个。标签给生成器添的，是它的嵌入与第一层的十列，共 2,660 个，不到五百分之一。
#
# 这十列能做什么？在第一个非线性之前，标签只能*加*上一点东西，而且对每个 $z$ 都一样：$W[z;e_c]+\beta=W_zz+\beta_c$。所以标签无非是在十个偏置里选一个。选得有多自由？取这十个偏置，减去第一个，看它们的秩。嵌入为 3 维、10 维，用独热标签，以及直接把标签当作数 $0,\dots,9$ 输入，这四种情形各是多少？**先猜。**
# %% tags=["strict"]
import torch
from torch import nn

torch.manual_seed(lab.seed)
codes = {
    "embedding, 3": torch.randn(10, 3),
    "embedding, 10": torch.randn(10, 10),
    "one-hot": torch.eye(10),
    "a number": torch.arange(10.0)[:, None],
}
ranks = {}
for name, code in codes.items():
    layer = nn.Linear(100 + code.shape[1], 256).double()
    W_z, W_e = layer.weight[:, :100], layer.weight[:, 100:]
    z, c = torch.randn(500, 100).double(), torch.arange(500) % 10
    biases = layer.bias + code.double() @ W_e.T
    joined = layer(torch.cat([z, code.double()[c]], 1))
    assert torch.allclose(joined, z @ W_z.T + biases[c], atol=1e-12)
    ranks[name] = torch.linalg.matrix_rank(biases - biases[0]).item()
    print(f"{ranks[name]:3}  {lab.t(name)}")
assert list(ranks.values()) == [3, 9, 9, 1]
# %% [markdown] lang="en"
# Ten embedded numbers are as free as one-hot labels: nine differences in nine dimensions. The label as a number has one direction, on which 7 lies between 6 and 8, as if that were true of their shapes.
#
# ## 2 · An 8, please
#
# Now train. The labels of the generated digits are those of the real batch, so both sides have the same law of labels.
# %% [markdown] lang="zh"
# 10 维嵌入与独热标签一样自由：九个差，九个维度。标签当作数输入，就只有一个方向，7 在这个方向上介于 6 与 8 之间，好像它们的形状也是如此。
#
# ## 2 · 请来一个 8
#
# 开始训练。生成数字的标签取自那一批真实数据，所以两边的标签分布相同。
# %%
lab.show(gan.judged, gan.discriminator_loss)
# %% [markdown] lang="en"
# `self.wrong` is 0 here: two terms, those of the theory page's definition 9.1. Every column of the player is a digit, every row a fixed $z$, from step 0 on.
#
# **Predict.** What comes first: pictures that look like digits, or pictures that are the digit asked for?
# %% [markdown] lang="zh"
# 这里 `self.wrong` 为 0，所以只有两项，就是理论页价值函数的那两项。播放器里每一列是一个数字，每一行是一个固定的 $z$，从第 0 步放起。
#
# **先猜。** 哪个先出现：像数字的图，还是所要的那个数字？
# %%
from ganlib import viz

data = lab.load(n=lab.pick(smoke=1000, cpu=20_000, gpu=60_000))
ganlib.seed(lab.seed)
gan = ganlib.build("cgan", data, model="mlp", lr=5e-4)
steps = lab.pick(smoke=12, cpu=2800, gpu=20_000)
film = ganlib.Snapshots(
    steps // lab.pick(smoke=2, cpu=14, gpu=20),
    z=gan.latent(5).repeat_interleave(10, 0),
    labels=torch.arange(10).repeat(5),
)
artist = ganlib.Trainer(
    gan,
    data,
    batch_size=64,
    device=lab.device,
    ema_half_life=5000,
    callbacks=[film],
    progress=lab.progress,
).fit(steps)
viz.player(film.frames, columns=10)
# %% [markdown] lang="en"
# Now ask. One line is all that a function `generate_digit` needs:
# %% [markdown] lang="zh"
# 现在来要。函数 `generate_digit` 只需要一行：
# %%
# alt-en: Two rows of ten generated digits, nearly all of which can be read as an 8, in different hands: upright and slanted, thick and thin. CHECK
# alt-zh: 两行共二十个生成的数字，几乎都认得出是 8，笔迹各不相同：有正有斜，有粗有细。CHECK
def generate_digit(digit, n=1):
    return artist.sample(n, labels=digit)


viz.grid(generate_digit(8, 20), columns=10)
# %% [markdown] lang="en"
# An image grid convinces too easily, so let a judge count. It is a classifier, trained here on the real digits, that also knows what is *no* digit. Beside it two controls: real digits that it has not seen, the most that one can hope for; and the generated ones with the labels shuffled.
# %% [markdown] lang="zh"
# 看图太容易信服，还是请一位裁判来数。它是一个分类器，就在这里用真实数字训练，也认得什么*不是*数字。旁边两个对照：它没见过的真实数字，这是能指望的上限；以及把标签打乱的生成数字。
# %%
from ganlib.metrics.attributes import conditional_accuracy
from ganlib.metrics.classifier import train_classifier

reader = train_classifier(
    data, steps=lab.pick(smoke=10, cpu=300, gpu=1000), device=lab.device
)
held = ganlib.load(lab.data, split="test", n=1000)
asked = torch.arange(1000) % 10
made = artist.sample(labels=asked)


def as_asked(labels, images):
    return conditional_accuracy(
        labels, images, reader=reader.probabilities
    )


scores = {
    "real": as_asked(held.labels, held.normalised()),
    "generated": as_asked(asked, made),
    "shuffled": as_asked(asked[torch.randperm(1000)], made),
}
for name, score in scores.items():
    print(f"{score.value:6.1%} ± {score.error:.1%}  {lab.t(name)}")
if lab.profile != "smoke":
    assert scores["real"].value > 0.95
    assert scores["generated"].value > 0.9
    assert abs(scores["shuffled"].value - 0.1) < 0.05
# %% [markdown] lang="en"
# All ten classes, in the order of their accuracy. A mean hides a class that fails.
# %% [markdown] lang="zh"
# 按准确率列出全部十类。平均数会掩盖失败的那一类。
# %%
each = scores["generated"].details
for name in sorted(each, key=each.get):
    print(f"{each[name]:5.0%}  {name.split()[1]}")
# %% [markdown] lang="en"
# ### Ten labels, one $z$
#
# The whole grid: columns are labels, rows are latents. Down a column the label is fixed and $z$ changes, along a row it is the other way round. **Predict.** The generator was never told what is common to the ten pictures of one row. Is anything?
# %% [markdown] lang="zh"
# ### 十个标签，同一个 $z$
#
# 完整的网格：列是标签，行是隐变量。顺着一列看，标签不变、$z$ 在变；顺着一行看，正好相反。**先猜。** 谁也没有告诉生成器，同一行的十幅图应当有什么共同之处。真有共同之处吗？
# %%
# alt-en: A 10 by 10 grid of generated digits. Column by column the digits 0 to 9. Within a row the strokes are alike: rows of thin, upright digits and rows of thick, slanted ones. CHECK
# alt-zh: 10×10 的生成数字。各列依次是 0 到 9。同一行的笔画相似：有的行又细又正，有的行又粗又斜。CHECK
styles = gan.latent(10).repeat_interleave(10, 0)
grid = artist.sample(z=styles, labels=torch.arange(10).repeat(10))
viz.grid(grid, columns=10)
# %% [markdown] lang="en"
# Two habits of a hand can be read off the pixels: how much ink, and how far the stroke leans. Each has a table, 200 latents by 10 labels. If a row had nothing in common, two columns would be uncorrelated, as they are when each is shuffled.
# %% [markdown] lang="zh"
# 笔迹的两个习惯可以直接从像素读出：墨的多少，笔画的倾斜。每个习惯有一张表，200 个隐变量乘 10 个标签。同一行若没有共同之处，两列就不相关，与各列打乱之后一样。
# %%
def habits(images):
    ink = (images.flatten(1).double().cpu() + 1) / 2
    side = images.shape[-1]
    y, x = torch.meshgrid(*[torch.arange(side).double()] * 2, indexing="ij")
    share = ink / ink.sum(1, keepdim=True)
    dx, dy = (
        w.flatten() - share @ w.flatten()[:, None] for w in (x, y)
    )
    lean = -(share * dx * dy).sum(1) / (share * dy**2).sum(1)
    return {"ink": ink.mean(1), "slant": lean}


def in_common(table):
    together = torch.corrcoef(table.T)
    n = len(together)
    return ((together.sum() - n) / (n * (n - 1))).item()


z = gan.latent(200).repeat_interleave(10, 0)
rows = artist.sample(z=z, labels=torch.arange(10).repeat(200))
for name, values in habits(rows).items():
    table = values.view(200, 10)
    mixed = torch.stack([col[torch.randperm(200)] for col in table.T], 1)
    found, control = in_common(table), in_common(mixed)
    print(f"{found:6.2f}  ({control:5.2f})  {lab.t(name)}")
    if lab.profile != "smoke":
        assert found > 0.2 and abs(control) < 0.1
# %% [markdown] lang="en"
# So the networks have divided the work: the label says which digit, the latent says in whose hand. Nothing in the loss asks for this; a $z$ that meant something else for each label would be as good. It comes from a network in which label and latent add up in the first layer and share all that follows.
#
# ## 3 · A judge who is deaf
#
# Now the discriminator gets no label, only zeros in its place, while the generator still does. To see everything, use eight spots on a ring: the label of a point is the number of its spot.
#
# **Predict.** The generator can no longer be punished for a wrong label. Will it ignore the label? Will the eight spots be found? And how many points will lie where they were asked for?
# %% [markdown] lang="zh"
# 可见网络自己分了工：标签管是哪个数字，隐变量管是谁的笔迹。损失里没有任何一项要求这样；同一个 $z$ 在每个标签下各有各的含义，也一样好。这来自网络本身：标签与隐变量在第一层相加，此后的各层由它们共用。
#
# ## 3 · 听不见的评判
#
# 现在判别器得不到标签，只得到一串零，生成器照样得到。为了看得清楚，改用圆环上的八团点：点的标签，就是它那一团的编号。
#
# **先猜。** 标签错了，生成器也不再受罚。它会不理睬标签吗？八团都找得到吗？有多少点落在所要的那一团？
# %%
class Deaf(nn.Module):
    def forward(self, labels):
        return torch.zeros(len(labels), 10, device=labels.device)


ring = ganlib.load("ring", std=0.05).to(lab.device)
spots = torch.arange(2000) % 8
landed = {}
for name in ("hears", "deaf"):
    ganlib.seed(lab.seed)
    gan = ganlib.build("cgan", ring, model="mlp-toy", latent_dim=2, lr=1e-3)
    if name == "deaf":
        gan.discriminator.encoder = Deaf()
    trainer = ganlib.Trainer(
        gan,
        ring,
        batch_size=256,
        device=lab.device,
        ema_half_life=5000,
        progress=lab.progress,
    ).fit(lab.pick(smoke=6, cpu=400, gpu=2000))
    landed[name] = trainer.sample(labels=spots).cpu()
# %%
# alt-en: Two panels, each with eight spots of points on a ring and the labels that were asked for as numbers. Left, the discriminator hears: the numbers 0 to 7 stand in order around the ring. Right, it is deaf: the eight spots are there, each with one number, in disorder.
# alt-zh: 左右两图，圆环上各有八团点，所要的标签以数字标出。左图的判别器听得见：0 到 7 沿圆环依次排列。右图的听不见：八团都在，每团一个数字，次序却乱了。
centres = ring.modes.cpu()
fig, axes = viz.panels(2, width=3.3, height=3.3)
for ax, (name, points) in zip(axes, landed.items(), strict=True):
    ax.scatter(*points.T, s=3, color=viz.COLORS[0], alpha=0.3)
    for label in range(8):
        middle = points[spots == label].median(0).values
        ax.text(*(1.25 * middle), str(label), ha="center", va="center")
    ax.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), title=lab.t(name))
    ax.set_aspect("equal")
fig
# %%
for name, points in landed.items():
    apart, nearest = torch.cdist(points, centres).min(1)
    hit = apart < 0.15
    right = (nearest == spots).double().mean()
    share = torch.bincount(nearest[hit], minlength=8) / len(points)
    print(
        f"{hit.double().mean():4.0%} {lab.t('near a spot')},"
        f" {right:4.0%} {lab.t('near the right one')},"
        f" {share.min():.3f} … {share.max():.3f}  {lab.t(name)}"
    )
    if lab.profile != "smoke":
        assert hit.double().mean() > 0.9 and share.min() > 0.08
        assert right > 0.95 if name == "hears" else right < 0.5
# %% [markdown] lang="en"
# Seen without their numbers, the two panels are the same, and so would be every measure that looks at points alone: FID, modes, coverage. But the deaf judge's generator has not ignored the label. It uses it as one more random number: eight values, eight spots, shared out in an order that means nothing. (Which spot a label gets depends on the seed. With the seeds 0, 1 and 2 the right share was 25 %, 0 % and 12 %: two, none and one of the eight fell into place by chance.)
#
# So from samples that obey *some* order one cannot conclude that the discriminator hears. The theory page has the smallest example of this, a swap of two labels.
#
# ## 4 · Wrong pairs, exactly
#
# Reed and others show the discriminator a third kind of pair: a *real* sample with a wrong condition, to be rejected as well. What does this do to the equilibrium? No networks here: two conditions, four kinds of samples, and everything in tables. The discriminator climbs its value by the gradient; the generator gives each kind of sample more weight if its cost, $-\log D$, is lower.
#
# The four lines of the output are the weights $a$ of generated and $b$ of wrong pairs. **Predict:** for which weights does the generator find the data? Is there a difference between $1,1$ and $\tfrac12,\tfrac12$?
# %% [markdown] lang="zh"
# 遮住数字看，两幅图一模一样；凡是只看点的度量，FID、模式数、覆盖率，也都分不出来。可是面对听不见的评判，生成器并没有不理睬标签，而是拿它当一个多出来的随机数：八个取值，八团点，一一分派，次序毫无意义。（哪个标签得到哪一团，取决于种子。种子 0、1、2 的正确比例是 25 %、0 % 与 12 %，也就是八个里碰巧对了两个、零个、一个。）
#
# 所以，样本按*某种*次序听从标签，并不说明判别器听得见。理论页上有这种现象最小的例子：两个标签互换。
#
# ## 4 · 错误配对，精确地算
#
# Reed 等人给判别器看第三种配对：*真实*样本配错误的条件，也要拒绝。均衡会因此怎样？这里不用网络：两个条件，四种样本，一切都写成表。判别器沿梯度提高自己的价值；一种样本的代价 $-\log D$ 越低，生成器就给它越多的权重。
#
# 输出每行开头是两个权重：生成配对的 $a$ 与错误配对的 $b$。**先猜：** 权重取什么时，生成器找到的是数据？$1,1$ 与 $\tfrac12,\tfrac12$ 有没有差别？
# %% tags=["strict"]
from torch.nn.functional import softplus

right = torch.tensor(
    [[0.45, 0.30, 0.20, 0.05], [0.20, 0.20, 0.30, 0.30]]
).double()  # p(x|c)


def equilibrium(a, b, right=right, steps=3000):
    weight = torch.zeros(2, 4).double()
    logit = torch.zeros(2, 4).double()
    for _ in range(steps):
        made = weight.softmax(1)
        for _ in range(3):
            rejected = (a * made + b * right.mean(0)) * logit.sigmoid()
            logit = logit + 2 * (right * (-logit).sigmoid() - rejected)
        weight = weight - 0.05 * softplus(-logit)
        weight = weight - weight.logsumexp(1, keepdim=True)
    return weight.softmax(1), logit.sigmoid()


def formula(kappa, right=right):
    low = torch.ones(2, 1).double()
    high = low + kappa
    for _ in range(60):
        t = (low + high) / 2
        left = (t * right - kappa * right.mean(0)).clamp(min=0)
        little = left.sum(1, keepdim=True) < 1
        low, high = torch.where(little, t, low), torch.where(little, high, t)
    return left


for a, b in ((1, 0), (0.5, 0.5), (1, 1), (1, 0.5)):
    made, D = equilibrium(a, b)
    for c in range(2):
        shares = " ".join(f"{value:.3f}" for value in made[c].abs())
        verdict = D[c, 1]
        print(f"{a:3} {b:3}   c = {c + 1}   {shares}   D = {verdict:.3f}")
    assert torch.allclose(made, formula(b / a), atol=1e-6)
    # en: With wrong pairs the generator does not find the data.
    # zh: 有了错误配对，生成器找到的就不是数据。
    assert torch.allclose(made, right, atol=1e-6) == (b == 0)
# %% [markdown] lang="en"
# The first two lines are the data. The next four are equal in pairs: what counts is $\kappa=b/a$, though $D$ says $0.51$ in one case and $0.34$ in the other. For condition 2 the law is $2p(x\mid c)-p(x)$, four times the subtraction that the page proves. For condition 1 this would need $2\cdot0.05-0.175<0$ of the fourth kind: it is no longer made at all, and the other three make up for it.
#
# A generator that has learned its lesson perfectly, with the best discriminator there is, makes each condition too clear. Let $b$ grow from 0 to 2 (in a running notebook with a slider). **Predict** which kind of sample is the next to go.
# %% [markdown] lang="zh"
# 头两行就是数据。后面四行两两相同：要紧的只是 $\kappa=b/a$，尽管 $D$ 一边说 $0.51$，一边说 $0.34$。对条件 2，结果是 $2p(x\mid c)-p(x)$，正是理论页证明的减法。对条件 1，第四种样本要得到 $2\cdot0.05-0.175<0$，办不到，于是它一个也不再生成，由其余三种补上。
#
# 判别器已是最优，生成器也学得分毫不差，结果却把每个条件都画得过于分明。让 $b$ 从 0 增大到 2（在运行着的笔记本里用滑块）。**先猜**下一个消失的是哪种样本。
# %%
import ipywidgets


def shift(b=1.0):
    fig, axes = viz.panels(2, width=3.6, height=2.8)
    made = formula(b)
    for c, ax in enumerate(axes):
        place = torch.arange(4.0)
        bars = (
            ("p(x)", right.mean(0), viz.COLORS[5]),
            ("p(x|c)", right[c], viz.COLORS[0]),
            (lab.t("equilibrium"), made[c], viz.COLORS[1]),
        )
        for i, (name, height, color) in enumerate(bars):
            x = place + 0.27 * (i - 1)
            ax.bar(x, height, 0.25, color=color, label=name)
        ax.set(ylim=(0, 0.75), xticks=place, xticklabels=range(1, 5))
        ax.set_title(f"c = {c + 1}", fontsize=10)
    axes[0].legend(fontsize=9, loc="upper right")
    return fig


if lab.live:
    slider = ipywidgets.FloatSlider(
        1.0, min=0, max=4, step=0.05, description="b"
    )
    ipywidgets.interact(shift, b=slider)
    moving = None
else:
    weights = [k / 8 for k in range(17)]
    moving = viz.player(
        [(f"b = {b:.3f}", shift(b)) for b in weights],
        caption=str,
        seconds=6,
    )
moving
# %% [markdown] lang="en"
# For condition 2 the first kind goes, at $b=\tfrac85$: it is the one that fits condition 1 best.
#
# Two controls. Digits exclude each other: a kind of sample fits one label only. And a judge who adds a verdict on $x$ to a verdict on $c$ has seen both and connected neither. **Predict** both equilibria.
# %% [markdown] lang="zh"
# 对条件 2，$b=\tfrac85$ 时第一种样本消失：它最像条件 1。
#
# 两个对照。数字互相排斥：一种样本只配一个标签。另一个评判分别给 $x$ 与 $c$ 打分再相加，两样都看了，却没有把它们联系起来。**先猜**这两种情形的均衡。
# %% tags=["strict"]
apart = torch.tensor([[0.6, 0.4, 0.0, 0.0], [0.0, 0.0, 0.7, 0.3]]).double()
made, D = equilibrium(1, 1, apart)
print(lab.t("apart"), *(f"{value:.3f}" for value in D.flatten()))
assert torch.allclose(made, apart, atol=1e-6)
assert torch.allclose(D, apart.sign() / 2, atol=1e-3)


def adding(weight, steps=3000):
    alpha = torch.zeros(1, 4).double()
    beta = torch.zeros(2, 1).double()
    for _ in range(steps):
        made = weight.softmax(1)
        for _ in range(3):
            logit = alpha + beta
            slope = right * (-logit).sigmoid() - made * logit.sigmoid()
            alpha = alpha + 2 * slope.sum(0, keepdim=True)
            beta = beta + 2 * slope.sum(1, keepdim=True)
        weight = weight - 0.05 * softplus(-alpha - beta)
    return weight.softmax(1)


for start in (torch.zeros(2, 4).double(), right.flip(0).log()):
    made = adding(start)
    away = (made - right).abs().sum(1).mean().item() / 2
    pooled = (made.mean(0) - right.mean(0)).abs().sum().item() / 2
    print(f"{lab.t('adds')}  {away:.3f}   {abs(pooled):.3f}")
    assert pooled < 1e-4 and away > 0.2
