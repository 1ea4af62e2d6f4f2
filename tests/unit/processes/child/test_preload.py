"""What a pool process says of handlers that its fork server loaded, or did not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.processes.child.loading.snapshot import Snapshot
from tests.support.nodes import HANDLERS, ROOT


@pytest.mark.parametrize(
    ("preload", "fault"),
    [("", "the fork server could not import"), (".child.loading.preload", "None")],
)
def test_a_fork_server_that_did_not_preload_is_a_fault(
    preload: str, fault: str, tmp_path: Path
) -> None:
    """It passes over what it cannot import, and each process would have no handlers at all."""
    environment = {
        **os.environ,
        "ATLANSCHEDULER_HANDLERS": str(Snapshot.take(HANDLERS).write(tmp_path)),
        "ATLANSCHEDULER_DESCRIPTORS": "100",
        "SCHEDULER_HANDLERS__FILES_DIR": str(tmp_path),
    }
    program = f"""
import scheduler.processes{preload}
from scheduler.core.errors import StartError
from scheduler.processes.child import job_loop
try:
    job_loop._load(job_loop.LOADED.snapshot)
except StartError as error:
    print(error)
else:
    print(None)
"""
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert fault in said
