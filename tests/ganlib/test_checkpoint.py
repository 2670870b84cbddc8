"""Checkpoints that are missing, damaged, foreign or hostile."""

import csv
import errno
import os
import pickle
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors.torch import save_file

import ganlib
from ganlib.data.batch import Batch
from ganlib.errors import GanlibError
from ganlib.training import Trainer, checkpoint, folder


class Noise:
    def __init__(self, shape):
        self.shape = shape

    def to(self, device):
        return self

    def batch(self, n):
        return Batch(torch.rand(n, *self.shape) * 2 - 1)


def run(out, shape=(1, 4, 4), ema=100, every=1000, keep=2, **options):
    ganlib.seed(0)
    gan = ganlib.build("gan", shape, **{"latent_dim": 3} | options)
    saving = {"out": out, "checkpoint_every": every, "keep": keep, "log_every": 2}
    return Trainer(gan, Noise(shape), 8, device="cpu", ema_half_life=ema, progress=False, **saving)


def test_load_gan_gives_the_average_or_the_last_weights(tmp_path):
    t = run(tmp_path).fit(5)
    z = torch.randn(4, 3)
    assert torch.equal(checkpoint.load_gan(tmp_path).sample(z=z), t.sample(z=z))
    (path,) = checkpoint.in_folder(tmp_path)
    assert torch.equal(checkpoint.load_gan(path, averaged=False).sample(z=z), t.gan.sample(z=z))
    assert not torch.equal(t.sample(z=z), t.gan.sample(z=z))


def test_load_gan_without_average(tmp_path):
    t = run(tmp_path, ema=None).fit(2)
    z = torch.randn(4, 3)
    assert torch.equal(ganlib.load_gan(tmp_path).sample(z=z), t.sample(z=z))


def test_missing(tmp_path):
    with pytest.raises(GanlibError, match="there is no checkpoint in the folder"):
        checkpoint.read(tmp_path)
    with pytest.raises(GanlibError, match="there is no checkpoint at"):
        checkpoint.read(tmp_path / "x.safetensors")


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
        with pytest.raises(GanlibError, match="is not a whole checkpoint"):
            checkpoint.read(tmp_path / name)
        assert not (tmp_path / "boom").exists()
    # The bomb is live: a reader that trusts it would have run it.
    pickle.loads((tmp_path / "plain.pt").read_bytes()).close()
    assert (tmp_path / "boom").exists()


def test_the_package_reads_no_pickle():
    code = "".join(path.read_text("utf-8") for path in Path(ganlib.__file__).parent.rglob("*.py"))
    assert "torch.load(" not in code and "pickle.load" not in code and "torch.save(" not in code


def test_other_safetensors_and_other_formats(tmp_path):
    save_file({"weights": torch.zeros(3)}, tmp_path / "x.safetensors")
    with pytest.raises(GanlibError, match="is not a ganlib checkpoint"):
        checkpoint.read(tmp_path / "x.safetensors")
    checkpoint.write(tmp_path / "y.safetensors", {"format": 99})
    with pytest.raises(GanlibError, match="is a checkpoint of format 99; this ganlib reads 2"):
        checkpoint.read(tmp_path / "y.safetensors")


def test_a_flipped_bit_is_noticed(tmp_path):
    path = run(tmp_path).fit(1).save()
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(GanlibError, match="is damaged: its content does not match its checksum"):
        checkpoint.read(path)


def test_any_tree_comes_back(tmp_path):
    tied = torch.randn(3, 4)
    tree = {
        "tied": [tied, tied],
        "turned": tied.T,
        "image": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "numbered": {0: {"step": torch.tensor(3.0)}, 10: {}},
        "types": [torch.tensor(7), torch.ones(2, dtype=torch.bfloat16), torch.tensor([True]), torch.zeros(0)],
        "plain": [1, 2.5, "π", None, True, 1e-300, {"empty": {}}],
        "a/b": {"c": torch.zeros(1)},
        "a": {"b/c": torch.ones(1)},
    }
    found = checkpoint.read(checkpoint.write(tmp_path / "x.safetensors", tree))
    assert list(found["numbered"]) == [0, 10] and found["plain"] == tree["plain"]
    for name in ("turned", "image"):
        assert torch.equal(found[name], tree[name]) and found[name].is_contiguous()
    for mine, other in zip(found["tied"] + found["types"], tree["tied"] + tree["types"], strict=True):
        assert mine.dtype == other.dtype and torch.equal(mine, other)
    assert found["a/b"]["c"] == 0 and found["a"]["b/c"] == 1


# -- a run's folder ----------------------------------------------------------------------------------------------------
def test_the_newest_are_kept(tmp_path):
    run(tmp_path, every=2, keep=3).fit(11)
    assert [path.name for path in checkpoint.in_folder(tmp_path)] == [checkpoint.name(n) for n in (11, 10, 8)]


def test_a_damaged_newest_falls_back_with_a_line(tmp_path, capsys):
    run(tmp_path, every=2, keep=3).fit(6)
    newest, before, _ = checkpoint.in_folder(tmp_path)
    newest.write_bytes(newest.read_bytes()[:1000])
    assert checkpoint.read(tmp_path)["step"] == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and newest.name in said and f"going back to {before.name}" in said
    whole, again = run(tmp_path / "whole").fit(8), run(tmp_path)
    again.resume().fit(4)
    assert all(torch.equal(a, b) for a, b in zip(whole.gan.parameters(), again.gan.parameters(), strict=True))
    for path in checkpoint.in_folder(tmp_path):
        path.write_bytes(b"")
    with pytest.raises(GanlibError, match="is not a whole checkpoint"):
        checkpoint.read(tmp_path)
    assert (tmp_path / f"damaged-{newest.name}").is_file()  # put aside, not thrown away


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_full_disk_ends_no_run_and_harms_no_checkpoint(where, tmp_path, monkeypatch, capsys):
    t = run(tmp_path, every=2, keep=2).fit(2)
    before = {path: path.read_bytes() for path in checkpoint.in_folder(tmp_path)}
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fail(*args):
        raise full

    def fill_the_disk(t):
        if t.step == 3 and where == "write":
            real = os.fdopen
            monkeypatch.setattr(os, "fdopen", lambda handle, mode: Failing(real(handle, mode), full))
        elif t.step == 3:
            monkeypatch.setattr(os, where, fail)

    t.callbacks.append(fill_the_disk)
    with pytest.raises(
        GanlibError, match="could not write the checkpoint of step 6 .*No space left.*the last one kept"
    ):
        t.fit(4)
    said = capsys.readouterr().err
    assert "could not write the checkpoint of step 4 (No space left on device)" in said and "training goes on" in said
    assert t.step == 6  # nothing that was learned is lost: it is still in memory
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in checkpoint.in_folder(tmp_path)} == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".checkpoint")]
    t.save()
    assert checkpoint.read(tmp_path)["step"] == 6


class Failing:
    """A file on a disk that fills up half-way."""

    def __init__(self, file, error):
        self.file, self.error = file, error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, content):
        self.file.write(content[: len(content) // 2])
        raise self.error


def test_two_processes_do_not_share_a_folder(tmp_path):
    other = FileLock(tmp_path / folder.LOCK)
    with other, pytest.raises(GanlibError, match="another process is training in"):
        run(tmp_path).fit(1)
    run(tmp_path).fit(1)


def test_a_run_is_not_overwritten_by_a_younger_one(tmp_path):
    run(tmp_path).fit(5)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(
        GanlibError, match="already holds a run, up to checkpoint-000000005.*resume that one, or choose"
    ):
        run(tmp_path).fit(9)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_log_is_the_history_also_after_a_kill(tmp_path):
    t = run(tmp_path, every=4).fit(8)
    rows = folder.log(tmp_path)
    assert [row["step"] for row in rows] == [2, 4, 6, 8] and rows == t.history.rows()
    with open(tmp_path / folder.LOG, "a") as file:  # what a killed process logged after its last checkpoint
        file.write('{"step": 10, "x": 1}\n{"step": 12')
    assert [row["step"] for row in folder.log(tmp_path)] == [2, 4, 6, 8, 10]
    run(tmp_path, every=4).resume().fit(4)
    assert [row["step"] for row in folder.log(tmp_path)] == [2, 4, 6, 8, 10, 12]
    assert "x" not in folder.log(tmp_path)[-2]
    with open(tmp_path / folder.TABLE, newline="") as file:
        table = list(csv.DictReader(file))
    assert [int(row["step"]) for row in table] == [2, 4, 6, 8, 10, 12]
    assert float(table[0]["generator"]) == rows[0]["generator"]


def test_status_says_what_happened(tmp_path):
    t = run(tmp_path)
    with pytest.raises(GanlibError, match="holds no run"):
        folder.status(tmp_path)
    seen = []
    t.callbacks.append(lambda t: seen.append(folder.status(tmp_path)["state"]))
    t.fit(3)
    assert set(seen) == {"running"}
    assert {k: folder.status(tmp_path)[k] for k in ("state", "step", "target")} == {
        "state": "finished",
        "step": 3,
        "target": 3,
    }
    t.callbacks.append(lambda t: t.stop("seen enough"))
    assert t.fit(3).step == 4 and folder.status(tmp_path)["state"] == "stopped: seen enough"
    t.callbacks[-1] = lambda t: 1 / 0
    with pytest.raises(ZeroDivisionError):
        t.fit(1)
    assert folder.status(tmp_path)["state"] == "failed: division by zero"
    (tmp_path / folder.STATUS).write_text((tmp_path / folder.STATUS).read_text().replace("failed", "running"))
    text = (tmp_path / folder.STATUS).read_text().replace("running: division by zero", "running")
    (tmp_path / folder.STATUS).write_text(text)
    assert folder.status(tmp_path)["state"] == "killed"


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
