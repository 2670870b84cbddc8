# %% [markdown] lang="en"
# # Lab 14 · Weights that listen to the style
#
# StyleGAN normalises what it measures; StyleGAN2 scales its weights by what it expects. Then it pays two expensive penalties in instalments, stops growing, and asks that a step in $\mathcal W$ change the picture by as much everywhere. Each of these is a sentence that can be measured.
#
# In this lab you will
# * smuggle loudness past a normalisation with one pixel, and then search two trained networks for such pixels;
# * compute a modulated convolution in two ways, get the same numbers, and see for which inputs its variance is 1;
# * let Adam pay a penalty every sixteenth step, and see what is right about it and what is slower;
# * take a picture apart into what each resolution adds;
# * **measure** how even a generator is, with and without path length regularisation, from the same first weights;
# * make paths several times as long without changing one picture's chances;
# * find a face that no generator has made among those that ours can make, put glasses on it, and film a walk.
#
# The formulas are those of [the theory page](../../book/en/14-stylegan2.md). Where it says **Predict**, answer before you run the cell. Nothing is downloaded; on two idle cores the lab takes about three minutes, a third of them for training from scratch.
# %% [markdown] lang="zh" matches="2c5e11f7e0fe"
# # 实验 14 · 听从风格的权重
#
# StyleGAN 按量出来的大小归一化，StyleGAN2 按预期的大小缩放权重。此外，它把两项昂贵的惩罚分期支付，不再增长，还要求在 $\mathcal W$ 里无论从哪里迈出一步，图像的变化都一样多。这几句话，句句都可以测量。
#
# 在这个实验里，你将
# * 用一个像素把响度夹带过归一化，再到两个训练好的网络里去搜这样的像素；
# * 用两种办法计算调制卷积，得到同样的数，再看它的方差对哪些输入是 1；
# * 让 Adam 每十六步才付一次惩罚，看哪里不差分毫，哪里变慢了；
# * 把一幅图像拆开，看每种分辨率各添了什么；
# * 从同样的初始权重出发，分别带着与不带路径长度正则化训练，**度量**生成器有多均匀；
# * 让路径长到好几倍，而每幅图像出现的机会丝毫不变；
# * 拿一张没有哪个生成器画过的脸，在我们的生成器画得出的脸里找到它，给它戴上眼镜，再拍一段漫步的影片。
#
# 公式都在[理论页](../../book/zh/14-stylegan2.md)上。凡有**先猜**之处，请先回答再运行。不需要下载任何东西；在两个空闲的核上，整个实验约三分钟，三分之一用在从头训练上。
# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab("14-stylegan2", lang="@LANG@", data="avatars")
# %% [markdown] lang="en"
# ## 1 · The loud pixel
#
# ### Constructed
#
# One channel of $32\times32$ pixels, smooth, of mean 0 and deviation 1. We want it to come out of a normalisation with a half, a fifth, a tenth of its contrast, and may raise a single pixel. The page says by how much.
#
# **Predict.** For a tenth, how high must the pixel be, in deviations of the channel: 10, 100 or 300? And what is its value behind the normalisation?
# %% [markdown] lang="zh"
# ## 1 · 一个很响的像素
#
# ### 亲手造一个
#
# 一个 $32\times32$ 像素的通道，光滑，均值 0，标准差 1。要它过了归一化只剩二分之一、五分之一、十分之一的反差，而可以动的只有一个像素，把它抬高。抬多高，理论页有公式。
#
# **先猜。** 要剩十分之一，这个像素须高出多少个标准差：10，100，还是 300？归一化之后它的值是多少？
# %% tags=["strict"]
import math

import torch


def normalised(x):
    centred = x - x.mean((-2, -1), keepdim=True)
    return centred / centred.std((-2, -1), correction=0, keepdim=True)


torch.manual_seed(0)
x = torch.randn(32, 32, dtype=torch.float64)
for _ in range(4):
    x = sum(x.roll(by, axis) for by in (-1, 0, 1) for axis in (0, 1))
x, M = normalised(x), x.numel()
place = x.abs().flatten().argmin().item()
row, column = divmod(place, 32)
delta = x[row, column].item()
rest = torch.ones(32, 32, dtype=torch.bool)
rest[row, column] = False


def spiked(t):
    # en: The h > 0 for which the deviation becomes 1/t.
    # zh: 使标准差成为 1/t 的那个 h > 0。
    share, wanted = 1 / M, 1 / t**2 - 1
    a, b = share * (1 - share), share * delta
    h = ((b**2 + a * wanted) ** 0.5 - b) / a
    made = x.clone()
    made[row, column] += h
    return made, h


print(lab.t("spike head"))
maps = {}
for t in (1.0, 1 / 2, 1 / 5, 1 / 10):
    made, h = spiked(t)
    maps[t] = normalised(made)
    contrast = (maps[t][rest].std() / x[rest].std()).item()
    loudest = maps[t][row, column].item()
    print(f"{t:6.2f}{h:9.1f}{contrast:9.4f}{loudest:9.2f}")
    assert abs(contrast - t) < 1e-9 and loudest < math.sqrt(M - 1)
    # en: Without a spike, no loudness gets through.
    # zh: 没有尖峰，响度一点也过不去。
    assert torch.allclose(normalised(t * x), x)
print(f"{math.sqrt(M - 1):33.2f}   {lab.t('largest possible')}")
# %% [markdown] lang="en"
# Three hundred deviations for a tenth; behind the normalisation the pixel stands at $31.8$, almost the largest value that a channel of 1024 pixels can have at all. Everything else is the same pattern, paler:
# %% [markdown] lang="zh"
# 要剩十分之一，得高出三百个标准差；归一化之后，这个像素是 $31.8$，几乎就是 1024 个像素的通道所能有的最大值。其余一切还是同样的图样，只是淡了：
# %%
# alt-en: Four grey squares with the same soft pattern, from strong to hardly visible; in the last three a single pixel is white.
# alt-zh: 四个灰色方块，图样同样柔和，从分明到几乎看不见；后三个里有一个像素是白的。
from ganlib import viz

shown = torch.stack([*maps.values()])[:, None] / 3
viz.grid(shown.clamp(-1, 1).float(), columns=4, scale=5)
# %% [markdown] lang="en"
# What is the use? A convolution behind it may now hear two channels in any proportion, here $5:1$, which AdaIN would otherwise have made equal. And a layer that divides by what it *expects*, the length of its weights, gives no such reward.
#
# **Predict.** The same spike in one of the inputs: how many of the 1024 pixels of the output change, behind "normalise, then convolve with $3\times3$", and behind a demodulated $3\times3$ convolution?
# %% [markdown] lang="zh"
# 有什么用呢？后面的卷积从此可以听见两个通道之间的任何比例，这里是 $5:1$；没有尖峰，AdaIN 会把它们弄得一样响。而一层若按*预期*的大小，也就是权重的长度来除，就不给这种奖赏。
#
# **先猜。** 在输入的一个通道里放上同一个尖峰：“先归一化，再作 $3\times3$ 卷积”，输出的 1024 个像素里有多少个改变？作解调的 $3\times3$ 卷积呢？
# %% tags=["strict"]
from ganlib.models.stylegan2 import ModulatedConv2d
from torch.nn.functional import conv2d

pair = torch.stack([x, x])
quiet = torch.stack([x, spiked(1 / 5)[0]])
for name, two in (("no spike", pair), ("one spike", quiet)):
    first, second = normalised(two)[:, rest].std(1).tolist()
    print(f"{first / second:6.2f} : 1   {lab.t(name)}")
assert abs(first / second - 5) < 1e-9

torch.manual_seed(1)
layer = ModulatedConv2d(2, 4, w_dim=8).double().requires_grad_(False)
w = torch.randn(1, 8, dtype=torch.float64)


def statistical(two):
    return conv2d(normalised(two)[None], layer.weight, padding=1)


def expected(two):
    return layer(two[None], w)


counts = {}
for name, way in (("AdaIN", statistical), ("demodulated", expected)):
    moved = (way(quiet) - way(pair)).abs().amax((0, 1)) > 1e-9
    counts[name] = moved.sum().item()
    print(f"{counts[name]:6}   {lab.t(name)}")
assert counts == {"AdaIN": 1024, "demodulated": 9}


# %% [markdown] lang="en"
# All of them against nine. That is the whole mechanism: a reason to make drops, and a layer without that reason. It does not say that a network *must* make them.
#
# ### Ours
#
# Do the painters of this course? Two come from the zoo: `stylegan-avatars` of lab 13, with AdaIN, and `stylegan2-avatars`, this lab's. In every layer we normalise each channel of each picture and ask:
#
# * how loud is the loudest pixel of a channel, as a share of what is possible, $v^2/(M-1)$? One pixel that lets $t$ through has the share $1-t^2$ (proposition, part 2), so one half means that contrasts are turned down to $0.7$;
# * how loud is the loudest *place*, in the mean over all channels? A drop sits at the same place in all of them.
#
# Two controls. The channels of each picture moved at random against each other have the same loud pixels but no common place. And a spike with $t=\frac12$, planted at one place in every channel, has to be found.
#
# **Predict.** Drops were seen from $64\times64$ pixels on. Will there be any at $32\times32$, and which painter's?
# %% [markdown] lang="zh"
# 一个是全部，一个是九个。机制全在这里：一边是造水滴的理由，一边是没有这种理由的层。但它并没有说，网络*非*造不可。
#
# ### 我们自己的
#
# 本课程的画师造不造？模型库里有两位：实验 13 的 `stylegan-avatars`，用 AdaIN；本实验的 `stylegan2-avatars`。在每一层里，把每幅图像的每个通道归一化，然后问：
#
# * 一个通道里最响的像素有多响，以可能的最大值为 1，即 $v^2/(M-1)$？放过系数 $t$ 的一个像素，这个比例是 $1-t^2$（命题第 2 条），所以到了一半，就意味着反差压到了 $0.7$；
# * 对所有通道取平均，最响的*位置*有多响？一滴水在所有通道里都待在同一个地方。
#
# 有两个对照。把每幅图像的各通道随机错开，响的像素一个不少，共同的位置却没有了。再在所有通道的同一处埋一个 $t=\frac12$ 的尖峰，它必须被找出来。
#
# **先猜。** 人们见到的水滴从 $64\times64$ 像素开始。$32\times32$ 里会有吗？在哪一位画师那里？
# %%
def zoo(name):
    return ganlib.zoo.load(name).to(lab.device)


OLDER, PAINTER = "stylegan-avatars", "stylegan2-avatars"
painters = {"StyleGAN": zoo(OLDER), "StyleGAN2": zoo(PAINTER)}
painter = painters["StyleGAN2"]
SIZE = painter.recipe["shape"][-1]


@torch.no_grad()
def feature_maps(gan, z):
    # en: What goes into AdaIN, or comes out of a modulated layer.
    # zh: 进入 AdaIN 的，或者调制层输出的。
    found, hooks = [], []
    for layer in gan.generator.synthesis.layers:
        if hasattr(layer, "adain"):
            hook = layer.adain.register_forward_pre_hook(
                lambda _, given: found.append(given[0])
            )
        else:
            hook = layer.register_forward_hook(
                lambda _, given, made: found.append(made)
            )
        hooks.append(hook)
    gan.sample(z=z)
    for hook in hooks:
        hook.remove()
    return found


def loud(maps):
    # en: Dead channels, alike everywhere, have nothing to normalise.
    # zh: 处处相同的死通道，没有什么可归一化的。
    maps = maps.double().cpu()
    alive = maps.std((2, 3), correction=0) > 1e-6
    found, n = normalised(maps).square(), maps[0, 0].numel()
    found = torch.where(alive[:, :, None, None], found, 0) / (n - 1)
    channels = alive.sum(1).clamp(min=1)[:, None, None]
    place = (found.sum(1) / channels).amax((1, 2))
    pixel = found.amax((2, 3)).sum() / alive.sum().clamp(min=1)
    return pixel.item(), place.mean().item()


def shifted(maps):
    # en: Each channel by a step of its own, round the edge.
    # zh: 每个通道各自平移，从一边出去，从另一边进来。
    flat = maps.flatten(2)
    n = flat.shape[2]
    by = torch.randint(n, (*flat.shape[:2], 1), device=flat.device)
    at = (torch.arange(n, device=flat.device) + by) % n
    return flat.gather(2, at).view_as(maps)


def planted(maps, t=0.5):
    made = maps.double().clone()
    n = made[0, 0].numel()
    deviation = made.std((2, 3), correction=0)
    height = math.sqrt((1 / t**2 - 1) / (1 / n * (1 - 1 / n)))
    made[:, :, 1, 2] = made.mean((2, 3)) + height * deviation
    return made


n = lab.pick(smoke=4, cpu=32, gpu=256)
print(lab.t("drop head"))
drops = {}
for name, gan in painters.items():
    ganlib.seed(lab.seed)
    drops[name] = []
    for number, maps in enumerate(feature_maps(gan, gan.latent(n)), 1):
        channel, spot = loud(maps)
        controls = loud(shifted(maps))[1], loud(planted(maps))[1]
        numbers = [channel, spot, *controls]
        drops[name].append((maps.shape[-1], *numbers))
        cells = "".join(f"{value:9.3f}" for value in numbers)
        print(f"{number:4}{maps.shape[-1]:6}{cells}   {name}")
for rows in drops.values():
    # en: In the constant, all channels may be alike; from 8 × 8 on:
    # zh: 常数里各通道可能都一样；从 8 × 8 起：
    for side, _, spot, moved, hidden in rows:
        assert side < 8 or (hidden > 0.6 and moved < 0.5), (side, spot)
if lab.profile == "cpu":  # CHECK
    assert max(row[2] for row in drops["StyleGAN2"] if row[0] > 8) < 0.3
# %% [markdown] lang="en"
# CHECK
# Columns: layer, side, the loudest pixel of a channel, the loudest place, that place with the channels moved against each other, and with a planted drop. The planted ones stand out at every size from $8\times8$ on, so the search would have found what it was made for. It finds nothing of the kind: in both networks the loudest place of large maps has a few per cent of the possible, little more than the control. Single channels do have loud pixels, glints in eyes and the frames of glasses; drawn faces have such places. So at $32\times32$, with this few channels, AdaIN's reward exists and is not taken. That is one run of each network, and no contradiction to drops in large ones.
#
# ## 2 · Modulated convolution, twice
#
# The layer as it runs (scale the input, convolve with the shared weights, scale the output), and the same by the definition: weights for each picture, one group for each in one large convolution.
# %% [markdown] lang="zh"
# CHECK
# 各列依次是：层，边长，一个通道里最响的像素，最响的位置，各通道错开之后的，埋进水滴之后的。埋进去的，从 $8\times8$ 起每种大小都很突出，可见这样搜是搜得到的。真正的水滴却没有搜到：两个网络里，大的特征图上最响的位置只有可能值的百分之几，比对照高不了多少。单个的通道确实有很响的像素，眼睛里的反光、眼镜的框，画出来的脸本来就有这样的地方。所以在 $32\times32$、通道又这样少的时候，AdaIN 的奖赏摆在那里，没有谁去领。这只是每个网络的一次训练，与大网络里有水滴并不矛盾。
#
# ## 2 · 调制卷积，两种算法
#
# 先是训练时运行的那一层（缩放输入，用公共的权重作卷积，再缩放输出）；再是照定义写的：每幅图像有自己的权重，在一个大卷积里各占一组。
# %%
lab.show(
    ModulatedConv2d.forward,
    ModulatedConv2d.grouped,
    ModulatedConv2d.factors,
)


# %% [markdown] lang="en"
# Five pictures with five styles in one batch, without enlargement and with it. Two mistakes from public code beside it: the sum over the wrong index (the same shape, since channels agree), and the axes of the weights in the wrong order. How far from the definition is each, at most, where outputs are of size 1?
#
# **Predict.** Which mistake would you see in a single picture with a style of ones?
# %% [markdown] lang="zh"
# 一批五幅图像，五种风格，不放大的与放大的各一次。旁边是公开代码里的两个错：求和用错了下标（通道数相同，所以形状也一样），权重的轴排错了次序。输出的大小在 1 左右，各自最多偏离定义多远？
#
# **先猜。** 若只有一幅图像，风格全是一，哪个错看得出来？
# %% tags=["strict"]
def weights_of(layer, w, axes=(1, 2, 3)):
    # en: By the definition; axes 1, 2, 3 are inputs and taps.
    # zh: 照定义；第 1、2、3 轴是输入与位置。
    s = (1 + layer.style(w))[:, None, :, None, None]
    made = layer.scale * layer.weight * s
    squares = made.square().sum([a + 1 for a in axes], keepdim=True)
    return made / (squares + 1e-8).sqrt()


def in_groups(x, weights):
    n, channels, *sides = x.shape
    flat = weights.reshape(-1, *weights.shape[2:])
    y = conv2d(x.reshape(1, -1, *sides), flat, padding=1, groups=n)
    return y.view(n, -1, *sides)


torch.manual_seed(2)
x, w = torch.randn(5, 16, 12, 12), torch.randn(5, 8)
print(lab.t("forms head"))
for resample in ("", "up"):
    layer = ModulatedConv2d(16, 16, 8, resample=resample)
    x.requires_grad_()
    both = [layer(x, w), layer.grouped(x, w)]
    weigh = torch.randn_like(both[0])
    slopes = [
        torch.autograd.grad((y * weigh).sum(), [x, layer.weight])
        for y in both
    ]
    apart = (both[0] - both[1]).abs().max().item()
    size = [slope.abs().max() for slope in slopes[0]]
    steep = max(
        ((one - two).abs().max() / top).item()
        for one, two, top in zip(*slopes, size, strict=True)
    )
    key = "enlarged" if resample else "as it is"
    print(f"{apart:9.5f}{steep:9.5f}   {lab.t(key)}")
    assert apart < 1e-5 and steep < 1e-5
layer = ModulatedConv2d(16, 16, 8).requires_grad_(False)
x = x.detach()
right = layer(x, w)
turned = weights_of(layer, w).transpose(0, 1)
wrong = {
    "by definition": in_groups(x, weights_of(layer, w)),
    "wrong index": in_groups(x, weights_of(layer, w, (0, 2, 3))),
    "wrong order": in_groups(x, turned),
}
for name, y in wrong.items():
    apart = (y - right).abs().max().item()
    print(f"{apart:9.5f}{'':9}   {lab.t(name)}")
    assert (apart < 1e-5) == (name == "by definition")
one = weights_of(layer, w[:1] * 0)
alone = in_groups(x[:1], one.transpose(0, 1))
assert torch.equal(alone, in_groups(x[:1], one))
# %% [markdown] lang="en"
# One function, equal gradients. The swapped axes cannot be seen in a single picture, whatever the style: with $N=1$ there is nothing to swap (the last line asserts it). A test needs different styles in one batch.
#
# ### What comes out of it
#
# Twenty thousand pixels go through one layer with a strong style; below are the least, the mean and the greatest variance among its output channels.
#
# **Predict** each mean: 1, more, less?
# 1. independent inputs of four different laws, all of variance 1 (Gaussian, uniform, coins, a shifted exponential);
# 2. the same with the style ten times as large;
# 3. white noise, enlarged by the layer;
# 4. inputs smooth in space, of variance 1, with fresh weights;
# 5. the same inputs, weights all of one sign.
# %% [markdown] lang="zh"
# 是同一个函数，梯度也相等。轴的次序错了，只有一幅图像时是看不出来的，不管什么风格：$N=1$ 时没有什么可换（最后一行断言了这一点）。要检验，一批里就得有不同的风格。
#
# ### 出来的是什么
#
# 让两万个像素带着一种很强的风格过一层；下面是各输出通道的方差，依次是最小、平均、最大。
#
# 每一行的平均都**先猜**：是 1，比 1 大，还是比 1 小？
# 1. 输入独立，四种不同的分布，方差都是 1（高斯、均匀、硬币、平移过的指数分布）；
# 2. 同上，风格放大到十倍；
# 3. 白噪声，由这一层放大；
# 4. 输入在空间上光滑，方差为 1，权重是初始的；
# 5. 输入同上，权重全都同号。
# %% tags=["strict"]
torch.manual_seed(3)
shape = (50, 4, 28, 28)
laws = [
    torch.randn(shape),
    (torch.rand(shape) - 0.5) * math.sqrt(12),
    torch.randint(2, shape) * 2.0 - 1,
    torch.distributions.Exponential(1.0).sample(shape) + 5,
]
mixed = torch.cat(laws, 1)
white = torch.randn(50, 16, 28, 28)
smooth = sum(white.roll(by, 2) for by in (0, 1, 2))
smooth = sum(smooth.roll(by, 3) for by in (0, 1, 2)) / 3
w = torch.randn(1, 8).expand(50, -1)


def variances(x, resample="", sign=False, times=1.0):
    torch.manual_seed(4)
    layer = ModulatedConv2d(16, 64, 8, resample=resample)
    layer.requires_grad_(False)
    if sign:
        layer.weight.abs_()
        layer.style.weight.zero_()
    # en: s is 1 + an affine function: so that it is multiplied as a whole.
    # zh: s 是 1 加上仿射函数：这样整个 s 都乘上。
    layer.style.weight.mul_(times)
    layer.style.bias.add_(1).mul_(times).sub_(1)
    y = layer(x, w)
    inner = y[:, :, 4:-4, 4:-4]
    return inner.transpose(0, 1).flatten(1).var(1)


rows = {
    "independent": variances(mixed),
    "style times ten": variances(mixed, times=10.0),
    "white, enlarged": variances(white, "up"),
    "smooth, fresh": variances(smooth),
    "smooth, one sign": variances(smooth, sign=True),
}
print(lab.t("variance head"))
for name, found in rows.items():
    numbers = (found.min(), found.mean(), found.max())
    row = "".join(f"{number:9.2f}" for number in numbers)
    print(f"{row}   {lab.t(name)}")
assert all((rows[k] - 1).abs().max() < 0.05 for k in list(rows)[:2])
assert abs(rows["white, enlarged"].mean() / (25 / 64) - 1) < 0.05
assert (rows["smooth, fresh"] - 1).abs().max() > 0.05
assert abs(rows["smooth, fresh"].mean() - 1) < 0.3
assert rows["smooth, one sign"].min() > 2
# en: Without demodulation the style decides.
# zh: 不解调，就由风格说了算。
loose = ModulatedConv2d(16, 16, 8, demodulate=False)
loose.requires_grad_(False)
loose.style.bias.fill_(9)
assert loose(mixed, w)[:, :, 4:-4, 4:-4].var() > 20
# %% [markdown] lang="en"
# CHECK
# Independent inputs: 1, within five per cent in every channel, whatever their laws and means and however strong the style. Enlarged white noise: $\frac{25}{64}=0.39$, since the filter smooths it. Smooth inputs keep 1 only in the mean over fresh weights; and weights of one sign, which training is free to choose, go far beyond. Demodulation does not normalise. It removes what the *style* does to the size of the weights, and lets everything else pass.
#
# ## 3 · In instalments
#
# Four turns, of which two come only now and then. In `ganlib` a turn says `every=k`, and everything else follows from it:
# %% [markdown] lang="zh"
# CHECK
# 输入独立：方差是 1，每个通道都在百分之五以内，不管是什么分布、什么均值，也不管风格多强。放大过的白噪声：$\frac{25}{64}=0.39$，因为滤波器把它磨平了。光滑的输入，只有对初始权重取平均才还是 1；权重若同号（训练可以自由地选成这样），就远远超出。解调并不归一化。它除去的是*风格*对权重大小的影响，其余一律放行。
#
# ## 3 · 分期付款
#
# 一共四个回合，其中两个只是隔一阵才来一次。在 `ganlib` 里，一个回合写上 `every=k`，其余的都由此而来：
# %%
from ganlib.gans.base import adam

lab.show(type(painter).phases, adam)
# %% tags=["strict"]
print(lab.t("phases head"))
for phase in painter.phases():
    print(f"{phase.every:6}  {phase.player:14} {phase.loss.__name__}")
print(lab.t("corrected head"))
for name, player in painter.players().items():
    lazy = [p.every for p in painter.phases() if p.player == name]
    k = max(lazy)
    c = k / (k + 1)
    made = player.optimizer([torch.nn.Parameter(torch.zeros(1))], c)
    rate, (_, decay) = (
        made.param_groups[0][key] for key in ("lr", "betas")
    )
    print(f"{k:4} {c:7.3f} {rate:9.6f} {decay:8.4f}   {name}")
    assert abs(rate / (0.002 * c) - 1) < 1e-12
    assert abs(decay ** (k + 1) - 0.99**k) < 1e-12
# %% [markdown] lang="en"
# Is that right? The theorem has two halves. First *where* it comes to rest. A thousand independent numbers $\theta$ with the noisy loss $\frac12(\theta-2)^2$ and the penalty $\frac12\theta^2$, which meet at 1; Adam with $\beta_1=0$, $k=16$. Three runs: eager; lazy with the weight $k$; lazy and the weight forgotten.
#
# **Predict** where the third one rests.
# %% [markdown] lang="zh"
# 这样对吗？定理有两半。先看*停在哪里*。一千个互不相干的数 $\theta$，损失是带噪声的 $\frac12(\theta-2)^2$，惩罚是 $\frac12\theta^2$，两者在 1 处相抵；用 Adam，$\beta_1=0$，$k=16$。一共三次：勤快的；惰性的，乘上 $k$；惰性的，忘了乘。
#
# **先猜**第三次停在哪里。
# %% tags=["strict"]
K, COPIES = 16, 1000


def optimiser(theta, k, rate=0.01, decay=0.99):
    return adam(rate, 0.0, decay)([theta], k / (k + 1) if k > 1 else 1.0)


def settle(k, weigh, steps=1600):
    torch.manual_seed(5)
    theta = torch.nn.Parameter(torch.zeros(COPIES))
    player, seen = optimiser(theta, k), []
    for step in range(steps):
        noise = torch.randn(COPIES)
        main = theta.detach() - 2 + noise
        if k == 1:
            theta.grad = main + theta.detach()
            player.step()
        else:
            theta.grad = main
            player.step()
            if step % k == 0:
                theta.grad = weigh * theta.detach()
                player.step()
        if step >= steps // 2:
            seen.append(theta.detach().mean().item())
    return sum(seen) / len(seen)


rests = {
    "eager": settle(1, 1.0),
    "lazy": settle(K, float(K)),
    "weight forgotten": settle(K, 1.0),
}
for name, rest_at in rests.items():
    print(f"{rest_at:7.2f}   {lab.t(name)}")
assert abs(rests["eager"] - 1) < 0.03 and abs(rests["lazy"] - 1) < 0.05
assert abs(rests["weight forgotten"] - 2 * K / (K + 1)) < 0.05
# %% [markdown] lang="en"
# The same place for the first two; without the weight the penalty is a sixteenth of a penalty, and $\frac{32}{17}=1.88$ is where a penalty of $\frac1{32}\theta^2$ would stop.
#
# Then *how fast*. At fixed slopes: which share of the eager run's way does the lazy run go in the same number of steps? The last column is the theorem's $Q$.
#
# **Predict.** Where only the main loss has a slope, the rate was multiplied by $\frac{16}{17}$. Is the share $0.94$?
# %% [markdown] lang="zh"
# 前两次停在同一处；没有乘 $k$，惩罚就只剩十六分之一，而 $\frac{32}{17}=1.88$ 正是惩罚为 $\frac1{32}\theta^2$ 时停下的地方。
#
# 再看*有多快*。斜率固定，走同样多的步，惰性的走了勤快的几分之几？最后一列是定理的 $Q$。
#
# **先猜。** 在只有主损失有斜率的地方，学习率乘了 $\frac{16}{17}$。这个比例是 $0.94$ 吗？
# %% tags=["strict"]
# en: Means of the two slopes, and the noise of the first.
# zh: 两个斜率的均值，以及第一个的噪声。
KINDS = {
    "main only": (1.0, 0.0, 0.0),
    "noisy main": (1.0, 0.0, 3.0),
    "penalty only": (0.0, 1.0, 0.0),
    "r = g/k": (1.0, 1 / K, 0.0),
    "both, noise": (1.0, 0.5, 3.0),
}


def way(kind, k, periods=40, before=12):
    g, r, noise = kind
    torch.manual_seed(6)
    theta = torch.nn.Parameter(torch.zeros(COPIES))
    player = optimiser(theta, k, decay=0.999)
    for step in range(K * periods):
        if step == K * before:
            start = theta.detach().clone()
        main = g + noise * torch.randn(COPIES)
        theta.grad = main + (r if k == 1 else 0.0)
        player.step()
        if k > 1 and step % k == 0:
            theta.grad = torch.full_like(main, k * r)
            player.step()
    return (theta.detach() - start).mean().item()


print(lab.t("pace head"))
for name, kind in KINDS.items():
    g, r, noise = kind
    share = way(kind, K) / way(kind, 1)
    eager = (g + r) ** 2 + noise**2
    lazy = g**2 + noise**2 + K * r**2
    pace = math.sqrt(K / (K + 1) * eager / lazy)
    print(f"{share:7.3f}{pace:9.3f}   {lab.t(name)}")
    assert abs(share / pace - 1) < 0.03 and share < 1.02


# %% [markdown] lang="en"
# Not $0.94$ but its root, $0.97$: where the penalty is silent, its empty turns also lower Adam's mean of squares. Where only the penalty speaks, the lazy run has a quarter of the pace. Nowhere is it faster.
#
# ## 4 · The painter, taken apart
#
# The painter of this lab, trained beforehand with the recipe `stylegan2-avatars`. It never grew: a skip generator, which makes a picture at each of the sides 4, 8, 16 and 32 and adds them up.
# %% [markdown] lang="zh"
# 不是 $0.94$，而是它的平方根 $0.97$：惩罚不作声的地方，那几个空的回合也把 Adam 的平方平均拉低了。只有惩罚作声的地方，惰性的只有四分之一的速度。没有哪里更快。
#
# ## 4 · 把画师拆开
#
# 本实验的画师，按配方 `stylegan2-avatars` 事先训练好。它从没有增长过：带跳跃连接的生成器，在边长 4、8、16、32 上各画一幅，再加起来。
# %%
# alt-en: Three rows of sixteen drawn faces of 32 pixels with different hair, skin, shirts and backgrounds.
# alt-zh: 三行人像，每行十六幅，32 像素，头发、肤色、上衣与背景各不相同。
# en: CHECK the words above.
# zh: CHECK 上面的话。
ganlib.seed(lab.seed)
viz.grid(painter.sample(48), columns=16)


# %% [markdown] lang="en"
# Below, six faces as they come about: the first row only what the side 4 contributes, then with 8, with 16, and the whole. Beside it, in numbers, the share of each contribution (its deviation over pixels and pictures, by the sum of all four) and how it is correlated with the next finer one.
#
# **Predict.** Which resolution has the largest share? Can two of them be correlated near $-1$, and what would that mean?
# %% [markdown] lang="zh"
# 下面是六张脸怎样一步步画成：第一行只有边长 4 的贡献，然后加上 8，再加上 16，最后是整幅。旁边用数字给出各个贡献的份额（在像素与图像上的标准差，除以四者之和），以及它与下一个更细的贡献的相关系数。
#
# **先猜。** 哪种分辨率的份额最大？有没有两个的相关系数接近 $-1$？那说明什么？
# %%
# alt-en: Four rows of six pictures. Row one: coloured blurs. Row two: heads without features. Row three: faces. Row four: faces with sharp outlines.
# alt-zh: 四行，每行六幅。第一行是彩色的模糊，第二行是没有五官的头，第三行是脸，第四行的脸轮廓清晰。
# en: CHECK the words above.
# zh: CHECK 上面的话。
from ganlib.models.equalised import blur, up


@torch.no_grad()
def contributions(gan, w):
    made = []
    for part in gan.generator.synthesis.parts(
        gan.generator.for_layers(w), "fixed"
    ):
        made = [blur(up(image)) for image in made] + [part]
    return torch.stack(made)


@torch.no_grad()
def styles(n, seed, gan=painter):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, gan.latent_dim, generator=generator)
    return gan.generator.mapping(z.to(lab.device))


w = styles(6, 1)
layers_of_paint = contributions(painter, w).cumsum(0)
assert torch.allclose(
    layers_of_paint[-1].clamp(-1, 1), painter.sample(w=w), atol=1e-4
)
viz.grid(layers_of_paint.flatten(0, 1).clamp(-1, 1), columns=6, scale=2)
# %%
n = lab.pick(smoke=8, cpu=100, gpu=1000)
each = contributions(painter, styles(n, 2)).double().flatten(1)
spread = each.std(1)
close = torch.corrcoef(each)
print(lab.t("shares head"))
for i, deviation in enumerate(spread.tolist()):
    beside = f"{close[i, i + 1]:8.2f}" if i + 1 < len(spread) else ""
    share = deviation / spread.sum().item()
    print(f"{4 * 2**i:6}{share:9.1%}{beside}")
whole = each.sum(0).std().item()
assert whole <= spread.sum().item() * (1 + 1e-9)
# %% [markdown] lang="en"
# CHECK
# The coarse resolutions hold most of the picture and the finest one adds outlines, though nobody has faded anything in. The correlations say whether two contributions quarrel. Shares alone would not: the same pictures could be added up from a large pattern at 16 and its opposite at 32.
#
# ### Plain, skip, residual
#
# Each of the two networks has three architectures. What do they weigh?
# %% [markdown] lang="zh"
# CHECK
# 粗的分辨率画了图像的大部分，最细的添上轮廓，尽管没有谁淡入过什么。两个贡献有没有顶牛，要看相关系数。只看份额是看不出来的：在 16 上放一个很大的花纹，在 32 上放它的相反数，加起来还是同样的图像。
#
# ### 平常、跳跃、残差
#
# 两个网络各有三种结构。它们各有多大？
# %% tags=["strict"]
from ganlib import recipes
from ganlib.models.stylegan2 import ARCHITECTURES

OPTIONS = recipes.shipped()[PAINTER].options
print(lab.t("size head"))
for way_through in ARCHITECTURES:
    game = ganlib.build(
        "stylegan2",
        (3, 32, 32),
        **OPTIONS
        | {"generator": way_through, "discriminator": way_through},
    )
    sizes = [
        sum(p.numel() for p in net.parameters())
        for net in (game.generator, game.discriminator)
    ]
    print("".join(f"{size:12,}" for size in sizes), f"  {way_through}")
    assert max(sizes) < 2_000_000  # CHECK
# %% [markdown] lang="en"
# Nearly the same. Which pair is best, `benchmarks/architectures.py` has measured: all nine, three seeds each, equal numbers of images.
#
# CHECK: here the table `architectures` as soon as it has been measured.
#
# ## 5 · How even is it?
#
# ### The Jacobian without the Jacobian
#
# A toy of the same make, small enough for the whole matrix $J_w$: 8 columns, 192 rows. One backward pass with a random picture $y$ gives the length $\|J_w^\top y\|$.
#
# **Predict.** $\|J_w\|_F^2/P$ is the mean of what?
# %% [markdown] lang="zh"
# CHECK
# 相差无几。哪一对最好，由 `benchmarks/architectures.py` 来量：九种组合，每种三个种子，图像数相等。
#
# CHECK：表 `architectures` 量好之后放在这里。
#
# ## 5 · 有多均匀？
#
# ### 不算 Jacobian 矩阵而得到它
#
# 一个同样构造的小玩具，小到可以写出整个矩阵 $J_w$：8 列，192 行。拿一幅随机的图 $y$ 作一次反向传播，就得到长度 $\|J_w^\top y\|$。
#
# **先猜。** $\|J_w\|_F^2/P$ 是什么量的平均？
# %% tags=["strict"]
from ganlib.penalties import path_lengths

ganlib.seed(7)
toy = ganlib.build(
    "stylegan2", (3, 8, 8), latent_dim=8, w_dim=8, width=8, widest=8
)
toy = toy.generator.double().eval().requires_grad_(False)


def picture(w):
    return toy.synthesis(toy.for_layers(w), "fixed")


w = toy.mapping(torch.randn(1, 8, dtype=torch.float64))
matrix = torch.autograd.functional.jacobian(picture, w)
matrix = matrix.reshape(3 * 8 * 8, 8)
many = w.expand(5000, -1)
lengths = torch.cat(
    [path_lengths(picture, part).detach() for part in many.split(1000)]
)
norm = matrix.square().sum().item() / 64
found = lengths.square().mean().item()
per_layer = torch.cat(
    [
        path_lengths(
            lambda w: toy.synthesis(w, "fixed"), toy.for_layers(part)
        ).detach()
        for part in many[:1000].split(500)
    ]
)
print(f"{norm:9.4f}   ‖J‖² / P")
print(f"{found:9.4f}   {lab.t('mean square length')}")
print(f"{per_layer.square().mean():9.4f}   {lab.t('per layer')}")
assert abs(found / norm - 1) < 0.05
assert per_layer.square().mean() * toy.n_layers**2 > norm
# en: With y divided by √(CHW), a common slip, it is a third.
# zh: 若 y 除以 √(CHW)，这是常见的错，就只剩三分之一。
assert abs(found / 3 / norm - 1) > 0.5


# %% [markdown] lang="en"
# Of the squared lengths. (The last number is the mean over layers, which the authors' code regularises, and `ganlib` too.)
#
# What does the penalty see of singular values? The theorem: the least of $\mathbb E(\|J^\top y\|-a)^2$, in units of $a^2$, is $1-m_n^2/n$ for $n$ equal values. Here are 512 directions: all equal; half of them dead; three quarters dead; and then, for comparison, all equal but the whole a fifth longer at one half of the places $w$ than at the other.
#
# **Predict.** Which of the three faults costs most?
# %% [markdown] lang="zh"
# 长度平方的平均。（最后一个数是对各层取的平均，作者的代码约束的是它，`ganlib` 也一样。）
#
# 奇异值的事，惩罚看得见多少？照定理，有 $n$ 个相等的值时，$\mathbb E(\|J^\top y\|-a)^2$ 的最小值以 $a^2$ 为单位是 $1-m_n^2/n$。下面是 512 个方向：全部相等；一半死了；四分之三死了；最后作为比较，全部相等，但有一半的 $w$ 处，整个比另一半的 $w$ 处长五分之一。
#
# **先猜。** 三种毛病里，哪一种最贵？
# %% tags=["strict"]
def least(lengths):
    # en: At the best scale, in units of a²: 1 − (mean)²/(mean square).
    # zh: 取最好的尺度，以 a² 为单位：1 − 均值² / 均方。
    return 1 - (lengths.mean().square() / lengths.square().mean()).item()


def m(n):
    half = math.lgamma((n + 1) / 2) - math.lgamma(n / 2)
    return math.sqrt(2) * math.exp(half)


torch.manual_seed(8)
y = torch.randn(20_000, 512, dtype=torch.float64)
print(lab.t("least head"))
fees = {}
for alive in (512, 256, 128):
    lengths = y[:, :alive].norm(dim=1)
    fees[alive] = least(lengths)
    print(f"{fees[alive]:9.5f}{1 - m(alive) ** 2 / alive:10.5f}{alive:6}")
    assert abs(fees[alive] / (1 - m(alive) ** 2 / alive) - 1) < 0.1
lengths = y.norm(dim=1)
lengths[::2] *= 1.2
fees["places"] = least(lengths)
print(f"{fees['places']:9.5f}{'':16}   {lab.t('uneven places')}")
assert fees["places"] > 2 * fees[128]
# %% [markdown] lang="en"
# A generator that has forgotten three quarters of all directions pays four thousandths; one that is a fifth faster in one half of $\mathcal W$ than in the other pays more than twice that. The penalty evens out *places* first, and directions as an afterthought.
#
# ## 6 · From scratch, with and without
#
# So the experiment: two small painters, half as many channels as the one of the zoo, the same first weights, the same faces; one pays for path lengths in every fourth step, the other never.
#
# **Predict.** Which of the two will have the better pictures? Which the smaller spread of lengths?
# %% [markdown] lang="zh"
# 忘掉四分之三方向的生成器，付千分之四；在 $\mathcal W$ 的一半里比另一半快五分之一的，付的是它的两倍还多。惩罚先把各*处*拉平，各方向的事只是顺带。
#
# ## 6 · 从头训练，有它与没有它
#
# 于是做这样一个实验：两位小画师，通道数是模型库那位的一半，初始权重相同，看的人像也相同；一位每四步为路径长度付一次账，另一位从不付。
#
# **先猜。** 哪一位的图像更好？哪一位的长度散布更小？
# %%
batch = lab.pick(smoke=8, cpu=16, gpu=64)
steps = lab.pick(smoke=2, cpu=240, gpu=10_000)
shots = lab.pick(smoke=2, cpu=40, gpu=1000)
faces = lab.load(size=32, n=lab.pick(smoke=64, cpu=8000, gpu=20_000))
WEIGHTS = {"no path": 0.0, "path": 2.0}
films, runs = {}, {}
for name, path_weight in WEIGHTS.items():
    ganlib.seed(lab.seed)
    young = ganlib.build(
        "stylegan2",
        faces,
        **OPTIONS
        | {"width": 8, "widest": 32, "path_every": 4}
        | {"path_weight": path_weight},
    )
    film = ganlib.Snapshots(shots, z=young.latent(8))
    runs[name] = ganlib.Trainer(
        young,
        faces,
        batch_size=batch,
        device=lab.device,
        callbacks=[film],
        ema_half_life=lab.pick(smoke=100, cpu=800, gpu=10_000),
        log_every=max(1, steps // 40),
        progress=lab.progress,
    ).fit(steps)
    films[name] = film.frames
for player, net in young.players().items():
    count = sum(p.numel() for p in net.parameters())
    print(lab.t("parameters", name=player, n=count))
viz.player(
    [
        (step, torch.cat([one, two]))
        for (step, one), (_, two) in zip(*films.values(), strict=True)
    ],
    columns=8,
    scale=3,
    seconds=8,
)


# %% [markdown] lang="en"
# Upper row without, lower row with.
#
# Now the measurement, for both and for the zoo's painter. Lengths at many $w$, several $y$ at each, split as on the page into what differs *between* places and what differs *within* one place, where only $y$ changes; both relative to the mean length. Then, at a few $w$, all singular values of $J_w$, by finite differences in float64: their effective number $n_{\text{eff}}$, of at most `w_dim` = 100.
#
# For scale: a control that is as even as possible, a random matrix of the same size, and a fraud, the painter without pay whose $w$ is scaled by half. The penalty would be a quarter; these ratios do not move.
# %% [markdown] lang="zh"
# 上行是没有的，下行是有的。
#
# 现在来测量，两位小画师与模型库的那位都量。在许多 $w$ 处各取几个 $y$ 量长度，照理论页分成两部分：*各处之间*的差异，与*同一处之内*只因 $y$ 而来的差异；都除以平均长度。然后在几个 $w$ 处，用 float64 的有限差分求出 $J_w$ 的全部奇异值，算它们的有效个数 $n_{\text{eff}}$，至多是 `w_dim` = 100。
#
# 为了有个尺度：一个对照，均匀到随机所能及，即同样大小的随机矩阵；还有一个花招，把不付账的那位的 $w$ 缩小一半来读。惩罚会降到四分之一，这几个比值却不动。
# %%
import copy
from functools import partial


def doubled(gan):
    made = copy.deepcopy(gan.generator).double().eval()
    return made.requires_grad_(False)


def drawn(maker, w):
    return maker.synthesis(maker.for_layers(w), "fixed")


def halved(draw, w):
    return draw(w / 2)


def mapped(gan, n, seed):
    return styles(n, seed, gan).double()


def spreads(draw, w, again=4, part=50):
    # en: Lengths at each w (rows), for several y (columns).
    # zh: 每个 w 一行，几个 y 各一列。
    torch.manual_seed(9)
    rows = [
        torch.cat([path_lengths(draw, x).detach() for x in w.split(part)])
        for _ in range(again)
    ]
    lengths = torch.stack(rows, 1)
    mean, within = lengths.mean(), lengths.var(1).mean()
    between = (lengths.mean(1).var() - within / again).clamp(min=0)
    parts = between.sqrt() / mean, within.sqrt() / mean
    return mean.item(), *(part.item() for part in parts)


@torch.no_grad()
def singular_values(draw, w, step=1e-4):
    eye = step * torch.eye(w.shape[-1], dtype=w.dtype, device=w.device)
    eye = eye[: lab.pick(smoke=10, cpu=None, gpu=None)]
    ends = [draw(w + sign * eye).flatten(1) for sign in (1, -1)]
    return torch.linalg.svdvals((ends[0] - ends[1]) / (2 * step)).cpu()


def effective(values):
    squares = values.square()
    return (squares.sum() ** 2 / squares.square().sum()).item()


def game_of(run):
    return (run.ema.gan if run.ema else run.gan).to(lab.device)


games = {name: game_of(run) for name, run in runs.items()}
games["painter"] = painter
n = lab.pick(smoke=4, cpu=80, gpu=400)
few = lab.pick(smoke=1, cpu=4, gpu=20)
print(lab.t("even head"))
even, spectra = {}, {}
for name, gan in games.items():
    draw = partial(drawn, doubled(gan))
    w = mapped(gan, n, 10)
    values = [singular_values(draw, one[None]) for one in w[:few]]
    spectra[name] = torch.stack(values)
    number = sum(map(effective, values)) / few
    even[name] = *spreads(draw, w), number
    row = "".join(f"{value:9.3f}" for value in even[name][:3])
    print(f"{row}{number:9.1f}   {lab.t(name)}")
    if name == "no path":
        half = spreads(partial(halved, draw), 2 * w)
        assert abs(2 * half[0] / even[name][0] - 1) < 1e-6
        assert abs(half[1] - even[name][1]) < 1e-6
torch.manual_seed(11)
chance = torch.linalg.svdvals(torch.randn(3072, 100))
print(f"{'':27}{effective(chance):9.1f}   {lab.t('random matrix')}")
if lab.profile == "cpu":  # CHECK
    assert all(row[3] < 0.6 * effective(chance) for row in even.values())
    assert all(row[2] > row[1] for row in even.values())
# %%
# alt-en: Singular values in falling order on a logarithmic axis, one band for each painter, and a nearly level dashed line for the random matrix. All painters' curves fall steeply.
# alt-zh: 奇异值从大到小，纵轴为对数，每位画师一组曲线，随机矩阵是一条几乎水平的虚线。画师们的曲线都陡然下降。
# en: CHECK the words above.
# zh: CHECK 上面的话。
fig, (ax,) = viz.panels(1, width=6, height=3.2)
for color, (name, values) in zip(
    viz.COLORS, spectra.items(), strict=False
):
    sizes = values / values.square().mean(1, keepdim=True).sqrt()
    ax.plot(sizes.T, color=color, lw=0.9)
    ax.plot([], color=color, label=lab.t(name))
size = chance / chance.square().mean().sqrt()
ax.plot(size, color=viz.INK, lw=0.9, ls=(0, (4, 3)))
ax.plot([], color=viz.INK, ls=(0, (4, 3)), label=lab.t("random matrix"))
ax.set(yscale="log", ylim=(1e-3, 20))
ax.set_xlabel(lab.t("number of the singular value"))
ax.set_ylabel(lab.t("singular value, root mean square 1"))
ax.legend(fontsize=8)
fig
# %% [markdown] lang="en"
# CHECK
# In so few steps the weight 2 has moved next to nothing: all young pictures are still alike, so that their lengths differ by a few per cent between places anyway, and a fine of a few per cent squared is not heard beside an adversary. What the regulariser does in a long run, a short one does not show; the honest result is "no difference". The rows do show what the theorem warned of. In every painter, paid or unpaid, the lengths differ more *within* a place, by the choice of $y$, than between places, and twenty or thirty directions carry the picture. The effective number is far from that of a random matrix, let alone from 100. "Orthogonal" is not what a trained generator is.
#
# ## 7 · Path length and quality
#
# Is a generator with short paths a better one? First two exact answers, both of them no.
#
# * *Longer, and nobody can tell.* Before the mapping network we take every two coordinates of $z$ as a point of the plane and triple its angle. A uniform angle times three is a uniform angle: the law of $z$ stays what it was, and so does that of the pictures. A step along the circle becomes three times as long, one along the radius does not change.
# * *Shorter, and everybody can.* The painter with half its contrast.
#
# Then the two young ones and the zoo's painter as it is. FID against held-out faces; path length in $\mathcal Z$ (great circles, pixels), and the same over twice the variance of the pictures, which takes the contrast out.
#
# **Predict** for the first two: by what factor does each of the three numbers change?
# %% [markdown] lang="zh"
# CHECK
# 才走这么几步，权重 2 几乎没有改变什么：小画师的图像还都差不多，各处之间的长度本来就只差百分之几；百分之几的平方，这样的罚款在对手旁边根本听不见。正则项在长的训练里做的事，短的训练显不出来；老实的结果是“没有差别”。定理的警告倒是看得见的。不论付不付账，每位画师*同一处之内*因 $y$ 而来的差异都大于各处之间的差异，承担图像的是二三十个方向。有效个数与随机矩阵相去甚远，更不用说 100。训练好的生成器，不是“正交”的。
#
# ## 7 · 路径长度与质量
#
# 路径短的生成器就更好吗？先看两个精确的回答，都是“不”。
#
# * *更长了，谁也看不出来。* 在映射网络之前，把 $z$ 的坐标两个两个地当作平面上的点，幅角乘以三。均匀的幅角乘以三，还是均匀的幅角：$z$ 的分布一如从前，图像的分布也就一如从前。沿圆周走的一步变为三倍长，沿半径走的不变。
# * *更短了，谁都看得出来。* 把画师的反差减半。
#
# 然后是两位小画师，以及原样的模型库画师。FID 对照留出的人像；路径长度在 $\mathcal Z$ 里量（大圆，像素）；再除以图像方差的两倍，反差的影响就除去了。
#
# **先猜**前两个：三个数各变为几倍？
# %%
from ganlib.metrics import features
from ganlib.metrics.fid import fid
from ganlib.metrics.path_length import path_length


def tripled(z):
    # en: Two coordinates are a point of the plane; its angle times 3.
    # zh: 每两个坐标是平面上的一个点，把它的幅角乘以 3。
    x, y = z.unflatten(1, (-1, 2)).unbind(2)
    angle, radius = 3 * torch.atan2(y, x), torch.hypot(x, y)
    both = [radius * angle.cos(), radius * angle.sin()]
    return torch.stack(both, 2).flatten(1)


ganlib.seed(12)
z = torch.randn(100_000, 2)
order = tripled(z).sort(0).values - torch.randn(100_000, 2).sort(0).values
assert order.abs().mean() < 0.02
matrix = torch.randn(100, 50, dtype=torch.float64)
straight, wound = (
    path_length(
        lambda z, way=way: way(z).double() @ matrix,
        latent=lambda n: torch.randn(n, 100, dtype=torch.float64),
        n=1000,
        trim=0,
    ).value
    for way in (lambda z: z, tripled)
)
assert abs(wound / straight - 5) < 0.25
MAKERS = {
    "painter": lambda z: painter.sample(z=z),
    "tripled": lambda z: painter.sample(z=tripled(z)),
    "half contrast": lambda z: painter.sample(z=z) / 2,
    "no path": lambda z: games["no path"].sample(z=z),
    "path": lambda z: games["path"].sample(z=z),
}
n = lab.pick(smoke=60, cpu=600, gpu=10_000)
pairs = lab.pick(smoke=10, cpu=300, gpu=5000)
small = {"allow_small": lab.profile == "smoke"}
held, held_too = (
    features.extract(
        ganlib.load(
            "avatars", size=32, n=n, split="test", seed=seed
        ).pixels,
        "avatars",
    )
    for seed in (0, 1)
)
print(lab.t("quality head"))
quality = {}
for name, make in MAKERS.items():
    ganlib.seed(13)
    latents = painter.latent(n).to(lab.device)
    images = torch.cat([make(part).cpu() for part in latents.split(100)])
    seen = features.extract(features.to_bytes(images), "avatars")
    length = path_length(
        make,
        n=pairs,
        latent=lambda n: painter.latent(n).to(lab.device),
        trim=0,
        **small,
    )
    least_possible = 2 * images.flatten(1).var(0).sum().item()
    quality[name] = (
        fid(held, seen, **small).value,
        length.value,
        length.value / least_possible,
    )
    numbers = zip(quality[name], (1, 0, 2), strict=True)
    row = "".join(f"{value:10.{digits}f}" for value, digits in numbers)
    print(f"{row}   {lab.t(name)}")
print(f"{fid(held, held_too, **small).value:10.1f}{'':23}{lab.t('real')}")
assert (
    abs(quality["half contrast"][1] / quality["painter"][1] - 0.25) < 0.05
)
assert abs(quality["half contrast"][2] / quality["painter"][2] - 1) < 0.05
if lab.profile == "cpu":  # CHECK
    assert quality["tripled"][2] > 2 * quality["painter"][2]
    assert abs(quality["tripled"][0] / quality["painter"][0] - 1) < 0.15
    assert quality["half contrast"][0] > 2 * quality["painter"][0]
    assert quality["painter"][0] < quality["path"][0]
# %% [markdown] lang="en"
# CHECK
# Tripled angles make paths several times as long (squared lengths: 9 times along the circles, once along the radii, so five times on average for a linear generator; in this one the two do not weigh alike) and leave FID where it was but for chance. The pale painter has a quarter of the length and a terrible FID. Anything between two trained networks is an observation, and of the young ones there is one seed each: with so few steps behind them, the rows of these two say more about chance than about the regulariser.
#
# ## 8 · From a picture back to $w$
#
# ### The affine case
#
# Descent on $\frac12\|Jw+b-x\|^2$ with matrices of one size, $\|J\|_F$, and different condition $\kappa$. A picture $x=Jw_0+b+\xi$ with a little noise. Columns: how far the recovered $\hat w$ is from $w_0$ (mean square, and by the page), and how many steps of gradient descent, at its best constant rate, reduce the way to $\hat w$ to a thousandth.
#
# **Predict.** How many steps at $\kappa=1$?
# %% [markdown] lang="zh"
# CHECK
# 幅角乘以三，路径就长到好几倍（长度的平方沿圆周是 9 倍，沿半径是 1 倍，所以对线性的生成器平均是五倍；在这个生成器里，两者的分量不等）；FID 除了偶然，仍在原处。苍白的画师，长度是四分之一，FID 糟得很。至于两个训练出来的网络之间，任何差别都只是观察，何况两位小画师各只有一个种子：才走了这么几步，这两行的差别，偶然多于正则项。
#
# ## 8 · 从图像回到 $w$
#
# ### 仿射的情形
#
# 对 $\frac12\|Jw+b-x\|^2$ 作下降，各矩阵的 $\|J\|_F$ 相同，条件数 $\kappa$ 不同。图像 $x=Jw_0+b+\xi$ 带一点噪声。各列依次是：求回的 $\hat w$ 离 $w_0$ 多远（均方，以及照理论页算的），用最好的固定学习率作梯度下降，要多少步才把到 $\hat w$ 的路缩短到千分之一。
#
# **先猜。** $\kappa=1$ 时要几步？
# %% tags=["strict"]
torch.manual_seed(14)
rows, columns, tau = 200, 20, 0.01
left, _ = torch.linalg.qr(torch.randn(rows, columns).double())
right, _ = torch.linalg.qr(torch.randn(columns, columns).double())
print(lab.t("inversion head"))
descents = []
for kappa in (1, 3, 10):
    sigma = torch.logspace(0, -math.log10(kappa), columns).double()
    sigma = sigma * math.sqrt(columns) / sigma.norm()
    J = left * sigma @ right.T
    start = torch.randn(500, columns).double()
    noise = tau * torch.randn(500, rows).double()
    target = start @ J.T + noise
    hat = torch.linalg.lstsq(J, target.T).solution.T
    missed = (hat - start).square().sum(1).mean().item()
    by_page = (tau**2 * sigma.pow(-2).sum()).item()
    w, count = torch.zeros_like(hat), 0
    rate = 2 / (sigma.max() ** 2 + sigma.min() ** 2)
    while (w - hat).norm() > 1e-3 * hat.norm():
        w = w - rate * (w @ J.T - target) @ J
        count += 1
    descents.append(count)
    print(f"{kappa:4}{missed:10.5f}{by_page:10.5f}{count:8}")
    assert abs(missed / by_page - 1) < 0.1
assert descents[0] == 1 and descents[2] > 5 * descents[1]
# %% [markdown] lang="en"
# One step, if all singular values are equal.
#
# ### A face that nobody has painted
#
# Now the painter. Six portraits from the *held-out* part of the data, which no generator has ever made, and six of its own. For each we look for the $w$ and the noise images whose picture comes nearest, with the distance of the reader's features and of the pixels, half and half. Rows: given, found; own, found.
#
# **Predict.** Which will be found more exactly? What will be lost of the others: glasses, hair colour, the shirt?
# %% [markdown] lang="zh"
# 奇异值若都相等，一步就到。
#
# ### 一张谁也没画过的脸
#
# 现在轮到画师。六幅人像取自数据中*留出*的部分，没有哪个生成器画过；另外六幅是它自己画的。对每一幅，找出使图像最接近的 $w$ 与噪声图，距离取判读网络的特征与像素，各占一半。各行依次是：给定的，找到的；自己画的，找到的。
#
# **先猜。** 哪一种找得更准？另一种会丢掉什么：眼镜，发色，还是上衣？
# %%
# alt-en: Four rows of six faces. Rows one and two: drawn faces and what the painter finds for them, similar in hair, skin and background, different in detail. Rows three and four: the painter's own faces and what is found, nearly the same.
# alt-zh: 四行，每行六张脸。第一、二行是数据中的人像与画师找到的，头发、肤色、背景相似，细节不同。第三、四行是画师自己的脸与找到的，几乎一样。
# en: CHECK the words above.
# zh: CHECK 上面的话。
from ganlib.projection import project

six = lab.pick(smoke=1, cpu=6, gpu=24)
tries = lab.pick(smoke=3, cpu=120, gpu=1000)
real = ganlib.load("avatars", size=32, n=six, split="test").normalised()
real = real.to(lab.device)
own_w = styles(six, 15)
own = painter.sample(w=own_w)
given = torch.cat([real, own])
SEARCH = {"distance": "avatars", "steps": tries}
found = project(painter, given, **SEARCH)
sheet = [real, found.images[:six], own, found.images[six:]]
viz.grid(torch.cat([part[:6] for part in sheet]), columns=6, scale=3)
# %%
# alt-en: Distance over the steps on a logarithmic axis: six curves of drawn faces and six of the painter's own; all fall, the own ones lower, and settle in the last quarter.
# alt-zh: 距离随步数的变化，纵轴为对数：数据人像的六条曲线，画师自己的六条；都下降，自己的降得更低，到最后四分之一稳定下来。
# en: CHECK the words above.
# zh: CHECK 上面的话。
fig, (ax,) = viz.panels(1, width=6, height=3)
for color, kind, part in (
    (viz.COLORS[1], "real", slice(0, six)),
    (viz.COLORS[0], "own", slice(six, None)),
):
    ax.plot(found.curve[:, part].cpu(), color=color, lw=0.8)
    ax.plot([], color=color, label=lab.t(kind))
ax.set(yscale="log", xlabel=lab.t("step"))
ax.set_ylabel(lab.t("distance"))
ax.legend()
fig
# %% [markdown] lang="en"
# In numbers, for two of each, with three variations: no search for noise images (the fixed ones); noise images without their regulariser; and a $w$ of its own for each layer. For each the mean distance of real and of own pictures, and how much structure the noise has ended up with, in units of what white noise has by chance.
#
# **Predict.** Which variation reaches the smallest distance, and why is it not the best?
# %% [markdown] lang="zh"
# 用数字来说，各取两幅，另加三种变化：完全不动噪声图（用固定的）；优化噪声图而不加正则项；每层一个自己的 $w$。各给出数据人像与自己人像的平均距离，以及噪声最后带上了多少结构，以白噪声偶然有的为单位。
#
# **先猜。** 哪一种变化的距离最小？它为什么不是最好的？
# %%
from ganlib.projection import structure

torch.manual_seed(16)
by_chance = [
    structure(torch.randn(200, 1, side, side)).mean().item()
    for side in painter.generator.synthesis.sides
]
VARIATIONS = {
    "fixed noise": {"noise": False},
    "free noise": {"noise_weight": 0.0},
    "each layer": {"each_layer": True},
}
few = lab.pick(smoke=1, cpu=2, gpu=24)
chosen = [*range(few), *range(six, six + few)]
results = {"as above": (found.distance[chosen], found.noise)}
for name, options in VARIATIONS.items():
    made = project(painter, given[chosen], **SEARCH | options)
    results[name] = made.distance, made.noise
print(lab.t("projection head"))
reached, finest = {}, []
for name, (far, maps) in results.items():
    reached[name] = [far[:few].mean().item(), far[few:].mean().item()]
    row = "".join(f"{value:9.4f}" for value in reached[name])
    if maps != "fixed":
        seen = sum(structure(image).mean().item() for image in maps)
        reached[name].append(seen / sum(by_chance))
        row += f"{reached[name][2]:9.2f}"
        if len(finest) < 2:
            finest.append(maps[-1][chosen if name == "as above" else ...])
    print(f"{row:27}   {lab.t(name)}")
if lab.profile == "cpu":  # CHECK
    assert found.distance[six:].mean() < found.distance[:six].mean()
    assert reached["as above"][2] < 0.5 and reached["free noise"][2] > 2
    assert reached["free noise"][0] < reached["as above"][0]
    assert reached["each layer"][0] < reached["as above"][0]
# %%
# alt-en: Two rows of four grey pictures of 32 pixels. With the regulariser even noise; without it the outline of a head can be made out.
# alt-zh: 两行灰色小图，每行四幅，32 像素。有正则项的是均匀的噪声，没有的能认出头的轮廓。
# en: CHECK the words above.
# zh: CHECK 上面的话。
viz.grid(torch.cat(finest).clamp(-3, 3) / 3, columns=len(chosen), scale=4)


# %% [markdown] lang="en"
# CHECK
# Its own faces are found more exactly than others: distance is a detector, of pictures of this one generator. Without their regulariser the noise images draw the face: their structure is many times that of white noise, and the distance falls to a fraction. With it they end up with *less* structure than chance would give them, as the page says of small maps. A style for each layer comes nearer too. Free noise and free layers both leave the set of what the painter would paint by itself, which is why editing such a $w$ tends to fail. "Nearest" is not what one is after.
#
# ### The same pictures, other coordinates
#
# Does evenness help to invert? The affine case says so. To ask a network, one would like two generators that differ in nothing else, and there is a way to have them: $w=Bu$ with an invertible matrix $B$. The mapping network gets $B^{-1}$ behind it, the styles read $Bu$, and every $z$ makes the picture that it made before. Only the space in which one searches is another. Three of them:
#
# * *spoilt*: $B$ has singular values from $\sqrt{10}$ to $1/\sqrt{10}$, in random directions;
# * *as trained*: $B=I$;
# * *evened*: $B=\bigl(\mathbb E\,J^\top J\bigr)^{-1/2}$ from a few Jacobians, after which the mean of $J^\top J$ is $I$. What the regulariser asks for, as far as one matrix can give it.
#
# Then the two young painters. Each row searches for pictures of the painter's own, so that a right answer exists. No noise images, pixels, half as many steps as above. Columns: effective number of singular values; how much of the pictures' variance is missed; how far the vector found is from the right one, where the mean is at distance 1.
#
# **Predict** the order of the first three rows, in each column.
# %% [markdown] lang="zh"
# CHECK
# 自己的脸比别的脸找得更准：距离是个检测器，检测的是这一个生成器的图像。没有正则项，噪声图就画起脸来：结构是白噪声的许多倍，距离只剩几分之一。有了正则项，它们的结构最后比碰运气的还*少*，理论页对小的噪声图正是这样说的。每层一个风格，也离得更近。放开噪声、放开各层，都走出了画师自己会画的范围，所以这样的 $w$ 编辑起来往往失败。要找的并不是“最近”。
#
# ### 同样的图像，另一套坐标
#
# 均匀真的有助于求逆吗？仿射的情形是这样说的。要拿网络来问，最好有两个别无差别的生成器，而这是办得到的：取可逆矩阵 $B$，令 $w=Bu$。映射网络后面接上 $B^{-1}$，各层风格改读 $Bu$，于是每个 $z$ 画的还是原来的图像，只有搜索的空间换了。取三个：
#
# * *弄坏的*：$B$ 的奇异值从 $\sqrt{10}$ 到 $1/\sqrt{10}$，方向随机；
# * *训练所得的*：$B=I$；
# * *拉匀的*：$B=\bigl(\mathbb E\,J^\top J\bigr)^{-1/2}$，用几个 Jacobian 矩阵算出，这样 $J^\top J$ 的平均就是 $I$。正则项所要的，一个矩阵能给的就这么多。
#
# 然后是两位小画师。每一行找的都是画师自己的图像，所以正确的答案是有的。不动噪声图，距离取像素，步数是上面的一半。各列依次是：奇异值的有效个数；图像的方差有多少没找回来；找到的向量离正确的有多远，以均值的距离为 1。
#
# **先猜**前三行在每一列里的次序。
# %%
@torch.no_grad()
def in_coordinates(matrix):
    gan = copy.deepcopy(painter)
    maker = gan.generator
    back = torch.nn.Linear(*matrix.shape, bias=False).to(matrix)
    back.weight.data = torch.linalg.inv(matrix)
    for layer in maker.synthesis.modules():
        if isinstance(layer, ModulatedConv2d):
            layer.style.weight.data = layer.style.weight @ matrix
    maker.mapping = torch.nn.Sequential(maker.mapping, back)
    maker.w_mean = back(maker.w_mean)
    return gan.requires_grad_(False)


@torch.no_grad()
def even_out(n, smallest=1e-3):
    draw, w = partial(drawn, doubled(painter)), mapped(painter, n, 23)
    eye, metric = 1e-4 * torch.eye(w.shape[1]).to(w), 0
    for one in w:
        rows = (draw(one + eye) - draw(one - eye)).flatten(1) / 2e-4
        metric = metric + rows @ rows.T / n
    values, basis = torch.linalg.eigh(metric)
    values = (values / values.mean()).clamp(min=smallest)
    return (basis * values.rsqrt() @ basis.T).float()


ganlib.seed(24)
size = painter.generator.w_dim
turns = [torch.linalg.qr(torch.randn(size, size))[0] for _ in range(2)]
uneven_scale = torch.logspace(0.5, -0.5, size)
COORDINATES = {
    "spoilt": turns[0] * uneven_scale @ turns[1].T,
    "as trained": torch.eye(size),
    "evened": even_out(lab.pick(smoke=1, cpu=4, gpu=20)),
}
searched = {
    name: in_coordinates(matrix.to(lab.device))
    for name, matrix in COORDINATES.items()
}
z = painter.latent(4).to(lab.device)
for gan in searched.values():
    # en: The pictures are the same, but for rounding.
    # zh: 除了舍入，图像是一样的。
    assert (gan.sample(z=z) - painter.sample(z=z)).abs().max() < 0.02
searched |= {name: games[name] for name in WEIGHTS}
few = lab.pick(smoke=2, cpu=6, gpu=64)
print(lab.t("inverse head"))
missed = {}
for name, gan in searched.items():
    one = mapped(gan, 1, 25)
    draw = partial(drawn, doubled(gan))
    number = effective(singular_values(draw, one))
    w = styles(few, 17, gan)
    mine = gan.sample(w=w)
    made = project(gan, mine, steps=tries // 2 + 1, noise=False)
    deviation = mine.flatten(1).var(0).mean()
    centre = styles(2000, 18, gan).mean(0)
    off = (made.w - w).norm(dim=1) / (w - centre).norm(dim=1)
    share = (made.distance.mean() / deviation).item()
    missed[name] = number, share, off.mean().item()
    print(
        f"{number:9.1f}{share:9.4f}{missed[name][2]:9.2f}   {lab.t(name)}"
    )
if lab.profile == "cpu":  # CHECK
    assert missed["spoilt"][0] < missed["evened"][0]
    assert missed["spoilt"][1] > missed["as trained"][1]
    assert missed["spoilt"][2] > missed["evened"][2]
# %% [markdown] lang="en"
# CHECK
# Spoilt coordinates cost accuracy in the same number of steps, though not a single picture has changed: whoever reads off from a slow projection that a picture "is not in the range" should remember that. Evening out raises the effective number, and hardly improves the projection over what training has found by itself. In no row is the vector found near the right one: along directions that do not show, nobody can tell where it was, and that is where $1/\sigma_i^2$ is large.
#
# ## 9 · Glasses for everybody
#
# ### Which direction?
#
# First where the truth is known. $w$ is Gaussian in 20 dimensions and *correlated*; an attribute is present if $\langle u,w\rangle>0.5$, and a second one hangs on another direction $v$. The cosines between $u$ and what each method finds:
#
# **Predict.** Regression of a yes or no on $w$, or the difference of the means of those with and those without?
# %% [markdown] lang="zh"
# CHECK
# 坐标弄坏了，同样的步数就找得不那么准，尽管没有一幅图像改变过：谁要是因为投影得慢，就断定一幅图像“不在值域里”，请记住这一点。拉匀提高了有效个数，投影却比训练自己找到的好不了多少。没有哪一行找到的向量接近正确的那个：沿着显不出来的方向，谁也说不出它原来在哪里，那正是 $1/\sigma_i^2$ 大的地方。
#
# ## 9 · 人人戴眼镜
#
# ### 哪个方向？
#
# 先看答案已知的情形。$w$ 是 20 维的高斯向量，各坐标*相关*；$\langle u,w\rangle>0.5$ 时有这种属性，另一种属性挂在另一个方向 $v$ 上。下面是 $u$ 与各种方法所找到的方向之间夹角的余弦：
#
# **先猜。** 拿“有”与“没有”对 $w$ 作回归，还是取有与没有的两组的均值之差，哪个找得到 $u$？
# %% tags=["strict"]
from ganlib.editing import direction


def cosine(a, b):
    return (a @ b / (a.norm() * b.norm())).item()


torch.manual_seed(19)
root = torch.randn(20, 20).double() / 4 + torch.eye(20).double()
sigma = root @ root.T
gauss = torch.randn(60_000, 20).double() @ root.T
u, v = torch.randn(2, 20).double()
v = v + 0.8 * u
label, other = gauss @ u > 0.5, gauss @ v > 0
means = gauss[label].mean(0) - gauss[~label].mean(0)
free = direction(gauss, label.double(), [other.double()])
ways = {
    "regression": direction(gauss, label.double()),
    "logistic": direction(gauss, label, logistic=True),
    "means": means,
    "held": free,
}
print(lab.t("direction head"))
for name, e in ways.items():
    numbers = cosine(e, u), cosine(e, sigma @ u), cosine(e, v)
    row = "".join(f"{number:9.3f}" for number in numbers)
    print(f"{row}   {lab.t(name)}")
assert cosine(ways["regression"], u) > 0.98 > cosine(means, u)
assert cosine(means, sigma @ u) > 0.99
assert abs(cosine(free, v)) < 0.05 < cosine(means, v)


# %% [markdown] lang="en"
# Regression finds the direction that *reads* the attribute, even from yes and no. The difference of means is $\Sigma u$: it goes where attribute and everything that comes along with it are typical. And a direction may be asked to leave another attribute alone.
#
# ### On faces
#
# The reader says of two thousand painted faces who wears glasses. The same faces, moved by two standard deviations of the score along three directions: the regression's; the one that holds hair length, hair colour and skin; and, as a control, a random one of equal length.
#
# **Predict.** How many of those without glasses put some on, and which of the other attributes changes most?
# %% [markdown] lang="zh"
# 回归找到的是*读出*属性的那个方向，哪怕只有“有”与“没有”。均值之差是 $\Sigma u$：它走向这种属性、连同一切随之而来的东西都典型的地方。还可以要求一个方向不去碰另一种属性。
#
# ### 到脸上去
#
# 判读网络看过两千张画出来的脸，说出谁戴眼镜。再让同样的脸沿三个方向移动，都移动得分的两个标准差那么远：回归给出的；按住头发长短、发色与肤色不动的；以及作为对照，随机取的一个，长度相同。
#
# **先猜。** 原来不戴眼镜的，有多少戴上了？别的属性里，哪一种变得最多？
# %%
def read(images):
    found = features.extract(features.to_bytes(images.cpu()), "avatars")
    return features.attributes(found)


def paint(w):
    return torch.cat([painter.sample(w=part) for part in w.split(250)])


n = lab.pick(smoke=60, cpu=2000, gpu=20_000)
w = styles(n, 20)
seen = read(paint(w))
HELD = ("hair_length", "hair_colour", "skin")


def marks(name, seen=seen):
    # en: One column for each value but the first, as far as it occurs.
    # zh: 除第一个值外，每个出现的值一列。
    values = seen[name]
    columns = [values == k for k in values.unique()[1:].tolist()]
    return [column.double() for column in columns]


def toward(name, held=()):
    target = seen[name].double()
    if target.unique().numel() < 2:
        return torch.randn(w.shape[1])
    beside = [column for other in held for column in marks(other)]
    return direction(w.cpu(), target, beside)


ganlib.seed(21)
E_GLASSES = {
    "regression": toward("glasses"),
    "held": toward("glasses", HELD),
    "random step": torch.nn.functional.normalize(
        torch.randn(w.shape[1]), dim=0
    ),
}
bare = w[(seen["glasses"] == 0).to(w.device)]
bare = bare[: lab.pick(smoke=10, cpu=300, gpu=2000)]
before = read(paint(bare))
print(lab.t("edit head"))
worn = {}
for name, e in E_GLASSES.items():
    e = e.to(w)
    far = 2 * ((w - w.mean(0)) @ E_GLASSES["regression"].to(w)).std()
    after = read(paint(bare + far * e))
    worn[name] = [
        (after[key] != before[key]).double().mean().item()
        for key in ("glasses", *HELD, "smile", "background")
    ]
    row = "".join(f"{share:8.0%}" for share in worn[name])
    print(f"{row}   {lab.t(name)}")
if lab.profile == "cpu":  # CHECK
    assert worn["regression"][0] > 3 * worn["random step"][0]
    assert sum(worn["held"][1:4]) < sum(worn["regression"][1:4])
# %% [markdown] lang="en"
# CHECK
# Columns: who changes in glasses, hair length, hair colour, skin, smile, background. Along the regression's direction most of them put glasses on, and something of the rest changes too, more than a random step would. Holding the three attributes costs a few pairs of glasses and spares the hair. Nothing here asks for identity to be kept: what is not held may move.
#
# ### The face from section 8
#
# Now the same with the six portraits that no generator had made: their $w$ and their noise have been found, so they can be edited. Above, as found; then step by step along the direction that holds hair and skin. (In a running notebook there are sliders; the page plays.)
#
# **Try.** Give the first face glasses, then take its smile.
# %% [markdown] lang="zh"
# CHECK
# 各列依次是：眼镜，头发长短，发色，肤色，微笑，背景，各有多少人变了。沿回归的方向，多数人戴上了眼镜，其余的也有些变化，比随机走一步要多。按住那三种属性，少戴上几副眼镜，头发却保住了。这里没有谁要求保持身份：没有按住的，就可能动。
#
# ### 第 8 节的那几张脸
#
# 现在对那六幅谁也没画过的人像做同样的事：它们的 $w$ 与噪声已经找到，所以可以编辑。上面是找到的，然后沿着按住头发与肤色的那个方向，一步一步走。（在运行着的笔记本里有滑块；网页上播放。）
#
# **试一试。** 给第一张脸戴上眼镜，再拿走它的微笑。
# %%
import ipywidgets

SLIDERS = {
    "glasses": E_GLASSES["held"],
    "smile": toward("smile", ("glasses", *HELD)),
    "hair_length": toward("hair_length", ("glasses", "skin")),
}
unit = {
    name: ((w - w.mean(0)) @ e.to(w)).std() for name, e in SLIDERS.items()
}
found_noise = [image[:six] for image in found.noise]


def edited(**amounts):
    moved = found.w[:six]
    for name, amount in amounts.items():
        moved = moved + amount * unit[name] * SLIDERS[name].to(w)
    return painter.sample(w=moved, noise=found_noise)


if lab.live:
    ipywidgets.interact(
        lambda **amounts: viz.grid(edited(**amounts), columns=6, scale=4),
        **{
            name: ipywidgets.FloatSlider(
                value=0, min=-4, max=4, step=0.5, description=lab.t(name)
            )
            for name in SLIDERS
        },
    )
    shown = None
else:
    frames = lab.pick(smoke=2, cpu=9, gpu=9)
    shown = viz.player(
        [
            (amount, torch.cat([edited(), edited(glasses=amount)]))
            for amount in torch.linspace(0, 4, frames).tolist()
        ],
        columns=six,
        caption=lambda amount: lab.t("amount", amount=amount),
        scale=4,
        seconds=5,
    )
shown
# %% [markdown] lang="en"
# ## 10 · A walk
#
# Through five faces and back to the first, on straight lines in $\mathcal W$, four walks side by side. By steps of equal length in $\mathcal W$ first; then the same way in steps that change the *picture* by as much each, which is what an even generator would do by itself. Below, how much the largest step of the picture exceeds the mean one.
#
# **Predict.** Where on the way does a face change most?
# %% [markdown] lang="zh"
# ## 10 · 漫步
#
# 经过五张脸，再回到第一张，在 $\mathcal W$ 里走直线，四条路并排。先按 $\mathcal W$ 里等长的步子走；再走同一条路，但每一步让*图像*变化一样多，生成器若是均匀的，本来就会这样。下面打印图像最大的一步是平均一步的几倍。
#
# **先猜。** 脸在路上的哪里变得最快？
# %%
STOPS = 5
per_leg = lab.pick(smoke=2, cpu=8, gpu=8)
copies = lab.pick(smoke=2, cpu=4, gpu=4)
corners = styles(STOPS * copies, 22).view(STOPS, copies, -1)
loop = torch.cat([corners, corners[:1]])


def on_loop(t):
    # en: t from 0 to 5, (T, copies) → styles (T, copies, w_dim).
    # zh: t 从 0 到 5，(T, copies) → 风格 (T, copies, w_dim)。
    leg = t.floor().clamp(max=STOPS - 1).long()
    beside = torch.arange(copies, device=t.device)
    share = (t - leg)[..., None]
    return torch.lerp(loop[leg, beside], loop[leg + 1, beside], share)


def film(t):
    made = paint(on_loop(t).flatten(0, 1))
    return made.unflatten(0, t.shape)


def steps_of(images):
    return (images[1:] - images[:-1]).flatten(2).norm(dim=2)


frames = STOPS * per_leg + 1
even_t = torch.linspace(0, STOPS, frames, device=lab.device)
even_t = even_t[:, None].expand(-1, copies).contiguous()
plain = film(even_t)
paces = steps_of(plain)
way_so_far = torch.cat([0 * paces[:1], paces.cumsum(0)])
retimed = torch.empty_like(even_t)
for copy_of in range(copies):
    total = way_so_far[:, copy_of]
    goal = torch.linspace(0, total[-1].item(), frames, device=lab.device)
    at = torch.searchsorted(total.contiguous(), goal).clamp(1, frames - 1)
    part = (goal - total[at - 1]) / (total[at] - total[at - 1]).clamp(1e-9)
    before, after = even_t[at - 1, copy_of], even_t[at, copy_of]
    retimed[:, copy_of] = torch.lerp(before, after, part.clamp(0, 1))
smooth_film = film(retimed)
uneven = {}
for name, images in (
    ("even in W", plain),
    ("even in pictures", smooth_film),
):
    sizes = steps_of(images)
    uneven[name] = (sizes.amax(0) / sizes.mean(0)).mean().item()
    print(f"{uneven[name]:7.2f}   {lab.t(name)}")
if lab.profile == "cpu":
    assert uneven["even in pictures"] < uneven["even in W"]
viz.player(
    [
        (number, torch.cat([one, two]))
        for number, (one, two) in enumerate(
            zip(plain, smooth_film, strict=True)
        )
    ],
    columns=copies,
    caption=lambda number: lab.t("frame", number=number, of=frames),
    scale=2,
    seconds=10,
)


# %% [markdown] lang="en"
# Upper row even in $\mathcal W$, lower row even in pictures. A film to take away is a file that any browser plays:
# %% [markdown] lang="zh"
# 上行在 $\mathcal W$ 里均匀，下行在图像上均匀。要一段带得走的影片，写成文件就行，任何浏览器都能播放：
# %% tags=["strict"]
import tempfile
from pathlib import Path

from PIL import Image


def save_film(images, path, columns, scale=4, seconds=10):
    sheets = [
        viz.tile(features.to_bytes(f.cpu()), columns) for f in images
    ]
    pages = [
        Image.fromarray(sheet).resize(
            (scale * sheet.shape[1], scale * sheet.shape[0]), Image.NEAREST
        )
        for sheet in sheets
    ]
    pages[0].save(
        path,
        save_all=True,
        append_images=pages[1:],
        duration=round(1000 * seconds / len(pages)),
        loop=0,
    )


path = Path(tempfile.mkdtemp()) / "walk.gif"
save_film(smooth_film, path, columns=copies)
with Image.open(path) as saved:
    print(path.name, saved.n_frames <= frames, saved.size)
    assert 1 < saved.n_frames <= frames
# %% [markdown] lang="en"
# CHECK
# In $\mathcal W$ a face spends most of its way looking like itself and changes in a few steps; the largest is several times the mean. Retiming hides that from the eye. It repairs the film, not the generator.
#
# ## Try it
#
# 1. **The same trap with a group.** Normalise the *variance* of the whole batch instead of each picture (a batch normalisation). Does a spike in one picture still quieten that picture?
#
# <details><summary>Answer 1</summary>
#
# ```python
# torch.manual_seed(0)
# batch = torch.randn(8, 32, 32)
# loud_one = batch.clone()
# loud_one[0, 5, 5] += 300
# for name, x in (("before", batch), ("after", loud_one)):
#     y = (x - x.mean()) / x.std()
#     print(name, [f"{y[i, 10:].std():.2f}" for i in (0, 1)])
# ```
#
# It prints 1.07 and 1.01 before, 0.31 and 0.29 after: the spike divides *all* pictures of the batch by the same number. Proportions between pictures stay as they were, so there is nothing to be bought here for one picture alone; a normalisation picture by picture is what makes a drop worth its price.
#
# </details>
#
# 2. **Fixed target.** Train the third young painter with `path_decay=1e-9`, so that $a$ stays at the first length found. Does it stay alive? What do the lengths do?
#
# <details><summary>Answer 2</summary>
#
# ```python
# ganlib.seed(lab.seed)
# options = OPTIONS | {"width": 8, "widest": 32, "path_every": 4}
# fixed = ganlib.build("stylegan2", faces, **options | {"path_decay": 1e-9})
# run = ganlib.Trainer(fixed, faces, batch, progress=False).fit(steps)
# for r in (runs["path"], run):
#     print(f"{r.history["|J'y|"][0]:.2f} {r.history["|J'y|"][-1]:.2f}")
# ```
#
# CHECK
# When we tried: …
#
# </details>
#
# 3. **Mix $\mathcal W^+$.** Give each layer of a found face the $w$ of another face, coarse layers first. From which layer on is it no longer the same person?
#
# <details><summary>Answer 3</summary>
#
# ```python
# styles_found = painter.generator.for_layers(found.w[:six]).clone()
# rows = []
# for layer in range(painter.generator.n_layers + 1):
#     mixed = styles_found.clone()
#     mixed[:, :layer] = styles_found.roll(1, 0)[:, :layer]
#     rows.append(painter.sample(w=mixed, noise=found_noise))
# viz.grid(torch.cat(rows), columns=six, scale=3)
# ```
#
# CHECK
# The first rows are still the face itself with another pose or another hair, the last ones the neighbour. Since noise belongs to the first face throughout, its finest texture stays.
#
# </details>
#
# ## With a GPU
#
# Add `profile="gpu"` to the first cell: thousands of faces in each measurement, and 10,000 steps from scratch. `ganlib train stylegan2-avatars --size 64` trains a larger painter, `ganlib project RUN photo.png --out found` looks for your own pictures in it. What the cells assert about trained games was tried at `cpu` and is checked only there.
#
# Back to [the theory](../../book/en/14-stylegan2.md), with its exercises.
# %% [markdown] lang="zh"
# CHECK
# 在 $\mathcal W$ 里，脸在路上大半时间还是原来的样子，只在少数几步里变；最大的一步是平均的好几倍。重新定时，眼睛就看不出来了。修好的是影片，不是生成器。
#
# ## 动手试试
#
# 1. **换成整批，还上当吗？** 不按每幅图像、而按整批的*方差*来归一化（批量归一化）。一幅图像里的尖峰还能让这幅图像安静下来吗？
#
# <details><summary>答案 1</summary>
#
# ```python
# torch.manual_seed(0)
# batch = torch.randn(8, 32, 32)
# loud_one = batch.clone()
# loud_one[0, 5, 5] += 300
# for name, x in (("before", batch), ("after", loud_one)):
#     y = (x - x.mean()) / x.std()
#     print(name, [f"{y[i, 10:].std():.2f}" for i in (0, 1)])
# ```
#
# 打印的是，之前 1.07 与 1.01，之后 0.31 与 0.29：尖峰把这一批*所有的*图像都除以同一个数。图像之间的比例没有变，所以单为一幅图像是买不到什么的；水滴之所以划算，全在于归一化是逐幅图像做的。
#
# </details>
#
# 2. **固定的目标。** 训练第三位小画师，取 `path_decay=1e-9`，让 $a$ 停在第一次得到的长度上。它还活着吗？长度怎样变化？
#
# <details><summary>答案 2</summary>
#
# ```python
# ganlib.seed(lab.seed)
# options = OPTIONS | {"width": 8, "widest": 32, "path_every": 4}
# fixed = ganlib.build("stylegan2", faces, **options | {"path_decay": 1e-9})
# run = ganlib.Trainer(fixed, faces, batch, progress=False).fit(steps)
# for r in (runs["path"], run):
#     print(f"{r.history["|J'y|"][0]:.2f} {r.history["|J'y|"][-1]:.2f}")
# ```
#
# CHECK
# 我们试的那一次：……
#
# </details>
#
# 3. **混合 $\mathcal W^+$。** 让找到的脸逐层改用另一张脸的 $w$，先粗后细。从哪一层起，就不再是同一个人了？
#
# <details><summary>答案 3</summary>
#
# ```python
# styles_found = painter.generator.for_layers(found.w[:six]).clone()
# rows = []
# for layer in range(painter.generator.n_layers + 1):
#     mixed = styles_found.clone()
#     mixed[:, :layer] = styles_found.roll(1, 0)[:, :layer]
#     rows.append(painter.sample(w=mixed, noise=found_noise))
# viz.grid(torch.cat(rows), columns=six, scale=3)
# ```
#
# CHECK
# 前几行还是这张脸，换了朝向或头发；最后几行已是邻居。噪声始终是第一张脸的，所以最细的纹理留了下来。
#
# </details>
#
# ## 有 GPU 时
#
# 在第一个单元格里加上 `profile="gpu"`：每项测量用几千张脸，从头训练走 10,000 步。`ganlib train stylegan2-avatars --size 64` 训练一位更大的画师，`ganlib project RUN photo.png --out found` 在它画得出的图像里找你自己的图片。各单元格里关于训练过的博弈的断言是在 `cpu` 配置下试出来的，也只在那里检验。
#
# 回到[理论页](../../book/zh/14-stylegan2.md)，做做那里的习题。
