"""MNIST and Fashion-MNIST: the real code path, over a tiny set in the same format that this machine serves."""

import gzip
import hashlib

import pytest
import torch
import torchvision

from ganlib import data
from ganlib.data import real
from ganlib.data.digits import render
from ganlib.data.images import resized
from ganlib.errors import GanlibError

from . import served_mnist


@pytest.fixture
def served(tmp_path, monkeypatch):
    """(address, files asked for, folder of the server, folder of the cache)."""
    with served_mnist.mnist(tmp_path / "server", monkeypatch, tmp_path / "cache") as (address, asked):
        yield address, asked, tmp_path / "server", tmp_path / "cache" / "mnist"


def test_download_reads_what_was_served(served, capfd):
    _, asked, _, kept = served
    train, test = data.load("mnist"), data.load("mnist", split="test")
    drawn = render(60, 28, 0)
    assert torch.equal(train.pixels, drawn["pixels"]) and torch.equal(train.labels, drawn["labels"])
    assert train.shape == (1, 28, 28) and train.name == "mnist" and train.classes == tuple("0123456789")
    assert len(test) == 20 and torch.equal(test.pixels, drawn["pixels"][:20])
    assert sorted(asked) == sorted(name for name, _ in torchvision.datasets.MNIST.resources)
    assert sorted(path.name for path in kept.iterdir()) == sorted(asked), "nothing but the verified files is kept"
    assert capfd.readouterr() == ("", ""), "no progress bars, no chatter"


def test_second_load_asks_nobody(served):
    _, asked, _, _ = served
    first = data.load("mnist")
    del asked[:]
    assert torch.equal(data.load("mnist").pixels, first.pixels) and asked == []


def test_size_and_count(served):
    full = data.load("mnist").pixels
    small = data.load("mnist", size=16, n=12)
    assert small.shape == (1, 16, 16) and len(small) == 12 and torch.equal(small.pixels, resized(full[:12], 16))
    with pytest.raises(GanlibError, match="61 images are more than the 60 of this split of mnist"):
        data.load("mnist", n=61)


def test_mirror_is_asked_instead_of_the_known_ones(served, monkeypatch):
    address, asked, _, _ = served
    monkeypatch.setitem(real.MIRRORS, "mnist", ["http://127.0.0.1:9/"])
    assert len(data.load("mnist", mirror=address.rstrip("/"))) == 60 and len(asked) == 2


def test_next_mirror_helps_out(served, monkeypatch):
    address, asked, _, _ = served
    monkeypatch.setitem(real.MIRRORS, "mnist", ["http://127.0.0.1:9/", address + "missing/", address])
    assert len(data.load("mnist")) == 60 and len(asked) == 4


def test_offline_is_one_sentence_that_names_what_needs_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name in ("mnist", "fashion-mnist"):
        monkeypatch.setitem(real.MIRRORS, name, ["http://127.0.0.1:9/"])  # nobody listens on port 9
        with pytest.raises(GanlibError) as error:
            data.load(name)
        said = str(error.value)
        assert said.startswith(f"cannot download train-images-idx3-ubyte.gz ({name}): http://127.0.0.1:9/train-images")
        assert "refused" in said and "'digits' and 'optdigits'" in said and "\n" not in said
    assert [path.name for path in tmp_path.iterdir()] == [".locks"], "no empty folders, no half files"


@pytest.mark.parametrize("damage", ["a byte", "truncated", "a web page"])
def test_corrupt_download_names_file_and_checksum(served, damage):
    _, _, server, kept = served
    path = server / "train-labels-idx1-ubyte.gz"
    good = path.read_bytes()
    bad = {"a byte": good[:-9] + b"?" + good[-8:], "truncated": good[:-9], "a web page": b"<html>hello</html>"}[damage]
    path.write_bytes(bad)
    with pytest.raises(GanlibError) as error:
        data.load("mnist")
    said = str(error.value)
    assert "the download of train-labels-idx1-ubyte.gz (mnist) is corrupt" in said and "\n" not in said
    assert f"expected MD5 {hashlib.md5(good).hexdigest()}" in said and hashlib.md5(bad).hexdigest() in said
    assert [file.name for file in kept.iterdir()] == ["train-images-idx3-ubyte.gz"], "the good one stays, the bad goes"
    path.write_bytes(good)
    assert len(data.load("mnist")) == 60


def test_cut_off_answer(served, monkeypatch):
    """A connection that ends early is no download, and another mirror may have the rest."""
    address, _, _, _ = served

    class CutOff(served_mnist._Quiet):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b"only this")

    monkeypatch.setattr(served_mnist, "_Quiet", CutOff)
    with served_mnist.serve(".") as (cut_off, _):
        with pytest.raises(GanlibError, match="cannot download train-images-idx3-ubyte.gz"):
            data.load("mnist", mirror=cut_off)
        monkeypatch.setitem(real.MIRRORS, "mnist", [cut_off, address])
        assert len(data.load("mnist")) == 60


def test_damaged_kept_file_is_fetched_again(served, capsys):
    _, asked, _, kept = served
    data.load("mnist")
    path = kept / "train-images-idx3-ubyte.gz"
    good = path.read_bytes()
    path.write_bytes(gzip.compress(b"something else"))
    del asked[:]
    assert len(data.load("mnist")) == 60 and asked == [path.name] and path.read_bytes() == good
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"{path} is damaged" in said


def test_unwritable_cache_still_loads(served, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "file" / "below"))
    assert len(data.load("mnist")) == 60
    assert capsys.readouterr().err.count("going on without") == 2  # two files could not be kept


def test_fashion_mnist_takes_the_same_path(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "resources", served_mnist.write(tmp_path))
    with served_mnist.serve(tmp_path) as (address, _):
        images = data.load("fashion-mnist", mirror=address, n=30)
    assert images.name == "fashion-mnist" and len(images) == 30
    assert list(images.classes) == torchvision.datasets.FashionMNIST.classes
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [".locks", "fashion-mnist"]


def test_known_mirrors_and_checksums_are_torchvisions():
    for name, source in (("mnist", torchvision.datasets.MNIST), ("fashion-mnist", torchvision.datasets.FashionMNIST)):
        assert set(real.MIRRORS[name]) & set(source.mirrors)
        assert all(len(checksum) == 32 for _, checksum in source.resources)
