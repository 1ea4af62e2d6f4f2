"""What a check of store, queue or machine found: a line of `doctor`."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

UNREACHABLE: Final = "start the server, and look at host, port and firewall between here and there"
"""The mend where a server does not answer."""


class Level(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    """A node starts, but something will be slow, lost or short."""
    MISSING = "missing"
    """A node does not start."""


class Finding(NamedTuple):
    """The result of one check."""

    check: str
    status: Level
    found: str
    mend: str = ""
    """What to do about it, in one sentence; empty where nothing is to be done."""


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, found)


def warning(check: str, found: str, mend: str) -> Finding:
    """A node starts all the same."""
    return Finding(check, Level.WARNING, found, mend)


def missing(check: str, found: str, mend: str) -> Finding:
    """A node does not start."""
    return Finding(check, Level.MISSING, found, mend)


def short(seconds: float) -> str:
    """A short time, so that none of them looks like nothing."""
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.001 else f"{seconds * 1e6:.0f} µs"


def within(check: str, found: str, mend: str, *, fine: bool) -> Finding:
    """All is well, or only a warning."""
    return ok(check, found) if fine else warning(check, found, mend)
