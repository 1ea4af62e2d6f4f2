"""The groups of operations in the OpenAPI document, by the module of their views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from scheduler.api.access.gate import View


class Tag(NamedTuple):
    """A group of operations."""

    name: str
    description: str


JOBS: Final = Tag("Jobs", "Submit jobs, list them, and get their results.")
ABORTS: Final = Tag("Aborts", "End jobs with everything that they started, and get a receipt.")
WATCHING: Final = Tag("Watching", "Follow jobs while they run: events and logs.")
TOKENS: Final = Tag("Tokens", "Say who may use the API, and for which users; see who did what.")
PAUSES: Final = Tag("Pauses", "Let no attempt begin of a handler or a user, or on a node.")
SCHEDULES: Final = Tag("Schedules", "Have jobs made at set times, each occurrence once.")
NODE: Final = Tag("Node", "Look at the node: health, handlers, metrics, and pages for browsers.")

TAGS: Final = (JOBS, ABORTS, WATCHING, SCHEDULES, PAUSES, TOKENS, NODE)
BY_MODULE: Final[Mapping[str, Tag]] = {
    "scheduler.api.views.jobs": JOBS,
    "scheduler.api.views.order": JOBS,
    "scheduler.api.views.reruns": JOBS,
    "scheduler.api.views.aborts": ABORTS,
    "scheduler.api.views.events": WATCHING,
    "scheduler.api.views.job_logs": WATCHING,
    "scheduler.api.views.schedules": SCHEDULES,
    "scheduler.api.views.pauses": PAUSES,
    "scheduler.api.views.tokens": TOKENS,
    "scheduler.api.views.sessions": TOKENS,
    "scheduler.api.views.audit": TOKENS,
    "scheduler.api.views.operations": NODE,
    "scheduler.api.dashboard.routes": NODE,
}


def tag_of(view: View) -> Tag:
    """The group of a view."""
    return BY_MODULE[view.__module__]
