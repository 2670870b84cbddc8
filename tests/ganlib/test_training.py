"""The trainer: it plays every kind of game, resumes to the same bytes, averages, logs and stops cleanly."""

import math
import os
import random
import signal
import threading

import numpy as np
import pytest
import torch
from torch import nn

import ganlib
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.gans.base import Phase, Player, adam, evaluating
from ganlib.gans.gan import VanillaGAN
from ganlib.training import EMA, Every, Snapshots, Trainer, TrainingDiverged, checkpoint, rng
from ganlib.training.acceleration import Engine

from .games import GAMES, Cloud, Cycle, Growing, Lazy, PenalisedCritic, mlp


def trainer(game=PenalisedCritic, seed=0, **options):
    ganlib.seed(seed)
    options = {"batch_size": 16, "device": "cpu", "progress": False} | options
    return Trainer(game(), Cloud(), **options)


def tensors(t):
    found = [*t.gan.state_dict().values()] + [*(t.ema.state_dict().values() if t.ema else [])]
    return [x.clone() for x in found]


def same(a, b):
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# -- the contract ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("game", GAMES)
def test_plays_and_resumes_to_the_same_bytes(game, tmp_path):
    whole = trainer(game, ema_half_life=100).fit(20)
    whole.save(tmp_path / "half.safetensors")
    whole.fit(20)
    again = trainer(game, seed=1, ema_half_life=100).resume(tmp_path / "half.safetensors")
    assert again.step == 20
    again.fit(20)
    assert same(tensors(whole), tensors(again))
    assert again.history.state_dict()["series"] == whole.history.state_dict()["series"]
    assert all(torch.isfinite(x).all() for x in tensors(whole))


@pytest.mark.parametrize("lost", ["optimizers", "rng", "ema"])
def test_the_resume_test_would_notice_a_lost_part(lost, tmp_path, monkeypatch):
    whole = trainer(ema_half_life=100).fit(20)
    whole.save(tmp_path / "half.safetensors")
    whole.fit(10)
    again = trainer(seed=1, ema_half_life=100)
    if lost == "optimizers":
        monkeypatch.setattr(torch.optim.Adam, "load_state_dict", lambda self, state: None)
    elif lost == "rng":
        monkeypatch.setattr(rng, "restore", lambda state, device: None)
    else:
        monkeypatch.setattr(EMA, "load_state_dict", lambda self, state: None)
    again.resume(tmp_path / "half.safetensors").fit(10)
    assert not same(tensors(whole), tensors(again))


def test_repeats_draw_fresh_batches():
    t = trainer()
    t.fit(3)
    assert t.data.drawn == 3 * (5 + 1)


def test_repeats_may_depend_on_the_step():
    class Warm(PenalisedCritic):
        def phases(self):
            return [
                Phase("critic", self.critic_loss, repeats=lambda step: 7 if step < 2 else 1),
                Phase("generator", self.generator_loss),
            ]

    t = trainer(Warm)
    t.fit(5)
    assert t.data.drawn == 2 * 7 + 3 * 1 + 5


def test_lazy_phases_are_played_every_k_steps_weighted_by_k():
    t = trainer(Lazy)
    t.fit(33)
    assert (len(t.gan.played["r1"]), len(t.gan.played["path"])) == (3, 5)
    # Adam's correction, c = k/(k+1)
    critic, generator = t.optimizers["critic"].param_groups[0], t.optimizers["generator"].param_groups[0]
    assert critic["lr"] == pytest.approx(1e-3 * 16 / 17)
    assert critic["betas"] == pytest.approx((0.0, 0.9 ** (16 / 17)))
    assert generator["lr"] == pytest.approx(1e-3 * 8 / 9)

    class OnlyLazy(PenalisedCritic):
        def phases(self):
            return [Phase("critic", self.term, every=4)]

        def players(self):
            return {"critic": Player(self.critic, lambda p, c: torch.optim.SGD(p, lr=1.0))}

        def term(self, batch):
            return {"t": sum(p.sum() for p in self.critic.parameters())}, {}

    t = trainer(OnlyLazy)
    before = next(t.gan.critic.parameters()).clone()
    t.fit(1)
    assert torch.allclose(before - next(t.gan.critic.parameters()), torch.full_like(before, 4.0))


def test_two_lazy_intervals_of_one_player_are_refused():
    class Two(Lazy):
        def phases(self):
            return [Phase("critic", self.r1, every=16), Phase("critic", self.plain, every=4)]

    with pytest.raises(GanlibError, match=r"'critic' has the lazy intervals \[4, 16\]"):
        trainer(Two)


def test_only_the_player_whose_turn_it_is_moves():
    seen = {}

    class Spy(PenalisedCritic):
        def critic_loss(self, batch):
            seen["critic"] = [[p.requires_grad for p in m.parameters()] for m in (self.critic, self.generator)]
            return super().critic_loss(batch)

        def generator_loss(self, batch):
            seen["generator"] = [[p.requires_grad for p in m.parameters()] for m in (self.critic, self.generator)]
            return super().generator_loss(batch)

    t = trainer(Spy)
    t.fit(1)
    assert seen["critic"] == [[True] * 4, [False] * 4]
    assert seen["generator"] == [[False] * 4, [True] * 4]
    assert all(p.requires_grad for p in t.gan.parameters())  # as before, once fit is over


def test_a_frozen_trunk_stays_frozen():
    class Trunk(PenalisedCritic):
        def __init__(self):
            super().__init__()
            self.critic[0].requires_grad_(False)

    t = trainer(Trunk)
    before = t.gan.critic[0].weight.clone()
    t.fit(3)
    assert torch.equal(before, t.gan.critic[0].weight)
    assert not t.gan.critic[0].weight.requires_grad
    assert t.gan.critic[2].weight.requires_grad


def test_learning_rate_follows_the_player():
    t = trainer(Cycle)
    t.fit(21)
    assert t.optimizers["judges"].param_groups[0]["lr"] == pytest.approx(2e-3 * 0.5)


def test_schedule_sets_the_batch_size_and_the_images_seen():
    t = trainer(Growing)
    t.fit(15)
    assert t.batch_size == 8
    assert t.images_seen == 13 * 16 + 2 * 8  # 208 ≥ 200 after 13 steps
    assert t.gan.alpha.item() == pytest.approx((13 * 16 + 8) / 400)


def test_after_step_runs_after_each_step():
    class Clipped(PenalisedCritic):
        def phases(self):
            clip = lambda: [p.data.clamp_(-0.01, 0.01) for p in self.critic.parameters()]
            return [Phase("critic", self.critic_loss, repeats=2, after_step=clip)]

    t = trainer(Clipped)
    t.fit(2)
    assert max(p.abs().max() for p in t.gan.critic.parameters()) <= 0.01


def test_the_step_cache_is_empty_at_the_start_of_a_step():
    class Stale(Cycle):
        def translate(self, batch):
            assert not self.step_cache
            return super().translate(batch)

    assert not trainer(Stale).fit(2).gan.step_cache  # and nothing is held when training is over


# -- the vanilla GAN ---------------------------------------------------------------------------------------------------
def test_vanilla_gan_learns_a_gaussian():
    """A claim about learning: the mean of the data, 2, is found from far away, from three seeds."""

    class Blob(Cloud):
        def batch(self, n):
            return Batch(torch.randn(n, 2) * 0.5 + 2)

    for seed in range(3):
        ganlib.seed(seed)
        gan = VanillaGAN(mlp(4, 2), mlp(2, 1), latent_dim=4, lr=5e-3)
        before = gan.sample(500).mean(0)
        t = Trainer(gan, Blob(), 64, device="cpu", ema_half_life=2000, progress=False).fit(400)
        assert (before - 2).norm() > 2
        assert (t.sample(2000).mean(0) - 2).norm() < 0.5


def digits_game(trunk=False, **options):
    """A trained GAN with batch normalisation, and how often its generator ran in training mode."""
    ganlib.seed(0)
    gan, runs = ganlib.build("gan", (1, 8, 8), model="mlp-small", latent_dim=4), []
    gan.generator.layers.insert(1, nn.BatchNorm1d(gan.generator.layers[0].out_features))
    gan.generator.layers[0].requires_grad_(not trunk)
    gan.generator.register_forward_hook(lambda module, inputs, output: runs.append(module.training))
    images = ganlib.load("digits", n=64, size=8)
    return Trainer(gan, images, 16, device="cpu", progress=False, **options).fit(5), sum(runs)


@pytest.mark.parametrize("trunk", [False, True])
def test_one_pass_of_the_generator_serves_both_turns(trunk, monkeypatch):
    kept, runs = digits_game(trunk)
    assert runs == 5  # one a step
    monkeypatch.setattr(Engine, "keeps_passes", False)  # as on a GPU: the pass is made again
    again, runs = digits_game(trunk)
    assert runs == 10
    assert same(tensors(kept), tensors(again))  # running statistics included
    assert (kept.gan.generator.layers[0].weight.grad is None) == trunk


@pytest.mark.parametrize("options", [{"accumulate": 2}, {"compile": True}])
def test_no_pass_is_kept_where_that_costs_memory_or_cannot_be(options, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda loss: loss)
    assert digits_game(**options)[1] == 10 * options.get("accumulate", 1)


def test_the_generator_answers_for_the_samples_that_were_judged():
    gan, seen = ganlib.build("gan", (1, 4, 4), model="mlp-small", latent_dim=3), []
    gan.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][-8:]))
    batch = Batch(torch.rand(8, 1, 4, 4))
    gan.discriminator_loss(batch), gan.generator_loss(batch), gan.generator_loss(batch)
    judged, answered, new = seen
    assert torch.equal(judged, answered) and not judged.requires_grad and answered.requires_grad
    assert not torch.equal(answered, new)  # each pass serves once: the generator has moved since


def test_discriminator_phase_reaches_no_gradient_of_the_generator():
    gan = ganlib.build("gan", (1, 4, 4), model="mlp-small", latent_dim=3)
    terms, stats = gan.discriminator_loss(Batch(torch.rand(8, 1, 4, 4)))
    sum(terms.values()).backward()
    assert all(p.grad is None for p in gan.generator.parameters())
    assert set(stats) == {"D(x)", "D(G(z))", "accuracy"}


def test_accuracy_of_a_perfect_and_of_a_blind_discriminator():
    gan = ganlib.build("gan", (1, 4, 4), model="mlp-small", latent_dim=3)
    assert gan.judgement(torch.full((4,), 5.0), torch.full((4,), -5.0))["accuracy"] == 1
    assert gan.judgement(torch.full((4,), 5.0), torch.full((4,), 5.0))["accuracy"] == 0.5


def test_outputs_that_are_no_logits_are_judged_at_their_own_middle_and_logged_as_they_are():
    """Least squares: ½ is undecided. 0.3 for a generated sample is right, though its sigmoid is above ½."""
    gan = ganlib.build("gan", (1, 4, 4), model="mlp-small", latent_dim=3, loss="least_squares")
    found = gan.judgement(torch.full((4,), 0.7), torch.full((4,), 0.3))
    assert found == {"output(x)": pytest.approx(0.7), "output(G(z))": pytest.approx(0.3), "accuracy": 1}
    assert gan.judgement(torch.full((4,), 0.3), torch.full((4,), 0.3))["accuracy"] == 0.5


def test_sampling_is_in_eval_mode_and_leaves_no_trace():
    gan = ganlib.build("gan", (1, 4, 4), latent_dim=3).train()
    z = torch.randn(6, 3)
    before = {k: v.clone() for k, v in gan.state_dict().items()}
    together, alone = gan.sample(z=z), torch.cat([gan.sample(z=one[None]) for one in z])
    assert torch.allclose(together, alone, atol=1e-5)  # an image must not depend on its batch-mates
    assert all(torch.equal(before[k], v) for k, v in gan.state_dict().items())
    assert gan.generator.training
    gan.generator.layers[2].eval()
    gan.sample(n=1)
    assert not gan.generator.layers[2].training  # a submodule's own mode comes back


def test_evaluating_restores_after_an_error():
    module = nn.Sequential(nn.Dropout()).train()
    with pytest.raises(RuntimeError), evaluating(module):
        assert not module.training
        raise RuntimeError
    assert module[0].training


def test_recipe_says_everything():
    gan = ganlib.build("gan", (1, 4, 4), latent_dim=3)
    assert gan.recipe["options"] == {
        "model": "mlp",
        "loss": "non_saturating",
        "latent_dim": 3,
        "lr": 2e-4,
        "beta1": 0.5,
    }


# -- averaging ---------------------------------------------------------------------------------------------------------
def test_ema_halves_in_its_half_life_at_any_batch_size():
    for images in (10, 50):
        gan = ganlib.build("gan", (1, 4, 4), latent_dim=3)
        ema = EMA(gan, half_life=100)
        old = ema.gan.generator.layers[0].weight.clone()
        with torch.no_grad():
            gan.generator.layers[0].weight += 1
        for _ in range(100 // images):
            ema.update(images, images_seen=10**6)
        assert torch.allclose(ema.gan.generator.layers[0].weight - old, torch.full_like(old, 0.5), atol=1e-6)


def test_ema_handles_buffers_by_kind_and_shares_the_discriminator():
    gan = ganlib.build("gan", (1, 4, 4), latent_dim=3)
    ema = EMA(gan, half_life=100)
    assert ema.gan.discriminator is gan.discriminator
    assert ema.gan.generator is not gan.generator
    gan.train().generator(torch.randn(8, 3) * 5)  # moves the running statistics and the counters
    live, twin = gan.generator.layers[2], ema.gan.generator.layers[2]
    mean_before = twin.running_mean.clone()
    ema.update(100, images_seen=10**6)
    assert torch.allclose(twin.running_mean, (mean_before + live.running_mean) / 2, atol=1e-6)
    assert not torch.equal(live.running_mean, mean_before)
    assert twin.num_batches_tracked == live.num_batches_tracked == 1
    assert not any(p.requires_grad for p in ema.gan.generator.parameters())
    assert all(p.requires_grad for p in gan.parameters())


def test_ema_forgets_its_random_start():
    gan = ganlib.build("gan", (1, 4, 4), latent_dim=3)
    ema = EMA(gan, half_life=10**9)
    with torch.no_grad():
        gan.generator.layers[0].weight.fill_(7.0)
    for step in range(1, 200):
        ema.update(64, images_seen=64 * step)
    assert torch.allclose(ema.gan.generator.layers[0].weight, torch.tensor(7.0), atol=0.1)


def test_sampling_uses_the_average():
    t = trainer(ema_half_life=1e6).fit(5)
    z = torch.randn(4, 4)
    assert torch.equal(t.sample(z=z), t.ema.gan.sample(z=z))
    assert not torch.equal(t.sample(z=z), t.gan.sample(z=z))


# -- history and callbacks ---------------------------------------------------------------------------------------------
def test_history_holds_window_means():
    class Count(PenalisedCritic):
        def generator_loss(self, batch):
            terms, _ = super().generator_loss(batch)
            self.n = getattr(self, "n", -1) + 1
            return terms, {"n": torch.tensor(float(self.n))}

    t = trainer(Count, log_every=4).fit(10)
    assert t.history["n"] == [1.5, 5.5, 8.5]
    assert t.history.steps("n") == [4, 8, 10]
    assert {"-w", "penalty", "w", "generator"} <= set(t.history.names())
    with pytest.raises(KeyError, match="holds no 'x'; it holds -w"):
        t.history["x"]


def test_no_host_sync_within_a_window(monkeypatch):
    """`.item()`, `.tolist()` and `float()` belong to the end of a window."""
    t = trainer(log_every=100)
    calls = []
    for name in ("item", "tolist", "__float__", "__bool__"):
        original = getattr(torch.Tensor, name)
        monkeypatch.setattr(torch.Tensor, name, lambda self, *a, _o=original, _n=name: calls.append(_n) or _o(self, *a))
    for _ in range(3):
        t._take_step()
    assert calls == []
    t._read()
    assert calls == ["tolist"]


def test_gradient_norms_are_those_of_the_step():
    class Known(PenalisedCritic):
        def phases(self):
            return [Phase("critic", self.term)]

        def term(self, batch):
            return {"t": sum(p.sum() for p in self.critic.parameters())}, {}

    t = trainer(Known, log_gradients=True).fit(1)
    n = sum(p.numel() for p in t.gan.critic.parameters())
    assert t.history["|grad| critic"][0] == pytest.approx(math.sqrt(n), rel=1e-5)


def test_callbacks_do_not_change_the_run():
    plain = trainer().fit(12)
    noisy = trainer(callbacks=[Every(5, lambda t: torch.randn(100))]).fit(12)
    assert same(tensors(plain), tensors(noisy))


def test_snapshots_start_before_the_first_step():
    keep = Snapshots(5, z=torch.randn(3, 4))
    t = trainer(callbacks=[keep]).fit(12)
    assert [step for step, _ in keep.frames] == [0, 5, 10]
    assert keep.frames[0][1].shape == (3, 2)
    assert not torch.equal(keep.frames[0][1], keep.frames[-1][1])
    t.fit(3)
    assert [step for step, _ in keep.frames] == [0, 5, 10, 15]


# -- stopping and saving -----------------------------------------------------------------------------------------------
class Doomed(PenalisedCritic):
    """Becomes NaN at step 30."""

    def generator_loss(self, batch):
        self.n = getattr(self, "n", 0) + 1
        terms, stats = super().generator_loss(batch)
        return ({k: v * float("nan") for k, v in terms.items()} if self.n >= 30 else terms), stats


def test_nan_stops_and_keeps_the_last_good_state(tmp_path):
    t = trainer(Doomed, out=tmp_path, checkpoint_every=10, log_every=7)
    with pytest.raises(TrainingDiverged, match=r"'generator' is nan at step 30; the last good state is in"):
        t.fit(100)
    good = checkpoint.read(tmp_path)
    assert good["step"] == 20
    assert all(x.isfinite().all() for x in good["gan"].values())


def test_infinite_weights_are_never_saved(tmp_path):
    t = trainer(out=tmp_path).fit(2)
    (path,) = checkpoint.in_folder(tmp_path)
    before = path.read_bytes()
    with torch.no_grad():
        t.gan.generator[0].weight[0, 0] = math.inf
    with pytest.raises(TrainingDiverged, match=r"generator\.0\.weight"):
        t.save()
    assert path.read_bytes() == before


@pytest.mark.parametrize("sent", ["SIGINT", "SIGTERM"])
def test_ctrl_c_and_a_request_to_end_finish_the_step_and_save(tmp_path, sent):
    def press(t):
        if t.step == 7:
            os.kill(os.getpid(), signal.Signals[sent])

    previous = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    t = trainer(out=tmp_path, callbacks=[press])
    with pytest.raises(KeyboardInterrupt, match="stopped at step"):
        t.fit(1000)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == previous
    stopped = t.step
    assert 7 <= stopped <= 8
    again = trainer(seed=3, out=tmp_path).resume()
    assert again.step == stopped
    resumed = tensors(again.fit(5))
    assert same(resumed, tensors(trainer().fit(stopped + 5)))


def test_training_works_outside_the_main_thread():
    done = []
    thread = threading.Thread(target=lambda: done.append(trainer().fit(2).step))
    thread.start()
    thread.join()
    assert done == [2]


def test_rng_state_covers_all_generators():
    ganlib.seed(5)
    kept = rng.state()
    draw = lambda: (torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random(), np.random.randn())
    first = draw()
    assert draw() != first
    rng.restore(kept)
    assert draw() == first


def test_tensorboard(tmp_path):
    trainer(out=tmp_path, tensorboard=True, log_every=2).fit(4)
    assert list((tmp_path / "tensorboard").glob("events.*"))
    with pytest.raises(GanlibError, match="without out="):
        trainer(tensorboard=True)


# -- bad input ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("steps", [0, -3])
def test_steps_must_be_positive(steps):
    with pytest.raises(GanlibError, match=f"steps={steps} was given; expected at least 1"):
        trainer().fit(steps)


def test_bad_options():
    for option in ("batch_size", "log_every", "checkpoint_every"):
        with pytest.raises(GanlibError, match=f"{option}=0 was given"):
            trainer(**{option: 0})
    with pytest.raises(GanlibError, match="ema_half_life=-1"):
        trainer(ema_half_life=-1)
    with pytest.raises(GanlibError, match="every 0 steps"):
        Every(0, print)
    with pytest.raises(GanlibError, match=r"Adam\(lr=0"):
        adam(0)
    with pytest.raises(GanlibError, match="beta < 1"):
        adam(1e-3, 1.0)


def test_batch_larger_than_the_set():
    class Few(Cloud):
        def __len__(self):
            return 10

    ganlib.seed(0)
    with pytest.raises(GanlibError, match="batch_size=16 is larger than the data set, which has 10 samples"):
        Trainer(PenalisedCritic(), Few(), 16, device="cpu")


def test_data_of_another_shape():
    with pytest.raises(GanlibError, match=r"the data have shape \(2,\), the networks expect \(1, 28, 28\)"):
        Trainer(ganlib.build("gan", (1, 28, 28)), Cloud(), 16, device="cpu")


@pytest.mark.parametrize("given", [("gan", "digits"), (Cloud(), "a gan")])
def test_what_is_no_game_and_no_data(given):
    with pytest.raises(GanlibError, match="Trainer was given .*; expected a GAN and then the data"):
        Trainer(*given)


@pytest.mark.parametrize("shape", [28, "digits", None])
def test_a_shape_that_is_none(shape):
    with pytest.raises(GanlibError, match="was given; expected the shape of one sample, e.g. data.shape"):
        ganlib.build("gan", shape)


def test_the_data_stand_for_their_shape():
    assert ganlib.build("gan", Cloud()).recipe == ganlib.build("gan", (2,)).recipe


def test_unknown_names_and_options():
    with pytest.raises(GanlibError, match="unknown GAN 'GAN'.*did you mean 'gan'"):
        ganlib.build("GAN", (2,))
    with pytest.raises(GanlibError, match="unknown GAN 'gann'.*did you mean 'gan'"):
        ganlib.build("gann", (2,))
    with pytest.raises(
        GanlibError, match="unknown option of GAN 'gan' 'learning_rate'.*known: beta1, latent_dim, loss"
    ):
        ganlib.build("gan", (2,), learning_rate=1)
    gan = ganlib.build("gan", (2,), latent_dim=3)
    with pytest.raises(GanlibError, match=r"latents of shape \(5, 4\) were given; expected \(N, 3\)"):
        gan.sample(z=torch.zeros(5, 4))
    with pytest.raises(GanlibError, match="n=0"):
        gan.sample(0)
    for wrong in ({}, {"n": 1, "z": torch.zeros(1, 3)}):
        with pytest.raises(GanlibError, match="either n"):
            gan.sample(**wrong)


def test_a_device_that_is_not_there():
    if torch.cuda.is_available():
        missing = f"cuda:{torch.cuda.device_count()}"
    else:
        missing = "cuda"
    with pytest.raises(GanlibError, match="was asked for, but this machine has"):
        trainer(device=missing)
    with pytest.raises(GanlibError, match="unknown device 'gpu'"):
        trainer(device="gpu")


def test_unwritable_output_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GanlibError, match="cannot write to the output folder"):
        trainer(out=tmp_path / "file" / "run")


def test_save_and_resume_need_a_place():
    with pytest.raises(GanlibError, match="no path was given, and the trainer has no out folder"):
        trainer().save()
    with pytest.raises(GanlibError, match="no path was given, and the trainer has no out folder"):
        trainer().resume()
