"""A lock file is deleted only by a start that fails, and no two processes hold it."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import pytest

from scheduler.basics import file_lock
from scheduler.basics.file_lock import locked


def test_a_lock_file_stays_unless_the_block_that_made_it_fails(tmp_path: Path) -> None:
    """A refused start leaves nothing behind; what was there before is not its own."""
    lock = tmp_path / "lock"
    with pytest.raises(ZeroDivisionError), locked(lock, guards=tmp_path):
        raise ZeroDivisionError
    assert not lock.exists()
    with locked(lock, guards=tmp_path):
        pass
    with pytest.raises(ZeroDivisionError), locked(lock, guards=tmp_path):
        raise ZeroDivisionError
    assert lock.exists()


def test_a_file_that_is_deleted_while_it_is_waited_for_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open (here) - delete, release (there) - lock (here): the lock would guard nothing."""
    lock = tmp_path / "lock"
    tries: list[TextIO] = []
    lock_file = file_lock._lock

    def late(file: TextIO, guards: Path) -> None:
        if not tries:
            lock.unlink()
        tries.append(file)
        lock_file(file, guards)

    monkeypatch.setattr(file_lock, "_lock", late)
    with locked(lock, guards=tmp_path):
        assert len(tries) == 2
        assert file_lock.is_locked(lock)
