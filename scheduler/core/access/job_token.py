"""The tokens of jobs: what a handler brings when it uses the API. Pure.

    atl_019ab000-0000-7000-8000-000000000000_3_k5Yh…      job, number of its claim, MAC

The MAC is HMAC-SHA256 by a secret of the installation, so every node can check one, and none is
stored. A token has force as long as a node holds this claim: until the attempt ends, or the node is
presumed dead.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from scheduler.core.access.principal import ALL, JOB, Grant, Principal, Role
from scheduler.core.access.token import PREFIX
from scheduler.core.job import Job

FORM: Final = re.compile(
    rf"{PREFIX}_([0-9a-f-]{{36}})_([1-9][0-9]{{0,17}})_([A-Za-z0-9_-]{{43}})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class JobToken:
    """What a token names: a claim of a job."""

    job_id: str
    claim: int
    """`Claim.token`."""

    def text(self, secret: bytes) -> str:
        """The token as its job has it."""
        return f"{PREFIX}_{self.job_id}_{self.claim}_{self._mac(secret)}"

    def _mac(self, secret: bytes) -> str:
        digest = hmac.digest(secret, f"{self.job_id} {self.claim}".encode(), sha256)
        return urlsafe_b64encode(digest).rstrip(b"=").decode()

    @property
    def name(self) -> str:
        """Who brings it."""
        return f"{JOB}{self.job_id}"

    @property
    def id(self) -> str:
        """By this, the token of an open request is looked at."""
        return f"{self.name}:{self.claim}"

    def principal(self, job: Job | None) -> Principal | None:
        """Who brings it; None where it has no force."""
        if job is None or job.owner is None or job.token != self.claim or not may_have(job.uid):
            return None
        return Principal(name=self.name, grants=(Grant(Role.USER, (job.uid,)),), token_id=self.id)


def may_have(uid: str) -> bool:
    """Whether the jobs of a user get tokens: where a grant could be taken for others', none do."""
    return not uid.endswith(ALL)


def has_form(text: str) -> bool:
    """Whether a text has the form of a job's token."""
    return FORM.fullmatch(text) is not None


def checked(text: str, secret: bytes) -> JobToken | None:
    """What a token names; None where nobody with the secret has made it."""
    found = FORM.fullmatch(text)
    if found is None:
        return None
    token = JobToken(found[1], int(found[2]))
    return token if hmac.compare_digest(token.text(secret), text) else None
