"""Handlers that take memory, for the tests."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import Any

from scheduler import handler

LIMIT_BYTES = 256 * 1024 * 1024
UNTOUCHED = "import sys; sys.stdout.write(str(len(bytearray(int(sys.argv[1])))))"


@handler("greedy", memory_bytes=LIMIT_BYTES)
def greedy(data: Any) -> Any:
    """Allocate this many bytes at once, here or in a child."""
    if data["where"] == "here":
        return len(bytearray(data["bytes"]))
    command = [sys.executable, "-c", UNTOUCHED, str(data["bytes"])]
    return subprocess.run(command, capture_output=True, check=False).returncode


@handler("take")
def take(data: Any) -> Any:
    """Allocate this many bytes at once, without a limit."""
    return len(bytearray(data))


@handler("shrink")
def shrink(data: Any) -> Any:
    """Lower the hard limit of this process, for good."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_BYTES, LIMIT_BYTES))
