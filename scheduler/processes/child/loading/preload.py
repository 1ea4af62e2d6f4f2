"""Imported once by the fork server: loads what every pool process needs before it is forked.

The installed packages that the handlers import, where they are safe to share, and the code of the
handler files, compiled but not executed: so a pool process is forked and ready in milliseconds.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import sys
import warnings
from contextlib import suppress
from pathlib import Path

from scheduler.processes.child import containment, job_loop
from scheduler.processes.child.abort_signal import ignore_strangers
from scheduler.processes.child.between_jobs.random_state import watch_random
from scheduler.processes.child.between_jobs.stdio import line_buffered, output_as_errors
from scheduler.processes.child.loading.fork_server_pipe import pass_over_bytes
from scheduler.processes.child.loading.importing import is_loaded
from scheduler.processes.child.loading.installed_packages import imports_of, preload
from scheduler.processes.child.loading.snapshot import Snapshot

# The fork server adopts the processes that a crashed pool process leaves behind, so that they can
# be found and ended. It reaps such children too, and would warn about each.
containment.adopt_orphans()
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")
pass_over_bytes()
ignore_strangers()

# The limit of open files that was set for the node and its jobs, before the node raised it.
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (int(os.environ["ATLANSCHEDULER_DESCRIPTORS"]), hard))

# The umask that the node was started with: its own keeps its files private, and not those of jobs.
if "ATLANSCHEDULER_UMASK" in os.environ:
    os.umask(int(os.environ["ATLANSCHEDULER_UMASK"], 8))

# The node set its path only to find this package (see `node.preflight`). What a job starts gets the
# user's path, and before it the handlers folder.
written = Path(os.environ["ATLANSCHEDULER_HANDLERS"])
users_path = os.environ.pop("ATLANSCHEDULER_PYTHONPATH", "")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(written), users_path)))
sys.path.insert(0, str(written))

watch_random()

# Packages keep references to the streams, and to the level at which they log.
sys.stdout, sys.stderr = line_buffered()
vars(sys).update(__stdout__=sys.stdout, __stderr__=sys.stderr)
logging.root.setLevel(logging.INFO)

snapshot = Snapshot.read(written.parent)
snapshot.install()
# Not all of the folder: it may have programs and packages in it that no handler imports.
loaded = [each for name, each in snapshot.sources.items() if is_loaded(name, snapshot.sources)]
with output_as_errors():  # standard output is for what the node says
    preload(imports_of(loaded))
for source in loaded:
    with suppress(SyntaxError, ValueError):  # the pool process says so, with the line
        source.compiled()

job_loop.LOADED.snapshot = snapshot
gc.collect()
gc.freeze()  # so that the collector in a pool process does not touch, and so copy, these pages
