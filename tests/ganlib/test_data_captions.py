"""Captions: what is said is read again, in both languages, and batches say only what is true."""

import itertools

import pytest
import torch

import ganlib
from ganlib.data import avatars, captions
from ganlib.data.captions import Captioned
from ganlib.data.images import Images
from ganlib.errors import GanlibError


@pytest.fixture(scope="module")
def faces():
    return ganlib.load("captioned-avatars", size=16, n=300, split="test")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("lang", avatars.LANGUAGES)
def test_every_phrase_there_and_back(lang):
    for name, values in avatars.ATTRIBUTES.items():
        for number in range(len(values)):
            said = avatars.caption({name: number}, lang)
            (row,) = captions.tokens(said)
            assert captions.text(row) == said and avatars.parse(said) == {name: number}
            assert row.all() and len(row) <= 5


@pytest.mark.parametrize("lang", avatars.LANGUAGES)
def test_attributes_to_caption_to_tokens_and_all_the_way_back(lang):
    for _ in range(200):
        names = [list(avatars.ATTRIBUTES)[i] for i in torch.randperm(13)[: torch.randint(1, 14, ()).item()]]
        chosen = {name: int(torch.randint(len(avatars.ATTRIBUTES[name]), ())) for name in names}
        said = avatars.caption(chosen, lang)
        read = captions.text(captions.tokens([said, avatars.caption(dict.fromkeys(avatars.ATTRIBUTES, 1), lang)])[0])
        assert read == said  # though the other one is longer
        assert list(avatars.parse(read).items()) == list(chosen.items())


def test_no_two_captions_have_the_same_tokens():
    rows = {tuple(row.tolist()) for row in captions.tokens(list(avatars.SAID))}
    assert len(rows) == len(avatars.SAID) == 2 * sum(map(len, avatars.ATTRIBUTES.values()))
    assert len(set(captions.WORDS)) == len(captions.WORDS) == 128 and captions.WORDS[0] == ""


def test_what_people_type():
    tokens = captions.tokens(["Red  eyes;blue hair", "红色眼睛、蓝色头发", "red eyes，蓝色头发,glasses"])
    assert [captions.text(row) for row in tokens] == [
        "red eyes, blue hair",
        "红色眼睛，蓝色头发",
        "red eyes, 蓝色头发，glasses",
    ]
    assert avatars.parse(captions.text(tokens[2])) == {"eye_colour": 3, "hair_colour": 4, "glasses": 1}


def test_batches_say_what_is_true_and_name_as_many_as_asked_for(faces):
    index = torch.arange(300)
    for least, most in ((1, 13), (2, 3), (4, 4)):
        some = Captioned(faces, least=least, most=most)
        counts, languages, shapes = set(), set(), set()
        for i, row in enumerate(some.captions(index)):
            said = captions.text(row)
            chosen = avatars.parse(said)
            assert all(faces.attributes[name][i] == value for name, value in chosen.items())
            assert captions.tokens(said).tolist() == [row[row > 0].tolist()]  # the words first, then the zeros
            counts.add(len(chosen)), languages.add(said.isascii()), shapes.add(len(row))
        assert counts == set(range(least, most + 1)) and languages == {True, False} and len(shapes) == 1


def test_captions_are_drawn_afresh_in_random_order_and_with_the_images(faces):
    pairs = Captioned(faces, ["hair_colour", "eye_colour"], "en", least=2)
    batch = pairs.batch(300)
    assert batch.images.shape == (300, 3, 16, 16) and batch.captions.dtype == torch.int64
    assert len(batch.parts(3)[0].captions) == 100
    said = [list(avatars.parse(captions.text(row)).items()) for row in batch.captions]
    first = sum(pairs[0][0] == "hair_colour" for pairs in said) / 300
    assert 0.4 < first < 0.6
    assert all(dict(pairs)["hair_colour"] == label for pairs, label in zip(said, batch.labels, strict=True))
    assert not torch.equal(pairs.captions(torch.arange(300)), pairs.captions(torch.arange(300)))
    torch.manual_seed(0)
    assert torch.equal(pairs.batch(300).captions, batch.captions)


def test_every_attribute_is_named_equally_often(faces):
    some = Captioned(faces, ["glasses", "smile", "skin", "turn"], "en", least=1, most=3)
    named = [name for row in some.captions(torch.arange(300)) for name in avatars.parse(captions.text(row))]
    shares = [named.count(name) / len(named) for name in some.named]
    assert shares == pytest.approx([0.25] * 4, abs=0.05) and len(named) / 300 == pytest.approx(2, abs=0.15)


def test_it_is_a_set_of_images_and_leaves_out_what_avatars_leave_out():
    left = [("hair_colour", "blue"), ("eye_colour", "red")]
    faces = ganlib.load("captioned-avatars", size=16, n=400, without=left, lang="en")
    plain = ganlib.load("avatars", size=16, n=400, without=left)
    assert isinstance(faces, Images) and torch.equal(faces.pixels, plain.pixels) and faces.name == "avatars"
    assert not ((faces.attributes["hair_colour"] == 4) & (faces.attributes["eye_colour"] == 3)).any()
    moved = Captioned(faces, ["glasses"], "zh", most=1).to("cpu")
    assert type(moved) is Captioned and moved.named == ("glasses",) and moved.lang == ("zh",)
    assert captions.text(moved.batch(1).captions[0]) in ("戴眼镜", "不戴眼镜")


def test_random_captions():
    made = captions.random(600, ("hair_colour", "glasses"))
    said = [avatars.parse(captions.text(row)) for row in made]
    assert all(list(chosen) == ["hair_colour", "glasses"] for chosen in said)
    pairs = itertools.product(range(8), range(2))
    assert all({"hair_colour": a, "glasses": b} in said for a, b in pairs)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda f: captions.tokens("blu hair"),
            "'blu hair' is not in the captions' vocabulary; did you mean 'blue hair'",
        ),
        (lambda f: captions.tokens(["blue hair, red hair"]), "gives two values for hair_colour"),
        (lambda f: captions.tokens([]), "no caption was given"),
        (lambda f: captions.tokens([3]), "the caption 3 was given; expected text"),
        (lambda f: captions.text(torch.tensor([400])), "expected int64 .L,. tokens from 0 to 127"),
        (lambda f: Captioned(f, ["hare"]), "unknown attribute of captions 'hare'"),
        (lambda f: Captioned(f, lang="de"), "unknown language of captions 'de'"),
        (lambda f: Captioned(f, lang=("en", "en")), "expected one or more, each once"),
        (lambda f: Captioned(f, ["skin"], most=2), "most attributes of a caption must be a whole number from 1 to 1"),
        (lambda f: Captioned(f, least=3, most=2), "least attributes of a caption must be a whole number from 1 to 2"),
        (lambda f: Captioned(Images(f.pixels)), "has none of the attributes that captions can name"),
        (lambda f: f.batch(301), "batch size 301 is larger than the 300 images"),
    ],
)
def test_bad_input(faces, call, words):
    with pytest.raises(GanlibError, match=words):
        call(faces)
