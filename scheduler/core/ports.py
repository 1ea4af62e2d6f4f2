"""What is promised: the contracts between the rooms of this house. Read them as the specification.

    service ─┬─▶ Store   the truth: jobs and nodes
    worker  ─┤
    sweeper ─┴─▶ Queue   hints: ids to run, abort flags, wake-ups
    all     ───▶ Clock   time and chance

Each has one contract suite in `tests/contract`, which every implementation passes. All methods of
`Store` raise `StoreUnavailable`, all of `Queue` raise `QueueUnavailable`, when the server behind
them does not take the call; then nothing is half done, but a write may have been done whole with
its answer lost. Every write is therefore safe to repeat. Cancelling any method is safe as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from asyncio import Event
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from scheduler.core.change import Change
    from scheduler.core.job import (
        Claim,
        Cleanup,
        Death,
        Job,
        JsonText,
        NewJob,
        Node,
        Progress,
        Settlement,
        Status,
    )
    from scheduler.core.job_log import Page, Written
    from scheduler.core.statistics import Ending, Span, Standing
    from scheduler.core.webhook import HookCall, Verdict


class Clock(Protocol):
    """The only source of time. Durations are measured by `monotonic`, which never jumps."""

    def now(self) -> datetime:
        """The wall-clock time as aware UTC, in whole milliseconds. May jump: only for people."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that all processes of this machine share and that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of `monotonic`."""
        ...


class Inserted(NamedTuple):
    """What `Store.insert` stored, or had stored before under the same idempotency keys."""

    jobs: Sequence[Job]
    created: bool


class Released(NamedTuple):
    """What became of the jobs of nodes that are gone."""

    to_enqueue: Sequence[str]
    """Ids that wait for a worker now: queued again, or aborted with their clean-up pending."""
    ended: Sequence[str]
    """Ids that are final now: aborted, or terminated because their nodes died too often."""


class Store(Protocol):
    """The truth about jobs and nodes. What it has answered is durable.

    Writes are guarded: each names the state it expects, and changes nothing where that does not
    hold. Concurrent calls on one job, from any node, behave as if they came one after the other.
    """

    identity: str
    """A random id made with the database: tells whether two nodes share one store."""

    async def insert(self, jobs: Sequence[NewJob]) -> Inserted:
        """Store jobs as queued, all or none; the answer has the order of `jobs`.

        Where `(uid, idempotency_key)` of all of them is stored already, with the same fingerprints,
        nothing is stored and the earlier jobs are the answer, with `created` false.

        Raises:
            Conflict: a key is stored with another fingerprint, or only some of the keys are stored.
        """
        ...

    async def get(self, job_id: str) -> Job | None:
        """The job as it stands, or None where there is none of this id."""
        ...

    async def outlines(self, job_ids: Collection[str]) -> Sequence[Job]:
        """Those of the jobs that are there, without what may be large: `data` and `result`.

        `data` reads null, and `result` None.
        """
        ...

    async def page(
        self,
        uid: str | None,
        *,
        statuses: Collection[Status] = (),
        task: str | None = None,
        before_id: str | None = None,
        limit: int,
        bytes_max: int,
    ) -> Sequence[Job]:
        """A user's jobs, newest first (by id, a UUIDv7), from the first before `before_id`.

        Without `uid` the jobs of all users. At most `limit` jobs, and no more once their JSON texts
        together pass `bytes_max`; but always one where there is one. Without `statuses` all
        statuses match.
        """
        ...

    async def claim(self, job_ids: Sequence[str], *, node_id: str, at: datetime) -> Sequence[Claim]:
        """Take those of the jobs that nobody has: queued ones to run, aborted ones to clean up.

        A queued job becomes running: owner and node name are set, attempt and token grow by one,
        progress is emptied. An aborted one with its clean-up pending and without an owner gets
        owner and token only. The others are left out of the answer, as are all where `node_id` is
        not registered. Of concurrent calls for one job exactly one gets it.
        """
        ...

    async def claims_of(self, node_id: str, *, but: Collection[str]) -> Sequence[Claim]:
        """The claims by which a node owns jobs now, but for those on the jobs of these ids.

        Where the answer to `claim` was lost, the node finds here what it was given. A claim that is
        under way may be in the answer or not.
        """
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Status]:
        """End attempts; the answer has, by id, what became of those that took effect.

        Each stands for itself.

        Takes effect where the job is running and has the settlement's token. The owner is dropped.
        An attempt that is queued again with `NOTHING_RAN` did not begin, and is not counted.
        To be queued again is refused to a job whose abort is requested: it becomes aborted instead,
        with the death that the settlement carries. A job that becomes aborted and is undoable has
        its clean-up pending from then on.
        """
        ...

    async def settle_cleanup(self, job_id: str, *, token: int, cleanup: Cleanup) -> bool:
        """End a clean-up: `done` or `failed` are kept, `pending` gives it back for another try.

        False, and no effect, where the token does not hold or the clean-up is not pending.
        """
        ...

    async def report(self, progress: Mapping[tuple[str, int], Progress]) -> None:
        """Keep progress by (job id, token); where the token does not hold any more, drop it."""
        ...

    async def write_log(self, written: Collection[Written]) -> None:
        """Keep pages of jobs' logs; a page whose token does not hold is dropped.

        Each takes its slot from the page that is there, unless that has a greater number, or is the
        same one and longer: so pages may come late, twice, or in any order.
        """
        ...

    async def log(self, job_id: str, *, after: int = 0) -> Sequence[Page]:
        """The pages of a job's log that end behind this place, in their order."""
        ...

    async def note_survivors(self, job_id: str, *, token: int, death: Death) -> None:
        """Show, in the receipt of an abort that is under way, who outlived SIGKILL so far.

        Without effect where the token does not hold or no abort is requested.
        """
        ...

    async def request_abort(
        self, job_id: str, *, uid: str, reason: str | None, grace_s: float | None, at: datetime
    ) -> Job | None:
        """Note durably that the user wants the job ended, and answer the job as it stands then.

        A queued job is aborted at once (with its clean-up pending, if an earlier attempt began and
        it is undoable). A running one is marked; the first request's time and reason are kept, and
        the shortest grace period that was asked for. A final one is unchanged. None, and no effect,
        where the id is unknown or another user's.
        """
        ...

    async def unfinished(
        self,
        uid: str,
        *,
        statuses: Collection[Status] = (),
        task: str | None = None,
        last_id: str | None = None,
        limit: int,
    ) -> Sequence[str]:
        """Ids of a user's queued and running jobs with no abort requested yet, oldest first.

        Only ids up to `last_id`, that one too.
        """
        ...

    async def unfinished_by_user(
        self, *, statuses: Collection[Status], task: str | None = None, limit: int
    ) -> Mapping[str, int]:
        """How many of these jobs each user has: of the oldest `limit` ones of each status."""
        ...

    async def standing(self, *, count_max: int) -> Standing:
        """How many jobs are queued, counted up to `count_max`, how many run, and the oldest queued.

        The three are looked up one after the other: a job that moves on may be in two, or in none.
        """
        ...

    async def endings(self, *, since: datetime, limit: int) -> Sequence[Ending]:
        """Of the newest `limit` jobs that became final since then, how many in each step and how.

        By when they ended, newest first; steps in which nothing ended are left out.
        """
        ...

    async def spans(self, *, since: datetime, limit: int) -> Sequence[Span]:
        """How long the newest `limit` jobs that became final since then waited and ran.

        Those that ended before they were started are left out. Newest end first; never negative,
        though the clocks of two nodes may differ.
        """
        ...

    async def add_call(
        self, claim: Claim, call_id: str, payload: JsonText, *, at: datetime
    ) -> None:
        """Have the job's hook called with this payload; without effect where the id is stored.

        Only for who holds the claim: without effect where its token does not hold any more.
        The end of a job that has a hook adds a call as well, whoever writes it, in the same
        transaction, due at once and with the job's id as its own.
        """
        ...

    async def take_calls(
        self, *, at: datetime, until: datetime, limit: int, but: Collection[str] = ()
    ) -> Sequence[HookCall]:
        """Take up to `limit` of the calls that are due at `at`, for a try each.

        Calls to these receivers (`hook.receiver`) are passed over. Of concurrent callers each gets
        others. A call that is not settled is due again at `until`.
        """
        ...

    async def settle_call(self, call: HookCall, verdict: Verdict, *, answer: str) -> bool:
        """Note what came of the try that `call` was taken for; false where another has begun."""
        ...

    async def calls(self, job_id: str, *, limit: int) -> Sequence[HookCall]:
        """The first `limit` calls of a job's hook, oldest first. They are deleted with the job."""
        ...

    async def register(self, node: Node) -> None:
        """Make a node known, so that it may claim. Its `beat` begins at the one it brings.

        A node that comes back brings one that nobody has seen of it: `bury` takes another for the
        silence that it was presumed dead for. No effect where it is registered.
        """
        ...

    async def renew(self, node_id: str, *, running: int) -> Collection[str] | None:
        """Show that the node lives: its beat grows. Answers those it owns with an abort requested.

        None where the node is not registered any more: others presumed it dead, it owns nothing.
        """
        ...

    async def nodes(self) -> Sequence[Node]:
        """The nodes that are registered, by name."""
        ...

    async def bury(self, node_id: str, *, beat: int | None = None) -> bool:
        """Forget a node: from now on it can claim nothing, and `release_orphans` takes its jobs.

        With `beat`, only where the node did not renew since that was seen; else false.
        """
        ...

    async def release_orphans(self, *, losses_max: int, at: datetime) -> Released:
        """Take back what nodes own that are not registered any more, as one transaction.

        A running job whose abort is requested becomes aborted, with `NOTHING_RAN`. Another one
        counts a loss: with the `losses_max`-th it ends terminated with kind lost, before that it is
        queued again. A pending clean-up loses its owner; after `losses_max` losses it has failed.
        """
        ...

    async def waiting(self, *, before_id: str | None = None, limit: int) -> Sequence[str]:
        """Ids that wait for a worker, oldest first: queued jobs, pending clean-ups without owner.

        Only ids smaller than `before_id`: made from a time, it means the jobs that are older.
        """
        ...

    def pages_of_waiting(self, *, page: int) -> AsyncIterator[Sequence[str]]:
        """All ids that wait for a worker, oldest first, in pages of at most so many ids."""
        ...

    async def delete_finished(
        self, *, before: datetime, limit: int, bytes_max: int | None = None
    ) -> int:
        """Delete at most `limit` jobs that were final before then, and say how many there were.

        No more once their JSON texts and logs together pass `bytes_max`; but always one where there
        is one: a step must not hold up the writes behind it, however large the jobs are.
        Their logs go with them. Kept is a job whose clean-up is pending, and one whose hook is to
        be called.
        """
        ...


class Queue(Protocol):
    """Hints in Redis, shared by all nodes: which ids wait, whose abort is asked, what changed.

    Nothing here is the truth. An id may be missing or come twice; a flag or message may be lost.
    Everything that relies on the queue has a second way, by the store, that is only slower.
    """

    async def join(self, store_identity: str) -> None:
        """Register this installation's store in the namespace, or find it registered.

        Raises:
            StartError: another store is registered there.
        """
        ...

    async def enqueue(self, job_ids: Sequence[str], *, ahead: bool = False) -> None:
        """Add ids at the end, or ahead of all others, and wake a waiting worker for each."""
        ...

    async def dequeue(self, *, wait_s: float) -> str | None:
        """Move the next id to this node's in-flight list, and answer it; None after `wait_s`.

        The id stays in flight until `acknowledge` or `give_back`. When the call is cancelled an id
        may have been moved with nobody to know it: while the node lives the queue itself returns it
        to the head within seconds, and `recover` does once the node is gone.
        """
        ...

    async def acknowledge(self, job_id: str) -> None:
        """Drop an id from this node's in-flight list."""
        ...

    async def give_back(self, job_id: str) -> None:
        """Return an id from this node's in-flight list to the head of the queue."""
        ...

    async def recover(self, live_node_ids: Collection[str]) -> int:
        """Return the in-flight ids of all other nodes to the head of the queue; how many."""
        ...

    async def missing(self, job_ids: Sequence[str]) -> Sequence[str]:
        """Those of the ids that stand neither near the head of the queue nor in flight anywhere.

        "Near" is a bounded number of places: an id far behind is reported as missing as well.
        """
        ...

    async def forgetful(self) -> bool:
        """Whether this node is to `remind` the server of every waiting id, then to `remember`.

        True where the server lost, or may have lost, ids since `remember` last took effect: for a
        flushed, restarted or failed-over server, and for a new namespace. But for one node at a
        time: another one is told once that one has not called `remind` for some seconds. Leaves a
        mark, by which `remind` and `remember` know whether the server forgot again meanwhile.
        """
        ...

    async def remind(self, job_ids: Sequence[str]) -> bool:
        """Enqueue ids at the end, for a node that `forgetful` told to.

        False, and no effect, where the server forgot again meanwhile, or another node does it now.
        """
        ...

    async def remember(self) -> None:
        """Declare that the server was reminded of every waiting id.

        No effect where `remind` would have none. Calls `forgetful` where that never was.
        """
        ...

    async def announce_abort(self, job_id: str, *, node_id: str) -> None:
        """Raise the job's abort flag (kept for a day) and tell the node that runs it."""
        ...

    async def abort_announced(self, job_id: str) -> bool:
        """Whether the job's abort flag is up."""
        ...

    def aborts(self) -> AsyncIterator[str]:
        """Ids whose abort is announced to this node, as they come. Ends only by cancellation.

        Connects again by itself. What was announced while it was not connected is lost.
        """
        ...

    def announce(self, changes: Sequence[Change]) -> None:
        """Tell changes to all nodes, soon and in this order, and wake who waits in `watch`.

        While the queue is away they wait; where they become too many, a gap is told instead.
        """
        ...

    async def latest_change(self) -> str:
        """The id of the last change that was told; of a gap, told by this, where there is none."""
        ...

    async def changes(
        self, change_id: str, *, limit: int, wait_s: float = 0.0
    ) -> Sequence[tuple[str, Change]] | None:
        """The change of this id and at most so many behind it, each with its id, in their order.

        Waits up to `wait_s` where there is none behind it. Only the last few ten thousand are
        kept, and none where the server forgets: None where this one is not there, so that nobody
        knows what came after it. A change may be told twice.
        """
        ...

    def watch(self, job_id: str) -> AbstractAsyncContextManager[Event]:
        """An event that is set when a change of the job is told, or may have been missed.

        It is usually set once soon after the block is entered. Never raises: while the queue is
        away only changes made on this node are noticed.
        """
        ...
