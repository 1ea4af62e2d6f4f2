"""The handlers of a node, as they were loaded last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from scheduler.core.handler import HandlerOptions


class Tasks(dict[str, HandlerOptions]):
    """The options of each handler, by name; changed in place, for all who have this mapping."""

    def __init__(self, options: Mapping[str, HandlerOptions], *, loaded_at: datetime) -> None:
        super().__init__(options)
        self.loaded_at = loaded_at
        """When they were loaded."""
        self.limited = _limited(options)
        """The names of those whose jobs may have to wait for each other."""

    def timestamp(self) -> float:
        """The same in seconds since 1970."""
        return self.loaded_at.timestamp()

    def load(self, options: Mapping[str, HandlerOptions], *, at: datetime) -> None:
        """Have these handlers, and no others."""
        self.clear()
        self.update(options)
        self.loaded_at = at
        self.limited = _limited(options)


def _limited(options: Mapping[str, HandlerOptions]) -> tuple[str, ...]:
    return tuple(sorted(name for name, each in options.items() if each.limited))
