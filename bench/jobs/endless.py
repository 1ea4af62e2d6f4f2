"""Jobs that run until they are aborted; the same functions run in our node, in Celery and in RQ.

A job's data names the file to which it writes its process id once it runs, and the mark that its
children carry in their environment. Standard library only: the peers' virtual environments load
this too.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.jobs.process_table import JOB_MARK

Data = Mapping[str, str]

CHILDREN: Final = 9
"""With the process that runs the job, this is a tree of ten: three shells with two programs each.
One of the shells is in a session of its own, as a daemon would be."""


RUN_S: Final = 0.1
"""How long a job runs before it is aborted: until its scheduler has prepared for the next job and
is idle again."""


def loop(data: Data) -> None:
    """Compute in C for an hour, in one call that never looks at signals."""
    _write_pid(data)
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2**31 - 1)


def tree(data: Data) -> None:
    """Start nine processes, and sleep."""
    environment = {**os.environ, JOB_MARK: data["mark"]}
    for apart in (False, False, True):
        shell = subprocess.Popen(
            ["sh", "-c", "sleep 1000 & sleep 1000 & echo both; wait"],
            env=environment,
            stdout=subprocess.PIPE,
            start_new_session=apart,
        )
        assert shell.stdout is not None
        shell.stdout.readline()
    _write_pid(data)
    time.sleep(3600)


def sleep(data: Data) -> None:
    """Sleep, and use nothing but a slot."""
    _write_pid(data)
    time.sleep(3600)


def _write_pid(data: Data) -> None:
    """Write the process id; the rename makes sure that nobody reads half of it."""
    file = Path(data["file"])
    draft = file.with_suffix(".draft")
    draft.write_text(str(os.getpid()))
    draft.rename(file)
