"""The benchmark of conditional games: what rows differ by, judges that know good samples from bad ones, tiny runs."""

import json
import math
import sys

import pytest
import torch

import ganlib
from benchmarks import common, conditional, league
from ganlib.data import avatars, captions
from ganlib.metrics import features
from ganlib.metrics.classifier import train_classifier
from tools import records

CPU = torch.device("cpu")
SHOWN = len(avatars.ATTRIBUTES)


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(league, "TRAINING", 600)
        yield


@pytest.fixture(scope="module")
def overlap():
    return conditional.LabelJudge(400, CPU, overlap=True)


@pytest.fixture(scope="module")
def said():
    return conditional.CaptionJudge(200, CPU)


def run(monkeypatch, folder, *words):
    monkeypatch.setattr(common, "RESULTS", folder)
    monkeypatch.setattr(conditional, "costs", lambda rows, data, device: dict.fromkeys(rows, 0.25))
    sizes = ["--steps", "1", "--n", "200", "--seeds", "1", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["conditional.py", *sizes, *words])
    conditional.main()
    return json.loads((folder / "conditional.json").read_text(encoding="utf-8"))


# -- what plays --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("table", list(conditional.ROWS))
def test_only_what_the_title_says_differs(table):
    rows = conditional.ROWS[table]
    shape = {"overlap": (3, 16, 16), "matching": (3, 16, 16)}.get(table, (3, 32, 32))
    same = ("model", "lr", "beta1")
    assert len({tuple(row.options[key] for key in same) for row in rows.values()}) == 1
    assert len({json.dumps(conditional.settings(row)) for row in rows.values()}) == len(rows)
    for row in rows.values():
        game = ganlib.build(row.gan, shape, classes=8, **row.options)
        for player in game.players().values():
            assert player.optimizer([torch.nn.Parameter(torch.zeros(1))], 1.0).defaults["lr"] == row.options["lr"]


def test_a_raw_trunk_has_the_shape_of_the_trained_one_and_has_forgotten_it():
    faces = ganlib.load("avatars", size=32, n=200)
    raw, tuned = (
        conditional.trainer_of(conditional.ROWS["trunk"][name], faces, 0, CPU).gan.discriminator.trunk
        for name in ("raw", "tuned")
    )
    trained = ganlib.zoo.load("avatars").layers.state_dict()
    theirs = [dict(trunk.layers.named_parameters()) for trunk in (raw, tuned)]
    weights = [key for key in theirs[0] if theirs[0][key].ndim > 1]
    assert len(weights) == 7 and {key: p.shape for key, p in theirs[0].items()} == {
        key: p.shape for key, p in theirs[1].items()
    }
    for key in weights:
        assert torch.equal(theirs[1][key], trained[key]) and not torch.equal(theirs[0][key], trained[key])
    assert all(p.requires_grad for p in theirs[0].values())


# -- classes that overlap ----------------------------------------------------------------------------------------------
def test_three_labels_of_ten_are_wrong():
    images = ganlib.load("avatars", size=16, n=5000)
    made = conditional.overlapping(images, 0)
    right = (images.labels >= 4).long()
    assert avatars.vocabulary()["hair_colour"][:4] == ("black", "brown", "blonde", "red")  # natural, the others dyed
    for k in range(2):
        assert (made.labels == right)[right == k].double().mean().item() == pytest.approx(0.7, abs=0.03)
    assert torch.equal(conditional.overlapping(images, 0).labels, made.labels)
    assert not torch.equal(conditional.overlapping(images, 1).labels, made.labels)
    assert torch.equal(made.pixels, images.pixels) and made.classes == ("natural", "dyed")


def test_entropy_of_the_class():
    asked = torch.arange(2).repeat(20000)
    assert conditional.entropy(asked, asked) == 0
    assert conditional.entropy(asked, 0 * asked) == 0  # always the same class: wrong, but sure
    torch.manual_seed(0)
    read = asked ^ (torch.rand(40000) < 0.3)
    assert pytest.approx(0.6109, abs=1e-4) == conditional.TRUTH  # H(3/10) in nats, 0.8813 bits
    assert conditional.entropy(asked, read) == pytest.approx(conditional.TRUTH, abs=0.01)
    assert conditional.entropy(asked, torch.randint(2, (40000,))) == pytest.approx(math.log(2), abs=0.001)


def test_the_truth_of_classes_that_overlap_is_read_as_such(overlap):
    found = overlap.references()
    drawn, right = found["real images"], found["real images, right labels"]
    assert drawn["accuracy"] == pytest.approx(0.7, abs=0.07) and right["accuracy"] > 0.98
    assert drawn["entropy"] == pytest.approx(conditional.TRUTH, abs=0.05) and right["entropy"] < 0.1
    assert drawn["diversity"] == pytest.approx(1, abs=0.02) and right["diversity"] < 1
    assert drawn["FID"] == right["FID"] and drawn["FID of a class"] < right["FID of a class"]


def test_one_face_a_class_is_right_and_has_no_variety(overlap):
    labels = overlap.labels[:400]
    colours = overlap.classes[overlap.colours[:400]]
    first = torch.stack([(colours == k).nonzero()[0, 0] for k in range(2)])
    found = overlap.measures(overlap.real[first[labels]], labels)
    assert found["accuracy"] == 1 and found["entropy"] == 0 and found["diversity"] == 0
    assert found["FID of a class"] > 50


# -- captions ----------------------------------------------------------------------------------------------------------
def test_held_out_combinations_are_held_out():
    images = conditional.without_held_out("test", 2000)
    assert len(images) == 2000 == len(images.labels)
    for combination in conditional.HELD_OUT:
        alone = [images.attributes[name] == avatars.number(name, value) for name, value in combination.items()]
        assert not torch.stack(alone).all(0).any() and all(each.sum() > 100 for each in alone)


def test_captions_of_combinations():
    for seen in (False, True):
        texts = [captions.text(row) for row in conditional.combinations(10, seen)]
        assert len(texts) == 40 and sum(text.isascii() for text in texts) == 20
        for text, combination in zip(texts, [c for c in conditional.HELD_OUT for _ in range(20)], strict=True):
            wanted = {name: avatars.number(name, value) for name, value in combination.items()}
            found = avatars.parse(text)
            assert set(found) == set(wanted) and (found == wanted) is not seen


def test_what_was_said():
    tokens = captions.tokens(["blue hair, red shirt", "微笑"])
    table, english = conditional.spoken(tokens)
    names = list(avatars.ATTRIBUTES)
    assert table.shape == (2, SHOWN) and english.tolist() == [True, False]
    assert table[0, names.index("hair_colour")] == 4 and table[0, names.index("shirt")] == 2
    assert (table >= 0).sum(1).tolist() == [2, 1] and table[1, names.index("smile")] == 1


def test_real_faces_show_what_is_said_of_them_and_others_by_chance(said):
    own, others = said.references().values()
    assert min(own[key] for key in ("all", "colours", "English", "Chinese")) > 0.95
    assert others["all"] == pytest.approx(0.27, abs=0.06) and others["colours"] == pytest.approx(0.17, abs=0.06)
    assert own["FID"] == others["FID"]  # which knows nothing of captions


def test_two_attributes_are_right_if_both_are(said):
    names = list(avatars.ATTRIBUTES)
    read = torch.stack(list(features.attributes(said.real).values()), 1)
    asked = torch.full_like(read, -1)
    for name in ("hair_colour", "shirt"):
        asked[:, names.index(name)] = read[:, names.index(name)]
    asked[:50, names.index("shirt")] = (asked[:50, names.index("shirt")] + 1) % 6
    right = said.right(said.real, asked)
    assert right.isnan().sum(1).eq(SHOWN - 2).all()
    assert (right.nansum(1) == 2).sum() == 150 and (right.nansum(1) >= 1).all()


# -- another reader ----------------------------------------------------------------------------------------------------
def test_colours_are_read_by_a_network_of_its_own(monkeypatch):
    monkeypatch.setattr(conditional, "train_classifier", lambda data, device: train_classifier(data, 80, device=device))
    judge = conditional.ColourJudge(200, CPU)
    real = judge.references()["real images"]
    assert real["accuracy"] > 0.8 and real["accuracy by the zoo"] > 0.99
    faces = ganlib.load("avatars", size=32, n=200, split="test")
    wrong = judge.measures(faces.pixels, (faces.labels + 1) % 8)
    assert wrong["accuracy"] < 0.1 > wrong["accuracy by the zoo"]
    noise = judge.measures(torch.randint(256, (200, 3, 32, 32), dtype=torch.uint8), judge.asked)
    assert noise["accuracy"] < 0.1  # it knows what is no face


# -- one run -----------------------------------------------------------------------------------------------------------
def test_a_run_is_a_run_of_its_seed(overlap):
    row = conditional.ROWS["overlap"]["projection"]
    runs = [conditional.play(row, overlap, seed, [1, 2], CPU) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] and runs[0]["steps"] == [1, 2]
    assert len({found["FID"] for run in (runs[0], runs[2]) for found in run["found"]}) == 4


def test_a_run_that_breaks_down_has_found_nothing_from_there_on(overlap, monkeypatch):
    steps = ganlib.Trainer.fit

    def fit(self, n):
        if self.step:
            raise ganlib.training.TrainingDiverged("the loss is NaN")
        return steps(self, n)

    monkeypatch.setattr(ganlib.Trainer, "fit", fit)
    found = conditional.play(conditional.ROWS["overlap"]["n"], overlap, 0, [1, 2, 3], CPU)["found"]
    assert found[0]["FID"] > 50 and found[1:] == [None, None]


def test_samples_have_the_conditions_that_were_asked_for(monkeypatch):
    class Echo:
        device = CPU

        def sample(self, labels):
            return (labels.view(-1, 1, 1, 1) / 127.5 - 1).expand(-1, 3, 2, 2)

    asked = torch.arange(1203) % 250
    made = conditional.sampled(Echo(), 0, len(asked), labels=asked)
    assert made.dtype == torch.uint8 and torch.equal(made[:, 0, 0, 0].long(), asked)


def test_a_step_is_timed_in_turn_in_the_time_of_the_process(monkeypatch):
    asked = []

    def in_turn(loops, steps, rounds, device, own):
        asked.append((list(loops), own))
        return {name: [0.5, 0.7, 0.6] if name == "own" else [1.0, 1.4, 3.0] for name in loops}

    monkeypatch.setattr(common, "in_turn", in_turn)
    rows = {name: conditional.ROWS["trunk"][name] for name in ("own", "raw")}
    found = conditional.costs(rows, ganlib.load("avatars", size=32, n=200), CPU)
    assert asked == [(["own", "raw"], True)] and found == {"own": 0.6, "raw": pytest.approx(1.2)}


# -- the report --------------------------------------------------------------------------------------------------------
def record(**results):
    """From table → row → what each seed has found."""
    machine = {"device": "cpu", "cpu": "", "cores": 2, "threads": 2, "torch": "", "python": "", "matmul_gflops": 1.0}
    made = {
        table: {
            name: {
                "settings": conditional.settings(conditional.ROWS[table][name]),
                "runs": [
                    {"seed": seed, "steps": conditional.looks(table, 80), "found": found}
                    for seed, found in enumerate(runs)
                ],
            }
            for name, runs in rows.items()
        }
        for table, rows in results.items()
    }
    protocol = {"steps": dict.fromkeys(conditional.ROWS, 80), "n": 100, "seeds": 2}
    return {"benchmark": "conditional", **machine, "date": "", "protocol": protocol, "results": made} | {
        "features": dict.fromkeys(made, "some"),
        "references": {table: {"real images": {"FID": 0.5, "accuracy": 0.99, "diversity": 1.0}} for table in made},
        "cost": {table: dict.fromkeys(conditional.ROWS[table], 0.25) for table in made},
    }


GOOD = {"FID": 10.0, "FID of a class": 20.0, "accuracy": 0.5, "entropy": 1.0, "diversity": 0.9}


def test_tables():
    found = conditional.tables(record(designs={"n": [[GOOD], [GOOD | {"FID": 12.0}]], "single": [[GOOD], [None]]}))
    table = found["designs"]
    assert table["head"][-1] == "ms a step" and table["head"][:2] == ["Method", "FID"]
    assert table["rows"] == [
        ["ACGAN, n classes", "11.0 ± 1.0", "20.0 ± 0.0", "50.0 ± 0.0", "0.900 ± 0.000", "250"],
        ["ACGAN, one head", "10.0 (1/2 †)", "20.0 (1/2 †)", "50.0 (1/2 †)", "0.900 (1/2 †)", "250"],
        ["real images", "0.5", "–", "99.0", "1.000", "–"],
    ]


def test_the_table_of_trunks_has_a_column_for_each_look():
    curve = [{"accuracy": share, "accuracy by the zoo": 0.9} for share in (0.1, 0.2, 0.4, 0.8)]
    kept = record(trunk={"own": [curve, [*curve[:3], None]]})
    table = conditional.tables(kept)["trunk"]
    steps = ["10 steps", "20 steps", "40 steps", "80 steps"]
    assert table["head"] == ["Trunk", *steps, "As the zoo reads it", "Seconds"]
    shares = ["10.0 ± 0.0", "20.0 ± 0.0", "40.0 ± 0.0", "80.0 (1/2 †)"]
    assert table["rows"][0] == ["the usual one", *shares, "90.0 (1/2 †)", "20"]
    assert table["rows"][1] == ["real images", "–", "–", "–", "99.0", "–", "–"]
    assert "| the usual one | 10.0 ± 0.0 |" in conditional.report(kept)
    left, right = conditional.figure(
        kept | {"results": kept["results"] | record(overlap={"n": [[GOOD]]})["results"]}
    ).axes
    assert list(left.get_lines()[0].get_xdata()) == [2.5, 5, 10, 20]
    assert [list(line.get_ydata()) for line in right.get_lines()] == [[50.0], [pytest.approx(70)]]


def test_what_is_missing_is_played_seed_by_seed():
    kept = record(overlap={"n": [[GOOD], [GOOD]], "concat": [[GOOD]]})
    assert conditional.missing(kept, ["overlap"])[:3] == [
        ("overlap", 0, "projection"),
        ("overlap", 0, "n-5"),
        ("overlap", 0, "single"),
    ]
    kept["results"]["overlap"]["n"]["settings"]["options"] = {}  # the row has changed since
    assert ("overlap", 0, "n") in conditional.missing(kept, ["overlap"])
    assert len(conditional.missing(kept, list(conditional.ROWS))) == 2 * 20 - 1
    results = conditional.joined(kept, "overlap", "n", {"seed": 1, "found": []})
    assert list(results["overlap"]) == ["concat", "n"] and len(results["overlap"]["n"]["runs"]) == 1


@pytest.mark.parametrize("table", list(conditional.ROWS))
def test_tables_have_chinese_words(table):
    found = {"FID", "FID of a class", "accuracy", "entropy", "diversity", "all", "colours", "English", "Chinese"}
    found = dict.fromkeys(found | {"seen", "held out", "accuracy by the zoo"}, 0.5)
    rows = {name: [[found] * len(conditional.looks(table, 80))] for name in conditional.ROWS[table]}
    made = conditional.tables(record(**{table: rows}) | {"protocol": {"steps": conditional.STEPS, "seeds": 3}})[table]
    words = records.chinese(common.RESULTS.parents[1])
    said = [made["title"], *made["head"], *(row[0] for row in made["rows"])]
    assert [word for word in said if word not in {*words, "FID"}] == []
    assert made["title"].format(steps=conditional.STEPS, seeds=3) != made["title"]


# -- end to end --------------------------------------------------------------------------------------------------------
def test_tiny_runs_are_kept_beside_those_of_another_process(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(conditional.ROWS, "matching", {"half": conditional.ROWS["matching"]["half"]})
    monkeypatch.setitem(conditional.ROWS, "trunk", {"own": conditional.ROWS["trunk"]["own"]})
    monkeypatch.setattr(conditional, "train_classifier", lambda data, device: train_classifier(data, 5, device=device))
    play, other = conditional.play, {}

    def meanwhile(*given):
        if not other:  # a process for another table keeps its run while this one plays
            other["kept"] = run(monkeypatch, tmp_path, "--tables", "trunk") if other.setdefault("on", True) else None
        return play(*given)

    monkeypatch.setattr(conditional, "play", meanwhile)
    kept = run(monkeypatch, tmp_path, "--tables", "matching")
    assert list(kept["results"]) == ["matching", "trunk"] and kept["tables"] == conditional.tables(kept)
    assert kept["results"]["trunk"] == other["kept"]["results"]["trunk"]
    found = kept["results"]["matching"]["half"]["runs"][0]["found"][0]
    assert 0.1 < found["all"] < 0.6 and {"seen", "held out"} <= set(found)
    assert (tmp_path / "conditional.svg").exists() and "matching: half, seed 0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, "--seeds", "3")
    assert "conditional.json holds runs with seeds 1; expected the same here, or --fresh" in capsys.readouterr().err


# -- what is committed -------------------------------------------------------------------------------------------------
def test_committed_result():
    kept = common.result("conditional")
    assert kept["protocol"]["seeds"] >= 3 and conditional.missing(kept, list(conditional.ROWS)) == []
    assert (common.RESULTS / "conditional.md").read_text(encoding="utf-8") == conditional.report(kept)
    assert kept["tables"] == conditional.tables(kept)
