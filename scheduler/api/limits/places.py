"""Places for requests that take long: streams, and waits for a job.

Each asker may have four times as many as are free. So one alone can take four fifths of them, two
four ninths each, and whoever has none yet nearly always finds one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

SHARE: Final = 4
"""How many times as many as are free one asker may have."""
RETRY_AFTER_S: Final = 5


class Places:
    """A number of places.

    Args:
        name: what takes them, in the plural.
        most: how many there are.
    """

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.most = most
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self._taken.total()

    @property
    def all_taken(self) -> str:
        """Says that all are."""
        return f"this node has {self.most} {self.name} open, which is its limit"

    def has_one_for(self, asker: str) -> bool:
        """Whether somebody may take one more."""
        return self._taken[asker] < SHARE * (self.most - self.taken)

    @contextmanager
    def taken_by(self, asker: str) -> Iterator[None]:
        """Take one while the block runs.

        Raises:
            HTTPServiceUnavailable: all are taken.
            HTTPTooManyRequests: somebody has as many as he may.
        """
        if self.taken >= self.most:
            raise web.HTTPServiceUnavailable(text=self.all_taken)
        if not self.has_one_for(asker):
            raise web.HTTPTooManyRequests(
                text=f"you have {self._taken[asker]} of the {self.most} {self.name} that this node"
                " takes open: end one of them first",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        self._taken[asker] += 1
        try:
            yield
        finally:
            self._taken[asker] -= 1
            if not self._taken[asker]:
                del self._taken[asker]
