"""Build the book in both languages, or serve it on this machine."""

import argparse
import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
SITE = BUILD / "html"
LOG = BUILD / "build.log"
FIRST_PORT = 8000
# Words of a warning → what the author can do about it
REMEDIES = {
    "cross-reference target not found": "correct the link, or write the page that it leads to",
    "local id not found": "correct what follows the #, or write (that-name)= before the place it leads to",
    "could not find bibtex key": "correct the key, or add its entry to book/references.bib",
    "undefined label": "correct the name, or give it to what it is meant for",
    "equation not found": "correct the name, or give it to the equation with :label:",
    "unknown document": "correct the path, or write that page and list it in _toc.yml",
}


def frame_changed() -> bool:
    """Whether what surrounds the pages changed since the last build: Sphinx looks only at the pages themselves."""
    folders = [ROOT / "book" / name for name in ("_ext", "_static", "_templates")]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    files += [*(ROOT / "ganlib" / "words").glob("*.toml"), *(ROOT / "ganlib").glob("sprites.py")]  # players' words
    return LOG.is_file() and any(file.stat().st_mtime > LOG.stat().st_mtime for file in files if file.suffix != ".pyc")


def advise(warning: str) -> str:
    """A line of Sphinx with what to do about it, where that is known."""
    remedies = [remedy for words, remedy in REMEDIES.items() if words in warning]
    return f"{warning}; {remedies[0]}" if remedies else warning


def build(fresh: bool = False) -> int:
    """Build both languages with one `jupyter-book build .`, a warning being an error.

    Sphinx's many lines go to a log, and what is wrong is shown.

    Args:
        fresh: read every page again, so that a warning about an unchanged page is seen too.

    Returns:
        The exit status of the build.
    """
    BUILD.mkdir(exist_ok=True)
    print("Building the book in both languages …", flush=True)
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "-W", "--keep-going", "-n"]
    if fresh or frame_changed():
        command.append("--all")
    with LOG.open("w", encoding="utf-8") as log:
        status = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode
    if status:
        lines = re.sub(r"\x1b\[[0-9;]*m", "", LOG.read_text("utf-8")).splitlines()  # without the colours
        telling = [advise(line) for line in lines if "WARNING" in line or "ERROR" in line]
        for doctrees in list(BUILD.rglob(".doctrees")):  # else the next build skips the faulty pages and finds no fault
            shutil.rmtree(doctrees)
        print("\n".join(telling or lines[-40:]))
        print(f"The book was not built without fault: see the lines above; {LOG.relative_to(ROOT)} has all of them.")
    else:
        print(f"Built. Open {SITE / 'index.html'} in a browser, or run `make serve`.")
    return status


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the built files; a page rebuilt meanwhile is shown anew, and requests are not logged."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *args: object) -> None:
        pass


def server(folder: Path, first_port: int = FIRST_PORT) -> http.server.ThreadingHTTPServer:
    """Listen on 127.0.0.1 at the first free port.

    Args:
        folder: the built site.
        first_port: where the search starts; a hundred ports are tried.

    Returns:
        The server, listening.

    Raises:
        SystemExit: nothing is built in the folder, or no port is free; with one sentence.
    """
    if not (folder / "index.html").is_file():
        sys.exit(f"There is no book in {folder} yet: run `make book` first.")
    for port in range(first_port, first_port + 100):
        try:
            handler = functools.partial(Handler, directory=os.fspath(folder))
            return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError:
            continue
    sys.exit(f"None of the ports {first_port} to {first_port + 99} of 127.0.0.1 is free.")


def serve(folder: Path = SITE) -> None:
    """Serve the built site until Ctrl-C."""
    with server(folder) as listening:
        address = f"http://127.0.0.1:{listening.server_port}/"
        print(f"English: {address}\n中文：   {address}zh/\nCtrl-C stops.", flush=True)
        try:
            listening.serve_forever()
        except KeyboardInterrupt:
            print()


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.book", description=__doc__)
    parser.add_argument("what", choices=["build", "serve"])
    parser.add_argument("--fresh", action="store_true", help="build every page again")
    arguments = parser.parse_args()
    if arguments.what == "serve":
        serve()
        return 0
    return build(arguments.fresh)


if __name__ == "__main__":
    sys.exit(main())
