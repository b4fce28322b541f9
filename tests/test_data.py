import sys

import pytest
import torch

from dlcourse import data, transforms


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


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
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    theirs = sklearn_datasets.load_digits()
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


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="no data set 'digit': choose one of digits"):
        data.load("digit")


def test_a_damaged_file_is_noticed(monkeypatch):
    table = data._digits_table()
    table[5, 5] += 1
    monkeypatch.setattr(data, "_digits_table", lambda: table)
    with pytest.raises(ValueError, match="install scikit-learn again"):
        data.load("digits")


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(data.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install scikit-learn"):
        data.load("digits")


def test_loading_does_not_import_scikit_learn():
    import subprocess

    code = "import sys; from dlcourse import data; data.load('digits'); assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_split_knows_what_it_is_for_and_the_test_split_is_not_augmented():
    digits = data.load("digits")
    assert (digits.train.role, digits.test.role) == ("train", "test")
    augment, generator = transforms.Augment(crop=1), torch.Generator().manual_seed(0)
    images, labels = augment(digits.train, torch.arange(4), generator)
    assert images.shape == (4, 1, 8, 8)
    assert torch.equal(labels, digits.train.labels[:4])
    with pytest.raises(ValueError, match="test"):
        augment(digits.test, None, generator)
