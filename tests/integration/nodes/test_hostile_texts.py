"""Nothing that a client sends acts on whoever reads what the node writes."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from scheduler.core.access.token import new_secret
from tests.support.eventually import eventually
from tests.support.forking.client import forked_node
from tests.support.nodes import ROOT, Body, Launch, Node, executed

ON_TERMINAL = Path(__file__).with_name("on_terminal.py")
PLAIN = "\x1b]0;title\x07\x1b[2J\x9b31m\u202eback\u2066\u2028\x7f\r\nforged line\t\x00"
"""What renames a window, clears it, colours it, turns text round and begins a line."""
NAME = "eve\u202e\u2066\u200f"
"""What may be in a uid: no control characters, and these turn text round all the same."""
LONE = "\ud83d"
"""Half a character, as JSON may have it."""
HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
ADMIN = new_secret()
COOKIE = "a-cookie-that-no-log-may-show"
BEARER = new_secret()


class Hostile:
    """A client that puts harmful texts wherever a request has a place for one."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._address = node.url.removeprefix("http://").split(":")

    async def raw(self, data: bytes) -> bytes:
        """Send bytes, and read what comes until the node closes the connection."""
        reader, writer = await asyncio.open_connection(self._address[0], int(self._address[1]))
        writer.write(data)
        with suppress(ConnectionError):
            async with asyncio.timeout(20):
                answer = await reader.read()
        writer.close()
        return answer

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        *,
        token: str = ADMIN.text,
    ) -> tuple[int, bytes]:
        """Send a request as it is written, in UTF-8."""
        sent = b"" if body is None else json.dumps(body).encode()
        fields = {
            "Host": "localhost",
            "Connection": "close",
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Content-Length": str(len(sent)),
            **(headers or {}),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        head = f"{method} {target} HTTP/1.1\r\n{lines}\r\n"
        answer = await self.raw(head.encode() + sent)
        return int(answer.split(b" ")[1]), answer.partition(b"\r\n\r\n")[2]

    async def in_lines(self) -> None:
        """Harm in the method, the path, the query and each header, raw and encoded."""
        one_line = PLAIN.replace("\r\n", "").replace("\x00", "")
        for text in (one_line, quote(PLAIN), quote(NAME), NAME, "\\u202e\\r\\nforged line"):
            for target in (
                f"/{text}",
                f"/eve/{text}",
                f"/-/jobs?status={text}",
                f"/-/jobs?{text}=1",
            ):
                for method in ("GET", "DELETE", text):
                    await self.ask(method, target)
            for name in (
                *("Host", "Origin", "Sec-Fetch-Site", "Cookie", "Authorization", "Content-Type"),
                *("Content-Encoding", "Transfer-Encoding", "Expect", "Idempotency-Key"),
                *("Last-Event-ID", "traceparent", "User-Agent", "X-Forwarded-User", text),
            ):
                await self.ask("POST", "/", {name: text}, {"uid": "eve", "task": "echo"})
        secret = {"Cookie": f"{COOKIE}={COOKIE}", "traceparent": COOKIE}
        await self.ask("GET", "/eve", secret, token=BEARER.text)
        for data in (PLAIN.encode(), b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9"):
            await self.raw(data + b"\r\n\r\n")

    async def in_bodies(self) -> None:
        """Harm in each field of what is submitted, aborted, logged in with and made."""
        for text in (PLAIN, NAME, LONE):
            usual = {"uid": NAME, "task": "echo", "data": text}
            for field in ("uid", "task", "data", "hook", "parent", text):
                await self.ask("POST", "/", None, {**usual, field: text})
                await self.ask("POST", "/", None, [{**usual, field: text}])
            await self.ask("DELETE", "/", None, {"uid": text, "id": text, "reason": text})
            await self.ask("POST", "/-/login", None, {"token": text})
            for field in ("name", "role", "uids", "expires_at", text):
                made: Body = {"name": "n", "role": "admin", "uids": ["*"]}
                await self.ask("POST", "/-/tokens", None, {**made, field: text})

    async def in_jobs(self) -> None:
        """Harm in what jobs raise, print and return, whose lines name a harmful uid."""
        odd = base64.b64encode(pickle.dumps({PLAIN: {NAME}})).decode()
        await self._job({"task": "fail", "data": PLAIN + NAME})
        await self._job({"task": "pickled", "data": odd})
        await self._job({"task": "talk_bytes", "data": ["\x1b]0;title\x07", "\x9b31m\x00"]})
        job = await self._job({"task": "wait", "data": {"file": "begun"}}, wait=0)
        reason = quote(f"{NAME} because")
        status, _ = await self.ask("DELETE", f"/{quote(NAME)}/{job}?wait=20&reason={reason}")
        assert status in (200, 400)

    async def _job(self, job: Body, *, wait: int = 20) -> str:
        status, body = await self.ask("POST", "/", None, {"uid": NAME, **job})
        assert status == 202, body
        job_id: str = json.loads(body)["id"]
        await self.ask("GET", f"/{quote(NAME)}/{job_id}?wait={wait}")
        return job_id


@pytest.fixture(name="node", params=["pipe", "terminal"])
def node_fixture(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    """A node that asks for tokens, with both forms of its log."""
    settings = {"AUTH__MODE": "tokens", "AUTH__ADMIN_TOKEN": ADMIN.text}
    is_terminal = request.param == "terminal"
    launch: Launch = executed if is_terminal else forked_node
    node = Node(
        tmp_path / "node",
        settings,
        environment={"NO_COLOR": "1"},
        program=ON_TERMINAL if is_terminal else ROOT / "main.py",
        launch=launch,
    )
    try:
        yield node
    finally:
        node.close()


async def test_no_text_of_a_client_acts_on_whoever_reads_the_log(node: Node) -> None:
    """An operator looks at it in a terminal; and programs read it line by line."""
    hostile = Hostile(node)
    await hostile.in_lines()
    await hostile.in_bodies()
    await hostile.in_jobs()
    await eventually(lambda: node.log.count("job terminated") == 2, within_s=20)
    _, metrics = await hostile.ask("GET", "/-/metrics")
    assert node.drain() == 0
    assert node.process.stdout is not None
    said = node.process.stdout.read()
    log = (node.folder / "node.log").read_bytes().decode().replace("\r\n", "\n")
    assert "\\u202e" in log, "the uid is in the lines of its jobs"
    for written in (log, said, metrics.decode()):
        assert not HARMFUL.search(written), HARMFUL.findall(written)
        assert not re.search("^forged line", written, re.MULTILINE)
        for secret in (ADMIN.secret, BEARER.secret, COOKIE):
            assert secret not in written
