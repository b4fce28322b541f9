"""Recipes are checked, work is counted, and an entry is only text: what is in it can do no harm and claim nothing."""

import base64
import json
import pickle
import subprocess
import sys
import zlib

import pytest
import torch

from dlcourse import checks, tuning
from dlcourse.checks import Wrong
from dlcourse.sets import glyphs, store

SMALL = {"width": 2, "epochs": 1}


def entry(head, body):
    return tuning._START + base64.b85encode(zlib.compress(json.dumps(head).encode() + b"\n" + body)).decode()


def weights(recipe):
    return sum(x.numel() for x in tuning.build(recipe).state_dict().values() if x.is_floating_point())


def test_a_full_recipe_names_every_setting_and_keeps_what_was_chosen():
    assert list(tuning.full({})) == list(tuning.RECIPE)
    assert tuning.full({"lr": 1, "schedule": "cosine"}) | {} == tuning.full({}) | {"lr": 1, "schedule": "cosine"}


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ([], "a recipe is a dict"),
        ({"learning_rate": 0.1}, "no setting learning_rate: choose from network"),
        ({"optimizer": "lion"}, "optimizer is 'lion': write 'sgd' or 'adam'"),
        ({"lr": 0}, "lr is 0: write a number from 1e-05 to 10"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"epochs": 2.5}, "epochs is 2.5: write a whole number from 1 to 200"),
        ({"width": True}, "width is True"),
        ({"optimizer": "adam", "momentum": 0.9}, "momentum belongs to sgd"),
        ({"schedule": ["cosine"]}, "schedule is"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_in_words(recipe, said):
    with pytest.raises(Wrong, match=said):
        tuning.full(recipe)


def test_a_network_that_is_too_large_and_a_training_that_is_too_long_are_refused():
    with pytest.raises(Wrong, match="30,000 are allowed"):
        tuning.build({"network": "resnet", "width": 24})
    images = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    split = tuning.data.Split(images.expand(300_000, -1, -1, -1), torch.zeros(300_000, dtype=torch.long), "train")
    with pytest.raises(Wrong, match="500 are allowed"):
        tuning.train({"epochs": 200}, split)


def test_the_cost_counts_multiplications():
    places = 28 * 28 * 9 * 2 + 14 * 14 * 9 * 2 * 4 + 7 * 7 * 9 * 4 * 8 + 8 * 10
    assert tuning.cost(SMALL, images=1000) == pytest.approx(3 * places * 1000 / 1e9)
    assert tuning.cost({"width": 2, "epochs": 5}, images=1000) == pytest.approx(5 * tuning.cost(SMALL, images=1000))


def test_the_validation_has_fonts_that_neither_training_nor_the_hidden_digits_have():
    train, valid = tuning.examples(500)
    names = [{glyphs.FONTS[i] for i in part.more["fonts"].tolist()} for part in (train, valid)]
    assert names[1] <= set(tuning.VALID_FONTS)
    assert not names[0] & names[1]
    assert not (names[0] | names[1]) & set(glyphs.TEST_FONTS)
    assert valid.role == "valid"


def test_hidden_digits_depend_on_the_seed_and_are_never_kept_on_disk(monkeypatch):
    monkeypatch.setattr(store, "cached", None)
    one, other = tuning.unseen(60, 1), tuning.unseen(60, 2)
    assert one.inputs.shape == (60, 1, 28, 28)
    assert not torch.equal(one.inputs, other.inputs)
    tuning.unseen.cache_clear()
    assert torch.equal(one.inputs, tuning.unseen(60, 1).inputs)


def test_training_is_repeatable_and_gives_a_row_for_the_table(capsys):
    train, valid = tuning.examples(500)
    first, run = tuning.train(SMALL, train, valid)
    second, _ = tuning.train(SMALL, train, valid)
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    assert run["of"] == len(valid)
    assert run["recipe"] == tuning.full(SMALL)
    capsys.readouterr()
    tuning.table([run])
    assert "optimiser" in capsys.readouterr().out


def test_an_entry_comes_back_as_it_was_packed():
    model = tuning.build(SMALL)
    text = tuning.pack(model, SMALL, "two at  night")
    again, recipe, alias = tuning.unpack(text)
    assert (recipe, alias) == (tuning.full(SMALL), "two at night")
    assert not again.training
    for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.allclose(a.float(), b.float(), atol=1e-3)


def test_the_text_can_stand_in_a_cell():
    text = tuning.pack(tuning.build(SMALL), SMALL, 'a "quoted" \\ alias')
    assert eval(f'"{text}"') == text


def test_what_an_entry_says_of_its_own_score_is_not_read():
    head = {"alias": "boaster", "recipe": SMALL, "accuracy": 1.0, "right": 2000, "of": 2000}
    text = entry(head, bytes(2 * weights(SMALL)))
    right, of = tuning.score(text, tuning.unseen(60, 1))
    assert right <= 0.3 * of
    assert set(tuning.told(text)) == {"alias", "recipe", "work", "valid"}


EXPLODED = []


class Bomb:
    def __reduce__(self):
        return (EXPLODED.append, (1,))


BROKEN = {
    "a number": 0.99,
    "a picture of a score": "accuracy 99 %",
    "a pickle": tuning._START + base64.b85encode(pickle.dumps(Bomb())).decode(),
    "a packed pickle": tuning._START + base64.b85encode(zlib.compress(pickle.dumps(Bomb()))).decode(),
    "a bomb of zeros": tuning._START + base64.b85encode(zlib.compress(bytes(50_000_000))).decode(),
    "deep brackets": tuning._START + base64.b85encode(zlib.compress(b"[" * 100_000 + b"\n")).decode(),
    "a head that is a list": entry([], b""),
    "no recipe": entry({"alias": "x"}, b""),
    "too short": entry({"alias": "x", "recipe": SMALL}, bytes(2 * weights(SMALL) - 2)),
    "too long": entry({"alias": "x", "recipe": SMALL}, bytes(2 * weights(SMALL) + 2)),
    "infinite weights": entry({"alias": "x", "recipe": SMALL}, b"\x00\x7c" * weights(SMALL)),
    "no alias": entry({"alias": "", "recipe": SMALL}, bytes(2 * weights(SMALL))),
    "an alias of control codes": entry({"alias": "\x1b[2J", "recipe": SMALL}, bytes(2 * weights(SMALL))),
    "a recipe out of range": entry({"alias": "x", "recipe": {"width": 10**9}}, b""),
    "a million characters": tuning._START + "0" * 1_000_000,
}


@pytest.mark.parametrize("what", BROKEN)
def test_whatever_else_comes_as_an_entry_is_refused_in_words(what):
    with pytest.raises(Wrong) as caught:
        tuning.unpack(BROKEN[what])
    assert not EXPLODED
    assert 20 < len(str(caught.value)) < 300


def test_nothing_handed_in_counts_as_a_blank():
    with pytest.raises(NotImplementedError, match="your code goes here"):
        tuning.unpack(None)


def test_the_interval_is_that_of_the_tables_holds_the_share_and_stays_between_0_and_1():
    assert checks.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # as statsmodels and R's binom give it
    for right in (0, 1, 500, 999, 1000):
        low, high = checks.wilson(right, 1000)
        assert 0 <= low <= right / 1000 + 1e-12 <= high + 2e-12 <= 1 + 3e-12


def test_what_a_test_measures_is_kept_until_it_is_taken():
    checks.take_measured()
    assert checks.measured("accuracy", 3, 4, alias="x")
    assert checks.take_measured() == {
        "accuracy": {"right": 3, "of": 4, "interval": list(checks.wilson(3, 4)), "told": {"alias": "x"}}
    }
    assert checks.take_measured() == {}
    with pytest.raises(ValueError, match="5 of 4"):
        checks.measured("accuracy", 5, 4)


def test_a_recipe_is_trained_again_and_compared_from_the_command_line_of_the_leaderboard():
    def again(right, of):
        command = [sys.executable, "-m", "dlcourse.tuning", json.dumps(SMALL), str(right), str(of)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stderr == ""
        return json.loads(done.stdout)

    found = again(797, 797)
    assert not found["agrees"]
    assert again(found["right"], found["of"])["agrees"]
