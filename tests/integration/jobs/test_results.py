"""Results, progress and notifications of all types, from the handler to the user."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlanscheduler_client import Client
from atlanscheduler_client.json_text import integer
from tests.support.commands import command
from tests.support.effort import rounds
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.receiver import LOOPBACK, Receiver
from tests.support.servers.redis import RedisServer

DEEP = rounds(20_000, long=100_000)


@pytest.fixture(params=["sqlite", "postgres"])
def stored(
    request: pytest.FixtureRequest, start_node: Nodes, redis_server: RedisServer, namespace: str
) -> Node:
    """A node on each of the stores."""
    if request.param == "sqlite":
        return start_node()
    url = request.getfixturevalue("postgres_url")
    return start_node(STORE__URL=url, QUEUE__URL=redis_server.url, QUEUE__NAMESPACE=namespace)


def packed(value: object) -> str:
    return base64.b64encode(pickle.dumps(value)).decode()


async def body_of(node: Node, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(node.url + path) as answer:
        assert answer.status == 200
        return await answer.text()


async def ended(node: Node, task: str, data: object, **more: object) -> tuple[Body, str]:
    """A job once it is final, without its result; and all of it as text."""
    job = await node.submit(task, data, **more)
    text = await body_of(node, f"/u1/{job['id']}?wait=30")
    # The last ones: a result may have such keys, too. Attempts have errors of their own.
    begin, end = (
        text.index('"result":') + 9,
        text.rindex(',"error":', 0, text.rindex(',"attempts":')),
    )
    return json.loads(text[:begin] + "0" + text[end:]), text[begin:end]


async def log_of(node: Node, job: Body) -> str:
    return await body_of(node, f"/u1/{job['id']}/log")


async def test_any_depth_and_any_number_of_digits_come_back(stored: Node) -> None:
    """As they are, wherever the job is shown: alone, in a list, in Python, on the command line."""
    node = stored
    deep = "[" * DEEP + "]" * DEEP
    number = "1" + "0" * 4999
    job, result = await ended(node, "deep", DEEP)
    assert (job["status"], result == deep) == ("successful", True), job["error"]
    long, result = await ended(node, "digits", 5000)
    assert (long["status"], result) == ("successful", f'{{"n":{number}}}'), long["error"]

    listed = await body_of(node, "/u1")
    assert deep in listed
    assert number in listed

    def read() -> None:
        with Client(node.url) as client:
            assert client.get("u1", long["id"]).result == {"n": integer(number)}
            value = client.wait("u1", job["id"]).result
            for _ in range(DEEP - 1):
                (value,) = value
            assert value == []
            assert [each.id for each in client.list("u1")] == [long["id"], job["id"]]

    await asyncio.to_thread(read)
    for name, text in ((job["id"], deep), (long["id"], number)):
        for option in ((), ("--json",)):
            shown = await command(node, "show", f"u1/{name}", *option)
            assert (shown.status, shown.errors) == (0, "")
            assert text in "".join(shown.output.split())  # a table has 10,000 columns at most
    shown = await command(node, "list", "u1", "--json")
    assert deep in shown.output
    assert number in shown.output


async def test_a_deep_notification_is_sent(start_node: Nodes, receiver: Receiver) -> None:
    """As text, which nothing parses on the way."""
    node = start_node(HOOKS__ALLOW=LOOPBACK)
    job, _ = await ended(node, "notifies", None, hook=receiver.url)
    assert job["status"] == "successful", job["error"]
    by_event = {got.headers["scheduler-event"]: got for got in await receiver.gets(2)}
    body = "[" * 2000 + "1" + "0" * 5000 + "]" * 2000
    assert by_event["job.notified"].body == body.encode()


@pytest.mark.parametrize(
    ("value", "told", "logged"),
    [
        ({"rows": [1, {"when": {7}}]}, "/rows/1/when is a set; return a sorted list", "{7}"),
        ([float("nan")], "/0 is nan, which JSON does not have", "nan"),
        ({1: "one", "1": "uno"}, 'it has two keys that are written "1"', "uno"),
        ({"a": b"bytes"}, "/a is a bytes; decode it", "b'bytes'"),
        ({"a": "\ud800"}, "/a is text with a lone surrogate", "\\ud800"),
        (["x" * 2_000_000], "bytes of JSON; allowed are 1048576", "xxxx"),
    ],
    ids=["set", "nan", "keys", "bytes", "surrogate", "long"],
)
async def test_a_refused_result_names_the_place_and_is_shown_in_the_log(
    node: Node, value: object, told: str, logged: str
) -> None:
    """The handler may have worked for hours: the value must not be gone without a trace."""
    if isinstance(value, list) and len(str(value)) > 1_000_000:
        job, result = await ended(node, "large", 2_000_000)
    else:
        job, result = await ended(node, "pickled", packed(value))
    assert (job["status"], job["error"]["kind"], result) == ("terminated", "result", "null")
    assert told in job["error"]["message"]
    log = await log_of(node, job)
    assert logged in log
    assert len(log) < 3000


async def test_progress_never_ends_a_job(node: Node) -> None:
    """What is a number counts as one; what is none is left out, and the log says so once."""
    job, _ = await ended(node, "reports", None)
    assert job["status"] == "successful", job["error"]
    assert job["progress"] == {"done": 2.0**70, "total": None, "message": str(object)}
    log = await log_of(node, job)
    assert log.count("job.progress") == 1


async def test_a_progress_bar_does_not_push_a_warning_out_of_the_log(node: Node) -> None:
    """Nor does it fill the log: of each line that is drawn again, the last state is kept."""
    job, _ = await ended(node, "redraws", 50_000)
    lines = (await log_of(node, job)).splitlines()
    assert len(lines) == 4
    assert {line.split(" ", 2)[2].split("|")[0] for line in lines} == {
        "WARNING: look at this",
        "halfway",
        " 25000/50000 ",
        " 49999/50000 ",
    }


async def test_a_process_that_breaks_the_protocol_is_told_from_one_that_was_killed(
    start_node: Nodes,
) -> None:
    """Its user would look for whoever killed it."""
    node = start_node()
    job, _ = await ended(node, "breaks", None)
    assert job["error"]["kind"] == "crash"
    assert "broke the protocol" in job["error"]["message"]


keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**60, 2**200),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.uuids(),
    keys.map(lambda text: Path("/", text.replace("\0", ""))),
)
values = st.recursive(
    scalars,
    lambda parts: st.one_of(
        st.lists(parts),
        st.tuples(parts, parts),
        st.dictionaries(keys, parts),
        st.dictionaries(st.integers() | st.none(), parts),
        st.dictionaries(st.uuids() | st.dates(), parts),
    ),
    max_leaves=20,
)


def form(value: Any) -> Any:  # noqa: ANN401 - the judge: by recursion, a type after the other
    match value:
        case dict():
            return {key_of(key): form(each) for key, each in value.items()}
        case list() | tuple():
            return [form(each) for each in value]
        case datetime() | date():
            return value.isoformat()
        case Decimal() | UUID() | Path():
            return str(value)
        case _:
            return value


def key_of(key: Any) -> str:  # noqa: ANN401
    made = form(key)
    return made if isinstance(made, str) else json.dumps(made)


@settings(
    max_examples=rounds(2, long=4),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(batch=st.lists(values, min_size=30, max_size=60))
def test_values_come_back_as_the_judge_says(stored: Node, batch: list[Any]) -> None:
    """From the handler through each store and HTTP: a batch of values in one job."""
    job, result = asyncio.run(ended(stored, "pickled", packed(batch)))
    assert job["status"] == "successful", job["error"]
    assert json.loads(result) == form(batch)
    assert sys.getrecursionlimit() < DEEP
