"""What the jobs of a node leave in `/dev/shm`.

Other programs use that folder at the same time, so only names that tell whose they are count: the
handlers of `tests/handlers_real` begin them with the node's trial, joblib with its own name.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path("/dev/shm")  # noqa: S108 - the folder itself is what is looked at
JOBLIB = ("joblib_memmapping_folder_", "sem.loky-")
"""Begin the names of what only one of the tests makes."""


def entries(trial: str) -> set[str]:
    """The names of what jobs of this trial made, and of what joblib did."""
    names = {entry.name for entry in FOLDER.iterdir()}
    return {name for name in names if trial[:8] in name or name.startswith(JOBLIB)}
