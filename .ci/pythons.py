"""Runs a part of the tests, and a node, on each other Python that the machine has.

`make test` runs the whole suite on one. What may differ between Pythons is in `tests/unit` and
`tests/contract`, and in a node that starts, runs a job and ends. Each gets packages of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import smoke

ROOT = Path(__file__).parents[1]
OLDEST, NEWEST = 11, 14
TESTS = ("tests/unit", "tests/contract")
LEFT_OUT = ("tests/unit/repository", "tests/unit/core/test_json_numpy.py")
"""The first is about files; the second needs the packages of `requirements-handlers.txt`."""
VERSION = "import ensurepip, sys, venv; print(sys.version_info.minor)"


def main() -> None:
    """Test each; any failure raises."""
    used = _minor(ROOT / ".venv" / "bin" / "python")
    for minor, python in sorted(_pythons().items()):
        if minor != used:
            with tempfile.TemporaryDirectory() as folder:
                _test(python, Path(folder), minor)


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


def _test(python: Path, folder: Path, minor: int) -> None:
    print(f"Python 3.{minor}", flush=True)
    own = folder / "bin" / "python"
    pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "venv", folder], check=True)
    subprocess.run([*pip, "--require-hashes", "-r", "requirements-dev.txt"], check=True)
    pytest = [own, "-m", "pytest", "-q", "-n", "3", "--dist", "loadfile", "-p", "no:cacheprovider"]
    left_out = [f"--ignore={each}" for each in LEFT_OUT]
    subprocess.run([*pytest, *left_out, *TESTS], check=True)
    smoke.run([str(own), "main.py"])


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
