"""What the clients do when responses are late, lost, or not from a node."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from atlanscheduler_client import (
    Client,
    ClientError,
    Forbidden,
    Problem,
    QuotaExceeded,
    Unauthenticated,
    Unavailable,
    Unreachable,
    WrongServer,
)
from atlanscheduler_client.waiting import Retries
from tests.support.servers.stream_server import stream_server
from tests.unit.client.conftest import reply

LOST = b""
UNAVAILABLE = reply(
    json.dumps({"type": "urn:atlanscheduler:problem:unavailable", "status": 503}),
    status="503 Service Unavailable",
    media="application/problem+json",
)


def job(**fields: Any) -> str:  # noqa: ANN401 - JSON
    nothing = ("hook", "result", "error", "progress", "node", "started_at", "finished_at", "abort")
    now = "2026-11-25T15:42:54.123Z"
    basics = {"id": "1", "uid": "ada", "status": "queued", "task": "t", "data": 1, "attempt": 0}
    return json.dumps({**basics, **dict.fromkeys(nothing), "created_at": now, **fields})


async def test_a_submission_whose_answer_was_lost_is_sent_again_under_its_key(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    """Otherwise a lost response would lose the job, or submit it twice."""
    server = await misbehaving(LOST, LOST, reply(job(), status="202 Accepted"))
    client = await connect(server.url)
    assert (await client.do("submit", "ada", "t", 1)).id == "1"
    keys = server.header("Idempotency-Key")
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert keys[0]


async def test_a_node_that_cannot_take_it_now_is_asked_again(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    """A call that got a 503 had no effect, so a retry is safe."""
    server = await misbehaving(UNAVAILABLE, reply(job()))
    client = await connect(server.url)
    assert (await client.do("get", "ada", "1")).uid == "ada"


async def test_without_retries_the_first_response_counts(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    server = await misbehaving(UNAVAILABLE, reply(job()))
    client = await connect(server.url, retry_s=0)
    with pytest.raises(Unavailable):
        await client.do("get", "ada", "1")


async def test_a_connection_that_the_node_closed_meanwhile_is_made_anew(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    """Every node closes idle connections; that is no outage, and needs no pause."""
    server = await misbehaving(reply(job()))
    client = await connect(server.url, retry_s=0)
    for _ in range(3):
        await client.do("get", "ada", "1")
    assert len(server.requests) == 3


async def test_an_error_says_that_no_node_answers(connect: Callable[..., Any]) -> None:
    with socket.socket() as taken:  # bound, but it does not listen
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client = await connect(url, retry_s=0.05)
        with pytest.raises(Unreachable, match=f"no node answers at {url}"):
            await client.do("get", "ada", "1")


async def test_a_node_that_is_silent_is_not_waited_for_for_ever(
    connect: Callable[..., Any],
) -> None:
    async def say_nothing(*_: object) -> None:
        await asyncio.Event().wait()

    async with stream_server(say_nothing) as port:
        client = await connect(f"http://127.0.0.1:{port}", timeout_s=0.1, retry_s=0)
        with pytest.raises(Unreachable, match="silent"):
            await client.do("get", "ada", "1")


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '"text"', json.dumps({"abort": []})])
@pytest.mark.parametrize("call", [("get", "ada", "1"), ("nodes",), ("abort_all", "ada")])
async def test_the_response_of_another_server_is_an_error(
    connect: Callable[..., Any], misbehaving: Callable[..., Any], body: str, call: Sequence[str]
) -> None:
    """A wrong URL often leads to another server, which may answer 200."""
    if (body, call) == ("[]", ("nodes",)):
        return  # what a node may answer, too
    server = await misbehaving(reply(body, media="text/html; charset=utf-8"))
    client = await connect(server.url, retry_s=0)
    with pytest.raises(WrongServer) as wrong:
        await client.do(*call)
    assert str(wrong.value) == (
        f"what answers at {server.url} is no AtlanScheduler (200, text/html)"
    )


@pytest.mark.parametrize("status", ["404 Not Found", "405 Method Not Allowed", "500 Oh", "400 No"])
@pytest.mark.parametrize("body", ["<h1>sorry</h1>", '{"type": "about:blank", "errors": {"a": 1}}'])
async def test_the_refusal_of_another_server_is_no_answer_of_a_node(
    connect: Callable[..., Any], misbehaving: Callable[..., Any], status: str, body: str
) -> None:
    """A page that shows `NoSuchJob` as such would say so of all jobs while the URL is wrong."""
    server = await misbehaving(reply(body, status=status, media="text/html"))
    for method, *arguments in (("get", "ada", "1"), ("submit", "ada", "t"), ("tasks",)):
        client = await connect(server.url, retry_s=0)
        with pytest.raises(WrongServer) as wrong:
            await client.do(method, *arguments)
        assert str(wrong.value) == (
            f"what answers at {server.url} is no AtlanScheduler ({status[:3]}, text/html)"
        )


async def test_a_redirect_says_where_the_node_may_be(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    """Mostly it leads from http to https: then the URL to use is known."""
    moved = b"HTTP/1.1 301 Moved\r\nLocation: https://n/ada/1\r\nContent-Length: 0\r\n\r\n"
    client = await connect((await misbehaving(moved)).url, retry_s=0)
    with pytest.raises(WrongServer, match=r"\(301, a redirect to https://n/ada/1\)"):
        await client.do("get", "ada", "1")


@pytest.mark.parametrize("method", ["watch", "log"])
@pytest.mark.parametrize("media", ["text/html", "text/plain", "text/event-stream"])
async def test_the_stream_of_another_server_is_an_error(
    connect: Callable[..., Any], misbehaving: Callable[..., Any], method: str, media: str
) -> None:
    """A page that is read as a log would end in an error of the client's own code."""
    server = await misbehaving(reply("event: status\ndata: {}\n\n", media=media))
    client = await connect(server.url, retry_s=0)
    with pytest.raises(WrongServer, match="is no AtlanScheduler"):
        await client.all(method, "ada", "1")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 Unauthorized", Unauthenticated),
        ("403 Forbidden", Forbidden),
        ("429 Too Many Requests", Problem),
    ],
)
async def test_an_error_page_of_a_proxy_is_a_problem_too(
    connect: Callable[..., Any], misbehaving: Callable[..., Any], status: str, kind: type[Problem]
) -> None:
    """A proxy asks for a password, or allows so many requests: the URL is right."""
    server = await misbehaving(reply("<h1>sorry</h1>", status=status, media="text/html"))
    client = await connect(server.url)
    with pytest.raises(Problem) as problem:
        await client.do("get", "ada", "1")
    assert (type(problem.value), str(problem.value)) == (kind, status)
    assert (problem.value.type, problem.value.errors) == ("about:blank", ())


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("unauthenticated", Unauthenticated, "no; give one as token=… or in ATLANSCHEDULER_TOKEN"),
        ("forbidden", Forbidden, "no"),
        ("cross-site", Problem, "no"),
    ],
)
async def test_a_token_that_does_not_do_is_an_error_of_its_own(
    connect: Callable[..., Any],
    misbehaving: Callable[..., Any],
    kind: str,
    error: type[Problem],
    said: str,
) -> None:
    """A program asks for another token then, and a person reads how to give one."""
    document = json.dumps({"type": f"urn:atlanscheduler:problem:{kind}", "detail": "no"})
    refusal = reply(document, status="403 Forbidden", media="application/problem+json")
    client = await connect((await misbehaving(refusal)).url)
    with pytest.raises(Problem) as refused:
        await client.do("get", "ada", "1")
    assert (type(refused.value), str(refused.value)) == (error, said)
    assert refused.value.detail == "no"


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Unavailable", "504 Gateway Timeout"])
@pytest.mark.parametrize("body", ["<h1>sorry</h1>", '{"message": "no upstream"}'])
async def test_a_proxy_that_reaches_no_node_is_asked_again(
    connect: Callable[..., Any], misbehaving: Callable[..., Any], status: str, body: str
) -> None:
    """A node that restarts is away for a second, and each call may be sent twice."""
    server = await misbehaving(reply(body, status=status, media="text/html"), reply(job()))
    client = await connect(server.url)
    assert (await client.do("get", "ada", "1")).id


async def test_a_proxy_that_reaches_no_node_for_long_is_reported(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    server = await misbehaving(reply("<h1>sorry</h1>", status="502 Bad Gateway", media="text/html"))
    client = await connect(server.url, retry_s=0)
    with pytest.raises(Unreachable, match="a proxy answered 502 Bad Gateway"):
        await client.do("get", "ada", "1")


async def test_a_proxys_path_and_headers_come_with_every_request(
    connect: Callable[..., Any], misbehaving: Callable[..., Any]
) -> None:
    server = await misbehaving(reply(job()))
    client = await connect(f"{server.url}/jobs/", headers={"Authorization": "Bearer x"})
    await client.do("get", "ada", "1")
    assert server.requests[0].startswith("GET /jobs/ada/1?wait=0.000 HTTP/1.1")
    assert server.header("Authorization") == ["Bearer x"]


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://a", "http://", "http://a:b", "http://a?b", "http://a:b@c"]
)
def test_a_url_that_cannot_be_a_nodes_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|like"):
        Client(url)


@pytest.mark.parametrize(
    ("url", "node"),
    [
        ("http://host:8000/-/ui/", "http://host:8000"),
        ("http://host:8000/-/ui/#ada/1?x", "http://host:8000"),
        ("https://host/jobs/-/docs", "https://host/jobs"),
        ("http://host/-/health?a=b", "http://host"),
    ],
)
def test_the_address_of_a_page_leads_to_the_url(url: str, node: str) -> None:
    """Who has the dashboard open copies its address."""
    with pytest.raises(ValueError, match=f"is a page of a node; the node's URL is {node}$"):
        Client(url)
    assert Client(f"{node}/-/other")  # below a prefix that happens to look so


def test_pauses_double_and_end() -> None:
    """A node that is down is not flooded with retries, and they end."""
    retries = Retries(0.35)
    down = Unreachable("no node answers")
    assert [retries.pause_s(down) for _ in range(2)] == [0.1, 0.2]
    assert Retries(0).pause_s(down) is None
    assert Retries(60).pause_s(Problem(400, {})) is None


def test_who_is_refused_by_a_quota_waits_as_long_as_the_node_says() -> None:
    """Sooner it would be refused again; and where the time does not suffice, now is better."""
    retries = Retries(60)
    assert retries.pause_s(QuotaExceeded(429, {}, 3.0)) == 3.0
    assert retries.pause_s(QuotaExceeded(429, {}, 90.0)) is None
    assert retries.pause_s(QuotaExceeded(429, {}, None)) is None


def test_every_error_is_one_to_be_caught() -> None:
    assert issubclass(Unreachable, ClientError)
    assert issubclass(Unavailable, Problem)
    assert issubclass(Problem, ClientError)
