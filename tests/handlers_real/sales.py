"""Aggregates a CSV with pandas, in pieces."""

from __future__ import annotations

from typing import Any

import pandas as pd
from tqdm import tqdm

from scheduler import JobContext, handler

from .hold import hold


@handler("sales_by_region")
def sales_by_region(data: Any, job: JobContext) -> Any:
    """Add up sales by region: {"csv": path}."""
    sums = []
    with pd.read_csv(data["csv"], chunksize=1000, parse_dates=["day"]) as pieces:
        for number, piece in enumerate(tqdm(pieces, desc="pieces")):
            sums.append(piece.groupby("region")["amount"].sum())
            job.progress(number + 1)
            hold(data.get("hold"))
    total = pd.concat(sums).groupby(level=0).sum()
    return {"rows": len(total), "regions": total.to_dict(), "best": total.idxmax()}
