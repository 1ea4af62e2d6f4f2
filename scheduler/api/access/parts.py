"""What the application needs to know who asks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass

from scheduler.api.access.clients import Clients
from scheduler.api.access.gate import Gate
from scheduler.api.access.hosts import Hosts
from scheduler.api.access.job_tokens import JobTokens
from scheduler.core.job import Claim
from scheduler.service.access.audit import Audit
from scheduler.service.access.failed_logins import FailedLogins
from scheduler.service.access.sessions import Sessions
from scheduler.service.access.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The parts of access to a node."""

    hosts: Hosts
    """The names by which the node may be asked."""
    gate: Gate
    clients: Clients
    tokens: Tokens
    job_tokens: JobTokens | None
    """None where jobs need no tokens."""
    sessions: Sessions
    session_cookie: str
    """The name of the cookie that has a session."""
    audit: Audit
    failed_logins: FailedLogins
    open_metrics: bool = False
    """Whether the metrics need no token."""

    def token_of(self, claim: Claim) -> str | None:
        """The token for an attempt at a job; None where it gets none."""
        return None if self.job_tokens is None else self.job_tokens.text(claim)

    def background_tasks(self) -> Mapping[str, Callable[[], Coroutine[None, None, None]]]:
        """What must run while the node serves, by name."""
        of_jobs = {} if self.job_tokens is None else {"look for jobs": self.job_tokens.run}
        return {
            **of_jobs,
            "look for tokens": self.tokens.run,
            "count failed logins": self.failed_logins.run,
            "look for sessions": self.sessions.run,
            "note the use of tokens": self.tokens.note_uses,
            "end what lost its token": self.gate.run,
            "hear of revoked tokens": self.gate.hear,
        }
