"""Write constraints.txt anew: the newest versions that pyproject.toml allows, as a fresh environment resolves them."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "constraints.txt"

HEADER = """\
# The exact versions of everything `make book` and `make test` install, tested together on Linux x86-64, Python 3.11.
# Made by `make constraints`: it installs the newest versions that pyproject.toml allows into a fresh environment
# and writes them here. Run `make test` before you keep them.
# Not listed: nvidia-*, cuda-* and triton, because each torch names the exact ones that belong to it.
"""
TORCHS_OWN = re.compile(r"(nvidia|cuda)-|triton\b")


def render(freeze: str) -> str:
    """Turn the output of `uv pip freeze` into the text of constraints.txt.

    Args:
        freeze: lines `name==version`; lines that name a file or an address are dropped.

    Returns:
        The header and the sorted pins, one a line.
    """
    lines = [line.strip() for line in freeze.splitlines()]
    pins = [line.split("+")[0] for line in lines if re.fullmatch(r"[\w.-]+==\S+", line)]  # no local tag such as +cpu
    return HEADER + "".join(f"{pin}\n" for pin in sorted(pins, key=str.lower) if not TORCHS_OWN.match(pin))


def main() -> None:
    """Resolve in a throw-away environment and write the file."""
    if sys.version_info[:2] != (3, 11):
        found = "{}.{}".format(*sys.version_info)
        sys.exit(
            f"constraints.txt is tested on Python 3.11, and this environment has {found}: recreate .venv with 3.11."
        )
    uv = [sys.executable, "-m", "uv"]
    with tempfile.TemporaryDirectory() as folder:
        fresh = ["--python", os.path.join(folder, "venv")]
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, fresh[1]], check=True)
        wanted = ["-r", "pyproject.toml", "--extra", "book", "--extra", "test", "uv"]
        subprocess.run([*uv, "pip", "install", *fresh, *wanted], check=True, cwd=ROOT)
        freeze = subprocess.run([*uv, "pip", "freeze", *fresh], check=True, capture_output=True, text=True).stdout
    FILE.write_text(render(freeze), encoding="utf-8")
    print(f"wrote {FILE.name}; now run `make test`")


if __name__ == "__main__":
    main()
