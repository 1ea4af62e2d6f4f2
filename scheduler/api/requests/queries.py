"""Reads the path, the query and the headers of a request."""

from __future__ import annotations

import re
from functools import cache
from typing import Final, TypeVar

from aiohttp import web

from scheduler.api.requests.checking import checked, refusal, shown
from scheduler.api.requests.models import GroupPath, JobPath, Query, UserPath
from scheduler.core.errors import Flaw, Invalid, NotFound

Q = TypeVar("Q", bound=Query)

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
KEY_PATTERN: Final = r"[\x21-\x7e]{1,200}"
_KEY: Final = re.compile(KEY_PATTERN)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def query(request: web.Request, model: type[Q]) -> Q:
    """The query of a request, in which each parameter must be known, well formed and given once.

    Raises:
        Invalid: names the parameters that are not.
    """
    if not request.query_string:  # the usual case: nothing to parse
        defaults: Q = _defaults(model)
        return defaults
    given = request.query
    twice = [name for name in dict.fromkeys(given) if len(given.getall(name)) > 1]
    if twice:
        raise refusal([Flaw(name[:60], "given more than once") for name in twice])
    return checked(model, dict(given), prefix="", noun="parameter")


@cache
def _defaults(model: type[Q]) -> Q:
    """The value of an empty query. It is shared, since models of queries are frozen."""
    return checked(model, {}, prefix="", noun="parameter")


def user_in_path(request: web.Request) -> str:
    """The uid in a path.

    Raises:
        Invalid: it is not a valid uid.
    """
    return checked(UserPath, request.match_info, prefix="").uid


def group_in_path(request: web.Request) -> tuple[str, str]:
    """The uid and the group in a path.

    Raises:
        Invalid: one of them is not valid.
    """
    path = checked(GroupPath, request.match_info, prefix="")
    return path.uid, path.group


def job_in_path(request: web.Request) -> tuple[str, str]:
    """The uid and the job's id in a path.

    Raises:
        Invalid: it is not a valid uid.
        NotFound: it is not a valid job id.
    """
    path = checked(JobPath, request.match_info, prefix="")
    return path.uid, job_id(path.uid, path.id)


def job_id(uid: str, text: str) -> str:
    """A job's id in its canonical spelling. The store is never asked for an invalid one.

    Raises:
        NotFound: it is not a valid job id.
    """
    canonical = text.lower()
    if not _UUID.fullmatch(canonical):
        raise NotFound(f"user {uid!r} has no job {shown(text)}")
    return canonical


def some_job_id(text: str) -> str:
    """The id of a job of any user, as `job_id`.

    Raises:
        NotFound: it is not a valid job id.
    """
    canonical = text.lower()
    if not _UUID.fullmatch(canonical):
        raise NotFound(f"{shown(text)} is no id of a job: those have 36 characters")
    return canonical


def idempotency_key(request: web.Request) -> str | None:
    """The idempotency key of a request, if it has one.

    Raises:
        Invalid: it is not 1 to 200 visible ASCII characters, or there are several.
    """
    keys = request.headers.getall(IDEMPOTENCY_KEY, [])
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        detail = f"the header {IDEMPOTENCY_KEY} must be 1 to 200 visible ASCII characters, once"
        raise Invalid(detail, (Flaw(IDEMPOTENCY_KEY, detail),))
    return keys[0]
