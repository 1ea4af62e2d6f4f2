"""Labels: what a node has, and what a job needs of the node that runs it. Pure.

    [node] labels, only ─▶ Place ─ takes? ─▶ what a job needs ◀─ @handler(needs=…), needs: […]

A node may run a job if it has all labels that the job needs: nothing else is compared, so `zone=eu`
is a label like any other. A node with `only` runs none but jobs that need one of these.

Jobs that need the same labels wait in the same *lane*; those that need none are in the lane ''.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

LABEL_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._=-]{0,62}$"
"""Nothing that separates labels in a lane, keys of the queue, or entries of its lists."""
LABEL_WORDS: Final = "1 to 63 letters, digits and . _ = -, beginning with a letter or digit"
LABELS_MAX: Final = 64
"""Of a node."""
NEEDS_MAX: Final = 8
"""Of a job: so the name of a lane is short."""
LANES_MAX: Final = 64
"""How many lanes may have waiting jobs: a node asks each one that it takes."""
LANES_SEEN_MAX: Final = 4 * LANES_MAX
"""How many are looked at at a time: jobs that were held, and re-runs, may make more than these."""
ANYWHERE: Final = ""
"""The lane of jobs that need no label."""

_LABEL: Final = re.compile(LABEL_PATTERN)


class Place(NamedTuple):
    """What a node runs."""

    labels: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    """It runs only jobs that need one of these; empty: all that it has the labels for."""

    def takes(self, needs: Collection[str]) -> bool:
        """Whether a job with these needs may run here."""
        return set(needs) <= set(self.labels) and (
            not self.only or not set(needs).isdisjoint(self.only)
        )

    def takes_lane(self, lane: str) -> bool:
        """Whether the jobs of a lane may run here."""
        return self.takes(needs_of(lane))


PLAIN: Final = Place()
"""A node without labels."""


def is_label(text: object) -> bool:
    """Whether this may be a label."""
    return isinstance(text, str) and _LABEL.fullmatch(text) is not None


def is_lane(text: str) -> bool:
    """Whether this may be the lane of jobs that need labels."""
    return all(map(is_label, text.split(",")))


def needs(*labels: Iterable[str]) -> tuple[str, ...]:
    """The labels, each once and in order: so what two jobs need is the same text."""
    return tuple(sorted({label for each in labels for label in each}))


def lane_of(needed: Collection[str]) -> str:
    """The lane of jobs that need these labels, which are in order."""
    return ",".join(needed)


def needs_of(lane: str | None) -> tuple[str, ...]:
    """What the jobs of a lane need."""
    return tuple(lane.split(",")) if lane else ()
