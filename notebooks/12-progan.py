# %% [markdown] lang="en"
# # Lab 12 · Sixteen pixels first
#
# A network that starts with pictures of $4\times4$ pixels and grows up to $32\times32$. The theory says what growing keeps exactly and what it does not, and how much time it can save at most. Here both are measured, on faces.
#
# In this lab you will
# * ask a finished network for its own small pictures, and find that it has forgotten them;
# * take faces apart into a pyramid, measure what sixteen pixels know of a face, and catch a careless forger by adding up four numbers;
# * check the two ends of a fade, bit by bit, and look at what a fade does not keep;
# * **measure** how far Adam moves each layer in a step, with and without equalised weights;
# * see on a few constructed numbers what pixel normalisation forgets and what the minibatch statistic notices;
# * watch a game grow, **measure** what a picture costs at each stage, and put growing and fixed-size training on one time axis.
#
# The formulas are those of [the theory page](../../book/en/12-progan.md). Where it says **Predict**, answer before you run the cell. Nothing is downloaded; on two idle cores the lab takes about three minutes, most of them for two games on faces.
# %% [markdown] lang="zh" matches="fc878600052a"
# # 实验 12 · 先画十六个像素
#
# 网络先学画 $4\times4$ 像素的小图，一路长到 $32\times32$。增长保得住什么、保不住什么，至多能省多少时间，理论都有话说；这里就拿人像来量一量。
#
# 在这个实验里，你将
# * 让训练好的网络重画自己当年的小图，发现它已经忘了；
# * 把人像拆成金字塔，量一量十六个像素知道这张脸的多少事，再靠四个数相加，抓住一个粗心的伪造者；
# * 逐位核对淡入的两端，再看看淡入保不住的是什么；
# * **度量** Adam 一步把每一层移动多远，有没有均衡学习率各量一次；
# * 用几组编好的数看清：像素归一化忘掉了什么，小批量统计量又察觉得到什么；
# * 看一场博弈长大，**度量**每个阶段一幅图像的开销，把增长与固定大小的训练放到同一根时间轴上。
#
# 公式都在[理论页](../../book/zh/12-progan.md)上。凡有**先猜**之处，请先回答再运行。不需要下载任何东西；在两个空闲的核上，整个实验约三分钟，大半用来训练两场画人像的博弈。
# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab("12-progan", lang="@LANG@", data="avatars")
# %% [markdown] lang="en"
# ## 1 · A finished network
#
# The zoo has a game that has grown up. Its generator begins with $4\times4$ features, doubles them three times, and has a to-RGB layer, a mouth as it were, at each of the four sizes.
# %% [markdown] lang="zh"
# ## 1 · 一个已经长大的网络
#
# 模型库里有一局已经训练完的博弈。它的生成器从 $4\times4$ 的特征开始，加倍三次；四种大小各有一个 toRGB 层，好比各有一张嘴。
# %%
import torch
from ganlib import recipes, viz

recipe = recipes.shipped()["progan-avatars"]
BATCH = lab.pick(smoke=4, cpu=recipe.batch, gpu=recipe.batch)
painter = ganlib.zoo.load("progan-avatars").to(lab.device)
mouths = painter.generator.to_images
LAST = len(mouths.layers) - 1


def speak(level, z, alpha=1.0):
    # en: What the network says if it has grown so far, at full size.
    # zh: 假定网络只长到这一级，它画出什么（放大到最终大小）。
    mouths.grow(level, alpha)
    images = painter.sample(z=z)
    mouths.grow(LAST, 1.0)
    return images


# %%
# alt-en: Three rows of twelve drawn faces of 32 by 32 pixels, with hair, eyes and shirts in many colours.
# alt-zh: 三行，每行十二幅 32 乘 32 像素的卡通人像，头发、眼睛与上衣各色都有。
ganlib.seed(lab.seed)
z = painter.latent(lab.pick(smoke=36, cpu=256, gpu=256))
viz.grid(speak(LAST, z[:36]), columns=12, scale=1.8)
# %% [markdown] lang="en"
# While it grew, the network spoke through each of its mouths for a while, and was judged by what it said. Since then only the last has been used. We ask the others once more, for the same latents.
#
# **Predict.** The mouth for $16\times16$ was faded out when $32\times32$ came in, with all its weights intact. What will it say now?
# %% [markdown] lang="zh"
# 长大的过程中，网络用每张嘴都说过一阵话，判别器也就凭这些话来评判。后来用的就只有最后一张了。我们让另外几张嘴再开一次口，隐变量还是那些。
#
# **先猜。** $16\times16$ 的那张嘴，在 $32\times32$ 淡入时退了场，权重一个也没动。它现在会说出什么？
# %%
# alt-en: Four rows of twelve pictures. The last row: faces of 32 pixels. The rows above it, in glaring colours: of 4 pixels, coloured blocks; of 8, the outline of a head; of 16, outlines of the same faces.
# alt-zh: 四行，每行十二幅。最后一行是 32 像素的人像；上面三行颜色刺眼：4 像素的是色块，8 像素的看得出一个头，16 像素的看得出同一张脸的轮廓。
said = torch.cat([speak(level, z[:12]) for level in range(LAST + 1)])
viz.grid(said, columns=12, scale=1.8)
# %%
from ganlib.models.equalised import down, up


def rms(x):
    return x.square().mean().sqrt().item()


print(lab.t("mouths head"))
final = speak(LAST, z)
for level in range(LAST):
    factor = 2 ** (LAST - level)
    small = up(down(final, factor), factor)
    said = speak(level, z)
    own, other = rms(said - small), rms(said - small.roll(1, 0))
    spread = rms(small - small.roll(1, 0))
    print(f"{4 * 2**level:4} {own:14.3f} {other:14.3f} {spread:14.3f}")
# %% [markdown] lang="en"
# Outlines of the right faces at best, in colours that no face has. Average the final picture down: that is what the mouth should say. The columns: how far (root mean square) what it does say is from that; how far from another face's; and how far two such pictures are from each other. Every mouth is farther from its own picture than two strangers are from each other: as a picture it is worthless. Yet it is nearer to its own than to another, so it still says something about this face.
#
# Why? Since its fade ended nobody has asked for its opinion, and no gradient has reached it. But the features that it reads have gone on learning, for another mouth. (Section 6 watches it happen.) So growing is a way of training and not a network with four outputs. In MSG-GAN and StyleGAN2 every size stays in use; see the page.
#
# What follows takes growing apart. First the pictures.
#
# ## 2 · What a level holds
#
# The pyramid of the page: averages over $2\times2$ pixels down to $4\times4$, and for each step the detail $h_\ell=x_\ell-\uparrow x_{\ell-1}$ that enlarging does not bring back.
#
# **Predict.** A face has 3072 numbers. How many has its pyramid? And if instead of averaging one takes just the upper left pixel of each block, a terrible way to make a picture smaller, does the pyramid still give the face back exactly?
# %% [markdown] lang="zh"
# 顶多看得出这张脸的轮廓，颜色却是哪张脸上都没有的。最终图像取平均，就是这张嘴该说的。三列都是均方根距离：它所说的离该说的多远；离*别人的*多远；最后，两个人的彼此多远。每张嘴离自己的图像，比两个陌生人彼此还远，当图像看已经毫无价值；不过离自己的总比离别人的近，可见它说的多少还是这张脸。
#
# 为什么？淡入一结束，再没有谁问过它的意见，也再没有梯度到过它那里；它所读的特征却还在学，为的是另一张嘴。（第 6 节看这件事怎样发生。）所以增长是一种训练的办法，并不是一个有四个输出的网络。在 MSG-GAN 与 StyleGAN2 里，每种大小始终都在用，见理论页。
#
# 下面把增长拆开来看。先看图像。
#
# ## 2 · 每一级装着什么
#
# 理论页的金字塔：$2\times2$ 像素取平均，一直缩到 $4\times4$；每缩一次，记下放大补不回来的细节 $h_\ell=x_\ell-\uparrow x_{\ell-1}$。
#
# **先猜。** 一张脸有 3072 个数，它的金字塔有多少个？若不取平均，只取每块左上角的那个像素（缩图的办法里要数它最糟），金字塔还能精确地恢复这张脸吗？
# %%
faces = lab.load(size=32, n=lab.pick(smoke=400, cpu=8000, gpu=20_000))
some = faces.normalised(slice(0, lab.pick(smoke=300, cpu=3000, gpu=3000)))
# %% tags=["strict"]
from itertools import pairwise


def corner(x):
    return x[..., ::2, ::2]


def pyramid(x, shrink=down):
    levels = [x]
    while levels[0].shape[-1] > 4:
        levels.insert(0, shrink(levels[0]))
    return levels, [fine - up(coarse) for coarse, fine in pairwise(levels)]


def rebuilt(coarsest, details):
    for detail in details:
        coarsest = up(coarsest) + detail
    return coarsest


for shrink in (down, corner):
    levels, details = pyramid(some[:64], shrink)
    n = sum(part[0].numel() for part in [levels[0], *details])
    back = rebuilt(levels[0], details)
    exact = torch.allclose(back, some[:64], atol=1e-6)
    left = down(details[-1]).abs().max().item()
    print(f"{n} / 3072 = {n / 3072:.3f}  {lab.t(str(exact))}  {left:.2f}")
    assert exact and n < 4096
    assert (left < 1e-6) == (shrink is down)
levels, details = pyramid(some)


# %%
# alt-en: Four rows, each the pyramid of one face: four pictures of 4, 8, 16 and 32 pixels, enlarged to one size, and three details on grey, in which edges get finer from left to right.
# alt-zh: 四行，每行是一张脸的金字塔：4、8、16、32 像素的四幅图，放大成一样大；再是灰底上的三层细节，边缘从左到右越来越细。
def full(x):
    return up(x, 32 // x.shape[-1])


shown = [full(part[:4]) for part in [*levels, *details]]
viz.grid(torch.stack(shown, 1).flatten(0, 1), columns=7, scale=2.6)


# %% [markdown] lang="en"
# Exact, both times: 4080 numbers, a third more than the face has. The last column is the largest average of a detail over a block. With means it is zero, so that a quarter of the numbers of each detail is superfluous; with corners it is not zero (there the corners themselves are). With means and without the superfluous numbers the parts have $48+144+576+2304=3072$ numbers, as many as the face, and since they are orthogonal, the squares add up as well.
#
# **Predict.** The $4\times4$ picture has 48 of the 3072 numbers, $1.6\,\%$. What share of the variance of the faces does it hold?
# %% [markdown] lang="zh"
# 两次都精确：4080 个数，比原来的脸多三分之一。最后一列是细节在一个块上的平均，取最大的。用平均来缩，它是零，所以每层细节有四分之一的数是多余的；取左上角时它不是零（恒为零的是左上角那个数）。用平均来缩，再去掉多余的，各部分有 $48+144+576+2304=3072$ 个数，与原来的脸一样多；又因为它们互相正交，平方和也加得起来。
#
# **先猜。** $4\times4$ 的图只有 3072 个数里的 48 个，即 $1.6\%$。人像的方差，它占了多大一份？
# %%
def energy(x):
    return x.double().square().flatten(1).sum(1).mean()


parts = [full(part) for part in [levels[0], *details]]
whole = energy(some - some.mean(0))
shares = [energy(part - part.mean(0)) / whole for part in parts]
counts = [48, 144, 576, 2304]
for level, (share, n) in enumerate(zip(shares, counts, strict=True)):
    print(f"{4 * 2**level:4} {n / 3072:8.1%} {share:8.1%}")
assert abs(sum(shares) - 1) < 1e-6 and sum(counts) == 3072
# en: Details that are not made with means are not orthogonal.
# zh: 不是用平均做的细节，就不正交。
first, *others = pyramid(some, corner)[1]
wrong = [full(part) for part in [levels[0], first, *others]]
assert abs(sum(energy(p - p.mean(0)) for p in wrong) / whole - 1) > 0.1
# %% [markdown] lang="en"
# Half of what distinguishes faces is in sixteen pixels, and the finest three quarters of the numbers hold an eighth. But variance is not meaning. What can be *read* off a level? A linear reader (ridge regression, one output for each value) learns from 2,000 faces and is tested on 1,000 others. `chance` always says the most frequent value.
#
# **Predict.** Colour of hair, background, glasses, freckles: which of them are known at $4\times4$, which only at $32\times32$?
# %% [markdown] lang="zh"
# 人像之间的差别，有一半就在那十六个像素里；而最细的那四分之三的数，只占八分之一。不过方差不等于意义。从某一级上能*读*出什么来？用 2,000 张脸教一个线性的读者（岭回归，每个取值一个输出），再拿另外 1,000 张来考它。“碰运气”一列总答最常见的取值。
#
# **先猜。** 发色、背景、眼镜、雀斑：哪些在 $4\times4$ 就知道了，哪些要到 $32\times32$ 才知道？
# %%
ASKED = (
    "background shirt hair_colour hair_length glasses turn smile freckles"
)
ASKED = ASKED.split()
n = len(some) * 2 // 3
truth = {name: faces.attributes[name][: len(some)] for name in ASKED}
answers = [torch.nn.functional.one_hot(truth[name]) for name in ASKED]
widths = [answer.shape[1] for answer in answers]
answers = torch.cat(answers, 1).double()


def read(part):
    x = torch.nn.functional.pad(part.flatten(1).double(), (0, 1), value=1)
    known = x[:n]
    ridge = known.T @ known + torch.eye(x.shape[1], dtype=x.dtype)
    guess = x[n:] @ torch.linalg.solve(ridge, known.T @ answers[:n])
    said = [part.argmax(1) for part in guess.split(widths, 1)]
    return {
        name: (mine == truth[name][n:]).double().mean().item()
        for name, mine in zip(ASKED, said, strict=True)
    }


readings = [read(part) for part in levels]
print(lab.t("readers head"))
for name in ASKED:
    rest = truth[name][n:]
    chance = rest.bincount().max().item() / len(rest)
    row = "".join(f"{reading[name]:8.0%}" for reading in readings)
    print(f"{chance:8.0%}{row}   {lab.t(name)}")
if lab.profile != "smoke":
    coarse = readings[0]
    assert min(coarse[k] for k in ("background", "hair_colour")) > 0.85
    assert max(coarse["glasses"], coarse["freckles"]) < 0.72
    assert readings[2]["glasses"] > 0.93
# %% [markdown] lang="en"
# Backgrounds, shirts and the colour of the hair are settled at $4\times4$: so a critic who is shown sixteen pixels has something to check. Glasses, smiles and freckles are read at chance there; glasses come at $16\times16$, freckles last. A growing game can learn them only in about this order. (And why are hair colours read *worse* at $32\times32$? Not for lack of information, but because there the reader has 3072 inputs and only 2,000 faces to learn from. Sixteen pixels have the answer and only 48 inputs to fit.)
#
# Now put strangers together. The coarse part is that of face A, all finer details are those of face B. **Predict.** Whom will you recognise, if only the sixteen pixels are A's? If $16\times16$ are A's and just the last detail is B's?
# %% [markdown] lang="zh"
# 背景、上衣、发色，在 $4\times4$ 就定了：评判者哪怕只看十六个像素，也有东西可查。眼镜、微笑、雀斑在那里读出来与碰运气一样；眼镜要到 $16\times16$，雀斑最晚。一场渐进式增长的博弈，能学到的先后次序大致也就是这样。（到了 $32\times32$，发色为什么反而读得*更差*？不是信息少了，而是那里读者有 3072 个输入，却只有 2,000 张脸可学。十六个像素里已有答案，也没有别的东西来引人上当。）
#
# 再把两个不相干的人拼起来：粗的部分取自 A，更细的各层细节全部取自 B。**先猜。** 若只有那十六个像素是 A 的，你认出的是谁？若 $16\times16$ 都是 A 的，只有最后一层细节是 B 的呢？
# %%
# alt-en: Five rows of eight faces: A; A's sixteen pixels with B's details, which look like B in other colours, as if behind coloured glass; A's 8 by 8; A's 16 by 16 with B's finest detail, A with a faint second outline; B.
# alt-zh: 五行，每行八张脸：A；A 的十六个像素配 B 的细节，看上去是 B，只是颜色不对，像隔着彩色玻璃；A 的 8 乘 8 像素；A 的 16 乘 16 像素配 B 的最后一层细节，是 A 带着另一个人的淡淡轮廓；B。
from ganlib.metrics import features

half = len(some) // 2
a, b = slice(0, half), slice(half, 2 * half)
mixed = [
    rebuilt(levels[k][a], [detail[b] for detail in details[k:]]).clamp(
        -1, 1
    )
    for k in range(LAST)
]
rows = [some[a], *mixed, some[b]]
viz.grid(torch.cat([row[:8] for row in rows]), columns=8, scale=2.2)
# %%
print(lab.t("mixed head"))
mine = {}
for k, images in enumerate(mixed):
    found = features.attributes(images[:500])
    for name in ("hair_colour", "glasses"):
        values = faces.attributes[name]
        one, two = values[:half][:500], values[half : 2 * half][:500]
        apart = one != two
        like = [
            (found[name].cpu() == who)[apart].double().mean().item()
            for who in (one.cpu(), two.cpu())
        ]
        mine[k, name] = like[0]
        print(f"{4 * 2**k:4} {like[0]:8.0%}{like[1]:8.0%}   {lab.t(name)}")
if lab.profile != "smoke":
    assert mine[0, "glasses"] < 0.1 and 0.5 < mine[2, "glasses"] < 0.8
    assert mine[0, "hair_colour"] < 0.7 and mine[2, "hair_colour"] > 0.98


# %% [markdown] lang="en"
# The course's classifier of attributes looks at the pairs that differ: how often it finds A's value, how often B's. With A's sixteen pixels the glasses are B's, in 96 pairs of 100; even if all of $16\times16$ are A's, the last detail alone still decides in more than a third. The colour of the hair goes the other way: A's $8\times8$ pixels settle it, and with $4\times4$ it is A's in half of the pairs, B's in a quarter, and a third colour in the rest. So LAPGAN, which trains one game for each detail, can put the wrong glasses on a face whose every coarser part is right: it is enough that the last game errs.
#
# ### A careless forger
#
# LAPGAN's judges see a coarse picture and a detail. Let a forger paint *perfect* details, real ones, and on them noise of 0.02 in each number, two to three grey levels of 255, which nobody would see. **Predict.** How often is it caught by a judge who only adds up the four numbers of each block?
# %% [markdown] lang="zh"
# 这里只看 A 与 B 取值不同的那些对，由课程里认属性的分类网络来读：读成 A 的占多少，读成 B 的占多少。十六个像素是 A 的，眼镜却是 B 的，一百对里有 96 对如此；哪怕 $16\times16$ 全是 A 的，单凭最后一层细节，还有三分之一以上由 B 说了算。发色正相反：A 的 $8\times8$ 像素就把它定下来了；只有 $4\times4$ 时，一半是 A 的，四分之一是 B 的，其余读成了第三种颜色。LAPGAN 每层细节各训练一局，所以只要最后一局出错，前面各级都画对了的脸，也会戴错眼镜。
#
# ### 粗心的伪造者
#
# LAPGAN 的判别器看到的是一幅粗图与一层细节。假定伪造者画的细节*完美无缺*，就是真的，只是每个数上加了 0.02 的噪声，合 255 级灰度里的两三级，谁也看不出。**先猜。** 若评判者什么也不看，只把每块的四个数加起来，能抓住几成？
# %% tags=["strict"]
def caught(detail):
    return (down(detail).abs().amax((1, 2, 3)) > 1e-5).double().mean()


ganlib.seed(lab.seed)
real = details[-1][:256]
noise = 0.02 * torch.randn_like(real)
careful = noise - up(down(noise))
for name, forged in {
    "real": real,
    "careless": real + noise,
    "careful": real + careful,
}.items():
    print(f"{caught(forged):6.0%}   {lab.t(name)}")
assert caught(real) == caught(real + careful) == 0
assert caught(real + noise) == 1 and rms(careful) > 0.8 * rms(noise)
# %% [markdown] lang="en"
# Always. A forger who subtracts the block's mean from its noise is never caught; that takes one line and 13 % of the noise. A detail that comes out of a network should go through $h\mapsto h-\uparrow\downarrow h$ before anybody judges it. A network that grows has no such problem: it makes whole pictures.
#
# ## 3 · The fade
#
# How a level comes in, word for word: for real pictures, for a blend of old and new, and in the discriminator.
# %% [markdown] lang="zh"
# 全部抓住。伪造者若先从噪声里减去每块的平均（只要一行代码，噪声只小 13%），就一个也抓不住。所以网络画出的细节，应当先过一遍 $h\mapsto h-\uparrow\downarrow h$，再交给别人评判。会长大的网络没有这个问题，它画的是整幅图像。
#
# ## 3 · 淡入
#
# 新的一级怎样进来，请看代码原文：真图怎样淡入，新旧怎样混合，判别器里又怎样。
# %%
from ganlib.models.progressive import (
    ProgressiveDiscriminator,
    fade,
    faded,
)

lab.show(faded, fade, ProgressiveDiscriminator.forward)
# %% [markdown] lang="en"
# **Predict.** Six statements for each level: at $\alpha=0$ generator, discriminator and real picture are those of the level below (with $\uparrow$ or $\downarrow$ in the right place), at $\alpha=1$ those of the level itself. Which hold to the last bit? (The generator is the zoo's, the discriminator has random weights.) And the slip that the page warns of, the averaged picture through the *new* from-RGB layer?
# %% [markdown] lang="zh"
# **先猜。** 每一级六句话：$\alpha=0$ 时，生成器、判别器、真图都等同于低一级的（该放 $\uparrow$ 或 $\downarrow$ 的地方补上）；$\alpha=1$ 时都等同于本级的。哪几句精确到最后一位？（生成器取模型库的，判别器的权重是随机的。）理论页警告过的那个失误，即取过平均的图像进了*新的* fromRGB，又怎样？
# %% tags=["strict"]
ganlib.seed(lab.seed)
# en: Of equal width, so that the slip has fitting shapes.
# zh: 宽度相等，好让那个失误的形状对得上。
equal = {"width": 16, "widest": 16}
judge = ProgressiveDiscriminator(faces.shape, **equal).to(lab.device)
artist, few = painter.generator, z[:16]
zero, one = (torch.tensor(end, device=lab.device) for end in (0.0, 1.0))


@torch.no_grad()
def ends(level):
    x = faded(some[:16], level)
    return [
        (artist(few, level, zero), up(artist(few, level - 1))),
        (artist(few, level, one), artist(few, level)),
        (judge(x, level, zero), judge(down(x), level - 1)),
        (judge(x, level, one), judge(x, level)),
        (faded(x, level, zero), up(down(x))),
        (faded(x, level, one), x),
    ]


@torch.no_grad()
def slip(x, level, alpha):
    new = judge.from_images[level]
    features = down(judge.blocks[level - 1](new(x)))
    features = fade(new(down(x)), features, alpha)
    for newer in range(level - 1, 0, -1):
        features = down(judge.blocks[newer - 1](features))
    return judge.end(features).squeeze(1)


print(lab.t("ends head"))
for level in range(1, LAST + 1):
    same = [torch.equal(one, other) for one, other in ends(level)]
    print(f"{4 * 2**level:4}", *(f"{lab.t(str(s)):>8}" for s in same))
    assert all(same)
    x = faded(some[:16], level)
    below = judge(down(x), level - 1)
    off = (slip(x, level, zero) - below).abs().max()
    assert off > 0.01 * below.std()
    assert torch.allclose(slip(x, level, one), judge(x, level), atol=1e-5)


# %% [markdown] lang="en"
# All of them, to the last bit: $0\cdot\text{new}$ is zero and $1\cdot\text{old}$ is old. The slip, whose shapes fit as well, is right at $\alpha=1$ and wrong at $\alpha=0$ (asserted). So test at zero.
#
# Move $\alpha$. Above, real faces as the discriminator is shown them; below, the zoo's generator, between two of its mouths. **What do you see** in the lower row at $\alpha=0$?
# %% [markdown] lang="zh"
# 六句全都精确到最后一位：$0\cdot\text{新}$ 就是零，$1\cdot\text{旧}$ 就是旧。那个失误，形状照样对得上，$\alpha=1$ 时也对，错在 $\alpha=0$（断言里验过）。所以检验要在零处做。
#
# 移动 $\alpha$。上排是判别器所见的真图，下排是模型库的生成器，处在它的两张嘴之间。下排在 $\alpha=0$ 时，**你看到了什么？**
# %%
def between_levels(side, alpha):
    level = (4, 8, 16, 32).index(side)
    share = torch.tensor(float(alpha), device=lab.device)
    real = full(faded(some[:8], level, share))
    return torch.cat([real, speak(level, z[:8], float(alpha))]).cpu()


if lab.live:
    import ipywidgets

    ipywidgets.interact(
        lambda side, alpha: viz.grid(
            between_levels(side, alpha), columns=8, scale=2.6
        ),
        side=ipywidgets.SelectionSlider(
            options=[8, 16, 32], value=32, description=lab.t("side")
        ),
        alpha=ipywidgets.FloatSlider(
            0.5, min=0, max=1, step=0.05, description="α"
        ),
    )
    slide = None
else:
    stops = [
        (side, k / 6)
        for side in (8, 16, 32)
        for k in range(0, 7, lab.pick(smoke=6, cpu=1, gpu=1))
    ]
    slide = viz.player(
        [(at, between_levels(*at)) for at in stops],
        columns=8,
        caption=lambda at: f"{at[0]}×{at[0]}, α = {at[1]:.2f}",
        scale=2.6,
        seconds=10,
    )
slide
# %% [markdown] lang="en"
# The real faces go from blocks to faces. The generator's row begins, at $\alpha=0$, with the forgotten mouth of section 1: the formula holds at every moment, but only at the moment of a level's birth is the old mouth a good one.
#
# ### Does a fade slow the new layers down?
#
# At $\alpha=0$ the gradient of all new layers should be zero, and that of the old ones the same as before the level came. Then $\alpha$ moves off zero. **Predict.** At $\alpha=0.01$ the gradients of the new block are a hundred times smaller than at $\alpha=1$. How long is Adam's first step in it?
# %% [markdown] lang="zh"
# 真图从色块渐渐变成脸。生成器那一排，$\alpha=0$ 处就是第 1 节那张忘了本的嘴：公式时时成立，可是只有在一级刚出生的那一刻，旧的嘴才是好嘴。
#
# ### 淡入会让新层慢下来吗？
#
# $\alpha=0$ 时，所有新层的梯度应当是零，旧层的梯度应当与这一级到来之前相同。然后 $\alpha$ 离开零。**先猜。** $\alpha=0.01$ 时，新块的梯度只有 $\alpha=1$ 时的百分之一；Adam 在新块里的第一步有多长？
# %% tags=["strict"]
import copy

from ganlib import losses
from torch.nn.functional import softplus

ganlib.seed(lab.seed)
game = ganlib.build("progan", faces.shape, **recipe.options)
game.to(lab.device)
net = game.discriminator


def turn(level, alpha):
    # en: A loss of scores alone: the non-saturating one.
    # zh: 只含分数的损失：非饱和损失。
    share = (
        None if alpha is None else torch.tensor(alpha, device=lab.device)
    )
    real = faded(some[:8], level, share)
    with torch.no_grad():
        fake = game.generator(few[:8], level, share)
    score = losses.non_saturating.discriminator
    return score(net(real, level, share), net(fake, level, share))


def gradients(level, alpha):
    net.zero_grad()
    turn(level, alpha).backward()
    return {
        name: p.grad.clone()
        for name, p in net.named_parameters()
        if p.grad is not None
    }


before, born = gradients(2, None), gradients(3, 0.0)
new = [name for name in born if name not in before]
same = all(
    torch.allclose(before[name], born[name], atol=1e-7) for name in before
)
most = max(born[name].abs().max().item() for name in new)
print(f"{len(before)} {lab.t('old')} {lab.t(str(same))}")
print(f"{len(new)} {lab.t('new')} {most:g}")
assert same and most == 0 and len(new) == 6
# %% tags=["strict"]
RATE = 1e-3
block = net.blocks[2][0][0].weight


def first_step(alpha):
    was = copy.deepcopy(net.state_dict())
    adam = torch.optim.Adam(net.parameters(), RATE, (0.0, 0.99))
    start = block.detach().clone()
    size = gradients(3, alpha)["blocks.2.0.0.weight"].abs().mean().item()
    adam.step()
    step = ((block - start).abs().median() / RATE).item()
    net.load_state_dict(was)
    return size, step


steps = {}
print(lab.t("steps head"))
for alpha in (1.0, 0.1, 0.01, 1e-4, 1e-6):
    size, steps[alpha] = first_step(alpha)
    print(f"{alpha:8g} {size:10.0e} {steps[alpha]:8.2f} η")
assert min(steps[alpha] for alpha in (1.0, 0.1, 0.01)) > 0.99

# en: A layer that was handed gradients of zero, and whose steps counted.
# zh: 一直领到零梯度、步数却照算的层。
w = torch.nn.Parameter(torch.zeros(3))
adam = torch.optim.Adam([w], RATE, (0.0, 0.99))
for gradient in [torch.zeros(3)] * 1000 + [torch.tensor([1, -9, 0.1])]:
    w.grad = gradient
    adam.step()
least, most = w.abs().min() / RATE, w.abs().max() / RATE
print(f"{least:.2f} … {most:.2f} η  {lab.t('after zeros')}")
assert 9.9 < least and most < 10.01
# %% [markdown] lang="en"
# A full step, at $\alpha=0.01$ as at $1$; only where the gradients come down to Adam's $\epsilon=10^{-8}$ does it shorten. The fade limits what the new layers *do* to the picture and leaves their pace alone. And a layer that had been handed zeros all the time makes a first step of $10\,\eta$, whatever the gradient. In `ganlib` unborn layers have no gradient at all, so Adam has never heard of them.
#
# ### What a fade does not keep
#
# By the page the slope of the critic halves when the side doubles, since the same picture, enlarged, has twice the norm. So the library divides slopes by $2^{L-\ell}$: they are per distance of pictures at full size. `full_size_slopes=False` leaves that out. We take a critic of level $\ell$ whose slopes are 1 on average, and let the next level be born.
#
# **Predict.** The fine, $10\,(\text{slope}-1)^2$ on average, is near 0. What is it right after the birth, at $\alpha=0$, in either unit?
# %% [markdown] lang="zh"
# 是整整一步，$\alpha=0.01$ 时与 $\alpha=1$ 时一样；只有梯度小到与 Adam 的 $\epsilon=10^{-8}$ 相当，步子才短下来。淡入限制的是新层能让图像*变多少*，它们的步调不受限制。而一直领零梯度的层，头一回领到真正的梯度，一步就迈出 $10\,\eta$，不管那梯度多大。在 `ganlib` 里，尚未出生的层根本没有梯度，Adam 从没听说过它们。
#
# ### 淡入保不住的
#
# 照理论页，边长加倍时评论器的斜率减半，因为同一幅图放大之后长度是两倍。所以代码库把斜率除以 $2^{L-\ell}$，即始终按最终大小的图像之间的距离来算；`full_size_slopes=False` 就不除。取一个第 $\ell$ 级的评论器，斜率平均为 1，再让第 $\ell+1$ 级出生。
#
# **先猜。** 罚款，即 $10\,(\text{斜率}-1)^2$ 的平均，起先接近 0。刚出生、$\alpha=0$ 时，用这两种单位算，各是多少？
# %% tags=["strict"]
pace = {"fade": 100, "stable": 100}
jumps = {}
print(lab.t("births head"))
for full_size in (True, False):
    for level in range(LAST):
        ganlib.seed(lab.seed)
        options = recipe.options | pace | {"full_size_slopes": full_size}
        critic = ganlib.build("progan", faces.shape, **options)
        critic.to(lab.device).schedule(50 + 200 * level, 1)
        x = faded(some[:16], *critic.growth)
        slope = critic.slopes(x).mean().detach()
        with torch.no_grad():
            critic.discriminator.end[-1].weight.div_(slope)
        fines = [10 * (critic.slopes(x) - 1).square().mean().item()]
        critic.schedule(100 + 200 * level, 1)
        assert critic.stage == (level + 1, True)
        fines += [10 * (critic.slopes(up(x)) - 1).square().mean().item()]
        jumps[full_size, level] = fines[1] - fines[0]
        sides = f"{4 * 2**level:3} → {8 * 2**level:2}"
        unit = lab.t("full size" if full_size else "own size")
        print(f"{sides} {fines[0]:8.2f} {fines[1]:8.2f}   {unit}")
for (full_size, _), jump in jumps.items():
    assert abs(jump) < 1e-4 if full_size else 2 < jump < 2.6
# %% [markdown] lang="en"
# $\lambda/4=2.5$, in a moment in which no score changes. In units of the final size nothing happens.
#
# The page also asks: must real pictures be faded too? Here is how much their detail moves the score of a discriminator with random weights, on average over faces, when they are faded and when they are not.
#
# **Predict.** If a small $\alpha$ falls to a tenth, by how much does either fall?
# %% [markdown] lang="zh"
# $\lambda/4=2.5$，而此刻没有一个分数变过。按最终大小的单位算，则什么也没有发生。
#
# 理论页还问：真图也必须淡入吗？取一个权重随机的判别器，看真图的细节使它的分数改变多少（对人像取平均）：一列让真图淡入，一列不让。
#
# **先猜。** $\alpha$ 已经很小，再降到十分之一，这两个数各降到几分之几？
# %% tags=["strict"]
twice = copy.deepcopy(net).double()
x = some[:16].double()


@torch.no_grad()
def moved(alpha, fades):
    share = torch.tensor(alpha, dtype=torch.float64, device=lab.device)
    shown = faded(x, LAST, share if fades else None)
    blurred = twice(faded(x, LAST, 0 * share), LAST, share)
    return (twice(shown, LAST, share) - blurred).abs().mean().item()


print(lab.t("detail head"))
moves = {}
for alpha in (1.0, 0.1, 0.01, 0.001):
    moves[alpha] = moved(alpha, True), moved(alpha, False)
    print(f"{alpha:8g}", *(f"{move:12.1e}" for move in moves[alpha]))
(small, large), (smaller, less) = moves[0.01], moves[0.001]
assert 80 < small / smaller < 120 and 8 < large / less < 12


# %% [markdown] lang="en"
# Once $\alpha$ is small, like $\alpha^2$ and like $\alpha$. At $\alpha=0.01$ sharp real pictures give the discriminator nearly a hundred times as much to go by as faded ones, and "has detail" means "real".
#
# ## 4 · Who moves how fast
#
# The library draws weights from $\mathcal N(0,1)$ and multiplies by $c=\gamma/\sqrt n$ where they are used ($n$ inputs, gain $\gamma$). `usual` makes the twin that everybody else has: $c$ goes into the weights. Both are the same function.
#
# **Predict.** One step of Adam with $\eta=0.001$. How far, in percent of its length, does each layer move, with 3 inputs and with 1184?
# %% [markdown] lang="zh"
# $\alpha$ 一小，一个按 $\alpha^2$，一个按 $\alpha$。$\alpha=0.01$ 时，真图若清晰，判别器手里的凭据将近是真图淡入时的一百倍，而“有细节”就等于“真”。
#
# ## 4 · 谁动得多快
#
# 代码库按 $\mathcal N(0,1)$ 抽取权重，用的时候乘以 $c=\gamma/\sqrt n$（$n$ 个输入，增益 $\gamma$）。`usual` 照通常的写法造一个孪生网络：把 $c$ 并入权重。两者是同一个函数。
#
# **先猜。** Adam 走一步，$\eta=0.001$。3 个输入的层与 1184 个输入的层，各移动了自身长度的百分之几？
# %% tags=["strict"]
def layers(net):
    return [m for m in net.modules() if hasattr(m, "lr_multiplier")]


def usual(net):
    with torch.no_grad():
        for layer in layers(net):
            layer.weight.mul_(layer.scale)
            layer.scale = 1.0
    return net


ganlib.seed(lab.seed)
ours = ProgressiveDiscriminator(faces.shape, **{"width": 16, "widest": 74})
theirs = usual(copy.deepcopy(ours))
x = some[:16].cpu()
assert torch.allclose(ours(x), theirs(x), atol=1e-5)


def paces(net, rate=RATE, optimizer=torch.optim.Adam):
    start = [layer.weight.detach().clone() for layer in layers(net)]
    softplus(-net(x)).mean().backward()
    betas = {"betas": (0.0, 0.99)} if optimizer is torch.optim.Adam else {}
    optimizer(net.parameters(), rate, **betas).step()
    return [
        ((layer.weight - was).norm() / was.norm()).item()
        for layer, was in zip(layers(net), start, strict=True)
    ]


rows = zip(layers(ours), paces(theirs), paces(ours), strict=True)
print(lab.t("paces head"))
seen = {}
for layer, plain, even in rows:
    n, c = layer.weight[0].numel(), layer.scale
    if plain and n not in seen:
        seen[n] = plain, even
        print(f"{n:6} {c:8.3f} {RATE / c:9.2%} {plain:9.2%} {even:9.2%}")
        assert abs(plain * c / RATE - 1) < 0.25 > abs(even / RATE - 1)
assert seen[1184][0] > 12 * seen[3][0]


# %% [markdown] lang="en"
# A step that moves from-RGB by 0.1 % moves the widest layer by 2.4 %; equalised, all move by 0.1 %. (Small layers, here one of 48 weights, deviate by the luck of their draw.) This is no deep change of the model. By the page the same run is had with the usual weights and a rate $c\,\eta$ (and $\epsilon/c$) for each layer. And for plain gradient descent? **Predict** which rate is to be given there.
# %% [markdown] lang="zh"
# 同样一步，fromRGB 动了 0.1%，最宽的层动了 2.4%；均衡之后都是 0.1%。（小的层，比如这里只有 48 个权重的那个，会因抽样的运气有些出入。）这并不是什么深刻的新参数化。照理论页，用通常的权重，每层的学习率取 $c\,\eta$（并取 $\epsilon/c$），跑出来完全一样。换成普通的梯度下降呢？**先猜**那里该取多大的学习率。
# %% tags=["strict"]
def together(optimizer, power, steps=5):
    ganlib.seed(lab.seed)
    ours = ProgressiveDiscriminator((3, 8, 8), 8, 24).double()
    theirs = usual(copy.deepcopy(ours))
    scales = [layer.scale for layer in layers(ours)]
    adam, rate = optimizer is torch.optim.Adam, 0.01
    options = {"betas": (0.0, 0.99)} if adam else {}
    groups = [
        {"params": [layer.weight], "lr": rate * c**power}
        | ({"eps": 1e-8 / c} if adam else {})
        for layer, c in zip(layers(theirs), scales, strict=True)
    ]
    groups += [{"params": [m.bias for m in layers(theirs)], "lr": rate}]
    runs = [
        (ours, optimizer(ours.parameters(), lr=rate, **options)),
        (theirs, optimizer(groups, lr=rate, **options)),
    ]
    x = down(some[:16].cpu().double(), 4)
    for net, player in runs:
        for _ in range(steps):
            player.zero_grad()
            softplus(-net(x)).mean().backward()
            player.step()
    return all(
        torch.allclose(v.weight * c, w.weight, rtol=1e-6, atol=1e-9)
        for v, w, c in zip(
            layers(ours), layers(theirs), scales, strict=True
        )
    )


for optimizer in (torch.optim.Adam, torch.optim.SGD):
    row = [together(optimizer, power) for power in (0, 1, 2)]
    words = "".join(f"{lab.t(str(same)):>6}" for same in row)
    print(f"{optimizer.__name__:5} η, c η, c² η: {words}")
    adam = optimizer is torch.optim.Adam
    assert row == [False, adam, not adam]


# %% [markdown] lang="en"
# $c\,\eta$ for Adam, $c^2\eta$ for gradient descent: so with the latter the same code does not equalise: it divides the rate of a layer by $1/c^2=n/2$, here by up to 592, in the authors' networks by thousands.
#
# One step is one step. Do the differences last? Two games at $4\times4$, the same in everything but where $c$ stands. The bars are how far each layer of both players has moved from where it began, relative to its length. (`G 100`: a layer of the generator with 100 inputs.)
# %% [markdown] lang="zh"
# Adam 是 $c\,\eta$，梯度下降是 $c^2\eta$：所以用后者时，同样的代码不是均衡，而是把每层的学习率除以 $1/c^2=n/2$，这里最宽的层是 592，作者的网络里是几千。
#
# 一步只是一步，差别会持续吗？下面两局都在 $4\times4$ 上进行，只有 $c$ 放在哪里不同。横条是双方的每一层离起点多远，以自身长度为单位。（`G 100` 是生成器里有 100 个输入的一层。）
# %%
def play_small(change, steps):
    ganlib.seed(lab.seed)
    options = recipe.options | {"stable": 10**9, "start": 4, "lr": RATE}
    gan = ganlib.build("progan", faces.shape, **options)
    change(gan)
    used = {
        "G": layers(gan.generator.start)
        + [gan.generator.to_images.layers[0]],
        "D": [gan.discriminator.from_images[0][0]]
        + layers(gan.discriminator.end),
    }
    used = [(who, layer) for who, some in used.items() for layer in some]
    start = [layer.weight.detach().clone() for _, layer in used]
    trainer = ganlib.Trainer(
        gan, faces, BATCH, device=lab.device, progress=False
    )
    trainer.fit(steps)
    return {
        f"{who} {layer.weight[0].numel()}": (
            (layer.weight.cpu() - was).norm() / was.norm()
        ).item()
        for (who, layer), was in zip(used, start, strict=True)
    }


steps = lab.pick(smoke=2, cpu=80, gpu=500)
travelled = {
    "usual": play_small(usual, steps),
    "equalised": play_small(lambda gan: None, steps),
}
for name, found in travelled.items():
    values = found.values()
    ratio = max(values) / min(values)
    print(
        f"{max(values):.1%} / {min(values):.1%} = {ratio:.0f}", lab.t(name)
    )
# %%
# alt-en: Horizontal bars on a logarithmic axis, two for each layer, labelled by player and number of inputs: how far it moved. The usual bars differ widely, the longest at the layers with most inputs; the equalised ones are of similar length.
# alt-zh: 对数轴上的横条，每层两条，表示离起点多远；标签是哪一方、多少个输入。通常的一组长短悬殊，输入最多的层最长；均衡的一组长短相近。
fig, (ax,) = viz.panels(1, width=6.4, height=3.2)
for k, (name, found) in enumerate(travelled.items()):
    places = [row + 0.38 * k for row in range(len(found))]
    ax.barh(places, list(found.values()), height=0.36, label=lab.t(name))
ax.set(xscale="log", xlabel=lab.t("relative way"))
ticks = (0.02, 0.05, 0.1, 0.2, 0.5)
ax.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
ax.set_xticks([], minor=True)
ax.set_yticks([row + 0.19 for row in range(len(found))], list(found))
ax.invert_yaxis()
ax.legend(loc="lower right")
fig
# %% [markdown] lang="en"
# They last. After 80 steps the layers of the usual game have moved by 2 to 30 percent of their length; the slow one is the discriminator's from-RGB layer, with its 3 inputs, which all others leave far behind. In the equalised game it is 3 to 9 percent, and the same layer is among the faster ones. Which of the two paints better is not shown here and would take many seeds.
#
# ## 5 · Lengths and spreads
#
# Two small parts, on numbers that we make. Pixel normalisation first. **Predict.** We multiply the features of a pixel by 10. What becomes of the output, and of the gradient of a loss behind it? And of 10,000 latents of 100 numbers, how many does a formula without the square turn into NaN?
# %% [markdown] lang="zh"
# 会持续。80 步之后，通常的一局里，各层移动了自身长度的 2% 到 30%；慢的是判别器只有 3 个输入的 fromRGB 层，被其余各层远远甩在后面。均衡的一局里是 3% 到 9%，同一层反倒算是快的。哪一局画得更好，这里看不出来，那要很多个种子。
#
# ## 5 · 长度与散布
#
# 两个小部件，用我们自己编的数来看。先看像素归一化。**先猜。** 把一个像素的特征乘以 10，输出变成什么？后面损失的梯度呢？再取 10,000 个 100 维的隐变量，漏掉平方的公式会把多少个变成 NaN？
# %% tags=["strict"]
from ganlib.models.equalised import MinibatchStd, pixel_norm

ganlib.seed(lab.seed)
x = torch.randn(1, 74, 1, 1, dtype=torch.float64)
target = torch.randn(74, dtype=torch.float64)


def slope_at(x):
    x = x.clone().requires_grad_()
    loss = (pixel_norm(x).flatten() * target).sum()
    (gradient,) = torch.autograd.grad(loss, x)
    radial = (gradient * x).sum() / gradient.norm() / x.norm()
    return gradient.norm().item(), radial.abs().item()


same = torch.allclose(pixel_norm(10 * x), pixel_norm(x))
ratio = slope_at(x)[0] / slope_at(10 * x)[0]
along = slope_at(x)[1]
print(f"{lab.t(str(same))}  {ratio:.3f}  {along:.3f}")
assert same and abs(ratio - 10) < 1e-6 and along < 1e-7
latents = torch.randn(10_000, 100)
unsquared = latents / (latents.mean(1, keepdim=True) + 1e-8).sqrt()
lost = unsquared.isnan().all(1).double().mean()
rows = pixel_norm(latents).square().mean(1)
print(f"{lost:.0%} NaN,  {rows.min():.4f} … {rows.max():.4f}")
assert 0.48 < lost < 0.52 and (rows - 1).abs().max() < 1e-4
# %% [markdown] lang="en"
# The same output, a tenth of the gradient, and none along the features themselves: the amplitude is forgotten. Without the square half of the latents are lost.
#
# Now the minibatch statistic, on 4,000 groups of four from each of five generators. One draws 64 features from the normal distribution; others own $K$ different pictures and pick one by lot; the last owns one. (Each set of $K>1$ pictures is shifted and scaled to mean 0 and variance 1 in each feature, as the normal one has.) Below: the mean of the statistic, and the share of groups in which it is at its minimum $\sqrt\epsilon=10^{-4}$, beside the page's $K^{1-m}$.
#
# **Predict.** With only two pictures: will the mean of the statistic give the generator away?
# %% [markdown] lang="zh"
# 输出不变，梯度是十分之一，而且沿特征自身的方向没有梯度：幅度就这样忘掉了。漏掉平方，则丢掉一半隐变量。
#
# 再看小批量统计量：五个生成器，各画 4,000 组，每组四个。一个按正态分布抽取 64 个特征；另外几个手里只有 $K$ 幅不同的图，随机拿一幅；最后一个只有一幅。（$K>1$ 的每套图都先平移、再缩放，使各特征的均值为 0、方差为 1，与正态的相同。）下面是统计量的均值，以及它取到最小值 $\sqrt\epsilon=10^{-4}$ 的组占多少，旁边是理论页的 $K^{1-m}$。
#
# **先猜。** 只有两幅图的那个，统计量的均值会让它露馅吗？
# %% tags=["strict"]
layer = MinibatchStd(group=4)


def statistic(samples):
    return layer(samples)[:, -1, 0, 0]


def owner(k, n=16_000):
    if k == 0:
        return torch.randn(n, 64, 1, 1)
    pictures = torch.randn(k, 64, 1, 1)
    if k > 1:
        pictures = pictures - pictures.mean(0)
        pictures = pictures / pictures.square().mean(0).sqrt()
    return pictures[torch.randint(k, (n,))]


ganlib.seed(lab.seed)
print(lab.t("owners head"))
means, blind = {}, {}
for k in (0, 10, 3, 2, 1):
    found = statistic(owner(k))
    means[k] = found.mean().item()
    blind[k] = (found < 2e-4).double().mean().item()
    law = f"{k**-3:8.1%}" if k else f"{'–':>8}"
    name = lab.t("owns", k=k) if k else lab.t("normal")
    print(f"{means[k]:8.4f} {blind[k]:8.1%} {law}   {name}")
    assert not k or abs(blind[k] - k**-3) < 0.01
assert abs(means[2] - means[0]) < 0.03 and means[1] < 2e-4


# %% [markdown] lang="en"
# It will not: $0.80$ for both. The complete collapse stands out by four orders of magnitude; two pictures show themselves in one group of eight, ten in one of a thousand, and the mean over all groups is right. The number sees spread and no modes.
#
# **Predict.** The generator with one picture has been caught. Which direction does the statistic give it, to get away from there?
# %% [markdown] lang="zh"
# 不会：两边都是 $0.80$。完全坍塌一眼可见，差了四个数量级；只有两幅图的，八组里有一组露馅，有十幅图的，一千组里才有一组，而各组的平均总是对的。这个数看的是散布，不是模式。
#
# **先猜。** 只有一幅图的生成器被抓住了。统计量会给它指出哪个方向，好离开那里？
# %% tags=["strict"]
def push(samples):
    samples = samples.clone().requires_grad_()
    return torch.autograd.grad(statistic(samples).sum() / 4, samples)[0]


ganlib.seed(lab.seed)
picture = torch.randn(1, 64, 1, 1).expand(4, -1, -1, -1)
for size in (0.0, 1e-5, 1e-3, 1.0):
    nudged = picture + size * torch.randn(4, 64, 1, 1)
    print(f"{size:8g} {push(nudged).norm():8.4f}")
    assert size or push(nudged).norm() == 0
print(f"{lab.t('bound')} {(4 * 64) ** -0.5:.4f}")
assert 0.9 < push(nudged).norm() * 16 < 1.0001

# en: Real and fake in one group get one and the same number.
# zh: 真假同组，得到的是同一个数。
real, fake = torch.randn(8, 64, 1, 1), picture[:1].expand(8, -1, -1, -1)
apart = statistic(real).mean() / statistic(fake).mean()
mixed = statistic(torch.stack([real, fake], 1).flatten(0, 1)).view(8, 2)
print(f"{apart:.0f}  {(mixed[:, 0] / mixed[:, 1]).mean():.0f}")
assert apart > 5000 and torch.equal(mixed[:, 0], mixed[:, 1])
# %% [markdown] lang="en"
# None at all: zero at the point itself, and nearly the bound $1/\sqrt{md}$ once the samples differ by more than $\sqrt\epsilon$. The alarm rings and does not say where the exit is. (The last line: real batch over collapsed batch, apart and in mixed groups. Mixed, the alarm is dead.)
#
# ## 6 · Growing up
#
# ### What a picture costs
#
# First a count. Each level multiplies so many numbers for one picture in generator and discriminator. A quarter of the pictures is shown at $8\times8$, a quarter at $16\times16$, an eighth at $4\times4$ and the rest, three eighths, at full size.
#
# **Predict.** A $4\times4$ picture has one 64th of the pixels of a $32\times32$ one. By how much is the whole run faster than one at full size throughout?
# %% [markdown] lang="zh"
# 一个方向也没有：在那一点上，梯度是零；样本之间的差一旦超过 $\sqrt\epsilon$，就几乎达到上界 $1/\sqrt{md}$。警报响了，却没有指明出口。（最后一行：真批次与坍塌批次的统计量之比，先是分开算的，再是混在一组里算的。混在一起，警报就哑了。）
#
# ## 6 · 长大
#
# ### 一幅图像的开销
#
# 先数一数。生成器与判别器处理一幅图像，每一级要做多少次乘法。四分之一的图像在 $8\times8$ 上看，四分之一在 $16\times16$ 上看，八分之一在 $4\times4$ 上看，其余八分之三是最终大小。
#
# **先猜。** $4\times4$ 的图，像素只有 $32\times32$ 的六十四分之一。整个训练的速度，是始终用最终大小的几倍？
# %% tags=["strict"]
from torch.utils.flop_counter import FlopCounterMode

SIZE = lab.pick(smoke=32, cpu=32, gpu=64)
SIDES = [4 * 2**level for level in range(5) if 4 * 2**level <= SIZE]
TOP = len(SIDES) - 1
# en: A fade and a stay for each level, the last longer.
# zh: 每一级一段淡入、一段稳定，最后一级更长。
PHASES = 2 * TOP + 2
FEW = lab.pick(smoke=4, cpu=16, gpu=recipe.batch)
LITTLE = {"width": 8, "widest": 32}
SHARES = [n / PHASES for n in [1] + [2] * (TOP - 1) + [3]]
data = faces if SIZE == 32 else ganlib.load(lab.data, size=SIZE)
settings = recipe.options | lab.pick(smoke=LITTLE, cpu=LITTLE, gpu={})
game = ganlib.build("progan", data.shape, **settings)


@torch.no_grad()
def products(level):
    with FlopCounterMode(display=False) as counter:
        game.discriminator(game.generator(game.latent(1), level), level)
    return counter.get_total_flops() / 2


cost = [products(level) for level in range(TOP + 1)]
for level, (n, share) in enumerate(zip(cost, SHARES, strict=True)):
    print(
        f"{4 * 2**level:4} {n / 1e6:7.1f} M {n / cost[-1]:7.1%} {share:7.1%}"
    )
counted = cost[-1] / sum(n * s for n, s in zip(cost, SHARES, strict=True))
print(f"S = {counted:.2f}   τ = {SHARES[-1] * counted:.2f}")
assert 1.4 < counted < 2
# %% [markdown] lang="en"
# 1.6 times. From $16\times16$ on, channels halve when the side doubles, so that each block costs as much as the one before, 3.6 million products: the page's case $q=1$, in which growing never saves half. And $\tau$: in equal time the grown run has seen only six tenths as many pictures at full size.
#
# And by the clock? Each stage is timed, with a fade and without: milliseconds for a step of both players, beside the share that the count promises.
# %% [markdown] lang="zh"
# 1.6 倍。从 $16\times16$ 起，边长加倍时通道减半，所以每块的开销与前一块一样，都是 360 万次乘法：正是理论页的 $q=1$，增长永远省不到一半。再看 $\tau$：在同样的时间里，渐进训练看到的最终大小的图像只有对方的六成。
#
# 用时钟来量呢？每个阶段都计时，淡入时与不淡入时各一次：双方各走一步要多少毫秒，旁边是按乘法次数应占的比例。
# %%
import time

rounds, times = lab.pick(smoke=(1, 1), cpu=(5, 5), gpu=(10, 5))


def stage_times():
    ganlib.seed(lab.seed)
    gan = ganlib.build("progan", data.shape, **settings | pace)
    trainer = ganlib.Trainer(
        gan, data, FEW, device=lab.device, progress=False
    )
    schedule, found = gan.schedule, {}
    for at in range(50, 200 * TOP + 100, 100):
        # en: Held at one stage while it is timed.
        # zh: 计时期间停在一个阶段。
        gan.schedule = lambda _, batch, at=at: schedule(at, batch)
        trainer.fit(1)
        clocked = []
        for _ in range(times):
            began = time.perf_counter()
            trainer.fit(rounds)
            clocked.append((time.perf_counter() - began) / rounds)
        found[gan.stage] = min(clocked) / trainer.batch_size
    return found


clock = stage_times()
print(lab.t("clock head"))
whole = clock[TOP, False]
for (level, fading), each in clock.items():
    word = lab.t("fading" if fading else "stable")
    by_count = cost[level] / cost[-1]
    print(
        f"{4 * 2**level:4} {1e3 * each * FEW:8.0f}"
        f" {each / whole:8.0%} {by_count:8.0%}   {word}"
    )


def lasts(level):
    # en: Half of a level's pictures come while it fades in, but for the
    # en: first, which does not, and the last, which stays longer.
    # zh: 一级的图像有一半在淡入时出现；第一级没有淡入，最后一级留得更久。
    if level == 0:
        return SHARES[0] * clock[0, False]
    stays = SHARES[level] - 1 / PHASES
    return clock[level, True] / PHASES + stays * clock[level, False]


measured = whole / sum(lasts(level) for level in range(TOP + 1))
print(f"S = {measured:.2f}")
if lab.profile == "cpu":
    assert 1.2 < measured < 2.5
# %% [markdown] lang="en"
# About what the count said. (The smallest pictures take four times their share: whatever a call computes, it has its price. But they are few.) The paper has 2 to 6: up to $1024\times1024$, with batches that had to shrink as pictures grew, and with channels that stay at 512 up to $32\times32$. Its factor 5.4 is for $1024\times1024$, against a time that was extrapolated; ours, at $32\times32$, is neither a confirmation nor a contradiction. With more levels the page's bound for this kind of network stays below 2.
#
# ### The game
#
# Now two games from scratch, with the same networks (smaller than the zoo's, eight channels at full size), the same seed and the same loss. One grows; the other plays at $32\times32$ throughout, for as many steps as take *equal time by the count*. Their quality, FID in the features of the course's classifier, is measured on the way, with averaged weights and with the latest ones. The film shows the growing game: above, real faces as its discriminator sees them at that moment; below, what the averaged generator paints.
# %% [markdown] lang="zh"
# 与数出来的相近。（最小的图花的时间约是按次数应占的四倍：不管算多少，每次调用都有固定的开销；好在它们数量少。）论文说的是 2 到 6 倍：那里长到 $1024\times1024$，图像越大批量越小，而通道数到 $32\times32$ 都保持 512。5.4 倍说的是 $1024\times1024$，对方的时间还是外推出来的；我们只到 $32\times32$，既证实不了它，也反驳不了它。这类网络，级数再多，理论页的界也不到 2。
#
# ### 开局
#
# 现在从头训练两局，网络（比模型库的小，最终大小上八个通道）、种子、损失都相同。一局渐进式增长；另一局始终在 $32\times32$ 上，步数这样定：*按乘法次数算，两局用时相等*。训练途中计算 FID，特征取自课程的分类网络，平均后的权重与最新的权重各算一次。影片是增长的那一局：上排是判别器当时所见的真图，下排是平均后的生成器所画的。
# %%
from ganlib.metrics.fid import fid
from ganlib.training.callbacks import to_uint8

total = FEW * lab.pick(smoke=8, cpu=2000, gpu=8000)
phase = total // PHASES
many = lab.pick(smoke=50, cpu=1000, gpu=2000)
held = ganlib.load(lab.data, size=SIZE, n=2 * many, split="test")
yardstick = features.extract(held.pixels[:many], lab.data)
spare = held.normalised(slice(many, 2 * many))


def quality(images):
    found = features.extract(to_uint8(images), lab.data)
    return fid(yardstick, found, floor=False, allow_small=True).value


def train(images, looks, film=None, **options):
    ganlib.seed(lab.seed)
    options = settings | {"fade": phase, "stable": phase} | options
    trainer = ganlib.Trainer(
        ganlib.build("progan", data, **options),
        data,
        FEW,
        device=lab.device,
        ema_half_life=lab.pick(smoke=100, cpu=2000, gpu=recipe.ema),
        log_every=lab.pick(smoke=1, cpu=20, gpu=50),
        callbacks=[film] if film else [],
        progress=lab.progress,
    )
    found, stages = [], []
    for look in range(1, looks + 1):
        left = images * look / looks - trainer.images_seen
        trainer.fit(max(1, round(left / trainer.batch_size)))
        side, values = 4 * 2 ** trainer.gan.stage[0], []
        for maker in (trainer, trainer.gan):
            with torch.random.fork_rng(devices=[]):
                parts = [maker.sample(50) for _ in range(many // 50)]
            values.append(quality(torch.cat(parts).cpu()))
        found.append((trainer.images_seen, side, *values))
        stages.append(copy.deepcopy(trainer.ema.gan))
    return trainer, found, stages


frames, museum = [], data.normalised(slice(0, 12))
fixed_z = painter.latent(12)


def film(trainer):
    grown = trainer.gan.generator.to_images
    level, alpha = int(grown.level), grown.alpha.to(lab.device)
    real = faded(museum, level, alpha if level else None)
    real = up(real, SIZE // real.shape[-1])
    made = trainer.sample(z=fixed_z)
    key = 4 * 2**level, alpha.item(), trainer.step
    frames.append((key, to_uint8(torch.cat([real, made]))))


every = lab.pick(smoke=4, cpu=50, gpu=400)
grown, growing, stages = train(total, PHASES, ganlib.Every(every, film))
viz.player(
    frames,
    columns=12,
    caption=lambda key: lab.t(
        "film", side=key[0], alpha=f"{key[1]:.2f}", step=key[2]
    ),
    scale=2.2,
    seconds=10,
)
# %%
fixed, constant, _ = train(total / counted, 4, grow=False)
print(lab.t("looks head"))
for name, found in {"growing": growing, "fixed size": constant}.items():
    for images, side, value, latest in found:
        numbers = f"{images:8,} {side:4} {value:8.1f} {latest:8.1f}"
        print(f"{numbers}   {lab.t(name)}")
floors = [
    quality(up(down(spare, SIZE // side), SIZE // side)) for side in SIDES
]
print(*(f"{floor:.1f}" for floor in floors), lab.t("floors"))
if lab.profile == "cpu":
    assert floors == sorted(floors, reverse=True) and floors[-1] < 8
    assert growing[-1][2] < growing[0][2]


# %%
# alt-en: FID against time, with dashed lines for real faces of 4, 8, 16 and 32 pixels. The growing game's curve starts about the line of 4 pixels, comes down to that of 8, jumps up again while the last level fades in, and returns; the fixed-size curve begins later and falls to about the same height.
# alt-zh: FID 随时间的变化，几条虚线是 4、8、16、32 像素的真图的成绩。增长的一局从 4 像素那条线附近开始，降到 8 像素那条线，最后一级淡入时又跳上去，然后回来；固定大小的一局起步晚，降到差不多的高度。
def seconds(images, grows):
    if not grows:
        return images * clock[TOP, False]
    # en: As many pictures of each stage as were shown until then.
    # zh: 到那时为止，每个阶段看了多少图像。
    spent, left = 0.0, images
    for (level, fading), each in clock.items():
        share = (
            left if (level, fading) == (TOP, False) else min(left, phase)
        )
        spent, left = spent + share * each, left - share
    return spent


fig, (ax,) = viz.panels(1, width=6.4, height=3.4)
for name, found in {"growing": growing, "fixed size": constant}.items():
    times = [seconds(images, name == "growing") for images, *_ in found]
    values = [value for _, _, value, _ in found]
    ax.plot(times, values, "o-", label=lab.t(name))
for side, floor in zip(SIDES, floors, strict=True):
    ax.axhline(floor, color=viz.INK, lw=0.8, ls=(0, (4, 3)))
    at = {"xy": (1.01, floor), "xycoords": ("axes fraction", "data")}
    ax.annotate(f"{side}×{side}", **at, fontsize=8, va="center")
ax.set(xlabel=lab.t("seconds"), ylabel="FID", ylim=(0, None))
ax.legend()
fig
# %% [markdown] lang="en"
# (Seconds are pictures, times what a picture of that stage took above. Equal by the count is not quite equal by the clock.) The dashed lines are what *real* faces get when they are averaged to $4$, $8$ and $16$ pixels and enlarged: 146, 61 and 20; other real faces of full size get 5. They are no bounds, but they say how much of the early height of the growing curve is size alone.
#
# The last birth is dear. Before it FID stood at 65; when the final level has just been faded in, it stands at 138, and 4,000 pictures later at 65 again. Part of the peak is the average's memory, which holds weights from all over the fade: the latest weights stand at 104. The rest is real. A fade keeps the function when it begins, not the quality while it goes on.
#
# At the end the growing game has 65 and the other 74. Does growing win? With seeds 1 and 2 it is 73 to 71 and 77 to 71: at this size and in this time neither is ahead, and the growing game has seen fewer pictures at full size, as the page says it must. Nor does this say whether growing lowers the risk of collapse. `benchmarks/progressive.py` plays both with three seeds, at equal images and at equal time.
#
# Fresh samples of both, beside real faces:
# %% [markdown] lang="zh"
# （秒数是图像数乘以上面量得的每幅图的用时；按次数算相等，按时钟并不完全相等。）虚线是*真*图取平均到 $4$、$8$、$16$ 像素再放大的成绩，即 146、61、20；最终大小的另一批真图是 5。它们不是下界，但看得出增长的曲线开头那么高，有多少只是因为图小。
#
# 最后一次出生，代价不小。出生之前 FID 是 65；最终的一级刚刚淡入完毕时是 138；又看了 4,000 幅图，才回到 65。这个尖峰，一部分是平均的记性：平均里还有淡入途中各个时候的权重，而最新的权重是 104。其余的是真的。淡入在开始的一刻保住了函数，并没有一路保住质量。
#
# 到头来，增长的一局是 65，另一局是 74。增长赢了吗？换种子 1 与 2，是 73 对 71、77 对 71：在这个大小、这点时间里，谁也没有领先；而增长的一局看到的最终大小的图像更少，正如理论页所说。增长是否降低坍塌的风险，这里也看不出来。`benchmarks/progressive.py` 用三个种子，在图像数相同与时间相同两种条件下，各训练了这两局。
#
# 两局的新样本，旁边是真图：
# %%
# alt-en: Three grids of 24 faces: real ones; those of the growing game and of the fixed-size game, alike in quality: hair, face and shirt are in place, eyes are smeared, some faces dissolve.
# alt-zh: 三块各 24 张人像：真实的；增长的一局与固定大小的一局画的，水平相当：头发、脸、上衣都在该在的地方，眼睛糊了，有几张脸散了形。
viz.grid(
    {
        lab.t("real"): data.pixels[:24],
        lab.t("growing"): grown.sample(24),
        lab.t("fixed size"): fixed.sample(24),
    },
    columns=6,
    scale=1.9 * 32 / SIZE,
)


# %% [markdown] lang="en"
# ### How fast does a mouth forget?
#
# Back to the riddle of section 1, now that we have watched a network grow. The averaged generator was kept at each look. We ask its mouth for half the size when the last level was about to be born, when it had been faded in, and twice later: how far is what it says from the final picture averaged down, and from that of another face? The last column has the first distance again, but with the mouth's weights as they were at the birth.
#
# **Predict.** At the birth the first distance is zero, since what the mouth says *is* the picture. When is it forgotten? And who has changed, the mouth or what it reads?
# %% [markdown] lang="zh"
# ### 一张嘴忘得多快？
#
# 看过一个网络怎样长大，再回到第 1 节的谜。每次查看都留下了平均后的生成器。让画一半边长的那张嘴开口：最后一级即将出生时、淡入完毕时，以及之后的两次；它说的话，与最终图像取平均相差多少？与别人的脸取平均相差多少？最后一列还是第一种距离，只是把嘴的权重换回出生时的。
#
# **先猜。** 出生时第一个距离是零，因为那张嘴说的*就是*图像。它什么时候忘掉？变了的是嘴，还是它所读的东西？
# %%
def heard(gan, mouth=None):
    # en: The mouth for half the size, beside the picture averaged down.
    # zh: 画一半边长的那张嘴，旁边是取平均的最终图像。
    gan = copy.deepcopy(gan)
    voices = gan.generator.to_images
    final = gan.sample(z=z)
    if mouth is not None:
        voices.layers[TOP - 1].load_state_dict(mouth)
    voices.grow(TOP - 1, 1.0)
    said = gan.sample(z=z)
    small = up(down(final))
    return rms(said - small), rms(said - small.roll(1, 0))


newborn = stages[-4].generator.to_images.layers[TOP - 1].state_dict()
print(lab.t("heard head"))
memory = []
for (images, *_), gan in zip(growing[-4:], stages[-4:], strict=True):
    memory.append((*heard(gan), heard(gan, newborn)[0]))
    print(f"{images:8,}", *(f"{away:14.3f}" for away in memory[-1]))
assert memory[0][0] < 1e-5
if lab.profile == "cpu":
    assert memory[1][0] > 0.3


# %% [markdown] lang="en"
# In the fade. At its end the old mouth is 0.72 away from the picture that it ought to speak, little less than from another face's (0.80). Later it comes somewhat nearer, to 0.5, but never back to 0. And it is not the mouth that has changed: with its old weights it fares hardly better (0.67). The features have turned to the new mouth.
#
# ### Is a collapsed batch seen?
#
# Section 5 said what the statistic can see. Has the trained discriminator learned to use it? We show it real faces: batches of different ones, and batches in which each group of four is the same face four times. Each picture is the same in both; only its company differs. As a control, the same with the fixed-size game and with a network that was never trained. The numbers are differences from real faces in various company, in units of their standard deviation; the last column is the share of faces that score lower among copies.
#
# **Predict.** By how much does a real face lose if its group consists of copies?
# %% [markdown] lang="zh"
# 就在淡入之中。淡入完毕时，旧的嘴离它该说的图像已有 0.72，比离别人的脸（0.80）近不了多少；之后还回来一些，到 0.5，却再也没有接近零。变了的也不是嘴：换回当初的权重，几乎一样（0.67）。是特征转向了新的嘴。
#
# ### 坍塌的批次，看得见吗？
#
# 第 5 节说的是统计量能看见什么。训练过的判别器学会用它了吗？给它看真图：一种批次里各不相同，另一种批次里每组四幅都是同一张脸。每幅图本身都一样，不同的只是旁边是谁。作为对照，固定大小的那一局、一个从没训练过的网络也各来一遍。表中的数都是与“旁边各不相同的真脸”之差，以它们的标准差为单位；最后一列是在副本中分数更低的脸占多少。
#
# **先猜。** 一张真脸，若同组的全是它的副本，分数会掉多少？
# %%
@torch.no_grad()
def scores(gan, images):
    return gan.discriminator(images.to(lab.device)).cpu()


alone = data.normalised(slice(0, lab.pick(smoke=16, cpu=256, gpu=256)))
copies = alone.repeat_interleave(4, 0)
ganlib.seed(lab.seed)
untrained = ganlib.build("progan", data, **settings | {"grow": False})
judges = {
    "growing": grown.gan,
    "fixed size": fixed.gan,
    "untrained": untrained.to(lab.device),
}
print(lab.t("company head"))
for name, gan in judges.items():
    company = scores(gan, alone)
    crowd = scores(gan, copies).view(-1, 4)[:, 0]
    fakes = scores(gan, gan.sample(len(alone)))
    fall, below = (
        (some.mean() - company.mean()).item() / company.std().item()
        for some in (crowd, fakes)
    )
    lower = (crowd < company).double().mean().item()
    print(f"{fall:8.2f} {below:10.2f} {lower:8.0%}   {lab.t(name)}")
    if lab.profile == "cpu" and gan is not judges["untrained"]:
        assert fall < -1 and lower > 0.9
# %% [markdown] lang="en"
# By more than two and a half standard deviations, in both games: among copies of themselves, real faces score lower than generated ones. To the untrained network the company is all the same. So training has taught the discriminator to hold sameness against a picture, although so much of it never occurs in training; how it got there, by meeting small differences of spread or by luck, this experiment does not say.
#
# ## 7 · The zoo's sheet
#
# The game of section 1 was trained longer than the lab can wait. What it is worth, measured here on a thousand samples (TV: how far the shares of hair colours, glasses and other attributes are from the data's), and a walk through its latents:
# %% [markdown] lang="zh"
# 两局里都掉了两个半标准差以上：与自己的副本为伍，真脸的分数比生成的还低。对没训练过的网络，旁边是谁都一样。可见是训练教会了判别器，旁边千篇一律就要扣分，尽管这样极端的批次训练里从没有过；它是从散布的细微差别里学来的，还是碰巧如此，这个实验说不了。
#
# ## 7 · 模型库的成绩单
#
# 第 1 节的那一局，训练的时间比实验等得起的要长。它画得怎样，这里用一千个样本来量（TV 是发色、眼镜等属性的比例与数据相差多少）；再在它的隐空间里走一走：
# %%
from ganlib.metrics.attributes import attribute_tv

ganlib.seed(lab.seed)
portraits = painter.sample(many).cpu()
small = ganlib.load(lab.data, size=32, n=2 * many, split="test")
theirs = features.extract(small.pixels[:many], lab.data)
others = features.extract(small.pixels[many:], lab.data)
sheet = {
    "real faces": others,
    "generated": features.extract(to_uint8(portraits), lab.data),
}
worth = {}
for name, found in sheet.items():
    distance = fid(theirs, found, floor=False, allow_small=True).value
    off = attribute_tv(features.attributes(found), allow_small=True).value
    worth[name] = distance
    print(f"FID {distance:6.1f}   TV {off:.3f}   {lab.t(name)}")
# %%
viz.latent_walk(
    painter, painter.latent_dim, live=lab.live, copies=6, steps=16
)
# %% [markdown] lang="en"
# A FID of 28; real faces get 5, and the two games of section 6 got 65 and 74. `ganlib sample zoo:progan-avatars` draws more; its [record](https://github.com/gans-dtm/gans-dtm/blob/main/ganlib/zoo/trained/progan-avatars.json) says how it was made. Does growing pay in the long run, and does it lower the risk of collapse? `benchmarks/progressive.py` plays three games with the networks and the 40,000 pictures of the [league](../../book/en/league.md), with three seeds each. After as many pictures:
#
# @RECORD progressive images@
#
# After as much time:
#
# @RECORD progressive time@
#
# From the same pictures the growing game makes more, four points of FID, and it takes 15 % less time for them. It is not more than that, because this schedule spends most of its pictures at full size. Given the time that is left, it gains nothing more: at equal time it is ahead by no more than chance allows. Slopes at the level's own size, as in section 4, cost what growing had won. And not one of the nine games has collapsed, so that nothing can be said about the risk: at this size there was none to lower.
#
# ## Try it
#
# 1. **Another pair.** Replace $\uparrow$ by bilinear enlargement, `torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")`, in the pyramid of section 2. Is the face still given back exactly? Is the careless forger still caught, and the real one not?
#
# <details><summary>Answer 1</summary>
#
# ```python
# def smooth(x):
#     return torch.nn.functional.interpolate(
#         x, scale_factor=2, mode="bilinear"
#     )
#
#
# coarse = down(some[:256])
# detail = some[:256] - smooth(coarse)
# print(rms(smooth(coarse) + detail - some[:256]), caught(detail))
# owed = coarse - down(smooth(coarse))
# print(rms(down(detail)), rms(down(detail) - owed))
# ```
#
# The face comes back exactly (any pair of maps will do), but now the judge of section 2 convicts *real* details too, all of them: their block means are not zero (root mean square 0.067). They are $x_{\ell-1}-\downarrow\uparrow x_{\ell-1}$, as the last number shows, $3\cdot10^{-8}$. A judge who subtracts that from the sum acquits the real and catches the careless again.
#
# </details>
#
# 2. **A bypass by maxima.** Let the discriminator's fade take `max_pool2d` instead of the mean for its old path. Which of the six statements of section 3 break?
#
# <details><summary>Answer 2</summary>
#
# ```python
# from torch.nn.functional import max_pool2d
#
# x, fake = faded(some[:64], 3), up(down(some[:64]))
# with torch.no_grad():
#     brighter, below = judge(max_pool2d(x, 2), 2), judge(down(x), 2)
# print(torch.equal(max_pool2d(fake, 2), down(some[:64])))
# print((max_pool2d(x, 2) - down(x)).mean().item())
# print(rms(brighter - below) / below.std().item())
# ```
#
# One of the six, `D, α=0`, and for real pictures only: on fakes, whose four pixels are equal, the maximum is the mean (`True`). Real pictures, shown as maxima, are brighter by 0.09 on average (of a range of 2), and with these random weights their scores move by a third of the standard deviation between faces. At the moment in which nothing should change, real and generated pictures part.
#
# </details>
#
# 3. **A pack of two pictures.** In section 5 the generator that owns two pictures has the right mean. Compare the *laws* of the statistic: how many different values has it, and in which range are those of normal groups?
#
# <details><summary>Answer 3</summary>
#
# ```python
# ganlib.seed(0)
# found = statistic(owner(2)).view(-1, 4)[:, 0]
# print(found.mul(1000).round().unique(return_counts=True))
# found = statistic(owner(0)).view(-1, 4)[:, 0]
# print(found.min(), found.max())
# ```
#
# Three values, $0$, $\frac{\sqrt3}2$ and $1$, in $501$, $1981$ and $1518$ of 4,000 groups. Normal groups lie between 0.67 and 0.99, all of them different. The means agree to about one percent, and yet a discriminator that knows this one number could tell the two apart nearly always. Whether it learns to is another matter.
#
# </details>
#
# ## With a GPU
#
# Add `profile="gpu"` to the first cell: the two games of section 6 are played at $64\times64$, one level more, for 8,000 steps' worth of pictures. What the cells assert about training was tried at `cpu` and is checked only there.
#
# Back to [the theory](../../book/en/12-progan.md), with its exercises.
# %% [markdown] lang="zh"
# FID 是 28；真图是 5，第 6 节的两局是 65 与 74。`ganlib sample zoo:progan-avatars` 再画一些；它是怎样训练的，见[记录](https://github.com/gans-dtm/gans-dtm/blob/main/ganlib/zoo/trained/progan-avatars.json)。增长长远看划算吗？坍塌的风险低了吗？`benchmarks/progressive.py` 用[排行榜](../../book/zh/league.md)的网络与 40,000 幅图像训练三种博弈，各三个种子。图像数相同时：
#
# @RECORD progressive images@
#
# 时间相同时：
#
# @RECORD progressive time@
#
# 同样多的图像，增长的一局学到的更多，FID 低四点，用时还少 15%。不会少得更多，因为按这个日程，大部分图像都在最终大小上看。把省下的时间也给它，却没有再赚到什么：时间相同时，领先的幅度不出误差。像第 4 节那样按每一级自己的大小来量斜率，增长赚来的就又赔掉了。九局里没有一局坍塌，所以风险降没降低，无从说起：在这个大小上，本来就没有风险可降。
#
# ## 动手试试
#
# 1. **换一对。** 在第 2 节的金字塔里，把 $\uparrow$ 换成双线性放大：`torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")`。脸还能精确恢复吗？把四个数加起来的评判者，还能抓住粗心的、放过真的吗？
#
# <details><summary>答案 1</summary>
#
# ```python
# def smooth(x):
#     return torch.nn.functional.interpolate(
#         x, scale_factor=2, mode="bilinear"
#     )
#
#
# coarse = down(some[:256])
# detail = some[:256] - smooth(coarse)
# print(rms(smooth(coarse) + detail - some[:256]), caught(detail))
# owed = coarse - down(smooth(coarse))
# print(rms(down(detail)), rms(down(detail) - owed))
# ```
#
# 脸照样精确恢复（什么样的一对都行），可是第 2 节的评判者连*真的*细节也一概定罪：块平均不再是零（均方根 0.067）。它等于 $x_{\ell-1}-\downarrow\uparrow x_{\ell-1}$：减去之后只剩 $3\cdot10^{-8}$（最后一个数）。评判者若先从和里减去这一项，就又能放过真的，抓住粗心的。
#
# </details>
#
# 2. **用最大值做旁路。** 让判别器淡入时的旧路不取平均，改用 `max_pool2d`。第 3 节的六句话，哪几句不成立了？
#
# <details><summary>答案 2</summary>
#
# ```python
# from torch.nn.functional import max_pool2d
#
# x, fake = faded(some[:64], 3), up(down(some[:64]))
# with torch.no_grad():
#     brighter, below = judge(max_pool2d(x, 2), 2), judge(down(x), 2)
# print(torch.equal(max_pool2d(fake, 2), down(some[:64])))
# print((max_pool2d(x, 2) - down(x)).mean().item())
# print(rms(brighter - below) / below.std().item())
# ```
#
# 只有 `D, α=0` 一句不成立，而且只是对真图：假图的四个像素相同，最大值就是平均（`True`）。真图取最大值，平均亮了 0.09（值域长 2）；在这组随机权重下，分数动了约三分之一个标准差（各张脸之间的）。本该什么也不变的一刻，真图与假图分了家。
#
# </details>
#
# 3. **两幅图。** 第 5 节里只有两幅图的生成器，统计量的均值是对的。比一比*分布*：它取多少个不同的值？正态的那些组又在什么范围里？
#
# <details><summary>答案 3</summary>
#
# ```python
# ganlib.seed(0)
# found = statistic(owner(2)).view(-1, 4)[:, 0]
# print(found.mul(1000).round().unique(return_counts=True))
# found = statistic(owner(0)).view(-1, 4)[:, 0]
# print(found.min(), found.max())
# ```
#
# 三个值：$0$、$\frac{\sqrt3}2$、$1$，在 4,000 组里各有 $501$、$1981$、$1518$ 组。正态的组在 0.67 与 0.99 之间，个个不同。两边的均值只差百分之一左右，可是单凭这一个数，判别器几乎总能把两者分开；至于它学不学得会，是另一回事。
#
# </details>
#
# ## 有 GPU 时
#
# 在第一个单元格里加上 `profile="gpu"`：第 6 节的两局在 $64\times64$ 上进行，多一级，图像数合 8,000 步。各单元格里关于训练的断言只在 `cpu` 配置下试过，也只在那里检验。
#
# 回到[理论页](../../book/zh/12-progan.md)，做做那里的习题。
