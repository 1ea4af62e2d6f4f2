"""What a web page can make a browser send to a node is refused."""

from __future__ import annotations

import pytest

from tests.unit.api.conftest import Api

JSON = {"Content-Type": "application/json"}
JOB = b'{"uid": "u1", "task": "task1"}'
WRITES = [
    ("POST", "/", JOB),
    ("DELETE", "/", b'{"uid": "u1", "id": "x"}'),
    ("DELETE", "/u1", b""),
    ("DELETE", "/u1/x", b""),
    ("PUT", "/u1", b""),
]
"""Requests that change something or would, were there such a route."""


@pytest.mark.parametrize(
    "path", ["/", "/u1", "/u1/x", "/-/health", "/-/metrics", "/-/ui/", "/no/way"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
async def test_a_request_for_another_host_is_refused(api: Api, method: str, path: str) -> None:
    """A page that has rebound its name to the node would read and change everything."""
    answer = await api.ask(method, path, headers={"Host": "evil.example"})
    assert (answer.status, answer.headers["Content-Type"]) == (421, "application/problem+json")
    assert answer.json["type"] == "urn:atlanscheduler:problem:misdirected"
    assert "'evil.example'" in answer.json["detail"]
    assert "[http] hosts" in answer.json["detail"]


async def test_nothing_is_done_for_another_host(api: Api) -> None:
    """The answer cannot be read by the page, but the deed would be done."""
    await api.ask("POST", "/", data=JOB, headers={"Host": "evil.example:8000", **JSON})
    assert (await api.get("/u1")).json == []


@pytest.mark.parametrize("host", ["jobs.example", "localhost:1234", "[::1]:8000"])
async def test_a_name_of_the_node_is_served(api: Api, host: str) -> None:
    """Configured names, and loopback names with any port, which a tunnel may have changed."""
    assert (await api.get("/u1", headers={"Host": host})).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "unheard-of", ""])
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_a_write_that_another_site_asks_for_is_refused(
    api: Api, method: str, path: str, body: bytes, site: str
) -> None:
    """`same-site` too: it is another application, on another port or subdomain."""
    headers = {"Sec-Fetch-Site": site, **JSON}
    answer = await api.ask(method, path, data=body, headers=headers)
    assert answer.status == 403
    assert answer.json["type"] == "urn:atlanscheduler:problem:cross-site"
    assert (await api.get("/u1")).json == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://localhost:1"])
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_without_sec_fetch_site_the_origin_counts(
    api: Api, method: str, path: str, body: bytes, origin: str
) -> None:
    """Browsers send no `Sec-Fetch-Site` over plain http to other machines."""
    answer = await api.ask(method, path, data=body, headers={"Origin": origin, **JSON})
    assert answer.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy"},
        {"Origin": "https://jobs.example"},
        {"Host": "jobs.example:81", "Origin": "http://jobs.example:81"},
    ],
)
async def test_programs_and_the_nodes_own_pages_may_write(
    api: Api, headers: dict[str, str]
) -> None:
    """What is no browser sends neither of the headers."""
    answer = await api.ask("POST", "/", data=JOB, headers={**headers, **JSON})
    assert answer.status == 202


async def test_other_sites_may_link_to_the_pages(api: Api) -> None:
    """A person who follows a link only reads; the linking page sees nothing of it."""
    answer = await api.get("/-/ui/", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200
    answer = await api.get("/u1", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
