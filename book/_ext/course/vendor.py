"""The scripts of a page: MathJax and the widgets from this site rather than from a CDN, so that it works offline.

`npm pack` fetches each package once into `_build/static/vendor`; its digest is checked and only the files that a page
needs are kept. Without npm or a network the pages use the CDN, and one line says so.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Package:
    """An npm package at one version.

    Args:
        name: its name at npm.
        version: the exact version.
        digest: SHA-512 of the archive, in base64, as npm prints it.
        keep: pattern of the files wanted, inside the archive's folder `package/`; its groups are dropped from the path.
    """

    name: str
    version: str
    digest: str
    keep: str

    @property
    def folder(self) -> str:
        """Where it lies under `vendor/`."""
        return f"{self.name.rpartition('/')[2]}-{self.version}"


MATHJAX = Package(
    "mathjax",
    "3.2.2",
    "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
    r"(es5/)(?:tex-mml-chtml\.js|output/chtml/fonts/woff-v2/.*|input/tex/extensions/.*)|LICENSE",
)
WIDGETS = Package(
    "@jupyter-widgets/html-manager",
    "1.0.15",
    "5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
    r"(dist/)(?:embed\.js|embed\.js\.LICENSE\.txt|.*\.woff2)",
)


def fetch(package: Package, vendor: Path) -> Path:
    """Get a package's files unless they are there.

    Args:
        package: what to get.
        vendor: the folder that keeps all packages.

    Returns:
        The package's folder.

    Raises:
        OSError: npm is missing, or failed (it ends with npm's last line).
        ValueError: the archive is not the one pinned here.
    """
    target = vendor / package.folder
    if target.is_dir():
        return target
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", f"{package.name}@{package.version}", "--pack-destination", scratch, "--silent"]
        try:
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            raise OSError("npm gave no answer within 120 s") from None
        if done.returncode:
            raise OSError("npm failed: " + (done.stderr.strip().splitlines() or ["no message"])[-1])
        (archive,) = Path(scratch).glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != package.digest:
            raise ValueError(
                f"the archive of {package.name} {package.version} has the SHA-512 {digest}, expected {package.digest}"
            )
        unpacked = Path(scratch, "unpacked")
        with tarfile.open(archive) as files:
            for member in files:
                match = re.fullmatch(package.keep, member.name.removeprefix("package/"))
                if match is None or not member.isfile():
                    continue
                name = match[0].removeprefix(match[1] or "")
                path = unpacked / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(files.extractfile(member).read())
        vendor.mkdir(parents=True, exist_ok=True)
        shutil.move(unpacked, target)  # whole or not at all: a build that is stopped leaves no half package
    return target


def use_vendored(app: Sphinx, config: Config) -> None:
    """Point MathJax and the widgets to the site's own files where they can be had."""
    static = Path(app.srcdir, "_build", "static")  # ignored by git, and shared by both languages
    try:
        for package in (MATHJAX, WIDGETS):
            fetch(package, static / "vendor")
    except (OSError, ValueError) as error:
        LOGGER.info(f"MathJax and widgets come from the CDN: {error}")
        return
    config.html_static_path.append(str(static))
    config.mathjax_path = f"vendor/{MATHJAX.folder}/tex-mml-chtml.js"
    config.nb_ipywidgets_js = {f"vendor/{WIDGETS.folder}/embed.js": {}}


def drop_thebe(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out the scripts of sphinx-thebe, which Jupyter Book always loads.

    The course does not use it, and its settings come twice, which is a JavaScript error on every page.
    """
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "sphinx-thebe" not in str(script.filename) and "THEBE_JS_URL" not in script.attributes.get("body", "")
    ]


def setup(app: Sphinx) -> dict[str, object]:
    """Choose the scripts as soon as the settings are read, and drop one when all have been added to the page."""
    app.connect("config-inited", use_vendored, priority=100)
    app.connect("html-page-context", drop_thebe, priority=950)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
