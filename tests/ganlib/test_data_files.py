"""Your own images: folders, zips, arrays and the hub, with everything that real files do wrong."""

import errno
import io
import os
import shutil
import sys
import threading
import time
import types
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from ganlib import data
from ganlib.data import Domains, Images, cyclegan, files
from ganlib.errors import GanlibError

RED, GREEN, BLUE = (200, 30, 40), (20, 180, 60), (10, 20, 230)


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """The cache folder."""
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def photos(tmp_path):
    """A folder of three plain pictures of different sizes."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour, size in (("a.png", RED, (40, 20)), ("b.jpg", GREEN, (16, 33)), ("c.webp", BLUE, (64, 64))):
        Image.new("RGB", size, colour).save(folder / name, lossless=True)
    return folder


def colours(images):
    """The colour in the middle of each image."""
    middle = images.shape[-1] // 2
    return [tuple(pixels[:, middle, middle].tolist()) for pixels in images.pixels]


def near(found, expected, by=3):
    return all(abs(a - b) <= by for a, b in zip(found, expected, strict=True))


def sentence(call):
    with pytest.raises(GanlibError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def files_in(folder):
    """The names of the files in the cache, without the locks; those of half files would begin with a dot."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".locks")


# -- what a folder becomes ---------------------------------------------------------------------------------------------
def test_a_folder(photos, capfd):
    images = data.load("folder", path=str(photos), size=16)
    assert images.shape == (3, 16, 16) and images.name == "photos" and images.labels is None
    assert all(map(near, colours(images), (RED, GREEN, BLUE)))
    assert torch.equal(data.load(photos, size=16).pixels, images.pixels), "the path alone will do"
    assert torch.equal(data.load("folder", path=photos, size=16, n=2).pixels, images.pixels[:2])
    assert capfd.readouterr() == ("", "")


def test_scaled_by_lanczos_then_cut_to_the_middle(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 120, 3), dtype=np.uint8))
    noise.save(tmp_path / "noise.png")
    pixels = data.load("folder", path=tmp_path, size=20).pixels[0].permute(1, 2, 0).numpy()
    expected = np.asarray(noise.resize((40, 20), Image.Resampling.LANCZOS).crop((10, 0, 30, 20)))
    assert np.array_equal(pixels, expected)
    assert not np.array_equal(pixels, np.asarray(noise.resize((40, 20), Image.Resampling.BILINEAR))[:, 10:30])


def test_antialiased(tmp_path):
    checks = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "checks.png")
    pixels = data.load("folder", path=tmp_path, size=8).pixels.float()
    assert (pixels[..., 1:-1, 1:-1] - 127.5).abs().max() < 2, "plain subsampling would give 0 or 255"


def kinds(folder):
    """One file of each kind of picture; returns what colour its middle must have."""
    size = (24, 24)
    plain = Image.new("RGB", size, RED)
    expected = {}

    def add(name, image, colour, **options):
        image.save(folder / name, **options)
        expected[name] = colour

    add("grey.png", Image.new("L", size, 90), (90, 90, 90))
    add("bits.png", Image.new("1", size, 1), (255, 255, 255))
    add("palette.png", plain.quantize(8), RED)
    holes = Image.new("P", size, 1)
    holes.putpalette([*BLUE, *RED])
    add("palette-with-a-hole.png", holes, (255, 255, 255), transparency=1)
    add("clear.png", Image.new("RGBA", size, (*RED, 0)), (255, 255, 255))
    add("half-clear.png", Image.new("RGBA", size, (*RED, 128)), tuple((c + 255) // 2 for c in RED))
    add("grey-clear.png", Image.new("LA", size, (0, 0)), (255, 255, 255))
    add("clear.webp", Image.new("RGBA", size, (*RED, 0)), (255, 255, 255), lossless=True)
    add("cmyk.jpg", plain.convert("CMYK"), RED, quality=95)
    add("cmyk.tif", plain.convert("CMYK"), RED)
    add("sixteen.png", Image.fromarray(np.full(size, 150 * 257 + 100, np.uint16)), (150, 150, 150))
    add("sixteen.tif", Image.fromarray(np.full(size, 65535, np.uint16)), (255, 255, 255))
    add("thirty-two.tif", Image.fromarray(np.full(size, 65535, np.int32)), (255, 255, 255))
    return expected


def test_every_kind_of_picture(tmp_path, capfd):
    expected = kinds(tmp_path)
    found = dict(zip(sorted(expected), colours(data.load("folder", path=tmp_path, size=12)), strict=True))
    assert {name: colour for name, colour in found.items() if not near(colour, expected[name])} == {}
    assert capfd.readouterr() == ("", "")


def test_exif_rotation(tmp_path):
    """A camera held upright: stored lying, with the red half to the left; upright, the red half is above."""
    image = Image.new("RGB", (48, 24), BLUE)
    image.paste(RED, (0, 0, 24, 24))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to see it
    image.save(tmp_path / "upright.png", exif=exif)
    image.save(tmp_path / "lying.png")
    lying, upright = data.load("folder", path=tmp_path, size=16).pixels
    assert near(lying[:, 8, 2].tolist(), RED) and near(lying[:, 8, 13].tolist(), BLUE)
    assert near(upright[:, 2, 8].tolist(), RED) and near(upright[:, 13, 8].tolist(), BLUE)


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp"])
def test_first_frame_of_an_animation(tmp_path, capsys, name):
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
    assert near(colours(data.load("folder", path=tmp_path, size=16))[0], RED)
    assert f"moving pictures, of which only the first frame is taken: 1, e.g. '{name}'" in capsys.readouterr().err


def test_names_folders_and_links(tmp_path, capsys):
    root = tmp_path / "my photos"
    for name in ("猫 咪/第 一张.PNG", "b/deep/er/ü.jpeg", ".hidden/x.png", "__MACOSX/y.png"):
        (root / name).parent.mkdir(parents=True)
        Image.new("RGB", (16, 16), RED).save(root / name)
    (root / ".DS_Store").write_text("")
    (root / "notes.txt").write_text("no image")
    (root / "b" / "up").symlink_to(root)  # round and round
    (root / "b" / "again").symlink_to(root / "猫 咪")  # the same pictures twice
    source = files.source(root)
    assert len(source.entries) == 2 and "b/deep/er/ü.jpeg" in source.entries
    assert len(data.load(root, size=16)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "other files left aside: " in said and ".DS_Store" in said


def test_sub_folders_become_classes(tmp_path, capsys):
    for name, colour in (("dogs/1.png", RED), ("cats/2.png", GREEN), ("cats/sub/3.png", BLUE)):
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), colour).save(tmp_path / "pets" / name)
    pets = data.load("folder", path=tmp_path / "pets", size=16, labels=True)
    assert pets.classes == ("cats", "dogs") and pets.labels.tolist() == [0, 0, 1]
    assert all(map(near, colours(pets), (GREEN, BLUE, RED)))
    (tmp_path / "pets" / "cats" / "2.png").write_text("no image")
    some = data.load("folder", path=tmp_path / "pets", size=16, labels=True, on_error="skip")
    assert some.labels.tolist() == [0, 1] and all(map(near, colours(some), (BLUE, RED)))
    said = sentence(lambda: data.load("folder", path=tmp_path / "pets" / "cats", labels=True))
    assert "labels=True needs every image in a sub-folder, but '2.png'" in said
    shutil.rmtree(tmp_path / "pets" / "dogs")
    said = sentence(lambda: data.load("folder", path=tmp_path / "pets", labels=True))
    assert "labels=True needs at least two sub-folders with images, but" in said and said.endswith("has 1")


# -- pictures that cannot be used --------------------------------------------------------------------------------------
def broken(kind):
    """The bytes of a file that cannot be used, its name, and what must be said of it."""
    stream = io.BytesIO()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    if kind == "half a JPEG":
        noise.save(stream, "JPEG")
        return "x.jpg", stream.getvalue()[: len(stream.getvalue()) // 2], "cannot be read"
    if kind == "half a PNG":
        noise.save(stream, "PNG")
        return "x.png", stream.getvalue()[: len(stream.getvalue()) // 2], "cannot be read"
    if kind == "text":
        return "x.png", b"dear diary", "is no image, whatever its name says"
    if kind == "nothing":
        return "x.gif", b"", "is no image"
    if kind == "one pixel":
        Image.new("RGB", (1, 1)).save(stream, "PNG")
        return "x.png", stream.getvalue(), "has 1×1 pixels, fewer than 8 on a side"
    if kind == "floats":
        Image.fromarray(np.ones((16, 16), np.float32)).save(stream, "TIFF")
        return "x.tif", stream.getvalue(), "has values beyond 16 bits"
    width = {"large": 10_000, "huge": 20_000}[kind]
    Image.new("1", (width, width)).save(stream, "PNG")
    return (
        "x.png",
        stream.getvalue(),
        {"large": "has 10,000×10,000 pixels, more than", "huge": "decompression bomb"}[kind],
    )


BROKEN = ["half a JPEG", "half a PNG", "text", "nothing", "one pixel", "floats", "large", "huge"]


@pytest.mark.parametrize("kind", BROKEN)
def test_a_picture_that_cannot_be_used(photos, kept, capsys, kind):
    name, content, reason = broken(kind)
    (photos / name).write_bytes(content)
    before = time.perf_counter()
    said = sentence(lambda: data.load("folder", path=photos, size=16))
    assert time.perf_counter() - before < 2, "400 million pixels were decoded"
    assert said.startswith(f"{name!r} in folder {str(photos)!r} ") and reason in said and "on_error='skip'" in said
    assert files_in(kept) == [] and capsys.readouterr().err == ""
    for _ in range(2):  # decoded, then from the cache
        assert len(data.load("folder", path=photos, size=16, on_error="skip")) == 3
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and f"left out 1 of 4 pictures, which cannot be used, e.g. {name!r}" in said


def test_no_picture_can_be_used(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    (tmp_path / "b.png").symlink_to(tmp_path / "nowhere.png")
    said = sentence(lambda: data.load("folder", path=tmp_path, on_error="skip"))
    assert "none of the 2 pictures of folder" in said and "'a.png' is no image" in said
    (tmp_path / "a.png").unlink()
    assert "'b.png' in folder" in sentence(lambda: data.load("folder", path=tmp_path))


def test_a_long_thin_picture_needs_little_memory(tmp_path):
    Image.new("L", (900_000, 9), 70).save(tmp_path / "strip.png")
    assert colours(data.load("folder", path=tmp_path, size=256)) == [(70, 70, 70)]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"path": "gone"}, "path of folder must be a folder of images, but 'gone' is not there"),
        ({"path": __file__}, "is a file"),
        ({}, "data set 'folder' needs path=, not None"),
        ({"path": 3}, "data set 'folder' needs path=, not 3"),
        ({"path": ".", "size": 7}, "must be a whole number from 8 to 1024, not 7"),
        ({"path": ".", "n": 0}, "number of images must be a whole number 1 or more, not 0"),
        ({"path": ".", "n": 99}, "99 images are more than the 3 of folder"),
        ({"path": ".", "on_error": "ignore"}, "unknown on_error 'ignore'; known: raise, skip"),
        ({"path": ".", "split": "test"}, "data set 'folder' takes no option 'split'"),
    ],
)
def test_bad_options(photos, monkeypatch, options, message):
    monkeypatch.chdir(photos)
    assert message in sentence(lambda: data.load("folder", **options))


def test_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "holds no images (files ending in avif, " in sentence(lambda: data.load(tmp_path / "empty"))
    (tmp_path / "empty" / "notes.txt").write_text("no image")
    assert "only others, e.g. 'notes.txt'" in sentence(lambda: data.load(tmp_path / "empty"))


def test_a_path_instead_of_a_name(tmp_path, photos, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(data.load("photos/", size=16)) == 3 and len(data.load("./photos", size=16)) == 3
    assert sentence(lambda: data.load("./phots")).startswith("there is no folder or file './phots'; the data sets")
    assert "unknown data set 'phots'; known: " in sentence(lambda: data.load("phots"))
    assert "nor is there a folder, a zip or an .npz file at that path" in sentence(lambda: data.load("phots"))
    (tmp_path / "notes.txt").write_text("no image")
    said = sentence(lambda: data.load("notes.txt"))
    assert said == ("'notes.txt' is neither a data set (see ganlib.data.names()) nor a folder, a zip or an .npz file")
    (tmp_path / "digits").mkdir()
    assert data.load("digits", n=1).name == "digits", "a name goes before a path"
    for nothing in (None, "", 3, ["photos"]):
        assert "unknown data set" in sentence(lambda nothing=nothing: data.load(nothing))


# -- the cache ---------------------------------------------------------------------------------------------------------
def test_decoded_once(photos, kept, monkeypatch):
    first = data.load(photos, size=16)
    (name,) = files_in(kept)
    assert name.startswith("images-16px-") and name.endswith(".safetensors")
    decode = files.picture
    monkeypatch.setattr(files, "picture", None)  # whoever decodes now, fails
    assert torch.equal(data.load(photos, size=16).pixels, first.pixels)
    monkeypatch.setattr(files, "picture", decode)
    Image.new("RGB", (40, 20), BLUE).save(photos / "a.png")
    os.utime(photos / "a.png", ns=(1, 1))
    assert near(colours(data.load(photos, size=16))[0], BLUE), "a changed file is read anew"
    Image.new("RGB", (40, 20), BLUE).save(photos / "d.png")
    assert len(data.load(photos, size=16)) == 4 and data.load(photos, size=24).shape == (3, 24, 24)


def test_two_at_once_decode_once(photos, kept, monkeypatch, capsys):
    decode, count = files.picture, []

    def slow(image, size):
        count.append(1)
        time.sleep(0.05)
        return decode(image, size)

    monkeypatch.setattr(files, "picture", slow)
    results = []
    threads = [threading.Thread(target=lambda: results.append(data.load(photos, size=16).pixels)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(count) == 3 and torch.equal(*results) and len(files_in(kept)) == 1
    assert "another process is at work on images-16px-" in capsys.readouterr().err


def test_a_set_larger_than_the_memory_is_mapped(photos, kept, monkeypatch, capsys):
    small = data.load(photos, size=16)
    shutil.rmtree(kept)
    monkeypatch.setattr(files, "_memory", lambda: 4 * (3 * 3 * 16 * 16) - 1)
    (photos / "bad.png").write_text("no image")
    for _ in range(2):
        mapped = data.load("folder", path=photos, size=16, on_error="skip")
        assert torch.equal(mapped.pixels, small.pixels) and mapped.batch(3).images.shape == (3, 3, 16, 16)
    (name,) = files_in(kept)
    assert name.endswith(".mapped.safetensors")
    path = kept / name
    path.write_bytes(path.read_bytes()[:-1])
    assert torch.equal(data.load("folder", path=photos, size=16, on_error="skip").pixels, small.pixels)
    assert f"{path} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_full_disk_while_mapping(photos, kept, monkeypatch, moment):
    monkeypatch.setattr(files, "_memory", lambda: 0)
    if moment == "before":
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 0, 10))
    else:
        chunks = files._chunks

        def full(*arguments):
            yield from chunks(*arguments)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(files, "_chunks", full)
    said = sentence(lambda: data.load(photos, size=16))
    assert "No space left on device" in said and "3.33kB of decoded images" in said and "GANLIB_CACHE" in said
    assert files_in(kept) == []


def test_full_disk_while_caching(photos, kept, monkeypatch, capsys):
    """What fits into the memory is used without the cache, as for the sets that are drawn."""

    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    assert len(data.load(photos, size=16)) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "No space left on device" in said and files_in(kept) == []


def resident():
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads Linux's /proc")
def test_mapped_images_are_not_read_as_a_whole(tmp_path):
    size = 300_000 * 3 * 32 * 32  # 0.9 GB
    with open(tmp_path / "pixels", "wb") as file:
        file.truncate(size)  # takes no room on the disk
    pixels = torch.from_file(str(tmp_path / "pixels"), shared=False, size=size, dtype=torch.uint8)
    before = resident()
    images = Images(pixels.view(-1, 3, 32, 32))
    images.batch(64)
    images.normalised(slice(1000, 1100))
    assert images.to("cpu").pixels.data_ptr() == pixels.data_ptr()
    assert resident() - before < 64 << 20
    assert (images.batch(64).images == -1).all()


def test_more_than_the_device_holds(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. And so on.\nAnd on.")

    images = Images(torch.zeros(1000, 3, 100, 100, dtype=torch.uint8), name="photos")
    monkeypatch.setattr(torch.Tensor, "to", full)
    said = sentence(lambda: images.to("cuda"))
    assert said.startswith("the 1,000 photos images need 0.0 GB, more than device 'cuda' has free; load fewer")


# -- zips --------------------------------------------------------------------------------------------------------------
def packed(path, folder, prefix=""):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{prefix}{file.name}")
    return path


def test_a_zip_is_a_folder(tmp_path, photos, capsys):
    (photos / "notes.txt").write_text("no image")
    path = packed(tmp_path / "my photos.zip", photos, "相册/")
    images = data.load(path, size=16)
    capsys.readouterr()
    assert images.name == "my photos" and torch.equal(images.pixels, data.load(photos, size=16).pixels)
    assert torch.equal(data.load("zip", path=path, size=16, n=1).pixels, images.pixels[:1])
    assert "other files left aside: 1, e.g. 'notes.txt'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "entry", ["../../evil.png", "/etc/evil.png", "a/../../evil.png", "..\\evil.png", "C:\\evil.png"]
)
def test_a_zip_that_points_outside(tmp_path, photos, entry):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("a.png", entry):
            archive.writestr(name, (photos / "a.png").read_bytes())
    said = sentence(lambda: data.load(tmp_path / "x.zip"))
    assert f"holds the entry {entry!r}, which points outside of it" in said
    assert not list(tmp_path.rglob("evil*"))


def test_damaged_and_encrypted_zips(tmp_path, photos):
    (tmp_path / "text.zip").write_text("dear diary")
    assert "is no zip, or a damaged one" in sentence(lambda: data.load(tmp_path / "text.zip"))
    good = packed(tmp_path / "x.zip", photos).read_bytes()
    (tmp_path / "half.zip").write_bytes(good[: len(good) // 2])
    assert "is no zip, or a damaged one" in sentence(lambda: data.load(tmp_path / "half.zip"))
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        at = archive.getinfo("b.jpg").header_offset + 60
    (tmp_path / "bit.zip").write_bytes(good[:at] + bytes([good[at] ^ 255]) + good[at + 1 :])
    assert "'b.jpg' in zip " in (said := sentence(lambda: data.load(tmp_path / "bit.zip"))) and "CRC-32" in said
    marked = bytearray(good)
    marked[good.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption in the directory of the zip
    (tmp_path / "secret.zip").write_bytes(marked)
    assert "is encrypted (entry 'a.png')" in sentence(lambda: data.load(tmp_path / "secret.zip"))
    assert "path of zip must be a zip file, but " in sentence(lambda: data.load("zip", path=photos))


def test_zip_bombs(tmp_path, photos, monkeypatch):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bmp", b"\0" * 3_000_000)
    said = sentence(lambda: data.load(tmp_path / "bomb.zip"))
    assert "claims to hold 3.00MB, more than 200 times as much; it is not opened" in said
    packed(tmp_path / "x.zip", photos)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 0, 10))
    assert "more than the free disk (10.0B); it is not opened" in sentence(lambda: data.load(tmp_path / "x.zip"))


# -- arrays ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def arrays(tmp_path):
    def save(**given):
        np.savez(tmp_path / "x.npz", **given)
        return tmp_path / "x.npz"

    return save


PIXELS = np.random.default_rng(0).integers(0, 256, (5, 3, 10, 14), dtype=np.uint8)


@pytest.mark.parametrize("key", ["images", "x", "arr_0"])
def test_arrays(arrays, key):
    for given, expected in (
        (PIXELS, PIXELS),
        (PIXELS.transpose(0, 2, 3, 1), PIXELS),
        (PIXELS[:, 0], PIXELS[:, :1]),
        (PIXELS[:, :1].transpose(0, 2, 3, 1), PIXELS[:, :1]),
    ):
        path = arrays(**{key: given, "y": np.array([0, 2, 2, 7, 1], np.uint8)})
        images = data.load(path)
        assert np.array_equal(images.pixels.numpy(), expected) and images.labels.tolist() == [0, 2, 2, 7, 1]
        some = data.load("npz", path=path, n=2)
        assert len(some) == 2 and some.labels.tolist() == [0, 2]
    assert data.load("npz", path=path, size=8).shape == (1, 8, 8)
    assert data.load(arrays(**{key: PIXELS})).labels is None


@pytest.mark.parametrize(
    "given, message",
    [
        ({"pictures": PIXELS}, "needs an array called images or x or arr_0; it has pictures"),
        ({"x": PIXELS / 255}, "x of 'x.npz' is float64 (5, 3, 10, 14); expected uint8 (N, H, W), (N, H, W, C) or"),
        ({"x": PIXELS[:, :2]}, "uint8 (5, 2, 10, 14); expected"),
        ({"x": PIXELS[0, 0]}, "uint8 (10, 14); expected"),
        ({"x": PIXELS[:0]}, "uint8 (0, 3, 10, 14); expected"),
        ({"x": PIXELS, "labels": np.arange(4)}, "labels of 'x.npz' is int64 (4,); expected whole numbers (5,)"),
        ({"x": PIXELS, "y": np.ones(5)}, "y of 'x.npz' is float64 (5,); expected whole numbers (5,)"),
        ({"x": PIXELS, "y": -np.arange(5)}, "from -4 to 0"),
        ({"x": np.array([{"code": "any"}], object)}, "cannot read 'x.npz' as an .npz: Object arrays cannot be loaded"),
    ],
)
def test_arrays_of_another_kind(arrays, monkeypatch, given, message):
    monkeypatch.chdir(arrays(**given).parent)
    assert message in sentence(lambda: data.load("x.npz"))


def test_damaged_arrays(arrays, tmp_path, monkeypatch):
    path = arrays(x=PIXELS)
    good = path.read_bytes()
    for content in (good[: len(good) // 2], b"dear diary", b"", good[:500] + b"?" + good[501:]):
        path.write_bytes(content)
        assert f"cannot read {str(path)!r} as an .npz: " in sentence(lambda: data.load(path))
    path.write_bytes(good)
    monkeypatch.setattr(files, "_memory", lambda: 100)
    assert "more than this machine's memory" in sentence(lambda: data.load(path))
    for options, message in (
        ({"path": tmp_path}, "is a folder"),
        ({}, "data set 'npz' needs path=, not None"),
        ({"path": path, "size": 3}, "size of npz must be a whole number from 8 to 1024, not 3"),
    ):
        assert message in sentence(lambda options=options: data.load("npz", **options))


# -- the Hugging Face hub ----------------------------------------------------------------------------------------------
class Rows:
    """As much of a data set of the package datasets as is needed."""

    _fingerprint = "0123"

    def __init__(self, columns, features):
        self.columns = columns
        self.features = features

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def __getitem__(self, key):
        return self.columns[key] if isinstance(key, str) else {name: rows[key] for name, rows in self.columns.items()}


@pytest.fixture
def hub(monkeypatch):
    """A package `datasets` that knows one set."""
    Picture = type("Image", (), {})
    ClassLabel = type("ClassLabel", (), {"names": ["warm", "cold"]})
    pictures = [Image.new("RGB", (30, 20), colour) for colour in (RED, BLUE)]
    rows = Rows({"photo": pictures, "label": [0, 1]}, {"photo": Picture(), "label": ClassLabel()})
    asked = []

    def load_dataset(name, split):
        asked.append((name, split))
        if name != "me/photos":
            raise FileNotFoundError(f"no {name} on the hub\nsecond line")
        return rows

    module = types.ModuleType("datasets")
    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)
    return rows, asked


def test_a_set_of_the_hub(hub):
    _, asked = hub
    images = data.load("huggingface", dataset="me/photos", size=16, labels="label")
    assert images.shape == (3, 16, 16) and images.classes == ("warm", "cold") and images.labels.tolist() == [0, 1]
    assert all(map(near, colours(images), (RED, BLUE))) and asked == [("me/photos", "train")]
    assert len(data.load("huggingface", dataset="me/photos", split="test", n=1, size=16)) == 1
    assert asked[1] == ("me/photos", "test")


def test_what_the_hub_cannot_do(hub, monkeypatch):
    rows, _ = hub
    for options, message in (
        ({}, "data set 'huggingface' needs dataset=, not None"),
        (
            {"dataset": "you/photos"},
            "cannot load 'you/photos', split 'train', from the Hugging Face hub: no you/photos",
        ),
        ({"dataset": "me/photos", "column": "foto"}, "unknown column of 'me/photos' 'foto' (did you mean 'photo'?)"),
        ({"dataset": "me/photos", "column": "label"}, "'0' in data set 'me/photos' (train) is no picture but a int"),
        ({"dataset": "me/photos", "labels": "photo"}, "column 'photo' of 'me/photos' does not hold the numbers of"),
        ({"dataset": "me/photos", "n": 3}, "3 images are more than the 2 of 'me/photos'"),
    ):
        assert message in sentence(lambda options=options: data.load("huggingface", **options))
    del rows.features["photo"]
    said = sentence(lambda: data.load("huggingface", dataset="me/photos"))
    assert "'me/photos' has 0 columns of images; pass column= one of label" in said
    for absent in (None, types.ModuleType("datasets")):  # not installed, or a folder of that name in the way
        monkeypatch.setitem(sys.modules, "datasets", absent)
        assert "pip install datasets" in sentence(lambda: data.load("huggingface", dataset="me/photos"))


# -- domains -----------------------------------------------------------------------------------------------------------
def two_domains(root, layout="{split}{side}", paired=True):
    for split, count in (("train", 3), ("test", 2)):
        for side, colour in (("A", RED), ("B", BLUE)):
            folder = root / layout.format(split=split, side=side)
            folder.mkdir(parents=True)
            for i in range(count + (side == "B" and not paired)):
                Image.new("RGB", (20, 20), tuple(c + 8 * i for c in colour)).save(folder / f"{i}_{side}.png")


@pytest.mark.parametrize("layout", ["{split}{side}", "{split}/{side}"])
def test_domains_of_your_own(tmp_path, layout):
    two_domains(tmp_path / "pairs", layout)
    pairs = data.load("domains", path=tmp_path / "pairs", size=16)
    assert isinstance(pairs, Domains) and pairs.name == "pairs" and pairs.shape == (3, 16, 16) and not pairs.paired
    assert near(colours(pairs.a)[0], RED) and near(colours(pairs.b)[0], BLUE) and len(pairs.a) == len(pairs.b) == 3
    assert len(data.load("domains", path=tmp_path / "pairs", size=16, split="test").a) == 2
    assert len(data.load("domains", path=tmp_path / "pairs", size=16, n=1).b) == 1
    assert isinstance(data.load(tmp_path / "pairs", size=16), Domains), "the path alone will do"
    shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path, "pairs")
    again = data.load("domains", path=tmp_path / "zipped.zip", size=16, paired=True)
    assert torch.equal(again.a.pixels, pairs.a.pixels) and again.paired
    batch = again.batch(3)
    shift = (batch.images - batch.other)[:, 0, 8, 8] * 127.5
    assert near(shift.tolist(), [RED[0] - BLUE[0]] * 3, 0.01), "image and other belong together"
    test = data.load("domains", path=tmp_path / "pairs", size=16, split="test")
    asked = data.load("domains", path=tmp_path / "pairs", size=16, augment=False)
    assert pairs.augment and not test.augment and not asked.augment


def test_what_are_no_domains(tmp_path, photos):
    said = sentence(lambda: data.load("domains", path=photos))
    assert "holds no images in trainA or train/A; expected trainA and trainB, or train/A and train/B" in said
    assert "data set 'domains' needs path=, not None" in sentence(lambda: data.load("domains"))
    assert "is neither a folder nor a file" in sentence(lambda: data.load("domains", path=tmp_path / "gone"))
    two_domains(tmp_path / "x", paired=False)
    assert "unknown split of x 'valid'" in sentence(lambda: data.load("domains", path=tmp_path / "x", split="valid"))
    said = sentence(lambda: data.load("domains", path=tmp_path / "x", paired=True))
    assert "do not pair: trainA has 3, trainB has 4, and '3' is in one of them only; pass paired=False" in said
    said = sentence(lambda: data.load("domains", path=tmp_path / "x", n=4))
    assert "4 images are more than the 3 of the smaller domain" in said
    said = sentence(lambda: data.load("domains", path=tmp_path / "x", paired=True, on_error="skip"))
    assert "would shift the pairs" in said


def test_the_known_domains():
    assert set(cyclegan.SETS) <= set(data.names()) and set(cyclegan.PAIRED) <= set(cyclegan.SETS)
    assert all(len(checksum) == 64 for _, checksum in cyclegan.SETS.values())
