"""Printed characters: every face draws every character, the test has fonts of its own, and difficulty is difficult."""

import numpy as np
import pytest
import torch

from dlcourse import data
from dlcourse.sets import glyphs


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLCOURSE_DATA", str(tmp_path_factory.mktemp("data")))
        yield


def load(train=200, test=100, **options):
    return data.load("glyphs", train=train, test=test, **options)


def nearest_mean(train, test) -> float:
    """Accuracy of the simplest classifier: the class whose mean image is nearest."""
    flat = train.inputs.float().flatten(1)
    means = torch.stack([flat[train.labels == k].mean(0) for k in range(int(train.labels.max()) + 1)])
    return float((torch.cdist(test.inputs.float().flatten(1), means).argmin(1) == test.labels).float().mean())


@pytest.mark.parametrize(("colour", "shape"), [(False, (1, 28, 28)), (True, (3, 32, 32))])
@pytest.mark.parametrize("classes", [10, 36])
def test_images_are_bytes_and_classes_come_equally_often(colour, shape, classes):
    loaded = load(classes=classes, colour=colour, train=3 * classes, test=2 * classes)
    assert loaded.train.inputs.shape == (3 * classes, *shape)
    assert loaded.train.inputs.dtype == torch.uint8
    assert loaded.train.labels.bincount().tolist() == [3] * classes
    assert loaded.test.labels.bincount().tolist() == [2] * classes
    assert loaded.classes == tuple(glyphs.CHARACTERS[:classes])


def test_62_classes_are_digits_capitals_and_small_letters():
    assert "".join(load(classes=62, train=62, test=62).classes) == (
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    )


def test_characters_can_be_chosen():
    assert load(characters="XYZ").classes == ("X", "Y", "Z")


def test_every_face_has_every_character():
    """One that a font lacks would be drawn as a box, the same for all."""
    atlas = glyphs._atlas(glyphs.CHARACTERS).flatten(2)
    assert (atlas.sum(2) > 5).all()  # the i of a thin face has some ink
    for face, name in zip(atlas, glyphs.FONTS, strict=True):
        assert len(torch.unique(face, dim=0)) >= 60, name
    for j, character in enumerate(glyphs.CHARACTERS):
        assert len(torch.unique(atlas[:, j], dim=0)) == len(glyphs.FONTS), character


def test_fonts_of_the_test_are_never_seen_in_training():
    loaded = load()
    assert set(loaded.train.more["fonts"].tolist()) <= set(range(len(glyphs.TRAIN_FONTS)))
    assert set(loaded.test.more["fonts"].tolist()) == set(range(len(glyphs.TRAIN_FONTS), len(glyphs.FONTS)))
    assert not set(glyphs.TRAIN_FONTS) & set(glyphs.TEST_FONTS)


def test_seen_fonts_can_be_had_with_the_same_training_and_other_pictures():
    unseen, seen = load(), load(fonts="seen")
    assert torch.equal(unseen.train.inputs, seen.train.inputs)
    assert set(seen.test.more["fonts"].tolist()) <= set(range(len(glyphs.TRAIN_FONTS)))
    both = torch.cat([seen.train.inputs, seen.test.inputs]).flatten(1)
    assert len(torch.unique(both, dim=0)) == 300


@pytest.mark.parametrize("colour", [False, True])
def test_a_seed_gives_the_same_pictures_and_another_others(colour, monkeypatch, tmp_path):
    first = load(colour=colour)
    monkeypatch.setenv("DLCOURSE_DATA", str(tmp_path))  # not from the cache
    assert torch.equal(load(colour=colour).test.inputs, first.test.inputs)
    assert load(colour=colour).note == first.note
    assert not torch.equal(load(colour=colour, seed=1).test.inputs, first.test.inputs)


def test_the_global_generators_are_left_alone():
    torch.manual_seed(3)
    np.random.seed(3)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    load(seed=7)
    assert (torch.rand(1), np.random.rand()) == expected


def test_they_are_drawn_once_and_kept(monkeypatch):
    load(seed=8)
    monkeypatch.setattr(glyphs, "draw_both", None)
    assert len(load(seed=8).train) == 200


def test_each_picture_has_draws_of_its_own():
    loaded = load(characters="AB", difficulty=0.5, train=400)
    same = loaded.train.inputs[(loaded.train.labels == 0) & (loaded.train.more["fonts"] == 0)]
    assert len(same) > 3
    assert len(torch.unique(same.flatten(1), dim=0)) == len(same)


def test_difficulty_is_difficult():
    scores = []
    for difficulty in (0, 0.5, 1):
        loaded = load(train=1000, test=500, difficulty=difficulty, fonts="seen")
        scores.append(nearest_mean(loaded.train, loaded.test))
    assert scores[0] > 0.85
    assert scores[0] > scores[1] + 0.1 > scores[2] + 0.2


def test_fonts_that_were_not_seen_are_harder():
    unseen, seen = load(train=2000, test=1000), load(train=2000, test=1000, fonts="seen")
    assert nearest_mean(seen.train, seen.test) > nearest_mean(unseen.train, unseen.test) + 0.03


def test_in_colour_the_mean_image_tells_nothing():
    loaded = load(train=1000, test=500, colour=True, difficulty=0)
    assert nearest_mean(loaded.train, loaded.test) < 0.3


def test_ink_stands_out_from_its_ground():
    loaded = load(colour=True, difficulty=1, train=300)
    light = (loaded.train.inputs.float() * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1)
    assert (light.flatten(1).std(1) > 5).all()


def test_it_says_what_it_depends_on():
    import matplotlib

    loaded = load()
    assert loaded.note.startswith(f"matplotlib {matplotlib.__version__}, 200 + 100 images, sha256 ")
    assert "19 + 6 faces" in loaded.source


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 1}, "load: 1 classes of glyphs: pass 2 to 62"),
        ({"classes": 63}, "load: 63 classes of glyphs: pass 2 to 62"),
        ({"characters": "Aé"}, "load: characters are 'Aé': pass two or more of 0123456789ABC"),
        ({"characters": "AA"}, "load: characters are 'AA': pass two or more"),
        ({"difficulty": 1.5}, r"load: difficulty is 1\.5: pass a number from 0 to 1"),
        ({"fonts": "mine"}, 'load: fonts is \'mine\': choose "unseen" or "seen"'),
        ({"train": 5}, "load: 5 glyphs of 10 classes: pass at least one of each"),
        ({"size": 5}, "load: glyphs got an unexpected keyword argument 'size'"),
    ],
)
def test_a_wrong_option_is_answered_with_the_right_ones(options, message):
    with pytest.raises(ValueError, match=message):
        load(**options)


def test_a_font_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(glyphs, "FONTS", ("NoSuchFont",))
    with pytest.raises(ValueError, match=r"your matplotlib has no font NoSuchFont\.ttf: install it again"):
        glyphs._atlas("AB")


# ---- handwritten digits in colour


def test_colour_digits_are_the_digits_of_the_same_split():
    grey, colour = data.load("digits"), data.load("colour_digits")
    assert colour.train.inputs.shape == (1437, 3, 32, 32)
    assert colour.train.inputs.dtype == torch.uint8
    assert torch.equal(colour.train.labels, grey.train.labels)
    assert torch.equal(colour.test.labels, grey.test.labels)
    assert "coloured by dlcourse" in colour.source


def test_colour_digits_repeat_and_their_colours_tell_nothing():
    first, again, other = (data.load("colour_digits", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.test.inputs, again.test.inputs)
    assert not torch.equal(first.test.inputs, other.test.inputs)
    assert nearest_mean(first.train, first.test) < 0.3
    with pytest.raises(ValueError, match="load: difficulty is -1: pass a number from 0 to 1"):
        data.load("colour_digits", difficulty=-1)
