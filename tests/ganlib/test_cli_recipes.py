"""Recipes: those that come with ganlib, those of a user, and the options that --set knows."""

import json

import pytest
import torch

from ganlib import cli, data, gans, recipes
from ganlib.errors import GanlibError
from ganlib.training import checkpoint

TABLE = (
    '[mine]\ngan = "gan"\ndata = "ring"\nsteps = 2\nbatch = 8\nema = 100\n[mine.options]\nmodel = "mlp-small"\nlr = 1\n'
)


def run(*words):
    return cli.main([str(word) for word in words])


@pytest.mark.parametrize("name", sorted(recipes.shipped()))
def test_every_recipe_is_whole_and_fits_its_method(name, monkeypatch, capsys):
    recipe = recipes.get(name)
    assert recipe.about["en"].endswith(".") and recipe.about["zh"].endswith("。")
    assert recipe.data is None or recipe.data in data.names()
    assert run("recipes", name) == 0
    said = capsys.readouterr().out
    assert all(f"  {key} " in said for key in gans.options(recipe.gan)) and recipe.about["zh"] in said


@pytest.mark.parametrize("name", gans.names())
def test_set_knows_the_meaning_of_every_option(name):
    for key, meaning in recipes.meanings(name).items():
        assert len(meaning) > 5 and meaning != key
        usual = gans.options(name)[key].default
        said = str(usual).lower() if isinstance(usual, bool) else usual  # as TOML writes it
        assert recipes.parse(name, [f"{key}={said}"]) == {key: usual}


def test_recipes_lists_each_on_one_line(capsys):
    assert run("recipes") == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines.keys() >= {*recipes.shipped(), *gans.names(), "gan-digits"}


def test_values_are_typed_as_the_method_says():
    found = recipes.parse("gan", ["lr=1", "beta1=0", "latent_dim=1_6", "model=mlp", 'loss="minimax"'])
    assert found == {"lr": 1.0, "beta1": 0.0, "latent_dim": 16, "model": "mlp", "loss": "minimax"}
    assert [type(found[key]) for key in ("lr", "beta1", "latent_dim")] == [float, float, int]
    assert recipes.parse("gan", ["model=3"]) == {"model": "3"}  # a word, though it looks like a number


class Odd(gans.GAN):
    """A game with options of all kinds."""

    @classmethod
    def build(cls, shape, flag: bool = True, decay: float | None = None, widths=(1, 2)):
        """
        Args:
            flag: a switch.
            decay: how fast.
            widths: of the layers.
        """


def test_switches_none_and_what_only_the_method_can_check(monkeypatch):
    monkeypatch.setattr(gans, "_known", lambda: {"odd": Odd})
    assert recipes.parse("odd", ["flag=false", "decay=none", "widths=[3, 4]"]) == {
        **{"flag": False, "decay": None, "widths": [3, 4]}
    }
    assert recipes.parse("odd", ["decay=2"]) == {"decay": 2.0}
    with pytest.raises(GanlibError, match=r"--set flag=1: flag = 1 was given; expected true or false \(a switch\)"):
        recipes.parse("odd", ["flag=1"])
    with pytest.raises(GanlibError, match="expected a number or none"):
        recipes.parse("odd", ["decay=fast"])
    assert recipes.get("odd").gan == "odd"  # a method without a table


def test_a_file_of_your_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.toml").write_text(TABLE + '[other]\ngan = "gan"\n')
    (tmp_path / "one.toml").write_text(TABLE)
    assert run("train", "my.toml:mine", "--quiet") == 0
    assert run("train", "one.toml", "--quiet", "--seed", 3, "--set", "lr=0.5") == 0
    first, second = (json.loads((tmp_path / "runs" / name / "run.json").read_text()) for name in ("mine", "mine-2"))
    settings = {"data": "ring", "size": None, "batch": 8, "ema": 100.0, "schedule": None, "seed": 0}
    assert first["settings"] == settings and first["manner"]["steps"] == 2 and first["options"]["lr"] == 1.0
    assert second["settings"] == settings | {"seed": 3} and second["options"]["lr"] == 0.5
    assert run("train", "--resume", "--out", "runs/mine", "--steps", 3, "--quiet") == 0
    capsys.readouterr()
    assert run("train", "my.toml") == 2
    assert "'my.toml' holds 2 recipes; say which: my.toml:mine, my.toml:other" in capsys.readouterr().err
    assert run("train", "my.toml:min") == 2
    assert "unknown recipe of my.toml 'min' (did you mean 'mine'?)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[a]\ngan = "gan"\nbatchsize = 3', "[a]: unknown key 'batchsize' (did you mean 'batch'?); known: about, "),
        ('[a]\ngan = "gan"\nsteps = "many"', "[a]: steps = 'many' was given; expected a whole number"),
        ('[a]\ngan = "gan"\nsteps = true', "[a]: steps = True was given; expected a whole number"),
        ('[a]\ngan = "gan"\nema = "long"', "[a]: ema = 'long' was given; expected a number"),
        ('[a]\ngan = "gan"\nabout = "mine"', "[a]: about = 'mine' was given; expected a table"),
        (
            '[a]\ngan = "gan"\nschedule = "cosin(3)"',
            "[a]: the schedule 'cosin(3)' was given: unknown",
        ),
        ('[a]\ngan = "gam"', "[a]: gan: unknown GAN 'gam' (did you mean 'gan'?)"),
        ("[a]\nsteps = 3", "[a]: the key 'gan' is missing"),
        ('[a]\ngan = "gan"\n[a.options]\nlr = "x"', "[a]: options: lr = 'x' was given; expected a number (Adam"),
        ('[a]\ngan = "gan"\n[a.options]\nlearning = 1', "[a]: options: unknown option 'learning' of 'gan'; it knows"),
        ('gan = "gan"', "'gan' stands outside of a table"),
        ("", "holds no recipe; expected a table such as [bad]"),
        ("[a", "is not TOML"),
        (None, "cannot read the recipe"),
    ],
)
def test_a_bad_recipe_is_one_sentence_that_names_file_and_key(tmp_path, capsys, text, sentence):
    file = tmp_path / "bad.toml"
    if text is not None:
        file.write_text(text)
    assert run("train", file, "--data", "ring", "--out", tmp_path / "x") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and sentence in said and "bad.toml" in said
    assert not (tmp_path / "x").exists()


def test_a_schedule_of_a_recipe_or_the_command_line_paces_the_run(tmp_path, monkeypatch, capsys):
    """Rate 0 in the first steps: nothing moves. The run keeps its schedule when it goes on."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.toml").write_text(TABLE.replace("[mine.", 'schedule = "constant(0)"\n[mine.'))

    def weights(folder):
        return checkpoint.load_gan(tmp_path / folder).state_dict().values()

    assert run("train", "my.toml", "--quiet", "--out", "still") == 0
    first = weights("still")
    assert run("train", "--resume", "--out", "still", "--steps", 4, "--quiet") == 0
    assert all(torch.equal(a, b) for a, b in zip(first, weights("still"), strict=True))
    assert run("train", "my.toml", "--quiet", "--out", "moved", "--schedule", "warm_up(1)") == 0
    assert not any(torch.equal(a, b) for a, b in zip(first, weights("moved"), strict=True))
    assert run("recipes", "my.toml") == 0
    assert "schedule  constant(0)" in capsys.readouterr().out


def test_a_name_may_be_used_once(tmp_path, monkeypatch):
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(TABLE)
    monkeypatch.setattr(recipes, "FOLDER", tmp_path)
    with pytest.raises(GanlibError, match="the recipe 'mine' is in a.toml and in b.toml"):
        recipes.shipped()
