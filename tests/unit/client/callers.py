"""A program that calls a node from many threads by one `Client`, and checks each answer.

    python -m tests.unit.client.callers URL THREADS CALLS [fork]

With `fork`, it forks while half of its threads are in calls and the connections of the others are
idle, and the child calls by the same `Client` too. Each process prints a line: a `Report` as JSON.
It is a program of its own because a fork would copy the sockets of the test's servers as well.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from threading import Barrier, Event, Thread
from typing import Any

from atlanscheduler_client import Client, ClientError

CALLS_BEFORE_FORK = 3


@dataclass
class Report:
    """What came of the calls of one process."""

    name: str
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    """Answers that belong to another call, and errors that no outage explains."""
    failed: list[tuple[float, float, str]] = field(default_factory=list)
    """Calls that no node answered: when they began and ended, and the error."""


class Callers:
    """The threads of one process."""

    def __init__(
        self, client: Client, name: str, *, threads: int, calls: int, forks: bool = False
    ) -> None:
        self.report = Report(name)
        self.paused = Barrier(threads // 2 + 1)
        """Reached when every second thread pauses: their connections are idle."""
        self.forked = Event()
        self._forks = forks
        self._client = client
        self._calls = calls
        self._together = Barrier(threads)
        self._threads = [Thread(target=self._call_all, args=(n,)) for n in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait for all, and print the report."""
        for thread in self._threads:
            thread.join()
        os.write(1, json.dumps(asdict(self.report)).encode() + b"\n")

    def _call_all(self, thread: int) -> None:
        self._together.wait()
        for number in range(self._calls):
            if self._forks and number == CALLS_BEFORE_FORK and thread % 2:
                self.paused.wait()
                self.forked.wait()
            self._call(f"{self.report.name}-{thread}", f"{thread}-{number}", number)

    def _call(self, uid: str, job_id: str, number: int) -> None:
        began = time.monotonic()
        try:
            answer = self._asked(uid, job_id, number)
        except ClientError as error:
            self.report.failed.append((began, time.monotonic(), repr(error)))
        except Exception as error:  # noqa: BLE001 - the test prints it
            self.report.wrong.append(repr(error))
        else:
            self._check(answer, (uid, job_id))

    def _asked(self, uid: str, job_id: str, number: int) -> tuple[str, ...]:
        """The user and the id of the answer to one of three kinds of calls."""
        if number % 8 == 0:
            (line,) = self._client.log(uid, job_id)
            return tuple(line.text.split())
        if number % 8 == 1:
            job = self._client.submit(uid, "task", job_id)
        else:
            job = self._client.get(uid, job_id)
        return job.uid, job.id

    def _check(self, answer: tuple[str, ...], wanted: tuple[str, ...]) -> None:
        if answer == wanted:
            self.report.right += 1
        else:
            self.report.wrong.append(f"{answer} answers {wanted}")


def main(url: str, threads: str, calls: str, *fork: str) -> None:
    """Call from this process, and from a forked one."""
    client = Client(url, timeout_s=5)
    sizes: dict[str, Any] = {"threads": int(threads), "calls": int(calls)}
    parent = Callers(client, "parent", forks=bool(fork), **sizes)
    parent.start()
    for child in _forked(parent, client, sizes) if fork else ():
        os.waitpid(child, 0)
    parent.end()
    client.close()


def _forked(parent: Callers, client: Client, sizes: dict[str, Any]) -> Iterator[int]:
    """Fork, and yield the child's pid, in the parent."""
    parent.paused.wait()
    if pid := os.fork():
        parent.forked.set()
        yield pid
        return
    child = Callers(client, "child", **sizes)
    child.start()
    child.end()
    client.close()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
