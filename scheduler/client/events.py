"""Server-Sent Events of a job, as values: https://html.spec.whatwg.org/#server-sent-events.

    lines ─▶ Following.feed ─▶ Changed | Progressed | Printed

No I/O: the clients bring the lines, and open the stream again where `Following` says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from scheduler.client import calls
from scheduler.client.reading import instant, progress_of, state_of
from scheduler.client.shapes import JobState, LogLine
from scheduler.core.job import Cleanup, Progress

RECONNECT_S: Final = 0.5
"""Before a stream is opened again, so that a node that always ends it is not stormed."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The job's status changed, or this is how it stood when the watching began."""

    job: JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """The handler said how far it is."""

    id: str
    uid: str
    attempt: int
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed(LogLine):
    """A process of the job printed a line."""

    id: str
    uid: str


Event = Changed | Progressed | Printed


class Following:
    """Where somebody stands in the events of a job."""

    def __init__(self, uid: str, job_id: str, *, log: bool) -> None:
        self.over = False
        """Nothing will come any more."""
        self.pause_s = 0.0
        """How long to wait before the stream is opened."""
        self._job, self._log = (uid, job_id), log
        self._last_id: str | None = None
        self._at_its_end = False
        self._fields: dict[str, str] = {}

    def request(self) -> calls.Request:
        """What opens the stream, from where it broke."""
        self._fields, self.pause_s = {}, RECONNECT_S
        return calls.events(*self._job, log=self._log, last_event_id=self._last_id)

    def feed(self, line: str) -> Event | None:
        """Take one line; the event that it completes, if it does."""
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        self._last_id = fields.get("id", self._last_id)
        event = _event(fields.get("event"), fields.get("data", ""))
        if isinstance(event, Changed):
            self._at_its_end = _at_its_end(event.job)
        return event

    def end(self, status: int) -> None:
        """The node ended the stream: after the job's end, or to get rid of a slow reader."""
        self.over = self._at_its_end or status == calls.NOTHING_MORE


def _at_its_end(job: JobState) -> bool:
    """Whether nothing will happen to it any more, nor to undo what it did."""
    return job.final and (job.abort is None or job.abort.cleanup is not Cleanup.PENDING)


def _event(name: str | None, data: str) -> Event | None:
    """None for what says nothing new: `reset`, after which comes how the job stands."""
    match name:
        case "status":
            return Changed(state_of(json.loads(data)))
        case "progress":
            return _progressed(json.loads(data))
        case "log":
            line: dict[str, Any] = json.loads(data)
            return Printed(**line | {"at": instant(line["at"])})
        case _:
            return None


def _progressed(document: dict[str, Any]) -> Progressed:
    return Progressed(
        id=document["id"],
        uid=document["uid"],
        attempt=document["attempt"],
        progress=progress_of(document["progress"]),
    )
