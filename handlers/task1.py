"""The example handler: a job that takes as long as its data say."""

from __future__ import annotations

import math
import time
from reprlib import repr as brief

from scheduler import JobContext, handler

SECONDS_MAX = 86_400


@handler("task1", timeout_s=SECONDS_MAX + 60, memory_bytes=4 << 30)
def task1(data: object, job: JobContext) -> dict[str, float]:
    """Wait `n` seconds, saying each second how far it is: {"n": 30}."""
    n = _seconds(data)
    print(f"Waiting for {n:g} seconds")
    started = time.monotonic()
    for second in range(math.ceil(n)):
        job.progress(second, n)
        # Sleep until an instant, not for a second: so the delays of the sleeps do not add up.
        time.sleep(max(0.0, started + min(second + 1, n) - time.monotonic()))
    job.progress(n, n)
    return {"n": n}


def _seconds(data: object) -> float:
    match data:
        case {"n": bool()}:
            pass
        case {"n": int() | float() as n, **rest} if 0 <= n <= SECONDS_MAX and not rest:
            return n
    raise ValueError(
        f'data must be {{"n": seconds}}, seconds from 0 to {SECONDS_MAX}; not {brief(data)}'
    )
