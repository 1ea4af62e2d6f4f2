"""Threads and processes that work for ever: {"hold": path}."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from scheduler import handler

from ..hold import hold
from .note import noted

SIZE = 1 << 20


def held_sum(array: Any, path: str) -> float:
    """Add up, after a wait."""
    hold(path)
    return float(array.sum())


@handler("pool_with_threads")
def pool_with_threads(data: Any) -> None:
    """Leave a block that waits for its thread."""
    with noted(data["note"]), ThreadPoolExecutor(1) as pool:
        pool.submit(hold, data["hold"]).result()


@handler("pool_of_threads")
def pool_of_threads(data: Any) -> None:
    """Leave a thread running."""
    with noted(data["note"]):
        ThreadPoolExecutor(1).submit(hold, data["hold"]).result()


@handler("pool_with_processes")
def pool_with_processes(data: Any) -> None:
    """Leave a block that waits for its processes."""
    with noted(data["note"]), ProcessPoolExecutor(2) as pool:
        memory = SharedMemory(create=True, size=SIZE)
        list(pool.map(hold, [data["hold"]] * 2))
        memory.unlink()


@handler("pool_of_multiprocessing")
def pool_of_multiprocessing(data: Any) -> None:
    """Leave a block that terminates its processes."""
    with noted(data["note"]), multiprocessing.Pool(2) as pool:
        memory = SharedMemory(create=True, size=SIZE)
        pool.map(hold, [data["hold"]] * 2)
        memory.unlink()


@handler("pool_of_joblib")
def pool_of_joblib(data: Any) -> None:
    """Have processes work on an array, which joblib puts into shared memory."""
    array = np.ones(SIZE)
    with noted(data["note"]):
        Parallel(n_jobs=2)(delayed(held_sum)(array, data["hold"]) for _ in range(2))
