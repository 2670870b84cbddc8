# %% [markdown] lang="en"
# # Lab 02 · A GAN learns to write digits
#
# Two networks start from random weights. One has never seen a digit and never will; the other only answers "real or generated?". A few minutes later the first one writes.
#
# In this lab you will
# * check by computer what [the theory page](../../book/en/02-gan.md) proves: the optimal discriminator $D^*$ and the value $2\,\mathrm{JS}-2\log 2$;
# * starve a generator with one loss and feed it with another;
# * train the classic GAN on 28×28 digits, watch it learn, walk through its latent space and **measure** what it can do;
# * see what a sick run looks like before you meet one of your own.
#
# Where it says **Predict**, answer before you run the cell: a wrong guess is the quickest way to learn something here. Two words of the code come back often: `lab.pick` takes the number that fits your profile, `lab.t` the words in your language.
#
# The cell below installs the course's small library where it is missing (Colab, Kaggle) and chooses a profile: `cpu` for about three minutes on two idle cores, `gpu` for MNIST and 30,000 steps. To choose yourself, add `profile="gpu"`. If training crawls, another program is using the processor: close it, or start with `OMP_NUM_THREADS=1 make lab`, which is slower on an idle machine and several times faster on a busy one.
# %% [markdown] lang="zh" matches="fce8a2523683"
# # 实验 02 · 让 GAN 学会写数字
#
# 两个网络都从随机权重出发。一个从未见过数字，以后也见不到；另一个只会回答“是真的，还是生成的？”。几分钟之后，前一个就会写字了。
#
# 在这个实验里，你将
# * 用计算机核对[理论页](../../book/zh/02-gan.md)证明的结论：最优判别器 $D^*$ 与博弈的值 $2\,\mathrm{JS}-2\log 2$；
# * 用一种损失把生成器饿着，再用另一种把它喂饱；
# * 在 28×28 的数字上训练经典的生成对抗网络（GAN），看着它学，在它的隐空间里散步，并**度量**它学得怎样；
# * 先看看“病态”的训练长什么样，免得日后自己遇上时不认得。
#
# 凡有**先猜**之处，请先回答再运行：在这里，猜错是学得最快的办法。代码里常出现两个词：`lab.pick` 按配置取数，`lab.t` 取你所用语言的文字。
#
# 下面的单元格在缺少课程库时（Colab、Kaggle）先安装它，再选定一种配置：`cpu` 在两个空闲的核上约三分钟；`gpu` 用 MNIST 训练 30,000 步。想自己指定，就加上 `profile="gpu"`。如果训练慢得出奇，多半是别的程序占着处理器：关掉它，或者用 `OMP_NUM_THREADS=1 make lab` 启动，机器空闲时慢一些，繁忙时却能快好几倍。
# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab(
    "02-gan",
    lang="@LANG@",
    data={"smoke": "digits", "cpu": "digits", "gpu": "mnist"},
)
# %% [markdown] lang="en"
# ## 1 · Warm-up: what does the best discriminator know?
#
# Four possible "images", two distributions over them. $D$ is a free number for each image; with $D=\sigma(a)$ the value of the game is
#
# $$V(a)=-\sum_x p_r(x)\,\mathrm{softplus}(-a_x)-\sum_x p_\theta(x)\,\mathrm{softplus}(a_x).$$
#
# **Predict.** For the second image, $p_r=0.3$ and $p_\theta=0.2$. What will $D$ say after it has climbed $V$ to the top? And for which image will it be the surest?
# %% [markdown] lang="zh"
# ## 1 · 热身：最好的判别器知道些什么？
#
# 一共四幅“图像”，上面有两个分布。$D$ 在每幅图像上是一个自由的数；取 $D=\sigma(a)$，博弈的值就是
#
# $$V(a)=-\sum_x p_r(x)\,\mathrm{softplus}(-a_x)-\sum_x p_\theta(x)\,\mathrm{softplus}(a_x).$$
#
# **先猜。** 对第二幅图像，$p_r=0.3$，$p_\theta=0.2$。当 $D$ 爬到 $V$ 的最高点时，它会给出多少？它对哪一幅最有把握？
# %% tags=["strict"]
import torch
from torch.nn.functional import softplus

p_r = torch.tensor([0.50, 0.30, 0.15, 0.05], dtype=torch.float64)
p_theta = torch.tensor([0.10, 0.20, 0.30, 0.40], dtype=torch.float64)


def value(a):
    return -(p_r * softplus(-a)).sum() - (p_theta * softplus(a)).sum()


a = torch.zeros(4, dtype=torch.float64, requires_grad=True)
for _ in range(200):
    (uphill,) = torch.autograd.grad(value(a), a)
    a = (a + 10 * uphill).detach().requires_grad_()

formula = p_r / (p_r + p_theta)
print(lab.t("climbed"), [f"{d:.6f}" for d in a.sigmoid()])
print(lab.t("formula"), [f"{d:.6f}" for d in formula])
assert torch.allclose(a.sigmoid(), formula, atol=1e-9)
# %% [markdown] lang="en"
# $D^*=p_r/(p_r+p_\theta)$: the best discriminator holds the **ratio** of the two densities, nothing more and nothing less. And at the top, is the value what the theorem says?
# %% [markdown] lang="zh"
# $D^*=p_r/(p_r+p_\theta)$：最好的判别器掌握的是两个密度之**比**，不多也不少。那么在最高点，值是否如定理所说？
# %% tags=["strict"]
import math


def kl(p, q):
    return (p * (p / q).log()).sum()


m = (p_r + p_theta) / 2
js = kl(p_r, m) / 2 + kl(p_theta, m) / 2
print(f"V(D*)         = {value(a):.6f}")
print(f"2 JS - 2 log2 = {2 * js - 2 * math.log(2):.6f}")
assert abs(value(a) - (2 * js - 2 * math.log(2))) < 1e-9
# %% [markdown] lang="en"
# ## 2 · The data and the players
#
# On the `cpu` profile the data are drawn on your machine: digits from jittered strokes, no download. On `gpu` they are MNIST.
# %% [markdown] lang="zh"
# ## 2 · 数据与对局双方
#
# 在 `cpu` 配置下，数据就在你的机器上画出来：由抖动的笔画组成的数字，无须下载。在 `gpu` 配置下用 MNIST。
# %%
# alt-en: Three rows of fifteen digits, white on black: 0 to 9 again and again, upright or slanted, thin or thick.
# alt-zh: 三行数字，每行十五个，黑底白字：从 0 到 9 依次循环，有正有斜，有粗有细。
from ganlib import viz

data = lab.load(n=lab.pick(smoke=1000, cpu=20_000, gpu=60_000))
viz.grid(data.pixels[:45], columns=15, title=lab.t("real images"))
# %% [markdown] lang="en"
# The classic networks of this task, fully connected:
#
# * **G**: $z\in\mathbb R^{100}\to 256\to 512\to 1024\to 784$, with LeakyReLU and batch normalisation between the layers and $\tanh$ at the end;
# * **D**: $784\to 512\to 256\to 1$. It returns a logit $a$; $D=\sigma(a)$.
#
# **Predict.** How many trainable numbers has D? You can do it in your head: a layer from $m$ to $n$ has $mn+n$.
# %% [markdown] lang="zh"
# 这个任务的经典网络，全由全连接层组成：
#
# * **G**：$z\in\mathbb R^{100}\to 256\to 512\to 1024\to 784$，层间用 LeakyReLU 与批量归一化，最后是 $\tanh$；
# * **D**：$784\to 512\to 256\to 1$，输出 logit $a$，而 $D=\sigma(a)$。
#
# **先猜。** D 有多少个可训练参数？心算就行：从 $m$ 到 $n$ 的一层有 $mn+n$ 个。
# %% tags=["strict"]
gan = ganlib.build(
    "gan",
    shape=(1, 28, 28),
    model="mlp",
    latent_dim=100,
    loss="non_saturating",
    lr=2e-4,
    beta1=0.5,
)
gan = gan.to(lab.device)


def trainable(net):
    return sum(p.numel() for p in net.parameters())


# en: Running means and variances.
# zh: 滑动均值与滑动方差。
def statistics(net):
    return sum(b.numel() for b in net.buffers() if b.is_floating_point())


# en: PyTorch keeps one more number per normalisation layer: it counts batches.
# zh: PyTorch 还为每个归一化层记一个数：见过多少个批量。
def counters(net):
    return sum(
        b.numel() for b in net.buffers() if not b.is_floating_point()
    )


for name, net in {"G": gan.generator, "D": gan.discriminator}.items():
    print(lab.t("parameters", name=name, n=trainable(net)))
g = gan.generator
print(lab.t("statistics", name="G", n=statistics(g), counters=counters(g)))
assert trainable(gan.generator) == 1_489_936
assert statistics(gan.generator) == 3_584
assert trainable(gan.discriminator) == 533_505
# %% [markdown] lang="en"
# 1,489,936 trained numbers and 3,584 running statistics make 1,493,520, the total that Keras prints for this G. Now the shapes:
# %% [markdown] lang="zh"
# 1,489,936 个训练得到的数加上 3,584 个滑动统计量，就是 Keras 为这个 G 打印的总数 1,493,520。再看张量的形状：
# %% tags=["strict"]
z = gan.latent(5)
fake = gan.sample(z=z)
print("z   ", tuple(z.shape))
print("G(z)", tuple(fake.shape))
print("a   ", tuple(gan.discriminator(fake).shape))
assert fake.abs().max() <= 1
# %% [markdown] lang="en"
# ## 3 · The two losses, word for word
#
# This is not a listing typed for you to read: it is the source of the two methods that will run below.
# %% [markdown] lang="zh"
# ## 3 · 两个损失，一字不差
#
# 这不是为了讲解而另抄的一份：下面显示的，就是稍后真正运行的两个方法的源代码。
# %% tags=["strict"]
lab.show(gan.discriminator_loss, gan.generator_loss)
# %% [markdown] lang="en"
# `on_each` applies the discriminator to both batches, in one pass because it has no layer that mixes samples.
# `self.loss` is a pair of functions of logits. For the generator there are two candidates:
# %% [markdown] lang="zh"
# `on_each` 把判别器用在两个批量上；这个判别器里没有混合样本的层，所以只需前向一次。`self.loss` 是一对关于 logit 的函数。生成器这边有两个候选：
# %% tags=["strict"]
lab.show(
    ganlib.losses.minimax_generator, ganlib.losses.non_saturating_generator
)
# %% [markdown] lang="en"
# **Predict.** A generated image that $D$ sees through has $a\ll 0$. How strongly does each loss pull at $a$ there?
# %% [markdown] lang="zh"
# **先猜。** 一幅被 $D$ 识破的生成图像，$a\ll 0$。两个损失在那里各用多大的力去拉 $a$？
# %% tags=["strict"]
logits = torch.tensor(
    [-10.0, -4.0, 0.0, 4.0], dtype=torch.float64, requires_grad=True
)
print("a             ", [f"{a:8.1f}" for a in logits])
for name in ("minimax", "non_saturating"):
    # en: The loss is a mean; times N, the slope is that of a single image.
    # zh: 损失是平均值；乘以 N，斜率就是单幅图像的。
    loss = ganlib.losses.get(name).generator(logits) * len(logits)
    (slope,) = torch.autograd.grad(loss, logits)
    print(f"{name:14s}", [f"{s:8.5f}" for s in slope])
# %% [markdown] lang="en"
# The saturating loss pulls with $-D$: next to nothing on the images that need it most. The non-saturating one pulls with $-(1-D)$, which tends to $-1$.
#
# ### A head start for D
#
# Now on images. G stands still while D alone takes steps; at each of them we ask how long a gradient each loss *would* send to G. The small networks are enough: G is $64\to256\to256\to784$, D is $784\to256\to256\to1$.
#
# **Predict.** Draw the two curves before you look.
# %% [markdown] lang="zh"
# 饱和损失的拉力是 $-D$：在最需要它的图像上，它几乎不用力。非饱和损失的拉力是 $-(1-D)$，趋于 $-1$。
#
# ### 让 D 先跑一段
#
# 现在换成图像。G 站着不动，只有 D 在走；每走一步，我们都问：两个损失此刻*会*送给 G 多大的梯度？小网络就够用了：G 是 $64\to256\to256\to784$，D 是 $784\to256\to256\to1$。
#
# **先猜。** 先在纸上画出两条曲线，再看结果。
# %%
# alt-en: Gradient norm of G against the steps of D alone, logarithmic axis. Both curves start at 0.1 and rise together; the saturating one turns back after 35 steps and ends at 0.03, the non-saturating one climbs to 10.
# alt-zh: G 的梯度范数随 D 单独走的步数变化，纵轴为对数。两条曲线都从 0.1 起一同上升；饱和的那条在 35 步后掉头向下，最后只有 0.03，非饱和的那条升到 10。
ganlib.seed(lab.seed)
small = ganlib.build(
    "gan", data.shape, model="mlp-small", latent_dim=64
).to(lab.device)
adam = torch.optim.Adam(
    small.discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999)
)
head_start = {"minimax": [], "non_saturating": []}
for _ in range(lab.pick(smoke=20, cpu=150, gpu=150)):
    adam.zero_grad()
    terms, _ = small.discriminator_loss(data.batch(128))
    sum(terms.values()).backward()
    adam.step()
    logits = small.discriminator(small.generator(small.latent(128)))
    for name, norms in head_start.items():
        loss = ganlib.losses.get(name).generator(logits)
        gradient = torch.autograd.grad(
            loss, list(small.generator.parameters()), retain_graph=True
        )
        norms.append(torch.nn.utils.get_total_norm(gradient).item())

fig, (ax,) = viz.panels(width=6.5)
for name, norms in head_start.items():
    ax.semilogy(norms, label=lab.t(name))
ax.set_xlabel(lab.t("steps of D alone"))
ax.set_ylabel(lab.t("|grad| generator"))
ax.legend()
fig
# %%
# en: At D's last step: the non-saturating gradient over the saturating one.
# zh: 在 D 的最后一步：非饱和梯度与饱和梯度之比。
ratio = head_start["non_saturating"][-1] / head_start["minimax"][-1]
print(f"{ratio:.0f}×")
assert ratio > lab.pick(smoke=1, cpu=30, gpu=30)
# %% [markdown] lang="en"
# ### Side by side
#
# The same networks, the same seed, once with each loss; both players learn.
# %% [markdown] lang="zh"
# ### 并排比较
#
# 同样的网络，同样的种子，两种损失各跑一次；这一回双方都在学。
# %%
# alt-en: Two panels over 600 steps. Left, the gradient norm of G: it climbs to about 7 in the non-saturating run and stays between 0.6 and 2.6 in the saturating one. Right, D(G(z)): both fall from 0.6 to 0.4 or below, the saturating run with wild jumps and deepest, to 0.12.
# alt-zh: 左右两图，横轴为 600 步。左：G 的梯度范数，非饱和的那次升到 7 左右，饱和的那次停在 0.6 与 2.6 之间。右：D(G(z)) 都从 0.6 降到 0.4 或更低，饱和的那次起落很大，最低到 0.12。
runs = {}
for name in ("minimax", "non_saturating"):
    ganlib.seed(lab.seed)
    small = ganlib.build(
        "gan",
        data.shape,
        model="mlp-small",
        latent_dim=64,
        loss=name,
        lr=2e-4,
        beta1=0.5,
    )
    runs[lab.t(name)] = ganlib.Trainer(
        small,
        data,
        batch_size=128,
        device=lab.device,
        log_gradients=True,
        log_every=10,
        progress=lab.progress,
    ).fit(lab.pick(smoke=20, cpu=600, gpu=5000))

histories = {name: run.history for name, run in runs.items()}
viz.curves(histories, ["|grad| generator", "D(G(z))"], by="name")
# %%
# alt-en: Two grids of 24 grainy images, saturating on the left, non-saturating on the right: in both, the first shapes of digits show through noise, on the left if anything a little more.
# alt-zh: 两组各 24 幅满是噪点的图像，左边饱和，右边非饱和：两边都隐约看得出数字的轮廓，左边甚至略多一些。
viz.grid({name: run.sample(24) for name, run in runs.items()}, columns=8)
# %% [markdown] lang="en"
# **What do you see?** After about a hundred steps the saturating gradient is several times shorter, and $D(G(z))$ sinks. Yet the pictures are not worse. Why? Look at the optimiser.
#
# <details><summary>An answer</summary>
#
# Adam divides each gradient by a running average of its size, so a gradient that is ten times shorter gives a step of about the same length. It hides the starvation, as long as the *direction* is not drowned in noise. With plain gradient descent, or when the gradient falls faster than Adam's average follows, nothing hides it. In the paper of 2014 the remedy was the other loss; do not count on Adam to be the remedy.
#
# </details>
#
# Neither run is good yet: this small G, without batch normalisation, needs many more steps. Its size, for the record:
# %% [markdown] lang="zh"
# **你看到了什么？** 大约一百步之后，饱和损失的梯度就小了好几倍，$D(G(z))$ 也往下沉。可是图像并不更差。为什么？想想优化器。
#
# <details><summary>一种回答</summary>
#
# Adam 会把梯度除以它自身大小的滑动平均，所以短了十倍的梯度，走出的步子还是差不多长。只要梯度的*方向*没有被噪声淹没，饥饿就被它掩盖了。换成普通的梯度下降，或者梯度衰减得比 Adam 的平均跟得还快，就再也掩盖不住。2014 年的论文给出的对策是换一个损失；不要指望 Adam 替你解决。
#
# </details>
#
# 两次训练都还不算好：这个小 G 没有批量归一化，需要多得多的步数。顺便记下它的大小：
# %% tags=["strict"]
for name, net in {"G": small.generator, "D": small.discriminator}.items():
    print(lab.t("parameters", name=name, n=trainable(net)))
assert trainable(small.generator) == 283_920
assert trainable(small.discriminator) == 267_009
# %% [markdown] lang="en"
# ## 4 · Training the classic GAN
#
# Adam with learning rate $2\cdot10^{-4}$ and $\beta_1=0.5$, batches of 128, one step of D, one step of G. `Snapshots` keeps what G makes of the same 45 latent vectors as it learns. `ema_half_life` averages G's weights over the last 20,000 images or so; samples come from the average, which is calmer than the moving target.
#
# **Predict.** What appears first: strokes, blobs or noise that gets darker at the edge? Which digit will be hardest?
# %% [markdown] lang="zh"
# ## 4 · 训练经典的 GAN
#
# Adam，学习率 $2\cdot10^{-4}$，$\beta_1=0.5$，批量大小 128，D 一步，G 一步。`Snapshots` 记下训练途中 G 用同样 45 个隐变量生成的图像。`ema_half_life` 对 G 的权重作指数移动平均，大约覆盖最近 20,000 张图像；样本取自平均后的权重，它比不停移动的原网络安稳。
#
# **先猜。** 最先出现的是笔画、墨团，还是边缘渐渐变黑的噪声？哪个数字最难学？
# %%
ganlib.seed(lab.seed)
gan = ganlib.build(
    "gan",
    data.shape,
    model="mlp",
    latent_dim=100,
    loss="non_saturating",
    lr=2e-4,
    beta1=0.5,
)
steps = lab.pick(smoke=20, cpu=2800, gpu=30_000)
snapshots = ganlib.Snapshots(steps // 20, z=gan.latent(45))
trainer = ganlib.Trainer(
    gan,
    data,
    batch_size=128,
    device=lab.device,
    ema_half_life=20_000,
    callbacks=[snapshots],
    progress=lab.progress,
)
trainer.fit(steps)
viz.scrubber(snapshots.frames, columns=15, live=lab.live)
# %% [markdown] lang="en"
# It shows the end: drag the slider back to the start, slowly through the first steps, then on. (In a running notebook it is a widget; on the web page, where no kernel runs, a player.) Each place is one latent vector: follow a single one. Does it settle on a digit, or change its mind?
#
# ### What the log says
#
# If G were perfect and D the best it can be, D would answer ½ to everything. **Predict:** from which sides do $D(x)$ and $D(G(z))$ come?
# %% [markdown] lang="zh"
# 现在显示的是结尾：把滑块拖回开头，慢慢走过最初的几步，再一直走到最后。（在运行着的笔记本里它是控件；网页上没有内核，它就是播放器。）每个位置对应一个隐变量：盯住其中一个，它是定在某个数字上，还是中途改了主意？
#
# ### 日志说了什么
#
# 假如 G 完美无缺，D 又做到最好，D 对什么都会回答 ½。**先猜：** $D(x)$ 与 $D(G(z))$ 各从哪一侧靠近它？
# %%
# alt-en: D(x) on real images and D(G(z)) on generated ones over 2,800 steps. D(x) falls from 0.97 to 0.55, D(G(z)) rises from 0.24 to 0.47: they approach the dashed line at one half from both sides.
# alt-zh: 2,800 步中真实图像的 D(x) 与生成图像的 D(G(z))。D(x) 从 0.97 降到 0.55，D(G(z)) 从 0.24 升到 0.47，从上下两侧靠近二分之一处的虚线。
viz.curves(trainer.history, ["D(x)", "D(G(z))"], level=0.5, ylim=(0, 1))
# %%
# alt-en: Accuracy of D over 2,800 steps: from 0.96 it falls to about 0.63 within 600 steps and stays there, above the dashed line at one half.
# alt-zh: 2,800 步中 D 的准确率：600 步之内从 0.96 降到 0.63 左右，此后不再变化，始终高于二分之一处的虚线。
viz.curves(trainer.history, "accuracy", level=0.5, ylim=(0.4, 1))
# %%
accuracy = trainer.history["accuracy"]
last = sum(accuracy[-5:]) / len(accuracy[-5:])
print(f"max {max(accuracy):.3f} → {last:.3f}")
assert last < lab.pick(smoke=1.01, cpu=0.72, gpu=0.75)
assert last <= max(accuracy)
# %% [markdown] lang="en"
# $D(x)$ comes from above, $D(G(z))$ from below. D's accuracy falls from nearly 1 towards ½ within some six hundred steps, and then stays at about 0.63: a D that is right more often than chance still has something to teach. By [the theory page](../../book/en/02-gan.md), an accuracy $A$ also proves that the total variation between the two distributions is at least $2A-1$ (on fresh data; D has seen these).
#
# Many copies of this network on the web show a log that ends at 57.8% after 30,000 steps, measured on one batch of 256. How much is that worth?
# %% [markdown] lang="zh"
# $D(x)$ 从上方靠近，$D(G(z))$ 从下方靠近。D 的准确率在大约六百步之内从接近 1 降向 ½，随后停在 0.63 上下：只要 D 猜对的次数仍多于瞎猜，它就还有东西可教。由[理论页](../../book/zh/02-gan.md)可知，准确率为 $A$ 还说明两个分布的全变差距离至少是 $2A-1$（须在新数据上测；这些数据 D 已经见过）。
#
# 网上流传着这个网络的许多份拷贝，附带的日志停在 57.8%：训练 30,000 步之后的准确率，是在一个 256 张的批量上测得的。这个数有多可信？
# %% tags=["strict"]
p, n = 0.578, 256
error = math.sqrt(p * (1 - p) / n)
print(lab.t("accuracy ± error", p=p, error=error, z=(p - 0.5) / error))
# %% [markdown] lang="en"
# Not 57.8 but "somewhere from 52 to 64". A batch is a small witness. (Our curve averages 50 batches of 256 per point.)
#
# ## 5 · Measure it
#
# Pretty grids deceive. We train a small classifier on the real digits *and* on nonsense (noise, shuffled pixels, two digits on top of each other), so that it may say "none of these". Then it reads 1,000 generated images: which classes are there, and how sure is it?
#
# A measure is worth something only if it can say no, so it reads three controls too. **Predict** what each should give.
# %% [markdown] lang="zh"
# 不是 57.8，而是“52 到 64 之间的某处”。单凭一个批量，证据很单薄。（我们曲线上的每一点，是 50 个批量、每批 256 张的平均。）
#
# ## 5 · 度量
#
# 漂亮的图会骗人。我们在真实数字*以及*一堆废图（噪声、打乱的像素、两个叠在一起的数字）上训练一个小分类器，让它有机会说“都不是”。然后请它读 1,000 张生成图像：出现了哪几类？把握有多大？
#
# 一种度量要能说“不”才有价值，所以也请它读三组对照。**先猜**每一组应得什么结果。
# %%
from ganlib.metrics.classifier import (
    class_coverage,
    shuffled,
    train_classifier,
)

classifier = train_classifier(
    data, steps=lab.pick(smoke=20, cpu=300, gpu=1000), device=lab.device
)
made = trainer.sample(1000)
real = data.batch(1000)
judged = {
    "generated": made,
    "real": real.images,
    "noise": torch.rand_like(made) * 2 - 1,
    "shuffled pixels": shuffled(made),
    "one class": real.images[real.labels == 3],
}
results = {}
for name, images in judged.items():
    seen = results[name] = class_coverage(images, classifier)
    print(lab.t("coverage", name=lab.t(name), seen=seen))
# %%
classes, sure = lab.pick(smoke=(0, 0.0), cpu=(9, 0.8), gpu=(9, 0.7))


def good(seen):
    return seen.count >= classes and seen.confidence >= sure


assert good(results["generated"]) and good(results["real"])
if lab.profile != "smoke":
    for control in ("noise", "shuffled pixels", "one class"):
        assert not good(results[control])
# %% [markdown] lang="en"
# At least nine of ten classes and a mean confidence of 0.8 (0.7 on `gpu`): asserted, not admired. Noise and shuffled pixels get no class, one class is one class. Now look with your own eyes, and at the classifier's least sure images too:
# %% [markdown] lang="zh"
# 至少出现九类，平均置信度不低于 0.8（`gpu` 配置下为 0.7）：这是程序里的断言，不是看图的感想。噪声与打乱的像素一类也得不到，只含一类的那组也只得到一类。现在用你自己的眼睛看，也看看分类器最没把握的那些：
# %%
# alt-en: Two grids of 50 generated images. Left, taken at random: most can be read as a digit, some are smudged. Right, those of which the classifier is least sure: many lie between two digits, between 8 and 9 or 3 and 5.
# alt-zh: 两组各 50 幅生成图像。左边随机抽取：多数认得出是哪个数字，也有几幅模糊不清。右边是分类器最没把握的：许多处在两个数字之间，例如介于 8 与 9、3 与 5 之间。
confidence = classifier.probabilities(made).max(1).values.to(made.device)
worst = made[confidence.argsort()[:50]]
viz.grid(
    {lab.t("generated images"): made[:50], lab.t("least sure"): worst},
    columns=10,
)
# %% [markdown] lang="en"
# **What do you see?** Many of the least sure lie *between* two digits. G is continuous and its latent space is one piece, so on the way from one digit to another it must pass through something that is neither.
#
# ## 6 · A walk through the latent space
#
# The ends of each row are two random latents; between them, spherical interpolation (a straight line would leave the sphere near which nearly all Gaussian latents lie). **Predict:** will the images fade into each other, like a cross-fade of two photographs?
# %% [markdown] lang="zh"
# **你看到了什么？** 最没把握的图像，许多都处在两个数字*之间*。G 是连续的，隐空间又是连成一片的，所以从一个数字走到另一个，途中必定经过非此非彼的东西。
#
# ## 6 · 在隐空间里散步
#
# 每行两端是两个随机的隐变量，中间是球面插值（走直线会离开球面，而高斯隐变量几乎都在球面附近）。**先猜：** 图像会像两张照片叠化那样此消彼长吗？
# %%
# alt-en: Five rows of twelve images; along each row one digit turns into another step by step: 0 into 4, 5 into 6, 5 into 8, 6 into 8, 3 into 1.
# alt-zh: 五行图像，每行十二幅；每一行里都有一个数字一步步变成另一个：0 变成 4，5 变成 6，5 变成 8，6 变成 8，3 变成 1。
ganlib.seed(lab.seed + 1)
viz.grid(
    viz.interpolate(trainer, gan.latent(5), gan.latent(5), steps=12),
    columns=12,
    title=lab.t("interpolation"),
)
# %% [markdown] lang="en"
# Much of it bends: slants change, loops open and close, though nobody told G about strokes. Here and there a stroke does fade in: to fully connected layers two neighbouring pixels are strangers. (Convolutions, in chapter 04, know better.)
#
# And now you walk: six circles through the latent space at once. In a running notebook every position is computed when you ask for it.
# %% [markdown] lang="zh"
# 大多是“弯过去”的：倾斜改变，圆圈张开又合拢，虽然从没有人告诉 G 什么叫笔画。也有的笔画是淡入的：对全连接层来说，相邻的两个像素彼此并不认识。（第 04 章的卷积就懂得这一点。）
#
# 现在轮到你来走：同时沿隐空间里的六个圆周。在运行着的笔记本里，你走到哪里，图像就算到哪里。
# %%
viz.latent_walk(trainer, gan.latent_dim, live=lab.live)
# %% [markdown] lang="en"
# ## 7 · Healthy and sick
#
# The small networks of section 3, with a learning rate fifty times too large and $\beta_1=0.9$, beside the classic run of section 4. **Predict:** which of the two losses goes to zero? Is that a good sign?
# %% [markdown] lang="zh"
# ## 7 · 健康与病态
#
# 第 3 节的小网络，学习率大了五十倍，$\beta_1=0.9$；与第 4 节的经典训练对照。**先猜：** 两个损失中哪一个会趋于零？那是好兆头吗？
# %%
# alt-en: Losses of D and G, logarithmic axis. Left, the healthy run: both stay close to 1 for 2,800 steps. Right, the sick run: within 300 steps the loss of D falls from 10 to below 0.001, that of G stays between 4 and 40.
# alt-zh: D 与 G 的损失，纵轴为对数。左：健康的训练，2,800 步中两者都停在 1 附近。右：病态的训练，300 步之内 D 的损失从 10 降到 0.001 以下，G 的损失停在 4 与 40 之间。
ganlib.seed(lab.seed)
careless = ganlib.build(
    "gan", data.shape, model="mlp-small", latent_dim=64, lr=1e-2, beta1=0.9
)
sick = ganlib.Trainer(
    careless,
    data,
    batch_size=128,
    device=lab.device,
    log_every=10,
    progress=lab.progress,
)
sick.fit(lab.pick(smoke=20, cpu=300, gpu=2000))
viz.curves(
    {lab.t("healthy"): trainer.history, lab.t("sick"): sick.history},
    ["discriminator", "generator"],
    log=True,
)
# %%
# alt-en: Two grids of 24 generated images. Left, healthy: different digits, most of them legible. Right, sick: the same pattern of black and white dots 24 times.
# alt-zh: 两组各 24 幅生成图像。左：健康的训练画出各不相同的数字，大多认得出来。右：病态的训练把同一片黑白杂点画了 24 遍。
viz.grid(
    {lab.t("healthy"): trainer.sample(24), lab.t("sick"): sick.sample(24)},
    columns=8,
)
# %%
seen = class_coverage(sick.sample(1000), classifier)
taught = {
    name: run.history["discriminator"][-1]
    for name, run in {"healthy": trainer, "sick": sick}.items()
}
print(lab.t("coverage", name=lab.t("sick"), seen=seen))
for name, value in taught.items():
    print(lab.t("loss of D at the end", name=lab.t(name), loss=value))
assert seen.count <= lab.pick(smoke=10, cpu=2, gpu=2)
if lab.profile != "smoke":
    assert taught["sick"] < 0.3 < taught["healthy"] < 2 * math.log(2)
# %% [markdown] lang="en"
# The sick G makes nonsense, and nearly the same nonsense whatever $z$ it gets. D's loss near zero is not success, it is the end of the lesson: D tells every fake from every real image, and nothing that G can reach changes its verdict.
#
# | | healthy | sick |
# |---|---|---|
# | loss of D | a little below $2\log 2\approx1.386$, and stays there | falls to 0 |
# | loss of G | moves, stays within a small range | climbs, jumps |
# | $D(x)$, $D(G(z))$ | approach each other | 1 and 0 |
# | samples | change with $z$ | all alike |
#
# It is the optimiser's settings that make the difference, not the size: the same small networks with the usual ones are the non-saturating run of section 3.
#
# The losses of a healthy GAN do not fall: each player's loss is measured by the other, who improves too. Only samples and measures tell.
#
# ## Try it
#
# 1. **Who is starved?** Repeat section 3's side-by-side run with plain SGD (`torch.optim.SGD`, lr 0.05) in place of Adam. What happens to the saturating run now?
# %% [markdown] lang="zh"
# 病态的 G 画的是废图，而且不论拿到什么 $z$，画的几乎是同一幅。D 的损失接近零不是成功，而是这堂课上不下去了：D 把真假分得一清二楚，G 能做到的任何改动都动摇不了它的判断。
#
# | | 健康 | 病态 |
# |---|---|---|
# | D 的损失 | 略低于 $2\log 2\approx1.386$，并保持在那里 | 降到 0 |
# | G 的损失 | 有起伏，范围不大 | 攀升、乱跳 |
# | $D(x)$ 与 $D(G(z))$ | 互相靠近 | 1 与 0 |
# | 样本 | 随 $z$ 而变 | 千篇一律 |
#
# 病根在优化器的设置，不在网络的大小：同样的小网络用寻常的设置，就是第 3 节里非饱和的那一次。
#
# 健康的 GAN，损失并不下降：每一方的损失都由对方来衡量，而对方也在进步。只有样本与度量说了算。
#
# ## 动手试试
#
# 1. **饿着的是谁？** 把第 3 节的并排比较改用普通的 SGD（`torch.optim.SGD`，学习率 0.05）再跑一次。饱和的那次现在怎样了？
# %% [markdown] lang="en"
# <details><summary>Answer 1</summary>
#
# Give the GAN another optimiser before the trainer is made: `small.optimizer = lambda parameters, c=1.0: torch.optim.SGD(parameters, lr=0.05 * c)`. Now nothing rescales the gradient. When we tried, $D(G(z))$ of the saturating run was 0.01 after 400 steps and its gradient went on shrinking, to a hundredth of the other run's: D had won and G could not move any more. The non-saturating run kept a gradient between 0.7 and 4, and strokes appeared in its images; but after 800 steps all of them were still nearly the same blob: with plain SGD that is far too few.
#
# </details>
#
# 2. **A lost class.** Which digit has the smallest share in `results["generated"].shares`? Is it the one you predicted? Train with another seed (`ganlib.Lab(..., seed=1)`) and see whether it is the same one.
#
# <details><summary>Answer 2</summary>
#
# Compare with `results["real"].shares`, which are about 0.1 each: a share of 0.05 means that G makes the digit half as often as it should, or so badly that the classifier is not sure of it. To tell the two apart, lower the bar: `class_coverage(made, classifier, sure=0.2)`. The theory has one reason, not the only one: the reverse-KL-like divergence that the non-saturating step follows forgives missing modes.
#
# </details>
#
# 3. **Straight or round?** Replace `viz.interpolate` by a straight line, `torch.lerp(z0, z1, t)`, and compare the middle images. What is the norm of the middle latent?
#
# <details><summary>Answer 3</summary>
#
# Two independent Gaussian vectors in $\mathbb R^{100}$ are nearly orthogonal, each of norm about $\sqrt{100}=10$. The middle of the line has norm about $\sqrt{50}\approx7.1$; a random latent is almost never that short, so G was never trained there. How much does it mind? Ask the classifier, at the middles of a thousand lines and of a thousand arcs, and at a thousand random latents:
#
# ```python
# z0, z1, half = gan.latent(1000), gan.latent(1000), torch.tensor([0.5])
# arcs = torch.cat([viz.slerp(a, b, half) for a, b in zip(z0, z1)])
# for z in (torch.lerp(z0, z1, 0.5), arcs, z0):
#     seen = classifier.probabilities(trainer.sample(z=z))
#     print(seen.max(1).values.mean())
# ```
#
# When we tried: 0.84 on lines, 0.84 on arcs, 0.85 at random. This G hardly minds: whatever it learned, it also does on shorter vectors.
#
# </details>
#
# 4. **Cheat.** Write a `good` of your own that a generator could satisfy without being any good, then a control that unmasks it.
#
# <details><summary>Answer 4</summary>
#
# Ours can be cheated: ten memorised images, one per class, repeated 100 times, give ten classes and full confidence. `torch.stack([real.images[real.labels == c][0] for c in range(10)]).repeat(100, 1, 1, 1)` is such a cheat; what unmasks it is the spread *within* a class, or the number of distinct images. Later chapters measure whole distributions (FID, precision and recall) for exactly this reason.
#
# </details>
#
# ## With a GPU
#
# Add `profile="gpu"` to the first cell (on Colab: *Runtime → Change runtime type → GPU* does it for you). The data become MNIST, the classic run 30,000 steps. Everything else stays as it is.
#
# Back to [the theory](../../book/en/02-gan.md), with its exercises.
# %% [markdown] lang="zh"
# <details><summary>答案 1</summary>
#
# 在建立训练器之前给 GAN 换一个优化器：`small.optimizer = lambda parameters, c=1.0: torch.optim.SGD(parameters, lr=0.05 * c)`。这样就没有谁再去缩放梯度了。我们试的那一次，饱和损失的 $D(G(z))$ 在 400 步之后只有 0.01，梯度还在不断变小，直到另一方的百分之一：D 已经赢了，G 再也动弹不得。非饱和的那次，梯度始终在 0.7 到 4 之间，图像里渐渐有了笔迹；可是到了 800 步，各幅图像仍是几乎同样的一团：用 SGD，这点步数还远远不够。
#
# </details>
#
# 2. **丢失的类。** `results["generated"].shares` 里哪个数字的份额最小？与你猜的一样吗？换一个种子（`ganlib.Lab(..., seed=1)`）再训练，看看还是不是它。
#
# <details><summary>答案 2</summary>
#
# 与 `results["real"].shares` 比一比，那里每类约为 0.1：份额 0.05 说明这个数字只有应有的一半，或者写得太差，分类器没有把握。要区分这两种情形，可以放低标准：`class_coverage(made, classifier, sure=0.2)`。理论给出了原因之一（并非全部）：非饱和更新实际在减小的散度近似逆向 KL 散度，对丢失的模式很宽容。
#
# </details>
#
# 3. **走直线还是走弧线？** 把 `viz.interpolate` 换成直线 `torch.lerp(z0, z1, t)`，比较中间的图像。中点隐变量的范数是多少？
#
# <details><summary>答案 3</summary>
#
# $\mathbb R^{100}$ 中两个独立的高斯向量几乎正交，范数都约为 $\sqrt{100}=10$。直线中点的范数约为 $\sqrt{50}\approx7.1$；随机抽到的隐变量几乎不会这么短，所以 G 从没在那里受过训练。它在乎吗？去问分类器，分别在一千条直线的中点、一千条弧线的中点和一千个随机的隐变量处：
#
# ```python
# z0, z1, half = gan.latent(1000), gan.latent(1000), torch.tensor([0.5])
# arcs = torch.cat([viz.slerp(a, b, half) for a, b in zip(z0, z1)])
# for z in (torch.lerp(z0, z1, 0.5), arcs, z0):
#     seen = classifier.probabilities(trainer.sample(z=z))
#     print(seen.max(1).values.mean())
# ```
#
# 我们试的那一次，直线 0.84，弧线 0.84，随机 0.85。这个 G 几乎不在乎：它学到的东西，在短一些的向量上也照样做得出来。
#
# </details>
#
# 4. **作弊。** 自己写一个 `good`，让一个并不好的生成器也能通过；再写一个对照把它揭穿。
#
# <details><summary>答案 4</summary>
#
# 我们这个就能骗过：背下十幅图，每类一幅，各重复 100 次，便得到十类与十足的置信度。这样的作弊样本就是 `torch.stack([real.images[real.labels == c][0] for c in range(10)]).repeat(100, 1, 1, 1)`；能揭穿它的，是每一类*内部*的差异，或者互不相同的图像有多少。正因如此，后面的章节要度量整个分布（FID、精确率与召回率）。
#
# </details>
#
# ## 有 GPU 时
#
# 在第一个单元格里加上 `profile="gpu"`（在 Colab 上选“代码执行程序 → 更改运行时类型 → GPU”就会自动生效）。数据换成 MNIST，经典网络训练 30,000 步，其余照旧。
#
# 回到[理论页](../../book/zh/02-gan.md)，做做那里的习题。
