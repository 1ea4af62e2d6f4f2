"""A node whose answers come as the user of the call says, and its connections, counted.

    late      no answer before the next request on the same connection
    half      half an answer, then a signal to the test; the rest before the next request
    waking    the same; the rest once the test says so
    hints     an interim response; the answer before the next request
    held      an answer once the test says so
    gone      no answer, and the end, on a connection that had a request before
    together  an answer once so many requests have come
    any other user gets an answer at once

A client that uses a connection again too early reads what was meant for another call.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Barrier, Event, Thread, main_thread
from typing import Any, Final

import pytest

from tests.unit.client.conftest import reply
from tests.unit.client.test_client_events import block
from tests.unit.client.test_client_events import job as state
from tests.unit.client.test_client_outages import job

TOGETHER: Final = 40
HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/%b\r\nConnection: close\r\n\r\n"


class Node(ThreadingTCPServer):
    """The server; its `url` is for a client."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.opened: list[object] = []
        self.ended: list[object] = []
        self.requests: list[str] = []
        self.together = Barrier(TOGETHER)
        self.asked, self.answering = Event(), Event()
        """A request of the user `held` has come; it is to be answered."""

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self.opened) - len(self.ended)


class _Connection(StreamRequestHandler):
    server: Node

    def setup(self) -> None:
        super().setup()
        self.server.opened.append(self)

    def finish(self) -> None:
        super().finish()
        self.server.ended.append(self)

    def handle(self) -> None:
        self.waiting = b""
        self.requests = 0
        while head := self._head():
            self.requests += 1
            self.server.requests.append(head)
            uid, job_id, *stream = head.split()[1].partition("?")[0].strip("/").split("/")
            if stream:
                return self._events(head) if stream == ["events"] else self._log()
            do: Callable[[bytes], None] = getattr(self, f"_{uid}", self._say)
            do(reply(job(uid=uid, id=job_id)))
        return None

    def _head(self) -> str:
        lines = takewhile(lambda line: line not in {b"", b"\r\n"}, iter(self.rfile.readline, None))
        return b"".join(lines).decode()

    def _say(self, answer: bytes) -> None:
        self.wfile.write(self.waiting + answer)
        self.waiting = b""

    def _late(self, answer: bytes) -> None:
        self.waiting = answer

    def _half(self, answer: bytes) -> None:
        self.wfile.write(answer[:-9])
        self.waiting = answer[-9:]
        self._signal()

    def _waking(self, answer: bytes) -> None:
        self.wfile.write(answer[:-9])
        self._signal()
        while not self.server.answering.wait(0.1):  # it came just before the test waited for more
            self._signal()
        self.wfile.write(answer[-9:])

    @staticmethod
    def _signal() -> None:
        signal.pthread_kill(main_thread().ident or 0, signal.SIGUSR1)

    def _gone(self, answer: bytes) -> None:
        if self.requests > 1:
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._say(answer)

    def _hints(self, answer: bytes) -> None:
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        self.waiting = answer

    def _together(self, answer: bytes) -> None:
        self.server.together.wait()
        self._say(answer)

    def _held(self, answer: bytes) -> None:
        self.server.asked.set()
        self.server.answering.wait()
        self._say(answer)

    def _log(self) -> None:
        self.wfile.write(HEAD % b"plain" + b"2026-11-25T15:42:54.123Z stdout first\n")
        self.server.answering.wait()

    def _events(self, head: str) -> None:
        """A job's start and end; the end as soon as the test says, and at once after the start."""
        self.wfile.write(HEAD % b"event-stream")
        if "Last-Event-ID" not in head:
            self.wfile.write(_event(1, "running"))
            self.server.answering.wait()
        self.wfile.write(_event(2, "successful"))


def _event(number: int, status: str) -> bytes:
    return "".join(f"{line}\n" for line in block(number, "status", state(status))).encode()


@pytest.fixture(name="node")
def node_fixture() -> Iterator[Node]:
    """Serve on a port of its own."""
    with Node() as node:
        serving: dict[str, Any] = {"poll_interval": 0.01}
        thread = Thread(target=node.serve_forever, kwargs=serving, name="node")
        thread.start()
        try:
            yield node
        finally:
            node.answering.set()
            node.shutdown()
            thread.join()


def in_child(do: Callable[[], object]) -> str:
    """What a call returns or raises in a forked process, as text."""
    reader, writer = os.pipe()
    if not (pid := os.fork()):
        try:
            os.write(writer, repr(do()).encode())
        except BaseException as error:  # noqa: BLE001 - nothing of the test may run on in the child
            os.write(writer, repr(error).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        os.waitpid(pid, 0)
        return answer.read()


def connected(node: Node) -> int:
    """How many connections to the node this process has."""
    return sum(
        _peer(int(each.name)) == node.server_address for each in Path("/proc/self/fd").iterdir()
    )


def _peer(descriptor: int) -> object:
    """The other end of a connection; None for another descriptor."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as sock:
            return sock.getpeername()
    except OSError:
        return None
