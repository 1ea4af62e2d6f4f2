"""A node with a limit of open files that it cannot raise: that of the variable `DESCRIPTORS`."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

if __name__ == "__main__":
    limit = int(os.environ.pop("DESCRIPTORS"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    program = str(Path(__file__).parents[2] / "main.py")
    os.execv(sys.executable, [sys.executable, "-W", "error", program])  # noqa: S606
