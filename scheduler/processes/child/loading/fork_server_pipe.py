"""Keeps the fork server alive whatever a job writes into the pipe by which it learns of its end.

Each pool process has that pipe, and the fork server ends at its end of file: when the node and all
pool processes are gone. Where it reads a byte instead, an assertion would end it at once, and leave
all pool processes without a parent.
"""

from __future__ import annotations

import os
import selectors
from multiprocessing import forkserver
from types import SimpleNamespace
from typing import Any, Final

READ_BYTES: Final = 64 * 1024
Ready = list[tuple[selectors.SelectorKey, int]]


class Selector(selectors.DefaultSelector):
    """The fork server's selector; it does not show bytes in that pipe, only its end of file."""

    _pipe = -1

    def register(
        self,
        fileobj: Any,  # noqa: ANN401 - as in the base
        events: int,
        data: object = None,
    ) -> selectors.SelectorKey:
        """See `selectors`. The pipe is the first that is registered by its number."""
        if self._pipe < 0 and isinstance(fileobj, int):
            self._pipe = fileobj
        return super().register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> Ready:
        """See `selectors`. The fork server calls it again where nothing is ready."""
        return [each for each in super().select(timeout) if not self._has_bytes(each[0].fileobj)]

    def _has_bytes(self, fileobj: object) -> bool:
        return fileobj == self._pipe and os.read(self._pipe, READ_BYTES) != b""


def pass_over_bytes() -> None:
    """Have the fork server, which is this process, use that selector."""
    vars(forkserver)["selectors"] = SimpleNamespace(
        DefaultSelector=Selector, EVENT_READ=selectors.EVENT_READ
    )
