"""Figures: fixed brightness, players that do not clash, interpolation that stays where latents are."""

import base64
import io
import math
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from ganlib import data, labels, sprites, viz
from ganlib.data import avatars
from ganlib.errors import GanlibError
from ganlib.training.history import History
from tools import browser


@pytest.fixture(autouse=True)
def english():
    viz.use("en")
    yield
    viz.use("en")


class Painter:
    """Stands for a GAN: the image of z shows its first number."""

    def sample(self, n=None, z=None):
        return torch.tanh(z[:, 0]).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)


def history(**series):
    made = History()
    for step in range(len(next(iter(series.values())))):
        made.add({name: torch.tensor(values[step]) for name, values in series.items()})
        made.flush(10 * (step + 1))
    return made


def sprite(player):
    png = base64.b64decode(re.search(r"base64,([^\"]+)", player.markup())[1])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_points_share_their_axes():
    near, far = torch.randn(50, 2), torch.randn(60, 2) + 20
    fig = viz.points({"near": near, "far": far})
    left, right = fig.axes
    assert [ax.get_title() for ax in fig.axes] == ["near", "far"]
    assert left.get_xlim() == right.get_xlim() and left.get_ylim() == right.get_ylim()
    assert len(left.collections[0].get_offsets()) == 50
    places = [ax.get_subplotspec() for ax in viz.points(dict.fromkeys("abc", near), columns=2).axes if ax.axison]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [(0, 0), (0, 1), (1, 0)]
    line = viz.points(torch.randn(200, 1), title="line").axes[0]
    assert line.get_title() == "line" and sum(p.get_width() * p.get_height() for p in line.patches) == pytest.approx(1)
    with pytest.raises(GanlibError, match=r"samples of shape \(4, 3\) were given; expected \(N, 2\) or \(N, 1\)"):
        viz.points(torch.zeros(4, 3))
    with pytest.raises(GanlibError, match="columns=0 was given; expected at least 1"):
        viz.points(near, columns=0)


# -- grids -------------------------------------------------------------------------------------------------------------
def test_import_leaves_matplotlib_alone():
    code = "import sys, ganlib.viz; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_tile_puts_images_row_by_row_with_grey_gaps():
    images = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 1, 2, 3) * 10
    sheet = viz.tile(images, columns=3)
    assert sheet.shape == (2 * 3 + 1, 3 * 4 + 1, 1) and sheet.dtype == np.uint8
    assert [sheet[1, 1 + 4 * i, 0] for i in range(3)] == [0, 10, 20]
    assert [sheet[4, 1 + 4 * i, 0] for i in range(3)] == [30, 40, 128]  # no sixth image
    assert (sheet[0] == 128).all() and (sheet[:, 4] == 128).all()


def test_floats_and_bytes_mean_the_same():
    values = torch.tensor([-1.0, 0.0, 1.0]).view(3, 1, 1, 1)
    assert viz.tile(values, 3, gap=0)[0, :, 0].tolist() == [0, 128, 255]
    assert viz.tile(torch.tensor([0, 128, 255], dtype=torch.uint8).view(3, 1, 1, 1), 3, gap=0)[0, :, 0].tolist() == [
        0,
        128,
        255,
    ]


def test_a_dim_image_stays_dim():
    dim = torch.full((1, 1, 4, 4), -0.9)
    dim[..., 0] = -1
    assert viz.tile(dim).max() == 128 and viz.tile(dim, gap=0).max() == 13  # rescaled, it would be white
    (image,) = viz.grid(dim).axes[0].get_images()
    assert image.get_clim() == (0, 255)


def test_grid_of_several_sets_and_colours():
    figure = viz.grid({"a": torch.zeros(4, 3, 8, 8), "b": torch.zeros(6, 1, 8, 8)}, columns=2)
    assert [ax.get_title() for ax in figure.axes] == ["a", "b"]
    assert figure.get_facecolor()[:3] == pytest.approx([int(viz.PAPER[i : i + 2], 16) / 255 for i in (1, 3, 5)])


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(2, 1, 4, 4) + 1.5, r"values from 1.5 to 1.5 were given; expected uint8, or floats in \[-1, 1\]"),
        (torch.full((2, 1, 4, 4), math.nan), "values from nan to nan"),
        (torch.zeros(2, 4), r"shape \(2, 4\) were given; expected \(N, 1 or 3, H, W\)"),
        (torch.zeros(2, 2, 4, 4), r"shape \(2, 2, 4, 4\)"),
        (torch.zeros(0, 1, 4, 4), r"shape \(0, 1, 4, 4\)"),
    ],
)
def test_grid_names_bad_images(images, words):
    with pytest.raises(GanlibError, match=words):
        viz.grid(images)


def test_grid_names_bad_columns():
    with pytest.raises(GanlibError, match="columns=0 was given; expected at least 1"):
        viz.grid(torch.zeros(2, 1, 4, 4), columns=0)


# -- curves ------------------------------------------------------------------------------------------------------------
def test_curves_draw_what_was_logged_in_the_language_in_use():
    runs = {
        "one": history(discriminator=[1.0, 0.5], other=[2.0, 3.0]),
        "two": history(discriminator=[1.0], other=[2.0]),
    }
    viz.use("zh")
    figure = viz.curves(runs, ["discriminator", "other"], level=0.5)
    assert [ax.get_title() for ax in figure.axes] == ["one", "two"]
    line = figure.axes[0].get_lines()[0]
    assert line.get_xdata().tolist() == [10, 20] and line.get_ydata().tolist() == [1.0, 0.5]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["判别器损失", "other"]
    by_name = viz.curves(runs, ["discriminator", "other"], by="name")
    assert [ax.get_title() for ax in by_name.axes] == ["判别器损失", "other"]


def test_chinese_is_drawn_with_the_shipped_font(recwarn):
    viz.use("zh")
    figure = viz.curves(history(accuracy=[0.5, 0.6]), "accuracy")
    figure.savefig(io.BytesIO())
    assert figure.axes[0].xaxis.label.get_fontname() == "GANs Sans SC"
    assert not [w for w in recwarn if "missing from" in str(w.message)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: viz.curves(history(loss=[1.0]), "los"), "'los' was not logged; logged: loss"),
        (lambda: viz.curves(history(loss=[1.0]), "loss", by="run"), "by='run' was given; expected 'history' or 'name'"),
    ],
)
def test_curves_name_bad_input(call, words):
    with pytest.raises(GanlibError, match=words):
        call()


# -- players -----------------------------------------------------------------------------------------------------------
def test_the_player_holds_every_frame_in_order():
    frames = [(10 * i, torch.full((6, 1, 8, 8), value, dtype=torch.uint8)) for i, value in enumerate((0, 85, 255))]
    made = viz.player(frames, columns=3)
    sheet = sprite(made)
    assert sheet.shape == (3 * 19, 28, 3)
    assert [int(sheet[19 * i + 4, 4, 0]) for i in range(3)] == [0, 85, 255]
    assert made.captions == ["step 0", "step 10", "step 20"]
    assert made.markup().count("<img") == 1 and "http" not in made.markup()  # self-contained


def test_colour_frames_stay_coloured():
    frame = torch.tensor([255, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1).expand(2, 3, 8, 8)
    assert sprite(viz.player([(0, frame)]))[4, 4].tolist() == [255, 0, 0]


def test_figures_are_frames_too():
    """Drawn finer than an ordinary screen needs, shown at the size of the figure, smoothed."""
    frames = []
    for height in (1, 2):
        fig, (ax,) = viz.panels(width=4, height=2)
        ax.set_ylim(0, 2)
        ax.axhspan(0, height, color="red")
        frames.append((height, fig))
    made = viz.player(frames, caption="height {}".format)
    sheet = sprite(made)
    w, h = made.size
    assert (w, h) == (round(4 * 96 * 1.5), round(2 * 96 * 1.5)) and sheet.shape == (2 * h, w, 3)
    assert made.about.width == 4 * 96 and "image-rendering:auto" in made.markup()
    reds = [(np.abs(sheet[i * h : (i + 1) * h].astype(int) - (255, 0, 0)).sum(-1) < 30).sum() for i in (0, 1)]
    assert reds[1] == pytest.approx(2 * reds[0], rel=0.05) and reds[0] > 10_000
    with pytest.raises(GanlibError, match="frames of different shapes"):
        viz.player([frames[0], (0, viz.panels(width=5)[0])])


def test_a_player_is_a_file_that_says_all(tmp_path):
    viz.use("zh")
    made = viz.player([(i, torch.zeros(1, 1, 8, 8)) for i in range(3)], caption="第 {} 步".format, seconds=2)
    path = made.save(tmp_path / "player.png")
    viz.use("en")
    again = viz.Player.load(path)
    assert again.about == made.about and again.sheet == made.sheet and again.size == (10, 10)
    assert again.captions == ["第 0 步", "第 1 步", "第 2 步"] and 'aria-label="播放"' in again.markup()
    linked = again.markup(src="a&b.png", alt='"三"步')
    assert 'src="a&amp;b.png" alt="&quot;三&quot;步"' in linked and "base64" not in linked


def test_another_file_is_no_player(tmp_path):
    plain, words = tmp_path / "plain.png", tmp_path / "words.png"
    plain.write_bytes(sprites.png(np.zeros((4, 4, 1), np.uint8)))
    words.write_text("no picture")
    for path in (plain, words):
        with pytest.raises(
            GanlibError, match=rf"{path} is no sprite sheet; expected a PNG that viz\.player\(…\)\.save"
        ):
            viz.Player.load(path)


def test_two_players_on_a_page_have_names_of_their_own():
    frames = [(0, torch.zeros(1, 1, 8, 8))]
    names = [re.search(r'id="([^"]+)"', viz.player(frames).markup())[1] for _ in range(2)]
    assert names[0] != names[1]


def test_captions_cannot_break_out_of_the_page():
    made = viz.player([("</script><b>", torch.zeros(1, 1, 8, 8))], caption=str)
    assert made.markup().count("</script>") == 1 and "<b>" not in made.markup().split("<script>")[0]


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "was given no frames"),
        ([(0, torch.zeros(1, 1, 8, 8)), (1, torch.zeros(2, 1, 8, 8))], "frames of different shapes"),
    ],
)
def test_player_names_bad_frames(frames, words):
    with pytest.raises(GanlibError, match=words):
        viz.player(frames)


@pytest.fixture
def page():
    """An empty page of headless Chromium; without one the test is skipped, under CI=true it fails."""
    missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    path = browser.find()
    if path is None:
        missing("Chromium is not installed, so no player was played (apt install chromium)")
    with pytest.importorskip("playwright.sync_api").sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium.new_page()
        chromium.close()


@pytest.mark.browser
def test_players_play_in_a_browser(page):
    viz.use("zh")
    frames = [(i, torch.full((4, 1, 8, 8), 40 * i, dtype=torch.uint8)) for i in range(4)]
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.set_content("".join(viz.player(frames, seconds=0.4).markup() for _ in range(2)))
    captions = page.locator("output")
    assert captions.all_inner_texts() == ["步数 3", "步数 3"]
    page.locator("input").nth(1).fill("1")
    assert captions.all_inner_texts() == ["步数 3", "步数 1"]  # the other one stays
    assert page.locator("img").nth(1).evaluate("image => image.style.transform") == "translateY(-25%)"
    play = page.locator("button").nth(0)
    play.click()
    page.wait_for_function("document.querySelector('output').textContent === '步数 1'")
    assert play.get_attribute("aria-label") == "暂停"
    page.wait_for_function("document.querySelector('button').getAttribute('aria-label') === '播放'")
    assert captions.all_inner_texts() == ["步数 3", "步数 1"] and not errors


# -- the latent space --------------------------------------------------------------------------------------------------
def test_slerp_keeps_its_ends_and_changes_the_norm_linearly():
    torch.manual_seed(0)
    z0, z1 = torch.randn(100, dtype=torch.float64), 2 * torch.randn(100, dtype=torch.float64)
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    way = viz.slerp(z0, z1, t)
    assert way.shape == (11, 100)
    torch.testing.assert_close(way[0], z0)
    torch.testing.assert_close(way[-1], z1)
    torch.testing.assert_close(way.norm(dim=1), z0.norm() + t * (z1.norm() - z0.norm()))
    unit = way / way.norm(dim=1, keepdim=True)
    turns = (unit[1:] * unit[:-1]).sum(1).acos()
    torch.testing.assert_close(turns, turns[:1].expand(10))  # equal angles
    straight = torch.lerp(z0, z1, t[:, None])
    assert straight[5].norm() < 0.85 * way[5].norm()  # the straight line fails the test of the norm


def test_slerp_between_nearly_equal_latents():
    z0 = torch.ones(4, dtype=torch.float64)
    z1 = z0 + torch.tensor([1e-9, 0, 0, 0], dtype=torch.float64)
    torch.testing.assert_close(viz.slerp(z0, z1, [0.0, 0.5, 1.0])[1], (z0 + z1) / 2)
    torch.testing.assert_close(viz.slerp(z0, z0, [0.3])[0], z0)


@pytest.mark.parametrize(
    ("z0", "z1", "words"),
    [
        (torch.ones(3), torch.ones(4), r"shapes \(3,\) and \(4,\)"),
        (torch.ones(3), torch.zeros(3), "norm 0"),
        (torch.ones(3), -torch.ones(3), "opposite directions"),
    ],
)
def test_slerp_names_bad_latents(z0, z1, words):
    with pytest.raises(GanlibError, match=words):
        viz.slerp(z0, z1, [0.5])


def test_interpolate_goes_row_by_row():
    torch.manual_seed(0)
    z0, z1 = torch.randn(3, 5), torch.randn(3, 5)
    images = viz.interpolate(Painter(), z0, z1, steps=4)
    assert images.shape == (12, 1, 8, 8)
    torch.testing.assert_close(images[0::4, 0, 0, 0], z0[:, 0].tanh())
    torch.testing.assert_close(images[3::4, 0, 0, 0], z1[:, 0].tanh())
    with pytest.raises(GanlibError, match="steps=1 was given; expected at least 2"):
        viz.interpolate(Painter(), z0, z1, steps=1)


def test_circle_is_closed_and_lies_on_the_sphere():
    walk = viz.circle(50, steps=8, seed=3)
    torch.testing.assert_close(walk.norm(dim=1), torch.full((8,), math.sqrt(50)))
    sides = (walk - walk.roll(1, 0)).norm(dim=1)
    torch.testing.assert_close(sides, sides[:1].expand(8))
    assert torch.equal(walk, viz.circle(50, 8, 3)) and not torch.equal(walk, viz.circle(50, 8, 4))
    with pytest.raises(GanlibError, match="latent_dim=1"):
        viz.circle(1, 8)


# -- sliders -----------------------------------------------------------------------------------------------------------
def test_the_scrubber_shows_the_chosen_step():
    frames = [(5 * i, torch.full((2, 1, 8, 8), 85 * i, dtype=torch.uint8)) for i in range(4)]
    slider, picture, _ = viz.scrubber(frames).children
    levels = []
    for i in range(4):
        slider.value = i
        levels.append(int(np.asarray(Image.open(io.BytesIO(picture.value)).convert("L"))[4, 4]))
    assert levels == [0, 85, 170, 255]
    assert slider.description == labels.t("step") and [label for label, _ in slider.options] == ["0", "5", "10", "15"]


def test_the_walk_moves_with_both_sliders():
    place, walk, picture, _ = viz.latent_walk(Painter(), 10, steps=4, walks=2, copies=3).children
    seen = {picture.value}
    place.value = 1
    seen.add(picture.value)
    walk.value = 2
    seen.add(picture.value)
    assert len(seen) == 3


def test_without_a_kernel_there_are_players():
    frames = [(i, torch.zeros(2, 1, 8, 8)) for i in range(3)]
    assert isinstance(viz.scrubber(frames, live=False), viz.Player)
    walk = viz.latent_walk(Painter(), 10, live=False, steps=4, copies=3)
    assert walk.captions == ["0°", "90°", "180°", "270°"]


# -- faces and their attributes ----------------------------------------------------------------------------------------
def test_histograms_show_shares_in_percent_and_what_is_expected():
    table = {"glasses": torch.tensor([0, 0, 0, 1]), "hat": torch.tensor([2, 2, 0, 2])}
    vocabulary = {"glasses": ("no", "yes"), "hat": ("none", "red", "top hat")}
    images = data.Images(torch.zeros(4, 3, 8, 8, dtype=torch.uint8), attributes=table, vocabulary=vocabulary)
    viz.use("zh")
    left, right, *rest = viz.histograms(images, {"glasses": torch.tensor([0.5, 0.5])}).axes
    assert [bar.get_width() for bar in left.patches] == [75, 25]
    assert [bar.get_width() for bar in right.patches] == [25, 0, 75]
    assert left.collections[0].get_offsets()[:, 0].tolist() == [50, 50] and not right.collections
    assert left.get_title() == "眼镜" and right.get_title() == "hat" and not any(ax.axison for ax in rest)
    words = [[label.get_text() for label in ax.get_yticklabels()] for ax in (left, right)]
    assert words == [["否", "是"], ["none", "红", "top hat"]]
    with pytest.raises(GanlibError, match="'images' has no attributes with named values; avatars have"):
        viz.histograms(data.Images(torch.zeros(4, 3, 8, 8, dtype=torch.uint8)))


@pytest.fixture
def picker():
    """The line, the slider, the menus by name, and what picture and words show now."""
    line, person, choice, picture, words = viz.avatar_picker(size=32).children
    menus = dict(zip(avatars.ATTRIBUTES, choice.children, strict=True))
    shown = lambda: np.asarray(Image.open(io.BytesIO(picture.value)).convert("RGB"))
    return line, person, menus, shown, words


def pixels(seed, **chosen):
    """What the picker should show: the portrait with the colours that a small PNG keeps."""
    portrait = avatars.portrait(32, seed, **chosen)[0].permute(1, 2, 0).numpy()
    return np.asarray(Image.open(io.BytesIO(sprites.png(portrait))).convert("RGB"))


def test_the_picker_shows_what_the_menus_say(picker):
    line, person, menus, shown, words = picker
    assert (shown() == pixels(0)).all() and words.value == ""
    menus["hair_colour"].value = 4
    menus["glasses"].value = 1
    person.value = 7
    assert (shown() == pixels(7, hair_colour="blue", glasses=True)).all()
    assert words.value == "blue hair, glasses"
    menus["glasses"].value = None
    assert (shown() == pixels(7, hair_colour="blue")).all() and words.value == "blue hair"
    assert [label for label, _ in menus["glasses"].options] == ["by lot", "no", "yes"]


def test_the_picker_reads_what_is_written(picker):
    line, _, menus, shown, words = picker
    menus["shirt"].value = 2
    line.value = "红色眼睛，蓝色头发，戴眼镜"  # in either language
    assert (shown() == pixels(0, eye_colour="red", hair_colour="blue", glasses=True)).all()
    assert {name: menu.value for name, menu in menus.items() if menu.value is not None} == {
        "eye_colour": 3,
        "hair_colour": 4,
        "glasses": 1,
    }
    before = shown()
    line.value = "blue <b>hair"
    assert words.value.startswith("&#x27;blue &lt;b&gt;hair&#x27; is not in the captions") and (shown() == before).all()
    line.value = ""
    assert (shown() == pixels(0)).all() and words.value == ""


def test_the_picker_speaks_the_language_in_use(picker):
    viz.use("zh")
    line, person, choice, _, words = viz.avatar_picker(size=32).children
    assert line.placeholder == "红色眼睛，蓝色头发，戴眼镜" and person.description == "人物"
    assert [menu.description for menu in choice.children][:2] == ["发色", "头发长度"]
    choice.children[0].value = 3
    assert words.value == "红色头发"


def test_without_a_kernel_the_picker_is_a_player():
    made = viz.avatar_picker(live=False)
    assert "glasses" in made.captions and made.captions[-1] == "silver hair" and len(made.sheet) < 150_000
    sheet, height = sprite(made), made.size[1]
    last = sheet[-height:, :65]
    wanted = viz.tile(avatars.portrait(64, 1, hair_colour="silver"))[:, :65]
    assert np.abs(last.astype(int) - wanted).mean() < 8  # few colours, the same picture


# -- tables ------------------------------------------------------------------------------------------------------------
def test_a_table_shows_its_cells_and_marks_them():
    from matplotlib.colors import to_hex

    rows = {"fresh": ["1.00", "0.93"], "blurred": ["2.50", "0.99"]}
    fig = viz.table(rows, ["FID", "precision"], {"fresh": [0, 0], "blurred": [-1, 1]}, {-1: "worse", 1: "better"})
    (ax,) = fig.axes
    told = [text.get_text() for text in ax.texts]
    assert told == ["FID", "precision", "fresh", "1.00", "0.93", "blurred", "2.50", "0.99", "worse", "better"]
    place = {text.get_text(): text.get_position() for text in ax.texts}
    assert place["1.00"][0] == place["2.50"][0] < place["0.93"][0] == place["0.99"][0]  # columns
    assert place["fresh"][1] == place["1.00"][1] < place["2.50"][1]  # rows, from the top
    fills = [to_hex(patch.get_facecolor()[0]) for patch in ax.collections]
    # A cell and the line below it: a colour and a triangle for each mark, none for 0
    assert sorted(fills) == sorted(2 * [viz.MARKS[-1][0], viz.MARKS[1][0], viz.INK, viz.INK])
    plain = viz.table(rows, ["FID", "precision"]).axes[0]
    assert not plain.collections and len(plain.texts) == len(told) - 2


def test_a_table_is_as_wide_in_both_languages():
    sizes = {tuple(viz.table({name: ["1"]}, ["FID"]).get_size_inches()) for name in ("fresh faces", "新画的人像")}
    assert len(sizes) == 1  # a lab prints the size of a figure, and the twins print the same numbers


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: viz.table({}, ["FID"]), "a table of 0 rows and marks for 0 were given; expected the same rows"),
        (lambda: viz.table({"a": ["1"]}, ["FID"], {"b": [0]}), "expected the same rows"),
        (lambda: viz.table({"a": ["1", "2"]}, ["FID"]), "row 'a' has 2 cells and 1 marks; expected 1 each"),
        (lambda: viz.table({"a": ["1"]}, ["FID"], {"a": [2]}), r"row 'a' has the marks \[2\]; expected -1, 0 or 1"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(call, words):
    with pytest.raises(GanlibError, match=words):
        call()
