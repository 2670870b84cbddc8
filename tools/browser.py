"""Find a Chromium and a Chinese font for the tests that open the site; on Debian as root, install what is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


def find() -> str | None:
    """Path of a Chromium or Chrome: what CHROMIUM names (nothing else, if it is set), or one that is installed."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    return next(filter(None, map(shutil.which, [*NAMES, MAC])), None)


def has_chinese_font() -> bool:
    """Whether a page's Chinese can be shown; macOS and Windows always have a font for it."""
    if not sys.platform.startswith("linux"):
        return True
    if not shutil.which("fc-list"):
        return False
    return bool(subprocess.run(["fc-list", ":lang=zh-cn"], capture_output=True, text=True).stdout.strip())


def packages() -> list[str]:
    """The Debian packages that hold what is missing here."""
    wanted = []
    if not find():
        wanted.append("chromium")
    if not has_chinese_font():
        wanted += ["fontconfig", "fonts-noto-cjk"]
    return wanted


def is_debian(os_release: Path = Path("/etc/os-release")) -> bool:
    """Whether this is Debian itself: Ubuntu's chromium package is only a pointer to another store."""
    return os_release.is_file() and any(line.strip() == "ID=debian" for line in os_release.read_text().splitlines())


def apt_install(wanted: list[str]) -> None:
    """Install Debian packages, saying so; a failure is left for the caller to notice by what is still missing."""
    print(f"Installing {' '.join(wanted)} with apt-get …", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"env": env, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    subprocess.run(["apt-get", "-qq", "update"], **quiet)
    subprocess.run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", *wanted], **quiet)


def prepare() -> tuple[str | None, str]:
    """Make a browser and a Chinese font available if that can be done here.

    Returns:
        The browser's path, or None; and one sentence that says what is missing, or "".
    """
    if (named := os.environ.get("CHROMIUM")) and not find():
        return None, f"CHROMIUM names {named}, and there is no such program: give the path of a Chromium or Chrome."
    wanted = packages()
    if wanted and is_debian() and os.geteuid() == 0 and shutil.which("apt-get"):
        apt_install(wanted)
        wanted = packages()
    if not wanted:
        return find(), ""
    missing = " and ".join(
        {"chromium": "Chromium (or Chrome)", "fonts-noto-cjk": "a Chinese font"}[name]
        for name in wanted
        if name != "fontconfig"
    )
    return find(), (
        f"Missing here: {missing}; on Debian as root, `apt-get install {' '.join(wanted)}` adds it; "
        "a browser elsewhere is named by CHROMIUM=/path/to/it."
    )
