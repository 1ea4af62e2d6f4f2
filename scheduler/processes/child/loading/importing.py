"""Executes the files of the handlers folder in this process, and collects the handlers."""

from __future__ import annotations

import ast
import importlib
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scheduler.core.errors import StartError
from scheduler.core.handler import REGISTERED, Handler
from scheduler.processes.child.loading.own_modules import advice
from scheduler.processes.child.loading.snapshot import PACKAGE, Snapshot, Source

IMPORT_S: Final = 60.0
"""How long all files together may take: one may load a large model at its top."""


def load(folder: Path) -> Mapping[str, Handler]:
    """Import a folder as it is now, in this process; its handlers by name.

    Raises:
        StartError: see `Snapshot.take` and `import_all`.
    """
    snapshot = Snapshot.take(folder)
    snapshot.install()
    return import_all(snapshot)


class TooLateError(BaseException):
    """The files are not imported in time: what waits in one for ever is interrupted."""


def import_all(snapshot: Snapshot) -> Mapping[str, Handler]:
    """Import every file of a folder and of the packages in it; the handlers by name.

    Raises:
        StartError: a file does not import, they take longer than `IMPORT_S`, two handlers share a
            name, or a handler is in a folder that is no package.
    """
    modules = [name for name in snapshot.sources if is_loaded(name, snapshot.sources)]
    with _in_time():
        for name in modules:
            _import(name, snapshot)
    for name, source in snapshot.sources.items():
        if name not in sys.modules and name not in modules:
            _refuse_handlers(source)
    found: dict[str, Handler] = {}
    for each in _listed():
        name = each.options.name
        if name in found:
            raise StartError(
                f"{each.location}: a handler named {name!r} is already at {found[name].location}"
            )
        found[name] = each
    return found


def is_loaded(name: str, sources: Mapping[str, Source]) -> bool:
    """Whether a module is imported at start: all folders above it are packages."""
    parents = name.split(".")[:-1]
    packages = (sources.get(".".join(parents[: i + 1])) for i in range(len(parents)))
    return all(each and each.is_package for each in packages) and not name.endswith(".__main__")


def _listed() -> Sequence[Handler]:
    """The handlers of the folder's modules, and those that they import by name from elsewhere."""
    modules = [module for name, module in tuple(sys.modules.items()) if _is_ours(name) and module]
    imported = {id(value) for module in modules for value in tuple(vars(module).values())}
    return [each for each in REGISTERED if _is_ours(each.module) or id(each.decorated) in imported]


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE


@contextmanager
def _in_time() -> Iterator[None]:
    """Raise `TooLateError` where the block takes too long, unless a file uses that timer itself."""

    def stop(*_: object) -> None:
        raise TooLateError(f"it is still not done after {IMPORT_S:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, IMPORT_S)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGALRM) is stop:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def _import(name: str, snapshot: Snapshot) -> None:
    try:
        importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a user's file may raise anything, SystemExit too
        file, line = _place_of(error, snapshot, snapshot.sources[name])
        raise StartError(
            f"{file}{line}: the handler file does not import: {type(error).__name__}: {error}"
            f"{advice(error, file, snapshot.sources)}".replace("\n", " ")
        ) from error


def _place_of(error: BaseException, snapshot: Snapshot, imported: Source) -> tuple[str, str]:
    """The last line in the folder that was about to run, or the line with the syntax error."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, f":{error.lineno}"
    files = {each.path for each in snapshot.sources.values()}
    places = [
        (frame.filename, f":{frame.lineno}")
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename in files
    ]
    return places[-1] if places else (imported.path, "")


def _refuse_handlers(source: Source) -> None:
    """Refuse a file that nothing imports, if there is a handler in it."""
    if b"@handler" not in source.text:  # parsing thousands of files would take a minute
        return
    try:
        tree = ast.parse(source.text)
    except (SyntaxError, ValueError):
        return  # whatever it is, it is not asked for
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            called = decorator.func if isinstance(decorator, ast.Call) else None
            if isinstance(called, ast.Name) and called.id == "handler":
                folder = Path(source.path).parent
                raise StartError(
                    f"{source.path}:{decorator.lineno}: this handler is not loaded, because"
                    f" {folder} is no package: add a file __init__.py to it"
                )
