"""How much memory this process may use: the machine's, or less by a limit of control groups."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from scheduler.basics.cpus import OWN, control_groups

LIMITS: Final = ("memory.max", "memory.limit_in_bytes")
"""The files of a group, of version 2 and of version 1."""


def usable_memory_bytes(own: Path = OWN) -> int:
    """The least of the machine's memory and of the limits on the way up.

    Args:
        own: the folder in /proc of the process.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError):
        for folder in control_groups("memory", own):
            for name in LIMITS:
                with suppress(OSError, ValueError):  # missing, or "max"
                    limits.append(int((folder / name).read_text("ascii")))
    return min(limits)
