"""Runs a part of the tests, and a node, on other Pythons that the machine has.

    pythons.py        as in CI: on the newest, and fewer tests
    pythons.py all    on each, as `make pythons` does

`make test` runs the whole suite on one. What may differ between Pythons is the language, its
library, and the packages that are compiled for each:

- `tests/unit`, all of it;
- `tests/contract` on SQLite, whose module comes with Python, and on a queue that the node starts
  and one behind a URL. Sentinels, clusters and PostgreSQL are the same servers for each Python:
  of PostgreSQL's contract there is one file, since its driver is compiled;
- a node that starts, runs a job, aborts one and ends.

Each Python has packages of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import smoke

ROOT = Path(__file__).parents[1]
OLDEST, NEWEST = 11, 14
TESTS = ("tests/unit", "tests/contract")
FEW = (
    *(f"tests/unit/{each}" for each in ("client", "core", "handlers", "processes", "worker")),
    *("tests/contract/store", "tests/contract/queue/test_queue.py"),
)
LEFT_OUT = ("tests/unit/repository", "tests/unit/core/test_json_numpy.py")
"""The first is about files; the second needs the packages of `requirements-handlers.txt`."""
CHOSEN = "unit or test_attempts or not (memory or postgres or sentinel or cluster)"
"""By words in the names of folders, files, tests and their parameters."""
VERSION = "import ensurepip, sys, venv; print(sys.version_info.minor)"


def main(*, on_each: bool) -> None:
    """Test them; any failure raises."""
    used = _minor(ROOT / ".venv" / "bin" / "python")
    others = {minor: path for minor, path in sorted(_pythons().items()) if minor != used}
    for minor, python in others.items():
        if on_each or minor == max(others):
            with tempfile.TemporaryDirectory() as folder:
                print(f"Python 3.{minor}", flush=True)
                _test(python, Path(folder), TESTS if on_each else FEW)


def _pythons() -> dict[int, Path]:
    """One Python of each version that is supported, by its minor number."""
    return {minor: path for path in _candidates() if (minor := _minor(path)) is not None}


def _candidates() -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for minor in range(OLDEST, NEWEST + 1):
        yield from sorted(pyenv.glob(f"versions/3.{minor}.*/bin/python"))
        if found := shutil.which(f"python3.{minor}"):
            yield Path(found)


def _minor(python: Path) -> int | None:
    """The version of a Python that runs and can make virtual environments."""
    ended = subprocess.run([python, "-c", VERSION], capture_output=True, text=True, check=False)
    return int(ended.stdout) if ended.returncode == 0 else None


def _test(python: Path, folder: Path, tests: Sequence[str]) -> None:
    """Run these tests, and a node, on a Python."""
    own = folder / "bin" / "python"
    pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "venv", folder], check=True)
    subprocess.run([*pip, "--require-hashes", "-r", "requirements-dev.txt"], check=True)
    pytest = [own, "-m", "pytest", "-q", "-n", "3", "--dist", "loadfile"]
    left_out = ["-p", "no:cacheprovider", *(f"--ignore={each}" for each in LEFT_OUT)]
    subprocess.run([*pytest, *left_out, "-k", CHOSEN, *tests], check=True)
    smoke.run([str(own), "main.py"])


if __name__ == "__main__":
    os.chdir(ROOT)
    main(on_each="all" in sys.argv[1:])
