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
_NOTHING: Final = ctypes.create_string_buffer(0)
_UNKNOWN: Final = object()


class Environment:
    """Keeps the environment variables."""

    def __init__(self) -> None:
        self._variables = dict(_copy())
        self._named: dict[bytes, str | None] = {}
        self._first: int | None = None
        self._block = _NOTHING
        self._note()

    def set_variables(self, variables: Mapping[bytes, str | None]) -> None:
        """Set variables, or remove them where None; so they are restored from now on."""
        for name, value in variables.items():
            if self._named.get(name, _UNKNOWN) == value:
                continue
            self._named[name] = value
            if value is None:
                os.environ.pop(os.fsdecode(name), None)
                self._variables.pop(name, None)
            else:  # as `os.environ` does, without decoding the name
                encoded = os.fsencode(value)
                os.putenv(name, encoded)
                _copy()[name] = self._variables[name] = encoded
            self._note()

    def restore(self) -> None:
        """Restore what a job has changed."""
        if (
            _copy() == self._variables
            and _original.value == self._first
            and self._block.raw == self._pointers
        ):
            return
        _libc.clearenv()
        _copy().clear()
        for name, value in self._variables.items():
            os.environ[os.fsdecode(name)] = os.fsdecode(value)
        self._note()
        time.tzset()

    def _note(self) -> None:
        """Note where the variables are: a changed one is somewhere else."""
        first, size = _original.value, POINTER_BYTES * (len(self._variables) + 1)
        if first != self._first or size != len(self._block):
            self._first = first
            self._block = _NOTHING if first is None else (ctypes.c_char * size).from_address(first)
        self._pointers = self._block.raw


def _copy() -> dict[bytes, bytes]:
    """Python's copy, without decoding it, which would take a hundred times as long."""
    return os.environ._data  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001
