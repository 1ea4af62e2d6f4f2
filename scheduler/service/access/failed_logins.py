"""Failed logins in the audit log: few records, however many there are.

The first one from an address with a token's id is recorded at once, and those that follow within
the minute are counted in its record. So an attacker can fill neither the store nor the memory.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from scheduler.basics.clock import new_id
from scheduler.core.access.audit import Action, AuditRecord
from scheduler.core.access.principal import Principal
from scheduler.core.errors import StoreUnavailable
from scheduler.core.ports.audit_log import AuditLog
from scheduler.core.ports.clock import Clock

WINDOW_S: Final = 60.0
RECORDS_MAX: Final = 20
"""Records of one window; all further addresses share one more, which names none."""


@dataclass(slots=True)
class _Counted:
    """A record, and how many failed logins are not in the store yet."""

    record: AuditRecord
    unwritten: int


class FailedLogins:
    """Records failed logins; `run` must run while it is in use."""

    def __init__(self, store: AuditLog, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._window: dict[tuple[str | None, str | None], _Counted] = {}

    async def run(self) -> None:
        """Write down, once in a window, how many there were; for ever, a background task."""
        while True:
            await self._clock.sleep(WINDOW_S)
            await self.write()

    async def note(self, client: str | None, token_id: str | None) -> None:
        """Record one more.

        Args:
            client: the address that it came from.
            token_id: the id in what was sent, if that has the form of a token.
        """
        key = (client, token_id)
        if key not in self._window and len(self._window) >= RECORDS_MAX:
            key = (None, None)
        if key in self._window:
            self._window[key].unwritten += 1
            return
        counted = self._window[key] = _Counted(self._record(*key), unwritten=0)
        try:
            await self._store.add([counted.record])
        except StoreUnavailable:
            counted.unwritten += 1

    async def write(self) -> None:
        """Add what is counted to the records, and begin a new window."""
        window, self._window = self._window, {}
        more = [
            replace(each.record, count=each.unwritten) for each in window.values() if each.unwritten
        ]
        if more:
            # Lost while the store is away: to keep them could fill the memory.
            with suppress(StoreUnavailable):
                await self._store.add(more)

    def _record(self, client: str | None, token_id: str | None) -> AuditRecord:
        nobody = Principal(name=None, grants=(), client=client)
        return AuditRecord.by(
            nobody, Action.LOGIN_FAILED, id=new_id(), at=self._clock.now(), target=token_id
        )
