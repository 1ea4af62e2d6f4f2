"""Slots that are kept for users who run nothing. Pure.

    kept = reserve_percent of the slots of all nodes, rounded down

While fewer slots are free than are kept, only users who run nothing start a job. So a user's first
job rarely waits, even where the jobs of others run for hours. The price: where all who wait run
something, the kept slots are idle.
"""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.core.job import Node


class Reserve:
    """How many slots are kept, of those that the nodes have at the moment."""

    def __init__(self, percent: int) -> None:
        """Keep so many of a hundred slots; 0: none."""
        self._percent = percent
        self._slots = 0

    def __bool__(self) -> bool:
        return self._percent > 0

    def note(self, nodes: Iterable[Node]) -> None:
        """The nodes that are there now."""
        self._slots = sum(node.workers for node in nodes)

    def busy_max(self) -> int | None:
        """How many jobs may run so that users who run some start more; None for any number.

        A `BusyMax`. One at least, so that a small number of slots is never idle altogether.
        """
        kept = self._slots * self._percent // 100
        return max(1, self._slots - kept) if kept else None
