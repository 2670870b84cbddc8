"""A server on this machine that fails on purpose: the first part of the address says how."""

import contextlib
import http.server
import threading
import time


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        how, file = self.path.lstrip("/").split("/")
        asked_from = self.headers.get("Range", "")
        self.server.asked.append(f"{how} {asked_from}".strip())
        again = self.server.asked.count(f"{how}") > 1 or bool(asked_from)
        content = self.server.content
        if how in ("404", "500"):
            return self.send_error(int(how))
        if how == "500-once" and not again:
            return self.send_error(500)
        if how == "wrong":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if how == "cut":  # a whole answer of half the file
            content = content[: len(content) // 2]
        start = int(asked_from.removeprefix("bytes=").removesuffix("-") or 0)
        if how in ("no-ranges", "half-no-ranges"):
            start = 0
        if start > len(content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if how != "no-length":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if how == "stall" or (how in ("half", "half-no-ranges") and not again):
            self.wfile.write(content[start : len(content) // 2])
            self.wfile.flush()
            if how == "stall":
                self.server.stalls.set()
                self.server.over.wait(20)
            return
        if how == "slow":
            time.sleep(1)
        self.wfile.write(content[start:])


@contextlib.contextmanager
def serve(content: bytes):
    """Serve one file under any name; yields (address without the last part, the list of what was asked, the server)."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.content, server.asked = content, []
    server.over, server.stalls = threading.Event(), threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
