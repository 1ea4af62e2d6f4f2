"""What to write for a module of the handlers folder that a file imports as if it were installed."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.processes.child.loading.snapshot import PACKAGE, Source


def advice(error: BaseException, importer: str, sources: Mapping[str, Source]) -> str:
    """How to import what was not found, where it lies in the folder; else empty.

    Args:
        error: what the import raised.
        importer: the file that has the import.
        sources: the files of the folder, by the name of their module.
    """
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    missing = error.name.partition(".")[0]
    package = _package_of(importer, sources)
    if _is_there(f"{package}.{missing}", sources):
        return f" (it is beside this file: write `from .{missing} import …`)"
    if _is_there(f"{PACKAGE}.{missing}", sources):
        return f" (it is in the handlers folder: write `from {PACKAGE}.{missing} import …`)"
    return ""


def _package_of(file: str, sources: Mapping[str, Source]) -> str:
    """The name of the package that a file belongs to."""
    for name, source in sources.items():
        if source.path == file:
            return name if source.is_package else name.rpartition(".")[0]
    return PACKAGE


def _is_there(name: str, sources: Mapping[str, Source]) -> bool:
    """Whether it is a module of the folder, or a folder in it, with or without `__init__.py`."""
    return name in sources or any(each.startswith(f"{name}.") for each in sources)
