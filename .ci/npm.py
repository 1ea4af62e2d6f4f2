"""Runs commands of npm packages, where there is npm to bring them.

A folder beside this file pins the packages and all that they need in its `package-lock.json`, with
hashes. What else is in the folder configures them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
RUN_S = 300


@contextmanager
def installed(name: str) -> Iterator[Path | None]:
    """A copy of the folder with its packages installed; None where there is no npm."""
    npm = shutil.which("npm")
    if npm is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(HERE / name, Path(folder, name)))
        subprocess.run([npm, *INSTALL], cwd=copy, check=True, timeout=RUN_S)
        yield copy


def run(folder: Path, command: str, *arguments: str) -> None:
    """Run a command of the installed packages; one that fails raises."""
    program = folder / "node_modules" / ".bin" / command
    environment = {**os.environ, **QUIET}
    subprocess.run([program, *arguments], cwd=folder, env=environment, check=True, timeout=RUN_S)
