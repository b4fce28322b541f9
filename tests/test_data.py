"""Loading, cutting and batching, for sets of every kind; the digits, which the first labs use."""

import importlib
import subprocess
import sys
import warnings

import pytest
import torch
from torch.utils.data import DataLoader

from dlcourse import data, transforms
from dlcourse.sets import digits as digits_maker


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def heaps(*counts, **more):
    """So many points of each class, one class after the other; the one input is the place in the split."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return data.Split(torch.arange(len(labels)).float()[:, None], labels, "train", **more)


def sentences(count=1_000, several=False, seed=0):
    """Tokens (N, T), filled up with 0; token and length say which example it is."""
    lengths = torch.randint(1, 30, (count, 2), generator=seeded(seed))
    number = 1 + torch.arange(count)[:, None]
    first, second = (number * (torch.arange(30) < n[:, None]) for n in lengths.T)
    if several:
        return data.Split((first, second), second.clone(), "train", lengths)
    return data.Split(first, first.clone(), "train", lengths[:, 0])


def same(first, second):
    return len(first) == len(second) and all(map(torch.equal, first, second))


def places(split):
    return split.inputs[:, 0].long().tolist()


# ---- load


def test_digits_are_bytes_with_whole_number_labels(digits):
    assert digits.train.inputs.shape == (1437, 1, 8, 8)
    assert digits.test.inputs.shape == (360, 1, 8, 8)
    assert digits.train.inputs.dtype == torch.uint8
    assert (digits.train.inputs.min(), digits.train.inputs.max()) == (0, 255)
    assert digits.train.labels.dtype == torch.int64
    assert len(digits.test) == 360


def test_every_class_has_its_share_in_the_test_split(digits):
    train, test = digits.train.labels.bincount(), digits.test.labels.bincount()
    share = test / (train + test)
    assert ((share - 0.2).abs() < 0.01).all()


def test_the_split_uses_every_image_once(digits):
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    ours = torch.cat([digits.train.inputs, digits.test.inputs]).view(-1, 64)
    pixels = torch.tensor((theirs.data.astype(int) * 255 + 8) // 16)
    rows = {(tuple(p), t) for p, t in zip(pixels.tolist(), theirs.target.tolist(), strict=True)}
    labels = torch.cat([digits.train.labels, digits.test.labels])
    assert {(tuple(p), t) for p, t in zip(ours.tolist(), labels.tolist(), strict=True)} == rows
    assert len(ours) == 1797


def test_the_split_is_the_same_each_time_and_everywhere(digits):
    again = data.load("digits")
    assert torch.equal(again.test.inputs, digits.test.inputs)
    assert digits.test.labels[:12].tolist() == [2, 8, 6, 0, 7, 4, 9, 1, 8, 6, 7, 0]


def test_changing_what_was_loaded_changes_nothing_for_the_next_one():
    data.load("digits").train.inputs.zero_()
    assert data.load("digits").train.inputs.max() == 255


def test_a_data_set_says_where_it_comes_from_and_what_it_is(digits):
    assert "UCI" in digits.source
    assert digits.licence == "CC BY 4.0"
    assert digits.classes[7] == "7"
    assert str(digits) == "digits: 1,437 train, 360 test, images 1 x 8 x 8, 10 classes"


def test_at_the_end_of_a_cell_a_set_and_a_split_show_one_line_and_not_their_numbers(digits):
    assert repr(digits) == str(digits)
    assert repr(digits.train) == "train: 1,437, images 1 x 8 x 8"
    assert repr(data.Split(("to be", "or not"), ("a", "b"))) == "split: 2, texts"
    assert repr(sentences(3, several=True)) == "train: 3, tokens 30 and tokens 30"
    assert repr(heaps(1, 1)) == "train: 2, points 1"
    assert repr(data.Split(torch.zeros(2, 3, 4), torch.zeros(2, 1))) == "split: 2, numbers 3 x 4"


def test_splits_can_be_compared_and_be_the_keys_of_a_dictionary(digits):
    assert digits.train != digits.test
    assert {digits.train: 1}[digits.train] == 1


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"load: there is no data set 'digit': choose one of .*, digits, "):
        data.load("digit")


@pytest.mark.parametrize(("name", "module"), [("digits", "digits"), ("rings", "points")])
def test_an_unknown_option_is_refused_and_the_message_says_where_the_options_stand(name, module):
    wanted = f"load: {name} got an unexpected keyword argument 'sise'.*: its options stand in dlcourse.sets.{module}"
    with pytest.raises(ValueError, match=wanted):
        data.load(name, sise=3)


def test_another_type_error_comes_through_as_it_is():
    with pytest.raises(TypeError, match="not supported between"):
        data.load("rings", noise="much")


@pytest.mark.parametrize("name", sorted(data.SETS))
def test_every_name_has_a_maker_and_a_line(name):
    module, line = data.SETS[name]
    assert callable(importlib.import_module(f"dlcourse.sets.{module}").make)
    assert data.names()[name] == line
    assert len(line) < 100
    assert "\n" not in line


def test_names_lists_every_set_and_no_other():
    assert list(data.names()) == list(data.SETS)
    data.names().clear()
    assert data.names()


def test_a_damaged_file_is_noticed(monkeypatch):
    table = digits_maker._table()
    table[5, 5] += 1
    monkeypatch.setattr(digits_maker, "_table", lambda: table)
    with pytest.raises(ValueError, match="install scikit-learn again"):
        data.load("digits")


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(digits_maker.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install scikit-learn"):
        data.load("digits")


def test_loading_does_not_import_scikit_learn():
    code = "import sys; from dlcourse import data; data.load('digits'); assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_split_knows_what_it_is_for_and_the_test_split_is_not_augmented(digits):
    assert (digits.train.role, digits.test.role) == ("train", "test")
    augment, generator = transforms.Augment(crop=1), seeded()
    images, labels = augment(digits.train, torch.arange(4), generator)
    assert images.shape == (4, 1, 8, 8)
    assert torch.equal(labels, digits.train.labels[:4])
    with pytest.raises(ValueError, match="test"):
        augment(digits.test, None, generator)


# ---- Split.take


def test_take_gives_the_rows_in_the_order_asked_for_also_twice(digits):
    taken = digits.train.take(torch.tensor([5, 2, 5]))
    assert torch.equal(taken.inputs, digits.train.inputs[[5, 2, 5]])
    assert torch.equal(taken.labels, digits.train.labels[[5, 2, 5]])
    assert (len(taken), taken.role, taken.inputs.dtype) == (3, "train", torch.uint8)


def test_take_of_nothing_is_an_empty_split():
    for split in (heaps(2, 3), sentences(4), sentences(4, several=True), data.Split(("a", "b"), torch.arange(2))):
        taken = split.take(torch.tensor([], dtype=torch.int64))
        assert len(taken) == 0
        assert len(taken.take(torch.tensor([], dtype=torch.int64))) == 0


def test_take_gives_texts_and_all_that_is_known_of_them():
    boxes = tuple(torch.zeros(n, 4) for n in range(3))  # of so many objects
    more = {"kinds": ("x", "y", "z"), "numbers": torch.arange(3), "boxes": boxes}
    taken = data.Split(("one", "two", "three"), ("un", "deux", "trois"), more=more).take(torch.tensor([2, 1]))
    assert taken.inputs == ("three", "two")
    assert taken.labels == ("trois", "deux")
    assert taken.more["kinds"] == ("z", "y")
    assert taken.more["numbers"].tolist() == [2, 1]
    assert [len(boxes) for boxes in taken.more["boxes"]] == [2, 1]


def test_take_cuts_the_columns_that_are_filling():
    split = sentences()
    index = (split.lengths <= 7).nonzero().flatten()
    taken = split.take(index)
    assert taken.inputs.shape == taken.labels.shape == (len(index), 7)
    assert torch.equal((taken.inputs != 0).sum(1), taken.lengths)


def test_take_cuts_each_of_several_inputs_by_its_own_lengths_and_the_labels_by_the_last():
    split = sentences(several=True)
    index = ((split.lengths[:, 0] <= 9) & (split.lengths[:, 1] <= 4)).nonzero().flatten()
    taken = split.take(index)
    longest = split.lengths[index].amax(0).tolist()
    assert [x.shape[1] for x in taken.inputs] == longest
    assert taken.labels.shape[1] == longest[1]
    assert isinstance(taken.inputs, tuple)


def test_take_cuts_tokens_alone_not_classes_masks_or_images():
    images, tokens, lengths = torch.zeros(4, 3, 8, 8), torch.ones(4, 6, dtype=torch.int64), torch.full((4, 2), 2)
    for labels in (torch.arange(4), torch.zeros(4, 5, 5, dtype=torch.int64), torch.zeros(4, 3)):
        taken = data.Split((images, tokens), labels, lengths=lengths).take(torch.arange(2))
        assert [x.shape for x in taken.inputs] == [(2, 3, 8, 8), (2, 2)]
        assert taken.labels.shape == labels[:2].shape


# ---- split


def test_a_split_has_each_class_in_the_same_proportion_on_both_sides():
    train, valid = data.split(heaps(100, 50, 10), 0.2)
    assert train.labels.bincount().tolist() == [80, 40, 8]
    assert valid.labels.bincount().tolist() == [20, 10, 2]


def test_a_split_leaves_nothing_out_and_nothing_is_on_both_sides():
    train, valid = data.split(heaps(30, 21, 7), 0.3)
    assert sorted(places(train) + places(valid)) == list(range(58))


def test_a_split_is_mixed_and_inputs_stay_with_their_labels():
    whole = heaps(30, 30)
    for part in data.split(whole, 0.5):
        assert places(part) != sorted(places(part))
        assert torch.equal(part.labels, whole.labels[places(part)])


def test_a_split_depends_on_the_seed_alone():
    whole = heaps(40, 40)
    (first, _), (again, _), (other, _) = (data.split(whole, seed=seed) for seed in (3, 3, 4))
    torch.manual_seed(1)
    assert places(first) == places(again) == places(data.split(whole, seed=3)[0])
    assert places(first) != places(other)


def test_the_first_part_keeps_its_role_and_the_second_is_called_valid():
    assert [part.role for part in data.split(heaps(5, 5))] == ["train", "valid"]


def test_at_least_one_of_each_class_stays_on_both_sides_where_there_are_two():
    for share in (0.01, 0.99):
        train, valid = data.split(heaps(20, 2, 1), share)
        assert set(train.labels.tolist()) == {0, 1, 2}
        assert set(valid.labels.tolist()) == {0, 1}


@pytest.mark.parametrize(
    "labels", [torch.zeros(50, 4, 4, dtype=torch.int64), torch.zeros(50, 1), torch.zeros(50), ("a",) * 50]
)
def test_where_the_labels_are_no_classes_the_cut_is_by_chance(labels):
    train, valid = data.split(data.Split(torch.arange(50.0)[:, None], labels), 0.2)
    assert (len(train), len(valid)) == (40, 10)
    assert sorted(places(train) + places(valid)) == list(range(50))


def test_texts_can_be_split():
    train, valid = data.split(data.Split(tuple("abcdefgh"), torch.tensor([0, 1] * 4)), 0.5)
    assert sorted(train.inputs + valid.inputs) == list("abcdefgh")


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match=f"split: share is {share} of 4 examples: pass a share between 0 and 1"):
        data.split(heaps(2, 2), share)


def test_one_example_cannot_be_split():
    with pytest.raises(ValueError, match=r"split: share is 0\.1 of 1 examples"):
        data.split(heaps(1))


# ---- few


def test_few_keeps_so_many_of_each_class():
    rare = data.few(heaps(9, 5, 30), 4)
    assert rare.labels.bincount().tolist() == [4, 4, 4]
    assert len(set(places(rare))) == 12
    assert rare.role == "train"


def test_few_depends_on_the_seed_and_more_of_a_seed_holds_the_fewer():
    whole = heaps(50, 50)
    assert places(data.few(whole, 5)) == places(data.few(whole, 5, seed=0))
    assert places(data.few(whole, 5)) != places(data.few(whole, 5, seed=1))
    assert set(places(data.few(whole, 5))) < set(places(data.few(whole, 6)))


def test_few_of_what_has_no_classes_are_so_many_in_all():
    assert len(data.few(data.Split(torch.zeros(9, 2), torch.zeros(9, 1)), 3)) == 3


@pytest.mark.parametrize("each", [0, 6, -1])
def test_few_refuses_more_than_there_are(each):
    with pytest.raises(ValueError, match=f"few: {each} of each class, but the smallest class has 5: pass 1 to 5"):
        data.few(heaps(9, 5), each)


# ---- batches


@pytest.mark.parametrize(("count", "size"), [(10, 3), (9, 3), (5, 8), (1, 1), (64, 64)])
def test_an_epoch_has_every_index_once_and_the_last_batch_may_be_shorter(count, size):
    found = list(data.batches(heaps(count), size, seeded()))
    assert sorted(torch.cat(found).tolist()) == list(range(count))
    assert [len(batch) for batch in found] == [size] * (count // size) + [count % size] * (count % size > 0)
    assert found[0].dtype == torch.int64


def test_the_order_comes_from_the_generator_alone_and_goes_on_in_the_next_epoch():
    whole, generator = heaps(50, 50), seeded(7)
    first, second = list(data.batches(whole, 16, generator)), list(data.batches(whole, 16, generator))
    torch.manual_seed(1)
    assert same(first, list(data.batches(whole, 16, seeded(7))))
    assert not same(first, second)
    assert not same(first, list(data.batches(whole, 16, seeded(8))))


def test_balanced_batches_have_every_class_equally_often():
    whole = heaps(2_000, 100, 10)
    drawn = torch.cat(list(data.batches(whole, 64, seeded(), balanced=True)))
    assert len(drawn) == len(whole)
    shares = whole.labels[drawn].bincount() / len(whole)
    assert ((shares - 1 / 3).abs() < 0.05).all()  # five standard deviations
    assert same([drawn], [torch.cat(list(data.batches(whole, 64, seeded(), balanced=True)))])


def test_balanced_batches_pass_over_a_class_without_examples():
    whole = heaps(30, 0, 30)
    assert set(whole.labels[torch.cat(list(data.batches(whole, 8, seeded(), balanced=True)))].tolist()) == {0, 2}


@pytest.mark.parametrize(
    ("split", "what"),
    [
        (data.Split(torch.zeros(3, 2), torch.zeros(3, 1)), "points 1"),
        (data.Split(torch.zeros(3, 2), ("a", "b", "c")), "texts"),
        (data.Split(torch.zeros(3, 2), torch.zeros(3, 4, 4, dtype=torch.int64)), "numbers 4 x 4"),
    ],
)
def test_balanced_needs_classes(split, what):
    with pytest.raises(ValueError, match=f"balanced=True needs labels .N,., int64 classes; these are {what}"):
        next(data.batches(split, 2, seeded(), balanced=True))


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("count", [40, 1_000, 4_003])
def test_sentences_of_like_length_come_together_and_each_once(count, several):
    whole = sentences(count, several)
    found = list(data.batches(whole, 10, seeded()))
    assert sorted(torch.cat(found).tolist()) == list(range(count))
    assert len(found) == -(-count // 10)
    longest = whole.lengths.reshape(count, -1).amax(1)
    filled, by_chance = (
        sum(int((longest[batch].max() - longest[batch]).sum()) for batch in some)
        for some in (found, torch.randperm(count, generator=seeded()).split(10))
    )
    assert filled < 0.5 * by_chance


def test_the_batches_of_a_chunk_are_sorted_inside_and_shuffled_among_each_other():
    whole = sentences(1_000)
    spans = [(int(whole.lengths[b].min()), int(whole.lengths[b].max())) for b in data.batches(whole, 10, seeded())]
    assert spans != sorted(spans)
    assert all(a[1] <= b[0] for a, b in zip(sorted(spans), sorted(spans)[1:], strict=False))


def test_only_so_many_batches_are_sorted_together():
    whole, generator = sentences(3_000), seeded()
    first = torch.cat(list(data.batches(whole, 10, generator))[: data.CHUNK])
    assert same([first.sort().values], [torch.randperm(3_000, generator=seeded())[:1_000].sort().values])


def test_balanced_goes_with_lengths():
    whole = data.Split(sentences(220).inputs, heaps(200, 20).labels, lengths=sentences(220).lengths)
    drawn = torch.cat(list(data.batches(whole, 16, seeded(), balanced=True)))
    assert 70 < int(whole.labels[drawn].sum()) < 150


@pytest.mark.parametrize(("whole", "size"), [(heaps(3), 0), (heaps(3), -1), (heaps(0), 4)])
def test_nothing_comes_in_batches_of_nothing(whole, size):
    said = f"{len(whole)} examples in batches of {size}: pass 1 or more of both"
    with pytest.raises(ValueError, match=f"batches: {said}"):
        next(data.batches(whole, size, seeded()))
    for shuffle in (True, False):
        with pytest.raises(ValueError, match=f"loader: {said}"):
            data.loader(whole, size, shuffle=shuffle)


# ---- torch's own ways


def test_items_are_pairs_that_any_loader_can_batch(digits):
    items = data.Items(digits.test)
    image, label = items[3]
    assert torch.equal(image, digits.test.inputs[3])
    assert label == digits.test.labels[3]
    assert len(items) == 360
    images, labels = next(iter(DataLoader(items, batch_size=5)))
    assert torch.equal(images, digits.test.inputs[:5])
    assert torch.equal(labels, digits.test.labels[:5])


def test_items_come_as_the_transform_leaves_them(digits):
    image, label = data.Items(digits.test, lambda x: x.float() / 255)[0]
    assert image.dtype == torch.float32
    assert image.max() <= 1
    assert label == digits.test.labels[0]


def test_items_of_several_inputs_and_of_texts():
    pair, label = data.Items(sentences(9, several=True))[4]
    assert [x.shape for x in pair] == [(30,), (30,)]
    assert torch.equal(pair[1], label)
    assert data.Items(data.Split(("one", "two"), ("un", "deux")))[1] == ("two", "deux")


def test_items_end_like_any_sequence():
    assert [int(label) for _, label in data.Items(heaps(1, 2))] == [0, 1, 1]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["points", "tokens", "several", "texts"])
def test_a_loader_gives_what_batches_and_take_give(kind, workers):
    whole = {
        "points": heaps(20, 15),
        "tokens": sentences(35),
        "several": sentences(35, several=True),
        "texts": data.Split(tuple(map(str, range(35))), torch.arange(35)),
    }[kind]
    loader = data.loader(whole, 8, seed=5, workers=workers)
    expected = [whole.take(index) for index in data.batches(whole, 8, seeded(5))]
    assert len(loader) == 5
    for (inputs, labels), batch in zip(loader, expected, strict=True):
        assert type(inputs) is type(batch.inputs)
        assert torch.equal(labels, batch.labels)
        if kind == "texts":
            assert inputs == batch.inputs
        else:
            assert same([*inputs], [*batch.inputs])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_draws_another_order_each_epoch_and_the_same_ones_from_its_seed(workers):
    whole = heaps(40)
    first, second = (data.loader(whole, 8, seed=1, workers=workers) for _ in range(2))
    epochs = [[x.flatten().tolist() for x, _ in loader] for loader in (first, first, second, second)]
    assert epochs[0] != epochs[1]
    assert epochs[:2] == epochs[2:]
    assert sorted(x for batch in epochs[1] for x in batch) == list(range(40))


def test_a_loader_without_shuffling_keeps_the_order_of_the_split():
    found = [x.flatten().tolist() for x, _ in data.loader(heaps(7), 3, shuffle=False)]
    assert found == [[0, 1, 2], [3, 4, 5], [6]]


def test_more_workers_than_cores_are_not_asked_for_as_torch_would_warn(monkeypatch):
    monkeypatch.setattr(data.os, "sched_getaffinity", lambda process: {0}, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert data.loader(heaps(7), 3, workers=16).num_workers == 1


def test_pictures_in_files_are_read_when_they_are_asked_for(tmp_path):
    split = data.Split(torch.full((3, 3, 8, 8), 100, dtype=torch.uint8), torch.tensor([0, 1, 2]), "train")
    paths = data.write_pictures(split, tmp_path / "new", side=40)
    assert [path.name for path in paths] == ["00000.jpg", "00001.jpg", "00002.jpg"]
    pictures = data.Pictures(paths, split.labels, 8)
    image, label = pictures[1]
    assert len(pictures) == 3
    assert label == 1
    assert image.shape == (3, 8, 8)
    assert image.dtype == torch.uint8
    assert (image.int() - 100).abs().max() <= 3  # JPEG loses a little
    paths[2].unlink()
    with pytest.raises(OSError, match=r"00002\.jpg"):
        pictures[2]
    with pytest.raises(ValueError, match="3 files and 2 labels"):
        data.Pictures(paths, split.labels[:2], 8)
