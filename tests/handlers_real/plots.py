"""Plots with matplotlib's pyplot, as in a notebook, into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from scheduler import handler

from .hold import hold


@handler("plot")
def plot(data: Any) -> Any:
    """Plot a sine into a PNG: {"png": path}."""
    x = np.linspace(0, 2 * np.pi, 200)
    plt.figure(figsize=(4, 3))
    plt.plot(x, np.sin(x), label="sin")
    plt.legend()
    hold(data.get("hold"))
    plt.savefig(data["png"])
    plt.close()
    return {"is_png": Path(data["png"]).read_bytes()[:4] == b"\x89PNG", "open": plt.get_fignums()}
