"""A data loader in the manner of PyTorch's.

index queues ──▶ worker processes ── batch in shared memory ──▶ result queue
                                                                    │
for batch in loader  ◀── queue ── a thread that copies ("pins") ◀───┘
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.shared_memory import SharedMemory
from typing import Any, Protocol

import numpy as np

AHEAD = 2
"""Batches that each worker is asked for in advance."""


LOOK_S = 1.0
"""How often to look whether all workers live while no batch comes."""


class Dataset(Protocol):
    """What a loader reads from, in its workers."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Any: ...


def work(dataset: Dataset, indices: Any, results: Any) -> None:
    """Make batches in a worker process, until told to end by None."""
    while (asked := indices.get()) is not None:
        number, wanted = asked
        batch = np.stack([dataset[index] for index in wanted])
        memory = SharedMemory(create=True, size=batch.nbytes)
        np.ndarray(batch.shape, batch.dtype, memory.buf)[:] = batch
        memory.close()
        results.put((number, memory.name, batch.shape, batch.dtype.str))


class DataLoader:
    """Gives the batches of a dataset in their order."""

    def __init__(self, dataset: Dataset, *, batch_size: int, workers: int) -> None:
        self._batches: list[Sequence[int]] = [
            range(begin, min(begin + batch_size, len(dataset)))
            for begin in range(0, len(dataset), batch_size)
        ]
        context = multiprocessing.get_context()
        self._results = context.Queue()
        self._indices = [context.Queue() for _ in range(workers)]
        self._pinned: queue.Queue[tuple[int, Any]] = queue.Queue()
        self._processes = [
            context.Process(target=work, args=(dataset, indices, self._results), daemon=True)
            for indices in self._indices
        ]
        self._pin_thread = threading.Thread(target=self._pin, daemon=True)

    def __iter__(self) -> Iterator[Any]:
        for process in self._processes:
            process.start()
        self._pin_thread.start()
        try:
            yield from self._in_order()
        finally:
            self._close()

    def _in_order(self) -> Iterator[Any]:
        early: dict[int, Any] = {}
        asked = iter(enumerate(self._batches))
        for _ in range(AHEAD * len(self._processes)):
            self._ask(asked)
        for number in range(len(self._batches)):
            while number not in early:
                early.update([self._next()])
            self._ask(asked)
            yield early.pop(number)

    def _next(self) -> tuple[int, Any]:
        """The next batch to arrive, with its number."""
        while True:
            try:
                return self._pinned.get(timeout=LOOK_S)
            except queue.Empty:
                if any(process.exitcode is not None for process in self._processes):
                    raise RuntimeError("a worker of the data loader died") from None

    def _ask(self, asked: Iterator[tuple[int, Sequence[int]]]) -> None:
        for number, wanted in asked:
            self._indices[number % len(self._indices)].put((number, wanted))
            return

    def _pin(self) -> None:
        """Copy each batch out of the shared memory, in a thread; ends at None."""
        while (result := self._results.get()) is not None:
            number, name, shape, kind = result
            memory = SharedMemory(name)
            batch = np.ndarray(shape, kind, memory.buf).copy()
            memory.close()
            memory.unlink()
            self._pinned.put((number, batch))

    def _close(self) -> None:
        for indices in self._indices:
            indices.put(None)
        for process in self._processes:
            process.join()
        self._results.put(None)
        self._pin_thread.join()
