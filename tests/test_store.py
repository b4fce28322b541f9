"""The cache of data sets: whole or not at all, looked at before it is believed."""

import errno
import json
import multiprocessing
import os
import time

import numpy as np
import pytest
import torch

from dlcourse.sets import store

KEY = {"size": 3, "seed": 0}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCOURSE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


class Maker:
    """Counts how often something is made."""

    def __init__(self, count=12):
        self.times, self.count = 0, count

    def __call__(self):
        self.times += 1
        return {"x": np.arange(self.count, dtype=np.float32).reshape(-1, 1), "y": np.zeros((0, 3), np.int64)}


def made(folder):
    return [path for path in (folder / "made").iterdir()]


def test_what_is_made_once_is_read_the_next_time():
    maker = Maker()
    first, second = store.cached("set", KEY, maker), store.cached("set", KEY, maker)
    assert maker.times == 1
    for name in ("x", "y"):
        np.testing.assert_array_equal(first[name], second[name])
        assert first[name].dtype == second[name].dtype
    assert isinstance(second["x"], np.memmap)


def test_another_key_or_name_is_made_anew():
    maker = Maker()
    for name, key in [("set", KEY), ("set", KEY | {"seed": 1}), ("other", KEY)]:
        store.cached(name, key, maker)
    assert maker.times == 3


def test_what_was_read_can_be_written_and_the_file_stays_as_it_was(recwarn):
    store.cached("set", KEY, Maker())
    torch.from_numpy(store.cached("set", KEY, Maker())["x"]).zero_()
    assert store.cached("set", KEY, Maker())["x"].sum() == 66
    assert not recwarn.list  # torch warns about arrays that cannot be written


@pytest.mark.parametrize(
    "damage", ["a bit", "the header", "cut short", "empty", "gone", "about is gone", "about is none"]
)
def test_a_damaged_folder_is_made_again(folder, damage):
    maker = Maker()
    store.cached("set", KEY, maker)
    (place,) = made(folder)
    file, about = place / "x.npy", place / "about.json"
    data = bytearray(file.read_bytes())
    if damage == "a bit":
        data[-1] ^= 1
    elif damage == "the header":
        data = data.replace(b"(12, 1)", b"(6, 2) ")
    elif damage == "cut short":
        data = data[:-4]
    file.write_bytes(b"" if damage == "empty" else data)
    if damage == "gone":
        file.unlink()
    if damage == "about is gone":
        about.unlink()
    if damage == "about is none":
        about.write_text("[]")
    assert store.cached("set", KEY, maker)["x"].shape == (12, 1)
    assert maker.times == 2
    assert store.cached("set", KEY, maker)["x"].sum() == 66
    assert maker.times == 2
    assert made(folder) == [place]


def test_where_nothing_can_be_written_the_arrays_are_simply_made(folder):
    folder.write_text("a file where the folder should be")
    maker = Maker()
    assert store.cached("set", KEY, maker)["x"].sum() == 66
    assert store.cached("set", KEY, maker)["x"].sum() == 66
    assert maker.times == 2


def test_a_full_disk_leaves_nothing_half_made(folder, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert store.cached("set", KEY, Maker())["x"].sum() == 66
    assert made(folder) == []


def test_an_interrupt_leaves_nothing_half_made(folder, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.cached("set", KEY, Maker())
    assert made(folder) == []


def test_an_error_of_the_maker_is_not_swallowed():
    def broken():
        raise OSError("of the maker")

    with pytest.raises(OSError, match="of the maker"):
        store.cached("set", KEY, broken)


def slow_maker():
    time.sleep(0.3)
    return Maker(1_000_000)()


def one_process(queue):
    queue.put(float(store.cached("set", KEY, slow_maker)["x"].sum()))


def test_two_processes_at_once_leave_one_whole_folder(folder):
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    processes = [context.Process(target=one_process, args=(queue,)) for _ in range(2)]
    for process in processes:
        process.start()
    sums = [queue.get() for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert sums[0] == sums[1]
    assert len(made(folder)) == 1
    maker = Maker()
    assert float(store.cached("set", KEY, maker)["x"].sum()) == sums[0]
    assert maker.times == 0


def test_drafts_of_killed_processes_are_removed_and_those_at_work_are_not(folder):
    place = folder / "set"
    old, new, other = (folder / name for name in (".set.1.part", ".set.2.part", ".other.3.part"))
    for draft in (old, new, other):
        draft.mkdir(parents=True)
    for draft in (old, other):
        os.utime(draft, (time.time() - 2 * store._DEAD,) * 2)
    assert store.draft_of(place) != store.draft_of(place)
    assert sorted(path.name for path in folder.iterdir()) == [".other.3.part", ".set.2.part"]


def test_others_may_read_what_one_has_made(folder):
    """An instructor fills the folder, a class reads it: no 0700 of tempfile.mkdtemp."""
    before = os.umask(0o022)
    try:
        store.cached("set", KEY, Maker())
    finally:
        os.umask(before)
    (place,) = made(folder)
    assert place.stat().st_mode & 0o777 == 0o755
    assert (place / "x.npy").stat().st_mode & 0o777 == 0o644


def test_the_folder_says_what_it_holds(folder):
    store.cached("set", KEY, Maker())
    (place,) = made(folder)
    assert place.name.startswith("set-")
    about = json.loads((place / "about.json").read_text())
    assert (about["name"], about["key"]) == ("set", KEY)


def test_the_variable_moves_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCOURSE_DATA", "~/sets")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.folder() == tmp_path / "sets"
    monkeypatch.delenv("DLCOURSE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert store.folder() == tmp_path / "caches" / "dlcourse"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert store.folder() == tmp_path / ".cache" / "dlcourse"


@pytest.mark.parametrize("texts", [(), ("",), ("", ""), ("a", "", "b\n"), ("Straße", "日本", "🎈")])
def test_strings_come_back_as_they_were(texts):
    assert store.unpack(store.pack(texts)) == texts
    kept = store.cached("texts", {"texts": texts}, lambda: {"texts": store.pack(texts)})
    again = store.cached("texts", {"texts": texts}, lambda: {"texts": store.pack(["other"])})
    assert store.unpack(kept["texts"]) == store.unpack(again["texts"]) == texts


def test_a_cut_takes_its_share_of_every_class_and_each_example_once():
    labels = np.array([0] * 50 + [1] * 10 + [2] * 2)
    train, test = store.cut(labels, 0.2)
    assert sorted([*train, *test]) == list(range(62))
    assert np.bincount(labels[test]).tolist() == [10, 2, 1]
    assert not (np.diff(train) > 0).all()  # mixed


def test_a_cut_is_the_same_on_every_machine():
    assert store.cut(np.arange(12) % 2, 0.4)[1].tolist() == [6, 11, 4, 1]
