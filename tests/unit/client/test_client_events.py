"""The reader of a job's events: without I/O, so that each case can be tested."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from atlanscheduler_client import Changed, Printed, Progress, Progressed, Status
from atlanscheduler_client.events import RECONNECT_S, Event, EventReader

AT = "2026-11-25T15:42:54.123Z"
ABORT = {
    "requested_at": AT,
    "reason": None,
    "finished_at": AT,
    "latency_ms": 1,
    "signal": "SIGTERM",
    "processes": 1,
    "survivors": 0,
}


def job(status: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    nothing = ("hook", "error", "progress", "node", "started_at", "finished_at", "abort")
    basics = {"id": "1", "uid": "ada", "status": status, "task": "t", "attempt": 1}
    return {**basics, **dict.fromkeys(nothing), "created_at": AT, **fields}


def block(number: int, name: str, data: object) -> list[str]:
    return [f"id: {number}", f"event: {name}", f"data: {json.dumps(data)}", ""]


def fed(reader: EventReader, *blocks: list[str]) -> list[Event]:
    lines = [line for each in blocks for line in each]
    return [event for line in lines if (event := reader.feed(line))]


@pytest.fixture
def reader() -> EventReader:
    return EventReader("ada", "1", log=True)


def test_each_kind_of_event_comes_typed(reader: EventReader) -> None:
    progress = {"done": 3, "total": 10, "message": None}
    line = {"id": "1", "uid": "ada", "at": AT, "stream": "stderr", "text": "a: b"}
    changed, progressed, printed = fed(
        reader,
        block(1, "status", job("running")),
        block(2, "progress", {"id": "1", "uid": "ada", "attempt": 1, "progress": progress}),
        block(3, "log", line),
    )
    assert isinstance(changed, Changed)
    assert changed.job.status is Status.RUNNING
    assert progressed == Progressed(
        id="1", uid="ada", attempt=1, progress=Progress(done=3, total=10)
    )
    at = datetime(2026, 11, 25, 15, 42, 54, 123_000, tzinfo=UTC)
    assert printed == Printed(id="1", uid="ada", at=at, stream="stderr", text="a: b")


def test_events_without_news_are_ignored(reader: EventReader) -> None:
    """Heartbeats, a reset (the job's state follows it), and what a newer node may send."""
    assert not fed(reader, [": heartbeat", ""], block(1, "reset", {}), block(2, "news", {}))


def test_a_broken_stream_is_resumed_after_its_last_event(reader: EventReader) -> None:
    """Not after an event that arrived in part."""
    first = reader.request()
    assert (dict(first.headers), reader.pause_s) == ({}, RECONNECT_S)
    assert first.path == "/ada/1/events?log=true"
    fed(reader, block(7, "status", job("running")), ["id: 8", "event: status"])
    assert reader.request().headers == {"Last-Event-ID": "7"}
    assert not fed(reader, ["data: {", ""])
    assert not reader.over


@pytest.mark.parametrize(
    ("last", "over"),
    [
        (job("running"), False),
        (job("successful"), True),
        (job("aborted", abort={**ABORT, "cleanup": None}), True),
        (job("aborted", abort={**ABORT, "cleanup": "pending"}), False),
        (job("aborted", abort={**ABORT, "cleanup": "done"}), True),
    ],
)
def test_a_stream_that_ends_is_over_only_with_its_job(
    reader: EventReader, last: dict[str, Any], *, over: bool
) -> None:
    """A draining node ends its streams too."""
    fed(reader, block(1, "status", last))
    reader.end(200)
    assert reader.over is over


def test_a_stream_with_nothing_more_to_tell_is_over(reader: EventReader) -> None:
    reader.end(204)
    assert reader.over
