"""Data sets, whole and in memory: load one by name, split it, take it batch by batch.

    digits = data.load("digits")
    train, valid = data.split(digits.train, share=0.1)
    for batch in data.batches(train, 64, torch.Generator().manual_seed(0)): ...  # 64 indices at a time

Images stay bytes until a batch of them is computed with: four times smaller than floats, and indexing whole batches
is some ten times faster than fetching examples one by one. How each set is made stands in dlcourse/sets.
"""

import importlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset

CHUNK = 100  # batches of sequences that are sorted by length together


@dataclass(frozen=True, repr=False, eq=False)  # a notebook shows one line, not a page of numbers
class Split:
    """N examples and what they are.

    inputs   images (N, C, H, W), uint8, each pixel 0 (black) to 255 (white); points (N, D), float32; tokens (N, T),
             int64, filled up with 0 at the end; N strings; or a tuple of these for a model that takes several
    labels   (N,), int64, an index into the classes; masks (N, H, W); tokens (N, T); numbers (N, D); or N strings
    role     "train", "valid" or "test"; only what is called "train" may be augmented (transforms.Augment)
    lengths  (N,), int64, the tokens of each before the filling, or (N, M) for M inputs; None where nothing is filled up
    more     what else is known, by name: N boxes, N captions, ...
    """

    inputs: Tensor | tuple
    labels: Tensor | tuple
    role: str = ""
    lengths: Tensor | None = None
    more: dict = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"{self.role or 'split'}: {len(self):,}, {_what(self)}"

    def take(self, index: Tensor) -> "Split":
        """The examples at `index` (B,), int64; of tokens only as many columns as the longest of them fills."""
        several = _several(self.inputs)
        inputs = tuple(_rows(x, index) for x in self.inputs) if several else _rows(self.inputs, index)
        labels, lengths = _rows(self.labels, index), None if self.lengths is None else _rows(self.lengths, index)
        if lengths is not None and len(lengths):
            longest = lengths.reshape(len(lengths), -1).amax(0).tolist()
            cut = [_cut(x, n) for x, n in zip(inputs if several else [inputs], longest, strict=True)]
            inputs, labels = tuple(cut) if several else cut[0], _cut(labels, longest[-1])
        more = {name: _rows(x, index) for name, x in self.more.items()}
        return replace(self, inputs=inputs, labels=labels, lengths=lengths, more=more)


@dataclass(frozen=True, repr=False, eq=False)
class DataSet:
    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    source: str  # who made it, where it comes from
    licence: str
    note: str = ""  # what depends on an installed version: which, its size and hash

    def __repr__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"{self.name}: {len(self.train):,} train, {len(self.test):,} test, {_what(self.train)}{classes}"


def load(name: str, **options) -> DataSet:
    """Load a data set by name; `data.names()` lists them all.

    options  some sets take them, such as load("glyphs", classes=36, colour=True): see its file in dlcourse/sets

    An embedded set needs no network: it comes with an installed package, or is made once and kept. A real one, such as
    load("mnist"), is downloaded once, checked, and kept in the folder that the variable DLCOURSE_DATA names.
    The split into train and test is the same on every machine.

    Raises ValueError where the name or an option is unknown, sets.Missing where a download is needed and impossible.
    """
    if name not in SETS:
        raise ValueError(f"load: there is no data set {name!r}: choose one of {', '.join(sorted(SETS))}")
    maker = importlib.import_module(f"dlcourse.sets.{SETS[name][0]}")
    try:
        made = maker.make(name, **options)
    except TypeError as error:
        if "keyword argument" not in str(error):
            raise
        wrong = str(error).split(") ")[-1]  # got an unexpected keyword argument 'size'
        raise ValueError(f"load: {name} {wrong}: its options stand in {maker.__name__}") from None
    train, test = (Split(role=role, **made.pop(role)) for role in ("train", "test"))
    return DataSet(name=name, train=train, test=test, **made)


def names() -> dict[str, str]:
    """Every data set that `load` knows, with a line about it."""
    return {name: line for name, (_, line) in SETS.items()}


def split(whole: Split, share: float = 0.1, *, seed: int = 0) -> tuple[Split, Split]:
    """Cut a split in two, each class in the same proportion on both sides: the rest, and `share` of it to validate on.

    whole  labels (N,), int64 classes; where they are anything else the cut is by chance alone
    share  between 0 and 1; at least one example of each class stays on either side, where there are two

    The first part keeps the role, the second is called "valid".
    """
    if not 0 < share < 1 or len(whole) < 2:
        raise ValueError(f"split: share is {share} of {len(whole)} examples: pass a share between 0 and 1 of 2 or more")
    order, valid = torch.randperm(len(whole), generator=_seeded(seed)), torch.zeros(len(whole), dtype=torch.bool)
    for members in _by_class(whole.labels, order):
        count = min(max(round(share * len(members)), 1), len(members) - 1)
        valid[members[:count]] = True
    return whole.take(order[~valid[order]]), replace(whole.take(order[valid[order]]), role="valid")


def few(whole: Split, each: int, *, seed: int = 0) -> Split:
    """A split with only `each` examples of every class, drawn by the seed: what if labels were rare?"""
    order = torch.randperm(len(whole), generator=_seeded(seed))
    groups = _by_class(whole.labels, order)
    least = min((len(members) for members in groups), default=0)
    if not 0 < each <= least:
        raise ValueError(f"few: {each} of each class, but the smallest class has {least}: pass 1 to {least}")
    chosen = torch.zeros(len(whole), dtype=torch.bool)
    chosen[torch.cat([members[:each] for members in groups])] = True
    return whole.take(order[chosen[order]])


def batches(whole: Split, batch_size: int, generator: Generator, *, balanced: bool = False) -> Iterator[Tensor]:
    """One epoch: the indices (B,) of batch after batch, in an order drawn from the generator; the last may be shorter.

    balanced  True: draw with replacement so that every class comes equally often; labels (N,), int64

    Sequences of like length come together: sorted within chunks of 100 batches, which are then shuffled. Else every
    batch is as long as its longest, and most of the work is spent on filling.
    """
    _refuse("batches", whole, batch_size)
    if balanced:
        labels = _classes_of(whole.labels)
        if labels is None:
            raise ValueError(
                f"batches: balanced=True needs labels (N,), int64 classes; these are {_what(whole.labels)}"
            )
        labels = labels.cpu()
        weights = 1 / labels.bincount().clamp(min=1).double()
        order = torch.multinomial(weights[labels], len(whole), replacement=True, generator=generator)
    else:
        order = torch.randperm(len(whole), generator=generator)
    if whole.lengths is None:
        yield from order.split(batch_size)
        return
    for chunk in order.split(CHUNK * batch_size):
        size = whole.lengths[chunk].reshape(len(chunk), -1).amax(1)
        groups = chunk[size.argsort(stable=True)].split(batch_size)
        for i in torch.randperm(len(groups), generator=generator).tolist():
            yield groups[i]


class Items(Dataset):
    """A split as an ordinary torch Dataset: item i is (input, label), the input as `transform` leaves it.

    With torch's DataLoader around it, this is how most code on the internet feeds a network.
    """

    def __init__(self, whole: Split, transform=None):
        self.split, self.transform = whole, transform

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int):
        x = self.split.inputs
        one = tuple(part[i] for part in x) if _several(x) else x[i]
        return (self.transform(one) if self.transform else one), self.split.labels[i]


def read_picture(path, size: int) -> Tensor:
    """A picture from a file: decoded, scaled to size x size whatever its shape, in colour: (3, size, size), uint8.

    Raises OSError where there is no such file or it is no picture.
    """
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        small = picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)


class Pictures(Dataset):
    """Pictures in files, each read when it is asked for: item i is (image (3, size, size), uint8; label)."""

    def __init__(self, paths, labels: Tensor, size: int):
        if len(paths) != len(labels):
            raise ValueError(f"Pictures: {len(paths)} files and {len(labels)} labels: pass one for each")
        self.paths, self.labels, self.size = list(paths), labels, size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int):
        return read_picture(self.paths[i], self.size), self.labels[i]


def write_pictures(whole: Split, folder, side: int) -> list:
    """Write the images of a split (N, 3, H, W), uint8, as JPEG files of side x side pixels; their paths, in order."""
    from pathlib import Path

    from PIL import Image

    place, paths = Path(folder), []
    place.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(whole.inputs):
        paths.append(place / f"{i:05}.jpg")
        large = Image.fromarray(image.permute(1, 2, 0).numpy()).resize((side, side), Image.Resampling.BICUBIC)
        large.save(paths[-1], quality=90)
    return paths


def loader(whole: Split, batch_size: int, *, seed: int = 0, shuffle: bool = True, workers: int = 0) -> DataLoader:
    """A torch DataLoader over (inputs, labels) that fetches a whole batch at once, six times faster than item by item.

    shuffle  False: in the order of the split, for measuring
    workers  processes that fetch ahead, at most one for each core; 0: none, the fastest for what is in memory
    """
    _refuse("loader", whole, batch_size)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    order, workers = _Order(whole, batch_size, seed, shuffle), min(workers, cores)  # with more, torch warns
    return DataLoader(_Whole(whole), batch_size=None, sampler=order, num_workers=workers, collate_fn=_as_it_is)


def _as_it_is(batch):
    return batch  # torch would make lists of the tuples


class _Whole(Dataset):
    """Fetches by a tensor of indices."""

    def __init__(self, whole: Split):
        self.split = whole

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: Tensor):
        batch = self.split.take(index)
        return batch.inputs, batch.labels


class _Order(torch.utils.data.Sampler):
    """Another order each epoch, from one generator."""

    def __init__(self, whole: Split, batch_size: int, seed: int, shuffle: bool):
        self.split, self.batch_size, self.shuffle = whole, batch_size, shuffle
        self.generator = _seeded(seed)

    def __len__(self) -> int:
        return -(-len(self.split) // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        if self.shuffle:
            return batches(self.split, self.batch_size, self.generator)
        return iter(torch.arange(len(self.split)).split(self.batch_size))


def _refuse(who: str, whole: Split, batch_size: int) -> None:
    if batch_size < 1 or not len(whole):
        raise ValueError(f"{who}: {len(whole)} examples in batches of {batch_size}: pass 1 or more of both")


def _cut(x: Tensor, longest: int) -> Tensor:
    return x[:, :longest] if x.dim() == 2 and x.dtype == torch.int64 else x


def _several(inputs) -> bool:
    """A tuple of tensors, not one tensor and not N strings?"""
    return isinstance(inputs, tuple) and len(inputs) > 0 and isinstance(inputs[0], Tensor)


def _rows(x, index: Tensor):
    """The rows of x at `index`, whatever kind of rows they are."""
    if isinstance(x, Tensor):
        return x.index_select(0, index.to(x.device))  # 20 times faster than x[index] on bytes
    return tuple(x[i] for i in index.tolist())


def _classes_of(labels) -> Tensor | None:
    classes = isinstance(labels, Tensor) and labels.dim() == 1 and labels.dtype == torch.int64
    return labels if classes and (not len(labels) or labels.min() >= 0) else None


def _by_class(labels, order: Tensor) -> list[Tensor]:
    """The order, class by class; as one class where the labels are none."""
    classes = _classes_of(labels)
    if classes is None:
        return [order]
    mixed = classes[order]
    return [order[mixed == k] for k in mixed.unique().tolist()]


def _seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def _what(whole) -> str:
    """In words: images 1 x 8 x 8."""
    x = whole.inputs if isinstance(whole, Split) else whole
    if isinstance(x, Tensor):
        kind = {4: "images", 2: "tokens" if x.dtype == torch.int64 else "points"}.get(x.dim(), "numbers")
        return f"{kind} {' x '.join(str(n) for n in x.shape[1:])}"
    if x and isinstance(x[0], Tensor):
        return " and ".join(_what(part) for part in x)
    return "texts"


# name: (module in dlcourse/sets, a line for `names`)
SETS = {
    "digits": ("digits", "1,797 handwritten digits, grey, 8 x 8; embedded"),
    "glyphs": (
        "glyphs",
        "printed characters in many fonts, grey 28 x 28 or colour 32 x 32; made here",
    ),
    "colour_digits": ("colour_digits", "the handwritten digits in colour on coloured ground, 32 x 32; embedded"),
    "scenes": ("scenes", "pictures of several objects with masks, boxes and captions; made here"),
    "line": ("points", "points about a straight line; made here"),
    "rings": ("points", "points on two or more rings, in the plane; made here"),
    "spiral": ("points", "points on the arms of a spiral, in the plane; made here"),
    "photographs": (
        "photographs",
        "photographs that come with scikit-learn, matplotlib and scikit-image; embedded",
    ),
    "mnist": ("real", "70,000 handwritten digits, grey, 28 x 28; 11 MB to download"),
    "fashion_mnist": ("real", "70,000 pieces of clothing, grey, 28 x 28; 31 MB to download"),
    "cifar10": ("real", "60,000 small photographs of 10 kinds, colour, 32 x 32; 170 MB to download"),
    "folder": ("real", "your own pictures: load('folder', path='pictures') with one folder a class"),
    "places": ("places", "countries, languages, scripts, currencies: in which of 18 languages is the name? embedded"),
    "dates": ("dates", "dates as people write them in many languages, and as 2026-11-21; embedded"),
    "phrases": ("phrases", "dates, lists, units and money in English and in French; embedded"),
    "docs": ("docs", "the Python language reference as text, to learn to write it, or docstrings=True; embedded"),
    "shakespeare": ("texts", "a million characters of plays; 1 MB to download"),
    "surnames": ("texts", "20,000 surnames of 18 languages; 0.2 MB to download"),
    "first_names": ("texts", "32,000 first names; 0.2 MB to download"),
    "sst2": ("texts", "9,600 sentences of film reviews, good or bad; 1 MB to download"),
    "sms_spam": ("texts", "5,574 text messages, 747 of them spam; 0.5 MB to download"),
    "ag_news": ("texts", "127,600 news in four classes; 31 MB to download"),
    "imdb": ("texts", "50,000 film reviews, good or bad; 84 MB to download"),
    "wikitext2": ("texts", "articles of Wikipedia, two million words; 13 MB to download"),
    "english_spanish": ("texts", "119,000 sentences in English and Spanish; a file that you fetch"),
    "multi30k": ("texts", "32,000 captions in English, German and French; 2 MB to download"),
}
