"""Reading streams: complete ones and broken ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from atlanscheduler_client import Changed, LogLine, Lost, NoSuchJob, Status
from atlanscheduler_client.lines import LineSplitter
from tests.unit.client.conftest import reply
from tests.unit.client.test_client_events import block, job

AT = datetime(2026, 11, 25, 15, 42, 54, 123_000, tzinfo=UTC)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = HEAD.replace(b"plain", b"event-stream")


def chunk(text: str) -> bytes:
    return f"{len(text.encode()):x}\r\n{text}\r\n".encode()


@pytest.mark.parametrize("pieces", [[b"a\nb\xc3\xbc\n\nc\n"], [b"a", b"\nb\xc3", b"\xbc\n\nc\n"]])
def test_lines_are_whole_however_they_come(pieces: list[bytes]) -> None:
    """A piece may end in the middle of a line, or of a character."""
    splitter = LineSplitter()
    found = [line for piece in pieces for line in splitter.feed(piece)]
    assert found == ["a", "bü", "", "c"]


async def test_a_log_comes_as_typed_lines(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    text = "2026-11-25T15:42:54.123Z stdout two  words \n2026-11-25T15:42:54.123Z stderr \n"
    server = await misbehaving(HEAD + chunk(text[:30]) + chunk(text[30:]) + b"0\r\n\r\n")
    client = await connect(server.url)
    assert await client.all("log", "ada", "1") == [
        LogLine(at=AT, stream="stdout", text="two  words "),
        LogLine(at=AT, stream="stderr", text=""),
    ]
    assert server.requests[0].startswith("GET /ada/1/log HTTP/1.1")


async def test_a_job_that_printed_nothing_has_an_empty_log(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    server = await misbehaving(b"HTTP/1.1 204 No Content\r\n\r\n")
    client = await connect(server.url)
    assert await client.all("log", "ada", "1") == []


@pytest.mark.parametrize("kind", ["chunked", "sized"])
async def test_half_a_log_is_not_taken_for_all_of_it(
    connect: Callable[..., Any], misbehaving: Callable[..., Any], kind: str
) -> None:
    """A node that dies in the middle must not look like a job that printed nothing more."""
    line = "2026-11-25T15:42:54.123Z stdout half\n"
    answer = {
        "chunked": HEAD + chunk(line),
        "sized": reply(line * 2, media="text/plain; charset=utf-8")[: -len(line)],
    }[kind]
    client = await connect((await misbehaving(answer)).url)
    with pytest.raises(Lost, match="the stream broke"):
        await client.all("log", "ada", "1")


async def test_a_stream_that_is_refused_is_a_problem_like_any_other(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    problem = '{"type": "urn:atlanscheduler:problem:no-such-job", "detail": "none"}'
    server = await misbehaving(reply(problem, status="404 Not Found"))
    client = await connect(server.url)
    with pytest.raises(NoSuchJob, match="none"):
        await client.all("log", "ada", "1")


async def test_watching_goes_on_where_its_connection_broke(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    """The restart of a node must not end a watch, nor repeat an event."""
    first, second = (
        EVENTS + chunk("".join(f"{line}\n" for line in block(number, "status", job(status))))
        for number, status in ((1, "running"), (2, "successful"))
    )
    server = await misbehaving(first, second + b"0\r\n\r\n")
    client = await connect(server.url)
    events = await client.all("watch", "ada", "1")
    assert all(isinstance(event, Changed) for event in events)
    assert [event.job.status for event in events] == [Status.RUNNING, Status.SUCCESSFUL]
    assert server.header("Last-Event-ID") == [None, "1"]


async def test_a_followed_log_goes_on_where_its_connection_broke(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    """A proxy ends what is silent for a minute; nobody is to get a line twice for that."""
    line = {"id": "1", "uid": "ada", "at": "2026-11-25T15:42:54.123Z", "stream": "stdout"}
    first, second = (
        EVENTS
        + chunk("".join(f"{each}\n" for each in block(number, "log", {**line, "text": text})))
        for number, text in ((1, "one"), (2, "two"))
    )
    end = chunk("".join(f"{each}\n" for each in block(3, "status", job("successful"))))
    server = await misbehaving(first, second + end + b"0\r\n\r\n")
    client = await connect(server.url)
    assert await client.all("log", "ada", "1", follow=True) == [
        LogLine(at=AT, stream="stdout", text="one"),
        LogLine(at=AT, stream="stdout", text="two"),
    ]
    assert server.header("Last-Event-ID") == [None, "1"]


async def test_watching_a_job_that_is_over_ends_at_once(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    client = await connect((await misbehaving(b"HTTP/1.1 204 No Content\r\n\r\n")).url)
    assert await client.all("watch", "ada", "1") == []
