"""Scenes: what is said about a picture is what is drawn in it."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from dlcourse import data
from dlcourse.sets import scenes

SMALL = {"train": 150, "test": 50}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLCOURSE_DATA", str(tmp_path_factory.mktemp("data")))
        yield


def load(**options):
    return data.load("scenes", **SMALL | options)


@pytest.fixture(scope="module")
def small(cache):
    return load()


def things(caption):
    """ "a red ring above a blue star" is [("red", "ring"), ("blue", "star")] and "above"."""
    relation = "left of" if "left of" in caption else "above"
    return [tuple(part.split()[1:]) for part in caption.split(f" {relation} ")], relation


def rows(split):
    """For each scene: its mask, the boxes and classes that are there, its caption and its count."""
    more = split.more
    for mask, boxes, classes, caption, count in zip(
        split.labels, more["boxes"], more["box_classes"], more["captions"], more["counts"], strict=True
    ):
        yield mask, boxes[classes >= 0], classes[classes >= 0], caption, int(count)


@pytest.mark.parametrize(("side", "objects"), [(32, (1, 3)), (64, (2, 4))])
def test_shapes_and_kinds_are_those_of_the_table(side, objects):
    found = load(side=side, objects=objects)
    for split, n in ((found.train, 150), (found.test, 50)):
        assert split.inputs.shape == (n, 3, side, side)
        assert split.inputs.dtype == torch.uint8
        kinds = {"masks": split.labels} | split.more
        shapes = {"masks": (n, side, side), "boxes": (n, objects[1], 4), "box_classes": (n, objects[1]), "counts": (n,)}
        assert {name: tuple(kinds[name].shape) for name in shapes} == shapes
        dtypes = {name: torch.float32 if name == "boxes" else torch.int64 for name in shapes}
        assert {name: kinds[name].dtype for name in shapes} == dtypes
        assert len(split.more["captions"]) == n
        assert kinds.keys() == shapes.keys() | {"captions"}
    assert found.classes == ("background", "circle", "square", "triangle", "star", "cross", "ring")


@pytest.mark.parametrize("target", ["masks", "boxes", "box_classes", "captions", "counts"])
def test_the_target_is_the_label_and_all_else_is_known_besides(target, small):
    found = load(target=target)
    everything = {"masks": small.train.labels} | small.train.more
    assert found.train.more.keys() == everything.keys() - {target}
    both = zip((found.train.labels, *found.train.more.values()), (target, *found.train.more), strict=True)
    for value, name in both:
        assert value == everything[name] if name == "captions" else torch.equal(value, everything[name])
    assert found.classes == (("0", "1", "2", "3") if target == "counts" else small.classes)


def test_each_number_of_objects_is_equally_frequent():
    shares = load(train=1_450, objects=(2, 4)).train.more["counts"].bincount(minlength=5) / 1_450
    assert shares[:2].sum() == 0
    assert ((shares[2:] - 1 / 3).abs() < 0.06).all()  # five standard deviations


def test_shapes_and_colours_are_equally_frequent():
    found = load(train=1_450, objects=(1, 1)).train
    shapes = found.more["box_classes"].flatten().bincount(minlength=7)[1:] / 1_450
    assert ((shapes - 1 / 6).abs() < 0.05).all()
    colours = [things(caption)[0][0][0] for caption in found.more["captions"]]
    assert all(abs(colours.count(colour) / 1_450 - 1 / 6) < 0.05 for colour in scenes.COLOURS)


def test_a_mask_holds_the_classes_of_its_objects_and_no_other(small):
    for mask, _, classes, _, count in rows(small.train):
        assert set(mask.unique().tolist()) - {0} == set(classes.tolist())
        assert len(classes) == count


def test_where_an_object_is_alone_its_box_is_the_extent_of_its_mask():
    for mask, boxes, classes, _, _ in rows(load(objects=(1, 1)).train):
        ys, xs = (mask == classes[0]).nonzero().T
        assert boxes[0].tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


def test_nothing_of_a_mask_lies_outside_all_boxes_of_its_class(small):
    for mask, boxes, classes, _, _ in rows(small.train):
        inside = torch.zeros(7, *mask.shape, dtype=torch.bool)
        for (left, top, right, bottom), k in zip(boxes.int().tolist(), classes, strict=True):
            assert 0 <= left < right <= 32
            assert 0 <= top < bottom <= 32
            assert (mask[top:bottom, left:right] == k).any()
            inside[k, top:bottom, left:right] = True
        for k in range(1, 7):
            assert inside[k][mask == k].all()


def test_rows_for_objects_that_are_not_there_are_minus_one(small):
    more = small.train.more
    for boxes, classes, count in zip(more["boxes"], more["box_classes"], more["counts"], strict=True):
        assert (classes[:count] >= 1).all()
        assert (classes[count:] == -1).all()
        assert (boxes[count:] == -1).all()


@pytest.mark.parametrize("objects", [(2, 2), (5, 5)])
def test_half_of_each_object_is_seen(objects, monkeypatch):
    """Painted alone, an object has at most twice the pixels that the mask of the whole scene leaves it."""
    monkeypatch.setattr(scenes, "_AT_ONCE", 60)
    random = np.random.RandomState(1)
    placed = scenes._placed(random, *objects)
    painted, seen = scenes._painted(random, placed, 32)
    owners = np.zeros((60, 32, 32), int)
    alone = []
    for m in range(objects[1]):
        others = np.arange(objects[1]) != m
        one, _ = scenes._painted(random, placed | {"shapes": np.where(others, -1, placed["shapes"])}, 32)
        owners[one["masks"] > 0] = m + 1
        alone.append((one["masks"] > 0).sum((1, 2)))
    shares = np.stack([(owners == m + 1).sum((1, 2)) / alone[m] for m in range(objects[1])], 1)
    np.testing.assert_allclose(seen, shares)
    assert ((owners > 0) == (painted["masks"] > 0)).all()
    assert seen.min() < 1  # some do lie over others
    assert (seen >= 0.5).mean() > 0.95


def test_scenes_with_a_hidden_object_are_left_out(monkeypatch):
    monkeypatch.setattr(scenes, "_clear", lambda centres, radii, there: np.ones(len(centres), bool))
    shown = []
    painted = scenes._painted
    monkeypatch.setattr(scenes, "_painted", lambda *some: shown.append(painted(*some)) or shown[-1])
    kept = scenes._all(100, 32, 3, 3)
    images = np.concatenate([some["images"][(seen >= 0.5).all(1)] for some, seen in shown])
    assert len(images) < 0.95 * sum(len(seen) for _, seen in shown)
    np.testing.assert_array_equal(kept["images"], images[:100])


def test_captions_name_all_objects_in_their_order_and_the_relation_holds(small):
    for _, boxes, classes, caption, count in rows(small.train):
        named, relation = things(caption)
        assert sorted(shape for _, shape in named) == sorted(small.classes[k] for k in classes)
        if count < 2:
            assert "left" not in caption
            assert "above" not in caption
        elif len(set(classes.tolist())) == count:
            middles = (boxes[:, :2] + boxes[:, 2:]) / 2
            by_shape = {small.classes[k]: middles[i] for i, k in enumerate(classes)}
            axis = ("left of", "above").index(relation)
            places = [float(by_shape[shape][axis]) for _, shape in named]
            # 2 pixels apart at least, but a box is about what one sees, and a triangle's middle is not its centre
            assert all(b - a > -3 for a, b in pairwise(places)), caption


def test_a_caption_says_the_longer_way_and_begins_at_the_left_or_the_top():
    shapes, colours = np.array([0, 3, -1]), np.array([0, 3, 1])
    for (x, y), said in {
        (0.9, 0.4): "a red circle left of a blue star",
        (0.1, 0.4): "a blue star left of a red circle",
        (0.6, 0.9): "a red circle above a blue star",
        (0.4, 0.1): "a blue star above a red circle",
    }.items():
        assert scenes._caption(shapes, colours, np.array([[0.5, 0.5], [x, y], [0.0, 0.0]])) == said


def test_objects_have_the_colour_that_the_caption_says():
    palette = torch.tensor(list(scenes.COLOURS.values())).float()
    found = load(objects=(1, 1)).train
    for image, (mask, _, _, caption, _) in zip(found.inputs, rows(found), strict=True):
        mean = image[:, mask > 0].float().mean(1)
        near = torch.cosine_similarity(mean[None], palette).argmax()
        assert list(scenes.COLOURS)[near] == things(caption)[0][0][0]


def test_captions_are_made_of_sixteen_words():
    words = {word for caption in load(train=1_450).train.more["captions"] for word in caption.split()}
    assert words == {"a", "left", "of", "above", *scenes.SHAPES, *scenes.COLOURS}


def test_edges_are_soft_and_objects_stand_out(small):
    """Along an edge some pixels lie between object and ground: drawn without smoothing there would be none."""
    u, v = np.meshgrid(*[np.linspace(-1, 1, 65, dtype=np.float32)] * 2)
    for distance in scenes._DISTANCES:
        inside = distance(u, v) < 0
        assert 0.25 < inside.mean() < 0.7
        assert not inside[np.hypot(u, v) > 1.1].any()
        assert (np.abs(np.diff(distance(u, v), axis=0)) < 2.5 / 32).all()  # grows no faster than the way


def test_the_background_is_well_under_nine_tenths_and_the_note_says_how_much(small):
    masks = torch.cat([small.train.labels, small.test.labels])
    ground = float((masks == 0).float().mean())
    assert small.note == f"{100 * ground:.0f} % of the pixels are background"
    assert 0.7 < ground < 0.85


def test_train_and_test_share_no_picture(small):
    train, test = ({image.numpy().tobytes() for image in split.inputs} for split in (small.train, small.test))
    assert len(train) == 150
    assert not train & test


def test_scenes_are_the_same_each_time_and_more_for_train_leave_the_test_as_it_is(small, monkeypatch, tmp_path):
    longer = load(train=700)
    assert torch.equal(longer.test.inputs, small.test.inputs)
    assert torch.equal(longer.train.inputs[:150], small.train.inputs)
    monkeypatch.setenv("DLCOURSE_DATA", str(tmp_path))
    again = load()
    assert torch.equal(again.train.inputs, small.train.inputs)
    assert again.train.more["captions"] == small.train.more["captions"]


def test_scenes_are_those_of_every_machine(small):
    first = ("a red triangle", "a red ring left of a yellow triangle", "a yellow ring")
    assert small.test.more["captions"][:3] == first
    assert small.test.more["boxes"][1].tolist() == [[4, 9, 19, 24], [19, 12, 31, 24], [-1] * 4]


def test_changing_what_was_loaded_changes_nothing_for_the_next_one(small):
    load().train.inputs.zero_()
    assert load().train.inputs.float().mean() > 50


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target": "mask"}, "load: target='mask': choose one of masks, boxes, box_classes, captions, counts"),
        ({"side": 48}, "load: side=48: pass 32 or 64, in pixels"),
        ({"train": 0}, "load: 0 scenes for train and 50 for test: pass 1 or more of both"),
        ({"test": -1}, "load: 150 scenes for train and -1 for test: pass 1 or more of both"),
        ({"objects": (0, 2)}, r"load: objects=\(0, 2\): pass the fewest and the most, such as \(1, 3\), of 1 to 5"),
        ({"objects": (3, 2)}, r"load: objects=\(3, 2\): pass the fewest and the most"),
        ({"objects": (1, 6)}, r"load: objects=\(1, 6\): pass the fewest and the most"),
        ({"objects": (1, 2.5)}, r"load: objects=\(1, 2\.5\): pass the fewest and the most"),
        ({"objects": 2}, "load: objects=2: pass the fewest and the most"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        load(**options)
