"""Where data sets are kept: one folder, filled atomically, never believed without a look."""

import hashlib
import json
import os
import secrets
import shutil
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

_VERSION = 2  # of what is written here: another number, and everything is made again
_DEAD = 3600  # seconds after which a draft that nobody writes to is one of a killed process


def folder() -> Path:
    """The variable DLCOURSE_DATA, else .cache/dlcourse in the home folder (or where XDG_CACHE_HOME says)."""
    if named := os.environ.get("DLCOURSE_DATA"):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlcourse"


def cached(name: str, key: dict, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What `make` returns, made once for each `key` and then mapped from disk: opens at once, pages are shared.

    key  all that the arrays depend on, as JSON can hold it: options, seed, versions, a number for this code

    A folder appears whole or not at all, however many processes make it at once. One that is damaged is made again;
    where nothing can be written (a full disk, a sandbox) the arrays are simply made.
    """
    digest = hashlib.sha256(json.dumps([_VERSION, name, key], sort_keys=True).encode()).hexdigest()[:16]
    place = folder() / "made" / f"{name}-{digest}"
    if (found := _open(place)) is not None:
        return found
    arrays = make()
    with suppress(OSError):
        _keep(place, arrays, {"name": name, "key": key})
    return arrays


def cut(labels: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of train and test, mixed: `share` of every class, but at least one, is for the test.

    labels  (N,), whole numbers
    """
    mixed = np.random.RandomState(0).permutation(len(labels))  # its stream never changes, NumPy promises
    is_test = np.zeros(len(labels), dtype=bool)
    for k in np.unique(labels):
        members = mixed[labels[mixed] == k]
        is_test[members[: max(1, round(share * len(members)))]] = True
    return mixed[~is_test[mixed]], mixed[is_test[mixed]]


def pack(texts) -> np.ndarray:
    """Strings as bytes, for `cached`; they may hold anything but the character 0."""
    return np.frombuffer("".join(f"{text}\0" for text in texts).encode(), dtype=np.uint8)


def unpack(array: np.ndarray) -> tuple[str, ...]:
    return tuple(array.tobytes().decode().split("\0")[:-1])


def draft_of(target: Path) -> Path:
    """A free name beside `target` to write to before the renaming; drafts of killed processes are removed."""
    for old in target.parent.glob(f".{target.name}.*.part"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > _DEAD:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")


def _open(place: Path) -> dict[str, np.ndarray] | None:
    try:
        checksums = json.loads((place / "about.json").read_text())["checksums"]
        if any(_checksum(place / f"{name}.npy") != checksum for name, checksum in checksums.items()):
            return None
        # copy on write: torch warns about arrays that cannot be written
        return {name: np.load(place / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in checksums}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _keep(place: Path, arrays: dict[str, np.ndarray], about: dict) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(place)
    try:
        draft.mkdir()  # not tempfile.mkdtemp, whose folders nobody else may read
        for name, array in arrays.items():
            np.save(draft / f"{name}.npy", array, allow_pickle=False)
        about["checksums"] = {name: _checksum(draft / f"{name}.npy") for name in arrays}
        (draft / "about.json").write_text(json.dumps(about, indent=1))
        if _open(place) is None:  # nobody was faster
            shutil.rmtree(place, ignore_errors=True)  # a damaged one, if any
            draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _checksum(file: Path) -> int:
    return zlib.crc32(np.memmap(file, np.uint8, "r"))  # mapped: an array of gigabytes is not copied
