"""What a metric sees of images: the features that a named network, the extractor, makes of them.

Images are uint8 (N, C, H, W), or floats in [-1, 1]. Floats are rounded to bytes before anything else, so that images in
memory and the same images read back from files have the same features.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganlib import zoo
from ganlib.data import cache
from ganlib.data.images import Images, resized, whole
from ganlib.data.parallel import in_parts
from ganlib.errors import GanlibError, unknown
from ganlib.metrics.base import Features
from ganlib.metrics.reading import in_range

BATCH = 64  # images at once: few enough for the caches of a CPU and, in Inception, for its memory
VERSION = 1  # of the way from images to statistics: raise it whenever a number changes

Network = Callable[[Tensor], tuple[Tensor, Tensor]]  # bytes (n, C, H, W) → features (n, d), logits


@dataclass(frozen=True)
class Extractor:
    """A network that makes features.

    Attributes:
        about: one line.
        channels: of the images it takes; None for three, or one, which is repeated to three.
        size: height and width of the images it takes; None if it resizes them itself.
        resizer: what it resizes by, if it does so itself.
        data: the data sets that it is meant for; ``"auto"`` takes it for these.
        anything: whether it may be used on other data sets too.
        load: gives the network, on a device.
        identity: what tells these weights from others.
    """

    about: str
    channels: int | None
    size: int | None
    resizer: str
    data: tuple[str, ...]
    anything: bool
    load: Callable[[torch.device], Network]
    identity: Callable[[], str]


def _from_zoo(name: str, question: str) -> dict[str, Any]:
    """The parts of an extractor that has its weights in the zoo; its logits answer one question."""

    def load(device: torch.device) -> Network:
        net = zoo.load(name).to(device)

        def run(pixels: Tensor) -> tuple[Tensor, Tensor]:
            features = net(pixels.to(torch.float32) / 127.5 - 1)
            return features, net.heads[question](features)

        return run

    return {"load": load, "identity": lambda: f"sha256 {zoo.record(name)['sha256']}"}


INCEPTION = {"features_list": ["2048", "logits_unbiased"]}  # pool features, and the logits of the Inception Score


def _fidelity() -> Any:
    try:
        from torch_fidelity import feature_extractor_inceptionv3
    except ImportError:
        raise GanlibError(
            "the extractor inception needs the package torch-fidelity, which is not installed; expected it from: "
            "pip install torch-fidelity"
        ) from None
    return feature_extractor_inceptionv3


def _inception(device: torch.device) -> Network:
    module = _fidelity()
    try:
        net = module.FeatureExtractorInceptionV3("inception-v3-compat", **INCEPTION)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:  # no network, or a damaged download
        raise GanlibError(
            f"the weights of Inception-v3, which torch-fidelity downloads once ({module.URL_INCEPTION_V3}), could not "
            f"be loaded: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        ) from None
    net = net.to(device).eval()
    return lambda pixels: net(pixels)


def _inception_identity() -> str:
    _fidelity()  # so that a missing package is named
    return f"torch-fidelity {importlib.metadata.version('torch-fidelity')}"


EXTRACTORS = {
    "digits": Extractor(
        "64 features of our network that reads drawn digits of 28×28 and the habits of the hand; ten logits",
        channels=1,
        size=28,
        resizer="",
        data=("digits",),
        anything=False,
        **_from_zoo("digits", "digit"),
    ),
    "avatars": Extractor(
        "128 features of our network that reads all attributes of avatars of 32×32; logits of the hair colours",
        channels=3,
        size=32,
        resizer="",
        data=("avatars", "photos"),  # the photos of photos-paintings are avatars
        anything=False,
        **_from_zoo("avatars", "hair_colour"),
    ),
    "inception": Extractor(
        "2048 pool features of Inception-v3 with the weights of the original FID, by torch-fidelity; 1008 logits "
        "without their bias",
        channels=None,
        size=None,
        resizer="TensorFlow's bilinear",
        data=("cifar10", "celeba"),
        anything=True,
        load=_inception,
        identity=_inception_identity,
    ),
}


def names() -> list[str]:
    """The extractors."""
    return sorted(EXTRACTORS)


def identity(extractor: str) -> str:
    """An extractor's name, and what tells its weights from others: their sha256, or the package they come from.

    Args:
        extractor: one of `names()`.

    Raises:
        GanlibError: no such extractor, or its package is missing.
    """
    if extractor not in EXTRACTORS:
        raise unknown("extractor", extractor, EXTRACTORS)
    return f"{extractor}, {EXTRACTORS[extractor].identity()}"


def choose(images: Any, extractor: str = "auto", data: Any = None) -> str:
    """Which extractor fits.

    Args:
        images: what is to be measured.
        extractor: one of `names()`, or ``"auto"`` for the one that is meant for the data set.
        data: the data set that the images look like, or its name; None for that of the images.

    Returns:
        Its name.

    Raises:
        GanlibError: no such extractor, one that is not meant for this data set, or, for ``"auto"``, a data set that is
            not known or for which none is meant.
    """
    of = images if data is None else data
    of = of if isinstance(of, str) else of.name if isinstance(of, Images) else None
    if extractor == "auto":
        if of is None:
            raise GanlibError(
                f"extractor 'auto' was given {_kind(images if data is None else data)}; expected images of a data set, "
                f"data= with one, or an extractor's name: {', '.join(names())}"
            )
        for name, known in EXTRACTORS.items():
            if of in known.data:
                return name
        fitting = " or ".join(name for name in names() if EXTRACTORS[name].anything)
        raise GanlibError(
            f"no extractor is meant for {of!r}; expected one that takes any images, extractor={fitting!r} (on the "
            f"command line: --extractor {fitting})"
        )
    if extractor not in EXTRACTORS:
        raise unknown("extractor", extractor, [*EXTRACTORS, "auto"])
    chosen = EXTRACTORS[extractor]
    if of is not None and not chosen.anything and of not in chosen.data:
        raise GanlibError(
            f"the extractor {extractor} was given images of {of!r}; expected those of {' or '.join(chosen.data)}"
        )
    return extractor


def _kind(given: Any) -> str:
    return "a tensor" if isinstance(given, Tensor) else f"a {type(given).__name__}"


def as_bytes(images: Images | Tensor, channels: int | None = None, what: str = "images") -> Tensor:
    """Images in the one form that is measured.

    Args:
        images: `Images`; or a tensor (N, C, H, W) of uint8, or of floats in [-1, 1]. Floats that fill [0, 1] or reach
            up to 255 are taken for a mistake.
        channels: how many they must have; None for 1 or 3.
        what: what the errors call them.

    Returns:
        uint8 (N, C, H, W), where they were.

    Raises:
        GanlibError: no tensor, another type, shape or range, an empty set, or pixels that are not finite.
    """
    images = images.pixels if isinstance(images, Images) else images
    expected = "expected uint8 from 0 to 255, or floats in [-1, 1]"
    if isinstance(images, list | tuple):
        shapes = sorted({str(tuple(getattr(image, "shape", ()))) for image in images})
        seen = f" of shapes {', '.join(shapes[:4])}" if shapes else ""
        raise GanlibError(f"the {what} are a {type(images).__name__}{seen}; expected one tensor (N, C, H, W)")
    if not isinstance(images, Tensor):
        raise GanlibError(f"the {what} are {_kind(images)}; expected a tensor (N, C, H, W)")
    shape = tuple(images.shape)
    if images.ndim != 4 or 0 in shape:
        raise GanlibError(f"the {what} have shape {shape}; expected (N, C, H, W) with at least one image")
    fitting = (1, 3) if channels is None else (channels,)
    if shape[1] not in fitting:
        hint = "; with the channels last, give images.permute(0, 3, 1, 2)" if shape[3] in fitting else ""
        raise GanlibError(
            f"the {what} have {shape[1]} channels (shape {shape}); expected {' or '.join(map(str, fitting))}{hint}"
        )
    if images.dtype == torch.uint8:
        return images
    if not images.is_floating_point():
        raise GanlibError(f"the {what} are {str(images.dtype).removeprefix('torch.')}; {expected}")
    images = images.detach()
    in_range(images, what, expected)
    return to_bytes(images)


def to_bytes(images: Tensor) -> Tensor:
    """Floats that are in [-1, 1], whatever they look like, as the bytes that a file of them holds.

    Args:
        images: (N, C, H, W); what is outside the range is cut off.

    Returns:
        uint8 (N, C, H, W), where they were.
    """
    parts = images.detach().split(4096)
    return torch.cat([((part.float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8) for part in parts])


def _prepared(images: Images | Tensor, name: str) -> tuple[Tensor, str]:
    """Bytes as an extractor takes them, and by what they were resized."""
    wanted = EXTRACTORS[name]
    pixels = as_bytes(images, wanted.channels, f"images for the extractor {name}")
    height, width = pixels.shape[2:]
    # Features of images that were 64 pixels wide and of images that were 16 are not to be compared: the size is told.
    if wanted.size is None:
        how = f"{wanted.resizer}, {height}×{width}→299×299"
        if pixels.shape[1] == 1:  # as files of grey images are read by the reference pipelines
            return pixels.expand(-1, 3, -1, -1), f"{how}, grey repeated to three channels"
        return pixels, how
    if height != width:
        raise GanlibError(f"the extractor {name} was given images of {height}×{width} pixels; expected square ones")
    if height == wanted.size:
        return pixels, "none"
    return resized(pixels, wanted.size), f"antialiased bilinear {height}→{wanted.size}"


def extract(
    images: Images | Tensor, extractor: str = "auto", *, data: Images | str | None = None, batch: int = BATCH
) -> Features:
    """What an extractor makes of images.

    Args:
        images: `Images`; or a tensor (N, C, H, W) of uint8, or of floats in [-1, 1]. The network runs where they are.
        extractor: one of `names()`, or ``"auto"`` for the one that is meant for the data set. Images of another size
            than the extractor's are resized, and grey ones repeated to three channels, which the features tell.
        data: the data set that a plain tensor looks like, or its name.
        batch: images at once.

    Returns:
        Features on the CPU in float32, with logits: of digits those of the ten digits, of avatars those of the hair
        colours, of Inception those of the Inception Score.

    Raises:
        GanlibError: images or an extractor that do not fit (see `as_bytes` and `choose`), damaged weights, a missing
            package.
    """
    name = choose(images, extractor, data)
    pixels, resizer = _prepared(images, name)
    network = EXTRACTORS[name].load(pixels.device)

    @torch.no_grad()  # here, since it holds for a thread
    def run(part: slice) -> tuple[Tensor, Tensor]:
        values, logits = network(pixels[part])
        return values.float().cpu(), logits.float().cpu()

    values, logits = zip(*in_parts(len(pixels), whole("batch", batch, 1), run, pixels.device), strict=True)
    return Features(torch.cat(values), name, resizer, torch.cat(logits))


def attributes(images: Images | Tensor | Features, *, batch: int = BATCH) -> dict[str, Tensor]:
    """What the network of the avatars reads in portraits.

    On average it is right for 99 % of the attributes in portraits of 32 to 128 pixels, for 97 % at 24 and 90 % at 16,
    where freckles and smiles are lost. In paintings it misreads colours.

    Args:
        images: as `extract` takes them; or features of the extractor ``"avatars"``, which costs nothing more.
        batch: images at once.

    Returns:
        For each attribute of `ganlib.data.avatars.ATTRIBUTES` the number of the most likely value, int64 (N,).

    Raises:
        GanlibError: see `extract`; or features of another extractor.
    """
    features = images if isinstance(images, Features) else extract(images, "avatars", batch=batch)
    if features.extractor != "avatars":
        raise GanlibError(f"features of the extractor {features.extractor} were given; expected those of avatars")
    return zoo.load("avatars").answers(features.values.float())


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and covariance of features, and what they are of.

    Attributes:
        mean: float64 (d,).
        covariance: float64 (d, d), with n - 1 in the denominator.
        n: how many images.
        extractor: see `Features`.
        resizer: see `Features`.
    """

    mean: Tensor
    covariance: Tensor
    n: int
    extractor: str
    resizer: str


def statistics(
    images: Images | Tensor,
    extractor: str = "auto",
    *,
    data: Images | str | None = None,
    n: int | None = None,
    seed: int = 0,
    batch: int = BATCH,
) -> Statistics:
    """Mean and covariance of a real set's features, kept in the cache folder.

    They are found again by the images' content: other pixels, another order of the draw, other weights or another size
    are another entry. A damaged entry is said to be one and made again.

    Args:
        images: as `extract` takes them.
        extractor: see `extract`.
        data: see `extract`.
        n: how many images, drawn without replacement; None for all of them.
        seed: of the draw.
        batch: images at once.

    Returns:
        The statistics, in float64 on the CPU.

    Raises:
        GanlibError: see `extract`; n below 2 or above the number of images.
    """
    name = choose(images, extractor, data)
    pixels = as_bytes(images, EXTRACTORS[name].channels, f"images for the extractor {name}")
    if len(pixels) < 2:
        raise GanlibError("statistics of one image were asked for; expected at least two, since one has no covariance")
    if n is not None:
        n = whole("n", n, 2, len(pixels))
        order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(whole("seed", seed, 0)))
        pixels = pixels[order[:n].to(pixels.device)]
    network = EXTRACTORS[name]
    how = network.resizer or f"{network.size}"  # the pixels' own size is in the key too
    key = hashlib.sha256(f"{VERSION} {name} {network.identity()} {how} {tuple(pixels.shape)} ".encode())
    key.update(pixels.cpu().contiguous().numpy())
    resizer = _prepared(pixels[:1], name)[1]

    def make() -> dict[str, Tensor]:
        values = extract(pixels, name, batch=batch).values.double()
        return {"mean": values.mean(0), "covariance": torch.cov(values.T)}

    stored = cache.tensors(f"statistics-{name}-{key.hexdigest()[:32]}", make)
    return Statistics(stored["mean"], stored["covariance"], len(pixels), name, resizer)
