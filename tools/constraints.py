"""Write constraints.txt anew: the newest versions that pyproject.toml allows."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "constraints.txt"

HEADER = """\
# The exact versions of everything `make book` and `make test` install, tested together on Linux x86-64, Python 3.11.
# Made by `make constraints`: the newest versions that pyproject.toml and Python 3.11.0 allow (a package may ask for
# a later 3.11 than a reader has; Debian 12 has 3.11.2). After a change, run `make test` before you keep it.
# Not listed: nvidia-*, cuda-* and triton, because each torch names the exact ones that belong to it.
"""
TORCHS_OWN = re.compile(r"(nvidia|cuda)-|triton\b")


def render(resolved: str) -> str:
    """Turn what uv resolved into the text of constraints.txt.

    Args:
        resolved: lines `name==version`; lines of any other shape are dropped.

    Returns:
        The header and the sorted pins, one a line, without local tags such as +cpu.
    """
    pins = re.findall(r"^([\w.-]+==[\w.!]+)(?:\+\w+)?$", resolved, re.MULTILINE)
    return HEADER + "".join(f"{pin}\n" for pin in sorted(pins, key=str.lower) if not TORCHS_OWN.match(pin))


def main() -> None:
    """Resolve and write the file."""
    compiling = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    target = ["--python-version", "3.11.0", "--python-platform", "x86_64-unknown-linux-gnu"]
    wanted = ["pyproject.toml", "-", "--extra", "book", "--extra", "test"]
    done = subprocess.run([*compiling, *target, *wanted], cwd=ROOT, input="uv\n", stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("constraints.txt is left as it was: uv found no versions that fit together (its reasons stand above).")
    FILE.write_text(render(done.stdout), encoding="utf-8")
    print(f"Wrote {FILE.name}; now run `make test`.")


if __name__ == "__main__":
    main()
