"""What the jobs of the benchmark do; the same functions run here, in Celery and in RQ.

An order says where to write the number of the process once the job is under way, and which cookie
its children carry. Standard library only: the peers' virtual environments load this too.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.jobs.process_table import JOB

Order = Mapping[str, str]

CHILDREN: Final = 9
"""With the process that runs the job, a tree of ten: three shells with two programs each, and one
of the shells in a session of its own, as a daemon would be."""


RUN_S: Final = 0.1
"""A job runs for so long before it is aborted: until whoever runs it is idle again, having made
ready for the next job."""


def loop(order: Order) -> None:
    """Compute in C for an hour, in one call that never looks at signals."""
    _begin(order)
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2**31 - 1)


def tree(order: Order) -> None:
    """Start nine processes, and wait for ever."""
    environment = {**os.environ, JOB: order["cookie"]}
    for apart in (False, False, True):
        shell = subprocess.Popen(
            ["sh", "-c", "sleep 1000 & sleep 1000 & echo both; wait"],
            env=environment,
            stdout=subprocess.PIPE,
            start_new_session=apart,
        )
        assert shell.stdout is not None
        shell.stdout.readline()
    _begin(order)
    time.sleep(3600)


def sleep(order: Order) -> None:
    """Use nothing but a slot, for ever."""
    _begin(order)
    time.sleep(3600)


def _begin(order: Order) -> None:
    """Tell who runs the job: in one step, so that nobody reads half a number."""
    file = Path(order["file"])
    draft = file.with_suffix(".draft")
    draft.write_text(str(os.getpid()))
    draft.rename(file)
