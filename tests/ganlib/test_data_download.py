"""Downloads: every way in which a server, a network or a disk fails, over a real connection to this machine."""

import errno
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys

import pytest

from ganlib import data
from ganlib.data import cache, download, real
from ganlib.errors import GanlibError

from . import served_badly

CONTENT = random.Random(0).randbytes(100_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HALF = len(CONTENT) // 2


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE", 0.001)
    monkeypatch.setattr(download, "TIMEOUT", 5)
    monkeypatch.setattr(download, "CHUNK", 10_000)
    with served_badly.serve(CONTENT) as (address, server):
        server.address = address
        yield server


def fetch(server, *how, checksum=SHA256, **options):
    return download.fetch("set", "file.bin", checksum, [f"{server.address}/{word}" for word in how], **options)


def kept(tmp_path):
    folder = tmp_path / "cache" / "set"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("checksum", [SHA256, hashlib.md5(CONTENT).hexdigest()])
def test_a_file_is_fetched_once(server, tmp_path, capfd, checksum):
    for _ in range(2):
        path = fetch(server, "ok", checksum=checksum)
        assert path == tmp_path / "cache" / "set" / "file.bin" and path.read_bytes() == CONTENT
    assert server.asked == ["ok"] and kept(tmp_path) == ["file.bin"] and capfd.readouterr() == ("", "")


def test_an_answer_without_a_length(server):
    assert fetch(server, "no-length").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "how, asked",
    [
        (["404", "ok"], ["404", "ok"]),
        (["500", "ok"], ["500", "ok"]),
        (["wrong", "ok"], ["wrong", "ok"]),
        (["cut", "ok"], ["cut", "ok"]),
        (["500-once"], ["500-once", "500-once"]),
        (["half"], ["half", f"half bytes={HALF}-"]),
        (["half", "ok"], ["half", f"ok bytes={HALF}-"]),  # the next mirror goes on where the first broke off
        (["half", "no-ranges"], ["half", f"no-ranges bytes={HALF}-"]),
        (["half-no-ranges"], ["half-no-ranges", f"half-no-ranges bytes={HALF}-"]),
    ],
)
def test_what_goes_wrong_is_made_good(server, tmp_path, how, asked):
    assert fetch(server, *how).read_bytes() == CONTENT
    assert server.asked == asked and kept(tmp_path) == ["file.bin"]


def test_a_mirror_that_stalls_is_left_for_the_next(server, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    assert fetch(server, "stall", "ok").read_bytes() == CONTENT
    assert server.asked == ["stall", f"ok bytes={HALF}-"]


def test_only_dead_mirrors(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    with pytest.raises(GanlibError) as error:
        fetch(server, "404", "500", "stall")
    said = str(error.value)
    assert said.startswith("cannot download file.bin (set): ") and "\n" not in said
    for part in ("/404/file.bin: HTTP 404 ", "/500/file.bin: HTTP 500 ", "/stall/file.bin: ", "timed out"):
        assert part in said
    words = [asked.split()[0] for asked in server.asked]
    assert words == ["404", *["500", "stall"] * download.ROUNDS], "a 404 stays a 404; the others may recover"
    assert kept(tmp_path) == [f".file.bin.{SHA256[:16]}.part"], "what has arrived waits for the next run"
    monkeypatch.setattr(download, "TIMEOUT", 5)
    del server.asked[:]
    assert fetch(server, "ok").read_bytes() == CONTENT and server.asked == [f"ok bytes={HALF}-"]


@pytest.mark.parametrize("how", ["wrong", "cut"])
def test_damaged_files_only(server, tmp_path, how):
    with pytest.raises(GanlibError, match=f"file.bin .set. is corrupt: expected SHA-256 {SHA256}, but http.*/{how}/"):
        fetch(server, how)
    assert kept(tmp_path) == [] and server.asked == [how]


@pytest.mark.parametrize("left", [b"something else" * 100, CONTENT + b"and more", CONTENT, CONTENT[:-1] + b"?"])
def test_what_an_earlier_run_left(server, tmp_path, left):
    """A part that does not fit, or is too long, costs a second request; a whole one costs none."""
    folder = tmp_path / "cache" / "set"
    folder.mkdir(parents=True)
    (folder / f".file.bin.{SHA256[:16]}.part").write_bytes(left)
    assert fetch(server, "ok").read_bytes() == CONTENT and kept(tmp_path) == ["file.bin"]
    assert len(server.asked) == (0 if left == CONTENT else 2)


def test_a_damaged_file_is_fetched_again_and_a_good_one_is_never_replaced(server, tmp_path, capsys):
    path = fetch(server, "ok")
    path.write_bytes(CONTENT[:-1])
    assert fetch(server, "404", "ok").read_bytes() == CONTENT
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"{path} is damaged" in said and SHA256 in said
    before = path.stat()
    assert fetch(server, "wrong") == path and path.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("free", [10, 10**12])
def test_full_disk(server, tmp_path, monkeypatch, free):
    """Too little room is noticed before the first byte; a disk that fills up meanwhile, when a byte does not fit."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(free, 0, free))

    class Full:
        def __init__(self, file):
            self.file, self.room = file, 35_000 if free > 10 else 10**9

        def write(self, rest):
            if not self.room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            count = self.file.write(rest[: self.room])
            self.room -= count
            return count

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

    opened = open
    monkeypatch.setattr(
        "builtins.open", lambda p, *a, **k: Full(opened(p, *a, **k)) if k.get("buffering") == 0 else opened(p, *a, **k)
    )
    with pytest.raises(GanlibError) as error:
        fetch(server, "ok", "ok")
    said = str(error.value)
    assert "No space left on device" in said and "100kB" in said and "GANLIB_CACHE" in said and "\n" not in said
    assert server.asked == ["ok"] and kept(tmp_path) == [], "no other mirror can help, and no half file stays"


def test_a_bar_shows_size_and_time(server, capsys):
    fetch(server, "ok", progress=True)
    said = capsys.readouterr().err
    assert "file.bin" in said and "100k/100k" in said and "B/s" in said


def test_a_long_download_without_a_bar_is_announced(server, capsys, monkeypatch):
    monkeypatch.setattr(download, "LONG", 50_000)
    fetch(server, "ok")
    assert capsys.readouterr().err == f"ganlib: fetching {server.address}/ok/file.bin (100kB)\n"


FETCH = """
import sys
from ganlib.data import download
print("ready", flush=True)
sys.stdin.readline()
print(download.fetch("set", "file.bin", sys.argv[1], [sys.argv[2]]))
"""


def child(server, how):
    """A process that has imported what it needs, and fetches when it is sent a line."""
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, SHA256, f"{server.address}/{how}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_fetch_once(server, tmp_path):
    children = [child(server, "slow") for _ in range(2)]
    assert [process.stdout.readline() for process in children] == ["ready\n"] * 2
    for process in children:
        go(process)
    said = [process.communicate(timeout=60)[0].strip() for process in children]
    assert said == [str(tmp_path / "cache" / "set" / "file.bin")] * 2
    assert server.asked == ["slow"] and kept(tmp_path) == ["file.bin"]


def test_a_process_that_was_killed_holds_up_nobody(server, tmp_path):
    process = child(server, "stall")
    go(process)
    assert server.stalls.wait(30)
    part = tmp_path / "cache" / "set" / f".file.bin.{SHA256[:16]}.part"
    while not part.exists() or part.stat().st_size < HALF:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert fetch(server, "ok").read_bytes() == CONTENT and server.asked == ["stall", f"ok bytes={HALF}-"]


def test_one_waits_for_the_other(tmp_path, monkeypatch, capsys):
    import threading

    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path))
    order, inside = [], threading.Event()

    def second():
        inside.wait()
        with cache.lock("work"):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with cache.lock("work"):
        inside.set()
        thread.join(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert capsys.readouterr().err == "ganlib: another process is at work on work; waiting for it\n"


def test_download_all(server, tmp_path, monkeypatch):
    monkeypatch.setitem(real.MIRRORS, "cifar10", [f"{server.address}/ok"])
    monkeypatch.setattr(real, "_files", lambda name: [("a", SHA256), ("b", SHA256)])
    paths = data.download_all("cifar10")
    assert paths == [tmp_path / "cache" / "cifar10" / file for file in "ab"]
    assert all(path.read_bytes() == CONTENT for path in paths)
    assert data.download_all("digits") == [] and server.asked == ["ok", "ok"]
    with pytest.raises(GanlibError, match="celeba cannot be downloaded by a program; fetch img_align_celeba.zip"):
        data.download_all("celeba")
    with pytest.raises(GanlibError, match="unknown data set 'digts'"):
        data.download_all("digts")
