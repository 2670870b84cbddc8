"""The repository's address stands in `_config.yml`; `make set-repo` changes it everywhere and leaves nothing behind."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import set_repo

ROOT = Path(__file__).resolve().parent.parent
OURS = set_repo.current(ROOT)
SLUG = "/".join(OURS)
DOCUMENTED = ("OWNER", "NAME")  # how the documentation writes "your address here"

LINK = re.compile(rf"({set_repo.REPOSITORY}|{'|'.join(set_repo.SERVICES)})({set_repo.OWNER})/({set_repo.NAME})")
BADGE = re.compile(r"img\.shields\.io/github/[\w./-]++(?!\{)")
SITE = re.compile(rf"({set_repo.OWNER})\.github\.io/({set_repo.NAME})")

# Files that speak of this repository and no other.
ABOUT_US = re.compile(
    r"pyproject\.toml|CITATION\.cff|(book/\w+/)?_config\.yml|\.github/.*|notebooks/(\w+/)?[^/]+\.(py|ipynb)"
)


def strays(name: str, text: str, ours: tuple[str, str] = OURS) -> list[str]:
    """Find the links that ought to lead to this repository and lead elsewhere.

    Another project may be linked to from prose and code. But a service that opens, shows or runs a repository's files
    (Colab, Kaggle, raw files, badges) is always pointed at ours; so is every link in the files that are about this
    repository; and a link with our owner or our name is ours, misspelt.
    """
    found = []
    for before, owner, repository in LINK.findall(text):
        slug = owner, re.sub(r"\.git$", "", repository.rstrip("."))
        service = not re.fullmatch(set_repo.REPOSITORY, before)
        alike = owner.lower() == ours[0].lower() or slug[1].lower() == ours[1].lower()
        if slug not in (ours, DOCUMENTED) and (service or alike or ABOUT_US.fullmatch(name)):
            found.append(f"{name}: {before}{'/'.join(slug)}")
    found += [f"{name}: {link}" for link in BADGE.findall(text) if f"/{'/'.join(ours)}" not in link]
    for owner, site in SITE.findall(text):
        slug = owner.lower(), site.rstrip(".").lower()
        mine = ours[0].lower(), ours[1].lower()
        if slug != mine and (slug[0] == mine[0] or slug[1] == mine[1]):
            found.append(f"{name}: {owner}.github.io/{site}")
    return found


def texts(root: Path) -> dict[str, str]:
    """Every tracked text file by its name."""
    read = {path.relative_to(root).as_posix(): set_repo.read(path) for path in set_repo.tracked(root)}
    return {name: text for name, text in read.items() if text is not None}


def addressed(root: Path, address: tuple[str, str]) -> set[str]:
    """The files that hold a link to the repository."""
    return {name for name, text in texts(root).items() if f"github.com/{'/'.join(address)}" in text}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tracked files, in a repository of their own."""
    root = tmp_path / "copy"
    for path in set_repo.tracked(ROOT):
        target = root / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


def test_no_link_leads_astray() -> None:
    assert [stray for name, text in texts(ROOT).items() for stray in strays(name, text)] == []


def test_the_files_that_must_give_the_address_do() -> None:
    wanted = {"README.md", "README.zh.md", "CITATION.cff", "pyproject.toml", "_config.yml"}
    wanted |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("notebooks/[ez][nh]/*.ipynb")}
    assert len(wanted) > 5
    assert wanted - addressed(ROOT, OURS) == set()


# The planted links are put together here, so that this file itself holds none.
ELSEWHERE, FORK = "someone/else", f"someone/{OURS[1]}"


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("README.md", f"https://colab.research.google.com/github/{ELSEWHERE}/blob/main/notebooks/en/02-gan.ipynb"),
        ("README.md", f"https://kaggle.com/kernels/welcome?src=https://github.com/{FORK}/blob/main/a.ipynb"),
        ("book/en/index.md", f"https://raw.githubusercontent.com/{ELSEWHERE}/main/picture.png"),
        ("README.zh.md", f"https://img.shields.io/github/license/{ELSEWHERE}"),
        ("CONTRIBUTING.md", f"git clone https://github.com/{FORK}.git"),
        ("CONTRIBUTING.md", f"https://github.com/{OURS[0]}/another-name/issues"),
        ("CITATION.cff", f"repository-code: https://github.com/{ELSEWHERE}"),
        ("pyproject.toml", f'Repository = "https://github.com/{ELSEWHERE}"'),
        ("notebooks/en/02-gan.ipynb", f'"%pip install git+https://github.com/{ELSEWHERE}"'),
        ("book/en/index.md", f"https://someone.github.io/{OURS[1]}/"),
    ],
)
def test_a_stray_is_found(name: str, link: str) -> None:
    assert len(strays(name, f"before {link} after")) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"https://github.com/{ELSEWHERE}/blob/main/gan.py",  # a citation
        f"https://github.com/{SLUG}, https://github.com/{SLUG}.git and git@github.com:{SLUG}.",
        f"https://colab.research.google.com/github/{SLUG}/blob/main/notebooks/en/02-gan.ipynb",
        f"https://img.shields.io/github/actions/workflow/status/{SLUG}/test.yml",
        f"https://{OURS[0]}.github.io/{OURS[1]}/zh/ and https://someone.github.io/blog",
        "https://github.com/OWNER/NAME",
    ],
)
def test_a_right_link_or_a_citation_is_no_stray(text: str) -> None:
    assert strays("README.md", text) == []


def test_set_repo_changes_it_everywhere(copy: Path) -> None:
    before, new = addressed(copy, OURS), ("Wu-Lab", "gan_course.2")
    assert "_config.yml" in before and len(before) > 5
    set_repo.set_repo(f"https://github.com/{'/'.join(new)}", copy)
    assert set_repo.current(copy) == new
    assert addressed(copy, new) == before
    after = texts(copy)
    assert [name for name, text in after.items() if SLUG in text] == []
    assert [stray for name, text in after.items() for stray in strays(name, text, new)] == []
    assert set_repo.set_repo(f"https://github.com/{'/'.join(new)}.git", copy) == []  # nothing is left to do
    sync = subprocess.run([sys.executable, "notebooks/build.py", "--check"], cwd=copy, capture_output=True, text=True)
    assert sync.returncode == 0, sync.stdout + sync.stderr  # the notebooks are still what their sources make


def test_set_repo_and_back_leaves_every_byte(copy: Path) -> None:
    before = {path: path.read_bytes() for path in set_repo.tracked(copy)}
    set_repo.set_repo(f"https://github.com/{ELSEWHERE}", copy)
    set_repo.set_repo(f"https://github.com/{SLUG}", copy)
    assert [path for path, data in before.items() if path.read_bytes() != data] == []


@pytest.mark.parametrize(
    "link", ["https://github.com/{}x", "https://github.com/{}-two/a", "https://notgithub.com/{}", "a/{}"]
)
def test_a_name_that_only_contains_ours_is_left_alone(link: str) -> None:
    text = link.format(SLUG)
    assert set_repo.rewrite(text, OURS, ("someone", "else")) == text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "github.com/a/b",
        "http://github.com/a/b",
        "https://gitlab.com/a/b",
        "https://github.com/a",
        "https://github.com/a/b/tree/main",
        "https://github.com/-a/b",
        "https://github.com/a/..",
        "https://github.com/a b/c",
    ],
)
def test_a_wrong_address_is_refused_in_one_sentence(url: str) -> None:
    run = [sys.executable, "-m", "tools.set_repo", url]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"[^\n]+ the address of a GitHub repository, as in `[^`]+`\.\n", done.stderr)
    assert repr(url) in done.stderr or not url
