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
print(f"{w:.6f}  {lab.t('primal')}")
print(f"{-dual.fun:.6f}  {lab.t('dual')}")
assert abs(w + dual.fun) < 1e-6
# %% tags=["strict"]
def upper(z):
    return (value[6:] + torch.cdist(z, fake)).amin(1)


def lower(z):
    return (value[:6] - torch.cdist(z, real)).amax(1)


def middle(z):
    return (upper(z) + lower(z)) / 2


best = {"upper": upper, "lower": lower, "middle": middle}
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
    side = [torch.linspace(a, b, n) for a, b in zip(low, high, strict=True)]
    y, x = torch.meshgrid(side[1], side[0], indexing="ij")
    with torch.no_grad():
        z = torch.stack([x, y], -1).flatten(0, 1)
        heights = critic(z).view(n, n)
    ax.contour(x, y, heights, levels, colors=grey, linewidths=0.7)
    ax.set(xticks=[], yticks=[], aspect="equal")
    return heights


def twelve(name):
    def critic(z):
        return best[name](z.double())

    return critic


fig, axes = viz.panels(3, width=3.0, height=3.1)
for ax, name in zip(axes, best, strict=True):
    plane(ax, twelve(name), (-3.2, -1.8), (2.6, 3.0))
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


print(f"{lab.t('circles head')}")
for ratio in (0.1, 0.5, 0.9, 0.99):
    r = 2 * ratio
    seen, way = checkpoints(r)
    away = seen.norm(dim=1)
    q, formula = (away < r).double().mean(), 2 / math.pi * math.asin(ratio)
    steep = gradient_norms(lambda z: z.norm(dim=1), seen)
    flat = gradient_norms(
        lambda z, r=r: z.norm(dim=1).clamp(min=r), seen
    )
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
exact, hand, steps, flat = (torch.cat([p.flatten() for p in way])
                            for way in ways.values())
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
    print(lab.t("alone"), type(error).__name__)
grads = {}
for key, create in (("complete", True), ("forgotten", False)):
    fine, scores, _ = penalty(*weights, create_graph=create)
    loss = 10 * fine - scores[:2].mean() + scores[2:].mean()
    grads[key] = torch.autograd.grad(loss, weights, retain_graph=True)[2]
    print(f"{loss:.4f}", *(f"{g:8.4f}" for g in grads[key]), lab.t(key))
score_only = torch.autograd.grad(
    scores[2:].mean() - scores[:2].mean(), weights
)[2]
assert torch.allclose(grads["forgotten"], score_only)
assert (grads["complete"] - score_only).abs().max() > 0.5
# %% tags=["strict"]
weights = [part.clone().requires_grad_() for part in (A, b, v)]
fine, *_ = penalty(*weights, h=torch.relu)
on_relu = torch.autograd.grad(
    fine, weights, allow_unused=True, materialize_grads=True
)
for name, part in zip(("A", "b", "w"), on_relu, strict=True):
    print(f"|∂P/∂{name}| = {part.norm():.4f}")
assert on_relu[1].norm() == 0 and min(
    on_relu[0].norm(), on_relu[2].norm()
) > 0.1


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
    ends = [bent(torch.tensor(0.4 + s, dtype=torch.float64), 0.5, shape)
            for s in (0.005, -0.005)]
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


n = 32
batches = {
    "points": [ganlib.load("ring").sample(n) for _ in range(2)],
    "digits": ganlib.load("digits", n=2 * n).batch(2 * n).images.chunk(2),
    "avatars": ganlib.load(
        "avatars", size=32, n=2 * n
    ).batch(2 * n).images.chunk(2),
}
ganlib.seed(0)
for name, (real_batch, fake_batch) in batches.items():
    print(lab.t(name), tuple(real_batch.shape))
    for way in (per_pair, per_coordinate, last_axis):
        try:
            seen = way(real_batch, fake_batch)
        except RuntimeError as error:
            print(f"   {lab.t(way.__name__)}: {type(error).__name__}")
            continue
        step = (real_batch - fake_batch).flatten(1)
        moved = (seen - fake_batch).flatten(1)
        place = (moved * step).sum(1) / step.square().sum(1)
        off = (moved - place[:, None] * step).norm(dim=1) / step.norm(dim=1)
        print(
            f"   {lab.t(way.__name__)}: {seen.numel() // real_batch.numel()}"
            f"×, {place.std():.2f}, {off.mean():.2f}"
        )
        assert (off.max() < 1e-3) == (way is per_pair)
