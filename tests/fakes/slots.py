"""Slots and pool processes that do what a test says: continue, end or die."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from scheduler.core.handler import HandlerOptions
from scheduler.core.job_log import LogStream
from scheduler.processes.stdio_pipes import OnOutput
from scheduler.processes.tree import Ended, Process

Message = Mapping[str, Any]

KILLED = Process(pid=1, started=1)
"""Any process that is ended."""


class FakeProcess:
    """A pool process in which a job runs until the test or a signal ends it."""

    def __init__(self, *, heeds_sigterm: bool = False) -> None:
        self.alive = True
        self.jobs = 0
        self.exit_status: int | None = 0
        self.broke_protocol = False
        self.frames: list[Message] = []
        """The jobs that were sent to it."""
        self.signals: list[signal.Signals] = []
        self.begun = asyncio.Event()
        self._heeds_sigterm = heeds_sigterm
        self._on_end: Callable[[Message | None], None] | None = None
        self._on_message: Callable[[Message], None] | None = None
        self._on_output: OnOutput | None = None

    def begin(
        self,
        job: Message,
        *,
        on_message: Callable[[Message], None],
        on_output: OnOutput,
        on_end: Callable[[Message | None], None],
    ) -> None:
        self.jobs += 1
        self.frames.append(job)
        self._on_message = on_message
        self._on_output = on_output
        self._on_end = on_end
        if self.alive:
            self.begun.set()
        else:
            self._tell(None)

    def send(self, signal_: signal.Signals) -> None:
        self.signals.append(signal_)
        if self._heeds_sigterm:
            self.die(-signal_)

    async def tidied(self) -> None:
        """Nothing is to be tidied up."""

    def report(self, done: float) -> None:
        """Have the handler report progress."""
        assert self._on_message is not None
        self._on_message({"progress": {"done": done, "total": None, "message": None}})

    def notify(self, payload: str) -> None:
        """Have the handler call `notify`."""
        assert self._on_message is not None
        self._on_message({"notify": payload})

    def say(self, text: str) -> None:
        """Have the handler print something."""
        assert self._on_output is not None
        self._on_output(LogStream.STDOUT, text.encode())

    def tell(self, frame: Message) -> None:
        """Have the process write any frame."""
        assert self._on_message is not None
        if "leftovers" in frame:
            self._tell(frame)
        else:
            self._on_message(frame)

    def finish(self, text: str = "null", *, leftovers: bool = False) -> None:
        """Have the handler return."""
        self._tell({"returned": text, "progress": None, "leftovers": leftovers, "signalled": False})

    def die(self, exit_status: int) -> None:
        if self.alive:
            self.alive, self.exit_status = False, exit_status
            self._tell(None)

    def _tell(self, end: Message | None) -> None:
        self.begun.clear()
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(end)


class FakeSlots:
    """Gives processes while `open` is set."""

    def __init__(
        self, *, heed_sigterm: bool = False, make: Callable[[], FakeProcess] | None = None
    ) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.tasks: Mapping[str, HandlerOptions] = {}
        self.result_bytes_max = 1_000_000
        self.given: list[FakeProcess] = []
        self.ended: list[FakeProcess] = []
        self.outliving: tuple[Process, ...] = ()
        """The processes that outlive SIGKILL when the next pool process is ended."""
        self._make = make or partial(FakeProcess, heeds_sigterm=heed_sigterm)

    @property
    def frames(self) -> list[Message]:
        """The jobs that were sent to any of the processes."""
        return [frame for process in self.given for frame in process.frames]

    async def ready(self, process: FakeProcess | None, *, fresh: bool = False) -> FakeProcess:
        if process is not None and process.alive and not (fresh and process.jobs):
            return process
        await self.open.wait()
        self.given.append(self._make())
        return self.given[-1]

    def usable(self, process: FakeProcess) -> bool:
        return process.alive

    async def discard(self, process: FakeProcess) -> Ended:
        return await self.end(process)

    async def end(self, process: FakeProcess) -> Ended:
        held = process.alive
        process.die(-signal.SIGKILL)
        self.ended.append(process)
        outliving, self.outliving = self.outliving, ()
        return Ended(frozenset({KILLED} if held else ()), outliving, held)
