"""Loads the handlers as a pool process does, in a process that is ended after it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from scheduler.basics.counted import counted
from scheduler.core.finding import Finding, missing, ok, warning
from scheduler.node.config.loading import PRIVATE
from scheduler.node.config.sections import HandlersSection
from scheduler.node.preflight import ROOT, init_makes_them, is_made, nothing_there

LOADING: Final = "scheduler.node.doctor.loading_process"
SHOWN_MAX: Final = 10


class Loaded(NamedTuple):
    """The names of the handlers, or why they do not load."""

    names: Sequence[str]
    fault: str | None


async def handlers_finding(handlers: HandlersSection, file: Path) -> Sequence[Finding]:
    """How many there are, or the fault with file and line.

    Args:
        file: where the configuration was read, or would have been.
    """
    if not is_made(handlers, file):
        return [missing("handlers", nothing_there(file), init_makes_them())]
    return await _found(*_folders(handlers))


def _folders(handlers: HandlersSection) -> tuple[Path, Path]:
    return Path(handlers.path).resolve(), Path(handlers.files_dir).resolve()


async def _found(folder: Path, files_dir: Path) -> Sequence[Finding]:
    loaded = await _loaded(folder, files_dir)
    if loaded.fault is not None:
        return [missing("handlers", loaded.fault, "correct it, or [handlers] path")]
    if not loaded.names:
        return [warning("handlers", f"no handler in {folder}", "put a file with a @handler there")]
    more = ", …" if len(loaded.names) > SHOWN_MAX else ""
    listed = f"{', '.join(loaded.names[:SHOWN_MAX])}{more}"
    return [ok("handlers", f"{counted(len(loaded.names), 'handler')} in {folder}: {listed}")]


async def _loaded(folder: Path, files_dir: Path) -> Loaded:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-B", "-m", LOADING, str(folder)),
        env=_environment(files_dir),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it started, too
        await process.wait()
    if not output:
        said = f"{folder}: a file ends the process that loads it (status {process.returncode})"
        return Loaded((), said)
    names, fault = json.loads(output)
    return Loaded(names, fault)


def _environment(files_dir: Path) -> dict[str, str]:
    """As a pool process has it: without the node's settings, which may be secret."""
    kept = {name: text for name, text in os.environ.items() if name not in PRIVATE}
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return {**kept, "PYTHONPATH": path, "SCHEDULER_HANDLERS__FILES_DIR": str(files_dir)}
