"""The order of the port `Queue` in memory, as `scheduler/queue/lua/users.lua` has it."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from scheduler.core.job import WaitingJob
from scheduler.core.places.labels import ANYWHERE, PLAIN
from scheduler.core.ports.queue import ShareOf, equal_shares

STEP: Final = 2**14
NEWCOMER: Final = 2**30


class Entry(NamedTuple):
    """An id, the user of its job, and its lane."""

    id: str
    uid: str
    lane: str = ANYWHERE


class Place(NamedTuple):
    """What the order of users goes by; the least is next."""

    level: int
    turn: int
    uid: str
    lane: str


Line = tuple[str, str]
"""A user and a lane."""


class Lines:
    """What waits and what is in flight, of all users."""

    def __init__(self) -> None:
        self.share_of: ShareOf = equal_shares
        self.first: deque[Entry] = deque()
        self.waiting: dict[Line, dict[str, int]] = {}
        self.inflight: defaultdict[str, list[Entry]] = defaultdict(list)
        self.places: dict[Line, Place] = {}
        self._loads: Counter[str] = Counter()
        self._turns: dict[str, int] = {}
        self._capped: set[Line] = set()
        self._now = NEWCOMER

    def clear(self) -> None:
        share_of = self.share_of
        self.__init__()  # type: ignore[misc]  # as a server that is emptied
        self.share_of = share_of

    @property
    def ids(self) -> list[str]:
        """All ids that wait: the first ones, then those of each user."""
        lines = (sorted(line, key=line.__getitem__) for line in self.waiting.values())
        return [entry.id for entry in self.first] + [job_id for line in lines for job_id in line]

    def add(self, jobs: Iterable[WaitingJob]) -> None:
        for job in jobs:
            self.waiting.setdefault((job.uid, job.lane), {})[job.id] = job.turn_ms
        for line in {(job.uid, job.lane) for job in jobs} - self._capped:
            self._place(line)

    def drop(self, jobs: Iterable[WaitingJob]) -> None:
        for job in jobs:
            line = (job.uid, job.lane)
            self.waiting.get(line, {}).pop(job.id, None)
            if not self.waiting.get(line):
                self._place(line)

    def add_first(self, entries: Sequence[Entry]) -> None:
        self.first.extendleft(reversed(entries))

    def has_any(self, takes: Callable[[str], bool]) -> bool:
        """Whether something waits for a node that takes these lanes."""
        firsts = (entry.lane for entry in self.first)
        return any(map(takes, (*firsts, *(place.lane for place in self.places.values()))))

    def take(
        self, node_id: str, limit: int, takes: Callable[[str], bool] = PLAIN.takes_lane
    ) -> list[str]:
        taken = [entry for entry in self.first if takes(entry.lane)][:limit]
        for entry in taken:
            self.first.remove(entry)
        for uid, starts in Counter(entry.uid for entry in taken).items():
            self._start(uid, starts, is_alone=False)
        while len(taken) < limit:
            found = sorted(place for place in self.places.values() if takes(place.lane))[:2]
            if not found:
                break
            least, *others = found
            starts = self._starts(least.uid, limit - len(taken), others)
            line = self.waiting[least.uid, least.lane]
            ids = list(islice(sorted(line, key=lambda each: (line[each], each)), starts))
            for job_id in ids:
                del line[job_id]
            taken += [Entry(job_id, least.uid, least.lane) for job_id in ids]
            self._start(least.uid, len(ids), is_alone=not others)
        self.inflight[node_id] += taken
        return [entry.id for entry in taken]

    def hold(self, node_id: str, entry: Entry) -> None:
        self.inflight[node_id].append(entry)
        self._change(entry.uid, 1)

    def end(self, node_id: str, job_id: str) -> Entry | None:
        """Drop an id in flight, and return it."""
        for entry in self.inflight[node_id]:
            if entry.id == job_id:
                self.inflight[node_id].remove(entry)
                self._change(entry.uid, -1)
                return entry
        return None

    def leave(self, node_id: str) -> int:
        """Return what a node has in flight; the answer is how many."""
        entries = self.inflight.pop(node_id, [])
        self.add_first(entries)
        for entry in entries:
            self._change(entry.uid, -1)
        return len(entries)

    def cap(self, uid: str, lane: str = ANYWHERE) -> None:
        """Pass over a user until one of his ends."""
        self.places.pop((uid, lane), None)
        self._capped.add((uid, lane))

    def _start(self, uid: str, starts: int, *, is_alone: bool) -> None:
        self._now = max(self._now, self._turn(uid)) + 1
        step = 1 if is_alone else int(STEP * starts / self.share_of(uid).weight)
        self._turns[uid] = self._now + step
        self._change(uid, starts)

    def _starts(self, uid: str, left: int, others: Sequence[Place]) -> int:
        share, load = self.share_of(uid), self._loads[uid]
        if share.running_max is not None:
            left = min(left, share.running_max - load)
        if others:
            left = min(left, -int(-(others[0].level * share.weight - load) // 1))
        return max(1, left)

    def _turn(self, uid: str) -> int:
        if uid in self._turns:
            return self._turns[uid]
        turns = [place.turn for place in self.places.values() if place.uid == uid]
        return turns[0] if turns else self._now - NEWCOMER

    def _change(self, uid: str, by: int) -> None:
        self._loads[uid] += by
        for line in [each for each in self.waiting if each[0] == uid] or [(uid, ANYWHERE)]:
            self._place(line)

    def _place(self, line: Line) -> None:
        uid, lane = line
        share, load = self.share_of(uid), self._loads[uid]
        if not self.waiting.get(line):
            self.waiting.pop(line, None)
            self.places.pop(line, None)
        elif share.running_max is None or load < share.running_max:
            self.places[line] = Place(int(load / share.weight), self._turn(uid), uid, lane)
            self._capped.discard(line)
        else:
            self.cap(uid, lane)
