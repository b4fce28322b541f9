"""Real texts: to classify, to translate, to learn to write.

    load("sst2")                                    downloaded once, or from where you have put it
    load("surnames", path="names")                  a folder with one file of names for each language
    load("shakespeare", path="book.txt")            any text
    load("multi30k", languages=("en", "fr"))        captions in English, to be translated into French

Where a set has a validation part, that belongs to train: data.split cuts your own. Where it has no test part, a tenth
is one, the same on every machine, and no text is on both sides.
"""

import csv
import gzip
import io
import re
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from dlcourse import runtime
from dlcourse.sets import Missing, download, store

_SHARE = 0.1  # of a set without a test part


def make(name: str, path=None, **options) -> dict:
    """path: the folder with the files, or the one file; None: downloaded where need be, else from the hub."""
    about = _SETS[name]
    if path is not None:
        parts = about.read(Path(path).expanduser(), **options)
    else:
        place = store.folder() / "text" / about.folder
        try:
            if not all((place / file).exists() for file in about.enough or about.files):
                download.fetch(name, place, about.files, about.instead, about.ask)
            parts = about.read(place, **options)
        except Missing as missing:
            parts = _from_hub(name, missing, **options)
    return {**parts, "source": about.source, "licence": about.licence}


# ---- how each is read


def _shakespeare(place: Path) -> dict:
    text = _text(_file(place, "input.txt"))
    end = int(0.9 * len(text))  # where nanoGPT cuts, too
    return _parts([(text[:end], "")], [(text[end:], "")])


def _first_names(place: Path) -> dict:
    return _parts([(name, "") for (name,) in _rows(_file(place, "names.txt"), r"\s*(\S.*?)\s*", "a name")])


def _surnames(place: Path) -> dict:
    files = sorted(place.glob("*.txt"))
    if not files:
        raise ValueError(f"load: {place} holds no .txt files: put one in for each language, with a name on each line")
    rows = [(name, k) for k, file in enumerate(files) for (name,) in _rows(file, r"\s*(\S.*?)\s*", "a name")]
    return _parts(rows, classes=tuple(file.stem for file in files))


def _sst2(place: Path) -> dict:
    def rows(part):
        awaited = "a sentence, a tab, and 0 (negative) or 1 (positive)"
        return [(text, int(k)) for text, k in _rows(place / f"{part}.tsv", r"(.+)\t([01])", awaited)]

    return _parts(rows("train") + rows("dev"), rows("test"), _FEELINGS)


def _sms_spam(place: Path) -> dict:
    rows = _rows(_file(place, "sms.tsv"), r"(ham|spam)\t(.+)", "ham or spam, a tab, and a message")
    return _parts([(text.strip(), _SMS.index(kind)) for kind, text in rows], classes=_SMS)


def _ag_news(place: Path) -> dict:
    test = _news(place / "test.csv")
    if (place / "train.csv").exists():
        return _parts(_news(place / "train.csv"), test, _NEWS)
    note = f"only the test half of the set, {len(test):,} news, is in {place}: a tenth of it is the test here"
    return {**_parts(test, classes=_NEWS), "note": note}


def _news(file: Path) -> list[tuple[str, int]]:
    rows = csv.reader(io.StringIO(_text(file)))
    found = []
    for row in rows:
        if len(row) != 3 or row[0] not in {"1", "2", "3", "4"}:
            raise _wrong(
                file, rows.line_num, ",".join(row), 'a class of 1 to 4, a title and a text, as "3","Oil","It ..."'
            )
        found.append((_one_line(f"{row[1]} {row[2]}"), int(row[0]) - 1))
    return found


def _one_line(text: str) -> str:
    return " ".join(text.replace("\\", " ").split())  # a backslash is a line's end in AG News


def _imdb(place: Path) -> dict:
    file = _file(place, "aclImdb_v1.tar.gz")
    if not file.exists():
        raise ValueError(f"load: there is no {file}")
    about = file.stat()
    key = {"size": about.st_size, "time": about.st_mtime_ns, "code": 1}
    kept = store.cached("imdb", key, partial(_reviews, file))
    rows = [
        [*zip(store.unpack(kept[part]), kept[f"{part}_labels"].tolist(), strict=True)] for part in ("train", "test")
    ]
    return _parts(*rows, _FEELINGS)


def _reviews(file: Path) -> dict[str, np.ndarray]:
    """Out of the archive, whose 50,000 small files need not be unpacked."""
    found = {"train": [], "test": []}
    try:
        with tarfile.open(file, "r:gz") as archive:
            for member in archive:
                if match := re.fullmatch(r"aclImdb/(train|test)/(neg|pos)/\d+_\d+\.txt", member.name):
                    text = archive.extractfile(member).read().decode()
                    found[match[1]].append((text, int(match[2] == "pos")))
    except (OSError, EOFError, zlib.error, tarfile.TarError, UnicodeDecodeError) as error:
        raise _damaged(file, error) from None
    if not all(found.values()):
        raise ValueError(f"load: {file} holds no aclImdb/train/pos/0_9.txt and so on: is it another archive?")
    texts = {part: store.pack(text for text, _ in rows) for part, rows in found.items()}
    return texts | {f"{part}_labels": np.array([k for _, k in rows]) for part, rows in found.items()}


def _wikitext2(place: Path) -> dict:
    train = [place / f"{part}.txt" for part in ("train", "valid") if (place / f"{part}.txt").exists()]
    parts = _parts([row for file in train for row in _articles(_text(file))], _articles(_text(place / "test.txt")))
    if len(train) == 2:
        return parts
    return {**parts, "note": f"in {place} is only one of train.txt and valid.txt: it alone is the train part here"}


def _articles(text: str) -> list[tuple[str, str]]:
    """(article, title); a title stands between empty lines as ` = Title = `, its headings have more signs."""
    titles = [*re.finditer(r"(?:\A|\n) \n = (?!= )(.*) = \n(?= \n)", text)]
    ends = [title.start() for title in titles[1:]] + [len(text)]
    return [(text[t.start() : end].strip(), t[1]) for t, end in zip(titles, ends, strict=True)]


def _english_spanish(place: Path) -> dict:
    file = next((place / f for f in ("spa-eng.zip", "spa.txt") if (place / f).exists()), _file(place, "spa-eng.zip"))
    data = _unzipped(file) if file.suffix == ".zip" else _bytes(file)
    # newer files have a third column, who wrote them
    rows = _rows(file, r"([^\t]+)\t([^\t]+)(?:\t.*)?", "English, a tab, and Spanish", _decoded(file, data))
    return _parts(rows)


def _unzipped(file: Path) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(_bytes(file))) as archive:
            return archive.read(next(name for name in archive.namelist() if name.split("/")[-1] == "spa.txt"))
    except (zipfile.BadZipFile, zlib.error, StopIteration) as error:
        raise _damaged(file, str(error) or "it holds no spa.txt") from None


def _multi30k(place: Path, languages=("en", "de")) -> dict:
    _check_languages(languages, ("en", "de", "fr"))

    def rows(part):
        files = [place / f"{part}.{language}.gz" for language in languages]
        sides = [[line.strip() for (line,) in _rows(file, r"(.*\S.*)", "a sentence")] for file in files]
        if len(sides[0]) != len(sides[1]):
            raise ValueError(
                f"load: {files[0]} has {len(sides[0]):,} lines and {files[1].name} {len(sides[1]):,}: "
                "each line must be the translation of the other's: get both files again"
            )
        return [*zip(*sides, strict=True)]

    return _parts(rows("train") + rows("val"), rows("test_2016_flickr"))


def _check_languages(languages, known: tuple[str, ...]) -> None:
    if len(languages) != 2 or languages[0] == languages[1] or not set(languages) <= set(known):
        raise ValueError(f"load: languages are {languages!r}: pass two of {', '.join(known)}, such as ('en', 'de')")


# ---- files to rows, rows to parts


def _file(place: Path, name: str) -> Path:
    return place / name if place.is_dir() else place


def _bytes(file: Path) -> bytes:
    try:
        with (gzip.open if file.suffix == ".gz" else open)(file, "rb") as data:
            return data.read()
    except FileNotFoundError:
        raise ValueError(f"load: there is no {file}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(file, error) from None


def _decoded(file: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(f"load: {file}, line {line}: this is not UTF-8: save the file with that encoding") from None


def _text(file: Path) -> str:
    if not (text := _decoded(file, _bytes(file))):
        raise ValueError(f"load: {file} is empty")
    return text


def _rows(file: Path, pattern: str, awaited: str, text: str | None = None) -> list[tuple[str, ...]]:
    """What the pattern finds in each line of the file."""
    rows = []
    for number, line in enumerate((text or _text(file)).rstrip("\n").split("\n"), 1):
        if not (found := re.fullmatch(pattern, line)):
            raise _wrong(file, number, line, awaited)
        rows.append(found.groups())
    return rows


def _wrong(file: Path, number: int, line: str, awaited: str) -> ValueError:
    return ValueError(f"load: {file}, line {number} is {line[:60]!r}: awaited is {awaited}")


def _damaged(file: Path, error) -> ValueError:
    return ValueError(f"load: {file} is damaged ({error}): delete it and load again")


def _parts(train: list, test: list | None = None, classes: tuple[str, ...] = ()) -> dict:
    """Of (text, label) each; a label is the number of a class, or a text where there are no classes."""
    if test is None:
        train, test = _cut(train)
    made = {"classes": classes}
    for role, rows in (("train", train), ("test", test)):
        inputs, labels = zip(*rows, strict=True)
        made[role] = {"inputs": inputs, "labels": torch.tensor(labels) if classes else labels}
    return made


def _cut(rows: list) -> tuple[list, list]:
    """Train and test, mixed; a text that comes several times is on one side only."""
    kinds = {text: label if isinstance(label, int) else 0 for text, label in reversed(rows)}
    texts = list(kinds)
    tests = {texts[i] for i in store.cut(np.array(list(kinds.values())), _SHARE)[1]}
    mixed = [rows[i] for i in np.random.RandomState(0).permutation(len(rows))]
    return [row for row in mixed if row[0] not in tests], [row for row in mixed if row[0] in tests]


# ---- the hub


def _from_hub(name: str, missing: Missing, **options) -> dict:
    """The set from the hub's library `datasets`; where that cannot help either, the error says so."""
    if name not in _HUB:
        raise missing
    address, columns, trains, tests = _HUB[name]
    if name == "multi30k":
        columns = options.get("languages", columns)
        _check_languages(columns, ("en", "de"))
    try:
        # it reports on stderr, where a graded cell must be silent
        with redirect_stderr(sys.stdout if sys.stdout.isatty() or runtime.has_front_end() else io.StringIO()):
            from datasets import load_dataset

            found = load_dataset(*address)
            rows = [_hub_rows(name, [found[part] for part in parts], columns) for parts in (trains, tests) if parts]
    except ImportError:
        raise Missing(f"{missing}; after `pip install datasets` the hub is asked for {address[0]}, too") from None
    except Exception as error:  # it has many
        raise Missing(f"{missing}\nThe hub's {address[0]} could not be had either: {error}") from None
    note = f"from the hub's {address[0]}, whose texts can differ a little from those of the files"
    return {**_parts(*rows, classes=_SETS[name].classes), "note": note}


def _hub_rows(name: str, parts: list, columns: tuple[str, ...]) -> list[tuple]:
    if name == "wikitext2":  # line by line, empty ones without their blank
        lines = [line.rstrip("\n") or " " for part in parts for line in part["text"]]
        return _articles("".join(f"{line}\n" for line in lines))
    clean = _one_line if name == "ag_news" else str.strip
    pairs = [pair for part in parts for pair in zip(*(part[column] for column in columns), strict=True)]
    return [(clean(text), clean(label) if isinstance(label, str) else label) for text, label in pairs]


_HUB = {  # name: (address, columns, train parts, test parts)
    "sst2": (("SetFit/sst2",), ("text", "label"), ("train", "validation"), ("test",)),
    "sms_spam": (("ucirvine/sms_spam",), ("sms", "label"), ("train",), ()),
    "ag_news": (("fancyzhx/ag_news",), ("text", "label"), ("train",), ("test",)),
    "imdb": (("stanfordnlp/imdb",), ("text", "label"), ("train",), ("test",)),
    "wikitext2": (("Salesforce/wikitext", "wikitext-2-v1"), ("text",), ("train", "validation"), ("test",)),
    "multi30k": (("bentrevett/multi30k",), ("en", "de"), ("train", "validation"), ("test",)),
}


# ---- what there is


class _Set(NamedTuple):
    read: Callable[..., dict]
    folder: str  # below text/
    files: dict[str, tuple[str, list[str]]]  # for download.fetch
    instead: str
    source: str
    licence: str
    classes: tuple[str, ...] = ()
    enough: tuple[str, ...] = ()  # of the files, for a smaller set
    ask: str = ""


def _github(repository: str, branch: str, folder: str, checksums: dict[str, str]) -> dict[str, tuple[str, list[str]]]:
    """Files of a repository with their checksums, and two addresses of each."""
    raw = f"https://raw.githubusercontent.com/{repository}/{branch}/{folder}"
    copy = f"https://cdn.jsdelivr.net/gh/{repository}@{branch}/{folder}"
    return {name: (checksum, [raw + name, copy + name]) for name, checksum in checksums.items()}


_FEELINGS = ("negative", "positive")
_SMS = ("ham", "spam")
_NEWS = ("World", "Sports", "Business", "Sci/Tech")
_NAMES = {
    "Arabic.txt": "6f424a8dbe51cbbbabab7a57d38b617210125e4e3991f3c657cb79b8f104bafc",
    "Chinese.txt": "09ba8f1f7e38dbc99372d461b26ad4433b811fc6bfa6a3ecca6fe11a9a777465",
    "Czech.txt": "e17ab0ec47616a72c39cb85c783f70c3663ab64488721e5d8378f146d2226be7",
    "Dutch.txt": "924f32b635170eae561f84538632138fc07d4c8bbd70ba3fb980de1ecc4d2af3",
    "English.txt": "9cca037066d3d5989e24bc01801416162de506b5e28e15b7c092a47905d29bf2",
    "French.txt": "81e65b36c60ed5b89a17422f6edcadbb89546f38ad69e960e64e7ba682012a95",
    "German.txt": "7449cd590b97a733e18d613a4155decd77ec35dc5f8aadd7a82204dce4f051db",
    "Greek.txt": "3555b5186de7f401e6d991b088e9e644ca3099116477818c25ab5793801389e6",
    "Irish.txt": "cf8c7013256252a88d2503127b87282a11f21b2ff6db1bded68834c19a1ec058",
    "Italian.txt": "f88414c27d0606a11a678b4859277828c2565d6cc4d9ee932deef6e94f3b35e4",
    "Japanese.txt": "e0e717e114fec3e7eade4d9dabe0067c475f43147e36a22b47902ee76ad9e67f",
    "Korean.txt": "cd54221ccb362a6cba4c78828838cf3268a0e59744767a37cf6ec4b74036b136",
    "Polish.txt": "45bab898af2f60ed3a728bbf6980e28821011a7caa53227553b5785903a40826",
    "Portuguese.txt": "50a8735f41f4f73757c8ce5b16cb0275cd86b2b214bcbc8c9805f508cb131c53",
    "Russian.txt": "0cfe53ac18041e8f63666aa77313e0a3ff378facb132abee052d8ebdc8c3d62c",
    "Scottish.txt": "78d0252711d87d948ea86fe34826c51d2d794a8e52d15b5d6f7b6244d45d62dd",
    "Spanish.txt": "1bcb462ed3316756a85781d68232bddae04498fdddd5d9219c53fd1fbdeba7a7",
    "Vietnamese.txt": "f3f9e4164ab47601178a6e45b216464a64122f49d05541f24bf18a757253281d",
}
_MULTI30K = {
    "train.en.gz": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
    "train.de.gz": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
    "train.fr.gz": "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c",
    "val.en.gz": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
    "val.de.gz": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
    "val.fr.gz": "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9",
    "test_2016_flickr.en.gz": "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
    "test_2016_flickr.de.gz": "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
    "test_2016_flickr.fr.gz": "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90",
}
_SST2 = {
    "train.tsv": "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920",
    "dev.tsv": "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359",
    "test.tsv": "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7",
}
_AG_NEWS = {"train.csv": "b1a00f826fdfbd249f79597b59e1dc12", "test.csv": "d52ea96a97a2d943681189a97654912d"}
_WIKITEXT2 = {
    "train.txt": "2d84b35af79e411d73ea7cae83c73964c6ac83b4",
    "valid.txt": "eec944eb2d9e46061cd34a6913528797db6842fc",
    "test.txt": "6f3fc88e4cd88456ea892971f9f12243e8428624",
}
_SHAKESPEARE = {"input.txt": "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"}
_FIRST_NAMES = {"names.txt": "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"}
_SMS_SPAM = {"sms.tsv": "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d"}
_IMDB = [
    "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
    "https://bj.bcebos.com/dataset/imdb%2FaclImdb_v1.tar.gz",
]

_SETS = {
    "shakespeare": _Set(
        _shakespeare,
        "tinyshakespeare",
        _github("karpathy/char-rnn", "master", "data/tinyshakespeare/", _SHAKESPEARE),
        "docs",
        "Karpathy 2015, char-rnn: plays of William Shakespeare",
        "public domain",
    ),
    "surnames": _Set(
        _surnames,
        "names",
        _github("spro/practical-pytorch", "master", "data/names/", _NAMES),
        "places",
        "Robertson 2017, practical-pytorch, the set of PyTorch's tutorial on character RNNs",
        "MIT",
    ),
    "first_names": _Set(
        _first_names,
        "",
        _github("karpathy/makemore", "master", "", _FIRST_NAMES),
        "docs",
        "Karpathy 2022, makemore; from ssa.gov",
        "MIT",
    ),
    "sst2": _Set(
        _sst2,
        "sst2",
        _github("clairett/pytorch-sentiment-classification", "master", "data/SST2/", _SST2),
        "places",
        "Socher et al. 2013, Stanford Sentiment Treebank, aclanthology.org/D13-1170",
        "none is stated; cite the source",
        _FEELINGS,
    ),
    "sms_spam": _Set(
        _sms_spam,
        "sms_spam",
        _github("justmarkham/DAT8", "master", "data/", _SMS_SPAM),
        "places",
        "Almeida, Gomez Hidalgo and Yamakami 2011, UCI repository, doi 10.1145/2034691.2034742",
        "CC BY 4.0",
        _SMS,
    ),
    "ag_news": _Set(
        _ag_news,
        "ag_news",
        _github("mhjabreel/CharCnn_Keras", "master", "data/ag_news_csv/", _AG_NEWS),
        "places",
        "Zhang, Zhao and LeCun 2015, arXiv 1509.01626; collected by Antonio Gulli",
        "non-commercial use",
        _NEWS,
        enough=("test.csv",),
    ),
    "imdb": _Set(
        _imdb,
        "imdb",
        {"aclImdb_v1.tar.gz": ("7c2ac02c03563afcf9b574c7e56c153a", _IMDB)},
        "places",
        "Maas et al. 2011, aclanthology.org/P11-1015",
        "none is stated; cite the source",
        _FEELINGS,
    ),
    "wikitext2": _Set(
        _wikitext2,
        "wikitext-2",
        _github("pytorch/examples", "main", "word_language_model/data/wikitext-2/", _WIKITEXT2),
        "docs",
        "Merity, Xiong, Bradbury and Socher 2016, arXiv 1609.07843",
        "CC BY-SA 3.0",
        enough=("valid.txt", "test.txt"),
    ),
    "english_spanish": _Set(
        _english_spanish,
        "translation/spa-eng",
        {"spa-eng.zip": ("", [])},
        "phrases",
        "the Tatoeba project, through manythings.org/anki",
        "CC BY 2.0 FR",
        ask="https://www.manythings.org/anki/",
    ),
    "multi30k": _Set(
        _multi30k,
        "translation/multi30k",
        _github("multi30k/dataset", "master", "data/task1/raw/", _MULTI30K),
        "phrases",
        "Elliott, Frank, Sima'an and Specia 2016, arXiv 1605.00459; French: Elliott et al. 2017, arXiv 1710.07177",
        "non-commercial research and education",
    ),
}
