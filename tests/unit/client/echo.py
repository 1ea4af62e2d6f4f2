"""A node that answers each call with the user and the id that the call asks for.

It also ends connections as nodes and proxies do: announced, and without a word after a response.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any

from tests.unit.client.test_client_outages import job

ANNOUNCED, SILENT, IN_PIECES = 7, 11, 3
"""Each so many-th response is followed by such an end, or comes in pieces."""
AT = "2026-11-25T15:42:54.123Z"


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    numbers = count(1)

    def do_GET(self) -> None:
        uid, job_id, *log = self.path.partition("?")[0].strip("/").split("/")
        self._answer(f"{AT} stdout {uid} {job_id}\n" if log else job(uid=uid, id=job_id))

    def do_POST(self) -> None:
        wanted: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(job(uid=wanted["uid"], id=wanted["data"]))

    def _answer(self, text: str) -> None:
        number, body = next(self.numbers), text.encode()
        self.send_response(200)
        self.send_header(
            "Content-Type", "text/plain" if text.startswith(AT) else "application/json"
        )
        if number % ANNOUNCED == 0:
            self.send_header("Connection", "close")
        if number % SILENT == 0:
            self.close_connection = True
        if number % IN_PIECES == 0:
            self.send_header("Transfer-Encoding", "chunked")
            pieces = [
                b"%x\r\n%b\r\n" % (len(each), each) for each in (body[:50], body[50:]) if each
            ]
            pieces.append(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            pieces = [body]
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)

    def log_message(self, *_: object) -> None:
        """Say nothing: there are thousands of requests."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 256

    def handle_error(self, *_: object) -> None:
        """Say nothing: a connection was cut."""


@contextmanager
def echoing() -> Iterator[int]:
    """Serve on a port of its own."""
    with _Server(("127.0.0.1", 0), _Answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="echo")
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
