"""Sends the requests of curl commands that a page shows; curl itself is not needed.

The answer must be as the page shows, except for what differs each time: ids, instants, the name of
the node, the progress of a job.
"""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import aiohttp

from tests.support.eventually import eventually
from tests.support.nodes import Node

VOLATILE = {
    "id",
    "node",
    "progress",
    "created_at",
    "started_at",
    "finished_at",
    "requested_at",
    "paused_at",
    "latency_ms",
    "eligible_at",
    "run_at",
    "until",
    "rerun_of",
}
AHEAD: Final = re.compile(r'(?<="run_at": "|."until": ")[^"]+')
"""A time that was ahead when the page was written."""


class Curl(NamedTuple):
    """The request of a curl command, and whether it shows the head of the answer."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    shows_head: bool


async def check_curl(node: Node, command: str, output: str) -> None:
    """Send the command's request until the answer is as shown: a job may take some time."""
    curl = _parsed(command.removesuffix(" | python3 -m json.tool"))
    _, jobs = await node.call("GET", "/ada")
    newest = jobs[0]["id"] if jobs else ""
    url = curl.url.replace("$id", newest).replace("$job", f"ada/{newest}")
    shown = _steady(json.loads(output[max(0, output.find("\n\n")) :])) if output else None
    head = re.match(r"HTTP/1.1 (\d+)", output) if curl.shows_head else None

    async def as_shown() -> bool:
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                curl.method, node.url + url, headers=curl.headers, data=curl.body
            ) as answer,
        ):
            assert answer.status == int(head[1]) if head else answer.ok, command
            return shown in (None, _steady(await answer.json(content_type=None)))

    if curl.method == "GET":
        await eventually(as_shown, saying=command)
    else:
        assert await as_shown(), command


def _steady(answer: Any) -> Any:  # noqa: ANN401 - JSON
    """An answer without the values that differ from run to run."""
    match answer:
        case dict():
            return {
                key: each is not None if key in VOLATILE else _steady(each)
                for key, each in answer.items()
            }
        case list():
            return [_steady(each) for each in answer]
        case _:
            return answer


def _parsed(command: str) -> Curl:
    """Parse the few options that our pages use; fail on any other one."""
    words = iter(shlex.split(command)[1:])
    method, url, headers, body, shows_head = None, "", {}, None, False
    for word in words:
        match word:
            case "-s" | "-si":
                shows_head = "i" in word
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
                body = AHEAD.sub(tomorrow, next(words))
            case _:
                assert word.startswith("localhost:8000/"), word
                url = word.removeprefix("localhost:8000")
    return Curl(method or ("GET" if body is None else "POST"), url, headers, body, shows_head)
