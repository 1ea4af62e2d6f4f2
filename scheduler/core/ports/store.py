"""The port to the store, which SQLite and PostgreSQL implement. For all ports: see the package."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

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
from scheduler.core.job_log import LogPage, Written
from scheduler.core.statistics import FinishedCount, JobCounts, JobDurations
from scheduler.core.webhook import HookCall, Verdict


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

    async def log(self, job_id: str, *, after: int = 0) -> Sequence[LogPage]:
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

    async def counts(self, *, count_max: int) -> JobCounts:
        """How many jobs are queued, counted up to `count_max`, how many run, and the oldest queued.

        The three are looked up one after the other: a job that moves on may be in two, or in none.
        """
        ...

    async def finished_per_step(self, *, since: datetime, limit: int) -> Sequence[FinishedCount]:
        """Of the newest `limit` jobs that became final since then, how many in each step and how.

        By when they ended, newest first; steps in which nothing ended are left out.
        """
        ...

    async def durations(self, *, since: datetime, limit: int) -> Sequence[JobDurations]:
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
