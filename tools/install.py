"""Create the virtual environment and install what pyproject.toml names, at the versions of constraints.txt.

It runs on the reader's own Python, whichever that is, before anything is installed: the standard library only, and a
syntax that an old Python 3 understands, so that an old one gets a sentence and not a SyntaxError.
"""

import importlib.util
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, NEWEST = (3, 11), (3, 13)
WANTED = ["-c", "constraints.txt", "-e", ".[book,test]"]


def fault(version, has_ensurepip=True):
    """Say in one sentence why this Python cannot be used.

    Args:
        version: (major, minor) of the running Python.
        has_ensurepip: whether it can put pip into a virtual environment.

    Returns:
        The sentence, or "" if nothing is wrong.
    """
    found = "{}.{}".format(*version)
    if not OLDEST <= version <= NEWEST:
        return (
            f"This course needs Python 3.11, 3.12 or 3.13, and {sys.executable} is Python {found}: "
            "name another one, as in `make PYTHON=python3.11 book`."
        )
    if not has_ensurepip:
        return (
            f"{sys.executable} cannot create virtual environments: "
            "on Debian and Ubuntu, `apt-get install python3-venv` adds what is missing."
        )
    return ""


def pip_index(listing):
    """Find the package index that the reader set for pip (a mirror nearby, say): uv does not read pip's settings.

    Args:
        listing: the output of `pip config list`, lines such as global.index-url='https://…'.

    Returns:
        Its address, or "" if there is none.
    """
    settings = dict(line.split("=", 1) for line in listing.splitlines() if "=" in line)
    for key in (":env:.index-url", "install.index-url", "user.index-url", "global.index-url"):
        if key in settings:
            return settings[key].strip("'\" ")
    return ""


def usable(python):
    """Whether an environment's Python runs, has pip (it lacks it if its making was cut short) and is supported."""
    test = f"import pip, sys; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    try:
        return subprocess.call([python, "-c", test], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def install(venv):
    """Make the environment if there is none that works, and bring it to the pinned versions.

    Args:
        venv: its folder.

    Returns:
        The exit status: 0 when everything is installed.
    """
    python = os.path.join(venv, "bin", "python")
    if not usable(python):
        wrong = fault(sys.version_info[:2], importlib.util.find_spec("ensurepip") is not None)
        if wrong:
            print(wrong, file=sys.stderr)
            return 1
        if os.path.exists(venv) and not os.path.exists(os.path.join(venv, "pyvenv.cfg")):
            print(f"{venv} exists and is not a virtual environment: move it away.", file=sys.stderr)
            return 1
        shutil.rmtree(venv, ignore_errors=True)
        print(f"Creating {os.path.relpath(venv)} with {sys.executable} …", flush=True)
        subprocess.check_call([sys.executable, "-m", "venv", venv])
        print("The first installation downloads up to 3 GB, mostly PyTorch.", flush=True)
        if sys.platform == "linux" and not shutil.which("nvidia-smi"):
            print("No NVIDIA GPU here? Ctrl-C, then `make UV_TORCH_BACKEND=cpu book`, fetches a PyTorch without CUDA.")

    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    quiet = [] if sys.stdout.isatty() else ["--quiet"]  # on a terminal, minutes of downloading show their progress
    print("Installing the pinned versions …", flush=True)
    if subprocess.call(pip + ["install"] + quiet + ["-c", "constraints.txt", "uv"], cwd=ROOT) == 0:
        env = dict(os.environ)
        index = pip_index(subprocess.check_output(pip + ["config", "list"], universal_newlines=True))
        if index and not any(env.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL")):
            env["UV_DEFAULT_INDEX"] = index
        uv = [python, "-m", "uv", "pip", "install", "--python", python, "--build-constraints", "constraints.txt"]
        if subprocess.call(uv + quiet + WANTED, cwd=ROOT, env=env) == 0:
            return 0
        print("uv could not install everything; trying again with pip …", flush=True)
    else:
        print("uv could not be installed; pip does the work, more slowly …", flush=True)
    return subprocess.call(pip + ["install"] + quiet + WANTED, cwd=ROOT)


def main():
    """Install into the folder given as the only argument and leave a note there when it worked."""
    venv = os.path.join(os.getcwd(), sys.argv[1])
    status = install(venv)
    if status == 0:
        with open(os.path.join(venv, ".installed"), "w") as note:
            note.write("pyproject.toml and constraints.txt as of this file's date\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
