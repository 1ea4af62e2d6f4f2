"""Looks at a store for `doctor`, and changes nothing in it.

sqlite_file       a database in a file, read as it lies there
postgres_server   a database on a server, by one connection
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from scheduler.basics.urls import redacted
from scheduler.core.errors import StartError, StoreUnavailable
from scheduler.core.finding import UNREACHABLE, Finding, missing
from scheduler.store import file_of
from scheduler.store.inspecting.namesakes import OwnNode
from scheduler.store.inspecting.postgres_server import inspect_server
from scheduler.store.inspecting.sqlite_file import inspect_file

__all__ = ["Inspected", "OwnNode", "inspect_store"]

CORRECT: Final = "correct [store] in the configuration, or the server or file that it names"


class Inspected(NamedTuple):
    """What was found, and the identity of the store where it has one."""

    findings: Sequence[Finding]
    identity: str = ""


async def inspect_store(
    url: str,
    *,
    schema: str,
    data_dir: Path,
    flaw_of: Callable[[Path], str | None],
    own: OwnNode,
) -> Inspected:
    """Look whether a node can use the store, and how well.

    Args:
        flaw_of: why a folder cannot be made or used.
        own: the node for which this is asked.
    """
    try:
        path = file_of(url, data_dir=data_dir)
        if path is None:
            return Inspected(*await inspect_server(url, schema=schema, own=own))
        return Inspected(*inspect_file(path, flaw_of=flaw_of))
    except StoreUnavailable as error:
        return Inspected([missing("store", redacted(str(error)), UNREACHABLE)])
    except StartError as error:
        return Inspected([missing("store", redacted(str(error)), CORRECT)])
