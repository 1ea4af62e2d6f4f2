"""Executors of `concurrent.futures`, made when the file is imported."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from scheduler import handler

from .hold import hold

THREADS = ThreadPoolExecutor(1)
PROCESSES = ProcessPoolExecutor(2)
READY = THREADS.submit(sum, [1, 2]).result()
"""What the thread computed at import: so it is there before any job."""


def square(number: int, path: str | None) -> int:
    """Square a number, in a thread or a process."""
    hold(path)
    return number * number


@handler("squares_in_threads")
def squares_in_threads(data: Any) -> Any:
    """Square numbers in the thread that the file keeps: {"numbers": [1, 2]}."""
    jobs = [THREADS.submit(square, number, data.get("hold")) for number in data["numbers"]]
    return [job.result() for job in jobs]


@handler("squares_in_processes")
def squares_in_processes(data: Any) -> Any:
    """Square numbers in processes that are made for the job: {"numbers": [1, 2]}."""
    with ProcessPoolExecutor(2) as executor:
        jobs = [executor.submit(square, number, data.get("hold")) for number in data["numbers"]]
        return [job.result() for job in jobs]


@handler("squares_in_kept_processes")
def squares_in_kept_processes(data: Any) -> Any:
    """Square numbers in processes of an executor that the file keeps: {"numbers": [1, 2]}."""
    jobs = [PROCESSES.submit(square, number, data.get("hold")) for number in data["numbers"]]
    return [job.result() for job in jobs]
