"""The port to the queue, which Redis implements. The package says what all ports promise."""

from __future__ import annotations

from asyncio import Event
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from scheduler.core.change import Change
from scheduler.core.job import WaitingJob
from scheduler.core.places.labels import ANYWHERE


class Share(NamedTuple):
    """What a user gets of all slots where others wait, too."""

    weight: float = 1.0
    """A user of weight 2 runs twice as much as one of weight 1."""
    running_max: int | None = None
    """How many of his jobs may be in flight; None for any number."""


ShareOf = Callable[[str], Share]
"""What the user with this uid gets."""


def equal_shares(_: str) -> Share:
    """The same for everybody."""
    return Share()


BusyMax = Callable[[], int | None]
"""How many ids may be in flight for users who have some already; None for any number."""


def nothing_kept() -> None:
    """No slot is kept for users who have nothing in flight."""


class Queue(Protocol):
    """Hints in Redis, shared by all nodes: ids that wait, requested aborts, changes.

    Nothing here is the truth. An id may be missing or come twice; a flag or message may be lost.
    Everything that relies on the queue has a second, slower way through the store.

    Next are the ids enqueued `ahead`, and those that came back. Then always one of the user who has
    the fewest in flight for his weight, on all nodes together; among equals, the one who has waited
    longest since one of his came, or for whom none ever did. Of his it is the one with the least
    `turn_ms`. A node gets only ids of the lanes that it takes, in this order over all of them.
    An id is in the line of its user once, however often it is enqueued. Who has `running_max` in
    flight is passed over until one of them ends, and who has any while `busy_max` are in flight.
    Shares are hints like all else:
    those known when a user's ids were enqueued last. The last starts of only the last ten thousand
    users are known.
    """

    async def join(self, store_identity: str) -> None:
        """Register this installation's store in the namespace, unless it is registered already.

        Raises:
            StartError: another store is registered there.
        """
        ...

    async def enqueue(self, jobs: Sequence[WaitingJob], *, ahead: bool = False) -> None:
        """Add ids to the lines of their users, or ahead of all others in the order given.

        Wakes one waiting worker for each, on any node. An id whose order changed moves.
        """
        ...

    async def dequeue(
        self, *, wait_s: float, limit: int = 1, in_vain: Callable[[], None] | None = None
    ) -> Sequence[str]:
        """Wait for the next id, and move it and those after it to this node's in-flight list.

        Up to `limit` are returned; none after `wait_s`. Where several callers wait, they share what
        there is. Each is chosen as if those before it ran already. An id stays in flight until
        `acknowledge`, `give_back` or `postpone`. When the call is
        cancelled, ids may have been moved without a caller to take them: while the node lives, the
        queue returns them to the head within seconds; once the node is gone, `recover` does.

        `in_vain` is called, perhaps several times, when the queue had nothing for this caller, and
        the call goes on waiting.
        """
        ...

    async def acknowledge(self, job_ids: Sequence[str]) -> None:
        """Drop ids from this node's in-flight list."""
        ...

    def hold(self, job_id: str, uid: str, *, lane: str = ANYWHERE) -> None:
        """Have an id in flight that was not dequeued: the job runs here for some other reason.

        It counts for its user within some seconds, and until `acknowledge`.
        """
        ...

    async def give_back(self, job_id: str) -> None:
        """Return an id from this node's in-flight list to the head of the queue."""
        ...

    async def postpone(self, jobs: Sequence[WaitingJob]) -> None:
        """Return ids from this node's in-flight list to the lines of their users.

        The users, who may run no more now, are passed over until one of their ids in flight is
        acknowledged, or for some seconds.
        """
        ...

    async def drop(self, jobs: Sequence[WaitingJob]) -> None:
        """Take ids out of the lines of their users: the jobs wait for no worker any more.

        What came ahead or back, and what is in flight, stays.
        """
        ...

    async def recover(self, live_node_ids: Collection[str]) -> int:
        """Return the in-flight ids of all nodes that are neither this one nor live to the head.

        The answer is how many.
        """
        ...

    async def missing(self, jobs: Sequence[WaitingJob]) -> Sequence[WaitingJob]:
        """Those of the jobs whose ids neither wait in the queue nor are in flight on any node.

        Of what came ahead or back, and of what nodes have in flight, a bounded number is looked at:
        an id behind so many others is reported missing, too. So is that of a clean-up, which counts
        for no user, where it is not among those that came ahead.
        """
        ...

    async def forgetful(self) -> bool:
        """Whether this node must `remind` the server of every waiting id, and then `remember`.

        True where the server lost, or may have lost, ids since `remember` last took effect: after
        a flush, a restart or a failover, and for a new namespace. True for only one node at a time:
        another node gets it once the first has not called `remind` for some seconds. Leaves a
        mark, by which `remind` and `remember` know whether the server forgot again meanwhile.
        """
        ...

    async def remind(self, jobs: Sequence[WaitingJob]) -> bool:
        """Add ids to the lines of their users, after `forgetful` returned true to this node.

        False, and no effect, where the server forgot again meanwhile, or another node reminds it.
        """
        ...

    async def remember(self) -> None:
        """Declare that the server was reminded of every waiting id.

        No effect where `remind` would have none. Calls `forgetful` first if this node never has.
        """
        ...

    async def announce_abort(self, job_id: str, *, node_id: str) -> None:
        """Set the job's abort flag (kept for a day) and send a message to the node that runs it."""
        ...

    async def abort_announced(self, job_id: str) -> bool:
        """Whether the job's abort flag is set."""
        ...

    def aborts(self) -> AsyncIterator[str]:
        """Ids whose abort is announced to this node, as they come. Ends only by cancellation.

        It reconnects by itself. What is announced while it is not connected is lost.
        """
        ...

    async def announce_revocation(self, token_id: str) -> None:
        """Send a message to all nodes, this one too: a token has lost its force."""
        ...

    def revocations(self) -> AsyncIterator[str]:
        """Ids of tokens whose revocation is announced, as they come. Ends only by cancellation.

        It reconnects by itself. What is announced while it is not connected is lost, except by this
        node itself. One may come twice, and anybody who reaches the queue may have sent it.
        """
        ...

    def announce(self, changes: Sequence[Change]) -> None:
        """Publish changes to all nodes, soon and in this order, and set the events of `watch`.

        While the queue is away the changes wait; if they become too many, a gap replaces them.
        """
        ...

    async def latest_change(self) -> str:
        """The id of the last change; without any, this call publishes a gap and returns its id."""
        ...

    async def changes(
        self, change_id: str, *, limit: int, wait_s: float = 0.0
    ) -> Sequence[tuple[str, Change]] | None:
        """The change with this id and at most `limit` later ones, each with its id, in order.

        Waits up to `wait_s` seconds where there is no later one. Only the last few ten thousand are
        kept, and none where the server forgets: the answer is None where the change with this id is
        not there, so that it is unknown what came after it. A change may come twice.
        """
        ...

    def watch(self, job_id: str) -> AbstractAsyncContextManager[Event]:
        """An event that is set when a change of the job is published, or may have been missed.

        It is usually set once soon after the block is entered. Never raises: while the queue is
        away, only changes made on this node set it.
        """
        ...
