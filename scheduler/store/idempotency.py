"""Jobs that cannot be stored: a repeat of the same call, or a conflict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scheduler.core.errors import Conflict, NoSuchPredecessors, ParentAborted, StoreUnavailable
from scheduler.core.job import NewJob
from scheduler.core.ports.store import Inserted
from scheduler.store import rows
from scheduler.store.database import Row


def must_differ(jobs: Sequence[NewJob]) -> None:
    """Refuse two jobs with one key, of whatever kind, in one call: neither is the earlier one.

    Raises:
        Conflict: two jobs have the same key.
    """
    keys = [(new.uid, new.idempotency_key) for new in jobs if new.idempotency_key is not None]
    if len(set(keys)) < len(keys):
        raise Conflict("two jobs of one request have the same idempotency key")
    unique = [(new.uid, new.task, new.unique.key) for new in jobs if new.unique is not None]
    if len(set(unique)) < len(unique):
        raise Conflict("two jobs of one request have the same unique key")


def must_be_accepted(refusing: Sequence[Row]) -> None:
    """Refuse children of jobs that were aborted with their children.

    Raises:
        ParentAborted: there are such parents.
    """
    for row in refusing:
        raise ParentAborted(
            f"the parent {row['id']} was aborted with its children: it gets no new ones"
        )


def must_be_there(jobs: Sequence[NewJob], found: Sequence[Row]) -> None:
    """Refuse jobs that wait for what is not there, or is another user's.

    Raises:
        NoSuchPredecessors: they name such jobs.
    """
    there = {(row["id"], row["uid"]) for row in found} | {(new.id, new.uid) for new in jobs}
    missing = {
        job_id
        for new in jobs
        if new.after is not None and new.waits
        for job_id in new.after.ids
        if (job_id, new.uid) not in there
    }
    if missing:
        raise NoSuchPredecessors(frozenset(missing))


def stored_before(jobs: Sequence[NewJob], found: Sequence[Row]) -> Inserted:
    """The answer to a call whose ids or idempotency keys are stored already.

    Raises:
        Conflict: they were stored by another request.
        StoreUnavailable: the stored jobs were deleted in between; trying again helps.
    """
    earlier = [row for _, row in _matches(jobs, found)]
    if len(earlier) < len(jobs):
        if not earlier:
            # Retention deleted them between the insert that was refused and this read.
            raise StoreUnavailable("the jobs of this idempotency key were deleted just now")
        raise Conflict("this idempotency key came with a request of other jobs before")
    # The same ids: an earlier try of this call stored them, and its answer was lost.
    created = [row["id"] for row in earlier] == [new.id for new in jobs]
    return Inserted([rows.job(row) for row in earlier], created=created)


def not_stored_then(jobs: Sequence[NewJob], found: Sequence[Row]) -> Sequence[NewJob]:
    """Those of a call that came before which are not stored, as others had their unique keys then.

    Raises:
        Conflict: they were stored by another request.
    """
    stored = {new.id for new, _ in _matches(jobs, found)}
    rest = [new for new in jobs if new.id not in stored]
    if not stored or any(new.unique is None or not new.unique.shared for new in rest):
        return ()
    return rest


def _matches(jobs: Sequence[NewJob], found: Sequence[Row]) -> Iterator[tuple[NewJob, Row]]:
    by_id = {row["id"]: row for row in found}
    by_key = {(row["uid"], row["idempotency_key"]): row for row in found}
    for new in jobs:
        row = by_id.get(new.id)
        if row is None and new.idempotency_key is not None:
            row = by_key.get((new.uid, new.idempotency_key))
        if row is not None:
            if row["fingerprint"] != new.fingerprint:
                raise Conflict("this idempotency key came with another request before")
            yield new, row
