"""Requests of somebody who means no good: all routes, and what he may have found out elsewhere."""

# ruff: noqa: ANN401 - what is sent has any type

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.unit.api.conftest import DOCUMENT

OWN, FOREIGN = "ada", "bob"
KEY = "order-4711"
"""With this, a foreign job was submitted."""
METHODS = ["GET"] * 12 + ["POST"] * 3 + ["DELETE"] * 3 + ["HEAD", "PUT", "PATCH", "OPTIONS"]
PATHS = [
    *sorted({*DOCUMENT["paths"]}),
    *(f"/-/ui/data/{name}" for name in ("me", "overview", "samples", "unfinished", "nodes")),
    *("//{uid}/{id}", "/{uid}//{id}", "/{uid}/", "/{uid}/{id}/", "/-/ui/data/../../../{uid}/{id}"),
    *("/{uid}%2F{id}", "/-/jobs/", "/-/./jobs", "/{uid}/{id}/events/", "/-/ui/data/jobs"),
]

OF_JOBS = [path for path in DOCUMENT["paths"] if path.startswith("/{uid}")]
ODD = [FOREIGN.upper(), "b%6Fb", "*", "b*", "bob%00", "ada%2F..%2Fbob", "-", "."]
"""Other ways to name a user."""


@dataclass(frozen=True)
class Told:
    """What an attacker may have found out elsewhere."""

    ids: list[str]
    """Of own and of foreign jobs."""
    cursors: list[str]
    """Of an operator's lists."""


class Requests:
    """Makes requests of somebody who means no good."""

    def __init__(self, random: Random, told: Told) -> None:
        self._random = random
        self._told = told

    def uid(self) -> str:
        """Mostly a user that there is."""
        if self._random.random() < 0.75:
            return self._random.choice([OWN, FOREIGN, FOREIGN])
        return self._random.choice(ODD)

    def job_id(self) -> str:
        known = self._random.choice(self._told.ids)
        return self._random.choice([known] * 12 + [known.upper(), known[:-1], f"{known}%00", "1"])

    def path(self) -> str:
        # Most would be told by a job's own routes.
        path: str = self._random.choice(OF_JOBS if self._random.random() < 0.4 else PATHS)
        return path.replace("{uid}", self.uid()).replace("{id}", self.job_id())

    def query(self) -> str:
        may: dict[str, Callable[[], str]] = {
            "uid": self.uid,
            "parent": self.job_id,
            "after": lambda: self._random.choice(self._told.cursors),
            "limit": lambda: self._random.choice(["1", "1000", "0"]),
            "status": lambda: self._random.choice(["queued,running", "successful", "terminated"]),
            "task": lambda: self._random.choice(["echo", "talk_until", "*", "%25"]),
            "data": lambda: self._random.choice(["true", "false"]),
            "wait": lambda: self._random.choice(["0.05", "0"]),
            "log": lambda: "true",
            "follow": lambda: "true",
            "children": lambda: "true",
            "reason": lambda: "x",
        }
        names = self._random.sample(sorted(may), self._random.choice([0, 0, 1, 1, 2, 3]))
        return "&".join(f"{name}={may[name]()}" for name in names)

    def body(self) -> Any:
        job = {
            "uid": self.uid(),
            "task": self._random.choice(["echo", "submit", "unheard-of"]),
            "data": self._random.choice([None, 1, {"id": self.job_id()}]),
        }
        if self._random.random() < 0.4:
            job["parent"] = self.job_id()
        if self._random.random() < 0.2:
            job["hook"] = "http://127.0.0.1:1/"
        named = {"uid": self.uid(), "id": self.job_id()}
        token = {"name": "n", "role": "admin", "uids": ["*"]}
        return self._random.choice([job, job, [job, job], named, named, token, {"token": "x"}, []])

    def headers(self) -> dict[str, str]:
        may = {
            "Idempotency-Key": KEY,
            "Last-Event-ID": self._random.choice(["0", "0-0", "1-1", *self._told.cursors]),
            "X-Forwarded-User": FOREIGN,
            "X-Forwarded-Groups": "ops",
            "X-HTTP-Method-Override": "GET",
            "Cookie": "atl_00000000=x",
            "Accept": "text/event-stream",
        }
        return {name: each for name, each in may.items() if self._random.random() < 0.15}

    def one(self) -> tuple[str, str, Any, dict[str, str]]:
        method, query = self._random.choice(METHODS), self.query()
        body = self.body() if method not in {"GET", "HEAD", "OPTIONS"} else None
        return method, f"{self.path()}{'?' if query else ''}{query}", body, self.headers()
