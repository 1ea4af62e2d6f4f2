"""A training loop over batches that worker processes make."""

from __future__ import annotations

from typing import Any

import numpy as np

from scheduler import JobContext, handler

from ..hold import hold
from .loader import DataLoader

WEIGHTS = np.linspace(-1, 1, 16)


class Samples:
    """A dataset that computes its samples; the workers get it with its `hold`."""

    def __init__(self, size: int, held: str | None) -> None:
        self._size = size
        self._held = held

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> Any:
        if index == self._size // 2:
            hold(self._held)
        return np.random.default_rng(index).normal(size=WEIGHTS.size)


@handler("train")
def train(data: Any, job: JobContext) -> Any:
    """Fit weights to samples, in batches of 32: {"samples": 1024}."""
    weights = np.zeros_like(WEIGHTS)
    samples = Samples(data["samples"], data.get("hold"))
    for number, batch in enumerate(DataLoader(samples, batch_size=32, workers=2)):
        error = batch @ weights - batch @ WEIGHTS
        weights -= 0.1 * batch.T @ error / len(batch)
        job.progress(number + 1, message=f"loss {float((error**2).mean()):.3f}")
    return {"close": bool(np.abs(weights - WEIGHTS).max() < 0.3)}
