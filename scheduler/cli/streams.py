"""Makes the standard streams of this process usable, whatever it was started with."""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

MODES: Final = {"stdin": "r", "stdout": "w", "stderr": "w"}
"""The streams in the order of their descriptors."""


def prepare_streams() -> None:
    """Open what is closed, and let output be shown as far as its encoding can show it.

    A descriptor that is left closed is given to the next socket or file that is opened: what is
    printed would go there. So this comes before everything else.
    """
    for descriptor, (name, mode) in enumerate(MODES.items()):
        if not _is_open(descriptor):
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - positional only
        if getattr(sys, name) is None:
            setattr(sys, name, _stream(descriptor, mode))
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _stream(descriptor: int, mode: str) -> TextIO:
    return open(descriptor, mode, encoding="utf-8", closefd=False)  # type: ignore[return-value]
