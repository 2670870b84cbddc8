"""pyproject.toml, constraints.txt and environment.yml say the same, and what is tracked is fit to be cloned."""

import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import constraints, install
from tools.set_repo import tracked

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = ["book", "test"]  # what `make book` installs
PYTHONS = ["3.11", "3.12", "3.13"]

# What a hosted kernel (Colab, Kaggle) has already: ganlib may need nothing else, and may not move its versions.
HOSTED = {
    *("torch", "torchvision", "numpy", "matplotlib", "scikit-learn", "scipy", "pillow", "pandas"),
    *("safetensors", "tqdm", "ipywidgets", "pyyaml"),
    "filelock",  # torch itself needs it
}

MEGABYTE = 1 << 20


def pins(text: str) -> dict[str, Version]:
    """Read constraints.txt; every line must be `name==version` and nothing else."""
    found: dict[str, Version] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"([A-Za-z0-9][\w.-]*)==([0-9][\w.!]*)", line)
        assert match, f"not an exact public version: {line!r}"
        name = canonicalize_name(match[1])
        assert name not in found, f"pinned twice: {name}"
        found[name] = Version(match[2])
    return found


def unmet(requirements: list[str], pinned: dict[str, Version]) -> list[str]:
    """The requirements that no pin satisfies."""
    wanted = [Requirement(text) for text in requirements]
    return [
        str(need)
        for need in wanted
        if (version := pinned.get(canonicalize_name(need.name))) is None or version not in need.specifier
    ]


def not_hosted(requirements: list[str]) -> list[str]:
    """The run-time requirements that a hosted kernel lacks, or whose version they would change."""
    wanted = [Requirement(text) for text in requirements]
    return [
        str(need)
        for need in wanted
        if canonicalize_name(need.name) not in HOSTED or any(part.operator != ">=" for part in need.specifier)
    ]


def pip_lines(environment: dict) -> list[str]:
    """What a conda environment hands to pip."""
    return next((item["pip"] for item in environment["dependencies"] if isinstance(item, dict)), [])


CONSTRAINTS = (ROOT / "constraints.txt").read_text("utf-8")
PINNED = pins(CONSTRAINTS)
REQUIREMENTS = PROJECT["dependencies"] + [line for extra in EXTRAS for line in PROJECT["optional-dependencies"][extra]]


# --- the three files


def test_every_requirement_is_pinned_within_its_range() -> None:
    assert unmet(REQUIREMENTS + ["uv"], PINNED) == []


@pytest.mark.parametrize("fault", ["numpy>=99", "torch<2", "no-such-package"])
def test_a_requirement_without_a_fitting_pin_is_found(fault: str) -> None:
    assert unmet([*REQUIREMENTS, fault], PINNED) == [fault]


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy>=2",
        "numpy==2.*",
        "torch==2.15.0+cpu",
        "-e .",
        "numpy @ https://example.org/numpy.tar.gz",
        "--pre",
    ],
)
def test_a_loose_or_addressed_pin_is_found(line: str) -> None:
    with pytest.raises(AssertionError, match="not an exact public version"):
        pins(f"{CONSTRAINTS}{line}\n")


def test_a_double_pin_is_found() -> None:
    with pytest.raises(AssertionError, match="pinned twice: numpy"):
        pins(f"{CONSTRAINTS}NumPy==1.0\n")


def test_the_file_is_what_make_constraints_writes() -> None:
    freeze = "# comment\nzipp==4.1.2\n-e file:///somewhere/ganlib\nnvidia-nccl-cu13==2.30.7\ntriton==3.9.0\n"
    freeze += "cuda-toolkit==13.2.2\nabsl-py==2.5.1\ntorch==2.15.0+cpu\n"
    header, body = constraints.HEADER, "absl-py==2.5.1\ntorch==2.15.0\nzipp==4.1.2\n"
    assert constraints.render(freeze) == header + body
    assert CONSTRAINTS == constraints.render(CONSTRAINTS), "edited by hand: run `make constraints`"


@pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info[:2] != (3, 11), reason="pinned whole on Linux, Python 3.11 only"
)
def test_what_the_requirements_require_is_pinned_too() -> None:
    todo, seen, loose = [Requirement(text) for text in REQUIREMENTS], set(), []
    while todo:
        need = todo.pop()
        name = canonicalize_name(need.name)
        if (name, frozenset(need.extras)) in seen or constraints.TORCHS_OWN.match(name):
            continue
        seen.add((name, frozenset(need.extras)))
        if name not in PINNED:
            loose.append(name)
            continue
        for text in importlib.metadata.requires(name) or []:
            inner = Requirement(text)
            extras = need.extras or {""}
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(inner)
    assert loose == []
    assert len(seen) > 100  # the walk did go down


def test_ganlib_needs_only_what_a_hosted_kernel_has() -> None:
    assert not_hosted(PROJECT["dependencies"]) == []


@pytest.mark.parametrize("fault", ["torch==2.15.0", "numpy<2", "torch~=2.4", "lightning", "torch>=2.4,!=2.5"])
def test_a_run_time_pin_or_an_unusual_package_is_found(fault: str) -> None:
    assert not_hosted([fault]) == [str(Requirement(fault))]


def test_conda_installs_the_same_through_pip() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    assert environment["dependencies"][:2] == ["python=3.11", "pip"]  # the Python that constraints.txt is tested on
    assert pip_lines(environment) == ["-c constraints.txt", f"-e .[{','.join(EXTRAS)}]"]
    assert install.WANTED == " ".join(pip_lines(environment)).split()  # and `make book` installs just that


# --- Pythons


def test_the_supported_pythons_are_the_same_everywhere() -> None:
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert [version in allowed for version in ["3.10", *PYTHONS]] == [False, True, True, True]
    listed = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if "Python :: 3." in text]
    assert listed == PYTHONS
    assert [f"{major}.{minor}" for major, minor in (install.OLDEST, install.NEWEST)] == [PYTHONS[0], PYTHONS[-1]]
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text("utf-8"))["jobs"]
    full = [step["with"]["python-version"] for step in jobs["everything"]["steps"] if "python-version" in str(step)]
    assert full + jobs["ganlib"]["strategy"]["matrix"]["python"] == PYTHONS


# --- what is tracked


def limit(path: Path) -> int:
    """Largest size in bytes that a tracked file may have."""
    small = {".ipynb", ".ttf", ".otf", ".woff", ".woff2"}
    if path.suffix == ".safetensors":  # a game of the zoo
        return 4 * MEGABYTE
    return MEGABYTE if path.suffix in small else 2 * MEGABYTE


# Places that only some machine has; written in pieces so that this file is not a finding. Each ModelScope notebook has
# the folder "workspace", which the page on mainland China names.
PLACES = "|".join(["(?:home|root|Users|work|farm|mnt)/(?!workspace\\b)[\\w.]", "tmp/(?:ipykernel_|pip-)"])
MACHINE_PATH = re.compile(rf"(?<![\w.~/:}}-])/(?:{PLACES})")
PACKAGE_ADDRESS = re.compile(r"https?://[^\s\"'<>]+\.(?:whl|deb)\b")


def faults(path: Path, root: Path = ROOT) -> list[str]:
    """What makes a file unfit to be cloned: its size, a path of one machine, the address of a package file."""
    data, name = path.read_bytes(), path.relative_to(root).as_posix()
    found = []
    if len(data) > limit(path):
        found.append(f"{name}: {len(data) / MEGABYTE:.1f} MB")
    if b"\0" not in data[:8000]:
        text = data.decode("utf-8")
        local = [str(folder) + "/" for folder in (ROOT, Path.home()) if len(folder.parts) > 2]
        found += [f"{name}: holds {one}" for one in local if one in text]
        for pattern in (MACHINE_PATH, PACKAGE_ADDRESS):
            found += [f"{name}: holds {match[0]}" for match in pattern.finditer(text)]
    return found


def test_no_tracked_file_is_large_or_knows_a_machine() -> None:
    files = tracked(ROOT)
    assert ROOT / "pyproject.toml" in files and ROOT / "tools/install.py" in files
    assert [fault for path in files for fault in faults(path)] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("big.npz", b"\0" * (2 * MEGABYTE + 1)),
        ("big.safetensors", b"\0" * (4 * MEGABYTE + 1)),
        ("big.ipynb", b" " * (MEGABYTE + 1)),
        ("big.ttf", b"\0" * (MEGABYTE + 1)),
        ("a.md", b"see /" + b"home/ann/gan.py"),
        ("a.ipynb", b'"/' + b'tmp/ipykernel_12/3.py:1: UserWarning"'),
        ("a.py", b"data = '/" + b"root/data'"),
        ("a.txt", b"torch @ https://example.org/torch-2.0-py3-none-any." + b"whl"),
    ],
)
def test_an_unfit_file_is_found(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert len(faults(tmp_path / name, tmp_path)) == 1


@pytest.mark.parametrize(
    "text", ["book/home/index.md", "https://example.org/home/ann", "~/code/x", "/usr/bin/env", "/tmp/out"]
)
def test_an_ordinary_path_is_no_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.md").write_text(text)
    assert faults(tmp_path / "a.md", tmp_path) == []
