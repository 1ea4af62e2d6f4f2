"""How a test holds a handler in the middle of its work.

    {"hold": "/tmp/x"}   the handler creates `/tmp/x.<process>` and waits until `/tmp/x` exists

Without `hold` in its data a handler does not wait.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

STEP_S = 0.01


def reached(path: str | None) -> None:
    """Say that this process is in the middle of its work."""
    if path is not None:
        Path(f"{path}.{os.getpid()}").touch()


def hold(path: str | None) -> None:
    """Say so, and wait until the test lets this process go on."""
    reached(path)
    while path is not None and not Path(path).exists():
        time.sleep(STEP_S)
