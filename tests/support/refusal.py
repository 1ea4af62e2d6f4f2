"""Simulates a machine that is out of pids, memory or files for a moment."""

from __future__ import annotations

import errno
from pkgutil import resolve_name

import pytest


def refuse_once(monkeypatch: pytest.MonkeyPatch, target: str) -> list[OSError]:
    """Make the next call of this function fail; the returned list is empty once it has."""
    call = resolve_name(target)
    refusals = [OSError(errno.EAGAIN, "Resource temporarily unavailable")]

    def refusing(*args: object, **options: object) -> object:
        if refusals:
            raise refusals.pop()
        return call(*args, **options)

    monkeypatch.setattr(target, refusing)
    return refusals
