"""Photographed and scanned images: MNIST, Fashion-MNIST, CIFAR-10, and a folder of your own pictures.

    load("mnist")                                 downloaded once, or from where torchvision has put it
    load("cifar10", path="~/cifar")               another folder, also one that holds only a part of the set
    load("folder", path="pictures", size=64)      pictures/cat/1.jpg, pictures/dog/2.jpg, ...

The files lie where torchvision.datasets looks for them, and torchvision knows their addresses and checksums. They are
read here, as whole arrays: that is done long before torchvision is imported.
"""

import codecs
import gzip
import hashlib
import math
import pickle
import tarfile
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from dlcourse.sets import download, store

_PICTURES = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"}  # as torchvision's ImageFolder
_SHARE = 0.2  # of a folder without a test part


def make(name: str, **options) -> dict:
    return {"folder": _folder, "cifar10": _cifar10}.get(name, partial(_scans, name))(**options)


# ---- MNIST and Fashion-MNIST: one file of pixels, one of labels

_GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_SCANS = {  # torchvision's name, another address than torchvision's, classes, the embedded set instead, source, licence
    "mnist": (
        "MNIST",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        tuple("0123456789"),
        "digits",
        "LeCun, Bottou, Bengio and Haffner 1998, doi 10.1109/5.726791",
        "CC BY-SA 3.0, as commonly stated",
    ),
    "fashion_mnist": (
        "FashionMNIST",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        _GARMENTS,
        "glyphs",
        "Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747",
        "MIT",
    ),
}


def _scans(name: str, path=None) -> dict:
    """path: the folder that holds MNIST/raw, or what lies in there; None: downloaded where need be."""
    kind, address, classes, instead, source, licence = _SCANS[name]
    place = _place(path, f"{kind}/raw")
    files = [f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")]
    missing = [file for file in files if not any((place / f).exists() for f in (file, f"{file}.gz"))]
    if missing and path is not None:
        raise ValueError(
            f"load: {place} has no {missing[0]}, nor {missing[0]}.gz: pass the folder that holds {kind}/raw"
        )
    if missing:
        import torchvision

        torchvisions = getattr(torchvision.datasets, kind)
        places = [*torchvisions.mirrors, address]
        wanted = {f: (md5, [p + f for p in places]) for f, md5 in torchvisions.resources if f[:-3] in missing}
        download.fetch(name, place, wanted, instead)
    images, labels, test_images, test_labels = (_idx(place / file) for file in files)
    parts = {"train": (images[:, None], labels), "test": (test_images[:, None], test_labels)}
    return _made(name, parts, (1, 28, 28), (60_000, 10_000), classes, source, licence, place)


def _idx(file: Path) -> np.ndarray:
    """An array as LeCun's files hold it: 0, 0, kind, dimensions; their sizes; the bytes. The .gz serves as well."""
    try:
        data = np.fromfile(file, np.uint8) if file.exists() else _unpacked(file)
        shape = data[4 : 4 + 4 * data[3]].view(">i4")
        return data[4 + 4 * data[3] :].reshape(shape)
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise ValueError(f"load: {file} (or its .gz) is damaged ({error}): delete it and load again") from None


def _unpacked(file: Path) -> np.ndarray:
    with gzip.open(f"{file}.gz") as packed:
        data = packed.read()
    with suppress(OSError), download.whole(file) as out:  # 20 times faster the next time
        out.write(data)
    return np.frombuffer(bytearray(data), np.uint8)


# ---- CIFAR-10: pickles of Python 2


_HARMLESS = {  # what an array is made of: in pickles up to protocol 4, from 5, and by Python 3 for Python 2
    "ndarray": np.ndarray,
    "dtype": np.dtype,
    "_reconstruct": np.empty(0).__reduce__()[0],
    "_frombuffer": np.empty(0).__reduce_ex__(5)[0],
    "encode": codecs.encode,
}


class _Plain(pickle.Unpickler):
    """Reads arrays, lists and strings, and runs nothing else: a pickle from somewhere could do anything."""

    def find_class(self, module: str, name: str):
        if name not in _HARMLESS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _HARMLESS[name]


def _cifar10(path=None) -> dict:
    """path: the folder that holds cifar-10-batches-py, or what lies in there, such as a subset with fewer batches."""
    place = _place(path, "cifar-10-batches-py")
    files = ["batches.meta", "test_batch", *(f"data_batch_{i}" for i in range(1, 6))]
    if path is None and not all((place / file).exists() for file in files):
        _fetch_cifar10(place, files)
    batches = sorted(place.glob("data_batch_[1-5]"))
    if not batches:
        raise ValueError(f"load: {place} has no data_batch_1: pass the folder that holds cifar-10-batches-py")
    parts = {"train": _batches(batches), "test": _batches([place / "test_batch"])}
    classes = tuple(_unpickled(place / "batches.meta")["label_names"])
    source = "Krizhevsky 2009, Learning multiple layers of features from tiny images"
    return _made(
        "cifar10", parts, (3, 32, 32), (50_000, 10_000), classes, source, "none is stated; cite the source", place
    )


def _fetch_cifar10(place: Path, files: list[str]) -> None:
    from torchvision.datasets import CIFAR10

    addresses = [CIFAR10.url, f"https://dataset.bj.bcebos.com/cifar/{CIFAR10.filename}"]
    download.fetch("cifar10", place.parent, {CIFAR10.filename: (CIFAR10.tgz_md5, addresses)}, "glyphs")
    with tarfile.open(place.parent / CIFAR10.filename) as archive:
        for file in files:
            with download.whole(place / file) as out:
                out.write(archive.extractfile(f"{place.name}/{file}").read())


def _batches(files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    found = [_unpickled(file) for file in files]
    try:
        pixels = np.concatenate([batch["data"] for batch in found]).reshape(-1, 3, 32, 32)
        return pixels, np.array([label for batch in found for label in batch["labels"]])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"load: {files[0]} and what lies beside it are no batches of CIFAR-10 ({error})") from None


def _unpickled(file: Path) -> dict:
    try:
        with open(file, "rb") as data, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's, about how pickles of NumPy 1 look
            return _Plain(data, encoding="latin1").load()
    except Exception as error:  # a damaged pickle fails in any way
        raise ValueError(f"load: {file} is damaged ({error}): delete it and load again") from None


# ---- pictures of your own


def _folder(path=None, size=224, gigabytes: float = 4) -> dict:
    """path       holds a folder for each class, or train/ and test/ (or val/) that do
    size       pixels: the shorter side becomes that long, and the middle square is kept; or (height, width)
    gigabytes  refuse to fill more memory than this
    """
    if path is None:
        raise ValueError("load: folder needs a path: load('folder', path='pictures') with one folder for each class")
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise ValueError(f"load: size is {size!r}: pass pixels, such as 224, or (height, width)")
    height, width = sides
    classes, parts = _listed(Path(path).expanduser())
    files = {role: [file for file, _ in part] for role, part in parts.items()}
    count = sum(map(len, files.values()))
    if (needed := count * 3 * height * width / 1e9) > gigabytes:
        fits = int(min(sides) * (gigabytes / needed) ** 0.5)
        raise ValueError(
            f"load: {count:,} pictures of {height} x {width} fill {needed:.1f} GB of memory, more than {gigabytes:g}: "
            f"pass size={fits}, or gigabytes={math.ceil(needed)} if you have as many"
        )
    pixels = store.cached("folder", _key(files, height, width), partial(_read, files, height, width))
    made = {
        role: {
            "inputs": torch.from_numpy(pixels[role]),
            "labels": torch.tensor([label for _, label in part]),
            "more": {"files": tuple(map(str, files[role]))},
        }
        for role, part in parts.items()
    }
    return {**made, "classes": classes, "source": f"the folder {path}", "licence": "that of your pictures"}


def _listed(root: Path) -> tuple[tuple[str, ...], dict[str, list]]:
    """The classes, and (file, class) of every picture of train and test."""
    if (root / "train").is_dir():
        test = next((root / name for name in ("test", "val", "valid", "validation") if (root / name).is_dir()), None)
        classes, train = _classed(root / "train")
        if test is not None:
            others, tests = _classed(test)
            if others != classes:
                raise ValueError(
                    f"load: {root / 'train'} and {test} have different classes, such as "
                    f"{min(set(classes) ^ set(others))!r}: give both the same folders"
                )
            return classes, {"train": train, "test": tests}
    else:
        classes, train = _classed(root)
    labels = np.array([label for _, label in train])
    if (few := np.bincount(labels)).min() < 2:
        raise ValueError(f"load: the class {classes[few.argmin()]!r} has one picture: two are needed, one to test with")
    indices = zip(("train", "test"), store.cut(labels, _SHARE), strict=True)
    return classes, {role: [train[i] for i in index] for role, index in indices}


def _classed(root: Path) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    if not root.is_dir():
        raise ValueError(f"load: there is no folder {root}: pass one that holds a folder for each class")
    # names with a dot, such as .ipynb_checkpoints, and __MACOSX are nobody's classes
    folders = sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith((".", "__MACOSX")))
    if not folders:
        raise ValueError(f"load: {root} holds no folders: put the pictures of each class in a folder of its name")
    found = []
    for label, folder in enumerate(folders):
        files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in _PICTURES and not f.name.startswith("."))
        if not files:
            raise ValueError(f"load: {folder} holds no pictures (.jpg, .png, ...): put some in, or remove the folder")
        found += [(file, label) for file in files]
    return tuple(folder.name for folder in folders), found


def _key(files: dict[str, list[Path]], height: int, width: int) -> dict:
    about = [(role, f.parts[-2:], (s := f.stat()).st_size, s.st_mtime_ns) for role in files for f in files[role]]
    return {"files": hashlib.sha256(repr(about).encode()).hexdigest(), "size": [height, width], "code": 1}


def _read(files: dict[str, list[Path]], height: int, width: int) -> dict[str, np.ndarray]:
    """The pixels (N, 3, H, W) of each part, read by as many threads as there are processors."""
    pixels = {role: np.empty((len(part), 3, height, width), np.uint8) for role, part in files.items()}
    slots = chain.from_iterable(pixels.values())
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor() as pool,
        download.bar(sum(map(len, files.values()))) as progress,
    ):
        warnings.simplefilter("ignore")  # PIL's, about odd colour tables
        for slot, picture in zip(
            slots, pool.map(partial(_picture, height, width), chain.from_iterable(files.values())), strict=True
        ):
            slot[:] = picture
            progress.update()
    return pixels


def _picture(height: int, width: int, file: Path) -> np.ndarray:
    """(3, H, W), upright, scaled so that it just covers H x W, and its middle."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            image.draft("RGB", (2 * max(height, width),) * 2)  # a large JPEG is read at a half, a quarter, an eighth
            upright = ImageOps.exif_transpose(image).convert("RGB")
            middle = ImageOps.fit(upright, (width, height), Image.Resampling.BILINEAR)
        return np.asarray(middle).transpose(2, 0, 1)
    except Exception as error:  # a damaged picture fails in any way
        raise ValueError(
            f"load: {file} cannot be read ({error}): save it again as .jpg or .png, or remove it"
        ) from None


# ---- for several


def _place(path, name: str) -> Path:
    """Where torchvision puts it, below the path; or the path itself, if it has nothing of that name."""
    root = store.folder() if path is None else Path(path).expanduser()
    return root / name if path is None or (root / name).is_dir() else root


def _made(name, parts, shape, counts, classes, source, licence, place) -> dict:
    """Check the arrays, and say where they are only a part of the set."""
    made = {"classes": classes, "source": source, "licence": licence}
    for role, (pixels, labels) in parts.items():
        fits = pixels.dtype == np.uint8 and pixels.shape[1:] == shape and labels.shape == pixels.shape[:1]
        if not (fits and len(labels) and labels.min() >= 0 and labels.max() < len(classes)):
            raise ValueError(
                f"load: the {role} part of {name} in {place} has images {pixels.shape} and labels {labels.shape}: "
                f"awaited are bytes (N, {', '.join(map(str, shape))}) and N labels of 0 to {len(classes) - 1}"
            )
        made[role] = {"inputs": torch.from_numpy(pixels), "labels": torch.from_numpy(labels.astype(np.int64))}
    found = tuple(len(labels) for _, labels in parts.values())
    if found != counts:
        made["note"] = f"a subset: {found[0]:,} + {found[1]:,} of {counts[0]:,} + {counts[1]:,} images"
    return made
