"""AtlanScheduler: jobs over HTTP, each in a process of its own that can be stopped at any time.

A handler needs only the names below. To read the scheduler, start with `core/job` (what may
happen), then `core/ports` (what is promised), then `worker/attempt` (how it happens).

Pool processes import this package, so it loads nothing but the standard library.
"""

from scheduler.core.context import JobAborted, JobContext
from scheduler.core.handler import handler
from scheduler.core.limits.declaration import Limit, Throttle
from scheduler.core.retries.declaration import Retry
from scheduler.core.retries.overruling import GiveUp, RetryLater

__all__ = [
    "GiveUp",
    "JobAborted",
    "JobContext",
    "Limit",
    "Retry",
    "RetryLater",
    "Throttle",
    "__version__",
    "handler",
]

__version__ = "0.1.0"
