"""A node and a pool process that run lots, in all orders in which their steps may come.

The node's side is the real one, and so are the pipes. The process is a model of
`child.job_loop.JobLoop._run_lot`: each step that the kernel sees is one of its own, and before any
of them the node may act, or the process may die.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from scheduler.core.job_log import LogStream
from scheduler.processes.child import lot as child
from scheduler.processes.child.outbox import encoded
from scheduler.processes.lot import Lot, LotPipes
from scheduler.processes.stdio_pipes import OnOutput

Message = Mapping[str, Any]

JOBS_MAX: Final = 5


class Kind(Enum):
    """What a job does."""

    PLAIN = auto()
    PRINTS = auto()
    LONG_END = auto()
    """Its end is too long for the pipe."""
    REPORTS = auto()
    """It sends a message, and its end must not overtake it."""
    WAKES = auto()
    """The node is woken after it."""
    LEAVES = auto()
    """It leaves something behind: its process runs no other job."""


KINDS: Final = [*(5 * [Kind.PLAIN]), *Kind]
"""The others end most lots."""


@dataclass(eq=False)
class Job:
    """A job of a lot, as the node and the process see it."""

    name: str
    kind: Kind
    begun: int = 0
    """How often it began."""
    done: bool = False
    """Whether its handler came to its end."""
    ends: list[Message | None] = field(default_factory=list)
    output: bytes = b""
    messages: list[Message] = field(default_factory=list)

    def on_message(self, message: Message) -> None:
        assert not self.ends, f"{self.name}: a message came after the end"
        self.messages.append(message)

    def on_output(self, _stream: LogStream, data: bytes) -> None:
        self.output += data

    def on_end(self, end: Message | None) -> None:
        self.ends.append(end)


class Output:
    """The pipe through which the process prints."""

    def __init__(self) -> None:
        self.unread = b""
        self._on_output: OnOutput | None = None
        self._on_unread: Callable[[], None] | None = None

    def listen(self, on_output: OnOutput) -> None:
        self._on_output, self._on_unread = on_output, None

    def leave_unread(self, on_unread: Callable[[], None]) -> None:
        self._on_unread = on_unread

    def stop_listening(self) -> None:
        self._read()
        self._on_output = None

    def look(self) -> None:
        """The event loop finds the pipe readable."""
        if self.unread and self._on_unread is not None:
            self._on_unread()
        elif self.unread:
            self._read()

    def _read(self) -> None:
        unread, self.unread = self.unread, b""
        if unread and self._on_output is not None:
            self._on_output(LogStream.STDOUT, unread)


class LotMachine(RuleBasedStateMachine):
    """Lots of one process, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._pipes = LotPipes()
        self._theirs = child.LotPipes(*self._pipes.theirs)
        self._output = Output()
        self._channel: deque[Message] = deque()
        self._jobs: Sequence[Job] = ()
        self._lot: Lot | None = None
        self._steps: Iterator[None] = iter(())
        self._current: Job | None = None
        self._alive = True
        self._ended_by_node = False
        self._usable = True

    @rule(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=JOBS_MAX))
    @precondition(
        lambda self: self._alive and self._usable and (self._lot is None or self._lot.over)
    )
    def send(self, kinds: Sequence[Kind]) -> None:
        """The node sends a lot."""
        self._settle()
        self._jobs = [Job(f"job {number}", kind) for number, kind in enumerate(kinds)]
        frames = [{"name": job.name} for job in self._jobs]
        self._lot = Lot(
            frames,
            self._jobs,
            pipes=self._pipes,
            output=self._output,
            on_change=lambda: None,
        )
        self._steps = self._run(self._lot.frames)

    @rule(times=st.integers(1, 8))
    def step(self, times: int) -> None:
        """The process takes some steps."""
        for _ in range(times):
            if self._alive:
                next(self._steps, None)

    def _go_on(self) -> None:
        if self._alive:
            next(self._steps, None)
        self.deliver()

    @rule()
    def deliver(self) -> None:
        """A frame of the process reaches the node; or, once there are none, that it is dead."""
        if self._channel:
            if self._lot is not None and not self._lot.over:
                self._lot.receive(self._channel.popleft())
        elif not self._alive and self._lot is not None:
            self._lot.lose()

    @rule()
    def read_output(self) -> None:
        """The node looks at what is printed."""
        self._output.look()

    @rule(what=st.sampled_from(["take back", "crash", *range(JOBS_MAX)]))
    def interfere(self, what: str | int) -> None:
        """The lot takes too long, the process dies, or a user aborts one of the jobs."""
        if what == "crash":
            self._alive = False
        elif self._lot is not None:
            self._lot.take_back()
            if isinstance(what, int) and self._lot.ended <= what < self._lot.begun:
                self._abort(self._jobs[what])

    def _abort(self, job: Job) -> None:
        """End the process of a job that may be at work."""
        if self._alive:
            assert self._current in {None, job}, f"the abort of {job.name} hits {self._current}"
        self._alive = False

    @invariant()
    def holds(self) -> None:
        """What holds at any moment."""
        lot = self._lot
        if lot is None:
            return
        assert not lot.broken
        for number, job in enumerate(self._jobs):
            assert job.begun <= 1
            assert len(job.ends) <= 1
            if number >= lot.begun:
                assert not job.begun, f"{job.name} was taken back, and began"
                assert not job.ends
            for end in job.ends:
                assert end is None or end["name"] == job.name
                assert end is not None or not self._alive
            assert not job.output.replace(job.name.encode(), b""), "output of another job"

    def teardown(self) -> None:
        """In the end each job has ended, or never begins."""
        for _ in range(100):
            self._go_on()
        self._settle()
        self._pipes.close()

    def _settle(self) -> None:
        lot = self._lot
        if lot is None:
            return
        assert lot.over
        self.holds()
        for number, job in enumerate(self._jobs):
            assert len(job.ends) == (number < lot.begun)
            if job.ends and job.ends[0] is None:
                assert number == lot.begun - 1, "only the last one can have been cut short"
            if job.done and number < lot.begun - 1:
                assert job.ends[0] is not None, f"the end of {job.name} was lost"
            if job.ends and job.ends[0] and job.kind is Kind.PRINTS:
                assert job.output == job.name.encode()
            if job.ends and job.ends[0] and job.kind is Kind.REPORTS:
                assert len(job.messages) == 1

    def _run(self, frames: Sequence[Message]) -> Iterator[None]:
        """The process: as `JobLoop._run_lot`, with a pause before each step."""
        lot = {"key": frames[0]["lot"]}
        jobs = {job.name: job for job in self._jobs}
        for number, frame in enumerate(frames):
            yield
            if not self._theirs.take():
                break
            self._current = job = jobs[frame["name"]]
            job.begun += 1
            yield
            if job.kind is Kind.PRINTS:
                self._output.unread += job.name.encode()
                yield
            if job.kind is Kind.REPORTS:
                self._channel.append({"key": frame["key"], "progress": 1})
                yield
            job.done = True
            end = {"key": frame["key"], "name": job.name, "leftovers": job.kind is Kind.LEAVES}
            is_last = number == len(frames) - 1
            loud = is_last or job.kind in {Kind.LEAVES, Kind.LONG_END, Kind.REPORTS}
            if loud or self._output.unread or not self._theirs.write(encoded(end)):
                self._current = None
                self._usable = job.kind is not Kind.LEAVES
                self._channel.append(end)
                return
            self._current = None
            if job.kind is Kind.WAKES:
                yield
                self._channel.append(lot)
        yield
        self._channel.append({**lot, "idle": True})
