"""The commands of the Makefile, and the scripts behind them, on good days and bad ones."""

import ast
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from sphinx.util.matching import Matcher

from tools import book, browser, check, install, parity

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def make(*arguments: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess:
    """Run make as from a shell of its own, even when these tests were started by make."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(["make", *arguments], cwd=cwd, env=inherited | env, capture_output=True, text=True)


def script(path: Path, text: str) -> Path:
    """Write a program."""
    path.write_text(text)
    path.chmod(0o755)
    return path


# --- make help


def targets(makefile: str) -> set[str]:
    """The names one can make: not the files, not the special ones."""
    return set(re.findall(r"^([a-z][\w-]*):(?!=)", makefile, re.MULTILINE))


def unlisted(makefile: str, help_text: str) -> set[str]:
    """The targets that the help does not list with a description."""
    return targets(makefile) - set(re.findall(r"^  make ([\w-]+) +\S.*$", help_text, re.MULTILINE))


def test_help_lists_every_target_and_is_the_default() -> None:
    shown = make("help")
    assert shown.returncode == 0
    assert {"help", "book", "serve", "test", "lab", "notebooks", "set-repo", "clean"} <= targets(MAKEFILE)
    assert unlisted(MAKEFILE, shown.stdout) == set()
    assert make().stdout == shown.stdout
    assert all(len(line) <= 100 for line in shown.stdout.splitlines())


def test_a_target_without_a_description_is_found(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE + "\nsecret: help\n\t@true\n")
    shown = make("help", cwd=tmp_path)
    assert unlisted(MAKEFILE + "\nsecret: help\n", shown.stdout) == {"secret"}


def test_every_target_is_phony() -> None:
    declared = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert declared is not None and set(declared[1].split()) == targets(MAKEFILE)


@pytest.mark.parametrize("words", [["cgan-avatars"], ["NAME=cgan-avatars"], []])
def test_the_zoo_takes_its_name_as_a_word(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    for path in ("pyproject.toml", "constraints.txt", "tools/install.py", ".venv/bin/python", ".venv/.installed"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    script(tmp_path / ".venv/bin/python", '#!/bin/sh\necho "$@"\n')
    done = make("zoo", *words, cwd=tmp_path)
    asked = ["-m", "tools.retrain_game", *(["cgan-avatars"] if words else [])]
    assert (done.returncode, done.stdout, done.stderr) == (0, " ".join(asked) + "\n", "")


# --- make setup


def test_it_installs_once_and_again_when_what_is_wanted_changes(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / "tools").mkdir()
    fake = "import pathlib, sys; v = pathlib.Path(sys.argv[1]); v.mkdir(exist_ok=True); (v / '.installed').touch(); "
    (tmp_path / "tools/install.py").write_text(fake + "print('installing')\n")
    wanted = [tmp_path / "pyproject.toml", tmp_path / "constraints.txt"]
    for path in wanted:
        path.touch()
    run = lambda: "installing" in make("setup", f"PYTHON={sys.executable}", cwd=tmp_path).stdout
    assert run()
    assert not run()
    for path in wanted:
        later = (tmp_path / ".venv/.installed").stat().st_mtime + 1
        os.utime(path, (later, later))
        assert run()
        os.utime(path, (0, 0))
        assert not run()


def test_a_python_that_is_not_there_gets_one_sentence(tmp_path: Path) -> None:
    done = make("setup", "PYTHON=no-such-python", f"VENV={tmp_path / 'venv'}")
    said = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert done.returncode != 0
    assert len(said) == 1 and "There is no no-such-python here" in said[0] and "3.11, 3.12 or 3.13" in said[0]


@pytest.mark.parametrize("version", [(3, 9, 2), (3, 10, 14), (3, 14, 0)])
def test_a_python_that_is_not_supported_gets_one_sentence(tmp_path: Path, version: tuple[int, ...]) -> None:
    pretend = f"import runpy, sys; sys.version_info = {version}; del sys.argv[0]; "
    pretend += "runpy.run_path(sys.argv[0], run_name='__main__')"
    old = script(tmp_path / "python", f'#!/bin/sh\nexec "{sys.executable}" -c "{pretend}" "$@"\n')
    done = make("setup", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    said = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert done.returncode != 0
    assert len(said) == 1 and said[0].startswith("This course needs Python 3.11, 3.12 or 3.13, and ")
    assert f"is Python {version[0]}.{version[1]}:" in said[0]
    assert not (tmp_path / "venv").exists()


def test_supported_pythons_pass_and_one_without_ensurepip_does_not() -> None:
    assert [install.fault((3, minor)) for minor in (11, 12, 13)] == ["", "", ""]
    assert "apt-get install python3-venv" in install.fault((3, 11), has_ensurepip=False)


def test_an_old_python_can_read_the_installer() -> None:
    ast.parse((ROOT / "tools/install.py").read_text("utf-8"), feature_version=(3, 7))
    with pytest.raises(SyntaxError):  # the check can fail
        ast.parse("match x:\n    case 1: pass\n", feature_version=(3, 7))


def test_something_else_in_the_place_of_the_environment_is_not_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/thesis.txt").touch()
    assert install.install(str(tmp_path / "venv")) == 1
    assert "is not a virtual environment" in capsys.readouterr().err
    assert (tmp_path / "venv/thesis.txt").exists()


@pytest.mark.parametrize(
    ("failing", "said", "last"),
    [
        ("", "", "uv"),
        (" install .*uv$", "pip does the work", "pip"),
        (" uv pip install ", "trying again with pip", "pip"),
    ],
)
def test_pip_takes_over_when_uv_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, failing: str, said: str, last: str
) -> None:
    commands = []

    def call(command: list[str], **kwargs: object) -> int:
        commands.append(" ".join(command))
        return int(bool(failing and re.search(failing, commands[-1])))

    monkeypatch.setattr(install, "usable", lambda python: True)
    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(subprocess, "check_output", lambda *args, **kwargs: "")
    assert install.install("/nowhere/venv") == 0
    assert re.search(rf"-m {last} .*{re.escape(' '.join(install.WANTED))}$", commands[-1])
    assert said in capsys.readouterr().out


def test_uv_uses_the_mirror_that_pip_uses() -> None:
    listing = ":env:.cert='/etc/ssl/ca.crt'\nglobal.index-url='https://mirror.example.org/simple'\n"
    assert install.pip_index(listing) == "https://mirror.example.org/simple"
    assert install.pip_index(":env:.cert='/etc/ssl/ca.crt'\n") == ""


# --- make book, make serve


def test_make_book_runs_stale_labs_before_it_builds() -> None:
    steps = make("--dry-run", "--always-make", "book").stdout
    assert re.search(r"install\.py.*notebooks/build\.py\n.*tools\.book build\n$", steps, re.DOTALL)


def test_make_new_chapter_keeps_titles_of_several_words_whole() -> None:
    steps = make("--dry-run", "new-chapter", "NAME=03-x", "EN=What is new?", "ZH=有何 新意").stdout
    assert steps.endswith('-m tools.new_chapter "03-x" "What is new?" "有何 新意"\n')


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to build in."""
    monkeypatch.setattr(book, "ROOT", tmp_path)
    monkeypatch.setattr(book, "BUILD", tmp_path / "_build")
    monkeypatch.setattr(book, "SITE", tmp_path / "_build/html")
    monkeypatch.setattr(book, "LOG", tmp_path / "_build/build.log")
    return tmp_path / "_build"


def fake_builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, says: str) -> None:
    """Put a program in the place of jupyter-book that makes doctrees, says something and ends with a status."""
    does = f'echo "$@"; printf "{says}"; mkdir -p _build/.doctrees _build/zh/_build/.doctrees; exit {status}'
    script(tmp_path / "jupyter-book", f"#!/bin/sh\n{does}\n")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))


def test_a_good_build_hides_the_noise_and_names_the_file_to_open(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    fake_builder(tmp_path, monkeypatch, 0, "reading sources")
    assert book.build() == 0
    shown = capsys.readouterr().out
    assert "reading sources" not in shown and f"Open {built / 'html/index.html'}" in shown
    assert book.LOG.read_text() == "build . -W --keep-going -n\nreading sources"
    assert (built / ".doctrees").exists()


def test_a_change_of_the_style_sheet_reaches_pages_that_did_not_change(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_builder(tmp_path, monkeypatch, 0, "")
    style = tmp_path / "book/_static/course.css"
    style.parent.mkdir(parents=True)
    style.write_text("p {}")
    for changed, expected in ((1, False), (1, False), (4e9, True)):  # the first build needs no word
        os.utime(style, (changed, changed))
        assert book.build() == 0
        assert ("--all" in book.LOG.read_text()) == expected


@pytest.mark.parametrize("fault", ["a.md:3: WARNING: no such label", "Killed"])
def test_a_faulty_build_says_what_is_wrong_and_will_not_pass_the_next_time(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, fault: str
) -> None:
    fake_builder(tmp_path, monkeypatch, 1, "reading\\n" * 100 + rf"\033[91m{fault}\033[0m")
    assert book.build(fresh=True) == 1
    shown = capsys.readouterr().out.splitlines()
    assert fault in shown and len(shown) < 50
    assert "--all" in book.LOG.read_text()
    assert list(built.rglob(".doctrees")) == []


def test_the_book_is_made_from_no_hidden_folder() -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    excluded = Matcher(config.get("exclude_patterns", []))  # only_build_toc_files overlooks hidden folders
    assert [name for name in (".venv", ".git", "book/.ipynb_checkpoints", "x/.venv") if not excluded(name)] == []
    assert not excluded("book/en/02-gan.md")


def test_serve_takes_the_first_free_port_and_shows_the_book(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("the book")
    with book.server(tmp_path, 18000) as first, book.server(tmp_path, 18000) as second:
        assert first.server_address[0] == second.server_address[0] == "127.0.0.1"
        assert 18000 <= first.server_port < second.server_port
        threading.Thread(target=second.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{second.server_port}/") as page:
            assert page.read() == b"the book"
        second.shutdown()


def test_serve_without_a_book_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"There is no book in .* yet: run `make book` first\."):
        book.server(tmp_path)


# --- make test


def test_a_part_that_fails_does_not_hide_the_others(capsys: pytest.CaptureFixture) -> None:
    def broken() -> check.Count:
        raise FileNotFoundError("no such program")

    parts = {
        "first": lambda: check.Count(passed=3, failed=2),
        "second": broken,
        "third": lambda: check.Count(passed=5, skipped=1, note="left out: this"),
    }
    assert check.check(parts) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "8 passed, 3 failed, 1 skipped"
    assert any(re.fullmatch(r"first +3 +2 +0 +[\d.]+  <-- FAILED", line) for line in lines)
    assert any(re.fullmatch(r"third +5 +0 +1 +[\d.]+", line) for line in lines)
    assert {"        FileNotFoundError: no such program", "        left out: this"} <= set(lines)
    assert check.check({"third": parts["third"]}) == 0


def test_the_order_is_that_of_cost() -> None:
    assert list(check.PARTS) == ["lint", "sync", "tests", "labs", "book", "site"]
    assert check.main(["nonsense"]) == 2


def test_differing_twins_fail_sync_and_stale_ones_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    run = lambda *command: asked.append(command) or check.Count(failed=int("tools.parity" in command), passed=1)
    monkeypatch.setattr(check, "run", run)
    monkeypatch.setattr(parity, "note", lambda: "Stale in Chinese: 02-gan.")
    assert check.sync() == check.Count(passed=2, failed=1, note="Stale in Chinese: 02-gan.")
    assert asked == [("notebooks/build.py", "--check"), ("-m", "tools.parity")]


def test_the_book_is_built_only_from_twins_that_agree() -> None:
    recipe = re.search(r"^book:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1].splitlines()
    assert [line.strip() for line in recipe] == [
        "@$(PY) -m tools.parity",
        "@$(PY) notebooks/build.py",
        "@$(PY) -m tools.book build",
    ]


def test_a_warning_of_the_build_says_what_to_do() -> None:
    warning = 'book/en/02-gan.md:7: WARNING: could not find bibtex key "nobody"'
    assert book.advise(warning) == f"{warning}; correct the key, or add its entry to book/references.bib"
    assert book.advise("WARNING: something else") == "WARNING: something else"


TESTS = """
import pytest
def test_good(): pass
def test_bad(): assert False
def test_left_out(): pytest.skip("why not")
def test_no_fixture(nothing): pass
"""


def test_tests_are_counted_from_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "REPORTS", tmp_path / "reports")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a quick start
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "test_none.py").write_text("")
    assert check.pytest("some", str(tmp_path / "test_some.py")) == check.Count(1, 2, 1)
    assert check.pytest("good", str(tmp_path / "test_some.py"), "-k", "good") == check.Count(1, 0, 0)
    assert check.pytest("none", str(tmp_path / "test_none.py")) == check.Count(0, 1, 0)  # no test is no success


@pytest.mark.parametrize(("ci", "expected"), [("true", (4, 1, 0)), ("", (4, 0, 1))])
def test_a_missing_browser_fails_in_ci_only_and_the_rest_runs(
    monkeypatch: pytest.MonkeyPatch, ci: str, expected: tuple[int, int, int]
) -> None:
    asked = []
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(browser, "prepare", lambda: (None, "Missing here: Chromium."))
    monkeypatch.setattr(check, "pytest", lambda *arguments, **env: asked.append(arguments) or check.Count(passed=4))
    assert check.site() == check.Count(*expected, "Missing here: Chromium.")
    assert asked == [("site", "tests/site", "-m", "not browser")]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[str | None, str]]:
    """Prepare a browser on a machine that has none, of a given system and user; what apt is asked for is in .asked."""
    asked: list[list[str]] = []

    def prepare(system: str, user: int, apt_works: bool = True) -> tuple[str | None, str]:
        programs = {"apt-get"} | ({"fc-list"} if system == "darwin" else set())

        def apt_install(wanted: list[str]) -> None:
            asked.append(wanted)
            if apt_works:
                programs.add("chromium")
                monkeypatch.setattr(browser, "has_chinese_font", lambda: True)

        monkeypatch.delenv("CHROMIUM", raising=False)
        monkeypatch.setattr(browser.shutil, "which", lambda name: f"/usr/bin/{name}" if name in programs else None)
        monkeypatch.setattr(browser, "is_debian", lambda: system == "debian")
        monkeypatch.setattr(browser.os, "geteuid", lambda: user)
        monkeypatch.setattr(browser, "apt_install", apt_install)
        return browser.prepare()

    prepare.asked = asked
    return prepare


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what Linux lacks")
def test_debian_as_root_installs_what_is_missing(bare: Callable) -> None:
    assert bare("debian", 0) == ("/usr/bin/chromium", "")
    assert bare.asked == [["chromium", "fontconfig", "fonts-noto-cjk"]]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what Linux lacks")
@pytest.mark.parametrize(("system", "user"), [("debian", 1000), ("ubuntu", 0)])
def test_elsewhere_one_line_says_what_is_missing(bare: Callable, system: str, user: int) -> None:
    path, missing = bare(system, user)
    assert path is None and bare.asked == []
    assert missing.startswith("Missing here: Chromium (or Chrome) and a Chinese font;") and "\n" not in missing


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what Linux lacks")
def test_an_installation_that_fails_is_noticed(bare: Callable) -> None:
    path, missing = bare("debian", 0, apt_works=False)
    assert path is None and missing.startswith("Missing here: Chromium")


def test_a_named_browser_is_honoured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = script(tmp_path / "my-browser", "#!/bin/sh\n")
    monkeypatch.setattr(browser, "has_chinese_font", lambda: True)
    monkeypatch.setenv("CHROMIUM", str(mine))
    assert browser.prepare() == (str(mine), "")
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "none"))
    path, missing = browser.prepare()
    assert path is None and missing.startswith(f"CHROMIUM names {tmp_path / 'none'}, and there is no such program")


def test_only_debian_is_debian(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('NAME="Debian GNU/Linux"\nID=debian\n')
    assert browser.is_debian(release)
    release.write_text("NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian\n")
    assert not browser.is_debian(release)
    assert not browser.is_debian(tmp_path / "none")


# --- CI


@pytest.mark.parametrize("status", [0, 3])
def test_ci_runs_make_test_and_nothing_else(tmp_path: Path, status: int) -> None:
    script(tmp_path / "make", f'#!/bin/sh\necho "make $@ in $(pwd)"; cat; exit {status}\n')
    env = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", ROOT / ".ci/run"], cwd=tmp_path, env=env, input="y\n", capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (status, f"make test in {ROOT}\n")
    assert os.access(ROOT / ".ci/run", os.X_OK)


def workflow(name: str) -> dict:
    """Read a workflow; YAML takes its key `on` for true."""
    read = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text("utf-8"))
    return read | {"on": read.pop(True)}


def steps(name: str) -> list[dict]:
    """The steps of all jobs of a workflow."""
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("name", [path.stem for path in (ROOT / ".github/workflows").glob("*.yml")])
def test_workflows_use_official_actions_at_a_major_version(name: str) -> None:
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used and [one for one in used if not re.fullmatch(r"actions/[\w-]+@v\d+", one)] == []


def test_ci_checks_pushes_forgets_weekly_and_publishes_what_passed() -> None:
    assert {"push", "pull_request"} <= workflow("test")["on"].keys()
    assert "bash .ci/run" in [step.get("run") for step in steps("test")]
    weekly = workflow("weekly")
    assert "schedule" in weekly["on"] and weekly["env"]["UV_NO_CACHE"] == "1"
    assert [step for step in steps("weekly") if "cache" in step.get("uses", "")] == []
    commands = [step["run"] for step in steps("weekly") if "run" in step]
    assert commands[-2:] == [".venv/bin/python notebooks/build.py --force", "bash .ci/run"]
    assert workflow("pages")["on"]["workflow_run"]["workflows"] == [workflow("test")["name"]]
    assert "github.event.workflow_run.conclusion == 'success'" in workflow("pages")["jobs"]["build"]["if"]
