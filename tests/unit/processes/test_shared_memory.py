"""What a job has in shared memory is looked for only where there is something to find."""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing import shared_memory as memory

import pytest

from scheduler.processes import shared_memory, tree

HOLDS = """
import sys
from pathlib import Path
with Path("/dev/shm", sys.argv[1]).open("r+b"):
    print(flush=True)
    sys.stdin.read()
"""


def test_no_process_is_looked_at_where_nothing_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes longer than the kill, and the user of an abort waits for it."""
    monkeypatch.setattr(shared_memory, "entries", lambda: frozenset({"old"}))
    monkeypatch.setattr(shared_memory, "_mapped", None)
    root = tree.Process(os.getpid(), 1)
    assert shared_memory.used_by(root, before=frozenset({"old", "gone by now"})) == frozenset()


def test_what_is_new_and_open_is_found() -> None:
    """By the process that may write to it."""
    before = shared_memory.entries()
    made = memory.SharedMemory(create=True, size=1)
    try:
        command = [sys.executable, "-c", HOLDS, made.name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            holder.stdout.readline()
            found = tree.stat(holder.pid)
            assert found is not None
            assert shared_memory.used_by(found.process, before=before) == {made.name}
            assert shared_memory.used_by(found.process, before=shared_memory.entries()) == set()
            holder.communicate()
    finally:
        made.close()
        made.unlink()
