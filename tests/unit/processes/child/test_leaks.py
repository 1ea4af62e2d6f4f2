"""How the descriptors of a pool process are counted, with a new kernel and with an old one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scheduler.processes.child.between_jobs.leaks import Descriptors


@pytest.mark.parametrize("kernel", ["new", "old"])
def test_descriptors_are_counted(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old kernel does not tell their number, and they are listed."""
    if kernel == "old":
        status = os.stat_result([0] * 10)
        monkeypatch.setattr(os, "fstat", lambda _: status)
    descriptors = Descriptors()
    before = descriptors.count()
    with Path(os.devnull).open(), Path(os.devnull).open():
        assert descriptors.count() == before + 2
    assert descriptors.count() == before
    os.close(descriptors._folder)
