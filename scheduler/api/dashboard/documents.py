"""The statistics, and who asks, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from scheduler.core.access.principal import Principal, Right, may, may_for_all
from scheduler.core.job import Job, Status
from scheduler.core.statistics import CountSample, Quantiles, Statistics
from scheduler.service.documents import instant
from scheduler.service.lookup import AHEAD_MAX, Around

FINISHED: Final = (Status.SUCCESSFUL, Status.TERMINATED, Status.ABORTED)


def principal_document(principal: Principal) -> dict[str, Any]:
    """Who asks, and what the page may offer."""
    return {
        "name": principal.name,
        "uids": sorted({uid for grant in principal.grants for uid in grant.uids}),
        "uid": principal.only_uid,
        "all": may_for_all(principal, Right.READ),
        "rights": [right.name.lower() for right in Right if may(principal, right)],
        "logged_in": principal.token_id is not None,
    }


def around_document(around: Around) -> dict[str, Any]:
    """What stands around a job; `ahead` is up to `ahead_max` exact."""
    return {
        "ahead": around.ahead,
        "ahead_max": AHEAD_MAX,
        "reruns": around.reruns,
        "before": [_neighbour(job) for job in around.before],
        "behind": [_neighbour(job) for job in around.behind],
        "behind_more": around.behind_more,
    }


def _neighbour(job: Job) -> dict[str, Any]:
    return {"id": job.id, "task": job.task, "status": job.status}


def statistics_document(statistics: Statistics) -> dict[str, Any]:
    """The statistics of the overview page."""
    counts = statistics.counts
    return {
        "at": instant(statistics.at),
        "queued": counts.queued,
        "queued_is_exact": statistics.queued_is_exact,
        "oldest_queued_s": counts.oldest_queued_s,
        "held": dict(counts.held),
        "running": counts.running,
        "last_minute": _by_status(statistics.last_minute),
        "waiting": _quantiles(statistics.waiting),
        "ran": _quantiles(statistics.running),
        "minutes": [{"at": instant(at), **_by_status(ended)} for at, ended in statistics.minutes],
        "minutes_since": instant(statistics.minutes_since),
    }


def samples_document(samples: Iterable[CountSample]) -> list[dict[str, Any]]:
    """How many jobs were queued and ran, at several times."""
    return [{**each._asdict(), "at": instant(each.at)} for each in samples]


def _by_status(ended: Mapping[Status, int]) -> dict[str, int]:
    return {status.value: ended.get(status, 0) for status in FINISHED}


def _quantiles(quantiles: Quantiles | None) -> dict[str, float] | None:
    return None if quantiles is None else {"p50_s": quantiles.p50_s, "p95_s": quantiles.p95_s}
