"""Real sets from files made here, and, where DLCOURSE_TEST_DATA says where they are, from the real files."""

import codecs
import gzip
import hashlib
import io
import os
import pickle
import sys
import tarfile
import time
import types
import urllib.error
import urllib.request
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dlcourse.sets import Missing, download, real, texts
from tests.test_download import server  # noqa: F401  a fixture

REAL = os.environ.get("DLCOURSE_TEST_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="DLCOURSE_TEST_DATA does not name the folder with the real sets")
RANDOM = np.random.RandomState(0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCOURSE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def offline(monkeypatch):
    def refuse(*args, **options):
        raise urllib.error.URLError(OSError(101, "Network is unreachable"))

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setitem(sys.modules, "datasets", None)  # not installed


def md5(data):
    return hashlib.md5(data).hexdigest()


# ---- MNIST and Fashion-MNIST


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.astype(np.uint8).tobytes()


def scans(count=20, tests=10, labels=None):
    """The four files of a small MNIST."""
    made = {}
    for part, n in (("train", count), ("t10k", tests)):
        made[f"{part}-images-idx3-ubyte"] = idx(RANDOM.randint(0, 256, (n, 28, 28)))
        made[f"{part}-labels-idx1-ubyte"] = idx(np.arange(n) % 10 if labels is None else np.full(n, labels))
    return made


def put(place, files, packed=False):
    place.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (place / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)
    return place


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "kind"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_scans_open_from_torchvisions_folder_packed_or_not(folder, name, kind, packed):
    files = scans()
    put(folder / kind / "raw", files, packed)
    made = real.make(name)
    train = made["train"]
    assert (train["inputs"].shape, train["inputs"].dtype) == ((20, 1, 28, 28), torch.uint8)
    assert train["inputs"].numpy().tobytes() == files["train-images-idx3-ubyte"][16:]
    assert train["labels"].tolist() == [i % 10 for i in range(20)]
    assert train["labels"].dtype == torch.int64
    assert made["test"]["inputs"].shape == (10, 1, 28, 28)
    assert len(made["classes"]) == 10
    assert made["note"] == "a subset: 20 + 10 of 60,000 + 10,000 images"
    train["inputs"].zero_()  # may be written
    assert real.make(name)["train"]["inputs"].any()


def test_packed_files_are_unpacked_once_and_read_where_nothing_can_be_written(folder, monkeypatch):
    place = put(folder / "MNIST" / "raw", scans(), packed=True)
    monkeypatch.setattr(download.os, "fsync", lambda number: (_ for _ in ()).throw(OSError(28, "full")))
    assert len(real.make("mnist")["train"]["labels"]) == 20
    assert len(list(place.iterdir())) == 4
    monkeypatch.undo()
    monkeypatch.setenv("DLCOURSE_DATA", str(folder))
    real.make("mnist")
    assert len(list(place.iterdir())) == 8


@pytest.mark.parametrize("below", ["", "MNIST/raw"])
def test_a_path_is_the_folder_above_or_the_files_own(tmp_path, below):
    put(tmp_path / "mine" / "MNIST" / "raw", scans())
    assert len(real.make("mnist", path=tmp_path / "mine" / below)["train"]["labels"]) == 20


def test_a_path_without_the_files_is_refused_and_nothing_is_downloaded(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "fetch", None)
    with pytest.raises(
        ValueError, match=r"has no train-images-idx3-ubyte, nor .*gz: pass the folder that holds MNIST/raw"
    ):
        real.make("mnist", path=tmp_path)
    with pytest.raises(ValueError, match="has no data_batch_1: pass the folder that holds cifar-10-batches-py"):
        real.make("cifar10", path=tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_named(folder, packed):
    place = put(folder / "MNIST" / "raw", scans(), packed)
    file = place / ("t10k-images-idx3-ubyte" + ".gz" * packed)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(
        ValueError, match=r"t10k-images-idx3-ubyte \(or its .gz\) is damaged .*: delete it and load again"
    ):
        real.make("mnist")


def test_labels_that_are_no_classes_are_refused(folder):
    put(folder / "MNIST" / "raw", scans(labels=10))
    with pytest.raises(ValueError, match=r"the train part of mnist in .* N labels of 0 to 9"):
        real.make("mnist")


def test_as_many_labels_as_images_are_awaited(folder):
    files = scans()
    files["train-labels-idx1-ubyte"] = idx(np.zeros(19))
    put(folder / "MNIST" / "raw", files)
    with pytest.raises(
        ValueError, match=r"images \(20, 1, 28, 28\) and labels \(19,\): awaited are bytes \(N, 1, 28, 28\)"
    ):
        real.make("mnist")


def test_mnist_comes_from_torchvisions_addresses_with_torchvisions_checksums(folder, server, monkeypatch):  # noqa: F811
    datasets = pytest.importorskip("torchvision.datasets")
    packed = {f"{name}.gz": gzip.compress(data) for name, data in scans().items()}
    server.files.update({f"/good/{name}": data for name, data in packed.items()})
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{server.url}/missing/", f"{server.url}/good/"])
    monkeypatch.setattr(datasets.MNIST, "resources", [(name, md5(data)) for name, data in packed.items()])
    made = real.make("mnist")
    assert len(made["train"]["labels"]) == 20
    assert len(server.asked) == 8
    theirs = datasets.MNIST(folder, train=False)  # torchvision finds it there
    assert torch.equal(theirs.data, made["test"]["inputs"][:, 0])
    assert real.make("mnist")["test"]["labels"].tolist() == theirs.targets.tolist()
    assert len(server.asked) == 8


@pytest.mark.parametrize(
    ("name", "place", "file", "instead"),
    [
        ("mnist", "MNIST/raw", "t10k-labels-idx1-ubyte.gz", "digits"),
        ("fashion_mnist", "FashionMNIST/raw", "t10k-labels-idx1-ubyte.gz", "glyphs"),
        ("cifar10", "", "cifar-10-python.tar.gz", "glyphs"),
    ],
)
def test_offline_the_error_says_what_goes_where_and_what_serves_instead(folder, offline, name, place, file, instead):
    pytest.importorskip("torchvision")
    with pytest.raises(Missing) as caught:
        real.make(name)
    said = str(caught.value)
    assert said.startswith(f"load: {name} has to be downloaded")
    assert said.count("Network is unreachable") >= 2
    assert f"{file} into {folder / place} by hand, or take load('{instead}'), which is embedded" in said


# ---- CIFAR-10


def batch(count, protocol=2, **changes):
    data = RANDOM.randint(0, 256, (count, 3072)).astype(np.uint8)
    return pickle.dumps({"data": data, "labels": [i % 10 for i in range(count)]} | changes, protocol)


def cifar(place, batches=1, **options):
    files = {f"data_batch_{i + 1}": batch(10, **options) for i in range(batches)}
    kinds = [f"kind {k}" for k in range(10)]
    return put(place, files | {"test_batch": batch(20), "batches.meta": pickle.dumps({"label_names": kinds}, 2)})


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_cifar_opens_from_a_subset_with_fewer_batches(tmp_path, protocol):
    place = cifar(tmp_path / "cifar-10-batches-py", batches=2, protocol=protocol)
    for path in (place, place.parent):
        made = real.make("cifar10", path=path)
        assert (made["train"]["inputs"].shape, made["train"]["inputs"].dtype) == ((20, 3, 32, 32), torch.uint8)
        assert made["test"]["labels"].tolist() == [*range(10), *range(10)]
        assert made["classes"][3] == "kind 3"
        assert made["note"] == "a subset: 20 + 20 of 50,000 + 10,000 images"


def test_without_a_path_all_of_cifar_is_awaited(folder, offline):
    pytest.importorskip("torchvision")
    cifar(folder / "cifar-10-batches-py")
    with pytest.raises(Missing):
        real.make("cifar10")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


@pytest.mark.parametrize("content", [pickle.dumps(Evil(), 2), pickle.dumps({"data": os.getcwd}, 2), b"", b"junk"])
def test_a_pickle_that_would_run_something_is_refused_and_not_run(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    place = cifar(tmp_path / "cifar-10-batches-py")
    (place / "test_batch").write_bytes(content)
    with pytest.raises(ValueError, match=r"test_batch is damaged \(.+\): delete it and load again"):
        real.make("cifar10", path=place)
    assert not Path("evil").exists()


def test_a_name_in_a_pickle_means_what_we_know_whatever_module_it_claims():
    assert real._Plain(io.BytesIO(b"cbase64\nencode\n.")).load() is codecs.encode


@pytest.mark.parametrize("changes", [{"data": np.zeros((10, 3000), np.uint8)}, {"labels": None}, {"data": [1]}])
def test_batches_of_another_shape_are_refused(tmp_path, changes):
    place = cifar(tmp_path, **changes)
    with pytest.raises(ValueError, match=r"data_batch_1 and what lies beside it are no batches of CIFAR-10"):
        real.make("cifar10", path=place)


def test_cifar_is_unpacked_from_torchvisions_archive(folder, server, monkeypatch):  # noqa: F811
    datasets = pytest.importorskip("torchvision.datasets")
    source = cifar(folder.parent / "source" / "cifar-10-batches-py", batches=5)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(source, arcname=source.name)
    server.files["/good"] = archive.getvalue()
    monkeypatch.setattr(datasets.CIFAR10, "url", f"{server.url}/good")
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(archive.getvalue()))
    made = real.make("cifar10")
    assert len(made["train"]["labels"]) == 50
    assert sorted(p.name for p in folder.rglob("*")) == sorted(
        ["cifar-10-batches-py", "cifar-10-python.tar.gz", *(p.name for p in source.iterdir())]
    )
    assert torch.equal(real.make("cifar10")["train"]["inputs"], made["train"]["inputs"])
    assert server.asked == ["/good"]


# ---- a folder of pictures


def picture(file, size=(40, 30), colour=(200, 100, 50), **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(file, **options)


def pictures(root, counts, end="png"):
    for name, count in counts.items():
        for i in range(count):
            picture(root / name / f"{i:02d}.{end}", colour=(i, 0, 0))
    return root


def test_a_folder_is_cut_in_every_class_and_each_picture_comes_once(tmp_path):
    made = real.make("folder", path=pictures(tmp_path / "p", {"cat": 10, "dog": 20}), size=8)
    assert made["classes"] == ("cat", "dog")
    assert made["train"]["inputs"].shape == (24, 3, 8, 8)
    assert made["test"]["labels"].bincount().tolist() == [2, 4]
    files = made["train"]["more"]["files"] + made["test"]["more"]["files"]
    assert len(set(files)) == 30
    for part in (made["train"], made["test"]):
        for pixels, label, file in zip(part["inputs"], part["labels"], part["more"]["files"], strict=True):
            assert Path(file).parent.name == made["classes"][label]
            assert pixels[0, 0, 0] == int(Path(file).stem)  # the right picture in the right place


@pytest.mark.parametrize("name", ["test", "val", "valid", "validation"])
def test_a_test_folder_is_taken_as_it_is(tmp_path, name):
    pictures(tmp_path / "train", {"cat": 3, "dog": 2})
    pictures(tmp_path / name, {"cat": 1, "dog": 1})
    made = real.make("folder", path=tmp_path, size=4)
    assert (len(made["train"]["labels"]), len(made["test"]["labels"])) == (5, 2)
    assert made["train"]["labels"].tolist() == [0, 0, 0, 1, 1]


def test_a_train_folder_alone_is_cut(tmp_path):
    pictures(tmp_path / "train", {"cat": 5, "dog": 5})
    made = real.make("folder", path=tmp_path, size=4)
    assert (len(made["train"]["labels"]), len(made["test"]["labels"])) == (8, 2)


@pytest.mark.parametrize(("size", "shape"), [(10, (10, 10)), ((6, 12), (6, 12)), ([12, 6], (12, 6))])
def test_the_shorter_side_is_scaled_and_the_middle_is_kept(tmp_path, size, shape):
    image = Image.new("RGB", (80, 40))
    image.paste((255, 255, 255), (20, 0, 60, 40))  # white in the middle square
    for name in ("a/1.png", "a/2.png"):
        (tmp_path / "a").mkdir(exist_ok=True)
        image.save(tmp_path / name)
    pixels = real.make("folder", path=tmp_path, size=size)["train"]["inputs"]
    assert pixels.shape == (1, 3, *shape)
    assert pixels[..., shape[1] // 2].min() == 255
    if shape[0] >= shape[1]:
        assert pixels.float().mean() > 240
    else:
        assert pixels[..., 0].max() == 0


def test_the_pixels_are_nearly_those_of_torchvision(tmp_path):
    transforms, datasets = pytest.importorskip("torchvision.transforms"), pytest.importorskip("torchvision.datasets")
    noise = Image.fromarray(RANDOM.randint(0, 256, (6, 8, 3)).astype(np.uint8)).resize(
        (120, 90), Image.Resampling.BICUBIC
    )
    for name in "ab":
        (tmp_path / "train" / name).mkdir(parents=True)
        noise.save(tmp_path / "train" / name / "1.png")
        pictures(tmp_path / "test", {name: 1})
    ours = real.make("folder", path=tmp_path, size=48)["train"]["inputs"]
    steps = transforms.Compose([transforms.Resize(48), transforms.CenterCrop(48), transforms.PILToTensor()])
    theirs = datasets.ImageFolder(tmp_path / "train", steps)
    assert theirs.classes == ["a", "b"]
    assert (ours[1].float() - theirs[1][0].float()).abs().mean() < 2


def test_photographs_are_turned_upright_and_other_kinds_become_rgb(tmp_path):
    lying = Image.new("RGB", (40, 20))
    lying.paste((255, 255, 255), (0, 0, 20, 20))  # left half white
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise: the left becomes the top
    for i in range(2):
        (tmp_path / "lying").mkdir(exist_ok=True)
        lying.save(tmp_path / "lying" / f"{i}.png", exif=exif)
        (tmp_path / "grey").mkdir(exist_ok=True)
        lying.convert("L").save(tmp_path / "grey" / f"{i}.gif.png")
    made = real.make("folder", path=tmp_path, size=(20, 10))["train"]
    turned = made["inputs"][made["labels"] == 1][0]
    assert turned[:, 2].min() > 250
    assert turned[:, -2].max() < 5
    assert made["inputs"].shape[1] == 3


def test_the_second_opening_reads_no_picture_and_a_changed_one_is_read_again(tmp_path, monkeypatch):
    root = pictures(tmp_path / "p", {"cat": 4}, end="bmp")  # of the same length whatever they show
    first = real.make("folder", path=root, size=8)
    monkeypatch.setattr(real, "_picture", None)
    again = real.make("folder", path=root, size=8)
    assert torch.equal(again["train"]["inputs"], first["train"]["inputs"])
    monkeypatch.undo()
    monkeypatch.setenv("DLCOURSE_DATA", str(tmp_path / "data"))
    for file in (root / "cat").iterdir():
        picture(file, colour=(0, 255, 0))
        os.utime(file, (0, 1))
    assert real.make("folder", path=root, size=8)["train"]["inputs"][:, 1].min() == 255


def test_leavings_of_jupyter_and_macos_are_no_classes_and_no_pictures(tmp_path):
    root = pictures(tmp_path, {"cat": 2})
    pictures(tmp_path, {".ipynb_checkpoints": 1, "__MACOSX": 1})
    (root / "cat" / "._00.png").write_bytes(b"junk")
    (root / "cat" / "notes.txt").write_text("words")
    made = real.make("folder", path=root, size=4)
    assert made["classes"] == ("cat",)
    assert len(made["train"]["labels"]) + len(made["test"]["labels"]) == 2


@pytest.mark.parametrize("damage", ["cut short", "no picture", "empty"])
def test_a_picture_that_cannot_be_read_is_named(tmp_path, damage, capfd):
    root = pictures(tmp_path, {"cat": 3}, end="jpg")
    file = root / "cat" / "01.jpg"
    data = file.read_bytes()
    file.write_bytes({"cut short": data[: len(data) // 2], "no picture": b"words" * 99, "empty": b""}[damage])
    with pytest.raises(
        ValueError, match=r"load: .*01.jpg cannot be read \(.+\): save it again as .jpg or .png, or remove it"
    ):
        real.make("folder", path=root, size=8)
    assert capfd.readouterr().err == ""


def test_warnings_about_a_picture_are_not_shown(tmp_path, monkeypatch):
    root = pictures(tmp_path, {"cat": 2})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # of 40 x 30: PIL warns of large ones
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert real.make("folder", path=root, size=8)["train"]["inputs"].shape == (1, 3, 8, 8)


def refused(match, **options):
    with pytest.raises(ValueError, match=match):
        real.make("folder", **options)


def test_what_is_no_such_folder_is_refused_by_its_name(tmp_path):
    refused("folder needs a path")
    refused("there is no folder .*nowhere: pass one", path=tmp_path / "nowhere")
    refused("holds no folders: put the pictures of each class in a folder", path=tmp_path)
    root = pictures(tmp_path, {"cat": 2, "dog": 1})
    refused("the class 'dog' has one picture: two are needed", path=root)
    (root / "empty").mkdir()
    refused("empty holds no pictures .*put some in, or remove the folder", path=root)


def test_train_and_test_must_have_the_same_classes(tmp_path):
    pictures(tmp_path / "train", {"cat": 2, "dog": 2})
    pictures(tmp_path / "val", {"cat": 2, "dogs": 2})
    refused("train and .*val have different classes, such as 'dog'", path=tmp_path)


@pytest.mark.parametrize("size", [0, -1, (8,), (8, 0), (8, 8, 3), 2.5, "8"])
def test_a_size_that_is_none_is_refused(tmp_path, size):
    refused(r"size is .*: pass pixels, such as 224, or \(height, width\)", path=tmp_path, size=size)


def test_too_much_memory_is_refused_before_a_picture_is_read(tmp_path, monkeypatch):
    root = pictures(tmp_path, {"cat": 5})
    monkeypatch.setattr(real, "_picture", None)
    refused(
        r"5 pictures of 20000 x 20000 fill 6.0 GB of memory, more than 4: "
        r"pass size=16329, or gigabytes=6 if you have as many",
        path=root,
        size=20_000,
    )


# ---- texts from files


def write(file, content, packed=False):
    file.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    file.write_bytes(gzip.compress(data) if packed else data)
    return file


def test_any_text_is_cut_at_nine_tenths(tmp_path):
    made = texts.make("shakespeare", path=write(tmp_path / "book.txt", "0123456789" * 10))
    assert made["train"] == {"inputs": ("0123456789" * 9,), "labels": ("",)}
    assert made["test"] == {"inputs": ("0123456789",), "labels": ("",)}
    assert made["classes"] == ()


def test_surnames_come_from_a_file_for_each_language(tmp_path):
    write(tmp_path / "Czech.txt", "".join(f"Czech{i}\n" for i in range(20)))
    write(tmp_path / "French.txt", "\n".join(f" Ñ{i} " for i in range(20)) + "\n\n")
    made = texts.make("surnames", path=tmp_path)
    assert made["classes"] == ("Czech", "French")
    assert made["train"]["labels"].dtype == torch.int64
    assert made["test"]["labels"].bincount().tolist() == [2, 2]
    for part in (made["train"], made["test"]):
        assert all(name[0] == "CÑ"[k] and name == name.strip() for name, k in zip(*part.values(), strict=True))


def test_a_text_that_comes_several_times_is_on_one_side_only(tmp_path):
    write(tmp_path / "A.txt", "\n".join(f"name{i % 30}" for i in range(300)))
    write(tmp_path / "B.txt", "\n".join(f"name{i}" for i in range(20, 60)))
    made = texts.make("surnames", path=tmp_path)
    train, test = set(made["train"]["inputs"]), set(made["test"]["inputs"])
    assert not train & test
    assert len(train | test) == 60
    assert len(made["train"]["inputs"]) + len(made["test"]["inputs"]) == 340


def test_first_names_are_documents_without_titles(tmp_path):
    made = texts.make("first_names", path=write(tmp_path / "names.txt", "\n".join(f"name{i}" for i in range(30))))
    assert (len(made["train"]["inputs"]), len(made["test"]["inputs"])) == (27, 3)
    assert set(made["train"]["labels"]) == {""}


def test_sst2_adds_its_validation_part_to_train(tmp_path):
    for part, count in (("train", 3), ("dev", 2), ("test", 1)):
        write(tmp_path / f"{part}.tsv", "".join(f"{part} {i}\t{i % 2}\r\n" for i in range(count)))
    made = texts.make("sst2", path=tmp_path)
    assert made["train"]["inputs"] == ("train 0", "train 1", "train 2", "dev 0", "dev 1")
    assert made["train"]["labels"].tolist() == [0, 1, 0, 0, 1]
    assert made["test"]["inputs"] == ("test 0",)
    assert made["classes"] == ("negative", "positive")


def test_a_message_may_hold_tabs_and_quotes(tmp_path):
    lines = ["ham\tHello", 'spam\t "Win" a\tprize ', *(f"ham\t{i}" for i in range(18))]
    made = texts.make("sms_spam", path=write(tmp_path / "sms.tsv", "\ufeff" + "\n".join(lines)))
    rows = dict(
        zip(
            made["train"]["inputs"] + made["test"]["inputs"],
            torch.cat([made["train"]["labels"], made["test"]["labels"]]).tolist(),
            strict=True,
        )
    )
    assert rows['"Win" a\tprize'] == 1
    assert rows["Hello"] == 0
    assert len(rows) == 20


def news(count):
    return "".join(f'"{i % 4 + 1}","Title {i}","A ""quote"" and\\a line"\n' for i in range(count))


def test_ag_news_joins_title_and_text(tmp_path):
    write(tmp_path / "train.csv", news(8))
    write(tmp_path / "test.csv", news(4))
    made = texts.make("ag_news", path=tmp_path)
    assert made["train"]["inputs"][5] == 'Title 5 A "quote" and a line'
    assert made["test"]["labels"].tolist() == [0, 1, 2, 3]
    assert "note" not in made
    assert made["licence"] == "non-commercial use"


def test_the_test_half_of_ag_news_alone_is_cut_and_says_so(tmp_path):
    write(tmp_path / "test.csv", news(80))
    made = texts.make("ag_news", path=tmp_path)
    assert made["test"]["labels"].bincount().tolist() == [2, 2, 2, 2]
    assert len(made["train"]["labels"]) == 72
    assert made["note"].startswith("only the test half of the set, 80 news")


def reviews(file, count=3, **more):
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:gz") as archive:
        for part in ("train", "test"):
            for k, kind in enumerate(("neg", "pos", "unsup")):
                for i in range(count):
                    data = f"{part} {kind} é {i}".encode()
                    about = tarfile.TarInfo(f"aclImdb/{part}/{kind}/{i}_{9 * k}.txt")
                    about.size = len(data)
                    archive.addfile(about, io.BytesIO(data))
    return file


def test_imdb_is_read_from_its_archive_once(tmp_path, monkeypatch):
    file = reviews(tmp_path / "aclImdb_v1.tar.gz")
    made = texts.make("imdb", path=tmp_path)
    assert made["train"]["inputs"] == tuple(f"train {kind} é {i}" for kind in ("neg", "pos") for i in range(3))
    assert made["test"]["labels"].tolist() == [0, 0, 0, 1, 1, 1]
    monkeypatch.setattr(texts, "_reviews", lambda file: pytest.fail("read again"))
    again = texts.make("imdb", path=file)
    assert again["train"]["inputs"] == made["train"]["inputs"]
    assert torch.equal(again["test"]["labels"], made["test"]["labels"])


ARTICLES = " \n = First = \n \n Text of it = so = . \n = no title = \n \n = = Part = = \n \n More . \n \n = Second ( a ) = \n \n Last . \n"


def test_wikitext_is_cut_into_articles_with_titles(tmp_path):
    for part in ("train", "valid", "test"):
        write(tmp_path / f"{part}.txt", ARTICLES)
    made = texts.make("wikitext2", path=tmp_path)
    assert made["train"]["labels"] == ("First", "Second ( a )") * 2
    assert made["test"]["inputs"][1] == "= Second ( a ) = \n \n Last ."
    assert " ".join(made["test"]["inputs"]).split() == ARTICLES.split()  # no token is lost
    (tmp_path / "train.txt").unlink()
    made = texts.make("wikitext2", path=tmp_path)
    assert len(made["train"]["inputs"]) == 2
    assert "only one of train.txt and valid.txt" in made["note"]


def test_sentences_are_read_from_an_archive_or_a_file_with_or_without_a_third_column(tmp_path):
    lines = "".join(f"Go {i}.\tVe {i}.{'	by somebody' if i % 2 else ''}\n" for i in range(20)) + "Go 1.\tVaya.\n"
    file = write(tmp_path / "spa.txt", lines)
    made = texts.make("english_spanish", path=file)
    assert len(made["train"]["inputs"]) + len(made["test"]["inputs"]) == 21
    assert not set(made["train"]["inputs"]) & set(made["test"]["inputs"])
    assert all(a.replace("Go", "Ve") == b or b == "Vaya." for a, b in zip(*made["train"].values(), strict=True))
    with zipfile.ZipFile(tmp_path / "spa-eng.zip", "w") as archive:
        archive.writestr("spa-eng/spa.txt", lines)
    assert texts.make("english_spanish", path=tmp_path)["train"] == made["train"]


def captions(place, count=4, drop=()):
    for part in ("train", "val", "test_2016_flickr"):
        for language in {"en", "de", "fr"} - set(drop):
            lines = "".join(f"{language} {part} {i} \n" for i in range(count))
            write(place / f"{part}.{language}.gz", lines, packed=True)
    return place


def test_captions_are_paired_in_the_languages_that_are_asked_for(tmp_path):
    made = texts.make("multi30k", path=captions(tmp_path))
    assert made["train"]["inputs"][4] == "en val 0"
    assert made["train"]["labels"][4] == "de val 0"
    assert len(made["test"]["inputs"]) == 4
    assert texts.make("multi30k", path=tmp_path, languages=("fr", "en"))["test"]["inputs"][0] == "fr test_2016_flickr 0"
    for languages in (("en", "es"), ("en", "en"), ("en",)):
        with pytest.raises(ValueError, match=r"load: languages are .*: pass two of en, de, fr, such as \('en', 'de'\)"):
            texts.make("multi30k", path=tmp_path, languages=languages)


def test_captions_that_are_not_each_others_are_refused(tmp_path):
    captions(tmp_path)
    write(tmp_path / "val.de.gz", "one\ntwo\n", packed=True)
    with pytest.raises(ValueError, match=r"val.en.gz has 4 lines and val.de.gz 2: each line must be the translation"):
        texts.make("multi30k", path=tmp_path)


# ---- lines that do not parse, files that are none


@pytest.mark.parametrize(
    ("name", "file", "content", "said"),
    [
        ("sst2", "train.tsv", "good\t1\nbad\t2\n", r"train.tsv, line 2 is 'bad\\t2': awaited is a sentence, a tab, and 0"),
        ("sst2", "train.tsv", "good\t1\n\nbad\t0\n", r"train.tsv, line 2 is '': awaited is a sentence"),
        ("sms_spam", "sms.tsv", "ham\thi\nhi\n", r"sms.tsv, line 2 is 'hi': awaited is ham or spam, a tab, and a message"),
        ("ag_news", "test.csv", '"1","a","b"\n"5","a","b"\n', r"test.csv, line 2 is '5,a,b': awaited is a class of 1 to 4"),
        ("ag_news", "test.csv", '"1","a"\n', r"test.csv, line 1 is '1,a': awaited is"),
        ("english_spanish", "spa.txt", "Go.\tVe.\nGo.\n", r"spa.txt, line 2 is 'Go.': awaited is English, a tab, and Spanish"),
        ("first_names", "names.txt", "ada\n\nbob\n", r"names.txt, line 2 is '': awaited is a name"),
        ("surnames", "Czech.txt", "Adam\n \nBan\n", r"Czech.txt, line 2 is ' ': awaited is a name"),
        ("first_names", "names.txt", b"ada\nb\xff\n", r"names.txt, line 2: this is not UTF-8: save the file with that encoding"),
        ("first_names", "names.txt", "", r"names.txt is empty"),
        ("shakespeare", "input.txt", "", r"input.txt is empty"),
        ("english_spanish", "spa-eng.zip", b"junk", r"spa-eng.zip is damaged \(.+\): delete it and load again"),
        ("multi30k", "train.en.gz", b"junk", r"train.en.gz is damaged \(.+\): delete it and load again"),
        ("imdb", "aclImdb_v1.tar.gz", b"junk", r"aclImdb_v1.tar.gz is damaged \(.+\): delete it and load again"),
    ],
)  # fmt: skip
def test_what_does_not_parse_is_named_with_file_and_line(tmp_path, name, file, content, said):
    write(tmp_path / file, content)
    with pytest.raises(ValueError, match="load: .*" + said):
        texts.make(name, path=tmp_path)


@pytest.mark.parametrize("name", sorted(texts._SETS))
def test_a_path_without_the_files_is_refused_for_texts_too(tmp_path, name, monkeypatch):
    monkeypatch.setattr(download, "fetch", None)
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=r"load: (there is no|.* holds no) "):
            texts.make(name, path=path)


def test_archives_without_what_is_awaited_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "spa-eng.zip", "w") as archive:
        archive.writestr("other.txt", "")
    with pytest.raises(ValueError, match=r"spa-eng.zip is damaged \(it holds no spa.txt\)"):
        texts.make("english_spanish", path=tmp_path)
    reviews(tmp_path / "aclImdb_v1.tar.gz", count=0)
    with pytest.raises(ValueError, match=r"holds no aclImdb/train/pos/0_9.txt"):
        texts.make("imdb", path=tmp_path)


# ---- texts from the network


@pytest.mark.parametrize("name", sorted(texts._SETS))
def test_offline_each_text_set_says_what_goes_where_and_what_serves_instead(folder, offline, name):
    about = texts._SETS[name]
    with pytest.raises(Missing) as caught:
        texts.make(name)
    said = str(caught.value)
    assert said.startswith(f"load: {name} has to be downloaded")
    assert f"ut {', '.join(about.files)} into {folder / 'text' / about.folder} by hand" in said
    assert f"or take load('{about.instead}'), which is embedded" in said
    assert ("pip install datasets" in said) == (name in texts._HUB)
    assert not folder.exists()


def test_a_text_is_downloaded_once_to_where_it_is_looked_for(folder, server, monkeypatch):  # noqa: F811
    text = b"All: Speak, speak.\n" * 9
    files = {"input.txt": (md5(text), [f"{server.url}/missing", f"{server.url}/good"])}
    server.files["/good"] = text
    monkeypatch.setitem(texts._SETS, "shakespeare", texts._SETS["shakespeare"]._replace(files=files))
    for _ in range(2):
        made = texts.make("shakespeare")
    assert made["train"]["inputs"][0] + made["test"]["inputs"][0] == text.decode()
    assert server.asked == ["/missing", "/good"]
    assert (folder / "text" / "tinyshakespeare" / "input.txt").read_bytes() == text


def test_a_smaller_set_that_is_there_serves_without_a_download(folder, offline):
    write(folder / "text" / "ag_news" / "test.csv", news(80))
    assert len(texts.make("ag_news")["train"]["labels"]) == 72
    write(folder / "text" / "names" / "Czech.txt", "Adam\n")
    with pytest.raises(Missing, match=r"no address gave Arabic.txt"):  # one of eighteen is an interrupted download
        texts.make("surnames")


def test_every_address_has_a_checksum_whose_kind_is_known():
    for about in texts._SETS.values():
        for checksum, addresses in about.files.values():
            assert not addresses or len(checksum) in download._KINDS
            assert all(address.startswith("https://") for address in addresses)
            assert len(addresses) != 1


def hub(monkeypatch, parts):
    """A stand-in for the hub's library, which writes to stderr as that does."""

    def load_dataset(*address):
        print("Generating train split", file=sys.stderr)
        asked.append(address)
        if isinstance(parts, Exception):
            raise parts
        return parts

    asked, fake = [], types.ModuleType("datasets")
    fake.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", fake)
    return asked


HUB = {
    "sst2": ({"train": {"text": ["a "], "label": [1]}, "validation": {"text": ["b"], "label": [0]}, "test": {"text": ["c"], "label": [0]}}, ("a", "b")),
    "ag_news": ({"train": {"text": ["A\\b"], "label": [3]}, "test": {"text": ["c"], "label": [0]}}, ("A b",)),
    "imdb": ({"train": {"text": ["a"], "label": [1]}, "test": {"text": ["c"], "label": [0]}}, ("a",)),
    "multi30k": ({part: {"en": [f"{part}"], "de": ["ein"]} for part in ("train", "validation", "test")}, ("train", "validation")),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HUB))
def test_the_hub_serves_where_no_address_does(offline, monkeypatch, capfd, name):
    parts, inputs = HUB[name]
    asked = hub(monkeypatch, parts)
    made = texts.make(name)
    assert made["train"]["inputs"] == inputs
    assert asked == [texts._HUB[name][0]]
    assert made["note"].startswith(f"from the hub's {asked[0][0]}")
    assert made["classes"] == texts._SETS[name].classes
    assert made["licence"] == texts._SETS[name].licence
    assert capfd.readouterr().err == ""


def test_the_hubs_messages_are_cut_here(offline, monkeypatch):
    hub(monkeypatch, {"train": {"sms": [f"text {i}\n" for i in range(20)], "label": [0, 1] * 10}})
    made = texts.make("sms_spam")
    assert made["test"]["labels"].bincount().tolist() == [1, 1]
    assert all(text == text.strip() for text in made["train"]["inputs"])


def test_the_hubs_lines_become_articles(offline, monkeypatch):
    lines = ["" if line == " \n" else line for line in ARTICLES.splitlines(keepends=True)]
    hub(monkeypatch, {part: {"text": lines} for part in ("train", "validation", "test")})
    made = texts.make("wikitext2")
    assert made["train"]["labels"] == ("First", "Second ( a )") * 2
    assert " ".join(made["test"]["inputs"]).split() == ARTICLES.split()


def test_the_hubs_captions_have_two_languages(offline, monkeypatch):
    hub(monkeypatch, HUB["multi30k"][0])
    assert texts.make("multi30k", languages=("de", "en"))["test"]["labels"] == ("test",)
    with pytest.raises(ValueError, match="pass two of en, de, such as"):
        texts.make("multi30k", languages=("en", "fr"))


@pytest.mark.parametrize("parts", [ConnectionError("the hub is asleep"), {"train": {"text": ["a"]}}])
def test_a_hub_that_fails_is_named_beside_the_addresses(offline, monkeypatch, parts):
    hub(monkeypatch, parts)
    with pytest.raises(Missing) as caught:
        texts.make("imdb")
    assert "Network is unreachable" in str(caught.value)
    assert "The hub's stanfordnlp/imdb could not be had either: " in str(caught.value)


# ---- the real files


@pytest.fixture
def real_data(folder):
    """The real sets, with a place for what is made from them that is not theirs."""
    folder.mkdir()
    for path in Path(REAL).iterdir():
        (folder / path.name).symlink_to(path)
    return folder


@needs_real
@pytest.mark.parametrize(
    ("name", "kind", "counts", "mean"),
    [
        ("mnist", "MNIST", [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949], 0.1307),  # known figures
        ("fashion_mnist", "FashionMNIST", [6000] * 10, 0.2860),
    ],
)
def test_real_scans_are_those_that_torchvision_reads(real_data, name, kind, counts, mean, monkeypatch):
    datasets = pytest.importorskip("torchvision.datasets")
    made = real.make(name)
    assert made["train"]["inputs"].shape == (60_000, 1, 28, 28)
    assert made["test"]["inputs"].shape == (10_000, 1, 28, 28)
    assert made["train"]["labels"].bincount().tolist() == counts
    assert made["train"]["inputs"].float().mean() / 255 == pytest.approx(mean, abs=1e-4)
    assert "note" not in made
    for role, train in (("train", True), ("test", False)):
        theirs = getattr(datasets, kind)(real_data, train=train)
        assert torch.equal(made[role]["inputs"][:, 0], theirs.data)
        assert torch.equal(made[role]["labels"], theirs.targets)
    for file, checksum in getattr(datasets, kind).resources:
        assert md5((real_data / kind / "raw" / file).read_bytes()) == checksum
    if name == "fashion_mnist":
        assert list(made["classes"]) == datasets.FashionMNIST.classes


@needs_real
def test_real_scans_open_from_the_packed_files(tmp_path, monkeypatch):
    place = tmp_path / "MNIST" / "raw"
    place.mkdir(parents=True)
    for file in (Path(REAL) / "MNIST" / "raw").glob("*.gz"):
        (place / file.name).symlink_to(file)
    packed = real.make("mnist", path=tmp_path)
    assert torch.equal(packed["train"]["inputs"], real.make("mnist", path=REAL)["train"]["inputs"])


@needs_real
def test_the_real_subset_of_cifar():
    made = real.make("cifar10", path=Path(REAL) / "CIFAR10-subset")
    assert made["train"]["inputs"].shape == (10_000, 3, 32, 32)
    assert made["train"]["labels"].bincount().tolist() == [1000] * 10
    assert made["test"]["labels"].bincount().tolist() == [200] * 10
    assert made["classes"] == tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
    assert made["note"] == "a subset: 10,000 + 2,000 of 50,000 + 10,000 images"
    mean = made["train"]["inputs"].float().mean((0, 2, 3)) / 255
    assert mean.tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=0.01)  # the known means of the whole set


@needs_real
def test_the_real_ants_and_bees(real_data):
    started = time.process_time()
    made = real.make("folder", path=real_data / "hymenoptera_data", size=96)
    first = time.process_time() - started
    assert made["classes"] == ("ants", "bees")
    assert made["train"]["labels"].bincount().tolist() == [123, 121]
    assert made["test"]["labels"].bincount().tolist() == [70, 83]
    assert made["train"]["inputs"].shape == (244, 3, 96, 96)
    started = time.process_time()
    again = real.make("folder", path=real_data / "hymenoptera_data", size=96)
    assert time.process_time() - started < first / 5
    assert torch.equal(again["train"]["inputs"], made["train"]["inputs"])


COUNTS = {  # name: train, test, classes
    "shakespeare": (1, 1, 0),
    "surnames": (18_003, 2_047, 18),
    "first_names": (28_796, 3_237, 0),
    "sst2": (6_920 + 872, 1_821, 2),
    "sms_spam": (5_024, 550, 2),
    "ag_news": (6_840, 760, 4),
    "wikitext2": (60, 60, 0),
    "english_spanish": (107_052, 11_912, 0),
    "multi30k": (29_000 + 1_014, 1_000, 0),
}
WHOLE = {"surnames": 20_050, "first_names": 32_033, "sms_spam": 5_574, "ag_news": 7_600, "english_spanish": 118_964}


@needs_real
@pytest.mark.parametrize("name", sorted(COUNTS))
def test_real_texts_have_their_counts(real_data, name, offline):
    made = texts.make(name)
    train, test = made["train"], made["test"]
    assert (len(train["inputs"]), len(test["inputs"]), len(made["classes"])) == COUNTS[name]
    assert len(train["inputs"]) + len(test["inputs"]) == WHOLE.get(name, sum(COUNTS[name][:2]))
    for part in (train, test):
        assert len(part["inputs"]) == len(part["labels"])
        assert all(isinstance(text, str) and text for text in part["inputs"])
    if made["classes"]:
        assert set(train["labels"].tolist()) == set(test["labels"].tolist()) == set(range(len(made["classes"])))
    if name in WHOLE:
        assert not set(train["inputs"]) & set(test["inputs"])


@needs_real
def test_known_facts_about_the_real_texts(real_data, offline):
    plays = texts.make("shakespeare")
    whole = plays["train"]["inputs"][0] + plays["test"]["inputs"][0]
    assert (len(whole), len(set(whole)), len(plays["train"]["inputs"][0])) == (1_115_394, 65, 1_003_854)
    messages = texts.make("sms_spam")
    assert sum(int(messages[part]["labels"].sum()) for part in ("train", "test")) == 747
    articles = texts.make("wikitext2")
    assert sum(len(text.split()) for text in articles["train"]["inputs"]) == 213_886
    assert sum(len(text.split()) for text in articles["test"]["inputs"]) == 241_211
    assert articles["train"]["labels"][0] == "Homarus gammarus"
    french = texts.make("multi30k", languages=("en", "fr"))
    assert french["train"]["labels"][0] == "Deux jeunes hommes blancs sont dehors près de buissons."


@needs_real
def test_the_checksums_are_those_of_the_real_files(real_data):
    checked = 0
    for about in texts._SETS.values():
        for file, (checksum, _) in about.files.items():
            path = real_data / "text" / about.folder / file
            if checksum and path.exists():
                with open(path, "rb") as data:
                    data.seek(0, os.SEEK_END)
                    download._check(data, checksum)
                checked += 1
    assert checked == 1 + 18 + 1 + 3 + 1 + 1 + 2 + 9
