"""Downloads from a real server on this machine, which lies, stalls, breaks off and says no."""

import errno
import hashlib
import io
import multiprocessing
import os
import resource
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dlcourse.sets import Missing, download, store

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes: eight pieces of what is read at a time
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GIT = hashlib.sha1(b"blob 512000\0" + CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """/good, /wrong, /truncated, /slow (half of it, then nothing), /hanging, /unsized; all else is 404."""

    def do_GET(self):
        self.server.asked.append(self.path)
        kind = self.path.strip("/").split("/")[0]
        content = self.server.files.get(self.path, CONTENT if kind != "wrong" else CONTENT[:-1] + b"!")
        if kind == "hanging":
            return self.server.over.wait(30)
        if kind not in {"good", "wrong", "truncated", "slow", "unsized"}:
            return self.send_error(404)
        self.send_response(200)
        if kind != "unsized":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = content[: len(content) // 2]
        self.wfile.write(half if kind in {"truncated", "slow"} else content)
        self.wfile.flush()
        if kind == "slow":
            self.server.half.set()
            self.server.over.wait(30)
        return None

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.files = [], {}
        self.half, self.over = threading.Event(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, address):
        pass  # a client that broke off


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server()
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield running
    running.over.set()
    running.shutdown()
    running.server_close()


@pytest.fixture
def place(tmp_path):
    return tmp_path / "data" / "set"


def fetch(place, *addresses, checksum=MD5):
    download.fetch("set", place, {"file.bin": (checksum, list(addresses))}, "digits")


def left(place):
    return sorted(path.name for path in place.iterdir()) if place.exists() else []


@pytest.mark.parametrize("checksum", [MD5, SHA256, GIT])
def test_a_good_file_arrives_whatever_its_checksum_is(server, place, checksum):
    fetch(place, f"{server.url}/good", checksum=checksum)
    assert (place / "file.bin").read_bytes() == CONTENT
    assert left(place) == ["file.bin"]


def test_a_file_whose_length_is_not_told_arrives(server, place):
    fetch(place, f"{server.url}/unsized")
    assert (place / "file.bin").read_bytes() == CONTENT


def test_what_is_there_is_not_asked_for_again(server, place):
    fetch(place, f"{server.url}/good")
    fetch(place, f"{server.url}/good")
    assert server.asked == ["/good"]


def test_only_the_missing_files_are_brought(server, place):
    place.mkdir(parents=True)
    (place / "a").write_bytes(b"here")
    files = {name: (MD5, [f"{server.url}/good/{name}"]) for name in "ab"}
    download.fetch("set", place, files)
    assert server.asked == ["/good/b"]
    assert (place / "a").read_bytes() == b"here"


BAD = {
    "truncated": "the connection ended after 256,000 of 512,000 bytes",
    "wrong": f"other bytes than expected: their md5 is {hashlib.md5(CONTENT[:-1] + b'!').hexdigest()[:12]}..., not {MD5[:12]}...",
    "missing": "404 Not Found",
    "hanging": "timed out",
    "slow": "timed out",
    "refused": "Connection refused",
}


def address(server, kind):
    if kind == "refused":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{free.getsockname()[1]}/good"
    return f"{server.url}/{kind}"


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_download_is_named_and_leaves_nothing(server, place, kind, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    with pytest.raises(Missing) as caught:
        fetch(place, address(server, kind))
    assert f"{kind if kind != 'refused' else 'good'}: {BAD[kind]}\n" in str(caught.value)
    assert left(place) == []


@pytest.mark.parametrize("kind", BAD)
def test_the_second_mirror_serves_where_the_first_is_bad(server, place, kind, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    fetch(place, address(server, kind), f"{server.url}/good")
    assert (place / "file.bin").read_bytes() == CONTENT
    assert left(place) == ["file.bin"]


def test_the_error_names_each_mirror_the_folder_the_files_and_what_serves_instead(server, place):
    place.mkdir(parents=True)
    (place / "first").write_bytes(b"is there")
    urls = [f"{server.url}/missing", f"{server.url}/truncated"]
    with pytest.raises(Missing) as caught:
        download.fetch("set", place, {name: (MD5, urls) for name in ("first", "second", "third")}, "digits")
    assert str(caught.value) == (
        "load: set has to be downloaded, but no address gave second:\n"
        f"  {urls[0]}: 404 Not Found\n"
        f"  {urls[1]}: the connection ended after 256,000 of 512,000 bytes\n"
        f"Put second, third into {place} by hand, or take load('digits'), which is embedded"
    )


def test_where_no_address_is_known_the_error_says_where_a_person_gets_the_file(place):
    with pytest.raises(Missing) as caught:
        download.fetch("set", place, {"a.zip": ("", [])}, ask="https://example.org/")
    assert str(caught.value) == (
        "load: set has to be downloaded, but a.zip is not there, and no address is known. "
        f"Get it at https://example.org/ and put a.zip into {place} by hand"
    )


def test_a_failed_download_makes_no_folder(place):
    with pytest.raises(Missing):
        fetch(place, "http://127.0.0.1:9/good")
    assert not place.exists()


def test_missing_is_an_oserror():
    assert issubclass(Missing, OSError)


# ---- a full disk


def test_a_full_disk_is_said_at_once_and_leaves_nothing(server, place, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.os, "fsync", full)
    with pytest.raises(
        Missing, match=r"load: set cannot be written to .*set: No space left on device, [\d,]+ MB free: make room"
    ):
        fetch(place, f"{server.url}/good", f"{server.url}/good")
    assert server.asked == ["/good"]  # another mirror would not help
    assert left(place) == []


def in_a_small_disk(url, place, queue):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        fetch(place, url)
    except Missing as error:
        queue.put(str(error))


def test_a_file_larger_than_the_system_allows_is_said_and_leaves_nothing(server, place):
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=in_a_small_disk, args=(f"{server.url}/good", place, queue))
    process.start()
    assert "File too large" in queue.get()
    process.join()
    assert left(place) == []


def test_a_folder_that_cannot_be_made_is_said(server, place):
    place.parent.mkdir()
    place.write_text("a file where the folder should be")
    with pytest.raises(
        Missing, match=r"cannot be written to .*set: File exists.*another folder in the variable DLCOURSE_DATA"
    ):
        fetch(place, f"{server.url}/good")


# ---- interrupts, several at once


def test_an_interrupt_leaves_nothing(server, place):
    def interrupt():
        server.half.wait(10)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        fetch(place, f"{server.url}/slow")
    assert left(place) == []


def test_a_killed_process_leaves_a_draft_that_nobody_takes_for_the_file(server, place):
    process = multiprocessing.get_context("fork").Process(target=fetch, args=(place, f"{server.url}/slow"))
    process.start()
    assert server.half.wait(10)
    deadline = time.monotonic() + 10
    while not left(place) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.join()
    (draft,) = left(place)
    assert draft.startswith(".file.bin.")
    fetch(place, f"{server.url}/good")
    assert (place / "file.bin").read_bytes() == CONTENT
    os.utime(place / draft, (time.time() - 2 * store._DEAD,) * 2)
    (place / "file.bin").unlink()
    fetch(place, f"{server.url}/good")
    assert left(place) == ["file.bin"]  # an hour later the draft is swept away


def test_two_processes_at_once_both_get_the_file(server, place):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=fetch, args=(place, f"{server.url}/good")) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert (place / "file.bin").read_bytes() == CONTENT
    assert left(place) == ["file.bin"]


def test_others_may_read_what_one_has_brought(server, place):
    before = os.umask(0o022)
    try:
        fetch(place, f"{server.url}/good")
    finally:
        os.umask(before)
    assert (place / "file.bin").stat().st_mode & 0o777 == 0o644


# ---- what is seen of it


def test_a_pipe_gets_one_line_for_each_file_and_stderr_none(server, place, capfd):
    fetch(place, f"{server.url}/good")
    out, err = capfd.readouterr()
    assert out == "Downloading file.bin, 0.5 MB, from 127.0.0.1\n"
    assert err == ""


def test_a_terminal_gets_a_bar_a_few_times_a_second_on_stdout_and_stderr_none(server, place, capfd, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    started = time.monotonic()
    fetch(place, f"{server.url}/good")
    shown = terminal.getvalue()
    assert "512k" in shown
    assert shown.count("\r") <= 4 + 4 * (time.monotonic() - started)
    assert capfd.readouterr().err == ""
