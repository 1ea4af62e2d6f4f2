"""Loads the handlers folder: imports every file in it and collects the handlers.

Runs in the fork server, before it forks the pool processes.
"""

from __future__ import annotations

import importlib
import sys
import traceback
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from scheduler.core.errors import StartError
from scheduler.core.handler import LIST, Handler

PACKAGE: Final = "handlers"
"""The name under which any handlers folder is imported: `from handlers.x import y`."""


def load(folder: Path) -> Mapping[str, Handler]:
    """Import every `*.py` of a folder, in the order of their names; the handlers by name.

    Raises:
        StartError: the folder is missing, a file does not import, or two handlers share a name.
    """
    if not folder.is_dir():
        raise StartError(f"[handlers] path = {str(folder)!r}: there is no such folder")
    found: dict[str, Handler] = {}
    for each in _listed(folder.absolute()):
        name = each.options.name
        if name in found:
            raise StartError(
                f"{each.location}: a handler named {name!r} is already at {found[name].location}"
            )
        found[name] = each
    return found


def _listed(folder: Path) -> Sequence[Handler]:
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    files = sorted(file for file in folder.glob("*.py") if not file.name.startswith("."))
    modules = [_import(file) for file in files]
    return [each for module in modules for each in vars(module).get(LIST, ())]


def _import(file: Path) -> types.ModuleType:
    try:
        return importlib.import_module(f"{PACKAGE}.{file.stem}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a user's file may raise anything, SystemExit too
        raise StartError(
            f"{_place_of(error, file)}: the handler file does not import: "
            f"{type(error).__name__}: {error}".replace("\n", " ")
        ) from error


def _place_of(error: BaseException, file: Path) -> str:
    """The line of `file` that raised the error, or the line with the syntax error."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == file
    ]
    return f"{file}:{lines[-1]}" if lines else str(file)
