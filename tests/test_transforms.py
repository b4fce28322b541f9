from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from dlcourse import data, transforms
from dlcourse.transforms import Augment, Normalise
from tests import shape_tables

STEPS = {
    "crop": 3,
    "flip": 0.5,
    "rotate": 30,
    "scale": 0.3,
    "colour": 0.4,
    "noise": 0.1,
    "erase": 1.0,
    "cutout": 4,
    "mixup": 1.0,
}
SIZES = [{"B": 3, "C": 1, "H": 8, "W": 8, "K": 4, "N": 5}, {"B": 6, "C": 3, "H": 12, "W": 10, "K": 7, "N": 9}]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(b, c=3, h=12, w=10, dtype=torch.uint8):
    pixels = torch.randint(0, 256, (b, c, h, w), generator=seeded(), dtype=torch.uint8)
    return pixels if dtype == torch.uint8 else pixels.to(dtype) / 255


def copies(n, dtype=torch.uint8):
    """n times the same image."""
    return images(1, dtype=dtype).expand(n, -1, -1, -1)


def split(n=20, role="train", **changes):
    return SimpleNamespace(**{"inputs": images(n), "labels": torch.arange(n) % 4, "role": role} | changes)


def run(name, batch, generator, amount=None):
    """One step, mixup included: its images."""
    amount = STEPS[name] if amount is None else amount
    if name == "mixup":
        return transforms.mixup(batch, torch.arange(len(batch)) % 4, generator, amount, classes=4)[0]
    return getattr(transforms, name)(batch, generator, amount)


# ---- each step


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("name", STEPS)
def test_a_step_keeps_its_shape_table(name, sizes):
    batch = images(*(sizes[letter] for letter in "BCHW"))
    if name == "mixup":
        labels = torch.arange(sizes["B"]) % sizes["K"]
        mixed, shares = transforms.mixup(batch, labels, seeded(), classes=sizes["K"])
        outputs = {"returns": mixed, "shares": shares}
        shape_tables.holds(transforms.mixup, {"images": batch, "labels": labels}, outputs, sizes)
    else:
        step = getattr(transforms, name)
        shape_tables.holds(step, {"images": batch}, {"returns": step(batch, seeded())}, sizes)


def test_every_public_name_has_its_table_checked():
    assert shape_tables.public(transforms) == {*STEPS, "Augment", "Normalise"}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("name", STEPS)
def test_a_step_gives_back_the_kind_that_came_within_its_range_and_leaves_the_batch(name, dtype):
    batch = images(8, dtype=dtype)
    before = batch.clone()
    after = run(name, batch, seeded())
    assert after.dtype == dtype
    assert after.min() >= 0
    assert after.max() <= (255 if dtype == torch.uint8 else 1.001)
    assert torch.equal(batch, before)
    assert not torch.equal(after, before)


@pytest.mark.parametrize("name", sorted(set(STEPS) - {"mixup", "flip"}))
def test_each_image_gets_its_own_draw(name):
    after = run(name, copies(12), seeded())
    assert len({bytes(image.flatten().tolist()) for image in after}) >= 10  # of 12; two may draw alike by chance


def test_each_image_gets_its_own_draw_of_flip_and_mixup():
    flipped = (transforms.flip(copies(200), seeded()) != copies(200)).flatten(1).any(1)
    assert 70 < flipped.sum() < 130
    batch = torch.arange(50.0).view(50, 1, 1, 1)
    _, shares = transforms.mixup(batch, torch.arange(50), seeded(), 1.0, classes=50)
    assert len(shares.max(1).values.unique()) > 40


@pytest.mark.parametrize("name", STEPS)
def test_the_same_seed_gives_the_same_batch_and_another_does_not(name):
    batch = images(8)
    first = run(name, batch, seeded(1))
    assert torch.equal(first, run(name, batch, seeded(1)))
    assert not torch.equal(first, run(name, batch, seeded(2)))


@pytest.mark.parametrize("name", STEPS)
def test_a_step_draws_from_no_other_generator(name):
    state = torch.get_rng_state()
    run(name, images(4), seeded())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", sorted(set(STEPS) - {"mixup"}))
def test_the_amount_0_changes_nothing(name):
    assert torch.equal(run(name, images(6), seeded(), 0), images(6))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_crop_is_the_slice_of_the_padded_image(layout):
    batch = images(40).contiguous(memory_format=layout)
    padded = F.pad(batch, (2, 2, 2, 2))
    places = set()
    for before, after in zip(padded, transforms.crop(batch, seeded(), 2), strict=True):
        found = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if torch.equal(before[:, top : top + 12, left : left + 10], after)
        ]
        assert len(found) == 1
        places.update(found)
    assert {top for top, _ in places} == {left for _, left in places} == {0, 1, 2, 3, 4}


def test_flip_mirrors_left_to_right():
    assert torch.equal(transforms.flip(images(3), seeded(), 1.0), images(3).flip(3))


def test_rotation_by_a_quarter_is_rot90_also_where_the_image_is_not_square(monkeypatch):
    monkeypatch.setattr(transforms, "_uniform", lambda x, generator, low, high: torch.full((len(x), 1, 1, 1), high))
    square = images(2, h=9, w=9)
    assert torch.equal(transforms.rotate(square, seeded(), 90), torch.rot90(square, 1, (2, 3)))
    oblong = torch.zeros(1, 1, 9, 15)
    oblong[0, 0, 4, 4:11] = 1  # a bar of 7 pixels, lying
    turned = transforms.rotate(oblong, seeded(), 90)
    assert torch.allclose(turned[0, 0, 1:8, 7], torch.ones(7), atol=1e-4)  # stands, as long as before
    assert turned.sum() == pytest.approx(7, abs=1e-3)


def test_rotation_goes_both_ways_and_scale_makes_larger_and_smaller():
    dot = torch.zeros(40, 1, 21, 21)
    dot[:, :, 2:5, 9:12] = 1  # above the middle
    rows, columns = torch.arange(21.0).view(21, 1), torch.arange(21.0)
    turned, scaled = transforms.rotate(dot, seeded(), 40), transforms.scale(dot, seeded(), 0.2)
    side = (turned * columns).sum((1, 2, 3)) / turned.sum((1, 2, 3)) - 10
    height = 10 - (scaled * rows).sum((1, 2, 3)) / scaled.sum((1, 2, 3))
    assert min((side < -0.5).sum(), (side > 0.5).sum()) > 10
    assert side.abs().max() < 7 * 0.65  # sin 40 degrees is 0.64
    assert min((height < 6.9).sum(), (height > 7.1).sum()) > 10


def test_scale_is_by_the_factor_and_about_the_middle(monkeypatch):
    monkeypatch.setattr(transforms, "_uniform", lambda x, generator, low, high: torch.full((len(x), 1, 1, 1), high))
    block = torch.zeros(1, 1, 16, 16)
    block[..., 6:10, 6:10] = 1
    larger = transforms.scale(block, seeded(), 1.0)
    assert larger.sum() == pytest.approx(4 * 16, rel=0.05)
    assert torch.allclose(larger, larger.flip(2, 3), atol=1e-5)


def test_colour_of_grey_stays_grey_and_a_flat_image_changes_in_brightness_only():
    flat = torch.full((50, 3, 4, 4), 0.5)
    after = transforms.colour(flat, seeded(), 0.2)
    assert after.flatten(1).std(1).max() < 1e-6
    assert after.min() >= 0.4 - 1e-6
    assert after.max() <= 0.6 + 1e-6
    assert after.max() - after.min() > 0.15


def test_noise_has_the_standard_deviation_that_was_asked():
    grey = torch.full((4, 1, 64, 64), 0.5)
    assert (transforms.noise(grey, seeded(), 0.05) - grey).std() == pytest.approx(0.05, rel=0.05)
    grey = torch.full((4, 1, 64, 64), 128, dtype=torch.uint8)
    assert (transforms.noise(grey, seeded(), 0.05).float() - 128).std() == pytest.approx(0.05 * 255, rel=0.05)


def test_cutout_covers_a_square_and_erase_a_rectangle_of_the_area_it_says():
    white = torch.ones(300, 2, 20, 20)
    holes = (transforms.cutout(white, seeded(), 6) == 0).float()
    assert torch.equal(holes[:, 0], holes[:, 1])
    covered = holes[:, 0].sum((1, 2))
    assert covered.max() == 36
    assert covered.min() >= 9  # at a corner a quarter is left
    after = transforms.erase(white, seeded(), 0.5)
    share = (after[:, 0] != 1).float().mean((1, 2))
    assert 0.4 < (share > 0).float().mean() < 0.6
    assert share.max() < 0.5
    for hole in (after[:, 0] != 1)[share > 0][:20]:
        assert hole.any(1).sum() * hole.any(0).sum() == hole.sum()


def test_mixup_blends_labels_as_it_blends_images():
    batch = torch.eye(6).view(6, 6, 1, 1)  # image i is 1 in channel i: the blend shows its shares
    mixed, shares = transforms.mixup(batch, torch.arange(6), seeded(), 1.0, classes=6)
    assert torch.allclose(mixed.view(6, 6), shares)
    assert torch.allclose(shares.sum(1), torch.ones(6))
    assert F.cross_entropy(torch.zeros(6, 6), shares) == pytest.approx(1.7918, abs=1e-4)  # log 6


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 2.0])
def test_mixup_draws_its_shares_from_a_symmetric_beta(alpha):
    n = 20_000
    black_and_white = (torch.arange(n) % 2).float().view(n, 1, 1, 1)
    mixed, _ = transforms.mixup(black_and_white, torch.arange(n) % 2, seeded(), alpha, classes=2)
    # half of the pairs are of one colour (variance 1/4), half show the draw (variance of Beta(a, a): 1 / (8a + 4))
    assert mixed.var() == pytest.approx(0.125 + 0.5 / (8 * alpha + 4), rel=0.02)


# ---- Augment


@pytest.mark.parametrize("sizes", SIZES)
def test_augment_keeps_its_shape_table(sizes):
    train = split(sizes["N"], inputs=images(*(sizes[letter] for letter in "NCHW")))
    index = torch.arange(sizes["B"]) % sizes["N"]
    batch, labels = Augment(crop=2, flip=0.5)(train, index, seeded())
    shape_tables.holds(Augment, {"index": index}, {"images": batch, "labels": labels}, sizes)
    masks = torch.zeros(sizes["N"], sizes["H"], sizes["W"], dtype=torch.int64)
    _, moved = Augment(crop=2)(split(inputs=train.inputs, labels=masks), index, seeded())
    assert moved.shape == (sizes["B"], sizes["H"], sizes["W"])
    _, shares = Augment(mixup=1.0, classes=sizes["K"] + 3)(train, index, seeded())
    assert shares.shape == (sizes["B"], sizes["K"] + 3)


def test_labels_follow_their_images():
    n = 30
    marked = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 1, 8, 8) * 8  # image i is 8 i all over
    train = split(inputs=marked.contiguous(), labels=torch.arange(n))
    index = torch.randperm(n, generator=seeded())[:12]
    batch, labels = Augment(crop=2, flip=0.5, cutout=2)(train, index, seeded())
    assert torch.equal(labels, index)
    assert torch.equal(batch.amax((1, 2, 3)).long(), labels * 8)
    batch, shares = Augment(mixup=1.0, classes=n)(train, index, seeded())
    assert torch.allclose(batch[:, 0, 0, 0].float(), shares @ (torch.arange(n) * 8.0), atol=0.51)


@pytest.mark.parametrize("steps", [{"crop": 3}, {"flip": 0.5}, {"rotate": 40}, {"scale": 0.4}, {"noise": 0, "crop": 3}])
def test_masks_move_with_their_images(steps):
    things = torch.zeros(16, 1, 12, 10, dtype=torch.uint8)
    things[:, :, 3:8, 2:6] = 200
    train = split(inputs=things, labels=(things[:, 0] > 100).long() * 3)
    batch, masks = Augment(**steps)(train, None, seeded())
    assert set(masks.unique().tolist()) == {0, 3}
    assert ((batch[:, 0] > 100) == (masks == 3)).float().mean() > 0.97  # the edge is interpolated
    assert not torch.equal(masks, train.labels)


def test_steps_run_in_the_order_in_which_they_are_named():
    train, generator = split(), seeded()
    batch, _ = Augment(noise=0.1, cutout=5)(train, None, seeded())
    by_hand = transforms.cutout(transforms.noise(train.inputs, generator, 0.1), generator, 5)
    assert torch.equal(batch, by_hand)
    assert not torch.equal(batch, Augment(cutout=5, noise=0.1)(train, None, seeded())[0])
    assert repr(Augment(crop=4, flip=0.5)) == "Augment(crop=4, flip=0.5)"


def test_no_step_and_no_index_is_the_split_as_it_is():
    batch, labels = Augment()(split(), None, seeded())
    assert torch.equal(batch, split().inputs)
    assert torch.equal(labels, split().labels)


@pytest.mark.parametrize("role", ["test", "validation", "", None])
def test_only_a_training_split_is_augmented_or_measured(role):
    with pytest.raises(ValueError, match=f"Augment: the role of this split is {role!r}: pass the training split, or"):
        Augment(flip=0.5)(split(role=role), None, seeded())
    with pytest.raises(ValueError, match=r"Normalise.of: the role of this split is"):
        Normalise.of(split(role=role))


def test_a_split_that_does_not_say_what_it_is_is_refused():
    with pytest.raises(ValueError, match="pass the training split"):
        Augment(flip=0.5)(SimpleNamespace(inputs=images(4), labels=torch.arange(4)), None, seeded())
    with pytest.raises(ValueError, match="pass the training split"):
        Augment(flip=0.5)(data.load("digits").test, None, seeded())


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_where_one_measures_nothing_is_augmented(off):
    with off(), pytest.raises(ValueError, match="gradients are off, so this looks like a test: take augment out"):
        Augment(flip=0.5)(split(), None, seeded())


def test_what_augment_cannot_do_is_refused_in_words():
    with pytest.raises(ValueError, match="Augment: there is no step 'flop': choose from crop, flip, rotate"):
        Augment(flop=1)
    with pytest.raises(ValueError, match="mixup comes last and needs classes=K"):
        Augment(mixup=0.2)
    with pytest.raises(ValueError, match="mixup comes last"):
        Augment(mixup=0.2, crop=4, classes=4)
    boxes = split(labels=torch.zeros(20, 4))
    with pytest.raises(
        ValueError, match=r"labels are \(20, 4\) torch.float32: pass int64 \(20,\), or masks \(20, 12, 1"
    ):
        Augment(flip=0.5)(boxes, None, seeded())
    masks = split(labels=torch.zeros(20, 12, 10, dtype=torch.int64))
    with pytest.raises(ValueError, match="mixup cannot blend masks"):
        Augment(mixup=0.2, classes=4)(masks, None, seeded())


@pytest.mark.parametrize("name", STEPS)
def test_wrong_images_are_refused_in_words(name):
    with pytest.raises(ValueError, match=rf"{name}: images are \(3, 12, 10\): pass a batch \(B, C, H, W\)"):
        run(name, images(1)[0], seeded())
    with pytest.raises(ValueError, match=rf"{name}: images are torch.int32: pass bytes"):
        run(name, images(2).int(), seeded())
    with pytest.raises(ValueError, match=rf"{name}: the images are on meta, the generator on cpu: make it with"):
        run(name, images(2).to("meta"), seeded())
    with pytest.raises(ValueError, match=rf"{name}: -1 came: pass a"):
        run(name, images(2), seeded(), -1)


def test_amounts_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="crop: 10 came: pass a whole number from 0 up, below 10"):
        transforms.crop(images(2), seeded(), 10)
    with pytest.raises(ValueError, match=r"cutout: 0.5 came: pass a whole number"):
        transforms.cutout(images(2), seeded(), 0.5)
    with pytest.raises(ValueError, match="flip: nan came"):
        transforms.flip(images(2), seeded(), float("nan"))
    with pytest.raises(ValueError, match="mixup: labels run to 3, but there are 3 classes"):
        transforms.mixup(images(4), torch.arange(4), seeded(), classes=3)


@pytest.mark.parametrize("name", ["colour", "noise"])
def test_normalised_images_are_refused_where_black_and_white_matter(name):
    with pytest.raises(ValueError, match=f"{name}: there are pixels below 0, so the images are normalised: augment"):
        run(name, images(2, dtype=torch.float32) - 0.5, seeded())


@pytest.mark.parametrize("name", STEPS)
def test_a_batch_of_one_passes_and_an_empty_one_is_refused(name):
    assert run(name, images(1), seeded()).shape == (1, 3, 12, 10)
    with pytest.raises(ValueError, match=rf"{name}: images are \(0, 3, 12, 10\): pass a batch"):
        run(name, images(1)[:0], seeded())


# ---- Normalise


@pytest.mark.parametrize("sizes", SIZES)
def test_normalise_keeps_its_shape_table(sizes):
    batch = images(*(sizes[letter] for letter in "BCHW"))
    normalise = Normalise.of(split(inputs=batch))
    shape_tables.holds(Normalise, {"images": batch}, {"returns": normalise(batch)}, sizes)
    assert normalise.inverse(normalise(batch)).shape == batch.shape


def test_the_inverse_gives_back_every_byte_exactly():
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    for seed in range(20):
        mean, std = torch.rand(2, 3, generator=seeded(seed))
        normalise = Normalise(mean, std + 0.01)
        assert torch.equal(normalise.inverse(normalise(every)), every)
    light = every / 255
    assert torch.allclose(normalise.inverse(normalise(light), torch.float32), light, atol=1e-6)


def test_bytes_and_floats_of_one_image_are_normalised_alike():
    normalise = Normalise.of(split())
    assert torch.equal(normalise(images(3)), normalise(images(3, dtype=torch.float32)))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_normalise_of_a_split_gives_mean_0_and_std_1_in_each_channel(dtype):
    train = split(inputs=images(20, dtype=dtype))
    after = Normalise.of(train)(train.inputs)
    assert after.mean((0, 2, 3)).abs().max() < 1e-5
    assert torch.allclose(after.std((0, 2, 3)), torch.ones(3), atol=1e-4)


def test_normalise_is_saved_and_moved_with_its_model_and_has_nothing_to_train():
    model = torch.nn.Sequential(Normalise((0.5,), (0.25,)), torch.nn.Flatten())
    other = torch.nn.Sequential(Normalise((0.0,), (1.0,)), torch.nn.Flatten())
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(images(2, 1)), model(images(2, 1)))
    assert not list(model.parameters())
    assert next(model.to("meta").buffers()).device.type == "meta"


def test_what_normalise_cannot_do_is_refused_in_words():
    with pytest.raises(ValueError, match=r"Normalise: mean \[0.5\], std \[0.0\]: pass one number a channel"):
        Normalise((0.5,), (0,))
    with pytest.raises(ValueError, match="pass one number a channel for each"):
        Normalise((0.5, 0.5), (0.5,))
    with pytest.raises(ValueError, match=r"Normalise: images are \(2, 1, 12, 10\): pass \(B, 3, H, W\)"):
        Normalise((0.5,) * 3, (0.25,) * 3)(images(2, 1))
    with pytest.raises(ValueError, match=r"Normalise.inverse: images are"):
        Normalise((0.5,) * 3, (0.25,) * 3).inverse(torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match=r"Normalise.of: inputs are \(0, 3, 12, 10\): pass images"):
        Normalise.of(split(inputs=images(1)[:0]))
