"""Server-Sent Events of a job, as values: https://html.spec.whatwg.org/#server-sent-events.

    lines ─▶ EventReader.feed ─▶ Changed | Progressed | Printed

No I/O: the clients pass in the lines, and open the stream again when `EventReader` says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from atlanscheduler_client import calls
from atlanscheduler_client.reading import instant, progress_of, state_of
from atlanscheduler_client.shapes import JobState, LogLine, Progress

RECONNECT_S: Final = 0.5
"""The pause before a stream is opened again, so that a node that keeps ending it is not flooded."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The job's status changed; the first one is its state when the stream was opened."""

    job: JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """The handler reported its progress."""

    id: str
    uid: str
    attempt: int
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed(LogLine):
    """A process of the job printed a line."""

    id: str
    uid: str

    @property
    def line(self) -> LogLine:
        """The line alone."""
        return LogLine(at=self.at, stream=self.stream, text=self.text)


Event = Changed | Progressed | Printed


class EventReader:
    """Reads the events of a job, and knows where to resume after a broken connection."""

    def __init__(self, uid: str, job_id: str, *, log: bool) -> None:
        self.over = False
        """Whether no more events will come."""
        self.pause_s = 0.0
        """How long to wait before the stream is opened next."""
        self._job, self._log = (uid, job_id), log
        self._last_id: str | None = None
        self._job_over = False
        self._fields: dict[str, str] = {}

    def request(self) -> calls.Request:
        """The request that opens the stream, after the last event that was read."""
        self._fields, self.pause_s = {}, RECONNECT_S
        return calls.events(*self._job, log=self._log, last_event_id=self._last_id)

    def feed(self, line: str) -> Event | None:
        """Read one line, and return the event that it completes, if any."""
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        self._last_id = fields.get("id", self._last_id)
        event = _event(fields.get("event"), fields.get("data", ""))
        if isinstance(event, Changed):
            self._job_over = event.job.over
        return event

    def end(self, status: int) -> None:
        """Note that the node ended the stream: the job is over, or the reader was too slow."""
        self.over = self._job_over or status == calls.NOTHING_MORE


def _event(name: str | None, data: str) -> Event | None:
    """The event; None for `reset`, which is followed by the job's state, and for unknown names."""
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
