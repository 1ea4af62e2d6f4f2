"""What the node counts for Prometheus, beside the HTTP requests (see `scheduler.api.telemetry`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from scheduler.job import Abort

ABORT_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""From a kill at once to the longest usual grace period."""


class Metrics:
    """The node's own metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._aborts = Histogram(
            "scheduler_abort_seconds",
            "From the request of an abort to the verified death, by the last signal needed.",
            ("signal",),
            buckets=ABORT_BUCKETS_S,
            registry=registry,
        )

    def aborted(self, abort: Abort) -> None:
        """Note an abort that came true on this node."""
        if abort.latency_ms is not None and abort.death is not None:
            signal = abort.death.signal or "none"
            self._aborts.labels(signal).observe(abort.latency_ms / 1000)
