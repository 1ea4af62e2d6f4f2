"""The figures as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scheduler.core.job import Status
from scheduler.core.statistics import Figures, Quantiles
from scheduler.service.documents import instant

ENDS: Final = (Status.SUCCESSFUL, Status.TERMINATED, Status.ABORTED)


def figures_document(figures: Figures) -> dict[str, Any]:
    """The house at a glance."""
    standing = figures.standing
    oldest = standing.oldest_queued_at
    return {
        "at": instant(figures.at),
        "queued": standing.queued,
        "queued_is_exact": figures.queued_is_exact,
        "oldest_queued_at": None if oldest is None else instant(oldest),
        "running": standing.running,
        "last_minute": _ends(figures.last_minute),
        "waiting": _quantiles(figures.waiting),
        "ran": _quantiles(figures.running),
        "minutes": [{"at": instant(at), **_ends(ended)} for at, ended in figures.minutes],
        "minutes_since": instant(figures.minutes_since),
    }


def _ends(ended: Mapping[Status, int]) -> dict[str, int]:
    return {status.value: ended.get(status, 0) for status in ENDS}


def _quantiles(quantiles: Quantiles | None) -> dict[str, float] | None:
    return None if quantiles is None else {"p50_s": quantiles.p50_s, "p95_s": quantiles.p95_s}
