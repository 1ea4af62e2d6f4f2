"""A first handler, to be changed: it writes greetings into a file, one a second.

The node loads each file of this folder when it starts, and anew when it gets SIGHUP. A node that
was started with `--reload` does so on every save.
A module of your own beside this file, `prices.py`, is imported as `from .prices import net`.
"""

import time
from pathlib import Path
from typing import Any

from scheduler import JobContext, handler
from scheduler.paths import writable_below  # paths that stay below files_dir


def letter(job: JobContext) -> Path:
    """The file of a job; its id in the name keeps jobs out of each other's way."""
    return writable_below(f"hello-{job.id}.txt")


def forget(data: Any, job: JobContext) -> None:
    """Undo an aborted job. It may run twice, so a file that is not there is fine."""
    letter(job).unlink(missing_ok=True)


# All options may be left out. A job that takes longer than timeout_s is stopped. A job that is
# stopped has grace_s seconds for its `finally` and `with` blocks, and is killed after that.
@handler("hello", timeout_s=600, grace_s=2, on_abort=forget)
def hello(data: Any, job: JobContext) -> dict[str, int]:
    """Greet somebody: {"name": "Ada", "seconds": 10}."""
    seconds = data.get("seconds", 10)
    with letter(job).open("w") as file:
        for done in range(1, seconds + 1):
            print(f"Hello, {data['name']}!", file=file, flush=True)
            time.sleep(1)
            job.progress(done, seconds, f"greeted {data['name']}")
    print("wrote", letter(job))  # what it prints and logs is the job's log
    return {"greetings": seconds}
