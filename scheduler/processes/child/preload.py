"""Imported once by the fork server: loads what every pool process needs before it is forked.

Above all the handlers: a pool process is forked with them loaded and starts in milliseconds. If the
handlers folder does not load, the first pool process reports that, and the node does not start.
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

# The fork server adopts the processes that a crashed pool process leaves behind, so that they can
# be found and ended. It reaps such children too, and would warn about each.
containment.adopt_orphans()
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")

# The node set the path only to find this package (see `node.preflight`); jobs get the original one.
os.environ["PYTHONPATH"] = os.environ.pop("ATLANSCHEDULER_PYTHONPATH", "")

# The limit of open files that was set for the node and its jobs, before the node raised it.
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (int(os.environ["ATLANSCHEDULER_DESCRIPTORS"]), hard))

try:
    job_loop.LOADED.handlers = load(Path(os.environ["ATLANSCHEDULER_HANDLERS"]))
except StartError as error:
    job_loop.LOADED.fault = str(error)
else:
    job_loop.LOADED.fault = None

gc.collect()
gc.freeze()  # so that the collector in a pool process does not touch, and so copy, these pages
