"""What it means that jobs about to be stored are stored already: the same call, or another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scheduler.core.errors import Conflict, StoreUnavailable
from scheduler.core.job import NewJob
from scheduler.core.ports.store import Inserted
from scheduler.store import rows
from scheduler.store.database import Row


def must_differ(jobs: Sequence[NewJob]) -> None:
    """Refuse two jobs with one key in one call: neither could be the earlier one.

    Raises:
        Conflict: there are two.
    """
    keys = [(new.uid, new.idempotency_key) for new in jobs if new.idempotency_key is not None]
    if len(set(keys)) < len(keys):
        raise Conflict("two jobs of one request have the same idempotency key")


def stored_before(jobs: Sequence[NewJob], found: Sequence[Row]) -> Inserted:
    """The answer to a call whose ids or idempotency keys an earlier one stored.

    Raises:
        Conflict: the earlier one was another request.
        StoreUnavailable: what stood in the way is gone now.
    """
    earlier = list(_matches(jobs, found))
    if len(earlier) < len(jobs):
        if not earlier:
            # The retention came between the insert that was refused and the look that followed.
            raise StoreUnavailable("the jobs of this idempotency key were deleted just now")
        raise Conflict("this idempotency key came with a request of other jobs before")
    # The same ids: it was this very call, and its answer was lost.
    created = [row["id"] for row in earlier] == [new.id for new in jobs]
    return Inserted([rows.job(row) for row in earlier], created=created)


def _matches(jobs: Sequence[NewJob], found: Sequence[Row]) -> Iterator[Row]:
    by_id = {row["id"]: row for row in found}
    by_key = {(row["uid"], row["idempotency_key"]): row for row in found}
    for new in jobs:
        row = by_id.get(new.id)
        if row is None and new.idempotency_key is not None:
            row = by_key.get((new.uid, new.idempotency_key))
        if row is not None:
            if row["fingerprint"] != new.fingerprint:
                raise Conflict("this idempotency key came with another request before")
            yield row
