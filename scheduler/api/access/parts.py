"""What the application needs to know who asks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass

from scheduler.api.access.clients import Clients
from scheduler.api.access.gate import Gate
from scheduler.api.access.hosts import Hosts
from scheduler.service.access.audit import Audit
from scheduler.service.access.failed_logins import FailedLogins
from scheduler.service.sessions import Sessions
from scheduler.service.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The parts of access to a node."""

    hosts: Hosts
    """The names by which the node may be asked."""
    gate: Gate
    clients: Clients
    tokens: Tokens
    sessions: Sessions
    session_cookie: str
    """The name of the cookie that has a session."""
    audit: Audit
    failed_logins: FailedLogins

    def background_tasks(self) -> Mapping[str, Callable[[], Coroutine[None, None, None]]]:
        """What must run while the node serves, by name."""
        return {
            "look for tokens": self.tokens.run,
            "count failed logins": self.failed_logins.run,
            "look for sessions": self.sessions.run,
            "note the use of tokens": self.tokens.note_uses,
            "end what lost its token": self.gate.run,
        }
