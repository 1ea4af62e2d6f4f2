"""Programs that tests need and do not bring themselves: nginx, PgBouncer, Debian's Redis."""

from __future__ import annotations

import os
import shutil

import pytest

PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
"""Servers are in folders that the PATH of an ordinary user does not have."""


def program(name: str) -> str:
    """The path of a program; where the machine does not have it, the test is left out."""
    path = shutil.which(name, path=PLACES)
    if path is None:
        pytest.skip(f"needs {name}")
    return path
