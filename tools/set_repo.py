"""Give the repository another address, everywhere it stands. The one place that decides is `_config.yml`."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

OWNER, NAME = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?", r"[A-Za-z0-9_.-]{1,100}"
ADDRESS = re.compile(rf"https://github\.com/({OWNER})/({NAME}?)(?:\.git)?/?")

# What stands before OWNER/NAME in a link: the repository itself, or a service that opens, shows or grades it.
REPOSITORY = r"github\.com[/:]"
SERVICES = (
    r"raw\.githubusercontent\.com/",
    r"colab\.research\.google\.com/github/",
    r"mybinder\.org/v2/gh/",
    r"codespaces\.new/",
)
BADGES = r"img\.shields\.io/github/(?:[\w-]+/)*?"


def parse(url: str) -> tuple[str, str]:
    """Take the address of a repository apart.

    Args:
        url: https://github.com/OWNER/NAME; a closing slash or .git, as copied from the browser, may follow.

    Returns:
        Owner and name.

    Raises:
        ValueError: it is none; with one sentence.
    """
    match = ADDRESS.fullmatch(url)
    if not match or match[2] in (".", ".."):
        given = f"{url!r} is not" if url else "URL is missing:"
        example = "make set-repo URL=https://github.com/OWNER/NAME"
        raise ValueError(f"{given} the address of a GitHub repository, as in `{example}`.")
    return match[1], match[2]


def current(root: Path = ROOT) -> tuple[str, str]:
    """Owner and name as `_config.yml` gives them."""
    text = (root / "_config.yml").read_text("utf-8")
    match = re.search(r"^repository:\s*\n(?:[ \t]+.*\n)*?[ \t]+url:[ \t]*[\"']?([^\s\"']+)", text, re.MULTILINE)
    if not match:
        raise ValueError(
            "_config.yml gives no address: its section `repository` needs `url: https://github.com/OWNER/NAME`."
        )
    return parse(match[1])


def tracked(root: Path = ROOT) -> list[Path]:
    """The files a clone would have: committed, or new and not ignored."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted({root / name for name in names if name and (root / name).is_file()})


def rewrite(text: str, old: tuple[str, str], new: tuple[str, str]) -> str:
    """Replace every link to the old repository, and to the site that GitHub publishes for it.

    Args:
        text: of a file.
        old: owner and name that stand in it.
        new: owner and name to put there.

    Returns:
        The new text; names that merely contain the old one are left alone.
    """
    before = "|".join((REPOSITORY, *SERVICES, BADGES))
    end = r"(?=\.git\b|\.?(?:[^\w.-]|$))"
    text = re.sub(rf"(?<![\w-])({before}){re.escape('/'.join(old))}{end}", rf"\g<1>{'/'.join(new)}", text)
    old_site = rf"(?<![\w-]){re.escape(old[0].lower())}\.github\.io/{re.escape(old[1])}{end}"
    return re.sub(old_site, f"{new[0].lower()}.github.io/{new[1]}", text)


def read(path: Path) -> str | None:
    """The text of a file, or None if it is not text."""
    data = path.read_bytes()
    return None if b"\0" in data[:8000] else data.decode("utf-8")


def set_repo(url: str, root: Path = ROOT) -> list[Path]:
    """Rewrite the address in every tracked file.

    Args:
        url: the new address.
        root: of the repository.

    Returns:
        The files that changed.
    """
    new, old = parse(url), current(root)
    changed = []
    for path in tracked(root):
        text = read(path)
        if text is not None and (rewritten := rewrite(text, old, new)) != text:
            path.write_bytes(rewritten.encode("utf-8"))
            changed.append(path)
    return changed


def main() -> int:
    """Do it and say what changed."""
    try:
        changed = set_repo(sys.argv[1] if len(sys.argv) > 1 else "")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for path in changed:
        print(path.relative_to(ROOT))
    print(f"The repository is now https://github.com/{'/'.join(current())}; {len(changed)} files changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
