"""Imported once by the fork server, before it forks: what every pool process then has for free.

The handlers, above all: a pool process is forked with them loaded and starts in milliseconds. The
first pool process reports a handlers folder that does not load, and that stops the node at start.
"""

from __future__ import annotations

import gc
import os
import resource
import warnings
from pathlib import Path

from scheduler.core.errors import StartError
from scheduler.processes.child import containment, job_loop
from scheduler.processes.child.loading import load

# The fork server adopts what a crashed pool process leaves behind, so that it can be found and
# ended; it reaps such children too, and would warn about each.
containment.adopt_orphans()
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")

# The node's path was only for finding this package (see `node.preflight`); jobs get back their own.
os.environ["PYTHONPATH"] = os.environ.pop("ATLANSCHEDULER_PYTHONPATH", "")

# As the limit of open files was that somebody set for the node and its jobs.
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (int(os.environ["ATLANSCHEDULER_DESCRIPTORS"]), hard))

try:
    job_loop.LOADED.handlers = load(Path(os.environ["ATLANSCHEDULER_HANDLERS"]))
except StartError as error:
    job_loop.LOADED.fault = str(error)

gc.collect()
gc.freeze()  # so that the collector of a pool process does not touch, and so copy, these pages
