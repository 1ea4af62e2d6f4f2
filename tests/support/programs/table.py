"""The programs, and where they are found.

PostgreSQL and Valkey are not among them: they come with the packages of `requirements-dev.txt`.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest


@dataclass(frozen=True, slots=True)
class Program:
    """A program that a test may need."""

    package: str
    """Debian's name of the package that has it."""
    purpose: str
    """What the tests do with it."""


PROGRAMS: Final = {
    "caddy": Program("caddy", "stands in front of a node"),
    "chromium": Program("chromium", "opens the dashboard, as users do"),
    "nginx": Program("nginx", "stands in front of a node"),
    "openssl": Program("openssl", "makes certificates"),
    "pgbouncer": Program("pgbouncer", "stands in front of PostgreSQL"),
    "redis-sentinel": Program("redis-sentinel", "names the primary of several Redis servers"),
    "redis-server": Program("redis-server", "a Redis that has TLS"),
}

FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin")
"""Where servers are, beside the PATH: that of an ordinary user does not have these."""
BROWSERS: Final = Path(sys.prefix, "browsers")
"""Where a Chromium is that Playwright downloaded."""


def find(name: str) -> str | None:
    """The path of a program, if the machine has it."""
    places = os.pathsep.join((os.environ.get("PATH", ""), *FOLDERS))
    found = shutil.which(name, path=places)
    if found is None and name == "chromium":
        return next(map(str, BROWSERS.glob("chromium-*/chrome-linux*/chrome")), None)
    return found


def missing() -> list[str]:
    """The programs that the machine does not have."""
    return [name for name in PROGRAMS if find(name) is None]


def required() -> bool:
    """Whether a missing program is a failure: CI must not pass with tests left out."""
    return os.environ.get("CI") == "true"


def program(name: str) -> str:
    """The path of a program; where the machine does not have it, the test is left out."""
    path = find(name)
    if path is None and required():
        pytest.fail(f"needs {name}")
    if path is None:
        pytest.skip(f"needs {name}")
    return path
