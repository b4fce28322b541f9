"""Fetch files over the network: from several addresses, checked, whole or not at all.

fetch("mnist", folder, {"train.gz": ("f68b3c2dcbeaaa9f...", ["https://a.org/train.gz", "https://b.org/train.gz"])})
"""

import errno
import hashlib
import os
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

from dlcourse import runtime
from dlcourse.sets import Missing, store

TIMEOUT = 20  # seconds without an answer
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
# a checksum says by its length what it is: 40 digits are git's own name of a file, any other number begins a sha256
_KINDS = {
    32: ("md5", lambda size: hashlib.md5(usedforsecurity=False)),
    40: ("git", lambda size: hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)),
    64: ("sha256", lambda size: hashlib.sha256()),
}


def fetch(what: str, place: Path, files: dict, instead: str = "", ask: str = "", who: str = "load") -> None:
    """Bring those of the files that are not yet in the folder `place`, each whole and checked or not at all.

    files    {name: (checksum or its first digits, addresses)}: an address is tried where the ones before it failed
    instead  the embedded set that serves without a network
    ask      where a person gets the files that no address serves
    who      the function that was called, for what is said

    Raises sets.Missing: what is missing, what each address answered, where to put it by hand, what serves instead.
    """
    for name, (checksum, addresses) in files.items():
        failed = {}
        for address in [] if (place / name).exists() else addresses:
            try:
                _bring(address, place / name, checksum)
                break
            except (OSError, HTTPException, ValueError) as error:
                if getattr(error, "errno", None) in _DISK:
                    raise Missing(f"{who}: {_no_room(what, place, error)}") from None
                failed[address] = _reason(error)
        if not (place / name).exists():
            serves = f", or take {who}({instead!r}), which is embedded" if instead else ""
            raise Missing(f"{who}: {_by_hand(what, place, files, name, failed, ask)}{serves}")


@contextmanager
def whole(target: Path) -> Iterator:
    """A file to write and read; it is called `target` once the block has ended well, and is gone if it has not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = store.draft_of(target)
    try:
        with open(draft, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else the name can survive a power cut, and the bytes not
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def bar(total: int, **options):
    """A progress bar on stdout where somebody sees it move, four times a second; in a pipe or a log none."""
    from tqdm import tqdm

    live = sys.stdout.isatty() or runtime.has_front_end()
    return tqdm(total=total, disable=not live, file=sys.stdout, mininterval=0.25, leave=False, **options)


def _bring(address: str, target: Path, checksum: str) -> None:
    request = urllib.request.Request(address, headers={"User-Agent": "dlcourse"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as reply, whole(target) as file:
        size = int(reply.headers.get("Content-Length") or 0)
        print(f"Downloading {target.name}, {size / 1e6:.1f} MB, from {urlsplit(address).hostname}", flush=True)
        with bar(size or None, unit="B", unit_scale=True) as progress:
            while chunk := reply.read(1 << 16):
                file.write(chunk)
                progress.update(len(chunk))
        if file.tell() < size:
            raise ValueError(f"the connection ended after {file.tell():,} of {size:,} bytes")
        _check(file, checksum)


def _check(file, checksum: str) -> None:
    kind, start = _KINDS.get(len(checksum), _KINDS[64])
    size = file.tell()
    file.seek(0)
    found = hashlib.file_digest(file, lambda: start(size)).hexdigest()
    if not found.startswith(checksum):
        raise ValueError(f"other bytes than expected: their {kind} is {found[:12]}..., not {checksum[:12]}...")


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"{error.code} {error.reason}"
    reason = getattr(error, "reason", None) or error
    return str(getattr(reason, "strerror", None) or reason) or type(error).__name__


def _no_room(what: str, place: Path, error: OSError) -> str:
    there = next(folder for folder in (place, *place.parents) if folder.is_dir())
    return (
        f"{what} cannot be written to {place}: {os.strerror(error.errno)}, "
        f"{shutil.disk_usage(there).free / 1e6:,.0f} MB free: make room there, "
        "or name another folder in the variable DLCOURSE_DATA"
    )


def _by_hand(what, place, files, name, failed, ask) -> str:
    said = "".join(f"\n  {address}: {reason}" for address, reason in failed.items())
    tried = f"no address gave {name}:{said}\n" if failed else f"{name} is not there, and no address is known. "
    get = f"Get it at {ask} and put" if ask else "Put"
    wanted = ", ".join(file for file in files if not (place / file).exists())
    return f"{what} has to be downloaded, but {tried}{get} {wanted} into {place} by hand"
