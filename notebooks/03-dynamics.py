# %% [markdown] lang="en"
# # Lab 03 · Why training is hard
#
# The smallest GAN has two parameters and runs in circles. A larger one, with eighty-five thousand, makes some kinds of data quite well and the others never. In this lab you watch both happen, see where the discriminator pushes the samples, and repair both.
#
# In this lab you will
# * play five versions of the Dirac-GAN of [the theory page](../../book/en/03-dynamics.md) with the library's own losses, and compare what eigenvalues promise with what steps do;
# * turn the screw of the door closer yourself;
# * watch a GAN on the line lose half of the data, and find in its log the very numbers that the page computes for this case;
# * watch modes of a ring get lost and come back with R1, with packing and with minibatch discrimination, and **measure** it: modes, quality and reverse KL beside what a perfect sampler gets;
# * switch on a piece of the usual advice, and see what three seeds can tell and what they cannot;
# * take the repair to a grid of 25 modes and to a spiral.
#
# Where it says **Predict**, answer before you run the cell. On two idle cores the lab takes two to three minutes. Players show their last frame at first: drag the slider back to the start.
# %% [markdown] lang="zh" matches="1d070240fde4"
# # 实验 03 · 训练为何困难
#
# 最小的 GAN 只有两个参数，它在原地兜圈子。大一些的有八万五千个参数，有几类数据造得还不错，其余的却从来不造。在这个实验里，你会看着这两件事发生，看清判别器把样本往哪个方向推，然后把两者都修好。
#
# 在这个实验里，你将
# * 用课程库自己的损失来下[理论页](../../book/zh/03-dynamics.md)的 Dirac-GAN，一共五局，拿特征值许诺的与实际走出来的相比；
# * 亲手拧一拧闭门器上的那颗螺丝；
# * 看一个直线上的 GAN 丢掉一半数据，再到它的日志里找出理论页为这种情形算好的那几个数；
# * 看环上的模式一个个丢掉，又靠 R1、打包与小批量判别一个个找回来，并加以**度量**：模式数、质量、逆向 KL 散度，旁边都写着完美的采样器得多少；
# * 打开一条常见的建议，弄明白三个种子能说明什么，不能说明什么；
# * 把补救办法带到有 25 个模式的网格上，再带到一条螺线上。
#
# 凡有**先猜**之处，请先回答再运行。在两个空闲的核上，整个实验要两三分钟。播放器一开始显示的是最后一帧：请把滑块拖回开头。
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
    fig, (plane, far) = viz.panels(2, width=3.1, height=2.95)
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
    looks = {"color": "#b9b6ae", "pivot": "mid", "scale": 17}
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
    far.legend(loc="lower right", fontsize=9)
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
    n = lab.pick(smoke=40, cpu=600, gpu=600)
    frames = [(lab.t(name), portrait(name, steps=n)) for name in games()]
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
        print(f"{near:9.2g} … {far:8.2g}   {lab.t(way)} · {lab.t(name)}")
for (name, way), (near, far) in ends.items():
    assert far < 1e-3 if name == "r1" else near > 0.2
    if way == "simultaneous" and name == "non_saturating":
        assert abs((near + far) / 2 - math.sqrt(2 * 0.2)) < 0.02
    if way == "alternating" and name == "wgan":
        assert near > 1.1 and far < 1.3
# %% [markdown] lang="en"
# Only R1 arrives. The rest, game by game:
#
# * **Non-saturating.** Simultaneous steps end on a cycle, whose radius the page estimates as $\sqrt{2\eta}=0.63$. Alternating steps do come nearer, but only like $\sqrt{8/(\eta n)}$: to halve the distance takes four times as long.
# * **WGAN.** Out without end, or round for ever. The *only* difference is whether the generator looks before it moves.
# * **Clipping** stops the flight at its walls; inside them nothing has changed. The simultaneous path slides along one wall, lets go, and comes to the other; the alternating one circles between them.
# * **WGAN-GP** pulls the slope towards ±1, though at the equilibrium it ought to be 0.
#
# ## 3 · What eigenvalues promise
#
# Near the equilibrium a step is a $2\times2$ matrix, and in the long run each step multiplies the distance by the larger modulus of its eigenvalues. Three numbers should then agree: the page's formula; the eigenvalues of the Jacobian, which we take by central differences of `play` itself; and the rate at which a path that starts $10^{-12}$ from the equilibrium really moves, per step, from the 200th step to the 400th.
#
# **Predict.** With $\eta=0.2$ and alternating steps, $\gamma=0.5$ gives 0.949. Are $\gamma=3$ and $\gamma=10$ faster?
# %% [markdown] lang="zh"
# 走到终点的只有 R1。其余各局：
#
# * **非饱和。** 同时更新落到一个环上，理论页估计它的半径是 $\sqrt{2\eta}=0.63$。交替更新确实越来越近，不过是按 $\sqrt{8/(\eta n)}$：距离减半，要花四倍的时间。
# * **WGAN。** 要么一去不返，要么永远兜圈子。差别*只*在于生成器走之前看不看对方的新位置。
# * **裁剪**用墙挡住了去路，墙内却什么也没变。同时更新的轨线沿一面墙滑行，松开，又撞上另一面墙；交替更新的就在两面墙之间兜圈子。
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


def measured(game, rate):
    path = play(game, 1e-12 * START, rate, 400, BOTH)
    distance = path.norm(dim=1)
    return (distance[400] / distance[200]) ** (1 / 200)


rows = [("wgan", wgan, 1.0, 0.0)]
rows += [
    (f"γ = {gamma:g}", losses.non_saturating, 0.5, gamma)
    for gamma in (0.0, 0.5, 3.0, 9.9, 10.1)
]
print(lab.t("moduli"))
found = {}
for name, loss, omega, gamma in rows:
    game = Game(loss, r1(gamma) if gamma else None)
    steps = measured(game, 0.2)
    for in_turn, way in enumerate(LOOKS):
        three = (
            formula(omega, gamma, 0.2, in_turn),
            of_jacobian(game, 0.2, bool(in_turn)),
            steps[in_turn].item(),
        )
        found[name, in_turn] = three
        numbers = " ".join(f"{value:8.3f}" for value in three)
        print(f"{numbers}   {lab.t(way)} · {word(name)}")
        assert abs(three[1] - three[0]) < 1e-6
        assert abs(three[2] - three[0]) < 2e-3
assert found["γ = 9.9", 1][2] < 1 < found["γ = 10.1", 1][2]
# en: A control: with the formula of the other way of moving it fails.
# zh: 对照：换用另一种走法的公式，就对不上。
assert abs(found["wgan", 0][2] - found["wgan", 1][0]) > 0.01
# %% [markdown] lang="en"
# The three agree, and so the trap is visible in advance: more is not better. With $\gamma=3$ the same way takes three times as many steps as with $0.5$, and from $\gamma=(4-q)/(2\eta)=9.975$ on alternating steps are thrown out. Now the whole range of the screw, 60 values of $\gamma$ at once, with $\eta=0.4$.
# %% [markdown] lang="zh"
# 三个数一致，所以陷阱事先就看得见：并不是越大越好。同样一段路，$\gamma=3$ 要走的步数是 $0.5$ 的三倍；而从 $\gamma=(4-q)/(2\eta)=9.975$ 起，交替更新会被抛出去。现在把这颗螺丝从头拧到尾，60 个 $\gamma$ 同时进行，$\eta=0.4$。
# %%
# alt-en: Factor per step against γ from 0.05 to 3, dots on two lines. Simultaneous steps fall straight from 1.01 to 0.80 at γ = 1, alternating ones from 0.99 to 0.80 at γ = 0.9; beyond the kink both rise, steeply at first, to 0.97.
# alt-zh: 每步的倍数随 γ 的变化，γ 从 0.05 到 3，点落在两条线上。同时更新从 1.01 直线下降，到 γ = 1 处为 0.80；交替更新从 0.99 降到 γ = 0.9 处的 0.80。过了尖角，两者都上升，先陡后缓，到 0.97。
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


# %% [markdown] lang="en"
# Dots are steps, lines are the page's formulas: a door closer with one best setting, $\gamma=2\omega=1$ for simultaneous steps and $2\omega-\omega^2\eta=0.9$ for alternating ones. To the left of it the path swings, to the right it creeps. (At the kinks the dots are a hair too high: there two eigenvalues coincide, and $n\lambda^n$ is still at work after 200 steps.)
#
# ## 4 · Real networks, on the line
#
# Now networks, $z\to128\to128\to128\to x$ against $x\to128\to128\to128\to128\to1$, and data with four narrow modes at $\pm1$ and $\pm3$.
# %% [markdown] lang="zh"
# 点是走出来的，线是理论页的公式：闭门器只有一个最好的位置，同时更新是 $\gamma=2\omega=1$，交替更新是 $2\omega-\omega^2\eta=0.9$。在它左边，轨线来回摆；在它右边，轨线慢慢挪。（尖角处的点略高一点，因为那里两个特征值相等，走了 200 步，$n\lambda^n$ 的影响还在。）
#
# ## 4 · 直线上的真网络
#
# 现在换成网络，$z\to128\to128\to128\to x$ 对 $x\to128\to128\to128\to128\to1$；数据有四个窄窄的模式，在 $\pm1$ 与 $\pm3$。
# %% tags=["strict"]
def build(name, law, **changes):
    options = {"model": "mlp-toy", "latent_dim": 12}
    options |= {"lr": 1e-3, "beta1": 0.5} | changes
    return ganlib.build(name, law.shape, **options)


line = ganlib.load("mixture-1d", means=(-3, -1, 1, 3), std=0.2)
gan = build("gan", line)
for name, net in {"G": gan.generator, "D": gan.discriminator}.items():
    n = sum(p.numel() for p in net.parameters())
    print(lab.t("parameters", name=name, n=n))


# %% [markdown] lang="en"
# Every so many steps we keep a picture: samples, $D(x)$ on the line, and the force with which the non-saturating loss would push a sample at $x$, which is $(1-D)\,\nabla_xa$.
#
# **Predict.** All four modes are within reach. Which will the generator find, and what will $D$ say about each of them at the end?
# %% [markdown] lang="zh"
# 每隔若干步留一幅图：样本、直线上的 $D(x)$，以及非饱和损失推动位于 $x$ 的样本的力，即 $(1-D)\,\nabla_xa$。
#
# **先猜。** 四个模式都够得着。生成器会找到哪几个？到最后，$D$ 对每一个各怎么说？
# %%
def opinion(gan, x):
    # en: D(x), and how the non-saturating loss pushes a sample at x.
    # zh: D(x)，以及非饱和损失怎样推动位于 x 的样本。
    x = x.clone().to(lab.device).requires_grad_()
    logits = gan.discriminator(x)
    (slope,) = torch.autograd.grad(logits.sum(), x)
    doubt = (-logits).sigmoid()
    force = doubt.unsqueeze(1) * slope
    return (1 - doubt).detach().cpu(), force.detach().cpu()


COLORED = {
    "density of the data": BLUE,
    "generated": ORANGE,
    "D of x": GREEN,
}
Z = torch.randn(1000, 12, generator=torch.Generator().manual_seed(0))
X = torch.linspace(-4.5, 4.5, 181)[:, None]


def on_the_line(trainer):
    fig, (ax,) = viz.panels(width=4.9, height=2.5)
    ax.fill_between(X[:, 0], line.log_prob(X).exp(), color=BLUE, alpha=0.3)
    made = trainer.sample(z=Z)[:, 0].cpu().clamp(-4.5, 4.5)
    ax.hist(made, bins=90, range=(-4.5, 4.5), density=True, color=ORANGE)
    ax.plot(X, opinion(trainer.gan, X)[0], color=GREEN, lw=1.8)
    # en: Arrows below the axis: where the samples are, and their push.
    # zh: 轴下的箭头：样本所在之处，以及它们受到的推力。
    places = made.quantile(torch.linspace(0.02, 0.98, 17))[:, None]
    _, force = opinion(trainer.gan, places)
    force = 0.6 * force / (1 + force.abs())
    base, looks = -0.17 + 0 * force, {"units": "xy", "angles": "xy"}
    ax.quiver(places, base, force, 0 * force, scale=1, width=0.04, **looks)
    ax.set(xlim=(-4.5, 4.5), ylim=(-0.3, 1.6), yticks=(0, 0.5, 1, 1.5))
    for name, color in COLORED.items():
        ax.plot([], [], color=color, lw=4, label=lab.t(name))
    above = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.97)}
    ax.legend(ncols=3, fontsize=9, **above)
    return fig


# %% [markdown] lang="en"
# And the training, which serves for the rest of the lab: the same seed, Adam with rate $10^{-3}$ and $\beta_1=0.5$, batches of 64, one step each. While it runs, `judge` measures 2,500 samples twenty times over.
# %% [markdown] lang="zh"
# 训练的写法，后面一直用它：同一个种子，Adam，学习率 $10^{-3}$，$\beta_1=0.5$，批量大小 64，双方各走一步。训练途中，`judge` 拿 2,500 个样本度量二十次。
# %%
from statistics import median

from ganlib.metrics.modes import mode_coverage

LOOKS_AT = lab.pick(smoke=2, cpu=20, gpu=20)


def judge(law, steps):
    def measure(trainer):
        seen = mode_coverage(trainer.sample(2500), law)
        worst = math.log(len(law.modes))
        divergence = seen.details["reverse KL"]
        # en: NaN if no sample is near a mode: then as if all were at one.
        # zh: 没有样本靠近任何模式时是 NaN：就当全在一个模式上。
        return {
            "modes found": seen.value,
            "high quality": seen.details["high quality"],
            "reverse KL": worst if math.isnan(divergence) else divergence,
        }

    return ganlib.Evaluate(steps // LOOKS_AT, measure)


def train(name, law, steps, callbacks=(), batch=64, **changes):
    ganlib.seed(lab.seed)
    return ganlib.Trainer(
        build(name, law, **changes),
        law,
        batch_size=batch,
        device=lab.device,
        log_every=10,
        callbacks=callbacks,
        progress=lab.progress,
    ).fit(steps)


def second_half(trainer, name):
    values = trainer.history[name]
    return values[len(values) // 2 :]


steps = lab.pick(smoke=20, cpu=1000, gpu=3000)
frames = []
film = ganlib.Every(
    steps // lab.pick(smoke=2, cpu=11, gpu=11),
    lambda trainer: frames.append((trainer.step, on_the_line(trainer))),
)
plain = train("gan", line, steps, [film, judge(line, steps)])
viz.player(frames, seconds=8)
# %% [markdown] lang="en"
# Drag it back to the start. The heap spreads, covers everything for a while, and then D learns to tell. The inner modes are nearest; they fill, the outer ones empty, and D becomes *certain* that whatever lies out there is real. From then on the green line is flat over the outer modes and no arrow leads to them: D knows exactly what is missing, and says nothing about it where the samples are. (The heaps never quite rest: they lean to one side of their mode and then to the other. In another run one may break loose, wander, and come back.)
#
# The page has this case in an exercise, "flawless, and yet": one half of the data is never made, the rest is right. The optimal discriminator then says ⅓ on every fake, ⅓ on one half of the real samples and 1 on the other, and is right in three cases of four. And the log, on average over the second half of the run?
# %% [markdown] lang="zh"
# 把它拖回开头。那一堆样本先散开，有一阵子什么都盖住了，然后 D 学会了分辨。里面两个模式最近，于是填满；外面两个空了，D 也变得*深信*，凡是落在那边的都是真的。从此绿线在外侧的模式上是平的，没有一个箭头通向那里：D 清清楚楚知道缺了什么，却在样本所在之处只字不提。（样本堆从不完全安分：一会儿偏到模式的这一边，一会儿偏到那一边。换一次训练，也可能有一堆挣脱出来，游荡一阵，又回来。）
#
# 理论页有一道习题讲的就是这种情形，“无可挑剔，然而”：数据的一半从来不造，另一半造得都对。这时最优的判别器对每个假样本都打 ⅓，对一半真样本打 ⅓，对另一半打 1，四次里判对三次。那么日志上，后半程的平均是多少？
# %%
expected = {"D(x)": 2 / 3, "D(G(z))": 1 / 3, "accuracy": 3 / 4}
for name, value in expected.items():
    values = second_half(plain, name)
    logged = sum(values) / len(values)
    print(f"{logged:.2f}  {value:.2f}  {lab.t(name)}")
    if lab.profile == "cpu":
        assert abs(logged - value) < 0.1
for name in ("modes found", "reverse KL"):
    values = second_half(plain, name)
    print(f"{median(values):.2f}  {lab.t(name)}")
# %% [markdown] lang="en"
# The log reads like a peace treaty, and half of the data is missing. (The reverse KL of two modes of four is $\log2=0.693$.)
#
# **Predict.** R1 asks D to be flat *at the real samples*, also at those that nobody makes. Why should that bring them back? The same seed, the same steps, $\gamma=0.1$. (The dashed line in the second figure is what a perfect sampler gets on average; a single look may fall below it.)
# %% [markdown] lang="zh"
# 日志读起来像一份和约，数据却缺了一半。（四个模式只有两个时，逆向 KL 散度是 $\log2=0.693$。）
#
# **先猜。** R1 要求 D 在*真实样本处*平坦，没有人造的那些真样本也不例外。凭什么这样就能把它们找回来？同样的种子，同样的步数，$\gamma=0.1$。（第二幅图里的虚线是完美的采样器平均得到的值，单看一次可能更低。）
# %%
# alt-en: The line with R1. D(x) is a row of four low tents between 0.3 and 0.6, a peak over each mode. There are samples at all four modes, most at −3 and 3, and thin ones between; below, arrows point towards the nearest mode from either side.
# alt-zh: 加了 R1 的直线。D(x) 是一排四顶矮帐篷，在 0.3 与 0.6 之间，每个模式上方一个尖顶。四个模式处都有样本，−3 与 3 处最多，其间也稀稀落落有一些；下方的箭头从两侧指向最近的模式。
R1 = {"penalty_weight": 0.1, "beta2": 0.999}
calm = train("r1gan", line, steps, [judge(line, steps)], **R1)
on_the_line(calm)
# %%
# alt-en: Reverse KL over 1,000 steps, logarithmic axis. Both start at 1.4 and fall to 0.1 or less; the plain GAN is back at 0.7 after 450 steps and stays there, with R1 it goes down to a few hundredths and ends at 0.006. The dashed floor is at 0.0006.
# alt-zh: 逆向 KL 散度随步数的变化，共 1,000 步，纵轴为对数。两条线都从 1.4 降到 0.1 或更低；普通 GAN 在 450 步时回到 0.7，不再动；加了 R1 的降到百分之几，最后是 0.006。虚线所示的本底值为 0.0006。
runs = {"plain GAN": plain, "with R1": calm}
floor = mode_coverage(line.sample(2500), line).details["reverse KL floor"]
histories = {lab.t(name): run.history for name, run in runs.items()}
viz.curves(histories, "reverse KL", by="name", level=floor, log=True)
# %%
worst = {n: median(second_half(r, "reverse KL")) for n, r in runs.items()}
for name, value in worst.items():
    print(f"{value:.3f}  {lab.t(name)}")
print(f"{floor:.4f}  {lab.t('perfect sampler')}")
if lab.profile == "cpu":
    assert worst["with R1"] < 0.25 < worst["plain GAN"]
# %% [markdown] lang="en"
# R1 takes the cliffs away. Since the logit must not be steep at the real samples, D cannot jump from doubt to certainty between one mode and the next; it becomes a row of gentle tents, which slope towards every mode from far away. Now there are arrows to each of the four. The price is that gentle slopes pull gently: the heaps are wider than the data, and take longer to become narrow.
# %% [markdown] lang="zh"
# R1 铲平了悬崖。logit 在真实样本处不许陡，D 就不能在相邻的两个模式之间从将信将疑一下子跳到深信不疑；它变成一排平缓的帐篷，从老远就向每个模式升高。现在四个模式都有箭头指向。代价是：缓坡的拉力也缓，样本堆比数据宽，要花更多的时间才会收窄。
# %% [markdown] lang="en"
# ## 5 · Eight modes on a ring
#
# In the plane, one can no longer see at a glance what is missing and how much, so first the measure. Three numbers, for 2,500 samples: **modes**, those with at least one sample within three standard deviations; **quality**, the share of samples that are within three of some mode; and the **reverse KL** of the modes' shares to the true ones. Two of these have a best value that one can compute:
# %% [markdown] lang="zh"
# ## 5 · 环上的八个模式
#
# 到了平面上，缺了什么、缺了多少，不再一眼可见，所以先说度量。拿 2,500 个样本算三个数：**模式数**，三个标准差之内至少有一个样本的模式有几个；**高质量**，离某个模式不超过三个标准差的样本占多少；还有各模式所占比例到真实比例的**逆向 KL 散度**。其中两个的最佳值算得出来：
# %% tags=["strict"]
from ganlib.metrics.modes import reverse_kl

ring = ganlib.load("ring", radius=3.0, std=0.1)
best = mode_coverage(ring.sample(2500), ring).details
ceiling, floor = best["high quality ceiling"], best["reverse KL floor"]
print(f"{ceiling:.4f} = 1 - exp(-9/2) = {1 - math.exp(-4.5):.4f}")
print(f"{floor:.6f} ≈ (8 - 1) / (2 · 2472) = {7 / 4944:.6f}")
seven = torch.tensor([0.0] + 7 * [1.0])
print(f"{reverse_kl(seven, ring.weights):.4f} = log(8/7)")
assert abs(ceiling - (1 - math.exp(-4.5))) < 1e-9
assert abs(floor - 7 / 4944) < 1e-6
assert abs(reverse_kl(seven, ring.weights) - math.log(8 / 7)) < 1e-6


# %% [markdown] lang="en"
# A quality of 100% would be *too* good: a perfect sampler has 98.89%. And its reverse KL is not 0, since 2,500 samples never fall on eight modes quite evenly.
#
# Four impostors come to be measured. **Predict** which of the three numbers each of them fools: the one who knows a single mode by heart; the one who lacks one mode of eight; the one whose modes are half as wide as they should be; and noise all over the square.
# %% [markdown] lang="zh"
# 高质量若有 100%，那就好得*过头*了：完美的采样器是 98.89%。它的逆向 KL 散度也不是 0，因为 2,500 个样本落到八个模式上，总不会恰好一样多。
#
# 四个冒名顶替者前来受测。**先猜**他们各能骗过三个数中的哪一个：把一个模式背得滚瓜烂熟的；八个模式缺一个的；模式只有应有的一半宽的；还有铺满整个方块的噪声。
# %%
def report(name, points, law):
    seen = mode_coverage(points, law)
    print(lab.t("modes found by", seen=seen, name=lab.t(name)))
    return seen


g = torch.Generator().manual_seed(lab.seed)
true = ring.batch(2500)
centres = ring.modes[true.labels]
impostors = {
    "perfect sampler": true.images,
    "one mode by heart": ring.modes[:1].expand(2500, 2),
    "one mode missing": true.images[true.labels > 0],
    "half as wide": (true.images + centres) / 2,
    "noise everywhere": 8 * torch.rand(2500, 2, generator=g) - 4,
}
seen = {n: report(n, points, ring) for n, points in impostors.items()}
quality = {n: one.details["high quality"] for n, one in seen.items()}
divergence = {n: one.details["reverse KL"] for n, one in seen.items()}
assert quality["half as wide"] > ceiling + 0.005
assert quality["one mode by heart"] == 1
assert divergence["one mode by heart"] > 2
assert seen["noise everywhere"].value == 8
assert divergence["noise everywhere"] < 0.2
assert divergence["one mode missing"] > 30 * floor
# %% [markdown] lang="en"
# Each number alone can be fooled; the noise even has all eight modes, because one lucky sample is enough. Read them together.
#
# ### Where D pushes
#
# Now the plain GAN. In the film blue is where D says "real", orange where it says "generated", the orange dots are samples, the rings are the modes. Arrows show where a sample would be pushed, and how strongly: where there is none, D has nothing to say, however sure it is.
#
# **Predict.** How many modes will it have after 150 steps, and how many after 1,000?
# %% [markdown] lang="zh"
# 单看一个数，总有办法骗过；噪声甚至八个模式样样俱全，因为碰巧有一个样本就算。要放在一起看。
#
# ### D 往哪里推
#
# 现在轮到普通 GAN。片子里，蓝色是 D 说“真”的地方，橙色是 D 说“生成”的地方；橙色的点是样本，小圆圈是模式。箭头表示样本在那里会被推向哪边，推得多重：没有箭头的地方，D 再有把握也无话可说。
#
# **先猜。** 走了 150 步，它有几个模式？走了 1,000 步，又有几个？
# %%
from matplotlib.colors import LinearSegmentedColormap

SHADES = LinearSegmentedColormap.from_list(
    "verdict", ["#f3c3ab", viz.PAPER, "#a9c6ea"]
)
side = torch.linspace(-4.4, 4.4, 45)
PIXELS = torch.cartesian_prod(side, side)
PLACES = torch.cartesian_prod(side[2::5], side[2::5])


def snapshot(trainer):
    verdict, _ = opinion(trainer.gan, PIXELS)
    _, force = opinion(trainer.gan, PLACES)
    made = trainer.sample(z=Z).cpu()
    return trainer.step, made, verdict.view(45, 45).T, force


def draw(ax, law, made, verdict=None, force=None, size=4.4, color=ORANGE):
    if verdict is not None:
        levels = torch.linspace(0, 1, 8)
        ax.contourf(side, side, verdict, levels, cmap=SHADES)
        force = 0.8 * force / (1 + force.norm(dim=1, keepdim=True))
        looks = {"units": "xy", "angles": "xy", "color": viz.INK}
        ax.quiver(*PLACES.T, *force.T, scale=1, width=0.045, **looks)
    ax.plot(*made[:600].T, ".", color=color, ms=2.5)
    if law.modes is not None:
        ax.plot(*law.modes.cpu().T, "o", ms=9, mfc="none", mec=BLUE)
    ax.set(xlim=(-size, size), ylim=(-size, size), aspect="equal")
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[:].set(visible=True, color=viz.LINE)


def frame(step, *taken):
    fig, (ax,) = viz.panels(width=3.3, height=3.3)
    draw(ax, ring, *taken)
    return step, fig


def filmed(name, **changes):
    shots = []
    film = ganlib.Every(
        steps // lab.pick(smoke=2, cpu=20, gpu=20),
        lambda trainer: shots.append(snapshot(trainer)),
    )
    callbacks = [film, judge(ring, steps)]
    return train(name, ring, steps, callbacks, **changes), shots


steps = lab.pick(smoke=20, cpu=1000, gpu=5000)
plain, shots = filmed("gan")
# en: Much happens early: all of the first ones, then every third.
# zh: 开头变化多：前几帧全留，后面每三帧留一帧。
chosen = shots[:6] + shots[8::3]
viz.player([frame(*shot) for shot in chosen], seconds=8)
# %% [markdown] lang="en"
# At first the samples lie everywhere. Then D learns that the middle and the outside are wrong, and the samples gather on the circle, more of them on one side by chance. D notices, and calls the other side real. But nobody is there to hear it: around the samples every arrow leads back to where they are, and the blue half, of which D is certain, has dots in the place of arrows.
#
# ## 6 · Three repairs
#
# The first changes the shape of D. The other two change what it sees: packs of samples, all real or all generated; or, beside each sample, how many close relatives it has in its batch. This is all it takes:
# %% [markdown] lang="zh"
# 起初样本到处都是。随后 D 学会了：中间和外面都不对；样本便聚到圆周上，碰巧有一侧多些。D 察觉了，把另一侧判为真。可是那边没有谁听得到：样本周围的箭头全都指回样本自己，而 D 深信不疑的蓝色那一半，箭头都缩成了点。
#
# ## 6 · 三种补救
#
# 第一种改变 D 的形状。另外两种改变它所看到的：或者是一包样本，全真或全是生成的；或者除了样本本身，还看它在这一批里有多少近亲。要改的只有这些：
# %% tags=["strict"]
from ganlib.gans.pacgan import PacGAN
from ganlib.gans.r1gan import R1GAN
from ganlib.models.minibatch import MinibatchDiscrimination

lab.show(
    R1GAN.discriminator_loss,
    PacGAN.packs,
    MinibatchDiscrimination.forward,
)
# %% [markdown] lang="en"
# **Predict.** All with the seed, the networks and the steps of the run that lost half of the ring. Which of the three brings all eight modes back? Which of them has the *worst* quality?
# %% [markdown] lang="zh"
# **先猜。** 种子、网络、步数都与丢了半个环的那次相同。三种里哪些能找回全部八个模式？哪一种的高质量样本*最少*？
# %%
calm, calm_shots = filmed("r1gan", **R1)
again = [judge(ring, steps)]
packs = train("pacgan", ring, steps, again, packing=2)
again = [judge(ring, steps)]
kin = train("gan", ring, steps, again, model="mlp-toy-minibatch")
runs = {
    "plain GAN": plain,
    "with R1": calm,
    "packs of two": packs,
    "minibatch discrimination": kin,
}
# %%
# alt-en: Four squares with eight small rings, the modes, and samples. The plain GAN: an arc on the left, from the top to the lower left, on the right nothing. R1 and packs of two: samples all around the circle, with R1 denser at the modes, and a few strays inside. Minibatch discrimination: all around, too, but dense at the upper right and thin at the bottom.
# alt-zh: 四个方框，各有八个小圆圈（模式）与样本。普通 GAN：左边一段弧，从顶端到左下，右边什么也没有。R1 与两个一包：样本绕圆一周，用 R1 的在模式处更密；里面散着几个点。小批量判别：也绕圆一周，但右上密，底部稀。
fig, axes = viz.panels(4, width=2.35, height=2.6)
for ax, (name, run) in zip(axes, runs.items(), strict=True):
    draw(ax, ring, run.sample(z=Z).cpu())
    ax.set_title(lab.t(name), fontsize=10)
fig
# %%
# alt-en: Reverse KL of the four runs over 1,000 steps, logarithmic axis. All start at 2.1. The plain GAN dips to 0.06 after 100 steps, is back near 1 after 200 and ends at 1.5. From step 150 on, R1 and packs of two cross each other between 0.2 and 0.02; minibatch discrimination rises to 0.7 and comes down to them after 700 steps. All three end between 0.1 and 0.2. The dashed floor is at 0.0014.
# alt-zh: 四次训练的逆向 KL 散度，共 1,000 步，纵轴为对数。都从 2.1 出发。普通 GAN 在 100 步时低到 0.06，200 步时回到 1 左右，最后是 1.5。从 150 步起，R1 与两个一包在 0.2 与 0.02 之间交错；小批量判别升到 0.7，700 步时才降到它们那里。这三条最后都在 0.1 与 0.2 之间。虚线所示的本底值为 0.0014。
histories = {lab.t(name): run.history for name, run in runs.items()}
viz.curves(histories, "reverse KL", by="name", level=floor, log=True)
# %%
seen = {n: report(n, run.sample(2500), ring) for n, run in runs.items()}
report("perfect sampler", ring.sample(2500), ring)
worst = {n: median(second_half(r, "reverse KL")) for n, r in runs.items()}
print(lab.t("median of the second half"))
for name, value in worst.items():
    print(f"{value:.3f}  {lab.t(name)}")
if lab.profile == "cpu":
    lost, *kept = worst.values()
    assert lost > 0.4 and max(kept) < lost / 2
# %% [markdown] lang="en"
# All three keep the ring together. And by *quality* they are worse than the run that lost half of it! Of course: it is easier to be good at four things than at eight. Whoever reports quality alone reports mode collapse as progress; whoever counts modes alone is content with noise. (What the three still lack is time. Their points lie on the way from one mode to the next, which a continuous generator can never quite empty.)
#
# How much of this is luck? With seeds 1 and 2 each of the three found seven or eight modes as well, and a reverse KL (the median of the second half) of less than half of the plain GAN's. By this number packs of two came first and minibatch discrimination last with all three seeds, yet packs had the worst quality each time; by the reverse KL of the last look alone the order changed from seed to seed. With seed 2 R1 caught up with the plain GAN in quality too, 33% to 32%.
#
# Why R1 works can be seen, at four moments of its run:
# %% [markdown] lang="zh"
# 三种都保住了整个环。而论*高质量*，它们全不如丢了半个环的那一次！这也难怪：做好四件事，总比做好八件容易。只报告高质量样本的比例，就会把模式坍塌报成进步；只数模式，噪声也能让你满意。（这三种还缺的是时间。它们的点散在从一个模式到下一个的路上，而连续的生成器永远不能把这些路完全清空。）
#
# 这里面有多少是运气？换成种子 1 与 2，三种也都找到七八个模式，逆向 KL 散度（后半程的中位数）不到普通 GAN 的一半。按这个数，三个种子上都是打包第一，小批量判别最后，可是打包的高质量样本每次都最少；若只看最后一次的逆向 KL 散度，名次就随种子而变。种子 2 上，R1 连高质量样本的比例也赶上了普通 GAN，33% 对 32%。
#
# R1 为什么管用，看它训练途中的四个时刻便知：
# %%
# alt-en: Four squares: steps 50, 350, 650 and 1000. At step 50 the samples lie scattered over the lower left, and the upper right is deep blue. From step 350 on all colours are pale: a star whose eight rays end at the modes, samples on a circle through them, arrows towards the circle from inside and outside.
# alt-zh: 四个方框：第 50、350、650、1000 步。第 50 步，样本散在左下，右上一片深蓝。从第 350 步起，颜色都很淡：一颗星，八道光芒止于八个模式，样本在穿过它们的圆上，箭头从里、从外指向这个圆。
fig, axes = viz.panels(4, width=2.35, height=2.6)
picked = torch.linspace(1, len(calm_shots) - 1, 4).long().tolist()
for ax, i in zip(axes, picked, strict=True):
    step, *taken = calm_shots[i]
    draw(ax, ring, *taken)
    ax.set_title(f"{lab.t('step')} {step}", fontsize=10)
fig
# %% [markdown] lang="en"
# A blue half at first, here too. Then there is none, only a pale star, each ray of which points to a mode, with arrows towards it from inside and outside. Wherever a sample strays, the slope leads somewhere real.
#
# ## 7 · The usual advice
#
# ### What it does, measured
#
# `benchmarks/hacks.py` plays the plain GAN on the ring and follows one piece of the usual advice at a time, with ten seeds each, so that every effect comes with its standard error.
#
# @RECORD hacks@
#
# "High quality" is the share of points within three standard deviations of a mode, and the reverse KL compares the shares of the modes among those points. The first row is what the others are compared with, seed by seed, and its own ten runs end with anything from one mode to eight. So an effect of less than two of its errors may be luck. Read with that in mind:
#
# * **Three changes ruin everything**: data ten times as wide, the saturating loss, batch normalisation in D. The advice to keep real and generated batches apart makes the last of them worse here. In one batch three more modes are found, though hardly a point lies in them.
# * **A D that learns a tenth as fast is ruin, too**: G runs from mode to mode, ahead of it. Looking ahead was made for that: after 400 steps it finds 5.9 modes, where the slow D alone has 0.2. But D gets steeper while the imagined steps keep their rate, and at the end all is lost, in three of ten runs to infinite numbers. Beside the D of the first row, which keeps up, it did nothing good at any of four step sizes that we tried.
# * **Noise, minibatch discrimination, packs of two and R1 keep the modes and cost sharpness**: two or three modes more, 30 to 50 points of quality less, and a reverse KL of 0.3 to 0.9 instead of 1.3. Four thousand steps are not enough for both, and section 6 has said why quality alone must not decide.
# * **Five turns of D do the opposite**: all ten runs end in a single mode, 96% sharp. By quality alone this would be the best row.
# * **Averaged weights sharpen and lose no mode**, for next to nothing. G goes round; its mean stays. Whatever else is better than the plain GAN in one column is worse in the other.
# * **Nothing to see**: one-sided smoothing, a D four times as fast, and momentum of 0.9 or 0. Two-sided smoothing finds no more modes than nothing at all and loses three quarters of the quality: bad fakes feel no slope, as the page computes.
#
# One ring, one pair of networks, 4,000 steps: with images some of it may be otherwise, and lab 04 takes up the advice that was given for them. What the table does say is what "a known trick" is worth before somebody has measured it.
# %% [markdown] lang="zh"
# 起初也有蓝色的半边，后来就没有了，只剩一颗淡淡的星，每道光芒指着一个模式，箭头从里、从外指来。样本不论走失到哪里，坡总通向某个真实的地方。
#
# ## 7 · 常见的建议
#
# ### 实测效果如何
#
# `benchmarks/hacks.py` 让普通 GAN 学这个环，每次只照一条建议改动，各跑十个种子，所以每个效果都带着标准误。
#
# @RECORD hacks@
#
# “高质量”是离某个模式不超过三个标准差的点所占的比例，逆向 KL 比较的是这些点在各模式之间的份额。第一行是别的行比较的对象，逐个种子相比；而它自己的十次训练，最后找到一个到八个模式的都有。所以不到两倍标准误的效果，可能只是运气。带着这一点来读：
#
# * **三种改动毁掉一切**：数据放大到十倍、饱和损失、判别器用批量归一化。对于最后一种，“真假分批”的建议在这里反而更糟。合成一批能多找到三个模式，虽然几乎没有点落在里面。
# * **判别器的学习率只取十分之一，也是毁灭**：G 跑在它前面，从一个模式窜到另一个。“向前看”正是为此而设：400 步时它找到 5.9 个模式，只有慢的 D 时是 0.2 个。可是 D 越来越陡，设想的步子学习率却不变，到最后全部丢光，十次里有三次连数值也变成了无穷。而在第一行那个跟得上的 D 旁边，我们试了四种步长，哪一种都没有好处。
# * **噪声、小批量判别、两两打包与 R1 保住模式，代价是清晰**：模式多两三个，高质量比例少 30 到 50 个百分点，逆向 KL 从 1.3 降到 0.3 至 0.9。四千步不够两全；第 6 节说过，不能只凭高质量比例下判断。
# * **判别器每轮走五步，正好相反**：十次训练全都只剩一个模式，96% 的点落在其中。只看高质量比例，这一行就是最好的。
# * **参数取平均，点更准，模式也没丢**，又几乎不花什么。G 在绕圈，它的平均却不动。其余的，凡有一列胜过普通 GAN，另一列就不如它。
# * **看不出效果的**：单侧标签平滑、判别器的学习率取四倍、动量取 0.9 或 0。双侧平滑找到的模式并不更多，高质量比例却去掉四分之三：糟糕的假样本感觉不到坡度，与理论页的计算一致。
#
# 一个圆环，一对网络，四千步：换成图像，有些结果也许就不同，为图像而提的建议留给实验 04。这张表说的是：一条“人人皆知的技巧”，在有人测过之前值多少。
# %% [markdown] lang="en"
# ### Switch one on
#
# Now you. `ganhacks` is the plain GAN in which each piece of advice has a switch, and `ganlib.Seeds` plays several seeds of a small game at once, for little more than the price of one. Noise with standard deviation ½ on everything that D sees is, near the equilibrium of the Dirac-GAN, as good as R1 with $\gamma=\tau^2/2=\frac18$ (the page proves it).
#
# **Predict.** Does noise help, and for which of the three seeds?
# %% [markdown] lang="zh"
# ### 打开一条试试
#
# 轮到你了。`ganhacks` 就是普通 GAN，每条建议都有一个开关；`ganlib.Seeds` 让一个小博弈的几个种子同时进行，比只跑一个贵不了多少。给 D 看到的一切加上标准差为 ½ 的噪声，在 Dirac-GAN 的均衡附近，与 $\gamma=\tau^2/2=\frac18$ 的 R1 等效（理论页有证明）。
#
# **先猜。** 加噪声有用吗？三个种子里对哪几个有用？
# %%
# en: Change me: {"real_target": 0.9}, {"rate_ratio": 4.0}, {"turns": 5} …
# zh: 改这里：{"real_target": 0.9}、{"rate_ratio": 4.0}、{"turns": 5}……
advice = {"noise": 0.5}


def with_seeds(**changes):
    runs = ganlib.Seeds(
        lambda: build("ganhacks", ring, **changes),
        ring,
        batch_size=64,
        seeds=[lab.seed, lab.seed + 1, lab.seed + 2],
        device=lab.device,
        progress=lab.progress,
    )
    third = lab.pick(smoke=2, cpu=200, gpu=500)
    found = []
    for _ in range(3):
        runs.fit(third)
        found.append(
            [
                mode_coverage(gan.sample(2500), ring).details["reverse KL"]
                for gan in runs.gans
            ]
        )
    # en: The last two looks: one alone may come at a lucky moment.
    # zh: 取最后两次：单看一次，也许正逢其时。
    return torch.tensor(found)[1:].mean(0)


without, with_it = with_seeds(), with_seeds(**advice)
for name, values in {"without": without, "with it": with_it}.items():
    print(" ".join(f"{v:6.2f}" for v in values), "  ", lab.t(name))
effect = without - with_it
error = effect.std() / math.sqrt(len(effect))
print(lab.t("effect", effect=effect.mean(), error=error))
if lab.profile == "cpu" and advice == {"noise": 0.5}:
    assert (effect > 0).all()
# %% [markdown] lang="en"
# The numbers are the reverse KL, seed by seed. Noise has helped each of the three, and by far more than the three effects differ from one another: here three seeds are enough. It is not always so. Try smoothing (question 2 below).
#
# ## 8 · Does the repair travel?
#
# The swiss roll has no modes to count; it is one long curve. **Predict:** what does collapse look like on a curve?
# %% [markdown] lang="zh"
# 这些数是逆向 KL 散度，一个种子一个。噪声对三个种子都有用，效果远大于种子之间的差别：在这里三个种子就够了。并非总是如此，试试标签平滑便知（下面第 2 题）。
#
# ## 8 · 换个地方还灵吗？
#
# 瑞士卷没有模式可数，它是一条长长的曲线。**先猜：** 在曲线上，坍塌是什么样子？
# %%
# alt-en: Three squares. The data: a thin spiral of one and a half turns. The plain GAN: a clean arc along the inner turn, the outer one is missing. With R1: points all along the spiral, the left and the bottom clear, on the right a cloud across both turns.
# alt-zh: 三个方框。数据：一条细螺线，绕了一圈半。普通 GAN：沿内圈的一段干净的弧，外圈没有。加 R1：整条螺线上都有点，左边与底部清楚，右边是横跨内外两圈的一片云。
roll = ganlib.load("swiss-roll")
steps = lab.pick(smoke=20, cpu=1000, gpu=5000)
gentle = R1 | {"penalty_weight": 0.02}
runs = {
    "plain GAN": train("gan", roll, steps),
    "with R1": train("r1gan", roll, steps, **gentle),
}
clouds = {"data": roll.sample(1000)}
clouds |= {name: run.sample(1000).cpu() for name, run in runs.items()}
fig, axes = viz.panels(3, width=3, height=3.2)
for ax, (name, points) in zip(axes, clouds.items(), strict=True):
    color = BLUE if name == "data" else ORANGE
    draw(ax, roll, points, size=2.6, color=color)
    ax.set_title(lab.t(name), fontsize=10)
fig
# %% [markdown] lang="en"
# Two distances take the place of the modes: from each real point to the nearest generated one (large if something is *missing*), and from each generated point to the nearest real one (large if samples go *astray*). The floor is what another thousand real points get.
# %% [markdown] lang="zh"
# 两个距离代替模式数：每个真实点到最近的生成点有多远（大，说明*缺了*什么）；每个生成点到最近的真实点有多远（大，说明样本*走失*了）。本底值是另外一千个真实点所得的数。
# %%
reference, far = roll.sample(1000), {}
print(lab.t("missing, astray"))
for name, points in clouds.items():
    apart = torch.cdist(reference, points)
    missing = apart.min(1).values.mean().item()
    astray = apart.min(0).values.mean().item()
    far[name] = missing, astray
    print(f"{missing:8.3f} {astray:8.3f}   {lab.t(name)}")
if lab.profile == "cpu":
    assert far["data"][0] < far["with R1"][0] < far["plain GAN"][0] / 1.5
# %% [markdown] lang="en"
# The plain GAN makes a part of the arc, and D pays no attention to it for the rest. With R1 there are points along the whole spiral, though on the right the two turns still run into one another.
#
# ### Twenty-five modes
#
# Last the grid. A continuous generator has to *cross* the space between modes, and with 25 of them it has much to cross. So the networks get latents that keep their sign only, eight of twelve: such a generator can jump. The game is R3GAN, which compares each real sample with a generated one and takes R1 *and* R2, without momentum, $\beta_1=0$.
#
# **Predict.** How many of the 25 does it find in 2,000 steps, with batches of 128?
# %% [markdown] lang="zh"
# 普通 GAN 只造出一段弧，其余的 D 一概不提。加了 R1，整条螺线上都有点，只是右边的内外两圈还混在一起。
#
# ### 二十五个模式
#
# 最后是网格。连续的生成器必须*穿过*模式之间的空地，模式有 25 个，要穿的地方就多了。所以这次的网络有十二个隐变量，其中八个只取符号：这样的生成器可以跳。博弈用的是 R3GAN：每个真实样本与一个生成样本相比，R1 与 R2 *都*加，并且不要动量，$\beta_1=0$。
#
# **先猜。** 批量大小 128，2,000 步之内，25 个模式它找得到几个？
# %%
# alt-en: Left, a grid of 25 small rings with samples on or beside each of them and hardly any between. Right, over 2,000 steps: the share of modes found is 1 from step 100 on, with dips, the deepest to 0.8; high quality starts at 1, drops to 0.25 and climbs from step 900 on to 0.9.
# alt-zh: 左图：25 个小圆圈排成网格，每个圆圈上或旁边都有样本，其间几乎没有。右图，共 2,000 步：找到的模式所占比例从第 100 步起是 1，偶有下落，最低到 0.8；高质量样本的比例从 1 起，落到 0.25，从第 900 步起升到 0.9。
grid = ganlib.load("grid", std=0.2)
steps = lab.pick(smoke=20, cpu=2000, gpu=6000)
jumping = train(
    "r3gan",
    grid,
    steps,
    [judge(grid, steps)],
    batch=128,
    model="mlp-toy-signs",
    penalty_weight=0.032,
    beta1=0.0,
    beta2=0.999,
)
fig, (left, right) = viz.panels(2, width=4, height=3.6)
draw(left, grid, jumping.sample(2500).cpu(), size=5.5)
for name in ("modes found", "high quality"):
    values = jumping.history[name]
    most = len(grid.modes) if name == "modes found" else 1
    at = jumping.history.steps(name)
    right.plot(at, [v / most for v in values], label=lab.t(name))
right.set(ylim=(0, 1.03), xlabel=lab.t("step"))
right.legend(loc="lower right")
fig
# %%
seen = report("R3GAN", jumping.sample(2500), grid)
report("perfect sampler", grid.sample(2500), grid)
if lab.profile == "cpu":
    assert seen.value >= 23 and seen.details["high quality"] > 0.45
# %% [markdown] lang="en"
# All of them, with nine samples of ten where they belong (with seed 1, little more than half). The right figure begins with a joke: a quality of 100% before any training. The untrained generator makes only the middle of the grid, and there happens to be a mode. (Jumps come from the latents, not from the game: `mlp-toy-signs` can be had for every game, and you can try it with the plain one.)
#
# ## Try it
#
# 1. **More turns of D.** "Train the discriminator more" is old advice. Let it move $k$ times before each step of the generator, in the WGAN of section 2 with $\eta=0.2$. For which of $k=1$, 5, 25, 99 and 101 does the page promise a closed curve, and which shape has it?
#
# <details><summary>Answer 1</summary>
#
# For $kq<4$, here $k<100$: all but the last.
#
# ```python
# def farthest(k, rate=0.2, steps=200):
#     (theta, phi), far = START[:, :1], []
#     for _ in range(steps):
#         for _ in range(k):
#             phi = phi + rate * force_on_phi(Game(wgan), theta, phi)
#         theta = theta + rate * force_on_theta(wgan, theta, phi)
#         far.append(torch.hypot(theta, phi).item())
#     return max(far)
#
#
# for k in (1, 5, 25, 99, 101):
#     print(k, f"{farthest(k):.3g}")
# ```
#
# When we tried, from $(1,0)$: 1.05, 2.31, 5.1, 100 and $10^{19}$. The curve is the ellipse $k\eta\,\theta^2+\eta\,\varphi^2-k\eta^2\,\theta\varphi=\text{const}$, at first about $\sqrt k$ times as high as it is wide. Real turns of D bring nobody nearer; they only turn up the risk. (Imagined ones do help: unrolling, on the page.)
#
# </details>
#
# 2. **Smooth the labels.** Put `advice = {"real_target": 0.9}` into section 7, and then `{"real_target": 0.9, "fake_target": 0.1}`. What can you say after three seeds?
#
# <details><summary>Answer 2</summary>
#
# When we tried, the reverse KL of the three seeds was 1.09, 0.73 and 0.73 without, 0.52, 0.50 and 0.99 with one-sided smoothing, an effect of 0.18 ± 0.24, and 0.61, 0.61 and 0.53 with two-sided smoothing, 0.26 ± 0.11. The first may be nothing at all. The second is more than two standard errors, but a standard error from three numbers is itself uncertain: with two degrees of freedom it takes 4.3 of them, not 2, to be 95% sure. So three seeds do not even tell whether smoothing helps, let alone which kind is better. That is what ten seeds and many more steps are for.
#
# </details>
#
# 3. **Too little, too much.** Repeat the run with R1 of section 6 with the weights 0.001 and 10 in place of 0.1. What does the door closer predict for each?
#
# <details><summary>Answer 3</summary>
#
# A loose closer lets the door swing, a tight one makes it creep. When we tried, with one seed: 0.001 left 7 of 8 modes and a reverse KL of 0.376 (median of the second half; 0.993 without R1, 0.101 with 0.1). 10 kept all eight and got 0.105. Its quality was lower than with 0.1 in the second half, 16% against 21% (medians), but 25% against 19% at the last step: one seed does not tell whether it creeps. Nothing was thrown out, although in section 3 steps of 0.2 did not bear 10: Adam's steps do not grow with the penalty.
#
# </details>
#
# 4. **Jumps for everybody.** Play the grid of section 8 with the plain GAN and `model="mlp-toy-signs"`. Is it the jumps or the game that found the 25 modes?
#
# <details><summary>Answer 4</summary>
#
# When we tried, leaving out `penalty_weight` and `beta2`, which the plain GAN does not have: 23 of the 25, a quality of 85% and a reverse KL of 0.24; with momentum, $\beta_1=0.5$, 20 of the 25, 67% and 0.49. Compare with the lines printed above: jumps, without momentum, take the plain GAN most of the way; the last two modes, and the even shares, are the work of the game. (One run each. With seed 1 R3GAN found all 25 as well, with a reverse KL of 0.12.)
#
# </details>
#
# ## With a GPU
#
# Add `profile="gpu"` to the first cell: the networks train two to five times as long. The data stay the same, since they are drawn on your machine anyway. What the cells assert about training was tried at `cpu` and is checked only there.
#
# Back to [the theory](../../book/en/03-dynamics.md), with its exercises.
# %% [markdown] lang="zh"
# 全部找到，十个样本有九个落在该在的地方（种子 1 只有一半出头）。右图的开头是个笑话：还没训练，高质量样本就有 100%。未训练的生成器只造网格的正中，而那里碰巧有一个模式。（会跳是隐变量的功劳，与博弈无关：任何博弈都可以用 `mlp-toy-signs`，不妨拿普通 GAN 试试。）
#
# ## 动手试试
#
# 1. **让 D 多走几步。** “多训练判别器”是一条老建议。在第 2 节的 WGAN 里，取 $\eta=0.2$，让它先走 $k$ 步，生成器才走一步。$k=1$、5、25、99、101 之中，理论页保证哪几个走的是闭曲线？曲线又是什么形状？
#
# <details><summary>答案 1</summary>
#
# $kq<4$ 时是闭曲线，在这里就是 $k<100$：除最后一个外都是。
#
# ```python
# def farthest(k, rate=0.2, steps=200):
#     (theta, phi), far = START[:, :1], []
#     for _ in range(steps):
#         for _ in range(k):
#             phi = phi + rate * force_on_phi(Game(wgan), theta, phi)
#         theta = theta + rate * force_on_theta(wgan, theta, phi)
#         far.append(torch.hypot(theta, phi).item())
#     return max(far)
#
#
# for k in (1, 5, 25, 99, 101):
#     print(k, f"{farthest(k):.3g}")
# ```
#
# 我们试的那一次，从 $(1,0)$ 出发，最远到 1.05、2.31、5.1、100 与 $10^{19}$。曲线是椭圆 $k\eta\,\theta^2+\eta\,\varphi^2-k\eta^2\,\theta\varphi=\text{const}$，起初高约为宽的 $\sqrt k$ 倍。D 真的多走几步，谁也不会因此更近，只是更险。（在想象中多走几步倒有用，那就是理论页上的展开。）
#
# </details>
#
# 2. **平滑标签。** 把第 7 节改成 `advice = {"real_target": 0.9}`，再改成 `{"real_target": 0.9, "fake_target": 0.1}`。跑完三个种子，你能说什么？
#
# <details><summary>答案 2</summary>
#
# 我们试的那一次，三个种子的逆向 KL 散度，不用平滑时是 1.09、0.73、0.73；单侧平滑是 0.52、0.50、0.99，效果 0.18 ± 0.24；双侧平滑是 0.61、0.61、0.53，效果 0.26 ± 0.11。前一个也许什么都不是。后一个超过了两个标准误，可是只凭三个数算出来的标准误，自己就不准：自由度为 2 时，要有 95% 的把握，需要 4.3 个标准误，而不是 2 个。所以靠三个种子，连平滑有没有用都说不准，更不用说哪种更好。要回答，就得有十个种子、多得多的步数。
#
# </details>
#
# 3. **太弱与太强。** 重跑第 6 节加 R1 的那一次，权重由 0.1 改为 0.001 与 10。照闭门器的说法，两者各会怎样？
#
# <details><summary>答案 3</summary>
#
# 闭门器太松，门来回摆；太紧，门慢慢挪。我们试的那一次，一个种子：权重 0.001 剩下 8 个模式中的 7 个，逆向 KL 散度 0.376（后半程的中位数；不加 R1 是 0.993，权重 0.1 是 0.101）。权重 10 保住了全部 8 个，得 0.105。论高质量样本，后半程的中位数是 16%，低于权重 0.1 的 21%；最后一步却是 25% 对 19%。所以是不是真在慢慢挪，一个种子说明不了。没有什么被抛出去，虽然第 3 节里步长 0.2 经不起 10：Adam 的步子不会随惩罚变大。
#
# </details>
#
# 4. **人人都会跳。** 让普通 GAN 用 `model="mlp-toy-signs"` 学第 8 节的网格。找到 25 个模式，靠的是会跳，还是靠博弈？
#
# <details><summary>答案 4</summary>
#
# 我们试的那一次，去掉了普通 GAN 没有的 `penalty_weight` 与 `beta2`：25 个中的 23 个，高质量样本 85%，逆向 KL 散度 0.24；若带动量，$\beta_1=0.5$，则是 20 个、67%、0.49。与上面打印的几行比一比：会跳，又不要动量，普通 GAN 就已走完了大半的路；最后两个模式与均匀的份额，是博弈的功劳。（各只跑了一次。种子 1 的 R3GAN 也找到了全部 25 个，逆向 KL 散度 0.12。）
#
# </details>
#
# ## 有 GPU 时
#
# 在第一个单元格里加上 `profile="gpu"`：各网络训练的步数是原来的两到五倍。数据不变，它们本来就在你的机器上生成。各单元格里关于训练的断言是在 `cpu` 配置下试出来的，也只在那里检验。
#
# 回到[理论页](../../book/zh/03-dynamics.md)，做做那里的习题。
