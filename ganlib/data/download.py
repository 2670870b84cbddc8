"""Fetching the files of a data set: from several mirrors, in pieces if need be, and only ever undamaged."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.client
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from ganlib.data import cache
from ganlib.errors import GanlibError

TIMEOUT = 20  # seconds without a byte after which a connection is given up
ROUNDS = 3  # how often the mirrors are gone through without getting any further
PAUSE = 1.0  # seconds before the second round; twice as long before each one after it
FURTHER = 1 << 20  # bytes that count as getting further
CHUNK = 1 << 18  # bytes read at a time
LONG = 20_000_000  # bytes from which on a download without a progress bar is announced in a line


def fetch(name: str, file: str, checksum: str, mirrors: list[str], *, progress: bool | None = None) -> Path:
    """A file of a data set: from the cache folder or, failing that, from the first mirror that has it undamaged.

    What has arrived waits in a hidden file ``….part`` beside its place. A connection that breaks, or a later run, goes
    on from there, with the same mirror or the next one. Only a file with the right checksum is moved to its place, in
    one move. Of two processes that want the same file, the second waits for the first; the lock of one that dies is
    freed by the system. Where the cache folder cannot be written, the file lives as long as the process.

    Args:
        name: of the data set; its files are kept in a folder of that name.
        file: name of the file.
        checksum: its MD5 (32 hexadecimal digits) or SHA-256 (64).
        mirrors: addresses of folders with that file in them, in the order in which they are tried.
        progress: whether to draw a bar with size and remaining time on standard error; None for: on a terminal.

    Returns:
        Where the file is. Its checksum has just been found right.

    Raises:
        GanlibError: no mirror in reach, only damaged files there, or no room on the disk.
    """
    path = cache.folder() / name / file
    if _is_good(path, checksum):
        return path
    with cache.lock(f"{name}-{file}"):
        path = _folder(name, file) / file
        if _is_good(path, checksum):  # another process was faster, or this one keeps it in its own folder
            return path
        with contextlib.suppress(OSError):
            damage = digest(path, checksum)
            cache.say(f"{path} is damaged ({_kind(checksum)} {damage} instead of {checksum}); fetching it again")
            path.unlink()
        try:
            _download(name, path, checksum, mirrors, sys.stderr.isatty() if progress is None else progress)
        except GanlibError:
            with contextlib.suppress(OSError):
                path.parent.rmdir()  # if nothing is in it
            raise
    return path


def digest(path: Path, like: str) -> str:
    """The checksum of a file.

    Args:
        path: the file.
        like: a checksum; the result is of the same kind, MD5 for 32 digits and SHA-256 for 64.

    Returns:
        Hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
    sums = _sums(like)
    with open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            sums.update(chunk)
    return sums.hexdigest()


def size_text(count: float) -> str:
    """A number of bytes as one says it, e.g. ``"117MB"``."""
    return tqdm.format_sizeof(count, "B")


def _kind(checksum: str) -> str:
    return "MD5" if len(checksum) == 32 else "SHA-256"


def _sums(checksum: str):
    return hashlib.md5(usedforsecurity=False) if len(checksum) == 32 else hashlib.sha256()


def _is_good(path: Path, checksum: str) -> bool:
    try:
        return digest(path, checksum) == checksum
    except OSError:  # not there, or not readable: the mirrors will tell
        return False


def _folder(name: str, file: str) -> Path:
    """Where the file is kept: in the cache, or in a folder that goes with the process."""
    folder = cache.folder() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
        reason = "Permission denied"
    except OSError as error:
        reason = error.strerror or str(error)
    cache.say(f"cannot keep {file} in {folder} ({reason}); going on without")
    folder = Path(_scratch().name) / name
    folder.mkdir(exist_ok=True)
    return folder


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="ganlib-")  # removed when the process ends


def _download(name: str, path: Path, checksum: str, mirrors: list[str], progress: bool) -> None:
    """Put the file in its place, or say why not."""
    file = path.name
    part = path.with_name(f".{file}.{checksum[:16]}.part")
    addresses = [f"{mirror.rstrip('/')}/{file}" for mirror in mirrors]
    alive = list(addresses)
    failed: dict[str, str] = {}
    damaged: list[str] = []
    rounds = 0
    while alive and rounds < ROUNDS:
        if rounds:
            time.sleep(PAUSE * 2 ** (rounds - 1))
        rounds += 1
        for address in list(alive):
            before = _length(part)
            try:
                found = _stream(address, part, checksum, progress)
                if found != checksum and before:  # what lay there may have been to blame: once more, from the start
                    part.unlink(missing_ok=True)
                    found = _stream(address, part, checksum, progress)
            except (OSError, http.client.HTTPException, ValueError) as error:
                if isinstance(error, GanlibError):
                    raise
                reason = error.reason if isinstance(error, urllib.error.URLError) else error
                failed[address] = str(reason) or type(reason).__name__
                if isinstance(error, urllib.error.HTTPError):
                    failed[address] = f"HTTP {error.code} {error.reason}"
                if _for_good(error):
                    alive.remove(address)
                if _length(part) >= before + FURTHER:
                    rounds = 0
                continue
            if found == checksum:
                os.replace(part, path)
                return
            part.unlink(missing_ok=True)
            damaged.append(f"{address} has {found}")
            alive.remove(address)
    if not _length(part):
        part.unlink(missing_ok=True)
    if damaged:
        raise GanlibError(
            f"the download of {file} ({name}) is corrupt: expected {_kind(checksum)} {checksum}, but "
            f"{'; '.join(damaged)}; nothing of it was kept, try again or pass another mirror="
        )
    raise GanlibError(
        f"cannot download {file} ({name}): {'; '.join(f'{at}: {failed[at]}' for at in addresses)}; "
        f"'digits', 'avatars', 'horses-zebras' and 'optdigits' come with ganlib and need no network"
    )


def _length(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0


def _for_good(error: Exception) -> bool:
    """Whether asking this address again is in vain."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in (408, 416, 429)  # too slow, past the end, too many questions
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return isinstance(reason, ConnectionRefusedError | socket.gaierror | ValueError | str)


def _stream(address: str, part: Path, checksum: str, progress: bool) -> str:
    """Bring `part` to its full length, going on from what is there; returns its checksum.

    Network trouble is an OSError, HTTPException or ValueError; trouble with the disk is a GanlibError.
    """
    start, sums = 0, _sums(checksum)
    with contextlib.suppress(FileNotFoundError), open(part, "rb") as stream:
        while chunk := stream.read(CHUNK):
            sums.update(chunk)
            start += len(chunk)
    if sums.hexdigest() == checksum:  # all there: an earlier run was stopped before it could move it
        return checksum
    headers = {"User-Agent": "ganlib"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # what lies there is longer than the file
            part.unlink()
        raise
    with answer:
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if start and not goes_on:
            start, sums = 0, _sums(checksum)  # this mirror knows no ranges and sends all of it
        length = answer.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        with _on_disk(part, total):
            if total is not None and total - start > shutil.disk_usage(part.parent).free:
                raise OSError(None, "No space left on device")
            file = open(part, "ab" if start else "wb", buffering=0)
        if not progress and (total or 0) - start > LONG:
            cache.say(f"fetching {address} ({size_text(total)})")
        bar = tqdm(
            desc=address.rpartition("/")[2],
            total=total,
            initial=start,
            disable=not progress,
            unit="B",
            unit_scale=True,
            dynamic_ncols=True,
        )
        with file, bar:
            while chunk := answer.read1(CHUNK):  # what is there, so that little is lost when it stalls
                with _on_disk(part, total):
                    rest = memoryview(chunk)
                    while rest:  # an unbuffered file may take less than it was given
                        rest = rest[file.write(rest) :]
                sums.update(chunk)
                start += len(chunk)
                bar.update(len(chunk))
    if total is not None and start < total:
        raise ConnectionError(f"the connection broke off after {start:,} of {total:,} bytes")
    return sums.hexdigest()


@contextlib.contextmanager
def _on_disk(part: Path, total: int | None) -> Iterator[None]:
    """What goes wrong in here is the disk's fault: nothing is kept, and no other mirror is asked."""
    try:
        yield
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        needs = "" if total is None else f" ({size_text(total)})"
        raise GanlibError(
            f"cannot write the download{needs} to {part.parent}: {error.strerror or error}; nothing of it was kept, "
            f"make room there or set GANLIB_CACHE to another folder"
        ) from error
