"""The port to the queue, which Redis implements. What all ports promise: see the package."""

from __future__ import annotations

from asyncio import Event
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from scheduler.core.change import Change


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
