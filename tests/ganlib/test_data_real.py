"""Real sets: the real code path, over tiny sets in the same formats that this machine serves."""

import gzip
import hashlib
import io
import pickle
import shutil
import tarfile
import zipfile

import pytest
import torch
import torchvision
from PIL import Image

from ganlib import data
from ganlib.data import cyclegan, download, real
from ganlib.data.digits import render
from ganlib.data.images import resized
from ganlib.errors import GanlibError

from . import served_mnist


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0.001)


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
        assert "refused" in said and "'digits', 'avatars'" in said and "\n" not in said
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


def test_kmnist_takes_the_same_path(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(torchvision.datasets.KMNIST, "resources", served_mnist.write(tmp_path))
    with served_mnist.serve(tmp_path) as (address, _):
        images = data.load("kmnist", mirror=address, split="test")
    assert images.name == "kmnist" and len(images) == 20 and images.shape == (1, 28, 28)
    assert list(images.classes) == torchvision.datasets.KMNIST.classes


def small_cifar(folder, monkeypatch):
    """Write a tiny set in CIFAR-10's format, and let torchvision know its checksums; returns pixels and labels."""
    generator = torch.Generator().manual_seed(0)
    source = torchvision.datasets.CIFAR10
    pixels, labels, lists = [], [], {"train_list": [], "test_list": []}
    inside = folder / source.base_folder
    inside.mkdir(parents=True)
    for kind in lists:
        for name, _ in getattr(source, kind):
            pixels.append(torch.randint(256, (4, 3, 32, 32), generator=generator, dtype=torch.uint8))
            labels.append(torch.randint(10, (4,), generator=generator))
            content = pickle.dumps({"data": pixels[-1].reshape(4, -1).numpy(), "labels": labels[-1].tolist()})
            (inside / name).write_bytes(content)
            lists[kind].append([name, hashlib.md5(content).hexdigest()])
    content = pickle.dumps({"label_names": [f"class {i}" for i in range(10)]})
    (inside / source.meta["filename"]).write_bytes(content)
    with tarfile.open(folder / source.filename, "w:gz") as archive:
        archive.add(inside, source.base_folder)
    for kind, files in lists.items():
        monkeypatch.setattr(source, kind, files)
    monkeypatch.setattr(source, "meta", source.meta | {"md5": hashlib.md5(content).hexdigest()})
    packed = (folder / source.filename).read_bytes()
    monkeypatch.setattr(source, "tgz_md5", hashlib.md5(packed).hexdigest())
    return torch.cat(pixels), torch.cat(labels)


def test_cifar10(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    pixels, labels = small_cifar(tmp_path / "server", monkeypatch)
    with served_mnist.serve(tmp_path / "server") as (address, asked):
        monkeypatch.setitem(real.MIRRORS, "cifar10", [address])
        train, test = data.load("cifar10"), data.load("cifar10", split="test")
    assert torch.equal(torch.cat([train.pixels, test.pixels]), pixels) and len(train) == 20
    assert torch.equal(torch.cat([train.labels, test.labels]), labels) and train.classes[3] == "class 3"
    assert asked == ["cifar-10-python.tar.gz"]
    assert data.load("cifar10", size=16, n=3).shape == (3, 16, 16)
    with pytest.raises(GanlibError, match="unknown split of cifar10 'valid'; known: test, train"):
        data.load("cifar10", split="valid")


NUMBERS = (1, 2, 162_770, 162_771, 182_638)


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """A folder with CelebA's files, five images long; each image has its own shade of grey."""
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "faces"
    (folder / "img_align_celeba").mkdir(parents=True)
    rows = ["5", "Bald Smiling"]
    for i, number in enumerate(NUMBERS):
        Image.new("RGB", (178, 218), (40 * i,) * 3).save(folder / "img_align_celeba" / f"{number:06}.jpg")
        rows.append(f"{number:06}.jpg {'-1' if i % 2 else ' 1'} {'-1' if i < 2 else ' 1'}")
    (folder / "list_attr_celeba.txt").write_text("\n".join(rows) + "\n")
    known = [("", hashlib.md5((folder / "list_attr_celeba.txt").read_bytes()).hexdigest(), "list_attr_celeba.txt")]
    monkeypatch.setattr(torchvision.datasets.CelebA, "file_list", known)
    return folder


def test_celeba(faces, monkeypatch):
    everything = data.load("celeba", path=faces, size=16, split="all")
    assert everything.shape == (3, 16, 16) and everything.name == "celeba" and everything.labels is None
    assert everything.attributes["Bald"].tolist() == [True, False, True, False, True]
    assert everything.attributes["Smiling"].tolist() == [False, False, True, True, True]
    assert (everything.pixels[:, 0, 8, 8].int() - 40 * torch.arange(5)).abs().max() <= 1
    for split, rows in (("train", [0, 1, 2]), ("valid", [3]), ("test", [4])):
        part = data.load("celeba", path=str(faces), size=16, split=split)
        assert torch.equal(part.pixels, everything.pixels[rows])
        assert part.attributes["Bald"].tolist() == everything.attributes["Bald"][rows].tolist()
    assert len(data.load("celeba", path=faces, size=16, n=2)) == 2
    # as a zip, and with Kaggle's table and its folder within a folder
    shutil.make_archive(str(faces / "img_align_celeba"), "zip", faces, "img_align_celeba")
    known = ("", hashlib.md5((faces / "img_align_celeba.zip").read_bytes()).hexdigest(), "img_align_celeba.zip")
    monkeypatch.setattr(torchvision.datasets.CelebA, "file_list", [*torchvision.datasets.CelebA.file_list, known])
    shutil.move(faces / "img_align_celeba", faces.parent / "inner")
    zipped = data.load("celeba", path=faces, size=16, split="all")
    assert torch.equal(zipped.pixels, everything.pixels)
    (faces / "img_align_celeba").mkdir()
    shutil.move(faces.parent / "inner", faces / "img_align_celeba" / "img_align_celeba")
    lines = (faces / "list_attr_celeba.txt").read_text().splitlines()[1:]
    table = ["image_id," + lines[0].replace(" ", ","), *(",".join(line.split()) for line in lines[1:])]
    (faces / "list_attr_celeba.txt").unlink()
    (faces / "list_attr_celeba.csv").write_text("\n".join(table))
    again = data.load("celeba", path=faces, size=16, split="all")
    assert torch.equal(again.pixels, everything.pixels)
    assert again.attributes["Smiling"].tolist() == everything.attributes["Smiling"].tolist()


def test_celeba_that_is_not_whole(faces, tmp_path, monkeypatch):
    def said(**options):
        with pytest.raises(GanlibError) as error:
            data.load("celeba", **options)
        assert "\n" not in str(error.value)
        return str(error.value)

    assert (
        "celeba cannot be downloaded by a program; fetch img_align_celeba.zip and list_attr_celeba.txt from" in said()
    )
    assert "holds no img_align_celeba and list_attr_celeba.txt" in said(path=tmp_path)
    assert "unknown split of celeba 'tset' (did you mean 'test'?)" in said(path=faces, split="tset")
    assert "4 images are more than the 3 of this split of celeba" in said(path=faces, n=4)
    (faces / "img_align_celeba" / "000002.jpg").unlink()
    assert "lacks 1 of the 3 images that list_attr_celeba.txt lists for this split, e.g. 000002.jpg" in said(path=faces)
    table = faces / "list_attr_celeba.txt"
    table.write_text(table.read_text() + " ")
    assert f"{str(table)!r} is damaged: expected MD5 " in said(path=faces)
    monkeypatch.setattr(torchvision.datasets.CelebA, "file_list", [])
    for damage in ("", "5\nBald Smiling\n000001.jpg 1", "5\nBald Smiling\nhello 1 1", "5\nBald\n000001.jpg one"):
        table.write_text(damage)
        assert "is not CelebA's table of attributes, or damaged" in said(path=faces)


@pytest.fixture
def berkeley(tmp_path, monkeypatch):
    """A server with two small sets in the format of the CycleGAN sets."""
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "server").mkdir()
    for name in ("horse2zebra", "facades"):
        with zipfile.ZipFile(tmp_path / "server" / f"{name}.zip", "w") as archive:
            for folder, count in (("trainA", 3), ("trainB", 3), ("testA", 1), ("testB", 1)):
                for i in range(count):
                    stream = io.BytesIO()
                    shade = 30 * i + 100 * (folder[-1] == "B")
                    Image.new("RGB", (30, 30), (shade,) * 3).save(stream, "PNG")
                    stem = f"{i}_{folder[-1]}" if name == "facades" else f"n0{i + 7 * (folder[-1] == 'B')}"
                    archive.writestr(f"{name}/{folder}/{stem}.png", stream.getvalue())
        checksum = hashlib.sha256((tmp_path / "server" / f"{name}.zip").read_bytes()).hexdigest()
        monkeypatch.setitem(cyclegan.SETS, name, (cyclegan.SETS[name][0], checksum))
    monkeypatch.setattr(cyclegan, "MORE_MIRRORS", {})
    with served_mnist.serve(tmp_path / "server") as (address, asked):
        monkeypatch.setattr(cyclegan, "MIRRORS", ["http://127.0.0.1:9/", address])
        yield asked


def test_the_cyclegan_sets(berkeley, tmp_path):
    pairs = data.load("horse2zebra", size=16)
    assert isinstance(pairs, data.Domains) and pairs.name == "horse2zebra" and not pairs.paired
    assert pairs.a.pixels[:, 0, 8, 8].tolist() == [0, 30, 60]
    assert pairs.b.pixels[:, 0, 8, 8].tolist() == [100, 130, 160]
    assert len(data.load("horse2zebra", size=16, split="test").a) == 1 and berkeley == ["horse2zebra.zip"]
    assert data.load("horse2zebra", n=1).shape == (3, 256, 256)
    batch = data.load("facades", size=16).batch(3)
    assert ((batch.other - batch.images)[:, 0, 0, 0] * 127.5).round().tolist() == [100] * 3, "pairs stay together"
    assert not data.load("facades", size=16, paired=False).paired
    assert data.download_all("facades") == [tmp_path / "cache" / "facades" / "facades.zip"]
    for options, message in (
        ({"split": "valid"}, "unknown split of horse2zebra 'valid'; known: test, train"),
        ({"size": 4}, "size of horse2zebra must be a whole number from 8 to 1024, not 4"),
        ({"mirror": "ftp://x"}, "mirror must be an address that starts with http:// or https://"),
        ({"paired": True}, "do not pair: trainA has 3, trainB has 3, and 'n00' is in one of them only"),
    ):
        with pytest.raises(GanlibError) as error:
            data.load("horse2zebra", **({"size": 16} | options))
        assert message in str(error.value)


def test_a_damaged_cyclegan_set(berkeley, tmp_path, monkeypatch):
    monkeypatch.setitem(cyclegan.SETS, "horse2zebra", ("Horses.", "0" * 64))
    with pytest.raises(GanlibError, match="horse2zebra.zip .horse2zebra. is corrupt: expected SHA-256 0000"):
        data.load("horse2zebra", size=16)
    assert not (tmp_path / "cache" / "horse2zebra").exists()


def test_known_mirrors_and_checksums_are_torchvisions():
    for name, kind in real.TORCHVISION.items():
        source = getattr(torchvision.datasets, kind)
        assert set(real.MIRRORS[name]) & set(source.mirrors)
        assert all(len(checksum) == 32 for _, checksum in source.resources)
    source = torchvision.datasets.CIFAR10
    assert f"{real.MIRRORS['cifar10'][0]}{source.filename}" == source.url and len(source.tgz_md5) == 32
    assert {"img_align_celeba.zip", "list_attr_celeba.txt"} <= {
        file for _, _, file in torchvision.datasets.CelebA.file_list
    }
