"""The client for programs without an event loop: one request at a time, on one kept connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from scheduler.client import calls
from scheduler.client.address import DEFAULT_URL
from scheduler.client.answers import value_of
from scheduler.client.calls import Call, Request
from scheduler.client.connection import Connection, Stream
from scheduler.client.events import Event, Following
from scheduler.client.problems import Lost, Unavailable, Unreachable
from scheduler.client.reading import log_line_of
from scheduler.client.shapes import Aborts, Job, LogLine, NewJob, Node, Task
from scheduler.client.waiting import Deadline, pauses
from scheduler.core.job import Status

T = TypeVar("T")


class Client:
    """A node, or a proxy in front of several, asked over HTTP. For one thread at a time.

    Every method raises `Problem` where the node will not do it, and `Unreachable` where none
    answers: not at once, but after having tried again for `retry_s`. `timeout_s` is how long an
    answer may take, beyond what the node was asked to wait. `headers` come with each request.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        timeout_s: float = 30.0,
        retry_s: float = 2.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._connection = Connection(url, timeout_s=timeout_s, headers=headers or {})
        self._retry_s = retry_s

    def submit(
        self,
        uid: str,
        task: str,
        data: Any = None,  # noqa: ANN401 - JSON
        *,
        hook: str | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit a job; once this returns, it is stored and will reach an end."""
        job = NewJob(uid=uid, task=task, data=data, hook=hook)
        return self._ask(calls.submit(job, idempotency_key))

    def submit_all(
        self, jobs: Sequence[NewJob], *, idempotency_key: str | None = None
    ) -> Sequence[Job]:
        """Submit several jobs, all or none of them; the answer has their order."""
        return self._ask(calls.submit_all(jobs, idempotency_key))

    def get(self, uid: str, job_id: str) -> Job:
        """The job as it stands."""
        return self._ask(calls.get(uid, job_id))

    def list(
        self, uid: str, *, statuses: Collection[Status] | str = (), task: str | None = None
    ) -> Iterator[Job]:
        """A user's jobs, newest first, page by page as they are taken."""
        call: Call[calls.Page] | None = calls.page(uid, statuses=statuses, task=task)
        while call is not None:
            page = self._ask(call)
            yield from page.jobs
            call = page.following

    def wait(self, uid: str, job_id: str, *, timeout_s: float | None = None) -> Job:
        """The job, once it is final.

        Raises:
            TimeoutError: it is not within `timeout_s`.
        """
        deadline = Deadline(timeout_s)
        while True:
            job = self._ask(calls.get(uid, job_id, wait_s=deadline.wait_s()))
            if job.final:
                return job

    def abort(
        self,
        uid: str,
        job_id: str,
        *,
        reason: str | None = None,
        grace_s: float | None = None,
        wait_s: float = 60.0,
    ) -> Job:
        """Abort a job: aborted, with the proof of death, or being stopped after `wait_s` (≤ 60).

        Raises:
            JobEnded: it ended otherwise before.
        """
        return self._ask(calls.abort(uid, job_id, reason=reason, grace_s=grace_s, wait_s=wait_s))

    def abort_all(
        self, uid: str, *, statuses: Collection[Status] | str = (), task: str | None = None
    ) -> Aborts:
        """Abort all of a user's jobs that match and have not ended; how many there were.

        Where the answer was lost and the call repeated, those of the first are not counted again.
        """
        return self._ask(calls.abort_all(uid, statuses=statuses, task=task))

    def tasks(self) -> Sequence[Task]:
        """The handlers, by name."""
        return self._ask(calls.tasks())

    def nodes(self) -> Sequence[Node]:
        """The live nodes, by name."""
        return self._ask(calls.nodes())

    def watch(self, uid: str, job_id: str, *, log: bool = False) -> Iterator[Event]:
        """What happens to a job, from how it stands now to its end; with `log`, what it prints too.

        A lost connection is made anew, and goes on where it broke.
        """
        following = Following(uid, job_id, log=log)
        while not following.over:
            time.sleep(following.pause_s)
            with self._stream(following.request()) as stream, suppress(Lost):
                for line in stream.lines:
                    if event := following.feed(line):
                        yield event
                following.end(stream.status)

    def log(self, uid: str, job_id: str, *, follow: bool = False) -> Iterator[LogLine]:
        """The lines that a job printed; with `follow`, until its end as they come.

        Raises:
            Lost: the connection broke; lines that came are repeated when it is called again.
        """
        with self._stream(calls.output(uid, job_id, follow=follow)) as stream:
            yield from map(log_line_of, stream.lines)

    def close(self) -> None:
        """Close the kept connection; the next call would open another one."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, call: Call[T]) -> T:
        return self._again(lambda: value_of(call, self._connection.ask(call)))

    @contextmanager
    def _stream(self, request: Request) -> Iterator[Stream]:
        with ExitStack() as stack:
            yield self._again(lambda: stack.enter_context(self._connection.stream(request)))

    def _again(self, attempt: Callable[[], T]) -> T:
        """Make an attempt, and while nobody can take it, some more."""
        for pause_s in pauses(self._retry_s):
            with suppress(Unreachable, Unavailable):
                return attempt()
            time.sleep(pause_s)
        return attempt()
