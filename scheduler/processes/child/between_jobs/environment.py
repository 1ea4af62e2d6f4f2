"""The environment as it was before the first job: restored before the next one.

Python keeps a copy of it, and what C code or `os.putenv` sets is only in the original, which the
processes that a job starts get. So both are compared.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Mapping
from typing import Final

_libc: Final = ctypes.CDLL(None)
_original: Final = ctypes.c_void_p.in_dll(_libc, "environ")
POINTER_BYTES: Final = ctypes.sizeof(ctypes.c_void_p)


class Environment:
    """Keeps the environment variables."""

    def __init__(self) -> None:
        self._variables = dict(_copy())
        self._named: dict[str, str | None] = {}
        self._pointers = self._pointers_now()

    def set_variables(self, variables: Mapping[str, str | None]) -> None:
        """Set variables, or remove them where None; so they are restored from now on."""
        for name, value in variables.items():
            if name in self._named and self._named[name] == value:
                continue
            self._named[name] = value
            if value is None:
                os.environ.pop(name, None)
                self._variables.pop(os.fsencode(name), None)
            else:
                os.environ[name] = value
                self._variables[os.fsencode(name)] = os.fsencode(value)
            self._pointers = self._pointers_now()

    def restore(self) -> None:
        """Restore what a job has changed."""
        if _copy() == self._variables and self._pointers_now() == self._pointers:
            return
        _libc.clearenv()
        _copy().clear()
        for name, value in self._variables.items():
            os.environ[os.fsdecode(name)] = os.fsdecode(value)
        self._pointers = self._pointers_now()
        time.tzset()

    def _pointers_now(self) -> tuple[int | None, bytes]:
        """Where the variables are: a changed one is somewhere else."""
        first = _original.value
        size = POINTER_BYTES * (len(self._variables) + 1)
        return first, b"" if first is None else ctypes.string_at(first, size)


def _copy() -> dict[bytes, bytes]:
    """Python's copy, without decoding it, which would take a hundred times as long."""
    return os.environ._data  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001
