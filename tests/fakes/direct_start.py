"""A `DirectStart` of a node whose workers never idle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scheduler.worker.direct_starts import NoReservation


class NoDirectStart:
    """Reserves nothing."""

    @contextmanager
    def reserve(
        self, _job_id: str, _uid: str, _needs: Sequence[str] = ()
    ) -> Iterator[NoReservation]:
        yield NoReservation()
