# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)

import ganlib

lab = ganlib.Lab("07-wgan-gp", lang="@LANG@", data="avatars")
# %% tags=["strict"]
import numpy as np
import torch
from ganlib.penalties import between, gradient_norms, gradient_penalty
from scipy.optimize import linear_sum_assignment, linprog

rng = np.random.default_rng(3)
real = torch.from_numpy(rng.normal(size=(6, 2)))
fake = torch.from_numpy(0.7 * rng.normal(size=(6, 2)) + 1)
length = torch.cdist(real, fake)
rows, partner = linear_sum_assignment(length)
w = length[rows, partner].mean().item()

points = torch.cat([real, fake])
i, j = np.nonzero(~np.eye(12, dtype=bool))
gain = np.repeat([1 / 6, -1 / 6], 6)
climb = np.eye(12)[i] - np.eye(12)[j]
dual = linprog(
    -gain, climb, torch.cdist(points, points)[i, j], bounds=(None, None)
)
value = torch.from_numpy(dual.x)
print(f"{w:.6f}  {lab.t('cheapest pairing')}")
print(f"{-dual.fun:.6f}  {lab.t('best by programme')}")
assert abs(w + dual.fun) < 1e-6


# %% tags=["strict"]
def standing(z):
    return (value[6:] + torch.cdist(z, fake)).amin(1)


def hanging(z):
    return (value[:6] - torch.cdist(z, real)).amax(1)


def middle(z):
    return (standing(z) + hanging(z)) / 2


best = {"standing": standing, "hanging": hanging, "middle": middle}
part = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9], dtype=torch.float64)
part = part[:, None, None]
on_optimal = part * real + (1 - part) * fake[partner]
up = (real - fake[partner]) / (real - fake[partner]).norm(dim=1)[:, None]
for name, critic in best.items():
    x = on_optimal.flatten(0, 1).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x)
    along = (gradient.view_as(on_optimal) * up).sum(-1)
    says = (critic(real).mean() - critic(fake).mean()).item()
    low, high = along.min(), along.max()
    print(f"W {says:.4f}   {low:.4f} … {high:.4f}   {lab.t(name)}")
    assert abs(says - w) < 1e-6 and (along - 1).abs().max() < 1e-6
    # en: Slope 1 in direction e makes e the whole gradient; -e is not.
    # zh: 沿 e 的斜率为 1，梯度就只能是 e；-e 则不行。
    assert gradient.norm(dim=1).max() < 1 + 1e-6
    rises = critic(real)[:, None] - critic(fake)
    assert abs(rises.mean() - w) < 1e-6 and length.mean() > 1.2 * w
print(f"{rises.mean():.4f}  {lab.t('mean rise')}")
print(f"{length.mean():.4f}  {lab.t('mean length')}")
# %%
# alt-en: TODO
# alt-zh: TODO
from ganlib import viz

blue, orange, green, violet, ochre, grey = viz.COLORS


def plane(ax, critic, low, high, levels=18, n=121):
    side = [
        torch.linspace(a, b, n) for a, b in zip(low, high, strict=True)
    ]
    y, x = torch.meshgrid(side[1], side[0], indexing="ij")
    with torch.no_grad():
        z = torch.stack([x, y], -1).flatten(0, 1)
        heights = critic(z).view(n, n)
    ax.contour(
        x, y, heights, levels, colors=grey, linewidths=0.7, linestyles="-"
    )
    ax.set(xticks=[], yticks=[], aspect="equal")
    return heights


def twelve(name):
    def critic(z):
        return best[name](z.double())

    return critic


fig, axes = viz.panels(3, width=3.0, height=3.1)
for ax, name in zip(axes, best, strict=True):
    plane(ax, twelve(name), (-2.8, -3.1), (2.8, 3.8))
    for a, b in zip(real, fake[partner], strict=True):
        ax.plot(*torch.stack([a, b]).T, color=viz.INK, lw=1.6)
    ax.plot(*real.T, "o", color=blue, ms=6)
    ax.plot(*fake.T, "o", color=orange, ms=6)
    ax.set_title(lab.t(name))
fig
# %%
some = between(real.repeat(500, 1), fake[torch.randint(6, (3000,))])
slopes = {name: gradient_norms(best[name], some) for name in best}
for name, slope in slopes.items():
    fine, excess = (slope - 1).square().mean(), (slope - 1).relu().max()
    print(f"{slope.mean():.3f}  {fine:.4f}  {excess:.0e}  {lab.t(name)}")
    assert (fine < 1e-9) == (name != "middle") and excess < 1e-6
assert (slopes["middle"] < 0.99).double().mean() > 0.2
# %% tags=["strict"]
import math


def even(n):
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


def checkpoints(r, R=2.0):
    # en: By symmetry one generated point will do.
    # zh: 由对称性，生成样本取一个点就够了。
    turn, epsilon = 2 * math.pi * even(600), even(400)
    x = R * torch.stack([turn.cos(), turn.sin()], 1)[:, None]
    y = torch.tensor([r, 0.0], dtype=torch.float64)
    seen = epsilon[:, None] * x + (1 - epsilon[:, None]) * y
    return seen.flatten(0, 1), (x - y).expand_as(seen).flatten(0, 1)


print(lab.t("circles head"))
for ratio in (0.1, 0.5, 0.9, 0.99):
    r = 2 * ratio
    seen, way = checkpoints(r)
    away = seen.norm(dim=1)
    q, formula = (away < r).double().mean(), 2 / math.pi * math.asin(ratio)
    steep = gradient_norms(lambda z: z.norm(dim=1), seen)
    flat = gradient_norms(lambda z, r=r: z.norm(dim=1).clamp(min=r), seen)
    fines = [(slope - 1).square().mean() for slope in (steep, flat)]
    over = max((slope - 1).relu().max() for slope in (steep, flat))
    outwards = (way * seen).sum(1) / away
    inside, outside = outwards[away < r].mean(), outwards[away > r].mean()
    print(
        f"{ratio:5.2f} {q:8.3f} {formula:8.3f} {fines[0]:8.3f}"
        f"{fines[1]:8.3f} {inside:8.3f} {outside:8.3f}"
    )
    assert abs(q - formula) < 3e-3 and over < 1e-9
    assert fines[0] < 1e-9 and abs(fines[1] - formula) < 3e-3
    assert abs(inside) < 0.02 and abs(outside * (1 - q) - (2 - r)) < 0.01
# %%
lab.show(between, gradient_norms, gradient_penalty)
# %% tags=["strict"]
A = 1.5 * torch.arange(1, 7, dtype=torch.float64).sin().view(3, 2)
b = 0.5 * torch.arange(3, dtype=torch.float64).cos()
v = 2 * torch.arange(2, 5, dtype=torch.float64).cos()
x_hat = torch.arange(10, dtype=torch.float64).sin().view(5, 2)


def penalty(A, b, v, h=torch.tanh, x=x_hat, create_graph=True):
    x = x.detach().requires_grad_()  # (N, d)
    scores = h(x @ A.T + b) @ v  # (N,)
    (gradient,) = torch.autograd.grad(
        scores.sum(), x, create_graph=create_graph
    )  # (N, d)
    slopes = torch.linalg.vector_norm(gradient.flatten(1), dim=1)  # (N,)
    return (slopes - 1).square().mean(), scores, gradient


def by_hand(A, b, v, x=x_hat, curved=True):
    u = x @ A.T + b
    h1 = 1 - u.tanh() ** 2
    h2 = -2 * u.tanh() * h1 * curved
    g = (v * h1) @ A
    beta = 2 * (1 - 1 / g.norm(dim=1, keepdim=True)) * g / len(x)
    back = beta @ A.T  # Aβ
    through = v * h2 * back
    return (
        (v * h1).T @ beta + through.T @ x,
        through.sum(0),
        (h1 * back).sum(0),
    )


def by_differences(A, b, v, step=1e-6):
    found = []
    for k, part in enumerate((A, b, v)):
        slope = torch.zeros_like(part)
        for index in np.ndindex(*part.shape):
            ends = []
            for sign in (1, -1):
                moved = [A.clone(), b.clone(), v.clone()]
                moved[k][index] += sign * step
                ends.append(penalty(*moved)[0])
            slope[index] = (ends[0] - ends[1]) / (2 * step)
        found.append(slope)
    return found


weights = [part.clone().requires_grad_() for part in (A, b, v)]
fine, scores, gradient = penalty(*weights)
for name, tensor in (("x̂", x_hat), ("f", scores), ("∇f", gradient)):
    print(f"{name:3}{tuple(tensor.shape)}")
print(f"P  {fine:.6f}   ∇f: {type(gradient.grad_fn).__name__}")
ways = {
    "autograd": torch.autograd.grad(fine, weights),
    "by hand": by_hand(A, b, v),
    "differences": by_differences(A, b, v),
    "without h''": by_hand(A, b, v, curved=False),
}
print(f"{'∂P/∂A₁₁':>10}{'∂P/∂b₁':>10}{'∂P/∂w₁':>10}")
for name, (on_a, on_b, on_v) in ways.items():
    first = on_a[0, 0], on_b[0], on_v[0]
    print(*(f"{value + 0.0:9.5f}" for value in first), "", lab.t(name))
exact, hand, steps, flat = (
    torch.cat([p.flatten() for p in way]) for way in ways.values()
)
assert (exact - hand).abs().max() < 1e-12
assert 1e-14 < (exact - steps).abs().max() < 1e-7
assert (exact - flat).abs().max() > 0.1
# %% tags=["strict"]
weights = [part.clone().requires_grad_() for part in (A, b, v)]
fine, scores, gradient = penalty(*weights, create_graph=False)
print(f"P  {fine:.6f}   ∇f: {type(gradient.grad_fn).__name__}")
try:
    torch.autograd.grad(fine, weights)
except RuntimeError as error:
    print(lab.t("fine alone"), type(error).__name__)


def minus_w():
    scores = torch.tanh(x_hat @ weights[0].T + weights[1]) @ weights[2]
    return scores[2:].mean() - scores[:2].mean()


(score_only,) = torch.autograd.grad(minus_w(), weights[2])
print(" " * 9, *(f"{g:8.4f}" for g in score_only), lab.t("only -W"))
grads = {}
for key, create in (("complete", True), ("forgotten", False)):
    loss = minus_w() + 10 * penalty(*weights, create_graph=create)[0]
    (grads[key],) = torch.autograd.grad(loss, weights[2])
    print(f"{loss:9.4f}", *(f"{g:8.4f}" for g in grads[key]), lab.t(key))
assert torch.equal(grads["forgotten"], score_only)
assert (grads["complete"] - score_only).abs().max() > 0.5
# %% tags=["strict"]
weights = [part.clone().requires_grad_() for part in (A, b, v)]
fine, *_ = penalty(*weights, h=torch.relu)
on_relu = torch.autograd.grad(
    fine, weights, allow_unused=True, materialize_grads=True
)
for name, part in zip(("A", "b", "w"), on_relu, strict=True):
    print(f"|∂P/∂{name}| = {part.norm():.4f}")
assert (
    on_relu[1].norm() == 0
    and min(on_relu[0].norm(), on_relu[2].norm()) > 0.1
)


def bent(place, height, shape, n=20_000):
    t = even(n)[:, None]
    slopes = gradient_norms(lambda t: height * shape(t - place), t)
    return (slopes - 1).square().mean()


soft = torch.nn.Softplus(beta=20)
for name, shape in (("ReLU", torch.relu), ("softplus", soft)):
    place = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    mean = bent(place, 0.5, shape)
    seen = torch.autograd.grad(
        mean, place, allow_unused=True, materialize_grads=True
    )[0]
    ends = [bent(0.4 + step, 0.5, shape) for step in (0.005, -0.005)]
    true = (ends[0] - ends[1]) / 0.01
    print(f"{seen:7.4f} {true:7.4f}   {name}")
    assert (abs(seen - true) < 1e-3) == (name == "softplus")
assert abs(true) > 0.3
# %% tags=["strict"]
asleep = torch.nn.Linear(3, 1)
torch.nn.init.zeros_(asleep.weight)


def root_of_squares(critic, x, under=0.0, outside=0.0):
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(
        critic(x).sum(), x, create_graph=True
    )
    return (gradient.square().sum(1) + under).sqrt() + outside


x = torch.ones(4, 3)
norms = {
    "vector_norm": gradient_norms,
    "√Σg²": root_of_squares,
    "√Σg² + 10⁻⁸": lambda c, x: root_of_squares(c, x, outside=1e-8),
    "√(Σg² + 10⁻⁸)": lambda c, x: root_of_squares(c, x, under=1e-8),
}
broken = {}
for name, norm in norms.items():
    asleep.zero_grad()
    fine = (norm(asleep, x) - 1).square().mean()
    fine.backward()
    broken[name] = asleep.weight.grad.isnan().any().item()
    print(f"{fine:.4f}  {asleep.weight.grad[0].tolist()}  {name}")
assert list(broken.values()) == [False, True, True, False]


# %% tags=["strict"]
def per_pair(real, fake):
    return between(real, fake)


def per_coordinate(real, fake):
    mix = torch.rand_like(real)
    return mix * real + (1 - mix) * fake


def last_axis(real, fake):
    mix = torch.rand(len(real))
    return mix * real + (1 - mix) * fake


def four_axes(real, fake):
    mix = torch.rand(len(real), 1, 1, 1)
    return mix * real + (1 - mix) * fake


n = 32
ganlib.seed(0)
samples = {
    "points": ganlib.load("ring").sample(2 * n),
    "image digits": ganlib.load("digits", n=2 * n).pixels / 127.5 - 1,
    "image avatars": ganlib.load("avatars", size=32, n=2 * n).pixels
    / 127.5
    - 1,
}
batches = {name: both.chunk(2) for name, both in samples.items()}
for name, (x, y) in batches.items():
    print(f"{lab.t(name)} {tuple(x.shape)}\n{lab.t('epsilon head')}")
    for way in (per_pair, per_coordinate, last_axis, four_axes):
        try:
            seen = way(x, y)
        except RuntimeError as error:
            print(f"{type(error).__name__}   {lab.t(way.__name__)}")
            continue
        if seen.shape != x.shape:
            print(f"{tuple(seen.shape)}   {lab.t(way.__name__)}")
            continue
        line, moved = (x - y).flatten(1), (seen - y).flatten(1)
        place = (moved * line).sum(1) / line.square().sum(1)
        off = (moved - place[:, None] * line).norm(dim=1) / line.norm(
            dim=1
        )
        print(
            f"{place.std():7.2f} {off.mean():7.2f}   {lab.t(way.__name__)}"
        )
        right = way is per_pair or (way is four_axes and x.ndim == 4)
        assert (off.max() < 1e-3) == right
# %% tags=["strict"]
from torch import nn

colours = batches["image avatars"][0].double()


def slope_seen(critic, x, axes):
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x)
    return torch.linalg.vector_norm(gradient, dim=axes)


print(lab.t("norm head"))
for steep in (1 / math.sqrt(3), 1 / math.sqrt(3 * 32 * 32)):
    tilt = lambda x, k=steep: k * x.flatten(1).sum(1)
    pixel = (slope_seen(tilt, colours, 1) - 1).square().mean()
    whole = (gradient_norms(tilt, colours) - 1).square().mean()
    up = torch.full_like(colours[:1], 1 / math.sqrt(3 * 32 * 32))
    rise = (tilt(up) - tilt(0 * up)).item()
    print(f"{rise:6.2f} {pixel:9.4f} {whole:9.4f}")
    assert (pixel < 1e-9) != (whole < 1e-9)


# en: Between the first and the last layer: batch or layer normalisation.
# zh: 首层与末层之间：批量归一化或层归一化。
def normalising(norm, last=True):
    torch.manual_seed(0)
    after = [norm, nn.Linear(16, 1)]
    if not last:
        after = [norm, nn.Tanh(), nn.Linear(16, 1)]
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3072, 16), *after
    ).double()


def own_slope(critic, x):
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x)[0, 0], x)
    return gradient[0].norm().item()


rows = {
    "batch last": normalising(nn.BatchNorm1d(16)),
    "batch first": normalising(nn.BatchNorm1d(16), last=False),
    "layer last": normalising(nn.LayerNorm(16)),
    "layer first": normalising(nn.LayerNorm(16), last=False),
}
print(lab.t("batch norm head"))
for name, critic in rows.items():
    x = colours.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x)
    norm, total = gradient[0].norm().item(), gradient.sum(0).norm().item()
    own = own_slope(critic, colours)
    print(f"{norm:7.4f} {own:7.4f} {total:7.4f}   {lab.t(name)}")
    assert own > 0.005
    assert (abs(norm - own) < 1e-9) == name.startswith("layer")
    assert (total < 1e-9) == name.startswith("batch")
    assert (norm < 1e-9) == (name == "batch last")

from ganlib.errors import GanlibError
from ganlib.gans.wgan_gp import WGANGP

try:
    WGANGP(nn.Linear(8, 2), rows["batch first"], latent_dim=8)
except GanlibError as error:
    print(type(error).__name__)
# %%
lab.show(WGANGP.critic_loss)
# %%
from ganlib.models.mlp import MLPDiscriminator
from ganlib.penalties import clip_weights

WEAK = 0.5
RULES = (
    "weights clipped",
    "two-sided fine",
    "one-sided fine",
    "weak fine",
)


def train_critic(
    draw, rule, steps, weight=10.0, clip=0.1, width=64, start=None
):
    ganlib.seed(lab.seed)
    critic = MLPDiscriminator((2,), widths=(width, width))
    if start:
        critic.load_state_dict(start.state_dict())
    if rule == "weights clipped":
        optimizer = torch.optim.RMSprop(critic.parameters(), clip / 50)
    else:
        optimizer = torch.optim.Adam(
            critic.parameters(), 3e-3, (0.5, 0.9), fused=True
        )
    rate = optimizer.param_groups[0]["lr"]
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        x, y = draw(256)
        loss = critic(y).mean() - critic(x).mean()
        if rule != "weights clipped":
            loss = loss + weight * gradient_penalty(
                critic, x, y, one_sided=rule == "one-sided fine"
            )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if rule == "weights clipped":
            clip_weights(critic, clip)
    return critic


def circle(radius, n):
    turn = 2 * math.pi * torch.rand(n)
    return radius * torch.stack([turn.cos(), turn.sin()], 1)


def says(critic, x, y):
    with torch.no_grad():
        return (critic(x).mean() - critic(y).mean()).item()


def congested(r, R=2.0, weight=10.0, bins=50):
    away = checkpoints(r, R)[0].norm(dim=1)
    share = away.histc(bins, r, R) / len(away)
    return (
        R - r + (((R - r) / bins) ** 2 / share).sum().item() / 2 / weight
    )


radii = (0.5, 1.0, 1.5, 1.9)
steps = lab.pick(smoke=5, cpu=300, gpu=1000)
entrants = {
    "clipped at 0.05": ("weights clipped", 0.05),
    "clipped at 0.1": ("weights clipped", 0.1),
    "two-sided fine": ("two-sided fine", None),
    "one-sided fine": ("one-sided fine", None),
}
trained, told = {}, {}
for name, (rule, clip) in entrants.items():
    for r in radii:
        critic = train_critic(
            lambda n, r=r: (circle(2, n), circle(r, n)),
            rule,
            steps,
            clip=clip,
        )
        trained[name, r] = critic
        told[name, r] = says(critic, circle(2, 4000), circle(r, 4000))
for key, value in (
    ("exact W", lambda r: 2 - r),
    ("congested W", congested),
):
    print(*(f"{value(r):7.3f}" for r in radii), f"   {lab.t(key)}")
for name in entrants:
    print(*(f"{told[name, r]:7.3f}" for r in radii), f"   {lab.t(name)}")
if lab.profile != "smoke":
    for r in radii:
        assert abs(told["one-sided fine", r] - congested(r)) < 0.04
        assert told["clipped at 0.05", r] < told["clipped at 0.1", r] / 4
    assert abs(told["two-sided fine", 1.0] - congested(1.0)) < 0.04
    assert told["two-sided fine", 1.9] < 0.05 < told["one-sided fine", 1.9]
    plane_slope = gradient_norms(
        trained["two-sided fine", 1.9], circle(1.5, 500)
    )
    assert abs(plane_slope.mean() - 1) < 0.05
# %%
# alt-en: TODO
# alt-zh: TODO
fig, (left, right) = viz.panels(2, width=4.2, height=3.3)
LOOKS = {
    "clipped at 0.05": (ochre, ":"),
    "clipped at 0.1": (orange, "--"),
    "two-sided fine": (blue, "-"),
    "one-sided fine": (green, "-"),
}
away, profile = torch.linspace(0.02, 2.4, 120), {}
for name, (color, line) in LOOKS.items():
    share = [told[name, r] / (2 - r) for r in radii]
    left.plot(radii, share, line, marker="o", ms=4, color=color)
    turn = 2 * math.pi * even(48).float()
    spokes = torch.stack([turn.cos(), turn.sin()], 1)
    slope = gradient_norms(
        trained[name, 1.0], (away[:, None, None] * spokes).flatten(0, 1)
    ).detach()
    slope = slope.view(len(away), -1)
    profile[name] = slope.mean(1)
    right.plot(away, profile[name], line, color=color, label=lab.t(name))
    right.fill_between(
        away, slope.amin(1), slope.amax(1), color=color, alpha=0.13, lw=0
    )
if lab.profile != "smoke":
    middle_of = {name: p[away < 0.5].mean() for name, p in profile.items()}
    in_ring = profile["one-sided fine"][(away > 1.1) & (away < 1.9)]
    assert middle_of["two-sided fine"] > middle_of["one-sided fine"] + 0.05
    assert (in_ring - 1 - 0.075).abs().max() < 0.05
for ax in (left, right):
    ax.axhline(1, color=viz.INK, lw=0.9, ls=(0, (4, 3)))
right.axvspan(1, 2, color=grey, alpha=0.12, lw=0)
left.set(xlabel="r", title=lab.t("says / exact"), ylim=(-0.1, 1.4))
right.set(xlabel="|z|", title=lab.t("slope at r = 1"), ylim=(0, 1.6))
fig.legend(
    *right.get_legend_handles_labels(), loc="outside lower center", ncols=4
)
fig
# %%
import functools

import ipywidgets

WORLDS = {
    "8 Gaussians": ganlib.load("ring", protocol="wgan-gp"),
    "swiss roll": ganlib.load("swiss-roll"),
    "25 Gaussians": ganlib.load("grid", protocol="wgan-gp"),
}


def noisy(world, n):
    data = WORLDS[world]
    return data.sample(n), data.sample(n) + torch.randn(n, 2)


@functools.cache
def critic_of(world, rule, weight):
    steps = lab.pick(smoke=5, cpu=400, gpu=2000)
    return train_critic(
        lambda n: noisy(world, n), rule, steps, weight, width=128
    )


def critics(world, weight=10.0):
    fixed = {"weights clipped": 0.0, "weak fine": WEAK}
    return {
        rule: critic_of(world, rule, fixed.get(rule, weight))
        for rule in RULES
    }


def surfaces(world, weight=10.0):
    fig, axes = viz.panels(4, width=2.2, height=2.45)
    ganlib.seed(1)
    x, y = noisy(world, 250)
    for ax, (rule, critic) in zip(
        axes, critics(world, weight).items(), strict=True
    ):
        ax.plot(*y.T, ".", color=orange, ms=2)
        ax.plot(*x.T, ".", color=blue, ms=2.5)
        plane(ax, critic, (-2.6, -2.6), (2.6, 2.6), levels=14)
        ax.set(title=lab.t(rule), xlim=(-2.6, 2.6), ylim=(-2.6, 2.6))
    return fig


if lab.live:
    ipywidgets.interact(
        surfaces,
        world=ipywidgets.Dropdown(
            options=[(lab.t(name), name) for name in WORLDS],
            description=lab.t("data"),
        ),
        weight=ipywidgets.SelectionSlider(
            options=(0.01, 0.1, 1.0, 10.0, 100.0),
            value=10.0,
            description="λ",
            continuous_update=False,
        ),
    )
    shown = None
else:
    shown = viz.player(
        [(world, surfaces(world)) for world in WORLDS],
        caption=lab.t,
        seconds=6,
    )
shown


# %%
def exact(x, y):
    length = torch.cdist(x, y)
    rows, columns = linear_sum_assignment(length)
    return length[rows, columns].mean().item(), columns


def hills(critic, world):
    # en: A heap is found if all points 0.3 away from it are lower.
    # zh: 若离数据堆 0.3 处的点都更低，就算找到了它。
    heaps = WORLDS[world].modes
    if heaps is None:
        return None
    turn = 2 * math.pi * even(16).float()
    around = heaps[:, None] + 0.3 * torch.stack(
        [turn.cos(), turn.sin()], 1
    )
    with torch.no_grad():
        edge = critic(around.flatten(0, 1)).view(len(heaps), 16)
        return (critic(heaps) > edge.amax(1)).sum().item()


measured, slopes, found = {}, {}, {}
n = lab.pick(smoke=100, cpu=500, gpu=2000)
print(lab.t("surfaces head"))
for world in WORLDS:
    ganlib.seed(2)
    x, y = noisy(world, n)
    truth, partner = exact(x, y)
    floor, _ = exact(x, WORLDS[world].sample(n))
    name = lab.t(world)
    print(f"{truth:6.3f}   {lab.t('exact here', floor=floor, name=name)}")
    for rule, critic in critics(world).items():
        looks = {
            "independent pairs": gradient_norms(
                critic, between(x, y)
            ).detach(),
            "optimal pairs": gradient_norms(
                critic, between(x, y[partner])
            ).detach(),
        }
        slopes[world, rule] = looks
        measured[world, rule] = says(critic, x, y), truth
        print(f"{measured[world, rule][0]:6.3f}   ", end="")
        for look in looks.values():
            print(f"{look.mean():6.2f} ± {look.std():4.2f}", end="  ")
        found[world, rule] = hills(critic, world)
        count = found[world, rule]
        print(f"{'' if count is None else count:>2}  {lab.t(rule)}")
        assert lab.profile == "smoke" or (
            looks["optimal pairs"].mean()
            > looks["independent pairs"].mean()
        )
if lab.profile != "smoke":
    assert found["8 Gaussians", "one-sided fine"] == 8
    assert found["8 Gaussians", "weak fine"] == 8
    assert found["8 Gaussians", "two-sided fine"] <= 2
    assert found["8 Gaussians", "weights clipped"] <= 2
    for world in WORLDS:
        two = slopes[world, "two-sided fine"]["independent pairs"]
        assert abs(two.mean() - 1) < 0.05 and two.std() < 0.15
        for rule in ("weights clipped", "weak fine"):
            report, truth = measured[world, rule]
            assert report > 1.3 * truth
# %%
# alt-en: TODO
# alt-zh: TODO
fig, axes = viz.panels(4, width=2.3, height=2.7)
edges = torch.linspace(0, 5, 51)
for ax, rule in zip(axes, RULES, strict=True):
    for pairs, color in (
        ("independent pairs", grey),
        ("optimal pairs", violet),
    ):
        ax.hist(
            slopes["8 Gaussians", rule][pairs].clamp(max=4.99),
            edges,
            color=color,
            alpha=0.55,
            density=True,
            label=lab.t(pairs),
        )
    ax.axvline(1, color=viz.INK, lw=0.9, ls=(0, (4, 3)))
    ax.set(title=lab.t(rule), xlabel="‖∇f‖", yticks=[])
lines = axes[0].get_legend_handles_labels()
fig.legend(*lines, loc="outside lower center", ncols=2)
fig
# %%
from ganlib.gans.wgan import WGAN
from ganlib.models.mlp import MLPGenerator

data = ganlib.load("ring", std=0.05)
steps = lab.pick(smoke=4, cpu=240, gpu=4000)
looks = lab.pick(smoke=2, cpu=8, gpu=20)
n_look = lab.pick(smoke=50, cpu=400, gpu=2000)
adam = {"lr": 1e-3, "beta1": 0.5}
GAMES = {
    "weights clipped": (WGAN, {"clip": 0.1, "lr": 5e-4}),
    "two-sided fine": (WGANGP, adam),
    "one-sided fine": (WGANGP, adam | {"one_sided": True}),
    "weak fine": (WGANGP, adam | {"penalty_weight": WEAK}),
}


def look(trainer):
    x, y = data.sample(n_look), trainer.sample(n_look).cpu()
    critic = trainer.gan.critic
    seen = between(x, y).to(trainer.device)
    return {
        "W exact": exact(x, y)[0],
        "W says": says(critic, x.to(trainer.device), y.to(trainer.device)),
        "slope seen": gradient_norms(critic, seen).mean().item(),
    }


runs, films = {}, {}
for rule, (game, options) in GAMES.items():
    ganlib.seed(lab.seed)
    widths = (64, 64)
    painter = MLPGenerator(data.shape, 8, widths, False, bounded=False)
    critic = MLPDiscriminator(data.shape, widths)
    gan = game(painter, critic, latent_dim=8, **options)
    films[rule] = ganlib.Snapshots(steps // looks, z=gan.latent(400))
    runs[rule] = ganlib.Trainer(
        gan,
        data,
        batch_size=128,
        device=lab.device,
        callbacks=[
            films[rule],
            ganlib.Evaluate(steps // looks, look, "W exact"),
        ],
        progress=lab.progress,
    ).fit(steps)
floor = exact(data.sample(n_look), data.sample(n_look))[0]
print(lab.t("game head"))
print(f"{floor:7.3f}                   {lab.t('two real clouds')}")
late = {}
for rule, run in runs.items():
    late[rule] = [
        np.mean(run.history[key][-looks // 2 :])
        for key in ("W exact", "W says", "slope seen")
    ]
    print(*(f"{value:7.3f}" for value in late[rule]), f"  {lab.t(rule)}")
if lab.profile == "cpu":
    way, told_late, slope = (
        {rule: values[i] for rule, values in late.items()}
        for i in range(3)
    )
    for rule in ("one-sided fine", "weak fine"):
        assert way[rule] < 0.5 < way["two-sided fine"] / 1.3
    assert abs(slope["two-sided fine"] - 1) < 0.1
    assert told_late["one-sided fine"] < way["one-sided fine"]
    assert told_late["weak fine"] > way["weak fine"]
    assert told_late["weights clipped"] < way["weights clipped"] / 2
    reports = runs["two-sided fine"].history["W says"]
    assert min(reports) < 0 < 0.5 < max(reports)
# %%
# alt-en: TODO
# alt-zh: TODO
fig, axes = viz.panels(4, width=2.5, height=2.9)
for ax, (rule, run) in zip(axes, runs.items(), strict=True):
    history = run.history
    for key, color, line in (
        ("W exact", viz.INK, "-"),
        ("W says", orange, "--"),
    ):
        ax.plot(
            history.steps(key),
            history[key],
            line,
            color=color,
            lw=1.8,
            label=lab.t(key),
        )
    ax.axhline(floor, color=grey, lw=0.9, ls=":")
    ax.set(title=lab.t(rule), xlabel=lab.t("step"), ylim=(-1.5, 2))
lines = axes[0].get_legend_handles_labels()
fig.legend(*lines, loc="outside lower center", ncols=2)
fig
# %%
# alt-en: TODO
# alt-zh: TODO
truth = data.sample(400)
fig, axes = viz.panels(4, width=2.4, height=2.6)
for ax, (rule, film) in zip(axes, films.items(), strict=True):
    ax.plot(*truth.T, ".", color=blue, ms=2.5)
    ax.plot(*film.frames[-1][1].T, ".", color=orange, ms=2.5)
    ax.set(title=lab.t(rule), xlim=(-1.6, 1.6), ylim=(-1.6, 1.6))
    ax.set(xticks=[], yticks=[], aspect="equal")
fig
# %%
from ganlib.models.resnet import ResNetDiscriminator, ResNetGenerator

size, width = lab.pick(smoke=(16, 8), cpu=(16, 24), gpu=(32, 128))
faces = lab.load(size=size, n=lab.pick(smoke=64, cpu=8000, gpu=20_000))
latent_dim = 64
ganlib.seed(lab.seed)
painter = ResNetGenerator(faces.shape, latent_dim, width)
critic = ResNetDiscriminator(faces.shape, width, norm="layer")
gan = WGANGP(
    painter,
    critic,
    latent_dim,
    n_critic=lab.pick(smoke=1, cpu=2, gpu=5),
    lr=lab.pick(smoke=1e-3, cpu=1e-3, gpu=1e-4),
)
for name, player in gan.players().items():
    count = sum(p.numel() for p in player.parameters())
    print(lab.t("parameters", name=name, n=count))
steps = lab.pick(smoke=3, cpu=400, gpu=20_000)
film = ganlib.Snapshots(max(1, steps // 10), z=gan.latent(16))
trainer = ganlib.Trainer(
    gan,
    faces,
    batch_size=32,
    device=lab.device,
    callbacks=[film],
    ema_half_life=lab.pick(smoke=100, cpu=1000, gpu=10_000),
    log_every=max(1, steps // 40),
    progress=lab.progress,
).fit(steps)
viz.player(film.frames, 8, scale=3, seconds=8)
# %%
# alt-en: TODO
# alt-zh: TODO
viz.grid(
    {
        lab.t("real"): faces.pixels[:24],
        lab.t("generated"): trainer.sample(24),
    },
    columns=6,
    scale=2.4,
)
# %%
# alt-en: TODO
# alt-zh: TODO
fig, (left, right) = viz.panels(2, width=4.2, height=3.0)
history = trainer.history
for key, word, color in (
    ("W", "W says", orange),
    ("penalty", "weighted fine", violet),
):
    at = history.steps(key)
    left.plot(at, history[key], color=color, label=lab.t(word))
left.set(xlabel=lab.t("step"), yscale="symlog")
left.legend()
n = lab.pick(smoke=64, cpu=256, gpu=256)
x = faces.batch(n).images.to(lab.device)
y = trainer.sample(n).to(lab.device)
slope = gradient_norms(gan.critic, between(x, y)).detach().cpu()
right.hist(slope, 40, color=violet, alpha=0.7, density=True)
right.axvline(1, color=viz.INK, lw=0.9, ls=(0, (4, 3)))
right.set(xlabel="‖∇f‖", yticks=[], title=lab.t("slopes at checkpoints"))
fig
# %% tags=["strict"]
from torch.utils.flop_counter import FlopCounterMode


def critic_turn(critic, x, weight=10.0):
    y = -x
    loss = critic(y).mean() - critic(x).mean()
    if weight:
        loss = loss + weight * gradient_penalty(critic, x, y)
    loss.backward()


def products(critic, x, weight):
    # en: The counter cannot look at a layer whose input is a leaf.
    # zh: 层的输入若是叶子张量，计数器就看不了。
    def behind(x):
        return critic(x.view_as(x))

    with FlopCounterMode(display=False) as counter:
        critic_turn(behind, x, weight)
    return counter.get_total_flops() / 2


def deep(depth, width=64):
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(width, 1))


n = 32
for depth in (1, 4, 16):
    critic = deep(depth)
    x = torch.ones(n, 64)
    one = n * (depth * 64 * 64 + 64)
    plain, fined = (products(critic, x, w) / one for w in (0, 10))
    print(f"{depth:3} {plain:6.2f} N {fined:6.2f} N {fined / plain:6.2f}")
assert 5.8 < plain < 6 and 11.5 < fined < 12.1
# %%
import time


def seconds(critic, x, weight, rounds):
    critic_turn(critic, x, weight)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        critic_turn(critic, x, weight)
        times.append(time.perf_counter() - start)
    return np.median(times)


rounds = lab.pick(smoke=2, cpu=15, gpu=30)
digits = torch.zeros(64, 1, 28, 28)
portraits = torch.zeros(32, 3, 16, 16)
players = {
    "MLP 784-512-256-1": (MLPDiscriminator(digits.shape[1:]), digits),
    "ResNet 3×16×16": (
        ResNetDiscriminator(portraits.shape[1:], 24, norm="layer"),
        portraits,
    ),
}
print(lab.t("cost head"))
for name, (critic, x) in players.items():
    plain, fined = (seconds(critic, x, w, rounds) for w in (0, 10))
    flops = products(critic, x, 10) / products(critic, x, 0)
    print(
        f"{1e3 * plain:7.1f} ms {1e3 * fined:7.1f} ms"
        f" {fined / plain:5.2f} ({flops:.2f})  {name}"
    )
