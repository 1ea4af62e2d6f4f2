"""The ids that a node holds: delivered to a worker, and not acknowledged yet.

An id may be held several times, as it may come several times. The server knows it by its entry,
which may name the user: what came so must go so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from scheduler.queue.keys import id_of


class Held:
    """Entries by their ids."""

    def __init__(self) -> None:
        self._entries: defaultdict[str, list[str]] = defaultdict(list)
        self._unknown: Counter[str] = Counter()
        """Entries that the server has not been told of yet."""
        self.releasing: Counter[str] = Counter()
        """Entries that the server is asked to let go."""

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, entry: str) -> str:
        """Hold what the server has moved to this node; returns its id."""
        job_id = id_of(entry)
        self._entries[job_id].append(entry)
        return job_id

    def add_unknown(self, entry: str) -> None:
        """Hold what the server does not know of."""
        self.add(entry)
        self._unknown[entry] += 1

    def has_unknown(self) -> bool:
        """Whether there is one of which the server does not know."""
        return bool(self._unknown)

    def known(self, job_ids: Iterable[str]) -> list[str]:
        """The entry of each id, as the server has it in flight; none for what it does not know."""
        entries = [
            entry
            for job_id, count in Counter(job_ids).items()
            for entry in self._entries.get(job_id, ())[:count]
        ]
        if not self._unknown:
            return entries
        known = Counter(entries)
        known.subtract(self._unknown)
        return list(known.elements())

    def all_known(self) -> list[str]:
        """All entries, which the server is told of now."""
        self._unknown.clear()
        return [entry for entries in self._entries.values() for entry in entries]

    def gone(self, entries: Iterable[str]) -> list[str]:
        """Those of some entries that are not held any more, or are about to be released."""
        left = Counter(entries)
        left.subtract(entry for each in self._entries.values() for entry in each)
        return [*left.elements(), *self.releasing.elements()]

    def drop(self, job_ids: Iterable[str]) -> None:
        """Hold each id once less."""
        for job_id in job_ids:
            if entries := self._entries.get(job_id):
                entry = entries.pop(0)
                if entry in self._unknown:
                    self._unknown -= Counter({entry: 1})
                if not entries:
                    del self._entries[job_id]
