"""Checkpoints that are missing, damaged, foreign or hostile."""

import pickle

import pytest
import torch

import ganlib
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.training import Trainer, checkpoint


class Noise:
    def __init__(self, shape):
        self.shape = shape

    def to(self, device):
        return self

    def batch(self, n):
        return Batch(torch.rand(n, *self.shape) * 2 - 1)


def run(out, shape=(1, 4, 4), ema=100, **options):
    ganlib.seed(0)
    gan = ganlib.build("gan", shape, **{"latent_dim": 3} | options)
    return Trainer(gan, Noise(shape), 8, device="cpu", out=out, ema_half_life=ema, progress=False)


def test_load_gan_gives_the_average_or_the_last_weights(tmp_path):
    t = run(tmp_path).fit(5)
    z = torch.randn(4, 3)
    assert torch.equal(checkpoint.load_gan(tmp_path).sample(z=z), t.sample(z=z))
    assert torch.equal(checkpoint.load_gan(tmp_path / "checkpoint.pt", averaged=False).sample(z=z), t.gan.sample(z=z))
    assert not torch.equal(t.sample(z=z), t.gan.sample(z=z))


def test_load_gan_without_average(tmp_path):
    t = run(tmp_path, ema=None).fit(2)
    z = torch.randn(4, 3)
    assert torch.equal(ganlib.load_gan(tmp_path).sample(z=z), t.sample(z=z))


def test_missing(tmp_path):
    with pytest.raises(GanlibError, match="there is no checkpoint at"):
        checkpoint.read(tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 0.3, 0.99])
def test_truncated(tmp_path, keep):
    path = run(tmp_path).fit(1).save()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep) if isinstance(keep, float) else keep])
    t = run(tmp_path / "other")
    before = {k: v.clone() for k, v in t.gan.state_dict().items()}
    with pytest.raises(GanlibError, match="damaged"):
        t.resume(path)
    assert all(torch.equal(before[k], v) for k, v in t.gan.state_dict().items())


def test_a_malicious_pickle_is_never_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "boom"), "w"))

    for name, write in {
        "torch.pt": lambda path: torch.save({"format": 1, "gan": Bomb()}, path),
        "plain.pt": lambda path: path.write_bytes(pickle.dumps(Bomb())),
    }.items():
        write(tmp_path / name)
        with pytest.raises(GanlibError, match="was refused"):
            checkpoint.read(tmp_path / name)
        assert not (tmp_path / "boom").exists()
    # The bomb is live: a reader that trusts it would have run it.
    pickle.loads((tmp_path / "plain.pt").read_bytes()).close()
    assert (tmp_path / "boom").exists()


def test_something_else_that_torch_saved(tmp_path):
    torch.save({"weights": torch.zeros(3)}, tmp_path / "x.pt")
    with pytest.raises(GanlibError, match="not a ganlib checkpoint"):
        checkpoint.read(tmp_path / "x.pt")


def test_another_architecture(tmp_path):
    run(tmp_path, latent_dim=3).fit(1)
    for other, what in {"mlp-small": "generator", "mlp": "generator.layers.0.weight"}.items():
        t = run(tmp_path / "other", model=other, latent_dim=5)
        before = {k: v.clone() for k, v in t.gan.state_dict().items()}
        with pytest.raises(GanlibError, match=f"of another architecture: '{what}"):
            t.resume(tmp_path)
        assert all(torch.equal(before[k], v) for k, v in t.gan.state_dict().items())
        assert t.step == 0


def test_average_on_one_side_only(tmp_path):
    run(tmp_path, ema=None).fit(1)
    with pytest.raises(GanlibError, match="has no weight average, but this trainer keeps one"):
        run(tmp_path / "other").resume(tmp_path)
    run(tmp_path / "third").fit(1)
    with pytest.raises(GanlibError, match="has a weight average, but this trainer keeps none"):
        run(tmp_path / "fourth", ema=None).resume(tmp_path / "third")


def test_a_hand_built_game_says_how_to_resume(tmp_path):
    t = run(tmp_path)
    t.gan.recipe = {}
    t.fit(1)
    with pytest.raises(GanlibError, match=r"not made by ganlib\.build"):
        checkpoint.load_gan(tmp_path)
