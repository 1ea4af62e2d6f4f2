"""Which traces a request's jobs continue, by W3C Trace Context."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from tests.unit.api.conftest import Api

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
VALID = f"00-{TRACE}-{PARENT}-01"


async def taken(api: Api, *values: str) -> str | None:
    """The trace of a job that is submitted with these headers."""
    headers = CIMultiDict({"Content-Type": "application/json"})
    for value in values:
        headers.add("traceparent", value)
    body = b'{"uid": "u1", "task": "task1"}'
    answer = await api.ask("POST", "/", data=body, headers=headers)
    assert answer.status == 202, answer.text
    return (await api.start(answer.json["id"])).traceparent


async def test_a_valid_trace_goes_with_the_job(api: Api) -> None:
    assert await taken(api, VALID) == VALID


@pytest.mark.parametrize("value", [f"cc-{TRACE}-{PARENT}-00", f"cc-{TRACE}-{PARENT}-00-more"])
async def test_the_known_fields_of_a_later_version_are_used(api: Api, value: str) -> None:
    assert await taken(api, value) == f"00-{TRACE}-{PARENT}-00"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        VALID.upper(),
        VALID + "-more",
        VALID + "0",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"cc-{TRACE}-{PARENT}-00-{'x' * 300}",
    ],
)
async def test_an_invalid_trace_is_ignored(api: Api, value: str) -> None:
    """Tracing must never break a request."""
    assert await taken(api, value) is None


async def test_several_traces_are_none(api: Api) -> None:
    assert await taken(api, VALID, VALID) is None
    assert await taken(api) is None
