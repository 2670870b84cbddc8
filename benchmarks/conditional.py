"""What does a GAN do with a condition? Four tables for the chapters on conditional and auxiliary classifier GANs.

* `designs`: three ways to tell the discriminator a label, wrong pairs, and three ways to let it name the label.
* `overlap`: two classes, natural and dyed hair, but 3 labels of 10 are wrong, so that classes overlap by a known
  amount. The truth itself then shows the class asked for in 7 samples of 10: more is a fault as less is.
* `matching`: captions, with and without wrong pairs, on faces from which two combinations are left out.
* `trunk`: a classifier from the zoo as the trunk of ACGAN's discriminator. The colour of the hair is read by another
  classifier, trained here, and once by the network of the zoo too: a generator that learns from a network may paint
  what that network alone takes for the class.

All play with batches of 64 and averaged weights. Rows of a table differ by what their title says and nothing else.
Samples are asked for what held-out images show, and compared with these. What a step costs is measured beforehand, in
turn with the first row, on a processor in its own time, not the wall's: the runs themselves are not clocked.

Each run is kept as soon as it is done, so a benchmark that was stopped goes on where it was, and several processes may
play different tables.

    python benchmarks/conditional.py  # what is missing in benchmarks/results/conditional.{json,md,svg}
    python benchmarks/conditional.py --tables overlap
    python benchmarks/conditional.py --tables trunk --steps 8 --n 200 --seeds 1 --no-write
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch import Tensor

import ganlib
from benchmarks import common, league
from benchmarks.common import mean, shown
from ganlib import GanlibError, viz
from ganlib.data import avatars, captions
from ganlib.data.captions import Captioned
from ganlib.data.images import Images
from ganlib.device import resolve, seeded
from ganlib.metrics import features
from ganlib.metrics.attributes import within_class_diversity
from ganlib.metrics.base import Features
from ganlib.metrics.classifier import train_classifier
from ganlib.metrics.fid import fid
from ganlib.training.callbacks import to_uint8

BATCH, AVERAGE = 64, 5_000
STEPS = {"designs": 625, "overlap": 2500, "matching": 2500, "trunk": 800}
LABEL = "hair_colour"  # the class of a face
# Where classes overlap: the class of each colour, how many labels are wrong, and the size of the faces. Classes are
# two: with eight, and 3 labels of 10 drawn anew, each wrong colour is 4 % of its class, and all games leave it out.
GROUPS, WRONG, SMALL = (0, 0, 0, 0, 1, 1, 1, 1), 0.3, 16
TRUTH = -WRONG * math.log(WRONG) - (1 - WRONG) * math.log(1 - WRONG)  # entropy of the class, given the label
# Captions name one to four of these: what is read in faces that small. On 32×32, with all attributes, 625 steps gave
# nothing like a face (FID 183, seed 100).
NAMED, MOST = ("hair_colour", "hair_length", "skin", "glasses", "shirt", "background"), 4
HELD_OUT = ({"hair_colour": "blue", "shirt": "red"}, {"hair_colour": "green", "background": "rose"})
LANGUAGES = {"en": "English", "zh": "Chinese"}
LOOKS = (1 / 8, 1 / 4, 1 / 2, 1)  # of the steps, where a run is judged on its way
SHARED = ("features", "references", "cost")  # what the runs of a table have in common
Found = dict[str, float]  # measure → value


@dataclass(frozen=True)
class Row:
    """What plays.

    Attributes:
        title: in the words of the tables.
        gan: which game.
        options: of the game.
        raw: whether the trunk from the zoo forgets what it has learnt.
    """

    title: str
    gan: str
    options: dict[str, Any]
    raw: bool = False


FACES = {"model": "dcgan-small", "lr": 1e-3, "beta1": 0.5}
SAID = FACES | {"condition": "captions", "condition_dim": 64}
HALF = {"fake": 0.5, "wrong": 0.5}

ROWS: dict[str, dict[str, Row]] = {
    "designs": {
        "concat": Row("CGAN, concatenation", "cgan", FACES | {"design": "concat"}),
        "two-branch": Row("CGAN, two branches", "cgan", FACES | {"design": "two-branch"}),
        "projection": Row("CGAN, projection", "cgan", FACES | {"design": "projection"}),
        "wrong": Row("CGAN, concatenation, wrong pairs", "cgan", FACES | {"design": "concat"} | HALF),
        "n": Row("ACGAN, n classes", "acgan", FACES | {"form": "n"}),
        "n+1": Row("ACGAN, n + 1 classes", "acgan", FACES | {"form": "n+1"}),
        "single": Row("ACGAN, one head", "acgan", FACES | {"form": "single"}),
    },
    "overlap": {
        "concat": Row("CGAN, concatenation", "cgan", FACES | {"design": "concat"}),
        "projection": Row("CGAN, projection", "cgan", FACES | {"design": "projection"}),
        "n": Row("ACGAN, n classes, λ = 1", "acgan", FACES | {"form": "n"}),
        "n-5": Row("ACGAN, n classes, λ = 5", "acgan", FACES | {"form": "n", "aux_weight": 5.0}),
        "single": Row(
            "ACGAN, one head, λ = 1", "acgan", FACES | {"form": "single"}
        ),  # learns classes from real faces only
        "single-5": Row("ACGAN, one head, λ = 5", "acgan", FACES | {"form": "single", "aux_weight": 5.0}),
    },
    "matching": {
        "off": Row("no wrong pairs", "cgan", SAID),
        "whole": Row("wrong pairs, weights 1, 1, 1", "cgan", SAID | {"wrong": 1.0}),
        "half": Row("wrong pairs, weights 1, ½, ½", "cgan", SAID | HALF),
    },
    "trunk": {
        "own": Row("the usual one", "acgan", FACES),
        "raw": Row("the zoo's network, untrained", "acgan", FACES | {"trunk": "avatars"}, raw=True),
        "tuned": Row("the zoo's network", "acgan", FACES | {"trunk": "avatars"}),
        "frozen": Row("the zoo's network, frozen", "acgan", FACES | {"trunk": "avatars", "frozen": True}),
    },
}


def settings(row: Row) -> dict[str, Any]:
    """What a run depends on."""
    return {"gan": row.gan, "options": row.options, "raw": row.raw, "batch": BATCH, "ema": AVERAGE}


# -- the data, and who judges ------------------------------------------------------------------------------------------
def overlapping(images: Images, seed: int) -> Images:
    """The same images, their labels those of `GROUPS`, of which a share is wrong."""
    wrong = torch.rand(len(images), generator=torch.Generator().manual_seed(seed)) < WRONG
    labels = torch.tensor(GROUPS)[images.labels] ^ wrong
    return Images(images.pixels, labels, ("natural", "dyed"), images.name, images.attributes, images.vocabulary)


def entropy(asked: Tensor, read: Tensor) -> float:
    """H(read | asked) of the shares of all pairs, in nats.

    With m classes and n samples it is too small by about m(m − 1)/2n where all pairs occur.
    """
    joint = torch.zeros(int(asked.max()) + 1, int(read.max()) + 1, dtype=torch.float64)
    joint.index_put_((asked, read), torch.ones(len(asked), dtype=torch.float64), accumulate=True)
    joint = joint / len(asked)
    return max(0.0, float(torch.special.entr(joint).sum() - torch.special.entr(joint.sum(1)).sum()))


class LabelJudge:
    """Asks for the labels of held-out faces, and compares what it gets with these.

    Args:
        n: samples of each kind.
        device: where the extractor runs.
        overlap: classes that overlap, see `overlapping`; else the colours of the hair.
    """

    def __init__(self, n: int, device: torch.device, overlap: bool = False):
        size = SMALL if overlap else league.SIZE
        train, held = (
            ganlib.load("avatars", size=size, label=LABEL, n=count, split=split)
            for split, count in (("train", league.TRAINING), ("test", 2 * n))
        )
        self.n, self.device, self.colours = n, device, held.labels
        self.data = overlapping(train, 0) if overlap else train
        self.labels = overlapping(held, 1).labels if overlap else held.labels
        self.classes = torch.tensor(GROUPS) if overlap else torch.arange(len(GROUPS))  # colour → class
        both = features.extract(held.to(device))
        self.features = f"{features.identity(both.extractor)}, resizer {both.resizer}"
        self.real, self.other = both[:n], both[n:]

    def measures(self, fake: Features, asked: Tensor) -> Found:
        """Of features, and the labels that were asked for."""
        labels, read = self.labels[: self.n], self.classes[features.attributes(fake)[LABEL]]
        of = [
            float(fid(self.real[labels == k], fake[asked == k], floor=False, allow_small=True))
            for k in asked.unique().tolist()
        ]
        return {
            "FID": float(fid(self.real, fake, floor=False)),
            "FID of a class": statistics.fmean(of),
            "accuracy": (read == asked).double().mean().item(),
            "entropy": entropy(asked, read),
            "diversity": float(within_class_diversity(self.real, labels, fake, asked, allow_small=True)),
        }

    def __call__(self, trainer: ganlib.Trainer, seed: int) -> Found:
        """Of what a game makes now."""
        asked = self.labels[: self.n]
        images = sampled(trainer, seed, self.n, labels=asked)
        return self.measures(features.extract(images.to(self.device), data="avatars"), asked)

    def references(self) -> dict[str, Found]:
        """Other held-out faces with their labels: a perfect generator's. And with right labels, if some are not."""
        found = {"real images": self.measures(self.other, self.labels[self.n :])}
        right = self.classes[self.colours]
        if not torch.equal(right, self.labels):
            found["real images, right labels"] = self.measures(self.other, right[self.n :])
        return found


class CaptionJudge:
    """Asks for captions of held-out faces, and for combinations that were left out.

    Args:
        n: samples of each kind.
        device: where the extractor runs.
    """

    def __init__(self, n: int, device: torch.device):
        self.n, self.device = n, device
        self.data = Captioned(without_held_out("train", league.TRAINING), NAMED, most=MOST)
        held = without_held_out("test", 2 * n)
        with seeded(0):
            self.captions = Captioned(held, NAMED, most=MOST).captions(torch.arange(2 * n))
        self.said, self.english = spoken(self.captions)
        both = features.extract(held.to(device))
        self.features = f"{features.identity(both.extractor)}, resizer {both.resizer}"
        self.real, self.other = both[:n], both[n:]
        self.asked = {"held out": combinations(max(1, n // 20)), "seen": combinations(max(1, n // 20), seen=True)}

    def measures(self, fake: Features, said: Tensor, english: Tensor) -> Found:
        """Of features, and what was said of them, see `spoken`."""
        right = self.right(fake, said)  # NaN where nothing was said
        colours = torch.tensor([name in avatars.COLOURS for name in avatars.ATTRIBUTES])
        share = lambda part: part.nanmean().item()
        return {
            "FID": float(fid(self.real, fake, floor=False)),
            "all": share(right),
            "colours": share(right[:, colours]),
            "English": share(right[english]),
            "Chinese": share(right[~english]),
        }

    def right(self, fake: Features, said: Tensor) -> Tensor:
        """For each attribute of each sample whether it is as was said, 1 or 0; NaN where nothing was said."""
        read = torch.stack(list(features.attributes(fake).values()), 1)
        return torch.where(said < 0, torch.nan, (read == said).double())

    def __call__(self, trainer: ganlib.Trainer, seed: int) -> Found:
        """Of what a game makes now."""
        extract = lambda images: features.extract(images.to(self.device), data="avatars")
        fake = extract(sampled(trainer, seed, self.n, captions=self.captions[: self.n]))
        found = self.measures(fake, self.said[: self.n], self.english[: self.n])
        for which, asked in self.asked.items():
            right = self.right(extract(sampled(trainer, seed, len(asked), captions=asked)), spoken(asked)[0])
            found[which] = (right.nansum(1) == 2).double().mean().item()  # both attributes
        return found

    def references(self) -> dict[str, Found]:
        """Other held-out faces with their captions: what a perfect generator gets. And with those of others: chance."""
        said, english = self.said[self.n :], self.english[self.n :]
        found = {"real images": self.measures(self.other, said, english)}
        return found | {
            "real images, captions of others": self.measures(self.other, said.roll(1, 0), english.roll(1, 0))
        }


def without_held_out(split: str, n: int) -> Images:
    """n faces, none of which has a combination that is held out; a twentieth of all has."""
    images = ganlib.load("avatars", size=SMALL, split=split, n=n + n // 8 + 100)
    shows = torch.zeros(len(images), dtype=torch.bool)
    for each in HELD_OUT:
        both = [images.attributes[name] == avatars.number(name, value) for name, value in each.items()]
        shows |= torch.stack(both).all(0)
    rows = (~shows).nonzero().squeeze(1)[:n]
    table = {name: column[rows] for name, column in images.attributes.items()}
    return Images(images.pixels[rows], images.labels[rows], images.classes, images.name, table, images.vocabulary)


def combinations(each: int, seen: bool = False) -> Tensor:
    """Captions of the combinations that are held out, in both languages.

    Args:
        each: how many of each combination, in each language.
        seen: instead, pairs of the same attributes with other values, drawn at random.

    Returns:
        int64 (N, L) tokens.
    """
    generator, made = torch.Generator().manual_seed(0), []
    for combination in HELD_OUT:
        for lang in LANGUAGES:
            for _ in range(each):
                chosen = combination
                while seen and chosen in HELD_OUT:
                    values = [[value[0] for value in avatars.ATTRIBUTES[name]] for name in combination]
                    picks = [of[int(torch.randint(len(of), (), generator=generator))] for of in values]
                    chosen = dict(zip(combination, picks, strict=True))
                made.append(avatars.caption(chosen, lang))
    return captions.tokens(made)


def spoken(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """What captions say.

    Returns:
        For each caption the number of each attribute's value, −1 where nothing is said of it, int64 (N, attributes);
        and whether it is in English, bool (N,).
    """
    texts = [captions.text(row) for row in tokens]
    said = [avatars.parse(text) for text in texts]
    table = torch.tensor([[each.get(name, -1) for name in avatars.ATTRIBUTES] for each in said])
    return table, torch.tensor([text.isascii() for text in texts])


class ColourJudge:
    """Asks for colours of hair, equally many of each, and has them read by two networks.

    Args:
        n: samples.
        device: where they run.
    """

    def __init__(self, n: int, device: torch.device):
        self.n, self.device = n, device
        self.data = ganlib.load("avatars", size=league.SIZE, label=LABEL, n=league.TRAINING)
        self.reader = train_classifier(self.data, device=device)  # no discriminator begins with it
        self.asked = torch.arange(n) % len(self.data.classes)
        self.features = f"{features.identity('avatars')}, and a classifier that was trained here"

    def measures(self, images: Tensor, asked: Tensor) -> Found:
        """Of bytes, and the colours that were asked for. What is no face for the reader trained here is not right."""
        sure = self.reader.probabilities(images.float() / 127.5 - 1)[torch.arange(len(asked)), asked]
        read = features.attributes(images.to(self.device))[LABEL]
        return {
            "accuracy": (sure > 0.5).double().mean().item(),
            "accuracy by the zoo": (read == asked).double().mean().item(),
        }

    def __call__(self, trainer: ganlib.Trainer, seed: int) -> Found:
        """Of what a game makes now."""
        return self.measures(sampled(trainer, seed, self.n, labels=self.asked), self.asked)

    def references(self) -> dict[str, Found]:
        """Held-out faces."""
        held = ganlib.load("avatars", size=league.SIZE, label=LABEL, n=self.n, split="test")
        return {"real images": self.measures(held.pixels, held.labels)}


JUDGES: dict[str, Callable[[int, torch.device], Any]] = {
    "designs": LabelJudge,
    "overlap": lambda n, device: LabelJudge(n, device, overlap=True),
    "matching": CaptionJudge,
    "trunk": ColourJudge,
}


def sampled(trainer: ganlib.Trainer, seed: int, n: int, **asked: Tensor) -> Tensor:
    """What a game makes of n conditions, uint8 (n, C, H, W) on the CPU."""
    with seeded(seed, trainer.device):
        parts = [
            trainer.sample(**{name: rows[start : start + size] for name, rows in asked.items()}).cpu()
            for start, size in zip(range(0, n, 500), league.sizes(n), strict=True)
        ]
    return to_uint8(torch.cat(parts))


# -- measuring ---------------------------------------------------------------------------------------------------------
def trainer_of(row: Row, data: Any, seed: int, device: torch.device) -> ganlib.Trainer:
    """What a row trains, before the first step."""
    ganlib.seed(seed)
    gan = ganlib.build(row.gan, data, **row.options)
    if row.raw:
        for part in gan.discriminator.trunk.modules():
            if hasattr(part, "reset_parameters"):
                part.reset_parameters()
    return ganlib.Trainer(gan, data, BATCH, device=device, ema_half_life=AVERAGE, progress=False)


def looks(table: str, steps: int) -> list[int]:
    """After how many steps a run of a table is judged."""
    return [max(1, round(part * steps)) for part in (LOOKS if table == "trunk" else LOOKS[-1:])]


def play(row: Row, judge: Any, seed: int, at: list[int], device: torch.device) -> dict[str, Any]:
    """One run.

    Args:
        row: what plays.
        judge: who measures.
        seed: of the run.
        at: the steps after which it is judged, rising.
        device: where.

    Returns:
        ``seed``, ``steps``, and at each of them what the judge has ``found``, None from where the run became NaN or
        infinite.
    """
    trainer = trainer_of(row, judge.data, seed, device)
    found: list[Found | None] = []
    for end in at:
        try:
            if end > trainer.step:
                trainer.fit(end - trainer.step)
        except ganlib.training.TrainingDiverged:
            break
        found.append(judge(trainer, seed))
    return {"seed": seed, "steps": at, "found": found + [None] * (len(at) - len(found))}


def costs(rows: Mapping[str, Row], data: Any, device: torch.device) -> dict[str, float]:
    """Seconds that a step of each row takes: what the first one takes, times the median ratio of turns."""
    loops = {name: trainer_of(row, data, 0, device).fit for name, row in rows.items()}
    times = common.in_turn(loops, league.CHUNK, league.ROUNDS, device, own=True)
    first = next(iter(rows))
    second = statistics.median(times[first])
    return {name: second * (1.0 if name == first else common.ratio(times[name], times[first])) for name in rows}


def missing(record: dict[str, Any], names: list[str]) -> list[tuple[str, int, str]]:
    """Table, seed and row of the runs that the record lacks, so that all rows have one before any has two."""
    has = {
        (table, run["seed"], name)
        for table, rows in record["results"].items()
        for name, kept in rows.items()
        if name in ROWS[table] and kept["settings"] == settings(ROWS[table][name])
        for run in kept["runs"]
    }
    seeds = range(record["protocol"]["seeds"])
    wanted = [(table, seed, name) for table in names for seed in seeds for name in ROWS[table]]
    return [run for run in wanted if run not in has]


def joined(record: dict[str, Any], table: str, name: str, run: dict[str, Any]) -> dict[str, Any]:
    """Results with one more run, in the order of `ROWS`."""
    results = {each: dict(record["results"].get(each, {})) for each in ROWS}
    kept, said = results[table].get(name, {}), settings(ROWS[table][name])
    runs = kept["runs"] if kept.get("settings") == said else []
    runs = sorted([*(old for old in runs if old["seed"] != run["seed"]), run], key=lambda run: run["seed"])
    results[table][name] = {"settings": said, "runs": runs}
    return {each: {name: rows[name] for name in ROWS[each] if name in rows} for each, rows in results.items() if rows}


# -- the report --------------------------------------------------------------------------------------------------------
Column = tuple[str, str, int, float, int]  # measure, head, digits, factor, at which look

FID, DIVERSITY = ("FID", "FID", 1, 1, -1), ("diversity", "Diversity within a class", 3, 1, -1)
ASKED = ("accuracy", "Class as asked, %", 1, 100, -1)
COLUMNS: dict[str, list[Column]] = {
    "designs": [
        FID,
        ("FID of a class", "FID within a class", 1, 1, -1),
        ASKED,
        DIVERSITY,
        ("step", "ms a step", 0, 1000, -1),
    ],
    "overlap": [ASKED, ("entropy", "Entropy of the class, nats", 3, 1, -1), DIVERSITY, FID],
    "matching": [
        ("all", "Said and found, %", 1, 100, -1),
        ("colours", "Colours, %", 1, 100, -1),
        ("English", "English, %", 1, 100, -1),
        ("Chinese", "Chinese, %", 1, 100, -1),
        ("seen", "Two at once, %", 1, 100, -1),
        ("held out", "Two never seen at once, %", 1, 100, -1),
        FID,
    ],
}
TITLES = {
    "designs": "Faces by the colour of their hair, {steps[designs]} steps, {seeds} seeds",
    "overlap": "Two classes, three labels of ten wrong, {steps[overlap]:,} steps, {seeds} seeds",
    "matching": "Faces by their captions, {steps[matching]:,} steps, {seeds} seeds",
    "trunk": "Class as asked, in percent, by the trunk of the discriminator, {seeds} seeds",
}
FIRST = {"trunk": "Trunk"}  # head of the first column, else Method


def columns_of(table: str, steps: int) -> list[Column]:
    """The columns of a table after its first."""
    if table != "trunk":
        return COLUMNS[table]
    at = looks(table, steps)
    found = [("accuracy", f"{end:,} steps", 1, 100, look - len(at)) for look, end in enumerate(at)]
    return [*found, ("accuracy by the zoo", "As the zoo reads it", 1, 100, -1), ("seconds", "Seconds", 0, 1, -1)]


def finals(row: dict[str, Any], measure: str, look: int = -1) -> list[float | None]:
    """A measure of each seed at a look."""
    return [run["found"][look] and run["found"][look][measure] for run in row["runs"]]


def lost(values: list[float | None]) -> str:
    """Of how many seeds a mean speaks, if some are lost."""
    return f" ({values.count(None)}/{len(values)} †)" if None in values else ""


def tables(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A line a row, the real images last, as `tools/records.py` reads them."""
    made = {}
    for table, results in record["results"].items():
        steps, cost = record["protocol"]["steps"][table], record["cost"][table]
        columns, rows = columns_of(table, steps), []
        for name, row in results.items():
            times = {"step": cost[name], "seconds": steps * cost[name]}
            cells = []
            for key, _, digits, factor, look in columns:
                values = [times[key]] if key in times else finals(row, key, look)
                cells.append(shown(mean(values), digits, factor) + lost(values))
            rows.append([ROWS[table][name].title, *cells])
        for title, found in record["references"][table].items():
            known = [found.get(key) if look == -1 else None for key, *_, look in columns]
            cells = [shown(mean([v]), *how) for v, (_, _, *how, _) in zip(known, columns, strict=True)]
            rows.append([title, *cells])
        head = [FIRST.get(table, "Method"), *(title for _, title, *_ in columns)]
        made[table] = {"title": TITLES[table], "head": head, "rows": rows, "floor": True}
    return made


def report(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    p = record["protocol"]
    held, read = "; ".join(map(avatars.caption, HELD_OUT)), "; ".join(dict.fromkeys(record["features"].values()))
    truth = f"{100 * (1 - WRONG):.0f} % and has {TRUTH:.3f} nats"
    parts = [
        f"{common.where(record)} Batch {BATCH}, {p['seeds']} seeds; means ± standard errors over the seeds, {p['n']:,} "
        f"samples of each kind. † runs that broke down, which are left out of the means. Faces of {league.SIZE}×"
        f"{league.SIZE}, with overlap and captions of {SMALL}×{SMALL}. Diversity within a class: mean distance of two "
        "samples of a class by that of two real ones, in features. With overlap the "
        f"truth shows the class asked for in {truth}. Held-out combinations: {held}. Seconds are those of the steps "
        f"alone, on a processor in its own time. Features: {read}.\n"
    ]
    for found in tables(record).values():
        parts += [found["title"].format(**p) + ".\n", common.markdown(found["head"], found["rows"])]
    return "\n".join(parts)


def figure(record: dict[str, Any]) -> Any:
    """What the trunk is worth by seconds, and what classes that overlap become."""
    fig, (left, right) = viz.panels(2, width=8.4, height=3.8)
    for color, (name, row) in zip(viz.COLORS, record["results"].get("trunk", {}).items(), strict=False):
        cost, at = record["cost"]["trunk"][name], row["runs"][0]["steps"]
        points = [mean(finals(row, "accuracy", look))[:1] for look in range(len(at))]
        line = [(cost * end, 100 * point[0]) for end, point in zip(at, points, strict=True) if point]
        left.plot(*zip(*line, strict=True), "o-", color=color, label=ROWS["trunk"][name].title)
    left.set(xlabel="seconds", ylabel="class as asked, %", ylim=(0, 100))
    for color, (name, row) in zip(viz.COLORS, record["results"].get("overlap", {}).items(), strict=False):
        runs = [run["found"][-1] for run in row["runs"] if run["found"][-1]]
        x, y = ([found[key] for found in runs] for key in ("entropy", "accuracy"))
        right.plot(x, [100 * value for value in y], "o", color=color, label=ROWS["overlap"][name].title)
    right.plot(TRUTH, 100 * (1 - WRONG), "*", color="black", markersize=12, label="the truth")
    right.set(xlabel="entropy of the class, nats", ylabel="class as asked, %", ylim=(0, 100), xlim=(0, None))
    for panel in (left, right):
        if panel.get_lines():
            panel.legend(fontsize="small")
    return fig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", choices=list(ROWS), default=list(ROWS), help="default: all")
    parser.add_argument("--steps", type=int, help="of all tables (default: as many as each has)")
    parser.add_argument("--n", type=int, default=5000, help="samples, and held-out images (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the processor (default %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--no-write", action="store_true", help="print only, and keep nothing")
    args = parser.parse_args()
    steps = STEPS if args.steps is None else dict.fromkeys(STEPS, args.steps)
    if min(*steps.values(), args.seeds, args.threads) < 1 or args.n < 200:
        parser.error("--steps, --seeds and --threads have to be above 0, --n at least 200")
    torch.set_num_threads(args.threads)
    device, write = resolve(args.device), not args.no_write
    protocol = {"steps": steps, "n": args.n, "seeds": args.seeds, "threads": args.threads}
    empty = {"protocol": protocol} | {key: {} for key in (*SHARED, "results")}
    record, fresh, judges = empty, args.fresh, {}
    try:
        record = common.begun("conditional", empty, device) if write and not fresh else empty
    except GanlibError as error:
        parser.error(str(error))
    while todo := missing(record, args.tables):
        table, seed, name = todo[0]
        machine = common.machine(device) | {"commit": common.commit()}
        if table not in judges:
            judges = {table: JUDGES[table](args.n, device)}  # one at a time: each holds a data set
        judge = judges[table]
        if (said := record["features"].get(table, judge.features)) != judge.features:
            parser.error(f"{table} was measured with {said}; expected {judge.features}, or --fresh")
        own: dict[str, Any] = {"features": judge.features}
        if table not in record["references"]:
            own["references"] = judge.references()
        if set(record["cost"].get(table, {})) != set(ROWS[table]):
            print(f"{table}: what a step costs", file=sys.stderr, flush=True)
            own["cost"] = costs(ROWS[table], judge.data, device)
        print(f"{table}: {name}, seed {seed}", file=sys.stderr, flush=True)
        run = play(ROWS[table][name], judge, seed, looks(table, steps[table]), device) | {"machine": machine}
        if write and not fresh:  # another process may have kept runs meanwhile
            record = common.begun("conditional", empty, device)
        fresh = False
        kept = {key: record[key] | {table: own.get(key, record[key].get(table))} for key in SHARED}
        results = joined(record, table, name, run)
        record = {"benchmark": "conditional", **machine, "protocol": protocol, **kept, "results": results}
        record["tables"] = tables(record)
        if write:
            common.keep(record, report(record))
    if record["results"]:
        print(report(record))
    if write and record["results"]:
        suffix = "" if device.type == "cpu" else "-gpu"
        figure(record).savefig(common.RESULTS / f"conditional{suffix}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
