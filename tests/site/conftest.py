"""The built site, served on 127.0.0.1 and opened in headless Chromium.

`SITE=folder` tests a site that is already built; otherwise `jupyter-book build .` makes it, unless nothing changed
since these tests last built it. `CHROMIUM=path` names the browser, else the first that `tools.browser` finds is taken.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tools.browser import find

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def pages() -> list[str]:
    """The address of every page of the table of contents, in both languages, and of the search page."""
    names = re.findall(r"\b(book|notebooks)/en/([\w-]+)", (ROOT / "_toc.yml").read_text("utf-8"))
    english = [("lab/" if folder == "notebooks" else "") + f"{name}.html" for folder, name in names] + ["search.html"]
    return english + [f"zh/{page}" for page in english]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `page` once a page."""
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", pages())


def inputs() -> str:
    """A digest of everything the site is made from."""
    digest = hashlib.sha256()
    files = [
        ROOT / "_config.yml",
        ROOT / "_toc.yml",
        *(ROOT / "book").rglob("*"),
        *(ROOT / "notebooks").rglob("*.ipynb"),
        *(ROOT / "notebooks").glob("*.py"),
        *(ROOT / "ganlib" / name for name in ("labels.py", "sprites.py", "zoo/cards.py")),
        *(ROOT / "ganlib" / "zoo" / "trained").glob("*.json"),
    ]
    for file in sorted(files):
        if file.is_file() and "__pycache__" not in file.parts and ".ipynb_checkpoints" not in file.parts:
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site."""
    if os.environ.get("SITE"):
        folder = Path(os.environ["SITE"]).resolve()
        if not (folder / "index.html").is_file():
            pytest.fail(f"SITE={folder} holds no index.html, expected the folder of a built site", pytrace=False)
        return folder
    folder, stamp = ROOT / "_build" / "html", ROOT / "_build" / "tested-inputs"
    before = inputs()
    if not (folder / "zh" / "index.html").is_file() or not stamp.is_file() or stamp.read_text() != before:
        run = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]  # this Python's, not the PATH's
        command = [*run, "build", ".", "-W", "--keep-going", "-n"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail("jupyter-book build . -W failed:\n" + (done.stdout + done.stderr)[-4000:], pytrace=False)
        stamp.write_text(before)
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that does not write each request to the terminal."""

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder's address on this machine, with a slash at its end."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_port}/"
        http_server.shutdown()


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    """The site's address."""
    with served(site) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium; without one the tests are skipped, under CI=true they fail."""
    missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    path = find()
    if path is None:
        missing("Chromium is not installed, so the site was not opened in a browser (apt install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a tab of a reader who was never here: `tab(locale="zh-CN", viewport=PHONE, color_scheme="dark")`."""
    with contextlib.ExitStack() as stack:

        def open_tab(**reader: Any) -> Any:
            context = browser.new_context(**{"locale": "en-US", "viewport": DESKTOP, **reader})
            stack.callback(context.close)
            return context.new_page()

        yield open_tab


@dataclass
class Visit:
    """What one look at a page found.

    Args:
        url: the page's address.
        status: the answer's HTTP status.
        errors: console errors and exceptions.
        failed: requests to the site that failed or were answered with 4xx or 5xx.
        elsewhere: requests to anything but the site; they are stopped, as without a network.
        facts: what `LOOK` returns on a desktop.
        phone: what `LOOK` returns at the size of a phone.
    """

    url: str
    status: int
    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    phone: dict[str, Any] = field(default_factory=dict)


LOOK = """async () => {
  await window.MathJax?.startup?.promise;
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const all = (query) => [...document.querySelectorAll(query)];
  const shown = (node) => node.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true });
  const scrolls = (node) => {
    for (let box = node.parentElement; box && box !== document.body; box = box.parentElement)
      if (getComputedStyle(box).overflowX !== "visible") return true;
    return false;
  };
  const box = (node) => node.getBoundingClientRect().toJSON();
  const next = (formula) => {                                  // the box of the sign that follows a formula in its line
    const text = formula.nextSibling, range = document.createRange();
    if (!/^[,.;:)?!，。；：、）？！”]/.test(text?.data ?? "")) return null;
    range.setStart(text, 0);
    range.setEnd(text, 1);
    return box(range);
  };
  const torn = all("article span.math").filter((formula) => next(formula)?.top >= box(formula).bottom - 1);
  return {
    title: document.title,
    lang: document.documentElement.lang,
    heading: document.querySelector("h1")?.innerText,
    twin: document.querySelector(".language-switch")?.href,
    alternates: Object.fromEntries(all("link[hreflang]").map((link) => [link.hreflang, link.getAttribute("href")])),
    canonical: document.querySelector("link[rel=canonical]")?.getAttribute("href"),
    footer: document.querySelector(".bd-footer-content")?.innerText,
    formulas: all("article .math").length,
    rendered: all("article .math > mjx-container").length,
    wrong: all("mjx-merror, [data-mjx-error]").map((node) => node.closest("mjx-container").innerText),
    raw: (document.querySelector("article")?.innerText.match(/\\\\[([].{0,30}/) || [])[0],
    followed: all("article span.math").filter(next).length,
    torn: torn.map((formula) => formula.closest("p, li, td, dd").innerText.slice(0, 60)),
    long: all("article div.math > mjx-container").filter((node) => node.scrollWidth > node.clientWidth + 1)
      .map((node) => node.innerText.replaceAll(/\\s/g, "").slice(0, 60)),
    broken: all("img").filter((image) => image.complete && image.naturalWidth === 0).map((image) => image.src),
    fonts: [...document.fonts].filter((font) => font.status === "error").map((font) => font.family),
    signs: new Set([...document.fonts].filter((font) => /MJX/.test(font.family) && font.status === "loaded")).size,
    icons: all("svg.svg-inline--fa").filter((icon) => icon.querySelector("path")?.getAttribute("d").length > 9).length,
    empty: all("i[class*='fa-'], span[class*='fa-'], .fa-circle-question").filter((icon) => !icon.closest("noscript"))
      .map((icon) => icon.outerHTML),
    width: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
    wide: all("article *:not(mjx-container *)")
      .filter((node) => shown(node) && box(node).right > innerWidth + 1 && !scrolls(node))
      .map((node) => `${node.tagName}.${node.className}: ${node.innerText?.slice(0, 40)}`),
    buttons: all(".bd-header-article .btn").filter(shown).map((node) => ({ name: node.className, ...box(node) })),
    searches: all("input[type=search], .search-button-field, .search-button").filter(shown).length,
  };
}"""


def cut_off(context: Any, server: str) -> list[str]:
    """Stop every request of a browser context to anything but the server.

    Args:
        context: of the browser; its pages are cut off from now on.
        server: the only address that answers.

    Returns:
        A list that will hold the addresses that were asked for and stopped.
    """
    elsewhere: list[str] = []

    def stop(request: Any) -> None:
        elsewhere.append(request.request.url)
        request.abort()

    context.route(lambda url: not url.startswith((server, "data:", "blob:")), stop)
    context.on("page", lambda tab: tab.on("websocket", lambda socket: elsewhere.append(socket.url)))
    return elsewhere


def look_at(context: Any, url: str, server: str) -> Visit:
    """Open a page on a desktop, make the window as small as a phone, and say what was seen.

    Args:
        context: of the browser, cut off from everything but the server.
        url: the page's address.
        server: the site's address.
    """
    tab = context.new_page()
    errors: list[str] = []
    failed: list[str] = []
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("requestfailed", lambda request: failed.append(request.url))
    tab.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    answer = tab.goto(url, wait_until="load")
    seen = Visit(url, answer.status, errors, failed)
    seen.facts = tab.evaluate(LOOK)
    tab.set_viewport_size(PHONE)
    seen.phone = tab.evaluate(LOOK)
    tab.close()
    failed[:] = [url for url in failed if url.startswith(server)]
    return seen


@pytest.fixture(scope="session")
def visit(browser: Any, server: str) -> Iterator[Callable[[str], Visit]]:
    """Looks at a page once, cut off from every other server, and remembers what it saw."""
    context = browser.new_context(viewport=DESKTOP, locale="en-US")
    stopped = cut_off(context, server)
    seen: dict[str, Visit] = {}

    def look(page: str) -> Visit:
        if page not in seen:
            stopped.clear()
            seen[page] = look_at(context, server + page, server)
            seen[page].elsewhere += stopped
        return seen[page]

    yield look
    context.close()
