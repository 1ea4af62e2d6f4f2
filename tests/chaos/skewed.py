"""A node whose wall clock jumps: `main.py`, with an offset from a file added to the wall clock.

The machine's own clock is shared by all processes, and no namespace has one of its own. So the jump
is made where the product reads the wall clock, which is in one place only; it takes effect between
any two reads. The monotonic clock stays that of the machine.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

OFFSET = "CHAOS_OFFSET_FILE"
"""Name of a variable with the file that holds the offset in seconds."""


def main() -> int:
    """Run a node."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import uuid_utils

    from scheduler import cli
    from scheduler.basics import clock
    from scheduler.node import assembly

    file = Path(os.environ[OFFSET])

    class SkewedClock(clock.SystemClock):
        def now(self) -> datetime:
            return super().now() + timedelta(seconds=int(file.read_text()))

    def new_id() -> str:
        milliseconds = round(SkewedClock().now().timestamp() * 1000)
        return str(UUID(int=milliseconds << 80 | uuid_utils.uuid7().int & (1 << 80) - 1))

    skewed = {"SystemClock": SkewedClock, "new_id": new_id}
    assert skewed.keys() <= vars(assembly).keys()
    vars(assembly).update(skewed)
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
