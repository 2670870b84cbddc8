"""A tiny set in MNIST's file format, served from this machine: the real code path without a network."""

import contextlib
import gzip
import hashlib
import http.server
import struct
import threading
from functools import partial
from pathlib import Path

import torch
import torchvision

from ganlib.data import real
from ganlib.data.digits import render

COUNTS = {"train": 60, "t10k": 20}


def write(folder: Path, seed: int = 0) -> list[tuple[str, str]]:
    """Write the four files; returns their names and MD5 checksums, as torchvision lists them."""
    resources = []
    for stem, count in COUNTS.items():
        drawn = render(count, 28, seed)
        images = struct.pack(">4i", 0x803, count, 28, 28) + drawn["pixels"].numpy().tobytes()
        labels = struct.pack(">2i", 0x801, count) + drawn["labels"].to(torch.uint8).numpy().tobytes()
        for kind, content in (("images-idx3", images), ("labels-idx1", labels)):
            packed = gzip.compress(content, mtime=0)
            (folder / f"{stem}-{kind}-ubyte.gz").write_bytes(packed)
            resources.append((f"{stem}-{kind}-ubyte.gz", hashlib.md5(packed).hexdigest()))
    return resources


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.append(self.path.lstrip("/"))
        super().do_GET()


@contextlib.contextmanager
def serve(folder: Path):
    """Serve a folder; yields (address, the list of the files asked for so far)."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", server.asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def mnist(folder: Path, monkeypatch, cache: Path):
    """`load("mnist")` reads the tiny set: its files are in `folder`, what it keeps goes to `cache`.

    Yields (address, the list of the files asked for so far).
    """
    folder.mkdir(exist_ok=True)
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", write(folder))
    monkeypatch.setenv("GANLIB_CACHE", str(cache))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve(folder) as (address, asked):
        monkeypatch.setitem(real.MIRRORS, "mnist", [address])
        yield address, asked
