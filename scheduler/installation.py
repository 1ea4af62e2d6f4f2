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
    file = ROOT / name
    is_near = Path.cwd() == ROOT or not file.exists()  # an image has no pages; its checkout does
    return name if is_near else str(file)
