"""This installation, for messages: how the program is called, and where its pages are.

checkout    ROOT = the checkout
installed   ROOT = site-packages/atlanscheduler
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
"""The folder with the package `scheduler`, README.md and `docs`."""


def program() -> str:
    """How to call this program."""
    called = Path(sys.argv[0])
    is_installed = called.name in {"atlanscheduler", "__main__.py"}
    return "atlanscheduler" if is_installed else f"{sys.executable} {called.absolute()}"


def page(name: str) -> str:
    """Where a page is, such as `docs/redis.md`: with the whole path, unless we are beside it."""
    file, near = ROOT / name, Path(name)
    if not file.exists():  # an image has no pages; the checkout that it was built in has them
        return name
    return name if near.exists() and near.samefile(file) else str(file)
