# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("ganlib") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "git+@REPOSITORY@"], check=True)
if importlib.util.find_spec("ot") is None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "pot"]
    subprocess.run(pip, check=True)

import ganlib

lab = ganlib.Lab(
    "06-wgan",
    lang="@LANG@",
    data={"smoke": "digits", "cpu": "digits", "gpu": "mnist"},
)
# %% tags=["strict"]
import numpy as np
import ot
from scipy.optimize import linprog

rng = np.random.default_rng(6)
sand = rng.normal(size=(6, 2)) + (-1.5, 0)
pits = rng.normal(size=(6, 2)) + (1.5, 0)
p, q = rng.dirichlet(np.full(6, 4.0), size=2)
way = np.linalg.norm(sand[:, None] - pits, axis=-1)
leaves = np.kron(np.eye(6), np.ones(6))
arrives = np.kron(np.ones(6), np.eye(6))

carts = linprog(
    way.ravel(),
    A_eq=np.vstack([leaves, arrives]),
    b_eq=np.concatenate([p, q]),
)
plan = carts.x.reshape(6, 6)
by_pot = ot.emd2(p, q, way)
print(f"{carts.fun:.9f}  linprog")
print(f"{by_pot:.9f}  POT")
assert abs(carts.fun - by_pot) < 1e-9

half = linprog(way.ravel(), A_eq=arrives, b_eq=q)
print(f"{half.fun:.9f}  {lab.t('arrivals only')}")
print(f"{p @ way @ q:.9f}  {lab.t('everything everywhere')}")
assert half.fun < by_pot - 0.1 < by_pot + 0.1 < p @ way @ q
# %% tags=["strict"]
# en: Two price lists: u where sand is fetched, v where it is delivered.
# zh: 两张价目表：取沙处的 u，送到处的 v。
prices = linprog(
    -np.concatenate([p, q]),
    A_ub=np.hstack([leaves.T, arrives.T]),
    b_ub=way.ravel(),
    bounds=(None, None),
)
# en: One landscape: heights f of all twelve places, no slope above 1.
# zh: 一片地形：十二处各有高度 f，坡度都不超过 1。
places = np.vstack([sand, pits])
apart = np.linalg.norm(places[:, None] - places, axis=-1)
i, j = np.nonzero(~np.eye(12, dtype=bool))
rows = np.arange(len(i))
drop = np.zeros((len(i), 12))
drop[rows, i], drop[rows, j] = 1, -1
surplus = np.concatenate([p, -q])
hills = linprog(
    -surplus, A_ub=drop, b_ub=apart[i, j], bounds=(None, None)
)
print(f"{by_pot:.9f}  {lab.t('plan')}")
print(f"{-prices.fun:.9f}  {lab.t('two price lists')}")
print(f"{-hills.fun:.9f}  {lab.t('one landscape')}")
assert abs(-prices.fun - by_pot) < 1e-9
assert abs(-hills.fun - by_pot) < 1e-9

steep = linprog(
    -surplus, A_ub=drop, b_ub=2 * apart[i, j], bounds=(None, None)
)
print(f"{-steep.fun:.9f}  {lab.t('slope 2')}")
assert abs(-steep.fun - 2 * by_pot) < 1e-9
# %% tags=["strict"]
height = hills.x
slope = (height[:6, None] - height[6:]) / way
used = plan > 1e-9
print(lab.t("pairs used", used=used.sum(), all=used.size))
print(lab.t("slopes", low=slope[used].min(), high=slope[used].max()))
print(lab.t("slopes", low=slope[~used].min(), high=slope[~used].max()))
assert np.abs(slope[used] - 1).max() < 1e-9
assert slope[~used].max() < 0.999
# %%
# alt-en: TODO
# alt-zh: TODO
from ganlib import viz

blue, orange, green, violet, ochre, grey = viz.COLORS
across, up = np.linspace(-4.7, 3.9, 173), np.linspace(-2.4, 2.4, 97)
field = np.stack(np.meshgrid(across, up), -1)
reach = np.linalg.norm(field[..., None, :] - places, axis=-1)
height = height - height.mean()
extended = {
    "highest": (height + reach).min(-1),
    "lowest": (height - reach).max(-1),
}
fig, axes = viz.panels(2, width=3.9, height=3.3)
for ax, (name, land) in zip(axes, extended.items(), strict=True):
    ax.contourf(*field.T, land.T, levels=24, cmap="Greys_r", alpha=0.6)
    for a, b in zip(*np.nonzero(used), strict=True):
        ax.annotate(
            "",
            pits[b],
            sand[a],
            arrowprops={
                "arrowstyle": "-|>",
                "color": green,
                "lw": 0.6 + 14 * plan[a, b],
                "shrinkA": 0,
                "shrinkB": 3,
            },
        )
    ax.scatter(*sand.T, s=450 * p, color=blue, zorder=3)
    ax.scatter(*pits.T, s=450 * q, color=orange, zorder=3)
    ax.set(title=lab.t(name), aspect="equal", xticks=[], yticks=[])
    ax.grid(visible=False)
fig
# %%
import torch
from ganlib.models.mlp import MLPDiscriminator


def steepest(scores, apart):
    rise = scores[:, None] - scores
    return (rise / apart.clamp(min=1e-9)).max()


ganlib.seed(lab.seed)
net = MLPDiscriminator((2,), widths=(64, 64))
adam = torch.optim.Adam(net.parameters(), lr=2e-3)
x, gaps, mass = (
    torch.as_tensor(array, dtype=torch.float32)
    for array in (places, apart, surplus)
)
for step in range(lab.pick(smoke=20, cpu=400, gpu=400) + 1):
    scores = net(x)
    gain, steep = mass @ scores, steepest(scores, gaps)
    if step % 100 == 0:
        print(f"{step:4}  {gain:7.3f} / {steep:6.3f} = {gain / steep:.4f}")
        assert gain / steep < by_pot + 1e-5
    adam.zero_grad()
    (-gain / steep).backward()
    adam.step()
print(f"W₁ {by_pot:28.4f}")
assert lab.profile == "smoke" or gain / steep > 0.95 * by_pot
# %% tags=["strict"]
import math

line = torch.linspace(-8, 12, 20_001, dtype=torch.float64)
width = 0.5


def density(centre):
    z = (line - centre) / width
    return (-z.square() / 2).exp() / (width * math.sqrt(2 * math.pi))


def js(p, q):
    m = (p + q) / 2
    both = torch.xlogy(p, p / m) + torch.xlogy(q, q / m)
    return torch.trapezoid(both.nan_to_num() / 2, line)


def w1(p, q):
    dx = line[1] - line[0]
    return ((p - q).cumsum(0) * dx).abs().sum() * dx


def slope_of(distance, offset, h=1e-3):
    near, far = (
        distance(density(0), density(offset + d)) for d in (-h, h)
    )
    return (far - near) / (2 * h)


print("   θ     W₁  slope       JS    slope".replace("slope", lab.t("slope")))
for offset in (0.5, 1.0, 2.0, 3.0, 4.0):
    pair = density(0), density(offset)
    found = w1(*pair), slope_of(w1, offset), js(*pair), slope_of(js, offset)
    print(
        "{:4.1f}  {:5.3f}  {:5.3f}  {:7.5f}  {:7.5f}".format(
            offset, *found
        )
    )
    assert abs(found[0] - offset) < 1e-3 and abs(found[1] - 1) < 1e-3
assert math.log(2) - found[2] < 1e-3 and found[3] < 1e-3
# %%
from ganlib import losses
from torch.func import functional_call, stack_module_state, vmap

offsets = torch.linspace(0, 4, 9)
n = 150
ganlib.seed(lab.seed)
real = width * torch.randn(len(offsets), n, 1)
fake = width * torch.randn(len(offsets), n, 1) + offsets[:, None, None]
together = torch.cat([real, fake], 1)
order = together[..., 0].argsort(1)
gap = together[..., 0].gather(1, order).diff().clamp(min=1e-6)


def scores_of(nets, x):
    return vmap(lambda net, x: functional_call(shape, net, (x,)))(nets, x)


def steepness(scores):
    return (scores.gather(1, order).diff() / gap).abs().amax(1)


def gain(scores):
    return scores[:, :n].mean(1) - scores[:, n:].mean(1)


def judged(scores):
    return vmap(losses.non_saturating.discriminator)(
        scores[:, :n], scores[:, n:]
    )


c = 0.1
judges = {
    "discriminator": judged,
    "clipped critic": lambda scores: -gain(scores),
    "critic in units": lambda scores: -gain(scores) / steepness(scores),
}
shape = MLPDiscriminator((1,), widths=(64, 64))
trained, said = {}, {}
for name, loss in judges.items():
    ganlib.seed(lab.seed)
    nets, _ = stack_module_state(
        [MLPDiscriminator((1,), widths=(64, 64)) for _ in offsets]
    )
    numbers = list(nets.values())
    if name == "clipped critic":
        optimizer = torch.optim.RMSprop(numbers, lr=c / 100)
    else:
        optimizer = torch.optim.Adam(numbers, lr=2e-3)
    for _ in range(lab.pick(smoke=10, cpu=400, gpu=400)):
        optimizer.zero_grad()
        loss(scores_of(nets, together)).sum().backward()
        optimizer.step()
        if name == "clipped critic":
            for number in numbers:
                number.data.clamp_(-c, c)
    trained[name] = nets
    with torch.no_grad():
        said[name] = loss(scores_of(nets, together))
# %%
from ganlib.metrics.transport import wasserstein

exact = torch.tensor(
    [wasserstein(a, b).value for a, b in zip(real, fake, strict=True)]
)
readings = {
    "W1 of the samples": exact,
    "critic in units": -said["critic in units"],
    "clipped critic": -said["clipped critic"],
    "JS from D": math.log(2) - said["discriminator"] / 2,
    "JS of the laws": torch.stack(
        [js(density(0), density(offset)) for offset in offsets.double()]
    ),
}
for name, values in readings.items():
    print(*(f"{value:6.3f}" for value in values), " ", lab.t(name))
# %%
# alt-en: TODO
# alt-zh: TODO
fig, (left, right) = viz.panels(2, width=3.8, height=3.0)
STYLES = {
    "W1 of the samples": (left, blue, "-"),
    "critic in units": (left, orange, "o"),
    "clipped critic": (left, grey, "s:"),
    "JS of the laws": (right, blue, "-"),
    "JS from D": (right, orange, "o"),
}
for name, (ax, color, line_style) in STYLES.items():
    ax.plot(
        offsets, readings[name], line_style, color=color, label=lab.t(name)
    )
right.axhline(math.log(2), color=grey, lw=1, ls=":")
for ax in (left, right):
    ax.set(xlabel=lab.t("offset"), ylim=(0, None))
    ax.legend()
left.set_ylim(0, 10)
fig
# %%
ratio = readings["critic in units"] / exact
unit = readings["clipped critic"] / exact
print(*(f"{value:6.3f}" for value in ratio), " ", lab.t("critic in units"))
print(*(f"{value:6.3f}" for value in unit), " ", lab.t("clipped critic"))
assert (ratio < 1 + 1e-5).all()
if lab.profile != "smoke":
    assert ratio[1:].min() > 0.9
    assert unit[1:].max() / unit[1:].min() > 1.4
    late = offsets >= 2.5
    js_read = readings["JS from D"][late]
    assert js_read.max() - js_read.min() < 0.03
    assert readings["critic in units"][late].diff().min() > 0.2
# %%
import ipywidgets

seen = torch.linspace(-2, 6, 321)


def on_the_line(name):
    x = seen.expand(len(offsets), -1)[..., None]
    with torch.no_grad():
        return scores_of(trained[name], x)


with torch.no_grad():
    scale = steepness(
        scores_of(trained["critic in units"], together)
    )
f = on_the_line("critic in units") / scale[:, None]
d = on_the_line("discriminator").sigmoid()


def judges_at(offset):
    k = int((offsets - offset).abs().argmin())
    fig, (left, right) = viz.panels(2, width=3.6, height=2.8)
    for ax, low, high in ((left, -5, 4.2), (right, 0, 1.1)):
        for cloud, color in ((real[k], blue), (fake[k], orange)):
            ax.hist(
                cloud[:, 0],
                bins=40,
                range=(-2, 6),
                bottom=low,
                weights=torch.full((n,), (high - low) / n),
                color=color,
                alpha=0.35,
            )
        ax.set(xlabel="x", xlim=(-2, 6), ylim=(low, high))
    left.plot(seen, f[k] - f[k].mean(), color=green)
    right.plot(seen, d[k], color=green)
    left.set(title=lab.t("critic in units"))
    right.set(title="D(x)")
    return fig


if lab.live:
    ipywidgets.interact(
        judges_at,
        offset=ipywidgets.FloatSlider(
            2, min=0, max=4, step=0.5, description=lab.t("offset")
        ),
    )
    shown = None
else:
    shown = viz.player(
        [(o, judges_at(o)) for o in offsets.tolist()],
        caption=f"{lab.t('offset')} {{:.1f}}".format,
    )
shown
# %%
x = fake.clone().requires_grad_()
heights = scores_of(trained["critic in units"], x) / scale[:, None]
(uphill,) = torch.autograd.grad(heights.sum(), x)
logits = scores_of(trained["discriminator"], x)
paid = vmap(losses.minimax.generator)(logits) * n
(pull,) = torch.autograd.grad(paid.sum(), x)
w_slope = uphill.abs().mean((1, 2))
js_slope = pull.abs().mean((1, 2))
print(*(f"{value:7.4f}" for value in offsets), " ", lab.t("offset"))
print(*(f"{value:7.4f}" for value in w_slope), " ", lab.t("critic in units"))
print(*(f"{value:7.4f}" for value in js_slope), " ", lab.t("minimax"))
# %% tags=["strict"]
from ganlib.gans.wgan import WGAN

lab.show(WGAN.critic_loss, WGAN.generator_loss, WGAN.clip_critic)
# %%
ring = ganlib.load("ring", std=0.05).to(lab.device)
ganlib.seed(lab.seed)
gan = ganlib.build(
    "wgan",
    ring.shape,
    model="mlp-toy",
    latent_dim=12,
    n_critic=5,
    clip=0.1,
    lr=5e-4,
)
held, other = ring.sample(400), ring.sample(400)
floor = wasserstein(held, other).value
plane = 1.6 * torch.cartesian_prod(*2 * [torch.linspace(-1, 1, 49)])
film = []


def look(trainer):
    made = trainer.sample(400)
    critic = trainer.gan.critic
    with torch.no_grad():
        scores = critic(torch.cat([held, made]))
        land = critic(plane.to(lab.device)).cpu()
    apart = torch.cdist(*2 * [torch.cat([held, made])])
    value = scores[:400].mean() - scores[400:].mean()
    film.append((trainer.step, made.cpu(), land))
    return {
        "W1": wasserstein(held, made, other=other).value,
        "critic": value,
        "critic / slope": value / steepest(scores, apart),
    }


steps = lab.pick(smoke=10, cpu=400, gpu=4000)
looks = lab.pick(smoke=2, cpu=20, gpu=20)
run = ganlib.Trainer(
    gan,
    ring,
    batch_size=64,
    device=lab.device,
    callbacks=[ganlib.Evaluate(steps // looks, look, "W1")],
    progress=lab.progress,
).fit(steps)
history = run.history
for name in ("W1", "critic", "critic / slope", "at ±c"):
    values = history[name]
    print(*(f"{v:6.3f}" for v in values[:: max(1, len(values) // 8)]), name)
print(f"{floor:.3f}")
# %%
pale = {"colors": viz.INK, "linewidths": 0.6, "alpha": 0.5}


def moment(k):
    step, made, land = film[k]
    fig, (ax,) = viz.panels(width=3.6, height=3.6)
    levels = land.unflatten(0, (49, 49)).T
    ax.contourf(
        *plane.unflatten(0, (49, 49)).permute(2, 1, 0)[[0, 1]],
        levels,
        levels=20,
        cmap="Greys_r",
        alpha=0.6,
    )
    ax.scatter(*held.cpu().T, s=3, color=blue, linewidths=0)
    ax.scatter(*made.T, s=3, color=orange, linewidths=0)
    ax.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    return fig


viz.player([(film[k][0], moment(k)) for k in range(0, len(film), 2)])
# %% tags=["strict"]
def linear(net):
    return [m for m in net.modules() if isinstance(m, torch.nn.Linear)]


def bound(net, c):
    sizes = [layer.weight.numel() for layer in linear(net)]
    return math.prod(c * math.sqrt(size) for size in sizes)


judge = MLPDiscriminator((1, 28, 28), widths=(512, 256)).double()
c = 0.01
print(lab.t("largest slope", bound=bound(judge, c)))
for number in judge.parameters():
    number.data.fill_(0 if number.ndim == 1 else c)
white = torch.ones(1, 1, 28, 28, dtype=torch.float64)
rise = (judge(white) - judge(0 * white)) / white.norm()
print(lab.t("reached", slope=rise.item()))
assert abs(rise - bound(judge, c)) < 1e-9
g = torch.Generator().manual_seed(0)
for layer in linear(judge):
    coins = torch.randint(0, 2, layer.weight.shape, generator=g)
    layer.weight.data = c * (2.0 * coins - 1).double()
x = torch.rand(200, 1, 28, 28, generator=g).double().requires_grad_()
(gradient,) = torch.autograd.grad(judge(x).sum(), x)
typical = gradient.flatten(1).norm(dim=1).square().mean().sqrt()
print(lab.t("by coins", slope=typical))
assert typical < bound(judge, c) / 500
# %%
deep = 6 * (128,)
cloud = ring.sample(128).cpu()
blob = 0.5 * torch.randn(128, 2)


def fit(c, steps):
    ganlib.seed(lab.seed)
    net = MLPDiscriminator((2,), deep)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=(c or 1) / 100)
    ganlib.penalties.clip_weights(net, c)
    start = [layer.weight.detach().clone() for layer in linear(net)]
    for _ in range(steps):
        loss = net(blob).mean() - net(cloud).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ganlib.penalties.clip_weights(net, c)
    return net, start


def by_layer(net):
    x = torch.cat([cloud, blob]).requires_grad_()
    kept, h = [x], x
    for layer in net.layers:
        h = layer(h)
        if isinstance(layer, torch.nn.LeakyReLU):
            kept.append(h)
    slopes = torch.autograd.grad(h.sum(), kept)
    return [s.norm(dim=1).square().mean().sqrt() for s in slopes]


clips = (0.01, 0.1, 0.5)
fitted = {
    c: fit(c, lab.pick(smoke=5, cpu=300, gpu=1000)) for c in clips
}
for c, (net, start) in fitted.items():
    weights = torch.cat([m.weight.detach().flatten() for m in linear(net)])
    before = torch.cat([w.flatten() for w in start])
    walls = [(w.abs() > 0.99 * c).float().mean() for w in (before, weights)]
    with torch.no_grad():
        v = net(cloud).mean() - net(blob).mean()
    print(c, *(f"{w:.2f}" for w in walls), f"{v:.3g}", *(f"{s:.2g}" for s in by_layer(net)))
