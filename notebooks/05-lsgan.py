# %% [markdown] lang="en"
# # Lab 05 · Other divergences
#
# TODO: in two sentences, what happens in this lab and why one would want to see it.
#
# In this lab you will
# * check by computer what [the theory page](../../book/en/05-lsgan.md) proves;
# * TODO: train, look, and **measure**.
#
# Where it says **Predict**, answer before you run the cell. The cell below installs the course's small library where it is missing and chooses a profile: `cpu` for at most three minutes on two cores, `gpu` for longer runs.
# %% [markdown] lang="zh" matches="a7c47eff8ce6"
# # 实验 05 · 其他散度
#
# TODO：用两句话说明这个实验做什么，为什么值得一看。
#
# 在这个实验里，你将
# * 用计算机核对[理论页](../../book/zh/05-lsgan.md)证明的结论；
# * TODO：训练，观察，并**度量**。
#
# 凡有**先猜**之处，请先回答再运行。下面的单元格在缺少课程库时先安装它，再选定一种配置：`cpu` 在两个核上最多三分钟，`gpu` 训练得更久。
# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab(
    "05-lsgan",
    lang="@LANG@",
    data="ring",
)
# %% [markdown] lang="en"
# ## 1 · Warm-up: the theorem in numbers
#
# TODO: the statement of the page, small enough to be computed exactly. Here $\mathbb E[(x-c)^2]=\mathrm{Var}(x)+(\mathbb E[x]-c)^2$ for four numbers.
#
# **Predict.** TODO: a question whose answer the next cell prints.
# %% [markdown] lang="zh"
# ## 1 · 热身：用数字看定理
#
# TODO：把理论页的结论缩小到可以精确计算的程度。这里对四个数验证 $\mathbb E[(x-c)^2]=\mathrm{Var}(x)+(\mathbb E[x]-c)^2$。
#
# **先猜。** TODO：一个问题，下一个单元格给出答案。
# %% tags=["strict"]
import torch

x = torch.tensor([-1.0, 0.0, 2.0, 3.0], dtype=torch.float64)
for c in (0.0, 1.0, 2.0):
    left = (x - c).square().mean()
    right = x.var(correction=0) + (x.mean() - c) ** 2
    print(f"c = {c}: {left:.6f} = {right:.6f}")
    assert torch.isclose(left, right)
# %% [markdown] lang="en"
# ## 2 · The data and the players
#
# TODO: what is learned, and by which networks. Here: eight small Gaussians on a circle.
# %% [markdown] lang="zh"
# ## 2 · 数据与对局双方
#
# TODO：学什么，用哪些网络学。这里的数据是圆周上的八个小高斯分布。
# %% tags=["strict"]
data = ganlib.load("ring", std=0.05).to(lab.device)
print(data.name, data.shape, len(data.modes))
# %% tags=["strict"]
gan = ganlib.build(
    "gan", data.shape, model="mlp-small", latent_dim=8, lr=1e-3
)
gan = gan.to(lab.device)
for name, net in {"G": gan.generator, "D": gan.discriminator}.items():
    n = sum(p.numel() for p in net.parameters() if p.requires_grad)
    print(lab.t("parameters", name=name, n=n))
# %% tags=["strict"]
fake = gan.sample(z=gan.latent(5))
print("G(z)", tuple(fake.shape))
print("a   ", tuple(gan.discriminator(fake).shape))
# %% [markdown] lang="en"
# The two losses, word for word as they will run:
# %% [markdown] lang="zh"
# 两个损失，一字不差，就是稍后真正运行的代码：
# %% tags=["strict"]
lab.show(gan.discriminator_loss, gan.generator_loss)
# %% [markdown] lang="en"
# ## 3 · Training
#
# **Predict.** TODO: what will the curves do?
# %% [markdown] lang="zh"
# ## 3 · 训练
#
# **先猜。** TODO：曲线会怎样走？
# %%
ganlib.seed(lab.seed)
gan = ganlib.build(
    "gan", data.shape, model="mlp-small", latent_dim=8, lr=1e-3
)
trainer = ganlib.Trainer(
    gan,
    data,
    batch_size=256,
    device=lab.device,
    log_every=10,
    progress=lab.progress,
)
trainer.fit(lab.pick(smoke=20, cpu=1500, gpu=10_000))
# %%
# alt-en: TODO: what the stored figure shows. D(x) and D(G(z)) over the steps of training, and a dashed line at one half.
# alt-zh: TODO：图上有什么。D(x) 与 D(G(z)) 随训练步数的变化，虚线在二分之一处。
from ganlib import viz

viz.curves(trainer.history, ["D(x)", "D(G(z))"], level=0.5, ylim=(0, 1))
# %%
# alt-en: TODO: what the stored figure shows. Two clouds of points side by side, real and generated.
# alt-zh: TODO：图上有什么。并排的两片点云，一片真实，一片生成。
real, made = data.sample(1000), trainer.sample(1000)
viz.points({lab.t("real"): real, lab.t("generated"): made})


# %% [markdown] lang="en"
# ## 4 · Measure it
#
# TODO: a number, a control that must come out badly, and a claim that is asserted. Here: the mean distance of a point from the nearest of the eight centres.
# %% [markdown] lang="zh"
# ## 4 · 度量
#
# TODO：一个数，一个得分必须很差的对照，一条写成断言的结论。这里量的是：一个点到最近中心的平均距离。
# %%
clouds = {
    "real": real,
    "generated": made,
    "noise": torch.rand_like(real) * 2 - 1,
}


def distance(points):
    return torch.cdist(points, data.modes).min(1).values.mean().item()


results = {name: distance(cloud) for name, cloud in clouds.items()}
for name, value in results.items():
    print(f"{lab.t(name)}: {value:.3f}")
assert results["real"] < 0.1 < results["noise"]
# en: TODO: claim what the trained generator must reach, per profile.
# zh: TODO：写明训练之后必须达到什么，每种配置各一个界。
assert results["generated"] < lab.pick(smoke=2.0, cpu=1.0, gpu=1.0)
# %% [markdown] lang="en"
# **What do you see?** TODO: what the figures and the number say together.
#
# ## Try it
#
# 1. **TODO: a question.** TODO: what to change, and what to look at.
#
# <details><summary>Answer 1</summary>
#
# TODO: what came out when we tried.
#
# </details>
#
# Back to [the theory](../../book/en/05-lsgan.md), with its exercises.
# %% [markdown] lang="zh"
# **你看到了什么？** TODO：图与数字合起来说明什么。
#
# ## 动手试试
#
# 1. **TODO：一个问题。** TODO：改什么，看什么。
#
# <details><summary>答案 1</summary>
#
# TODO：我们试的结果。
#
# </details>
#
# 回到[理论页](../../book/zh/05-lsgan.md)，做做那里的习题。
