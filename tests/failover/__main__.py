"""`python -m tests.failover`: the table of docs/operating.md; status 1 if anything is wrong."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from scheduler.queue.embedded.program import find_program
from tests.failover import postgres
from tests.failover.load import HEAD


def main() -> int:
    """Run each failover, and print its row."""
    print(HEAD, flush=True)
    wrong: list[str] = []
    for what in postgres.FAULTS:
        with TemporaryDirectory(prefix="failover-") as folder:
            program = asyncio.run(find_program())
            found = asyncio.run(postgres.measured(what, folder=Path(folder), redis_program=program))
        print(found.row(), flush=True)
        wrong += found.wrong
    print("\n".join(wrong), end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
