"""Every way a request can fail, as RFC 9457 problem details. No other module maps errors to them.

SchedulerError ──┐
HTTPException  ──┼─▶ Kind ─▶ application/problem+json
anything else  ──┘           500, with the traceback only in the log
any error after the response has begun ─▶ the connection is closed; the traceback is in the log
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

import structlog
from aiohttp import web

from scheduler.api.dashboard.routes import DASHBOARD
from scheduler.api.json_response import json_response
from scheduler.api.rate_limit_headers import rate_limit_headers
from scheduler.api.reserved import RESERVED, path_meant, why_reserved
from scheduler.api.state import PATH_PREFIX, PRINCIPAL
from scheduler.core.access.principal import Right, may
from scheduler.core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NoSuchPause,
    NoSuchPredecessors,
    NoSuchSchedule,
    NoSuchToken,
    NotFound,
    ParentAborted,
    QueueUnavailable,
    QuotaExceeded,
    SchedulerError,
    StoreRefused,
    StoreUnavailable,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UniqueConflict,
)
from scheduler.service.documents import job_document
from scheduler.service.service import SEE_LOG

NextHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_AFTER_S: Final = 2
"""`Retry-After` of a 503: about as long as the restart or failover of a store takes."""

log = structlog.get_logger()


class Kind(NamedTuple):
    """One kind of problem: what its `type`, `status` and `title` say."""

    name: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        """The `type` of a problem of this kind."""
        return f"urn:atlanscheduler:problem:{self.name}"


INVALID: Final = Kind("invalid-request", 400, "The request is malformed or invalid")
UNAUTHENTICATED: Final = Kind("unauthenticated", 401, "The request needs a token that has force")
FORBIDDEN: Final = Kind("forbidden", 403, "The token does not allow this")
CROSS_SITE: Final = Kind("cross-site", 403, "Another web site may not change anything here")
NO_SUCH_JOB: Final = Kind("no-such-job", 404, "This user has no such job")
NO_SUCH_TOKEN: Final = Kind("no-such-token", 404, "There is no such token")
NO_SUCH_PAUSE: Final = Kind("no-such-pause", 404, "This is not paused")
NO_SUCH_SCHEDULE: Final = Kind("no-such-schedule", 404, "This user has no such schedule")
NO_SUCH_PATH: Final = Kind("no-such-path", 404, "There is nothing at this path")
WRONG_METHOD: Final = Kind("method-not-allowed", 405, "This path does not support the method")
CONFLICT: Final = Kind("idempotency-conflict", 409, "The key was used before with another request")
JOB_ENDED: Final = Kind("job-ended", 409, "The job ended before it could be aborted")
NOT_QUEUED: Final = Kind("job-not-queued", 409, "Only a queued job can be changed")
NOT_OVER: Final = Kind("job-not-over", 409, "Only a job that is over can be run again")
OVERLAPS: Final = Kind("schedule-overlap", 409, "An earlier job of the schedule is not over")
PARENT_ABORTED: Final = Kind("parent-aborted", 409, "The parent was aborted with its children")
UNIQUE_TAKEN: Final = Kind("unique-key-taken", 409, "Another job has this unique key")
TOO_SLOW: Final = Kind("too-slow", 408, "The request did not come in time")
TOO_LARGE: Final = Kind("too-large", 413, "The request is larger than allowed")
NOT_JSON: Final = Kind("not-json", 415, "The body is not declared as JSON")
UNMET: Final = Kind("expectation-failed", 417, "Only 100-continue can be expected")
MISDIRECTED: Final = Kind("misdirected", 421, "The request is for another host")
QUOTA_EXCEEDED: Final = Kind("quota-exceeded", 429, "The request is beyond a quota")
TOO_MANY: Final = Kind("too-many-requests", 429, "You ask for more than one client may")
HEADER_TOO_LARGE: Final = Kind("header-too-large", 431, "The header is larger than allowed")
INTERNAL: Final = Kind("internal-error", 500, "The scheduler failed; its log says more")
UNAVAILABLE: Final = Kind("unavailable", 503, "The store cannot take the request now")
BUSY: Final = Kind("busy", 503, "This node does as much as it can for others")
NOT_READY: Final = Kind("not-ready", 503, "This node cannot take work now")
TOO_MANY_STREAMS: Final = Kind("too-many-streams", 503, "This node has as many streams as it takes")

KINDS: Final = (
    INVALID,
    UNAUTHENTICATED,
    FORBIDDEN,
    CROSS_SITE,
    NO_SUCH_JOB,
    NO_SUCH_TOKEN,
    NO_SUCH_PAUSE,
    NO_SUCH_SCHEDULE,
    NO_SUCH_PATH,
    WRONG_METHOD,
    CONFLICT,
    JOB_ENDED,
    NOT_QUEUED,
    NOT_OVER,
    OVERLAPS,
    PARENT_ABORTED,
    UNIQUE_TAKEN,
    TOO_SLOW,
    TOO_LARGE,
    NOT_JSON,
    UNMET,
    MISDIRECTED,
    QUOTA_EXCEEDED,
    TOO_MANY,
    HEADER_TOO_LARGE,
    INTERNAL,
    UNAVAILABLE,
    BUSY,
    NOT_READY,
    TOO_MANY_STREAMS,
)
BY_ERROR: Final[Mapping[type[SchedulerError], Kind]] = {
    Unauthenticated: UNAUTHENTICATED,
    Forbidden: FORBIDDEN,
    Invalid: INVALID,
    TooLarge: TOO_LARGE,
    NotFound: NO_SUCH_JOB,
    NoSuchToken: NO_SUCH_TOKEN,
    NoSuchPause: NO_SUCH_PAUSE,
    NoSuchSchedule: NO_SUCH_SCHEDULE,
    Conflict: CONFLICT,
    ParentAborted: PARENT_ABORTED,
    UniqueConflict: UNIQUE_TAKEN,
    NoSuchPredecessors: INVALID,
    QuotaExceeded: QUOTA_EXCEEDED,
    StoreRefused: INTERNAL,
    StoreUnavailable: UNAVAILABLE,
    QueueUnavailable: UNAVAILABLE,
}
BY_STATUS: Final[Mapping[int, Kind]] = {
    403: CROSS_SITE,
    404: NO_SUCH_PATH,
    405: WRONG_METHOD,
    408: TOO_SLOW,
    415: NOT_JSON,
    417: UNMET,
    421: MISDIRECTED,
    429: TOO_MANY,
    503: BUSY,
}
"""The kinds for errors of aiohttp: those that it raises itself, and those that `bodies` raises."""
EXPLAINED: Final = frozenset({CROSS_SITE, TOO_SLOW, NOT_JSON, MISDIRECTED, TOO_MANY, BUSY})
"""The kinds that only we raise, so that the error's text is for the user."""

TO_BROWSERS: Final = {"Vary": "Accept"}
"""Headers of the answers to GET /, which is a redirect for a browser and a problem for others."""


def problem(
    kind: Kind, detail: str, *, headers: Mapping[str, str] | None = None, **members: object
) -> web.Response:
    """A problem as a response; `members` are extension members (RFC 9457, section 3.2)."""
    document = {"type": kind.uri, "title": kind.title, "status": kind.status, "detail": detail}
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": str(RETRY_AFTER_S), **(headers or {})}
    if kind.status == HTTPStatus.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer", **(headers or {})}
    return json_response(
        document | members,
        status=kind.status,
        headers=headers,
        content_type="application/problem+json",
    )


@web.middleware
async def answer_problems(request: web.Request, handler: NextHandler) -> web.StreamResponse:
    """Turn every error of the views into a problem (aiohttp requires the name `handler`)."""
    try:
        return await handler(request)
    except ConnectionError:
        raise  # the client has disconnected, and aiohttp knows what to do
    except Exception as error:  # noqa: BLE001 - the outermost middleware: no error may pass
        answer = _problem_for(request, error)
    if not request.content.at_eof():
        answer.force_close()  # the rest of the body will not be read: the client may stop sending
    return answer


def _problem_for(request: web.Request, error: Exception) -> web.Response:
    if request.writer.output_size:
        # The client would take a second response for a part of the first. Because the end of the
        # first is missing, it sees that something failed, and may ask again.
        log.error("answer broken off", exc_info=error, method=request.method, path=request.path)
        raise ConnectionAbortedError("the rest of the answer is missing") from error
    match error:
        case web.HTTPException():
            return of_http_error(request, error)
        case SchedulerError():
            return _from_scheduler(request, error)
        case _:
            return _from_defect(request, error)


def _from_scheduler(request: web.Request, error: SchedulerError) -> web.Response:
    kind = BY_ERROR.get(type(error), INTERNAL)
    if kind is INTERNAL:
        return _from_defect(request, error)
    if isinstance(error, Invalid):
        errors = [flaw._asdict() for flaw in error.flaws]
        return problem(kind, str(error), errors=errors)
    if isinstance(error, QuotaExceeded):
        return _of_quota(error)
    if isinstance(error, UniqueConflict):
        return problem(kind, str(error), job=job_document(error.job))
    return problem(kind, _unavailable(request, error) or str(error))


def _unavailable(request: web.Request, error: SchedulerError) -> str | None:
    """What is said of an outage to whom it does not concern where the store and the queue are."""
    by = request.get(PRINCIPAL)
    if not isinstance(error, Unavailable) or (by is not None and may(by, Right.OPERATE)):
        return None
    return SEE_LOG.format("queue" if isinstance(error, QueueUnavailable) else "store")


def _of_quota(error: QuotaExceeded) -> web.Response:
    """A 429; its members `violated-policies` and headers are those of rate_limit_headers.py."""
    headers = rate_limit_headers(error.violations[:1])
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    violations = [
        {"policy": each.policy, "uid": each.uid, "limit": each.limit, "used": each.used}
        for each in error.violations
    ]
    policies = list(dict.fromkeys(each.policy for each in error.violations))
    members = {"violated-policies": policies, "violations": violations}
    return problem(QUOTA_EXCEEDED, str(error), headers=headers, **members)


def of_http_error(request: web.BaseRequest, error: web.HTTPException) -> web.Response:
    """An error of aiohttp as a problem."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return _of_wrong_method(request, error)
    kind = BY_STATUS.get(error.status) or Kind(f"http-{error.status}", error.status, error.reason)
    if kind is NO_SUCH_PATH:
        return problem(kind, _what_was_meant(request) or kind.title)
    detail = error.text if kind in EXPLAINED and error.text else kind.title
    kept = {name: error.headers[name] for name in ("Retry-After",) if name in error.headers}
    return problem(kind, detail, headers=kept)


def _of_wrong_method(request: web.BaseRequest, error: web.HTTPMethodNotAllowed) -> web.Response:
    allowed = ", ".join(sorted(error.allowed_methods | {"OPTIONS"}))
    if request.method == "OPTIONS":
        return web.Response(status=204, headers={"Allow": allowed})
    detail = f"{request.method[:20]} is not allowed here; allowed are {allowed}"
    headers = {"Allow": allowed}
    if request.path == "/" and request.method in {"GET", "HEAD"}:  # probably a user with a browser
        if _takes_html(request):
            return web.Response(status=302, headers={"Location": f".{DASHBOARD}", **TO_BROWSERS})
        detail += f"; the dashboard is at {_path_prefix(request)}{DASHBOARD}"
        headers |= TO_BROWSERS
    return problem(WRONG_METHOD, detail, headers=headers)


def _takes_html(request: web.BaseRequest) -> bool:
    """Whether the client names HTML as something it takes: browsers do, others rarely."""
    ranges = request.headers.get("Accept", "").lower().split(",")
    return any(each.partition(";")[0].strip() == "text/html" for each in ranges)


def _what_was_meant(request: web.BaseRequest) -> str | None:
    """The hint for a path that begins with a word that is no uid, or is one of the node nearly."""
    prefix = _path_prefix(request)
    word = request.path.split("/")[1] if request.path.startswith("/") else ""
    if word in RESERVED:
        return why_reserved(word, path_prefix=prefix)
    meant = path_meant(request.path, _node_paths(request))
    return f"{NO_SUCH_PATH.title}; did you mean {prefix}{meant}?" if meant else None


def _node_paths(request: web.BaseRequest) -> Collection[str]:
    """The paths below `/-/` that clients ask for; not those that only the dashboard does."""
    if not isinstance(request, web.Request):
        return ()
    paths = (resource.canonical for resource in request.app.router.resources())
    return {
        path
        for path in paths
        if path == DASHBOARD or (path.startswith("/-/") and not path.startswith(DASHBOARD))
        if "{" not in path
    }


def _path_prefix(request: web.BaseRequest) -> str:
    return request.app[PATH_PREFIX] if isinstance(request, web.Request) else ""


def _from_defect(request: web.Request, error: Exception) -> web.Response:
    log.error("request failed", exc_info=error, method=request.method, path=request.path)
    return problem(INTERNAL, "an unexpected error; it is in the node's log")
