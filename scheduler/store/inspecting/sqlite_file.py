"""Looks at a SQLite file: whether it can be opened, and which schema it has."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from scheduler.core.errors import StartError
from scheduler.core.finding import Finding, missing, ok
from scheduler.store.schema import LOOK, latest, must_be_known
from scheduler.store.sqlite import BUSY_S, usable
from scheduler.store.statements import Dialect

MIB: Final = 1024 * 1024
RIGHTS: Final = "let the user of the node read and write it (chown, chmod)"


def inspect_file(
    path: Path, *, flaw_of: Callable[[Path], str | None]
) -> tuple[Sequence[Finding], str]:
    """What was found, and the identity of the store; empty where the file is not there yet.

    Args:
        flaw_of: why a folder cannot be made or used.

    Raises:
        StartError, StoreUnavailable: it cannot be used.
    """
    with usable(path):
        name = f"SQLite {sqlite3.sqlite_version}, {path}"
        if flaw := flaw_of(path.parent):
            return [missing("store", f"{name}: {flaw}", RIGHTS)], ""
        return _inspected(path, name)


def _inspected(path: Path, name: str) -> tuple[Sequence[Finding], str]:
    if not path.exists():
        return [ok("store", f"{name}: not there yet, the start makes it")], ""
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        return [missing("store", f"{name}: it cannot be read and written", RIGHTS)], ""
    identity, version = _installation(path)
    found = ok("store", f"{name}, {path.stat().st_size / MIB:.1f} MiB")
    return [found, _of_schema(version, path)], identity


def _installation(path: Path) -> tuple[str, int]:
    """Identity and version; empty and 0 where there is no schema."""
    with closing(sqlite3.connect(_uri(path), uri=True, timeout=BUSY_S / 2)) as connection:
        tables = "SELECT 1 FROM sqlite_schema WHERE name = 'installation'"
        row = connection.execute(LOOK).fetchone() if connection.execute(tables).fetchone() else None
    return (str(row[0]), int(row[1])) if row else ("", 0)


def _uri(path: Path) -> str:
    """How to open it such that SQLite makes no file beside it.

    Without its write-ahead log and the index of that, it is read as it lies there: opened in the
    usual way, SQLite would make both.
    """
    is_open = all(path.with_name(path.name + end).exists() for end in ("-wal", "-shm"))
    return f"{path.as_uri()}?{'mode=ro' if is_open else 'immutable=1'}"


def _of_schema(version: int, path: Path) -> Finding:
    needed = latest(Dialect.SQLITE)
    try:
        must_be_known(Dialect.SQLITE, version, where=str(path))
    except StartError as error:
        return missing("store schema", str(error), "start the newer version of the scheduler")
    if version < needed:
        return ok("store schema", f"version {version}; the start migrates it to {needed}")
    return ok("store schema", f"version {version}, nothing to migrate")
