"""Packages that handlers import are imported once for all pool processes, where that is safe."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.nodes import ROOT

PRELOAD = """
import sys
from scheduler.processes.child.loading.installed_packages import Import, preload
preload([Import("tried"), Import("after")])
print("tried" in sys.modules, "after" in sys.modules)
"""

SAFE = {
    "nothing special": "X = [1]",
    "a class that computes its module": (
        "class Odd:\n    __module__ = property(lambda self: 'odd')\nX = Odd()"
    ),
    "an object that computes its class": (
        "class Lazy:\n    __class__ = property(lambda self: 1 / 0)\nX = Lazy()"
    ),
    "a lock that was only tried": (
        "import multiprocessing\nX = multiprocessing.get_context('fork').Lock()\ndel X"
    ),
    "a name for a temporary file": "import tempfile\nX = tempfile.gettempdir()",
}
UNSAFE = {
    "a lock of multiprocessing": (
        "import multiprocessing\nX = multiprocessing.get_context('fork').Lock()"
    ),
    "shared memory": "import mmap\nX = mmap.mmap(-1, 4096)",
    "a generator": "import random\nX = random.Random()",
    "a generator of a class of its own": (
        "import random\nclass Own(random.Random):\n    pass\nX = Own()"
    ),
}


@pytest.mark.parametrize("text", SAFE.values(), ids=SAFE)
def test_what_a_package_computes_at_import_is_shared(tmp_path: Path, text: str) -> None:
    """Else each pool process imports it anew: with pandas and the like, for a second or two."""
    assert preloaded(tmp_path, text) == ["True", "True"]


@pytest.mark.parametrize("text", UNSAFE.values(), ids=UNSAFE)
def test_what_processes_must_not_share_is_left_to_each(tmp_path: Path, text: str) -> None:
    """A lock that a killed job held would stay locked for all, and random numbers would repeat."""
    assert preloaded(tmp_path, text) == ["False", "True"]


def preloaded(folder: Path, text: str) -> list[str]:
    """Whether the package with this text is imported, and the one after it."""
    (folder / "tried.py").write_text(text)
    (folder / "after.py").write_text("")
    shown = subprocess.run(
        [sys.executable, "-c", PRELOAD],
        env={"PYTHONPATH": f"{ROOT}:{folder}"},
        check=True,
        capture_output=True,
        text=True,
    )
    return shown.stdout.split()
