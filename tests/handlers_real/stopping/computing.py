"""Calls of C code, long ones and many short ones: {"hold": path}."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from scheduler import handler

from ..hold import reached
from .note import noted


@handler("compute_numpy")
def compute_numpy(data: Any) -> None:
    """Compute for minutes in one call."""
    many = np.ones(1_000_000)
    with noted(data["note"]):
        reached(data["hold"])
        np.convolve(many, many)


@handler("compute_hashes")
def compute_hashes(data: Any) -> None:
    """Hash 64 MiB again and again."""
    buffer = bytes(1 << 26)
    with noted(data["note"]):
        reached(data["hold"])
        while True:
            hashlib.sha256(buffer).digest()
