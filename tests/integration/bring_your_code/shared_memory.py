"""What the jobs of a node leave in `/dev/shm`.

Other programs use that folder at the same time, so only names that tell whose they are count: the
handlers of `tests/handlers_real` begin them with the node's trial, joblib with its own name and the
number of the process that made them. That may be one of another test, which runs at the same time.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.process_table import proc_file, there

FOLDER = Path("/dev/shm")  # noqa: S108 - the folder itself is what is looked at
JOBLIB = re.compile(r"(?:joblib_memmapping_folder_|sem\.loky-)(\d+)").match
OTHERS = set[str]()
"""The names that a process of another test was seen to have made: its own after its death, too."""


def entries(trial: str) -> set[str]:
    """The names of what jobs of this trial made, and of what joblib did, except in other tests."""
    return {entry.name for entry in FOLDER.iterdir() if _may_be_of(trial, entry.name)}


def _may_be_of(trial: str, name: str) -> bool:
    """Whether a process of the trial made this, or one that is gone: then it may have."""
    if (made := JOBLIB(name)) is None:
        return trial[:8] in name
    maker = int(made[1])
    environment = proc_file(maker, "environ")
    is_ours = f"TRIAL={trial}".encode() in environment
    if b"TRIAL=" in environment and not is_ours:
        OTHERS.add(name)
    return name not in OTHERS and (is_ours or not there([maker]))
