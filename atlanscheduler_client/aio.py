"""The client for programs with an event loop: the methods of `Client` as coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from atlanscheduler_client import calls
from atlanscheduler_client.address import default_url, with_token
from atlanscheduler_client.calls import Call, Request
from atlanscheduler_client.events import Event, EventReader, Printed
from atlanscheduler_client.problems import ClientError, Lost
from atlanscheduler_client.reading import log_line_of
from atlanscheduler_client.responses import understood, value_of
from atlanscheduler_client.session import AsyncLineStream, Session
from atlanscheduler_client.shapes import (
    KEPT,
    Aborts,
    AfterIf,
    AuditRecord,
    DeletedSchedule,
    FailureKind,
    Group,
    Job,
    Kept,
    LogLine,
    MadeToken,
    NewJob,
    NewSchedule,
    Node,
    Pause,
    PauseKind,
    Preview,
    Reruns,
    Role,
    Schedule,
    Status,
    Task,
    Token,
    Unique,
    Until,
    Usage,
)
from atlanscheduler_client.waiting import Deadline, Retries

T = TypeVar("T")


class AsyncClient:
    """A client of one node, or of a proxy in front of several. For many asyncio tasks at once.

    Use it as `async with AsyncClient(url) as client`. It belongs to the event loop, and to the
    process, in which it was entered: elsewhere, its methods raise `RuntimeError`. Another loop or a
    forked process makes an `AsyncClient` of its own. Arguments and errors are those of `Client`.
    `watch` and `log` keep a connection open until their iterator ends: close an iterator that you
    leave before its end (`contextlib.aclosing`).
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        timeout_s: float = 30.0,
        retry_s: float = 2.0,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> None:
        self._session = Session(
            url or default_url(), timeout_s=timeout_s, headers=with_token(headers, token)
        )
        self._retry_s = retry_s

    async def submit(
        self,
        uid: str,
        task: str,
        data: Any = None,  # noqa: ANN401 - JSON
        *,
        hook: str | None = None,
        parent: str | None = None,
        idempotency_key: str | None = None,
        priority: int = 0,
        run_at: datetime | None = None,
        delay: timedelta | float | None = None,
        start_within: timedelta | float | None = None,
        max_attempts: int | None = None,
        hook_retries: bool = False,
        needs: Collection[str] = (),
        after: Sequence[str] = (),
        after_if: AfterIf | str = AfterIf.SUCCESS,
        group: str | None = None,
        unique: Unique | str | None = None,
    ) -> Job:
        """Submit a job; once this returns, it is stored and will reach an end.

        In a handler, the job that runs is the new one's parent, unless `parent` is given. When, in
        which order, how often, where and after which jobs it runs, the last ones say: see `NewJob`.
        With `unique`, there is only one such job at a time.
        """
        job = NewJob(
            uid=uid,
            task=task,
            data=data,
            hook=hook,
            parent=parent,
            priority=priority,
            run_at=run_at,
            delay=delay,
            start_within=start_within,
            max_attempts=max_attempts,
            hook_retries=hook_retries,
            needs=needs,
            after=after,
            after_if=after_if,
            group=group,
            unique=unique,
        )
        return await self._ask(calls.submit(job, idempotency_key))

    async def submit_all(
        self, jobs: Sequence[NewJob], *, idempotency_key: str | None = None
    ) -> Sequence[Job]:
        """Submit several jobs, all or none of them; returns them in the same order."""
        return await self._ask(calls.submit_all(jobs, idempotency_key))

    async def get(self, uid: str, job_id: str) -> Job:
        """The job in its current state."""
        return await self._ask(calls.get(uid, job_id))

    def list(
        self,
        uid: str,
        *,
        statuses: Collection[Status] | str = (),
        task: str | None = None,
        parent: str | None = None,
        group: str | None = None,
    ) -> AsyncIterator[Job]:
        """A user's jobs, newest first; pages are fetched during the iteration.

        With `parent`, only those that this job submitted; with `group`, only those of this group.
        """
        return self._pages(
            calls.page(uid, statuses=statuses, task=task, parent=parent, group=group)
        )

    def list_all(
        self,
        *,
        statuses: Collection[Status] | str = (),
        task: str | None = None,
        parent: str | None = None,
    ) -> AsyncIterator[Job]:
        """The jobs of all users, newest first; pages are fetched during the iteration."""
        return self._pages(calls.page_of_all(statuses=statuses, task=task, parent=parent))

    async def wait(
        self, uid: str, job_id: str, *, timeout_s: float | None = None, until: Until = "final"
    ) -> Job:
        """Wait until the job is final, or with `until="over"` also undone, and return it.

        Raises:
            TimeoutError: it is not that far within `timeout_s`.
        """
        deadline = Deadline(timeout_s)
        while True:
            wait_s = deadline.wait_s()
            job = await self._ask(calls.get(uid, job_id, wait_s=wait_s, until=until))
            if job.over if until == "over" else job.final:
                return job

    async def update(
        self,
        uid: str,
        job_id: str,
        *,
        priority: int | None = None,
        run_at: datetime | None = None,
        at_once: bool = False,
    ) -> Job:
        """Change the priority of a queued job, or the time before which it does not begin.

        With `at_once` it may begin now, whatever its time was.

        Raises:
            JobNotQueued: it runs, or has ended.
        """
        change = calls.update(uid, job_id, priority=priority, run_at=run_at, at_once=at_once)
        return await self._ask(change)

    async def rerun(
        self,
        uid: str,
        job_id: str,
        *,
        data: Any | Kept = KEPT,  # noqa: ANN401 - JSON
        hook: str | Kept | None = KEPT,
        priority: int | Kept = KEPT,
        run_at: datetime | None = None,
        delay: timedelta | float | None = None,
        start_within: timedelta | float | Kept | None = KEPT,
        max_attempts: int | Kept | None = KEPT,
        hook_retries: bool | Kept = KEPT,
        needs: Collection[str] | Kept = KEPT,
        group: str | Kept | None = KEPT,
        unique: Unique | str | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Run a job again that is over, as a new job, which is returned; the old one stays.

        What is not given here it has like the old one, but for its time and its unique key.

        Raises:
            JobNotOver: it is queued, runs or is still to be undone.
        """
        return await self._ask(
            calls.rerun(
                uid,
                job_id,
                data=data,
                hook=hook,
                priority=priority,
                run_at=run_at,
                delay=delay,
                start_within=start_within,
                max_attempts=max_attempts,
                hook_retries=hook_retries,
                needs=needs,
                group=group,
                unique=unique,
                key=idempotency_key,
            )
        )

    async def rerun_all(
        self,
        *,
        limit: int,
        uid: str | None = None,
        task: str | None = None,
        statuses: Collection[Status] | str = (),
        error_kinds: Collection[FailureKind] | str = (),
        since: datetime | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Reruns:
        """Run all jobs again that match and are over, oldest first, up to 1,000.

        Without `statuses`, those that are terminated; with `since`, those that ended from then on.
        What was run again before is left out. With `dry_run` nothing is changed, and up to 10,000
        are found.
        """
        return await self._ask(
            calls.rerun_all(
                uid=uid,
                task=task,
                statuses=statuses,
                error_kinds=error_kinds,
                since=since,
                limit=limit,
                dry_run=dry_run,
                key=idempotency_key,
            )
        )

    async def abort(
        self,
        uid: str,
        job_id: str,
        *,
        reason: str | None = None,
        grace_s: float | None = None,
        children: bool = False,
        wait_s: float = 50.0,
        until: Until = "final",
    ) -> Job:
        """Abort a job, and wait for up to `wait_s` (≤ 50) until it is aborted.

        Returns the job: aborted, with the proof of death, or still being stopped. With
        `until="over"`, waits until the handler's `on_abort` has ended, too. With `children`,
        the jobs that it submitted are aborted too, theirs, and so on, even if it had ended before.

        Raises:
            JobEnded: it had ended before.
        """
        return await self._ask(
            calls.abort(
                uid,
                job_id,
                reason=reason,
                grace_s=grace_s,
                children=children,
                wait_s=wait_s,
                until=until,
            )
        )

    async def abort_all(
        self,
        uid: str,
        *,
        statuses: Collection[Status] | str = (),
        task: str | None = None,
        group: str | None = None,
    ) -> Aborts:
        """Abort all of a user's jobs that match and have not ended; returns how many there were."""
        return await self._ask(calls.abort_all(uid, statuses=statuses, task=task, group=group))

    async def group(self, uid: str, name: str) -> Group:
        """How far a group of a user's jobs is; of an unknown one, all numbers are 0."""
        return await self._ask(calls.group(uid, name))

    async def usage(self, uid: str) -> Usage:
        """How many unfinished jobs a user has, and how many it may have."""
        return await self._ask(calls.usage(uid))

    async def tasks(self) -> Sequence[Task]:
        """The handlers, by name."""
        return await self._ask(calls.tasks())

    async def nodes(self) -> Sequence[Node]:
        """The live nodes, by name."""
        return await self._ask(calls.nodes())

    async def pause(
        self,
        kind: PauseKind | str,
        name: str,
        *,
        reason: str | None = None,
        until: datetime | None = None,
    ) -> Pause:
        """Pause a handler (`task`), a user (`uid`) or a `node`; again: replace reason and end.

        After the answer no new attempt of it begins, on any node. What runs goes on.
        """
        return await self._ask(calls.pause(kind, name, reason=reason, until=until))

    async def resume(self, kind: PauseKind | str, name: str) -> Pause:
        """End a pause, and return it as it was."""
        return await self._ask(calls.resume(kind, name))

    def pauses(self, kind: PauseKind | str | None = None) -> AsyncIterator[Pause]:
        """What is paused, by kind and name; pages are fetched during the iteration."""
        return self._pages(calls.pauses(kind))

    async def set_schedule(self, schedule: NewSchedule) -> Schedule:
        """Set a schedule, or replace the one that there is."""
        return await self._ask(calls.set_schedule(schedule))

    async def schedule(self, uid: str, name: str) -> Schedule:
        """A schedule, with its next and its last times."""
        return await self._ask(calls.schedule(uid, name))

    async def delete_schedule(self, uid: str, name: str, *, abort: bool = False) -> DeletedSchedule:
        """Delete a schedule, and return it as it was; its jobs go on, or are aborted."""
        return await self._ask(calls.delete_schedule(uid, name, abort=abort))

    def schedules(self, uid: str | None = None) -> AsyncIterator[Schedule]:
        """A user's schedules, or all, by user and name; pages are fetched during the iteration."""
        return self._pages(calls.schedules(uid))

    async def run_schedule(self, uid: str, name: str, *, idempotency_key: str | None = None) -> Job:
        """Make a job of a schedule now, beside its times.

        Raises:
            Problem: an earlier job is not over, and the schedule's `overlap` says `skip`.
        """
        return await self._ask(calls.run_schedule(uid, name, idempotency_key))

    async def backfill_schedule(
        self, uid: str, name: str, *, begin: datetime, end: datetime
    ) -> Sequence[Job]:
        """Make up for the times of a schedule that are past and have no job, at most 100."""
        return await self._ask(calls.backfill_schedule(uid, name, begin=begin, end=end))

    async def preview_schedule(
        self,
        *,
        cron: str | None = None,
        every: timedelta | float | None = None,
        phase: timedelta | float = 0.0,
        timezone: str = "UTC",
        start_at: datetime | None = None,
        count: int = 5,
    ) -> Preview:
        """When a schedule would make its next jobs; nothing is stored."""
        return await self._ask(
            calls.preview_schedule(
                cron=cron,
                every=every,
                phase=phase,
                timezone=timezone,
                start_at=start_at,
                count=count,
            )
        )

    async def create_token(
        self,
        name: str,
        *,
        role: Role | str,
        uids: Sequence[str],
        expires_at: datetime | None = None,
    ) -> MadeToken:
        """Make a token. Its `token` is shown this once: keep it.

        Where the answer was lost, another one is made, and nobody has the first.
        """
        return await self._ask(
            calls.create_token(name, role=role, uids=uids, expires_at=expires_at)
        )

    async def tokens(self) -> Sequence[Token]:
        """The tokens, newest first, whether they have force or not; at most a thousand."""
        return await self._ask(calls.tokens())

    async def revoke_token(self, token_id: str) -> Token:
        """Revoke a token: within five seconds it has no force on any node."""
        return await self._ask(calls.revoke_token(token_id))

    def audit(
        self,
        *,
        actor: str | None = None,
        uid: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
    ) -> AsyncIterator[AuditRecord]:
        """Who did what, newest first; pages are fetched during the iteration. Times are aware."""
        return self._pages(
            calls.audit(actor=actor, uid=uid, action=action, since=since, before=before)
        )

    async def watch(
        self, uid: str, job_id: str, *, log: bool = False
    ) -> AsyncGenerator[Event, None]:
        """The events of a job, from its current state to its end; with `log`, also its lines.

        After a lost connection, the stream is opened again and continues where it broke.
        """
        reader = EventReader(uid, job_id, log=log)
        while not reader.over:
            await asyncio.sleep(reader.pause_s)
            with suppress(Lost):
                async with self._stream(reader.request()) as stream:
                    async for line in stream.lines:
                        if event := understood(reader.feed, line, stream.response):
                            yield event
                    reader.end(stream.response.status)

    async def log(self, uid: str, job_id: str, *, follow: bool = False) -> AsyncIterator[LogLine]:
        """The lines that a job printed so far; with `follow`, also further ones until its end.

        Raises:
            Lost: the connection broke; another call begins again with the first line. With
                `follow`, it goes on behind the last one by itself.
        """
        if follow:
            async with aclosing(self.watch(uid, job_id, log=True)) as events:
                async for event in events:
                    if isinstance(event, Printed):
                        yield event.line
            return
        async with self._stream(calls.log(uid, job_id)) as stream:
            async for line in stream.lines:
                yield understood(log_line_of, line, stream.response)

    async def __aenter__(self) -> Self:
        await self._session.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def _pages(self, first: Call[calls.ListPage[T]]) -> AsyncIterator[T]:
        call: Call[calls.ListPage[T]] | None = first
        while call is not None:
            page = await self._ask(call)
            for item in page.items:
                yield item
            call = page.next

    async def _ask(self, call: Call[T]) -> T:
        async def attempt() -> T:
            return value_of(call, await self._session.ask(call))

        return await self._retry(attempt)

    @asynccontextmanager
    async def _stream(self, request: Request) -> AsyncIterator[AsyncLineStream]:
        async with AsyncExitStack() as stack:
            yield await self._retry(
                lambda: stack.enter_async_context(self._session.stream(request))
            )

    async def _retry(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Make an attempt, and retry it while no node can take it, or a quota says when."""
        retries = Retries(self._retry_s)
        while True:
            try:
                return await attempt()
            except ClientError as error:
                pause_s = retries.pause_s(error)
                if pause_s is None:
                    raise
            await asyncio.sleep(pause_s)
