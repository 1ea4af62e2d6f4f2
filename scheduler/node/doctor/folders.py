"""The folders that a node writes to, by their rights: nothing is written to try them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scheduler.basics.file_lock import is_locked
from scheduler.core.errors import StartError
from scheduler.core.finding import Finding, missing, ok, warning
from scheduler.node.config.loading import Config
from scheduler.node.folders import LOCK, flaw_of
from scheduler.node.scratch import likely_place

FREE_BYTES: Final = 1024**3
RIGHTS: Final = "let the user of the node write there (chown, chmod), or name another folder"
SPACE: Final = "free some space: with a full disk a node answers 503 to what it cannot store"


def folder_findings(config: Config) -> Iterator[Finding]:
    """What is found of each folder."""
    data_dir = Path(config.node.data_dir).resolve()
    used = ", in use by the node that runs here" if is_used(data_dir) else ""
    yield _folder("data_dir", data_dir, used)
    yield _folder("files_dir", Path(config.handlers.files_dir).resolve(), "")
    try:
        place = Path(likely_place(data_dir))
    except StartError as error:
        yield missing("temporary files", str(error), "set TMPDIR to a folder with a short path")
    else:
        yield _folder("temporary files", place, "")


def is_used(data_dir: Path) -> bool:
    """Whether a node runs with this data_dir."""
    return is_locked(data_dir / LOCK)


def _folder(name: str, folder: Path, used: str) -> Finding:
    if flaw := flaw_of(folder):
        return missing(name, f"{folder}: {flaw}", RIGHTS)
    there = next(each for each in (folder, *folder.parents) if each.exists())
    is_new = there != folder
    free = shutil.disk_usage(there).free
    found = f"{folder}{', the start makes it' if is_new else ''}{used}, {_size(free)} free"
    return ok(name, found) if free >= FREE_BYTES else warning(name, found, SPACE)


def _size(free: int) -> str:
    return f"{free / 1024**3:.0f} GiB" if free >= 10 * FREE_BYTES else f"{free / 1024**2:.0f} MiB"
