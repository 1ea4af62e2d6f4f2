"""Where somebody stands in the events of a job: pure, so that each turn can be tried."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler.client import Changed, Printed, Progressed, Status
from scheduler.client.events import RECONNECT_S, Event, Following
from scheduler.core.job import Progress

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


def fed(following: Following, *blocks: list[str]) -> list[Event]:
    lines = [line for each in blocks for line in each]
    return [event for line in lines if (event := following.feed(line))]


@pytest.fixture
def following() -> Following:
    return Following("ada", "1", log=True)


def test_each_kind_of_event_comes_typed(following: Following) -> None:
    progress = {"done": 3, "total": 10, "message": None}
    line = {"id": "1", "uid": "ada", "at": AT, "stream": "stderr", "text": "a: b"}
    changed, progressed, printed = fed(
        following,
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


def test_what_says_nothing_new_is_passed_over(following: Following) -> None:
    """Heartbeats, a reset (how the job stands comes next), and what a newer node may say."""
    assert not fed(following, [": heartbeat", ""], block(1, "reset", {}), block(2, "news", {}))


def test_a_broken_stream_is_resumed_after_its_last_event(following: Following) -> None:
    """And not after half of one."""
    first = following.request()
    assert (dict(first.headers), following.pause_s) == ({}, RECONNECT_S)
    assert first.path == "/ada/1/events?log=true"
    fed(following, block(7, "status", job("running")), ["id: 8", "event: status"])
    assert following.request().headers == {"Last-Event-ID": "7"}
    assert not fed(following, ["data: {", ""])
    assert not following.over


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
    following: Following, last: dict[str, Any], *, over: bool
) -> None:
    """A node that drains ends its streams too."""
    fed(following, block(1, "status", last))
    following.end(200)
    assert following.over is over


def test_a_stream_with_nothing_more_to_tell_is_over(following: Following) -> None:
    following.end(204)
    assert following.over
