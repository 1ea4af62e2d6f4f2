"""What each peer's file ends with."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

REDIS: Final = os.environ["BENCH_REDIS"]
WORKERS: Final = os.environ["BENCH_WORKERS"]


def main(submit: Callable[[int, float], None], *worker: str) -> None:
    """Submit, or become the worker."""
    match sys.argv[1:]:
        case ["submit", jobs, ms]:
            submit(int(jobs), float(ms))
        case ["work"]:
            os.execv(sys.executable, [sys.executable, "-m", *worker])  # noqa: S606 - no shell
