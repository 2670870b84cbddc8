# %% [markdown] lang="en"
# # Lab 03 · Why training is hard
#
# The smallest GAN has two parameters and runs in circles. A larger one has a hundred thousand, and makes four kinds of data of eight, quite well, and the others never. In this lab you watch both happen, with the field in which the discriminator pushes the samples, and you bring both home.
#
# In this lab you will
# * let the library's own losses play the Dirac-GAN of [the theory page](../../book/en/03-dynamics.md), five games of it, and compare what eigenvalues promise with what steps do;
# * turn the screw of the door closer yourself;
# * watch a GAN on the line lose half of the data, and find in its log the numbers that the page has computed for just that;
# * watch modes of a ring get lost and come back with R1, with packing and with minibatch discrimination, and **measure** it: modes, quality and reverse KL beside what a perfect sampler gets;
# * switch on a piece of the usual advice, and learn what three seeds can tell and what they cannot;
# * take the repair to a grid of 25 modes and to a spiral.
#
# Where it says **Predict**, answer before you run the cell. On two idle cores the lab takes about two minutes. Players show their last frame at first: drag the slider back to the start.
# %% [markdown] lang="zh" matches="2e718983facb"
# # 实验 03 · 训练为何困难
#
# 最小的 GAN 只有两个参数，它在原地兜圈子。大一些的有十万个参数，八类数据里造得出四类，造得还不错，另外四类却从来不造。在这个实验里，你会看着这两件事发生，看清判别器把样本往哪个方向推，然后把两者都领回家。
#
# 在这个实验里，你将
# * 用课程库自己的损失来下[理论页](../../book/zh/03-dynamics.md)的 Dirac-GAN，一共五局，拿特征值许诺的与实际走出来的相比；
# * 亲手拧一拧闭门器上的那颗螺丝；
# * 看一个直线上的 GAN 丢掉一半数据，再到它的日志里找出理论页为这种情形算好的那几个数；
# * 看环上的模式一个个丢掉，又靠 R1、打包与小批量判别一个个找回来，并加以**度量**：模式数、质量、逆向 KL 散度，旁边都写着完美的采样器得多少；
# * 打开一条常见的建议，弄明白三个种子能说明什么，不能说明什么；
# * 把补救办法带到有 25 个模式的网格上，再带到一条螺线上。
#
# 凡有**先猜**之处，请先回答再运行。在两个空闲的核上，整个实验约两分钟。播放器一开始显示的是最后一帧：请把滑块拖回开头。
# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab(
    "03-dynamics",
    lang="@LANG@",
    data="ring",
)
# %% [markdown] lang="en"
# ## 1 · Warm-up: how sure should a judge be?
#
# The data are a single point, 0. The generator makes the point $\theta=1$, and the discriminator gives it the logit $u=\varphi\theta$, so $D=\sigma(u)$. Which way, and how hard, is the generator pushed? Nobody needs a formula for that: the library's loss and automatic differentiation will say.
#
# **Predict.** $D$ gives the fake 2%, 10%, 22%, 50% or 90%. Which of these verdicts helps a generator with the saturating loss most on its way to 0, and which misleads it? What changes with the non-saturating loss?
# %% [markdown] lang="zh"
# ## 1 · 热身：评判者该有多大把握？
#
# 数据只有一个点 0。生成器造的是点 $\theta=1$，判别器给它的 logit 是 $u=\varphi\theta$，即 $D=\sigma(u)$。生成器被推向哪边，推得多重？用不着公式：课程库的损失加自动微分就能回答。
#
# **先猜。** $D$ 给假样本打 2%、10%、22%、50% 或 90%。对用饱和损失的生成器，哪个分数最能帮它走向 0，哪个会把它带错方向？换成非饱和损失，又有什么不同？
# %% tags=["strict"]
import math

import torch
from ganlib import losses


def force_on_theta(loss, theta, phi):
    theta = theta.detach().requires_grad_()
    value = loss.generator(phi.detach() * theta)
    # en: N games side by side: the loss is their mean, so N times its slope.
    # zh: N 局并排进行：损失是它们的平均，所以斜率要乘以 N。
    return -len(theta) * torch.autograd.grad(value, theta)[0]


verdicts = torch.tensor([0.02, 0.1, 0.22, 0.5, 0.9], dtype=torch.float64)
theta = torch.ones_like(verdicts)
print("D(G(z))        ", [f"{d:6.0%}" for d in verdicts])
for name in ("minimax", "non_saturating"):
    force = force_on_theta(losses.get(name), theta, verdicts.logit())
    print(f"{name:15s}", [f"{f + 0.0:+.3f}" for f in force])
# %% [markdown] lang="en"
# Negative is right: towards 0. At 50% there is no advice at all, above it the advice is wrong, and a judge who is all but sure, 2%, hardly moves the saturating generator. Where is the best place? Eleven thousand logits will tell.
# %% [markdown] lang="zh"
# 负的才对：朝着 0。打 50% 等于什么也没说，再高就是误导；而几乎有了十足把握的 2%，又几乎推不动饱和的生成器。最好的地方在哪里？试一万一千个 logit 便知。
# %% tags=["strict"]
u = torch.linspace(-8, 3, 11_001, dtype=torch.float64)
theta = torch.ones_like(u)
force = force_on_theta(losses.minimax, theta, u)
best = u[force.argmin()]
print(f"u* = {best:.3f}   D = {best.sigmoid():.3f}   {force.min():.3f}")
assert torch.allclose(force, u * u.sigmoid())
assert abs(best + 1 + best.exp()) < 2e-3
# en: A control: the non-saturating force has no such place.
# zh: 对照：非饱和损失没有这样的地方。
force = force_on_theta(losses.non_saturating, theta, u)
assert torch.allclose(force, u * (-u).sigmoid()) and force.argmin() == 0
# %% [markdown] lang="en"
# 22%, as the page says: the generator lives on doubt.
#
# ## 2 · Five games with two parameters
#
# Now both move. The discriminator's half needs a few lines more, since it has the penalties: `gradient_norms` and `gradient_penalty` of the library, the same that train large networks. The Wasserstein loss is two lines; weight clipping cuts $\varphi$ off at $\pm c$.
# %% [markdown] lang="zh"
# 22%，与理论页一致：生成器靠疑虑过活。
#
# ## 2 · 五局只有两个参数的博弈
#
# 现在让双方都动起来。判别器这边要多写几行，因为惩罚项在它这里：用的是课程库的 `gradient_norms` 与 `gradient_penalty`，训练大网络的也是它们。Wasserstein 损失只有两行；权重裁剪就是把 $\varphi$ 截断在 $\pm c$ 处。
# %% tags=["strict"]
from collections.abc import Callable
from typing import NamedTuple

from ganlib import penalties


class Game(NamedTuple):
    loss: losses.Loss
    penalty: Callable | None = None
    clip: float = math.inf


wgan = losses.Loss(
    "wgan",
    discriminator=lambda real, fake: fake.mean() - real.mean(),
    generator=lambda fake: -fake.mean(),
    logits=False,
)


def r1(weight):
    def penalty(critic, real, fake):
        slopes = penalties.gradient_norms(critic, real)
        return (weight / 2 * slopes.square()).mean()

    return penalty


def two_sided(weight):
    def penalty(critic, real, fake):
        return weight * penalties.gradient_penalty(critic, real, fake)

    return penalty


def force_on_phi(game, theta, phi):
    phi = phi.detach().requires_grad_()
    real, fake = torch.zeros_like(theta), theta.detach()

    def critic(x):
        return phi[:, None] * x

    real, fake = real[:, None], fake[:, None]
    value = game.loss.discriminator(critic(real), critic(fake))
    if game.penalty:
        value = value + game.penalty(critic, real, fake)
    return -len(phi) * torch.autograd.grad(value, phi)[0]


def games(strength=0.5):
    return {
        "non_saturating": Game(losses.non_saturating),
        "wgan": Game(wgan),
        "wgan, clipped": Game(wgan, clip=strength),
        "wgan-gp": Game(wgan, two_sided(strength)),
        "r1": Game(losses.non_saturating, r1(strength)),
    }


theta, phi = torch.tensor([[1.2], [0.4]], dtype=torch.float64)
pull, push = theta.item(), 0.5 * phi.item()
formulas = {
    "non_saturating": -pull * (theta * phi).sigmoid().item(),
    "wgan": -pull,
    "wgan, clipped": -pull,
    "wgan-gp": -pull - 2 * 0.5 * (0.4 - 1),
    "r1": -pull * (theta * phi).sigmoid().item() - push,
}
for name, game in games().items():
    force = force_on_phi(game, theta, phi).item()
    print(f"{force:+.6f}  {formulas[name]:+.6f}  {lab.t(name)}")
    assert abs(force - formulas[name]) < 1e-12
# %% [markdown] lang="en"
# The second column is by hand, from the definitions of the page. Then the steps. Two players can move *simultaneously*, both answering the same position, or *in turn* (alternating), the generator answering what the discriminator has just done. `play` does both, side by side.
# %% [markdown] lang="zh"
# 第二列是照理论页的定义手算的。接着是走步。双方可以*同时更新*，都针对同一个局面；也可以*交替更新*，生成器针对判别器刚走的那一步。`play` 让两种走法并排进行。
# %% tags=["strict"]
def play(game, start, rate, steps, in_turn):
    theta, phi = start
    path = [torch.stack([theta, phi])]
    for _ in range(steps):
        moved = phi + rate * force_on_phi(game, theta, phi)
        moved = moved.clamp(-game.clip, game.clip)
        seen = torch.where(in_turn, moved, phi)
        theta = theta + rate * force_on_theta(game.loss, theta, seen)
        phi = moved
        path.append(torch.stack([theta, phi]))
    # en: (steps + 1, 2, games)
    # zh: 形状：(步数 + 1, 2, 局数)
    return torch.stack(path)


BOTH = torch.tensor([False, True])
START = torch.tensor([[1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
for theta, phi in play(Game(wgan), START, 0.5, 3, BOTH)[..., 1]:
    energy = theta**2 + phi**2 - theta * phi / 2
    print(f"({theta:+.6f}, {phi:+.6f})   2Q = {energy:.12f}")
    assert abs(energy - 1) < 1e-12
# %% [markdown] lang="en"
# These are the three alternating steps of the page's first exercise, ¾ and −½ and so on, and $Q$ does not change. Here are all five games, with the field (grey), both ways of moving, and the distance from the equilibrium, step by step.
#
# **Predict**, for each: does it come to the middle, go round for ever, or leave? In which of them does it matter whether one moves simultaneously?
#
# (In a running notebook there are a menu and two sliders, for the learning rate and for the strength of the repair: the limit $c$ of clipping, the weight $\lambda$ of WGAN-GP, the weight $\gamma$ of R1. On the web page a player goes through the five games.)
# %% [markdown] lang="zh"
# 这正是理论页第一道习题里交替更新的三步，¾、−½ 等等，而 $Q$ 始终不变。下面是全部五局：灰色的是场，两条轨线是两种走法，右边是每一步与均衡的距离。
#
# **先猜**每一局：走到中央，永远兜圈子，还是远去？哪几局里，是否同时更新有分别？
#
# （在运行着的笔记本里有一个菜单和两个滑块，分别管学习率与补救的强度：裁剪的界 $c$、WGAN-GP 的权重 $\lambda$、R1 的权重 $\gamma$。网页上是播放器，把五局依次走一遍。）
# %%
from ganlib import viz

BLUE, ORANGE, GREEN, VIOLET, *_ = viz.COLORS
LOOKS = {"simultaneous": (ORANGE, 1.0), "alternating": (BLUE, 1.5)}


def portrait(name, rate=0.2, strength=0.5, steps=600):
    game, size = games(strength)[name], 2.2
    fig, (plane, far) = viz.panels(2, width=3.5, height=3.3)
    places = torch.linspace(-size, size, 12, dtype=torch.float64)[1:-1]
    theta, phi = torch.cartesian_prod(places, places).T
    theta, phi = (v[phi.abs() <= game.clip] for v in (theta, phi))
    field = torch.stack(
        [
            force_on_theta(game.loss, theta, phi),
            force_on_phi(game, theta, phi),
        ]
    )
    field = field / field.norm(dim=0)
    looks = {"color": "#b9b6ae", "pivot": "mid", "scale": 22}
    plane.quiver(theta, phi, *field, width=0.008, **looks)
    paths = play(game, 1.2 * START, rate, steps, BOTH)
    for i, (way, (color, width)) in enumerate(LOOKS.items()):
        path = paths[:, :, i]
        plane.plot(*path.T, color=color, lw=width)
        distance = path.norm(dim=1)
        far.semilogy(distance, color=color, lw=width, label=lab.t(way))
    plane.plot(1.2, 0, "o", ms=9, mfc="none", mec=viz.INK)
    plane.plot(0, 0, "o", ms=5, color=viz.INK)
    plane.set(xlim=(-size, size), ylim=(-size, size), aspect="equal")
    plane.set(xticks=(-2, 0, 2), yticks=(-2, 0, 2), xlabel=r"$\theta$")
    plane.set_ylabel(r"$\varphi$", rotation=0)
    far.set(ylim=(1e-3, 1e2), xlabel=lab.t("step"))
    far.set_title(lab.t("distance from equilibrium"), fontsize=10)
    far.legend(loc="upper left", bbox_to_anchor=(0, 0.99), fontsize=9)
    plane.set_title(lab.t(name), fontsize=10)
    return fig


def choose(draw):
    import ipywidgets

    def slider(word, low, high, value):
        return ipywidgets.FloatSlider(
            value,
            min=low,
            max=high,
            step=0.05,
            description=lab.t(word),
            continuous_update=False,
        )

    menu = [(lab.t(name), name) for name in games()]
    ipywidgets.interact(
        draw,
        name=ipywidgets.Dropdown(options=menu, description=lab.t("game")),
        rate=slider("rate", 0.05, 1, 0.2),
        strength=slider("strength", 0.05, 2, 0.5),
        steps=ipywidgets.fixed(600),
    )


if lab.live:
    shown = choose(portrait)
else:
    frames = [(lab.t(name), portrait(name)) for name in games()]
    shown = viz.player(frames, caption=str, seconds=10)
shown
# %% [markdown] lang="en"
# The same in numbers: how near and how far each path comes in its last 200 steps.
# %% [markdown] lang="zh"
# 用数字再说一遍：每条轨线在最后 200 步里，最近到哪里，最远到哪里。
# %% tags=["strict"]
ends = {}
for name, game in games().items():
    paths = play(game, 1.2 * START, 0.2, 600, BOTH)
    for i, way in enumerate(LOOKS):
        distance = paths[-200:, :, i].norm(dim=1)
        near, far = distance.min().item(), distance.max().item()
        ends[name, way] = near, far
        print(f"{near:9.2g} … {far:8.2g}   {lab.t(way)}, {lab.t(name)}")
for (name, way), (near, far) in ends.items():
    assert far < 1e-3 if name == "r1" else near > 0.2
    if way == "simultaneous" and name == "non_saturating":
        assert abs((near + far) / 2 - math.sqrt(2 * 0.2)) < 0.02
    if way == "alternating" and name == "wgan":
        assert near > 1.1 and far < 1.3
# %% [markdown] lang="en"
# Only R1 arrives. The rest, game by game:
#
# * **Non-saturating.** Simultaneous steps end on a cycle, whose radius the page guesses to be $\sqrt{2\eta}=0.63$. Alternating steps do come nearer, but like $\sqrt{8/(\eta n)}$: four times the time for half the way.
# * **WGAN.** Out without end, or round for ever. The *only* difference is whether the generator looks before it moves.
# * **Clipping** stops the flight at its walls; inside them nothing has changed. The path slides along a wall, lets go, and comes to the other wall.
# * **WGAN-GP** pulls the slope to ±1, where at the equilibrium it ought to be 0.
#
# ## 3 · What eigenvalues promise
#
# Near the equilibrium a step is a $2\times2$ matrix, and what becomes of the distance in the long run is the larger modulus of its eigenvalues. Three numbers should then agree: the page's formula; the eigenvalues of the Jacobian, which we take by central differences of `play` itself; and the rate at which a path that starts $10^{-12}$ from the equilibrium really moves, per step, from the 200th step to the 400th.
#
# **Predict.** With $\eta=0.2$ and alternating steps, $\gamma=0.5$ gives 0.949. Are $\gamma=3$ and $\gamma=10$ faster?
# %% [markdown] lang="zh"
# 走到终点的只有 R1。其余各局：
#
# * **非饱和。** 同时更新落到一个环上，理论页估计它的半径是 $\sqrt{2\eta}=0.63$。交替更新确实越来越近，不过是按 $\sqrt{8/(\eta n)}$：距离减半，要花四倍的时间。
# * **WGAN。** 要么一去不返，要么永远兜圈子。差别*只*在于生成器走之前看不看对方的新位置。
# * **裁剪**用墙挡住了去路，墙内却什么也没变。轨线沿一面墙滑行，松开，又撞上另一面墙。
# * **WGAN-GP** 把斜率拉向 ±1，而在均衡处它本该是 0。
#
# ## 3 · 特征值的许诺
#
# 在均衡附近，一步就是一个 $2\times2$ 矩阵；长远来看距离怎样变化，取决于特征值中较大的模。于是有三个数应当一致：理论页的公式；Jacobian 矩阵的特征值，我们对 `play` 本身作中心差分来求；以及一条从离均衡 $10^{-12}$ 处出发的轨线，从第 200 步到第 400 步，实际上每步变为原来的多少倍。
#
# **先猜。** $\eta=0.2$，交替更新，$\gamma=0.5$ 时是 0.949。$\gamma=3$ 与 $\gamma=10$ 会更快吗？
# %% tags=["strict"]
from ganlib.labels import word


def formula(omega, gamma, rate, in_turn):
    q, b = (omega * rate) ** 2, rate * gamma
    trace, det = (2 - q - b, 1 - b) if in_turn else (2 - b, 1 - b + q)
    root = torch.tensor(trace**2 / 4 - det, dtype=torch.complex128).sqrt()
    return max(abs(trace / 2 + root.item()), abs(trace / 2 - root.item()))


def of_jacobian(game, rate, in_turn, h=1e-6):
    sides = h * torch.tensor(
        [[1, 0, -1, 0], [0, 1, 0, -1]], dtype=torch.float64
    )
    ends = play(game, sides, rate, 1, torch.full((4,), in_turn))[-1]
    matrix = (ends[:, :2] - ends[:, 2:]) / (2 * h)
    return torch.linalg.eigvals(matrix).abs().max().item()


def measured(game, rate, in_turn):
    start = 1e-12 * START[:, :1]
    path = play(game, start, rate, 400, torch.tensor([in_turn]))
    distance = path.norm(dim=1)
    return (distance[400] / distance[200]).item() ** (1 / 200)


rows = [("wgan", wgan, 1.0, 0.0)]
rows += [
    (f"γ = {gamma:g}", losses.non_saturating, 0.5, gamma)
    for gamma in (0.0, 0.5, 3.0, 9.9, 10.1)
]
print(lab.t("moduli"))
found = {}
for name, loss, omega, gamma in rows:
    game = Game(loss, r1(gamma) if gamma else None)
    for in_turn, way in enumerate(LOOKS):
        three = (
            formula(omega, gamma, 0.2, in_turn),
            of_jacobian(game, 0.2, bool(in_turn)),
            measured(game, 0.2, bool(in_turn)),
        )
        found[name, in_turn] = three
        numbers = " ".join(f"{value:8.3f}" for value in three)
        print(f"{numbers}   {word(name)}, {lab.t(way)}")
        assert abs(three[1] - three[0]) < 1e-6
        assert abs(three[2] - three[0]) < 2e-3
assert found["γ = 9.9", 1][2] < 1 < found["γ = 10.1", 1][2]
# en: A control: with the formula of the other way of moving it fails.
# zh: 对照：换用另一种走法的公式，就对不上。
assert abs(found["wgan", 0][2] - found["wgan", 1][0]) > 0.01
# %% [markdown] lang="en"
# The three agree, and so the trap is visible in advance: $\gamma=3$ is slower than $0.5$ would suggest, and from $\gamma=(4-q)/(2\eta)=9.975$ on R1 throws the path out. Now the screw as a whole, for 60 values of $\gamma$ at once, with $\eta=0.4$.
# %% [markdown] lang="zh"
# 三个数一致，所以陷阱事先就看得见：$\gamma=3$ 并不比 $0.5$ 快多少，而从 $\gamma=(4-q)/(2\eta)=9.975$ 起，R1 会把轨线抛出去。现在把这颗螺丝从头拧到尾，60 个 $\gamma$ 同时进行，$\eta=0.4$。
# %%
# alt-en: TODO
# alt-zh: TODO
gammas = torch.linspace(0.05, 3, 60, dtype=torch.float64)
screw = Game(losses.non_saturating, r1(gammas))
start = 1e-12 * START[:, :1].expand(2, 60)
fig, (ax,) = viz.panels(width=6.4, height=3.4)
for in_turn, (way, (color, _)) in enumerate(LOOKS.items()):
    path = play(screw, start, 0.4, 400, torch.full((60,), bool(in_turn)))
    distance = path.norm(dim=1)
    steps = (distance[400] / distance[200]) ** (1 / 200)
    page = [formula(0.5, g.item(), 0.4, in_turn) for g in gammas]
    ax.plot(gammas, page, color=color, lw=1.4, label=lab.t(way))
    ax.plot(gammas, steps, "o", ms=4, color=color)
ax.axhline(1, color=viz.INK, lw=0.9, ls=(0, (4, 3)))
ax.set(xlabel=r"$\gamma$", ylabel=lab.t("factor per step"))
ax.legend()
fig
