"""Run everything CI checks, cheapest first; a part that fails does not keep the others from running."""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools import browser, parity

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "_build" / "test"


@dataclass
class Count:
    """What a part found: tests passed, failed and skipped, and one line on what it had to leave out."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            " ".join(filter(None, [self.note, other.note])),
        )


def run(*command: str, **env: str) -> Count:
    """Run one command from the root of the repository: one test, passed if it exits with 0."""
    sys.stdout.flush()
    status = subprocess.run([sys.executable, *command], cwd=ROOT, env=os.environ | env, stdin=subprocess.DEVNULL)
    return Count(failed=1) if status.returncode else Count(passed=1)


def pytest(report: str, *arguments: str, **env: str) -> Count:
    """Run pytest and count its tests.

    Args:
        report: name of the JUnit report that pytest writes, from which the tests are counted.
        arguments: what to test.
        env: environment variables to set.

    Returns:
        The count; at least one failure if pytest itself failed (it found no test, or was killed).
    """
    file = REPORTS / f"{report}.xml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    outcome = run("-m", "pytest", f"--junitxml={file}", *arguments, **env)
    count = read_report(file)
    if outcome.failed and not count.failed:
        count.failed = 1
    return count


def read_report(file: Path) -> Count:
    """Count the tests in a JUnit report; a missing report counts nothing."""
    if not file.is_file():
        return Count()
    suites = ET.parse(file).getroot().iter("testsuite")
    count = Count()
    for suite in suites:
        tests, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        count += Count(max(tests - failed - skipped, 0), failed, skipped)
    return count


def lint() -> Count:
    return run("-m", "ruff", "check", ".") + run("-m", "ruff", "format", "--check", ".")


def sync() -> Count:
    return run("notebooks/build.py", "--check") + run("-m", "tools.parity") + Count(note=parity.note())


def tests() -> Count:
    # A process for each core, each with one thread: most tests compute too little to use several.
    parallel = ["-n", "auto", "--dist", "loadfile"]
    path, _ = browser.prepare()  # the notebooks' players are played in one; `site` says what is missing
    env = {"CHROMIUM": path} if path else {}
    return pytest("tests", *parallel, "tests", "--ignore=tests/site", OMP_NUM_THREADS="1", **env)


def labs() -> Count:
    folders = ["notebooks/en", "notebooks/zh"]
    options = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    return pytest("labs", *options, *folders, GANLIB_PROFILE="smoke")


def book() -> Count:
    return run("-m", "tools.book", "build", "--fresh")


def site() -> Count:
    built = ROOT / "_build" / "html"
    env = {"SITE": str(built)} if (built / "index.html").is_file() else {}  # what `book` built, not another build
    path, missing = browser.prepare()
    if path:
        return pytest("site", "tests/site", CHROMIUM=path, **env) + Count(note=missing)
    count = pytest("site", "tests/site", "-m", "not browser", **env)
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return count + Count(failed=int(in_ci), skipped=int(not in_ci), note=missing)


PARTS: dict[str, Callable[[], Count]] = {
    "lint": lint,  # ruff
    "sync": sync,  # the committed notebooks are their sources', and the languages agree
    "tests": tests,  # unit, maths, book and notebooks
    "labs": labs,  # nbval over both languages
    "book": book,  # the site builds without a warning
    "site": site,  # and opens in a browser
}


def check(parts: dict[str, Callable[[], Count]]) -> int:
    """Run the parts one after another and print a table and a total.

    Args:
        parts: the functions by name, in order.

    Returns:
        0 if nothing failed, else 1.
    """
    total, rows, start = Count(), [], time.perf_counter()
    for name, part in parts.items():
        print(f"\n===== {name} =====", flush=True)
        began = time.perf_counter()
        try:
            count = part()
        except Exception as error:  # a fault of a part is this part's failure, whatever it is
            count = Count(failed=1, note=f"{type(error).__name__}: {error}")
        rows.append((name, count, time.perf_counter() - began))
        total += count
    print(f"\n{'part':<8}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for name, count, seconds in rows:
        mark = "  <-- FAILED" if count.failed else ""
        print(f"{name:<8}{count.passed:>8}{count.failed:>8}{count.skipped:>9}{seconds:>9.1f}{mark}")
        if count.note:
            print(f"        {count.note}")
    print(f"{'all':<8}{total.passed:>8}{total.failed:>8}{total.skipped:>9}{time.perf_counter() - start:>9.1f}\n")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return int(total.failed > 0)


def main(names: list[str]) -> int:
    """Run the named parts, or all of them."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"There is no part {unknown[0]!r}: the parts are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    return check({name: part for name, part in PARTS.items() if not names or name in names})


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
