"""The node's metrics for Prometheus, except those of HTTP (see `scheduler.api.http_metrics`).

Names and units follow Prometheus' conventions. Labels have few values: `task` is the name of a
handler, never what a user sent. `docs/grafana.json` shows all of it; a test compares the names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

ABORT_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""From an immediate kill to the longest usual grace period."""
JOB_BUCKETS_S: Final = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400)
"""From a job that does nothing to one of hours; few buckets, because each task has its own set."""
BATCH_BUCKETS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
LAG_BUCKETS_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """The node's own metrics, cheap to update.

    A metric with labels is a cached function of the labels' values, which finds each series once.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        histogram, counter, gauge = _makers(registry)
        per_task, per_signal, per_kind = ("task",), ("signal",), ("kind",)
        self.jobs = cache(counter("jobs", "Attempts ended on this node.", "task", "status").labels)
        waiting = "From when a job may run to the start of its first attempt."
        self.waiting = cache(
            histogram("job_waiting_seconds", waiting, per_task, JOB_BUCKETS_S).labels
        )
        running = "From the start of an attempt to its end."
        self.running = cache(
            histogram("job_running_seconds", running, per_task, JOB_BUCKETS_S).labels
        )
        aborts = "From the request of an abort to the verified death, by the last signal needed."
        self.aborts = cache(histogram("abort_seconds", aborts, per_signal, ABORT_BUCKETS_S).labels)
        batches = "Calls that shared one statement of the store."
        self.batches = cache(histogram("batch_calls", batches, per_kind, BATCH_BUCKETS).labels)
        self.lag = histogram(
            "loop_lag_seconds", "How late the event loop wakes sleeping tasks.", (), LAG_BUCKETS_S
        )
        self.hook_calls = cache(
            counter("hook_calls", "Tries of hook calls, by outcome.", "event", "status").labels
        )
        self.cleanup_tries = cache(
            counter("cleanup_tries", "Tries of clean-ups, by outcome.", "task", "outcome").labels
        )
        self.retries = cache(
            counter(
                "retries", "Attempts that failed, and are followed by another one.", "task"
            ).labels
        )
        self.refused = cache(
            counter("submissions_refused", "Requests beyond a quota, by which.", "policy").labels
        )
        self.occurrences = cache(
            counter(
                "schedule_occurrences", "Occurrences, by what became of them.", "outcome"
            ).labels
        )
        self.leases_lost = counter("leases_lost", "How often this node lost its lease.")
        self.released = counter("jobs_released", "Jobs taken back from dead nodes.")
        self.processes = counter("pool_processes_started", "Pool processes started.")
        self.handler_loads = cache(
            counter("handler_loads", "Loads of the handlers after the start.", "outcome").labels
        )
        self._loaded = gauge(
            "handlers_loaded_timestamp_seconds", "When the handlers were loaded, since 1970."
        )
        queued = "Jobs of all nodes that wait for a worker; counted up to ten thousand."
        self.queued = gauge("queued_jobs", queued)
        held = "Queued jobs of all nodes that wait for something else first, up to ten thousand."
        self.held = cache(gauge("held_jobs", held, "reason").labels)
        pauses = "Pauses that last, by what they name: task, uid or node."
        self.pauses = cache(gauge("pauses", pauses, "kind").labels)
        oldest = "How long the oldest of up to ten thousand jobs has waited for a worker."
        self.oldest = gauge("oldest_queued_seconds", oldest)
        self.stalled = gauge("stalled", "1 while every slot runs a job that has queued children.")
        self._workers = gauge("workers", "Jobs that this node can run at a time.")
        self._running = gauge("running_jobs", "Jobs that this node runs now.")

    def of_node(
        self, *, workers: int, running: Callable[[], int], loaded_at: Callable[[], float]
    ) -> None:
        """Set what is read whenever the metrics are scraped."""
        self._workers.set(workers)
        self._running.set_function(running)
        self._loaded.set_function(loaded_at)

    def batch(self, kind: str, calls: int) -> None:
        """Record how many calls shared one statement of the store."""
        self.batches(kind).observe(calls)


def _makers(
    registry: CollectorRegistry,
) -> tuple[Callable[..., Histogram], Callable[..., Counter], Callable[..., Gauge]]:
    """What makes histograms, counters and gauges with the prefix of all our metrics."""

    def histogram(
        name: str, meaning: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(f"scheduler_{name}", meaning, labels, buckets=buckets, registry=registry)

    def counter(name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"scheduler_{name}", meaning, labels, registry=registry)

    def gauge(name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(f"scheduler_{name}", meaning, labels, registry=registry)

    return histogram, counter, gauge
