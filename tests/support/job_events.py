"""Job events whose counts a test can read."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry

from scheduler.core.ports.clock import Clock
from scheduler.telemetry.job_events import JobEvents
from scheduler.telemetry.metrics import Metrics


class Counting(JobEvents):
    """Counts into a registry of its own."""

    def __init__(self, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        super().__init__(Metrics(self.registry), clock=clock)

    def count(self, name: str, **labels: Any) -> float:  # noqa: ANN401 - label values
        """The value of a metric; 0 where it was never set."""
        return self.registry.get_sample_value(f"scheduler_{name}", labels) or 0.0
