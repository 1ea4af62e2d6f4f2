"""A simulation with numpy, whose random generator is made when the file is imported."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from scheduler import JobContext, handler

from .hold import reached

RANDOM = np.random.default_rng()


@handler("pi")
def pi(data: Any, job: JobContext) -> Any:
    """Estimate pi in steps of 100,000 points: {"steps": 10}."""
    inside = 0
    for step in range(data["steps"]):
        points = RANDOM.random((100_000, 2))
        inside += int(((points**2).sum(axis=1) <= 1).sum())
        job.progress(step + 1, data["steps"])
        reached(data.get("hold"))
    return {"near": abs(4 * inside / (data["steps"] * 100_000) - np.pi) < 0.1}


@handler("first_random")
def first_random(data: Any) -> Any:
    """Return a random number, and of which process: {}."""
    return [os.getpid(), float(RANDOM.random())]
