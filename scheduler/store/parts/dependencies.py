"""The `DependencyStore` port in SQL. `core/ports/dependency_store.py` says what each call promises.

A job has an edge to each one that waits for it, and the mark `awaited`. The end of a marked job is
noted by a trigger, in the transaction that ends it; then, each in a transaction of its own:

    close      lock the jobs that wait ─▶ close their edges ─▶ let them go, or abort them
    forget     delete the notes from whose jobs no edge is open

Each statement after the first sees all that was committed before the locks: so of two nodes that
close the last two edges to a job, the later one lets it go. An edge that `insert` adds locks its
parent, so it is there before the end is noted, or brings a note of its own: who sees a note sees
all edges that it stands for. All locks of jobs are taken in the order of ids. What dies in between
is done again by any node, and has no effect twice: an edge is closed once, and a job is let go or
aborted only while it is held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from scheduler.core.dependencies.resolving import Edge, EndedPredecessor, GroupCount, Resolved
from scheduler.core.job import Status
from scheduler.store import arguments, rows
from scheduler.store.database import Database, Row, Step


class SqlDependencies:
    """What waits for other jobs, on a database. Every method is documented at the port."""

    def __init__(self, database: Database) -> None:
        self._fetch = database.fetch
        self._fetch_chain = database.fetch_chain

    async def resolve(self, *, limit: int) -> Resolved:
        """See `DependencyStore`."""
        found = await self._fetch("edges_to_close", limit)
        edges = {Edge(row["parent"], row["child"]) for row in found if row["child"] is not None}
        released = await self._close(sorted(edges))
        if found:
            await self._fetch("forget_ends", arguments.keys(str(row["id"]) for row in found))
        queued = [row for row in released if row["status"] == Status.QUEUED]
        return Resolved(
            freed=[rows.waiting_job(row) for row in queued if row["held"] is None],
            timed=[rows.waiting_job(row) for row in queued if row["held"] is not None],
            aborted=[rows.aborted_job(row) for row in released if row["status"] == Status.ABORTED],
            done=len(found),
        )

    async def _close(self, edges: Sequence[Edge]) -> Sequence[Row]:
        """Close edges; the jobs that were let go or aborted, those first whose turn is first."""
        if not edges:
            return ()
        pairs = arguments.pairs(edges)
        _, *answers = await self._fetch_chain(
            [
                Step("lock_successors", (arguments.keys(edge.child for edge in edges),)),
                Step("close_edges", (pairs,)),
                Step("release_successors", (pairs,)),
            ]
        )
        closed = len(answers) > 1
        return sorted(answers[1], key=lambda row: (row["turn_at"], row["id"])) if closed else ()

    async def ended_predecessors(
        self, sets: Sequence[Collection[str]], *, chars_max: int
    ) -> Sequence[Sequence[EndedPredecessor]]:
        """See `DependencyStore`."""
        wanted = arguments.batch(
            {"set": number, "id": job_id} for number, ids in enumerate(sets) for job_id in ids
        )
        found = defaultdict[int, list[EndedPredecessor]](list)
        for row in await self._fetch("ended_predecessors", wanted, chars_max):
            found[row["number"]].append(rows.ended_predecessor(row))
        return [sorted(found[number], key=lambda each: each.id) for number in range(len(sets))]

    async def successors(self, job_id: str, *, uid: str, limit: int) -> Sequence[str]:
        """See `DependencyStore`."""
        return [row["id"] for row in await self._fetch("successors", job_id, uid, limit)]

    async def open_predecessors(self, job_id: str, *, limit: int) -> Sequence[str]:
        """See `DependencyStore`."""
        return [row["id"] for row in await self._fetch("open_predecessors", job_id, limit)]

    async def group_counts(
        self, uid: str, group: str, *, count_max: int
    ) -> Mapping[Status, GroupCount]:
        """See `DependencyStore`."""
        found = {}
        for status in Status:
            (row,) = await self._fetch("group_counts", uid, group, status, count_max)
            # The reason for which a job was held stays with it once it is aborted.
            held = row["held"] if status is Status.QUEUED else 0
            found[status] = GroupCount(row["jobs"], held)
        return found
