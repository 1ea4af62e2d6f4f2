"""Slots and pool processes that do what a test says: continue, end or die."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from scheduler.core.handler import HandlerOptions
from scheduler.core.job_log import LogStream
from scheduler.core.tasks import Tasks
from scheduler.processes.child import lot as child
from scheduler.processes.child.outbox import encoded
from scheduler.processes.lot import Listener, Lot, LotPipes
from scheduler.processes.stdio_pipes import OnOutput
from scheduler.processes.tree import Ended, Process
from tests.fakes.clock import AT

Message = Mapping[str, Any]

KILLED = Process(pid=1, started=1)
"""Any process that is ended."""


class FakeProcess:
    """A pool process in which a job runs until the test or a signal ends it.

    Its lots and their pipes are the real ones.
    """

    def __init__(self, *, heeds_sigterm: bool = False) -> None:
        self.alive = True
        self.jobs = 0
        self.uid: str | None = None
        self.exit_status: int | None = 0
        self.broke_protocol = False
        self.frames: list[Message] = []
        """The jobs that were sent to it."""
        self.ran: list[str] = []
        """The ids of those that began."""
        self.signals: list[signal.Signals] = []
        self.begun = asyncio.Event()
        self._heeds_sigterm = heeds_sigterm
        self._node_pipes = LotPipes()
        self._pipes = child.LotPipes(*self._node_pipes.theirs)
        self._output = FakeOutput()
        self._lot: Lot | None = None
        self._job: Message | None = None
        self._unread: list[Message] = []
        self._is_idle = asyncio.Event()
        self.tells_idle = True
        """Whether it tells the node at once that it takes no further job of its lot."""

    def begin(
        self,
        jobs: Sequence[Message],
        listeners: Sequence[Listener],
        *,
        on_change: Callable[[], None],
    ) -> Lot:
        before, self.uid = self.jobs, jobs[-1]["uid"]

        def changed() -> None:
            self.jobs = before + lot.begun
            if lot.over:
                self._is_idle.set()
            on_change()

        lot = Lot(jobs, listeners, pipes=self._node_pipes, output=self._output, on_change=changed)
        assert self._lot is None or self._lot.over
        self._is_idle.clear()
        self._lot = lot
        self.jobs += len(jobs)
        self.frames.extend(lot.frames)
        self._unread = list(lot.frames)
        if self.alive:
            self._begin_next()
        else:
            lot.lose()
        return lot

    def take_back(self) -> None:
        if self._lot is not None and not self._lot.closed:
            self._lot.take_back()

    async def idle(self) -> None:
        await self._is_idle.wait()

    def send(self, signal_: signal.Signals) -> None:
        self.signals.append(signal_)
        if self._heeds_sigterm:
            self.die(-signal_)

    async def tidied(self) -> None:
        """Nothing is to be tidied up."""

    def report(self, done: float) -> None:
        """Have the handler report progress."""
        self.tell({"progress": {"done": done, "total": None, "message": None}})

    def notify(self, payload: str) -> None:
        """Have the handler call `notify`."""
        self.tell({"notify": payload})

    def say(self, text: str) -> None:
        """Have the handler print something."""
        self._output.write(text.encode())

    def tell(self, frame: Message) -> None:
        """Have the process write any frame."""
        assert self._lot is not None
        assert self._job is not None
        if "leftovers" in frame:
            self._end({"ran_s": 0.0, **frame})
        else:
            self._lot.receive({**frame, "key": self._job["key"]})

    def finish(self, text: str = "null", *, leaves: bool = False, quietly: bool = False) -> None:
        """Have the handler return.

        Args:
            leaves: whether it leaves something behind.
            quietly: whether the node is not told to look.
        """
        self._end(
            {
                "returned": text,
                "progress": None,
                "leftovers": leaves,
                "signalled": False,
                "ran_s": 0.0,
            },
            quietly=quietly,
        )

    def die(self, exit_status: int) -> None:
        if self.alive:
            self.alive, self.exit_status = False, exit_status
            self._forget_job()
            if self._lot is not None:
                self._lot.lose()

    def tell_idle(self) -> None:
        """Have it tell that it takes no further job of its lot."""
        assert self._lot is not None
        self._lot.receive({"key": self._lot.frames[0]["lot"], "idle": True})

    def job_begins(self, job: Message) -> None:
        """For what watches the process."""

    def job_ends(self, job: Message) -> None:
        """For what watches the process."""

    def _forget_job(self) -> None:
        self.begun.clear()
        job, self._job = self._job, None
        if job is not None:
            self.job_ends(job)

    def _begin_next(self) -> None:
        assert self._lot is not None
        if self._pipes.take():
            self._job = self._unread.pop(0)
            self.ran.append(self._job["id"])
            self.job_begins(self._job)
            self.begun.set()
        elif self.tells_idle:
            self.tell_idle()

    def _end(self, end: Message, *, quietly: bool = False) -> None:
        lot, job = self._lot, self._job
        if lot is None or job is None or lot.over:
            return
        self._forget_job()
        message = {**end, "key": job["key"]}
        if self._unread and not (end["leftovers"] or self._output.unread):
            self._pipes.write(encoded(message))
            if not quietly:
                lot.receive({"key": lot.frames[0]["lot"]})
            self._begin_next()
        else:
            lot.receive(message)


class FakeOutput:
    """What a process prints."""

    def __init__(self) -> None:
        self._on_output: OnOutput | None = None
        self._on_unread: Callable[[], None] | None = None
        self.unread = b""

    def listen(self, on_output: OnOutput) -> None:
        self._on_output, self._on_unread = on_output, None
        self.stop_listening()

    def leave_unread(self, on_unread: Callable[[], None]) -> None:
        self._on_unread = on_unread

    def stop_listening(self) -> None:
        unread, self.unread = self.unread, b""
        if unread and self._on_output is not None:
            self._on_output(LogStream.STDOUT, unread)

    def write(self, data: bytes) -> None:
        self.unread += data
        if self._on_unread is not None:
            self._on_unread()
        else:
            self.stop_listening()


class FakeSlots:
    """Gives processes while `open` is set."""

    def __init__(
        self, *, heed_sigterm: bool = False, make: Callable[[], FakeProcess] | None = None
    ) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.tasks = Tasks({}, loaded_at=AT)
        self.on_switched: Callable[[], None] | None = None
        self.result_bytes_max = 1_000_000
        self.rooms = 100
        self.share_processes = True
        self.given: list[FakeProcess] = []
        self.ended: list[FakeProcess] = []
        self.outdated: list[FakeProcess] = []
        self.outliving: tuple[Process, ...] = ()
        """The processes that outlive SIGKILL when the next pool process is ended."""
        self._make = make or partial(FakeProcess, heeds_sigterm=heed_sigterm)

    @property
    def frames(self) -> list[Message]:
        """The jobs that were sent to any of the processes."""
        return [frame for process in self.given for frame in process.frames]

    async def ready(
        self, process: FakeProcess | None, *, fresh: bool = False, uid: str | None = None
    ) -> FakeProcess:
        sound = process is not None and process.alive and self.room(process, uid)
        if process is not None and sound and not (fresh and process.jobs):
            return process
        await self.open.wait()
        self.given.append(self._make())
        return self.given[-1]

    def usable(self, process: FakeProcess) -> bool:
        return process.alive and process not in self.outdated

    def knows(self, options: HandlerOptions) -> bool:
        return not self.tasks or self.tasks.get(options.name) == options

    def room(self, process: FakeProcess, uid: str | None = None) -> int:
        fits = self.share_processes or uid is None or process.uid in (None, uid)
        return self.rooms if fits and process not in self.outdated else 0

    def switch(self, tasks: Mapping[str, HandlerOptions] | None = None) -> None:
        """Have the processes so far outdated, as when handlers are loaded anew."""
        self.tasks = Tasks(self.tasks if tasks is None else tasks, loaded_at=AT)
        self.outdated = [*self.given]
        for process in self.given:
            process.take_back()
        assert self.on_switched is not None
        self.on_switched()

    async def discard(self, process: FakeProcess) -> Ended:
        return await self.end(process)

    async def stop(self, process: FakeProcess) -> Ended:
        return await self.end(process)

    async def end(self, process: FakeProcess) -> Ended:
        held = process.alive
        process.die(-signal.SIGKILL)
        self.ended.append(process)
        outliving, self.outliving = self.outliving, ()
        return Ended(frozenset({KILLED} if held else ()), outliving, held)
