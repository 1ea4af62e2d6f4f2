"""The head of a response is the same on every connection: no client sees which way it was made."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from tests.unit.api.limits.conftest import Reply, Served, request


@pytest.mark.parametrize(("path", "status"), [("/-/health", 200), ("/nowhere/at/all", 404)])
async def test_a_response_is_the_same_whether_or_not_the_connection_stays_open(
    served: Served, path: str, status: int
) -> None:
    kept = await served.ask(request("GET", path))
    closed = await served.ask(request("GET", path, {"Connection": "close"}))
    old = await served.ask(request("GET", path).replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert kept.status == status
    assert seen(kept) == seen(closed) == seen(old)
    assert closed.headers["connection"] == "close"
    assert "connection" not in kept.headers
    assert parsedate_to_datetime(kept.headers["date"]) is not None


async def test_a_head_without_its_body_is_that_of_the_whole_response(served: Served) -> None:
    whole = await served.ask(request("GET", "/-/health"))
    peer = await served.connect()
    peer.send(request("HEAD", "/-/health", {"Connection": "close"}))
    head, _, body = (await peer.closed()).partition(b"\r\n\r\n")

    assert body == b""
    assert f"Content-Length: {len(whole.body)}".encode() in head


def seen(reply: Reply) -> tuple[int, dict[str, str], bytes]:
    """What a client sees of a response, but for the connection and the time."""
    headers = {
        name: value for name, value in reply.headers.items() if name not in {"connection", "date"}
    }
    return reply.status, headers, reply.body
