"""AtlanScheduler: jobs over HTTP, each in a process of its own, each stoppable at once.

To write a handler, the three names below are all that is needed. To read the scheduler, start with
`job` (what may happen), then `ports` (what is promised), then `worker.attempt` (how it happens).

Pool processes import this package, so it loads nothing but the standard library.
"""

from scheduler.core.context import JobAborted, JobContext
from scheduler.core.handler import handler

__all__ = ["JobAborted", "JobContext", "__version__", "handler"]

__version__ = "0.1.0"
