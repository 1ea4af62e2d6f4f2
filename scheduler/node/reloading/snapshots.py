"""The handlers folder, read and written down for all processes of the node."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkdtemp

from scheduler.processes.child.loading.snapshot import Snapshot
from scheduler.processes.warden.cookie import SCRATCH


def taken(folder: str) -> Snapshot:
    """The handlers as they are now.

    Raises:
        StartError: there is no such folder, or a file in it cannot be read.
    """
    return Snapshot.take(Path(folder).resolve())


def written(snapshot: Snapshot) -> Path:
    """Write a snapshot where all processes of this node read it; its place on their path."""
    return snapshot.write(Path(mkdtemp(prefix="handlers-", dir=os.environ[SCRATCH])))
